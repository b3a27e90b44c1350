"""Pythia events as flat numpy tables."""

from dataclasses import dataclass, replace
from typing import Any

import awkward as ak
import numpy as np

from jetsmith.errors import ConfigError
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.simulation.processes import COMMON, MISSING_PACKAGES, Physics
from jetsmith.simulation.tables import Array, Particles

BATCH = 250  # part of the definition of a sample: another size gives other events for the same seed
_MM_TO_CM = 0.1
_LARGEST_SEED = 900_000_000  # Pythia's limit


@dataclass(frozen=True)
class Batch:
    """Generated events.

    Attributes:
        particles: All particles of all events.
        n_events: Events; fewer than asked for where Pythia gave up on some.
        weight: Generator weights, shape (n_events,).
        pt_hat: Transverse momentum of the hard process [GeV].
    """

    particles: Particles
    n_events: int
    weight: FloatArray
    pt_hat: FloatArray

    def head(self, n_events: int) -> "Batch":
        """The first events; all of them where there are no more."""
        if n_events >= self.n_events:
            return self
        last = int(np.searchsorted(self.particles.event, n_events))
        return Batch(
            self.particles.take(np.arange(last)), n_events, self.weight[:n_events], self.pt_hat[:n_events]
        )

    def where(self, kept: BoolArray) -> "Batch":
        """The events that a mask of shape (n_events,) selects."""
        if kept.all():
            return self
        inside = kept[self.particles.event]
        row, event = np.cumsum(inside) - 1, np.cumsum(kept) - 1

        def moved(rows: IntArray) -> IntArray:
            return np.where(rows >= 0, row[rows], -1)

        chosen = self.particles.take(inside)
        particles = replace(
            chosen,
            event=event[chosen.event],
            mother=moved(chosen.mother),
            daughter_first=moved(chosen.daughter_first),
            daughter_last=moved(chosen.daughter_last),
        )
        return Batch(particles, int(kept.sum()), self.weight[kept], self.pt_hat[kept])


def make_generator(process: Physics, seed: int) -> Any:
    """A Pythia object that is ready to generate.

    Args:
        process: Its settings are read after COMMON.
        seed: Any integer >= 0; folded into Pythia's range.

    Raises:
        ConfigError: pythia8mc is not installed, or Pythia refuses a setting or the whole set-up.
    """
    try:
        import pythia8mc
    except ImportError as error:
        raise ConfigError(MISSING_PACKAGES) from error
    generator = pythia8mc.Pythia("", False)
    for setting in (*COMMON, f"Random:seed={1 + seed % _LARGEST_SEED}", *process.settings):
        if not generator.readString(setting):
            raise ConfigError(f"Pythia does not accept the setting `{setting}`")
    if not generator.init():
        raise ConfigError(f"Pythia cannot start with the settings {', '.join(process.settings)}")
    return generator


def next_batch(generator: Any, size: int = BATCH) -> Batch:
    """Generate up to `size` events; events on which Pythia gives up are left out."""
    events = generator.nextBatch(size, errorMode="skip")
    record = events.prt
    starts = np.asarray(record.layout.offsets).astype(np.int64)
    first, last = int(starts[0]), int(starts[-1])
    content = record.layout.content
    n_events = len(starts) - 1
    event = np.repeat(np.arange(n_events), np.diff(starts))
    start = (starts[:-1] - first)[event]

    def column(name: str) -> Array:
        return np.asarray(content[name].data)[first:last]

    def row(name: str) -> IntArray:
        index = column(name).astype(np.int64)
        return np.where(index > 0, index + start, -1)

    momentum = {name: np.asarray(content["p"][name].data)[first:last] for name in ("px", "py", "pz", "e")}
    x, y, z = _production_vertex(content["vProd"], first, last)
    particles = Particles(
        event=event,
        pdg_id=column("id").astype(np.int64),
        status=column("status").astype(np.int64),
        mother=row("mother1"),
        daughter_first=row("daughter1"),
        daughter_last=row("daughter2"),
        px=momentum["px"],
        py=momentum["py"],
        pz=momentum["pz"],
        energy=momentum["e"],
        mass=column("m"),
        x=x,
        y=y,
        z=z,
    )
    weight = ak.to_numpy(events.info.weights[:, 0]).astype(np.float64)
    return Batch(particles, n_events, weight, np.sqrt(ak.to_numpy(events.info.pT2Hat)))


def _production_vertex(vertex: Any, first: int, last: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Coordinates [cm]; Pythia stores none (an option type) for what is born at the origin."""
    index = np.asarray(vertex.index.data)[first:last]
    stored = index >= 0
    x, y, z = np.zeros((3, len(index)))
    for target, name in ((x, "px"), (y, "py"), (z, "pz")):
        target[stored] = _MM_TO_CM * np.asarray(vertex.content[name].data)[index[stored]]
    return x, y, z
