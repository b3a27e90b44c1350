"""Checks of measurements of scale factors, run before any job."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from jetsmith.configuration.dataset_checks import TRIGGERS, other_rows
from jetsmith.configuration.records import hint, require, rising
from jetsmith.configuration.same_events import SameEvents
from jetsmith.errors import refuse
from jetsmith.estimates import read_on
from jetsmith.specs.classifiers import LIGHT, ClassifierSpec
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.features import FeatureGroup
from jetsmith.specs.measurements import MeasurementSpec, VariableSpec
from jetsmith.specs.run import RunSpec

# What files call other things than a measurement, and than a source of `uncertainties.samples`.
TAKEN = {"comb": "the name of all measurements together", "wp_values": "the name of the thresholds"}
OTHER = "other"  # what is of no class
ROUNDING = 1e-9  # bins that begin just where jets are there must not fail for the last bit
PARTS = ("statistic", "simulation_statistic", "correlated", "uncorrelated", "energy_scale", "sf", "jets")


def check_measurements(
    run: RunSpec,
    datasets: Mapping[str, DatasetSpec],
    groups: Mapping[str, FeatureGroup],
    judgements: Mapping[str, ClassifierSpec],
    source: str,
    same: SameEvents,
) -> None:
    """Names are known, samples are what they stand for, and what is combined can be."""
    before: dict[str, dict[str, MeasurementSpec]] = {}
    for name, spec in run.scale_factors.items():
        at = f"scale_factors.{name}"
        require(spec.judgement, judgements, f"{source}: {at}.judgement", "judgement")
        tagger = judgements[spec.judgement]
        for key, sample in (
            ("data", spec.data),
            ("simulation", spec.simulation),
            *((f"uncertainties.samples.{k}", s) for k, s in spec.uncertainties.samples.items()),
        ):
            require(sample, run.samples, f"{source}: {at}.{key}", "sample")
            problems = sample_problems(run, sample, tagger, datasets, is_data=key == "data")
            refuse(source, (f"{at}.{key}: {problem}" for problem in problems))
        if spec.variable is not None:
            require(spec.variable.group, groups, f"{source}: {at}.variable.group", "feature group")
            problems = _variable(spec.variable, groups[spec.variable.group], tagger)
            refuse(source, (f"{at}.variable.{problem}" for problem in problems))
        refuse(source, (f"{at}{problem}" for problem in _measurement(run, name, spec, tagger, same)))
        refuse(source, (f"{at}: {problem}" for problem in selected_alike(run, spec.samples, datasets)))
        problems = reads_others(tagger, groups, spec.samples)
        refuse(source, (f"{at}.judgement: {problem}" for problem in problems))
        if spec.method == "negative_tags":
            refuse(source, (f"{at}{problem}" for problem in _negative(run, spec, tagger)))
        others = before.setdefault(spec.judgement, {})
        for other, one in others.items():
            refuse(source, (f"{at}{problem}" for problem in _together(run, spec, tagger, other, one, same)))
        others[name] = spec
        scale = spec.uncertainties.energy_scale
        refuse(
            source, (f"{at}{problem}" for problem in lacks_jets_below(run, tagger, spec.pt_bins_gev, scale))
        )


def sample_problems(
    run: RunSpec, name: str, tagger: ClassifierSpec, datasets: Mapping[str, DatasetSpec], is_data: bool
) -> Iterator[str]:
    """Why a sample cannot stand for data, or for simulation, of jets that are measured."""
    sample = run.samples[name]
    if sample.signs == "turned":
        yield f"sample `{name}` has turned signs; name that of the jets as they are, the other one is found"
    yield from kind_problems(run, name, tagger, datasets, is_data)
    if not is_data and len(sample.datasets) > 1 and sample.normalise == "unit":
        yield (
            f"how much there is of each of {', '.join(sample.datasets)} is not known, and so no share of a "
            f"class; give sample `{name}` `normalise: cross_section`"
        )


def kind_problems(
    run: RunSpec, name: str, tagger: ClassifierSpec, datasets: Mapping[str, DatasetSpec], is_data: bool
) -> Iterator[str]:
    """Why a sample is not of data, or of simulation, of jets that a tagger scores."""
    sample = run.samples[name]
    used = {dataset: datasets[dataset] for dataset in sample.datasets}
    yield from other_rows(name, used, tagger)
    if sample.folds or tagger.folds:
        yield f"sample `{name}` or the tagger's has folds, so that each event has a model of its own; set 0"
    collisions = [dataset for dataset, spec in used.items() if spec.is_data]
    if is_data and collisions and len(collisions) < len(used):
        yield f"sample `{name}` mixes data, {', '.join(collisions)}, with simulation; give each a sample"
    if not is_data and collisions:
        yield f"{', '.join(collisions)} of sample `{name}` is data, without truth; name one of simulation"


def selected_alike(
    run: RunSpec, samples: Collection[str], datasets: Mapping[str, DatasetSpec]
) -> Iterator[str]:
    """Why samples that stand beside each other are not of events with the same triggers and leptons.

    Args:
        run: The run.
        samples: Data, or what is presented as such, come first.
        datasets: All.
    """
    yield from _triggered_alike(run, samples, datasets)
    used = {dataset: datasets[dataset] for name in samples for dataset in run.samples[name].datasets}
    first, *others = used
    for other in others:
        if _selection(used[other]) != _selection(used[first]):
            yield (
                f"dataset `{other}` selects events by other `leptons` than `{first}`, so that jets of "
                "different events are compared; give both the same (they change nothing in files that "
                "were selected so before)"
            )
            return


def _triggered_alike(
    run: RunSpec, samples: Collection[str], datasets: Mapping[str, DatasetSpec]
) -> Iterator[str]:
    """Data may be in a data set for each trigger; each simulated one has all, or says that it has none."""
    data, *others = samples

    def told(of: Iterable[str]) -> list[str]:
        names = dict.fromkeys(dataset for sample in of for dataset in run.samples[sample].datasets)
        return [name for name in names if TRIGGERS not in datasets[name].without]

    first, second = told([data]), told(others)
    open_ones = [name for name in first if not datasets[name].hlt]
    if open_ones and len(open_ones) < len(first):
        has = next(name for name in first if datasets[name].hlt)
        yield (
            f"dataset `{open_ones[0]}` of sample `{data}` has no `hlt`, and `{has}` "
            f"{', '.join(sorted(datasets[has].hlt))}, so that events count that no trigger selects; give "
            "each data set its own"
        )
        return
    # pseudo-data may say that they have none: then what stands beside them is alike
    wanted = {path for name in first or second[:1] for path in datasets[name].hlt}
    whose = f"sample `{data}`" if first else f"`{second[0]}`" if second else ""
    for name in second:
        if set(datasets[name].hlt) != wanted:
            has, asked = (", ".join(sorted(paths)) or "none" for paths in (datasets[name].hlt, wanted))
            yield (
                f"dataset `{name}` has `hlt` {has}, and {whose} {asked}, so that jets of different "
                "events are compared; give both the same, or simulation without triggers `without: [hlt]`"
            )
            return


def _selection(spec: DatasetSpec) -> tuple[frozenset[str], dict[str, object]] | None:
    """Its leptons, whatever the order of the channels."""
    if spec.leptons is None:
        return None
    return frozenset(spec.leptons.channels), spec.leptons.model_dump(exclude={"channels"})


def reads_others(tagger: ClassifierSpec, groups: Collection[str], samples: Collection[str]) -> Iterator[str]:
    """Why a tagger cannot be scored on samples: it reads others, whose scores are made on its own alone."""
    read = (inputs.group for name in samples if name != tagger.sample for inputs in read_on(tagger, name))
    others = dict.fromkeys(group for group in read if group not in groups)
    if others:
        yield (
            f"`{tagger.name}` reads the scores of {', '.join(others)}, which are made on `{tagger.sample}` "
            "alone; take a tagger that does not"
        )


def _variable(variable: VariableSpec, group: FeatureGroup, tagger: ClassifierSpec) -> Iterator[str]:
    if group.kind != "flat" or group.object != tagger.object:
        yield f"group: `{variable.group}` has no value a jet of `{tagger.object}`; name a group that has"
    elif variable.feature not in group.features:
        yield f"feature: unknown feature `{variable.feature}`{hint(variable.feature, group.features)}"
    yield from rising(variable.edges, "edges")


def _measurement(
    run: RunSpec, name: str, spec: MeasurementSpec, tagger: ClassifierSpec, same: SameEvents
) -> Iterator[str]:
    if name in TAKEN:
        yield f": `{name}` is {TAKEN[name]}; give another one"
    if OTHER in (one.name for one in (tagger.signal_class, *tagger.background_classes) if one is not None):
        yield (
            f".judgement: `{OTHER}` is a class of `{spec.judgement}`, and what is of no class is called so; "
            "give it another name (config/flavours.yaml)"
        )
    for part in spec.uncertainties.samples:
        if part in PARTS or part.endswith(("_mistag", "_rate")):
            yield f".uncertainties.samples: `{part}` is the name of another part; give another one"
    points = run.calibration.thresholds.get(spec.judgement) or run.working_points
    if spec.tag and spec.tag not in points:
        yield f".tag: unknown working point `{spec.tag}`{hint(spec.tag, points)}"
    least = 2 if spec.tag else 1
    if spec.n_jets is not None and not least <= spec.n_jets[0] <= spec.n_jets[1]:
        why = "a tag and a probe are two" if spec.tag else "the jet itself is one"
        yield f".n_jets: goes from {spec.n_jets[0]} to {spec.n_jets[1]}; give {least} or more, rising: {why}"
    if spec.pt_bins_gev:
        yield from (f".{problem}" for problem in rising(spec.pt_bins_gev, "pt_bins_gev"))
        least_pt = run.selection[tagger.object].pt_min_gev
        if spec.pt_bins_gev[0] < least_pt:
            why = f"`selection.{tagger.object}.pt_min_gev: {least_pt:g}` leaves none below"
            yield f".pt_bins_gev: begin at {spec.pt_bins_gev[0]:g} GeV; {why}"
    if run.samples[spec.simulation].normalise == "flat":
        yield f".simulation: `{spec.simulation}` has `normalise: flat`, and no shares of classes; `unit`"
    simulation = run.samples[spec.simulation]
    for key, sample in spec.uncertainties.samples.items():
        other = run.samples[sample]
        is_alike = other.model_copy(update={"datasets": simulation.datasets}) == simulation
        if is_alike and same.are_copies(other.datasets, simulation.datasets):
            whose = ", ".join(same.shared(other.datasets, simulation.datasets))
            yield (
                f".uncertainties.samples.{key}: {whose} is the simulation itself, from which nothing differs"
            )
    own = run.samples[spec.data].datasets
    for key, sample in {"simulation": spec.simulation, **spec.uncertainties.samples}.items():
        if both := same.shared(run.samples[sample].datasets, own):
            yield f".data: {', '.join(both)} is of `{sample}` ({key}), too: it would be fitted to itself"


def lacks_jets_below(
    run: RunSpec, tagger: ClassifierSpec, pt_bins_gev: Sequence[float], scale: float
) -> Iterator[str]:
    """What is wrong where an energy scale moves jets into the first bin that the selection has left out.

    Args:
        run: The run.
        tagger: Whose jets.
        pt_bins_gev: Edges; none: those of the selection.
        scale: Relative, up and down.
    """
    obj = tagger.object
    selection = run.selection[obj]
    first, least = (pt_bins_gev or selection.pt_bins_gev)[0], selection.pt_min_gev
    start = least * (1 + scale) * (1 - ROUNDING)
    if not scale or first >= start or (pt_bins_gev and first < least):
        return
    lowest, begin = max(first, least) / (1 + scale), f"{math.ceil(10 * start) / 10:g} GeV"
    whose, advice = f"those of `selection.{obj}` ", f"give `pt_bins_gev` here, from {begin} on"
    if pt_bins_gev:
        lower = f"{math.floor(10 * lowest) / 10:g} GeV"
        whose, advice = "", f"begin at {begin}, or let `selection.{obj}` and its bins begin at {lower}"
    yield (
        f".pt_bins_gev: {whose}begin at {first:g} GeV, and the "
        f"energy scale moves jets in from {lowest:.4g} GeV, which `selection.{obj}.pt_min_gev: {least:g}` "
        f"leaves out; {advice}, or set `uncertainties.energy_scale: 0`"
    )


def _negative(run: RunSpec, spec: MeasurementSpec, tagger: ClassifierSpec) -> Iterator[str]:
    """Of negative tags: there are light jets, and each sample also with turned signs."""
    if tagger.light_class is None:
        there = ", ".join(c.name for c in tagger.background_classes)
        yield (
            f".judgement: no background of `{spec.judgement}` has `flavor: {LIGHT}`, that of light jets, "
            f"among {there}; name another one"
        )
    for key, has in (("tag", bool(spec.tag)), ("variable", spec.variable is not None)):
        if has:
            yield f".{key}: is of fits; negative tags count all jets; leave it out"
    for name in dict.fromkeys(spec.samples):
        if run.turned_of(name) is None:
            datasets = ", ".join(run.samples[name].datasets)
            yield (
                f".method: negative_tags: sample `{name}` has none beside it of its jets with turned "
                f"signs, otherwise alike; give one: {name}_turned: {{datasets: [{datasets}], signs: turned}}"
            )


def _together(
    run: RunSpec,
    spec: MeasurementSpec,
    tagger: ClassifierSpec,
    other: str,
    first: MeasurementSpec,
    same: SameEvents,
) -> Iterator[str]:
    """Measurements of one judgement are combined: in the same bins, of other events. Light jets are not."""

    def bins(of: MeasurementSpec) -> tuple[float, ...]:
        return of.pt_bins_gev or run.selection[tagger.object].pt_bins_gev

    if bins(spec) != bins(first):
        why = "and both are combined" if spec.method == first.method else "and both stand in one file"
        yield f".pt_bins_gev: `{other}` has other bins, {why}; give both the same"
    if spec.method == first.method == "negative_tags":
        yield f".method: `{other}` measures light jets of `{spec.judgement}` already; leave one out"
    if spec.method != first.method:
        return
    for key in ("data", "simulation"):
        own, others = (run.samples[getattr(one, key)].datasets for one in (spec, first))
        if both := same.shared(sorted(own), others):
            yield (
                f".{key}: {', '.join(both)} is {key} of `{other}`, too: the combination takes statistics of "
                "measurements for independent"
            )
