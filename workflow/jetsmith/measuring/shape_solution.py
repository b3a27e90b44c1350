"""Scale factors of the shapes of b and light jets, each from its region, until they no longer change.

Of a region, in a row of |eta| and pt, with D jets of data, M simulated ones of its flavour, L of the other
one and C c jets in the bins of the discriminant (CMS' iterative fit, arXiv:1712.07158, section 9):

    SF = (D/k - L SF' - C) / M

SF' is that of the other region, k the ratio of all data to all simulation of the row. L SF' is scaled so that
the row keeps its number of these jets: a shape moves jets, and makes none. So SF, too, keeps the number of M.
"""

from dataclasses import dataclass, replace

import numpy as np

from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.measuring.shape_jets import Bins, Sums

TOLERANCE = 1e-6
MOST = 100  # iterations
NAMES = ("heavy", "light")
FLAVOURS = ("b", "light")


@dataclass(frozen=True)
class Solution:
    """Scale factors of both regions.

    Attributes:
        factors: Of b jets in the heavy region and light ones in the light region, shape (R, B) each; 1 where
            there are none.
        n_iterations: Until no factor changed by more than `TOLERANCE`.
    """

    factors: tuple[FloatArray, FloatArray]
    n_iterations: int


@dataclass(frozen=True)
class Errors:
    """Statistics of data and simulation; N bins of the heavy region come before those of the light one.

    Attributes:
        factors: Covariance of the scale factors, shape (N, N).
        jets: That of the weighted simulated jets, of the same simulation: its own number is not in it.
    """

    factors: FloatArray
    jets: FloatArray

    def of(self, heavy: Sums, light: Sums) -> tuple[FloatArray, FloatArray]:
        """Standard deviation of the factors of each region, shape (R, B) each."""
        sigma = np.sqrt(np.maximum(np.diag(self.factors), 0.0))
        n = heavy.data.size
        return sigma[:n].reshape(heavy.data.shape), sigma[n:].reshape(light.data.shape)


def check(regions: tuple[Sums, Sums], bins: tuple[Bins, Bins]) -> None:
    """Each row has data and simulation; each bin with data has simulated jets of the flavour.

    Raises:
        InputError: With region, bin, and what would help.
    """
    for region, found, one, flavour in zip(NAMES, regions, bins, FLAVOURS, strict=True):
        for row in range(len(found.data)):
            where = f"{region} region, {one.said(row)}"
            for what, n in (("data", found.data), (f"{flavour} jets in simulation", found.own)):
                if not n[row].sum() > 0:
                    raise InputError(f"{where}: no {what}; give wider bins of pt or |eta|, or another sample")
            for k in np.flatnonzero((found.own[row] <= 0) & (found.data[row] + abs(found.rest[row]) > 0)):
                said = f"{found.own[row, k]:.3g} {flavour} jets in simulation, {found.data[row, k]:g} in data"
                raise InputError(f"{where}, {_bin(one, int(k))}: {said}; give wider `discriminant_bins`")


def _bin(bins: Bins, k: int) -> str:
    edges = bins.discriminant
    if k == 0:
        return f"discriminant below {edges[0]:g}"
    return f"discriminant {edges[k - 1]:g} to {edges[k]:g}"


def solve(heavy: Sums, light: Sums) -> Solution:
    """Iterate from factors of 1.

    Raises:
        InputError: They still change: what is not of its flavour dominates both regions.
    """
    factors: tuple[FloatArray, FloatArray] = (np.ones(heavy.data.shape), np.ones(light.data.shape))
    moved = np.inf
    for n in range(1, MOST + 1):
        of_heavy = _factors(heavy, factors[1])
        of_light = _factors(light, of_heavy)
        new = (of_heavy, of_light)
        moved = max(float(np.abs(a - b).max()) for a, b in zip(new, factors, strict=True))
        if not np.isfinite(moved):
            break
        factors = new
        if moved < TOLERANCE:
            return Solution(factors, n)
    purities = [float(one.own.sum() / (one.own.sum() + one.rest.sum())) for one in (heavy, light)]
    raise InputError(
        f"scale factors still change by {moved:.2g} after {n} iterations: {purities[0]:.0%} of the heavy "
        f"region are b jets, {purities[1]:.0%} of the light one are light jets, in some bins too few; give "
        "wider `discriminant_bins`, or purer regions (`tag`, `n_jets`, `anti_tag`)"
    )


def check_positive(
    solution: Solution, errors: tuple[FloatArray, FloatArray], bins: tuple[Bins, Bins]
) -> None:
    """Each scale factor is above 0.

    Raises:
        InputError: With region, bin, and what would help.
    """
    for region, found, error, one, flavour in zip(
        NAMES, solution.factors, errors, bins, FLAVOURS, strict=True
    ):
        for row, k in np.argwhere(found <= 0):
            value = f"{found[row, k]:.2g} ± {error[row, k]:.2g}"
            where = f"{region} region, {one.said(int(row))}, {_bin(one, int(k))}"
            raise InputError(
                f"{where}: scale factor of {flavour} jets {value}: what is none leaves nothing of "
                "the data; give wider `discriminant_bins`"
            )


def contaminated(region: Sums, factor: float) -> Sums:
    """The same region with another number of jets that are not of its flavour."""
    return replace(region, other=region.other * factor, c=region.c * factor)


