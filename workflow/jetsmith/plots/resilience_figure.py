"""What the figure of performance against resilience shows, and how it is drawn."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from jetsmith.metrics import Interval
from jetsmith.plots import style as looks
from jetsmith.specs.classifiers import ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.texts import count, label_text, share, shift_text, split_text

PANELS = 3  # in a row


class Change(Record):
    """What an area changes by; of a shift to another sample also how well that is known.

    `members`: of those of an ensemble. `why`: where there is no change. `unmatched`, `effective`, `covered`:
    as in `metrics.Shift`.
    """

    change: Interval | None
    members: tuple[float, ...] = ()
    why: str = ""
    unmatched: float | None = None
    effective: tuple[float, float] | None = None
    covered: float | None = None


class Tried(Record):
    """A tagger: its area on the sample, those of its members, and a change for each of what is other."""

    title: str
    judgement: str
    auc: Interval
    members: tuple[float, ...]
    changes: tuple[Change, ...]


class Moving(Record):
    """How inputs are moved: standard deviations, largest share of their size, and of how many jets."""

    step: float
    largest_share: float
    jets: int


class Factor(Record):
    """One input x, `group.feature`, that becomes `scale` x + `offset`; what share of its values moves."""

    name: str
    scale: float
    offset: float
    share: float


class Shifted(Record):
    """Inputs that are moved together, of all taggers."""

    name: str
    inputs: tuple[Factor, ...]


class ResilienceNumbers(looks.Numbers):
    """All that the figure shows; `shifts` are names of what is other, samples first, then moves of inputs.

    `features`: which inputs are moved by factors and offsets.
    """

    SECTION = "Resilience"
    WIDE = True

    plot: str = "resilience"
    sample: str
    folds: int
    signal: ClassSpec
    background: ClassSpec
    shifts: tuple[str, ...]
    taggers: tuple[Tried, ...]
    moving: Moving | None
    features: tuple[Shifted, ...] = ()

    def heading(self) -> str:
        """Of what."""
        return f"{self.sample}: {label_text(self.signal.label)} against {label_text(self.background.label)}"

    def caption(self) -> str:
        """How to read it, and what the intervals hold."""
        text = (
            "Along x the area under the ROC curve, along y what it changes by where one thing is other: "
            "taggers on the right are better, those higher up more resilient, and best are those up on the "
            f"right. Jets: {split_text(self.folds)}, the same for all taggers, so that chance moves these "
            "alike; intervals are 68.3%."
        )
        if any(one.effective for tagger in self.taggers for one in tagger.changes):
            text += (
                " Jets of other samples are weighted to the spectra in momentum and |pseudorapidity| of the "
                "nominal ones, class by class; intervals are a bootstrap of the events of both."
            )
        if self.features:
            lines = [shift_text(one.model_dump()) for one in self.features]
            text += (
                f" Inputs are moved by factors and offsets: {'; '.join(lines)}. Their jets are the "
                "same before and after, and counted alike in each replica: intervals are those of the change."
            )
        if self.moving is not None:
            text += (
                f" Moves: {self.moving.step:g} standard deviations of each real-valued input of "
                f"{count(self.moving.jets)} jets, {share(self.moving.largest_share)} of its size at most, by "
                "chance (random) or along the gradient against the tagger (adversarial); counts, defaults "
                "and ends of ranges stay."
            )
        if any(tagger.members for tagger in self.taggers):
            text += (
                " Small dots are the members of an ensemble, trainings with other seeds; boxes are their "
                "mean and standard deviation."
            )
        return text

    def alternative(self) -> str:
        """What is compared."""
        names = ", ".join(tagger.title for tagger in self.taggers)
        return f"Changes of the area of {names} by {', '.join(self.shifts)}."


def draw(numbers: ResilienceNumbers, style: PlotSpec) -> Figure:
    """A panel for each of what is other; a colour and a marker a tagger."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.title)
    n = len(numbers.shifts)
    columns = min(n, PANELS)
    rows = -(-n // columns)
    with looks.rc():
        figure = looks.new_figure(style, 0.14 + (0.42 if columns == PANELS else 0.62) * rows)
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
        for k, axes in enumerate(panels.flat):
            if k >= n:
                axes.set_axis_off()
                continue
            _panel(axes, numbers, k)
            if k + columns >= n:  # nothing below
                axes.tick_params(labelbottom=True)
                what = f"{looks.tex(numbers.signal.label)} against {looks.tex(numbers.background.label)}"
                axes.set_xlabel(f"AUC, {what}", fontsize=11)
            if k % columns == 0:
                axes.set_ylabel("change of the AUC", fontsize=11)
        handles, labels = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4), fontsize=10)
        looks.title_line(panels[0][0], style, numbers.title, panels[0][-1])
    return figure


def _panel(axes: Axes, numbers: ResilienceNumbers, k: int) -> None:
    axes.axhline(0, color=looks.GREY, linewidth=0.8, linestyle=":")
    for number, tagger in enumerate(numbers.taggers):
        found, color = tagger.changes[k], looks.line_style(number)["color"]
        look = {"fmt": looks.marker(number), "color": color, "label": looks.plain(tagger.title)}
        if found.change is None:  # the legend has it all the same
            axes.errorbar([], [], **look)
            continue
        x, y = ([[one.value - one.low], [one.high - one.value]] for one in (tagger.auc, found.change))
        axes.errorbar(
            [tagger.auc.value], [found.change.value], y, x, markersize=5, linewidth=1.2, capsize=2,
            gid=f"{k}.{tagger.judgement}", **look,
        )  # fmt: skip
        if len(found.members) > 1:
            across = np.array([tagger.members, found.members])  # (2, K)
            axes.plot(*across, ".", color=color, markersize=3.5, alpha=0.6)
            mean, spread = across.mean(axis=1), across.std(axis=1, ddof=1)
            x_low, y_low = mean - spread
            box = Rectangle((x_low, y_low), *(2 * spread), color=color, alpha=0.18, linewidth=0)
            axes.add_patch(box)
    without = [tagger.title for tagger in numbers.taggers if tagger.changes[k].change is None]
    text = looks.plain(numbers.shifts[k]) + (
        f"\n(without {looks.plain(', '.join(without))})" if without else ""
    )
    axes.margins(0.12, 0.2)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))
    axes.text(0.04, 0.96, text, transform=axes.transAxes, va="top", fontsize=10.5)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize=10)
