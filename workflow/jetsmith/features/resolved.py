"""Which resolution function of stage resolution a track has, and what it says of it."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.features.table import Lists, Table

Array = npt.NDArray[Any]
NAME = "track_probability"


def categories(table: Table) -> dict[str, Array]:
    """The inputs of the functions, a value a candidate.

    ASSUME that tracks whose chi2 is not known are good ones.
    """
    significance, pt = (
        lists(table, name).values.astype(np.float64) for name in ("cpf_sip3d_sig", "cpf_pt_gev")
    )
    eta = lists(table, "cpf_eta").values.astype(np.float64)
    chi2, lost = table.get("cpf_chi2"), table.get("cpf_lost_inner_hits")
    hit = np.where(lost.values < 0, 1, 0) if isinstance(lost, Lists) else np.full(len(pt), -1)
    return {
        "inner_hit": hit,
        "momentum": pt * np.cosh(eta),
        "abseta": np.abs(eta),
        "chi2": chi2.values.astype(np.float64) if isinstance(chi2, Lists) else np.ones(len(pt)),
        "significance": significance,
    }


def lists(table: Table, name: str) -> Lists:
    """A column of constituents."""
    column = table[name]
    assert isinstance(column, Lists)
    return column


def track_probabilities(table: Table, resolution: str | Path) -> Lists:
    """The column `cpf_track_probability` by the functions of stage resolution; NaN without a measurement.

    Args:
        table: With the columns `RESOLVED_BY`, as far as there are any.
        resolution: Its JSON file.
    """
    from correctionlib import CorrectionSet

    found = categories(table)
    significance = lists(table, "cpf_sip3d_sig")
    known = np.isfinite(found["significance"])
    given = {name: np.nan_to_num(values) for name, values in found.items()}
    functions = CorrectionSet.from_file(str(resolution))[NAME]
    names = [variable.name for variable in functions.inputs]
    given["significance"] = np.abs(given["significance"])
    given["inner_hit"] = given["inner_hit"].astype(np.int64)
    values = functions.evaluate(*(given[name] for name in names))
    return Lists(significance.offsets, np.where(known, values, np.nan).astype(np.float32))
