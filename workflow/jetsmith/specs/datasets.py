"""Datasets, and the cuts on their rows."""

import re
from typing import Literal, NamedTuple

from pydantic import Field

from jetsmith.strict import Name, Positive, Record, Single

Object = Literal["ak4", "ak8", "event"]


class LayoutOf(NamedTuple):
    """What the parse knows of a layout, whose module `jetsmith.sources.<name>` it does not import.

    Attributes:
        tables: Names that its table may have.
        cut: What it calls the cut that `CutsSpec.jet_id` asks for.
    """

    tables: tuple[str, ...]
    cut: str


LAYOUTS = {
    "deepntuples": LayoutOf(("deepntuplizer/tree",), "jet_id"),
    "pfnano": LayoutOf(("Events",), "jet_id"),
    "nanoaod": LayoutOf(("Events",), "jet_id"),
    "physlite": LayoutOf(("CollectionTree", "EventData"), "jvt"),
    "lhe": LayoutOf(("LesHouchesEvents",), "jet_id"),
    "jetclass": LayoutOf(("tree",), "jet_id"),
}
"""By name, in the order in which they are tried: the most special one first."""
Layout = Literal[*LAYOUTS]  # type: ignore[valid-type]


class JetsOf(NamedTuple):
    """What the parse knows of a layout whose entries are jets without their events.

    Attributes:
        files: What its files are called, in the plural.
        object: The rows that they have.
    """

    files: str
    object: str


JETS_ALONE = {
    "deepntuples": JetsOf("DeepNtuples", "ak4"),
    "jetclass": JetsOf("files of JetClass", "ak8"),
}
MAX_PARTS = 100_000
RELATIVE_WEIGHTS = ("LHEScaleWeight", "LHEPdfWeight", "LHEReweightingWeight", "PSWeight")
"""Branches of NanoAOD that are lists of factors on the generator weight."""
_RELATIVE = re.compile(rf"(?P<branch>{'|'.join(RELATIVE_WEIGHTS)})\[(?P<index>\d{{1,5}})\]")


class RelativeWeight(NamedTuple):
    """A factor on the generator weight, by its branch and its place in the list of an event."""

    branch: str
    place: int

    def __str__(self) -> str:
        return f"{self.branch}[{self.place}]"


class SimulateSpec(Record):
    """A dataset of the embedded demo."""

    process: Name = Field(description="Process of jetsmith.simulation.processes.")
    detector: Name = Field(
        "nominal",
        description="Detector of jetsmith.simulation.parameters; `worse_tracker` makes pseudo-data that the "
        "nominal one does not describe, `more_pile_up` has twice the collisions.",
    )
    n_events: int = Field(gt=0, description="Events in all parts together.")
    parts: int = Field(1, gt=0, le=MAX_PARTS, description="Files, each from its own seed, made in parallel.")


class LeptonsSpec(Record):
    """Isolated leptons that select events: tight electrons and muons (ATLAS: medium muons)."""

    channels: tuple[Literal["e", "mu", "ee", "emu", "mumu"], ...] = Field(
        min_length=1,
        description="What an event has, and no further ones: `e`, `mu` one lepton, as W bosons give; `ee`, "
        "`emu`, `mumu` two. Any of them passes.",
    )
    pt_min_gev: float = Field(25.0, ge=0, description="Smallest transverse momentum of each [GeV].")
    abseta_max: Positive = Field(2.4, description="Largest absolute pseudorapidity.")
    isolation_max: Positive = Field(
        0.15, description="Largest relative isolation of muons; that of electrons is in their identification."
    )
    opposite_charge: bool = Field(True, description="Two leptons have charges that add up to 0.")
    pair_mass_gev: tuple[float, float] | None = Field(
        None, description="Mass of two leptons, from and to [GeV]: that of the Z, or above resonances."
    )
    transverse_mass_min_gev: float = Field(
        0.0,
        ge=0,
        description="Least transverse mass of one lepton and what is missing (`PuppiMET`), such as 50 of a W "
        "[GeV]; 0 for no cut.",
    )
    z_veto_gev: float = Field(
        0.0,
        ge=0,
        description="Two leptons of one flavour are so far from the mass of the Z [GeV], such as 15 in top "
        "pairs; 0 for no cut.",
    )


