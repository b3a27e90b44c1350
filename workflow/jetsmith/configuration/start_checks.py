"""Networks that start from the weights of others (`start_from`): what they name, and whether it fits."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jetsmith.configuration import started
from jetsmith.configuration.records import hint
from jetsmith.configuration.same_events import SameEvents
from jetsmith.configuration.stacked import Source
from jetsmith.configuration.started import Learned, ReadGroup, Taught, columns_of, learned
from jetsmith.errors import ConfigError, refuse
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.features import DEFINITION, FeatureGroup
from jetsmith.specs.run import RunSpec
from jetsmith.strict import Record

KEYS = ("kind", "sort_by", *DEFINITION)  # of groups and features


def read(sources: Mapping[str, Source], known: Sequence[str]) -> dict[str, Taught]:
    """What the folders say that networks start from.

    Args:
        sources: Classifiers of the run by name.
        known: Names of all that have a file.

    Raises:
        ConfigError: Names file and key, and what is wrong with a folder.
    """
    found = {}
    for source in sources.values():
        start = source.content.start_from
        if not start or start in sources:
            continue
        if start in known:
            problem = "is not trained by this run; add it to its taggers, or name the folder of a model"
            refuse(source.path, [f"start_from: `{start}` {problem}, such as results/models/…"])
        try:
            found[start] = started.read(Path(start))
        except ConfigError as error:
            slip = "" if os.path.exists(start) else hint(start, sources)
            refuse(source.path, [f"start_from: {error}{slip}"])
    return found


def check(
    sources: Mapping[str, Source],
    classifiers: Mapping[str, ClassifierSpec],
    starts: Mapping[str, Taught],
    groups: Mapping[str, FeatureGroup],
    run: RunSpec,
    same: SameEvents,
) -> None:
    """Each `start_from` is a network that is trained before, or one that reads the same features.

    Args:
        sources: Classifiers of the run by name.
        classifiers: The same, looked up.
        starts: Folders that they start from.
        groups: Feature groups by name.
        run: The run.
        same: Which datasets have events in common.

    Raises:
        ConfigError: Names file and key.
    """
    for name, source in sources.items():
        spec = classifiers[name]
        if not spec.start_from:
            continue
        if spec.start_from in sources:
            refuse(source.path, _of_classifier(name, sources, classifiers))
            reads = tuple(ReadGroup.of(inputs, groups) for inputs in classifiers[spec.start_from].inputs)
        else:
            reads = starts[spec.start_from].reads
        refuse(source.path, _of_features(spec, reads, groups))
        refuse(source.path, _members(source))
        trainings = list(learned(spec.start_from, classifiers, starts, run, scores=False))
        refuse(source.path, _loss_scan(source, spec, trainings))
        refuse(source.path, _events(spec, trainings, sources, run, same))


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


def _events(
    spec: ClassifierSpec,
    trainings: Sequence[tuple[str, Learned]],
    sources: Mapping[str, Source],
    run: RunSpec,
    same: SameEvents,
) -> Iterator[str]:
    """No start has seen events on which a classifier is judged, or on which its scores are to be out of fold.

    Nor has what that started from, a classifier of the run or a folder.
    """
    readers = [one for one, s in sources.items() if s.role == "tagger" and spec.name in s.reads]
    own = sorted(run.samples[spec.sample].datasets)
    for one, found in trainings:
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
                f"`seed` or other `splits` than in this run (seed {found.seed}, {dict(found.splits)}), so "
                f"that jets which are to judge `{spec.name}` are among them; train it with those of this "
                "run, or name one of other datasets"
            )


def _members(source: Source) -> Iterator[str]:
    """What members differ by is to be what they have learned from."""
    content = source.content
    if source.role == "reweighter" and content.ensemble > 1 and content.members != "seeds":
        yield (
            f"start_from: members of an `ensemble` of `{content.members}` would all begin with the weights "
            "of one network, so that they differ by less than the error that is read from them; leave it "
            "out, or take `members: seeds`, whose error is that of the training alone"
        )


def _loss_scan(
    source: Source, spec: ClassifierSpec, trainings: Sequence[tuple[str, Learned]]
) -> Iterator[str]:
    """At weight 0 a loss has taught nothing, neither here nor before, by whatever loss."""
    scan = source.content.loss_scan
    if scan is None:
        return
    own = columns_of(spec, scan.loss)
    for one, found in trainings:
        if both := [column for column in own if column in found.columns]:
            yield (
                f"loss_scan: `{one}`, which its trainings start from, has learned by a loss of "
                f"`{', '.join(both)}` already, so that none is without it, whatever its weight; start from a "
                "network that was trained without"
            )


def _of_features(
    spec: ClassifierSpec, theirs: Sequence[ReadGroup], groups: Mapping[str, FeatureGroup]
) -> Iterator[str]:
    """A group that both read in the same number of features has the same ones: no shape would tell."""
    of_name = {group.name: group for group in theirs}
    for inputs in spec.inputs:
        ours = ReadGroup.of(inputs, groups)
        group = of_name.get(inputs.group, ours)
        if len(group.features) != len(ours.features):
            continue
        if (names := [of.name for of in group.features]) != list(inputs.features):
            yield (
                f"start_from: `{spec.start_from}` reads of `{ours.name}` {', '.join(names)}; write the same "
                "in the same order, which weights go by, or another number of them"
            )
            continue
        pairs: list[tuple[str, Record, Record]] = [(ours.name, group, ours)]
        features = zip(group.features, ours.features, strict=True)
        pairs += [(f"{ours.name}.{now.name}", before, now) for before, now in features]
        for what, before, now in pairs:
            for key in [key for key in KEYS if getattr(before, key, "") != getattr(now, key, "")][:1]:
                yield (
                    f"start_from: `{spec.start_from}` was trained on `{what}` with `{key}: "
                    f"{getattr(before, key)}`, and config/features/{ours.name}.yaml has `{key}: "
                    f"{getattr(now, key)}`: weights would read other numbers; train it again"
                )
