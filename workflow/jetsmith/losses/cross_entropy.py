"""Cross-entropy of the classes."""

from typing import Any

from jetsmith.losses import Options as BaseOptions
from jetsmith.losses import Seen

OUTPUT = "classes"


class Options(BaseOptions):
    """Without keys."""


def loss(output: Any, seen: Seen, options: Options) -> Any:
    """Mean of weight × -ln p of the true class; of logits (n, C) a scalar."""
    from keras import ops

    entropy = ops.sparse_categorical_crossentropy(seen.target, output, from_logits=True)
    return ops.mean(seen.weight * entropy)
