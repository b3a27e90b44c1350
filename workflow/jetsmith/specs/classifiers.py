"""Taggers and reweighters: each record adds to the one before what the next stages read."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field

from jetsmith.columns import HADRONS
from jetsmith.columns.labels import truth_ids
from jetsmith.specs.datasets import Object
from jetsmith.specs.features import Inputs
from jetsmith.specs.parameters import ParametersSpec, Point, group_of
from jetsmith.specs.ratios import RatioEntry
from jetsmith.specs.scans import LossScanSpec, ScanSpec
from jetsmith.strict import Fraction, Label, Name, Positive, Record, Single

LIGHT = 0  # `flavor` of light jets in correction files
MISSING = -1.0  # a score that others read, stored and none, or of a jet that was not tagged: below all others
Backend = Literal["xgboost", "keras", "stored", "sklearn", "onnx", "histogram", "table"]
Engine = Literal["tensorflow", "jax"]
Precision = Literal["float32", "bfloat16"]
Role = Literal["tagger", "reweighter"]
Members = Literal["halves", "bootstrap", "seeds"]


class TruthSpec(Record):
    """Which rows are of a class."""

    name: Name
    truth: Annotated[tuple[int, ...], BeforeValidator(truth_ids)] = Field(
        (),
        description="Truth ids; or labels of JetClass and JetClass-II (jetclass.md), also with `*` for any "
        "letters, such as `label_QCD_*`.",
    )
    generator: str = Field("", description="Generator of the dataset, for reweighters.")


class JudgedClass(TruthSpec):
    """A class of signal or background in working points and efficiencies."""

    flavor: int | None = Field(
        None,
        gt=-(2**31),
        lt=2**31,
        description="Code of the class in correction files. With 5, 4 or 0, and all truth ids of b, c or "
        "light AK4 jets, it is counted there by hadron flavour, where files have it: with jets of truth 999.",
    )

    @property
    def hadron_flavour(self) -> int | None:
        """The hadron flavour that its code means; None where it means the truth ids alone."""
        is_whole = self.flavor in HADRONS and set(self.truth) == set(HADRONS[self.flavor])
        return self.flavor if is_whole else None


class ClassSpec(JudgedClass):
    """One class of config/flavours.yaml."""

    label: str = Field(min_length=1, description="TeX label.")
    color: str = Field(pattern=r"^#[0-9a-f]{6}$", description="Colour, hexadecimal.")


class ScheduleSpec(Record):
    """The learning rate in the course of a training of a network."""

    shape: Literal["cosine", "constant", "exponential", "step", "one_cycle"] = Field(
        "cosine",
        description="How it falls, from epoch to epoch. one_cycle: as a cosine from step to step, behind a "
        "rise as a cosine from 1/25.",
    )
    warmup_epochs: float = Field(
        0.0, ge=0, description="Epochs, or a part of one, in which it rises first; in a straight line from 0."
    )
    hold_epochs: float = Field(0.0, ge=0, description="Epochs behind that in which it stays what it is.")
    last: Positive = Field(
        0.02,
        le=1,
        description="Rate over `learning_rate` towards which it falls, that of the epoch after the last one, "
        "of one_cycle of the step after it: cosine, exponential, one_cycle.",
    )
    every: int = Field(10, gt=0, description="Epochs from a step to the next: step.")
    factor: Fraction = Field(0.1, description="Of each step: step.")

    @property
    def rises_and_stays(self) -> float:
        """Epochs before it falls."""
        return self.warmup_epochs + self.hold_epochs


class TrainingSpec(Record):
    """How a classifier is trained; a backend uses what concerns it."""

    epochs: int = Field(30, gt=0, description="Largest number of epochs, or boosting rounds.")
    patience: int = Field(5, gt=0, description="Epochs or rounds without progress before it stops.")
    batch_size: int = Field(1024, gt=0, description="Jets a gradient step.")
    learning_rate: Positive = Field(1e-3, description="Largest learning rate, or shrinkage.")
    schedule: ScheduleSpec = ScheduleSpec()
    balance: Literal["none", "class", "pt_eta", "pt_eta_class"] = Field(
        "pt_eta_class",
        description="Weights that give the classes the same sum (class), the same spectrum (pt_eta) or both. "
        "A rare class is better left rare: levelled, its few jets drown the others.",
    )
    negative_weights: Literal["signed", "classes"] = Field(
        "signed",
        description="Reweighters: in the loss with their sign; or as classes of their own, whose "
        "probability is subtracted, which is stable where many of a region are below 0.",
    )
    flatten_in: dict[str, tuple[float, ...]] = Field(
        {},
        max_length=1,
        description="Reweighters: feature of `inputs`, and edges of bins; rows of both classes get one "
        "factor a bin, so that there they weigh on average what all do. The ratio stays, and tails that were "
        "generated in plenty, with small weights, count.",
    )
    pt_bins_gev: tuple[float, ...] = Field(
        (20, 30, 40, 50, 60, 80, 100, 140, 200, 300, 600, 13000), description="Bins of the balance."
    )
    abseta_bins: tuple[float, ...] = Field((0, 0.8, 1.6, 2.5), description="Bins of the balance.")
    level_in: dict[Name, tuple[float, ...]] = Field(
        {},
        description="Taggers: columns of rows, such as `jet_softdrop_mass_gev`, and edges of bins in which "
        "pt_eta and pt_eta_class level spectra, beside pt and eta; what is beyond is in the end bins.",
    )
    checkpoint_every: int = Field(1, gt=0, description="Epochs, or tens of rounds, between checkpoints.")


class LossSpec(Record):
    """What one output of a network learns by."""

    loss: Name = Field("cross_entropy", description="A module of jetsmith.losses.")
    weight: Single = Field(
        1.0, ge=0, description="Factor of this loss in the sum of all; at 0 it is as if it were not there."
    )
    options: dict[str, Any] = Field({}, description="Keys of the loss: see below.")


class EvaluationSpec(Record):
    """Which truth is signal and which is background in ROC curves and working points."""

    signal: Name
    backgrounds: tuple[Name, ...] = Field(min_length=1, description="The first fixes the working points.")


class DiscriminantSpec(Record):
    """One number from the class probabilities: S/(S + sum f_i B_i), or ln(S / sum f_i B_i)."""

    name: Label = Field("BvsAll", description="Its key.")
    signal: tuple[Name, ...] = Field(min_length=1, description="Classes of the numerator, added.")
    background: dict[Name, Positive] = Field(
        min_length=1, description="Classes of the denominator with their fractions."
    )
    form: Literal["ratio", "log_ratio"] = Field("ratio")

    def is_first_of(self, class_names: Sequence[str]) -> bool:
        """Whether it is the probability of the first of two classes, as it is."""
        if len(class_names) != 2:
            return False
        first, second = class_names
        return self.form == "ratio" and self.signal == (first,) and self.background == {second: 1.0}


class DiscriminantEntry(DiscriminantSpec):
    """A discriminant of a tagger's file."""

    evaluation: EvaluationSpec | None = Field(
        None, description="Truth that judges it; by default the tagger's own `evaluation`."
    )


