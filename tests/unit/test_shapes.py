"""Protects corrections of a shape: what is solved, what its errors hold, what leaves, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import correctionlib
import numpy as np
import pytest
import yaml

from jetsmith import io, stages
from jetsmith.configuration.load import load
from jetsmith.cuts import passes
from jetsmith.errors import InputError
from jetsmith.event_weights import Shape as ShapeWeights
from jetsmith.handed.measurement import Pulls
from jetsmith.handed.shape import Shape
from jetsmith.measuring import shape_solution as solving
from jetsmith.measuring.shape import Region, bent, shape_of, waves
from jetsmith.measuring.shape_corrections import correction
from jetsmith.measuring.shape_jets import (
    HEAVY,
    LIGHT,
    Bins,
    C,
    ShapeJets,
    Sums,
    flavour_of,
    read_region,
    sums,
)
from jetsmith.plots.shapes import compute, draw, plot_shapes
from jetsmith.report.shapes import shape_tables
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shapes import ShapeUncertainties, UnfoldSpec
from tests.unit import shaped_runs
from tests.unit.score_files import scored_jets
from tests.unit.shaped_runs import FACTORS, SHARES, SIMULATED, data_shares
from tests.unit.test_calibration import make_spec

ROOT = Path(__file__).parent.parent.parent
HEAVY_BINS = Bins((0.0, 2.4), (30.0, 60.0, 120.0), shaped_runs.EDGES)
LIGHT_BINS = Bins((0.0, 1.2, 2.4), (30.0, 120.0), (0.0, 0.25, 0.5, 1.0))
BOTH = (HEAVY_BINS, LIGHT_BINS)
SYSTEMATICS = {
    "central": [0, 4, 5],
    **{
        f"{end}_{name}": [0, 5]
        for name in ("jes", "lf", "lfstats1", "lfstats2", "hf", "hfstats1", "hfstats2")
        for end in ("up", "down")
    },
    **{f"{end}_cferr{n}": [4] for n in (1, 2) for end in ("up", "down")},
}


def expected(n_heavy: float = 6000, n_light: float = 8000, n_simulation: float = 1e9) -> tuple[Sums, Sums]:
    """Both regions without fluctuations of data: a row each, data with the true factors.

    Simulation is scaled to the data, with the variance of `n_simulation` times as many jets.
    """
    found = []
    for region, n, own, other in (("heavy", n_heavy, 500, 0), ("light", n_light, 0, 500)):
        shares = dict(zip((500, 0, 400), SHARES[region], strict=True))
        jets = {label: n * share * SIMULATED[label] for label, share in shares.items()}
        data = sum(n * share * data_shares(label) for label, share in shares.items())
        by_bins = np.diag(jets[other])
        found.append(
            Sums(
                np.array([data]),
                jets[own][None],
                jets[own][None] / n_simulation,
                by_bins[None],
                by_bins[None] / n_simulation,
                jets[400][None],
                jets[400][None] / n_simulation,
            )
        )
    return found[0], found[1]


ONE = Bins((0.0, 2.4), (30.0, 120.0), shaped_runs.EDGES)


def true_factors(label: int) -> Any:
    """What was put in."""
    return data_shares(label) / SIMULATED[label]


def test_without_fluctuations_what_was_put_in_comes_out() -> None:
    """Both flavours, whatever the number of jets of data; and the number of jets is conserved."""
    heavy, light = expected()
    for scale in (1.0, 3.0):
        found = solving.solve(replace(heavy, data=heavy.data * scale), light)
        np.testing.assert_allclose(found.factors[0][0], true_factors(500), atol=1e-6)
        np.testing.assert_allclose(found.factors[1][0], true_factors(0), atol=1e-6)
        assert 3 < found.n_iterations < 20
    np.testing.assert_allclose((found.factors[0] * heavy.own).sum(), heavy.own.sum())


def test_another_iteration_changes_nothing() -> None:
    """No bin by more than what is promised, where bins settle at unlike speeds."""
    heavy, light = expected()
    heavy = solving.contaminated(heavy, 3.0)
    of_heavy, of_light = (factors[0] for factors in solving.solve(heavy, light).factors)
    moved = heavy.other[0] @ of_light
    rest = moved * heavy.other.sum() / moved.sum() + heavy.c[0]
    total = (heavy.own + heavy.rest).sum()
    again = (heavy.data[0] * total / heavy.data.sum() - rest) / heavy.own[0]
    assert np.abs(again - of_heavy).max() < 1e-6


def random_jets(n: int, seed: int) -> ShapeJets:
    """Jets beyond all edges, too; some on them."""
    rng = np.random.default_rng(seed)
    d = rng.choice([*rng.uniform(-0.2, 1.2, 50), 0.25, 0.5, -np.inf, 1.0], n)
    pt = rng.choice([*rng.uniform(20, 140, 50), 30, 60, 120], n)
    eta = rng.choice([*rng.uniform(0, 2.5, 50), 1.2, 2.4], n)
    group = rng.choice([HEAVY, LIGHT, C], n, p=[0.45, 0.45, 0.1])
    return ShapeJets(pt, d, np.zeros(n), rng.uniform(-0.2, 1, n), group, rng.random(n) < 0.5, eta)


def slow_bin(value: float, edges: tuple[float, ...]) -> int:
    """Bin of a value; beyond the edges the end ones."""
    for k in range(len(edges) - 2, -1, -1):
        if value >= edges[k]:
            return k
    return 0


def slow_place(bins: Bins, jets: ShapeJets, k: int) -> tuple[int, int]:
    """Row and bin of a jet."""
    n_pt = len(bins.pt_gev) - 1
    row = slow_bin(jets.abseta[k], bins.abseta) * n_pt + slow_bin(jets.pt_gev[k], bins.pt_gev)
    d = jets.discriminant[k]
    return row, 0 if d < bins.discriminant[0] else 1 + slow_bin(d, bins.discriminant)


def slow_has(bins: Bins, jets: ShapeJets, k: int) -> bool:
    """Whether a jet counts in a region."""
    in_pt = bins.pt_gev[0] <= jets.pt_gev[k] < bins.pt_gev[-1]
    return bool(in_pt and bins.abseta[0] <= jets.abseta[k] <= bins.abseta[-1])


def test_sums_and_solution_are_those_of_a_slow_twin() -> None:
    """Jet by jet, and bin by bin with the formula as it is written; regions have bins of their own."""
    n = 3000
    jets = {
        (region, kind): random_jets(n, 10 * place + (kind == "data"))
        for place, region in enumerate(("heavy", "light"))
        for kind in ("data", "simulation")
    }
    for of_data in ("heavy", "light"):
        jets[of_data, "data"] = replace(jets[of_data, "data"], weight=np.ones(n))
        simulated = jets[of_data, "simulation"]  # purer than it was drawn
        other = LIGHT if of_data == "heavy" else HEAVY
        jets[of_data, "simulation"] = replace(
            simulated, weight=simulated.weight * np.where(simulated.group == other, 0.1, 1)
        )
    fast = [
        sums(jets[name, "data"], jets[name, "simulation"], own, mine, others)
        for name, own, mine, others in (
            ("heavy", HEAVY, HEAVY_BINS, LIGHT_BINS),
            ("light", LIGHT, LIGHT_BINS, HEAVY_BINS),
        )
    ]
    slow: list[dict[str, Any]] = []
    for name, own, mine, others in (
        ("heavy", HEAVY, HEAVY_BINS, LIGHT_BINS),
        ("light", LIGHT, LIGHT_BINS, HEAVY_BINS),
    ):
        found: dict[str, Any] = {"data": np.zeros(mine.shape), "own": np.zeros(mine.shape)}
        found |= {"c": np.zeros(mine.shape), "other": np.zeros((*mine.shape, *others.shape))}
        of = jets[name, "data"]
        for k in range(n):
            if slow_has(mine, of, k):
                found["data"][slow_place(mine, of, k)] += 1
        of = jets[name, "simulation"]
        for k in range(n):
            if slow_has(mine, of, k):
                place = slow_place(mine, of, k)
                if of.group[k] == own:
                    found["own"][place] += of.weight[k]
                elif of.group[k] == C:
                    found["c"][place] += of.weight[k]
                else:
                    found["other"][(*place, *slow_place(others, of, k))] += of.weight[k]
        slow.append(found)
    for one, other in zip(fast, slow, strict=True):
        for name in ("data", "own", "c"):
            np.testing.assert_allclose(getattr(one, name), other[name], atol=1e-9)
        np.testing.assert_allclose(one.other.reshape(other["other"].shape), other["other"], atol=1e-9)
        assert (one.own_variance > 0).all()
    factors = [np.ones(one["data"].shape) for one in slow]
    for _ in range(50):
        for this, (region, that) in enumerate(((slow[0], 1), (slow[1], 0))):
            new = np.zeros_like(factors[this])
            for row in range(len(new)):
                before = sum(region["other"][row].ravel())
                after = sum((region["other"][row] * factors[that]).ravel())
                total = sum(region["own"][row]) + before + sum(region["c"][row])
                k = sum(region["data"][row]) / total
                for d in range(new.shape[1]):
                    rest = sum((region["other"][row, d] * factors[that]).ravel()) * before / after
                    left = region["data"][row, d] / k - rest - region["c"][row, d]
                    new[row, d] = left / region["own"][row, d]
            factors[this] = new
    solution = solving.solve(*fast)
    for found_factors, slow_factors in zip(solution.factors, factors, strict=True):
        np.testing.assert_allclose(found_factors, slow_factors, atol=1e-5)


def test_two_hundred_experiments_are_unbiased_and_covered() -> None:
    """With known factors: their mean is the truth, and 68.3% intervals hold it, for data and simulation."""
    heavy, light = expected(6000, 20000, n_simulation=2.0)
    rng = np.random.default_rng(11)
    truth = np.concatenate([true_factors(500), true_factors(0)])
    found, errors = [], []
    for _ in range(200):
        drawn = solving.fluctuated(heavy, rng), solving.fluctuated(light, rng)
        one = solving.solve(*drawn)
        found.append(np.concatenate([factors[0] for factors in one.factors]))
        errors.append(np.concatenate([sigma[0] for sigma in solving.propagate(*drawn, one).of(*drawn)]))
    away = (np.array(found) - truth) / np.array(errors)
    n = len(away)
    assert (np.abs(away.mean(axis=0)) < 4 / np.sqrt(n)).all()
    assert abs(away.std() - 1) < 0.06
    covered = (np.abs(away) <= 1).mean(axis=0)
    assert (np.abs(covered - 0.683) < 4 * np.sqrt(0.683 * 0.317 / n)).all()
    spread = np.std(found, axis=0) / np.mean(errors, axis=0)
    assert ((spread > 0.8) & (spread < 1.2)).all()


def test_errors_know_that_a_row_has_all_of_its_data() -> None:
    """Of one flavour alone they are multinomial, and weighted jets know nothing of their own statistics."""
    heavy, light = expected()
    nothing = np.zeros_like(heavy.other)
    pure = replace(
        heavy,
        data=heavy.own * 1.0,
        other=nothing,
        other_variance=nothing,
        c=heavy.c * 0,
        c_variance=heavy.c * 0,
        own_variance=heavy.own,
    )
    found = solving.solve(pure, light)
    errors = solving.propagate(pure, light, found)
    n = pure.own.sum()
    share = pure.own[0] / n
    both = 2 * (1 - share) / (n * share)
    np.testing.assert_allclose(errors.of(pure, light)[0][0], np.sqrt(both), rtol=1e-6)
    kept = np.eye(5) - np.outer(share, np.ones(5))  # what is left of a number that goes up and down
    jets = n * (np.diag(share) - np.outer(share, share))
    np.testing.assert_allclose(kept @ errors.jets[:5, :5] @ kept.T, jets, atol=1e-6 * n)


def test_what_is_subtracted_fluctuates_with_its_factor() -> None:
    """Of simulated light jets in a bin of the heavy region: error times factor, over the b jets."""
    heavy, light = expected(1e12, 1e12)
    variance = np.zeros_like(heavy.other)
    variance[0, 4, 4] = (0.1 * heavy.other[0, 4, 4]) ** 2
    noisy = replace(heavy, other_variance=variance)
    found = solving.solve(noisy, light)
    sigma = solving.propagate(noisy, light, found).of(noisy, light)[0][0, 4]
    share = heavy.data[0, 4] / heavy.data[0].sum()
    moved = 0.1 * heavy.other[0, 4, 4] * true_factors(0)[4] * (1 - share)
    assert sigma == pytest.approx(moved / heavy.own[0, 4], rel=0.06)


def test_uncertainties_move_what_they_say() -> None:
    """More light jets in the heavy region make steeper b jets; statistics bend; none makes jets."""
    regions = expected()
    settings = UnfoldSpec(uncertainties=ShapeUncertainties(lf=0.3, hf=0.2, energy_scale=0))
    _, (heavy, light) = shape_of(regions, {}, (ONE, ONE), settings, 1)
    row = heavy[0]
    up, down, central = (np.array(x) for x in (row.shifts["up_lf"], row.shifts["down_lf"], row.value))
    varied = solving.solve(solving.contaminated(regions[0], 1.3), regions[1])
    np.testing.assert_allclose(up, varied.factors[0][0])
    assert up[-1] > central[-1] > down[-1]
    assert up[1] < central[1] < down[1]
    assert set(row.shifts) == {s for s, flavors in SYSTEMATICS.items() if 5 in flavors and "_" in s} - {
        "up_jes",
        "down_jes",
    }
    for name, values in row.shifts.items():
        assert np.dot(values, row.own) == pytest.approx(sum(row.own)), name
    ramp = np.array(row.shifts["up_hfstats1"]) - central
    assert ramp[0] > 0 > ramp[-1]
    assert row.shifts["up_lfstats1"] == row.value
    parabola = np.array(row.shifts["up_hfstats2"]) - central
    assert parabola[2] < 0 < min(parabola[0], parabola[-1])
    assert light[0].shifts["up_hf"] != light[0].value
    total = np.sqrt(np.square(row.error) + ((up - down) / 2) ** 2)
    np.testing.assert_allclose(row.total(("lf",)), total)


def test_waves_leave_out_a_bin_without_jets() -> None:
    """From the first bin that has some to the last."""
    ramp, parabola = waves(np.array([[0.0, 1, 1, 1], [1, 1, 1, 1]]))
    np.testing.assert_allclose(ramp, [[1, 1, 0, -1], [1, 1 / 3, -1 / 3, -1]])
    np.testing.assert_allclose(parabola[0], [1, 1, -0.5, 1])
    found = bent(np.ones((1, 2)), np.ones((1, 2)), np.array([[3.0, 1.0]]))
    np.testing.assert_allclose(found, 1)


@pytest.mark.parametrize("size", [0.3, 1.0, 2.2, 3.0])
def test_statistics_bend_no_further_than_they_are_large(size: float) -> None:
    """Errors of the bin that most jets are in may be larger than its factor: scaled to as many jets the side
    that takes them away made factors of 20 or -60 elsewhere, of a bin that is known to a fifth."""
    relative = size * np.array([[0.73, 0.34, 0.29, 0.26, 0.23, 0.21]])
    jets = np.array([[10.0, 5, 2, 1, 0.3, 0.1]])  # c jets of a small region, few of which are tagged
    ones = np.ones(jets.shape)
    for wave in waves(np.ones((1, 6))):
        for sign in (1, -1):
            up, down = bent(ones, sign * relative * wave, jets)
            np.testing.assert_allclose(up + down, 2)
            assert np.abs(up - 1).max() <= 2 * np.abs(relative * wave).max()
            assert (up * jets).sum() == pytest.approx(jets.sum())
    # to first order they are the waves, less what these make of jets
    bend = 1e-5 * relative * np.linspace(1, -1, 6)
    mean = (bend * jets).sum() / jets.sum()
    np.testing.assert_allclose(bent(ones, bend, jets)[0] - 1, bend - mean, rtol=1e-3)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Corrections from made-up pseudo-data."""
    return shaped_runs.run(tmp_path_factory.mktemp("shaped"))


