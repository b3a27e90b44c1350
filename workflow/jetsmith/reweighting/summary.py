"""What the weights of a dataset are like, in numbers."""

from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import effective_count


def summarise(weight: FloatArray, generator: FloatArray, outside: BoolArray) -> dict[str, float | None]:
    """Numbers that tell whether weights can be used; None where there are no events.

    Args:
        weight: Weights, shape (N,).
        generator: Generator weights, shape (N,).
        outside: Not reweightable, shape (N,).

    Returns:
        n_events, n_outside, fraction_outside, largest_weight, mean_weight (plain), normalisation
        (mean weighted by the generator weights), n_effective, and n_effective_fraction, the
        effective count over that without the weights.
    """
    n = len(weight)
    total, before = float(generator.sum()), effective_count(generator)
    after = effective_count(generator * weight)
    return {
        "n_events": n,
        "n_outside": int(outside.sum()),
        "fraction_outside": float(outside.mean()) if n else None,
        "largest_weight": float(weight.max()) if n else None,
        "mean_weight": float(weight.mean()) if n else None,
        "normalisation": float(generator @ weight / total) if total > 0 else None,
        "n_effective": after,
        "n_effective_fraction": after / before if before > 0 else None,
    }


def gains(generator: FloatArray, refined: FloatArray, to_target: FloatArray) -> dict[str, float | None]:
    """What refined weights are worth: effective events, and how many times those of signed weights.

    Args:
        generator: Generator weights, signed, shape (N,).
        refined: Those above 0 that stand for them, shape (N,).
        to_target: These times the weights of the reweighter, shape (N,).

    Returns:
        n_effective_signed, n_effective_refined and gain; n_effective_target and gain_target, likewise over
        n_effective_signed: sums of signed weights times those of the reweighter may nearly cancel, and be a
        measure of nothing. Gains are None where signed weights are worth nothing.
    """
    before = effective_count(generator)
    found: dict[str, float | None] = {"n_effective_signed": before}
    for kind, end, weight in (("refined", "", refined), ("target", "_target", to_target)):
        after = effective_count(weight)
        found |= {f"n_effective_{kind}": after, f"gain{end}": after / before if before > 0 else None}
    return found
