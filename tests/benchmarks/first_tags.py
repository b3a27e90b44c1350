"""Benchmark `first_tags`: double-b against the tagger of AK4 jets, asked of the large jet and of its subjets.

Each seed is two runs of the workflow, with other events and other trainings: CSVv2 of the demo's AK4 jets,
and large jets flat in pt, whose taggers are `double_b` and two by the bundle of the first run.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks import _harness as harness
from tests.benchmarks import _workflow as workflow
from tests.benchmarks.boosted import SIGNAL, Ratio

SCALE = 0.25  # of the events of config/boosted.yaml
SEEDS = (1, 2, 3)
SAMPLE, SMALL, MADE_FOR_IT = "flat", "csvv2", "double_b"
FIRST = ("fatjet_csv", "subjet_csv")
RATIOS = tuple(
    Ratio(name, MADE_FOR_IT, at, background, 1.0)
    for name in FIRST
    for background in ("qcd", "qcd_bb")
    for at in ("5e-1", "3e-1")
)


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    seeds = SEEDS[: harness.rounds(len(SEEDS))]
    each = {seed: _of(seed) for seed in seeds}
    return {
        "ratios": {
            ratio.name: {f"seed {seed}": _ends(one["comparisons"][k]) for seed, one in each.items()}
            for k, ratio in enumerate(RATIOS)
        },
        "areas": {
            name: {f"seed {seed}": _ends(one["taggers"][name]["auc"], 4) for seed, one in each.items()}
            for name in (MADE_FOR_IT, *FIRST)
        },
        "test_jets": {f"seed {seed}": one["test_jets"] for seed, one in each.items()},
    }


def _of(seed: int) -> dict[str, Any]:
    bundle = small_jets(harness.RESULTS / "first_tags" / f"{seed}_small", seed)
    folder = harness.RESULTS / "first_tags" / str(seed)
    workflow.score(folder, files(bundle), seed)
    asked = [ratio.comparison() for ratio in RATIOS]
    found: dict[str, Any] = workflow.compare(folder, SAMPLE, asked, seed, SIGNAL, "qcd")
    print(f"  seed {seed}: {json.dumps(found)}", file=sys.stderr, flush=True)
    return found


def _ends(of: Mapping[str, float], digits: int = 2) -> str:
    return f"{of['value']:.{digits}f} [{of['low']:.{digits}f}, {of['high']:.{digits}f}]"


def small_jets(folder: Path, seed: int) -> dict[str, str]:
    """A bundle of the tagger of AK4 jets, trained on those of the demo: where it is, and its checksum."""
    bundle = f"results/bundles/{SMALL}"
    workflow.score(folder, {"config": small()}, seed, [bundle])
    digest = hashlib.sha256((folder / bundle / "SHA256SUMS").read_bytes()).hexdigest()
    return {"bundle": str(folder / bundle), "sha256": digest}


def small() -> dict[str, Any]:
    """The run of AK4 jets."""
    shipped = workflow.shipped("config")
    return {key: shipped[key] for key in ("selection", "splits")} | {
        "title": "Small jets",
        "samples": {"jets": shipped["samples"]["jets"]},
        "taggers": {SMALL: "jets"},
        "working_points": {"M": 0.01},
        "calibration": {"allow_few_passing": True},
    }


def files(bundle: Mapping[str, str]) -> dict[str, Any]:
    """What the run of large jets has beside the checkout's configuration; `bundle`: see `small_jets`."""
    shipped = workflow.shipped("boosted")
    datasets = ["higgs_bb_flat", "qcd_flat", "qcd_flat_bb"]
    found: dict[str, Any] = {
        "config": {key: shipped[key] for key in ("selection", "working_points", "calibration")}
        | {
            "title": "First tags of large jets",
            "simulation_scale": SCALE,
            "splits": {"train": 0.45, "validation": 0.1, "calibration": 0.1, "test": 0.35},
            "samples": {SAMPLE: {"datasets": datasets, "normalise": "flat"}},
            "taggers": dict.fromkeys((MADE_FOR_IT, *FIRST), SAMPLE),
            "bundles": False,
            "explain": {"enabled": False},
        }
    }
    for name in FIRST:
        tagger = workflow.shipped(f"taggers/{name}")
        tagger["architecture"] |= bundle
        found[f"taggers/{name}"] = tagger
    return found
