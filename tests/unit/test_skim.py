"""Stage skim: exactly the planned entries, in order, whatever the chunks; losses are declared."""

import awkward as ak
import pytest

from jetsmith import inspection, io, skim
from jetsmith.errors import InputError
from jetsmith.sources import mock
from jetsmith.specs import DatasetSpec, PartitionSpec, SelectionSpec, SkimSpec

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


def run(folder, files, n_parts=1, cuts=CUTS, spec=SPEC, **settings):
    """Inspect and skim all partitions; their rows and reports."""
    plan = folder / "inspect.json"
    if files is not None:
        inspection.inspect_dataset("test", spec, files, n_parts, PartitionSpec(), plan)
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
    merged = skim.merge_cutflows([r["cutflow"] for r in part_reports])
    assert [line["n"] for line in merged] == [line["n"] for line in reports[0]["cutflow"]]


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
    assert report["sum_w2"] == pytest.approx(float(ak.sum(weights**2)))
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
    """Fails a number of times, then works."""

    def __init__(self, times, error):
        self.times, self.error, self.real = times, error, skim.processor.Runner.run

    def __call__(self, runner, items, *args, **kwargs):
        if self.times and items[0].filename.endswith("c.root"):
            self.times -= 1
            raise RuntimeError("wrapped, as coffea does") from self.error
        return self.real(runner, items, *args, **kwargs)


def test_passing_errors_are_tried_again(tmp_path, files, monkeypatch):
    """Two failures, then success: nothing is lost."""
    flaky = Flaky(2, OSError("connection lost"))
    monkeypatch.setattr(skim.processor.Runner, "run", lambda self, *a, **k: flaky(self, *a, **k))
    _, reports = run(tmp_path, files, retries=2)
    assert reports[0]["lost"] == []
    assert reports[0]["n_processed"] == 75


def test_lasting_errors_are_declared(tmp_path, files, monkeypatch):
    """The attempts are bounded; file, range, reason and attempts stand in the report."""
    flaky = Flaky(99, OSError("connection lost"))
    monkeypatch.setattr(skim.processor.Runner, "run", lambda self, *a, **k: flaky(self, *a, **k))
    _, reports = run(tmp_path, files, retries=1)
    loss = {"file": files[2], "start": 0, "stop": 25, "reason": "OSError: connection lost", "attempts": 2}
    assert reports[0]["lost"] == [loss]
    assert reports[0]["n_processed"] == 50


def test_our_own_errors_are_not_swallowed(tmp_path, files, monkeypatch):
    """A defect in a source must stop the job, not count as a lost chunk."""

    def broken(*args):
        raise ValueError("defect")

    monkeypatch.setattr("jetsmith.sources.pfnano.rows", broken)
    with pytest.raises(Exception, match="defect"):
        run(tmp_path, files)


def test_a_damaged_basket_is_declared(tmp_path, files):
    """What cannot be decompressed is lost at once, without further attempts."""
    plan = tmp_path / "inspect.json"
    inspection.inspect_dataset("test", SPEC, files, 1, PartitionSpec(), plan)
    content = bytearray((tmp_path / "c.root").read_bytes())
    place = content.find(b"ZS", 3000)
    content[place + 9 : place + 60] = b"\xff" * 51
    (tmp_path / "c.root").write_bytes(content)
    _, reports = run(tmp_path, None)
    assert [loss["file"] for loss in reports[0]["lost"]] == [files[2]]
    assert reports[0]["n_processed"] + 25 == reports[0]["n_planned"]


def test_a_file_that_is_gone_is_declared(tmp_path, files):
    """All files gone: the partition says `skipped`."""
    plan = tmp_path / "inspect.json"
    inspection.inspect_dataset("test", SPEC, files[:1], 1, PartitionSpec(), plan)
    (tmp_path / "a.root").unlink()
    rows, reports = run(tmp_path, None)
    assert reports[0]["state"] == "skipped"
    assert len(rows[0]) == 0
    assert "gone" in reports[0]["lost"][0]["reason"]


def test_a_changed_file_stops(tmp_path, files):
    """Another uuid than planned: the plan no longer holds."""
    plan = tmp_path / "inspect.json"
    inspection.inspect_dataset("test", SPEC, files[:1], 1, PartitionSpec(), plan)
    mock.write(tmp_path / "a.root", [mock.events(30, 9)])
    with pytest.raises(InputError, match="changed since inspect"):
        run(tmp_path, None)


def test_only_planned_branches_are_read(tmp_path, files, monkeypatch):
    """Branches that no column needs stay on the disk."""
    seen = []
    real = skim.SkimProcessor.process

    def spy(self, events):
        seen.append(set(events.fields))
        return real(self, events)

    monkeypatch.setattr(skim.SkimProcessor, "process", spy)
    run(tmp_path, files)
    assert "PFCands_d0" in seen[0]
    assert "HLT_PFJet40" not in seen[0]


def test_golden_json_starts_at_data_root(tmp_path, files):
    """A relative path is looked for below data_root."""
    (tmp_path / "golden.json").write_text('{"1": [[1, 4]]}')
    spec = SPEC.model_copy(update={"is_data": True, "golden_json": "golden.json"})
    plan = tmp_path / "inspect.json"
    inspection.inspect_dataset("test", spec, files, 1, PartitionSpec(), plan)
    paths = tmp_path / "0.parquet", tmp_path / "0.json"
    skim.skim_partition("test", spec, CUTS, SkimSpec(), plan, 0, *paths, data_root=str(tmp_path))
    assert set(io.read_rows(paths[0])["luminosity_block"]) <= {1, 2, 3, 4}
