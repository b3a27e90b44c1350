"""The table of values of parameters that a reweighter was not trained at: what closure found at each."""

from collections.abc import Sequence
from typing import Any

from jetsmith.handed.closure import Area, Interpolation, Spectrum
from jetsmith.texts import count, interval, minus


def rows(tested: Sequence[Interpolation]) -> list[dict[str, Any]]:
    """A row a value: areas before and after weighting, and the feature that agrees worst after it."""
    return [_row(found) for found in tested]


def _row(found: Interpolation) -> dict[str, Any]:
    worst = max(found.chi2, key=_after)
    return {
        "values": ", ".join(f"{name} = {minus(f'{value:g}')}" for name, value in found.parameters.items()),
        "status": found.status,
        "n_target": count(found.n_target),
        "before": _area(found.auc_before),
        "after": _area(found.auc_after),
        "feature": worst.feature,
        "chi2_before": f"{worst.chi2_before / worst.n_dof:.1f}",
        "chi2_after": f"{_after(worst):.1f}",
    }


def _after(found: Spectrum) -> float:
    return found.chi2_after / found.n_dof


def _area(found: Area | None) -> dict[str, Any]:
    return interval(None, None, None) if found is None else interval(found.value, found.low, found.high)
