"""From files to packed rows: what simulate, inspect, look, check, skim, account, features and pack get."""

from collections.abc import Iterable
from typing import NamedTuple

from jetsmith import columns, derivations
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.dataset_checks import TRIGGERS
from jetsmith.configuration.kept import kept_truth
from jetsmith.derivations.of_jets import RESOLVED_BY, SELECTED_TRACK
from jetsmith.estimates import read_on
from jetsmith.simulation.parameters import DETECTORS
from jetsmith.simulation.processes import PROCESSES
from jetsmith.specs.classifiers import ComparedSpec, TruthSpec
from jetsmith.specs.datasets import CutsSpec, ReadingSpec
from jetsmith.specs.features import ColumnGroup
from jetsmith.stages.plain import Plain, judged
from jetsmith.strict import seen_as


class Simulate(NamedTuple):
    """A part of a simulated dataset, the physics of its process, and the numbers of its detector."""

    spec: Plain
    settings: list[str]
    boosted: bool
    keep: str
    detector: Plain
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
        keep=process.keep,
        detector=DETECTORS[spec.simulate.detector].plain(),
        seed=run.run.seed,
        scale=run.run.simulation_scale,
    )


class Inspect(NamedTuple):
    """How files are read, and into how many partitions they are cut.

    `target` says what a byte costs against an entry, and is empty where no cut follows from it.
    """

    spec: Plain
    sizes: list[float]
    n_parts: int
    jet_id: int
    target: Plain
    has_cross_section: bool


def inspect(run: Configuration, dataset: str) -> Inspect:
    """Stage inspect, but for the list of files."""
    n_parts = run.n_parts(dataset)
    weighed = n_parts > 1 and run.n_files(dataset) > 1  # a file is cut by its entries, whatever these cost
    return Inspect(
        spec=_reading(run, dataset),
        sizes=run.sizes_mb(dataset),
        n_parts=n_parts,
        jet_id=run.selection_of(dataset).jet_id,
        target=run.run.partition.model_dump(include={"target_mb", "target_entries"}) if weighed else {},
        has_cross_section=run.datasets[dataset].cross_section_pb is not None,
    )


class Look(NamedTuple):
    """When its files were changed, as their file system says."""

    times: list[int]


def look(run: Configuration, dataset: str) -> Look:
    """Stage look, but for the list of files."""
    return Look(run.times_ns(dataset))


class Check(NamedTuple):
    """What a classifier reads of a sample, with which signs, and the truth that has to be told there."""

    spec: Plain
    told: list[Plain]
    groups: list[Plain]
    is_turned: bool
    ways: list[Plain]


def check(run: Configuration, classifier: str, sample: str) -> Check:
    """Stage check. The truth is that of all classes, whatever their part is."""
    spec = run.classifiers[classifier]
    read = read_on(spec, sample)
    spec = spec.model_copy(update={"side": tuple(inputs for inputs in spec.side if inputs in read)})
    reads = (*spec.reads, *spec.spectators)
    names = dict.fromkeys(inputs.group for inputs in reads)
    told = judged(run, classifier) if sample in run.told_on(classifier) else []
    if sample in run.samples_of(classifier):  # elsewhere who judges it counts alone, not what it was taught
        told = [*(seen_as(TruthSpec, found) for found in spec.classes), *told]
    return Check(
        spec=seen_as(ComparedSpec, spec),
        told=told,
        groups=[seen_as(ColumnGroup, run.groups[name]) for name in names if name in run.groups],
        is_turned=bool(run.signs_of(sample)),
        ways=_ways(spec.object, [source for inputs in reads for source in inputs.sources], reasons=True),
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
    allow_same_sums: bool


def account(run: Configuration, dataset: str) -> Account:
    """Stage account."""
    spec = run.datasets[dataset]
    return Account(
        max_loss_fraction=run.run.skim.max_loss_fraction,
        cross_section_pb=spec.cross_section_pb,
        luminosity_ifb=run.run.luminosity_ifb,
        allow_duplicates=spec.duplicates == "allow",
        generated=spec.generated,
        allow_same_sums=spec.same_sums == "allow" or spec.simulate is not None,  # each part has its seed
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
    resolved_by = RESOLVED_BY if run.resolves(group) else ()
    return Features(seen_as(ColumnGroup, spec), [], _ways(found, [*spec.sources, *resolved_by]))


class Resolution(NamedTuple):
    """Ways to what the functions are fitted to; where a file gives them, none."""

    ways: list[Plain]


def resolution(run: Configuration) -> Resolution:
    """Stage resolution, but for its files."""
    spec = run.run.track_resolution
    fitted = spec is not None and spec.sample is not None
    return Resolution(_ways("ak4", [SELECTED_TRACK, *RESOLVED_BY]) if fitted else [])


class Pack(NamedTuple):
    """A feature group, with which signs, and where its rows go."""

    spec: Plain
    signs: str
    datasets: list[str]
    splits: Plain
    seed: int
    kept_truth: list[int]


def pack(run: Configuration, sample: str, group: str) -> Pack:
    """Stage pack, of a feature group."""
    return Pack(
        spec=seen_as(ColumnGroup, run.groups[group]),
        signs=run.signs_of(sample),
        datasets=list(run.run.samples[sample].datasets),
        splits=run.run.splits.model_dump(),
        seed=run.run.seed,
        kept_truth=kept_truth(run, sample),
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
        sample=run.run.samples[sample].model_dump(mode="json", exclude={"signs"}),  # rows have none
        generators=run.generators(sample),
        splits=run.run.splits.model_dump(),
        seed=run.run.seed,
        kept_truth=kept_truth(run, sample),
        kinematics=list(columns.KINEMATICS[found]),
        content=list(columns.CONTENT[found]),
    )


def _ways(obj: str, sources: Iterable[str], reasons: bool = False) -> list[Plain]:
    """The entries of the table of derived columns that these lead to, and no others."""
    return derivations.plain(derivations.reached(sources, obj), reasons)


def _reading(run: Configuration, dataset: str) -> Plain:
    """How files are read. That no trigger selects changes nothing there: checks and page say it."""
    found = seen_as(ReadingSpec, run.datasets[dataset])
    without = [key for key in found["without"] if key != TRIGGERS]
    return found | {"layout": run.layout_of(dataset), "without": without}
