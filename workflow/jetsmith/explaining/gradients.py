"""Integrated gradients (Sundararajan, Taly and Yan, arXiv 1703.01365), by any function that has gradients.

What a value owes to each input on the straight way from a baseline: the input's own step times the mean of
the gradient along the way. All of it adds up to the value less that of the baseline, where the function is
continuous and the steps are enough: that is compared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from jetsmith.io import FloatArray

FIRST, MOST = 16, 256  # steps
TOLERANCE = 0.01

Arrays = Mapping[str, FloatArray]
Function = Callable[[Arrays], tuple[FloatArray, Arrays]]
"""Of inputs, shape (n, …) each, their values, shape (n,), and the gradient of each with respect to them."""


@dataclass(frozen=True)
class Integrated:
    """What each of n values owes to its inputs.

    Attributes:
        shares: By the names of the inputs, in their shapes.
        rest: What the shares lack of value less baseline, shape (n,).
        whole: Value less baseline, shape (n,).
        steps: How many were enough, or the most there are.
    """

    shares: Arrays
    rest: FloatArray
    whole: FloatArray
    steps: int

    @property
    def residual(self) -> float:
        """Mean size of the rest over that of the whole."""
        return residual(self.rest, self.whole)


def residual(rest: FloatArray, whole: FloatArray) -> float:
    """Mean size of what is lacking over that of the whole; 0 where there is nothing to share."""
    size = float(np.abs(whole).sum())
    lacking = float(np.abs(rest).sum())
    return lacking / size if size > 0 else float(lacking > 0)


def integrated(function: Function, inputs: Arrays) -> Integrated:
    """Share values among their inputs, from the baseline 0; steps are doubled until they are enough.

    Args:
        function: Of which the values are.
        inputs: Shape (n, …) each.
    """
    whole = function(inputs)[0] - function({name: 0 * x for name, x in inputs.items()})[0]
    steps = FIRST
    while True:
        shares = _shares(function, inputs, steps)
        total = sum(x.reshape(len(x), -1).sum(axis=1) for x in shares.values())
        found = Integrated(shares, whole - total, whole, steps)
        if found.residual <= TOLERANCE or steps == MOST:
            return found
        steps *= 2


def _shares(function: Function, inputs: Arrays, steps: int) -> dict[str, FloatArray]:
    """By the midpoints of equal steps: kinks of a network, which are anywhere, cost the square of a step."""
    sums = {name: np.zeros(x.shape) for name, x in inputs.items()}
    for step in range(steps):
        gradient = function({name: (step + 0.5) / steps * x for name, x in inputs.items()})[1]
        for name, total in sums.items():
            total += gradient[name]
    return {name: x * sums[name] / steps for name, x in inputs.items()}
