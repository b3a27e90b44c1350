"""Protects response and resolution of an estimate: quantiles with weights, and the figure's numbers."""

from pathlib import Path
from statistics import NormalDist

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.metrics import responses
from jetsmith.plots import response
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import EstimateSpec
from tests.unit.packed_jets import make_spec

STYLE = PlotSpec()
WEIGHT = st.sampled_from([1.0, 0.5, 2.0, -0.5])
LEVEL = 0.683


def slow_quantile(values: list[float], weights: list[float], wanted: float) -> float:
    """One jet after the other: share below it and half its own, made to rise; a straight line between two."""
    jets = sorted(zip(values, weights, strict=True), key=lambda jet: jet[0])
    total, below, shares = sum(weights), 0.0, []
    for _, weight in jets:
        shares.append((below + weight / 2) / total)
        below += weight
    if min(weights) < 0:
        up = [max(shares[: k + 1]) for k in range(len(shares))]
        down = [min(shares[k:]) for k in range(len(shares))]
        shares = [(min(max(a, 0), 1) + min(max(b, 0), 1)) / 2 for a, b in zip(up, down, strict=True)]
    if wanted <= shares[0]:
        return jets[0][0]
    for k in range(1, len(jets)):
        if wanted < shares[k]:
            part = (wanted - shares[k - 1]) / (shares[k] - shares[k - 1])
            return jets[k - 1][0] + part * (jets[k][0] - jets[k - 1][0])
    return jets[-1][0]


@given(st.lists(st.tuples(st.integers(0, 50), WEIGHT), min_size=1, max_size=30), st.floats(0.01, 0.99))
def test_quantiles_are_those_of_a_loop(jets: list[tuple[int, float]], share: float) -> None:
    """With weights of both signs and values that are the same; NaN where nothing positive is left."""
    values = [value + 0.01 * k for k, (value, _) in enumerate(jets)]
    weights = [weight for _, weight in jets]
    found = responses.weighted_quantiles(np.array(values), np.array(weights), (share,))
    if sum(weights) <= 0:
        assert np.isnan(found).all()
    else:
        expected = slow_quantile(values, weights, share)
        # Where shares are level, a last bit decides on which side of a step it is.
        near = [slow_quantile(values, weights, share + shift) for shift in (-1e-9, 1e-9)]
        assert min(expected, *near) - 1e-6 <= found[0] <= max(expected, *near) + 1e-6


def test_quantiles_of_equal_weights_are_numpys() -> None:
    """Those that it calls hazen, whatever the weight is; of replicas each by itself."""
    values = np.random.default_rng(1).normal(size=101)
    expected = np.quantile(values, responses.SHARES, method="hazen")
    weights = np.stack([np.ones(101), np.full(101, 3.5)])
    np.testing.assert_allclose(responses.weighted_quantiles(values, weights), [expected] * 2)
    np.testing.assert_allclose(responses.weighted_quantiles(values, weights[0]), expected)


def test_jets_of_weights_below_0_take_others_away() -> None:
    """A jet of -1 beside one of 1: the quantiles are those without both, within a step."""
    rng = np.random.default_rng(2)
    values = rng.normal(1, 0.1, 4000)
    more = rng.normal(1.3, 0.05, 1000)
    both = np.concatenate([values, more, more + 1e-6])
    weight = np.concatenate([np.ones(5000), -np.ones(1000)])
    found = responses.weighted_quantiles(both, weight)
    np.testing.assert_allclose(found, responses.weighted_quantiles(values, np.ones(4000)), atol=0.01)


def test_the_interval_holds_the_truth() -> None:
    """68% of samples: of the median, the resolution and the improvement of two estimates of the same jets."""
    inside, wide = np.zeros(3), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shared, more = rng.normal(0, 0.09, 500), rng.normal(0, 0.12, 500)
        found = responses.compared(1 + shared + more, 1.0 + shared, np.ones(500), 100, seed)
        true = (1.0, 0.15, 0.4)
        measured = (found.before.median, found.before.resolution, found.improvement)
        inside += [one.low <= wanted <= one.high for one, wanted in zip(measured, true, strict=True)]
        wide.append(found.improvement.high - found.improvement.low)
    assert (inside >= 30).all()
    assert (inside <= 54).all()
    assert np.mean(wide) < 0.11


def test_no_weight_is_no_response() -> None:
    """It is said; a factor on all estimates changes no resolution."""
    values = np.random.default_rng(3).normal(1, 0.1, 300)
    with pytest.raises(InputError, match="300 jets, whose weights do not add up to more than 0"):
        responses.compared(values, values, np.zeros(300), 10, 1)
    found = responses.compared(values, 2 * values, np.ones(300), 10, 1)
    assert found.improvement.value == pytest.approx(0, abs=1e-12)
    assert found.after.median.value == pytest.approx(2 * found.before.median.value)


