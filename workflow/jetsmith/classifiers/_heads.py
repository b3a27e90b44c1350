"""How well the auxiliary heads of a network do: constituents and their pairs of jets that it has not seen."""

from typing import Any

import numpy as np

from jetsmith.classifiers._batches import Term, terms
from jetsmith.io import BoolArray, FloatArray
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import RecipeSpec

ROWS = 1024  # a call: pairs take memory
BINS = 1000  # of the probability that a pair shares a vertex


def judge(spec: RecipeSpec, network: Any, rows: Rows, truth: Rows) -> dict[str, Any]:
    """Counts of constituents by true origin and by the likeliest, and of pairs by probability.

    Args:
        spec: The classifier.
        network: It, trained.
        rows: Jets.
        truth: Their side columns (`RowsSpec.auxiliary`).

    Returns:
        By output its kind; of constituents `names` and `confusion`, a line a true origin; of pairs
        `same` and `different`, counts in bins of the probability from 0 to 1.
    """
    found: dict[str, dict[str, Any]] = {}
    heads = {name: term for name, term in terms(spec).items() if term.options.of[0]}
    for which in rows.slices(ROWS):
        outputs, side = network(rows.batch(which), training=False), truth.batch(which)
        for name, term in heads.items():
            column, mask = _truth(spec, term, side)
            output = np.asarray(outputs[name], np.float32)
            counts = (_of_pairs if term.plug.OUTPUT == "pairs" else _of_constituents)(output, column, mask)
            for key, values in counts.items():
                held = found.setdefault(name, {}).setdefault(key, np.zeros_like(values))
                held += values
    return {
        "jets": len(rows),
        "heads": {
            name: {
                "kind": heads[name].plug.OUTPUT,
                "names": list(heads[name].options.names),
                **{key: values.tolist() for key, values in counts.items()},
            }
            for name, counts in found.items()
        },
    }


def _truth(spec: RecipeSpec, term: Term, side: dict[str, Any]) -> tuple[FloatArray, BoolArray]:
    """The column that a head learns, and where it is known, (n, T) each."""
    group = term.options.group
    (inputs,) = (inputs for inputs in spec.auxiliary if inputs.group == group)
    column = side[group][..., inputs.features.index(term.options.column)]
    return column, side[f"{group}_mask"] & (column >= 0)


def _of_constituents(output: FloatArray, truth: FloatArray, known: BoolArray) -> dict[str, Any]:
    width = output.shape[-1]
    known = known & (truth < width)
    place = truth[known].astype(np.int64) * width + output.argmax(axis=-1)[known]
    return {"confusion": np.bincount(place, minlength=width * width).reshape(width, width)}


def _of_pairs(output: FloatArray, truth: FloatArray, known: BoolArray) -> dict[str, Any]:
    """Of each pair once."""
    first, second = np.triu_indices(truth.shape[1], 1)
    both = known[:, first] & known[:, second]
    same = (truth[:, first] == truth[:, second])[both]
    with np.errstate(over="ignore"):  # e^-z of a pair that is certain
        probability = 1 / (1 + np.exp(-output[:, first, second][both]))
    place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    return {
        name: np.bincount(place[mask], minlength=BINS)
        for name, mask in (("same", same), ("different", ~same))
    }
