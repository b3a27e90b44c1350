"""Protects two-dimensional working points: two cuts that let chosen parts of two backgrounds pass."""

import itertools
import json
from pathlib import Path
from typing import Any

import awkward as ak
import correctionlib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from jetsmith import io
from jetsmith.calibration.plane import calibrate_plane
from jetsmith.errors import InputError
from jetsmith.metrics.planes import Pair, cut_pulls, plane_point, point_apart, pulls_apart, together
from jetsmith.plots.plane import plot_plane
from jetsmith.report import points
from jetsmith.specs.classifiers import ClassifierSpec, DiscriminantSpec, EvaluationSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.run import EfficienciesSpec
from tests.unit.test_calibration import ETA, LIGHT, PT, B, C, make_spec

CLASSES = ("b_jets", "c_jets", "light_jets")
ASKED = {"L": (0.2, 0.3), "T": (0.05, 0.1)}


def pair(rng: np.random.Generator, n: int, first: float, second: float, weight: Any = None) -> Pair:
    """Gaussian scores that go along with each other a little."""
    both = rng.normal(size=(2, n))
    x, y = first + both[0], second + 0.4 * both[0] + 0.9 * both[1]
    return Pair(x, y, np.ones(n) if weight is None else weight)


@pytest.mark.parametrize("seed", range(6))
def test_cuts_are_those_of_all_pairs(seed: int) -> None:
    """Of all pairs of scores as cuts none comes nearer to what was asked for, with weights of both signs."""
    rng = np.random.default_rng(seed)
    weight = np.where(rng.random(120) < 0.1 * (seed % 2), -0.5, 1.0)
    light, b = pair(rng, 120, -0.5, 0.3, weight), pair(rng, 100, 0.4, -0.6)
    targets = (0.2, 0.25)
    found = plane_point(light, b, targets, min_passing=1)
    assert found.first.low <= found.first.value <= found.first.high
    assert found.second.low <= found.second.value <= found.second.high

    def away(first: float, second: float) -> tuple[float, float]:
        passing = [
            float((of.weight * (of.first >= first) * (of.second >= second)).sum() / of.weight.sum())
            for of in (light, b)
        ]
        return passing[0] - targets[0], abs(passing[1] - targets[1])

    best = min(
        off_b
        for first, second in itertools.product(light.first, np.concatenate([light.second, b.second]))
        for off_light, off_b in [away(first, second)]
        if -1e-12 <= off_light < 1.5 / light.weight.sum()
    )
    off_light, off_b = away(found.first.value, found.second.value)
    assert -1e-12 <= off_light < 2.5 / light.weight.sum()
    assert off_b <= best + 1.5 / 100
    assert found.backgrounds[0].value == pytest.approx(targets[0] + off_light)


def test_intervals_hold_the_cuts_of_many_jets() -> None:
    """The ends are 68.3% intervals: of 40 samples of 800 jets, as many as these hold the true cuts."""
    rng = np.random.default_rng(7)
    truth = plane_point(pair(rng, 100_000, -1, 0.3), pair(rng, 100_000, 0.5, -1), (0.1, 0.1))
    held = []
    for _ in range(40):
        found = plane_point(pair(rng, 800, -1, 0.3), pair(rng, 800, 0.5, -1), (0.1, 0.1))
        for cut, true in ((found.first, truth.first), (found.second, truth.second)):
            held.append(cut.low <= true.value <= cut.high)
    assert 0.52 < np.mean(held) < 0.83


