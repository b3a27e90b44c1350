"""ONNX files of others as taggers: sequences as weaver prepares them in, probabilities of many labels out."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jetsmith import weaver
from jetsmith.classifiers import _onnx_labels
from jetsmith.classifiers._onnx import SUM, no_floats, run
from jetsmith.configuration.records import hint
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.onnx_session import session_of
from jetsmith.packed.rows import Batch, Rows
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.features import Inputs

if TYPE_CHECKING:
    from jetsmith.classifiers.onnx import Options

MASK = "mask"  # in place of a feature: 1 for each constituent
ROWS_AT_ONCE = 4096  # sequences of so many rows are in memory, padded


def misfits(options: "Options", spec: RecipeSpec) -> Iterator[str]:
    """What the preprocessing says, against `inputs`, `variables` and `labels` of the tagger."""
    try:
        prepared = weaver.read(Path(options.preprocess))
        yield from _of_variables(options, spec, prepared)
        what = f"output of {options.preprocess}"
        yield from _onnx_labels.misfits(options.labels, spec, prepared.output_names, what)
    except InputError as error:
        yield f"preprocess: {error}"


def misfits_of_file(options: "Options") -> Iterator[str]:
    """What the ONNX file takes and gives, against its preprocessing."""
    prepared = weaver.read(Path(options.preprocess))
    session = session_of(options.file, 1)
    takes = {found.name: found.shape for found in session.get_inputs()}
    if set(takes) != set(prepared.inputs):
        yield (
            f"preprocess: is of the inputs {', '.join(prepared.inputs)}; {options.file} has "
            f"{', '.join(takes)}. Take the file that was published with it"
        )
        return
    for name, shape in takes.items():
        n = len(prepared.inputs[name].var_names)
        if len(shape) != 3 or (isinstance(shape[1], int) and shape[1] != n):
            yield f"preprocess: `{name}` has {n} variables; {options.file} takes {tuple(shape)} of it"
    wrong = list(no_floats(session))
    if wrong:  # of labels ahead of probabilities the shape is another, too
        yield from wrong
        return
    n_outputs = session.get_outputs()[0].shape[-1:]
    if n_outputs and isinstance(n_outputs[0], int) and n_outputs[0] != len(prepared.output_names):
        yield (
            f"preprocess: names {len(prepared.output_names)} outputs; {options.file} gives {n_outputs[0]} "
            "numbers a jet"
        )


def _of_variables(options: "Options", spec: RecipeSpec, prepared: weaver.Preprocess) -> Iterator[str]:
    groups = {inputs.group: inputs for inputs in spec.inputs}
    used, of_input = set[tuple[str, str]](), dict[str, set[str]]()
    names = [variable for _, variable in prepared.variables]
    for key in options.variables:
        if not any(_matches(key, name) for name in names):
            yield f"variables.{key}: no variable of {options.preprocess} is that{hint(key.strip('*'), names)}"
    for name, variable in prepared.variables:
        found = place_of(options, variable)
        if found is None:
            yield f"variables: says nothing of `{variable}`; map it to a group, or to `<group>.<feature>`"
            return
        group, feature = found
        if group not in groups:
            yield f"variables: `{variable}` is of `{group}`, which `inputs` lacks{hint(group, groups)}"
            return
        if feature != MASK and feature not in groups[group].features:
            yield (
                f"variables: `{variable}` is `{group}.{feature}`, which `inputs` lacks"
                f"{hint(feature, groups[group].features)}"
            )
            return
        used.add((group, feature))
        of_input.setdefault(name, set()).add(group)
    for name, read in of_input.items():
        if len(read) > 1:
            yield f"variables: `{name}` is of one sequence; its variables are of {', '.join(sorted(read))}"
            continue
        inputs, longest = groups[next(iter(read))], prepared.inputs[name].longest
        if (inputs.length or 1) < longest:
            yield (
                f"inputs.{inputs.group}: `{name}` takes up to {longest} constituents; the group keeps "
                f"{inputs.length or 1}: raise `length` in config/features/{inputs.group}.yaml"
            )
    for inputs in spec.inputs:
        idle = [feature for feature in inputs.features if (inputs.group, feature) not in used]
        if idle:
            yield f"inputs.{inputs.group}: nothing reads {', '.join(idle)}; leave them out"


def _matches(key: str, variable: str) -> bool:
    return variable.startswith(key[:-1]) if key.endswith("*") else variable == key


def place_of(options: "Options", variable: str) -> tuple[str, str] | None:
    """Group and feature of a variable of weaver's; None where nothing says it. The longest prefix wins."""
    if variable in options.variables:
        group, _, feature = options.variables[variable].partition(".")
        return group, feature
    prefixes = [key[:-1] for key in options.variables if key.endswith("*") and _matches(key, variable)]
    if not prefixes:
        return None
    prefix = max(prefixes, key=len)
    return options.variables[f"{prefix}*"], variable.removeprefix(prefix)


