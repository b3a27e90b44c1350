"""Our inputs put through the experiments' own public taggers give the scores stored in their files.

This is the proof that names, order, units, defaults and derived columns are what CMS means by them:
file -> source -> skim file -> features -> preset -> public weights -> stored score.
"""

import gzip
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import awkward as ak
import numpy as np
import numpy.typing as npt
import pytest
import uproot

from jetsmith import io, sources
from jetsmith.configuration.records import read_yaml, validate
from jetsmith.derivations import of
from jetsmith.features.compute import compute_features
from jetsmith.features.derived import with_derived
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.features import FeatureGroup

pytestmark = pytest.mark.golden

FloatArray = npt.NDArray[np.floating[Any]]
CONFIG = Path(__file__).parents[2] / "config" / "features"


def canonical(shared_data: Path, obj: str) -> ak.Array:
    """All jets of the PFNano file."""
    source = sources.load("pfnano")
    spec = DatasetSpec(object=obj, layout="pfnano", files=("pfnano.root",), process="qcd")
    selection = SelectionSpec(pt_min_gev=0, abseta_max=10, jet_id=0)
    with uproot.open(shared_data / "cms-pfnano" / "pfnano.root") as file:
        tree = file["Events"]
        branches = source.branches(set(tree.keys()), obj)
        events = {name: tree[name].array() for name in branches}
    return source.rows(events, spec, selection)[0]


def preset(
    rows: ak.Array, obj: str, group: str, name: str, folder: Path, config: Path = CONFIG
) -> tuple[tuple[str, ...], FloatArray, ak.Array]:
    """Names and values (N, F) of a preset, by way of the files that the workflow writes."""
    path = config / f"{group}.yaml"
    spec = validate(FeatureGroup, {"name": group, **read_yaml(path)}, path)
    io.write_rows(folder / "skim.parquet", rows)
    compute_features(spec, of(obj), folder / "skim.parquet", folder / "f.parquet", folder / "f.meta.json")
    names = spec.presets[name]
    features = io.read_rows(folder / "f.parquet")
    return names, np.stack([np.asarray(features[n]) for n in names], axis=1), features


def lwtnn(network: dict[str, Any], inputs: FloatArray) -> FloatArray:
    """Evaluate a dense network of lwtnn's JSON: x' = (x + offset) scale, kernels row by row."""
    values = np.stack(
        [(x + i["offset"]) * i["scale"] for x, i in zip(inputs.T, network["inputs"], strict=True)]
    )
    for layer in network["layers"]:
        bias = np.array(layer["bias"])[:, None]
        values = np.array(layer["weights"]).reshape(len(bias), -1) @ values + bias
        if layer["activation"] == "rectified":
            values = np.maximum(values, 0)
    odds = np.exp(values - values.max(axis=0))
    return np.asarray((odds / odds.sum(axis=0)).T)


def test_deepcsv_returns_the_stored_scores(shared_data: Path, tmp_path: Path) -> None:
    """51 of 51 jets with a stored score, all four outputs; float16 storage leaves 5e-4."""
    network = json.loads((shared_data / "reference-models" / "DeepCSV_PhaseI.json").read_text())
    rows = canonical(shared_data, "ak4")
    names, inputs, features = preset(rows, "ak4", "ak4", "deepcsv", tmp_path)
    assert names == tuple(i["name"] for i in network["inputs"])
    stored = ("btagDeepB_b", "btagDeepB_bb", "btagDeepC", "btagDeepL")
    expected = np.stack([np.asarray(features[name]) for name in stored], axis=1)
    valid = expected[:, 0] >= 0
    difference = np.abs(lwtnn(network, inputs) - expected)[valid]
    print(f"DeepCSV: {np.sum(valid)} jets, worst difference {difference.max():.2e}")
    assert np.sum(valid) == 51
    assert difference.max() < 6e-4


