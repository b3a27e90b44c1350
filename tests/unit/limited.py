"""`python -m tests.unit.limited WHAT FOLDER MEMORY_MB`: work on a set of four times the memory it may take.

That is `ALLOWED_MB` above what the process has once it has worked on a few rows. WHAT is `trees`, a training,
or `windows`, what networks are fed with. MEMORY_MB is what it is told that its job has.
"""

import contextlib
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jetsmith.classifiers import Labelled, Task, _feed, _xgboost
from jetsmith.packed.arrays import FlatGroup, Packed
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import TrainingSpec
from jetsmith.specs.features import Inputs
from tests.unit.packed_jets import make_spec

ROWS, FEATURES = 200_000, 80
ALLOWED_MB = 16  # a quarter of the features, float32
PIECE = 4096  # rows read at once


def write(path: Path) -> None:
    """Random features, float32, of which the first one tells."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 16, (ROWS, FEATURES), np.uint8)
    values[:, 0] += 3 * target().astype(np.uint8)
    np.save(path, values.astype(np.float32))


def target() -> np.ndarray:
    """Classes 0 and 1."""
    return np.random.default_rng(2).integers(0, 2, ROWS).astype(np.int32)


def task(folder: Path, name: str, rows: slice, memory_mb: int) -> Task:
    """Train on some rows, and validate on a few."""
    names = tuple(f"x{i}" for i in range(FEATURES))
    inputs = Inputs(group="ak4", kind="flat", length=0, features=names, sources=("x",))
    spec = make_spec(
        "xgboost", inputs=(inputs,), classes=make_spec("xgboost").classes[:2],
        training=TrainingSpec(epochs=5, learning_rate=0.3), architecture={"max_bin": 16},
    )  # fmt: skip
    values, labels = np.load(folder / "x.npy", mmap_mode="r"), target()

    def labelled(which: slice) -> Labelled:
        groups, label = {"ak4": FlatGroup(values[which], names)}, labels[which]
        packed = Packed(groups, label, np.ones(len(label)), {}, ("first",), ("power",))
        weight = np.ones(len(label), np.float32)
        return Labelled(Rows.select(spec.inputs, [packed]), label, weight)

    (folder / name).mkdir()
    return Task(spec, labelled(rows), labelled(slice(0, 2 * PIECE)), folder / name, 5, 1, memory_mb=memory_mb)


@contextlib.contextmanager
def limited(more_mb: int) -> Iterator[None]:
    """Let this process have so much more memory of its own than now; files that it maps do not count."""
    now = int(Path("/proc/self/status").read_text().partition("VmData:")[2].split()[0]) * 1024
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (now + (more_mb << 20), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)


def trees(folder: Path, memory_mb: int) -> None:
    """Train within the limit, then without one and with bins in memory."""
    big = task(folder, "limited", slice(0, ROWS), memory_mb)
    _xgboost.fit(task(folder, "few", slice(0, 2 * PIECE), 1))  # libraries, threads, and what they keep
    with limited(ALLOWED_MB):
        _xgboost.fit(big)
    _xgboost.fit(task(folder, "free", slice(0, ROWS), 0))


def windows(folder: Path, memory_mb: int) -> None:
    """Read all windows twice, of which those stay that fit a quarter of the memory; all, if it is 0."""
    data = task(folder, "limited", slice(0, ROWS), 0).train

    def read(n: int, room: int) -> list[float]:
        feed = _feed.Feed(data, 1024, lambda window, rows: window, room)
        return [
            float(window["inputs"]["ak4"].sum(dtype=np.float64))
            for _ in range(2)
            for _, window in feed(range(n or len(feed.slices)))
        ]

    read(4, 0)
    with limited(ALLOWED_MB):
        found = read(0, int(memory_mb * 1e6 / 4) if memory_mb else 1 << 30)
    assert found == read(0, 1 << 30)


if __name__ == "__main__":
    _xgboost.CHUNK = _feed.ROWS = PIECE
    {"trees": trees, "windows": windows}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