class ReadingSpec(Record):
    """How the files of a dataset are read: what inspect and skim get of it."""

    object: Object = Field(description="What a row is: an AK4 jet, an AK8 jet or an event.")
    events: Literal["z", "all"] = Field(
        "z",
        description="Which events are rows of `event`: those with two leptons of a Z; or all, of which "
        "columns of the Z are missing where there is none.",
    )
    layout: Literal["auto"] | Layout = Field(
        "auto", description="Layout of the files; `auto` lets inspect recognise it."
    )
    is_data: bool = Field(
        False, description="Collision data: no truth, masks apply. Inspect compares it with the files."
    )
    weights: Literal["generator", "unit"] = Field(
        "generator",
        description="`unit`: simulation whose files hold no generator weight; every event then counts 1.",
    )
    weight_variation: str = Field(
        "",
        description="A variation, whose weight is then the generator weight of every event. LHE files: id of "
        "a weight (`<rwgt>`, `<initrwgt>`), in place of XWGTUP. NanoAOD: a branch and an index, such as "
        "`LHEScaleWeight[3]`, a factor on genWeight.",
    )
    without: tuple[Literal["jet_id", "jvt", "hlt"], ...] = Field(
        (),
        description="Cuts that are left out, since the files cannot tell: `jet_id` (CMS) and `jvt` (ATLAS) "
        "of `selection.jet_id`; `hlt` of simulation that has no triggers, beside data that are selected by "
        "some. Cutflow and report show cuts as not applied, the report also `hlt`, which changes no skim.",
    )
    generated: Literal["runs", "events"] = Field(
        "runs",
        description="Where the sum over generated events comes from: the trees Runs, which remember what a "
        "skim left out; or the entries, where files hold all generated events but their Runs are wrong.",
    )
    golden_json: str | None = Field(None, description="Certified luminosity blocks (data).")
    hlt: tuple[str, ...] = Field(
        (),
        description="Triggers, any of which passes. One that a file lacks has not fired in it; one that "
        "every file lacks stops.",
    )
    leptons: LeptonsSpec | None = Field(
        None,
        description="Events alone that have these leptons, and jets alone that are none of them. NanoAOD, "
        "PFNano and PHYSLITE. Jets have the column `lepton_charge` then.",
    )
    duplicates: Literal["refuse", "allow"] = Field(
        "refuse", description="Two entries of one run, block and event; `allow` where numbers begin anew."
    )

    @property
    def relative_weight(self) -> RelativeWeight | None:
        """The factor that `weight_variation` names; None where it is no branch with an index."""
        found = _RELATIVE.fullmatch(self.weight_variation)
        return RelativeWeight(found["branch"], int(found["index"])) if found else None


class DatasetSpec(ReadingSpec):
    """One list of files of one process, read as one kind of row."""

    files: tuple[str, ...] = Field((), description="Paths, globs or root:// addresses.")
    simulate: SimulateSpec | None = Field(None, description="Simulate it instead of reading files.")
    process: Name = Field(description="Physics process, for labels and truth.")
    generator: str = Field("", description="Generator and its set-up; the class of a reweighter.")
    parameters: dict[Name, Single] = Field(
        {},
        description="Parameters of the generator and the values at which these events were generated, for "
        "reweighters that have them as inputs. Nominal events have none.",
    )
    cross_section_pb: Positive | None = Field(None, description="Cross-section [pb].")
    same_sums: Literal["refuse", "allow"] = Field(
        "refuse",
        description="Skimmed files whose trees Runs are the same to the last bit, as those of two skims of "
        "one file are, whose generated events would count twice; `allow` where each has generated events of "
        "its own: jobs of equal size whose weights are all the same have such sums.",
    )
    parts: int | None = Field(
        None, gt=0, le=MAX_PARTS, description="Partitions; by default from the file sizes."
    )


class CutsSpec(Record):
    """Cuts on the jets of one object."""

    pt_min_gev: float = Field(30.0, ge=0, description="Smallest transverse momentum [GeV].")
    abseta_max: Positive = Field(2.5, description="Largest absolute pseudorapidity.")
    jet_id: int = Field(
        2,
        ge=0,
        le=7,
        description="Bits that Jet_jetId must have: 2 tight, 4 tight with lepton veto, 1 loose (set in files "
        "of 2016 alone); 0 for no cut. In ATLAS files any other number asks for NNJvtPass. Files that cannot "
        "tell stop the run, unless the dataset says `without`.",
    )


class SelectionSpec(CutsSpec):
    """The cuts, and the bins in which efficiencies are quoted."""

    pt_bins_gev: tuple[float, ...] = Field(
        (30, 50, 70, 100, 140, 200, 300, 600, 1000), description="Bins of the efficiencies [GeV]."
    )
    abseta_bins: tuple[float, ...] = Field((0, 0.8, 1.6, 2.5), description="Bins of the efficiencies.")
    third_bins: dict[Name, tuple[float, ...]] = Field(
        {},
        max_length=1,
        description="Column of rows, such as `n_pv`, and edges: efficiencies are binned in it, too. What is "
        "beyond is in the end bins.",
    )