def near(what: str, ours: FloatArray, theirs: FloatArray) -> tuple[float, float]:
    """Median difference of probabilities, and correlation of their log-odds."""
    odds = [np.log(p / (1 - p)) for p in (ours, theirs)]
    median, correlation = float(np.median(np.abs(ours - theirs))), float(np.corrcoef(*odds)[0, 1])
    print(f"{what}: {len(ours)}, median difference {median:.4f}, correlation {correlation:.2f}")
    return median, correlation


def test_deepcsv_from_candidates_alone_is_near_the_stored_scores(shared_data: Path, tmp_path: Path) -> None:
    """The same 51 jets without the inputs that CMS stores."""
    network = json.loads((shared_data / "reference-models" / "DeepCSV_PhaseI.json").read_text())
    rows = canonical(shared_data, "ak4")
    kept = [name for name in rows.fields if not name.startswith(("tag_", "track_"))]
    _, inputs, features = preset(rows[kept], "ak4", "ak4", "deepcsv", tmp_path)
    theirs = np.asarray(features["btagDeepB_b"] + features["btagDeepB_bb"])
    valid = theirs >= 0
    median, correlation = near("jets", lwtnn(network, inputs)[valid, :2].sum(axis=1), theirs[valid])
    assert np.sum(valid) == 51
    assert median < 1e-3
    assert correlation > 0.9


def test_deepcsv_on_subjets_is_near_the_stored_scores(shared_data: Path, tmp_path: Path) -> None:
    """33 soft-drop subjets with a stored score. What a subjet is made of is not stored: ours is what is near.

    Second subjets differ most, which are soft and close.
    """
    network = json.loads((shared_data / "reference-models" / "DeepCSV_PhaseI.json").read_text())
    small = read_yaml(CONFIG / "ak4.yaml")
    rows, stored = canonical(shared_data, "ak8"), ("btagDeepB_b", "btagDeepB_bb")
    with uproot.open(shared_data / "cms-pfnano" / "pfnano.root") as file:
        names = [*(f"FatJet_subJetIdx{i}" for i in (1, 2)), *(f"SubJet_{name}" for name in stored)]
        events = file["Events"].arrays(names)
    pairs = []
    for number in (1, 2):
        features = {
            name: {**small["features"][name], "source": f"subjet{number}_{small['features'][name]['source']}"}
            for name in small["presets"]["deepcsv"]
        }
        content = {"object": "ak8", "kind": "flat", "features": features, "presets": {"all": [*features]}}
        (tmp_path / f"subjet{number}.yaml").write_text(json.dumps(content))
        _, inputs, _ = preset(rows, "ak8", f"subjet{number}", "all", tmp_path, tmp_path)
        ours = lwtnn(network, inputs)[:, :2].sum(axis=1)
        place = events[f"FatJet_subJetIdx{number}"]
        place = ak.mask(place, place >= 0)
        theirs = [ak.fill_none(ak.flatten(events[f"SubJet_{name}"][place]), -1) for name in stored]
        valid = np.asarray(theirs[0]) >= 0
        pairs.append(np.stack([ours, np.asarray(theirs[0] + theirs[1])])[:, valid])
    ours, theirs = np.concatenate(pairs, axis=1)
    median, correlation = near("subjets", ours, theirs)
    assert len(ours) == 33
    assert median < 0.03
    assert correlation > 0.7


def tree_response(node: ElementTree.Element, jet: FloatArray) -> float:
    """TMVA's walk: right where the value is above the cut, in float32; turned where cType is 0."""
    while int(node.attrib["IVar"]) >= 0:
        right = jet[int(node.attrib["IVar"])] > np.float32(node.attrib["Cut"])
        right = right == (node.attrib["cType"] == "1")
        node = next(child for child in node if child.attrib["pos"] == ("r" if right else "l"))
    return float(node.attrib["res"])


