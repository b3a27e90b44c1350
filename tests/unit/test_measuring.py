"""Protects scale factors from data: what is fitted, what its errors are made of, and what leaves."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import correctionlib
import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from jetsmith import io
from jetsmith.cuts import passes
from jetsmith.errors import InputError
from jetsmith.event_weights import FixedWorkingPoints
from jetsmith.handed.measurement import Bin, Measurement, Pulls, agreement
from jetsmith.keys import codes
from jetsmith.measuring.combination import Measured, combine
from jetsmith.measuring.corrections import combine_measurements
from jetsmith.measuring.fit import fit
from jetsmith.measuring.jets import (
    Probes,
    Source,
    among,
    drawn,
    levelled,
    one_of_each,
    read_probes,
    with_another,
)
from jetsmith.measuring.model import Templates, workspace
from jetsmith.measuring.stage import measure
from jetsmith.measuring.templates import counts
from jetsmith.plots.fits import compute as compute_fits
from jetsmith.plots.fits import draw as draw_fits
from jetsmith.plots.fits import plot_fits
from jetsmith.plots.scale_factors import compute, draw, plot_scale_factors
from jetsmith.report.measurements import scale_factors
from jetsmith.specs.measurements import FitSpec, UncertaintiesSpec, VariableSpec
from jetsmith.specs.plots import PlotSpec
from tests.unit import correction_files as files
from tests.unit import measured_runs
from tests.unit.measured_runs import PT
from tests.unit.test_calibration import make_spec, whole_spec

CLASSES = ("b_jets", "light_jets", "c_jets", "other")
NOTHING = UncertaintiesSpec(rate=0, mistag=0, energy_scale=0)
MANY = 1e-9  # variance of simulation with as good as infinitely many events


def templates(
    efficiency: float = 0.7, n: Any = (3000.0, 400.0, 200.0, 0.0), variance: float = MANY, n_bins: int = 1
) -> Templates:
    """Simulation of one bin of pt; b jets rise with the variable, others fall."""
    rise = np.arange(1.0, n_bins + 1)
    shapes = np.array([rise, *[rise[::-1]] * 3])
    shapes /= shapes.sum(axis=1, keepdims=True)
    share = np.array([[efficiency, 0.02, 0.15, 0.0], [1 - efficiency, 0.98, 0.85, 1.0]])
    nominal = np.asarray(share * n)[:, :, None] * shapes
    return Templates(nominal, nominal * variance, {})


def data_of(found: Templates, factor: float) -> Any:
    """Jets of data where simulation is right but for the efficiency of b jets."""
    passing, failing = found.nominal[:, 0].copy()
    e = found.efficiency
    others = found.nominal[:, 1:].sum(axis=1)
    return others + np.array([passing * factor, failing * (1 - factor * e) / (1 - e)])


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.15])
def test_a_count_without_uncertainties_is_arithmetic(factor: float) -> None:
    """Value and error are those of jets that pass and fail less the background, known exactly."""
    found = templates()
    data = data_of(found, factor)
    fitted = fit(workspace(found, data, CLASSES, NOTHING, "count"))
    one = fitted.factor
    background = found.nominal[:, 1:].sum(axis=(1, 2)) * data.sum() / found.nominal.sum()
    passing, failing = data.sum(axis=1) - background
    efficiency = passing / (passing + failing)
    assert one.value == pytest.approx(efficiency / 0.7, rel=1e-4)
    # d e / d n_pass = (1 - e)/N and d e / d n_fail = -e/N, each with a variance of n
    n = passing + failing
    error = np.sqrt((1 - efficiency) ** 2 * data[0].sum() + efficiency**2 * data[1].sum()) / n / 0.7
    assert fitted.error == pytest.approx(error, rel=0.01)
    assert (one.up + one.down) / 2 == pytest.approx(error, rel=0.01)
    assert fitted.statistic == pytest.approx(error, rel=0.01)
    assert (one.chi2, one.ndf) == (pytest.approx(0, abs=1e-3), 0)


@pytest.mark.parametrize(("rate", "mistag"), [(1.0, 1.0), (1.4, 1.0), (1.0, 1.3), (1.4, 1.3)])
@pytest.mark.parametrize("factor", [0.85, 1.1])
def test_equal_charges_tell_what_is_not_of_w_and_charm(factor: float, rate: float, mistag: float) -> None:
    """What has either charge as often is measured where the charges are equal: a wrong rate or mistag hardly
    moves the c jets, and the error is a fraction of that of jets counted without charges."""
    charges = np.array([[0.85, 0.15], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    share = np.array([[0.4, 0.1, 0.3, 0.0], [0.6, 0.9, 0.7, 1.0]])
    nominal = np.asarray(share * (5000.0, 4000.0, 1000.0, 0.0))[:, :, None] * charges
    found = Templates(nominal, nominal * MANY, {})
    one_bin = Templates(nominal.sum(axis=2, keepdims=True), nominal.sum(axis=2, keepdims=True) * MANY, {})
    wrong = share.copy()
    wrong[0, 1:3] *= mistag
    wrong[1, 1:3] = 1 - wrong[0, 1:3]
    true = np.asarray(wrong * (5000.0, 4000.0 * rate, 1000.0 * rate, 0.0))[:, :, None] * charges
    data = data_of(Templates(true, true * MANY, {}), factor)
    asked = UncertaintiesSpec(rate=0.3, mistag=0.2, energy_scale=0)
    charged = fit(workspace(found, data, CLASSES, asked, "wcharm")).factor
    counted = fit(workspace(one_bin, data.sum(axis=1, keepdims=True), CLASSES, asked, "count")).factor
    assert charged.value == pytest.approx(factor, abs=0.015)
    assert charged.up + charged.down < 0.25 * (counted.up + counted.down)
    if (rate == 1) != (mistag == 1):  # both at once make up for each other
        assert abs(counted.value - factor) > 0.05


def test_a_source_that_takes_more_than_there_is_has_no_likelihood_without_end() -> None:
    """In pseudo-experiments with none in such a bin the fit would go where fewer than none are expected.

    Few jets by charges, and another generator that has next to no equal ones, as in `config/charm.yaml`.
    """
    nothing = [0.0, 0.0]
    nominal = [
        [[28.4, 1.84], [2.18, 1.62], [0.0, 0.55], nothing],
        [[26.9, 2.58], [0.64, 0.60], [2.10, 0.64], nothing],
    ]
    up = [
        [[29.4, 0.86], [2.86, 4.69], [0.0, 0.99], nothing],
        [[28.6, 0.91], [0.49, 0.39], [0.57, 0.00], nothing],
    ]
    down = [
        [[27.7, 2.55], [0.04, 0.00], [0.0, 0.10], nothing],
        [[24.8, 4.65], [0.80, 0.81], [3.64, 1.29], nothing],
    ]
    ends = np.array(up), np.array(down)
    found = Templates(np.array(nominal), np.array(nominal) * 0.3, {"generator": ends})
    model = workspace(found, np.array([[29.0, 3.0], [33.0, 3.0]]), CLASSES, UncertaintiesSpec(), "m")
    drawn = fit(model, 40, 11)
    assert np.isfinite(drawn.pulls).mean() > 0.9
    assert np.nanmax(np.abs(drawn.pulls)) < 5


def test_no_jets_where_none_were_seen_are_a_result() -> None:
    """Few events of simulation in a bin without data: the fit takes them away, and that is all right."""
    nothing = [0.0] * 5
    nominal = np.array(
        [
            [[20.6, 13.3, 6.1, 3.8, 1.8], [6.6, 2.9, 2.1, 0.4, 0.1], nothing, nothing],
            [[25.3, 12.4, 8.8, 6.9, 1.1], [13.3, 2.8, 2.9, 0.7, 0.2], nothing, nothing],
        ]
    )
    variances = nominal * 0.1
    variances[0, 0, 4] = 2.5**2
    seen = np.array([[34.0, 21.0, 7.0, 6.0, 0.0], [17.0, 4.0, 4.0, 4.0, 1.0]])
    model = workspace(Templates(nominal, variances, {}), seen, CLASSES, UncertaintiesSpec(), "m")
    found = fit(model)
    assert sum(of["pass"][4] for of in found.expected.values()) < 1e-6
    without = workspace(
        Templates(nominal[:, :, :4], variances[:, :, :4], {}), seen[:, :4], CLASSES, UncertaintiesSpec(), "m"
    )
    assert found.factor.value == pytest.approx(fit(without).factor.value, abs=0.1)


def varied(found: Templates, by: float) -> Templates:
    """With a source that moves all classes to higher values of the variable."""
    tilt = 1 + by * np.linspace(-1, 1, found.nominal.shape[2])
    ends = found.nominal * tilt, found.nominal * (2 - tilt)
    return Templates(found.nominal, found.variance, {"tilt": ends})


def test_errors_are_made_of_their_sources() -> None:
    """They add up in quadrature; each is what its auxiliary measurement moves the fit by."""
    found = varied(templates(variance=4.0, n_bins=5), 0.2)
    model = workspace(found, np.round(data_of(found, 0.9)), CLASSES, UncertaintiesSpec(), "m")
    fitted = fit(model)
    one = fitted.factor
    parts = [fitted.statistic, fitted.simulation_statistic, *one.sources.values()]
    assert fitted.error == pytest.approx(np.linalg.norm(parts))
    assert one.independent == pytest.approx(np.hypot(fitted.statistic, fitted.simulation_statistic))
    assert min(fitted.statistic, fitted.simulation_statistic) > 0
    assert {"m_light_jets_rate", "light_jets_mistag", "tilt"} < {*one.sources}
    assert "m_other_rate" not in one.sources  # there are none
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer())
    whole = pyhf.Workspace(model).model()
    data = np.asarray(pyhf.Workspace(model).data(whole))
    place = whole.config.nmaindata + list(whole.config.auxdata_order).index("m_light_jets_rate")
    assert data[place] == 0  # of one number each, before those of the simulation's statistics
    for step in (0.3, -0.3):
        moved = data.copy()
        moved[place] = step
        values = np.asarray(pyhf.infer.mle.fit(moved, whole))
        shift = (values[whole.config.poi_index] - one.value) / step
        assert shift == pytest.approx(one.sources["m_light_jets_rate"], rel=0.15)


def test_a_name_that_begins_as_the_statistic_is_a_source() -> None:
    """A measurement or a sample may have any name: no prefix says what a parameter is."""
    found = varied(templates(variance=2.0, n_bins=3), 0.1)
    other = replace(found, varied={"simulation_tune": found.varied["tilt"]})
    data = np.round(data_of(found, 0.9))
    one = fit(workspace(other, data, CLASSES, UncertaintiesSpec(), "simulation"))
    same = fit(workspace(found, data, CLASSES, UncertaintiesSpec(), "m"))
    for name, as_name in (("simulation_tune", "tilt"), ("simulation_light_jets_rate", "m_light_jets_rate")):
        assert one.factor.sources[name] == pytest.approx(same.factor.sources[as_name], abs=1e-4)


def test_pulls_of_pseudo_experiments() -> None:
    """Found less true over the error is about 0 and 1, by chance only not, and failures are counted."""
    found = varied(templates(variance=2.0, n_bins=3), 0.1)
    one = fit(workspace(found, data_of(found, 0.95), CLASSES, UncertaintiesSpec(), "m"), 40, seed=3)
    assert np.isfinite(one.pulls).all()
    assert abs(one.pulls.mean()) < 4 / np.sqrt(40)
    assert 0.6 < one.pulls.std() < 1.4
    again = fit(workspace(found, data_of(found, 0.95), CLASSES, UncertaintiesSpec(), "m"), 2, seed=3)
    np.testing.assert_array_equal(again.pulls, one.pulls[:2])


def test_pulls_where_all_jets_may_pass() -> None:
    """Fits that end at an efficiency of 1 have a pull, and no result: without them the mean moves."""
    found = varied(templates(efficiency=0.9, n=(20.0, 1.0, 0.5, 0.0), variance=0.1), 0.1)
    one = fit(workspace(found, np.round(data_of(found, 1.0)), CLASSES, NOTHING, "m"), 150, seed=3)
    assert np.isfinite(one.pulls).all()
    assert 5 < one.no_result < 75
    assert abs(one.pulls.mean()) < 3 / np.sqrt(150)
    results = np.sort(one.pulls)[: -one.no_result]
    assert results.mean() < one.pulls.mean() - 0.1


def test_a_model_of_something_else_does_not_fit() -> None:
    """chi2 says so: data whose b jets fall where those of simulation rise."""
    found = templates(n_bins=6)
    good = fit(workspace(found, np.round(data_of(found, 0.9)), CLASSES, UncertaintiesSpec(), "m"))
    bad = fit(workspace(found, np.round(data_of(found, 0.9)[:, ::-1]), CLASSES, UncertaintiesSpec(), "m"))
    assert good.factor.p > 0.5
    assert bad.factor.p < 1e-6
    assert good.factor.ndf == 10


def test_what_cannot_be_fitted_says_why() -> None:
    """Empty data, classes that never fail, bins that simulation lacks, an efficiency at its end."""
    found = templates(n_bins=2)
    with pytest.raises(InputError, match="data have no jets"):
        workspace(found, np.zeros((2, 2)), CLASSES, NOTHING, "m")
    with pytest.raises(InputError, match="pass, or none that fail"):
        workspace(templates(efficiency=1.0), np.ones((2, 1)), CLASSES, NOTHING, "m")
    hole = Templates(found.nominal * np.array([1.0, 0.0]), found.variance, {})
    with pytest.raises(InputError, match=r"7 jets of data .* wider bins"):
        workspace(hole, np.array([[100.0, 4], [50, 3]]), CLASSES, NOTHING, "m")
    assert workspace(hole, np.array([[100.0, 0], [50, 0]]), CLASSES, NOTHING, "m")["observations"][0][
        "data"
    ] == [100]
    none = replace(found, varied={"generator": (0 * found.nominal, 2 * found.nominal)})
    with pytest.raises(InputError, match="generator leaves no jets"):
        workspace(none, np.ones((2, 2)), CLASSES, NOTHING, "m")
    for seen in ([[110.0], [0.0]], [[0.0], [110.0]]):
        with pytest.raises(InputError, match="no jets of data pass, or none fail"):
            workspace(templates(), np.array(seen), CLASSES, NOTHING, "m")
    with pytest.raises(InputError, match="no jets pass, or none fail"):
        fit(workspace(templates(), np.array([[1.0], [999.0]]), CLASSES, NOTHING, "m"))


@pytest.mark.parametrize("purity", [0.02, 0.05])
def test_no_more_jets_pass_than_there_are(purity: float) -> None:
    """A count has no likelihood against it where simulation has too few of the class: 70% of the jets pass in
    data, and an efficiency of 200% or 1000% would be a result; a little above 1 is one, as jets fluctuate."""
    n = 1000 * np.array([purity, 0.8 * (1 - purity), 0.2 * (1 - purity), 0.0])
    found = templates(n=n, variance=0.02)
    many = workspace(found, np.array([[700.0], [300.0]]), CLASSES, UncertaintiesSpec(), "m")
    with pytest.raises(InputError, match=r"has \d+% of the jets pass in data, \d\.\d errors above"):
        fit(many)
    # N alone: as many jets as data have may be of the class
    bounds = {one["name"]: one["bounds"] for one in many["measurements"][0]["config"]["parameters"]}
    assert bounds["jets"][0][1] >= 2 / purity
    good = templates(efficiency=0.97)
    above = fit(workspace(good, np.round(data_of(good, 1.035)), CLASSES, UncertaintiesSpec(), "m"))
    assert above.factor.value * 0.97 > 1


@pytest.mark.parametrize("other", [-9.0, -20.0])
def test_purity_is_a_share_with_negative_weights(other: float) -> None:
    """As the fit has jets: classes of negative sums are none."""
    nominal = np.zeros((2, 4, 1))
    nominal[:, 0, 0], nominal[:, 3, 0] = 5, (-1, other)
    assert Templates(nominal, np.abs(nominal), {}).purity == 1
    assert Templates(0 * nominal, nominal, {}).purity == 0


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.booleans()), max_size=12),
)
def test_tags_are_other_jets_of_the_event(jets: list[tuple[int, int, bool]]) -> None:
    """As a loop over all pairs has it."""
    data_set, event, tag = (np.array([jet[k] for jet in jets], int) for k in range(3))
    place = codes([data_set, event])
    found = with_another(place, tag.astype(bool))
    n_jets = [sum(other[:2] == jet[:2] for other in jets) for jet in jets]
    assert among(place, 2, 3).tolist() == [2 <= n <= 3 for n in n_jets]
    expected = [
        any(k != j and jets[k][:2] == jets[j][:2] and jets[k][2] for k in range(len(jets)))
        for j in range(len(jets))
    ]
    assert found.tolist() == expected


def test_probes_of_pairs_fluctuate_as_counts_do() -> None:
    """Of b pairs that are each other's tags as many pass as is true, and scatter as the fit takes it."""
    rng = np.random.default_rng(4)
    n, efficiency, pulls = 400, 0.5, []
    event = np.repeat(np.arange(n), 2)
    for _ in range(300):
        passing = rng.random(2 * n) < efficiency
        dice = np.repeat(rng.integers(0, 2**60, n).astype(np.uint64), 2)
        probe = one_of_each(event, np.ones(2 * n, bool), dice)
        assert probe.reshape(n, 2).sum(axis=1).tolist() == [1] * n
        probe &= with_another(event, passing)
        n_pass, n_all = (probe & passing).sum(), probe.sum()
        pulls.append((n_pass / n_all - efficiency) / np.sqrt(efficiency * (1 - efficiency) / n_all))
    assert abs(np.mean(pulls)) < 4 / np.sqrt(300)
    assert 0.88 < np.std(pulls) < 1.12  # 1.2 where both jets of a pair count
    some = one_of_each(
        np.array([2, 0, 2, 1]), np.array([True, False, True, True]), np.array([5, 1, 5, 3], np.uint64)
    )
    assert some.tolist() == [False, False, True, True]


