"""Stage account: what was planned is processed or declared, else the run stops."""

import pytest

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.plan import Runs
from jetsmith.skimming import account
from tests.unit.plans import file_found, plan_of


def write_identity(path, columns):
    """All entries at once."""
    with io.identity_writer(path) as write:
        write(columns)


def plan(folder, sizes=(60, 40), generated=None, damaged=()):
    """Of files with these entries; `generated`: number and sum of weights of each."""
    path = folder / "plan.json"
    sums = [None if generated is None else Runs(*generated[i], None) for i in range(len(sizes))]
    files = [file_found(f"{i}.root", n, found) for i, (n, found) in enumerate(zip(sizes, sums, strict=True))]
    io.write_record(path, plan_of(files, damaged=damaged))
    return path


def report(folder, part, processed, lost=0, rows=10):
    path = folder / f"{part}.json"
    losses = [{"file": f"{part}.root", "start": 0, "stop": lost, "reason": "OSError: gone", "attempts": 3}]
    io.write_json(
        path,
        {
            "dataset": "test", "part": f"{part:03d}", "state": "ok", "n_planned": processed + lost,
            "n_processed": processed, "lost": losses if lost else [], "sum_w": processed / 2, "n_rows": rows,
            "files": [
                {"file": f"{part}.root", "n": processed, "sum_w": processed / 2, "sum_w2": processed / 4}
            ],
            "rows_by_flavour": {"500": rows - 1, "0": 1} if rows else {},
            "cutflow": [
                {"cut": "entries", "n": processed, "sum_w": processed / 2, "sum_w2": 1.0},
                {"cut": "pt", "n": rows, "sum_w": rows / 2, "sum_w2": 1.0},
            ],
        },
    )  # fmt: skip
    return path


def identity(folder, part, events, block=1, file=0):
    """Entries of run 1 with these event numbers."""
    path = folder / f"{part}.identity.parquet"
    n = len(events)
    columns = {"run": [1] * n, "luminosity_block": [block] * n, "event": events, "file": [file] * n}
    write_identity(path, columns)
    return path


def run(folder, plan_path, reports, allowed=0.0, identities=None, **more):
    output = folder / "account.json"
    if identities is None:
        sizes = [io.read_json(path)["n_processed"] for path in reports]
        identities = [identity(folder, part, range(n), block=part) for part, n in enumerate(sizes)]
    account.account_dataset("test", plan_path, reports, identities, allowed, output, **more)
    return io.read_json(output)


def test_totals(tmp_path):
    """Everything adds up over the partitions."""
    found = run(tmp_path, plan(tmp_path), [report(tmp_path, 0, 60), report(tmp_path, 1, 40, rows=5)])
    assert (found["n_events"], found["n_rows"]) == (100, 15)
    assert found["normalisation"]["sum_w"] == found["normalisation"]["sum_w_processed"] == 50.0
    assert found["normalisation"]["mean_weight"] == 0.5
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
    found = run(tmp_path, plan(tmp_path, generated=[(60, 30.0), (90, 30.0)]), reports, 0.1)
    assert (found["n_lost"], found["loss_fraction"], found["n_events"]) == (10, 0.1, 90)
    (loss,) = found["lost"]
    assert loss["fraction"] == 0.1
    assert loss["weight_fraction"] == pytest.approx(
        10 / 40 / 2
    )  # a quarter of a file with half of the weights
    assert found["loss_weight_fraction"] == loss["weight_fraction"]
    with pytest.raises(InputError) as error:
        run(tmp_path, plan(tmp_path), reports, 0.05)
    for word in ("10.000%", "1.root", "OSError: gone", "3 attempts", "max_loss_fraction"):
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


