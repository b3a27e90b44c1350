"""overlap: rows that two data sets of a sample share are refused, and none that only look alike."""

import numpy as np
import pytest

from jetsmith import columns
from jetsmith.errors import InputError
from jetsmith.packed import arrays
from jetsmith.packed.overlap import refuse_twice

NAN = float("nan")


def split(dataset, **changes):
    """A row an entry of `dataset`, all of event 1:2:3, jet 0, and the same but for the changes."""
    n = len(dataset)
    content = dict.fromkeys(columns.KEY, 0) | {
        "run": 1,
        "luminosity_block": 2,
        "event": 3,
        "jet_pt_gev": 40.0,
    }
    values = {name: np.full(n, value) for name, value in content.items()}
    values |= {name: np.array(value) for name, value in changes.items() if name in values}
    return arrays.Packed(
        flat=np.array(changes.get("flat", [[1.0, NAN]] * n), np.float32),
        flat_names=("a", "b"),
        sequences={},
        label=np.array(changes.get("label", [5] * n), np.int32),
        weight=np.array(changes.get("weight", [-2.0] * n)),
        columns=values | {"dataset": np.array(dataset, np.int16)},
        datasets=("one", "two", "three"),
        generators=("g", "g", "g"),
    )


def refuse(packed, factors=(1.0, 1.0, 1.0)):
    refuse_twice(packed, ["jet_pt_gev", "jet_eta"], factors)


def test_the_same_rows_are_counted_by_pair():
    """However many data sets have them, NaN being NaN; the message has numbers, names and one event."""
    with pytest.raises(InputError, match=r"inputs: 1 of one and two in one of .* such as 1:2:3 \(run"):
        refuse(split([0, 1]))
    pairs = "1 of one and two, 1 of one and three, 1 of two and three in"
    with pytest.raises(InputError, match=pairs):
        refuse(split([0, 1, 2]))
    events = {"event": [3, 3, 4, 5, 5, 6], "run": [1, 1, 1, 7, 7, 1]}
    with pytest.raises(InputError, match=r"inputs: 2 of one and two in"):
        refuse(split([0, 1, 0, 0, 1, 1], **events))


@pytest.mark.parametrize(
    "change",
    [
        *({name: [1, 2]} for name in columns.KEY),
        {"jet_pt_gev": [40.0, 41.0]},
        {"weight": [-2.0, 2.0]},
        {"label": [5, 4]},
        {"flat": [[1.0, NAN], [1.5, NAN]]},
        {"flat": [[1.0, NAN], [1.0, 1.0]]},
        {"flat": [[1.0, 1.0], [1.0, NAN]]},
    ],
)
def test_one_difference_is_enough(change):
    """Productions number their events anew: key, weight, truth, momentum or an input tells them apart."""
    refuse(split([0, 1], **change))


def test_what_lies_between_hides_nothing():
    """The second and third of a key are compared with the first, whatever the second is."""
    with pytest.raises(InputError, match=r"inputs: 1 of one and three in"):
        refuse(split([0, 1, 2], weight=[-2.0, 1.0, -2.0]))
    with pytest.raises(InputError, match=r"inputs: 2 of one and two in .* such as 1:2:9 "):
        refuse(split([0, 0, 1, 1], event=[9] * 4, weight=[1.0, 2.0, 1.0, 2.0]))


def test_rows_of_one_data_set_are_left_to_account():
    """Account has compared them by file; and a split may have one row, or none."""
    for dataset in ([1, 1], [0], []):
        refuse(split(dataset, flat=np.ones((len(dataset), 2))))


def test_factors_do_not_hide_a_weight():
    """Each data set has its own cross-section: generator weights are compared, not normalised ones."""
    factors = (0.1, 3e-7, 1.0)
    with pytest.raises(InputError, match=r"1 of one and two in"):
        refuse(split([0, 1], weight=[0.7 * 0.1, 0.7 * 3e-7]), factors)
    refuse(split([0, 1]), factors)
