"""Normalisation: weights are divided by what was generated, also where somebody skimmed the files before."""

import math

import numpy as np
import pytest
import uproot

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.plan import Runs
from jetsmith.skimming import account, inspection, reading
from jetsmith.skimming import partition as skim
from jetsmith.skimming.normalisation import read_runs
from jetsmith.sources import mock
from jetsmith.sources.trees import ReadError
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

SPEC = DatasetSpec(object="ak4", process="test", files=("x",), cross_section_pb=831.76)
CUTS = SelectionSpec(pt_min_gev=30, abseta_max=2.5, jet_id=2)
W = 27000.0  # of a generator at next-to-leading order; a fifth of its events count negative


def table(n, n_negative=0, seed=1, first_event=0):
    """Events of weight W, the first of them negative."""
    found = mock.events(n, seed, first_event=first_event)
    found["genWeight"] = np.where(np.arange(n) < n_negative, -W, W).astype(np.float32)
    return found


def runs(n_events, sum_w, sum_w2=None, tail=""):
    """Branches of a tree Runs."""
    found = {"genEventCount": np.int64(n_events), "genEventSumw": np.float64(sum_w)}
    found |= {} if sum_w2 is None else {"genEventSumw2": np.float64(sum_w2)}
    return {name + tail: value for name, value in found.items()}


def accounted(folder, files, spec=SPEC, allowed=0.0, n_parts=2, broken=(), luminosity_ifb=None):
    """Inspect, skim and account; files in `broken` vanish in between."""
    plan, output = folder / "inspect.json", folder / "account.json"
    settings = SkimSpec(max_loss_fraction=allowed, retries=0, chunk_entries=10)
    inspection.inspect_dataset(
        "test", spec, files, n_parts, PartitionSpec(), plan, settings,
        has_cross_section=spec.cross_section_pb is not None,
    )  # fmt: skip
    for path in broken:
        path.unlink()
    reports, identities = [], []
    for part in range(n_parts):
        paths = [folder / f"{part}.{end}" for end in ("parquet", "json", "identity.parquet")]
        skim.skim_partition("test", spec, CUTS, settings, plan, part, *paths)
        reports.append(paths[1])
        identities.append(paths[2])
    account.account_dataset(
        "test", plan, reports, identities, allowed, output, spec.cross_section_pb, luminosity_ifb,
        generated=spec.generated, allow_same_sums=spec.same_sums == "allow",
    )  # fmt: skip
    return io.read_json(output)


def test_files_that_were_skimmed_before(tmp_path):
    """100 of 800 generated events are left: weights are divided by the sum of all 800, as Runs tells."""
    generated = runs(800, 0.6 * 800 * W, 800 * W**2)
    path = mock.write(tmp_path / "a.root", [table(100, 20)], runs=generated)
    found = accounted(tmp_path, [path], luminosity_ifb=59.8)
    about = found["normalisation"]
    assert found["event_weight"] == pytest.approx(831.76 * 59800 / (0.6 * 800 * W))
    assert (about["to"], about["sum_w"], about["sum_w_generated"]) == ("runs", 480 * W, 480 * W)
    assert (about["sum_w_processed"], about["n_processed"]) == (60 * W, 100)
    assert (about["sum_w_runs"], about["n_runs"]) == (480 * W, 800)
    assert about["factor"] == pytest.approx(8)
    assert about["mean_weight"] == pytest.approx(0.6 * W)
    assert "1 of 1 files was skimmed before: normalised to the 800 generated" in about["how"]


def test_the_mean_weight_is_that_before_the_skim(tmp_path):
    """A skim that keeps positive events alone leaves a mean of W; all generated events have 0.6 W."""
    path = mock.write(tmp_path / "a.root", [table(100)], runs=runs(800, 480 * W, 800 * W**2))
    assert accounted(tmp_path, [path])["normalisation"]["mean_weight"] == pytest.approx(0.6 * W)