def test_files_that_could_not_be_opened_are_losses(tmp_path):
    """They are taken to be like the others: half of the files is half of the entries."""
    reports = [report(tmp_path, 0, 60), report(tmp_path, 1, 40)]
    bad = ("bad.root", "worse.root")
    whole = r"50.000% of its entries(.|\n)*bad.root whole, 50 entries if(.|\n)*2 attempts: empty"
    with pytest.raises(InputError, match=whole):
        run(tmp_path, plan(tmp_path, damaged=bad), reports, 0.4)
    found = run(tmp_path, plan(tmp_path, damaged=bad), reports, 0.5)
    assert (found["n_events"], found["n_lost"], found["loss_fraction"]) == (100, 100, 0.5)


def test_what_is_lost_is_read_again(tmp_path):
    """The next run makes lossy reports anew, and a plan without damaged files; all others stay."""
    reports = [report(tmp_path, 0, 60), report(tmp_path, 1, 30, lost=10)]
    planned = plan(tmp_path)
    with pytest.raises(InputError, match="The next run reads them again"):
        run(tmp_path, planned, reports)
    assert (planned.exists(), reports[0].exists(), reports[1].exists()) == (True, True, False)
    reports = [report(tmp_path, 0, 60), report(tmp_path, 1, 40)]
    with pytest.raises(InputError):
        run(tmp_path, plan(tmp_path, damaged=("bad.root",)), reports)
    assert (planned.exists(), reports[0].exists(), reports[1].exists()) == (False, True, True)


def test_shares_of_the_weights(tmp_path):
    """They lie between 0 and 1 where weights of files cancel, and where no file has an entry."""
    path = plan(tmp_path, generated=[(200, 52.0), (200, -50.0)])
    found = run(tmp_path, path, [report(tmp_path, 0, 60), report(tmp_path, 1, 30, lost=10)], 0.1)
    assert found["loss_weight_fraction"] == pytest.approx(0.25 * 50 / 102)
    with pytest.raises(InputError, match=r"100.000% of its entries"):
        run(
            tmp_path, plan(tmp_path, sizes=(0,), damaged=("bad.root",)), [report(tmp_path, 0, 0, rows=0)], 0.9
        )


def test_duplicate_entries_are_refused(tmp_path):
    """Two files share entries: number, files and one of the entries are named; or it is allowed."""
    reports = [report(tmp_path, 0, 60), report(tmp_path, 1, 40)]
    keys = [identity(tmp_path, 0, range(60)), identity(tmp_path, 1, range(57, 97), file=1)]
    with pytest.raises(InputError) as error:
        run(tmp_path, plan(tmp_path), reports, identities=keys)
    for word in ("3 entries would count twice", "0.root and 1.root", "such as 1:1:57", "duplicates: allow"):
        assert word in str(error.value)
    found = run(tmp_path, plan(tmp_path), reports, identities=keys, allow_duplicates=True)
    assert (found["n_events"], found["n_duplicates"]) == (100, 3)


def test_entries_that_differ_in_one_number_are_no_duplicates(tmp_path):
    """The same event number in another luminosity block is another event."""
    reports = [report(tmp_path, 0, 60), report(tmp_path, 1, 40)]
    keys = [identity(tmp_path, 0, range(60)), identity(tmp_path, 1, range(40), block=2)]
    assert run(tmp_path, plan(tmp_path), reports, identities=keys)["n_events"] == 100


@pytest.mark.parametrize("most", [1, 7, 99, 100])
def test_duplicates_are_found_in_turns(tmp_path, monkeypatch, most):
    """Entries that do not fit into memory at once are compared in turns, by a hash."""
    monkeypatch.setattr(account, "MOST_KEYS", most)
    reports = [report(tmp_path, 0, 60), report(tmp_path, 1, 40)]
    keys = [identity(tmp_path, 0, range(60)), identity(tmp_path, 1, [*range(100, 139), 31])]
    with pytest.raises(InputError, match="1:1:31"):
        run(tmp_path, plan(tmp_path), reports, identities=keys)
    run(tmp_path, plan(tmp_path), reports)


