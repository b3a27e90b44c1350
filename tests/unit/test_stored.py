"""Protects stored scores: which jets were tagged, which fail, which have no score, and in which units."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import io, scored
from jetsmith.classifiers import stored
from jetsmith.configuration import stored_checks
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.metrics import discriminant
from jetsmith.packed.rows import Rows
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassifierSpec, DiscriminantSpec
from jetsmith.specs.features import ColumnGroup, ColumnSpec
from jetsmith.training import train
from tests.unit.packed_jets import FLAT, make_spec, pack_jets, with_flat, write_packed
from tests.unit.score_files import discriminant_of

Array = np.ndarray[Any, Any]
CLASSES = make_spec("stored").classes
PLAIN = DiscriminantSpec(signal=("b_jets",), background={"c_jets": 1.0})


def stored_spec(**changes: Any) -> ClassifierSpec:
    """A tagger of b against c jets by the feature `sip`, with more keys of `architecture`."""
    architecture = {"column": "sip", **changes.pop("architecture", {})}
    content = {"classes": CLASSES[:2], "discriminant": PLAIN, **changes}
    return make_spec("stored", architecture=architecture, **content)


def pack_scores(folder: Path, values: Array, labels: Array | None = None) -> Array:
    """Four splits whose feature `sip` are these numbers, shape (4, n); gives them back as rows are."""
    for k, split in enumerate(SPLITS):
        packed = pack_jets(len(values[k]), k)
        flat = np.array(packed.groups["ak4"].values)
        flat[:, FLAT.index("sip")] = values[k]
        label = packed.label if labels is None else labels[k].astype(np.int32)
        write_packed(folder / split, dataclasses.replace(with_flat(packed, flat), label=label))
    return np.concatenate(values).astype(np.float32)


def run_score(folder: Path, spec: ClassifierSpec) -> ak.Array:
    """The rows, with the discriminant that calibrate and plots form of them."""
    train(spec, folder / "packed", folder / "model", seed=5)
    judged = [c for c in (spec.signal_class, *spec.background_classes) if c is not None]
    score(spec, folder / "model", folder / "packed", folder / "scores.parquet", judged=judged)
    rows = io.read_rows(folder / "scores.parquet")
    return ak.with_field(rows, discriminant_of(rows, spec), "discriminant")


def test_not_tagged_jets_stay_and_fail_and_others_are_left_out(tmp_path: Path) -> None:
    """-1 counts below every threshold, NaN and -1000 nowhere; all of them are counted, by split."""
    rng = np.random.default_rng(1)
    values = rng.random((4, 300))
    kind = rng.choice(3, values.shape, p=[0.7, 0.25, 0.05])
    values[kind == 1] = -1
    values[kind == 2] = rng.choice([np.nan, -1000.0, -2000.0, -3000.0], int((kind == 2).sum()))
    sip = pack_scores(tmp_path / "packed", values)
    rows = run_score(tmp_path, stored_spec())
    kinds = kind.ravel()
    assert len(rows) == len(sip)
    found = np.asarray(rows["discriminant"])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[kinds == 0], sip[kinds == 0])  # bit by bit: users cut on the branch
    assert np.isneginf(found[kinds == 1]).all()
    assert np.isnan(found[kinds == 2]).all()
    np.testing.assert_array_equal(np.asarray(rows["scored"]), kinds != 2)
    p = np.stack([np.asarray(rows[f"p_{c.name}"]) for c in CLASSES[:2]])
    np.testing.assert_allclose(p.sum(axis=0)[kinds == 0], 1)
    assert np.isnan(p[:, kinds != 0]).all()
    about = io.read_json(tmp_path / "scores.meta.json")
    for k, split in enumerate(SPLITS):
        assert about["rows_not_tagged"][split] == (kind[k] == 1).sum()
        assert about["rows_without_score"][split] == (kind[k] == 2).sum()
        assert about["rows"][split] == (kind[k] != 2).sum()


def test_scores_of_another_range_are_the_discriminant_as_they_are(tmp_path: Path) -> None:
    """A BDT from -1 to 1: no jet is lost, none is squeezed, and probabilities lie within [0, 1]."""
    rng = np.random.default_rng(2)
    values = np.where(rng.random((4, 200)) < 0.1, -10.0, rng.uniform(-1, 1, (4, 200)))
    values[0, :3] = [-1, 0, 1]
    sip = pack_scores(tmp_path / "packed", values)
    rows = run_score(tmp_path, stored_spec(architecture={"valid": [-1, 1], "not_tagged": [-10]}))
    assert np.asarray(rows["scored"]).all()
    np.testing.assert_array_equal(rows["discriminant"], np.where(sip == -10, -np.inf, sip))
    np.testing.assert_array_equal(np.asarray(rows["p_b_jets"])[:3], [0, 0.5, 1])


def test_a_code_at_the_lowest_score_fails_all_the_same(tmp_path: Path) -> None:
    """With `valid: [-1, 1]` and the code -1 a jet at -1 is not tagged; the next float above it is a score."""
    above = np.nextafter(np.float32(-1), np.float32(0))
    values = np.tile([-1.0, float(above), 0.5, 1.0], (4, 5))
    sip = pack_scores(tmp_path / "packed", values)
    rows = run_score(tmp_path, stored_spec(architecture={"valid": [-1, 1]}))
    np.testing.assert_array_equal(rows["discriminant"], np.where(sip == -1, -np.inf, sip))


@pytest.mark.parametrize(
    ("valid", "values", "places"),
    [
        ([0, None], [0, 1, 3], [0, 0.5, 0.75]),
        ([-1, None], [0, 2, 8], [0.5, 0.75, 0.9]),
        ([None, 1], [1, 0, -2], [1, 0.5, 0.25]),
        ([None, None], [-3, 0, 900], [0.125, 0.5, 0.5 + 450 / 901]),
    ],
)
def test_any_number_may_be_the_discriminant(
    tmp_path: Path, valid: Any, values: list[float], places: list[float]
) -> None:
    """As it is, however large; what others read of it rises with it and lies within [0, 1].

    The code is what the feature is where a jet has none, and no end of the range has to lie above it.
    """
    given = np.tile([*values, -20.0, np.nan], (4, 5))
    sip = pack_scores(tmp_path / "packed", given)
    rows = run_score(tmp_path, stored_spec(architecture={"valid": valid, "not_tagged": [-20]}))
    expected = np.where(sip == -20, -np.inf, sip)
    np.testing.assert_array_equal(rows["discriminant"], expected)
    np.testing.assert_array_equal(rows["scored"], ~np.isnan(sip))
    np.testing.assert_allclose(np.asarray(rows["p_b_jets"])[:3], places, rtol=1e-6)


def test_an_end_of_the_range_may_be_open_and_the_other_still_holds(tmp_path: Path) -> None:
    """The message shows it as it is written."""
    pack_scores(tmp_path / "packed", np.random.default_rng(3).uniform(-0.98, 0.9, (4, 200)))
    with pytest.raises(InputError, match=r"outside `valid: \[0, null\]` .*`valid: \[-1, null\]` where that"):
        run_score(tmp_path, stored_spec(architecture={"valid": [0, None]}))


@pytest.mark.parametrize(
    ("default", "codes", "fine"),
    [
        (0.0, [-1], False),  # would be the score of all jets without one
        (-20.0, [-1], False),  # would be left out as unexplained
        (-20.0, [-1, -20], True),
        (None, [-1], True),
        (-1000.0, [-1], True),  # counts as not computed
    ],
)
def test_what_a_feature_is_without_a_value_is_no_score(
    default: float | None, codes: list[float], fine: bool
) -> None:
    """A jet without tracks has the feature's `default`: nobody may take it for a score."""
    spec = stored_spec(architecture={"not_tagged": codes})
    features = {"sip": ColumnSpec(source="jet_sip", default=default)}
    group = ColumnGroup(name="ak4", object="ak4", kind="flat", features=features)
    found = list(stored.Options.model_validate(spec.architecture).misfits_of_features(spec, {"ak4": group}))
    assert not found if fine else f"`not_tagged: [{default:g}, -1]`" in found[0] or "[-1, 0]" in found[0]


