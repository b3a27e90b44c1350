"""The reading side on files of CMS that nobody here made (ATLAS: test_physlite)."""

from collections import Counter

import awkward as ak
import numpy as np
import pytest
import uproot

from jetsmith import io
from jetsmith.angles import delta_r
from jetsmith.derivations import of
from jetsmith.errors import InputError
from jetsmith.features.derived import with_derived
from jetsmith.skimming import account, inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import mock, nanoaod
from jetsmith.specs.datasets import DatasetSpec, LeptonsSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

pytestmark = pytest.mark.golden

LOOSE = SelectionSpec(pt_min_gev=0, abseta_max=10, jet_id=0)
PFNANO = "cms-pfnano/pfnano.root"
JETCLASS = "jetclass/JetClassII_example.parquet"
DEEPNTUPLES = "deepntuples/ntuple_ttbar.root"
TTBAR = "cms-nanoaod/nano_tt_v12.root"
DRELL_YAN = "cms-nanoaod/nano_dy.root"
EMPTY = "cms-nanoaod/nano_dy_empty.root"
SENTINELS = "cms-nanoaod/nano_tree.root"


def rows_of(folder, data, files, obj="ak4", cuts=LOOSE, n_parts=1, **more):
    """Inspect, skim and account; all rows, and the account."""
    spec = DatasetSpec(object=obj, process="real", files=tuple(files), **more)
    plan, output = folder / "inspect.json", folder / "account.json"
    inspection.inspect_dataset(
        "real", spec, [str(data / f) for f in files], n_parts, PartitionSpec(), plan,
        has_cross_section=spec.cross_section_pb is not None,
    )  # fmt: skip
    reports, identities = [], []
    for part in range(n_parts):
        paths = [folder / f"{part}.{end}" for end in ("parquet", "json", "identity.parquet")]
        golden = spec.golden_json
        skim.skim_partition("real", spec, cuts, SkimSpec(), plan, part, *paths, golden_json=golden)
        reports.append(paths[1])
        identities.append(paths[2])
    account.account_dataset("real", plan, reports, identities, 0.0, output, spec.cross_section_pb)
    rows = ak.concatenate([io.read_rows(folder / f"{part}.parquet") for part in range(n_parts)])
    return rows, io.read_json(output)


def momentum_over_raw(rows, weighted):
    """Size of the vector sum of all candidates over the raw pt of the jet."""
    x = y = 0.0
    for kind in ("cpf", "npf"):
        pt = rows[f"{kind}_pt_gev"] * (rows[f"{kind}_puppi_weight"] if weighted else 1)
        x = x + ak.sum(pt * np.cos(rows[f"{kind}_phi_rad"]), axis=1)
        y = y + ak.sum(pt * np.sin(rows[f"{kind}_phi_rad"]), axis=1)
    return ak.to_numpy(np.hypot(x, y) / rows["jet_raw_pt_gev"])


@pytest.mark.parametrize(("obj", "weighted", "n_jets"), [("ak4", False, 64), ("ak8", True, 24)])
def test_candidates_add_up_to_their_jet(tmp_path, shared_data, obj, weighted, n_jets):
    """Each jet has its own candidates and all of them: their sum is its raw momentum to half a percent."""
    rows, _ = rows_of(tmp_path, shared_data, [PFNANO], obj)
    assert len(rows) == n_jets
    assert momentum_over_raw(rows, weighted) == pytest.approx(1, abs=5e-3)
    assert ak.all(ak.num(rows["cpf_pt_gev"]) == rows["n_cpf"])
    assert ak.all(np.isfinite(rows["cpf_d0_cm"]) | np.isnan(rows["cpf_d0_cm"]))


