"""Protects the errors of weights by each kind of ensemble: what they have to cover, and what they do not."""

from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from scipy import stats

from jetsmith import io
from jetsmith.assembling import assemble
from jetsmith.balance import balanced_weights
from jetsmith.chosen import times_in
from jetsmith.errors import InputError
from jetsmith.halves import halves_error
from jetsmith.hashing import SPLITS, replica_of
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import Members, RecipeSpec, TrainingSpec
from jetsmith.spread import half_width, members_error
from jetsmith.training import train
from tests.unit.bundled_weights import DATASETS, INPUTS, recipe, write_events
from tests.unit.packed_jets import write_packed

Array = np.ndarray[Any, Any]
SEED = 17
QUANTILE = 0.5 + 0.683 / 2
SHARES = {"bootstrap": lambda n: 1 + 1 / n, "seeds": lambda n: 1 / n}


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("members", SHARES)
def test_errors_against_a_scalar_twin(members: Members, n: int) -> None:
    """The sum over members written out, number by number, with Student's quantile."""
    values = np.random.default_rng(n).normal(size=(n, 4, 3))
    found = members_error(values, members)
    assert found.shape == (4, 3)
    for place in np.ndindex(4, 3):
        each = [float(values[(k, *place)]) for k in range(n)]
        mean = sum(each) / n
        variance = sum((x - mean) ** 2 for x in each) / (n - 1)
        expected = (variance * SHARES[members](n)) ** 0.5 * stats.t.ppf(QUANTILE, n - 1)
        assert found[place] == pytest.approx(expected, rel=1e-9)


def test_halves_stay_what_they_are() -> None:
    """To the bit; and they have no factor of their own, since they come in pairs."""
    values = np.random.default_rng(1).normal(size=(6, 50))
    assert np.array_equal(members_error(values, "halves"), halves_error(values))
    with pytest.raises(ValueError, match="pairs"):
        half_width("halves", 6)