def test_pulls_are_those_of_a_bootstrap() -> None:
    """The slow twin: jets drawn for both scores alike, all cuts found anew; of one score, and of two."""
    rng = np.random.default_rng(11)
    n, targets = 4000, (0.2, 0.3)
    sides, others = [], []
    light, b, c = (pair(rng, n, *at) for at in ((-1, 0.3), (0.5, -1), (0.8, 0.8)))
    for _ in range(2):
        noisy = [
            Pair(one.first + 0.3 * rng.normal(size=n), one.second + 0.3 * rng.normal(size=n), one.weight)
            for one in (light, b, c)
        ]
        sides.append(noisy[:2])
        others.append(noisy[2])
    cuts, pulls = [], []
    for of, other in zip(sides, others, strict=True):
        found = plane_point(of[0], of[1], targets)
        cuts.append((found.first.value, found.second.value))
        (both,) = cut_pulls(of[0], of[1], cuts[-1], [other])
        assert [side.sum() for side in both] == pytest.approx([0, 0], abs=1e-9)
        pulls.append(np.concatenate(both))
    replicas = []
    for _ in range(40):
        drawn = [rng.poisson(1.0, n).astype(float) for _ in range(2)]
        there = []
        for of, other in zip(sides, others, strict=True):
            found = plane_point(
                *(Pair(o.first, o.second, w) for o, w in zip(of, drawn, strict=True)), targets
            )
            there.append(other.efficiency(found.first.value, found.second.value).value)
        replicas.append(there)
    spread = np.std(replicas, axis=0)
    assert [np.linalg.norm(one) for one in pulls] == pytest.approx(spread, rel=0.4)
    apart = np.std(np.diff(replicas, axis=1))
    assert np.linalg.norm(pulls[1] - pulls[0]) == pytest.approx(apart, rel=0.4)
    assert apart < 0.85 * np.linalg.norm(spread)  # of the same jets it is smaller


def test_pulls_of_too_few_jets_are_refused() -> None:
    """Where a target a standard deviation away can be had with no two cuts, nobody knows the error."""
    rng = np.random.default_rng(12)
    light, b, c = pair(rng, 12, -1, 0.3), pair(rng, 12, 0.5, -1), pair(rng, 50, 0.8, 0.8)
    with pytest.raises(InputError, match="too few jets of the backgrounds to say how far its cuts move"):
        cut_pulls(light, b, (float(light.first.max()), float(light.second.min())), [c])


@pytest.mark.parametrize("seed", range(4))
def test_cuts_of_one_background_do_not_know_each_other(seed: int) -> None:
    """The slow twin: of all scores of either kind the highest that reaches its share, signed weights too."""
    rng = np.random.default_rng(seed)
    qcd = pair(rng, 300, 0.0, 0.0, np.where(rng.random(300) < 0.1 * (seed % 2), -0.5, 1.0))
    found = point_apart(qcd, (0.3, 0.1), min_passing=1)
    for cut, score, target, passing in zip(
        (found.first, found.second), (qcd.first, qcd.second), (0.3, 0.1), found.backgrounds, strict=True
    ):
        share = [(sum(qcd.weight[score >= one]) / sum(qcd.weight), one) for one in score]
        best = max(one for of, one in share if of >= target - 1e-12)
        assert cut.value == best
        assert cut.low < best < cut.high
        assert passing.value == pytest.approx({one: of for of, one in share}[best])
    other = Pair(qcd.first, rng.permutation(qcd.second), qcd.weight)
    assert point_apart(other, (0.3, 0.1), min_passing=1).first == found.first
    doubts = [point_apart(qcd, (0.3, at), min_passing=50).doubt for at in (0.1, 0.4)]
    assert doubts == ["few", ""]
    tied = Pair(qcd.first, np.zeros(300), np.abs(qcd.weight))
    assert point_apart(tied, (0.3, 0.1), min_passing=1).doubt == "ties"
    assert point_apart(tied, (0.3, 0.1), min_passing=1e9).doubt == "few, ties"
    few = Pair(qcd.first[:5], qcd.second[:5], np.ones(5))
    with pytest.raises(InputError, match=r"background \(second cut\) efficiency 0\.1: 5 "):
        point_apart(few, (0.3, 0.1))


def test_pulls_of_one_background_are_those_of_a_bootstrap() -> None:
    """The slow twin: each jet drawn for both scores alike, both cuts found anew, what passes both counted."""
    rng = np.random.default_rng(15)
    n, targets = 3000, (0.3, 0.2)
    qcd, hbb = pair(rng, n, 0, 0), pair(rng, n, 0.8, 0.8)
    found = point_apart(qcd, targets)
    (pulls,) = pulls_apart(qcd, (found.first.value, found.second.value), [hbb])
    assert pulls.sum() == pytest.approx(0, abs=1e-9)
    replicas = []
    for _ in range(100):
        there = point_apart(Pair(qcd.first, qcd.second, rng.poisson(1.0, n).astype(float)), targets)
        replicas.append(hbb.efficiency(there.first.value, there.second.value).value)
    assert np.linalg.norm(pulls) == pytest.approx(np.std(replicas), rel=0.25)