def test_negative_weights_keep_the_efficiency() -> None:
    """Bins below 0 are left out, and what they take away is taken from the others."""
    found = templates(n_bins=3)
    nominal = found.nominal.copy()
    nominal[0, 0] = [-100, 1000, 1200]
    signed = Templates(nominal, found.variance, {})
    model = workspace(signed, np.full((2, 3), 500.0), CLASSES, NOTHING, "m")
    passing = {s["name"]: s["data"] for s in model["channels"][0]["samples"]}["b_jets"]
    failing = [s["data"] for s in model["channels"][1]["samples"] if s["name"].startswith("b_jets")]
    assert sum(passing) / (sum(passing) + np.sum(failing)) == pytest.approx(signed.efficiency)
    assert passing[0] == 0


def test_a_class_that_nearly_always_passes_keeps_its_number() -> None:
    """One standard deviation of its efficiency leaves jets that fail, and no more jets than there are."""
    found = templates()
    nominal = found.nominal.copy()
    nominal[:, 1, 0] = 99, 1
    model = workspace(
        Templates(nominal, found.variance, {}), nominal.sum(axis=1), CLASSES, UncertaintiesSpec(), "m"
    )
    ends = []
    for channel, jets in zip(model["channels"], (99, 1), strict=True):
        (sample,) = [s for s in channel["samples"] if s["name"] == "light_jets"]
        (factor,) = [m["data"] for m in sample["modifiers"] if m["name"] == "light_jets_mistag"]
        ends.append([factor["hi"] * jets, factor["lo"] * jets])
    np.testing.assert_allclose(np.sum(ends, axis=0), 100)
    assert np.min(ends) > 0


