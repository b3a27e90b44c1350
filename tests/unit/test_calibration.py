"""Protects the calibration files: correctionlib reads them, and they say what numpy says."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import correctionlib
import numpy as np
import numpy.typing as npt
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jetsmith import metrics
from jetsmith.calibration import calibrate
from jetsmith.calibration.axes import axes_of, places
from jetsmith.calibration.flat import flat_points
from jetsmith.calibration.maps import EfficiencyMap, counts, efficiency_map, find_thresholds, grouped
from jetsmith.calibration.smooth import lines
from jetsmith.errors import InputError
from jetsmith.scored import ScoredJets, as_coded, class_of, in_common, read_split
from jetsmith.specs.classifiers import (
    ClassifierSpec,
    ClassSpec,
    DiscriminantSpec,
    EvaluationSpec,
    JudgedClass,
    TrainingSpec,
)
from jetsmith.specs.datasets import SelectionSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.run import CalibrationSpec, MarksSpec, PointsSpec, RunSpec
from tests.unit.score_files import scored_jets, write_scores

ROOT = Path(__file__).parents[2]
PT = (30.0, 50.0, 100.0, 300.0)
ETA = (0.0, 1.2, 2.5)
POINTS = {"L": 0.1, "M": 0.01, "T": 0.001}
ANY = PointsSpec(allow_few_passing=True, min_effective=0)
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


def mapped(
    jets: ScoredJets, threshold: float, abseta: tuple[float, ...] = ETA, min_effective: float = 0.0
) -> EfficiencyMap:
    """The map of jets at or above a threshold."""
    axes = axes_of(PT, abseta, {})
    return efficiency_map(
        jets.weight, places(jets, axes), jets.discriminant >= threshold, axes, min_effective
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
    write_scores(path, table)
    return table


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """The folder, the scores and the numbers."""
    folder = tmp_path_factory.mktemp("calibration")
    table = make_scores(folder / "scores.parquet")
    outputs = folder / "deepcsv.json", folder / "numbers.json"
    calibrate(make_spec(), folder / "scores.parquet", POINTS, PT, ETA, *outputs, settings=ANY)
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
    assert [numbers["working_points"][name]["doubt"] for name in POINTS] == ["", "few", "few"]
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
            rows = chosen & (pt >= PT[1]) & (pt < PT[2]) if empty else in_bin  # those next to it
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
    """300 jets cannot define 0.1%; where that is all, file and numbers have no point, and say why."""
    make_scores(tmp_path / "scores.parquet", 600)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    calibrate(make_spec(), tmp_path / "scores.parquet", POINTS, PT, ETA, *outputs, settings=ANY)
    numbers = json.loads(outputs[1].read_text())
    assert "T" in numbers["undefined"]
    assert "T" not in numbers["working_points"]
    values = correctionlib.CorrectionSet.from_file(str(outputs[0]))["deepcsv_wp_values"]
    assert "left out, for lack of jets or of a threshold" in values.description
    calibrate(make_spec(), tmp_path / "scores.parquet", {"T": 1e-3}, PT, ETA, *outputs, settings=ANY)
    numbers = json.loads(outputs[1].read_text())
    assert (numbers["working_points"], list(numbers["undefined"])) == ({}, ["T"])
    assert "leave less than one above it" in numbers["undefined"]["T"]
    corrections = correctionlib.CorrectionSet.from_file(str(outputs[0]))
    assert "left out, for lack of jets or of a threshold: T" in corrections["deepcsv_eff"].description
    for name, inputs in (("deepcsv_wp_values", ["T"]), ("deepcsv_eff", ["T", 5, 1.0, 60.0])):
        with pytest.raises((IndexError, RuntimeError)):
            corrections[name].evaluate(*inputs)


def test_a_background_without_jets_stops_with_the_file(tmp_path: Path) -> None:
    """Of few jets points are left out; of none nothing can be said, and the run does not go on."""
    table = make_scores(tmp_path / "scores.parquet", 600)
    kept = ~((table["split"] == 2) & np.isin(table["label"], LIGHT.truth))
    write_scores(tmp_path / "scores.parquet", {key: values[kept] for key, values in table.items()})
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    with pytest.raises(InputError, match=r"scores\.parquet: split calibration, class light_jets: .*: 0 jets"):
        calibrate(make_spec(), tmp_path / "scores.parquet", POINTS, PT, ETA, *outputs, settings=ANY)


def test_classes_without_code_are_quoted_but_not_corrected(tmp_path: Path) -> None:
    """`not_b_jets` fixes the thresholds and has no place on the flavor axis."""
    make_scores(tmp_path / "scores.parquet", 5000)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    calibrate(make_spec((OTHER, C)), tmp_path / "scores.parquet", {"L": 0.1}, PT, ETA, *outputs, settings=ANY)
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
    write_scores(tmp_path / "scores.parquet", table)
    with pytest.raises(InputError, match=r"column p_b_jets: 1 of .* values that are not finite"):
        calibrate(
            make_spec(),
            tmp_path / "scores.parquet",
            POINTS,
            PT,
            ETA,
            tmp_path / "o",
            tmp_path / "n",
            settings=ANY,
        )


def test_empty_eta_bins_take_the_inclusive_value() -> None:
    """No jets in an |eta| bin: the value of all jets of the class."""
    rng = np.random.default_rng(2)
    n = 500
    jets = scored_jets(rng.random(n), pt_gev=rng.uniform(30, 300, n), abseta=rng.uniform(0, 1, n))
    found = mapped(jets, 0.7)
    assert found.value[1] == pytest.approx(np.full(3, np.mean(jets.discriminant >= 0.7)))
    assert not found.filled_mask[1].any()
    with pytest.raises(InputError, match=r"500 of 500 jets have \|eta\| outside the bins, 2 to 2\.5"):
        mapped(jets, 0.7, (2.0, 2.5))
    with pytest.raises(InputError, match="no jets"):
        mapped(scored_jets(np.zeros(0)), 0.7)


def test_saturated_scores_count_the_same_for_everybody(tmp_path: Path) -> None:
    """Threshold at a score with many ties: numbers, map and users of the file count the same jets."""
    table = make_scores(tmp_path / "scores.parquet", 20_000)
    top = np.float32(1)
    below = np.nextafter(top, np.float32(0))  # half a bit below it NumPy rounds to even, that is to the next
    lower = np.nextafter(below, np.float32(0))
    rng = np.random.default_rng(4)
    kind = rng.choice(4, 20_000, p=[0.65, 0.1, 0.15, 0.1])
    plain = np.minimum(table["discriminant"], 0.99)
    score = table["discriminant"] = np.choose(kind, [plain, lower, below, top]).astype("f4")
    write_scores(tmp_path / "scores.parquet", table)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    target = 0.2
    calibrate(
        make_spec(),
        tmp_path / "scores.parquet",
        {"L": target},
        (0.0, 1e5),
        (0.0, 2.5),
        *outputs,
        settings=ANY,
    )
    numbers = json.loads(outputs[1].read_text())["working_points"]["L"]
    evaluator = correctionlib.CorrectionSet.from_file(str(outputs[0]))
    light = np.isin(table["label"], LIGHT.truth)
    calibration = light & (table["split"] == 2)
    weight = table["weight"]
    reached = [
        v
        for v in sorted(set(score[calibration].tolist()), reverse=True)
        if weight[calibration & (score.astype(float) >= v)].sum() >= target * weight[calibration].sum()
    ]
    assert reached[0] == float(below)
    here = light & (table["split"] == 3)
    right = weight[here & (score.astype(float) >= reached[0])].sum() / weight[here].sum()
    for threshold in (numbers["threshold"], evaluator["deepcsv_wp_values"].evaluate("L")):
        for jets in (score, score.astype(np.float64)):
            found = weight[here & (jets >= threshold)].sum() / weight[here].sum()
            assert found == pytest.approx(right, abs=1e-12)
    assert numbers["efficiencies"]["light_jets"]["value"] == pytest.approx(right, abs=1e-12)
    assert evaluator["deepcsv_eff"].evaluate("L", 0, 1.0, 60.0) == pytest.approx(right, abs=1e-12)


def test_jets_that_were_not_tagged_fail_and_are_counted(tmp_path: Path) -> None:
    """They are in the denominators of thresholds and efficiencies; those without a score are in none."""
    table = make_scores(tmp_path / "scores.parquet", 20_000)
    rng = np.random.default_rng(5)
    share = np.select([table["label"] >= 500, table["label"] == 400], [0.02, 0.08], 0.25)
    kind = np.select([(draw := rng.random(20_000)) < share, draw < share + 0.03], [1, 2], 0)
    table["discriminant"] = np.select([kind == 1, kind == 2], [-np.inf, np.nan], table["discriminant"])
    table["discriminant"] = table["discriminant"].astype("f4")
    table["scored"] = kind != 2
    write_scores(tmp_path / "scores.parquet", table)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    calibrate(
        make_spec(), tmp_path / "scores.parquet", {"L": 0.1, "XL": 0.9}, PT, ETA, *outputs, settings=ANY
    )
    numbers = json.loads(outputs[1].read_text())
    assert "can pass a threshold" in numbers["undefined"]["XL"]
    point = numbers["working_points"]["L"]
    light, weight, known = np.isin(table["label"], LIGHT.truth), table["weight"], kind != 2
    for split, name in ((2, "threshold_sample"), (3, "classes")):
        of_split = light & (table["split"] == split)
        here = of_split & known
        passing = here & (np.nan_to_num(table["discriminant"], nan=-1) >= point["threshold"])
        value = weight[passing].sum() / weight[here].sum()
        if split == 2:
            assert value == pytest.approx(0.1, abs=5e-4)
        else:
            assert point["efficiencies"]["light_jets"]["value"] == pytest.approx(value, abs=1e-12)
        counts = numbers[name] if split == 2 else numbers[name]["light_jets"]
        n_failing = int((of_split & (kind == 1)).sum())
        assert counts["n_jets"] == here.sum()
        assert (counts["n_not_tagged"], counts["share_not_tagged"]) == (n_failing, n_failing / here.sum())
        n_left_out = int((of_split & (kind == 2)).sum())
        assert counts["n_without_score"] == n_left_out
        assert counts["share_without_score"] == n_left_out / of_split.sum()


def test_a_target_of_only_untagged_jets_is_undefined() -> None:
    """No point can be had: the message says how far thresholds reach."""
    n = 1000
    score = np.append(np.random.default_rng(6).random(100), np.full(n - 100, -np.inf))
    jets = scored_jets(score)
    found, undefined = find_thresholds(jets, {"L": 0.5}, MarksSpec())
    assert not found
    assert "only 0.1 of the background can pass a threshold" in undefined["L"]
    found, undefined = find_thresholds(jets, {"L": 0.5, "M": 0.05}, MarksSpec(min_passing=50))
    assert (list(found), list(undefined)) == (["M"], ["L"])
    assert undefined["L"].endswith("are not tagged; ask for another efficiency, or take more jets")


def sparse_jets() -> ScoredJets:
    """Jets of one class that rarely pass at low pt and mostly at high; bins between and forward have none."""
    rng = np.random.default_rng(7)
    n = np.array([4000, 40])
    pt, share = np.repeat([40.0, 200.0], n), np.repeat([0.1, 0.8], n)
    total = int(n.sum())
    return scored_jets((rng.random(total) < share).astype("f4"), pt_gev=pt)


def test_empty_bins_know_less_than_any_filled_one() -> None:
    """Their interval holds those of all bins that they borrow from: never narrower, at least their spread."""
    jets = sparse_jets()
    found = mapped(jets, 0.5)
    assert found.filled_mask.tolist() == [[True, False, True], [False] * 3]
    inclusive = np.mean(jets.discriminant)
    filled = found.filled_mask
    assert found.high[filled].min() < found.low[filled].max()  # the two bins differ
    for i, j in np.argwhere(~filled):
        borrowed = found.value[0, 2] if i == 0 else inclusive  # of the next bin in pt, or of all jets
        assert found.value[i, j] == pytest.approx(borrowed)
        assert found.low[i, j] == found.low[filled].min()
        assert found.high[i, j] == found.high[filled].max()
        assert found.high[i, j] - found.low[i, j] >= (found.high - found.low)[filled].max()


def test_an_empty_bin_borrows_from_its_own_eta_bin_alone() -> None:
    """Jets of another |eta| do not widen it where its own has some."""
    jets = sparse_jets()
    rng = np.random.default_rng(8)
    both = scored_jets(
        np.append(jets.discriminant, rng.random(50) < 0.99),
        pt_gev=np.append(jets.pt_gev, np.full(50, 200.0)),
        abseta=np.append(np.zeros(len(jets)), np.full(50, 2.0)),
    )
    found = mapped(both, 0.5)
    alone = mapped(jets, 0.5)
    assert (found.low[0, 1], found.high[0, 1]) == (alone.low[0, 1], alone.high[0, 1])
    assert (found.low[1, 0], found.high[1, 0]) == (found.low[1, 2], found.high[1, 2])


def test_bins_whose_weights_cancel_borrow_too() -> None:
    """Two jets of weights 1 and -1 define no efficiency."""
    score, pt = np.array([1.0, 0.0, 1.0, 0.0]), np.array([40.0, 40, 200, 200])
    jets = scored_jets(score, [1.0, -1, 1, 1], pt_gev=pt)
    found = mapped(jets, 0.5, (0.0, 2.5))
    assert found.filled_mask.tolist() == [[False, False, True]]
    assert found.value[0, 0] == pytest.approx(1.0)  # of its group: 1 + 1 of 1 - 1 + 1 + 1


def test_the_description_lists_what_is_not_known(tmp_path: Path) -> None:
    """Empty and shared bins by flavour, point and edges; points in doubt; flavours without jets."""
    table = make_scores(tmp_path / "scores.parquet", 20_000)
    forward = np.abs(table["jet_eta"]) >= 1.2
    lonely = (table["label"] == 400) & (table["jet_pt_gev"] < 50) & forward
    table["jet_pt_gev"][lonely] = 60.0
    table["label"][(table["label"] >= 500) & (table["split"] == 3)] = 999
    write_scores(tmp_path / "scores.parquet", table)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    calibrate(
        make_spec(), tmp_path / "scores.parquet", {"L": 0.1, "T": 0.001}, PT, ETA, *outputs, settings=ANY
    )
    content = json.loads(outputs[0].read_text())
    assert json.loads(outputs[1].read_text())["flavors_without_jets"] == [5]
    texts = {entry["name"]: entry["description"] for entry in content["corrections"]}
    for text in (content["description"], texts["deepcsv_eff"], texts["deepcsv_eff_low"]):
        assert "not reliable, for lack of jets or for ties at the threshold: T" in text
        assert "no jets of flavor 5 (b_jets), which has no efficiencies" in text
        assert (
            "bins that share their few jets: flavor 4 at L, T: |eta| 0 to 1.2, pt 50 to 300 GeV; "
            "|eta| 1.2 to 2.5, pt 30 to 300 GeV; bins without jets"
        ) in text
        assert (
            "flavor 4 at L, T: |eta| 0 to 1.2, pt 100 to 300 GeV; |eta| 1.2 to 2.5, pt 30 to 50 GeV; "
            "|eta| 1.2 to 2.5, pt 100 to 300 GeV"
        ) in text
        assert "flavor 0" not in text
    assert "flavor" not in texts["deepcsv_wp_values"]


def test_no_efficiency_at_all_is_an_error(tmp_path: Path) -> None:
    """A correction set without any efficiency is none: the message says which classes have a code."""
    table = make_scores(tmp_path / "scores.parquet", 5000)
    table["label"][table["split"] == 3] = 999
    write_scores(tmp_path / "scores.parquet", table)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    with pytest.raises(InputError, match=r"split test has no jets of a class with a `flavor` code"):
        calibrate(make_spec(), tmp_path / "scores.parquet", {"L": 0.1}, PT, ETA, *outputs, settings=ANY)
    assert not outputs[0].exists()


def whole_spec() -> ClassifierSpec:
    """The tagger with the classes of config/flavours.yaml, which hold all truth ids of a hadron flavour."""
    spec, whole = make_spec(), yaml.safe_load((ROOT / "config/flavours.yaml").read_text())
    b, c, light = (ClassSpec(name=entry.name, **whole[entry.name]) for entry in (B, C, LIGHT))
    return spec.model_copy(update={"signal_class": b, "background_classes": (light, c)})


def with_hadrons(table: dict[str, Any]) -> dict[str, Any]:
    """With hadron flavours; 15% of light jets and some b and c jets have truth 999, and score higher."""
    rng = np.random.default_rng(3)
    label = table["label"]
    hadron = np.select([label >= 500, label == 400], [5, 4], 0).astype("i1")
    lost = rng.random(len(label)) < np.where(hadron == 0, 0.15, 0.02)
    score = np.where(lost, np.sqrt(table["discriminant"]), table["discriminant"])
    return table | {
        "label": np.where(lost, 999, label).astype("i4"),
        "hadron_flavour": hadron,
        "discriminant": score.astype("f4"),
    }


def test_codes_are_hadron_flavours(tmp_path: Path) -> None:
    """Protects who asks by `hadronFlavour`, as the helper's docs do: jets of pile-up are light there.

    A slow count by hadron flavour is what the file has; thresholds and efficiencies of classes stay by truth.
    """
    table = with_hadrons(make_scores(tmp_path / "scores.parquet"))
    write_scores(tmp_path / "scores.parquet", table)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    calibrate(whole_spec(), tmp_path / "scores.parquet", {"L": 0.1}, PT, ETA, *outputs, settings=ANY)
    evaluator = correctionlib.CorrectionSet.from_file(str(outputs[0]))
    threshold = evaluator["deepcsv_wp_values"].evaluate("L")
    numbers = json.loads(outputs[1].read_text())
    for code, truth in ((5, (500, 510)), (4, (400,)), (0, (0, 1))):
        passed = total = passed_of_truth = total_of_truth = others = jets = 0.0
        for k in np.flatnonzero(table["split"] == 3):
            passes = table["discriminant"][k] >= threshold
            if table["label"][k] in truth:
                total_of_truth += table["weight"][k]
                passed_of_truth += table["weight"][k] * passes
            if table["hadron_flavour"][k] != code:
                continue
            jets += 1
            others += table["label"][k] == 999
            if abs(table["jet_eta"][k]) < 1.2 and 50 <= table["jet_pt_gev"][k] < 100:
                total += table["weight"][k]
                passed += table["weight"][k] * passes
        assert evaluator["deepcsv_eff"].evaluate("L", code, 0.5, 70.0) == pytest.approx(passed / total)
        inclusive = numbers["working_points"]["L"]["efficiencies"]
        name = {5: "b_jets", 4: "c_jets", 0: "light_jets"}[code]
        assert inclusive[name]["value"] == pytest.approx(passed_of_truth / total_of_truth)
        counted = {"by": "hadron_flavour", "n_jets": jets, "n_of_other_truth": others}
        assert numbers["counted"][str(code)] == counted
        text = json.loads(outputs[0].read_text())["corrections"][1]["inputs"][1]["description"]
        assert f"{code} {name} (hadron flavour, {int(others):,} of {int(jets):,} jets of other truth" in text
    light = (table["split"] == 2) & np.isin(table["label"], (0, 1))
    weight, above = table["weight"][light], table["discriminant"][light] >= threshold
    assert weight[above].sum() / weight.sum() == pytest.approx(0.1, rel=0.02)


def test_codes_are_truth_where_files_have_no_hadron_flavour(tmp_path: Path) -> None:
    """Layouts without it, and codes that mean something else: the description of `flavor` says so."""
    with_column = with_hadrons(make_scores(tmp_path / "scores.parquet"))
    table = {name: values for name, values in with_column.items() if name != "hadron_flavour"}
    write_scores(tmp_path / "scores.parquet", table)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"

    def said(spec: ClassifierSpec) -> str:
        calibrate(spec, tmp_path / "scores.parquet", {"L": 0.1}, PT, ETA, *outputs, settings=ANY)
        about: str = json.loads(outputs[0].read_text())["corrections"][1]["inputs"][1]["description"]
        return about

    assert "0 light_jets (by truth, without its jets of truth 999)" in said(whole_spec())
    n_light = int(((table["split"] == 3) & np.isin(table["label"], (0, 1))).sum())
    assert json.loads(outputs[1].read_text())["counted"]["0"]["n_jets"] == n_light
    write_scores(tmp_path / "scores.parquet", with_column)
    assert said(make_spec()) == "5 b_jets (by truth), 0 light_jets (by truth), 4 c_jets (by truth)"
    assert json.loads(outputs[1].read_text())["counted"]["0"]["n_jets"] == n_light


def test_jets_of_a_code_of_their_own_keep_it() -> None:
    """Pile-up jets of a class with a code are not light beside it; a class without a code takes none away."""
    label = np.array([0, 2, 999, 999, 999, 500, 400, 600])
    jets = scored_jets(np.zeros(8), label=label)
    jets = replace(jets, columns={"hadron_flavour": np.array([0, 0, 0, 5, 4, 5, 4, 0])})
    spec = whole_spec()
    assert spec.signal_class is not None
    b, light = spec.signal_class, spec.background_classes[0]
    pile_up = JudgedClass(name="pileup", truth=(999,), flavor=99)

    def classes_of(*judged: JudgedClass) -> list[int]:
        return class_of(as_coded(jets, judged).label, judged).tolist()

    assert classes_of(b, light) == [1, 1, 1, 0, 2, 0, 2, 1]
    assert classes_of(b, light, pile_up) == [1, 1, 2, 2, 2, 0, 3, 1]
    without_code = pile_up.model_copy(update={"flavor": None})
    assert classes_of(b, light, without_code) == [1, 1, 1, 0, 2, 0, 3, 1]
    assert jets.label.tolist() == label.tolist()
    quarks = JudgedClass(name="gluons", truth=(0,), flavor=0)  # a code that happens to be 0
    assert as_coded(jets, (quarks,)) is jets


@pytest.mark.parametrize("flavor", [21, None])
def test_gluons_beside_light_jets_are_those_of_truth(flavor: int | None) -> None:
    """Classes that overlap: a jet of pile-up with hadron flavour 0 is light, and no gluon, jet by jet."""
    rng = np.random.default_rng(3)
    n = 2_000
    label, hadrons = rng.choice([0, 1, 2, 999, 500, 400], n), rng.choice([0, 4, 5], n, p=[0.8, 0.1, 0.1])
    jets = replace(scored_jets(np.zeros(n), label=label), columns={"hadron_flavour": hadrons})
    spec = whole_spec()
    assert spec.signal_class is not None
    b, light = spec.signal_class, spec.background_classes[0]
    gluons = JudgedClass(name="gluons", truth=(0,), flavor=flavor)
    quarks = JudgedClass(name="quarks", truth=(1, 2), flavor=1)
    coded = as_coded(jets, (b, light, gluons, quarks))
    found = {c.name: coded.of_class(c).tolist() for c in (b, light, gluons, quarks)}
    right: dict[str, list[bool]] = {name: [] for name in found}
    for truth, hadron in zip(label.tolist(), hadrons.tolist(), strict=True):  # the slow twin
        stays = truth in (1, 2) or (truth == 0 and flavor is not None)
        right["b_jets"].append(hadron == 5 and not stays)
        right["light_jets"].append(stays or hadron == 0)
        right["gluons"].append(truth == 0 and (stays or hadron == 0))
        right["quarks"].append(truth in (1, 2))
    assert found == right
    places = class_of(coded.label, (b, light, gluons, quarks))
    assert (places == 2).tolist() == right["gluons"]  # the class with the fewest truth ids


@pytest.mark.parametrize("last", [2.4, 2.5, 4.7])
def test_the_last_edge_has_its_jets_in_both(tmp_path: Path, last: float) -> None:
    """A jet at float32(abseta_max), which the selection keeps, is in the map and no error in the file."""
    table = make_scores(tmp_path / "scores.parquet", 5000)
    table["jet_eta"] = np.clip(table["jet_eta"], -1, 1).astype("f4")
    table["jet_eta"][::2] = np.float32(last) * np.where(np.arange(2500) % 2, -1, 1)
    table["discriminant"][::2] = 1.0
    write_scores(tmp_path / "scores.parquet", table)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    calibrate(
        make_spec(), tmp_path / "scores.parquet", {"L": 0.6}, PT, (0.0, 1.2, last), *outputs, settings=ANY
    )
    evaluator = correctionlib.CorrectionSet.from_file(str(outputs[0]))["deepcsv_eff"]
    assert evaluator.evaluate("L", 5, float(np.float32(last)), 60.0) == 1


def test_jets_beyond_the_eta_bins_stop_with_the_file(tmp_path: Path) -> None:
    """The correction would be an error for them: they are not left out in silence."""
    make_scores(tmp_path / "scores.parquet", 5000)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    with pytest.raises(
        InputError, match=r"scores\.parquet: split test, class b_jets: .*outside the bins, 0 to 2;"
    ):
        calibrate(
            make_spec(), tmp_path / "scores.parquet", {"L": 0.1}, PT, (0.0, 2.0), *outputs, settings=ANY
        )


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**40])
def test_the_unit_of_weights_does_not_matter(scale: float) -> None:
    """Generator weights are cross-sections in any unit: filled bins and their efficiencies are the same."""
    jets = sparse_jets()
    one = mapped(jets, 0.5)
    other = mapped(replace(jets, weight=scale * jets.weight), 0.5)
    for name in ("value", "low", "high", "filled_mask", "group"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-12)


@pytest.mark.parametrize("weights", [(0.0, 0.0), (1.0, -1.0), (-1.0, -1.0)])
def test_a_class_without_weight_has_no_map(weights: tuple[float, float]) -> None:
    """Jets whose weights do not add up to more than 0 define no efficiency anywhere."""
    score = np.array([1.0, 0.0])
    jets = scored_jets(score, weights, pt_gev=[40.0, 200])
    with pytest.raises(InputError, match="no jets whose weights add up to more than 0"):
        mapped(jets, 0.5)


def test_no_working_points_are_said() -> None:
    """An empty list is no list of points that could not be had."""
    jets = sparse_jets()
    with pytest.raises(InputError, match="no working points are configured"):
        find_thresholds(jets, {}, MarksSpec())
    assert counts(jets, LIGHT)["n_effective"] == pytest.approx(4040)
    empty = counts(jets, B)
    assert (empty["n_jets"], empty["share_not_tagged"], empty["share_without_score"]) == (0, None, None)


def test_a_point_of_few_jets_leaves_only_where_that_is_allowed(tmp_path: Path) -> None:
    """A threshold that 99 jets fix is refused, or allowed and marked wherever it goes."""
    rng = np.random.default_rng(9)
    jets = scored_jets(rng.random(9_900))
    found, undefined = find_thresholds(jets, {"L": 0.1, "M": 0.01}, MarksSpec())
    assert list(found) == ["L"]
    for word in ("effectively 99.0 jets", "min_passing is 100", "allow_few_passing: true"):
        assert word in undefined["M"]
    found, undefined = find_thresholds(jets, {"M": 0.01}, MarksSpec(allow_few_passing=True))
    assert (found["M"].doubt, undefined) == ("few", {})
    found, _ = find_thresholds(jets, {"M": 0.01}, MarksSpec(min_passing=99))
    assert not found["M"].doubt
    make_scores(tmp_path / "scores.parquet", 20_000)
    for allowed in (False, True):
        calibrate(
            make_spec(),
            tmp_path / "scores.parquet",
            {"L": 0.1, "M": 0.01},
            PT,
            ETA,
            tmp_path / "out.json",
            tmp_path / "numbers.json",
            settings=PointsSpec(allow_few_passing=allowed),
        )
        values = correctionlib.CorrectionSet.from_file(str(tmp_path / "out.json"))["deepcsv_wp_values"]
        marked = "not reliable, for lack of jets or for ties at the threshold: M" in values.description
        assert (marked, "left out, for lack of jets or of a threshold: M" in values.description) == (
            allowed,
            not allowed,
        )


@given(
    n=arrays(int, (2, 5), elements=st.integers(0, 40)),
    sign=st.floats(0, 0.4),
    min_effective=st.floats(0, 60),
)
def test_bins_share_with_the_next_until_they_have_enough(
    n: npt.NDArray[np.int_], sign: float, min_effective: float
) -> None:
    """A slow twin of the grouping, with negative weights; rows stay apart."""
    rng = np.random.default_rng(int(n.sum()))
    weights = [[np.where(rng.random(k) < sign, -1.0, 1.0) for k in row] for row in n]
    total = np.array([[w.sum() for w in row] for row in weights])
    total2 = np.array([[(w**2).sum() for w in row] for row in weights])
    found = grouped(total, total2, min_effective)
    for row, numbers in zip(weights, found, strict=True):
        want: list[list[int]] = []
        open_bins: list[int] = []
        for k in range(5):
            open_bins.append(k)
            jets = np.concatenate([row[j] for j in open_bins])
            if jets.sum() > 0 and jets.sum() ** 2 >= min_effective * len(jets):
                want.append(open_bins)
                open_bins = []
        want = [*want[:-1], [*(want[-1] if want else []), *open_bins]]
        assert [np.flatnonzero(numbers == number).tolist() for number in dict.fromkeys(numbers)] == want
    assert len(set(found[0]) & set(found[1])) == 0


def test_efficiencies_of_a_third_variable(tmp_path: Path) -> None:
    """Jet by jet in |eta|, pt and pile-up, in correctionlib; beyond its edges the end bins count."""
    table = make_scores(tmp_path / "scores.parquet")
    rng = np.random.default_rng(10)
    table["n_pv"] = rng.integers(5, 60, len(table["label"])).astype("f4")
    late = (table["n_pv"] >= 30) & (table["label"] >= 500)
    table["discriminant"] = np.where(late, table["discriminant"] * 0.8, table["discriminant"]).astype("f4")
    write_scores(tmp_path / "scores.parquet", table)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    bins = {"n_pv": [10.0, 30.0, 50.0]}
    calibrate(
        make_spec(), tmp_path / "scores.parquet", {"L": 0.1}, PT, ETA, *outputs, third_bins=bins, settings=ANY
    )
    evaluator = correctionlib.CorrectionSet.from_file(str(outputs[0]))["deepcsv_eff"]
    assert [found.name for found in evaluator.inputs] == ["working_point", "flavor", "abseta", "pt", "n_pv"]
    threshold = json.loads(outputs[1].read_text())["working_points"]["L"]["threshold"]
    found = {}
    for k, chosen in enumerate((table["n_pv"] < 30, table["n_pv"] >= 30)):
        here = (table["split"] == 3) & (table["label"] >= 500) & chosen & (np.abs(table["jet_eta"]) < 1.2)
        here &= (table["jet_pt_gev"] >= 50) & (table["jet_pt_gev"] < 100)
        weight = table["weight"][here]
        want = weight[table["discriminant"][here] >= threshold].sum() / weight.sum()
        for n_pv in ((1.0, 10.0, 29.9), (30.0, 49.0, 99.0))[k]:
            assert evaluator.evaluate("L", 5, 0.3, 60.0, n_pv) == pytest.approx(want, abs=1e-12)
        found[k] = want
    assert found[0] > found[1] + 0.05


@pytest.mark.parametrize("smooth", [False, True])
def test_jets_without_a_mass_are_in_the_first_bin(tmp_path: Path, smooth: bool) -> None:
    """As NanoAOD's -1 is, by which users ask: the same efficiencies, and inputs say so."""
    table = make_scores(tmp_path / "scores.parquet")
    mass = np.random.default_rng(14).uniform(40, 200, len(table["label"])).astype("f4")
    files = []
    for code in (-1.0, np.nan):
        table["jet_softdrop_mass_gev"] = np.where(np.arange(len(mass)) % 9, mass, code).astype("f4")
        write_scores(tmp_path / "scores.parquet", table)
        files.append(tmp_path / f"{code}.json")
        calibrate(
            make_spec(), tmp_path / "scores.parquet", {"L": 0.1}, PT, ETA, files[-1], tmp_path / "n.json",
            third_bins={"jet_softdrop_mass_gev": [40.0, 80.0, 120.0, 200.0]},
            settings=PointsSpec(smooth=smooth, allow_few_passing=True, min_effective=0),
        )  # fmt: skip
    assert files[0].read_bytes() == files[1].read_bytes()
    mass_input = correctionlib.CorrectionSet.from_file(str(files[1]))["deepcsv_eff"].inputs[-1]
    assert "such as NanoAOD's -1, and not NaN" in mass_input.description
    table["jet_softdrop_mass_gev"] = np.where(np.isnan(table["jet_softdrop_mass_gev"]), np.inf, mass)
    write_scores(tmp_path / "scores.parquet", table)
    with pytest.raises(InputError, match=r"column jet_softdrop_mass_gev: .* not finite"):
        read_split(tmp_path / "scores.parquet", "test", make_spec(), ["jet_softdrop_mass_gev"])