@pytest.mark.parametrize(
    ("file", "obj", "more"),
    [
        (PFNANO, "ak4", {}),
        (PFNANO, "ak8", {}),
        (JETCLASS, "ak8", {"weights": "unit", "without": ("jet_id",)}),
    ],
)
def test_tracks_from_decays_are_ahead_of_the_vertex(tmp_path, shared_data, file, obj, more):
    """Twice as many displaced tracks are ahead of the vertex as behind: d0 has one sign in all layouts.

    What decays flies along the jet, so a d0 of the other sign turns this. All layouts with a signed d0.
    The axis is that of the constituents within 0.2 of the track, since large jets have several prongs.
    """
    rows, _ = rows_of(tmp_path, shared_data, [file], obj, **more)
    signs = Counter()
    for row in rows:
        eta, phi, pt = (
            np.concatenate([ak.to_numpy(row[f"{kind}_{name}"]) for kind in ("cpf", "npf")])
            for name in ("eta", "phi_rad", "pt_gev")
        )
        d0, error = (ak.to_numpy(row[f"cpf_{name}"]) for name in ("d0_cm", "d0_err_cm"))
        displaced = (error > 0) & (np.abs(d0) > 5 * error) & (np.abs(d0) < 0.2) & (pt[: len(d0)] > 1)
        for place in np.flatnonzero(displaced):
            around = delta_r(eta, phi, eta[place], phi[place]) < 0.2
            axis = np.angle((pt * np.exp(1j * phi))[around].sum())
            signs[d0[place] * np.sin(axis - phi[place]) > 0] += 1
    assert signs.total() > 30
    assert signs[True] > 2 * signs[False]


@pytest.mark.parametrize(
    ("file", "obj", "jet", "index", "generated"),
    [
        (TTBAR, "ak4", "Jet", "genJetIdx", "GenJet"),
        (TTBAR, "ak8", "FatJet", "genJetAK8Idx", "GenJetAK8"),
        (PFNANO, "ak4", "Jet", "genJetIdx", "GenJet"),
        (PFNANO, "ak8", "FatJet", "genJetAK8Idx", "GenJetAK8"),
    ],
)
def test_generator_jets_are_those_that_uproot_reads(tmp_path, shared_data, file, obj, jet, index, generated):
    """Momentum and mass of each jet's partner, by a loop; most jets have one, of about their momentum."""
    rows, _ = rows_of(tmp_path, shared_data, [file], obj)
    events = uproot.open(shared_data / file)["Events"]
    numbers = events["event"].array().to_list()
    partner, pt, mass = (
        events[name].array() for name in (f"{jet}_{index}", f"{generated}_pt", f"{generated}_mass")
    )
    ratios = []
    for row in rows:
        event = numbers.index(row["event"])
        place = partner[event][row["jet_index"]]
        assert place < len(pt[event])
        if place < 0:
            assert np.isnan(row["jet_gen_pt_gev"])
            assert np.isnan(row["jet_gen_mass_gev"])
            continue
        assert row["jet_gen_pt_gev"] == pt[event][place]
        assert row["jet_gen_mass_gev"] == mass[event][place]
        ratios.append(row["jet_gen_pt_gev"] / row["jet_pt_gev"])
    assert len(ratios) > 0.6 * len(rows)
    assert np.median(ratios) == pytest.approx(1, abs=0.1)


def test_generator_jets_of_deepntuples(tmp_path, shared_data):
    """The momentum that the file has; nothing of the mass."""
    rows, _ = rows_of(tmp_path, shared_data, [DEEPNTUPLES], weights="unit", without=("jet_id",))
    stored = uproot.open(shared_data / DEEPNTUPLES)["deepntuplizer/tree"]["gen_pt"].array()
    assert ak.array_equal(rows["jet_gen_pt_gev"], stored)
    assert "jet_gen_mass_gev" not in rows.fields


def test_vertices_of_pfnano(tmp_path, shared_data):
    """The stored distance of a vertex (less 0.5) is that from its own direction."""
    rows, _ = rows_of(tmp_path, shared_data, [PFNANO])
    turn = (rows["sv_phi_rad"] - rows["jet_phi_rad"] + np.pi) % (2 * np.pi) - np.pi
    distance = np.hypot(rows["sv_eta"] - rows["jet_eta"], turn)
    difference = ak.to_numpy(ak.flatten(distance - rows["sv_delta_r"]))
    assert np.isnan(difference).sum() == 12  # listed nowhere: less than three standard deviations away
    assert np.nanmax(np.abs(difference)) < 1e-3


