"""Protects the networks and their training: shapes, masks, scaling, stops, resumed runs.

All that needs TensorFlow is in this module, since its import takes seconds.
"""

import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

import numpy as np
import pytest
from scipy.special import softmax

from jetsmith import io
from jetsmith.classifiers import Device, _feed, _tensorflow
from jetsmith.classifiers import _keras as backend
from jetsmith.classifiers._batches import summed_loss
from jetsmith.classifiers._events import Events
from jetsmith.classifiers._rates import rates, schedule_of
from jetsmith.classifiers._scaler import fit_scaler, fit_scalers
from jetsmith.configuration import stacked
from jetsmith.configuration.records import read_yaml, validate
from jetsmith.errors import ConfigError, InputError
from jetsmith.metrics import auc
from jetsmith.models import dense
from jetsmith.packed.rows import Rows
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassifierFile, ScheduleSpec, TrainingSpec
from jetsmith.specs.features import FeatureGroup, Inputs
from jetsmith.training import train
from tests.requirements import require
from tests.unit import engines
from tests.unit.engines import SMALL
from tests.unit.packed_jets import GROUPS, TRUTHS, make_spec, pack_jets, write_sample
from tests.unit.score_files import discriminant_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

Array = np.ndarray[Any, Any]
ALL = ("ak4", "charged", "vertices")
# Of outputs and gradient. A distance correlation has little gradient where score and column are independent
# (docs/decorrelation.md); three inputs of a constituent, normalised, are rounding where nearly equal.
ROUNDED = {"dense-decorrelated": (1e-6, 4e-5), "particle_transformer-cross_entropy": (5e-6, 2e-5)}
# XLA compiles for most of the time, and each program runs once.
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed sample of 1,000 jets in all."""
    return write_sample(tmp_path_factory.mktemp("packed"), 400)


def network(name: str, groups: tuple[str, ...] = ALL, **architecture: Any) -> Any:
    """A small network with its standardisation set and weights that are not at their start values."""
    import keras

    keras.utils.set_random_seed(1)
    spec = make_spec("keras", groups, model=name, architecture=SMALL[name] | architecture)
    return probabilities(engines.moved(spec))


def probabilities(model: Any) -> Any:
    """The network that gives the output `classes` of the one that is saved, (n, C)."""
    import keras

    whole = backend.finished(model)
    return keras.Model(whole.input, whole.output["classes"])


def jets(groups: tuple[str, ...] = ALL, n: int = 50) -> dict[str, Array]:
    return Rows.select([GROUPS[name] for name in groups], [pack_jets(n, 3)]).batch(slice(0, n))


@pytest.mark.parametrize(
    ("name", "groups", "shape"),
    [
        ("dense", ("ak4",), (50, 3)),
        ("dense", ALL, (50, 3)),
        ("deepjet", ALL, (50, 3)),
        ("deepjet", ("charged",), (50, 3)),
        ("deepsets", ALL, (50, 3)),
        ("deepsets", ("charged",), (50, 3)),
        ("transformer", ALL, (50, 3)),
        ("transformer", ("charged",), (50, 3)),
        ("pcnn", ALL, (50, 3)),
        ("deep_double", ALL, (50, 3)),
        ("particlenet", ALL, (50, 3)),
        ("particle_transformer", ALL, (50, 3)),
        ("jet_image_cnn", ALL, (50, 3)),
        ("jet_image_cnn", ("charged",), (50, 3)),
    ],
)
def test_shapes(name: str, groups: tuple[str, ...], shape: tuple[int, int]) -> None:
    """Architectures: inputs to output shape; the output is a probability."""
    found = np.asarray(network(name, groups)(jets(groups)))
    assert found.shape == shape
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("name", "keys"), [*((name, {}) for name in sorted(SMALL)), ("deepjet", {"padding": "zeros"})]
)
def test_padding_does_not_leak(name: str, keys: dict[str, Any], training: bool) -> None:
    """Values in padded slots and their number change nothing, batch statistics included."""
    batch = jets()
    model = network(name, dropout=0.0, **keys)
    expected = np.asarray(model(batch, training=training))
    statistics = [np.array(v) for v in model.non_trainable_variables]
    assert not all(mask.all() for key, mask in batch.items() if key.endswith("_mask"))
    changed = dict(batch)
    for group in ("charged", "vertices"):
        mask, limit = batch[f"{group}_mask"], GROUPS[group].length
        more = limit - mask.shape[1]
        values = np.where(mask[..., None], batch[group], np.float32(1e3))
        changed[group] = np.pad(values, [(0, 0), (0, more), (0, 0)], constant_values=-7.0)
        changed[f"{group}_mask"] = np.pad(mask, [(0, 0), (0, more)])
    again = network(name, dropout=0.0, **keys)
    np.testing.assert_allclose(np.asarray(again(changed, training=training)), expected, atol=2e-6)
    for variable, before in zip(again.non_trainable_variables, statistics, strict=True):
        if "seed" not in variable.path:
            np.testing.assert_allclose(np.array(variable), before, rtol=1e-4, atol=1e-5)
    real = dict(batch)
    real["charged"] = batch["charged"] + np.float32(0.1)
    assert np.abs(np.asarray(model(real)) - np.asarray(model(batch))).max() > 1e-4


@pytest.mark.parametrize("name", ["deepjet", "deepsets", "transformer"])
def test_padding_is_like_a_jet_alone(name: str) -> None:
    """A jet in a padded batch gives what it gives alone with exactly its constituents; also none at all."""
    batch = jets(n=30)
    model = network(name)
    together = np.asarray(model(batch))
    counts = batch["charged_mask"].sum(axis=1)
    for i in [int(np.argmin(counts)), int(np.argmax(counts)), 0]:
        alone = {key: value[i : i + 1] for key, value in batch.items()}
        for group in ("charged", "vertices"):
            n = max(1, int(alone[f"{group}_mask"].sum()))
            alone[group], alone[f"{group}_mask"] = alone[group][:, :n], alone[f"{group}_mask"][:, :n]
        np.testing.assert_allclose(np.asarray(model(alone))[0], together[i], atol=2e-6)
    empty = {k: np.zeros_like(v) for k, v in batch.items()}
    assert np.isfinite(np.asarray(model(empty))).all()


def test_jets_without_constituents_have_finite_gradients() -> None:
    """A batch of such jets alone, and some among others: a softmax over nothing is no NaN."""
    import tensorflow as tf

    spec = engines.spec_of("transformer", "tracks")
    rows, data = engines.data_of(spec)
    model = backend.build_model(spec, fit_scalers(rows))
    loss = summed_loss(spec, _tensorflow.slots)
    counts = np.diff(data["inputs"]["charged_offsets"]) + np.diff(data["inputs"]["vertices_offsets"])
    for which in (np.flatnonzero(counts == 0), np.arange(engines.N_JETS)):
        assert len(which)
        with tf.GradientTape() as tape:
            found = loss(model(rows.batch(which), training=True), data, which.astype(np.int32))
        gradients = tape.gradient(found, model.trainable_variables)
        assert np.isfinite(float(found))
        assert all(np.isfinite(np.asarray(g)).all() for g in gradients)


@pytest.mark.parametrize(
    ("kind", "kernel", "gates"),
    [
        *(("LSTM", k, g) for k in ("loop", "fused") for g in ("sigmoid", "keras1_hard_sigmoid")),
        ("GRU", "loop", "sigmoid"),
    ],
)
def test_padded_slots_are_left_out_without_a_mask(
    kind: str, kernel: str, gates: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs and gradients are those of Keras' masked layers, jets without constituents included.

    Also by a fused kernel that takes no mask, as cuDNN does where a jet has none; and from the saved file.
    """
    import keras
    import tensorflow as tf
    from keras.src import backend as kernels

    from jetsmith.models import _layers, _recurrent

    rng, units, activation = np.random.default_rng(1), 8, getattr(_layers, gates, gates)
    x, count = rng.standard_normal((60, 7, 5)).astype(np.float32), rng.integers(0, 8, 60)
    mask = np.arange(7) < count[:, None]
    x[~mask] *= 100
    options = {"recurrent_activation": activation, "go_backwards": True, "use_cudnn": False}
    masked = getattr(keras.layers, kind)(units, **options)
    masked.build((None, 7, 5))
    weights = [rng.normal(0, 0.4, w.shape).astype(np.float32) for w in masked.get_weights()]
    masked.set_weights(weights)
    tensors = [keras.Input((None, 5)), keras.Input((None,), dtype="bool")]
    if kind == "LSTM":
        last = _layers.read_backwards(*tensors, units, activation, "lstm")
    else:
        last = _recurrent.gated(*tensors, units, "gru")
    network = keras.Model(tensors, last)
    network.set_weights(weights)
    if kernel == "fused":
        monkeypatch.setattr(kernels, "lstm", fused_lstm)

    def run(call: Any, variables: Any) -> tuple[Array, list[Array]]:
        given = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(given)
            found = call(given)
            total = tf.reduce_sum(found**2)
        gradients = tape.gradient(total, [given, *(v.value for v in variables)])
        return found.numpy(), [np.asarray(g) for g in gradients]

    expected, gradients = run(lambda x: masked(x, mask=tf.constant(mask)), masked.trainable_variables)
    found, others = run(lambda x: network([x, tf.constant(mask)]), network.trainable_variables)
    assert (np.abs(found) > 0).any()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not found[count == 0].any()
    for ours, theirs in zip(others, gradients, strict=True):
        assert np.linalg.norm(ours - theirs) <= 4e-6 * np.linalg.norm(theirs)
    assert not others[0][~mask].any()
    network.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(np.asarray(again([x, mask])), expected, atol=1e-6)


