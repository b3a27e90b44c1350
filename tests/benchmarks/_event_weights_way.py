"""What benchmark `event_weights` runs in processes of their own; a line of JSON each.

    python -m tests.benchmarks._event_weights_way ours|correctionlib one_point|three_points|shape

Half a million events of six jets, and the made-up files of the tests. `correctionlib` evaluates, for all
jets, each scale factor of each variation at each working point, and each efficiency.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from correctionlib import CorrectionSet

from jetsmith.event_weights import FixedWorkingPoints, Shape
from tests.unit import correction_files

EVENTS, JETS = 500_000, 6
POINTS = {"one_point": ("M",), "three_points": ("L", "M", "T")}
YEARS = ("central", *(f"{way}_{part}" for part in ("correlated", "uncorrelated") for way in ("up", "down")))


def jets() -> dict[str, Any]:
    """What NanoAOD has of jets, as flat arrays."""
    rng, n = np.random.default_rng(1), EVENTS * JETS
    return {
        "pt": (30 + rng.exponential(60, n)).astype(np.float32),
        "eta": rng.uniform(-2.4, 2.4, n).astype(np.float32),
        "flavour": rng.choice([0, 4, 5], n, p=[0.7, 0.1, 0.2]).astype(np.uint8),
        "score": (rng.random(n) ** 2).astype(np.float32),
    }


def ours(kind: str, folder: Path, flat: dict[str, Any]) -> Callable[[], Any]:
    """A call of the helper."""
    given = [ak.unflatten(values, np.full(EVENTS, JETS)) for values in flat.values()]
    if kind == "shape":
        weigh: Any = Shape(folder / "shape.json", "tag", "2018")
    else:
        files = folder / "sf.json", folder / "eff.json"
        weigh = FixedWorkingPoints(*files, "tag", POINTS[kind], "2018")
    return lambda: weigh(*given)


def alone(kind: str, folder: Path, flat: dict[str, Any]) -> Callable[[], Any]:
    """The calls of correctionlib."""
    names = {"sf.json": ("tag_comb", "tag_incl"), "eff.json": ("mc_eff",), "shape.json": ("tag_shape",)}
    found = {
        name: CorrectionSet.from_file(str(folder / file))[name] for file, of in names.items() for name in of
    }
    pt, abseta = flat["pt"].astype(float), np.abs(flat["eta"].astype(float))
    score, flavour = flat["score"].astype(float), flat["flavour"].astype(int)
    heavy = flavour > 0

    def of_points() -> None:
        for name, mask in (("tag_comb", heavy), ("tag_incl", ~heavy)):
            given = flavour[mask], abseta[mask], pt[mask]
            for point in POINTS[kind]:
                for systematic in YEARS:
                    found[name].evaluate(systematic, point, *given)
                found["mc_eff"].evaluate(given[0], point, *given[1:])

    def of_shape() -> None:
        found["tag_shape"].evaluate("central", flavour, abseta, pt, score)
        for source, flavours in correction_files.SHAPE.items():
            mask = np.isin(flavour, flavours)
            for way in ("up", "down") if source != "jes" else ():
                given = flavour[mask], abseta[mask], pt[mask], score[mask]
                found["tag_shape"].evaluate(f"{way}_{source}", *given)

    return of_shape if kind == "shape" else of_points


if __name__ == "__main__":
    way, kind = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = correction_files.all_of(Path(name))
        call = (ours if way == "ours" else alone)(kind, folder, jets())
        began = time.process_time()
        call()
        print(json.dumps({"cpu_seconds": time.process_time() - began}))
