"""Protects reweighters with parameters: whose values an event has, what is level, weights between values."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io, members, parametrised, signs, training
from jetsmith.balance import balanced_weights
from jetsmith.chosen import class_index
from jetsmith.columns import EVENT_KEY
from jetsmith.errors import InputError
from jetsmith.handed.closure import Closure
from jetsmith.hashing import SPLITS, split_of
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.report.reweighters import closures
from jetsmith.reweighting.closure import closure
from jetsmith.reweighting.events import held_out
from jetsmith.reweighting.interpolation import interpolation
from jetsmith.reweighting.parameters import draw, write_parameters
from jetsmith.reweighting.weights import write_weights
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ComparedSpec
from jetsmith.specs.parameters import ParametersSpec, label
from jetsmith.specs.ratios import RatioSpec
from jetsmith.specs.run import GatesSpec, SplitSpec
from jetsmith.strict import seen_as
from tests import shifts

Array = np.ndarray[Any, Any]
POINTS = ((0.25, 1.0), (0.5, 1.0), (0.5, 2.0))
GROUPS = ["event", shifts.SPEC.parameter_group]
HELD = f"theta_{str(shifts.HELD_OUT).replace('.', 'p')}"
HELD_DATASET = shifts.SPEC.held_out[0]
SETTINGS = GatesSpec(bootstraps=50)
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


# --- values


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**40))
def test_a_draw_follows_from_the_event_alone(seed: int, first: int) -> None:
    """Against a slow twin, one event at a time; another order and other events beside change nothing."""
    rng = np.random.default_rng(seed)
    run, block = rng.integers(1, 9, 40), rng.integers(1, 999, 40)
    event = first + np.arange(40)
    found = draw(POINTS, run, block, event, seed)
    for k in range(40):
        word = slow_hash([int(run[k]), int(block[k]), int(event[k])], f"{seed}/parameters")
        assert found[k].tolist() == list(POINTS[(word >> 11) * len(POINTS) >> 53])
    order = rng.permutation(40)[:25]
    np.testing.assert_array_equal(draw(POINTS, run[order], block[order], event[order], seed), found[order])


def slow_hash(words: list[int], salt: str) -> int:
    """splitmix64, applied once a word, in Python's integers."""
    state, end = int.from_bytes(hashlib.blake2b(salt.encode(), digest_size=8).digest(), "little"), 2**64
    for word in words:
        state = ((state ^ word) + 0x9E3779B97F4A7C15) % end
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % end
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB % end
        state ^= state >> 31
    return state


