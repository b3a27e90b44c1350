"""Sums of Runs against those of the entries, by hand: skims, contradictions, and what is divided by."""

import math
from dataclasses import replace

import pytest

from jetsmith.errors import InputError
from jetsmith.handed.account import FileRead, PartReport, Sums
from jetsmith.handed.plan import Runs
from jetsmith.skimming.normalisation import check_files, check_runs, normalisation
from jetsmith.specs.datasets import DatasetSpec
from tests.unit.plans import SIMULATED, file_found, plan_of

SPEC = DatasetSpec(object="ak4", process="test", files=("x",), cross_section_pb=1.0)


def runs(sum_w, n_events=None, sum_w2=None):
    """What inspect found in a tree Runs."""
    return Runs(n_events, sum_w, sum_w2)


def record(found, entries=100):
    """A file of the plan, its name to be given."""
    return file_found("", entries, found)


def read(n=100, sum_w=None, sum_w2=None):
    """What was read of a file: events of weight 1 where nothing else is said."""
    return Sums(n, n if sum_w is None else sum_w, n if sum_w2 is None else sum_w2)


def part(name, done):
    """The report of a partition that is a file."""
    files = (FileRead(done.n, done.sum_w, done.sum_w2, name),)
    return PartReport("test", name, "ok", done.n, done.n, (), done.sum_w, files, (), 1, {"0": 1})


def normalised(*files, **content):
    """Of files, each a record and what was read of it; every file is a partition."""
    named = [(str(i), *found) for i, found in enumerate(files)]
    found = [replace(about, file=name) for name, about, _ in named]
    planned = plan_of(found, layout="nanoaod", content=replace(SIMULATED, **content))
    return normalisation("test", planned, [part(name, done) for name, _, done in named])


@pytest.mark.parametrize(
    ("sum_w", "skimmed"), [(100.0009, False), (99.9991, False), (100.0011, True), (99.9989, True)]
)
def test_a_sum_alone_tells_a_skim(sum_w, skimmed):
    """Without a count: what rounding cannot explain of a file that was read in full, either way."""
    about = normalised((record(runs(sum_w)), read()))
    assert about.sum_w == (sum_w if skimmed else 100)
    assert about.mean_weight == 1
    assert about.sum_w_runs == about.sum_w_generated == sum_w
    assert ("was skimmed before" in about.how) == skimmed


@pytest.mark.parametrize(("sum_w", "skimmed"), [(110, False), (180, False), (190, True), (300, True)])
def test_of_half_a_file_the_sum_fluctuates(sum_w, skimmed):
    """Half was lost: of 50 events of weight 1 the sum is uncertain by 7, and six times that is no skim."""
    about = normalised((record(runs(sum_w)), read(50)))
    assert about.sum_w == (sum_w / 2 if skimmed else 50)
    assert about.factor == (sum_w / 100 if skimmed else 1)
    assert (about.sum_w_runs, about.sum_w_generated) == (sum_w, sum_w / 2)


def test_a_count_goes_before_the_sum():
    """As many as the file holds: no skim, whatever rounding does to the sum; one more is one."""
    whole = normalised((record(runs(100.05, 100, 100)), read()))
    assert (whole.to, whole.sum_w, whole.n_runs) == ("runs", 100, 100)
    more = normalised((record(runs(100.0, 101, 101)), read()))
    assert (more.sum_w, more.mean_weight) == (100, 100 / 101)
    assert "the 101 generated events of Runs; the files hold 100" in more.how


@pytest.mark.parametrize(
    ("found", "right"),
    [
        # 100 more events with squares of 100 weigh 100 at most; and a thousandth of each sum is forgiven.
        (runs(200.15, 200, 200), True), (runs(200.3, 200, 200), False),
        (runs(-0.15, 200, 200), True), (runs(-0.3, 200, 200), False),
        (runs(100.0, 200, 99.95), True), (runs(100.0, 200, 99.85), False),  # squares only grow
        (runs(100.09, 100, 150), True), (runs(100.11, 100, 150), False),  # nobody is left to weigh more
        (runs(100.09, 100), True), (runs(100.11, 100), False), (runs(99.89, 100), False),
        (runs(500.0, 101), True), (runs(99.95), True), (runs(99.85), False), (runs(-100.0), True),
    ],
)  # fmt: skip
def test_what_no_other_events_can_weigh(found, right):
    """Right at the limits, on both sides of them."""
    if right:
        assert normalised((record(found), read())).sum_w_runs == found.sum_w
    else:
        with pytest.raises(InputError, match="these are other weights"):
            normalised((record(found), read()))


