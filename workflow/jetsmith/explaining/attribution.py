"""How the value of each jet is shared among its inputs: SHAP of trees, integrated gradients of networks."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from jetsmith import applied, members
from jetsmith.explaining.gradients import TOLERANCE, Integrated, integrated, residual
from jetsmith.explaining.permutation import Exchange, of_features, of_groups
from jetsmith.handed.explanation import Attribution, Share
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec
from jetsmith.specs.features import Inputs

BATCH = 512  # jets of a call of a network

Way = Callable[[RecipeSpec, Path, DiscriminantSpec, Rows, int], Iterator[Integrated]]


def _by_trees(
    spec: RecipeSpec, folder: Path, discriminant: DiscriminantSpec, rows: Rows, threads: int
) -> Iterator[Integrated]:
    from jetsmith.explaining import trees

    yield trees.shared(spec, folder, discriminant, rows, threads)


def _by_networks(
    spec: RecipeSpec, folder: Path, discriminant: DiscriminantSpec, rows: Rows, threads: int
) -> Iterator[Integrated]:
    from jetsmith.explaining import networks

    network = networks.Network(spec, folder, discriminant, threads)
    lengths = {given.group: given.length for given in spec.inputs if given.kind == "sequence"}
    for which in rows.slices(BATCH):
        batch = networks.padded(rows.batch(which), lengths)
        yield integrated(network.of(batch), network.standardised(batch))


WAYS: dict[str, tuple[str, Way]] = {
    "xgboost": ("shap", _by_trees),
    "keras": ("integrated_gradients", _by_networks),
}
"""Method and function by backend; others have none."""


def attributed(
    spec: RecipeSpec,
    model: Path,
    discriminant: DiscriminantSpec,
    rows: Rows,
    threads: int,
    together: Sequence[Exchange] = (),
) -> Attribution | None:
    """Shares of features and groups, averaged over jets; of an ensemble also over its members.

    With folds each jet is that of the model which did not see it.

    Args:
        spec: The classifier.
        model: Folder of its model.
        discriminant: What is shared.
        rows: N jets.
        threads: CPU threads.
        together: Features whose shares are summed, beside those of groups.
    """
    if spec.backend not in WAYS:
        return None
    method, way = WAYS[spec.backend]
    found: list[Integrated] = []
    for member in members.folders(model):
        for folder, which in applied.by_folder(spec, member, rows):
            if len(which):
                found += way(spec, folder, discriminant, rows[which], threads)
    rest, whole = (np.concatenate([getattr(one, name) for one in found]) for name in ("rest", "whole"))
    lacking = residual(rest, whole)
    kinds = (of_features(spec.inputs), of_groups(spec.inputs), together)
    return Attribution(
        method,
        len(rows),
        max(one.steps for one in found),
        lacking,
        lacking <= TOLERANCE,
        *(tuple(_share(one, spec.inputs, found) for one in kind) for kind in kinds),
    )


def _share(of: Exchange, inputs: Sequence[Inputs], found: Sequence[Integrated]) -> Share:
    """Mean over jets of |what the features add|; (n, F) or (n, T, F) in each piece."""
    (names,) = (given.features for given in inputs if given.group == of.group)
    columns = [names.index(name) for name in of.features]
    sums = [piece.shares[of.group][..., columns] for piece in found]
    sizes = np.concatenate([np.abs(x.reshape(len(x), -1).sum(axis=1)) for x in sums])
    return Share(of.group, of.features, float(sizes.mean()))