def test_jets_of_one_score_leave_a_plane_in_doubt() -> None:
    """In steps, or with a spike at one score: other parts pass than were asked for, as of a single cut."""
    rng = np.random.default_rng(5)
    light, b = pair(rng, 20_000, 0, 1), pair(rng, 20_000, 1, 0)
    targets = (0.1, 0.1)
    assert plane_point(light, b, targets).doubt == ""
    assert plane_point(light, b, (0.003, 0.003)).doubt == "few"
    spike = rng.random(20_000) < 0.3
    in_steps, spiked = (
        [Pair(*(of(x) for x in (one.first, one.second)), one.weight) for one in (light, b)]
        for of in (np.round, lambda x: np.where(spike, 1.5, x))
    )
    for both in (in_steps, spiked):
        found = plane_point(both[0], both[1], targets)
        off = [abs(at.value - target) for at, target in zip(found.backgrounds, targets, strict=True)]
        assert max(off) > 0.0065
        assert found.doubt == "ties"


def test_what_cuts_have_together() -> None:
    """By hand, signed; of independent scores the interval holds 1 as often as it says; None of nothing."""
    jets = Pair(
        np.array([1.0, 1, 1, 0, 0, 0, 0]), np.array([1.0, 1, 0, 1, 0, 0, 0]),
        np.array([2.0, -1, 2, 0.5, 1, 1, 1]),
    )  # fmt: skip
    found = together(jets, 0.5, 0.5)
    assert found is not None
    assert found.value == pytest.approx(1 * 3 / (2 * 0.5))
    variance = 5 + 1 + 1 + 3 / 9
    assert np.log(found.high / found.value) == pytest.approx(variance**0.5, rel=0.01)
    assert found.low * found.high == pytest.approx(found.value**2)
    assert together(Pair(jets.first, jets.second, -jets.weight), 0.5, 0.5) is None
    rng = np.random.default_rng(14)
    held = []
    for _ in range(300):
        x, y = rng.normal(size=(2, 2000))
        one = together(Pair(x, y, np.ones(2000)), 1.0, 0.5)
        assert one is not None
        held.append(one.low <= 1 <= one.high)
    assert np.mean(held) == pytest.approx(0.683, abs=0.09)
    x = rng.normal(size=20_000)
    bound = together(Pair(x, x + rng.normal(size=20_000), np.ones(20_000)), 1.0, 1.0)
    assert bound is not None
    assert bound.low > 3


def test_what_no_two_cuts_give_is_said() -> None:
    """Efficiencies that exclude each other, jets without a score, and few of them."""
    rng = np.random.default_rng(8)
    light, b = pair(rng, 1000, -1, 0.3), pair(rng, 1000, 0.5, -1)
    with pytest.raises(InputError, match=r"where 0\.01 of the first background passes, two cuts let .* pass"):
        plane_point(light, b, (0.01, 0.9))
    most = np.arange(1000) < 900
    seldom = Pair(np.where(most, -np.inf, light.first), light.second, light.weight)
    with pytest.raises(InputError, match=r"at 0\.3: less of the first background can pass both cuts"):
        plane_point(seldom, b, (0.3, 0.1))
    none = Pair(np.full(9, -np.inf), np.full(9, -np.inf), np.ones(9))
    with pytest.raises(InputError, match="no jet of the backgrounds has a second score"):
        plane_point(none, none, (0.1, 0.1))
    with pytest.raises(InputError, match="first background"):
        plane_point(Pair(np.zeros(0), np.zeros(0), np.zeros(0)), b, (0.1, 0.1))
    assert plane_point(light, b, (0.05, 0.2)).doubt == "few"
    assert not plane_point(light, b, (0.05, 0.2), min_passing=50).doubt


def test_jets_that_were_not_tagged_fail_both() -> None:
    """They stay in the denominators."""
    rng = np.random.default_rng(9)
    light, b = pair(rng, 4000, -1, 0.3), pair(rng, 4000, 0.5, -1)
    light.first[:1000] = light.second[:1000] = -np.inf
    found = plane_point(light, b, (0.1, 0.1))
    assert found.backgrounds[0].value == pytest.approx(0.1, abs=1e-3)
    assert light.passing(found.first.value, found.second.value).sum() == 400


def c_tagger(background: str) -> ClassifierSpec:
    """A tagger of c jets by one of two discriminants."""
    of = {"light_jets": LIGHT, "b_jets": B}[background]
    return make_spec().model_copy(
        update={
            "name": "ctag",
            "discriminant": DiscriminantSpec(
                name="CvsL" if of is LIGHT else "CvsB", signal=("c_jets",), background={background: 1.0}
            ),
            "evaluation": EvaluationSpec(signal="c_jets", backgrounds=(background,)),
            "signal_class": C,
            "background_classes": (of,),
            "is_first": of is LIGHT,
        }
    )


