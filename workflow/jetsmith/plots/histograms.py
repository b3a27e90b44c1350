"""What a figure has counted in bins, as histograms of `hist` that others read in the form of `uhi`.

Values and variances are those that are drawn. Axes have no bins beyond their ends: what lies there is in the
end bins, as the figures have it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith.io import atomic_file
from jetsmith.texts import label_text

Values = Sequence[float] | Sequence[Sequence[float]]
Histograms = Mapping[str, Any]
"""Histograms of `hist`, by name."""


def binned(edges: Sequence[float], name: str, label: str = "") -> Any:
    """An axis of bins.

    Args:
        edges: Shape (B + 1,), rising.
        name: Of the axis.
        label: TeX, or plain; what is written is plain.
    """
    import hist  # here, since figures without histograms need none

    return hist.axis.Variable(edges, name=name, label=label_text(label), underflow=False, overflow=False)


def named(names: Sequence[str], name: str, label: str = "") -> Any:
    """An axis of names, a bin each."""
    import hist

    return hist.axis.StrCategory(names, name=name, label=label_text(label), flow=False)


def histogram(axes: Sequence[Any], values: Values, variances: Values, label: str = "") -> Any:
    """A histogram of weights, `hist.Hist` with storage `Weight`.

    Args:
        axes: What `binned` and `named` give, one or two.
        values: Of each bin, shape (B,), or (B, B') of two axes.
        variances: Of the same shape.
        label: TeX, or plain.
    """
    import hist

    found = hist.Hist(*axes, storage=hist.storage.Weight(), label=label_text(label))
    view = found.view()
    view.value, view.variance = np.asarray(values, np.float64), np.asarray(variances, np.float64)
    return found


def of_errors(errors: Sequence[float]) -> list[float]:
    """Variances of standard deviations, shape (B,)."""
    return [error**2 for error in errors]


def write(path: str | Path, histograms: Histograms) -> None:
    """Write a file that `uhi validate` takes: histograms by name and nothing else, so without a checksum."""
    import uhi.io.json

    text = json.dumps(dict(histograms), default=uhi.io.json.default, indent=1, sort_keys=True)
    with atomic_file(path) as temporary:
        temporary.write_text(text + "\n")