@pytest.mark.parametrize("most", [1, 7, 100])
def test_allowed_duplicates_are_counted_in_turns(tmp_path, monkeypatch, most):
    """Every turn adds its own: an event that stands there three times counts twice too often."""
    monkeypatch.setattr(account, "MOST_KEYS", most)
    reports = [report(tmp_path, 0, 60), report(tmp_path, 1, 40)]
    keys = [identity(tmp_path, 0, [*range(59), 3]), identity(tmp_path, 1, range(40))]
    about = run(tmp_path, plan(tmp_path), reports, identities=keys, allow_duplicates=True)
    assert about["n_duplicates"] == 41


@pytest.mark.parametrize("number", ["run", "luminosity_block", "event"])
def test_each_number_makes_another_entry(tmp_path, number):
    """Events of one number in two runs, or in two blocks, are two."""
    same = {"run": [7, 7], "luminosity_block": [2, 2], "event": [9, 9], "file": [0, 0]}
    path, reports = tmp_path / "i.parquet", [report(tmp_path, 0, 2)]
    write_identity(path, same)
    with pytest.raises(InputError, match="1 entries would count twice"):
        run(tmp_path, plan(tmp_path, (2,)), reports, identities=[path])
    write_identity(path, same | {number: [same[number][0], 8]})
    assert run(tmp_path, plan(tmp_path, (2,)), reports, identities=[path])["n_duplicates"] == 0


def test_pairs_of_files_are_named(tmp_path):
    """The ten that share the most, each with an entry of its own."""
    n = 12
    reports = [report(tmp_path, part, 20) for part in range(n)]
    # Files 0 and k share 20 - k events of block k.
    keys = [identity(tmp_path, part, range(20), block=part, file=part) for part in range(n)]
    shared = [event for part in range(1, n) for event in range(20 - part)]
    blocks = [part for part in range(1, n) for _ in range(20 - part)]
    columns = {
        "run": [1] * len(shared),
        "luminosity_block": blocks,
        "event": shared,
        "file": [0] * len(shared),
    }
    write_identity(tmp_path / "0.identity.parquet", columns)
    with pytest.raises(InputError) as error:
        run(tmp_path, plan(tmp_path, (20,) * n), reports, identities=keys)
    lines = str(error.value).splitlines()
    assert lines[0].endswith(f"at least {len(shared)} entries would count twice:")
    assert len(lines) == 12
    for part, line in enumerate(lines[1:-1], start=1):
        assert line.startswith(f"  {20 - part} of ")
        assert {"0.root", f"{part}.root"} == set(line.split(", ")[0].split(" of ")[1].split(" and "))
        assert f"1:{part}:0 (run" in line


def changed(path, **changes):
    """A report with other content, its checksum made anew."""
    io.write_json(path, io.read_json(path) | changes)
    return path


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (
            {"files": [{"file": "x", "n": 60, "sum_w": 1.0, "sum_w2": 1.0}]},
            "files .* not in the plan: x,",
        ),
        ({"n_planned": 59}, "planned entries: 59, and it should be 60"),
        ({"files": [{"file": "0.root", "n": 61, "sum_w": 1.0, "sum_w2": 1.0}]}, "entries of its files: 61"),
        ({"cutflow": [{"cut": "a", "n": 59, "sum_w": 1.0, "sum_w2": 1.0}] * 2}, "entries of its cutflow: 59"),
        ({"n_rows": 11}, "rows of its cutflow: 10, and it should be 11"),
        ({"rows_by_flavour": {"0": 4, "5": 5}}, "rows by flavour: 9, and it should be 10"),
    ],
)
def test_what_a_report_says_twice_is_the_same(tmp_path, changes, what):
    """Whichever count differs, the partition and both numbers are named."""
    reports = [changed(report(tmp_path, 0, 60), **changes), report(tmp_path, 1, 40)]
    with pytest.raises(InputError, match=f"report of partition 000: {what}"):
        run(tmp_path, plan(tmp_path), reports)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_rows": "10"}, "n_rows: Input should be a valid integer, and is '10'"),
        ({"lost": [{"file": "0.root", "start": 0, "stop": 1}]}, r"lost\.0\.reason: the key is missing"),
        ({"cutflow": None}, "cutflow: .*array"),
    ],
)
def test_a_report_of_another_form_is_named(tmp_path, changes, words):
    """Protects: the file, what is wrong in it and what would be right, and no traceback."""
    reports = [report(tmp_path, 0, 60), changed(report(tmp_path, 1, 40), **changes)]
    with pytest.raises(InputError, match=rf"1\.json: is no PartReport .*{words}.*remove it and run again"):
        run(tmp_path, plan(tmp_path), reports)


