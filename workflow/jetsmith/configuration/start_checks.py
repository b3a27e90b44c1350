"""Networks that start from the weights of others (`start_from`): what they name, and whether it fits."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jetsmith.configuration.records import hint
from jetsmith.configuration.same_events import SameEvents
from jetsmith.configuration.stacked import Source, taught_by
from jetsmith.configuration.started import Learned, learned_from
from jetsmith.errors import refuse
from jetsmith.specs.classifiers import ClassifierSpec, LossSpec
from jetsmith.specs.features import Inputs
from jetsmith.specs.run import RunSpec
from jetsmith.strict import Record

FILES = ("model.keras", "spec.json", "meta.json")  # of a folder of a trained network


class _Class(Record, extra="ignore"):
    name: str


class _Trained(Record, extra="ignore"):
    """What is asked of a network's specification."""

    inputs: tuple[Inputs, ...]
    classes: tuple[_Class, ...]


def check(
    sources: Mapping[str, Source],
    classifiers: Mapping[str, ClassifierSpec],
    known: list[str],
    run: RunSpec,
    same: SameEvents,
) -> None:
    """Each `start_from` is a network that is trained before, or a folder of one, and reads the same features.

    Args:
        sources: Classifiers of the run by name.
        classifiers: The same, looked up.
        known: Names of all that have a file.
        run: The run.
        same: Which datasets have events in common.

    Raises:
        ConfigError: Names file and key.
    """
    for name, source in sources.items():
        if classifiers[name].start_from:
            if classifiers[name].start_from in sources:
                refuse(source.path, _of_classifier(name, sources, classifiers))
            else:
                refuse(source.path, _of_folder(name, sources, classifiers, known))
            refuse(source.path, _members(source))
            refuse(source.path, _loss_scan(source, classifiers))
            refuse(source.path, _events(classifiers[name], sources, classifiers, run, same))


def _of_classifier(
    name: str,
    sources: Mapping[str, Source],
    classifiers: Mapping[str, ClassifierSpec],
) -> Iterator[str]:
    spec, other = classifiers[name], classifiers[classifiers[name].start_from]
    before, at = [name], other.name
    while at:
        if at in before:
            yield f"start_from: a circle: {' starts from '.join([*before, at])}; break it"
            return
        before.append(at)
        at = classifiers[at].start_from if at in classifiers else ""
    if other.backend != spec.backend or other.folds or sources[other.name].content.ensemble > 1:
        yield (
            f"start_from: `{other.name}` is no single network (backend {other.backend}, folds {other.folds}, "
            f"ensemble {sources[other.name].content.ensemble}); name one that is, or the folder of one"
        )
        return
    yield from _of_features(spec, other.name, other.inputs)


def _events(
    spec: ClassifierSpec,
    sources: Mapping[str, Source],
    classifiers: Mapping[str, ClassifierSpec],
    run: RunSpec,
    same: SameEvents,
) -> Iterator[str]:
    """No start has seen events on which a classifier is judged, or on which its scores are to be out of fold.

    Nor has what that started from, a classifier of the run or a folder.
    """
    readers = [one for one, s in sources.items() if s.role == "tagger" and spec.name in s.reads]
    own = sorted(run.samples[spec.sample].datasets)
    for one, found in _learned(spec.name, classifiers, run):
        known = [name for name in found.datasets if name in same.datasets]
        both = ", ".join(same.shared(own, known))
        if both and spec.folds:
            yield (
                f"start_from: `{one}` has seen events of {both}, which the folds of sample `{spec.sample}` "
                f"are to judge `{spec.name}` on; name one of other datasets"
            )
        elif both and readers:
            yield (
                f"start_from: `{one}` has seen events of {both}, on which `{readers[0]}` is trained with "
                f"scores of `{spec.name}` that are to be out of fold; name one of other datasets"
            )
        # Of any sample: a tagger may be judged, measured or shown on it.
        elif not found.is_divided_as(run) and (anywhere := same.shared(sorted(same.datasets), known)):
            yield (
                f"start_from: `{one}` has seen events of {', '.join(anywhere)} that were divided by another "
                f"`seed` or other `splits` than in this run ({dict(found.divided)}), so that jets which are "
                f"to judge `{spec.name}` are among them; train it with those of this run, or name one of "
                "other datasets"
            )


