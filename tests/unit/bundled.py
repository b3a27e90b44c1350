"""Small bundles for tests: features as configurations have them, and a tagger that nobody had to train."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import onnx
import onnxruntime

from jetsmith import bundling, io
from jetsmith.bundle import Bundle
from jetsmith.bundle_inputs import Group, Values, padded
from jetsmith.bundles import _jets
from jetsmith.bundles._files import seen, write_checksums
from jetsmith.bundles._graph import Graph
from jetsmith.bundles._inputs import Prepared, prepare
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import ClassifierSpec, DiscriminantSpec
from jetsmith.specs.features import RawSpec
from tests.unit.packed_jets import GROUPS, make_spec, pack_jets

Array = np.ndarray[Any, Any]
ALL = ("ak4", "charged", "vertices")
FEATURES = {
    "ak4": {
        "sip": RawSpec(source="jet_sip"),
        "mass": RawSpec(source="jet_mass_gev", transform="log1p", clip=(0, 3), unit="GeV"),
        "jet_pt": RawSpec(source="jet_pt_gev", unit="GeV"),
    },
    "charged": {
        "ptrel": RawSpec(source="cpf_pt_fraction", transform="log", default=-12.0),
        "sip": RawSpec(source="cpf_sip2d_sig", clip=(-5, 5)),
    },
    "vertices": {
        "mass": RawSpec(source="sv_mass_gev", default=None, unit="GeV"),
        "flight": RawSpec(source="sv_flight", transform="signed_log1p"),
    },
}
LOG = DiscriminantSpec(name="CvsB", signal=("c_jets",), background={"b_jets": 1.0}, form="log_ratio")


def discriminants(spec: ClassifierSpec) -> list[DiscriminantSpec]:
    """One of each form."""
    assert spec.discriminant is not None
    return [spec.discriminant, LOG]


def write_bundle(spec: ClassifierSpec, model: Path, packed: Path, output: Path, **more: Any) -> Bundle:
    """Stage bundle, without calibrations."""
    features = {name: FEATURES[name] for name in spec.groups}
    bundling.bundle(
        spec,
        discriminants(spec),
        features,
        {"charged": "cpf_sip2d_sig"},
        model,
        packed,
        [],
        [],
        output,
        **more,
    )
    return Bundle(output)


def small_bundle(folder: Path, names: tuple[str, ...] = ALL) -> Path:
    """A tagger of sums of its inputs, of 40 jets of reference."""
    spec = make_spec("keras", names)
    groups = groups_with_ranges(spec)
    graph = Graph()
    prepared = {group.group: prepare(graph, group) for group in groups}
    sums = [_sum(graph, p) for p in prepared.values()]
    sums += [graph.node("Mul", sums[0], graph.constant(-factor)) for factor in (0.5, 1.0)][: 3 - len(sums)]
    logits = graph.node("Concat", *sums, axis=-1)
    graph.output("probabilities", graph.node("Softmax", logits, axis=-1), ["N", 3])
    graph.output("discriminants", graph.node("ReduceMax", logits, axes=[1], keepdims=1), ["N", 1])
    folder.mkdir(parents=True)
    onnx.save(graph.finished("small", {}), folder / "model.onnx")
    about = bundling.about(spec, discriminants(spec)[:1], groups)
    io.write_json(folder / "inputs.json", about, checksum=False)
    np.savez(folder / "reference.npz", **outputs_of(folder, groups))
    write_checksums(folder)
    return folder


def outputs_of(folder: Path, groups: tuple[Group, ...]) -> dict[str, Array]:
    """Jets and what the model in a folder gives them, as `reference.npz` has them."""
    given = raw_jets(groups, 40)
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    outputs = session.run(None, padded(given, np.arange(40)))
    found = dict(zip(("probabilities", "discriminants"), outputs, strict=True))
    for name, group in given.items():
        found[name] = group.values
        if group.offsets is not None:
            found[f"{name}_offsets"] = group.offsets
    return found


def raw_jets(groups: tuple[Group, ...], n: int) -> dict[str, Values]:
    """As callers give them."""
    rows = Rows.select([GROUPS[group.group] for group in groups], [pack_jets(n, 5)])
    return _jets.raw(rows, slice(0, n), groups)


def as_lists(given: dict[str, Values], groups: tuple[Group, ...]) -> dict[str, dict[str, Any]]:
    """The same by group and name, as `Bundle` is called with."""
    found: dict[str, dict[str, Any]] = {}
    for group in groups:
        values, offsets = given[group.group].values, given[group.group].offsets
        for i, feature in enumerate(group.features):
            column = values[:, i]
            lists = column if offsets is None else ak.unflatten(column, np.diff(offsets))
            found.setdefault(group.group, {})[feature.name] = lists
    return found


def groups_with_ranges(spec: ClassifierSpec) -> tuple[Group, ...]:
    """The inputs, as a training on packed jets has seen them."""
    features = {name: FEATURES[name] for name in spec.groups}
    return seen(spec.inputs, features, {"charged": "cpf_sip2d_sig"}, [pack_jets(300, 1)])


def _sum(graph: Graph, group: Prepared) -> str:
    """(N, 1) of each group, small enough for a softmax."""
    values = group.values
    if group.counts:
        values = graph.node("ReduceSum", group.masked(values), graph.whole(1), keepdims=0)
    total = graph.node("ReduceSum", values, graph.whole(1), keepdims=1)
    return graph.node("Mul", total, graph.constant(0.02))
