"""Focal loss: cross-entropy that counts jets which are classified well already for less.

Lin et al., arXiv 1708.02002. Its minimum is not the posterior, so that discriminants with fractions f_i of
the backgrounds are no likelihood ratios any more; ROC curves and working points mean what they always do.
"""

from typing import Annotated, Any

from pydantic import Field

from jetsmith.losses import Options as BaseOptions
from jetsmith.losses import Seen

OUTPUT = "classes"


class Options(BaseOptions):
    """How much they count for less."""

    gamma: Annotated[float, Field(ge=0, le=20)] = Field(
        2.0, description="Power of (1 - p); 0 is cross-entropy."
    )


def loss(output: Any, seen: Seen, options: Options) -> Any:
    """Mean of weight × -(1 - p)^gamma ln p of the true class; of logits (n, C) a scalar."""
    from keras import ops

    every = ops.log_softmax(output, axis=-1)
    log_p = ops.sum(ops.one_hot(seen.target, output.shape[-1], dtype=every.dtype) * every, axis=-1)
    # Of p = 1 the power has no gradient below gamma = 1.
    left = ops.maximum(1 - ops.exp(log_p), 1e-7)
    return ops.mean(seen.weight * -(left**options.gamma) * log_p)
