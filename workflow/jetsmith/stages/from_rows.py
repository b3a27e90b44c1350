"""From packed rows to the page: what trainings get, what scores, judges and shows them, and reweighters."""

from typing import NamedTuple

from jetsmith.configuration.compare_checks import against
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.plotted import plotted
from jetsmith.configuration.seen import taught
from jetsmith.specs.classifiers import ComparedSpec, DiscriminantSpec, RecipeSpec, RowsSpec
from jetsmith.specs.ratios import RatioEntry, RatioSpec
from jetsmith.specs.run import GatesSpec
from jetsmith.stages.plain import Plain, judged
from jetsmith.strict import seen_as


class Train(NamedTuple):
    """What a model is made from, and which part of the events it does not see (`chosen.Without`).

    `replica` is the seed of a bootstrap replica of the events, that it learns from; `taught` what those are
    told that start from it (`started.Taught`).
    """

    spec: Plain
    seed: int
    taught: Plain
    without: Plain | None
    replica: int | None


def train(run: Configuration, training: str) -> Train:
    """Stage train: of a classifier, a point of its scan, or a member of its ensemble."""
    found = run.trainings[training]
    without = None if found.half is None else {**found.half._asdict(), "folds": 2}
    told = taught(run, found.spec).model_dump(mode="json")
    return Train(seen_as(RecipeSpec, found.spec), found.seed, told, without, found.replica)


class Retrain(NamedTuple):
    """A classifier without the settings of a point, and with the epochs of a rung."""

    spec: Plain
    seed: int
    taught: Plain


def retrain(run: Configuration, classifier: str, rung: str) -> Retrain:
    """Stage train, of a point of a scan by halving that was promoted to a rung."""
    spec = run.scans[classifier].in_rung(int(rung), run.classifiers[classifier])
    return Retrain(seen_as(RecipeSpec, spec), run.run.seed, taught(run, spec).model_dump(mode="json"))


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


def stack(run: Configuration, classifier: str, sample: str) -> TrainFold:
    """Stage stack: on the sample of a classifier, or one whose reweighters read its scores."""
    spec = run.classifiers[classifier].model_copy(update={"sample": sample})
    return TrainFold(seen_as(RecipeSpec, spec), run.run.seed, run.run.stack_folds)


class Parameters(NamedTuple):
    """A reweighter's parameters, their values of each dataset, and those that the source is not given."""

    sample: str
    names: list[str]
    generated_at: dict[str, list[float]]
    held_out: list[str]
    seed: int


def parameters(run: Configuration, reweighter: str) -> Parameters:
    """Stage parameters."""
    spec = run.classifiers[reweighter]
    values = run.values_of(reweighter)
    return Parameters(spec.sample, list(spec.parameters), values, list(spec.held_out), run.run.seed)


class Score(NamedTuple):
    """A model; of stored scores, classes that have to have some; values of parameters to score at beside."""

    spec: Plain
    judged: list[Plain]
    at: dict[str, dict[str, float]]


def score(run: Configuration, classifier: str) -> Score:
    """Stage score: probabilities alone, so that no discriminant of them runs it again."""
    spec = run.classifiers[classifier]
    asked = judged(run, classifier) if spec.backend == "stored" else []
    return Score(seen_as(RecipeSpec, spec), asked, spec.points)


class Bundle(NamedTuple):
    """A tagger with its discriminants; and how its features are computed, in which units and which order."""

    spec: Plain
    discriminants: list[Plain]
    features: dict[str, dict[str, Plain]]
    sorted_by: dict[str, str]


def bundle(run: Configuration, tagger: str) -> Bundle:
    """Stage bundle."""
    judged = [view.discriminant for view in run.judgements.values() if view.name == tagger]
    features, sorted_by = _given_to(run, tagger)
    return Bundle(
        spec=seen_as(RecipeSpec, run.classifiers[tagger]),
        discriminants=[seen_as(DiscriminantSpec, found) for found in judged if found is not None],
        features=features,
        sorted_by=sorted_by,
    )


class BundleReweighter(NamedTuple):
    """A reweighter with its region of validity; and how its features are computed, as of a tagger.

    `asked` has the values of its parameters (`ParameterValues`).
    """

    spec: Plain
    valid: dict[str, list[float]]
    features: dict[str, dict[str, Plain]]
    sorted_by: dict[str, str]
    asked: Plain


def bundle_reweighter(run: Configuration, reweighter: str) -> BundleReweighter:
    """Stage bundle_reweighter: calibrations and factors come from what stage weights writes."""
    spec = run.classifiers[reweighter]
    features, sorted_by = _given_to(run, reweighter)
    valid = (spec.ratio or RatioSpec()).valid
    return BundleReweighter(
        spec=seen_as(RecipeSpec, spec),
        valid={name: list(region) for name, region in valid.items()},
        features=features,
        sorted_by=sorted_by,
        asked=run.asked_of(reweighter).model_dump(mode="json"),
    )


