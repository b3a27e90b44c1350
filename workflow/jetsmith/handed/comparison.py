"""What a comparison found, as the page shows it and the JSON beside it has it."""

from dataclasses import dataclass

from jetsmith.io import Stored
from jetsmith.metrics import Difference, Interval


@dataclass(frozen=True, slots=True)
class Change(Stored):
    """One fact that differs.

    Attributes:
        key: Which.
        before: As the first run has it; None where it has none.
        after: As the second has it.
        about: More of it.
    """

    key: str
    before: str | None
    after: str | None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Topic(Stored):
    """Facts of one kind.

    Attributes:
        name: `configuration`, `inputs`, `events`, `closure tests`, `code`, `software`.
        n: Facts that either run has.
        changes: Those that differ.
    """

    name: str
    n: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Jets(Stored):
    """Test jets of a tagger on a sample.

    Attributes:
        judgement: The tagger with its discriminant.
        sample: The sample.
        before: Test jets with a score in the first run.
        after: In the second.
        common: Those of both: neither training has seen them.
        paired: Whether the runs are compared on them.
        why: Where not, the reason.
    """

    judgement: str
    sample: str
    before: int
    after: int
    common: int
    paired: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Number(Stored):
    """One number of both runs; `difference` is that of the second less that of the first.

    Attributes:
        subject: The judgement, or the reweighter.
        sample: Where it was found.
        what: Of what, in words.
        percent: Whether it is an efficiency, said in per cent.
        before: In the first run, as its own page has it, None where it has none; a signal efficiency at a
            mistag rate that was compared by pairs is of the jets of both runs, like the difference.
        after: In the second.
        difference: With its interval; None where there is no test.
        paired: Whether `difference` is of the same jets.
        z: `difference` over its error.
        p: Chance of one as far from 0 without a real one.
        p_holm: The same for any of all numbers that were tested.
        differs: Whether it does, at `Comparison.level`.
        rejection: Background rejection of the second over that of the first, at the first's efficiency.
        why: Where there is no test, the reason.
        doubt: `ties` where jets of one score leap over the mistag rate in one of the runs: no cut has it.
    """

    subject: str
    sample: str
    what: str
    percent: bool
    before: Interval | None
    after: Interval | None
    difference: Interval | None = None
    paired: bool = False
    z: float | None = None
    p: float | None = None
    p_holm: float | None = None
    differs: bool = False
    rejection: Difference | None = None
    why: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Gate(Stored):
    """Whether the second run is worse than a tolerance allows.

    Attributes:
        tolerance: Largest loss of background rejection, as a fraction.
        status: `passed`, `failed` or `not conclusive`.
        lines: The numbers that failed, or where nothing failed those that cannot tell.
    """

    tolerance: float
    status: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Stored):
    """All of it.

    Attributes:
        before: Path of the first results folder.
        after: Path of the second.
        level: Chance that any number is said to differ where none does.
        topics: Facts that differ.
        jets: By judgement and sample.
        numbers: All that both runs have.
        gate: Where one was asked for.
    """

    before: str
    after: str
    level: float
    topics: tuple[Topic, ...]
    jets: tuple[Jets, ...]
    numbers: tuple[Number, ...]
    gate: Gate | None = None

    @property
    def n_tested(self) -> int:
        """Numbers that were tested."""
        return sum(number.p is not None for number in self.numbers)

    @property
    def differing(self) -> tuple[Number, ...]:
        """Numbers that differ, the surest first."""
        return tuple(sorted((n for n in self.numbers if n.differs), key=lambda n: n.p or 0.0))

    @property
    def is_nothing(self) -> bool:
        """Whether nothing at all differs: neither facts nor, by a hair, numbers."""
        same = all(
            (n.before, n.after) == (n.after, n.before) and (n.difference is None or n.difference.value == 0)
            for n in self.numbers
        )
        return same and not any(topic.changes for topic in self.topics)
