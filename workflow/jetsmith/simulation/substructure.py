"""Soft-drop mass, N-subjettiness and subjets of AK8 jets."""

import warnings
from dataclasses import dataclass
from typing import Any

import awkward as ak
import fastjet
import numpy as np
import vector

from jetsmith.io import FloatArray, IntArray

vector.register_awkward()

_RADIUS = 0.8
_SYMMETRY_CUT = 0.1
_HUGE_RADIUS = 1000.0  # one jet swallows all constituents


@dataclass(frozen=True)
class Substructure:
    """Per jet, except where said.

    Attributes:
        softdrop_mass: [GeV], shape (n,).
        tau: 1-, 2- and 3-subjettiness, shape (n, 3).
        axis_eta, axis_phi: Two exclusive-kT axes, the harder first, shape (n, 2); both on the jet
            where there are not two.
        n_subjets: Subjets of each jet, 0 to 2, shape (n,).
        subjets: px, py, pz, energy of all subjets, the harder first, shape (4, sum of n_subjets).
    """

    softdrop_mass: FloatArray
    tau: FloatArray
    axis_eta: FloatArray
    axis_phi: FloatArray
    n_subjets: IntArray
    subjets: FloatArray


def substructure(jet: IntArray, momentum: FloatArray, n_jets: int) -> Substructure:
    """Substructure of jets from their constituents; each jet is handed over as an event.

    Args:
        jet: Jet of each constituent, ordered; every jet has some.
        momentum: px, py, pz, energy [GeV], shape (4, n).
        n_jets: Number of jets.
    """
    if n_jets == 0:
        none, pair = np.zeros(0), np.zeros((0, 2))
        return Substructure(none, np.zeros((0, 3)), pair, pair, np.zeros(0, np.int64), np.zeros((4, 0)))
    counts = np.bincount(jet, minlength=n_jets)
    constituents = _momenta({name: momentum[row] for row, name in enumerate(("px", "py", "pz", "E"))}, counts)
    angular = _sequence(constituents, fastjet.cambridge_algorithm)
    groomed = angular.exclusive_jets_softdrop_grooming(
        njets=1, beta=0.0, symmetry_cut=_SYMMETRY_CUT, R0=_RADIUS
    )
    tau = ak.to_numpy(angular.njettiness(njets=[1, 2, 3], R0=_RADIUS))
    axes = _two_jets(_sequence(constituents, fastjet.kt_algorithm))
    axis_eta, axis_phi = _directions(axes)
    # Angular ordering of what grooming left: its last merging is the one that passed soft drop.
    inside = groomed.constituents
    left = _momenta(
        {name: _flat(inside[name]) for name in ("px", "py", "pz", "E")}, ak.to_numpy(ak.num(inside.px))
    )
    subjets = _two_jets(_sequence(left, fastjet.cambridge_algorithm))
    return Substructure(
        softdrop_mass=np.maximum(ak.to_numpy(groomed.msoftdrop), 0.0),
        tau=tau,
        axis_eta=axis_eta,
        axis_phi=axis_phi,
        n_subjets=ak.to_numpy(ak.num(subjets.px)),
        subjets=np.stack([_flat(subjets[name]) for name in ("px", "py", "pz", "E")]),
    )


def _flat(values: Any) -> FloatArray:
    return np.asarray(ak.to_numpy(ak.flatten(values)))


def _momenta(columns: dict[str, FloatArray], counts: IntArray) -> Any:
    return ak.zip(
        {name: ak.unflatten(column, counts) for name, column in columns.items()}, with_name="Momentum4D"
    )


def _sequence(constituents: Any, algorithm: Any) -> Any:
    return fastjet.ClusterSequence(constituents, fastjet.JetDefinition(algorithm, _HUGE_RADIUS))


def _two_jets(sequence: Any) -> Any:
    """Up to two exclusive jets, the harder first; fastjet's wrapper warns whatever the algorithm."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "dcut and exclusive jets", UserWarning)
        jets = sequence.exclusive_jets_up_to(n_jets=2)
    return jets[ak.argsort(-(jets.px**2 + jets.py**2), axis=1)]


def _directions(axes: Any) -> tuple[FloatArray, FloatArray]:
    """Pseudorapidity and azimuth, shape (n, 2); a lone axis stands twice."""
    px, py, pz = (
        ak.to_numpy(ak.pad_none(axes[name], 2, clip=True)).filled(np.nan) for name in ("px", "py", "pz")
    )
    for column in (px, py, pz):
        column[:, 1] = np.where(np.isnan(column[:, 1]), column[:, 0], column[:, 1])
    return np.arcsinh(pz / np.maximum(np.hypot(px, py), 1e-9)), np.arctan2(py, px)
