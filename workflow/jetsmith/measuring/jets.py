"""Jets of a measurement: who counts, what they are, what they pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from jetsmith import scored
from jetsmith.columns import EVENT_KEY
from jetsmith.cuts import passes
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS, hash64
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.keys import codes
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.scored import ScoredJets
from jetsmith.specs.classifiers import JudgedClass, JudgedSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.measurements import FitSpec, VariableSpec

OTHER = "other"
PT = "jet_pt_gev"

P = TypeVar("P", bound="Probes")


@dataclass(frozen=True)
class Probes:
    """Jets that count, shape (N,) each.

    Attributes:
        pt_gev: Transverse momentum.
        discriminant: -inf where a jet was not tagged.
        value: The variable; 0 where there is none.
        weight: Signed.
        group: Place of its class in `classes`: 0 the measured one, the last all that is none.
        half_mask: True for half of the events, by a hash.
    """

    pt_gev: FloatArray
    discriminant: FloatArray
    value: FloatArray
    weight: FloatArray
    group: IntArray
    half_mask: BoolArray

    def __len__(self) -> int:
        return len(self.pt_gev)

    def __getitem__(self, which: BoolArray | IntArray) -> Self:
        return type(self)(*(values[which] for values in vars(self).values()))

    def scaled(self, factor: float) -> Self:
        """The same jets with another energy scale; their scores stay."""
        return replace(self, pt_gev=self.pt_gev * factor)


@dataclass(frozen=True)
class Source:
    """Where the jets of a sample are.

    Attributes:
        name: Of the sample.
        scores: Score file of the tagger on it.
        packed: Folder results/packed/{sample}.
        splits: Of which splits.
    """

    name: str
    scores: str | Path
    packed: str | Path
    splits: Sequence[str] = SPLITS


def sources(
    scores: Sequence[str], splits: Mapping[str, Sequence[str]], packed: Sequence[str] = ()
) -> dict[str, Source]:
    """Of each sample where its jets are.

    Args:
        scores: Score files of the samples.
        splits: By sample, in their order.
        packed: results/packed/{sample}/{split}/{group} of all samples, where a variable is fitted.
    """
    folder = Path(packed[0]).parents[2] if packed else Path()
    return {
        name: Source(name, path, folder / name, of)
        for path, (name, of) in zip(scores, splits.items(), strict=True)
    }


def read_probes(
    source: Source, spec: JudgedSpec, threshold: float | None, settings: FitSpec, seed: int
) -> Probes:
    """Jets with a score that count: by the other jets of their event, and by the variable.

    Args:
        source: Their files.
        spec: The tagger with its discriminant.
        threshold: That another jet of the event passes, of which one jet counts, chosen before it is known
            which ones pass, of all that the energy scale may move into the bins; None: all jets count.
        settings: How many jets the event has, and the variable, beyond whose edges no jet counts.
        seed: Of the halves.

    Raises:
        InputError: As `scored.read_split`; or files that are not of the same rows.
    """
    columns = [
        PT,
        "split",
        "dataset",
        *EVENT_KEY,
        *scored.columns_of_codes(source.scores, judged_classes(spec)),
    ]
    jets = scored.read_split(source.scores, None, spec, columns, source.name)
    pt = jets.columns[PT].astype(np.float64)
    run, block, number = (jets.columns[name] for name in EVENT_KEY)
    counts = jets.chosen & np.isin(jets.columns["split"], [SPLITS.index(name) for name in source.splits])
    value: FloatArray = np.zeros(len(jets))
    if settings.variable is not None:
        value = _values(source, settings.variable, len(jets))
        counts &= (value >= settings.variable.edges[0]) & (value < settings.variable.edges[-1])
    if settings.n_jets is not None or threshold is not None:
        event = codes([jets.columns["dataset"], run, block, number])
        if settings.n_jets is not None:
            counts &= among(event, *settings.n_jets)
        if threshold is not None:
            counts &= within_reach(pt, settings.pt_bins_gev, settings.uncertainties.energy_scale)
            counts = one_of_each(event, counts, hash64(run, block, number, seed, "probe"))
            counts &= with_another(event, jets.chosen & passes(jets.discriminant, threshold))
    return Probes(
        pt,
        jets.discriminant.astype(np.float64),
        value,
        jets.weight,
        class_of(jets, spec),
        np.asarray(hash64(run, block, number, seed, "pseudo_data") % np.uint64(2) == 0),
    )[counts]


def within_reach(pt_gev: FloatArray, edges: Sequence[float], scale: float) -> BoolArray:
    """True for jets that lie in bins of pt, or would with another energy scale, shape (N,).

    What is chosen by these is the same for all scales; who counts is decided when pt is scaled.

    Args:
        pt_gev: Shape (N,).
        edges: Of the bins [GeV].
        scale: Relative, up and down.
    """
    return np.asarray((pt_gev >= edges[0] / (1 + scale)) & (pt_gev < edges[-1] / (1 - scale)))


def among(event: IntArray, least: int, most: int) -> BoolArray:
    """True for jets of whose event there are so many jets, itself with them, shape (N,)."""
    n_jets = np.bincount(event)[event]
    return np.asarray((n_jets >= least) & (n_jets <= most))


def one_of_each(event: IntArray, mask: BoolArray, dice: npt.NDArray[np.uint64]) -> BoolArray:
    """True for one of the jets with True of each event, shape (N,).

    Two jets of an event that are each other's tags would count both if both pass and neither if neither does,
    and fluctuate more than counts do. Which one is the probe must not depend on which of them pass.

    Args:
        event: Number of the event of each jet, shape (N,).
        mask: Which jets there are to choose from, shape (N,).
        dice: A random number of the event of each jet, shape (N,).
    """
    rows = np.flatnonzero(mask)
    rows = rows[np.argsort(event[rows], kind="stable")]
    _, first, n = np.unique(event[rows], return_index=True, return_counts=True)
    chosen = np.zeros(len(event), bool)
    chosen[rows[first + (dice[rows[first]] % n.astype(np.uint64)).astype(np.intp)]] = True
    return chosen


def with_another(event: IntArray, tag_mask: BoolArray) -> BoolArray:
    """True for jets of whose event another jet is a tag, shape (N,).

    Args:
        event: Number of the event of each jet, shape (N,).
        tag_mask: Which jets are tags, shape (N,).
    """
    return np.asarray(np.bincount(event, tag_mask)[event] - tag_mask >= 1)


def classes(spec: JudgedSpec) -> list[str]:
    """The measured class, those that the judgement calls backgrounds, and what is none of them."""
    return [*(c.name for c in judged_classes(spec)), OTHER]


def judged_classes(spec: JudgedSpec) -> tuple[JudgedClass, ...]:
    """Those of `classes` but the last."""
    assert spec.signal_class is not None
    return spec.signal_class, *spec.background_classes


def class_of(jets: ScoredJets, spec: JudgedSpec) -> IntArray:
    """Place of the class of each jet in `classes`, shape (N,), as its code in correction files means it."""
    judged = judged_classes(spec)
    return scored.class_of(scored.as_coded(jets, judged).label, judged)


def _values(source: Source, variable: VariableSpec, n_rows: int) -> FloatArray:
    """The variable of each row of the score file, shape (n_rows,): both are in the order of packed rows."""
    parts = arrays.read_splits(source.packed, SPLITS, [variable.group], source.name)
    inputs = Inputs(
        group=variable.group, kind="flat", length=0, features=(variable.feature,), sources=(variable.feature,)
    )
    rows = Rows.select([inputs], parts)
    if len(rows) != n_rows:
        raise InputError(
            f"{source.scores}: has {n_rows:,} rows, {source.packed} has {len(rows):,}; score it again"
        )
    return rows.flat_as_packed(slice(None))[:, 0].astype(np.float64)


def levelled(jets: P, pt_edges: FloatArray) -> P:
    """The same jets with weights that they can be drawn by: of each bin of pt a tenth has the largest.

    Generators that prefer hard events leave some of large weights, which would be drawn while next to none of
    the others are. What the weights become is another nature, of which truth is asked, too.

    Raises:
        InputError: Weights below 0, which nothing can be drawn by.
    """
    if (jets.weight < 0).any():
        raise InputError(f"{int((jets.weight < 0).sum()):,} of {len(jets):,} jets have negative weights")
    place = np.searchsorted(pt_edges, jets.pt_gev, side="right") - 1
    weight = np.zeros(len(jets))
    for k in range(len(pt_edges) - 1):
        here = place == k
        if here.any():
            largest = np.quantile(jets.weight[here], 0.9)
            weight[here] = np.minimum(jets.weight[here] / largest, 1.0) if largest > 0 else 0.0
    return replace(jets, weight=weight)


def drawn(jets: P, seed: int) -> P:
    """Jets as collisions give them, each counting 1: a jet of weight w from 0 to 1 with the chance w."""
    found = jets[np.random.default_rng(seed).random(len(jets)) < jets.weight]
    return replace(found, weight=np.ones(len(found)))


def presented(jets: P, pt_edges: FloatArray, seed: int, scores: str | Path) -> tuple[P, P]:
    """Simulation as data: half of its events, drawn by their weights, and the other half, for the truth.

    Args:
        jets: All of them.
        pt_edges: Bins of pt, each with its own largest weight.
        seed: Of the draw.
        scores: Their file, for messages.

    Raises:
        InputError: Weights below 0.
    """
    try:
        nature = levelled(jets, pt_edges)
    except InputError as error:
        raise InputError(f"{scores}: {error}, which cannot be presented as data") from error
    return drawn(nature[nature.half_mask], seed), nature[~nature.half_mask]
