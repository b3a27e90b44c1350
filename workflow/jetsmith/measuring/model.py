"""The statistical model of one fit, as a workspace of pyhf.

Channels `pass` and `fail`, each with the bins of the variable. With N jets of the measured class, of which
the share e passes in simulation, `pass` has N·sf·e of them and `fail` N·(1 - sf·e): a straight line in the
scale factor sf, which two samples add up to, so that sf is the parameter of interest itself. N (`jets`) is
free, and so is sf, up to efficiencies a little above 1. The other classes have the rate and the efficiency of
simulation, within their uncertainties.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.measuring.templates import REGIONS
from jetsmith.specs.measurements import UncertaintiesSpec

POI = "sf"
JETS = "jets"
SMALLEST = 0.05  # of a factor: nuisance parameters leave some of every class
Varied = tuple[FloatArray, FloatArray]
"""Templates one standard deviation up and down."""


@dataclass(frozen=True)
class Templates:
    """What simulation says of one bin of pt; shape (2, C, B): regions, classes, bins of the variable.

    Attributes:
        nominal: Jets, of any normalisation.
        variance: Of these.
        varied: One standard deviation up and down, by source.
    """

    nominal: FloatArray
    variance: FloatArray
    varied: Mapping[str, Varied]

    @property
    def efficiency(self) -> float:
        """Of the measured class, the first one."""
        passing, failing = self.nominal[:, 0].sum(axis=1)
        return float(passing / (passing + failing))

    @property
    def jets(self) -> FloatArray:
        """As the fit has them, shape (2, C, B): none are negative, and a class of a negative sum is none."""
        return _positive(self.nominal)

    @property
    def purity(self) -> float:
        """Share of the measured class; 0 without jets."""
        jets = self.jets
        return float(jets[:, 0].sum() / jets.sum()) if jets.sum() > 0 else 0.0

    def check(self) -> None:
        """Raises an InputError that says why nothing can be fitted with these."""
        passing, failing = self.nominal[:, 0].sum(axis=1)
        if not (passing > 0 and failing > 0):
            raise InputError("simulation has no jets of the class that pass, or none that fail")


def workspace(
    templates: Templates, data: FloatArray, classes: Sequence[str], asked: UncertaintiesSpec, name: str
) -> dict[str, Any]:
    """A workspace of pyhf; bins that simulation leaves empty are left out.

    Args:
        templates: Scaled here to as many jets as data have.
        data: Jets of data, shape (2, B).
        classes: Names of the C classes, the measured one first.
        asked: Uncertainties.
        name: Of the measurement; rates of classes in its events are its own nuisance parameters.

    Raises:
        InputError: There are no jets, none that pass or fail, or data have some where simulation has none.
    """
    templates.check()
    if not data.sum() > 0:
        raise InputError("data have no jets")
    if not (data.sum(axis=1) > 0).all():
        raise InputError("no jets of data pass, or none fail; give fewer bins of pt, or more jets")
    sums, variances = templates.jets, templates.variance
    scale = data.sum() / sums.sum()
    nominal = sums * scale
    kept = nominal.sum(axis=1) > 0
    if (data[~kept] > 0).any():
        raise InputError(
            f"{int(data[~kept].sum())} jets of data are in bins of the variable where simulation has none; "
            "give wider bins"
        )
    efficiency = nominal[0, 0].sum() / nominal[:, 0].sum()
    for source, ends in templates.varied.items():
        if not all(_positive(end).sum() > 0 for end in ends):
            raise InputError(f"{source} leaves no jets; give fewer bins of pt, or a sample with more events")
    varied = {
        source: (_comparable(nominal, up), _comparable(nominal, down))
        for source, (up, down) in templates.varied.items()
    }
    errors = np.sqrt(variances) * scale
    channels, observations = [], []
    for region, channel in enumerate(REGIONS):
        bins = kept[region]
        if not bins.any():
            raise InputError(f"simulation has no jets that {channel}")
        samples = []
        for k, entry in enumerate(classes):
            if not nominal[region, k].sum() > 0:  # nothing to vary
                continue
            content = _Content(
                nominal[region, k][bins],
                errors[region, k][bins],
                {
                    source: (up[region, k][bins], down[region, k][bins])
                    for source, (up, down) in varied.items()
                },
            )
            if k == 0:
                samples += _measured(entry, channel, content, efficiency)
            else:
                factors = _factors(name, entry, nominal[:, k].sum(axis=1), region, asked)
                samples.append(_sample(entry, channel, content, factors))
        channels.append({"name": channel, "samples": samples})
        observations.append({"name": channel, "data": data[region][bins].tolist()})
    parameters = [
        {"name": POI, "inits": [1.0], "bounds": [[0.0, _most(nominal[1], efficiency)]]},
        {"name": JETS, "inits": [1.0], "bounds": [[0.0, max(10.0, 2 * data.sum() / nominal[:, 0].sum())]]},
    ]
    return {
        "channels": channels,
        "observations": observations,
        "measurements": [{"name": name, "config": {"poi": POI, "parameters": parameters}}],
        "version": "1.0.0",
    }


def all_pass(workspace: Mapping[str, Any]) -> float:
    """Scale factor at which all jets of the measured class pass, of a workspace as `workspace` makes it."""
    whole, passing = (sum(sample["data"]) for sample in workspace["channels"][1]["samples"][:2])
    return float(-whole / passing)


def statistic_of(channel: str) -> str:
    """Name of the nuisance parameters of a channel, one a bin, of the simulation's statistics."""
    return f"simulation_{channel}"


