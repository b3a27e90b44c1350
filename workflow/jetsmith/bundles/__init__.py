"""Writers of bundles: each module here writes what one backend trained as ONNX; its name is the backend's.

A writer is a module with what `Writer` names. A backend without one has no bundles.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from jetsmith.specs.classifiers import RecipeSpec

if TYPE_CHECKING:
    from jetsmith.bundles._graph import Graph
    from jetsmith.bundles._inputs import Prepared


class Writer(Protocol):
    """What a module of this package offers."""

    def write(
        self, graph: "Graph", spec: RecipeSpec, model: Path, groups: "dict[str, Prepared]", folder: Path
    ) -> dict[str, str]:
        """Add the nodes of a trained model.

        Args:
            graph: What has been written so far.
            spec: The classifier.
            model: Folder of the model.
            groups: Its inputs by group, as features are where it is trained.
            folder: Of the bundle, for files that go beside the graph; it need not exist.

        Returns:
            By output: of `classes` the name of the probabilities, (N, C), of others what a network estimates
            beside them, (N, width) each.

        Raises:
            InputError: The model has a layer that nobody has written down; it is named.
        """
