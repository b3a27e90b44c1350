"""What is said of features: their records, and warnings in the words of whoever has to act on them."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from jetsmith.io import FloatArray
from jetsmith.strict import Record
from jetsmith.texts import label_text, minus, share

NUMBER = "number"  # of constituents of a row, as a feature among those of a sequence
MOSTLY_MISSING = 0.9  # in every class
NOTABLE = 0.01  # share that is missing, and cannot be told from values
TOO_FEW = 100  # rows of a class of which nothing is said
LINEAR = 1 - 1e-9  # correlation from which a feature is a function of another: float32 leaves 1e-13

Kind = Literal["constant", "not_finite", "missing", "ambiguous", "copy", "empty", "absent"]


class Class(Record):
    """One class of a feature, or all rows (no name).

    Shares are of lines, without their weights: rows, or constituents of a sequence. `fractions`, mean and
    deviation are weighted, with sign, and of what is neither missing nor not finite; there are none without
    a positive sum of weights.

    Attributes:
        name: Of the class.
        n: Lines.
        default: Share equal to the default, where that is a code.
        bad: Share that is not finite.
        mean: Weighted.
        deviation: Standard deviation, weighted.
        low: Smallest value.
        high: Largest value.
        fractions: Of the weights, a bin.
        errors: Of these, statistical.
    """

    name: str
    n: int
    default: float
    bad: float
    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None
    fractions: tuple[float, ...]
    errors: tuple[float, ...]


class Feature(Record):
    """One feature.

    Attributes:
        feature: Its name.
        source: Canonical column that it is made of.
        label: TeX.
        default: What stands for missing values; None leaves NaN.
        is_code: Whether the default stands for what is missing and next to nothing else. Where not, it is a
            value like others, and counted as such.
        equal: Share equal to the default in 20,000 lines of each split, whether it is a code or not; files
            may store it, too.
        replaced: By data set, the share of values that the source did not have, as stage features counted
            them, of all rows before they were packed.
        n_distinct: How many values it takes; None for many.
        axis: How the bins are laid out (`describing.Axis`).
        edges: Of the bins.
        width: Of axis asinh.
        all: All rows.
        classes: Each class, then rows of none.
    """

    feature: str
    source: str
    label: str
    default: float | None
    is_code: bool
    equal: float
    replaced: dict[str, float]
    n_distinct: int | None
    axis: Literal["linear", "log", "asinh", "whole"]
    edges: tuple[float, ...]
    width: float
    all: Class
    classes: tuple[Class, ...]


class Warned(Record):
    """Something that whoever trains on a feature should know.

    Attributes:
        kind: What it is.
        feature: Whose.
        where: Label of the class, or the data set; empty for all rows.
        text: What it means, and what can be done.
    """

    kind: Kind
    feature: str
    where: str
    text: str


def copies(names: Sequence[str], correlation: FloatArray) -> dict[str, str]:
    """Features that are a linear function of an earlier one, with the first such one.

    Args:
        names: F features.
        correlation: Shape (F, F).
    """
    same = np.tril(np.abs(correlation) > LINEAR, -1)
    return {names[k]: names[int(np.argmax(same[k]))] for k in np.flatnonzero(same.any(axis=1)).tolist()}


def warnings_of(
    features: Sequence[Feature], linear: Mapping[str, str], labels: Mapping[str, str]
) -> list[Warned]:
    """All warnings, feature by feature.

    Args:
        features: Described.
        linear: What `copies` found.
        labels: TeX label of each class.
    """
    return [
        found
        for feature in features
        for found in (
            *_not_finite(feature),
            *_constant(feature, labels),
            *_missing(feature),
            *_ambiguous(feature),
            *_copy(feature, linear),
        )
    ]


def not_packed(name: str, source: str) -> Warned:
    """What is said of a feature that was not packed."""
    text = (
        f"files of the sample lack its source `{source}`, so that it is in no figure, and no classifier can "
        "read it. Leave it out, or take files that have it"
    )
    return Warned(kind="absent", feature=name, where="", text=text)


def is_constant(found: Class) -> bool:
    """Whether all lines have one value, the default included."""
    if found.bad or not found.n:
        return False
    return found.default == 1 or (found.default == 0 and found.low == found.high)


def _value(feature: Feature, found: Class) -> str:
    value = feature.default if found.default == 1 else found.low
    return minus(f"{value:.6g}")


def _not_finite(feature: Feature) -> list[Warned]:
    if not feature.all.bad:
        return []
    worst = max(feature.classes, key=lambda one: one.bad)
    text = (
        f"{share_text(feature.all.bad)} of the values are NaN (its default is null), {share_text(worst.bad)} "
        f"in {worst.name}. Backend stored counts these as no score; every other one refuses to train. Give "
        "the feature a `default` in config/features, or mend its source"
    )
    return [Warned(kind="not_finite", feature=feature.feature, where="", text=text)]


def _constant(feature: Feature, labels: Mapping[str, str]) -> list[Warned]:
    if not feature.all.n:
        text = "no row has a constituent, so that the sequence carries nothing: look at its source"
        return [Warned(kind="empty", feature=feature.feature, where="", text=text)]
    if is_constant(feature.all):
        because = (
            f"its source `{feature.source}` never has a value, and the default stands for it"
            if feature.all.default == 1
            else f"its source `{feature.source}` says nothing else"
        )
        text = (
            f"is {_value(feature, feature.all)} everywhere: {because}. It carries nothing; leave it out of "
            "`inputs`, or mend the source"
        )
        return [Warned(kind="constant", feature=feature.feature, where="", text=text)]
    return [
        Warned(
            kind="constant",
            feature=feature.feature,
            where=label_text(labels.get(one.name, one.name)),
            text=f"is {_value(feature, one)} in all {one.n:,} of this class and varies in others: a "
            "classifier will know the class by that. Look whether nature does it, or the way the sample was "
            "made",
        )
        for one in feature.classes
        if one.n >= TOO_FEW and is_constant(one)
    ]


def _missing(feature: Feature) -> list[Warned]:
    absent = [name for name, found in feature.replaced.items() if found == 1]
    present = [name for name, found in feature.replaced.items() if found < 1]
    if absent and present:
        text = (
            f"its source `{feature.source}` has no value in this data set, and has some in "
            f"{', '.join(present)}: the feature tells the data sets apart, and with them classes. Leave it "
            "out, or make it for all"
        )
        return [Warned(kind="missing", feature=feature.feature, where=", ".join(absent), text=text)]
    known = [one for one in feature.classes if one.n >= TOO_FEW]
    if known and all(MOSTLY_MISSING < one.default < 1 for one in known):
        text = (
            f"its source `{feature.source}` has no value in {share_text(feature.all.default)}, more than "
            f"{share(MOSTLY_MISSING)} in every class; {minus(f'{feature.default:g}')} stands for it. It can "
            "tell little: look whether the source is filled, or leave it out"
        )
        return [Warned(kind="missing", feature=feature.feature, where="", text=text)]
    return []


def _ambiguous(feature: Feature) -> list[Warned]:
    missing = max(feature.replaced.values(), default=0.0)
    if feature.is_code or feature.default is None or missing < NOTABLE or is_constant(feature.all):
        return []
    worst = max(feature.replaced, key=lambda name: feature.replaced[name])
    text = (
        f"{minus(f'{feature.default:g}')} stands for the {share_text(missing)} whose source "
        f"`{feature.source}` has no value, and is a value of others: what is missing looks like these. Give "
        "it a `default` that no value has"
    )
    return [Warned(kind="ambiguous", feature=feature.feature, where=worst, text=text)]


def _copy(feature: Feature, linear: Mapping[str, str]) -> list[Warned]:
    if feature.feature not in linear:
        return []
    text = (
        f"is `{linear[feature.feature]}` again, or a linear function of it (correlation ±1). It adds "
        "nothing, and shares the importance of the other one: leave one of them out"
    )
    return [Warned(kind="copy", feature=feature.feature, where="", text=text)]


def share_text(fraction: float) -> str:
    """A share in per cent to two digits."""
    return share(float(f"{fraction:.2g}")) if fraction < 0.99 else f"{100 * fraction:.4g}%"
