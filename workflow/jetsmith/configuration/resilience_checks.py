"""Checks of what taggers are tried on, run before any job."""

from collections.abc import Iterator, Mapping

from jetsmith.configuration.classifier_checks import twice
from jetsmith.configuration.judgement_checks import further_samples
from jetsmith.configuration.records import require
from jetsmith.errors import refuse
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.resilience import ResilienceSpec
from jetsmith.specs.run import RunSpec


def check_resilience(
    run: RunSpec,
    classifiers: Mapping[str, ClassifierSpec],
    datasets: Mapping[str, DatasetSpec],
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
        for name in spec.taggers or own:
            problems = further_samples(
                classifiers[name], tuple(spec.shifts.values()), run.samples, datasets, classifiers
            )
            refuse(source, (f"{at}.shifts: {name}: {problem}" for problem in problems if spec.shifts))


def _entry(spec: ResilienceSpec, own: list[str]) -> Iterator[str]:
    if not own:
        yield ": no tagger of the run is on this sample; name one that taggers are trained on"
    if not spec.shifts and not spec.moves:
        yield ": nothing to try: give `shifts`, or leave `moves` on"
    if twice(spec.taggers):
        yield f".taggers: given twice: {', '.join(twice(spec.taggers))}"
    if any(not name.strip() for name in spec.shifts):
        yield ".shifts: a name is empty; say in a few words what is other"
