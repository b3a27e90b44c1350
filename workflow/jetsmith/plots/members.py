"""Areas under the ROC curves of the members of an ensemble, and of the ensemble, on test jets."""

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import chi2

from jetsmith import io, members, metrics, scored
from jetsmith.io import FloatArray
from jetsmith.metrics import Interval
from jetsmith.metrics.efficiencies import LEVEL
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import evaluated
from jetsmith.scored import ScoredJets, read_split
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.texts import interval, label_text, split_text

MEMBER_COLOR, ENSEMBLE_COLOR = "#3f90da", "#bd1f01"
BOOTSTRAPS = 200


class MembersNumbers(looks.Numbers):
    """All that the figure shows.

    `spread` is the standard deviation of the members' areas. Its interval is that of a normal
    distribution; the jets are the same for all, so that their number is not in it.
    """

    SECTION = "Training"

    plot: str = "members"
    judgement: str
    folds: int
    signal: ClassSpec
    background: ClassSpec
    ensemble: Interval | None
    members: tuple[Interval, ...]
    spread: Interval | None

    def heading(self) -> str:
        """Of which tagger, by what."""
        return f"{self.title}: members of the ensemble"

    def caption(self) -> str:
        """The areas, and how far another seed changes them."""
        mean = np.mean([member.value for member in self.members])
        return (
            f"Area under the ROC curve, {label_text(self.signal.label)} against "
            f"{label_text(self.background.label)}, {split_text(self.folds)}: {_text(self.ensemble)} of the "
            f"mean of the probabilities of {len(self.members)} trainings with different seeds, {mean:.4f} on "
            f"average of these. Their standard deviation, which is what another seed changes: "
            f"{_text(self.spread)}."
        )

    def alternative(self) -> str:
        """The same, shorter."""
        return f"AUC {_text(self.ensemble)} of {self.title}; its members differ by {_text(self.spread)}"


def _text(found: Interval | None) -> str:
    if found is None:
        return "–"
    said = interval(found.value, found.low, found.high)
    return f"{said['text']} {said['up']} {said['down']}".strip()


def plot_members(
    spec: ClassifierSpec, scores: str | Path, style: PlotSpec, seed: int, output: str | Path
) -> MembersNumbers:
    """Read the scores of an ensemble with those of its members; write `output`.pdf, .png and .json.

    Args:
        spec: The tagger, with the discriminant that judges it.
        scores: Its score file.
        style: Look of the plots.
        seed: Of the replicas of the intervals.
        output: Path without suffix.

    Raises:
        InputError: The file is damaged or another's.
    """
    columns = columns_of_members(scores, spec)
    n = len(columns) // len(spec.class_names)
    found = compute(spec, read_split(scores, "test", spec, columns), n, seed)
    looks.save(draw(found, style), found, output)
    return found


def columns_of_members(scores: str | Path, spec: ClassifierSpec) -> list[str]:
    """Probabilities that the members of an ensemble give, member by member; none of other taggers."""
    n = members.count(set(io.column_names(scores)), spec.class_names[0])
    return [members.column(k, name) for k in range(n) for name in spec.class_names]


def of_members(spec: ClassifierSpec, jets: ScoredJets, n: int) -> list[FloatArray]:
    """The discriminant of jets by each of n members, shape (N,) each."""
    assert spec.discriminant is not None
    values: list[FloatArray] = []
    for k in range(n):
        table = {f"p_{name}": jets.columns[members.column(k, name)] for name in spec.class_names}
        table["not_tagged"] = np.zeros(len(jets), bool)
        values.append(scored.discriminant(table, spec.discriminant, spec.class_names).astype(np.float64))
    return values


def compute(spec: ClassifierSpec, jets: ScoredJets, n: int, seed: int) -> MembersNumbers:
    """The areas of the ensemble and of its n members, over the same jets."""
    signal, background, *_ = evaluated(spec)
    values = [jets.discriminant.astype(np.float64), *of_members(spec, jets, n)]
    of = {c.name: jets.of_class(c) & jets.chosen for c in (signal, background)}
    lacking = [name for name, mask in of.items() if not jets.weight[mask].sum() > 0]
    areas: list[Interval] = []
    if not lacking:
        s, b = of.values()
        areas = [
            metrics.auc_interval(value[s], jets.weight[s], value[b], jets.weight[b], BOOTSTRAPS, seed)
            for value in values
        ]
    return MembersNumbers(
        title=spec.title,
        judgement=spec.judgement,
        folds=spec.folds,
        signal=signal,
        background=background,
        ensemble=areas[0] if areas else None,
        members=tuple(areas[1:]),
        spread=spread([area.value for area in areas[1:]]) if areas else None,
        message=f"No jets of class {' or '.join(lacking)} ({split_text(spec.folds)})" if lacking else "",
    )


def spread(values: list[float]) -> Interval:
    """Standard deviation of n >= 2 values, with the central 68.3% interval of normal ones (chi-squared)."""
    found, freedom = float(np.std(values, ddof=1)), len(values) - 1
    low, high = (found * math.sqrt(freedom / chi2.ppf(0.5 + sign * LEVEL / 2, freedom)) for sign in (1, -1))
    return Interval(found, low, high)


def draw(numbers: MembersNumbers, style: PlotSpec) -> Figure:
    """A point a member, and the ensemble as a band."""
    if numbers.ensemble is None:
        return looks.message_figure(numbers.message, style, numbers.title)
    with looks.rc():
        figure = looks.new_figure(style, 0.66)
        axes = figure.subplots()
        place = np.arange(len(numbers.members))  # as their folders are numbered
        value, low, high = (
            np.array([getattr(member, name) for member in numbers.members])
            for name in ("value", "low", "high")
        )
        whole = numbers.ensemble
        axes.axhspan(whole.low, whole.high, color=ENSEMBLE_COLOR, alpha=0.15, linewidth=0)
        axes.axhline(whole.value, color=ENSEMBLE_COLOR, label="ensemble", gid="ensemble")
        axes.errorbar(
            place, value, [value - low, high - value], fmt="o", color=MEMBER_COLOR, capsize=3, label="members"
        )
        ends = np.concatenate([low, high, [whole.low, whole.high]])
        span = float(ends.max() - ends.min()) or 1e-3
        axes.set(
            xlabel="Member",
            ylabel=f"AUC, {looks.tex(numbers.signal.label)} against {looks.tex(numbers.background.label)}",
            ylim=(ends.min() - 0.08 * span, ends.max() + 0.4 * span),
            xlim=(-0.7, len(place) - 0.3),
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.minorticks_off()
        axes.legend(loc="upper right")
        looks.title_line(axes, style, numbers.title)
    return figure
