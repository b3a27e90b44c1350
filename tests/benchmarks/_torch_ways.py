"""The networks of `_training_ways` in PyTorch, as users write them, by the peer's Python.

`NETWORK THREADS` on a CPU; `NETWORK FOLDER BATCH loader|resident` on a GPU, from padded files (`_gpu_ways`).

The same layers and sizes; padding is read as constituents are, without masks, which makes it faster.
"""

import json
import os
import sys
import time
from itertools import pairwise

BATCH, STEPS = 1024, 6
BATCHES = {"deepak8": 256}
WARM = 5  # steps that are not timed, on a GPU
SHAPES = {  # group: length (0: flat), features
    "deepjet": {"ak4": (0, 15), "charged": (25, 16), "neutral": (25, 6), "vertices": (4, 12)},
    "dips": {"ak4": (0, 2), "charged": (25, 15)},
    "deepak8": {"candidates": (100, 42), "secondary": (10, 15)},
}
CLASSES = {"deepjet": 6, "dips": 3, "deepak8": 17}
STAGES = {"candidates": (32, 64, 64, 128), "secondary": (32, 32, 64)}
CONVOLUTIONS = {"charged": (64, 32, 32, 8), "neutral": (32, 16, 4), "vertices": (64, 32, 32, 8)}
RECURRENT = {"charged": 150, "neutral": 50, "vertices": 50}


def build(network):
    """A module that takes a dictionary by group, flat (n, F) and sequences (n, T, F)."""
    import torch
    from torch import nn

    def dense(widths, dropout=0.1):
        return [
            layer
            for a, b in pairwise(widths)
            for layer in (nn.Linear(a, b), nn.ReLU(), nn.BatchNorm1d(b), nn.Dropout(dropout))
        ]

    class DeepJet(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.convolutions, self.recurrent, self.after = (nn.ModuleDict() for _ in range(4))
            total = 0
            for group, (length, width) in SHAPES[network].items():
                self.norm[group] = nn.BatchNorm1d(width)
                if not length:
                    total += width
                    continue
                layers, sizes = [], (width, *CONVOLUTIONS[group])
                for i, (a, b) in enumerate(pairwise(sizes)):
                    layers += [nn.Conv1d(a, b, 1), nn.ReLU()]
                    if i < len(sizes) - 2:
                        layers += [nn.BatchNorm1d(b), nn.Dropout(0.1)]
                units = RECURRENT[group]
                self.convolutions[group] = nn.Sequential(*layers)
                self.recurrent[group] = nn.LSTM(sizes[-1], units, batch_first=True)
                self.after[group] = nn.Sequential(nn.BatchNorm1d(units), nn.Dropout(0.1))
                total += units
            widths = (total, 200, *(100,) * 7)
            self.head = nn.Sequential(*dense(widths), nn.Linear(100, CLASSES[network]))

        def forward(self, batch):
            found = []
            for group, x in batch.items():
                if x.ndim == 2:
                    found.append(self.norm[group](x))
                    continue
                x = self.convolutions[group](self.norm[group](x.transpose(1, 2)))
                x = self.recurrent[group](x.transpose(1, 2).flip(1))[0][:, -1]
                found.append(self.after[group](x))
            return self.head(torch.cat(found, 1))

    class DeepSets(nn.Module):
        def __init__(self):
            super().__init__()
            width = SHAPES[network]["charged"][1]
            sizes = (width, 100, 100, 128)
            self.constituent = nn.Sequential(
                *(
                    layer
                    for a, b in pairwise(sizes)
                    for layer in (nn.Conv1d(a, b, 1), nn.BatchNorm1d(b), nn.ReLU())
                )
            )
            widths = (128 + SHAPES[network]["ak4"][1], 100, 100, 100, 30)
            self.jet = nn.Sequential(*dense(widths), nn.Linear(30, CLASSES[network]))

        def forward(self, batch):
            summed = self.constituent(batch["charged"].transpose(1, 2)).sum(2)
            return self.jet(torch.cat([batch["ak4"], summed], 1))

    class Unit(nn.Module):
        def __init__(self, a, b, stride, widens):
            super().__init__()
            self.seen = nn.Sequential(nn.BatchNorm1d(a), nn.ReLU())
            self.convolved = nn.Sequential(
                nn.Conv1d(a, b, 3, stride, 1, bias=False), nn.BatchNorm1d(b), nn.ReLU(),
                nn.Conv1d(b, b, 3, 1, 1, bias=False),
            )  # fmt: skip
            self.shortcut = nn.Conv1d(a, b, 1, stride, bias=False) if widens else None

        def forward(self, x):
            seen = self.seen(x)
            return (x if self.shortcut is None else self.shortcut(seen)) + self.convolved(seen)

    class PCNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.branches, total = nn.ModuleDict(), 0
            for group, (_, width) in SHAPES[network].items():
                first, *stages = STAGES[group]
                layers = [nn.BatchNorm1d(width), nn.Conv1d(width, first, 3, 1, 1, bias=False)]
                for stage, (a, b) in enumerate(pairwise((first, *stages))):
                    layers += [Unit(a, b, 2 if stage else 1, True), Unit(b, b, 1, False)]
                self.branches[group] = nn.Sequential(*layers, nn.BatchNorm1d(stages[-1]), nn.ReLU())
                total += stages[-1]
            self.head = nn.Sequential(
                nn.Linear(total, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, CLASSES[network])
            )

        def forward(self, batch):
            found = [self.branches[group](x.transpose(1, 2)).mean(2) for group, x in batch.items()]
            return self.head(torch.cat(found, 1))

    return {"deepjet": DeepJet, "dips": DeepSets, "deepak8": PCNN}[network]()


def main(network, threads):
    """Steps of the optimiser on tensors in memory, timed; the first is not."""
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    rng = np.random.default_rng(1)
    size = BATCHES.get(network, BATCH)
    n = size * STEPS
    data = {
        group: torch.from_numpy(rng.standard_normal((n, *filter(None, shape)), dtype="f4"))
        for group, shape in SHAPES[network].items()
    }
    target = torch.from_numpy(rng.integers(0, CLASSES[network], n))
    model, entropy = build(network).train(), torch.nn.CrossEntropyLoss()
    adam = torch.optim.Adam(model.parameters(), 1e-3)

    def step(first):
        adam.zero_grad()
        loss = entropy(
            model({group: x[first : first + size] for group, x in data.items()}),
            target[first : first + size],
        )
        loss.backward()
        adam.step()
        return loss.item()

    step(0)
    wall, cpu = time.perf_counter(), time.process_time()
    for first in range(0, n, size):
        step(first)
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"jets": n, "seconds": seconds, "cpu_seconds": cpu_seconds}))


