"""Which jets pack keeps that it leaves out else: those of pile-up, where somebody asks or data have them."""

from collections.abc import Iterator

from jetsmith import columns
from jetsmith.configuration.configuration import Configuration


def kept_truth(run: Configuration, sample: str) -> list[int]:
    """What pack leaves out else, where a tagger asks for it, efficiencies count it, or data have it."""
    if sample in _beside_data(run) or sample in _counted(run):
        return list(columns.LEFT_OUT_TRUTH)
    asked = {
        key
        for spec in (*run.classifiers.values(), *run.judgements.values())
        for c in (*spec.classes, spec.signal_class, *spec.background_classes)
        if sample in run.scored_on(spec.name) and c is not None
        for key in c.truth
    }
    return [key for key in columns.LEFT_OUT_TRUTH if key in asked]


def _counted(run: Configuration) -> Iterator[str]:
    """Samples whose efficiencies are counted by hadron flavour, which pile-up jets have, too."""
    for spec in run.judgements.values():
        if any(c.hadron_flavour is not None for c in (spec.signal_class, *spec.background_classes) if c):
            yield spec.sample


def _beside_data(run: Configuration) -> Iterator[str]:
    """Samples of simulation that are compared with collisions, which have pile-up jets among others."""
    for pair in run.run.commissioning.values():
        if run.has_collisions(pair.data):
            yield from pair.simulation
    for measurement in run.run.scale_factors.values():
        if run.has_collisions(measurement.data):
            yield from run.run.measured_on(measurement)
    for shape in run.run.shapes.values():
        for region in (shape.heavy, shape.light):
            if run.has_collisions(region.data):
                yield region.simulation
    yield from (sample for sample in run.run.reweighters.values() if run.has_collisions(sample))