def test_vertices_that_are_listed_nowhere_have_no_distance(tmp_path, shared_data):
    """Candidates of their jets have none to the nearest vertex, and are not 0.4 away; inspect says why."""
    rows, told = rows_of(tmp_path, shared_data, [PFNANO])
    lost = ak.any(np.isnan(rows["sv_eta"]), axis=1)
    assert ak.sum(lost) > 5
    distance = with_derived(rows, ["cpf_min_delta_r_sv"], of("ak4"))["cpf_min_delta_r_sv"]
    assert ak.all(np.isnan(distance[lost]))
    assert not ak.any(np.isnan(distance[~lost]))
    assert "no direction" in told["content"]["instead"]["sv_eta"]


def test_slots_of_pfnano_hold_no_memory(tmp_path, shared_data):
    """Unused DeepCSV slots of that file hold NaN and 1e30; what is left is finite and sane."""
    rows, _ = rows_of(tmp_path, shared_data, [PFNANO])
    n_tracks = ak.to_numpy(rows["tag_n_selected_tracks"])
    assert list(ak.num(rows["track_sip2d_sig"])) == list(np.minimum(n_tracks, 6))
    for name in (field for field in rows.fields if field.startswith("track_")):
        assert ak.all(np.abs(rows[name]) < 1e4), name
    assert not ak.any(rows["tag_vertex_mass_gev"] == -999)


def test_double_b_of_pfnano(tmp_path, shared_data):
    """Four leading significances fall; no code for missing is left."""
    rows, _ = rows_of(tmp_path, shared_data, [PFNANO], "ak8")
    lists = rows["ddx_track_sip3d_sig"]
    assert ak.all(lists[:, 1:] <= lists[:, :-1])
    assert not any(ak.any(rows[name] == -999) for name in rows.fields if name.startswith("ddx_"))
    assert set(rows["flavour"]) <= {1000, 1004, 1005, 1044, 1055}


def test_truth_of_nanoaod(tmp_path, shared_data):
    """Flavours as the file has them; a third of the b jets hold a decay lepton, 6 of 406 two b hadrons."""
    rows, found = rows_of(tmp_path, shared_data, [TTBAR])
    counts = dict(zip(*np.unique(ak.to_numpy(rows["hadron_flavour"]), return_counts=True), strict=True))
    assert counts == {0: 948, 4: 150, 5: 406}
    by_id = {int(key): n for key, n in found["rows_by_flavour"].items()}
    # A b jet and three c jets have no generator jet.
    assert by_id[510] == 6
    assert by_id[500] + by_id[510] + by_id[520] + by_id[521] == 405
    assert 0.25 < (by_id[520] + by_id[521]) / 405 < 0.5
    assert (by_id[400], by_id[410]) == (135, 12)
    assert "pile_up" not in found["content"]["instead"]


def test_jets_with_two_c_hadrons(tmp_path, shared_data):
    """410 by last c hadrons within 0.4, known by their digits and mothers; by a loop over the particles."""
    rows, _ = rows_of(tmp_path, shared_data, [TTBAR])
    names = ("pdgId", "genPartIdxMother", "eta", "phi")
    tree = uproot.open(shared_data / TTBAR)["Events"]
    events = tree.arrays(["event", *(f"GenPart_{n}" for n in names)]).to_list()
    particles = {event["event"]: [event[f"GenPart_{name}"] for name in names] for event in events}
    found = Counter()
    for jet in rows[np.isin(ak.to_numpy(rows["flavour"]), (400, 410))]:
        ids, mothers, eta, phi = particles[jet["event"]]
        of_c = [abs(i) < 10**6 and max(f"{abs(i):04}"[-4:-2]) == "4" for i in ids]
        above = {mother for mother, is_c in zip(mothers, of_c, strict=True) if is_c}
        last = [k for k, is_c in enumerate(of_c) if is_c and k not in above]
        n = sum(delta_r(eta[k], phi[k], jet["jet_eta"], jet["jet_phi_rad"]) < 0.4 for k in last)
        found[(400 if n < 2 else 410, int(jet["flavour"]))] += 1
    assert found == {(400, 400): 135, (410, 410): 12}