def estimate_spec(quantiles: tuple[float, ...] = (0.25, 0.75), over: str = "recoPt") -> EstimateSpec:
    spec = make_spec("keras")
    return EstimateSpec(
        name=spec.name, title="Energy", backend="keras", sample=spec.sample, output="energy", column="genPt",
        over=over, quantiles=quantiles, label="$p_T$ [GeV]", classes=spec.classes[:1],
    )  # fmt: skip


def made_up(n: int = 3000, seed: int = 1) -> dict[str, FloatArray]:
    """Jets whose estimate knows a part of what they lack, and its resolution; some without a truth."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(20, 200, n)
    known, unknown = rng.normal(0, 0.15, n), rng.normal(0, 0.1, n)
    factor = np.exp(known + unknown)
    true[:40] = np.nan
    return {
        "estimate": np.exp(known), "true": true, "over": true / factor,
        "resolution": 0.1 * np.exp(known) * NormalDist().inv_cdf(0.75), "weight": rng.choice([1, 2, -1], n),
    }  # fmt: skip


def test_the_figure_has_the_numbers_of_loops() -> None:
    """Response, resolution, pulls and coverage of all jets and of bins, one jet at a time."""
    jets = made_up()
    found = response.compute(estimate_spec(), jets, 5)
    assert found.unmatched == 40
    kept = [k for k in range(3000) if k >= 40]
    ends = [*np.quantile(jets["true"][40:], np.linspace(0, 1, 7))[:-1], np.inf]
    parts = [[k for k in kept if ends[i] <= jets["true"][k] < ends[i + 1]] for i in range(6)]
    assert sum(map(len, parts)) == 2960
    cases = [(found.whole, kept), *zip(found.bins, parts, strict=True)]
    for one, which in cases:
        weights = [float(jets["weight"][k]) for k in which]
        before = [jets["over"][k] / jets["true"][k] for k in which]
        after = [jets["over"][k] * jets["estimate"][k] / jets["true"][k] for k in which]
        scale = NormalDist().inv_cdf(0.75)
        pulls = [
            (jets["true"][k] / jets["over"][k] - jets["estimate"][k]) / jets["resolution"][k] * scale
            for k in which
        ]
        assert one is not None
        expected = []
        for values in (before, after, pulls):
            ends = [
                slow_quantile(values, weights, share) for share in (0.5 - LEVEL / 2, 0.5, 0.5 + LEVEL / 2)
            ]
            expected.append((ends[1], (ends[2] - ends[0]) / 2))
        for measured, (middle, half) in zip(
            (
                (one.median_before, one.resolution_before), (one.median_after, one.resolution_after)
            ), expected[:2], strict=True,
        ):  # fmt: skip
            assert measured[0].value == pytest.approx(middle, rel=1e-6)
            assert measured[1].value == pytest.approx(half / middle, rel=1e-6)
        assert one.improvement.value == pytest.approx(
            1 - expected[1][1] / expected[1][0] / (expected[0][1] / expected[0][0]), rel=1e-6
        )
        assert one.pull.value == pytest.approx(expected[2][1], rel=1e-6)
    inside = total = 0.0
    for k in kept:
        total += jets["weight"][k]
        away = abs(jets["true"][k] / jets["over"][k] - jets["estimate"][k])
        inside += jets["weight"][k] * (away <= jets["resolution"][k])
    assert found.covered.value == pytest.approx(inside / total)


def test_a_right_resolution_has_pulls_of_1() -> None:
    """And half the jets within it; what the estimate knows is gone from the width of the response."""
    found = response.compute(estimate_spec(), made_up(20_000) | {"weight": np.ones(20_000)}, 5)
    assert found.whole.pull.value == pytest.approx(1, abs=0.03)
    assert found.covered.value == pytest.approx(0.5, abs=0.02)
    assert found.whole.resolution_after.value == pytest.approx(0.1, abs=0.005)
    assert found.whole.resolution_before.value == pytest.approx(np.hypot(0.15, 0.1), abs=0.006)
    assert found.whole.improvement.low < 1 - 0.1 / np.hypot(0.15, 0.1) < found.whole.improvement.high + 0.01
    assert "40 jets have no genPt" in found.caption()
    assert "where 50% would be right" in found.caption()
    figure = response.draw(found, STYLE)
    lines = {line.get_gid() for axes in figure.axes for line in axes.lines}
    assert lines >= {"median_before", "median_after", "resolution_before", "resolution_after", "pull"}


def test_bins_are_those_between_the_edges() -> None:
    """Protects: a bin without numbers keeps its place, also in HEPData, and is said; so is a loss."""
    jets = made_up(600) | {"weight": np.ones(600)}
    first, second = np.nanquantile(jets["true"], [1 / 6, 1 / 3])
    jets["weight"][(jets["true"] >= first) & (jets["true"] < second)] = -0.01
    worse = jets | {"estimate": np.random.default_rng(2).normal(1, 0.5, 600)}
    found = response.compute(estimate_spec(), worse, 5)
    assert len(found.bins) == len(found.edges) - 1 == 6
    assert [one.median_after is None for one in found.bins] == [False, True, False, False, False, False]
    assert "Of 6 bins 1 have no numbers" in found.caption()
    assert "The resolution is worse by" in found.caption()
    assert "-" not in found.caption().split("worse by")[1].split("jets")[0]
    response.draw(found, STYLE)
    few = {name: values[:75] for name, values in (jets | {"weight": np.ones(600)}).items()}
    found = response.compute(estimate_spec(), few, 5)
    assert found.bins == (found.whole,)
    assert found.edges == pytest.approx((np.nanmin(few["true"]), np.nanmax(few["true"])), rel=1e-5)


def test_without_a_divisor_or_quantiles(tmp_path: Path) -> None:
    """The estimate is the number itself: nothing is before, and there are no pulls; few jets are said."""
    jets = made_up()
    plain = {"estimate": jets["true"] * 1.1, "true": jets["true"], "weight": np.ones(3000)}
    found = response.compute(estimate_spec((), ""), plain, 5)
    assert found.whole.median_after.value == pytest.approx(1.1)
    assert found.whole.median_before is None is found.whole.improvement
    assert found.whole.pull is None is found.covered
    assert len(response.draw(found, STYLE).axes) == 2
    still = {**jets, "estimate": jets["estimate"] * 0, "over": jets["true"]}
    found = response.compute(estimate_spec(), still, 5)
    assert found.whole.improvement is None is found.whole.resolution_after
    assert "resolution –" in found.caption()
    response.draw(found, STYLE)
    alike = {name: np.full_like(values, values[-1]) for name, values in jets.items()}
    alike["weight"] = np.abs(alike["weight"])
    found = response.compute(estimate_spec(), alike, 5)  # one truth: no bins of it
    assert found.bins == (found.whole,)
    response.draw(found, STYLE)
    few = response.compute(estimate_spec(), {name: values[:50] for name, values in jets.items()}, 5)
    assert few.message.startswith("Fewer than 20 jets")
    assert few.whole is None
    response.draw(few, STYLE)


def test_it_is_read_from_scores(tmp_path: Path) -> None:
    """Test jets of the classes that were learned from, of that classifier's file; drawn and saved."""
    spec, jets = estimate_spec(), made_up()
    split, label = np.full(3000, 3, "i1"), np.full(3000, 500, "i4")
    split[:100], label[100:300] = 2, 0
    table = {
        "split": split, "label": label, "weight": np.abs(jets["weight"]).astype("f8"),
        "estimate_energy": jets["estimate"].astype("f4"), "side_genPt": jets["true"].astype("f4"),
        "estimate_energy_resolution": jets["resolution"].astype("f4"),
        "side_recoPt": jets["over"].astype("f4"),
    }  # fmt: skip
    path = tmp_path / "scores.parquet"
    io.write_rows(path, ak.zip(table, depth_limit=1), classifier=spec.name, sample=spec.sample)
    found = response.plot_response(spec, path, STYLE, 5, tmp_path / "plot")
    assert found.whole.jets == 2700
    page = io.read_json(tmp_path / "plot.json")["page"]
    assert page["heading"] == "Energy: response and resolution of `energy`"
    assert (tmp_path / "plot.png").is_file()
    other = spec.model_copy(update={"name": "other"})
    with pytest.raises(InputError, match="other"):
        response.plot_response(other, path, STYLE, 5, tmp_path / "plot")
    table["estimate_energy"][[0, 500, 900]] = np.nan  # of the first no test
    io.write_rows(path, ak.zip(table, depth_limit=1), classifier=spec.name, sample=spec.sample)
    with pytest.raises(
        InputError, match="column estimate_energy: 2 of 2700 test rows have values that are not fin"
    ):
        response.plot_response(spec, path, STYLE, 5, tmp_path / "plot")
    table["estimate_energy_resolution"][700] = np.inf
    with pytest.raises(InputError, match=r"column estimate_energy: .* finite; train it again"):
        response.read(spec, rewritten(path, table, spec))
    table["weight"][800] = np.nan  # of pack: no training mends it
    with pytest.raises(InputError, match=r"column weight: 1 of 2700 .* finite; pack the sample again"):
        response.read(spec, rewritten(path, table, spec))


def rewritten(path: Path, table: dict[str, FloatArray], spec: EstimateSpec) -> Path:
    io.write_rows(path, ak.zip(table, depth_limit=1), classifier=spec.name, sample=spec.sample)
    return path