def test_double_b_returns_the_stored_scores(shared_data: Path, tmp_path: Path) -> None:
    """19 of 24 jets within 2e-3 (the file stores rounded inputs, and trees jump at their cuts)."""
    path = shared_data / "reference-models" / "BoostedDoubleSV_AK8_BDT_PhaseI_v1.weights.xml.gz"
    forest = ElementTree.fromstring(gzip.decompress(path.read_bytes()))
    trees = [tree[0] for tree in forest.iter("BinaryTree")]
    rows = canonical(shared_data, "ak8")
    names, inputs, features = preset(rows, "ak8", "ak8", "double_b", tmp_path)
    assert len(names) == len(list(forest.find("Variables") or ()))
    total = np.array([sum(tree_response(tree, jet) for tree in trees) for jet in inputs])
    difference = np.abs(2 / (1 + np.exp(-2 * total)) - 1 - np.asarray(features.btagHbb))
    close = int(np.sum(difference < 2e-3))
    print(f"double-b: {close} of {len(difference)} within 2e-3, median {np.median(difference):.1e}")
    assert len(difference) == 24
    assert close >= 19
    assert np.median(difference) < 5e-4


def test_derived_track_variables_are_those_of_cms(shared_data: Path) -> None:
    """EtaRel, ratios, signed 3D impact parameter and distance to the axis, computed and stored."""
    rows = canonical(shared_data, "ak4")
    compared = {
        "cpf_eta_rel": 5e-3,
        "cpf_pt_ratio": 5e-4,
        "cpf_p_par_ratio": 5e-4,
        "cpf_sip3d_val_cm": 2e-3,
        "cpf_jet_dist_cm": 2e-3,
    }
    without = rows[[name for name in rows.fields if name not in compared]]
    derived = with_derived(without, list(compared), of("ak4"))
    measured = ak.to_numpy(ak.flatten((rows.cpf_sip3d_sig != 0) & np.isfinite(rows.cpf_sip3d_sig)))
    near = measured & (np.abs(ak.to_numpy(ak.flatten(rows.cpf_sip3d_val_cm))) < 0.5)
    for name, tolerance in compared.items():
        found, stored = (ak.to_numpy(ak.flatten(table[name]))[near] for table in (derived, rows))
        off = np.abs(found - stored) > tolerance * np.maximum(1, np.abs(stored))
        worst = np.percentile(np.abs(found - stored), [50, 90])
        print(f"{name}: {np.mean(~off):.3f} of {len(off)} agree; median and 90%: {worst}")
        assert np.mean(off) < 0.1, name
    found, stored = (ak.to_numpy(ak.flatten(t.cpf_sip3d_val_cm))[near] for t in (derived, rows))
    assert np.mean(np.sign(found) == np.sign(stored)) > 0.99


def test_derived_2d_significance_is_that_of_deepcsv(shared_data: Path) -> None:
    """The tracks that CMS stores with both significances, found again among the candidates."""
    rows = with_derived(canonical(shared_data, "ak4"), ["cpf_sip2d_sig"], of("ak4"))
    ratios = []
    for jet in rows.to_list():
        candidates = list(zip(jet["cpf_sip3d_sig"], jet["cpf_pt_ratio"], jet["cpf_sip2d_sig"], strict=True))
        for key, ratio, expected in zip(
            jet["track_sip3d_sig"], jet["track_pt_ratio"], jet["track_sip2d_sig"], strict=True
        ):
            same = [
                s2d
                for s3d, r, s2d in candidates
                if abs(s3d - key) < 1e-3 + 3e-3 * abs(key) and abs(r - ratio) < 2e-3
            ]
            ratios += [same[0] / expected] if len(same) == 1 else []
    found = np.percentile(ratios, [5, 50, 95])
    print(f"2D significance: {len(ratios)} tracks, ratio to CMS' 5%, 50%, 95%: {found}")
    assert len(ratios) > 150
    assert np.mean(np.array(ratios) > 0) > 0.98  # the sign
    assert found == pytest.approx([1, 1, 1], abs=0.1)


