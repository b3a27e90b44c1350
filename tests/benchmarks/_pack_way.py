"""What benchmark `pack` runs in processes of their own.

    python -m tests.benchmarks._pack_way make FOLDER 0      files of one partition, and its account
    python -m tests.benchmarks._pack_way WHAT FOLDER N      pack `rows` or `group` of N such partitions

A partition has 10,000 jets with 0 to 100 constituents of 20 features, 4 kB a jet. All N are one file:
what is in a file makes no difference to what is in memory.
"""

import json
import shutil
import sys
from pathlib import Path

import awkward as ak
import numpy as np

from jetsmith import columns, io
from jetsmith.derivations import of
from jetsmith.features.compute import compute_features
from jetsmith.hashing import SPLITS
from jetsmith.packed.pack import pack_group
from jetsmith.packed.pack_rows import pack_rows
from jetsmith.packed.packing import Packing
from jetsmith.specs.features import ColumnGroup, ColumnSpec
from jetsmith.specs.run import SampleSpec, SplitSpec
from tests.benchmarks._harness import timed

JETS, LONGEST, FEATURES = 10_000, 100, 20
GROUP = ColumnGroup(
    name="charged",
    object="ak4",
    kind="sequence",
    length=LONGEST,
    features={f"x{i}": ColumnSpec(source=f"cpf_x{i}") for i in range(FEATURES)},
)


def make(folder: Path) -> None:
    """Files of stage features of one partition."""
    random = np.random.default_rng(1)
    counts = random.integers(0, LONGEST + 1, JETS)
    rows = {"run": np.ones(JETS, "u4"), "luminosity_block": np.ones(JETS, "u4")}
    rows |= {"event": np.arange(JETS, dtype="u8"), "jet_index": np.zeros(JETS, "i2")}
    rows |= {"weight": np.ones(JETS), "flavour": random.choice([0, 400, 500], JETS).astype("i4")}
    further = [*columns.KINEMATICS["ak4"], *columns.CONTENT["ak4"]]
    rows |= {name: random.random(JETS).astype("f4") for name in further}
    lists = {
        f.source: ak.unflatten(random.random(counts.sum()).astype("f4"), counts)
        for f in GROUP.features.values()
    }
    io.write_rows(folder / "skim.parquet", ak.zip({**rows, **lists}, depth_limit=1))
    for group in (None, GROUP):
        stem = folder / (group.name if group else columns.ROWS)
        compute_features(
            group, of("ak4"), folder / "skim.parquet", f"{stem}.parquet", f"{stem}.json", further
        )


def pack(what: str, folder: Path, n: int) -> None:
    """Pack rows or the group of so many partitions, and say what it took."""
    names = (columns.ROWS, GROUP.name)
    rows, features = ({"bench": [folder / f"{name}.parquet"] * n} for name in names)
    outputs = {split: folder / "packed" / split / what for split in SPLITS}
    packing = Packing("bench", SplitSpec(), 1, (), outputs)
    if what == "group":
        took = timed(lambda: pack_group(packing, GROUP, rows, features))
    else:
        flavours = np.unique(
            np.asarray(io.read_rows(rows["bench"][0], ["flavour"])["flavour"]), return_counts=True
        )
        account = {"normalisation": {"mean_weight": 1.0, "sum_w": 1.0, "how": "bench"}, "event_weight": 1.0}
        account["rows_by_flavour"] = {str(f): int(k) * n for f, k in zip(*flavours, strict=True)}
        io.write_json(folder / "account.json", account)
        lists = columns.KINEMATICS["ak4"], columns.CONTENT["ak4"]
        accounts = {"bench": folder / "account.json"}
        sample = SampleSpec(datasets=("bench",))
        took = timed(lambda: pack_rows(packing, sample, {"bench": "g"}, rows, accounts, *lists))
    shutil.rmtree(folder / "packed")
    print(json.dumps({"rows": n * JETS, **took}))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    else:
        pack(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
