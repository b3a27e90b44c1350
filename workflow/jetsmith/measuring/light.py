"""Light jets by negative tags: jets with their signs and with turned ones, to scale factors in bins of pt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.measurement import Bin, pulls_of
from jetsmith.hashing import named_seed
from jetsmith.io import FloatArray
from jetsmith.measuring.jets import Probes, Source, classes, presented, read_probes
from jetsmith.measuring.negative import Tags, efficiency_of, light_factor
from jetsmith.measuring.templates import ENERGY, REGIONS, WHOLE, counts
from jetsmith.progress import Progress
from jetsmith.specs.classifiers import JudgedSpec
from jetsmith.specs.measurements import FitSpec


@dataclass(frozen=True)
class Pair:
    """The same jets, shape (N,) each: as they are, and with turned signs."""

    plain: Probes
    turned: Probes

    def scaled(self, factor: float) -> "Pair":
        """With another energy scale; their scores stay."""
        return Pair(self.plain.scaled(factor), self.turned.scaled(factor))


def read_pair(plain: Source, turned: Source, spec: JudgedSpec, settings: FitSpec, seed: int) -> Pair:
    """Jets that count, of two samples of the same datasets.

    Raises:
        InputError: As `read_probes`; or the samples are not of the same jets.
    """
    found = Pair(*(read_probes(source, spec, None, settings, seed) for source in (plain, turned)))
    both = (vars(probes) for probes in (found.plain, found.turned))
    first, second = ({k: v for k, v in fields.items() if k != "discriminant"} for fields in both)
    if any(not np.array_equal(first[key], second[key]) for key in first):
        raise InputError(f"{plain.scores} and {turned.scores} are not of the same jets; score both again")
    if not len(found.plain):
        raise InputError(f"{plain.scores}: no jets count: none has so many jets in its event")
    return found


def light_points(
    name: str,
    spec: JudgedSpec,
    settings: FitSpec,
    pairs: Mapping[str, Pair],
    data: str,
    simulation: str,
    varied: Mapping[str, str],
    presents: str | Path | None,
    thresholds: Mapping[str, float],
    seed: int,
    folder: Path,
) -> dict[str, tuple[Bin, ...]]:
    """Scale factors by working point and bin of pt.

    Args:
        name: Of the measurement.
        spec: The tagger; its signal is the class of light jets (`judging_light`).
        settings: How.
        pairs: Jets by sample.
        data, simulation: Samples.
        varied: Samples with one thing changed, by source.
        presents: Score file of the data where these are simulation, too, of which half is presented as data.
        thresholds: By working point.
        seed: Of draws and pseudo-experiments.
        folder: For `{point}_{low}_{high}.json`, sums of weights by class.

    Raises:
        InputError: Negative weights of jets that are to be presented as data.
    """
    edges = np.array(settings.pt_bins_gev)
    measured, expected, truth = pairs[data], pairs[simulation], None
    if presents is not None:  # of both the same jets
        plain, truth = presented(measured.plain, edges, seed, presents)
        measured = Pair(plain, presented(measured.turned, edges, seed, presents)[0])
    others = {source: [pairs[key]] for source, key in varied.items()}
    if scale := settings.uncertainties.energy_scale:
        others[ENERGY] = [expected.scaled(1 + scale), expected.scaled(1 - scale)]
    names = classes(spec)
    progress = Progress(f"measure {name}", len(thresholds) * (len(edges) - 1), "bins")
    points: dict[str, tuple[Bin, ...]] = {}
    for point, threshold in thresholds.items():
        tags = _tags(expected, threshold, settings.pt_bins_gev, len(names))
        moved = {
            source: [_tags(one, threshold, settings.pt_bins_gev, len(names)) for one in of]
            for source, of in others.items()
        }
        of_data = counts(measured.turned, threshold, settings.pt_bins_gev, WHOLE, len(names))
        seen = np.stack([sums.sum(axis=(2, 3)) for sums in (of_data.sum, of_data.variance)], axis=1)
        of_truth = (
            None if truth is None else counts(truth, threshold, settings.pt_bins_gev, WHOLE, len(names))
        )
        bins, seeds = [], named_seed(seed, name, point)
        for k in range(len(edges) - 1):
            of_bin = {source: [one[k] for one in of] for source, of in moved.items()}
            true = None if of_truth is None else (of_truth.sum[k, :, 0, 0], of_truth.variance[k, :, 0, 0])
            bins.append(_bin(name, tags[k], seen[k], of_bin, names, settings, true, [*seeds, k]))
            path = folder / f"{point}_{edges[k]:g}_{edges[k + 1]:g}.json"
            io.write_json(path, _sums(tags[k], seen[k], names), checksum=False)
            progress.update(len(points) * (len(edges) - 1) + k + 1)
        points[point] = tuple(bins)
    return points


def _tags(pair: Pair, threshold: float, edges: Sequence[float], n_classes: int) -> list[Tags]:
    """By bin of pt."""
    plain, turned = (
        counts(probes, threshold, edges, WHOLE, n_classes) for probes in (pair.plain, pair.turned)
    )
    return [
        Tags(*(sums[k, :, :, 0] for sums in (plain.sum, turned.sum, plain.variance, turned.variance)))
        for k in range(len(edges) - 1)
    ]


def _bin(
    name: str,
    tags: Tags,
    data: FloatArray,
    others: Mapping[str, Sequence[Tags]],
    names: Sequence[str],
    settings: FitSpec,
    true: tuple[FloatArray, FloatArray] | None,
    seed: list[int],
) -> Bin:
    """One scale factor, or why there is none."""
    about = Bin(seen=tuple(data[0].tolist()), purity=tags.purity)
    asked = settings.uncertainties
    try:
        found = light_factor(tags, data, others, names, asked, name, settings.pseudo_experiments, seed)
    except InputError as problem:
        return replace(about, why=str(problem))
    scale = data[0].sum() / tags.negative.sum()
    value, error = _true(true, tags) if true is not None else (None, None)
    return replace(
        about,
        efficiency=tags.light,
        ratio=tags.ratio,
        fitted={entry: tuple((tags.negative[:, c] * scale).tolist()) for c, entry in enumerate(names)},
        factor=found.factor,
        pulls=pulls_of(found.pulls, int(np.isnan(found.pulls).sum())),
        true=value,
        true_error=error,
    )


def _true(true: tuple[FloatArray, FloatArray], tags: Tags) -> tuple[float | None, float | None]:
    """Efficiency of light jets of pseudo-data over that of simulation, its error; None without any."""
    sums, squares = true
    if not sums.sum() > 0:
        return None, None
    data = efficiency_of(sums, squares)
    simulation = efficiency_of(tags.positive[:, 0], tags.positive2[:, 0])
    found = data.value / tags.light
    return found, float(np.hypot(data.error, found * simulation.error) / tags.light)


def _sums(tags: Tags, data: FloatArray, names: Sequence[str]) -> dict[str, object]:
    """What the scale factor is made of, for measurements of others."""
    simulation = {key: values.tolist() for key, values in vars(tags).items()}
    return {
        "classes": list(names),
        "regions": list(REGIONS),
        "data": data.tolist(),
        "simulation": simulation,
    }
