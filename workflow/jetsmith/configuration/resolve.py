"""The file of a tagger or reweighter with the names in it looked up: classes, features, options."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from jetsmith import plugs
from jetsmith.configuration import stacked
from jetsmith.configuration.classifier_checks import without_effect
from jetsmith.configuration.records import pick, read_yaml, require, validate
from jetsmith.configuration.stacked import Source
from jetsmith.errors import ConfigError, refuse
from jetsmith.specs.classifiers import (
    ClassifierFile,
    ClassifierSpec,
    ClassSpec,
    DiscriminantSpec,
    EvaluationSpec,
    LossSpec,
    Role,
)
from jetsmith.specs.features import FeatureGroup, Inputs
from jetsmith.specs.parameters import group_of
from jetsmith.specs.ratios import RatioEntry

CLASSES = "classes"  # the output of a network that every classifier has


@dataclass(frozen=True)
class Resolved:
    """A classifier, looked up.

    Attributes:
        spec: It, with the first of its discriminants.
        options: Its `architecture`, with the keys that its file gives.
        judgements: It with each of its discriminants, titled by it where there are several.
        own: Discriminants with an `evaluation` of their own.
    """

    spec: ClassifierSpec
    options: plugs.Options
    judgements: list[ClassifierSpec]
    own: frozenset[str]


def resolve(
    name: str,
    sources: Mapping[str, Source],
    folds: int,
    flavours: Mapping[str, ClassSpec],
    groups: Mapping[str, FeatureGroup],
    held_out: tuple[str, ...] = (),
) -> Resolved:
    """Look up the names in the file of a classifier.

    Args:
        name: Its name.
        sources: Classifiers of the run.
        folds: Of its sample.
        flavours: Classes by name.
        groups: Feature groups by name.
        held_out: Datasets at values of its parameters that are held out.

    Raises:
        ConfigError: Of a key or a name; with file, key and choices.
    """
    content, path = sources[name].content, sources[name].path
    plug = plugs.described_by(content.backend, content.model, str(path))
    options = validate(plug.Options, content.architecture, f"{path}: architecture")
    refuse(path, without_effect(content))

    def classes(names: tuple[str, ...], key: str) -> list[ClassSpec]:
        return [pick(flavours, wanted, f"{path}: {key}", "class") for wanted in names]

    def judged(evaluation: EvaluationSpec | None, key: str) -> dict[str, Any]:
        if evaluation is None:
            return {}
        (signal,) = classes((evaluation.signal,), f"{key}.signal")
        backgrounds = tuple(classes(evaluation.backgrounds, f"{key}.backgrounds"))
        return {"evaluation": evaluation, "signal_class": signal, "background_classes": backgrounds}

    spec = ClassifierSpec(
        name=name,
        role=sources[name].role,
        sample=sources[name].sample,
        folds=folds,
        classes=tuple(classes(content.classes, "classes")),
        inputs=(
            *_inputs("inputs", content.inputs, content.object, groups, path, sources),
            *_parameters(name, content),
        ),
        parameters=content.parameters.names if content.parameters else (),
        held_out=held_out,
        points=content.parameters.points() if content.parameters else {},
        side=_inputs("side", content.side, content.object, groups, path, sources),
        spectators=_inputs("spectators", content.spectators, content.object, groups, path),
        losses=_losses(content, path),
        ratio=_ratio(content, sources[name].role, options),
        architecture=options.model_dump(mode="json"),
        **content.model_dump(
            include={
                *("title", "backend", "model", "engine", "precision", "start_from", "object", "training"),
                *("decorrelate", "members"),
            }
        ),
        **judged(content.evaluation, "evaluation"),
    )
    several = len(content.discriminants) > 1
    views: list[ClassifierSpec] = []
    for key, entry in content.discriminants.items():
        judges = judged(entry.evaluation, f"discriminants.{key}.evaluation")
        discriminant = DiscriminantSpec(name=key, **entry.model_dump(exclude={"name", "evaluation"}))
        named = {"discriminant": discriminant, "is_first": not views, **judges}
        views.append(spec.model_copy(update=named | ({"title": f"{spec.title} {key}"} if several else {})))
    first = views[0].model_copy(update={"title": spec.title}) if views else spec
    own = frozenset(key for key, entry in content.discriminants.items() if entry.evaluation is not None)
    return Resolved(first, options, views, own)


def classifier_file(path: Path) -> ClassifierFile:
    """A classifier's file; the key `discriminant`, of which there was one, is told what it is now."""
    found = read_yaml(path)
    if "discriminant" in found:
        one = yaml.safe_dump(
            found["discriminant"], default_flow_style=True, sort_keys=False, width=200
        ).strip()
        refuse(
            path,
            [
                "discriminant: a tagger may have several now, each with a name; write "
                f"`discriminants: {{BvsAll: {one}}}`, with a name that says what it tells apart"
            ],
        )
    return validate(ClassifierFile, found, path)


