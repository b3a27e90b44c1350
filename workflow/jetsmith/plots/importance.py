"""What each input of a tagger is worth: exchanged between jets, and by its share in the discriminant."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jetsmith import io
from jetsmith.handed.explanation import Explanation, Lost
from jetsmith.metrics import Interval
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.strict import Record
from jetsmith.texts import count, share, split_text

LEADING = 20  # features that are shown
FAMILIES = 6  # sets of correlated features
LOSS_COLOR, SHARE_COLOR = "#3f90da", "#ffa90e"
BAR = 0.72  # of a line
METHODS = {"shap": "SHAP values", "integrated_gradients": "integrated gradients"}
UNSHARED = {"integrated_gradients": " What the number of constituents says by itself is in no share."}


class Input(Record):
    """A line of the figure: a feature, a group, or features that go together; `size` where it is known."""

    name: str
    features: tuple[str, ...]
    loss: float
    low: float
    high: float
    size: float | None
    whole: bool


class ImportanceNumbers(looks.Numbers):
    """All that the figure shows: of `n_features` the leading ones, then groups and correlated features."""

    SECTION = "Inputs of the taggers"
    WIDE = True

    plot: str = "importance"
    tagger: str
    folds: int
    signal: str
    background: str
    jets: int
    auc: float
    n_features: int
    features: tuple[Input, ...]
    groups: tuple[Input, ...]
    method: str
    attributed: int
    steps: int
    residual: float
    complete: bool

    def heading(self) -> str:
        """Whose inputs."""
        return f"{self.title}: what its inputs are worth"

    def caption(self) -> str:
        """What was done, and what it does not say."""
        sets = [one.features for one in self.groups if not one.whole]
        named = f" ({'; '.join(map(', '.join, sets))})" if sets else ""
        return (
            f"Left: loss in the area under the ROC curve ({self.auc:.4f}, {self.signal} against "
            f"{self.background}, {count(self.jets)} jets, {split_text(self.folds)}) where an input has the "
            "values of other jets; of a sequence real constituents exchange values, or jets whole lists, "
            "where it is a group. Bars are 68.3% intervals. Inputs that say the same hide each other: each "
            f"alone may cost nothing. So below, groups and flat features that go together{named} are "
            f"exchanged as one. {self._attribution()}"
        )

    def _attribution(self) -> str:
        if not self.method:
            return "For this backend there are neither gradients nor SHAP values by jet."
        held = "add up to what they share" if self.complete else "do NOT add up to what they share"
        steps = f" ({self.steps} steps)" if self.steps else ""
        return (
            "Right: mean size of what the input adds to the log ratio of a jet, by "
            f"{METHODS[self.method]} of {count(self.attributed)} jets{steps}; they {held}, to "
            f"{share(float(f'{self.residual:.2g}'))}.{UNSHARED.get(self.method, '')}"
        )

    def alternative(self) -> str:
        """The leading inputs by name."""
        return f"Leading inputs of {self.title}: {', '.join(one.name for one in self.features[:5])}."


def plot_importance(
    trained: TrainedSpec, explanation: str | Path, style: PlotSpec, output: str | Path
) -> ImportanceNumbers:
    """Read what explain found; write `output`.pdf, .png and .json.

    Args:
        trained: The tagger.
        explanation: results/explain/{tagger}.json.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: The file is damaged or another tagger's.
    """
    found = compute(trained, io.read_record(Explanation, explanation, tagger=trained.name))
    looks.save(draw(found, style), found, output)
    return found


def compute(trained: TrainedSpec, found: Explanation) -> ImportanceNumbers:
    """The leading features by what is largest of them, loss or share, each over the largest of all."""
    of = found.attribution
    several = len({lost.group for lost in found.features}) > 1
    shares = () if of is None else (*of.features, *of.groups, *of.correlated)
    sizes = {(one.group, one.features): one.size for one in shares}

    def line(lost: Lost, name: str, whole: bool = False) -> Input:
        loss, low, high = digits((lost.loss, lost.low, lost.high))
        size = sizes.get((lost.group, lost.features))
        return Input(
            name=name, features=lost.features, loss=loss, low=low, high=high, whole=whole,
            size=None if size is None else digits([size])[0],
        )  # fmt: skip

    features = [
        line(lost, f"{lost.group}.{lost.features[0]}" if several else lost.features[0])
        for lost in found.features
    ]
    together = sorted(found.correlated, key=lambda lost: -lost.loss)[:FAMILIES]
    # All of one group alone are all inputs: that these are worth something is no news.
    whole = found.groups if several else ()
    groups = [line(lost, f"{lost.group} (all {len(lost.features)})", whole=True) for lost in whole]
    groups += [line(lost, _said(lost.features)) for lost in together]
    return ImportanceNumbers(
        title=trained.title,
        tagger=found.tagger,
        folds=trained.folds,
        signal=found.signal,
        background=found.background,
        jets=found.jets,
        auc=found.auc,
        n_features=len(features),
        features=tuple(_leading(features)),
        groups=tuple(groups),
        message=""
        if found.jets
        else f"No jets of {found.signal} and {found.background} ({split_text(trained.folds)})",
        method=of.method if of else "",
        attributed=of.jets if of else 0,
        steps=of.steps if of else 0,
        residual=digits([of.residual], 3)[0] if of else 0.0,
        complete=of is None or of.complete,
    )


def _said(features: Sequence[str]) -> str:
    return f"{features[0]} + {len(features) - 1}"


def _leading(features: Sequence[Input]) -> list[Input]:
    most = max((one.loss for one in features if one.loss > 0), default=1.0)  # losses may all be below 0
    largest = max((one.size for one in features if one.size), default=1.0)
    worth = {
        one.name: max(one.loss / most, -math.inf if one.size is None else one.size / largest)
        for one in features
    }
    return sorted(features, key=lambda one: -worth[one.name])[:LEADING]


def draw(numbers: ImportanceNumbers, style: PlotSpec) -> Figure:
    """Lines from above by worth; losses on the left, shares on the right where there are some."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.title)
    parts = [shown for shown in (numbers.features, numbers.groups) if shown]
    lines, columns = [len(shown) for shown in parts], 2 if numbers.method else 1
    with looks.rc():
        figure = looks.new_figure(style, 0.25 + 0.036 * sum(lines))
        panels = figure.subplots(
            len(parts),
            columns,
            squeeze=False,
            sharey="row",
            height_ratios=lines,
            width_ratios=[1.2, 1][:columns],
        )
        for axes, shown in zip(panels, parts, strict=True):
            _draw_losses(axes[0], shown)
            if numbers.method:
                _draw_sizes(axes[1], shown)
        for axes, text in zip(panels[-1], ("loss in AUC", "mean |share|"), strict=False):
            axes.set_xlabel(text, fontsize=13)
        looks.title_line(panels[0][0], style, numbers.title, panels[0][-1])
    return figure


