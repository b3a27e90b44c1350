"""Rows of packed splits with the inputs of one classifier; memory maps are read batch by batch."""

import difflib
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.packed.arrays import Packed, SequenceGroup
from jetsmith.specs.features import Inputs

Batch = dict[str, npt.NDArray[Any]]
"""By group: flat (n, F), sequences (n, T, F) padded with zeros, and `<group>_mask` (n, T), True = real."""

CHUNK = 65_536  # rows of a pass over everything
_SHOWN = 8


@dataclass(frozen=True)
class Rows:
    """N rows out of several packed splits, in any order.

    Attributes:
        inputs: Inputs of the classifier.
        parts: The splits.
        part: Split of each row, index in `parts`, shape (N,).
        index: Row in that split, shape (N,).
        picked: Columns of each input group, by split.
    """

    inputs: tuple[Inputs, ...]
    parts: tuple[Packed, ...]
    part: IntArray
    index: IntArray
    picked: tuple[dict[str, IntArray], ...]

    @classmethod
    def select(
        cls, inputs: Sequence[Inputs], parts: Sequence[Packed], masks: Sequence[BoolArray] | None = None
    ) -> "Rows":
        """Rows of each split where its mask is True; all rows without masks.

        Raises:
            InputError: A feature of the classifier was not packed.
        """
        chosen = masks or [np.ones(len(part), np.bool_) for part in parts]
        return cls(
            inputs=tuple(inputs),
            parts=tuple(parts),
            part=np.concatenate([np.full(int(m.sum()), i, np.int8) for i, m in enumerate(chosen)]),
            index=np.concatenate([np.flatnonzero(m) for m in chosen]),
            picked=tuple({i.group: _columns(i, part) for i in inputs} for part in parts),
        )

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, which: npt.NDArray[Any]) -> "Rows":
        return Rows(self.inputs, self.parts, self.part[which], self.index[which], self.picked)

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of key or kinematics, shape (N,)."""
        return self._join([part.columns[name] for part in self.parts])

    def label(self) -> IntArray:
        """Truth ids, shape (N,)."""
        return self._join([part.label for part in self.parts])

    def weight(self) -> FloatArray:
        """Normalised generator weights, signed, shape (N,)."""
        return self._join([part.weight for part in self.parts])

    def _join(self, arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        out = np.empty(len(self), arrays[0].dtype)
        for i, array in enumerate(arrays):  # a few splits, not rows
            here = self.part == i
            out[here] = array[self.index[here]]
        return out

    def slices(self, size: int) -> Iterator[slice]:
        """Slices of `size` rows, one behind the other."""
        return (slice(start, min(start + size, len(self))) for start in range(0, len(self), size))

    def batch(self, which: slice | IntArray) -> Batch:
        """Read some rows; sequences are padded to the longest among them, one slot at least.

        Args:
            which: Slice or positions, n rows.

        Raises:
            InputError: An input is not finite; it and the number of its rows are named.
        """
        part, index = self.part[which], self.index[which]
        found: Batch = {}
        for inputs in self.inputs:
            if inputs.kind == "flat":
                found[inputs.group] = self._flat(inputs.group, part, index)
            else:
                values, mask = self._sequence(inputs, part, index)
                found |= {inputs.group: values, f"{inputs.group}_mask": mask}
        if not all(np.isfinite(found[i.group]).all() for i in self.inputs):
            self.check()
        return found

    def matrix(self, which: slice | IntArray) -> FloatArray:
        """Flat inputs side by side, shape (n, F), float32; finite, see `batch`."""
        batch = self.batch(which)
        arrays = [batch[inputs.group] for inputs in self.inputs]
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=1)

    def flat_as_packed(self, which: slice | IntArray) -> FloatArray:
        """Flat inputs side by side, shape (n, F), float32; NaN where a file has no number."""
        part, index = self.part[which], self.index[which]
        flat = [self._flat(inputs.group, part, index) for inputs in self.inputs if inputs.kind == "flat"]
        return np.concatenate(flat, axis=1)

    def _flat(self, group: str, part: IntArray, index: IntArray) -> FloatArray:
        out = np.empty((len(index), len(self.picked[0][group])), np.float32)
        for i, packed in enumerate(self.parts):
            here = part == i
            if here.any():
                out[here] = packed.groups[group].values[index[here]][:, self.picked[i][group]]
        return out

    def _sequence(self, inputs: Inputs, part: IntArray, index: IntArray) -> tuple[FloatArray, BoolArray]:
        starts = np.empty(len(index), np.int64)
        counts = np.empty(len(index), np.int64)
        for i, packed in enumerate(self.parts):
            here = part == i
            offsets = _ragged(packed, inputs.group).offsets
            starts[here] = offsets[index[here]]
            counts[here] = offsets[index[here] + 1] - starts[here]
        counts = np.minimum(counts, inputs.length)
        slots = np.arange(max(1, int(counts.max(initial=1))))
        mask = slots < counts[:, None]  # (n, T)
        out = np.zeros((*mask.shape, len(inputs.features)), np.float32)
        for i, packed in enumerate(self.parts):
            real = mask & (part == i)[:, None]
            where = (starts[:, None] + slots)[real]
            out[real] = packed.groups[inputs.group].values[where][:, self.picked[i][inputs.group]]
        return out, mask

    def let_go(self) -> None:
        """Give back the memory of mapped files; the system keeps of them what it has room for."""
        for part in self.parts:
            for inputs in self.inputs:
                file: Any = part.groups[inputs.group].values
                while isinstance(file, np.ndarray):
                    file = file.base
                if isinstance(file, mmap.mmap):
                    file.madvise(mmap.MADV_DONTNEED)

    def check(self) -> None:
        """Read all rows once.

        Raises:
            InputError: An input is not finite; each such feature and the number of its rows are named.
        """
        bad: dict[str, int] = {}
        for which in self.slices(CHUNK):
            part, index = self.part[which], self.index[which]
            for inputs in self.inputs:
                if inputs.kind == "flat":
                    values = self._flat(inputs.group, part, index)[:, None]  # (n, F) -> (n, 1, F)
                else:
                    values = self._sequence(inputs, part, index)[0]
                wrong: BoolArray = np.any(~np.isfinite(values), axis=1)  # (n, T, F) -> (n, F)
                for column in np.flatnonzero(wrong.any(axis=0)):
                    name = f"{inputs.group}.{inputs.features[column]}"
                    bad[name] = bad.get(name, 0) + int(wrong[:, column].sum())
            self.let_go()
        if bad:
            shown = [f"{name} in {rows} of {len(self)} rows" for name, rows in list(bad.items())[:_SHOWN]]
            more = f" and {len(bad) - _SHOWN} features more" if len(bad) > _SHOWN else ""
            raise InputError(
                f"inputs are NaN or infinite: {', '.join(shown)}{more}; give the feature a `default` in "
                "config/features, or mend its source"
            )


def _ragged(packed: Packed, group: str) -> SequenceGroup:
    found = packed.groups[group]
    assert isinstance(found, SequenceGroup), group
    return found


def _columns(inputs: Inputs, packed: Packed) -> IntArray:
    """Columns of the features of one input group, shape (F,)."""
    if inputs.group not in packed.groups:
        raise InputError(
            f"inputs: `{inputs.group}` was not packed; there are: {', '.join(packed.groups) or 'none'}"
        )
    names = packed.groups[inputs.group].names
    places = {name: place for place, name in enumerate(names)}
    lacking = [name for name in inputs.features if name not in places]
    if lacking:
        close = {near for name in lacking for near in difflib.get_close_matches(name, names, n=2)}
        raise InputError(
            f"inputs: {inputs.group}: not packed: {', '.join(lacking)}"
            f"{'; close to: ' + ', '.join(sorted(close)) if close else ''}. A file of the sample lacks their "
            "sources: see left_out_features in meta.json of the packed group"
        )
    return np.array([places[name] for name in inputs.features], np.int64)
