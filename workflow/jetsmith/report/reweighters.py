"""What the report shows of reweighters, as plain rows for its template."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from jetsmith.handed.closure import Area, Closure, Gate, Interpolation
from jetsmith.report.tables import Row, Table, whole
from jetsmith.texts import count, minus, point_text

GATES = {
    "separation": ("Separation", "auc"),
    "support": ("Support", "n_effective"),
    "calibration": ("Calibration", "deviation"),
    "spectra": ("Spectra", "worst_chi2_after"),
    "swapped": ("Roles swapped", "auc"),
    "sum": ("Sum of weights", "held_out"),
    "interpolation": ("Values not trained at", "auc"),
    "refined": ("Weights without signs", "gain"),
}
"""Heading of each gate of the closure test, and the value that is shown of it."""
GRADES = {"passed": "good", "not conclusive": "warn", "failed": "bad", "not judged": "plain"}


def closures(entries: Sequence[Closure], classifiers: Table) -> list[Row]:
    """One table a reweighter, a row a gate."""
    return [
        {
            "title": classifiers.get(test.reweighter, {}).get("title", test.reweighter),
            "status": test.status,
            "grade": GRADES[test.status],
            "n_source": count(test.n_source),
            "n_target": count(test.n_target),
            "before": _area(test.auc_before),
            "gates": [
                {
                    "name": GATES[gate.name][0],
                    "status": gate.status,
                    "grade": GRADES[gate.status],
                    "value": _gate_value(gate),
                    "why": gate.why,
                }
                for gate in test.gates
            ],
            "interpolations": [
                row | {"grade": GRADES[row["status"]]} for row in map(_interpolation, test.interpolations)
            ],
        }
        for test in entries
    ]


def _gate_value(gate: Gate) -> Row | str:
    """The number of a gate; an area with its interval, a sum with its error."""
    value = gate.values.get(GATES[gate.name][1])
    if value is None:
        return "–"
    if gate.name == "sum":
        error = gate.values["error"]
        return whole({"value": value, "low": value - error, "high": value + error})
    if "low" in gate.values:
        return whole({"value": value, "low": gate.values["low"], "high": gate.values["high"]})
    return count(value) if value >= 1000 else minus(f"{value:.3g}")


def untested(entries: Sequence[Table], classifiers: Table) -> list[Row]:
    """One row a reweighter and dataset: what is known of weights that nothing was compared with."""
    shown = {"mean_weight": ".4f", "largest_weight": ".3g", "n_effective_fraction": ".0%"}
    rows = []
    for entry in entries:
        spec, found = classifiers[entry["reweighter"]], entry["splits"]["all"]
        row = {name: "–" if found[name] is None else format(found[name], how) for name, how in shown.items()}
        row |= {name: count(found[name]) for name in ("n_events", "n_outside")}
        target = spec["classes"][1]["generator"]
        rows.append(row | {"title": spec["title"], "dataset": entry["dataset"], "target": target})
    return rows


def _interpolation(found: Interpolation) -> Row:
    """At values that it was not trained at: areas, and the feature that agrees worst after weighting."""
    worst = max(found.histograms, key=_after)
    return {
        "values": point_text(found.parameters),
        "status": found.status,
        "n_target": count(found.n_target),
        "before": _area(found.auc_before),
        "after": _area(found.auc_after),
        "feature": worst["feature"],
        "chi2_before": f"{worst['chi2_before'] / worst['n_dof']:.1f}",
        "chi2_after": f"{_after(worst):.1f}",
    }


def _after(found: Mapping[str, Any]) -> float:
    return float(found["chi2_after"] / found["n_dof"])


def _area(found: Area | None) -> Row:
    return whole(None if found is None else asdict(found))
