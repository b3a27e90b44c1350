"""The plan of a dataset: what inspect found of its files, and how they are cut into partitions."""

from dataclasses import dataclass

from jetsmith.io import Stored


@dataclass(frozen=True, slots=True)
class Untold(Stored):
    """Truth ids that branches cannot tell from another.

    Attributes:
        ids: Ids that no row gets.
        become: The id that such rows get instead.
        lacks: What is missing for it, for messages.
    """

    ids: tuple[int, ...]
    become: int
    lacks: str


@dataclass(frozen=True, slots=True)
class UntoldOf(Untold):
    """The same of a dataset.

    Attributes:
        n_files: Files that cannot tell.
        file: One of them.
        text: What cannot be told apart, in words.
    """

    n_files: int
    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Said(Stored):
    """What a file with entries says of its events.

    Attributes:
        simulated: Whether they are; None where nothing says so.
        because: What says so.
        weight: The branch of the generator weight, or None.
        unable: Cuts that it cannot tell, with what they lack.
        instead: Columns and cuts that it gives in an unusual way, with how.
        absent_hlt: Triggers of the dataset that it lacks, each with close ones that it has.
        untold: Truth ids that it cannot tell from others.
    """

    simulated: bool | None
    because: str
    weight: str | None
    unable: dict[str, str]
    instead: dict[str, str]
    absent_hlt: dict[str, tuple[str, ...]]
    untold: tuple[Untold, ...]


@dataclass(frozen=True, slots=True)
class Content(Stored):
    """What a dataset holds: what its files say, in agreement with each other and with its keys.

    Attributes:
        simulated: Whether its events are; None where no file has an entry.
        certified: Its `golden_json`.
        duplicates: `refuse` or `allow`.
        weight: The branch of the generator weight; None where every event has weight 1.
        not_applied: Cuts that are left out, with what they lack, or why.
        instead: Columns and cuts that are made in an unusual way, with how.
        absent_hlt: Triggers with the files that lack them.
        untold: Truth ids that a file or more cannot tell.
    """

    simulated: bool | None
    certified: str | None
    duplicates: str
    weight: str | None
    not_applied: dict[str, str]
    instead: dict[str, str]
    absent_hlt: dict[str, tuple[str, ...]]
    untold: tuple[UntoldOf, ...]


@dataclass(frozen=True, slots=True)
class Runs(Stored):
    """Sums over the generated events of a file, from its tree Runs.

    Attributes:
        n_events: Their number, None where Runs has none.
        sum_w: Sum of their generator weights.
        sum_w2: Sum of the squares, None where Runs has none.
    """

    n_events: int | None
    sum_w: float
    sum_w2: float | None


@dataclass(frozen=True, slots=True)
class Schema(Stored):
    """What files that are alike can give.

    Attributes:
        layout: ROOT layout; None where a file without entries does not say.
        available: Canonical columns that they give.
        missing: Canonical columns of the object that they do not give.
        branches: What is read of them.
        constituents: Whether they hold candidates of jets.
        unreadable: Branches that cannot be read, each with the reason.
        content: What they say of their events; None without entries.
    """

    layout: str | None
    available: tuple[str, ...]
    missing: tuple[str, ...]
    branches: tuple[str, ...]
    constituents: bool
    unreadable: dict[str, str]
    content: Said | None


@dataclass(frozen=True, slots=True)
class FileFound(Stored):
    """A file of a dataset.

    Attributes:
        file: Path or address, as the dataset names it.
        uuid: Its UUID; of text and Parquet, which have none, a digest of its whole content.
        tree: Path of its table.
        schema: Index into `Plan.schemas`.
        entries: Entries of the table.
        bytes: Size of the file [B].
        codec: Compression.
        bounds: Entries at which clusters begin, rising, and the last one's end; thinned.
        entry_bytes: Uncompressed size of what is read of an entry [B].
        runs: Sums over generated events; None where there are none.
        changed_ns: When it was changed last, by its file system, before it was read [ns]; 0 of a remote one,
            and in plans that were made before it was written down, whose files look reads.
    """

    file: str
    uuid: str
    tree: str
    schema: int
    entries: int
    bytes: int
    codec: str
    bounds: tuple[int, ...]
    entry_bytes: float
    runs: Runs | None
    changed_ns: int = 0


@dataclass(frozen=True, slots=True)
class Damaged(Stored):
    """A file that cannot be read, and why, after so many attempts; `changed_ns` as of `FileFound`."""

    file: str
    reason: str
    attempts: int
    changed_ns: int = 0


@dataclass(frozen=True, slots=True)
class Looked(Stored):
    """What came of a look at files that may have been changed since inspect.

    Attributes:
        dataset: Its name.
        n_files: Files on a disk.
        read_again: Those of another time, whose content is what inspect saw.
    """

    dataset: str
    n_files: int
    read_again: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range(Stored):
    """Entries `start` to `stop` of a file, the last one not among them."""

    file: str
    uuid: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Part(Stored):
    """A partition: its name (`000`, `001`, …) and what it holds."""

    part: str
    ranges: tuple[Range, ...]

    @property
    def n_entries(self) -> int:
        """Entries of all its ranges."""
        return sum(piece.stop - piece.start for piece in self.ranges)


@dataclass(frozen=True, slots=True)
class Plan(Stored):
    """What inspect found of a dataset, and how it is cut into partitions.

    Attributes:
        dataset: Its name.
        object: What a row is: ak4, ak8 or event.
        layout: ROOT layout of the files with entries.
        columns: Canonical columns that all of these give, in order.
        n_entries: Entries of all files.
        bytes: Size of all files [B].
        content: What the files say, in agreement.
        schemas: One for all files that are alike.
        files: Those that can be read.
        damaged: Those that cannot, where a loss is allowed.
        parts: The partitions; each entry is in exactly one.
    """

    dataset: str
    object: str
    layout: str | None
    columns: tuple[str, ...]
    n_entries: int
    bytes: int
    content: Content
    schemas: tuple[Schema, ...]
    files: tuple[FileFound, ...]
    damaged: tuple[Damaged, ...]
    parts: tuple[Part, ...]