def test_draws_are_uniform_and_have_nothing_to_do_with_splits() -> None:
    """Each value as often, within five standard deviations, in each split; another seed draws others."""
    n, key = 60_000, (np.ones(60_000, int), np.arange(60_000) // 100, np.arange(60_000))
    place = np.unique(draw(POINTS, *key, 1), axis=0, return_inverse=True)[1].reshape(-1)
    split = split_of(*key, 1, SplitSpec())
    for k in range(len(SPLITS)):
        counts = np.bincount(place[split == k], minlength=3)
        expected = (split == k).sum() / 3
        assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()
    assert (draw(POINTS, *key, 2) != draw(POINTS, *key, 1)).any(axis=1).sum() > n / 2


def test_events_have_the_values_that_they_were_generated_at(tmp_path: Path) -> None:
    """Of the target their own, held out or not; of the source any but those that are held out."""
    packed = shifts.write_sample(tmp_path, 3000, [200] * 5)
    own = [np.nan, *shifts.THETAS]
    for part in arrays.read_splits(packed, SPLITS, GROUPS, "events"):
        theta = part.groups[GROUPS[1]].values[:, 0]
        dataset = np.asarray(part.columns["dataset"])
        for k, value in enumerate(own):
            if k:
                assert (theta[dataset == k] == value).all()
        assert set(theta[dataset == 0]) == set(shifts.THETAS) - {shifts.HELD_OUT}


def test_a_sample_without_values_is_refused(tmp_path: Path) -> None:
    """All of them held out: nothing is left to draw."""
    packed = shifts.write_sample(tmp_path, 300, [20] * 5)
    values = shifts.generated_at()
    outputs = {name: tmp_path / name / "other" for name in SPLITS}
    with pytest.raises(InputError, match="no dataset of sample `events` has values of theta"):
        write_parameters("shifts", "events", ["theta"], values, list(values), 1, packed, outputs)


# --- level weights


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_both_generators_weigh_the_same_at_each_value(seed: int, n_values: int) -> None:
    """Signed weights; a value that no event has gets no factor."""
    rng = np.random.default_rng(seed)
    place = np.concatenate([np.arange(n_values), rng.integers(0, n_values, 300)])
    place = np.concatenate([place, place])
    target = np.arange(len(place)) < len(place) // 2
    weight = rng.choice([-0.1, 1.0], len(place), p=[0.1, 0.9]) * np.where(target, 3.0, 1.0)
    weight[:n_values] = weight[len(place) // 2 :][:n_values] = 40.0
    factors = parametrised.level(shifts.SPEC, weight, target, place, n_values + 1)
    levelled = np.where(target, weight * factors[place], weight)
    sums = [np.bincount(place, np.where(side, levelled, 0), n_values + 1) for side in (target, ~target)]
    np.testing.assert_allclose(*sums)
    assert factors[n_values] == 1


def test_a_value_without_one_of_both_is_refused() -> None:
    """No factor levels nothing."""
    target = np.array([True, True, False])
    with pytest.raises(InputError, match="at 1 of 2 values of theta"):
        parametrised.level(shifts.SPEC, np.ones(3), target, np.array([0, 1, 0]), 2)


def test_trainings_see_no_difference_in_the_values(tmp_path: Path) -> None:
    """Datasets of different sizes: sums at each value agree, and would not where classes alone were level."""
    packed = shifts.write_sample(tmp_path, 4000, [2000, 300, 500, 900, 100])
    parts = arrays.read_splits(packed, SPLITS, GROUPS, "events")
    classes = [class_index(shifts.SPEC, part) for part in parts]
    rows = [Rows.select(shifts.SPEC.inputs, [parts[k]], [classes[k] >= 0]) for k in (0, 1)]
    target = [classes[k][classes[k] >= 0] for k in (0, 1)]

    def by_value(spec: Any) -> Array:
        weight = balanced_weights(spec, rows, target)[0]
        place = parametrised.places(parametrised.values_of(shifts.SPEC, rows[0]))
        return np.array([np.bincount(place, weight * (target[0] == side)) for side in (0, 1)])

    source, other = by_value(shifts.SPEC)
    np.testing.assert_allclose(source, other, rtol=1e-5)
    source, other = by_value(shifts.SPEC.model_copy(update={"parameters": ()}))
    assert np.abs(other / source - 1).max() > 0.5


def test_datasets_that_are_held_out_train_nothing(tmp_path: Path) -> None:
    """They are of no class for a training, and of theirs for everyone else."""
    packed = shifts.write_sample(tmp_path, 300, [60] * 5)
    (part,) = arrays.read_splits(packed, ["train"], GROUPS, "events")
    dataset = np.asarray(part.columns["dataset"])
    held = part.datasets.index(HELD_DATASET)
    index = class_index(shifts.SPEC, part)
    assert (index[dataset == held] == -1).all()
    assert (index[(dataset > 0) & (dataset != held)] == 1).all()
    assert (index[dataset == 0] == 0).all()


# --- names


def test_labels_tell_values_apart() -> None:
    """As they stand in names of columns."""
    assert label({"scale": 0.25}) == "scale_0p25"
    assert label({"kappa": -1.5, "scale": 2.0}) == "kappa_m1p5_scale_2"
    assert label({"x": 1e-7}) == "x_1em07"
    assert label({"x": 0.1}) != label({"x": float(np.nextafter(np.float32(0.1), np.float32(1)))})


def test_a_point_is_in_the_order_of_the_names() -> None:
    """However it was written: one label for one point."""
    given = ParametersSpec(names=("a", "b"), at=({"b": 2.0, "a": 1.0},))
    assert given.points() == {"a_1_b_2": {"a": 1.0, "b": 2.0}}


# --- weights and closure, of a model that is right


def write_scores(folder: Path, packed: Path, ensemble: int = 0, held_out_logit: float | None = None) -> Path:
    """What score writes of a model that knows the ratio; its members are off to both sides."""
    parts = arrays.read_splits(packed, SPLITS, GROUPS, "events")
    rows = Rows.select(shifts.SPEC.inputs, parts)
    x, theta = rows.flat_as_packed(slice(0, len(rows))).T.astype(np.float64)
    dataset = rows.column("dataset")
    logit = shifts.log_ratio(x, theta)
    if held_out_logit is not None:
        logit = np.where(dataset == parts[0].datasets.index(HELD_DATASET), held_out_logit, logit)
    table = {name: rows.column(name) for name in (*EVENT_KEY, "jet_index", "dataset")}
    table |= {"split": rows.part.astype("i1"), "weight": rows.weight(), "scored": np.ones(len(rows), bool)}
    for k in range(ensemble) if ensemble else [None]:
        p = 1 / (1 + np.exp(-logit - (0 if k is None else 0.1 * (-1) ** k)))
        names = ["p_before", "p_after"] if k is None else [members.column(k, c) for c in ("before", "after")]
        table |= {names[0]: (1 - p).astype("f4"), names[1]: p.astype("f4")}
        for at, point in shifts.SPEC.points.items():
            off = 0 if k is None else 0.1 * (-1) ** k
            there = np.where(dataset == 0, shifts.log_ratio(x, point["theta"]) + off, 0)
            table[parametrised.column(at, k)] = there.astype("f4")
    io.write_rows(folder / "scores.parquet", ak.zip(table, depth_limit=1))
    return folder / "scores.parquet"


def weigh(
    folder: Path,
    packed: Path,
    scores: Path,
    n_members: int = 0,
    only: tuple[str, ...] = (),
    spec: Any = shifts.SPEC,
    ratio: RatioSpec | None = None,
) -> dict[str, Path]:
    """Weights of all datasets, or of some."""
    found = {name: folder / f"{name}.parquet" for name, _ in shifts.DATASETS if not only or name in only}
    for name, path in found.items():
        write_weights(
            spec, scores, shifts.DATASETS, name, path, path.with_suffix(".json"), ratio, n_members=n_members,
            packed=packed, at=spec.points,
        )  # fmt: skip
    return found


def judge(folder: Path, packed: Path, weights: dict[str, Path]) -> Closure:
    """The stage closure."""
    at = {HELD: {"theta": shifts.HELD_OUT}}
    spec = ComparedSpec(**seen_as(ComparedSpec, shifts.SPEC))
    closure(spec, packed, weights, SETTINGS, 7, folder / "c.json", held_out_at={HELD: [HELD_DATASET]}, at=at)
    return io.read_record(Closure, folder / "c.json", reweighter="shifts")


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Path]]:
    """A folder, packed events, of the target unevenly many at each value, and right weights."""
    folder = tmp_path_factory.mktemp("right")
    packed = shifts.write_sample(folder / "packed", 60_000, [24_000, 8000, 12_000, 12_000, 10_000])
    return folder, packed, weigh(folder, packed, write_scores(folder, packed))