def test_taggers_of_jets_without_a_mass_have_the_same_jets(tmp_path: Path) -> None:
    """NaN is no other jet; of a column that every jet has it is damage."""
    table = make_scores(tmp_path / "scores.parquet", 600)
    table["n_pv"] = table["jet_softdrop_mass_gev"] = np.where(np.arange(600) % 9, 80.0, np.nan)
    write_scores(tmp_path / "scores.parquet", table)
    jets = read_split(tmp_path / "scores.parquet", "test", make_spec(), ["jet_softdrop_mass_gev"])
    assert in_common([jets, jets], ["jet_softdrop_mass_gev"])[0].chosen.all()
    with pytest.raises(InputError, match=r"column n_pv: .* not finite"):
        read_split(tmp_path / "scores.parquet", "test", make_spec(), ["n_pv"])


def test_flat_efficiency_holds_at_any_pt(tmp_path: Path) -> None:
    """Thresholds by pt in correctionlib; jets that no threshold has seen pass as often in each bin."""
    table = make_scores(tmp_path / "scores.parquet", 200_000)
    slope = np.clip(table["jet_pt_gev"] / 200, 0, 1)
    table["discriminant"] = (table["discriminant"] * (1 - 0.3 * slope)).astype("f4")
    write_scores(tmp_path / "scores.parquet", table)
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    settings = PointsSpec(flat_efficiency={"F70": 0.7, "F40": 0.4})
    calibrate(make_spec(), tmp_path / "scores.parquet", {"L": 0.1}, PT, ETA, *outputs, settings=settings)
    corrections = correctionlib.CorrectionSet.from_file(str(outputs[0]))
    values, passing = corrections["deepcsv_flat_wp_values"], corrections["deepcsv_flat_eff"]
    numbers = json.loads(outputs[1].read_text())["flat_efficiency"]
    signal = np.isin(table["label"], B.truth)
    pt, score, weight = (table[name].astype(float) for name in ("jet_pt_gev", "discriminant", "weight"))
    for name, target in settings.flat_efficiency.items():
        thresholds = values.evaluate(name, pt)
        assert len(set(thresholds)) == 3
        for j, found in enumerate(numbers[name]["threshold"]):
            in_bin = (pt >= (0 if j == 0 else PT[j])) & (pt < (np.inf if j == 2 else PT[j + 1]))
            assert (thresholds[in_bin] == found).all()
            assert numbers[name]["threshold_low"][j] < found < numbers[name]["threshold_high"][j]
            for split, tolerance in ((2, 2e-3), (3, 0.03)):
                here = signal & in_bin & (table["split"] == split)
                rate = weight[here & (score >= thresholds)].sum() / weight[here].sum()
                assert rate == pytest.approx(target, abs=tolerance)
        eta = np.abs(table["jet_eta"])
        here = (table["split"] == 3) & (table["label"] == 400) & (pt < 50) & (eta < 1.2)
        want = weight[here & (score >= thresholds)].sum() / weight[here].sum()
        assert passing.evaluate(name, 4, 0.5, 40.0) == pytest.approx(want, abs=1e-12)
        assert numbers[name]["doubt"] == ""
    fixed = score >= json.loads(outputs[1].read_text())["working_points"]["L"]["threshold"]
    rates = [
        np.average(fixed[chosen], weights=weight[chosen])
        for chosen in (signal & (pt < 50), signal & (pt >= 100))
    ]
    assert abs(rates[0] - rates[1]) > 0.1  # one threshold for all is not flat


