"""Protects refined weights: above 0, of the same densities, and worth more; wrong ones are told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import io, signs
from jetsmith.bundling_reweighters import Told, about_inputs
from jetsmith.errors import InputError
from jetsmith.handed.closure import Area, Closure, Gate, of_weights, worst
from jetsmith.hashing import SPLITS
from jetsmith.metrics import auc_of_weights, effective_count
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.ratios import SumFactors
from jetsmith.reweighting.closure import closure
from jetsmith.reweighting.events import HeldOut
from jetsmith.reweighting.gates import is_half
from jetsmith.reweighting.refined import refined_gate, spectrum_chi2
from jetsmith.reweighting.refining import refined, refined_to_target
from jetsmith.reweighting.scores import ReweighterScores
from jetsmith.reweighting.summary import gains
from jetsmith.specs.classifiers import ComparedSpec, RecipeSpec, TrainingSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.ratios import RatioSpec
from jetsmith.specs.run import GatesSpec
from jetsmith.verdict import verdict
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


def some_scores(**changes: Any) -> ReweighterScores:
    """Six events: three datasets, two of the target; the fourth has no score, the third is outside."""
    zero = np.zeros(6, int)
    given: dict[str, Any] = {
        "key": {"run": zero, "luminosity_block": zero, "event": np.arange(6)},
        "dataset": np.array([0, 0, 1, 1, 2, 2]),
        "split": zero.astype(np.int8),
        "fold": zero,
        "weight": np.array([3.0, -1.0, 2.0, -1.0, 3.0, -1.0]),
        "logits": np.zeros((1, 6)),
        "target_mask": np.arange(6) < 4,
        "outside": np.isin(np.arange(6), (2, 3)),
        "unknown": np.zeros(6, bool),
        "share": np.array([0.5, 0.2, 1.0, np.nan, 0.4, 0.2]),
        "members": "halves",
    }
    return ReweighterScores(**given | changes)


def test_weights_by_hand() -> None:
    """Sums of each dataset stay; no weights below 0 or no score: the own weight; outside: refined."""
    names, given = ["low", "high", "source"], some_scores()
    low, source = np.array([1.5, 0.2]) * 2 / 1.7, np.array([1.2, 0.2]) * 2 / 1.4
    np.testing.assert_allclose(refined(given, names), [*low, 2.0, -1.0, *source])
    outside = some_scores(
        weight=np.array([3.0, -1, 2, -1, 3, -1]), share=np.array([0.5, 0.2, 1, 0.5, 0.4, 0.2])
    )
    np.testing.assert_allclose(refined(outside, names)[2:4], np.array([2.0, 0.5]) / 2.5)
    positive = replace(given, weight=np.abs(given.weight))
    np.testing.assert_array_equal(refined(positive, names), np.abs(given.weight))
    cancelling = replace(given, weight=np.array([3.0, -1, 2, 1, 1, -1]))
    with pytest.raises(InputError, match=r"ratio\.refine: the weights of dataset `source` add up to nothing"):
        refined(cancelling, names)


def test_weights_to_the_target_by_hand() -> None:
    """The sum of the source stays in each bin, though its weights are others; the target keeps its own."""
    nothing = np.zeros(6, bool)
    given = some_scores(target_mask=np.arange(6) < 1, weight=np.array([1.0, 3, -1, 2, 0, 1]), outside=nothing)
    own, weight = np.array([1.0, 2.5, 0.5, 1.5, 0, 1]), np.array([1.0, 0.5, 2, 3, 4, 1])
    bins = np.array([1, 0, 0, 1, 1, 1])
    found = refined_to_target(given, own, weight, bins, True)
    first, second = 2 / (1.25 + 1), 3 / (4.5 + 0 + 1)
    np.testing.assert_allclose(found, [1, 1.25 * first, first, 4.5 * second, 0, second])
    np.testing.assert_array_equal(refined_to_target(given, own, weight, bins, False), own * weight)
    with pytest.raises(InputError, match="do not add up to more than 0"):
        refined_to_target(replace(given, weight=-given.weight), own, weight, bins, True)


def test_sums_decide() -> None:
    """A dataset, or the weighted source, that is off by 1e-5 fails, whatever the classifier says."""
    events, _ = held_out(20_000, 1)
    right = replace(events, refined_sums={"source": 1.0, "target": 1 + 1e-9})
    gate = refined_gate(right, GatesSpec(), [3])
    assert gate.status == "passed"
    assert gate.values["worst_sum"] == pytest.approx(1, abs=1e-8)
    gate = refined_gate(replace(right, refined_sums={"source": 1.0, "target": 1.00001}), GatesSpec(), [3])
    assert gate.status == "failed"
    assert "of all events (target) is 1.00001 times" in gate.why


def test_weights_that_are_others_are_judged_without_signs_too() -> None:
    """Held-out events with none below 0, but refined weights that are others; the smaller gain."""
    events, share = held_out(20_000, 2)
    above = replace(events, generator=np.abs(events.generator))
    assert refined_gate(above, GatesSpec(), [3]).status == "failed"
    assert (
        "no weight is below 0" in refined_gate(replace(above, refined=above.generator), GatesSpec(), [3]).why
    )
    rng = np.random.default_rng(3)
    tilted = np.where(events.target_mask, share, rng.uniform(0.5, 1.5, len(share)))
    values = refined_gate(replace(events, refined=tilted), GatesSpec(), [3]).values
    assert values["gain"] == values["gain_" + events.spec.class_names[0]] < 1
    assert values["gain_" + events.spec.class_names[1]] > 1.5


def test_halves_that_cancel_are_told_in_words() -> None:
    """Without a word of weights of weights, and of nothing that was before."""
    events, _ = held_out(2000, 1)
    rng = np.random.default_rng(0)
    signs_alone = np.where(events.target_mask, np.where(rng.random(4000) < 0.6, -1.0, 1.0), 1.0)
    gate = refined_gate(replace(events, generator=signs_alone), GatesSpec(), [3])
    name = events.spec.class_names[1]
    assert f"refined or signed weights of {name} do not add up to more than 0 in each half" in gate.why
    assert "before" not in is_half(Area(0.5, 0.5, 0.5), 0.01, "refined weights", "signed ones")[1]


def test_the_verdict_is_of_refined_weights_alone(tmp_path: Path) -> None:
    """It fails, and names them; the weights of the reweighter keep their status, and their bundle."""
    area = Area(0.5, 0.49, 0.51)
    gates = (Gate("sum", "passed", {}, {}, "fine"), Gate("refined", "failed", {}, {}, "other spectra"))
    status = worst(of_weights(gates))
    found = Closure("toy", "s", ("a", "b"), 1, status, gates, area, area, area, 9, 9, (), ())
    assert (found.status, found.of_weights) == ("passed", gates[:1])
    io.write_record(tmp_path / "toy.json", found)
    output = tmp_path / "verdict.json"
    with pytest.raises(InputError, match=r"toy: refined \(of `weight_refined`, not of `weight`\): other"):
        verdict([tmp_path / "toy.json"], False, "page.html", output)
    verdict([tmp_path / "toy.json"], True, "page.html", output)
    assert io.read_json(output) == {"toy": "passed", "toy/weight_refined": "failed"}
    told = Told((), SumFactors("", (), (1.0,)), {})
    assert about_inputs(recipe(), told, (), found)["closure"] == {
        "status": "passed",
        "gates": {"sum": {"status": "passed", "why": "fine"}},
    }


def test_shares_by_hand() -> None:
    """Of each class what is above 0 less what is below, over both; a fiftieth at least, 1 of nothing."""
    p = np.array([[0.4, 0.1, 0.5, 0.0], [0.1, 0.3, 0.6, 0.0], [0.0, 0.0, 0.5, 0.5]], np.float32)
    np.testing.assert_allclose(signs.shares(p), [[0.6, 1], [0.02, 1], [1, 0.02]], rtol=1e-6)


def test_gains_of_nothing_are_none() -> None:
    """Signed weights that are worth nothing have no gain; others are effective counts."""
    found = gains(np.array([1.0, -1.0]), np.array([0.5, 0.5]), np.array([1.0, 3.0]))
    assert (found["gain"], found["gain_target"], found["n_effective_refined"]) == (None, None, 2.0)
    assert found["n_effective_target"] == pytest.approx(16 / 10)
    known = gains(np.array([2.0, 1.0]), np.ones(2), np.array([1.0, 3.0]))
    assert known["gain_target"] == pytest.approx(1.6 / 1.8)


@pytest.mark.parametrize("folds", [0, 3])
def test_from_training_to_gate(tmp_path: Path, folds: int) -> None:
    """Scores have shares, tables `weight_refined`, the JSON the gain, and closure its gate."""
    made = make(
        tmp_path, recipe(folds, training=CLASSES), RatioSpec(refine=True, valid={"x0": (-2.0, 2.5)}), 0, 0.2
    )
    paths = {name: tmp_path / f"{name}.parquet" for name, _ in DATASETS}
    for path in paths.values():
        rows = io.read_rows(path)
        signed, found = (ak.to_numpy(rows[field]) for field in ("weight_generator", "weight_refined"))
        assert (signed < 0).any()
        assert ak.to_numpy(rows["outside"]).any()  # these, too
        assert (found > 0).all()
        assert found.sum() == pytest.approx(signed.sum())
        assert ak.sum(rows["weight_refined_target"]) == pytest.approx(signed.sum())
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
    assert gates["refined"]["values"]["worst_sum"] == pytest.approx(1, abs=1e-9)
    for column in ("weight_refined", "weight_refined_target"):
        rows = io.read_rows(paths["old"])
        rows[column] = 1.001 * rows[column]
        io.write_rows(tmp_path / "off.parquet", rows, reweighter="toy", dataset="old")
        closure(
            spec, tmp_path / "packed", paths | {"old": tmp_path / "off.parquet"}, GatesSpec(bootstraps=20), 1,
            output, refine=True,
        )  # fmt: skip
        (gate,) = [one for one in json.loads(output.read_text())["gates"] if one["name"] == "refined"]
        assert gate["status"] == "failed"
        assert "is 1.001 times that of signed ones" in gate["why"]
    closure(spec, tmp_path / "packed", paths, GatesSpec(bootstraps=20), 1, output)
    assert "refined" not in {gate["name"] for gate in json.loads(output.read_text())["gates"]}
    assert set(SPLITS) <= set(json.loads((tmp_path / "old.json").read_text())["splits"])
