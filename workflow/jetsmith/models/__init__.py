"""Architectures of Keras networks: each module here is one; its name is the key `model`.

An architecture is a module with a record `Options`, the keys of `architecture`, and a function
`build(inputs, outputs, options) -> keras.Model`:

- the model's inputs are a dictionary by input group: flat (n, F), sequences (n, T, F) with any T,
  and `<group>_mask` (n, T), True for real constituents;
- it starts with one `Standardise` layer a group, so that a saved model takes raw inputs;
- its outputs are a dictionary by the names and widths of `outputs`, raw: of `classes` the logits, (n, C);
- what lies in padded slots, and how many there are, does not change the result.

The parse reads `Options`: Keras and the building blocks in `_layers` are imported in functions.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from jetsmith import plugs
from jetsmith.specs.features import Inputs


class Architecture(Protocol):
    """What a module of this package offers."""

    Options: ClassVar[type[plugs.Options]]
    """The keys of `architecture` in the classifier's file."""

    def build(self, inputs: Sequence[Inputs], outputs: Mapping[str, int], options: Any) -> Any:
        """The network, a `keras.Model`, as the options say."""