def test_flat_points_put_bins_together_or_are_left_out() -> None:
    """Few jets of the signal: bins of pt share a threshold; fewer than one takes: left out, or marked."""
    pt = axes_of(PT, ETA, {})[1]
    rng = np.random.default_rng(11)
    signal = scored_jets(rng.random(400), pt_gev=np.repeat([40.0, 60.0, 150.0], [200, 40, 160]))
    asked = {"F70": 0.7}
    found, undefined = flat_points(signal, asked, pt, MarksSpec())
    assert (found["F70"].group.tolist(), found["F70"].doubt, undefined) == ([0, 1, 1], "", {})
    assert found["F70"].threshold[1] == found["F70"].threshold[2] != found["F70"].threshold[0]
    found, undefined = flat_points(signal, asked, pt, MarksSpec(min_passing=1000))
    assert not found
    assert (
        "effectively 280.0 jets are expected above its threshold, and min_passing is 1000" in undefined["F70"]
    )
    found, _ = flat_points(signal, asked, pt, MarksSpec(min_passing=1000, allow_few_passing=True))
    assert (found["F70"].group.tolist(), found["F70"].doubt) == ([0, 0, 0], "few")
    plateau = scored_jets(np.where(np.arange(400) < 390, 0.5, 0.1), pt_gev=np.full(400, 40.0))
    found, undefined = flat_points(plateau, asked, pt, MarksSpec(min_passing=1000))
    assert "pass together: 97.5%" in undefined["F70"]
    found, _ = flat_points(plateau, asked, pt, MarksSpec(min_passing=1000, allow_few_passing=True))
    assert found["F70"].doubt == "few, ties"
    _, undefined = find_thresholds(plateau, {"L": 0.1}, MarksSpec())
    assert undefined["L"].endswith("pass together: 97.5%")
    found, _ = find_thresholds(plateau, {"L": 0.1}, MarksSpec(allow_few_passing=True))
    assert found["L"].doubt == "few, ties"


