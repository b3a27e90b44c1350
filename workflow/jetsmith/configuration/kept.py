"""Which jets pack keeps that it leaves out else: those of pile-up, where somebody asks or data have them."""

from collections.abc import Iterator

from jetsmith import columns
from jetsmith.configuration.configuration import Configuration


def kept_truth(run: Configuration, sample: str) -> list[int]:
    """What pack leaves out else, where a tagger asks for it, efficiencies count it, or data have it.

    Samples that stand beside each other keep the same: else one side would be another mixture.
    """
    keeping, together = {*_asked(run), *_counted(run)}, []
    for of in _together(run):
        told = {name for name in of if not _is_data(run, name)}
        together.append(told)  # collisions alone have no truth to leave out
        if any(map(run.has_collisions, of)):
            keeping |= told
    before = 0
    while len(keeping) > before:  # one sample may stand in several comparisons
        before = len(keeping)
        keeping.update(*(told for told in together if told & keeping))
    return list(columns.LEFT_OUT_TRUTH) if sample in keeping else []


def _is_data(run: Configuration, sample: str) -> bool:
    """Whether all of a sample are collisions."""
    return all(run.datasets[name].is_data for name in run.run.samples[sample].datasets)


def _asked(run: Configuration) -> Iterator[str]:
    """Samples on which a tagger with a class of these is scored."""
    for spec in (*run.classifiers.values(), *run.judgements.values()):
        classes = (c for c in (*spec.classes, spec.signal_class, *spec.background_classes) if c is not None)
        if any(key in columns.LEFT_OUT_TRUTH for c in classes for key in c.truth):
            yield from run.scored_on(spec.name)


def _counted(run: Configuration) -> Iterator[str]:
    """Samples whose efficiencies are counted by hadron flavour, which pile-up jets have, too."""
    for spec in run.judgements.values():
        if any(c.hadron_flavour is not None for c in (spec.signal_class, *spec.background_classes) if c):
            yield spec.sample


def _together(run: Configuration) -> Iterator[tuple[str, ...]]:
    """Samples that are compared: with collisions, which have pile-up jets among others, or each other."""
    yield from ((pair.data, *pair.simulation) for pair in run.run.commissioning.values())
    yield from (run.run.measured_on(measurement) for measurement in run.run.scale_factors.values())
    yield from (shape.samples for shape in run.run.shapes.values())
    yield from ((sample,) for sample in run.run.reweighters.values())
