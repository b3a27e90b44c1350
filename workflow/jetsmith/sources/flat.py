"""Flat buffers of ragged branches: what all layouts use to gather, pair and write columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import columns
from jetsmith.angles import delta_r
from jetsmith.errors import InputError
from jetsmith.handed.account import CutStep
from jetsmith.io import BoolArray, FloatArray, IntArray

Array = npt.NDArray[Any]
GROUPS = {
    "cpf": "charged candidates",
    "npf": "neutral candidates",
    "sv": "secondary vertices",
    "subjet": "subjets",
    "genjet": "generator jets",
}


def split(array: ak.Array) -> tuple[IntArray, Array]:
    """Offsets (N + 1,) from 0 and flat content of a ragged array of N lists."""
    layout = ak.materialize(array).layout.to_ListOffsetArray64(True)
    offsets = np.asarray(layout.offsets.data)
    return offsets, np.asarray(layout.content.data)[: offsets[-1]]


def values(array: ak.Array) -> Array:
    """The numbers of a branch with one value an entry."""
    return np.asarray(ak.to_numpy(ak.materialize(array)))


def single(events: Mapping[str, ak.Array], name: str) -> Array:
    """The numbers of a branch with one value an entry, shape (N,).

    Raises:
        InputError: It has a list an entry.
    """
    if events[name].ndim != 1:
        raise InputError(f"branch {name} has a list an entry, where one number would be right")
    return values(events[name])


def lists(events: Mapping[str, ak.Array], name: str) -> tuple[IntArray, Array]:
    """Offsets (N + 1,) and flat content of a branch with a list of numbers an entry.

    Raises:
        InputError: It has something else.
    """
    if (depth := events[name].ndim) != 2:
        found = "one number an entry" if depth == 1 else "lists of lists"
        raise InputError(f"branch {name} has {found}, where a list of numbers would be right")
    return split(events[name])


def aligned(events: Mapping[str, ak.Array], name: str, offsets: IntArray) -> Array:
    """The flat content of a branch that has as many values as its collection, entry by entry.

    Args:
        events: Arrays by branch name.
        name: The branch.
        offsets: Of the collection, (N + 1,); what was read before and after `narrow` is not to be compared.

    Raises:
        InputError: It has others, of which equal totals would be given to the wrong elements.
    """
    own, content = lists(events, name)
    check_lengths(name, own, offsets, np.arange(len(offsets) - 1))
    return content


def of_collection(events: Mapping[str, ak.Array], name: str) -> tuple[IntArray, Array]:
    """Offsets (N + 1,) and flat content of a branch that jets point into, compared with another of its own.

    Args:
        events: Arrays by branch name; all of the collection, the name up to `_`, were read at once.
        name: The branch.

    Raises:
        InputError: It has others than the first of the collection by name.
    """
    offsets = lists(events, min(other for other in events if other.startswith(f"{name.partition('_')[0]}_")))[
        0
    ]
    return offsets, aligned(events, name, offsets)


def check_lengths(name: str, own: IntArray, offsets: IntArray, entries: IntArray) -> None:
    """Fail where a branch has more or fewer values than its collection has elements.

    Args:
        name: The branch.
        own: Its offsets, (N + 1,).
        offsets: Of the collection, (N + 1,).
        entries: Those that count, rising.

    Raises:
        InputError: Names branch, entry and both numbers.
    """
    n_own, n_right = np.diff(own), np.diff(offsets)
    wrong = np.unique(entries[n_own[entries] != n_right[entries]])
    if len(wrong):
        raise InputError(
            f"branch {name} has {n_own[wrong[0]]} values in entry {wrong[0]:,} of these, and its collection "
            f"has {n_right[wrong[0]]} elements ({len(wrong):,} such entries); one an element would be right"
        )


def whole(name: str, array: Array, kind: str) -> Array:
    """Numbers as an integer type that holds each of them as it is.

    Args:
        name: What they are, for the message.
        array: Integers, or floating-point numbers, of any shape.
        kind: The type, such as `uint32`; for one that is no integer type the numbers are left alone.

    Raises:
        InputError: One is no whole number, is outside the type's range, or is so large that its own type
            does not tell it from the next.
    """
    wanted = np.dtype(kind)
    if wanted.kind not in "iu" or np.can_cast(array.dtype, wanted):
        return array
    least, most = int(np.iinfo(wanted).min), int(np.iinfo(wanted).max)
    good = np.ones(array.shape, np.bool_)
    if array.dtype.kind == "f":
        told = 2 ** (np.finfo(array.dtype).nmant + 1) - 1
        least, most, good = max(least, -told), min(most, told), array == np.floor(array)
    wrong = array[~(good & (array >= least) & (array <= most))]
    if len(wrong):
        raise InputError(
            f"{name} is {wrong[0]} ({len(wrong):,} such values), where whole numbers from {least} to {most} "
            f"would be right ({array.dtype} as {wanted})"
        )
    return array.astype(wanted)


def check_finite(name: str, array: Array, mask: BoolArray) -> None:
    """Fail where a number that a cut looks at is none: it would pass, or not, whatever it stands for.

    Raises:
        InputError: Names branch and number.
    """
    n_bad = int(np.sum(~np.isfinite(array[mask])))
    if n_bad:
        raise InputError(
            f"{name} is not finite of {n_bad:,}: no cut means anything there; leave the file out"
        )


def owners(offsets: IntArray) -> IntArray:
    """For each element of a ragged array the list that it is in; shape (offsets[-1],)."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def join(left: IntArray, right: IntArray) -> tuple[IntArray, IntArray]:
    """All pairs of two ragged arrays within each list, as flat indices.

    Args:
        left: Offsets (N + 1,).
        right: Offsets (N + 1,).

    Returns:
        Two index arrays of one length; pairs of a left element stand together, in order.
    """
    n_right = np.diff(right)
    list_of_left = owners(left)
    repeats = n_right[list_of_left]
    first = np.repeat(np.arange(len(list_of_left)), repeats)
    starts = np.cumsum(repeats) - repeats
    second = np.arange(len(first)) - starts[first] + right[:-1][list_of_left[first]]
    return first, second