class ClassifierFile(Record):
    """A file of config/taggers or config/reweighters, with names still to be looked up."""

    title: str = Field(min_length=1, description="Name on plots.")
    backend: Backend = Field(description="What trains it.")
    model: str = Field("", description="Architecture, a module of jetsmith.models; keras alone takes one.")
    engine: Engine = Field(
        "tensorflow", description="What Keras computes by; keras alone takes one. JAX is an extra of its own."
    )
    precision: Precision = Field(
        "float32",
        description="What a network trains in; keras alone takes one. Inputs, statistics of batches, "
        "weights, logits and losses stay float32, and the saved file computes in float32.",
    )
    start_from: str = Field(
        "",
        description="Folder of a trained network (`results/models/<tagger>`), or a tagger of the run: "
        "training starts from its weights, layer by layer where name, shapes and what it reads are the same, "
        "with its scaling of inputs; keras alone takes one.",
    )
    object: Object = Field(description="What a row is.")
    classes: tuple[Name, ...] = Field(min_length=2, description="Classes of config/flavours.yaml.")
    inputs: dict[Name, Name | tuple[str, ...]] = Field(
        min_length=1,
        description="Feature group (config/features) and its preset, or a list of features; or a tagger of "
        "the run on the same sample, and `all` or a list of `p_<class>`: its scores.",
    )
    architecture: dict[str, Any] = Field({}, description="Keys of the backend or of its model: see below.")
    training: TrainingSpec = TrainingSpec()
    scan: ScanSpec | None = Field(
        None, description="Trainings with other settings, to choose one: see below."
    )
    ensemble: int = Field(
        1,
        ge=1,
        le=100,
        description="Trainings with seeds of their own; their probabilities, not their logits, are averaged. "
        "By those of a reweighter its weights have an error (`members`); there log ratios are averaged.",
    )
    members: Members = Field(
        "halves",
        description="Reweighters with an `ensemble`: what its members are trained on, and so what the error "
        "of the weights is. halves: pairs of complementary halves of the events; the fluctuation of the "
        "events, and of the training. bootstrap: a replica each, in which an event counts Poisson(1) times; "
        "the same, less sharply. seeds: all events; the training alone, which is less than the error.",
    )
    ablate: tuple[Name, ...] | dict[Name, tuple[str, ...]] = Field(
        (),
        description="Taggers: trainings without some inputs: a list of groups, one each; or by a name of its "
        "own a list of groups and of features (`group.feature`). A figure shows what that costs.",
    )
    loss_scan: LossScanSpec | None = Field(
        None,
        description="Taggers with `decorrelate`: trainings with other weights of a loss. A figure shows what "
        "is left of the column, and what that costs.",
    )
    ratio: RatioEntry | None = Field(
        None, description="Reweighters: calibration and normalisation of weights."
    )
    parameters: ParametersSpec | None = Field(
        None, description="Reweighters: parameters of the target as inputs, one model for all their values."
    )
    losses: dict[Name, LossSpec] = Field(
        {}, description="By output of the network: `classes`, by default with cross-entropy, and any others."
    )
    side: dict[Name, Name | tuple[str, ...]] = Field(
        {},
        description="Features, as `inputs`, that losses read and the network does not see; of constituents "
        "those of groups that are inputs. Features of rows need `default: null`. Scores of other taggers, "
        "too: `disco` leaves them alone.",
    )
    spectators: dict[Name, Name | tuple[str, ...]] = Field(
        {},
        description="Flat features, as `inputs`, that a reweighter does not see and that have to agree after "
        "weighting: closure alone reads them.",
    )
    discriminants: dict[Label, DiscriminantEntry] = Field(
        {}, description="By their names, such as BvsL, CvsB, CvsL. The first bears the tagger's own name."
    )
    evaluation: EvaluationSpec | None = None
    decorrelate: dict[Name, tuple[float, ...]] = Field(
        {},
        max_length=1,
        description="Taggers: column of rows that scores are to leave alone (`jet_softdrop_mass_gev`), and "
        "edges of bins: a figure of it after cuts. It trains nothing: `losses` and `training.level_in` do.",
    )


