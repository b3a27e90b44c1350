"""What the auxiliary heads of a network tell: where tracks come from, and which of them share a vertex."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jetsmith import io, members
from jetsmith.colors import TAGGER_COLORS
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.strict import Record
from jetsmith.texts import split_text

CUT = 0.5  # probability from which two tracks are said to share a vertex
HEADS = "heads.json"


class Origins(Record):
    """A head of constituents: counts by true origin, a line each, and by the likeliest."""

    name: str
    names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def accuracy(self) -> float | None:
        """Fraction of constituents whose likeliest origin is the true one."""
        counts = np.array(self.confusion)
        return float(np.trace(counts) / counts.sum()) if counts.sum() else None


class Pairs(Record):
    """A head of pairs: of those of one vertex what fraction is found, and what fraction of these is right.

    `efficiency` and `purity` are at probability 0.5, `efficiencies` and `purities` at rising probabilities.
    """

    name: str
    same: int
    different: int
    area: float | None
    efficiency: float | None
    purity: float | None
    efficiencies: tuple[float, ...]
    purities: tuple[float, ...]


class HeadsNumbers(looks.Numbers):
    """All that the figure shows; `off` has heads that files could not teach, with what these lack."""

    SECTION = "Training"

    plot: str = "heads"
    classifier: str
    split: str
    jets: int
    origins: tuple[Origins, ...]
    pairs: tuple[Pairs, ...]
    off: dict[str, str]

    def heading(self) -> str:
        """Whose."""
        return f"{self.title}: auxiliary heads"

    def caption(self) -> str:
        """How often they are right, by origin, and what is off."""
        said = [f"What the heads tell of {self.jets:,} jets ({self.split})."]
        for head in self.origins:
            counts = np.array(head.confusion)
            each = [
                f"{name.replace('_', ' ')} {row[k] / row.sum():.0%} of {row.sum():,}"
                for k, (name, row) in enumerate(zip(head.names, counts, strict=True))
                if row.sum()
            ]
            said.append(
                f"Origin of {counts.sum():,} constituents: {_percent(head.accuracy)} right "
                f"({', '.join(each) or 'none known'}); the commonest origin alone would be right for "
                f"{_commonest(counts):.1%}."
            )
        said += [
            f"Pairs: {pair.same:,} of one vertex, {pair.different:,} of two; of the former "
            f"{_percent(pair.efficiency)} are found at probability {CUT}, of those found "
            f"{_percent(pair.purity)} are right; area under the ROC curve {_number(pair.area)}."
            for pair in self.pairs
        ]
        return " ".join([*said, *([self._off()] if self.off else [])])

    def alternative(self) -> str:
        """The accuracies."""
        found = [f"{head.name} {_percent(head.accuracy)}" for head in self.origins]
        found += [f"{pair.name} AUC {_number(pair.area)}" for pair in self.pairs]
        return f"Auxiliary heads of {self.title}: {', '.join(found)}"

    def _off(self) -> str:
        return f"{off_text(self.off)}."


def off_text(off: Mapping[str, str]) -> str:
    """Which heads are off, and why."""
    each = "; ".join(f"{name}, for want of {columns}" for name, columns in off.items())
    return f"Off, as files of the sample have no such truth: {each}"


def _commonest(counts: Any) -> float:
    return float(counts.sum(axis=1).max() / max(counts.sum(), 1))


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def plot_heads(trained: TrainedSpec, model: str | Path, style: PlotSpec, output: str | Path) -> HeadsNumbers:
    """Read what training counted; write `output`.pdf, .png and .json.

    Of all folds, and of an ensemble its first member.

    Args:
        trained: The classifier.
        model: Directory results/models/{classifier}.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: The model is damaged, or of an earlier version.
    """
    folder = Path(model)
    about = io.read_json(folder / "meta.json", classifier=trained.name)
    if "heads_off" not in about:
        raise InputError(f"{folder / 'meta.json'}: no `heads_off`; train again")
    first = members.folders(folder)[0]
    paths = [first / f"fold{k}" / HEADS for k in range(trained.folds)] or [first / HEADS]
    there = [path for path in paths if path.is_file()]
    io.check_files(
        folder,
        about.get("checksums", {}),
        [str(path.relative_to(folder)) for path in there],
        "train it again",
    )
    found = compute(trained, [io.read_json(path) for path in there], about["heads_off"])
    looks.save(draw(found, style), found, output)
    return found


def compute(trained: TrainedSpec, counted: list[dict[str, Any]], off: dict[str, str]) -> HeadsNumbers:
    """Sums over folds."""
    origins, pairs = [], []
    for name, head in (counted[0]["heads"] if counted else {}).items():

        def summed(key: str, name: str = name) -> Any:
            return np.sum([one["heads"][name][key] for one in counted], axis=0)

        if head["kind"] == "pairs":
            pairs.append(_pairs(name, summed("same"), summed("different")))
        else:
            lines = tuple(tuple(int(n) for n in line) for line in summed("confusion"))
            origins.append(Origins(name=name, names=tuple(head["names"]), confusion=lines))
    said = "" if origins or pairs else off_text(off) if off else f"{trained.title} has no auxiliary heads"
    return HeadsNumbers(
        title=trained.title,
        message=said,
        classifier=trained.name,
        split=split_text(trained.folds),
        jets=sum(one["jets"] for one in counted),
        origins=tuple(origins),
        pairs=tuple(pairs),
        off=off,
    )


def _pairs(name: str, same: FloatArray, different: FloatArray) -> Pairs:
    """From counts in bins of the probability."""
    true, false = (np.cumsum(counts[::-1])[::-1] for counts in (same, different))  # from each bin on
    n_same, n_different = int(same.sum()), int(different.sum())
    any_ = (true + false) > 0
    area = efficiency = purity = None
    cut = round(CUT * len(same))
    if n_same:
        efficiency = float(true[cut] / n_same)
    if any_[cut]:
        purity = float(true[cut] / (true[cut] + false[cut]))
    if n_same and n_different:  # ties of a bin count half
        area = float(np.sum(different * (np.append(true[1:], 0) + 0.5 * same)) / (n_same * n_different))
    shown = any_ if n_same else np.zeros_like(any_)
    return Pairs(
        name=name,
        same=n_same,
        different=n_different,
        area=area,
        efficiency=efficiency,
        purity=purity,
        efficiencies=digits((true[shown] / max(n_same, 1)).tolist()),
        purities=digits((true[shown] / (true + false)[shown]).tolist()),
    )


def draw(numbers: HeadsNumbers, style: PlotSpec) -> Figure:
    """Origins as a table of shares, pairs as purity against efficiency."""
    panels = [*numbers.origins, *numbers.pairs]
    if not panels:
        return looks.message_figure(numbers.message, style, numbers.title)
    with looks.rc():
        figure = looks.new_figure(style, 0.62 if len(panels) > 1 else 0.8)
        widths = [1.5 if isinstance(head, Origins) else 1.0 for head in panels]
        axes = figure.subplots(1, len(panels), width_ratios=widths, squeeze=False)[0]
        for head, panel in zip(panels, axes, strict=True):
            if isinstance(head, Origins):
                _draw_origins(panel, head)
            elif isinstance(head, Pairs):
                _draw_pairs(panel, head)
        looks.title_line(axes[0], style, numbers.title, axes[-1])
    return figure


def _draw_origins(axes: Axes, head: Origins) -> None:
    counts = np.array(head.confusion, np.float64)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto", gid=f"{head.name}.shares")
    names = [name.replace("_", " ") for name in head.names]
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=9)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.minorticks_off()
    axes.tick_params(length=0, which="both")
    for (i, j), value in np.ndenumerate(share):
        if counts[i].sum():
            color = "white" if value > CUT else "black"
            axes.text(j, i, f"{100 * value:.0f}", ha="center", va="center", fontsize=9, color=color)
    axes.set_xlabel("told [%]", fontsize=11)
    axes.set_ylabel("true origin", fontsize=11)


def _draw_pairs(axes: Axes, head: Pairs) -> None:
    axes.plot(head.efficiencies, head.purities, color=TAGGER_COLORS[0], gid=f"{head.name}.purity")
    if head.efficiency is not None and head.purity is not None:
        axes.plot([head.efficiency], [head.purity], "o", color=TAGGER_COLORS[2])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_xlabel("pairs of one vertex found", fontsize=11)
    axes.set_ylabel("of these right", fontsize=11)
    axes.tick_params(labelsize=10)