def test_a_plan_covers_its_entries(tmp_path):
    """Parts of a plan that leave entries out would lose them without a word."""
    path = plan(tmp_path)
    io.write_json(path, io.read_json(path) | {"n_entries": 101})
    with pytest.raises(InputError, match="covers 100 of 101 entries"):
        run(tmp_path, path, [report(tmp_path, 0, 60), report(tmp_path, 1, 40)])


def test_rows_and_states_by_part(tmp_path):
    """Which part has which rows, and those that are not as they should be; truth ids in their order."""
    first = changed(report(tmp_path, 0, 60), rows_by_flavour={"10": 2, "9": 3, "-1": 5})
    second = changed(report(tmp_path, 1, 40, rows=5), state="partial")
    found = run(tmp_path, plan(tmp_path), [first, second])
    assert found["rows_by_part"] == {"000": 10, "001": 5}
    assert found["states"] == {"001": "partial"}
    assert found["rows_by_flavour"] == {"-1": 5, "0": 1, "9": 3, "10": 2, "500": 4}


def test_losses_of_several_parts_add_up(tmp_path):
    """Shares, entries and weights; the limit itself is allowed, and Runs of one file alone tell no share."""
    reports = [report(tmp_path, 0, 54, lost=6), report(tmp_path, 1, 30, lost=10)]
    found = run(tmp_path, plan(tmp_path, generated=[(80, 30.0), (200, -90.0)]), reports, 0.16)
    assert (found["n_lost"], found["loss_fraction"]) == (16, pytest.approx(0.16))
    assert found["loss_weight_fraction"] == pytest.approx((0.1 * 30 + 0.25 * 90) / 120)
    path = plan(tmp_path, generated=[(60, 30.0), (90, 30.0)])
    one = io.read_json(path)
    one["files"][1]["runs"] = None
    io.write_json(path, one)
    assert run(tmp_path, path, reports, 0.16)["loss_weight_fraction"] == pytest.approx(0.16)


def test_identities_are_complete(tmp_path):
    """Who was read is known of every entry that counts."""
    reports = [report(tmp_path, 0, 60), report(tmp_path, 1, 40)]
    with pytest.raises(InputError, match="hold 60"):
        run(tmp_path, plan(tmp_path), reports, identities=[identity(tmp_path, 0, range(60))])


def test_event_weight(tmp_path):
    """Cross-section times luminosity over the sum of the weights that were really processed."""
    reports = [report(tmp_path, 0, 60), report(tmp_path, 1, 30, lost=10)]
    about = run(tmp_path, plan(tmp_path), reports, 0.5, cross_section_pb=9.0, luminosity_ifb=2.0)
    assert about["event_weight"] == pytest.approx(9.0 * 2000 / 45)
    assert run(tmp_path, plan(tmp_path), reports, 0.5, cross_section_pb=9.0)["event_weight"] == 0.2
    assert run(tmp_path, plan(tmp_path), reports, 0.5)["event_weight"] is None
    assert account.event_weight_of(9.0, None, 0.5) == 18  # sums of weights in pb may be small
    assert account.event_weight_of(9.0, None, 0.0) is None
