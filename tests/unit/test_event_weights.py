"""Protects event weights: what they are (a slow loop, closure), how sources are called over years."""

import copy
import json
import os
import pickle
import runpy
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jetsmith.calibration import calibrate
from jetsmith.event_weights import FixedWorkingPoints, Shape, Weights
from tests.unit import correction_files as files
from tests.unit import slow_event_weights as slow
from tests.unit.slow_event_weights import Jet
from tests.unit.test_calibration import ANY, ETA, POINTS, make_scores, make_spec

ROOT = Path(__file__).parent.parent.parent
Array = np.ndarray[Any, Any]
YEARS = (
    "btag_heavy_correlated",
    "btag_heavy_uncorrelated_2018",
    "btag_light_correlated",
    "btag_light_uncorrelated_2018",
)
EFFICIENCY = ("btag_heavy_efficiency_2018", "btag_light_efficiency_2018")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scale factors, efficiencies with their errors, and a shape."""
    folder = files.all_of(tmp_path_factory.mktemp("corrections"))
    files.efficiencies(folder / "eff.json", error=0.06)
    return folder


def fixed(folder: Path, points: str | Sequence[str] = ("L", "M", "T"), **more: Any) -> FixedWorkingPoints:
    """The helper on these files."""
    return FixedWorkingPoints(folder / "sf.json", folder / "eff.json", "tag", points, "2018", **more)


def lists(events: Sequence[Sequence[Jet]]) -> list[Any]:
    """pt, eta, flavour and score as analyses have them: lists an event, scores in float32."""
    n = np.array([len(event) for event in events], int)
    flat = [jet for event in events for jet in event]
    kinds = ("f8", "f4", "u1", "f4")
    return [ak.unflatten(np.array([jet[i] for jet in flat], kind), n) for i, kind in enumerate(kinds)]


def float32s(around: float) -> Iterator[float]:
    """A float32 and its neighbours."""
    one = np.float32(around)
    yield from (float(x) for x in (np.nextafter(one, np.float32(-9)), one, np.nextafter(one, np.float32(9))))


NEAR = [score for threshold in files.THRESHOLDS.values() for score in float32s(threshold)]
EDGES = [0.0, 20.0, 29.0, 30.0, 100.0, 500.0, 800.0, 1000.0, 4000.0]
JETS = st.tuples(
    st.one_of(st.sampled_from(EDGES), st.floats(10, 2000)),
    st.one_of(st.sampled_from([-2.4, 2.4, 1.2, -0.8, 2.5, 4.7]), st.floats(-3, 3, width=32)),
    st.sampled_from(files.FLAVOURS),
    st.one_of(st.floats(0, 1, width=32), st.sampled_from([-np.inf, -1.0, -3.0, 1.1, 2.0, *NEAR])),
)
EVENTS = st.lists(st.lists(JETS, max_size=4), max_size=6)
GAPS: list[list[Jet]] = [[], [(50.0, 1.0, 5, 0.5)], [], [], [(50.0, -1.0, 0, 0.5), (70.0, 0.0, 4, 0.2)], []]


@pytest.mark.parametrize("points", [("M",), ("L", "T"), ("L", "M", "T")])
@given(events=EVENTS)
@example(events=[])
@example(events=[[], []])
@example(events=GAPS)
def test_fixed_points_are_those_of_a_slow_loop(
    folder: Path, points: tuple[str, ...], events: list[list[Jet]]
) -> None:
    """Nominal, each source in both directions, and the account, at the edges of bins and beside thresholds.

    Errors of efficiencies move those of all points and of both, so that some jets are there at one end alone.

    Events without jets first, last and in a row have weight 1: sums of slices must not slip to the next.
    """
    weigh = fixed(folder, points[::-1], efficiency_errors=True)
    found = weigh(*lists(events))
    expected, of_jets, counts = slow.fixed(folder, events, points)
    np.testing.assert_allclose(found.nominal, expected, rtol=1e-9, atol=1e-12)
    negative = np.array(of_jets) < 0
    sources = (*YEARS[:2], EFFICIENCY[0], *YEARS[2:], EFFICIENCY[1])
    assert tuple(found.up) == tuple(found.down) == weigh.sources == sources
    for source in sources:
        _, group, kind, *_ = source.split("_")
        for direction, end, weights in (("up", "high", found.up), ("down", "low", found.down)):
            which = f"eff_{end}" if kind == "efficiency" else f"{direction}_{kind}"
            varied, of_jets, _ = slow.fixed(folder, events, points, group, which)
            np.testing.assert_allclose(weights[source], varied, rtol=1e-9, atol=1e-12)
            negative |= np.array(of_jets) < 0
    counts["n_negative"] = int(negative.sum())
    assert {name: n for name, n in found.counts.items() if n} == {name: n for name, n in counts.items() if n}


@given(events=EVENTS)
@example(events=GAPS)
def test_shapes_are_those_of_a_slow_loop(folder: Path, events: list[list[Jet]]) -> None:
    """A source moves the flavours that it is for, no others; so do scale factors of shifted energies."""
    shape = Shape(folder / "shape.json", "tag", "2018")
    found = shape(*lists(events))
    np.testing.assert_allclose(found.nominal, slow.shape(folder, events), rtol=1e-9)
    assert list(found.up) == ["btag_hf", "btag_lf", "btag_hfstats1_2018", "btag_lfstats2_2018", "btag_cferr1"]
    assert list(found.down) == list(shape.sources) == list(found.up)
    for name in found.up:
        source = name.split("_")[1]
        np.testing.assert_allclose(found.up[name], slow.shape(folder, events, source, "up"), rtol=1e-9)
        np.testing.assert_allclose(found.down[name], slow.shape(folder, events, source, "down"), rtol=1e-9)
    shifted = shape(*lists(events), jes="down_jes")
    np.testing.assert_allclose(shifted.nominal, slow.shape(folder, events, "jes", "down"), rtol=1e-9)
    assert not shifted.up
    assert not shifted.down
    scores = [np.float32(jet[3]) for event in events for jet in event if abs(np.float32(jet[1])) < 2.5]
    assert found.counts["n_score_beyond_scale_factors"] == sum(not -2 <= score < 1.1 for score in scores)


@pytest.mark.parametrize("points", [("M",), ("L", "M", "T")])
def test_closure_of_all_outcomes(folder: Path, points: tuple[str, ...]) -> None:
    """Each pattern of tags of three jets is as likely in weighted simulation as it is in data, exactly.

    Also that no pattern is lost or made up: the weights have the mean 1, nominal and varied.
    """
    levels = [0.0, *(files.THRESHOLDS[p] + 0.1 for p in points)]
    factors, maps = slow.opened(folder, "sf.json", "eff.json")
    jets = [(50.0, 0.5, 5, "tag_comb"), (80.0, -2.0, 4, "tag_comb"), (200.0, 1.5, 0, "tag_incl")]
    chances = []  # of each jet, of each number of passed points: simulation and data
    for pt, eta, flavour, name in jets:
        simulated = [1.0, *(maps["mc_eff"].evaluate(flavour, p, abs(eta), pt) for p in points), 0.0]
        ratios = [1.0, *(factors[name].evaluate("central", p, flavour, abs(eta), pt) for p in points), 0.0]
        data = np.multiply(simulated, ratios)
        chances.append(list(zip(-np.diff(simulated), -np.diff(data), strict=True)))
    patterns = list(np.ndindex(*[len(levels)] * 3))
    events = [
        [(pt, eta, f, levels[n]) for (pt, eta, f, _), n in zip(jets, pattern, strict=True)]
        for pattern in patterns
    ]
    found = fixed(folder, points)(*lists(events))
    in_simulation, in_data = (
        np.array([np.prod([chances[j][n][k] for j, n in enumerate(pattern)]) for pattern in patterns])
        for k in (0, 1)
    )
    np.testing.assert_allclose(in_simulation * found.nominal, in_data, rtol=1e-9)
    for weights in (found.nominal, *found.up.values(), *found.down.values()):
        assert np.sum(in_simulation * weights) == pytest.approx(1)


@pytest.mark.parametrize("points", [("M",), ("L", "M", "T")])
def test_closure_of_made_up_jets(folder: Path, points: tuple[str, ...]) -> None:
    """Weighted simulation passes each point as data do, by flavour, and has as many events with k tags."""
    rng = np.random.default_rng(3)
    n_events = 20_000
    n = rng.poisson(3, n_events)
    flavour = rng.choice(files.FLAVOURS, n.sum())
    pt, eta = rng.uniform(30, 100, n.sum()), rng.uniform(-2.3, 2.3, n.sum())
    (factors,) = slow.opened(folder, "sf.json")
    simulated = np.array([[files.EFFICIENCIES[p, f][0] for f in files.FLAVOURS] for p in points])
    simulated = simulated[:, np.searchsorted(files.FLAVOURS, flavour)]  # (points, jets)
    ratio = np.empty_like(simulated)
    for i, p in enumerate(points):
        for name, mask in (("tag_comb", flavour > 0), ("tag_incl", flavour == 0)):
            ratio[i, mask] = factors[name].evaluate("central", p, flavour[mask], np.abs(eta[mask]), pt[mask])

    levels = np.array([0.0, *(files.THRESHOLDS[p] for p in points)])
    score, observed = (
        levels[(rng.random(n.sum()) < chances).sum(axis=0)] for chances in (simulated, simulated * ratio)
    )
    found = fixed(folder, points)(*(ak.unflatten(x, n) for x in (pt, eta, flavour, score)))
    assert found.counts["n_impossible"] == found.counts["n_negative"] == 0
    event = np.repeat(np.arange(n_events), n)
    plain = np.ones(n_events)
    pulls: dict[str, list[float]] = {"weighted": [], "plain": []}

    def compare(in_simulation: Array, in_data: Array, of: Array) -> None:
        """Numbers of what was simulated and of what was observed, in standard deviations."""
        for key, weights in (("weighted", found.nominal), ("plain", plain)):
            chosen = weights[of] * in_simulation
            error = np.sqrt((chosen**2).sum() + in_data.sum())
            pulls[key].append(float((chosen.sum() - in_data.sum()) / error))

    for p in points:
        passed, seen = score >= files.THRESHOLDS[p], observed >= files.THRESHOLDS[p]
        for f in files.FLAVOURS:
            compare((flavour == f) & passed, (flavour == f) & seen, event)
        tags, seen_tags = (np.bincount(event[mask], minlength=n_events) for mask in (passed, seen))
        for k in range(4):
            compare(tags == k, seen_tags == k, np.arange(n_events))
    assert np.abs(pulls["weighted"]).max() < 4
    assert np.abs(pulls["plain"]).max() > 8  # without weights it would not close


def test_names_over_years(folder: Path) -> None:
    """What is correlated has one name in all years, what is not one a year; b and c with each other, not
    with light jets. A breakdown is for those that the file has it for; a total is of one year.
    """

    def sources(year: str, uncertainties: Any) -> set[str]:
        weigh = FixedWorkingPoints(
            folder / "sf.json", folder / "eff.json", "tag", "M", year, uncertainties=uncertainties
        )
        assert set(weigh([[50.0]], [[0.0]], [[5]], [[1.0]]).up) == set(weigh.sources)
        return set(weigh.sources)

    years = ("2016preVFP", "2016postVFP", "2017", "2018")
    every = [sources(year, "years") for year in years]
    assert set.intersection(*every) == {"btag_heavy_correlated", "btag_light_correlated"}
    assert len(set.union(*every)) == 2 + 2 * 4  # BTV's scheme of Run 2
    assert sources("2017", "total") == {"btag_heavy_total_2017", "btag_light_total_2017"}
    assert sources("2017", "breakdown") == {
        "btag_heavy_jes", "btag_heavy_statistic_2017", "btag_light_correlated", "btag_light_uncorrelated_2017"
    }  # fmt: skip


def test_a_total_is_the_files_up_and_down(folder: Path) -> None:
    """Its systematics are plain `up` and `down`, and light jets are left alone by heavy ones'."""
    events = [[(50.0, 0.5, 5, 0.5), (50.0, 0.5, 0, 0.5)]]
    found = fixed(folder, "M", uncertainties="total")(*lists(events))
    for name, group in (("btag_heavy_total_2018", "heavy"), ("btag_light_total_2018", "light")):
        for which, weights in (("up", found.up), ("down", found.down)):
            assert weights[name] == pytest.approx(slow.fixed(folder, events, ["M"], group, which)[0])
            assert weights[name] != pytest.approx(found.nominal)


