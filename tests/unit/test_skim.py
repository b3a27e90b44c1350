"""Stage skim: exactly the planned entries, in order, whatever the chunks; losses are declared."""

import os
import signal

import awkward as ak
import numpy as np
import pytest
import uproot

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.account import CutStep
from jetsmith.skimming import inspection, reading
from jetsmith.skimming import partition as skim
from jetsmith.sources import mock, trees
from jetsmith.sources.flat import merge_cutflows
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
CUTS = SelectionSpec(pt_min_gev=30, abseta_max=2.5, jet_id=2)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr("jetsmith.sources.files.RETRY_PAUSE_S", 0.0)


@pytest.fixture
def files(tmp_path):
    return [
        mock.write(tmp_path / "a.root", [mock.events(30, 1), mock.events(20, 2, first_event=100)]),
        mock.write(tmp_path / "b.root", [mock.events(0, 3)]),
        mock.write(tmp_path / "c.root", [mock.events(25, 4, first_event=200)]),
    ]


def planned(folder, files, spec=SPEC, n_parts=1):
    """Inspect alone."""
    inspection.inspect_dataset("test", spec, files, n_parts, PartitionSpec(), folder / "inspect.json")
    return io.read_json(folder / "inspect.json")


def run(folder, files, n_parts=1, cuts=CUTS, spec=SPEC, **settings):
    """Inspect and skim all partitions; their rows and reports."""
    plan = folder / "inspect.json"
    if files is not None:
        planned(folder, files, spec, n_parts)
    rows, reports = [], []
    for part in range(n_parts):
        paths = tuple(folder / f"{part}.{end}" for end in ("parquet", "report.json", "identity.parquet"))
        skim.skim_partition("test", spec, cuts, SkimSpec(**settings), plan, part, *paths)
        rows.append(io.read_rows(paths[0]))
        reports.append(io.read_json(paths[1]))
    return rows, reports


def test_partitions_and_chunks_change_nothing(tmp_path, files):
    """The same rows in the same order from one partition, from four, and in small chunks."""
    whole, reports = run(tmp_path / "1", files)
    parts, part_reports = run(tmp_path / "4", files, n_parts=4)
    chunked, _ = run(tmp_path / "c", files, chunk_entries=7)
    assert len(whole[0]) > 20
    assert ak.array_equal(ak.concatenate(parts), whole[0], equal_nan=True)
    assert ak.array_equal(chunked[0], whole[0], equal_nan=True)
    assert sum(r["n_processed"] for r in part_reports) == reports[0]["n_processed"] == 75
    merged = merge_cutflows([[CutStep(**step) for step in r["cutflow"]] for r in part_reports])
    assert [step.n for step in merged] == [step["n"] for step in reports[0]["cutflow"]]


