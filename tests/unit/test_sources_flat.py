"""The flat helpers agree with loops over events and jets."""

import awkward as ak
import numpy as np
import pytest

from jetsmith import columns
from jetsmith.angles import delta_phi
from jetsmith.sources import flat


def loop_join(left, right):
    pairs = []
    for i in range(len(left) - 1):
        pairs += [(a, b) for a in range(left[i], left[i + 1]) for b in range(right[i], right[i + 1])]
    return pairs


def loop_gather(child_offsets, parent_index, parent_offsets, row_of_parent):
    found = []
    for event in range(len(child_offsets) - 1):
        n_parents = parent_offsets[event + 1] - parent_offsets[event]
        for child in range(child_offsets[event], child_offsets[event + 1]):
            index = parent_index[child]
            if 0 <= index < n_parents and row_of_parent[parent_offsets[event] + index] >= 0:
                found.append((row_of_parent[parent_offsets[event] + index], child))
    found.sort()
    return [child for _, child in found], [row for row, _ in found]


@pytest.mark.parametrize("seed", range(5))
def test_join_is_the_pairs_of_a_loop(seed):
    """All pairs within each event, in order."""
    rng = np.random.default_rng(seed)
    left, right = (flat.counts_to_offsets(rng.integers(0, 4, 20)) for _ in range(2))
    first, second = flat.join(left, right)
    assert list(zip(first, second, strict=True)) == loop_join(left, right)


@pytest.mark.parametrize("seed", range(5))
def test_gather_is_that_of_a_loop(seed):
    """Children of cut parents and broken links go; the others stand by row, in file order."""
    rng = np.random.default_rng(seed)
    parents = flat.counts_to_offsets(rng.integers(0, 4, 20))
    children = flat.counts_to_offsets(rng.integers(0, 6, 20))
    index = rng.integers(-1, 5, children[-1])
    row = np.full(parents[-1], -1)
    kept = rng.uniform(size=parents[-1]) < 0.6
    row[kept] = np.arange(kept.sum())
    got = flat.gather(children, index, parents, row)
    assert [list(x) for x in got] == list(loop_gather(children, index, parents, row))


def test_gather_without_parents():
    """A chunk without any jet gives no candidates, not an error."""
    empty = np.zeros(3, dtype=np.int64)
    child, row = flat.gather(np.array([0, 1, 2]), np.array([0, 0]), empty, np.zeros(0, dtype=np.int64))
    assert len(child) == len(row) == 0


def test_near_and_delta_phi():
    """Azimuths wrap around; the radius is open."""
    jets = flat.Directions(np.array([0, 2, 3]), np.array([0.0, 1.0, 0.0]), np.array([3.1, 0.0, 0.0]))
    others = flat.Directions(np.array([0, 1, 1]), np.array([0.0]), np.array([-3.1]))
    assert list(flat.near(jets.offsets, jets.eta, jets.phi, others, 0.4)) == [True, False, False]
    assert delta_phi(np.array([3.1]), np.array([-3.1]))[0] == pytest.approx(6.2 - 2 * np.pi)


def test_no_rows_has_columns_and_types():
    """An empty partition can be joined with a full one."""
    rows = flat.no_rows(["run", "cpf_pt_gev", "stored_btagX"], "ak4")
    assert len(rows) == 0
    assert str(rows.type) == "0 * {run: uint32, cpf_pt_gev: var * float32, stored_btagX: float32}"


def test_columns_have_the_type_of_the_table():
    """Whatever a branch holds, a row has what jetsmith.columns says, in its order."""
    made = flat.Columns("ak4", 2)
    made.ragged("cpf_charge", np.array([0, 1, 3]), np.array([1.0, -1.0, 1.0]))
    made.flat("jet_index", np.array([0, 1], dtype=np.int64))
    rows = made.rows()
    assert rows.fields == ["jet_index", "cpf_charge"]
    assert str(rows["cpf_charge"].type) == "2 * var * int8"
    assert rows["jet_index"].layout.data.dtype == columns.KEY["jet_index"].dtype


def test_split_of_a_slice_starts_at_zero():
    """Slices of ragged arrays share their content; offsets must not."""
    offsets, content = flat.split(ak.Array([[1, 2], [3], [4, 5, 6]])[1:])
    assert list(offsets) == [0, 1, 4]
    assert list(content) == [3, 4, 5, 6]
