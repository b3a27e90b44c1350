"""Data beside simulation: what goes into taggers, and what comes out of them."""

from typing import Literal

from pydantic import Field

from jetsmith.strict import Name, Record


class CommissioningSpec(Record):
    """One entry a pair of data and simulation."""

    judgements: tuple[str, ...] = Field(
        min_length=1,
        description="Taggers of the run, or tagger and discriminant where that is not its first: their "
        "discriminants and inputs are shown. Layers are the classes that judge the first of them.",
    )
    data: Name = Field(description="Sample of jets of collisions, or of simulation presented as data.")
    simulation: tuple[Name, ...] = Field(
        min_length=1, description="Samples of simulated jets, all of them together."
    )
    groups: tuple[Name, ...] = Field(
        (),
        description="Feature groups (config/features) to be shown; none: those that the taggers read. Of a "
        "group that they read the features that they read, of another one all.",
    )
    scale: Literal["data", "luminosity"] = Field(
        "data",
        description="data: simulation is scaled to the jets of data; luminosity: to `luminosity_ifb`, by "
        "the cross sections of its data sets.",
    )
