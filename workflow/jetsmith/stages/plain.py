"""What the stages of both sides of the packed rows get alike."""

from typing import Any

from jetsmith.configuration.configuration import Configuration
from jetsmith.specs.classifiers import TruthSpec
from jetsmith.strict import seen_as

Plain = dict[str, Any]


def judged(run: Configuration, classifier: str) -> list[Plain]:
    """The truth of the classes that judge a classifier, whatever their part is."""
    return [seen_as(TruthSpec, found) for found in run.judged_by(classifier)]