def test_variations_grow_beyond_the_range_of_pt(folder: Path) -> None:
    """Twice as far from the central value, or as told; the central value is that at the end of the range,
    which is not what a formula gives at the jet's own pt.
    """
    events = [[(3000.0, 0.5, 0, 1.0)]]
    found = [fixed(folder, "M", beyond_pt=factor)(*lists(events)) for factor in (1.0, 2.0)]
    end = files.CENTRAL["M"] + 1000 / 4000
    for weights, factor in zip(found, (1, 2), strict=True):
        assert weights.nominal == pytest.approx(end)
        assert weights.up["btag_light_correlated"] == pytest.approx(end + 0.08 * factor)
        assert weights.counts["n_pt_beyond_scale_factors"] == weights.counts["n_pt_beyond_efficiencies"] == 1


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_thresholds_are_those_of_the_one_comparison(folder: Path, kind: str) -> None:
    """A score that float32 makes of a threshold just below it fails in float64, and so it does here."""
    threshold = files.THRESHOLDS["M"]
    for score in map(np.dtype(kind).type, (*float32s(threshold), threshold)):
        weight = fixed(folder, "M")([[50.0]], [[0.5]], [[5]], np.array([[score]])).nominal[0]
        expected = 0.9 - 0.1 + 0.01
        failed = (1 - expected * 0.7) / (1 - 0.7)
        assert weight == pytest.approx(expected if float(score) >= threshold else failed)


