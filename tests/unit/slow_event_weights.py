"""Event weights of `correction_files` by loops over events and jets, from P(data)/P(simulation)."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import correctionlib
import numpy as np

from tests.unit import correction_files as files

Jet = tuple[float, float, int, float]  # pt, eta, flavour, score
WithTracks = tuple[float, float, int, float, float]
ENDS = {4: (20.0, 800.0), 5: (20.0, 800.0), 0: (20.0, 1000.0)}  # pt of scale factors


def opened(folder: Path, *names: str) -> list[Any]:
    """Files as correctionlib has them."""
    return [correctionlib.CorrectionSet.from_file(str(folder / name)) for name in names]


def clamped(value: float, low: float, high: float) -> float:
    """Into a range whose upper end is out."""
    return float(min(max(value, low), np.nextafter(high, 0)))


def moved_factor(central: float, varied: float, beyond: bool) -> float:
    """A varied scale factor: beyond the range of pt twice as far away."""
    return central + 2 * (varied - central) if beyond else varied


def fixed(
    folder: Path,
    events: Sequence[Sequence[Jet]] | Sequence[Sequence[WithTracks]],
    points: Sequence[str],
    moved: str = "",
    which: str = "",
    by_tracks: Callable[[str, int, float], float] | None = None,
) -> tuple[list[float], list[float], Counter[str]]:
    """Weights of events, those of their jets, and counts.

    Args:
        folder: Of the files.
        events: Of jets.
        points: The loosest first.
        moved: `heavy` or `light`, varied by
        which: a systematic, or an end of the efficiencies, `eff_high` or `eff_low`.
        by_tracks: Efficiency at a point, of a flavour and tracks; None where it is that of the file. |eta|
            then ends where scale factors do, and tracks at 20.
    """
    factors, maps = opened(folder, "sf.json", "eff.json")
    weights: list[float] = []
    of_jets: list[float] = []
    counts = Counter(n_events=len(events))
    for event in events:
        weight = 1.0
        for pt, eta, flavour, score, *tracks in event:
            counts["n_jets"] += 1
            abseta = abs(float(np.float32(eta)))
            if abseta >= (2.5 if by_tracks else 2.4):
                counts["n_outside_abseta"] += 1
                continue
            low, high = ENDS[flavour]
            group = "heavy" if flavour else "light"
            factor_of, beyond = factors["tag_comb" if flavour else "tag_incl"], not low <= pt < high
            above = below = ratio_above = ratio_below = 0.0
            n_passed = sum(float(np.float32(score)) >= files.THRESHOLDS[point] for point in points)
            if n_passed == 0:
                above = ratio_above = 1.0
            for i, point in enumerate(points):
                at = point, flavour, abseta, clamped(pt, low, high)
                ratio = factor_of.evaluate("central", *at)
                map_of = maps[f"mc_{which}" if moved == group and which.startswith("eff_") else "mc_eff"]
                if moved == group and not which.startswith("eff_"):
                    ratio = moved_factor(ratio, factor_of.evaluate(which, *at), beyond)
                if by_tracks:
                    efficiency = by_tracks(point, flavour, *tracks)
                else:
                    efficiency = map_of.evaluate(flavour, point, abseta, clamped(pt, 30, 500))
                if i == n_passed - 1:
                    above, ratio_above = efficiency, ratio
                if i == n_passed:
                    below, ratio_below = efficiency, ratio
            of_jets.append(1.0)
            if n_passed == len(points):
                of_jets[-1] = ratio_above
            elif above > below:
                of_jets[-1] = (ratio_above * above - ratio_below * below) / (above - below)
            weight *= of_jets[-1]
            counts["n_not_tagged"] += score == -np.inf
            counts["n_pt_beyond_scale_factors"] += beyond
            counts["n_pt_beyond_efficiencies"] += not by_tracks and not 30 <= pt < 500
            counts["n_features_beyond_efficiencies"] += bool(by_tracks) and not tracks[0] <= 20
            counts["n_impossible"] += above <= below
        weights.append(weight)
    return weights, of_jets, counts


def shape(
    folder: Path, events: Sequence[Sequence[Jet]], source: str = "", direction: str = ""
) -> list[float]:
    """Products of scale factors."""
    (factors,) = opened(folder, "shape.json")
    weights = []
    for event in events:
        weight = 1.0
        for pt, eta, flavour, score in event:
            abseta = abs(float(np.float32(eta)))
            if abseta >= 2.5:
                continue
            at = flavour, abseta, clamped(pt, 20, 10000), clamped(float(np.float32(score)), -2, 1.1)
            factor = factors["tag_shape"].evaluate("central", *at)
            if flavour in files.SHAPE.get(source, ()):
                varied = factors["tag_shape"].evaluate(f"{direction}_{source}", *at)
                factor = varied if source == "jes" else moved_factor(factor, varied, not 20 <= pt < 10000)
            weight *= factor
        weights.append(weight)
    return weights
