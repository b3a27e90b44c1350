"""Refined generator weights, all above 0: do they stand for the signed ones, and what are they worth?"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from jetsmith.classifiers import Labelled
from jetsmith.errors import InputError
from jetsmith.handed.closure import Area, Gate, Status, worst_of
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import auc_of_weights, bin_of
from jetsmith.reweighting.events import HeldOut
from jetsmith.reweighting.gates import SPECTRA_LEVEL, SUM_PRECISION, is_half
from jetsmith.reweighting.histograms import chi2_edges
from jetsmith.reweighting.separation import MIN_EVENTS, as_two_classes, by_fold, fresh_scores, over_folds
from jetsmith.reweighting.summary import gains
from jetsmith.specs.run import GatesSpec


def refined_gate(events: HeldOut, settings: GatesSpec, seed: Sequence[int], threads: int = 1) -> Gate:
    """A fresh classifier cannot tell refined weights from signed ones of the same events; spectra neither.

    Of each generator with weights below 0, or with refined ones that are not its own. Events are the same on
    both sides, so that their fluctuations cancel: what is left is that of the signs. Spectators are looked at
    as well, since refined weights are right in the density of the inputs, and of anything else only as far as
    its signs follow from these. Sums are those of all events: of each dataset, and of the source as it is
    weighted to the target.

    Raises:
        InputError: Too few events of a fold.
    """
    refined = events.refined
    assert refined is not None
    values: dict[str, float] = {}
    limits = {"tolerance": settings.tolerance, "chi2": settings.max_chi2, "precision": SUM_PRECISION}
    found: list[tuple[Status, str]] = []
    for name, total in events.refined_sums.items():
        if not abs(total - 1) <= SUM_PRECISION:
            text = (
                f"the sum of refined weights of all events ({name}) is {total:.7g} times that of signed ones"
            )
            found.append(("failed", text))
    if events.refined_sums:
        values["worst_sum"] = max(events.refined_sums.values(), key=lambda total: abs(total - 1))
    kinds = zip(events.spec.class_names, (~events.target_mask, events.target_mask), strict=True)
    differs = (events.generator < 0) | (refined != events.generator)
    signed = [(name, np.flatnonzero(of)) for name, of in kinds if differs[of].any()]
    for k, (name, rows) in enumerate(signed):
        of_class = events[rows]
        area = told_apart(of_class, [*seed, k], threads)
        if area is None:
            text = f"refined or signed weights of {name} do not add up to more than 0 in each half"
            found.append(("not conclusive", text))
        else:
            found.append(is_half(area, settings.tolerance, f"refined weights of {name}", "signed ones"))
            values |= {f"auc_{name}": area.value, f"low_{name}": area.low, f"high_{name}": area.high}
        level = SPECTRA_LEVEL / (len(signed) * len(events.names))
        each = [spectrum_chi2(of_class, column) for column in of_class.features.T]
        worst = max(range(len(each)), key=lambda i: each[i][0] / each[i][1])
        chi2, n_dof = each[worst]
        values[f"worst_chi2_{name}"] = chi2 / n_dof
        for (chi2, n_dof), feature in zip(each, events.names, strict=True):
            if stats.chi2.sf(chi2, n_dof) < level and chi2 / n_dof > settings.max_chi2:
                text = f"the spectrum of {feature} of {name} is another (chi2/ndf {chi2 / n_dof:.1f})"
                found.append(("failed", text))
        of = gains(of_class.generator, refined[rows], refined[rows])
        if of["gain"] is not None:
            values |= {"gain": min(values.get("gain", np.inf), of["gain"]), f"gain_{name}": of["gain"]}
            after, before = of["n_effective_refined"], of["n_effective_signed"]
            found.append(("passed", f"those of {name} are worth {after:,.0f} events, signed {before:,.0f}"))
    if not signed and not found:
        why = "no weight is below 0: refined weights are those of the generator"
        return Gate("refined", "passed", values, limits, why)
    status = worst_of([one for one, _ in found])
    return Gate("refined", status, values, limits, "; ".join(why for _, why in found))


def told_apart(events: HeldOut, seed: Sequence[int], threads: int = 1) -> Area | None:
    """Area of a fresh classifier between refined and signed weights of the events of one generator.

    Trees as of `separation` learn both weightings of one half of the events and are judged on the other; in a
    sample with folds in each for itself.

    Returns:
        None where the weights do not add up to more than 0 in a half.

    Raises:
        InputError: Too few events, in a fold.
    """
    return over_folds(_of_fold(events[rows], of_fold, threads) for rows, of_fold in by_fold(events, seed))


def _of_fold(events: HeldOut, seed: Sequence[int], threads: int) -> Area | None:
    refined, signed = events.refined, events.generator
    assert refined is not None
    judged = np.random.default_rng([*seed, 0]).random(len(signed)) < 0.5
    fewest = min(int(judged.sum()), int((~judged).sum()))
    if fewest < MIN_EVENTS:
        raise InputError(
            f"closure: refined weights: a random half of the {len(signed)} events of a generator that are "
            f"held out, or of one fold, has {fewest}, and needs {MIN_EVENTS}; take more events"
        )
    if not all(weight[half].sum() > 0 for weight in (refined, signed) for half in (judged, ~judged)):
        return None
    twice = np.tile(np.flatnonzero(~judged), 2)
    is_refined: BoolArray = np.arange(len(twice)) >= len(twice) // 2
    seen, size = as_two_classes(is_refined, np.where(is_refined, refined[twice], signed[twice]))
    learned = Labelled(events.rows[twice], seen.astype(np.int32), size.astype(np.float32))
    score = fresh_scores(events.spec, learned, events.rows[np.flatnonzero(judged)], seed, threads)
    found = auc_of_weights(score, refined[judged], signed[judged])
    return Area(found.value, found.low, found.high)


def spectrum_chi2(events: HeldOut, values: FloatArray) -> tuple[float, int]:
    """chi2 of the refined and the signed spectrum of a feature of the same events, and degrees of freedom.

    The variance of a bin is that of its signs: what is found, or what refined weights say, if that is more.
    A bin that by chance has no weight below 0 would have next to none.
    """
    assert events.refined is not None
    edges = chi2_edges(values)
    place, n_bins = bin_of(values, edges), len(edges) - 1
    refined, signed = events.refined / events.refined.sum(), events.generator / events.generator.sum()
    content, found, told = (
        np.bincount(place, of, n_bins)
        for of in (refined - signed, (refined - signed) ** 2, signed**2 - refined**2)
    )
    variance = np.maximum(found, told)
    filled = variance > 0
    return float(np.sum(content[filled] ** 2 / variance[filled])), max(int(filled.sum()) - 1, 1)
