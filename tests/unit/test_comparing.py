"""Two results folders side by side: what differs is found, what does not is not, and nothing is written."""

import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from jetsmith import io, metrics
from jetsmith.__main__ import main
from jetsmith.comparing import figures, page
from jetsmith.comparing.compare import changes, compare
from jetsmith.comparing.folder import Results
from jetsmith.comparing.gate import gate
from jetsmith.comparing.jets import in_common
from jetsmith.comparing.significance import apart, judged, p_value
from jetsmith.errors import InputError
from jetsmith.handed.comparison import Change, Comparison, Number
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import Difference, Interval
from jetsmith.scored import ScoredJets
from jetsmith.sealed.made import FILE, Ledger
from tests.unit.compared_runs import SAMPLE, make_jets, make_run, reseal, score
from tests.unit.test_report import HOSTILE, Page

TEST = SPLITS.index("test")
BETTER = 0.3  # in the logit of b jets
BOOTSTRAPS = 60


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run, another training of the same quality, both hostile; a better one with other settings."""
    folder = tmp_path_factory.mktemp("runs")
    jets = make_jets()
    changed = {"seed": 2, "added": HOSTILE}
    return {
        "first": make_run(folder / "first", jets, score(jets), title=HOSTILE),
        "again": make_run(folder / "again", jets, score(jets, seed=3), title=HOSTILE),
        "better": make_run(folder / "better", jets, score(jets, seed=4, shift=BETTER), changed),
    }


def copied(run: Path, to: Path) -> Path:
    """A results folder that a test may spoil."""
    return Path(shutil.copytree(run, to))


def compare_drawn(before: Path, after: Path, output: Path, tolerance: float | None = None) -> Comparison:
    return compare(before, after, output, tolerance, BOOTSTRAPS)


def compare_quickly(before: Path, after: Path, output: Path, tolerance: float | None = None) -> Comparison:
    """Without figures, which take longer than all the rest."""
    with mock.patch.object(figures, "overlay", return_value=[]):
        return compare_drawn(before, after, output, tolerance)


@pytest.fixture(scope="module")
def found(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    """The first run and the better one, and the page."""
    output = tmp_path_factory.mktemp("page") / "comparison"
    return compare_drawn(runs["first"], runs["better"], output, 0.02), output / "index.html"


def test_a_run_does_not_differ_from_itself(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: a copy of a run, elsewhere, differs in nothing, whatever tolerance is asked for."""
    same = compare_quickly(runs["first"], copied(runs["first"], tmp_path / "copy"), tmp_path / "page", 0.0)
    assert same.is_nothing
    assert [topic.changes for topic in same.topics] == [()] * 6
    assert all(topic.n > 0 for topic in same.topics)
    assert same.n_tested >= 12
    assert all(number.z == 0 and number.p == 1 for number in same.numbers if number.p is not None)
    assert same.gate is not None
    assert same.gate.status == "passed"
    assert "nothing differs" in page.summary(same)


