"""Regions for corrections of a shape, in made-up scores whose true scale factors are known."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from jetsmith import io
from jetsmith.hashing import SPLITS
from jetsmith.measuring.jets import Source
from jetsmith.measuring.shape import Region, measure_shape
from jetsmith.specs.shapes import RegionCuts, UnfoldSpec
from tests.unit.measured_runs import write_points
from tests.unit.test_calibration import make_spec

EDGES = (0.0, 0.25, 0.5, 0.75, 1.0)
SIMULATED = {  # of b, light and c jets in five bins, the first one of jets that are not tagged
    500: np.array([0.02, 0.08, 0.15, 0.25, 0.5]),
    0: np.array([0.15, 0.5, 0.2, 0.1, 0.05]),
    400: np.array([0.05, 0.3, 0.3, 0.2, 0.15]),
}
FACTORS = {
    500: np.array([1.3, 1.2, 1.1, 1.05, 0.9]),
    0: np.array([0.8, 0.95, 1.1, 1.2, 1.3]),
    400: np.ones(5),
}
SHARES = {"heavy": [0.75, 0.2, 0.05], "light": [0.06, 0.88, 0.06]}
PT = (30.0, 60.0, 120.0)
ABSETA = (0.0, 1.2, 2.4)


def data_shares(label: int) -> Any:
    """The bins of a flavour in data, and so its true factors, which keep the number of jets."""
    found = SIMULATED[label] * FACTORS[label]
    return found / found.sum()


def write_region(
    path: Path, region: str, kind: str, n: int, seed: int, sign: float = 1.0, light: float = 1.0
) -> Source:
    """Events of two jets; `kind` is `data` or `simulation`, of which data have the true factors.

    A twentieth has weights of the given sign, and light jets another weight.
    """
    rng = np.random.default_rng(seed)
    label = rng.choice([500, 0, 400], n, p=SHARES[region]).astype("i4")
    bin_ = np.zeros(n, int)
    for flavour, simulated in SIMULATED.items():
        here = label == flavour
        shares = data_shares(flavour) if kind == "data" else simulated
        bin_[here] = rng.choice(5, here.sum(), p=shares)
    label[(label == 0) & (rng.random(n) < 0.1)] = 999  # of pile-up
    weight = np.where(label == 0, light, 1.0)
    p = np.where(bin_ == 0, np.nan, (bin_ - 1 + rng.uniform(0.001, 0.999, n)) / 4)
    event = np.repeat(np.arange(n // 2), 2)
    name = f"{region}_{kind}"
    table = {
        "run": np.ones(n, "u4"),
        "luminosity_block": np.ones(n, "u4"),
        "event": event.astype("u8"),
        "dataset": np.zeros(n, "i4"),
        "split": np.sort(event % 4).astype("i1"),
        "label": label,
        "weight": np.where(rng.random(n) < 0.05, sign, 1.0) * weight,
        "jet_pt_gev": rng.uniform(29, 121, n).astype("f4"),
        "jet_eta": rng.uniform(-2.4, 2.4, n).astype("f4"),
        "scored": np.ones(n, bool),
        "not_tagged": bin_ == 0,
        "p_b_jets": p,
        "p_c_jets": np.where(bin_ == 0, np.nan, 0.0),
        "p_light_jets": 1 - p,
    }
    scores = path / f"{name}.parquet"
    io.write_rows(scores, ak.zip(table, depth_limit=1), classifier="deepcsv", sample=name)
    return Source(name, scores, path / "packed" / name, SPLITS)


def cuts(**more: Any) -> RegionCuts:
    """Of a region, all of whose bins are filled in."""
    given: dict[str, Any] = {"pt_bins_gev": PT, "abseta_bins": (0.0, 2.4), "discriminant_bins": EDGES}
    return RegionCuts(**(given | more))


def regions(
    heavy: Mapping[str, Any] | None = None, light: Mapping[str, Any] | None = None
) -> tuple[Region, Region]:
    """Both, the light one in two bins of |eta|."""
    return (
        Region("heavy_data", "heavy_simulation", cuts(**(heavy or {}))),
        Region("light_data", "light_simulation", cuts(**({"abseta_bins": ABSETA} | dict(light or {})))),
    )


def write_samples(path: Path, n: int) -> dict[str, Source]:
    """Data and simulation of both regions."""
    return {
        f"{region}_{kind}": write_region(path, region, kind, n, 10 * place + (kind == "data"))
        for place, region in enumerate(SHARES, start=1)
        for kind in ("data", "simulation")
    }


def run(path: Path, n: int = 60_000, **more: Any) -> Path:
    """Shapes of made-up pseudo-data."""
    given: dict[str, Any] = {
        "spec": make_spec(),
        "settings": UnfoldSpec(pseudo_experiments=3),
        "regions": regions(heavy={"tag": "L"}),
        "samples": {} if "samples" in more else write_samples(path, n),
        "is_pseudo": True,
        "numbers": write_points(path),
        "seed": 7,
        "output": path / "shape.json",
        "corrections": path / "shape.correction.json",
    }
    measure_shape(**(given | more))
    return path