def test_numbers_that_nobody_explained_stop_with_a_remedy(tmp_path: Path) -> None:
    """A BDT read as a probability lost 315 of 331 light jets: the message names them and suggests `valid`."""
    rng = np.random.default_rng(3)
    pack_scores(tmp_path / "packed", rng.uniform(-0.98, 0.9, (4, 200)))
    with pytest.raises(
        InputError, match=r"sip: \d+ of \d+ jets of class b_jets have numbers outside `valid: \[0, 1\]` .*"
        r"`valid: \[-1, 1\]` where"
    ):  # fmt: skip
        run_score(tmp_path, stored_spec())
    values = rng.choice([-2.0, 0.1, 0.5], (4, 200))
    pack_scores(tmp_path / "packed", values)
    with pytest.raises(InputError, match=r": -2 \(\d+ times\)\. .* `not_tagged: \[-2, -1\]` where"):
        run_score(tmp_path, stored_spec())


@pytest.mark.parametrize(("n_strange", "stops"), [(4, False), (5, True)])
def test_one_in_a_hundred_may_be_strange(tmp_path: Path, n_strange: int, stops: bool) -> None:
    """Exactly 1% of a class is left out and counted, one jet more stops, though it is little of all jets."""
    labels = np.full((4, 500), 500)
    labels[:, :100] = 400
    values = np.full((4, 500), 0.25)
    values.reshape(-1)[np.flatnonzero(labels.ravel() == 400)[:n_strange]] = 1.5
    pack_scores(tmp_path / "packed", values, labels)
    if stops:
        with pytest.raises(InputError, match=r"5 of 400 jets of class c_jets .* 1\.5 \(5 times\)"):
            run_score(tmp_path, stored_spec())
        return
    rows = run_score(tmp_path, stored_spec())
    assert (~np.asarray(rows["scored"])).sum() == n_strange
    assert sum(io.read_json(tmp_path / "scores.meta.json")["rows_without_score"].values()) == n_strange


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([np.nan, -1000.0], "20 are NaN or codes below -900"),
        ([-1.0, -1.0], ".* 20 have the code `not_tagged`"),
        ([-1.0, np.nan], "8 are NaN or codes below -900.* 12 have the code"),
    ],
)
def test_a_tagger_that_was_never_run_stops_at_score(tmp_path: Path, values: list[float], words: str) -> None:
    """Not at calibrate, with another message."""
    pack_scores(tmp_path / "packed", np.tile(values, (4, 10))[:, :5])
    with pytest.raises(InputError, match=rf"sip: none of the 20 jets has a score: {words}"):
        run_score(tmp_path, stored_spec())