class RowsSpec(Record):
    """Which rows and which of their features a classifier reads, spelled out: check, weights and closure."""

    name: Name
    role: Role
    sample: Name
    folds: int = 0
    object: Object
    classes: tuple[TruthSpec, ...] = Field(min_length=2)
    inputs: tuple[Inputs, ...] = Field(min_length=1)
    side: tuple[Inputs, ...] = ()
    parameters: tuple[Name, ...] = ()  # of a reweighter, the last group of its inputs
    members: Members = "halves"  # of the ensemble of a reweighter, where it has one
    held_out: tuple[Name, ...] = ()  # datasets that train, calibrate and judge nothing but interpolation

    @property
    def parameter_group(self) -> str:
        """The group of inputs that its parameters are, where it has some."""
        return group_of(self.name)

    @property
    def observed(self) -> tuple[Inputs, ...]:
        """Inputs that are features of an event."""
        return tuple(inputs for inputs in self.inputs if inputs.group != self.parameter_group)

    @property
    def reads(self) -> tuple[Inputs, ...]:
        """Inputs and side columns: all features that it reads."""
        return (*self.inputs, *self.side)

    @property
    def side_columns(self) -> dict[str, tuple[Inputs, str]]:
        """Side columns by the names that losses give them, each with its group and feature.

        These are `group.feature`, and the feature alone where it is one group's.
        """
        each = [(inputs, feature) for inputs in self.side for feature in inputs.features]
        n = Counter(feature for _, feature in each)
        alone = {feature: (inputs, feature) for inputs, feature in each if n[feature] == 1}
        return alone | {f"{inputs.group}.{feature}": (inputs, feature) for inputs, feature in each}

    @property
    def auxiliary(self) -> tuple[Inputs, ...]:
        """Side columns of constituents: what files may lack, so that heads of the network are off."""
        return tuple(inputs for inputs in self.side if inputs.kind == "sequence")

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the outputs."""
        return tuple(c.name for c in self.classes)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that its inputs and side columns are of."""
        return tuple(dict.fromkeys(inputs.group for inputs in self.reads))


