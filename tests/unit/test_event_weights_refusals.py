"""Protects what event weights refuse, with the words that help, and how files of correctionlib are read."""

import gzip
import json
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith.event_weights import FixedWorkingPoints, InputError, Shape
from jetsmith.event_weights.corrections import corrections_of
from jetsmith.event_weights.points import ranges
from tests.unit import correction_files as files

GOOD: dict[str, Any] = {
    "pt": [[50.0, 60.0], [70.0]],
    "eta": [[0.5, -0.5], [1.0]],
    "flavour": [[5, 0], [4]],
    "score": [[0.5, 0.2], [0.9]],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that serve."""
    return files.all_of(tmp_path_factory.mktemp("corrections"))


def fixed(folder: Path, **more: Any) -> FixedWorkingPoints:
    """The helper, some of its arguments others."""
    given = {"scale_factors": folder / "sf.json", "efficiencies": folder / "eff.json", "tagger": "tag"}
    return FixedWorkingPoints(**{**given, "working_points": "M", "year": "2018", **more})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"tagger": "other"}, r"sf\.json: has no correction other_comb; it has tag_comb, tag_incl, tag_wp"),
        ({"heavy": "mujets"}, r"has no correction tag_mujets; it has tag_comb"),
        (
            {"heavy": "wp_values"},
            r"tag_wp_values: has the inputs working_point, not systematic, ",
        ),
        ({"heavy": "incl"}, r"incl and incl both have flavor \[0\]"),
        ({"working_points": "VT"}, r"mc_eff: has no working_point VT; it has L, M, T"),
        ({"working_points": ["L", "L"]}, r"working points: L, L; name each once"),
        ({"working_points": []}, r"working points: none; name each once, and at least one"),
        ({"year": ""}, r"year: is empty; name it, such as 2018"),
        ({"uncertainties": "all"}, r"uncertainties: all; there are years, total, breakdown"),
        (
            {"efficiency_errors": True},
            r"eff\.json: has no correction mc_eff_high; it has mc_eff, mc_wp_values",
        ),
        ({"efficiency": "data"}, r"eff\.json: has no correction data_eff; it has mc_eff, mc_wp_values"),
        ({"efficiencies": "nowhere.json"}, r"nowhere\.json: is no file of correctionlib: .*No such file"),
    ],
)
def test_what_files_do_not_have(folder: Path, more: dict[str, Any], words: str) -> None:
    """Each is named, with what there is."""
    with pytest.raises(InputError, match=words):
        fixed(folder, **more)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"no JSON", b'{"corrections": [{}]}', b"\x1f\x8b gzip", b"[]"]
)
def test_what_is_no_file_of_correctionlib(folder: Path, tmp_path: Path, content: bytes) -> None:
    """Refused by its name, whatever is wrong with it."""
    (tmp_path / "sf.json").write_bytes(content)
    with pytest.raises(InputError, match=r"sf\.json: is no file of correctionlib"):
        fixed(folder, scale_factors=tmp_path / "sf.json")


def test_files_may_be_compressed(folder: Path, tmp_path: Path) -> None:
    """Whatever their name says."""
    (tmp_path / "sf.json").write_bytes(gzip.compress((folder / "sf.json").read_bytes()))
    found = fixed(folder, scale_factors=tmp_path / "sf.json")(**GOOD)
    np.testing.assert_array_equal(found.nominal, fixed(folder)(**GOOD).nominal)


@pytest.mark.parametrize("how", ["flipped", "cut", "another checksum"])
def test_a_damaged_gzip_is_refused(folder: Path, tmp_path: Path, how: str) -> None:
    """Wherever it is damaged: zlib's error is neither an OSError nor a ValueError."""
    whole = gzip.compress((folder / "sf.json").read_bytes(), mtime=0)
    for place in range(15, 61):
        content = bytearray(whole)
        if how == "flipped":
            content[place] ^= 0xFF
        elif how == "cut":
            del content[place:]
        else:
            content[-8:-4] = place.to_bytes(4)
        (tmp_path / "sf.json").write_bytes(content)
        with pytest.raises(InputError, match=r"sf\.json: is no file of correctionlib"):
            corrections_of(tmp_path / "sf.json")


def test_what_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    """Blanks, 1,000 times what the file takes, are not all unpacked: 3 MB of such took 6 GB."""
    (tmp_path / "sf.json").write_bytes(gzip.compress(b" " * (100 << 20)))
    with pytest.raises(InputError, match=r"sf\.json: is no file .*: it unpacks to more than 200 times its"):
        corrections_of(tmp_path / "sf.json")


def test_sources_have_to_be_there(folder: Path, tmp_path: Path) -> None:
    """Scale factors with one uncertainty alone have no parts over the years; half a source is none."""
    points = files.thresholds("tag")
    one = files.fixed("tag_comb", (4, 5), {"": 0.1}), files.fixed("tag_incl", (0,), {"": 0.1}), points
    sf = files.write(tmp_path / "sf.json", *one)
    with pytest.raises(InputError, match=r"has no systematic up_correlated, .*; it has central, up, down"):
        fixed(folder, scale_factors=sf)
    assert fixed(folder, scale_factors=sf, uncertainties="total").sources
    del one[0]["data"]["content"][-1]
    with pytest.raises(InputError, match="has no systematic down; it has central, up"):
        fixed(folder, scale_factors=files.write(sf, *one), uncertainties="total")


def test_thresholds_have_to_be_the_same(folder: Path, tmp_path: Path) -> None:
    """Efficiencies of another cut of the same name would give wrong weights without a word.

    One of the files may have none; a difference that parts no float32 scores is none.
    """
    content = json.loads((folder / "eff.json").read_text())["corrections"]

    def with_points(*points: Any) -> Path:
        return files.write(tmp_path / "eff.json", content[0], *points)

    other = files.thresholds("mc", {**files.THRESHOLDS, "M": 0.31})
    with pytest.raises(InputError, match=r"M: its threshold is 0\.3 in .*tag_wp_values and 0\.31 in .*mc_wp"):
        fixed(folder, efficiencies=with_points(other))
    assert fixed(folder, efficiencies=with_points(other), working_points="L").thresholds == {"L": 0.1}
    near = files.thresholds("mc", {"M": 0.3 + 1e-9})
    assert fixed(folder, efficiencies=with_points(near)).thresholds == {"M": 0.3}
    assert fixed(folder, efficiencies=with_points()).thresholds == {"M": 0.3}
    sf = files.write(tmp_path / "sf.json", *json.loads((folder / "sf.json").read_text())["corrections"][:2])
    assert fixed(folder, scale_factors=sf).thresholds == {"M": 0.3}
    with pytest.raises(InputError, match="have no thresholds, tag_wp_values or mc_wp_values"):
        fixed(folder, scale_factors=sf, efficiencies=with_points())


@pytest.mark.parametrize("names", [(), ("mc", "other")])
def test_which_efficiencies(folder: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    """Of several, or none, the user says which."""
    content = json.loads((folder / "eff.json").read_text())["corrections"]
    found = [{**content[0], "name": f"{name}_eff"} for name in names]
    path = files.write(tmp_path / "eff.json", *found, content[1])
    with pytest.raises(InputError, match=r"has (mc_eff, other_eff|no efficiencies .*); say which"):
        fixed(folder, efficiencies=path)
    if names:
        assert fixed(folder, efficiencies=path, efficiency="other").flavours == files.FLAVOURS


@pytest.mark.parametrize(("axis", "key"), [("pt", None), ("discriminant", "CvsL")])
def test_points_without_a_single_threshold_are_refused(
    folder: Path, tmp_path: Path, axis: str, key: str | None
) -> None:
    """Flat efficiencies and planes, which calibrate writes beside others: no scale factors are for those."""
    maps, points = json.loads((folder / "eff.json").read_text())["corrections"]
    by = files.category(axis, {key: 0.3}) if key else files.binning(axis, [30.0, 500.0], [0.3])
    of = files.category("working_point", dict.fromkeys("LMT", by))
    other = files.correction("flat_wp_values", ["working_point", axis], of)
    other["inputs"][1]["type"] = "string" if key else "real"
    flat = {**maps, "name": "flat_eff"}
    path = files.write(tmp_path / "eff.json", maps, points, flat, other)
    words = rf"wp_values: its thresholds depend on {axis}, too, as those of flat"
    with pytest.raises(InputError, match=f"flat_{words}"):
        fixed(folder, efficiencies=path, efficiency="flat")
    assert fixed(folder, efficiencies=path).thresholds == {"M": 0.3}  # the one that serves needs no name
    alone = files.write(tmp_path / "alone.json", flat, other)
    with pytest.raises(InputError, match=r"has no efficiencies .*; flat_eff: no single threshold a point"):
        fixed(folder, efficiencies=alone)
    factors = json.loads((folder / "sf.json").read_text())["corrections"][:2]
    sf = files.write(tmp_path / "sf.json", *factors, {**other, "name": "tag_wp_values"})
    with pytest.raises(InputError, match=f"tag_{words}"):
        fixed(folder, scale_factors=sf)


def test_flavours_without_weights(folder: Path, tmp_path: Path) -> None:
    """Other flavours are named with their numbers, and those that only one of the files has."""
    taus = {**GOOD, "flavour": [[15, -1], [15]]}
    words = r"flavour -1 \(1 jets\), 15 \(2 jets\): .* have 0, 4, 5; `flavours_as` takes one for another"
    for weigh in (fixed(folder), Shape(folder / "shape.json", "tag", "2018")):
        with pytest.raises(InputError, match=words):
            weigh(**taus)
    some = {key: value for key, value in files.EFFICIENCIES.items() if key != ("M", 4)}
    files.efficiencies(tmp_path / "eff.json", some)
    weigh = fixed(folder, efficiencies=tmp_path / "eff.json")
    assert weigh.flavours == (0, 5)
    with pytest.raises(InputError, match=r"flavour 4 \(1 jets\): .* have 0, 5;"):
        weigh(**GOOD)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("pt", [50.0, 60.0], r"pt is 2 \* float64, where it has to be a list of numbers an event"),
        ("pt", [[{"x": 1.0}], []], r"pt is 2 \* var \* \{x: float64\}, where it has to be a list"),
        ("pt", [["50", "60"], ["70"]], "pt is .*, where it has to be (a list of )?numbers"),
        ("score", [[[0.5], [0.2]], [[0.9]]], "score is .*, where it has to be a list"),
        ("pt", [None, [70.0]], r"pt is None in 1 of 2 events, first in 0: leave these events out"),
        ("eta", [[0.5, None], [1.0]], r"a jet of event 0 has a pt and no eta \(None\); mask whole jets"),
        ("pt", [[50.0, 60.0], [None]], r"a jet of event 1 has a eta and no pt \(None\)"),
        ("eta", [[0.5, -0.5]], "eta has 1 events, and pt 2"),
        ("score", [[0.5], [0.2, 0.9]], "event 0 has 1 values of score, and 2 of pt"),
        (
            "pt",
            [[50.0, np.nan], [70.0]],
            "pt of 1 of 3 jets is not a finite number from 0 on: first nan",
        ),
        ("pt", [[50.0, 60.0], [np.inf]], "pt of 1 of 3 jets .* first inf in event 1"),
        ("pt", [[-1.0, 60.0], [-1.0]], "pt of 2 of 3 jets .* first -1.0 in event 0"),
        ("eta", [[0.5, np.nan], [np.inf]], "eta of 2 of 3 jets is not a finite number: first nan"),
        ("flavour", [[5.0, 0.5], [4.0]], "flavour of 1 of 3 jets is not an integer: first 0.5 in event 0"),
        ("flavour", [[5.0, 0.0], [np.nan]], "flavour of 1 of 3 jets is not an integer: first nan in event 1"),
        ("score", [[0.5, np.nan], [0.9]], "score of 1 of 3 jets is not a number, or -inf .*: first nan"),
        ("score", [[0.5, 0.2], [np.inf]], "score of 1 of 3 jets .* first inf in event 1"),
        ("flavour", [[True, False], [True]], "flavour is of type bool, where it has to be numbers"),
    ],
)
@pytest.mark.parametrize("kind", ["fixed", "shape"])
def test_what_are_no_jets(folder: Path, kind: str, name: str, values: Any, words: str) -> None:
    """Nothing that is missing or no number becomes a weight of 1."""
    weigh = fixed(folder) if kind == "fixed" else Shape(folder / "shape.json", "tag", "2018")
    assert (weigh(**GOOD).nominal != 1).all()
    with pytest.raises(InputError, match=words):
        weigh(**{**GOOD, name: ak.Array(values)})


