"""Protects the calibration files: correctionlib reads them, and they say what numpy says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import correctionlib
import numpy as np
import pytest

from jetsmith import io
from jetsmith.calibration import calibrate
from jetsmith.calibration.maps import Jets, efficiency_map
from jetsmith.errors import InputError
from jetsmith.specs import (
    ClassifierSpec,
    ClassSpec,
    DiscriminantSpec,
    EvaluationSpec,
    Inputs,
    TrainingSpec,
)

PT = (30.0, 50.0, 100.0, 300.0)
ETA = (0.0, 1.2, 2.5)
POINTS = {"L": 0.1, "M": 0.01, "T": 0.001}
B = ClassSpec(name="b_jets", truth=(500, 510), label="b", color="#1f77b4", flavor=5)
C = ClassSpec(name="c_jets", truth=(400,), label="c", color="#ff7f0e", flavor=4)
LIGHT = ClassSpec(name="light_jets", truth=(0, 1), label="light", color="#2ca02c", flavor=0)
OTHER = ClassSpec(name="not_b_jets", truth=(0, 1, 400), label="not b", color="#7f7f7f")


def make_spec(backgrounds: tuple[ClassSpec, ...] = (LIGHT, C)) -> ClassifierSpec:
    """A tagger of b jets."""
    return ClassifierSpec(
        name="deepcsv",
        role="tagger",
        sample="jets",
        backend="xgboost",
        title="DeepCSV",
        object="ak4",
        classes=(B, C, LIGHT),
        inputs=(Inputs(group="ak4", kind="flat", length=0, features=("x",), sources=("x",)),),
        training=TrainingSpec(),
        discriminant=DiscriminantSpec(signal=("b_jets",), background={"light_jets": 1.0}),
        evaluation=EvaluationSpec(signal="b_jets", backgrounds=tuple(c.name for c in backgrounds)),
        signal_class=B,
        background_classes=backgrounds,
    )


def make_scores(path: Path, n: int = 40_000, seed: int = 1) -> dict[str, Any]:
    """Scores of all splits; no c jets above 100 GeV, some jets outside the pt bins."""
    rng = np.random.default_rng(seed)
    label = rng.choice([500, 510, 400, 0, 1], n, p=[0.15, 0.05, 0.1, 0.3, 0.4]).astype("i4")
    pt = (20 + rng.exponential(60, n)).astype("f4")
    pt[(label == 400) & (pt >= 100)] = 60.0
    level = np.select([label >= 500, label == 400], [2.0, 0.7], 0.0)
    table = {
        "split": rng.choice(4, n, p=[0.1, 0.1, 0.4, 0.4]).astype("i1"),
        "label": label,
        "weight": np.where(rng.random(n) < 0.1, -1.0, 1.0),
        "jet_pt_gev": pt,
        "jet_eta": rng.uniform(-2.5, 2.5, n).astype("f4"),
        "discriminant": (1 / (1 + np.exp(-(rng.standard_normal(n) + level)))).astype("f4"),
        "scored": np.ones(n, bool),
    }
    io.write_rows(path, ak.zip(table, depth_limit=1))
    return table


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """The folder, the scores and the numbers."""
    folder = tmp_path_factory.mktemp("calibration")
    table = make_scores(folder / "scores.parquet")
    outputs = folder / "deepcsv.json", folder / "numbers.json"
    calibrate(make_spec(), folder / "scores.parquet", POINTS, PT, ETA, *outputs)
    return folder, table, json.loads((folder / "numbers.json").read_text())


def test_correctionlib_accepts_the_file(calibrated: tuple[Path, dict[str, Any], dict[str, Any]]) -> None:
    """`correction validate` and `correction summary`, as users run them."""
    path = str(calibrated[0] / "deepcsv.json")
    tool = Path(sys.executable).parent / "correction"
    subprocess.run([tool, "validate", "--version", "2", path], check=True, capture_output=True)
    summary = subprocess.run([tool, "summary", path], check=True, capture_output=True, text=True).stdout
    for word in ("deepcsv_wp_values", "deepcsv_eff", "deepcsv_eff_low", "deepcsv_eff_high", "sample jets"):
        assert word in summary


def test_thresholds_are_those_of_the_calibration_split(
    calibrated: tuple[Path, dict[str, Any], dict[str, Any]],
) -> None:
    """The background efficiency in split calibration is the target, and the test split agrees."""
    folder, table, numbers = calibrated
    evaluator = correctionlib.CorrectionSet.from_file(str(folder / "deepcsv.json"))
    light = np.isin(table["label"], LIGHT.truth) & (table["split"] == 2)
    weight = table["weight"][light]
    for name, target in POINTS.items():
        threshold = evaluator["deepcsv_wp_values"].evaluate(name)
        passing = table["discriminant"][light] >= threshold
        assert weight[passing].sum() / weight.sum() == pytest.approx(target, rel=0.1)
        point = numbers["working_points"][name]
        assert point["threshold"] == pytest.approx(threshold, rel=1e-15)
        assert (passing == (table["discriminant"][light] >= point["threshold"])).all()
        assert point["threshold_low"] < threshold < point["threshold_high"]
        assert point["efficiencies"]["light_jets"]["value"] == pytest.approx(target, rel=0.6)
    assert numbers["working_points"]["L"]["reliable"]
    assert not numbers["working_points"]["T"]["reliable"]
    assert numbers["threshold_class"] == "light_jets"


def test_efficiencies_are_numpys(calibrated: tuple[Path, dict[str, Any], dict[str, Any]]) -> None:
    """Each bin, jet by jet of the test split; jets outside the pt bins count in the end bins."""
    folder, table, numbers = calibrated
    evaluator = correctionlib.CorrectionSet.from_file(str(folder / "deepcsv.json"))
    test = table["split"] == 3
    abseta = np.abs(table["jet_eta"])
    for entry in (B, C, LIGHT):
        of_class = test & np.isin(table["label"], entry.truth)
        for i, j in np.ndindex(len(ETA) - 1, len(PT) - 1):
            low_pt = 0 if j == 0 else PT[j]
            high_pt = np.inf if j == len(PT) - 2 else PT[j + 1]
            pt = table["jet_pt_gev"]
            chosen = of_class & (abseta >= ETA[i]) & (abseta < ETA[i + 1] + (i == 1))
            in_bin = chosen & (pt >= low_pt) & (pt < high_pt)
            empty = not in_bin.any()
            rows = chosen if empty else in_bin
            weight = table["weight"][rows]
            passing = table["discriminant"][rows] >= numbers["working_points"]["M"]["threshold"]
            want = np.clip(weight[passing].sum() / weight.sum(), 0, 1)
            place = ("M", entry.flavor, (ETA[i] + ETA[i + 1]) / 2, (PT[j] + PT[j + 1]) / 2)
            ends = ("", "_low", "_high")
            value, low, high = (evaluator[f"deepcsv_eff{end}"].evaluate(*place) for end in ends)
            assert value == pytest.approx(want, abs=1e-12)
            assert low <= value <= high
            flagged = {"flavor": entry.flavor, "abseta_bin": i, "pt_bin": j} in numbers["bins_without_jets"]
            assert flagged == empty
    assert {f["flavor"] for f in numbers["bins_without_jets"]} == {4}


def test_pt_clamps_and_eta_does_not(calibrated: tuple[Path, dict[str, Any], dict[str, Any]]) -> None:
    """The edge 2.5 itself is inside; unknown flavors and working points are errors."""
    evaluator = correctionlib.CorrectionSet.from_file(str(calibrated[0] / "deepcsv.json"))["deepcsv_eff"]
    assert evaluator.evaluate("L", 5, 0.5, 5000.0) == evaluator.evaluate("L", 5, 0.5, 299.0)
    assert evaluator.evaluate("L", 5, 0.5, 1.0) == evaluator.evaluate("L", 5, 0.5, 31.0)
    assert evaluator.evaluate("L", 5, 2.5, 60.0) == evaluator.evaluate("L", 5, 2.4, 60.0)
    for wrong in (("L", 5, 2.51, 60.0), ("L", 6, 1.0, 60.0), ("XXT", 5, 1.0, 60.0)):
        with pytest.raises((IndexError, RuntimeError)):
            evaluator.evaluate(*wrong)


def test_small_samples_leave_tight_points_out_and_say_so(tmp_path: Path) -> None:
    """300 jets cannot define 0.1%; nothing at all is an error that names the file."""
    make_scores(tmp_path / "scores.parquet", 600)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    calibrate(make_spec(), tmp_path / "scores.parquet", POINTS, PT, ETA, *outputs)
    numbers = json.loads(outputs[1].read_text())
    assert "T" in numbers["undefined"]
    assert "T" not in numbers["working_points"]
    values = correctionlib.CorrectionSet.from_file(str(outputs[0]))["deepcsv_wp_values"]
    assert "left out for lack of jets" in values.description
    with pytest.raises(InputError, match=r"scores\.parquet.*light_jets"):
        calibrate(make_spec(), tmp_path / "scores.parquet", {"T": 1e-3}, PT, ETA, *outputs)


def test_classes_without_code_are_quoted_but_not_corrected(tmp_path: Path) -> None:
    """`not_b_jets` fixes the thresholds and has no place on the flavor axis."""
    make_scores(tmp_path / "scores.parquet", 5000)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    calibrate(make_spec((OTHER, C)), tmp_path / "scores.parquet", {"L": 0.1}, PT, ETA, *outputs)
    numbers = json.loads(outputs[1].read_text())
    assert numbers["threshold_class"] == "not_b_jets"
    assert set(numbers["working_points"]["L"]["efficiencies"]) == {"b_jets", "not_b_jets", "c_jets"}
    evaluator = correctionlib.CorrectionSet.from_file(str(outputs[0]))["deepcsv_eff"]
    with pytest.raises((IndexError, RuntimeError)):
        evaluator.evaluate("L", 0, 1.0, 60.0)


def test_scores_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """A NaN never counts as a jet that fails the cut."""
    table = make_scores(tmp_path / "scores.parquet", 600)
    table["discriminant"][np.flatnonzero(table["split"] == 3)[0]] = np.nan
    io.write_rows(tmp_path / "scores.parquet", ak.zip(table, depth_limit=1))
    with pytest.raises(InputError, match=r"column discriminant: 1 of .* values that are not finite"):
        calibrate(make_spec(), tmp_path / "scores.parquet", POINTS, PT, ETA, tmp_path / "o", tmp_path / "n")


def test_empty_eta_bins_take_the_inclusive_value() -> None:
    """No jets in an |eta| bin: the value of all jets of the class."""
    rng = np.random.default_rng(2)
    n = 500
    jets = Jets(rng.random(n), np.ones(n), np.zeros(n, int), rng.uniform(30, 300, n), rng.uniform(0, 1, n))
    found = efficiency_map(jets, 0.7, PT, ETA)
    assert found.value[1] == pytest.approx(np.full(3, np.mean(jets.score >= 0.7)))
    assert not found.filled_mask[1].any()
    with pytest.raises(InputError, match=r"500 of 500 jets have \|eta\| outside the bins, 2 to 2\.5"):
        efficiency_map(jets, 0.7, PT, (2.0, 2.5))
    with pytest.raises(InputError, match="no jets"):
        efficiency_map(Jets(*(values[:0] for values in vars(jets).values())), 0.7, PT, ETA)
