"""Score files and packed features of jets whose efficiencies are known, jet by jet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import io
from jetsmith.calibration.axes import axes_of
from jetsmith.calibration.learned import learn
from jetsmith.handed.learned import Learned
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.specs.features import Inputs, RawSpec
from jetsmith.specs.learned import NetworkSpec
from jetsmith.specs.run import EfficienciesSpec
from tests.unit.packed_jets import write_packed
from tests.unit.score_files import write_scores
from tests.unit.test_calibration import make_spec, whole_spec

Array = np.ndarray[Any, Any]

NAMES = ("pt", "tracks", "mirror", "hidden")
POINTS = {"M": 0.6, "L": 0.3}  # not in the order of thresholds
MARKS = {"M": "few", "L": ""}
FLAVOURS = {5: 510, 0: 0}  # code and truth
RAW = {
    "ak4": {
        "pt": RawSpec(source="jet_pt_gev", default=3.0, transform="log", unit="GeV"),
        "tracks": RawSpec(source="n_cpf", default=0.0),
        "mirror": RawSpec(source="n_npf", default=0.0),
        "hidden": RawSpec(source="n_sv", default=0.0),
    }
}
QUICK = NetworkSpec(
    hidden=(16,), members=4, epochs=25, patience=6, batch_size=256, learning_rate=0.01, bins=6
)


@dataclass(frozen=True)
class World:
    """How likely jets are to pass.

    Attributes:
        hidden: How much the efficiency depends on what no feature but `hidden` tells.
        negative: Share of jets with negative weights, which pass less often by `less`.
        less: A factor.
    """

    hidden: float = 0.0
    negative: float = 0.0
    less: float = 1.0

    def efficiency(self, code: int, values: Array) -> Array:
        """Of both points, the loosest first, shape (2, N); a function of tracks, not of pt alone."""
        tracks, hidden = values[:, 1], values[:, 3]
        loose = 1 / (1 + np.exp(-(0.35 * (tracks - 6) + self.hidden * hidden + (1.0 if code == 5 else -1.0))))
        return np.stack([loose, 0.5 * loose])


def jets(n: int, seed: int, world: World) -> tuple[arrays.Packed, dict[str, Array]]:
    """n jets, packed, and the columns of their scores: tracks rise with pt, `mirror` goes along with them."""
    rng = np.random.default_rng([seed, 5])
    code = rng.choice(list(FLAVOURS), n)
    pt = 30 + rng.exponential(50, n)
    tracks = rng.poisson(2 + 1.1 * np.log(pt))
    mirror = tracks + rng.normal(0, 1.5, n)
    values = np.stack([np.log(pt), tracks, mirror, rng.normal(0, 1, n)], axis=1).astype(np.float32)
    is_negative = rng.random(n)[np.arange(n) // 2] < world.negative  # events have weights, not jets
    chance = np.where(code == 5, world.efficiency(5, values), world.efficiency(0, values))
    chance = np.where(is_negative, chance * world.less, chance)
    dice = rng.random(n)
    n_passed = (dice < chance).sum(axis=0)
    event = (np.arange(n) // 2 + 1_000_000 * seed).astype(np.uint64)  # two jets an event
    key = {
        "run": np.ones(n, np.uint32),
        "luminosity_block": np.ones(n, np.uint32),
        "event": event,
    }
    label = np.array([FLAVOURS[c] for c in code], np.int32)
    weight = np.where(is_negative, -1.0, 1.0)
    kinematics = {
        "jet_pt_gev": pt.astype(np.float32),
        "jet_eta": rng.uniform(-2.4, 2.4, n).astype(np.float32),
    }
    packed = arrays.Packed(
        groups={"ak4": arrays.FlatGroup(values, NAMES)},
        label=label,
        weight=weight,
        columns={**key, "jet_index": np.zeros(n, np.int16), "dataset": np.zeros(n, np.int16), **kinematics},
        datasets=("first",),
        generators=("power",),
        sample="jets",
        split=SPLITS[seed % len(SPLITS)],
    )
    scores = {
        **key,
        **kinematics,
        "dataset": np.zeros(n, np.int16),
        "split": np.full(n, seed % len(SPLITS), np.int8),
        "label": label,
        "weight": weight,
        "discriminant": np.array([0.1, 0.4, 0.8])[n_passed],
        "scored": np.ones(n, bool),
    }
    return packed, scores


def inputs(*features: str) -> list[Inputs]:
    """Of the group."""
    if not features:
        return []
    return [Inputs(group="ak4", kind="flat", length=0, features=features, sources=features)]


def write(folder: Path, n: int, world: World, n_test: int = 0) -> None:
    """A packed sample, its scores, and what calibrate found: n jets in the split calibration."""
    tables = []
    for seed, split in enumerate(SPLITS):
        packed, scores = jets({"calibration": n, "test": n_test or n}.get(split, 50), seed, world)
        write_packed(folder / "packed" / split, packed)
        tables.append(scores)
    write_scores(
        folder / "scores.parquet", {key: np.concatenate([t[key] for t in tables]) for key in tables[0]}
    )
    points = {key: {"threshold": value, "doubt": MARKS[key]} for key, value in POINTS.items()}
    io.write_json(folder / "calibration.json", {"judgement": "deepcsv", "working_points": points})


def learned(
    folder: Path,
    given: tuple[str, ...],
    closes_in: tuple[str, ...],
    seed: int = 7,
    is_whole: bool = False,
    **changes: Any,
) -> Learned:
    """What stage learn finds of them, `is_whole` for a tagger whose codes are hadron flavours."""
    return learn(
        name="by_jet",
        spec=whole_spec() if is_whole else make_spec(),
        features=inputs(*given),
        closes_in=inputs(*closes_in),
        raw=RAW,
        scores=folder / "scores.parquet",
        calibration=folder / "calibration.json",
        packed=[folder / "packed/calibration/rows"],
        axes=axes_of((30, 50, 80, 120, 1000), (0, 1.2, 2.5), {}),
        settings=EfficienciesSpec(),
        network=QUICK.model_copy(update=changes),
        seed=seed,
        efficiencies=folder / "by_jet.onnx",
        numbers=folder / "by_jet.json",
    )
