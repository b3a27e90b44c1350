"""Networks that learn, jet by jet, which working points a jet of a flavour passes.

The points are nested, so that a jet lies between two of them: each network gives the probabilities of these
intervals, and the efficiency of a point is the sum of those beyond it. Weights below 0 are intervals of their
own, as classes are of reweighters (`signs`): a loss of signed weights has no lower bound, and what |w| learns
is the efficiency of other jets than those that are counted.
"""

import os
import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetsmith import signs
from jetsmith.classifiers._scaler import Scaler, fit_scaler
from jetsmith.errors import InputError
from jetsmith.hashing import hash64
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.progress import Progress
from jetsmith.specs.classifiers import Engine
from jetsmith.specs.features import Inputs
from jetsmith.specs.learned import NetworkSpec

PREDICT_JETS = 65_536
STEPS = 16  # of a call of the engine
ACTIVATION = "silu"  # smooth, as efficiencies are


@dataclass(frozen=True)
class Sample:
    """N jets of the classes that are learned; shape (N,) where nothing else is said.

    Attributes:
        features: As packed, shape (N, F), finite.
        flavour: Place of the class, in 0 … C - 1.
        n_passed: How many of the P nested points the jet passes, in 0 … P.
        weight: Signed.
        key: Run, luminosity block and event.
    """

    features: FloatArray
    flavour: IntArray
    n_passed: IntArray
    weight: FloatArray
    key: tuple[IntArray, IntArray, IntArray]

    def __len__(self) -> int:
        return len(self.flavour)

    def __getitem__(self, which: BoolArray | IntArray) -> "Sample":
        run, block, event = (values[which] for values in self.key)
        key = (run, block, event)
        return Sample(
            self.features[which], self.flavour[which], self.n_passed[which], self.weight[which], key
        )


