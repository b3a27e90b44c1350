"""Protects scale factors of light jets by negative tags: the number, its errors, its truth, its refusals."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import correctionlib
import numpy as np
import pytest
import yaml

from jetsmith import io
from jetsmith.configuration.load import load
from jetsmith.errors import ConfigError, InputError
from jetsmith.event_weights import FixedWorkingPoints
from jetsmith.handed.measurement import Measurement
from jetsmith.hashing import SPLITS
from jetsmith.measuring.corrections import combine_measurements
from jetsmith.measuring.jets import Source
from jetsmith.measuring.negative import Tags, efficiency_of, light_factor
from jetsmith.measuring.stage import measure
from jetsmith.plots.fits import compute as compute_fits
from jetsmith.plots.scale_factors import plot_scale_factors
from jetsmith.report.measurements import scale_factors
from jetsmith.specs.measurements import FitSpec, UncertaintiesSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.stages import check
from tests.unit import correction_files as files
from tests.unit import measured_runs
from tests.unit.spoil import ROOT, edit, put, run_of
from tests.unit.test_calibration import make_spec

CLASSES = ("light_jets", "b_jets", "c_jets", "other")
NOTHING = UncertaintiesSpec(rate=0, mistag=0, energy_scale=0)
PT = (30.0, 60.0, 120.0)


def tags(jets: float = 1e6, light: float = 0.02, heavy: float = 0.05) -> Tags:
    """Simulation with half as many negative tags of light jets as positive ones, and few of heavy ones."""
    n = jets * np.array([0.85, 0.05, 0.1, 0.0])
    positive, negative = np.array([light, 0.7, 0.2, 0]), np.array([light / 2, heavy, 0.03, 0])
    sums = [np.array([share * n, (1 - share) * n]) for share in (positive, negative)]
    return Tags(*sums, *sums)


def seen(passing: float, failing: float) -> Any:
    return np.array([[passing, failing], [passing, failing]])


def test_the_factor_is_arithmetic() -> None:
    """Data over simulation of all jets with turned signs, and statistics alone without uncertainties."""
    simulation = tags()
    found = light_factor(simulation, seen(300, 9_700), {}, CLASSES, NOTHING, "incl").factor
    passing = 0.85 * 0.01 + 0.05 * 0.05 + 0.1 * 0.03
    assert found.value == pytest.approx(0.03 / passing)
    error = np.sqrt(0.03 * 0.97 / 10_000) / passing
    assert found.independent == pytest.approx(error, rel=0.02)
    assert (found.up + found.down) / 2 == pytest.approx(error, rel=0.02)
    assert found.up > found.down > 0  # Wilson's interval of few
    assert found.sources == {}
    assert simulation.ratio == pytest.approx(0.02 / passing)
    assert simulation.purity == pytest.approx(0.85 * 0.01 / passing)


def test_a_class_whose_weights_are_negative_in_sum_is_uncertain_too() -> None:
    """Its number has its rate, with the other sign; how many of none pass says nothing."""
    simulation = tags()
    negative = simulation.negative.copy()
    negative[:, 2] *= -0.1
    asked = UncertaintiesSpec(rate=0.3, mistag=0.2, energy_scale=0)
    given = replace(simulation, negative=negative)
    found = light_factor(given, seen(300, 9_700), {}, CLASSES, asked, "incl").factor.sources
    assert {*found} == {"incl_b_jets_rate", "b_jets_negative_mistag", "incl_c_jets_rate"}
    turned = negative[0].sum() / negative.sum()
    more = (negative[0].sum() + 0.3 * negative[0, 2]) / (negative.sum() + 0.3 * negative[:, 2].sum())
    assert found["incl_c_jets_rate"] == pytest.approx(0.03 * (1 / more - 1 / turned), rel=0.02)
    assert found["incl_c_jets_rate"] > 0


def test_statistics_of_simulation_count() -> None:
    """A tenth of the effective jets of data leave sqrt(11) times the error."""
    many, few = (
        light_factor(tags(n), seen(3000, 97_000), {}, CLASSES, NOTHING, "incl").factor for n in (1e12, 1e4)
    )
    assert few.independent > 3 * many.independent
    weighted = tags(1e4)
    heavier = replace(weighted, negative2=4 * weighted.negative2)
    assert light_factor(heavier, seen(3000, 97_000), {}, CLASSES, NOTHING, "i").factor.independent > (
        1.8 * few.independent
    )


def twin(simulation: Tags, data: float, rates: list[float], passing: list[float]) -> float:
    """e-(data) R over e(light), class by class, with other numbers of jets and of those that pass."""
    total = passed = 0.0
    for c in range(len(rates)):
        n_pass, n_fail = simulation.negative[0, c], simulation.negative[1, c]
        n = (n_pass + n_fail) * (1 + rates[c])
        total += n
        passed += n * n_pass / (n_pass + n_fail) * (1 + passing[c]) if n else 0.0
    light = simulation.positive[0, 0] / (simulation.positive[0, 0] + simulation.positive[1, 0])
    ratio = light / (passed / total)
    return data * ratio / light


def test_sources_are_those_of_a_slow_twin() -> None:
    """Each moves R; they add up in quadrature; rates are of the measurement, efficiencies of the class."""
    simulation = tags()
    asked = UncertaintiesSpec(rate=0.3, mistag=0.2, energy_scale=0)
    other = tags(light=0.024)
    shifted = tags(light=0.021), tags(light=0.019, heavy=0.055)
    found = light_factor(
        simulation, seen(300, 9_700), {"generator": [other], "energy_scale": shifted}, CLASSES, asked, "incl"
    ).factor
    assert {*found.sources} == {
        *("incl_b_jets_rate", "incl_c_jets_rate", "b_jets_negative_mistag", "c_jets_negative_mistag"),
        *("generator", "energy_scale"),
    }
    for place, entry in ((1, "b_jets"), (2, "c_jets")):
        for name, key in ((f"incl_{entry}_rate", "rates"), (f"{entry}_negative_mistag", "passing")):
            size = 0.3 if key == "rates" else 0.2
            ends = []
            for sign in (1, -1):
                given = {"rates": [0.0] * 3, "passing": [0.0] * 3}
                given[key][place] = sign * size
                ends.append(twin(simulation, 0.03, **given))
            assert found.sources[name] == pytest.approx((ends[0] - ends[1]) / 2, rel=1e-9)
            assert found.sources[name] < 0  # more heavy flavour in negative tags leaves fewer light ones
    assert found.sources["generator"] == pytest.approx(found.value * (other.ratio / simulation.ratio - 1))
    spread = (shifted[0].ratio - shifted[1].ratio) / 2 / simulation.ratio
    assert found.sources["energy_scale"] == pytest.approx(found.value * spread)
    parts = [found.independent, *found.sources.values()]
    assert (found.up + found.down) / 2 == pytest.approx(np.linalg.norm(parts), rel=0.02)


@pytest.mark.parametrize("ends", [(0.05, 0.05), (0.05, 0.02), (-0.01, -0.04), (0.03, -0.05)])
def test_a_source_whose_ends_lie_on_one_side_is_as_large_as_the_larger(ends: tuple[float, float]) -> None:
    """Half of what lies between them would be nothing, however far both move R."""
    simulation = tags()
    moved = [replace(simulation, positive=simulation.positive * [[1 + by], [1.0]]) for by in ends]
    moved = [replace(one, positive2=one.positive) for one in moved]
    given = simulation, seen(300, 9_700), {"energy_scale": moved}, CLASSES, NOTHING, "incl"
    found = light_factor(*given).factor
    changes = [one.ratio / simulation.ratio - 1 for one in moved]
    larger = max(changes, key=abs)
    is_one_side = changes[0] * changes[1] > 0
    expected = larger if is_one_side else (changes[0] - changes[1]) / 2
    assert found.sources["energy_scale"] == pytest.approx(found.value * expected)
    assert found.up > found.value * abs(expected)


def test_no_more_jets_pass_than_there_are() -> None:
    """A class that nearly always passes with turned signs keeps its number."""
    simulation = tags()
    simulation.negative[:, 1] = 99, 1
    moved = simulation.with_more_passing(1, 0.2).negative[:, 1]
    assert moved.tolist() == [100, 0]
    assert simulation.with_more_passing(1, -0.2).negative[:, 1] == pytest.approx([79.2, 20.8])


@pytest.mark.parametrize("n", [400, 10_000])
def test_pulls_of_pseudo_experiments(n: int) -> None:
    """Found less true over the error is 0 and 1, with nuisances and the simulation's statistics at work."""
    asked = UncertaintiesSpec(rate=0.3, mistag=0.2, energy_scale=0)
    given = tags(5e4), seen(0.05 * n, 0.95 * n), {"generator": [tags(light=0.024)]}, CLASSES, asked, "incl"
    found = light_factor(*given, pseudo_experiments=2000, seed=3)
    assert np.isfinite(found.pulls).all()
    assert abs(found.pulls.mean()) < 0.2
    assert 0.9 < found.pulls.std() < 1.1
    again = light_factor(*given, pseudo_experiments=2000, seed=3)
    np.testing.assert_array_equal(again.pulls, found.pulls)


