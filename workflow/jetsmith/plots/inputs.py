"""What several plots read: scored jets, and the working points that calibrate found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.specs import ClassifierSpec, ClassSpec, Record

TEST = SPLITS.index("test")


@dataclass(frozen=True)
class ScoredJets:
    """Rows of a score file that reported numbers may use: the test split.

    Attributes:
        discriminant: Shape (N,).
        weight: Generator weights, signed, shape (N,).
        label: Truth ids, shape (N,).
        pt_gev: Transverse momentum of the jet, or of the Z for events, shape (N,).
    """

    discriminant: FloatArray
    weight: FloatArray
    label: IntArray
    pt_gev: FloatArray

    def of(self, wanted: ClassSpec) -> BoolArray:
        """True for the rows of a class, shape (N,)."""
        return np.isin(self.label, wanted.truth)

    def scores(self, wanted: ClassSpec) -> tuple[FloatArray, FloatArray]:
        """Discriminant and weight of the rows of a class."""
        mask = self.of(wanted)
        return self.discriminant[mask], self.weight[mask]


def read_test(path: str | Path) -> ScoredJets:
    """Read the test split of a score file; with folds that is every row outside calibration.

    Raises:
        InputError: The file lacks a column, or a score in it is not finite.
    """
    pt = "jet_pt_gev" if "jet_pt_gev" in io.column_names(path) else "z_pt_gev"
    rows = io.read_rows(path, ["split", "label", "weight", "discriminant", pt])
    rows = rows[rows["split"] == TEST]
    score = _numpy(rows["discriminant"], np.float64)
    if not np.isfinite(score).all():
        n_bad = int((~np.isfinite(score)).sum())
        raise InputError(
            f"{path}: discriminant: {n_bad} of {len(score)} test rows are not finite; score them again"
        )
    return ScoredJets(
        score,
        _numpy(rows["weight"], np.float64),
        _numpy(rows["label"], np.int64),
        _numpy(rows[pt], np.float64),
    )


def _numpy(column: ak.Array, kind: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.asarray(ak.to_numpy(column), kind)


def evaluated(spec: ClassifierSpec) -> tuple[ClassSpec, ...]:
    """Signal and background classes of a tagger.

    Raises:
        InputError: It has none, as a reweighter.
    """
    if spec.signal_class is None or not spec.background_classes:
        raise InputError(f"{spec.name}: `evaluation` is missing; a tagger needs `signal` and `backgrounds`")
    return (spec.signal_class, *spec.background_classes)


def split_text(folds: int) -> str:
    """How the jets that are shown were kept apart from the training."""
    return f"{folds}-fold cross-validation, out-of-fold" if folds else "test split"


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
    reliable: bool = True


def read_thresholds(path: str | Path) -> tuple[Threshold, ...]:
    """Working points of a numbers file of calibrate, the loosest first.

    Raises:
        InputError: The file has no `working_points`, or one of them lacks a field.
    """
    content: Mapping[str, Any] = io.read_json(path)
    try:
        found = [
            Threshold(
                name=name,
                background_efficiency=point["target"],
                threshold=point["threshold"],
                threshold_low=point["threshold_low"],
                threshold_high=point["threshold_high"],
                reliable=point.get("reliable", True),
            )
            for name, point in content["working_points"].items()
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: working_points: not what calibrate writes ({error}); run calibrate again"
        ) from error
    return tuple(sorted(found, key=lambda point: -point.background_efficiency))
