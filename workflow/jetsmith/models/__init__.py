"""Architectures of Keras networks: each module here is one; its name is the key `model`.

An architecture is a module with a record `Options`, the keys of `architecture`, and a function
`build(inputs, outputs, options) -> keras.Model`:

- the model's inputs are a dictionary by input group: flat (n, F), sequences (n, T, F) with any T,
  and `<group>_mask` (n, T), True for real constituents;
- it starts with one `Standardise` layer a group, so that a saved model takes raw inputs, but for groups
  that it reads as they are;
- its outputs are a dictionary by the names of `outputs`, raw and as these describe them: of `classes` the
  logits, (n, C). Of which kinds they may be is its `OUTPUTS`;
- what lies in padded slots, and how many there are, does not change the result.

The parse reads `Options`: Keras and the building blocks in `_layers` are imported in functions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from jetsmith import plugs
from jetsmith.configuration.records import hint
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.features import Inputs

Kind = Literal["classes", "number", "adversary", "constituents", "pairs"]
CLASSES = "classes"  # the output that every classifier has
OF_ROWS: tuple[Kind, ...] = ("classes", "number", "adversary")


@dataclass(frozen=True)
class Output:
    """What an output of a network is.

    Attributes:
        kind: classes: logits, (n, width). number: one and what belongs to it, (n, width). adversary: logits
            of bins, (n, width), of layers whose gradient comes back with the other sign, and which are not
            saved. constituents: logits of each slot of a group, (n, T, width). pairs: a logit of each pair of
            its slots, (n, T, T), symmetric.
        width: Number of classes, of numbers, of bins, or of origins.
        group: The group of constituents; empty for rows.
        dense: Widths of the layers of an adversary before its logits.
    """

    kind: Kind
    width: int = 1
    group: str = ""
    dense: tuple[int, ...] = ()


class Architecture(Protocol):
    """What a module of this package offers."""

    Options: ClassVar[type[plugs.Options]]
    """The keys of `architecture` in the classifier's file."""

    OUTPUTS: tuple[Kind, ...]
    """The kinds of outputs that it can have."""

    def build(self, inputs: Sequence[Inputs], outputs: Mapping[str, Output], options: Any) -> Any:
        """The network, a `keras.Model`, as the options say."""


def misplaced(
    key: str, named: Mapping[str, Any], features: Callable[[str], Sequence[str]], spec: RecipeSpec
) -> Iterator[str]:
    """What is wrong with features that an architecture wants of each sequence (`Options.misfits`).

    Args:
        key: Of `architecture`.
        named: What stands there, by sequence.
        features: Those of a sequence, named or not.
        spec: The classifier.
    """
    sequences = {inputs.group: inputs.features for inputs in spec.inputs if inputs.kind == "sequence"}
    for group in named:
        if group not in sequences:
            yield f"{key}.{group}: no such sequence in `inputs`{hint(group, list(sequences))}"
    for group, there in sequences.items():
        for name in features(group):
            if name not in there:
                yield f"{key}.{group}: `{name}` is none of its inputs{hint(name, list(there))}"
    if not sequences:
        yield f"{key}: the inputs have no sequence, and this network is one between constituents"
