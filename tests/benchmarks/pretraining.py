"""Benchmark `pretraining`: a network on the few jets of a public file, alone and started from the demo's.

5-fold on DeepNtuples (7,199 jets), where JETSMITH_DATA or ../shared/data has them. `alone` and `started` are
one network, of what both files have; `started` begins with the weights of `on_demo`, trained on jets of the
demo.
"""

import os
from pathlib import Path
from typing import Any

from tests.benchmarks import _harness as harness
from tests.benchmarks import _workflow as workflow

SEED = 20261123
FEW = "deepntuples"
N_EVENTS = 32_000
PAIRS = (("started", "alone"), ("started", "deepntuples_bdt"), ("deepntuples_deepsets", "deepntuples_bdt"))
MEASURES = ("auc", "efficiency_1e-1", "efficiency_1e-2")
# The demo has no error of pt and no hadronic fraction, and its track quality has other units.
LACKING = {"charged": ("dptdpt", "quality"), "neutral": ("HadFrac",)}


CLASSES = "b_jets", "light_jets"


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains: of each tagger, then differences on the same jets."""
    data = Path(os.environ.get("JETSMITH_DATA", harness.ROOT.parent / "shared" / "data")).resolve()
    if not (data / "deepntuples").is_dir():
        return {"data": f"no {data}/deepntuples: set JETSMITH_DATA"}
    folder = harness.RESULTS / "pretraining"
    workflow.score(folder, files(data), SEED)
    comparisons = [_comparison(by, *pair) for pair in PAIRS for by in MEASURES]
    found = workflow.compare(folder, FEW, comparisons, SEED, *CLASSES)
    names = [f"{better} over {worse}, {by}" for better, worse in PAIRS for by in MEASURES]
    return {"taggers": _rounded(found["taggers"]), "differences": _numbers(names, found["comparisons"])}


def _comparison(by: str, better: str, worse: str) -> dict[str, Any]:
    of = dict(zip(("signal", "background"), CLASSES, strict=True))
    return {"by": by, "how": "difference", "better": {"name": better, **of}, "worse": {"name": worse, **of}}


def _numbers(names: list[str], found: list[dict[str, float]]) -> dict[str, Any]:
    return {
        name: {key: round(value, 4) for key, value in one.items()}
        for name, one in zip(names, found, strict=True)
    }


def _rounded(taggers: dict[str, Any]) -> dict[str, Any]:
    """Value and half of the 68% interval of each measure."""
    return {
        name: {
            key: value
            for measure in MEASURES
            for key, value in (
                (measure, round(found[measure]["value"], 4)),
                (f"{measure}_error", round((found[measure]["high"] - found[measure]["low"]) / 2, 4)),
            )
        }
        for name, found in taggers.items()
    }


def files(data: Path) -> dict[str, Any]:
    """What the run has beside the checkout's configuration."""
    presets = {group: workflow.shipped(f"features/{group}")["presets"] for group in ("charged", "neutral")}
    network = workflow.shipped("taggers/deepntuples_deepsets")
    network["inputs"] |= {
        group: [name for name in presets[group]["deepntuples"] if name not in left_out]
        for group, left_out in LACKING.items()
    }
    network["architecture"]["dropout"] = 0.4
    network["training"] |= {"epochs": 40, "patience": 10}
    simulated = workflow.shipped("datasets")["ttbar"]
    simulated["simulate"] |= {"n_events": N_EVENTS, "parts": 4}
    taggers = {"on_demo": "jets", "alone": FEW, "started": FEW}
    run = {
        "title": "Pretraining",
        "data_root": str(data),
        "splits": {"train": 0.45, "validation": 0.1, "calibration": 0.4, "test": 0.05},
        "selection": workflow.shipped("real")["selection"],
        "samples": {"jets": {"datasets": ["ttbar"]}, FEW: {"datasets": ["deepntuples_ttbar"], "folds": 5}},
        "taggers": {**taggers, "deepntuples_bdt": FEW, "deepntuples_deepsets": FEW},
        "working_points": {"L": 0.1},
        "calibration": {"allow_few_passing": True},
        "bundles": False,
        "explain": {"enabled": False},
    }
    training = network["training"] | {"epochs": 8, "patience": 8}
    return {
        "config": run,
        "datasets": {"ttbar": simulated},
        "taggers/on_demo": network | {"title": "On the demo's jets", "training": training},
        "taggers/alone": network | {"title": "Alone"},
        "taggers/started": network | {"title": "Started", "start_from": "on_demo"},
    }