def look_up(events: Mapping[str, ak.Array], name: str, row: IntArray, place: IntArray, missing: Any) -> Array:
    """Elements of a branch by entry and place in it; `missing`, and its type, where there is none.

    Args:
        events: Arrays by branch name.
        name: The branch, of a collection that others point into (`of_collection`).
        row: Entry of each, shape (M,).
        place: Index in its list, shape (M,); one outside the list is none.
        missing: Value, such as np.float32(np.nan).
    """
    offsets, content = of_collection(events, name)
    known = (place >= 0) & (place < np.diff(offsets)[row])
    found = np.full(len(place), missing)
    found[known] = content[(offsets[row] + place)[known]]
    return found


def near(
    offsets: IntArray, eta: FloatArray, phi: FloatArray, others: "Directions", radius: float
) -> BoolArray:
    """True for each element that has one of `others` of its list within `radius`."""
    return np.asarray(count_near(offsets, eta, phi, others, radius) > 0)


def count_near(
    offsets: IntArray, eta: FloatArray, phi: FloatArray, others: "Directions", radius: float
) -> IntArray:
    """For each element the number of `others` of its list within `radius`."""
    first, second = join(offsets, others.offsets)
    close = delta_r(eta[first], phi[first], others.eta[second], others.phi[second]) < radius
    return np.bincount(first[close], minlength=len(eta))


def nearest(points: "Directions", others: "Directions", radius: float) -> IntArray:
    """For each point the flat index of the nearest of `others` in its list, -1 for none within `radius`."""
    first, second = join(points.offsets, others.offsets)
    distance = delta_r(points.eta[first], points.phi[first], others.eta[second], others.phi[second])
    order = np.argsort(-distance, kind="stable")  # the nearest is written last and stays
    order = order[distance[order] < radius]
    found = np.full(len(points.eta), -1)
    found[first[order]] = second[order]
    return found


@dataclass(frozen=True)
class Directions:
    """Directions, ragged by event: offsets (N + 1,), eta and phi (total,)."""

    offsets: IntArray
    eta: FloatArray
    phi: FloatArray

    def where(self, mask: BoolArray) -> "Directions":
        """Those that pass."""
        return Directions(masked_offsets(self.offsets, mask), self.eta[mask], self.phi[mask])


def masked_offsets(offsets: IntArray, mask: BoolArray) -> IntArray:
    """Offsets of a ragged array of which only elements with True stay."""
    before = np.concatenate([[0], np.cumsum(mask)])
    return np.asarray(before[offsets], dtype=np.int64)


