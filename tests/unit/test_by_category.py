"""Protects networks by category: who reads what, what is chosen, priors of categories, and their bundles."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from jetsmith import bundle_inputs, bundling
from jetsmith.bundles import _jets
from jetsmith.classifiers import _keras as backend
from jetsmith.models import by_category
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.features import Inputs, RawSpec
from tests.unit import bundled
from tests.unit.bundled import write_bundle
from tests.unit.engines import moved
from tests.unit.packed_jets import GROUPS, make_spec, pack_jets, write_sample
from tests.unit.test_bundled_networks import keep

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

Array = np.ndarray[Any, Any]
FLAT = Inputs(group="ak4", kind="flat", length=0, features=("kind", "x", "mass"), sources=())
CATEGORIES = {"category": "kind", "values": {"Reco": 0, "Pseudo": 1, "None": 2}, "dense": [6]}
WITHOUT = {"without": {"None": ["mass"]}}


def network(**architecture: Any) -> Any:
    """A network whose weights are not at their start values; it gives logits, (n, 3)."""
    import keras

    keras.utils.set_random_seed(1)
    spec = make_spec(
        "keras", inputs=[FLAT], model="by_category", architecture=CATEGORIES | WITHOUT | architecture
    )
    model = backend.build_model(spec, {})
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(variable + rng.normal(0, 0.1, variable.shape))
    return model


def logits(model: Any, jets: Array) -> Array:
    return np.asarray(model({"ak4": jets.astype(np.float32)})["classes"])


def jets(kind: float, n: int = 20) -> Array:
    rng = np.random.default_rng(3)
    return np.column_stack([np.full(n, kind), rng.normal(0, 1, (n, 2))])


def test_each_category_has_a_network_of_its_own() -> None:
    """Jets that differ by it alone differ in what is said of them; other values are read as the last."""
    model = network()
    said = {kind: logits(model, jets(kind)) for kind in (0, 1, 2, 99)}
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(said[one] - said[other]).max(axis=1).min() > 1e-2
    np.testing.assert_array_equal(said[2], said[99])


def test_a_network_does_not_see_what_means_nothing_there() -> None:
    """`without` of one category, and of no other."""
    model = network()
    for kind, sees in ((0, True), (1, True), (2, False)):
        other = jets(kind)
        other[:, 2] += 1
        assert (np.abs(logits(model, other) - logits(model, jets(kind))).max() > 1e-3) == sees


def test_a_jet_teaches_its_own_network_alone() -> None:
    """Weights of the other two have no gradient."""
    import tensorflow as tf

    model = network()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model({"ak4": jets(1).astype(np.float32)})["classes"] ** 2)
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(total, model.trainable_variables), strict=True
    ):
        moved = np.abs(np.asarray(gradient)).max() > 0
        assert moved == ("Pseudo" in variable.path), variable.path


def test_priors_of_categories_are_learned_along() -> None:
    """Together = likelihood ratios of levelled classes within each category + ln of the categories' shares.

    Two Gaussians a category, of which a linear network says the likelihood ratio; 80% of the signal and 30%
    of the background have a vertex, and how far apart they are differs between the two categories.
    """
    import keras

    keras.utils.set_random_seed(1)
    rng, n = np.random.default_rng(5), 20_000
    target = rng.integers(0, 2, n)
    kind = (rng.random(n) > np.where(target == 0, 0.8, 0.3)).astype(float)
    x = rng.normal(0, 1, n) + np.where(target == 0, 1.0, 0.0) * np.where(kind == 0, 1.5, 0.5)
    weight = np.where(target == 0, 1 / (target == 0).mean(), 1 / (target == 1).mean())  # balance: class
    inputs = Inputs(group="ak4", kind="flat", length=0, features=("kind", "x"), sources=())
    options = {"category": "kind", "values": {"Reco": 0, "None": 1}, "dense": []}
    classes = make_spec("keras").classes[:2]
    spec = make_spec("keras", inputs=[inputs], model="by_category", architecture=options, classes=classes)
    model = backend.build_model(spec, {})
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.03), loss={"classes": loss})
    given = np.column_stack([kind, x]).astype(np.float32)
    told = {"sample_weight": weight, "batch_size": 1000, "epochs": 12, "verbose": 0}
    model.fit({"ak4": given}, {"classes": target}, **told)
    at = np.linspace(-1, 2, 7)
    for value in (0, 1):
        together = logits(model, np.column_stack([np.full(7, value), at]))
        here = kind == value
        levelled = LogisticRegression(C=1e6, class_weight="balanced")
        levelled.fit(x[here, None], target[here] == 0)
        shares = [(here & (target == k)).sum() / (target == k).sum() for k in (0, 1)]
        prior = np.log(shares[0] / shares[1])
        expected = levelled.decision_function(at[:, None]) + prior
        np.testing.assert_allclose(together[:, 0] - together[:, 1], expected, atol=0.12)
        assert abs(prior) > 0.9  # without it no agreement


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"category": "kinds"}, "category: needs one input `kinds`; did you mean `kind`?"),
        ({"values": {"Reco": 0, "None": 0}}, "values: one value is two categories: {Reco: 0, None: 0}"),
        (
            {"without": {"Recoo": ["mass"]}},
            "without.Recoo: no such category in `values`; did you mean `Reco`?",
        ),
        ({"without": {"None": ["mas"]}}, "without.None: no input `mas`; did you mean `mass`?"),
        ({"without": {"None": ["mass", "x"]}}, "without.None: leaves no input for the network"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], words: str) -> None:
    """At the dry run, one line each."""
    spec = make_spec("keras", inputs=[FLAT], model="by_category")
    (problem,) = by_category.Options.model_validate(CATEGORIES | changes).misfits(spec)
    assert problem.startswith(words)


def test_sequences_are_refused() -> None:
    """They have no place beside a flat category."""
    spec = make_spec("keras", inputs=[FLAT, GROUPS["charged"]], model="by_category")
    (problem,) = by_category.Options.model_validate(CATEGORIES).misfits(spec)
    assert "read flat inputs alone; leave charged out" in problem


def counted() -> ClassifierSpec:
    """A tagger of packed jets whose category is a count, `tracks`, and whose last network is most jets'."""
    inputs = Inputs(group="ak4", kind="flat", length=0, features=("sip", "mass", "tracks"), sources=())
    options = {
        "category": "tracks", "values": {"Four": 4, "Five": 5, "Others": 0}, "dense": [6],
        "without": {"Four": ["sip"]},
    }  # fmt: skip
    return make_spec("keras", inputs=[inputs], model="by_category", architecture=options)


def test_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same probabilities as the trained model's, in each category."""
    monkeypatch.setitem(bundled.FEATURES["ak4"], "tracks", RawSpec(source="n_cpf"))
    spec = counted()
    keep(tmp_path / "model", moved(spec), spec)
    packed = write_sample(tmp_path / "packed", 200)
    found = write_bundle(spec, tmp_path / "model", packed, tmp_path / "bundle")
    assert found.check() < 1e-6
    rows = Rows.select(spec.inputs, [pack_jets(100, 5)])
    given = _jets.made_up(_jets.raw(rows, slice(0, 100), found.groups), found.groups, 200, 9)
    for count in (4, 5, 6):
        given["ak4"].values[:, 2] = count
        expected = bundling.predicted(spec, tmp_path / "model", given, found.groups, 1)
        assert expected.std(axis=0).min() > 1e-3
        outputs = found.session.run(["probabilities"], bundle_inputs.padded(given, np.arange(200)))[0]
        assert np.abs(outputs - expected).max() < 1e-6