def test_the_stage_finds_the_truth_of_pseudo_data(run: Path) -> None:
    """Factors are those that were put in; the gate passes, and a wrong truth does not."""
    found = io.read_record(Shape, run / "shape.json", judgement="deepcsv")
    assert [len(rows) for rows in (found.heavy, found.light, found.charm)] == [2, 4, 2]
    assert found.failed == []
    for rows, label in ((found.heavy, 500), (found.light, 0)):
        for row in rows:
            away = (np.array(row.value) - true_factors(label)) / row.total(("lf", "hf"))
            assert np.abs(away).max() < 4
            assert row.p is not None
            assert row.ndf == 4
            assert row.pulls is not None
            assert row.pulls.n == 15
    for agreement in found.agreements.values():
        assert agreement.p is not None
        assert agreement.p > 0.001
    for before in found.unweighted.values():
        assert before.p is not None
        assert before.p < 1e-6
    assert found.heavy[0].purity == pytest.approx(0.75, abs=0.02)
    assert sum(found.heavy[0].data) < 15_000  # one jet an event, with a tag
    wrong = replace(found, agreement=found.agreement | {"b": (60.0, 8)})
    assert wrong.failed[0].startswith("b jets (p ")
    row = replace(found.light[1], chi2=40.0, ndf=4)
    assert replace(found, light=(row,)).failed == [
        "light jets from 60 to 120 GeV, |eta| 0 to 1.2 (p 4.3e-08)"
    ]


