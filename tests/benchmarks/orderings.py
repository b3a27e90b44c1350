"""Benchmark `orderings`: the whole family of AK4 taggers on the same simulated tt jets, in five seeds.

Each seed is a run of the workflow of its own: other events, other splits, other starts of the trainings. The
settings are those of `config/taggers/`, but for `EPOCHS`, tuned on the first two seeds at most.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks import _harness as harness
from tests.benchmarks import _workflow as workflow

SEEDS = (1, 2, 3, 4, 5)
N_EVENTS = 40_000
SAMPLE = "jets"
STAGE = ("jobs", "seconds", "cpu_seconds", "peak_rss_mb")
ALONE = "transformer_alone"
# What DeepCSV has beside CSVv2 is depth and inputs: one of both each.
DEEP, SHALLOW = "csvv2_inputs_deep", "deepcsv_inputs_shallow"
EPOCHS = {"deepjet": 16}  # the demo trains it shorter, for time's sake
TAGGERS = (
    *("jp", "jbp", "track_counting", "soft_muon", "soft_electron", "csvv2", "cmva"),
    *("ctag_cvsl", "ctag_cvsb", "mv2", "dl1", "rnnip", "dl1r", "deepcsv", "deepcsv_phase0"),
    *("deepjet", "dense_700", "dense_65", "dips", "transformer", ALONE, DEEP, SHALLOW),
)


class Ordering(NamedTuple):
    """What is expected of two taggers.

    Attributes:
        better, worse: Their names.
        by: auc, or efficiency_1e-3 at a light mistag of 0.1%.
        least: The least ratio of both, or, of areas, the least difference.
        signal, background: Truth that judges both.
        as_if: The discriminant of the worse one, where it is not its own.
    """

    better: str
    worse: str
    by: str = "auc"
    least: float = 0.0
    signal: str = "b_jets"
    background: str = "light_jets"
    as_if: Mapping[str, Any] | None = None

    @property
    def how(self) -> str:
        """Areas are compared by their difference, efficiencies by their ratio."""
        return "difference" if self.by == "auc" else "ratio"

    @property
    def name(self) -> str:
        """A line of the table."""
        truth = "" if self.background == "light_jets" and self.signal == "b_jets" else f", {self.background}"
        return f"{self.better} over {self.worse}, {self.by}{truth}"

    def comparison(self) -> dict[str, Any]:
        """What `_orderings_way` is asked."""
        sides = {
            side: {"name": name, "signal": self.signal, "background": self.background, "of": of}
            for side, name, of in (("better", self.better, None), ("worse", self.worse, self.as_if))
        }
        return {"by": self.by, "how": self.how, **sides}


def _c_against(background: Sequence[str]) -> dict[str, Any]:
    return {"signal": ["c"], "background": dict.fromkeys(background, 1.0)}


TIGHT = "efficiency_1e-3"
ORDERINGS = (
    *(Ordering("cmva", one) for one in ("csvv2", "jp", "jbp", "soft_muon", "soft_electron")),
    Ordering("deepcsv", "csvv2", TIGHT, 1.15),
    *(Ordering(one, "csvv2", TIGHT, 1.0) for one in (DEEP, SHALLOW)),
    Ordering("deepjet", "deepcsv", TIGHT, 1.10),
    *(Ordering("deepjet", one) for one in ("dense_700", "dense_65")),
    *(Ordering("deepjet", one, TIGHT, 1.0) for one in ("dense_700", "dense_65")),
    Ordering("transformer", "deepjet"),
    Ordering("transformer", ALONE),
    Ordering("dl1r", "dl1"),
    Ordering("dl1", "mv2"),
    Ordering("dips", "rnnip"),
    Ordering("ctag_cvsl", "deepcsv", signal="c_jets", as_if=_c_against(["udsg"])),
    Ordering(
        "ctag_cvsb",
        "deepcsv",
        signal="c_jets",
        background="b_jets",
        as_if=_c_against(["b_or_lepb", "bb"]),
    ),
)


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains: of each ordering, then of each tagger."""
    return summary({seed: _of(seed) for seed in SEEDS[: harness.rounds(len(SEEDS))]})


