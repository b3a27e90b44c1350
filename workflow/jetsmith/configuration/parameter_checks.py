"""Checks of a reweighter with parameters: its file against the datasets of its sample; run before any job."""

from collections.abc import Collection, Iterator, Mapping
from math import prod
from pathlib import Path

from jetsmith import plugs
from jetsmith.configuration.records import hint
from jetsmith.errors import refuse
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.parameters import MOST_POINTS, MOST_TRIED, ParametersSpec, Point, label


def datasets_held_out(
    given: ParametersSpec | None, datasets: Mapping[str, DatasetSpec]
) -> dict[str, tuple[str, ...]]:
    """Datasets at each of the values that are held out, by the label of these."""
    return (
        {
            label(point): tuple(n for n, d in datasets.items() if given.point_of(d.parameters) == point)
            for point in map(given.point_of, given.held_out)
        }
        if given is not None
        else {}
    )


def check(
    spec: ClassifierSpec,
    given: ParametersSpec | None,
    path: Path,
    datasets: Mapping[str, DatasetSpec],
    taken: Collection[str],
    bundles: bool = True,
) -> None:
    """The target was generated at values of all parameters, some of which are left to learn from.

    Args:
        spec: The reweighter, resolved.
        given: The key `parameters` of its file.
        path: Its file.
        datasets: Those of its sample.
        taken: Names of feature groups and of classifiers.
        bundles: Whether the run writes bundles.

    Raises:
        ConfigError: Names file, key, and what would be right.
    """
    if given is None:
        return
    refuse(path, (f"parameters{problem}" for problem in _names(spec, given, datasets, taken)))
    refuse(path, (f"parameters{problem}" for problem in _datasets(spec, given, datasets)))
    trained = [given.point_of(d.parameters) for d in _target(spec, datasets).values()]
    trained = [point for point in trained if point not in map(given.point_of, given.held_out)]
    refuse(path, (f"parameters{problem}" for problem in _values(given, trained, datasets)))
    if bundles and spec.backend in plugs.names("bundles") and (spec.ratio is None or spec.ratio.conserve):
        refuse(path, (f"parameters{problem}" for problem in _grid(given, spec, trained)))


def _target(spec: ClassifierSpec, datasets: Mapping[str, DatasetSpec]) -> dict[str, DatasetSpec]:
    return {name: d for name, d in datasets.items() if d.generator == spec.classes[1].generator}


def _names(
    spec: ClassifierSpec, given: ParametersSpec, datasets: Mapping[str, DatasetSpec], taken: Collection[str]
) -> Iterator[str]:
    """Who may have parameters, and how they may be called."""
    if spec.role != "reweighter":
        yield ": is of reweighters; leave it out of a tagger"
        return
    if not plugs.trains(spec.backend):
        yield f": backend `{spec.backend}` trains nothing; leave it out"
    if spec.ratio is not None and spec.ratio.binned:  # of backend histogram, too
        yield ": weights in bins (`ratio: binned`, backend `histogram`) are of one variation; leave one out"
    if spec.parameter_group in taken:
        yield f": its values are a group `{spec.parameter_group}`, and there is another; rename that"
    known = dict.fromkeys(name for d in datasets.values() for name in d.parameters)
    features = [name for inputs in (*spec.observed, *spec.spectators) for name in inputs.features]
    for name in given.names:
        if name not in known:
            yield f".names: no dataset of sample `{spec.sample}` has a parameter `{name}`{hint(name, known)}"
        if given.names.count(name) > 1:
            yield f".names: given twice: {name}"
        if name in features:
            yield f".names: `{name}` is also a feature of `inputs` or `spectators`; rename the parameter"


def _datasets(
    spec: ClassifierSpec, given: ParametersSpec, datasets: Mapping[str, DatasetSpec]
) -> Iterator[str]:
    """Each of the target has a value of all parameters, none of the source has one."""
    target = _target(spec, datasets)
    for name, dataset in datasets.items():
        has = given.point_of(dataset.parameters)
        lacking = [parameter for parameter in given.names if parameter not in has]
        if name in target and lacking:
            yield (
                f".names: dataset `{name}` of the target has no value of {', '.join(lacking)}; give it one "
                f"in datasets.yaml, such as `parameters: {{{lacking[0]}: 1.0}}`"
            )
        if name not in target and has:
            yield (
                f".names: dataset `{name}` of the source has a value of {', '.join(has)}; the source stands "
                "for all values, and is given those of the target: leave them out in datasets.yaml"
            )
    others = dict.fromkeys(p for d in target.values() for p in d.parameters if p not in given.names)
    for other in others:
        if len({d.parameters.get(other) for d in target.values()}) > 1:
            yield (
                f".names: datasets of the target also differ in `{other}`, which the weights would average "
                "over; name it, or make a sample of one value"
            )


def _values(
    given: ParametersSpec, trained: list[Point], datasets: Mapping[str, DatasetSpec]
) -> Iterator[str]:
    """Some are left to learn from, and weights are asked for between these."""
    for name in given.names:
        if len({point[name] for point in trained}) < 2:
            has = ", ".join(f"{value:g}" for value in sorted({point[name] for point in trained}))
            yield (
                f".names: `{name}` is trained at {has or 'no value'} alone; a function of it needs two "
                "values at least that are not held out"
            )
            return
    for key, points in (("at", given.at), ("held_out", given.held_out)):
        for point in points:
            yield from (f".{key}: {problem}" for problem in _point(given, point, trained))
        if len({label(given.point_of(point)) for point in points}) < len(points):
            yield f".{key}: values are given twice"
    for name, found in datasets_held_out(given, datasets).items():
        if not found:
            yield f".held_out: no dataset of the sample is at {name}; held-out values are those of datasets"


def _grid(given: ParametersSpec, spec: ClassifierSpec, trained: list[Point]) -> Iterator[str]:
    """A bundle knows what conserves the sum at all combinations of values, and between them."""
    every = [*trained, *spec.points.values()]
    sizes = {name: len({point[name] for point in every}) for name in given.names}
    if (n_points := prod(sizes.values())) > MOST_POINTS:
        counted = " times ".join(f"{n} of {name}" for name, n in sizes.items())
        yield (
            ".at: a bundle needs the sum of the weights at each combination of values that are trained, held "
            f"out or asked for, {counted}: {n_points:,}, and {MOST_POINTS} at most, since the whole source "
            f"is seen at each, and between them, at up to {MOST_TRIED} values; name fewer here, or "
            "write `bundles: false` in the run"
        )


def _point(given: ParametersSpec, point: Point, trained: list[Point]) -> Iterator[str]:
    """What is wrong with values that are asked for."""
    if set(point) != set(given.names):
        yield f"{point} needs a value of each of {', '.join(given.names)}, and no other"
        return
    for name, value in point.items():
        low, high = min(p[name] for p in trained), max(p[name] for p in trained)
        if not low <= value <= high:
            yield (
                f"{name}: {value:g} lies outside of the values that are trained on, {low:g} to {high:g}, "
                "where nothing is learned and nothing is tested"
            )
