"""What perturb found of a tagger: what moves of its inputs cost, against it and at random."""

from dataclasses import dataclass

from jetsmith.io import Stored


@dataclass(frozen=True, slots=True)
class Change(Stored):
    """The area where inputs are moved less that where they are not, of the same jets.

    Attributes:
        value: The difference.
        low: Lower end of its interval (68.3%), paired.
        high: Upper end.
        members: The same of each member of an ensemble, moved against this one alone, or as all are by a
            factor; none of others.
    """

    value: float
    low: float
    high: float
    members: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Input(Stored):
    """One input that is moved by a factor and an offset.

    Attributes:
        name: As `group.feature`.
        scale: Factor.
        offset: Added then, before the transform.
        share: Of its values that moved: the others count, stand for none or lie at an end.
    """

    name: str
    scale: float
    offset: float
    share: float


@dataclass(frozen=True, slots=True)
class Shift(Stored):
    """Inputs that are moved together.

    Attributes:
        name: What is other.
        inputs: Those of them that the tagger reads.
        why: Where nothing moved, the reason.
    """

    name: str
    inputs: tuple[Input, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Moved(Stored):
    """Signal against one background.

    Attributes:
        background: Its name.
        jets: Of both; 0 where one of them has none, and then there is nothing below.
        auc: Area under the ROC curve of the jets as they are.
        random: Where each input is moved, up or down by chance; None where that was not asked for.
        adversarial: Against the tagger; None where it has no gradient.
        shifts: Of each of `Moves.shifts`; None where nothing moved.
    """

    background: str
    jets: int
    auc: float | None
    random: Change | None
    adversarial: Change | None
    shifts: tuple[Change | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Moves(Stored):
    """Of a tagger by one of its discriminants.

    Attributes:
        judgement: Its name.
        sample: Of whose jets.
        signal: Class of the signal.
        step: Length of the moves, in standard deviations.
        largest_share: By which a value is moved at most.
        free: Share of the values of real jets and constituents that may move.
        backgrounds: In the order of the tagger's.
        shifts: Inputs that are moved by a factor or an offset.
        by_steps: Whether they are moved by steps, too, at random and against the tagger.
    """

    judgement: str
    sample: str
    signal: str
    step: float
    largest_share: float
    free: float
    backgrounds: tuple[Moved, ...]
    shifts: tuple[Shift, ...] = ()
    by_steps: bool = True