def test_what_the_docs_write_is_a_configuration() -> None:
    """The example of docs/working_points.md, key by key, as the records read it."""
    page = (ROOT / "docs/working_points.md").read_text()
    found = yaml.safe_load(page.partition("```yaml")[2].partition("```")[0])
    assert set(found) <= set(RunSpec.model_fields)
    assert CalibrationSpec(**found["calibration"]).planes["charm"].points["M"] == (0.2, 0.3)
    assert SelectionSpec(pt_min_gev=30, abseta_max=2.5, **found["selection"]["ak4"]).third_bins
    assert RunSpec.model_fields["working_points"].default == found["working_points"]


@pytest.mark.parametrize("third", [{}, {"n_pv": [0.0, 30.0, 60.0]}])
def test_lines_have_the_efficiency_of_each_bin(tmp_path: Path, third: dict[str, list[float]]) -> None:
    """Averaged over the jets of a bin, as correctionlib has it; no step at an edge, flat beyond the ends."""
    table = make_scores(tmp_path / "scores.parquet", 60_000)
    rng = np.random.default_rng(12)
    table["n_pv"] = rng.integers(5, 55, len(table["label"])).astype("f4")
    slope = np.clip(table["jet_pt_gev"] / 200, 0, 1)
    table["discriminant"] = (table["discriminant"] * (1 - 0.1 * slope)).astype("f4")
    write_scores(tmp_path / "scores.parquet", table)
    found = {}
    for smooth in (False, True):
        outputs = tmp_path / "out.json", tmp_path / "numbers.json"
        settings = PointsSpec(smooth=smooth, allow_few_passing=True)
        calibrate(
            make_spec(), tmp_path / "scores.parquet", {"L": 0.1}, PT, ETA, *outputs,
            third_bins=third, settings=settings,
        )  # fmt: skip
        found[smooth] = correctionlib.CorrectionSet.from_file(str(outputs[0]))
    one = found[True]["deepcsv_eff"]
    more = [20.0] if third else []
    for entry in (B, LIGHT):
        for low, high in ((0.0, 1.2), (1.2, 2.5)):
            eta = np.abs(table["jet_eta"])
            row = (table["split"] == 3) & np.isin(table["label"], entry.truth) & (eta >= low) & (eta < high)
            row &= (table["n_pv"] < 30) | (not third)
            at = (low + high) / 2
            for k in range(3):
                pt = table["jet_pt_gev"].astype(float)
                here = row & (pt >= (0 if k == 0 else PT[k])) & (pt < (np.inf if k == 2 else PT[k + 1]))
                values = one.evaluate("L", entry.flavor, at, pt[here], *more)
                step = found[False]["deepcsv_eff"].evaluate(
                    "L", entry.flavor, at, (PT[k] + PT[k + 1]) / 2, *more
                )
                assert np.average(values, weights=table["weight"][here]) == pytest.approx(step, abs=1e-6)
            for edge in PT[1:3]:
                below, above = (one.evaluate("L", entry.flavor, at, edge + d, *more) for d in (-1e-6, 1e-6))
                assert below == pytest.approx(above, abs=1e-6)
            ends = [one.evaluate("L", entry.flavor, at, found_pt, *more) for found_pt in (1.0, 299.0, 9000.0)]
            assert ends[1] == ends[2]
            value, down, up = (
                found[True][f"deepcsv_eff{end}"].evaluate("L", entry.flavor, at, 80.0, *more)
                for end in ("", "_low", "_high")
            )
            assert 0 <= down < value < up <= 1


