"""Two densities whose ratio is known: the truth that reweighters are held against.

Correlated Gaussians whose means and correlations differ, one exponential whose scale differs, so that
weights have a tail, and one number that is the same in both. The target may have negative weights: everywhere
as many, or a share that rises along the first column, so that what |w| learns is another ratio.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
SHIFT = np.array([0.3, -0.2, 0.25, 0.1, -0.3, 0.15, 0.0, 0.2, -0.1, 0.05])
CORRELATION = (0.3, 0.45)  # of neighbours
SCALE = (1.0, 1.25)


@dataclass(frozen=True)
class Densities:
    """A source, 0, and a target, 1.

    Attributes:
        n_gaussians: 10 at most.
        negative: Weights of the target below 0: of 5% to 45% of its events, `rising` along the first column,
            or of as many on average, `constant`.
        tail: Whether there are an exponential and a useless column beside.
    """

    n_gaussians: int = 8
    negative: Literal["none", "constant", "rising"] = "none"
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
        if self.negative == "none" or which == 0:
            return x, np.ones(n)
        share = negative_share(x) if self.negative == "rising" else np.full(n, MEAN_SHARE)
        return x, np.where(rng.random(n) < share, -1.0, 1.0)

    def log_ratio(self, x: Array) -> Array:
        """log(f_target/f_source) of the signed, normalised densities, shape (n,)."""
        found = self._log_density(x, 1) - self._log_density(x, 0)
        if self.negative == "rising":
            found = found + np.log1p(-2 * negative_share(x)) - np.log(1 - 2 * MEAN_SHARE)
        return np.asarray(found)

    def terms(self, x: Array) -> Array:
        """Columns of which `log_ratio` is a sum with some factors, shape (n, T)."""
        x, g = x.astype(np.float64), self.n_gaussians
        pairs = [x[:, j] * x[:, k] for j in range(g) for k in range(j, g)]
        own = [np.log1p(-2 * negative_share(x))] if self.negative == "rising" else []
        return np.column_stack([np.ones(len(x)), x[:, : g + self.tail], *pairs, *own])

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
