"""What stage shape found: scale factors by bin of a discriminant; what figures and page read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from jetsmith.handed.measurement import Pulls, chance
from jetsmith.io import Stored

LEAST_P = 0.001  # below, found and true differ, and not by chance


@dataclass(frozen=True, slots=True)
class ShapeRow(Stored):
    """Scale factors of one flavour in one bin of |eta| and pt, by B bins of the discriminant.

    The first bin is all that lies below the first edge, such as jets that are not tagged.

    Attributes:
        abseta: Ends.
        pt_gev: Ends.
        value: Scale factors; 1 where simulation has no jets.
        error: By statistics of data and simulation.
        shifts: Scale factors by systematic, such as `up_lf`.
        data: Jets of data.
        own: Simulated jets of the flavour, all of the row's simulation being scaled to the data.
        rest: Likewise those that are not.
        pulls: Of pseudo-experiments, where some were asked for.
        true: Of pseudo-data: scale factors by the truth of the other half of the events.
        true_error: Of these, by the statistics of that half.
        chi2: Of the weighted distribution and the true one.
        ndf: Of it.
    """

    abseta: tuple[float, float]
    pt_gev: tuple[float, float]
    value: tuple[float, ...]
    error: tuple[float, ...]
    shifts: dict[str, tuple[float, ...]]
    data: tuple[float, ...]
    own: tuple[float, ...]
    rest: tuple[float, ...]
    pulls: Pulls | None = None
    true: tuple[float, ...] = ()
    true_error: tuple[float, ...] = ()
    chi2: float = 0.0
    ndf: int = 0

    @property
    def purity(self) -> float:
        """Share of the flavour in simulation."""
        return sum(self.own) / (sum(self.own) + sum(self.rest))

    @property
    def p(self) -> float | None:
        """Chance of a larger chi2; None where there is no truth."""
        return chance(self.chi2, self.ndf)

    def total(self, sources: Sequence[str]) -> tuple[float, ...]:
        """Errors by statistics and by sources (half the distance of up and down), in quadrature."""
        parts = [np.square(self.error)]
        for name in sources:
            if f"up_{name}" in self.shifts:
                up, down = (np.array(self.shifts[f"{end}_{name}"]) for end in ("up", "down"))
                parts.append(np.square((up - down) / 2))
        return tuple(np.sqrt(np.sum(parts, axis=0)).tolist())


class Agreement(NamedTuple):
    """Of one flavour with the truth, all rows together."""

    chi2: float
    ndf: int

    @property
    def p(self) -> float | None:
        """Chance of a larger chi2; None where there is no truth."""
        return chance(self.chi2, self.ndf)


@dataclass(frozen=True)
class Shape(Stored):
    """Corrections of the shape of a judgement's discriminant.

    Attributes:
        judgement: Whose.
        data: Samples of the heavy and of the light region.
        simulation: Likewise.
        is_pseudo: Whether data are simulation, too.
        n_iterations: Until scale factors no longer changed.
        abseta_edges: Of the heavy and of the light region.
        pt_edges_gev: Likewise.
        discriminant_edges: Likewise.
        heavy: Rows of b jets, |eta| by |eta|, pt running faster.
        light: Rows of light jets.
        charm: Rows of c jets, in the bins of the heavy region: 1, with their errors.
        agreement: By flavour of pseudo-data, all rows together: chi2 and ndf.
        agreement_before: Likewise of simulation without weights: what the test can tell.
        doubts: By working point of tags and anti-tags the mark of calibrate, where few jets or ties fix it.
    """

    judgement: str
    data: tuple[str, str]
    simulation: tuple[str, str]
    is_pseudo: bool
    n_iterations: int
    abseta_edges: tuple[tuple[float, ...], tuple[float, ...]]
    pt_edges_gev: tuple[tuple[float, ...], tuple[float, ...]]
    discriminant_edges: tuple[tuple[float, ...], tuple[float, ...]]
    heavy: tuple[ShapeRow, ...]
    light: tuple[ShapeRow, ...]
    charm: tuple[ShapeRow, ...]
    agreement: dict[str, tuple[float, int]] = field(default_factory=dict)
    agreement_before: dict[str, tuple[float, int]] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)

    @property
    def agreements(self) -> dict[str, Agreement]:
        """By flavour."""
        return {name: Agreement(*found) for name, found in self.agreement.items()}

    @property
    def unweighted(self) -> dict[str, Agreement]:
        """By flavour, of simulation without weights."""
        return {name: Agreement(*found) for name, found in self.agreement_before.items()}

    @property
    def failed(self) -> list[str]:
        """Where found is not what is true: flavours as a whole, and rows, which share the level."""
        found = [f"{name} jets (p {a.p:.2g})" for name, a in self.agreements.items() if _is_low(a.p)]
        for name, rows in (("b", self.heavy), ("light", self.light)):
            tested = [row for row in rows if row.p is not None]
            found += [
                f"{name} jets from {row.pt_gev[0]:g} to {row.pt_gev[1]:g} GeV, |eta| {row.abseta[0]:g} to "
                f"{row.abseta[1]:g} (p {row.p:.2g})"
                for row in tested
                if _is_low(row.p, len(tested))
            ]
        return found


def _is_low(p: float | None, n: int = 1) -> bool:
    return p is not None and p * n < LEAST_P
