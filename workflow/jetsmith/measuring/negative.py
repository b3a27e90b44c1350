"""Scale factors of light jets by negative tags, from sums of weights in one bin of pt.

Resolution makes signs of impact parameters of light jets at random, so that a negative tagger, the same one
given turned signs, mistags about as many. With the efficiency e- of all jets with turned signs, and by
simulation R = e(light)/e-, data have e(light) = e-(data) R, and the scale factor is e-(data) over e- of
simulation (CMS, arXiv:1211.4462, section 6, and arXiv:1712.07158; ATLAS flips signs likewise).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jetsmith.errors import InputError
from jetsmith.handed.measurement import Factor
from jetsmith.io import FloatArray
from jetsmith.measuring.fit import BEYOND
from jetsmith.metrics.efficiencies import LEVEL, binomial
from jetsmith.specs.measurements import UncertaintiesSpec

LARGEST = 0.5  # relative error of what is divided by: beyond it errors are no longer proportional


@dataclass(frozen=True)
class Tags:
    """Sums over jets of simulation, (2, C) each: regions (`templates.REGIONS`), classes, light ones first.

    Attributes:
        positive: Of weights, by the tagger as it is.
        negative: Of weights, by the tagger with turned signs.
        positive2: Of their squares.
        negative2: Likewise.
    """

    positive: FloatArray
    negative: FloatArray
    positive2: FloatArray
    negative2: FloatArray

    @property
    def light(self) -> float:
        """Efficiency of light jets."""
        return float(self.positive[0, 0] / self.positive[:, 0].sum())

    @property
    def turned(self) -> float:
        """Efficiency of all jets with turned signs."""
        return float(self.negative[0].sum() / self.negative.sum())

    @property
    def ratio(self) -> float:
        """R, the efficiency of light jets over that of all with turned signs."""
        return self.light / self.turned

    @property
    def purity(self) -> float:
        """Share of light jets among those that pass with turned signs; 0 without any."""
        passing = np.maximum(self.negative[0], 0)
        return float(passing[0] / passing.sum()) if passing.sum() > 0 else 0.0

    def check(self) -> None:
        """Raises an InputError that says what simulation lacks."""
        if not (self.positive[0, 0] > 0 and self.positive[1, 0] > 0):
            raise InputError("simulation has no light jets that pass, or none that fail")
        if not (self.negative[0].sum() > 0 and self.negative[1].sum() > 0):
            raise InputError("simulation has no jets that pass with turned signs, or none that fail")
        if not self.negative[0, 0] > 0:
            raise InputError("simulation has no light jets that pass with turned signs, which are measured")

    def with_more(self, place: int, rate: float) -> "Tags":
        """With (1 + rate) times as many jets of a class."""
        factor = np.ones(self.negative.shape[1])
        factor[place] += rate
        return replace(self, negative=self.negative * factor)

    def with_more_passing(self, place: int, share: float) -> "Tags":
        """With (1 + share) times as many of a class that pass with turned signs, of the same number."""
        passing, failing = self.negative[:, place]
        moved = np.zeros(self.negative.shape)
        moved[:, place] = min(share * passing, max(failing, 0.0)) * np.array([1.0, -1.0])
        return replace(self, negative=self.negative + moved)


@dataclass(frozen=True)
class Found:
    """A scale factor.

    Attributes:
        factor: With its interval and sources.
        pulls: (found - true) / error of each pseudo-experiment, the error of the side of the true value.
    """

    factor: Factor
    pulls: FloatArray


def light_factor(
    tags: Tags,
    data: FloatArray,
    others: Mapping[str, Sequence[Tags]],
    classes: Sequence[str],
    asked: UncertaintiesSpec,
    name: str,
    pseudo_experiments: int = 0,
    seed: int | list[int] = 0,
) -> Found:
    """The scale factor of one bin.

    Args:
        tags: Of simulation.
        data: Sums of weights, then of their squares, of jets of data that pass with turned signs and that
            fail, shape (2, 2).
        others: By source simulation one standard deviation up, and down; of one alone the other side is the
            mirror image.
        classes: Names of the C classes, light jets first.
        asked: Uncertainties.
        name: Of the measurement; rates of classes in its events are its own.
        pseudo_experiments: Drawn at the result.
        seed: Of these.

    Raises:
        InputError: No jets, none that pass, or none that fail, or too few in simulation; more that pass in
            data than there are.
    """
    tags.check()
    for source, of in others.items():
        for one in of:
            _named(one, source)
    if not data[0].sum() > 0:
        raise InputError("data have no jets")
    if not (data[0] > 0).all():
        raise InputError("no jets of data pass with turned signs, or none fail; give fewer bins of pt")
    seen = efficiency_of(data[0], data[1])
    expected = efficiency_of(tags.negative.sum(axis=1), tags.negative2.sum(axis=1))
    factor = seen.value / tags.turned
    relative = {
        source: shift for source, shift in _shifts(tags, others, classes, asked, name).items() if shift != 0
    }
    of_simulation = expected.error / expected.value
    if of_simulation > LARGEST:
        raise InputError(
            f"simulation knows how many pass with turned signs to {of_simulation:.0%} alone, {LARGEST:.0%} "
            "at most; give fewer bins of pt, or a sample with more events"
        )
    n = float(seen.n_effective)

    def ends(efficiency: FloatArray, scale: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Distances to the upper and to the lower end where so many of n pass, and simulation is so."""
        total = np.full(efficiency.shape, n)
        _, low, high, _ = binomial(efficiency * n, efficiency * n, total, total, LEVEL)
        rest = np.hypot(of_simulation, np.linalg.norm([*relative.values(), 0.0])) * efficiency
        return np.hypot(high - efficiency, rest) / scale, np.hypot(efficiency - low, rest) / scale

    up, down = (float(end) for end in ends(np.array(seen.value), np.array(tags.turned)))
    if (above := (factor - 1 / tags.light) / down) > BEYOND:
        raise InputError(
            f"{factor * tags.light:.0%} of the light jets would pass in data, {above:.1f} errors above all "
            "of them: what passes with turned signs in simulation is not what does in data"
        )
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(len(relative) + 1, pseudo_experiments))
    # What the simulation gets wrong, data have right: the true factor is the one found.
    nature = 1 + np.array([*relative.values()]) @ normal[1:] if relative else np.ones(pseudo_experiments)
    drawn = rng.binomial(max(round(n), 1), np.clip(seen.value * nature, 0, 1)) / max(round(n), 1)
    scale = tags.turned * np.maximum(1 + of_simulation * normal[0], 1e-3)
    away = drawn / scale - factor
    higher, lower = ends(drawn, scale)
    error = np.where(away > 0, lower, higher)
    pulls = np.full(pseudo_experiments, np.nan)
    some = (drawn > 0) & (drawn < 1)  # as for data
    pulls[some] = away[some] / error[some]
    return Found(
        Factor(
            value=factor,
            up=up,
            down=down,
            independent=factor * float(np.hypot(seen.error / seen.value, of_simulation)),
            sources={source: factor * shift for source, shift in relative.items()},
            nuisances={},
            chi2=0.0,
            ndf=0,
        ),
        pulls,
    )