@pytest.mark.parametrize("rounding", [0.0, 1e-7])
def test_whole_files_change_nothing(tmp_path, rounding):
    """Where Runs agrees up to rounding, every number is that of the entries, to the last digit."""
    total = 60 * W * (1 + rounding)
    path = mock.write(tmp_path / "a.root", [table(100, 20)], runs=runs(100, total, 100 * W**2))
    bare = mock.write(tmp_path / "b.root", [table(100, 20)])
    found, without = accounted(tmp_path, [path]), accounted(tmp_path, [bare])
    assert found["event_weight"] == without["event_weight"] == 831.76 / (60 * W)
    for key in ("sum_w", "mean_weight", "factor"):
        assert found["normalisation"][key] == without["normalisation"][key]
    assert found["normalisation"]["factor"] == 1
    assert "all in the files" in found["normalisation"]["how"]
    assert without["normalisation"]["how"] == "normalised to the events in the files; Runs is absent"
    assert without["normalisation"]["sum_w_runs"] is None


def test_rows_of_runs_are_added(tmp_path):
    """A merged file has a row a part; older NanoAOD ends its names with `_`; a count may be absent."""
    for tail, with_count in (("", True), ("_", True), ("_", False)):
        rows = {f"genEventSumw{tail}": np.array([5.0, -2.0, 4.5])}
        rows |= {f"genEventSumw2{tail}": np.array([6.0, 4.0, 7.0])}
        rows |= {f"genEventCount{tail}": np.array([6, 3, 5])} if with_count else {}
        with uproot.recreate(tmp_path / "a.root") as file:
            file.mktree("Runs", {name: values.dtype for name, values in rows.items()}).extend(rows)
        with uproot.open(tmp_path / "a.root") as file:
            found = read_runs(file, SPEC)
        assert found == Runs(n_events=14 if with_count else None, sum_w=7.5, sum_w2=17.0)
    with uproot.recreate(tmp_path / "data.root") as file:
        file.mktree("Runs", {"run": np.dtype("u4")}).extend({"run": np.ones(1, "u4")})
    with uproot.open(tmp_path / "data.root") as file:
        assert read_runs(file, SPEC) is None


def test_sums_without_a_count(tmp_path):
    """The sum says that the file was skimmed; how many events there were is not known, and not invented."""
    sums = {"genEventSumw": np.float64(480 * W)}
    path = mock.write(tmp_path / "a.root", [table(100, 20)], runs=sums)
    found = accounted(tmp_path, [path])
    assert found["event_weight"] == pytest.approx(831.76 / (480 * W))
    assert found["normalisation"]["mean_weight"] == pytest.approx(0.6 * W)  # of the entries
    assert found["normalisation"]["n_runs"] is None
    whole = mock.write(tmp_path / "b.root", [table(100, 20)], runs={"genEventSumw": np.float64(60 * W)})
    assert accounted(tmp_path, [whole])["normalisation"]["factor"] == 1


def test_a_lost_file_takes_its_share_along(tmp_path):
    """Two files skimmed by different factors, the second lost: the sum is that of the first alone."""
    paths = [
        mock.write(tmp_path / "a.root", [table(60, 10)], runs=runs(600, 400 * W, 600 * W**2)),
        mock.write(tmp_path / "b.root", [table(40, 10, 2, 100)], runs=runs(80, 40 * W, 80 * W**2)),
    ]
    whole = accounted(tmp_path, paths)["normalisation"]
    assert whole["sum_w"] == whole["sum_w_runs"] == 440 * W
    assert whole["mean_weight"] == pytest.approx(440 * W / 680)
    found = accounted(tmp_path, paths, allowed=0.5, broken=[tmp_path / "b.root"])
    about = found["normalisation"]
    assert found["n_lost"] == 40
    assert (about["sum_w_runs"], about["sum_w_generated"], about["sum_w"]) == (440 * W, 400 * W, 400 * W)
    assert about["mean_weight"] == pytest.approx(400 * W / 600)
    assert found["event_weight"] == pytest.approx(831.76 / (400 * W))


def test_a_lost_range_takes_its_share_along(tmp_path, monkeypatch):
    """A quarter of a skimmed file is lost: three quarters of what was generated are counted."""
    path = mock.write(tmp_path / "a.root", [table(40)], runs=runs(600, 500 * W, 600 * W**2))
    real = reading.ChunkReader.read

    def read(self, chunk, address):
        if chunk.start == 30:
            raise ReadError(address)
        return real(self, chunk, address)

    monkeypatch.setattr(reading.ChunkReader, "read", read)
    about = accounted(tmp_path, [path], allowed=0.5)["normalisation"]
    assert (about["n_processed"], about["sum_w"]) == (30, pytest.approx(0.75 * 500 * W))
    assert about["factor"] == pytest.approx(0.75 * 500 / 30)


