"""Checks of samples with turned signs: nothing is trained on them, inputs can be turned; before any job."""

from collections.abc import Iterator

from jetsmith import columns, derivations
from jetsmith.columns.turned import usable
from jetsmith.configuration.configuration import Configuration
from jetsmith.errors import refuse
from jetsmith.estimates import read_on
from jetsmith.features.derived import available_with_derived
from jetsmith.specs.classifiers import ClassifierSpec


def check_turned(run: Configuration, source: str) -> None:
    """Nothing is trained on such a sample, and no input of who is scored on it keeps its sign."""
    turned = [name for name, sample in run.run.samples.items() if sample.signs == "turned"]
    for name in turned:
        refuse(source, (f"samples.{name}.signs: {problem}" for problem in _sample(run, name)))
    for role, table in (("taggers", run.run.taggers), ("reweighters", run.run.reweighters)):
        for name, sample in table.items():
            if sample in turned:
                problem = f"sample `{sample}` has turned signs, and nothing is trained on it; name another"
                refuse(source, [f"{role}.{name}: {problem}"])
    for spec in run.classifiers.values():
        on = [sample for sample in turned if sample in run.scored_on(spec.name)]
        if on:
            refuse(source, (f"taggers.{spec.name}: {problem}" for problem in _inputs(run, spec, on[0])))


def _sample(run: Configuration, name: str) -> Iterator[str]:
    if run.object_of(name) == "event":
        yield "rows of `event` have no impact parameters; leave it out"
    resolution = run.run.track_resolution
    if resolution is not None and resolution.sample == name:
        yield "`track_resolution` is fitted to tracks as they are; name another sample there"


def _inputs(run: Configuration, spec: ClassifierSpec, sample: str) -> Iterator[str]:
    """Features whose column would have to be made of signs that no column tells."""
    there = available_with_derived(usable(columns.STORED[spec.object]), derivations.of(spec.object))
    reads = [inputs for inputs in read_on(spec, sample) if inputs not in spec.auxiliary]
    groups = {inputs.group: run.groups[inputs.group] for inputs in reads if inputs.group in run.groups}
    lacking = {
        f"{inputs.group}.{feature} (column {source})"
        for inputs in reads
        if inputs.group in groups
        for feature in inputs.features
        if (source := groups[inputs.group].features[feature].source) not in there
    }
    lacking |= {
        f"the order of {name} (column {group.sort_by})"
        for name, group in groups.items()
        if group.sort_by and group.sort_by not in there
    }
    if lacking:
        yield (
            f"is scored on `{sample}`, whose signs are turned, and reads {', '.join(sorted(lacking))}: files "
            "hold it as it came of signs as they are, and it cannot be derived from what can be turned; take "
            "a tagger without"
        )
