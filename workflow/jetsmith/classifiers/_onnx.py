"""Bare ONNX files of others: an array put together from flat features and numbers, probabilities out."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jetsmith.errors import InputError
from jetsmith.onnx_session import session_of
from jetsmith.specs.classifiers import RecipeSpec

if TYPE_CHECKING:
    from jetsmith.classifiers.onnx import Line, Options
    from jetsmith.io import FloatArray
    from jetsmith.packed.rows import Rows

FLOATS = {"tensor(float16)": np.float16, "tensor(float)": np.float32, "tensor(double)": np.float64}
SUM = 1e-3  # probabilities of a row add up to 1 within this, or the outputs are none


def misfits(options: "Options") -> Iterator[str]:
    """What the file takes and gives, against what the configuration says of it."""
    session = session_of(options.file, 1)
    inputs = {found.name: found.shape for found in session.get_inputs()}
    lacking = [name for name in inputs if name not in options.tensors]
    strange = [name for name in options.tensors if name not in inputs]
    if lacking or strange:
        there = ", ".join(options.tensors) or "none"
        yield f"tensors: the file has {', '.join(inputs)}; `tensors` has {there}"
        return
    for name, rows in options.tensors.items():
        shape, takes = shape_of(rows), inputs[name][1:]
        if len(shape) != len(takes) or any(
            isinstance(n, int) and n != m for n, m in zip(takes, shape, strict=True)
        ):
            yield (
                f"tensors.{name}: an event is an array of {_text(shape)}; the file takes {_text(takes)}, "
                "where text is any number"
            )
    wrong = list(no_floats(session))
    if wrong:  # of labels ahead of probabilities the shape is another, too
        yield from wrong
        return
    first = session.get_outputs()[0]
    each = first.shape[1:]
    if first.shape and all(isinstance(n, int) for n in each) and math.prod(each) != len(options.outputs):
        yield (
            f"outputs: names {len(options.outputs)}; the file's first output has {math.prod(each)} numbers "
            f"an event: `{first.name}` {_text(first.shape)}"
        )


def no_floats(session: Any) -> Iterator[str]:
    """Inputs, and the first output, that are no arrays of floats, such as labels ahead of probabilities."""
    outputs = session.get_outputs()
    for found in session.get_inputs():
        if found.type not in FLOATS:
            yield f"file: its input `{found.name}` is {found.type}; floats go in: {', '.join(FLOATS)}"
    if outputs[0].type not in FLOATS:
        there = ", ".join(f"`{found.name}` {found.type} {_text(found.shape)}" for found in outputs)
        yield (
            f"file: its first output `{outputs[0].name}` is {outputs[0].type}, and no probabilities, as "
            f"where a converter writes labels ahead of them; it has {there}. Write it with the "
            "probabilities, one array of floats, first"
        )


def run(session: Any, feeds: dict[str, "FloatArray"]) -> "FloatArray":
    """The first output, of inputs in the precision that the file has."""
    kinds = {found.name: FLOATS[found.type] for found in session.get_inputs()}
    found: FloatArray = session.run(None, {name: feed.astype(kinds[name]) for name, feed in feeds.items()})[0]
    return found


def _text(shape: Sequence[Any]) -> str:
    return f"({', '.join(map(str, shape))})"


def shape_of(rows: "tuple[Line, ...]") -> tuple[int, ...]:
    """Of the array of an event: (F,), or (T, F) for T lines of F."""
    first = rows[0]
    return (len(rows), len(first)) if isinstance(first, tuple) else (len(rows),)


def probabilities(options: "Options", spec: RecipeSpec, rows: "Rows", threads: int) -> "FloatArray":
    """Of each class, shape (N, C), float32; NaN where a number that goes in, or comes out, is not finite.

    Raises:
        InputError: The file does not fit what the configuration says of it, or gives no probabilities.
    """
    from jetsmith.packed.rows import CHUNK

    problems = list(misfits(options))
    if problems:
        raise InputError(f"{spec.name}: {'; '.join(problems)}")
    session = session_of(options.file, threads)
    names = [name for inputs in rows.inputs if inputs.kind == "flat" for name in inputs.features]
    found = np.full((len(rows), len(spec.classes)), np.nan, np.float32)
    for which in rows.slices(CHUNK):
        features = dict(zip(names, rows.flat_as_packed(which).T, strict=True))
        feeds = {name: _filled(lines, features, options) for name, lines in options.tensors.items()}
        usable = np.logical_and.reduce(
            [np.isfinite(feed).reshape(len(feed), -1).all(axis=1) for feed in feeds.values()]
        )
        if not usable.any():
            continue
        given = run(session, {name: feed[usable] for name, feed in feeds.items()})
        found[np.arange(len(rows))[which][usable]] = _by_class(options, spec, np.asarray(given, np.float32))
    finite = np.isfinite(found).all(axis=1)
    sums = found[finite].astype(np.float64).sum(axis=1)
    if (found[finite] < 0).any() or (np.abs(sums - 1) > SUM).any():
        raise InputError(
            f"{spec.name}: outputs of {options.file} are no probabilities of {', '.join(options.outputs)}: "
            "some are negative, or those of an event do not add up to 1"
        )
    found[~finite] = np.nan
    return found


def _filled(lines: "tuple[Line, ...]", features: dict[str, "FloatArray"], options: "Options") -> "FloatArray":
    """The array of all events, shape (N, F) or (N, T, F), float32."""
    n = len(next(iter(features.values())))

    def column(entry: str | float) -> "FloatArray":
        if not isinstance(entry, str):
            return np.full(n, entry, np.float32)
        divisor = options.divided_by.get(entry, 1.0)
        return (features[entry].astype(np.float64) / divisor).astype(np.float32)

    def line(entry: "Line") -> "FloatArray":
        return np.stack([column(e) for e in entry], axis=1) if isinstance(entry, tuple) else column(entry)

    return np.stack([line(entry) for entry in lines], axis=1)


def _by_class(options: "Options", spec: RecipeSpec, given: "FloatArray") -> "FloatArray":
    """(n, K) by `outputs` -> (n, C) by classes; of one number the rest is the other's."""
    given = given.reshape(len(given), -1)
    if given.shape[1] != len(options.outputs):  # of a file that does not say its shape
        raise InputError(
            f"{spec.name}: {options.file} gives {given.shape[1]} numbers an event, and `outputs` names "
            f"{', '.join(options.outputs)}"
        )
    if len(options.outputs) == 1:
        given = np.concatenate([given, 1 - given], axis=1)
    names = [*options.outputs, *(name for name in spec.class_names if name not in options.outputs)]
    return given[:, [names.index(name) for name in spec.class_names]]
