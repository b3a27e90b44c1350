"""Stage choose: of the trained points of a scan the one with the smallest validation loss."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.scan import Scan, Tried


def choose(
    classifier: str,
    method: str,
    points: Mapping[str, Mapping[str, Any]],
    models: Sequence[str | Path],
    output: str | Path,
    table: str | Path,
) -> Scan:
    """Make the model of a scanned classifier a copy of the chosen one; write the table of all.

    Of equal losses the first in the order of the scan counts.

    Args:
        classifier: Its name.
        method: Of the scan.
        points: Settings by their digest, in the order of the scan.
        models: Folder of each point's model, in that order.
        output: Folder of the classifier's model.
        table: JSON file of the table, `handed.scan.Scan`.

    Raises:
        InputError: A model is damaged, of another classifier or of other settings, or has no history.
    """
    folders = [Path(model) for model in models]
    tried = [
        _tried(classifier, key, settings, folder)
        for (key, settings), folder in zip(points.items(), folders, strict=True)
    ]
    best = min(range(len(tried)), key=lambda k: tried[k].validation_loss)
    found = Scan(classifier, method, tuple(tried[best].settings), tried[best].point, tuple(tried))
    for one in sorted(tried, key=lambda one: one.validation_loss):
        mark = "chosen: " if one is tried[best] else ""
        settings = ", ".join(f"{key}: {value}" for key, value in one.settings.items())
        print(
            f"[choose {classifier}] validation loss {one.validation_loss:.5f} at {one.epoch} of "
            f"{one.epochs}, {one.seconds:.1f} s, {mark}{settings}",
            file=sys.stderr,
        )
    with io.atomic_directory(output) as temporary:
        shutil.copytree(folders[best], temporary, dirs_exist_ok=True)
    io.write_record(table, found)
    return found


def _tried(classifier: str, key: str, settings: Mapping[str, Any], model: Path) -> Tried:
    io.check_folder(model, "train it again")
    spec = io.read_json(model / "spec.json")
    if spec["name"] != classifier:
        raise InputError(f"{model}: is a model of {spec['name']}, not of {classifier}; train it again")
    for name, value in settings.items():
        part, _, option = name.partition(".")
        if spec[part].get(option) != value:
            raise InputError(
                f"{model}: was trained with {name}: {spec[part].get(option)}, not {value}; train it again"
            )
    history = io.read_json(model / "history.json")
    if not history:
        raise InputError(f"{model / 'history.json'}: has no epoch; train it again")
    losses = [float(row["validation_loss"]) for row in history]
    best = losses.index(min(losses))
    seconds = round(float(sum(row["seconds"] for row in history)), 3)
    return Tried(key, dict(settings), losses[best], best + 1, len(losses), seconds)
