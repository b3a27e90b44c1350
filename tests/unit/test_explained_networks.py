"""Integrated gradients of networks, against what is known of them; the same by both engines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import io
from jetsmith.classifiers import _keras
from jetsmith.explaining import gradients
from jetsmith.packed.rows import Rows
from jetsmith.plots import importance as plot
from jetsmith.specs.classifiers import TrainedSpec, TrainingSpec
from jetsmith.specs.explain import JetsSpec
from jetsmith.training import train
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

    spec = make_spec("keras", model="dense", architecture={"dense": [], "dropout": 0.0}, name="linear")
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


NETWORKS = {
    "deepsets": {"constituent": [8, 12], "jet": [16, 8]},
    "deepjet": {
        "convolutions": {"charged": [8, 4], "vertices": [4]},
        "recurrent": {"charged": 6, "vertices": 3},
        "dense": [16],
        "padding": "zeros",
    },
}


@pytest.mark.parametrize("model", NETWORKS)
def test_networks_of_sequences(sample: Path, tmp_path: Path, model: str) -> None:
    """Shares of constituents add up; where zeros stand for those that are not there, too."""
    spec = make_spec(
        "keras", ("ak4", "charged", "vertices"), model=model, architecture=NETWORKS[model], name=model,
        training=TrainingSpec(epochs=2, patience=2, batch_size=128),
    )  # fmt: skip
    found = look(spec, tmp_path, sample, JetsSpec(exchanged=300, attributed=100))
    assert found.attribution is not None
    assert found.attribution.complete
    assert len(found.attribution.features) == len(found.features) == 7
    assert [one.group for one in found.attribution.groups] == ["ak4", "charged", "vertices"]
    numbers = plot.compute(TrainedSpec(name=model, title="T", backend="keras"), found)
    assert all("." in one.name for one in numbers.features)  # of several groups: whose it is
    assert "integrated gradients of 100 jets" in numbers.caption()
