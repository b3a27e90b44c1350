"""Which events a classifier has not seen: what is measured with it is measured there."""

import os
from collections.abc import Collection, Sequence

from jetsmith import remote
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.stacked import taught_by
from jetsmith.hashing import SPLITS


def unseen(run: Configuration, classifier: str, sample: str) -> Sequence[str]:
    """Splits of a sample that a classifier has not seen: `test`, or all where it shares no events.

    Seen is also what networks that it starts from, and classifiers whose scores it reads, have seen; and
    files that another data set reads, too, such as with other `leptons`: splits go by the event.
    """
    leads = {name: (*spec.groups, spec.start_from) for name, spec in run.classifiers.items()}
    own = {
        dataset
        for name in taught_by(classifier, leads)
        for dataset in run.run.samples[run.classifiers[name].sample].datasets
    }
    read = set(run.run.samples[sample].datasets)
    return ("test",) if own & read or _files_of(run, own) & _files_of(run, read) else SPLITS


def _files_of(run: Configuration, datasets: Collection[str]) -> set[str]:
    """What the files of datasets are, whatever paths lead there."""
    paths = {path for dataset in datasets for path in run.paths[dataset]}
    return {path if remote.SCHEME in path else os.path.realpath(path) for path in paths}
