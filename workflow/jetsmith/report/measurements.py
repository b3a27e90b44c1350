"""What the report shows of scale factors from data, as plain rows for its template."""

from collections.abc import Sequence

from jetsmith.handed.measurement import Bin, Factor, Measurement, Pulls
from jetsmith.report.tables import Row, Table
from jetsmith.texts import count, interval

LARGEST = 3  # sources that are named


def scale_factors(measurements: Sequence[Measurement], classifiers: Table) -> list[Row]:
    """One table a measurement, a row a fit."""
    return [_table(one, classifiers.get(one.judgement, {})) for one in measurements]


def _table(one: Measurement, spec: Table) -> Row:
    has_pulls = any(found.pulls for bins in one.points.values() for found in bins)
    return {
        "title": one.measurement,
        "tagger": spec.get("title", one.judgement),
        "about": _about(one, spec),
        "is_pseudo": one.is_pseudo,
        "has_pulls": has_pulls,
        "has_p": bool(one.variable),
        "left_out": [point for point in one.points if point not in one.complete],
        "agreement": {point: found.p for point, found in one.agreement.items()},
        "fits": [
            found.factor.p
            for bins in one.points.values()
            for found in bins
            if found.factor is not None and found.factor.p is not None
        ],
        "rows": [
            _row(one.measurement, point, f"{one.pt_edges_gev[k]:g} to {one.pt_edges_gev[k + 1]:g}", found)
            for point, bins in one.points.items()
            for k, found in enumerate(bins)
        ],
        "notes": _notes(one, has_pulls),
    }


def _about(one: Measurement, spec: Table) -> str:
    points = f"{one.measured} at points of {spec.get('title', one.judgement)}"
    return f"{points}; {one.how}; {one.data} over {one.simulation}"


def _row(measurement: str, point: str, pt: str, found: Bin) -> Row:
    factor, away = found.factor, found.away
    pulls = found.pulls or Pulls(0, 0, 0.0, 0.0, 0.0)
    return {
        "point": point,
        "pt": pt,
        "why": found.why,
        "factor": factor and interval(factor.value, factor.value - factor.down, factor.value + factor.up),
        "sources": _largest(factor, measurement) if factor is not None else "",
        "n_data": count(found.n_data),
        "purity": f"{found.purity:.0%}".rstrip("%"),
        "p": "–" if factor is None or factor.p is None else f"{factor.p:.2g}",
        "true": "–" if found.true is None else f"{found.true:.3f}",
        "away": "–" if away is None else f"{away:+.1f}",
        "pull_mean": f"{pulls.mean:+.2f}" if pulls.n else "–",
        "pull_width": f"{pulls.width:.2f}" if pulls.n else "–",
        "pull_failed": count(pulls.failed),
    }


def _largest(factor: Factor, measurement: str) -> str:
    """The largest sources; of names that belong to a measurement without it."""
    sources = {"statistics": factor.independent, **factor.sources}
    largest = sorted(sources.items(), key=lambda item: -abs(item[1]))[:LARGEST]
    return ", ".join(
        f"{name.removeprefix(f'{measurement}_').replace('_', ' ')} {abs(shift):.3f}"
        for name, shift in largest
    )


def _notes(one: Measurement, has_pulls: bool) -> list[str]:
    notes = []
    ratios = [b.ratio for bins in one.points.values() for b in bins if b.ratio is not None]
    if ratios:
        notes.append(
            "Counted are jets that pass with turned signs: purity is the share of these that are of class "
            f"{one.measured} in simulation, where jets of that class pass {min(ratios):.2f} to "
            f"{max(ratios):.2f} times as often with their own signs as all jets do with turned ones. Not "
            "among the sources: long-lived light hadrons and secondary interactions."
        )
    if one.is_pseudo:
        found = [f"{point}: chi2/ndf {a.chi2:.1f}/{a.ndf}, p {a.p:.2g}" for point, a in one.agreement.items()]
        notes.append(
            "Data are simulation. The true scale factors are those of the other half of its events; away: "
            "found less true in errors of both. All bins together, with what their errors share: "
            f"{'; '.join(found)}."
        )
    if has_pulls:
        pulls = [b.pulls for bins in one.points.values() for b in bins if b.pulls]
        n, failed = sum(p.n for p in pulls), sum(p.failed for p in pulls)
        held = f"{sum(p.covered * p.n for p in pulls) / n:.1%}" if n else "none"
        notes.append(
            f"Pulls of {count(n)} pseudo-experiments: intervals of 68.3% hold the true value in {held}"
            + (
                f"; {count(failed)} would be no result: no minimum, one without jets where some were seen, "
                "or an efficiency of 0, of 1 or far above."
                if failed
                else "."
            )
        )
    return notes