def _ratio(content: ClassifierFile, role: Role, options: plugs.Options) -> RatioEntry | None:
    """With its defaults, which depend on who trained; of a tagger as it stands there, to be refused."""
    return (
        RatioEntry.resolved(content.ratio, plugs.trains(content.backend), options.exact_in)
        if role == "reweighter"
        else content.ratio
    )


def _parameters(name: str, content: ClassifierFile) -> tuple[Inputs, ...]:
    """The group of inputs that a reweighter's parameters are."""
    if content.parameters is None:
        return ()
    names = content.parameters.names
    return (Inputs(group=group_of(name), kind="flat", length=0, features=names, sources=()),)


def _losses(content: ClassifierFile, path: Path) -> dict[str, LossSpec]:
    """By output of the network, with all keys; none where the backend has a loss of its own."""
    if not plugs.find("classifiers", content.backend, f"{path}: backend", "backend").MODELS:
        return {}
    found = {}
    for output, given in ({CLASSES: LossSpec()} | content.losses).items():
        where = f"{path}: losses.{output}"
        plug = plugs.find("losses", given.loss, f"{where}.loss", "loss")
        options = validate(plug.Options, given.options, f"{where}.options")
        found[output] = given.model_copy(update={"options": options.model_dump(mode="json")})
    return found


def _inputs(
    key: str,
    given: Mapping[str, str | tuple[str, ...]],
    obj: str,
    groups: Mapping[str, FeatureGroup],
    path: Path,
    sources: Mapping[str, Source] = MappingProxyType({}),
) -> tuple[Inputs, ...]:
    """Features of groups, and scores of other classifiers."""
    others = [name for name, of in sources.items() if of.role == "tagger" and of.path != path]
    for name in given:
        if name not in sources:
            kind = "feature group or tagger" if others else "feature group"
            require(name, [*groups, *others], f"{path}: {key}", kind)
    return tuple(
        stacked.inputs_of(name, wanted, sources[name].content, f"{path}: {key}.{name}")
        if name in sources
        else _of_group(f"{key}.{name}", name, wanted, obj, groups, path)
        for name, wanted in given.items()
    )


def _of_group(
    key: str,
    name: str,
    wanted: str | tuple[str, ...],
    obj: str,
    groups: Mapping[str, FeatureGroup],
    path: Path,
) -> Inputs:
    group = pick(groups, name, f"{path}: {key.partition('.')[0]}", "feature group")
    if group.object != obj:
        raise ConfigError(f"{path}: {key} describes `{group.object}`, the classifier reads `{obj}`")
    if isinstance(wanted, str):
        require(wanted, group.presets, f"{path}: {key}", "preset")
        wanted = group.presets[wanted]
    for feature in wanted:
        require(feature, group.features, f"{path}: {key}", "feature")
    twice = sorted({feature for feature in wanted if wanted.count(feature) > 1})
    if twice:
        refuse(path, [f"{key}: given twice: {', '.join(twice)}"])
    if not wanted:
        refuse(path, [f"{key}: is empty; a preset, or features of {name}: {', '.join(group.features)}"])
    order = [group.sort_by] if group.sort_by else []
    return Inputs(
        group=name,
        kind=group.kind,
        length=group.length,
        features=wanted,
        sources=tuple(dict.fromkeys([*(group.features[feature].source for feature in wanted), *order])),
    )
