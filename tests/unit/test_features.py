"""The feature stage: defaults, transforms, order, cuts, what is left out, and the shipped groups."""

import json
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import columns, io
from jetsmith.configuration.records import read_yaml, validate
from jetsmith.derivations import from_plain, of, plain, reached
from jetsmith.errors import InputError
from jetsmith.features import named
from jetsmith.features.compute import compute_features
from jetsmith.features.derived import available_with_derived
from jetsmith.mock import mock_rows
from jetsmith.specs.features import FeatureGroup, FeatureSpec

CONFIG = Path(__file__).parents[2] / "config" / "features"
OBJECTS = ("ak4", "ak8", "event")


def shipped(obj: str) -> list[FeatureGroup]:
    found = [
        validate(FeatureGroup, {"name": p.stem, **read_yaml(p)}, p) for p in sorted(CONFIG.glob("*.yaml"))
    ]
    return [group for group in found if group.object == obj]


def run(folder: Path, rows: ak.Array, groups: list[FeatureGroup], obj: str = "ak4") -> tuple[ak.Array, Any]:
    io.write_rows(folder / "skim.parquet", rows)
    result, meta = {}, {"left_out": {}, "in_stored_order": []}
    for group in (None, *groups):
        name = group.name if group else columns.ROWS
        path, about = folder / f"f/{name}.parquet", folder / f"f/{name}.json"
        further = () if group else [*columns.KINEMATICS[obj], *columns.CONTENT[obj]]
        compute_features(group, of(obj), folder / "skim.parquet", path, about, further)
        if io.column_names(path):
            found = io.read_rows(path, group=name)
            result |= {column: found[column] for column in found.fields}
            assert len(found) == len(rows)
        said = io.read_json(about)
        assert said["n_rows"] == len(rows)
        meta |= {name: value for name, value in said.items() if name in ("n_values", "replaced")}
        meta["left_out"] |= said["left_out"]
        meta["in_stored_order"] += [name] if said["in_stored_order"] else []
    return ak.zip(result, depth_limit=1), meta


def flat(**features: FeatureSpec) -> FeatureGroup:
    return FeatureGroup(name="flat", object="ak4", kind="flat", features=features)


def sequence(length: int, sort_by: str, **features: FeatureSpec) -> FeatureGroup:
    return FeatureGroup(
        name="seq", object="ak4", kind="sequence", length=length, sort_by=sort_by, features=features
    )


@pytest.mark.parametrize("obj", OBJECTS)
def test_shipped_groups_come_out_complete(obj: str, tmp_path: Path) -> None:
    """Every feature of config/features exists for a rich file, finite and float32, rows unchanged."""
    rows, groups = mock_rows(obj, 200, seed=1), shipped(obj)
    result, meta = run(tmp_path, rows, groups, obj)
    assert set(meta["left_out"]) == {
        n for g in groups for n, f in g.features.items()
        if f.source.startswith("stored_") and f.source not in rows.fields
    }  # fmt: skip
    for name in (*columns.KEY, *columns.COMMON):
        assert ak.array_equal(result[name], rows[name]), name
    for group in groups:
        for name in group.features:
            column = f"{group.name}_{name}" if group.kind == "sequence" else name
            if column in meta["left_out"]:
                continue
            values = ak.to_numpy(ak.flatten(result[column], axis=None))
            assert values.dtype == np.float32, column
            assert np.all(np.isfinite(values)), column
            if group.kind == "sequence":
                assert ak.max(ak.num(result[column])) <= group.length


def test_presets_have_the_sizes_of_the_public_taggers() -> None:
    """A feature that slips out of a preset would go unnoticed otherwise."""
    sizes = {(g.name, p): len(n) for o in OBJECTS for g in shipped(o) for p, n in g.presets.items()}
    expected = {
        ("ak4", "deepcsv"): 66, ("ak4", "deepjet_global"): 15, ("charged", "deepjet"): 16,
        ("neutral", "deepjet"): 6, ("neutral", "deepjet_8"): 8, ("vertices", "deepjet"): 12,
        ("ak8", "double_b"): 27, ("ak4", "hand_made"): 65,
    }  # fmt: skip
    assert sizes == sizes | expected


