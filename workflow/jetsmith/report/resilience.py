"""What the report shows of resilience, as plain rows for its template."""

import statistics
from collections.abc import Sequence

from jetsmith.report.tables import Row, Table, whole
from jetsmith.texts import count, label_text, share, shift_text, split_text

COVERED = 0.99  # of the nominal jets: with more than this nothing is said of the rest


def resilience(figures: Sequence[Table]) -> list[Row]:
    """A table a figure: taggers by falling area, a change of each for each of what is other."""
    return [_table(figure) for figure in figures if figure["taggers"]]


def _table(figure: Table) -> Row:
    taggers = sorted(figure["taggers"], key=lambda tagger: -tagger["auc"]["value"])
    return {
        "sample": figure["sample"],
        "folds": split_text(figure["folds"]),
        "signal": label_text(figure["signal"]["label"]),
        "background": label_text(figure["background"]["label"]),
        "shifts": [{"name": name} for name in figure["shifts"]],
        "has_members": any(len(tagger["members"]) > 1 for tagger in taggers),
        "rows": [_row(tagger) for tagger in taggers],
        "notes": _notes(figure["shifts"], taggers[0]["changes"], figure["moving"], figure["features"]),
    }


def _row(tagger: Table) -> Row:
    changes = [
        {"value": whole(one["change"]), "seeds": _spread(one["members"]), "why": one["why"]}
        for one in tagger["changes"]
    ]
    area = {"value": whole(tagger["auc"]), "seeds": _spread(tagger["members"]), "why": ""}
    return {"title": tagger["title"], "tagger": tagger["judgement"], "numbers": [area, *changes]}


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.stdev(values):.2g}" if len(values) > 1 else "–"


def _notes(
    shifts: Sequence[str], changes: Sequence[Table], moving: Table | None, features: Sequence[Table]
) -> list[str]:
    """Of each shift to another sample how many jets there are; jets are the same for all taggers."""
    notes = []
    for name, one in zip(shifts, changes, strict=True):
        if one["effective"] is None:
            continue
        signal, background = (count(n) for n in one["effective"])
        text = f"{name}: {signal} effective jets of the signal and {background} of the background"
        if one["covered"] < COVERED:
            lacking = share(round(1 - one["covered"], 3))
            text += f" ({lacking} of the nominal jets have no counterpart, and are left out)"
        notes.append(f"{text}, weighted to the nominal spectra.")
    notes += [f"{shift_text(shift)}; the same jets before and after." for shift in features]
    if moving is not None:
        notes.append(
            f"Moves: {moving['step']:g} standard deviations of each real-valued input of "
            f"{count(moving['jets'])} jets, {share(moving['largest_share'])} of its size at most."
        )
    return notes
