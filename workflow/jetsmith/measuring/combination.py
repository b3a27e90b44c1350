"""Several measurements of one scale factor as one: the best linear unbiased estimate, with correlations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jetsmith.handed.measurement import chance
from jetsmith.io import FloatArray


@dataclass(frozen=True)
class Measured:
    """Scale factors of one working point in P bins of pt, by one measurement or several together.

    Attributes:
        value: Shape (P,).
        up: To the upper end of the interval, everything together, shape (P,).
        down: To the lower end, shape (P,).
        independent: Statistics of data and of simulation, shape (P,): of one measurement no bin shares them.
        sources: What each source contributes, with its sign, shape (P,) by name: those of one name move
            together in all bins and all measurements.
    """

    value: FloatArray
    up: FloatArray
    down: FloatArray
    independent: FloatArray
    sources: Mapping[str, FloatArray]


@dataclass(frozen=True)
class Combined(Measured):
    """Of M measurements.

    Attributes:
        weights: Of the M measurements in each bin, shape (P, M, P): of all bins of each; they add up to 1 for
            the bin itself, to 0 for others.
        correlations: Of `independent` between bins, shape (P, P): by the weights bins share their statistics.
        chi2: Of all differences.
        ndf: (M - 1) P.
    """

    weights: FloatArray
    correlations: FloatArray
    chi2: float
    ndf: int

    @property
    def p(self) -> float | None:
        """Chance of a larger chi2; None of one measurement."""
        return chance(self.chi2, self.ndf)


def combine(measured: Sequence[Measured]) -> Combined:
    """The linear combination with the smallest variance (Lyons, Gibaut and Clifford, NIM A270 (1988) 110).

    Errors are the independent part and sources, in quadrature; of one measurement alone its own two sides.

    Args:
        measured: Of independent events, in the same P bins.
    """
    n, n_bins = len(measured), len(measured[0].value)
    value = np.concatenate([one.value for one in measured])
    independent = np.concatenate([one.independent for one in measured])
    names = list(dict.fromkeys(name for one in measured for name in one.sources))
    nothing = np.zeros(n_bins)
    by_source = [[one.sources.get(name, nothing) for one in measured] for name in names]
    shifts = np.array(by_source).reshape(len(names), n * n_bins)
    covariance = np.diag(independent**2) + shifts.T @ shifts
    design = np.tile(np.eye(n_bins), (n, 1))
    inverse = np.linalg.inv(covariance)
    weights = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse)
    best = weights @ value
    away = value - design @ best
    statistics = weights * independent
    alone = np.linalg.norm(statistics, axis=1)
    moved = {name: weights @ shift for name, shift in zip(names, shifts, strict=True)}
    error = np.sqrt(alone**2 + sum((shift**2 for shift in moved.values()), np.zeros(n_bins)))
    one = measured[0] if n == 1 else None
    return Combined(
        value=best,
        up=one.up if one else error,
        down=one.down if one else error,
        independent=alone,
        sources=moved,
        weights=weights.reshape(n_bins, n, n_bins),
        correlations=statistics @ statistics.T / np.outer(alone, alone),
        chi2=float(away @ inverse @ away),
        ndf=(n - 1) * n_bins,
    )
