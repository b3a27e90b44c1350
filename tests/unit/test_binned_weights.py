"""Protects ratios in bins: exact sums of signed weights, bins without one, what correctionlib reads."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import correctionlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io
from jetsmith.assembling import assemble
from jetsmith.chosen import Without
from jetsmith.classifiers import Labelled
from jetsmith.classifiers._histogram import target_share
from jetsmith.classifiers.histogram import Options
from jetsmith.errors import InputError
from jetsmith.handed.closure import Area, Closure, Gate
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.reweighting.correction import binned_weights, correction, described
from jetsmith.reweighting.weights import write_weights
from jetsmith.scoring import score
from jetsmith.specs.classifiers import ClassifierSpec, Members, TrainingSpec
from jetsmith.specs.features import Inputs, RawSpec
from jetsmith.specs.ratios import RatioEntry
from jetsmith.spread import ERRORS, members_error
from jetsmith.training import train
from tests.unit.packed_jets import write_packed
from tests.unit.test_reweighting import SPEC

Array = np.ndarray[Any, Any]
DATASETS = [("old", "power"), ("new", "dipole")]
GENERATORS = dict(DATASETS)
EDGES = {"n": (0.0, 1, 2, 3), "x": (-3.0, -1, 0, 1, 2.5)}  # n from 0 to 4, of which 3 and 4 lie beyond
RAW = {name: RawSpec(source=f"{name}_gev", unit="GeV") for name in ("x", "y", "n")}
N = 4000  # of each generator


def spec_of(folds: int = 0, least: float = 10.0, **changes: Any) -> ClassifierSpec:
    """A baseline in two of three inputs."""
    options = Options(edges=EDGES, least=least)
    ratio = RatioEntry.resolved(None, trains=True, exact_in=options.exact_in)
    inputs = Inputs(group="event", kind="flat", length=0, features=("x", "y", "n"), sources=("x", "y", "n"))
    content = {
        "backend": "histogram", "architecture": options.model_dump(mode="json"), "ratio": ratio,
        "folds": folds, "inputs": (inputs,),
    }  # fmt: skip
    return SPEC.model_copy(update=content | changes)


class Events(NamedTuple):
    """Of both generators: features (N, 3), signed weights, 1 for the target, place of split and fold."""

    values: Array
    weight: Array
    target: Array
    split: Array
    fold: Array

    def places(self) -> Array:
        """Bin of each event, event by event."""
        return np.array([place_of(event) for event in self.values])


def place_of(event: Array) -> int:
    """Row and column of the bin, the end bins with all beyond."""
    found = []
    for value, edges in ((event[2], EDGES["n"]), (event[0], EDGES["x"])):
        inside = [k for k in range(len(edges) - 1) if edges[k] <= value < edges[k + 1]]
        found.append(inside[0] if inside else 0 if value < edges[0] else len(edges) - 2)
    return found[0] * (len(EDGES["x"]) - 1) + found[1]


def write_events(folder: Path, folds: int) -> Events:
    """Two generators, a tenth of the weights negative; next to none of the target above x = 1 with n = 0."""
    rng = np.random.default_rng(8)
    target = np.repeat([0, 1], N)
    values = np.stack(
        [rng.normal(0.5 * target, 1.2), rng.normal(target, 1), rng.poisson(1 + 0.5 * target)], axis=1
    ).astype("f4")
    values[(target == 1) & (values[:, 0] >= 1) & (values[:, 2] == 0), 0] *= -1
    values[:, 2] = np.minimum(values[:, 2], 4)
    weight = np.where(rng.random(2 * N) < 0.1, -1.0, 1.0) * rng.uniform(0.5, 1.5, 2 * N) * (1 + 2 * target)
    split, fold = rng.choice(4, 2 * N, p=[0.5, 0.1, 0.1, 0.3]), rng.integers(0, max(folds, 1), 2 * N)
    for k, name in enumerate(SPLITS):
        at = np.flatnonzero(split == k)
        columns = {"run": np.ones(len(at), "u4"), "luminosity_block": np.ones(len(at), "u4")}
        columns |= {"event": at.astype("u8"), "jet_index": np.zeros(len(at), "i2")}
        packed = arrays.Packed(
            groups={"event": arrays.FlatGroup(values[at], ("x", "y", "n"))},
            label=np.zeros(len(at), "i4"),
            weight=weight[at],
            columns=columns | {"dataset": target[at].astype("i2"), "fold": fold[at].astype("i1")},
            datasets=tuple(GENERATORS),
            generators=tuple(GENERATORS.values()),
        )
        write_packed(folder / "packed" / name, packed)
    return Events(values, weight, target, split, fold)


def make(folder: Path, spec: ClassifierSpec, members: int = 0) -> None:
    """Stages train to correction."""
    packed = folder / "packed"
    if members:
        models = [folder / f"member{k}" for k in range(members)]
        for k, model in enumerate(models):
            half = Without(k % 2, 2, k // 2) if spec.members == "halves" else None
            replica = k if spec.members == "bootstrap" else None
            train(spec, packed, model, seed=k, without=half, replica=replica)
        assemble(spec.name, models, folder / "model")
    else:
        train(spec, packed, folder / "model", seed=1)
    score(spec, folder / "model", packed, folder / "scores.parquet")
    weights = {name: folder / f"{name}.parquet" for name in GENERATORS}
    for name, path in weights.items():
        write_weights(
            spec, folder / "scores.parquet", DATASETS, name, path, ratio=spec.ratio, n_members=members,
            packed=packed,
        )  # fmt: skip
    assert spec.ratio is not None
    correction(spec, packed, weights, GENERATORS, spec.ratio.binned, RAW, folder / "correction.json", members)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Events]:
    """A sample without folds."""
    folder = tmp_path_factory.mktemp("plain")
    events = write_events(folder, 0)
    make(folder, spec_of())
    return folder, events


def of_source(folder: Path, events: Events) -> tuple[dict[str, Array], Array, Array]:
    """Columns of the weights of the source, its features, and its bins."""
    rows = io.read_rows(folder / "old.parquet")
    table = {name: np.asarray(rows[name]) for name in rows.fields}
    values = events.values[table["event"]]
    return table, values, np.array([place_of(event) for event in values])


def read(folder: Path) -> Any:
    """The correction, as physicists read it."""
    return correctionlib.CorrectionSet.from_file(str(folder / "correction.json"))["shower"]


def twin(events: Events, rows: Array, least: float) -> dict[int, float]:
    """The ratio of levelled sums in each bin that has one, event by event."""
    sums: dict[tuple[int, int], list[float]] = {}
    totals = [0.0, 0.0]
    for event, weight, target in zip(
        events.values[rows], events.weight[rows], events.target[rows], strict=True
    ):
        found = sums.setdefault((place_of(event), int(target)), [0.0, 0.0])
        found[0] += weight
        found[1] += weight**2
        totals[target] += weight
    filled = {key for key, (total, squares) in sums.items() if total > 0 and total**2 / squares >= least}
    return {
        place: sums[place, 1][0] / totals[1] / (sums[place, 0][0] / totals[0])
        for place in range(12)
        if {(place, 0), (place, 1)} <= filled
    }


def test_weights_are_the_ratio_of_sums(plain: tuple[Path, Events]) -> None:
    """Of what was trained on, signs and all; bins without enough of both are outside, and keep weight 1."""
    folder, events = plain
    expected = twin(events, np.flatnonzero(events.split == 0), 10.0)
    table, _, place = of_source(folder, events)
    ratio = np.array([expected.get(k, np.nan) for k in place])
    assert 9 <= len(expected) < 12
    assert (table["outside"] == np.isnan(ratio)).all()
    assert 0 < table["outside"].mean() < 0.2
    np.testing.assert_allclose(table["ratio"][~table["outside"]], ratio[~np.isnan(ratio)], rtol=1e-5)
    assert (table["weight"][table["outside"]] == 1).all()
    scores = io.read_rows(folder / "scores.parquet")
    assert (np.asarray(scores["scored"]) == ~np.isnan(np.asarray(scores["p_power_shower"]))).all()
    about = json.loads((folder / "scores.meta.json").read_text())
    assert sum(about["rows_without_score"].values()) == (~np.asarray(scores["scored"])).sum()


def test_the_history_is_one_row(plain: tuple[Path, Events]) -> None:
    """Below the loss of a coin, on rows that were not summed, too."""
    (row,) = io.read_json(plain[0] / "model/history.json")
    assert row["epoch"] == 1
    assert row["loss"] < np.log(2)
    assert row["validation_loss"] < np.log(2)


def test_a_correction_gives_each_event_its_weight(plain: tuple[Path, Events]) -> None:
    """Read by correctionlib, in the end bins and where there is no ratio, too; and it says so."""
    folder, events = plain
    table, values, _ = of_source(folder, events)
    assert (values[:, 2] > 3).any()
    assert (values[:, 0] < -3).any()
    found = read(folder)
    evaluated = found.evaluate("nominal", values[:, 2].astype(float), values[:, 0].astype(float))
    np.testing.assert_allclose(evaluated, table["weight"], rtol=1e-9)
    assert [axis.name for axis in found.inputs] == ["variation", "n", "x"]
    assert found.inputs[2].description == "x_gev [GeV]; 0 where there is none"
    assert "closure test: none" in found.description
    with pytest.raises(Exception, match="up"):
        found.evaluate("up", 1.0, 0.0)


def test_of_folds_a_correction_has_the_mean(tmp_path: Path) -> None:
    """Of the weights of each bin, which differ from fold to fold, by generator weights."""
    events = write_events(tmp_path, 3)
    make(tmp_path, spec_of(folds=3))
    table, values, place = of_source(tmp_path, events)
    for k in range(3):
        inside = table["fold"] == k
        seen = np.flatnonzero(~np.isin(events.fold, (k, (k + 1) % 3)))
        expected = twin(events, seen, 10.0)
        ratio = np.array([expected.get(b, 1.0) for b in place[inside]])
        np.testing.assert_allclose(table["ratio"][inside], ratio, rtol=1e-5)
    for b in np.unique(place):
        inside = place == b
        generator, weight = table["weight_generator"][inside], table["weight"][inside]
        n, x = (float(value) for value in values[inside][0, [2, 0]])
        found = read(tmp_path).evaluate("nominal", n, x)
        assert found == pytest.approx(generator @ weight / generator.sum(), rel=1e-9)


@pytest.mark.parametrize("members", ["halves", "bootstrap"])  # counts in bins have no seed
def test_members_give_an_error(tmp_path: Path, members: Members) -> None:
    """Up and down of a bin, by what its mean is in each member."""
    events = write_events(tmp_path, 0)
    make(tmp_path, spec_of(least=5.0).model_copy(update={"members": members}), members=4)
    table, values, place = of_source(tmp_path, events)
    checked = 0
    for b in np.unique(place):
        inside = place == b
        generator = table["weight_generator"][inside]
        means = [
            sum(g * w for g, w in zip(generator, table[name][inside], strict=True)) / generator.sum()
            for name in ("weight", *(f"weight_member{k}" for k in range(4)))
        ]
        error = float(members_error(np.log(np.array(means[1:])), members))
        point = [float(value) for value in values[inside][0, [2, 0]]]
        for name, sign in (("nominal", 0), ("up", 1), ("down", -1)):
            expected = means[0] * np.exp(sign * error)
            assert read(tmp_path).evaluate(name, *point) == pytest.approx(expected, rel=1e-5)
        checked += error > 0.01
    assert checked > 5


@given(
    cells=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1), st.sampled_from([-1.0, -0.5, 0.5, 1.0, 2.0])),
        min_size=1,
        max_size=60,
    ),
    least=st.sampled_from([0.0, 1.5, 3.3]),
)
def test_shares_against_a_scalar_twin(cells: list[tuple[int, int, float]], least: float) -> None:
    """Between 0 and 1, of signed sums; NaN where a class has too little, or less than nothing."""
    place, target, weight = (np.array(column) for column in zip(*cells, strict=True))
    data = Labelled(None, target.astype("i4"), weight.astype("f4"))  # type: ignore[arg-type]
    found = target_share(place, data, 4, least)
    for k in range(4):
        each = [[w for p, t, w in cells if p == k and t == kind] for kind in (0, 1)]
        has = all(sum(ws) > 0 and sum(ws) ** 2 >= least * sum(w * w for w in ws) for ws in each)
        if has:
            assert found[k] == pytest.approx(sum(each[1]) / (sum(each[0]) + sum(each[1])))
            assert 0 < found[k] < 1
        else:
            assert np.isnan(found[k])


def test_bins_without_a_mean_weigh_one() -> None:
    """No events; weights that cancel before, or after, or by one member alone."""
    place = np.array([0, 0, 1, 1, 2, 2, 4, 4])
    generator = np.array([1.0, 1, 1, -1, 2, -1, 2, -1])
    weight = np.array([2.0, 4, 5, 5, 1, 3, 1, 1])
    each = np.array([weight, [2.0, 4, 5, 5, 1, 3, 1, 3]])
    found = binned_weights(place, 5, generator, weight, each[:0], "halves")
    assert found.nominal.tolist() == [3, 1, 1, 1, 1]
    assert found.filled_mask.tolist() == [True, False, False, False, True]
    assert found.up.tolist() == found.nominal.tolist()
    by_all = binned_weights(place, 5, generator, weight, each, "halves")
    assert by_all.filled_mask.tolist() == [True] + 4 * [False]


def test_no_bin_at_all_is_an_error(tmp_path: Path) -> None:
    """A model without a ratio would leave every event as it was."""
    write_events(tmp_path, 0)
    with pytest.raises(InputError, match="none of 12 bins has 1e\\+06 effective events of each class"):
        train(spec_of(least=1e6), tmp_path / "packed", tmp_path / "model", seed=1)


def test_the_verdict_is_in_the_description(plain: tuple[Path, Events], tmp_path: Path) -> None:
    """Whoever opens the file reads whether its weights passed."""
    folder, _ = plain
    gates = [("separation", "failed"), ("support", "passed"), ("spectra", "not conclusive")]
    area = Area(0.6, 0.59, 0.61)
    test = Closure(
        "shower", "events", ("power_shower", "dipole_shower"), 1, "failed",
        tuple(Gate(name, status, {}, {}, "") for name, status in gates),  # type: ignore[arg-type]
        area, area, area, 10, 10, (), (),
    )  # fmt: skip
    io.write_record(tmp_path / "closure.json", test)
    weights = {name: folder / f"{name}.parquet" for name in GENERATORS}
    correction(
        spec_of(), folder / "packed", weights, GENERATORS, EDGES, RAW, tmp_path / "correction.json",
        closure=tmp_path / "closure.json",
    )  # fmt: skip
    said = "closure test of the weights of events: failed; separation failed; spectra not conclusive"
    assert read(tmp_path).description.endswith(said)


@pytest.mark.parametrize("members", get_args(Members))
def test_the_description_says_whose_error_it_is(
    members: Members, plain: tuple[Path, Events], tmp_path: Path
) -> None:
    """Of up and down, in the words of captions and cards; without an ensemble it says nothing of them."""
    folder, _ = plain
    weights = {}
    for name in GENERATORS:
        rows, weights[name] = io.read_rows(folder / f"{name}.parquet"), tmp_path / f"{name}.parquet"
        for k in range(2):
            rows[f"weight_member{k}"] = rows["weight"] * (1 + 0.01 * k)
        io.write_rows(weights[name], rows, reweighter="shower", dataset=name)
    spec = spec_of().model_copy(update={"members": members})
    for n_members in (0, 2):
        correction(
            spec, folder / "packed", weights, GENERATORS, EDGES, RAW, tmp_path / "correction.json", n_members
        )
        said = f"up and down: one standard deviation of the mean's logarithm, {ERRORS[members]}"
        assert (said in read(tmp_path).description) == (n_members > 0)
    up, nominal = (read(tmp_path).evaluate(name, 1.0, 0.0) for name in ("up", "nominal"))
    assert nominal != 1
    expected = float(members_error(np.log([1.0, 1.01]), members))
    assert np.log(up / nominal) == pytest.approx(expected, rel=1e-3)


def test_trees_leave_in_bins_too(plain: tuple[Path, Events], tmp_path: Path) -> None:
    """Weights that differ within a bin: their mean there, by the same writer."""
    folder, events = plain
    bins = {"y": (-1.0, 0.0, 1.0, 2.0)}
    weights = {name: folder / f"{name}.parquet" for name in GENERATORS}
    correction(spec_of(), folder / "packed", weights, GENERATORS, bins, RAW, tmp_path / "correction.json")
    table, values, _ = of_source(folder, events)
    inside = (values[:, 1] >= 0) & (values[:, 1] < 1)
    assert np.ptp(table["weight"][inside]) > 0.5
    generator = table["weight_generator"][inside]
    expected = generator @ table["weight"][inside] / generator.sum()
    assert read(tmp_path).evaluate("nominal", 0.5) == pytest.approx(expected, rel=1e-9)
    assert read(tmp_path).evaluate("nominal", 0.0) == pytest.approx(expected, rel=1e-9)


def test_features_are_described() -> None:
    """Column, element, unit, transform, default and clip: what a caller has to give."""
    feature = RawSpec(source="jet_pt", slot=1, unit="GeV", transform="log", default=-1.0, clip=(0.0, 5.0))
    assert (
        described(feature) == "log of element 1 of jet_pt [GeV]; -1 where there is none; clipped to 0 and 5"
    )
    assert described(RawSpec(source="n_jets", default=None)) == "n_jets"


def problems(architecture: dict[str, Any], **changes: Any) -> Iterator[str]:
    return Options(**architecture).misfits(spec_of(**changes))


@pytest.mark.parametrize(
    ("architecture", "training", "words"),
    [
        ({}, {}, "edges: names one to three flat features"),
        ({"edges": {"xx": [0, 1]}}, {}, "edges: `xx` is none of the flat inputs; did you mean `x`"),
        ({"edges": {"x": [0, 1, 1]}}, {}, "edges.x: bin edges must rise and be two at least"),
        ({"edges": {"x": [-2, 1]}}, {"negative_weights": "classes"}, "edges: sums in bins take weights as"),
        ({"edges": {"x": [-2, 1]}}, {"flatten_in": {"x": (0, 1)}}, "edges: sums in bins take weights as"),
    ],
)
def test_misfits(architecture: dict[str, Any], training: dict[str, Any], words: str) -> None:
    """Mistakes of the file come up at the dry run; bins below 0 are none."""
    (found,) = problems(architecture, training=TrainingSpec(balance="class", **training))
    assert words in found
    assert not [*problems({"edges": {"x": [-2, -1]}})]


def test_defaults_of_a_ratio_that_is_exact_in_bins() -> None:
    """No calibration and its own bins, where the file does not say; sums are conserved as ever."""
    found = RatioEntry.resolved(None, trains=True, exact_in=EDGES)
    assert (found.calibration, found.conserve, found.binned) == ("none", True, EDGES)
    told = RatioEntry.resolved(RatioEntry(calibration="platt", binned={}), trains=True, exact_in=EDGES)
    assert (told.calibration, told.binned) == ("platt", {})
