"""How the entries of a dataset's files are cut into partitions, and those into chunks."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from jetsmith.handed.plan import FileFound, Part, Range
from jetsmith.specs.skimming import PartitionSpec

SNAP = 0.25  # a cut moves to a cluster boundary that is nearer than this share of a partition


def typical_entries(records: Sequence[FileFound]) -> int:
    """Entries that a file which cannot be opened is taken to hold: the mean of the others, one at least."""
    n_entries = sum(record.entries for record in records)
    return max(1, round(n_entries / max(1, len(records))))


def damaged_share(records: Sequence[FileFound], n_damaged: int) -> float:
    """Share of all entries that damaged files are taken to hold."""
    lost = n_damaged * typical_entries(records)
    return lost / (lost + sum(record.entries for record in records)) if lost else 0.0


def plan_parts(records: Sequence[FileFound], n_parts: int, target: PartitionSpec) -> list[Part]:
    """Cut the entries of all files into `n_parts` runs of about equal cost.

    Cost is bytes or entries, whichever is nearer to its target. Cuts move to a cluster boundary
    that is close, so that no basket is read twice; large files are split, small ones grouped.

    Args:
        records: The files.
        n_parts: Partitions.
        target: Bytes and entries that cost the same.

    Returns:
        The partitions; every entry is in exactly one range.
    """
    costs = [
        max(record.bytes / (target.target_mb * 1e6), record.entries / target.target_entries)
        if record.entries
        else 0.0
        for record in records
    ]
    cuts = _cuts(records, costs, n_parts)
    parts: list[Part] = []
    for part, (begin, end) in enumerate(pairwise(cuts)):
        ranges = []
        for index in range(begin[0], min(end[0] + 1, len(records))):
            start = begin[1] if index == begin[0] else 0
            stop = end[1] if index == end[0] else records[index].entries
            if start < stop:
                record = records[index]
                ranges.append(Range(record.file, record.uuid, start, stop))
        parts.append(Part(f"{part:03d}", tuple(ranges)))
    return parts


def _cuts(records: Sequence[FileFound], costs: Sequence[float], n_parts: int) -> list[tuple[int, int]]:
    """Begin and end of the partitions as (index of file, entry), rising."""
    size = sum(costs) / n_parts
    cuts, index, before = [(0, 0)], 0, 0.0
    for number in range(1, n_parts):
        wanted = number * size
        while index < len(records) and before + costs[index] <= wanted * (1 + 1e-12):
            before += costs[index]
            index += 1
        if index == len(records):
            cuts.append((index, 0))
            continue
        entries = records[index].entries
        entry = round((wanted - before) / costs[index] * entries)
        nearest = _nearest(records[index].bounds, entry)
        if abs(nearest - entry) * costs[index] <= SNAP * size * entries:
            entry = nearest
        cuts.append(max(cuts[-1], (index, entry)))
    return [*cuts, (len(records), 0)]


def _nearest(bounds: Sequence[int], entry: int) -> int:
    """The boundary next to an entry, the lower of two that are as near; boundaries rise."""
    above = bisect_left(bounds, entry)
    return min(bounds[max(above - 1, 0) : above + 1], key=lambda bound: abs(bound - entry))


def chunks(start: int, stop: int, bounds: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Cut a range into chunks of `most` entries at most, at cluster boundaries where there are any.

    Args:
        start: First entry.
        stop: Entry behind the last.
        bounds: Cluster boundaries of the file, rising.
        most: Entries of a chunk.
    """
    inside = [bound for bound in bounds if start < bound < stop]
    while stop - start > most:
        reachable = [bound for bound in inside if start + most // 2 <= bound <= start + most]
        end = reachable[-1] if reachable else start + most
        yield start, end
        start = end
    yield start, stop
