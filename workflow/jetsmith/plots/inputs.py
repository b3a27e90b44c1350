"""What several plots read: scored jets, and the working points that calibrate found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import io, scored
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.strict import Record

TEST = SPLITS.index("test")


@dataclass(frozen=True)
class ScoredJets:
    """Rows of a score file that reported numbers may use: the test split.

    Attributes:
        discriminant: Shape (N,); -inf where a jet was not tagged, NaN where it has no score.
        weight: Generator weights, signed, shape (N,).
        label: Truth ids, shape (N,).
        pt_gev: Transverse momentum of the jet, or of the Z for events, shape (N,).
        chosen: False for jets that are left out, as those without a score, shape (N,).
    """

    discriminant: FloatArray
    weight: FloatArray
    label: IntArray
    pt_gev: FloatArray
    chosen: BoolArray

    def of(self, wanted: ClassSpec) -> BoolArray:
        """True for the rows of a class that are not left out, shape (N,)."""
        return np.isin(self.label, wanted.truth) & self.chosen

    def scores(self, wanted: ClassSpec) -> tuple[FloatArray, FloatArray]:
        """Discriminant and weight of the rows of a class."""
        mask = self.of(wanted)
        return self.discriminant[mask], self.weight[mask]

    def share_left_out(self, wanted: ClassSpec) -> float:
        """Share of the jets of a class that are left out; 0 where there are none."""
        of_class = np.isin(self.label, wanted.truth)
        return float((of_class & ~self.chosen).sum() / max(int(of_class.sum()), 1))


def in_common(jets: Sequence[ScoredJets]) -> list[ScoredJets]:
    """The jets of one sample as several taggers scored them, without those that one of them did not.

    Raises:
        InputError: They are not the same jets.
    """
    first = jets[0]
    for other in jets[1:]:
        if not all(
            np.array_equal(getattr(first, name), getattr(other, name)) for name in ("label", "weight")
        ):
            raise InputError(
                "the taggers have scored different jets of one sample; score it again with all of them"
            )
    chosen = np.logical_and.reduce([one.chosen for one in jets])
    return [replace(one, chosen=chosen) for one in jets]


def read_test(path: str | Path, spec: ClassifierSpec, sample: str = "") -> ScoredJets:
    """Read the test split of a score file; with folds that is every row outside calibration.

    Args:
        path: The file.
        spec: The tagger whose scores it has to hold, and its discriminant.
        sample: Of which sample; by default the one that it is trained on.

    Raises:
        InputError: The file is damaged or another tagger's, lacks a column, or a score is not finite.
    """
    pt = "jet_pt_gev" if "jet_pt_gev" in io.column_names(path) else "z_pt_gev"
    table = scored.read_split(path, "test", spec, [pt], sample)
    return ScoredJets(
        table["discriminant"].astype(np.float64),
        table["weight"].astype(np.float64),
        table["label"].astype(np.int64),
        table[pt].astype(np.float64),
        table["scored"],
    )


def evaluated(spec: ClassifierSpec) -> tuple[ClassSpec, ...]:
    """Signal and background classes of a tagger.

    Raises:
        InputError: It has none, as a reweighter.
    """
    if spec.signal_class is None or not spec.background_classes:
        raise InputError(f"{spec.name}: `evaluation` is missing; a tagger needs `signal` and `backgrounds`")
    return (spec.signal_class, *spec.background_classes)


def digits(values: Iterable[float] | FloatArray, n: int = 6) -> tuple[float, ...]:
    """Numbers of `n` significant digits: what is drawn is what the JSON file says."""
    return tuple(float(f"{value:.{n}g}") for value in values)


class Threshold(Record):
    """A working point of a tagger.

    Attributes:
        name: L, M, T, …
        background_efficiency: Efficiency of the first background that it was made for.
        threshold: The discriminant from which a jet passes.
        threshold_low: Lower end of its interval.
        threshold_high: Upper end.
        reliable: False where too few background jets fix it.
    """

    name: str
    background_efficiency: float
    threshold: float
    threshold_low: float
    threshold_high: float
    reliable: bool


def read_thresholds(path: str | Path, spec: ClassifierSpec | None = None) -> tuple[Threshold, ...]:
    """Working points of a numbers file of calibrate, the loosest first.

    Args:
        path: The file.
        spec: The tagger that it has to be of; None for any.

    Raises:
        InputError: The file is damaged or another tagger's, has no `working_points`, or one of them
            lacks a field.
    """
    subject = (
        {} if spec is None else {"judgement": spec.judgement, "tagger": spec.name, "sample": spec.sample}
    )
    content: Mapping[str, Any] = io.read_json(path, **subject)
    try:
        found = [
            Threshold(
                name=name,
                background_efficiency=point["target"],
                threshold=point["threshold"],
                threshold_low=point["threshold_low"],
                threshold_high=point["threshold_high"],
                reliable=point["reliable"],
            )
            for name, point in content["working_points"].items()
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: working_points: not what calibrate writes ({error}); run calibrate again"
        ) from error
    return tuple(sorted(found, key=lambda point: -point.background_efficiency))
