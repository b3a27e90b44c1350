"""Scans and ensembles: each point of a scan is checked as if it stood in the file; run before any job."""

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jetsmith import plugs
from jetsmith.configuration.records import hint, validate
from jetsmith.configuration.resolve import Resolved
from jetsmith.errors import ConfigError, refuse
from jetsmith.provenance import config_digest
from jetsmith.specs.classifiers import ClassifierFile, ClassifierSpec, Role
from jetsmith.specs.scans import COMPARABLE, MAX_POINTS, RangeSpec, ScanSpec, parts, said

DRAWS_A_POINT = 100  # until a scan that draws points is said to have too few different ones

Settings = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """One training of a scan.

    Attributes:
        settings: What it has of its own, by the keys of `over`.
        spec: The classifier with them.
    """

    settings: Settings
    spec: ClassifierSpec


@dataclass(frozen=True)
class Scanned:
    """A scan, looked up.

    Attributes:
        spec: It, as the file gives it.
        points: By a digest of their settings.
    """

    spec: ScanSpec
    points: dict[str, Point]

    @property
    def trained(self) -> list[int]:
        """Trainings of each rung."""
        return self.spec.trained(len(self.points))

    def in_rung(self, rung: int, spec: ClassifierSpec) -> ClassifierSpec:
        """A classifier with the epochs of a rung."""
        epochs = self.spec.epochs(rung, spec.training.epochs)
        return spec.model_copy(update={"training": spec.training.model_copy(update={"epochs": epochs})})


def check(
    content: ClassifierFile,
    options: plugs.Options,
    path: Path,
    folds: int,
    readers: list[str],
    role: Role = "tagger",
) -> None:
    """A scan or an ensemble goes together with the rest of the file, the sample and who reads the tagger.

    Args:
        content: The file.
        options: Its `architecture`, looked up.
        path: Its name.
        folds: Of the sample.
        readers: Classifiers of the run that read its scores.
        role: What it is.

    Raises:
        ConfigError: Names file, key, and what to do.
    """
    refuse(path, _members(content, options, role))
    if content.ensemble > 1:
        refuse(
            path, (f"ensemble: {problem}" for problem in _ensemble(content, options, folds, readers, role))
        )
    if content.scan is not None:
        refuse(path, (f"scan{problem}" for problem in _together(content, folds, readers)))
        refuse(path, (f"scan.{problem}" for problem in _own(content.scan, content, path)))


def points(
    content: ClassifierFile, path: Path, seed: int, read: Callable[[ClassifierFile], Resolved]
) -> Scanned:
    """The points of a scan by a digest of their settings, so that another point leaves these where they are.

    Args:
        content: The file, which has a scan that `check` lets pass.
        path: Its name.
        seed: Draws follow from it.
        read: Looks a file up and checks it.

    Raises:
        ConfigError: A point cannot be; names its settings.
    """
    assert content.scan is not None
    scan, found = content.scan, dict[str, Point]()
    for given in _grid(scan) if scan.method == "grid" else _draws(scan, seed, path):
        spec = _read(content, given, path, read)
        held = {"training": spec.training.model_dump(mode="json"), "architecture": spec.architecture}
        settings = {key: held[part][name] for key in given for part, name in [parts(key)]}
        key = config_digest(settings)
        if key in found and scan.method == "grid":
            refuse(path, [f"scan.over: {said(settings)} is there twice"])
        found.setdefault(key, Point(settings, spec))
        if len(found) == scan.points:
            break
    if scan.points is not None and len(found) < scan.points:
        problem = f"{scan.points}, but no more than {len(found)} different ones were found; use a grid"
        refuse(path, [f"scan.points: {problem}"])
    return Scanned(scan, found)


def _together(content: ClassifierFile, folds: int, readers: list[str]) -> Iterator[str]:
    if not plugs.find("classifiers", content.backend, "", "").TRAINS:
        yield f": backend `{content.backend}` trains nothing; leave it out"
    if folds:
        yield (
            ": in a sample with `folds` every event judges a model, and none is left to choose by; scan on a "
            "sample without, then write what was chosen into the file"
        )
    if readers:
        yield (
            f": {', '.join(readers)} reads its scores, for which further models are trained with settings "
            "that have to be known before; write what was chosen into the file"
        )


def _members(content: ClassifierFile, options: plugs.Options, role: Role) -> Iterator[str]:
    """What members are trained on is told where there are some, and has an effect."""
    if "members" not in content.model_fields_set:
        return
    if role != "reweighter":
        yield "members: those of a tagger differ by their seeds, for reweighters alone; leave it out"
    elif content.ensemble == 1:
        yield "members: there is no `ensemble`, and so no error of the weights; give it one, such as 10"
    elif content.members == "seeds" and not options.learns_by_seed:
        yield (
            f"members: with these settings `{content.backend}` learns the same whatever the seed, so that "
            "`seeds` would give no error; choices: halves, bootstrap; or let trees sample rows or features"
        )


def _ensemble(
    content: ClassifierFile, options: plugs.Options, folds: int, readers: list[str], role: Role
) -> Iterator[str]:
    if not plugs.find("classifiers", content.backend, "", "").TRAINS:
        yield f"backend `{content.backend}` trains nothing; leave it out"
    elif role == "tagger" and not options.learns_by_seed:
        yield (
            f"with these settings `{content.backend}` learns the same whatever the seed, and members would "
            "be one model; let trees sample rows or features, or leave it out"
        )
    if content.scan is not None:
        yield "would train again what `scan` chose; write that into the file, and leave `scan` out"
    in_pairs = role == "reweighter" and content.members == "halves"
    if in_pairs and (content.ensemble % 2 or content.ensemble < 4):
        yield (
            f"{content.ensemble}: members of a reweighter come in pairs, each trained on two halves of the "
            "events, from whose differences the errors of the weights follow: an even number, 4 or more; any "
            "number from 2 on with `members: bootstrap`"
        )
    if readers and not folds:
        yield (
            f"{', '.join(readers)} reads its scores, which would be those of one training where it is "
            "trained, and an average where it is judged; leave it out"
        )


