"""The configuration as frozen, strict records.

Light on purpose: every batch job parses the Snakefile, and with it imports this module.
A stage gets its record as a plain dict in `params` (Snakemake compares those) and builds it
anew with `model_validate`.
"""

import math
from typing import Any, Literal

from pydantic import Field

from jetsmith.strict import Fraction, Name, Positive, Record, Single

Backend = Literal["xgboost", "keras", "stored", "sklearn"]
Object = Literal["ak4", "ak8", "event"]
MAX_PARTS = 100_000
Role = Literal["tagger", "reweighter"]


class SimulateSpec(Record):
    """A dataset of the embedded demo."""

    process: Name = Field(description="Process of jetsmith.simulation.processes.")
    n_events: int = Field(gt=0, description="Events in all parts together.")
    parts: int = Field(1, gt=0, le=MAX_PARTS, description="Files, each from its own seed, made in parallel.")


class DatasetSpec(Record):
    """One list of files of one process, read as one kind of row."""

    object: Object = Field(description="What a row is: an AK4 jet, an AK8 jet or an event.")
    layout: Literal["auto", "nanoaod", "pfnano", "deepntuples", "physlite"] = Field(
        "auto", description="ROOT layout; `auto` lets inspect recognise it."
    )
    files: tuple[str, ...] = Field((), description="Paths, globs or root:// addresses.")
    simulate: SimulateSpec | None = Field(None, description="Simulate it instead of reading files.")
    process: Name = Field(description="Physics process, for labels and truth.")
    generator: str = Field("", description="Generator and its set-up; the class of a reweighter.")
    is_data: bool = Field(
        False, description="Collision data: no truth, masks apply. Inspect compares it with the files."
    )
    weights: Literal["generator", "unit"] = Field(
        "generator",
        description="`unit`: simulation whose files hold no generator weight; every event then counts 1.",
    )
    without: tuple[Literal["jet_id", "jvt"], ...] = Field(
        (),
        description="Cuts of `selection.jet_id` that are left out, since the files cannot tell: `jet_id` "
        "(CMS), `jvt` (ATLAS). Cutflow and report show them as not applied.",
    )
    cross_section_pb: Positive | None = Field(None, description="Cross-section [pb].")
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
    parts: int | None = Field(
        None, gt=0, le=MAX_PARTS, description="Partitions; by default from the file sizes."
    )
    duplicates: Literal["refuse", "allow"] = Field(
        "refuse", description="Two entries of one run, block and event; `allow` where numbers begin anew."
    )


class SelectionSpec(Record):
    """Cuts on the jets of one object, and the bins in which their efficiencies are quoted."""

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
    pt_bins_gev: tuple[float, ...] = Field(
        (30, 50, 70, 100, 140, 200, 300, 600, 1000), description="Bins of the efficiencies [GeV]."
    )
    abseta_bins: tuple[float, ...] = Field((0, 0.8, 1.6, 2.5), description="Bins of the efficiencies.")


class SplitSpec(Record):
    """Fractions of the events, by a hash of the event key; they add up to 1."""

    train: Fraction = Field(0.5, description="Fitted on: networks, trees, scalers.")
    validation: Fraction = Field(0.1, description="Early stopping.")
    calibration: Fraction = Field(0.15, description="Working-point thresholds, probability calibration.")
    test: Fraction = Field(0.25, description="Every number that is reported.")


class SampleSpec(Record):
    """Datasets that are packed together."""

    datasets: tuple[Name, ...] = Field(min_length=1, description="Names of config/datasets.yaml.")
    folds: int = Field(0, ge=0, le=100, description="Cross-validation folds, 3 or more; 0 for one split.")
    normalise: Literal["unit", "cross_section"] = Field(
        "unit",
        description="unit: mean weight 1 in each dataset; cross_section: weights add up to it [pb], or to "
        "the expected events with `luminosity_ifb`.",
    )


class FeatureSpec(Record):
    """One named input."""

    source: str = Field(description="Canonical column, stored or derived.")
    slot: int | None = Field(
        None, ge=0, le=1000, description="Element of a ragged source, for a flat feature."
    )
    unit: str = Field("", description="Unit after the transform.")
    default: Single | None = Field(
        0.0,
        description="Value where the source is missing, empty or not finite; null leaves it NaN, which "
        "backend stored counts as no score and all others refuse.",
    )
    transform: Literal["none", "abs", "log", "log1p", "signed_log1p"] = Field(
        "none", description="Applied before the default is set."
    )
    clip: tuple[Single, Single] | None = Field(None, description="Smallest and largest value.")
    label: str = Field("", description="TeX label for plots.")


class FeatureGroup(Record):
    """A file of config/features: flat features of an object, or one of its sequences."""

    name: Name
    object: Object = Field(description="The rows that it describes.")
    kind: Literal["flat", "sequence"]
    length: int = Field(
        0, ge=0, le=10_000, description="Longest sequence; longer ones are cut after sorting."
    )
    sort_by: str = Field(
        "", description="Canonical column that orders a sequence, largest first; empty: as stored."
    )
    features: dict[str, FeatureSpec] = Field(min_length=1)
    presets: dict[Name, tuple[str, ...]] = Field({}, description="Named lists of features.")

    def column(self, feature: str) -> str:
        """Name of a feature's column in the features file."""
        return f"{self.name}_{feature}" if self.kind == "sequence" else feature


