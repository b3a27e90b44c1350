"""The architecture `deepjet` with the weights of CMS' public networks gives onnxruntime's outputs.

The weights are the initialisers of the ONNX files; the way from each input to the softmax says which
layer they belong to.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import io
from jetsmith.configuration.records import read_yaml, validate
from jetsmith.derivations import of
from jetsmith.features.compute import compute_features
from jetsmith.models import Output
from jetsmith.specs.features import FeatureGroup, Inputs
from tests.golden.test_tagger_inputs import CONFIG, canonical
from tests.requirements import require

with suppress(ImportError):
    import onnx
    import onnxruntime

pytestmark = [
    pytest.mark.golden,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

Array = np.ndarray[Any, Any]
Layers = list[tuple[str, list[Array]]]
GROUPS = {"ak4": (0, 15), "charged": (25, 16), "neutral": (25, 6), "vertices": (4, 12)}  # length, features
SEQUENCES = [name for name, (length, _) in GROUPS.items() if length]
TENSORS = dict(zip(GROUPS, ("input_1", "input_2", "input_3", "input_4"), strict=True))
PT = "input_5"  # of the head that corrects the pt; the classes do not depend on it
EPSILON = 1e-3  # of Keras' batch normalisation
TENX, RUN3 = "DeepFlavourV03_10X_training.model.onnx", "DeepJet_Run3_122X.onnx"
KEYS = {
    TENX: {"recurrent_activation": "keras1_hard_sigmoid", "padding": "zeros"},
    RUN3: {"recurrent_activation": "sigmoid", "padding": "zeros"},
}
# Numbers that CMS counts, and those of them that are not ours: second biases of the LSTMs, which add
# up to one, and in 10X the head of the pt.
SIZES = {TENX: (269_278, 1_000 + 20), RUN3: (269_258, 1_000)}
N_JETS = 200


class Public:
    """A public network: its graph and its numbers."""

    def __init__(self, path: Path) -> None:
        self.path, self.graph = path, onnx.load(path).graph
        self.numbers = {t.name: onnx.numpy_helper.to_array(t) for t in self.graph.initializer}

    def size(self) -> int:
        """Numbers in the file; whole ones are shapes."""
        return sum(a.size for a in self.numbers.values() if a.dtype == np.float32)

    def way(self, tensor: str) -> list[Any] | None:
        """The nodes from a tensor to the softmax, or None where there is no way."""
        for node in self.graph.node:
            if tensor in (node.input if node.op_type == "Concat" else node.input[:1]):
                if node.op_type == "Softmax":
                    return [node]
                for output in node.output:
                    if (rest := self.way(output)) is not None:
                        return [node, *rest]
        return None

    def layers(self, tensor: str) -> Iterator[tuple[str, list[Array]]]:
        """Kind and Keras' weights of each layer on the way from a tensor to the softmax."""
        nodes = self.way(tensor) or []
        for node, behind in zip(nodes, [*nodes[1:], None], strict=True):
            given = [self.numbers[name] for name in node.input if name in self.numbers]
            if node.op_type == "BatchNormalization":
                scale, shift, mean, variance = given
                epsilon = next(a.f for a in node.attribute if a.name == "epsilon")
                scale = scale * np.sqrt((variance + EPSILON) / (variance + epsilon))
                yield "norm", [scale, shift, mean, variance]
            elif node.op_type == "Conv":
                yield "dense", [given[0][:, :, 0].T, given[1]]
            elif node.op_type == "Gemm":
                yield "dense", [given[0].T, given[1]]
            elif node.op_type == "MatMul":
                yield "dense", [*given, *(self.numbers[n] for n in behind.input if n in self.numbers)]
            elif node.op_type == "LSTM":
                kernel, recurrent, bias = (keras_gates(array[0]) for array in given)
                yield "lstm", [kernel.T, recurrent.T, bias]
            elif node.op_type == "Concat":
                yield "concat", []

    def outputs(self, batch: dict[str, Array]) -> Array:
        """Its probabilities, by onnxruntime, of sequences padded with zeros."""
        session = onnxruntime.InferenceSession(str(self.path), providers=["CPUExecutionProvider"])
        given = {tensor: batch[group] for group, tensor in TENSORS.items()}
        return session.run(["ID_pred/Softmax:0"], given | {PT: batch["ak4"][:, :1]})[0]


def keras_gates(array: Array) -> Array:
    """ONNX has rows input, output, forget, cell and two biases; Keras input, forget, cell, output and one."""
    if array.ndim == 1:
        array = array.reshape(2, -1).sum(axis=0)
    first, output, forget, cell = np.split(array, 4)
    return np.concatenate([first, forget, cell, output])


