"""On a GPU: `files NETWORK FOLDER JETS` writes its input, `resident|streamed NETWORK FOLDER BATCH` trains."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith.classifiers import Labelled, Task
from jetsmith.packed.arrays import FlatGroup, Packed, SequenceGroup
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import TrainingSpec
from tests.benchmarks._training_ways import rows_of, spec_of

VALIDATION, BLOCK = 4096, 65_536
EPOCHS = 3  # the first compiles


def files(network: str, folder: Path, n: int) -> None:
    """Columns as packed, ragged, and the same padded, for the other side."""
    if (folder / network / "made").exists():
        return
    rows = rows_of(spec_of(network), n)
    (folder / network).mkdir(parents=True, exist_ok=True)

    def write(name: str, values: Any) -> None:
        np.save(folder / network / f"{name}.npy", values)

    write("label", rows.parts[0].label)
    for given in rows.inputs:
        group = rows.parts[0].groups[given.group]
        write(f"values.{given.group}", group.values)
        shape = (n, *([given.length] if given.kind == "sequence" else []), len(given.features))
        padded = np.lib.format.open_memmap(
            folder / network / f"padded.{given.group}.npy", "w+", np.float32, shape
        )
        if isinstance(group, SequenceGroup):
            write(f"offsets.{given.group}", group.offsets)
        for first in range(0, n, BLOCK):
            which = slice(first, min(first + BLOCK, n))
            values = rows.batch(which)[given.group]
            if padded.ndim == 3:
                padded[which, : values.shape[1]] = values
            else:
                padded[which] = values
    (folder / network / "made").touch()


def train(network: str, folder: Path, batch: int, streamed: bool) -> dict[str, float]:
    """Whole epochs of `_keras.fit`: rows in order of the seed, from memory maps to the history."""
    from jetsmith.classifiers import _jax, _keras

    spec = spec_of(network).model_copy(
        update={"training": TrainingSpec(batch_size=batch, epochs=EPOCHS), "engine": "jax"}
    )
    groups: dict[str, FlatGroup | SequenceGroup] = {}
    for given in spec.inputs:
        values = np.load(folder / network / f"values.{given.group}.npy", mmap_mode="r")
        names = tuple(f"x{i}" for i in range(values.shape[1]))
        groups[given.group] = FlatGroup(values, names)
        if given.kind == "sequence":
            offsets = np.load(folder / network / f"offsets.{given.group}.npy")
            groups[given.group] = SequenceGroup(values, offsets, names)
    label = np.load(folder / network / "label.npy")
    packed = Packed(groups, label, np.ones(len(label)), {}, ("one",), ("one",))
    if streamed:
        _jax.room = lambda: 0

    def part(mask: Any) -> Labelled:
        rows = Rows.select(spec.inputs, [packed], [mask])
        return Labelled(rows, label[mask], np.ones(len(rows), np.float32))

    first = np.arange(len(label)) < VALIDATION
    with tempfile.TemporaryDirectory() as temporary:
        task = Task(spec, part(~first), part(first), Path(temporary), seed=1, threads=8)
        history = _keras.fit(task)
    seconds = [row["seconds"] for row in history]
    n = (len(label) - VALIDATION) * (EPOCHS - 1)
    return {"jets": n, "seconds": sum(seconds[1:]), "first_epoch_s": seconds[0]}


if __name__ == "__main__":
    what, network, folder, number = sys.argv[1:]
    if what == "files":
        files(network, Path(folder), int(number))
    else:
        print(json.dumps(train(network, Path(folder), int(number), what == "streamed")))
