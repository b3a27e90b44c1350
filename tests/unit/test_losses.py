"""Protects losses: values against sums written out; targets and side columns reach them by name."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from jetsmith import io, models, plugs
from jetsmith.classifiers import _keras as backend
from jetsmith.hashing import SPLITS
from jetsmith.losses import Seen, cross_entropy, focal, regression, track_origin, vertexing
from jetsmith.packed.rows import Rows
from jetsmith.scoring import score
from jetsmith.specs.classifiers import LossSpec, TrainingSpec
from jetsmith.specs.features import Inputs
from jetsmith.training import train
from tests.unit.packed_jets import GROUPS, TRUTHS, make_spec, read_packed, write_sample

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


def test_regression_with_quantiles() -> None:
    """A quantile's loss is its share of each distance below the target, the rest of each above; × delta."""
    wanted = RNG.normal(1, 0.3, 40).astype("f4")
    wanted[:5] = np.nan
    output = RNG.normal(1, 0.3, (40, 3)).astype("f4")
    options = regression.Options(column="truth", delta=0.2, quantiles=(0.25, 0.7), classes=("b_jets",))
    total = 0.0
    for k in range(5, 40):
        if NAMES[TARGET[k]] != "b_jets":
            continue
        estimate, low, high = map(float, output[k])
        true = float(wanted[k])
        away = abs(estimate - true)
        found = 0.5 * away**2 if away <= 0.2 else 0.2 * (away - 0.1)
        for share, quantile in ((0.25, low), (0.7, high)):
            found += 0.2 * (share * (true - quantile) if true > quantile else (1 - share) * (quantile - true))
        total += float(WEIGHT[k]) * found
    found = float(regression.loss(output, seen(truth=wanted), options))
    assert found == pytest.approx(total / 40, rel=1e-5)


def test_quantiles_are_where_their_loss_is_least() -> None:
    """Mean and quantiles of the targets, as numbers of all rows, have hardly a gradient; others have one."""
    import tensorflow as tf

    wanted = np.random.default_rng(5).normal(1, 0.3, 4001).astype(np.float32)
    one = Seen(np.zeros(4001, np.int32), np.ones(4001, np.float32), {"truth": wanted}, NAMES)
    options = regression.Options(column="truth", delta=10, quantiles=(0.25, 0.75))
    ends = [wanted.mean(), *np.quantile(wanted, [0.25, 0.75])]
    for shift, steep in ((0.0, False), (0.1, True)):
        given = tf.Variable(np.asarray(ends, np.float32)[None] + np.float32(shift))
        with tf.GradientTape() as tape:
            found = regression.loss(tf.repeat(given, 4001, axis=0), one, options)
        gradient = np.abs(np.asarray(tf.convert_to_tensor(tape.gradient(found, given))))
        assert (gradient > 0.05).all() if steep else (gradient < 5e-3).all()


@pytest.mark.parametrize("quantiles", [(), (0.25, 0.75)])
def test_rows_without_a_target_have_no_gradient(quantiles: tuple[float, ...]) -> None:
    """NaN in a column is no NaN in the weights."""
    import tensorflow as tf

    output = tf.Variable(np.ones((40, 1 + len(quantiles)), np.float32))
    wanted = np.full(40, np.nan, np.float32)
    wanted[0] = 3.0
    options = regression.Options(column="truth", quantiles=quantiles)
    with tf.GradientTape() as tape:
        found = regression.loss(output, seen(truth=wanted), options)
    gradient = tape.gradient(found, output).numpy()
    assert (gradient[0] != 0).all()
    assert not gradient[1:].any()


