"""Protects the reading of packed rows, the look-up of backends, and what they refuse."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import skops.io

from jetsmith.classifiers import find_backend
from jetsmith.classifiers import sklearn as trees
from jetsmith.errors import ConfigError, InputError
from jetsmith.packed.arrays import Packed
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import Backend
from jetsmith.specs.features import Inputs
from tests.unit.packed_jets import FLAT, GROUPS, TRACK, make_spec, pack_jets, with_flat

Array = np.ndarray[Any, Any]


def rows_of(*packed: Packed, masks: list[Array] | None = None) -> Rows:
    return Rows.select(list(GROUPS.values()), packed, masks)


def scalar_sequence(packed: Packed, row: int, inputs: Inputs) -> list[list[float]]:
    """The slow twin: constituents of one jet, cut to the length, features in order."""
    ragged = packed.groups[inputs.group]
    return [
        [float(ragged.values[k, ragged.names.index(name)]) for name in inputs.features]
        for k in range(int(ragged.offsets[row]), int(ragged.offsets[row + 1]))[: inputs.length]
    ]


def test_batches_match_their_scalar_twin() -> None:
    """Rows of several splits in any order: columns by name, cut, padded with zeros, masks right."""
    first, second = pack_jets(40, 1), pack_jets(30, 2)
    masks = [first.label != 999, second.label != 999]
    rows = rows_of(first, second, masks=masks)
    where = [
        (p, int(i)) for p, mask in zip((first, second), masks, strict=True) for i in np.flatnonzero(mask)
    ]
    assert len(rows) == len(where)
    order = np.random.default_rng(1).permutation(len(rows))[:25]
    batch = rows.batch(order)
    for place, row in enumerate(order):
        packed, i = where[row]
        expected = [packed.groups["ak4"].values[i, FLAT.index(name)] for name in GROUPS["ak4"].features]
        np.testing.assert_array_equal(batch["ak4"][place], expected)
        for group in ("charged", "vertices"):
            real = scalar_sequence(packed, i, GROUPS[group])
            mask = batch[f"{group}_mask"][place]
            assert mask.sum() == len(real)
            assert mask[: len(real)].all()
            np.testing.assert_array_equal(batch[group][place][mask].tolist(), real)
            assert not batch[group][place][~mask].any()
    np.testing.assert_array_equal(rows.label()[order], [where[r][0].label[where[r][1]] for r in order])
    np.testing.assert_array_equal(rows[order].weight(), rows.weight()[order])


@pytest.mark.parametrize("size", [1, 7, 70, 71, 1000])
def test_slices_cover_each_row_once(size: int) -> None:
    """The last one ends with the rows, however they are cut."""
    rows = rows_of(pack_jets(40, 1), pack_jets(30, 2))
    found = list(rows.slices(size))
    assert [i for which in found for i in range(which.start, which.stop)] == list(range(70))
    assert all(which.stop - which.start <= size for which in found)


def test_matrix_of_two_flat_groups() -> None:
    """Side by side, in the order of the inputs, jet by jet."""
    packed = pack_jets(40, 1)
    first = GROUPS["ak4"]
    second = first.model_copy(update={"group": "more", "features": ("jet_pt",)})
    packed = replace(packed, groups={**packed.groups, "more": packed.groups["ak4"]})
    for inputs in ((first, second), (second, first), (first,)):
        rows = Rows.select(inputs, [packed])
        names = [name for group in inputs for name in group.features]
        expected = np.array(packed.groups["ak4"].values)[:, [FLAT.index(name) for name in names]]
        np.testing.assert_array_equal(rows.matrix(slice(3, 17)), expected[3:17])


def test_columns_of_several_splits() -> None:
    """Values, signs and types of each row's own split, in the order that is asked for."""
    first, second = pack_jets(40, 1), pack_jets(30, 2)
    masks = [first.label == 400, second.label != 400]
    rows = rows_of(first, second, masks=masks)

    def joined(one: Array, two: Array) -> Array:
        return np.concatenate([one[masks[0]], two[masks[1]]])

    np.testing.assert_array_equal(rows.label(), joined(first.label, second.label))
    np.testing.assert_array_equal(rows.weight(), joined(first.weight, second.weight))
    assert rows.weight().min() < 0
    event = rows.column("event")
    np.testing.assert_array_equal(event, joined(first.columns["event"], second.columns["event"]))
    assert event.dtype == np.uint64
    np.testing.assert_array_equal(rows_of(first).weight(), first.weight)
    backwards = rows[np.arange(len(rows))[::-1]]
    np.testing.assert_array_equal(backwards.column("jet_eta"), rows.column("jet_eta")[::-1])


def test_flat_inputs_as_they_were_packed() -> None:
    """All flat groups side by side, sequences left out, NaN where the file has none."""
    packed = pack_jets(20, 1)
    packed.groups["ak4"].values[3, FLAT.index("mass")] = np.nan
    more = GROUPS["ak4"].model_copy(update={"group": "more", "features": ("tracks",)})
    packed = replace(packed, groups={**packed.groups, "more": packed.groups["ak4"]})
    rows = Rows.select([GROUPS["charged"], more, GROUPS["ak4"]], [packed])
    names = ["tracks", *GROUPS["ak4"].features]
    expected = np.array(packed.groups["ak4"].values)[2:9][:, [FLAT.index(name) for name in names]]
    np.testing.assert_array_equal(rows.flat_as_packed(slice(2, 9)), expected)


