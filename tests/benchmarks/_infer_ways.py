"""The public network on 10,000 jets, one core: `WAY FOLDER`; each prints JSON. `write` makes the files first.

bundle: ragged jets through `jetsmith.bundle`, which pads what it has to; full: its graph on tensors of full
length; direct: the same of the bare network (`_direct_onnx`); keras: a compiled call; memory: of the session.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks._training_ways import rows_of, spec_of

BATCHES, SECONDS, CALLS = (1, 100, 10_000), 1.0, 1_000_000
N_JETS = max(BATCHES)


def write(folder: Path) -> dict[str, Any]:
    """A network whose weights are not at their start values, as Keras, bundle and bare graph have it."""
    from jetsmith import bundling, io
    from jetsmith.bundles import _jets
    from jetsmith.bundles._files import seen
    from jetsmith.classifiers import _keras
    from jetsmith.classifiers._scaler import fit_scalers
    from jetsmith.specs.classifiers import DiscriminantSpec
    from jetsmith.specs.features import RawSpec
    from tests.benchmarks import _direct_onnx

    spec = spec_of("deepjet")
    rows = rows_of(spec, N_JETS)
    network, rng = _keras.build_model(spec, fit_scalers(rows)), np.random.default_rng(1)
    for variable in network.trainable_variables:
        variable.assign(variable + rng.normal(0, 0.03, variable.shape))
    for variable in network.non_trainable_variables:
        if "moving" in variable.path:
            variable.assign(rng.uniform(0.5, 2, variable.shape))
    _keras.finished(network).save(folder / "model.keras")
    io.write_json(folder / "meta.json", {})
    _direct_onnx.write(network, folder / "direct.onnx")
    features = {i.group: {name: RawSpec(source=name) for name in i.features} for i in spec.inputs}
    groups = seen(spec.inputs, features, {}, [rows.parts[0]])
    discriminants = [DiscriminantSpec(signal=("c0",), background={"c1": 1.0})]
    bundling.write_files(
        folder / "bundle", spec, discriminants, groups, folder, _jets.raw(rows, slice(0, 1000), groups),
        np.zeros((1000, len(spec.classes)), np.float32),
    )  # fmt: skip
    return {}


def bundle(folder: Path) -> dict[str, Any]:
    """Ragged jets in."""
    from jetsmith.bundle import Bundle
    from jetsmith.bundle_inputs import Values

    tagger, jets = Bundle(folder / "bundle"), _ragged(folder)

    def some(n: int) -> Callable[[], Any]:
        first = {
            name: Values(v.values[:n])
            if v.offsets is None
            else Values(v.values[: v.offsets[n]], v.offsets[: n + 1])
            for name, v in jets.items()
        }
        return lambda: tagger.score(first)

    return _rates(some)


def full(folder: Path) -> dict[str, Any]:
    """Tensors of full length in, as of jets that have as many constituents as are read."""
    from jetsmith.bundle import Bundle

    session, whole = Bundle(folder / "bundle").session, _full(folder)
    counts = {
        f"{name}_count": np.full(N_JETS, x.shape[1], np.int32) for name, x in whole.items() if x.ndim == 3
    }
    return _rates(lambda n: lambda: session.run(None, {name: x[:n] for name, x in (whole | counts).items()}))


def direct(folder: Path) -> dict[str, Any]:
    """The same, for a graph that has neither masks nor scaling nor defaults."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = str(folder / "direct.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    whole = _full(folder)
    return _rates(lambda n: lambda: session.run(None, {name: x[:n] for name, x in whole.items()}))


def keras(folder: Path) -> dict[str, Any]:
    """Padded to the longest; and how far its probabilities are from those of the bundle."""
    import tensorflow as tf

    import jetsmith.models._attention
    import jetsmith.models._layers  # noqa: F401  register the layers that the file names
    from jetsmith.bundle import Bundle

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    network = tf.keras.models.load_model(folder / "model.keras", compile=False)
    compiled = tf.function(lambda batch: network(batch, training=False)["classes"], reduce_retracing=True)
    batch = {
        name: tf.constant(x)
        for name, x in rows_of(spec_of("deepjet"), N_JETS).batch(slice(0, N_JETS)).items()
    }
    found = _rates(lambda n: lambda: compiled({name: x[:n] for name, x in batch.items()}).numpy())
    scores = Bundle(folder / "bundle").score(_ragged(folder))[0]
    return found | {"max_abs_diff": float(np.abs(compiled(batch).numpy() - scores).max())}


def memory(folder: Path) -> dict[str, Any]:
    """Of the session over the file's size, after a million calls, and its threads."""
    from jetsmith.bundle import Bundle
    from jetsmith.bundle_inputs import padded

    jets = padded(_ragged(folder), np.arange(1))
    before, threads = _resident_mb(), len(os.listdir("/proc/self/task"))
    tagger = Bundle(folder / "bundle")
    loaded, more = _resident_mb(), len(os.listdir("/proc/self/task")) - threads
    for _ in range(CALLS // 100):
        tagger.session.run(None, jets)
    warm = _resident_mb()
    for _ in range(CALLS):
        tagger.session.run(None, jets)
    size = (folder / "bundle/model.onnx").stat().st_size / 1e6
    return {
        "file_mb": round(size, 3),
        "session_mb": round(loaded - before, 2),
        "ratio_session": round((loaded - before) / size, 2),
        "million_calls_mb": round(_resident_mb() - warm, 2),
        "threads": more,
    }


def _ragged(folder: Path) -> dict[str, Any]:
    from jetsmith.bundle import INPUTS
    from jetsmith.bundle_inputs import groups_of
    from jetsmith.bundles import _jets

    groups = groups_of(json.loads((folder / "bundle" / INPUTS).read_text()))
    return _jets.raw(rows_of(spec_of("deepjet"), N_JETS), slice(0, N_JETS), groups)


def _full(folder: Path) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    shapes = {i.group: (i.length, len(i.features)) for i in spec_of("deepjet").inputs}
    return {
        name: rng.standard_normal((N_JETS, *filter(None, shape)), dtype=np.float32)
        for name, shape in shapes.items()
    }


def _rates(some: Callable[[int], Callable[[], Any]]) -> dict[str, Any]:
    """Jets a CPU second, by batch."""
    found = {}
    for n in BATCHES:
        work, calls = some(n), 0
        work()
        start = time.process_time()
        while time.process_time() - start < SECONDS:
            work()
            calls += 1
        found[str(n)] = n * calls / (time.process_time() - start)
    return {"jets_per_s": found}


def _resident_mb() -> float:
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    way, where = sys.argv[1:]
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(json.dumps(globals()[way](Path(where))))
