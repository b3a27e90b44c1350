"""Which events a classifier has not seen, where it is measured; and what whoever starts from it is told."""

from collections.abc import Sequence

from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.started import Learned, ReadGroup, Taught, learned
from jetsmith.hashing import SPLITS
from jetsmith.specs.classifiers import ClassifierSpec


def unseen(run: Configuration, classifier: str, sample: str) -> Sequence[str]:
    """Splits of a sample that a classifier has not seen: `test`, or all where it shares no events.

    Seen is also what networks that it starts from, of the run or of a folder, and classifiers whose scores it
    reads, have seen; under any name of a data set (`same_events`), since splits go by the event.
    """
    before = learned(classifier, run.classifiers, run.starts, run.run, scores=True)
    own = {dataset for _, one in before for dataset in one.datasets if dataset in run.datasets}
    return ("test",) if run.same_events.shared(run.run.samples[sample].datasets, own) else SPLITS


def taught(run: Configuration, spec: ClassifierSpec) -> Taught:
    """What a training of a classifier, such as a point of its scan, teaches.

    Args:
        run: The run.
        spec: The classifier as it is trained there.
    """
    before = learned(spec.name, run.classifiers, run.starts, run.run, scores=True)
    trainings = [Learned.of(spec, run.run), *(one for name, one in before if name != spec.name)]
    return Taught(
        learned_from=tuple(one for k, one in enumerate(trainings) if one not in trainings[:k]),
        reads=tuple(ReadGroup.of(inputs, run.groups) for inputs in spec.inputs),
    )
