"""Stage simulate: one part of a dataset of the embedded demo, as a PFNano file."""

import hashlib
from pathlib import Path

import numpy as np

from jetsmith.errors import ConfigError, InputError
from jetsmith.progress import Progress
from jetsmith.simulation.parameters import Detector
from jetsmith.simulation.processes import EVENTS_A_PART, MISSING_PACKAGES, Physics
from jetsmith.simulation.tables import Array
from jetsmith.specs.datasets import SimulateSpec

RUN = 1  # the run number of all simulation
MOST_EMPTY = 100  # batches in a row of which a filter keeps nothing: it never will


def simulate_part(
    name: str,
    spec: SimulateSpec,
    process: Physics,
    detector: Detector,
    part: int,
    seed: int,
    scale: float,
    output: str | Path,
) -> None:
    """Generate, simulate and reconstruct one part of a dataset.

    Args:
        name: The dataset; with `seed` and `part` it fixes all random numbers.
        spec: Names of process and detector, events of all parts together, and parts.
        process: The process.
        detector: What the detector can do.
        part: Number of this part, from 0.
        seed: Seed of the configuration.
        scale: Factor on the events.
        output: ROOT file with the trees Events and Runs; the same arguments give the same content
            (ROOT files hold the time of their making, so not the same bytes).

    Raises:
        ConfigError: The packages of the simulation are missing. The driver may lack them where jobs have
            them, so only the job can tell.
        InputError: Pythia makes no events, or none that the process keeps.
    """
    # Heavy, and not installed where only real files are read.
    try:
        from jetsmith.simulation import filters, pythia, reconstruction, writer
    except ImportError as error:
        raise ConfigError(f"dataset {name}: {MISSING_PACKAGES} ({error})") from error
    wanted = events_of_part(round(spec.n_events * scale), spec.parts, part)
    sequence = np.random.SeedSequence([seed, _number(name), part])
    generator = pythia.make_generator(process, int(sequence.generate_state(1)[0]))
    rng = np.random.default_rng(sequence.spawn(1)[0])
    progress = Progress(f"simulate {name} {part:03d}", wanted, "events")
    done = empty = 0
    with writer.open_pfnano(output) as file:
        while done < wanted:
            generated = pythia.next_batch(generator)
            if generated.n_events == 0:
                raise InputError(f"dataset {name}: Pythia gave up on a whole batch of {spec.process}")
            generated, batch = filters.kept(generated, process.keep, wanted - done)
            file.generated(generated.weight)
            empty = 0 if batch.n_events else empty + 1
            if empty == MOST_EMPTY:
                problem = f"`{process.keep}` keeps no event of {empty} batches of {spec.process}"
                raise InputError(f"dataset {name}: {problem}")
            if empty:
                continue
            scalars, collections = reconstruction.reconstruct(batch, detector, process.boosted, rng)
            file.add(_key(part, done, batch.n_events) | scalars, collections)
            done += batch.n_events
            progress.update(done)
        file.close(RUN)


def _key(part: int, done: int, n_events: int) -> dict[str, Array]:
    """Run, luminosity block and event numbers, which no other part of the dataset has."""
    first = part * EVENTS_A_PART + done + 1
    return {
        "run": np.full(n_events, RUN, np.uint32),
        "luminosityBlock": np.full(n_events, part + 1, np.uint32),
        "event": np.arange(first, first + n_events, dtype=np.uint64),
    }


def events_of_part(n_events: int, parts: int, part: int) -> int:
    """Events of one part: an even division, the remainder to the first ones; at least 1."""
    return max(n_events // parts + (part < n_events % parts), 1)


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