def test_events_of_large_numbers_stay_apart() -> None:
    """Keys are integers of several types, which have no common one but floats."""
    event = [np.zeros(2, np.int32), np.array([2**63, 2**63 + 1], np.uint64)]
    assert codes(event).tolist() == [0, 1]


def probes(n: int, seed: int) -> Probes:
    """Jets of four classes, some of them beyond all bins."""
    rng = np.random.default_rng(seed)
    return Probes(
        rng.uniform(20, 220, n),
        rng.normal(size=n),
        rng.uniform(-1, 4, n),
        np.where(rng.random(n) < 0.2, -0.5, 1.5),
        rng.integers(0, 4, n),
        rng.random(n) < 0.5,
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_counts_are_those_of_a_loop(seed: int) -> None:
    """Bins include their lower edge; what is beyond counts nowhere."""
    jets, pt, edges = probes(200, seed), [30.0, 50, 100], [0.0, 1, 3]
    found = counts(jets, 0.3, pt, edges, 4)
    expected = np.zeros((2, 2, 4, 2))
    for k in range(len(jets)):
        for i in range(2):
            for j in range(2):
                in_pt = pt[i] <= jets.pt_gev[k] < pt[i + 1]
                if in_pt and edges[j] <= jets.value[k] < edges[j + 1]:
                    fails = int(not passes(jets.discriminant[k : k + 1], 0.3)[0])
                    expected[i, fails, jets.group[k], j] += jets.weight[k]
    np.testing.assert_allclose(found.sum, expected)
    assert found.variance.sum() > np.abs(found.sum).sum() * 0.5


def test_pseudo_data_are_drawn_by_weight() -> None:
    """Shares of classes are those of levelled weights, which are the given ones below the largest tenth."""
    rng = np.random.default_rng(5)
    n = 40_000
    group = rng.integers(0, 2, n)
    weight = np.where(group == 0, 0.2, 1.0) * rng.uniform(0.5, 1, n) * np.where(rng.random(n) < 0.01, 100, 1)
    jets = Probes(
        rng.uniform(30, 100, n), rng.normal(size=n), np.zeros(n), weight, group, rng.random(n) < 0.5
    )
    nature = levelled(jets, np.array([30.0, 60, 100]))
    small = weight < 0.5
    ratio = nature.weight[small] / weight[small]
    for of_bin in (jets.pt_gev[small] < 60, jets.pt_gev[small] >= 60):
        assert np.ptp(ratio[of_bin]) < 1e-9
    found = drawn(nature, 1)
    expected = nature.weight[group == 0].sum() / nature.weight.sum()
    assert (found.group == 0).mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / len(found)))
    assert (found.weight == 1).all()
    assert 0.3 * n < len(found) < n
    assert levelled(jets, np.array([50.0, 60])).weight[jets.pt_gev > 60].sum() == 0
    with pytest.raises(InputError, match="1 of 40,000 jets have negative weights"):
        levelled(replace(jets, weight=np.where(np.arange(n) == 0, -1, weight)), np.array([30.0, 100]))


