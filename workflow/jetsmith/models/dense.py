"""A dense network, as DeepCSV (CMS, PhaseI: 5 × 100, ReLU, dropout 0.1) and DL1 (ATLAS) are.

Sequences are laid side by side, padded with zeros: the naive network that a physics-inspired one
has to beat (the seed study's comparison).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from jetsmith import plugs
from jetsmith.models import OF_ROWS, Output
from jetsmith.plugs import Count, Dropout, Momentum
from jetsmith.specs.features import Inputs

OUTPUTS = OF_ROWS


class Options(plugs.Options):
    """Sizes of the network."""

    dense: tuple[Count, ...] = Field((100,) * 5, description="Widths of the layers.")
    dropout: Dropout = Field(0.1, description="Fraction of units dropped in training.")
    activation: Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "tanh"] = (
        Field("relu", description="Keras' name of the activation.")
    )
    batch_norm: Momentum | None = Field(
        None, description="Momentum of batch normalisation behind each layer; none for networks without."
    )


def build(inputs: Sequence[Inputs], outputs: Mapping[str, Output], options: Options) -> Any:
    """Dense layers on all inputs; a `keras.Model`."""
    import keras
    from keras import layers

    from jetsmith.models._layers import Slots, Unroll, dense_stack, heads, input_layers, standardised

    tensors = input_layers(inputs)
    scaled = standardised(inputs, tensors)
    flat = []
    for given in inputs:
        x, group = scaled[given.group], given.group
        if given.kind == "sequence":
            x = Slots(name=f"slots_{group}")([x, tensors[f"{group}_mask"]])
            x = Unroll(given.length, name=f"unroll_{group}")(x)
        flat.append(x)
    x = flat[0] if len(flat) == 1 else layers.Concatenate(name="inputs")(flat)
    x = dense_stack(x, options.dense, options.dropout, options.activation, options.batch_norm, "dense")
    return keras.Model(tensors, heads(x, outputs))