HALVES = [{"without": {"fold": k % 2, "folds": 2, "seed": k // 2}} for k in range(4)]
REPLICAS = [{"replica": k} for k in range(4)]
OTHERS: dict[str, tuple[Members, list[dict[str, Any]], str]] = {
    "replicas that are none": (
        "bootstrap",
        [{}] * 4,
        r"0: has learned from all events, and .* replica \(a seed",
    ),
    "one that is none": ("bootstrap", [*REPLICAS[:3], {}], r"3: has learned from all events"),
    "the same replica twice": (
        "bootstrap",
        [{"replica": 5}] * 4,
        r"1: .* \(5\), and .* \(a seed of its own\)",
    ),
    "halves as replicas": ("bootstrap", HALVES, r"0: has learned from events without part 0 of 2"),
    "replicas as halves": (
        "halves",
        REPLICAS,
        r"0: has learned from a bootstrap replica \(0\), and .* part 0 of",
    ),
    "the same half twice": (
        "halves",
        [HALVES[0], HALVES[0], *HALVES[2:]],
        r"1: .* part 0 of .* wants .* part 1 of",
    ),
    "halves of two partitions": (
        "halves",
        [HALVES[0], HALVES[3], *HALVES[2:]],
        r"1: .* \(partition 1\), and .* \(p.* 0\)",
    ),
    "a half without its other": ("halves", HALVES[:3], r"2: `members: halves` come in pairs"),
    "thirds": ("halves", [{"without": h["without"] | {"folds": 3}} for h in HALVES], r"0: .* part 0 of 3"),
    "seeds that are halves": (
        "seeds",
        HALVES,
        r"0: .* part 0 of 2 .*, and `members: seeds` wants all events",
    ),
    "seeds that are replicas": ("seeds", REPLICAS, r"0: .* bootstrap replica \(0\), and .* wants all events"),
}


def members_of(folder: Path, members: Members, tasks: list[dict[str, Any]]) -> list[Path]:
    """Models that are nothing but what assemble reads of them."""
    found = [folder / f"m/{k}" for k in range(len(tasks))]
    for k, (model, task) in enumerate(zip(found, tasks, strict=True)):
        model.mkdir(parents=True)
        (model / "model").write_text(str(k))
        io.write_json(model / "spec.json", recipe(members=members).model_dump(mode="json"))
        about = {
            "classifier": "toy",
            "task": {"seed": k, **task},
            "seed": k,
            "checksums": io.folder_checksums(model),
        }
        keys = ("rows", "heavy_jets", "heads_off", "started", "threads", "device")
        io.write_json(model / "meta.json", about | dict.fromkeys(keys))
    return found


@pytest.mark.parametrize("what", OTHERS)
def test_members_have_learned_from_what_their_error_is_of(what: str, tmp_path: Path) -> None:
    """Else a bootstrap of seeds alone, say, would have the error of one: each is named."""
    members, tasks, words = OTHERS[what]
    with pytest.raises(InputError, match=words):
        assemble("toy", members_of(tmp_path, members, tasks), tmp_path / "toy")
    assert not (tmp_path / "toy").exists()


def test_members_of_their_kind_are_assembled(tmp_path: Path) -> None:
    """Halves in pairs, replicas, and what has seen all events."""
    right: dict[Members, list[dict[str, Any]]] = {"halves": HALVES, "bootstrap": REPLICAS, "seeds": [{}, {}]}
    for members, tasks in right.items():
        assemble("toy", members_of(tmp_path / members, members, tasks), tmp_path / members / "toy")
        assert io.read_json(tmp_path / members / "toy/meta.json")["members"] == len(tasks)


def test_what_is_no_ensemble_is_refused() -> None:
    """An unknown kind counts as none of the known ones; halves come in pairs; one member has no error."""
    for members in ("boot", "Halves"):
        with pytest.raises(ValueError, match=f"`{members}`, where one of halves, bootstrap, seeds is known"):
            members_error(np.zeros((4, 3)), members)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="is known"):
            half_width(members, 4)  # type: ignore[arg-type]
    for n in (1, 3):
        with pytest.raises(ValueError, match=f"{n} of kind `halves`, where pairs, an even number"):
            members_error(np.zeros((n, 5)), "halves")
    for kind in SHARES:
        with pytest.raises(ValueError, match=f"1 of kind `{kind}`, where 2 or more"):
            members_error(np.zeros((1, 5)), kind)


def test_members_that_agree_have_no_error() -> None:
    """And what they have in common does not matter."""
    for members in get_args(Members):
        assert members_error(np.full((4, 3), 5.0), members).tolist() == [0, 0, 0]


def _covered(members: Members, noise: float, n_members: int = 10, tries: int = 3000) -> float:
    """How often the interval of a weighted mean, weights of both signs, holds the truth.

    The error of the mean is about 0.082; `noise` is what a seed adds to each member.
    """
    rng, n = np.random.default_rng([SEED, int(1e6 * noise), n_members]), 200
    x, weight = rng.normal(size=(n, tries)), np.where(rng.random((n, tries)) < 0.05, -1.0, 1.0)
    each, half = np.empty((n_members, tries)), np.zeros(n, bool)
    for k in range(n_members):
        if members == "halves":
            half = rng.permutation(n) < n // 2 if k % 2 == 0 else ~half
            times = half[:, np.newaxis].astype(int)
        else:
            times = rng.poisson(1, (n, tries)) if members == "bootstrap" else np.ones((n, 1))
        each[k] = (times * weight * x).sum(axis=0) / (times * weight).sum(axis=0)
    each += rng.normal(0, noise, each.shape)
    return float((np.abs(each.mean(axis=0)) < members_error(each, members)).mean())


def test_what_covers_the_fluctuation_of_events() -> None:
    """Of means: halves and replicas hold the truth as often as they say, seeds next to never."""
    assert _covered("halves", 0.0) == pytest.approx(0.683, abs=0.05)  # pairs share the data (test_weights)
    for n_members in (3, 10):
        assert _covered("bootstrap", 0.0, n_members) == pytest.approx(0.683, abs=0.035)
    assert _covered("seeds", 0.02) < 0.15
    assert _covered("seeds", 0.0) == 0


@pytest.mark.parametrize("matched", [0.0, 0.95])
def test_equal_keys_of_two_generators_do_no_harm(matched: float) -> None:
    """Their events have one count: right where they are one event twice, and where they share numbers."""
    rng, n, tries, n_members = np.random.default_rng(SEED), 200, 3000, 8
    source = rng.normal(size=(n, tries))
    target = matched * source + np.sqrt(1 - matched**2) * rng.normal(size=(n, tries))
    each = []
    for _ in range(n_members):
        times = rng.poisson(1, (n, tries))
        each.append((times * (target - source)).sum(axis=0) / times.sum(axis=0))
    values = np.array(each)
    covered = np.abs(values.mean(axis=0)) < members_error(values, "bootstrap")
    assert covered.mean() == pytest.approx(0.683, abs=0.035)


def test_seeds_make_replicas_cautious_by_as_much_as_is_said() -> None:
    """The noise of a seed counts as if averaging did not take it away; halves take it off (test_weights)."""
    event, seed, n = 0.082**2, 0.1**2, 10
    too_wide = (event + seed) * (1 + 1 / n) / (event + (event + seed) / n)
    assert too_wide < 1 + seed / event
    expected = 2 * stats.t.cdf(np.sqrt(too_wide) * stats.t.ppf(QUANTILE, n - 1), n - 1) - 1
    assert expected > 0.8
    assert _covered("bootstrap", 0.1) == pytest.approx(expected, abs=0.03)


def test_seeds_cover_the_mean_of_all_seeds() -> None:
    """What their error is the error of: the training alone, on these events."""
    each = np.random.default_rng(3).normal(0, 0.1, (5, 4000))
    assert np.mean(np.abs(each.mean(axis=0)) < members_error(each, "seeds")) == pytest.approx(0.683, abs=0.03)


def test_a_row_counts_as_often_as_it_is_there() -> None:
    """Weights of a replica, classes levelled and tails flattened, are those of rows that are repeated."""
    rng, n = np.random.default_rng(5), 400
    x, target = rng.normal(size=(n, 3)).astype(np.float32), rng.integers(0, 2, n)
    weight = np.where(rng.random(n) < 0.1, -1.0, 1.0) * rng.gamma(4, 0.25, n)
    times = rng.poisson(1, n)
    flat = TrainingSpec(balance="class", flatten_in={"x0": (-9, 0, 1, 9)})

    def rows(which: Array) -> Rows:
        columns = {"dataset": target[which].astype("i4")}
        whose = (("old", "new"), ("power", "dipole"))
        groups = {"event": arrays.FlatGroup(x[which], INPUTS.features)}
        return Rows.select(
            [INPUTS], [arrays.Packed(groups, 0 * target[which], weight[which], columns, *whose)]
        )

    there, repeated = np.flatnonzero(times), np.repeat(np.arange(n), times)
    spec = recipe(training=flat)
    once = balanced_weights(spec, [rows(there)] * 2, [target[there]] * 2, [times[there]] * 2)
    often = balanced_weights(spec, [rows(repeated)] * 2, [target[repeated]] * 2)
    for found, expected in zip(once, often, strict=True):
        np.testing.assert_allclose(np.repeat(found / times[there], times[there]), expected, rtol=2e-5)


def _without_those_that_are_not_there(packed: Path, folder: Path, replica: int) -> Path:
    """The sample less the events that a replica has 0 times."""
    for name in SPLITS:
        part = arrays.read_packed(packed / name, ["event"], split=name)
        (times,) = times_in(replica, [part])
        kept = times > 0
        columns = {key: np.asarray(values)[kept] for key, values in part.columns.items()}
        groups = {"event": arrays.FlatGroup(np.asarray(part.groups["event"].values)[kept], INPUTS.features)}
        less = arrays.Packed(
            groups, np.asarray(part.label)[kept], np.asarray(part.weight)[kept], columns, part.datasets,
            part.generators,
        )  # fmt: skip
        write_packed(folder / name, less)
    return folder


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events of two generators."""
    return write_events(tmp_path_factory.mktemp("sample") / "packed", 800, negative=0.1)


def _model(spec: RecipeSpec, packed: Path, folder: Path, replica: int | None) -> tuple[Any, Any]:
    """What a training leaves: checksums of all its files but who made them, and its losses."""
    train(spec, packed, folder, seed=3, replica=replica)
    sums = io.read_json(folder / "meta.json")["checksums"]
    history = [
        {key: value for key, value in row.items() if key != "seconds"}
        for path in sorted(folder.glob("**/history.json"))
        for row in io.read_json(path)
    ]
    return {name: crc for name, crc in sums.items() if name.endswith("model.json")}, history


@pytest.mark.parametrize("folds", [0, 3])
def test_an_event_that_is_not_there_trains_nothing(sample: Path, tmp_path: Path, folds: int) -> None:
    """Neither trees nor when they stop: to the byte the same without it; other counts are other trees."""
    spec = recipe(folds=folds)
    found = _model(spec, sample, tmp_path / "model", SEED)
    less = _without_those_that_are_not_there(sample, tmp_path / "less", SEED)
    assert _model(spec, less, tmp_path / "again", SEED) == found
    assert found[0]
    for k, other in enumerate((None, SEED + 1)):
        assert _model(spec, sample, tmp_path / f"other{k}", other)[0] != found[0]
    # Weights, not the choice of rows alone: the same rows once each are other trees.
    assert _model(spec, less, tmp_path / "once", None)[0] != found[0]


def test_a_replica_is_a_sample_of_its_own(sample: Path, tmp_path: Path) -> None:
    """Sums in bins, which are exact, are those of rows that are repeated; validation's loss is, too."""
    edges = {"x0": [-9.0, -1, 0, 1, 9]}
    spec = recipe(backend="histogram", architecture={"edges": edges, "least": 0.0})
    replica = _model(spec, sample, tmp_path / "replica", SEED)
    for name in SPLITS:
        part = arrays.read_packed(sample / name, ["event"], split=name)
        (times,) = times_in(SEED, [part])
        which = np.repeat(np.arange(len(part)), times)
        columns = {key: np.asarray(values)[which] for key, values in part.columns.items()}
        columns["event"] = np.arange(len(which)).astype("u8")
        groups = {"event": arrays.FlatGroup(np.asarray(part.groups["event"].values)[which], INPUTS.features)}
        write_packed(
            tmp_path / "repeated" / name,
            arrays.Packed(
                groups, np.asarray(part.label)[which], np.asarray(part.weight)[which], columns,
                part.datasets, part.generators,
            ),
        )  # fmt: skip
    repeated = _model(spec, tmp_path / "repeated", tmp_path / "model", None)
    (mine,), (theirs,) = replica[1], repeated[1]
    assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
    assert mine["validation_loss"] == pytest.approx(theirs["validation_loss"], rel=1e-5)


def test_a_killed_replica_is_not_gone_on_with_as_another(sample: Path, tmp_path: Path) -> None:
    """The draw is part of what a training is: another one starts anew."""
    tasks = []
    for replica in (None, SEED, SEED + 1):
        train(recipe(), sample, tmp_path / str(replica), seed=3, replica=replica)
        tasks.append(io.read_json(tmp_path / str(replica) / "meta.json")["task"])
    assert all(one != other for one, other in pairwise(tasks))
    assert "replica" not in tasks[0]
    assert tasks[1]["replica"] == SEED


def test_all_jets_of_an_event_share_its_count() -> None:
    """And so do folds: the draw knows the key alone."""
    part = arrays.Packed(
        {}, np.zeros(6), np.ones(6),
        {
            "run": np.ones(6, "u4"), "luminosity_block": np.ones(6, "u4"),
            "event": np.array([4, 4, 5, 5, 6, 6], "u8"), "fold": np.arange(6),
        },
        tuple(name for name, _ in DATASETS), tuple(generator for _, generator in DATASETS),
    )  # fmt: skip
    (times,) = times_in(SEED, [part])
    one = np.ones(6, "u4")
    assert times.tolist() == replica_of(one, one, part.columns["event"], SEED).tolist()
    assert (times[::2] == times[1::2]).all()
