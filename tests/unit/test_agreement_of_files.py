"""What files say of their events, put together: values, counts, and which file is named."""

from dataclasses import replace

from jetsmith.handed.plan import Said, Untold, UntoldOf
from jetsmith.skimming import agreement
from jetsmith.sources import truth
from jetsmith.specs.datasets import DatasetSpec
from tests.unit.plans import SIMULATED

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
PATHS = ("HLT_A", "HLT_B")


def said(**changes):
    """What a simulated file says that lacks nothing."""
    return replace(Said(True, "genWeight", "genWeight", {}, {}, {}, ()), **changes)


def content(*files, jet_id=2, **keys):
    """What agreement makes of files a, b, c, ..."""
    spec = SPEC.model_copy(update=keys)
    return agreement.content("test", spec, jet_id, "nanoaod", dict(zip("abcd", files, strict=False)))


def test_what_is_said_of_files_that_agree():
    """Each key of the plan, with its value."""
    found, problems = content(said(), said(), duplicates="allow")
    assert problems == []
    assert found == replace(SIMULATED, duplicates="allow")
    data = said(simulated=False, because="runs", weight=None)
    data = replace(data, untold=(Untold((1,), 2, "x"),))
    found, problems = content(data, is_data=True, golden_json="g.json")
    assert problems == []
    assert (found.simulated, found.weight, found.certified) == (False, None, "g.json")
    assert found.untold == ()


def test_files_without_a_path_are_counted():
    """A path is absent where it is absent; where no file has it there is a problem, with what is close."""
    lacks = said(absent_hlt={"HLT_A": ("HLT_X",)})
    both = said(absent_hlt={"HLT_A": ("HLT_X",), "HLT_B": ()})
    found, problems = content(lacks, said(), both, hlt=PATHS)
    assert (found.absent_hlt, problems) == ({"HLT_A": ("a", "c"), "HLT_B": ("c",)}, [])
    found, problems = content(lacks, both, hlt=PATHS)
    assert found.absent_hlt["HLT_B"] == ("b",)
    (problem,) = problems
    assert "no trigger branch `HLT_A` in any file, such as a; close to it: HLT_X" in problem
    _, problems = content(both, both, hlt=PATHS)
    assert [problem.split(":")[-1] for problem in problems] == [" HLT_X", " none at all"]


def test_five_close_triggers_are_shown():
    """Those with a name like it; where none is like it, the first by name."""
    spec = SPEC.model_copy(update={"hlt": ("HLT_PFJet40", "HLT_zzzzzz", "HLT_Here")})
    branches = {f"HLT_PFJet{i}0" for i in (1, 2, 3, 5, 6, 7)} | {"HLT_Here", "genWeight", "Jet_pt"}
    absent = agreement.describe("nanoaod", branches, spec, 2, {}.__getitem__).absent_hlt
    assert list(absent) == ["HLT_PFJet40", "HLT_zzzzzz"]
    assert len(absent["HLT_PFJet40"]) == 5
    assert all(name.startswith("HLT_PFJet") for name in absent["HLT_PFJet40"])
    assert absent["HLT_zzzzzz"] == ("HLT_Here", *(f"HLT_PFJet{i}0" for i in (1, 2, 3, 5)))


def test_untold_truth_is_counted_by_kind():
    """The same in two files is one entry, with their number and the first; all of the truth has its words."""
    one, two = Untold((510, 511), 500, "x"), Untold((0, 1, 2), 999, "y")
    every = Untold(truth.KNOWN["ak4"], 999, "z")
    found, _ = content(said(untold=(one,)), said(untold=(two,)), said(untold=(one, every)))
    assert [(entry.n_files, entry.file, entry.text) for entry in found.untold] == [
        (2, "a", "truth 510, 511 cannot be told from 500 (no x)"),
        (1, "b", "truth 0, 1, 2 cannot be told from unmatched jets (999) (no y)"),
        (1, "c", "there is no truth, every jet is unmatched (no z)"),
    ]


def test_cuts_that_some_files_cannot_make():
    """Counted, with the first and its reason; left out as asked, the reason is that of a file that cannot."""
    unable = said(unable={"jet_id": "no bits"})
    found, problems = content(said(), unable, unable)
    assert found.not_applied == {}
    (problem,) = problems
    assert "in 2 of 3 files, such as b (no bits); `without: [jet_id]`" in problem
    found, problems = content(said(), unable, without=("jet_id",))
    assert (found.not_applied, problems) == ({"jet_id": "no bits"}, [])
    found, problems = content(said(), without=("jet_id",))
    assert (problems, found.not_applied["jet_id"][:17]) == ([], "left out as asked")
    for keys in ({"jet_id": 0}, {"object": "event"}):
        assert content(unable, **keys) == content(said(), **keys)
    _, (problem,) = content(said(), without=("jet_id", "jvt", "x"))
    assert problem == "dataset test: without: jvt, x: layout nanoaod knows `jet_id` alone"


def test_columns_made_in_two_ways():
    """One problem a column; what is left out anyway is none, and all files alike are none."""
    found, problems = content(said(instead={"n_pv": "good", "truth": "t"}), said(instead={"truth": "t"}))
    assert found.instead == {"n_pv": "good", "truth": "t"}
    assert problems == [
        "dataset test: n_pv is not the same in all files (good in a; as in most files in b); make datasets"
    ]
    many = [f"column{i}" for i in range(8)]
    _, problems = content(said(instead=dict.fromkeys(many, "x")), said())
    assert [problem.split()[2] for problem in problems] == many  # the same message each time
    computed = said(instead={"jet_id": "computed"})
    assert len(content(computed, said())[1]) == 1
    found, problems = content(computed, said(), without=("jet_id",))
    assert (found.instead, problems) == ({}, [])


def test_the_first_file_of_each_kind_is_named():
    """Of data among simulation, of each branch of a weight."""
    data = said(simulated=False, because="runs", weight=None)
    _, (problem,) = content(said(), said(), data, data)
    assert "a (genWeight) is simulated, c (runs) is not" in problem
    other = said(weight="Generator_weight")
    _, (problem,) = content(said(), other, other, said(weight=None))
    for words in ("genWeight in a", "Generator_weight in b", "none in d"):
        assert words in problem
    assert "`is_data: true`" in content(data)[1][0]
    assert "remove the key" in content(said(), is_data=True)[1][0]
    assert content(said(weight=None), weights="unit")[0].weight is None
    assert content(said(weight=None), weights="unit")[1] == []
    assert "hold genWeight, such as a" in content(said(), weights="unit")[1][0]
    assert "no generator weight in any file, such as a" in content(said(weight=None))[1][0]


def test_notes_are_lines_of_their_own():
    """What is left out, made otherwise, absent, with three files at most, and not told."""
    found = replace(
        SIMULATED, not_applied={"jet_id": "no bits"}, instead={"n_pv": "good"},
        absent_hlt={"HLT_A": ("a", "b", "c", "d")}, untold=(UntoldOf((), 999, "x", 2, "a", "no truth"),),
    )  # fmt: skip
    assert agreement.notes("test", found) == [
        "[inspect test] cut jet_id is not applied: no bits\n",
        "[inspect test] n_pv: good\n",
        "[inspect test] trigger HLT_A is absent in 4 files, so not fired there: a, b, c\n",
        "[inspect test] no truth in 2 files\n",
    ]
