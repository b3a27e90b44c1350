"""What benchmark `compare` runs in processes of their own; a line of JSON each.

    python -m tests.benchmarks._compare_way alarms paired|apart N   N pairs of runs that do not differ
    python -m tests.benchmarks._compare_way change NOISE N          N, the second rejects 1% more light jets
    python -m tests.benchmarks._compare_way further same|other N    N, with planes, scale factors, resilience

Runs are those of the tests of `jetsmith.comparing`: results folders of one tagger, whose scores are a
Gaussian logit (30% b, 20% c, 50% light jets) and noise of the training's own. Nothing is drawn.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from statistics import NormalDist
from typing import Any
from unittest import mock

import numpy as np

from jetsmith.comparing import figures
from jetsmith.comparing.compare import compare
from jetsmith.comparing.folder import Results
from jetsmith.comparing.measured import of_resilience, of_scale_factors
from jetsmith.comparing.planes import of_planes
from jetsmith.comparing.significance import apart, judged
from jetsmith.handed.comparison import Comparison
from tests.benchmarks import _harness as harness
from tests.unit import compared_runs
from tests.unit.compared_runs import make_jets, make_run, score

FEW, SOME, MANY = 13_300, 100_000, 1_667_000  # jets of a run, of which 60% are test jets
OWN, SCALE, CHANGE = (
    0.02,
    0.03,
    0.004,
)  # errors of made-up scale factors, statistical and of a source, and of changes
MORE = 0.1  # by which the logit of b jets moves: 1% more of them pass the looser cuts
NOISE = 0.3
SIGNAL = 2.5  # mean of the logit, of b jets; of light ones it is 0


def compared(folder: Path, first: Any, second: Any) -> tuple[Comparison, float]:
    """Two runs of jets with scores, compared; and the seconds of that."""
    runs = [make_run(folder / name, *one) for name, one in (("a", first), ("b", second))]
    began = time.perf_counter()
    with mock.patch.object(figures, "overlay", return_value=[]):
        found = compare(*runs, folder / "page")
    return found, time.perf_counter() - began


def alarms(way: str, n: int) -> dict[str, Any]:
    """How many of the pairs differ in any number."""
    wrong, tested = 0, []
    for k in range(n):
        jets = [make_jets(FEW, 2 * k), make_jets(FEW, 2 * k + (way == "apart"))]
        with tempfile.TemporaryDirectory(dir=harness.INPUTS) as folder:
            runs = [(one, score(one, NOISE, 10_000 + 2 * k + i)) for i, one in enumerate(jets)]
            found, _ = compared(Path(folder), *runs)
        wrong += bool(found.differing)
        tested.append(found.n_tested)
    share = wrong / n
    return {
        "comparisons": n,
        "numbers": statistics.median(tested),
        "alarms": harness.significant(share, 2),
        "alarms_error": harness.significant((share * (1 - share) / n) ** 0.5, 2),
    }


def shift_of(noise: float, gain: float = 0.01) -> float:
    """By how much signal has to move for so much more rejection of light jets at 1% mistag."""
    spread = (1 + noise**2) ** 0.5
    at = NormalDist(0, spread).inv_cdf(0.99)
    return NormalDist(0, spread).inv_cdf(1 - 0.01 / (1 + gain)) - at


def change(noise: float, n: int) -> dict[str, Any]:
    """Of areas, efficiencies and ratios of rejections against light jets: how sure, and how often found."""
    numbers: dict[str, list[Any]] = {}
    seconds = []
    for k in range(n):
        jets = make_jets(MANY, k)
        before, after = score(jets, noise, 2 * k), score(jets, noise, 2 * k + 1, shift_of(noise))
        with tempfile.TemporaryDirectory(dir=harness.INPUTS) as folder:
            found, took = compared(Path(folder), (jets, before), (jets, after))
        seconds.append(took)
        for number in found.numbers:
            if number.paired and "light" in number.what and " of " not in number.what:
                numbers.setdefault(number.what, []).append(number)
    return {"numbers": {what: _found(of) for what, of in numbers.items()}, "seconds": harness.median(seconds)}


def further(way: str, n: int) -> dict[str, dict[str, Any]]:
    """Planes, scale factors and changes by what is other, the same but for chance, or others.

    Scale factors and changes are drawn by their errors, sources of the former alike in both runs; shifted by
    3 errors of their difference. Planes are of trainings on the same jets, and shifted by b jets that are
    found more often, a hundredth of those behind the looser cuts.
    """
    rng, is_other = np.random.default_rng(5), way == "other"
    pulls: dict[str, list[float]] = {}
    wrong: dict[str, list[bool]] = {}
    for k in range(n):
        jets, source = make_jets(SOME, 3 * k), rng.normal()
        with tempfile.TemporaryDirectory(dir=harness.INPUTS) as folder:
            runs = []
            for i, name in enumerate(("a", "bb")):
                more = is_other and i == 1
                factors = [
                    compared_runs.factor(
                        0.95 + OWN * rng.normal() + SCALE * source + 3 * 2**0.5 * OWN * more, OWN, SCALE
                    )
                    for _ in range(2)
                ]
                changed = -0.02 + CHANGE * rng.normal() - 3 * 2**0.5 * CHANGE * more
                scores = score(jets, NOISE, 10_000 + 2 * k + i, MORE * more)
                run = compared_runs.make_more(Path(folder) / name, jets, scores, tuple(factors), changed)
                runs.append(Results(run))
            first, second = runs
            kinds = {
                "planes": of_planes(first, second)[1],
                "scale factors": of_scale_factors(first, second),
                "resilience": of_resilience(first, second),
            }
            found = iter(judged([number for numbers in kinds.values() for number in numbers]))
            for kind, numbers in kinds.items():
                tested = [one for one in [next(found) for _ in numbers] if one.z is not None]
                if is_other and kind == "planes":
                    tested = [one for one in tested if one.what == "b efficiency of L"]
                pulls.setdefault(kind, []).extend(one.z for one in tested if one.z is not None)
                wrong.setdefault(kind, []).append(any(one.differs for one in tested))
    said = {
        kind: {
            "errors_away": statistics.mean(pulls[kind]),
            "found": statistics.mean(map(float, wrong[kind])),
        }
        if is_other
        else {"spread": statistics.pstdev(pulls[kind]), "alarms": statistics.mean(map(float, wrong[kind]))}
        for kind in pulls
    }
    return {kind: {k: harness.significant(x, 2) for k, x in of.items()} for kind, of in said.items()}


def _found(numbers: list[Any]) -> dict[str, float]:
    errors = [abs(number.difference.value / number.z) for number in numbers if number.z]
    single = [apart(number.before, number.after)[1] for number in numbers if number.z]
    ratios = [number.rejection.error for number in numbers if number.rejection is not None]
    found = {
        "errors_away": statistics.mean(number.z for number in numbers),
        "found": sum(number.differs for number in numbers) / len(numbers),
        "error_over_apart": statistics.median(a / b for a, b in zip(errors, single, strict=True)),
    }
    found |= {"rejection_error": statistics.median(ratios)} if ratios else {}
    return {name: harness.significant(value, 2) for name, value in found.items()}


if __name__ == "__main__":
    harness.INPUTS.mkdir(parents=True, exist_ok=True)
    kind, what, count = sys.argv[1:]
    ways = {"alarms": alarms, "further": further, "change": lambda noise, n: change(float(noise), n)}
    print(json.dumps(ways[kind](what, int(count))))
