"""Protects AK4 taggers on jets within large jets: their inputs, and whose score counts."""

import hashlib
import math
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import yaml

from jetsmith import io
from jetsmith.bundle import Bundle
from jetsmith.classifiers import _onnx_labels, _onnx_within
from jetsmith.classifiers.onnx import Options
from jetsmith.derivations import of, of_tags
from jetsmith.derivations.of_within import OF_WITHIN, PREFIXES, SUBJETS, WIDE
from jetsmith.features.derived import stand_ins, with_derived
from jetsmith.mock import mock_rows
from jetsmith.packed.arrays import FlatGroup, Packed
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.features import ColumnGroup, Inputs
from jetsmith.training import train
from tests.unit.bundled import FEATURES, small_bundle
from tests.unit.packed_jets import make_spec, pack_jets, with_flat, write_packed

ROOT = Path(__file__).parent.parent.parent
Row = dict[str, Any]
TAG = sorted(of_tags.OTHERWISE)
JET = ("jet_pt_gev", "jet_raw_pt_gev", "jet_eta", "jet_phi_rad", "jet_mass_gev")
ABOUT_NO_AXIS = {
    "cpf": (
        *("pt_gev", "eta", "phi_rad", "charge", "d0_cm", "d0_err_cm", "dz_cm", "dz_err_cm", "chi2"),
    ),
    "sv": (
        *("pt_gev", "eta", "phi_rad", "mass_gev", "n_tracks", "dxy_cm", "dxy_sig", "d3d_cm", "d3d_sig"),
        "cos_theta",
    ),
}  # fmt: skip