def test_weights_at_values_are_those_of_the_values(right: tuple[Path, Path, dict[str, Path]]) -> None:
    """The ratio at each, by value, normalised by itself; `weight` at the drawn ones; the target has 1."""
    folder, packed, weights = right
    rows = io.read_rows(weights["nominal"])
    x, theta = of_events(packed, rows)
    for at, point in shifts.SPEC.points.items():
        weight = np.asarray(rows[f"weight_at_{at}"])
        ratio = np.exp(shifts.log_ratio(x, point["theta"]))
        assert np.abs(np.log(weight / ratio)).mean() < 0.05  # the calibration has 9,000 events of each
        assert weight.sum() == pytest.approx(len(weight))
        assert (np.asarray(io.read_rows(weights["shifted_1"])[f"weight_at_{at}"]) == 1).all()
    drawn = np.asarray(rows["weight"])
    assert np.abs(np.log(drawn) - shifts.log_ratio(x, theta)).mean() < 0.05
    for value in np.unique(theta):
        assert drawn[theta == value].sum() == pytest.approx((theta == value).sum())
    numbers = io.read_json(folder / "nominal.json")
    assert numbers["conserved"] == {"feature": "", "edges": []}
    assert "sum_factors" not in numbers  # `weight` is normalised at each drawn value by itself
    about = numbers["at"]
    assert about[HELD]["parameters"] == {"theta": shifts.HELD_OUT}
    assert about[HELD]["normalisation"] == pytest.approx(1)
    assert (np.asarray(rows["weight_at_theta_1_up"]) == np.asarray(rows["weight_at_theta_1"])).all()


def of_events(packed: Path, rows: Any) -> tuple[Array, Array]:
    """Feature and parameter of events, in the order of a file of weights."""
    parts = arrays.read_splits(packed, SPLITS, GROUPS, "events")
    event = np.concatenate([part.columns["event"] for part in parts])
    values = [np.concatenate([part.groups[group].values[:, 0] for part in parts]) for group in GROUPS]
    order = np.argsort(event)
    place = order[np.searchsorted(event[order], np.asarray(rows["event"]))]
    return values[0][place].astype(np.float64), values[1][place].astype(np.float64)


