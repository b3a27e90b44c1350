"""Protects samples with turned signs: what turns, what is dropped, and that nothing keeps its sign unsaid."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import columns, io
from jetsmith.columns.turned import FLIGHT, SAME, TURNED, usable
from jetsmith.derivations import of
from jetsmith.errors import InputError
from jetsmith.features.compute import compute_features
from jetsmith.features.derived import stand_ins, with_derived
from jetsmith.features.table import Lists, to_table
from jetsmith.features.turning import needed_to_turn, turn
from jetsmith.mock import mock_rows
from jetsmith.packed.pack import pack_group
from jetsmith.packed.packing import Packing
from jetsmith.specs.features import FeatureGroup, FeatureSpec
from jetsmith.specs.run import SplitSpec

SIGNED = ("cpf_sip2d_val_cm", "cpf_sip2d_sig", "cpf_sip3d_val_cm", "cpf_sip3d_sig")


def test_each_stored_column_turns_or_is_made_of_signs() -> None:
    """What is refused is named here: a new column is refused until somebody says that it has no sign."""
    stored = columns.STORED["ak4"] | columns.STORED["ak8"]
    refused = {*stored} - usable(stored)
    assert {*SAME} | {*TURNED} | {*FLIGHT} == usable(stored)
    assert not SAME & {*TURNED, *FLIGHT}
    others = {"jet_probability", "n_sv", "event_sv_eta", "event_sv_phi_rad"}
    assert others | {"cpf_min_delta_r_sv", "npf_min_delta_r_sv"} == {
        name for name in refused if not name.startswith(("tag_", "track_", "ddx_"))
    }
    assert {"tag_vertex_category", "track_jet_dist_cm", "track_pt_ratio", "ddx_n_tracks"} < refused
    assert usable(["stored_btagDeepFlavB", "cpf_new_cm"]) == set()


def rows_with_vertices_behind(n: int, seed: int) -> ak.Array:
    """Jets of whose vertices some are behind: by their distance, by the cosine alone, or by both."""
    rows = mock_rows("ak4", n, seed)
    rng = np.random.default_rng(seed)
    counts = ak.num(rows["sv_mass_gev"])
    total = int(ak.sum(counts))
    behind, by_cosine = rng.random(total) < 0.4, rng.random(total) < 0.3
    for name in FLIGHT:
        values = np.abs(np.asarray(ak.flatten(rows[name])))
        back = behind & ~by_cosine if name != "sv_cos_theta" else behind
        rows[name] = ak.unflatten(np.where(back, -values, values).astype("f4"), counts)
    return rows


@pytest.mark.parametrize("seed", [1, 2])
def test_turned_columns_are_those_of_a_loop(seed: int) -> None:
    """Tracks by their sign, vertices by their side, all other columns as they are; and how many vertices."""
    rows = rows_with_vertices_behind(60, seed)
    found, n_vertices, n_behind = turn(to_table(rows))
    kept = 0
    for k in range(len(rows)):
        row = {name: rows[name][k] for name in rows.fields}
        back = [any(row[name][j] < 0 for name in FLIGHT) for j in range(len(row["sv_mass_gev"]))]
        kept += sum(back)
        for name in rows.fields:
            column = found[name]
            if not isinstance(column, Lists):
                assert column[k] == row[name]
                continue
            values = column.values[column.offsets[k] : column.offsets[k + 1]].tolist()
            expected = ak.to_list(row[name])
            if name in TURNED:
                expected = [-value for value in expected]
            if name.startswith("sv_"):
                expected = [value for value, is_back in zip(expected, back, strict=True) if is_back]
                expected = [abs(value) for value in expected] if name in FLIGHT else expected
            np.testing.assert_array_equal(values, expected)
    assert (n_vertices, n_behind) == (len(ak.flatten(rows["sv_mass_gev"])), kept)
    assert 0 < n_behind < n_vertices


def test_turned_twice_are_tracks_as_they_were_and_vertices_are_gone() -> None:
    """A mirror image of the mirror image; of files of CMS, whose vertices are all ahead, none is left."""
    table = to_table(mock_rows("ak4", 40, 3))
    once = turn(table)
    assert (once.behind, len(once.table["sv_mass_gev"].values)) == (0, 0)
    twice = turn(once.table).table
    assert {"cpf_d0_cm", "cpf_sip3d_sig"} < {*TURNED} & {*table}
    for name in {*TURNED} & {*table}:
        np.testing.assert_array_equal(twice[name].values, table[name].values)
    uneven = {
        "sv_mass_gev": Lists(np.array([0, 1]), np.ones(1)),
        "sv_eta": Lists(np.array([0, 0]), np.ones(0)),
    }
    with pytest.raises(InputError, match="sv_mass_gev and sv_eta of vertices differ in length"):
        turn(uneven)


def test_what_is_derived_of_turned_tracks_turns() -> None:
    """Signed impact parameters of mirrored tracks change their sign, distances to the axis do not."""
    rows = mock_rows("ak4", 80, 4)
    bare = rows[
        [name for name in rows.fields if name not in (*SIGNED, "cpf_jet_dist_cm", "cpf_decay_len_cm")]
    ]
    mirrored = ak.zip(
        {name: -bare[name] if name in TURNED else bare[name] for name in bare.fields}, depth_limit=1
    )
    wanted = (*SIGNED, "cpf_jet_dist_cm", "cpf_decay_len_cm")
    plain, turned = (with_derived(one, wanted, of("ak4")) for one in (bare, mirrored))
    for name in wanted:
        first, second = (np.asarray(ak.flatten(one[name])) for one in (plain, turned))
        some = first != 0
        np.testing.assert_allclose(second[some], -first[some] if name in SIGNED else first[some], rtol=1e-5)


def group(**features: FeatureSpec) -> FeatureGroup:
    return FeatureGroup(name="tag", object="ak4", kind="flat", features=features)


GROUP = group(
    first=FeatureSpec(source="track_sip3d_sig", slot=0),
    vertices=FeatureSpec(source="tag_n_secondary_vertices"),
    jp=FeatureSpec(source="jet_probability_derived"),
    stored=FeatureSpec(source="jet_probability"),
    score=FeatureSpec(source="stored_btagDeepFlavB"),
    pt=FeatureSpec(source="jet_pt_gev"),
)


def features(folder: Path, rows: ak.Array, signs: str, used: FeatureGroup = GROUP) -> tuple[ak.Array, Any]:
    io.write_rows(folder / "skim.parquet", rows, dataset="d", part="000")
    path, meta = folder / f"{used.name}{signs}.parquet", folder / f"{used.name}{signs}.json"
    compute_features(
        used, of("ak4"), folder / "skim.parquet", path, meta, signs=signs, dataset="d", part="000"
    )
    return io.read_rows(path, group=used.name + signs), io.read_json(meta)


def test_features_of_turned_signs_take_no_column_that_is_made_of_signs(tmp_path: Path) -> None:
    """Stored tag information gives way to what follows from turned tracks; else there is no feature."""
    rows = rows_with_vertices_behind(300, 5)
    plain, _ = features(tmp_path, rows, "")
    found, meta = features(tmp_path, rows, ".turned")
    assert {*meta["left_out"]} == {"stored", "score"}
    assert meta["turned"]["behind"] > 0
    assert meta["n_rows"] == len(found) == len(plain)
    np.testing.assert_array_equal(found["pt"], plain["pt"])
    mirrored = ak.zip(
        {
            name: -rows[name] if name in TURNED else rows[name]
            for name in usable(rows.fields)
            if not name.startswith("sv_")
        },
        depth_limit=1,
    )
    expected = with_derived(mirrored, ["track_sip3d_sig", "jet_probability_derived"], of("ak4"))
    leading = ak.fill_none(ak.firsts(expected["track_sip3d_sig"]), 0.0)
    np.testing.assert_allclose(found["first"], leading, rtol=1e-6)
    assert (np.asarray(found["first"]) != np.asarray(plain["first"])).mean() > 0.5
    assert needed_to_turn({"sv_eta"}, {"sv_dxy_cm", "sv_eta"}) == {"sv_eta", "sv_dxy_cm"}
    assert needed_to_turn({"jet_eta"}, {"sv_dxy_cm"}) == {"jet_eta"}


def test_large_jets_of_turned_signs_are_near_to_their_own_vertices(tmp_path: Path) -> None:
    """Which vertices of the event are behind nobody knows: those of the jet stand in, and it is said."""
    rows = mock_rows("ak8", 200, 8)
    n_own = ak.num(rows["sv_eta"])
    behind = np.random.default_rng(8).random(int(ak.sum(n_own))) < 0.5
    for name in FLIGHT:
        values = np.abs(np.asarray(ak.flatten(rows[name])))
        rows[name] = ak.unflatten(np.where(behind, -values, values).astype("f4"), n_own)
    used = group(nearest=FeatureSpec(source="cpf_min_delta_r_sv", default=-1.0))
    used = used.model_copy(update={"object": "ak8", "kind": "sequence", "length": 50})
    io.write_rows(tmp_path / "skim.parquet", rows, dataset="d", part="000")
    compute_features(
        used, of("ak8"), tmp_path / "skim.parquet", tmp_path / "f.parquet", tmp_path / "f.json",
        signs=".turned", dataset="d", part="000",
    )  # fmt: skip
    found = io.read_rows(tmp_path / "f.parquet", group=f"{used.name}.turned")[used.column("nearest")]
    n_behind = ak.sum(ak.unflatten(behind, n_own), axis=1)
    has_tracks = ak.num(rows["cpf_eta"]) > 0
    assert ak.all(ak.all(found == -1, axis=1) == (n_behind == 0) | ~has_tracks)
    assert set(stand_ins(["cpf_min_delta_r_sv"], usable(rows.fields), of("ak8"))) == {"cpf_min_delta_r_sv"}


def test_pack_takes_no_features_of_other_signs(tmp_path: Path) -> None:
    """Files know their signs: one in the place of the other is refused, not packed."""
    rows = mock_rows("ak4", 60, 6)
    used = group(jp=FeatureSpec(source="jet_probability_derived"))
    for signs in ("", ".turned"):
        features(tmp_path, rows, signs, used)
    compute_features(
        None, of("ak4"), tmp_path / "skim.parquet", tmp_path / "rows.parquet", tmp_path / "rows.json",
        (*columns.KINEMATICS["ak4"], *columns.CONTENT["ak4"]), dataset="d", part="000",
    )  # fmt: skip

    def pack(file: str, signs: str) -> None:
        outputs = {
            name: tmp_path / "packed" / name / "tag"
            for name in ("train", "validation", "calibration", "test")
        }
        packing = Packing("s", SplitSpec(), 1, (), outputs)
        of_rows = {"d": [tmp_path / "rows.parquet"]}
        pack_group(packing, used, of_rows, {"d": [tmp_path / file]}, signs=signs)

    pack("tag.turned.parquet", ".turned")
    for file, signs in (("tag.parquet", ".turned"), ("tag.turned.parquet", "")):
        with pytest.raises(InputError, match="group"):
            pack(file, signs)