@dataclass(frozen=True)
class Scaling:
    """From packed features to what the networks read.

    Attributes:
        low, high: Smallest and largest value that was learned from, shape (F,): beyond, as at the end.
        scaler: To mean 0 and deviation 1.
        n_classes: C, as many inputs behind the features: 1 for the class of the jet, 0 for the others.
    """

    low: FloatArray
    high: FloatArray
    scaler: Scaler
    n_classes: int

    def __call__(self, features: FloatArray, flavour: IntArray) -> FloatArray:
        """Shapes (N, F) and (N,) -> (N, F + C), float32."""
        z = self.scaler(np.clip(features, self.low, self.high).astype(np.float32))
        of_class = flavour[:, np.newaxis] == np.arange(self.n_classes)
        return np.concatenate([z, of_class], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Networks:
    """M networks, in pairs of two halves of the events.

    Attributes:
        scaling: Of their inputs.
        models: Keras' own, by member.
        negative: Whether their outputs come in twos, intervals above and below 0.
        epochs: After which each had its smallest loss.
    """

    scaling: Scaling
    models: tuple[Any, ...]
    negative: bool
    epochs: tuple[int, ...]

    def __call__(self, features: FloatArray, flavour: IntArray) -> FloatArray:
        """Efficiencies of each member, shape (M, N, P), falling from point to point, float64.

        Args:
            features: As packed, shape (N, F).
            flavour: Place of the class of each jet, shape (N,).
        """
        given = self.scaling(features, flavour)
        found = []
        for model in self.models:  # members, not jets
            logits = np.concatenate(
                [
                    np.asarray(model(given[start : start + PREDICT_JETS], training=False))
                    for start in range(0, max(len(given), 1), PREDICT_JETS)
                ]
            ).astype(np.float64)
            found.append(beyond(_softmax(logits), self.negative))
        return np.stack(found)

    def weights(self) -> list[tuple[FloatArray, FloatArray]]:
        """Of each layer the matrices, shape (M, in, out), and what is added, (M, 1, out)."""
        layers = [model.get_weights() for model in self.models]
        stacked = [np.stack(of) for of in zip(*layers, strict=True)]
        return [
            (kernel, bias[:, np.newaxis]) for kernel, bias in zip(stacked[::2], stacked[1::2], strict=True)
        ]


def beyond(probabilities: FloatArray, negative: bool) -> FloatArray:
    """Efficiencies of nested points from the probabilities of the intervals between them.

    Args:
        probabilities: Shape (N, P + 1), the loosest first; or (N, 2 P + 2), each behind that of weights
            above 0 followed by that of weights below.
        negative: Which of both.

    Returns:
        Shape (N, P); none is larger than the one before, to the bit.
    """
    p = signs.joined(probabilities).astype(np.float64) if negative else probabilities
    return np.cumsum(p[:, ::-1], axis=1)[:, ::-1][:, 1:]


def error_of(members: FloatArray) -> FloatArray:
    """Statistical error of the mean of members that come in pairs, shape (M, …) -> (…).

    A quarter of the mean squared difference within pairs: the variance of what all events teach, and half of
    that of seeds (`halves.halves_error`, which takes less of the latter and is not in the file).
    """
    return np.asarray(np.sqrt(((members[::2] - members[1::2]) ** 2).mean(axis=0)) / 2)


def train(
    jets: Sample, n_points: int, n_classes: int, spec: NetworkSpec, seed: int, threads: int
) -> Networks:
    """Train all members.

    Args:
        jets: To learn from and to stop by.
        n_points: P.
        n_classes: C.
        spec: How.
        seed: Of the run: halves, starts and batches.
        threads: CPU threads.

    Raises:
        InputError: A half has no jets of a class, or a loss is no number.
    """
    keras = _keras(spec.engine, threads)
    names = tuple(f"x{k}" for k in range(jets.features.shape[1]))
    inputs = Inputs(group="learned", kind="flat", length=0, features=names, sources=names)
    scaling = Scaling(
        jets.features.min(axis=0),
        jets.features.max(axis=0),
        fit_scaler(inputs, jets.features),
        n_classes,
    )
    negative = bool((jets.weight < 0).any())
    given = scaling(jets.features, jets.flavour)
    target = 2 * jets.n_passed + (jets.weight < 0) if negative else jets.n_passed
    weight = _levelled(jets, n_classes)
    models, epochs = [], []
    progress = Progress("learn", spec.members, "networks")
    for member in range(spec.members):
        pair, side = divmod(member, 2)
        half = hash64(*jets.key, seed, f"learned {pair}") % np.uint64(2) == side
        for part in (half, ~half):
            _require(jets[part], n_classes)
        keras.utils.set_random_seed(random.Random(f"{seed} learned {member}").randrange(2**31))
        model = _model(keras, given.shape[1], (n_points + 1) * (2 if negative else 1), spec)
        stop = keras.callbacks.EarlyStopping(patience=spec.patience, restore_best_weights=True)
        history = model.fit(
            given[half],
            target[half],
            sample_weight=weight[half],
            validation_data=(given[~half], target[~half], weight[~half]),
            batch_size=spec.batch_size,
            epochs=spec.epochs,
            callbacks=[stop, keras.callbacks.TerminateOnNaN()],
            verbose=0,
        ).history["val_loss"]
        if not np.isfinite(history).all():
            raise InputError(f"network {member}: its loss is no number; take a smaller learning_rate")
        models.append(model)
        epochs.append(int(np.argmin(history)) + 1)
        progress.update(member + 1, f"loss {min(history):.4f} after {epochs[-1]} epochs")
    return Networks(scaling, tuple(models), negative, tuple(epochs))


def _model(keras: Any, n_inputs: int, n_outputs: int, spec: NetworkSpec) -> Any:
    layers = [keras.layers.Dense(width, ACTIVATION) for width in spec.hidden]
    model = keras.Sequential([keras.Input((n_inputs,)), *layers, keras.layers.Dense(n_outputs)])
    model.compile(
        keras.optimizers.Adam(spec.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=STEPS,
    )
    return model


def _levelled(jets: Sample, n_classes: int) -> FloatArray:
    """|w|, by which each class weighs the same; mean 1, float32. What a class learns of itself stays."""
    size = np.abs(jets.weight)
    sums = np.bincount(jets.flavour, size, n_classes)
    factor = np.divide(1, sums, out=np.zeros(n_classes), where=sums > 0)
    found = size * factor[jets.flavour]
    return np.asarray(found / found.mean(), np.float32)


def _require(half: Sample, n_classes: int) -> None:
    sums = np.bincount(half.flavour, half.weight, n_classes)
    if not (sums > 0).all():
        raise InputError(
            f"a half of the split calibration has no jets of positive summed weight of class number "
            f"{int(np.argmin(sums))}; take more events, or a larger split"
        )


def _softmax(logits: FloatArray) -> FloatArray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _keras(engine: Engine, threads: int) -> Any:
    """Keras on its engine; the first in a process decides."""
    os.environ["KERAS_BACKEND"] = engine
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        if engine == "jax":
            from jetsmith.classifiers._jax import prepare
        else:
            from jetsmith.classifiers._tensorflow import prepare
    except ModuleNotFoundError as error:
        raise InputError(f"engine `{engine}` is not installed ({error}): make setup EXTRAS=jax") from error
    prepare(threads)
    import keras

    return keras