def test_a_line_stays_within_0_and_1() -> None:
    """All jets of one bin pass and hardly any of the next: a straight line would leave the range."""
    pt = np.concatenate([np.linspace(30, 49.9, 300), np.linspace(50, 99.9, 300), np.linspace(100, 300, 300)])
    jets = scored_jets(np.repeat([1.0, 0.0, 1.0], 300), pt_gev=pt)
    axes = axes_of(PT, (0.0, 2.5), {})
    passed = jets.discriminant > 0.5
    given = jets.weight, places(jets, axes), passed, axes
    (line,) = lines(jets.pt_gev, efficiency_map(*given), *given).values()
    assert line.value == pytest.approx([1, 0, 1], abs=0.3)
    for end in (line.low, line.high):
        assert ((end >= 0) & (end <= 1)).all()


def test_a_row_without_jets_keeps_the_value_of_the_map() -> None:
    """No jets forward: a constant there, what all jets have."""
    jets = sparse_jets()
    axes = axes_of(PT, ETA, {})
    passed = jets.discriminant > 0.5
    given = jets.weight, places(jets, axes), passed, axes
    found = efficiency_map(*given)
    forward = lines(jets.pt_gev, found, *given)[1,]
    assert forward.value.tolist() == [found.value[1, 0]]
    assert (forward.low[0], forward.high[0]) == (found.low[1, 0], found.high[1, 0])


