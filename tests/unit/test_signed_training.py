"""Protects trainings on weights of both signs: what is learned is the ratio of the signed densities.

The target's negative share rises along the first column from 5% to 45%, so that |w| has another spectrum.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import signs
from jetsmith.balance import balanced_weights, flat_factors
from jetsmith.classifiers import Labelled, Task, _xgboost, find_backend, xgboost
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import LossSpec, RecipeSpec, TrainingSpec, TruthSpec
from jetsmith.specs.features import Inputs
from jetsmith.training import train
from tests.densities import SHIFT, Densities, negative_share
from tests.unit.packed_jets import write_packed

pytestmark = [  # Keras on numpy 2
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]
Array = np.ndarray[Any, Any]
TOY = Densities(2, negative="rising", tail=False)
N = 20_000
CLASSES = (TruthSpec(name="source", generator="source"), TruthSpec(name="target", generator="target"))
INPUTS = Inputs(group="event", kind="flat", length=0, features=TOY.names, sources=TOY.names)
TREES = {"backend": "xgboost", "architecture": {"max_depth": 3, "subsample": 0.8}}
NETWORK: dict[str, Any] = {
    "backend": "keras",
    "model": "dense",
    "architecture": {"dense": [24, 24], "dropout": 0.0, "activation": "silu", "batch_norm": None},
    "losses": {"classes": LossSpec()},
}
SETTINGS = {
    "xgboost": TrainingSpec(epochs=150, patience=15, balance="class", learning_rate=0.1),
    "keras": TrainingSpec(epochs=8, patience=8, balance="class", learning_rate=0.01, batch_size=1024),
}


def recipe(role: Any = "reweighter", **changes: Any) -> RecipeSpec:
    given = {**TREES, **changes}
    training = given.pop("training", None) or SETTINGS[given["backend"]]
    return RecipeSpec(
        name="toy", role=role, sample="events", object="event", classes=CLASSES, inputs=(INPUTS,),
        training=training, **given,
    )  # fmt: skip


def events(seed: int, n: int = N) -> tuple[Rows, Array]:
    """Rows of both generators in any order, and their classes."""
    rng = np.random.default_rng(seed)
    parts = [TOY.draw(k, n, rng) for k in (0, 1)]
    x, w = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    target = np.repeat([0, 1], n)
    order = rng.permutation(2 * n)
    packed = arrays.Packed(
        groups={"event": arrays.FlatGroup(x[order], TOY.names)},
        label=np.zeros(2 * n, "i4"),
        weight=3.0 * w[order],
        columns={"dataset": target[order].astype("i4")},
        datasets=("source", "target"),
        generators=("source", "target"),
    )
    return Rows.select([INPUTS], [packed]), target[order].astype(np.int32)


def task(spec: RecipeSpec, folder: Path) -> Task:
    rows, target = zip(*(events(seed, n) for seed, n in ((1, N), (2, N // 4))), strict=True)
    weights = balanced_weights(spec, rows, target)
    folder.mkdir(exist_ok=True)
    data = [Labelled(r, t, w) for r, t, w in zip(rows, target, weights, strict=True)]
    return Task(spec, data[0], data[1], folder, seed=3, threads=1)


def slope_of_error(spec: RecipeSpec, folder: Path) -> float:
    """How the error of the log ratio grows along the column that the negative share follows."""
    backend = find_backend(spec.backend)
    backend.fit(task(spec, folder))
    rows, target = events(4, 5000)
    p = backend.predict(spec, folder, rows, 1)[target == 0].astype(np.float64)
    x = rows.flat_as_packed(slice(None))[target == 0]
    central = np.abs(x[:, 0]) < 1.2
    error = np.log(p[:, 1] / p[:, 0]) - TOY.log_ratio(x)
    return float(np.polyfit(x[central, 0], error[central], 1)[0])


@pytest.mark.parametrize("backend", [TREES, NETWORK], ids=["xgboost", "keras"])
def test_the_signed_ratio_is_learned(tmp_path: Path, backend: dict[str, Any]) -> None:
    """By a reweighter; by a tagger, which learns from |w|, the error follows the negative share."""
    assert abs(slope_of_error(recipe(**backend), tmp_path / "signed")) < 0.15
    assert slope_of_error(recipe("tagger", **backend), tmp_path / "absolute") > 0.3


def test_a_killed_signed_boosting_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its last checkpoint, to the byte."""
    spec = recipe(training=TrainingSpec(epochs=40, patience=40, balance="class", learning_rate=0.1))
    xgboost.fit(task(spec, tmp_path / "whole"))

    def die(self: Any, done: int, *rest: Any, **more: Any) -> None:
        if done == 25:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_xgboost.Progress, "update", die)
        with pytest.raises(KeyboardInterrupt):
            xgboost.fit(task(spec, tmp_path / "killed"))
    assert (tmp_path / "killed" / "checkpoint.ubj").is_file()
    xgboost.fit(task(spec, tmp_path / "killed"))
    assert (tmp_path / "killed/model.json").read_bytes() == (tmp_path / "whole/model.json").read_bytes()


