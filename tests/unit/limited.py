"""`python -m tests.unit.limited WHAT FOLDER MEMORY_MB`: train on a set of four times the memory it may take.

That is `ALLOWED_MB` above what the process has once it has trained on a few rows. WHAT is `trees` or
`network`, or `scores`: a network is applied, by windows as long as they fit. MEMORY_MB is what it is told
that its job has, or may take for windows to score.
"""

import contextlib
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith.classifiers import Labelled, Task, _feed, _keras, _scaler, _xgboost
from jetsmith.packed import rows as packed_rows
from jetsmith.packed import windows
from jetsmith.packed.arrays import FlatGroup, Packed
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import TrainingSpec
from jetsmith.specs.features import Inputs
from tests.unit.packed_jets import make_spec

FEATURES = 80
ALLOWED_MB = {"trees": 16, "network": 40}  # a quarter of the features, float32
ROWS = {what: allowed * 4_000_000 // (4 * FEATURES) for what, allowed in ALLOWED_MB.items()}
PIECE = 4096  # rows read at once
RECIPES: dict[str, dict[str, Any]] = {
    "trees": {
        "backend": "xgboost", "architecture": {"max_bin": 16},
        "training": TrainingSpec(epochs=5, learning_rate=0.3),
    },
    "network": {
        "backend": "keras", "model": "dense", "architecture": {"dense": [8]},
        "training": TrainingSpec(epochs=1, learning_rate=0.01),
    },
}  # fmt: skip
MODELS = {"trees": "model.json", "network": "model.keras"}


def write(path: Path, what: str) -> None:
    """Random features, float32, of which the first one tells."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 16, (ROWS[what], FEATURES), np.uint8)
    values[:, 0] += 3 * target(ROWS[what]).astype(np.uint8)
    np.save(path, values.astype(np.float32))


def target(n: int) -> np.ndarray:
    """Classes 0 and 1."""
    return np.random.default_rng(2).integers(0, 2, n).astype(np.int32)


def task(folder: Path, name: str, what: str, rows: slice, memory_mb: int) -> Task:
    """Train on some rows, and validate on a few."""
    names = tuple(f"x{i}" for i in range(FEATURES))
    inputs = Inputs(group="ak4", kind="flat", length=0, features=names, sources=("x",))
    spec = make_spec(inputs=(inputs,), classes=make_spec("xgboost").classes[:2], **RECIPES[what])
    values, labels = np.load(folder / "x.npy", mmap_mode="r"), target(ROWS[what])

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


def train(folder: Path, what: str, memory_mb: int) -> None:
    """Within the limit, then without one and with all in memory."""
    fit = {"trees": _xgboost.fit, "network": _keras.fit}[what]
    big = task(folder, "limited", what, slice(0, ROWS[what]), memory_mb)
    fit(task(folder, "few", what, slice(0, 2 * PIECE), 1))  # libraries, threads, and what they keep
    with limited(ALLOWED_MB[what]):
        fit(big)
    fit(task(folder, "free", what, slice(0, ROWS[what]), 0))


def score(folder: Path, memory_mb: int) -> None:
    """Within the limit, then without one and by one window of all rows."""
    n_rows = ROWS["network"]
    few, many = (task(folder, f"{n}", "network", slice(0, n), 1) for n in (2 * PIECE, n_rows))
    _keras.fit(few)
    _keras.predict(few.spec, few.folder, few.train.rows, 1)  # libraries, threads, and what they keep
    _feed.ROWS = n_rows
    before, _keras.PREDICT_BYTES = _keras.PREDICT_BYTES, memory_mb << 20
    with limited(ALLOWED_MB["network"]):
        found = _keras.predict(few.spec, few.folder, many.train.rows, 1)
    np.save(folder / "limited.npy", found)
    _keras.PREDICT_BYTES = before
    np.save(folder / "free.npy", _keras.predict(few.spec, few.folder, many.train.rows, 1))


if __name__ == "__main__":
    _xgboost.CHUNK = _scaler.CHUNK = packed_rows.CHUNK = windows.PIECE = _feed.ROWS = PIECE
    _scaler.SAMPLE_ROWS = 2 * PIECE
    if sys.argv[1] == "scores":
        score(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        train(Path(sys.argv[2]), sys.argv[1], int(sys.argv[3]))
