"""Weights of variations in NanoAOD: factors on genWeight, normalised to the variation's own sum."""

from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from jetsmith.errors import InputError
from jetsmith.handed.plan import Runs
from jetsmith.skimming.normalisation import read_runs
from jetsmith.sources import relative
from jetsmith.specs.datasets import RelativeWeight
from tests.unit.test_normalisation import SPEC, W, accounted, table

SCALE = SPEC.model_copy(update={"weight_variation": "LHEScaleWeight[1]"})
# Of five events, four of which count W and the first -W: W * (-2 + 0.5 + 1 + 1.5 + 3).
FACTORS = [[1.0, 2.0], [1.0, 0.5], [1.0, 1.0], [1.0, 1.5], [1.0, 3.0]]
SUM = 4 * W


def write(
    path: Any, factors: list[list[float]] = FACTORS, runs: Any = None, branch: str = "LHEScaleWeight"
) -> str:
    """Five events with factors, and `Runs`, a list a branch; an empty name leaves the factors out."""
    events = table(5, 1)
    if branch:
        events[branch] = ak.values_astype(ak.Array(factors), np.float32)
    types = {k: v.dtype if isinstance(v, np.ndarray) else v.type for k, v in events.items()}
    with uproot.recreate(path) as file:
        file.mktree("Events", types).extend(events)
        if runs is not None:
            rows = {name: ak.Array(values) for name, values in runs.items()}
            kinds = {name: str(values.type).split(" * ", 1)[1] for name, values in rows.items()}
            file.mktree("Runs", kinds).extend(rows)
    return str(path)


def sums(
    counts: list[int],
    nominal: list[float],
    scale: list[list[float]],
    tail: str = "",
    nominal_sum: float = 1.0,
) -> dict[str, Any]:
    """Branches of Runs as CMSSW writes them, with the first two of nine sums; the fifth is nominal."""
    scale = [row and [*row, 1.0, 1.0, nominal_sum, 1.0, 1.0, 1.0, 1.0] for row in scale]
    found = {"genEventCount": counts, "genEventSumw": nominal, "genEventSumw2": [n * W**2 for n in counts]}
    return {name + tail: values for name, values in (found | {"LHEScaleSumw": scale}).items()}


def test_an_event_counts_by_its_factor(tmp_path: Any) -> None:
    """Sums, cutflow and what stands beside them; without Runs the entries are all there is."""
    found = accounted(tmp_path, [write(tmp_path / "a.root")], SCALE)
    assert found["normalisation"]["sum_w"] == pytest.approx(SUM)
    assert found["event_weight"] == pytest.approx(831.76 / SUM)
    assert found["content"]["weight"] == "genWeight * LHEScaleWeight[1]"
    nominal = accounted(tmp_path, [write(tmp_path / "a.root")], SPEC)
    assert nominal["normalisation"]["sum_w"] == pytest.approx(3 * W)
    assert nominal["content"]["weight"] == "genWeight"


@pytest.mark.parametrize("tail", ["", "_"])
def test_skimmed_files_are_normalised_to_the_sum_of_the_variation(tmp_path: Any, tail: str) -> None:
    """Rows of Runs are relative to their own sums: 10 W * 1.2 + 20 W * 0.9 = 30 W; not that of genWeight."""
    rows = sums([10, 20, 0], [10 * W, 20 * W, 0.0], [[1.0, 1.2], [1.0, 0.9], []], tail)
    about = accounted(tmp_path, [write(tmp_path / "a.root", runs=rows)], SCALE)["normalisation"]
    assert about["to"] == "runs"
    assert (about["sum_w"], about["n_runs"]) == (pytest.approx(30 * W), 30)
    with uproot.open(tmp_path / "a.root") as file:
        unlike = SPEC.model_copy(update={"weight_variation": "LHEScaleWeight[0]"})
        assert read_runs(file, unlike) == Runs(30, pytest.approx(30 * W), None)
        assert read_runs(file, SCALE) == Runs(30, pytest.approx(10 * W * 1.2 + 20 * W * 0.9), None)
    rows = sums([30], [30 * W], [[1.0, 0.8]], tail)
    about = accounted(tmp_path, [write(tmp_path / "b.root", runs=rows)], SCALE)["normalisation"]
    assert about["sum_w"] == pytest.approx(24 * W)


