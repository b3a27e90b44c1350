"""Whether two tracks come from the same vertex, as an auxiliary task of a network of constituents.

Binary cross-entropy of pairs of different tracks whose vertices are known, not below 0, as in
ATL-PHYS-PUB-2022-027. The mean is over all such pairs of a batch, each with the weight of its jet.
"""

from typing import Any

from jetsmith.losses import Seen, TrackOptions

OUTPUT = "pairs"


class Options(TrackOptions):
    """Which tracks."""


def pairs(vertex: Any, mask: Any) -> tuple[Any, Any]:
    """Which pairs of tracks count, and which of them share a vertex; of (n, T) twice (n, T, T), booleans."""
    from keras import ops

    known = mask & (vertex >= 0)
    both = ops.expand_dims(known, 2) & ops.expand_dims(known, 1)
    other = ops.logical_not(ops.eye(ops.shape(vertex)[1], dtype="bool"))
    return both & other, ops.equal(ops.expand_dims(vertex, 2), ops.expand_dims(vertex, 1))


def loss(output: Any, seen: Seen, options: Options) -> Any:
    """Mean over pairs of weight × binary cross-entropy; of logits (n, T, T) a scalar."""
    from keras import ops

    counts, same = pairs(seen.side[options.column], seen.mask[options.group])
    towards = ops.where(same, -output, output)  # -ln p of the truth is ln(1 + e^towards)
    entropy = ops.where(counts, ops.softplus(towards), 0.0)
    n = ops.maximum(ops.sum(ops.cast(counts, output.dtype)), 1.0)
    return ops.sum(seen.weight * ops.sum(entropy, axis=(1, 2))) / n