def _learned(
    name: str, classifiers: Mapping[str, ClassifierSpec], run: RunSpec
) -> Iterator[tuple[str, Learned]]:
    """What those have learned from that a classifier starts from, directly or not; each with its name."""
    for one in taught_by(name, {of: (found.start_from,) for of, found in classifiers.items()}):
        if one != name:
            yield one, Learned(run.samples[classifiers[one].sample].datasets, {})
        start = classifiers[one].start_from
        if start and start not in classifiers:
            yield from ((start, found) for found in learned_from(start, run.samples))


def _members(source: Source) -> Iterator[str]:
    """What members differ by is to be what they have learned from."""
    content = source.content
    if source.role == "reweighter" and content.ensemble > 1 and content.members != "seeds":
        yield (
            f"start_from: members of an `ensemble` of `{content.members}` would all begin with the weights "
            "of one network, so that they differ by less than the error that is read from them; leave it "
            "out, or take `members: seeds`, whose error is that of the training alone"
        )


def _loss_scan(source: Source, classifiers: Mapping[str, ClassifierSpec]) -> Iterator[str]:
    """At weight 0 a loss has taught nothing, neither here nor before."""
    scan, start = source.content.loss_scan, source.content.start_from
    if scan is None:
        return
    own = source.content.losses[scan.loss]
    for one in taught_by(start, {of: (found.start_from,) for of, found in classifiers.items()}) or [start]:
        losses = classifiers[one].losses if one in classifiers else _losses_of(Path(one))
        if any(of.loss == own.loss and of.weight and _column(of) == _column(own) for of in losses.values()):
            yield (
                f"loss_scan: `{one}`, which its trainings start from, has learned by {own.loss} of "
                f"`{_column(own)}` already, so that none is without it, whatever its weight; start from a "
                "network that was trained without"
            )


def _column(loss: LossSpec) -> str:
    return str(loss.options.get("column", ""))


def _losses_of(folder: Path) -> dict[str, LossSpec]:
    """The losses of a network in a folder, by output."""
    found = json.loads((folder / "spec.json").read_text()).get("losses", {})
    return {output: LossSpec.model_validate(of) for output, of in found.items()}


def _of_folder(
    name: str,
    sources: Mapping[str, Source],
    classifiers: Mapping[str, ClassifierSpec],
    known: list[str],
) -> Iterator[str]:
    spec = classifiers[name]
    folder = Path(spec.start_from)
    if spec.start_from in known:
        yield (
            f"start_from: `{spec.start_from}` is not trained by this run; add it to its taggers, or name the "
            "folder of a model, such as results/models/…"
        )
        return
    if lacking := [file for file in FILES if not (folder / file).is_file()]:
        folds = " (it has a network a fold, and so no single one)" if (folder / "fold0").is_dir() else ""
        yield (
            f"start_from: `{folder}` is no folder of a trained network (results/models/<tagger>): it lacks "
            f"{', '.join(lacking)}{folds}{hint(spec.start_from, sources)}"
        )
        return
    try:
        trained = _Trained.model_validate(json.loads((folder / "spec.json").read_text()))
    except (ValueError, RecursionError):  # of JSON or of the record
        yield f"start_from: {folder / 'spec.json'}: is no specification of a network; train it again"
        return
    yield from _of_features(spec, spec.start_from, trained.inputs)


def _of_features(spec: ClassifierSpec, other: str, its: Sequence[Inputs]) -> Iterator[str]:
    """A group that both read in the same number of features has the same ones: no shape would tell."""
    theirs = {inputs.group: inputs.features for inputs in its}
    for inputs in spec.inputs:
        found = theirs.get(inputs.group, inputs.features)
        if len(found) == len(inputs.features) and found != inputs.features:
            yield (
                f"start_from: `{other}` reads of `{inputs.group}` {', '.join(found)}; write the same in "
                "the same order, which weights go by, or another number of them"
            )
