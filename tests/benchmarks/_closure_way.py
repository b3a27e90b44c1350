"""Toys of the closure test in a process of their own: `KIND N FIRST LAST`; a line of JSON, their statuses.

KIND: right, unit (right weights without negative ones), or a key of `gaussians.WRONG`.
"""

import contextlib
import io
import json
import sys
import time

import numpy as np

from jetsmith.reweighting.closure import closure_of
from jetsmith.specs.run import GatesSpec
from tests import gaussians


def main(kind: str, n: int, first: int, last: int) -> None:
    """Run the gates on toys `first` to `last` - 1 of `n` events."""
    began = time.process_time()
    found = []
    for k in range(first, last):
        rng = np.random.default_rng([n, k])
        if kind in gaussians.WRONG:
            events = gaussians.WRONG[kind][1](rng, n)
        else:
            events = gaussians.right(rng, n, signed=kind == "right")
        with contextlib.redirect_stderr(io.StringIO()):
            test = closure_of(events, GatesSpec(), k)
        area = test.auc_after
        found.append(
            {
                "status": test.status,
                "gates": {gate.name: gate.status for gate in test.gates},
                "covers": area is not None and area.low <= 0.5 <= area.high,
            }
        )
    print(json.dumps({"toys": found, "cpu_seconds": time.process_time() - began}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