def test_an_ensemble_has_errors_at_each_value(tmp_path: Path) -> None:
    """Members that are a tenth off to both sides, at all values; with the sum conserved that is no error."""
    packed = shifts.write_sample(tmp_path / "packed", 2000, [400] * 5)
    scores = write_scores(tmp_path, packed, ensemble=4)
    conserved = io.read_rows(weigh(tmp_path, packed, scores, n_members=4)["nominal"])
    for name in ("weight", f"weight_at_{HELD}"):
        for end in ("up", "down"):
            np.testing.assert_allclose(conserved[f"{name}_{end}"], conserved[name], rtol=1e-6)
    weights = weigh(tmp_path, packed, scores, n_members=4, ratio=RatioSpec(conserve=False))
    rows = io.read_rows(weights["nominal"])
    up, down = (
        np.asarray(rows[f"weight_at_{HELD}_{end}"] / rows[f"weight_at_{HELD}"]) for end in ("up", "down")
    )
    drawn = np.asarray(rows["weight_up"] / rows["weight"])
    np.testing.assert_allclose(up, drawn, rtol=1e-4)
    np.testing.assert_allclose(up * down, 1)
    assert up.min() > 1.05


def test_refined_weights_keep_the_sum_of_each_value(tmp_path: Path) -> None:
    """Datasets of the target by themselves, though one share is of all; of the source at each value, too."""
    packed = shifts.write_sample(tmp_path / "packed", 3000, [900, 300, 500, 500, 400])
    scores, rng = write_scores(tmp_path, packed), np.random.default_rng(3)
    rows = io.read_rows(scores)
    dataset = np.asarray(rows["dataset"])
    below = 0.05 + 0.06 * dataset  # of each dataset other ones, which the share does not know
    rows["weight"] = (1 + dataset) * np.where(rng.random(len(rows)) < below, -1.0, 1.0)
    for name in ("before", "after"):
        rows[signs.column(name)] = rng.uniform(0.5, 1, len(rows)).astype("f4")
    io.write_rows(scores, rows)
    ratio = RatioSpec(refine=True)
    for name, _ in shifts.DATASETS:
        path = tmp_path / f"{name}.parquet"
        write_weights(
            shifts.SPEC,
            scores,
            shifts.DATASETS,
            name,
            path,
            ratio=ratio,
            packed=packed,
            at=shifts.SPEC.points,
        )
        found = io.read_rows(path)
        assert np.sum(found["weight_refined"]) == pytest.approx(np.sum(found["weight_generator"]), rel=1e-12)
        assert np.min(found["weight_refined"]) > 0
        wanted = [f"weight_at_{at}_refined_target" for at in shifts.SPEC.points] + ["weight_refined_target"]
        for column in wanted:
            total = np.sum(found["weight_generator"])
            assert np.sum(found[column]) == pytest.approx(total, rel=1e-12)
    found = io.read_rows(tmp_path / "nominal.parquet")
    for at in shifts.SPEC.points:
        product = np.asarray(found["weight_refined"] * found[f"weight_at_{at}"])
        factor = np.asarray(found[f"weight_at_{at}_refined_target"]) / product
        np.testing.assert_allclose(factor, factor[0], rtol=1e-12)


def test_events_that_are_held_out_calibrate_nothing(tmp_path: Path) -> None:
    """Their scores say nothing sensible, and no weight of the source changes."""
    packed = shifts.write_sample(tmp_path / "packed", 2000, [400] * 5)
    found = []
    for logit in (None, -5.0):
        weights = weigh(tmp_path, packed, write_scores(tmp_path, packed, held_out_logit=logit))
        found.append(np.asarray(io.read_rows(weights["nominal"])["weight"]))
    np.testing.assert_array_equal(*found)


@pytest.fixture(scope="module")
def judged(right: tuple[Path, Path, dict[str, Path]]) -> Closure:
    """What closure says of them."""
    return judge(*right)