def test_numbers_that_are_none(folder: Path, tmp_path: Path) -> None:
    """A file that gives NaN for a jet is refused; so is what correctionlib refuses, by the file's name."""
    content = json.loads((folder / "eff.json").read_text())["corrections"]
    content[0]["data"] = files.formula("log(0-x)", "pt")
    path = files.write(tmp_path / "eff.json", *content)
    with pytest.raises(InputError, match=r"mc_eff: has no working_point M; it has $"):
        fixed(folder, efficiencies=path)
    bare = corrections_of(path)["mc_eff"]
    given = {"flavor": 5, "working_point": "M", "abseta": 0.5}
    with pytest.raises(InputError, match=r"eff\.json: mc_eff: gives numbers that are not finite"):
        bare(**given, pt=np.array([50.0]))
    with pytest.raises(InputError, match=r"eff\.json: mc_eff: .*7"):
        corrections_of(folder / "eff.json")["mc_eff"](**{**given, "flavor": 7}, pt=50.0)


def test_shapes_name_a_year(folder: Path) -> None:
    """As fixed working points do: statistics of two years are no source of both."""
    with pytest.raises(InputError, match="year: is empty"):
        Shape(folder / "shape.json", "tag", " ")


def test_shapes_with_half_a_source(tmp_path: Path) -> None:
    """A source that only goes up, or that goes up for other flavours than down, would be half an error."""
    path = files.shape(tmp_path / "shape.json")
    content = json.loads(path.read_text())["corrections"][0]
    central, up, down, *others = content["data"]["content"]
    content["data"]["content"] = [central, up, *others]
    with pytest.raises(InputError, match="has no systematic down_hf; it has central, up_hf, up_lf"):
        Shape(files.write(path, content), "tag", "2018")
    down["value"]["content"] = down["value"]["content"][:1]
    content["data"]["content"] = [central, up, down, *others]
    with pytest.raises(InputError, match=r"tag_shape: up_hf is for flavor \[0, 5\], down_hf for \[0\]"):
        Shape(files.write(path, content), "tag", "2018")


