"""Stage assemble: trainings with different seeds as one model, whose probabilities are their mean."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jetsmith import io, provenance
from jetsmith.errors import InputError
from jetsmith.members import MEMBERS, folder_of

OF_A_RUN = ("history.json", "meta.json", "spec.json")  # files that tell the same models apart, or all alike


def assemble(classifier: str, models: Sequence[str | Path], output: str | Path) -> None:
    """Copy the members into one folder.

    Args:
        classifier: Its name.
        models: Folder of each member, as stage train wrote it.
        output: Folder of the ensemble: spec.json, meta.json and member0/, member1/, …

    Raises:
        InputError: A member is damaged, of another classifier or specification than the first, or the same as
            another: the seed then changes nothing.
    """
    folders = [Path(model) for model in models]
    for folder in folders:
        io.check_folder(folder, "train it again")
    specs = [io.read_json(folder / "spec.json") for folder in folders]
    abouts = [io.read_json(folder / "meta.json", classifier=classifier) for folder in folders]
    for folder, spec in zip(folders, specs, strict=True):
        if spec != specs[0]:
            raise InputError(f"{folder}: was trained with another specification than {folders[0]}")
    _require_different(folders, [about["checksums"] for about in abouts])
    with io.atomic_directory(output) as temporary:
        for k, folder in enumerate(folders):
            shutil.copytree(folder, folder_of(temporary, k))
        io.write_json(temporary / "spec.json", specs[0])
        about = {
            "classifier": classifier,
            MEMBERS: len(folders),
            "seeds": [about["seed"] for about in abouts],
            **{
                key: abouts[0][key]
                for key in ("rows", "heavy_jets", "heads_off", "started", "threads", "device")
            },
            "checksums": io.folder_checksums(temporary),
            "provenance": provenance.record(),
        }
        io.write_json(temporary / "meta.json", about)


def _require_different(folders: Sequence[Path], checksums: Sequence[dict[str, Any]]) -> None:
    seen: dict[str, Path] = {}
    for folder, sums in zip(folders, checksums, strict=True):
        files = {name: crc for name, crc in sums.items() if Path(name).name not in OF_A_RUN}
        first = seen.setdefault(str(sorted(files.items())), folder)
        if first is not folder:
            raise InputError(
                f"{folder}: is the same model as {first}: the seed changes nothing with such settings; let "
                "trees sample rows or features (`subsample` or `colsample_bytree` below 1), or leave "
                "`ensemble` out; of a reweighter, members of halves and of replicas learn from other events"
            )
