"""Corrections of the shape of a discriminant."""

from pydantic import Field

from jetsmith.specs.measurements import UpTo1
from jetsmith.strict import Name, Record, Single


class RegionCuts(Record):
    """Jets of a region, and the bins of its scale factors: what stage shape gets."""

    tag: str = Field(
        "",
        description="Working point that another jet of the event has to pass for a jet to count; none: that "
        "is not asked.",
    )
    anti_tag: str = Field(
        "",
        description="Working point that no other jet of the event may pass for a jet to count; none: that is "
        "not asked.",
    )
    n_jets: tuple[int, int] | None = Field(
        None, description="Events alone that have so many jets of `selection`, from and to."
    )
    pt_bins_gev: tuple[float, ...] = Field(
        (),
        description="Bins [GeV]; none: those of `selection`, which want `uncertainties.energy_scale: 0`: it "
        "moves jets into the first bin, so that this has to begin above `pt_min_gev`.",
    )
    abseta_bins: tuple[float, ...] = Field(
        (), description="Bins of the absolute pseudorapidity; none: one, as far as `selection` goes."
    )
    discriminant_bins: tuple[Single, ...] = Field(
        min_length=3,
        description="Edges of the discriminant. All below the first one, such as jets that are not tagged, "
        "is a bin of its own; what is above the last one counts in the last bin.",
    )


class RegionSpec(RegionCuts):
    """Jets that are mostly of one flavour, in data and in simulation."""

    data: Name = Field(
        description="Sample of jets of collisions. If it is simulation, too, half of its events are "
        "presented as data, and the other half say what should have been found."
    )
    simulation: Name = Field(
        description="Sample of simulated jets. Where it is the tagger's own, its split `test` alone."
    )


class ShapeUncertainties(Record):
    """What is not known of the simulation, beside its statistics."""

    lf: UpTo1 = Field(0.2, description="Relative, of the number of jets that are no b in the heavy region.")
    hf: UpTo1 = Field(0.2, description="Relative, of the number of b and c jets in the light region.")
    energy_scale: UpTo1 = Field(
        0.02,
        description="Relative, of the pt of all simulated jets: `up_jes`, `down_jes`. 0: there are none.",
    )


class UnfoldSpec(Record):
    """How scale factors follow from both regions."""

    uncertainties: ShapeUncertainties = ShapeUncertainties()
    pseudo_experiments: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Drawn from the result, data and simulation, and solved again, for bias and coverage.",
    )


class ShapeSpec(UnfoldSpec):
    """One entry a judgement whose signal are b jets and whose backgrounds are c and light ones."""

    heavy: RegionSpec = Field(description="Where most jets are b: `tag` in dileptonic top pairs.")
    light: RegionSpec = Field(description="Where most jets are light: multijets, or Z+jets with `anti_tag`.")

    @property
    def samples(self) -> tuple[str, ...]:
        """All samples whose jets it reads."""
        return (self.heavy.data, self.heavy.simulation, self.light.data, self.light.simulation)
