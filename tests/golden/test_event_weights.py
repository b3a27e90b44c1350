"""Event weights on the scale factors that CMS' BTV group published for 2018, and on jets of CMS."""

import itertools
from pathlib import Path
from typing import Any

import awkward as ak
import correctionlib
import numpy as np
import pytest
import uproot

from jetsmith.event_weights import FixedWorkingPoints, Shape
from tests.unit import correction_files as files

pytestmark = pytest.mark.golden
FILE = "reference-corrections/btagging_2018_UL.json.gz"
TTBAR = "cms-nanoaod/nano_tt_v12.root"
THRESHOLDS = {"L": 0.049, "M": 0.2783, "T": 0.71}  # of DeepJet in 2018, as published
LIGHT = {"btag_light_correlated", "btag_light_uncorrelated_2018"}
YEARS = ("correlated", "uncorrelated")
BREAKDOWN = ("fsr", "hdamp", "isr", "jer", "jes", "pileup", "qcdscale", "statistic", "topmass", "type3")


@pytest.fixture
def published(shared_data: Path) -> Any:
    """What correctionlib makes of the file."""
    return correctionlib.CorrectionSet.from_file(str(shared_data / FILE))


def fixed(data: Path, folder: Path, points: Any = ("L", "M", "T"), **more: Any) -> FixedWorkingPoints:
    """DeepJet of 2018, with efficiencies made up."""
    content = files.efficiencies(folder / "eff.json").read_text().replace("mc_wp_values", "mc_other")
    (folder / "eff.json").write_text(content)
    return FixedWorkingPoints(data / FILE, folder / "eff.json", "deepJet", points, "2018", **more)


def test_what_the_file_says(shared_data: Path, tmp_path: Path) -> None:
    """Thresholds, and each source by its name; statistical ones of each year alone, as the file describes."""
    weigh = fixed(shared_data, tmp_path)
    assert weigh.thresholds == THRESHOLDS
    assert set(weigh.sources) == {"btag_heavy_correlated", "btag_heavy_uncorrelated_2018"} | LIGHT
    named = {source: f"{source}_2018" if source == "statistic" else source for source in BREAKDOWN}
    weigh = fixed(shared_data, tmp_path, uncertainties="breakdown")
    assert set(weigh.sources) == {f"btag_heavy_{name}" for name in named.values()} | LIGHT
    weigh = fixed(shared_data, tmp_path, uncertainties="breakdown", heavy="mujets")
    parts = {f"btag_heavy_{named[source]}" for source in ("jes", "pileup", "statistic", "type3")}
    assert set(weigh.sources) == parts | LIGHT
    assert set(Shape(shared_data / FILE, "deepJet", "2018").sources) == {
        "btag_hf", "btag_lf", "btag_cferr1", "btag_cferr2",
        *(f"btag_{flavour}stats{i}_2018" for flavour in ("hf", "lf") for i in (1, 2)),
    }  # fmt: skip


@pytest.mark.parametrize("heavy", ["comb", "mujets"])
def test_a_jet_that_passes_has_the_published_factor(
    shared_data: Path, tmp_path: Path, published: Any, heavy: str
) -> None:
    """Nominal and by source, of each flavour at each point, to the bit; other flavours' sources leave it."""
    pt = [20.0, 77.0, 999.0]
    for point, flavour in itertools.product(THRESHOLDS, files.FLAVOURS):
        group, name = ("heavy", heavy) if flavour else ("light", "incl")
        factors = {
            key: [published[f"deepJet_{name}"].evaluate(key, point, flavour, 1.7, x) for x in pt]
            for key in ("central", *(f"{way}_{kind}" for way in ("up", "down") for kind in YEARS))
        }
        weigh = fixed(shared_data, tmp_path, point, heavy=heavy)
        found = weigh([[x] for x in pt], [[-1.7]] * 3, [[flavour]] * 3, [[THRESHOLDS[point]]] * 3)
        assert found.nominal.tolist() == factors["central"]
        for source in weigh.sources:
            _, of, kind, *_ = source.split("_")
            for way, weights in (("up", found.up), ("down", found.down)):
                key = f"{way}_{kind}" if of == group else "central"
                assert weights[source].tolist() == factors[key]


def test_shapes_are_the_published_ones(shared_data: Path, published: Any) -> None:
    """BTV's rule: hf, lf and their statistical parts for b and light jets, cferr for c, else central."""
    factors, n = published["deepJet_shape"], 200
    rng = np.random.default_rng(5)
    pt, eta, score = rng.uniform(20, 300, n), rng.uniform(-2.4, 2.4, n), rng.uniform(0, 1, n)
    for flavour in files.FLAVOURS:
        columns = (x[:, None] for x in (pt, eta, np.full(n, flavour), score))
        found = Shape(shared_data / FILE, "deepJet", "2018")(*columns)
        for source, weights in found.up.items():
            kind = source.split("_")[1]
            applies = (flavour == 4) == kind.startswith("cferr")
            systematic = f"up_{kind}" if applies else "central"
            np.testing.assert_array_equal(weights, factors.evaluate(systematic, flavour, abs(eta), pt, score))
            assert applies or (weights == found.nominal).all()


def test_formulas_are_not_followed_beyond_their_range(
    shared_data: Path, tmp_path: Path, published: Any
) -> None:
    """What docs/event_weights.md says of light jets of 3 TeV: correctionlib's clamp follows the formula."""
    light = published["deepJet_incl"]
    assert light.evaluate("central", "L", 0, 1.0, 3000.0) == pytest.approx(2.6, abs=0.05)
    assert light.evaluate("up_correlated", "L", 0, 1.0, 3000.0) == pytest.approx(0.7, abs=0.05)
    found = fixed(shared_data, tmp_path, "L")([[3000.0]], [[1.0]], [[0]], [[1.0]])
    end = light.evaluate("central", "L", 0, 1.0, 1000.0)
    assert found.nominal[0] == pytest.approx(end) == pytest.approx(1.19, abs=0.01)
    doubled = end + 2 * (light.evaluate("up_correlated", "L", 0, 1.0, 1000.0) - end)
    assert found.up["btag_light_correlated"][0] == pytest.approx(doubled)
    assert found.counts["n_pt_beyond_scale_factors"] == 1


def test_real_jets(shared_data: Path, tmp_path: Path) -> None:
    """Lists as NanoAOD has them go in as they are; every jet is weighed or counted, and none is an error."""
    names = ("pt", "eta", "hadronFlavour", "btagDeepFlavB")
    with uproot.open(shared_data / TTBAR) as file:
        columns = [file["Events"][f"Jet_{name}"].array() for name in names]
    n_outside = int(ak.sum(abs(columns[1]) >= 2.4))
    for weigh in (fixed(shared_data, tmp_path), Shape(shared_data / FILE, "deepJet", "2018")):
        found = weigh(*columns)
        assert len(found.nominal) == len(columns[0]) == found.counts["n_events"]
        assert found.counts["n_jets"] == ak.count(columns[0])
        assert 0 < found.counts["n_outside_abseta"] <= n_outside
        for weights in (found.nominal, *found.up.values(), *found.down.values()):
            assert np.isfinite(weights).all()
        for source, up in found.up.items():
            assert (up != found.nominal).any()
            assert (found.down[source] != found.nominal).any()
