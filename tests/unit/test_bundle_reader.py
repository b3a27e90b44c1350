"""Protects the reader of bundles: what it refuses, what it imports, and that threads may share it."""

import copy
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith.bundle import Bundle, InputError
from jetsmith.bundle_inputs import BATCH
from jetsmith.bundles._files import write_checksums
from jetsmith.packed.arrays import FlatGroup, Packed
from tests.unit import bundled
from tests.unit.bundled import as_lists, raw_jets, small_bundle
from tests.unit.bundled_weights import make, recipe
from tests.unit.packed_jets import pack_jets

ROOT = Path(__file__).parent.parent.parent
Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of sums."""
    return small_bundle(tmp_path_factory.mktemp("bundles") / "small")


@pytest.fixture(scope="module")
def tagger(folder: Path) -> Bundle:
    """It, loaded."""
    return Bundle(folder)


def jets_of(tagger: Bundle, n: int = 600) -> dict[str, dict[str, Any]]:
    """Jets by group and name."""
    return as_lists(raw_jets(tagger.groups, n), tagger.groups)


def test_scores_are_by_name_and_in_order(tagger: Bundle) -> None:
    """Batches of jets of one length are put back in order: alone, together, in reverse each gets the same."""
    jets = jets_of(tagger)
    scores = tagger(jets)
    assert list(scores) == ["p_b_jets", "p_c_jets", "p_light_jets", "BvsAll"]
    total = sum(scores[f"p_{name}"] for name in tagger.classes)
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert len(total) == 600 > 2 * BATCH
    reverse = {g: {name: column[::-1] for name, column in of.items()} for g, of in jets.items()}
    np.testing.assert_allclose(tagger(reverse)["p_b_jets"][::-1], scores["p_b_jets"], atol=1e-6)
    counts = np.asarray(ak.num(next(iter(jets["charged"].values()))))
    assert counts.min() == 0 < counts.max()
    for i in (0, 7, 599, counts.argmin(), counts.argmax()):
        one = {g: {name: column[i : i + 1] for name, column in of.items()} for g, of in jets.items()}
        np.testing.assert_allclose(tagger(one)["p_b_jets"], scores["p_b_jets"][i : i + 1], atol=1e-6)
    none = {g: {name: column[:0] for name, column in of.items()} for g, of in jets.items()}
    assert len(tagger(none)["p_b_jets"]) == 0


def test_records_of_awkward_are_jets_too(tagger: Bundle) -> None:
    """As analyses have them: a record a jet, lists of records for constituents, None for what is missing."""
    jets = jets_of(tagger, 20)
    records = ak.zip({name: ak.zip(of) for name, of in jets.items()}, depth_limit=1)
    expected = tagger(jets)["BvsAll"]
    np.testing.assert_array_equal(tagger(records)["BvsAll"], expected)
    mass = ak.mask(jets["ak4"]["mass"], np.arange(20) != 3)
    missing = {**jets, "ak4": {**jets["ak4"], "mass": mass}}
    plain = np.array(jets["ak4"]["mass"])
    plain[3] = np.nan
    same = {**jets, "ak4": {**jets["ak4"], "mass": plain}}
    np.testing.assert_array_equal(tagger(missing)["BvsAll"], tagger(same)["BvsAll"])


@pytest.mark.parametrize("place", [0, 17, 39])
def test_a_list_that_is_none_is_empty(tagger: Bundle, place: int) -> None:
    """As `ak.firsts(events.Jet).tracks` has it: no jet gets the constituents of another."""
    jets = jets_of(tagger, 40)
    here = np.arange(40) == place
    of = jets["charged"].items()
    empty = {
        name: ak.Array([[] if k else x for k, x in zip(here, c.to_list(), strict=True)]) for name, c in of
    }
    without = [{name: ak.mask(c, ~here) for name, c in of}]
    without += [{name: ak.Array(ak.mask(c, ~here).to_list()) for name, c in of}]
    expected = tagger({**jets, "charged": empty})["BvsAll"]
    for charged in without:
        np.testing.assert_array_equal(tagger({**jets, "charged": charged})["BvsAll"], expected)


@pytest.mark.parametrize("name", ["mass", "sip"])
def test_what_is_missing_is_missing_however_it_is_said(tagger: Bundle, name: str) -> None:
    """NaN, None of awkward, of Python and among objects, and NumPy's masks, over which other numbers lie."""
    jets = jets_of(tagger, 40)
    here = np.arange(40) % 3 == 0
    plain = np.asarray(jets["ak4"][name])
    said = [None if absent else float(x) for absent, x in zip(here, plain, strict=True)]
    expected = tagger(change(jets, "ak4", name, np.where(here, np.nan, plain)))["BvsAll"]
    assert (expected != tagger(jets)["BvsAll"]).any()
    masked = np.ma.MaskedArray(plain, mask=here)
    for column in (
        masked,
        masked.astype(">f8"),
        ak.Array(said),
        ak.Array(masked),
        said,
        np.array(said, object),
    ):
        np.testing.assert_array_equal(tagger(change(jets, "ak4", name, column))["BvsAll"], expected)


