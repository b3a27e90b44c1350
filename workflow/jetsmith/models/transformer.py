"""Attention between constituents, with heads for these and their pairs, as GN2 (ATLAS) has them.

Source: ATL-PHYS-PUB-2022-027 and arXiv 2505.19689; layers as in the public code (salt). Each constituent is
joined by the jet's flat inputs and embedded; encoder layers normalise first; an attention pooling makes one
representation of the jet, from which the classes are told. Heads of constituents and of their pairs see
this representation, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from jetsmith import plugs
from jetsmith.models import Output
from jetsmith.plugs import Count, Dropout
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.features import Inputs

OUTPUTS = ("classes", "number", "constituents", "pairs")


class Options(plugs.Options):
    """Sizes of the network."""

    embedding: tuple[Count, ...] = Field(
        (64,),
        description="Widths of the hidden layers that embed a constituent; each sequence has its own.",
    )
    width: Count = Field(64, description="Features of a constituent between the layers of the encoder.")
    layers: int = Field(3, gt=0, le=100, description="Layers of the encoder.")
    heads: Count = Field(4, description="Heads of the attention in each; a divisor of `width`.")
    feed_forward: Count = Field(
        128, description="Width of the hidden layer behind the attention in each layer."
    )
    pooled: Count = Field(64, description="Features of a constituent behind the encoder, and of the jet.")
    jet: tuple[Count, ...] = Field((64, 32), description="Widths of the network on the pooled jet.")
    head: Count = Field(32, description="Width of the hidden layer of heads of constituents, and of pairs.")
    dropout: Dropout = Field(
        0.1, description="Fraction of units dropped in training, in encoder and the jet's network."
    )

    def misfits(self, spec: RecipeSpec) -> Iterator[str]:
        """Heads share the width."""
        if self.width % self.heads:
            yield f"heads: {self.heads}; must divide `width`, {self.width}"


def build(inputs: Sequence[Inputs], outputs: Mapping[str, Output], options: Options) -> Any:
    """The network, a `keras.Model`; constituents of all sequences are one set."""
    import keras
    from keras import layers

    from jetsmith.models._attention import AttentionPooling, normalised
    from jetsmith.models._layers import Lines, Slots, dense_stack, heads, input_layers, standardised

    tensors = input_layers(inputs)
    scaled = standardised(inputs, tensors)
    sequences = [given.group for given in inputs if given.kind == "sequence"]
    masks = {group: tensors[f"{group}_mask"] for group in sequences}
    jet = _joined([scaled[given.group] for given in inputs if given.kind == "flat"], "jet_inputs")
    slots = []
    for group, mask in masks.items():
        x = _embedded(scaled[group], jet, mask, group, options)
        slots.append(Slots(name=f"{group}_slots")([x, mask]))
    mask = _joined(list(masks.values()), "mask")
    x = Lines(name="constituents")([_joined(slots, "slots", axis=1), mask])
    for number in range(options.layers):
        x = _encoded(x, mask, f"encoder_{number}", options)
    x = layers.Dense(options.pooled, name="encoded")(normalised(x, "encoder_norm"))
    weight = layers.Dense(1, name="pooling_weight")(x)
    pooled = AttentionPooling(name="pooling", dtype="float32")([x, weight, mask])
    seen = _joined([x, weight], "weighted")
    y = dense_stack(pooled, options.jet, options.dropout, "relu", None, "jet")
    found = heads(y, {name: given for name, given in outputs.items() if not given.group})
    for name, given in outputs.items():
        if given.group:
            found[name] = _head(name, given, seen, pooled, masks, options)
    return keras.Model(tensors, {name: found[name] for name in outputs})


def _joined(tensors: Sequence[Any], name: str, axis: int = -1) -> Any:
    """One behind the other; a single one as it is, and None of none."""
    from keras import layers

    if len(tensors) < 2:
        return tensors[0] if tensors else None
    return layers.Concatenate(axis=axis, name=name)(tensors)


def _embedded(x: Any, jet: Any, mask: Any, group: str, options: Options) -> Any:
    """Lines of a group with the jet's inputs beside them, in the width of the encoder."""
    from keras import layers

    from jetsmith.models._attention import OfEachLine

    if jet is not None:
        x = _joined([x, OfEachLine(name=f"{group}_jet")([jet, mask])], f"{group}_with_jet")
    for i, width in enumerate(options.embedding):
        x = layers.Dense(width, activation="relu", name=f"{group}_embedding_{i}")(x)
    return layers.Dense(options.width, name=f"{group}_embedding")(x)


def _encoded(x: Any, mask: Any, name: str, options: Options) -> Any:
    """A layer of the encoder on lines, (m, D): attention, then dense layers, each added to what it saw."""
    from keras import layers

    from jetsmith.models._attention import Attention, added, normalised

    y = layers.Dense(3 * options.width, name=f"{name}_projections")(normalised(x, f"{name}_norm_0"))
    y = Attention(options.heads, name=f"{name}_attention")([y, mask])
    y = layers.Dense(options.width, name=f"{name}_mixed")(y)
    x = added(x, y, options.dropout, f"{name}_sum_0")
    y = normalised(x, f"{name}_norm_1")
    y = layers.Dense(options.feed_forward, activation="relu", name=f"{name}_feed_forward_0")(y)
    y = layers.Dense(options.width, name=f"{name}_feed_forward_1")(y)
    return added(x, y, options.dropout, f"{name}_sum_1")


def _head(name: str, given: Output, x: Any, pooled: Any, masks: Mapping[str, Any], options: Options) -> Any:
    """Logits of constituents of a group, or of their pairs, from what the encoder and the pooling made."""
    from keras import layers

    from jetsmith.models._attention import Added, OfEachLine, Pairs, Stretch, Symmetric
    from jetsmith.models._layers import Slots, head_name

    number, mask, name = list(masks).index(given.group), masks[given.group], head_name(name)
    if len(masks) > 1:
        x = Stretch(number, name=f"{name}_lines")([x, *masks.values()])
    of_jet = layers.Dense(options.head, use_bias=False, name=f"{name}_of_jet")(pooled)
    y = layers.Dense(options.head, name=f"{name}_hidden")(x)
    y = Added(name=f"{name}_with_jet")([y, OfEachLine(name=f"{name}_jet")([of_jet, mask])])
    if given.kind == "constituents":
        y = layers.Dense(given.width, name=name, dtype="float32")(layers.ReLU(name=f"{name}_relu")(y))
        return Slots(name=f"{name}_slots", dtype="float32")([y, mask])
    others = layers.Dense(options.head, use_bias=False, name=f"{name}_of_other")(x)
    y = layers.ReLU(name=f"{name}_relu")(Pairs(name=f"{name}_pairs")([y, others, mask]))
    y = layers.Dense(1, name=f"{name}_pair", dtype="float32")(y)
    return Symmetric(name=name, dtype="float32")([y, mask])
