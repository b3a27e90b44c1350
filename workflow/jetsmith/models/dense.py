"""A dense network, as DeepCSV (CMS, PhaseI: 5 × 100, ReLU, dropout 0.1) and DL1 (ATLAS) are.

Sequences are laid side by side, padded with zeros: the naive network that a physics-inspired one
has to beat (the seed study's comparison).
"""

from collections.abc import Sequence

import keras
from keras import layers

from jetsmith.models import Unroll, classify, dense_stack, input_layers, standardised
from jetsmith.specs import Inputs


def build(
    inputs: Sequence[Inputs],
    n_classes: int,
    dense: Sequence[int] = (100, 100, 100, 100, 100),
    dropout: float = 0.1,
    activation: str = "relu",
    batch_norm: float | None = None,
) -> keras.Model:
    """Dense layers on all inputs.

    Args:
        inputs: Input groups.
        n_classes: Classes.
        dense: Widths of the layers.
        dropout: Fraction of units dropped in training.
        activation: Keras' name of the activation.
        batch_norm: Momentum of batch normalisation behind each layer; none where not given.
    """
    tensors = input_layers(inputs)
    scaled = standardised(inputs, tensors)
    flat = [
        scaled[given.group]
        if given.kind == "flat"
        else Unroll(given.length, name=f"unroll_{given.group}")(scaled[given.group])
        for given in inputs
    ]
    x = flat[0] if len(flat) == 1 else layers.Concatenate(name="inputs")(flat)
    x = dense_stack(x, dense, dropout, activation, batch_norm, "dense")
    return keras.Model(tensors, classify(x, n_classes))