def build(public: Public, **architecture: Any) -> Any:
    """Our network at its default sizes, with the public weights; its standardisation is the identity."""
    from jetsmith.classifiers._keras import finished
    from jetsmith.models import deepjet

    inputs = [
        Inputs(
            group=name,
            kind="sequence" if length else "flat",
            length=length,
            features=tuple(f"x{i}" for i in range(width)),
            sources=("x",),
        )
        for name, (length, width) in GROUPS.items()
    ]
    model = deepjet.build(inputs, {"classes": Output("classes", 6)}, deepjet.Options(**architecture))
    for group, tensor in TENSORS.items():
        found = list(public.layers(tensor))
        joined = [kind for kind, _ in found].index("concat")
        set_weights(model, f"{group}_", found[:joined])
        set_weights(model, ("dense_", "classes"), found[joined + 1 :])
    return finished(model)


def set_weights(model: Any, prefix: str | tuple[str, ...], found: Layers) -> None:
    """Set the layers with weights whose names start so, in their order."""
    layers = [layer for layer in model.layers if layer.name.startswith(prefix) and layer.weights]
    for layer, (_, weights) in zip(layers, found, strict=True):
        layer.set_weights(weights)


def n_numbers(model: Any) -> int:
    """Weights of the network without its standardisation."""
    layers = [layer for layer in model.layers if not layer.name.startswith("standardise_")]
    return sum(int(np.prod(w.shape)) for layer in layers for w in layer.weights)


def jets(public: Public) -> tuple[dict[str, Array], dict[str, Array]]:
    """Random jets as the network's first normalisation expects them, zeros behind; and their lengths.

    Each length from 0 to the full one occurs in each sequence, first of all in all three at once.
    """
    rng = np.random.default_rng(11)
    batch, lengths = {}, {}
    for group, (length, width) in GROUPS.items():
        _, (_, _, mean, variance) = next(public.layers(TENSORS[group]))
        shape = (N_JETS, length, width) if length else (N_JETS, width)
        batch[group] = (mean + np.sqrt(variance) * rng.normal(0, 1, shape)).astype(np.float32)
        if length:
            lengths[group] = rng.integers(0, length + 1, N_JETS)
            lengths[group][:30] = np.minimum(np.arange(30), length)
            batch[group][np.arange(length) >= lengths[group][:, None]] = 0
    return batch, lengths