def fused_lstm(
    inputs: Any, h: Any, c: Any, mask: Any, kernel: Any, recurrent_kernel: Any, bias: Any, **other: Any
) -> tuple[Any, Any, list[Any]]:
    """What a fused kernel computes; it takes no mask."""
    from keras import ops

    assert mask is None
    assert other["go_backwards"]
    for t in reversed(range(inputs.shape[1])):
        z = ops.matmul(inputs[:, t], kernel) + ops.matmul(h, ops.convert_to_tensor(recurrent_kernel)) + bias
        i, f, g, o = ops.split(z, 4, axis=-1)
        i, f, o = (other["recurrent_activation"](gate) for gate in (i, f, o))
        c = f * c + i * ops.tanh(g)
        h = o * ops.tanh(c)
    return h, ops.expand_dims(h, 1), [h, c]


@pytest.mark.parametrize("training", [False, True])
def test_zeros_are_read_as_candidates_are(training: bool) -> None:
    """`padding: zeros` is what masks give where each sequence is full, its last candidates raw zeros."""
    batch = jets()
    full = dict(batch)
    for group in ("charged", "vertices"):
        mask, length = batch[f"{group}_mask"], GROUPS[group].length
        more = length - mask.shape[1]
        full[group] = np.pad(batch[group] * mask[..., None], [(0, 0), (0, more), (0, 0)])
        full[f"{group}_mask"] = np.ones((len(mask), length), np.bool_)
    masked, zeros = (network("deepjet", dropout=0.0, padding=p) for p in ("masked", "zeros"))
    expected = np.asarray(masked(full, training=training))
    np.testing.assert_allclose(np.asarray(zeros(batch, training=training)), expected, atol=2e-6)
    assert np.abs(np.asarray(masked(batch, training=training)) - expected).max() > 1e-2


