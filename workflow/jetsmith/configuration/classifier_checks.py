"""Checks of a tagger's or reweighter's file against all that it names; run before any job."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

from jetsmith import columns, plugs
from jetsmith.classifiers import Backend
from jetsmith.configuration.checks import edges
from jetsmith.configuration.dataset_checks import without_truth
from jetsmith.configuration.records import hint
from jetsmith.errors import refuse
from jetsmith.specs.classifiers import ClassifierFile, ClassifierSpec, ClassSpec
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.run import SampleSpec


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
    refuse(path, _training(spec))
    refuse(path, _classes(spec))
    refuse(path, _reweighter(spec, used) if spec.role == "reweighter" else _tagger(spec))


def without_effect(content: ClassifierFile) -> Iterator[str]:
    """Keys of a file that nothing reads."""
    if "training" in content.model_fields_set and not _backend_of(content.backend).TRAINS:
        yield f"training: backend `{content.backend}` trains nothing; leave it out"


def _backend_of(name: str) -> Backend:
    return cast(Backend, plugs.find("classifiers", name, "backend", "backend"))


def check_together(classifiers: Mapping[str, ClassifierSpec], source: str) -> None:
    """Taggers whose ROC curves one figure shows are judged by one signal, and told apart by their titles."""
    shown: dict[tuple[str, str], ClassifierSpec] = {}
    titles: dict[tuple[str, str], str] = {}
    for spec in classifiers.values():
        other = titles.setdefault((spec.sample, spec.title), spec.name)
        if spec.role == "tagger" and other != spec.name:
            refuse(
                source,
                [f"taggers.{spec.name}: `{other}` has its title, `{spec.title}`, and figures show both"],
            )
        for background in spec.background_classes:
            first = shown.setdefault((spec.sample, background.name), spec)
            if spec.signal_class != first.signal_class:
                signals = " and ".join(
                    f"{s.evaluation.signal} ({s.name})" for s in (first, spec) if s.evaluation
                )
                refuse(
                    source,
                    [
                        f"taggers.{spec.name}: sample `{spec.sample}` has taggers of two signals, {signals}, "
                        f"against `{background.name}`, and one figure shows their ROC curves; give one of "
                        "them a sample of its own (same datasets, another name)"
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


def _training(spec: ClassifierSpec) -> Iterator[str]:
    for key in ("pt_bins_gev", "abseta_bins"):
        yield from edges(getattr(spec.training, key), f"training.{key}")


def _classes(spec: ClassifierSpec) -> Iterator[str]:
    """Each class has rows of its own."""
    ids = [key for c in spec.classes for key in (c.truth or (c.generator,))]
    if len(ids) != len(set(ids)):
        yield f"classes: classes overlap in truth: {', '.join(spec.class_names)}"


def _tagger(spec: ClassifierSpec) -> Iterator[str]:
    """Classes are truth, and discriminant and evaluation tell them apart."""
    for key, classes in (
        ("classes", spec.classes),
        ("evaluation.signal", (spec.signal_class,) if spec.signal_class else ()),
        ("evaluation.backgrounds", spec.background_classes),
    ):
        for c in classes:
            yield from (f"{key}: {problem}" for problem in _truth(c, spec.object))
    if spec.discriminant is None or spec.evaluation is None:
        yield "discriminant: a tagger needs `discriminant` and `evaluation`"
        return
    yield from _discriminant(spec)
    yield from _evaluation(spec)


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
    signal, background = spec.discriminant.signal, spec.discriminant.background
    for key, names in (("signal", signal), ("background", tuple(background))):
        for name in names:
            if name not in spec.class_names:
                yield f"discriminant.{key}: unknown class `{name}`{hint(name, spec.class_names)}"
    if _twice(signal):
        yield f"discriminant.signal: given twice: {', '.join(_twice(signal))}"
    both = sorted(set(signal) & set(background))
    if both:
        yield f"discriminant.background: {', '.join(both)} is signal and background"


def _evaluation(spec: ClassifierSpec) -> Iterator[str]:
    assert spec.signal_class is not None
    backgrounds = spec.background_classes
    if _twice(c.name for c in backgrounds):
        yield f"evaluation.backgrounds: given twice: {', '.join(_twice(c.name for c in backgrounds))}"
    for c in backgrounds:
        both = sorted(set(c.truth) & set(spec.signal_class.truth))
        if both:
            yield (
                f"evaluation.backgrounds: `{c.name}` and the signal `{spec.signal_class.name}` share truth "
                f"{', '.join(map(str, both))} (config/flavours.yaml): a jet would be signal and background"
            )
    judged = set(spec.signal_class.truth)
    if spec.discriminant is not None and not judged & _truth_of(spec, spec.discriminant.signal):
        yield (
            f"evaluation.signal: `{spec.signal_class.name}` has no truth of the discriminant's signal, "
            f"{', '.join(spec.discriminant.signal)} (config/flavours.yaml): it would be judged by what tells "
            "others apart"
        )
    evaluated = {c.name: c for c in (spec.signal_class, *backgrounds)}
    without = [c.name for c in evaluated.values() if c.flavor is None]
    if without:
        yield f"evaluation: {', '.join(without)} has no `flavor` in config/flavours.yaml"
    for one, other in itertools.combinations(evaluated.values(), 2):
        if one.flavor is not None and one.flavor == other.flavor:
            yield (
                f"evaluation: `{one.name}` and `{other.name}` have one `flavor`, {one.flavor}, in "
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
    for key in ("discriminant", "evaluation"):
        if getattr(spec, key) is not None:
            yield f"{key}: judges taggers; leave it out of a reweighter"


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, n in Counter(names).items() if n > 1]
