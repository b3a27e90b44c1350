"""The stage: scores of data and simulation in, scale factors and the models of their fits out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from jetsmith import io
from jetsmith.cuts import passes
from jetsmith.errors import InputError
from jetsmith.handed.measurement import Bin, Measurement, pulls_of
from jetsmith.hashing import named_seed
from jetsmith.io import FloatArray
from jetsmith.measuring import light
from jetsmith.measuring.fit import Fitted, fit
from jetsmith.measuring.jets import Probes, Source, classes, presented, read_probes
from jetsmith.measuring.model import Templates, passing_part, workspace
from jetsmith.measuring.templates import ENERGY, REGIONS, WHOLE, counts
from jetsmith.metrics import efficiency
from jetsmith.progress import Progress
from jetsmith.scored import columns_of_codes, meaning_of
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.measurements import FitSpec
from jetsmith.texts import doubts_of


def measure(
    name: str,
    spec: JudgedSpec,
    settings: FitSpec,
    samples: Mapping[str, Source],
    data: str,
    simulation: str,
    varied: Mapping[str, str],
    is_pseudo: bool,
    numbers: str | Path,
    seed: int,
    output: str | Path,
    workspaces: str | Path,
    turned: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Measure the efficiency of a class at each working point.

    Args:
        name: Of the measurement.
        spec: The tagger with its discriminant; the signal is measured.
        settings: How.
        samples: Jets by sample.
        data: Sample of data.
        simulation: Sample of simulation.
        varied: The same with one thing changed, by source of uncertainty.
        is_pseudo: Whether data are simulation, too: half of them, drawn by their weights, stand for data, the
            other half has the true efficiencies.
        numbers: results/calibration/{judgement}.numbers.json.
        seed: Of halves, draws and pseudo-experiments.
        output: JSON of a `handed.measurement.Measurement`.
        workspaces: Folder for `{point}_{low}_{high}.json`, a workspace of pyhf each; of negative tags sums.
        turned: Of each sample that of the same jets with turned signs, for negative tags.

    Raises:
        InputError: Scores lack something, no jets or working points are left, a tag that is none of these.
    """
    assert spec.signal_class is not None
    assert spec.signal_class.flavor is not None
    found = io.read_json(numbers, judgement=spec.judgement)
    thresholds = {key: float(point["threshold"]) for key, point in found["working_points"].items()}
    if not thresholds:
        why = "; ".join(found["undefined"].values())
        raise InputError(f"{numbers}: no working point is left to measure: {why}")
    if settings.tag and settings.tag not in thresholds:
        there = f"it has {', '.join(thresholds)}"
        why = found["undefined"].get(settings.tag, "")
        left_out = f"; left out there: {why}" if why else ""
        raise InputError(f"{numbers}: has no working point {settings.tag} for tags; {there}{left_out}")
    tag = thresholds.get(settings.tag)
    record = partial(
        Measurement,
        name,
        spec.judgement,
        spec.signal_class.name,
        spec.signal_class.flavor,
        simulation,
        data,
        is_pseudo,
        settings.tag,
        settings.variable.feature if settings.variable else "",
        settings.pt_bins_gev,
        thresholds,
        method=settings.method,
        doubts=doubts_of(found),
        by=meaning_of(spec.signal_class, columns_of_codes(samples[simulation].scores, [spec.signal_class])),
    )
    if settings.method == "negative_tags":
        pairs = {
            key: light.read_pair(samples[key], samples[other], spec, settings, seed)
            for key, other in turned.items()
        }
        with io.atomic_directory(workspaces) as folder:
            points = light.light_points(
                name,
                spec,
                settings,
                pairs,
                data,
                simulation,
                varied,
                samples[data].scores if is_pseudo else None,
                thresholds,
                seed,
                folder,
            )
        io.write_record(output, record(points=points))
        return
    jets = {
        key: read_probes(samples[key], spec, tag, settings, seed)
        for key in dict.fromkeys((data, simulation, *varied.values()))
    }
    for key, of in jets.items():
        if not len(of):
            none = "none has a tag, so many jets in its event, or a value within the variable's edges"
            raise InputError(f"{samples[key].scores}: no jets count: {none}")
    measured, expected = jets[data], jets[simulation]
    others = {source: jets[key] for source, key in varied.items()}
    edges = np.array(settings.pt_bins_gev)
    truth = None
    if is_pseudo:
        measured, truth = presented(measured, edges, seed, samples[data].scores)
    progress = Progress(f"measure {name}", len(thresholds) * (len(edges) - 1), "fits")
    points = {}
    with io.atomic_directory(workspaces) as folder:
        for point, threshold in thresholds.items():
            templates, seen = _templates(measured, expected, others, threshold, settings, spec)
            bins, seeds = [], named_seed(seed, name, point)
            for k, (template, jets) in enumerate(zip(templates, seen, strict=True)):
                in_bin = truth if truth is None else _in_bin(truth, edges, k)
                path = folder / f"{point}_{edges[k]:g}_{edges[k + 1]:g}.json"
                bins.append(_bin(name, template, jets, spec, settings, path, in_bin, threshold, [*seeds, k]))
                progress.update(len(points) * (len(edges) - 1) + k + 1)
            points[point] = tuple(bins)
    io.write_record(output, record(points=points))


