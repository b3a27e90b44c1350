"""Protects the first table of the page: what is wrong in a run cannot look right there."""

from typing import Any

import pytest

from jetsmith.report.overview import overview

ACCOUNT = {
    "name": "ttbar",
    "processed": "8,000",
    "is_complete": True,
    "is_assumed": False,
    "is_unknown": False,
}
POINTS = {"title": "DeepJet", "rows": [{"name": "L", "doubt": ""}], "flat": [], "undefined": {}}
CLOSURE = {
    "title": "Shower",
    "status": "passed",
    "grade": "good",
    "gates": [{"name": "Separation", "status": "passed", "why": "close to 1/2"}],
}
FACTORS: dict[str, Any] = {
    "title": "probe",
    "rows": [{}, {}],
    "fits": [0.4, 0.02],
    "left_out": [],
    "agreement": {"M": 0.3},
}
FEATURES = {"n_features": 12, "warnings": []}
SHAPE: dict[str, Any] = {"title": "DeepJet", "rows": [{}, {}], "failed": [], "n_tested": 2, "is_pseudo": True}
GOOD: dict[str, Any] = {
    "accounts": [ACCOUNT],
    "working_points": [POINTS],
    "planes": [],
    "scale_factors": [],
    "shapes": [],
    "closures": [CLOSURE],
    "untested": [],
    "comparison": [],
    "learned": [],
    "described": [FEATURES],
    "sections": [{"heading": "Features", "id": "plots-features"}],
    "stand_ins": [],
}


def test_a_run_in_which_nothing_is_wrong() -> None:
    """Each line has passed, says why, and leads somewhere; what a run does not have has no line."""
    rows = overview(GOOD, {})
    lines = ["Events", "Normalisation", "Working points", "Weights: Shower", "Features", "Results"]
    assert [row["what"] for row in rows] == lines
    assert {(row["status"], row["grade"]) for row in rows} == {("passed", "good")}
    assert all(row["why"] and row["link"] for row in rows)
    assert "ttbar 8,000" in rows[0]["why"]
    measured = overview(GOOD | {"scale_factors": [FACTORS]}, {})[3]
    assert (measured["grade"], measured["link"]) == ("good", "scale-factors")
    assert (
        measured["why"]
        == "All 2 fits have a result, and 2 describe their data; what is true of the pseudo-data was found."
    )
    shape = overview(GOOD | {"shapes": [SHAPE]}, {})[3]
    assert (shape["grade"], shape["link"]) == ("good", "shapes")
    assert shape["why"] == "All 2 rows have scale factors; 2 are what is true of the pseudo-data."
    real = overview(GOOD | {"shapes": [SHAPE | {"is_pseudo": False, "n_tested": 0}]}, {})[3]
    assert real["why"] == "All 2 rows have scale factors."
    nothing = {key: [] for key in GOOD}
    assert [row["what"] for row in overview(nothing, {})] == ["Results"]