def test_sums_of_other_weights_contradict(tmp_path: Any) -> None:
    """Runs of the nominal weight, or of another index, beside a whole file of the variation."""
    factors = [[1.0, 2.0]] * 5
    right = write(tmp_path / "a.root", factors, sums([5], [3 * W], [[1.0, 2.0]]))
    assert accounted(tmp_path, [right], SCALE)["normalisation"]["sum_w"] == pytest.approx(6 * W)
    wrong = write(tmp_path / "b.root", factors, sums([5], [3 * W], [[2.0, 1.0]]))
    with pytest.raises(InputError, match="these are other weights"):
        accounted(tmp_path, [wrong], SCALE)


def test_a_sum_that_runs_lacks_stops(tmp_path: Any) -> None:
    """Weights of showers have none in most files; `generated: events` is the answer. An index likewise."""
    spec = SPEC.model_copy(update={"weight_variation": "PSWeight[1]"})
    path = write(tmp_path / "a.root", runs=sums([5], [3 * W], [[1.0, 1.0]]), branch="PSWeight")
    with pytest.raises(InputError, match=r"a.root: .*no PSSumw, .*`generated: events`"):
        accounted(tmp_path, [path], spec)
    found = accounted(tmp_path, [path], spec.model_copy(update={"generated": "events"}))
    assert found["normalisation"]["sum_w"] == pytest.approx(SUM)
    ten = SPEC.model_copy(update={"weight_variation": "LHEScaleWeight[9]"})
    path = write(tmp_path / "b.root", [[1.0] * 10] * 5, sums([5], [3 * W], [[1.0, 1.0]]))
    with pytest.raises(InputError, match=r"b.root: .*no LHEScaleSumw\[9\], so that"):
        accounted(tmp_path, [path], ten)


def test_relative_sums_that_a_merge_added_stop(tmp_path: Any) -> None:
    """Of three pieces: three times the sum, which nothing else in a skimmed file tells."""
    path = write(tmp_path / "a.root", runs=sums([30], [30 * W], [[3.0, 2.4]], nominal_sum=3.0))
    with pytest.raises(InputError, match=r"LHEScaleSumw\[4\] of its tree Runs, .* is 3 and not 1"):
        accounted(tmp_path, [path], SCALE)
    rows = sums([30], [30 * W], [[]])
    with pytest.raises(InputError, match=r"LHEScaleSumw\[4\] of its tree Runs, .* is nan and not 1"):
        accounted(tmp_path, [write(tmp_path / "b.root", runs=rows)], SCALE)


def test_an_entry_without_the_index_stops(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """At inspection, with file and entry, wherever in the file it is."""
    monkeypatch.setattr(relative, "CHUNK", 2)
    path = write(tmp_path / "a.root", [*FACTORS[:3], [1.0], [1.0, 1.0]])
    with pytest.raises(
        InputError, match=r"a.root: .*entry 3 has no LHEScaleWeight\[1\], but 1 of LHEScaleWeight"
    ):
        accounted(tmp_path, [path], SCALE)
    events = {"LHEScaleWeight": ak.Array([[1.0, 3.0], [2.0]])}
    with pytest.raises(InputError, match=r"an event has 1 of LHEScaleWeight, and no LHEScaleWeight\[1\]"):
        relative.factors(events, RelativeWeight("LHEScaleWeight", 1))
    assert relative.factors(events, RelativeWeight("LHEScaleWeight", 0)).tolist() == [1.0, 2.0]


def test_a_file_without_the_branch_stops(tmp_path: Any) -> None:
    """With the branches that it has; an id of an LHE file is none of them."""
    bare, path = write(tmp_path / "a.root", branch=""), write(tmp_path / "b.root")
    with pytest.raises(InputError, match=r"a.root: no weight of the variation `LHEScaleWeight\[1\]`"):
        accounted(tmp_path, [bare], SCALE)
    for wrong in ("1001", "LHEPdfWeight[0]", "LHEScaleWeight"):
        with pytest.raises(InputError, match=r"b.root: no weight of .*choices: `LHEScaleWeight\[<index>\]`"):
            accounted(tmp_path, [path], SPEC.model_copy(update={"weight_variation": wrong}))


def test_weights_relative_to_another_are_refused(tmp_path: Any) -> None:
    """Old files divide weights of showers by XWGTUP: far from 1, all of them."""
    spec = SPEC.model_copy(update={"weight_variation": "PSWeight[1]"})
    path = write(tmp_path / "a.root", [[30.0, 40.0 + k] for k in range(5)], branch="PSWeight")
    with pytest.raises(InputError, match="these are no factors on genWeight"):
        accounted(tmp_path, [path], spec)
