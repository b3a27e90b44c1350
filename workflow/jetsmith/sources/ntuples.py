"""RNTuple by the face of `trees.Table`.

uproot looks through all field records for the subfields of each field, and makes objects of every page
of every column before it reads one: ten seconds for 2,451 fields. Both are handed to it here, from one
pass over the records and as far as they are asked for; and pages are compared with their checksums.
"""

import struct
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import awkward as ak
import uproot
import xxhash
from uproot.models import RNTuple as records

from jetsmith.sources.aliases import aliased

CODECS = {1: "ZLIB", 2: "LZMA", 4: "LZ4", 5: "ZSTD"}  # ROOT's Compression.h; settings are 100 x codec + level
LIST, SIZE, CHECKSUM = struct.Struct("<qI"), struct.Struct("<q"), struct.Struct("<Q")


class NTuple:
    """An RNTuple (see `trees.Table`).

    Branches are called as in a TTree: the member `pt` of a collection `Jet` is `Jet_pt`; ATLAS writes a
    colon where its TTrees have a point.

    Args:
        ntuple: As uproot found it.
        path: Its path in the file.

    Attributes:
        stored: As uproot found it, with the lists of pages that are read here.

    Raises:
        ValueError: A list of its pages is damaged.
    """

    def __init__(self, ntuple: Any, path: str) -> None:
        self.stored, self.path = ntuple, path
        ntuple.read_locator = _Reader(ntuple)
        ntuple._cluster_summaries, ntuple._page_link_list = _page_lists(ntuple)
        self._below = _subfields(ntuple)
        self.n_entries = int(ntuple.num_entries)  # uproot keeps it: `read` takes clusters from its view

    @cached_property
    def fields(self) -> dict[str, list[Any]]:
        """The fields from the top down to that of each branch; fields that have others are no branches."""
        lines = [self._line(field) for field in self.stored.all_fields if field.path and not field.fields]
        found: dict[str, list[Any]] = {}
        for line in lines:
            found.setdefault(_branch([field.name for field in line]), line)
        return {alias: found[name] for alias, name in aliased(found).items()}

    def _line(self, field: Any) -> list[Any]:
        """A field behind all named fields that it is in."""
        line = [field]
        while not field.top_level:
            field = field.parent
            if not field.is_anonymous:
                line.insert(0, field)
        return line

    @property
    def branches(self) -> set[str]:
        return set(self.fields)

    def unreadable(self, names: Collection[str]) -> dict[str, str]:
        return {name: reason for name in names if (reason := self._reason(name))}

    def _reason(self, name: str) -> str | None:
        """Why uproot would give other values of a branch than were written, if it would."""
        top, field = self.fields[name][0], self.fields[name][-1]
        columns = self.columns([name])
        if any(column.first_element_index for column in columns):
            return "added while the file was written: what lies before holds no value of it"
        metadata = [self.stored.get_field_metadata(column.idx) for column in columns]
        if any(found.dtype != found.dtype_result for found in metadata):
            return "stored in several ways, as merging may leave it, which uproot takes for one another"
        try:
            self.stored.field_form(top.field_id, [field.path])
        except Exception:  # whatever uproot raises where it does not know a type
            return f"of the type {field.typename}, which uproot does not read"
        return None

    def bounds(self, names: Collection[str]) -> list[int]:
        return [*(int(c.num_first_entry) for c in self.stored.cluster_summaries), self.n_entries]

    def entry_bytes(self, names: Collection[str]) -> float:
        if not self.n_entries:
            return 0.0
        columns = self.columns(names)
        size = sum(
            int(page.num_elements) * int(column.nbits) / 8
            for cluster in self.stored.page_link_list
            for column in columns
            if column.idx < len(cluster)
            for page in cluster[column.idx].pages
        )
        return float(size / self.n_entries)

    @cached_property
    def _columns_of(self) -> dict[int, list[Any]]:
        """Columns of each field."""
        found: dict[int, list[Any]] = defaultdict(list)
        for column in self.stored.column_records:
            found[column.field_id].append(column)
        return found

    def columns(self, names: Collection[str]) -> list[Any]:
        """The columns of these branches, with the lengths of the lists that they are in."""
        fields: set[int] = set()
        for name in names:
            field = self.fields[name][-1]
            fields |= set(self._subtree(field.field_id))
            while not field.top_level:
                field = field.parent
                fields.add(field.field_id)
        stored = self.stored.field_records
        sources = {stored[field].source_field_id for field in fields} - {None}  # of projected ones
        return [column for field in sorted(fields | sources) for column in self._columns_of.get(field, [])]

    def _subtree(self, place: int) -> Iterator[int]:
        yield place
        for child in self._below.get(place, []):
            yield from self._subtree(child)

    def codec(self) -> str:
        for cluster in self.stored.page_link_list:
            for column in cluster:
                if not column.suppressed:
                    kind, level = divmod(int(column.compression_settings), 100)
                    return f"{CODECS[kind]}({level})" if kind in CODECS and level else "none"
        return "none"

    def read(self, names: Collection[str], start: int, stop: int) -> dict[str, ak.Array]:
        wanted = {self.fields[name][-1].field_id for name in names}
        whole = self.stored.cluster_summaries
        n_before = sum(cluster.num_first_entry < stop for cluster in whole)
        # uproot would read the cluster that begins at `stop`, too.
        self.stored._cluster_summaries = whole[: max(1, n_before)]
        try:
            # By number: a name would take along all fields whose own name is the same.
            found = self.stored.arrays(
                filter_field=lambda field: field.field_id in wanted, entry_start=start, entry_stop=stop
            )
        finally:
            self.stored._cluster_summaries = whole
        return {name: _member(found, self.fields[name]) for name in names}


