"""Distance correlation of two weighted columns of one number each, exact, with its gradient; keras.ops.

With weights p that add up to 1, a_ij = |x_i - x_j| and A_ij = a_ij less its weighted means over i and over j,
plus that over both, and B likewise of y (Székely, Rizzo and Bakirov, arXiv 0803.4101):

    dCov²(x, y) = sum_ij p_i p_j A_ij B_ij,    dCor² = dCov²(x, y) / sqrt(dCov²(x, x) dCov²(y, y))

Here no matrix of n × n is made. In the order of x, s_ij = 1 for j before i and -1 for j behind it, and then

    dCov²(x, y) = 2 sum_i p_i x_i G_i,    G_i = sum_j p_j s_ij B_ij

since a_ij = s_ij (x_i - x_j) and the means of B are 0. G does not change with x until two rows change
places: 2 p_i G_i is the gradient, and what differentiates the sum with G held gets it right. G is made from
cumulative sums in the orders of x and y; only sum_j p_j s_ij |y_i - y_j| needs both at once (`_earlier`).
"""

from typing import Any

Tensor = Any

BLOCK = 128  # rows, neighbours in x: pairs are looked at within one alone; cheapest at sqrt(2 n)
CONSTANT = 1e-10  # share of a variance in the mean square, below which float32 says nothing of it
TINY = 1e-12


def squared_distance_correlation(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """dCor² from 0 to 1, a scalar; differentiable in `x` alone.

    Of rows that tie in x the gradient is one of the possible ones, which for all of them together is right.

    Args:
        x: Shape (n,), float32.
        y: Shape (n,), finite where there is a weight.
        weight: Shape (n,), not below 0; where all are 0, so is the result.
    """
    from keras import ops

    weight, y = ops.stop_gradient(weight), ops.stop_gradient(y)
    p = weight / ops.maximum(ops.sum(weight), TINY)
    x, y = _standardised(x, p), _standardised(y, p)
    held = ops.stop_gradient(x)
    order = ops.argsort(held)
    place = ops.argsort(order)
    x_in_order, y_in_order, p_in_order = (ops.take(values, order) for values in (held, y, p))
    to_y, to_x = _mean_distances(y_in_order, p_in_order), _mean_distances(x_in_order, p_in_order)
    towards_y = 2 * _earlier(y_in_order, p_in_order) - to_y
    slope_y = ops.take(_slope(towards_y, to_y, p_in_order), place)
    slope_x = ops.take(_slope(x_in_order, to_x, p_in_order), place)
    covariance = 2 * ops.sum(p * x * ops.stop_gradient(slope_y))
    # x is twice in its own variance, a square: so the gradient is twice that of the sum with the slope held.
    linear = 4 * ops.sum(p * x * ops.stop_gradient(slope_x))
    variance = _variance(x_in_order, to_x, p_in_order) + linear - ops.stop_gradient(linear)
    product = variance * _variance(y_in_order, to_y, p_in_order)
    return covariance * ops.rsqrt(ops.maximum(product, TINY))


def _standardised(x: Tensor, p: Tensor) -> Tensor:
    """Mean 0 and deviation 1, which are held, since the correlation changes with neither; 0 of a constant."""
    from keras import ops

    held = ops.stop_gradient(x)
    mean, size = ops.sum(p * held), ops.sum(p * ops.square(held))
    variance = ops.sum(p * ops.square(held - mean))
    scale = ops.where(variance > CONSTANT * size, ops.rsqrt(ops.maximum(variance, TINY**2)), 0.0)
    return (x - mean) * scale


def _signed(values: Tensor) -> Tensor:
    """Sum over j of s_ij values_j: those before less those behind; (n,) -> (n,)."""
    from keras import ops

    return 2 * ops.cumsum(values) - values - ops.sum(values)


def _mean_distances(y: Tensor, p: Tensor) -> Tensor:
    """Sum over j of p_j |y_i - y_j|, in any order of the rows; (n,) -> (n,)."""
    from keras import ops

    order = ops.argsort(y)
    low_to_high, weights = ops.take(y, order), ops.take(p, order)
    found = low_to_high * _signed(weights) - _signed(weights * low_to_high)
    return ops.take(found, ops.argsort(order))


def _slope(towards: Tensor, distances: Tensor, p: Tensor) -> Tensor:
    """G from sum_j p_j s_ij b_ij and the mean distances b_i, in the order of x."""
    from keras import ops

    mean = ops.sum(p * distances)
    return towards + (mean - distances) * _signed(p) - _signed(p * distances)


def _variance(y: Tensor, distances: Tensor, p: Tensor) -> Tensor:
    """dCov²(y, y) of a column of mean 0."""
    from keras import ops

    squares = 2 * ops.sum(p) * ops.sum(p * ops.square(y))
    return squares - 2 * ops.sum(p * ops.square(distances)) + ops.square(ops.sum(p * distances))


def _earlier(y: Tensor, p: Tensor) -> Tensor:
    """Sum over all j before i of p_j |y_i - y_j|; (n,) -> (n,), n^1.5 steps.

    Of the blocks before that of i by cumulative sums with rising y, a column a block; within it by pairs.
    """
    from keras import ops

    n = ops.shape(y)[0]
    blocks = ops.arange((n + BLOCK - 1) // BLOCK)
    order = ops.argsort(y)
    own = ops.expand_dims(order // BLOCK, 1)
    low_to_high, weights = ops.take(y, order), ops.take(p, order)
    of_block, before = own == blocks, own > blocks  # (n, blocks)

    def signed(values: Tensor) -> Tensor:
        """Sum over rows of earlier blocks: those of smaller y less those of larger."""
        each = ops.where(of_block, ops.expand_dims(values, 1), 0.0)
        found = 2 * ops.cumsum(each, axis=0) - ops.sum(each, axis=0)
        return ops.sum(ops.where(before, found, 0.0), axis=1)

    of_others = low_to_high * signed(weights) - signed(weights * low_to_high)
    slots = ops.arange(ops.shape(blocks)[0] * BLOCK)
    at = ops.minimum(slots, n - 1)
    values = ops.reshape(ops.take(y, at), (-1, BLOCK))
    counted = ops.reshape(ops.where(slots < n, ops.take(p, at), 0.0), (-1, BLOCK))
    apart = ops.absolute(ops.expand_dims(values, 2) - ops.expand_dims(values, 1))
    below = ops.tril(ops.ones((BLOCK, BLOCK), dtype=y.dtype), k=-1)
    within = ops.sum(apart * below * ops.expand_dims(counted, 1), axis=2)
    return ops.take(of_others, ops.argsort(order)) + ops.reshape(within, (-1,))[:n]
