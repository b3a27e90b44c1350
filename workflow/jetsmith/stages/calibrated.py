"""What calibrations get: working points, efficiencies, and what is measured in data."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.seen import unseen
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.learned import NetworkSpec
from jetsmith.specs.measurements import FitSpec
from jetsmith.specs.run import EfficienciesSpec, PointsSpec
from jetsmith.specs.shapes import RegionCuts, UnfoldSpec
from jetsmith.stages.plain import Plain
from jetsmith.strict import seen_as


class Calibrate(NamedTuple):
    """Working points, and the bins of their efficiencies."""

    spec: Plain
    working_points: dict[str, float]
    pt_bins_gev: list[float]
    abseta_bins: list[float]
    third_bins: dict[str, list[float]]
    settings: Plain
    thresholds: dict[str, float]


def calibrate(run: Configuration, judgement: str) -> Calibrate:
    """Stage calibrate."""
    spec = run.judgements[judgement]
    bins = run.run.selection[spec.object]
    return Calibrate(
        spec=seen_as(JudgedSpec, spec),
        working_points=run.run.working_points,
        pt_bins_gev=list(bins.pt_bins_gev),
        abseta_bins=list(bins.abseta_bins),
        third_bins={name: list(edges) for name, edges in bins.third_bins.items()},
        settings=seen_as(PointsSpec, run.run.calibration),
        thresholds=dict(run.run.calibration.thresholds.get(judgement, {})),
    )


class CalibratePlane(NamedTuple):
    """Two judgements, efficiencies of their backgrounds by point, bins, and how many jets these take."""

    specs: list[Plain]
    points: dict[str, list[float]]
    pt_bins_gev: list[float]
    abseta_bins: list[float]
    third_bins: dict[str, list[float]]
    settings: Plain


def calibrate_plane(run: Configuration, plane: str) -> CalibratePlane:
    """Stage calibrate_plane."""
    found = run.run.calibration.planes[plane]
    specs = [run.judgements[judgement] for judgement in found.judgements]
    bins = run.run.selection[specs[0].object]
    return CalibratePlane(
        specs=[seen_as(JudgedSpec, spec) for spec in specs],
        points={name: list(targets) for name, targets in found.points.items()},
        pt_bins_gev=list(bins.pt_bins_gev),
        abseta_bins=list(bins.abseta_bins),
        third_bins={name: list(edges) for name, edges in bins.third_bins.items()},
        settings=seen_as(EfficienciesSpec, run.run.calibration),
    )


class Learn(NamedTuple):
    """A tagger with its discriminant, what networks are given and not, bins beside, how they learn."""

    spec: Plain
    features: list[Plain]
    closes_in: list[Plain]
    raw: dict[str, dict[str, Plain]]
    pt_bins_gev: list[float]
    abseta_bins: list[float]
    third_bins: dict[str, list[float]]
    settings: Plain
    network: Plain
    seed: int


def learn(run: Configuration, learned: str) -> Learn:
    """Stage learn."""
    found = run.run.learned_efficiencies[learned]
    spec = run.judgements[found.judgement]
    bins = run.run.selection[spec.object]
    return Learn(
        spec=seen_as(JudgedSpec, spec),
        features=_inputs(run, found.features),
        closes_in=_inputs(run, found.closes_in),
        raw={
            group: {name: run.raw_of(spec.object, group, name).model_dump(mode="json") for name in names}
            for group, names in found.features.items()
        },
        pt_bins_gev=list(bins.pt_bins_gev),
        abseta_bins=list(bins.abseta_bins),
        third_bins={name: list(edges) for name, edges in bins.third_bins.items()},
        settings=seen_as(EfficienciesSpec, run.run.calibration),
        network=seen_as(NetworkSpec, found),
        seed=run.run.seed,
    )


def _inputs(run: Configuration, features: Mapping[str, Sequence[str]]) -> list[Plain]:
    """Flat features by group, as a classifier's inputs."""
    return [
        Inputs(
            group=group,
            kind="flat",
            length=0,
            features=tuple(names),
            sources=tuple(run.groups[group].features[name].source for name in names),
        ).model_dump(mode="json")
        for group, names in features.items()
    ]


class Measure(NamedTuple):
    """A tagger with its discriminant, how it is measured, which samples and of which splits, and a seed.

    `turned` has for each sample that of the same jets with turned signs; it is empty for fits.
    """

    spec: Plain
    settings: Plain
    data: str
    simulation: str
    varied: dict[str, str]
    turned: dict[str, str]
    splits: dict[str, list[str]]
    is_pseudo: bool
    seed: int


def measure(run: Configuration, measurement: str) -> Measure:
    """Stage measure: of the tagger's own sample the split that nothing was fitted on alone."""
    found = run.run.scale_factors[measurement]
    spec = run.judgements[found.judgement]
    bins = list(found.pt_bins_gev or run.run.selection[spec.object].pt_bins_gev)
    turned: dict[str, str] = {}
    if found.method == "negative_tags":
        spec = spec.judging_light()
        turned = {name: run.run.turned_of(name) or "" for name in dict.fromkeys(found.samples)}
    return Measure(
        spec=seen_as(JudgedSpec, spec),
        settings={**seen_as(FitSpec, found), "pt_bins_gev": bins},
        data=found.data,
        simulation=found.simulation,
        varied=dict(found.uncertainties.samples),
        turned=turned,
        splits={name: list(unseen(run, spec.name, name)) for name in run.run.measured_on(found)},
        is_pseudo=not run.has_collisions(found.data),
        seed=run.run.seed,
    )


class ScaleFactors(NamedTuple):
    """Measurements of a judgement, and how far |eta| goes."""

    measurements: list[str]
    abseta_max: float


def scale_factors(run: Configuration, judgement: str) -> ScaleFactors:
    """Stage scale_factors: all measurements of a judgement together."""
    cuts = run.run.selection[run.judgements[judgement].object]
    return ScaleFactors(run.measured[judgement], cuts.abseta_max)


class Shape(NamedTuple):
    """A tagger with its discriminant, both regions with all their bins, splits of samples, and a seed."""

    spec: Plain
    settings: Plain
    regions: list[Plain]
    splits: dict[str, list[str]]
    is_pseudo: bool
    seed: int


def shape(run: Configuration, judgement: str) -> Shape:
    """Stage shape: of the tagger's own sample the split that nothing was fitted on alone."""
    found = run.run.shapes[judgement]
    spec = run.judgements[judgement]
    cuts = run.run.selection[spec.object]
    regions = [
        {
            "data": region.data,
            "simulation": region.simulation,
            "cuts": seen_as(RegionCuts, region)
            | {
                "pt_bins_gev": list(region.pt_bins_gev or cuts.pt_bins_gev),
                "abseta_bins": list(region.abseta_bins or (0.0, cuts.abseta_max)),
            },
        }
        for region in (found.heavy, found.light)
    ]
    return Shape(
        spec=seen_as(JudgedSpec, spec),
        settings=seen_as(UnfoldSpec, found),
        regions=regions,
        splits={name: list(unseen(run, spec.name, name)) for name in dict.fromkeys(found.samples)},
        is_pseudo=not run.has_collisions(found.heavy.data),
        seed=run.run.seed,
    )