def test_sums_over_files():
    """Each by its own share; those without entries in full; a count that one lacks is no count of all."""
    one, two = record(runs(500.0, 500, 500)), record(runs(100.0, 100, 100))
    none = record(runs(70.0, 70, 70), entries=0)
    about = normalised((one, read(50)), (two, read(100)), (none, read(0)))
    assert (about.n_processed, about.sum_w_processed) == (150, 150)
    assert (about.sum_w_runs, about.n_runs) == (670, 670)
    assert about.sum_w == about.sum_w_generated == 250 + 100 + 70
    assert about.mean_weight == 1
    assert about.factor == 420 / 150
    assert "2 of 3 files were skimmed before" in about.how
    about = normalised((record(runs(400.0, 500, 500)), read(50)), (record(runs(100.0)), read()))
    assert (about.n_runs, about.sum_w, about.mean_weight) == (None, 300, 1)
    assert "to the generated events of Runs" in about.how


def test_nothing_is_divided_by_nothing():
    """No entry, or weights that cancel: no mean, no factor, and no traceback."""
    empty = normalised((record(None, entries=0), read(0)))
    assert (empty.sum_w, empty.mean_weight, empty.factor) == (0, None, None)
    cancels = normalised((record(None), read(100, 0.0, 100.0)))
    assert (cancels.sum_w, cancels.mean_weight, cancels.factor) == (0, 0, None)


def test_weights_of_one_are_counted():
    """Of events without weights the count stands for the sum, file by file; without a count there is none."""
    some = record(runs(7.0, 300, 9.0))
    about = normalised((some, read()), (record(runs(3.0, 100, 2.0)), read()), weight=None)
    assert (about.sum_w_runs, about.sum_w, about.mean_weight) == (400, 400, 1)
    about = normalised((record(runs(7.0)), read()), weight=None)
    assert (about.to, about.sum_w) == ("events", 100)
    data = normalised((some, read()), simulated=False)
    assert (data.to, data.sum_w, data.sum_w_runs) == ("data", 100, None)


def test_numbers_of_runs_by_themselves():
    """As many generated events as entries are right, one less is not; every number is finite."""
    check_runs("a.root", 100, None)
    check_runs("a.root", 100, runs(1.0, 100))
    check_runs("a.root", 100, runs(1.0))
    with pytest.raises(InputError, match="counts 99 generated events, but Events holds 100"):
        check_runs("a.root", 100, runs(1.0, 99))
    for found in (runs(math.nan, 100, 1.0), runs(1.0, 100, math.inf)):
        with pytest.raises(InputError, match="not finite"):
            check_runs("a.root", 100, found)


def test_files_whose_sums_cannot_be_added():
    """A skimmed file beside one without Runs; whole ones may so, and those of which the dataset says how."""
    files = [replace(record(found), file=name) for name, found in (("a", runs(1.0, 101)), ("b", None))]
    with pytest.raises(
        InputError, match=r"a was skimmed before .* 101 .* b has no Runs \(1 and 1 such files"
    ):
        check_files("test", files, "nanoaod", SPEC)
    whole = [replace(files[0], runs=runs(1.0, 100)), files[1]]
    check_files("test", whole, "nanoaod", SPEC)
    check_files("test", files[:1], "nanoaod", SPEC)
    check_files("test", files, "nanoaod", SPEC.model_copy(update={"generated": "events"}))
    with pytest.raises(InputError, match="entries of DeepNtuples are jets"):
        check_files("test", [], "deepntuples", SPEC)
