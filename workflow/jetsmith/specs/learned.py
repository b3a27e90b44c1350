"""Efficiencies that a network learns: what it is given, in what it has to close, and how it is trained."""

from pydantic import Field

from jetsmith.specs.classifiers import Engine
from jetsmith.strict import Fraction, Name, Positive, Record


class NetworkSpec(Record):
    """How networks learn, and what their closure test asks for: what stage learn gets of an entry."""

    hidden: tuple[int, ...] = Field(
        (32, 32), min_length=1, max_length=8, description="Units of each hidden layer, from 1 to 1024."
    )
    members: int = Field(
        8,
        ge=2,
        le=64,
        multiple_of=2,
        description="Networks, whose probabilities are averaged. They come in pairs: of each, one learns "
        "from half of the events and stops by the other half, the second one the other way round; what the "
        "two differ by is the statistical error.",
    )
    epochs: int = Field(100, ge=1, le=100_000, description="Epochs, at most.")
    patience: int = Field(10, ge=1, le=100_000, description="Epochs without a smaller loss before it stops.")
    batch_size: int = Field(512, ge=1, le=1_000_000, description="Jets a step.")
    learning_rate: Positive = Field(0.003, le=1, description="Of Adam.")
    engine: Engine = Field("tensorflow", description="What Keras computes with.")
    bins: int = Field(
        8, ge=2, le=50, description="Bins of the closure test, of as many jets each; fewer where few pass."
    )
    tolerance: Fraction = Field(
        0.05,
        description="Closure: relative deviation of predicted from counted jets that matters. Passed where "
        "the jets would have shown it.",
    )


class LearnedSpec(NetworkSpec):
    """One entry a network: efficiencies of a tagger's working points, jet by jet."""

    judgement: Name = Field(
        description="Tagger, or tagger and discriminant where that is not its first; its points are learned."
    )
    features: dict[Name, tuple[str, ...]] = Field(
        min_length=1, description="By group of flat features of config/features what the network is given."
    )
    closes_in: dict[Name, tuple[str, ...]] = Field(
        {},
        description="Likewise what it is not given, and in which predicted jets have to be those that are "
        "counted all the same.",
    )
