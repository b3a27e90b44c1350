"""PHYSLITE of ATLAS (Sherpa Z to ee, 100 events): every jet against loops over the raw branches.

The file has one b jet, of 12 GeV, and no c jet: it can say that scores are read right, not that they tag.
"""

from collections import Counter

import awkward as ak
import numpy as np
import pytest
import uproot

from jetsmith import io
from jetsmith.angles import delta_r
from jetsmith.errors import InputError
from jetsmith.skimming import account, inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import physlite, trees
from jetsmith.specs.datasets import DatasetSpec, LeptonsSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

pytestmark = pytest.mark.golden

FILE = "atlas-physlite/PHYSLITE_example.root"
LOOSE = SelectionSpec(pt_min_gev=0, abseta_max=10, jet_id=0)
JETS, LARGE = "AnalysisJetsAuxDyn.", "AnalysisLargeRJetsAuxDyn."
BTAG, INFO = "BTagging_AntiKt4EMPFlowAuxDyn.", "EventInfoAuxDyn."
INDEX = f"{JETS}btaggingLink.m_persIndex"


@pytest.fixture(scope="module")
def raw(shared_data):
    """A branch of the file as lists, read by uproot alone."""
    with uproot.open(shared_data / FILE) as file:
        yield lambda name: file["CollectionTree"][name].array().to_list()


def plan_of(folder, data, obj, **more):
    """What inspect says of the file."""
    spec = DatasetSpec(object=obj, process="zjets", files=(FILE,), **more)
    inspection.inspect_dataset("z", spec, [str(data / FILE)], 2, PartitionSpec(), folder / "inspect.json")
    return io.read_json(folder / "inspect.json"), spec


def rows_of(folder, data, obj, cuts=LOOSE, **more):
    """Rows and cutflow from the branches that inspect plans to read."""
    plan, spec = plan_of(folder, data, obj, **more)
    with uproot.open(data / FILE) as file:
        branches = plan["schemas"][0]["branches"]
        events = trees.table(file["CollectionTree"], "CollectionTree").read(branches, 0, plan["n_entries"])
    rows, cutflow = physlite.rows(events, spec, cuts)
    assert set(rows.fields) == set(plan["columns"])
    return rows, cutflow


@pytest.mark.parametrize(("obj", "n_branches"), [("ak4", 24), ("ak8", 23), ("event", 23)])
def test_inspection(tmp_path, shared_data, obj, n_branches):
    """Layout, codec and bounds are found, whatever other branches uproot cannot read."""
    plan, _ = plan_of(tmp_path, shared_data, obj)
    (record,) = plan["files"]
    assert (plan["layout"], plan["n_entries"], record["codec"]) == ("physlite", 100, "ZLIB(1)")
    assert record["bounds"] == [0, 100]
    assert len(plan["schemas"][0]["branches"]) == n_branches
    assert sum(r["stop"] - r["start"] for part in plan["parts"] for r in part["ranges"]) == 100


def test_a_trigger_is_refused(tmp_path, shared_data):
    """Trigger decisions have no branch of their own."""
    with pytest.raises(InputError, match="no trigger branch `HLT_mu50`"):
        plan_of(tmp_path, shared_data, "ak4", hlt=("HLT_mu50",))


def test_kinematics_are_those_of_a_loop(tmp_path, shared_data, raw):
    """All 881 jets in the order of the file, in GeV, with key and weight of their event."""
    rows, cutflow = rows_of(tmp_path, shared_data, "ak4")
    names = {"jet_pt_gev": "pt", "jet_mass_gev": "m", "jet_raw_pt_gev": "JetConstitScaleMomentum_pt"}
    found = {name: raw(JETS + branch) for name, branch in names.items()}
    numbers, weights = raw(f"{INFO}eventNumber"), raw(f"{INFO}mcEventWeights")
    kinds = raw("PrimaryVerticesAuxDyn.vertexType")
    expected = [
        (numbers[e], j, weights[e][0], sum(kind in (1, 3) for kind in kinds[e]))
        for e, jets in enumerate(found["jet_pt_gev"])
        for j in range(len(jets))
    ]
    assert len(rows) == len(expected) == 881
    assert list(zip(*(rows[n] for n in ("event", "jet_index", "weight", "n_pv")), strict=True)) == expected
    for name, lists in found.items():
        in_gev = [value / 1000 for jets in lists for value in jets]
        np.testing.assert_allclose(rows[name], in_gev, rtol=1e-6)
    assert [line.n for line in cutflow] == [100, 881, 881, 881]


def test_the_key_is_unique(tmp_path, shared_data):
    """A hundred events, a hundred keys; the run is the sample's number."""
    rows, _ = rows_of(tmp_path, shared_data, "event")
    assert len(set(zip(rows["run"], rows["luminosity_block"], rows["event"], strict=True))) == 100
    assert set(rows["run"]) == {700322}


