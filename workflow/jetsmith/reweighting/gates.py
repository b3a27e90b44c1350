"""What weights have to show before anyone trusts them: gates, each passed, failed or not conclusive.

A gate fails where right weights would hardly ever look so (three standard deviations, or 1 in 100 over all
spectra) and the difference matters (the limits of the configuration). It is passed where the events would
have shown a difference that matters, and did not. Else it is not conclusive: more events would tell.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from jetsmith.handed.closure import Area, CalibrationBin, Gate, Status
from jetsmith.io import FloatArray
from jetsmith.metrics import effective_count
from jetsmith.reweighting.curve import Calibrated
from jetsmith.reweighting.events import HeldOut
from jetsmith.specs.run import GatesSpec

SIGMAS = 3.0  # of what right weights hardly ever do
POWER = 3.0  # standard deviations in the tolerance: right weights lie within it 95 of 100 times and more
SPECTRA_LEVEL = 0.01  # probability that right weights fail in any of the spectra
EFFECTIVE_A_BIN = 10  # effective events of which a chi-square needs no less
UNKNOWN = (
    "no event of the target has a ratio: a table of weights says it where it has these events, too, and a "
    "column `dataset`"
)
SUM_PRECISION = 1e-6  # of a sum that was asked for
SUM_ERROR = 0.1  # statistical error of the sum on held-out events, above which it tells nothing


def separation_gate(before: Area, after: Area | None, settings: GatesSpec) -> Gate:
    """A fresh classifier cannot tell the weighted source from the target."""
    values = {"auc_before": before.value, "low_before": before.low, "high_before": before.high}
    status, why = _apart(before, after, settings.tolerance, "the weighted source", "the target")
    if after is None:
        status = "failed"
    return Gate("separation", status, values | _values(after), {"tolerance": settings.tolerance}, why)


def swapped_gate(
    before: Area, swapped: Area | None, settings: GatesSpec, events: HeldOut | None = None
) -> Gate:
    """The target weighted by the inverse ratio is the source; a failure says how much the target lacks."""
    status, why = _apart(before, swapped, settings.tolerance, "the target by the inverse ratio", "the source")
    if status == "failed" and events is not None:
        target, plain = events.target_mask, events.generator
        ratio = 1 / events.ratio
        beyond = plain[~target & (ratio > _covered(ratio[target], plain[target]))]
        why += (
            f"; {np.clip(beyond.sum() / plain[~target].sum(), 0, 1):.1%} of the source lies at ratios below "
            f"which the target has fewer than {EFFECTIVE_A_BIN} effective events, which no weight makes more"
        )
    return Gate("swapped", status, _values(swapped), {"tolerance": settings.tolerance}, why)


def _values(area: Area | None) -> dict[str, float]:
    return {} if area is None else {"auc": area.value, "low": area.low, "high": area.high}


def _apart(
    before: Area, area: Area | None, tolerance: float, weighted: str, wanted: str
) -> tuple[Status, str]:
    """Status and reason of an area that should be one half, and was not before."""
    status, why = is_half(area, tolerance, weighted, wanted, f" ({before.value:.3f} before)")
    if status == "passed" and before.low <= 0.5 + tolerance:
        return "not conclusive", (
            "source and target are so alike, or so few, that the classifier hardly tells them apart before "
            f"weighting either ({before.value:.3f} [{before.low:.3f}, {before.high:.3f}])"
        )
    return status, why


def is_half(
    area: Area | None, tolerance: float, weighted: str, wanted: str, before: str = ""
) -> tuple[Status, str]:
    """Status and reason of an area that should be one half.

    Args:
        area: With its interval.
        tolerance: That it may be away by.
        weighted: What was compared, for people.
        wanted: With what.
        before: What is added of the area before.
    """
    if area is None:
        return "not conclusive", f"the weights of {weighted} do not add up to more than 0 in each half"
    shown = f"{area.value:.3f} [{area.low:.3f}, {area.high:.3f}]"
    distance, sigma = area.value - 0.5, area.sigma
    within = 0.5 - tolerance <= area.low and area.high <= 0.5 + tolerance
    if distance < -SIGMAS * sigma:
        return "failed", (
            f"the area {shown} lies significantly below one half: what the classifier learned of one half of "
            "the events is wrong for the other"
        )
    if not within and distance > SIGMAS * sigma:
        return "failed", (
            f"a fresh classifier tells {weighted} from {wanted}: an area of {shown}, where one half ± "
            f"{tolerance:g} was wanted{before}"
        )
    if sigma > tolerance / POWER:
        return "not conclusive", (
            f"too few effective events: the area {shown} is known to ±{sigma:.3f}, and has to be to "
            f"±{tolerance / POWER:.3f} to tell one half ± {tolerance:g}"
        )
    if not within:
        return "not conclusive", f"the area {shown} straddles the edge of one half ± {tolerance:g}"
    if not sigma > 0:
        also = ", although it did before" if before else ""
        return "not conclusive", f"the classifier learned nothing at all{also} ({shown})"
    return "passed", f"a fresh classifier does not tell {weighted} from {wanted}: an area of {shown}"


def unknown_gate(name: str) -> Gate:
    """What needs ratios of the target's events, where a table of others has none of them."""
    return Gate(name, "not conclusive", {}, {}, UNKNOWN)


