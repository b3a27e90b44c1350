"""Loss of a classifier against the epoch, or the boosting round, on training and validation rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from jetsmith import io, members
from jetsmith.errors import InputError
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.strict import Record

TRAIN_COLOR, VALIDATION_COLOR = "#3f90da", "#bd1f01"


class History(Record):
    """One training: the whole of it, a fold, or a member of an ensemble, each with all of its folds.

    `best` is the place of the smallest validation loss. `learning_rate` is that of the last step of each
    epoch of a network; trees have none.
    """

    fold: int | None
    member: int | None
    epoch: tuple[float, ...]
    loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    learning_rate: tuple[float, ...]
    seconds: float
    best: int


class Started(Record):
    """What a network started from: weights of how many layers, and its loss before the first epoch.

    `not_matched`: layers that start afresh, with the reason.
    """

    model: str
    matched: int
    not_matched: dict[str, str]
    validation_loss: float


class TrainingNumbers(looks.Numbers):
    """All that the figure shows; `message` where nothing was trained.

    `heavy_jets`: by training and class, the share of the class's weight that one row carries, above 10%.
    """

    SECTION = "Training"

    plot: str = "training"
    classifier: str
    unit: str
    histories: tuple[History, ...]
    heavy_jets: dict[str, dict[str, float]]
    started: dict[str, Started]

    def caption(self) -> str:
        """The best epochs, the time they took, and rows that carry too much weight."""
        seconds = sum(history.seconds for history in self.histories)
        each = seconds / max(sum(len(history.epoch) for history in self.histories), 1)
        whole = f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2g}"
        took = f" {whole} s in all, {each:.3g} s each {self.unit.lower()}." if seconds else ""
        if rates := [rate for history in self.histories for rate in history.learning_rate]:
            took += f" Learning rates: {max(rates):.3g} to {min(rates):.3g}."
        heavy = "; ".join(
            f"{share:.0%} of class {name} ({where})"
            for where, shares in self.heavy_jets.items()
            for name, share in shares.items()
        )
        said = f" One row carries a large part of the weight: {heavy}." if heavy else ""
        return f"Smallest validation loss: {self._best()}.{took}{self._starts()}{said}"

    def _starts(self) -> str:
        """Where networks started that did from others."""
        if not self.started:
            return ""
        first = next(iter(self.started.values()))
        afresh = "; ".join(f"{name} ({reason})" for name, reason in first.not_matched.items()) or "none"
        losses = ", ".join(f"{found.validation_loss:.4g}" for found in self.started.values())
        n = first.matched + len(first.not_matched)
        return (
            f" Started from {first.model}: weights of {first.matched} of {n} layers, validation loss "
            f"{losses} before the first epoch; layers that start afresh: {afresh}."
        )

    def alternative(self) -> str:
        """Whose losses, and the smallest."""
        best = self._best()
        return f"Losses of {self.title} against the {self.unit.lower()}; smallest validation loss {best}."

    def parts(self) -> str:
        """How many trainings there are: `, 5 members of 3 folds`; nothing where it is one."""
        members, folds = ({getattr(h, name) for h in self.histories} - {None} for name in ("member", "fold"))
        counted = [
            f"{len(found)} {what}" for found, what in ((members, "members"), (folds, "folds")) if found
        ]
        return f", {' of '.join(counted)}" if counted else ""

    def _best(self) -> str:
        found = [(h.validation_loss[h.best], h.epoch[h.best]) for h in self.histories]
        return "; ".join(f"{loss:.4g} at {self.unit.lower()} {epoch:g}" for loss, epoch in found)


def plot_training(
    trained: TrainedSpec, model: str | Path, style: PlotSpec, output: str | Path
) -> TrainingNumbers:
    """Read the history in a model's directory, its folds or members; write `output`.pdf, .png and .json.

    Args:
        trained: The classifier.
        model: Directory results/models/{classifier}.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: A history is not a list of epochs with their losses.
    """
    folder = Path(model)
    about = io.read_json(folder / "meta.json", classifier=trained.name)
    if "heavy_jets" not in about:
        raise InputError(f"{folder / 'meta.json'}: no `heavy_jets`; train again")
    models = members.folders(folder)
    places = [
        (fold, member if len(models) > 1 else None, model / name)
        for member, model in enumerate(models)
        for fold, name in _names(trained.folds)
    ]
    names = [str(path.relative_to(folder)) for *_, path in places if path.is_file()]
    io.check_files(folder, about.get("checksums", {}), names, "train it again")
    histories = [(fold, member, _read(path)) for fold, member, path in places if path.is_file()]
    found = compute(trained, histories, about["heavy_jets"], about.get("started", {}))
    looks.save(draw(found, style), found, output)
    return found


def _names(folds: int) -> list[tuple[int | None, str]]:
    """History of each fold of a model, or of all of it."""
    return [(k, f"fold{k}/history.json") for k in range(folds)] or [(None, "history.json")]


def _read(path: Path) -> list[dict[str, float]]:
    content = io.read_json(path)
    needed = {"epoch", "loss", "validation_loss"}
    if not isinstance(content, list) or not all(
        isinstance(row, dict) and needed <= set(row) for row in content
    ):
        raise InputError(f"{path}: must be a list of records with {', '.join(sorted(needed))}; train again")
    return content


def compute(
    trained: TrainedSpec,
    histories: Sequence[tuple[int | None, int | None, Sequence[dict[str, float]]]],
    heavy_jets: Mapping[str, Mapping[str, float]],
    started: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> TrainingNumbers:
    """The losses of each training that has any."""
    kept = [_history(fold, member, rows) for fold, member, rows in histories if rows]
    return TrainingNumbers(
        classifier=trained.name,
        title=trained.title,
        unit="Boosting round" if trained.backend == "xgboost" else "Epoch",
        histories=tuple(kept),
        heavy_jets={name: dict(shares) for name, shares in heavy_jets.items() if shares},
        started={name: _started(found) for name, found in started.items()},
        message="" if kept else f"{trained.title} has no training history (backend {trained.backend})",
    )


def _started(found: Mapping[str, Any]) -> Started:
    return Started(
        model=found["from"],
        matched=len(found["matched"]),
        not_matched=found["not_matched"],
        validation_loss=found["validation_loss"],
    )


def _history(fold: int | None, member: int | None, rows: Sequence[dict[str, float]]) -> History:
    validation = digits(row["validation_loss"] for row in rows)
    return History(
        fold=fold,
        member=member,
        epoch=digits(row["epoch"] for row in rows),
        loss=digits(row["loss"] for row in rows),
        validation_loss=validation,
        learning_rate=digits(row["learning_rate"] for row in rows if "learning_rate" in row),
        seconds=float(sum(row.get("seconds") or 0.0 for row in rows)),
        best=int(np.argmin(validation)),
    )


def draw(numbers: TrainingNumbers, style: PlotSpec) -> Figure:
    """Both losses of each training, and a dot at the best epoch."""
    if not numbers.histories:
        return looks.message_figure(numbers.message, style, numbers.title)
    with looks.rc():
        figure = looks.new_figure(style, 0.66)
        axes = figure.subplots()
        for history in numbers.histories:
            _draw_history(axes, history, faint=len(numbers.histories) > 1)
        handles = [
            Line2D([], [], color=TRAIN_COLOR, label="training"),
            Line2D([], [], color=VALIDATION_COLOR, linestyle=looks.LINES["dash"], label="validation"),
            Line2D([], [], color=VALIDATION_COLOR, marker="o", linestyle="none", label="best"),
        ]
        axes.legend(handles=handles, loc="upper right")
        axes.set(xlabel=numbers.unit, ylabel="Loss", ylim=_limits(numbers))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        looks.title_line(axes, style, f"{numbers.title}{numbers.parts()}")
    return figure


def _draw_history(axes: Axes, history: History, faint: bool) -> None:
    alpha, name = 0.6 if faint else 1.0, "all" if history.fold is None else f"fold{history.fold}"
    name = name if history.member is None else f"member{history.member}.{name}"
    marker = "." if len(history.epoch) < 3 else ""  # a line of one point is invisible
    axes.plot(history.epoch, history.loss, color=TRAIN_COLOR, alpha=alpha, marker=marker, gid=f"{name}.loss")
    axes.plot(
        history.epoch, history.validation_loss, color=VALIDATION_COLOR, alpha=alpha, marker=marker,
        linestyle=looks.LINES["dash"], gid=f"{name}.validation_loss",
    )  # fmt: skip
    axes.plot(
        [history.epoch[history.best]],
        [history.validation_loss[history.best]],
        "o",
        color=VALIDATION_COLOR,
        markersize=6,
    )


def _limits(numbers: TrainingNumbers) -> tuple[float, float]:
    """Limits with room for the legend; a first epoch far above the others may leave the frame."""
    losses = [np.asarray(part) for h in numbers.histories for part in (h.loss, h.validation_loss)]
    low = min(float(part.min()) for part in losses)
    high = max(float(max(part[1:].max(initial=part[-1]), np.median(part))) for part in losses)
    first = max(float(part[0]) for part in losses)
    high = first if first - low < 3 * (high - low) else high
    span = (high - low) or abs(high) or 1.0
    return low - 0.06 * span, high + 0.35 * span
