"""Weights of source events: the ratio of the densities of two generators, its error, its normalisation."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import io, ratios
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import bin_of
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.parametrised import places
from jetsmith.ratios import RatioCalibration, SumFactors
from jetsmith.reweighting.refining import REFINED, REFINED_TARGET, refined, refined_to_target
from jetsmith.reweighting.scores import ReweighterScores, read_scores
from jetsmith.reweighting.summary import gains, summarise
from jetsmith.reweighting.values import calibrated_on, log_odds_at, weight_at
from jetsmith.specs.classifiers import RowsSpec
from jetsmith.specs.parameters import Point
from jetsmith.specs.ratios import RatioSpec


@dataclass(frozen=True)
class EventWeights:
    """Of the N events of a sample of two generators, all shape (N,).

    Attributes:
        ratio: f_target/f_source by the calibrated classifier; NaN where it is unknown.
        weight: Of source events the ratio, normalised; 1 where `outside`, and for events of the target.
        up: The weight of each event one standard deviation of its logarithm up, by what the weights of the
            members of an ensemble differ, each of them normalised: how well it is known. No sum is conserved,
            and none is to be taken.
        down: The same down: up and down are `weight` times a number and over it.
        outside: Not reweightable: as in the scores, or the log-odds lie beyond ±20.
        each: Weight by each member of an ensemble alone, shape (M, N); of one model that itself.
        factors: What conserves the sum of the source in each bin, shape (B,).
        member_factors: The same of each member, shape (M, B).
    """

    ratio: FloatArray
    weight: FloatArray
    up: FloatArray
    down: FloatArray
    outside: BoolArray
    each: FloatArray
    factors: FloatArray
    member_factors: FloatArray


def event_weights(
    found: ReweighterScores,
    calibrations: Sequence[RatioCalibration],
    ratio: RatioSpec,
    bins: npt.NDArray[np.intp],
) -> EventWeights:
    """Weights of all events.

    They are normalised together, over every event that they are for, so that the sum of weights of the
    source stays what it was, in each bin where the configuration names some.

    Args:
        found: The scores.
        calibrations: Of each fold, or one.
        ratio: Whether sums are conserved.
        bins: Bin of each event in the variable within which sums are conserved, shape (N,); 0 without one.

    Raises:
        InputError: The weights of the source in a bin do not add up to more than 0, before or after.
    """
    n_bins = max([int(bins.max(initial=0)) + 1, *(len(edges) - 1 for edges in ratio.conserve_in.values())])
    ratio_of = ratios.out_of_fold(found.logits, found.fold, calibrations, found.members)
    outside = found.outside | ratio_of.outside
    free = outside | found.target_mask
    generator = np.where(free, 0.0, found.weight)

    def factors_of(density: FloatArray) -> FloatArray:
        return ratios.conserving(density, generator, bins, n_bins) if ratio.conserve else np.ones(n_bins)

    each = np.exp(ratio_of.value + ratio_of.moved)
    factors, member_factors = factors_of(ratio_of.ratio), np.array([factors_of(of) for of in each])
    for of, by in zip(each, member_factors, strict=True):
        of[:] = np.where(free, 1.0, of * by[bins])
    varied = ratio_of.varied(np.log(member_factors / factors)[:, bins])
    weight, up, down = ratios.weights(varied, factors[bins], free)
    density = np.where(found.unknown, np.nan, ratio_of.ratio)
    return EventWeights(density, weight, up, down, outside, each, factors, member_factors)


def write_weights(
    spec: RowsSpec,
    scores: str | Path,
    datasets: Sequence[tuple[str, str]],
    dataset: str,
    output: str | Path,
    numbers: str | Path | None = None,
    ratio: RatioSpec | None = None,
    n_members: int = 0,
    packed: str | Path | None = None,
    at: Mapping[str, Point] | None = None,
) -> None:
    """Write one weight an event of one dataset, ordered by the event key.

    An event of the source counts `weight_generator * weight`; events of the target have weight 1. Generator
    weights are those of the packed rows, which stage pack has multiplied by a number of each dataset.

    Args:
        spec: The reweighter: class 0 is the source, class 1 the target.
        scores: results/scores/{reweighter}/{sample}.parquet.
        datasets: Name and generator of the sample's datasets, in its order.
        dataset: The one to write.
        output: Parquet with run, luminosity_block, event, split, fold where there are some, weight_generator,
            `ratio`, `weight`, `weight_up`, `weight_down`, `outside`, `weight_at_<label>` with `_up` and
            `_down`, `weight_member<k>` of an ensemble, and with `ratio.refine` `weight_refined` and
            `weight_refined_target`, of parameters also `weight_at_<label>_refined_target`.
        numbers: JSON: calibrations and factors, which bundles take, and `summarise` of each split; None for
            none.
        ratio: How the ratio is calibrated and normalised.
        n_members: Of its ensemble; 0 where it is none.
        packed: results/packed/{sample}, read where `ratio` names features, and for parameters.
        at: Values of parameters that the source also has weights at, by their label.

    Raises:
        InputError: See `read_scores`, `fit_calibration`, `event_weights`.
    """
    ratio = ratio or RatioSpec()
    names = [name for name, _ in datasets]
    found = read_scores(spec, scores, datasets, n_members, ratio.refine)
    found = replace(found, outside=found.outside | _beyond(spec, found, ratio, packed))
    given = [_feature(spec, found, name, packed) for name in spec.parameters]
    value = places(np.reshape(given, (-1, len(found.weight))).T)
    level, left_out = calibrated_on(spec, names, found.dataset, found.weight, found.target_mask, value)
    calibrations = replace(found, weight=level, outside=found.outside | left_out).calibrate(ratio)
    bins = _bins(spec, found, ratio, packed)
    own_bins = bins * (int(value.max(initial=0)) + 1) + value
    weights = event_weights(found, calibrations, ratio, own_bins)
    moved = {
        label: event_weights(replace(found, logits=logits), calibrations, ratio, bins)
        for label, logits in log_odds_at(spec, scores, at or {}, n_members, len(found.weight)).items()
    }
    rows = np.flatnonzero(found.dataset == names.index(dataset))
    rows = rows[np.lexsort([found.key[name][rows] for name in reversed(found.key)])]
    generator, split = found.weight[rows], found.split[rows]
    columns: dict[str, npt.NDArray[Any]] = {name: values[rows] for name, values in found.key.items()}
    columns |= {"split": split} | ({"fold": found.fold[rows].astype(np.int8)} if spec.folds else {})
    columns |= {"weight_generator": generator}
    columns |= {"ratio": weights.ratio[rows], "weight": weights.weight[rows]}
    columns |= {"weight_up": weights.up[rows], "weight_down": weights.down[rows]}
    columns |= {"outside": weights.outside[rows]}
    for label, by in moved.items():
        columns |= {weight_at(label): by.weight[rows]}
        columns |= {f"{weight_at(label)}_up": by.up[rows], f"{weight_at(label)}_down": by.down[rows]}
    if n_members:
        columns |= {member_column(k): by[rows].astype(np.float32) for k, by in enumerate(weights.each)}
    if ratio.refine:
        of_generator = refined(found, names)
        columns |= {REFINED: of_generator[rows]}
        wanted = {REFINED_TARGET: (weights, own_bins)}
        wanted |= {f"{weight_at(label)}_refined_target": (by, bins) for label, by in moved.items()}
        for name, (by, within) in wanted.items():
            of_target = refined_to_target(found, of_generator, by.weight, within, ratio.conserve)
            columns |= {name: of_target[rows]}
        if n_without := int(np.isnan(found.share[rows]).sum()):
            print(
                f"[weights {spec.name}] {dataset}: {n_without:,} of {len(rows):,} events have no score, and "
                f"so their generator weight as `{REFINED}`: "
                f"{int((columns[REFINED] < 0).sum()):,} are below 0",
                file=sys.stderr,
            )
    if n_outside := int(columns["outside"].sum()):
        print(
            f"[weights {spec.name}] {dataset}: {n_outside:,} of {len(rows):,} events are not reweightable "
            "(`outside`): their weight is 1",
            file=sys.stderr,
        )
    io.write_rows(output, ak.zip(columns, depth_limit=1), reweighter=spec.name, dataset=dataset)
    if numbers is not None:
        splits = {
            name: summarise(
                columns["weight"][split == k], generator[split == k], columns["outside"][split == k]
            )
            for k, name in enumerate(SPLITS)
        }
        splits["all"] = summarise(columns["weight"], generator, columns["outside"])
        subject = {"reweighter": spec.name, "dataset": dataset}
        about: dict[str, Any] = {
            **subject,
            "calibrations": [by.record() for by in calibrations],
            "splits": splits,
        }
        feature, edges = next(iter(ratio.conserve_in.items()), ("", ()))
        if spec.parameters:  # those of `weight` are of each value by itself, and nothing to use
            about["conserved"] = {"feature": feature, "edges": edges} if ratio.conserve else None
        else:
            about["sum_factors"] = _factors(weights, feature, edges, n_members).record()
        if ratio.refine:
            about["refined"] = gains(generator, columns[REFINED], columns[REFINED_TARGET])
            about["refined"]["n_without_score"] = int(np.isnan(found.share[rows]).sum())
        if moved:
            about["at"] = {
                label: {"parameters": (at or {})[label]}
                | {"sum_factors": _factors(by, feature, edges, n_members).record()}
                | summarise(by.weight[rows], generator, by.outside[rows])
                for label, by in moved.items()
            }
        io.write_json(numbers, about)


def _factors(found: EventWeights, feature: str, edges: Sequence[float], n_members: int) -> SumFactors:
    """As bundles take them; of each member where an ensemble has an error."""
    plain = SumFactors(feature, tuple(edges), tuple(found.factors.tolist()))
    return replace(plain, members=tuple(map(tuple, found.member_factors.tolist()))) if n_members else plain


def _bins(
    spec: RowsSpec, found: ReweighterScores, ratio: RatioSpec, packed: str | Path | None
) -> npt.NDArray[np.intp]:
    """Bin of each event in the variable within which sums are conserved; 0 without one."""
    if not ratio.conserve_in:
        return np.zeros(len(found.weight), np.intp)
    ((name, edges),) = ratio.conserve_in.items()
    return np.asarray(bin_of(_feature(spec, found, name, packed), edges), np.intp)


def _beyond(
    spec: RowsSpec, found: ReweighterScores, ratio: RatioSpec, packed: str | Path | None
) -> BoolArray:
    """Events outside the region of validity; a feature that is not finite lies in none."""
    beyond = np.zeros(len(found.weight), bool)
    for name, region in ratio.valid.items():
        beyond |= ratios.beyond(_feature(spec, found, name, packed), region)
    return beyond


def _feature(spec: RowsSpec, found: ReweighterScores, name: str, packed: str | Path | None) -> FloatArray:
    """A flat input of each event."""
    assert packed is not None
    group, place = ratios.column_of(spec.inputs, name)
    parts = arrays.read_splits(Path(packed), SPLITS, [group.group], spec.sample)
    rows = Rows.select([group], parts)
    if len(rows) != len(found.weight) or any(
        (np.asarray(rows.column(key)) != values).any() for key, values in found.key.items()
    ):
        raise InputError(f"{packed}: holds other events than the scores of {spec.name}; run score again")
    values = rows.flat_as_packed(slice(0, len(rows)))[:, place]
    return np.asarray(values, np.float64)


def member_column(member: int) -> str:
    """Name of the weight by one member of an ensemble."""
    return f"weight_member{member}"