def test_signed_bins_on_disk_give_the_same_trees(tmp_path: Path) -> None:
    """Where memory is short, the objective of our own finds the same."""
    spec = recipe(training=TrainingSpec(epochs=12, patience=12, balance="class", learning_rate=0.1))
    xgboost.fit(task(spec, tmp_path / "memory"))
    xgboost.fit(replace(task(spec, tmp_path / "disk"), memory_mb=1))
    assert (tmp_path / "disk/model.json").read_bytes() == (tmp_path / "memory/model.json").read_bytes()


def test_the_objective_is_the_gradient_of_its_loss() -> None:
    """Of w ln(1 + exp(∓m)), by differences; curvatures are above 0 whatever the sign."""
    rng = np.random.default_rng(5)
    target, weight = rng.integers(0, 2, 50).astype(np.int32), rng.normal(size=50).astype(np.float32)
    signed = _xgboost.SignedLoss(Labelled(None, target, weight))  # type: ignore[arg-type]
    margin = rng.normal(size=50)

    def losses(m: Array) -> Array:
        return np.asarray(weight * np.logaddexp(0, np.where(target == 1, -m, m)))

    gradient, curvature = signed.objective(margin, None)  # type: ignore[arg-type]
    np.testing.assert_allclose(
        gradient, (losses(margin + 1e-5) - losses(margin - 1e-5)) / 2e-5, rtol=1e-3, atol=1e-6
    )
    assert (curvature > 0).all()


def test_signs_stay_where_a_reweighter_is_trained() -> None:
    """Each class has the same signed sum, and the mean is 1; of a tagger |w| has."""
    rows, target = events(6, 2000)
    for role, sign in (("reweighter", True), ("tagger", False)):
        (weight,) = balanced_weights(recipe(role), [rows], [target])
        sums = np.bincount(target, weight)
        assert sums[0] == pytest.approx(sums[1], rel=1e-5)
        assert weight.mean() == pytest.approx(1, rel=1e-5)
        assert bool((weight < 0).any()) is sign


def test_negative_weights_as_classes(tmp_path: Path) -> None:
    """Four classes of positive weights: the same ratio, also by trees that take no signs; joined by hand."""
    training = SETTINGS["xgboost"].model_copy(update={"negative_weights": "classes"})
    spec = recipe(training=training)
    found = signs.split(task(spec, tmp_path / "trees"))
    assert (found.train.weight > 0).all()
    assert found.train.weight.mean() == pytest.approx(1, rel=1e-5)
    given = task(spec, tmp_path / "replica")  # of a replica rows count more than once
    twice = signs.split(replace(given, train=replace(given.train, weight=2 * given.train.weight)))
    np.testing.assert_allclose(twice.train.weight, 2 * found.train.weight, rtol=1e-5)
    assert [c.name for c in found.spec.classes] == ["source", "source_below", "target", "target_below"]
    xgboost.fit(found)
    rows, target = events(4, 5000)
    four = xgboost.predict(found.spec, tmp_path / "trees", rows, 1)
    p = signs.joined(four)[target == 0].astype(np.float64)
    both = rows.flat_as_packed(slice(None))
    x, of_target = both[target == 0], both[target == 1]
    central = np.abs(x[:, 0]) < 1.2
    error = np.log(p[:, 1] / p[:, 0]) - TOY.log_ratio(x)
    assert abs(np.polyfit(x[central, 0], error[central], 1)[0]) < 0.15
    left = signs.shares(four)[target == 1]
    off = left[:, 1] - (1 - 2 * negative_share(of_target))
    assert np.abs(off[np.abs(of_target[:, 0] - SHIFT[0]) < 1.2]).mean() < 0.06
    assert left[:, 0].min() > 0.9  # the source has none below 0
    by_hand = signs.joined(np.array([[0.4, 0.1, 0.5, 0.0], [0.3, 0.3, 0.4, 0.0]], np.float32))
    np.testing.assert_allclose(by_hand, [[0.375, 0.625], [0.012 / 0.412, 0.4 / 0.412]], rtol=1e-5)