def test_candidates_of_large_jets_are_those_of_cms(shared_data: Path, tmp_path: Path) -> None:
    """Momenta, angles and distances to vertices as in CMSSW's `DeepBoostedJetTagInfoProducer`, jet by jet.

    But that it knows all vertices of the event: the table SV has those from three standard deviations on, and
    where one of the jet is not among them no distance is known here.
    """
    io.write_rows(tmp_path / "skim.parquet", canonical(shared_data, "ak8"))
    path = CONFIG / "ak8_candidates.yaml"
    spec = validate(FeatureGroup, {"name": "pf", **read_yaml(path)}, path)
    compute_features(spec, of("ak8"), tmp_path / "skim.parquet", tmp_path / "f.parquet", tmp_path / "m.json")
    ours = io.read_rows(tmp_path / "f.parquet")
    with uproot.open(shared_data / "cms-pfnano" / "pfnano.root") as file:
        names = [*(f"FatJet_{n}" for n in ("pt", "eta", "phi")), "SV_eta", "SV_phi"]
        names += ["FatJet_subJetIdx1", "FatJet_subJetIdx2", "SubJet_eta", "SubJet_phi"]
        names += ["FatJetPFCands_jetIdx", "FatJetPFCands_pFCandsIdx", "FatJetSVs_jetIdx", "FatJetSVs_sVIdx"]
        names += ["SV_dlenSig"]
        names += [f"PFCands_{n}" for n in ("pt", "eta", "phi", "puppiWeight", "charge")]
        events = file["Events"].arrays(names)
    jets = [(event, j) for event in events for j in range(len(event["FatJet_pt"]))]
    assert ak.min(events["SV_dlenSig"]) > 3
    n_with, n_unknown, n_of_others = 0, 0, 0
    for (event, j), row in zip(jets, ours, strict=True):
        number = event["FatJetPFCands_pFCandsIdx"][event["FatJetPFCands_jetIdx"] == j]
        pt, eta, phi, weight, charge = (
            np.asarray(event[f"PFCands_{n}"][number], np.float64)
            for n in ("pt", "eta", "phi", "puppiWeight", "charge")
        )
        jet_pt, jet_eta, jet_phi = (float(event[f"FatJet_{n}"][j]) for n in ("pt", "eta", "phi"))
        expected = {
            "puppiw": weight,
            "pt_log": np.log(weight * pt),
            "ptrel_log": np.log(weight * pt / jet_pt),
            "pt_log_nopuppi": np.log(pt),
            "ptrel_log_nopuppi": np.log(pt / jet_pt),
            "etarel": np.sign(jet_eta) * (eta - jet_eta),
            "phirel": _turn(phi - jet_phi),
            "deltaR": np.hypot(eta - jet_eta, _turn(phi - jet_phi)),
        }
        for which in (1, 2):
            place = event[f"FatJet_subJetIdx{which}"][j]
            far = (
                (eta - event["SubJet_eta"][place], _turn(phi - event["SubJet_phi"][place]))
                if place >= 0
                else ()
            )
            expected[f"drsubjet{which}"] = np.hypot(*far) if far else np.full(len(pt), -1.0)
        mine = event["FatJetSVs_sVIdx"][event["FatJetSVs_jetIdx"] == j]
        pairs = zip(event["SV_eta"], event["SV_phi"], strict=True)  # of the event, as CMSSW looks at them
        away = [np.hypot(eta - sv_eta, _turn(phi - sv_phi)) for sv_eta, sv_phi in pairs]
        lost = ak.any(mine < 0) or not away
        expected["drminsv"] = np.full(len(pt), -1.0) if lost else np.min(away, axis=0)
        n_with += not lost
        n_unknown += int(lost)
        n_of_others += not lost and len(mine) == 0
        kept = np.flatnonzero(weight >= 0.01)
        kept = np.concatenate([kept[charge[kept] != 0], kept[charge[kept] == 0]])
        kept = kept[np.argsort(-np.float32(weight * pt)[kept], kind="stable")][:100]
        for name, values in expected.items():
            found = np.asarray(row[f"pf_{name}"])
            np.testing.assert_allclose(found, values[kept], rtol=1e-5, atol=2e-5, err_msg=name)
    print(f"drminsv: {n_with} jets, {n_of_others} without a vertex of their own; {n_unknown} unknown")
    assert (n_with, n_of_others, n_unknown) == (17, 6, 7)


def _turn(angle: FloatArray) -> FloatArray:
    return (angle + np.pi) % (2 * np.pi) - np.pi
