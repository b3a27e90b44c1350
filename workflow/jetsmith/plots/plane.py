"""Where classes lie in the plane of two discriminants, and the corners from which jets pass both cuts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.plots import style as looks
from jetsmith.plots.histograms import Histograms, binned, histogram, of_errors
from jetsmith.plots.inputs import digits, evaluated, lacking_text, read_test
from jetsmith.scored import ScoredJets, in_common
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import count, label_text, split_text

SHARES = (0.9, 0.5)  # of a class within its contours
MIN_BINS, MAX_BINS = 12, 50
SMOOTHED_BINS = 1.0  # width of the Gaussian that contours are drawn of
COLORS = ("#717581", "#3a3a3a", "#000000", "#717581", "#3a3a3a")


class Cloud(Record):
    """Distribution of one class: share of its weight a bin, rows along the second discriminant.

    `error` is statistical. Jets that either did not tag are in no bin. `levels` are the densities at which
    contours hold 90% and 50%.
    """

    name: str
    label: str
    color: str
    n: int
    fraction: tuple[tuple[float, ...], ...]
    error: tuple[tuple[float, ...], ...]
    levels: tuple[float, ...]


class Corner(Record):
    """A working point: a jet passes at or above both thresholds."""

    name: str
    first: float
    second: float


class PlaneNumbers(looks.Numbers):
    """All that the figure shows.

    `lacking`: labels of classes without jets; `untagged`: of those of which both tagged none, or jets whose
    weights do not add up to more than 0.
    """

    SECTION = "Discriminants"

    plot: str = "plane"
    plane: str
    sample: str
    folds: int
    titles: tuple[str, str]
    first_edges: tuple[float, ...]
    second_edges: tuple[float, ...]
    clouds: tuple[Cloud, ...]
    corners: tuple[Corner, ...]
    lacking: tuple[str, ...] = ()
    untagged: tuple[str, ...] = ()

    def heading(self) -> str:
        """Of what."""
        return f"{self.plane}: {self.titles[0]} and {self.titles[1]}"

    def caption(self) -> str:
        """Contours, and lines."""
        jets = ", ".join(f"{label_text(cloud.label)} ({count(cloud.n)})" for cloud in self.clouds)
        points = ", ".join(corner.name for corner in self.corners) or "none"
        untagged = ", ".join(map(label_text, self.untagged))
        none = f" None that both tagged, or none of positive weight: {untagged}." if untagged else ""
        return (
            f"Contours around 90% and 50% of each class, smoothed; jets: {jets}; {split_text(self.folds)}. "
            f"Corners: the working points {points}; a jet passes above and to the right. Jets that one of "
            f"both did not tag are in no contour.{none}{lacking_text(self.lacking)}"
        )

    def alternative(self) -> str:
        """The same, shorter."""
        return f"Contours of {', '.join(cloud.name for cloud in self.clouds)} in two discriminants, and cuts."

    def histograms(self) -> Histograms:
        """Each class, as a fraction of its weight."""
        axes = (
            binned(self.second_edges, "second", self.titles[1]),
            binned(self.first_edges, "first", self.titles[0]),
        )
        return {
            cloud.name: histogram(axes, cloud.fraction, [of_errors(row) for row in cloud.error], cloud.label)
            for cloud in self.clouds
        }


def plot_plane(
    specs: Sequence[ClassifierSpec],
    plane: str,
    scores: Sequence[str | Path],
    numbers: str | Path,
    style: PlotSpec,
    output: str | Path,
) -> PlaneNumbers:
    """Read the test jets of two judgements; write `output`.pdf, .png and .json.

    Args:
        specs: The two.
        plane: Name of the plane.
        scores: Their score files, the same where they are of one tagger.
        numbers: Numbers file of calibrate_plane.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: A file is damaged or another's, or of other jets.
    """
    content = io.read_json(numbers, plane=plane, judgements=[spec.judgement for spec in specs])
    jets = in_common([read_test(path, spec) for path, spec in zip(scores, specs, strict=True)])
    found = compute(specs, plane, jets, _corners(content, numbers))
    looks.save(draw(found, style), found, output)
    return found


def _corners(content: Mapping[str, Any], path: str | Path) -> tuple[Corner, ...]:
    try:
        return tuple(
            Corner(name=name, first=point["thresholds"][0]["value"], second=point["thresholds"][1]["value"])
            for name, point in content["working_points"].items()
        )
    except (KeyError, IndexError, TypeError) as error:
        raise InputError(f"{path}: not what calibrate_plane writes ({error}); run it again") from error


def compute(
    specs: Sequence[ClassifierSpec], plane: str, jets: Sequence[ScoredJets], corners: Sequence[Corner]
) -> PlaneNumbers:
    """Histograms of all classes that judge one of the two; fewer bins where jets are few."""
    classes = list({c.name: c for spec in specs for c in evaluated(spec)}.values())
    both = {c.name: tuple(of.of(c) for of in jets) for c in classes}
    there = [c for c in classes if both[c.name][0].weight.sum() > 0]
    tagged = {c.name: _tagged(*both[c.name]) for c in there}
    known = [c for c in there if len(tagged[c.name][2]) and tagged[c.name][2].sum() > 0]
    edges = [
        _edges([tagged[c.name][k] for c in known], spec.discriminant.form if spec.discriminant else "")
        for k, spec in enumerate(specs)
    ]
    of_both = ", or none that both tagged" if there else ""
    folds = split_text(specs[0].folds)
    return PlaneNumbers(
        title=plane,
        plane=plane,
        sample=specs[0].sample,
        folds=specs[0].folds,
        titles=(_title(specs[0]), _title(specs[1])),
        first_edges=digits(edges[0]),
        second_edges=digits(edges[1]),
        clouds=tuple(_cloud(c, tagged[c.name], edges) for c in known),
        corners=tuple(corners),
        lacking=tuple(c.label for c in classes if c not in there),
        untagged=tuple(c.label for c in there if c not in known),
        message="" if known else f"No jets of the classes that are evaluated{of_both} ({folds})",
    )


def _title(spec: ClassifierSpec) -> str:
    """Tagger and discriminant; a title that names it already has it once."""
    name = spec.discriminant.name if spec.discriminant else ""
    return spec.title if name in spec.title else f"{spec.title} {name}"


def _tagged(first: ScoredJets, second: ScoredJets) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Both scores and the weight of jets that both tagged."""
    kept = (first.discriminant > -np.inf) & (second.discriminant > -np.inf)
    return first.discriminant[kept], second.discriminant[kept], first.weight[kept]


