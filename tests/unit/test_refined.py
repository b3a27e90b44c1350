"""Protects refined weights: above 0, of the same densities, and worth more; wrong ones are told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import io, signs
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.metrics import auc_of_weights, effective_count
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.reweighting.closure import closure
from jetsmith.reweighting.events import HeldOut
from jetsmith.reweighting.refined import refined_gate, spectrum_chi2
from jetsmith.reweighting.summary import gains
from jetsmith.reweighting.weights import ReweighterScores, refined
from jetsmith.specs.classifiers import ComparedSpec, RecipeSpec, TrainingSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.ratios import RatioSpec
from jetsmith.specs.run import GatesSpec
from tests import gaussians
from tests.densities import Densities, negative_share
from tests.unit.bundled_weights import DATASETS, make, recipe

Array = np.ndarray[Any, Any]
TOY = Densities(2, negative="rising", tail=False)
CLASSES = TrainingSpec(epochs=25, patience=25, learning_rate=0.3, balance="class", negative_weights="classes")


def held_out(n: int, seed: int, spectator: bool = False) -> tuple[HeldOut, Array]:
    """Source without, target with negative weights, and the true share that these leave of its density.

    With `spectator` signs follow a number that is none of the inputs, which then have the mean share.
    """
    rng = np.random.default_rng(seed)
    x = np.concatenate([TOY.draw(k, n, rng)[0] for k in (0, 1)])
    target = np.repeat([False, True], n)
    seen = rng.normal(size=(2 * n, 1)).astype(np.float32)
    negative = 0.1 + 0.4 * (seen[:, 0] > 0) if spectator else negative_share(x)
    generator = np.where(target & (rng.random(2 * n) < negative), -1.0, 1.0)
    share = np.where(target, 0.4 if spectator else 1 - 2 * negative, 1.0)
    inputs = Inputs(group="event", kind="flat", length=0, features=TOY.names, sources=TOY.names)
    packed = arrays.Packed(
        groups={"event": arrays.FlatGroup(x, TOY.names)},
        label=np.zeros(2 * n, "i4"),
        weight=generator,
        columns={},
        datasets=("source", "target"),
        generators=("source", "target"),
    )
    ones = np.ones(2 * n)
    found = HeldOut(
        gaussians.SPEC, Rows.select([inputs], [packed]), target, generator, ones, ones, np.zeros((2 * n, 0)),
        np.zeros(2 * n, bool), seen, np.zeros(2 * n, np.int64), ("beside",), refined=share,
    )  # fmt: skip
    return found, share


def test_the_true_share_passes_and_is_worth_more() -> None:
    """On 20,000 events of the target; the gain is that of the shares themselves."""
    events, share = held_out(20_000, 1)
    gate = refined_gate(events, GatesSpec(), [3])
    assert gate.status == "passed", gate.why
    of_target = share[events.target_mask]
    signed = events.generator[events.target_mask]
    assert gate.values["gain"] == pytest.approx(effective_count(of_target) / effective_count(signed))
    assert gate.values["gain"] > 1.5
    assert not any(name.endswith("source") for name in gate.values)  # it has no weights below 0


@pytest.mark.parametrize("wrong", ["|w|", "inverse", "constant", "useless"])
def test_wrong_weights_are_told(wrong: str) -> None:
    """Sizes alone, signs that rise the wrong way, a mean share, and one event for all."""
    events, share = held_out(20_000, 2)
    given = {
        "|w|": np.ones(len(share)),
        "inverse": 1 / share,
        "constant": np.full(len(share), share.mean()),
        "useless": np.where(np.arange(len(share)) % 5000 == 0, 1.0, 1e-9),
    }[wrong]
    gate = refined_gate(replace(events, refined=given), GatesSpec(), [3])
    assert gate.status != "passed"
    if wrong != "useless":
        assert gate.status == "failed"
        assert "a fresh classifier tells refined weights" in gate.why


def test_few_events_tell_nothing() -> None:
    """Right ones of 400 events are not passed."""
    events, _ = held_out(400, 4)
    assert refined_gate(events, GatesSpec(), [3]).status == "not conclusive"


def test_a_spectator_whose_signs_the_inputs_do_not_know_is_told() -> None:
    """Its spectrum by refined weights is another, though no classifier of inputs sees it."""
    events, _ = held_out(20_000, 5, spectator=True)
    gate = refined_gate(events, GatesSpec(), [3])
    assert gate.status == "failed"
    assert "the spectrum of beside" in gate.why
    assert "a fresh classifier does not tell" in gate.why


def test_the_area_by_hand_and_its_error() -> None:
    """All pairs, ties as halves; the error is what areas of right weights scatter by."""
    rng = np.random.default_rng(6)
    score, one, other = rng.integers(0, 5, 40).astype(float), rng.random(40), rng.normal(1, 1, 40)
    above = (score[:, None] > score) + 0.5 * (score[:, None] == score)
    by_hand = one @ above @ other / (one.sum() * other.sum())
    assert auc_of_weights(score, one, other).value == pytest.approx(by_hand)
    away = []
    for _ in range(300):
        x = rng.normal(size=1000)
        left = 0.2 + 0.6 / (1 + np.exp(-x))
        signed = np.where(rng.random(1000) < (1 - left) / 2, -1.0, 1.0)
        found = auc_of_weights(x, left, signed)
        away.append((found.value - 0.5) / found.error)
    assert np.std(away) == pytest.approx(1, abs=0.12)
    assert abs(np.mean(away)) < 0.2


def test_chi2_of_right_spectra_is_one() -> None:
    """Of the same events, whose fluctuations cancel; a little less, since a bin has the larger variance."""
    found = []
    for seed in range(60):
        events, _ = held_out(1500, 100 + seed)
        of_target = events[np.flatnonzero(events.target_mask)]
        chi2, n_dof = spectrum_chi2(of_target, of_target.features[:, 0].astype(np.float64))
        found.append(chi2 / n_dof)
    assert 0.75 < np.mean(found) < 1.05


def test_weights_by_hand() -> None:
    """Sums of each generator stay; no weights below 0, no score, or outside: the own weight."""
    weight = np.array([1.0, -1.0, 2.0, 1.0, 3.0, -1.0])
    target = np.array([True, True, True, True, False, False])
    outside, nobody = np.arange(6) == 3, np.zeros(6, bool)
    share = np.array([0.5, 0.5, 1.0, np.nan, 0.4, 0.2])
    zero = np.zeros(6, int)
    key = {"run": zero, "luminosity_block": zero, "event": np.arange(6)}
    given = ReweighterScores(
        key,
        zero,
        zero.astype(np.int8),
        zero,
        weight,
        np.zeros((1, 6)),
        target,
        outside,
        nobody,
        share,
        "halves",
    )
    left = np.array([0.5, 0.5, 2.0]) * 2 / 3
    own = np.array([1.2, 0.2]) * 2 / 1.4
    np.testing.assert_allclose(refined(given), [*left, 1.0, *own])
    positive = replace(given, weight=np.abs(weight))
    np.testing.assert_array_equal(refined(positive), np.abs(weight))
    with pytest.raises(InputError, match=r"ratio\.refine: the weights of a generator add up to nothing"):
        refined(replace(given, weight=-weight))


def test_shares_by_hand() -> None:
    """Of each class what is above 0 less what is below, over both; a fiftieth at least, 1 of nothing."""
    p = np.array([[0.4, 0.1, 0.5, 0.0], [0.1, 0.3, 0.6, 0.0], [0.0, 0.0, 0.5, 0.5]], np.float32)
    np.testing.assert_allclose(signs.shares(p), [[0.6, 1], [0.02, 1], [1, 0.02]], rtol=1e-6)


def test_gains_of_nothing_are_none() -> None:
    """Signed weights that are worth nothing have no gain; others are effective counts."""
    found = gains(np.array([1.0, -1.0]), np.array([0.5, 0.5]), np.ones(2))
    assert (found["gain"], found["n_effective_refined"]) == (None, 2.0)


@pytest.mark.parametrize("folds", [0, 3])
def test_from_training_to_gate(tmp_path: Path, folds: int) -> None:
    """Scores have shares, tables `weight_refined`, the JSON the gain, and closure its gate."""
    made = make(tmp_path, recipe(folds, training=CLASSES), RatioSpec(refine=True), 0, 0.2)
    paths = {name: tmp_path / f"{name}.parquet" for name, _ in DATASETS}
    for path in paths.values():
        rows = io.read_rows(path)
        signed, found = (ak.to_numpy(rows[field]) for field in ("weight_generator", "weight_refined"))
        assert (signed < 0).any()
        assert (found > 0).all()
        assert found.sum() == pytest.approx(signed.sum())
        gain = json.loads(path.with_suffix(".json").read_text())["refined"]["gain"]
        assert gain == pytest.approx(effective_count(found) / effective_count(signed))
        most = len(signed) / effective_count(signed)  # a fifth below 0 everywhere, if shares were known
        assert 0.7 * most < gain < most
    output = tmp_path / "closure.json"
    known = ComparedSpec.model_fields.keys() & RecipeSpec.model_fields.keys()
    spec = ComparedSpec(**{name: getattr(made.spec, name) for name in known})
    closure(spec, tmp_path / "packed", paths, GatesSpec(bootstraps=20), 1, output, refine=True)
    gates = {gate["name"]: gate for gate in json.loads(output.read_text())["gates"]}
    assert "refined" in gates
    assert gates["refined"]["values"]["gain_old"] > 1.5
    closure(spec, tmp_path / "packed", paths, GatesSpec(bootstraps=20), 1, output)
    assert "refined" not in {gate["name"] for gate in json.loads(output.read_text())["gates"]}
    assert set(SPLITS) <= set(json.loads((tmp_path / "old.json").read_text())["splits"])
