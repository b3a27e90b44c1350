"""Distance correlation of a score and a column, on background: added to the loss of the classes (DisCo).

Kasieczka and Shih, arXiv 2001.05310. The score is S / (S + sum f_i B_i) of the probabilities. The term is
dCor², from 0, where the two are independent, to 1; of all rows of a batch of the classes `rows`, with the
weights of the training, of which taggers take the absolute value. Batches are to be large: of n independent
rows dCor² is of the order of 1/n, and what is smaller does not teach.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from jetsmith.configuration.records import hint
from jetsmith.losses import DecorrelationOptions, Seen, background
from jetsmith.losses._distance_correlation import squared_distance_correlation
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.strict import Name, Positive

OUTPUT = None


class Options(DecorrelationOptions):
    """Of which score, and on which rows; `weight` is the factor λ of the paper."""

    signal: tuple[Name, ...] = Field((), description="Classes of the score's numerator, added.")
    background: dict[Name, Positive] = Field(
        {}, description="Classes that the denominator has beside these, with their fractions."
    )

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """The score is one of classes of the classifier."""
        yield from super().misfits(spec)
        for key, names in (("signal", self.signal), ("background", tuple(self.background))):
            if not names:
                yield f"{key}: is missing; as `discriminants` have it"
            for name in names:
                if name not in spec.class_names:
                    yield f"{key}: unknown class `{name}`{hint(name, spec.class_names)}"
        for name in self.signal:
            if name in self.background:
                yield f"background: `{name}` is a class of `signal`, too"


def loss(output: Any, seen: Seen, options: Options) -> Any:
    """dCor² of the batch, whatever its size; of logits (n, C) a scalar."""
    from keras import ops

    column, weight = background(seen, options)
    p = ops.softmax(output, axis=-1)
    above = [float(name in options.signal) for name in seen.class_names]
    below = [options.background.get(name, 0.0) for name in seen.class_names]
    signal = ops.sum(p * ops.convert_to_tensor(above, dtype=p.dtype), axis=-1)
    others = ops.sum(p * ops.convert_to_tensor(below, dtype=p.dtype), axis=-1)
    score = signal / ops.maximum(signal + others, 1e-30)
    return squared_distance_correlation(score, column, weight)
