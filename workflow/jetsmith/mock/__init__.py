"""Made-up rows of every object, with the classes as different as physics makes them.

For tests, benchmarks and documentation: they need neither files nor a generator. Shapes are rough
guesses, good enough for a classifier to learn from and for every column to have a sane range.
"""

from typing import Any

import awkward as ak
import numpy as np

from jetsmith import columns
from jetsmith.mock.events import events
from jetsmith.mock.jets import jets


def mock_rows(obj: str, n: int, seed: int, shift: float = 0.0) -> ak.Array:
    """Rows of the canonical columns that a rich file would give; derived columns are left out.

    Args:
        obj: `ak4`, `ak8` or `event`.
        n: Number of rows; about three jets (one for `event`) share an event.
        seed: The same arguments give the same rows.
        shift: Hardens the spectra of `event` rows, to mock a second generator.

    Returns:
        Record array of length n with the columns of `columns.BY_OBJECT[obj]` that are not marked as
        derived, in their dtypes, and for jets a few `stored_` scores.
    """
    rng = np.random.default_rng([seed, sorted(columns.BY_OBJECT).index(obj)])
    rows = events(rng, n, shift) if obj == "event" else jets(rng, obj, n)
    wanted = {name: c for name, c in columns.BY_OBJECT[obj].items() if "(derived)" not in c.text}
    wanted |= {name: columns.column(obj, name) for name in rows if name.startswith(columns.STORED_PREFIX)}
    return ak.zip({name: _typed(rows[name], c.dtype) for name, c in wanted.items()}, depth_limit=1)


def _typed(values: Any, dtype: str) -> ak.Array:
    return ak.values_astype(ak.Array(values), np.dtype(dtype))