def test_eta_may_have_any_sign(folder: Path) -> None:
    """|eta| is what files have: a jet at -2 is not outside, and has the weight of one at 2."""
    events = [[(50.0, 2.0, 5, 0.5)], [(50.0, -2.0, 5, 0.5)]]
    for weigh in (fixed(folder), Shape(folder / "shape.json", "tag", "2018")):
        found = weigh(*lists(events))
        assert found.nominal[0] == found.nominal[1] != 1
        assert found.counts["n_outside_abseta"] == 0


def test_jets_that_are_none_are_no_jets(folder: Path) -> None:
    """Masked jets count as not there, and are counted; other types of lists serve as well."""
    events = [[(50.0, 0.5, 5, 0.5), (60.0, 0.5, 0, 0.5)], [(70.0, 0.5, 4, 0.2), (80.0, 0.1, 5, 0.9)]]
    weigh = fixed(folder)
    given = lists(events)
    keep = ak.Array([[True, False], [False, True]])
    masked = weigh(*(ak.mask(values, keep) for values in given))
    chosen = weigh(*(values[keep] for values in given))
    np.testing.assert_array_equal(masked.nominal, chosen.nominal)
    assert (masked.counts["n_jets"], masked.counts["n_missing_jets"]) == (2, 2)
    assert (chosen.counts["n_jets"], chosen.counts["n_missing_jets"]) == (2, 0)
    plain = weigh(*(np.asarray(values) for values in given))  # (N, 2), and lists of Python
    np.testing.assert_array_equal(plain.nominal, weigh(*given).nominal)
    np.testing.assert_array_equal(weigh(*map(ak.to_list, given)).nominal, weigh(*given).nominal)


