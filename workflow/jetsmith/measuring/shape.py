"""Stage shape: scores of two regions of data and simulation in, corrections of the shape out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.measurement import Pulls, pulls_of
from jetsmith.handed.shape import Shape, ShapeRow
from jetsmith.hashing import named_seed
from jetsmith.io import FloatArray
from jetsmith.measuring import shape_solution as solving
from jetsmith.measuring.jets import Source, presented
from jetsmith.measuring.shape_corrections import correction
from jetsmith.measuring.shape_jets import HEAVY, LIGHT, Bins, ShapeJets, Sums, read_region, sums
from jetsmith.measuring.shape_solution import Solution, plain
from jetsmith.measuring.shape_truth import Agreements, with_truth
from jetsmith.progress import Progress
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.shapes import RegionCuts, UnfoldSpec
from jetsmith.texts import doubts_of

Pair = tuple[FloatArray, FloatArray]
OF_C = 2.0  # c jets: their relative uncertainty over that of b jets


class Region(NamedTuple):
    """Samples of a region, and which of their jets count."""

    data: str
    simulation: str
    cuts: RegionCuts

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Region":
        """As stage shape gets it of the configuration."""
        return cls(plain["data"], plain["simulation"], RegionCuts(**plain["cuts"]))


def measure_shape(
    spec: JudgedSpec,
    settings: UnfoldSpec,
    regions: tuple[Region, Region],
    samples: Mapping[str, Source],
    is_pseudo: bool,
    numbers: str | Path,
    seed: int,
    output: str | Path,
    corrections: str | Path,
) -> None:
    """Measure scale factors of the shape of a discriminant, for b and light jets.

    Args:
        spec: The tagger with its discriminant; the signal is b, the backgrounds are c and light.
        settings: Uncertainties and pseudo-experiments.
        regions: Where most jets are b, and where most are light, with all bins filled in.
        samples: Jets by sample.
        is_pseudo: Whether data are simulation, too: half of them, drawn by their weights, stand for data, the
            other half has the true shapes.
        numbers: results/calibration/{judgement}.numbers.json.
        seed: Of halves, draws and pseudo-experiments.
        output: JSON of a `handed.shape.Shape`.
        corrections: correctionlib schema 2, `<judgement>_shape`.

    Raises:
        InputError: Scores lack something, a bin has no jets, a tag that is no working point, regions from
            which no scale factors follow.
    """
    thresholds, doubts = _thresholds(numbers, spec, regions)
    bins = (Bins.of(regions[0].cuts), Bins.of(regions[1].cuts))
    data, truths, simulation = [], [], []
    for k, region in enumerate(regions):
        seen, simulated = (
            read_region(
                samples[key], spec, region.cuts, thresholds, seed, settings.uncertainties.energy_scale
            )
            for key in (region.data, region.simulation)
        )
        if is_pseudo:
            edges = np.array(region.cuts.pt_bins_gev)
            seen, truth = presented(seen, edges, seed + k, samples[region.data].scores)
            truths.append(truth)
        data.append(seen)
        simulation.append(simulated)
    counted = _counted(data, simulation, bins)
    scaled, of_draws = _scaled(data, simulation, bins, settings), named_seed(seed, "shape", spec.judgement)
    found, rows = shape_of(counted, scaled, bins, settings, of_draws)
    agreement: Agreements = {}
    before: Agreements = {}
    if is_pseudo:
        rows, agreement, before = with_truth(counted, found, rows, truths, bins, settings)
    whole = Shape(
        spec.judgement,
        (regions[0].data, regions[1].data),
        (regions[0].simulation, regions[1].simulation),
        is_pseudo,
        found.n_iterations,
        (bins[0].abseta, bins[1].abseta),
        (bins[0].pt_gev, bins[1].pt_gev),
        (bins[0].discriminant, bins[1].discriminant),
        *rows,
        _charm(counted[0], rows[0], bins[0]),
        agreement,
        before,
        doubts,
    )
    io.write_record(output, whole)
    io.write_json(corrections, correction(whole), checksum=False)


def _thresholds(
    numbers: str | Path, spec: JudgedSpec, regions: Sequence[Region]
) -> tuple[dict[str, float], dict[str, str]]:
    """Thresholds by working point, those of tags being there, and the marks of tags."""
    found = io.read_json(numbers, judgement=spec.judgement)
    thresholds = {key: float(point["threshold"]) for key, point in found["working_points"].items()}
    tags = [tag for region in regions for tag in (region.cuts.tag, region.cuts.anti_tag) if tag]
    for point in tags:
        if point not in thresholds:
            why = found["undefined"].get(point, "")
            left_out = f"; left out there: {why}" if why else ""
            there = ", ".join(thresholds) or "none"
            raise InputError(f"{numbers}: has no working point {point} for tags; it has {there}{left_out}")
    return thresholds, {point: mark for point, mark in doubts_of(found).items() if point in tags}


def _counted(
    data: Sequence[ShapeJets], simulation: Sequence[ShapeJets], bins: tuple[Bins, Bins]
) -> tuple[Sums, Sums]:
    heavy = sums(data[0], simulation[0], HEAVY, bins[0], bins[1])
    return heavy, sums(data[1], simulation[1], LIGHT, bins[1], bins[0])


def _scaled(
    data: Sequence[ShapeJets], simulation: Sequence[ShapeJets], bins: tuple[Bins, Bins], settings: UnfoldSpec
) -> dict[str, tuple[Sums, Sums]]:
    """The regions with another energy scale of simulation, by systematic."""
    scale = settings.uncertainties.energy_scale
    ends = {"up_jes": 1 + scale, "down_jes": 1 - scale} if scale else {}
    return {
        name: _counted(data, [jets.scaled(factor) for jets in simulation], bins)
        for name, factor in ends.items()
    }


def shape_of(
    counted: tuple[Sums, Sums],
    scaled: Mapping[str, tuple[Sums, Sums]],
    bins: tuple[Bins, Bins],
    settings: UnfoldSpec,
    seed: int | list[int],
) -> tuple[Solution, tuple[tuple[ShapeRow, ...], tuple[ShapeRow, ...]]]:
    """Scale factors with their errors, a row each of |eta| and pt.

    Args:
        counted: The heavy and the light region.
        scaled: Likewise with another energy scale, by systematic.
        bins: Of both.
        settings: Uncertainties and pseudo-experiments.
        seed: Of these.

    Raises:
        InputError: A bin has no jets, factors do not settle, or one is below 0.
    """
    solving.check(counted, bins)
    found = solving.solve(*counted)
    errors = solving.propagate(*counted, found).of(*counted)
    solving.check_positive(found, errors, bins)
    shifts: dict[str, Pair] = {}
    for name, regions in scaled.items():
        try:
            solving.check(regions, bins)
            shifts[name] = solving.solve(*regions).factors
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    rates = {"lf": settings.uncertainties.lf, "hf": settings.uncertainties.hf}
    for k, (name, rate) in enumerate(rates.items()):
        for end, sign in (("up", 1), ("down", -1)):
            varied = list(counted)
            varied[k] = solving.contaminated(counted[k], 1 + sign * rate)
            shifts[f"{end}_{name}"] = solving.solve(*varied).factors
    shifts |= _statistical(counted, found.factors, errors)
    pulls = _pseudo_experiments(counted, bins, found, settings.pseudo_experiments, seed)
    return found, (
        _rows(0, counted[0], bins[0], found, errors, shifts, pulls),
        _rows(1, counted[1], bins[1], found, errors, shifts, pulls),
    )


def waves(own: FloatArray) -> Pair:
    """A ramp and a parabola from 1 at the first to -1 and 1 at the last bin that may have jets, shape (R, B).

    1 - 2x and 1 - 6x(1 - x), x being the place among the bins; the first one, of jets that are not tagged,
    counts where simulation has some.
    """
    n_bins = own.shape[1]
    first = (own[:, :1] <= 0).astype(np.float64)
    x = np.clip((np.arange(n_bins) - first) / (n_bins - 1 - first), 0, 1)
    return 1 - 2 * x, 1 - 6 * x * (1 - x)


def bent(central: FloatArray, bend: FloatArray, jets: FloatArray) -> Pair:
    """Factors moved up and down by `bend`, mirror images that keep the jets of each row, shape (R, B) each.

    The side with more jets than the central factors have is scaled to these: the other one may have few left
    where errors are large, or less than none, and would be scaled by any number.
    """
    more = np.where((jets * bend).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    varied = central + more * bend
    wanted, given = ((jets * factors).sum(axis=1, keepdims=True) for factors in (central, varied))
    scale = np.divide(wanted, given, out=np.ones_like(given), where=given != 0)
    shift = more * (varied * scale - central)
    return np.asarray(central + shift), np.asarray(central - shift)


def _statistical(counted: tuple[Sums, Sums], factors: Pair, errors: Pair) -> dict[str, Pair]:
    """hfstats1, hfstats2, lfstats1, lfstats2: the statistical error of each bin, bent over the bins."""
    shifts: dict[str, Pair] = {}
    for k, name in enumerate(("hf", "lf")):
        for number, wave in enumerate(waves(counted[k].own), start=1):
            ends = bent(factors[k], errors[k] * wave, counted[k].own)
            for end, moved in zip(("up", "down"), ends, strict=True):
                varied = list(factors)
                varied[k] = moved
                shifts[f"{end}_{name}stats{number}"] = (varied[0], varied[1])
    return shifts


def _rows(
    region: int,
    counted: Sums,
    bins: Bins,
    found: Solution,
    errors: Pair,
    shifts: Mapping[str, Pair],
    pulls: Sequence[Sequence[Pulls | None]],
) -> tuple[ShapeRow, ...]:
    scale = counted.data.sum(axis=1) / (counted.own + counted.rest).sum(axis=1)
    return tuple(
        ShapeRow(
            abseta,
            pt,
            plain(found.factors[region][k]),
            plain(errors[region][k]),
            {name: plain(pair[region][k]) for name, pair in shifts.items()},
            plain(counted.data[k]),
            plain(counted.own[k] * scale[k]),
            plain(counted.rest[k] * scale[k]),
            pulls[region][k],
        )
        for k, (abseta, pt) in enumerate(bins.rows)
    )


def _charm(heavy: Sums, rows: Sequence[ShapeRow], bins: Bins) -> tuple[ShapeRow, ...]:
    """c jets: nothing is measured of them, so 1, with twice the relative errors of b jets.

    cferr1 bends these as a ramp over the bins, cferr2 as a parabola.
    """
    ones = np.ones(bins.shape)
    relative = OF_C * np.array([np.divide(row.total(("lf", "hf", "jes")), row.value) for row in rows])
    c = np.where(heavy.c.sum(axis=1, keepdims=True) > 0, heavy.c, 1.0)
    shifts = {
        f"{end}_cferr{number}": moved
        for number, wave in enumerate(waves(heavy.own), start=1)
        for end, moved in zip(("up", "down"), bent(ones, relative * wave, c), strict=True)
    }
    return tuple(
        replace(
            row,
            value=plain(ones[k]),
            error=plain(relative[k]),
            shifts={name: plain(of[k]) for name, of in shifts.items()},
            own=plain(heavy.c[k]),
            rest=(),
            data=(),
            pulls=None,
            true=(),
            true_error=(),
            chi2=0.0,
            ndf=0,
        )
        for k, row in enumerate(rows)
    )


def _pseudo_experiments(
    counted: tuple[Sums, Sums], bins: tuple[Bins, Bins], found: Solution, n: int, seed: int | list[int]
) -> tuple[list[Pulls | None], list[Pulls | None]]:
    """Pulls of each row, all of its bins together, for both regions; a bin without jets has none."""
    rng = np.random.default_rng(seed)
    progress = Progress("shape", max(n, 1), "pseudo-experiments")
    pulls: list[Pair] = []
    failed = 0
    for k in range(n):
        drawn_ones = (solving.fluctuated(counted[0], rng), solving.fluctuated(counted[1], rng))
        try:
            solving.check(drawn_ones, bins)
            again = solving.solve(*drawn_ones)
            errors = solving.propagate(*drawn_ones, again).of(*drawn_ones)
            solving.check_positive(again, errors, bins)
        except InputError:
            failed += 1
            continue
        first, second = (
            np.divide(new - old, error, out=np.full_like(new, np.nan), where=error > 0)
            for new, old, error in zip(again.factors, found.factors, errors, strict=True)
        )
        pulls.append((first, second))
        progress.update(k + 1)
    of_heavy, of_light = (
        [pulls_of(np.array([one[k][row] for one in pulls]).ravel(), failed) for row in range(of.shape[0])]
        for k, of in enumerate(bins)
    )
    return of_heavy, of_light
