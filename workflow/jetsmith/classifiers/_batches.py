"""What engines share, in keras.ops: a batch out of a window on the device, and a network's loss on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from jetsmith import plugs
from jetsmith.classifiers._feed import Data
from jetsmith.losses import Loss, Seen
from jetsmith.models import CLASSES
from jetsmith.specs.classifiers import LossSpec, RecipeSpec
from jetsmith.specs.features import Inputs

Tensor = Any


@dataclass(frozen=True)
class Term:
    """One term of the sum that a network learns by: a loss, its keys, its factor."""

    plug: Loss
    options: Any
    weight: float


def terms(spec: RecipeSpec) -> dict[str, Term]:
    """The losses of a classifier, by output of its network, without those of weight 0.

    Raises:
        ConfigError: There is no such loss.
    """
    found = {}
    for name, given in (spec.losses or {CLASSES: LossSpec()}).items():
        if not given.weight:
            continue
        plug = plugs.find("losses", given.loss, f"{spec.name}: losses.{name}", "value")
        found[name] = Term(cast(Loss, plug), plug.Options.model_validate(given.options), given.weight)
    return found


def summed_loss(
    spec: RecipeSpec, slots: Callable[[Tensor, int], Tensor]
) -> Callable[[dict[str, Tensor], Data, Tensor], Tensor]:
    """The sum of factor × loss over all outputs, of rows of a window: (outputs, window, rows) -> scalar."""
    from keras import ops

    summed = terms(spec)

    def loss(found: dict[str, Tensor], data: Data, which: Tensor) -> Tensor:
        side = {name: ops.take(values, which) for name, values in data["side"].items()}
        target, weight = ops.take(data["target"], which), ops.take(data["weight"], which)
        mask = {}
        if spec.auxiliary:
            batch = gather(spec.auxiliary, data["constituents"], which, slots)
            for inputs in spec.auxiliary:
                mask[inputs.group] = batch[f"{inputs.group}_mask"]
                side |= {name: batch[inputs.group][..., k] for k, name in enumerate(inputs.features)}
        seen = Seen(target, weight, side, spec.class_names, mask)
        losses = []
        for name, term in summed.items():
            output = found[CLASSES if term.plug.OUTPUT is None else name]
            losses.append(term.weight * term.plug.loss(output, seen, term.options))
        return sum(losses[1:], start=losses[0])

    return loss


def gather(
    inputs: Sequence[Inputs], window: Data, which: Tensor, slots: Callable[[Tensor, int], Tensor]
) -> dict[str, Tensor]:
    """The inputs of a network for some rows of a window, sequences padded with zeros, and masks.

    Args:
        inputs: Inputs of the classifier.
        window: Its arrays on the device (`packed.windows.Window`).
        which: Rows, shape (n,), int32.
        slots: Gives, of the rows' constituents (n,) and the length of the group, the slots 0, 1, … T - 1.
    """
    from keras import ops

    batch = {}
    for given in inputs:
        values = window[given.group]
        if given.kind == "flat":
            batch[given.group] = ops.take(values, which, axis=0)
            continue
        offsets = window[f"{given.group}_offsets"]
        first = ops.take(offsets, which)
        count = ops.take(offsets, which + 1) - first
        slot = slots(count, given.length)
        mask = slot < ops.expand_dims(count, 1)  # (n, T)
        zeros = ops.shape(values)[0] - 1  # the last line
        line = ops.where(mask, ops.expand_dims(first, 1) + slot, zeros)
        batch[given.group] = ops.take(values, line, axis=0)
        batch[f"{given.group}_mask"] = mask
    return batch
