"""What figures, and the page, get of a classifier that do not need all of it."""

from typing import Literal

from pydantic import Field

from jetsmith.specs.classifiers import ClassSpec, DiscriminantSpec
from jetsmith.strict import Name, Record


class TrainedSpec(Record):
    """What the figure of a training says of its classifier."""

    name: Name
    title: str
    backend: Name
    folds: int = 0


class ClassifiedSpec(TrainedSpec):
    """What the confusion matrix gets: a tagger with its classes, and how frequent these were in training."""

    sample: Name
    classes: tuple[ClassSpec, ...]
    trained: Literal["levelled", "natural", ""] = Field(
        "", description="Whether classes weighed the same; empty where others trained it."
    )


class EstimateSpec(TrainedSpec):
    """What the figure of an estimate gets: an output of a network that is a number of the row."""

    sample: Name
    output: Name
    column: str
    over: str = ""
    quantiles: tuple[float, ...] = ()
    label: str = Field("", description="TeX label of the column.")
    classes: tuple[ClassSpec, ...] = Field(description="Whose rows were learned from.")


class Judgement(Record):
    """What the report says of a judgement beside its classifier."""

    title: str
    discriminant: DiscriminantSpec | None = None
    signal_class: ClassSpec | None = None
    background_classes: tuple[ClassSpec, ...] = ()