def _own(scan: ScanSpec, content: ClassifierFile, path: Path) -> Iterator[str]:
    """What is wrong with method, keys and values, from the key on."""
    if scan.method == "grid" and scan.points is not None:
        yield "points: a grid has those of its lists; leave it out"
    if scan.method != "grid" and scan.points is None:
        yield f"points: is missing; `{scan.method}` wants a number of draws"
    if scan.method == "halving":
        yield from _halving(scan, content)
    elif given := {"rungs", "factor"} & scan.model_fields_set:
        yield f"{min(given)}: `{scan.method}` has none, `method: halving` has; leave it out"
    architecture = plugs.described_by(content.backend, content.model, str(path)).Options.model_fields
    known = [*COMPARABLE, *(f"architecture.{name}" for name in architecture if name != "device")]
    for key, values in scan.over.items():
        if key not in known:
            why = " (points compare by a loss and on rows that are the same for all)"
            yield f"over.{key}: is no key that a scan varies{why}{hint(key, known)}"
        elif isinstance(values, dict):
            yield from (
                f"over.{key}{problem}" for problem in _range(values, scan, f"{path}: scan.over.{key}")
            )
        elif not isinstance(values, list | tuple) or not values:
            yield f"over.{key}: got {values!r}; must be a list of values, or for draws {{low: …, high: …}}"
    lists = [len(values) for values in scan.over.values() if isinstance(values, list | tuple)]
    if scan.method == "grid" and (n := math.prod(lists)) > MAX_POINTS:
        yield f"over: makes {n:,} points; {MAX_POINTS:,} at most: shorten a list, or `method: random`"
    if scan.method == "grid" and len(lists) == len(scan.over) and math.prod(lists) == 1:
        yield "over: makes one point, and nothing to choose; write it into the file instead"


def _halving(scan: ScanSpec, content: ClassifierFile) -> Iterator[str]:
    least = scan.factor ** (scan.rungs - 1)
    for key, given in (("scan.points", scan.points), ("training.epochs", content.training.epochs)):
        if given is not None and given < least:
            yield (
                f"rungs: {scan.rungs} with factor: {scan.factor} need {least} at least of {key}, not {given}"
            )
    first, rises = scan.epochs(0, content.training.epochs), content.training.schedule.rises_and_stays
    if rises >= first:
        yield (
            f"rungs: the first trains {first} epochs, and training.schedule has warmup_epochs and "
            f"hold_epochs of {rises:g}: none is left in which the rate falls"
        )
    if "training.epochs" in scan.over:
        yield "over.training.epochs: halving itself says how many; the file's own are those of the last rung"


def _range(values: Mapping[str, Any], scan: ScanSpec, where: str) -> Iterator[str]:
    found = validate(RangeSpec, values, where)
    if scan.method == "grid":
        yield ": an interval is drawn from (`method: random` or `halving`); a grid takes a list of values"
    if found.low >= found.high:
        yield f": low: {found.low:g} must be below high: {found.high:g}"
    if found.log and found.low <= 0:
        yield f".low: {found.low:g} has no logarithm; leave `log` out, or begin above 0"


def _grid(scan: ScanSpec) -> Iterator[Settings]:
    for values in itertools.product(*scan.over.values()):
        yield dict(zip(scan.over, values, strict=True))


def _draws(scan: ScanSpec, seed: int, path: Path) -> Iterator[Settings]:
    """Enough draws; each follows from seed, key and its number alone, so that more points keep the first."""
    assert scan.points is not None
    for number in range(DRAWS_A_POINT * scan.points):
        yield {
            key: _drawn(values, random.Random(f"{seed} {key} {number}").random(), f"{path}: scan.over.{key}")
            for key, values in scan.over.items()
        }


def _drawn(values: Any, share: float, where: str) -> Any:
    """The value at a share in [0, 1) of a list or an interval; numbers with four digits, for tables."""
    if not isinstance(values, Mapping):
        return values[int(share * len(values))]
    given = validate(RangeSpec, values, where)
    low, high = given.low, given.high
    if isinstance(low, int) and isinstance(high, int):
        top = high + 1
        drawn = low * (top / low) ** share if given.log else low + share * (top - low)
        return min(math.floor(drawn), high)
    drawn = low * (high / low) ** share if given.log else low + share * (high - low)
    return min(max(float(f"{drawn:.4g}"), low), high)


def _read(
    content: ClassifierFile, given: Settings, path: Path, read: Callable[[ClassifierFile], Resolved]
) -> ClassifierSpec:
    """The classifier with the settings of a point in the place of its own."""
    changed = content.model_dump(exclude_unset=True, exclude={"scan"})
    for key, value in given.items():
        part, name = parts(key)
        changed[part] = {**changed.get(part, {}), name: value}
    try:
        return read(validate(ClassifierFile, changed, path)).spec
    except ConfigError as error:
        problems = [line.removeprefix(f"{path}: ") for line in str(error).split("\n")]
        blamed = [key for key in given if parts(key)[1] in problems[0]] or [next(iter(given))]
        raise ConfigError(
            "\n".join(f"{path}: scan.over.{blamed[0]}: at {said(given)}: {problem}" for problem in problems)
        ) from error
