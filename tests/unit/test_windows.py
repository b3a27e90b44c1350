"""Protects the windows that networks are fed with: ragged as packed, in any order, kept or read again."""

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


def test_a_budget_holds_what_stays_and_what_is_at_work() -> None:
    """Three times a window that is read, twice each that waits; where that is too much, none waits."""
    for budget, size in ((0, 10), (29, 10), (30, 10), (69, 10), (70, 10), (1000, 10), (1000, 0)):
        room, ahead = _feed.room_of(budget, size)
        assert ahead == (2 if budget >= 70 or not size else 0)
        assert room == max(budget - (3 + 2 * ahead) * size, 0)
    data = labelled(103)
    one = windows.n_bytes(data.rows, slice(0, 103))
    assert _feed.window_bytes(data, 10) == one
    assert _feed.window_bytes(replace(data, constituents=data.rows), 10) == 2 * one


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