REFUSED = {
    "data have no jets": (tags(), seen(0, 0), {}),
    "no jets of data pass with turned signs": (tags(), seen(0, 10), {}),
    "or none fail": (tags(), seen(10, 0), {}),
    "simulation has no light jets that pass": (tags(light=0.0), seen(1, 10), {}),
    "no light jets that pass with turned signs": (
        replace(tags(), negative=np.array([[0.0, 2, 1, 0], [100, 10, 10, 0]])),
        seen(1, 10),
        {},
    ),
    "130% of the light jets would pass in data, .* errors above all": (
        tags(light=0.8, heavy=0.5),
        seen(6_000, 4_000),
        {},
    ),
    "generator: simulation has no light jets": (tags(), seen(1, 10), {"generator": [tags(light=0.0)]}),
    "simulation knows how many pass with turned signs to 5\\d% alone, 50% at most": (
        tags(jets=260),
        seen(1, 10),
        {},
    ),
    "simulation has no jets that pass with turned signs": (
        replace(tags(), negative=np.array([[-5.0, 2, 1, 0], [100, 10, 10, 0]])),
        seen(1, 10),
        {},
    ),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_measured_says_why(said: str) -> None:
    """Empty sums, and sums that negative weights leave below 0."""
    with pytest.raises(InputError, match=said):
        light_factor(*REFUSED[said], CLASSES, NOTHING, "incl")


def write(path: Path, name: str, n: int, seed: int, wide: float = 1.0, turned: bool = False) -> Source:
    """Jets whose discriminant is of the smearing (symmetric), and of heavy ones of the lifetime (positive).

    `wide` is a worse resolution. With turned signs smearing has the other sign, and lifetimes are negative.
    """
    rng = np.random.default_rng(seed)
    label = rng.choice([500, 400, 0], n, p=[0.04, 0.08, 0.88]).astype("i4")
    smeared = rng.normal(size=n) * wide
    life = np.select([label == 500, label == 400], [rng.exponential(4.0, n), rng.exponential(1.0, n)], 0.0)
    significance = (smeared + life) * (-1 if turned else 1)
    event = np.repeat(np.arange(n // 2), 2)
    pt = rng.uniform(25, 130, n).astype("f4")
    p = 1 / (1 + np.exp(3.4 - significance * (1 + pt / 200)))
    table = {
        "run": np.ones(n, "u4"),
        "luminosity_block": np.ones(n, "u4"),
        "event": event.astype("u8"),
        "dataset": np.zeros(n, "i4"),
        "split": np.sort(event % 4).astype("i1"),
        "label": label,
        "weight": np.where(rng.random(n) < 0.2, 0.5, 1.0),
        "jet_pt_gev": pt,
        "jet_eta": rng.uniform(-2.4, 2.4, n).astype("f4"),
        "scored": np.ones(n, bool),
        "not_tagged": np.zeros(n, bool),
        "p_b_jets": p,
        "p_c_jets": np.zeros(n),
        "p_light_jets": 1 - p,
    }
    name += "_turned" if turned else ""
    io.write_rows(path / f"{name}.parquet", ak.zip(table, depth_limit=1), classifier="deepcsv", sample=name)
    return Source(name, path / f"{name}.parquet", path / "packed" / name, SPLITS)


SETTINGS = FitSpec(
    method="negative_tags",
    pt_bins_gev=PT,
    uncertainties=UncertaintiesSpec(rate=0.2, mistag=0.2, samples={"generator": "other"}),
    pseudo_experiments=100,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pseudo-data with a worse resolution."""
    path: Path = tmp_path_factory.mktemp("negative")
    measured(path)
    combine_measurements(
        "deepcsv", {"incl": path / "incl.json"}, 2.5, path / "correction.json", path / "combination.json"
    )
    return path


def measured(path: Path, of: int = 0) -> Measurement:
    """What is measured of samples that are drawn from seeds of their own."""
    samples: dict[str, Source] = {}
    for name, n, seed, wide in (("data", 80_000, 1, 1.1), ("mc", 100_000, 2, 1.0), ("other", 60_000, 3, 1.0)):
        for turned in (False, True):
            source = write(path, name, n, 10 * of + seed, wide, turned)
            samples[source.name] = source
    measured_runs.write_points(path)
    go(path, samples)
    return io.read_record(Measurement, path / "incl.json", measurement="incl")


def go(path: Path, samples: dict[str, Source], settings: FitSpec = SETTINGS) -> None:
    measure(
        "incl", make_spec().judging_light(), settings, samples, "data", "mc", {"generator": "other"}, True,
        path / "numbers.json", 7, path / "incl.json", path / "incl.workspaces",
        {name: f"{name}_turned" for name in ("data", "mc", "other")},
    )  # fmt: skip


def test_pseudo_data_give_what_is_true(run: Path) -> None:
    """Scale factors of light jets found without their truth agree with it, and are not 1."""
    found = io.read_record(Measurement, run / "incl.json", measurement="incl")
    assert (found.measured, found.flavor, found.method, found.how) == (
        *("light_jets", 0, "negative_tags"),
        "negative tags",
    )
    widths = []
    for point in ("L", "M"):
        assert found.agreement[point].p > 0.01
        for one in found.points[point]:
            assert one.factor is not None
            assert one.true is not None
            assert one.true > 1.08
            assert one.factor.value - 1 > 2 * one.factor.independent
            assert abs(one.away) < 3
            assert one.ratio == pytest.approx(1.05, rel=0.1 if point == "L" else 0.3)  # heavy ones lack tags
            assert one.pulls is not None
            widths.append(one.pulls.width)
            if one.factor.up < 0.2 * one.factor.value:  # others fluctuate, and are held over seeds
                assert 0.7 < widths[-1] < 1.3
            assert sum(one.seen) == pytest.approx(sum(sum(jets) for jets in one.fitted.values()))
    assert 0.7 < np.mean(widths) < 1.3
    sums = io.read_json(run / "incl.workspaces" / "M_30_60.json")
    negative = np.array(sums["simulation"]["negative"])
    assert sums["classes"] == [*CLASSES[:3], "other"]
    seen_of = found.points["M"][0]
    assert seen_of.ratio == pytest.approx(seen_of.efficiency / (negative[0].sum() / negative.sum()))
    assert efficiency_of(*np.array(sums["data"])).value == pytest.approx(seen_of.seen[0] / sum(seen_of.seen))


def test_pulls_are_as_wide_as_errors(tmp_path: Path) -> None:
    """Protects: errors that are too short. Of one sample a bin with an error of 30% has up to 2.2."""
    widths = []
    for of in range(8):
        (tmp_path / str(of)).mkdir()
        points = measured(tmp_path / str(of), of).points
        pulls = [one.pulls for point in ("L", "M") for one in points[point]]
        widths.append([one.width for one in pulls if one is not None])
    mean = np.mean(widths, axis=0)  # bins of L, then of M
    assert mean.shape == (4,)
    assert ((mean > 0.9) & (mean < 1.3)).all()
    assert np.mean(mean) < 1.15


def test_points_draw_numbers_of_their_own(run: Path, tmp_path: Path) -> None:
    """Protects: pulls of points that are correlated; two at one threshold are the same but for these."""
    names = [name + of for name in ("data", "mc", "other") for of in ("", "_turned")]
    samples = {name: Source(name, run / f"{name}.parquet", run / name, SPLITS) for name in names}
    points = {name: {"threshold": 0.1} for name in ("L", "M")}
    numbers = {"judgement": "deepcsv", "working_points": points, "undefined": {}}
    io.write_json(tmp_path / "numbers.json", numbers)
    go(tmp_path, samples)
    found = io.read_record(Measurement, tmp_path / "incl.json", measurement="incl").points
    assert found["L"][0].factor == found["M"][0].factor
    assert found["L"][0].pulls != found["M"][0].pulls


def test_samples_of_other_jets_are_refused(run: Path, tmp_path: Path) -> None:
    """The turned sample of another one, or jets with negative weights that are to be presented as data."""
    samples = {
        source.name: source
        for name in ("data", "mc", "other")
        for source in (write(tmp_path, name, 4000, 2, turned=turned) for turned in (False, True))
    }
    measured_runs.write_points(tmp_path)
    wrong = write(tmp_path, "wrong", 4000, 9, turned=True)
    with pytest.raises(InputError, match="not of the same jets; score both again"):
        go(tmp_path, samples | {"mc_turned": replace(wrong, name="wrong_turned")})
    none = SETTINGS.model_copy(update={"n_jets": (5, 6)})
    with pytest.raises(InputError, match="no jets count"):
        go(tmp_path, samples, none)
    rows = io.read_rows(samples["data"].scores)
    for name in ("data", "data_turned"):
        rows = io.read_rows(samples[name].scores)
        rows["weight"] = -rows["weight"]
        io.write_rows(samples[name].scores, rows, classifier="deepcsv", sample=name)
    with pytest.raises(InputError, match="negative weights, which cannot be presented as data"):
        go(tmp_path, samples)


def test_analyses_take_the_file(run: Path, tmp_path: Path) -> None:
    """`light="incl"`, flavor 0, systematics with their sources; no combination of what stands alone."""
    corrections = correctionlib.CorrectionSet.from_file(str(run / "correction.json"))
    assert {*corrections} == {"deepcsv_incl", "deepcsv_wp_values"}
    found = io.read_record(Measurement, run / "incl.json", measurement="incl").points["M"][0].factor
    assert found is not None
    evaluate = corrections["deepcsv_incl"].evaluate
    assert evaluate("central", "M", 0, 0.5, 40.0) == pytest.approx(found.value)
    assert evaluate("up", "M", 0, 0.5, 40.0) == pytest.approx(found.value + found.up)
    assert evaluate("up_b_jets_negative_mistag", "M", 0, 0.5, 40.0) < found.value
    with pytest.raises(IndexError):
        evaluate("central", "M", 5, 0.5, 40.0)
    assert io.read_json(run / "combination.json")["points"] == {}
    given = run / "correction.json", files.efficiencies(tmp_path / "eff.json"), "deepcsv", "M", "2026"
    weigh = FixedWorkingPoints(*given, heavy=None, as_simulated=[4, 5])
    weights = weigh([[40.0]], [[0.5]], [[0]], [[0.9]])
    assert weights.nominal[0] == pytest.approx(found.value)
    assert {*weights.up} == {"btag_light_correlated", "btag_light_uncorrelated_2026"}


def test_light_jets_stand_beside_the_combination_of_fits(run: Path, tmp_path: Path) -> None:
    """Both in one file, each with its flavor; the combination has the fits alone."""
    fits = measured_runs.run(tmp_path)
    each = {name: fits / f"{name}.json" for name in ("first", "second")} | {"incl": run / "incl.json"}
    combine_measurements("deepcsv", each, 2.5, tmp_path / "c.json", tmp_path / "n.json")
    both, alone = (
        correctionlib.CorrectionSet.from_file(str(path))
        for path in (tmp_path / "c.json", fits / "correction.json")
    )
    assert {*both} == {*alone, "deepcsv_incl"}
    at = "central", "M", 5, 0.5, 40.0
    assert both["deepcsv_comb"].evaluate(*at) == alone["deepcsv_comb"].evaluate(*at)
    assert io.read_json(tmp_path / "n.json")["measurements"] == ["first", "second"]
    given = tmp_path / "c.json", files.efficiencies(tmp_path / "eff.json"), "deepcsv", "M", "2026"
    found = FixedWorkingPoints(*given, as_simulated=[4])([[40.0, 50.0]], [[0.5, 0.1]], [[0, 5]], [[0.9, 0.9]])
    assert found.counts["n_jets"] == 2
    numbers = plot_scale_factors(
        make_spec(), list(each.values()), tmp_path / "n.json", PlotSpec(), tmp_path / "figure"
    )
    assert numbers.labels() == ["b", "light"]
    assert "incl of light" in numbers.caption()
    assert "Band: all measurements of b together" in numbers.caption()


def test_figures_and_page_say_that_tags_are_negative(run: Path, tmp_path: Path) -> None:
    """What purity is of, what R is, what is no source; nothing is called a fit."""
    found = io.read_record(Measurement, run / "incl.json", measurement="incl")
    caption = compute_fits(make_spec(), found).caption()
    assert caption.startswith("Jets that pass with turned signs (left)")
    numbers = plot_scale_factors(
        make_spec(), [run / "incl.json"], run / "combination.json", PlotSpec(), tmp_path / "figure"
    )
    assert numbers.caption().startswith("Efficiency of light in data")
    assert "Band" not in numbers.caption()
    assert numbers.alternative().startswith("Scale factors of DeepCSV by bin of pt: L (incl) 1.")
    (table,) = scale_factors([found], {})
    assert table["about"] == "light_jets at points of deepcsv; negative tags; data over mc"
    assert "with turned signs" in table["notes"][0]
    assert "long-lived light hadrons" in table["notes"][0]


def test_the_run_names_a_tagger_and_its_sample_is_found(tmp_path: Path) -> None:
    """By its datasets and its signs; scores of both are asked for; without light jets there is nothing."""
    folder = Path(shutil.copytree(ROOT / "config", tmp_path / "config"))
    shutil.copy(folder / "negative_tags.yaml", folder / "config.yaml")
    run = load(run_of(folder), folder)
    assert run.run.turned_of("multijet") == "multijet_turned"
    assert run.run.turned_of("jets") is None
    own = ["jets", "multijet_data", "multijet", "multijet_data_turned", "multijet_turned"]
    assert sorted(run.scored_on("csvv2")) == sorted(own)
    turned = {sample: check(run, "csvv2", sample).is_turned for sample in own}
    assert {sample for sample, is_turned in turned.items() if is_turned} == {*own[3:]}
    edit(folder / "taggers" / "csvv2.yaml", put("evaluation", "backgrounds", value=["c_jets"]))
    with pytest.raises(
        ConfigError, match=r"scale_factors\.incl\.judgement: no background .* `flavor: 0`.* c_jets"
    ):
        load(run_of(folder), folder)


def test_the_example_of_the_documentation_is_valid(tmp_path: Path) -> None:
    """That of docs/scale_factors.md, with pseudo-data in the place of data."""
    folder = Path(shutil.copytree(ROOT / "config", tmp_path / "config"))
    text = (ROOT / "docs/scale_factors.md").read_text().partition("## Light jets by negative tags")[2]
    text = text.partition("```yaml")[2].partition("```")[0]
    assert "jetht_2018" in text
    content = yaml.safe_load(text.replace("jetht_2018", "multijet_worse_tracker"))
    own = {"seed": 1, "taggers": {"csvv2": "jets"}, "selection": run_of(folder)["selection"]}
    content["samples"]["jets"] = {"datasets": ["ttbar", "qcd"]}
    found = load(own | content, folder)
    assert found.measured == {"csvv2": ["incl"]}
    assert found.run.scale_factors["incl"].method == "negative_tags"
