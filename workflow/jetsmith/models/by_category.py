"""A dense network of its own for each value of a flat input, on the inputs that mean something there.

CSVv2 (CMS, arXiv 1712.07158): shallow networks of jets with a vertex, with a pseudo vertex and with none.

CMS levels the flavours within each category k, so that a network gives the likelihood ratio of two flavours
there, p(x | b, k) / p(x | c, k), and multiplies by the ratio of the category's priors, P(k | b) / P(k | c).
Here all networks learn together, from classes of the same sum of weights (`balance: class`, `pt_eta_class`).
A jet passes no gradient to networks of other categories, so each has the minimum that it would have alone: it
gives flavour f the share of P(k | f) p(x | f, k) in the sum of that over all flavours. Its ratios are CMS'
product: networks learn the priors of categories from the rows trained on, as these weigh. Those of flavours
are the fractions of a discriminant.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

from pydantic import Field

from jetsmith import plugs
from jetsmith.configuration.records import hint
from jetsmith.models import Kind, Output
from jetsmith.plugs import Count, Dropout
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.features import Inputs
from jetsmith.strict import Label, Single

OUTPUTS: tuple[Kind, ...] = ("classes", "number")
CATEGORIES = {"RecoVertex": 0.0, "PseudoVertex": 1.0, "NoVertex": 2.0}


class Options(plugs.Options):
    """Categories, and sizes of their networks."""

    category: str = Field("vertexCategory", description="Flat input by which a jet's network is chosen.")
    values: dict[Label, Single] = Field(
        CATEGORIES,
        min_length=2,
        description="Value of that input by name of the category; the last is that of all other values, too.",
    )
    without: dict[Label, tuple[str, ...]] = Field(
        {}, description="Inputs that the network of a category does not read, by its name."
    )
    dense: tuple[Count, ...] = Field((20,), description="Widths of the layers of each network.")
    dropout: Dropout = Field(0.0, description="Fraction of units dropped in training.")
    activation: Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "tanh"] = (
        Field("tanh", description="Keras' name of the activation.")
    )

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """Flat inputs, the category among them; each network reads some of them."""
        names = [name for inputs in spec.inputs for name in inputs.features]
        sequences = [inputs.group for inputs in spec.inputs if inputs.kind == "sequence"]
        if sequences:
            yield f"category: such networks read flat inputs alone; leave {', '.join(sequences)} out"
        if names.count(self.category) != 1:
            yield f"category: needs one input `{self.category}`{hint(self.category, names)}"
        if len(set(self.values.values())) < len(self.values):
            shown = ", ".join(f"{name}: {value:g}" for name, value in self.values.items())
            yield f"values: one value is two categories: {{{shown}}}"
        for name, left_out in self.without.items():
            if name not in self.values:
                yield f"without.{name}: no such category in `values`{hint(name, self.values)}"
            for one in left_out:
                if one not in names:
                    yield f"without.{name}: no input `{one}`{hint(one, names)}"
            if not set(names) - {*left_out, self.category}:
                yield f"without.{name}: leaves no input for the network of that category"


def build(inputs: Sequence[Inputs], outputs: Mapping[str, Output], options: Options) -> Any:
    """The networks as one; a `keras.Model`. The category itself is the same for all jets of a network."""
    import keras
    from keras import layers

    from jetsmith.models._categories import Chosen, Columns
    from jetsmith.models._layers import EXACT, dense_stack, input_layers, standardised

    tensors = input_layers(inputs)
    scaled = list(standardised(inputs, tensors).values())
    x = scaled[0] if len(scaled) == 1 else layers.Concatenate(name="inputs")(scaled)
    names = list(chain.from_iterable(given.features for given in inputs))
    (given,) = (given for given in inputs if options.category in given.features)
    where = [given.features.index(options.category)]
    category = Columns(where, name="category", dtype=EXACT)(tensors[given.group])
    networks = {}
    for name in options.values:
        unseen = {*options.without.get(name, ()), options.category}
        places = [place for place, feature in enumerate(names) if feature not in unseen]
        y = Columns(places, name=f"{name}_inputs")(x)
        networks[name] = dense_stack(y, options.dense, options.dropout, options.activation, None, name)
    found = {}
    for output, wanted in outputs.items():
        said = [
            layers.Dense(wanted.width, name=f"{output}_{name}", dtype=EXACT)(y)
            for name, y in networks.items()
        ]
        choose = Chosen(list(options.values.values())[:-1], name=output, dtype=EXACT)
        found[output] = choose([category, *said])
    return keras.Model(tensors, found)