def test_the_gate_refuses_factors_that_are_not_true(tmp_path: Path) -> None:
    """Of a heavy region with a third of the light jets in simulation, and an uncertainty that says 1%."""
    samples = shaped_runs.write_samples(tmp_path, 60_000)
    samples["heavy_simulation"] = shaped_runs.write_region(
        tmp_path, "heavy", "simulation", 60_000, 3, light=0.3
    )
    settings = UnfoldSpec(uncertainties=ShapeUncertainties(lf=0.01, hf=0.01))
    shaped_runs.run(tmp_path, samples=samples, settings=settings)
    found = io.read_record(Shape, tmp_path / "shape.json")
    assert found.failed[0].startswith("b jets (p ")
    assert "FAILED, found is not what is true: b jets" in (tmp_path / "shape.correction.json").read_text()


def test_the_file_has_the_form_of_btv(run: Path) -> None:
    """Names, inputs and their order; which flavours each systematic has; values are those of the numbers."""
    found = io.read_record(Shape, run / "shape.json")
    content = json.loads((run / "shape.correction.json").read_text())
    assert "NOT for data" in content["description"]
    assert "not reliable" not in content["description"]  # tags are at L, and M has the mark
    found = io.read_record(Shape, run / "shape.json")
    marked = correction(replace(found, doubts={"M": "few"}))["corrections"][0]["description"]
    assert "; working points of tags not reliable, for lack of jets or for ties at the threshold: M" in marked
    (one,) = content["corrections"]
    assert one["name"] == "deepcsv_shape"
    assert [axis["name"] for axis in one["inputs"]] == [
        "systematic",
        "flavor",
        "abseta",
        "pt",
        "discriminant",
    ]
    there = {
        item["key"]: [entry["key"] for entry in item["value"]["content"]] for item in one["data"]["content"]
    }
    assert there == SYSTEMATICS
    file = correctionlib.CorrectionSet.from_file(str(run / "shape.correction.json"))["deepcsv_shape"]
    light = found.light[3]  # the upper bins of |eta| and pt
    for k, d in enumerate((-1.0, 0.1, 0.3, 0.6, 0.9)):
        assert file.evaluate("central", 0, 2.0, 100.0, d) == pytest.approx(light.value[k])
        assert file.evaluate("up_hf", 0, 2.0, 100.0, d) == pytest.approx(light.shifts["up_hf"][k])
        assert file.evaluate("central", 4, 2.0, 100.0, d) == 1
        charm = found.charm[1].shifts["down_cferr1"][k]
        assert file.evaluate("down_cferr1", 4, 2.0, 100.0, d) == pytest.approx(charm)
    assert file.evaluate("central", 5, 2.4, 119.0, 0.0) == pytest.approx(found.heavy[1].value[1])
    row = found.charm[0]
    assert sum(np.multiply(row.shifts["up_cferr2"], row.own)) == pytest.approx(sum(row.own))
    relative = 2 * np.array(found.heavy[0].total(("lf", "hf", "jes"))) / found.heavy[0].value
    np.testing.assert_allclose(row.error, relative)