def test_any_order_of_bytes_and_no_jets(tagger: Bundle) -> None:
    """Big-endian numbers, as ROOT has them, and arrays of arrays are the same jets; empty lists none."""
    jets = jets_of(tagger, 40)
    padded = {
        name: ak.to_numpy(ak.pad_none(c, 9, clip=True, axis=1)).filled(0.1)
        for name, c in jets["charged"].items()
    }
    for charged in (
        {n: c.astype(">f8") for n, c in padded.items()},
        {n: _objects(c) for n, c in padded.items()},
    ):
        scores = [tagger({**jets, "charged": of})["BvsAll"] for of in (charged, padded)]
        np.testing.assert_array_equal(*scores)
    none: dict[str, dict[str, Any]] = {group: {name: [] for name in of} for group, of in jets.items()}
    assert len(tagger(none)["BvsAll"]) == 0


def _objects(table: Array) -> Array:
    found = np.empty(len(table), object)
    found[:] = list(table)
    return found


def test_constituents_behind_the_longest_are_left_out(tagger: Bundle) -> None:
    """As packing cuts them."""
    jets = jets_of(tagger, 50)
    length = tagger.groups[1].length
    more = {
        name: ak.concatenate(
            [ak.fill_none(ak.pad_none(c, length, axis=1), 0.5), np.full((50, 9), 0.4)], axis=1
        )
        for name, c in jets["charged"].items()
    }
    cut = {name: column[:, :length] for name, column in more.items()}
    scores = [tagger({**jets, "charged": charged})["p_b_jets"] for charged in (more, cut)]
    np.testing.assert_allclose(*scores, atol=1e-6)


def change(jets: dict[str, dict[str, Any]], group: str, name: str, value: Any) -> dict[str, dict[str, Any]]:
    return {**jets, group: {**jets[group], name: value}}


def test_what_is_missing_is_named(tagger: Bundle) -> None:
    """An input, a group, a value that has no default; with what there is."""
    jets = jets_of(tagger, 30)
    with pytest.raises(
        InputError, match=r"vertices: this group of inputs is missing; there are: ak4, charged$"
    ):
        tagger({name: of for name, of in jets.items() if name != "vertices"})
    table = np.stack([np.asarray(column) for column in jets["ak4"].values()], axis=-1)
    with pytest.raises(InputError, match=r"^ak4\.\w+: this input is looked for .* of type ndarray$"):
        tagger({**jets, "ak4": table})  # as in reference.npz
    with pytest.raises(InputError, match=r"^ak4: this group of inputs is looked for by name"):
        tagger(table)
    ak4 = {name: column for name, column in jets["ak4"].items() if name != "jet_pt"}
    with pytest.raises(InputError, match=r"ak4\.jet_pt: this input is missing; there are: sip, mass$"):
        tagger({**jets, "ak4": ak4})
    mass = jets["vertices"]["mass"]
    with pytest.raises(
        InputError, match=r"vertices\.mass: 1 of \d+ values are missing, and it has no default"
    ):
        tagger(change(jets, "vertices", "mass", ak.unflatten(_with_nan(mass), ak.num(mass))))


def _with_nan(lists: Any) -> Array:
    flat = np.array(ak.flatten(lists))
    flat[2] = np.nan
    return flat


def test_other_units_are_refused(tagger: Bundle) -> None:
    """MeV for GeV: the message names input, range and what was found. One jet alone is refused, too."""
    jets = jets_of(tagger, 300)
    pt = jets["ak4"]["jet_pt"]
    expected = r"ak4\.jet_pt: 300 of 300 values lie far .*: expected 30\S* to \S+ GeV, found 3\S*e\+04 to"
    with pytest.raises(InputError, match=expected):
        tagger(change(jets, "ak4", "jet_pt", pt * 1000))
    one = {g: {name: column[:1] for name, column in of.items()} for g, of in jets.items()}
    with pytest.raises(InputError, match=r"ak4\.jet_pt: 1 of 1 values"):
        tagger(change(one, "ak4", "jet_pt", pt[:1] * 1000))