def test_flavours_may_be_taken_for_others(folder: Path) -> None:
    """A tau is a light jet where the user says so, and nothing else is changed by it."""
    weigh = fixed(folder, "M", flavours_as={15: 0, 0: 5})
    found = weigh([[50.0], [50.0]], [[0.5]] * 2, [[15], [0]], [[0.5]] * 2)
    light, b = fixed(folder, "M")([[50.0], [50.0]], [[0.5]] * 2, [[0], [5]], [[0.5]] * 2).nominal
    assert found.nominal.tolist() == [light, b]
    assert light != b


@pytest.mark.parametrize(("efficiency", "nominal"), [(0.95, -1), (0.85, 1)])
def test_negative_weights_are_counted(folder: Path, tmp_path: Path, efficiency: float, nominal: int) -> None:
    """Where SF times efficiency is above 1, nominal or varied, jets that fail have a negative weight: it is
    kept, so that yields before tags hold, and counted.
    """
    files.efficiencies(tmp_path / "eff.json", {**files.EFFICIENCIES, ("M", 0): (efficiency, efficiency)})
    weigh = FixedWorkingPoints(folder / "sf.json", tmp_path / "eff.json", "tag", "M", "2018")
    found = weigh([[999.0]], [[0.5]], [[0]], [[0.0]])
    assert np.sign(found.nominal[0]) == nominal
    assert found.up["btag_light_correlated"][0] < 0
    assert found.counts["n_negative"] == 1