def test_thresholds_that_are_given_stay_what_they_are(tmp_path: Path) -> None:
    """Those of an experiment, to the last bit of the number that its file has, whatever passes them here."""
    table = make_scores(tmp_path / "scores.parquet")
    outputs = tmp_path / "out.json", tmp_path / "numbers.json"
    given = {"L": 0.0490, "M": 0.2783, "T": 0.9999}
    calibrate(make_spec(), tmp_path / "scores.parquet", POINTS, PT, ETA, *outputs, thresholds=given)
    corrections = correctionlib.CorrectionSet.from_file(str(outputs[0]))
    numbers = json.loads(outputs[1].read_text())
    light, weight = np.isin(table["label"], LIGHT.truth), table["weight"]
    for name, threshold in given.items():
        assert corrections["deepcsv_wp_values"].evaluate(name) == threshold
        point = numbers["working_points"][name]
        passing = table["discriminant"].astype(float) >= threshold
        for split, value in ((2, point["target"]), (3, point["efficiencies"]["light_jets"]["value"])):
            here = light & (table["split"] == split)
            assert value == pytest.approx(weight[here & passing].sum() / weight[here].sum(), abs=1e-12)
        assert (point["doubt"], point["threshold_low"], point["threshold_high"]) == ("", threshold, threshold)
    assert numbers["undefined"] == {}
    assert corrections["deepcsv_eff"].evaluate("M", 5, 0.5, 60.0) > 0.5