def test_gates_of_keras_1(tmp_path: Path) -> None:
    """clip(0.2 x + 0.5, 0, 1), which changes the network, and which a saved one has again."""
    import keras

    from jetsmith.models._layers import keras1_hard_sigmoid

    found = np.asarray(keras1_hard_sigmoid(np.array([-9.0, -2.5, -1.0, 0.0, 2.0, 2.5, 9.0], np.float32)))
    np.testing.assert_allclose(found, [0, 0, 0.3, 0.5, 0.9, 1, 1], atol=1e-7)
    keys = {"recurrent_activation": "keras1_hard_sigmoid", "padding": "zeros"}
    model, batch = network("deepjet", **keys), jets()
    expected = np.asarray(model(batch))
    assert np.abs(np.asarray(network("deepjet", padding="zeros")(batch)) - expected).max() > 1e-3
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(np.asarray(again(batch)), expected)


def test_deepjet_has_the_public_number_of_parameters() -> None:
    """DeepJet_Run3_122X.onnx holds 269,258 numbers, of which 1,000 are the LSTMs' second biases."""

    def group(name: str, kind: Any, length: int, width: int) -> Inputs:
        features = tuple(f"x{i}" for i in range(width))
        return Inputs(group=name, kind=kind, length=length, features=features, sources=("x",))

    inputs = (
        group("ak4", "flat", 0, 15), group("charged", "sequence", 25, 16),
        group("neutral", "sequence", 25, 6), group("vertices", "sequence", 4, 12),
    )  # fmt: skip
    spec = make_spec("keras", model="deepjet", inputs=inputs)
    classes = tuple(spec.classes[0].model_copy(update={"name": f"c{i}"}) for i in range(6))
    model = backend.build_model(spec.model_copy(update={"classes": classes}), {})
    own = sum(
        int(np.prod(w.shape)) for layer in model.layers if "standardise" in layer.name for w in layer.weights
    )
    assert sum(int(np.prod(w.shape)) for w in model.weights) - own == 269_258 - 1_000


