"""An adversary that predicts the bin of a column from what the layer before the outputs holds.

As in DeepAK8-MD (CMS, arXiv 2004.08262), after Ganin and Lempitsky (arXiv 1409.7495): layers of their own
learn the bin by cross-entropy, of background alone; what comes before them gets their gradient times -1, and
so unlearns what tells the bin. `weight` is λ, the factor of that gradient. The adversary is not saved.

Epochs are compared by the loss of the classes plus λ times what the adversary knows [nats]: the entropy of
the bins less its cross-entropy, or 0. One that has not learned yet knows nothing, so that the first epochs of
a small sample may look better than they are.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from jetsmith.configuration.records import rising
from jetsmith.losses import DecorrelationOptions, Seen, background
from jetsmith.plugs import Count
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.strict import Single

OUTPUT = "adversary"


class Options(DecorrelationOptions):
    """What it predicts, and its size."""

    edges: tuple[Single, ...] = Field(
        (), description="Edges of the bins; of a count halves between. What is beyond is in the end bins."
    )
    dense: tuple[Count, ...] = Field((64, 64), description="Widths of its layers before the bins.")

    @property
    def of(self) -> tuple[str, int]:
        """A logit a bin."""
        return "", max(len(self.edges) - 1, 1)

    @property
    def layers(self) -> tuple[int, ...]:
        """They are those of `dense`."""
        return self.dense

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """There are two bins at least."""
        yield from super().misfits(spec)
        if len(self.edges) < 3:
            yield f"edges: {list(self.edges)}; two bins at least, three edges that rise"
        else:
            yield from rising(self.edges, "edges")


def loss(output: Any, seen: Seen, options: Options) -> Any:
    """What the adversary knows, whose gradient is that of its cross-entropy; of logits (n, K) a scalar."""
    from keras import ops

    column, weight = background(seen, options)
    inner = ops.convert_to_tensor(options.edges[1:-1], dtype=column.dtype)
    place = ops.sum(ops.cast(ops.expand_dims(column, 1) >= inner, "int32"), axis=1)
    truth = ops.one_hot(place, output.shape[-1], dtype=output.dtype)
    share = ops.expand_dims(weight / ops.maximum(ops.sum(weight), 1e-12), 1) * truth  # (n, K)
    entropy = -ops.sum(share * ops.log_softmax(output, axis=-1))
    bins = ops.sum(share, axis=0)
    all_of_it = -ops.sum(bins * ops.log(ops.maximum(bins, 1e-12)))
    known = ops.stop_gradient(ops.maximum(all_of_it - entropy, 0.0))
    return known + (entropy - ops.stop_gradient(entropy))
