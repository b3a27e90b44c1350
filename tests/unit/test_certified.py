"""Golden JSON: a block is certified where a range has it, in whatever order the ranges stand."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetsmith.certified import MOST, read_certified
from jetsmith.errors import InputError
from jetsmith.sources.eventcuts import lumi_mask

pairs = st.tuples(st.integers(1, 40), st.integers(0, 12)).map(lambda pair: [pair[0], sum(pair)])


def written(folder, text):
    path = folder / "golden.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    lumi_mask.cache_clear()
    return str(path)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(0, 3), st.lists(pairs, max_size=6), min_size=1))
def test_a_block_is_certified_where_a_range_has_it(tmp_path_factory, content):
    """Against a set of pairs: unsorted, nested, touching and repeated ranges, and runs without one."""
    mask = lumi_mask(written(tmp_path_factory.mktemp("golden"), {str(k): v for k, v in content.items()}))
    wanted = {(run, block) for run, ranges in content.items() for a, b in ranges for block in range(a, b + 1)}
    run, block = (found.ravel().astype(np.uint32) for found in np.mgrid[0:5, 0:60])
    certified = {(int(r), int(b)) for r, b, good in zip(run, block, mask(run, block), strict=True) if good}
    assert certified == wanted


def test_ranges_rise_and_do_not_touch(tmp_path):
    """What the auditor lost: behind one that is further on, and behind one within another."""
    content = {"297050": [[50, 60], [1, 10]], "297051": [[1, 20], [5, 8]], "7": [[4, 5], [1, 3], [7, MOST]]}
    assert read_certified(written(tmp_path, content)) == {
        297050: [(1, 10), (50, 60)],
        297051: [(1, 20)],
        7: [(1, 5), (7, MOST)],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"1": [[-3, 5]]}', r"run 1: \[-3, 5\] is no pair of first and last block"),
        ('{"1": [[0, 5]]}', r"run 1: \[0, 5\]"),
        ('{"1": [[1, 4294967296]]}', "no pair of first and last block"),
        ('{"1": [[1.5, 3]]}', r"\[1.5, 3\]"),
        ('{"1": [[true, 3]]}', r"\[True, 3\]"),
        ('{"1": [["1", "3"]]}', "no pair"),
        ('{"1": [[5, 3]]}', r"\[5, 3\]"),
        ('{"1": [[1, 2, 3]]}', r"\[1, 2, 3\]"),
        ('{"99999999999": [[1, 2]]}', "`99999999999` is no number of a run"),
        ('{"²": [[1, 2]]}', "`²` is no number of a run"),
        ('{"-1": [[1, 2]]}', "`-1` is no number of a run"),
        ('{"1": [[1, 2]], "1": [[3, 4]]}', "run 1 stands there twice"),
        ('{"1": [[1, 2]], "01": [[3, 4]]}', "run 01 stands there twice"),
        ('{"7": 5}', "run 7: 5 is no list of pairs"),
        ('{"7": null}', "run 7: None is no list of pairs"),
        ('{"7": "12"}', "run 7: 12 is no list of pairs"),
        ('{"7": {}}', "run 7: {} is no list of pairs"),
        ('{"7": {"2": 3}}', "run 7: {…} is no list of pairs"),
        ('{"7": [1, 2]}', "run 7: 1 is no pair"),
        ('{"7": [{"2": 3, "4": 5}]}', "run 7: {…} is no pair"),
        ("[]", "no object of runs"),
        ("[[1, 2]]", "no object of runs"),
        ("5", "no object of runs"),
        ("{}", "certifies no run"),
        ("not JSON", "not readable as certified"),
    ],
)
def test_what_is_no_list_of_blocks_is_refused(tmp_path, text, words):
    """Before anything overflows, by run and range."""
    with pytest.raises(InputError, match=words):
        read_certified(written(tmp_path, text))
