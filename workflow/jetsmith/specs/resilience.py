"""What taggers are tried on: samples with one thing changed, and moves of their inputs."""

from typing import Literal

from pydantic import Field

from jetsmith.strict import Fraction, Name, Positive, Record

MOVES: dict[Literal["random", "adversarial"], str] = {
    "random": "random moves",
    "adversarial": "adversarial moves",
}
"""What figures call them, by kind."""


class FeatureShiftSpec(Record):
    """What becomes of one input x: `scale` x + `offset`."""

    scale: Positive = Field(1.0, le=10, description="Factor on the values, before their transform.")
    offset: float = Field(
        0.0, ge=-1e6, le=1e6, description="Added to them then, in the unit before the transform."
    )


class MovesSpec(Record):
    """How inputs are moved: what stage perturb gets."""

    features: dict[str, dict[str, FeatureShiftSpec]] = Field(
        {},
        description="What is other, in a few words, and by `group.feature` which inputs are moved by a "
        "factor or an offset: `{jet energies up: {ak4.jet_pt: {scale: 1.02}}}`. Counts, defaults, padding "
        "and values at the ends of `clip` stay.",
    )
    moves: bool = Field(
        True, description="Whether inputs are moved, too, by small steps against each tagger and at random."
    )

    step: Positive = Field(
        0.01,
        le=1,
        description="Length of the move of each real-valued input, in standard deviations of the input as "
        "networks scale it.",
    )
    largest_share: Fraction = Field(
        0.2, description="Of its own size, by which a value is moved at most; what is 0 stays."
    )
    jets: int = Field(20_000, ge=100, le=10_000_000, description="Jets, at most, that are moved.")


class ResilienceSpec(MovesSpec):
    """One entry a sample: its taggers are tried where something is not as it was when they learned."""

    shifts: dict[str, Name] = Field(
        {},
        description="What is other, in a few words, and the sample that has it: the taggers are scored "
        "there, too, and areas compared in the split `test` of both. Such as `{worse tracks: jets_worse}`.",
    )
    taggers: tuple[Name, ...] = Field(
        (), description="Those that are tried, of the taggers of the sample; none: all of them."
    )