def test_a_class_without_any_score_stops(tmp_path: Path) -> None:
    """The background that fixes the thresholds has sentinels alone: said at score, with its name."""
    labels = np.tile([500, 400], (4, 10))
    pack_scores(tmp_path / "packed", np.where(labels == 400, np.nan, 0.5), labels)
    spec = stored_spec(signal_class=CLASSES[0], background_classes=(CLASSES[1],))
    with pytest.raises(InputError, match=r"none of the 40 jets of class c_jets has a score: 40 are NaN"):
        run_score(tmp_path, spec)
    pack_scores(tmp_path / "packed", np.where(labels == 400, -1.0, 0.5), labels)
    assert np.isneginf(np.asarray(run_score(tmp_path, spec)["discriminant"])).sum() == 40


def test_the_log_says_what_is_not_scored(capsys: pytest.CaptureFixture[str]) -> None:
    """By class, with shares of its jets."""
    label = np.array([500] * 8 + [400] * 2)
    masks = [np.isin(np.arange(10), which) for which in ([0, 1], [2], [])]
    found = stored.Stored(np.zeros((10, 2)), np.zeros(10), *masks, np.zeros((10, 1)))
    stored_checks.check(stored_spec(), found, label)
    assert (
        "b_jets: of 8 jets 2 (25.00%) are not tagged and fail every threshold; 1 (12.50%) have no score"
        in (said := capsys.readouterr().err)
    )
    assert "c_jets" not in said


def test_stored_scores_of_each_class(tmp_path: Path) -> None:
    """One feature a class by its name, made to add up to 1; a code in one of them is one of the jet."""
    flat = np.array(
        [
            [0.2, 0.1, 0.5], [0.0, 0.0, 1.0], [-1.0, 0.5, 0.5], [0.3, 1.5, 0.1], [0.0, 0.0, 0.0],
            [-1.0, np.nan, 0.1], [-1.0, 1.5, 0.1], [np.nan, 0.2, 0.3],
        ],
        np.float32,
    )  # fmt: skip
    packed = with_flat(pack_jets(8, 1), flat, ("sip", "mass", "jet_pt"))
    columns = {"light_jets": "jet_pt", "b_jets": "sip", "c_jets": "mass"}
    spec = make_spec("stored", architecture={"columns": columns})
    rows = Rows.select(spec.inputs, [packed])
    found = stored.predict(spec, tmp_path, rows, 1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:2], [[0.25, 0.125, 0.625], [0, 0, 1]], rtol=1e-6)
    assert np.isnan(found[2:]).all()
    read = stored.read(spec, rows)
    assert np.flatnonzero(read.not_tagged).tolist() == [2, 6]
    assert np.flatnonzero(read.unexplained).tolist() == [3]
    assert np.flatnonzero(read.not_computed).tolist() == [4, 5, 7]


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ({"valid": [-2, 1]}, r"not_tagged: -1 lies above the smallest score"),
        ({"not_tagged": [1.0]}, r"not_tagged: 1 lies above the smallest score"),
        ({"not_tagged": [-1, 2]}, r"not_tagged: 2 lies above"),
        ({"not_tagged": [-1000]}, r"not_tagged: -1000: numbers below -900 say that no score was computed"),
        ({"valid": [1, 0]}, r"valid: \[smallest, largest\] must rise"),
        ({"valid": [1, None], "not_tagged": [2]}, r"not_tagged: 2 lies above .* `valid: \[1, null\]`"),
        (
            {"column": None, "columns": {"b_jets": "sip", "c_jets": "mass"}, "valid": [0, None]},
            r"valid: scores of each class add up to 1: two ends, none below 0; got \[0, null\]",
        ),
    ],
)
def test_codes_and_ranges_that_contradict_each_other_are_refused(architecture: Any, words: str) -> None:
    """A code within the range is a score, one above it would pass every cut: neither can fail."""
    spec = stored_spec(architecture=architecture)
    (problem,) = stored.Options.model_validate(spec.architecture).misfits(spec)
    assert re.match(words, problem)


