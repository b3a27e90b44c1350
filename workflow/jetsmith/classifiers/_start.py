"""A network that starts from the weights of another: layers matched by name, shape and what they read."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
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

    And read the same: of a layer behind several groups shapes tell nothing where widths add up to the same
    although each is another. Constituents of several groups that are read alike may be of any groups.

    Standardisation goes along: with another one the weights would read other numbers. So do statistics of
    batches. The layer of the classes stays as it is where the classes are others.

    Args:
        spec: The classifier.
        model: Its network, changed here.
        scalers: By group, fitted to its rows.
        folder: The trained network; groups that both read in as many features have the same ones.

    Returns:
        The scalers that the network now has; and for meta.json `from`, `matched`, and `not_matched` with the
        reason of each layer.

    Raises:
        InputError: The other is none of this version, or no layer of it matches.
    """
    from jetsmith.models._saved import load

    other = load(folder)
    classes = [of["name"] for of in io.read_json(folder / "spec.json")["classes"]]
    other_layers = {layer.name: layer for layer in other.layers if layer.weights}
    here, there = _reads(model), _reads(other)
    matched: list[str] = []
    not_matched: dict[str, str] = {}
    for layer in (layer for layer in model.layers if layer.weights):
        reason = _misfit(layer, other_layers.get(layer.name), spec, classes)
        reason = reason or _misread(here[layer.name], there[layer.name], not_matched)
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


def _misfit(layer: Any, other: Any, spec: RecipeSpec, classes: Sequence[str]) -> str:
    """Why a layer does not get the weights of another, of a network of some classes; empty where it does."""
    if other is None:
        return "no layer of this name"
    shapes, other_shapes = ([tuple(w.shape) for w in found.weights] for found in (layer, other))
    if shapes != other_shapes:
        return f"shapes {_text(other_shapes)} there, {_text(shapes)} here"
    if layer.name == CLASSES and [*spec.class_names] != [*classes]:
        return f"classes {', '.join(classes)} there"
    return ""


@dataclass(frozen=True)
class _Piece:
    """Features that lie side by side in what a layer reads.

    Attributes:
        name: Layer with weights, or input, that they come from; empty of constituents of several groups, one
            behind the other, which are read alike.
        width: How many.
        is_group: Whether that is an input, or its standardisation.
    """

    name: str
    width: int
    is_group: bool = False

    def fits(self, other: "_Piece", is_alone: bool) -> bool:
        """Whether weights that read the other read the same of this one; alone, any layer's of the width."""
        is_same = self.name == other.name or not (self.name and other.name)
        return self.width == other.width and (is_same or (is_alone and not (self.is_group or other.is_group)))


_Read = tuple[_Piece, ...]


def _misread(here: list[_Read], there: list[_Read], changed: Collection[str]) -> str:
    """Why a layer would read other numbers than the one whose weights it gets; empty where it does not.

    Layers that were not matched are `changed`, so also those that standardise groups of other features.
    """
    found = dict.fromkeys(piece for read in here for piece in read if piece.name in changed)
    changed_groups = [piece.name.removeprefix(PREFIX) for piece in found if piece.is_group]
    if changed_groups:
        return f"reads {', '.join(changed_groups)}, whose features are others there"
    fits = [len(read) for read in here] == [len(read) for read in there] and all(
        piece.fits(other, is_alone=len(read) == 1)
        for read, others in zip(here, there, strict=True)
        for piece, other in zip(read, others, strict=True)
    )
    if fits:
        return ""
    names = [_names(reads, with_widths=False) for reads in (there, here)]
    if names[0] == names[1]:
        names = [_names(reads, with_widths=True) for reads in (there, here)]
    return f"reads {names[0]} there, {names[1]} here"


def _names(reads: list[_Read], with_widths: bool) -> str:
    return ", ".join(
        (piece.name.removeprefix(PREFIX) or "constituents") + (f" ({piece.width})" if with_widths else "")
        for read in reads
        for piece in read
    )


def _reads(model: Any) -> dict[str, list[_Read]]:
    """By its name what each layer with weights reads: of each of its inputs, without masks, the pieces."""
    import keras

    def pieces(tensor: Any) -> _Read:
        width = tensor.shape[-1]
        if width is None or "float" not in str(tensor.dtype):  # masks, and places of neighbours
            return ()
        given, node, _ = tensor._keras_history
        is_input = isinstance(given, keras.layers.InputLayer)
        if is_input or getattr(given, "weights", None):  # what is computed in between has none
            return (_Piece(given.name, width, is_input or given.name.startswith(PREFIX)),)
        tensors = given._inbound_nodes[node].input_tensors
        if type(given).__name__ == "Concatenate":  # a layer, or an operation
            if given.axis % len(tensor.shape) != len(tensor.shape) - 1:
                return (_Piece("", width),)
            return tuple(piece for t in tensors for piece in pieces(t))
        found = tuple(dict.fromkeys(piece for t in tensors for piece in pieces(t)))
        return found if len(found) > 1 else tuple(replace(piece, width=width) for piece in found)

    def read(layer: Any) -> list[_Read]:
        tensors = [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]
        return [found for found in dict.fromkeys(map(pieces, tensors)) if found]

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
