"""Moves of inputs: what may move and how far, against a slow twin; a network suffers more than by chance."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import applied, io, metrics
from jetsmith.assembling import assemble
from jetsmith.classifiers._scaler import Scaler
from jetsmith.explaining.changed import Limits, changed, free_values
from jetsmith.explaining.jets import chosen, in_memory
from jetsmith.explaining.perturb import perturb, random_signs, stepped
from jetsmith.handed.moves import Moves
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import TrainingSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.resilience import FeatureShiftSpec, MovesSpec
from jetsmith.training import train
from tests.unit.packed_jets import GROUPS, make_spec, pack_jets, write_sample
from tests.unit.test_explaining import BACKGROUND, CHARM, ONE_AGAINST_ONE, SIGNAL

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]
FREE = Limits(default=None, clip=None)
SEEN = {
    "ak4": Inputs(
        group="ak4", kind="flat", length=0, features=("sip", "mass", "jet_pt", "tracks"), sources=()
    ),
    "charged": GROUPS["charged"].model_copy(update={"features": ("ptrel", "sip", "origin")}),
}
SCALER = Scaler(
    features=("a", "b", "c"),
    **{
        name: np.float32(values)
        for name, values in {
            "centre": [1, 0, -2],
            "width": [2, 0.5, 1],
            "squash": [0, 1, 0],
            "mean": [0.1, 0.2, 0],
            "deviation": [1.5, 0.7, 3],
        }.items()
    },
)


def slow(x: float, sign: float, k: int, low: float, high: float, moves: MovesSpec) -> float:
    """One value, as a reader of the docs would move it."""
    if sign == 0:
        return x
    centre, width, squash, mean, deviation = (float(a[k]) for a in SCALER.numbers().values())
    z = (x - centre) / width
    z = ((math.asinh(z) if squash else z) - mean) / deviation
    z = (z + moves.step * sign) * deviation + mean
    there = centre + width * (math.sinh(z) if squash else z)
    most = moves.largest_share * abs(x)
    return min(max(x + min(max(there - x, -most), most), low), high)


@pytest.mark.parametrize(
    "moves", [MovesSpec(), MovesSpec(step=0.5, largest_share=0.1)], ids=["usual", "long"]
)
def test_each_value_moves_as_the_twin_says(moves: MovesSpec) -> None:
    """By the step, by no more than its share, within its range; and not at all where it may not."""
    rng = np.random.default_rng(3)
    values = np.float32(rng.normal(0, 3, (200, 3)))
    values[:20] = 0
    signs = rng.choice(np.float32([-1, 0, 1]), values.shape)
    ends = np.array([[-2.0, 4.0], [-np.inf, np.inf], [-9.0, 0.5]])
    values = np.float32(np.clip(values, ends[:, 0], ends[:, 1]))
    found = stepped(values, signs, SCALER, ends, moves)
    wanted = [
        [slow(float(x), float(s), k, *ends[k], moves) for k, (x, s) in enumerate(zip(*line, strict=True))]
        for line in zip(values, signs, strict=True)
    ]
    assert np.allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert (found[signs == 0] == values[signs == 0]).all()
    assert (found[values == 0] == 0).all()
    moved = (signs != 0) & (np.abs(values) > 0.5) & (values > ends[:, 0]) & (values < ends[:, 1])
    assert (np.sign(found - values)[moved] == signs[moved]).all()


def limits(**of: Limits) -> dict[str, dict[str, Limits]]:
    """Of the features of SEEN; those that are not named may go anywhere."""
    return {
        name: {feature: of.get(f"{name}_{feature}", FREE) for feature in inputs.features}
        for name, inputs in SEEN.items()
    }


def held_jets(n: int = 300) -> Any:
    return in_memory(Rows.select(list(SEEN.values()), [pack_jets(n, 5)]))


def test_what_may_not_move() -> None:
    """Counts, defaults, ends of ranges; features that hold nothing but defaults."""
    held = held_jets()
    sip = np.array(held.groups["ak4"].values)
    sip[::3, 0] = -9.5  # stands for none
    held.groups["ak4"] = replace(held.groups["ak4"], values=sip)
    mass = sip[:, 1]
    end = float(np.sort(mass)[250])
    sip[:, 1] = np.minimum(mass, end)
    free = free_values(
        held,
        limits(
            ak4_sip=Limits(default=-9.5, clip=None),
            ak4_mass=Limits(default=0.0, clip=(0.0, end)),
            charged_ptrel=Limits(default=0.25, clip=None),
        ),
    )
    assert (free["ak4"][:, 0] == (sip[:, 0] != np.float32(-9.5))).all()
    assert (free["ak4"][:, 1] == (sip[:, 1] < np.float32(end))).all()
    assert free["ak4"][:, 2].all()
    assert not free["ak4"][:, 3].any()  # a Poisson number
    assert free["charged"][:, 0].all()
    assert not free["charged"][:, 2].any()  # a category
    only = free_values(held, limits(ak4_jet_pt=Limits(default=0.0, clip=(0.0, 1.0))))
    assert not only["ak4"][:, 2].any()  # all beyond its range: at its ends, where they are clipped


def test_signs_by_chance_are_even() -> None:
    """The same for the same seed, and each of both about as often."""
    held = held_jets()
    first, again, other = (random_signs(held, seed) for seed in (1, 1, 2))
    assert all(set(np.unique(values)) == {-1, 1} for values in first.values())
    assert all(abs(values.mean()) < 4 / values.size**0.5 for values in first.values())
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


SHORT = TrainingSpec(epochs=4, patience=4, batch_size=128, learning_rate=0.01)
SIZES = {"constituent": [8, 8], "jet": [16, 8], "dropout": 0.0}
LONG = MovesSpec(step=0.1, largest_share=0.3, jets=1000)


def look(spec: Any, folder: Path, packed: Path, moves: MovesSpec = LONG) -> Moves:
    path = folder / f"{spec.name}.json"
    perturb(
        "mine", spec, ONE_AGAINST_ONE, SIGNAL, [BACKGROUND, CHARM], folder / spec.name, packed, path, moves,
        limits(), seed=1,
    )  # fmt: skip
    return io.read_record(Moves, path, judgement="mine")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("jets") / "packed", 1200)


def test_a_network_loses_more_than_by_chance(sample: Path, tmp_path: Path) -> None:
    """Against it, by far; by its constituents, too. Longer moves cost more."""
    spec = make_spec(
        "keras", model="deepsets", name="sets", inputs=list(SEEN.values()), training=SHORT, architecture=SIZES
    )
    train(spec, sample, tmp_path / "sets", seed=1)
    found = look(spec, tmp_path, sample)
    assert [one.background for one in found.backgrounds] == ["light_jets", "c_jets"]
    assert 0.3 < found.free < 0.9  # counts and categories are some of the inputs
    for one in found.backgrounds:
        assert one.adversarial is not None
        assert one.random is not None
        assert one.adversarial.high < min(one.random.low, -0.005)
        assert abs(one.random.value) < 0.3 * abs(one.adversarial.value)
        assert one.adversarial.members == ()
    shorter = look(spec, tmp_path, sample, LONG.model_copy(update={"step": 0.01}))
    less, more = (of.backgrounds[0].adversarial for of in (shorter, found))
    assert less is not None
    assert more is not None
    assert more.value < 3 * less.value < 0


def test_members_are_moved_against_by_themselves(sample: Path, tmp_path: Path) -> None:
    """The ensemble by the gradients of all; by chance they are moved alike, once."""
    spec = make_spec(
        "keras", model="dense", name="mean", inputs=[SEEN["ak4"]], training=SHORT,
        architecture={"dense": [8], "dropout": 0.0},
    )  # fmt: skip
    folders = [tmp_path / f"member{k}" for k in range(2)]
    for k, folder in enumerate(folders):
        train(spec, sample, folder, seed=k)
    assemble("mean", folders, tmp_path / "mean")
    first = look(spec, tmp_path, sample).backgrounds[0]
    assert first.adversarial is not None
    assert first.random is not None
    assert first.random.members == ()
    assert len(set(first.adversarial.members)) == 2
    assert max(first.adversarial.value, *first.adversarial.members) < min(first.random.low, -0.002)


def test_trees_have_no_gradient(sample: Path, tmp_path: Path) -> None:
    """They are moved at random alone, by the same size of moves."""
    spec = make_spec("xgboost", name="trees", inputs=[SEEN["ak4"]], training=SHORT)
    train(spec, sample, tmp_path / "trees", seed=1)
    (first, _) = look(spec, tmp_path, sample).backgrounds
    assert first.adversarial is None
    assert first.random is not None
    assert abs(first.random.value) < 0.05


def test_with_folds_each_jet_has_its_own_model(tmp_path: Path) -> None:
    """Gradients are those of the model that did not see the jet."""
    packed = write_sample(tmp_path / "packed", 500, n_folds=3)
    spec = make_spec(
        "keras", model="dense", name="folded", folds=3, inputs=[SEEN["ak4"]], training=SHORT,
        architecture={"dense": [8], "dropout": 0.0},
    )  # fmt: skip
    train(spec, packed, tmp_path / "folded", seed=1)
    first = look(spec, tmp_path, packed).backgrounds[0]
    assert first.jets > 300  # of all splits but one
    assert first.adversarial is not None
    assert first.random is not None
    assert first.adversarial.high < first.random.low


def test_a_background_without_jets_says_so(tmp_path: Path) -> None:
    """The other one has its numbers all the same."""
    packed = write_sample(tmp_path / "packed", 600, truths=(500, 0))
    spec = make_spec(
        "xgboost", name="two", inputs=[SEEN["ak4"]], training=SHORT, classes=[SIGNAL, BACKGROUND],
        discriminant=ONE_AGAINST_ONE,
    )  # fmt: skip
    train(spec, packed, tmp_path / "two", seed=1)
    first, second = look(spec, tmp_path, packed).backgrounds
    assert first.jets > 0
    assert (second.jets, second.auc, second.random) == (0, None, None)
    none = write_sample(tmp_path / "none", 30, truths=(0,))
    assert [one.jets for one in look(spec, tmp_path, none).backgrounds] == [0, 0]


def test_jets_are_chosen_by_their_events(sample: Path) -> None:
    """As explain chooses them."""
    spec = make_spec("xgboost", inputs=[SEEN["ak4"]])
    assert len(chosen(spec, sample, (SIGNAL, BACKGROUND), 100, 1)) == 100


def slow_change(x: float, of: Limits, scale: float, offset: float) -> float:
    """One packed value, as a reader of the docs would change it."""
    if x == of.default or (of.clip is not None and not of.clip[0] < x < of.clip[1]):
        return x
    there = scale * {"none": x, "abs": x, "log": math.exp(x), "log1p": math.expm1(x)}[of.transform] + offset
    if of.transform.startswith("log"):
        there += of.transform == "log1p"
        if there <= 0:
            return x
        there = math.log(there)
    there = abs(there) if of.transform == "abs" else there
    return there if of.clip is None else min(max(there, of.clip[0]), of.clip[1])


@pytest.mark.parametrize(
    ("of", "scale", "offset"),
    [
        (Limits(default=-9.5, clip=(-2.0, 2.0)), 1.3, 0.1),
        (Limits(default=0.0, clip=None, transform="log"), 0.9, -0.4),
        (Limits(default=0.0, clip=(-1.0, 1.5), transform="log1p"), 1.1, 0.0),
        (Limits(default=0.0, clip=None, transform="abs"), 0.5, 0.0),
    ],
    ids=["plain", "log", "log1p", "abs"],
)
def test_inputs_are_changed_as_the_twin_says(of: Limits, scale: float, offset: float) -> None:
    """By factor and offset before the transform, within the range; defaults and ends stay to the bit."""
    held = held_jets()
    values = np.array(held.groups["ak4"].values)
    values[::5, 0] = -9.5 if of.default is None else of.default
    if of.transform == "abs":
        values = np.abs(values)
    if of.clip is not None:
        values[:, 0] = np.where(values[:, 0] == of.default, values[:, 0], np.clip(values[:, 0], *of.clip))
    held.groups["ak4"] = replace(held.groups["ak4"], values=values)
    by = FeatureShiftSpec(scale=scale, offset=offset)
    there, (found,) = changed(held, limits(ak4_sip=of), {"ak4.sip": by, "ak4.not_there": by, "no.x": by})
    wanted = [slow_change(float(x), of, scale, offset) for x in values[:, 0]]
    np.testing.assert_allclose(there.groups["ak4"].values[:, 0], wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(there.groups["ak4"].values[:, 1:], values[:, 1:])
    stay = np.array([x == y for x, y in zip(wanted, values[:, 0].tolist(), strict=True)])
    np.testing.assert_array_equal(there.groups["ak4"].values[stay, 0], values[stay, 0])
    assert stay.any()
    assert found.name == "ak4.sip"
    assert found.share == pytest.approx(1 - stay.mean(), abs=0.02) != 0
    np.testing.assert_array_equal(held.groups["ak4"].values, values)  # the jets themselves are as they were


def test_counts_and_padding_are_not_changed() -> None:
    """Whole numbers, also behind a logarithm; of sequences real constituents alone, as many as before."""
    held = held_jets()
    values = np.array(held.groups["ak4"].values)
    values[:, 1] = np.log(values[:, 3] + 1)
    held.groups["ak4"] = replace(held.groups["ak4"], values=values)
    by = FeatureShiftSpec(scale=1.1)
    shift = dict.fromkeys(("ak4.tracks", "ak4.mass", "charged.origin", "charged.sip"), by)
    there, found = changed(held, limits(ak4_mass=Limits(default=None, clip=None, transform="log")), shift)
    assert [one.share for one in found[:3]] == [0, 0, 0]
    assert found[3].share > 0.9
    np.testing.assert_array_equal(there.groups["ak4"].values, values)
    before, after = (of.groups["charged"] for of in (held, there))
    np.testing.assert_array_equal(before.offsets, after.offsets)
    np.testing.assert_allclose(after.values[:, 1], 1.1 * before.values[:, 1], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "transform", "moves"),
    [
        (np.linspace(6e4, 9e4, 50), "none", True),  # where float32 has no more digits
        (np.log(np.linspace(1e-7, 1e-6, 50)), "log", True),  # all near 0, and none is
        (np.log(np.arange(1.0, 51)), "log", False),
        (np.arange(50.0), "none", False),
        (np.zeros(50), "none", False),
    ],
)
def test_whole_numbers_are_those_that_are_told_from_others(values: Any, transform: str, moves: bool) -> None:
    """Large numbers, and small ones behind a logarithm, are none for their size."""
    held = held_jets()
    table = np.array(held.groups["ak4"].values)
    table[:, 1] = np.resize(values, len(table))
    held.groups["ak4"] = replace(held.groups["ak4"], values=table)
    of = limits(ak4_mass=Limits(default=None, clip=None, transform=transform))
    _, (found,) = changed(held, of, {"ak4.mass": FeatureShiftSpec(scale=1.1)})
    assert (found.share > 0.9) == moves == (found.share > 0)


def test_a_factor_costs_what_scoring_again_says(sample: Path, tmp_path: Path) -> None:
    """Of one tagger on the same jets: a bootstrap of pairs, far smaller than that of two samples."""
    spec = make_spec("xgboost", name="trees", inputs=[SEEN["ak4"]], training=SHORT)
    train(spec, sample, tmp_path / "trees", seed=1)
    features = {
        "weaker": {"ak4.sip": FeatureShiftSpec(scale=0.3)},
        "a little": {"ak4.sip": FeatureShiftSpec(scale=0.99)},
        "counts": {"ak4.tracks": FeatureShiftSpec(scale=2.0)},
        "of others": {"charged.sip": FeatureShiftSpec(scale=2.0)},
    }
    moves = LONG.model_copy(update={"features": features, "moves": False})
    found = look(spec, tmp_path, sample, moves)
    assert not found.by_steps
    assert [(shift.name, bool(shift.why)) for shift in found.shifts] == [
        ("weaker", False), ("a little", False), ("counts", True), ("of others", True)
    ]  # fmt: skip
    assert "no value may move" in found.shifts[2].why
    assert "reads none" in found.shifts[3].why
    rows = chosen(spec, sample, (SIGNAL, BACKGROUND, CHARM), LONG.jets, 1)
    held = in_memory(rows)
    there, _ = changed(held, limits(), features["weaker"])
    scores = [
        applied.discriminant(spec, tmp_path / "trees", Rows.select(spec.inputs, [of]), ONE_AGAINST_ONE, 1)
        for of in (held, there)
    ]
    for one, background in zip(found.backgrounds, (BACKGROUND, CHARM), strict=True):
        assert (one.random, one.adversarial) == (None, None)
        weaker, little, *others = one.shifts
        assert others == [None, None]
        assert weaker is not None
        assert little is not None
        s, b = (np.isin(held.label, of.truth) for of in (SIGNAL, background))
        areas = [metrics.auc(x[s], held.weight[s], x[b], held.weight[b]) for x in scores]
        assert weaker.value == pytest.approx(areas[1] - areas[0], abs=1e-9)
        assert weaker.high < -0.005
        assert little.high - little.low < 0.5 * (weaker.high - weaker.low)
        assert abs(little.value) < 0.01
    again = look(spec, tmp_path, sample, moves)
    assert again == found
