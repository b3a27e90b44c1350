"""Particle Transformer: attention that knows of each pair of constituents how they lie.

Source: arXiv 2202.03772; structure and sizes as in the public code (weaver-core, ParticleTransformer and
ParticleTransformerTagger). To the products of queries and keys a network on ln kT, ln z, ln Delta and ln m²
of each pair adds a number a head; a token of the row reads what the blocks made by class attention. Each
sequence is embedded by its own layers; then all constituents are one set.

Constituents count as massless. Batch statistics and attention are those of real constituents and their pairs
alone; the public code has padded ones among the statistics.
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
MOMENTA = ("pt_log_nopuppi", "etarel", "phirel")


class Options(plugs.Options):
    """Sizes of the network."""

    momenta: dict[Name, tuple[str, str, str]] = Field(
        {"ak8_vertices": ("pt_log", "etarel", "phirel")},
        description="Of each sequence the features that are ln(pt / GeV), pseudorapidity and azimuth, both "
        "relative to any axis; (pt_log_nopuppi, etarel, phirel) where one is not named.",
    )
    embedding: tuple[Count, ...] = Field(
        (128, 512, 128),
        description="Widths of the layers that embed a constituent; the last is that of the blocks.",
    )
    pairs: tuple[Count, ...] = Field((64, 64, 64), description="Widths of the hidden layers on a pair.")
    layers: int = Field(8, gt=0, le=100, description="Blocks of attention between constituents.")
    class_layers: int = Field(2, gt=0, le=100, description="Blocks by which the row's token reads these.")
    heads: Count = Field(8, description="Heads of the attention; a divisor of the width of the blocks.")
    feed_forward: int = Field(
        4, gt=0, le=100, description="Width of the layer behind the attention, in those of the block."
    )
    dense: tuple[Count, ...] = Field(
        (), description="Widths of dense layers on the token, which flat inputs join."
    )
    dropout: Dropout = Field(
        0.1, description="Fraction of units dropped in training, in blocks between constituents."
    )
    batch_norm: Momentum = Field(
        0.9, description="Momentum of the batch normalisation of inputs and of pairs."
    )

    def of_group(self, group: str) -> tuple[str, str, str]:
        """Features of a sequence that are its momenta."""
        return self.momenta.get(group, MOMENTA)

    def misfits(self, spec: RecipeSpec) -> Iterator[str]:
        """There are sequences, with momenta; heads share the width."""
        named = "momenta" in self.model_fields_set
        yield from misplaced("momenta", self.momenta if named else {}, self.of_group, spec)
        if not self.embedding:
            yield "embedding: is empty; its last width is that of the blocks"
        elif self.embedding[-1] % self.heads:
            yield f"heads: {self.heads}; must divide the last of `embedding`, {self.embedding[-1]}"


def build(inputs: Sequence[Inputs], outputs: Mapping[str, Output], options: Options) -> Any:
    """The network, a `keras.Model`."""
    import keras
    from keras import layers

    from jetsmith.models._attention import added, normalised
    from jetsmith.models._layers import dense_stack, heads, input_layers, standardised
    from jetsmith.models._pairs import ClassToken
    from jetsmith.models._sets import coordinates_of, one_set

    tensors = input_layers(inputs)
    scaled = standardised(inputs, tensors)
    sequences = [given for given in inputs if given.kind == "sequence"]
    embedded = {
        given.group: _embedded(scaled[given.group], tensors[f"{given.group}_mask"], given.group, options)
        for given in sequences
    }
    places = {given.group: options.of_group(given.group) for given in sequences}
    momenta = coordinates_of(sequences, tensors, places)
    x, mask = one_set(embedded, tensors)
    bias = _pairs(momenta, mask, options)
    for number in range(options.layers):
        name = f"block_{number}"
        y = _attended(x, mask, bias, name, options)
        x = _fed(added(x, y, options.dropout, f"{name}_sum_0"), name, options.dropout, options)
    token = ClassToken(options.embedding[-1], name="token")(mask)
    for number in range(options.class_layers):
        name = f"class_block_{number}"
        y = _read(token, x, mask, name, options)
        token = _fed(added(token, y, 0.0, f"{name}_sum_0"), name, 0.0, options)
    y = normalised(token, "norm")
    flat = [scaled[given.group] for given in inputs if given.kind == "flat"]
    y = layers.Concatenate(name="jet")([y, *flat]) if flat else y
    y = dense_stack(y, options.dense, options.dropout, "relu", None, "dense")
    return keras.Model(tensors, heads(y, outputs))


def _embedded(x: Any, mask: Any, group: str, options: Options) -> Any:
    """Lines of a group, (m, F), in the width of the blocks."""
    from keras import layers

    from jetsmith.models._attention import normalised
    from jetsmith.models._layers import LineNorm

    x = LineNorm(options.batch_norm, name=f"{group}_norm")([x, mask])
    for i, width in enumerate(options.embedding):
        x = normalised(x, f"{group}_embedding_norm_{i}")
        x = layers.Dense(width, activation="gelu", name=f"{group}_embedding_{i}")(x)
    return x


def _pairs(momenta: Any, mask: Any, options: Options) -> Any:
    """What attention adds of each pair, (n, heads, T, T)."""
    from keras import layers

    from jetsmith.models._layers import LineNorm, Slots
    from jetsmith.models._pairs import Couples, PairBias, PairFeatures

    couples = Couples(name="couples")(mask)
    x = PairFeatures(name="pairs")([momenta, mask, couples])
    x = LineNorm(options.batch_norm, name="pairs_norm")([x, couples])
    widths = (*options.pairs, options.heads)
    for i, width in enumerate(widths):
        x = layers.Dense(width, name=f"pairs_{i}")(x)
        x = LineNorm(options.batch_norm, name=f"pairs_norm_{i}")([x, couples])
        if i < len(widths) - 1:
            x = layers.Activation("gelu", name=f"pairs_gelu_{i}")(x)
    return PairBias(name="pairs_bias")([Slots(name="pairs_slots")([x, couples]), mask])


def _attended(x: Any, mask: Any, bias: Any, name: str, options: Options) -> Any:
    """What a constituent takes from all others, (m, D)."""
    from keras import layers

    from jetsmith.models._attention import normalised
    from jetsmith.models._layers import Lines, Slots
    from jetsmith.models._pairs import Mean, Scaled, Shares

    width = options.embedding[-1]
    y = layers.Dense(3 * width, name=f"{name}_projections")(normalised(x, f"{name}_norm_0"))
    y = Slots(name=f"{name}_slots")([y, mask])
    share = Shares(name=f"{name}_shares")([y, bias])
    if options.dropout:
        share = layers.Dropout(options.dropout, name=f"{name}_shares_dropout")(share)
    y = Lines(name=f"{name}_lines")([Mean(name=f"{name}_mean")([y, share]), mask])
    y = layers.Dense(width, name=f"{name}_mixed")(y)
    return normalised(Scaled(options.heads, name=f"{name}_heads")(y), f"{name}_norm_1")


def _read(token: Any, x: Any, mask: Any, name: str, options: Options) -> Any:
    """What the row's token takes from constituents and itself, (n, D)."""
    from keras import layers

    from jetsmith.models._attention import normalised
    from jetsmith.models._layers import Slots
    from jetsmith.models._pairs import ClassAttention, Scaled

    width = options.embedding[-1]
    norm = layers.LayerNormalization(epsilon=1e-5, name=f"{name}_norm_0", dtype="float32")
    projections = layers.Dense(2 * width, name=f"{name}_projections")
    own, others = projections(norm(token)), projections(norm(x))
    others = Slots(name=f"{name}_slots")([others, mask])
    query = layers.Dense(width, name=f"{name}_query")(token)
    y = ClassAttention(options.heads, name=f"{name}_attention")([query, own, others, mask])
    y = layers.Dense(width, name=f"{name}_mixed")(y)
    return normalised(Scaled(options.heads, name=f"{name}_heads")(y), f"{name}_norm_1")


def _fed(x: Any, name: str, dropout: float, options: Options) -> Any:
    """A network on each constituent, or on the token, added to a part of what it saw."""
    from keras import layers

    from jetsmith.models._attention import added, normalised
    from jetsmith.models._pairs import Scaled

    width = options.embedding[-1]
    y = normalised(x, f"{name}_norm_2")
    y = layers.Dense(options.feed_forward * width, activation="gelu", name=f"{name}_feed_forward_0")(y)
    if dropout:
        y = layers.Dropout(dropout, name=f"{name}_feed_forward_dropout")(y)
    y = layers.Dense(width, name=f"{name}_feed_forward_1")(normalised(y, f"{name}_norm_3"))
    return added(Scaled(width, name=f"{name}_kept")(x), y, dropout, f"{name}_sum_1")
