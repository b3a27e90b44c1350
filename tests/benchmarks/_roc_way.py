"""What benchmark `roc` runs in processes of their own; a line of JSON each.

    python -m tests.benchmarks._roc_way WAY FOLDER

`make` writes five million jets with the scores of four taggers into the folder. All other ways have of each
tagger the curves of b against light and of b against c jets, and the working points of light jets:

- `ours`: from sums that are made once of each class; `ours_apart`: by `roc_curve` and `working_points`.
- `floor`: of each class a plain sort, and the cumulative sums that efficiencies and their errors are made of;
  `floor_apart`: likewise, for each curve and for the working points anew; `stable`: `floor` by a stable sort.
- `sklearn`: the curves alone, by scikit-learn. `areas`: the areas alone, ours.
- `check`: compares ours with the sums of `floor`, and fails where they differ.
"""

import json
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import metrics
from tests.benchmarks import _harness as harness

Array = np.ndarray[Any, Any]
Class = tuple[Array, Array]  # scores and weights

JETS = {"b": 1_000_000, "c": 1_000_000, "light": 3_000_000}
# Means of the logit of b, c and light jets, spread, and steps in which it is rounded.
TAGGERS = {
    "strong": ((6.0, 0.0, -6.0), 3.5, 0.0),
    "fair": ((4.0, 0.5, -3.0), 2.5, 0.0),
    "weak": ((1.0, 0.0, -1.0), 1.0, 0.0),
    "tied": ((4.0, 0.5, -3.0), 2.5, 0.02),
}
POINTS = (0.1, 0.01, 0.001, 0.0005, 0.0001)  # L, M, T, XT, XXT
N_POINTS = 500
TOLERANCE = 1e-12


def make(folder: Path) -> dict[str, int]:
    """Log-odds in float32, as score files have them; 2% of the jets of `weak` are not tagged."""
    rng = np.random.default_rng(1)
    for k, (name, n) in enumerate(JETS.items()):
        np.save(folder / f"weight_{name}.npy", rng.gamma(4, 0.25, n))
        for tagger, (means, spread, step) in TAGGERS.items():
            score = rng.normal(means[k], spread, n)
            if step:
                score = np.round(score / step) * step
            if tagger == "weak":
                score[rng.random(n) < 0.02] = -np.inf
            np.save(folder / f"{tagger}_{name}.npy", score.astype(np.float32))
    return {"jets": sum(JETS.values())}


def read(folder: Path) -> list[list[Class]]:
    """The classes of each tagger."""
    weights = {name: np.load(folder / f"weight_{name}.npy") for name in JETS}
    return [
        [(np.load(folder / f"{tagger}_{name}.npy"), weights[name]) for name in JETS] for tagger in TAGGERS
    ]


def ours(b: Class, c: Class, light: Class) -> tuple[list[metrics.Roc], list[metrics.WorkingPoint]]:
    """Curves and working points of a tagger; each class is looked at once."""
    bins = metrics.Bins(b[0], c[0], light[0])
    of_b, of_c, of_light = (metrics.Sums(*jets, bins, "jets") for jets in (b, c, light))
    curves = [metrics.roc_curve_of(of_b, other, N_POINTS) for other in (of_light, of_c)]
    return curves, metrics.working_points_of(of_light, POINTS)


def ours_apart(b: Class, c: Class, light: Class) -> None:
    """The same, of each a call of its own."""
    for other in (light, c):
        metrics.roc_curve(*b, *other, N_POINTS)
    metrics.working_points(*light, POINTS)


@dataclass
class Sorted:
    """A class in falling order of its scores, with sums of w and of w^2 of the jets up to each."""

    score: Array
    above: Array
    above2: Array

    def efficiency(self, threshold: Array) -> Array:
        """Of each threshold; all jets of one score pass together."""
        passing = np.searchsorted(-self.score, -threshold, side="right")
        return np.asarray(np.append(0.0, self.above)[passing] / self.above[-1])

    def threshold(self, target: Array) -> Array:
        """Highest score at which the efficiency, of positive weights, reaches each target."""
        reached = np.searchsorted(self.above, target * self.above[-1] * (1 - TOLERANCE))
        return np.asarray(self.score[reached])


