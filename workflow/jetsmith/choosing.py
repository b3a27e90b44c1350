"""Stages choose and promote: of the trained points of a scan those with the smallest validation loss."""

import itertools
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.scan import Promoted, Scan, Tried
from jetsmith.provenance import config_digest
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.scans import parts, said

Points = Mapping[str, Mapping[str, Any]]


def choose(
    classifier: str,
    method: str,
    points: Points,
    trained: Sequence[int],
    models: Iterable[str | Path],
    output: str | Path,
    table: str | Path,
) -> Scan:
    """Make the model of a scanned classifier a copy of the chosen one; write the table of all.

    The last rung is chosen from; of equal losses the first counts, in the order of the scan or the rank.

    Args:
        classifier: Its name.
        method: Of the scan.
        points: Settings by their digest, in the order of the scan.
        trained: Trainings of each rung: one rung, or several of a scan by halving.
        models: Folder of each training's model, rung by rung.
        output: Folder of the classifier's model.
        table: JSON file of the table, `handed.scan.Scan`.

    Raises:
        InputError: A model is damaged, of another classifier or of other settings, or has no history.
    """
    folders = [Path(model) for model in models]
    rungs = [rung for rung, n in enumerate(trained) for _ in range(n)]
    tried = [_tried(classifier, points, folder, rung) for folder, rung in zip(folders, rungs, strict=True)]
    best = min(
        (k for k, rung in enumerate(rungs) if rung == rungs[-1]), key=lambda k: tried[k].validation_loss
    )
    found = Scan(classifier, method, tuple(next(iter(points.values()))), tried[best].point, tuple(tried))
    for one in found.ranked:
        _say("choose", classifier, one, "chosen: " if one is tried[best] else "")
    with io.atomic_directory(output) as temporary:
        shutil.copytree(folders[best], temporary, dirs_exist_ok=True)
    io.write_record(table, found)
    return found


def promote(
    classifier: str, points: Points, models: Sequence[str | Path], outputs: Sequence[str | Path], rung: int
) -> None:
    """Write who is trained in a rung of a scan by halving: the best of the one before, by rank.

    Args:
        classifier: Its name.
        points: Settings by their digest, in the order of the scan.
        models: Folder of each model of the rung before.
        outputs: JSON file of each rank, `handed.scan.Promoted`: one that stays the same trains nothing again.
        rung: The rung, counted from 0.

    Raises:
        InputError: As `choose`.
    """
    tried = [_tried(classifier, points, Path(model), rung - 1) for model in models]
    ranked = sorted(tried, key=lambda one: one.validation_loss)
    for one, output in itertools.zip_longest(ranked, outputs):
        _say("promote", classifier, one, "" if output is None else f"to rung {rung}: ")
        if output is not None:
            io.write_record(output, Promoted(classifier, one.settings))


def promoted(spec: RecipeSpec, path: str | Path) -> RecipeSpec:
    """A classifier with the settings of the point that was promoted.

    Raises:
        InputError: The file is damaged or of another classifier.
    """
    found = spec.model_dump(mode="json")
    for key, value in io.read_record(Promoted, path, classifier=spec.name).settings.items():
        part, name = parts(key)
        found[part][name] = value
    return RecipeSpec.model_validate(found)


def _say(stage: str, classifier: str, one: Tried, mark: str) -> None:
    print(
        f"[{stage} {classifier}] rung {one.rung}: validation loss {one.validation_loss:.5f} at "
        f"{one.epoch} of {one.epochs}, {one.seconds:.1f} s, {mark}{said(one.settings)}",
        file=sys.stderr,
    )


def _tried(classifier: str, points: Points, model: Path, rung: int) -> Tried:
    io.check_folder(model, "train it again")
    spec = io.read_json(model / "spec.json")
    if spec["name"] != classifier:
        raise InputError(f"{model}: is a model of {spec['name']}, not of {classifier}; train it again")
    keys = next(iter(points.values()))
    settings = {key: spec[part].get(name) for key in keys for part, name in [parts(key)]}
    key = config_digest(settings)
    if key not in points or model.name in points.keys() - {key}:
        raise InputError(
            f"{model}: was trained with {settings}, which is not its point of the scan; train it again"
        )
    history = io.read_json(model / "history.json")
    if not history:
        raise InputError(f"{model / 'history.json'}: has no epoch; train it again")
    losses = [float(row["validation_loss"]) for row in history]
    best = losses.index(min(losses))
    seconds = round(float(sum(row["seconds"] for row in history)), 3)
    return Tried(key, rung, settings, losses[best], best + 1, len(losses), seconds)