class ComparedSpec(RowsSpec):
    """What check and closure get: also what a reweighter does not see, and is compared after weighting."""

    spectators: tuple[Inputs, ...] = ()

    @property
    def reads(self) -> tuple[Inputs, ...]:
        """All features that it reads."""
        return (*super().reads, *self.spectators)


class RecipeSpec(RowsSpec):
    """What a model is made from: all that train gets of a classifier."""

    backend: Name
    model: str = ""
    engine: Engine = "tensorflow"
    precision: Precision = "float32"
    architecture: dict[str, Any] = Field({}, description="Options of the backend or of its model.")
    start_from: str = ""
    training: TrainingSpec
    losses: dict[Name, LossSpec] = Field({}, description="By output of the network; none: cross-entropy.")


class JudgedSpec(RecipeSpec):
    """The model, and a judgement of it, one of its discriminants: what calibrate gets."""

    discriminant: DiscriminantSpec | None = None
    is_first: bool = Field(True, description="Whether the discriminant is the first, or the only one.")
    evaluation: EvaluationSpec | None = None
    signal_class: JudgedClass | None = None
    background_classes: tuple[JudgedClass, ...] = ()

    @property
    def judgement(self) -> str:
        """Name of tagger and discriminant in files and corrections: `deepjet`, then `deepjet_CvsB`."""
        return (
            self.name if self.is_first or not self.discriminant else f"{self.name}_{self.discriminant.name}"
        )

    @property
    def light_class(self) -> JudgedClass | None:
        """The background with flavor 0; None where there is none."""
        return next((c for c in self.background_classes if c.flavor == LIGHT), None)

    def judging_light(self) -> Self:
        """The same with light jets as signal, and what was it before as the first background."""
        others = (c for c in self.background_classes if c is not self.light_class)
        return self.model_copy(
            update={"signal_class": self.light_class, "background_classes": (self.signal_class, *others)}
        )

    @property
    def background_parts(self) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Outputs of the discriminant's background that are of the first, and of the second background class.

        None where there are no two, or an output is of neither.
        """
        if self.discriminant is None or len(self.background_classes) < 2:
            return None
        truth = {c.name: set(c.truth) for c in self.classes}
        first, second = (
            tuple(
                name
                for name in self.discriminant.background
                if truth.get(name) and truth[name] <= set(c.truth)
            )
            for c in self.background_classes[:2]
        )
        is_each_of_one = sorted((*first, *second)) == sorted(self.discriminant.background)
        return (first, second) if first and second and is_each_of_one else None


class ClassifierSpec(JudgedSpec):
    """A tagger or a reweighter as the plots get it: also with its title, labels and colours."""

    title: str
    classes: tuple[ClassSpec, ...] = Field(min_length=2)
    decorrelate: dict[Name, tuple[float, ...]] = Field({})
    ratio: RatioEntry | None = None
    spectators: tuple[Inputs, ...] = ()
    points: dict[str, Point] = Field({}, description="Values to weigh at, by label.")
    signal_class: ClassSpec | None = None
    background_classes: tuple[ClassSpec, ...] = ()