def _of(seed: int) -> dict[str, Any]:
    """One run of the workflow, up to the scores."""
    folder = harness.RESULTS / "orderings" / str(seed)
    workflow.score(folder, files(), seed)
    comparisons = [ordering.comparison() for ordering in ORDERINGS]
    found = workflow.compare(folder, SAMPLE, comparisons, seed, "b_jets", "light_jets")
    found |= {"stages": stages(folder / "benchmarks")}
    print(f"  seed {seed}: {json.dumps(found)}", file=sys.stderr, flush=True)
    return found


def stages(folder: Path) -> dict[str, dict[str, float]]:
    """What the jobs of each rule took, from what Snakemake writes of each: sums, and the largest memory."""
    found: dict[str, dict[str, float]] = {}
    for path in sorted(folder.glob("*/**/*.tsv")):
        names, values = (line.split("\t") for line in path.read_text().splitlines()[:2])
        took = dict(zip(names, values, strict=True))
        of = found.setdefault(path.relative_to(folder).parts[0], dict.fromkeys(STAGE, 0.0))
        of["jobs"] += 1
        of["seconds"] += float(took["s"])
        of["cpu_seconds"] += float(took["cpu_time"])
        of["peak_rss_mb"] = max(of["peak_rss_mb"], float(took["max_rss"]))
    return found


def files() -> dict[str, Any]:
    """What a run has beside the checkout's configuration."""
    wanted = {key: workflow.shipped("config")[key] for key in ("selection", "working_points", "calibration")}
    wanted |= {
        "title": "The family of AK4 taggers",
        "splits": {"train": 0.5, "validation": 0.1, "calibration": 0.05, "test": 0.35},
        "samples": {SAMPLE: {"datasets": ["ttbar"]}},
        "taggers": dict.fromkeys(TAGGERS, SAMPLE),
        "stack_folds": 2,
        "bundles": False,
        "explain": {"enabled": False},
    }
    simulated = workflow.shipped("datasets")["ttbar"]
    simulated["simulate"] |= {"n_events": N_EVENTS, "parts": 4}
    alone = workflow.shipped("taggers/transformer")
    alone["losses"] = {name: loss for name, loss in alone["losses"].items() if name == "classes"}
    del alone["side"]
    alone["title"] += ", without its auxiliary heads"
    found = {"config": wanted, "datasets": {"ttbar": simulated}, f"taggers/{ALONE}": alone}
    few, deep, shallow = (workflow.shipped(f"taggers/{name}") for name in ("csvv2", "deepcsv", "deepcsv"))
    deep |= {"inputs": few["inputs"], "title": "CSVv2's inputs in DeepCSV's network"}
    shallow |= {"title": "DeepCSV's inputs in one layer"}
    shallow["architecture"]["dense"] = few["architecture"]["dense"]
    found |= {f"taggers/{DEEP}": deep, f"taggers/{SHALLOW}": shallow}
    for name, epochs in EPOCHS.items():
        longer = workflow.shipped(f"taggers/{name}")
        longer["training"] |= {"epochs": epochs, "patience": epochs}
        found[f"taggers/{name}"] = longer
    return found


def summary(found: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """Means over the seeds with their standard errors, which hold what trainings and events change.

    Args:
        found: What `_orderings_way` says, by seed.
    """
    orderings: dict[str, Any] = {}
    for place, ordering in enumerate(ORDERINGS):
        each = [seed["comparisons"][place] for seed in found.values()]
        orderings[ordering.name] = {
            **dict(_mean([one["value"] for one in each])),
            "wanted": ordering.least,
            "seeds": len(each),
            "as_wanted": sum(one["value"] >= ordering.least for one in each),
            "interval_above": sum(one["low"] >= ordering.least for one in each),
            "interval_below": sum(one["high"] < ordering.least for one in each),
            "by_seed": ", ".join(f"{one['value']:.4f} [{one['low']:.4f}, {one['high']:.4f}]" for one in each),
        }
    taggers = {
        name: {
            field: value
            for key in next(iter(found.values()))["taggers"][name]
            for field, value in _mean([seed["taggers"][name][key]["value"] for seed in found.values()], key)
        }
        for name in TAGGERS
    }
    took = {
        rule: {
            key: round(statistics.mean(seed["stages"][rule][key] for seed in found.values())) for key in STAGE
        }
        for rule in next(iter(found.values()))["stages"]
    }
    return {"orderings": orderings, "taggers": taggers, "stages": took}


def _mean(values: Sequence[float], name: str = "mean") -> list[tuple[str, float]]:
    """Mean, and its standard error where there are several."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return [(name, round(statistics.mean(values), 5)), (f"{name}_error", round(error, 5))]
