"""Boosted trees by XGBoost: histograms, early stopping, checkpoints that change nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from jetsmith import plugs
from jetsmith.plugs import Share
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.strict import Single

if TYPE_CHECKING:
    from jetsmith.classifiers import Device, Task
    from jetsmith.io import FloatArray
    from jetsmith.packed.rows import Rows

TRAINS, COMPUTES, SEQUENCES, MODELS = True, True, False, False
SIGNED, TAGS = True, True
Penalty = Annotated[Single, Field(ge=0)]


class Options(plugs.Options):
    """XGBoost's parameters of the same names; shrinkage and rounds are keys of `training`."""

    max_depth: int = Field(4, ge=0, le=64, description="Largest depth of a tree; 0 for any.")
    max_leaves: int = Field(0, ge=0, le=100_000, description="Most leaves of a tree; 0 for any number.")
    grow_policy: Literal["depthwise", "lossguide"] = Field(
        "depthwise", description="Which node is split next: the highest, or the one that gains most."
    )
    min_child_weight: Penalty = Field(1.0, description="Smallest sum of second derivatives in a leaf.")
    gamma: Penalty = Field(0.0, description="Smallest gain of a split.")
    reg_lambda: Penalty = Field(1.0, description="L2 penalty on the leaves.")
    reg_alpha: Penalty = Field(0.0, description="L1 penalty on the leaves.")
    max_bin: int = Field(256, ge=2, le=65_536, description="Bins of a feature.")
    subsample: Share = Field(1.0, description="Share of the rows that a tree sees.")
    colsample_bytree: Share = Field(1.0, description="Share of the features that a tree sees.")
    colsample_bynode: Share = Field(1.0, description="Share of those that a split chooses from.")
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="What trains: `cuda` asks for a GPU, and stops where there is none."
    )

    @property
    def learns_by_seed(self) -> bool:
        """By rows or features that are drawn."""
        return min(self.subsample, self.colsample_bytree, self.colsample_bynode) < 1

    def misfits(self, spec: RecipeSpec) -> Iterator[str]:
        """A tree has a split."""
        if self.max_leaves == 1:
            yield "max_leaves: a tree of one leaf learns nothing; 0 for any number, or 2 and more"


def device(spec: RecipeSpec, threads: int, gpus: int) -> "Device":
    """The CPU, or where the options ask for it the GPU, see `_xgboost.gpu`."""
    if plugs.asks_for_gpu(spec):
        from jetsmith.classifiers import _xgboost

        return _xgboost.gpu(spec)
    from jetsmith.classifiers import on_cpu

    return on_cpu(spec)


def fit(task: "Task") -> list[dict[str, float]]:
    """See `_xgboost.fit`."""
    from jetsmith.classifiers import _xgboost

    return _xgboost.fit(task)


def predict(spec: RecipeSpec, model: Path, rows: "Rows", threads: int) -> "FloatArray":
    """See `_xgboost.predict`."""
    from jetsmith.classifiers import _xgboost

    return _xgboost.predict(spec, model, rows, threads)
