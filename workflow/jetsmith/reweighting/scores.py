"""Scores of a reweighter as its weights take them: log-odds, with what belongs to each event."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import io, members, ratios, signs
from jetsmith.columns import row_key
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray
from jetsmith.ratios import RatioCalibration
from jetsmith.reweighting.calibration import fit_calibration
from jetsmith.specs.classifiers import Members, RowsSpec
from jetsmith.specs.ratios import RatioSpec


@dataclass(frozen=True)
class ReweighterScores:
    """Scores of a reweighter with what belongs to them, all arrays of shape (N,).

    Attributes:
        key: Run, luminosity block, event; jet index too where rows are jets.
        dataset: Index in the sample's datasets.
        split: Index in SPLITS.
        fold: Fold whose model has not seen the event; 0 in a sample without.
        weight: Generator weight as packed, signed.
        logits: log(p_target/p_source) of each member of an ensemble, or of the model, shape (M, N).
        target_mask: True for events of the target's datasets.
        outside: Not reweightable: without a score, or outside `ratio.valid`.
        unknown: Events of the target, where none of these has a score and some of the source have one.
        share: What weights below 0 leave of the density of an event's own generator; NaN where the event has
            no score, or nobody asked.
        members: What the members were trained on.
    """

    key: dict[str, npt.NDArray[Any]]
    dataset: npt.NDArray[np.int64]
    split: npt.NDArray[np.int8]
    fold: npt.NDArray[np.int64]
    weight: FloatArray
    logits: FloatArray
    target_mask: BoolArray
    outside: BoolArray
    unknown: BoolArray
    share: FloatArray
    members: Members

    @property
    def logit(self) -> FloatArray:
        """Mean over the members, cut where numbers end, shape (N,)."""
        return ratios.mean_logit(self.logits)

    def calibrate(self, ratio: RatioSpec) -> list[RatioCalibration]:
        """Fit log ratio against logit: of each fold on the others; without folds on the calibration split.

        Raises:
            InputError: No event of the target has a score, and a calibration is asked for; see
                `fit_calibration`.
        """
        if ratio.calibration != "none" and self.unknown.any():
            raise InputError(
                f"ratio.calibration: {ratio.calibration} is fitted to events of both generators, and no "
                "event of the target has a ratio; write `none`, or leave it out"
            )
        n_folds, logit = int(self.fold.max(initial=0)) + 1, self.logit
        rows = [self.fold != k for k in range(n_folds)] if n_folds > 1 else []
        rows = rows or [self.split == SPLITS.index("calibration")]
        rows = [r & ~self.outside for r in rows]
        return [fit_calibration(logit[r], self.target_mask[r], self.weight[r], ratio) for r in rows]


def read_scores(
    spec: RowsSpec,
    scores: str | Path,
    datasets: Sequence[tuple[str, str]],
    n_members: int = 0,
    refine: bool = False,
) -> ReweighterScores:
    """Read the scores of a reweighter; rows of other generators are left out.

    Args:
        spec: The reweighter.
        scores: results/scores/{reweighter}/{sample}.parquet.
        datasets: Name and generator of the sample's datasets, in its order.
        n_members: Of its ensemble; 0 where it is none.
        refine: Whether shares are read, too.

    Raises:
        InputError: The file lacks a column or holds scores that are not numbers.
    """
    generators = [generator for _, generator in datasets]
    source, target = spec.classes
    names = row_key(spec.object)
    pairs = [(members.column(k, source.name), members.column(k, target.name)) for k in range(n_members)]
    pairs = pairs or [(f"p_{source.name}", f"p_{target.name}")]
    wanted = [*names, "dataset", "split", "weight", "scored", *(name for pair in pairs for name in pair)]
    wanted += ["fold"] if spec.folds else []
    shares = [signs.column(name) for name in spec.class_names] if refine else []
    wanted += shares
    rows = io.read_rows(scores, wanted, classifier=spec.name, sample=spec.sample)
    table = {name: np.asarray(ak.to_numpy(rows[name])) for name in wanted}
    logits = np.array([ratios.log_odds(table[of_source], table[of_target]) for of_source, of_target in pairs])
    logits[:, ~table["scored"]] = 0.0  # a model of others has none where an input is not finite
    if np.isnan(logits).any() or not np.isfinite(table["weight"]).all():
        raise InputError(f"{scores}: probabilities or weights that are no numbers; train {spec.name} again")
    of_class = np.array([{source.generator: 0, target.generator: 1}.get(g, -1) for g in generators])
    side = of_class[table["dataset"]]
    kept = side >= 0
    of_target, without = side[kept] == 1, ~table["scored"][kept]
    share = np.full(len(kept), np.nan)
    for k, name in enumerate(shares):
        share[side == k] = table[name][side == k]
    share[~table["scored"]] = np.nan
    unknown = of_target & bool(without[of_target].all() and not without[~of_target].all())
    return ReweighterScores(
        key={name: table[name][kept] for name in names},
        dataset=table["dataset"][kept].astype(np.int64),
        split=table["split"][kept].astype(np.int8),
        fold=(table["fold"] if spec.folds else np.zeros(len(kept)))[kept].astype(np.int64),
        weight=table["weight"][kept].astype(np.float64),
        logits=logits[:, kept],
        target_mask=of_target,
        outside=without & ~unknown,
        unknown=unknown,
        share=share[kept],
        members=spec.members,
    )