def counts_to_offsets(counts: IntArray) -> IntArray:
    """Offsets (N + 1,) of lists with these lengths (N,)."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def gather(
    child_offsets: IntArray, parent_index: IntArray, parent_offsets: IntArray, row_of_parent: IntArray
) -> tuple[IntArray, IntArray]:
    """Find the children of the selected parents, e.g. the candidates of the selected jets.

    Args:
        child_offsets: Children by event, shape (N + 1,).
        parent_index: Parent of each child, counted in its event; one outside the event is none.
        parent_offsets: Parents by event, shape (N + 1,).
        row_of_parent: Row of each parent, or -1 where it was cut; shape (parents,).

    Returns:
        Flat indices of the children, ordered by row and by position in the file within a row, and
        the row of each; shapes (M,).
    """
    n_children = np.diff(child_offsets)
    parent = np.repeat(parent_offsets[:-1], n_children) + parent_index
    row = np.full(len(parent), -1)
    inside = (parent_index >= 0) & (parent < np.repeat(parent_offsets[1:], n_children))
    if inside.all():
        row = row_of_parent[parent]
    else:
        row[inside] = row_of_parent[parent[inside]]
    kept = np.flatnonzero(row >= 0)
    row = row[kept]
    if np.any(row[1:] < row[:-1]):
        order = np.argsort(row, kind="stable")
        kept, row = kept[order], row[order]
    return kept, row


@dataclass(frozen=True)
class KeptJets:
    """The jets of a chunk and which of them are kept.

    Attributes:
        events: Arrays by branch name.
        offsets: Jets by event, before cuts, shape (N + 1,).
        kept: Flat indices of those that pass, shape (n_rows,).
        event: Event of each of those.
    """

    events: Mapping[str, ak.Array]
    offsets: IntArray
    kept: IntArray
    event: IntArray

    def take_branch(self, branch: str) -> Array:
        """A branch of the kept jets, shape (n_rows,).

        Raises:
            InputError: It has no list of numbers an entry, or not one value a jet.
        """
        # By event and place in it: a branch read later may lack the jets of events without any kept one.
        offsets, content = lists(self.events, branch)
        check_lengths(branch, offsets, self.offsets, self.event)
        found: Array = content[offsets[self.event] + self.index]
        return found

    @cached_property
    def index(self) -> IntArray:
        """Place of each kept jet in its event, before cuts."""
        return self.kept - self.offsets[self.event]


@dataclass
class Columns:
    """Collects canonical columns and makes a record array of them.

    Attributes:
        obj: Object of the rows.
        n_rows: Their number.
    """

    obj: str
    n_rows: int
    _layouts: dict[str, Any] = field(default_factory=dict)
    _lists: dict[str, IntArray] = field(default_factory=dict)

    def flat(self, name: str, array: Array) -> None:
        """A column with one value a row.

        Raises:
            InputError: One of them is not what the column's type can hold.
        """
        kind = columns.stored(self.obj, name).dtype
        self._layouts[name] = ak.contents.NumpyArray(
            np.ascontiguousarray(whole(name, array, kind), dtype=kind)
        )

    def ragged(self, name: str, offsets: IntArray, content: Array) -> None:
        """A column with a list a row.

        Raises:
            InputError: Its lists have other lengths than those of another column of the same things, or a
                value is not what the column's type can hold.
        """
        group = name.partition("_")[0]
        if group in GROUPS and not np.array_equal(self._lists.setdefault(group, offsets), offsets):
            raise InputError(
                f"branches of {GROUPS[group]} differ in length: {name} has {offsets[-1]:,} values in these "
                f"rows and others {self._lists[group][-1]:,}, or in other rows; one an element would be right"
            )
        kind = columns.stored(self.obj, name).dtype
        self._layouts[name] = ak.contents.ListOffsetArray(
            ak.index.Index64(np.ascontiguousarray(offsets, dtype=np.int64)),
            ak.contents.NumpyArray(np.ascontiguousarray(whole(name, content, kind), dtype=kind)),
        )

    def rows(self) -> ak.Array:
        """The record array; fields in the order of `jetsmith.columns`, stored scores last."""
        names = ordered(self._layouts, self.obj)
        contents = [self._layouts[name] for name in names]
        return ak.Array(ak.contents.RecordArray(contents, names, length=self.n_rows))


def ordered(names: Mapping[str, Any] | set[str], obj: str) -> list[str]:
    """Canonical columns in the order of `jetsmith.columns`, stored scores by name behind them."""
    known = [name for name in columns.STORED[obj] if name in names]
    return known + sorted(set(names) - set(known))


def no_rows(names: list[str], obj: str) -> ak.Array:
    """A record array without rows but with columns and types."""
    empty = Columns(obj, 0)
    for name in names:
        if columns.stored(obj, name).ragged:
            empty.ragged(name, np.zeros(1, dtype=np.int64), np.zeros(0))
        else:
            empty.flat(name, np.zeros(0))
    return empty.rows()


class Cutflow:
    """What is left after each cut: rows, sum of weights, and sum of squared weights.

    A cut that was asked for and left out has a line, too, with `applied` False.
    """

    def __init__(self) -> None:
        self.lines: list[CutStep] = []

    def add(self, cut: str, weight: FloatArray, applied: bool = True) -> None:
        """The weights of all that passed `cut`, or that it would have been applied to."""
        sums = len(weight), float(np.sum(weight)), float(np.sum(np.square(weight)))
        self.lines.append(CutStep(*sums, cut, applied))


def merge_cutflows(cutflows: Iterable[Sequence[CutStep]]) -> tuple[CutStep, ...]:
    """Add cutflows line by line, by the name of the cut, in the order of its first appearance."""
    merged: dict[str, CutStep] = {}
    for step in (step for cutflow in cutflows for step in cutflow):
        empty = CutStep(0, 0.0, 0.0, step.cut, step.applied)
        merged[step.cut] = merged.get(step.cut, empty).plus(step)
    return tuple(merged.values())
