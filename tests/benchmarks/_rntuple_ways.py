"""A NanoAOD-like file of 2,451 branches as TTree or RNTuple, and the stages that benchmark `rntuple` times.

    python -m tests.benchmarks._rntuple_ways make PATH KIND EVENTS    KIND: tree, ntuple
    python -m tests.benchmarks._rntuple_ways run PATH WARM            inspect and skim, warm from a small file

`run` waits for a line on its standard input before it is timed; what it took is the JSON in its last line.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from jetsmith.io import atomic_file
from jetsmith.skimming import inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import mock
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec
from tests.benchmarks._harness import timed

CLUSTER = 2_000  # events
TRIGGERS, COLLECTIONS, MEMBERS = 1_921, 25, 20  # with what `mock.events` has: 2,451 branches that can be read
SPEC = DatasetSpec(object="ak4", process="bench", files=("bench.root",))


def make(path: str, kind: str, events: int) -> None:
    """Write the file; both kinds hold the same."""
    with atomic_file(path) as temporary, uproot.recreate(temporary, compression=uproot.ZSTD(1)) as file:
        for first in range(0, events, CLUSTER):
            table = _cluster(first, min(CLUSTER, events - first))
            if not first and kind == "tree":
                types = {k: v.dtype if isinstance(v, np.ndarray) else v.type for k, v in table.items()}
                file.mktree("Events", types).extend(table)
            elif not first:
                file.mkrntuple("Events", table)
            else:
                file["Events"].extend(table)


def _cluster(first: int, n: int) -> dict[str, Any]:
    rng = np.random.default_rng(first)
    table = mock.events(n, seed=first, with_candidates=False, first_event=first)
    for i in range(TRIGGERS):
        table[f"HLT_path{i:04d}"] = rng.uniform(size=n) < 0.01
    for i in range(COLLECTIONS):
        counts = rng.poisson(2, n)
        members = rng.normal(size=(MEMBERS, counts.sum())).astype(np.float32)
        table[f"Other{i:02d}"] = ak.zip(
            {f"x{j:02d}": ak.unflatten(content, counts) for j, content in enumerate(members)}
        )
    return table


def stages(path: str, folder: Path) -> dict[str, dict[str, float]]:
    """What inspect and skim of one file take, in one partition."""
    plan = folder / "inspect.json"
    made = [folder / name for name in ("rows.parquet", "report.json", "identity.parquet")]
    return {
        "inspect": timed(lambda: inspection.inspect_dataset("b", SPEC, [path], 1, PartitionSpec(), plan)),
        "skim": timed(lambda: skim.skim_partition("b", SPEC, SelectionSpec(), SkimSpec(), plan, 0, *made)),
    }


def main(arguments: list[str]) -> None:
    """The command line of the docstring above."""
    if arguments[0] == "make":
        make(arguments[1], arguments[2], int(arguments[3]))
        return
    with tempfile.TemporaryDirectory(prefix="jetsmith-rntuple-") as name:
        stages(arguments[2], Path(name))
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(stages(arguments[1], Path(name))))


if __name__ == "__main__":
    main(sys.argv[1:])