def delta_r(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.hypot(a[0] - b[0], math.remainder(a[1] - b[1], 2 * math.pi))


def small_jet(row: Row, which: int) -> Row:
    """Subjet number `which` of a large jet with what is nearer to it, and within 0.4, as an AK4 jet."""
    places = list(zip(row["subjet_eta"], row["subjet_phi_rad"], strict=True))
    there = len(places) > which
    found: Row = {name: row[f"sub{name}"][which] if there else math.nan for name in JET}
    for family, names in ABOUT_NO_AXIS.items():
        mine = []
        for i, place in enumerate(zip(row[f"{family}_eta"], row[f"{family}_phi_rad"], strict=True)):
            distances = [delta_r(place, other) for other in places]
            if there and distances[which] == min(distances) < 0.4:
                mine.append(i)
        found |= {f"{family}_{name}": [row[f"{family}_{name}"][i] for i in mine] for name in names}
    return found


def as_rows(jets: list[Row]) -> ak.Array:
    return ak.Array(
        {name: ak.values_astype(ak.Array([jet[name] for jet in jets]), np.float32) for name in jets[0]}
    )


@pytest.mark.parametrize("which", [0, 1])
def test_subjets_are_small_jets(which: int) -> None:
    """The tag information of each, of jets with two, one and no subjets."""
    prefix = SUBJETS[which]
    rows = mock_rows("ak8", 150, seed=3)
    assert set(np.asarray(ak.num(rows["subjet_pt_gev"]))) == {0, 1, 2}
    found = with_derived(rows, [prefix + name for name in TAG], of("ak8"))
    expected = with_derived(as_rows([small_jet(row, which) for row in rows.to_list()]), TAG, of("ak4"))
    filled = 0
    for name in TAG:
        ours, theirs = found[prefix + name].to_list(), expected[name].to_list()
        for one, other in zip(ours, theirs, strict=True):
            assert one == pytest.approx(other, rel=1e-4, abs=1e-5, nan_ok=True), name
        filled += sum(bool(one) and one == one for one in ours)
    assert filled > 10 * len(rows)


def test_the_whole_jet_takes_what_is_within_its_radius() -> None:
    """A track and a vertex at 0.5 count, which an AK4 jet would leave out, and none at 0.9."""
    track = {"d0_cm": 0.02, "d0_err_cm": 0.002, "dz_cm": 0.0, "dz_err_cm": 0.002, "chi2": 1.0, "charge": 1.0}
    jet: Row = dict(zip(JET, (500.0, 480.0, 0.0, 0.0, 100.0), strict=True))
    places = (0.02, 0.5, 0.9)
    jet |= {f"cpf_{name}": [value] * 3 for name, value in track.items()}
    jet |= {"cpf_pt_gev": [80.0] * 3, "cpf_eta": [0.0] * 3, "cpf_phi_rad": list(places)}
    vertex = {
        "mass_gev": 2.0,
        "pt_gev": 50.0,
        "n_tracks": 3.0,
        "dxy_cm": 0.3,
        "dxy_sig": 20.0,
        "cos_theta": 1.0,
    }
    jet |= {f"sv_{name}": [value] * 3 for name, value in vertex.items()}
    jet |= {"sv_d3d_cm": [0.3] * 3, "sv_d3d_sig": [20.0] * 3, "sv_eta": [0.0] * 3, "sv_phi_rad": list(places)}
    jet |= {name: [1.0] for name in ("subjet_pt_gev", "subjet_eta", "subjet_phi_rad")}
    rows, counted = as_rows([jet]), ("tag_n_selected_tracks", "tag_n_secondary_vertices")
    wide = with_derived(rows, [WIDE + name for name in counted], of("ak8"))
    small = with_derived(rows, counted, of("ak4"))
    assert [float(wide[WIDE + name][0]) for name in counted] == [2, 2]
    assert [float(small[name][0]) for name in counted] == [1, 1]


def test_stand_ins_are_named() -> None:
    """What subjets are made of is not told, nor their momenta before corrections by some files."""
    stored = set(mock_rows("ak8", 2, seed=1).fields)
    reasons = stand_ins(["subjet1_tag_n_tracks"], stored, of("ak8"))
    assert "made of" in reasons["cpf_subjet"][0]
    wanted = ["subjet2_tag_track_sum_jet_et_ratio"]
    assert "subjet2_jet_raw_pt_gev" not in stand_ins(wanted, stored, of("ak8"))
    without = stored - {"subjet_raw_pt_gev"}
    assert "before corrections" in stand_ins(wanted, without, of("ak8"))["subjet2_jet_raw_pt_gev"][0]
    assert not {name for name in OF_WITHIN if name in of("ak4")}


def test_shipped_features_are_those_of_ak4_jets() -> None:
    """Each as CSVv2 reads it, of each jet within: else the bundle would be refused."""
    small, within = (
        yaml.safe_load((ROOT / f"config/features/{name}.yaml").read_text()) for name in ("ak4", "ak8_within")
    )
    expected = {}
    for prefix in PREFIXES:
        for name in small["presets"]["csvv2"]:
            feature = dict(small["features"][name])
            expected[prefix + name] = {**feature, "source": prefix + feature["source"], "label": ""}
    assert {name: {**feature, "label": ""} for name, feature in within["features"].items()} == expected
    assert [*within["presets"]["subjets"], *within["presets"]["wide"]] == list(expected)


# --- the bundle ---

NAMES = [f"{prefix}{name}" for prefix in SUBJETS for name in ("jet_pt", "sip", "mass")]
WITHIN = Inputs(group="within", kind="flat", length=0, features=tuple(NAMES), sources=("subjet1_jet_pt_gev",))
LABELS = {"b_jets": ["b_jets"], "other": ["c_jets", "light_jets"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of flat features."""
    return small_bundle(tmp_path_factory.mktemp("bundles") / "flat", ("ak4",))


def spec_of(folder: Path, features: list[str] = NAMES, **changes: Any) -> ClassifierSpec:
    digest = hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    architecture = {"bundle": str(folder), "sha256": digest, "within": list(SUBJETS), "labels": LABELS}
    spec = make_spec("onnx", ("ak4",), architecture=architecture | changes)
    other = spec.classes[1].model_copy(update={"name": "other", "truth": (400, 0, 1)})
    inputs = (WITHIN.model_copy(update={"features": tuple(features)}),)
    return spec.model_copy(update={"classes": (spec.classes[0], other), "inputs": inputs})


def jets(n: int, seed: int) -> tuple[Packed, np.ndarray[Any, Any]]:
    """Packed jets whose subjets are jets of `pack_jets`; every fifth has one subjet alone."""
    both = [pack_jets(n, seed), pack_jets(n, seed + 100)]
    pick = [both[0].groups["ak4"].names.index(name) for name in ("jet_pt", "sip", "mass")]
    values = np.stack([one.groups["ak4"].values[:, pick] for one in both], axis=1)  # (n, 2, 3)
    values[::5, 1] = 0
    group = FlatGroup(values.reshape(n, 6), tuple(NAMES))
    return with_flat(both[0], group.values, group.names), values


def test_the_lower_score_counts(folder: Path, tmp_path: Path) -> None:
    """Against the bundle called on each subjet alone; without a second subjet a jet is not tagged."""
    spec = spec_of(folder)
    spec = spec.model_copy(update={"inputs": (spec.inputs[0].model_copy(update={"group": "ak4"}),)})
    every = []
    for seed, split in enumerate(("train", "validation", "calibration", "test")):
        packed, values = jets(60, seed)
        write_packed(tmp_path / "packed" / split, packed)
        every.append(values)
    train(spec, tmp_path / "packed", tmp_path / "model", seed=1)
    score(spec, tmp_path / "model", tmp_path / "packed", tmp_path / "scores.parquet")
    rows = io.read_rows(tmp_path / "scores.parquet")
    bundle, values = Bundle(folder), np.concatenate(every)
    assert bundle.classes[0] == "b_jets"

    def p_b(which: int) -> Any:
        names = ("jet_pt", "sip", "mass")
        given = {name: values[:, which, k] for k, name in enumerate(names)}
        given["mass"] = np.expm1(given["mass"])  # a bundle transforms it itself
        return bundle({"ak4": given})["p_b_jets"]

    first, second = p_b(0), p_b(1)
    lacks = np.tile(np.arange(60) % 5 == 0, 4)
    assert ((first < second) & ~lacks).any()
    assert ((second < first) & ~lacks).any()
    np.testing.assert_array_equal(np.asarray(rows["not_tagged"]), lacks)
    found = np.asarray(rows["p_b_jets"])
    np.testing.assert_allclose(found[~lacks], np.minimum(first, second)[~lacks], atol=1e-6)
    np.testing.assert_allclose(found + np.asarray(rows["p_other"]), np.where(lacks, np.nan, 1), atol=1e-6)


def test_outputs_are_added_up_to_classes(folder: Path) -> None:
    """What is of no class is left out; of none of them is no score, of one jet within or of two."""
    given = np.array([[0.2, 0.3, 0.5], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0]])
    labels = {"b_jets": ["first"], "other": ["second"]}
    found = _onnx_labels.by_class(given, labels, spec_of(folder), ("first", "second", "third"))
    np.testing.assert_allclose(found, [[0.4, 0.6], [np.nan, np.nan], [0.5, 0.5]])
    lowest = _onnx_within.least_alike([found, found[[0, 2, 1]], np.full((3, 2), 0.45)])
    np.testing.assert_allclose(lowest, [[0.4, 0.6], [np.nan, np.nan], [np.nan, np.nan]])


@pytest.mark.parametrize(
    ("changes", "features", "words"),
    [
        ({"within": ["subjet3_"]}, NAMES, "within: no jets `subjet3_` within a large one; did you mean"),
        ({"within": ["subjet1_", "subjet1_"]}, NAMES[:3], "within: names jets twice"),
        ({}, NAMES[:5], "within: the bundle reads `subjet2_mass`, which `inputs` lacks"),
        ({"within": ["subjet1_"]}, NAMES, "within: the bundle reads no subjet2_jet_pt"),
        (
            {"labels": {"b_jets": ["b_jets"], "other": ["d_jets"]}},
            NAMES,
            "labels: `d_jets` is no class of the",
        ),
        ({"labels": {}}, NAMES, "bundle: has the classes b_jets, c_jets, light_jets; "),
        ({"bundle": "", "file": "x.onnx"}, NAMES, "within: of a bundle"),
    ],
)
def test_misfits(folder: Path, changes: dict[str, Any], features: list[str], words: str) -> None:
    """What does not fit is named at the dry run, and nothing else."""
    spec = spec_of(folder, features, **changes)
    (found,) = Options.model_validate(spec.architecture).misfits(spec)
    assert words in found


def test_bundles_that_do_not_tell(folder: Path, tmp_path: Path) -> None:
    """One with sequences, of which jets within have none; what fits is not complained of."""
    assert not list(Options.model_validate(spec_of(folder).architecture).misfits(spec_of(folder)))
    spec = spec_of(small_bundle(tmp_path / "all"))
    (found,) = Options.model_validate(spec.architecture).misfits(spec)
    assert found.startswith("within: the bundle reads charged, vertices; of jets within")


def test_features_are_computed_as_the_bundle_takes_them(folder: Path) -> None:
    """A source of the large jet under the name of the subjet's would be another number."""
    spec = spec_of(folder)
    taken = {
        prefix + name: feature.model_copy(update={"source": prefix + feature.source})
        for prefix in SUBJETS
        for name, feature in FEATURES["ak4"].items()
    }
    options = Options.model_validate(spec.architecture)

    def misfits(**changes: Any) -> list[str]:
        group = ColumnGroup(name="within", object="ak8", kind="flat", features=taken | changes)
        return list(options.misfits_of_features(spec, {"within": group}))

    assert not misfits()
    assert misfits(subjet2_jet_pt=FEATURES["ak4"]["jet_pt"]) == [
        "bundle: takes `within.subjet2_jet_pt` with `source: subjet2_jet_pt_gev`; "
        "config/features/within.yaml has `source: jet_pt_gev`"
    ]
