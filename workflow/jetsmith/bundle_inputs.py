"""What is given to a bundle: its inputs by name, as arrays, compared with what the training saw.

Needs numpy and awkward, and nothing else of jetsmith but its errors, as all that reads bundles.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith.errors import InputError

BATCH = 256  # jets a call of the model: its arrays stay in the cache, and lengths are alike
FAR = 0.1  # share of an input's values that may lie far from all that the training saw
FEW = 10  # far values; of fewer a hard jet is told from another unit
FURTHER = 10  # times as far again as the training went: of one value alone that is no hard jet

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Feature:
    """One input.

    Attributes:
        name: Its key in the jets.
        source: jetsmith's canonical column that it is.
        slot: Element of that column where it is a list, and the input is one number a jet.
        unit: Of the values; empty for pure numbers.
        transform: What the model does to it first.
        clip: Smallest and largest value behind that.
        default: In place of what is missing or not finite; None where every jet needs the value.
        range: Smallest and largest value that the training saw, before the transform; None where larger
            ones were clipped there, too.
        meaning: What the column holds, in a few words; empty of another tagger's scores.
    """

    name: str
    source: str
    slot: int | None
    unit: str
    transform: str
    clip: tuple[float, float] | None
    default: float | None
    range: tuple[float | None, float | None]
    meaning: str = ""

    def ends(self, times: float = 1) -> tuple[float, float]:
        """Beyond these no value is plausible: so many times as far again as the training went."""
        low, high = (
            x if x is not None else end for x, end in zip(self.range, (-np.inf, np.inf), strict=True)
        )
        reach = max(abs(x) for x in (low, high, 1e-6) if np.isfinite(x))
        return low - times * reach, high + times * reach


@dataclass(frozen=True)
class Group:
    """Inputs of one kind: one number a jet each, or lists of one length.

    Attributes:
        group: Its key in the jets.
        kind: `flat` or `sequence`.
        length: Constituents that are read; those behind are left out, as in training.
        sorted_by: Column that orders constituents, largest first and missing last; empty: as stored.
        features: In the order of the model's input.
    """

    group: str
    kind: str
    length: int
    sorted_by: str
    features: tuple[Feature, ...]


@dataclass(frozen=True)
class Values:
    """A group of some jets: values (N, F), or of a sequence (total, F) with offsets (N + 1,); float32."""

    values: Array
    offsets: Array | None = None


def groups_of(about: Mapping[str, Any]) -> tuple[Group, ...]:
    """The inputs that inputs.json names; what later versions say of them beside is left out."""

    def known(kind: type[Any], entry: Mapping[str, Any]) -> dict[str, Any]:
        return {f.name: entry[f.name] for f in fields(kind) if f.name in entry}

    def feature(entry: Mapping[str, Any]) -> Feature:
        ends = {key: entry[key] and tuple(entry[key]) for key in ("clip", "range")}
        return Feature(**known(Feature, {**entry, **ends}))

    def group(entry: Mapping[str, Any]) -> Group:
        return Group(**known(Group, {**entry, "features": tuple(map(feature, entry["features"]))}))

    return tuple(map(group, about["groups"]))


def n_jets(given: Mapping[str, Values]) -> int:
    """How many jets there are."""
    first = next(iter(given.values()))
    return len(first.values) if first.offsets is None else len(first.offsets) - 1


def some(given: Mapping[str, Values], which: Array) -> dict[str, Values]:
    """Of N jets those at places, or where a mask is true."""
    found = {}
    for name, group in given.items():
        if group.offsets is None:
            found[name] = Values(group.values[which])
            continue
        counts = np.diff(group.offsets)
        jet = np.repeat(np.arange(len(counts)), counts)
        kept = np.arange(len(counts))[which]  # in rising order, as constituents stand
        offsets = np.concatenate([[0], np.cumsum(counts[kept])])
        found[name] = Values(group.values[np.isin(jet, kept)], offsets)
    return found


def beside(given: Mapping[str, Values], rng: np.random.Generator) -> dict[str, Values]:
    """The same jets, where every input is one of both floats beside it.

    A 0 stays: it is exact, and beside it may be what no logarithm takes. So does what is no number and stands
    for a missing value: beside infinity is the largest float.
    """
    return {name: Values(moved_by_a_bit(group.values, rng), group.offsets) for name, group in given.items()}


def moved_by_a_bit(values: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
    """One of both floats beside each number, float32; 0, the ends of floats and what is no number stay."""
    ends = np.where(rng.random(values.shape) < 0.5, np.float32(-np.inf), np.float32(np.inf))
    stays = (values == 0) | ~(np.abs(values) < np.finfo(np.float32).max)
    return np.where(stays, values, np.nextafter(np.where(stays, 0, values), ends))


def read(groups: tuple[Group, ...], jets: Any, may_lack: bool = False) -> dict[str, Values]:
    """Arrays of all groups, compared with what the training saw; jets and errors as of `Bundle.__call__`.

    Args:
        groups: What a bundle reads.
        jets: By group and name.
        may_lack: Whether values may be missing that have no default: a reweighter says so in its outputs.
    """
    found = {group.group: _group(group, jets, may_lack) for group in groups}
    sizes = {name: n_jets({name: values}) for name, values in found.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(
            "groups differ in their number of rows: "
            + ", ".join(f"{name} {n:,}" for name, n in sizes.items())
        )
    return found


def _group(group: Group, jets: Any, may_lack: bool) -> Values:
    given = _member(jets, group.group, "group of inputs", group.group)
    columns, offsets = [], None
    for feature in group.features:
        where = f"{group.group}.{feature.name}"
        column = _member(given, feature.name, "input", where)
        if group.kind == "flat":
            columns.append(numbers(column, where))
            continue
        lists = _lists(column, where)
        n = np.asarray(ak.num(lists, axis=1), np.int64)
        ends = np.concatenate([[0], np.cumsum(n)])
        if offsets is not None and not np.array_equal(ends, offsets):
            raise InputError(
                f"{where}: its lists are of other lengths than those of {group.features[0].name}"
            )
        offsets = ends
        columns.append(numbers(ak.flatten(lists, axis=1), where))
    if len({len(column) for column in columns}) > 1:
        raise InputError(f"{group.group}: its inputs are of {sorted({len(c) for c in columns})} jets")
    values = np.stack(columns, axis=-1)
    check(group, values, may_lack)
    return Values(values, offsets)


def _member(given: Any, name: str, what: str, where: str) -> Any:
    if not (isinstance(given, ak.Array | ak.Record) or hasattr(given, "keys")):
        raise InputError(
            f"{where}: this {what} is looked for by name, in mappings or awkward's records, not in one of "
            f"type {type(given).__name__}"
        )
    names = list(given.fields if isinstance(given, ak.Array | ak.Record) else given)
    if name not in names:
        raise InputError(
            f"{where}: this {what} is missing; there are: {', '.join(map(str, names)) or 'none'}"
        )
    return given[name]


def _lists(column: Any, where: str) -> Any:
    """A list a row, awkward's; of a row that has None instead there is nothing in it."""
    with refused(where, "a list of numbers a row"):
        lists = ak.Array(native(column))
        may_be_none = lists.layout.is_option  # else looking for None costs as much as all the rest
        if not len(lists) or (may_be_none and ak.all(ak.is_none(lists, axis=0), axis=None)):
            # Nothing says of what type they are.
            return ak.unflatten(np.empty(0, np.float32), np.zeros(len(lists), np.int64))
        if lists.ndim != 2:
            raise InputError(f"{where}: needs a list a row, and has {lists.ndim} dimensions")
        return ak.from_regular(ak.fill_none(lists, [], axis=0) if may_be_none else lists)


