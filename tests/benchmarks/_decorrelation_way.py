"""One way of a distance correlation, or one training, in a process of its own; a line of JSON.

`ours|dense N`: value and gradient of N rows in a batch. `dense` has the matrices of N x N, as the definition.
`off N BOUND`: how far the gradient in float32 is from that of `dense` in float64. `train WAY SEED`.
"""

import json
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from jetsmith.losses._distance_correlation import squared_distance_correlation
from jetsmith.metrics import auc, decorrelation
from tests import mass_peak
from tests.benchmarks import _harness as harness

CALLS = 5


def dense(x: Any, y: Any, weight: Any) -> Any:
    """The definition (docs/decorrelation.md), of tensors of one type, shape (n,) each."""
    p = weight / tf.reduce_sum(weight)

    def centred(z: Any) -> Any:
        a = tf.abs(z[:, None] - z[None])
        mean = tf.linalg.matvec(a, p)
        return a - mean[:, None] - mean[None] + tf.tensordot(p, mean, 1)

    def covariance(a: Any, b: Any) -> Any:
        return tf.tensordot(p, tf.linalg.matvec(a * b, p), 1)

    a, b = centred(x), centred(y)
    return covariance(a, b) / tf.sqrt(covariance(a, a) * covariance(b, b))


def drawn(n: int, bound: float, kind: Any) -> list[Any]:
    """Scores, masses and weights; `bound` ties the two."""
    rng = np.random.default_rng(n)
    y = rng.gamma(4, 25, n)
    x = 1 / (1 + np.exp(-rng.normal(0, 1, n) - bound * (y - 100) / 50))
    # float64 is of the very numbers that float32 gets.
    return [values.astype(np.float32).astype(kind) for values in (x, y, rng.uniform(0.2, 2, n))]


def gradient(function: Any, given: list[Any]) -> Any:
    """Of the first of three tensors."""
    x, *others = (tf.convert_to_tensor(values) for values in given)
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = function(x, *others)
    return tape.gradient(found, x)


def cost(name: str, n: int) -> dict[str, float]:
    """CPU time of a call, and what the calls add to the memory of the process [MB]."""
    function = {"ours": squared_distance_correlation, "dense": dense}[name]
    call = tf.function(lambda *given: gradient(function, list(given)))
    call(*drawn(64, 0.0, np.float32))
    given = drawn(n, 0.0, np.float32)
    call = tf.function(lambda *given: gradient(function, list(given)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    call(*given)
    took = harness.timed(lambda: [call(*given) for _ in range(CALLS)])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"cpu_seconds": took["cpu_seconds"] / CALLS, "mb": grown / 1024}


def off(n: int, bound: float) -> dict[str, float]:
    """Length of the difference of both gradients over that of the exact one."""
    exact = np.asarray(gradient(dense, drawn(n, bound, np.float64)))
    found = np.asarray(gradient(squared_distance_correlation, drawn(n, bound, np.float32)), np.float64)
    return {"off": float(np.linalg.norm(found - exact) / np.linalg.norm(exact))}


def train(name: str, seed: int) -> dict[str, float]:
    """What is left on held-out background, and the area."""
    with tempfile.TemporaryDirectory() as folder:
        score, target, mass = mass_peak.trained(mass_peak.WAYS[name], Path(folder) / "model", seed)
    one, at = np.ones(len(score)), target == 1
    left = decorrelation.squared_distance_correlation(score[at], mass[at], one[at])
    return {"correlation": left, "auc": auc(score[~at], one[~at], score[at], one[at])}


def main(what: str, *arguments: str) -> None:
    """See above."""
    if what == "off":
        said = off(int(arguments[0]), float(arguments[1]))
    elif what == "train":
        said = train(arguments[0], int(arguments[1]))
    else:
        said = cost(what, int(arguments[0]))
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