def test_leptonic_b_jets_are_those_of_cms(tmp_path, shared_data):
    """520 and 521 by neutrinos whose mother is a b or a c hadron, by a loop over the particles."""
    rows, _ = rows_of(tmp_path, shared_data, [TTBAR])
    names = ("pdgId", "genPartIdxMother", "eta", "phi")
    events = uproot.open(shared_data / TTBAR)["Events"].arrays(["event", *(f"GenPart_{n}" for n in names)])
    particles = {}
    for event in events:
        ids, mothers = (event[f"GenPart_{name}"].to_list() for name in names[:2])
        parents = [abs(ids[m]) if m >= 0 else 0 for m in mothers]
        found = [
            (
                5 if parent // 100 == 5 or parent // 1000 == 5 else 4,
                event.GenPart_eta[i],
                event.GenPart_phi[i],
            )
            for i, parent in enumerate(parents)
            if abs(ids[i]) in (12, 14, 16) and {parent // 100, parent // 1000} & {4, 5}
        ]
        particles[event["event"]] = found
    expected = []
    b_jets = rows[np.isin(ak.to_numpy(rows["flavour"]), (500, 520, 521))]
    for jet in b_jets:
        near = {
            quark
            for quark, eta, phi in particles[jet["event"]]
            if delta_r(eta, phi, jet["jet_eta"], jet["jet_phi_rad"]) < 0.4
        }
        expected.append(520 if 5 in near else 521 if near else 500)
    assert b_jets["flavour"].to_list() == expected
    assert Counter(expected) == {500: 250, 520: 79, 521: 70}


def flavour_of_cms(hadron, parton, partner):
    """Of a jet with no more than one heavy hadron, and its leptons aside: as CMSSW's jet_flavour."""
    if partner < 0:
        return 999
    if hadron:
        return {5: 500, 4: 400}[hadron]
    return {21: 0, 1: 1, 2: 1, 3: 2}.get(abs(parton), 999)


@pytest.mark.parametrize(
    ("path", "n_light", "n_of_pile_up"), [(TTBAR, 736, 130), (DRELL_YAN, 66, 63), (PFNANO, 49, 10)]
)
def test_jets_of_pile_up_are_no_light_jets(tmp_path, shared_data, path, n_light, n_of_pile_up):
    """Jets without a generator jet are 999 whatever parton is near, as in FlavSplit; by a loop."""
    rows, _ = rows_of(tmp_path, shared_data, [path])
    events = uproot.open(shared_data / path)["Events"]
    names = ("hadronFlavour", "partonFlavour", "genJetIdx")
    jets = {name: ak.flatten(events[f"Jet_{name}"].array()).to_list() for name in names}
    expected = [flavour_of_cms(*jet) for jet in zip(*jets.values(), strict=True)]
    alike = {510: 500, 520: 500, 521: 500, 410: 400}
    found = [alike.get(flavour, flavour) for flavour in rows["flavour"].to_list()]
    assert found == expected
    by_parton = [flavour_of_cms(*jet, 0) for jet in zip(*list(jets.values())[:2], strict=True)]
    light = np.isin(by_parton, (0, 1, 2))
    assert (light & np.isin(found, (0, 1, 2))).sum() == n_light
    assert (light & (np.array(found) == 999)).sum() == n_of_pile_up


def test_large_jets_with_leptons_of_w_bosons_are_not_qcd(tmp_path, shared_data):
    """In top pairs; by a loop over charged leptons that are prompt as their flags say, not by mothers."""
    rows, _ = rows_of(tmp_path, shared_data, [TTBAR], "ak8")
    names = ("pdgId", "statusFlags", "eta", "phi")
    events = uproot.open(shared_data / TTBAR)["Events"].arrays(["event", *(f"GenPart_{n}" for n in names)])
    leptons = {}
    for event in events:
        ids, flags, eta, phi = (event[f"GenPart_{name}"].to_list() for name in names)
        prompt = [i for i, f in enumerate(flags) if abs(ids[i]) in (11, 13, 15) and f & 1 and f & 1 << 12]
        leptons[event["event"]] = [(eta[i], phi[i]) for i in prompt]
    found = Counter()
    for jet in rows:
        inside = [
            direction
            for direction in leptons[jet["event"]]
            if delta_r(*direction, jet["jet_eta"], jet["jet_phi_rad"]) < 0.8
        ]
        found[bool(inside), 1000 <= jet["flavour"] < 2000] += 1
    assert found == {(False, False): 68, (False, True): 24, (True, False): 24}


@pytest.mark.parametrize(("path", "n_without"), [(TTBAR, 27), (PFNANO, 0)])
def test_large_jets_without_subjets_have_no_soft_drop_mass(tmp_path, shared_data, path, n_without):
    """NanoAOD has -1 there, as it has for the index of their subjets; it is no mass."""
    rows, _ = rows_of(tmp_path, shared_data, [path], "ak8")
    mass = ak.to_numpy(rows["jet_softdrop_mass_gev"])
    stored, subjet = (
        ak.to_numpy(ak.flatten(uproot.open(shared_data / path)[f"Events/FatJet_{name}"].array()))
        for name in ("msoftdrop", "subJetIdx1")
    )
    assert np.isnan(mass).sum() == n_without
    assert (np.isnan(mass) == (subjet == -1)).all()
    assert (mass[subjet >= 0] == np.maximum(stored[subjet >= 0], 0)).all()  # one is -2e-5, of one constituent


@pytest.mark.parametrize(("path", "n_jets"), [(TTBAR, 116), (PFNANO, 24)])
def test_hadrons_of_large_jets_are_counted_as_cms_counts(shared_data, path, n_jets):
    """Without the experiment's counts (NanoAOD v15 has none) b hadrons among the particles are as many."""
    spec = DatasetSpec(object="ak8", process="real", files=(path,))
    with uproot.open(shared_data / path) as file:
        tree = file["Events"]
        events = {name: tree[name].array() for name in nanoaod.branches(set(tree.keys()), "ak8")}
    counts = ("FatJet_nBHadrons", "FatJet_nCHadrons")
    assert set(counts) <= set(events)
    gone = {"counts": counts, "counts and flavour": (*counts, "FatJet_hadronFlavour")}
    stored = nanoaod.rows(events, spec, LOOSE)[0]["flavour"]
    for what, names in gone.items():
        left = {name: array for name, array in events.items() if name not in names}
        found = nanoaod.rows(left, spec, LOOSE)[0]["flavour"]
        assert found.to_list() == stored.to_list(), what
        assert len(found) == n_jets


def test_weights_of_nanoaod(tmp_path, shared_data):
    """Negative generator weights keep their sign; an empty file in the list changes nothing."""
    rows, found = rows_of(tmp_path, shared_data, [DRELL_YAN, EMPTY], n_parts=3)
    assert found["n_events"] == 40
    assert found["n_rows"] == 188
    signs = {int(e): w < 0 for e, w in zip(rows["event"], rows["weight"], strict=True)}
    assert sum(signs.values()) == 9  # 22.5% of 40 events, all of which have jets
    alone = rows_of(tmp_path / "alone", shared_data, [DRELL_YAN])[1]["normalisation"]
    assert found["normalisation"]["mean_weight"] == alone["mean_weight"]
    assert found["normalisation"]["to"] == "none"  # the empty file has no tree `Runs`
    with pytest.raises(InputError, match=r"nano_dy.root was skimmed before .*nano_dy_empty.root has no Runs"):
        rows_of(tmp_path, shared_data, [DRELL_YAN, EMPTY], cross_section_pb=6077.22)


@pytest.mark.parametrize(
    ("path", "n_runs", "sum_w", "factor", "mean"),
    [
        (SENTINELS, 49919, 49919.0, 4991.9, 1.0),
        (DRELL_YAN, 850098, 1.5166686735858717e10, 26205.3685, 17841.1038),
    ],
)
def test_normalisation_of_skimmed_files(tmp_path, shared_data, path, n_runs, sum_w, factor, mean):
    """10 of 49,919 and 40 of 850,098 generated events are left: Runs counts, not Events."""
    _, found = rows_of(tmp_path, shared_data, [path], cross_section_pb=6077.22)
    about = found["normalisation"]
    assert (about["to"], about["n_runs"]) == ("runs", n_runs)
    assert about["sum_w"] == pytest.approx(sum_w, rel=1e-12)
    assert about["factor"] == pytest.approx(factor, rel=1e-6)
    assert about["mean_weight"] == pytest.approx(mean, rel=1e-6)
    assert found["event_weight"] == pytest.approx(6077.22 / sum_w, rel=1e-12)


def test_weights_of_variations_of_nanoaod(tmp_path, shared_data):
    """Sums by hand, with signs. This file's relative sums were added 43 times by merging, and are refused."""
    key = {"weight_variation": "LHEScaleWeight[0]"}
    with uproot.open(shared_data / DRELL_YAN) as file:
        events = file["Events"].arrays(["genWeight", "LHEScaleWeight"])
    by_hand = sum(float(w) * float(f[0]) for w, f in zip(*ak.unzip(events), strict=True))
    found = rows_of(tmp_path, shared_data, [DRELL_YAN], **key, generated="events")[1]["normalisation"]
    assert found["sum_w"] == pytest.approx(by_hand)
    assert found["sum_w"] != pytest.approx(float(ak.sum(events["genWeight"])), rel=0.01)
    with pytest.raises(
        InputError, match=r"nano_dy.root: .*LHEScaleSumw_\[4\] of its tree Runs, .* is 43 and not 1"
    ):
        rows_of(tmp_path, shared_data, [DRELL_YAN], **key)


def test_normalisation_of_whole_files(tmp_path, shared_data):
    """Runs of the PFNano file agrees with its ten events; NanoAOD v12 lost its Runs, which is said."""
    _, found = rows_of(tmp_path, shared_data, [PFNANO], cross_section_pb=1.0)
    about = found["normalisation"]
    assert (about["to"], about["sum_w_runs"], about["factor"], found["event_weight"]) == ("runs", 10, 1, 0.1)
    _, found = rows_of(tmp_path, shared_data, [TTBAR], cross_section_pb=1.0)
    about = found["normalisation"]
    assert (about["to"], about["sum_w_runs"]) == ("events", None)
    assert about["how"].endswith("Runs is absent")
    assert found["event_weight"] == pytest.approx(1 / 66735.30541992188)


def test_z_events(tmp_path, shared_data):
    """Two thirds of the Drell-Yan events have electrons or muons, at the mass of the Z."""
    rows, found = rows_of(tmp_path, shared_data, [DRELL_YAN], "event")
    assert len(rows) == 22
    assert abs(np.median(rows["z_mass_gev"]) - 91) < 3
    assert ak.all(rows["genjet_pt_gev"][:, 1:] <= rows["genjet_pt_gev"][:, :-1])
    assert found["normalisation"]["sum_w"] == pytest.approx(1.5166686735858717e10)


def test_sentinels_are_missing(tmp_path, shared_data):
    """DeepJet was not run there, its scores of -3000 are codes; DeepCSV was."""
    rows, _ = rows_of(tmp_path, shared_data, [SENTINELS])
    assert ak.all(np.isnan(rows["stored_btagDeepFlavB"]))
    assert ak.all(rows["stored_btagDeepB"] > -900)


def test_deepntuples(tmp_path, shared_data):
    """The truth as the file's own table says, and counts that agree with the lists."""
    rows, found = rows_of(tmp_path, shared_data, [DEEPNTUPLES], n_parts=2, weights="unit")
    assert found["rows_by_flavour"] == {"0": 1792, "1": 2276, "400": 899, "500": 2232}
    for count, column in (("n_cpf", "cpf_pt_gev"), ("n_npf", "npf_pt_gev"), ("n_sv", "sv_pt_gev")):
        assert ak.all(rows[count] == ak.num(rows[column]))
    # sv_eta goes with |jet_eta|: all vertices lie in their jet
    assert ak.max(np.abs(rows["sv_eta"] - rows["jet_eta"])) < 0.4


@pytest.mark.parametrize(
    ("path", "obj"),
    [(PFNANO, "ak4"), (PFNANO, "ak8"), (DEEPNTUPLES, "ak4"), (TTBAR, "ak4"), (DRELL_YAN, "event")],
)
def test_partitions_change_nothing(tmp_path, shared_data, path, obj):
    """One partition and three give the same rows."""
    keys = {"weights": "unit"} if path == DEEPNTUPLES else {}
    whole, _ = rows_of(tmp_path / "1", shared_data, [path], obj, **keys)
    parts, _ = rows_of(tmp_path / "3", shared_data, [path], obj, n_parts=3, **keys)
    assert ak.array_equal(whole, parts, equal_nan=True)


def test_foreign_file(tmp_path):
    """A file without a tree that a layout reads: the message names what is there."""
    with uproot.recreate(tmp_path / "foreign.root") as file:
        file.mktree("Other", {"x": np.dtype("f4")}).extend({"x": np.ones(3, "f4")})
    with pytest.raises(InputError, match=r"Other \(TTree\)"):
        rows_of(tmp_path, tmp_path, ["foreign.root"])


def test_golden_json(tmp_path, shared_data):
    """A CMS list of certified blocks is read; events of a run outside it are cut, and account says so."""
    golden = next((shared_data / "reference-corrections").glob("Cert_*.txt"))
    file = mock.write(tmp_path / "data.root", [mock.measured(mock.events(40), run=1000)])
    with pytest.raises(InputError, match="certified: 0"):
        rows_of(tmp_path, shared_data, [file], is_data=True, golden_json=str(golden))


@pytest.mark.parametrize("path", [DRELL_YAN, TTBAR, PFNANO, SENTINELS])
def test_simulation_is_no_data(tmp_path, shared_data, path):
    """Every simulated file says so by its branches; DeepNtuples are of simulation alone."""
    with pytest.raises(InputError, match=r"is_data: true, but .*genWeight"):
        rows_of(tmp_path, shared_data, [path], is_data=True)
    with pytest.raises(InputError, match=r"is_data: true, but .*isB"):
        rows_of(tmp_path, shared_data, [DEEPNTUPLES], is_data=True)


def test_deepntuples_have_no_weight(tmp_path, shared_data):
    """It is asked for, and then shown."""
    with pytest.raises(InputError, match=r"no generator weight in any file.*`weights: unit`"):
        rows_of(tmp_path, shared_data, [DEEPNTUPLES])
    _, found = rows_of(tmp_path, shared_data, [DEEPNTUPLES], weights="unit")
    assert (found["content"]["weight"], found["normalisation"]["sum_w"]) == (None, 7199)


@pytest.mark.parametrize(
    ("file", "channels", "least"),
    [(TTBAR, ("e", "mu"), 0), (TTBAR, ("mu",), 40), (DRELL_YAN, ("mumu",), 0)],
)
def test_leptons_select_the_events_that_a_loop_selects(shared_data, tmp_path, file, channels, least):
    """Tight electrons and tight isolated muons of 25 GeV; no jet of what stays is one of them."""
    of = LeptonsSpec(channels=channels, transverse_mass_min_gev=least)
    found, account_ = rows_of(tmp_path, shared_data, [file], leptons=of)
    plain, _ = rows_of(tmp_path, shared_data, [file])
    names = [f"Electron_{n}" for n in ("pt", "eta", "phi", "charge", "cutBased")]
    names += [f"Muon_{n}" for n in ("pt", "eta", "phi", "charge", "tightId", "pfRelIso04_all")]
    with uproot.open(shared_data / file) as opened:
        events = opened["Events"].arrays(
            ["run", "luminosityBlock", "event", "PuppiMET_pt", "PuppiMET_phi", *names]
        )
    kept = {}
    for event in events:
        good = [
            (pt, eta, phi, charge, "e")
            for pt, eta, phi, charge, level in zip(*(event[n] for n in names[:5]), strict=True)
            if pt >= 25 and abs(eta) <= 2.4 and level == 4
        ]
        good += [
            (pt, eta, phi, charge, "mu")
            for pt, eta, phi, charge, tight, isolation in zip(*(event[n] for n in names[5:]), strict=True)
            if pt >= 25 and abs(eta) <= 2.4 and tight and isolation < 0.15
        ]
        if "".join(kind for *_, kind in good) in channels and (len(good) < 2 or good[0][3] + good[1][3] == 0):
            mass = event["PuppiMET_pt"] * (1 - np.cos(event["PuppiMET_phi"] - good[0][2])) * 2 * good[0][0]
            if len(good) == 1 and mass < least**2:
                continue
            kept[event["run"], event["luminosityBlock"], event["event"]] = good
    expected = [
        (row["event"], row["jet_index"], max(good)[3])
        for row in plain
        if (good := kept.get((row["run"], row["luminosity_block"], row["event"])))
        and all(delta_r(row["jet_eta"], row["jet_phi_rad"], g[1], g[2]) >= 0.4 for g in good)
    ]
    assert list(zip(found["event"], found["jet_index"], found["lepton_charge"], strict=True)) == expected
    assert len(expected) > 5
    assert {step["cut"]: step["n"] for step in account_["cutflow"]}["leptons"] == len(kept)
