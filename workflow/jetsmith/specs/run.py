"""The run: config/config.yaml."""

from typing import Literal

from pydantic import Field

from jetsmith.specs.commissioning import CommissioningSpec
from jetsmith.specs.datasets import Object, SelectionSpec
from jetsmith.specs.explain import ExplainSpec
from jetsmith.specs.learned import LearnedSpec
from jetsmith.specs.measurements import MeasurementSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.resilience import ResilienceSpec
from jetsmith.specs.shapes import ShapeSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec, XRootDSpec
from jetsmith.strict import Fraction, Name, Positive, Record, Single


class SplitSpec(Record):
    """Fractions of the events, by a hash of the event key; they add up to 1."""

    train: Fraction = Field(0.5, description="Fitted on: networks, trees, scalers.")
    validation: Fraction = Field(0.1, description="Early stopping.")
    calibration: Fraction = Field(0.15, description="Working-point thresholds, probability calibration.")
    test: Fraction = Field(0.25, description="Every number that is reported.")


class SampleSpec(Record):
    """Datasets that are packed together."""

    datasets: tuple[Name, ...] = Field(min_length=1, description="Names of config/datasets.yaml.")
    folds: int | None = Field(
        None,
        ge=0,
        le=100,
        description="Cross-validation folds, 3 or more; 0 for one split. By default 5 where a reweighter is "
        "trained, so that each event has its weight of a model that has not seen it, else 0.",
    )
    normalise: Literal["unit", "cross_section", "flat"] = Field(
        "unit",
        description="unit: mean weight 1 in each dataset; cross_section: weights add up to it [pb], or to "
        "the expected events with `luminosity_ifb`; flat: each row counts 1, with the sign of its weight, "
        "so that what was generated flat in momentum is judged flat (taggers alone).",
    )
    signs: Literal["measured", "turned"] = Field(
        "measured",
        description="turned: its jets as negative taggers read them, each track and each vertex mirrored at "
        "the primary vertex; taggers are scored on it, for `method: negative_tags`, and none is trained.",
    )


class GatesSpec(Record):
    """The limits of the closure test of the reweighters."""

    bootstraps: int = Field(200, ge=20, le=100_000, description="Bootstrap replicas of the interval.")
    tolerance: float = Field(
        0.03,
        gt=0,
        lt=0.5,
        description="Gates separation and swapped pass where the whole interval of the AUC lies within 1/2 ± "
        "this, calibration where fractions of the target lie so close to what the ratio says.",
    )
    max_chi2: float = Field(
        3.0, ge=1, description="Gate spectra: largest chi2/ndf after weighting, of inputs and spectators."
    )
    min_effective: Positive = Field(
        100.0, description="Gate support: effective held-out events of the source after weighting, at least."
    )
    max_share: Fraction = Field(0.05, description="Gate support: largest share of one event in their sum.")
    max_uncovered: Fraction = Field(
        0.1,
        description="Gate support: largest share of the target where the source has next to no events, and "
        "of events outside the region of validity.",
    )


class ClosureSpec(GatesSpec):
    """The closure test of the reweighters, and what follows from it."""

    allow_failed_closure: bool = Field(
        False, description="Whether the run goes on where a gate failed; the report shows it either way."
    )


class MarksSpec(Record):
    """From how many jets on a working point is to be trusted."""

    min_passing: Positive = Field(
        100.0,
        description="Effective jets that are expected above a threshold where it is found, at least: their "
        "effective number times the efficiency asked for (100 fix it to a tenth). A working point with fewer "
        "is left out, and page and files say so; where none is left, the run goes on, and only what needs "
        "one stops (`scale_factors`, `shapes` with tags, `learned_efficiencies`).",
    )
    allow_few_passing: bool = Field(
        False, description="Whether such points are written all the same; descriptions and page mark them."
    )


class PlaneSpec(Record):
    """Two discriminants, with a cut on each: working points in the plane of both, as of c taggers."""

    judgements: tuple[str, str] = Field(
        description="Taggers of the run on one sample, or tagger and discriminant where that is not its "
        "first, such as `deepjet_CvsL` and `deepjet_CvsB`."
    )
    points: dict[str, tuple[Fraction, Fraction]] = Field(
        min_length=1,
        description="By name of the point: of the first background of each judgement, what passes both cuts. "
        "Where that is one background, what passes the first cut by itself, and the second.",
    )


class EfficienciesSpec(MarksSpec):
    """How efficiencies are binned where jets are few."""

    min_effective: float = Field(
        20.0,
        ge=0,
        allow_inf_nan=False,
        description="Effective jets of a bin of efficiencies, at least: bins with fewer share those of their "
        "neighbours in pt, and descriptions say which.",
    )
    smooth: bool = Field(
        False,
        description="Efficiencies as straight lines in pt from bin to bin, in place of steps; the mean over "
        "the jets of a bin stays what it is, where lines within 0 and 1 allow it.",
    )