def _draw_losses(axes: Axes, shown: Sequence[Input]) -> None:
    found = [Interval(one.loss, one.low, one.high) for one in shown]
    bars(axes, [one.name for one in shown], found, LOSS_COLOR, "loss")


def _draw_sizes(axes: Axes, shown: Sequence[Input]) -> None:
    sizes = np.array([np.nan if one.size is None else one.size for one in shown])
    axes.barh(np.arange(len(shown)), sizes, BAR, color=SHARE_COLOR, gid="share")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(axis="y", which="both", length=0)


def bars(axes: Axes, names: Sequence[str], found: Sequence[Interval], color: str, gid: str) -> None:
    """Horizontal bars with intervals, the first on top, a name each."""
    places = np.arange(len(names))
    values, low, high = (np.array([getattr(one, key) for one in found]) for key in ("value", "low", "high"))
    axes.barh(places, values, BAR, color=color, gid=gid)
    axes.errorbar(values, places, xerr=[values - low, high - values], fmt="none", color="black", linewidth=1)
    axes.axvline(0, color=looks.GREY, linewidth=0.8)
    axes.set_yticks(places, [looks.plain(name) for name in names], fontsize=10)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(axis="y", which="both", length=0)
    axes.minorticks_off()
    axes.set_ylim(len(names) - 0.4, -0.6)
