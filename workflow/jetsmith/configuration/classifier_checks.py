"""Checks of a tagger's or reweighter's file against all that it names; run before any job."""

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from jetsmith import columns, plugs
from jetsmith.classifiers import Backend
from jetsmith.configuration.checks import edges
from jetsmith.configuration.dataset_checks import without_truth
from jetsmith.configuration.records import hint, require
from jetsmith.errors import refuse
from jetsmith.losses import Loss
from jetsmith.specs.classifiers import ClassifierFile, ClassifierSpec, ClassSpec
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.run import RunSpec, SampleSpec


def check_classifier(
    spec: ClassifierSpec,
    options: plugs.Options,
    path: Path,
    sample: SampleSpec,
    datasets: Mapping[str, DatasetSpec],
) -> None:
    """Rows, classes, inputs and options fit together, and what judges a tagger can.

    Args:
        spec: The classifier, resolved.
        options: Its `architecture`, with the keys that its file gives.
        path: Its file.
        sample: The sample that it reads.
        datasets: Those of the sample, and others.
    """
    used = {name: datasets[name] for name in sample.datasets}
    refuse(path, _rows(spec, used))
    refuse(path, without_truth(spec, used))
    refuse(path, _backend(spec))
    refuse(path, (f"architecture.{problem}" for problem in options.misfits(spec)))
    refuse(path, _losses(spec))
    refuse(path, _training(spec))
    refuse(path, _classes(spec))
    refuse(path, _reweighter(spec, used) if spec.role == "reweighter" else _tagger(spec))


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
        problems = _judged_on(spec, samples, run.samples, datasets, classifiers)
        refuse(source, (f"{key}: {problem}" for problem in problems))


def _judged_on(
    spec: ClassifierSpec,
    samples: Sequence[str],
    known: Mapping[str, SampleSpec],
    datasets: Mapping[str, DatasetSpec],
    taggers: Collection[str],
) -> Iterator[str]:
    if _twice([spec.sample, *samples]):
        yield (
            f"given twice: {', '.join(_twice([spec.sample, *samples]))}; `{spec.sample}` is the sample that "
            "it is trained and judged on anyway"
        )
    read = [group for group in spec.groups if group in taggers]
    if read:
        yield (
            f"it reads the scores of {', '.join(read)}, which are made on `{spec.sample}` alone; judge those "
            "there, or give the tagger a sample that holds these datasets, too"
        )
    for name in samples:
        used = {dataset: datasets[dataset] for dataset in known[name].datasets}
        objects = {dataset.object for dataset in used.values()}
        if objects != {spec.object}:
            yield f"rows of sample `{name}` are `{', '.join(objects)}`, the tagger reads `{spec.object}`"
        if known[name].folds != spec.folds:
            yield (
                f"sample `{name}` has {known[name].folds} folds, `{spec.sample}` has {spec.folds}: a row "
                "that both have would be judged by a model that has seen it; give both the same"
            )
        yield from without_truth(spec.model_copy(update={"sample": name}), used)


def without_effect(content: ClassifierFile) -> Iterator[str]:
    """Keys of a file that nothing reads."""
    if "training" in content.model_fields_set and not _backend_of(content.backend).TRAINS:
        yield f"training: backend `{content.backend}` trains nothing; leave it out"
    if content.losses and not _backend_of(content.backend).MODELS:
        yield f"losses: backend `{content.backend}` has a loss of its own; leave it out"
    if "engine" in content.model_fields_set and not _backend_of(content.backend).MODELS:
        yield f"engine: backend `{content.backend}` has none to choose; leave it out"


def _backend_of(name: str) -> Backend:
    return cast(Backend, plugs.find("classifiers", name, "backend", "backend"))


def check_together(
    run: RunSpec,
    classifiers: Mapping[str, ClassifierSpec],
    judgements: Sequence[ClassifierSpec],
    source: str,
) -> None:
    """Judgements have names of their own, and those whose ROC curves one figure shows their titles."""
    names: dict[str, ClassifierSpec] = {}
    titles: dict[tuple[str, str], ClassifierSpec] = {}
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


def _rows(spec: ClassifierSpec, datasets: Mapping[str, DatasetSpec]) -> Iterator[str]:
    objects = {dataset.object for dataset in datasets.values()}
    if {spec.object} != objects:
        yield (
            f"object: reads rows of `{spec.object}`, but those of sample `{spec.sample}` "
            f"({spec.role}s.{spec.name} of the run) are `{', '.join(objects)}`"
        )
    if spec.role == "tagger" and spec.object not in columns.STORING:
        yield f"object: a tagger judges jets, not rows of `{spec.object}`; choices: ak4, ak8"


def _backend(spec: ClassifierSpec) -> Iterator[str]:
    """The backend reads such inputs."""
    sequences = [inputs.group for inputs in spec.inputs if inputs.kind == "sequence"]
    if sequences and not _backend_of(spec.backend).SEQUENCES:
        others = [name for name in plugs.names("classifiers") if _backend_of(name).SEQUENCES]
        yield (
            f"inputs.{sequences[0]}: {', '.join(sequences)} is a sequence; backend `{spec.backend}` reads "
            f"flat features alone. Give summaries of it, or choose a backend that reads sequences: "
            f"{', '.join(others)}"
        )