def test_a_hard_jet_is_no_other_unit(tagger: Bundle) -> None:
    """A few jets beyond all of the training, and values that the training clipped, are scored."""
    jets = jets_of(tagger, 300)
    pt = np.array(jets["ak4"]["jet_pt"])
    pt[5] = 20 * pt.max()
    assert np.isfinite(tagger(change(jets, "ak4", "jet_pt", pt))["p_b_jets"]).all()
    assert np.isfinite(tagger(change(jets, "ak4", "mass", 1e6 * pt))["p_b_jets"]).all()
    _, high = next(f.range for f in tagger.groups[0].features if f.name == "jet_pt")
    assert high is not None
    pt[5] = 3 * high  # alone it is what it is among others
    hard = change(jets, "ak4", "jet_pt", pt)
    one = {g: {name: column[5:6] for name, column in of.items()} for g, of in hard.items()}
    np.testing.assert_allclose(tagger(one)["p_b_jets"], tagger(hard)["p_b_jets"][5:6], atol=1e-6)
    ten = {g: {name: column[:10] for name, column in of.items()} for g, of in hard.items()}
    assert np.isfinite(
        tagger(change(ten, "ak4", "jet_pt", np.array([*pt[:1], *[3 * high] * 9])))["BvsAll"]
    ).all()
    with pytest.raises(InputError, match="10 of 10 values lie far"):
        tagger(change(ten, "ak4", "jet_pt", np.full(10, 3 * high)))


@pytest.mark.parametrize(
    ("name", "default", "transform"), [("sip", -999.0, "none"), ("mass", 9.0, "log1p"), ("sip", -9.0, "none")]
)
def test_a_default_is_no_other_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, default: float, transform: str
) -> None:
    """Files hold -999 themselves: jets of the training are scored, in any number, as if it were missing."""

    def spoiled(n: int, seed: int) -> Packed:
        jets = pack_jets(n, seed)
        group = jets.groups["ak4"]
        assert isinstance(group, FlatGroup)
        group.values[np.arange(n) % 3 == 0, group.names.index(name)] = default
        return jets

    feature = bundled.FEATURES["ak4"][name]
    changes = {"default": default, "clip": None, "transform": transform}
    monkeypatch.setitem(bundled.FEATURES["ak4"], name, feature.model_copy(update=changes))
    monkeypatch.setattr(bundled, "pack_jets", spoiled)
    tagger = Bundle(small_bundle(tmp_path / "b"))
    jets = jets_of(tagger, 300)
    scores = tagger(jets)["BvsAll"]
    missing = np.array(jets["ak4"][name])
    missing[::3] = np.nan
    np.testing.assert_array_equal(tagger(change(jets, "ak4", name, missing))["BvsAll"], scores)
    if transform == "none":
        missing[::3] = default
        np.testing.assert_array_equal(tagger(change(jets, "ak4", name, missing))["BvsAll"], scores)
        wrong = np.where(missing == default, default, missing * 1e4)  # among defaults, too
        with pytest.raises(InputError, match=rf"ak4\.{name}: \d+ of 200 values lie far"):
            tagger(change(jets, "ak4", name, wrong))


def test_shapes_are_refused(tagger: Bundle) -> None:
    """Lists of other lengths, groups of other jets, a list for a number and a number for a list."""
    jets = jets_of(tagger, 30)
    with pytest.raises(InputError, match=r"charged\.sip: its lists are of other lengths than those of ptrel"):
        tagger(change(jets, "charged", "sip", jets["charged"]["sip"][:, :1]))
    with pytest.raises(InputError, match="differ in their number of rows: ak4 29, charged 30, vertices 30"):
        tagger({**jets, "ak4": {name: column[1:] for name, column in jets["ak4"].items()}})
    with pytest.raises(InputError, match=r"ak4\.sip: needs one number a row"):
        tagger(change(jets, "ak4", "sip", np.zeros((30, 2))))
    for n in ([20, 10], [15, 15]):
        by_event = ak.unflatten(jets["ak4"]["sip"], n)
        with pytest.raises(InputError, match=r"ak4\.sip: .*2 \* var \* float32.* Flatten them first"):
            tagger(change(jets, "ak4", "sip", by_event))
    strange = [np.full(30, "a"), ["a", *[None] * 29], [[1.0], [1.0, 2.0]], np.full(30, object()), 5.0, None]
    strange += [[10**30, *[1] * 29], ak.Array([0.5, "a"])]
    for column in strange:
        with pytest.raises(InputError, match=r"^ak4\.sip: needs one number a row"):
            tagger(change(jets, "ak4", "sip", column))
    structured = np.zeros(30, [("a", float), ("b", float)])
    for column in (np.full(30, object()), [[1.0], 2.0], [["a"]] * 30, [[10**30]] * 30, structured):
        with pytest.raises(InputError, match=r"^charged\.ptrel: needs (a list|one number)"):
            tagger(change(jets, "charged", "ptrel", column))
    with pytest.raises(InputError, match=r"charged\.ptrel: needs a list a row, and has 1 dimensions"):
        tagger(change(jets, "charged", "ptrel", np.zeros(30)))


