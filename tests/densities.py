"""Two densities whose ratio is known: the truth that reweighters are held against.

Correlated Gaussians whose means and correlations differ, one exponential whose scale differs, so that
weights have a tail, and one number that is the same in both. The target may have negative weights, whose
share depends on the first column: what |w| learns is then another ratio.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
SHIFT = np.array([0.3, -0.2, 0.25, 0.1, -0.3, 0.15, 0.0, 0.2])
CORRELATION = (0.3, 0.45)  # of neighbours
SCALE = (1.0, 1.25)


@dataclass(frozen=True)
class Densities:
    """A source, 0, and a target, 1.

    Attributes:
        n_gaussians: 8 at most.
        negative: Whether the target has negative weights: 5% to 45% of its events.
        tail: Whether there are an exponential and a useless column beside.
    """

    n_gaussians: int = 8
    negative: bool = False
    tail: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(f"x{k}" for k in range(self.n_gaussians + 2 * self.tail))

    def draw(self, which: int, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Events, shape (n, D), float32, and their generator weights, shape (n,)."""
        x = rng.multivariate_normal(
            SHIFT[: self.n_gaussians] * which, self._covariance(which), n, method="cholesky"
        )
        if self.tail:
            x = np.column_stack([x, rng.exponential(SCALE[which], n), rng.random(n)])
        x = x.astype(np.float32)
        signed = self.negative and which == 1
        sign = np.where(rng.random(n) < negative_share(x), -1.0, 1.0) if signed else np.ones(n)
        return x, sign

    def log_ratio(self, x: Array) -> Array:
        """log(f_target/f_source) of the signed, normalised densities, shape (n,)."""
        found = self._log_density(x, 1) - self._log_density(x, 0)
        if self.negative:
            found = found + np.log1p(-2 * negative_share(x)) - np.log(1 - 2 * MEAN_SHARE)
        return np.asarray(found)

    def _covariance(self, which: int) -> Array:
        k = np.arange(self.n_gaussians)
        return np.asarray(CORRELATION[which] ** np.abs(np.subtract.outer(k, k)))

    def _log_density(self, x: Array, which: int) -> Array:
        g, covariance = self.n_gaussians, self._covariance(which)
        d = x[:, :g].astype(np.float64) - SHIFT[:g] * which
        found = -0.5 * np.einsum("ni,ij,nj->n", d, np.linalg.inv(covariance), d, optimize=True)
        found -= 0.5 * np.linalg.slogdet(covariance)[1]
        if self.tail:
            found -= x[:, g] / SCALE[which] + np.log(SCALE[which])
        return np.asarray(found)


def negative_share(x: Array) -> Array:
    """Of the target's events, shape (n,)."""
    return np.asarray(0.05 + 0.4 / (1 + np.exp(-2 * x[:, 0].astype(np.float64))))


def _mean_share() -> float:
    """Over the target's events, by quadrature: the first column is a Gaussian around its shift."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(101)
    return float(weights @ negative_share((nodes + SHIFT[0])[:, None]) / weights.sum())


MEAN_SHARE = _mean_share()
