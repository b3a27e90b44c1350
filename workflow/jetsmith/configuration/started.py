"""What a trained network in a folder has learned from: datasets by name, and how events were divided."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jetsmith.specs.run import RunSpec, SampleSpec

LEARNED_FROM = "learned_from"  # of its meta.json, which stage train writes


@dataclass(frozen=True)
class Learned:
    """One sample that a network was trained on, or one that it started from.

    Attributes:
        datasets: Their names.
        divided: Seed and fractions of the splits; empty where the folder does not say.
    """

    datasets: tuple[str, ...]
    divided: Mapping[str, Any]

    def is_divided_as(self, run: RunSpec) -> bool:
        """Whether its splits are those of this run, as far as anything is known of them."""
        return not self.divided or self.divided == divided(run)


def divided(run: RunSpec) -> dict[str, Any]:
    """Seed and fractions of the splits of a run, as folders have them."""
    return {"seed": run.seed, "splits": run.splits.model_dump(mode="json")}


def learned_from(folder: str | Path, samples: Mapping[str, SampleSpec]) -> list[Learned]:
    """All that a network in a folder has learned from; nothing where that is no folder of one.

    Those of earlier versions say the sample alone: then its datasets are those that it has in this run.

    Args:
        folder: Its folder.
        samples: Those of the run.
    """
    try:
        meta, spec = (json.loads((Path(folder) / name).read_text()) for name in ("meta.json", "spec.json"))
        if LEARNED_FROM in meta:
            return [Learned(tuple(one["datasets"]), one["divided"]) for one in meta[LEARNED_FROM]]
        return [Learned(samples[spec["sample"]].datasets, {})] if spec["sample"] in samples else []
    except (OSError, ValueError, KeyError, TypeError):  # start_checks says what is wrong with it
        return []
