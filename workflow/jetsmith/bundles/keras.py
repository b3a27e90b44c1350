"""Networks as ONNX: each layer of the saved Keras graph by a small function, found by its class."""

from pathlib import Path
from typing import TYPE_CHECKING

from jetsmith.specs.classifiers import RecipeSpec

if TYPE_CHECKING:
    from jetsmith.bundles._graph import Graph
    from jetsmith.bundles._inputs import Prepared


def write(
    graph: "Graph", spec: RecipeSpec, model: Path, groups: "dict[str, Prepared]", folder: Path
) -> dict[str, str]:
    """See `_keras.write`."""
    from jetsmith.bundles import _keras

    return _keras.write(graph, spec, model, groups)