def test_event_weights_take_the_file(run: Path) -> None:
    """Unchanged; jets that are not tagged have the first bin, sources move flavours that they are for."""
    weigh = ShapeWeights(run / "shape.correction.json", "deepcsv", "2026")
    assert weigh.flavours == (0, 4, 5)
    assert set(weigh.sources) == {
        "btag_lf", "btag_hf", "btag_cferr1", "btag_cferr2",
        *(f"btag_{of}fstats{n}_2026" for of in "hl" for n in (1, 2)),
    }  # fmt: skip
    found = io.read_record(Shape, run / "shape.json")
    weights = weigh([[40.0, 80.0], [50.0]], [[0.5, -1.0], [0.2]], [[5, 0], [4]], [[0.9, -np.inf], [0.1]])
    product = found.heavy[0].value[4] * found.light[1].value[0]
    assert weights.nominal[0] == pytest.approx(product)
    assert weights.nominal[1] == 1
    assert weights.up["btag_lf"][0] == pytest.approx(
        found.heavy[0].shifts["up_lf"][4] * found.light[1].shifts["up_lf"][0]
    )
    assert weights.up["btag_cferr1"][1] != 1
    shifted = weigh([[40.0]], [[0.5]], [[5]], [[0.9]], jes="up_jes")
    assert shifted.nominal[0] == pytest.approx(found.heavy[0].shifts["up_jes"][4])