def test_what_is_not_finite_is_counted_over_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond one pass, a jet once however many of its tracks; eight features by name, then how many more."""
    monkeypatch.setattr("jetsmith.packed.rows.CHUNK", 7)
    packed = pack_jets(40, 1)
    packed.groups["ak4"].values[[0, 6, 7, 39], FLAT.index("mass")] = [np.nan, np.inf, -np.inf, np.nan]
    ragged = packed.groups["charged"]
    for row in (np.flatnonzero(np.diff(ragged.offsets) > 1))[[0, -1]]:
        ragged.values[ragged.offsets[row] : ragged.offsets[row + 1], TRACK.index("sip")] = np.nan
    with pytest.raises(InputError) as error:
        rows_of(packed).check()
    assert "infinite: ak4.mass in 4 of 40 rows, charged.sip in 2 of 40 rows; give" in str(error.value)
    for n, more in ((8, False), (9, True)):
        names = tuple(f"f{i}" for i in range(n))
        flat = np.full((5, n), np.nan, np.float32)
        wide = with_flat(pack_jets(5, 1), flat, names)
        with pytest.raises(InputError) as error:
            Rows.select([GROUPS["ak4"].model_copy(update={"features": names})], [wide]).check()
        assert str(error.value).count("in 5 of 5 rows") == 8
        assert ("and 1 features more" in str(error.value)) == more


def test_inputs_that_were_not_packed_are_named() -> None:
    """A feature with the names that are close to it, a sequence with those that there are."""
    packed = pack_jets(5, 1)
    with pytest.raises(InputError, match=r"ak4: not packed: mas; close to: mass\. A file"):
        Rows.select([GROUPS["ak4"].model_copy(update={"features": ("mas", "sip")})], [packed])
    with pytest.raises(InputError, match=r"charged: not packed: xyz\. A file"):
        Rows.select([GROUPS["charged"].model_copy(update={"features": ("sip", "xyz")})], [packed])
    with pytest.raises(InputError, match="`muons` was not packed; there are: ak4, charged, vertices"):
        Rows.select([GROUPS["charged"].model_copy(update={"group": "muons"})], [packed])


def test_padding_goes_to_the_longest_of_the_batch_alone() -> None:
    """Short jets do not pay for long ones of other batches; a batch without any still has a slot."""
    packed = pack_jets(60, 1)
    counts = np.diff(packed.groups["vertices"].offsets)
    rows = rows_of(packed)
    assert rows.batch(np.flatnonzero(counts == 0))["vertices"].shape[1:] == (1, 2)
    assert rows.batch(np.flatnonzero(counts == 1))["vertices"].shape[1:] == (1, 2)
    assert rows.batch(np.flatnonzero(counts == 2))["vertices"].shape[1:] == (2, 2)
    assert rows.batch(slice(0, 60))["charged"].shape[1] == GROUPS["charged"].length


def test_empty_rows_are_allowed() -> None:
    """A fold or a split may be empty."""
    rows = rows_of(pack_jets(5, 1), masks=[np.zeros(5, np.bool_)])
    assert len(rows) == 0
    assert list(rows.slices(10)) == []
    assert rows.batch(slice(0, 0))["charged"].shape == (0, 1, 2)


def test_a_batch_with_nan_names_the_feature() -> None:
    """Scoring stops as training does; padding beyond the length and unused features do not matter."""
    packed = pack_jets(50, 1)
    ragged = packed.groups["charged"]
    counts = np.diff(ragged.offsets)
    ragged.values[ragged.offsets[np.argmax(counts)] + GROUPS["charged"].length :, 1] *= 1  # beyond: untouched
    long = int(np.argmax(counts > GROUPS["charged"].length))
    ragged.values[ragged.offsets[long] + GROUPS["charged"].length, TRACK.index("sip")] = np.nan
    rows_of(packed).check()
    ragged.values[ragged.offsets[long], TRACK.index("sip")] = np.nan
    with pytest.raises(InputError, match=r"charged\.sip in 1 of 50 rows"):
        rows_of(packed).batch(slice(0, 50))


def test_every_backend_of_the_configuration_exists() -> None:
    """The names in specs.Backend are the modules of the package; others are refused with the choices."""
    for name in get_args(Backend):
        backend = find_backend(name)
        assert isinstance(backend.TRAINS, bool)
        assert callable(backend.fit)
        assert callable(backend.predict)
    with pytest.raises(
        ConfigError, match=r"backend: unknown value `xgbost`; did you mean `xgboost`\? Choices: histogram"
    ):
        find_backend("xgbost")


def test_a_foreign_model_file_is_refused(tmp_path: Path) -> None:
    """A file with types that no trained model has is not loaded."""
    from sklearn.pipeline import FunctionTransformer

    skops.io.dump(FunctionTransformer(pack_jets), tmp_path / "model.skops")
    with pytest.raises(InputError, match=r"holds .*pack_jets.*not loaded"):
        trees.predict(make_spec("sklearn"), tmp_path, rows_of(pack_jets(5, 1)), 1)
