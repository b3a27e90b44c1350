"""Stage account: every planned entry was processed, once, or is declared lost; else the run stops."""

from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np

from jetsmith.columns import EVENT_KEY
from jetsmith.errors import InputError
from jetsmith.handed.account import Account, Lost, PartReport
from jetsmith.handed.plan import Plan
from jetsmith.hashing import hash64
from jetsmith.io import IDENTITY, IntArray, read_identity, read_record, write_record
from jetsmith.skimming.normalisation import normalisation
from jetsmith.skimming.plan import damaged_share, typical_entries
from jetsmith.sources.flat import merge_cutflows

MOST_KEYS = 50_000_000  # entries whose keys are compared at once: about 3 GB


def account_dataset(
    name: str,
    plan: str | Path,
    reports: Sequence[str | Path],
    identities: Sequence[str | Path],
    max_loss_fraction: float,
    output: str | Path,
    cross_section_pb: float | None = None,
    luminosity_ifb: float | None = None,
    allow_duplicates: bool = False,
    generated: str = "runs",
    allow_same_sums: bool = False,
) -> None:
    """Add up the reports of a dataset's partitions and check them against its plan.

    Args:
        name: The dataset.
        plan: JSON file of stage inspect.
        reports: JSON files of stage skim, one a partition.
        identities: Its files with run, luminosity block and event of every entry, one a partition.
        max_loss_fraction: Entries that may be lost, of all that were planned.
        output: JSON file to write: an `Account`.
        cross_section_pb: With it, `event_weight` is what a generator weight is multiplied with:
            cross-section x luminosity / `sum_w` of the normalisation; else, or where that is not a
            number above 0, null.
        luminosity_ifb: Integrated luminosity [1/fb]; 1/pb where None, so that weights add up to [pb].
        allow_duplicates: Count entries that stand there twice, but go on.
        generated: Key of the dataset: where the sum over generated events comes from.
        allow_same_sums: Take skimmed files with the same Runs for files of different generated events.

    Raises:
        InputError: Entries are unaccounted for or stand there twice, too many are lost, no row passed
            the cuts, or the trees Runs contradict the entries, or are those of one file.
    """
    planned = read_record(Plan, plan, dataset=name)
    parts = [read_record(PartReport, path, dataset=name) for path in reports]
    _check_parts(name, planned, parts)
    n_processed = sum(part.n_processed for part in parts)
    lost = _losses(planned, parts)
    fraction = sum(loss.fraction for loss in lost)
    weight_fraction = sum(loss.weight_fraction for loss in lost)
    if fraction > max_loss_fraction * (1 + 1e-9):
        known = damaged_share(planned.files, len(planned.damaged))
        _take_away(plan if known > max_loss_fraction else None, reports, parts)
        raise InputError(_explain_losses(name, lost, fraction, weight_fraction, max_loss_fraction))
    n_duplicates = _check_identities(name, planned, identities, n_processed, allow_duplicates)
    cutflow = merge_cutflows(part.cutflow for part in parts)
    n_rows = sum(part.n_rows for part in parts)
    if n_rows == 0:
        steps = "; ".join(f"{step.cut}: {step.n:,}" for step in cutflow) or "no entries in its files"
        raise InputError(f"dataset {name}: no row passes the cuts ({steps}); loosen `selection` or check it")
    normalised = normalisation(name, planned, parts, generated, allow_same_sums)
    account = Account(
        dataset=name,
        object=planned.object,
        layout=planned.layout,
        columns=planned.columns,
        content=planned.content,
        n_entries=planned.n_entries,
        n_events=n_processed,
        n_lost=sum(loss.n_entries for loss in lost),
        lost=lost,
        loss_fraction=fraction,
        loss_weight_fraction=weight_fraction,
        n_duplicates=n_duplicates,
        normalisation=normalised,
        event_weight=event_weight_of(cross_section_pb, luminosity_ifb, normalised.sum_w),
        n_rows=n_rows,
        rows_by_flavour=_add_counts([part.rows_by_flavour for part in parts]),
        rows_by_part={part.part: part.n_rows for part in parts},
        states={part.part: part.state for part in parts if part.state != "ok"},
        cutflow=cutflow,
    )
    write_record(output, account)


