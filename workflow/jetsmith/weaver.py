"""The preprocessing that weaver writes beside an ONNX file (`preprocess.json`): checked, and applied.

CMSSW reads the same file. A variable x becomes clip((x - median) * norm_factor, lower_bound, upper_bound);
what is not finite counts as `replace_inf_value`. Each input of the file is as long as the jet has
constituents: from `min_length`, filled up with `pad`, to `max_length`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError, model_validator

from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.strict import Record, Single

LARGEST_BYTES = 10_000_000
Length = Annotated[int, Field(gt=0, le=10_000)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
KNOWN = ("input_names", "output_names", "input_shapes")  # beside the inputs; shapes follow from lengths


class Variable(Record):
    """How one variable is scaled; defaults are CMSSW's."""

    median: Single
    norm_factor: Single
    replace_inf_value: Single = 0.0
    lower_bound: Single = -5.0
    upper_bound: Single = 5.0
    pad: Single = 0.0


class Input(Record):
    """One input of the ONNX file, shape (N, F, T)."""

    var_names: tuple[Text, ...] = Field(min_length=1, max_length=10_000)
    var_infos: dict[Text, Variable]
    var_length: Length | None = None
    min_length: Length | None = None
    max_length: Length | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Input":
        if lacking := [name for name in self.var_names if name not in self.var_infos]:
            raise ValueError(f"var_infos: lacks {', '.join(lacking)} of var_names")
        if (self.var_length is None) == (self.max_length is None):
            raise ValueError("lengths: needs `var_length`, or `min_length` and `max_length`")
        if self.shortest > self.longest:
            raise ValueError(f"min_length: {self.shortest} is above max_length, {self.longest}")
        return self

    @property
    def shortest(self) -> int:
        """Constituents up to which a jet is padded."""
        return self.var_length or self.min_length or 1

    @property
    def longest(self) -> int:
        """Constituents that count."""
        return self.var_length or self.max_length or 1

    def lengths(self, counts: IntArray) -> IntArray:
        """Length of the input for jets with so many constituents, shape (N,)."""
        return np.clip(counts, self.shortest, self.longest)

    def filled(self, values: Mapping[str, FloatArray], mask: BoolArray, length: int) -> FloatArray:
        """The array of n jets.

        Args:
            values: Each variable, shape (n, T).
            mask: Shape (n, T), True for constituents.
            length: Of the input.

        Returns:
            Shape (n, F, length), float32.
        """
        out = np.empty((len(mask), len(self.var_names), length), np.float32)
        used = min(length, mask.shape[1])
        for place, name in enumerate(self.var_names):
            about = self.var_infos[name]
            raw = values[name][:, :used].astype(np.float64)
            raw = np.where(np.isfinite(raw), raw, about.replace_inf_value)
            scaled = np.clip((raw - about.median) * about.norm_factor, about.lower_bound, about.upper_bound)
            out[:, place] = about.pad
            out[:, place, :used] = np.where(mask[:, :used], scaled, about.pad)
        return out


class Preprocess(Record):
    """The file: inputs by their names in the ONNX file, in its order, and names of its outputs."""

    inputs: dict[Text, Input] = Field(min_length=1)
    output_names: tuple[Text, ...] = Field(min_length=1, max_length=10_000)

    @property
    def variables(self) -> Iterator[tuple[str, str]]:
        """Each input with each of its variables."""
        return ((name, variable) for name, given in self.inputs.items() for variable in given.var_names)


def read(path: Path) -> Preprocess:
    """Read and check a preprocessing file.

    Raises:
        InputError: It is not what weaver writes; the message says where.
    """
    if (size := path.stat().st_size) > LARGEST_BYTES:
        raise InputError(f"{path}: has {size:,} bytes, and is no preprocessing file of weaver's")
    try:
        content = json.loads(path.read_bytes())
        return Preprocess.model_validate(_sorted_out(content))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {place}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no preprocessing file of weaver's: {error}") from None


def _sorted_out(content: Any) -> dict[str, Any]:
    """The same with inputs of a key of their own: in the file they stand beside the lists of names."""
    if not isinstance(content, dict) or not isinstance(content.get("input_names"), list):
        raise ValueError("it has no list `input_names`")
    names = content["input_names"]
    if len(set(map(str, names))) < len(names):
        raise ValueError("`input_names` has a name twice")
    lacking = [str(name) for name in names if str(name) not in content]
    strange = [name for name in content if name not in KNOWN and name not in names]
    if lacking or strange:
        raise ValueError(
            f"`input_names` has {', '.join(map(str, names))}; the file lacks {', '.join(lacking) or 'none'} "
            f"and has {', '.join(strange) or 'none'} beside them"
        )
    return {
        "inputs": {name: content[name] for name in names},
        "output_names": content.get("output_names", []),
    }
