"""What benchmark `compare` runs in processes of their own; a line of JSON each.

    python -m tests.benchmarks._compare_way alarms paired|apart N   N pairs of runs that do not differ
    python -m tests.benchmarks._compare_way change NOISE N          N, the second rejects 1% more light jets

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

from jetsmith.comparing import figures
from jetsmith.comparing.compare import compare
from jetsmith.comparing.significance import apart
from jetsmith.handed.comparison import Comparison
from tests.benchmarks import _harness as harness
from tests.unit.compared_runs import make_jets, make_run, score

FEW, MANY = 13_300, 1_667_000  # jets of a run, of which 60% are test jets
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
    print(json.dumps(alarms(what, int(count)) if kind == "alarms" else change(float(what), int(count))))
