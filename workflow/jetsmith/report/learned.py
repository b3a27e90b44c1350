"""What the report shows of learned efficiencies, as plain rows for its template."""

from collections.abc import Sequence

from jetsmith.handed.learned import Agreement, Curve, Learned, Tags
from jetsmith.report.reweighters import GRADES
from jetsmith.report.tables import Row, Table
from jetsmith.texts import code_by, count, interval


def learned(entries: Sequence[Learned], classifiers: Table) -> list[Row]:
    """One entry a network: its gates, and a row a curve with the binned efficiencies beside it."""
    return [_entry(one, classifiers.get(one.judgement, {})) for one in entries]


def _entry(one: Learned, spec: Table) -> Row:
    return {
        "name": one.learned,
        "tagger": spec.get("title", one.judgement),
        "sample": one.sample,
        "status": one.status,
        "grade": GRADES[one.status],
        "jets": [
            {
                "name": name,
                "by": code_by(one.by.get(name, "")),
                "learned": count(n),
                "tested": count(one.n_tested[name]),
            }
            for name, n in one.n_learned.items()
        ],
        "lacking": list(one.lacking),
        "negative": one.negative,
        "gates": [
            {"name": gate.name, "status": gate.status, "grade": GRADES[gate.status], "why": gate.why}
            for gate in one.gates
        ],
        "rows": [_row(curve) for curve in one.curves],
        "tags": [_tags(found) for found in one.tags],
        "n_failed": {
            "network": sum(
                curve.network is not None and curve.network.status == "failed" for curve in one.curves
            ),
            "binned": sum(
                curve.binned is not None and curve.binned.status == "failed" for curve in one.curves
            ),
        },
    }


def _row(curve: Curve) -> Row:
    return {
        "class": curve.class_name,
        "point": curve.point,
        "variable": f"{curve.group}.{curve.feature}",
        "is_given": curve.is_given,
        "found": [_agreement(curve.network), _agreement(curve.binned)],
    }


def _tags(found: Tags) -> Row:
    """Shares of events in per cent, by number of tags: counted, by the network, by bins."""

    def around(values: Sequence[float], errors: Sequence[float]) -> list[Row]:
        ends = zip(values, errors, strict=True)
        return [interval(x, x - error, x + error, percent=True) for x, error in ends]

    counted = zip(found.counted, found.counted_low, found.counted_high, strict=True)
    return {
        "point": found.point,
        "n_events": count(found.n_events),
        "counted": [interval(*one, percent=True) for one in counted],
        "network": around(found.network, found.network_error),
        "binned": around(found.binned, found.binned_error),
    }


def _agreement(found: Agreement | None) -> Row:
    if found is None:
        return {"chi2": "–", "p": "–", "off": "–", "error": "–", "status": "too few jets", "grade": "warn"}
    return {
        "chi2": f"{found.chi2:.1f}/{found.n_dof}",
        "p": f"{found.p_value:.2g}",
        "off": f"{100 * found.deviation:.2g}",
        "error": f"{100 * found.error:.2g}",
        "status": found.status,
        "grade": GRADES[found.status],
    }