def _scales(region: Sums, others: FloatArray) -> FloatArray:
    """Jets of the other flavour before their scale factors over those after, shape (R, 1)."""
    before = region.other.sum(axis=(1, 2))
    after = (region.other @ others.ravel()).sum(axis=1)
    return np.asarray(np.divide(before, after, out=np.ones_like(before), where=after != 0)[:, None])


def _factors(region: Sums, others: FloatArray) -> FloatArray:
    """Scale factors of a region, given those of the other one, shape (R, B)."""
    rest = (region.other @ others.ravel()) * _scales(region, others) + region.c
    total = (region.own + region.rest).sum(axis=1, keepdims=True)
    # As data are presented: as many jets as simulation has in the row.
    found = region.data * (total / region.data.sum(axis=1, keepdims=True)) - rest
    return np.asarray(np.divide(found, region.own, out=np.ones_like(found), where=region.own > 0))


def propagate(heavy: Sums, light: Sums, solution: Solution) -> Errors:
    """Errors by statistics, to first order, with all that both regions do to each other.

    In a row data are multinomial; simulation fluctuates in each bin for itself. With the noise d of data, m
    of the flavour's own simulation and r of what is subtracted, and the share s of data in the bin,

        dSF = (d - L dSF' - SF m - r + s sum(m + r)) / M,

    a linear system of all bins of both regions. The sum is there since data are scaled to simulation, and
    L dSF' makes no jets.
    """
    regions = (heavy, light)
    n = [one.data.size for one in regions]
    sizes = sum(n)
    system = np.eye(sizes)
    noise, of_own = np.zeros((sizes, sizes)), np.zeros((sizes, sizes))
    own_variance, inverse = np.zeros(sizes), np.zeros(sizes)
    places = (slice(0, n[0]), slice(n[0], sizes))
    factors = np.concatenate([found.ravel() for found in solution.factors])
    of_others = solution.factors[::-1]
    for region, here, there, others in zip(regions, places, places[::-1], of_others, strict=True):
        own = region.own.ravel()
        inverse[here] = np.divide(1.0, own, out=np.zeros_like(own), where=own > 0)
        system[here, there] = inverse[here, None] * _moved(region, others)
        shares = _shares(region)
        of_own[here, here] = shares - np.diag(factors[here])
        rest = shares - np.eye(len(own))
        noise[here, here] = _noise(region) + (rest * _rest_variance(region, others)) @ rest.T
        own_variance[here] = region.own_variance.ravel()
    to_factors = np.linalg.solve(system, np.diag(inverse))
    there_are = inverse > 0
    jets = np.divide(1.0, inverse, out=np.zeros_like(inverse), where=there_are)
    to_jets = jets[:, None] * to_factors
    own_to_factors = to_factors @ of_own
    own_to_jets = to_jets @ of_own + np.diag(factors)
    return Errors(
        to_factors @ noise @ to_factors.T + (own_to_factors * own_variance) @ own_to_factors.T,
        to_jets @ noise @ to_jets.T + (own_to_jets * own_variance) @ own_to_jets.T,
    )


def _moved(region: Sums, others: FloatArray) -> FloatArray:
    """What is subtracted in each bin, by factors of the other region that make no jets, (R B, R' B')."""
    scaled = region.other * _scales(region, others)[:, :, None]
    subtracted = scaled @ others.ravel()
    total = subtracted.sum(axis=1, keepdims=True)
    share = np.divide(subtracted, total, out=np.zeros_like(subtracted), where=total != 0)
    conserved = scaled - share[:, :, None] * scaled.sum(axis=1, keepdims=True)
    return np.asarray(conserved.reshape(region.data.size, -1))


def _shares(region: Sums) -> FloatArray:
    """Shares of data in the bins of a row, in a column for each of its bins, shape (R B, R B)."""
    n_rows, n_bins = region.data.shape
    found = np.zeros((n_rows * n_bins, n_rows * n_bins))
    for row, data in enumerate(region.data):
        here = slice(row * n_bins, (row + 1) * n_bins)
        found[here, here] = (data / data.sum())[:, None]
    return found


def _noise(region: Sums) -> FloatArray:
    """Covariance of the data, scaled to simulation, shape (R B, R B)."""
    total = np.repeat((region.own + region.rest).sum(axis=1), region.data.shape[1])
    n_data = np.repeat(region.data.sum(axis=1), region.data.shape[1])
    shares = _shares(region)
    share = region.data.ravel() / n_data
    return np.asarray((total**2 / n_data) * (np.diag(share) - shares * share))


def _rest_variance(region: Sums, others: FloatArray) -> FloatArray:
    """Variance of what is subtracted, by statistics of simulation, shape (R B,)."""
    of_other = region.other_variance @ (others.ravel() ** 2) * _scales(region, others) ** 2
    return np.asarray((of_other + region.c_variance).ravel())


def fluctuated(region: Sums, rng: np.random.Generator) -> Sums:
    """Another outcome: data by Poisson's law, simulation likewise with its effective counts."""

    def other(value: FloatArray, variance: FloatArray) -> FloatArray:
        there = (variance > 0) & (value > 0)
        weight = np.divide(variance, value, out=np.zeros_like(value), where=there)
        mean = np.divide(value, weight, out=np.zeros_like(value), where=there)
        return np.where(there, weight * rng.poisson(mean), value)

    return replace(
        region,
        data=rng.poisson(region.data).astype(np.float64),
        own=other(region.own, region.own_variance),
        other=other(region.other, region.other_variance),
        c=other(region.c, region.c_variance),
    )


def plain(values: FloatArray) -> tuple[float, ...]:
    """As records have them."""
    return tuple(values.tolist())