def numbers(column: Any, where: str) -> Array:
    """One-dimensional float32, NaN for what is masked or None."""
    with refused(where, "one number a row"):
        if not isinstance(column, ak.Array | np.ndarray):
            column = np.asarray(column)
        if isinstance(column, np.ndarray) and column.dtype.kind == "O" and column.ndim == 1:
            column = ak.from_iter(column.tolist())
        if isinstance(column, ak.Array):
            if column.ndim != 1:
                raise InputError(
                    f"{where}: needs one number a row, and has the type {column.type}: a list of jets an "
                    "event? Flatten them first (ak.flatten)"
                )
            column = ak.to_numpy(column)
    if column.ndim != 1 or column.dtype.kind not in "fiub":
        raise InputError(
            f"{where}: needs one number a row, and is of shape {column.shape} and {column.dtype}"
        )
    found = column.astype(np.float32)
    return np.asarray(found.filled(np.nan) if isinstance(found, np.ma.MaskedArray) else found)


def native(values: Any) -> Any:
    """What awkward takes: neither objects nor the other order of bytes."""
    if not isinstance(values, np.ndarray):
        return values
    is_object = values.dtype.kind == "O"
    return values.tolist() if is_object else values.astype(values.dtype.newbyteorder("="))


@contextmanager
def refused(where: str, needed: str) -> Iterator[None]:
    """What NumPy and awkward raise of an input, as an error that names it."""
    try:
        yield
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # RuntimeError: of awkward's C++
        raise InputError(f"{where}: needs {needed}: {_first(error)}") from error


