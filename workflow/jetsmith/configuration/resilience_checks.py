"""Checks of what taggers are tried on, run before any job."""

from collections.abc import Iterator, Mapping

from jetsmith import plugs
from jetsmith.configuration.classifier_checks import twice
from jetsmith.configuration.judgement_checks import further_samples
from jetsmith.configuration.records import hint, require
from jetsmith.errors import refuse
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.features import FeatureGroup
from jetsmith.specs.resilience import MOVES, FeatureShiftSpec, ResilienceSpec
from jetsmith.specs.run import RunSpec


def check_resilience(
    run: RunSpec,
    classifiers: Mapping[str, ClassifierSpec],
    datasets: Mapping[str, DatasetSpec],
    groups: Mapping[str, FeatureGroup],
    source: str,
) -> None:
    """Names are known, there is something to try, and taggers can be scored where they are tried."""
    for sample, spec in run.resilience.items():
        at = f"resilience.{sample}"
        require(sample, run.samples, f"{source}: resilience", "sample")
        own = [name for name, where in run.taggers.items() if where == sample]
        for name in spec.taggers:
            require(name, own, f"{source}: {at}.taggers", f"tagger of `{sample}`")
        for shifted in spec.shifts.values():
            require(shifted, run.samples, f"{source}: {at}.shifts", "sample")
        refuse(source, (f"{at}{problem}" for problem in _entry(spec, own)))
        tried = [classifiers[name] for name in spec.taggers or own]
        for name, shift in spec.features.items():
            problems = _shift(shift, tried, groups)
            refuse(source, (f"{at}.features.{name}{problem}" for problem in problems))
        for name in spec.taggers or own:
            problems = further_samples(
                classifiers[name], tuple(spec.shifts.values()), run.samples, datasets, classifiers
            )
            refuse(source, (f"{at}.shifts: {name}: {problem}" for problem in problems if spec.shifts))


def _entry(spec: ResilienceSpec, own: list[str]) -> Iterator[str]:
    if not own:
        yield ": no tagger of the run is on this sample; name one that taggers are trained on"
    if not spec.shifts and not spec.features and not spec.moves:
        yield ": nothing to try: give `shifts` or `features`, or leave `moves` on"
    if twice(spec.taggers):
        yield f".taggers: given twice: {', '.join(twice(spec.taggers))}"
    for key, named in (("shifts", spec.shifts), ("features", spec.features)):
        if taken := [name for name in named if name in MOVES.values()]:
            yield f".{key}: `{taken[0]}` is what moves of inputs are called; give it another name"
        if any(not name.strip() for name in named):
            yield f".{key}: a name is empty; say in a few words what is other"
    if both := [name for name in spec.features if name in spec.shifts]:
        yield f".features: `{both[0]}` is a name of `shifts`, too; give it another"


def _shift(
    shift: Mapping[str, FeatureShiftSpec], tried: list[ClassifierSpec], groups: Mapping[str, FeatureGroup]
) -> Iterator[str]:
    """What is wrong with inputs that are moved by a factor or an offset."""
    read = {
        f"{given.group}.{name}": given.group
        for spec in tried
        if plugs.computes(spec.backend)
        for given in spec.inputs
        for name in given.features
    }
    if not shift:
        yield ": is empty; name inputs as `group.feature`"
    for key, by in shift.items():
        group, _, name = key.partition(".")
        if key not in read:
            yield f".{key}: no tagger that is tried has this input{hint(key, read)}"
        elif group not in groups:
            yield f".{key}: is a score of `{group}`; move what that reads"
        elif by == FeatureShiftSpec():
            yield f".{key}: moves nothing; give `scale` or `offset`"
        elif by.offset and groups[group].features[name].transform == "abs":
            yield f".{key}: transform `abs` keeps no sign to add an offset to; give `scale` alone"
