"""Protects losses that leave a column alone: values, gradients, and what they do to a training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from jetsmith.features.compute import finish
from jetsmith.losses import Seen, adversary, background, disco
from jetsmith.losses._distance_correlation import squared_distance_correlation
from jetsmith.metrics import auc
from jetsmith.specs.classifiers import LossSpec
from jetsmith.specs.features import FeatureSpec
from tests import mass_peak

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

Array = np.ndarray[Any, Any]
ROOT = Path(__file__).parent.parent.parent
NAMES = ("hbb", "qcd", "top")


def slow(x: Array, y: Array, weight: Array) -> float:
    """The definition, with loops over pairs."""
    n, p = len(x), weight / weight.sum()

    def centred(z: Array) -> Array:
        a = np.array([[abs(z[i] - z[j]) for j in range(n)] for i in range(n)])
        mean = [sum(p[j] * a[i, j] for j in range(n)) for i in range(n)]
        whole = sum(p[i] * mean[i] for i in range(n))
        return np.array([[a[i, j] - mean[i] - mean[j] + whole for j in range(n)] for i in range(n)])

    def covariance(a: Array, b: Array) -> float:
        return float(sum(p[i] * p[j] * a[i, j] * b[i, j] for i in range(n) for j in range(n)))

    a, b = centred(x), centred(y)
    return covariance(a, b) / np.sqrt(covariance(a, a) * covariance(b, b))


def drawn(n: int, seed: int, bound: float) -> tuple[Array, Array, Array]:
    """Scores, masses of a kind with ties, as counts have, and weights, some 0."""
    rng = np.random.default_rng(seed)
    y = np.round(rng.gamma(4, 25, n) / 10)
    x = 1 / (1 + np.exp(-rng.normal(0, 1, n) - bound * (y - 10)))
    return x, y, rng.uniform(0.2, 2, n) * (rng.random(n) < 0.8)


def both(x: Array, y: Array, weight: Array) -> tuple[float, Array]:
    """What the loss gives, and its gradient."""
    import tensorflow as tf

    given = tf.Variable(x.astype(np.float32))
    with tf.GradientTape() as tape:
        found = squared_distance_correlation(given, y.astype(np.float32), weight.astype(np.float32))
    return float(found), np.asarray(tape.gradient(found, given).numpy(), np.float64)


@pytest.mark.parametrize(("n", "bound"), [(5, 0.0), (40, 0.2), (150, 0.0)])
def test_distance_correlation(n: int, bound: float) -> None:
    """The definition, with weights, ties and rows that do not count; more rows than a block has, too."""
    x, y, weight = drawn(n, 1, bound)
    weight[:2] = 1.0, 0.7
    assert both(x, y, weight)[0] == pytest.approx(slow(x, y, weight), rel=2e-4)


def test_its_gradient() -> None:
    """That of finite differences of the slow definition; rows without a weight have none."""
    x, y, weight = drawn(40, 3, 0.1)
    step, wanted = 1e-7, np.zeros(40)
    for k in range(0, 40, 4):
        for sign in (1, -1):
            moved = x.astype(np.float32).astype(float)
            moved[k] += sign * step
            wanted[k] += sign * slow(moved, y, weight) / (2 * step)
    found = both(x, y, weight)[1]
    np.testing.assert_allclose(found[::4], wanted[::4], atol=2e-3 * np.abs(found).max())
    assert not found[weight == 0].any()
    assert np.abs(found).max() > 1e-2


def test_what_does_not_vary_is_not_correlated() -> None:
    """A score or a column of one value, or no background in a batch: 0, and no gradient."""
    x, y, weight = drawn(40, 5, 0.1)
    for given in ((np.full(40, 0.3), y, weight), (x, np.full(40, 90.0), weight), (x, y, 0 * weight)):
        value, gradient = both(*given)
        assert value == 0
        assert not gradient.any()


def test_rows_that_tie_are_pushed_together() -> None:
    """Jets of the same inputs: what they get in sum does not depend on their order."""
    x, y, weight = drawn(60, 7, 0.1)
    x[10:30] = x[10]
    order = np.r_[:10, np.arange(10, 30)[::-1], 30:60]
    value, gradient = both(x, y, weight)
    again, other = both(x[order], y[order], weight[order])
    assert again == pytest.approx(value, rel=1e-4)
    assert other[10:30].sum() == pytest.approx(gradient[10:30].sum(), rel=1e-3)


def seen(rng: np.random.Generator, mass: Array) -> Seen:
    n = len(mass)
    return Seen(
        rng.integers(0, 3, n).astype(np.int32), rng.uniform(0, 2, n).astype(np.float32),
        {"mass": mass.astype(np.float32)}, NAMES,
    )  # fmt: skip


def test_disco_is_of_the_background_alone() -> None:
    """Of rows of its classes whose column is a number, of the score that is named."""
    rng = np.random.default_rng(2)
    mass = rng.gamma(4, 25, 60)
    mass[:5] = np.nan
    logits, batch = rng.normal(0, 2, (60, 3)).astype(np.float32), seen(rng, mass)
    options = disco.Options(
        column="mass", rows=("qcd",), signal=("hbb",), background={"qcd": 0.7, "top": 0.2}
    )
    p = np.exp(logits.astype(float))
    score = p[:, 0] / (p[:, 0] + 0.7 * p[:, 1] + 0.2 * p[:, 2])
    counts = (batch.target == 1) & np.isfinite(mass)
    wanted = slow(score[counts], mass[counts], batch.weight[counts].astype(float))
    assert float(disco.loss(logits, batch, options)) == pytest.approx(wanted, rel=1e-4)


def test_a_jet_without_a_mass_does_not_count() -> None:
    """As the shipped tagger's feature has it: none is no mass of 0."""
    group = yaml.safe_load((ROOT / "config/features/ak8_beside.yaml").read_text())
    spec = FeatureSpec(**group["features"]["softdropMass"])
    column = finish(np.array([np.nan, 80.0, np.inf]), spec)
    options = disco.Options(column="mass", rows=("qcd",), signal=("hbb",), background={"qcd": 1.0})
    seen = Seen(np.ones(3, np.int32), np.ones(3, np.float32), {"mass": column}, ("hbb", "qcd"))
    values, weight = map(np.asarray, background(seen, options))
    np.testing.assert_array_equal(values, [0, 80, 0])
    np.testing.assert_array_equal(weight, [0, 1, 0])


