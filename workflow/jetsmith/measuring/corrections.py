"""Scale factors as a correction set of correctionlib, schema 2, as CMS' BTV group publishes them.

`<judgement>_wp_values`, `<judgement>_<measurement>` of each measurement, and `<judgement>_comb` of all fits:
`systematic`, `working_point`, `flavor`, `abseta`, `pt` -> scale factor. `up` and `down` have everything
together, `up_<source>` one source, moved in all bins at once; `up_statistic`, as `up_uncorrelated`, what the
bins of a measurement have each for itself; `up_correlated` all sources together. Bins of a combination share
their statistics in part: `.combination.json` has the correlations.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from correctionlib import schemav2

from jetsmith import io
from jetsmith.correction_nodes import binning, category
from jetsmith.errors import InputError
from jetsmith.handed.measurement import Bin, Measurement
from jetsmith.io import FloatArray
from jetsmith.measuring.combination import Combined, Measured, combine
from jetsmith.texts import code_by, not_reliable

STATISTIC = "statistic"


def combine_measurements(
    judgement: str,
    measurements: Mapping[str, str | Path],
    abseta_max: float,
    output: str | Path,
    numbers: str | Path,
) -> None:
    """Write the scale factors of a judgement, each measurement's and all together.

    Args:
        judgement: Whose.
        measurements: results/scale_factors/{measurement}.json by name, in the same bins of pt: fits, of one
            class, which are combined, and negative tags, of light jets.
        abseta_max: Of the selection.
        output: correctionlib schema 2.
        numbers: The combination for people: by working point values, ends, weights and what chi2 says.

    Raises:
        InputError: No working point has a scale factor in each bin.
    """
    found = [
        io.read_record(Measurement, path, measurement=name, judgement=judgement)
        for name, path in measurements.items()
    ]
    each = {one.measurement: {point: _measured(one.points[point]) for point in one.complete} for one in found}
    points = dict.fromkeys(point for of in each.values() for point in of)
    doubts = {point: mark for one in found for point, mark in one.doubts.items()}
    if not points:
        reasons = "; ".join(f"{one.measurement}, {p}: {one.why_not(p)}" for one in found for p in one.points)
        raise InputError(
            f"{judgement}: no working point has a scale factor in each bin: {reasons}. Give wider "
            "`pt_bins_gev`, looser points or more jets"
        )
    # Those of light jets stand by themselves: at most one, which the parse sees to.
    fits = [one for one in found if one.method == "fit"]
    combined = {
        point: combine(of)
        for point in points
        if (of := [each[one.measurement][point] for one in fits if point in each[one.measurement]])
    }
    names = {one.measurement: [p for p in points if p in each[one.measurement]] for one in fits}
    corrections = [
        _correction(f"{judgement}_{one.measurement}", _about(one), one, each[one.measurement], abseta_max)
        for one in found
        if each[one.measurement]
    ]
    if combined:
        together = f"Combination of {', '.join(name for name, of in names.items() if of)}"
        if any(one.ndf for one in combined.values()):
            together += "; statistics of bins are correlated, as its .combination.json says"
        together += not_reliable([point for point in combined if point in doubts])
        corrections.append(_correction(f"{judgement}_comb", together, fits[0], combined, abseta_max))
    corrections.append(_thresholds(judgement, found[0].thresholds, doubts))
    pseudo = [one.measurement for one in found if one.is_pseudo]
    of_pseudo = f"; from pseudo-data, NOT for data: {', '.join(pseudo)}" if pseudo else ""
    measured = ", ".join(dict.fromkeys(one.measured for one in found))
    whole = schemav2.CorrectionSet(
        schema_version=2,
        description=f"Scale factors of {judgement}, {measured}{of_pseudo}"
        + not_reliable([point for point in points if point in doubts]),
        corrections=corrections,
    )
    io.write_json(output, whole.model_dump(mode="json", exclude_unset=True), checksum=False)
    io.write_json(
        numbers,
        {
            "judgement": judgement,
            "measurements": [*names],
            "pt_edges_gev": list(found[0].pt_edges_gev),
            "points": {
                point: _plain(one, [name for name, of in names.items() if point in of])
                for point, one in combined.items()
            },
        },
    )


def _measured(bins: Sequence[Bin]) -> Measured:
    factors = [one.factor for one in bins if one.factor is not None]
    names = dict.fromkeys(name for factor in factors for name in factor.sources)

    def of(field: str) -> FloatArray:
        return np.array([getattr(factor, field) for factor in factors], np.float64)

    sources = {name: np.array([factor.sources.get(name, 0.0) for factor in factors]) for name in names}
    return Measured(of("value"), of("up"), of("down"), of("independent"), sources)


def _plain(found: Combined, measurements: Sequence[str]) -> dict[str, Any]:
    own = np.einsum("pmp->pm", found.weights)
    return {
        "value": found.value.tolist(),
        "up": found.up.tolist(),
        "down": found.down.tolist(),
        "sources": {STATISTIC: found.independent.tolist()}
        | {k: v.tolist() for k, v in found.sources.items()},
        "statistic_correlations": found.correlations.tolist(),
        "weights": dict(zip(measurements, own.T.tolist(), strict=True)),
        "chi2": found.chi2,
        "ndf": found.ndf,
        "p": found.p,
    }


def _about(one: Measurement) -> str:
    missing = [f"{point} ({one.why_not(point)})" for point in one.points if point not in one.complete]
    left = f"; left out: {'; '.join(missing)}" if missing else ""
    kind = "pseudo-data" if one.is_pseudo else "data"
    samples = f"{kind} of sample {one.data} over simulation {one.simulation}"
    doubtful = not_reliable([point for point in one.complete if point in one.doubts])
    return f"Measurement {one.measurement}, {one.how}, {samples}{left}{doubtful}"


def _thresholds(
    judgement: str, thresholds: Mapping[str, float], doubts: Collection[str]
) -> schemav2.Correction:
    """As calibrate writes them: whoever has both files sees that they are of the same points."""
    point = schemav2.Variable(name="working_point", type="string", description=", ".join(thresholds))
    return schemav2.Correction(
        name=f"{judgement}_wp_values",
        description=f"Thresholds on the discriminant of {judgement}{not_reliable(doubts)}",
        version=1,
        inputs=[point],
        output=schemav2.Variable(name="threshold", type="real"),
        data=category("working_point", thresholds),
    )


def _shifts(found: Measured, end: str, sources: Sequence[str]) -> dict[str, FloatArray]:
    """Distances of one end from the central values, by what `systematic` says behind `up` or `down`."""
    nothing = np.zeros(len(found.value))
    correlated = np.sqrt(sum((shift**2 for shift in found.sources.values()), nothing))
    return {
        "": getattr(found, end),
        "_correlated": correlated,
        "_uncorrelated": found.independent,
        f"_{STATISTIC}": found.independent,
        **{f"_{source}": found.sources.get(source, nothing) for source in sources},
    }


def _correction(
    name: str, about: str, one: Measurement, points: Mapping[str, Measured], abseta_max: float
) -> schemav2.Correction:
    sources = list(dict.fromkeys(source for found in points.values() for source in found.sources))
    shifts = {"central": {point: found.value for point, found in points.items()}}
    for end, sign in (("up", 1), ("down", -1)):
        for point, found in points.items():
            for suffix, shift in _shifts(found, end, sources).items():
                shifts.setdefault(f"{end}{suffix}", {})[point] = found.value + sign * shift

    def bins(values: FloatArray) -> Any:
        by_pt = binning("pt", one.pt_edges_gev, values.tolist(), clamps=True)
        return category("flavor", {one.flavor: binning("abseta", (0.0, abseta_max), [by_pt], clamps=False)})

    systematics = ", ".join(shifts)
    return schemav2.Correction(
        name=name,
        description=f"{about}. Flavor {one.flavor} ({one.measured}) alone; nothing is measured of others",
        version=1,
        inputs=[
            schemav2.Variable(name="systematic", type="string", description=systematics),
            schemav2.Variable(name="working_point", type="string", description=", ".join(points)),
            schemav2.Variable(
                name="flavor", type="int", description=f"{one.flavor} {one.measured}{code_by(one.by)}"
            ),
            schemav2.Variable(name="abseta", type="real", description="|eta| of the jet"),
            schemav2.Variable(name="pt", type="real", description="pt of the jet [GeV]"),
        ],
        output=schemav2.Variable(
            name="weight", type="real", description="efficiency in data over simulation"
        ),
        data=category(
            "systematic",
            {
                shift: category("working_point", {point: bins(values) for point, values in of.items()})
                for shift, of in shifts.items()
            },
        ),
    )
