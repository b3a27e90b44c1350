"""What a tagger loses where it is trained without some of its inputs."""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jetsmith import io
from jetsmith.handed.ablation import Ablation, Change
from jetsmith.metrics import LEAST_PASSING, Interval
from jetsmith.plots import style as looks
from jetsmith.plots.importance import bars
from jetsmith.plots.inputs import digits
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.strict import Record
from jetsmith.texts import count, interval_text, split_text

COLOR = "#832db6"


class Loss(Record):
    """What one training without some inputs loses, in the area or at a working point."""

    of: str
    whole: float
    loss: Interval


class Less(Record):
    """One training without some inputs."""

    name: str
    left_out: tuple[str, ...]
    losses: tuple[Loss, ...]


class AblationNumbers(looks.Numbers):
    """All that the figure shows."""

    SECTION = "Inputs of the taggers"

    plot: str = "ablation"
    tagger: str
    folds: int
    signal: str
    background: str
    jets: int
    trainings: tuple[Less, ...]
    few: tuple[str, ...] = ()

    def heading(self) -> str:
        """Whose inputs."""
        return f"{self.title}: trained without some inputs"

    def caption(self) -> str:
        """What was compared, the losses in the area, and what the intervals do not hold."""
        areas = (
            f"without {less.name} ({', '.join(less.left_out)}) {interval_text(less.losses[0].loss)}"
            for less in self.trainings
        )
        return (
            f"Loss in the area under the ROC curve, {self.signal} against {self.background}, and in signal "
            f"efficiency at working points, each training with its own thresholds; {count(self.jets)} jets, "
            f"the same for all ({split_text(self.folds)}). Area: {'; '.join(areas)}. Intervals (68.3%) are "
            "those of these jets; another seed of a training changes it, too, and is not in them (`ensemble` "
            "says how far)."
            + (
                f" Not shown, since fewer than {LEAST_PASSING:g} jets of a class pass: {', '.join(self.few)}."
                if self.few
                else ""
            )
        )

    def alternative(self) -> str:
        """What is left out."""
        return f"Losses of {self.title} without {', '.join(less.name for less in self.trainings)}."


def plot_ablation(
    trained: TrainedSpec, ablation: str | Path, style: PlotSpec, output: str | Path
) -> AblationNumbers:
    """Read what ablate found; write `output`.pdf, .png and .json.

    Args:
        trained: The tagger.
        ablation: results/ablation/{tagger}.json.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: The file is damaged or another tagger's.
    """
    found = compute(trained, io.read_record(Ablation, ablation, tagger=trained.name))
    looks.save(draw(found, style), found, output)
    return found


def compute(trained: TrainedSpec, found: Ablation) -> AblationNumbers:
    """The losses, in the order of the configuration."""
    return AblationNumbers(
        title=trained.title,
        tagger=found.tagger,
        folds=trained.folds,
        signal=found.signal,
        background=found.background,
        jets=found.jets,
        trainings=tuple(
            Less(name=less.name, left_out=less.left_out, losses=tuple(map(_loss, less.changes)))
            for less in found.trainings
        ),
        few=found.few,
        message=""
        if found.jets
        else f"No jets of {found.signal} and {found.background} ({split_text(trained.folds)})",
    )


def _loss(change: Change) -> Loss:
    whole, *ends = digits((change.whole, change.loss, change.low, change.high))
    return Loss(of=change.of, whole=whole, loss=Interval(*ends))


def draw(numbers: AblationNumbers, style: PlotSpec) -> Figure:
    """A panel for the area and for each working point; a bar a training."""
    if numbers.message:
        return looks.message_figure(numbers.message, style, numbers.title)
    names = [less.name for less in numbers.trainings]
    first = numbers.trainings[0].losses
    with looks.rc():
        figure = looks.new_figure(style, 0.3 + 0.06 * len(names))
        panels = figure.subplots(1, len(first), squeeze=False, sharey=True)[0]
        for k, (axes, of) in enumerate(zip(panels, first, strict=True)):
            bars(axes, names, [less.losses[k].loss for less in numbers.trainings], COLOR, of.of)
            what = "AUC" if of.of == "auc" else f"eff. at {of.of}"
            axes.set_xlabel(f"loss in {looks.plain(what)}\n(of {of.whole:.3g})", fontsize=11)
            axes.xaxis.set_major_locator(MaxNLocator(3))
        looks.title_line(panels[0], style, numbers.title, panels[-1])
    return figure
