"""Protects what leaves: a bundle gives the trained model's probabilities, or it is not written.

Networks are in test_bundled_networks.py.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import bundling, io, plugs
from jetsmith.bundle import Bundle
from jetsmith.bundle_inputs import Feature, Group
from jetsmith.bundles import _card, _jets, xgboost
from jetsmith.bundles._files import write_checksums
from jetsmith.bundles._graph import Graph
from jetsmith.bundles._inputs import prepare
from jetsmith.choosing import choose
from jetsmith.errors import InputError
from jetsmith.features.compute import finish
from jetsmith.features.undoing import UNDO
from jetsmith.packed.arrays import FlatGroup, Packed
from jetsmith.packed.rows import Rows
from jetsmith.provenance import config_digest
from jetsmith.specs.classifiers import ClassifierSpec, TrainingSpec
from jetsmith.specs.features import ColumnSpec, Inputs
from jetsmith.training import train
from tests.unit.bundled import FEATURES, discriminants, write_bundle
from tests.unit.packed_jets import make_spec, write_sample

Array = np.ndarray[Any, Any]
TREES = ("xgboost", "sklearn")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed sample."""
    return write_sample(tmp_path_factory.mktemp("packed"), 600)


def trained(backend: str, n_classes: int, sample: Path, folder: Path) -> ClassifierSpec:
    """Trees of 30 rounds."""
    spec = make_spec(backend, training=TrainingSpec(epochs=30, patience=30, learning_rate=0.3))
    spec = spec.model_copy(update={"classes": spec.classes[:n_classes]})
    train(spec, sample, folder, seed=5)
    return spec


def test_inputs_say_what_they_are() -> None:
    """Whoever has the folder alone reads what each column holds; scores of other taggers have no text."""
    group = Group("ak4", "flat", 0, "", (
        Feature("width", "cpf_width", None, "", "none", None, 0.0, (0.0, 1.0), "mean distance to the axis"),
        Feature("score", "csvv2.p_b_jets", None, "", "none", None, None, (0.0, 1.0)),
    ))  # fmt: skip
    card = _card.inputs(group)
    assert "| width | `cpf_width`: mean distance to the axis |" in card
    assert "| score | `csvv2.p_b_jets` |" in card


def test_figures_say_what_a_point_is_not() -> None:
    """Whoever has the folder alone reads which thresholds few jets fix or pass together."""
    found = {"value": 0.8, "low": 0.79, "high": 0.81}
    points = {
        name: {"threshold": 0.5, "doubt": doubt, "efficiencies": {"b_jets": found}}
        for name, doubt in (("L", ""), ("M", "few, ties"))
    }
    numbers = {"discriminant": "BvsAll", "level": 0.683, "undefined": {"T": "too few jets"}}
    card = _card.figures(numbers | {"working_points": points})
    assert "| L | 0.5 |" in card
    assert "| M (few, ties) | 0.5 |" in card
    assert card.endswith("T: too few jets.")
    card = _card.figures(numbers | {"working_points": {}})
    assert "none, for lack of jets or of a threshold.\n\nT: too few jets." in card


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("backend", TREES)
def test_trees(backend: str, n_classes: int, sample: Path, tmp_path: Path) -> None:
    """Two classes and more; also at thresholds themselves, where one comparison decides."""
    spec = trained(backend, n_classes, sample, tmp_path / "model")
    two = {"discriminant": spec.discriminant.model_copy(update={"background": {"c_jets": 1.0}})}
    spec = spec if n_classes > 2 else spec.model_copy(update=two)
    bundle = write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    assert bundle.check() < 1e-6
    assert (tmp_path / "bundle" / xgboost.BESIDE).exists() == (backend == "xgboost")
    made_up = _jets.made_up(_jets_of(bundle), bundle.groups, 4000, 3)
    made_up["ak4"].values[:, 0] = _thresholds(tmp_path / "bundle" / "model.onnx", 4000)
    expected = bundling.predicted(spec, tmp_path / "model", made_up, bundle.groups, 1)
    assert expected.std(axis=0).min() > 0.05  # not the same for every jet
    assert np.abs(bundle.score(made_up)[0] - expected).max() < 1e-6


