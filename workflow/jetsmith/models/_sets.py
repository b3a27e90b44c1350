"""Constituents of all sequences as one set."""

from collections.abc import Mapping, Sequence

from keras import layers

from jetsmith.models._categories import Columns
from jetsmith.models._layers import EXACT, Lines, Slots, Tensor
from jetsmith.specs.features import Inputs


def one_set(lines: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Lines of all groups, (m, D), and their mask, (n, ΣT); D is the same of all.

    Args:
        lines: By group.
        tensors: Inputs of the network, with the masks.
    """
    mask = one_mask([*lines], tensors)
    if len(lines) == 1:
        return next(iter(lines.values())), mask
    slots = [Slots(name=f"{group}_slots")([x, tensors[f"{group}_mask"]]) for group, x in lines.items()]
    return Lines(name="constituents")([layers.Concatenate(axis=1, name="set")(slots), mask]), mask


def one_mask(groups: Sequence[str], tensors: Mapping[str, Tensor]) -> Tensor:
    """The mask of the constituents of all these groups, (n, ΣT)."""
    masks = [tensors[f"{group}_mask"] for group in groups]
    return masks[0] if len(masks) == 1 else layers.Concatenate(name="mask")(masks)


def coordinates_of(
    sequences: Sequence[Inputs], tensors: Mapping[str, Tensor], features: Mapping[str, Sequence[str]]
) -> Tensor:
    """Some features of all constituents as they come in, (n, ΣT, D); anything in padded slots."""
    found = [
        Columns(
            [given.features.index(name) for name in features[given.group]],
            name=f"{given.group}_coordinates",
            dtype=EXACT,
        )(tensors[given.group])
        for given in sequences
    ]
    return found[0] if len(found) == 1 else layers.Concatenate(axis=1, name="coordinates", dtype=EXACT)(found)
