"""What efficiencies are binned in, the same for maps, corrections and messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jetsmith.columns import MAY_LACK
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.metrics import bin_of_column, closed
from jetsmith.scored import ScoredJets

# correctionlib has NaN in the last bin.
LACKING = "; of a jet without one any number below the edges, such as NanoAOD's -1, and not NaN"


@dataclass(frozen=True)
class Axis:
    """Bins of one variable.

    Attributes:
        name: Input of the corrections.
        column: Column of the rows.
        edges: Rising.
        description: What the input is.
        symbol: What messages call it.
        unit: Its unit, or none.
        clamps: Whether what is outside counts in the end bins; else it is an error.
    """

    name: str
    column: str
    edges: tuple[float, ...]
    description: str
    symbol: str
    unit: str
    clamps: bool

    @property
    def n_bins(self) -> int:
        """Bins."""
        return len(self.edges) - 1

    def of(self, jets: ScoredJets) -> FloatArray:
        """Value of each jet, shape (N,)."""
        values = np.asarray(jets.columns[self.column], np.float64)
        return np.abs(values) if self.name == "abseta" else values

    def place(self, jets: ScoredJets) -> npt.NDArray[np.intp]:
        """Bin of each jet, shape (N,); one without a value is in the first.

        Raises:
            InputError: Jets are outside the bins of an axis that does not clamp.
        """
        values, edges = self.of(jets), self.edges if self.clamps else closed(self.edges)
        outside = 0 if self.clamps else int(((values < edges[0]) | (values >= edges[-1])).sum())
        if outside:
            raise InputError(
                f"efficiencies: {outside:,} of {len(values):,} jets have {self.symbol} outside the bins, "
                f"{self.edges[0]:g} to {self.edges[-1]:g}; selection: `abseta_bins` must hold all that "
                "`abseta_max` lets through"
            )
        return bin_of_column(values, edges)

    def text(self, first: int, last: int | None = None) -> str:
        """Bins from the first to the last in words."""
        low, high = self.edges[first], self.edges[(first if last is None else last) + 1]
        return f"{self.symbol} {low:g} to {high:g}{self.unit and ' ' + self.unit}"


def axes_of(
    pt_bins_gev: Sequence[float],
    abseta_bins: Sequence[float],
    third_bins: Mapping[str, Sequence[float]],
) -> tuple[Axis, ...]:
    """|eta|, pt, and further columns by their names.

    Args:
        pt_bins_gev: Edges [GeV].
        abseta_bins: Edges; the last one belongs to the last bin.
        third_bins: Edges by column, whose name has its unit.
    """
    return (
        Axis("abseta", "jet_eta", tuple(abseta_bins), "|eta| of the jet", "|eta|", "", False),
        Axis("pt", "jet_pt_gev", tuple(pt_bins_gev), "pt of the jet [GeV], clamped", "pt", "GeV", True),
        *(
            Axis(name, name, tuple(edges), f"{name}, clamped{LACKING * (name in MAY_LACK)}", name, "", True)
            for name, edges in third_bins.items()
        ),
    )


def places(jets: ScoredJets, axes: Sequence[Axis]) -> npt.NDArray[np.intp]:
    """Bin of each jet in all axes together, the last one's running fastest, shape (N,).

    Raises:
        InputError: Jets are outside the bins of an axis that does not clamp: the correction would be an
            error for them.
    """
    found = tuple(axis.place(jets) for axis in axes)
    return np.ravel_multi_index(found, [axis.n_bins for axis in axes]).astype(np.intp, copy=False)
