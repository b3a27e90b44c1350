"""The layouts: what they give, what they read, and that rows agree with loops over a small tree."""

import json

import awkward as ak
import numpy as np
import pytest

from jetsmith import columns, sources
from jetsmith.derivations import of
from jetsmith.errors import InputError
from jetsmith.features.derived import with_derived
from jetsmith.sources import deepntuples, eventcuts, mock, nanoaod, pfnano, taginfo
from jetsmith.specs.datasets import DatasetSpec, LeptonsSpec, SelectionSpec

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
CUTS = SelectionSpec(pt_min_gev=30, abseta_max=2.5, jet_id=2)


def selected(arrays):
    """Event and index of the jets that pass, by a loop."""
    found = []
    for event, jets in enumerate(arrays["Jet_pt"]):
        for index, pt in enumerate(jets):
            good = pt >= 30 and abs(arrays["Jet_eta"][event][index]) <= 2.5
            if good and arrays["Jet_jetId"][event][index] & 2:
                found.append((event, index))
    return found


def test_nanoaod_rows_are_those_of_a_loop():
    """Key, kinematics, weight and stored scores of every jet that passes."""
    arrays = mock.flatten(mock.events(with_candidates=False))
    rows, cutflow = nanoaod.rows(arrays, SPEC, CUTS)
    keys = selected(arrays)
    assert list(zip(rows["event"], rows["jet_index"], strict=True)) == keys
    for row, (event, index) in zip(rows, keys, strict=True):
        raw = arrays["Jet_pt"][event][index] * (1 - arrays["Jet_rawFactor"][event][index])
        assert row["jet_raw_pt_gev"] == pytest.approx(raw, rel=1e-6)
        assert row["weight"] == arrays["genWeight"][event]
        stored = arrays["Jet_btagDeepFlavB"][event][index]
        score = row["stored_btagDeepFlavB"]
        assert np.isnan(score) if stored < -900 else score == stored
    assert [line.cut for line in cutflow] == ["entries", "jets", "pt", "abseta", "jet_id"]
    assert cutflow[0].n == 40
    assert cutflow[0].sum_w == pytest.approx(float(ak.sum(arrays["genWeight"])))
    assert cutflow[-1].sum_w == pytest.approx(float(ak.sum(rows["weight"])))


def test_pfnano_constituents_are_those_of_a_loop():
    """Candidates and vertices of each jet, broken links left out, file order kept."""
    arrays = mock.flatten(mock.events())
    rows, _ = pfnano.rows(arrays, SPEC, CUTS)
    for row, (event, index) in zip(rows, selected(arrays), strict=True):
        charged, neutral = [], []
        links = (arrays[f"JetPFCands_{name}"][event] for name in ("jetIdx", "pFCandsIdx"))
        for jet, cand in zip(*links, strict=True):
            if jet == index and 0 <= cand < len(arrays["PFCands_pt"][event]):
                (charged if arrays["PFCands_charge"][event][cand] else neutral).append(cand)
        assert row["cpf_pt_gev"].to_list() == [arrays["PFCands_pt"][event][i] for i in charged]
        assert row["npf_eta"].to_list() == [arrays["PFCands_eta"][event][i] for i in neutral]
        assert (row["n_cpf"], row["n_npf"]) == (len(charged), len(neutral))
        lost = [arrays["PFCands_d0Err"][event][i] < 0 for i in charged]
        assert np.isnan(row["cpf_d0_cm"].to_numpy()).tolist() == lost
        assert np.isnan(row["cpf_sip3d_val_cm"].to_numpy()).tolist() == lost
        vertices = [i for i, jet in enumerate(arrays["JetSVs_jetIdx"][event]) if jet == index]
        assert row["sv_mass_gev"].to_list() == [arrays["JetSVs_mass"][event][i] for i in vertices]
        for eta, i in zip(row["sv_eta"], vertices, strict=True):
            place = arrays["JetSVs_sVIdx"][event][i]
            known = 0 <= place < len(arrays["SV_eta"][event])
            assert eta == arrays["SV_eta"][event][place] if known else np.isnan(eta)


