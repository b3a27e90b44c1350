"""What several plots read: scored jets, and the working points that calibrate found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import io, metrics
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import FloatArray, IntArray
from jetsmith.scored import ScoredJets, read_split
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.strict import Record
from jetsmith.texts import label_text

TEST = SPLITS.index("test")
LABELS = {
    "jet_pt_gev": r"jet $p_T$ [GeV]",
    "n_pv": "primary vertices",
    "jet_softdrop_mass_gev": "soft-drop mass [GeV]",
}
"""Of columns of rows on axes."""


def read_test(
    path: str | Path, spec: ClassifierSpec, sample: str = "", columns: Sequence[str] = ()
) -> ScoredJets:
    """Read the test split of a score file; with folds that is every row outside calibration.

    Args:
        path: The file.
        spec: The tagger whose scores it has to hold, and its discriminant.
        sample: Of which sample; by default the one that it is trained on.
        columns: More columns than the transverse momentum, of those that the file has.

    Raises:
        InputError: The file is damaged or another tagger's, lacks a column, or a score is not finite.
    """
    there = io.column_names(path)
    pt = "jet_pt_gev" if "jet_pt_gev" in there else "z_pt_gev"
    more = [name for name in columns if name in there and name != pt]
    found = read_split(path, "test", spec, [pt, *more], sample)
    return replace(found, discriminant=found.discriminant.astype(np.float64))


def efficiencies_by_bin(
    jets: ScoredJets, place: IntArray, n_bins: int, threshold: float
) -> list[metrics.Efficiency]:
    """Efficiency of a threshold in each bin, given the bin of each jet, shape (N,)."""
    passed = metrics.passes(jets.discriminant, threshold)
    return [
        metrics.efficiency(passed[place == k], jets.weight[place == k])
        for k in range(n_bins)  # a few bins, not jets
    ]


def known(value: float) -> float | None:
    """A number as files have it; None of NaN, which no JSON takes."""
    return digits([value])[0] if np.isfinite(value) else None


def share_left_out(jets: ScoredJets, wanted: ClassSpec) -> float:
    """Share of the jets of a class that are left out; 0 where there are none."""
    of_class = jets.of_class(wanted)
    return float((of_class & ~jets.chosen).sum() / max(int(of_class.sum()), 1))


def evaluated(spec: ClassifierSpec) -> tuple[ClassSpec, ...]:
    """Signal and background classes of a tagger.

    Raises:
        InputError: It has none, as a reweighter.
    """
    if spec.signal_class is None or not spec.background_classes:
        raise InputError(f"{spec.name}: `evaluation` is missing; a tagger needs `signal` and `backgrounds`")
    return (spec.signal_class, *spec.background_classes)


def lacking_text(labels: Sequence[str]) -> str:
    """What a caption says of classes that have no jets, by their TeX labels; nothing where all have some."""
    return f" No jets of {', '.join(map(label_text, labels))}." if labels else ""


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
        doubt: `few` where too few background jets fix it, `ties` where many share its score, or both.
    """

    name: str
    background_efficiency: float
    threshold: float
    threshold_low: float
    threshold_high: float
    doubt: str = ""


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
                doubt=point["doubt"],
            )
            for name, point in content["working_points"].items()
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: working_points: not what calibrate writes ({error}); run calibrate again"
        ) from error
    return tuple(sorted(found, key=lambda point: -point.background_efficiency))