def test_sums_at_other_values_are_judged_too(
    right: tuple[Path, Path, dict[str, Path]], tmp_path: Path
) -> None:
    """A column of weights at a value that is a hundredth too large fails by its name; no other gate looks."""
    _, packed, weights = right
    rows = io.read_rows(weights["nominal"])
    column = next(f"weight_at_{at}" for at in shifts.SPEC.points if at != HELD)
    wrong = tmp_path / "nominal.parquet"
    moved = ak.with_field(rows, 1.01 * rows[column], column)
    io.write_rows(wrong, moved, reweighter="shifts", dataset="nominal")
    found = judge(tmp_path, packed, weights | {"nominal": wrong})
    assert [gate.name for gate in found.gates if gate.status == "failed"] == ["sum"]
    assert f"the sum of `{column}` of all source events is 1.01 times" in found.gates[5].why


def test_right_weights_pass(right: tuple[Path, Path, dict[str, Path]], judged: Closure) -> None:
    """Jointly in event and value, and at the value that was held out, whose events the rest does not see."""
    found = judged
    assert {gate.name: gate.status for gate in found.gates} == dict.fromkeys(
        ["separation", "support", "calibration", "spectra", "swapped", "sum", "interpolation"], "passed"
    ), found.gates
    assert [h["feature"] for h in found.histograms] == [
        "x"
    ]  # values agree by construction, and prove nothing
    (one,) = found.interpolations
    assert one.parameters == {"theta": shifts.HELD_OUT}
    rows = io.read_rows(right[2][HELD_DATASET])
    assert one.n_target == (np.asarray(rows["split"]) == 3).sum()
    assert found.n_target + one.n_target == sum(
        (np.asarray(io.read_rows(right[2][name])["split"]) == 3).sum() for name, _ in shifts.DATASETS[1:]
    )
    assert one.auc_before.value > 0.65
    table = closures([found], {})[0]
    assert table["gates"][-1]["name"] == "Values not trained at"
    assert table["interpolations"][0] | {"before": "", "after": ""} == {
        "values": "theta = 0.75", "status": "passed", "grade": "good", "n_target": f"{one.n_target:,}",
        "before": "", "after": "", "feature": "x", "chi2_before": table["interpolations"][0]["chi2_before"],
        "chi2_after": f"{one.histograms[0]['chi2_after'] / one.histograms[0]['n_dof']:.1f}",
    }  # fmt: skip


def test_weights_that_do_not_know_the_value_fail_there(
    right: tuple[Path, Path, dict[str, Path]], tmp_path: Path
) -> None:
    """Those of another value: the other gates, which test no such value, still pass."""
    rows = io.read_rows(right[2]["nominal"])
    spoiled = ak.with_field(rows, rows["weight_at_theta_0p25"], f"weight_at_{HELD}")
    io.write_rows(tmp_path / "n.parquet", spoiled, reweighter="shifts", dataset="nominal")
    found = judge(tmp_path, right[1], right[2] | {"nominal": tmp_path / "n.parquet"})
    status = {gate.name: gate.status for gate in found.gates}
    assert status.pop("interpolation") == "failed"
    assert set(status.values()) == {"passed"}
    assert found.status == "failed"


def test_values_in_the_wrong_place_fail_jointly(
    right: tuple[Path, Path, dict[str, Path]], tmp_path: Path
) -> None:
    """Weights of one value for all events: spectra may agree on average, event and value together do not."""
    rows = io.read_rows(right[2]["nominal"])
    x, _ = of_events(right[1], rows)
    trained = [theta for theta in shifts.THETAS if theta != shifts.HELD_OUT]
    # The mixture of all values: the spectrum of x is that of the target, at no value it is.
    mean = np.mean([np.exp(shifts.log_ratio(x, theta)) for theta in trained], axis=0)
    spoiled = ak.with_field(ak.with_field(rows, mean / mean.mean(), "weight"), mean, "ratio")
    io.write_rows(tmp_path / "n.parquet", spoiled, reweighter="shifts", dataset="nominal")
    found = judge(tmp_path, right[1], right[2] | {"nominal": tmp_path / "n.parquet"})
    status = {gate.name: gate.status for gate in found.gates}
    assert status["spectra"] == "passed"
    assert status["separation"] == "failed"


def test_the_target_is_level_at_each_value(right: tuple[Path, Path, dict[str, Path]]) -> None:
    """Closure compares densities at a value, not how many events were generated there."""
    spec = ComparedSpec(**seen_as(ComparedSpec, shifts.SPEC))
    events = held_out(spec, [right[1] / name for name in SPLITS], shifts.DATASETS, right[2])
    place = parametrised.places(parametrised.values_of(spec, events.rows))
    sums = [np.bincount(place, events.generator * side) for side in (events.target_mask, ~events.target_mask)]
    np.testing.assert_allclose(*sums)
    assert events.names == ("x",)
    assert events.features.shape == (len(place), 1)