WRONG: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "lost": (
        {
            "accounts": [
                ACCOUNT,
                ACCOUNT | {"name": "qcd", "is_complete": False, "lost": "7", "lost_share": "1%"},
            ]
        },
        *("Events", "warn", "qcd 7 (1%)"),
    ),
    "not learned": (
        {
            "learned": [
                {
                    "name": "by_jet",
                    "status": "failed",
                    "grade": "bad",
                    "gates": [
                        {"name": "b, given", "status": "passed", "why": "close"},
                        {"name": "b, not given", "status": "failed", "why": "12% apart"},
                    ],
                }
            ]
        },
        *("Learned efficiencies: by_jet", "bad", "b, not given: 12% apart."),
    ),
    "assumed": ({"accounts": [ACCOUNT | {"is_assumed": True}]}, "Normalisation", "warn", "ttbar"),
    "unknown": ({"accounts": [ACCOUNT | {"is_unknown": True}]}, "Normalisation", "warn", "ttbar"),
    "left out": (
        {"working_points": [POINTS | {"undefined": {"T": "few"}}]},
        *("Working points", "warn", "Left out, for lack of jets or of a threshold: DeepJet T"),
    ),
    "in doubt": (
        {"working_points": [POINTS | {"flat": [{"name": "F70", "doubt": "few"}]}]},
        *("Working points", "warn", "DeepJet F70 (few)"),
    ),
    "a plane": (
        {"planes": [POINTS | {"rows": [{"name": "T", "doubt": "few"}]}]},
        *("Two-dimensional points", "warn", "DeepJet T (few)"),
    ),
    "no result": (
        {"scale_factors": [FACTORS | {"left_out": ["T"]}]},
        "Scale factors: probe",
        "warn",
        "left out: T.",
    ),
    "bad fits": (
        {"scale_factors": [FACTORS | {"fits": [0.4, 1e-5]}]},
        *("Scale factors: probe", "warn", "1 of 2 fits do not describe their data (smallest p 1e-05)"),
    ),
    "a shape that is not true": (
        {"shapes": [SHAPE | {"failed": ["b jets (p 1e-05)"]}]},
        *("Shape: DeepJet", "bad", "not what is true of the pseudo-data: b jets (p 1e-05)"),
    ),
    "not true": (
        {"scale_factors": [FACTORS | {"agreement": {"L": 0.2, "M": 1e-5}}]},
        *("Scale factors: probe", "bad", "not what is true of the pseudo-data: M (p 1e-05)"),
    ),
    "failed": (
        {
            "closures": [
                CLOSURE
                | {
                    "status": "failed",
                    "grade": "bad",
                    "gates": [*CLOSURE["gates"], {"name": "Sum", "status": "failed", "why": "9 sigma"}],
                }
            ]
        },
        *("Weights: Shower", "bad", "Sum: 9 sigma"),
    ),
    "not conclusive": (
        {
            "closures": [
                CLOSURE
                | {
                    "status": "not conclusive",
                    "grade": "warn",
                    "gates": [{"name": "Separation", "status": "not conclusive", "why": "few"}],
                }
            ]
        },
        *("Weights: Shower", "warn", "Separation: few"),
    ),
    "weights without signs failed": (
        {
            "closures": [
                CLOSURE
                | {
                    "gates": [
                        *CLOSURE["gates"],
                        {"name": "Weights without signs", "status": "failed", "why": "another spectrum"},
                    ]
                }
            ]
        },
        *("Weights without signs: Shower", "bad", "another spectrum"),
    ),
    "untested": ({"untested": [{"title": "Model"}] * 2}, "Untested weights", "warn", "them: Model."),
    "features": (
        {
            "described": [
                FEATURES | {"warnings": [{"kind": "missing"}, {"kind": "copy"}, {"kind": "missing"}]}
            ]
        },
        *("Features", "warn", "missing 2, copy 1"),
    ),
    "stand-ins": ({"stand_ins": [{"columns": ["a", "b"]}, {"columns": ["b"]}]}, "Inputs", "warn", "2 input"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name: str) -> None:
    """Its line alone changes its grade, with the reason in it."""
    change, what, grade, why = WRONG[name]
    before = {row["what"]: row["grade"] for row in overview(GOOD, {})}
    rows = {row["what"]: row for row in overview(GOOD | change, {})}
    assert rows[what]["grade"] == grade
    assert rows[what]["status"] != "passed"
    assert why in rows[what]["why"]
    assert {key: row["grade"] for key, row in rows.items() if key != what} == {
        key: found for key, found in before.items() if key != what
    }


def test_results_that_somebody_let_stand_are_said() -> None:
    """By rule, the first few by name."""
    row = overview(GOOD, {f"rule{k}": "since then" for k in range(6)})[-1]
    assert (row["what"], row["grade"]) == ("Results", "warn")
    assert "rule0, rule1, rule2, rule3 and 2 more" in row["why"]
