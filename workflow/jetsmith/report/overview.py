"""What the page says first: of each thing that can be wrong whether it is, why, and where to look."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jetsmith.handed.closure import REFINED
from jetsmith.report.reweighters import GATES, GRADES
from jetsmith.report.tables import Row
from jetsmith.texts import count

GOOD, LOOK = ("passed", "good"), ("look", "warn")
MAX_NAMED = 4
LEAST_P = 0.001  # below, something is wrong and not chance


def overview(page: Row, accepted: Mapping[str, str]) -> list[Row]:
    """One row a thing: `what`, `status` with its `grade`, `why`, and the `link` to the section that has more.

    Args:
        page: Rows of the page's sections, by their names in the template.
        accepted: Results that stand although they are of other code or parameters, by rule.
    """
    return [
        *([_events(page["accounts"]), _sums(page["accounts"])] if page["accounts"] else []),
        *_points("Working points", "working-points", page["working_points"]),
        *_points("Two-dimensional points", "planes", page["planes"]),
        *map(_scale_factors, page["scale_factors"]),
        *map(_learned, page["learned"]),
        *map(_shape, page["shapes"]),
        *(row for test in page["closures"] for row in _closure(test)),
        *_untested(page["untested"]),
        *map(_comparison, page["comparison"]),
        *_features(page["described"], page["sections"]),
        *_stand_ins(page["stand_ins"]),
        _results(accepted),
    ]


def _row(what: str, verdict: tuple[str, str], why: str, link: str) -> Row:
    return {"what": what, "status": verdict[0], "grade": verdict[1], "why": why, "link": link}


def _events(accounts: Sequence[Row]) -> Row:
    """Whether all entries were read."""
    torn = [
        f"{row['name']} {row['lost']} ({row['lost_share']})" for row in accounts if not row["is_complete"]
    ]
    if torn:
        return _row("Events", LOOK, f"Entries lost, as far as it is allowed: {_named(torn)}.", "accounts")
    read = _named(f"{row['name']} {row['processed']}" for row in accounts)
    why = f"All entries of {count(len(accounts))} data sets were read: {read}."
    return _row("Events", GOOD, why, "accounts")


def _sums(accounts: Sequence[Row]) -> Row:
    """Whether the sums of weights that normalise are those of the files."""
    unknown, assumed = ([row["name"] for row in accounts if row[key]] for key in ("is_unknown", "is_assumed"))
    if unknown:
        why = f"Files do not add up to a sum of all weights: {_named(unknown)}."
        return _row("Normalisation", LOOK, why, "accounts")
    if assumed:
        why = f"That of the events stands in where files have no sum of all weights: {_named(assumed)}."
        return _row("Normalisation", LOOK, why, "accounts")
    return _row("Normalisation", GOOD, "Sums of weights are those that files say of all events.", "accounts")


def _points(what: str, link: str, tables: Sequence[Row]) -> list[Row]:
    """Whether enough jets fix each threshold."""
    if not tables:
        return []
    left_out = [f"{table['title']} {name}" for table in tables for name in table["undefined"]]
    doubtful = [
        f"{table['title']} {row['name']} ({row['doubt']})"
        for table in tables
        for row in (*table["rows"], *table.get("flat", ()))
        if row["doubt"]
    ]
    if not left_out and not doubtful:
        n = sum(len(table["rows"]) + len(table.get("flat", ())) for table in tables)
        return [_row(what, GOOD, f"All {count(n)} are fixed by enough jets.", link)]
    parts = []
    if left_out:
        parts.append(f"Left out, for lack of jets or of a threshold: {_named(left_out)}.")
    if doubtful:
        parts.append(f"Written, but few jets or ties fix them: {_named(doubtful)}.")
    return [_row(what, LOOK, " ".join(parts), link)]


def _scale_factors(table: Row) -> Row:
    """Whether each bin has a result, fits describe their data, and pseudo-data give what is true."""
    what = f"Scale factors: {table['title']}"
    fits = table["fits"]  # none where jets are counted: nothing is left to be tested
    apart = [f"{point} (p {p:.2g})" for point, p in table["agreement"].items() if p < LEAST_P]
    # Of many fits one with a small p is nothing: as many as there are share the level.
    bad = [p for p in fits if p * len(fits) < LEAST_P]
    if apart:
        why = f"Found is not what is true of the pseudo-data: {_named(apart)}."
        return _row(what, ("failed", "bad"), why, "scale-factors")
    if table["left_out"]:
        why = f"Points without a result in each bin are left out: {_named(table['left_out'])}."
        return _row(what, LOOK, why, "scale-factors")
    if bad:
        share = f"{count(len(bad))} of {count(len(fits))}"
        why = f"{share} fits do not describe their data (smallest p {min(bad):.2g})."
        return _row(what, LOOK, why, "scale-factors")
    tested = f", and {count(len(fits))} describe their data" if fits else ""
    true = "; what is true of the pseudo-data was found" if table["agreement"] else ""
    return _row(
        what, GOOD, f"All {count(len(table['rows']))} fits have a result{tested}{true}.", "scale-factors"
    )


def _learned(table: Row) -> Row:
    """The worst gate of learned efficiencies, and why."""
    gates = [gate for gate in table["gates"] if gate["status"] == table["status"]]
    why = f"{_named(gate['name'] for gate in gates)}: {gates[0]['why']}."
    if table["grade"] == "good":
        why = f"All {count(len(gates))} gates of the closure test."
    return _row(f"Learned efficiencies: {table['name']}", (table["status"], table["grade"]), why, "learned")


def _shape(table: Row) -> Row:
    """Whether weighted simulation has the true shapes of pseudo-data."""
    what = f"Shape: {table['title']}"
    if table["failed"]:
        why = f"Found is not what is true of the pseudo-data: {_named(table['failed'])}."
        return _row(what, ("failed", "bad"), why, "shapes")
    true = f"; {count(table['n_tested'])} are what is true of the pseudo-data" if table["is_pseudo"] else ""
    return _row(what, GOOD, f"All {count(len(table['rows']))} rows have scale factors{true}.", "shapes")


def _closure(test: Row) -> Iterator[Row]:
    """The worst gate of a reweighter, and why; that of its refined weights, which are others, by itself."""
    of_refined = GATES[REFINED][0]
    gates = [
        gate for gate in test["gates"] if gate["status"] == test["status"] and gate["name"] != of_refined
    ]
    if test["grade"] == "good":
        why = f"All {count(len(gates))} gates of the closure test."
    else:
        why = f"{_named(gate['name'] for gate in gates)}: {gates[0]['why']}"
    yield _row(f"Weights: {test['title']}", (test["status"], test["grade"]), why, "closure")
    for gate in test["gates"]:
        if gate["name"] == of_refined:
            what = f"{of_refined}: {test['title']}"
            yield _row(what, (gate["status"], GRADES[gate["status"]]), gate["why"], "closure")


def _untested(rows: Sequence[Row]) -> list[Row]:
    names = list(dict.fromkeys(row["title"] for row in rows))
    if not names:
        return []
    why = f"Nothing could be compared with them: {_named(names)}."
    return [_row("Untested weights", LOOK, why, "untested")]


def _comparison(one: Row) -> Row:
    """The gate of a comparison, or without one whether any number differs."""
    gate = f" Rejection may fall by {one['tolerance']} at most." if one["tolerance"] else ""
    first = f" {one['lines'][0]}." if one["lines"] else ""
    why = f"{one['numbers']}.{gate}{first} All of it: {one['place']} of the results folder."
    return _row(f"Compared with {one['against']}", (one["status"], one["grade"]), why, "comparison")


def _features(groups: Sequence[Row], sections: Sequence[Row]) -> list[Row]:
    """What features of the groups are warned of."""
    found = [warning for group in groups for warning in group["warnings"]]
    link = next((section["id"] for section in sections if section["heading"] == "Features"), "results")
    if not groups:
        return []
    if not found:
        n = sum(group["n_features"] for group in groups)
        return [_row("Features", GOOD, f"No warning of any of {count(n)}.", link)]
    kinds = Counter(warning["kind"] for warning in found)
    why = f"Warnings: {_named(f'{kind} {count(n)}' for kind, n in kinds.items())}."
    return [_row("Features", LOOK, why, link)]


def _stand_ins(rows: Sequence[Row]) -> list[Row]:
    if not rows:
        return []
    n = len({column for row in rows for column in row["columns"]})
    how = "cannot be what their names say in files of this run, or one data set stores them and another not"
    why = f"{count(n)} input columns {how}."
    return [_row("Inputs", LOOK, why, "stand-ins")]


def _results(accepted: Mapping[str, Any]) -> Row:
    """Whether all results are of this code and these parameters."""
    if accepted:
        why = f"Somebody let results stand that other code or parameters made: {_named(accepted)}."
        return _row("Results", LOOK, why, "provenance")
    why = "None was let stand that other code or parameters made."
    return _row("Results", GOOD, why, "provenance")


def _named(names: Iterable[str]) -> str:
    """The first few in a row, and how many more."""
    listed = list(names)
    shown, more = listed[:MAX_NAMED], len(listed) - MAX_NAMED
    return ", ".join(shown) + (f" and {count(more)} more" if more > 0 else "")
