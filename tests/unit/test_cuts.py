"""Protects the one comparison of scores with thresholds and of jets with bins: all readers count the same."""

import json
from pathlib import Path
from typing import Any

import correctionlib
import numpy as np
import pytest
from correctionlib import schemav2
from hypothesis import example, given
from hypothesis import strategies as st

from jetsmith.cuts import bin_of, bin_of_column, closed, passes, written

Array = np.ndarray[Any, Any]
F32 = np.dtype(np.float32)
TINY = float(np.finfo(np.float32).smallest_subnormal)
SCORES = st.one_of(
    st.floats(0, 1, width=32),
    st.floats(-40, 40, width=32),
    st.sampled_from(
        [0.0, -0.0, 1.0, -1.0, TINY, -TINY, 3 * TINY, float(np.nextafter(np.float32(1), np.float32(0)))]
    ),
)


def around(score: float) -> Array:
    """A float32 with its neighbours, both zeros, the ends of a probability and a jet that was not tagged."""
    one = np.float32(score)
    steps = [one, np.nextafter(one, np.float32(np.inf)), np.nextafter(one, np.float32(-np.inf))]
    return np.array([*steps, 0.0, -0.0, 1.0, -1.0, -np.inf], np.float32)


@given(SCORES)
@example(0.0)
@example(-0.0)
@example(1.0)
@example(TINY)
def test_a_written_threshold_parts_the_same_jets_for_every_reader(score: float) -> None:
    """float32 and float64 arrays, Python and NumPy numbers, rounded to float32, off by a bit: one count."""
    jets = around(score)
    right = np.array([float(jet) >= score for jet in jets])
    threshold = written(score, F32)
    read = json.loads(json.dumps(threshold))
    assert read == threshold
    near = [read, float(np.nextafter(read, np.inf)), float(np.nextafter(read, -np.inf))]
    for number in near:
        for reader in (
            jets >= number,  # NumPy 2 compares in float32
            jets >= np.float64(number),
            jets >= np.float32(number),
            jets.astype(np.float64) >= number,
            np.array([float(jet) >= number for jet in jets]),
            passes(jets, number),
            passes(jets.astype(np.float64), number),
        ):
            np.testing.assert_array_equal(reader, right)


@given(st.floats(-50, 50), st.floats(-50, 50, width=32))
def test_passing_is_that_of_float64(threshold: float, score: float) -> None:
    """Any threshold: a float32 jet passes where its float64 does, though NumPy says otherwise in float32."""
    nearest = np.float32(threshold)
    jets = np.array([score, nearest, np.nextafter(nearest, np.float32(99)), -np.inf], np.float32)
    np.testing.assert_array_equal(passes(jets, threshold), [float(jet) >= threshold for jet in jets])


def test_half_a_bit_below_is_no_threshold_for_float32() -> None:
    """Why a quarter: half way down NumPy rounds to even, so that a score passes with its neighbour."""
    one = np.float32(1)
    below = np.nextafter(one, np.float32(0))
    half = (float(one) + float(below)) / 2
    assert (np.array([below, one]) >= half).tolist() == [False, True]
    lower = np.nextafter(below, np.float32(0))
    half = (float(below) + float(lower)) / 2
    assert (np.array([lower, below]) >= half).tolist() != [False, True]
    quarter = written(float(below), F32)
    assert (np.array([lower, below]) >= quarter).tolist() == [False, True]


def test_float64_scores_have_no_room_for_another_number() -> None:
    """Nothing lies between neighbours of a double: the threshold is the score."""
    assert written(0.1, np.dtype(np.float64)) == 0.1
    assert passes(np.array([0.1, np.nextafter(0.1, 0)]), 0.1).tolist() == [True, False]


@pytest.mark.parametrize("edges", [[0, 0.8, 1.6, 2.5], [0.0, 1.3, 2.4], [0.0, 0.7, 1.1, 4.7]])
def test_bins_are_correctionlibs(edges: list[float], tmp_path: Path) -> None:
    """float32 values at each edge and beside it fall into the bin that correctionlib takes; none is lost."""
    binning = schemav2.Binning(
        nodetype="binning", input="x", edges=closed(edges), content=list(range(len(edges) - 1)), flow="clamp"
    )
    correction = schemav2.Correction(
        name="bins", version=1, inputs=[schemav2.Variable(name="x", type="real")],
        output=schemav2.Variable(name="bin", type="real"), data=binning,
    )  # fmt: skip
    whole = schemav2.CorrectionSet(schema_version=2, corrections=[correction])
    (tmp_path / "bins.json").write_text(whole.model_dump_json(exclude_unset=True))
    evaluator = correctionlib.CorrectionSet.from_file(str(tmp_path / "bins.json"))["bins"]
    nearest = np.array(edges, np.float32)
    beside = [np.nextafter(nearest, np.float32(side)) for side in (-99, 99)]
    values = np.concatenate([nearest, *beside, [np.float32(-1), np.float32(99)]])
    np.testing.assert_array_equal(
        bin_of(values, closed(edges)), [evaluator.evaluate(float(v)) for v in values]
    )
    ends = closed(edges)
    assert max(edges[-1], float(nearest[-1])) < ends[-1] < edges[-1] * (1 + 3e-7)
    assert ends[:-1] == edges[:-1]


def test_bins_have_their_lower_edge_and_clamp() -> None:
    """The value, counted by hand."""
    assert bin_of([-5, 0, 9.99, 10, 20, 30, 31], [0, 10, 20, 30]).tolist() == [0, 0, 0, 1, 2, 2, 2]


def test_the_quarter_by_value() -> None:
    """Below 1 float32 has steps of 2^-24, above it of 2^-23: a quarter of one, to the last bit."""
    assert written(1.0, F32) == 1 - 2.0**-26
    assert closed([0, 0.5, 1.0]) == [0, 0.5, 1 + 2.0**-25]
    assert closed([0.0, 2.4])[-1] == float(np.float32(2.4)) + 2.0**-24  # 2.4 in float32 is above 2.4


def test_what_is_no_number_is_in_the_first_bin() -> None:
    """A search would put it in the last one, among large masses; numbers are where `bin_of` has them."""
    values, edges = np.array([np.nan, -1.0, 50.0, 90.0, 500.0, np.nan], np.float32), (40, 60, 100)
    assert bin_of_column(values, edges).tolist() == [0, 0, 0, 1, 1, 0]
    assert bin_of_column(values[1:5], edges).tolist() == bin_of(values[1:5], edges).tolist()
