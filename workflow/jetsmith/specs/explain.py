"""How closely a run looks into its taggers."""

from pydantic import Field

from jetsmith.strict import Record


class JetsSpec(Record):
    """How many jets are looked at."""

    exchanged: int = Field(
        3000,
        ge=100,
        le=10_000_000,
        description="Jets, at most, whose inputs are exchanged: each is scored once for each feature.",
    )
    attributed: int = Field(
        500,
        ge=10,
        le=10_000_000,
        description="Of these the jets, at most, whose values are shared among their inputs.",
    )


class ExplainSpec(JetsSpec):
    """Which inputs a tagger lives by: a figure of each that is trained."""

    enabled: bool = Field(True, description="Whether taggers are looked into.")
