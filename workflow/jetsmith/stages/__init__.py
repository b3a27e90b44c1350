"""What each stage gets of the configuration, and no more: an edit reruns the stages that read it.

The fields of a stage's record are the `params` of its rule, as plain values, which Snakemake compares
with those of the last run. A record such as `RecipeSpec` holds the part of a longer one that a stage
reads, so that a colour, which `ClassifierSpec` adds, is nothing that `train` can see.
tests/unit/reruns.yaml has a line for every key of the configuration.
"""

from jetsmith.stages.calibrated import calibrate, calibrate_plane, learn, measure, scale_factors, shape
from jetsmith.stages.explained import ablate, explain, perturb, scan_losses
from jetsmith.stages.from_rows import (
    bundle,
    bundle_reweighter,
    choose,
    closure,
    compare,
    correction,
    parameters,
    plot,
    publish,
    report,
    retrain,
    score,
    stack,
    train,
    train_fold,
    verdict,
    weights,
)
from jetsmith.stages.to_rows import (
    account,
    check,
    features,
    inspect,
    look,
    pack,
    pack_rows,
    resolution,
    simulate,
    skim,
)

__all__ = [
    "ablate",
    "account",
    "bundle",
    "bundle_reweighter",
    "calibrate",
    "calibrate_plane",
    "check",
    "choose",
    "closure",
    "compare",
    "correction",
    "explain",
    "features",
    "inspect",
    "learn",
    "look",
    "measure",
    "pack",
    "pack_rows",
    "parameters",
    "perturb",
    "plot",
    "publish",
    "report",
    "resolution",
    "retrain",
    "scale_factors",
    "scan_losses",
    "score",
    "shape",
    "simulate",
    "skim",
    "stack",
    "train",
    "train_fold",
    "verdict",
    "weights",
]
