"""Residual 1D convolutions on constituents in their order, as DeepAK8 (CMS) has them: P-CNN.

Source: arXiv 2004.08262 and the public training code of CMS; sizes and order as there: of candidates a
convolution and three stages of two residual units, of vertices one stage less, each unit two convolutions
of three neighbours behind batch normalisation and ReLU, each stage but the first in strides of two; the mean
over what is left; a dense layer of 512. With seven inputs, candidates alone and two classes it is the P-CNN
of arXiv 1902.08570.

Padded slots take no part: neither in convolutions nor in batch statistics nor in the mean. CMS' network does
read them, as zeros.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from jetsmith import plugs
from jetsmith.configuration.records import hint
from jetsmith.models import OF_ROWS, Output
from jetsmith.plugs import Count, Dropout, Momentum
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.features import Inputs
from jetsmith.strict import Name

OUTPUTS = OF_ROWS
CANDIDATES = (32, 64, 64, 128)


class Options(plugs.Options):
    """Sizes of the network."""

    convolutions: dict[Name, tuple[Count, ...]] = Field(
        {"ak8_vertices": (32, 32, 64)},
        description="Of each sequence the filters of the first convolution, then those of each stage; "
        "(32, 64, 64, 128) where one is not named.",
    )
    units: int = Field(2, gt=0, le=100, description="Residual units a stage, of two convolutions each.")
    dense: tuple[Count, ...] = Field(
        (512,), description="Widths of the dense layers, which flat inputs join."
    )
    dropout: Dropout = Field(0.2, description="Fraction of units of the dense layers dropped in training.")
    batch_norm: Momentum = Field(0.9, description="Momentum of the batch normalisation.")

    def misfits(self, spec: RecipeSpec) -> Iterator[str]:
        """Sequences that are named are among the inputs, and have filters."""
        sequences = [inputs.group for inputs in spec.inputs if inputs.kind == "sequence"]
        for name, filters in self.convolutions.items():
            if name not in sequences and "convolutions" in self.model_fields_set:
                yield f"convolutions.{name}: no such sequence in `inputs`{hint(name, sequences)}"
            if not filters:
                yield f"convolutions.{name}: is empty; it starts with the filters of the first convolution"


def build(inputs: Sequence[Inputs], outputs: Mapping[str, Output], options: Options) -> Any:
    """The network, a `keras.Model`; each sequence has its own branch."""
    import keras
    from keras import layers

    from jetsmith.models._layers import dense_stack, heads, input_layers, standardised

    tensors = input_layers(inputs)
    scaled = standardised(inputs, tensors)
    branches = []
    for given in inputs:
        x = scaled[given.group]
        if given.kind == "sequence":
            x = _branch(x, tensors[f"{given.group}_mask"], given.group, options)
        branches.append(x)
    x = branches[0] if len(branches) == 1 else layers.Concatenate(name="branches")(branches)
    x = dense_stack(x, options.dense, options.dropout, "relu", None, "dense")
    return keras.Model(tensors, heads(x, outputs))


def _branch(x: Any, mask: Any, group: str, options: Options) -> Any:
    """Lines of a group, (m, F), through all stages and the mean; (n, filters[-1])."""
    from jetsmith.models._convolutions import MeanOfReal, Strided
    from jetsmith.models._layers import LineNorm, Slots

    first, *stages = options.convolutions.get(group, CANDIDATES)
    x = LineNorm(options.batch_norm, name=f"{group}_norm")([x, mask])
    x = _convolved(x, mask, first, 1, f"{group}_convolution")
    for stage, filters in enumerate(stages):
        for unit in range(options.units):
            stride = 2 if stage and not unit else 1
            name = f"{group}_stage_{stage}_unit_{unit}"
            behind = Strided(name=f"{name}_mask")(mask) if stride > 1 else mask
            x = _unit(x, mask, behind, filters, stride, not unit, name, options)
            mask = behind
    x = _activated(x, mask, f"{group}_last", options)
    return MeanOfReal(name=f"{group}_mean")([Slots(name=f"{group}_slots")([x, mask]), mask])


def _unit(
    x: Any, mask: Any, behind: Any, filters: int, stride: int, widens: bool, name: str, options: Options
) -> Any:
    """Two convolutions, added to what they saw; the first unit of a stage projects that."""
    from keras import layers

    from jetsmith.models._attention import Added
    from jetsmith.models._convolutions import Second

    seen = _activated(x, mask, f"{name}_0", options)
    y = _convolved(seen, mask, filters, stride, f"{name}_convolution_0")
    y = _activated(y, behind, f"{name}_1", options)
    y = _convolved(y, behind, filters, 1, f"{name}_convolution_1")
    if widens:
        if stride > 1:
            seen = Second(name=f"{name}_second")([seen, mask])
        x = layers.Dense(filters, use_bias=False, name=f"{name}_shortcut")(seen)
    return Added(name=f"{name}_sum")([x, y])


def _convolved(x: Any, mask: Any, filters: int, stride: int, name: str) -> Any:
    from keras import layers

    from jetsmith.models._convolutions import Neighbours

    x = Neighbours(stride, name=f"{name}_neighbours")([x, mask])
    return layers.Dense(filters, use_bias=False, name=name)(x)


def _activated(x: Any, mask: Any, name: str, options: Options) -> Any:
    from keras import layers

    from jetsmith.models._layers import LineNorm

    return layers.ReLU(name=f"{name}_relu")(LineNorm(options.batch_norm, name=f"{name}_norm")([x, mask]))