def _jets_of(bundle: Bundle) -> Any:
    from jetsmith.bundle import REFERENCE, reference

    return reference(bundle.folder / REFERENCE, bundle.groups, ())[0]


def _thresholds(path: Path, n: int) -> Array:
    """Numbers that nodes compare the first input with, in turn."""
    (node,) = [node for node in onnx.load(path).graph.node if node.op_type == "TreeEnsembleRegressor"]
    given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    values = given.get("nodes_values")
    if values is None:
        values = onnx.numpy_helper.to_array(given["nodes_values_as_tensor"])
    asked = (np.array(given["nodes_featureids"]) == 0) & (np.array(given["nodes_modes"]) != b"LEAF")
    return np.resize(np.array(values, np.float32)[asked], n)


def test_a_bundle_that_differs_is_not_written(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer with one number wrong: the message says by how much, and nothing is left behind."""
    spec = trained("xgboost", 3, sample, tmp_path / "model")
    monkeypatch.setattr(Graph, "node", _other_softmax)
    with pytest.raises(
        InputError, match=r"no bundle is written: of 1,300 jets [\d,]+ get probabilities that"
    ):
        write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    assert not list(tmp_path.glob("*bundle*"))


_node = Graph.node


def _other_softmax(graph: Graph, kind: str, *inputs: str, **more: Any) -> str:
    """As a writer that forgot something would have it: margins a millionth too large."""
    if kind == "Softmax":
        inputs = (_node(graph, "Mul", inputs[0], graph.constant(1 + 1e-4)),)
    return _node(graph, kind, *inputs, **more)


def test_a_changed_weight_is_refused(sample: Path, tmp_path: Path) -> None:
    """By its checksum; where somebody mended that, by the reference jets and by the stage's comparison."""
    spec = trained("xgboost", 3, sample, tmp_path / "model")
    folder = tmp_path / "bundle"
    bundle = write_bundle(spec, tmp_path / "model", sample, folder)
    jets = _jets_of(bundle)
    expected = bundling.predicted(spec, tmp_path / "model", jets, bundle.groups, 1)
    assert bundling.compare(folder, spec, discriminants(spec), jets, expected).worst < 1e-6
    model = onnx.load(folder / "model.onnx")
    (trees,) = [node for node in model.graph.node if node.op_type == "TreeEnsembleRegressor"]
    next(a for a in trees.attribute if a.name == "target_weights").floats[0] += 0.01
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(InputError, match=r"model\.onnx: is damaged or was changed"):
        Bundle(folder)
    write_checksums(folder)
    with pytest.raises(InputError, match="reference jets get scores that are off by"):
        Bundle(folder).check()
    with pytest.raises(InputError, match="no bundle is written: of 300 jets"):
        bundling.compare(folder, spec, discriminants(spec), jets, expected)


def test_nan_is_no_agreement(sample: Path, tmp_path: Path) -> None:
    """A comparison with NaN is False, whichever way it is written."""
    spec = trained("xgboost", 3, sample, tmp_path / "model")
    bundle = write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    jets = _jets_of(bundle)
    expected = bundle.score(jets)[0]
    expected[7] = np.nan
    with pytest.raises(InputError, match=r"of 300 jets 1 get .* jet 7 "):
        bundling.compare(tmp_path / "bundle", spec, discriminants(spec), jets, expected)


def test_a_jet_that_differs_condemns_no_other(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those for which floats beside their inputs give no number, as behind the end of a logarithm."""
    spec = trained("xgboost", 3, sample, tmp_path / "model")
    jets = _jets_of(write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle"))
    expected = Bundle(tmp_path / "bundle").score(jets)[0]
    expected[20] += [1e-4, 0, 0]

    class Behind(Bundle):
        def score(self, given: Any) -> Any:
            found, judged = super().score(given)
            if given is not jets:
                found[:9] = np.nan
            return found, judged

    monkeypatch.setattr(bundling, "Bundle", Behind)
    with pytest.raises(InputError, match=r"of 300 jets 1 get .* jet 20 "):
        bundling.compare(tmp_path / "bundle", spec, discriminants(spec), jets, expected)


def test_other_discriminants_are_refused(sample: Path, tmp_path: Path) -> None:
    """Fractions that are not those of the tagger's file."""
    spec = trained("xgboost", 3, sample, tmp_path / "model")
    bundle = write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    jets = _jets_of(bundle)
    expected = bundle.score(jets)[0]
    other = [d.model_copy(update={"signal": ("light_jets",)}) for d in discriminants(spec)]
    with pytest.raises(InputError, match="discriminants are not those of its probabilities"):
        bundling.compare(tmp_path / "bundle", spec, other, jets, expected)


def test_what_is_in_a_bundle(sample: Path, tmp_path: Path) -> None:
    """The files that DESIGN promises; `sha256sum -c` agrees; the page names inputs, seed and classes."""
    spec = trained("xgboost", 3, sample, tmp_path / "model")
    write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    names = {path.name for path in (tmp_path / "bundle").iterdir()}
    assert names == {"model.onnx", "inputs.json", "reference.npz", "README.md", "SHA256SUMS", xgboost.BESIDE}
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path / "bundle", check=True)
    model = onnx.load(tmp_path / "bundle/model.onnx")
    assert {o.domain: o.version for o in model.opset_import} == {"": 17, "ai.onnx.ml": 3}
    about = io.read_json(tmp_path / "bundle/inputs.json")
    (group,) = about["groups"]
    assert [f["name"] for f in group["features"]] == list(spec.inputs[0].features)
    mass = next(f for f in group["features"] if f["name"] == "mass")
    assert (mass["unit"], mass["clip"], mass["range"][1]) == ("GeV", [0.0, 3.0], None)  # cut in training
    page = (tmp_path / "bundle/README.md").read_text()
    for word in ("b_jets", "jet_pt_gev", "Seed 5", "must not be used", "XGBoost", "600 jets"):
        assert word.lower() in page.lower(), word
    with np.load(tmp_path / "bundle/reference.npz", allow_pickle=False) as file:
        assert file["probabilities"].shape == (300, 3)


def test_the_card_of_a_scan_has_the_settings_of_the_chosen_point(sample: Path, tmp_path: Path) -> None:
    """Those that the model was trained with, whatever its file says."""
    base = TrainingSpec(epochs=30, patience=5, learning_rate=1.0e-4)
    spec = make_spec("xgboost", training=base, architecture={"max_depth": 1})
    points, folders = {}, []
    for depth, rate in ((1, 1.0e-4), (3, 0.25)):
        settings = {"architecture.max_depth": depth, "training.learning_rate": rate}
        point = config_digest(settings)
        points[point] = settings
        folders.append(tmp_path / point)
        at = {
            "training": base.model_copy(update={"learning_rate": rate}),
            "architecture": {"max_depth": depth},
        }
        train(make_spec("xgboost", **at), sample, folders[-1], seed=1)
    found = choose(spec.name, "grid", points, [2], folders, tmp_path / "model", tmp_path / "table.json")
    assert points[found.chosen]["training.learning_rate"] == 0.25
    write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    card = (tmp_path / "bundle/README.md").read_text()
    shown = yaml.safe_load(card.partition("```yaml")[2].partition("```")[0])
    assert (shown["architecture"], shown["training"]["learning_rate"]) == ({"max_depth": 3}, 0.25)


def test_the_same_bundle_twice(sample: Path, tmp_path: Path) -> None:
    """To the byte: `python -m jetsmith verify` compares it so."""
    spec = trained("xgboost", 3, sample, tmp_path / "model")
    for name in ("one", "two"):
        write_bundle(spec, tmp_path / "model", sample, tmp_path / name)
    assert (tmp_path / "one/SHA256SUMS").read_text() == (tmp_path / "two/SHA256SUMS").read_text()


NUMBERS = st.floats(width=32, allow_nan=True, allow_infinity=True)
BOUNDS = st.tuples(st.integers(-800, -1), st.integers(1, 800)).map(lambda ends: (ends[0] / 8, ends[1] / 8))
SPECS = st.builds(
    ColumnSpec,
    source=st.just("x"),
    transform=st.sampled_from(sorted(UNDO)),
    clip=st.none() | BOUNDS,
    default=st.none() | st.integers(-800, 800).map(lambda n: n / 8),
)


@given(st.lists(st.tuples(SPECS, NUMBERS), min_size=1, max_size=5))
def test_inputs_are_prepared_as_in_the_workflow(columns: list[tuple[ColumnSpec, float]]) -> None:
    """Transform, clip and default of the graph are those of stage features, for any float32 there is."""
    features = tuple(
        Feature(name=f"f{i}", unit="", range=(0.0, 1.0), **spec.model_dump())
        for i, (spec, _) in enumerate(columns)
    )
    graph = Graph()
    prepared = prepare(graph, Group("g", "flat", 0, "", features))
    graph.output("found", prepared.values, ["N", len(columns)])
    model = graph.finished("inputs", {}).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    x = np.array([[value for _, value in columns]], np.float32)
    with np.errstate(all="ignore"):
        (found,) = session.run(None, {"g": x})
        expected = [finish(x[:, i], spec) for i, (spec, _) in enumerate(columns)]
    np.testing.assert_allclose(found[0], np.concatenate(expected), rtol=3e-7, atol=1e-15)


def test_every_transform_can_be_undone_and_bundled() -> None:
    """A new transform needs its nodes and its inverse: without them no bundle of its features is right."""
    from jetsmith.features import transforms

    names = {
        name
        for name, what in vars(transforms).items()
        if getattr(what, "__module__", "") == transforms.__name__
    }
    assert {"none", *names} == set(UNDO)
    values = np.array([0.5, 2.0, 30.0], np.float32)
    for name in UNDO:
        spec = ColumnSpec(source="x", transform=name)
        np.testing.assert_allclose(finish(_jets.undone(values, spec), spec), values, rtol=1e-5)


def test_ranges() -> None:
    """In the units of the source; None where larger numbers may have been cut, or nothing was seen."""
    values = [np.array([0.0, 1.0, np.nan], np.float32), np.array([2.0], np.float32)]
    plain, log = ColumnSpec(source="x"), ColumnSpec(source="x", transform="log", clip=(0, 5))
    assert _jets.range_of(values, plain) == (0.0, 2.0)
    assert _jets.range_of(values, log) == (None, pytest.approx(np.exp(2)))
    assert _jets.range_of(values, ColumnSpec(source="x", transform="abs")) == (-2.0, 2.0)
    assert _jets.range_of([], plain) == (None, None)


def test_a_range_is_of_values_and_not_of_defaults() -> None:
    """What stands for a missing value is none that was seen, unless it may be one, as a count of 0."""
    rng = np.random.default_rng(1)
    some = np.concatenate([rng.uniform(0.5, 20, 900), [0.5, 20]]).astype(np.float32)

    def found(default: float, values: Array = some, **more: Any) -> tuple[float | None, float | None]:
        packed = np.concatenate([values, np.full(100, default, np.float32)])
        return _jets.range_of([packed[:50], packed[50:]], ColumnSpec(source="x", default=default, **more))

    assert found(-999.0) == (0.5, 20)
    assert found(1e6) == (0.5, 20)
    assert found(0.0) == (0, 20)  # no jet, or one of 0: both are plausible
    assert found(5.0) == (0.5, 20)
    assert found(-1.0, clip=(0, 50)) == (0.5, 20)  # no value is packed so
    assert found(-1.0, transform="abs") == (-20, 20)
    assert found(50.0, np.log(some), transform="log") == pytest.approx((0.5, 20))
    assert found(-1.0) == (0.5, 20)  # near the others, and below all of them
    with np.errstate(all="raise"):
        assert found(999.0, np.log(some), transform="log") == pytest.approx((0.5, 20))
    assert found(0.0, some[:0]) == (None, None)  # of defaults alone nothing is known
    assert found(-1.0, some[:0], clip=(0, 50)) == (None, None)


def test_packed_jets_are_given_as_they_were_made() -> None:
    """Back through the features they are what they were, also a default that no clip lets through."""
    values = np.array([[-12.0, -9.0, 0.5], [-0.7, 2.0, 0.0], [-2.0, -9.0, 30.0]], np.float32)
    features = (
        Feature("log", "x", None, "", "log", None, -12.0, (0.0, 1.0)),
        Feature("outside", "x", None, "", "none", (-5.0, 5.0), -9.0, (0.0, 1.0)),
        Feature("needed", "x", None, "", "log1p", None, None, (0.0, 1.0)),
    )
    group = Group("ak4", "flat", 0, "", features)
    names = tuple(feature.name for feature in features)
    inputs = [Inputs(group="ak4", kind="flat", length=0, features=names, sources=("x",))]
    sample = Packed({"ak4": FlatGroup(values, names)}, np.zeros(3, np.int32), np.ones(3), {}, ("a",), ("",))
    given = _jets.raw(Rows.select(inputs, [sample]), slice(0, 3), [group])
    assert np.isnan(given["ak4"].values[:, 1]).tolist() == [True, False, True]
    assert np.isfinite(given["ak4"].values[:, 2]).all()
    again = _jets.packed(given, [group]).groups["ak4"].values
    np.testing.assert_allclose(again, values, rtol=1e-6, atol=1e-7)


def test_made_up_jets_have_the_edges(sample: Path) -> None:
    """None, one, the longest and longer, and missing values where there is a default."""
    from tests.unit.bundled import groups_with_ranges, raw_jets

    groups = groups_with_ranges(make_spec("keras", ("ak4", "charged", "vertices")))
    found = _jets.made_up(raw_jets(groups, 100), groups, 500, 1)
    for group in groups[1:]:
        counts = np.diff(found[group.group].offsets)
        assert {0, 1, group.length, group.length + _jets.LONGER} <= set(counts[:4])
    needed = [f.default is None for f in groups[2].features]
    missing = ~np.isfinite(found["vertices"].values)
    assert (missing.any(axis=0) != needed).all()


def test_backends_with_a_writer() -> None:
    """All that train taggers, and no others: `stored` is already what somebody else has."""
    from jetsmith.classifiers import find_backend

    backends = {name: find_backend(name) for name in plugs.names("classifiers")}
    trained = [name for name, backend in backends.items() if backend.TRAINS and backend.TAGS]
    assert plugs.names("bundles") == trained


def test_features_of_tests_are_those_of_the_sample() -> None:
    """What tests hand over is what packed jets have."""
    from tests.unit.packed_jets import GROUPS

    assert {name: set(given) for name, given in FEATURES.items()} == {
        name: set(inputs.features) for name, inputs in GROUPS.items()
    }


def test_the_writer_needs_no_network_library(tmp_path: Path) -> None:
    """Trees are bundled where no TensorFlow is installed."""
    code = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "import jetsmith.bundling, jetsmith.bundles.xgboost, jetsmith.bundles.sklearn, jetsmith.bundles.keras"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=os.environ)
