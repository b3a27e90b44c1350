"""DeepJet (CMS): 1×1 convolutions and a recurrent layer a sequence, then dense layers.

Sizes and order as in the public networks (cms-data RecoBTag-Combined, DeepFlavourV03_10X and
DeepJet_Run3_122X): batch normalisation on each input, behind each convolution but the last, behind
each recurrent and each dense layer. The recurrent layers read backwards, the leading constituent
last. 1×1 convolutions are dense layers on the last axis, which on a CPU is faster.

Padded slots take no part (`padding: masked`): neither in the recurrent layers nor in the batch
statistics. CMS' own networks do read them (`padding: zeros`): each sequence is filled up with raw
zeros, which go through normalisation, biases and recurrent layers as candidates do. The weights of
DeepFlavourV03_10X need `zeros` and `recurrent_activation: keras1_hard_sigmoid`, those of
DeepJet_Run3_122X `zeros` and `sigmoid`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from jetsmith import plugs
from jetsmith.configuration.records import hint
from jetsmith.models import OF_ROWS, Output
from jetsmith.plugs import Count, Dropout, Momentum
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.features import Inputs
from jetsmith.strict import Name

CONVOLUTIONS = {"charged": (64, 32, 32, 8), "neutral": (32, 16, 4), "vertices": (64, 32, 32, 8)}
RECURRENT = {"charged": 150, "neutral": 50, "vertices": 50}

OUTPUTS = OF_ROWS


class Options(plugs.Options):
    """Sizes of the network."""

    convolutions: dict[Name, tuple[Count, ...]] = Field(
        CONVOLUTIONS,
        description="Widths of each sequence's 1×1 convolutions; those of `charged` where one is not named.",
    )
    recurrent: dict[Name, Count] = Field(
        RECURRENT, description="Units of each sequence's LSTM; those of `neutral` where one is not named."
    )
    dense: tuple[Count, ...] = Field((200, *(100,) * 7), description="Widths of the dense layers.")
    dropout: Dropout = Field(0.1, description="Fraction of units dropped in training.")
    batch_norm: Momentum | None = Field(
        0.9, description="Momentum of the batch normalisation; none for networks without."
    )
    recurrent_activation: Literal["sigmoid", "keras1_hard_sigmoid"] = Field(
        "sigmoid",
        description="Gates of the LSTMs; CMS' 10X has `keras1_hard_sigmoid`, clip(0.2 x + 0.5, 0, 1).",
    )
    padding: Literal["masked", "zeros"] = Field(
        "masked",
        description="Slots behind the last candidate: left out, or read as candidates of raw zeros up to the "
        "full length of the group, as CMS does.",
    )

    def misfits(self, spec: RecipeSpec) -> Iterator[str]:
        """Sequences that are named are among the inputs."""
        sequences = [inputs.group for inputs in spec.inputs if inputs.kind == "sequence"]
        for key in sorted({"convolutions", "recurrent"} & self.model_fields_set):
            for name in getattr(self, key):
                if name not in sequences:
                    yield f"{key}.{name}: no such sequence in `inputs`{hint(name, sequences)}"


def build(inputs: Sequence[Inputs], outputs: Mapping[str, Output], options: Options) -> Any:
    """The network, a `keras.Model`; with five sequences or two, each with its own branch."""
    import keras
    from keras import layers

    from jetsmith.models._layers import (
        Slots,
        dense_stack,
        heads,
        input_layers,
        keras1_hard_sigmoid,
        read_backwards,
        standardised,
    )

    tensors = input_layers(inputs)
    scaled = standardised(inputs, tensors, raw_zeros=options.padding == "zeros")
    gates = {"sigmoid": "sigmoid", "keras1_hard_sigmoid": keras1_hard_sigmoid}[options.recurrent_activation]
    branches = []
    for given in inputs:
        group = given.group
        mask = tensors.get(f"{group}_mask") if options.padding == "masked" else None
        x = _norm(scaled[group], mask, options.batch_norm, f"{group}_norm")
        if given.kind == "sequence":
            x = _convolve(x, mask, options, group)
            units = options.recurrent.get(group, RECURRENT["neutral"])
            if mask is not None:
                x = Slots(name=f"{group}_slots")([x, mask])
            x = read_backwards(x, mask, units, gates, f"{group}_lstm")
            x = _norm(x, None, options.batch_norm, f"{group}_lstm_norm")
            x = layers.Dropout(options.dropout, name=f"{group}_lstm_dropout")(x)
        branches.append(x)
    x = branches[0] if len(branches) == 1 else layers.Concatenate(name="branches")(branches)
    x = dense_stack(x, options.dense, options.dropout, "relu", options.batch_norm, "dense")
    return keras.Model(tensors, heads(x, outputs))


def _convolve(x: Any, mask: Any, options: Options, group: str) -> Any:
    """(…, F) -> (…, widths[-1]); the last convolution has neither normalisation nor dropout."""
    from keras import layers

    widths = options.convolutions.get(group, CONVOLUTIONS["charged"])
    for i, width in enumerate(widths):
        x = layers.Dense(width, activation="relu", name=f"{group}_convolution_{i}")(x)
        if i < len(widths) - 1:
            x = _norm(x, mask, options.batch_norm, f"{group}_convolution_norm_{i}")
            x = layers.Dropout(options.dropout, name=f"{group}_convolution_dropout_{i}")(x)
    return x


def _norm(x: Any, mask: Any, momentum: float | None, name: str) -> Any:
    """Batch normalisation; of lines where there is a mask."""
    from keras import layers

    from jetsmith.models._layers import EXACT, LineNorm

    if momentum is None:
        return x
    if mask is None:
        return layers.BatchNormalization(momentum=momentum, name=name, dtype=EXACT)(x)
    return LineNorm(momentum, name=name)([x, mask])
