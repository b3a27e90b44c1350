"""Score files by hand: probabilities whose discriminant is the number that a test asks for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import io, scored
from jetsmith.scored import ScoredJets
from jetsmith.specs.classifiers import ClassifierSpec

CLASSES = ("b_jets", "c_jets", "light_jets")


def write_scores(path: Path, table: Mapping[str, Any]) -> None:
    """Write a table whose `discriminant` is p_b/(p_b + p_light), say: of -inf a jet that was not tagged.

    In double precision 1 - x is exact, so that x/(x + (1 - x)) is x to the last bit.
    """
    score = np.asarray(table["discriminant"], np.float64)
    not_tagged = np.isneginf(score)
    p = np.where(not_tagged, np.nan, score)
    columns = {name: values for name, values in table.items() if name != "discriminant"}
    columns |= {f"p_{name}": p if name == "b_jets" else 1 - p for name in CLASSES}
    io.write_rows(path, ak.zip(columns | {"not_tagged": not_tagged}, depth_limit=1))


def scored_jets(
    score: Any, weight: Any = None, label: Any = None, pt_gev: Any = 50.0, abseta: Any = 0.0
) -> ScoredJets:
    """Jets as a reader of score files gives them, from numbers or arrays of shape (N,); NaN is no score."""
    score = np.asarray(score)
    n = len(score)
    columns = {"jet_pt_gev": np.broadcast_to(pt_gev, n), "jet_eta": np.broadcast_to(abseta, n)}
    return ScoredJets(
        score,
        np.ones(n) if weight is None else np.asarray(weight),
        np.zeros(n, int) if label is None else np.asarray(label),
        ~np.isnan(score),
        columns,
    )


def discriminant_of(rows: ak.Array, spec: ClassifierSpec) -> npt.NDArray[np.float32]:
    """What calibrate and plots form of the rows of a score file, shape (N,)."""
    assert spec.discriminant is not None
    table = {name: np.asarray(rows[name]) for name in rows.fields}
    return scored.discriminant(table, spec.discriminant, spec.class_names)
