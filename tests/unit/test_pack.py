"""The pack stage: splits by identity, order, weights, what is left out, and the layout on disk."""

import itertools
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import yaml

from jetsmith import columns, io, stages
from jetsmith.configuration.load import load
from jetsmith.derivations import of
from jetsmith.errors import InputError
from jetsmith.features.compute import compute_features
from jetsmith.handed.account import Account, Normalisation
from jetsmith.hashing import SPLITS, fold_of, split_of
from jetsmith.mock import mock_rows
from jetsmith.packed import arrays
from jetsmith.packed.pack import pack_group
from jetsmith.packed.pack_rows import pack_rows
from jetsmith.packed.packing import Packing
from jetsmith.packed.rows import Rows
from jetsmith.specs.features import FeatureGroup, FeatureSpec, Inputs
from jetsmith.specs.run import SampleSpec, SplitSpec
from tests.unit.plans import SIMULATED

CONFIG = Path(__file__).parents[2] / "config"
SEED = 11
GROUPS = [
    FeatureGroup(
        name="flat", object="ak4", kind="flat",
        features={
            "pt": FeatureSpec(source="jet_pt_gev"), "score": FeatureSpec(source="stored_btagDeepB"),
            "eta": FeatureSpec(source="jet_eta"), "sip": FeatureSpec(source="track_sip3d_sig", slot=0),
        },
    ),
    FeatureGroup(
        name="tracks", object="ak4", kind="sequence", length=6, sort_by="cpf_pt_gev",
        features={"pt": FeatureSpec(source="cpf_pt_gev"), "d0": FeatureSpec(source="cpf_d0_cm")},
    ),
]  # fmt: skip


CROSS_SECTION_PB = 10


def write_features(folder: Path, name: str, rows: ak.Array, groups: Sequence[FeatureGroup] = GROUPS) -> Path:
    """Rows and features of made-up rows, by the stage itself, and an account with a mean weight."""
    obj = groups[0].object
    skim = folder / f"{name}.skim.parquet"
    io.write_rows(skim, rows)
    for group in (None, *groups):
        stem = folder / name / (group.name if group else columns.ROWS)
        further = () if group else [*columns.KINEMATICS[obj], *columns.CONTENT[obj]]
        compute_features(group, of(obj), skim, f"{stem}.parquet", f"{stem}.meta.json", further)
    total = float(np.sum(rows.weight))
    mean = total / max(len(rows), 1)
    write_account(folder, name, rows, mean, CROSS_SECTION_PB / total if total > 0 else None)
    return folder / name


def write_account(
    folder: Path, name: str, rows: ak.Array, mean_weight: float, event_weight: float | None
) -> None:
    """What pack reads of an account."""
    flavours, counts = np.unique(np.asarray(rows.flavour), return_counts=True)
    n, sum_w = len(rows), mean_weight * len(rows)
    about = Normalisation(
        "events", "normalised for a test", sum_w, mean_weight, sum_w, n, None, None, None, 1.0
    )
    account = Account(
        dataset=name, object="ak4", layout="mock", columns=(), content=SIMULATED, n_entries=n, n_events=n,
        n_lost=0, lost=(), loss_fraction=0.0, loss_weight_fraction=0.0, n_duplicates=0, normalisation=about,
        event_weight=event_weight, n_rows=n, rows_by_part={"000": n}, states={}, cutflow=(),
        rows_by_flavour={str(f): int(n) for f, n in zip(flavours, counts, strict=True)},
    )  # fmt: skip
    io.write_record(folder / f"{name}.account.json", account)


def pack(
    folder: Path, names: Sequence[str], into: str = "packed", **options: Any
) -> dict[str, arrays.Packed]:
    """Pack data sets; options are those of SampleSpec, `groups`, `kept_truth`, and folders of `parts`."""
    groups, kept_truth = options.pop("groups", GROUPS), options.pop("kept_truth", ())
    parts = options.pop("parts", {name: [folder / name] for name in names})

    def files(group: str) -> dict[str, list[str | Path]]:
        return {name: [part / f"{group}.parquet" for part in parts[name]] for name in names}

    def packing(group: str) -> Packing:
        outputs = {split: folder / into / split / group for split in SPLITS}
        return Packing("", SplitSpec(), SEED, kept_truth, outputs)

    obj = groups[0].object
    pack_rows(
        packing(columns.ROWS),
        SampleSpec(datasets=tuple(names), **options),
        {name: f"{name}_generator" for name in names},
        files(columns.ROWS),
        {name: folder / f"{name}.account.json" for name in names},
        columns.KINEMATICS[obj],
        columns.CONTENT[obj],
    )
    for group in groups:
        pack_group(packing(group.name), group, files(columns.ROWS), files(group.name))
    read = [group.name for group in groups]
    return {split: arrays.read_packed(folder / into / split, read) for split in SPLITS}


