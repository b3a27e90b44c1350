"""What the figures of features get: which features of a group, and by which classes they are shown."""

from collections.abc import Sequence
from typing import Any

from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.subjects import trained_elsewhere
from jetsmith.specs.classifiers import ClassifierSpec


def readers(run: Configuration, sample: str, group: str) -> list[ClassifierSpec]:
    """Classifiers that read a feature group in a sample, their own or one that they are judged on."""
    return [
        spec
        for name, spec in run.classifiers.items()
        if sample in run.samples_of(name) and group in run.groups_on(name, sample)
    ]


def shown_features(run: Configuration, group: str, specs: Sequence[ClassifierSpec]) -> dict[str, Any]:
    """Source, label and default of the features that some classifiers read; of all, if none does."""
    read = {
        name for spec in specs for inputs in spec.reads if inputs.group == group for name in inputs.features
    }
    return {
        name: {"source": of.source, "label": of.label, "default": of.default}
        for name, of in run.groups[group].features.items()
        if name in read or not read
    }


def described(run: Configuration, sample: str, group: str) -> dict[str, Any]:
    """The features of a group that classifiers read in a sample, and the classes of the one that has most."""
    found = readers(run, sample, group)
    finest = max(found, key=lambda spec: len(spec.classes))
    return {
        "sample": sample,
        "group": group,
        "features": shown_features(run, group, found),
        "classes": [one.model_dump(mode="json", exclude={"flavor"}) for one in finest.classes],
    }


def compared(run: Configuration, sample: str, group: str) -> dict[str, Any]:
    """The same, with data sets of collisions, and samples that taggers judged on this one are trained on."""
    of = described(run, sample, group)
    of["features"] = {name: {"label": about["label"]} for name, about in of["features"].items()}
    data = [name for name in run.run.samples[sample].datasets if run.datasets[name].is_data]
    return {**of, "data": data, "trained_on": trained_elsewhere(run, sample, group)}