def probabilities(options: "Options", spec: RecipeSpec, rows: Rows, threads: int) -> FloatArray:
    """Of each class, shape (N, C), float32; NaN for jets without any constituent, or of other labels alone.

    Probabilities of labels that are of no class are left out, and the others made to add up to 1.

    Raises:
        InputError: The files do not fit each other or the tagger, or give no probabilities.
    """
    prepared = weaver.read(Path(options.preprocess))
    if problems := [*misfits(options, spec), *misfits_of_file(options)]:
        raise InputError(f"{spec.name}: {'; '.join(problems)}")
    session = session_of(options.file, threads)
    found = np.full((len(rows), len(spec.classes)), np.nan, np.float32)
    for which in rows.slices(ROWS_AT_ONCE):
        batch = _by_group(spec.inputs, rows.batch(which))
        first = {name: _group_of(options, given) for name, given in prepared.inputs.items()}
        counts = {name: batch[group][1].sum(axis=1) for name, group in first.items()}
        lengths = np.stack([given.lengths(counts[name]) for name, given in prepared.inputs.items()], axis=1)
        filled = np.logical_or.reduce([n > 0 for n in counts.values()])
        # As in CMSSW, jets go in with their own lengths: those of the same lengths together.
        for chosen in _alike(lengths, filled):
            feeds = {
                name: _feed(options, given, batch, first[name], chosen, int(lengths[chosen[0], k]))
                for k, (name, given) in enumerate(prepared.inputs.items())
            }
            given = np.asarray(run(session, feeds), np.float64).reshape(len(chosen), -1)
            _require_probabilities(options, spec, given)
            classes = _onnx_labels.by_class(given, options.labels, spec, prepared.output_names)
            found[which.start + chosen] = classes
    return found


def _by_group(inputs: tuple[Inputs, ...], batch: Batch) -> dict[str, tuple[dict[str, FloatArray], BoolArray]]:
    """Features (n, T) by name, and the mask (n, T), of each group; a flat one has one constituent."""
    found = {}
    for group in inputs:
        values = batch[group.group]
        flat = values.ndim == 2
        mask = np.ones((len(values), 1), np.bool_) if flat else batch[f"{group.group}_mask"]
        values = values[:, None] if flat else values  # (n, F) -> (n, 1, F)
        by_name = {name: values[:, :, k] for k, name in enumerate(group.features)}
        found[group.group] = (by_name, mask)
    return found


def _group_of(options: "Options", given: weaver.Input) -> str:
    """The group that all variables of an input are of."""
    place = place_of(options, given.var_names[0])
    assert place is not None
    return place[0]


def _alike(lengths: IntArray, filled: BoolArray) -> Iterator[IntArray]:
    """Jets of the same lengths, positions, of those that are filled."""
    rows = np.flatnonzero(filled)
    if not len(rows):
        return
    _, kind = np.unique(lengths[rows], axis=0, return_inverse=True)
    order = np.argsort(kind.reshape(-1), kind="stable")
    yield from np.split(rows[order], np.flatnonzero(np.diff(kind.reshape(-1)[order])) + 1)


def _feed(
    options: "Options",
    given: weaver.Input,
    batch: Mapping[str, tuple[dict[str, FloatArray], BoolArray]],
    group: str,
    chosen: IntArray,
    length: int,
) -> FloatArray:
    """One input of some jets, shape (n, F, length), float32."""
    by_name, mask = batch[group][0], batch[group][1][chosen]
    values = {}
    for variable in given.var_names:
        place = place_of(options, variable)
        assert place is not None
        own = by_name.get(place[1])
        values[variable] = mask.astype(np.float32) if own is None else own[chosen]
    return given.filled(values, mask, length)


def _require_probabilities(options: "Options", spec: RecipeSpec, given: FloatArray) -> None:
    if (given < 0).any() or not (np.abs(given.sum(axis=1) - 1) <= SUM).all():
        raise InputError(
            f"{spec.name}: outputs of {options.file} are no probabilities: some are negative or not finite, "
            "or those of a jet do not add up to 1"
        )