def test_a_jet_counts_by_the_others_of_its_event(run: Path) -> None:
    """Tag, anti-tag and number of jets, against a loop; one jet of an event at most."""
    source = shaped_runs.Source("heavy_data", run / "heavy_data.parquet", run, shaped_runs.SPLITS)
    spec, thresholds = make_spec(), {"L": 0.1, "M": 0.3}
    everything = read_region(source, spec, shaped_runs.cuts(), thresholds, 1)
    tagged = read_region(source, spec, shaped_runs.cuts(tag="M"), thresholds, 1)
    others = read_region(source, spec, shaped_runs.cuts(anti_tag="M"), thresholds, 1)
    assert len(tagged) + len(others) < len(everything)
    assert len(read_region(source, spec, shaped_runs.cuts(n_jets=(2, 2)), thresholds, 1)) == len(everything)
    share = passes(everything.discriminant, 0.3).mean()
    assert len(tagged) / (len(tagged) + len(others)) == pytest.approx(share, abs=0.01)
    assert {HEAVY, LIGHT, C} == set(everything.group.tolist())
    with pytest.raises(InputError, match=r"heavy_data.parquet: no jets count"):
        read_region(source, spec, shaped_runs.cuts(n_jets=(3, 9)), thresholds, 1)


@pytest.mark.parametrize("tag", ["", "L"])
def test_the_energy_scale_moves_jets_into_all_bins(tmp_path: Path, tag: str) -> None:
    """Protects: jets that leave the first bin with the scale up, while none come, being cut before."""
    source = shaped_runs.write_region(tmp_path, "heavy", "simulation", 300_000, 1)
    cuts = shaped_runs.cuts(tag=tag, pt_bins_gev=(30.0, 60.0, 118.0))
    jets, bins = read_region(source, make_spec(), cuts, {"L": 0.1}, 1, 0.02), Bins.of(cuts)
    nominal, up, down = (
        sums(jets, jets.scaled(factor), HEAVY, bins, bins).own.sum(axis=1) for factor in (1, 1.02, 0.98)
    )
    np.testing.assert_allclose(up / nominal, 1 / 1.02, atol=0.004)
    np.testing.assert_allclose(down / nominal, 1 / 0.98, atol=0.004)