def test_weights_keep_their_sign(tmp_path, shared_data, raw):
    """The first of 319 weights; 22 events are negative."""
    rows, cutflow = rows_of(tmp_path, shared_data, "event")
    lists = raw(f"{INFO}mcEventWeights")
    assert {len(weights) for weights in lists} == {319}
    assert cutflow[0].sum_w == pytest.approx(sum(weights[0] for weights in lists))
    assert cutflow[0].sum_w == pytest.approx(1.2453689e9)
    assert sum(rows["weight"] < 0) == 22


def test_truth_is_that_of_a_loop(tmp_path, shared_data, raw):
    """One b jet, no c jet, no tau; 482 jets have no parton, of pile-up or of an electron."""
    rows, _ = rows_of(tmp_path, shared_data, "ak4")
    hadron, parton = (
        [value for jets in raw(JETS + name) for value in jets]
        for name in ("HadronConeExclTruthLabelID", "PartonTruthLabelID")
    )
    light = {21: 0, 1: 1, 2: 1, 3: 2}
    expected = [500 if h == 5 else light.get(p, 999) for h, p in zip(hadron, parton, strict=True)]
    assert rows["flavour"].to_list() == expected
    assert rows["hadron_flavour"].to_list() == hadron
    assert Counter(expected) == {999: 482, 0: 232, 1: 138, 2: 28, 500: 1}
    assert rows["jet_pt_gev"][rows["hadron_flavour"] == 5].to_list() == pytest.approx([12.435860])


def test_scores_are_those_of_the_links(tmp_path, shared_data, raw):
    """Each score looked up through the link of its jet; the three of a tagger add up to 1."""
    rows, _ = rows_of(tmp_path, shared_data, "ak4")
    index, pt = raw(INDEX), raw(f"{JETS}pt")
    assert [len(jets) for jets in index] == [len(jets) for jets in pt]
    for tagger in ("GN2v00", "DL1dv01"):
        for kind in "bcu":
            scores = raw(f"{BTAG}{tagger}_p{kind}")
            expected = [scores[event][i] for event, jets in enumerate(index) for i in jets]
            assert rows[f"stored_{tagger}_p{kind}"].to_list() == expected
        total = sum(rows[f"stored_{tagger}_p{kind}"] for kind in "bcu")
        np.testing.assert_allclose(total, 1, atol=1e-6)


def test_cuts(tmp_path, shared_data, raw):
    """Central jets above 20 GeV that NNJvt keeps, counted by a loop; none of them is a b jet."""
    rows, cutflow = rows_of(tmp_path, shared_data, "ak4", SelectionSpec(pt_min_gev=20, abseta_max=2.5))
    counts = [0, 0, 0]
    for pts, etas, passes in zip(*(raw(JETS + n) for n in ("pt", "eta", "NNJvtPass")), strict=True):
        for pt, eta, passed in zip(pts, etas, passes, strict=True):
            good = [pt >= 20e3, abs(eta) <= 2.5, bool(passed)]
            for i in range(3):
                counts[i] += all(good[: i + 1])
    assert [(line.cut, line.n) for line in cutflow[2:]] == list(
        zip(("pt", "abseta", "jvt"), counts, strict=True)
    )
    assert counts == [516, 360, 342]
    assert set(rows["hadron_flavour"]) == {0}


def test_large_jets(tmp_path, shared_data, raw):
    """97 jets, QCD but for one of pile-up; one has a b hadron. Their scores are branches of their own."""
    rows, _ = rows_of(tmp_path, shared_data, "ak8")
    labels, n_b = (
        [value for jets in raw(LARGE + name) for value in jets]
        for name in ("R10TruthLabel_R22v1", "GhostBHadronsFinalCount")
    )
    expected = [999 if label == 9 else 1005 if n == 1 else 1000 for label, n in zip(labels, n_b, strict=True)]
    assert rows["flavour"].to_list() == expected
    assert Counter(expected) == {1000: 95, 999: 1, 1005: 1}
    for name, branch in {"stored_GN2Xv01_phbb": "GN2Xv01_phbb", "jet_tau2": "Tau2_wta"}.items():
        assert rows[name].to_list() == [value for jets in raw(LARGE + branch) for value in jets]
    total = sum(rows[f"stored_GN2Xv01_p{kind}"] for kind in ("hbb", "hcc", "top", "qcd"))
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_z_events(tmp_path, shared_data, raw):
    """Every event has its two electrons, at the mass of the Z; jets fall in pt and avoid electrons."""
    rows, _ = rows_of(tmp_path, shared_data, "event")
    names = ("px", "py", "pz", "e", "classifierParticleOrigin")
    momenta = [raw(f"TruthElectronsAuxDyn.{name}") for name in names]
    masses = []
    for event in zip(*momenta, strict=True):
        px, py, pz, e = (sum(v for v, o in zip(c, event[4], strict=True) if o == 13) for c in event[:4])
        masses.append(np.sqrt(e**2 - px**2 - py**2 - pz**2) / 1000)
    np.testing.assert_allclose(rows["z_mass_gev"], masses, rtol=1e-4)
    assert abs(np.median(masses) - 91) < 2
    assert ak.all(rows["genjet_pt_gev"][:, 1:] <= rows["genjet_pt_gev"][:, :-1])
    assert ak.min(rows["genjet_pt_gev"]) > 15