@pytest.mark.parametrize("obj", OBJECTS)
def test_shipped_sources_and_presets_exist(obj: str) -> None:
    """Every source is a column or a stored score, every preset names features, each has a label."""
    known = available_with_derived(set(columns.BY_OBJECT[obj]), of(obj))
    for group in shipped(obj):
        assert not group.sort_by or group.sort_by in known
        for name, feature in group.features.items():
            assert feature.source in known or feature.source.startswith("stored_"), name
            assert feature.label, name
            assert feature.slot is None or columns.column(obj, feature.source).ragged, name
        for preset, names in group.presets.items():
            assert set(names) <= set(group.features), preset
            assert len(names) == len(set(names)), preset


def test_missing_values_get_the_default_and_real_ones_are_clipped(tmp_path: Path) -> None:
    """The default is set after transform and clip, for NaN, infinity and absent slots alike."""
    rows = mock_rows("ak4", 4, seed=2)
    rows["jet_pt_gev"] = np.array([np.nan, np.inf, 100, 5000], np.float32)
    rows["jet_mass_gev"] = np.array([-1, 0, 1, np.e], np.float32)
    rows["track_sip3d_sig"] = ak.values_astype(ak.Array([[], [1.0], [1.0, -3.0], [np.nan, 9.0]]), np.float32)
    group = flat(
        a=FeatureSpec(source="jet_pt_gev", default=-7, clip=(0, 1000)),
        b=FeatureSpec(source="jet_mass_gev", transform="log", default=-9),
        c=FeatureSpec(source="track_sip3d_sig", slot=1, default=-50),
        d=FeatureSpec(source="track_sip3d_sig", slot=0, transform="signed_log1p"),
        e=FeatureSpec(source="jet_mass_gev", transform="abs"),
    )
    result, _ = run(tmp_path, rows, [group])
    assert result.a.to_list() == [-7, -7, 100, 1000]
    assert result.b.to_list() == pytest.approx([-9, -9, 0, 1])
    assert result.c.to_list() == [-50, -50, -3, 9]
    assert result.d.to_list() == pytest.approx([0, np.log(2), np.log(2), 0])
    assert result.e.to_list() == pytest.approx([1, 0, 1, np.e])


def test_sequences_are_sorted_by_falling_key_and_cut(tmp_path: Path) -> None:
    """Largest first, equal keys in stored order, NaN last; only then cut to the length."""
    rows = mock_rows("ak4", 3, seed=2)
    keys = ak.Array([[1.0, 5.0, np.nan, 5.0], [], [2.0]])
    for name in [n for n in rows.fields if n.startswith("cpf_")]:
        rows[name] = ak.values_astype(keys, np.float32)
    rows["cpf_pt_gev"] = ak.values_astype(ak.Array([[10, 11, 12, 13], [], [20]]), np.float32)
    group = sequence(3, "cpf_d0_cm", pt=FeatureSpec(source="cpf_pt_gev"), d=FeatureSpec(source="cpf_d0_cm"))
    result, _ = run(tmp_path, rows, [group])
    assert result.seq_pt.to_list() == [[11, 13, 10], [], [20]]
    assert result.seq_d.to_list() == [[5, 5, 1], [], [2]]
    longer, _ = run(tmp_path, rows, [group.model_copy(update={"length": 9})])
    assert longer.seq_pt.to_list()[0] == [11, 13, 10, 12]
    assert longer.seq_d.to_list()[0][-1] == 0  # the default of a NaN


def test_a_poor_file_leaves_features_out_and_says_why(tmp_path: Path) -> None:
    """What a NanoAOD cannot give is named, not invented; an unknown order is the stored order."""
    rows = mock_rows("ak4", 50, seed=3)
    poor = rows[[n for n in rows.fields if not n.startswith(("cpf_", "sv_", "tag_", "track_"))]]
    result, meta = run(tmp_path, poor, shipped("ak4"))
    assert "trackSip3dSig_0" not in result.fields
    assert "neither stored nor derivable" in meta["left_out"]["trackSip3dSig_0"]
    assert "charged_ptrel" in meta["left_out"]
    assert "jetPt" in result.fields
    assert set(meta["in_stored_order"]) == {"ak4_candidates", "charged", "tracks", "vertices"}


