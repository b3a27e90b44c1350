"""What generator weights are divided by: the sum over all generated events, also those that a skim left out.

NanoAOD's tree `Runs` keeps number, sum and sum of squares of the generated weights (a row a run, several
after a merge), and a skim leaves it as it was. So what is read can be held against it: a file whose count is
larger than its entries was skimmed before, and sums that no subset of the generated events can have are a
contradiction. Nothing else that jetsmith reads has such sums; what stands in for them is said in `how`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import awkward as ak
import numpy as np

from jetsmith.errors import InputError
from jetsmith.handed.account import NONE, Normalisation, PartReport, Sums
from jetsmith.handed.plan import FileFound, Plan, Runs
from jetsmith.io import FloatArray
from jetsmith.sources.flat import values
from jetsmith.sources.trees import Table, table
from jetsmith.specs.datasets import JETS_ALONE, ReadingSpec, RelativeWeight

AGREE = 1e-5  # of sqrt(n sum w^2): weights are stored as float32, sums of them as float64
CONTRADICT = 1e-3  # the same for what stops a run: a file may hold weights with fewer bits than were summed
SCALE_SUMS, NOMINAL = "LHEScaleSumw", 4  # of nine variations of two scales, both at 1
RUNS = {"n_events": "genEventCount", "sum_w": "genEventSumw", "sum_w2": "genEventSumw2"}
_REMEDY = (
    "Copy it again, leave it out, or set `generated: events` of the dataset where its files hold all events "
    "that were generated"
)
_UNKNOWN_SUM = (
    "so that the sum of the variation over all generated events is not known. Set `generated: events` of the "
    "dataset where its files hold all events that were generated"
)
ABSENT = {
    **{
        layout: f"the jets in the files; {jets.files} hold no sum over generated events"
        for layout, jets in JETS_ALONE.items()
    },
    "lhe": "the events in the files; LHE files hold no other sum",
    "physlite": "the events in the files; PHYSLITE's own sums (CutBookkeepers) are not read",
}


def read_runs(file: Any, spec: ReadingSpec, path: str = "") -> Runs | None:
    """Number, sum and sum of squares of the weights before any skim of a file, from its tree `Runs`.

    Args:
        file: An open ROOT file.
        spec: The dataset.
        path: The file, for messages.

    Returns:
        Sums over all rows; or None where there are no sums of weights, or none that are to be used.

    Raises:
        InputError: It has no sum of the variation that the dataset asks for.
    """
    if spec.is_data or spec.generated == "events" or "Runs" not in file:
        return None
    runs = table(file["Runs"], "Runs")
    for tail in ("", "_"):  # older NanoAOD (v5 to v7) ends its names with an underscore
        names = {key: name + tail for key, name in RUNS.items() if name + tail in runs.branches}
        if "sum_w" in names and runs.n_entries:
            if spec.relative_weight is not None:
                return _varied(path, runs, names, tail, spec.relative_weight)
            found = runs.read(list(names.values()), 0, runs.n_entries)
            sums = {key: float(ak.sum(found[name])) for key, name in names.items()}
            count = int(sums["n_events"]) if "n_events" in sums else None
            return Runs(count, sums["sum_w"], sums.get("sum_w2"))
    return None


def _varied(path: str, runs: Table, names: Mapping[str, str], tail: str, wanted: RelativeWeight) -> Runs:
    """The same of a variation, whose sums are relative to genEventSumw of their row; there are no squares.

    Older CMSSW added relative sums where it merged: times the pieces, as that of the nominal weight tells.
    """
    sums, scale = wanted.branch.replace("Weight", "Sumw") + tail, SCALE_SUMS + tail
    lacking = [name for name in (sums, scale) if name not in runs.branches]
    if lacking:
        raise InputError(f"{path}: weight_variation: its tree Runs has no {lacking[0]}, {_UNKNOWN_SUM}")
    read = {name for key, name in names.items() if key != "sum_w2"} | {sums, scale}
    found = runs.read(sorted(read), 0, runs.n_entries)
    by_row = values(found[names["sum_w"]])
    filled = np.flatnonzero(by_row)  # a row without events has empty lists
    nominal, varied = (_of_rows(found[n], at)[filled] for n, at in ((scale, NOMINAL), (sums, wanted.place)))
    wrong = np.flatnonzero(~(np.abs(nominal - 1) < CONTRADICT))
    if len(wrong):
        raise InputError(
            f"{path}: weight_variation: {scale}[{NOMINAL}] of its tree Runs, that of the nominal weight, is "
            f"{nominal[wrong[0]]:.6g} and not 1, {_UNKNOWN_SUM}"
        )
    if np.isnan(varied).any():
        raise InputError(
            f"{path}: weight_variation: its tree Runs has no {sums}[{wanted.place}], {_UNKNOWN_SUM}"
        )
    count = int(ak.sum(found[names["n_events"]])) if "n_events" in names else None
    return Runs(count, float(np.sum(by_row[filled] * varied)), None)


def _of_rows(lists: ak.Array, place: int) -> FloatArray:
    """The number at a place of each list, NaN where it is shorter."""
    return np.asarray(ak.to_numpy(ak.fill_none(ak.pad_none(lists, place + 1)[:, place], np.nan)), np.float64)


def check_runs(path: str, entries: int, runs: Runs | None) -> None:
    """Fail where a file's tree `Runs` cannot be that of its entries.

    Raises:
        InputError: A sum is not finite, or fewer events were generated than there are.
    """
    if runs is None:
        return
    if not all(
        math.isfinite(value) for value in (runs.n_events, runs.sum_w, runs.sum_w2) if value is not None
    ):
        raise InputError(f"{path}: its tree Runs has a sum of weights that is not finite; leave the file out")
    if runs.n_events is not None and runs.n_events < entries:
        raise InputError(
            f"{path}: its tree Runs counts {runs.n_events:,} generated events, but Events holds "
            f"{entries:,}: one of them is not of this file. {_REMEDY}"
        )


def check_files(name: str, records: Sequence[FileFound], layout: str | None, spec: ReadingSpec) -> None:
    """Fail before anything is read where no sum of weights could share the cross-section out.

    Raises:
        InputError: Names the files, and what would be right.
    """
    if layout in JETS_ALONE:
        raise InputError(
            f"dataset {name}: cross_section_pb is given, but entries of {JETS_ALONE[layout].files} are jets, "
            "and the number of their events is not in the files; remove it and use `normalise: unit`"
        )
    without = [record for record in records if record.runs is None]
    skimmed = [
        (r, n) for r in records if (n := r.runs.n_events if r.runs else None) is not None and n > r.entries
    ]
    if skimmed and without and spec.generated == "runs":
        first, n_events = skimmed[0]
        raise InputError(
            f"dataset {name}: {first.file} was skimmed before (its tree Runs counts "
            f"{n_events:,} generated events, Events holds {first.entries:,}), "
            f"but {without[0].file} has no Runs ({len(skimmed)} and {len(without)} such files): a sum "
            "over Runs of one and Events of the other is the cross-section of neither. Copy the files again "
            "with their trees Runs, leave one kind out, or set `generated: events` of the dataset where the "
            "files hold all events that were generated"
        )


def normalisation(
    name: str,
    planned: Plan,
    reports: Sequence[PartReport],
    generated: str = "runs",
    allow_same_sums: bool = False,
) -> Normalisation:
    """What the weights of a dataset's rows are divided by, and how that was found.

    Args:
        name: The dataset.
        planned: Its plan; of data, and of simulation without weights, its `content` says so.
        reports: Of its partitions; their `files` are what was processed of each file.
        generated: Key of the dataset: `runs`, or `events` where its files hold all generated events.
        allow_same_sums: Add up what skimmed files with the same Runs have, as the dataset says.

    Raises:
        InputError: Sums of Runs and of the entries contradict each other, or two skimmed files have the
            same Runs to the last bit.
    """
    done = _processed(planned, reports)
    sum_w, n = sum(part.sum_w for part in reports), sum(part.n_processed for part in reports)
    found = Normalisation(
        to="",
        how="",
        sum_w=sum_w,
        mean_weight=sum_w / n if n else None,
        sum_w_processed=sum_w,
        n_processed=n,
        sum_w_runs=None,
        n_runs=None,
        sum_w_generated=None,
        factor=None,
    )
    found = _chosen(name, planned, done, found, generated, allow_same_sums)
    return replace(found, factor=found.sum_w / sum_w if found.sum_w is not None and sum_w else None)


def _processed(planned: Plan, reports: Sequence[PartReport]) -> dict[str, Sums]:
    """Entries that were read of each file, and the sums of their weights."""
    done = {record.file: NONE for record in planned.files}
    for piece in (piece for part in reports for piece in part.files):
        done[piece.file] = done[piece.file].plus(piece)
    return done


def _chosen(
    name: str,
    planned: Plan,
    done: Mapping[str, Sums],
    entries: Normalisation,
    generated: str,
    allow_same_sums: bool,
) -> Normalisation:
    """From the sums of the entries, those of Runs where these say more; with the choice in words."""
    has_weights = planned.content.weight is not None
    records = planned.files if has_weights else [_counted(record) for record in planned.files]
    known = [(record, record.runs) for record in records if record.runs is not None]
    if planned.content.simulated is False:
        return replace(entries, to="data", how="collision data: every event counts 1")
    if generated == "events":
        how = "normalised to the events in the files, as the dataset says (generated: events)"
        return replace(entries, to="events", how=how)
    if not known:
        absent = ABSENT.get(planned.layout or "", "the events in the files; Runs is absent")
        return replace(entries, to="events", how=f"normalised to {absent}")
    for record, runs in known:
        _check_sums(name, record, runs, done[record.file])
    skimmed = [record for record, runs in known if _is_skimmed(record, runs, done[record.file])]
    lacking = len(records) - len(known)
    if lacking and not skimmed:
        how = (
            f"normalised to the events in the files; Runs is absent in {lacking} of {len(records)} files and "
            "agrees with Events in the others"
        )
        return replace(entries, to="events", how=how)
    names = {record.file for record in skimmed}
    alike = _alike([record for record in planned.files if record.file in names])  # with all of their sums
    if alike and not allow_same_sums:
        raise InputError(_explain_alike(name, alike))
    found = _with_runs(entries, known, done, bool(skimmed))
    if not skimmed:
        how = "normalised to the generated events of Runs, which are all in the files"
        return replace(found, to="runs", how=how)
    before = f"{len(skimmed)} of {len(records)} files {'was' if len(skimmed) == 1 else 'were'} skimmed before"
    if lacking:
        how = f"{before} and {lacking} have no Runs: the sum of all generated weights is not known"
        return replace(found, to="none", how=how, sum_w=None)
    number = "" if found.n_runs is None else f"{found.n_runs:,} "
    kept = sum(record.entries for record in records)
    how = f"{before}: normalised to the {number}generated events of Runs; the files hold {kept:,}"
    if alike:
        how += f"; {len(alike)} of them have the same Runs as another, as the dataset says (same_sums: allow)"
    return replace(found, to="runs", how=how)


def _counted(record: FileFound) -> FileFound:
    """A file whose events have no weight: every one that was generated counts 1."""
    number = record.runs.n_events if record.runs else None
    runs = None if number is None else Runs(number, float(number), float(number))
    return replace(record, runs=runs)


def _with_runs(
    entries: Normalisation,
    known: Sequence[tuple[FileFound, Runs]],
    done: Mapping[str, Sums],
    is_skimmed: bool,
) -> Normalisation:
    """With sums of Runs, whole and of the share read of each file; they count where one was skimmed."""
    # A file without an entry is read in full: none of the generated events that it stands for is lost.
    shares = [done[r.file].n / r.entries if r.entries else 1.0 for r, _ in known]
    sum_w = sum(s * runs.sum_w for s, (_, runs) in zip(shares, known, strict=True))
    counts = [runs.n_events for _, runs in known if runs.n_events is not None]
    is_counted = len(counts) == len(known)
    found = replace(
        entries,
        sum_w_runs=sum(runs.sum_w for _, runs in known),
        sum_w_generated=sum_w,
        n_runs=sum(counts) if is_counted else None,
    )
    if not is_skimmed:  # the entries' own sum is exact, and where parts are lost it follows event by event
        return found
    number = sum(s * n for s, n in zip(shares, counts, strict=True)) if is_counted else 0
    return replace(found, sum_w=sum_w, mean_weight=sum_w / number if number else entries.mean_weight)


def _is_skimmed(record: FileFound, runs: Runs, done: Sums) -> bool:
    """Whether Runs knows of more than the file holds: by the count, else by the sum of what was read."""
    if runs.n_events is not None:
        return bool(runs.n_events > record.entries)
    share = done.n / record.entries if record.entries else 1.0
    if share < 1:
        return not math.isclose(runs.sum_w * share, done.sum_w, abs_tol=6 * math.sqrt(done.sum_w2))
    return bool(abs(runs.sum_w - done.sum_w) > AGREE * _scale(done))


def _scale(done: Sums) -> float:
    """The largest sum that so many weights with these squares can have."""
    return math.sqrt(done.n * done.sum_w2)


def _alike(skimmed: Sequence[FileFound]) -> list[tuple[FileFound, FileFound]]:
    """Files with the same sums of Runs to the last bit as one before them, which stands first."""
    first: dict[Runs | None, FileFound] = {}
    pairs = ((first.setdefault(record.runs, record), record) for record in skimmed)
    return [(one, other) for one, other in pairs if one is not other]


def _explain_alike(name: str, alike: Sequence[tuple[FileFound, FileFound]]) -> str:
    (one, other), runs = alike[0], alike[0][0].runs
    assert runs is not None
    number = "" if runs.n_events is None else f"{runs.n_events:,} generated events, "
    more = f" ({len(alike):,} such files)" if len(alike) > 1 else ""
    return (
        f"dataset {name}: {one.file} and {other.file} were skimmed before, and their trees Runs are the same "
        f"to the last bit ({number}sum of weights {runs.sum_w:.9g}){more}: of two skims of one file the "
        "generated events would count twice, and each event half. Leave one of them out, or put the events "
        "of both into one file with Runs once; where each has generated events of its own, as jobs of equal "
        "size have whose weights are all the same, set `same_sums: allow` of the dataset"
    )


def _check_sums(name: str, record: FileFound, runs: Runs, done: Sums) -> None:
    """Fail where what was read cannot be a part of what Runs adds up.

    The other n' events have squares q', so that their sum is sqrt(n' q') at most (Cauchy-Schwarz).
    """
    slack = CONTRADICT * _scale(done)
    difference = abs(runs.sum_w - done.sum_w)
    if runs.n_events is None or runs.sum_w2 is None:
        whole = runs.n_events == done.n
        wrong = difference > slack if whole else abs(runs.sum_w) < abs(done.sum_w) - slack
    else:
        squares = runs.sum_w2 - done.sum_w2
        most = math.sqrt(max(runs.n_events - done.n, 0) * max(squares, 0.0))
        wrong = squares < -CONTRADICT * done.sum_w2 or difference > most * (1 + CONTRADICT) + slack
    if wrong:
        count = "" if runs.n_events is None else f"{runs.n_events:,} "
        raise InputError(
            f"dataset {name}: {record.file}: its tree Runs adds up {count}generated events to a "
            f"weight of {runs.sum_w:.6g}{_squares(runs.sum_w2)}, but {done.n:,} of them in "
            f"Events have {done.sum_w:.6g}{_squares(done.sum_w2)}: these are other weights. {_REMEDY}"
        )


def _squares(value: float | None) -> str:
    return "" if value is None else f" (squares {value:.6g})"
