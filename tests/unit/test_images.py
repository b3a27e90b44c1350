"""Protects images of jets: pixels against a slow twin, what may not change them, and what is refused."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import bundle_inputs, bundling, io
from jetsmith.bundles import _jets
from jetsmith.bundles._graph import Graph
from jetsmith.bundles._inputs import Prepared
from jetsmith.bundles._keras import Walk
from jetsmith.classifiers import Labelled
from jetsmith.classifiers._images import mean_images
from jetsmith.errors import InputError
from jetsmith.models import jet_image_cnn
from jetsmith.packed.rows import Rows
from jetsmith.plots import images as images_figure
from jetsmith.specs.classifiers import ClassSpec, TrainingSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.shown import ClassifiedSpec
from jetsmith.training import train
from tests.unit import bundled, engines, test_bundled_networks
from tests.unit.packed_jets import make_spec, pack_jets, write_sample
from tests.unit.test_plots import STYLE

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

Array = np.ndarray[Any, Any]
PIXELS, PIXEL = 15, 0.1
ONE = engines.SMALL["jet_image_cnn"] | {"constituents": {"charged": ["ptrel", "ptrel", "sip", "sip"]}}
CHANNELS = ("pt", "charged_pt", "neutral_pt", "n_charged")
N, LENGTH = 300, 12


def some_jets(seed: int = 3) -> tuple[Array, Array]:
    """ln pt, eta, phi, charge, (N, LENGTH, 4), and the mask; the first jets have none, one, two, all."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, LENGTH + 1, N)
    counts[:4] = 0, 1, 2, LENGTH
    features = np.stack(
        [
            rng.normal(2, 1.2, (N, LENGTH)),
            rng.normal(0, 0.3, (N, LENGTH)),
            rng.normal(0, 0.2, (N, LENGTH)),
            rng.integers(-1, 2, (N, LENGTH)),
        ],
        axis=-1,
    )
    return features.astype(np.float32), np.arange(LENGTH) < counts[:, None]


def images(features: Array, mask: Array, channels: tuple[str, ...] = CHANNELS) -> Array:
    from jetsmith.models._images import JetImage

    layer = JetImage(PIXELS, PIXEL, channels)
    return np.asarray(layer([features.astype(np.float32), mask]))


