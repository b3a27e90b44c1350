"""Matrix elements that nobody here made: Z + jets, FxFx and MLM merged, against a plain reader."""

import gzip
import math

import awkward as ak
import numpy as np
import pytest

from .test_real_files import rows_of

pytestmark = pytest.mark.golden

NAME = "lhe/pylhe-testfile-madgraph-2.2.1-Z-{}.lhe.gz"
# Events by outgoing partons, the share of them that is negative, their share of the signed sum; the sum.
FOUND = {
    "fxfx": ([4321, 4123, 1556], [0.057, 0.217, 0.457], [0.608, 0.371, 0.021], 33963334.428, "-4"),
    "mlm": ([5512, 2856, 1632], [0.0, 0.0, 0.0], [0.551, 0.286, 0.163], 3751.3, "+3"),
}


def read_plainly(path):
    """Weight, pt of the lepton pair and pt of the partons of each event, by splitting lines."""
    text = gzip.decompress(path.read_bytes()).decode()
    for block in text.split("<event")[1:]:
        lines = [
            line.split() for line in block.partition(">")[2].partition("</event>")[0].strip().splitlines()
        ]
        particles = lines[1 : 1 + int(lines[0][0])]
        outgoing = [(abs(int(p[0])), float(p[6]), float(p[7])) for p in particles if p[1] == "1"]
        pair = [(x, y) for code, x, y in outgoing if 11 <= code <= 16]
        partons = [math.hypot(x, y) for code, x, y in outgoing if code <= 6 or code == 21]
        v_pt = math.hypot(sum(x for x, _ in pair), sum(y for _, y in pair))
        yield float(lines[0][2]), v_pt, sorted(partons, reverse=True)


@pytest.mark.parametrize("merging", FOUND)
def test_signed_parton_fractions_and_pt(tmp_path, shared_data, merging):
    """Events, signs and sums by number of partons, and every pt, however the events were cut into parts."""
    n_events, negative, fractions, total, strategy = FOUND[merging]
    name = NAME.format(merging)
    rows, told = rows_of(tmp_path, shared_data, [name], "event", n_parts=3)
    assert (told["n_entries"], told["n_rows"], told["n_lost"]) == (10_000, 10_000, 0)
    assert told["normalisation"]["sum_w"] == pytest.approx(total, rel=1e-9)
    assert told["content"]["weight"] == f"XWGTUP (IDWTUP {strategy})"
    weight, n_partons = ak.to_numpy(rows["weight"]), ak.to_numpy(ak.num(rows["lhe_parton_pt_gev"]))
    masks = [n_partons == n for n in range(3)]
    assert [int(mask.sum()) for mask in masks] == n_events
    assert [np.mean(weight[mask] < 0) for mask in masks] == pytest.approx(negative, abs=5e-4)
    assert [weight[mask].sum() / weight.sum() for mask in masks] == pytest.approx(fractions, abs=5e-4)
    weights, v_pt, partons = zip(*read_plainly(shared_data / name), strict=True)
    assert weight.tolist() == list(weights)
    assert ak.to_numpy(rows["lhe_v_pt_gev"]) == pytest.approx(np.array(v_pt), rel=1e-6, abs=1e-6)
    assert ak.flatten(rows["lhe_parton_pt_gev"]).to_list() == pytest.approx(
        [pt for found in partons for pt in found], rel=1e-6
    )
    mean = np.average(ak.to_numpy(rows["lhe_v_pt_gev"]), weights=weight)
    assert mean == pytest.approx(np.average(v_pt, weights=weights), rel=1e-6)
