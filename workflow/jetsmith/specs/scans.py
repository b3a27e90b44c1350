"""Scans of classifiers: of settings, of which one is chosen, and of the weight of a loss."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from jetsmith.strict import Name, Record, Single

MAX_POINTS = 1000
COMPARABLE = ("training.epochs", "training.patience", "training.batch_size", "training.learning_rate")
"""Keys of `training` that a scan may vary beside all of `architecture`: losses of others do not compare."""


def parts(key: str) -> tuple[str, str]:
    """`architecture.max_depth` -> (`architecture`, `max_depth`)."""
    part, _, name = key.partition(".")
    return part, name


def said(settings: Mapping[str, Any]) -> str:
    """Settings of a point in words: `architecture.max_depth: 3, training.learning_rate: 0.1`."""
    return ", ".join(f"{key}: {value}" for key, value in settings.items())


class RangeSpec(Record):
    """An interval to draw from."""

    low: int | Single = Field(description="Smallest value; where both ends are whole numbers, so are draws.")
    high: int | Single = Field(description="Largest value.")
    log: bool = Field(False, description="Whether the logarithm of the value is drawn evenly, not the value.")


class ScanSpec(Record):
    """Trainings with other settings, of which the tagger becomes that with the smallest validation loss."""

    method: Literal["grid", "random", "halving"] = Field(
        "grid",
        description="`grid`: every combination of the lists; `random`: independent draws; `halving`: draws, "
        "of which the best are trained again with more epochs.",
    )
    over: dict[str, Any] = Field(
        min_length=1,
        description="By key of this file (`architecture.max_depth`; of `training`: epochs, patience, "
        "batch_size, learning_rate) a list of values, or for draws an interval. The file's own value of such "
        "a key is not used.",
    )
    points: int | None = Field(None, ge=2, le=MAX_POINTS, description="How many are drawn; not for a grid.")
    rungs: int = Field(
        3,
        ge=2,
        le=8,
        description="Of halving: how often it trains; the last time with all `training.epochs`.",
    )
    factor: int = Field(
        3,
        ge=2,
        le=10,
        description="Of halving: from rung to rung so many times the epochs, and fewer points.",
    )

    def trained(self, n: int) -> list[int]:
        """Trainings of each rung, of n points; of other methods than halving there is one rung."""
        if self.method != "halving":
            return [n]
        return [math.ceil(n / self.factor**rung) for rung in range(self.rungs)]

    def epochs(self, rung: int, most: int) -> int:
        """Largest number of epochs in a rung, where the last one has `most`."""
        if self.method != "halving":
            return most
        left_out: int = self.factor ** (self.rungs - 1 - rung)
        return math.ceil(most / left_out)


class LossScanSpec(Record):
    """Trainings beside the tagger's own with other weights of one loss, to see what each costs."""

    loss: Name = Field(description="One of `losses` beside `classes`.")
    weights: tuple[Single, ...] = Field(
        min_length=2,
        max_length=50,
        description="Its weights (λ), the tagger's own or not; 0 is the network without it.",
    )
    seeds: int = Field(3, ge=2, le=20, description="Trainings of each weight, with seeds of their own.")
