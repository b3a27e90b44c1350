"""What networks estimate of rows beside their classes, such as an energy, and by which names scores have it.

A score file has `estimate_<output>`, with `quantiles` also `estimate_<output>_resolution`, half the distance
of these; and the side columns that were learned from, `side_<feature>`.
"""

from typing import TYPE_CHECKING, cast

import numpy as np

from jetsmith import plugs
from jetsmith.losses import Loss, NumberOptions
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.features import Inputs

if TYPE_CHECKING:
    from jetsmith.io import FloatArray


def estimated(spec: RecipeSpec) -> dict[str, NumberOptions]:
    """Outputs of a classifier that are numbers of rows, with the keys of their losses."""
    found = {}
    for output, given in spec.losses.items():
        loss = cast(Loss, plugs.find("losses", given.loss, f"{spec.name}: losses.{output}", "value"))
        if loss.OUTPUT == "number" and given.weight:
            found[output] = loss.Options.model_validate(given.options)
    return cast(dict[str, NumberOptions], found)


def read_on(spec: RecipeSpec, sample: str) -> tuple[Inputs, ...]:
    """What a classifier reads of a sample.

    Off its own nothing teaches it: it reads inputs, and of what losses read beside these only what its
    estimates are compared with, so that scores of others that it leaves alone need not be made there.
    """
    if sample == spec.sample:
        return spec.reads
    asked = {name for options in estimated(spec).values() for name in options.columns()}
    flat = (inputs for inputs in spec.side if inputs.kind == "flat")
    return (*spec.inputs, *(inputs for inputs in flat if asked.intersection(inputs.features)))


def column(output: str) -> str:
    """Name of the estimate in score files."""
    return f"estimate_{output}"


def resolution(output: str) -> str:
    """Name of its resolution there."""
    return f"estimate_{output}_resolution"


def side(feature: str) -> str:
    """Name of a side column there."""
    return f"side_{feature}"


def names(spec: RecipeSpec) -> list[str]:
    """Names of all that it estimates, as `named` has them."""
    return [
        name
        for output, options in estimated(spec).items()
        for name in (column(output), *([resolution(output)] if options.quantiles else []))
    ]


def named(output: str, options: NumberOptions, values: "FloatArray") -> "dict[str, FloatArray]":
    """What a network gives of rows, shape (N, width), by name, (N,) each.

    Quantiles that cross are taken in the other order: a resolution is never below 0.
    """
    found = {column(output): np.ascontiguousarray(values[:, 0])}
    if options.quantiles:
        found[resolution(output)] = np.asarray(np.abs(values[:, 2] - values[:, 1]) / 2)
    return found
