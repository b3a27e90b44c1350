"""weaver-core's ParticleNet and ParticleTransformer in training, by the peer's Python: `NETWORK THREADS`.

Of the same sizes and on jets of as many constituents as ours; masks go along, and the transformer cuts off
slots that a batch does not need, as weaver-core has it.
"""

import json
import os
import sys
import time

BATCH, STEPS, LENGTH, WIDTH, CLASSES, MEAN = 64, 3, 100, 17, 10, 50.0


def build(network):
    """A module of constituents (n, F, T) and their mask (n, 1, T)."""
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = [(16, (64,) * 3), (16, (128,) * 3), (16, (256,) * 3)]
            self.net = ParticleNet(WIDTH, CLASSES, sizes, [(256, 0.1)])

        def forward(self, x, mask):
            return self.net(x[:, 1:3].clone(), x.clone(), mask)

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = ParticleTransformer(WIDTH, CLASSES)

        def forward(self, x, mask):
            pt, eta, phi = torch.exp(x[:, :1]), x[:, 1:2], x[:, 2:3]
            momenta = pt * torch.cat([torch.cos(phi), torch.sin(phi), torch.sinh(eta), torch.cosh(eta)], 1)
            return self.net(x, momenta * mask, mask)

    if network == "particlenet":
        from weaver.nn.model.ParticleNet import ParticleNet

        return Net()
    from weaver.nn.model.ParticleTransformer import ParticleTransformer

    return Transformer()


def main(network, threads):
    """Steps of the optimiser on tensors in memory, timed; the first is not."""
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    rng = np.random.default_rng(1)
    n = BATCH * STEPS
    mask = np.arange(LENGTH) < np.minimum(rng.poisson(MEAN, n), LENGTH)[:, None]
    x = rng.standard_normal((n, WIDTH, LENGTH), dtype="f4") * mask[:, None]
    x, mask = torch.from_numpy(x), torch.from_numpy(mask[:, None])
    target = torch.from_numpy(rng.integers(0, CLASSES, n))
    model, entropy = build(network).train(), torch.nn.CrossEntropyLoss()
    adam = torch.optim.Adam(model.parameters(), 1e-3)

    def step(first):
        adam.zero_grad()
        batch = slice(first, first + BATCH)
        loss = entropy(model(x[batch], mask[batch]), target[batch])
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
