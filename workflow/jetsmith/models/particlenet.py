"""ParticleNet: convolutions on the edges of graphs, each drawn anew between nearest constituents.

Source: arXiv 1902.08570; structure and names of sizes as in the public code (weaver-core, ParticleNet and
ParticleNetTagger), default sizes as in the paper and in CMS' networks. An edge convolution is a network on
each edge, the mean over the edges of a constituent, and a shortcut. The first graph is of coordinates, by
default etarel and phirel, the next ones are of what the layer before made. Of two sequences or more each is
embedded first, and all constituents are one set.

The first layer on an edge, there of (x, x' - x), is here the sum of one of x and of one of x': the same
functions with as many weights, at a fraction of the products. Padded slots are nobody's neighbours; in the
public code they are where a jet has few others.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from jetsmith import plugs
from jetsmith.models import OF_ROWS, Output, misplaced
from jetsmith.plugs import Count, Dropout, Momentum
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.features import Inputs
from jetsmith.strict import Name

OUTPUTS = OF_ROWS
COORDINATES = ("etarel", "phirel")


class Options(plugs.Options):
    """Sizes of the network."""

    coordinates: dict[Name, tuple[str, str]] = Field(
        {},
        description="Of each sequence the two features by whose distances the first neighbours are found, as "
        "they are before scaling; (etarel, phirel) where one is not named.",
    )
    embedding: Count = Field(
        32,
        description="Features of a constituent where there are several sequences; each has its own layer.",
    )
    neighbours: Count = Field(16, description="Edges of a constituent, to those that are nearest.")
    convolutions: tuple[tuple[Count, ...], ...] = Field(
        ((64, 64, 64), (128, 128, 128), (256, 256, 256)),
        description="Of each edge convolution the widths of the layers on an edge.",
    )
    fusion: bool = Field(
        True, description="A layer on what all edge convolutions give, not on the last's alone."
    )
    dense: tuple[Count, ...] = Field(
        (256,), description="Widths of the dense layers, which flat inputs join."
    )
    dropout: Dropout = Field(0.1, description="Fraction of units of the dense layers dropped in training.")
    batch_norm: Momentum = Field(0.9, description="Momentum of the batch normalisation.")

    def of_group(self, group: str) -> tuple[str, str]:
        """Features of a sequence that are its coordinates."""
        return self.coordinates.get(group, COORDINATES)

    def misfits(self, spec: RecipeSpec) -> Iterator[str]:
        """There are sequences, with coordinates, and convolutions."""
        yield from misplaced("coordinates", self.coordinates, self.of_group, spec)
        if not self.convolutions or not all(self.convolutions):
            yield "convolutions: each has a width, and there is one at least"


def build(inputs: Sequence[Inputs], outputs: Mapping[str, Output], options: Options) -> Any:
    """The network, a `keras.Model`."""
    import keras
    from keras import layers

    from jetsmith.models._convolutions import MeanOfReal
    from jetsmith.models._layers import Slots, dense_stack, heads, input_layers, standardised
    from jetsmith.models._sets import coordinates_of, one_set

    tensors = input_layers(inputs)
    scaled = standardised(inputs, tensors)
    sequences = [given for given in inputs if given.kind == "sequence"]
    found = {}
    for given in sequences:
        x, mask = scaled[given.group], tensors[f"{given.group}_mask"]
        x = _norm(x, mask, f"{given.group}_norm", options)
        found[given.group] = (
            x
            if len(sequences) == 1
            else _layer(x, mask, options.embedding, f"{given.group}_embedding", options)
        )
    places = {given.group: options.of_group(given.group) for given in sequences}
    points = coordinates_of(sequences, tensors, places)
    x, mask = one_set(found, tensors)
    if len(sequences) > 1:
        x = _norm(x, mask, "norm", options)
    outcomes = []
    for number, widths in enumerate(options.convolutions):
        name = f"edges_{number}"
        x = _edge_convolution(x, points, mask, widths, name, options)
        outcomes.append(x)
        if number < len(options.convolutions) - 1:
            points = Slots(name=f"{name}_points")([x, mask])
    if options.fusion:
        x = outcomes[0] if len(outcomes) == 1 else layers.Concatenate(name="outcomes")(outcomes)
        width = min(max(sum(widths[-1] for widths in options.convolutions) // 128 * 128, 128), 1024)
        x = _layer(x, mask, width, "fusion", options)
    x = MeanOfReal(name="mean")([Slots(name="slots")([x, mask]), mask])
    flat = [scaled[given.group] for given in inputs if given.kind == "flat"]
    x = layers.Concatenate(name="jet")([x, *flat]) if flat else x
    x = dense_stack(x, options.dense, options.dropout, "relu", None, "dense")
    return keras.Model(tensors, heads(x, outputs))


def _edge_convolution(
    x: Any, points: Any, mask: Any, widths: Sequence[int], name: str, options: Options
) -> Any:
    """Lines of constituents, (m, D), by what their edges say; (m, widths[-1])."""
    from keras import layers

    from jetsmith.models._attention import Added
    from jetsmith.models._edges import EdgeNorm, Edges, MeanOfEdges, Nearest

    numbers = Nearest(options.neighbours, name=f"{name}_nearest")([points, mask])
    own, others = (
        layers.Dense(widths[0], use_bias=False, name=f"{name}_{whose}")(x) for whose in ("own", "others")
    )
    y = Edges(name=name)([own, others, numbers])
    for i, width in enumerate(widths):
        if i:
            y = layers.Dense(width, use_bias=False, name=f"{name}_{i}")(y)
        y = EdgeNorm(options.batch_norm, name=f"{name}_norm_{i}")([y, numbers])
        y = layers.ReLU(name=f"{name}_relu_{i}")(y)
    y = MeanOfEdges(name=f"{name}_mean")([y, numbers])
    if x.shape[-1] != widths[-1]:
        x = layers.Dense(widths[-1], use_bias=False, name=f"{name}_shortcut")(x)
        x = _norm(x, mask, f"{name}_shortcut_norm", options)
    return layers.ReLU(name=f"{name}_relu")(Added(name=f"{name}_sum")([x, y]))


def _layer(x: Any, mask: Any, width: int, name: str, options: Options) -> Any:
    from keras import layers

    x = layers.Dense(width, use_bias=False, name=name)(x)
    return layers.ReLU(name=f"{name}_relu")(_norm(x, mask, f"{name}_norm", options))


def _norm(x: Any, mask: Any, name: str, options: Options) -> Any:
    from jetsmith.models._layers import LineNorm

    return LineNorm(options.batch_norm, name=name)([x, mask])