def _subfields(ntuple: Any) -> dict[int, list[int]]:
    """Subfields of each field, by their places in the header; uproot is told them, too."""
    fields = ntuple.all_fields
    top: list[int] = []
    below: dict[int, list[int]] = defaultdict(list)
    for place, record in enumerate(ntuple.field_records):
        (top if record.parent_field_id == place else below[record.parent_field_id]).append(place)

    def named(children: list[int]) -> list[Any]:
        found = []
        for place in children:
            if fields[place].is_anonymous:  # such as the element of a vector: its own stand for it
                found += named(below.get(place, []))
            else:
                found.append(fields[place])
        return found

    for place, field in enumerate(fields):
        field._fields = named(below.get(place, []))
    ntuple._fields = [fields[place] for place in top]
    return below


def _branch(steps: Sequence[str]) -> str:
    """Name of a branch from the names of the fields that lead to it."""
    if (
        ":" in steps[0]
    ):  # EventInfoAuxDyn:runNumber, AnalysisJetsAuxDyn:btaggingLink.m_persKey, EventInfoAux:.bcid
        return ".".join(steps).replace(":.", ":").replace(":", ".")
    return "_".join(steps)


def _member(array: ak.Array, line: Sequence[Any]) -> ak.Array:
    for field in line:
        array = array[field.name]
    return array


@dataclass(frozen=True)
class _Checked:
    """Where a page is that is followed by its checksum."""

    offset: int
    num_bytes: int


class _Reader:
    """Reads what a locator points to, in the place of uproot's method, which looks at no checksum."""

    def __init__(self, ntuple: Any) -> None:
        self._source, self._plain = ntuple.file.source, ntuple.read_locator

    def __call__(self, locator: Any, size: int) -> tuple[Any, Any]:
        if not isinstance(locator, _Checked):
            found: tuple[Any, Any] = self._plain(locator, size)
            return found
        stop = locator.offset + locator.num_bytes
        chunk = self._source.chunk(locator.offset, stop + CHECKSUM.size)
        _compare(memoryview(chunk.raw_data), f"the page at byte {locator.offset:,}")
        cursor = uproot.source.cursor.Cursor(locator.offset)
        if locator.num_bytes < size:
            chunk = uproot.compression.decompress(chunk, cursor, {}, locator.num_bytes, size, block_info=None)
            cursor.move_to(0)
        return chunk, cursor


def _compare(raw: memoryview, what: str) -> None:
    """Compare bytes with the checksum at their end."""
    (expected,) = CHECKSUM.unpack_from(raw, len(raw) - CHECKSUM.size)
    if xxhash.xxh3_64_intdigest(raw[: -CHECKSUM.size]) != expected:
        raise ValueError(f"{what} does not match its checksum")


def _page_lists(ntuple: Any) -> tuple[list[Any], list["_Cluster"]]:
    """Summaries of the clusters and the pages of their columns."""
    summaries: list[Any] = []
    clusters: list[_Cluster] = []
    summary = records.RecordFrameReader(records.ClusterSummaryReader())
    for group in ntuple.footer.cluster_group_records:
        link = group.page_list_link
        chunk, cursor = ntuple.read_locator(link.locator, link.env_uncomp_size)
        raw, begin = memoryview(chunk.raw_data), cursor.index
        _compare(raw, "a list of pages")
        first = SIZE.size + CHECKSUM.size  # behind the envelope's head and the header's checksum
        places = (uproot.source.cursor.Cursor(begin + place) for place in _items(raw, first))
        summaries += [summary.read(chunk, place, {}) for place in places]
        second = first + abs(SIZE.unpack_from(raw, first)[0])
        clusters += [_Cluster(chunk, raw, place, begin) for place in _items(raw, second)]
    return summaries, clusters


def _items(raw: memoryview, place: int) -> list[int]:
    """Places of the items of a list frame, each a frame that begins with its size."""
    _, n_items = LIST.unpack_from(raw, place)
    place += LIST.size
    found = []
    for _ in range(n_items):
        found.append(place)
        place += abs(SIZE.unpack_from(raw, place)[0])  # of a list it is negative
    return found


class _Cluster(Sequence[Any]):
    """The page lists of a cluster's columns, each made when it is first asked for."""

    def __init__(self, chunk: Any, raw: memoryview, place: int, begin: int) -> None:
        self._chunk, self._raw, self._place, self._begin = chunk, raw, place, begin
        self._made: dict[int, Any] = {}

    @cached_property
    def _places(self) -> list[int]:
        return _items(self._raw, self._place)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, column: Any) -> Any:
        if column not in self._made:
            cursor = uproot.source.cursor.Cursor(self._begin + self._places[column])
            made = records.ColumnPageListFrameReader().read(self._chunk, cursor, {})
            for page in made.pages:
                if page.has_checksum:
                    page.locator = _Checked(page.locator.offset, page.locator.num_bytes)
            self._made[column] = made
        return self._made[column]
