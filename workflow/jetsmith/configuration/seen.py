"""Which events a classifier has not seen: what is measured with it is measured there."""

from collections.abc import Sequence

from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.stacked import taught_by
from jetsmith.hashing import SPLITS


def unseen(run: Configuration, classifier: str, sample: str) -> Sequence[str]:
    """Splits of a sample that a classifier has not seen: `test`, or all where it shares no events.

    Seen is also what networks that it starts from, and classifiers whose scores it reads, have seen; under
    any name of a data set (`same_events`), since splits go by the event.
    """
    leads = {name: (*spec.groups, spec.start_from) for name, spec in run.classifiers.items()}
    own = {
        dataset
        for name in taught_by(classifier, leads)
        for dataset in run.run.samples[run.classifiers[name].sample].datasets
    }
    return ("test",) if run.same_events.shared(run.run.samples[sample].datasets, own) else SPLITS