@dataclass(frozen=True)
class WithError:
    """With half of its interval of 68.3%, and effective jets."""

    value: float
    error: float
    n_effective: float


def efficiency_of(sums: FloatArray, squares: FloatArray) -> WithError:
    """Of sums of weights, and of their squares, that pass and that fail; shape (2,) each."""
    total, total2 = np.asarray(sums.sum()), np.asarray(squares.sum())
    value, low, high, n = binomial(sums[0], squares[0], total, total2, LEVEL)
    return WithError(float(value), float(high - low) / 2, float(n))


def _named(tags: Tags, source: str) -> None:
    try:
        tags.check()
    except InputError as error:
        raise InputError(f"{source}: {error}; give fewer bins of pt, or a sample with more events") from error


def _shifts(
    tags: Tags,
    others: Mapping[str, Sequence[Tags]],
    classes: Sequence[str],
    asked: UncertaintiesSpec,
    name: str,
) -> dict[str, float]:
    """Of each source what one standard deviation changes R by, relative to it, with its sign.

    That is half of what lies between both ends; where they lie on one side, which half would be next to
    nothing of, the larger one.
    """
    found: dict[str, float] = {}

    def change(up: Tags, *down: Tags) -> float:
        ends = [one.ratio / tags.ratio - 1 for one in (up, *down)]
        if len(ends) == 1:
            return ends[0]
        return max(ends, key=abs) if ends[0] * ends[1] > 0 else (ends[0] - ends[1]) / 2

    for place, entry in enumerate(classes):
        if not place:
            continue
        if tags.negative[:, place].any():  # negative weights may have the larger part, and are as uncertain
            found[f"{name}_{entry}_rate"] = change(
                tags.with_more(place, asked.rate), tags.with_more(place, -asked.rate)
            )
        if tags.negative[0, place] > 0:
            found[f"{entry}_negative_mistag"] = change(
                tags.with_more_passing(place, asked.mistag), tags.with_more_passing(place, -asked.mistag)
            )
    return found | {source: change(*of) for source, of in others.items()}
