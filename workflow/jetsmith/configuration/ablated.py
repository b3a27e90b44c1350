"""What removing inputs costs: each tagger without some is checked as if its file named the others alone."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jetsmith import plugs
from jetsmith.configuration.records import hint, validate
from jetsmith.configuration.resolve import Resolved
from jetsmith.errors import refuse, within
from jetsmith.specs.classifiers import ClassifierFile, ClassifierSpec
from jetsmith.specs.features import Inputs

Left = dict[str, tuple[str, ...]]
"""Features that are left, by group."""


def ablations(
    content: ClassifierFile, path: Path, spec: ClassifierSpec, read: Callable[[ClassifierFile], Resolved]
) -> dict[str, ClassifierSpec]:
    """The tagger without each of what `ablate` names, by these names.

    Args:
        content: The file.
        path: Its name.
        spec: The tagger, resolved.
        read: Looks a file up and checks it.

    Raises:
        ConfigError: Names file, key, and what to do.
    """
    if not content.ablate:
        return {}
    refuse(path, (f"ablate: {problem}" for problem in _together(content, spec)))
    given = content.ablate
    named = given if isinstance(given, dict) else {group: (group,) for group in given}
    if not isinstance(given, dict) and len(named) < len(given):
        refuse(path, ["ablate: a group is there twice"])
    refuse(
        path, (f"ablate.{name}: {problem}" for name in named for problem in _own(named[name], spec.inputs))
    )
    found, seen = {}, dict[str, str]()
    for name, removed in named.items():
        left = _left(removed, spec.inputs)
        first = seen.setdefault(repr(left), name)
        if first != name:
            refuse(path, [f"ablate.{name}: leaves out the same as `{first}`"])
        found[name] = _read(content, name, left, path, spec, read)
    return found


def _together(content: ClassifierFile, spec: ClassifierSpec) -> Iterator[str]:
    if spec.role != "tagger":
        yield "compares areas and efficiencies of taggers; leave it out of a reweighter"
    if not plugs.trains(content.backend):
        yield f"backend `{content.backend}` trains nothing; leave it out"
    if content.scan is not None:
        yield "trainings without inputs have the settings of the file; write what `scan` chose into it first"
    if content.start_from:
        yield (
            f"a training without inputs cannot take the layers of `{content.start_from}` that read them, and "
            "would lose what these have learned there, too; leave `start_from` out"
        )
    if content.ensemble > 1:
        yield "one training without inputs does not compare with the mean of several; leave `ensemble` out"


def _own(removed: tuple[str, ...], inputs: tuple[Inputs, ...]) -> Iterator[str]:
    """What is wrong with the names of groups, and of features as `group.feature`."""
    features = {given.group: given.features for given in inputs}
    if not removed:
        yield f"is empty; groups, or features as `group.feature`, of {', '.join(features)}"
    for name in removed:
        group, _, feature = name.partition(".")
        if group not in features:
            yield f"no group `{group}` in `inputs`{hint(group, features)}"
        elif feature and feature not in features[group]:
            yield f"no feature `{feature}` of {group} in `inputs`{hint(feature, features[group])}"
    if removed and not any(_left(removed, inputs).values()):
        yield "nothing is left to train on"


def _left(removed: tuple[str, ...], inputs: tuple[Inputs, ...]) -> Left:
    return {
        given.group: tuple(
            name
            for name in given.features
            if given.group not in removed and f"{given.group}.{name}" not in removed
        )
        for given in inputs
    }


def _read(
    content: ClassifierFile,
    name: str,
    left: Left,
    path: Path,
    spec: ClassifierSpec,
    read: Callable[[ClassifierFile], Resolved],
) -> ClassifierSpec:
    """The tagger with what is left; options that name a group which is gone go with it."""
    changed = content.model_dump(exclude_unset=True, exclude={"ablate"})
    whole = {given.group: given.features for given in spec.inputs}
    changed["inputs"] = {
        group: changed["inputs"][group] if features == whole[group] else features
        for group, features in left.items()
        if features
    }
    gone = {group for group, features in left.items() if not features}
    if "architecture" in changed:
        changed["architecture"] = {key: _without(x, gone) for key, x in changed["architecture"].items()}
    with within(path, f"ablate.{name}"):
        return read(validate(ClassifierFile, changed, path)).spec


def _without(value: Any, gone: set[str]) -> Any:
    return {k: x for k, x in value.items() if k not in gone} if isinstance(value, Mapping) else value
