"""Cross-entropy of the origin of each track, as an auxiliary task of a network of constituents.

Origins, in the order of the logits, are those of `columns.ORIGINS`, as in ATL-PHYS-PUB-2022-027 (tracks from
taus are among `other`). Tracks of unknown origin, below 0, do not count. The mean is over all tracks of a
batch, each with the weight of its jet.
"""

from typing import Any

from pydantic import Field

from jetsmith.columns import ORIGINS
from jetsmith.losses import Seen, TrackOptions

OUTPUT = "constituents"


class Options(TrackOptions):
    """Which tracks, and how much each origin counts."""

    inverse_frequency: bool = Field(
        False, description="Whether all origins of a batch weigh the same in sum, however rare they are."
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The origins."""
        return ORIGINS


def loss(output: Any, seen: Seen, options: Options) -> Any:
    """Mean over tracks of weight × -ln p of the true origin; of logits (n, T, K) a scalar."""
    from keras import ops

    origin = seen.side[options.column]
    known = seen.mask[options.group] & (origin >= 0) & (origin < len(ORIGINS))
    truth = ops.one_hot(ops.cast(ops.where(known, origin, 0.0), "int32"), len(ORIGINS), dtype=output.dtype)
    truth = truth * ops.expand_dims(ops.cast(known, output.dtype), -1)
    n = ops.maximum(ops.sum(truth), 1.0)
    if options.inverse_frequency:
        each = ops.sum(truth, axis=(0, 1))
        present = ops.sum(ops.cast(each > 0, output.dtype))
        truth = truth * (n / ops.maximum(each * present, 1.0))
    log_p = ops.sum(truth * ops.log_softmax(output, axis=-1), axis=-1)  # (n, T)
    return -ops.sum(ops.expand_dims(seen.weight, -1) * log_p) / n
