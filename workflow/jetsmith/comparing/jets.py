"""Test jets that two runs have scored: the only ones on which their taggers can be compared pair by pair."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith import keys
from jetsmith.columns import KEY
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.scored import ScoredJets, read_split
from jetsmith.specs.classifiers import DiscriminantSpec, JudgedSpec, TruthSpec

DATASET, ETA = "dataset", "jet_eta"
SAME_ETA = 0.05  # jets of one key that are farther apart are two: a calibration moves momenta, not directions
MOST_OTHER = 0.1  # share of such jets above which the keys mean something else, as in another simulation
NOT_READ: dict[str, Any] = dict.fromkeys(("role", "object", "inputs", "backend", "training"))
"""What made the scores is nothing to those who read them."""


@dataclass(frozen=True)
class Common:
    """Jets of the test split of both runs, with a score in both; shape (N,) each.

    Attributes:
        before: Discriminant of the first run.
        after: Of the second.
        label: Truth ids, the same in both.
        weight: Of the first.
        n_before: Test jets with a score in the first run.
        n_after: In the second.
        n_other: Jets of one key in both that are not the same: another truth, or direction.
        why: Why there are none, where there are none.
    """

    before: FloatArray
    after: FloatArray
    label: IntArray
    weight: FloatArray
    n_before: int
    n_after: int
    n_other: int = 0
    why: str = ""

    def __len__(self) -> int:
        return len(self.label)

    def of(self, truth: tuple[int, ...]) -> BoolArray:
        """True for the jets of a class, shape (N,)."""
        return np.isin(self.label, truth)


@dataclass(frozen=True)
class Matched:
    """Jets of a split in both runs: what they have in common, and the rows of that in each, shape (n,)."""

    common: Common
    rows: tuple[IntArray, IntArray]

    def away(self, pulls: Sequence[FloatArray]) -> float:
        """The error of a difference to which jets contribute these, those in common together.

        Args:
            pulls: What each jet of the split moves the number of a run by, shape (N,), one a run.
        """
        (one, other), (first, second) = pulls, self.rows
        together, alone = other.copy(), one.copy()
        together[second] -= one[first]
        alone[first] = 0.0
        return float(np.hypot(np.linalg.norm(together), np.linalg.norm(alone)))


def read_jets(
    path: Path,
    tagger: str,
    sample: str,
    class_names: tuple[str, ...],
    discriminant: DiscriminantSpec,
    split: str = "test",
) -> ScoredJets:
    """Jets of a split, with keys and direction; those of test neither training nor calibration has seen.

    Raises:
        InputError: As `scored.read_split`.
    """
    judged = JudgedSpec.model_construct(
        name=tagger,
        sample=sample,
        classes=tuple(TruthSpec.model_construct(name=name) for name in class_names),
        discriminant=discriminant,
        **NOT_READ,
    )
    return read_split(path, split, judged, [*KEY, DATASET, ETA], sample)


def in_common(before: ScoredJets, after: ScoredJets, datasets: tuple[Sequence[str], Sequence[str]]) -> Common:
    """Jets of both runs, by data set, run, luminosity block, event and place in the event.

    Args:
        before: Jets of the first run.
        after: Of the second.
        datasets: Of the sample in each run, in the order by which its jets number them.
    """
    counts = int(before.chosen.sum()), int(after.chosen.sum())
    codes = {name: code for code, name in enumerate(dict.fromkeys([*datasets[0], *datasets[1]]))}
    try:
        wanted, has = (
            _keys(jets, [codes[name] for name in names])
            for jets, names in zip((before, after), datasets, strict=True)
        )
        place = _place(wanted, has)
    except InputError as error:
        return _none(counts, str(error))
    first = np.flatnonzero((place >= 0) & before.chosen)
    first = first[after.chosen[place[first]]]
    second = place[first]
    moved = np.abs(before.columns[ETA][first] - after.columns[ETA][second]) > SAME_ETA
    is_same = ~moved & (before.label[first] == after.label[second])
    n_other = int((~is_same).sum())
    if n_other > MOST_OTHER * len(first):
        return _none(counts, f"{n_other:,} of {len(first):,} jets of one key have another truth or direction")
    first, second = first[is_same], second[is_same]
    return Common(
        before.discriminant[first].astype(np.float64),
        after.discriminant[second].astype(np.float64),
        before.label[first],
        before.weight[first],
        *counts,
        n_other,
    )


def matched(sides: Sequence[ScoredJets], datasets: tuple[Sequence[str], Sequence[str]]) -> Matched:
    """Jets of a split in both runs, as `in_common`, by their rows."""
    first, second = (replace(jets, discriminant=np.arange(len(jets), dtype=np.float64)) for jets in sides)
    common = in_common(first, second, datasets)
    return Matched(common, (common.before.astype(np.intp), common.after.astype(np.intp)))


def _place(wanted: npt.NDArray[np.int64], has: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Row of `has` with each key of `wanted`, -1 where there is none."""
    repeated = "several jets of one run have the same data set, run, luminosity block, event and place in it"
    return keys.match(wanted, has, (repeated, repeated))


def _keys(jets: ScoredJets, codes: Sequence[int]) -> npt.NDArray[np.int64]:
    columns = [np.asarray(jets.columns[name]).astype(np.uint64).view(np.int64) for name in KEY]
    number = np.asarray(jets.columns[DATASET])
    if len(number) and not 0 <= number.min() <= number.max() < len(codes):
        raise InputError("jets of a data set that the sample does not have")
    return np.stack([np.asarray(codes, np.int64)[number], *columns], axis=1)


def _none(counts: tuple[int, int], why: str) -> Common:
    nothing = np.empty(0)
    return Common(nothing, nothing, nothing.astype(np.int64), nothing, *counts, why=why)
