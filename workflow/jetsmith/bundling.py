"""Stage bundle: what leaves. A trained tagger as a folder that anybody can run, the same or not at all.

`jetsmith.bundle` reads it; its files are ONNX, JSON, NumPy's and Markdown.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import onnx

from jetsmith import applied, estimates, io, members, metrics, plugs
from jetsmith.bundle import (
    DISCRIMINANTS,
    ESTIMATES,
    FORMAT,
    INPUTS,
    MODEL,
    NEAREST,
    PROBABILITIES,
    REFERENCE,
    Bundle,
)
from jetsmith.bundle_inputs import Group, Values, beside, moved_by_a_bit, n_jets, some
from jetsmith.bundles import Writer, _card, _jets
from jetsmith.bundles._files import N_MADE_UP, N_REFERENCE, SEED, seen, write_checksums, write_reference
from jetsmith.bundles._graph import Graph
from jetsmith.bundles._inputs import prepare
from jetsmith.classifiers import find_backend
from jetsmith.errors import InputError
from jetsmith.io import FloatArray
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec
from jetsmith.specs.features import RawSpec

TOLERANCE = 1e-6  # of probabilities in float32, against the trained model on the same machine
# Of a few jets float32 itself tells probabilities no better: Keras' own are 1.1e-6 from those of the same
# network in float64. The last bits of inputs and weights change them as much, to a factor below 3.
LAST_BITS, AT_MOST = 4.0, 1e-5


def bundle(
    spec: RecipeSpec,
    discriminants: Sequence[DiscriminantSpec],
    features: Mapping[str, Mapping[str, RawSpec]],
    sorted_by: Mapping[str, str],
    model: str | Path,
    packed: str | Path,
    calibrations: Sequence[str | Path],
    numbers: Sequence[str | Path],
    output: str | Path,
    threads: int = 1,
) -> None:
    """Write a bundle, compare it with the trained model, and give it its name if they agree.

    Args:
        spec: The tagger.
        discriminants: What it is judged by.
        features: Of each group of its inputs the features, as stage features computes them.
        sorted_by: Of each sequence the column that orders its constituents.
        model: Folder of the model.
        packed: Folder results/packed/{sample}.
        calibrations: Correction files of the tagger, one a discriminant.
        numbers: The numbers that belong to these.
        output: The folder.
        threads: CPU threads of the trained model.

    Raises:
        InputError: A file is damaged or another's, the model has a layer that no bundle can hold, or the
            bundle gives probabilities that differ by more than 1e-6 on any jet of the test split, made up
            from these, without constituents, with one, with as many as are read, or with more.
    """
    model = Path(model)
    io.check_folder(model, "train it again")
    train, test = arrays.read_splits(packed, ("train", "test"), spec.groups, spec.sample)
    groups = seen(spec.inputs, features, sorted_by, [train])
    rows = Rows.select(spec.inputs, [test])
    if not len(rows):
        raise InputError(f"{packed}: split test has no jets, so nothing can be compared; give it a share")
    jets = _jets.raw(rows, slice(0, min(N_REFERENCE, len(rows))), groups)
    n_real = n_jets(jets)
    tried = _jets.joined(jets, _jets.made_up(jets, groups, N_MADE_UP, SEED))
    expected = predicted(spec, model, tried, groups, threads)
    estimated = predicted_estimates(spec, model, tried, groups, threads)
    with io.atomic_directory(output) as folder:
        write_files(folder, spec, discriminants, groups, model, jets, expected[:n_real], estimated[:n_real])
        for path in calibrations:
            shutil.copyfile(path, _made(folder / "working_points" / Path(path).name))
        agreement = compare(folder, spec, discriminants, tried, expected, estimated)
        card = _card.text(
            spec=_card.as_trained(spec, model),
            groups=groups,
            trained=io.read_json(model / "meta.json"),
            numbers=[io.read_json(path) for path in numbers],
            datasets=train.datasets,
            n_jets={"train": len(train), "test": len(test)},
            worst=agreement.worst,
            n_turned=agreement.n_turned,
        )
        (folder / "README.md").write_text(card)
        write_checksums(folder)


def write_files(
    folder: Path,
    spec: RecipeSpec,
    discriminants: Sequence[DiscriminantSpec],
    groups: Sequence[Group],
    model: Path,
    jets: Mapping[str, Values],
    expected: FloatArray,
    estimated: FloatArray | None = None,
) -> None:
    """What a reader needs: the graph, inputs.json, jets of reference with what they get, checksums."""
    folder.mkdir(exist_ok=True)
    graph = _graph(spec, discriminants, groups, model, folder)
    onnx.save(graph, folder / MODEL)
    nearest = any(node.op_type in ("TopK", "Floor") for node in graph.graph.node)  # neighbours, or pixels
    content = about(spec, discriminants, groups) | {NEAREST: nearest}
    io.write_json(folder / INPUTS, content, checksum=False)
    judged = judgements(discriminants, spec.class_names, expected)
    outputs = {PROBABILITIES: expected, DISCRIMINANTS: judged}
    outputs |= {} if estimated is None or not estimated.shape[1] else {ESTIMATES: estimated}
    write_reference(folder, jets, outputs)
    write_checksums(folder)


class Agreement(NamedTuple):
    """Of a bundle with its trained model.

    Attributes:
        worst: Largest difference of a probability, of jets that have one answer.
        n_turned: Jets of two answers that have the other one (`Bundle.turns`).
    """

    worst: float
    n_turned: int


def compare(
    folder: Path,
    spec: RecipeSpec,
    discriminants: Sequence[DiscriminantSpec],
    jets: Mapping[str, Values],
    expected: FloatArray,
    estimated: FloatArray | None = None,
) -> Agreement:
    """How a bundle agrees with its trained model.

    Args:
        folder: The bundle.
        spec: The tagger.
        discriminants: Its discriminants, which are compared with those of the bundle's probabilities.
        jets: What is scored.
        expected: The model's probabilities, (N, C).
        estimated: What it estimates beside them, (N, E), to be compared, too.

    Raises:
        InputError: It is larger than 1e-6, and than last bits of the jet's inputs and of weights explain, of
            any jet: by up to 1e-5, or by more where neighbours or pixels are looked for and those of inputs
            turn its answer into the model's to 1e-6 (`Bundle.turns`). Or a discriminant is another, or an
            estimate: by more than 1e-5, of numbers above 1 relative, and than last bits explain.
    """
    bundled = Bundle(folder)
    found, judged = bundled.score(jets)
    off = np.abs(found - expected).max(axis=1)
    bad = ~(off <= TOLERANCE)  # NaN is none, either
    turned = np.zeros(len(off), bool)
    if bad.any():
        last_bits = _last_bits(bundled, jets, found)
        bad = ~(off <= np.clip(LAST_BITS * last_bits, TOLERANCE, AT_MOST))
        turned[bad] = bundled.turns(some(jets, bad), expected[bad], TOLERANCE)
        bad &= ~turned
    if bad.any():
        worst = int(np.argmax(np.where(bad, np.nan_to_num(off, nan=np.inf), -1)))
        raise InputError(
            f"{spec.name}: no bundle is written: of {len(off):,} jets {int(bad.sum()):,} get probabilities "
            f"that differ by more than {TOLERANCE:g} from those of the model; jet {worst} gets "
            f"{found[worst]} for {expected[worst]}"
        )
    right = judgements(discriminants, spec.class_names, found)
    if not np.allclose(judged, right, rtol=1e-5, atol=TOLERANCE):
        raise InputError(
            f"{spec.name}: no bundle is written: its discriminants are not those of its probabilities"
        )
    if estimated is not None and estimated.shape[1]:
        _compare_estimates(bundled, spec, some(jets, ~turned), estimated[~turned])
    return Agreement(float(off[~turned].max(initial=0.0)), int(turned.sum()))


def _compare_estimates(
    bundled: Bundle, spec: RecipeSpec, jets: Mapping[str, Values], expected: FloatArray
) -> None:
    size = np.maximum(np.abs(expected), 1)
    found = bundled.outputs(jets)[ESTIMATES]
    off = np.abs(found - expected) / size
    bad = ~(off <= AT_MOST)  # NaN is none, either
    if bad.any():
        moved = np.zeros_like(off)
        for one, given in _by_last_bits(bundled, jets):
            moved = np.fmax(moved, np.abs(one.outputs(given)[ESTIMATES] - found) / size)
        bad &= ~(off <= LAST_BITS * moved)
    if bad.any():
        jet, which = np.unravel_index(np.argmax(np.where(bad, np.nan_to_num(off, nan=np.inf), -1)), off.shape)
        raise InputError(
            f"{spec.name}: no bundle is written: of {len(off):,} jets {int(bad.any(axis=1).sum()):,} get "
            f"estimates that differ from those of the model; jet {jet} gets {found[jet, which]} for "
            f"{expected[jet, which]} ({bundled.estimates[which]})"
        )


def _last_bits(bundled: Bundle, jets: Mapping[str, Values], found: FloatArray) -> FloatArray:
    """How far probabilities move with last bits of inputs, and of weights; (N,). No number tells nothing."""
    most = np.zeros(len(found), np.float32)
    for one, given in _by_last_bits(bundled, jets):
        most = np.fmax(most, np.abs(one.score(given)[0] - found).max(axis=1))
    return most


def _by_last_bits(
    bundled: Bundle, jets: Mapping[str, Values]
) -> Iterator[tuple[Bundle, Mapping[str, Values]]]:
    """The bundle with jets whose inputs are others by a bit, and one whose weights are, a few times.

    Sums of each layer are rounded, too, which is as if its weights were others by as much: of a jet with few
    constituents the inputs alone say too little.
    """
    rng = np.random.default_rng(SEED)
    for _ in range(4):
        yield bundled, beside(jets, rng)
        yield _of_other_weights(bundled.folder, rng), jets


def _of_other_weights(folder: Path, rng: np.random.Generator) -> Bundle:
    """The bundle where each weight is one of both floats beside it; 0 stays, as padding and masks have it."""
    model = onnx.load(folder / MODEL)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            weights = onnx.numpy_helper.to_array(tensor)
            moved = moved_by_a_bit(weights, rng)
            tensor.CopyFrom(onnx.numpy_helper.from_array(moved, tensor.name))
    with tempfile.TemporaryDirectory() as other:
        for name in (INPUTS, REFERENCE):
            shutil.copy(folder / name, other)
        onnx.save(model, Path(other) / MODEL)
        write_checksums(Path(other))
        return Bundle(other)


def predicted(
    spec: RecipeSpec, model: Path, jets: Mapping[str, Values], groups: Sequence[Group], threads: int
) -> FloatArray:
    """Probabilities of the trained model, (N, C), float32, by the very functions that the stages use."""
    rows = Rows.select(spec.inputs, [_jets.packed(jets, groups)])
    backend = find_backend(spec.backend)
    return members.mean([backend.predict(spec, one, rows, threads) for one in members.folders(model)])


def predicted_estimates(
    spec: RecipeSpec, model: Path, jets: Mapping[str, Values], groups: Sequence[Group], threads: int
) -> FloatArray:
    """What the trained model estimates beside the classes, (N, E), float32; likewise."""
    rows = Rows.select(spec.inputs, [_jets.packed(jets, groups)])
    found = applied.estimates(spec, find_backend(spec.backend), model, rows, threads)
    return np.stack([*found.values()], axis=-1) if found else np.zeros((len(rows), 0), np.float32)


def judgements(
    discriminants: Sequence[DiscriminantSpec], names: Sequence[str], probabilities: FloatArray
) -> FloatArray:
    """All discriminants of probabilities (N, C); (N, D), float32."""
    by_class = dict(zip(names, probabilities.T, strict=True))
    found = [metrics.discriminant(spec, by_class) for spec in discriminants]
    return np.stack(found, axis=-1).astype(np.float32)


def about(
    spec: RecipeSpec, discriminants: Sequence[DiscriminantSpec], groups: Sequence[Group]
) -> dict[str, Any]:
    """Content of inputs.json."""
    return {
        "format": FORMAT,
        "tagger": spec.name,
        "object": spec.object,
        "classes": list(spec.class_names),
        "discriminants": {d.name: d.model_dump(mode="json", exclude={"name"}) for d in discriminants},
        "groups": [asdict(group) for group in groups],
        **({ESTIMATES: names} if (names := estimates.names(spec)) else {}),
    }


def _graph(
    spec: RecipeSpec,
    discriminants: Sequence[DiscriminantSpec],
    groups: Sequence[Group],
    model: Path,
    folder: Path,
) -> onnx.ModelProto:
    graph = Graph()
    prepared = {group.group: prepare(graph, group) for group in groups}
    writer = cast(Writer, plugs.find("bundles", spec.backend, "backend", "value"))
    each = members.folders(model)
    written = [
        writer.write(graph, spec, one, prepared, folder if len(each) == 1 else folder / one.name)
        for one in each
    ]
    probabilities = _mean(graph, [one["classes"] for one in written])
    graph.output(PROBABILITIES, probabilities, ["N", len(spec.classes)])
    judged = _discriminants(graph, discriminants, spec.class_names, probabilities)
    graph.output(DISCRIMINANTS, judged, ["N", len(discriminants)])
    numbers = [
        name
        for output, options in estimates.estimated(spec).items()
        for name in estimate_columns(graph, [one[output] for one in written], options.of[1])
    ]
    if numbers:
        graph.output(ESTIMATES, graph.node("Concat", *numbers, axis=-1), ["N", len(numbers)])
    notes = {"classes": spec.class_names, "discriminants": [d.name for d in discriminants]}
    return graph.finished(spec.name, {key: json.dumps(value) for key, value in notes.items()})


def _mean(graph: Graph, probabilities: Sequence[str]) -> str:
    """As `members.mean`; (N, C) each."""
    if len(probabilities) == 1:
        return probabilities[0]
    doubles = [graph.node("Cast", name, to=onnx.TensorProto.DOUBLE) for name in probabilities]
    total = graph.node("Sum", *doubles)
    # onnxruntime has no Mean of doubles.
    mean = graph.node("Div", total, graph.constant(len(doubles), np.float64))
    return graph.node("Cast", mean, to=onnx.TensorProto.FLOAT)


def estimate_columns(graph: Graph, each: Sequence[str], width: int) -> list[str]:
    """As `estimates.named`, of the mean of members; (N, width) -> (N, 1) each."""
    mean = _mean(graph, each)
    if width == 1:
        return [mean]
    parts = graph.split(mean, [1] * width)
    estimate, low, high = parts
    half = graph.node("Mul", graph.node("Abs", graph.node("Sub", high, low)), graph.constant(0.5))
    return [estimate, half]


def _discriminants(
    graph: Graph, discriminants: Sequence[DiscriminantSpec], names: Sequence[str], probabilities: str
) -> str:
    """As `metrics.discriminant`, in double precision; (N, C) -> (N, D)."""
    n = len(discriminants)
    weights = np.zeros((len(names), 2 * n))
    for i, spec in enumerate(discriminants):
        for name in spec.signal:
            weights[names.index(name), i] = 1
        for name, fraction in spec.background.items():
            weights[names.index(name), n + i] = fraction
    doubles = graph.node("Cast", probabilities, to=onnx.TensorProto.DOUBLE)
    sums = graph.node("MatMul", doubles, graph.constant(weights, np.float64))
    signal, background = graph.split(sums, [n, n])
    is_log = np.array([spec.form == "log_ratio" for spec in discriminants])
    found = []
    if not is_log.all():
        # No float32 but 0 is as small: where all terms are 0, the ratio is.
        total = graph.node("Max", graph.node("Add", signal, background), graph.constant(1e-300, np.float64))
        found.append(graph.node("Div", signal, total))
    if is_log.any():
        least = graph.constant(metrics.EPSILON, np.float64)
        above, below = (graph.node("Add", x, least) for x in (signal, background))
        found.append(graph.node("Log", graph.node("Div", above, below)))
    value = found[0]
    if len(found) > 1:
        value = graph.node("Where", graph.constant(is_log, np.bool_), found[1], found[0])
    return graph.node("Cast", value, to=onnx.TensorProto.FLOAT)


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
