"""What trained networks have been taught: what stage train writes of one, and what starts from it reads."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError

from jetsmith import plugs
from jetsmith.errors import ConfigError
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.features import ColumnSpec, FeatureGroup, Inputs
from jetsmith.specs.run import RunSpec, SplitSpec
from jetsmith.strict import Name, Record, seen_as

FILES = ("model.keras", "spec.json", "meta.json")  # of a folder of a trained network


class Learned(Record):
    """One training: of a network, of one that it started from, or of one whose scores it reads."""

    datasets: tuple[str, ...] = Field(min_length=1)
    seed: int
    splits: SplitSpec
    columns: tuple[str, ...] = Field(description="`group.feature` that losses of a weight above 0 read.")

    @classmethod
    def of(cls, spec: ClassifierSpec, run: RunSpec) -> Self:
        """That of a classifier of a run."""
        return cls(
            datasets=run.samples[spec.sample].datasets,
            seed=run.seed,
            splits=run.splits,
            columns=tuple(
                column
                for output, loss in spec.losses.items()
                if loss.weight
                for column in columns_of(spec, output)
            ),
        )

    def is_divided_as(self, run: RunSpec) -> bool:
        """Whether events were in the splits in which this run has them."""
        return (self.seed, self.splits) == (run.seed, run.splits)


class ReadFeature(ColumnSpec):
    """A feature with what its numbers come from."""

    name: str


class ReadGroup(Record):
    """What a network reads of a group, in its order."""

    name: Name
    kind: Literal["flat", "sequence"]
    sort_by: str
    features: tuple[ReadFeature, ...] = Field(min_length=1)

    @classmethod
    def of(cls, inputs: Inputs, groups: Mapping[str, FeatureGroup]) -> Self:
        """Inputs of a feature group, or scores of another classifier and parameters, which are of none."""
        group = groups.get(inputs.group)
        features = (
            {"source": f"{inputs.group}.{name}"}
            if group is None
            else seen_as(ColumnSpec, group.features[name])
            for name in inputs.features
        )
        return cls(
            name=inputs.group,
            kind=inputs.kind,
            sort_by=group.sort_by if group else "",
            features=tuple(
                ReadFeature(name=name, **of) for name, of in zip(inputs.features, features, strict=True)
            ),
        )


class Taught(Record, extra="ignore"):
    """What `meta.json` says to networks that start from one: `learned_from` begins with its own training."""

    learned_from: tuple[Learned, ...] = Field(min_length=1)
    reads: tuple[ReadGroup, ...] = Field(min_length=1)


class _Meta(Taught, extra="ignore"):
    checksums: dict[str, str]


def read(folder: Path) -> Taught:
    """What the network in a folder has been taught.

    Raises:
        ConfigError: That is no folder of one, or of another version; names the file.
    """
    path = folder / "meta.json"
    try:
        if lacking := [file for file in FILES if not (folder / file).is_file()]:
            folds = " (it has a network a fold, and so no single one)" if (folder / "fold0").is_dir() else ""
            raise ConfigError(
                f"`{folder}` is no folder of a trained network (results/models/<tagger>): it lacks "
                f"{', '.join(lacking)}{folds}"
            )
        found = _Meta.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"]))
        raise ConfigError(
            f"{path}: says not what the network was taught, as this version writes it"
            f"{f' (`{key}`)' if key else ''}; train it again"
        ) from error
    if without := [name for name in FILES[:2] if name not in found.checksums]:
        raise ConfigError(f"{path}: `checksums` lacks {', '.join(without)}; train it again")
    return found


def columns_of(spec: ClassifierSpec, output: str) -> tuple[str, ...]:
    """Side columns that a loss teaches of, `group.feature`, whatever its weight."""
    given = spec.losses[output]
    options = plugs.find("losses", given.loss, "", "").Options.model_validate(given.options)
    read = (spec.side_columns[name] for name in options.columns() if name in spec.side_columns)
    return tuple(f"{inputs.group}.{feature}" for inputs, feature in read)


def taught_by(name: str, leads: Mapping[str, Collection[str]]) -> list[str]:
    """A classifier, and all that it has learned from: it starts from their weights, or reads their scores.

    Args:
        name: Its name.
        leads: By classifier what it reads and starts from, by folder nothing; groups lead nowhere.
    """
    found, queue = dict[str, None](), [name]
    while queue:
        one = queue.pop(0)
        if one in leads and one not in found:
            found[one] = None
            queue += leads[one]
    return list(found)


def learned(
    name: str,
    classifiers: Mapping[str, ClassifierSpec],
    starts: Mapping[str, Taught],
    run: RunSpec,
    scores: bool,
) -> Iterator[tuple[str, Learned]]:
    """What a classifier, or a folder, has learned from, directly or not: trainings, each with whose it is.

    Args:
        name: Its name.
        classifiers: Those of the run.
        starts: Folders that they start from.
        run: The run.
        scores: Whether through scores that it reads, too, and not by weights alone.
    """
    leads: dict[str, Sequence[str]] = dict.fromkeys(starts, ())
    for one, spec in classifiers.items():
        leads[one] = (*(spec.groups if scores else ()), spec.start_from)
    for one in taught_by(name, leads):
        if one in classifiers:
            yield one, Learned.of(classifiers[one], run)
        else:
            yield from ((one, found) for found in starts[one].learned_from)