SPECS = [c_tagger("light_jets"), c_tagger("b_jets")]


def write_jets(path: Path, n: int = 60_000, seed: int = 10) -> dict[str, Any]:
    """Scores of three classes."""
    rng = np.random.default_rng(seed)
    label = rng.choice([500, 400, 0], n, p=[0.3, 0.2, 0.5]).astype("i4")
    logits = rng.normal(size=(3, n)) + 1.2 * np.stack([label == 500, label == 400, label == 0])
    p = np.exp(logits) / np.exp(logits).sum(axis=0)
    table = {
        "split": rng.choice(4, n, p=[0.1, 0.1, 0.4, 0.4]).astype("i1"),
        "label": label,
        "weight": np.where(rng.random(n) < 0.1, -1.0, 1.0),
        "jet_pt_gev": rng.uniform(30, 250, n).astype("f4"),
        "jet_eta": rng.uniform(-2.4, 2.4, n).astype("f4"),
        "scored": np.ones(n, bool),
        "not_tagged": np.zeros(n, bool),
        **{f"p_{name}": p[k].astype("f4") for k, name in enumerate(CLASSES)},
    }
    io.write_rows(path, ak.zip(table, depth_limit=1))
    return table


def calibrated(folder: Path, points: dict[str, Any] = ASKED, **settings: Any) -> tuple[Any, Any]:
    """Corrections and numbers of scores in a folder."""
    outputs = folder / "plane.json", folder / "plane.numbers.json"
    scores = [folder / "scores.parquet"] * 2
    calibrate_plane("charm", SPECS, scores, points, PT, ETA, {}, EfficienciesSpec(**settings), *outputs)
    return correctionlib.CorrectionSet.from_file(str(outputs[0])), json.loads(outputs[1].read_text())


def test_the_file_says_what_passes_both_cuts(tmp_path: Path) -> None:
    """Jets that no cut has seen, counted with what correctionlib gives; mistags are what was asked for."""
    table = write_jets(tmp_path / "scores.parquet")
    corrections, numbers = calibrated(tmp_path)
    values, passing = corrections["charm_wp_values"], corrections["charm_eff"]
    assert [found.name for found in values.inputs] == ["working_point", "discriminant"]
    p = {name: table[f"p_{name}"].astype(np.float64) for name in CLASSES}
    scores = [(p["c_jets"] / (p["c_jets"] + p[name])).astype("f4") for name in ("light_jets", "b_jets")]
    weight, abseta, pt = table["weight"], np.abs(table["jet_eta"]), table["jet_pt_gev"]
    for name, targets in ASKED.items():
        cuts = [values.evaluate(name, which) for which in ("CvsL", "CvsB")]
        kept = (scores[0].astype(float) >= cuts[0]) & (scores[1].astype(float) >= cuts[1])
        for split, tolerance in ((2, 1e-3), (3, 0.02)):
            for entry, target in zip((LIGHT, B), targets, strict=True):
                here = (table["split"] == split) & np.isin(table["label"], entry.truth)
                rate = weight[here & kept].sum() / weight[here].sum()
                assert rate == pytest.approx(target, abs=tolerance)
        for entry in (B, C, LIGHT):
            here = (table["split"] == 3) & np.isin(table["label"], entry.truth)
            here &= (abseta < 1.2) & (pt >= 50) & (pt < 100)
            want = weight[here & kept].sum() / weight[here].sum()
            assert passing.evaluate(name, entry.flavor, 0.5, 70.0) == pytest.approx(want, abs=1e-12)
        point = numbers["working_points"][name]
        for cut, found in zip(cuts, point["thresholds"], strict=True):
            assert found["low"] < cut == found["value"] < found["high"]
        charm = point["efficiencies"]["c_jets"]["value"]
        assert charm > max(targets)
    with pytest.raises((IndexError, RuntimeError)):
        values.evaluate("L", "BvsL")


