"""JetClass and JetClass-II: jets of Parquet and ROOT files against loops, and what is refused."""

import math

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from jetsmith import columns, io
from jetsmith.columns.labels import JETCLASS, JETCLASS_II, LABELS
from jetsmith.configuration.load import load
from jetsmith.derivations import of
from jetsmith.errors import DamagedError, InputError
from jetsmith.features.derived import available_with_derived
from jetsmith.skimming import account, inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import jetclass, opened, parquet
from jetsmith.specs.classifiers import ClassSpec
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

from .test_configuration import ROOT

N = 30
CUTS = SelectionSpec(pt_min_gev=300, abseta_max=2.0)
KEYS = {"object": "ak8", "process": "test", "files": ("x",), "weights": "unit", "without": ("jet_id",)}
TYPES = ("isChargedHadron", "isElectron", "isMuon", "isPhoton", "isNeutralHadron")


def jets(n=N, first=True, seed=1):
    """Branches of made-up jets, with labels of JetClass, or of JetClass-II."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 6, n)
    total = int(counts.sum())
    kind = rng.integers(0, 5, total)
    flat = {f"part_{name}": rng.normal(0, 50, total).astype("f4") for name in ("px", "py", "pz")}
    flat["part_energy"] = np.sqrt(sum(values**2 for values in flat.values()) + 0.1).astype("f4")
    flat |= {f"part_{name}": kind == place for place, name in enumerate(TYPES)}
    charged = kind < 3
    flat["part_charge"] = np.where(charged, rng.choice([-1, 1], total), 0).astype("i4")
    for name in ("d0val", "d0err", "dzval", "dzerr"):
        flat[f"part_{name}"] = np.where(charged, rng.uniform(0.01, 3, total), 0).astype("f4")
    found = {name: ak.unflatten(values, counts) for name, values in flat.items()}
    pt, eta = rng.uniform(200, 1000, n).astype("f4"), rng.uniform(-2.5, 2.5, n).astype("f4")
    energy = np.hypot(pt * np.cosh(eta), rng.uniform(10, 200, n)).astype("f4")
    found |= {"jet_pt": pt, "jet_eta": eta, "jet_energy": energy}
    found |= {name: rng.uniform(0.1, 1, n).astype("f4") for name in ("jet_phi", "jet_sdmass", "jet_tau1")}
    if not first:
        label = rng.integers(0, len(JETCLASS_II), n).astype("i4")
        matched = rng.random(n) < 0.7
        pt = np.where(matched, pt, 0).astype("f4")
        generated = {"pt": pt, "eta": eta, "energy": 1.1 * energy, "sdmass": np.where(matched, 50, 0)}
        return found | {"jet_label": label} | {f"genjet_{k}": v.astype("f4") for k, v in generated.items()}
    label = rng.integers(0, len(JETCLASS), n)
    return found | {f"label_{name}": label == place for place, name in enumerate(JETCLASS)}


def to_arrow(branches):
    return pa.table({name: ak.to_arrow(ak.Array(v), extensionarray=False) for name, v in branches.items()})


def write(path, branches, group=7, **options):
    """A Parquet file, or a ROOT file by its name."""
    if path.suffix == ".root":
        with uproot.recreate(path) as file:
            types = {name: ak.Array(values).type.content for name, values in branches.items()}
            file.mktree("tree", types).extend(branches)
    else:
        table = branches if isinstance(branches, pa.Table) else to_arrow(branches)
        pq.write_table(table, path, row_group_size=group, **options)
    return str(path)


def inspect(folder, files, n_parts=1, loss=0.0, **keys):
    """The dataset and the plan."""
    spec, plan = DatasetSpec(**KEYS | keys), folder / "plan.json"
    inspection.inspect_dataset(
        "test", spec, files, n_parts, PartitionSpec(), plan, SkimSpec(max_loss_fraction=loss), jet_id=2
    )
    return spec, plan


def accounted(folder, files, n_parts=1, loss=0.0, cuts=CUTS, **keys):
    """All rows, in order, and the account."""
    spec, plan = inspect(folder, files, n_parts, loss, **keys)
    made = [[folder / f"{part}.{end}" for end in ("rows", "json", "identity")] for part in range(n_parts)]
    for part, paths in enumerate(made):
        given_to = SkimSpec(chunk_entries=12, max_loss_fraction=loss)
        skim.skim_partition("test", spec, cuts, given_to, plan, part, *paths)
    reports, identities = [paths[1] for paths in made], [paths[2] for paths in made]
    account.account_dataset("test", plan, reports, identities, loss, folder / "account.json")
    return ak.concatenate([io.read_rows(paths[0]) for paths in made]), io.read_json(folder / "account.json")


def refused(folder, branches, error=InputError, **keys):
    """The message."""
    with pytest.raises(error) as caught:
        accounted(folder, [write(folder / "a.parquet", branches)], **keys)
    assert "a.parquet" in str(caught.value) or "dataset test" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("end", "first"), [("root", True), ("parquet", False)])
def test_rows_are_those_of_a_loop(tmp_path, end, first):
    """Kinematics, truth and constituents of every jet that passes, in cm; however the file is cut."""
    branches = jets(first=first)
    rows, told = accounted(tmp_path, [write(tmp_path / f"a.{end}", branches)], n_parts=3)
    kept = [i for i in range(N) if branches["jet_pt"][i] >= 300 and abs(branches["jet_eta"][i]) <= 2]
    assert (told["n_events"], told["n_lost"], len(rows)) == (N, 0, len(kept))
    assert 0 < len(kept) < N
    assert [*told["content"]["not_applied"]] == [told["cutflow"][-1]["cut"]] == ["jet_id"]
    for row, i in zip(rows, kept, strict=True):
        label = (
            next(name for name in JETCLASS if branches[f"label_{name}"][i])
            if first
            else JETCLASS_II[branches["jet_label"][i]]
        )
        assert (row["flavour"], row["weight"]) == (LABELS[f"label_{label}"], 1)
        pt, eta, energy = (float(branches[f"jet_{name}"][i]) for name in ("pt", "eta", "energy"))
        mass2 = energy**2 - (pt * math.cosh(eta)) ** 2
        assert row["jet_mass_gev"] == pytest.approx(math.sqrt(mass2), rel=1e-3)
        assert row["jet_softdrop_mass_gev"] == branches["jet_sdmass"][i]
        if first:
            assert not {name for name in rows.fields if "_gen_" in name}
        else:
            _check_generated(row, *(float(branches[f"genjet_{of}"][i]) for of in ("pt", "eta", "energy")))
        parts = [{name[5:]: branches[name][i][j] for name in branches if name.startswith("part_")}
                 for j in range(len(branches["part_px"][i]))]  # fmt: skip
        for prefix, own in (
            ("cpf", [p for p in parts if p["charge"]]),
            ("npf", [p for p in parts if not p["charge"]]),
        ):
            expected = [constituent(p) for p in own]
            assert row[f"n_{prefix}"] == len(own)
            for name in expected[0] if own else ():
                found = row[f"{prefix}_{name}"].to_list()
                assert found == pytest.approx([e[name] for e in expected], rel=1e-5)


def _check_generated(row, pt, eta, energy):
    """NaN where the file says 0, of no generator jet."""
    if pt == 0:
        assert np.isnan(row["jet_gen_pt_gev"])
        assert np.isnan(row["jet_gen_softdrop_mass_gev"])
        return
    assert (row["jet_gen_pt_gev"], row["jet_gen_softdrop_mass_gev"]) == (pt, 50)
    mass2 = energy**2 - (pt * math.cosh(eta)) ** 2
    assert row["jet_gen_mass_gev"] == pytest.approx(math.sqrt(mass2), rel=1e-3)


def constituent(p):
    """Columns of a constituent, one number at a time."""
    x, y, z = (float(p[f"p{axis}"]) for axis in "xyz")
    pt, charge = math.hypot(x, y), int(p["charge"])
    kind = next(name for name in TYPES if p[name])
    pdg = dict(zip(TYPES, (211, -11, -13, 22, 130), strict=True))[kind]
    found = {"pt_gev": pt, "eta": math.asinh(z / pt), "phi_rad": math.atan2(y, x), "puppi_weight": 1}
    found |= {"energy_gev": p["energy"], "pdg_id": pdg * (charge or 1)}
    if charge:
        sine = pt / math.hypot(pt, z)
        found |= {"charge": charge, "d0_cm": -p["d0val"] / 10, "d0_err_cm": p["d0err"] / 10}
        found |= {"dz_cm": p["dzval"] / 10, "dz_err_cm": p["dzerr"] / 10 * sine}
    return found


place = st.integers(0, N)


@settings(max_examples=25, deadline=None)
@given(group=st.integers(1, 40), ends=st.tuples(place, place), batch=st.integers(1, 9))
def test_any_range_of_any_row_groups(tmp_path_factory, group, ends, batch):
    """What is read is that slice, wherever row groups and batches end; also an empty one."""
    branches = jets(first=False)
    path = write(tmp_path_factory.mktemp("r") / "a.parquet", branches, group)
    start, stop = sorted(ends)
    with pytest.MonkeyPatch.context() as patched, opened.open_file(path) as file:
        patched.setattr(parquet, "BATCH", batch)
        table = file.table(parquet.PATH, N)
        found = table.read(["jet_pt", "part_px"], start, stop)
        assert found["jet_pt"].to_list() == branches["jet_pt"][start:stop].tolist()
        assert found["part_px"].to_list() == branches["part_px"][start:stop].to_list()
        assert table.bounds(["jet_pt"]) == [*range(0, N, group), N]


@pytest.mark.parametrize(
    "lost", ["", "part_charge", "part_px", "part_energy", "part_isMuon", "part_dzerr", "jet_tau1"]
)
def test_rows_have_the_columns_that_are_promised(lost):
    """From the branches that are named alone, of the types that columns have."""
    branches = {name: values for name, values in jets().items() if name != lost}
    read = jetclass.branches(set(branches), "ak8")
    spec = DatasetSpec(**KEYS)
    rows, _ = jetclass.rows({name: ak.Array(branches[name]) for name in read}, spec, CUTS)
    assert set(rows.fields) == jetclass.gives(set(branches), "ak8")
    assert (lost in ("part_charge", "part_px")) == ("cpf_pt_gev" not in rows.fields)
    for name in rows.fields:
        column = columns.column("ak8", name)
        assert str(rows[name].type).endswith(("var * " if column.ragged else "* ") + column.dtype)


def test_who_a_jet_is(tmp_path):
    """The same jet in another file, packed in another way, is found twice; others are not."""
    branches = jets()
    one, two = (tmp_path / name for name in ("a.parquet", "b.parquet"))
    files = [write(one, branches), write(two, {k: v[3:9] for k, v in branches.items()}, compression="zstd")]
    with pytest.raises(InputError, match="at least 6 entries would count twice"):
        accounted(tmp_path, files)
    rows, told = accounted(tmp_path, [files[0], write(two, jets(seed=2))])
    assert told["n_events"] == 2 * N
    assert len(set(zip(rows["run"], rows["luminosity_block"], rows["event"], strict=True))) == len(rows)
    assert told["content"]["instead"].keys() == {"event", "puppi_weight"}


def test_what_a_dataset_has_to_say(tmp_path):
    """Weights of 1, no identification, the kind of row, no cross-section: nothing is assumed."""
    branches = jets()
    assert "`weights: unit` makes every event count 1" in refused(tmp_path, branches, weights="generator")
    assert "files of JetClass have no identification of jets" in refused(tmp_path, branches, without=())
    assert "it can serve: ak8" in refused(tmp_path, branches, object="ak4")
    assert "is simulated" in refused(tmp_path, branches, is_data=True, weights="generator")
    path = write(tmp_path / "a.parquet", branches)
    with pytest.raises(InputError, match="entries of files of JetClass are jets"):
        inspection.inspect_dataset(
            "test", DatasetSpec(**KEYS), [path], 1, PartitionSpec(), tmp_path / "p", has_cross_section=True
        )


def test_columns_that_are_none(tmp_path, capsys):
    """Absent ones, ones of another type, and twice the same: what, where, and what would be right."""
    branches = jets(first=False)
    table = to_arrow(branches)
    lacking = refused(tmp_path, table.drop_columns(["jet_eta", "jet_label"]))
    assert "the nearest is `jetclass`: it lacks jet_eta, jet_label (or label_QCD and its like)" in lacking
    some = to_arrow(jets()).drop_columns(["label_Hbb"])
    assert "it lacks label_Hbb" in refused(tmp_path, some)
    place = table.schema.get_field_index("jet_pt")
    for wrong, words in (
        (pa.array(["a"] * N), "`jet_pt` is of the type string; a number a jet would be right"),
        (pa.array([[1.0]] * N), "`jet_pt` is of the type list<"),
        (pa.array([b"\x80\x04."] * N), "`jet_pt` is of the type binary"),
    ):
        assert words in refused(tmp_path, table.set_column(place, "jet_pt", wrong))
    twice = table.append_column("jet_pt", table["jet_pt"])
    assert "`jet_pt` is there 2 times" in refused(tmp_path, twice)
    flat = table.set_column(table.schema.get_field_index("part_d0val"), "part_d0val", table["jet_pt"])
    _, plan = inspect(tmp_path, [write(tmp_path / "b.parquet", flat)])
    assert "cpf_d0_cm" not in io.read_json(plan)["columns"]
    assert "not read: `part_d0val` is of the type float; a list of numbers a jet" in capsys.readouterr().err


def test_values_that_are_none(tmp_path):
    """Labels beyond the last, none or two of ten, lists of other lengths, empty values."""
    branches = jets(first=False)
    labels = branches["jet_label"].copy()
    labels[5] = 188
    message = refused(tmp_path, branches | {"jet_label": labels})
    assert "entries 0 to 7: jet_label is 188 of jet 5 of these (1 such jets)" in message
    assert "whole numbers from 0 to 187" in message
    halves = branches["jet_label"] + 0.5
    assert "whole numbers" in refused(tmp_path, branches | {"jet_label": halves})
    ten = jets()
    both = ten | {"label_QCD": np.ones(N, bool)}
    assert "2 of label_QCD to label_Tbl are set of jet" in refused(tmp_path, both)
    longer = ak.concatenate([branches["part_d0val"], np.ones((N, 1), "f4")], axis=1)
    message = refused(tmp_path, branches | {"part_d0val": longer})
    assert "part_d0val has" in message
    assert "one a constituent would be right" in message
    table = to_arrow(branches)
    inside = [[1.0] * len(values) for values in branches["part_px"].to_list()]
    next(values for values in inside if values)[0] = None
    for name, holes in (("jet_tau1", [None] + [0.5] * (N - 1)), ("part_px", inside)):
        spoiled = table.set_column(table.schema.get_field_index(name), name, pa.array(holes))
        assert f"column {name} has empty values (null, 1 here)" in refused(tmp_path, spoiled)


def test_damage(tmp_path):
    """A file cut off, without its end or with other bytes there is damaged, and may be a declared loss."""
    path = tmp_path / "a.parquet"
    whole = (write(path, jets()), path.read_bytes())[1]
    for spoiled in (whole[:-9], whole[:100], whole[:-200] + bytes(190) + whole[-10:]):
        path.write_bytes(spoiled)
        says = pytest.raises(DamagedError, match=r"a\.parquet: a damaged Parquet file: .*; copy it again")
        with says, opened.open_file(str(path)):
            pass
    path.write_bytes(whole[:-9])
    good = write(tmp_path / "b.parquet", jets(seed=3))
    _, told = accounted(tmp_path, [str(path), good], loss=0.6)
    assert (told["n_events"], told["n_lost"]) == (N, N)


def test_files_of_others(tmp_path):
    """A Parquet file of something else, and a ROOT file with a tree of that name."""
    assert "no known layout; the nearest is `jetclass`" in refused(tmp_path, pa.table({"x": [1.0, 2.0]}))
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file.mktree("tree", {"x": "f4"}).extend({"x": np.zeros(2, "f4")})
    with pytest.raises(InputError, match="the nearest is `jetclass`: it lacks jet_pt"):
        inspect(tmp_path, [str(path)])


def class_of(*truth):
    return ClassSpec(name="a", truth=truth, label="a", color="#000000")


def test_kinematics_of_deepak8_need_no_more_than_constituents():
    """The preset and its tagger run on these files, whose jets have no subjets; `deepak8` needs more."""
    group = yaml.safe_load((ROOT / "config" / "features" / "ak8_candidates.yaml").read_text())
    have = available_with_derived(jetclass.gives(set(jets()), "ak8"), of("ak8"))
    lacking = {
        preset: [name for name in group["presets"][preset] if group["features"][name]["source"] not in have]
        for preset in ("deepak8_kinematics", "deepak8")
    }
    assert lacking["deepak8_kinematics"] == []
    assert {"drsubjet1", "VTX_ass"} < {*lacking["deepak8"]}


def test_classes_by_label():
    """Labels and patterns of labels are the ids that rows have; others are refused with what is close."""
    assert class_of("label_Hbb", 2505).truth == (LABELS["label_Hbb"], 2505)
    assert len(class_of("label_QCD_*").truth) == 27
    assert len(class_of("label_X_[!Y]*").truth) == 15
    assert len(class_of("label_X_YY_*").truth) == 146
    assert len({*LABELS.values()}) == 198
    assert {*LABELS.values()} <= {*columns.TRUTH["ak8"]}
    with pytest.raises(ValidationError, match="is `label_Hbbb`; close to it: label_Hbb"):
        class_of("label_Hbbb")
    with pytest.raises(ValidationError, match="valid integer"):
        class_of(1.5)


@pytest.mark.parametrize("tagger", ["jetclass1", "jetclass2"])
def test_the_run_that_comes_along(tmp_path, tagger):
    """config/jetclass.yaml with files where it looks for them, and either tagger, is what a dry run wants."""
    (tmp_path / "jetclass").mkdir()
    write(tmp_path / "jetclass/a.parquet", jets())
    run = yaml.safe_load((ROOT / "config/jetclass.yaml").read_text())
    loaded = load(run | {"data_root": str(tmp_path), "taggers": {tagger: "jetclass2"}}, ROOT / "config")
    truth = [key for c in loaded.classifiers[tagger].classes for key in c.truth]
    assert len(set(truth)) == len(truth)
    named = {key for label, key in LABELS.items() if label.removeprefix("label_") in JETCLASS_II}
    assert set(truth) >= (named if tagger == "jetclass2" else {*LABELS.values()} - named)
