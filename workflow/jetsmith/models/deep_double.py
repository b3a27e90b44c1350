"""DeepDoubleX (CMS): 1×1 convolutions and a recurrent layer a sequence, for two prongs of a jet.

Source: CMS DP-2018/033 and -046 and the public training code (model_DeepDoubleXReference): batch
normalisation of each input, two 1×1 convolutions without bias, a GRU that reads the leading constituent last,
a dense layer, which flat inputs join; no normalisation between. Dropout is of single features of a
constituent, there of features of all.
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
    """Sizes of the network."""

    convolutions: tuple[Count, ...] = Field(
        (32, 32), description="Widths of the 1×1 convolutions; each sequence has its own."
    )
    recurrent: Count = Field(50, description="Units of each sequence's GRU.")
    dense: tuple[Count, ...] = Field(
        (100,), description="Widths of the dense layers, which flat inputs join."
    )
    dropout: Dropout = Field(0.1, description="Fraction of units dropped in training.")
    batch_norm: Momentum = Field(0.9, description="Momentum of the batch normalisation of inputs.")


def build(inputs: Sequence[Inputs], outputs: Mapping[str, Output], options: Options) -> Any:
    """The network, a `keras.Model`; each sequence has its own branch."""
    import keras
    from keras import layers

    from jetsmith.models._layers import EXACT, LineNorm, Slots, dense_stack, heads, input_layers, standardised
    from jetsmith.models._recurrent import gated

    tensors = input_layers(inputs)
    scaled = standardised(inputs, tensors)
    branches = []
    for given in inputs:
        x, group = scaled[given.group], given.group
        if given.kind == "flat":
            x = layers.BatchNormalization(momentum=options.batch_norm, name=f"{group}_norm", dtype=EXACT)(x)
        else:
            mask = tensors[f"{group}_mask"]
            x = LineNorm(options.batch_norm, name=f"{group}_norm")([x, mask])
            for i, width in enumerate(options.convolutions):
                name = f"{group}_convolution_{i}"
                x = layers.Dense(width, activation="relu", use_bias=False, name=name)(x)
                x = layers.Dropout(options.dropout, name=f"{group}_convolution_dropout_{i}")(x)
            x = gated(Slots(name=f"{group}_slots")([x, mask]), mask, options.recurrent, f"{group}_gru")
            x = layers.Dropout(options.dropout, name=f"{group}_gru_dropout")(x)
        branches.append(x)
    x = branches[0] if len(branches) == 1 else layers.Concatenate(name="branches")(branches)
    x = dense_stack(x, options.dense, options.dropout, "relu", None, "dense")
    return keras.Model(tensors, heads(x, outputs))
