"""overlap: rows that two data sets of a sample share are refused, and none that only look alike."""

import numpy as np
import pytest

from jetsmith import columns
from jetsmith.errors import InputError
from jetsmith.packed.overlap import Shared

NAN = float("nan")


def refuse(dataset, pieces=1, **changes):
    """A row an entry of `dataset`, all of event 1:2:3, jet 0, and the same but for the changes."""
    n = len(dataset)
    values = {"run": 1, "luminosity_block": 2, "event": 3, "jet_index": 0, "pt": 40.0, "mass": NAN}
    values |= {"label": 5, "weight": -2.0}
    values = {name: np.array(changes.get(name, [value] * n)) for name, value in values.items()}
    key = {name: values.pop(name) for name in columns.KEY}
    shared = Shared(["one", "two", "three"])
    for _ in range(pieces):
        shared.look(key, np.array(dataset, np.int16), list(values.values()))
    shared.refuse()


def test_the_same_rows_are_counted_by_pair():
    """However many data sets have them, NaN being NaN; the message has numbers, names and one event."""
    with pytest.raises(InputError, match=r"momenta: 1 of one and two, such as 1:2:3 \(run"):
        refuse([0, 1])
    pairs = "momenta: 1 of one and two, 1 of one and three, 1 of two and three, such"
    with pytest.raises(InputError, match=pairs):
        refuse([0, 1, 2])
    events = {"event": [3, 3, 4, 5, 5, 6], "run": [1, 1, 1, 7, 7, 1]}
    with pytest.raises(InputError, match=r"momenta: 2 of one and two, such"):
        refuse([0, 1, 0, 0, 1, 1], **events)


@pytest.mark.parametrize(
    "change",
    [
        *({name: [1, 2]} for name in columns.KEY),
        {"pt": [40.0, 41.0]},
        {"weight": [-2.0, 2.0]},
        {"label": [5, 4]},
        {"mass": [NAN, 1.0]},
        {"mass": [1.0, NAN]},
    ],
)
def test_one_difference_is_enough(change):
    """Productions number their events anew: key, weight, truth, momentum or an input tells them apart."""
    refuse([0, 1], **change)


def test_what_lies_between_hides_nothing():
    """The second and third of a key are compared with the first, whatever the second is."""
    with pytest.raises(InputError, match=r"momenta: 1 of one and three, such"):
        refuse([0, 1, 2], weight=[-2.0, 1.0, -2.0])
    with pytest.raises(InputError, match=r"momenta: 2 of one and two, such as 1:2:9 "):
        refuse([0, 0, 1, 1], event=[9] * 4, weight=[1.0, 2.0, 1.0, 2.0])


def test_rows_of_one_data_set_are_left_to_account():
    """Account has compared them by file; and a split may have one row, or none."""
    for dataset in ([1, 1], [0], []):
        refuse(dataset)


def test_pieces_are_counted_together():
    """Rows come bucket by bucket: none of them hides what another has."""
    with pytest.raises(InputError, match=r"momenta: 6 of one and two, such"):
        refuse([0, 1, 0, 1], 3, event=[3, 3, 4, 4])
