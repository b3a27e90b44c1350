"""What measure found: scale factors by working point and bin of pt; what combinations and page read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from jetsmith.io import FloatArray, Stored


def chance(value: float, ndf: int) -> float | None:
    """Of a larger chi2; None without degrees of freedom, where nothing is tested."""
    return float(chi2.sf(value, ndf)) if ndf else None


@dataclass(frozen=True, slots=True)
class Factor(Stored):
    """A scale factor.

    Attributes:
        value: Efficiency in data over that in simulation.
        up: To the upper end of its profile-likelihood interval of 68.3%.
        down: To the lower end.
        independent: What no other bin shares: statistics of data and of simulation.
        sources: What each other source contributes, with its sign; one name is one source in all bins.
        nuisances: Value and error of each nuisance parameter after the fit, in widths before it.
        chi2: Of the fit, against the saturated model.
        ndf: Bins less free parameters; 0 where jets are counted alone: nothing is left to be tested.
    """

    value: float
    up: float
    down: float
    independent: float
    sources: dict[str, float]
    nuisances: dict[str, tuple[float, float]]
    chi2: float
    ndf: int

    @property
    def p(self) -> float | None:
        """As `chance`."""
        return chance(self.chi2, self.ndf)


@dataclass(frozen=True, slots=True)
class Pulls(Stored):
    """Of pseudo-experiments: (found - true) / error, as the profile likelihood has it.

    Attributes:
        n: Those whose fit finds a minimum, be it where no jets of the class pass, or all.
        failed: Those whose fit would be no result, as it ends there or finds none.
        mean: Of the pulls; 0, as what follows, of fewer than two.
        width: Their standard deviation.
        covered: Share whose interval of 68.3% holds the true value.
    """

    n: int
    failed: int
    mean: float
    width: float
    covered: float


def pulls_of(found: FloatArray, no_result: int) -> Pulls | None:
    """Of pseudo-experiments, NaN where one has none, shape (n,); and how many have no result."""
    good = found[np.isfinite(found)]
    if not len(found) and not no_result:
        return None
    if len(good) < 2:
        return Pulls(len(good), no_result, 0.0, 0.0, 0.0)
    covered = float((np.abs(good) <= 1).mean())
    return Pulls(len(good), no_result, float(good.mean()), float(good.std(ddof=1)), covered)


@dataclass(frozen=True, slots=True)
class Bin(Stored):
    """One fit.

    Attributes:
        purity: Share of the measured class in simulation; of negative tags among jets that pass.
        efficiency: Of the class in simulation, where there is a result.
        seen: Jets of data: bins of the variable that pass, then those that fail.
        fitted: Likewise jets of each class after the fit; of negative tags those of simulation, scaled.
        factor: None where there is no result, and `why` has the reason.
        why: A sentence for people.
        pulls: Of pseudo-experiments, where some were asked for.
        true: Of pseudo-data: efficiency of the other half of their events, over that in simulation.
        true_error: Of it, by the statistics of that half; of negative tags also by those of simulation.
        ratio: Of negative tags: in simulation, efficiency of the class over that of all with turned signs.
    """

    purity: float
    efficiency: float | None = None
    seen: tuple[float, ...] = ()
    fitted: dict[str, tuple[float, ...]] = field(default_factory=dict)
    factor: Factor | None = None
    why: str = ""
    pulls: Pulls | None = None
    true: float | None = None
    true_error: float | None = None
    ratio: float | None = None

    @property
    def n_data(self) -> int:
        """Jets of data."""
        return int(sum(self.seen))

    @property
    def away(self) -> float | None:
        """(found - true) / error, the error being that of the side and of the true value together."""
        if self.factor is None or self.true is None or self.true_error is None:
            return None
        away = self.factor.value - self.true
        side = self.factor.down if away > 0 else self.factor.up
        return away / float(np.hypot(side, self.true_error))


class Agreement(NamedTuple):
    """Of the scale factors of pseudo-data with the true ones, all bins of a working point together."""

    chi2: float
    ndf: int

    @property
    def p(self) -> float:
        """Chance of a larger chi2."""
        return float(chi2.sf(self.chi2, self.ndf))


@dataclass(frozen=True)
class Measurement(Stored):
    """A measurement.

    Attributes:
        measurement: Its name.
        judgement: Whose working points.
        measured: The class.
        flavor: Its code in correction files.
        simulation: Sample.
        data: Sample.
        is_pseudo: Whether the data are simulation, too.
        tag: Working point that another jet of the event passes, or none.
        variable: Feature that is fitted; empty: jets are counted.
        pt_edges_gev: P + 1 edges.
        thresholds: By working point.
        points: P bins by working point.
        method: As `FitSpec.method`.
        doubts: By working point the marks of calibrate, of those that few jets or ties fix.
        by: What the code means in simulation: `hadron_flavour` or `truth`.
    """

    measurement: str
    judgement: str
    measured: str
    flavor: int
    simulation: str
    data: str
    is_pseudo: bool
    tag: str
    variable: str
    pt_edges_gev: tuple[float, ...]
    thresholds: dict[str, float]
    points: dict[str, tuple[Bin, ...]]
    method: str = "fit"
    doubts: dict[str, str] = field(default_factory=dict)
    by: str = ""

    @property
    def how(self) -> str:
        """What is fitted, of which jets, in words."""
        if self.method == "negative_tags":
            return "negative tags"
        fitted = f"fit of {self.variable}" if self.variable else "count"
        return fitted + (f", another jet of the event passes {self.tag}" if self.tag else "")

    @property
    def agreement(self) -> dict[str, Agreement]:
        """By working point, of pseudo-data."""
        found = ((name, agreement(bins)) for name, bins in self.points.items())
        return {name: of for name, of in found if of is not None}

    @cached_property
    def complete(self) -> list[str]:
        """Working points that have a scale factor in each bin."""
        return [name for name, bins in self.points.items() if all(one.factor is not None for one in bins)]

    def why_not(self, point: str) -> str:
        """Reasons of the bins of a point that have no scale factor; empty where there are none."""
        edges = self.pt_edges_gev
        return "; ".join(
            f"{edges[k]:g} to {edges[k + 1]:g} GeV: {one.why}"
            for k, one in enumerate(self.points[point])
            if one.factor is None
        )


def agreement(bins: Sequence[Bin]) -> Agreement | None:
    """How scale factors agree with the true ones, with what their errors have in common; None without any.

    Distances are in errors of their side; correlations are those of the sources.
    """
    found = [(one, one.factor, one.away) for one in bins if one.factor is not None and one.away is not None]
    if not found:
        return None
    names = list(dict.fromkeys(name for _, factor, _ in found for name in factor.sources))
    moved = np.array([[factor.sources.get(name, 0.0) for name in names] for _, factor, _ in found])
    own = np.array([factor.independent**2 + (one.true_error or 0.0) ** 2 for one, factor, _ in found])
    moved /= np.sqrt((moved**2).sum(axis=1) + own)[:, None]
    away = np.array([distance for *_, distance in found])
    correlations = np.diag(1 - (moved**2).sum(axis=1)) + moved @ moved.T
    value = float(away @ np.linalg.solve(correlations, away))
    return Agreement(value, len(away))
