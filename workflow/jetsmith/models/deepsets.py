"""Deep Sets: a network on each constituent, a sum over real ones, a network on the sum.

With the default sizes DIPS (ATLAS, ATL-PHYS-PUB-2020-014); particle-flow networks are the same thing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from jetsmith import plugs
from jetsmith.models import OF_ROWS, Output
from jetsmith.plugs import Count, Dropout, Momentum
from jetsmith.specs.features import Inputs

OUTPUTS = OF_ROWS


class Options(plugs.Options):
    """Sizes of the two networks."""

    constituent: tuple[Count, ...] = Field(
        (100, 100, 128), description="Widths of the network on each constituent; each sequence has its own."
    )
    jet: tuple[Count, ...] = Field(
        (100, 100, 100, 30), description="Widths of the network on the sums, which flat inputs join."
    )
    dropout: Dropout = Field(0.1, description="Fraction of units dropped in training, in the second network.")
    batch_norm: Momentum | None = Field(
        0.9, description="Momentum of the batch normalisation; none for networks without."
    )


def build(inputs: Sequence[Inputs], outputs: Mapping[str, Output], options: Options) -> Any:
    """The network; a `keras.Model`."""
    import keras
    from keras import layers, ops

    from jetsmith.models._layers import LineNorm, Slots, dense_stack, heads, input_layers, standardised

    tensors = input_layers(inputs)
    scaled = standardised(inputs, tensors)
    momentum = options.batch_norm
    branches = []
    for given in inputs:
        x, group = scaled[given.group], given.group
        if given.kind == "sequence":
            mask = tensors[f"{group}_mask"]
            for i, width in enumerate(options.constituent):
                x = layers.Dense(width, name=f"{group}_constituent_{i}")(x)
                if momentum is not None:
                    x = LineNorm(momentum, name=f"{group}_norm_{i}")([x, mask])
                x = layers.ReLU(name=f"{group}_relu_{i}")(x)
            x = ops.sum(Slots(name=f"{group}_slots")([x, mask]), axis=1)
        branches.append(x)
    x = branches[0] if len(branches) == 1 else layers.Concatenate(name="branches")(branches)
    x = dense_stack(x, options.jet, options.dropout, "relu", momentum, "jet")
    return keras.Model(tensors, heads(x, outputs))