def _check_parts(name: str, planned: Plan, parts: Sequence[PartReport]) -> None:
    """Each partition reported once, and its entries are all processed or declared lost."""
    expected = {part.part: part.n_entries for part in planned.parts}
    known = {record.file for record in planned.files}
    found = [part.part for part in parts]
    if sorted(found) != sorted(expected):
        raise InputError(
            f"dataset {name}: reports of partitions {', '.join(sorted(found))}, "
            f"but the plan has {', '.join(sorted(expected))}; run skim again"
        )
    for part in parts:
        lost = sum(loss.stop - loss.start for loss in part.lost)
        if part.n_processed + lost != expected[part.part]:
            raise InputError(
                f"dataset {name}, partition {part.part}: {expected[part.part]:,} entries planned, but "
                f"{part.n_processed:,} processed and {lost:,} declared lost; run its skim again"
            )
        _check_report(name, part, expected[part.part], known)
    if sum(expected.values()) != planned.n_entries:
        raise InputError(
            f"dataset {name}: its plan covers {sum(expected.values()):,} of {planned.n_entries:,} "
            "entries; remove the inspect file and run again"
        )


def _check_report(name: str, part: PartReport, n_planned: int, known: Set[str]) -> None:
    """What a report says twice is the same: of this dataset, this plan, and in every count."""
    steps = [step.n for step in part.cutflow] or [0]
    named = [*(piece.file for piece in part.files), *(loss.file for loss in part.lost)]
    foreign = [file for file in named if file not in known]
    said = {
        "dataset": (part.dataset, name),
        "files that are not in the plan": (", ".join(foreign) or "none", "none"),
        "planned entries": (part.n_planned, n_planned),
        "entries of its files": (sum(piece.n for piece in part.files), part.n_processed),
        "entries of its cutflow": (steps[0], part.n_processed),
        "rows of its cutflow": (steps[-1], part.n_rows),
        "rows by flavour": (sum(part.rows_by_flavour.values()), part.n_rows),
    }
    for what, (found, right) in said.items():
        if found != right:
            raise InputError(
                f"dataset {name}, report of partition {part.part}: {what}: {found}, and it should be "
                f"{right}; run its skim again"
            )


def _losses(planned: Plan, parts: Sequence[PartReport]) -> tuple[Lost, ...]:
    """What was not read, with its shares of all entries and of all weights.

    A file that could not even be opened is taken to hold as many entries as the others on average.
    The share of the weights is that of the file's tree `Runs`, by size, where every file has one, else
    that of the entries.
    """
    files = {record.file: record for record in planned.files}
    typical = typical_entries(planned.files)
    n_all = planned.n_entries + typical * len(planned.damaged)
    # Signs are left out: sums of a few files with negative weights may cancel.
    sizes = {name: abs(record.runs.sum_w) for name, record in files.items() if record.runs}
    all_sizes = sum(sizes.values())
    is_known = len(sizes) == len(files) and not planned.damaged and all_sizes > 0
    found = []
    for loss in (loss for part in parts for loss in part.lost):
        n = loss.stop - loss.start
        share = n / files[loss.file].entries * sizes[loss.file] / all_sizes if is_known else n / n_all
        found.append(Lost(loss.file, loss.start, loss.stop, loss.reason, loss.attempts, n, n / n_all, share))
    share = typical / n_all if n_all else 0.0
    found += [
        Lost(one.file, 0, None, one.reason, one.attempts, typical, share, share) for one in planned.damaged
    ]
    return tuple(found)


def event_weight_of(
    cross_section_pb: float | None, luminosity_ifb: float | None, sum_w: float | None
) -> float | None:
    """Factor of the generator weights, cross-section times luminosity over their sum; None where unknown.

    Args:
        cross_section_pb: Of the process [pb].
        luminosity_ifb: Integrated luminosity [1/fb]; None for the cross-section alone, in pb.
        sum_w: Sum of the weights of what was generated.
    """
    if cross_section_pb is None or sum_w is None or not sum_w > 0:
        return None
    return cross_section_pb * (1.0 if luminosity_ifb is None else 1000 * luminosity_ifb) / sum_w


