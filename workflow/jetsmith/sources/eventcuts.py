"""What all layouts do with events: their weights, certified luminosity blocks, triggers, leptons."""

import json
from collections.abc import Mapping
from functools import lru_cache
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import awkward as ak
import numpy as np

from jetsmith.certified import read_certified
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray
from jetsmith.sources import leptons
from jetsmith.sources.flat import Cutflow, single, whole
from jetsmith.sources.relative import factors
from jetsmith.specs.datasets import ReadingSpec

# Both are the weight of the event; the second is stored with 14 bits. LHEWeight_originalXWGTUP is none: it
# is that of the matrix element, before merging vetoes and what a shower makes of it.
WEIGHTS = ("genWeight", "Generator_weight")
SIMULATED_RUN = 1  # of all simulated events of CMS; detectors count runs from thousands on


def weight_branch(branches: set[str]) -> str | None:
    """The branch of the generator weight, the exact one rather than that of 14 bits."""
    return next((name for name in WEIGHTS if name in branches), None)


class Cut(NamedTuple):
    """Weights of all N events, and those that pass certification, trigger and leptons, shape (N,) each.

    With the cutflow, and the isolated leptons where the dataset asks for some.
    """

    weight: FloatArray
    passed: BoolArray
    cutflow: Cutflow
    isolated: leptons.Leptons | None


def event_cuts(events: Mapping[str, ak.Array], spec: ReadingSpec) -> Cut:
    """What becomes of events before anyone looks at their jets."""
    n_events = len(events["run"])
    if spec.is_data and np.any(single(events, "run") == SIMULATED_RUN):
        raise InputError(
            f"is_data: true, but its events are of run {SIMULATED_RUN}, as simulation is numbered"
        )
    weight = event_weights(events, spec, n_events)
    n_bad = int(np.sum(~np.isfinite(weight)))
    if n_bad:
        raise InputError(
            f"{n_bad:,} generator weights are not finite; leave the file out, its sums mean nothing"
        )
    cutflow, passed = Cutflow(), np.ones(n_events, dtype=bool)
    cutflow.add("entries", weight)
    if spec.golden_json is not None:
        certified = lumi_mask(spec.golden_json)
        keys = (whole(name, single(events, name), "uint32") for name in ("run", "luminosityBlock"))
        passed &= certified(*keys)
        cutflow.add("certified", weight[passed])
    if spec.hlt:
        there = [single(events, name) for name in spec.hlt if name in events]
        # A path that this file lacks was not in its menu: it has not fired. Inspect: some file has it.
        passed &= np.any(there, axis=0) if there else False
        cutflow.add("trigger", weight[passed])
    isolated = None
    if spec.leptons is not None:
        isolated = leptons.select(events, spec.leptons, passed)
        passed &= isolated.passes(spec.leptons)
        cutflow.add("leptons", weight[passed])
    return Cut(weight, passed, cutflow, isolated)


def event_weights(events: Mapping[str, ak.Array], spec: ReadingSpec, n_events: int) -> FloatArray:
    """Generator weights, or those of a variation; 1 for data, and for simulation with `weights: unit`.

    Raises:
        InputError: There is none, or an event lacks that of the variation.
    """
    if spec.is_data or spec.weights == "unit":
        return np.ones(n_events)
    branch = weight_branch(set(events))
    if branch is None:
        raise InputError(f"no generator weight ({' or '.join(WEIGHTS)}); `weights: unit` of the dataset is 1")
    weight = single(events, branch).astype(np.float64)
    return weight if spec.relative_weight is None else weight * factors(events, spec.relative_weight)


@lru_cache(maxsize=4)
def lumi_mask(path: str) -> Any:
    """What tells certified runs and luminosity blocks, by the golden JSON at a path.

    Raises:
        InputError: The file is none.
    """
    from coffea.lumi_tools import LumiMask  # heavy, and data alone needs it

    # It searches the ranges of a run as if they rose, whatever the file has: so it gets them as they do.
    with NamedTemporaryFile("w", suffix=".json") as rising:
        json.dump(read_certified(path), rising)
        rising.flush()
        return LumiMask(rising.name)
