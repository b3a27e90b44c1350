"""Mock inputs of the plot and report tests, and tests of what several plots read."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.plots import inputs
from jetsmith.specs.classifiers import (
    ClassifierSpec,
    ClassSpec,
    DiscriminantSpec,
    EvaluationSpec,
    TrainingSpec,
)
from jetsmith.specs.features import Inputs
from tests.unit.score_files import write_scores

FLAVOURS = {
    "b_jets": ClassSpec(name="b_jets", truth=(500, 510), label="b", color="#1f77b4", flavor=5),
    "c_jets": ClassSpec(name="c_jets", truth=(400,), label="c", color="#ff7f0e", flavor=4),
    "light_jets": ClassSpec(name="light_jets", truth=(0, 1, 2), label="light", color="#2ca02c", flavor=0),
}
WORKING_POINTS = {"L": 0.1, "M": 0.01, "T": 0.001}


def make_spec(
    name: str = "deepjet", title: str = "DeepJet", folds: int = 0, **changes: Any
) -> ClassifierSpec:
    """A tagger of b, c and light jets."""
    content: dict[str, Any] = {
        "name": name,
        "role": "tagger",
        "sample": "demo_ak4",
        "folds": folds,
        "backend": "keras",
        "model": "deepjet",
        "title": title,
        "object": "ak4",
        "classes": tuple(FLAVOURS.values()),
        "inputs": (
            Inputs(group="ak4", kind="flat", length=0, features=("jet_pt",), sources=("jet_pt_gev",)),
        ),
        "training": TrainingSpec(),
        "discriminant": DiscriminantSpec(signal=("b_jets",), background={"light_jets": 0.9, "c_jets": 0.1}),
        "evaluation": EvaluationSpec(signal="b_jets", backgrounds=("light_jets", "c_jets")),
        "signal_class": FLAVOURS["b_jets"],
        "background_classes": (FLAVOURS["light_jets"], FLAVOURS["c_jets"]),
    }
    return ClassifierSpec.model_validate(content | changes)


def make_scores(path: Path, n: int = 30_000, power: float = 3.0, seed: int = 1) -> Path:
    """A score file of the documented form: jets whose class shows in the score with this power.

    The same seed gives the same jets, whatever the power.
    """
    rng = np.random.default_rng(seed)
    label = rng.choice([500, 510, 400, 0, 1, 2], n, p=[0.2, 0.05, 0.15, 0.2, 0.2, 0.2]).astype(np.int32)
    mean = np.select([label >= 500, label == 400], [power, power * 0.45], 0.0)
    pt = rng.exponential(80, n) + 30
    logit = rng.normal(mean, 1.3) + 0.3 * np.log(pt / 80) - power / 2
    rows = {
        "run": np.ones(n, np.uint32),
        "event": np.arange(n, dtype=np.uint64),
        "split": rng.choice(len(SPLITS), n, p=[0.3, 0.1, 0.2, 0.4]).astype(np.int8),
        "label": label,
        "weight": rng.choice([1.0, 1.0, 1.0, -0.4], n),
        "jet_pt_gev": pt.astype(np.float32),
        "jet_eta": rng.uniform(-2.5, 2.5, n).astype(np.float32),
        "discriminant": (1 / (1 + np.exp(-logit))).astype(np.float32),
        "scored": np.ones(n, bool),
    }
    write_scores(path, rows)
    return path


def make_numbers(path: Path, tagger: str = "deepjet", seed: int = 1) -> Path:
    """A numbers file of calibrate."""
    shift = 0.02 * seed
    points = {
        name: {
            "target": target,
            "threshold": threshold + shift,
            "threshold_low": threshold + shift - error,
            "threshold_high": threshold + shift + error,
            "doubt": "" if target > 0.002 else "few",
        }
        for (name, target), threshold, error in zip(
            WORKING_POINTS.items(), (0.45, 0.77, 0.92), (0.002, 0.006, 0.02), strict=True
        )
    }
    io.write_json(path, {"tagger": tagger, "working_points": points})
    return path


def test_read_test_reads_the_test_split_alone(tmp_path: Path) -> None:
    """Protects: no reported number may rest on jets that were trained or calibrated on."""
    path = make_scores(tmp_path / "scores.parquet", n=500)
    jets = inputs.read_test(path, make_spec())
    split = np.asarray(io.read_rows(path)["split"])
    assert len(jets.label) == (split == SPLITS.index("test")).sum() < 500


def test_scores_that_are_not_finite_name_the_file(tmp_path: Path) -> None:
    """Protects: NaN scores must stop the run, not vanish from a curve."""
    path = make_scores(tmp_path / "scores.parquet", n=50)
    rows = io.read_rows(path)
    io.write_rows(path, ak.with_field(rows, np.full(50, np.nan, np.float32), "p_b_jets"))
    with pytest.raises(InputError, match=r"scores\.parquet: column p_b_jets: .* not finite"):
        inputs.read_test(path, make_spec())


def test_thresholds_of_a_wrong_file_say_so(tmp_path: Path) -> None:
    """Protects: a file of another form is named, with the remedy."""
    io.write_json(tmp_path / "numbers.json", {"working_points": {"L": {"threshold": 1}}})
    with pytest.raises(InputError, match=r"numbers\.json: working_points.*run calibrate again"):
        inputs.read_thresholds(tmp_path / "numbers.json")


def test_thresholds_run_from_loose_to_tight(tmp_path: Path) -> None:
    """Protects: markers and legends keep the order L, M, T whatever the order of the file."""
    points = inputs.read_thresholds(make_numbers(tmp_path / "numbers.json"))
    assert [point.name for point in points] == ["L", "M", "T"]
    assert [point.doubt for point in points] == ["", "", "few"]


def test_digits_round_to_significant_digits() -> None:
    """Protects: small mistag rates keep their digits."""
    assert inputs.digits([0.000123456789, 1.0]) == (0.000123457, 1.0)
