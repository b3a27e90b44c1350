"""A network that starts from the weights of another: layers matched by name and shape."""

import sys
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
    matched, not_matched = [], {}
    for layer in (layer for layer in model.layers if layer.weights):
        reason = _misfit(layer, other_layers.get(layer.name), spec, theirs)
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
