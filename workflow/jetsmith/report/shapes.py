"""What the report shows of corrections of a shape, as plain rows for its template."""

from collections.abc import Sequence

from jetsmith.handed.shape import Shape, ShapeRow
from jetsmith.report.tables import Row, Table
from jetsmith.texts import count


def shape_tables(found: Sequence[Shape], classifiers: Table) -> list[Row]:
    """One table a judgement, a row a flavour and bin of |eta| and pt."""
    return [_table(one, classifiers.get(one.judgement, {})) for one in found]


def _table(one: Shape, spec: Table) -> Row:
    rows = [_row(flavour, row) for flavour, of in (("b", one.heavy), ("light", one.light)) for row in of]
    return {
        "title": spec.get("title", one.judgement),
        "judgement": one.judgement,
        "about": f"{' and '.join(one.data)} over {' and '.join(one.simulation)}",
        "is_pseudo": one.is_pseudo,
        "has_pulls": any(row.pulls is not None for row in (*one.heavy, *one.light)),
        "failed": one.failed,
        "n_tested": sum(row.p is not None for row in (*one.heavy, *one.light)),
        "rows": rows,
        "notes": _notes(one),
    }


def _row(flavour: str, row: ShapeRow) -> Row:
    used = [k for k, n in enumerate(row.own) if n > 0]
    values, errors = [row.value[k] for k in used], row.total(("lf", "hf"))
    return {
        "flavour": flavour,
        "pt": f"{row.pt_gev[0]:g} to {row.pt_gev[1]:g}",
        "abseta": f"{row.abseta[0]:g} to {row.abseta[1]:g}",
        "n_data": count(round(sum(row.data))),
        "purity": f"{row.purity:.0%}".rstrip("%"),
        "factors": f"{min(values):.2f} to {max(values):.2f}",
        "error": f"{min(errors[k] for k in used):.3f} to {max(errors[k] for k in used):.3f}",
        "chi2": f"{row.chi2:.1f}/{row.ndf}",
        "p": "–" if row.p is None else f"{row.p:.2g}",
        "pull_mean": f"{row.pulls.mean:+.2f}" if row.pulls is not None and row.pulls.n else "–",
        "pull_width": f"{row.pulls.width:.2f}" if row.pulls is not None and row.pulls.n else "–",
        "covered": f"{row.pulls.covered:.1%}" if row.pulls is not None and row.pulls.n else "–",
    }


def _notes(one: Shape) -> list[str]:
    notes = [f"Scale factors of both regions no longer changed after {count(one.n_iterations)} iterations."]
    if one.is_pseudo:
        before = {name: a.p for name, a in one.unweighted.items()}
        said = [
            f"{name} jets: chi2/ndf {a.chi2:.1f}/{a.ndf}, p {a.p:.2g}, without weights p {before[name]:.2g}"
            for name, a in one.agreements.items()
        ]
        notes.append(
            "Data are simulation. Weighted simulated jets are compared with the true ones of the other half "
            f"of its events, with lf and hf, which move all bins together. All rows: {'; '.join(said)}."
        )
    pulls = [row.pulls for row in (*one.heavy, *one.light) if row.pulls is not None]
    if pulls and pulls[0].failed:
        notes.append(f"{count(pulls[0].failed)} more pseudo-experiments have no result.")
    return notes