def ours(model: Any, batch: dict[str, Array], lengths: dict[str, Array], n_rows: int = 50) -> Array:
    """Probabilities by our network, with masks and each batch cut to its longest jet, as it is scored."""
    outputs = []
    order = np.argsort(lengths["charged"], kind="stable")
    for rows in np.array_split(order, N_JETS // n_rows):
        given = {"ak4": batch["ak4"][rows]}
        for group in SEQUENCES:
            counts = lengths[group][rows]
            longest = max(1, counts.max())
            given[f"{group}_mask"] = np.arange(longest) < counts[:, None]
            # What is behind a jet's own candidates is never read.
            given[group] = np.where(given[f"{group}_mask"][..., None], batch[group][rows, :longest], 7)
        outputs.append(np.asarray(model(given, training=False)["classes"]))
    found = np.empty((N_JETS, 6))
    found[order] = np.concatenate(outputs)
    return found


@pytest.fixture(params=[TENX, RUN3])
def public(request: pytest.FixtureRequest, shared_data: Path) -> Public:
    """A public network of CMS."""
    if "onnx" not in globals() or "onnxruntime" not in globals():
        require("onnx and onnxruntime are not installed: make setup")
    return Public(shared_data / "reference-models" / request.param)


def test_public_weights_give_the_public_outputs(public: Public, tmp_path: Path) -> None:
    """All six classes of 200 jets of all lengths, by the network and by the file it is saved to."""
    import keras

    batch, lengths = jets(public)
    assert all(set(lengths[group]) == set(range(GROUPS[group][0] + 1)) for group in SEQUENCES)
    expected = public.outputs(batch)
    model = build(public, **KEYS[public.path.name])
    worst = np.abs(ours(model, batch, lengths) - expected).max()
    print(f"{public.path.name}: worst difference {worst:.1e}")
    assert expected.std(axis=0).min() > 1e-3  # not the same for every jet
    assert worst < 1e-5
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    assert np.abs(ours(again, batch, lengths) - expected).max() < 1e-5


def test_all_public_numbers_are_used(public: Public) -> None:
    """Their count is CMS' own, less what the file has for other purposes."""
    counted, not_ours = SIZES[public.path.name]
    assert public.size() == counted
    assert n_numbers(build(public, **KEYS[public.path.name])) == counted - not_ours


def test_each_key_matters(public: Public) -> None:
    """Another gate, or masks: the outputs are wrong by far."""
    batch, lengths = jets(public)
    expected, keys = public.outputs(batch), KEYS[public.path.name]
    for change in ({"padding": "masked"}, {"recurrent_activation": other_gate(keys)}):
        off = np.abs(ours(build(public, **keys | change), batch, lengths) - expected).max()
        print(f"{public.path.name}: with {change} off by {off:.2f}")
        assert off > 0.01, change


def other_gate(keys: dict[str, str]) -> str:
    return "sigmoid" if keys["recurrent_activation"] != "sigmoid" else "keras1_hard_sigmoid"


PRESETS = {"ak4": "deepjet_global", "charged": "deepjet", "neutral": "deepjet", "vertices": "deepjet"}
# CMSSW subtracts these, so that 0 is what is far away or not there (RecoBTag/FeatureTools, its converters).
LESS = {
    "charged": {"ptrel": 1.0, "drminsv": 0.4},
    "neutral": {"ptrel": 1.0, "deltaR": 0.6, "drminsv": 0.4},
    "vertices": {"deltaR": 0.5},
}
BOUNDS = {
    **{"trackPtRel": (-1, 4), "trackEtaRel": (-5, 15), "trackJetDistVal": (-20, 1)},
    **{f"trackSip{kind}{what}": (-1, 1e5) for kind in ("2d", "3d") for what in ("Val", "Sig")},
}
MIN_PT_GEV = 0.95


def public_scores(path: Path, rows: Any, folder: Path, bounds: dict[str, tuple[float, float]]) -> Array:
    """P(b) + P(bb) + P(lepb) of our presets, but for the hadronic fraction, which no PFNano has."""
    io.write_rows(folder / "skim.parquet", rows)
    given = []
    for group, (length, _) in GROUPS.items():
        spec = validate(FeatureGroup, {"name": group, **read_yaml(CONFIG / f"{group}.yaml")}, path)
        files = (folder / f"{name}" for name in ("skim.parquet", "f.parquet", "m.json"))
        compute_features(spec, of("ak4"), *files)
        found = io.read_rows(folder / "f.parquet")
        columns = []
        for name in spec.presets[PRESETS[group]]:
            if not length:
                columns.append(np.asarray(found[name]))
            elif (column := spec.column(name)) in found.fields:
                values = ak.pad_none(found[column] - LESS[group].get(name, 0.0), length, clip=True)
                columns.append(
                    np.clip(ak.to_numpy(ak.fill_none(values, 0.0)), *bounds.get(name, (-1e9, 1e9)))
                )
            else:
                assert name == "HadFrac"
                columns.append(np.zeros((len(rows), length)))
        given.append(np.stack(columns, axis=-1).astype(np.float32))
    session = onnxruntime.InferenceSession(path)
    names = [tensor.name for tensor in session.get_inputs()]
    outputs = session.run(None, dict(zip(names, [*given, given[0][:, :1]], strict=True)))
    return np.asarray(next(x for x in outputs if x.shape[1] == 6)[:, :3].sum(axis=1))


def as_cms(rows: Any) -> Any:
    """The same jets with what CMSSW looks at: candidates above 0.95 GeV, momenta before corrections."""
    kept = {}
    for name in rows.fields:
        family = name[:3]
        kept[name] = (
            rows[name][rows[f"{family}_pt_gev"] >= MIN_PT_GEV] if family in ("cpf", "npf") else rows[name]
        )
    for family in ("cpf", "npf"):
        kept[f"n_{family}"] = ak.num(kept[f"{family}_pt_gev"])
    kept["jet_pt_gev"] = rows["jet_raw_pt_gev"]
    kept["sv_energy_ratio"] = rows["sv_energy_ratio"] * (rows["jet_pt_gev"] / rows["jet_raw_pt_gev"])
    return ak.zip(kept, depth_limit=1)


def test_the_public_network_on_our_inputs_is_near_the_stored_scores(
    shared_data: Path, tmp_path: Path
) -> None:
    """What docs/tag_inputs.md says of inputs that are not CMS': 64 jets, correlations of log-odds."""
    if "onnxruntime" not in globals():
        require("onnxruntime is not installed: make setup")
    path, rows = shared_data / "reference-models" / TENX, canonical(shared_data, "ak4")
    stored = ak.to_numpy(rows["stored_btagDeepFlavB"])
    far, near = (
        public_scores(path, jets, tmp_path, bounds) for jets, bounds in ((rows, {}), (as_cms(rows), BOUNDS))
    )
    told = []
    for ours in (far, near):
        odds = [np.log(p / (1 - p)) for p in np.clip([ours, stored], 1e-5, 1 - 1e-5)]
        told.append((np.corrcoef(odds)[0, 1], np.abs(odds[0] - odds[1]).mean()))
        print(f"{len(stored)} jets: correlation {told[-1][0]:.3f}, mean difference {told[-1][1]:.3f}")
    assert len(stored) == 64
    # The digits that are printed there; without the 0.5 of vertices alone the first two are 0.963 and 0.291.
    assert told == [pytest.approx(numbers, abs=1e-3) for numbers in ((0.967, 0.274), (0.990, 0.165))]
