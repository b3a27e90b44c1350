"""Public models of h_damp as reweighters, and generator-level columns of files that nobody here made."""

import json
import math
import os
import shutil
import subprocess
import sys

import awkward as ak
import numpy as np
import onnxruntime
import pytest
import uproot
import yaml

from jetsmith import io

from ..workflow.conftest import ROOT, copy_project
from .test_real_files import DRELL_YAN, TTBAR, rows_of

pytestmark = pytest.mark.golden
# What the models say of these 200 events: mean, standard deviation, smallest and largest weight.
PUBLISHED = {"up": (1.0092, 0.0469, 0.972, 1.152), "down": (0.9885, 0.0595, 0.866, 1.061)}
RUN = {
    "seed": 1,
    "samples": {"tt": {"datasets": ["nano_ttbar_events"]}},
    "reweighters": {"hdamp_up": "tt", "hdamp_down": "tt"},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory, shared_data):
    """A run with both reweighters, files of the configuration as they are."""
    project = copy_project(tmp_path_factory.mktemp("hdamp") / "project").folder
    (project / "config/config.yaml").write_text(yaml.safe_dump(RUN | {"data_root": str(shared_data)}))
    for way in PUBLISHED:
        shutil.copy(shared_data / f"reference-models/hdamp_{way}_13p6TeV.onnx", project)
    run = (
        "import sys; from pathlib import Path; from tests.workflow import in_process; "
        "in_process.run(Path(sys.argv[1]))"
    )
    places = f"{project / 'workflow'}{os.pathsep}{ROOT}"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", run, str(project)],
        capture_output=True,
        text=True,
        cwd=project,
        env=os.environ | {"PYTHONPATH": places, "MPLBACKEND": "agg"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    return project / "results"


@pytest.mark.parametrize("way", PUBLISHED)
def test_weights_are_the_published_ones(results, shared_data, way):
    """To the digits of the note that came with the models, and event by event as its script computes them."""
    rows = io.read_rows(results / f"weights/hdamp_{way}/nano_ttbar_events.parquet")
    weight = np.asarray(rows["weight"])
    mean, deviation, smallest, largest = PUBLISHED[way]
    assert len(weight) == 200
    assert (weight.mean(), weight.std()) == pytest.approx((mean, deviation), abs=5e-5)
    assert (weight.min(), weight.max()) == pytest.approx((smallest, largest), abs=5e-4)
    for name in ("ratio", "weight_up", "weight_down"):
        np.testing.assert_array_equal(np.asarray(rows[name]), weight)
    assert not np.asarray(rows["outside"]).any()
    expected = as_published(shared_data, way)
    keys = list(
        zip(*(np.asarray(rows[name]).tolist() for name in ("luminosity_block", "event")), strict=True)
    )
    np.testing.assert_allclose(weight, [expected[key] for key in keys], rtol=2e-5)


def as_published(data, way):
    """Weight by luminosity block and event: a loop over events, from the file's branches alone."""
    tree = uproot.open(data / TTBAR)["Events"]
    names = ("pt", "eta", "phi", "mass", "pdgId", "statusFlags")
    events = ak.zip({name: tree[f"GenPart_{name}"].array() for name in names}).to_list()
    model = onnxruntime.InferenceSession(str(data / f"reference-models/hdamp_{way}_13p6TeV.onnx"))
    found = {}
    keys = zip(tree["luminosityBlock"].array().to_list(), tree["event"].array().to_list(), strict=True)
    for key, event in zip(keys, events, strict=True):
        lines, x, y = [], 0.0, 0.0
        for pdg_id, code in ((6, 0.1), (-6, 0.2)):
            (quark,) = (p for p in event if p["pdgId"] == pdg_id and p["statusFlags"] >> 12 & 1)
            pt, pz = quark["pt"], quark["pt"] * math.sinh(quark["eta"])
            energy = math.sqrt(pt**2 + pz**2 + quark["mass"] ** 2)
            rapidity = 0.5 * math.log((energy + pz) / (energy - pz))
            lines.append([math.log10(pt), rapidity, quark["phi"], quark["mass"] / 243.9517, code, 1.379])
            x, y = x + pt * math.cos(quark["phi"]), y + pt * math.sin(quark["phi"])
        ((up, nominal),) = model.run(None, {"input": np.array([lines], np.float32)})[0]
        found[key] = up / nominal if math.hypot(x, y) < 1000 else 1.0
    return found


def test_untested_weights_are_said_to_be(results):
    """The page has a line for each, with its target; there is no closure test, and no figure of one."""
    page = (results / "report/index.html").read_text()
    section = page.split('<h2 id="untested">')[1].split("</section>")[0]
    for way in PUBLISHED:
        numbers = json.loads((results / f"weights/hdamp_{way}/nano_ttbar_events.json").read_text())
        assert numbers["splits"]["all"]["n_events"] == 200
        row = section.split(f"h_damp {way} (CMS)")[1].split("</tr>")[0]
        assert "not tested" in row
        assert f"powheg_hdamp_{way}" in row
    verdict = json.loads((results / "report/verdict.json").read_text())
    assert {verdict[f"hdamp_{way}"] for way in PUBLISHED} == {"not tested"}
    assert not (results / "closure").exists()
    assert 'id="closure"' not in page


def test_lhe_columns_agree_with_each_other(tmp_path, shared_data):
    """Partons of the particle list are those that CMS counted and summed; codes are no numbers."""
    rows, account = rows_of(tmp_path, shared_data, [DRELL_YAN], "event", events="all")
    assert len(rows) == account["n_events"] == 40
    assert ak.num(rows["lhe_parton_pt_gev"]).to_list() == rows["n_lhe_jets"].to_list()
    assert ak.sum(rows["lhe_parton_pt_gev"], axis=1).to_numpy() == pytest.approx(
        rows["lhe_ht_gev"].to_numpy(), rel=1e-4, abs=5e-3
    )
    assert set(rows["n_lhe_nlo"].to_list()) == {0, 1, 2}  # FxFx: 0, 1 and 2 partons at NLO
    assert ak.all(np.isnan(rows["n_lhe_lo"]))
    of_kind = sum(rows[f"n_lhe_{name}"] for name in ("b", "c", "uds", "gluons"))
    assert of_kind.to_list() == rows["n_lhe_jets"].to_list()
    z = ~np.isnan(rows["z_pt_gev"].to_numpy())  # electrons and muons; the others are taus
    assert 0 < z.sum() < 40
    assert ak.all(np.isnan(rows["first_top_pt_gev"]))


def test_tops_of_a_real_file(tmp_path, shared_data):
    """One top and one antitop an event, of the mass that tops have; last copies have recoiled a little."""
    rows, _ = rows_of(tmp_path, shared_data, [TTBAR], "event", events="all")
    assert len(rows) == 200
    for copy in ("first", "last"):
        for quark in ("top", "antitop"):
            mass = rows[f"{copy}_{quark}_mass_gev"].to_numpy()
            assert np.isfinite(mass).all()
            assert np.median(mass) == pytest.approx(172.5, abs=1.0)
    moved = np.abs(rows["last_top_pt_gev"] - rows["first_top_pt_gev"]).to_numpy()
    assert 0 < np.median(moved) < 30
    assert "lhe_parton_pt_gev" not in rows.fields  # this file has LHE_HT, and no list of particles