class Inputs(Record):
    """The inputs of a classifier from one feature group, resolved."""

    group: Name
    kind: Literal["flat", "sequence"]
    length: int = Field(ge=0)
    features: tuple[str, ...] = Field(min_length=1)
    sources: tuple[str, ...] = Field(description="Canonical columns that features and order need.")


class ClassSpec(Record):
    """One class of config/flavours.yaml."""

    name: Name
    truth: tuple[int, ...] = Field((), description="Truth ids.")
    generator: str = Field("", description="Generator of the dataset, for reweighters.")
    label: str = Field(min_length=1, description="TeX label.")
    color: str = Field(pattern=r"^#[0-9a-f]{6}$", description="Colour, hexadecimal.")
    flavor: int | None = Field(
        None, gt=-(2**31), lt=2**31, description="Code of the class in correction files."
    )


class TrainingSpec(Record):
    """How a classifier is trained; a backend uses what concerns it."""

    epochs: int = Field(30, gt=0, description="Largest number of epochs, or boosting rounds.")
    patience: int = Field(5, gt=0, description="Epochs or rounds without progress before it stops.")
    batch_size: int = Field(1024, gt=0, description="Jets a gradient step.")
    learning_rate: Positive = Field(1e-3, description="Learning rate, or shrinkage.")
    balance: Literal["none", "class", "pt_eta", "pt_eta_class"] = Field(
        "pt_eta_class",
        description="Weights that give the classes the same sum (class), the same spectrum (pt_eta) or both. "
        "A rare class is better left rare: levelled, its few jets drown the others.",
    )
    pt_bins_gev: tuple[float, ...] = Field(
        (20, 30, 40, 50, 60, 80, 100, 140, 200, 300, 600, 13000), description="Bins of the balance."
    )
    abseta_bins: tuple[float, ...] = Field((0, 0.8, 1.6, 2.5), description="Bins of the balance.")
    checkpoint_every: int = Field(1, gt=0, description="Epochs, or tens of rounds, between checkpoints.")


class DiscriminantSpec(Record):
    """One number from the class probabilities: S/(S + sum f_i B_i), or ln(S / sum f_i B_i)."""

    signal: tuple[Name, ...] = Field(min_length=1, description="Classes of the numerator, added.")
    background: dict[Name, Positive] = Field(
        min_length=1, description="Classes of the denominator with their fractions."
    )
    form: Literal["ratio", "log_ratio"] = Field("ratio")


class EvaluationSpec(Record):
    """Which truth is signal and which is background in ROC curves and working points."""

    signal: Name
    backgrounds: tuple[Name, ...] = Field(min_length=1, description="The first fixes the working points.")


class ClassifierFile(Record):
    """A file of config/taggers or config/reweighters, with names still to be looked up."""

    title: str = Field(min_length=1, description="Name on plots.")
    backend: Backend = Field(description="What trains it.")
    model: str = Field("", description="Architecture, a module of jetsmith.models; keras alone takes one.")
    object: Object = Field(description="What a row is.")
    classes: tuple[Name, ...] = Field(min_length=2, description="Classes of config/flavours.yaml.")
    inputs: dict[Name, Name | tuple[str, ...]] = Field(
        min_length=1, description="Feature group (config/features) and its preset, or a list of features."
    )
    architecture: dict[str, Any] = Field({}, description="Keys of the backend or of its model: see below.")
    training: TrainingSpec = TrainingSpec()
    discriminant: DiscriminantSpec | None = None
    evaluation: EvaluationSpec | None = None


