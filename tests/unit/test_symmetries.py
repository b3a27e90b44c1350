"""Derived columns know no direction: turned jets have the same, mirrored ones that or with another sign."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from jetsmith.derivations import of
from jetsmith.features.derived import available_with_derived, derive
from jetsmith.features.table import Array, Lists, Table, to_table
from jetsmith.mock import mock_rows

# What files may hold, and follows from the rest.
DERIVABLE = ("tag_", "track_", "ddx_", "stored_", "cpf_sip", "cpf_jet_dist", "sv_energy", "n_sv")
AT_ORIGIN = (
    "tag_track_sum_jet_delta_r"  # of jets without selected tracks the distance to (0, 0), as CMS has it
)
Move = Callable[[str, Array], Array]


def turned(name: str, values: Array) -> Array:
    return (values + 2.5 + np.pi) % (2 * np.pi) - np.pi if name.endswith("_phi_rad") else values


def along_the_beam(name: str, values: Array) -> Array:
    return -values if name.endswith("_eta") or name == "cpf_dz_cm" else values


def across_the_beam(name: str, values: Array) -> Array:
    return -values if name.endswith("_phi_rad") or name == "cpf_d0_cm" else values


ODD = {  # columns that change their sign
    turned: "nothing",
    along_the_beam: r".*(_deta|_eta|(?<!abs)_dz_cm|_dz_sig|_dsz_sig)",
    across_the_beam: r".*(phi_rad|(?<!abs)_d0_cm|_d0_sig)",
}


def moved(table: Table, move: Move) -> Table:
    """The same jets elsewhere, in double precision."""
    found: Table = {}
    for name, column in table.items():
        values = column.values if isinstance(column, Lists) else column
        values = move(name, values.astype(np.float64) if values.dtype.kind == "f" else values)
        found[name] = Lists(column.offsets, values) if isinstance(column, Lists) else values
    return found


@pytest.mark.parametrize("move", [*ODD])
@pytest.mark.parametrize("obj", ["ak4", "ak8"])
def test_turned_and_mirrored_jets_have_the_same(obj: str, move: Move) -> None:
    """All that can be had of candidates, vertices and subjets; angles wrap wherever the jet is."""
    rows = mock_rows(obj, 50, seed=21)
    stored = to_table(rows[[name for name in rows.fields if not name.startswith(DERIVABLE)]])
    wanted = sorted(available_with_derived(set(stored), of(obj)) - set(stored))
    tables = [moved(stored, lambda name, values: values), moved(stored, move)]
    for table in tables:
        derive(table, wanted, of(obj))
    compared = 0
    for name in wanted:
        if name == "tau_axes" or (move is turned and re.fullmatch(r".*(?<!d)phi_rad|.*" + AT_ORIGIN, name)):
            continue
        before, after = (
            np.asarray(found.values if isinstance(found, Lists) else found, np.float64)
            for found in (table[name] for table in tables)
        )
        sign = -1 if re.fullmatch(ODD[move], name) else 1
        np.testing.assert_allclose(after, sign * before, rtol=1e-3, atol=1e-4, err_msg=name)
        compared += 1
    assert compared > (150 if obj == "ak4" else 300)