def test_large_jets_have_all_vertices_of_their_event():
    """Those of the table SV, in its order, whichever jet they are in; small jets have their own alone."""
    small = mock.flatten(mock.events())
    large = {f"Fat{name}" if name.startswith("Jet") else name: array for name, array in small.items()}
    rows, _ = pfnano.rows(large, SPEC.model_copy(update={"object": "ak8"}), CUTS)
    assert len(rows) == len(selected(small)) > 20
    for row, (event, _) in zip(rows, selected(small), strict=True):
        assert row["event_sv_eta"].to_list() == small["SV_eta"][event].to_list()
        assert row["event_sv_phi_rad"].to_list() == small["SV_phi"][event].to_list()
    assert {0, 2} < {*ak.num(rows["event_sv_eta"]).to_list()}
    names = {"event_sv_eta", "event_sv_phi_rad"}
    assert names <= pfnano.gives(set(large), "ak8")
    assert not names & pfnano.gives({*large} - {"SV_eta", "SV_phi"}, "ak8")
    assert "SV_eta" in pfnano.branches({*large} - {"FatJetSVs_jetIdx"}, "ak8")
    assert not names & {*pfnano.gives(set(small), "ak4"), *pfnano.rows(small, SPEC, CUTS)[0].fields}


def test_older_candidates_without_index():
    """Files in which the candidates of the jets stand by themselves."""
    arrays = mock.flatten(mock.events())
    new = pfnano.rows(arrays, SPEC, CUTS)[0]
    known = (arrays["JetPFCands_pFCandsIdx"] >= 0) & (
        arrays["JetPFCands_pFCandsIdx"] < ak.num(arrays["PFCands_pt"])
    )
    old = {name: array for name, array in arrays.items() if not name.startswith(("PFCands_", "JetPFCands_"))}
    place = arrays["JetPFCands_pFCandsIdx"][known]
    for name in ("pt", "eta", "charge", "d0Err"):
        old[f"JetPFCands_{name}"] = arrays[f"PFCands_{name}"][place]
    old["JetPFCands_jetIdx"] = arrays["JetPFCands_jetIdx"][known]
    rows = pfnano.rows(old, SPEC, CUTS)[0]
    assert "cpf_eta" in pfnano.gives(set(old), "ak4")
    assert ak.array_equal(rows["cpf_eta"], new["cpf_eta"])


def test_codes_of_candidates_without_a_track():
    """Another branch than d0Err may tell them; where none does, their -1 cm is no impact parameter."""
    arrays = mock.flatten(mock.events())
    rows, _ = pfnano.rows(arrays, SPEC, CUTS)
    other = {name: array for name, array in arrays.items() if name != "PFCands_d0Err"}
    other["PFCands_dzErr"] = arrays["PFCands_d0Err"]
    by_dz, _ = pfnano.rows(other, SPEC, CUTS)
    assert ak.array_equal(by_dz["cpf_d0_cm"], rows["cpf_d0_cm"], equal_nan=True)
    assert ak.any(np.isnan(rows["cpf_d0_cm"]))
    del other["PFCands_dzErr"]
    untold, _ = pfnano.rows(other, SPEC, CUTS)
    lost = {"cpf_d0_cm", "cpf_d0_err_cm", "cpf_sip3d_val_cm"}
    assert set(untold.fields) == pfnano.gives(set(other), "ak4") == set(rows.fields) - lost


@pytest.mark.parametrize("with_candidates", [True, False])
def test_rows_have_the_columns_that_are_promised(with_candidates):
    """`gives` and `rows` agree, from the branches that `branches` names alone."""
    arrays = mock.flatten(mock.events(with_candidates=with_candidates))
    source = sources.load("pfnano" if with_candidates else "nanoaod")
    read = source.branches(set(arrays), "ak4")
    rows, _ = source.rows({name: arrays[name] for name in read}, SPEC, CUTS)
    assert set(rows.fields) == source.gives(set(arrays), "ak4")
    for name in rows.fields:
        column = columns.column("ak4", name)
        assert str(rows[name].type).endswith(("var * " if column.ragged else "* ") + column.dtype)


