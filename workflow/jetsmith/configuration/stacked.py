"""Classifiers that read the scores of others: names, samples and circles; run before any job."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from jetsmith import columns
from jetsmith.configuration.records import require
from jetsmith.configuration.same_events import SameEvents
from jetsmith.configuration.started import Taught, taught_by
from jetsmith.errors import refuse
from jetsmith.specs.classifiers import ClassifierFile, Role
from jetsmith.specs.features import Inputs
from jetsmith.specs.run import SampleSpec

ALL = "all"  # in place of a list: every class


@dataclass(frozen=True)
class Source:
    """A classifier of the run before its names are looked up.

    Attributes:
        role: Tagger or reweighter.
        sample: The sample that the run gives it.
        path: Its file.
        content: What stands there.
    """

    role: Role
    sample: str
    path: Path
    content: ClassifierFile

    @property
    def reads(self) -> tuple[str, ...]:
        """Feature groups and classifiers that its inputs and side columns are of."""
        return tuple(dict.fromkeys((*self.content.inputs, *self.content.side)))


def check(
    sources: Mapping[str, Source],
    samples: Mapping[str, SampleSpec],
    groups: Collection[str],
    known: Collection[str],
    source: str,
    same: SameEvents,
    starts: Mapping[str, Taught],
) -> None:
    """Names tell classifiers from feature groups; who reads another is where it is scored, none reads itself.

    Args:
        sources: Classifiers of the run by name.
        samples: Of the run.
        groups: Names of the feature groups.
        known: Names of all taggers and reweighters that have a file.
        source: Name of the run's file.
        same: Which datasets have events in common.
        starts: Folders that networks start from.

    Raises:
        ConfigError: Names file, key, and the names of the circle.
    """
    for name, reader in sources.items():
        if name in (*groups, columns.ROWS):
            problem = f"`{name}` is also a feature group (config/features), and inputs name both; rename one"
            refuse(source, [f"{reader.role}s.{name}: {problem}"])
        problems = [
            f"{key}.{line}"
            for key, given in (("inputs", reader.content.inputs), ("side", reader.content.side))
            for base in given
            for line in _reads(name, reader, base, sources, samples, groups, known, same, starts)
        ]
        refuse(reader.path, problems)
    reads = {name: [base for base in s.reads if base in sources] for name, s in sources.items()}
    try:
        TopologicalSorter(reads).prepare()
    except CycleError as error:
        circle = error.args[1][::-1]
        key = "inputs" if circle[1] in sources[circle[0]].content.inputs else "side"
        refuse(
            sources[circle[0]].path,
            [f"{key}.{circle[1]}: a circle: {' reads '.join(f'`{name}`' for name in circle)}; break it"],
        )


def _reads(
    name: str,
    reader: Source,
    base: str,
    sources: Mapping[str, Source],
    samples: Mapping[str, SampleSpec],
    groups: Collection[str],
    known: Collection[str],
    same: SameEvents,
    starts: Mapping[str, Taught],
) -> list[str]:
    """What is wrong with an input, or a side column, that is of no feature group, from its name on."""
    if base in groups:
        return []
    if base in known and base not in sources:
        where = "<its sample>" if reader.role == "reweighter" else reader.sample
        return [f"{base}: its scores are not made: add `{base}: {where}` to the taggers of the run"]
    if base in sources and reader.role == "reweighter":
        return [f"{base}: {why}" for why in _reweighs(reader, base, sources, samples, groups, same, starts)]
    if base in sources and sources[base].sample != reader.sample:
        return [
            f"{base}: its scores are those of sample `{sources[base].sample}` (taggers.{base} of the "
            f"run), and `{name}` is on `{reader.sample}`; give both the same"
        ]
    return []


def _reweighs(
    reader: Source,
    name: str,
    sources: Mapping[str, Source],
    samples: Mapping[str, SampleSpec],
    groups: Collection[str],
    same: SameEvents,
    starts: Mapping[str, Taught],
) -> Iterator[str]:
    """A reweighter reads scores of events that the tagger has not seen: those of another sample."""
    base = sources[name]
    if base.role == "reweighter":
        yield "is a reweighter; one reads features, and the scores of taggers"
        return
    if others := [name for name in base.content.inputs if name not in groups]:
        yield f"reads the scores of {', '.join(others)}, which are made on its own sample alone"
    if base.content.object != reader.content.object:
        yield f"scores rows of `{base.content.object}`, and the reweighter reads `{reader.content.object}`"
    if samples[base.sample].folds:
        yield (
            f"is trained on sample `{base.sample}`, which has folds, so that each event has a model of its "
            "own; set `folds: 0` there"
        )
    leads = {of: (*source.reads, source.content.start_from) for of, source in sources.items()}
    for one in taught_by(name, leads | dict.fromkeys(starts, ())):
        trainings = [samples[sources[one].sample]] if one in sources else starts[one].learned_from
        own = {dataset for of in trainings for dataset in of.datasets if dataset in same.datasets}
        if both := same.shared(sorted(samples[reader.sample].datasets), own):
            how = "is trained on" if one == name else f"has learned from `{one}`, which is trained on"
            yield (
                f"{how} {', '.join(both)} of this sample: the ratio would be that of events that "
                "it knows; give the reweighter a sample of other data sets"
            )


def inputs_of(base: str, wanted: str | tuple[str, ...], content: ClassifierFile, where: str) -> Inputs:
    """The scores of a classifier as inputs of another.

    Args:
        base: Its name.
        wanted: `all`, or names `p_<class>`.
        content: Its file.
        where: File and key of the reader.

    Raises:
        ConfigError: There is no such score.
    """
    scores = tuple(f"p_{name}" for name in content.classes)
    if isinstance(wanted, str):
        require(wanted, [ALL], where, "preset")
        wanted = scores
    for name in wanted:
        require(name, scores, where, "score")
    return Inputs(group=base, kind="flat", length=0, features=wanted, sources=())
