"""Side columns: what losses read beside the inputs of a network, of rows and of their constituents."""

import sys
from collections.abc import Collection, Sequence

import numpy as np

from jetsmith import plugs
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.losses import Options
from jetsmith.packed.arrays import Packed
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import MISSING, RecipeSpec
from jetsmith.specs.features import Inputs


def lacking(spec: RecipeSpec, parts: Sequence[Packed]) -> dict[str, str]:
    """Auxiliary outputs whose losses read what a file of the sample lacks, with these columns."""
    packed = {i.group: set.intersection(*(set(p.groups[i.group].names) for p in parts)) for i in spec.side}
    there = {name for name, (i, feature) in spec.side_columns.items() if feature in packed[i.group]}
    found = {}
    for output, options in _options(spec).items():
        absent = [name for name in options.columns() if name not in there]
        if absent and options.of[0]:
            found[output] = ", ".join(absent)
    return found


def without(spec: RecipeSpec, outputs: Collection[str]) -> RecipeSpec:
    """The classifier without these outputs, and without side columns that they alone read."""
    losses = {name: given for name, given in spec.losses.items() if name not in outputs}
    less = spec.model_copy(update={"losses": losses})
    read = {column for options in _options(less).values() for column in options.columns()}
    kept = {i: tuple(name for name in i.features if read & {name, f"{i.group}.{name}"}) for i in spec.side}
    side = [i.model_copy(update={"features": names}) for i, names in kept.items() if names]
    return less.model_copy(update={"side": tuple(side)})


def _options(spec: RecipeSpec) -> dict[str, Options]:
    """The keys of each loss, by output."""
    return {
        name: plugs.find("losses", given.loss, f"{spec.name}: losses.{name}", "value").Options.model_validate(
            given.options
        )
        for name, given in spec.losses.items()
    }


def trainable(spec: RecipeSpec, parts: Sequence[Packed]) -> tuple[RecipeSpec, dict[str, str]]:
    """The classifier with the outputs that these splits can teach, and those that are off, which is said."""
    off = lacking(spec, parts)
    for output, columns in off.items():
        print(
            f"[train {spec.name}] head `{output}` is off: files of sample `{spec.sample}` have no {columns}",
            file=sys.stderr,
            flush=True,
        )
    return (without(spec, off) if off else spec), off


def of_rows(spec: RecipeSpec, parts: Sequence[Packed], masks: Sequence[BoolArray]) -> dict[str, FloatArray]:
    """Those of the chosen rows, shape (N,) each, by the names that losses give them.

    NaN where a file has no number, or a tagger no score.
    """
    flat = [inputs for inputs in spec.side if inputs.kind == "flat"]
    if not flat:
        return {}
    rows = Rows.select(flat, parts, masks)
    values = rows.flat_as_packed(slice(0, len(rows)))
    named = [(inputs, feature) for inputs in flat for feature in inputs.features]
    places = {place: k for k, place in enumerate(named)}
    read = {name for options in _options(spec).values() for name in options.columns()}
    found = {}
    for name, place in spec.side_columns.items():
        if place in places and (name in read or name == place[1]):
            column = np.ascontiguousarray(values[:, places[place]])
            is_lacking = _are_scores(place[0]) & (column == np.float32(MISSING))
            found[name] = np.where(is_lacking, np.float32(np.nan), column)
    return found


def _are_scores(inputs: Inputs) -> bool:
    """Whether they are those of another tagger (`stacking`), which come from no column of the files."""
    return not inputs.sources


def of_constituents(spec: RecipeSpec, parts: Sequence[Packed], masks: Sequence[BoolArray]) -> Rows | None:
    """Those of the constituents of the chosen rows, read with their windows; None where there are none."""
    return Rows.select(spec.auxiliary, parts, masks) if spec.auxiliary else None


def judged(
    spec: RecipeSpec, parts: Sequence[Packed], classes: Sequence[IntArray], fold: int | None
) -> tuple[Rows, Rows]:
    """Rows of the test split, or of the fold that its model does not see, with their side columns."""
    unseen = [
        np.full(len(part), split == "test") if fold is None else np.asarray(part.columns["fold"]) == fold
        for split, part in zip(SPLITS, parts, strict=True)
    ]
    masks = [mask & (index >= 0) for mask, index in zip(unseen, classes, strict=True)]
    return Rows.select(spec.inputs, parts, masks), Rows.select(spec.auxiliary, parts, masks)
