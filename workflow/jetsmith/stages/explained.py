"""What looks into taggers gets of the configuration: explain and ablate."""

from typing import NamedTuple

from jetsmith.configuration.configuration import Configuration
from jetsmith.specs.classifiers import ClassifierSpec, DiscriminantSpec, RecipeSpec, TruthSpec
from jetsmith.specs.explain import JetsSpec
from jetsmith.stages.plain import Plain
from jetsmith.strict import seen_as


class Explain(NamedTuple):
    """A tagger, its first discriminant, which classes this tells apart, and how many jets are looked at."""

    spec: Plain
    discriminant: Plain
    signal: Plain
    background: Plain
    jets: Plain
    seed: int


def explain(run: Configuration, tagger: str) -> Explain:
    """Stage explain."""
    spec = run.classifiers[tagger]
    jets = seen_as(JetsSpec, run.run.explain)
    return Explain(seen_as(RecipeSpec, spec), *_told_apart(spec), jets, run.run.seed)


class Ablate(NamedTuple):
    """A tagger, it without some inputs by name, and what judges all of them."""

    spec: Plain
    without: dict[str, Plain]
    discriminant: Plain
    signal: Plain
    background: Plain
    working_points: dict[str, float]
    seed: int


def ablate(run: Configuration, tagger: str) -> Ablate:
    """Stage ablate."""
    spec = run.classifiers[tagger]
    without = {name: seen_as(RecipeSpec, less) for name, less in run.ablations[tagger].items()}
    points = run.run.working_points
    return Ablate(seen_as(RecipeSpec, spec), without, *_told_apart(spec), points, run.run.seed)


def _told_apart(spec: ClassifierSpec) -> tuple[Plain, Plain, Plain]:
    """The first discriminant of a tagger, its signal and its first background."""
    assert spec.discriminant is not None
    assert spec.signal_class is not None
    signal, background = spec.signal_class, spec.background_classes[0]
    return (
        seen_as(DiscriminantSpec, spec.discriminant),
        seen_as(TruthSpec, signal),
        seen_as(TruthSpec, background),
    )
