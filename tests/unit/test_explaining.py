"""What inputs are worth: permutation, SHAP, integrated gradients; each against what is known beforehand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.explaining import attribution, gradients
from jetsmith.explaining.jets import chosen
from jetsmith.explaining.permutation import (
    Exchange,
    exchanged,
    families,
    losses,
    of_correlated,
    of_features,
    of_groups,
)
from jetsmith.explaining.stage import explain
from jetsmith.handed.explanation import Attribution, Explanation, Lost
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.plots import importance as plot
from jetsmith.specs.classifiers import ClassSpec, DiscriminantSpec, TrainingSpec
from jetsmith.specs.explain import JetsSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import TrainedSpec
from jetsmith.training import train
from tests.unit.packed_jets import GROUPS, TRUTHS, make_spec, pack_jets, with_flat, write_packed, write_sample

SIGNAL, CHARM, BACKGROUND = (ClassSpec(name=n, truth=t, label=n, color="#000000") for n, t in TRUTHS.items())
ONE_AGAINST_ONE = DiscriminantSpec(signal=("b_jets",), background={"light_jets": 1.0})
KNOWN = ("all", "noise", "first_copy", "second_copy")
FLAT = Inputs(group="ak4", kind="flat", length=0, features=KNOWN, sources=())
SOME = JetsSpec(exchanged=600, attributed=200)


def known_jets(n: int, seed: int) -> arrays.Packed:
    """b and light jets; one feature tells them apart, one is noise, two are the same and tell a little."""
    packed = replace(pack_jets(n, seed, truths=(500, 0)), weight=np.ones(n))
    rng = np.random.default_rng(seed)
    is_b = packed.label == 500
    copy = rng.normal(0, 1, n) + is_b
    values = np.stack([rng.normal(0, 1, n) + 2.5 * is_b, rng.normal(0, 1, n), copy, copy], axis=1)
    return with_flat(packed, values.astype(np.float32), KNOWN)


def known_spec(backend: str, **changes: Any) -> Any:
    """A tagger of two classes that reads them."""
    return make_spec(
        backend, inputs=[FLAT], classes=[SIGNAL, BACKGROUND], discriminant=ONE_AGAINST_ONE, **changes
    )


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("known")
    for seed, split in enumerate(SPLITS):
        write_packed(folder / "packed" / split, replace(known_jets(1500, seed), sample="", split=split))
    return folder


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("jets") / "packed", 1000, n_folds=3)


def look(spec: Any, folder: Path, packed: Path, jets: JetsSpec = SOME, seed: int = 1) -> Explanation:
    train(spec, packed, folder / spec.name, seed=1)
    asked = spec.discriminant
    path = folder / f"{spec.name}.json"
    explain(spec, asked, SIGNAL, BACKGROUND, folder / spec.name, packed, path, jets, seed)
    return io.read_record(Explanation, path, tagger=spec.name)


def by_name(found: Any) -> dict[tuple[str, ...], Any]:
    return {one.features: one for one in found}


def test_trees_by_both_ways(known: Path) -> None:
    """The feature that says all leads, noise is nothing; copies hide each other, and SHAP shares."""
    training = TrainingSpec(epochs=80, patience=80, learning_rate=0.2)
    spec = known_spec("xgboost", training=training, architecture={"max_depth": 2, "colsample_bytree": 0.5})
    found = look(spec, known, known / "packed", JetsSpec(exchanged=1500, attributed=500))
    lost = {name: one for (name,), one in by_name(found.features).items()}
    assert lost["all"].loss > 0.1
    assert lost["all"].low > 3 * max(one.high for name, one in lost.items() if name != "all")
    assert abs(lost["noise"].loss) < 0.005
    (pair,) = found.correlated
    assert pair.features == ("first_copy", "second_copy")
    assert pair.low > max(lost["first_copy"].high, lost["second_copy"].high)
    assert pair.loss > lost["first_copy"].loss + lost["second_copy"].loss
    (group,) = found.groups
    assert group.loss == pytest.approx(found.auc - 0.5, abs=0.05)
    shap = found.attribution
    assert shap is not None
    assert (shap.method, shap.jets, shap.steps, shap.complete) == ("shap", 500, 0, True)
    assert shap.residual < 1e-5
    size = {name: one.size for (name,), one in by_name(shap.features).items()}
    assert size["all"] > 2 * max(size["first_copy"], size["second_copy"])
    assert min(size["first_copy"], size["second_copy"]) > 2 * size["noise"]
    (together,) = shap.correlated
    assert together.size == pytest.approx(size["first_copy"] + size["second_copy"], rel=0.05)


def test_copies_hide_each_other_altogether() -> None:
    """Of three copies a model may lose none at all: what says so is that they are exchanged together."""
    packed = known_jets(800, 1)
    values = packed.groups["ak4"].values[:, [0, 0, 0, 1]]
    packed = with_flat(packed, values, ("a", "b", "c", "noise"))
    inputs = [FLAT.model_copy(update={"features": ("a", "b", "c", "noise")})]

    def judge(versions: Any) -> list[Any]:
        return [np.median(version.groups["ak4"].values[:, :3], axis=1) for version in versions]

    together = of_correlated(inputs, packed)
    assert together == [Exchange("ak4", ("a", "b", "c"))]
    before, found = losses(packed, [*of_features(inputs), *together], judge, packed.label == 500, seed=1)
    assert np.array_equal(before, packed.groups["ak4"].values[:, 0])
    assert [(one.loss, one.low, one.high) for one in found[:4]] == [(0, 0, 0)] * 4
    assert found[4].low > 0.3


@pytest.mark.parametrize("backend", ["xgboost", "sklearn"])
def test_with_folds_and_three_classes(sample: Path, tmp_path: Path, backend: str) -> None:
    """Out of fold, from all splits but calibration; a backend without values by jet has none."""
    spec = make_spec(backend, folds=3)
    found = look(spec, tmp_path, sample, JetsSpec(exchanged=1200, attributed=100))
    assert found.jets > 900  # the test split alone has 333
    assert {one.features for one in found.features} == {("sip",), ("mass",), ("jet_pt",)}
    assert max(found.features, key=lambda one: one.loss).features in (("sip",), ("jet_pt",))
    assert (found.attribution is None) == (backend == "sklearn")
    numbers = plot.compute(TrainedSpec(name=spec.name, title="T", backend=backend, folds=3), found)
    assert ("neither gradients nor SHAP values" in numbers.caption()) == (backend == "sklearn")
    assert "3-fold" in numbers.caption()
    plot.draw(numbers, PlotSpec(dpi=40)).canvas.draw_idle()


def test_which_jets(sample: Path) -> None:
    """Chosen by a hash: the same whatever their order, fewer are among more; of both classes, and unseen."""
    spec = make_spec("xgboost")
    many, few, other = (
        chosen(spec, sample, (SIGNAL, BACKGROUND), n, seed) for n, seed in ((200, 1), (50, 1), (50, 2))
    )
    events = [set(rows.column("event")) for rows in (many, few, other)]
    assert events[1] < events[0]
    assert events[1] != events[2]
    assert set(many.label()) == {500, 510, 0, 1}
    assert {part.split for part in many.parts} <= {"test", ""}
    assert all(event // 1_000_000 == SPLITS.index("test") for event in many.column("event"))


def test_seeds_choose_and_exchange(sample: Path, tmp_path: Path) -> None:
    """The same seed gives the same file, to the byte; another feature changes nobody else's order."""
    spec = make_spec("xgboost")
    first = look(spec, tmp_path, sample)
    text = (tmp_path / "xgboost_tagger.json").read_bytes()
    again = look(spec, tmp_path, sample)
    assert text == (tmp_path / "xgboost_tagger.json").read_bytes()
    assert look(spec, tmp_path, sample, seed=2).features != again.features
    assert first == again


