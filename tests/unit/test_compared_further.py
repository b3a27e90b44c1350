"""Planes, scale factors and resilience of two runs: shifted ones are found, and what is the same is not."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from jetsmith import io
from jetsmith.calibration.plane import calibrate_plane
from jetsmith.comparing import figures
from jetsmith.comparing.compare import compare
from jetsmith.comparing.content import Factor
from jetsmith.comparing.differences import FEW, Count, of_points
from jetsmith.comparing.folder import Results
from jetsmith.comparing.measured import MOVED, NONE, OTHER_BINS, error_of_difference, of_resilience
from jetsmith.comparing.numbers import compared as compare_numbers
from jetsmith.comparing.planes import UNKNOWN, of_planes
from jetsmith.comparing.significance import judged
from jetsmith.configuration.compare_checks import READ
from jetsmith.errors import InputError
from jetsmith.handed.comparison import Comparison, Jets, Number
from jetsmith.metrics import Interval, threshold_pulls, working_point
from jetsmith.metrics.efficiencies import LEVEL, binomial
from jetsmith.metrics.planes import Pair, cut_pulls, plane_point, point_apart, pulls_apart
from jetsmith.sealed.made import FILE
from jetsmith.specs.run import EfficienciesSpec
from tests.unit.compared_runs import PLANE, SAMPLE, factor, make_jets, make_more, reseal, score, specs
from tests.unit.score_files import write_scores

Array = np.ndarray[Any, Any]
CHANGES = {"worse tracker": -0.02}
ENOUGH = 40  # replicas
MANY = [Count.at(1000, 0.1)] * 2


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run, another training of the same quality, one in which all is shifted, and one of other jets."""
    folder = tmp_path_factory.mktemp("runs")
    jets, others = make_jets(), make_jets(seed=9)
    others["event"] = others["event"] + 10**6
    near = (factor(0.955, scale=0.035), factor())
    far = (factor(1.15, scale=0.035), factor())
    first = (factor(), factor())
    return {
        "first": make_more(folder / "first", jets, score(jets), first, -0.02),
        "again": make_more(folder / "again", jets, score(jets, seed=3), near, -0.019),
        "shifted": make_more(folder / "shifted", jets, score(jets, shift=0.8), far, -0.06),
        "elsewhere": make_more(folder / "elsewhere", others, score(others), first, -0.02),
    }


@pytest.fixture(scope="module", autouse=True)
def _without_figures() -> Iterator[None]:
    with mock.patch.object(figures, "overlay", return_value=[]):
        yield


def compared(
    runs: dict[str, Path], one: str, other: str, output: Path
) -> tuple[Comparison, dict[str, Number]]:
    found = compare(runs[one], runs[other], output, None, ENOUGH)
    return found, {f"{n.subject}: {n.what}": n for n in found.numbers}


PLANES = [f"plane both: {label} efficiency of {point}" for point in PLANE for label in ("b", "c", "light")]
FACTORS = [f"deepjet, measurement probe: scale factor of L, {bins} GeV" for bins in ("30 to 60", "60 to 120")]
TRIED = "deepjet: change of the AUC against light: worse tracker"


