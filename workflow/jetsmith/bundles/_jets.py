"""Jets to try a bundle on: what callers give it, and what its trained model reads of them.

Features are kept as they are packed. What a caller gives are these before their transform: of most features
the same numbers, of the others numbers that have the same transform to a float or two.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from jetsmith.bundle_inputs import Feature, Group, Values, n_jets
from jetsmith.features.compute import finish
from jetsmith.features.undoing import UNDO
from jetsmith.io import FloatArray, IntArray
from jetsmith.packed.arrays import FlatGroup, Packed, SequenceGroup
from jetsmith.packed.rows import CHUNK, Rows
from jetsmith.specs.features import ColumnSpec

EXCHANGED = 0.1  # share of the values of made-up jets that are of another jet
MISSING = 0.02  # share of theirs that are no numbers, where there is a default
LONGER = 5  # constituents more than a model reads


def undone(values: FloatArray, feature: ColumnSpec | Feature) -> FloatArray:
    """Numbers whose transform these are, float32; of absolute values these themselves."""
    with np.errstate(over="ignore"):  # of a default that no number is made to
        found: FloatArray = UNDO[feature.transform](values.astype(np.float64)).astype(np.float32)
    return found


def range_of(values: Sequence[FloatArray], feature: ColumnSpec) -> tuple[float | None, float | None]:
    """Smallest and largest number before the transform, None where the clip may have cut larger ones.

    A default stands for a value that was missing. It counts only among the others, or as the 0 of what is
    never below, or at an end of the clip: nothing tells it from a value there. Of defaults alone nothing is
    known.

    Args:
        values: Pieces of the packed feature, shape (n,) each.
        feature: How it was computed.
    """
    filled = [piece[np.isfinite(piece)] for piece in values]
    if feature.default is not None:
        filled = _without_default(filled, feature, np.float32(feature.default))
    ends = [(piece.min(), piece.max()) for piece in filled if len(piece)]
    if not ends:
        return None, None
    lows, highs = (np.array(end, np.float32) for end in zip(*ends, strict=True))
    low, high = lows.min(keepdims=True), highs.max(keepdims=True)
    clip = feature.clip or (-np.inf, np.inf)
    found: list[float | None] = [
        None if low <= np.float32(clip[0]) else float(undone(low, feature)[0]),
        None if high >= np.float32(clip[1]) else float(undone(high, feature)[0]),
    ]
    if feature.transform == "abs":
        found[0] = None if found[1] is None else -found[1]
    return found[0], found[1]


def _without_default(values: list[FloatArray], feature: ColumnSpec, default: np.float32) -> list[FloatArray]:
    others = [piece[piece != default] for piece in values]
    seen = [end for piece in others if len(piece) for end in (piece.min(), piece.max())]
    packed = np.array([default])
    if not seen or (finish(undone(packed, feature), feature) != packed).any():
        return others
    low, high = undone(np.array([min(seen), max(seen)]), feature)
    value = undone(packed, feature)[0]
    may_be_seen = low <= value <= high or (value == 0 and low >= 0)  # a count of 0
    is_clipped = feature.clip is not None and (packed == np.array(feature.clip, np.float32)).any()
    return values if may_be_seen or is_clipped else others


def raw(rows: Rows, which: slice | IntArray, groups: Sequence[Group]) -> dict[str, Values]:
    """Some packed rows as a caller would give them, with features in the order of the groups."""
    batch = rows.batch(which)
    packed_as = {inputs.group: inputs.features for inputs in rows.inputs}
    found = {}
    for group in groups:
        values, mask = batch[group.group], batch.get(f"{group.group}_mask")
        columns = values if mask is None else values[mask]
        names = packed_as[group.group]
        raw = [given(columns[:, names.index(feature.name)], feature) for feature in group.features]
        offsets = None if mask is None else _offsets(mask.sum(axis=1))
        found[group.group] = Values(np.stack(raw, axis=-1), offsets)
    return found


def given(packed: FloatArray, feature: Feature) -> FloatArray:
    """What a feature was made of; NaN where nothing else gives its default, so that it was missing."""
    found = undone(packed, feature)
    if feature.default is None:
        return found
    again = finish(found, _spec(feature))
    default = np.float32(feature.default)
    low, high = feature.ends()
    # The reader knows a default by its number, which is not the same before a transform.
    no_value = (again != packed) | ((found != default) & ((found < low) | (found > high)))
    missing = (packed == default) & no_value
    return np.where(missing, np.float32(np.nan), found)


def made_up(jets: Mapping[str, Values], groups: Sequence[Group], n: int, seed: int) -> dict[str, Values]:
    """Jets that nobody has seen: real ones with constituents of others; a few values are missing.

    The first have no constituents, one, as many as are read and more, in all sequences and in one alone.
    """
    rng = np.random.default_rng(seed)
    sequences = [group for group in groups if group.kind == "sequence"]
    counts = {group.group: rng.integers(0, group.length + LONGER + 1, n) for group in sequences}
    edges = {group.group: (0, 1, group.length, group.length + LONGER) for group in sequences}
    cases = [(i, name) for name in ("", *edges) for i in range(4)]  # in all of them, then in each alone
    for row, (i, name) in enumerate(cases[:n]):
        for other in [name] if name else edges:
            counts[other][row] = edges[other][i]
    found = {}
    for group in groups:
        offsets = _offsets(counts[group.group]) if group.group in counts else None
        total = n if offsets is None else int(offsets[-1])
        pool = jets[group.group].values
        pool = pool if len(pool) else np.zeros((1, len(group.features)), np.float32)
        values = pool[rng.integers(0, len(pool), total)]
        others = np.stack([rng.choice(column, total) for column in pool.T], axis=-1)
        values = np.where(rng.random(values.shape) < EXCHANGED, others, values)
        missing = rng.random(values.shape) < MISSING
        missing &= np.array([feature.default is not None for feature in group.features])
        values[missing] = rng.choice(np.array([np.nan, np.inf, -np.inf], np.float32), int(missing.sum()))
        found[group.group] = Values(values, offsets)
    return found


def joined(jets: Mapping[str, Values], more: Mapping[str, Values]) -> dict[str, Values]:
    """One behind the other."""
    found = {}
    for name, a in jets.items():
        b = more[name]
        offsets = None
        if a.offsets is not None and b.offsets is not None:
            offsets = np.concatenate([a.offsets, a.offsets[-1] + b.offsets[1:]])
        found[name] = Values(np.concatenate([a.values, b.values]), offsets)
    return found


def packed(jets: Mapping[str, Values], groups: Sequence[Group]) -> Packed:
    """The same jets as stage features and pack make them, in memory."""
    found: dict[str, FlatGroup | SequenceGroup] = {}
    for group in groups:
        values, names = jets[group.group], tuple(feature.name for feature in group.features)
        columns = [finish(values.values[:, i], _spec(f)) for i, f in enumerate(group.features)]
        together = np.stack(columns, axis=-1)
        found[group.group] = (
            FlatGroup(together, names)
            if values.offsets is None
            else SequenceGroup(together, values.offsets, names)
        )
    n = n_jets(jets)
    return Packed(found, np.zeros(n, np.int32), np.ones(n), {}, ("made_up",), ("",))


def pieces(group: FlatGroup | SequenceGroup, place: int) -> list[FloatArray]:
    """A packed feature in pieces, so that no copy of all of it is needed."""
    return [group.values[i : i + CHUNK, place] for i in range(0, len(group.values), CHUNK)]


def _spec(feature: Feature) -> ColumnSpec:
    names = ("source", "slot", "default", "transform", "clip")
    return ColumnSpec(**{name: getattr(feature, name) for name in names})


def _offsets(counts: IntArray) -> IntArray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
