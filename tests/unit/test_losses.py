"""Protects losses: values against sums written out; targets and side columns reach them by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import io, plugs
from jetsmith.classifiers import _keras as backend
from jetsmith.losses import Seen, cross_entropy, focal, regression
from jetsmith.packed.rows import Rows
from jetsmith.scoring import score
from jetsmith.specs.classifiers import LossSpec, TrainingSpec
from jetsmith.specs.features import Inputs
from jetsmith.training import train
from tests.unit.packed_jets import TRUTHS, make_spec, read_packed, write_sample

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

NAMES = tuple(TRUTHS)
RNG = np.random.default_rng(3)
LOGITS = RNG.normal(0, 3, (40, 3)).astype(np.float32)
TARGET = RNG.integers(0, 3, 40).astype(np.int32)
WEIGHT = RNG.uniform(0, 2, 40).astype(np.float32)


def seen(**side: Any) -> Seen:
    return Seen(TARGET, WEIGHT, side, NAMES)


def _log_p() -> np.ndarray[Any, Any]:
    """ln p of the true class, row by row."""
    return np.array(
        [z[t] - np.log(sum(np.exp(z))) for z, t in zip(LOGITS.astype(float), TARGET, strict=True)]
    )


def test_cross_entropy() -> None:
    """The mean of weight × -ln p over all rows of a batch."""
    found = float(cross_entropy.loss(LOGITS, seen(), cross_entropy.Options()))
    assert found == pytest.approx(-(WEIGHT * _log_p()).mean(), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal(gamma: float) -> None:
    """The formula of the paper; cross-entropy at gamma 0."""
    found = float(focal.loss(LOGITS, seen(), focal.Options(gamma=gamma)))
    expected = -(WEIGHT * (1 - np.exp(_log_p())) ** gamma * _log_p()).mean()
    assert found == pytest.approx(expected, rel=1e-4)


def test_focal_has_a_gradient_where_a_jet_is_certain() -> None:
    """p = 1 to the last bit: no NaN that would stop the training."""
    import tensorflow as tf

    sure = tf.Variable([[200.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        one = Seen(np.zeros(1, np.int32), np.ones(1, np.float32), {}, NAMES)
        found = focal.loss(sure, one, focal.Options(gamma=0.5))
    assert np.isfinite(tape.gradient(found, sure).numpy()).all()


@pytest.mark.parametrize("classes", [(), ("b_jets",), ("c_jets", "light_jets")])
def test_regression(classes: tuple[str, ...]) -> None:
    """Huber's loss of the ratio to a column; rows without a target, or of other classes, do not count."""
    wanted, over = RNG.uniform(20, 90, 40).astype("f4"), RNG.uniform(20, 90, 40).astype("f4")
    wanted[:7], over[7:9] = np.nan, 0
    output = RNG.normal(1, 1, (40, 1)).astype("f4")
    options = regression.Options(column="truth", over="pt", delta=0.4, classes=classes)
    total = 0.0
    for k in range(40):
        if k < 9 or (classes and NAMES[TARGET[k]] not in classes):
            continue
        away = abs(float(output[k, 0]) - float(wanted[k]) / float(over[k]))
        total += float(WEIGHT[k]) * (0.5 * away**2 if away <= 0.4 else 0.4 * (away - 0.2))
    found = float(regression.loss(output, seen(truth=wanted, pt=over), options))
    assert found == pytest.approx(total / 40, rel=1e-5)


def test_rows_without_a_target_have_no_gradient() -> None:
    """NaN in a column is no NaN in the weights."""
    import tensorflow as tf

    output = tf.Variable(np.ones((40, 1), np.float32))
    wanted = np.full(40, np.nan, np.float32)
    wanted[0] = 3.0
    with tf.GradientTape() as tape:
        found = regression.loss(output, seen(truth=wanted), regression.Options(column="truth"))
    gradient = tape.gradient(found, output).numpy()
    assert gradient[0, 0] != 0
    assert not gradient[1:].any()