def support_gate(events: HeldOut, settings: GatesSpec) -> Gate:
    """There are enough events of the source wherever the target has some."""
    source = ~events.target_mask
    weighted, plain = (events.generator * events.weight)[source], events.generator[source]
    target = events.generator[events.target_mask]
    before, after = effective_count(plain), effective_count(weighted)
    total = float(weighted.sum())
    beyond = target[events.ratio[events.target_mask] > _covered(events.ratio[source], plain)]
    values = {
        "n_effective": after,
        "n_effective_fraction": after / before if before > 0 else 0.0,
        "largest_share": float(np.abs(weighted).max() / total) if total > 0 else 1.0,
        "uncovered": float(np.clip(beyond.sum() / target.sum(), 0, 1)),
        "uncovered_error": float(np.sqrt(beyond @ beyond) / target.sum()),
        "outside": float(np.mean(events.outside[events.known])),
    }
    few, wide = settings.min_effective, settings.max_uncovered
    limits = {"n_effective": few, "largest_share": settings.max_share, "uncovered": wide, "outside": wide}
    above, sigma = values["uncovered"] - wide, values["uncovered_error"]
    uncovered = (
        f"{values['uncovered']:.1%} ± {sigma:.1%} of the target lies at ratios above "
        f"which the source has fewer than {EFFECTIVE_A_BIN} effective events"
    )
    wrong = {
        f"the weighted source is worth {after:,.0f} events ({before:,.0f} before), {few:,.0f} at least were "
        "wanted": after < few <= before,
        f"one event has {values['largest_share']:.0%} of the sum of weights": (
            after >= few and values["largest_share"] > settings.max_share
        ),
        uncovered: above > SIGMAS * sigma,
        f"{values['outside']:.1%} of the events lie outside the region of validity": values["outside"] > wide,
    }
    if not events.known.all():
        del values["uncovered"], values["uncovered_error"]
    if any(wrong.values()):
        why = "; ".join(text for text, is_wrong in wrong.items() if is_wrong)
        return Gate("support", "failed", values, limits, why)
    if before < few:
        why = f"too few events: the source is worth {before:,.0f} before weighting, {few:,.0f} were wanted"
        return Gate("support", "not conclusive", values, limits, why)
    if not events.known.all():
        return Gate("support", "not conclusive", values, limits, UNKNOWN)
    if above > 0:
        return Gate("support", "not conclusive", values, limits, f"too few events: {uncovered}")
    why = f"the weighted source is worth {after:,.0f} events, {values['n_effective_fraction']:.0%} of before"
    return Gate("support", "passed", values, limits, why)


def _covered(ratio: FloatArray, weight: FloatArray) -> float:
    """The ratio above which the source has fewer effective events than a bin needs."""
    order = np.argsort(ratio)[::-1]
    sums, squares = np.cumsum(weight[order]), np.cumsum(weight[order] ** 2)
    count = np.divide(np.maximum(sums, 0) ** 2, squares, out=np.zeros(len(ratio)), where=squares > 0)
    enough = np.flatnonzero(np.maximum.accumulate(count) >= EFFECTIVE_A_BIN)
    return float(ratio[order[enough[0]]]) if len(enough) else 0.0


def calibration_gate(found: Calibrated, settings: GatesSpec) -> Gate:
    """The fraction of the target in bins of the ratio is what the ratio says."""
    if not found.bins:
        return Gate("calibration", "not conclusive", {}, {}, "no event lies in the region of validity")
    content = np.array([b.content for b in found.bins])
    apart = np.array([b.observed - b.predicted for b in found.bins])
    error = np.array([b.error for b in found.bins])
    size, noise = (float(np.sqrt(content @ x**2 / content.sum())) for x in (apart, error))
    p = float(stats.chi2.sf(found.chi2, found.n_dof))
    values = {
        "chi2": found.chi2,
        "n_dof": float(found.n_dof),
        "p_value": p,
        "deviation": size,
        "error": noise,
    }
    limits = {"p_value": float(2 * stats.norm.sf(SIGMAS)), "deviation": settings.tolerance}
    shown = f"chi2/ndf {found.chi2:.1f}/{found.n_dof}, deviation {size:.3f}"
    if size > settings.tolerance and p < limits["p_value"]:
        far: CalibrationBin = found.bins[int(np.argmax(np.abs(apart) / np.maximum(error, 1e-12)))]
        why = (
            f"the ratio is not that of the densities: where it says that {far.predicted:.3f} of the events "
            f"are of the target, {far.observed:.3f} ± {far.error:.3f} are ({shown})"
        )
        return Gate("calibration", "failed", values, limits, why)
    if noise > settings.tolerance:
        wanted = f"{settings.tolerance:g} was wanted ({shown})"
        why = f"too few events: fractions are known to ±{noise:.3f}, {wanted}"
        return Gate("calibration", "not conclusive", values, limits, why)
    if size > settings.tolerance:
        why = (
            f"too few events: fractions differ by more than {settings.tolerance:g}, which may be by chance "
            f"(p-value {p:.2g}; {shown})"
        )
        return Gate("calibration", "not conclusive", values, limits, why)
    why = f"fractions of the target in bins of the ratio are what it says ({shown})"
    return Gate("calibration", "passed", values, limits, why)