def refused(heavy: Sums, light: Sums, message: str) -> None:
    """That nothing follows from the regions, and why."""
    with pytest.raises(InputError, match=message):
        shape_of((heavy, light), {}, (ONE, ONE), UnfoldSpec(), 1)


def test_what_cannot_be_solved_is_refused() -> None:
    """With region, bin, and what would help."""
    heavy, light = expected()
    refused(replace(heavy, data=heavy.data * 0), light, "heavy region, 30 to 120 GeV, .* no data; give wider")
    refused(heavy, replace(light, own=light.own * 0), "light region, .*: no light jets in simulation")
    own = heavy.own.copy()
    own[0, 2] = 0
    refused(
        replace(heavy, own=own), light,
        r"heavy region, 30 to 120 GeV, \|eta\| 0 to 2.4, .* 0.25 to 0.5: 0 b jets in simulation, \d+",
    )  # fmt: skip
    own = light.own.copy()
    own[0, 0] = -1
    refused(heavy, replace(light, own=own), "discriminant below 0: -1 light jets in simulation")
    data = heavy.data.copy()
    data[0, 1] = 1  # less than what is no b there
    refused(replace(heavy, data=data), light, r"0 to 0.25: scale factor of b jets -1.9 ± .* wider")


def test_a_bin_without_data_is_refused() -> None:
    """Where nothing is subtracted either, 0 ± 0 would be said of it."""
    heavy, light = expected()
    data, other, c = heavy.data.copy(), heavy.other.copy(), heavy.c.copy()
    data[0, 4] = c[0, 4] = 0
    other[0, 4] = 0
    empty = replace(heavy, data=data, other=other, c=c)
    refused(
        empty, light, "discriminant 0.75 to 1: scale factor of b jets 0 ± .*: what is none leaves nothing"
    )


