"""Regression of a column: Huber's loss, and two quantiles, as for the energy of b jets and its resolution.

The output is the number itself. Where `over` names a column, it is the ratio of both: the momentum of the
generator's jet over that of the jet, by which its energy is corrected. With `quantiles` two more numbers have
the loss of a quantile each; half their distance is the resolution of the row (CMS, arXiv:1912.06046). Rows
without a finite target, or of other classes than those that are named, do not count.
"""

from typing import Annotated, Any

from pydantic import Field

from jetsmith.losses import NumberOptions, Seen

OUTPUT = "number"


class Options(NumberOptions):
    """What is learned, and on which rows."""

    delta: Annotated[float, Field(gt=0, le=1e6)] = Field(
        1.0,
        description="Distance from which the loss grows linearly, no longer as a square: about the spread of "
        "the target. The losses of quantiles count so many times, and are then of its size.",
    )


def loss(output: Any, seen: Seen, options: Options) -> Any:
    """Mean of weight × (Huber's loss + delta × those of quantiles); of (n, 1) or (n, 3) a scalar."""
    from keras import ops

    wanted = seen.side[options.column]
    if options.over:
        wanted = ops.divide(wanted, seen.side[options.over])
    counts = ops.isfinite(wanted)
    if options.classes:
        index = [seen.class_names.index(name) for name in options.classes]
        counts &= ops.any(ops.expand_dims(seen.target, -1) == ops.convert_to_tensor(index), axis=-1)
    # Not a difference times 0: the gradient of what is no number is none.
    wanted = ops.where(counts, wanted, 0.0)
    away = ops.absolute(output[:, 0] - wanted)
    found = ops.where(away <= options.delta, 0.5 * away**2, options.delta * (away - 0.5 * options.delta))
    for place, quantile in enumerate(options.quantiles, start=1):
        above = wanted - output[:, place]
        found += options.delta * ops.maximum(quantile * above, (quantile - 1) * above)
    return ops.mean(seen.weight * ops.where(counts, found, 0.0))
