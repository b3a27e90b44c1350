"""Features that differ where they should not: between data sets, samples, and data and simulation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from jetsmith.hashing import SPLITS
from jetsmith.io import FloatArray, IntArray
from jetsmith.metrics.distances import Distance, distance
from jetsmith.packed.arrays import Packed, SequenceGroup, read_splits
from jetsmith.plots import describing
from jetsmith.plots import style as looks
from jetsmith.plots.describing import BATCHES, batches_of
from jetsmith.plots.features import class_of
from jetsmith.plots.features_found import NUMBER
from jetsmith.plots.inputs import digits
from jetsmith.plots.shifts_drawn import draw_shifts
from jetsmith.specs.classifiers import ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import count, label_text

QUANTILES = 32  # of both samples: between them the distance is looked for
SIGNIFICANT = 0.01  # for all comparisons of a figure together
LARGE = 0.05  # distance below which a shift is let be
EVERY = "all"  # rows of all classes


class Compared(Record):
    """One feature of two samples.

    Attributes:
        feature: Its name.
        of_class: Class of the rows; `all` for rows of every class.
        label: Of it, as text.
        color: Of it.
        first: The one sample.
        second: The other.
        distance: Of Kolmogorov and Smirnov.
        error: Of it.
        null: What equal samples of the same sizes are apart on average.
        n_first: Effective events.
        n_second: Likewise.
        p: Probability that equal samples are as far apart.
        p_corrected: The same for the farthest of all comparisons of the figure, after Bonferroni.
        flagged: Whether it is significant and large.
    """

    feature: str
    of_class: str
    label: str
    color: str
    first: str
    second: str
    distance: float
    error: float
    null: float
    n_first: float
    n_second: float
    p: float
    p_corrected: float
    flagged: bool


class ShiftsNumbers(looks.Numbers):
    """All that the figure shows.

    `too_few` counts comparisons without enough events, `absent` names features that were not packed.
    """

    SECTION = "Features"
    WIDE = True

    plot: str = "shifts"
    sample: str
    group: str
    labels: dict[str, str]
    comparisons: tuple[Compared, ...]
    too_few: int
    absent: tuple[str, ...] = ()
    criterion: str = (
        f"distance of Kolmogorov and Smirnov of {LARGE:g} or more, and a p-value of their being equal below "
        f"{SIGNIFICANT:g} after Bonferroni, for all comparisons of the table's group together."
    )

    def heading(self) -> str:
        """Group and sample."""
        return f"Shifts of {self.group} ({self.sample})"

    def caption(self) -> str:
        """What is compared, how many are flagged, and what that means."""
        n = sum(one.flagged for one in self.comparisons)
        few = f" {count(self.too_few)} comparisons have too few events." if self.too_few else ""
        return (
            "Largest difference of the cumulative distributions of a feature, of rows of one class; bars are "
            f"its error (68%). Filled: {count(n)} of {count(len(self.comparisons))}, significant and beyond "
            f"the dashed line; open ones are not.{few} Errors are those of independent events, whose weights "
            "have signs. Kinematics of other processes differ by nature: look first at what should not."
            f"{describing.absent_text(self.absent)}"
        )

    def alternative(self) -> str:
        """How many comparisons, and how many are flagged."""
        n = sum(one.flagged for one in self.comparisons)
        return f"Distances of {len(self.comparisons)} pairs of distributions, {n} of them flagged."


class Side(NamedTuple):
    """One of two samples: its name, and which data sets of which sample it is."""

    name: str
    sample: int
    datasets: tuple[int, ...]


def plot_shifts(
    sample: str,
    group: str,
    features: Mapping[str, Mapping[str, Any]],
    classes: Sequence[ClassSpec],
    data: Sequence[str],
    trained_on: Sequence[str],
    packed: Sequence[str | Path],
    others: Sequence[str | Path],
    style: PlotSpec,
    output: str | Path,
) -> ShiftsNumbers:
    """Compare the features of a group; write `output`.pdf, .png and .json.

    Args:
        sample: Name of the sample.
        group: Name of the feature group.
        features: Label of each feature, in order.
        classes: Within which is compared.
        data: Data sets of the sample that are collisions.
        trained_on: Samples that taggers which are judged on this one are trained on.
        packed: Folders of rows and group of the sample, of all splits.
        others: The same of these samples, one behind the other.
        style: Look of the plots.
        output: Path without suffix.
    """
    folders = dict.fromkeys(Path(path).parents[1] for path in (packed[0], *others))
    samples = [
        read_splits(folder, SPLITS, [group], name)
        for folder, name in zip(folders, (sample, *trained_on), strict=True)
    ]
    found = compute(group, features, classes, samples, data)
    looks.save(draw(found, style), found, output)
    return found


def pairs_of(samples: Sequence[Sequence[Packed]], data: Sequence[str]) -> list[tuple[Side, Side, bool]]:
    """Who is compared: pairs, and whether it is within each class, as it is where truth is known.

    Simulated data sets of the first sample, each with the others; all data with all simulation; the first
    sample with each other one.
    """
    names = samples[0][0].datasets
    measured = tuple(k for k, name in enumerate(names) if name in data)
    simulated = tuple(k for k, name in enumerate(names) if name not in data)
    found = []
    if len(simulated) == 2:
        found.append((*(Side(names[k], 0, (k,)) for k in simulated), True))
    elif len(simulated) > 2:
        for k in simulated:
            rest = tuple(j for j in simulated if j != k)
            found.append((Side(names[k], 0, (k,)), Side("others", 0, rest), True))
    if measured and simulated:
        found.append((Side("data", 0, measured), Side("simulation", 0, simulated), False))
    for index, other in enumerate(samples[1:], 1):
        every = Side(samples[0][0].sample, 0, tuple(range(len(names))))
        elsewhere = Side(other[0].sample, index, tuple(range(len(other[0].datasets))))
        found.append((every, elsewhere, not measured))
    return found  # type: ignore[return-value]  # mypy knows no lengths of unpacked generators


def compute(
    group: str,
    features: Mapping[str, Mapping[str, Any]],
    classes: Sequence[ClassSpec],
    samples: Sequence[Sequence[Packed]],
    data: Sequence[str],
) -> ShiftsNumbers:
    """Compare the sample that comes first, its data sets and with the other ones."""
    names = describing.packed_in(samples, group, list(features))
    sums = [_sums(group, names, classes, parts, _edges(group, names, samples)) for parts in samples]
    shown = [*([NUMBER] if isinstance(samples[0][0].groups[group], SequenceGroup) else []), *names]
    found, too_few = [], 0
    for first, second, by_class in pairs_of(samples, data):
        for index, one in [*enumerate(classes)] if by_class else [(slice(None), None)]:
            for f, name in enumerate(shown):
                apart = distance(*(_of(sums[side.sample], side, index, f) for side in (first, second)))
                if apart is None:
                    too_few += 1
                else:
                    found.append((name, one, first.name, second.name, apart))
    labels = {name: features[name]["label"] or name for name in names} | {NUMBER: f"number of {group}"}
    return ShiftsNumbers(
        sample=samples[0][0].sample,
        group=group,
        labels={name: labels[name] for name in shown},
        comparisons=tuple(_compared(*one, len(found)) for one in found),
        too_few=too_few,
        absent=tuple(name for name in features if name not in names),
        message="" if found else f"{group} of {samples[0][0].sample}: too few events to compare",
    )


def _compared(
    feature: str, of: ClassSpec | None, first: str, second: str, apart: Distance, n_tests: int
) -> Compared:
    corrected = min(1.0, apart.p * n_tests)
    value, error, null, p, n_first, n_second = digits(apart)
    return Compared(
        feature=feature,
        of_class=of.name if of else EVERY,
        label=label_text(of.label) if of else EVERY,
        color=of.color if of else looks.GREY,
        first=first,
        second=second,
        distance=value,
        error=error,
        null=null,
        n_first=n_first,
        n_second=n_second,
        p=p,
        p_corrected=corrected,
        flagged=corrected < SIGNIFICANT and apart.value >= LARGE,
    )


def _of(sums: list[FloatArray], side: Side, classes: int | slice, feature: int) -> FloatArray:
    """Sums of a side, shape (G, B), from those of data sets, classes and batches, shape (D, C, G, B)."""
    found = sums[feature][list(side.datasets)][:, classes]
    return np.asarray(found.sum(axis=tuple(range(found.ndim - 2))))


def _edges(group: str, names: Sequence[str], samples: Sequence[Sequence[Packed]]) -> list[FloatArray]:
    """Edges of bins of each feature: quantiles, and either side of a value that is frequent."""
    seen = np.concatenate([describing.some(parts, group, names) for parts in samples])
    found = []
    for column in seen.T:
        x = np.sort(column[np.isfinite(column)])
        at = x[np.linspace(0, len(x) - 1, QUANTILES).astype(np.intp)] if len(x) else np.zeros(1, np.float32)
        often = at[1:][np.diff(at) == 0]
        found.append(np.unique(np.concatenate([at, np.nextafter(often, np.float32(-np.inf))])))
    return found


def _sums(
    group: str,
    names: Sequence[str],
    classes: Sequence[ClassSpec],
    parts: Sequence[Packed],
    edges: Sequence[FloatArray],
) -> list[FloatArray]:
    """Sums of weights of each feature, shape (D, C + 1, G, B) each; last in C rows of no class.

    Of a sequence the number of constituents comes first. What is not finite is in the last bin.
    """
    cells = len(parts[0].datasets) * (len(classes) + 1) * BATCHES
    shape = len(parts[0].datasets), len(classes) + 1, BATCHES
    found = [np.zeros(cells * (len(edge) + 1)) for edge in edges]
    number = [np.zeros(cells * N_COUNTS)] if isinstance(parts[0].groups[group], SequenceGroup) else []
    for part in parts:
        cell, weight = _cells(classes, part), np.asarray(part.weight)
        if number:
            counts = np.minimum(np.diff(describing.offsets_of(part.groups[group])), N_COUNTS - 1)
            number[0] += np.bincount(cell * N_COUNTS + counts, weight, len(number[0]))
        for values, row in describing.windows(part.groups[group], names):
            of, w = cell[row], weight[row]
            for f, edge in enumerate(edges):
                place = np.searchsorted(edge, values[:, f], side="left")  # a bin ends with its edge
                found[f] += np.bincount(of * (len(edge) + 1) + place, w, len(found[f]))
    return [sums.reshape(*shape, -1) for sums in (*number, *found)]


N_COUNTS = 101  # constituents that are told apart, less one


def _cells(classes: Sequence[ClassSpec], part: Packed) -> IntArray:
    """Data set, class and batch of each row as one number, shape (N,)."""
    batch = batches_of(part.columns)
    dataset = np.asarray(part.columns["dataset"], np.intp)
    return (dataset * (len(classes) + 1) + class_of(classes, part)) * BATCHES + batch


def draw(numbers: ShiftsNumbers, style: PlotSpec) -> Figure:
    """A line a feature, a column a pair."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.heading())
    return draw_shifts(numbers.comparisons, numbers.labels, numbers.heading(), LARGE, style)
