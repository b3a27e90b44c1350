"""Checks of what judges taggers: discriminants, evaluation, further samples; run before any job."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from jetsmith import plugs
from jetsmith.configuration.classifier_checks import truth_of_rows, twice
from jetsmith.configuration.dataset_checks import other_rows, without_truth
from jetsmith.configuration.records import hint, require
from jetsmith.errors import refuse
from jetsmith.estimates import read_on
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.run import PlaneSpec, RunSpec, SampleSpec


def check_judgement(
    spec: ClassifierSpec, path: Path, options: plugs.Options, own: Collection[str] = ()
) -> None:
    """What tells classes apart is made of the tagger's outputs, and truth judges what it tells apart.

    Args:
        spec: The tagger with one of its discriminants.
        path: Its file.
        options: Its `architecture`.
        own: Discriminants with an `evaluation` of their own.
    """
    name = spec.discriminant.name if spec.discriminant else ""
    at = f"discriminants.{name}.evaluation" if name in own else "evaluation"
    refuse(path, _judged_truth(spec, at))
    refuse(path, _discriminant(spec))
    refuse(path, _evaluation(spec, at))
    refuse(path, (f"architecture.{problem}" for problem in options.misfits(spec)))


def check_judged_on(
    run: RunSpec,
    classifiers: Mapping[str, ClassifierSpec],
    datasets: Mapping[str, DatasetSpec],
    source: str,
) -> None:
    """Further samples are packed as the tagger's own: rows that it was trained on are left out there, too."""
    for tagger, samples in run.judged_on.items():
        key = f"judged_on.{tagger}"
        require(tagger, run.taggers, f"{source}: {key}", "tagger")
        for sample in samples:
            require(sample, run.samples, f"{source}: {key}", "sample")
        spec = classifiers[tagger]
        problems = further_samples(spec, samples, run.samples, datasets, classifiers)
        refuse(source, (f"{key}: {problem}" for problem in problems))


def further_samples(
    spec: ClassifierSpec,
    samples: Sequence[str],
    known: Mapping[str, SampleSpec],
    datasets: Mapping[str, DatasetSpec],
    taggers: Collection[str],
) -> Iterator[str]:
    """Why a tagger cannot be scored on samples beside its own.

    Args:
        spec: The tagger.
        samples: Names of further samples.
        known: The samples of the run.
        datasets: Its datasets.
        taggers: Its taggers: whoever reads their scores has these on one sample alone.
    """
    if twice([spec.sample, *samples]):
        yield (
            f"given twice: {', '.join(twice([spec.sample, *samples]))}; `{spec.sample}` is the sample that "
            "it is trained and judged on anyway"
        )
    read = dict.fromkeys(group for name in samples for group in _others_on(spec, name, taggers))
    if read:
        yield (
            f"it reads the scores of {', '.join(read)}, which are made on `{spec.sample}` alone; judge those "
            "there, or give the tagger a sample that holds these datasets, too"
        )
    for name in samples:
        used = {dataset: datasets[dataset] for dataset in known[name].datasets}
        yield from other_rows(name, used, spec)
        if known[name].folds != spec.folds:
            yield (
                f"sample `{name}` has {known[name].folds} folds, `{spec.sample}` has {spec.folds}: a row "
                "that both have would be judged by a model that has seen it; give both the same"
            )
        yield from without_truth(spec.model_copy(update={"sample": name}), used)


def _others_on(spec: ClassifierSpec, sample: str, taggers: Collection[str]) -> list[str]:
    """Taggers whose scores it reads of a sample: as inputs, not those that it is taught to leave alone."""
    return [inputs.group for inputs in read_on(spec, sample) if inputs.group in taggers]


RESOLUTION = "track_resolution"  # beside judgements and planes in results/calibration/


def check_points(run: RunSpec, judgements: Mapping[str, ClassifierSpec], source: str) -> None:
    """Judgements are known; those of a plane are of one sample, and no other result has its name."""
    for judgement in run.calibration.thresholds:
        require(judgement, judgements, f"{source}: calibration.thresholds", "judgement")
    for name, plane in run.calibration.planes.items():
        key = f"calibration.planes.{name}"
        for judgement in plane.judgements:
            require(judgement, judgements, f"{source}: {key}.judgements", "judgement")
        refuse(source, (f"{key}: {problem}" for problem in _plane(name, plane, judgements)))


def _plane(name: str, plane: PlaneSpec, judgements: Mapping[str, ClassifierSpec]) -> Iterator[str]:
    if name in judgements or name == RESOLUTION:
        yield f"another result has the name `{name}`, in the folder of corrections; rename it"
    first, second = (judgements[judgement] for judgement in plane.judgements)
    if first is second:
        yield f"judgements: `{first.judgement}` stands there twice; name two"
    if first.sample != second.sample:
        yield f"judgements: are of two samples, {first.sample} and {second.sample}; name two of one sample"
    codes: dict[int, str] = {}
    for c in (first.signal_class, *first.background_classes, second.signal_class, *second.background_classes):
        if c is None or c.flavor is None:
            continue
        other = codes.setdefault(c.flavor, c.name)
        if other != c.name:
            yield (
                f"judgements: their classes `{other}` and `{c.name}` have one `flavor`, {c.flavor}, in "
                "config/flavours.yaml; in correction files each needs its own"
            )