def test_jets_without_truth_are_kept_for_a_tagger_that_asks(tmp_path: Path) -> None:
    """A class of pile-up jets has rows; all other rows and their splits stay what they are without it."""
    rows = mock_rows("ak4", 400, seed=1)
    write_features(tmp_path, "a", rows)
    without, kept = pack(tmp_path, ["a"]), pack(tmp_path, ["a"], into="kept", kept_truth=[999])
    n_unmatched = int(np.sum(rows.flavour == 999))
    assert n_unmatched > 10
    assert sum(int(np.sum(part.label == 999)) for part in kept.values()) == n_unmatched
    for split, part in kept.items():
        others = part.label != 999
        assert identities(without[split]) == [i for i, o in zip(identities(part), others, strict=True) if o]
        np.testing.assert_array_equal(part.weight[others], without[split].weight)
        meta = io.read_json(tmp_path / "kept" / split / "rows" / "meta.json")
        assert meta["left_out_rows"] == {"a": {}}


def identities(packed: arrays.Packed) -> list[tuple[int, int, int]]:
    keys = (packed.columns[name].tolist() for name in ("dataset", "event", "jet_index"))
    return list(zip(*keys, strict=True))


def test_rows_arrive_whole_and_once(tmp_path: Path) -> None:
    """Each jet but the pile-up ones is in exactly one split, with its own features and tracks."""
    rows = mock_rows("ak4", 400, seed=1)
    write_features(tmp_path, "a", rows)
    features = {name: io.read_rows(tmp_path / f"a/{name}.parquet") for name in ("flat", "tracks")}
    splits = pack(tmp_path, ["a"])
    place = {(0, e, j): i for i, (e, j) in enumerate(zip(rows.event, rows.jet_index, strict=True))}
    seen = []
    for name, packed in splits.items():
        flat, tracks = packed.groups["flat"], packed.groups["tracks"]
        assert flat.names == ("pt", "score", "eta", "sip")
        assert tracks.names == ("pt", "d0")
        assert packed.generators == ("a_generator",)
        for i, identity in enumerate(identities(packed)):
            row = features["flat"][place[identity]]
            assert flat.values[i].tolist() == [row.pt, row.score, row.eta, row.sip]
            row = features["tracks"][place[identity]]
            mine = tracks.values[tracks.offsets[i] : tracks.offsets[i + 1]]
            assert mine.tolist() == np.stack([row.tracks_pt, row.tracks_d0], axis=1).tolist()
            row = rows[place[identity]]
            assert packed.label[i] == row.flavour
            assert packed.columns["jet_pt_gev"][i] == row.jet_pt_gev
            assert packed.columns["hadron_flavour"][i] == row.hadron_flavour
        key = [packed.columns[k] for k in ("run", "luminosity_block", "event")]
        assert np.all(split_of(*key, SEED, SplitSpec()) == SPLITS.index(name))
        seen += identities(packed)
    kept = [i for i in place if rows.flavour[place[i]] != 999]
    assert sorted(seen) == sorted(kept)
    meta = io.read_json(tmp_path / "packed/test/rows/meta.json")
    assert meta["left_out_rows"] == {"a": {"999": 400 - len(kept)}}
    assert sum(meta["rows"]["a"].values()) == len(splits["test"])


def test_a_further_dataset_moves_no_row(tmp_path: Path) -> None:
    """Split and relative order of the old rows stay when a data set is added."""
    for name, seed in (("a", 1), ("b", 2)):
        write_features(tmp_path, name, mock_rows("ak4", 300, seed))
    alone, both = pack(tmp_path, ["a"], "one"), pack(tmp_path, ["a", "b"], "two")
    for split in SPLITS:
        of_a = [identity for identity in identities(both[split]) if identity[0] == 0]
        assert identities(alone[split]) == of_a


