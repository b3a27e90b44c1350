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
            another: the seed then changes nothing; or of a reweighter members learned from other events than
            `members` of its specification says.
    """
    folders = [Path(model) for model in models]
    for folder in folders:
        io.check_folder(folder, "train it again")
    specs = [io.read_json(folder / "spec.json") for folder in folders]
    abouts = [io.read_json(folder / "meta.json", classifier=classifier) for folder in folders]
    for folder, spec in zip(folders, specs, strict=True):
        if spec != specs[0]:
            raise InputError(f"{folder}: was trained with another specification than {folders[0]}")
    _require_kind(folders, specs[0], [about["task"] for about in abouts])
    _require_different(folders, [about["checksums"] for about in abouts])
    _require_seeds(folders, specs[0], [about["seed"] for about in abouts])
    with io.atomic_directory(output) as temporary:
        for k, folder in enumerate(folders):
            shutil.copytree(folder, folder_of(temporary, k))
        io.write_json(temporary / "spec.json", specs[0])
        about = {
            "classifier": classifier,
            MEMBERS: len(folders),
            "seeds": [about["seed"] for about in abouts],
            "effective": abouts[0].get("effective", {}),  # members of earlier versions do not say
            **{
                key: abouts[0][key]
                for key in ("rows", "heavy_jets", "heads_off", "started", "threads", "device")
            },
            "checksums": io.folder_checksums(temporary),
            "provenance": provenance.record(),
        }
        io.write_json(temporary / "meta.json", about)


def _kind(spec: dict[str, Any]) -> str:
    """What makes members differ."""
    return str(spec["members"]) if spec["role"] == "reweighter" else "seeds"


def _require_seeds(folders: Sequence[Path], spec: dict[str, Any], seeds: Sequence[int]) -> None:
    """Members that differ by their seeds alone have one each, also where a device rounds by chance."""
    for k, seed in enumerate(seeds):
        if _kind(spec) == "seeds" and seed in seeds[:k]:
            raise InputError(
                f"{folders[k]}: has the seed {seed} of {folders[seeds.index(seed)]}, and so is the same "
                "model but for rounding; train it again"
            )


def _require_kind(folders: Sequence[Path], spec: dict[str, Any], tasks: Sequence[dict[str, Any]]) -> None:
    """Members have learned from what the specification says, since that is what their error is of.

    Halves are both of one partition of the events, pair by pair; replicas are of a seed of their own each;
    members of other kinds, and of taggers, have seen all events.
    """
    kind = _kind(spec)
    if kind == "halves" and len(folders) % 2:
        raise InputError(f"{folders[-1]}: `members: halves` come in pairs, and this one has no other half")
    replicas: set[int] = set()
    for k, (folder, task) in enumerate(zip(folders, tasks, strict=True)):
        found: dict[str, Any] = {key: task[key] for key in ("without", "replica") if key in task}
        wanted: dict[str, Any] = {}
        if kind == "halves":
            of_pair = tasks[k - k % 2].get("without", {}).get("seed", 0)
            wanted = {"without": {"fold": k % 2, "folds": 2, "seed": of_pair}}
        if kind == "bootstrap":
            own = found.get("replica", "a seed")
            wanted = {"replica": "a seed of its own" if own in replicas else own}
            replicas.add(own)
        if found != wanted:
            raise InputError(
                f"{folder}: has learned from {_events(found)}, and `members: {kind}` wants "
                f"{_events(wanted)}; train it again"
            )


def _events(learned: dict[str, Any]) -> str:
    """What a member has learned from, for people."""
    parts = [f"a bootstrap replica ({learned['replica']})"] if "replica" in learned else []
    if "without" in learned:
        parts += ["events without part {fold} of {folds} (partition {seed})".format(**learned["without"])]
    return " of ".join(parts) or "all events"


def _require_different(folders: Sequence[Path], checksums: Sequence[dict[str, Any]]) -> None:
    seen: dict[str, Path] = {}
    for folder, sums in zip(folders, checksums, strict=True):
        files = {name: crc for name, crc in sums.items() if Path(name).name not in OF_A_RUN}
        first = seen.setdefault(str(sorted(files.items())), folder)
        if first is not folder:
            raise InputError(
                f"{folder}: is the same model as {first}: the seed changes nothing with such settings; "
                "let trees sample rows or features (`subsample`, `colsample_bytree`, `max_features` below "
                "1), or leave `ensemble` out; of a reweighter, members of halves and of replicas learn from "
                "other events"
            )
