"""Protects event weights whose efficiencies a network has learned: a slow loop, closure, what is refused."""

import copy
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import onnx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from jetsmith.event_weights import FixedWorkingPoints, InputError, LearnedEfficiencies, tag_probabilities
from tests.unit import correction_files as files
from tests.unit import slow_event_weights as slow
from tests.unit.slow_event_weights import WithTracks

Array = np.ndarray[Any, Any]
SHIFT = {5: 1.0, 4: 0.0, 0: -1.0}  # of the logit
POINTS = {"L": 1.0, "M": 0.5}  # efficiencies of either over those of the looser one
LAST = 20.0  # tracks that were learned from


def by_tracks(point: str, flavour: Any, tracks: Any) -> Any:
    """How likely a jet is to pass."""
    logit = 0.35 * (np.minimum(tracks, LAST) - 6) + np.vectorize(SHIFT.get, otypes=[float])(flavour)
    return POINTS[point] / (1 + np.exp(-logit))


def write_learned(path: Path, **changes: Any) -> Path:
    """A file as stage learn writes it, of exactly these efficiencies."""

    def constant(name: str, value: Any, kind: Any = np.float32) -> Any:
        return numpy_helper.from_array(np.asarray(value, kind), name)

    flavours = list(SHIFT)
    nodes = [
        helper.make_node("Gather", ["ak4", "last_column"], ["tracks"], axis=1),
        helper.make_node("Min", ["tracks", "last"], ["within"]),
        helper.make_node("Sub", ["within", "six"], ["away"]),
        helper.make_node("Mul", ["away", "slope"], ["slant"]),
        helper.make_node("Unsqueeze", ["flavor", "one"], ["column"]),
        helper.make_node("Equal", ["column", "flavours"], ["is_one"]),
        helper.make_node("Cast", ["is_one"], ["of_class"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["of_class", "shift"], ["shifts"]),
        helper.make_node("Add", ["slant", "shifts"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["loose"]),
        helper.make_node("Mul", ["loose", "shares"], ["efficiency"]),
        helper.make_node("Mul", ["efficiency", "share"], ["error"]),
    ]
    constants = [
        constant("last_column", [1], np.int64), constant("last", LAST), constant("six", 6.0),
        constant("slope", 0.35), constant("one", [1], np.int64), constant("flavours", flavours, np.int64),
        constant("shift", [[SHIFT[f]] for f in flavours]), constant("shares", [list(POINTS.values())]),
        constant("share", 0.01),
    ]  # fmt: skip
    inputs = [
        helper.make_tensor_value_info("ak4", TensorProto.FLOAT, ["N", 2]),
        helper.make_tensor_value_info("flavor", TensorProto.INT64, ["N"]),
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in ("efficiency", "error")
    ]
    graph = helper.make_graph(nodes, "learned", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    common = {"slot": None, "unit": "", "transform": "", "clip": None, "default": 0.0}
    features = [
        {"name": "pt", "source": "jet_pt_gev", "range": [10.0, 5000.0], **common},
        {"name": "tracks", "source": "n_cpf", "range": [0.0, LAST], **common},
    ]
    about = {
        "format": 1,
        "learned": "by_tracks",
        "thresholds": {point: files.THRESHOLDS[point] for point in POINTS},
        "flavors": {"b_jets": 5, "c_jets": 4, "light_jets": 0},
        "status": "passed",
        "why": [],
        "groups": [{"group": "ak4", "kind": "flat", "length": 0, "sorted_by": "", "features": features}],
    }
    helper.set_model_props(model, {"jetsmith": json.dumps({**about, **changes})})
    onnx.save(model, path)
    return path


@cache
def as_learned(folder: Path) -> Callable[[str, int, float], float]:
    """The same as the file has them, in float32: where weights cancel the last bit counts."""
    tracks = np.arange(LAST + 1)
    found = {}
    for flavour in SHIFT:
        of = np.full(len(tracks), flavour)
        learned = LearnedEfficiencies(folder / "by_tracks.onnx")(
            of, {"ak4": {"pt": of + 50.0, "tracks": tracks}}
        )
        for point, values in learned.efficiency.items():
            np.testing.assert_allclose(values, by_tracks(point, of, tracks), rtol=1e-6)
            found[point, flavour] = values
    return lambda point, flavour, n: float(found[point, flavour][int(min(n, LAST))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scale factors, efficiencies in bins, and those by tracks."""
    path = files.all_of(tmp_path_factory.mktemp("corrections"))
    write_learned(path / "by_tracks.onnx")
    return path


def learned(folder: Path, points: str | Sequence[str] = ("L", "M"), **more: Any) -> FixedWorkingPoints:
    """The helper on these files."""
    network = LearnedEfficiencies(folder / "by_tracks.onnx")
    return FixedWorkingPoints(folder / "sf.json", network, "tag", points, "2018", **more)


def lists(events: Sequence[Sequence[WithTracks]]) -> tuple[Any, ...]:
    """pt, eta, flavour and score, and features by group."""
    n = np.array([len(event) for event in events], int)
    flat = [jet for event in events for jet in event]
    kinds = ("f8", "f4", "u1", "f4", "f8")
    *columns, tracks = (
        ak.unflatten(np.array([jet[i] for jet in flat], kind), n) for i, kind in enumerate(kinds)
    )
    return (*columns, {"ak4": {"pt": columns[0], "tracks": tracks}})


JETS = st.tuples(
    st.floats(15, 2000),
    st.one_of(st.sampled_from([-2.4, 2.45, 2.5, 4.7]), st.floats(-3, 3, width=32)),
    st.sampled_from(files.FLAVOURS),
    st.one_of(st.floats(0, 1, width=32), st.sampled_from([-np.inf, -1.0])),
    st.integers(0, 22).map(float),
)
# The first jet of an event outside, so that features have to go along with the jets that are left.
GAPS: list[list[WithTracks]] = [
    [],
    [(50.0, 2.9, 5, 0.5, 20.0), (60.0, 0.5, 5, 0.2, 2.0)],
    [],
    [(50.0, -1.0, 0, 0.0, 3.0), (70.0, 0.0, 4, 0.2, 9.0), (90.0, 1.0, 5, 0.0, 17.0)],
]


@pytest.mark.parametrize("points", [("M",), ("L", "M")])
@given(events=st.lists(st.lists(JETS, max_size=4), max_size=6))
@example(events=[])
@example(events=[[], []])
@example(events=GAPS)
def test_they_are_those_of_a_slow_loop(
    folder: Path, points: tuple[str, ...], events: list[list[WithTracks]]
) -> None:
    """Nominal, each source in both directions, and the account; each jet with the features that it has."""
    # Of one jet that lies far off, all do: this is refused, and not what is looked at here.
    events = [[jet for jet in event if jet[-1] <= 20 or len(events) > 3] for event in events]
    found = learned(folder, points[::-1])(*lists(events))
    own = as_learned(folder)
    expected, of_jets, counts = slow.fixed(folder, events, points, by_tracks=own)
    np.testing.assert_allclose(found.nominal, expected, rtol=1e-9, atol=1e-12)
    negative = np.array(of_jets) < 0
    for source in found.up:
        _, group, kind, *_ = source.split("_")
        for direction, weights in (("up", found.up), ("down", found.down)):
            moved = group, f"{direction}_{kind}"
            varied, of_jets, _ = slow.fixed(folder, events, points, *moved, by_tracks=own)
            np.testing.assert_allclose(weights[source], varied, rtol=1e-9, atol=1e-12)
            negative |= np.array(of_jets) < 0
    counts["n_negative"] = int(negative.sum())
    assert {name: n for name, n in found.counts.items() if n} == {name: n for name, n in counts.items() if n}


def test_their_errors_are_sources(folder: Path) -> None:
    """Where it is asked for, up and down by what the network has for its error: 1% of each efficiency."""
    found = learned(folder, efficiency_errors=True)(*lists(GAPS))
    own = as_learned(folder)
    for group in ("heavy", "light"):
        for factor, weights in ((1.01, found.up), (0.99, found.down)):
            by = {flavour: factor if (flavour == 0) == (group == "light") else 1.0 for flavour in SHIFT}

            def moved(point: str, flavour: int, tracks: float, by: dict[int, float] = by) -> float:
                return min(own(point, flavour, tracks) * by[flavour], 1.0)

            expected, *_ = slow.fixed(folder, GAPS, ("L", "M"), by_tracks=moved)
            given = weights[f"btag_{group}_efficiency_2018"]
            np.testing.assert_allclose(given, expected, rtol=1e-5)
            assert (given != found.nominal).any()


def factors(path: Path, value: float, shift: float = 0.0) -> Path:
    """Scale factors that are one number for all jets at each point."""
    axes = ["systematic", "working_point", "flavor", "abseta", "pt"]

    def one(name: str, flavours: tuple[int, ...]) -> Any:
        values = {"central": value, "up": value + shift, "down": value - shift}
        return files.correction(
            name,
            axes,
            files.category(
                "systematic",
                {
                    systematic: files.category(
                        "working_point",
                        {p: files.category("flavor", dict.fromkeys(flavours, sf)) for p in POINTS},
                    )
                    for systematic, sf in values.items()
                },
            ),
        )

    return files.write(path, one("tag_comb", (4, 5)), one("tag_incl", (0,)), files.thresholds("tag"))


def made_up(n_events: int, seed: int, factor: float = 1.0) -> tuple[Array, Array, dict[str, Array]]:
    """Numbers of jets by event, jets and which number of points these pass, in simulation and in data."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(3, n_events)
    n = counts.sum()
    columns = {
        "flavour": rng.choice(files.FLAVOURS, n),
        "pt": rng.uniform(30, 100, n),
        "eta": rng.uniform(-2.3, 2.3, n),
        "tracks": rng.integers(1, 12, n).astype(float),
    }
    chance = np.stack([by_tracks(point, columns["flavour"], columns["tracks"]) for point in POINTS])
    simulated, data = ((rng.random(n) < chance * f).sum(axis=0) for f in (1.0, factor))
    return counts, np.stack([simulated, data]), columns


def scores(n_passed: Array) -> Array:
    """In the middle between thresholds."""
    return np.array([0.05, 0.2, 0.5])[n_passed]


def test_factors_of_1_change_nothing(folder: Path, tmp_path: Path) -> None:
    """Weights are 1, of all events, whatever their jets' efficiencies are; also varied by nothing."""
    counts, n_passed, jets = made_up(2_000, 1)
    weigh = FixedWorkingPoints(
        factors(tmp_path / "sf.json", 1.0), LearnedEfficiencies(folder / "by_tracks.onnx"), "tag",
        ["L", "M"], "2018", uncertainties="total",
    )  # fmt: skip
    given_ = [
        ak.unflatten(x, counts) for x in (jets["pt"], jets["eta"], jets["flavour"], scores(n_passed[0]))
    ]
    features = {"ak4": {name: ak.unflatten(jets[name], counts) for name in ("pt", "tracks")}}
    found = weigh(*given_, features)
    for weights in (found.nominal, *found.up.values(), *found.down.values()):
        np.testing.assert_allclose(weights, 1, rtol=1e-12)
    assert found.counts["n_jets"] == counts.sum() > 5_000


@pytest.mark.parametrize("factor", [0.8, 1.05])
@pytest.mark.parametrize("points", [("M",), ("L", "M")])
def test_closure_of_made_up_jets(
    folder: Path, tmp_path: Path, points: tuple[str, ...], factor: float
) -> None:
    """Weighted simulation has as many tags as data, by flavour, number in the event and tracks, and as many
    jets of many tracks that fail; with efficiencies in bins of pt these do not close. The sum of
    weights stays.
    """
    n_events = 80_000
    counts, n_passed, jets = made_up(n_events, 3, factor)
    sf = factors(tmp_path / "sf.json", factor, 0.02)
    mean = {
        (point, f): [by_tracks(point, f, jets["tracks"][jets["flavour"] == f]).mean()] * 2
        for point in POINTS
        for f in files.FLAVOURS
    }
    files.efficiencies(tmp_path / "eff.json", mean)
    network = LearnedEfficiencies(folder / "by_tracks.onnx")
    lists_ = [
        ak.unflatten(x, counts) for x in (jets["pt"], jets["eta"], jets["flavour"], scores(n_passed[0]))
    ]
    features = {"ak4": {name: ak.unflatten(jets[name], counts) for name in ("pt", "tracks")}}
    more: dict[str, Any] = {"uncertainties": "total"}
    by_network = FixedWorkingPoints(sf, network, "tag", points, "2018", **more)(*lists_, features)
    by_bins = FixedWorkingPoints(sf, tmp_path / "eff.json", "tag", points, "2018", **more)(*lists_)
    event = np.repeat(np.arange(n_events), counts)
    place = [list(POINTS).index(point) for point in points]

    def pulls(weight: Array) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {"tags": [], "failing": []}

        def compare(kind: str, simulated: Array, data: Array, of: Array) -> None:
            chosen = weight[of] * simulated
            found[kind].append(float((chosen.sum() - data.sum()) / np.sqrt((chosen**2).sum() + data.sum())))

        for p in place:
            passed, seen = n_passed > p
            for f in files.FLAVOURS:
                compare("tags", (jets["flavour"] == f) & passed, (jets["flavour"] == f) & seen, event)
            tags, seen_tags = (np.bincount(event[mask], minlength=n_events) for mask in (passed, seen))
            for k in range(4):
                compare("tags", tags == k, seen_tags == k, np.arange(n_events))
            for many in (True, False):
                here = (jets["tracks"] > 9) == many
                compare("failing", here & ~passed, here & ~seen, event)
        return found

    found = pulls(by_network.nominal)
    assert max(np.abs(one).max() for one in found.values()) < 4
    plain = pulls(np.ones(n_events))
    assert np.abs(plain["tags"]).max() > 5  # without weights
    if factor < 1:
        assert np.abs(pulls(by_bins.nominal)["failing"]).max() > 5
    error = by_network.nominal.std() / np.sqrt(n_events)
    for weights in (by_network.nominal, *by_network.up.values(), *by_network.down.values()):
        assert weights.mean() == pytest.approx(1, abs=5 * error)


def test_masked_jets_and_those_as_simulated_keep_features_in_step(folder: Path) -> None:
    """What is left out takes its features along, also where these are masked or not."""
    events = GAPS[3:] * 2
    given_ = lists(events)
    keep = ak.Array([[False, True, True], [True, False, True]])
    expected = learned(folder)(*lists([[j for j, k in zip(e, m, strict=True) if k] for e, m in
                                       zip(events, keep.to_list(), strict=True)]))  # fmt: skip
    masked = [ak.mask(values, keep) for values in given_[:4]]
    features = {"ak4": {name: ak.mask(values, keep) for name, values in given_[4]["ak4"].items()}}
    for of in (features, given_[4], ak.zip({"ak4": ak.zip(features["ak4"])})):
        found = learned(folder)(*masked, of)
        np.testing.assert_array_equal(found.nominal, expected.nominal)
        assert (found.counts["n_jets"], found.counts["n_missing_jets"]) == (4, 2)
    found = learned(folder, light=None, as_simulated=(0,))(*given_)
    heavy = learned(folder)(*lists([event[1:] for event in events]))
    np.testing.assert_array_equal(found.nominal, heavy.nominal)
    assert found.counts["n_as_simulated"] == 2


def test_masked_jets_are_no_jets(folder: Path) -> None:
    """As for weights: a jet of None has no efficiency and no tag; an event of None is refused."""
    learned_of = LearnedEfficiencies(folder / "by_tracks.onnx")
    flavour, pt = ak.Array([[5, 0, 4], [], [0]]), ak.Array([[50.0, 60.0, 70.0], [], [80.0]])
    keep = ak.Array([[True, False, True], [], [False]])
    features = {"ak4": {"pt": pt, "tracks": pt / 10}}
    masked = {"ak4": {name: ak.mask(values, keep) for name, values in features["ak4"].items()}}
    whole = learned_of(flavour, features)
    for of in (features, masked):
        found = learned_of(ak.mask(flavour, keep), of)
        for name in ("efficiency", "error"):
            expected = ak.mask(getattr(whole, name)["M"], keep)
            assert getattr(found, name)["M"].to_list() == expected.to_list()
        assert found.beyond.to_list() == ak.mask(whole.beyond, keep).to_list()
        tags = tag_probabilities(found.efficiency["M"], 2)
        np.testing.assert_array_equal(tags, tag_probabilities(whole.efficiency["M"][keep], 2))
    hidden = np.ma.masked_array([[5, 0], [4, 4]], mask=[[False, True], [False, False]])
    tracks = np.ma.masked_array(np.full((2, 2), 5.0), hidden.mask)
    regular = learned_of(hidden, {"ak4": {"pt": np.full((2, 2), 50.0), "tracks": tracks}}).efficiency["M"]
    ragged = learned_of([[5], [4, 4]], {"ak4": {"pt": [[50.0], [50.0] * 2], "tracks": [[5.0], [5.0] * 2]}})
    assert ak.drop_none(regular).to_list() == ragged.efficiency["M"].to_list()  # NumPy's masks, too
    chances = np.ma.masked_array(np.full((2, 2), 0.5), hidden.mask)
    assert tag_probabilities(chances, 2).tolist() == [[0.5, 0.5, 0], [0.25, 0.5, 0.25]]
    flat = learned_of([5, None], {"ak4": {"pt": [50.0, None], "tracks": [5.0, None]}}).efficiency["M"]
    assert flat.to_list() == [pytest.approx(float(whole.efficiency["M"][0, 0])), None]
    nothing = learned_of([[None]], {"ak4": {"pt": [[None]], "tracks": [[None]]}}).efficiency["M"]
    assert nothing.to_list() == [[None]]
    assert tag_probabilities(nothing, 1).tolist() == [[1.0, 0.0]]
    words = "is None in 1 of 2 events, first in 1: leave these events out, or give them empty lists"
    one = {"ak4": {"pt": [[50.0], []], "tracks": [[5.0], []]}}
    with pytest.raises(InputError, match=f"flavour {words}"):
        learned_of([[5], None], one)
    with pytest.raises(InputError, match=rf"ak4\.pt {words}"):
        learned_of([[5], []], {"ak4": {"pt": [[50.0], None], "tracks": [[5.0], []]}})
    with pytest.raises(InputError, match=f"efficiency {words}"):
        tag_probabilities([[0.5], None], 1)
    with pytest.raises(InputError, match="has 1 jets, and flavour 2"):
        learned_of([5, None], {"ak4": {"pt": [50.0], "tracks": [5.0]}})
    with pytest.raises(InputError, match="no number from 0 to 1"):
        tag_probabilities([[0.5, np.nan]], 1)
    for wrong in (None, 0.5, "text", [[0.5, "a"]], [[10**30]]):
        with pytest.raises(InputError, match="efficiency"):
            tag_probabilities(wrong, 1)
    swapped = np.array([[0.5, 0.5]], ">f8")
    assert tag_probabilities(swapped, 2).tolist() == tag_probabilities([[0.5, 0.5]], 2).tolist()


def test_flavours_may_be_taken_for_others(folder: Path) -> None:
    """A network is asked for the flavour that a jet is taken for."""
    features = {"ak4": {"pt": [[50.0]], "tracks": [[5.0]]}}
    tau, light, b = (
        learned(folder, "M", flavours_as={15: 0})([[50.0]], [[0.5]], [[f]], [[0.0]], features).nominal[0]
        for f in (15, 0, 5)
    )
    assert tau == light != b


def test_workers_get_copies(folder: Path) -> None:
    """With the network inside, made as a pickle is."""
    weigh = learned(folder)
    first, second = weigh(*lists(GAPS)), copy.deepcopy(weigh)(*lists(GAPS))
    np.testing.assert_array_equal(first.nominal, second.nominal)


JET = ([[50.0]], [[0.5]], [[5]], [[0.2]])
FEATURES: dict[str, Any] = {"ak4": {"pt": [[50.0]], "tracks": [[5.0]]}}
REFUSED: dict[str, tuple[Any, str]] = {
    "no features": (None, r"features: learned efficiencies by_tracks needs ak4\.pt, ak4\.tracks; give them"),
    "one lacks": ({"ak4": {"pt": [[50.0]]}}, r"ak4\.tracks: is missing; there are: pt"),
    "other lengths": ({"ak4": {"pt": [[50.0]], "tracks": [[5.0, 6.0]]}}, r"lengths of those of pt"),
    "no lists": ({"ak4": {"pt": [[50.0]], "tracks": [5.0]}}, r"ak4\.tracks: its lists are not of the"),
    "another unit": ({"ak4": {"pt": [[5e7]], "tracks": [[5.0]]}}, r"ak4\.pt: .* Is it in another unit"),
}


@pytest.mark.parametrize(("features", "words"), REFUSED.values(), ids=REFUSED)
def test_features_have_to_fit(folder: Path, features: Any, words: str) -> None:
    """Nothing is guessed of a jet."""
    weigh = learned(folder)
    assert weigh(*JET, FEATURES).nominal[0] != 1
    with pytest.raises(InputError, match=words):
        weigh(*JET, features)


def test_what_does_not_go_together_is_refused(folder: Path, tmp_path: Path) -> None:
    """Points and thresholds of other files, a name, features that nothing reads, flavours not learned."""
    with pytest.raises(
        InputError, match="learned efficiencies by_tracks: has no working_point T; it has L, M"
    ):
        learned(folder, ("L", "T"))
    with pytest.raises(InputError, match="efficiency: mc; learned efficiencies are of one tagger alone"):
        learned(folder, efficiency="mc")
    binned = FixedWorkingPoints(folder / "sf.json", folder / "eff.json", "tag", "M", "2018")
    with pytest.raises(InputError, match=r"features: .*eff\.json: mc_eff is in bins of pt and \|eta\|, and"):
        binned(*JET, FEATURES)
    write_learned(tmp_path / "by_tracks.onnx", thresholds={"L": 0.1, "M": 0.4})
    files.scale_factors(tmp_path / "sf.json")
    with pytest.raises(InputError, match=r"M: its threshold is 0\.3 in .*tag_wp_values and 0\.4 in learned"):
        learned(tmp_path)
    assert learned(tmp_path, "L").thresholds == {"L": 0.1}
    write_learned(tmp_path / "by_tracks.onnx", flavors={"b_jets": 5, "light_jets": 0})
    weigh = learned(tmp_path)
    assert weigh.flavours == (0, 5)
    with pytest.raises(
        InputError, match=r"flavour 4 \(1 jets\): learned efficiencies by_tracks and the scale"
    ):
        weigh([[50.0]], [[0.5]], [[4]], [[0.2]], FEATURES)


def test_an_event_without_its_list_is_refused(folder: Path) -> None:
    """Of flavours, of features, and of efficiencies."""
    network = LearnedEfficiencies(folder / "by_tracks.onnx")
    two = ak.Array([[50.0], None])
    with pytest.raises(InputError, match="flavour is None in 1 of 2 events, first in 1"):
        network(ak.Array([[5], None]), {"ak4": {"pt": two, "tracks": two}})
    with pytest.raises(InputError, match=r"ak4\.pt is None in 1 of 2 events"):
        network([[5], []], {"ak4": {"pt": two, "tracks": [[5.0], []]}})
    with pytest.raises(InputError, match="efficiency is None in 1 of 2 events"):
        tag_probabilities(ak.Array([[0.5], None]), 2)