def test_order_is_mixed_and_independent_of_the_files(tmp_path: Path) -> None:
    """Batches are mixtures of data sets; splitting the rows over files otherwise changes nothing."""
    rows = mock_rows("ak4", 600, seed=3)
    write_features(tmp_path, "a", rows)
    write_features(tmp_path, "b", mock_rows("ak4", 600, seed=4))
    train = pack(tmp_path, ["a", "b"])["train"]
    half = train.columns["dataset"][: len(train) // 2]
    assert 0.4 < np.mean(half) < 0.6
    write_features(tmp_path, "a", rows[::-1])
    again = pack(tmp_path, ["a", "b"], "again")["train"]
    for name, group in train.groups.items():
        assert np.array_equal(group.values, again.groups[name].values)


@pytest.mark.parametrize(("normalise", "total"), [("unit", 1.0), ("cross_section", 10.0)])
def test_weights_are_normalised_and_keep_their_sign(tmp_path: Path, normalise: str, total: float) -> None:
    """Unit: mean 1 a row before cuts. Cross-section: they add up to it [pb]."""
    rows = mock_rows("ak4", 500, seed=5)
    rows["flavour"] = np.full(500, 500, np.int32)
    write_features(tmp_path, "a", rows)
    splits = pack(tmp_path, ["a"], normalise=normalise)
    weight = np.concatenate([packed.weight for packed in splits.values()])
    assert np.sum(weight < 0) == np.sum(rows.weight < 0)
    assert (weight.mean() if normalise == "unit" else weight.sum()) == pytest.approx(total)


def test_flat_rows_count_one_with_their_sign(tmp_path: Path) -> None:
    """Whatever the weights of their events, which undo how these were generated."""
    rows = mock_rows("ak4", 500, seed=5)
    rows["flavour"] = np.full(500, 500, np.int32)
    rows["weight"] = np.asarray(rows.weight) * np.asarray(rows.jet_pt_gev) ** -3.0
    write_features(tmp_path, "a", rows)
    splits = pack(tmp_path, ["a"], normalise="flat")
    weight = np.concatenate([packed.weight for packed in splits.values()])
    assert set(weight) == {-1.0, 1.0}
    assert np.sum(weight < 0) == np.sum(rows.weight < 0)


def test_weights_that_cancel_are_refused(tmp_path: Path) -> None:
    """Dividing by a sum that is not positive would turn signs around."""
    rows = mock_rows("ak4", 20, seed=5)
    rows["weight"] = -abs(rows.weight)
    write_features(tmp_path, "a", rows)
    with pytest.raises(
        InputError, match=r"a.account.json: normalise: unit needs .* more than 0.*; sum_w is -"
    ):
        pack(tmp_path, ["a"])


def test_features_that_one_dataset_lacks_are_left_out(tmp_path: Path) -> None:
    """A sample of rich and poor files has what both have, and says what it has not."""
    rich = mock_rows("ak4", 100, seed=6)
    write_features(tmp_path, "a", rich)
    lacking = ("stored_btagDeepB", "cpf_d0_cm")
    poor = mock_rows("ak4", 100, seed=16)
    write_features(tmp_path, "b", poor[[n for n in poor.fields if n not in lacking]])
    train = pack(tmp_path, ["a", "b"])["train"]
    assert train.groups["flat"].names == ("pt", "eta", "sip")
    assert train.groups["tracks"].names == ("pt",)
    assert train.groups["tracks"].values.shape[1] == 1
    for group, lacking in (("flat", {"score": ["b"]}), ("tracks", {"tracks_d0": ["b"]})):
        meta = io.read_json(tmp_path / "packed" / "train" / group / "meta.json")
        assert meta["left_out_features"] == lacking


def test_features_that_one_partition_lacks_are_left_out(tmp_path: Path) -> None:
    """Files of one data set may be of two productions: what one of them lacks, no row of the sample has."""
    rows = mock_rows("ak4", 100, seed=17)
    write_features(tmp_path, "a", rows)
    poor = rows[50:][[n for n in rows.fields if n != "stored_btagDeepB"]]
    parts = [write_features(tmp_path, "a0", rows[:50]), write_features(tmp_path, "a1", poor)]
    train = pack(tmp_path, ["a"], parts={"a": parts})["train"]
    assert train.groups["flat"].names == ("pt", "eta", "sip")
    meta = io.read_json(tmp_path / "packed/train/flat/meta.json")
    assert meta["left_out_features"] == {"score": ["a"]}


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("bucket_bytes", [32_000_000, 2000, 64])
def test_partitions_of_two_datasets(
    tmp_path: Path, bucket_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three files of one data set and two of the next, in few pieces or many and through few buckets or many,
    give what one file of each gives, to the byte; counts are compared."""
    cuts = {"a": (0, 50, 50, 200), "b": (0, 30, 100)}
    rows = {name: mock_rows("ak4", cut[-1], seed) for seed, (name, cut) in enumerate(cuts.items())}
    for name in cuts:
        write_features(tmp_path, name, rows[name])
    pack(tmp_path, ["a", "b"])
    monkeypatch.setattr("jetsmith.packed.packing.BUCKET_BYTES", bucket_bytes)
    monkeypatch.setattr("jetsmith.features.compute.PIECE_BYTES", 10 * bucket_bytes)
    parts = {
        name: [
            write_features(tmp_path / "parts", f"{name}{part}", rows[name][start:stop])
            for part, (start, stop) in enumerate(itertools.pairwise(cut))
        ]
        for name, cut in cuts.items()
    }
    pack(tmp_path, ["a", "b"], "again", parts=parts)
    assert contents(tmp_path / "again") == contents(tmp_path / "packed")
    assert not list((tmp_path / "again").rglob(".*"))
    with pytest.raises(InputError, match=r"set b: rows by flavour are .* in its account; run its features"):
        pack(tmp_path, ["a", "b"], "less", parts={**parts, "b": parts["b"][:1]})
    assert not list((tmp_path / "less").rglob("*.npy"))


def test_a_column_for_plots_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name in KINEMATICS: stored or derived, it is packed; a file that lacks it is no error."""
    more = ("jet_softdrop_mass_gev", "jet_tau21", "n_pv")
    monkeypatch.setitem(columns.KINEMATICS, "ak8", (*columns.KINEMATICS["ak8"], *more))
    monkeypatch.setitem(columns.CONTENT, "ak8", ())
    run = load(yaml.safe_load((CONFIG / "config.yaml").read_text()), CONFIG)
    assert set(more) <= set(stages.features(run, "higgs_bb", columns.ROWS).further)
    assert set(more) <= set(stages.pack_rows(run, "fat_jets").kinematics)
    rows = mock_rows("ak8", 200, seed=35)
    rows["flavour"] = np.full(200, 2505, np.int32)
    group = FeatureGroup(
        name="flat", object="ak8", kind="flat", features={"tau21": FeatureSpec(source="jet_tau21")}
    )
    write_features(tmp_path, "a", rows, [group])
    write_features(tmp_path, "b", rows[[n for n in rows.fields if n != "n_pv"]], [group])
    packed = pack(tmp_path, ["a"], groups=[group])["train"]
    mass = dict(zip(zip(rows.event, rows.jet_index, strict=True), rows.jet_softdrop_mass_gev, strict=True))
    assert packed.columns["jet_softdrop_mass_gev"].tolist() == [mass[i[1:]] for i in identities(packed)]
    assert packed.columns["jet_tau21"].tolist() == packed.groups["flat"].values[:, 0].tolist()
    assert "n_pv" in packed.columns
    poor = pack(tmp_path, ["b"], "poor", groups=[group])["train"]
    assert set(packed.columns) - set(poor.columns) == {"n_pv"}


def test_features_of_other_rows_are_refused(tmp_path: Path) -> None:
    """As many rows, in another order: each would get the features of another jet, and nobody would notice."""
    rows = mock_rows("ak4", 100, seed=31)
    mine, other = write_features(tmp_path, "a", rows), write_features(tmp_path, "b", rows[::-1])
    (other / "rows.parquet").replace(mine / "rows.parquet")
    with pytest.raises(InputError, match=r"flat\.parquet: is of keys"):
        pack(tmp_path, ["a"])


def test_groups_of_another_packing_are_refused(tmp_path: Path) -> None:
    """Rows that were packed anew with one jet more or less do not fit the groups that lie beside them."""
    write_features(tmp_path, "a", mock_rows("ak4", 100, seed=32))
    write_features(tmp_path, "b", mock_rows("ak4", 100, seed=33))
    pack(tmp_path, ["a"]), pack(tmp_path, ["b"], "other")
    shutil.rmtree(tmp_path / "packed/train/rows")
    shutil.copytree(tmp_path / "other/train/rows", tmp_path / "packed/train/rows")
    with pytest.raises(
        InputError, match=r"train/flat: has other rows than .*train/rows; pack the sample again"
    ):
        arrays.read_packed(tmp_path / "packed/train", ["flat"])


def test_a_killed_job_leaves_nothing_that_matters(tmp_path: Path) -> None:
    """Its buckets go with the next start; what it had not finished has no name."""
    write_features(tmp_path, "a", mock_rows("ak4", 100, seed=34))
    code = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from jetsmith.packed.buckets import Buckets\nfrom tests.unit.test_pack import pack\n"
        "Buckets.__iter__ = lambda self: os.kill(os.getpid(), signal.SIGKILL)\n"
        "pack(Path(sys.argv[1]), ['a'])"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.rglob("*.records"))
    assert not list((tmp_path / "packed").rglob("columns.json"))
    pack(tmp_path, ["a"])
    assert not list((tmp_path / "packed").rglob(".*"))


def test_each_weight_is_that_of_its_row(tmp_path: Path) -> None:
    """The generator's, times the factor of its data set, which meta.json has; the sign of each as it was."""
    rows = {name: mock_rows("ak4", 150, seed) for name, seed in (("a", 21), ("b", 22))}
    generated: dict[tuple[int, int, int], float] = {}
    for i, (name, found) in enumerate(rows.items()):
        keys = zip([i] * 150, found.event.tolist(), found.jet_index.tolist(), strict=True)
        generated |= dict(zip(keys, found.weight.tolist(), strict=True))
        write_features(tmp_path, name, found)
        write_account(tmp_path, name, found, {"a": 4.0, "b": 0.5}[name], {"a": 3.0, "b": 0.25}[name])
    for normalise, factors in (("unit", {"a": 0.25, "b": 2.0}), ("cross_section", {"a": 3.0, "b": 0.25})):
        for split, packed in pack(tmp_path, ["a", "b"], normalise, normalise=normalise).items():
            meta = io.read_json(tmp_path / normalise / split / "rows/meta.json")
            assert meta["weight_factors"] == factors
            expected = [generated[row] * factors["ab"[row[0]]] for row in identities(packed)]
            assert packed.weight.tolist() == expected
            assert {name: sum(n.values()) for name, n in meta["rows"].items()} == {
                name: int(np.sum(packed.columns["dataset"] == i)) for i, name in enumerate("ab")
            }


@pytest.mark.parametrize("factor", [0.0, None])
def test_factors_above_zero_alone(tmp_path: Path, factor: float | None) -> None:
    """A sum of exactly 0 divides nothing, nor does one that is not known."""
    write_features(tmp_path, "a", mock_rows("ak4", 20, seed=5))
    write_account(tmp_path, "a", mock_rows("ak4", 20, seed=5), 1.0, factor)
    with pytest.raises(InputError, match="normalise: cross_section needs weights that add up to more than 0"):
        pack(tmp_path, ["a"], normalise="cross_section")


def test_folds_are_those_of_the_hash(tmp_path: Path) -> None:
    """Cross-validation scores each row with the model that did not see its event."""
    write_features(tmp_path, "a", mock_rows("ak4", 200, seed=7))
    packed = pack(tmp_path, ["a"], folds=5)["train"]
    key = [packed.columns[k] for k in ("run", "luminosity_block", "event")]
    assert np.array_equal(packed.columns["fold"], fold_of(*key, SEED, 5))
    assert set(packed.columns["fold"].tolist()) == set(range(5))


def test_events_and_empty_partitions(tmp_path: Path) -> None:
    """Event rows carry the Z's momentum; a partition without rows, and a split without, are no error."""
    groups = [
        FeatureGroup(name="event", object="event", kind="flat", features={"y": FeatureSpec(source="z_abs_y")})
    ]
    write_features(tmp_path, "a", mock_rows("event", 3, seed=8), groups)
    write_features(tmp_path, "b", mock_rows("event", 0, seed=8), groups)
    write_account(tmp_path, "b", mock_rows("event", 0, seed=8), 1.0, None)
    write_account(tmp_path, "a", mock_rows("event", 3, seed=8), 1.0, None)
    splits = pack(tmp_path, ["a", "b"], groups=groups)
    assert sum(len(packed) for packed in splits.values()) == 3
    assert all("z_pt_gev" in packed.columns for packed in splits.values())
    assert all(packed.groups["event"].values.shape == (len(packed), 1) for packed in splits.values())


def test_no_rows_at_all_is_an_error(tmp_path: Path) -> None:
    """Training on nothing would fail later and say less."""
    write_features(tmp_path, "a", mock_rows("ak4", 0, seed=9))
    write_account(tmp_path, "a", mock_rows("ak4", 0, seed=9), 1.0, None)
    with pytest.raises(InputError, match="no rows in a"):
        pack(tmp_path, ["a"])


def test_rows_without_constituents(tmp_path: Path) -> None:
    """A split in which no jet has a track keeps its empty sequence."""
    rows = mock_rows("ak4", 40, seed=10)
    for name in [n for n in rows.fields if n.startswith("cpf_")]:
        rows[name] = rows[name][:, :0]
    write_features(tmp_path, "a", rows)
    train = pack(tmp_path, ["a"])["train"]
    tracks = train.groups["tracks"]
    assert tracks.values.shape == (0, 2)
    assert tracks.offsets.tolist() == [0] * (len(train) + 1)


def test_a_group_that_no_file_has(tmp_path: Path) -> None:
    """It is packed as what it is: no features; whoever asks for one is told."""
    rows = mock_rows("ak4", 40, seed=10)
    poor = rows[[n for n in rows.fields if not n.startswith(("cpf_", "jet_mass", "stored_"))]]
    groups = [g.model_copy(update={"features": dict(list(g.features.items())[1:2])}) for g in GROUPS]
    write_features(tmp_path, "a", poor, groups)
    train = pack(tmp_path, ["a"], groups=groups)["train"]
    assert len(train) > 5
    assert [(name, group.names) for name, group in train.groups.items()] == [("flat", ()), ("tracks", ())]
    for inputs in (Inputs(group=g.name, kind=g.kind, length=6, features=("d0",), sources=()) for g in GROUPS):
        with pytest.raises(InputError, match=f"inputs: {inputs.group}: not packed: d0"):
            Rows.select([inputs], [train])


def test_rows_of_two_datasets_are_refused(tmp_path: Path) -> None:
    """Half of the rows stand in both: the datasets, an event and what to do are named."""
    rows = mock_rows("ak4", 400, seed=11)
    write_features(tmp_path, "a", rows[:300])
    write_features(tmp_path, "b", rows[200:])
    with pytest.raises(InputError, match=r"momenta: \d+ of a and b, such as 1:\d+:\d+"):
        pack(tmp_path, ["a", "b"])


@pytest.mark.parametrize("column", ["weight", "jet_pt_gev", "jet_phi_rad", "n_pv", "flavour"])
def test_equal_keys_with_other_content_are_other_events(tmp_path: Path, column: str) -> None:
    """Productions count their events anew: the same numbers with one other value are no double counting."""
    rows = mock_rows("ak4", 200, seed=12)
    rows["flavour"] = np.full(200, 500, np.int32)
    write_features(tmp_path, "a", rows)
    rows[column] = rows[column] * 2 if column != "flavour" else np.full(200, 400, np.int32)
    write_features(tmp_path, "b", rows)
    splits = pack(tmp_path, ["a", "b"])
    assert sum(map(len, splits.values())) == 400


def test_rows_are_compared_whatever_stands_between(tmp_path: Path) -> None:
    """Three datasets with the same keys, of which the first and the last are the same."""
    rows = mock_rows("ak4", 60, seed=13)
    for name in "abc":
        other = ak.copy(rows)
        if name == "b":
            other["jet_pt_gev"] = rows.jet_pt_gev + 1
        write_features(tmp_path, name, other)
    with pytest.raises(InputError, match=r": \d+ of a and c, such"):
        pack(tmp_path, ["a", "b", "c"])


def test_rows_are_those_of_the_account(tmp_path: Path) -> None:
    """A feature file with as many rows, but of other flavours, does not pass."""
    rows = mock_rows("ak4", 50, seed=14)
    write_features(tmp_path, "a", rows)
    rows["flavour"] = np.where(np.asarray(rows.flavour) == 500, 510, np.asarray(rows.flavour)).astype(
        np.int32
    )
    write_account(tmp_path, "a", rows, 1.0, None)
    with pytest.raises(InputError, match=r"data set a: rows by flavour are .* and .* in its account"):
        pack(tmp_path, ["a"])


def test_metadata_say_how_weights_were_normalised(tmp_path: Path) -> None:
    """Whoever has the packed arrays alone knows what their weights were divided by."""
    write_features(tmp_path, "a", mock_rows("ak4", 50, seed=15))
    pack(tmp_path, ["a"])
    for split in SPLITS:
        meta = io.read_json(tmp_path / "packed" / split / "rows" / "meta.json")
        assert meta["normalisation"]["a"] == io.read_json(tmp_path / "a.account.json")["normalisation"]
        assert meta["normalisation"]["a"]["how"] == "normalised for a test"