def in_order(jets: Class, kind: Any = None) -> Sorted:
    """The plain sort."""
    score, weight = jets
    order = np.argsort(score, kind=kind)[::-1]
    weight = weight[order]
    return Sorted(score[order], np.cumsum(weight), np.cumsum(weight * weight))


def read_off(signal: Sorted, background: Sorted) -> None:
    """As many points of a curve as ours has."""
    at_signal = signal.threshold(np.linspace(0, 1, N_POINTS // 4 + 1)[1:])
    at_background = background.threshold(np.geomspace(1e-6, 1, N_POINTS - N_POINTS // 4))
    threshold = np.unique(np.append(at_signal, at_background))
    signal.efficiency(threshold)
    background.efficiency(threshold)


def floor(b: Class, c: Class, light: Class, kind: Any = None) -> None:
    """Each class is sorted once."""
    of_b, of_c, of_light = (in_order(jets, kind) for jets in (b, c, light))
    for other in (of_light, of_c):
        read_off(of_b, other)
    of_light.threshold(np.array(POINTS))


def floor_apart(b: Class, c: Class, light: Class) -> None:
    """Each curve, and the working points, sort what they need."""
    for other in (light, c):
        read_off(in_order(b), in_order(other))
    in_order(light).threshold(np.array(POINTS))


def sklearn(b: Class, c: Class, light: Class) -> None:
    """All points of both curves, without errors."""
    from sklearn.metrics import roc_curve

    for other in (light, c):
        truth = np.repeat([1, 0], [len(b[0]), len(other[0])])
        score, weight = (np.concatenate(pair) for pair in zip(b, other, strict=True))
        # It takes no -inf.
        score = np.maximum(score, np.finfo(np.float32).min)
        roc_curve(truth, score, sample_weight=weight, drop_intermediate=False)


def areas(b: Class, c: Class, light: Class) -> None:
    """Of both curves."""
    for other in (light, c):
        metrics.auc(*b, *other)


def check(b: Class, c: Class, light: Class) -> float:
    """Largest difference of an efficiency; 1 where a working point is another score than that of the sort."""
    of_b, of_c, of_light = (in_order(jets) for jets in (b, c, light))
    curves, points = ours(b, c, light)
    off = [0.0]
    for curve, other in zip(curves, (of_light, of_c), strict=True):
        for side, found in ((of_b, curve.signal_efficiency), (other, curve.background_efficiency)):
            off.append(float(abs(side.efficiency(curve.threshold) - found).max()))
    wanted = of_light.threshold(np.array(POINTS))
    off += [float(point.threshold != threshold) for point, threshold in zip(points, wanted, strict=True)]
    off.append(float(abs(of_light.efficiency(wanted) - [point.background.value for point in points]).max()))
    return max(off)


if __name__ == "__main__":
    way, folder = sys.argv[1], Path(sys.argv[2])
    if way == "make":
        said: dict[str, Any] = make(folder)
    elif way == "check":
        said = {"off": max(check(*classes) for classes in read(folder))}
        if said["off"] > TOLERANCE:
            sys.exit(f"ours differs from the plain sort by {said['off']:g}")
    else:
        ways = {
            "ours": ours,
            "ours_apart": ours_apart,
            "floor": floor,
            "floor_apart": floor_apart,
            "stable": partial(floor, kind="stable"),
            "sklearn": sklearn,
            "areas": areas,
        }
        classes = read(folder)
        if way == "sklearn":
            import sklearn.metrics  # not of its time
        said = harness.timed(lambda: [ways[way](*jets) for jets in classes])
    print(json.dumps(said))
