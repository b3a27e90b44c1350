"""The mock rows are what every other test builds on: complete, typed, repeatable and separable."""

import awkward as ak
import numpy as np
import pytest

from jetsmith import columns
from jetsmith.mock import mock_rows

OBJECTS = ("ak4", "ak8", "event")


@pytest.mark.parametrize("obj", OBJECTS)
@pytest.mark.parametrize("n", [0, 1, 200])
def test_rows_have_every_stored_column_in_its_type(obj: str, n: int) -> None:
    """A column that is added to the contract must be added to the mock, with the right type."""
    rows = mock_rows(obj, n, seed=1)
    assert len(rows) == n
    for name, column in columns.BY_OBJECT[obj].items():
        if "(derived)" in column.text:
            assert name not in rows.fields
            continue
        assert rows[name].ndim == (2 if column.ragged else 1), name
        flat = ak.to_numpy(ak.flatten(rows[name], axis=None))
        assert flat.dtype == np.dtype(column.dtype), name
        assert np.all(np.isfinite(flat)), name


@pytest.mark.parametrize("obj", OBJECTS)
def test_same_seed_same_rows(obj: str) -> None:
    """Tests that compare two runs need the same rows twice, and other rows for another seed."""
    first, again, other = (mock_rows(obj, 50, seed) for seed in (3, 3, 4))
    assert ak.array_equal(first, again)
    assert not ak.array_equal(first, other)


@pytest.mark.parametrize("prefix", ["cpf", "npf", "sv"])
def test_constituents_of_a_jet_agree_in_number(prefix: str) -> None:
    """All columns of a list group have the length that the count column says."""
    rows = mock_rows("ak4", 100, seed=2)
    for name in rows.fields:
        if name.startswith(f"{prefix}_"):
            assert ak.all(ak.num(rows[name]) == rows[f"n_{prefix}"]), name


def test_keys_are_unique_and_events_hold_several_jets() -> None:
    """Splits are decided by event, so a test sample must have events with more than one jet."""
    rows = mock_rows("ak4", 300, seed=2)
    key = list(zip(rows.event.tolist(), rows.jet_index.tolist(), strict=True))
    assert len(set(key)) == 300
    assert len(set(rows.event.tolist())) < 200


def test_classes_and_generators_differ() -> None:
    """A tagger learns something from the mock, and so does a reweighter."""
    jets = mock_rows("ak4", 4000, seed=2)
    mean = [ak.mean(jets.cpf_sip3d_sig[jets.hadron_flavour == flavour]) for flavour in (0, 4, 5)]
    assert mean[0] < mean[1] < mean[2]
    soft, hard = (mock_rows("event", 2000, seed=2, shift=shift) for shift in (0.0, 1.0))
    assert ak.mean(soft.z_pt_gev) < ak.mean(hard.z_pt_gev)
