"""Protects bundles of networks: every layer of our architectures, for any number of constituents.

In a module of its own, since the import of TensorFlow takes seconds.
"""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnxruntime
import pytest
import yaml

from jetsmith import bundle_inputs, bundling, io
from jetsmith.bundles import _activations, _jets, _keras
from jetsmith.bundles._graph import Graph
from jetsmith.bundles._inputs import prepare
from jetsmith.classifiers import _keras as backend
from jetsmith.errors import InputError
from jetsmith.models import dense
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import ClassifierSpec, LossSpec
from jetsmith.specs.features import Inputs
from tests.unit.bundled import ALL, as_lists, discriminants, groups_with_ranges, raw_jets, write_bundle
from tests.unit.engines import SMALL, moved
from tests.unit.packed_jets import make_spec, write_sample

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

Array = np.ndarray[Any, Any]
ZEROS = {"padding": "zeros", "recurrent_activation": "keras1_hard_sigmoid"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed sample."""
    return write_sample(tmp_path_factory.mktemp("packed"), 200)


def saved(folder: Path, model: str, **architecture: Any) -> ClassifierSpec:
    """A network with weights that are not at their start values, as stage train leaves it."""
    import keras

    keras.utils.set_random_seed(1)
    spec = make_spec("keras", ALL, model=model, architecture=SMALL[model] | architecture)
    keep(folder, moved(spec), spec)
    return spec


def keep(folder: Path, network: Any, spec: ClassifierSpec) -> None:
    """Write a network as stage train does."""
    folder.mkdir()
    backend.finished(network).save(folder / "model.keras")
    about = {
        "checksums": io.folder_checksums(folder), "rows": {}, "effective": {}, "seed": 1,
        "device": {"engine": "TensorFlow", "kind": "cpu"},
        "provenance": {"commit": "", "python": "", "versions": {}},
    }  # fmt: skip
    io.write_json(folder / "spec.json", spec.model_dump(mode="json"))
    io.write_json(folder / "meta.json", about)


def test_last_bits_of_weights_are_rounding(sample: Path, tmp_path: Path) -> None:
    """Large logits, and weights that are the floats beside: allowed where that explains it, and no more.

    A jet of few values, here of zeros, does not move with the last bits of its inputs as sums of layers do.
    """
    import keras

    keras.utils.set_random_seed(1)
    spec = make_spec("keras", ALL, model="dense", architecture=SMALL["dense"] | {"dense": [32, 32, 32]})
    network = moved(spec)
    last = [layer for layer in network.layers if layer.weights][-1]
    keep(tmp_path / "first", network, spec)
    groups = groups_with_ranges(spec)
    given = bundle_inputs.some(raw_jets(groups, 1), np.ones(1, bool))
    jets = {name: bundle_inputs.Values(np.zeros_like(of.values), of.offsets) for name, of in given.items()}
    (p,) = bundling.predicted(spec, tmp_path / "first", jets, groups, 1)
    kernel, bias = last.get_weights()
    last.set_weights([2 * kernel, 2 * (bias - np.log(p))])  # these jets may be of any class
    keep(tmp_path / "model", network, spec)
    write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    network.set_weights(
        [bundle_inputs.moved_by_a_bit(w, np.random.default_rng(2)) for w in network.get_weights()]
    )
    keep(tmp_path / "other", network, spec)
    rounded = bundling.predicted(spec, tmp_path / "other", jets, groups, 1)
    assert np.abs(rounded - 1 / 3).max() < 0.01
    judged = tmp_path / "bundle", spec, discriminants(spec), jets
    assert 1e-6 < bundling.compare(*judged, rounded).worst < 1e-5
    with pytest.raises(InputError, match=r"of 1 jets 1 get .* jet 0 "):
        bundling.compare(*judged, rounded + np.float32(2e-5))


@pytest.mark.parametrize(
    ("model", "architecture"),
    [
        ("dense", {"batch_norm": 0.9, "activation": "gelu"}),
        ("deepsets", {}),
        ("deepjet", {}),
        ("deepjet", ZEROS),
        ("transformer", {}),
        ("pcnn", {}),
        ("deep_double", {}),
        ("particlenet", {}),
        ("jet_image_cnn", {}),
    ],
)
def test_networks(model: str, architecture: dict[str, Any], sample: Path, tmp_path: Path) -> None:
    """The stage compares 1,100 jets, edges and missing values among them; here others, and longer padding."""
    spec = saved(tmp_path / "model", model, **architecture)
    found = write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    assert found.check() < 1e-6
    jets = _jets.made_up(raw_jets(found.groups, 100), found.groups, 200, 9)
    expected = bundling.predicted(spec, tmp_path / "model", jets, found.groups, 1)
    assert expected.std(axis=0).min() > 1e-3  # not the same for every jet
    feeds = bundle_inputs.padded(jets, np.arange(200))
    outputs = found.session.run(["probabilities"], feeds)[0]
    assert np.abs(outputs - expected).max() < 1e-6
    alone = found.session.run(["probabilities"], bundle_inputs.padded(jets, np.zeros(1, int)))[
        0
    ]  # no constituents
    np.testing.assert_allclose(alone[0], expected[0], atol=1e-6)
    for more in (1, 7):  # whoever pads further, and with whatever, gets the same
        padded = {k: _further(v, more) if v.ndim == 3 else v for k, v in feeds.items()}
        for group in found.groups[1:]:
            counts = feeds[f"{group.group}_count"]
            behind = np.arange(padded[group.group].shape[1]) >= counts[:, None]
            padded[group.group][behind] = 1e4
        again = found.session.run(["probabilities"], padded)[0]
        np.testing.assert_allclose(again, outputs, atol=3e-7)


@pytest.mark.parametrize("quantiles", [(), (0.25, 0.75)])
def test_estimates_leave_with_their_network(
    quantiles: tuple[float, ...], sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the names that scores have, and as the network gives them; a graph that gives others is refused."""
    options = {"column": "mass", "over": "sip", "quantiles": list(quantiles)}
    losses = {"classes": LossSpec(), "heavy": LossSpec(loss="regression", options=options)}
    side = [Inputs(group="ak4", kind="flat", length=0, features=("mass", "sip"), sources=("jet_mass_gev",))]
    spec = make_spec("keras", ALL, model="deepsets", architecture=SMALL["deepsets"], losses=losses, side=side)
    keep(tmp_path / "model", moved(spec), spec)
    found = write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    assert found.check() < 1e-6
    jets = _jets.made_up(raw_jets(found.groups, 100), found.groups, 200, 9)
    expected = bundling.predicted_estimates(spec, tmp_path / "model", jets, found.groups, 1)
    assert expected.shape == (200, 2 if quantiles else 1)
    assert expected.std(axis=0).min() > 1e-3
    names = ["estimate_heavy", "estimate_heavy_resolution"][: expected.shape[1]]
    assert list(found.estimates) == names
    scores = found(as_lists(raw_jets(found.groups, 100), found.groups))
    assert set(names) <= set(scores)
    np.testing.assert_allclose(found.outputs(jets)["estimates"], expected, rtol=1e-5, atol=1e-5)
    card = (tmp_path / "bundle/README.md").read_text()
    assert "It also estimates mass / sip (`estimate_heavy`)" in card
    settings = yaml.safe_load(card.partition("```yaml\n")[2].partition("```")[0])
    assert settings["side"] == {"ak4": ["mass", "sip"]}
    assert settings["losses"]["heavy"]["options"] == options
    right = bundling.estimate_columns

    def larger(graph: Graph, each: Any, width: int) -> list[str]:
        return [graph.affine(name, np.float32(1.001), None) for name in right(graph, each, width)]

    monkeypatch.setattr(bundling, "estimate_columns", larger)
    with pytest.raises(InputError, match=r"estimates that differ .*\(estimate_heavy(_resolution)?\)"):
        write_bundle(spec, tmp_path / "model", sample, tmp_path / "other")


def _further(values: Array, more: int) -> Array:
    return np.pad(values, [(0, 0), (0, more), (0, 0)])


def test_activations() -> None:
    """Every choice of `activation`, as Keras computes it."""
    import keras

    x = np.linspace(-6, 6, 101, dtype=np.float32)[:, None]
    for name in get_args(dense.Options.model_fields["activation"].annotation):
        graph = Graph()
        tensor = graph.input("x", ["N", 1])
        graph.output("y", _activations.ACTIVATIONS[name](graph, tensor), ["N", 1])
        model = graph.finished("activation", {}).SerializeToString()
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        expected = np.asarray(keras.activations.get(name)(x))
        np.testing.assert_allclose(session.run(None, {"x": x})[0], expected, atol=1e-6, err_msg=name)


def test_a_layer_that_nobody_wrote_down_is_named() -> None:
    """With what there is; nothing is left out in silence."""
    import keras

    inputs = keras.Input((3,), name="ak4")
    x = keras.layers.GroupNormalization(1, name="between")(inputs)
    graph = Graph()
    groups = {g.group: prepare(graph, g) for g in groups_with_ranges(make_spec("keras"))}
    with pytest.raises(
        InputError, match=r"layer `between` is a GroupNormalization, .* There are: InputLayer"
    ):
        _keras.Walk(graph, groups).plain(x)
    odd = keras.layers.Dense(2, activation="log_softmax", name="odd")(inputs)
    with pytest.raises(InputError, match=r"layer `odd` has the activation `log_softmax`"):
        _keras.Walk(graph, groups).plain(odd)
    steps = keras.layers.LSTM(2, return_sequences=True, name="steps")(keras.Input((None, 3), name="ak4"))
    with pytest.raises(InputError, match=r"layer `steps` is an LSTM with other options"):
        _keras.Walk(graph, groups).plain(steps)


def test_padded_slots_are_zero_for_layers_that_read_them() -> None:
    """Behind `Slots` a normalisation shifts padded slots, too: a sum counts the shift, as in Keras."""
    import keras

    from jetsmith.models import _layers

    spec = make_spec("keras", ("charged",))
    tensors = _layers.input_layers(spec.inputs)
    x, mask = _layers.standardised(spec.inputs, tensors)["charged"], tensors["charged_mask"]
    x = _layers.Slots(name="slots")([x, mask])
    x = keras.layers.BatchNormalization(name="norm")(x)
    network = keras.Model(tensors, keras.ops.sum(keras.layers.Dropout(0.5)(x), axis=1))
    rng = np.random.default_rng(1)
    network.get_layer("norm").set_weights([rng.uniform(0.5, 2, 2) for _ in range(4)])
    groups = groups_with_ranges(spec)
    graph = Graph()
    prepared = {group.group: prepare(graph, group) for group in groups}
    graph.output("sum", _keras.Walk(graph, prepared).plain(network.output), ["N", 2])
    session = onnxruntime.InferenceSession(graph.finished("x", {}).SerializeToString())
    jets = raw_jets(groups, 30)
    batch = Rows.select(spec.inputs, [_jets.packed(jets, groups)]).batch(slice(0, 30))
    (found,) = session.run(None, bundle_inputs.padded(jets, np.arange(30)))
    np.testing.assert_allclose(found, np.asarray(network(batch)), rtol=1e-5, atol=1e-5)
