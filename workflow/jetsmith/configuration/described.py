"""What the figures of features get: which features of a group, and by which classes they are shown."""

from typing import Any

from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.subjects import trained_elsewhere
from jetsmith.specs.classifiers import ClassifierSpec


def readers(run: Configuration, sample: str, group: str) -> list[ClassifierSpec]:
    """Classifiers that read a feature group in a sample, their own or one that they are judged on."""
    return [
        spec
        for name, spec in run.classifiers.items()
        if sample in run.samples_of(name) and group in spec.groups
    ]


def described(run: Configuration, sample: str, group: str) -> dict[str, Any]:
    """The features of a group that classifiers read in a sample, and the classes of the one that has most."""
    found = readers(run, sample, group)
    read = {
        name for spec in found for inputs in spec.reads if inputs.group == group for name in inputs.features
    }
    known = run.groups[group]
    finest = max(found, key=lambda spec: len(spec.classes))
    return {
        "sample": sample,
        "group": group,
        "features": {
            name: {"source": of.source, "label": of.label, "default": of.default}
            for name, of in known.features.items()
            if name in read
        },
        "classes": [one.model_dump(mode="json", exclude={"flavor"}) for one in finest.classes],
    }


def compared(run: Configuration, sample: str, group: str) -> dict[str, Any]:
    """The same, with data sets of collisions, and samples that taggers judged on this one are trained on."""
    of = described(run, sample, group)
    of["features"] = {name: {"label": about["label"]} for name, about in of["features"].items()}
    data = [name for name in run.run.samples[sample].datasets if run.datasets[name].is_data]
    return {**of, "data": data, "trained_on": trained_elsewhere(run, sample, group)}
