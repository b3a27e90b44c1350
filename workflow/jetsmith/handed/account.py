"""What became of a dataset's entries: the reports of its partitions, and the account that adds them up."""

from dataclasses import dataclass, replace
from typing import Self

from jetsmith.handed.plan import Content
from jetsmith.io import Stored


@dataclass(frozen=True, slots=True)
class Sums(Stored):
    """Sums over entries, or over rows.

    Attributes:
        n: Their number.
        sum_w: Sum of their weights.
        sum_w2: Sum of the squares.
    """

    n: int
    sum_w: float
    sum_w2: float

    def plus(self, other: "Sums") -> Self:
        """With those of others added."""
        return replace(
            self, n=self.n + other.n, sum_w=self.sum_w + other.sum_w, sum_w2=self.sum_w2 + other.sum_w2
        )


NONE = Sums(0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class CutStep(Sums):
    """What is left after a cut; the first one, `entries`, is everything.

    Attributes:
        cut: Its name.
        applied: False where it was left out; this is then what it would have been applied to.
    """

    cut: str
    applied: bool = True


@dataclass(frozen=True, slots=True)
class FileRead(Sums):
    """What was read of a file."""

    file: str


@dataclass(frozen=True, slots=True)
class Loss(Stored):
    """Entries `start` to `stop` (not among them) of a file that could not be read, and why."""

    file: str
    start: int
    stop: int
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True)
class PartReport(Stored):
    """What became of a partition's entries.

    Attributes:
        dataset: Its dataset.
        part: Its name.
        state: `skipped` where an entry is lost, else `ok`, or `empty` where no row passed.
        n_planned: Entries of the plan.
        n_processed: Those that were read.
        lost: Those that were not.
        sum_w: Sum of the weights of those that were read, before cuts.
        files: What was read of each file.
        cutflow: In order.
        n_rows: Rows that passed.
        rows_by_flavour: The same by truth id.
    """

    dataset: str
    part: str
    state: str
    n_planned: int
    n_processed: int
    lost: tuple[Loss, ...]
    sum_w: float
    files: tuple[FileRead, ...]
    cutflow: tuple[CutStep, ...]
    n_rows: int
    rows_by_flavour: dict[str, int]


@dataclass(frozen=True, slots=True)
class Lost(Stored):
    """A loss in the account of a dataset.

    Attributes:
        file: Path or address.
        start: First entry.
        stop: Entry behind the last; None where the file could not even be opened.
        reason: Why.
        attempts: How often it was tried.
        n_entries: Entries; of a file that could not be opened as many as the others hold on average.
        fraction: Their share of all entries.
        weight_fraction: Their share of all weights, as far as it is known.
    """

    file: str
    start: int
    stop: int | None
    reason: str
    attempts: int
    n_entries: int
    fraction: float
    weight_fraction: float


@dataclass(frozen=True, slots=True)
class Normalisation(Stored):
    """What the weights of a dataset's rows are divided by, and how that was found.

    Attributes:
        to: `runs`, `events`, `data`, or `none` where files with and without Runs cannot be added up.
        how: The same as a sentence.
        sum_w: The divisor, or None.
        mean_weight: Weight of an entry before every cut, an earlier skim's too; None without entries.
        sum_w_processed: Sum over the entries that were processed.
        n_processed: Their number.
        sum_w_runs: Sum over all rows of all trees Runs, or None.
        n_runs: Their number of events, or None.
        sum_w_generated: The part of `sum_w_runs` that belongs to the entries that were processed, by the
            share of each file, or None.
        factor: `sum_w` over `sum_w_processed`, or None.
    """

    to: str
    how: str
    sum_w: float | None
    mean_weight: float | None
    sum_w_processed: float
    n_processed: int
    sum_w_runs: float | None
    n_runs: int | None
    sum_w_generated: float | None
    factor: float | None


@dataclass(frozen=True, slots=True)
class Account(Stored):
    """What became of a dataset: every planned entry was processed, or is declared lost.

    Attributes:
        dataset: Its name.
        object: What a row is: ak4, ak8 or event.
        layout: ROOT layout of its files.
        columns: Canonical columns of its rows.
        content: What its files say of their events.
        n_entries: Entries that were planned.
        n_events: Entries that were processed.
        n_lost: Entries that were not.
        lost: Each loss.
        loss_fraction: Share of the entries that is lost.
        loss_weight_fraction: Share of the weights that is lost, as far as it is known.
        n_duplicates: Entries that stand there twice, where that is allowed.
        normalisation: What weights are divided by.
        event_weight: What a generator weight is multiplied with, for the cross-section; or None.
        n_rows: Rows of all partitions.
        rows_by_flavour: The same by truth id.
        rows_by_part: The same by partition.
        states: Of partitions that are not `ok`.
        cutflow: Of all entries.
    """

    dataset: str
    object: str
    layout: str | None
    columns: tuple[str, ...]
    content: Content
    n_entries: int
    n_events: int
    n_lost: int
    lost: tuple[Lost, ...]
    loss_fraction: float
    loss_weight_fraction: float
    n_duplicates: int
    normalisation: Normalisation
    event_weight: float | None
    n_rows: int
    rows_by_flavour: dict[str, int]
    rows_by_part: dict[str, int]
    states: dict[str, str]
    cutflow: tuple[CutStep, ...]
