"""Jets of the two regions that a shape is corrected with, and their sums by bin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from jetsmith.columns import EVENT_KEY
from jetsmith.cuts import bin_of, passes
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS, hash64
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.keys import codes
from jetsmith.measuring.jets import (
    PT,
    Probes,
    Source,
    among,
    class_of,
    judged_classes,
    one_of_each,
    with_another,
    within_reach,
)
from jetsmith.scored import ScoredJets, columns_of_codes, read_split
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.shapes import RegionCuts

ETA = "jet_eta"
HEAVY, LIGHT, C = range(3)  # places of b, light and c jets
FLAVORS = (5, 0, 4)


@dataclass(frozen=True)
class ShapeJets(Probes):
    """Jets of a region, shape (N,) each; `group` is `HEAVY`, `LIGHT` or `C`, and `value` nothing.

    Attributes:
        abseta: Absolute pseudorapidity.
    """

    abseta: FloatArray


@dataclass(frozen=True)
class Bins:
    """Bins of a region: R rows of |eta| and pt (this runs faster) by B of the discriminant.

    Attributes:
        abseta: Edges.
        pt_gev: Edges.
        discriminant: B edges; the first bin is all that lies below the first one.
    """

    abseta: tuple[float, ...]
    pt_gev: tuple[float, ...]
    discriminant: tuple[float, ...]

    @classmethod
    def of(cls, cuts: RegionCuts) -> "Bins":
        """Those of a region of the configuration, whose defaults are filled in."""
        return cls(cuts.abseta_bins, cuts.pt_bins_gev, cuts.discriminant_bins)

    @property
    def shape(self) -> tuple[int, int]:
        """R and B."""
        return (len(self.abseta) - 1) * (len(self.pt_gev) - 1), len(self.discriminant)

    @property
    def rows(self) -> list[tuple[tuple[float, float], tuple[float, float]]]:
        """Ends of |eta| and of pt of each row."""
        pairs = [list(pairwise(edges)) for edges in (self.abseta, self.pt_gev)]
        return [(eta, pt) for eta in pairs[0] for pt in pairs[1]]

    def has(self, jets: ShapeJets, scale: float = 0.0) -> BoolArray:
        """Which jets lie within the edges of |eta| and pt, or would with another energy scale, shape (N,)."""
        inside = within_reach(jets.pt_gev, self.pt_gev, scale)
        return np.asarray(inside & (jets.abseta >= self.abseta[0]) & (jets.abseta <= self.abseta[-1]))

    def place(self, jets: ShapeJets) -> IntArray:
        """Row times B plus bin of each jet, shape (N,); beyond the edges the end bins count, as in files."""
        row = bin_of(jets.abseta, self.abseta) * (len(self.pt_gev) - 1) + bin_of(jets.pt_gev, self.pt_gev)
        bin_ = np.searchsorted(self.discriminant, jets.discriminant, side="right")
        n_bins = len(self.discriminant)
        return np.asarray(row * n_bins + np.minimum(bin_, n_bins - 1))

    def said(self, row: int) -> str:
        """A row in words."""
        (low_eta, high_eta), (low, high) = self.rows[row]
        return f"{low:g} to {high:g} GeV, |eta| {low_eta:g} to {high_eta:g}"


@dataclass(frozen=True)
class Sums:
    """Sums of weights of a region in its R rows and B bins, with the variance of each of simulation.

    Attributes:
        data: Jets of data, shape (R, B).
        own: Simulated jets of the region's flavour, shape (R, B).
        own_variance: Likewise.
        other: Those of the other region's flavour, by that region's bins too, shape (R, B, R' B').
        other_variance: Likewise.
        c: c jets, shape (R, B).
        c_variance: Likewise.
    """

    data: FloatArray
    own: FloatArray
    own_variance: FloatArray
    other: FloatArray
    other_variance: FloatArray
    c: FloatArray
    c_variance: FloatArray

    @property
    def rest(self) -> FloatArray:
        """Simulation that is not of the region's flavour, as it is, shape (R, B)."""
        return np.asarray(self.other.sum(axis=2) + self.c)