def test_electrons_are_among_the_jets(tmp_path, shared_data, raw):
    """196 jets lie at an electron of a Z: nothing removes them here, as the docstring of the layout says."""
    rows, _ = rows_of(tmp_path, shared_data, "ak4")
    electrons = {}
    parts = (raw(f"TruthElectronsAuxDyn.{n}") for n in ("px", "py", "pz", "classifierParticleOrigin"))
    for number, *event in zip(raw(f"{INFO}eventNumber"), *parts, strict=True):
        electrons[number] = [
            (np.arcsinh(z / np.hypot(x, y)), np.arctan2(y, x))
            for x, y, z, origin in zip(*event, strict=True)
            if origin == 13
        ]
    near = 0
    for event, eta, phi in zip(*(rows[n] for n in ("event", "jet_eta", "jet_phi_rad")), strict=True):
        turns = [(eta - e, (phi - p + np.pi) % (2 * np.pi) - np.pi) for e, p in electrons[event]]
        near += min(np.hypot(*turn) for turn in turns) < 0.2
    assert near == 196


@pytest.mark.parametrize(("obj", "n_rows"), [("ak4", 881), ("ak8", 97), ("event", 100)])
def test_skim_and_account(tmp_path, shared_data, obj, n_rows):
    """The stages read the file, in two partitions, and account for every event."""
    plan, spec = plan_of(tmp_path, shared_data, obj)
    made = [
        [tmp_path / f"{part}.{end}" for end in ("parquet", "json", "identity.parquet")] for part in range(2)
    ]
    for part, paths in enumerate(made):
        skim.skim_partition("z", spec, LOOSE, SkimSpec(), tmp_path / "inspect.json", part, *paths)
    reports, identities = [paths[1] for paths in made], [paths[2] for paths in made]
    output = tmp_path / "account.json"
    account.account_dataset("z", tmp_path / "inspect.json", reports, identities, 0.0, output)
    found = io.read_json(output)
    assert (found["n_entries"], found["n_events"], found["n_rows"]) == (100, 100, n_rows)
    about = found["normalisation"]
    assert about["sum_w"] == pytest.approx(1.2453689e9, rel=1e-6)
    assert "CutBookkeepers" in about["how"]  # this file has none, and jetsmith would not read them
    rows = ak.concatenate([io.read_rows(paths[0]) for paths in made])
    expected, _ = rows_of(tmp_path, shared_data, obj)
    assert ak.array_equal(rows, expected[plan["columns"]], equal_nan=True)


@pytest.mark.parametrize("obj", ["ak4", "event"])
def test_leptons_select_the_events_that_a_loop_selects(tmp_path, shared_data, raw, obj):
    """Z to ee: two tight isolated electrons of opposite charges in every seventh event; no jet is of them."""
    rows, cutflow = rows_of(tmp_path, shared_data, obj, leptons=LeptonsSpec(channels=("ee", "mumu")))
    names = ("pt", "eta", "phi", "charge", "DFCommonElectronsLHTight", "topoetcone20")
    tracks = "ptvarcone30_Nonprompt_All_MaxWeightTTVALooseCone_pt1000"
    electrons = [raw(f"AnalysisElectronsAuxDyn.{name}") for name in (*names, tracks)]
    muons = [raw(f"AnalysisMuonsAuxDyn.{name}") for name in ("pt", "eta", "charge", "quality")]
    numbers, eta, phi = raw(f"{INFO}eventNumber"), raw(f"{JETS}eta"), raw(f"{JETS}phi")
    n_events, jets = 0, []
    for i in range(100):
        good = [
            e
            for e in zip(*(column[i] for column in electrons), strict=True)
            if e[0] >= 25_000 and abs(e[1]) <= 2.4 and e[4] and max(e[5], e[6]) < 0.06 * e[0]
        ]
        assert not [m for m in zip(*(column[i] for column in muons), strict=True) if m[0] >= 25_000]
        if len(good) != 2 or good[0][3] + good[1][3] != 0:
            continue
        n_events += 1
        jets += [
            (numbers[i], k, max(good)[3])
            for k, (a, b) in enumerate(zip(eta[i], phi[i], strict=True))
            if all(delta_r(a, b, e[1], e[2]) >= 0.4 for e in good)
        ]
    assert n_events == 14
    assert {step.cut: step.n for step in cutflow}["leptons"] == n_events
    if obj == "ak4":
        assert list(zip(rows["event"], rows["jet_index"], rows["lepton_charge"], strict=True)) == jets
