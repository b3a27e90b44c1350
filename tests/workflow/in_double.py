"""A trained network in double precision: what its own single precision and a bundle's are to come near."""

import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from jetsmith import bundling, io
from jetsmith.bundle_inputs import Group, Values
from jetsmith.io import FloatArray
from jetsmith.specs.classifiers import RecipeSpec


def probabilities(
    model: Path, jets: Mapping[str, Values], groups: Sequence[Group], folder: Path, patch: pytest.MonkeyPatch
) -> FloatArray:
    """As `bundling.predicted`, every layer in float64; (N, C), rounded to float32.

    Args:
        model: Folder of the model.
        jets: What is scored.
        groups: Inputs of its bundle.
        folder: For the network in double precision; not there yet.
        patch: Of the test.
    """
    shutil.copytree(model, folder)
    with (
        zipfile.ZipFile(model / "model.keras") as single,
        zipfile.ZipFile(folder / "model.keras", "w") as double,
    ):
        for name in single.namelist():
            content = single.read(name)
            is_config = name == "config.json"
            double.writestr(name, content.replace(b'"float32"', b'"float64"') if is_config else content)
    found = io.read_json(model / "spec.json")
    spec = RecipeSpec(**{key: value for key, value in found.items() if key in RecipeSpec.model_fields})
    from jetsmith.models import _saved

    load = _saved.load
    patch.setattr(_saved, "load", lambda path: _rounded(load(path)))
    return bundling.predicted(spec, folder, jets, groups, 1)


def _rounded(network: Any) -> Any:
    """Outputs in float32, as the engine takes them."""
    import keras

    outputs = {
        name: keras.layers.Identity(dtype="float32", name=f"{name}_rounded")(output)
        for name, output in network.output.items()
    }
    assert {output.dtype for output in network.output.values()} == {"float64"}
    return keras.Model(network.input, outputs)