class PointsSpec(EfficienciesSpec):
    """What calibrate gets of these: of one discriminant."""

    flat_efficiency: dict[str, Fraction] = Field(
        {},
        description="Efficiency of the signal, the same in each bin of pt, by name of the point: "
        "thresholds as a function of pt, and what passes of each class.",
    )


class CalibrationSpec(PointsSpec):
    """Working points and efficiencies beyond `working_points` and the bins of `selection`."""

    thresholds: dict[str, dict[str, Single]] = Field(
        {},
        description="Tagger, or tagger and discriminant, and thresholds by name of the point: in place of "
        "`working_points`, such as those at which an experiment has measured scale factors.",
    )
    planes: dict[Name, PlaneSpec] = Field(
        {}, description="Two-dimensional working points, by a name of your own; see below."
    )


class TrackResolutionSpec(Record):
    """What the chance of a track's significance comes from, by which JP and JBP weigh tracks: one of two."""

    sample: Name | None = Field(
        None, description="Sample of AK4 jets whose tracks of negative sign it is fitted to, by category."
    )
    file: str | None = Field(
        None, description="ROOT file of CMS' calibration of the jet probability (`histoCat0` to `histoCat9`)."
    )


class CompareSpec(Record):
    """The run beside an older one (docs/compare.md)."""

    against: str = Field(
        description="Results folder of a finished run, which nothing is written into; $VARIABLES expand."
    )
    fail_if_worse_than: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Background rejection that this run may lose at the efficiencies of the older one, as a "
        "fraction, such as 0.02: an established larger loss stops it at its end.",
    )


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
    judged_on: dict[Name, tuple[Name, ...]] = Field(
        {}, description="Tagger, and further samples that it is scored and judged on beside its own."
    )
    resilience: dict[Name, ResilienceSpec] = Field(
        {}, description="Sample, and what its taggers are tried on beside; see below."
    )
    reweighters: dict[Name, Name] = Field({}, description="Reweighter and its sample.")
    stack_folds: int = Field(
        5,
        ge=2,
        le=100,
        description="Models of a classifier whose scores another one reads, each trained without one part of "
        "the events: of that part it gives the scores that the other is trained on. Not where the sample has "
        "folds of its own.",
    )
    bundles: bool = Field(
        True,
        description="Each tagger that was trained, in a sample without folds, and each reweighter that was "
        "trained, also as a folder for others, with its networks or trees as ONNX. Needs the extra `bundle`.",
    )
    track_resolution: TrackResolutionSpec | None = Field(
        None,
        description="Resolution functions of tracks; without it a fixed one, that of the demo's detector.",
    )
    working_points: dict[str, Fraction] = Field(
        {"L": 0.1, "M": 0.01, "T": 0.001, "XT": 0.0005, "XXT": 0.0001},
        description="Background efficiency of each working point.",
    )
    calibration: CalibrationSpec = CalibrationSpec()
    scale_factors: dict[Name, MeasurementSpec] = Field(
        {}, description="Measurements of efficiencies in data, by a name of your own; see below."
    )
    commissioning: dict[Name, CommissioningSpec] = Field(
        {}, description="Data beside simulation, by a name of your own; see below."
    )
    learned_efficiencies: dict[Name, LearnedSpec] = Field(
        {},
        description="Efficiencies that networks learn jet by jet, by a name of your own; see below. Needs "
        "the extra `bundle`.",
    )
    shapes: dict[str, ShapeSpec] = Field(
        {},
        description="Tagger, or tagger and discriminant, and how the shape of that is corrected; see below.",
    )
    tensorboard: bool = Field(
        False,
        description="Trainings write event files for TensorBoard beside their logs "
        "(`tensorboard --logdir results/logs/train`). Nothing runs again for it.",
    )
    compare: CompareSpec | None = Field(
        None, description="The run beside an older one: a page, and a gate; see below."
    )
    closure: ClosureSpec = ClosureSpec()
    explain: ExplainSpec = ExplainSpec()
    plots: PlotSpec = PlotSpec()

    def turned_of(self, sample: str) -> str | None:
        """The sample of the same jets with turned signs; None where the run has none."""
        own = self.samples[sample].model_copy(update={"signs": "turned"})
        return next((name for name, other in self.samples.items() if other == own), None)

    def measured_on(self, measurement: MeasurementSpec) -> tuple[str, ...]:
        """All samples whose scores a measurement reads; of negative tags also those of turned signs."""
        found = measurement.samples
        if measurement.method == "negative_tags":
            found += tuple(other for name in found if (other := self.turned_of(name)) is not None)
        return tuple(dict.fromkeys(found))