class ClassifierSpec(Record):
    """A tagger or a reweighter, resolved: classes and inputs spelled out."""

    name: Name
    role: Role
    sample: Name
    folds: int = 0
    backend: Backend
    model: str = ""
    title: str
    object: Object
    classes: tuple[ClassSpec, ...] = Field(min_length=2)
    inputs: tuple[Inputs, ...] = Field(min_length=1)
    architecture: dict[str, Any] = Field({}, description="Options of the backend or of its model.")
    training: TrainingSpec
    discriminant: DiscriminantSpec | None = None
    evaluation: EvaluationSpec | None = None
    signal_class: ClassSpec | None = None
    background_classes: tuple[ClassSpec, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the outputs."""
        return tuple(c.name for c in self.classes)


class PartitionSpec(Record):
    """How inspect cuts a dataset into jobs."""

    target_mb: float = Field(
        20_000.0,
        ge=1e-6,
        description="Bytes a partition [MB]: by default ten minutes for LZMA files on a disk, half an hour "
        "for files that come with 10 MB/s.",
    )
    target_entries: int = Field(10_000_000, gt=0, description="Entries that cost as much.")
    at_least: int = Field(8, gt=0, description="Partitions of a dataset, unless they get too small.")
    smallest_mb: float = Field(500.0, ge=1e-6, description="What is too small [MB].")

    def n_parts(self, total_mb: float) -> int:
        """Partitions of a dataset of so many bytes."""
        few = min(self.at_least, math.ceil(total_mb / self.smallest_mb))
        return max(1, few, math.ceil(total_mb / self.target_mb))


class DaskSpec(Record):
    """The cluster that one driver job owns where `skim.backend` is `dask`."""

    cluster: str = Field(
        "distributed.LocalCluster",
        description="Class by its dotted name: `distributed.LocalCluster`, `dask_jobqueue.SLURMCluster`, "
        "`dask_jobqueue.HTCondorCluster`, or a site's own.",
    )
    options: dict[str, Any] = Field(
        {}, description="Its arguments, e.g. `{cores: 1, memory: 3GB, queue: main, walltime: '04:00:00'}`."
    )
    minimum: int = Field(1, ge=0, description="Workers that are always asked for.")
    maximum: int = Field(
        0, ge=0, description="Workers at most; 0 for one a core (LocalCluster) or one a partition (others)."
    )
    lifetime_min: int | None = Field(
        None,
        gt=0,
        description="A worker ends after so long [min]; with Slurm 90% of its walltime.",
    )
    patience_min: float = Field(
        120.0,
        gt=0,
        description="Without any worker for so long [min] the driver gives up.",
    )
    retries: int = Field(3, ge=0, description="Further runs of a partition whose worker was lost or failed.")

    @property
    def is_slurm(self) -> bool:
        """Whether workers are jobs of Slurm, whose walltimes have a form of their own."""
        return self.cluster.rpartition(".")[2] == "SLURMCluster"

    @property
    def is_local(self) -> bool:
        """Whether workers are processes of the driver's own job."""
        return self.cluster.rpartition(".")[2] == "LocalCluster"


class SkimSpec(Record):
    """How skim reads. Nothing here changes a row, so no change of it runs anything again."""

    backend: Literal["jobs", "dask"] = Field(
        "jobs",
        description="`jobs`: one Snakemake job a partition; `dask`: one job a dataset, with a cluster.",
    )
    threads: int = Field(1, gt=0, description="Processes of a job: coffea's FuturesExecutor above 1.")
    chunk_entries: int = Field(100_000, gt=0, description="Entries read at once.")
    max_loss_fraction: float = Field(0.0, ge=0, lt=1, description="Entries that may be lost, declared.")
    retries: int = Field(2, ge=0, description="Further attempts after a passing read error.")
    write_root: bool = Field(False, description="Write the rows as ROOT files, too (TTree `jets`, ZSTD).")
    dask: DaskSpec = DaskSpec()


class XRootDSpec(Record):
    """Remote files."""

    redirectors: tuple[str, ...] = Field(
        (), description="Servers (`root://host/`) that may hold a remote file, too; tried in this order."
    )
    timeout_s: int = Field(60, gt=0, description="Seconds until a request counts as failed [s].")


class ClosureSpec(Record):
    """The closure test of the reweighters."""

    bootstraps: int = Field(200, ge=20, le=100_000, description="Bootstrap replicas of the interval.")
    max_auc: float = Field(0.53, gt=0.5, lt=1, description="Closure passes below this AUC.")


class PlotSpec(Record):
    """Style of the plots."""

    label: str = Field("Private work (simulation)", description="Label on every plot.")
    width_in: float = Field(7.0, ge=2, le=40, description="Width of a plot [in].")
    dpi: int = Field(150, ge=20, le=1200, description="Resolution of the PNG files.")


class RunSpec(Record):
    """The run: config/config.yaml. Everything else is looked up from the names in it."""

    title: str = Field("jetsmith", description="Title of the report.")
    seed: int = Field(ge=0, description="Everything random follows from it.")
    data_root: str = Field(".", description="Relative paths of datasets start here; $VARIABLES expand.")
    simulation_scale: Positive = Field(1.0, description="Factor on the events of simulated datasets.")
    pathvars: dict[str, str] = Field({}, description="Snakemake's own: results, logs, benchmarks.")
    luminosity_ifb: Positive | None = Field(None, description="Integrated luminosity [1/fb].")
    splits: SplitSpec = SplitSpec()
    selection: dict[Object, SelectionSpec] = Field({}, description="Cuts by object.")
    partition: PartitionSpec = PartitionSpec()
    skim: SkimSpec = SkimSpec()
    xrootd: XRootDSpec = XRootDSpec()
    samples: dict[Name, SampleSpec] = Field(min_length=1)
    taggers: dict[Name, Name] = Field({}, description="Tagger (config/taggers) and its sample.")
    reweighters: dict[Name, Name] = Field({}, description="Reweighter and its sample.")
    working_points: dict[str, Fraction] = Field(
        {"L": 0.1, "M": 0.01, "T": 0.001}, description="Background efficiency of each working point."
    )
    closure: ClosureSpec = ClosureSpec()
    plots: PlotSpec = PlotSpec()