def test_points_that_few_jets_fix_or_that_cannot_be_are_left_out(tmp_path: Path) -> None:
    """As of one discriminant: with the reason, all of them too; allowed ones are marked."""
    write_jets(tmp_path / "scores.parquet", 4000)
    asked = {"L": (0.3, 0.4), "T": (0.01, 0.02), "X": (0.01, 0.9)}
    corrections, numbers = calibrated(tmp_path, asked)
    assert list(numbers["working_points"]) == ["L"]
    assert "min_passing is 100" in numbers["undefined"]["T"]
    assert "two cuts let" in numbers["undefined"]["X"]
    assert "ask for another efficiency" in numbers["undefined"]["X"]
    assert "left out, for lack of jets or of a threshold: T, X" in corrections["charm_wp_values"].description
    _, numbers = calibrated(tmp_path, asked, allow_few_passing=True)
    assert numbers["working_points"]["T"]["doubt"] == "few"
    corrections, numbers = calibrated(tmp_path, {"T": (0.01, 0.02)})
    assert (numbers["working_points"], list(numbers["undefined"])) == ({}, ["T"])
    assert "T" in corrections["charm_eff"].description
    files = [tmp_path / "scores.parquet"] * 2, tmp_path / "plane.numbers.json"
    found = plot_plane(SPECS, "charm", *files, PlotSpec(dpi=50), tmp_path / "figure")
    assert (found.message, len(found.clouds)) == ("", 3)
    (shown,) = points.planes([numbers], {s.judgement: s.model_dump(mode="json") for s in SPECS})
    assert (shown["rows"], list(shown["undefined"])) == ([], ["T"])
    table = write_jets(tmp_path / "scores.parquet", 4000)
    kept = (table["split"] != 2) | ~np.isin(table["label"], LIGHT.truth)
    io.write_rows(tmp_path / "scores.parquet", ak.zip({k: v[kept] for k, v in table.items()}, depth_limit=1))
    with pytest.raises(InputError, match=r"scores\.parquet: split calibration, class light_jets: 0 jets"):
        calibrated(tmp_path, asked)


def test_a_point_of_one_background_is_of_each_cut(tmp_path: Path) -> None:
    """ABCD: each cut lets its share of the one first background pass; file and page say that it does."""
    table = write_jets(tmp_path / "scores.parquet")
    light = DiscriminantSpec(name="all", signal=("c_jets",), background={"light_jets": 0.5, "b_jets": 0.5})
    specs = [SPECS[0], SPECS[0].model_copy(update={"discriminant": light, "is_first": False})]
    outputs = tmp_path / "plane.json", tmp_path / "plane.numbers.json"
    points_ = {"L": (0.3, 0.3), "X": (0.3, 0.001)}
    scores = [tmp_path / "scores.parquet"] * 2
    calibrate_plane("abcd", specs, scores, points_, PT, ETA, {}, EfficienciesSpec(), *outputs)
    numbers = json.loads(outputs[1].read_text())
    assert numbers["apart"]
    assert "min_passing is 100" in numbers["undefined"]["X"]
    point = numbers["working_points"]["L"]
    here = np.isin(table["label"], LIGHT.truth) & (table["split"] == 2)
    p = [table[f"p_{name}"].astype(np.float64) for name in CLASSES]
    passing = []
    for ratio, cut in zip(
        (p[1] / (p[1] + p[2]), p[1] / (p[1] + 0.5 * p[2] + 0.5 * p[0])), point["thresholds"], strict=True
    ):
        assert cut["low"] < cut["value"] < cut["high"]
        passing.append(ratio.astype("f4").astype(float) >= cut["value"])
        rate = table["weight"][here & passing[-1]].sum() / table["weight"][here].sum()
        assert rate == pytest.approx(0.3, abs=1e-3)
    here = np.isin(table["label"], LIGHT.truth) & (table["split"] == 3)
    want = table["weight"][here & passing[0] & passing[1]].sum() / table["weight"][here].sum()
    assert point["efficiencies"]["light_jets"]["value"] == pytest.approx(want)
    said = correctionlib.CorrectionSet.from_file(str(outputs[0]))["abcd_wp_values"].description
    assert "each of which lets a part of light_jets pass by itself" in said
    known = {spec.judgement: spec.model_dump(mode="json") for spec in specs}
    (shown,) = points.planes([numbers], known)
    assert shown["apart"] == "light"
    _, two = calibrated(tmp_path)
    assert not two["apart"]
    assert not points.planes([two], {s.judgement: s.model_dump(mode="json") for s in SPECS})[0]["apart"]