def _first(error: Exception) -> str:
    """What an error says, without what awkward adds on how to report it."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def check(group: Group, values: Array, may_lack: bool = False) -> None:
    """Values are there where there is no default, unless they may lack, and plausible; shape (n, F).

    Raises:
        InputError: More than a tenth of an input's values are far from those of the training: it is in
            another unit, or another quantity. Of fewer than ten they have to be much further: one hard jet
            is scored alone as it is among others. A default that lies there is missing, not far.
    """
    number = np.isfinite(values)

    def beyond(times: float, which: Array | slice = slice(None)) -> Array:
        features = np.array(group.features, object)[which]
        low, high = np.array([feature.ends(times) for feature in features]).reshape(-1, 2).T
        column = values[:, which]
        return np.asarray(((column < low) | (column > high)) & number[:, which])

    far = beyond(1)
    for place in np.flatnonzero(far.any(axis=0)):  # a default that is no value of the training, such as -999
        default = group.features[place].default
        if default is not None:
            number[:, place] &= ~(far[:, place] & (values[:, place] == np.float32(default)))
    far &= number
    n_far, allowed = far.sum(axis=0), FAR * number.sum(axis=0)
    wrong = n_far > allowed
    few = wrong & (n_far < FEW)
    if few.any():
        wrong[few] = beyond(FURTHER, few).sum(axis=0) > allowed[few]
    needed = np.array([feature.default is None and not may_lack for feature in group.features])
    for place in np.flatnonzero(wrong | (needed & ~number.all(axis=0))):
        feature, column = group.features[place], values[:, place]
        where = f"{group.group}.{feature.name}"
        here = number[:, place]
        if needed[place] and not here.all():
            raise InputError(
                f"{where}: {int((~here).sum()):,} of {len(here):,} values are missing, and it has no default"
            )
        unit = f" {feature.unit}" if feature.unit else ""
        low, high = ("any" if end is None else f"{end:.4g}" for end in feature.range)
        raise InputError(
            f"{where}: {int(far[:, place].sum()):,} of {int(here.sum()):,} values lie far from all that the "
            f"training saw: expected {low} to {high}{unit}, found "
            f"{column[here].min():.4g} to {column[here].max():.4g}. Is it in another unit?"
        )


def alike(given: Mapping[str, Values], n: int) -> Iterator[Array]:
    """Jets in batches of about the same number of constituents, so that little is padded."""
    counts = [np.diff(values.offsets) for values in given.values() if values.offsets is not None]
    order = np.lexsort(counts) if counts and n > 1 else np.arange(n)
    yield from (order[first : first + BATCH] for first in range(0, n, BATCH))


def padded(given: Mapping[str, Values], rows: Array) -> dict[str, Array]:
    """What the model reads of some jets: one slot at least, zeros behind."""
    feeds: dict[str, Array] = {}
    for name, group in given.items():
        if group.offsets is None:
            feeds[name] = group.values[rows]
            continue
        starts = group.offsets[rows]
        counts = group.offsets[rows + 1] - starts
        feeds[f"{name}_count"] = counts.astype(np.int32)
        if len(rows) == 1 and counts[0]:  # event by event nothing is padded
            feeds[name] = group.values[None, starts[0] : starts[0] + counts[0]]
            continue
        slots = np.arange(max(1, int(counts.max(initial=1))))
        real = slots < counts[:, None]  # (n, T)
        values = np.zeros((*real.shape, group.values.shape[1]), np.float32)
        values[real] = group.values[(starts[:, None] + slots)[real]]
        feeds[name] = values
    return feeds