def test_no_jets_of_a_class(tmp_path: Path) -> None:
    """A record that says so, and a figure with a message; no traceback at the end of a run."""
    folder = tmp_path / "packed"
    for seed, split in enumerate(SPLITS):
        truths = (400, 500) if split == "test" else ()
        write_packed(folder / split, pack_jets(400, seed, truths=truths))
    found = look(make_spec("xgboost"), tmp_path, folder)
    assert (found.jets, found.features, found.attribution) == (0, (), None)
    trained = TrainedSpec(name="xgboost_tagger", title="T", backend="xgboost")
    numbers = plot.plot_importance(
        trained, tmp_path / "xgboost_tagger.json", PlotSpec(dpi=40), tmp_path / "a"
    )
    assert numbers.message == "No jets of b_jets and light_jets (test split)"


def test_inputs_that_are_worth_nothing_are_in_order() -> None:
    """Protects: where each exchange helps by chance, the one that helps most is not the first one."""
    losses = {"a": -0.03, "b": -0.01, "c": -0.02}
    lost = tuple(Lost("ak4", (name,), loss, loss - 0.01, loss + 0.01) for name, loss in losses.items())
    found = Explanation("t", "s", "d", "b", "light", 100, 0.5, lost, (), (), None)
    numbers = plot.compute(TrainedSpec(name="t", title="T", backend="xgboost"), found)
    assert [one.name for one in numbers.features] == ["b", "c", "a"]


