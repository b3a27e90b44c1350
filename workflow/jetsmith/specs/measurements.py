"""Measurements of efficiencies in data, and so of scale factors."""

from typing import Annotated, Literal

from pydantic import Field

from jetsmith.strict import Name, Record, Single

UpTo1 = Annotated[float, Field(ge=0, lt=1)]


class VariableSpec(Record):
    """What tells jets of the measured class from others, beside the tagger."""

    group: Name = Field(description="Feature group (config/features), of one value a jet.")
    feature: str = Field(description="Its feature, such as `softMuPtRel`.")
    edges: tuple[Single, ...] = Field(
        min_length=2,
        description="Bins, in units of the feature as it is packed. Jets beyond, such as those without a "
        "muon, are no part of the measurement.",
    )


class UncertaintiesSpec(Record):
    """What is not known of the simulation: nuisance parameters, and their widths (one standard deviation)."""

    rate: UpTo1 = Field(
        0.3, description="Relative, of the number of jets of each other class, by their share in simulation."
    )
    mistag: UpTo1 = Field(
        0.2, description="Relative, of the efficiency of each other class, the number of jets being the same."
    )
    energy_scale: UpTo1 = Field(0.02, description="Relative, of the pt of all jets.")
    samples: dict[Name, Name] = Field(
        {},
        description="Name of a source, such as `generator`, and another sample, the simulation with one "
        "thing changed: its distributions are one standard deviation, the other side is the mirror image.",
    )


class FitSpec(Record):
    """How the efficiency is found: what stage measure gets."""

    method: Literal["fit", "negative_tags"] = Field(
        "fit",
        description="fit: of the signal's efficiency, to jets that pass and fail. negative_tags: the "
        "efficiency of light jets, by how many jets pass with turned signs; each sample needs another one of "
        "its datasets with `signs: turned`.",
    )
    pt_bins_gev: tuple[float, ...] = Field(
        (),
        description="Bins, with a fit in each [GeV]; none: those of `selection`, which want "
        "`uncertainties.energy_scale: 0`: it moves jets into the first bin, so that this has to begin above "
        "`pt_min_gev`.",
    )
    tag: str = Field(
        "",
        description="Working point that another jet of the event has to pass for a jet to count "
        "(tag and probe); none: every jet counts.",
    )
    n_jets: tuple[int, int] | None = Field(
        None,
        description="Events alone that have so many jets of `selection`, from and to: two in dileptonic top "
        "pairs leave few that are not of b quarks.",
    )
    variable: VariableSpec | None = Field(
        None, description="Distribution to be fitted; none: jets that pass and fail are counted."
    )
    uncertainties: UncertaintiesSpec = UncertaintiesSpec()
    pseudo_experiments: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Of each fit: drawn from the fitted model, fitted again, for bias and coverage.",
    )


class MeasurementSpec(FitSpec):
    """One entry a measurement."""

    judgement: str = Field(
        description="Tagger of the run, or tagger and discriminant where that is not its first. The signal "
        "of its evaluation is what is measured, at its working points; by `negative_tags` the background "
        "with `flavor: 0`."
    )
    simulation: Name = Field(
        description="Sample of simulated jets. Where it is the tagger's own, its split `test` alone."
    )
    data: Name = Field(
        description="Sample of jets of collisions. If it is simulation, too, half of its events are "
        "presented as data, and the other half say what the fit should have found."
    )

    @property
    def samples(self) -> tuple[str, ...]:
        """All samples whose jets it reads: data, simulation, and those of uncertainties."""
        return (self.data, self.simulation, *self.uncertainties.samples.values())
