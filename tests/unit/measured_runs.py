"""Measurements of scale factors in made-up scores whose truth is known."""

from pathlib import Path

import awkward as ak
import numpy as np

from jetsmith import io
from jetsmith.hashing import SPLITS
from jetsmith.measuring.corrections import combine_measurements
from jetsmith.measuring.jets import Source
from jetsmith.measuring.stage import measure
from jetsmith.specs.measurements import FitSpec, UncertaintiesSpec
from tests.unit.test_calibration import make_spec

THRESHOLDS = {"L": 0.1, "M": 0.3}
PT = (30.0, 60.0, 120.0)


def write_sample(path: Path, name: str, n: int, seed: int, shift: float = 0.0, labels: bool = True) -> Source:
    """Events of two jets, seven in ten of them b, in all splits; scores of b jets lie lower by `shift`."""
    rng = np.random.default_rng(seed)
    label = rng.choice([500, 400, 0], n, p=[0.7, 0.1, 0.2]).astype("i4")
    logit = rng.normal(size=n) * 1.2 + np.select([label == 500, label == 400], [-0.3 - shift, -2.0], -4.0)
    p = 1 / (1 + np.exp(-logit))
    event = np.repeat(np.arange(n // 2), 2)
    split = np.sort(event % 4)
    table = {
        "run": np.ones(n, "u4"),
        "luminosity_block": np.ones(n, "u4"),
        "event": event.astype("u8"),
        "dataset": np.zeros(n, "i4"),
        "split": split.astype("i1"),
        "label": label if labels else np.full(n, 900, "i4"),
        "weight": np.ones(n),
        "jet_pt_gev": rng.uniform(25, 130, n).astype("f4"),
        "jet_eta": rng.uniform(-2.4, 2.4, n).astype("f4"),
        "scored": np.ones(n, bool),
        "not_tagged": np.zeros(n, bool),
        "p_b_jets": p,
        "p_c_jets": np.zeros(n),
        "p_light_jets": 1 - p,
    }
    scores = path / f"{name}.parquet"
    io.write_rows(scores, ak.zip(table, depth_limit=1), classifier="deepcsv", sample=name)
    return Source(name, scores, path / "packed" / name, SPLITS)


def write_points(path: Path) -> Path:
    """What calibrate found."""
    marks = {"L": "", "M": "few"}
    points = {name: {"threshold": value, "doubt": marks[name]} for name, value in THRESHOLDS.items()}
    io.write_json(
        path / "numbers.json",
        {"judgement": "deepcsv", "working_points": points, "undefined": {"T": "too few jets"}},
    )
    return path / "numbers.json"


def run(path: Path) -> Path:
    """Two measurements of pseudo-data whose b jets score lower, and both together."""
    settings = FitSpec(
        pt_bins_gev=PT,
        tag="M",
        uncertainties=UncertaintiesSpec(samples={"generator": "other"}),
        pseudo_experiments=2,
    )
    for name, seed in (("first", 1), ("second", 11)):
        measure(
            name,
            make_spec(),
            settings,
            {
                f"data_{name}": write_sample(path, f"data_{name}", 40_000, seed, 0.4),
                f"simulation_{name}": write_sample(path, f"simulation_{name}", 40_000, seed + 1),
                "other": write_sample(path, "other", 20_000, 3, 0.1),
            },
            f"data_{name}",
            f"simulation_{name}",
            {"generator": "other"},
            True,
            write_points(path),
            7,
            path / f"{name}.json",
            path / f"{name}.workspaces",
        )
    each = {name: path / f"{name}.json" for name in ("first", "second")}
    combine_measurements("deepcsv", each, 2.5, path / "correction.json", path / "combination.json")
    return path