def test_two_files_need_the_same_jets(tmp_path: Path) -> None:
    """Scores of two taggers are put together row by row: other rows are refused, not paired by chance."""
    for name, seed in (("a", 1), ("b", 2)):
        write_jets(tmp_path / name, 3000, seed)
    outputs = tmp_path / "plane.json", tmp_path / "numbers.json"
    settings = EfficienciesSpec(allow_few_passing=True)
    with pytest.raises(InputError, match="different jets of one sample"):
        calibrate_plane(
            "charm", SPECS, [tmp_path / "a", tmp_path / "b"], ASKED, PT, ETA, {}, settings, *outputs
        )


def test_the_page_has_the_points(tmp_path: Path) -> None:
    """Both thresholds, what was asked for and what passes of each class, in the order of the taggers."""
    write_jets(tmp_path / "scores.parquet", 20_000)
    _, numbers = calibrated(tmp_path)
    known = {spec.judgement: spec.model_dump(mode="json") for spec in SPECS}
    (table,) = points.planes([numbers], known)
    assert table["of"] == ["DeepCSV (CvsL)", "DeepCSV (CvsB)"]
    assert (table["backgrounds"], table["classes"]) == (["light", "b"], ["c", "light", "b"])
    row = table["rows"][0]
    assert (row["name"], row["targets"]) == ("L", ["20%", "30%"])
    assert "±" in row["thresholds"][0]["text"]
    numbers["working_points"]["L"]["thresholds"][0] = {"value": 0.25, "low": None, "high": None}
    (table,) = points.planes([numbers], known)
    assert table["rows"][0]["thresholds"][0]["text"].startswith("0.25")  # nobody knows how well
    assert len(row["thresholds"]) == len(row["n_passing"]) == 2
    assert len(row["efficiencies"]) == 3


def test_the_figure_shows_classes_and_corners(tmp_path: Path) -> None:
    """Shares of a class add up, contours hold 50% and 90% of it, corners are the thresholds of the file."""
    write_jets(tmp_path / "scores.parquet", 20_000)
    _, numbers = calibrated(tmp_path)
    scores = [tmp_path / "scores.parquet"] * 2
    style = PlotSpec(dpi=50)
    found = plot_plane(SPECS, "charm", scores, tmp_path / "plane.numbers.json", style, tmp_path / "figure")
    assert (tmp_path / "figure.png").stat().st_size > 5000
    assert [cloud.name for cloud in found.clouds] == ["c_jets", "light_jets", "b_jets"]
    for cloud in found.clouds:
        fraction = np.array(cloud.fraction)
        assert fraction.sum() == pytest.approx(1, abs=1e-4)
        smooth = gaussian_filter(np.maximum(fraction, 0), 1.0, mode="nearest")
        held = [smooth[smooth >= level * (1 - 1e-5)].sum() / smooth.sum() for level in cloud.levels]
        assert held == pytest.approx([0.9, 0.5], abs=0.03)
    charm, light, _ = (np.array(cloud.fraction) for cloud in found.clouds)
    centres = (np.array(found.first_edges[1:]) + found.first_edges[:-1]) / 2
    assert (charm.sum(axis=0) * centres).sum() > (light.sum(axis=0) * centres).sum() + 0.1  # x is CvsL
    for corner in found.corners:
        cuts = [cut["value"] for cut in numbers["working_points"][corner.name]["thresholds"]]
        assert [corner.first, corner.second] == cuts
    assert found.titles == ("DeepCSV CvsL", "DeepCSV CvsB")
    assert "L, T" in found.caption()
    with pytest.raises(InputError, match="plane"):
        plot_plane(SPECS, "other", scores, tmp_path / "plane.numbers.json", style, tmp_path / "figure")


def test_a_plane_without_jets_has_a_message(tmp_path: Path) -> None:
    """No figure of nothing, and no error: other figures of the run are drawn."""
    write_jets(tmp_path / "scores.parquet", 3000)
    calibrated(tmp_path, allow_few_passing=True)
    table = write_jets(tmp_path / "scores.parquet", 3000)
    table["label"][:] = 999
    io.write_rows(tmp_path / "scores.parquet", ak.zip(table, depth_limit=1))
    files = [tmp_path / "scores.parquet"] * 2, tmp_path / "plane.numbers.json"
    found = plot_plane(SPECS, "charm", *files, PlotSpec(dpi=50), tmp_path / "figure")
    assert "No jets of the classes" in found.message
    assert found.clouds == ()