def spectra_gate(events: HeldOut, histograms: Sequence[Mapping[str, Any]], settings: GatesSpec) -> Gate:
    """Every feature and spectator agrees after weighting, and none worse than before."""
    level = SPECTRA_LEVEL / len(histograms)
    bad: list[tuple[float, str]] = []
    for h in histograms:
        before, after, n_dof = h["chi2_before"], h["chi2_after"], h["n_dof"]
        spread = np.sqrt(2 * n_dof + 4 * max(before - n_dof, 0))
        is_worse = after > before + SIGMAS * spread
        if stats.chi2.sf(after, n_dof) < level and (after / n_dof > settings.max_chi2 or is_worse):
            bad.append((-after / n_dof, f"{h['feature']} {before / n_dof:.1f} to {after / n_dof:.1f}"))
    source = ~events.target_mask
    count = min(
        effective_count((events.generator * events.weight)[source]),
        effective_count(events.generator[~source]),
    )
    bins = max(h["n_dof"] for h in histograms) + 1
    values = {
        f"worst_chi2_{when}": max(h[f"chi2_{when}"] / h["n_dof"] for h in histograms)
        for when in ("before", "after")
    } | {"n_spectra": float(len(histograms)), "n_failed": float(len(bad)), "n_effective": count}
    limits = {"chi2": settings.max_chi2, "p_value": level, "n_effective": float(EFFECTIVE_A_BIN * bins)}
    if count < limits["n_effective"]:
        why = f"too few effective events for spectra of {bins} bins: {count:,.0f}"
        return Gate("spectra", "not conclusive", values, limits, why)
    if bad:
        names = "; ".join(text for _, text in sorted(bad)[:3])
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        how_many = f"{len(bad)} of {len(histograms)} spectra"
        why = f"{how_many} differ from the target's after weighting; chi2/ndf: {names}{more}"
        return Gate("spectra", "failed", values, limits, why)
    worst = values["worst_chi2_after"]
    why = f"{len(histograms)} spectra agree after weighting: the largest chi2/ndf is {worst:.1f}"
    return Gate("spectra", "passed", values, limits, why)


def sum_gate(events: HeldOut) -> Gate:
    """Weights leave the sum of the generator weights what it is, in each bin within which they were to.

    Where nobody asked for that, right weights may have any sum (of events that a cut has left, the published
    ones of a model change the mean), so that it is shown and not judged.
    """
    source = ~events.target_mask
    plain, weight = events.generator[source], events.weight[source]
    mean = float(plain @ weight / plain.sum())
    error = float(np.sqrt(np.sum((plain * (weight - mean)) ** 2)) / plain.sum())
    values, limits, conserved = {"held_out": mean, "error": error}, {"sigmas": SIGMAS}, events.conserved
    if conserved is None:
        why = (
            "no sum was to be conserved, and it is not judged: that of the held-out source is "
            f"{mean:.4g} ± {error:.2g} times what it was"
        )
        return Gate("sum", "not judged", values, {}, why)
    off = [abs(of - 1) for of in conserved.values()]
    worst = list(conserved)[int(np.argmax(np.nan_to_num(off, nan=np.inf)))]
    values["all"], limits["precision"] = conserved[worst], SUM_PRECISION
    if not abs(values["all"] - 1) <= SUM_PRECISION:
        where = f", in one of the bins of {events.conserved_in}" if events.conserved_in else ""
        why = f"the sum of `{worst}` of all source events is {values['all']:.7g} times what it was{where}"
        return Gate("sum", "failed", values, limits, why)
    if abs(mean - 1) > SIGMAS * error + SUM_PRECISION:
        why = f"the sum of weights of the held-out source is {mean:.4g} ± {error:.2g} times what it was"
        return Gate("sum", "failed", values, limits, why)
    if error > SUM_ERROR:
        why = f"too few effective events: the sum of the held-out source is known to ±{error:.2g}"
        return Gate("sum", "not conclusive", values, limits, why)
    why = f"the sum of weights of the held-out source is {mean:.4f} ± {error:.2g} times what it was"
    return Gate("sum", "passed", values, limits, why)
