"""Deep Sets: a network on each constituent, a sum over real ones, a network on the sum.

With the default sizes DIPS (ATLAS, ATL-PHYS-PUB-2020-014); particle-flow networks are the same thing.
"""

from collections.abc import Sequence

import keras
from keras import layers

from jetsmith.models import SumReal, classify, dense_stack, input_layers, standardised
from jetsmith.specs import Inputs


def build(
    inputs: Sequence[Inputs],
    n_classes: int,
    constituent: Sequence[int] = (100, 100, 128),
    jet: Sequence[int] = (100, 100, 100, 30),
    dropout: float = 0.1,
    batch_norm: float | None = 0.9,
) -> keras.Model:
    """The network; flat inputs join the sums.

    Args:
        inputs: Input groups; each sequence has its own network on constituents.
        n_classes: Classes.
        constituent: Widths of the network on each constituent.
        jet: Widths of the network on the sum.
        dropout: Fraction of units dropped in training, in the second network.
        batch_norm: Momentum of the batch normalisation; none for networks without.
    """
    tensors = input_layers(inputs)
    scaled = standardised(inputs, tensors)
    branches = []
    for given in inputs:
        x, group = scaled[given.group], given.group
        if given.kind == "sequence":
            mask = tensors[f"{group}_mask"]
            for i, width in enumerate(constituent):
                x = layers.Dense(width, name=f"{group}_constituent_{i}")(x)
                if batch_norm is not None:
                    x = layers.BatchNormalization(momentum=batch_norm, name=f"{group}_norm_{i}")(x, mask=mask)
                x = layers.ReLU(name=f"{group}_relu_{i}")(x)
            x = SumReal(name=f"{group}_sum")([x, mask])
        branches.append(x)
    x = branches[0] if len(branches) == 1 else layers.Concatenate(name="branches")(branches)
    x = dense_stack(x, jet, dropout, "relu", batch_norm, "jet")
    return keras.Model(tensors, classify(x, n_classes))