def check_together(
    run: RunSpec,
    classifiers: Mapping[str, ClassifierSpec],
    judgements: Sequence[ClassifierSpec],
    source: str,
) -> None:
    """Judgements have names of their own, and so have figures; those that one shows have their titles."""
    names: dict[str, ClassifierSpec] = {}
    titles: dict[tuple[str, str], ClassifierSpec] = {}
    figures: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for spec in judgements:
        first = names.setdefault(spec.judgement, spec)
        if first is not spec or (spec.judgement in classifiers and not spec.is_first):
            refuse(
                source,
                [
                    f"taggers.{spec.name}: its discriminant `{spec.discriminant and spec.discriminant.name}` "
                    f"would have the name of another result, `{spec.judgement}`; rename one"
                ],
            )
        for sample in (spec.sample, *run.judged_on.get(spec.name, ())):
            other = titles.setdefault((sample, spec.title), spec)
            if other is not spec:
                refuse(
                    source,
                    [
                        f"taggers.{spec.name}: `{other.judgement}` has its title, `{spec.title}`, and "
                        "figures show both"
                    ],
                )
            for kind, figure, shown in _figures(spec):
                first_shown = figures.setdefault((sample, kind, figure), shown)
                if first_shown != shown:
                    both = " and ".join(
                        f"`{one}` against {', '.join(of)}" for one, *of in (first_shown, shown)
                    )
                    refuse(
                        source,
                        [f"taggers.{spec.name}: {both} would be one figure, `{figure}`; rename a class"],
                    )


def contrast_of(signal: str, background: str) -> str:
    """What figures of a signal against a background are called."""
    return f"{signal}_vs_{background}"


def trade_of(signal: str, first: str, second: str) -> str:
    """What figures of a signal against two backgrounds are called."""
    return f"{contrast_of(signal, first)}_and_{second}"


def _figures(spec: ClassifierSpec) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Kind and name of the figures that show a judgement, and their classes, the signal first.

    Those of each kind lie in a folder of their own.
    """
    if spec.signal_class is None:
        return
    signal, backgrounds = spec.signal_class.name, [found.name for found in spec.background_classes]
    for background in backgrounds:
        yield "contrast", contrast_of(signal, background), (signal, background)
    if spec.background_parts is not None:
        yield "trade", trade_of(signal, *backgrounds[:2]), (signal, *backgrounds[:2])


def _judged_truth(spec: ClassifierSpec, at: str) -> Iterator[str]:
    """Discriminant and evaluation are there, and the classes of the latter are truth."""
    if spec.evaluation is None or spec.discriminant is None:
        name = spec.discriminant and spec.discriminant.name
        yield f"discriminants.{name}: a tagger needs `evaluation`, for all of them or for this one"
        return
    for key, classes in (
        ("signal", (spec.signal_class,) if spec.signal_class else ()),
        ("backgrounds", spec.background_classes),
    ):
        for c in classes:
            yield from (f"{at}.{key}: {problem}" for problem in truth_of_rows(c, spec.object))


def _discriminant(spec: ClassifierSpec) -> Iterator[str]:
    assert spec.discriminant is not None
    at = f"discriminants.{spec.discriminant.name}"
    signal, background = spec.discriminant.signal, spec.discriminant.background
    for key, names in (("signal", signal), ("background", tuple(background))):
        for name in names:
            if name not in spec.class_names:
                yield f"{at}.{key}: unknown class `{name}`{hint(name, spec.class_names)}"
    if twice(signal):
        yield f"{at}.signal: given twice: {', '.join(twice(signal))}"
    both = sorted(set(signal) & set(background))
    if both:
        yield f"{at}.background: {', '.join(both)} is signal and background"


def _evaluation(spec: ClassifierSpec, at: str) -> Iterator[str]:
    assert spec.signal_class is not None
    backgrounds = spec.background_classes
    if twice(c.name for c in backgrounds):
        yield f"{at}.backgrounds: given twice: {', '.join(twice(c.name for c in backgrounds))}"
    for c in backgrounds:
        both = sorted(set(c.truth) & set(spec.signal_class.truth))
        if both:
            yield (
                f"{at}.backgrounds: `{c.name}` and the signal `{spec.signal_class.name}` share truth "
                f"{', '.join(map(str, both))} (config/flavours.yaml): a jet would be signal and background"
            )
    judged = set(spec.signal_class.truth)
    if spec.discriminant is not None and not judged & _truth_of(spec, spec.discriminant.signal):
        yield (
            f"{at}.signal: `{spec.signal_class.name}` has no truth of the discriminant's signal, "
            f"{', '.join(spec.discriminant.signal)} (config/flavours.yaml): it would be judged by what tells "
            "others apart"
        )
    evaluated = {c.name: c for c in (spec.signal_class, *backgrounds)}
    without = [c.name for c in evaluated.values() if c.flavor is None]
    if without:
        yield f"{at}: {', '.join(without)} has no `flavor` in config/flavours.yaml"
    for one, other in itertools.combinations(evaluated.values(), 2):
        if one.flavor is not None and one.flavor == other.flavor:
            yield (
                f"{at}: `{one.name}` and `{other.name}` have one `flavor`, {one.flavor}, in "
                "config/flavours.yaml; in correction files each needs its own"
            )


def _truth_of(spec: ClassifierSpec, names: Iterable[str]) -> set[int]:
    return {key for c in spec.classes if c.name in names for key in c.truth}
