"""Stage account: what was planned is processed or declared, else the run stops."""

import pytest

from jetsmith import account, io
from jetsmith.errors import InputError


def plan(folder, sizes=(60, 40), generated=None):
    path = folder / "plan.json"
    parts = [
        {"part": f"{i:03d}", "ranges": [{"file": f"{i}.root", "uuid": "", "start": 0, "stop": n}]}
        for i, n in enumerate(sizes)
    ]
    io.write_json(
        path,
        {"object": "ak4", "layout": "pfnano", "columns": ["run"], "n_entries": sum(sizes)}
        | {"sum_w_generated": generated, "parts": parts},
    )
    return path


def report(folder, part, processed, lost=0, rows=10):
    path = folder / f"{part}.json"
    losses = [{"file": "x.root", "start": 0, "stop": lost, "reason": "OSError: gone", "attempts": 3}]
    io.write_json(
        path,
        {
            "part": f"{part:03d}", "state": "ok", "n_processed": processed, "lost": losses if lost else [],
            "sum_w": processed / 2, "sum_w2": float(processed), "n_rows": rows,
            "rows_by_flavour": {"500": rows - 1, "0": 1} if rows else {},
            "cutflow": [
                {"cut": "entries", "n": processed, "sum_w": processed / 2, "sum_w2": 1.0},
                {"cut": "pt", "n": rows, "sum_w": rows / 2, "sum_w2": 1.0},
            ],
        },
    )  # fmt: skip
    return path


def run(folder, plan_path, reports, allowed=0.0):
    output = folder / "account.json"
    account.account_dataset("test", plan_path, reports, allowed, output)
    return io.read_json(output)


def test_totals(tmp_path):
    """Everything adds up over the partitions."""
    found = run(tmp_path, plan(tmp_path), [report(tmp_path, 0, 60), report(tmp_path, 1, 40, rows=5)])
    assert (found["n_events"], found["n_rows"], found["sum_w"]) == (100, 15, 50.0)
    assert found["mean_weight"] == 0.5
    assert found["rows_by_flavour"] == {"0": 2, "500": 13}
    assert [line["n"] for line in found["cutflow"]] == [100, 15]
    assert found["loss_fraction"] == 0


def test_unaccounted_entries_stop_the_run(tmp_path):
    """An entry that is neither processed nor declared lost is named by its partition."""
    with pytest.raises(InputError, match=r"partition 001: 40 entries planned, but 39"):
        run(tmp_path, plan(tmp_path), [report(tmp_path, 0, 60), report(tmp_path, 1, 39)], 0.5)


def test_every_partition_reports_once(tmp_path):
    """A missing report and a doubled one are both errors."""
    first, second = report(tmp_path, 0, 60), report(tmp_path, 1, 40)
    for reports in ([first], [first, first, second]):
        with pytest.raises(InputError, match="the plan has 000, 001"):
            run(tmp_path, plan(tmp_path), reports)


def test_losses(tmp_path):
    """Declared losses pass below the limit and stop the run above it, each of them listed."""
    reports = [report(tmp_path, 0, 60), report(tmp_path, 1, 30, lost=10)]
    found = run(tmp_path, plan(tmp_path, generated=50.0), reports, 0.1)
    assert (found["n_lost"], found["loss_fraction"], found["n_events"]) == (10, 0.1, 90)
    assert found["loss_weight_fraction"] == pytest.approx(0.1)
    with pytest.raises(InputError) as error:
        run(tmp_path, plan(tmp_path), reports, 0.05)
    for word in ("10.000%", "x.root", "OSError: gone", "3 attempts", "max_loss_fraction"):
        assert word in str(error.value)


def test_an_empty_selection_stops_the_run(tmp_path):
    """The message holds the cutflow."""
    reports = [report(tmp_path, 0, 60, rows=0), report(tmp_path, 1, 40, rows=0)]
    with pytest.raises(InputError, match=r"entries: 100; pt: 0"):
        run(tmp_path, plan(tmp_path), reports)


def test_no_entries_stop_the_run(tmp_path):
    """A dataset whose files are all empty has nothing to train on."""
    with pytest.raises(InputError, match="test"):
        run(tmp_path, plan(tmp_path, sizes=(0,)), [report(tmp_path, 0, 0, rows=0)])