@pytest.mark.parametrize(("tagger", "preset", "width", "number"), [
    ("deepcsv", "deepcsv", 66, 47_504), ("deepcsv_phase0", "deepcsv_phase0", 67, 37_605),
])  # fmt: skip
def test_deepcsv_has_the_public_number_of_parameters(
    tagger: str, preset: str, width: int, number: int
) -> None:
    """PhaseI: 66 inputs, five layers of 100, four classes; Phase 0: 67, four layers, five classes."""
    folder = Path(__file__).parents[2] / "config"
    content = read_yaml(folder / f"taggers/{tagger}.yaml")
    features = tuple(read_yaml(folder / "features/ak4.yaml")["presets"][preset])
    assert content["inputs"] == {"ak4": preset}
    assert len(set(features)) == width
    inputs = Inputs(group="ak4", kind="flat", length=0, features=features, sources=("x",))
    spec = make_spec("keras", model="dense", inputs=(inputs,))
    classes = tuple(spec.classes[0].model_copy(update={"name": name}) for name in content["classes"])
    changes = {"classes": classes, "architecture": content["architecture"]}
    model = backend.build_model(spec.model_copy(update=changes), {})
    assert sum(int(np.prod(w.shape)) for w in model.trainable_variables) == number


def _shipped(folder: Path, name: str, wanted: str | tuple[str, ...]) -> Inputs:
    """Features of a group, or scores of another tagger."""
    path = folder / f"features/{name}.yaml"
    if not path.is_file():
        path = folder / f"taggers/{name}.yaml"
        return stacked.inputs_of(name, wanted, validate(ClassifierFile, read_yaml(path), path), str(path))
    group = validate(FeatureGroup, read_yaml(path) | {"name": name}, path)
    features = group.presets[wanted] if isinstance(wanted, str) else wanted
    return Inputs(group=name, kind=group.kind, length=group.length, features=features, sources=())


def test_networks_of_the_configuration_build() -> None:
    """Every Keras classifier of config/taggers and config/reweighters suits its architecture."""
    folder = Path(__file__).parents[2] / "config"
    found = 0
    for path in sorted(folder.glob("*ers/*.yaml")):
        content = validate(ClassifierFile, read_yaml(path), path)
        if content.backend != "keras":
            continue
        inputs = [_shipped(folder, name, wanted) for name, wanted in content.inputs.items()]
        classes = [make_spec("keras").classes[0].model_copy(update={"name": c}) for c in content.classes]
        spec = make_spec(
            "keras", inputs=inputs, classes=classes, model=content.model, architecture=content.architecture
        )
        assert probabilities(backend.build_model(spec, {})).output_shape == (None, len(classes))
        found += 1
    assert found


