"""Protects the windows that networks are fed with: ragged as packed, in any order, kept or read again."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jetsmith.classifiers import Labelled, _feed
from jetsmith.errors import InputError
from jetsmith.packed import windows
from jetsmith.packed.arrays import Packed
from jetsmith.packed.rows import Rows
from tests.unit.packed_jets import GROUPS, TRACK, pack_jets

Array = np.ndarray[Any, Any]


def rows_of(*packed: Packed) -> Rows:
    return Rows.select(list(GROUPS.values()), packed)


def padded(window: windows.Window, length: dict[str, int]) -> dict[str, Array]:
    """The slow twin of what a device does: rows one by one."""
    found: dict[str, Array] = {"ak4": window["ak4"]}
    for group in ("charged", "vertices"):
        values, offsets = window[group], window[f"{group}_offsets"]
        assert not values[-1].any()
        counts = np.diff(offsets)
        out = np.zeros((len(counts), length[group], values.shape[1]), np.float32)
        for row, count in enumerate(counts):
            out[row, :count] = values[offsets[row] : offsets[row] + count]
        found |= {group: out, f"{group}_mask": np.arange(length[group]) < counts[:, None]}
    return found


@pytest.mark.parametrize("chosen", ["all", "some", "mixed"])
@pytest.mark.parametrize("which", [slice(0, 90), slice(0, 1), slice(25, 57), slice(50, 90)])
def test_windows_hold_what_batches_do(chosen: str, which: slice) -> None:
    """Rows that follow on each other, rows left out, rows of several splits in any order; sequences cut."""
    rows = rows_of(pack_jets(60, 1), pack_jets(50, 2))
    order = np.random.default_rng(1).permutation(len(rows))
    rows = rows[{"all": np.arange(90), "some": np.sort(order[:90]), "mixed": order[:90]}[chosen]]
    batch = rows.batch(which)
    length = {group: batch[group].shape[1] for group in ("charged", "vertices")}
    found = padded(windows.read(rows, which), length)
    assert set(found) == set(batch)
    for name, values in batch.items():
        np.testing.assert_array_equal(found[name], values)


def test_a_window_with_nan_names_the_feature() -> None:
    """As a batch does; what lies behind the length of a group does not matter."""
    packed = pack_jets(50, 1)
    ragged = packed.groups["charged"]
    long = int(np.argmax(np.diff(ragged.offsets) > GROUPS["charged"].length))
    ragged.values[ragged.offsets[long] + GROUPS["charged"].length, TRACK.index("sip")] = np.nan
    windows.read(rows_of(packed), slice(0, 50))
    ragged.values[ragged.offsets[long], TRACK.index("sip")] = np.nan
    with pytest.raises(InputError, match=r"charged\.sip in 1 of 50 rows"):
        windows.read(rows_of(packed), slice(0, 50))


def labelled(n: int) -> Labelled:
    rows = rows_of(pack_jets(n, 1))
    number = np.arange(n)
    return Labelled(rows, number.astype(np.int32), number / 2, {"side": number.astype(np.float32) + 7})


def test_a_feed_cuts_between_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """No batch needs two windows; each row comes once, with its label, weight and side columns."""
    monkeypatch.setattr(_feed, "ROWS", 64)
    data = labelled(103)
    for batch_size, sizes in ((10, [60, 43]), (64, [64, 39]), (70, [70, 33]), (200, [103])):
        feed = _feed.Feed(data, batch_size, lambda data, rows: data, 0)
        assert [s.stop - s.start for s in feed.slices] == sizes
        seen = []
        for which, window in feed(range(len(sizes))):
            np.testing.assert_array_equal(window["inputs"]["ak4"], data.rows.batch(which)["ak4"])
            np.testing.assert_array_equal(window["weight"] * 2, window["target"])
            np.testing.assert_array_equal(window["side"]["side"] - 7, window["target"])
            seen += window["target"].tolist()
        assert seen == list(range(103))
    unlabelled = _feed.Feed(data.rows, 10, lambda data, rows: data, 0)
    assert all(set(window) == {"inputs"} for _, window in unlabelled([0, 1]))


def test_a_feed_keeps_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows are read once where they fit, each time where they do not, in the order that is asked for."""
    monkeypatch.setattr(_feed, "ROWS", 20)
    data = labelled(100)
    for room, reads in ((0, 10), (1 << 30, 5)):
        read: list[int] = []

        def upload(data: _feed.Data, rows: int, read: list[int] = read) -> _feed.Data:
            read.append(int(data["target"][0]))
            return data

        feed = _feed.Feed(data, 10, upload, room)
        for order in ([3, 1, 0, 4, 2], [2, 0, 1, 3, 4]):
            assert [int(window["target"][0]) for _, window in feed(order)] == [20 * k for k in order]
        assert len(read) == reads
    del read[:]
    some = _feed.Feed(data, 10, upload, 1500)  # about one of them
    for _ in range(2):
        assert len(list(some(range(5)))) == 5
    assert len(read) == 9


def test_what_a_window_takes_is_known_before_it_is_read() -> None:
    """Values of flat groups and of constituents that are read, cut at the length, of rows of two splits."""
    parts = [pack_jets(60, 1), pack_jets(40, 2)]
    inputs = [GROUPS["ak4"], GROUPS["charged"].model_copy(update={"length": 3})]
    rows = Rows.select(inputs, parts)
    for which in (slice(0, 100), slice(50, 75), slice(0, 1)):
        window = windows.read(rows, which)
        found = (
            sum(window[i.group].nbytes for i in inputs) - window["charged"][-1:].nbytes
        )  # its line of zeros
        assert windows.n_bytes(rows, which) == found


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_windows_are_read_ahead_in_the_same_order(monkeypatch: pytest.MonkeyPatch, ahead: int) -> None:
    """No more than so many are there beside the one at work, and the one that is asked for."""
    monkeypatch.setattr(_feed, "ROWS", 20)
    data, read = labelled(100), list[int]()

    def upload(data: _feed.Data, rows: int) -> _feed.Data:
        read.append(int(data["target"][0]))
        return data

    feed, seen = _feed.Feed(data, 10, upload, 0, ahead), []
    for _, window in feed(range(5)):
        seen.append(int(window["target"][0]))
        assert len(read) <= len(seen) + ahead
    assert seen == [0, 20, 40, 60, 80]


