"""What goes into classifiers: features of a group by class, what is missing, and what is wrong with them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import FloatArray, IntArray
from jetsmith.packed.arrays import Packed, SequenceGroup, read_splits
from jetsmith.plots import describing
from jetsmith.plots import style as looks
from jetsmith.plots.features_drawn import draw_features
from jetsmith.plots.features_found import (
    NUMBER,
    Class,
    Feature,
    Warned,
    copies,
    not_packed,
    warnings_of,
)
from jetsmith.plots.histograms import Histograms, binned, histogram, of_errors
from jetsmith.plots.inputs import digits
from jetsmith.specs.classifiers import ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.texts import count, label_text

REST = "other"  # rows of none of the classes
CODE = 0.8  # share of the values equal to the default that are missing ones, from which it says just that


class FeaturesNumbers(looks.Numbers):
    """All that the figure shows, and more: `features` in the order of the group, of each all rows first.

    `copies`: features that are a linear function of an earlier one, with that. `absent`: features that were
    not packed, since files lack their sources.
    """

    SECTION = "Features"
    WIDE = True

    plot: str = "features"
    sample: str
    group: str
    is_sequence: bool
    n_rows: int
    classes: tuple[ClassSpec, ...]
    features: tuple[Feature, ...]
    copies: dict[str, str]
    warnings: tuple[Warned, ...]
    absent: tuple[str, ...] = ()

    def heading(self) -> str:
        """Group and sample."""
        return f"{self.group} ({self.sample})"

    def caption(self) -> str:
        """What a cell shows, and how many warnings there are."""
        what = "constituents" if self.is_sequence else "rows"
        names = ", ".join(label_text(found.label) for found in self.classes)
        said = f"{len(self.warnings)} warnings, listed above" if self.warnings else "no warnings"
        return (
            f"Each feature of {count(self.n_rows)} rows of all splits by class ({names}), weighted, with "
            "sign; each histogram adds up to 1, its end bins hold what lies beyond. Grey strip: share of the "
            f"{what} for which the source has nothing and the default stands, full height being 100%. Where "
            "the default is a value like others, it stays among these, and the share that is missing stands "
            f"above. {said.capitalize()}.{describing.absent_text(self.absent)}"
        )

    def alternative(self) -> str:
        """How many features, of what."""
        return f"Histograms of {len(self.features)} features of {self.heading()} by class."

    def histograms(self) -> Histograms:
        """Each feature of all rows and of each class, as a fraction of the weight of what is present."""
        return {
            f"{feature.feature}/{one.name or 'all'}": histogram(
                [binned(feature.edges, feature.feature, feature.label)], one.fractions, of_errors(one.errors)
            )
            for feature in self.features
            for one in (feature.all, *feature.classes)
            if one.fractions
        }


def plot_features(
    sample: str,
    group: str,
    features: Mapping[str, Mapping[str, Any]],
    classes: Sequence[ClassSpec],
    packed: Sequence[str | Path],
    style: PlotSpec,
    output: str | Path,
    **about: Sequence[str | Path],
) -> FeaturesNumbers:
    """Describe the features of a group; write `output`.pdf, .png and .json.

    Args:
        sample: Name of the sample.
        group: Name of the feature group.
        features: Source, label and default of each feature, in order.
        classes: Which the figure tells apart.
        packed: Folders of rows and group, of all splits.
        style: Look of the plots.
        output: Path without suffix.
        about: By `about_<dataset>`, what stage features wrote of the group of each partition.

    Raises:
        InputError: A file is damaged or of another form.
    """
    parts = read_splits(Path(packed[0]).parents[1], SPLITS, [group], sample)
    replaced = {name.removeprefix("about_"): read_replaced(paths) for name, paths in about.items()}
    found = compute(group, features, classes, parts, replaced)
    looks.save(draw(found, style), found, output)
    return found


class Replaced(NamedTuple):
    """What the default stands for in a data set: all values of a feature, and by its name those missing."""

    n_values: int
    missing: dict[str, int]

    def share(self, name: str) -> float | None:
        """Of a feature; None without values, or without the feature."""
        return self.missing[name] / self.n_values if self.n_values and name in self.missing else None


def read_replaced(paths: Sequence[str | Path]) -> Replaced:
    """What stage features counted in the partitions of a data set.

    Raises:
        InputError: A file is not what stage features writes.
    """
    contents = [io.read_json(path) for path in paths]
    try:
        missing: Counter[str] = Counter()
        for content in contents:
            missing.update(content["replaced"])
        return Replaced(sum(content["n_values"] for content in contents), dict(missing))
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{', '.join(map(str, paths))}: {error!r}; compute the features again") from error


def class_of(classes: Sequence[ClassSpec], part: Packed) -> IntArray:
    """The class of each row by truth id or generator, shape (N,); the number of classes for rows of none."""
    found = part.class_index(classes)
    return np.where(found < 0, len(classes), found).astype(np.intp)


def compute(
    group: str,
    features: Mapping[str, Mapping[str, Any]],
    classes: Sequence[ClassSpec],
    parts: Sequence[Packed],
    replaced: Mapping[str, Replaced],
) -> FeaturesNumbers:
    """Histograms and summaries of each feature by class, and warnings.

    Args:
        group: Name of the group.
        features: Source, label and default of each feature.
        classes: To tell apart.
        parts: The splits.
        replaced: By data set, what the default stands for.
    """
    names = describing.packed_in([parts], group, list(features))
    absent = tuple(name for name in features if name not in names)
    lacking = [not_packed(name, features[name]["source"]) for name in absent]
    n_rows = sum(len(part) for part in parts)
    if not names:
        return FeaturesNumbers(
            sample=parts[0].sample,
            group=group,
            is_sequence=isinstance(parts[0].groups[group], SequenceGroup),
            n_rows=n_rows,
            classes=tuple(classes),
            features=(),
            copies={},
            warnings=tuple(lacking),
            absent=absent,
            message=f"{group} of {parts[0].sample}: files lack the sources of all its features",
        )
    seen = describing.some(parts, group, names)
    defaults = [
        _code(features[name]["default"], column, [of for of in replaced.values() if name in of.missing], name)
        for name, column in zip(names, seen.T, strict=True)
    ]
    kept = [
        column[np.isfinite(column) & (column != default)]
        for column, default in zip(seen.T, defaults, strict=True)
    ]
    axes = [describing.axis_of(column) for column in kept]
    centre = np.array([np.mean(column, dtype=np.float64) if len(column) else 0.0 for column in kept])
    tally = describing.Tally(axes, defaults, centre, len(classes) + 1)
    number = _number(group, parts, len(classes) + 1)
    for part in parts:
        unit = class_of(classes, part)
        for values, row in describing.windows(part.groups[group], names):
            tally.add(values, unit[row], np.asarray(part.weight)[row])
        if number is not None:
            counts = np.diff(describing.offsets_of(part.groups[group]))[:, None].astype(np.float32)
            number[1].add(counts, unit, np.asarray(part.weight))
    shown = [
        _feature(name, features[name], axes[f], tally, f, classes, not np.isnan(defaults[f]),
                 _equal(features[name]["default"], seen[:, f]),
                 {d: digits([x])[0] for d, of in replaced.items() if (x := of.share(name)) is not None})
        for f, name in enumerate(names)
    ]  # fmt: skip
    if number is not None:
        about = {"source": "", "label": f"number of {group}", "default": None}
        shown.insert(0, _feature(NUMBER, about, number[0], number[1], 0, classes, False, 0.0, {}))
    linear = copies(names, describing.correlation(seen))
    warned = [*lacking, *warnings_of(shown, linear, {one.name: one.label for one in classes})]
    return FeaturesNumbers(
        sample=parts[0].sample,
        group=group,
        is_sequence=number is not None,
        n_rows=n_rows,
        classes=tuple(classes),
        features=tuple(shown),
        copies=linear,
        warnings=tuple(warned),
        absent=absent,
        message="" if n_rows else f"{group} of {parts[0].sample} has no rows",
    )


def _code(default: float | None, seen: FloatArray, replaced: Sequence[Replaced], name: str) -> float:
    """The default, where it stands for what is missing and for nearly nothing else; NaN else.

    What stage features counted is compared with how often the default is seen.
    """
    missing, n = sum(of.missing[name] for of in replaced), sum(of.n_values for of in replaced)
    if default is None or not missing:
        return np.nan
    return float(default) if missing / n >= CODE * _equal(default, seen) else np.nan


def _equal(default: float | None, seen: FloatArray) -> float:
    """Share of some values that are equal to the default."""
    return 0.0 if default is None or not len(seen) else float(np.mean(seen == np.float32(default)))


def _number(
    group: str, parts: Sequence[Packed], units: int
) -> tuple[describing.Axis, describing.Tally] | None:
    """Axis and tally of the number of constituents of a row; none for a flat group."""
    if not isinstance(parts[0].groups[group], SequenceGroup):
        return None
    axis = describing.axis_of(
        np.concatenate([np.diff(describing.offsets_of(part.groups[group])) for part in parts])
    )
    return axis, describing.Tally([axis], [np.nan], np.zeros(1), units)


def _feature(
    name: str,
    about: Mapping[str, Any],
    axis: describing.Axis,
    tally: describing.Tally,
    f: int,
    classes: Sequence[ClassSpec],
    is_code: bool,
    equal: float,
    replaced: dict[str, float],
) -> Feature:
    distinct = tally.distinct[f]
    whole = _class("", tally.together(), 0, f, tally.centre, len(axis.edges) - 1)
    by_class = [
        _class(one, tally, unit, f, tally.centre, len(axis.edges) - 1)
        for unit, one in enumerate([*(c.name for c in classes), REST])
    ]
    return Feature(
        feature=name,
        source=about["source"],
        label=about["label"] or name,
        default=about["default"],
        is_code=is_code,
        equal=digits([equal])[0],
        replaced=replaced,
        n_distinct=len(distinct) if distinct is not None else None,
        axis=axis.kind,
        edges=digits(axis.edges, 7),
        width=digits([axis.width])[0],
        all=whole,
        classes=tuple(one for one in by_class if one.n or one.name != REST),
    )


def _class(name: str, tally: describing.Tally, unit: int, f: int, centre: FloatArray, bins: int) -> Class:
    present, default, bad = tally.counts[:, unit, f].tolist()
    n, hist = present + default + bad, tally.hist[unit, f, :bins]
    w, wx, wxx = tally.sums[:, unit, f]
    mean = wx / w if w > 0 else 0.0
    return Class(
        name=name,
        n=n,
        default=digits([default / n])[0] if n else 0.0,
        bad=digits([bad / n])[0] if n else 0.0,
        mean=digits([mean + centre[f]])[0] if w > 0 else None,
        deviation=digits([max(wxx / w - mean**2, 0.0) ** 0.5])[0] if w > 0 else None,
        low=digits([tally.low[unit, f]], 7)[0] if present else None,
        high=digits([tally.high[unit, f]], 7)[0] if present else None,
        fractions=digits(hist / w, 4) if w > 0 else (),
        errors=digits(np.sqrt(tally.squares[unit, f, :bins]) / w, 4) if w > 0 else (),
    )


def draw(numbers: FeaturesNumbers, style: PlotSpec) -> Figure:
    """A cell a feature."""
    right = numbers.heading()
    if numbers.message:
        return looks.message_figure(numbers.message, style, right)
    return draw_features(numbers.features, numbers.classes, right, style)
