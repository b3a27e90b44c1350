"""How the taggers of a run compare on its test jets: `FOLDER SAMPLE COMPARISONS SEED SIGNAL BACKGROUND`.

The answer is a line of JSON; the classes are those that judge each tagger alone. Jets count 1 each.

Replicas draw each event, with all of its jets, a Poisson(1) number of times, the same for all taggers: what
lies between two of them is known better than either.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith import io, metrics
from jetsmith.configuration.load import load
from jetsmith.configuration.records import read_yaml
from jetsmith.hashing import SPLITS
from jetsmith.scored import discriminant
from jetsmith.specs.classifiers import DiscriminantSpec

Array = npt.NDArray[Any]
REPLICAS = 300
MISTAG = {"1e-1": 1e-1, "1e-2": 1e-2, "1e-3": 1e-3}
CLASSES = ("signal", "background")
AT_SIGNAL = {"3e-1": 0.3, "5e-1": 0.5}
QUANTILES = (0.1587, 0.8413)


@dataclass(frozen=True)
class Task:
    """Which jets are told from which, and by which discriminant of which tagger.

    Attributes:
        name: Of the tagger.
        signal, background: Truth that judges.
        of: The discriminant; None for the tagger's own.
    """

    name: str
    signal: str
    background: str
    of: DiscriminantSpec | None = None


def measures(values: Array, is_signal: Array, is_background: Array, times: Array) -> dict[str, Array]:
    """Area, signal efficiencies at fixed background efficiencies, and the other way round, shape (R,) each.

    Args:
        values: Discriminant, shape (N,); -inf for jets that pass nothing.
        is_signal: Shape (N,).
        is_background: Shape (N,).
        times: How often each jet counts, shape (R, N).
    """
    used = is_signal | is_background
    values, signal = values[used], is_signal[used]
    names = ("auc", *(f"efficiency_{m}" for m in MISTAG), *(f"passing_{m}" for m in AT_SIGNAL))
    found: dict[str, list[float]] = {name: [] for name in names}
    for drawn in times[:, used].astype(np.float64):
        found["auc"].append(metrics.auc(values[signal], drawn[signal], values[~signal], drawn[~signal]))
        passed = metrics.efficiencies_at(values, drawn, signal, list(MISTAG.values()))
        for name, efficiency in zip(MISTAG, passed, strict=True):
            found[f"efficiency_{name}"].append(float(efficiency))
        passed = metrics.efficiencies_at(values, drawn, ~signal, list(AT_SIGNAL.values()))
        for name, efficiency in zip(AT_SIGNAL, passed, strict=True):
            found[f"passing_{name}"].append(float(efficiency))
    return {name: np.asarray(numbers) for name, numbers in found.items()}


def poisson(events: Array, seed: int) -> Array:
    """How often each jet counts: once in the first line, else as its event was drawn; (1 + R, N)."""
    _, event = np.unique(events, return_inverse=True)
    drawn = np.random.default_rng(seed).poisson(1.0, (REPLICAS, event.max() + 1)).astype(np.uint8)
    return np.concatenate([np.ones((1, len(event)), np.uint8), drawn[:, event]])


def interval(numbers: Array) -> dict[str, float]:
    """The first of the numbers, and the central interval of the others."""
    low, high = np.quantile(numbers[1:], QUANTILES)
    return {"value": float(numbers[0]), "low": float(low), "high": float(high)}


def main(
    folder: Path,
    sample: str,
    comparisons: list[dict[str, Any]],
    seed: int,
    signal: str,
    background: str,
) -> None:
    """Print areas and efficiencies of every tagger of a sample, and the comparisons."""
    root = Path(__file__).parent.parent.parent
    run = load(
        read_yaml(folder / "config" / "config.yaml") | {"seed": seed}, [folder / "config", root / "config"]
    )
    judged = [name for name in run.run.taggers if sample in run.samples_of(name)]
    tables = {name: _test_jets(folder, name, sample) for name in judged}
    first = next(iter(tables.values()))
    times = poisson(first["event"], seed)
    flavours = read_yaml(root / "config" / "flavours.yaml")
    sides = [comparison[side] for comparison in comparisons for side in ("better", "worse")]
    classes = dict.fromkeys([signal, background, *(side[of] for side in sides for of in CLASSES)])
    truths = {name: np.isin(first["label"], flavours[name]["truth"]) for name in classes}

    def of(task: Task) -> dict[str, Array]:
        spec = run.classifiers[task.name]
        chosen = task.of or spec.discriminant
        assert chosen is not None
        values = discriminant(tables[task.name], chosen, spec.class_names).astype(np.float64)
        return measures(
            np.where(np.isnan(values), -np.inf, values), truths[task.signal], truths[task.background], times
        )

    alone = {name: of(Task(name, signal, background)) for name in tables}
    taggers = {name: {key: interval(n) for key, n in found.items()} for name, found in alone.items()}
    found = []
    for comparison in comparisons:
        by, how = comparison["by"], comparison["how"]
        better, worse = (of(_task(comparison[side])) for side in ("better", "worse"))
        between = better[by] / worse[by] if how == "ratio" else better[by] - worse[by]
        found.append(interval(between))
    counts = {name: int(mask.sum()) for name, mask in truths.items()}
    print(json.dumps({"taggers": taggers, "comparisons": found, "test_jets": counts}))


def _task(given: Mapping[str, Any]) -> Task:
    of = given.get("of")
    return Task(**{**given, "of": DiscriminantSpec.model_validate(of) if of else None})


def _test_jets(folder: Path, tagger: str, sample: str) -> dict[str, Array]:
    """Columns of the score file of a tagger, of test jets."""
    path = folder / "results" / "scores" / tagger / f"{sample}.parquet"
    rows = io.read_rows(path, list(io.column_names(path)), classifier=tagger, sample=sample)
    here = np.asarray(rows["split"]) == SPLITS.index("test")
    return {name: np.asarray(rows[name])[here] for name in rows.fields}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