def _edges(scores: Sequence[FloatArray], form: str) -> FloatArray:
    if not scores:
        return np.array([0.0, 1.0])
    n = int(np.clip(np.sqrt(min(map(len, scores))) / 2, MIN_BINS, MAX_BINS))
    if form == "ratio" and min(map(np.min, scores)) >= 0 and max(map(np.max, scores)) <= 1:
        return np.linspace(0, 1, n + 1)
    low = min(float(np.quantile(s, 0.005)) for s in scores)
    high = max(float(np.quantile(s, 0.995)) for s in scores)
    return np.linspace(low, high if high > low else low + 1, n + 1)


def _cloud(
    wanted: ClassSpec, jets: tuple[FloatArray, FloatArray, FloatArray], edges: Sequence[FloatArray]
) -> Cloud:
    first, second = (np.clip(jets[k], edges[k][0], edges[k][-1]) for k in range(2))
    sums, squares = (
        np.histogram2d(second, first, (edges[1], edges[0]), weights=weight)[0]
        for weight in (jets[2], jets[2] ** 2)
    )
    fraction = sums / jets[2].sum()
    return Cloud(
        name=wanted.name,
        label=wanted.label,
        color=wanted.color,
        n=len(jets[2]),
        fraction=tuple(digits(row) for row in fraction),
        error=tuple(digits(row) for row in np.sqrt(squares) / jets[2].sum()),
        levels=_levels(_smoothed(fraction)),
    )


def _smoothed(fraction: FloatArray) -> FloatArray:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(np.maximum(fraction, 0), SMOOTHED_BINS, mode="nearest"))


def _levels(density: FloatArray) -> tuple[float, ...]:
    """Densities above which the shares lie, rising."""
    falling = np.sort(density.ravel())[::-1]
    above = np.cumsum(falling) / falling.sum()
    places = np.minimum(np.searchsorted(above, SHARES), len(falling) - 1)
    return digits(np.unique(falling[places]))


def draw(numbers: PlaneNumbers, style: PlotSpec) -> Figure:
    """Contours of each class, corners of the working points."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.title)
    with looks.rc():
        figure = looks.new_figure(style, 0.9)
        axes = figure.subplots()
        x, y = (
            (np.array(edges[1:]) + edges[:-1]) / 2 for edges in (numbers.first_edges, numbers.second_edges)
        )
        for cloud in numbers.clouds:
            density = _smoothed(np.array(cloud.fraction))
            widths = (1.1, 2.0)[-len(cloud.levels) :]
            axes.contour(x, y, density, levels=cloud.levels, colors=cloud.color, linewidths=widths)
        axes.set(
            xlim=(numbers.first_edges[0], numbers.first_edges[-1]),
            ylim=(numbers.second_edges[0], numbers.second_edges[-1]),
            xlabel=looks.plain(numbers.titles[0]),
            ylabel=looks.plain(numbers.titles[1]),
        )
        for index, corner in enumerate(numbers.corners):
            _draw_corner(axes, corner, COLORS[index % len(COLORS)])
        lines = [
            Line2D([], [], color=cloud.color, linewidth=2, label=looks.tex(cloud.label))
            for cloud in numbers.clouds
        ]
        axes.legend(handles=lines, loc="best", ncols=1)
        looks.title_line(axes, style, f"{numbers.sample}, {split_text(numbers.folds)}")
    return figure


def _draw_corner(axes: Axes, corner: Corner, color: str) -> None:
    right, top = axes.get_xlim()[1], axes.get_ylim()[1]
    axes.plot(
        [right, corner.first, corner.first], [corner.second, corner.second, top],
        color=color, linestyle=(0, (4, 2)), linewidth=1.3, gid=corner.name,
    )  # fmt: skip
    axes.annotate(
        looks.plain(corner.name), (corner.first, corner.second), xytext=(-3, -3), textcoords="offset points",
        ha="right", va="top", color=color, fontsize=looks.LEGEND_SIZE,
        bbox={"facecolor": "white", "alpha": 0.7, "pad": 0.5, "linewidth": 0},
    )  # fmt: skip