def on_gpu(network, folder, batch, way):
    """Batches of padded arrays: by a loader with 8 workers that hand over single jets, or gathered there.

    The loader is weaver-core's (0.5.3): the worker's part of the table in memory, jets one by one in random
    order, default collation, pinned memory, the loss read at each step.
    """
    from pathlib import Path

    import numpy as np
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")  # TF32
    read = lambda name: np.load(Path(folder) / network / f"{name}.npy", mmap_mode="r")  # noqa: E731
    arrays = {group: read(f"padded.{group}") for group in SHAPES[network]}
    label = np.asarray(read("label"), np.int64)

    class Jets(torch.utils.data.IterableDataset):
        def __iter__(self):
            info = torch.utils.data.get_worker_info()
            table = {group: values[info.id :: info.num_workers] for group, values in arrays.items()}
            mine = label[info.id :: info.num_workers]
            for i in np.random.default_rng(info.id).permutation(len(mine)):
                yield {group: values[i] for group, values in table.items()}, mine[i]

    model, entropy = build(network).train().to(device), torch.nn.CrossEntropyLoss()
    adam = torch.optim.Adam(model.parameters(), 1e-3)

    def batches():
        if way == "loader":
            loader = torch.utils.data.DataLoader(
                Jets(), batch, num_workers=8, pin_memory=device == "cuda", drop_last=True
            )
            for data, target in loader:
                yield {g: x.to(device, non_blocking=True) for g, x in data.items()}, target.to(device)
        else:
            data = {group: torch.from_numpy(np.array(values)).to(device) for group, values in arrays.items()}
            target = torch.from_numpy(label).to(device)
            while True:
                which = torch.randint(0, len(label), (batch,), device=device)
                yield {group: x[which] for group, x in data.items()}, target[which]

    n, start = 0, 0.0
    for step, (data, target) in enumerate(batches()):
        if step == WARM:
            start = time.perf_counter()
        adam.zero_grad()
        loss = entropy(model(data), target)
        loss.backward()
        adam.step()
        loss.item()
        n += len(target) if step >= WARM else 0
        if step >= WARM + (200 if batch < 5000 else 60):
            break
    print(json.dumps({"jets": n, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    if len(sys.argv) > 3:
        on_gpu(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
        sys.exit()
    if sys.argv[2] == "1":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    main(sys.argv[1], int(sys.argv[2]))