def _in_bin(jets: Probes, edges: FloatArray, k: int) -> Probes:
    return jets[(jets.pt_gev >= edges[k]) & (jets.pt_gev < edges[k + 1])]


def _templates(
    data: Probes,
    simulation: Probes,
    others: Mapping[str, Probes],
    threshold: float,
    settings: FitSpec,
    spec: JudgedSpec,
) -> tuple[list[Templates], FloatArray]:
    """Templates by bin of pt, and jets of data, shape (P, 2, B)."""
    edges = settings.variable.edges if settings.variable else WHOLE
    n_classes = len(classes(spec))

    def sums(jets: Probes) -> FloatArray:
        return counts(jets, threshold, settings.pt_bins_gev, edges, n_classes).sum

    nominal = counts(simulation, threshold, settings.pt_bins_gev, edges, n_classes)
    varied: dict[str, tuple[FloatArray, FloatArray]] = {
        key: (up := sums(jets), 2 * nominal.sum - _level(up, nominal.sum)) for key, jets in others.items()
    }
    if scale := settings.uncertainties.energy_scale:
        varied[ENERGY] = (sums(simulation.scaled(1 + scale)), sums(simulation.scaled(1 - scale)))
    bins = range(len(settings.pt_bins_gev) - 1)
    templates = [
        Templates(
            nominal.sum[k], nominal.variance[k], {key: (up[k], down[k]) for key, (up, down) in varied.items()}
        )
        for k in bins
    ]
    return templates, sums(data).sum(axis=2)


def _level(found: FloatArray, nominal: FloatArray) -> FloatArray:
    """Scaled to the sum of the nominal ones in each bin of pt, so that a mirror image means something."""
    axes = (1, 2, 3)
    total = found.sum(axis=axes, keepdims=True)
    scale = np.divide(nominal.sum(axis=axes, keepdims=True), total, out=np.ones_like(total), where=total > 0)
    return np.asarray(found * scale)


def _bin(
    name: str,
    templates: Templates,
    data: FloatArray,
    spec: JudgedSpec,
    settings: FitSpec,
    path: Path,
    truth: Probes | None,
    threshold: float,
    seed: list[int],
) -> Bin:
    """One fit, or why there is none."""
    about = Bin(
        seen=tuple(data.ravel().tolist()),
        purity=templates.purity,
    )
    try:
        model = workspace(templates, data, classes(spec), settings.uncertainties, name)
        found = fit(model, settings.pseudo_experiments, seed)
    except InputError as error:
        return replace(about, why=str(error))
    io.write_json(path, model, checksum=False)
    true, true_error = _true(truth, threshold, templates) if truth is not None else (None, None)
    return replace(
        about,
        efficiency=templates.efficiency,
        fitted=_fitted(found, templates, classes(spec)),
        factor=found.factor,
        pulls=pulls_of(found.pulls, found.no_result),
        true=true,
        true_error=true_error,
    )


def _true(truth: Probes, threshold: float, templates: Templates) -> tuple[float | None, float | None]:
    """The scale factor by the truth of jets of one bin, and its error; None where none is of the class."""
    of_class = truth[truth.group == 0]
    if not of_class.weight.sum() > 0:
        return None, None
    found = efficiency(passes(of_class.discriminant, threshold), of_class.weight)
    return found.value / templates.efficiency, (found.high - found.low) / 2 / templates.efficiency


def _fitted(found: Fitted, templates: Templates, names: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Jets of each class after the fit; 0 in bins that simulation leaves empty."""
    kept = templates.jets.sum(axis=1) > 0
    fitted = {}
    for name in names:
        samples = [found.expected[one] for one in (name, passing_part(name)) if one in found.expected]
        if samples:
            whole = np.zeros(kept.shape)
            for region, channel in enumerate(REGIONS):
                whole[region, kept[region]] = sum(of[channel] for of in samples)
            fitted[name] = tuple(whole.ravel().tolist())
    return fitted