def _losses(spec: ClassifierSpec) -> Iterator[str]:
    """Each output learns by a loss that is for it, from columns that there are; no side column is idle."""
    side = [name for inputs in spec.side for name in inputs.features]
    for inputs in spec.side:
        if inputs.kind != "flat":
            yield f"side.{inputs.group}: is a sequence; a loss reads one number a row"
    if _twice(side):
        yield f"side: given twice: {', '.join(_twice(side))}"
    used: list[str] = []
    for output, given in spec.losses.items():
        loss = cast(Loss, plugs.find("losses", given.loss, "", ""))
        options = loss.Options.model_validate(given.options)
        if (output == "classes") != loss.CLASSES:
            others = [
                n for n in plugs.names("losses") if plugs.find("losses", n, "", "").CLASSES != loss.CLASSES
            ]
            what = "the logits of the classes" if output == "classes" else "one number"
            yield f"losses.{output}.loss: the output is {what}, `{given.loss}` is for others; choices: " + (
                ", ".join(others)
            )
        yield from (f"losses.{output}.options.{problem}" for problem in options.misfits(spec))
        for name in options.columns():
            used.append(name)
            if name not in side:
                yield f"losses.{output}.options: no feature `{name}` in `side`{hint(name, side)}"
    for name in side:
        if name not in used:
            yield f"side: no loss reads `{name}`; leave it out"


def _training(spec: ClassifierSpec) -> Iterator[str]:
    for key in ("pt_bins_gev", "abseta_bins"):
        yield from edges(getattr(spec.training, key), f"training.{key}")


def _classes(spec: ClassifierSpec) -> Iterator[str]:
    """Each class has rows of its own."""
    ids = [key for c in spec.classes for key in (c.truth or (c.generator,))]
    if len(ids) != len(set(ids)):
        yield f"classes: classes overlap in truth: {', '.join(spec.class_names)}"


def _tagger(spec: ClassifierSpec) -> Iterator[str]:
    """Classes are truth, and there is something to judge it by."""
    for c in spec.classes:
        yield from (f"classes: {problem}" for problem in _truth(c, spec.object))
    if spec.discriminant is None or spec.evaluation is None:
        yield "discriminants: a tagger needs `discriminants` and `evaluation`"


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
            yield from (f"{at}.{key}: {problem}" for problem in _truth(c, spec.object))


def _truth(c: ClassSpec, obj: str) -> Iterator[str]:
    if not c.truth:
        yield (
            f"class `{c.name}` has no `truth` in config/flavours.yaml, but a generator; it is a class of "
            "reweighters"
        )
    unknown = [key for key in c.truth if key not in columns.TRUTH[obj]]
    if unknown:
        yield (
            f"class `{c.name}` (config/flavours.yaml) has no rows: rows of `{obj}` never have the truth "
            f"{', '.join(map(str, unknown))}; choices: {', '.join(map(str, columns.TRUTH[obj]))}"
        )


def _discriminant(spec: ClassifierSpec) -> Iterator[str]:
    assert spec.discriminant is not None
    at = f"discriminants.{spec.discriminant.name}"
    signal, background = spec.discriminant.signal, spec.discriminant.background
    for key, names in (("signal", signal), ("background", tuple(background))):
        for name in names:
            if name not in spec.class_names:
                yield f"{at}.{key}: unknown class `{name}`{hint(name, spec.class_names)}"
    if _twice(signal):
        yield f"{at}.signal: given twice: {', '.join(_twice(signal))}"
    both = sorted(set(signal) & set(background))
    if both:
        yield f"{at}.background: {', '.join(both)} is signal and background"


def _evaluation(spec: ClassifierSpec, at: str) -> Iterator[str]:
    assert spec.signal_class is not None
    backgrounds = spec.background_classes
    if _twice(c.name for c in backgrounds):
        yield f"{at}.backgrounds: given twice: {', '.join(_twice(c.name for c in backgrounds))}"
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


def _reweighter(spec: ClassifierSpec, datasets: Mapping[str, DatasetSpec]) -> Iterator[str]:
    """Two generators, whose datasets are all that the sample has; flat features for the closure test."""
    made = sorted({dataset.generator for dataset in datasets.values()} - {""})
    lacking = [c.name for c in spec.classes if c.generator not in made]
    if len(spec.classes) != 2 or lacking:
        yield (
            "classes: a reweighter has two classes with `generator`, source then target, each made by a "
            "dataset of its sample (key `generator` in datasets.yaml); generators there: "
            f"{', '.join(made) or 'none'}; classes without: {', '.join(lacking) or 'none'} of "
            f"{len(spec.classes)}"
        )
        return
    others = [name for name, d in datasets.items() if d.generator not in {c.generator for c in spec.classes}]
    if others:
        yield (
            f"classes: {', '.join(others)} of sample `{spec.sample}` is of another generator than "
            f"{' and '.join(c.generator for c in spec.classes)}, so nothing says how to weight it; make a "
            "sample without it"
        )
    if not any(inputs.kind == "flat" for inputs in spec.inputs):
        yield "inputs: the closure test of a reweighter compares flat features; add a flat group"
    for key, given in (("discriminants", spec.discriminant), ("evaluation", spec.evaluation)):
        if given is not None:
            yield f"{key}: judges taggers; leave it out of a reweighter"


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, n in Counter(names).items() if n > 1]