def test_data_has_no_truth_and_weight_one(tmp_path):
    """Data pass the certified blocks and the trigger; their truth id is -1."""
    arrays = mock.flatten(mock.measured(mock.events(with_candidates=False)))
    golden = tmp_path / "golden.json"
    golden.write_text(json.dumps({"283270": [[2, 4], [7, 7]]}))
    spec = SPEC.model_copy(update={"is_data": True, "golden_json": str(golden), "hlt": ("HLT_PFJet40",)})
    rows, cutflow = nanoaod.rows(arrays, spec, CUTS)
    certified = [b in (2, 3, 4, 7) for b in arrays["luminosityBlock"]]
    passed = [good and bool(fired) for good, fired in zip(certified, arrays["HLT_PFJet40"], strict=True)]
    assert [line.n for line in cutflow[:3]] == [40, sum(certified), sum(passed)]
    assert set(rows["flavour"]) == {-1}
    assert set(rows["weight"]) == {1.0}
    assert all(passed[event] for event in rows["event"])


def test_a_broken_golden_json_is_named(tmp_path):
    """The message names the file."""
    path = tmp_path / "golden.json"
    path.write_text("{")
    with pytest.raises(InputError, match=r"golden\.json"):
        eventcuts.lumi_mask(str(path))


def test_slots_behind_the_count_are_dropped():
    """Unused slots hold uninitialised memory; -999 within the count is missing, not absent."""
    matrix = np.array([[1.0, -999.0, 1e30], [np.nan, 2.0, 3.0], [1.0, 2.0, 3.0]], dtype=np.float32)
    offsets, content = taginfo.filled_slots(matrix, np.array([2, 0, 9]))
    assert list(offsets) == [0, 2, 2, 5]
    assert content[0] == 1
    assert np.isnan(content[1])
    assert list(content[2:]) == [1, 2, 3]


def test_missing_slots_at_the_end_are_trimmed():
    """Double-b slots: the last that is not missing ends the list."""
    matrix = np.array([[1.0, -999.0, 3.0], [1.0, -999.0, -999.0], [-999.0] * 3], dtype=np.float32)
    offsets, content = taginfo.trimmed_slots(matrix)
    assert list(offsets) == [0, 3, 4, 4]
    assert np.isnan(content[1])


def test_tag_columns_of_pfnano():
    """DeepCSV branches become tag_ and track_ columns."""
    arrays = mock.flatten(mock.events(with_candidates=False))
    shape = arrays["Jet_pt"]
    for needed in taginfo.wanted("ak4").values():
        for branch in needed:
            arrays[branch] = ak.full_like(shape, 3 if "jetN" in branch else 0.5)
    assert pfnano.lacks(set(arrays)) == []
    rows, _ = pfnano.rows(arrays, SPEC, CUTS)
    assert set(ak.num(rows["track_sip2d_sig"])) == {3}
    assert set(taginfo.wanted("ak4")) <= set(rows.fields)


def test_plain_delta_r():
    """CMS stores it less 0.5."""
    assert pfnano.plain_delta_r(np.array([-0.5, 0.0, 0.2], dtype=np.float32)) == pytest.approx([0, 0.5, 0.2])


def test_deepntuples_rows():
    """Truth flags, significances from errors, ragged columns of the jets that pass."""
    arrays = {
        "event_no": [7, 7, 8], "jet_no": [0, 1, 0], "jet_pt": [50.0, 20.0, 80.0], "jet_eta": [1.0, 1.0, 2.0],
        "isB": [0, 1, 0], "isC": [1, 0, 0], "isUDS": [0, 0, 0], "isG": [0, 0, 1],
        "Cpfcan_pt": [[1.0, 2.0], [3.0], []],
        "sv_dxy": [[1.0], [], [4.0]], "sv_dxyerr": [[0.5], [], [2.0]], "gen_pt": [45.0, 15.0, 0.0],
    }  # fmt: skip
    spec = SPEC.model_copy(update={"weights": "unit", "without": ("jet_id",)})
    rows, cutflow = deepntuples.rows({k: ak.Array(v) for k, v in arrays.items()}, spec, CUTS)
    assert rows["event"].to_list() == [7, 8]
    assert rows["flavour"].to_list() == [400, 0]
    assert rows["hadron_flavour"].to_list() == [4, 0]
    np.testing.assert_array_equal(rows["jet_gen_pt_gev"], [45.0, np.nan])
    assert rows["cpf_pt_gev"].to_list() == [[1.0, 2.0], []]
    assert rows["sv_dxy_sig"].to_list() == [[2.0], [2.0]]
    assert [line.n for line in cutflow] == [3, 2, 2, 2]
    assert [line.applied for line in cutflow] == [True, True, True, False]
    assert deepntuples.gives(set(arrays), "ak4") == set(rows.fields)