def _check_identities(
    name: str, planned: Plan, identities: Sequence[str | Path], n_processed: int, allow: bool
) -> int:
    """Fail where two entries have the same run, luminosity block and event, or count them where allowed.

    Every turn compares the entries of which a hash says that it is theirs, so that memory stays bounded.
    """
    turns, n_compared, n_same = -(-n_processed // MOST_KEYS), 0, 0
    for turn in range(turns):
        pieces = [_of_turn(read_identity(path, dataset=name), turn, turns) for path in identities]
        n_compared += sum(len(piece["event"]) for piece in pieces)
        keys = {key: np.concatenate([piece[key] for piece in pieces]) for key in IDENTITY}
        order = np.lexsort([keys[key] for key in reversed(EVENT_KEY)])
        keys = {key: values[order] for key, values in keys.items()}
        same = np.logical_and.reduce([keys[key][1:] == keys[key][:-1] for key in EVENT_KEY])
        n_same += int(same.sum())
        if n_same and not allow:
            raise InputError(_explain_duplicates(name, planned, keys, np.flatnonzero(same)))
    if n_compared != n_processed:
        raise InputError(
            f"dataset {name}: {n_processed:,} entries were processed, but its identity files hold "
            f"{n_compared:,}; run its skim again"
        )
    return n_same


def _of_turn(keys: dict[str, IntArray], turn: int, turns: int) -> dict[str, IntArray]:
    if turns == 1:
        return keys
    run, block, event = (keys[key] for key in EVENT_KEY)
    mine = hash64(run, block, event, 0, "account") % turns == turn
    return {key: values[mine] for key, values in keys.items()}


def _explain_duplicates(name: str, planned: Plan, keys: dict[str, IntArray], places: IntArray) -> str:
    files = [record.file for record in planned.files]
    pairs = Counter((int(keys["file"][place]), int(keys["file"][place + 1])) for place in places)
    lines = [f"dataset {name}: at least {len(places):,} entries would count twice:"]
    for (one, other), n in pairs.most_common(10):
        where = next(p for p in places if (keys["file"][p], keys["file"][p + 1]) == (one, other))
        event = ":".join(str(keys[key][where]) for key in EVENT_KEY)
        lines.append(f"  {n:,} of {files[one]} and {files[other]}, such as {event} (run:block:event)")
    lines.append(
        "Leave one of the files out. Where different events bear the same numbers, as private productions "
        "make them, set `duplicates: allow` of the dataset."
    )
    return "\n".join(lines)


def _take_away(plan: str | Path | None, reports: Sequence[str | Path], parts: Sequence[PartReport]) -> None:
    """Remove the reports with losses: the next run makes them anew, so that an outage is no lasting loss.

    Also the plan where it leaves out more than is allowed now: less was allowed when it was made.
    """
    for path, part in zip(reports, parts, strict=True):
        if part.lost:
            Path(path).unlink(missing_ok=True)
    if plan is not None:
        Path(plan).unlink(missing_ok=True)


def _explain_losses(
    name: str,
    lost: Sequence[Lost],
    fraction: float,
    weight_fraction: float,
    allowed: float,
) -> str:
    lines = [
        f"dataset {name}: {fraction:.3%} of its entries are lost (about {weight_fraction:.3%} "
        f"of the weights), {allowed:.3%} are allowed (skim.max_loss_fraction):"
    ]
    lines += [
        f"  {loss.file} {_entries(loss)} ({loss.fraction:.3%}, {loss.weight_fraction:.3%} of the "
        f"weights), {loss.attempts} attempts: {loss.reason}"
        for loss in lost
    ]
    lines.append(
        "The next run reads them again. If it says the same: copy them again, leave them out of `files`, or "
        "allow the loss."
    )
    return "\n".join(lines)


def _entries(loss: Lost) -> str:
    if loss.stop is None:
        return f"whole, {loss.n_entries:,} entries if it is like the others"
    return f"entries {loss.start:,} to {loss.stop:,}"


def _add_counts(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for key, n in (item for part in counts for item in part.items()):
        total[key] = total.get(key, 0) + n
    return dict(sorted(total.items(), key=lambda item: int(item[0])))