def test_regions_that_hold_the_same_jets_do_not_settle() -> None:
    """What is not of its flavour dominates both: an error, and no last iteration."""
    heavy, light = expected()
    more = replace(heavy, other=heavy.other * 20), replace(light, other=light.other * 20)
    refused(*more, r"still change by .* after \d+ iterations: 16% of the heavy region are b jets")


def test_a_bin_that_nothing_is_in_stays_one() -> None:
    """Of a tagger that tags every jet: the first bin has no error and no variation either."""
    regions = []
    for one in expected():
        empty = {"data": one.data.copy(), "own": one.own.copy(), "c": one.c.copy(), "other": one.other.copy()}
        empty["data"][0, 0] = empty["own"][0, 0] = empty["c"][0, 0] = 0
        empty["other"][0, 0] = 0
        regions.append(replace(one, **empty))
    _, (heavy, light) = shape_of((regions[0], regions[1]), {}, (ONE, ONE), UnfoldSpec(), 1)
    for row in (*heavy, *light):
        assert (row.value[0], row.error[0]) == (1, 0)
        assert min(row.error[1:]) > 0


def test_what_the_stage_refuses(run: Path, tmp_path: Path) -> None:
    """A tag that is no working point, or was left out; weights that draw nothing."""
    with pytest.raises(InputError, match="no working point T for tags; it has L, M; left out there: too few"):
        shaped_runs.run(tmp_path, 2000, regions=shaped_runs.regions(light={"anti_tag": "T"}))
    samples = shaped_runs.write_samples(tmp_path, 2000)
    samples["heavy_data"] = shaped_runs.write_region(tmp_path, "heavy", "data", 2000, 5, sign=-1.0)
    with pytest.raises(
        InputError, match=r"heavy_data.parquet: .* negative weights, which cannot be presented"
    ):
        shaped_runs.run(tmp_path, samples=samples)
    assert not (tmp_path / "shape.json").exists()


def test_data_of_collisions_have_no_truth(tmp_path: Path) -> None:
    """All of their jets count, and the file does not warn of pseudo-data."""
    shaped_runs.run(tmp_path, 20_000, is_pseudo=False, settings=UnfoldSpec())
    found = io.read_record(Shape, tmp_path / "shape.json")
    assert (found.agreements, found.failed, found.light[0].true, found.unweighted) == ({}, [], (), {})
    assert sum(sum(row.data) for row in found.light) > 18_000
    assert "pseudo" not in (tmp_path / "shape.correction.json").read_text()
    assert FACTORS[0][4] > 1
    assert found.light[0].value[4] > 1