def read_region(
    source: Source,
    spec: JudgedSpec,
    cuts: RegionCuts,
    thresholds: Mapping[str, float],
    seed: int,
    scale: float = 0.0,
) -> ShapeJets:
    """Jets with a score that count in a region: by the other jets of their event, pt and |eta|.

    Those beside the bins that another energy scale moves into them are there, too; `sums` leaves them out.

    With a tag or an anti-tag one jet of each event counts, chosen before it is known which ones pass.

    Args:
        source: Their files.
        spec: The tagger with its discriminant.
        cuts: What the region asks for.
        thresholds: By working point.
        seed: Of the choice, and of the halves.
        scale: Relative uncertainty of the energy scale.

    Raises:
        InputError: As `scored.read_split`; no jets are left.
    """
    columns = [PT, ETA, "split", "dataset", *EVENT_KEY]
    columns += columns_of_codes(source.scores, judged_classes(spec))
    jets = read_split(source.scores, None, spec, columns, source.name)
    pt = jets.columns[PT].astype(np.float64)
    abseta = np.abs(jets.columns[ETA].astype(np.float64))
    run, block, number = (jets.columns[name] for name in EVENT_KEY)
    counts = jets.chosen & np.isin(jets.columns["split"], [SPLITS.index(name) for name in source.splits])
    found = ShapeJets(
        pt,
        jets.discriminant.astype(np.float64),
        np.zeros(len(jets)),
        jets.weight,
        flavour_of(jets, spec),
        np.asarray(hash64(run, block, number, seed, "pseudo_data") % np.uint64(2) == 0),
        abseta,
    )
    counts &= Bins.of(cuts).has(found, scale)
    if cuts.n_jets is not None or cuts.tag or cuts.anti_tag:
        event = codes([jets.columns["dataset"], run, block, number])
        if cuts.n_jets is not None:
            counts &= among(event, *cuts.n_jets)
        if cuts.tag or cuts.anti_tag:
            counts = one_of_each(event, counts, hash64(run, block, number, seed, "probe"))
        for point, is_wanted in ((cuts.tag, True), (cuts.anti_tag, False)):
            if point:
                tagged = jets.chosen & passes(jets.discriminant, thresholds[point])
                counts &= with_another(event, tagged) == is_wanted
    if not counts.any():
        why = "none lies in the bins of pt and |eta|, has a tag (or none), and so many jets in its event"
        raise InputError(f"{source.scores}: no jets count: {why}")
    return found[counts]


def flavour_of(jets: ScoredJets, spec: JudgedSpec) -> IntArray:
    """`HEAVY`, `LIGHT` or `C` of each jet, shape (N,), by hadron flavour where files have it.

    What is of no class else, such as jets of pile-up, is light, as CMS' hadron flavour has it.
    """
    flavors = [found.flavor for found in judged_classes(spec)]
    places = [FLAVORS.index(flavor) for flavor in flavors if flavor is not None]
    return np.array([*places, LIGHT])[class_of(jets, spec)]


def sums(data: ShapeJets, simulation: ShapeJets, own: int, bins: Bins, others: Bins) -> Sums:
    """Count a region.

    Args:
        data: Its jets of data.
        simulation: Simulated ones.
        own: Its flavour, `HEAVY` or `LIGHT`.
        bins: Of the region.
        others: Of the other one.
    """
    data, simulation = data[bins.has(data)], simulation[bins.has(simulation)]
    shape, n_others = bins.shape, int(np.prod(others.shape))

    def of(jets: ShapeJets, place: IntArray, form: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        n = int(np.prod(form))
        total, squares = (np.bincount(place, of, n).reshape(form) for of in (jets.weight, jets.weight**2))
        return np.asarray(total, np.float64), np.asarray(squares, np.float64)

    mine, other, c = (simulation[simulation.group == g] for g in (own, HEAVY + LIGHT - own, C))
    return Sums(
        of(data, bins.place(data), shape)[0],
        *of(mine, bins.place(mine), shape),
        *of(other, bins.place(other) * n_others + others.place(other), (*shape, n_others)),
        *of(c, bins.place(c), shape),
    )