def test_a_file_of_which_nothing_is_left(tmp_path):
    """A skim that kept no event of a file: what was generated for it counts in full."""
    paths = [
        mock.write(tmp_path / "a.root", [table(50)], runs=runs(500, 500 * W, 500 * W**2)),
        mock.write(tmp_path / "b.root", [table(0)], runs=runs(300, 300 * W, 300 * W**2)),
    ]
    assert accounted(tmp_path, paths)["normalisation"]["sum_w"] == 800 * W


def test_runs_in_some_files_alone(tmp_path):
    """Sums over Runs and over Events are not added: both files are named, and the key that answers."""
    skimmed = mock.write(tmp_path / "a.root", [table(50)], runs=runs(500, 500 * W, 500 * W**2))
    bare = mock.write(tmp_path / "b.root", [table(50, 0, 2, 100)])
    with pytest.raises(InputError) as error:
        accounted(tmp_path, [skimmed, bare])
    for word in (skimmed, bare, "500 generated events", "holds 50", "generated: events"):
        assert word in str(error.value)
    answered = accounted(tmp_path, [skimmed, bare], SPEC.model_copy(update={"generated": "events"}))
    assert answered["normalisation"]["sum_w"] == 100 * W
    assert "as the dataset says" in answered["normalisation"]["how"]
    without = accounted(tmp_path, [skimmed, bare], SPEC.model_copy(update={"cross_section_pb": None}))
    about = without["normalisation"]
    assert (about["to"], about["sum_w"], about["factor"], without["event_weight"]) == ("none", *[None] * 3)
    assert about["mean_weight"] == W  # needs no sum
    whole = mock.write(tmp_path / "c.root", [table(50)], runs=runs(50, 50 * W, 50 * W**2))
    about = accounted(tmp_path, [whole, bare])["normalisation"]
    assert (about["to"], about["sum_w"]) == ("events", 100 * W)
    assert "absent in 1 of 2 files" in about["how"]


@pytest.mark.parametrize(
    ("generated", "word"),
    [
        (runs(99, 60 * W), "counts 99 generated events, but Events holds 100"),
        (runs(100, 61 * W, 100 * W**2), "adds up 100 generated events"),  # the same events, another sum
        (runs(100, 61 * W), "adds up 100 generated events"),
        (runs(800, 0.0), "other weights"),  # nothing was summed
        (runs(800, 0.0, 0.0), "other weights"),
        (runs(800, 0.6 * 800, 800), "other weights"),  # weights of another size than those in Events
        (runs(101, 70 * W, 101 * W**2), "other weights"),  # one more event cannot weigh 10 W
        ({"genEventSumw": np.float64(30 * W)}, "other weights"),  # less than what is there
    ],
)
def test_contradictions_stop(tmp_path, generated, word):
    """Sums that no skim explains: the file is named, and what would be right."""
    path = mock.write(tmp_path / "a.root", [table(100, 20)], runs=generated)
    with pytest.raises(InputError) as error:
        accounted(tmp_path, [path])
    assert word in str(error.value)
    assert path in str(error.value)
    assert "generated: events" in str(error.value)
    answered = accounted(tmp_path, [path], SPEC.model_copy(update={"generated": "events"}))
    assert answered["normalisation"]["sum_w"] == 60 * W


def test_a_negative_sum_is_no_divisor(tmp_path):
    """Few events of negative weight may add up below 0: no event weight, which pack refuses."""
    path = mock.write(tmp_path / "a.root", [table(100, 80)], runs=runs(800, -480 * W, 800 * W**2))
    found = accounted(tmp_path, [path])
    assert found["event_weight"] is None
    assert found["normalisation"]["sum_w"] == -480 * W


def test_jets_are_no_events(tmp_path):
    """DeepNtuples know jets alone: a cross-section cannot be shared out over them."""
    rng = np.random.default_rng(1)
    columns = {name: rng.uniform(30, 90, 20).astype("f4") for name in ("jet_pt", "jet_eta")}
    columns |= {"event_no": np.arange(20, dtype="u4"), "jet_no": np.zeros(20, "u4"), "isB": np.ones(20, "i4")}
    columns["jet_eta"] /= 100
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file.mktree("deepntuplizer/tree", {n: c.dtype for n, c in columns.items()}).extend(columns)
    jets = SPEC.model_copy(update={"weights": "unit", "without": ("jet_id",)})
    with pytest.raises(InputError, match="entries of DeepNtuples are jets"):
        accounted(tmp_path, [str(path)], jets)
    about = accounted(tmp_path, [str(path)], jets.model_copy(update={"cross_section_pb": None}))
    assert "the jets in the files" in about["normalisation"]["how"]


