"""What each stage gets of the configuration, and no more: an edit reruns the stages that read it.

The fields of a stage's record are the `params` of its rule, as plain values, which Snakemake compares
with those of the last run. A record such as `RecipeSpec` holds the part of a longer one that a stage
reads, so that a colour, which `ClassifierSpec` adds, is nothing that `train` can see.
tests/unit/reruns.yaml has a line for every key of the configuration.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from jetsmith import columns, derivations
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.plotted import plotted
from jetsmith.simulation.processes import PROCESSES
from jetsmith.specs.classifiers import (
    ComparedSpec,
    DiscriminantSpec,
    JudgedSpec,
    RatioSpec,
    RecipeSpec,
    RowsSpec,
    TruthSpec,
)
from jetsmith.specs.datasets import CutsSpec, ReadingSpec
from jetsmith.specs.features import ColumnGroup
from jetsmith.specs.run import GatesSpec
from jetsmith.strict import seen_as

Plain = dict[str, Any]


class Simulate(NamedTuple):
    """A part of a simulated dataset, and the physics of its process."""

    spec: Plain
    settings: list[str]
    boosted: bool
    seed: int
    scale: float


def simulate(run: Configuration, dataset: str) -> Simulate:
    """Stage simulate."""
    spec = run.datasets[dataset]
    assert spec.simulate is not None
    process = PROCESSES[spec.simulate.process]
    return Simulate(
        spec=spec.simulate.model_dump(mode="json"),
        settings=list(process.settings),
        boosted=process.boosted,
        seed=run.run.seed,
        scale=run.run.simulation_scale,
    )


class Inspect(NamedTuple):
    """How files are read, and into how many partitions they are cut."""

    spec: Plain
    sizes: list[float]
    n_parts: int
    jet_id: int
    target: Plain
    has_cross_section: bool


def inspect(run: Configuration, dataset: str) -> Inspect:
    """Stage inspect, but for the list of files."""
    return Inspect(
        spec=_reading(run, dataset),
        sizes=run.sizes_mb(dataset),
        n_parts=run.n_parts(dataset),
        jet_id=run.selection_of(dataset).jet_id,
        target=run.run.partition.model_dump(include={"target_mb", "target_entries"}),
        has_cross_section=run.datasets[dataset].cross_section_pb is not None,
    )


class Check(NamedTuple):
    """What a classifier reads, the truth of all its classes, whatever their part is, and where."""

    spec: Plain
    judged: list[Plain]
    groups: list[Plain]
    samples: list[list[str]]
    ways: list[Plain]


def check(run: Configuration, classifier: str) -> Check:
    """Stage check."""
    spec = run.classifiers[classifier]
    reads = (*spec.reads, *spec.spectators)
    names = dict.fromkeys(inputs.group for inputs in reads)
    return Check(
        spec=seen_as(ComparedSpec, spec),
        judged=_judged(run, classifier),
        groups=[seen_as(ColumnGroup, run.groups[name]) for name in names if name in run.groups],
        samples=[list(run.run.samples[sample].datasets) for sample in run.samples_of(classifier)],
        ways=_ways(spec.object, [source for inputs in reads for source in inputs.sources]),
    )


class Skim(NamedTuple):
    """Which rows of a dataset are kept."""

    spec: Plain
    selection: Plain


def skim(run: Configuration, dataset: str) -> Skim:
    """Stage skim: the same for both backends, so that a change from one to the other runs nothing again."""
    return Skim(_reading(run, dataset), seen_as(CutsSpec, run.selection_of(dataset)))


class Account(NamedTuple):
    """What may be lost, and what the weights are normalised to."""

    max_loss_fraction: float
    cross_section_pb: float | None
    luminosity_ifb: float | None
    allow_duplicates: bool
    generated: str


def account(run: Configuration, dataset: str) -> Account:
    """Stage account."""
    spec = run.datasets[dataset]
    return Account(
        max_loss_fraction=run.run.skim.max_loss_fraction,
        cross_section_pb=spec.cross_section_pb,
        luminosity_ifb=run.run.luminosity_ifb,
        allow_duplicates=spec.duplicates == "allow",
        generated=spec.generated,
    )


class Features(NamedTuple):
    """A feature group, or the columns of the rows; the ways to those that no file may hold."""

    spec: Plain | None
    further: list[str]
    ways: list[Plain]


def features(run: Configuration, dataset: str, group: str) -> Features:
    """Stage features."""
    found = run.datasets[dataset].object
    if group == columns.ROWS:
        further = [*columns.KINEMATICS[found], *columns.CONTENT[found]]
        return Features(None, further, _ways(found, further))
    spec = run.groups[group]
    return Features(seen_as(ColumnGroup, spec), [], _ways(found, spec.sources))


class Pack(NamedTuple):
    """A feature group, and where its rows go."""

    spec: Plain
    datasets: list[str]
    splits: Plain
    seed: int
    kept_truth: list[int]


def pack(run: Configuration, sample: str, group: str) -> Pack:
    """Stage pack, of a feature group."""
    return Pack(
        spec=seen_as(ColumnGroup, run.groups[group]),
        datasets=list(run.run.samples[sample].datasets),
        splits=run.run.splits.model_dump(),
        seed=run.run.seed,
        kept_truth=run.kept_truth(sample),
    )


class PackRows(NamedTuple):
    """The datasets of a sample, their order, splits and weights."""

    sample: Plain
    generators: dict[str, str]
    splits: Plain
    seed: int
    kept_truth: list[int]
    kinematics: list[str]
    content: list[str]


def pack_rows(run: Configuration, sample: str) -> PackRows:
    """Stage pack, of the rows."""
    found = run.object_of(sample)
    return PackRows(
        sample=run.run.samples[sample].model_dump(mode="json"),
        generators=run.generators(sample),
        splits=run.run.splits.model_dump(),
        seed=run.run.seed,
        kept_truth=run.kept_truth(sample),
        kinematics=list(columns.KINEMATICS[found]),
        content=list(columns.CONTENT[found]),
    )


class Train(NamedTuple):
    """What a model is made from, and which part of the events it does not see (`training.Without`)."""

    spec: Plain
    seed: int
    without: Plain | None


def train(run: Configuration, training: str) -> Train:
    """Stage train: of a classifier, a point of its scan, or a member of its ensemble."""
    found = run.trainings[training]
    without = None if found.half is None else {**found.half._asdict(), "folds": 2}
    return Train(seen_as(RecipeSpec, found.spec), found.seed, without)


class Retrain(NamedTuple):
    """A classifier without the settings of a point, and with the epochs of a rung."""

    spec: Plain
    seed: int


def retrain(run: Configuration, classifier: str, rung: str) -> Retrain:
    """Stage train, of a point of a scan by halving that was promoted to a rung."""
    spec = run.scans[classifier].in_rung(int(rung), run.classifiers[classifier])
    return Retrain(seen_as(RecipeSpec, spec), run.run.seed)


class Choose(NamedTuple):
    """The settings of the points, by their digest, in the order of the scan; trainings of each rung."""

    points: dict[str, Plain]
    method: str
    trained: list[int]


def choose(run: Configuration, classifier: str) -> Choose:
    """Stage choose."""
    scan = run.scans[classifier]
    points = {key: point.settings for key, point in scan.points.items()}
    return Choose(points, scan.spec.method, scan.trained)


class TrainFold(NamedTuple):
    """A model, its seed, and into how many parts the events are cut."""

    spec: Plain
    seed: int
    folds: int


def train_fold(run: Configuration, classifier: str) -> TrainFold:
    """Stage train, of a model that others are trained on."""
    spec, seed = run.trainings[classifier][:2]
    return TrainFold(seen_as(RecipeSpec, spec), seed, run.run.stack_folds)


def stack(run: Configuration, classifier: str) -> TrainFold:
    """Stage stack."""
    return train_fold(run, classifier)


class Score(NamedTuple):
    """A model; and where an experiment made the scores, the classes that have to have some."""

    spec: Plain
    judged: list[Plain]


def score(run: Configuration, classifier: str) -> Score:
    """Stage score: probabilities alone, so that no discriminant of them runs it again."""
    spec = run.classifiers[classifier]
    return Score(seen_as(RecipeSpec, spec), _judged(run, classifier) if spec.backend == "stored" else [])


class Calibrate(NamedTuple):
    """Working points, and the bins of their efficiencies."""

    spec: Plain
    working_points: dict[str, float]
    pt_bins_gev: list[float]
    abseta_bins: list[float]


def calibrate(run: Configuration, judgement: str) -> Calibrate:
    """Stage calibrate."""
    spec = run.judgements[judgement]
    bins = run.run.selection[spec.object]
    return Calibrate(
        spec=seen_as(JudgedSpec, spec),
        working_points=run.run.working_points,
        pt_bins_gev=list(bins.pt_bins_gev),
        abseta_bins=list(bins.abseta_bins),
    )


class Bundle(NamedTuple):
    """A tagger with its discriminants; and how its features are computed, in which units and which order."""

    spec: Plain
    discriminants: list[Plain]
    features: dict[str, dict[str, Plain]]
    sorted_by: dict[str, str]


def bundle(run: Configuration, tagger: str) -> Bundle:
    """Stage bundle."""
    judged = [view.discriminant for view in run.judgements.values() if view.name == tagger]
    given = run.given_to(tagger)
    return Bundle(
        spec=seen_as(RecipeSpec, run.classifiers[tagger]),
        discriminants=[seen_as(DiscriminantSpec, found) for found in judged if found is not None],
        features={
            group: {f: raw.model_dump(mode="json") for f, raw in of.items()} for group, of in given.items()
        },
        sorted_by={group: run.groups[group].sort_by for group in given if group in run.groups},
    )


class Weights(NamedTuple):
    """A reweighter, the generators of the datasets that it weighs, and how; members of its ensemble."""

    spec: Plain
    datasets: dict[str, str]
    ratio: Plain
    n_members: int


def weights(run: Configuration, reweighter: str) -> Weights:
    """Stage weights."""
    spec = run.classifiers[reweighter]
    return Weights(
        spec=seen_as(RowsSpec, spec),
        datasets=run.generators(run.run.reweighters[reweighter]),
        ratio=(spec.ratio or RatioSpec()).model_dump(mode="json"),
        n_members=run.ensembles.get(reweighter, 0),
    )


class Closure(NamedTuple):
    """A reweighter with its spectators, the generators of its datasets, and how the test is made."""

    spec: Plain
    datasets: dict[str, str]
    conserve: bool
    settings: Plain
    seed: int


def closure(run: Configuration, reweighter: str) -> Closure:
    """Stage closure."""
    return Closure(
        spec=seen_as(ComparedSpec, run.classifiers[reweighter]),
        datasets=run.generators(run.run.reweighters[reweighter]),
        conserve=(run.classifiers[reweighter].ratio or RatioSpec()).conserve,
        settings=seen_as(GatesSpec, run.run.closure),
        seed=run.run.seed,
    )


class Verdict(NamedTuple):
    """Whether weights that failed their test stop the run, and reweighters that nothing can test."""

    allow_failed_closure: bool
    untested: list[str]


def verdict(run: Configuration) -> Verdict:
    """Stage verdict."""
    untested = [name for name in run.run.reweighters if name not in run.tested]
    return Verdict(run.run.closure.allow_failed_closure, untested)


def plot(run: Configuration, name: str, *subject: str) -> Plain:
    """What one figure of a plot gets; see `configuration.plotted`."""
    return plotted(run, name, *subject)


class Report(NamedTuple):
    """All of it but for where the results lie: the page shows the configuration."""

    run: Plain
    title: str


def report(run: Configuration) -> Report:
    """The page."""
    shown = {**run.raw, "run": {key: value for key, value in run.raw["run"].items() if key != "pathvars"}}
    return Report(shown, run.run.title)


def _judged(run: Configuration, classifier: str) -> list[Plain]:
    """The truth of the classes that judge a classifier, whatever their part is."""
    return [seen_as(TruthSpec, judged) for judged in run.judged_by(classifier)]


def _ways(obj: str, sources: Iterable[str]) -> list[Plain]:
    """The entries of the table of derived columns that these lead to, and no others."""
    return derivations.plain(derivations.reached(sources, obj))


def _reading(run: Configuration, dataset: str) -> Plain:
    return seen_as(ReadingSpec, run.datasets[dataset]) | {"layout": run.layout_of(dataset)}