def test_files_of_calibrate_serve(tmp_path: Path) -> None:
    """With efficiencies of the jets themselves scale factors move jets from passing to failing: the sum of
    weights stays, and as many pass as they say. Jets of the last bin of |eta| are not outside.
    """
    scores, efficiencies, numbers = (tmp_path / name for name in ("s.parquet", "eff.json", "numbers.json"))
    table = make_scores(scores)
    calibrate(make_spec(), scores, POINTS, (30.0, 300.0), ETA, efficiencies, numbers, settings=ANY)
    (made,) = slow.opened(tmp_path, "eff.json")
    thresholds = {point: made["deepcsv_wp_values"].evaluate(point) for point in POINTS}
    factors = files.fixed("tag_comb", (4, 5), {"": 0.1}), files.fixed("tag_incl", (0,), {"": 0.1})
    sf = files.write(tmp_path / "sf.json", *factors, files.thresholds("tag", thresholds))
    weigh = FixedWorkingPoints(
        sf, efficiencies, "tag", list(POINTS), "2018", uncertainties="total", efficiency_errors=True
    )
    label, weight, pt, eta, score = (
        table[name][table["split"] == 3]
        for name in ("label", "weight", "jet_pt_gev", "jet_eta", "discriminant")
    )
    flavour = np.select([label >= 500, label == 400], [5, 4], 0)
    found = weigh(*(x[:, None] for x in (pt, eta, flavour, score)))
    assert found.counts["n_outside_abseta"] == found.counts["n_impossible"] == 0
    assert found.counts["n_jets"] == len(pt) > 10_000
    of_errors = [ends.pop(name) for ends in (found.up, found.down) for name in EFFICIENCY]
    assert all(0 < abs(np.average(w / found.nominal - 1, weights=weight)) < 0.02 for w in of_errors)
    for weights in (found.nominal, *found.up.values(), *found.down.values()):
        assert (weight * weights).sum() == pytest.approx(weight.sum(), rel=1e-3)  # factors vary within bins
    passed = (flavour == 5) & (score >= thresholds["L"])
    ratio = (weight * found.nominal)[passed].sum() / weight[passed].sum()
    assert files.CENTRAL["L"] - 0.1 + 0.01 < ratio < files.CENTRAL["L"] - 0.1 + 0.04


def test_negative_factors_of_a_shape_are_counted(tmp_path: Path) -> None:
    """Each jet once, be it one variation or several; jets of other flavours are not among them."""
    content = json.loads(files.shape(tmp_path / "shape.json").read_text())["corrections"][0]
    by_systematic = {item["key"]: item["value"] for item in content["data"]["content"]}
    for systematic in ("down_hf", "up_lf"):
        for jets in by_systematic[systematic]["content"]:
            jets["value"] = -0.5
    shape = Shape(files.write(tmp_path / "shape.json", content), "tag", "2018")
    found = shape([[50.0] * 4], [[0.5] * 4], [[5, 4, 0, 4]], [[0.5] * 4])
    assert found.counts["n_negative"] == 2


