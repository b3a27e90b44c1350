"""Protects that code written for scale factors of CMS' BTV group reads ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import correctionlib
import numpy as np
import pytest

from tests.unit import measured_runs

pytestmark = pytest.mark.golden


def heavy_weights(corrections: Any, tagger: str, kind: str) -> Mapping[str, Any]:
    """Code as analyses have it for files of BTV, of two b jets."""
    pt, abseta = np.array([45.0, 400.0]), np.array([0.4, 2.1])
    scale = corrections[f"{tagger}_{kind}"]
    shifts = ("central", "up", "down", "up_statistic", "up_correlated", "down_uncorrelated")
    assert corrections[f"{tagger}_wp_values"].evaluate("L") < corrections[f"{tagger}_wp_values"].evaluate("M")
    return {s: scale.evaluate(s, "M", 5, abseta, pt) for s in shifts}


def test_code_for_files_of_btv_reads_ours(tmp_path: Path, shared_data: Path) -> None:
    """The same names, inputs and order; up and down are about central."""
    ours = correctionlib.CorrectionSet.from_file(str(measured_runs.run(tmp_path) / "correction.json"))
    theirs = correctionlib.CorrectionSet.from_file(
        str(shared_data / "reference-corrections" / "btagging_2018_UL.json.gz")
    )
    found, public = heavy_weights(ours, "deepcsv", "comb"), heavy_weights(theirs, "deepJet", "comb")
    for of in (found, public):
        assert (of["down"] < of["central"]).all()
        assert (of["central"] < of["up_statistic"]).all()
        assert (of["up_statistic"] < of["up"]).all()
    first, second = ours["deepcsv_comb"], theirs["deepJet_comb"]
    assert [(i.name, i.type) for i in first.inputs] == [(i.name, i.type) for i in second.inputs]
    with pytest.raises(IndexError):
        first.evaluate("central", "M", 4, 0.5, 45.0)  # nothing is measured of c jets
    with pytest.raises(RuntimeError):
        first.evaluate("central", "M", 5, 2.6, 45.0)
