"""Feature groups, and what a classifier reads of one."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from jetsmith.specs.datasets import Object
from jetsmith.strict import Name, Record, Single

Transform = Literal["none", "abs", "log", "log10", "log1p", "signed_log1p"]


class ColumnSpec(Record):
    """How one feature is computed."""

    source: str = Field(
        description="Canonical column, stored or derived, or `stored_` and the branch of a tagger's score."
    )
    slot: int | None = Field(
        None, ge=0, le=1000, description="Element of a ragged source, for a flat feature."
    )
    default: Single | None = Field(
        0.0,
        description="Value where the source is missing, empty or not finite; null leaves it NaN, which "
        "backend stored counts as no score and all others refuse.",
    )
    transform: Name = "none"
    clip: tuple[Single, Single] | None = Field(None, description="Smallest and largest value.")


DEFINITION = tuple(ColumnSpec.model_fields)  # keys of a feature that change its numbers


class FeatureSpec(ColumnSpec):
    """One named input."""

    transform: Transform = Field(
        "none", description="A function of jetsmith.features.transforms, applied before the default is set."
    )
    unit: str = Field("", description="Unit after the transform.")
    label: str = Field("", description="TeX label for plots.")


class RawSpec(ColumnSpec):
    """A feature as whoever runs a bundle gives it: before its transform."""

    unit: str = Field("", description="Unit of its source.")
    meaning: str = Field(
        "", description="What its source is, in a few words; of another tagger's scores none."
    )


def raw_specs(given: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, RawSpec]]:
    """Features of each group by their names, from plain values."""
    return {group: {name: RawSpec(**raw) for name, raw in of.items()} for group, of in given.items()}


class ColumnGroup(Record):
    """How the features of a group are computed: what features and pack get of it."""

    name: Name
    object: Object = Field(description="The rows that it describes.")
    kind: Literal["flat", "sequence"]
    length: int = Field(
        0, ge=0, le=10_000, description="Longest sequence; longer ones are cut after sorting."
    )
    sort_by: str = Field(
        "", description="Canonical column that orders a sequence, largest first; empty: as stored."
    )
    features: Mapping[str, ColumnSpec] = Field(min_length=1)

    @property
    def sources(self) -> list[str]:
        """Canonical columns that features and order need."""
        return [*(feature.source for feature in self.features.values()), *filter(None, [self.sort_by])]

    def column(self, feature: str) -> str:
        """Name of a feature's column in the features file."""
        return f"{self.name}_{feature}" if self.kind == "sequence" else feature


class FeatureGroup(ColumnGroup):
    """A file of config/features: flat features of an object, or one of its sequences."""

    features: Mapping[str, FeatureSpec] = Field(min_length=1)
    presets: dict[Name, tuple[str, ...]] = Field({}, description="Named lists of features.")


class Inputs(Record):
    """The inputs of a classifier from one feature group, resolved."""

    group: Name
    kind: Literal["flat", "sequence"]
    length: int = Field(ge=0)
    features: tuple[str, ...] = Field(min_length=1)
    sources: tuple[str, ...] = Field(description="Canonical columns that features and order need.")