def test_weights_of_data_are_one(tmp_path):
    """Collision data have nothing to be normalised to, whatever stands in Runs."""
    path = mock.write(tmp_path / "a.root", [mock.measured(mock.events(40, 3))], runs=runs(7, math.nan))
    data = SPEC.model_copy(update={"is_data": True, "cross_section_pb": None})
    about = accounted(tmp_path, [path], data)["normalisation"]
    assert (about["to"], about["sum_w"], about["mean_weight"]) == ("data", 40, 1)


def test_events_without_weights_count_one(tmp_path):
    """`weights: unit`: what was generated is counted, whatever weights Runs has added up."""
    bare = table(100)
    del bare["genWeight"]
    unit = SPEC.model_copy(update={"weights": "unit"})
    path = mock.write(tmp_path / "a.root", [bare], runs=runs(800, 480 * W, 800 * W**2))
    found = accounted(tmp_path, [path], unit)
    about = found["normalisation"]
    assert (about["sum_w"], about["sum_w_processed"], about["mean_weight"]) == (800, 100, 1)
    assert found["event_weight"] == pytest.approx(831.76 / 800)
    whole = mock.write(tmp_path / "b.root", [bare], runs=runs(100, 60 * W))
    assert accounted(tmp_path, [whole], unit)["normalisation"]["sum_w"] == 100
    uncounted = mock.write(tmp_path / "c.root", [bare], runs={"genEventSumw": np.float64(60 * W)})
    assert accounted(tmp_path, [uncounted], unit)["normalisation"]["to"] == "events"


def skims_of_one(tmp_path, n_generated=100, sum_w=73.98000025749207):
    """Two files of other events with one tree Runs."""
    given = runs(n_generated, sum_w * W, sum_w * W**2)
    return [
        mock.write(tmp_path / f"{name}.root", [table(10, 2, seed, first_event=10 * seed)], runs=given)
        for seed, name in enumerate(("e", "mu"))
    ]


def test_two_skims_of_one_file(tmp_path):
    """By electrons and by muons, each with the whole tree Runs: each event would have half its weight."""
    files = skims_of_one(tmp_path)
    with pytest.raises(InputError) as caught:
        accounted(tmp_path, files)
    message = str(caught.value)
    assert "e.root and" in message
    for words in (
        "mu.root were skimmed before",
        "100 generated events",
        "same_sums: allow",
        "to the last bit",
    ):
        assert words in message
    assert accounted(tmp_path, files[:1])["normalisation"]["n_runs"] == 100
    allowed = accounted(tmp_path, files, SPEC.model_copy(update={"same_sums": "allow"}))["normalisation"]
    assert allowed["n_runs"] == 200
    assert "1 of them have the same Runs as another, as the dataset says (same_sums: allow)" in allowed["how"]


def test_sums_that_differ_in_the_last_bit_are_of_two_files(tmp_path):
    """Nor do whole files with the same sums stop, whose events are all there."""
    one, two = (runs(100, value, 73 * W**2) for value in (70 * W, np.nextafter(70 * W, 0)))
    files = [
        mock.write(tmp_path / f"{k}.root", [table(10, 2, k, first_event=10 * k)], runs=given)
        for k, given in enumerate((one, two))
    ]
    assert accounted(tmp_path, files)["normalisation"]["n_runs"] == 200
    whole = [
        mock.write(tmp_path / f"w{k}.root", [table(10, 2, k, 10 * k)], runs=runs(10, 6 * W, 10 * W**2))
        for k in range(2)
    ]
    assert accounted(tmp_path, whole)["normalisation"]["to"] == "runs"


def test_files_without_an_entry_count_their_runs_too(tmp_path):
    """One from which a skim kept nothing may be a skim of the same file as another."""
    given = runs(100, 70 * W, 100 * W**2)
    files = [
        mock.write(tmp_path / "e.root", [table(10, 2, 1)], runs=given),
        mock.write(tmp_path / "none.root", [table(0)], runs=given),
    ]
    with pytest.raises(InputError, match="to the last bit"):
        accounted(tmp_path, files)