def test_candidates_of_small_and_of_large_jets_are_spelled_alike() -> None:
    """One name is one column, transformed alike: whether a momentum is times the PUPPI weight shows in it."""
    small, large = (
        next(group for group in shipped(obj) if group.name == f"{obj}_candidates") for obj in ("ak4", "ak8")
    )
    assert {*small.features} <= {*large.features}
    assert small.features == {name: large.features[name] for name in small.features}
    assert {*small.presets["set"]} - {"charge"} == {*large.presets["set"]}


def test_columns_of_a_sequence_must_agree_in_length(tmp_path: Path) -> None:
    """A source that mixes lists would pair wrong values in silence."""
    group = sequence(5, "", a=FeatureSpec(source="cpf_pt_gev"), b=FeatureSpec(source="npf_pt_gev"))
    with pytest.raises(InputError, match="cpf_pt_gev and npf_pt_gev of feature group seq"):
        run(tmp_path, mock_rows("ak4", 20, seed=3), [group])


def test_same_input_same_bytes(tmp_path: Path) -> None:
    """Reruns must not change files that later stages compare."""
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        run(tmp_path / name, mock_rows("ak4", 100, seed=4), shipped("ak4"))
        contents.append([path.read_bytes() for path in sorted((tmp_path / name / "f").glob("*.parquet"))])
    assert contents[0] == contents[1]


def test_no_rows_in_no_rows_out(tmp_path: Path) -> None:
    """A partition in which no jet passes is an empty file with all columns."""
    full, _ = run(tmp_path, mock_rows("ak4", 10, seed=5), shipped("ak4"))
    empty, _ = run(tmp_path, mock_rows("ak4", 0, seed=5), shipped("ak4"))
    assert len(empty) == 0
    assert empty.fields == full.fields


@pytest.mark.parametrize("obj", OBJECTS)
def test_a_group_calls_what_it_says(tmp_path: Path, obj: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects: a function that the rule does not name could be edited, and its columns stay as they are."""
    find, called = named.find, set[str]()
    monkeypatch.setattr(named, "find", lambda place: (called.add(place), find(place))[1])
    io.write_rows(tmp_path / "skim.parquet", mock_rows(obj, 20, seed=3))
    for group in shipped(obj):
        called.clear()
        ways = from_plain(json.loads(json.dumps(plain(reached(group.sources, obj)))))
        assert ways == reached(group.sources, obj)
        named_by = set(named.of(ways, group))
        compute_features(group, ways, tmp_path / "skim.parquet", tmp_path / "f.parquet", tmp_path / "f.json")
        assert called <= named_by
        assert {place for place in named_by if "transforms" in place} <= called
        some = io.read_rows(tmp_path / "f.parquet")
        compute_features(
            group, of(obj), tmp_path / "skim.parquet", tmp_path / "g.parquet", tmp_path / "g.json"
        )
        assert ak.to_list(some) == ak.to_list(io.read_rows(tmp_path / "g.parquet"))


def test_what_the_default_stands_for_is_counted(tmp_path: Path) -> None:
    """NaN, infinity, absent slots; not a value that happens to be the default. Of sequences what is kept."""
    rows = mock_rows("ak4", 4, seed=2)
    rows["jet_pt_gev"] = np.array([np.nan, np.inf, 100, 0], np.float32)
    rows["track_sip3d_sig"] = ak.values_astype(ak.Array([[], [0.0], [1.0, -3.0], [np.nan, 9.0]]), np.float32)
    group = flat(
        a=FeatureSpec(source="jet_pt_gev"),
        b=FeatureSpec(source="jet_pt_gev", transform="log"),
        c=FeatureSpec(source="track_sip3d_sig", slot=1),
        d=FeatureSpec(source="no_such_column"),
    )
    _, meta = run(tmp_path, rows, [group])
    assert (meta["n_values"], meta["replaced"]) == (4, {"a": 2, "b": 3, "c": 2})
    tracks = sequence(1, "", s=FeatureSpec(source="track_sip3d_sig"))
    _, meta = run(tmp_path, rows, [tracks])
    assert (meta["n_values"], meta["replaced"]) == (3, {"s": 1})