def read_in_epochs(train: Labelled, validation: Labelled, budget: int) -> tuple[list[int], list[int], int]:
    """Windows that are read in each of five epochs, of both sets, and those read ahead, within a budget."""
    read = [0, 0]

    def upload(which: int) -> Callable[[_feed.Data, int], _feed.Data]:
        def count(data: _feed.Data, rows: int) -> _feed.Data:
            read[which] += 1
            return data

        return count

    sizes = _feed.windows_of(train, 10), _feed.windows_of(validation, 10)
    *rooms, ahead = _feed.room_of(budget, *sizes)
    feeds = [_feed.Feed(data, 10, upload(k), rooms[k], ahead) for k, data in enumerate((train, validation))]
    found: tuple[list[int], list[int]] = ([], [])
    for _ in range(5):
        for k, feed in enumerate(feeds):
            read[k] = 0
            assert len(list(feed(range(len(feed.slices))))) == len(feed.slices)
            found[k].append(read[k])
    return *found, ahead


@pytest.mark.parametrize(
    ("windows_to_train", "budget", "train", "validation", "ahead"),
    [
        # One window each, 1 and 0.25 long: both stay in 1.25 and two copies of the longer; 3 are least.
        (1, 3.30, [1, 0, 0, 0, 0], [1, 0, 0, 0, 0], 2),
        (1, 7.50, [1, 0, 0, 0, 0], [1, 0, 0, 0, 0], 2),
        (1, 3.10, [1, 0, 0, 0, 0], [1, 1, 1, 1, 1], 2),
        (1, 2.90, [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], 0),
        # Five and 0.25: all stay in 5.25 and two copies, and two more are read ahead; with less, one is, and
        # some stay; with 3, one copy after the other is made.
        (5, 9.40, [5, 0, 0, 0, 0], [1, 0, 0, 0, 0], 2),
        (5, 7.40, [5, 0, 0, 0, 0], [1, 0, 0, 0, 0], 0),
        (5, 7.15, [5, 0, 0, 0, 0], [1, 1, 1, 1, 1], 0),
        (5, 6.60, [5, 4, 4, 4, 4], [1, 0, 0, 0, 0], 1),
        (5, 3.10, [5, 5, 5, 5, 5], [1, 1, 1, 1, 1], 0),
        (5, 0.00, [5, 5, 5, 5, 5], [1, 1, 1, 1, 1], 0),
    ],
)
def test_a_budget_keeps_what_fits_it(
    monkeypatch: pytest.MonkeyPatch,
    windows_to_train: int,
    budget: float,
    train: list[int],
    validation: list[int],
    ahead: int,
) -> None:
    """Counted in reads: what fits stays from the first epoch on, and that goes before reading ahead."""
    monkeypatch.setattr(_feed, "ROWS", 200)
    data = labelled(windows_to_train * 200)
    one = _feed.windows_of(data, 10).all / windows_to_train
    found = read_in_epochs(data, labelled(50), int(budget * one))
    assert found == (train, validation, ahead)


def test_what_windows_take_is_known_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs, labels and what losses read of constituents: of the first window, and of all rows."""
    monkeypatch.setattr(_feed, "ROWS", 40)
    data = labelled(100)
    one, labels = windows.n_bytes(data.rows, slice(0, 40)), 40 * (4 + 8 + 4)
    assert _feed.windows_of(data, 10) == _feed.Windows(3, one + labels, math.ceil((one + labels) * 2.5))
    assert _feed.windows_of(replace(data, constituents=data.rows), 10).one == 2 * one + labels
    none = Labelled(data.rows[np.arange(0)], data.target[:0], data.weight[:0])
    assert _feed.windows_of(none, 10) == _feed.Windows(0, 0, 0)


def test_windows_to_score_are_as_long_as_a_budget_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven of them, of whole batches; one batch at least, and no more rows than there are to train on."""
    monkeypatch.setattr(_feed, "ROWS", 60)
    rows = labelled(103).rows
    row = windows.n_bytes(rows, slice(0, 60)) / 60
    for n_rows, longest in ((0, 10), (5, 10), (21, 20), (45, 40), (61, 60), (1000, 60)):
        feed = _feed.Feed(
            rows, 10, lambda data, rows: data, 0, n_rows=_feed.rows_within(int(7 * n_rows * row), rows, 10)
        )
        assert max(s.stop - s.start for s in feed.slices) == longest
        assert all(s.start % 10 == 0 for s in feed.slices)
    assert _feed.rows_within(1, rows[np.arange(0)], 10) == 60


def test_what_a_thread_finds_stops_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN in a window that is read ahead is an InputError, not a thread that died."""
    monkeypatch.setattr(_feed, "ROWS", 20)
    data = labelled(100)
    data.rows.parts[0].groups["ak4"].values[90] = np.nan
    feed = _feed.Feed(data, 10, lambda data, rows: data, 0)
    found = feed(range(5))
    next(found)
    with pytest.raises(InputError, match="are NaN or infinite"):
        list(found)