def test_two_outputs_learn_together(tmp_path: Path) -> None:
    """A network of two outputs: classes, and the mass of b jets.

    The target reaches the loss as a side column: what the second output gives follows it on jets that the
    training has not seen, and the classes are told apart as before. Scores have what the network gives, and
    the side columns, row by row.
    """
    import keras

    sample = write_sample(tmp_path / "packed", 2000)
    inputs = Inputs(group="ak4", kind="flat", length=0, features=("sip", "mass", "tracks"), sources=("x",))
    side = inputs.model_copy(update={"features": ("mass", "sip")})
    losses = {
        "classes": LossSpec(loss="focal", options={"gamma": 1.0}),
        "heavy": LossSpec(
            loss="regression",
            weight=1.5,
            options={"column": "mass", "classes": ["b_jets"], "quantiles": [0.25, 0.75]},
        ),
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
    is_test, is_b = np.asarray(rows["split"]) == 3, np.isin(rows["label"], TRUTHS["b_jets"])
    assert rows["p_b_jets"][is_test & is_b].to_numpy().mean() > 0.6
    network = keras.models.load_model(tmp_path / "model" / "model.keras", compile=False)
    assert set(network.output) == {"classes", "heavy"}
    all_of_it = Rows.select(spec.inputs, [read_packed(sample / split) for split in SPLITS])
    batch = all_of_it.batch(slice(0, len(all_of_it)))
    expected = np.asarray(network(batch)["heavy"])
    np.testing.assert_allclose(rows["estimate_heavy"], expected[:, 0], rtol=1e-4, atol=1e-5)
    half = np.abs(expected[:, 2] - expected[:, 1]) / 2
    np.testing.assert_allclose(rows["estimate_heavy_resolution"], half, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(rows["side_mass"], batch["ak4"][:, 1])
    assert "side_sip" not in rows.fields
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


TRACKS = 6
MASK = np.arange(TRACKS) < RNG.integers(0, TRACKS + 1, (40, 1))
ORIGIN = np.where(MASK, RNG.integers(-1, 7, (40, TRACKS)), 0).astype(np.float32)
VERTEX = np.where(MASK, RNG.integers(-1, 3, (40, TRACKS)), 0).astype(np.float32)
OF_TRACKS = RNG.normal(0, 3, (40, TRACKS, 7)).astype(np.float32)
OF_PAIRS = RNG.normal(0, 3, (40, TRACKS, TRACKS)).astype(np.float32)


def tracks(**side: Any) -> Seen:
    """With the mask of the group of tracks."""
    return Seen(TARGET, WEIGHT, side, NAMES, {"charged": MASK})


@pytest.mark.parametrize("inverse_frequency", [False, True])
def test_track_origin(inverse_frequency: bool) -> None:
    """The mean over real tracks of known origin, or of each origin the same in sum; loop by loop."""
    known = [(j, t) for j in range(40) for t in range(TRACKS) if MASK[j, t] and ORIGIN[j, t] >= 0]
    origins = [int(ORIGIN[j, t]) for j, t in known]
    total = 0.0
    for (j, t), origin in zip(known, origins, strict=True):
        z = OF_TRACKS[j, t].astype(float)
        factor = len(known) / len(set(origins)) / origins.count(origin) if inverse_frequency else 1.0
        total += float(WEIGHT[j]) * factor * -(z[origin] - np.log(np.exp(z).sum()))
    options = track_origin.Options(column="origin", inverse_frequency=inverse_frequency)
    found = float(track_origin.loss(OF_TRACKS, tracks(origin=ORIGIN), options))
    assert found == pytest.approx(total / len(known), rel=1e-5)


def test_vertexing() -> None:
    """The mean over pairs of two real tracks whose vertices are known, no track with itself."""
    total, n = 0.0, 0
    for j in range(40):
        real = [t for t in range(TRACKS) if MASK[j, t] and VERTEX[j, t] >= 0]
        for a in real:
            for b in real:
                if a == b:
                    continue
                p = 1 / (1 + np.exp(-float(OF_PAIRS[j, a, b])))
                same = VERTEX[j, a] == VERTEX[j, b]
                total += float(WEIGHT[j]) * -np.log(p if same else 1 - p)
                n += 1
    found = float(vertexing.loss(OF_PAIRS, tracks(vertex=VERTEX), vertexing.Options(column="vertex")))
    assert found == pytest.approx(total / n, rel=1e-5)


@pytest.mark.parametrize(("plug", "output"), [(track_origin, OF_TRACKS), (vertexing, OF_PAIRS)])
def test_what_is_not_known_teaches_nothing(plug: Any, output: Any) -> None:
    """Padded slots and unknown truth have no gradient; a batch without any known track gives 0."""
    import tensorflow as tf

    truth = np.where(RNG.random(MASK.shape) < 0.4, -1, 1).astype(np.float32)
    used = MASK & (truth >= 0)
    for shift, counts in ((0, used), (-9, np.zeros_like(used))):
        given = tf.Variable(output)
        with tf.GradientTape() as tape:
            found = plug.loss(given, tracks(truth=truth + shift), plug.Options(column="truth"))
        gradient = tape.gradient(found, given).numpy()
        assert np.isfinite(gradient).all()
        assert not gradient[~counts].any()
        if not shift:
            assert gradient[counts].any()
        else:
            assert float(found) == 0


def test_heads_learn_and_are_off_where_a_file_lacks_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A transformer tells origins and vertices of tracks that it has not seen; lacking truth is said.

    Classes are told apart with the heads and without.
    """
    import keras

    sample = write_sample(tmp_path / "packed", 1200)
    truth = GROUPS["charged"].model_copy(update={"features": ("origin", "vertex")})
    losses = {
        "classes": LossSpec(),
        "origin": LossSpec(loss="track_origin", options={"column": "origin"}),
        "charged": LossSpec(loss="vertexing", options={"column": "vertex"}),  # named as an input is
    }
    spec = make_spec(
        "keras", ("ak4", "charged"), side=(truth,), losses=losses, model="transformer",
        architecture={"embedding": [16], "width": 16, "layers": 1, "heads": 2, "head": 16, "dropout": 0.0},
        training=TrainingSpec(epochs=25, patience=25, batch_size=64, learning_rate=1e-2, balance="class"),
    )  # fmt: skip
    train(spec, sample, tmp_path / "model", seed=5, threads=1)
    assert io.read_json(tmp_path / "model/meta.json")["heads_off"] == {}
    network = keras.models.load_model(tmp_path / "model/model.keras", compile=False)
    packed = [read_packed(sample / "test")]
    rows, sides = (Rows.select(inputs, packed) for inputs in (spec.inputs, spec.side))
    found, which = network(rows.batch(slice(0, len(rows)))), sides.batch(slice(0, len(rows)))
    origin, vertex = np.moveaxis(which["charged"], -1, 0)
    known = which["charged_mask"] & (origin >= 0)
    assert (np.asarray(found["origin"]).argmax(axis=-1) == origin)[known].mean() > 0.8
    pairs, same = (np.asarray(x) for x in vertexing.pairs(vertex, which["charged_mask"]))
    logits = np.asarray(found["charged"])
    np.testing.assert_allclose(logits, np.swapaxes(logits, 1, 2), atol=1e-6)
    assert ((logits > 0) == same)[pairs].mean() > 0.85
    heads = io.read_json(tmp_path / "model/heads.json")
    classed = np.isin(rows.label(), [key for keys in TRUTHS.values() for key in keys])
    assert heads["jets"] == classed.sum()
    told = np.asarray(found["origin"]).argmax(axis=-1)
    for true in range(7):
        of = (known & (origin == true))[classed]
        counts = np.bincount(told[classed][of], minlength=7).tolist()
        assert heads["heads"]["origin"]["confusion"][true] == counts
    for name, wanted in (("same", same), ("different", ~same)):
        counts = heads["heads"]["charged"][name]
        assert 2 * sum(counts) == (pairs & wanted)[classed].sum()
        assert 2 * sum(counts[500:]) == pytest.approx((pairs & wanted & (logits > 0))[classed].sum(), abs=4)
    capsys.readouterr()
    lacks = spec.model_copy(
        update={
            "side": (truth.model_copy(update={"features": ("origin", "nowhere")}),),
            "losses": losses | {"charged": LossSpec(loss="vertexing", options={"column": "nowhere"})},
            "training": spec.training.model_copy(update={"epochs": 1}),
        }
    )
    train(lacks, sample, tmp_path / "lacks", seed=5, threads=1)
    assert io.read_json(tmp_path / "lacks/meta.json")["heads_off"] == {"charged": "nowhere"}
    assert "head `charged` is off: files of sample `jets` have no nowhere" in capsys.readouterr().err
    network = keras.models.load_model(tmp_path / "lacks/model.keras", compile=False)
    assert set(network.output) == {"classes", "origin"}
    score(lacks, tmp_path / "lacks", sample, tmp_path / "scores.parquet")


@pytest.mark.parametrize("name", plugs.names("losses"))
def test_losses_are_described(name: str) -> None:
    """docs/config.md is made from their records; a loss says what its output is, if it has one."""
    plug = plugs.find("losses", name, "", "")
    assert plug.__doc__
    assert plug.OUTPUT is None or plug.OUTPUT in get_args(models.Kind)
    for key, field in plug.Options.model_fields.items():
        assert field.description, key
    assert plug.Options.model_validate(plug.Options().model_dump(mode="json")) == plug.Options()
