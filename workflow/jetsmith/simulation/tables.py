"""Flat tables of the simulation: one row a particle, track, jet or vertex, with its event.

All lengths are in cm, momenta and masses in GeV, angles in radians.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from jetsmith.io import BoolArray, FloatArray, IntArray

Array = npt.NDArray[Any]
PION_MASS_GEV = 0.13957
PION_MASS_SQUARED = PION_MASS_GEV**2


@dataclass(frozen=True)
class Table:
    """Columns of one length; `event` is the row of the event within its batch, not falling."""

    event: IntArray

    def __len__(self) -> int:
        return len(self.event)

    def take(self, index: IntArray | BoolArray) -> Self:
        """The rows that an index or a mask selects."""
        return type(self)(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    def join(self, *others: Self) -> Self:
        """These rows followed by those of the others."""
        tables = (self, *others)
        return type(self)(
            **{
                field.name: np.concatenate([getattr(table, field.name) for table in tables])
                for field in fields(self)
            }
        )


@dataclass(frozen=True)
class Particles(Table):
    """Pythia's record. `mother`, `daughter_first`, `daughter_last`: rows, -1 for none.

    `daughter_last` < `daughter_first`: two daughters that do not stand together.
    `x`, `y`, `z`: production vertex [cm].
    """

    pdg_id: IntArray
    status: IntArray
    mother: IntArray
    daughter_first: IntArray
    daughter_last: IntArray
    px: FloatArray
    py: FloatArray
    pz: FloatArray
    energy: FloatArray
    mass: FloatArray
    x: FloatArray
    y: FloatArray
    z: FloatArray

    @cached_property
    def pt(self) -> FloatArray:
        """Transverse momentum [GeV]."""
        return np.hypot(self.px, self.py)

    @cached_property
    def eta(self) -> FloatArray:
        """Pseudorapidity; large but finite along the beam."""
        return np.arcsinh(self.pz / np.maximum(self.pt, 1e-9))

    @cached_property
    def phi(self) -> FloatArray:
        """Azimuth."""
        return np.arctan2(self.py, self.px)


@dataclass(frozen=True)
class Tracks(Table):
    """Reconstructed tracks at their closest approach to the primary vertex.

    `d0` is positive where the vertex lies to the right of the track: -x sin(phi) + y cos(phi).
    `curvature` is charge over bending radius [1/cm]. `source` is the row of the particle, -1 for
    none; `layer` counts the detector layers inside the production point. `secondary`: made in the
    material by the source; `fake`: measured wrongly.
    """

    source: IntArray
    charge: IntArray
    pt: FloatArray
    eta: FloatArray
    phi: FloatArray
    d0: FloatArray
    dz: FloatArray
    d0_error: FloatArray
    dz_error: FloatArray
    curvature: FloatArray
    pdg_id: IntArray
    layer: IntArray
    chi2: FloatArray
    fake: BoolArray
    secondary: BoolArray


@dataclass(frozen=True)
class Neutrals(Table):
    """Calorimeter candidates: photons (22) and neutral hadrons (130)."""

    pt: FloatArray
    eta: FloatArray
    phi: FloatArray
    pdg_id: IntArray
    puppi_weight: FloatArray


class Momenta:
    """Cylindrical coordinates of rows that have a momentum."""

    px: FloatArray
    py: FloatArray
    pz: FloatArray

    @property
    def pt(self) -> FloatArray:
        """Transverse momentum [GeV]."""
        return np.hypot(self.px, self.py)

    @property
    def eta(self) -> FloatArray:
        """Pseudorapidity of the momentum."""
        return np.arcsinh(self.pz / np.maximum(self.pt, 1e-9))

    @property
    def phi(self) -> FloatArray:
        """Azimuth of the momentum."""
        return np.arctan2(self.py, self.px)


@dataclass(frozen=True)
class Jets(Momenta, Table):
    """Clustered jets, falling pt within an event, momenta as clustered."""

    px: FloatArray
    py: FloatArray
    pz: FloatArray
    energy: FloatArray

    @property
    def mass(self) -> FloatArray:
        """Invariant mass [GeV]."""
        square = self.energy**2 - self.px**2 - self.py**2 - self.pz**2
        return np.sqrt(np.maximum(square, 0.0))


@dataclass(frozen=True)
class Vertices(Momenta, Table):
    """Secondary vertices relative to the primary one.

    `dlen` and `dxy` are the flight distances, `*_sig` their significances; `cos_theta` is the cosine
    between flight and momentum.
    """

    x: FloatArray
    y: FloatArray
    z: FloatArray
    px: FloatArray
    py: FloatArray
    pz: FloatArray
    energy: FloatArray
    mass: FloatArray
    n_tracks: FloatArray
    dlen: FloatArray
    dlen_sig: FloatArray
    dxy: FloatArray
    dxy_sig: FloatArray
    chi2: FloatArray
    ndof: FloatArray
    cos_theta: FloatArray

    @property
    def flight_eta(self) -> FloatArray:
        """Pseudorapidity of the flight direction."""
        return np.arcsinh(self.z / np.maximum(np.hypot(self.x, self.y), 1e-9))

    @property
    def flight_phi(self) -> FloatArray:
        """Azimuth of the flight direction."""
        return np.arctan2(self.y, self.x)


def offsets(group: IntArray, n_groups: int) -> IntArray:
    """Where each group starts in rows ordered by group; shape (n_groups + 1,)."""
    return np.concatenate([[0], np.cumsum(np.bincount(group, minlength=n_groups))])


def pairs(event: IntArray, starts: IntArray) -> tuple[IntArray, IntArray]:
    """All pairs of a row with the rows of its event in another table.

    Args:
        event: Events of the first table.
        starts: Where each event starts in the second, see `offsets`.

    Returns:
        Rows of the first and of the second table, ordered by the first.
    """
    counts = np.diff(starts)[event]
    first = np.repeat(np.arange(len(event)), counts)
    before = np.concatenate([[0], np.cumsum(counts)])[:-1]
    return first, np.arange(len(first)) - before[first] + starts[event][first]


def sum_by(group: IntArray, values: FloatArray, n_groups: int) -> FloatArray:
    """Sum of the values of each group, shape (n_groups,)."""
    return np.asarray(np.bincount(group, weights=values, minlength=n_groups), np.float64)


def rank_within(group: IntArray, key: FloatArray) -> tuple[IntArray, IntArray]:
    """Order rows by group and falling key.

    Returns:
        The ordered rows, and the place of each of them within its group.
    """
    order = np.lexsort((-key, group))
    ordered = group[order]
    first = np.searchsorted(ordered, ordered, side="left")
    return order, np.arange(len(order)) - first
