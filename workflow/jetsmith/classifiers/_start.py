"""A network that starts from the weights of another: layers matched by name, shape and what they read."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import io
from jetsmith.classifiers._scaler import Scaler
from jetsmith.errors import InputError
from jetsmith.models import CLASSES
from jetsmith.specs.classifiers import RecipeSpec

PREFIX = "standardise_"


def start(
    spec: RecipeSpec, model: Any, scalers: dict[str, Scaler], folder: Path
) -> tuple[dict[str, Scaler], dict[str, Any]]:
    """Give a fresh network the weights of a trained one, where layers of one name have the same shapes.

    And read the same: shapes tell nothing of a layer behind several groups, whose widths may add up to the
    same although each is another.

    Standardisation goes along: with another one the weights would read other numbers. So do statistics of
    batches. The layer of the classes stays as it is where the classes are others.

    Args:
        spec: The classifier.
        model: Its network, changed here.
        scalers: By group, fitted to its rows.
        folder: The trained network.

    Returns:
        The scalers that the network now has; and for meta.json `from`, `matched`, and `not_matched` with the
        reason of each layer.

    Raises:
        InputError: The other is damaged, or no layer of it matches.
    """
    from jetsmith.models._saved import load

    io.check_folder(folder, "train it again")
    other = load(folder)
    theirs = io.read_json(folder / "spec.json")
    other_layers = {layer.name: layer for layer in other.layers if layer.weights}
    here, there = _reads(model), _reads(other)
    matched: list[str] = []
    not_matched: dict[str, str] = {}
    for layer in (layer for layer in model.layers if layer.weights):
        reason = _misfit(layer, other_layers.get(layer.name), spec, theirs)
        reason = reason or _misread(here[layer.name], there[layer.name], set(not_matched))
        if reason:
            not_matched[layer.name] = reason
        else:
            layer.set_weights(other_layers[layer.name].get_weights())
            matched.append(layer.name)
    if all(name.startswith(PREFIX) for name in matched):
        raise InputError(
            f"{spec.name}: start_from: no layer of {folder} fits: "
            + "; ".join(f"{name}: {reason}" for name, reason in not_matched.items())
        )
    kept = {
        group: _scaler_of(model, group, scaler) if PREFIX + group in matched else scaler
        for group, scaler in scalers.items()
    }
    return kept, {"from": str(folder), "matched": matched, "not_matched": not_matched}


def _misfit(layer: Any, other: Any, spec: RecipeSpec, theirs: dict[str, Any]) -> str:
    """Why a layer does not get the weights of another; empty where it does."""
    if other is None:
        return "no layer of this name"
    shapes, other_shapes = ([tuple(w.shape) for w in found.weights] for found in (layer, other))
    if shapes != other_shapes:
        return f"shapes {_text(other_shapes)} there, {_text(shapes)} here"
    if layer.name == CLASSES and list(spec.class_names) != (named := [c["name"] for c in theirs["classes"]]):
        return f"classes {', '.join(named)} there"
    return ""


@dataclass(frozen=True)
class _Read:
    """What goes into a layer.

    Attributes:
        layers: Layers with weights, and inputs, whose outputs it gets, in order.
        groups: Those of them that are inputs, or their standardisation.
        beside: Whether several lie side by side in it, so that their order and widths tell which is which.
    """

    layers: tuple[str, ...]
    groups: tuple[str, ...]
    beside: bool


def _misread(here: _Read, there: _Read, not_matched: set[str]) -> str:
    """Why a layer would read other numbers than the one whose weights it gets; empty where it does not."""
    changed = [name.removeprefix(PREFIX) for name in here.groups if name in not_matched]
    if changed:
        return f"reads {', '.join(changed)}, whose features are others there"
    if here.groups != there.groups or (here.beside and here.layers != there.layers):
        names = [", ".join(name.removeprefix(PREFIX) for name in read.layers) for read in (there, here)]
        return f"reads {names[0]} there, {names[1]} here"
    return ""


def _reads(model: Any) -> dict[str, _Read]:
    """By its name what each layer with weights reads."""
    import keras

    def read(layer: Any) -> _Read:
        layers, groups, beside = dict[str, None](), dict[str, None](), False
        tensors = [tensor for node in layer._inbound_nodes for tensor in node.input_tensors][::-1]
        met = {id(tensor) for tensor in tensors}
        while tensors:  # depth first, in order
            given, node, _ = tensors.pop()._keras_history
            is_input = isinstance(given, keras.layers.InputLayer)
            if is_input or getattr(given, "weights", None):  # what is computed in between has none
                layers[given.name] = None
                if is_input or given.name.startswith(PREFIX):
                    groups[given.name] = None
                continue
            beside |= type(given).__name__ == "Concatenate"  # a layer, or an operation
            further = [t for t in given._inbound_nodes[node].input_tensors if id(t) not in met]
            met |= {id(tensor) for tensor in further}
            tensors += further[::-1]
        return _Read(tuple(layers), tuple(groups), beside)

    return {layer.name: read(layer) for layer in model.layers if layer.weights}


def _text(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join("×".join(map(str, shape)) for shape in shapes)


def _scaler_of(model: Any, group: str, scaler: Scaler) -> Scaler:
    """The numbers that a layer has."""
    layer = model.get_layer(PREFIX + group)
    return Scaler(scaler.features, **{name: np.array(getattr(layer, name)) for name in scaler.numbers()})


def told(name: str, about: dict[str, Any]) -> None:
    """A line in the log."""
    others = "; ".join(f"{layer}: {reason}" for layer, reason in about["not_matched"].items()) or "none"
    n = len(about["matched"]) + len(about["not_matched"])
    print(
        f"[train {name}] starts from {about['from']}: {len(about['matched'])} of {n} layers, validation loss "
        f"{about['validation_loss']:.5f}; not matched: {others}",
        file=sys.stderr,
        flush=True,
    )
