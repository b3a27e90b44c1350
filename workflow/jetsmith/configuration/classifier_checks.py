"""Checks of a tagger's or reweighter's file against all that it names; run before any job."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from jetsmith import columns, estimates, plugs
from jetsmith.classifiers import Backend
from jetsmith.columns.labels import FIRST
from jetsmith.configuration.checks import edges
from jetsmith.configuration.dataset_checks import without_truth
from jetsmith.configuration.records import hint, rising
from jetsmith.errors import refuse
from jetsmith.losses import DecorrelationOptions, Loss
from jetsmith.specs.classifiers import ClassifierFile, ClassifierSpec, ClassSpec
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.features import FeatureGroup
from jetsmith.specs.ratios import RatioEntry
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
    refuse(path, _losses(spec))
    refuse(path, _training(spec))
    refuse(path, _classes(spec))
    refuse(path, _reweighter(spec, used) if spec.role == "reweighter" else _tagger(spec))


def without_effect(content: ClassifierFile) -> Iterator[str]:
    """Keys of a file that nothing reads."""
    if "training" in content.model_fields_set and not _backend_of(content.backend).TRAINS:
        yield f"training: backend `{content.backend}` trains nothing; leave it out"
    if content.losses and not _backend_of(content.backend).MODELS:
        yield f"losses: backend `{content.backend}` has a loss of its own; leave it out"
    if content.start_from and not _backend_of(content.backend).MODELS:
        yield f"start_from: backend `{content.backend}` has no layers that start from others; leave it out"
    for key in ("engine", "precision"):
        if key in content.model_fields_set and not _backend_of(content.backend).MODELS:
            yield f"{key}: backend `{content.backend}` has none to choose; leave it out"

    yield from _schedule_without_effect(content)


def _schedule_without_effect(content: ClassifierFile) -> Iterator[str]:
    """Keys of other schedules than the one that is chosen."""
    schedule, where = content.training.schedule, "training.schedule"
    given = schedule.model_fields_set
    if "schedule" in content.training.model_fields_set and not _backend_of(content.backend).MODELS:
        yield f"{where}: backend `{content.backend}` keeps its shrinkage; leave it out"
        return
    reading = {"last": ("cosine", "exponential", "one_cycle"), "every": ("step",), "factor": ("step",)}
    for key, shapes in reading.items():
        if key in given and schedule.shape not in shapes:
            others = " or ".join(shapes)
            yield f"{where}.{key}: `{schedule.shape}` reads none; leave it out, or choose {others}"
    if schedule.shape == "constant" and schedule.hold_epochs:
        yield f"{where}.hold_epochs: `constant` never falls; leave it out"


def _backend_of(name: str) -> Backend:
    return cast(Backend, plugs.find("classifiers", name, "backend", "backend"))


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
    """The backend is for such classifiers, and reads such inputs."""
    if spec.role == "tagger" and not _backend_of(spec.backend).TAGS:
        others = [name for name in plugs.names("classifiers") if _backend_of(name).TAGS]
        yield (
            f"backend: `{spec.backend}` gives ratios of two generators, for reweighters alone; choices: "
            f"{', '.join(others)}"
        )
    for inputs in spec.inputs:
        told = [source for source in inputs.sources if source in columns.TOLD]
        if told:
            yield f"inputs.{inputs.group}: {', '.join(told)} is truth, which losses alone read: `side`"
    sequences = [inputs.group for inputs in spec.inputs if inputs.kind == "sequence"]
    if spec.model and not sequences and "constituents" in _outputs(spec.model):
        yield (
            f"model: `{spec.model}` looks at constituents, and no group of `inputs` is a sequence; give "
            "some, or take `dense`"
        )
    if sequences and not _backend_of(spec.backend).SEQUENCES:
        others = [name for name in plugs.names("classifiers") if _backend_of(name).SEQUENCES]
        yield (
            f"inputs.{sequences[0]}: {', '.join(sequences)} is a sequence; backend `{spec.backend}` reads "
            f"flat features alone. Give summaries of it, or choose a backend that reads sequences: "
            f"{', '.join(others)}"
        )


def misfits_of_side(spec: ClassifierSpec, groups: Mapping[str, FeatureGroup]) -> Iterator[str]:
    """What losses read of a row is a number of it or none: a default, which stands for none, would teach."""
    for inputs in spec.side:
        if (
            inputs.group not in groups or inputs in spec.auxiliary
        ):  # scores of a tagger; truth of constituents
            continue
        replaced = {name: groups[inputs.group].features[name].default for name in inputs.features}
        for name, default in replaced.items():
            if default is not None:
                yield (
                    f"side.{inputs.group}: `{name}` is {default:g} where a row has none (`default`), which a "
                    "loss takes for its value; give the feature `default: null`, in a group of its own where "
                    "networks read it as an input (as config/features/ak8_beside.yaml)"
                )


def _losses(spec: ClassifierSpec) -> Iterator[str]:
    """Each output learns by a loss that is for it, from columns that there are; no side column is idle."""
    side = [(inputs.group, name) for inputs in spec.side for name in inputs.features]
    for inputs in spec.auxiliary:
        if inputs.group not in [given.group for given in spec.inputs]:
            yield (
                f"side.{inputs.group}: is a sequence that is none of `inputs`; losses read columns of "
                "constituents that the network sees, or one number a row"
            )
    if both := twice(".".join(one) for one in side):
        yield f"side: given twice: {', '.join(both)}"
    used: set[tuple[str, str]] = set()
    for output, given in spec.losses.items():
        loss = cast(Loss, plugs.find("losses", given.loss, "", ""))
        options = loss.Options.model_validate(given.options)
        if (output == "classes") != (loss.OUTPUT == "classes"):
            may = [n for n in plugs.names("losses") if _kind(n) is None or _kind(n) in _outputs(spec.model)]
            others = [name for name in may if (output == "classes") == (_kind(name) == "classes")]
            what = "the logits of the classes" if output == "classes" else "another one than these"
            yield f"losses.{output}.loss: the output is {what}, `{given.loss}` is for others; choices: " + (
                ", ".join(others)
            )
        elif loss.OUTPUT is not None and loss.OUTPUT not in _outputs(spec.model):
            able = [name for name in plugs.names("models") if loss.OUTPUT in _outputs(name)]
            yield (
                f"losses.{output}.loss: `{given.loss}` learns {loss.OUTPUT}, of which `model: {spec.model}` "
                f"has no output; models that have: {', '.join(able)}"
            )
        if output == "classes" and not given.weight:
            yield "losses.classes.weight: 0, and nothing would be learned; give a number above 0"
        yield from (f"losses.{output}.options.{problem}" for problem in options.misfits(spec))
        is_left_alone = isinstance(options, DecorrelationOptions)
        named = {name: of for name, of in spec.side_columns.items() if is_left_alone or name == of[1]}
        for name in options.columns():
            groups = [group for group, feature in side if feature == name]
            used |= {(group, name) for group in groups}
            if name in named:
                used.add((named[name][0].group, named[name][1]))
            elif len(groups) > 1 and is_left_alone:
                each = " or ".join(f"`{group}.{name}`" for group in groups)
                yield f"losses.{output}.options.column: several in `side` are called `{name}`; give {each}"
            elif len(groups) > 1:
                yield (
                    f"losses.{output}.options: `{name}` is of {' and of '.join(groups)} in `side`, and what "
                    "is learned goes by its name alone; leave one out"
                )
            else:
                yield f"losses.{output}.options: no feature `{name}` in `side`{hint(name, named)}"
    for name in twice(estimates.names(spec)):
        yield f"losses: two outputs are `{name}` in scores; give one of them another name"
    for group, name in side:
        if (group, name) not in used:
            called = name if name in spec.side_columns else f"{group}.{name}"
            yield f"side: no loss reads `{called}`; leave it out"


def _kind(loss: str) -> str | None:
    """Of what its output is; None where it has none of its own."""
    return cast(Loss, plugs.find("losses", loss, "", "")).OUTPUT


def _outputs(model: str) -> tuple[str, ...]:
    """Of what its outputs may be."""
    return tuple(plugs.find("models", model, "", "").OUTPUTS)


def _training(spec: ClassifierSpec) -> Iterator[str]:
    for key in ("pt_bins_gev", "abseta_bins"):
        yield from edges(getattr(spec.training, key), f"training.{key}")
    may = columns.KINEMATICS[spec.object]
    for key, given in (("training.level_in", spec.training.level_in), ("decorrelate", spec.decorrelate)):
        for name, found in given.items():
            if name not in may:
                yield f"{key}: rows of `{spec.object}` carry no column `{name}`{hint(name, may)}"
            yield from rising(found, f"{key}.{name}")
    if spec.training.level_in and spec.role == "reweighter":
        yield "training.level_in: is of taggers; a reweighter learns the ratio as it is: leave it out"
    elif spec.training.level_in and not spec.training.balance.startswith("pt_eta"):
        yield f"training.level_in: balance: {spec.training.balance} levels no spectra; write `pt_eta_class`"
    schedule, epochs = spec.training.schedule, spec.training.epochs
    if schedule.rises_and_stays >= epochs:
        yield (
            f"training.schedule: warmup_epochs and hold_epochs are {schedule.rises_and_stays:g} of {epochs} "
            "epochs, and none is left in which the rate falls"
        )
    if schedule.shape == "one_cycle" and not schedule.warmup_epochs:
        yield "training.schedule.warmup_epochs: `one_cycle` rises first; give some, such as 30% of the epochs"


def _classes(spec: ClassifierSpec) -> Iterator[str]:
    """Each class has rows of its own."""
    for first, second in itertools.combinations(spec.classes, 2):
        both = [str(key) for key in _told_by(first) if key in _told_by(second)]
        if both:
            yield f"classes: `{first.name}` and `{second.name}` overlap in truth: both have {', '.join(both)}"


def _told_by(c: ClassSpec) -> tuple[Any, ...]:
    """Truth ids of a class, or its generator."""
    return c.truth or (c.generator,)


def _tagger(spec: ClassifierSpec) -> Iterator[str]:
    """Classes are truth, and there is something to judge it by."""
    if spec.spectators:
        yield "spectators: of reweighters, whose closure test compares them; leave it out of a tagger"
    for c in spec.classes:
        yield from (f"classes: {problem}" for problem in truth_of_rows(c, spec.object))
    for key, given in (("ratio", spec.ratio), ("training.flatten_in", spec.training.flatten_in)):
        if given:
            yield f"{key}: is of reweighters; leave it out of a tagger"
    if spec.discriminant is None or spec.evaluation is None:
        yield "discriminants: a tagger needs `discriminants` and `evaluation`"


def truth_of_rows(c: ClassSpec, obj: str) -> Iterator[str]:
    """A class is of truth ids that rows of this kind have."""
    if not c.truth:
        yield (
            f"class `{c.name}` has no `truth` in config/flavours.yaml, but a generator; it is a class of "
            "reweighters"
        )
    known = columns.TRUTH[obj]
    unknown = [key for key in c.truth if key not in known]
    if unknown:
        yield (
            f"class `{c.name}` (config/flavours.yaml) has no rows: rows of `{obj}` never have the truth "
            f"{', '.join(map(str, unknown))}; choices: {', '.join(str(key) for key in known if key < FIRST)}"
            + (", and labels of JetClass (docs/jetclass.md)" if max(known) >= FIRST else "")
        )


def _reweighter(spec: ClassifierSpec, datasets: Mapping[str, DatasetSpec]) -> Iterator[str]:
    """Two generators, whose datasets are all that the sample has; flat features for the closure test.

    The target of a model of others needs no dataset: there is a weight then, and no closure test.
    """
    made = sorted({dataset.generator for dataset in datasets.values()} - {""})
    needed = spec.classes if plugs.trains(spec.backend) else spec.classes[:1]
    lacking = [c.name for c in needed if c.generator not in made]
    lacking += [c.name for c in spec.classes if not c.generator and c.name not in lacking]
    if len(spec.classes) != 2 or lacking:
        each = "each made by a dataset" if len(needed) > 1 else "the source made by a dataset"
        yield (
            f"classes: a reweighter has two classes with `generator`, source then target, {each} of its "
            f"sample (key `generator` in datasets.yaml); generators there: {', '.join(made) or 'none'}; "
            f"classes without: {', '.join(lacking) or 'none'} of {len(spec.classes)}"
        )
        return
    others = [name for name, d in datasets.items() if d.generator not in {c.generator for c in spec.classes}]
    if others:
        yield (
            f"classes: {', '.join(others)} of sample `{spec.sample}` is of another generator than "
            f"{' and '.join(c.generator for c in spec.classes)}, so nothing says how to weight it; make a "
            "sample without it"
        )
    if not any(inputs.kind == "flat" for inputs in spec.observed):
        yield "inputs: the closure test of a reweighter compares flat features; add a flat group"
    seen = {(i.group, feature) for i in spec.inputs for feature in i.features}
    for compared in spec.spectators:
        if compared.kind != "flat":
            yield f"spectators.{compared.group}: is no flat group, and closure compares flat features alone"
        both = [feature for feature in compared.features if (compared.group, feature) in seen]
        if both:
            yield f"spectators.{compared.group}: {', '.join(both)} of `inputs`, which are compared anyway"
    judging = (
        ("discriminants", spec.discriminant),
        ("evaluation", spec.evaluation),
        ("decorrelate", spec.decorrelate or None),
    )
    for key, given in judging:
        if given is not None:
            yield f"{key}: judges taggers; leave it out of a reweighter"
    balance, may = spec.training.balance, ["class", *(["pt_eta_class"] if spec.object == "event" else [])]
    if plugs.trains(spec.backend) and balance not in may:
        yield (
            f"training.balance: {balance}; a reweighter learns the ratio of two densities as they are, at "
            "the same sum of weights: write `class`"
        )
    for output, by in spec.losses.items():
        if by.loss != "cross_entropy":
            yield (
                f"losses.{output}.loss: {by.loss}; its minimum is no ratio of densities: `cross_entropy`, "
                "or leave it out"
            )
    yield from _ratio(spec, made)


def mixtures(spec: ClassifierSpec, sample: SampleSpec, datasets: Mapping[str, DatasetSpec]) -> Iterator[str]:
    """Of several simulated data sets of a generator their cross sections say how much there is of each.

    Values of its parameters tell data sets apart: at each there is one. A model of others whose weights are
    taken as they are learns no density, of a mixture or not.
    """
    ratio, made = spec.ratio or RatioEntry(), {d.generator for d in datasets.values()}
    if spec.role != "reweighter" or sample.normalise != "unit":
        return
    if not (plugs.trains(spec.backend) or ratio.conserve or all(c.generator in made for c in spec.classes)):
        return
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, d in datasets.items():
        if not d.is_data:
            point = (f"{key}={d.parameters.get(key)}" for key in spec.parameters)
            alike.setdefault((d.generator, *point), []).append(name)
    for (generator, *_), names in alike.items():
        if len(names) > 1:
            yield (
                f"classes: {', '.join(names)} of sample `{spec.sample}` are all of the generator "
                f"`{generator}`, and with `normalise: unit` there is as much of each as it has rows: "
                f"no density of the generator; set `samples.{spec.sample}.normalise: cross_section`, with "
                "`cross_section_pb` of each, or `parameters` here, whose values tell them apart; files of "
                "one process and cross section are one dataset"
            )


def _ratio(spec: ClassifierSpec, made: Sequence[str]) -> Iterator[str]:
    """Flat inputs that it names are there, edges rise, and a calibration has events of both generators."""
    ratio = spec.ratio or RatioEntry()
    flat = [name for inputs in spec.observed if inputs.kind == "flat" for name in inputs.features]
    for key, given, wrong in (
        ("ratio.conserve_in", ratio.conserve_in, edges),
        ("training.flatten_in", spec.training.flatten_in, edges),
        ("ratio.binned", ratio.binned, rising),
    ):
        for name, bins in given.items():
            if name not in flat:
                yield f"{key}: `{name}` is none of the flat inputs{hint(name, flat)}"
            yield from wrong(bins, f"{key}.{name}")
    if ratio.conserve_in and not ratio.conserve:
        yield "ratio.conserve: false, so nothing is conserved in bins; leave `conserve_in` out"
    if ratio.refine and spec.training.negative_weights != "classes":
        yield (
            "ratio.refine: what weights below 0 leave of a density is known where they are classes of "
            "their own; set `training: {negative_weights: classes}`"
        )
    for name, region in ratio.valid.items():
        if name not in flat:
            yield f"ratio.valid: `{name}` is none of the flat inputs{hint(name, flat)}"
        if not region[0] < region[1]:
            yield f"ratio.valid.{name}: [smallest, end] must rise; got {list(region)}"
    target = spec.classes[1]
    if ratio.calibration != "none" and target.generator not in made:
        yield (
            f"ratio.calibration: {ratio.calibration} is fitted to events of both generators, and no dataset "
            f"of sample `{spec.sample}` is of `{target.generator}`; write `none`, or leave it out"
        )


def twice(names: Iterable[str]) -> list[str]:
    """Names that are there more than once."""
    return [name for name, n in Counter(names).items() if n > 1]
