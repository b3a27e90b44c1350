"""Stage account: every planned entry was processed or is declared lost, else the run stops."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jetsmith.errors import InputError
from jetsmith.io import read_json, write_json


def account_dataset(
    name: str,
    plan: str | Path,
    reports: Sequence[str | Path],
    max_loss_fraction: float,
    output: str | Path,
) -> None:
    """Add up the reports of a dataset's partitions and check them against its plan.

    Args:
        name: The dataset.
        plan: JSON file of stage inspect.
        reports: JSON files of stage skim, one a partition.
        max_loss_fraction: Entries that may be lost, of all that were planned.
        output: JSON file to write: totals, `sum_w`, `sum_w2`, `mean_weight` (weight of an
            entry before cuts), `sum_w_generated` (trees `Runs`, or null), cutflow, rows by
            flavour and by part.

    Raises:
        InputError: Entries are unaccounted for, too many are lost, or no row passed the cuts.
    """
    planned = read_json(plan)
    parts = [read_json(path) for path in reports]
    _check_parts(name, planned, parts)
    lost = [loss for part in parts for loss in part["lost"]]
    n_planned, n_processed = planned["n_entries"], sum(part["n_processed"] for part in parts)
    n_lost = sum(loss["stop"] - loss["start"] for loss in lost)
    sum_w = sum(part["sum_w"] for part in parts)
    fraction = n_lost / n_planned if n_planned else 0.0
    weight_fraction = _weight_fraction(planned["sum_w_generated"], sum_w, fraction)
    if fraction > max_loss_fraction:
        raise InputError(_explain_losses(name, lost, n_planned, fraction, weight_fraction, max_loss_fraction))
    cutflow = _add_cutflows([part["cutflow"] for part in parts])
    n_rows = sum(part["n_rows"] for part in parts)
    if n_rows == 0:
        steps = "; ".join(f"{line['cut']}: {line['n']:,}" for line in cutflow) or "no entries in its files"
        raise InputError(f"dataset {name}: no row passes the cuts ({steps}); loosen `selection` or check it")
    write_json(
        output,
        {
            "dataset": name,
            "object": planned["object"],
            "layout": planned["layout"],
            "columns": planned["columns"],
            "n_entries": n_planned,
            "n_events": n_processed,
            "n_lost": n_lost,
            "lost": lost,
            "loss_fraction": fraction,
            "loss_weight_fraction": weight_fraction,
            "sum_w": sum_w,
            "sum_w2": sum(part["sum_w2"] for part in parts),
            "sum_w_generated": planned["sum_w_generated"],
            "mean_weight": sum_w / n_processed,
            "n_rows": n_rows,
            "rows_by_flavour": _add_counts([part["rows_by_flavour"] for part in parts]),
            "rows_by_part": {part["part"]: part["n_rows"] for part in parts},
            "states": {part["part"]: part["state"] for part in parts if part["state"] != "ok"},
            "cutflow": cutflow,
        },
    )


def _check_parts(name: str, planned: dict[str, Any], parts: Sequence[dict[str, Any]]) -> None:
    """Each partition reported once, and its entries are all processed or declared lost."""
    expected = {
        part["part"]: sum(r["stop"] - r["start"] for r in part["ranges"]) for part in planned["parts"]
    }
    found = [part["part"] for part in parts]
    if sorted(found) != sorted(expected):
        raise InputError(
            f"dataset {name}: reports of partitions {', '.join(sorted(found))}, "
            f"but the plan has {', '.join(sorted(expected))}; run skim again"
        )
    for part in parts:
        lost = sum(loss["stop"] - loss["start"] for loss in part["lost"])
        if part["n_processed"] + lost != expected[part["part"]]:
            raise InputError(
                f"dataset {name}, partition {part['part']}: {expected[part['part']]:,} entries planned, but "
                f"{part['n_processed']:,} processed and {lost:,} declared lost; run its skim again"
            )
    if sum(expected.values()) != planned["n_entries"]:
        raise InputError(
            f"dataset {name}: its plan covers {sum(expected.values()):,} of {planned['n_entries']:,} "
            "entries; remove the inspect file and run again"
        )


def _weight_fraction(generated: float | None, sum_w: float, fraction: float) -> float:
    """Share of the weights that is lost; the share of the entries where the files do not say.

    The trees `Runs` also count what an earlier skim cut away, so they say nothing without a loss.
    """
    if fraction == 0:
        return 0.0
    if not generated:
        return fraction
    return max(0.0, 1 - sum_w / generated)


def _explain_losses(
    name: str,
    lost: Sequence[dict[str, Any]],
    n_planned: int,
    fraction: float,
    weight_fraction: float,
    allowed: float,
) -> str:
    lines = [
        f"dataset {name}: {fraction:.3%} of {n_planned:,} entries are lost (about {weight_fraction:.3%} "
        f"of the weights), {allowed:.3%} are allowed (skim.max_loss_fraction):"
    ]
    lines += [
        f"  {loss['file']} entries {loss['start']:,} to {loss['stop']:,} "
        f"({(loss['stop'] - loss['start']) / n_planned:.3%}), {loss['attempts']} attempts: {loss['reason']}"
        for loss in lost
    ]
    lines.append("Copy these files again and rerun skim, leave them out of `files`, or allow the loss.")
    return "\n".join(lines)


def _add_cutflows(cutflows: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Add cutflows by the name of the cut, in order."""
    total: dict[str, dict[str, Any]] = {}
    for line in (line for cutflow in cutflows for line in cutflow):
        sums = total.setdefault(line["cut"], {"cut": line["cut"], "n": 0, "sum_w": 0.0, "sum_w2": 0.0})
        for key in ("n", "sum_w", "sum_w2"):
            sums[key] += line[key]
    return list(total.values())


def _add_counts(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for key, n in (item for part in counts for item in part.items()):
        total[key] = total.get(key, 0) + n
    return dict(sorted(total.items(), key=lambda item: int(item[0])))