def test_another_model_is_refused(sample: Path, tmp_path: Path) -> None:
    """Protects: shares of features that the model does not have."""
    spec = make_spec("xgboost")
    train(spec, sample, tmp_path / "m", seed=1)
    other = spec.model_copy(update={"inputs": (GROUPS["ak4"].model_copy(update={"features": ("sip",)}),)})
    with pytest.raises(InputError, match="was trained with other `inputs`"):
        explain(other, spec.discriminant, SIGNAL, BACKGROUND, tmp_path / "m", sample, tmp_path / "a", SOME, 1)


def test_constituents_and_lists_are_exchanged() -> None:
    """A feature of a sequence among real constituents; as a whole, jets' lists with their numbers."""
    packed = pack_jets(200, 1)
    old = packed.groups["charged"]
    one = exchanged(packed, Exchange("charged", ("sip",)), 1).groups["charged"]
    place = old.names.index("sip")
    others = [k for k in range(len(old.names)) if k != place]
    assert np.array_equal(one.offsets, old.offsets)
    assert np.array_equal(one.values[:, others], old.values[:, others])
    assert np.array_equal(np.sort(one.values[:, place]), np.sort(old.values[:, place]))
    assert not np.array_equal(one.values[:, place], old.values[:, place])
    whole = exchanged(packed, Exchange("charged", old.names, whole=True), 1).groups["charged"]

    def lists(group: Any) -> list[bytes]:
        return [x.tobytes() for x in np.split(group.values, group.offsets[1:-1])]

    assert sorted(lists(whole)) == sorted(lists(old))
    assert lists(whole) != lists(old)
    assert packed.groups["charged"] is old


def test_a_flat_group_moves_as_one() -> None:
    """Its features keep going together: rows are those of other jets."""
    packed = known_jets(100, 1)
    (whole,) = of_groups([FLAT])
    values = exchanged(packed, whole, 1).groups["ak4"].values
    old = packed.groups["ak4"].values
    assert sorted(map(tuple, values)) == sorted(map(tuple, old))
    assert not np.array_equal(values, old)


def test_families_of_features() -> None:
    """By the rank, so that a monotone function makes no difference; a constant goes with none."""
    x, y = np.random.default_rng(1).normal(0, 1, (2, 500))
    values = np.stack([x, np.exp(-3 * x), y, np.ones(500)], axis=1)
    assert sorted(families(values, ("x", "function", "y", "one"))) == [("x", "function"), ("y",)]
    assert families(values[:, 3:], ("one",)) == []


@given(weights=st.lists(st.integers(-24, 24), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_gradients_of_a_line(weights: list[int], seed: int) -> None:
    """What a line owes to an input is weight times value, exactly, in the fewest steps."""
    w = np.array(weights) / 8
    z = np.random.default_rng(seed).normal(0, 1, (5, len(w)))
    found = gradients.integrated(
        lambda x: (x["z"] @ w + 7, {"z": np.broadcast_to(w, x["z"].shape)}), {"z": z}
    )
    assert np.allclose(found.shares["z"], z * w, rtol=1e-12, atol=1e-12)
    assert found.steps == gradients.FIRST


def test_steps_double_until_it_adds_up() -> None:
    """A sharp bend needs more of them; the product of two inputs is shared in halves."""

    def bend(x: Any) -> Any:
        value = np.tanh(200 * (x["z"] - 0.11))
        return value[:, 0], {"z": 200 * (1 - value**2)}

    found = gradients.integrated(bend, {"z": np.ones((3, 1))})
    assert gradients.FIRST < found.steps <= gradients.MOST
    assert found.residual <= gradients.TOLERANCE

    def product(x: Any) -> Any:
        z = x["z"]
        return z[:, 0] * z[:, 1], {"z": z[:, ::-1]}

    z = np.array([[2.0, 3.0], [-1.0, 4.0]])
    assert np.allclose(gradients.integrated(product, {"z": z}).shares["z"], [[3, 3], [-2, -2]])


def step(x: Any) -> Any:
    """Not continuous: no gradient sees what it does."""
    z = x["ak4"]
    return (z[:, 0] > 0.3).astype(float), {"ak4": np.zeros_like(z)}


def test_what_is_not_continuous_does_not_add_up(known: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: the record and the figure say so."""

    def by_steps(spec: Any, folder: Path, discriminant: Any, rows: Rows, threads: int) -> Any:
        yield gradients.integrated(step, {"ak4": rows.matrix(slice(0, len(rows)))})

    monkeypatch.setitem(attribution.WAYS, "xgboost", ("integrated_gradients", by_steps))
    spec = known_spec("xgboost", name="stepping")
    found = look(spec, known, known / "packed")
    assert isinstance(found.attribution, Attribution)
    assert not found.attribution.complete
    assert found.attribution.residual == 1
    assert found.attribution.steps == gradients.MOST
    numbers = plot.compute(TrainedSpec(name="stepping", title="T", backend="keras"), found)
    assert "do NOT add up" in numbers.caption()