def test_two_outputs_learn_together(tmp_path: Path) -> None:
    """A network of two outputs: classes, and the mass of b jets.

    The target reaches the loss as a side column: what the second output gives follows it on jets that the
    training has not seen, and the classes are told apart as before.
    """
    import keras

    sample = write_sample(tmp_path / "packed", 2000)
    inputs = Inputs(group="ak4", kind="flat", length=0, features=("sip", "mass", "tracks"), sources=("x",))
    side = inputs.model_copy(update={"features": ("mass", "sip")})
    losses = {
        "classes": LossSpec(loss="focal", options={"gamma": 1.0}),
        "heavy": LossSpec(loss="regression", weight=3.0, options={"column": "mass", "classes": ["b_jets"]}),
    }
    spec = make_spec(
        "keras", inputs=(inputs,), side=(side,), losses=losses, model="dense",
        architecture={"dense": [16, 8], "dropout": 0.0},
        training=TrainingSpec(epochs=12, patience=12, batch_size=128, learning_rate=1e-2, balance="class"),
    )  # fmt: skip
    train(spec, sample, tmp_path / "model", seed=5, threads=1)
    score(spec, tmp_path / "model", sample, tmp_path / "scores.parquet")
    rows = io.read_rows(tmp_path / "scores.parquet")
    assert "p_b_jets" in rows.fields
    assert not [name for name in rows.fields if "heavy" in name]
    is_test, is_b = np.asarray(rows["split"]) == 3, np.isin(rows["label"], TRUTHS["b_jets"])
    assert rows["p_b_jets"][is_test & is_b].to_numpy().mean() > 0.6
    network = keras.models.load_model(tmp_path / "model" / "model.keras", compile=False)
    assert set(network.output) == {"classes", "heavy"}
    packed = Rows.select(spec.inputs, [read_packed(sample / "test")])
    batch = packed.batch(slice(0, len(packed)))
    b = np.isin(packed.label(), TRUTHS["b_jets"])
    mass = batch["ak4"][b, 1]
    found = np.asarray(network(batch)["heavy"])[b, 0]
    assert np.corrcoef(found, mass)[0, 1] > 0.95
    assert np.abs(found - mass).mean() < 0.3 * mass.std()


def test_side_columns_reach_a_step_with_their_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, in the order of the batch: what a loss is given is what was packed."""
    sample = write_sample(tmp_path / "packed", 300)
    inputs = Inputs(group="ak4", kind="flat", length=0, features=("sip",), sources=("x",))
    side = inputs.model_copy(update={"features": ("mass", "sip")})
    spec = make_spec(
        "keras", inputs=(inputs,), side=(side,), model="dense", architecture={"dense": [4]},
        losses={"heavy": LossSpec(loss="regression", options={"column": "mass", "over": "sip"})},
        training=TrainingSpec(epochs=1, batch_size=64),
    )  # fmt: skip
    tasks = []
    monkeypatch.setattr(backend, "fit", lambda task: tasks.append(task) or [])
    train(spec, sample, tmp_path / "model", seed=5, threads=1)
    (task,) = tasks
    for data in (task.train, task.validation):
        batch = data.rows.batch(slice(0, len(data.rows)))
        np.testing.assert_array_equal(data.side["sip"], batch["ak4"][:, 0])
        assert data.side["mass"].shape == data.weight.shape
        assert np.isfinite(data.side["mass"]).all()


@pytest.mark.parametrize("name", plugs.names("losses"))
def test_losses_are_described(name: str) -> None:
    """docs/config.md is made from their records; a loss says what its output is."""
    plug = plugs.find("losses", name, "", "")
    assert plug.__doc__
    assert isinstance(plug.CLASSES, bool)
    for key, field in plug.Options.model_fields.items():
        assert field.description, key
    assert plug.Options.model_validate(plug.Options().model_dump(mode="json")) == plug.Options()