def test_flat_points_of_jets_that_weigh_differently() -> None:
    """Tagged jets that weigh more count for fewer: bins go together until they are enough, none is lost."""
    pt = axes_of(PT, ETA, {})[1]
    rng = np.random.default_rng(13)
    n = 3000
    score = rng.random(n)
    weight = np.where(score > 0.5, rng.choice([0.5, 3.0], n, p=[0.8, 0.2]), 1.0)
    signal = scored_jets(score, weight, pt_gev=np.repeat([40.0, 60.0, 150.0], n // 3))
    marks = MarksSpec(min_passing=180)
    found, undefined = flat_points(signal, {"F30": 0.3}, pt, marks)
    assert undefined == {}
    point = found["F30"]
    assert point.doubt == ""
    assert point.group.max() < grouped_once(signal, 180 / 0.3).max()
    for number in range(point.group.max() + 1):
        chosen = point.group[np.repeat([0, 1, 2], n // 3)] == number
        alone = metrics.working_point(score[chosen], weight[chosen], 0.3, min_passing=180)
        assert alone.n_passing >= 180


def grouped_once(jets: ScoredJets, at_least: float) -> npt.NDArray[np.intp]:
    """Groups of bins by the effective jets of all, whether they are tagged or not."""
    place = np.repeat([0, 1, 2], len(jets) // 3)
    sums = [np.bincount(place, jets.weight**power)[None] for power in (1, 2)]
    return grouped(sums[0], sums[1], at_least)[0]