def test_a_range_that_is_no_probability_takes_the_plain_discriminant() -> None:
    """ln(p) of a score below 0 is nothing; the message gives the discriminant that fits."""
    log = PLAIN.model_copy(update={"form": "log_ratio"})
    spec = stored_spec(architecture={"valid": [-1, 1]}, discriminant=log)
    (problem,) = stored.Options.model_validate(spec.architecture).misfits(spec)
    assert "`{signal: [b_jets], background: {c_jets: 1.0}}`" in problem
    for fine in (stored_spec(architecture={"valid": [-1, 1]}), stored_spec(discriminant=log)):
        assert not list(stored.Options.model_validate(fine.architecture).misfits(fine))


def test_score_files_are_read_with_all_three_kinds_of_jets(tmp_path: Path) -> None:
    """-inf is a jet that fails, NaN one without a score; NaN of a scored jet, and infinity, stop."""
    p = np.array([0.5, np.nan, np.nan, 0.1], np.float32)
    table = {
        "p_b_jets": p,
        "p_c_jets": 1 - p,
        "score": p,
        "scored": np.array([True, True, False, True]),
        "not_tagged": np.array([False, True, False, False]),
        "label": np.array([500, 500, 400, 400]),
        "weight": np.array([1.0, -1, 1, 1]),
        "split": np.array([3, 3, 3, 2], np.int8),
    }
    path, spec = tmp_path / "scores.parquet", stored_spec()
    io.write_rows(path, ak.zip(table, depth_limit=1))
    found = scored.read_split(path, "test", spec)
    assert found.discriminant.dtype == np.float32
    np.testing.assert_array_equal(found.discriminant, np.array([0.5, -np.inf, np.nan], np.float32))
    assert found.chosen.tolist() == [True, True, False]
    for column in ("p_b_jets", "score"):
        for place, wrong in ((0, np.nan), (0, np.inf), (1, 0.5), (2, 0.5)):
            bad = table[column].copy()
            bad[place] = wrong
            io.write_rows(path, ak.zip({**table, column: bad}, depth_limit=1))
            with pytest.raises(InputError, match=rf"column {column}: 1 of 3 test rows .* run score again"):
                scored.read_split(path, "test", spec)
    io.write_rows(path, ak.zip({**table, "weight": np.array([1, np.nan, 1, 1])}, depth_limit=1))
    with pytest.raises(InputError, match="column weight: 1 of 3 test rows"):
        scored.read_split(path, "test", spec)
    io.write_rows(path, ak.zip({**table, "not_tagged": np.array([False, True, True, False])}, depth_limit=1))
    with pytest.raises(InputError, match="column not_tagged: 1 of 3 test rows"):
        scored.read_split(path, "test", spec)
    with pytest.raises(InputError, match="stored_tagger: has no discriminant"):
        scored.read_split(path, "test", stored_spec(discriminant=None))


def test_a_number_as_stored_is_the_discriminant_only_where_it_is_asked_for() -> None:
    """Another form, or another background fraction, is made of the probabilities, whatever was stored."""
    p = np.array([0.2, 0.9], np.float32)
    table = {"p_b_jets": p, "p_c_jets": 1 - p, "score": 2 * p - 1, "not_tagged": np.zeros(2, bool)}
    names = ("b_jets", "c_jets")
    np.testing.assert_array_equal(scored.discriminant(table, PLAIN, names), 2 * p - 1)
    for other in (
        PLAIN.model_copy(update={"form": "log_ratio"}),
        PLAIN.model_copy(update={"background": {"c_jets": 0.5}}),
        PLAIN.model_copy(update={"signal": ("c_jets",), "background": {"b_jets": 1.0}}),
    ):
        expected = discriminant(other, {"b_jets": p, "c_jets": 1 - p}).astype(np.float32)
        np.testing.assert_array_equal(scored.discriminant(table, other, names), expected)
        assert (expected != table["score"]).all()
