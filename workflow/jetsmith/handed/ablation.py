"""What ablate found of the trainings of a tagger without some of its inputs."""

from dataclasses import dataclass

from jetsmith.io import Stored


@dataclass(frozen=True, slots=True)
class Change(Stored):
    """A number of the tagger less that of the training without, on the same jets: what removing costs.

    Attributes:
        of: `auc`, or the name of a working point.
        whole: The number of the tagger with all of its inputs.
        loss: The difference.
        low: Lower end of its interval (68.3%).
        high: Upper end.
    """

    of: str
    whole: float
    loss: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Without(Stored):
    """A training without some inputs.

    Attributes:
        name: As in the configuration.
        left_out: Groups that are gone, and `group.feature` where a part of one is.
        changes: The area first, then signal efficiencies at working points that are not among `few`.
    """

    name: str
    left_out: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Ablation(Stored):
    """All of them.

    Attributes:
        tagger: Whose.
        sample: Of whose jets.
        discriminant: Its first.
        signal: Class of the signal.
        background: Class of the background that fixes the working points.
        jets: Of both; 0 where one of them has none, and then there is nothing below.
        trainings: Not empty else.
        few: Working points that fewer than ten effective jets of either class pass: of these nothing is said.
    """

    tagger: str
    sample: str
    discriminant: str
    signal: str
    background: str
    jets: int
    trainings: tuple[Without, ...]
    few: tuple[str, ...] = ()
