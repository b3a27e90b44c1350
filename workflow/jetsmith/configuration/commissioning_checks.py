"""Checks of what is shown of data beside simulation, run before any job."""

from collections.abc import Iterator, Mapping

from jetsmith.configuration.classifier_checks import twice
from jetsmith.configuration.measurement_checks import kind_problems, reads_others, selected_alike
from jetsmith.configuration.records import require
from jetsmith.configuration.same_events import SameEvents
from jetsmith.configuration.subjects import DISCRIMINANTS
from jetsmith.errors import refuse
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.commissioning import CommissioningSpec
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.features import FeatureGroup
from jetsmith.specs.run import RunSpec

LAYERS = {"data": "the layer of data is called so", "other": "what is of no class is called so"}


def check_commissioning(
    run: RunSpec,
    datasets: Mapping[str, DatasetSpec],
    groups: Mapping[str, FeatureGroup],
    judgements: Mapping[str, ClassifierSpec],
    source: str,
    same: SameEvents,
) -> None:
    """Names are known, samples are what they stand for, and what is stacked has a common scale."""
    for name, spec in run.commissioning.items():
        at = f"commissioning.{name}"
        for judgement in spec.judgements:
            require(judgement, judgements, f"{source}: {at}.judgements", "judgement")
        for key, samples in (("data", (spec.data,)), ("simulation", spec.simulation)):
            for sample in samples:
                require(sample, run.samples, f"{source}: {at}.{key}", "sample")
        for group in spec.groups:
            require(group, groups, f"{source}: {at}.groups", "feature group")
        taggers = [judgements[judgement] for judgement in spec.judgements]
        refuse(
            source,
            (f"{at}{why}" for why in dict.fromkeys(_entry(run, spec, datasets, groups, taggers, same))),
        )


def _entry(
    run: RunSpec,
    spec: CommissioningSpec,
    datasets: Mapping[str, DatasetSpec],
    groups: Mapping[str, FeatureGroup],
    taggers: list[ClassifierSpec],
    same: SameEvents,
) -> Iterator[str]:
    for key, named in (
        ("judgements", spec.judgements), ("simulation", spec.simulation), ("groups", spec.groups)
    ):  # fmt: skip
        if twice(named):
            yield f".{key}: given twice: {', '.join(twice(named))}"
    first = taggers[0]
    for tagger in taggers[1:]:
        if tagger.object != first.object:
            yield f".judgements: rows of `{tagger.name}` are `{tagger.object}`, of `{first.name}` " + (
                f"`{first.object}`; give each an entry"
            )
    for group in spec.groups:
        if groups[group].object != first.object:
            yield f".groups: `{group}` is of `{groups[group].object}`, the taggers of `{first.object}`"
    for one in (first.signal_class, *first.background_classes):
        if one is not None and one.name in LAYERS:
            yield f".judgements: `{one.name}` is a class of `{first.judgement}`, and {LAYERS[one.name]}; " + (
                "give it another name (config/flavours.yaml)"
            )
    if DISCRIMINANTS in groups:
        yield f".groups: a feature group is called `{DISCRIMINANTS}`, as their figure is; rename it"
    samples = (spec.data, *spec.simulation)
    for tagger in taggers:
        yield from (f".judgements: {problem}" for problem in reads_others(tagger, groups, samples))
        for key, names in (("data", (spec.data,)), ("simulation", spec.simulation)):
            for name in names:
                problems = kind_problems(run, name, tagger, datasets, is_data=key == "data")
                yield from (f".{key}: {problem}" for problem in problems)
    if len({run.samples[name].signs for name in samples}) > 1:
        yield ": some samples have `signs: turned`, others not; show jets that are read alike"
    yield from (f": {problem}" for problem in selected_alike(run, samples, datasets))
    used = {name: run.samples[name].datasets for name in samples}
    stacked = [one for name in spec.simulation for one in used[name]]
    if both := same.shared(stacked, used[spec.data]):
        yield f".simulation: {', '.join(both)} is of `{spec.data}`, the data, too"
    before: list[str] = []
    for name in spec.simulation:
        if both := same.shared(used[name], before):
            yield f".simulation: in two samples: {', '.join(both)}"
        before += used[name]
    if flat := [name for name in spec.simulation if run.samples[name].normalise == "flat"]:
        yield f".simulation: `{flat[0]}` has `normalise: flat`, and no distribution of nature; give `unit`"
        return
    unit = [name for name in spec.simulation if run.samples[name].normalise != "cross_section"]
    if unit and (len(stacked) > 1 or spec.scale == "luminosity"):
        why = (
            "`scale: luminosity` needs cross sections"
            if spec.scale == "luminosity"
            else f"how much there is of each of {', '.join(stacked)} is not known"
        )
        yield f".simulation: {why}; give sample `{unit[0]}` `normalise: cross_section`"
    if spec.scale == "luminosity" and run.luminosity_ifb is None:
        yield ".scale: `luminosity` needs `luminosity_ifb` of the run; give it, or `data`"
    if spec.scale == "luminosity" and not any(datasets[one].is_data for one in used[spec.data]):
        yield f".scale: sample `{spec.data}` is no data, and has no luminosity; give `data`"