def test_a_test_without_held_out_values_is_stored_as_before(judged: Closure, tmp_path: Path) -> None:
    """Files of other reweighters have no such key, and are read."""
    before = dataclasses.replace(judged, interpolations=())
    io.write_record(tmp_path / "before.json", before)
    assert "interpolations" not in io.read_json(tmp_path / "before.json")
    assert io.read_record(Closure, tmp_path / "before.json") == before


# --- a training


TREES = shifts.SPEC.model_copy(
    update={
        "backend": "xgboost",
        "model": "",
        "architecture": {"max_depth": 3, "min_child_weight": 20},
        "training": shifts.SPEC.training.model_copy(update={"epochs": 80, "learning_rate": 0.1}),
    }
)


@pytest.mark.parametrize("spec", [shifts.SPEC, TREES], ids=["network", "trees"])
def test_a_value_that_a_model_was_not_trained_at(tmp_path: Path, spec: Any) -> None:
    """x ~ N(θ, 1) against N(0, 1), with the truth at hand.

    From 30,000 events of each generator a weight is known to some hundredths: mean |log w - log true w| is
    at most 0.1 at the values on both sides, which are trained at. Between, a network is as good: within a
    factor of 2, since of two numbers of some hundredths, each with a calibration and a normalisation in it,
    one may be twice the other by chance. Trees have steps: half of one from 0.5 to 1 is 0.25 |x|, 0.2 on
    average, several times that, and the gate fails.
    """
    packed = shifts.write_sample(tmp_path / "packed", 60_000, [24_000, 8000, 12_000, 12_000, 10_000])
    training.train(spec, packed, tmp_path / "model", 3)
    seen = io.read_json(tmp_path / "model/meta.json")["rows"]["model"]["train"]
    assert seen["of_no_class"] == pytest.approx(6000, rel=0.1)  # the dataset that is held out
    spec = spec.model_copy(update={"points": {at: spec.points[at] for at in ("theta_0p5", HELD, "theta_1")}})
    score(spec, tmp_path / "model", packed, tmp_path / "scores.parquet", at=spec.points)
    weights = weigh(tmp_path, packed, tmp_path / "scores.parquet", only=("nominal", HELD_DATASET), spec=spec)
    rows = io.read_rows(weights["nominal"])
    x, _ = of_events(packed, rows)
    test = np.asarray(rows["split"]) == SPLITS.index("test")
    log = {at: np.log(np.asarray(rows[f"weight_at_{at}"])) for at in spec.points}
    off = {
        at: np.abs(log[at] - shifts.log_ratio(x, point["theta"]))[test].mean()
        for at, point in spec.points.items()
    }
    between, beside = off.pop(HELD), max(off.values())
    assert beside < 0.1, off
    found = interpolation(
        ComparedSpec(**seen_as(ComparedSpec, spec)), [packed / name for name in SPLITS], shifts.DATASETS,
        weights, [HELD_DATASET], HELD, {"theta": shifts.HELD_OUT}, SETTINGS, 7,
    )  # fmt: skip
    steps = spec.backend == "xgboost"
    assert (between > 2 * beside) == steps, (between, off)
    assert (found.status == "failed") == steps, found


def test_log_odds_at_a_value_are_those_of_events_that_have_it(tmp_path: Path) -> None:
    """Of trees, for speed: where the drawn value is asked for, the same number; of the target none."""
    spec = TREES
    packed = shifts.write_sample(tmp_path / "packed", 1500, [300] * 5)
    training.train(spec, packed, tmp_path / "model", 3)
    score(spec, tmp_path / "model", packed, tmp_path / "scores.parquet", at=spec.points)
    rows = io.read_rows(tmp_path / "scores.parquet")
    parts = arrays.read_splits(packed, SPLITS, GROUPS, "events")
    theta = np.concatenate([part.groups[GROUPS[1]].values[:, 0] for part in parts])
    source = np.asarray(rows["dataset"]) == 0
    own = np.log(np.asarray(rows["p_after"], np.float64) / np.asarray(rows["p_before"], np.float64))
    for at, point in spec.points.items():
        found = np.asarray(rows[parametrised.column(at)])
        here = source & (theta == np.float32(point["theta"]))
        np.testing.assert_allclose(found[here], own[here], rtol=1e-5, atol=1e-6)
        assert (found[~source] == 0).all()
        assert here.any() == (at != HELD)
        assert np.abs(found[source & ~here] - own[source & ~here]).max() > 0.01