def test_workers_get_copies(folder: Path) -> None:
    """With all that was asked for, made as a pickle is, as coffea's and Dask's workers need it."""
    events = lists([[(5.0, 0.5, 15, 0.5), (900.0, 0.5, 5, 0.2)]])
    points = fixed(
        folder, "T", uncertainties="breakdown", flavours_as={15: 4}, beyond_pt=3.0, efficiency_errors=True
    )
    shape = Shape(folder / "shape.json", "tag", "2016preVFP", flavours_as={15: 4}, beyond_pt=3.0)
    for weigh in (points, shape):
        assert pickle.dumps(weigh)
        first, second = weigh(*events), copy.deepcopy(weigh)(*events)
        assert list(first.up) == list(second.up)
        for name in first.up:
            np.testing.assert_array_equal(first.up[name], second.up[name])


def test_the_example_runs(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of docs/event_weights.md, on files with the names that it gives them."""
    page = (ROOT / "docs/event_weights.md").read_text()
    (tmp_path / "example.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    for name in ("sf.json", "eff.json"):
        text = (folder / name).read_text().replace("tag_", "deepJet_")
        (tmp_path / {"sf.json": "btagging.json.gz", "eff.json": "efficiencies.json"}[name]).write_text(text)
    monkeypatch.chdir(tmp_path)
    example = runpy.run_path("example.py")
    pt, eta, flavour, score = lists([[(50.0, 0.5, 5, 0.5), (60.0, 0.5, 0, 0.5)], [], [(70.0, 0.5, 4, 0.9)]])
    jets = ak.zip({"pt": pt, "eta": eta, "hadronFlavour": flavour, "btagDeepFlavB": score})
    columns = example["weights_of"](ak.Array({"Jet": jets, "genWeight": [1.0, -1.0, 2.0]}))
    expected: Weights = fixed(folder, ("L", "M"))(pt, eta, flavour, score)
    assert set(columns) == {"nominal", *(f"{name}{way}" for name in YEARS for way in ("Up", "Down"))}
    np.testing.assert_allclose(columns["nominal"], np.array([1.0, -1.0, 2.0]) * expected.nominal)
    name = "btag_light_uncorrelated_2018"
    np.testing.assert_allclose(columns[f"{name}Down"], np.array([1.0, -1.0, 2.0]) * expected.down[name])


SCRIPT = """
import importlib.abc, sys
ours = {"jetsmith", "jetsmith.errors", "jetsmith.cuts", "jetsmith.onnx_session", "jetsmith.unpacking"}
others = "pydantic yaml pyarrow tensorflow keras onnx onnxruntime xgboost coffea uproot snakemake".split()

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        mine = name in ours or name.startswith("jetsmith.event_weights")
        if name.partition(".")[0] in others or (name.startswith("jetsmith") and not mine):
            raise ModuleNotFoundError(f"{name} is not for analyses")

sys.meta_path.insert(0, Blocked())
from jetsmith.event_weights import FixedWorkingPoints, Shape

folder = sys.argv[1]
given = [[50.0], []], [[0.5], []], [[5], []], [[0.5], []]
found = FixedWorkingPoints(f"{folder}/sf.json", f"{folder}/eff.json", "tag", "M", "2018")(*given)
print(*found.nominal, *Shape(f"{folder}/shape.json", "tag", "2018")(*given).nominal)
"""


def test_it_needs_three_packages(folder: Path) -> None:
    """Where nothing else can be imported, an analysis has its weights, by one import."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
    )
    assert done.returncode == 0, done.stderr
    assert [float(x) for x in done.stdout.split()] == pytest.approx([0.81, 1.0, 1.15, 1.0])