def test_a_class_whose_weights_cancel_is_named() -> None:
    """As many below 0 as above: no density, and a message in place of a division by 0."""
    rows, target = events(7, 500)
    packed = rows.parts[0]
    weight = np.where(np.arange(len(target)) % 2, 1.0, -1.0) * np.where(target == 1, 1.0, 0.0)
    weight = weight - np.where(target == 1, weight[target == 1].mean(), 0) + (target == 0)
    cancels = Rows.select([INPUTS], [replace(packed, weight=np.where(target == 1, weight - 1e-3, weight))])
    with pytest.raises(InputError, match=r"class `target`: .* as many below 0 as above"):
        balanced_weights(recipe(), [cancels], [target])


def test_validation_by_weights_that_cancel_is_refused() -> None:
    """Of a class whose sum is below 0 the wrong density has the smallest loss.

    Protects also: all signs turned, where the sum of both is above 0, and once they are levelled below.
    """

    def part(weight: Array, target: Array) -> Rows:
        packed = events(7, len(target) // 2)[0].parts[0]
        columns = {"dataset": target.astype("i4")}
        return Rows.select([INPUTS], [replace(packed, weight=weight, columns=columns)])

    target = np.repeat([0, 1], 100).astype(np.int32)
    rare = np.where(target == 0, 1.0, 0.01)  # of the target 1% of the cross-section
    rows = part(rare, target)
    cancels = rare * np.where((target == 1) & (np.arange(200) % 3 > 0), -1, 1)
    assert cancels.sum() > 0
    classes = SETTINGS["xgboost"].model_copy(update={"negative_weights": "classes"})
    for spec, words in ((recipe(), "class `target`: its"), (recipe(training=classes), ": all")):
        with pytest.raises(InputError, match=rf"{words} rows to validate on .*by class .*raise `splits"):
            balanced_weights(spec, [rows, part(np.where(target == 0, 0.3 * rare, 3 * cancels), target)],
                             [target, target])  # fmt: skip
    with pytest.raises(InputError, match="class `target`: its rows to validate on"):  # there are none
        balanced_weights(recipe(), [rows, part(rare[:100], target[:100])], [target, target[:100]])
    found = balanced_weights(recipe("tagger"), [rows, part(cancels, target)], [target, target])
    assert (found[1] > 0).all()
    found = balanced_weights(recipe(), [rows, part(rare * np.where(np.arange(200) % 5, 1, -1), target)],
                             [target, target])  # fmt: skip
    assert found[1].mean() == pytest.approx(1, rel=1e-5)


def test_backends_that_take_no_signs_say_so(tmp_path: Path) -> None:
    """Scikit-learn's trees: an error in place of other densities."""
    for k, split in enumerate(SPLITS):
        rows, _ = events(20 + k, 200)
        n = np.arange(len(rows))
        key = {"run": n, "luminosity_block": n, "event": 1000 * k + n, "fold": 0 * n}
        columns = {**rows.parts[0].columns, **{name: values.astype("u8") for name, values in key.items()}}
        whose = {"columns": columns, "sample": "events", "split": split}
        write_packed(tmp_path / "packed" / split, replace(rows.parts[0], **whose))
    spec = recipe(backend="sklearn", architecture={}, training=SETTINGS["xgboost"])
    with pytest.raises(InputError, match="backend `sklearn` takes no weights below 0"):
        train(spec, tmp_path / "packed", tmp_path / "model", 1)


def test_flattening_leaves_the_ratio(tmp_path: Path) -> None:
    """One factor a bin for both classes: by hand, and in what is learned."""
    bins, weight = np.array([0, 0, 1, 1, 1]), np.array([1.0, 3.0, -0.1, 0.1, 0.1])
    np.testing.assert_allclose(flat_factors(bins, weight, np.ones(5, int)), [0.5, 10])
    np.testing.assert_allclose(flat_factors(bins, weight, np.array([3, 1, 1, 1, 1])), [1, 10])
    flat = TrainingSpec(**{**SETTINGS["xgboost"].model_dump(), "flatten_in": {"x0": (-9, -1, 0, 1, 9)}})
    assert abs(slope_of_error(recipe(training=flat), tmp_path / "flat")) < 0.15


def test_the_toy_has_the_share_that_it_says() -> None:
    """Mean of the target's weights, against the quadrature behind the true ratio."""
    x, w = TOY.draw(1, 200_000, np.random.default_rng(9))
    assert (w < 0).mean() == pytest.approx(negative_share(x).mean(), abs=0.004)
    source, _ = TOY.draw(0, 200_000, np.random.default_rng(10))
    assert np.exp(TOY.log_ratio(source)).mean() == pytest.approx(1, abs=0.01)
