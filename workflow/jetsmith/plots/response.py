"""Response and resolution of what a network estimates, before and after, against the truth; and its pulls."""

from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist

import awkward as ak
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jetsmith import estimates, io, metrics
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import FloatArray
from jetsmith.metrics import Efficiency, Interval, responses
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import EstimateSpec
from jetsmith.strict import Record
from jetsmith.texts import interval_text, label_text, minus, share, split_text

N_BINS = 6  # of equal counts
LEAST = 20  # jets of a bin with numbers
BOOTSTRAPS = 300
BEFORE_COLOR, AFTER_COLOR = "#94a4a2", "#bd1f01"
MARGIN = 1.15  # of the axis beyond the first and the last point, a factor
SMALLEST = 1e-6  # resolution that a pull is divided by


class Resolved(Record):
    """Of some jets: median and resolution of the response, before where there is something to divide by.

    What is no number, of a response that does not vary or has no median, is None; of a bin of few jets, or
    without a positive sum of weights, everything is. `improvement` is 1 -
    resolution after / resolution before; `pull` the width of (truth - estimate) / resolution, where a
    resolution is estimated.
    """

    jets: int
    centre: float
    median_before: Interval | None
    median_after: Interval | None
    resolution_before: Interval | None
    resolution_after: Interval | None
    improvement: Interval | None
    pull: Interval | None


class ResponseNumbers(looks.Numbers):
    """All that the figure shows: of all jets, and in bins of the truth; `covered`: within the resolution.

    `bins` are those between `edges`, whether they have numbers or not.
    """

    SECTION = "Regression"

    plot: str = "response"
    classifier: str
    estimate: str
    column: str
    over: str
    quantiles: tuple[float, ...]
    folds: int
    label: str
    edges: tuple[float, ...]
    unmatched: int
    whole: Resolved | None
    bins: tuple[Resolved, ...]
    covered: Efficiency | None
    classes: tuple[str, ...]

    def heading(self) -> str:
        """Of what."""
        return f"{self.title}: response and resolution of `{self.estimate}`"

    def caption(self) -> str:
        """The figures of all jets, what resolution means, and what is left out."""
        assert self.whole is not None
        of = ", ".join(map(label_text, self.classes))
        said = [
            f"Estimate over {self.column}, of {self.whole.jets:,} jets ({of}; {split_text(self.folds)}): "
            f"median {_text(self.whole.median_after)}{_was(self.whole.median_before)}, resolution "
            f"{_text(self.whole.resolution_after)}{_was(self.whole.resolution_before)}. It is half "
            "the width of the central 68.3% of the response, over its median."
        ]
        if self.whole.improvement is not None:
            better = self.whole.improvement
            sign, word = (1, "better") if better.value >= 0 else (-1, "worse")
            low, high = sorted(sign * end for end in (better.low, better.high))
            ends = minus(f"{low:.1%} to {high:.1%}")
            said.append(f"The resolution is {word} by {sign * better.value:.1%} ({ends}, of the same jets).")
        if self.whole.pull is not None and self.covered is not None:
            ends = f"{self.covered.low:.1%} to {self.covered.high:.1%}"
            right = share(self.quantiles[1] - self.quantiles[0])
            said.append(
                f"Pulls, (truth - estimate) / resolution in units of a normal spread, have a width of "
                f"{interval_text(self.whole.pull)}; within the resolution are {self.covered.value:.1%} "
                f"({ends}) of the jets, where {right} would be right."
            )
        said.append(
            "Bins have equal counts. Jets have to pass cuts on what is reconstructed, and those that "
            "fluctuate up do: the response rises towards the lowest values, before and after; an estimate is "
            "also drawn towards values that are common."
        )
        lacking = sum(one.median_after is None for one in self.bins)
        if lacking:
            said.append(
                f"Of {len(self.bins)} bins {lacking} have no numbers, for fewer than {LEAST} jets or no "
                "positive sum of weights."
            )
        if self.unmatched:
            said.append(f"{self.unmatched:,} jets have no {self.column} and are left out.")
        return " ".join(said)

    def alternative(self) -> str:
        """The resolution of all jets."""
        assert self.whole is not None
        after = _text(self.whole.resolution_after)
        return f"Resolution of {self.title} {after}{_was(self.whole.resolution_before)}"


def _text(found: Interval | None) -> str:
    return "–" if found is None else interval_text(found)