def passing_part(name: str) -> str:
    """Sample of channel `fail` that takes away what passes: jets of the class there are both samples' sum."""
    return f"{name}_passing"


def _positive(sums: FloatArray) -> FloatArray:
    """Without bins that negative weights leave below 0; each class in each region keeps its sum."""
    kept = np.maximum(sums, 0)
    before, after = np.maximum(sums.sum(axis=2, keepdims=True), 0), kept.sum(axis=2, keepdims=True)
    return np.asarray(kept * np.divide(before, after, out=np.zeros_like(after), where=after > 0))


def _most(failing: FloatArray, efficiency: float) -> float:
    """Largest scale factor: an efficiency of 1, or a little more, while enough others fail in each bin.

    An end where the truth may lie bends results and their intervals.
    """
    others = failing[1:].sum(axis=0)
    room = np.divide(others, failing[0], out=np.full(len(others), np.inf), where=failing[0] > 0)
    return float((1 + 0.5 * (1 - efficiency) * room.min()) / efficiency)


def _comparable(nominal: FloatArray, varied: FloatArray) -> FloatArray:
    """A variation scaled to as many jets in all; of the measured class it keeps the yield of each region.

    How many of these pass is what is measured, so a variation may change how they are distributed alone.
    """
    found = _positive(varied)
    found *= nominal.sum() / found.sum()
    before, after = nominal[:, :1].sum(axis=2, keepdims=True), found[:, :1].sum(axis=2, keepdims=True)
    found[:, :1] *= np.divide(before, after, out=np.ones_like(before), where=after > 0)
    return np.asarray(found)


@dataclass(frozen=True)
class _Content:
    """Yields of a class in a channel, their error, and what they are one deviation up and down, (B,) each."""

    yields: FloatArray
    error: FloatArray
    varied: Mapping[str, Varied]

    def times(self, factor: float) -> "_Content":
        """Other yields, with the same error."""
        varied = {source: (up * factor, down * factor) for source, (up, down) in self.varied.items()}
        return _Content(self.yields * factor, self.error, varied)


def _measured(name: str, channel: str, content: _Content, efficiency: float) -> list[dict[str, Any]]:
    """Samples of the class that is measured: those that fail are all of it less what passes."""
    if channel == REGIONS[0]:
        return [_sample(name, channel, content, free=(JETS, POI))]
    whole = content.times(1 / (1 - efficiency))
    # Both are one template, whose error the first one has.
    passing = replace(whole.times(-efficiency), error=0 * content.error)
    return [
        _sample(name, channel, whole, free=(JETS,)),
        _sample(passing_part(name), channel, passing, free=(JETS, POI)),
    ]


def _factors(
    measurement: str, name: str, yields: FloatArray, region: int, asked: UncertaintiesSpec
) -> dict[str, tuple[float, float]]:
    """By source, what one standard deviation up and down multiplies the yield of a class in a region by."""
    passing, failing = yields
    # What passes more does not fail; of a class of which few fail, not more than there are.
    mistag = min(asked.mistag, (1 - SMALLEST) * failing / passing) if passing > 0 else 0.0
    change = mistag if region == 0 else -mistag * passing / failing if failing > 0 else 0.0
    found = {f"{measurement}_{name}_rate": (1 + asked.rate, 1 - asked.rate)} if asked.rate else {}
    if mistag > 0:
        found[f"{name}_mistag"] = (1 + change, 1 - change)
    return found


def _sample(
    name: str,
    channel: str,
    content: _Content,
    factors: Mapping[str, tuple[float, float]] | None = None,
    free: Sequence[str] = (),
) -> dict[str, Any]:
    """A sample of a channel; factors that all of its bins share, and what free parameters multiply."""
    modifiers: list[dict[str, Any]] = [{"name": one, "type": "normfactor", "data": None} for one in free]
    modifiers += [
        {"name": source, "type": "normsys", "data": {"hi": up, "lo": down}}
        for source, (up, down) in (factors or {}).items()
    ]
    modifiers += [
        {"name": source, "type": "histosys", "data": {"hi_data": up.tolist(), "lo_data": down.tolist()}}
        for source, (up, down) in content.varied.items()
    ]
    modifiers.append({"name": statistic_of(channel), "type": "staterror", "data": content.error.tolist()})
    return {"name": name, "data": content.yields.tolist(), "modifiers": modifiers}
