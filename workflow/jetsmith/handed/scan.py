"""What choose found of the points of a scan, for plot and report; whom halving trains again."""

from dataclasses import dataclass
from typing import Any

from jetsmith.io import Stored


@dataclass(frozen=True, slots=True)
class Tried(Stored):
    """One training of a point of a scan.

    Attributes:
        point: Digest of its settings; its first model is models/{classifier}.scan/{point}.
        rung: Of halving, counted from 0; always 0 else.
        settings: By key of `scan.over`.
        validation_loss: The smallest of its training, on the split `validation`.
        epoch: When that was, counted from 1; boosting rounds for trees.
        epochs: How many there were.
        seconds: That they took [s].
    """

    point: str
    rung: int
    settings: dict[str, Any]
    validation_loss: float
    epoch: int
    epochs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Scan(Stored):
    """All trainings of a scan, rung by rung, in its order or by rank.

    Attributes:
        classifier: Whose.
        method: As in the configuration.
        keys: Of the settings, in the order of the configuration.
        chosen: Digest of the point that the classifier has become.
        points: Not empty.
    """

    classifier: str
    method: str
    keys: tuple[str, ...]
    chosen: str
    points: tuple[Tried, ...]

    @property
    def best(self) -> Tried:
        """The chosen one: of a point that was trained in several rungs that of the last."""
        return next(tried for tried in reversed(self.points) if tried.point == self.chosen)

    @property
    def ranked(self) -> list[Tried]:
        """The last rung first, whose losses compare, and by rising loss."""
        return sorted(self.points, key=lambda tried: (-tried.rung, tried.validation_loss))


@dataclass(frozen=True, slots=True)
class Promoted(Stored):
    """A point that is trained in the next rung.

    Attributes:
        classifier: Whose.
        settings: By key of `scan.over`.
    """

    classifier: str
    settings: dict[str, Any]