def _was(before: Interval | None) -> str:
    return "" if before is None else f", before {interval_text(before)}"


def plot_response(
    estimate: EstimateSpec, scores: str | Path, style: PlotSpec, seed: int, output: str | Path
) -> ResponseNumbers:
    """Read what was estimated of test jets; write `output`.pdf, .png and .json.

    Args:
        estimate: What is estimated, by which classifier.
        scores: Its score file.
        style: Look of the plots.
        seed: Of the replicas of the intervals.
        output: Path without suffix.

    Raises:
        InputError: The file is damaged or another's, or lacks a column.
    """
    found = compute(estimate, read(estimate, scores), seed)
    looks.save(draw(found, style), found, output)
    return found


def read(estimate: EstimateSpec, path: str | Path) -> dict[str, FloatArray]:
    """Of test jets that count: `estimate`, `true`, and where there are some `over`, `resolution`; `weight`.

    Raises:
        InputError: The file is damaged or another's, lacks a column, or what is estimated is not finite.
    """
    names = {"estimate": estimates.column(estimate.output), "true": estimates.side(estimate.column)}
    names |= {"over": estimates.side(estimate.over)} if estimate.over else {}
    names |= {"resolution": estimates.resolution(estimate.output)} if estimate.quantiles else {}
    names |= {"weight": "weight"}
    rows = io.read_rows(
        path,
        ["split", "label", *names.values()],
        classifier=estimate.name,
        sample=estimate.sample,
    )
    truth = [key for wanted in estimate.classes for key in wanted.truth]
    here = np.asarray(ak.to_numpy(rows["split"])) == SPLITS.index("test")
    here &= np.isin(ak.to_numpy(rows["label"]), truth)
    found = {key: np.asarray(ak.to_numpy(rows[name]), np.float64)[here] for key, name in names.items()}
    for key in ("weight", "estimate", "resolution"):  # in one order: of several one is named
        if key in found and (bad := int((~np.isfinite(found[key])).sum())):
            remedy = "pack the sample again" if key == "weight" else "train it again"
            raise InputError(
                f"{path}: column {names[key]}: {bad} of {len(found[key])} test rows have values that are not "
                f"finite; {remedy}"
            )
    return found


def compute(estimate: EstimateSpec, jets: dict[str, FloatArray], seed: int) -> ResponseNumbers:
    """Of all jets with a truth above 0, and bin by bin."""
    known = np.isfinite(jets["true"]) & (jets["true"] > 0)
    if estimate.over:
        known &= np.isfinite(jets["over"]) & (jets["over"] > 0)
    kept = {name: values[known] for name, values in jets.items()}
    numbers = ResponseNumbers(
        title=estimate.title,
        classifier=estimate.name,
        estimate=estimate.output,
        column=estimate.column,
        over=estimate.over,
        quantiles=estimate.quantiles,
        folds=estimate.folds,
        label=estimate.label or estimate.column,
        edges=(),
        unmatched=int((~known).sum()),
        whole=None,
        bins=(),
        covered=None,
        classes=tuple(c.label for c in estimate.classes),
        message="",
    )
    if not _enough(kept):
        said = f"Fewer than {LEAST} jets, or no positive sum of weights, with a {estimate.column}"
        return numbers.model_copy(update={"message": f"{said} ({split_text(estimate.folds)})"})
    edges = np.unique(np.quantile(kept["true"], np.linspace(0, 1, N_BINS + 1)))
    place = metrics.bin_of(kept["true"], edges)
    parts = [{name: values[place == k] for name, values in kept.items()} for k in range(len(edges) - 1)]
    whole = _resolved(estimate, kept, [seed, N_BINS])
    bins = [
        _resolved(estimate, part, [seed, k]) if _enough(part) else _unknown(part, edges[k : k + 2])
        for k, part in enumerate(parts)
    ]
    if all(one.median_after is None for one in bins):
        edges, bins = edges[[0, -1]], [whole]
    resolution, covered = kept.get("resolution"), None
    if resolution is not None:
        inside = np.abs(_target(kept) - kept["estimate"]) <= resolution
        covered = metrics.efficiency(inside, kept["weight"])
    return numbers.model_copy(
        update={
            "edges": digits(edges),
            "whole": whole,
            "bins": tuple(bins),
            "covered": covered,
        }
    )