def test_the_same_run_writes_the_same_bytes(tmp_path, files):
    """Parquet file and report hold no time and no host."""
    run(tmp_path / "1", files)
    run(tmp_path / "2", files)
    for name in ("0.parquet", "0.report.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_report(tmp_path, files):
    """Planned and processed entries, sums of weights before cuts, rows by flavour."""
    rows, reports = run(tmp_path, files)
    report = reports[0]
    weights = ak.concatenate([mock.events(n, s)["genWeight"] for n, s in ((30, 1), (20, 2), (25, 4))])
    assert report["state"] == "ok"
    assert report["n_planned"] == 75
    assert report["sum_w"] == pytest.approx(float(ak.sum(weights)))
    assert [(of["n"], of["file"]) for of in report["files"]] == [(50, files[0]), (25, files[2])]
    assert sum(of["sum_w"] for of in report["files"]) == pytest.approx(report["sum_w"])
    assert sum(of["sum_w2"] for of in report["files"]) == pytest.approx(float(ak.sum(weights**2)))
    assert report["n_rows"] == len(rows[0]) == sum(report["rows_by_flavour"].values())
    assert report["cutflow"][-1]["n"] == report["n_rows"]
    assert report["lost"] == []


def test_empty_partitions_have_all_columns(tmp_path, files):
    """No entries, or none that passes: the columns and types are the same."""
    full, _ = run(tmp_path / "full", files)
    nothing, reports = run(tmp_path / "none", files, cuts=SelectionSpec(pt_min_gev=1e6))
    empty = mock.write(tmp_path / "empty.root", [mock.events(0)])
    without, empty_reports = run(tmp_path / "empty", [empty])
    assert reports[0]["state"] == empty_reports[0]["state"] == "empty"
    for rows in (nothing[0], without[0]):
        assert len(rows) == 0
        assert str(rows.type).split(" * ", 1)[1] == str(full[0].type).split(" * ", 1)[1]


class Flaky:
    """Reading c.root fails a number of times, then works."""

    def __init__(self, monkeypatch, times, error):
        self.times, self.error, self.real = times, error, trees.Tree.read
        monkeypatch.setattr(trees.Tree, "read", lambda tree, *a: self(tree, *a))

    def __call__(self, tree, *arguments):
        if self.times and tree.stored.file.file_path.endswith("c.root"):
            self.times -= 1
            raise self.error
        return self.real(tree, *arguments)


def test_passing_errors_are_tried_again(tmp_path, files, monkeypatch):
    """Two failures, then success: nothing is lost."""
    plan = planned(tmp_path, files)
    Flaky(monkeypatch, 2, OSError("connection lost"))
    _, reports = run(tmp_path, None, retries=2)
    assert plan["n_entries"] == reports[0]["n_processed"] == 75
    assert reports[0]["lost"] == []


def test_lasting_errors_are_declared(tmp_path, files, monkeypatch):
    """The attempts are bounded; file, range, reason and attempts stand in the report."""
    planned(tmp_path, files)
    Flaky(monkeypatch, 99, OSError("connection lost"))
    _, reports = run(tmp_path, None, retries=1)
    loss = {"file": files[2], "start": 0, "stop": 25, "reason": "OSError: connection lost", "attempts": 2}
    assert reports[0]["lost"] == [loss]
    assert reports[0]["n_processed"] == 50
    assert reports[0]["state"] == "skipped"


def test_our_own_errors_are_not_swallowed(tmp_path, files, monkeypatch):
    """A defect in a source must stop the job, not count as a lost chunk."""

    def broken(*args):
        raise ValueError("defect")

    monkeypatch.setattr("jetsmith.sources.pfnano.rows", broken)
    with pytest.raises(Exception, match="defect"):
        run(tmp_path, files)


def test_a_damaged_basket_is_declared(tmp_path, files):
    """What cannot be decompressed is lost at once, without further attempts."""
    planned(tmp_path, files)
    content = bytearray((tmp_path / "c.root").read_bytes())
    place = content.find(b"ZS", 3000)
    content[place + 9 : place + 60] = b"\xff" * 51
    (tmp_path / "c.root").write_bytes(content)
    _, reports = run(tmp_path, None)
    assert [loss["file"] for loss in reports[0]["lost"]] == [files[2]]
    assert reports[0]["n_processed"] + 25 == reports[0]["n_planned"]


def test_a_file_that_is_gone_is_declared(tmp_path, files):
    """All files gone: the partition says `skipped`."""
    planned(tmp_path, files[:1])
    (tmp_path / "a.root").unlink()
    rows, reports = run(tmp_path, None)
    assert reports[0]["state"] == "skipped"
    assert len(rows[0]) == 0
    assert "no such file" in reports[0]["lost"][0]["reason"]


def test_a_changed_file_stops(tmp_path, files):
    """Another uuid than planned: the plan no longer holds."""
    planned(tmp_path, files[:1])
    mock.write(tmp_path / "a.root", [mock.events(30, 9)])
    with pytest.raises(InputError, match="changed since inspect"):
        run(tmp_path, None)


class Log:
    """What the skim reads: names, and entries of each step, a chunk an element."""

    def __init__(self, monkeypatch):
        self.events = []
        real = trees.Events.__init__

        def spy(events, *arguments):
            self.events.append(events)
            real(events, *arguments)

        monkeypatch.setattr(trees.Events, "__init__", spy)


def test_only_declared_branches_are_read(tmp_path, files, monkeypatch):
    """By the access log, and by the bytes that uproot asks the disk for."""
    plan = planned(tmp_path, files)
    declared = set(plan["schemas"][0]["branches"])
    log, asked, real = Log(monkeypatch), [], trees.Tree.read

    def spy(tree, names, start, stop):
        before = tree.stored.file.source.num_requested_bytes
        found = real(tree, names, start, stop)
        keys = 200 * len(names) * 3  # the key before each basket
        most = sum(tree.stored[name].compressed_bytes for name in names) + keys
        asked.append((tree.stored.file.source.num_requested_bytes - before, most))
        return found

    monkeypatch.setattr(trees.Tree, "read", spy)
    run(tmp_path, None)
    accessed = {name for events in log.events for name in events.accessed}
    assert accessed == declared
    assert "PFCands_d0" in declared
    assert "HLT_PFJet40" not in declared
    assert all(0 < size <= most for size, most in asked)


def test_candidates_are_read_where_a_jet_is_left(tmp_path, monkeypatch):
    """Of three clusters one holds a jet that passes: the second step reads that one."""
    tables = [mock.events(30, seed, first_event=100 * seed) for seed in (1, 2, 3)]
    for index in (0, 2):
        tables[index]["Jet"]["pt"] = tables[index]["Jet"]["pt"] * 0
    path = mock.write(tmp_path / "a.root", tables)
    log = Log(monkeypatch)
    rows, _ = run(tmp_path, [path])
    assert len(rows[0]) > 5
    assert log.events[0].n_fetched == [90, 30]
    everything, _ = run(tmp_path / "2", [mock.write(tmp_path / "b.root", tables[1:2])])
    assert ak.array_equal(rows[0], everything[0], equal_nan=True)


@pytest.mark.parametrize("kept", [[0], [89], [0, 89], [29, 30, 59, 60], range(90), []])
@pytest.mark.parametrize("kind", ["tree", "ntuple"])
def test_what_is_left_out_changes_nothing_that_is_kept(tmp_path, kept, kind):
    """Whatever entries are kept, theirs are the same as without `narrow`; others are empty."""
    tables, path = [mock.events(30, seed) for seed in (1, 2, 3)], tmp_path / "a.root"
    if kind == "tree":
        mock.write(path, tables)
    else:
        with uproot.recreate(path) as file:
            target = file.mkrntuple("Events", tables[0])
            for table in tables[1:]:
                target.extend(table)
    names = ["run", "genWeight", "Jet_pt", "PFCands_d0", "PV_npvs"]
    with uproot.open(path) as file:
        tree = trees.table(file["Events"], "Events")
        events = trees.Events(tree, names, {"run"}, 0, 90)
        trees.narrow(events, np.array(kept, dtype=np.int64))
        everything = tree.read(names, 0, 90)
        blocks = {entry // 30 for entry in kept}
        for name in names:
            assert len(events[name]) == 90
            if events[name].ndim > 1:
                left_out = [entry for entry in range(90) if entry // 30 not in blocks]
                assert ak.all(ak.num(events[name][left_out]) == 0)
            assert events[name].type.content == everything[name].type.content
            assert ak.array_equal(events[name][list(kept)], everything[name][list(kept)])


def test_golden_json(tmp_path, files):
    """Entries of blocks that are not certified are cut."""
    golden = tmp_path / "golden.json"
    golden.write_text('{"283270": [[1, 4]]}')
    spec = SPEC.model_copy(update={"is_data": True, "golden_json": "golden.json"})
    files = [mock.write(tmp_path / "data.root", [mock.measured(mock.events(75, 1))])]
    planned(tmp_path, files, spec)
    paths = [tmp_path / name for name in ("0.parquet", "0.json", "0.identity.parquet")]
    plan = tmp_path / "inspect.json"
    skim.skim_partition("test", spec, CUTS, SkimSpec(), plan, 0, *paths, golden_json=str(golden))
    assert set(io.read_rows(paths[0])["luminosity_block"]) <= {1, 2, 3, 4}
    assert io.count_rows(paths[2]) == 75  # who was read, certified or not


def test_processes_change_nothing(tmp_path, files):
    """coffea's FuturesExecutor with two processes writes the same bytes as the iterative one."""
    run(tmp_path / "1", files, chunk_entries=7)
    (tmp_path / "2").mkdir()
    plan = planned(tmp_path / "2", files)
    assert plan["n_entries"] == 75
    paths = [tmp_path / "2" / f"0.{end}" for end in ("parquet", "report.json", "identity.parquet")]
    settings = SkimSpec(chunk_entries=7)
    skim.skim_partition("test", SPEC, CUTS, settings, tmp_path / "2" / "inspect.json", 0, *paths, threads=2)
    for path in paths:
        assert path.read_bytes() == (tmp_path / "1" / path.name).read_bytes()


class Counting(reading.ChunkReader):
    """Writes a line for every file that it opens."""

    def table(self, chunk, address):
        if self._opened is None or self._opened[0] != address:
            with open(os.environ["JETSMITH_TEST_MARK"], "a") as stream:
                stream.write(f"{address}\n")
        return super().table(chunk, address)


def test_processes_keep_their_file_open(tmp_path, files, monkeypatch):
    """A file is opened once by each process, not once for each of its chunks."""
    mark = tmp_path / "mark"
    monkeypatch.setenv("JETSMITH_TEST_MARK", str(mark))
    monkeypatch.setattr(skim, "ChunkReader", Counting)
    planned(tmp_path, files)
    paths = [tmp_path / f"0.{end}" for end in ("parquet", "report.json", "identity.parquet")]
    settings = SkimSpec(chunk_entries=5)
    skim.skim_partition("test", SPEC, CUTS, settings, tmp_path / "inspect.json", 0, *paths, threads=2)
    assert 2 <= len(mark.read_text().splitlines()) <= 4  # two files with entries, two processes


class Odd(Exception):
    """Cannot be made anew from what it says."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


class Failing(reading.ChunkReader):
    """Raises what does not travel between processes."""

    def __call__(self, chunk):
        raise Odd("this", "that")


def test_errors_of_processes_arrive(tmp_path, files, monkeypatch):
    """Whatever they are: else they would look like a process that was killed."""
    planned(tmp_path, files)
    monkeypatch.setattr(skim, "ChunkReader", Failing)
    paths = [tmp_path / f"0.{end}" for end in ("parquet", "report.json", "identity.parquet")]
    plan = tmp_path / "inspect.json"
    with pytest.raises(RuntimeError, match="Odd: this and that"):
        skim.skim_partition("test", SPEC, CUTS, SkimSpec(chunk_entries=7), plan, 0, *paths, threads=2)


class Suicidal(reading.ChunkReader):
    """Kills its process the first time that it reads, as a full memory would."""

    def __call__(self, chunk):
        mark = os.environ["JETSMITH_TEST_MARK"]
        if not os.path.exists(mark):
            open(mark, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(chunk)


def test_a_killed_process_is_replaced(tmp_path, files, monkeypatch):
    """A worker dies by SIGKILL in mid-partition: its chunks are read again, all is there, once."""
    monkeypatch.setenv("JETSMITH_TEST_MARK", str(tmp_path / "mark"))
    whole, reports = run(tmp_path / "1", files, chunk_entries=7)
    planned(tmp_path, files)
    monkeypatch.setattr(skim, "ChunkReader", Suicidal)
    paths = [tmp_path / f"0.{end}" for end in ("parquet", "report.json", "identity.parquet")]
    skim.skim_partition(
        "test", SPEC, CUTS, SkimSpec(chunk_entries=7), tmp_path / "inspect.json", 0, *paths, threads=2
    )
    assert (tmp_path / "mark").exists()
    assert ak.array_equal(io.read_rows(paths[0]), whole[0], equal_nan=True)
    assert io.read_json(paths[1]) == reports[0]


def test_root_files_for_people(tmp_path, files):
    """The same rows as a TTree, ZSTD; lists that belong together share their counter."""
    rows = run(tmp_path, files, chunk_entries=30)[0][0]
    path = tmp_path / "0.root"
    io.write_root(path, tmp_path / "0.parquet")
    with uproot.open(path) as file:
        assert file.file.compression.name == "ZSTD"
        found = file["jets"].arrays()
    for name in rows.fields:
        assert ak.array_equal(found[name], rows[name], equal_nan=True), name
    assert ak.all(found["ncpf"] == ak.num(rows["cpf_d0_cm"]))


def test_root_files_without_rows(tmp_path, files):
    """They have all branches."""
    rows = run(tmp_path, files, cuts=SelectionSpec(pt_min_gev=1e6))[0][0]
    io.write_root(tmp_path / "0.root", tmp_path / "0.parquet")
    with uproot.open(tmp_path / "0.root") as file:
        assert file["jets"].num_entries == 0
        assert set(rows.fields) <= set(file["jets"].keys())


def test_rows_are_counted_again(tmp_path, files, monkeypatch):
    """A file that does not hold what was written into it fails the job, and there is no report."""
    planned(tmp_path, files)
    monkeypatch.setattr(io, "count_rows", lambda path: 3)
    with pytest.raises(InputError, match="were written, 3 are there"):
        run(tmp_path, None)
    assert not (tmp_path / "0.report.json").exists()
