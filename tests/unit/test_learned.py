"""Protects learned efficiencies: what networks learn, when they are believed, and what leaves."""

import copy
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from jetsmith import io
from jetsmith.calibration.axes import axes_of
from jetsmith.calibration.learned_closure import (
    Jets,
    Predicted,
    agreement,
    curve,
    gates,
    judged,
    lower_edges,
    of_map,
    of_network,
)
from jetsmith.calibration.learned_network import beyond, error_of
from jetsmith.calibration.learned_tags import Events, tags, together
from jetsmith.calibration.maps import efficiency_map
from jetsmith.errors import InputError
from jetsmith.event_weights import FixedWorkingPoints, LearnedEfficiencies, tag_probabilities
from jetsmith.handed.learned import Agreement, Curve, Learned
from jetsmith.hashing import SPLITS
from jetsmith.plots.learned import compute, draw, plot_learned
from jetsmith.report.learned import learned as rows_of
from jetsmith.report.page import write_report
from jetsmith.specs.plots import PlotSpec
from tests.unit import correction_files as files
from tests.unit import learned_runs as runs
from tests.unit.learned_runs import World
from tests.unit.test_calibration import make_spec

ROOT = Path(__file__).parent.parent.parent


def test_jets_are_learned_by_hadron_flavour(tmp_path: Path) -> None:
    """Jets of pile-up, all of which pass, are learned from and tested on as light: so files are applied."""
    runs.write(tmp_path, 4_000, World())
    rows = io.read_rows(tmp_path / "scores.parquet")
    table = {name: np.asarray(rows[name]) for name in rows.fields}
    hadron = np.where(table["label"] == 510, 5, 0).astype("i1")
    lost = (hadron == 0) & (table["event"] % 4 == 0)
    p = np.where(lost, 0.9, table["p_b_jets"])
    table |= {"hadron_flavour": hadron, "label": np.where(lost, 999, table["label"]), "p_b_jets": p}
    io.write_rows(tmp_path / "scores.parquet", ak.zip(table | {"p_light_jets": 1 - p}, depth_limit=1))
    found = runs.learned(tmp_path, ("pt", "tracks"), (), is_whole=True, members=2, epochs=4)
    for split, n_learned in (("calibration", found.n_learned), ("test", found.n_tested)):
        here = table["split"] == SPLITS.index(split)
        assert n_learned["light_jets"] == int((here & (hadron == 0)).sum())
        assert n_learned["b_jets"] == int((here & (hadron == 5)).sum())
    about = LearnedEfficiencies(tmp_path / "by_jet.onnx", allow_failed_closure=True).about
    assert about["by"] == found.by == dict.fromkeys(found.flavors, "hadron_flavour")
    by_truth = runs.learned(tmp_path, ("pt", "tracks"), (), members=2, epochs=4)
    assert set(by_truth.by.values()) == {"truth"}
    assert by_truth.n_tested["light_jets"] < found.n_tested["light_jets"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Jets whose efficiency depends on their tracks; a tenth has negative weights and passes half as often.

    The network is given pt and tracks, and not what goes along with tracks, nor what nothing depends on.
    """
    path: Path = tmp_path_factory.mktemp("learned")
    runs.write(path, 16_000, World(negative=0.1, less=0.5))
    runs.learned(path, ("pt", "tracks"), ("mirror", "hidden"))
    return path


@pytest.fixture(scope="module")
def found(folder: Path) -> Learned:
    """What stage learn said of them."""
    return io.read_record(Learned, folder / "by_jet.json", learned="by_jet")


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Jets whose efficiency also depends on what the network is not given."""
    path: Path = tmp_path_factory.mktemp("blind")
    runs.write(path, 6000, World(hidden=1.0))
    runs.learned(path, ("pt", "tracks"), ("hidden",), epochs=10, members=2)
    return path


def test_the_network_closes_where_bins_do_not(found: Learned) -> None:
    """It knows the tracks, and bins do not: these fail there, and in what goes along with tracks."""
    assert found.lacking == ("c_jets",)
    assert found.thresholds == {"L": 0.3, "M": 0.6}  # the loosest first
    assert not [one for one in found.curves if one.network is None or one.network.status == "failed"]
    failed = {one.feature for one in found.curves if one.binned and one.binned.status == "failed"}
    assert {"tracks", "mirror"} <= failed
    assert not {"pt", "hidden"} & failed
    loose = [one for one in found.curves if (one.class_name, one.point) == ("b_jets", "L")]
    assert [one.network.status for one in loose if one.network] == ["passed"] * 4
    assert found.status == "not conclusive"  # of light jets few pass
    assert {gate.name for gate in found.gates} == {
        f"{c}, {given}" for c in ("b_jets", "light_jets") for given in ("given", "not given")
    }
    assert 0 < found.parity < 1e-6


def test_efficiencies_are_those_of_signed_weights(folder: Path, found: Learned) -> None:
    """Not those of |w|, which pass less often here: by the ratio of signed sums jets pass more often."""
    assert found.negative
    packed, _ = runs.jets(4000, 9, World())
    values = packed.groups["ak4"].values
    is_b = np.isin(packed.label, 510)
    features = {"ak4": {"pt": np.exp(values[:, 0]), "tracks": values[:, 1]}}
    learned = LearnedEfficiencies(folder / "by_jet.onnx")(np.where(is_b, 5, 0), features)
    plain = np.where(is_b, World().efficiency(5, values), World().efficiency(0, values))
    signed = (0.9 - 0.1 * 0.5) / 0.8  # of jets above 0 less those below
    for k, point in enumerate(("L", "M")):
        right = np.minimum(plain[k] * signed, 1.0)
        off = np.asarray(learned.efficiency[point]) - right
        usual = (plain[k] > 0.05) & (right < 0.95)
        assert np.abs(off[usual]).mean() < 0.035
        by_size = plain[k] * (0.9 + 0.1 * 0.5)
        assert (
            np.abs(off[usual]).mean()
            < 0.5 * np.abs(np.asarray(learned.efficiency[point]) - by_size)[usual].mean()
        )
        pulls = off[usual] / np.maximum(np.asarray(learned.error[point])[usual], 1e-3)
        assert np.median(np.abs(pulls)) < 3


def test_efficiencies_fall_from_point_to_point(folder: Path) -> None:
    """For any jet, also far from all that was learned from."""
    rng = np.random.default_rng(1)
    features = {"ak4": {"pt": rng.uniform(20, 500, 500), "tracks": rng.uniform(0, 20, 500)}}
    learned = LearnedEfficiencies(folder / "by_jet.onnx")
    efficiency = learned(rng.choice([0, 5], 500), features).efficiency
    assert (np.asarray(efficiency["M"]) <= np.asarray(efficiency["L"])).all()
    assert list(efficiency) == ["L", "M"]


def test_what_lies_beyond_counts_as_at_the_end(folder: Path) -> None:
    """A network goes on by itself where it has seen nothing: inputs end where jets did."""
    learned = LearnedEfficiencies(folder / "by_jet.onnx")
    pt = np.array([50.0] * 40 + [5000.0, 50_000.0])
    efficiency = learned(np.full(42, 5), {"ak4": {"pt": pt, "tracks": np.full(42, 6.0)}}).efficiency["L"]
    assert efficiency[-1] == efficiency[-2]


def test_what_it_cannot_know_fails(blind: Path) -> None:
    """The gate of what is not given; who reads the file is told, and has to accept it."""
    found = io.read_record(Learned, blind / "by_jet.json")
    status = {gate.name: gate.status for gate in found.gates}
    assert status["b_jets, not given"] == status["light_jets, not given"] == found.status == "failed"
    assert "failed" not in {status["b_jets, given"], status["light_jets, given"]}
    assert not found.negative
    with pytest.raises(InputError, match=r"its closure test failed: .*not given: .* against ak4.hidden"):
        LearnedEfficiencies(blind / "by_jet.onnx")
    about = LearnedEfficiencies(blind / "by_jet.onnx", allow_failed_closure=True).about
    assert about["status"] == "failed"
    assert about["doubts"] == {"M": "few"}


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    """Of the same jets; another seed gives another one."""
    runs.write(tmp_path, 1500, World())
    contents = []
    for seed in (1, 1, 2):
        runs.learned(tmp_path, ("tracks",), (), seed=seed, epochs=2, members=2)
        contents.append((tmp_path / "by_jet.onnx").read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_what_cannot_be_learned_is_said(tmp_path: Path) -> None:
    """Scores of other jets, classes without jets; nothing is written."""
    runs.write(tmp_path, 400, World())
    quick: dict[str, Any] = {"epochs": 1, "members": 2}
    runs.write(tmp_path / "other", 500, World())
    runs.write(tmp_path, 400, World())
    (tmp_path / "scores.parquet").write_bytes((tmp_path / "other/scores.parquet").read_bytes())
    with pytest.raises(InputError, match="split calibration has other jets than the packed sample"):
        runs.learned(tmp_path, ("tracks",), (), **quick)
    runs.write(tmp_path, 400, World(negative=0.9))
    with pytest.raises(InputError, match="no class has jets in the splits calibration and test"):
        runs.learned(tmp_path, ("tracks",), (), **quick)
    numbers = io.read_json(tmp_path / "calibration.json")
    none = numbers | {"working_points": {}, "undefined": {"L": "too few jets"}}
    io.write_json(tmp_path / "calibration.json", none)
    with pytest.raises(InputError, match="no working point is left to learn: too few jets"):
        runs.learned(tmp_path, ("tracks",), (), **quick)
    assert not (tmp_path / "by_jet.onnx").exists()


def test_points_of_one_threshold_have_one_efficiency(tmp_path: Path) -> None:
    """As those of few jets may have: no jet lies between them."""
    runs.write(tmp_path, 1500, World())
    about = {"judgement": "deepcsv", "working_points": {key: {"threshold": 0.3} for key in "LM"}}
    io.write_json(tmp_path / "calibration.json", about)
    runs.learned(tmp_path, ("tracks",), (), epochs=12, members=2)
    learned = LearnedEfficiencies(tmp_path / "by_jet.onnx", allow_failed_closure=True)
    efficiency = learned([5, 0], {"ak4": {"tracks": [6.0, 8.0]}}).efficiency
    np.testing.assert_allclose(efficiency["L"], efficiency["M"], atol=0.03)


def test_a_file_that_gives_other_efficiencies_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parity is looked at before the file has its name."""
    runs.write(tmp_path, 400, World())
    from jetsmith.calibration import learned_file

    plain = learned_file.write

    def wrong(path: Any, networks: Any, *rest: Any) -> None:
        kernel = networks.models[0].layers[-1]
        before = kernel.get_weights()
        kernel.set_weights([before[0], before[1] + np.array([0.001, 0, 0], np.float32)])
        plain(path, networks, *rest)
        kernel.set_weights(before)

    monkeypatch.setattr("jetsmith.calibration.learned.write", wrong)
    with pytest.raises(
        InputError, match=r"differ by up to .* from those of the networks, and 1e-06 is allowed"
    ):
        runs.learned(tmp_path, ("tracks",), (), epochs=1, members=2)
    assert not (tmp_path / "by_jet.onnx").exists()
    assert not (tmp_path / "by_jet.json").exists()


# --- the closure test ---


def slow_agreement(
    weight: Any, passed: Any, efficiency: Any, moves: Any, place: Any, n: int
) -> tuple[float, float, float]:
    """chi2, deviation and error by loops over jets."""
    counted, predicted, shown, expected = (np.zeros(n) for _ in range(4))
    shifts = np.zeros((len(moves), n))
    for i, k in enumerate(place):
        counted[k] += weight[i] * passed[i]
        predicted[k] += weight[i] * efficiency[i]
        shown[k] += weight[i] ** 2 * (passed[i] - efficiency[i]) ** 2
        expected[k] += weight[i] ** 2 * efficiency[i] * (1 - efficiency[i])
        for s, move in enumerate(moves):
            shifts[s, k] += weight[i] * move[i]
    covariance = np.diag(np.maximum(shown, expected))
    for row in shifts:
        covariance = covariance + np.outer(row, row)
    off = counted - predicted
    chi2 = off @ np.linalg.inv(covariance) @ off
    total = predicted.sum()
    deviation = np.sqrt(sum(predicted[k] * (off[k] / predicted[k]) ** 2 for k in range(n)) / total)
    error = np.sqrt(sum(covariance[k, k] / predicted[k] for k in range(n)) / total)
    return float(chi2), float(deviation), float(error)


@pytest.mark.parametrize("share", [0.0, 0.15])
def test_agreement_is_that_of_a_loop(share: float) -> None:
    """With weights of both signs, and errors that bins share."""
    rng = np.random.default_rng(4)
    n = 800
    weight = np.where(rng.random(n) < share, -1.0, 1.0) * rng.uniform(0.5, 2, n)
    efficiency = rng.uniform(0.1, 0.9, n)
    passed = rng.random(n) < efficiency
    moves = rng.normal(0, 0.05, (3, n)) + 0.02
    place = rng.integers(0, 5, n)
    of = Predicted(efficiency, moves)
    predicted = np.bincount(place, weight * efficiency, 5)
    shifts = np.stack([np.bincount(place, weight * move, 5) for move in moves])
    found = agreement(Jets(weight, passed), place, of, predicted, shifts.T @ shifts)
    assert found is not None
    slow = slow_agreement(weight, passed, efficiency, moves, place, 5)
    assert (found.chi2, found.deviation, found.error) == pytest.approx(slow)
    assert found.p_value == pytest.approx(stats.chi2.sf(slow[0], 5))


def empty(**changes: Any) -> Curve:
    about = {"class_name": "b_jets", "point": "M", "group": "ak4", "feature": "x", "is_given": False}
    return Curve(**about | changes, bins=(), network=None, binned=None)


@pytest.mark.parametrize("n_learned", [400, 4000])
def test_right_efficiencies_have_flat_p(n_learned: int) -> None:
    """Of maps of few jets, too: what was learned has an error, and bins of the variable share it."""
    rng = np.random.default_rng(6)
    axes = axes_of((30, 60, 100, 1000), (0, 2.5), {})
    p = []
    for _ in range(200):
        learned_at, at = rng.integers(0, 3, n_learned), rng.integers(0, 3, 4000)
        chance = np.array([0.3, 0.4, 0.6])
        of_map_ = efficiency_map(
            np.ones(n_learned), learned_at, rng.random(n_learned) < chance[learned_at], axes
        )
        jets = Jets(np.ones(4000), rng.random(4000) < chance[at])
        both = of_map(of_map_, at)
        found = curve(empty(), jets, rng.normal(size=4000), both, both, 6)
        assert found.binned is not None
        p.append(found.binned.p_value)
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_members_in_pairs_know_their_error() -> None:
    """Of numbers from halves of the same events: the spread of the mean is the error."""
    rng = np.random.default_rng(7)
    means, errors, moves = [], [], []
    for _ in range(2000):
        events = rng.normal(size=100)
        members = []
        for _ in range(4):
            half = rng.permutation(100)
            members += [events[half[:50]].mean(), events[half[50:]].mean()]
        found = np.array(members)[:, np.newaxis]
        means.append(found.mean())
        errors.append(error_of(found)[0] ** 2)
        moves.append((of_network(found).moves ** 2).sum())
    assert np.mean(errors) == pytest.approx(np.var(means), rel=0.1)
    np.testing.assert_allclose(errors, moves)


def test_errors_of_a_map_are_shared_within_groups() -> None:
    """A group of bins that share jets is one source, others are others."""
    axes = axes_of((30, 60, 100, 1000), (0, 2.5), {})
    rng = np.random.default_rng(8)
    place = np.repeat([0, 1, 2], [400, 5, 400])
    found = efficiency_map(np.ones(805), place, rng.random(805) < 0.4, axes, min_effective=20)
    predicted = of_map(found, np.array([0, 1, 2]))
    together = predicted.moves.T @ predicted.moves
    error = (found.high - found.low).ravel() / 2
    assert together[0, 0] == pytest.approx(error[0] ** 2)
    assert together[1, 2] == pytest.approx(
        error[1] * error[2]
    )  # the bin of few jets shares those of the next
    assert together[0, 1] == together[0, 2] == 0


@given(
    values=st.lists(st.integers(0, 12), min_size=30, max_size=120),
    n_bins=st.integers(2, 8),
)
def test_bins_hold_as_many_jets(values: list[int], n_bins: int) -> None:
    """Values that many jets have are not divided, no bin is nearly empty, and all jets are in one."""
    found = np.array(values, float)
    edges = lower_edges(found, n_bins)
    assert len(edges) <= n_bins
    assert edges[0] == found.min()
    assert (np.diff(edges) > 0).all()
    counts = np.bincount(np.searchsorted(edges, found, side="right") - 1, minlength=len(edges))
    assert counts.sum() == len(found)
    assert len(edges) == 1 or counts.min() >= 0.5 * len(found) / n_bins


def made(deviation: float, error: float, p: float) -> Curve:
    of = Agreement(1.0, 4, p, deviation, error, "not conclusive")
    about = {"class_name": "b_jets", "point": "M", "group": "ak4", "feature": "x", "is_given": False}
    return Curve(**about, bins=(), network=of, binned=of)  # type: ignore[arg-type]


STATUSES = {
    "a deviation that matters and is no chance": (made(0.2, 0.02, 1e-6), "failed"),
    "one that is no chance and does not matter": (made(0.03, 0.001, 1e-20), "passed"),
    "one that may be chance": (made(0.2, 0.19, 0.4), "not conclusive"),
    "one that statistics could hide": (made(0.04, 0.2, 0.9), "not conclusive"),
    "one at the edge": (made(0.06, 0.04, 0.1), "not conclusive"),
    "none": (made(0.01, 0.01, 0.5), "passed"),
}


@pytest.mark.parametrize(("one", "status"), STATUSES.values(), ids=STATUSES)
def test_statuses(one: Curve, status: str) -> None:
    """Each curve has one, and a gate that of its worst."""
    (tested,) = judged([one], 0.05)
    assert tested.network is not None
    assert tested.network.status == status
    good = made(0.01, 0.01, 0.5)
    (gate,) = gates(judged([one, good], 0.05), 0.05)
    assert gate.status == status
    assert gate.why


def test_too_few_jets_are_not_conclusive() -> None:
    """No bins, and a gate that says how many curves could not be compared."""
    jets = Jets(np.ones(30), np.arange(30) < 5)
    flat = Predicted(np.full(30, 0.2), np.zeros((1, 30)))
    found = curve(empty(), jets, np.arange(30.0), flat, flat, 6)
    assert not found.bins
    assert found.network is None
    (gate,) = gates(judged([found], 0.05), 0.05)
    assert gate.status == "not conclusive"
    assert "too few jets in 1 of 1" in gate.why


def test_points_are_nested() -> None:
    """Sums beyond each point; where weights below 0 are classes, what is left of each interval."""
    p = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(beyond(p, negative=False), [[0.5, 0.2], [0, 0]])
    both = np.array([[0.5, 0.1, 0.2, 0.1, 0.1, 0.0]])  # above and below of three intervals
    left = np.array([0.4, 0.1, 0.1]) / 0.6
    np.testing.assert_allclose(beyond(both, negative=True), [[left[1] + left[2], left[2]]], rtol=1e-6)


# --- tags of events ---


def test_tags_of_events_are_those_of_loops() -> None:
    """Counted, predicted, and moved by each source: of networks shared by all classes, of maps by none."""
    rng = np.random.default_rng(3)
    n = 60
    event, flavour = rng.integers(0, 25, n), np.repeat([0, 1], n // 2)
    weight = np.where(np.arange(25) % 5, 1.0, -0.4)[event]
    passed = rng.random(n) < 0.4
    parts = [Predicted(rng.uniform(0.1, 0.9, n // 2), rng.normal(0, 0.03, (2, n // 2))) for _ in range(2)]
    shared, own = together(parts, is_shared=True), together(parts, is_shared=False)
    assert shared.moves.shape == (2, n)
    assert own.moves.shape == (4, n)
    np.testing.assert_array_equal(own.moves[:2, flavour == 0], parts[0].moves)
    assert not own.moves[:2, flavour == 1].any()
    found = tags("M", Events.of(event, weight), passed, shared, own)

    def shares(chances: Any) -> Any:
        total, sums = 0.0, np.zeros(3)
        for number in set(event):
            here = event == number
            total += weight[here][0]
            sums += weight[here][0] * np.array(slow_tags(list(np.clip(chances[here], 0, 1)), 2))
        return sums / total

    np.testing.assert_allclose(found.counted, shares(passed.astype(float)), atol=1e-12)
    for of, values, errors in (
        (shared, found.network, found.network_error),
        (own, found.binned, found.binned_error),
    ):
        np.testing.assert_allclose(values, shares(of.efficiency))
        moved = [shares(of.efficiency + move) - shares(of.efficiency) for move in of.moves]
        np.testing.assert_allclose(errors, np.linalg.norm(moved, axis=0))
    assert found.n_events == len(set(event))


def test_events_have_the_tags_that_are_predicted(blind: Path) -> None:
    """By the chances of their jets, which are independent here, whatever the network does not know."""
    found = io.read_record(Learned, blind / "by_jet.json")
    assert [one.point for one in found.tags] == ["L", "M"]
    for one in found.tags:
        for k in range(3):
            error = np.hypot((one.counted_high[k] - one.counted_low[k]) / 2, one.network_error[k])
            assert abs(one.network[k] - one.counted[k]) < 4 * error
        assert sum(one.network) == pytest.approx(1)
        assert min(one.network_error) > 0


# --- what reads the file ---


def test_lists_of_events_are_their_jets(folder: Path) -> None:
    """As lists or flat, the same numbers; also of a copy, made as a pickle is."""
    learned = copy.deepcopy(LearnedEfficiencies(folder / "by_jet.onnx"))
    counts = [2, 0, 3]
    pt, tracks, flavour = (
        np.array([40.0, 60, 80, 100, 50]),
        np.array([5.0, 7, 3, 9, 6]),
        np.array([5, 0, 5, 0, 5]),
    )
    flat = learned(flavour, {"ak4": {"pt": pt, "tracks": tracks}})
    lists = learned(
        ak.unflatten(flavour, counts),
        ak.zip({"ak4": ak.zip({"pt": ak.unflatten(pt, counts), "tracks": ak.unflatten(tracks, counts)})}),
    )
    assert ak.num(lists.efficiency["M"]).tolist() == counts
    np.testing.assert_array_equal(ak.flatten(lists.efficiency["M"]), flat.efficiency["M"])
    assert learned.inputs == {"ak4": ["pt", "tracks"]}
    assert learned.flavours == (5, 0)
    lacking = learned(flavour, {"ak4": {"pt": pt, "tracks": np.where(tracks == 7, np.nan, tracks)}})
    zero = learned(flavour, {"ak4": {"pt": pt, "tracks": np.where(tracks == 7, 0.0, tracks)}})
    np.testing.assert_array_equal(
        lacking.efficiency["L"], zero.efficiency["L"]
    )  # what is missing is the default


def test_what_lies_beyond_is_told(folder: Path) -> None:
    """Jet by jet, by the range of what was learned from; a value that is missing is not beyond."""
    learned = LearnedEfficiencies(folder / "by_jet.onnx")
    pt, tracks = [40.0, 50.0, 60.0, 70.0] * 10, [5.0, 6.0, 7.0, np.nan] * 10
    pt[0], tracks[1] = 1e4, 500.0
    found = learned(np.full(40, 5), {"ak4": {"pt": pt, "tracks": tracks}})
    assert np.flatnonzero(found.beyond).tolist() == [0, 1]


def test_a_default_is_not_beyond(folder: Path, tmp_path: Path) -> None:
    """Files hold -999 for what is missing, far from the range of all other values."""
    model = onnx.load(folder / "by_jet.onnx")
    (notes,) = (entry for entry in model.metadata_props if entry.key == "jetsmith")
    about = json.loads(notes.value)
    for group in about["groups"]:
        for feature in group["features"]:
            feature["default"] = -999.0 if feature["name"] == "tracks" else feature["default"]
    notes.value = json.dumps(about)
    onnx.save(model, tmp_path / "by_jet.onnx")
    learned = LearnedEfficiencies(tmp_path / "by_jet.onnx")
    tracks = [5.0, 6.0, 7.0, -999.0, -998.0] + [5.0] * 35
    found = learned(np.full(40, 5), {"ak4": {"pt": np.full(40, 50.0), "tracks": tracks}})
    assert np.flatnonzero(found.beyond).tolist() == [4]


def test_they_make_weights_of_events(folder: Path, tmp_path: Path) -> None:
    """What stage learn writes serves where a map would, of the flavours that were learned."""
    path = files.scale_factors(tmp_path / "sf.json")
    sf = json.loads(path.read_text())["corrections"][:2]  # thresholds are those of what was learned
    weigh = FixedWorkingPoints(
        files.write(path, *sf), LearnedEfficiencies(folder / "by_jet.onnx"), "tag",
        ["L", "M"], "2018",
    )  # fmt: skip
    assert weigh.thresholds == {"L": 0.3, "M": 0.6}
    features = {"ak4": {"pt": [[50.0, 60.0], []], "tracks": [[7.0, 6.0], []]}}
    found = weigh([[50.0, 60.0], []], [[0.5, -1.0], []], [[5, 0], []], [[0.4, 0.0], []], features)
    learned = LearnedEfficiencies(folder / "by_jet.onnx")([[5, 0], []], features).efficiency
    (b, light), (b_tight, _) = learned["L"][0], learned["M"][0]
    factor = {p: files.CENTRAL[p] - 0.1 + 0.01 for p in "LM"}
    of_b = (factor["L"] * b - factor["M"] * b_tight) / (b - b_tight)
    of_light = (1 - (files.CENTRAL["L"] + 60 / 4000) * light) / (1 - light)
    np.testing.assert_allclose(found.nominal, [of_b * of_light, 1.0])


REFUSED = {
    "a flavour that was not learned": (
        [4],
        {"ak4": {"pt": [50.0], "tracks": [5.0]}},
        "flavour 4: was not learned",
    ),
    "a feature that is missing": ([5], {"ak4": {"pt": [50.0]}}, "ak4.tracks: is missing; there are: pt"),
    "a group that is missing": ([5], {"ak8": {}}, "ak4: is missing; there are: ak8"),
    "another number of jets": ([5, 5], {"ak4": {"pt": [50.0], "tracks": [5.0]}}, "has 1 jets, and flavour 2"),
    "another unit": ([5], {"ak4": {"pt": [5e7], "tracks": [5.0]}}, "ak4.pt: .* Is it in another unit"),
    "lists of other lengths": ([[5]], {"ak4": {"pt": [[50.0, 1]], "tracks": [[5.0]]}}, "not of the lengths"),
}


@pytest.mark.parametrize(("flavour", "features", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_given_has_to_fit(folder: Path, flavour: Any, features: Any, words: str) -> None:
    """Nothing is guessed of a jet."""
    with pytest.raises(InputError, match=words):
        LearnedEfficiencies(folder / "by_jet.onnx")(flavour, features)


def test_a_flavour_that_was_not_learned_has_no_number(folder: Path) -> None:
    """Whoever runs the file without jetsmith."""
    session = onnxruntime.InferenceSession(str(folder / "by_jet.onnx"))
    feeds = {"ak4": np.array([[50, 5]] * 2, np.float32), "flavor": np.array([5, 4])}
    for values in session.run(["efficiency", "error"], feeds):
        assert np.isfinite(values[0]).all()
        assert np.isnan(values[1]).all()


def test_other_files_are_refused(tmp_path: Path) -> None:
    """One that is not there, and one that is no network."""
    with pytest.raises(InputError, match="cannot be read: No such file"):
        LearnedEfficiencies(tmp_path / "a.onnx")
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read as ONNX"):
        LearnedEfficiencies(tmp_path / "a.onnx")


def slow_tags(efficiencies: list[float], most: int) -> list[float]:
    """Sums over all subsets of jets that pass."""
    found = [0.0] * (most + 1)
    for pattern in itertools.product((False, True), repeat=len(efficiencies)):
        chance = 1.0
        for passes, e in zip(pattern, efficiencies, strict=True):
            chance *= e if passes else 1 - e
        found[min(sum(pattern), most)] += chance
    return found


@given(
    events=st.lists(st.lists(st.floats(0, 1), max_size=6), max_size=5),
    most=st.integers(1, 4),
)
def test_tags_are_those_of_all_subsets(events: list[list[float]], most: int) -> None:
    """The chance of each number of tags, and of so many or more."""
    found = tag_probabilities(events, most)
    np.testing.assert_allclose(
        found, np.reshape([slow_tags(e, most) for e in events], (-1, most + 1)), atol=1e-12
    )


def test_truth_tagging_keeps_yields() -> None:
    """Events weighted by the chance of two tags or more are as many as those that have them."""
    rng = np.random.default_rng(2)
    counts = rng.poisson(4, 20_000)
    efficiency = rng.uniform(0, 0.6, counts.sum())
    n_tags = np.bincount(np.repeat(np.arange(20_000), counts), rng.random(counts.sum()) < efficiency, 20_000)
    weight = tag_probabilities(ak.unflatten(efficiency, counts), 2)[:, 2]
    n = (n_tags >= 2).sum()
    assert abs(weight.sum() - n) < 4 * np.sqrt(n)


def test_tags_of_what_is_no_efficiency_are_refused() -> None:
    """Numbers beyond 1, NaN, no lists, and nothing to tell apart."""
    for wrong in ([[1.2]], [[float("nan")]], [[-0.1]]):
        with pytest.raises(InputError, match="no number from 0 to 1"):
            tag_probabilities(wrong, 1)
    with pytest.raises(InputError, match="has to be a list of numbers an event"):
        tag_probabilities([0.5, 0.2], 1)
    with pytest.raises(InputError, match="most: 0"):
        tag_probabilities([[0.5]], 0)


def test_keras_is_not_needed(folder: Path) -> None:
    """Who reads the file has onnxruntime beside numpy, awkward and correctionlib."""
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('keras', 'tensorflow', 'onnx', 'scipy', 'pydantic', 'sklearn')))\n"
        "from jetsmith.event_weights import LearnedEfficiencies\n"
        f"learned = LearnedEfficiencies({str(folder / 'by_jet.onnx')!r})\n"
        "print(learned([5], {'ak4': {'pt': [50.0], 'tracks': [5.0]}}).efficiency['L'][0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "workflow")},
    )
    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout) < 1


# --- figure and page ---


def test_the_figure_shows_what_is_not_given(folder: Path, found: Learned, tmp_path: Path) -> None:
    """Both predictions, with what was counted; all points in the numbers, the loosest in the picture."""
    labels = {"ak4.mirror": "mirror", "ak4.hidden": ""}
    numbers = plot_learned(
        make_spec(), folder / "by_jet.json", PlotSpec(), tmp_path / "figure", "by_jet", labels
    )
    assert {panel.variable for panel in numbers.panels} == {"ak4.mirror", "ak4.hidden"}
    assert {panel.point for panel in numbers.panels} == {"L", "M"}
    assert (tmp_path / "figure.pdf").is_file()
    assert "b_jets against mirror: network p" in numbers.caption()
    drawn = draw(numbers, PlotSpec())
    texts = [axes.get_xlabel() for axes in drawn.axes]
    assert "mirror" in texts
    panel = next(
        p for p in numbers.panels if (p.class_name, p.point, p.variable) == ("b_jets", "L", "ak4.mirror")
    )
    curve_ = next(c for c in found.curves if (c.class_name, c.point, c.feature) == ("b_jets", "L", "mirror"))
    np.testing.assert_allclose(panel.counted, [b.counted for b in curve_.bins], rtol=1e-5)


def test_a_figure_without_variables_says_so(found: Learned) -> None:
    """Nothing that is not given, or too few jets: a message in the place of panels."""
    from dataclasses import replace

    given_alone = replace(found, curves=tuple(c for c in found.curves if c.is_given))
    numbers = compute(make_spec(), given_alone, {})
    assert "names nothing" in numbers.message
    draw(numbers, PlotSpec())
    few = replace(found, curves=tuple(replace(c, bins=(), network=None) for c in found.curves))
    assert "Too few jets" in compute(make_spec(), few, {}).message


def test_the_page_has_both(folder: Path, found: Learned, tmp_path: Path) -> None:
    """A row a curve, with the network and the bins; how many of either fail, and the verdict at the top."""
    write_report(tmp_path / "index.html", {}, "t", [], [], [], [], [], {}, learned=[folder / "by_jet.json"])
    page = (tmp_path / "index.html").read_text()
    assert "Learned efficiencies: by_jet" in page
    assert "<code>ak4.mirror</code>" in page
    (row,) = rows_of([found], {})
    assert len(row["rows"]) == len(found.curves)
    assert row["n_failed"]["network"] == 0 < row["n_failed"]["binned"]
    assert row["negative"]
    assert {one["status"] for one in row["rows"][0]["found"]} <= {"passed", "failed", "not conclusive"}