def test_the_figure_shows_what_was_found(run: Path, tmp_path: Path) -> None:
    """A panel a flavour and bin of pt, a curve a bin of |eta|, the truth; of bins with jets alone."""
    spec = make_spec()
    found = plot_shapes(spec, run / "shape.json", PlotSpec(), tmp_path / "f")
    assert [[panel.flavour for panel in row] for row in found.panels] == [["b", "light"]] * 2
    shape = io.read_record(Shape, run / "shape.json")
    curve = found.panels[1][1].curves[1]
    assert curve.abseta == (1.2, 2.4)
    np.testing.assert_allclose(curve.value, shape.light[3].value, rtol=1e-4)
    np.testing.assert_allclose(curve.total, shape.light[3].total(("lf", "hf")), rtol=1e-4)
    np.testing.assert_allclose(curve.true, shape.light[3].true, rtol=1e-4)
    assert found.panels[0][0].labels[0] == "below 0"
    assert "Data are simulation" in found.caption()
    assert found.alternative().startswith("Scale factors of the shape of DeepCSV: b jets 0.")
    real = [replace(row, true=(), ndf=0, own=(0.0, *row.own[1:])) for row in shape.heavy]
    alone = compute(spec, replace(shape, heavy=tuple(real), light=shape.light[:1], is_pseudo=False))
    assert alone.panels[0][0].labels[0] == "0–0.25"
    assert alone.panels[0][0].curves[0].true == ()
    assert len(alone.panels[1]) == 1
    assert "simulation;" not in alone.caption()
    assert len(draw(alone, PlotSpec()).axes) == 4
    untold = tuple(replace(row, true=(), ndf=0) for row in shape.light)
    nowhere = compute(spec, replace(shape, heavy=tuple(real), light=untold))
    assert "Smallest p" in found.caption()
    assert "Smallest p" not in nowhere.caption()


def test_the_page_says_it(run: Path) -> None:
    """A row a flavour and bin, with the agreement and pulls; what failed is named."""
    found = io.read_record(Shape, run / "shape.json")
    (table,) = shape_tables([found], {"deepcsv": {"title": "DeepCSV"}})
    assert [row["flavour"] for row in table["rows"]] == ["b"] * 2 + ["light"] * 4
    assert (table["title"], table["failed"], table["n_tested"]) == ("DeepCSV", [], 6)
    assert table["about"] == "heavy_data and light_data over heavy_simulation and light_simulation"
    assert table["rows"][5]["abseta"] == "1.2 to 2.4"
    assert "b jets: chi2/ndf " in table["notes"][1]
    assert "without weights p " in table["notes"][1]
    lost = replace(found.heavy[0], pulls=Pulls(0, 200, 0.0, 0.0, 0.0), chi2=0.0, ndf=0)
    (table,) = shape_tables([replace(found, heavy=(lost,), agreement={"b": (60.0, 8)})], {})
    assert table["rows"][0]["pull_mean"] == table["rows"][0]["p"] == "–"
    assert table["failed"] == ["b jets (p 4.7e-10)"]
    assert table["notes"][-1] == "200 more pseudo-experiments have no result."


def test_the_stage_takes_what_the_configuration_gives() -> None:
    """Of config/shapes.yaml, through JSON, as the script takes it: bins are filled in, samples in order."""
    content = yaml.safe_load((ROOT / "config/shapes.yaml").read_text())
    configuration = load(content, ROOT / "config", "config/shapes.yaml")
    given = stages.shape(configuration, "csvv2")
    plain = json.loads(json.dumps(given._asdict()))
    heavy, light = map(Region.of, plain["regions"])
    assert heavy.cuts.abseta_bins == (0, 2.5)
    assert heavy.cuts.pt_bins_gev == light.cuts.pt_bins_gev == (30, 60, 200)
    assert light.cuts.abseta_bins == (0, 1.2, 2.5)
    assert UnfoldSpec(**plain["settings"]).pseudo_experiments == 200
    assert list(given.splits) == list(configuration.run.shapes["csvv2"].samples)
    assert set(given.splits) <= set(configuration.scored_on("csvv2"))
    assert given.is_pseudo
    spec = JudgedSpec(**plain["spec"])
    jets = scored_jets(np.zeros(6), label=np.array([500, 521, 400, 0, 2, 999]))
    assert flavour_of(jets, spec).tolist() == [HEAVY, HEAVY, C, LIGHT, LIGHT, LIGHT]
    by_hadron = replace(jets, columns={**jets.columns, "hadron_flavour": np.array([5, 5, 4, 0, 0, 4])})
    assert flavour_of(by_hadron, spec).tolist() == [HEAVY, HEAVY, C, LIGHT, LIGHT, C]