def test_standardise_layer_matches_the_scaler() -> None:
    """What the saved model does to its inputs is what scaler.json says; heavy tails go through asinh."""
    rows = Rows.select([GROUPS["charged"]], [pack_jets(2000, 4)])
    scaler = fit_scalers(rows)["charged"]
    assert scaler.squash.tolist() == [0, 1]  # ptrel is bounded, sip has Student's tails
    from jetsmith.models._layers import Standardise

    layer = Standardise()
    layer.build((None, 2))
    layer.set(**scaler.numbers())
    batch = rows.batch(slice(0, 2000))
    real = batch["charged"][batch["charged_mask"]]
    np.testing.assert_allclose(np.asarray(layer(real)), scaler(real), rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(scaler(real).mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(scaler(real).std(axis=0), 1, atol=1e-3)


def test_scaling_takes_no_more_memory_than_what_it_reads() -> None:
    """Protects: 200,000 jets of many constituents, whose numbers in double precision no job has room for."""
    inputs = GROUPS["charged"].model_copy(update={"features": tuple(f"x{k}" for k in range(40))})
    values = np.random.default_rng(1).standard_t(3, (50_000, 40)).astype(np.float32)
    tracemalloc.start()
    try:
        scaler = fit_scaler(inputs, values[:20_000], values[20_000:])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < values.nbytes
    z = scaler(values.astype(np.float64))
    np.testing.assert_allclose([z.mean(axis=0), z.std(axis=0)], np.repeat([[0.0], [1.0]], 40, 1), atol=1e-5)


def test_scaler_of_constants_and_of_nothing() -> None:
    """A constant stays 0, an empty sequence gives the identity: no division by zero."""
    inputs = GROUPS["charged"]
    assert fit_scaler(inputs, np.full((5, 2), 3.0, np.float32))(np.full((1, 2), 3.0)).tolist() == [[0, 0]]
    assert fit_scaler(inputs, np.zeros((0, 2), np.float32))(np.ones((1, 2))).tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("name", "schedule"), [("deepjet", {}), ("dense", {"shape": "one_cycle", "warmup_epochs": 1.5})]
)
def test_networks_learn_and_go_on(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, schedule: dict[str, Any]
) -> None:
    """A run that dies ends, once it goes on, with the same scores to the bit; b jets are found.

    Event files of both say what the history says, as TensorFlow reads them.
    """
    settings = TrainingSpec(
        epochs=6, patience=6, batch_size=64, learning_rate=1e-2, schedule=ScheduleSpec(**schedule)
    )
    groups = ("ak4", "charged")
    spec = make_spec("keras", groups, model=name, architecture=SMALL[name], training=settings)
    train(spec, sample, tmp_path / "whole", seed=5, threads=1)
    epoch = backend.Training.epoch

    def die(self: Any, number: int) -> dict[str, float]:
        if number == 3:
            raise KeyboardInterrupt
        return epoch(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(backend.Training, "epoch", die)
        with pytest.raises(KeyboardInterrupt):
            train(spec, sample, tmp_path / "broken", seed=5, threads=1, events=tmp_path / "events")
    assert (tmp_path / "broken.partial/checkpoint.npz").is_file()
    assert [step for step, _ in events_of(tmp_path / "events")] == [0, 1, 2, 3]
    train(spec, sample, tmp_path / "broken", seed=5, threads=1, events=tmp_path / "events")
    histories = [io.read_json(tmp_path / run / "history.json") for run in ("whole", "broken")]
    for (step, scalars), row in zip(events_of(tmp_path / "events"), [{}, *histories[1]], strict=True):
        assert {"epoch": step, **scalars} == pytest.approx(row or {"epoch": 0})
    found = [row["learning_rate"] for row in histories[0]]
    if not schedule:
        assert found == rates(settings, 1).tolist()
    else:
        assert found[1] == pytest.approx(1e-2, rel=0.2)
        assert found[0] < found[1] > found[2] > found[5]
    assert [[r["loss"], r["validation_loss"]] for r in histories[0]] == [
        [r["loss"], r["validation_loss"]] for r in histories[1]
    ]
    for run in ("whole", "broken"):
        score(spec, tmp_path / run, sample, tmp_path / f"{run}.parquet")
    for file in ("{}.parquet", "{}/model.keras"):
        whole, broken = ((tmp_path / file.format(run)).read_bytes() for run in ("whole", "broken"))
        assert whole == broken
    assert {p.name for p in (tmp_path / "broken").iterdir()} == {
        "model.keras", "scaler.json", "history.json", "spec.json", "meta.json",
    }  # fmt: skip
    rows = io.read_rows(tmp_path / "whole.parquet")
    b, light = (np.isin(rows["label"], TRUTHS[c]) for c in ("b_jets", "light_jets"))
    found, weight = discriminant_of(rows, spec), np.asarray(rows["weight"])
    assert auc(found[b], weight[b], found[light], weight[light]) > 0.9


KILLED = """
import os, signal, sys
from pathlib import Path
from jetsmith.classifiers import _keras
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.training import train

spec = ClassifierSpec.model_validate_json(Path(sys.argv[1]).read_text())
windows, engine = 0, _keras.engine_of(spec, 1)
run = engine.Runs.train

def counted(self, *given):
    global windows
    found, windows = run(self, *given), windows + 1
    if windows == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    return found

engine.Runs.train = counted
train(spec, sys.argv[2], sys.argv[3], seed=5)
print("windows", windows)
"""


@pytest.mark.parametrize("engine", ["tensorflow", "jax"])
def test_a_network_killed_within_an_epoch_ends_in_the_same_file(
    sample: Path, tmp_path: Path, engine: Literal["tensorflow", "jax"]
) -> None:
    """kill -9 behind a window of the third epoch, with weights that no checkpoint has; in other processes."""
    require(None if find_spec(engine) else "no JAX: `make setup EXTRAS=jax`")
    settings = TrainingSpec(epochs=4, patience=4, batch_size=64, learning_rate=1e-2)
    architecture = {"dense": [8], "dropout": 0.2}
    spec = make_spec("keras", model="dense", architecture=architecture, training=settings, engine=engine)
    (tmp_path / "spec.json").write_text(spec.model_dump_json())

    def run(output: str, windows: int) -> tuple[int, str]:
        arguments = [str(tmp_path / "spec.json"), str(sample), str(tmp_path / output), str(windows)]
        done = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout.rpartition("windows ")[2].strip()

    assert run("killed", 3)[0] == -signal.SIGKILL
    assert (tmp_path / "killed.partial/checkpoint.npz").is_file()
    assert not (tmp_path / "killed").exists()
    assert run("killed", 0) == (0, "2")  # one an epoch: those behind the checkpoint, of the second epoch
    assert run("whole", 0) == (0, "4")
    files = [(tmp_path / name / "model.keras").read_bytes() for name in ("killed", "whole")]
    assert files[0] == files[1]


def events_of(folder: Path) -> list[tuple[int, dict[str, float]]]:
    """Steps and scalars of the one event file in a folder, by TensorFlow's own reader, checksums included."""
    import tensorflow as tf

    (path,) = folder.iterdir()
    assert path.name.startswith("events.out.tfevents.")
    records = [tf.compat.v1.Event.FromString(r.numpy()) for r in tf.data.TFRecordDataset(str(path))]
    assert records[0].file_version == "brain.Event:2"
    assert all(abs(found.wall_time - time.time()) < 3600 for found in records)
    return [(found.step, {v.tag: v.simple_value for v in found.summary.value}) for found in records]


def test_a_damaged_event_file_is_one(tmp_path: Path) -> None:
    """TensorFlow's reader, by which ours are judged here, compares the checksums."""
    import tensorflow as tf

    Events(tmp_path)([{"epoch": 1, "loss": 2.0}])
    assert events_of(tmp_path) == [(0, {}), (1, {"loss": 2.0})]
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    with pytest.raises(tf.errors.DataLossError):
        events_of(tmp_path)


def test_the_optimiser_takes_the_rate_of_each_step() -> None:
    """Of steps in one call: with the rate 0 weights stay what they are, to the bit."""
    import keras

    spec = engines.spec_of("dense", "cross_entropy")
    rows, data = engines.data_of(spec)
    model = backend.build_model(spec, fit_scalers(rows))
    start = model.get_weights()
    table = np.array([0, 0, 1e-2], np.float32)
    optimizer = keras.optimizers.Adam(schedule_of(table))
    optimizer.build(model.trainable_variables)
    runs = _tensorflow.Runs(model, spec.inputs, summed_loss(spec, _tensorflow.slots), optimizer)
    window = runs.upload(data, engines.N_JETS)
    for n, moves in ((2, False), (1, True)):
        runs.train(window, np.arange(n * 10), 10)
        same = [np.array_equal(a, b) for a, b in zip(start, model.get_weights(), strict=True)]
        assert all(same) != moves


def test_windows_that_are_read_again_change_nothing(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit: windows that stay in memory, and those that do not; scores are of each row its own."""
    settings = TrainingSpec(epochs=3, patience=3, batch_size=48, learning_rate=1e-2)
    architecture = SMALL["deepsets"]
    spec = make_spec(
        "keras", ("ak4", "charged"), model="deepsets", architecture=architecture, training=settings
    )
    monkeypatch.setattr(_feed, "ROWS", 100)  # two batches
    for room in (0, 1 << 30):
        with monkeypatch.context() as patch:
            patch.setattr(_tensorflow, "room", lambda room=room: room)
            train(spec, sample, tmp_path / f"{room}", seed=5, threads=1)
        score(spec, tmp_path / f"{room}", sample, tmp_path / f"{room}.parquet")
    assert (tmp_path / "0.parquet").read_bytes() == (tmp_path / f"{1 << 30}.parquet").read_bytes()
    monkeypatch.undo()
    score(spec, tmp_path / "0", sample, tmp_path / "one_window.parquet")
    found, expected = (io.read_rows(tmp_path / f"{file}.parquet") for file in ("0", "one_window"))
    np.testing.assert_allclose(found["p_b_jets"].to_numpy(), expected["p_b_jets"].to_numpy(), atol=1e-6)


def test_windows_that_fit_the_memory_of_the_job_are_read_once(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window each to train and to validate on: in eight times the longer; in less than three none stays."""
    settings = TrainingSpec(epochs=3, patience=3, batch_size=48, learning_rate=1e-2)
    spec = make_spec("keras", model="dense", architecture=SMALL["dense"], training=settings)
    uploaded: list[int] = []
    upload = _tensorflow.Runs.upload

    def count(self: _tensorflow.Runs, data: _feed.Data, rows: int) -> _feed.Data:
        arrays = [*data["inputs"].values(), *data["side"].values(), data["target"], data["weight"]]
        uploaded.append(sum(values.nbytes for values in arrays))
        return upload(self, data, rows)

    monkeypatch.setattr(_tensorflow.Runs, "upload", count)
    train(spec, sample, tmp_path / "nobody_has_said", seed=5, threads=1)
    one = max(uploaded)
    for windows, reads in ((8, 2), (2.9, 6)):
        uploaded.clear()
        monkeypatch.setattr(backend, "MEMORY_SHARE", windows * one / 1e6)
        train(spec, sample, tmp_path / f"{windows}", seed=5, threads=1, memory_mb=1)
        assert len(uploaded) == reads


def test_the_batch_with_the_bad_loss_is_named() -> None:
    """Losses come back window by window: the inputs that are named are those of the batch, not others."""
    seen = []

    class SomeRows:
        def batch(self, which: Array) -> str:
            seen.extend(which.tolist())
            return "batch"

    class Bare(backend.Training):
        def __init__(self) -> None: ...

        def _give_up(self, number: int, batch: Any) -> NoReturn:
            raise InputError(f"{number} {batch}")

    order = np.array([4, 2, 0, 1, 3])
    losses = np.array([1.0, 2.0, 4.0], np.float32)
    total = Bare().sum_losses(7, losses, order, 2, slice(100, 105), SomeRows())  # type: ignore[arg-type]
    assert total == 1 * 2 + 2 * 2 + 4 * 1
    losses[1:] = np.nan
    with pytest.raises(InputError, match="7 batch"):
        Bare().sum_losses(7, losses, order, 2, slice(100, 105), SomeRows())  # type: ignore[arg-type]
    assert seen == [100, 101]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Networks start the same whichever tests ran before: roundings that pass here pass everywhere."""
    import keras

    keras.utils.set_random_seed(1)


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each architecture, among them each loss, and what TensorFlow computes of each."""
    require(None if find_spec("jax") else "no JAX: `make setup EXTRAS=jax`")
    folder = tmp_path_factory.mktemp("engines")
    compute(folder, engines.COMPARED)
    return folder


def compute(folder: Path, networks: Sequence[tuple[str, str]]) -> None:
    """Networks with weights that are not at their start values, and what TensorFlow computes of each."""
    import keras

    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(1)
    for model, losses in networks:
        spec = engines.spec_of(model, losses)
        network = backend.build_model(spec, fit_scalers(engines.data_of(spec)[0]))
        for variable in network.trainable_variables:
            variable.assign(variable + rng.normal(0, 0.1, variable.shape))
        network.save(folder / f"{model}-{losses}.keras")
    engines.compute("tensorflow", folder)


def test_losses_of_batches(tmp_path: Path) -> None:
    """Outputs and losses are those of the network on batches that were padded on the host."""
    import keras

    compute(tmp_path, [("dense", "cross_entropy")])
    first = np.load(tmp_path / "dense-cross_entropy.tensorflow1.npz")
    network = keras.models.load_model(tmp_path / "dense-cross_entropy.keras", compile=False)
    rows, data = engines.data_of(engines.spec_of("dense", "cross_entropy"))
    logits = np.asarray(network(rows.batch(slice(0, engines.N_JETS)))["classes"], np.float64)
    np.testing.assert_allclose(first["classes"], logits, atol=1e-6)
    log_p = np.take_along_axis(logits, data["target"][:, None], 1)[:, 0] - np.log(np.exp(logits).sum(axis=1))
    ends = range(0, engines.N_JETS, engines.BATCH)
    expected = [-(data["weight"] * log_p)[a : a + engines.BATCH].mean() for a in ends]
    np.testing.assert_allclose(first["losses"], expected, rtol=1e-5)


@pytest.mark.parametrize("devices", [1, 2])
def test_engines_give_the_same(computed: Path, devices: int) -> None:
    """From the same files, on one device or with batches shared by two.

    Probabilities and losses within 1e-6 of TensorFlow's, logits, as a vector, within 1e-6 of its length, the
    gradient within 4e-6 (a bias before a normalisation has none but rounding), or what ROUNDED says, of jets
    on which rounding does not decide whether a unit is on.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.engines", "jax", str(computed), str(devices)],
        capture_output=True, text=True,
        env=os.environ | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices} {QUICK}",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for path in engines.files(computed, devices):
        ours = np.load(path.with_suffix(f".jax{devices}.npz"))
        reference = np.load(path.with_suffix(".tensorflow1.npz"))
        assert set(ours) == set(reference)
        of_outputs, of_gradient = ROUNDED.get(path.stem, (1e-6, 4e-6))
        found, expected = (softmax(x["classes"].astype(float), axis=1) for x in (ours, reference))
        np.testing.assert_allclose(found, expected, atol=of_outputs, rtol=0, err_msg=path.stem)
        found, expected = (x["losses"] for x in (ours, reference))
        np.testing.assert_allclose(found, expected, atol=of_outputs, rtol=of_outputs, err_msg=path.stem)
        gradients = [name for name in reference if name.startswith("gradient")]
        outputs = [name for name in ("classes", "heavy") if name in reference]
        for names, tolerance in ((outputs, of_outputs), (gradients, of_gradient)):
            found, expected = (np.concatenate([x[n].ravel() for n in names]) for x in (ours, reference))
            off = np.linalg.norm(found - expected) / np.linalg.norm(expected)
            assert off <= tolerance, (path.stem, names)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_bfloat16_is_near_float32(name: str, tmp_path: Path) -> None:
    """The same weights give probabilities within 2%, 0.2% on average; other ones than float32 all the same.

    Where the CPU has no instructions for such numbers, other kernels sum and round: there the average is
    below the spacing of bfloat16. Weights, standardised inputs, batch statistics and
    logits stay float32; what is saved is the network in float32, the same wherever it runs.
    """
    import keras

    spec = engines.spec_of(name, "cross_entropy")
    half = spec.model_copy(update={"precision": "bfloat16"})
    rows, _ = engines.data_of(spec)
    batch = rows.batch(slice(0, engines.N_JETS))
    exact, rough = (backend.build_model(s, fit_scalers(rows)) for s in (spec, half))
    rng = np.random.default_rng(1)
    weights = [w + rng.normal(0, 0.1, w.shape) * (w.dtype == np.float32) for w in exact.get_weights()]
    for network in (exact, rough):
        network.set_weights(weights)
        backend.scale(network, fit_scalers(rows), spec)
    found, expected = (np.asarray(probabilities(network)(batch)) for network in (rough, exact))
    difference = np.abs(found - expected)
    assert 1e-5 < difference.max() < 0.02
    flags = set(Path("/proc/cpuinfo").read_text().split())
    has_instructions = not flags.isdisjoint({"avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16"})
    assert difference.mean() < (0.002 if has_instructions else 2**-8)
    assert {np.dtype(w.dtype).itemsize for w in rough.get_weights() if w.dtype.kind == "f"} == {4}
    computing = {layer.name: layer.compute_dtype for layer in rough.layers}
    exact_ones = [n for n in computing if n.startswith(("standardise", "lines", "classes")) or "_norm" in n]
    assert {computing[name] for name in exact_ones} == {"float32"}
    assert "bfloat16" in computing.values()
    saved = backend.finished(backend.exact(half, rough, fit_scalers(rows)))
    saved.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(np.asarray(again(batch)["classes"]), expected)


def test_a_nan_loss_stops(sample: Path, tmp_path: Path) -> None:
    """With the epoch and the largest inputs, not after hours."""
    settings = TrainingSpec(epochs=3, batch_size=64, learning_rate=1e38)
    spec = make_spec("keras", model="dense", architecture=SMALL["dense"], training=settings)
    with pytest.raises(InputError, match=r"not finite in epoch 1; largest standardised inputs .*ak4\.\w+ \("):
        train(spec, sample, tmp_path / "model", seed=5)


def test_a_network_that_sees_no_gpu_stops(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where its job asked for one; where it sees one it goes on, and log and meta.json name it."""
    spec = make_spec("keras", model="dense", architecture=SMALL["dense"], training=TrainingSpec(epochs=1))
    with pytest.raises(InputError, match=r"asked for 2 GPU .* by TensorFlow \d.* on CPU on "):
        train(spec, sample, tmp_path / "model", seed=5, gpus=2)
    assert not list(tmp_path.glob("model*"))
    monkeypatch.setattr(_tensorflow, "device", lambda gpus: Device("gpu", "TensorFlow 2", "H100"))
    with pytest.raises(InputError, match=r"asked for 2 GPU .* by TensorFlow 2 on H100"):
        train(spec, sample, tmp_path / "model", seed=5, gpus=2)
    train(spec, sample, tmp_path / "model", seed=5, gpus=1)
    device = io.read_json(tmp_path / "model/meta.json")["device"]
    assert device == {"kind": "gpu", "engine": "TensorFlow 2", "name": "H100", "count": 1}
    assert "TensorFlow 2 on H100, threads: 1" in capsys.readouterr().err


def test_gpus_share_batches_evenly(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one of them would have less to do, or the job stop at its first batch."""
    monkeypatch.setattr(_tensorflow, "device", lambda gpus: Device("gpu", "JAX 1", "H100", gpus))
    spec = make_spec(
        "keras", model="dense", architecture=SMALL["dense"], training=TrainingSpec(batch_size=64)
    )
    with pytest.raises(InputError, match=r"training.batch_size, 64, is no multiple of the 3 GPUs"):
        train(spec, sample, tmp_path / "model", seed=5, gpus=3)


def test_activations_are_known_to_keras() -> None:
    """The choices of `activation` are written down where nothing imports Keras: each is one of its own."""
    import keras

    names = get_args(dense.Options.model_fields["activation"].annotation)
    assert "relu" in names
    for name in names:
        assert callable(keras.activations.get(name))


def test_unknown_models_are_named(sample: Path, tmp_path: Path) -> None:
    """The message lists what there is."""
    with pytest.raises(ConfigError, match=r"unknown value `deepjets`; did you mean `deepjet`"):
        train(make_spec("keras", model="deepjets"), sample, tmp_path / "model", seed=5)