def test_shifts_of_energy_are_those_of_the_file(folder: Path) -> None:
    """Others are named with those that there are."""
    with pytest.raises(InputError, match="has no up_jer; jes: up_jes, down_jes"):
        Shape(folder / "shape.json", "tag", "2018")(**GOOD, jes="up_jer")


AXES = ("systematic", "flavor", "abseta", "pt")
UNIFORM = files.binning("pt", {"n": 4, "low": 20.0, "high": 100.0}, [1.0, 2.0, 3.0, 4.0])
TWO = {
    "nodetype": "multibinning",
    "inputs": ["abseta", "pt"],
    "edges": [[0.0, 2.4], [25.0, "inf"]],
    "content": [1.0],
    "flow": "clamp",
}
SHIFTED = {
    "nodetype": "transform",
    "input": "pt",
    "rule": files.formula("x/2", "pt"),
    "content": files.category("flavor", {4: 1.0}),
}


def test_axes_of_any_tree(tmp_path: Path) -> None:
    """Keys and ranges follow from the tree, whatever the order of its axes: of what the given keys lead to,
    a default too, through transforms, flows, uniform bins, several axes at once and infinite edges.
    """
    tree = files.category(
        "flavor",
        {
            5: files.category("systematic", {"central": UNIFORM, "up": TWO}),
            4: {**files.category("systematic", {"central": 1.0}), "default": SHIFTED},
            0: files.binning("abseta", [0.0, 2.0], [1.0], files.category("systematic", {"other": 1.0})),
        },
    )
    path = files.write(tmp_path / "any.json", files.correction("any", AXES, tree))
    found = corrections_of(path)["any"]
    assert found.axes == AXES
    assert found.keys("systematic") == ["central", "up", "other"]
    assert found.keys("systematic", flavor=5) == ["central", "up"]
    assert found.keys("flavor") == [5, 4, 0]
    assert found.keys("flavor", systematic="up") == [5, 4, 0]
    assert found.keys("flavor", systematic="other") == [4, 0]
    assert found.ends("pt", flavor=5, systematic="central") == (20.0, 100.0)
    assert found.ends("pt", flavor=5, systematic="up") == (25.0, np.inf)
    assert found.ends("pt", flavor=5) == (25.0, 100.0)
    assert found.ends("abseta") == (0.0, 2.0)
    assert found.ends("pt", flavor=4) == (-np.inf, np.inf)
    both = [{"systematic": "central"}, {"systematic": "up"}]
    assert ranges(found, both) == {5: (25.0, 100.0), 4: (-np.inf, np.inf), 0: (-np.inf, np.inf)}
    assert ranges(found, both[::-1]) == ranges(found, both)
    assert ranges(found, [{"systematic": "up"}, {"systematic": "other"}]).keys() == {4, 0}
    with pytest.raises(InputError, match=r"any: has no systematic down; it has central, up$"):
        found.check("systematic", ["up", "down"], flavor=5)
