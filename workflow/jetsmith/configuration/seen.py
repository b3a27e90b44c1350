"""Which events a classifier has not seen: what is measured with it is measured there."""

from collections.abc import Sequence

from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.stacked import taught_by
from jetsmith.configuration.started import learned_from
from jetsmith.hashing import SPLITS


def unseen(run: Configuration, classifier: str, sample: str) -> Sequence[str]:
    """Splits of a sample that a classifier has not seen: `test`, or all where it shares no events.

    Seen is also what networks that it starts from, of the run or of a folder, and classifiers whose scores it
    reads, have seen; under any name of a data set (`same_events`), since splits go by the event.
    """
    leads = {name: (*spec.groups, spec.start_from) for name, spec in run.classifiers.items()}
    known, samples = run.same_events.datasets, run.run.samples
    own: set[str] = set()
    for name in taught_by(classifier, leads):
        spec = run.classifiers[name]
        own |= {*samples[spec.sample].datasets}
        if spec.start_from and spec.start_from not in run.classifiers:
            of_folder = learned_from(spec.start_from, samples)
            own |= {dataset for one in of_folder for dataset in one.datasets if dataset in known}
    return ("test",) if run.same_events.shared(samples[sample].datasets, own) else SPLITS
