"""DeepJet (CMS): 1×1 convolutions and a recurrent layer a sequence, then dense layers.

Sizes and order as in the public networks (cms-data RecoBTag-Combined, DeepFlavourV03_10X and
DeepJet_Run3_122X): batch normalisation on each input, behind each convolution but the last, behind
each recurrent and each dense layer. The recurrent layers read backwards, the leading constituent
last. 1×1 convolutions are dense layers on the last axis, which on a CPU is faster. Unlike CMS' own,
padded slots take no part: neither in the recurrent layers nor in the batch statistics.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from jetsmith.models import classify, dense_stack, input_layers, standardised
from jetsmith.specs import Inputs

CONVOLUTIONS = {"charged": (64, 32, 32, 8), "neutral": (32, 16, 4), "vertices": (64, 32, 32, 8)}
RECURRENT = {"charged": 150, "neutral": 50, "vertices": 50}


def build(
    inputs: Sequence[Inputs],
    n_classes: int,
    convolutions: Mapping[str, Sequence[int]] = CONVOLUTIONS,
    recurrent: Mapping[str, int] = RECURRENT,
    dense: Sequence[int] = (200, *(100,) * 7),
    dropout: float = 0.1,
    batch_norm: float | None = 0.9,
) -> keras.Model:
    """The network; with five sequences or two, each with its own branch.

    Args:
        inputs: Input groups, flat and sequences.
        n_classes: Classes.
        convolutions: Widths of the 1×1 convolutions of each sequence.
        recurrent: Units of its LSTM.
        dense: Widths of the dense layers.
        dropout: Fraction of units dropped in training.
        batch_norm: Momentum of the batch normalisation; none for networks without.
    """
    tensors = input_layers(inputs)
    scaled = standardised(inputs, tensors)
    branches = []
    for given in inputs:
        group = given.group
        mask = tensors.get(f"{group}_mask")
        x = _norm(scaled[group], mask, batch_norm, f"{group}_norm")
        if given.kind == "sequence":
            widths = convolutions.get(group, CONVOLUTIONS["charged"])
            x = _convolve(x, mask, widths, dropout, batch_norm, group)
            units = recurrent.get(group, RECURRENT["neutral"])
            x = layers.LSTM(units, go_backwards=True, name=f"{group}_lstm")(x, mask=mask)
            x = _norm(x, None, batch_norm, f"{group}_lstm_norm")
            x = layers.Dropout(dropout, name=f"{group}_lstm_dropout")(x)
        branches.append(x)
    x = branches[0] if len(branches) == 1 else layers.Concatenate(name="branches")(branches)
    x = dense_stack(x, dense, dropout, "relu", batch_norm, "dense")
    return keras.Model(tensors, classify(x, n_classes))


def _convolve(
    x: Any, mask: Any, widths: Sequence[int], dropout: float, batch_norm: float | None, group: str
) -> Any:
    """(n, T, F) -> (n, T, widths[-1]); the last convolution has neither normalisation nor dropout."""
    for i, width in enumerate(widths):
        x = layers.Dense(width, activation="relu", name=f"{group}_convolution_{i}")(x)
        if i < len(widths) - 1:
            x = _norm(x, mask, batch_norm, f"{group}_convolution_norm_{i}")
            x = layers.Dropout(dropout, name=f"{group}_convolution_dropout_{i}")(x)
    return x


def _norm(x: Any, mask: Any, momentum: float | None, name: str) -> Any:
    """Batch normalisation; of sequences over real constituents alone."""
    if momentum is None:
        return x
    return layers.BatchNormalization(momentum=momentum, name=name)(x, mask=mask)
