"""The table of a scan: what choose found of its points, for plot and report."""

from dataclasses import dataclass
from typing import Any

from jetsmith.io import Stored


@dataclass(frozen=True, slots=True)
class Tried(Stored):
    """One point of a scan.

    Attributes:
        point: Digest of its settings; its model is models/{classifier}.scan/{point}.
        settings: By key of `scan.over`.
        validation_loss: The smallest of its training, on the split `validation`.
        epoch: When that was, counted from 1; boosting rounds for trees.
        epochs: How many there were.
        seconds: That they took [s].
    """

    point: str
    settings: dict[str, Any]
    validation_loss: float
    epoch: int
    epochs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Scan(Stored):
    """All points of a scan, in its order.

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
        """The chosen point."""
        return next(tried for tried in self.points if tried.point == self.chosen)
