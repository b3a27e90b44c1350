"""Numbers that bring the inputs of a network to mean 0 and deviation 1, fitted on the training rows."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from jetsmith.io import FloatArray
from jetsmith.packed import windows
from jetsmith.packed.rows import CHUNK, Batch, Rows
from jetsmith.specs.features import Inputs

SAMPLE_ROWS = 200_000  # packed rows are in random order, so the first ones are a random sample
HEAVY = 8.0  # deviations; a feature with values beyond has heavy tails and goes through asinh
CORE = (15.9, 84.1)  # per cent of the values; half their distance is the width of the core


@dataclass(frozen=True)
class Scaler:
    """Of one input group; every array has shape (F,).

    z = (x - centre)/width, its asinh where squash is 1, then (z - mean)/deviation.
    """

    features: tuple[str, ...]
    centre: FloatArray
    width: FloatArray
    squash: FloatArray
    mean: FloatArray
    deviation: FloatArray

    def numbers(self) -> dict[str, FloatArray]:
        """The arrays by name, as the layer `Standardise` takes them."""
        return {name: value for name, value in vars(self).items() if name != "features"}

    def __call__(self, x: FloatArray) -> FloatArray:
        """Scale, shape (…, F) -> (…, F)."""
        z = (x - self.centre) / self.width
        return (np.where(self.squash > 0.5, np.arcsinh(z), z) - self.mean) / self.deviation

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in asdict(self).items()}


def fit_scalers(rows: Rows) -> dict[str, Scaler]:
    """A scaler a group; of sequences from real constituents alone. Rows count alike, whatever weight."""
    sample = rows[np.arange(min(len(rows), SAMPLE_ROWS))]
    pieces: dict[str, list[FloatArray]] = {inputs.group: [] for inputs in rows.inputs}
    for which in sample.slices(CHUNK):
        window = windows.read(sample, which)
        for inputs in rows.inputs:
            values = window[inputs.group]
            pieces[inputs.group].append(values if inputs.kind == "flat" else values[:-1])
    return {inputs.group: fit_scaler(inputs, *pieces[inputs.group]) for inputs in rows.inputs}


def fit_scaler(inputs: Inputs, *pieces: FloatArray) -> Scaler:
    """Fit one group, feature by feature: in double precision all at once take many times their own memory.

    Args:
        inputs: Names of the features.
        pieces: Shape (n, F) each; no line gives the identity.
    """
    if not sum(map(len, pieces)):
        n_features = len(inputs.features)
        zeros, ones = np.zeros(n_features, np.float32), np.ones(n_features, np.float32)
        return Scaler(inputs.features, zeros, ones, zeros, zeros, ones)
    numbers = [
        _fit(np.concatenate([piece[:, place] for piece in pieces]).astype(np.float64))
        for place in range(len(inputs.features))
    ]
    return Scaler(inputs.features, *(np.array(of, np.float32) for of in zip(*numbers, strict=True)))


def _fit(values: FloatArray) -> tuple[float, float, bool, float, float]:
    """Centre, width, whether it is squashed, and mean and deviation behind that, of values of shape (n,)."""
    mean, deviation = values.mean(), _positive(values.std())
    squash = bool(max(values.max() - mean, mean - values.min()) / deviation > HEAVY)
    centre, width = mean, deviation
    if squash:
        low, centre, high = np.percentile(values, [CORE[0], 50, CORE[1]])
        width = (high - low) / 2 if high > low else deviation  # most values may be the default
    z = (values - centre) / width
    z = np.arcsinh(z) if squash else z
    return centre, width, squash, z.mean(), _positive(z.std())


def _positive(deviation: float) -> float:
    """1 for constants: they stay 0."""
    return deviation if deviation > 1e-9 else 1.0


def largest(scalers: dict[str, Scaler], batch: Batch, n: int = 3) -> str:
    """The features with the largest scaled magnitude of a batch, for messages."""
    found: list[tuple[float, str]] = []
    for group, scaler in scalers.items():
        values, mask = batch[group], batch.get(f"{group}_mask")
        real = values if mask is None else values[mask]
        peak = np.abs(scaler(real)).max(axis=0, initial=0.0)
        found += [(float(z), f"{group}.{name}") for name, z in zip(scaler.features, peak, strict=True)]
    return ", ".join(f"{name} ({z:.3g} deviations)" for z, name in sorted(found, reverse=True)[:n])