def test_another_training_of_the_same_quality_does_not_differ(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: noise of a training is no difference, though no score is the same; and it is not nothing."""
    found = compare_quickly(runs["first"], runs["again"], tmp_path)
    assert found.differing == ()
    assert not found.is_nothing
    assert sum(number.paired for number in found.numbers) >= 10


def test_a_better_training_is_found(found: tuple[Comparison, Path]) -> None:
    """Protects: numbers that are better differ, with their sign, and so does the rejection."""
    numbers = {number.what: number for number in found[0].numbers}
    for what in ("AUC against light", "AUC against c", "b efficiency at 10% light mistag"):
        number = numbers[what]
        assert number.differs, what
        assert number.paired
        assert number.difference is not None
        assert number.difference.low > 0
        assert number.before is not None
        assert number.after is not None
        assert number.difference.value == pytest.approx(number.after.value - number.before.value, abs=0.02)
    ratio = numbers["b efficiency at 10% light mistag"].rejection
    assert ratio is not None
    assert ratio.low > 1
    threshold = numbers["threshold of L"]
    assert threshold.p is None
    assert "scale" in threshold.why


def test_scores_of_few_values_are_read_in_one_way(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: what stands on the pages, beside their difference: ties must not turn its sign."""
    jets = make_jets()
    logit = jets["logit"] + 0.3 * np.random.default_rng(4).normal(size=len(jets["logit"]))
    tied = make_run(tmp_path / "tied", jets, 1 / (1 + np.exp(-np.round(logit))))
    found = compare_quickly(runs["first"], tied, tmp_path / "page")
    numbers = [n for n in found.numbers if "mistag" in n.what and n.difference is not None]
    assert len(numbers) == 4
    for number in numbers:
        assert number.before is not None
        assert number.after is not None
        assert number.difference is not None
        assert number.difference.value == pytest.approx(number.after.value - number.before.value, abs=1e-12)
    own = Results(tied).contrasts.values()
    readings = [one for contrast in own for one in contrast.curves["deepjet"].readings]
    of_figures = [one.signal_efficiency.value for one in readings if one.signal_efficiency]
    assert sorted(of_figures) == pytest.approx(sorted(n.after.value for n in numbers if n.after), abs=1e-5)
    assert "ties" in [one.doubt for one in readings]
    assert [number.doubt for number in numbers].count("ties") == sum(bool(one.doubt) for one in readings)
    assert '<span class="badge warn">ties</span>' in (tmp_path / "page/index.html").read_text("utf-8")


def test_a_rate_that_tagged_jets_do_not_reach_is_not_compared(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: of a tagger that tags one in twenty light jets there is no efficiency at 10%, and no gate."""
    jets = make_jets()
    seldom = (jets["label"] != 500) & (np.random.default_rng(5).random(len(jets["label"])) > 0.05)
    run = make_run(tmp_path / "seldom", jets, np.where(seldom, -np.inf, score(jets)))
    found = compare_quickly(run, runs["first"], tmp_path / "page")
    numbers = {number.what: number for number in found.numbers}
    loose, medium = (numbers[f"b efficiency at {rate} light mistag"] for rate in ("10%", "1%"))
    assert (loose.before, loose.difference, loose.why) == (None, None, "one of the runs has no such number")
    assert medium.paired
    back = compare_quickly(runs["first"], run, tmp_path / "back", 0.5)
    assert back.gate is not None
    assert back.gate.status == "not conclusive"
    assert any("the second run does not read it at 10% mistag" in line for line in back.gate.lines)


def test_sides_change_the_sign_alone(
    runs: dict[str, Path], found: tuple[Comparison, Path], tmp_path: Path
) -> None:
    """Protects: what is A and what is B: efficiencies and areas are as far apart the other way round."""
    back = compare_quickly(runs["better"], runs["first"], tmp_path)
    pairs = list(zip(found[0].numbers, back.numbers, strict=True))
    for one, other in pairs:
        assert (one.before, one.after) == (other.after, other.before)
        if one.difference is not None and other.difference is not None:
            assert one.difference.value == pytest.approx(-other.difference.value, abs=1e-12)
            assert one.z == pytest.approx(-(other.z or 0), rel=1e-6)


def test_what_was_changed_is_named(
    runs: dict[str, Path], found: tuple[Comparison, Path], tmp_path: Path
) -> None:
    """Protects: keys that one run alone has, or has otherwise; files, events, gates, versions and code."""
    topics = {topic.name: topic.changes for topic in found[0].topics}
    assert Change("run.seed", "1", "2") in topics["configuration"]
    assert Change("run.added", None, json.dumps(HOSTILE)) in topics["configuration"]
    titles = {"judgements.deepjet.title", "classifiers.deepjet.title"}
    assert {change.key for change in topics["configuration"]} == {"run.seed", "run.added", *titles}
    other = copied(runs["first"], tmp_path / "other")
    for name, old, new in (
        ("inspect/ttbar.json", "uuid-1", "uuid-7"),
        ("skim/ttbar.json", '"n_rows": 321', '"n_rows": 320'),
        ("closure/shower.json", '"not conclusive"', '"failed"'),
        (f"scores/deepjet/{SAMPLE}.meta.json", '"2.0"', '"2.1"'),
        (FILE, 'code.scored=\\"1234\\"', 'code.scored=\\"4321\\"'),
    ):
        text = (other / name).read_text()
        if name == "closure/shower.json":
            old, new = '"status": "passed"', '"status": "failed"'
        assert old in text, name
        if name == FILE:
            (other / name).write_text(text.replace(old, new))
        else:
            content = json.loads(text.replace(old, new, 1))
            del content["checksum"]
            io.write_json(other / name, content)
    reseal(other)
    back = {
        topic.name: topic.changes for topic in compare_quickly(runs["first"], other, tmp_path / "p").topics
    }
    assert back["configuration"] == ()
    keys = {name: [change.key for change in found] for name, found in back.items()}
    assert keys["inputs"] == ["ttbar: file uuid-1", "ttbar: file uuid-7"]
    assert back["events"] == (Change("ttbar: rows", "321", "320"),)
    assert len(back["closure tests"]) == 1
    assert back["software"] == (Change("numpy", "2.0", "2.1"),)
    assert {change.about for change in back["code"]} == {"scored"}


def test_changes_of_mappings() -> None:
    """Protects: only in A, only in B, changed, each once, and nothing else."""
    before, after = {"same": "1", "gone": "2", "other": "3"}, {"other": "4", "same": "1", "new": "5"}
    assert changes(before, after) == (
        Change("gone", "2", None), Change("other", "3", "4"), Change("new", None, "5"),
    )  # fmt: skip


def some_jets(event: Any, score: Any = None, **columns: Any) -> ScoredJets:
    """Jets of one run, luminosity block and place in the event."""
    n = len(event)
    found = {name: np.ones(n, np.int64) for name in ("run", "luminosity_block", "jet_index")}
    found |= {"event": np.asarray(event, np.uint64), "dataset": np.zeros(n, int), "jet_eta": np.zeros(n)}
    label = columns.pop("label", np.zeros(n, int))
    chosen = columns.pop("chosen", np.ones(n, bool))
    values = np.arange(n, dtype=float) if score is None else np.asarray(score, float)
    given = {name: np.asarray(column) for name, column in columns.items()}
    return ScoredJets(values, np.ones(n), np.asarray(label), np.asarray(chosen), found | given)


ONE = (["ttbar"], ["ttbar"])


def test_jets_in_common_are_those_of_both() -> None:
    """Protects: rows go together by their keys, wherever they stand; not without a score in one."""
    far = 2**63 + 5  # event numbers have 64 bits
    before = some_jets([1, 2, far, 4], [0.1, 0.2, 0.3, 0.4], chosen=[True, True, True, False])
    after = some_jets([far, 9, 4, 1], [0.8, 0.9, 0.7, 0.6])
    common = in_common(before, after, ONE)
    assert (common.n_before, common.n_after, len(common)) == (3, 4, 2)
    np.testing.assert_array_equal(common.before, [0.1, 0.3])
    np.testing.assert_array_equal(common.after, [0.6, 0.8])


def test_data_sets_go_by_their_names() -> None:
    """Protects: the event of one data set is not that of another, in whatever order a run lists them."""
    before = some_jets([1, 1], [0.1, 0.2], dataset=[0, 1])
    after = some_jets([1, 1, 1], [0.5, 0.6, 0.7], dataset=[0, 1, 2])
    common = in_common(before, after, (["ttbar", "qcd"], ["more", "qcd", "ttbar"]))
    np.testing.assert_array_equal(common.before, [0.1, 0.2])
    np.testing.assert_array_equal(common.after, [0.7, 0.6])
    outside = in_common(before, some_jets([1], dataset=[3]), (["ttbar", "qcd"], ["ttbar"]))
    assert "does not have" in outside.why


def test_jets_of_another_simulation_are_not_the_same() -> None:
    """Protects: keys of two simulations are the same, and their jets are not: no pairs of them, and why."""
    events, rng = np.arange(200), np.random.default_rng(1)
    before = some_jets(events, jet_eta=rng.uniform(-2, 2, 200))
    other = in_common(before, some_jets(events, jet_eta=rng.uniform(-2, 2, 200)), ONE)
    assert (len(other), "another truth or direction" in other.why) == (0, True)
    etas = before.columns["jet_eta"]
    relabelled = in_common(before, some_jets(events, label=np.arange(200) % 2, jet_eta=etas), ONE)
    assert "another truth or direction" in relabelled.why
    moved = before.columns["jet_eta"] + np.where(events < 5, 1.0, 0.01)  # a few jets have changed places
    common = in_common(before, some_jets(events, jet_eta=moved), ONE)
    assert (len(common), common.n_other, common.why) == (195, 5, "")
    twice = in_common(before, some_jets([1, 1]), ONE)
    assert "several jets" in twice.why


def test_jets_that_a_training_has_seen_are_in_no_number(tmp_path: Path) -> None:
    """Protects: jets of the test split of both runs alone; absurd scores of others change nothing."""
    jets = make_jets(4000)
    rng = np.random.default_rng(5)
    other = jets | {"split": rng.choice(len(SPLITS), 4000, p=[0.3, 0.1, 0.2, 0.4]).astype(np.int8)}
    both = (jets["split"] == TEST) & (other["split"] == TEST)
    clean = score(jets, seed=7)
    before = make_run(tmp_path / "a", jets, score(jets))
    found = []
    for name, scores in (("b", clean), ("c", np.where(both, clean, 0.5 + 0.4 * rng.random(4000)))):
        after = make_run(tmp_path / name, other, scores)
        found.append(compare_quickly(before, after, tmp_path / f"page_{name}"))
    for comparison in found:
        (of_tagger,) = comparison.jets
        assert (of_tagger.common, of_tagger.paired) == (both.sum(), True)
    for one, spoilt in zip(*(comparison.numbers for comparison in found), strict=True):
        if one.paired and not one.what.endswith((" L", " M")):  # thresholds are those of calibration jets
            assert one.difference == spoilt.difference


def test_runs_without_common_jets_are_compared_by_intervals(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: other jets, said to be: errors are added, a large difference is found all the same."""
    jets = make_jets(seed=9)
    after = make_run(tmp_path / "other", jets, score(jets, seed=8, shift=1.0))
    found = compare_quickly(runs["first"], after, tmp_path / "page", 0.02)
    (of_tagger,) = found.jets
    assert (of_tagger.paired, of_tagger.common) == (False, 0)
    assert "another truth or direction" in of_tagger.why
    assert not any(number.paired for number in found.numbers)
    assert "AUC against light" in [number.what for number in found.differing]
    assert found.gate is not None
    assert found.gate.status == "not conclusive"


def test_errors_of_thresholds_are_errors_of_efficiencies(tmp_path: Path) -> None:
    """Protects: a working point that few calibration jets fix moves, of a run of the same quality as well."""
    runs = []
    for seed in (21, 22):
        jets = make_jets(12_000, seed)
        runs.append(make_run(tmp_path / str(seed), jets, score(jets, seed=seed)))
    found = compare_quickly(*runs, tmp_path / "page")
    assert found.differing == ()
    numbers = {number.what: number for number in found.numbers}
    number = numbers["b efficiency of M"]
    assert number.before is not None
    assert number.after is not None
    assert number.difference is not None
    (_, of_passing), (width, _) = apart(number.before, number.after), _ends(number.difference)
    assert width > 1.2 * of_passing  # calibration has a third of the jets of the test split
    area = numbers["AUC against light"]
    assert area.before is not None
    assert area.after is not None
    assert area.difference == apart(area.before, area.after)[0]


def _ends(found: Interval) -> tuple[float, float]:
    return (found.high - found.low) / 2, found.value


def test_few_jets_are_not_tested(tmp_path: Path) -> None:
    """Protects: of no number where fewer than 10 jets pass a difference is said to be one, paired or not."""
    for other_seed, is_paired in ((1, True), (5, False)):
        runs = []
        for name, seed in (("a", 1), ("b", other_seed)):
            jets = make_jets(1200, seed)
            folder = tmp_path / f"{name}{other_seed}"
            runs.append(make_run(folder, jets, score(jets, seed=len(runs))))
        numbers = compare_quickly(*runs, tmp_path / f"page{other_seed}").numbers
        at = {number.what: number for number in numbers if number.subject == "deepjet"}
        assert any(number.paired for number in numbers) == is_paired
        for what in (
            "b efficiency at 1% light mistag",
            "b efficiency at 1% c mistag",
            "light efficiency of M",
        ):
            assert (at[what].p, at[what].why) == (None, "fewer than 10 jets pass"), what
        assert at["b efficiency at 10% light mistag"].p is not None


def test_thresholds_that_a_jet_or_two_fix_tell_no_difference(tmp_path: Path) -> None:
    """Protects: of trainings of one quality, 150 light jets fixing 1%, none is said to differ."""
    jets = make_jets(1500, 6)
    runs = [make_run(tmp_path / f"{seed}", jets, score(jets, seed=seed)) for seed in (12, 13)]
    found = compare_quickly(*runs, tmp_path / "page")
    assert found.differing == ()
    numbers = {number.what: number for number in found.numbers}
    assert numbers["b efficiency of M"].why == "fewer than 10 jets fix its threshold"
    assert numbers["b efficiency of L"].p is not None


def test_a_tagger_that_lost_its_jets_is_one_that_differs(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: that nearly nothing passes any more is a difference, whichever run has lost it."""
    jets = make_jets()
    rng = np.random.default_rng(5)
    spoilt = (jets["label"] == 0) & (rng.random(len(jets["label"])) < 0.05)
    lost = make_run(
        tmp_path / "lost", jets, np.where(spoilt, rng.uniform(0.999, 1, len(spoilt)), score(jets))
    )
    for k, pair in enumerate(((runs["first"], lost), (lost, runs["first"]))):
        numbers = {n.what: n for n in compare_quickly(*pair, tmp_path / f"page{k}").numbers}
        for what in ("b efficiency of M", "b efficiency at 1% light mistag"):
            number = numbers[what]
            assert number.differs, what
            assert number.difference is not None
            assert (number.difference.value > 0.3) == bool(k)
            assert abs(number.difference.value) > 0.3
        ratio = numbers["b efficiency at 1% light mistag"].rejection
        assert (ratio is None) == bool(k)  # there is no rejection at an efficiency that the first run lacks


def test_few_jets_in_common_do_not_pass(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: what the first run can tell of its curve, and jets of both cannot, is not let pass."""
    jets = make_jets()
    elsewhere = jets["event"] % 12 > 0
    other = jets | {"event": np.where(elsewhere, jets["event"] + 10**6, jets["event"]).astype(np.uint64)}
    second = make_run(tmp_path / "second", other, score(jets))
    found = compare_quickly(runs["first"], second, tmp_path / "page", 0.9)
    numbers = {number.what: number for number in found.numbers}
    assert numbers["AUC against light"].paired
    assert numbers["b efficiency at 10% light mistag"].rejection is not None
    assert numbers["b efficiency at 1% light mistag"].rejection is None
    assert found.gate is not None
    assert found.gate.status == "not conclusive"
    assert any("fewer than 10 jets pass of those in common at 1% mistag" in line for line in found.gate.lines)


def test_a_difference_of_intervals() -> None:
    """Protects: each end faces the other's: the upper one of the lower number, the lower of the higher.

    The error is that of the longer side, whatever the sign.
    """
    before, after = Interval(1.0, 0.7, 1.4), Interval(2.0, 1.7, 2.1)
    difference, error = apart(before, after)
    assert (difference.value, error) == pytest.approx((1.0, 0.5))
    assert apart(Interval(3.0, 2.9, 3.4), after)[1] == pytest.approx(0.5)  # its shorter side faces 0
    assert (difference.low, difference.high) == pytest.approx((0.5, 1 + (0.1**2 + 0.3**2) ** 0.5))
    back, error = apart(after, before)
    assert (back.value, back.low, back.high, error) == pytest.approx(
        (-1.0, -difference.high, -difference.low, 0.5)
    )


def test_chances() -> None:
    """Protects: two sides, and fat tails where few replicas tell the error."""
    assert p_value(1.959964) == pytest.approx(0.05, rel=1e-5)
    assert p_value(-1.959964) == p_value(1.959964)
    assert p_value(0) == 1
    assert p_value(2.570582, 6) == pytest.approx(0.05, rel=1e-5)  # Student's, five degrees of freedom
    assert p_value(3.0, 200) > p_value(3.0)


def number_of(p: float | None) -> Number:
    return Number("t", "s", "w", False, None, None, p=p)


def test_the_rule_of_holm() -> None:
    """Protects: factors n, n - 1, … by rising p, never falling, 1 at most; what was not tested counts not."""
    found = judged(
        [number_of(0.03), number_of(None), number_of(0.001), number_of(0.02), number_of(0.9)], 0.05
    )
    assert [number.p_holm for number in found] == pytest.approx([0.06, None, 0.004, 0.06, 0.9])
    assert [number.differs for number in found] == [False, False, True, False, False]
    rng = np.random.default_rng(2)
    alarms = [
        any(number.differs for number in judged([number_of(p) for p in rng.random(30)])) for _ in range(2000)
    ]
    share = np.mean(alarms)
    assert share > 0.035
    assert share < 0.065


def test_errors_of_pairs_are_what_they_say() -> None:
    """Protects: differences of equal trainings, over their errors, scatter by 1; a better one stands out.

    The whole study, with 1,000,000 jets, is in docs/compare.md.
    """
    rng, null, better = np.random.default_rng(3), [], []
    for toy in range(60):
        jets = make_jets(1500, seed=100 + toy)
        mask = np.isin(jets["label"], (500, 0))
        is_signal, weight = jets["label"][mask] == 500, np.ones(mask.sum())
        before, after, best = (
            score(jets, seed=int(rng.integers(1 << 30)), shift=shift)[mask] for shift in (0, 0, BETTER)
        )
        for other, z in ((after, null), (best, better)):
            pair = other, before, weight, is_signal
            (of_efficiency,) = metrics.efficiency_differences(*pair, [0.1], 40, toy)
            of_area = metrics.auc_difference(*pair)
            z.append([of_area.value / of_area.error, of_efficiency.value / of_efficiency.error])
    scatter = np.std(null, axis=0)
    assert scatter.min() > 0.75
    assert scatter.max() < 1.25
    assert (np.abs(np.mean(null, axis=0)) < 0.5).all()
    assert (np.mean(better, axis=0) > (3.0, 1.5)).all()


def test_ratios_of_rejections() -> None:
    """Protects: background at the same signal efficiency, first over second being better above 1."""
    rng = np.random.default_rng(4)
    n = 3000
    is_signal = rng.random(n) < 0.5
    first = rng.normal(0, 1, n) + 2 * is_signal
    second = first + rng.normal(0, 1, n)
    weight = np.ones(n)

    def slow(score: FloatArray, signal: BoolArray) -> float:
        threshold = sorted(score[signal], reverse=True)[round(0.5 * signal.sum()) - 1]
        return sum(value >= threshold for value in score[~signal]) / (~signal).sum()

    def ratio(first: FloatArray, second: FloatArray) -> Difference:
        pair = first, second, weight, is_signal
        curves = metrics.differences_of_curves(*pair, [0.1], [0.5], 100, 1)
        assert curves.differences == metrics.efficiency_differences(*pair, [0.1], 100, 1)
        read = [of[0].value for of in (curves.first, curves.second)]
        assert read == [metrics.efficiencies_at(of, weight, is_signal, [0.1])[0] for of in (first, second)]
        return curves.ratios[0]

    found = ratio(first, second)
    assert found.value == pytest.approx(slow(second, is_signal) / slow(first, is_signal), rel=0.03)
    assert 1 < found.low < found.value < found.high
    back = ratio(second, first)
    assert back.value == pytest.approx(1 / found.value)
    assert back.error / back.value == pytest.approx(found.error / found.value)
    same = ratio(first, 3 * first)
    assert (same.value, same.low, same.high, same.error) == (1, 1, 1, 0)
    none = ratio(first, np.where(is_signal, 9.0, first))
    assert 0 < none.value < 0.05  # no background is left: not 0, and no division by it


def with_rejection(value: float, error: float) -> Number:
    ratio = Difference(value, value - error, value + error, error)
    return Number("deepjet", "s", "b efficiency at 1% c mistag", True, None, None, rejection=ratio)


@pytest.mark.parametrize(
    ("ratios", "unjudged", "status"),
    [
        ([(1.0, 0.001), (0.99, 0.002)], [], "passed"),
        ([(1.0, 0.0), (0.98, 0.0)], [], "passed"),  # just what is allowed
        ([(1.0, 0.001), (0.96, 0.004)], [], "failed"),
        ([(1.5, 0.001), (0.979, 0.0)], [], "failed"),  # one that is better does not make up for it
        ([(0.965, 0.008)], [], "failed"),
        ([(0.965, 0.008), (1.0, 0.001)], [], "not conclusive"),  # of two numbers one may look so by chance
        ([(0.99, 0.02)], [], "not conclusive"),
        ([(1.1, 0.2)], [], "not conclusive"),  # better, but nobody knows
        ([(1.0, 0.0)], ["deepcsv"], "not conclusive"),
        ([], [], "not conclusive"),
    ],
)
def test_the_gate(ratios: list[tuple[float, float]], unjudged: list[str], status: str) -> None:
    """Protects: lost more than allowed, excluded, or nobody knows, which is not passed."""
    found = gate([with_rejection(*ratio) for ratio in ratios], unjudged, 0.02)
    assert found.status == status
    assert bool(found.lines) == (status != "passed")


def test_the_command(
    runs: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Protects: exit status for CI, the lines on the terminal, and where the page is."""
    monkeypatch.setattr(figures, "overlay", lambda *_: [])
    first, better = str(runs["first"]), str(runs["better"])
    output = ["-o", str(tmp_path / "page")]
    assert main(["compare", first, first, *output, "--fail-if-worse-than", "0.02"]) == 0
    assert main(["compare", better, first, *output, "--fail-if-worse-than", "0.02"]) == 3
    told = capsys.readouterr().out
    assert "gate, rejection may fall by 2%: failed" in told
    assert str(tmp_path / "page/index.html") in told
    assert "run.seed" in told
    assert main(["compare", first, str(runs["again"]), *output, "--fail-if-worse-than", "0.001"]) == 4
    assert main(["compare", first, str(tmp_path), *output]) == 1
    assert "is no results folder" in capsys.readouterr().err
    for wrong in ("2", "-0.1", "nan", "much"):
        with pytest.raises(SystemExit):
            main(["compare", first, better, "--fail-if-worse-than", wrong])


def test_the_command_needs_a_folder_and_something_in_common(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects: no traceback for a file in the way; two runs of other things are no runs that agree."""
    first = str(runs["first"])
    (tmp_path / "page").write_text("mine")
    for output in (tmp_path / "page", tmp_path / "page/below"):
        assert main(["compare", first, first, "-o", str(output)]) == 1
        assert f"error: {tmp_path / 'page'}: is a file; give a folder" in capsys.readouterr().err
    assert (tmp_path / "page").read_text() == "mine"
    assert main(["compare", first, first, "-o", "/proc/page"]) == 1
    assert "error: /proc/page: cannot be made: No such file" in capsys.readouterr().err
    other = copied(runs["first"], tmp_path / "other")
    text = (other / FILE).read_text()
    for name in ("deepjet", "shower", "ttbar"):
        text = re.sub(rf"\b{name}\b", f"other_{name}", text)
    (other / FILE).write_text(text)
    for path in sorted(other.rglob("*"), reverse=True):
        if path.stem.split(".")[0] in ("deepjet", "shower", "ttbar"):
            path.rename(path.with_name(f"other_{path.name}"))
    assert main(["compare", first, str(other), "-o", str(tmp_path / "new")]) == 1
    assert "no dataset, tagger or reweighter in common" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_nothing_is_written_into_the_runs(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: results are sealed: neither bytes nor times of either folder change."""

    def state(folder: Path) -> dict[str, tuple[int, bytes]]:
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}

    before = [state(runs[name]) for name in ("first", "again")]
    compare_drawn(runs["first"], runs["again"], tmp_path)
    assert [state(runs[name]) for name in ("first", "again")] == before
    for inside in (runs["first"], runs["again"] / "report/deep"):
        with pytest.raises(InputError, match="is to stay as it is"):
            compare(runs["first"], runs["again"], inside)
    link = tmp_path / "link"
    link.symlink_to(runs["first"])
    with pytest.raises(InputError, match="is to stay as it is"):
        compare(runs["first"], runs["again"], link / "page")
    assert [state(runs[name]) for name in ("first", "again")] == before


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)


def _edit(path: Path, old: str, new: str, sealed: bool = True) -> None:
    text = path.read_text()
    assert old in text
    content = json.loads(text.replace(old, new)) if sealed else None
    if content is None:
        path.write_text(text.replace(old, new))
    else:
        del content["checksum"]
        io.write_json(path, content)


NUMBERS = "calibration/deepjet.numbers.json"
ROC = f"plots/roc/{SAMPLE}/b_jets_vs_light_jets.json"
SCORES = f"scores/deepjet/{SAMPLE}.parquet"
SPOILT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no such folder": (shutil.rmtree, "there is no such folder"),
    "a file": (lambda run: (shutil.rmtree(run), run.write_text("")), "there is no such folder"),
    "no ledger": (lambda run: (run / FILE).unlink(), "is no results folder: it has no"),
    "unfinished": (
        lambda run: _edit(run / FILE, "report/index.html", "report/other.html", sealed=False),
        "has not come to its end",
    ),
    "ledger of lists": (lambda run: (run / FILE).write_text('{"shared": [], "is": 1}\n'), "made.jsonl"),
    "a file gone": (lambda run: (run / SCORES).unlink(), rf"{SCORES}: is not there"),
    "scores cut": (lambda run: _cut(run / SCORES), rf"{SCORES}: "),
    "scores damaged": (lambda run: _flip(run / SCORES), rf"{SCORES}: the data do not fit"),
    "numbers edited": (
        lambda run: _edit(run / NUMBERS, '"target": 0.1', '"target": 0.2', sealed=False),
        rf"{NUMBERS}: its content does not fit its checksum",
    ),
    "numbers of another form": (
        lambda run: _edit(run / NUMBERS, '"threshold_low"', '"lowest"'),
        rf"{NUMBERS}: not what its stage writes",
    ),
    "numbers that lead elsewhere": (
        lambda run: _edit(run / NUMBERS, '"tagger": "deepjet"', '"tagger": "../../secret"'),
        r"has no scores/\.\./\.\./secret",
    ),
    "a curve of two lengths": (
        lambda run: _edit(run / ROC, '"mistag_low": [', '"mistag_low": [0.5,'),
        rf"{ROC}: not what its stage writes .*points of a curve",
    ),
    "a figure that leads elsewhere": (
        lambda run: _edit(run / ROC, '"tagger": "deepjet"', '"tagger": "../../deepjet"'),
        rf"{ROC}: not what its stage writes .*is no name",
    ),
    "a discriminant of nothing": (
        lambda run: _edit(run / FILE, "discriminant.signal=", "discriminant.nothing=", sealed=False),
        "discriminant` of the configuration is not as a run writes it",
    ),
    "a configuration that is no JSON": (
        lambda run: _edit(run / FILE, "demo_ak4.datasets=[", "demo_ak4.datasets=((", sealed=False),
        "is no JSON",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), SPOILT.values(), ids=SPOILT)
def test_what_cannot_be_compared_is_named(
    runs: dict[str, Path], tmp_path: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    """Protects: an error with place and remedy, no traceback and no half page, on either side."""
    bad = copied(runs["again"], tmp_path / "bad")
    spoil(bad)
    with suppress(TypeError):  # of a ledger that is none
        reseal(bad)
    for sides in ((bad, runs["first"]), (runs["first"], bad)):
        with pytest.raises(InputError, match=message) as error:
            compare_drawn(*sides, tmp_path / "page")
        assert str(bad) in str(error.value)
    assert not (tmp_path / "page/index.html").exists()


def test_classes_that_changed_are_not_compared(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: numbers of other classes are not the same numbers; they stand there, without a test."""
    other = copied(runs["again"], tmp_path / "other")
    content = io.read_json(other / ROC)
    content["background"]["truth"] = [0]
    io.write_json(other / ROC, content)
    reseal(other)
    found = compare_quickly(runs["first"], other, tmp_path / "page", 0.5)
    numbers = {n.what: n for n in found.numbers}
    assert numbers["AUC against light"].p is None
    assert "classes are others" in numbers["AUC against light"].why
    assert numbers["AUC against c"].p is not None
    assert found.gate is not None
    assert found.gate.status == "not conclusive"
    assert found.gate.lines == (
        f"deepjet on {SAMPLE}, b against light: its classes are others in the second run",
    )


def test_a_curve_that_the_second_run_lacks_does_not_pass(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: who leaves out a background or a working point has not shown that it holds."""
    less, none = (copied(runs["first"], tmp_path / name) for name in ("less", "none"))
    content = io.read_json(less / ROC)
    content["curves"][0]["readings"] = content["curves"][0]["readings"][:1]
    io.write_json(less / ROC, content)
    _edit(none / FILE, ROC, ROC.replace("plots/roc", "plots/gone"), sealed=False)
    reseal(less)
    curve = f"deepjet on {SAMPLE}, b against light: the second run does not"
    for second, line in ((less, f"{curve} read it at 1% mistag"), (none, f"{curve} have it")):
        for sides, told in (((runs["first"], second), (line,)), ((second, runs["first"]), ())):
            gate_of = compare_quickly(*sides, tmp_path / "page", 0.5).gate
            assert gate_of is not None
            assert (gate_of.status, gate_of.lines) == ("not conclusive" if told else "passed", told)


def test_a_tagger_on_another_sample_has_no_numbers(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: a sample that was renamed, or exchanged, stops no comparison; its curves have not passed."""
    other = copied(runs["first"], tmp_path / "other")
    for path in [*other.glob(f"scores/*/{SAMPLE}.*"), other / "plots/roc" / SAMPLE]:
        path.rename(path.with_name(path.name.replace(SAMPLE, "elsewhere")))
    _edit(other / FILE, SAMPLE, "elsewhere", sealed=False)
    for name in (NUMBERS, *(str(path.relative_to(other)) for path in other.glob("plots/roc/*/*.json"))):
        _edit(other / name, f'"{SAMPLE}"', '"elsewhere"')
    reseal(other)
    for sides, sample in (((runs["first"], other), SAMPLE), ((other, runs["first"]), "elsewhere")):
        found = compare_quickly(*sides, tmp_path / "page", 0.5)
        assert {number.subject for number in found.numbers} == {"shower"}
        assert found.gate is not None
        missing = [
            f"deepjet on {sample}, b against {name}: the second run does not have it"
            for name in ("c", "light")
        ]
        assert (found.gate.status, sorted(found.gate.lines)) == ("not conclusive", missing)


def test_a_file_of_another_run_is_not_what_was_made(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: whole files, exchanged since, are refused; other times alone, of a plain copy, are not."""
    mixed = copied(runs["first"], tmp_path / "mixed")
    for path in mixed.rglob("*.*"):
        os.utime(path, (1, 1))
    assert compare_quickly(runs["first"], mixed, tmp_path / "page").is_nothing
    for name in (SCORES, ROC):
        shutil.copy(runs["better"] / name, mixed / name)
        for sides in ((mixed, runs["first"]), (runs["first"], mixed)):
            with pytest.raises(InputError, match=rf"mixed/{name}: is not what .* has: .* exchanged"):
                compare_quickly(*sides, tmp_path / "page")
        shutil.copy(runs["first"] / name, mixed / name)


def test_a_run_of_another_version_can_be_read(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: results of last month: keys that a later version adds, or no longer has, do not matter."""
    other = copied(runs["first"], tmp_path / "other")
    for name in (NUMBERS, ROC, "inspect/ttbar.json", "skim/ttbar.json", "closure/shower.json"):
        content = io.read_json(other / name)
        content["of_the_future"] = 1
        if name == ROC:
            content["curves"][0]["of_the_future"] = 1
        io.write_json(other / name, content)
    reseal(other)
    assert compare_quickly(runs["first"], other, tmp_path / "page").differing == ()


def test_hostile_names_are_text(found: tuple[Comparison, Path]) -> None:
    """Protects: no title from a run can become markup, or a command of TeX in a figure."""
    html = found[1].read_text(encoding="utf-8")
    shown = Page(html)
    assert "script" not in {tag for tag, _ in shown.tags}
    assert "<script" not in html
    assert shown.text.count(HOSTILE) >= 3
    assert json.dumps(HOSTILE) in shown.text


def test_the_page_stands_alone_and_can_be_read_by_all(found: tuple[Comparison, Path]) -> None:
    """Protects: nothing is loaded, figures have texts, links lead to files, headings and ids are in order."""
    shown = Page(found[1].read_text(encoding="utf-8"))
    for tag, attributes in shown.tags:
        assert tag not in {"link", "iframe", "object"}
        assert not any(name.startswith("on") for name in attributes)
    images = list(shown.attributes("img"))
    assert len(images) == 2
    assert all((image["src"] or "").startswith("data:image/png;base64,") for image in images)
    assert all("(A) AUC 0." in (image["alt"] or "") for image in images)
    ids = [attributes["id"] for _, attributes in shown.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [link["href"] or "" for link in shown.attributes("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    files = [link for link in links if not link.startswith("#")]
    assert len(files) == 4
    assert all((found[1].parent / link).is_file() for link in files)
    assert not any(os.path.isabs(link) for link in files)
    for words in ("Two runs side by side", "run.added", "in common, on which differences are found by pairs"):
        assert words in shown.text


def test_the_json_has_what_was_found(found: tuple[Comparison, Path]) -> None:
    """Protects: other programs read what the page shows."""
    assert io.read_record(Comparison, found[1].with_name("comparison.json")) == found[0]


def test_same_input_gives_the_same_page(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: nothing of the moment and no chance is in it."""
    pages = []
    for name in ("one", "two"):
        compare_drawn(runs["first"], runs["again"], tmp_path / name)
        pages.append([(tmp_path / name / file).read_bytes() for file in ("index.html", "comparison.json")])
    assert pages[0] == pages[1]


def test_long_tables_are_cut(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: a page that opens, of runs with ten thousand files: the first lines, and how many more."""
    other = copied(runs["first"], tmp_path / "other")
    content = io.read_json(other / "inspect/ttbar.json")
    file = content["files"][0]
    content["files"] += [file | {"uuid": f"more-{k}"} for k in range(page.MAX_SHOWN + 30)]
    io.write_json(other / "inspect/ttbar.json", content)
    reseal(other)
    found = compare_quickly(runs["first"], other, tmp_path / "page")
    shown = Page((tmp_path / "page/index.html").read_text(encoding="utf-8")).text
    (inputs,) = [topic for topic in found.topics if topic.name == "inputs"]
    assert len(inputs.changes) == page.MAX_SHOWN + 31
    assert "and 31 more, in comparison.json" in shown


def test_what_a_run_once_had_is_not_compared(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: files of a tagger that was taken out lie there still; the page does not come from them."""
    other = copied(runs["first"], tmp_path / "other")
    shutil.copy(other / NUMBERS, other / NUMBERS.replace("deepjet", "old"))
    ledger = Ledger(other)
    made = ledger.get(NUMBERS)
    assert made is not None
    seen = replace(made, job=7, params=['code.scored="old"'], input=["<results>/report/index.html"])
    ledger.put(NUMBERS.replace("deepjet", "old"), seen)
    assert set(Results(other).calibrated) == {"deepjet"}
    assert compare_quickly(runs["first"], other, tmp_path / "page").is_nothing
    inspected = ledger.get("inspect/ttbar.json")  # by what it reads, and by what its job made
    assert inspected is not None
    ledger.put(NUMBERS, replace(made, job=8, input=["<results>/inspect/ttbar.json"]))
    ledger.put("inspect/ttbar.json", replace(inspected, job=9))
    page_made = ledger.get("report/index.html")
    assert page_made is not None
    ledger.put("report/index.html", replace(page_made, input=[f"<results>/{NUMBERS}"]))
    run = Results(other)
    assert (set(run.calibrated), len(run.inputs()), run.closures) == ({"deepjet"}, 6, {})


def test_results_of_nothing_to_judge(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: a tagger that one run alone has is no error; the configuration says so."""
    other = copied(runs["first"], tmp_path / "other")
    for name in (NUMBERS, SCORES):
        _edit(other / FILE, name, f"gone/{name}", sealed=False)
    assert Results(other).calibrated == {}
    found = compare_quickly(runs["first"], other, tmp_path / "page", 0.02)
    assert {number.subject for number in found.numbers} == {"shower"}
    assert found.gate is not None
    assert found.gate.status == "not conclusive"
    assert "deepjet: the second run does not have it" in found.gate.lines