def _enough(jets: dict[str, FloatArray]) -> bool:
    return len(jets["weight"]) >= LEAST and bool(jets["weight"].sum() > 0)


def _target(jets: dict[str, FloatArray]) -> FloatArray:
    """What was to be learned: the truth, or its ratio to what it is divided by."""
    return np.asarray(jets["true"] / jets["over"] if "over" in jets else jets["true"])


def _resolved(estimate: EstimateSpec, jets: dict[str, FloatArray], seed: Sequence[int]) -> Resolved:
    """Of these jets; before is what the truth was divided by, as it stands."""
    target, weight, drawn = _target(jets), jets["weight"], list(seed)
    after = jets["estimate"] / target
    before = 1 / target if estimate.over else after
    found, pull = responses.compared(before, after, weight, BOOTSTRAPS, drawn), None
    if estimate.quantiles:
        low, high = (NormalDist().inv_cdf(quantile) for quantile in estimate.quantiles)
        sigma = np.maximum(jets["resolution"], SMALLEST) / ((high - low) / 2)
        pull = responses.width_of((target - jets["estimate"]) / sigma, weight, BOOTSTRAPS, drawn)
    of_both = bool(estimate.over)
    return Resolved(
        jets=len(weight),
        centre=digits([float(np.median(jets["true"]))])[0],
        median_before=_known(found.before.median, of_both),
        median_after=_known(found.after.median),
        resolution_before=_known(found.before.resolution, of_both),
        resolution_after=_known(found.after.resolution),
        improvement=_known(found.improvement, of_both),
        pull=pull,
    )


def _unknown(jets: dict[str, FloatArray], ends: FloatArray) -> Resolved:
    """Of jets between two ends that say nothing."""
    return Resolved(
        jets=len(jets["weight"]),
        centre=digits([ends.mean()])[0],
        median_before=None,
        median_after=None,
        resolution_before=None,
        resolution_after=None,
        improvement=None,
        pull=None,
    )


def _known(found: Interval, there: bool = True) -> Interval | None:
    return found if there and np.isfinite(found.value) else None


def draw(numbers: ResponseNumbers, style: PlotSpec) -> Figure:
    """Three panels over each other: median, resolution, width of the pulls."""
    if numbers.whole is None:
        return looks.message_figure(numbers.message, style, numbers.title)
    panels: list[tuple[str, tuple[str, str], float | None]] = [
        ("median response", ("median_before", "median_after"), 1.0),
        ("resolution", ("resolution_before", "resolution_after"), None),
        ("width of pulls", ("", "pull"), 1.0),
    ]
    panels = panels if numbers.quantiles else panels[:2]
    with looks.rc():
        figure = looks.new_figure(style, 0.3 + 0.3 * len(panels))
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for panel, (what, names, line) in zip(axes, panels, strict=True):
            if line is not None:
                panel.axhline(line, color=looks.GREY, linewidth=0.8, linestyle=":")
            for name, color, said, marker in zip(
                names, (BEFORE_COLOR, AFTER_COLOR), ("before", "after"), "so", strict=True
            ):
                _draw(panel, numbers.bins, name, color, said, marker)
            panel.set_ylabel(what, fontsize=12)
        axes[1].set_ylim(bottom=0)
        axes[1].legend(*axes[0].get_legend_handles_labels(), loc="lower left")
        axes[-1].set_xlabel(looks.tex(numbers.label))
        looks.pt_axis(axes[-1], numbers.edges)
        centres = [one.centre for one in numbers.bins if one.median_after is not None]
        axes[-1].set_xlim(min(centres) / MARGIN, max(centres) * MARGIN)
        looks.title_line(axes[0], style, numbers.title)
    return figure


def _draw(axes: Axes, bins: Sequence[Resolved], name: str, color: str, said: str, marker: str) -> None:
    """Points at the medians of bins, with their intervals."""
    found = [(one.centre, getattr(one, name)) for one in bins if name and getattr(one, name) is not None]
    if not found:
        return
    x, values = [centre for centre, _ in found], [value for _, value in found]
    value, low, high = (np.array([getattr(v, end) for v in values]) for end in ("value", "low", "high"))
    axes.errorbar(
        x, value, [value - low, high - value], fmt=f"{marker}-", color=color, markersize=4.5, linewidth=1.2,
        capsize=2, label=said, gid=name,
    )  # fmt: skip