def twin(features: Array, mask: Array) -> Array:
    """One jet at a time, one constituent at a time, in double precision; the axis by eigenvectors."""
    found = np.zeros((len(features), PIXELS, PIXELS, len(CHANNELS)))
    for image, jet, real in zip(found, features.astype(np.float64), mask, strict=True):
        jet = jet[real]
        if not len(jet):
            continue
        share = np.exp(jet[:, 0]) / np.exp(jet[:, 0]).sum()
        points = jet[:, 1:3] - share @ jet[:, 1:3]
        spread = (points * share[:, None]).T @ points
        x, y = np.linalg.eigh(spread)[1][:, 1]
        points = points @ np.array([[y, x], [-x, y]])
        places = [[math.floor(value / PIXEL + PIXELS / 2) for value in point] for point in points]
        for axis in (0, 1):
            low = sum(s for s, place in zip(share, places, strict=True) if place[axis] < PIXELS // 2)
            high = sum(s for s, place in zip(share, places, strict=True) if place[axis] > PIXELS // 2)
            if low > high:
                for place in places:
                    place[axis] = PIXELS - 1 - place[axis]
        for s, (column, row), charge in zip(share, places, jet[:, 3], strict=True):
            if 0 <= column < PIXELS and 0 <= row < PIXELS:
                image[row, column] += [s, s * (charge != 0), s * (charge == 0), charge != 0]
    return found


def test_pixels_are_those_of_a_slow_twin() -> None:
    """Each channel, jets of no, one and two constituents among them; some lie beyond the image."""
    features, mask = some_jets()
    found = images(features, mask)
    np.testing.assert_allclose(found, twin(features, mask), atol=2e-6)
    assert not found[0].any()
    assert found[1, PIXELS // 2, PIXELS // 2, 0] == 1
    assert np.isin(found[2].nonzero()[1], PIXELS // 2).all()  # two lie on the vertical axis
    total = found[..., 0].sum(axis=(1, 2))
    assert (total[1:] < 0.999).any()
    assert total.max() < 1 + 1e-6
    np.testing.assert_allclose(found[..., 1] + found[..., 2], found[..., 0], atol=1e-6)
    pt, middle = found[total > 0.9999, ..., 0], PIXELS // 2
    assert len(pt) > 20
    assert (pt[:, middle + 1 :].sum(axis=(1, 2)) + 1e-6 >= pt[:, :middle].sum(axis=(1, 2))).all()
    assert (pt[..., middle + 1 :].sum(axis=(1, 2)) + 1e-6 >= pt[..., :middle].sum(axis=(1, 2))).all()


def _turned(features: Array, angle: float, mirror: float = 1.0) -> Array:
    x, y = features[..., 1], features[..., 2] * mirror
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([features[..., 0], cos * x - sin * y, sin * x + cos * y, features[..., 3]], axis=-1)


MOVES = {
    "shifted": lambda f: f + np.array([0, 0.4, -1.3, 0]),
    "harder": lambda f: f + np.array([1.7, 0, 0, 0]),
    "turned": lambda f: _turned(f, 2.1),
    "turned by half": lambda f: _turned(f, np.pi),
    "a mirror image": lambda f: _turned(f, 0.6, -1.0),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_an_image_knows_no_frame(move: Any) -> None:
    """A jet elsewhere, harder, turned or mirrored has the same image, but where rounding moves a pixel.

    What may be symmetric but for rounding is left out: sides with as much pt.
    """
    features, mask = some_jets()
    before, behind = images(features, mask), images(move(features.astype(np.float64)), mask)
    same = np.abs(before - behind).max(axis=(1, 2, 3)) < 1e-5
    assert same.mean() > 0.985
    assert same[:2].all()
    other = features.copy()
    other[..., 1] *= 2  # no such move
    assert (np.abs(before - images(other, mask)).max(axis=(1, 2, 3)) < 1e-5).mean() < 0.3


def test_order_and_padding_change_no_pixel() -> None:
    """Nor does what padded slots hold; without the layer's mask they would."""
    features, mask = some_jets()
    expected = images(features, mask)
    order = np.argsort(np.random.default_rng(1).random(mask.shape), axis=1)
    shuffled = np.take_along_axis(features, order[..., None], axis=1)
    found = images(shuffled, np.take_along_axis(mask, order, axis=1))
    assert (np.abs(found - expected).max(axis=(1, 2, 3)) < 1e-5).mean() > 0.99
    padded = np.pad(np.where(mask[..., None], features, 1e4), [(0, 0), (0, 5), (0, 0)], constant_values=-7)
    np.testing.assert_allclose(images(padded, np.pad(mask, [(0, 0), (0, 5)])), expected, atol=1e-6)
    assert np.abs(images(features, np.ones_like(mask)) - expected).max() > 0.1


def test_a_jet_without_an_axis() -> None:
    """Four of the same pt on a square: any axis is as good, none is no number."""
    square = np.array([[1, 0.2, 0, 1], [1, -0.2, 0, 1], [1, 0, 0.2, 1], [1, 0, -0.2, 1]], np.float32)[None]
    found = images(square, np.ones((1, 4), np.bool_), ("pt",))[0, ..., 0]
    middle = PIXELS // 2
    lit = {(middle, middle + 2), (middle, middle - 2), (middle + 2, middle), (middle - 2, middle)}
    assert {(int(row), int(column)) for row, column in zip(*found.nonzero(), strict=True)} == lit
    np.testing.assert_allclose(found[found > 0], 0.25)


def test_gradients_are_finite() -> None:
    """Of pixels by ln pt, of jets without constituents or axis, too; directions have none."""
    import tensorflow as tf

    from jetsmith.models._images import JetImage

    features, mask = some_jets()
    features[5, :, 1:3] = 0
    given = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(JetImage(PIXELS, PIXEL, CHANNELS)([given, mask]) ** 2)
    gradient = np.asarray(tape.gradient(total, given))
    assert np.isfinite(gradient).all()
    assert gradient[..., 0].any()
    assert not gradient[..., 1:].any()
    assert not gradient[~mask].any()


def candidates(*names: str) -> Inputs:
    return Inputs(group="candidates", kind="sequence", length=100, features=names, sources=("x",))


def test_mean_images_are_those_of_a_loop() -> None:
    """By class, with the size of the weights; the error is that of a weighted mean."""
    spec = make_spec("keras", ("charged",), model="jet_image_cnn", architecture=ONE)
    rows = Rows.select(spec.inputs, [pack_jets(40, 3)])
    rng = np.random.default_rng(1)
    target = rng.integers(0, 2, 40).astype(np.int32)  # none of the third class
    weight = rng.normal(1, 1, 40).astype(np.float32)
    network = engines.moved(spec)
    found = mean_images(spec, network, Labelled(rows, target, weight))
    assert found is not None
    assert found["channels"] == ["charged_pt", "neutral_pt", "n_charged"]
    assert found["classes"]["light_jets"] == {"jets": 0, "mean": [], "error": []}
    layer, batch = network.get_layer("image"), rows.batch(slice(0, 40))
    features = np.stack([batch["charged"][..., i] for i in (0, 0, 1, 1)], axis=-1)
    each = np.asarray(layer([features, batch["charged_mask"]]), np.float64)
    for k, name in enumerate(("b_jets", "c_jets")):
        mine = [(abs(float(w)), image) for w, image, t in zip(weight, each, target, strict=True) if t == k]
        total = sum(w for w, _ in mine)
        mean = sum(w * image for w, image in mine) / total
        error = np.sqrt(sum((w * (image - mean)) ** 2 for w, image in mine)) / total
        content = found["classes"][name]
        assert content["jets"] == len(mine)
        np.testing.assert_allclose(np.moveaxis(content["mean"], 0, -1), mean, atol=1e-6)
        np.testing.assert_allclose(np.moveaxis(content["error"], 0, -1), error, atol=1e-6)
        assert np.ptp(mean) > 0.01
    plain = make_spec("keras", model="dense", architecture=engines.SMALL["dense"])
    assert mean_images(plain, engines.moved(plain), Labelled(rows, target, weight)) is None


def test_a_training_keeps_them(tmp_path: Path) -> None:
    """In the model's folder, with its checksum; a figure is drawn of nothing else."""
    sample = write_sample(tmp_path / "packed", 100)
    training = TrainingSpec(epochs=1, patience=1, batch_size=64)
    spec = make_spec("keras", ("charged",), model="jet_image_cnn", architecture=ONE, training=training)
    train(spec, sample, tmp_path / "model", seed=5)
    kept = io.read_json(tmp_path / "model/images.json")
    assert list(kept["classes"]) == ["b_jets", "c_jets", "light_jets"]
    shown = ClassifiedSpec(name=spec.name, title="Mine", backend="keras", sample="jets", classes=spec.classes)
    found = images_figure.plot_images(shown, tmp_path / "model", STYLE, tmp_path / "plot")
    assert len(found.images) == 9
    assert (tmp_path / "plot.pdf").is_file()
    lacking = spec.classes[0].model_copy(update={"name": "taus"})
    with pytest.raises(InputError, match="no image of class taus"):
        images_figure.compute(shown.model_copy(update={"classes": (lacking,)}), kept)
    io.write_json(tmp_path / "model/images.json", kept | {"pixel": 2.0})
    with pytest.raises(InputError, match=r"images\.json"):
        images_figure.plot_images(shown, tmp_path / "model", STYLE, tmp_path / "plot")
    (tmp_path / "model/images.json").unlink()
    with pytest.raises(InputError, match="there is no such file; train again"):
        images_figure.plot_images(shown, tmp_path / "model", STYLE, tmp_path / "plot")


def test_the_figure_says_what_lies_in_the_middle() -> None:
    """Of sums by hand; a class without jets has no panel, none at all a message."""
    classes = tuple(
        ClassSpec(name=name, truth=(k,), label=name, color="#000000") for k, name in enumerate("wq")
    )
    shown = ClassifiedSpec(name="mine", title="Mine", backend="keras", sample="jets", classes=classes)
    mean = np.full((1, 5, 5), 0.01)
    mean[0, 2, 2] = 0.51
    full = {"jets": 1234, "mean": mean.tolist(), "error": (mean / 100).tolist()}
    none: dict[str, Any] = {"jets": 0, "mean": [], "error": []}
    found = images_figure.compute(
        shown, {"pixel": 0.1, "channels": ["pt"], "classes": {"w": full, "q": none}}
    )
    (image,) = found.images
    assert image.total == pytest.approx(0.75)
    assert image.middle == pytest.approx(0.59 / 0.75)
    assert (image.low, image.high) == pytest.approx((0.5841 / 0.75, 0.5959 / 0.75))
    assert "1,234 of w" in found.caption()
    assert "w 0.787 [0.779, 0.795] of the share of pt" in found.caption()
    words = image.model_copy(update={"label": "light jets, 5 $"})
    (text,) = images_figure.draw(found.model_copy(update={"images": (words,)}), STYLE).axes[0].texts
    assert text.get_text() == r"light jets, 5 \$"  # words, which no mathematics runs together
    both = found.model_copy(update={"images": (image, image.model_copy(update={"name": "q"}))})
    assert both.caption().count("1,234 of w") == 2  # two classes of one label
    empty = images_figure.compute(
        shown, {"pixel": 0.1, "channels": ["pt"], "classes": {"w": none, "q": none}}
    )
    assert "no class has validation jets" in empty.message
    assert images_figure.draw(empty, STYLE)


FOUR = ("pt_log_nopuppi", "etarel", "phirel", "charge")
MISFITS = {
    "even": (FOUR[:3], {"pixels": 32}, ["pixels: 32", "odd"]),
    "nothing left": (FOUR[:3], {"pixels": 7}, ["convolutions: 3", "7 pixels"]),
    "no charge": (FOUR[:3], {"channels": ["n_charged"]}, ["constituents.candidates: `charge`"]),
    "unread": (FOUR, {}, ["constituents.candidates: charge of `inputs`", "read: pt_log_nopuppi"]),
    "twice": (FOUR[:3], {"channels": ["pt", "pt"]}, ["channels: pt, pt"]),
    "misspelt": (
        FOUR[:3],
        {"constituents": {"candidates": ["pt_log", "etarel", "phirel"]}},
        ["`pt_log` is none", "did you mean `pt_log_nopuppi`"],
    ),
    "no group": (FOUR[:3], {"constituents": {"candidate": FOUR[:3]}}, ["constituents.candidate: no such"]),
    "too few": (FOUR[:2], {"constituents": {"candidates": FOUR[:2]}}, ["2 features", "ln pt, pseudo"]),
}  # fmt: skip


@pytest.mark.parametrize(("names", "content", "words"), MISFITS.values(), ids=MISFITS)
def test_what_makes_no_image_is_refused(
    names: tuple[str, ...], content: dict[str, Any], words: list[str]
) -> None:
    """At the dry run, with the key; a feature that no pixel shows is no input in silence."""
    spec = make_spec("keras", inputs=(candidates(*names),))
    problems = list(jet_image_cnn.Options.model_validate(content).misfits(spec))
    text = "\n".join(problems)
    for word in words:
        assert word in text
    good = jet_image_cnn.Options.model_validate({"channels": ["pt", "n_charged"]})
    assert not list(good.misfits(make_spec("keras", inputs=(candidates(*FOUR),))))


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("Conv2D", {"filters": 2, "kernel_size": 3}, "odd` convolves with other options"),
        ("Conv2D", {"filters": 2, "kernel_size": 3, "padding": "same", "strides": 2}, "convolves with other"),
        ("MaxPooling2D", {"pool_size": 2, "strides": 1}, "odd` pools with other options"),
    ],
)
def test_layers_that_no_bundle_holds(kind: str, options: dict[str, Any], words: str) -> None:
    """Other strides or padding are refused, not written as if they were ours."""
    import keras

    inputs = keras.Input((9, 9, 1), name="ak4")
    graph = Graph()
    groups = {"ak4": Prepared(graph, graph.input("ak4", ["N", 9, 9, 1]), 1)}
    with pytest.raises(InputError, match=words):
        Walk(graph, groups).plain(getattr(keras.layers, kind)(**options, name="odd")(inputs))


def test_a_jet_of_two_answers_may_have_either(tmp_path: Path) -> None:
    """Of two constituents of the same pt rounding decides which is above; any other answer is refused."""
    spec = test_bundled_networks.saved(tmp_path / "model", "jet_image_cnn")
    sample = write_sample(tmp_path / "packed", 100)
    found = bundled.write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    n, rng = 60, np.random.default_rng(1)
    jets = dict(_jets.made_up(bundled.raw_jets(found.groups, 100), found.groups, n, 9))
    pt, sip = np.repeat(rng.uniform(0.01, 0.5, n), 2), np.tile([0, 1.2], n)
    pair = np.stack([pt, sip], axis=1).astype(np.float32)  # one is neutral, so that colours differ
    jets["charged"] = bundle_inputs.Values(pair, 2 * np.arange(n + 1))
    jets["vertices"] = bundle_inputs.Values(jets["vertices"].values[:0], np.zeros(n + 1, np.int64))
    right = found.score(jets)[0]
    other = found.score(bundle_inputs.beside(jets, np.random.default_rng(99)))[0]
    jumps = np.abs(other - right).max(axis=1) > 1e-4
    assert jumps.sum() > 10

    def compared(expected: Array) -> bundling.Agreement:
        return bundling.compare(tmp_path / "bundle", spec, bundled.discriminants(spec), jets, expected)

    assert compared(np.where(jumps[:, None], other, right)).n_turned == jumps.sum()
    with pytest.raises(InputError, match="of 60 jets"):
        compared((right + np.where(jumps[:, None], other, right)) / 2)


def test_quarks_and_gluons_hold_no_heavy_hadrons() -> None:
    """A gluon that splits to heavy flavour, and a quark's jet that holds any, are of neither class."""
    from jetsmith.configuration.records import read_yaml
    from jetsmith.sources.truth import ak4_flavour

    classes = read_yaml(Path(__file__).parents[2] / "config/flavours.yaml")
    quarks, gluons = (classes[name]["truth"] for name in ("quarks", "gluons"))
    hadron = np.array([0, 0, 0, 5, 5, 4, 4, 4, 0])
    parton = np.array([21, 2, -3, 21, 21, 21, 21, 1, 0])
    n_b, n_c = np.array([0, 0, 0, 1, 2, 0, 0, 0, 0]), np.array([0, 0, 0, 0, 0, 1, 2, 1, 0])
    truth = ak4_flavour(hadron, parton, n_b, n_c, np.zeros(9, np.int64), np.ones(9, bool))
    assert np.isin(truth, gluons).tolist() == [True] + [False] * 8
    assert np.isin(truth, quarks).tolist() == [False, True, True] + [False] * 6
