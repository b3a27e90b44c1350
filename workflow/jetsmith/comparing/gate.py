"""For the CI of a tagger: may the second run be worse than the first by no more than a tolerance?"""

import math
from collections.abc import Sequence

from scipy import special

from jetsmith.comparing.significance import LEVEL
from jetsmith.handed.comparison import Gate, Number
from jetsmith.texts import minus

EXIT = {"passed": 0, "failed": 3, "not conclusive": 4}
"""Exit status of the command; 1 is an error, 2 a mistake in its arguments."""


def gate(
    numbers: Sequence[Number],
    unjudged: Sequence[str],
    tolerance: float,
    level: float = LEVEL,
) -> Gate:
    """Judge the background rejection of the second run over that of the first, at each mistag rate.

    It fails where a loss above the tolerance is established for any number (the level is shared by all of
    them, after Bonferroni), and passes where one is excluded for all, each at the level. Jets that are too
    few can do neither: that is not passed.

    Args:
        numbers: All of the comparison.
        unjudged: Curves of the first run of which `numbers` have nothing, each with the reason.
        tolerance: Largest loss of rejection, as a fraction.
        level: Chance of a wrong `failed`, and of a wrong `passed`.
    """
    tested = [(number, number.rejection) for number in numbers if number.rejection is not None]
    lost: list[str] = []
    unknown = list(unjudged)
    for number, ratio in tested:
        change = minus(f"{100 * (ratio.value - 1):+.2f}")
        line = f"{number.subject}, {number.what}: rejection {change} ± {100 * ratio.error:.2f}%"
        beyond = math.log(1 - tolerance) - math.log(ratio.value)  # above 0 where more is lost
        if beyond > 0 and _tail(beyond, ratio.error / ratio.value) < level / len(tested):
            lost.append(line)
        elif beyond > 0 or _tail(-beyond, ratio.error / ratio.value) >= level:
            unknown.append(line)
    if lost:
        return Gate(tolerance, "failed", tuple(lost))
    if unknown or not tested:
        return Gate(tolerance, "not conclusive", tuple(unknown) or ("no number of the same jets",))
    return Gate(tolerance, "passed", ())


def _tail(distance: float, error: float) -> float:
    """Chance of so large a distance, or a larger one, where there is none."""
    return float(special.ndtr(-distance / error)) if error > 0 else 0.0