def later_ntuple(n=40, seed=1):
    """Jets as CMSDeepFlavour/DeepNTuples writes them since it has `jet_corr_pt`, and angles."""
    rng = np.random.default_rng(seed)
    eta, phi, counts = rng.uniform(-2, 2, n), rng.uniform(-3, 3, n), rng.integers(1, 6, n)
    jet, total = np.repeat(np.arange(n), counts), int(counts.sum())
    deta, dphi = rng.uniform(-0.39, 0.39, total), rng.uniform(-0.39, 0.39, total)
    raw = rng.uniform(20, 90, n)
    tracks = {
        "pt": rng.uniform(1, 9, total), "eta": eta[jet] + deta, "phi": phi[jet] + dphi,
        "etarel": np.minimum(np.abs(deta) - 0.5, 0), "phirel": np.minimum(np.abs(dphi) - 0.5, 0),
        "dxy": np.abs(rng.normal(0, 0.01, total)), "dz": rng.normal(0, 0.01, total),
    }  # fmt: skip
    jets = {
        "event_no": np.arange(n),
        "jet_no": np.zeros(n, int),
        "jet_eta": eta,
        "jet_phi": phi,
        "jet_pt": raw,
    }
    jets |= {"jet_corr_pt": 1.2 * raw, "isB": np.arange(n) % 2, "isUD": (np.arange(n) + 1) % 2}
    lists = {f"Cpfcan_{name}": ak.unflatten(column, counts) for name, column in tracks.items()}
    angles = ak.unflatten(deta, counts), ak.unflatten(dphi, counts)
    return {name: ak.Array(column) for name, column in (jets | lists).items()}, angles


def test_later_deepntuples_have_other_meanings():
    """The corrected momentum is cut on; angles are those of the tracks; what has no sign is no column."""
    arrays, (deta, dphi) = later_ntuple()
    rows, _ = deepntuples.rows(arrays, NTUPLES, CUTS)
    kept = np.flatnonzero(arrays["jet_corr_pt"] >= CUTS.pt_min_gev)
    assert 0 < len(kept) == len(rows) < 40
    assert rows["event"].to_list() == kept.tolist()
    derived = with_derived(rows, ["cpf_deta", "cpf_dphi_rad", "cpf_delta_r"], of("ak4"))
    for name, values in {
        "jet_pt_gev": arrays["jet_corr_pt"], "jet_raw_pt_gev": arrays["jet_pt"],
        "jet_phi_rad": arrays["jet_phi"],
        "cpf_deta": deta, "cpf_dphi_rad": dphi, "cpf_delta_r": np.hypot(deta, dphi),
    }.items():  # fmt: skip
        found, expected = (
            ak.to_numpy(ak.flatten(array, axis=None)) for array in (derived[name], values[kept])
        )
        assert found == pytest.approx(expected, abs=1e-5), name
    assert "cpf_d0_cm" not in rows.fields
    assert "cpf_dz_cm" in rows.fields
    assert deepntuples.gives(set(arrays), "ak4") == set(rows.fields)
    read = deepntuples.branches(set(arrays), "ak4")
    assert not set(read) & set(deepntuples.UNSIGNED)
    assert {"jet_pt", "jet_corr_pt"} <= set(read) & deepntuples.selecting(NTUPLES)
    assert set(deepntuples.instead(set(arrays), "ak4", 0)) == {"momentum", "signs"}
    assert deepntuples.instead(set(ntuple()), "ak4", 0) == {}