def _given_to(run: Configuration, classifier: str) -> tuple[dict[str, dict[str, Plain]], dict[str, str]]:
    """What a caller of a bundle gives, by group and name; and what sequences are sorted by."""
    given = run.given_to(classifier)
    features = {
        group: {f: raw.model_dump(mode="json") for f, raw in of.items()} for group, of in given.items()
    }
    return features, {group: run.groups[group].sort_by for group in given if group in run.groups}


class Weights(NamedTuple):
    """A reweighter, the generators of the datasets that it weighs, and how; its members; values beside."""

    spec: Plain
    datasets: dict[str, str]
    ratio: Plain
    n_members: int
    at: dict[str, dict[str, float]]


def weights(run: Configuration, reweighter: str) -> Weights:
    """Stage weights."""
    spec = run.classifiers[reweighter]
    return Weights(
        spec=seen_as(RowsSpec, spec),
        datasets=run.generators(run.run.reweighters[reweighter]),
        ratio=seen_as(RatioSpec, spec.ratio or RatioSpec()),
        n_members=run.ensembles.get(reweighter, 0),
        at=spec.points,
    )


class Closure(NamedTuple):
    """A reweighter with its spectators, the generators of its datasets, and how the test is made.

    `held_out_at` has the datasets, and `at` the values, of parameters that it was not trained at, by label.
    """

    spec: Plain
    datasets: dict[str, str]
    conserve: bool
    conserve_in: dict[str, list[float]]
    settings: Plain
    seed: int
    held_out_at: dict[str, list[str]]
    at: dict[str, dict[str, float]]
    refine: bool


def closure(run: Configuration, reweighter: str) -> Closure:
    """Stage closure."""
    spec, held_out = run.classifiers[reweighter], run.held_out_at(reweighter)
    return Closure(
        spec=seen_as(ComparedSpec, spec),
        datasets=run.generators(run.run.reweighters[reweighter]),
        conserve=(spec.ratio or RatioSpec()).conserve,
        conserve_in={name: list(edges) for name, edges in (spec.ratio or RatioSpec()).conserve_in.items()},
        settings=seen_as(GatesSpec, run.run.closure),
        seed=run.run.seed,
        held_out_at=held_out,
        at={label: spec.points[label] for label in held_out},
        refine=(spec.ratio or RatioSpec()).refine,
    )


class Correction(NamedTuple):
    """A reweighter, bins of its correction and how their features are computed; members of its ensemble."""

    spec: Plain
    generators: dict[str, str]
    bins: dict[str, list[float]]
    features: dict[str, Plain]
    n_members: int


def correction(run: Configuration, reweighter: str) -> Correction:
    """Stage correction."""
    spec = run.classifiers[reweighter]
    bins = (spec.ratio or RatioEntry()).binned
    given = {name: raw for of in run.given_to(reweighter).values() for name, raw in of.items()}
    return Correction(
        spec=seen_as(RowsSpec, spec),
        generators=run.generators(spec.sample),
        bins={name: list(edges) for name, edges in bins.items()},
        features={name: given[name].model_dump(mode="json") for name in bins},
        n_members=run.ensembles.get(reweighter, 0),
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


class Publish(NamedTuple):
    """Title and label of the run."""

    title: str
    label: str


def publish(run: Configuration) -> Publish:
    """Stage publish."""
    return Publish(run.run.title, run.run.plots.label)


class Report(NamedTuple):
    """All of it but for where the results lie: the page shows the configuration."""

    run: Plain
    title: str
    bundled: list[str]
    is_published: bool


def report(run: Configuration) -> Report:
    """The page."""
    return Report(_shown(run, "pathvars"), run.run.title, run.bundled, bool(run.judgements or run.tested))


class Compare(NamedTuple):
    """Another run, the loss that is allowed, and the configuration, which the other one's page has, too."""

    run: Plain
    against: str
    tolerance: float | None


def compare(run: Configuration) -> Compare:
    """Stage compare: only where the run has one."""
    spec = run.run.compare
    if spec is None:
        raise ValueError("no run to compare with")
    return Compare(_shown(run, "pathvars", "compare"), str(against(spec)), spec.fail_if_worse_than)


def _shown(run: Configuration, *without: str) -> Plain:
    """The resolved configuration without some keys of the run."""
    return {**run.raw, "run": {key: value for key, value in run.raw["run"].items() if key not in without}}