def test_adversary_is_told_by_what_it_knows() -> None:
    """Entropy of the bins less the cross-entropy on background, or 0; the gradient is that of the latter."""
    import tensorflow as tf

    rng = np.random.default_rng(4)
    mass = rng.uniform(0, 100, 50)
    mass[:4] = np.nan, -50, 1e6, 50
    batch = seen(rng, mass)
    options = adversary.Options(column="mass", rows=("qcd", "top"), edges=(0, 30, 50, 100))
    bins = np.clip(np.searchsorted([0, 30, 50, 100], mass, side="right") - 1, 0, 2)
    counts = (batch.target > 0) & np.isfinite(mass)
    p = np.where(counts, batch.weight, 0).astype(float)
    p /= p.sum()
    knows = np.eye(3)[bins] * 4
    for logits in (rng.normal(0, 2, (50, 3)), knows):
        given = tf.Variable(logits.astype(np.float32))
        with tf.GradientTape() as tape:
            found = adversary.loss(given, batch, options)
        softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        cross = -sum(p[i] * np.log(softmax[i, bins[i]]) for i in range(50))
        share = np.bincount(bins, p, 3)
        assert float(found) == pytest.approx(max(-(share * np.log(share)).sum() - cross, 0), abs=1e-5)
        wanted = p[:, None] * (softmax - np.eye(3)[bins])
        np.testing.assert_allclose(tape.gradient(found, given).numpy(), wanted, atol=1e-6)


def test_the_gradient_is_reversed_and_the_value_kept() -> None:
    """Layers of an adversary learn; what comes before them unlearns."""
    import tensorflow as tf

    from jetsmith.models._layers import Reverse

    x = tf.Variable(np.random.default_rng(1).normal(0, 1e3, (7, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        found = Reverse()(x)
        of = tf.reduce_sum(found**2)
    np.testing.assert_array_equal(found.numpy(), x.numpy())
    np.testing.assert_allclose(tape.gradient(of, x).numpy(), -2 * x.numpy())


def test_trainings_leave_the_mass_alone(tmp_path: Path) -> None:
    """Each way takes most of the correlation on jets that no training saw, and no more than 0.07 of the area.

    With the factor 0 the result is that of the plain network, to the bit. Nothing of a way is saved.
    """
    import keras

    off = {
        "mass": LossSpec(loss="disco", weight=0, options=mass_peak.DISCO),
        "mass_too": LossSpec(loss="adversary", weight=0, options=mass_peak.ADVERSARY),
    }
    found = {
        name: mass_peak.trained(losses, tmp_path / name)
        for name, losses in (mass_peak.WAYS | {"off": off}).items()
    }
    np.testing.assert_array_equal(found["off"][0], found["plain"][0])
    numbers = {}
    for name, (score, target, mass) in found.items():
        network = keras.models.load_model(tmp_path / name / "model.keras", compile=False)
        assert set(network.output) == {"classes"}
        assert not [layer.name for layer in network.layers if "mass" in layer.name]
        one = np.ones(len(score))
        at = target == 1
        numbers[name] = (
            both(score[at], mass[at], one[at])[0],
            auc(score[~at], one[~at], score[at], one[at]),
        )
    for name in ("disco", "adversary"):
        assert numbers[name][0] < numbers["plain"][0] / 5, numbers
        assert numbers[name][1] > numbers["plain"][1] - 0.07, numbers