def test_the_same_folder_twice_does_not_differ(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: no false alarm; all kinds of numbers are there, tested, and zero apart."""
    found, numbers = compared(runs, "first", "first", tmp_path)
    assert found.is_nothing
    for name in (*PLANES, *FACTORS, TRIED):
        assert numbers[name].p == 1, name
    assert all(numbers[name].paired for name in PLANES)
    assert next(j for j in found.jets if j.judgement == "plane both").common > 6000
    for judgement in (spec.judgement for spec in specs()):
        assert "scale of its own" in numbers[f"plane both: threshold of L on {judgement}"].why


def test_another_training_of_the_same_quality_does_not_differ(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: noise of a training is no difference behind two cuts, nor one within errors."""
    found, numbers = compared(runs, "first", "again", tmp_path)
    assert found.differing == ()
    assert any(numbers[name].z for name in PLANES)
    moved = numbers[FACTORS[0]]
    assert moved.z is not None
    assert moved.z == pytest.approx(0.005 / np.linalg.norm([0.02, 0.02, 0.005]))
    assert not moved.paired


def test_what_is_shifted_is_found(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: efficiencies behind two cuts, scale factors and resilience differ, with sign, after Holm."""
    _, numbers = compared(runs, "first", "shifted", tmp_path)
    for name in (PLANES[0], FACTORS[0], TRIED):
        assert numbers[name].differs, name
        assert numbers[name].p_holm is not None
    assert (numbers[PLANES[0]].z or 0) > 0
    assert (numbers[TRIED].z or 0) < 0
    assert not numbers[FACTORS[1]].differs
    found = numbers[FACTORS[0]].difference
    assert found is not None
    assert found.value == pytest.approx(0.2)


def trained(jets: Array, seed: int, shift: float = 0.0) -> tuple[Pair, Pair, Pair]:
    """Jets of light, b and c, as a training scores them: what there is, and noise of its own."""
    rng, n = np.random.default_rng(seed), jets.shape[2]
    means = np.array([[-1.0, 0.3], [0.4, -1.0], [1.0 + shift, 0.9]])
    x = jets[:, 0] + 0.3 * rng.normal(size=(3, n)) + means[:, :1]
    y = jets[:, 1] + 0.4 * jets[:, 0] + 0.3 * rng.normal(size=(3, n)) + means[:, 1:]
    light, b, c = (Pair(x[k], y[k], np.ones(n)) for k in range(3))
    return light, b, c


def z_of(seed: int, n: int, shift: float = 0.0) -> list[float]:
    """Efficiencies of light, b and c jets behind two cuts in two trainings: differences over their errors.

    Each run fixes its cuts on n jets a class, which both have in common, and counts three times as many.
    """
    rng = np.random.default_rng([seed, 7])
    calibration, test = rng.normal(size=(3, 2, n)), rng.normal(size=(3, 2, 3 * n))
    passed, pulls = [], []
    for k in range(2):
        by_class = trained(calibration, 4 * seed + k, shift * k)
        found = plane_point(by_class[0], by_class[1], (0.2, 0.3))
        cuts = found.first.value, found.second.value
        counted = trained(test, 4 * seed + 2 + k, shift * k)
        passed.append([one.passing(*cuts) for one in counted])
        pulls.append(cut_pulls(by_class[0], by_class[1], cuts, counted))
    number = Number("plane", SAMPLE, "", True, None, None)
    away = []
    for k, flags in enumerate(zip(*passed, strict=True)):
        ends = [np.concatenate(of[k]) for of in pulls]
        moved = float(np.linalg.norm(ends[1] - ends[0]))
        away.append(of_points(number, MANY, np.ones(3 * n), *flags, moved).z or 0.0)
    return away


def test_efficiencies_behind_two_cuts_have_the_errors_that_they_scatter_by() -> None:
    """Protects: neither too small, which makes false alarms, nor too large, which misses what differs.

    40 pairs of trainings of one quality; `make bench only=compare` counts more, of whole folders.
    """
    away = np.array([z_of(seed, 800) for seed in range(40)])
    assert away.std() == pytest.approx(1, abs=0.2)  # 120 numbers, which go along in part
    assert np.mean(np.abs(away) > 1.96) == pytest.approx(0.05, abs=0.05)
    assert np.abs(away.mean(axis=0)).max() < 0.5


def test_cuts_of_one_background_have_the_errors_that_they_scatter_by() -> None:
    """Protects: each cut moves as that of a single score, both by the same jets, which both runs have."""
    away = []
    for seed in range(80):
        rng = np.random.default_rng([seed, 17])
        calibration, test = rng.normal(size=(3, 2, 600)), rng.normal(size=(3, 2, 1800))
        passed, pulls = [], []
        for k in range(2):
            light = trained(calibration, 4 * seed + k)[0]
            found = point_apart(light, (0.3, 0.2))
            cuts = found.first.value, found.second.value
            c = trained(test, 4 * seed + 2 + k)[2]
            passed.append(c.passing(*cuts))
            pulls += pulls_apart(light, cuts, [c])
        number = Number("plane", SAMPLE, "", True, None, None)
        moved = float(np.linalg.norm(pulls[1] - pulls[0]))
        away.append(of_points(number, MANY, np.ones(1800), *passed, moved).z or 0.0)
    assert np.std(away) == pytest.approx(1, abs=0.25)
    assert abs(np.mean(away)) < 0.4


def test_efficiencies_behind_one_cut_have_the_errors_that_they_scatter_by() -> None:
    """Protects: thresholds of both runs go along as the jets that fix them, which they have in common."""
    away, wider = [], []
    for seed in range(120):
        rng = np.random.default_rng([seed, 8])
        background, signal = rng.normal(size=400), rng.normal(size=1200) + 1.5
        flags, pulls = [], []
        for k in range(2):
            noise = np.random.default_rng([seed, 9, k])
            fixing, counted = (of + 0.3 * noise.normal(size=len(of)) for of in (background, signal))
            cut = working_point(fixing, np.ones(400), 0.1).threshold
            flags.append(counted >= cut)
            pulls += threshold_pulls(fixing, np.ones(400), cut, [(counted, np.ones(1200))])
        number = Number("deepjet", SAMPLE, "", True, None, None)
        apart, added = (
            of_points(number, MANY, np.ones(1200), flags[0], flags[1], float(moved)).z or 0.0
            for moved in (np.linalg.norm(pulls[1] - pulls[0]), np.linalg.norm(pulls))
        )
        away.append(apart)
        wider.append(added)
    assert np.std(away) == pytest.approx(1, abs=0.2)
    assert np.std(wider) < 0.75  # as if other jets fixed them: what differs would be missed


def of_counts(jets: tuple[int, int], passed: tuple[int, int]) -> Number:
    """An efficiency of two runs of unit weights without jets in common."""
    ends = []
    for total, passing in zip(jets, passed, strict=True):
        found = binomial(*(np.array(float(of)) for of in (passing, passing, total, total)), LEVEL)
        ends.append(Interval(*(float(of) for of in found[:3])))
    counts = [Count.at(total, passing / total) for total, passing in zip(jets, passed, strict=True)]
    none = np.zeros(0, bool)
    return of_points(Number("deepjet", SAMPLE, "", True, *ends), counts, np.zeros(0), none, none, 0.0)


@pytest.mark.parametrize(
    ("jets", "efficiency"),
    [((60_000, 4000), 1e-3), ((1000, 20_000), 4e-3), ((60_000, 5000), 1e-3), ((20_000, 20_000), 1e-3)],
)
def test_runs_of_other_sizes_do_not_differ_by_that(jets: tuple[int, int], efficiency: float) -> None:
    """Protects: few jets pass in a small run; of ten equal efficiencies none differ in 19 of 20."""
    passed = np.random.default_rng(4).binomial(jets, efficiency, (400, 10, 2))
    wrong = [any(n.differs for n in judged([of_counts(jets, tuple(k)) for k in toy])) for toy in passed]
    assert np.mean(wrong) < 0.05


def test_what_a_run_lost_is_found_whatever_its_size() -> None:
    """Protects: where 50 are expected by the other run's efficiency, fewer than 10 are a difference."""
    for jets, passed in (((60_000, 60_000), (60, 3)), ((60_000, 5000), (700, 2)), ((5000, 60_000), (2, 700))):
        assert (of_counts(jets, passed).p or 1) < 1e-6, jets
    for jets, passed in (((60_000, 4000), (60, 3)), ((4000, 60_000), (0, 700)), ((600, 60_000), (7, 9))):
        assert of_counts(jets, passed).why == FEW, jets


def test_a_small_run_has_few_that_pass(tmp_path: Path) -> None:
    """Protects: of whole folders: of light jets at 1% a small run's are too few to say that it differs."""
    jets, small = make_jets(24_000), make_jets(1500, 5)
    small["event"] = small["event"] + 10**6
    large, few = (
        make_more(tmp_path / name, of, score(of), (factor(), factor()), -0.02)
        for name, of in (("large", jets), ("few", small))
    )
    for k, pair in enumerate(((large, few), (few, large))):
        numbers = {
            f"{n.subject}: {n.what}": n for n in compare(*pair, tmp_path / f"{k}", None, ENOUGH).numbers
        }
        light = [n for name, n in numbers.items() if name.startswith("deepjet: light efficiency of M")]
        assert [number.why for number in light] == [FEW]


def test_a_change_of_an_efficiency_by_two_per_cent_is_found() -> None:
    """Protects: power. With 24,000 jets a class it differs in all pairs of trainings, and what is not changed
    in none.
    """
    away = np.array([z_of(300 + seed, 8000, 0.1) for seed in range(4)])  # of 81%, 1.7% more
    assert (away[:, 2] > 2.6).all()  # the first of three numbers, by Holm's rule
    assert (np.abs(away[:, :2]) > 3).mean() == 0


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of 100,000 jets, another training, and one that finds more b jets."""
    folder, jets, same = tmp_path_factory.mktemp("many"), make_jets(100_000, 50), (factor(), factor())
    given = {"first": (2, 0.0), "again": (3, 0.0), "better": (4, 0.1)}
    return {
        name: make_more(folder / name, jets, score(jets, seed=seed, shift=shift), same, -0.02)
        for name, (seed, shift) in given.items()
    }


def test_a_small_change_is_found_in_whole_folders(many: dict[str, Path]) -> None:
    """Protects: b jets of whom 1% more pass both cuts differ after Holm's rule; another training does not."""
    _, numbers = of_planes(Results(many["first"]), Results(many["again"]))
    assert not [number for number in judged(numbers) if number.differs]
    _, numbers = of_planes(Results(many["first"]), Results(many["better"]))
    by_name = {f"{number.subject}: {number.what}": number for number in judged(numbers)}
    found = by_name[PLANES[0]].difference
    assert found is not None
    assert 0.007 < found.value < 0.018
    assert by_name[PLANES[0]].differs


def test_planes_of_one_background_are_compared(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: pairs there, too: another training of the same quality is none, more b jets are found."""
    first, second = specs()
    alike = [first, second.model_copy(update={"background_classes": first.background_classes[:1]})]
    found = {}
    for name in ("first", "again", "shifted"):
        run = Path(shutil.copytree(runs[name], tmp_path / name))
        scores = [run / f"scores/{spec.name}/{SAMPLE}.parquet" for spec in alike]
        outputs = run / "calibration/both.json", run / "calibration/both.numbers.json"
        points, settings = {"L": (0.1, 0.3)}, EfficienciesSpec()
        calibrate_plane("both", alike, scores, points, (30, 60), (0, 2.5), {}, settings, *outputs)
        reseal(run)
        found[name] = Results(run)
    jets, numbers = of_planes(found["first"], found["again"])
    assert [one.paired for one in jets] == [True]
    assert not [number for number in judged(numbers) if number.differs]
    _, numbers = of_planes(found["first"], found["shifted"])
    assert {n.what for n in judged(numbers) if n.differs} == {"b efficiency of L"}


def test_planes_whose_cuts_nobody_knows_say_so(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: the reason is that of the rows, not a lack of jets; thresholds are shown all the same."""
    other = Path(shutil.copytree(runs["again"], tmp_path / "other"))
    path = other / "calibration/both.numbers.json"
    content = io.read_json(path)
    for point in content["working_points"].values():
        for cut in point["thresholds"]:
            cut |= {"low": None, "high": None}
    io.write_json(path, content)
    reseal(other)
    (jets,), numbers = of_planes(Results(runs["first"]), Results(other))
    assert (jets.paired, jets.why) == (False, UNKNOWN)
    assert jets.common > 6000
    first = next(number for number in numbers if number.what.startswith("threshold of L"))
    assert first.after is not None
    assert first.after.low == first.after.value == first.after.high
    assert first.after.value == content["working_points"]["L"]["thresholds"][0]["value"]
    for point in content["working_points"].values():
        point["efficiencies"] = {}
    io.write_json(path, content)
    reseal(other)
    (jets,), _ = of_planes(Results(runs["first"]), Results(other))
    assert jets.why == "no working point that both runs have"


def single(first: Path, second: Path) -> tuple[list[Jets], list[Number], list[str]]:
    """What is compared of single cuts."""
    return compare_numbers(Results(first), Results(second), 2)


def test_cuts_that_other_jets_fix_are_independent(many: dict[str, Path], tmp_path: Path) -> None:
    """Protects: errors are larger where the split calibration of the runs has other jets; of one cut, too."""
    other = Path(shutil.copytree(many["again"], tmp_path / "other"))
    for spec in specs():
        path = other / f"scores/{spec.name}/{SAMPLE}.parquet"
        rows = {name: np.asarray(io.read_rows(path)[name]) for name in io.column_names(path)}
        rows["event"] = np.where(rows["split"] == 2, rows["event"] + 10**9, rows["event"]).astype(np.uint64)
        rows["discriminant"] = rows.pop("p_b_jets")
        write_scores(path, {k: v for k, v in rows.items() if not k.startswith(("p_", "not"))})
    reseal(other)
    together, alone = (
        {
            (n.subject, n.what): n
            for found in (of_planes(Results(many["first"]), Results(run)), single(many["first"], run))
            for n in found[1]
            if n.z and n.what.endswith((" of L", " of M"))
        }
        for run in (many["again"], other)
    )
    assert {("deepjet", "b efficiency of M"), ("plane both", "b efficiency of M")} <= together.keys()
    assert together.keys() == alone.keys()
    for name, number in together.items():
        ours, theirs = (one.difference for one in (number, alone[name]))
        assert ours is not None
        assert theirs is not None
        assert ours.value == pytest.approx(theirs.value)
        assert theirs.high - theirs.low > 1.1 * (ours.high - ours.low)


def test_other_jets_are_compared_by_intervals(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: without jets in common it is said, and nothing differs; the other way round as far apart."""
    found, numbers = compared(runs, "first", "elsewhere", tmp_path)
    jets = next(j for j in found.jets if j.judgement == "plane both")
    assert (jets.paired, jets.common) == (False, 0)
    assert not any(numbers[name].paired or numbers[name].differs for name in PLANES)
    _, back = compared(runs, "elsewhere", "first", tmp_path)
    for name in PLANES:
        assert back[name].z == pytest.approx(-(numbers[name].z or 0), rel=0.05)


def test_planes_without_pairs_do_not_keep_the_gate_from_passing(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    """Protects: the gate is of ROC curves; what is said of planes is in their table."""
    few = Jets("plane both", SAMPLE, 9, 9, 0, False, "few jets")
    with mock.patch("jetsmith.comparing.compare.of_planes", return_value=([few], [])):
        found = compare(runs["first"], runs["first"], tmp_path, 0.02, ENOUGH)
    assert few in found.jets
    assert found.gate is not None
    assert found.gate.status == "passed"


def test_efficiencies_behind_two_cuts_are_those_counted_by_hand(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    """Protects: the slow twin: each jet of both runs, its two scores, its two cuts."""
    _, numbers = compared(runs, "first", "again", tmp_path)
    passing = []
    for name in ("first", "again"):
        content = io.read_json(runs[name] / "calibration/both.numbers.json")
        cuts = [cut["value"] for cut in content["working_points"]["L"]["thresholds"]]
        tables = [
            io.read_rows(runs[name] / f"scores/{spec.name}/{SAMPLE}.parquet").tolist() for spec in specs()
        ]
        passed = {}
        for rows in zip(*tables, strict=True):
            if rows[0]["split"] == 3 and rows[0]["label"] == 500:
                scores = [row["p_b_jets"] / (row["p_b_jets"] + row["p_light_jets"]) for row in rows]
                key = rows[0]["event"], rows[0]["jet_index"]
                passed[key] = all(x >= cut for x, cut in zip(scores, cuts, strict=True))
        passing.append(passed)
    first, second = passing
    both = first.keys() & second.keys()
    by_hand = np.mean([float(second[key]) - float(first[key]) for key in both])
    found = numbers[PLANES[0]].difference
    assert found is not None
    assert found.value == pytest.approx(by_hand, abs=2 / len(both))


@pytest.mark.parametrize("shared", [False, True], ids=["other data", "the same data"])
def test_errors_of_scale_factors_hold(shared: bool) -> None:
    """Protects: of one true factor differences scatter by their errors; of the same data by less."""
    rng = np.random.default_rng(1)
    n, own, moved = 20_000, (0.02, 0.03), (0.04, 0.05)
    source, first, second = rng.normal(size=(3, n))
    values = (
        1 + moved[0] * source + own[0] * first,
        1 + moved[1] * source + own[1] * (first if shared else second),
    )
    made = [
        Factor(1.0, whole, whole, o, {"energy_scale": m})
        for o, m in zip(own, moved, strict=True)
        for whole in [float(np.hypot(o, m))]
    ]
    pulls = (values[1] - values[0]) / error_of_difference(made[0], made[1])
    away = np.mean(np.abs(pulls) > 1.96)
    assert (away < 0.03) if shared else (away == pytest.approx(0.05, abs=0.006))


def test_sides_and_sources_of_an_error() -> None:
    """Protects: a longer side stretches, sources of other names add up, and the sign of a source counts."""
    one = Factor(1.0, 0.05, 0.05, 0.03, {"a": 0.04})
    assert error_of_difference(one, one) == pytest.approx(0.03 * 2**0.5)
    other = Factor(1.0, 0.05, 0.05, 0.03, {"b": 0.04})
    assert error_of_difference(one, other) == pytest.approx(0.05 * 2**0.5)
    against = Factor(1.0, 0.05, 0.05, 0.03, {"a": -0.04})
    assert error_of_difference(one, against) == pytest.approx(np.linalg.norm([0.03, 0.03, 0.08]))
    longer = Factor(1.0, 0.10, 0.05, 0.03, {"a": 0.04})
    assert error_of_difference(longer, other) == pytest.approx(np.linalg.norm([0.1, 0.05]))
    assert error_of_difference(Factor(1, 0, 0, 0, {}), Factor(1, 0, 0, 0, {})) == 0


def spoilt(run: Path, to: Path, name: str, change: Any) -> Path:
    """A copy of a run with a file that is another."""
    other = Path(shutil.copytree(run, to))
    content = io.read_json(other / name)
    change(content)
    io.write_json(other / name, content)
    reseal(other)
    return other


def test_no_result_and_other_bins_are_not_compared(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: a bin without a factor, and measurements that are none of the same, say why."""
    name = "scale_factors/probe.json"
    changes = {
        NONE: lambda content: content["points"]["L"][0].pop("factor"),
        OTHER_BINS: lambda content: content.update(pt_edges_gev=[30.0, 70.0, 120.0]),
    }
    for k, (why, change) in enumerate(changes.items()):
        other = spoilt(runs["first"], tmp_path / str(k), name, change)
        for sides in ((runs["first"], other), (other, runs["first"])):
            numbers = compare(*sides, tmp_path / "page", None, ENOUGH).numbers
            first = next(n for n in numbers if n.what.startswith("scale factor"))
            assert (first.p, first.why) == (None, why)


DAMAGED: dict[str, tuple[str, Any]] = {
    "bins": ("scale_factors/probe.json", lambda content: content["pt_edges_gev"].pop()),
    "a negative error": ("scale_factors/probe.json", lambda c: c["points"]["L"][0]["factor"].update(up=-1.0)),
    "three cuts": (
        "calibration/both.numbers.json",
        lambda c: c["working_points"]["L"]["thresholds"].append({}),
    ),
    "no value": (
        "calibration/both.numbers.json",
        lambda c: c["working_points"]["L"]["thresholds"][0].update(value=None),
    ),
    "a shift too many": (f"plots/resilience/{SAMPLE}/b_vs_light.json", lambda c: c["shifts"].append("more")),
}


@pytest.mark.parametrize(("name", "change"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_is_named(runs: dict[str, Path], tmp_path: Path, name: str, change: Any) -> None:
    """Protects: an error with the file, not a traceback, on either side."""
    other = spoilt(runs["first"], tmp_path / "other", name, change)
    for sides in ((runs["first"], other), (other, runs["first"])):
        with pytest.raises(InputError, match=rf"{name}: not what its stage writes"):
            compare(*sides, tmp_path / "page", None, ENOUGH)


def test_ends_that_nobody_knows_are_cautious(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: a threshold that too few jets fix makes its point differ in nothing; files stay finite."""

    def without(content: Any) -> None:
        for cut in content["working_points"]["L"]["thresholds"]:
            cut.update(low=None, high=None)

    other = spoilt(runs["shifted"], tmp_path / "other", "calibration/both.numbers.json", without)
    numbers = {
        f"{n.subject}: {n.what}": n for n in compare(runs["first"], other, tmp_path, None, ENOUGH).numbers
    }
    assert not numbers[PLANES[0]].differs
    shown = numbers[f"plane both: threshold of L on {specs()[0].judgement}"].after
    assert shown is not None
    assert shown.low == shown.value == shown.high  # without errors, which nobody knows
    json.loads((tmp_path / "comparison.json").read_text(), parse_constant=pytest.fail)


def test_a_shift_of_other_size_is_no_other_tagger(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: another factor under the same name has no difference, and a reason."""
    folders = []
    for by in (1.02, 1.05):
        folder = Path(shutil.copytree(runs["first"], tmp_path / f"of_{by}"))
        path = folder / f"plots/resilience/{SAMPLE}/b_vs_light.json"
        content = io.read_json(path)
        factor_of = {"name": "ak4.jet_pt", "scale": by, "offset": 0.0, "share": 0.9}
        shifted = {"name": content["shifts"][0], "inputs": [factor_of]}
        io.write_json(path, content | {"features": [shifted]})
        reseal(folder)
        folders.append(Results(folder))
    moved = [number.why == MOVED for number in of_resilience(*folders)]
    assert moved
    assert all(moved)
    assert not any(number.why == MOVED for number in of_resilience(folders[0], folders[0]))


def test_what_is_read_is_looked_for_at_the_dry_run(runs: dict[str, Path]) -> None:
    """Protects: a pruned copy is found before any job, of these files, too."""
    run = Results(runs["first"])
    assert (set(run.planes), set(run.measured), len(run.tried)) == ({"both"}, {"probe"}, 1)
    names = (
        "calibration/both.numbers.json",
        "scale_factors/probe.json",
        f"plots/resilience/{SAMPLE}/b_vs_light.json",
    )
    assert all(re.fullmatch(READ, name) for name in names)


def test_resolution_functions_are_no_judgement(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: other numbers of the folder calibration/ do not stop a comparison."""
    other = Path(shutil.copytree(runs["first"], tmp_path / "other"))
    io.write_json(other / "calibration/track_resolution.numbers.json", {"categories": []})
    text = (other / FILE).read_text()
    (other / FILE).write_text(
        text.replace("calibration/both.json", "calibration/track_resolution.numbers.json")
    )
    assert set(Results(other).calibrated) == {spec.judgement for spec in specs()}
