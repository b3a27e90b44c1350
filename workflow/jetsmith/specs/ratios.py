"""From the log-odds of a reweighter to weights."""

from typing import Annotated, Any, Literal

from pydantic import Field

from jetsmith.strict import Record, Single

Bins = Annotated[dict[str, tuple[Single, ...]], Field(max_length=3)]  # edges by feature


class RatioSpec(Record):
    """From the log-odds of a reweighter to weights: what stage weights gets of `ratio`."""

    calibration: Literal["none", "platt", "isotonic", "histogram"] = Field(
        "platt",
        description="Log ratio against log-odds, on the split `calibration`: as they are, a straight line, "
        "or knots of a rising or of any curve. `none` where a model of others, or a ratio in bins, is not "
        "told.",
    )
    calibration_bins: int = Field(
        20, ge=2, le=1000, description="Of equal content, of isotonic and histogram."
    )
    conserve: bool = Field(
        True,
        description="Whether weights leave the sum of the source's generator weights what it is. false where "
        "a model of others is not told: its weights are published to be applied as they are.",
    )
    conserve_in: dict[str, tuple[float, ...]] = Field(
        {},
        max_length=1,
        description="Feature of `inputs`, and edges of bins: in each of them; end bins have all beyond.",
    )
    refine: bool = Field(
        False,
        description="Also write `weight_refined`, a weight above 0 that stands for the generator's own: its "
        "size times what weights below 0 leave of the density there; and `weight_refined_target`, that times "
        "`weight`, with the sum of the source. With `negative_weights: classes`.",
    )
    valid: dict[str, tuple[Single, Single]] = Field(
        {},
        description="Region of validity: feature of `inputs`, its smallest value, and where it ends, which "
        "is outside. Events outside have weight 1, are counted, and listed in the column `outside`.",
    )


class RatioEntry(RatioSpec):
    """The key `ratio` of a reweighter's file.

    A model of others is published with weights that are to be applied as they are: `resolved` gives its
    reweighter no calibration, and conserves no sum, where its file does not ask for it. A ratio that is exact
    in bins gets no calibration either, and these bins.
    """

    binned: Bins = Field(
        {},
        description="One to three flat features of `inputs`, and edges of their bins, in which mean weights "
        "are written for correctionlib. Of backend `histogram` its own bins, where it is not told.",
    )

    @classmethod
    def resolved(cls, given: "RatioEntry | None", trains: bool, exact_in: Bins) -> "RatioEntry":
        """With the defaults of a reweighter that is trained here, of a model of others, or of exact bins."""
        given = given or cls()
        told = given.model_fields_set
        others: dict[str, Any] = {"calibration": "none", "binned": exact_in} if exact_in else {}
        if not trains:
            others = {"calibration": "none", "conserve": bool(given.conserve_in)}
        return given.model_copy(update={key: value for key, value in others.items() if key not in told})