def test_other_files_are_refused(folder: Path, tmp_path: Path) -> None:
    """No bundle, a file that is missing, changed or not listed, another format."""
    small_bundle(tmp_path / "b")
    with pytest.raises(InputError, match="is no bundle: it has no SHA256SUMS"):
        Bundle(tmp_path)
    inputs = tmp_path / "b/inputs.json"
    about = json.loads(inputs.read_text())
    inputs.write_text(json.dumps({**about, "classes": about["classes"][::-1]}))
    with pytest.raises(InputError, match=r"inputs\.json: is damaged or was changed"):
        Bundle(tmp_path / "b")
    inputs.write_text(json.dumps({**about, "format": 2}))
    write_checksums(tmp_path / "b")
    with pytest.raises(InputError, match="has format 2, and this jetsmith reads 1"):
        Bundle(tmp_path / "b")
    inputs.unlink()
    with pytest.raises(InputError, match=r"inputs\.json: is missing"):
        Bundle(tmp_path / "b")
    write_checksums(tmp_path / "b")
    with pytest.raises(InputError, match=r"does not list inputs\.json"):
        Bundle(tmp_path / "b")


def test_the_example_runs(folder: Path, tagger: Bundle, tmp_path: Path) -> None:
    """The processor of docs/bundles.md, also with the copy that a worker gets, made as a pickle is."""
    page = (ROOT / "docs/bundles.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "example.py").write_text(code)
    example = runpy.run_path(str(tmp_path / "example.py"))
    jets = jets_of(tagger, 30)
    made = {name: jets["ak4"][name] for name in ("mass", "sip")} | {"pt": jets["ak4"]["jet_pt"]}
    tracks = ak.zip({"pt": jets["charged"]["ptrel"] * jets["ak4"]["jet_pt"], "sip": jets["charged"]["sip"]})
    made |= {"tracks": tracks, "vertices": ak.zip(jets["vertices"])}
    events = ak.Array({"Jet": ak.unflatten(ak.zip(made, depth_limit=1), [10, 0, 20])})
    expected = np.split(tagger(jets)["BvsAll"], [10])
    threshold = float(np.median(np.concatenate(expected)))
    processor = example["Tagged"](folder, threshold)
    processor.tagger = copy.deepcopy(processor.tagger)
    n_events = sum((scores >= threshold).sum() >= 2 for scores in expected)
    assert n_events > 0
    assert processor.process(events) == {"events": 3, "jets": 30, "with_two": n_events}


SCRIPT = """
import importlib.abc, os, sys, threading
ours = {"jetsmith", "jetsmith.bundle", "jetsmith.bundle_inputs", "jetsmith.errors", "jetsmith.onnx_session"}
others = "pydantic yaml pyarrow tensorflow keras onnx xgboost sklearn coffea uproot snakemake scipy".split()

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in others or (name.startswith("jetsmith") and name not in ours):
            raise ModuleNotFoundError(f"{name} is not for the reader")

sys.meta_path.insert(0, Blocked())
from jetsmith.bundle import Bundle, Reweighter, reference
from jetsmith.bundle_inputs import padded
import numpy as np

before = len(os.listdir("/proc/self/task"))
tagger = Bundle(sys.argv[1])
jets = reference(tagger.folder / "reference.npz", tagger.groups, ())[0]
first = tagger.score(jets)[0]
assert tagger.check() < 1e-6
assert len(os.listdir("/proc/self/task")) == before, "it started threads of its own"
found = []
def work():
    for _ in range(50):
        found.append(np.array_equal(tagger.score(jets)[0], first))
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(found) == 400 and all(found), "threads got other scores"

reweighter = Reweighter(sys.argv[2])
events = reference(reweighter.folder / "reference.npz", reweighter.groups, ())[0]
group, = reweighter.groups
given = {f.name: events[group.group].values[:, i] for i, f in enumerate(group.features)}
weights = reweighter({group.group: given})
assert reweighter.check() < 1e-6
assert np.array_equal(weights.weight[weights.outside], np.ones(weights.outside.sum()))
assert (weights.weight_up >= weights.weight).all() and weights.weight.std() > 0.1
assert (weights.weight_up > weights.weight)[~weights.outside].all()

def resident_kb():
    return int(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0])
feeds = padded(jets, np.arange(1))
for _ in range(2000):
    tagger.session.run(None, feeds)
mid = resident_kb()
for _ in range(20000):
    tagger.session.run(None, feeds)
print(resident_kb() - mid)
"""


def test_it_needs_three_packages_and_no_threads(folder: Path, tmp_path: Path) -> None:
    """Where nothing else can be imported, taggers and reweighters can be read: no thread more than before,
    eight callers at once get the same to the bit, and 20,000 calls leave no memory behind.
    """
    reweighter = make(tmp_path, recipe(), members=2).bundle()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(reweighter.folder)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1000  # kB; 0.1 kB a call would be 2,000
