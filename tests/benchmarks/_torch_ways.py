"""The networks of `_training_ways` in PyTorch, as users write them: `NETWORK THREADS`, by the peer's Python.

The same layers and sizes; padding is read as constituents are, without masks, which makes it faster.
"""

import json
import os
import sys
import time
from itertools import pairwise

BATCH, STEPS = 1024, 6
SHAPES = {  # group: length (0: flat), features
    "deepjet": {"ak4": (0, 15), "charged": (25, 16), "neutral": (25, 6), "vertices": (4, 12)},
    "dips": {"ak4": (0, 2), "charged": (25, 15)},
}
CLASSES = {"deepjet": 6, "dips": 3}
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

    return {"deepjet": DeepJet, "dips": DeepSets}[network]()


def main(network, threads):
    """Steps of the optimiser on tensors in memory, timed; the first is not."""
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    rng = np.random.default_rng(1)
    n = BATCH * STEPS
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
            model({group: x[first : first + BATCH] for group, x in data.items()}),
            target[first : first + BATCH],
        )
        loss.backward()
        adam.step()
        return loss.item()

    step(0)
    wall, cpu = time.perf_counter(), time.process_time()
    for first in range(0, n, BATCH):
        step(first)
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"jets": n, "seconds": seconds, "cpu_seconds": cpu_seconds}))


if __name__ == "__main__":
    if sys.argv[2] == "1":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    main(sys.argv[1], int(sys.argv[2]))
