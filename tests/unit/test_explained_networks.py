"""Integrated gradients of networks, against what is known of them; the same by both engines."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import io
from jetsmith.classifiers import _keras
from jetsmith.explaining import gradients
from jetsmith.packed.rows import Rows
from jetsmith.plots import importance as plot
from jetsmith.specs.classifiers import TrainingSpec
from jetsmith.specs.explain import JetsSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.training import train
from tests.requirements import require
from tests.unit.packed_jets import GROUPS, make_spec, pack_jets, write_sample
from tests.unit.test_explaining import ONE_AGAINST_ONE, look

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("jets") / "packed", 600)


def rows_of(n: int, groups: Any) -> Rows:
    return Rows.select([GROUPS[name] for name in groups], [pack_jets(n, 9)])


def test_a_linear_network(sample: Path, tmp_path: Path) -> None:
    """Its shares are weight times standardised input, of heavy tails, too, which go through asinh."""
    import keras

    from jetsmith.explaining.networks import Network

    spec = make_spec(
        "keras", model="dense", training=SHORT, architecture={"dense": [], "dropout": 0.0}, name="linear"
    )
    train(spec, sample, tmp_path / "linear", seed=1)
    rows = rows_of(60, ["ak4"])
    network = Network(spec, tmp_path / "linear", ONE_AGAINST_ONE, 1)
    batch = rows.batch(slice(0, 60))
    z = network.standardised(batch)["ak4"]
    weights, _ = keras.models.load_model(tmp_path / "linear/model.keras").get_layer("classes").get_weights()
    found = gradients.integrated(network.of(batch), network.standardised(batch))
    assert any(io.read_json(tmp_path / "linear/scaler.json")["ak4"]["squash"])  # jet_pt has such tails
    assert np.allclose(found.shares["ak4"], z * (weights[:, 0] - weights[:, 2]), rtol=2e-3, atol=2e-3)
    p = _keras.predict(spec, tmp_path / "linear", rows, 1)
    assert np.allclose(network.value(batch), np.log(p[:, 0] / p[:, 2]), atol=1e-4)


SIZES = {
    "convolutions": {"charged": [8, 4], "vertices": [4]},
    "recurrent": {"charged": 4, "vertices": 3},
    "dense": [16],
}
SHORT = TrainingSpec(epochs=1, patience=1, batch_size=128)


def test_a_network_of_sequences(sample: Path, tmp_path: Path) -> None:
    """Shares of constituents add up; where zeros stand for those that are not there, too."""
    spec = make_spec(
        "keras", ("ak4", "charged", "vertices"), model="deepjet", name="zeros", training=SHORT,
        architecture=SIZES | {"padding": "zeros"},
    )  # fmt: skip
    found = look(spec, tmp_path, sample, JetsSpec(exchanged=100, attributed=40))
    assert found.attribution is not None
    assert found.attribution.complete
    assert len(found.attribution.features) == len(found.features) == 7
    assert [one.group for one in found.attribution.groups] == ["ak4", "charged", "vertices"]
    numbers = plot.compute(TrainedSpec(name="zeros", title="T", backend="keras"), found)
    assert all("." in one.name for one in numbers.features)  # of several groups: whose it is
    assert "integrated gradients of 40 jets" in numbers.caption()
    assert "the number of constituents says by itself is in no share" in numbers.caption()


def of_engine(engine: str, folder: Path) -> None:
    """What a model on disk says by one engine, as JSON: an engine cannot share a process with another."""
    spec = make_spec(
        "keras", ("ak4", "charged", "vertices"), model="deepjet", name="both", engine=engine,
        architecture=SIZES,
    )  # fmt: skip
    from jetsmith.explaining.networks import Network, padded

    rows = rows_of(40, ("ak4", "charged", "vertices"))
    network = Network(spec, folder, ONE_AGAINST_ONE, 1)
    batch = padded(rows.batch(slice(0, 40)), {"charged": 6, "vertices": 2})
    found = gradients.integrated(network.of(batch), network.standardised(batch))
    shares = {name: values.tolist() for name, values in found.shares.items()}
    (folder / f"{engine}.txt").write_text(json.dumps({"shares": shares, "whole": found.whole.tolist()}))


def test_both_engines_share_alike(sample: Path, tmp_path: Path) -> None:
    """The same model by TensorFlow and by JAX."""
    require(None if find_spec("jax") else "no JAX: `make setup EXTRAS=jax`")
    spec = make_spec(
        "keras", ("ak4", "charged", "vertices"), model="deepjet", name="both",
        architecture=SIZES,
        training=SHORT,
    )  # fmt: skip
    train(spec, sample, tmp_path / "both", seed=1)
    of_engine("tensorflow", tmp_path / "both")
    code = "import sys; from pathlib import Path; from tests.unit import test_explained_networks as tests; "
    code += "tests.of_engine('jax', Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path / "both")]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr[-2000:]
    files = [tmp_path / "both" / f"{name}.txt" for name in ("jax", "tensorflow")]
    ours, theirs = (json.loads(path.read_text()) for path in files)
    assert np.allclose(ours["whole"], theirs["whole"], atol=1e-4)
    for name, values in ours["shares"].items():
        assert np.allclose(values, theirs["shares"][name], atol=1e-3), name
