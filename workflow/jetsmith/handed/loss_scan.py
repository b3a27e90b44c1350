"""What scan_losses found of the trainings of a tagger with other weights of a loss."""

from dataclasses import dataclass

from jetsmith.io import Stored
from jetsmith.metrics import Interval


@dataclass(frozen=True, slots=True)
class Left(Stored):
    """What is left of a column in a score, on background that no training has seen.

    Attributes:
        seen: JSD (base 2) of its spectrum where background passes from that where it fails.
        by_chance: What a cut that does not know the column has on average.
        true: The true one, and its interval (68.3%): less what chance adds.
    """

    seen: float
    by_chance: float
    true: Interval


@dataclass(frozen=True, slots=True)
class AtCut(Stored):
    """Background where the signal has its efficiency.

    Attributes:
        background: Its efficiency, and the interval (68.3%), read on straight lines between scores.
        reached: Efficiency that the signal has where spectra are taken; above that where jets share a score.
        doubt: `few` where few of its jets fix the cut, `ties` where many share its score; else empty.
        left: By column, in their order.
    """

    background: Interval
    reached: float
    doubt: str
    left: tuple[Left, ...]

    @property
    def rejection(self) -> float:
        """1 / its efficiency."""
        return 1 / self.background.value


@dataclass(frozen=True, slots=True)
class Weighed(Stored):
    """One training.

    Attributes:
        weight: Of the loss.
        seed: Which of the trainings with this weight.
        auc: Area under the ROC curve.
        cut: None where there is none.
        why: Why there is none.
        flattened: The same with a threshold a bin of the first column, made on the split `calibration`,
            where background has one efficiency; None where it has none in a bin, or there is no cut.
        correlations: Squared distance correlation of score and column, by column; None where none is told.
    """

    weight: float
    seed: int
    auc: float
    cut: AtCut | None
    why: str
    flattened: AtCut | None
    correlations: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class LossScan(Stored):
    """All of them.

    Attributes:
        tagger: Whose.
        sample: Of whose jets.
        loss: Whose weights.
        discriminant: The tagger's first.
        signal: Class of the signal.
        background: Of the background.
        signal_jets: How many, none of which a training has seen.
        background_jets: Likewise.
        columns: What is to be left alone first, then others for comparison.
        trainings: By weight, then seed; none where one of the classes has no jets.
    """

    tagger: str
    sample: str
    loss: str
    discriminant: str
    signal: str
    background: str
    signal_jets: int
    background_jets: int
    columns: tuple[str, ...]
    trainings: tuple[Weighed, ...]
