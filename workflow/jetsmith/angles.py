"""Differences of directions, in pseudorapidity and azimuth [rad]."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def delta_phi(first: Array, second: Array) -> Array:
    """Difference of azimuths in [-pi, pi); any shapes that go together."""
    return np.asarray((first - second + np.pi) % (2 * np.pi) - np.pi)


def delta_r(eta_1: Array, phi_1: Array, eta_2: Array, phi_2: Array) -> Array:
    """Distance in pseudorapidity and azimuth."""
    return np.asarray(np.hypot(eta_1 - eta_2, delta_phi(phi_1, phi_2)))
