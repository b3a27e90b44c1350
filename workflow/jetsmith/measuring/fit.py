"""A fit with pyhf: the scale factor, and what its uncertainty is made of."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetsmith.errors import InputError
from jetsmith.handed.measurement import Factor
from jetsmith.io import FloatArray
from jetsmith.measuring.model import JETS, POI, all_pass, statistic_of

FEWEST = 1e-6
"""Jets that a bin is expected to have at least. A source that takes more jets from a bin than there are would
else make the likelihood of none seen grow without end."""
BEYOND = 2.0
"""Errors that a result may lie above an efficiency of 1, as the likelihood has them: statistics take it a
little above. What lies farther is no efficiency, and simulation has too little of something."""


@dataclass(frozen=True)
class Fitted:
    """One fit.

    Attributes:
        factor: The scale factor.
        error: One standard deviation of it by the curvature at the minimum.
        statistic: What statistics of data contribute to it.
        simulation_statistic: What those of simulation do.
        expected: Jets after the fit, by sample of the model and channel.
        pulls: Of each pseudo-experiment, as `_pull`; NaN where the fit finds no minimum.
        no_result: Pseudo-experiments whose fit has none, as it ends at an end of what is possible, too.
    """

    factor: Factor
    error: float
    statistic: float
    simulation_statistic: float
    expected: Mapping[str, Mapping[str, FloatArray]]
    pulls: FloatArray
    no_result: int


def fit(workspace: Mapping[str, Any], pseudo_experiments: int = 0, seed: int | list[int] = 0) -> Fitted:
    """Fit a workspace.

    The error of a source is what its auxiliary measurement, moved by one standard deviation, moves the result
    by: cov(sf, θ)/σ. These and the statistics of data add up in quadrature (Pinto et al., arXiv:2307.04007).

    Args:
        workspace: As `model.workspace` makes it.
        pseudo_experiments: Drawn at the result, auxiliary measurements included.
        seed: Of these.

    Raises:
        InputError: The fit finds no minimum, or one at the end of what is possible, or beyond.
    """
    import pyhf  # of the extra `measure`

    # Its tables of fits that fail: what comes of these is said, or counted.
    logging.getLogger("pyhf").setLevel(logging.CRITICAL)
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer())
    whole = pyhf.Workspace(workspace)
    model = whole.model(clip_bin_data=FEWEST)
    data = np.asarray(whole.data(model), np.float64)
    full = all_pass(workspace)
    found = _minimum(pyhf, model, data, full)
    poi, values, errors = model.config.poi_index, found.values, found.errors
    covariance = found.correlations[poi] * errors[poi] * errors
    sources: dict[str, float] = {}
    of_simulation = 0.0
    of_bins = {statistic_of(channel) for channel in model.config.channels}
    nuisances: dict[str, tuple[float, float]] = {}
    for name in model.config.par_map:
        if name in (POI, JETS):
            continue
        where = model.config.par_slice(name)
        if name in of_bins:
            widths = np.asarray(model.config.param_set(name).sigmas)
            moved = np.divide(covariance[where], widths, out=np.zeros(len(widths)), where=widths > 0)
            of_simulation += float((moved**2).sum())
        else:
            sources[name] = float(covariance[where][0])
            nuisances[name] = (float(values[where][0]), float(errors[where][0]))
    rest = errors[poi] ** 2 - of_simulation - sum(value**2 for value in sources.values())
    statistic, simulation_statistic = np.sqrt([max(rest, 0.0), of_simulation])
    factor = Factor(
        value=float(values[poi]),
        up=found.up,
        down=found.down,
        independent=float(np.hypot(statistic, simulation_statistic)),
        sources=sources,
        nuisances=nuisances,
        chi2=_chi2(model, data, values),
        ndf=sum(model.config.channel_nbins.values()) - 2,
    )
    return Fitted(
        factor,
        float(errors[poi]),
        float(statistic),
        float(simulation_statistic),
        _expected(model, values),
        *_pulls(pyhf, model, values, full, pseudo_experiments, seed),
    )


@dataclass(frozen=True)
class _Minimum:
    """Values (K,), errors (K,) and correlations (K, K) of the parameters; how far both ends are away."""

    values: FloatArray
    errors: FloatArray
    correlations: FloatArray
    up: float
    down: float


def _minimum(pyhf: Any, model: Any, data: FloatArray, full: float) -> _Minimum:
    poi = model.config.poi_index
    low, high = model.config.suggested_bounds()[poi]
    try:
        found, correlations, best, result = pyhf.infer.mle.fit(
            data,
            model,
            return_uncertainties=True,
            return_correlations=True,
            return_fitted_val=True,
            return_result_obj=True,
        )
        values, errors = np.asarray(found).T
        if not _is_inside(values[poi], errors[poi], low, high):
            raise InputError(
                "the fit ends where no jets pass, or none fail; give fewer bins of pt, or more jets"
            )
        if (away := _above(pyhf, model, data, values[poi], float(best), full)) > BEYOND:
            raise InputError(
                f"the fit has {values[poi] / full:.0%} of the jets pass in data, {away:.1f} errors above all "
                "of them: simulation has too few jets of the class, or too few others that pass"
            )
        name = result.minuit.parameters[poi]
        result.minuit.minos(name)
    except (pyhf.exceptions.FailedMinimization, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        said = str(error).splitlines()[0]  # of a minimum whose errors are not found, that all went well
        why = "its errors are not to be found" if "successfully" in said else said
        raise InputError(f"the fit finds no minimum: {why}") from error
    ends = result.minuit.merrors[name]
    up = high - values[poi] if ends.at_upper_limit else ends.upper
    down = values[poi] - low if ends.at_lower_limit else -ends.lower
    is_found = (ends.upper_valid or ends.at_upper_limit) and (ends.lower_valid or ends.at_lower_limit)
    if not (is_found and np.isfinite([*values, *errors, up, down]).all() and up > 0 and down > 0):
        raise InputError("the fit finds no interval")
    return _Minimum(values, errors, np.nan_to_num(np.asarray(correlations)), float(up), float(down))


def _expected(model: Any, values: FloatArray) -> dict[str, dict[str, FloatArray]]:
    by_sample = np.asarray(model.main_model.expected_data(values, return_by_sample=True))
    slices = model.config.channel_slices
    return {
        sample: {channel: by_sample[k, where] for channel, where in slices.items()}
        for k, sample in enumerate(model.config.samples)
    }


def _chi2(model: Any, data: FloatArray, values: FloatArray) -> float:
    """-2 log of the likelihood over that of a model that has what was seen, every nuisance where it was."""
    n = model.config.nmaindata
    seen, expected = data[:n], np.asarray(model.expected_actualdata(values))
    if not _fills(model, data, values):
        raise InputError("the fit expects no jets where some were seen; give wider bins of the variable")
    terms = expected - seen + np.where(seen > 0, seen * np.log(np.where(seen > 0, seen, 1) / expected), 0.0)
    at_best = np.array(model.config.suggested_init())
    auxiliary = data[n:]
    constraints = model.constraint_logpdf(auxiliary, at_best) - model.constraint_logpdf(auxiliary, values)
    return float(max(2 * (terms.sum() + np.asarray(constraints).sum()), 0.0))


def _pulls(
    pyhf: Any, model: Any, values: FloatArray, full: float, n: int, seed: int | list[int]
) -> tuple[FloatArray, int]:
    """Of pseudo-experiments, shape (n,), and how many have no result."""
    rng = np.random.default_rng(seed)
    expected = np.asarray(model.expected_actualdata(values))
    pulls, no_result = np.full(n, np.nan), 0
    for k in range(n):
        data = np.concatenate([rng.poisson(expected), _auxiliary(model, values, rng)])
        with suppress(pyhf.exceptions.FailedMinimization):
            pulls[k], is_none = _pull(pyhf, model, data, float(values[model.config.poi_index]), full)
            no_result += is_none
    return pulls, no_result + int(np.isnan(pulls).sum())


def _pull(pyhf: Any, model: Any, data: FloatArray, true: float, full: float) -> tuple[float, bool]:
    """The signed root of what the true value costs in -2 log L, and whether the fit would be no result.

    None is one that ends at an end or beyond, or expects no jets in a bin that has some.

    Of a parabola that is (found - true) / error. Below 1 the profile interval holds the true value, whatever
    the shape of the likelihood, and it is known where the fit ends at an efficiency of 0 or 1, too. Leaving
    those out, which all fluctuate to one side, would move the mean.
    """
    poi = model.config.poi_index
    mle = pyhf.infer.mle
    (values, errors), best = _found(mle.fit(data, model, return_uncertainties=True, return_fitted_val=True))
    _, there = mle.fixed_poi_fit(true, data, model, return_fitted_val=True)
    low, high = model.config.suggested_bounds()[poi]
    away = np.sign(values[poi] - true)
    is_result = (
        _is_inside(values[poi], errors[poi], low, high)
        and _fills(model, data, values)
        and _above(pyhf, model, data, values[poi], best, full) <= BEYOND
    )
    return float(away * np.sqrt(max(float(there) - best, 0.0))), not is_result


def _found(fitted: Any) -> tuple[FloatArray, float]:
    """Values and errors, shape (2, K), and -2 log L there."""
    parameters, value = fitted
    return np.asarray(parameters).T, float(value)


def _fills(model: Any, data: FloatArray, values: FloatArray) -> bool:
    """Whether jets are expected in each bin that has some: FEWEST are where the model has none, or fewer.

    Of a bin without jets the likelihood wants no more than that: nothing is wrong with such a result.
    """
    seen = data[: model.config.nmaindata] > 0
    return bool((np.asarray(model.expected_actualdata(values))[seen] > 2 * FEWEST).all())


def _above(pyhf: Any, model: Any, data: FloatArray, value: float, best: float, full: float) -> float:
    """How many errors a scale factor lies above `full`, by what that costs in -2 log L; 0 below."""
    if value <= full:
        return 0.0
    _, there = pyhf.infer.mle.fixed_poi_fit(full, data, model, return_fitted_val=True)
    return float(np.sqrt(max(float(there) - best, 0.0)))


def _is_inside(value: float, error: float, low: float, high: float) -> bool:
    """Whether a fit has not ended at the end of what its parameter may be."""
    return bool(low + 0.01 * error < value < high - 0.01 * error)


def _auxiliary(model: Any, values: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Auxiliary measurements about the values of the parameters, all of them Gaussian here."""
    drawn = []
    for name in model.config.auxdata_order:
        parameter = model.config.param_set(name)
        widths = np.asarray(getattr(parameter, "sigmas", np.ones(parameter.n_parameters)))
        drawn.append(rng.normal(values[model.config.par_slice(name)], widths))
    return np.concatenate(drawn) if drawn else np.zeros(0)