@pytest.mark.parametrize("branch", ["Cpfcan_etarel", "Cpfcan_phirel", "Cpfcan_dxy"])
def test_sizes_are_not_taken_for_differences(branch):
    """Of later files without the corrected momentum: one sign in many candidates is refused."""
    arrays, _ = later_ntuple()
    known = {
        name: array for name, array in arrays.items() if name not in ("jet_corr_pt", *deepntuples.UNSIGNED)
    }
    deepntuples.rows(known, NTUPLES, CUTS)
    with pytest.raises(
        InputError, match=rf"{branch} is never .* 0 in \d+ candidates: .*take files with jet_corr_pt"
    ):
        deepntuples.rows(known | {branch: arrays[branch]}, NTUPLES, CUTS)
    signed = ak.where(ak.local_index(arrays[branch]) == 0, -arrays[branch], arrays[branch])
    deepntuples.rows(known | {branch: signed}, NTUPLES, CUTS)


def ntuple(**flags):
    """Three jets of DeepNtuples with these truth flags, and the first as b."""
    return {"event_no": [1, 2, 3], "jet_pt": [50.0] * 3, "jet_eta": [1.0] * 3, "isB": [1, 0, 0]} | flags


NTUPLES = SPEC.model_copy(update={"weights": "unit", "without": ("jet_id",)})


def test_all_flags_of_deepntuples():
    """As the ntuplizer names them: gluons that split, cascades, s apart from u, d; 999 is not light."""
    flags = {"isGBB": 511, "isLeptonicB_C": 521, "isGCC": 411, "isUD": 1, "isS": 2, "isBB": 510, "isCC": 410}
    for name, truth_id in flags.items():
        arrays = {k: ak.Array(v) for k, v in ntuple(**{name: [0, 1, 0]}).items()}
        rows, _ = deepntuples.rows(arrays, NTUPLES, CUTS)
        assert rows["flavour"].to_list() == [500, truth_id, 999]
        assert rows["hadron_flavour"].to_list() == [5, truth_id // 100 if truth_id >= 400 else 0, -1]


def test_deepntuples_are_asked_nothing_that_they_do_not_know():
    """Weights, identification, triggers, blocks, data: each stops with its key."""
    arrays = {k: ak.Array(v) for k, v in ntuple().items()}
    for keys, word in (
        ({"weights": "generator"}, r"no generator weight.*`weights: unit`"),
        ({"without": ()}, r"jet_id: 2.*`without: \[jet_id\]`"),
        ({"hlt": ("HLT_A",)}, "hlt: "),
        ({"golden_json": "a.json"}, "golden_json: "),
        ({"is_data": True}, "is_data: "),
        ({"leptons": LeptonsSpec(channels=("e",))}, "leptons: "),
    ):
        with pytest.raises(InputError, match=word):
            deepntuples.rows(arrays, NTUPLES.model_copy(update=keys), CUTS)


def test_what_deepntuples_cannot_tell():
    """Without a flag of their own jets are under a plainer one, or nowhere."""
    untold = {u.ids: u.become for u in deepntuples.untold({"isB", "isC", "isUDS", "isG"}, "ak4")}
    assert untold == {(510, 511): 500, (520, 521): 500, (410, 411): 400, (2,): 1}
    assert {u.ids: u.become for u in deepntuples.untold({"isB", "isG"}, "ak4")}.items() >= {
        (400,): 999,
        (1,): 999,
    }.items()
    assert deepntuples.untold(set(deepntuples.TRUTH), "ak4") == []


def test_unknown_layout_is_named():
    """The choices are in the message."""
    with pytest.raises(InputError, match="pfnano"):
        sources.load("delphes")


def test_recognise():
    """The most special layout wins; a foreign tree has none."""
    nano = {"event", "Jet_pt"}
    assert sources.recognise({"Events": nano}) == "nanoaod"
    assert sources.recognise({"Events": nano | {"JetPFCands_jetIdx"}}) == "pfnano"
    assert sources.recognise({"Events": {"x"}}) is None