def measured(value: Any, independent: Any, **sources: Any) -> Measured:
    """With errors to both sides as the sources have them."""
    error = np.sqrt(np.square(independent) + sum(np.square(x) for x in sources.values()))
    return Measured(
        np.array(value), error, error, np.array(independent), {k: np.array(v) for k, v in sources.items()}
    )


def test_the_combination_has_the_smallest_chi2() -> None:
    """As a minimiser finds it, with a nuisance parameter for each source; and what its bins share."""
    first = measured([0.95, 0.97], [0.02, 0.03], jes=[0.01, 0.02], rate=[0.03, 0.01])
    second = measured([0.91, 1.01], [0.03, 0.02], jes=[-0.01, 0.01], tilt=[0.02, 0.02])
    found = combine([first, second])

    def chi2(x: Any) -> float:
        factor, nuisances = x[:2], dict(zip(("jes", "rate", "tilt"), x[2:], strict=True))
        total = float((x[2:] ** 2).sum())
        for one in (first, second):
            shift = sum((s * nuisances[k] for k, s in one.sources.items()), np.zeros(2))
            total += float((((one.value - factor - shift) / one.independent) ** 2).sum())
        return total

    best = minimize(chi2, np.array([1.0, 1, 0, 0, 0]), tol=1e-12)
    np.testing.assert_allclose(found.value, best.x[:2], atol=1e-5)
    assert found.chi2 == pytest.approx(best.fun, abs=1e-5)
    steps = 0.1 * np.eye(5)  # of a parabola second differences are exact
    second = [[chi2(a + b) - chi2(a) - chi2(b) + chi2(0 * a) for a in steps] for b in steps]
    covariance = 2 * np.linalg.inv(second)[:2, :2] / 100
    np.testing.assert_allclose(found.up, np.sqrt(np.diag(covariance)), rtol=1e-6)
    shared = sum((np.outer(shift, shift) for shift in found.sources.values()), np.zeros((2, 2)))
    statistics = found.correlations * np.outer(found.independent, found.independent)
    np.testing.assert_allclose(shared + statistics, covariance, rtol=1e-6)
    np.testing.assert_allclose(found.weights.sum(axis=1), np.eye(2), atol=1e-12)
    assert found.ndf == 2


