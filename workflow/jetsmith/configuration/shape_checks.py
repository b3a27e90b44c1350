"""Checks of corrections of a shape, run before any job."""

from collections.abc import Iterator, Mapping
from itertools import combinations

from jetsmith.configuration.measurement_checks import (
    lacks_jets_below,
    reads_others,
    sample_problems,
    selected_alike,
)
from jetsmith.configuration.records import hint, require, rising
from jetsmith.configuration.same_events import SameEvents
from jetsmith.errors import refuse
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.features import FeatureGroup
from jetsmith.specs.run import RunSpec
from jetsmith.specs.shapes import RegionSpec, ShapeSpec

FLAVORS = {5: "b", 4: "c", 0: "light"}


def check_shapes(
    run: RunSpec,
    datasets: Mapping[str, DatasetSpec],
    groups: Mapping[str, FeatureGroup],
    judgements: Mapping[str, ClassifierSpec],
    source: str,
    same: SameEvents,
) -> None:
    """Judgements are of b against c and light jets, samples what they stand for, regions of other events."""
    for name, spec in run.shapes.items():
        at = f"shapes.{name}"
        require(name, judgements, f"{source}: shapes", "judgement")
        tagger = judgements[name]
        refuse(source, (f"{at}: {problem}" for problem in _flavours(tagger)))
        refuse(source, (f"{at}: {problem}" for problem in reads_others(tagger, groups, spec.samples)))
        for place, region in (("heavy", spec.heavy), ("light", spec.light)):
            for key, sample in (("data", region.data), ("simulation", region.simulation)):
                require(sample, run.samples, f"{source}: {at}.{place}.{key}", "sample")
                problems = sample_problems(run, sample, tagger, datasets, is_data=key == "data")
                refuse(source, (f"{at}.{place}.{key}: {problem}" for problem in problems))
            refuse(source, (f"{at}.{place}{problem}" for problem in _region(run, name, region, tagger)))
            problems = selected_alike(run, (region.data, region.simulation), datasets)
            refuse(source, (f"{at}.{place}: {problem}" for problem in problems))
        refuse(source, (f"{at}{problem}" for problem in _both(run, spec, datasets, same)))
        for place, region in (("heavy", spec.heavy), ("light", spec.light)):
            scale = spec.uncertainties.energy_scale
            problems = lacks_jets_below(run, tagger, region.pt_bins_gev, scale)
            refuse(source, (f"{at}.{place}{problem}" for problem in problems))


def _flavours(tagger: ClassifierSpec) -> Iterator[str]:
    """The file has a weight for each of the three, so each has to be a class."""
    signal = tagger.signal_class.flavor if tagger.signal_class is not None else None
    backgrounds = [found.flavor for found in tagger.background_classes]
    if signal != 5 or sorted(str(flavor) for flavor in backgrounds) != ["0", "4"]:
        said = [FLAVORS.get(flavor, "none of these") for flavor in backgrounds if flavor is not None]
        given = f"signal {FLAVORS.get(signal, 'none of these') if signal is not None else 'without a flavor'}"
        yield (
            f"its evaluation has to have b jets (flavor 5) as signal, and c (4) and light jets (0) as "
            f"backgrounds; `{tagger.judgement}` has {given}, backgrounds {', '.join(said) or 'without one'}"
        )


def _region(run: RunSpec, name: str, spec: RegionSpec, tagger: ClassifierSpec) -> Iterator[str]:
    points = run.calibration.thresholds.get(name) or run.working_points
    for key, point in (("tag", spec.tag), ("anti_tag", spec.anti_tag)):
        if point and point not in points:
            yield f".{key}: unknown working point `{point}`{hint(point, points)}"
    if spec.tag and spec.tag == spec.anti_tag:
        yield f".anti_tag: is `{spec.tag}` like `tag`: another jet would have to pass it and must not"
    least = 2 if spec.tag else 1
    if spec.n_jets is not None and not least <= spec.n_jets[0] <= spec.n_jets[1]:
        why = "a tag and a probe are two" if spec.tag else "the jet itself is one"
        yield f".n_jets: goes from {spec.n_jets[0]} to {spec.n_jets[1]}; give {least} or more, rising: {why}"
    cuts = run.selection[tagger.object]
    if spec.pt_bins_gev:
        yield from (f".{problem}" for problem in rising(spec.pt_bins_gev, "pt_bins_gev"))
        if spec.pt_bins_gev[0] < cuts.pt_min_gev:
            why = f"`selection.{tagger.object}.pt_min_gev: {cuts.pt_min_gev:g}` leaves none below"
            yield f".pt_bins_gev: begin at {spec.pt_bins_gev[0]:g} GeV; {why}"
    if spec.abseta_bins:
        yield from (f".{problem}" for problem in rising(spec.abseta_bins, "abseta_bins"))
        if spec.abseta_bins[0] != 0 or spec.abseta_bins[-1] != cuts.abseta_max:
            why = f"`selection.{tagger.object}.abseta_max: {cuts.abseta_max:g}`"
            yield f".abseta_bins: have to go from 0 to {cuts.abseta_max:g}, which is {why}"
    yield from (f".{problem}" for problem in rising(spec.discriminant_bins, "discriminant_bins"))
    if run.samples[spec.simulation].normalise == "flat":
        yield f".simulation: `{spec.simulation}` has `normalise: flat`, and no shares of classes; `unit`"


def _both(
    run: RunSpec, spec: ShapeSpec, datasets: Mapping[str, DatasetSpec], same: SameEvents
) -> Iterator[str]:
    """All four samples are of other events, since their statistics are taken for independent."""
    keys = ("heavy.data", "heavy.simulation", "light.data", "light.simulation")
    for (first, one), (second, two) in combinations(zip(keys, spec.samples, strict=True), 2):
        if both := same.shared(run.samples[two].datasets, run.samples[one].datasets):
            yield (
                f".{second}: {', '.join(both)} is of `{one}` ({first}), too: what is counted has to be of "
                "other events"
            )
    kinds = {
        key: any(datasets[name].is_data for name in run.samples[sample].datasets)
        for key, sample in (("heavy", spec.heavy.data), ("light", spec.light.data))
    }
    if len(set(kinds.values())) > 1:
        real, pseudo = sorted(kinds, key=lambda key: not kinds[key])
        yield f".{pseudo}.data: is simulation, that of `{real}` is data; both have to be the same"