def test_one_measurement_is_its_own_combination() -> None:
    """With both of its sides, and nothing to be tested."""
    one = Measured(
        np.array([0.9]), np.array([0.05]), np.array([0.03]), np.array([0.02]), {"jes": np.array([-0.01])}
    )
    found = combine([one])
    assert (found.value, found.up, found.down, found.sources["jes"]) == (0.9, 0.05, 0.03, -0.01)
    assert found.p is None


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two measurements of pseudo-data, and their combination."""
    return measured_runs.run(tmp_path_factory.mktemp("measured"))


def test_a_measurement_finds_the_truth_of_pseudo_data(run: Path) -> None:
    """Scale factors agree with those of jets that were no data, and a wrong truth does not."""
    found = io.read_record(Measurement, run / "first.json", measurement="first")
    assert found.complete == ["L", "M"]
    for point, bins in found.points.items():
        for one in bins:
            assert one.factor is not None
            assert one.true is not None
            assert one.factor.value < 1
            assert abs(one.factor.value - one.true) < 4 * np.hypot(one.factor.up, one.true_error or 0)
            assert one.purity == pytest.approx(0.7, abs=0.02)
            assert one.pulls is not None
            assert one.pulls.n == 2
        assert found.agreement[point].p > 1e-3
    wrong = agreement([replace(one, true=(one.true or 0) * 1.5) for one in found.points["M"]])
    assert wrong is not None
    assert wrong.p < 1e-3


def test_models_leave_as_workspaces_of_pyhf(run: Path) -> None:
    """One a fit, which pyhf reads, checks, and fits to the same scale factor."""
    files = sorted(path.name for path in (run / "first.workspaces").glob("*.json"))
    assert files == ["L_30_60.json", "L_60_120.json", "M_30_60.json", "M_60_120.json"]
    found = io.read_record(Measurement, run / "first.json", measurement="first")
    content = pyhf.Workspace(json.loads((run / "first.workspaces" / "M_60_120.json").read_text()))
    model = content.model()
    assert model.config.poi_name == "sf"
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer())
    values = np.asarray(pyhf.infer.mle.fit(content.data(model), model))
    factor = found.points["M"][1].factor
    assert factor is not None
    assert values[model.config.poi_index] == pytest.approx(factor.value, abs=1e-4)


def test_scale_factors_are_those_of_the_measurement(run: Path) -> None:
    """By bin and source; that of two together is the combination."""
    found = io.read_record(Measurement, run / "first.json", measurement="first")
    file = correctionlib.CorrectionSet.from_file(str(run / "correction.json"))
    assert sorted(file) == ["deepcsv_comb", "deepcsv_first", "deepcsv_second", "deepcsv_wp_values"]
    factor = found.points["L"][0].factor
    assert factor is not None
    one = file["deepcsv_first"]
    assert one.evaluate("central", "L", 5, 0.5, 31.0) == pytest.approx(factor.value)
    assert one.evaluate("up", "L", 5, 0.5, 31.0) == pytest.approx(factor.value + factor.up)
    assert one.evaluate("down_generator", "L", 5, 0.5, 31.0) == pytest.approx(
        factor.value - factor.sources["generator"]
    )
    together = io.read_json(run / "combination.json")["points"]["L"]
    assert sum(weights[0] for weights in together["weights"].values()) == pytest.approx(1)
    assert file["deepcsv_comb"].evaluate("central", "L", 5, 0.5, 31.0) == pytest.approx(together["value"][0])
    assert together["ndf"] == 2
    assert np.shape(together["statistic_correlations"]) == (2, 2)
    assert "statistics of bins are correlated" in file["deepcsv_comb"].description
    content = json.loads((run / "correction.json").read_text())
    assert "NOT for data" in content["description"]
    for text in (content["description"], *(one["description"] for one in content["corrections"])):
        assert "; not reliable, for lack of jets or for ties at the threshold: M" in text


def test_event_weights_take_the_file(run: Path, tmp_path: Path) -> None:
    """With thresholds and efficiencies of calibrate; other flavours have to be named, and keep weight 1."""
    given = run / "correction.json", files.efficiencies(tmp_path / "eff.json"), "deepcsv", "M", "2026"
    weigh = FixedWorkingPoints(*given, light=None, as_simulated=[0, 4])
    jets = [[40.0, 80.0], [50.0]], [[0.5, -1.0], [0.2]], [[5, 0], [5]], [[0.9, 0.9], [0.1]]
    found = weigh(*jets)
    file = correctionlib.CorrectionSet.from_file(str(run / "correction.json"))["deepcsv_comb"]
    factor = file.evaluate("central", "M", 5, 0.5, 40.0)
    assert found.nominal[0] == pytest.approx(factor)
    assert found.counts["n_as_simulated"] == 1
    assert found.counts["n_jets"] == 3
    assert set(found.up) == {"btag_heavy_correlated", "btag_heavy_uncorrelated_2026"}
    assert found.nominal[1] > 1  # fails, and fewer pass
    each = FixedWorkingPoints(*given, light=None, as_simulated=[0, 4], uncertainties="breakdown")
    assert {"btag_heavy_generator", "btag_heavy_statistic_2026"} < set(each(*jets).up)
    with pytest.raises(InputError, match=r"flavour 0 \(1 jets\)"):
        FixedWorkingPoints(*given, light=None)(*jets)
    with pytest.raises(InputError, match=r"has scale factors of flavor \[5\]"):
        FixedWorkingPoints(*given, light=None, as_simulated=[5])
    with pytest.raises(InputError, match="both None"):
        FixedWorkingPoints(*given, light=None, heavy=None)


def test_the_figure_shows_what_was_measured(run: Path, tmp_path: Path) -> None:
    """Of each measurement, of both together, and what is true; a point that one lacks has no band."""
    spec = make_spec()
    files = [run / "first.json", run / "second.json"]
    found = plot_scale_factors(spec, files, run / "combination.json", PlotSpec(), tmp_path / "f")
    assert [panel.point for panel in found.panels] == ["L", "M"]
    first = io.read_record(Measurement, files[0], measurement="first").points["M"][1]
    assert first.factor is not None
    assert found.panels[1].series[0].value[1] == pytest.approx(first.factor.value, rel=1e-5)
    assert found.panels[1].series[0].true[1] == pytest.approx(first.true, rel=1e-5)
    assert found.panels[1].value == pytest.approx(
        io.read_json(run / "combination.json")["points"]["M"]["value"]
    )
    assert "pseudo-data" in found.caption()
    assert found.alternative().startswith("Scale factors of DeepCSV by bin of pt: L 0.")
    each = [io.read_record(Measurement, path) for path in files]
    hole = replace(each[0], points={"M": (each[0].points["M"][0], Bin(0.7, why="few"))})
    alone = compute(spec, [hole], {"points": {}})
    assert alone.panels[0].value == ()
    assert alone.panels[0].series[0].value[1] is None
    assert len(draw(alone, PlotSpec()).axes) == 1
    assert draw(alone.model_copy(update={"pt_edges_gev": (0.0, 60.0, 120.0)}), PlotSpec()).axes


def test_the_figure_of_fits_shows_what_was_fitted(run: Path, tmp_path: Path) -> None:
    """Classes after the fit add up to data, as a count has to; a fit without a result shows its data."""
    found = plot_fits(make_spec(), run / "first.json", PlotSpec(), tmp_path / "f", "first")
    for row in found.panels:
        for panel in row:
            assert [layer.name for layer in panel.layers] == ["b_jets", "light_jets", "c_jets"]
            np.testing.assert_allclose(
                np.sum([layer.jets for layer in panel.layers], axis=0), panel.data, rtol=1e-3
            )
            assert panel.p is None
    assert "pseudo-data" in found.caption()
    one = io.read_record(Measurement, run / "first.json")
    none = compute_fits(make_spec(), replace(one, points={"M": (Bin(0.7, seen=(1, 2), why="few"),)}))
    assert none.panels[0][0].layers == ()
    assert draw_fits(none, PlotSpec()).axes


def test_the_page_says_it(run: Path) -> None:
    """A row a fit, with the truth and pulls; reasons where there is no result."""
    each = [io.read_record(Measurement, run / f"{name}.json") for name in ("first", "second")]
    first, second = scale_factors(each, {"deepcsv": {"title": "DeepCSV"}})
    assert [row["point"] for row in first["rows"]] == ["L", "L", "M", "M"]
    how = "count, another jet of the event passes M; data_first over simulation_first"
    assert first["about"] == f"b_jets at points of DeepCSV; {how}"
    assert "light jets rate" in first["rows"][3]["sources"]
    assert first["rows"][0]["p"] == "–"  # nothing is left to be tested
    assert "Pulls of" in first["notes"][1]
    assert second["title"] == "second"
    hole = replace(each[0], points={"M": (Bin(0.7, why="few jets"),)})
    (table,) = scale_factors([hole], {})
    assert table["left_out"] == ["M"]
    assert table["rows"][0]["why"] == "few jets"
    lost = replace(each[0].points["M"][0], pulls=Pulls(0, 200, 0.0, 0.0, 0.0))
    (table,) = scale_factors([replace(each[0], points={"M": (lost,)})], {})
    assert table["rows"][0]["pull_failed"] == "200"
    assert table["notes"][1].endswith(
        "in none; 200 would be no result: no minimum, one without jets where some were seen, or an "
        "efficiency of 0, of 1 or far above."
    )


def test_data_of_collisions_have_no_truth(run: Path, tmp_path: Path) -> None:
    """All of their jets count, none is asked for its truth, and the file does not warn of pseudo-data."""
    samples = {
        "simulation": Source("simulation_first", run / "simulation_first.parquet", run / "packed"),
        "data": measured_runs.write_sample(tmp_path, "data", 20_000, 5, 0.4, labels=False),
    }
    settings = FitSpec(pt_bins_gev=(30.0, 120.0))
    measure(
        "probe", make_spec(), settings, samples, "data", "simulation", {}, False, run / "numbers.json", 1,
        tmp_path / "probe.json", tmp_path / "w",
    )  # fmt: skip
    found = io.read_record(Measurement, tmp_path / "probe.json", measurement="probe")
    (one,) = found.points["M"]
    assert one.factor is not None
    assert 0.6 < one.factor.value < 1
    assert (one.true, one.away, found.agreement, found.is_pseudo) == (None, None, {}, False)
    assert one.n_data > 16_000  # of 20,000 between 25 and 130 GeV
    combine_measurements(
        "deepcsv", {"probe": tmp_path / "probe.json"}, 2.5, tmp_path / "c.json", tmp_path / "n.json"
    )
    assert "pseudo" not in (tmp_path / "c.json").read_text()
    (table,) = scale_factors([found], {})
    assert table["notes"] == []


@pytest.mark.parametrize("tag", [None, 0.05])
def test_the_energy_scale_moves_jets_into_all_bins(tmp_path: Path, tag: float | None) -> None:
    """Protects: jets that leave the first bin upwards, while none come, since they were cut before.

    Of a flat spectrum each bin has 1/1.02 of its jets with the scale up, and 1/0.98 down; without jets from
    beyond the bins the first one would have 0.961 and 1.
    """
    source = measured_runs.write_sample(tmp_path, "flat", 300_000, 1)
    asked = FitSpec(pt_bins_gev=PT, uncertainties=UncertaintiesSpec(energy_scale=0.02))
    jets = read_probes(source, make_spec(), tag, asked, 1)
    nominal, up, down = (
        counts(jets.scaled(factor), 0.5, PT, (-0.5, 0.5), 4).sum.sum(axis=(1, 2, 3))
        for factor in (1, 1.02, 0.98)
    )
    np.testing.assert_allclose(up / nominal, 1 / 1.02, atol=0.004)
    np.testing.assert_allclose(down / nominal, 1 / 0.98, atol=0.004)


def test_simulated_jets_count_by_hadron_flavour(tmp_path: Path) -> None:
    """Scale factors are applied by it: a jet of pile-up is in the template of its flavour, not in `other`."""
    source = measured_runs.write_sample(tmp_path, "simulation", 2_000, 3)
    rows = io.read_rows(source.scores)
    table = {name: np.asarray(rows[name]) for name in rows.fields}
    hadron = np.select([table["label"] == 500, table["label"] == 400], [5, 4], 0).astype("i1")
    label = np.where(np.arange(2_000) % 5 == 0, 999, table["label"]).astype("i4")
    asked = FitSpec(pt_bins_gev=(25, 130))
    for more, expected in (({"hadron_flavour": hadron}, hadron), ({}, np.where(label == 999, -1, hadron))):
        content = ak.zip(table | {"label": label} | more, depth_limit=1)
        io.write_rows(source.scores, content, classifier="deepcsv", sample="simulation")
        group = read_probes(source, whole_spec(), None, asked, 1).group
        assert [[5, 0, 4, -1][k] for k in group] == expected.tolist()


@pytest.mark.parametrize("by", ["hadron_flavour", "truth"])
def test_scale_factors_say_what_their_flavor_is(tmp_path: Path, by: str) -> None:
    """As the efficiencies do: by the column where the simulation has it, in record and correction file."""
    samples = {name: measured_runs.write_sample(tmp_path, name, 8000, k) for k, name in enumerate("ds")}
    for name, source in samples.items() if by == "hadron_flavour" else ():
        rows = io.read_rows(source.scores)
        table = {key: np.asarray(rows[key]) for key in rows.fields}
        table["hadron_flavour"] = np.select([table["label"] == 500, table["label"] == 400], [5, 4], 0)
        io.write_rows(source.scores, ak.zip(table, depth_limit=1), classifier="deepcsv", sample=name)
    numbers = {"judgement": "deepcsv", "working_points": {"L": {"threshold": 0.3}}, "undefined": {}}
    io.write_json(tmp_path / "numbers.json", numbers)
    asked = FitSpec(pt_bins_gev=(30.0, 130.0), uncertainties=NOTHING, pseudo_experiments=0)
    out = tmp_path / "one.json"
    made = tmp_path / "numbers.json", 7, out, tmp_path / "one"
    measure("one", whole_spec(), asked, samples, "d", "s", {}, False, *made)
    assert io.read_record(Measurement, out, measurement="one").by == by
    combine_measurements("deepcsv", {"one": out}, 2.5, tmp_path / "c.json", tmp_path / "n.json")
    (first, *_) = json.loads((tmp_path / "c.json").read_text())["corrections"]
    said = {one["name"]: one["description"] for one in first["inputs"]}
    words = {"hadron_flavour": "hadron flavour", "truth": "by truth"}[by]
    assert said["flavor"] == f"5 b_jets ({words})"


def test_points_and_measurements_draw_numbers_of_their_own(tmp_path: Path) -> None:
    """Protects: pulls of points that are correlated (by 0.5 of L and M), so that means have other errors.

    Two points at one threshold, and a measurement of another name: else all is the same.
    """
    samples = {name: measured_runs.write_sample(tmp_path, name, 8000, k) for k, name in enumerate("ds")}
    points = {name: {"threshold": 0.3} for name in ("L", "M")}
    numbers = {"judgement": "deepcsv", "working_points": points, "undefined": {}}
    io.write_json(tmp_path / "numbers.json", numbers)
    asked = FitSpec(pt_bins_gev=(30.0, 130.0), tag="M", uncertainties=NOTHING, pseudo_experiments=3)
    found = []
    for name in ("one", "two"):
        out = tmp_path / f"{name}.json"
        with_numbers = tmp_path / "numbers.json", 7, out, tmp_path / name
        measure(name, make_spec(), asked, samples, "d", "s", {}, False, *with_numbers)
        of = io.read_record(Measurement, out, measurement=name)
        found += [of.points[point][0] for point in points]
    assert all(bin_.factor == found[0].factor for bin_ in found)
    assert len({bin_.pulls for bin_ in found}) == 4


def test_what_a_stage_refuses(run: Path, tmp_path: Path) -> None:
    """Tags that are no working point, or were left out; jets that never count; weights that draw nothing."""
    ok = FitSpec(pt_bins_gev=PT)
    names = ("simulation_first", "data_first")
    samples = {name: Source(name, run / f"{name}.parquet", run / "packed") for name in names}

    def go(settings: FitSpec, **more: Any) -> None:
        given = {"data": "data_first", "simulation": "simulation_first", "is_pseudo": True}
        given |= {"numbers": run / "numbers.json"} | more
        measure(
            "m", make_spec(), settings, samples, varied={}, seed=1,
            output=tmp_path / "m.json", workspaces=tmp_path / "m", **given,
        )  # fmt: skip

    with pytest.raises(InputError, match="no working point T for tags; it has L, M; left out there: too few"):
        go(ok.model_copy(update={"tag": "T"}))
    none = io.read_json(run / "numbers.json") | {"working_points": {}, "undefined": {"L": "too few jets"}}
    io.write_json(tmp_path / "none.json", none)
    with pytest.raises(InputError, match="no working point is left to measure: too few jets"):
        go(ok, numbers=tmp_path / "none.json")
    variable = VariableSpec(group="ak4", feature="x", edges=(0, 1))
    with pytest.raises(InputError, match="packed"):
        go(ok.model_copy(update={"variable": variable}))
    assert not (tmp_path / "m.json").exists()
    go(ok.model_copy(update={"pt_bins_gev": (30.0, 60.0, 500.0, 600.0)}))
    found = io.read_record(Measurement, tmp_path / "m.json", measurement="m")
    assert found.complete == []
    assert "500 to 600 GeV: simulation has no jets of the class" in found.why_not("M")
    with pytest.raises(InputError, match=r"in each bin: m, L: 500 to 600.*\. Give wider `pt_bins_gev`"):
        combine_measurements(
            "deepcsv", {"m": tmp_path / "m.json"}, 2.5, tmp_path / "c.json", tmp_path / "n.json"
        )
