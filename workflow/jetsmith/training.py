"""Stage train: a classifier from a packed sample.

Work goes on in `<output>.partial`, which survives a killed job: a rerun with the same specification,
seed, data and code continues there. It becomes the output, in one rename, when everything is done.
"""

import contextlib
import functools
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from jetsmith import io, locks, plugs, provenance, sides, signs
from jetsmith.balance import FEW, balanced_weights, effective_rows, heavy_jets
from jetsmith.chosen import ROLES, Without, chosen_rows, class_index, require_classes, times_in
from jetsmith.classifiers import STARTED, Backend, Device, Labelled, Task, find_backend, require_gpu
from jetsmith.classifiers._events import Events
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, IntArray
from jetsmith.packed import arrays
from jetsmith.packed.arrays import Packed
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import RecipeSpec

LOCK_WAIT_S = 3600.0
TASK, DONE = "task.json", "done.json"  # of the working folder: what is trained, and each model that is


def train(
    spec: RecipeSpec,
    packed: str | Path,
    output: str | Path,
    seed: int,
    threads: int = 1,
    without: Without | None = None,
    gpus: int = 0,
    memory_mb: int = 0,
    events: Path | None = None,
    start: Path | None = None,
    replica: int | None = None,
    taught: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Train a classifier, or one a fold.

    With K folds, model k is fitted on all folds but k and (k + 1) mod K, of all splits together; the
    latter is its validation, the former it never sees.

    Args:
        spec: The classifier, resolved.
        packed: Folder results/packed/{sample} with the four splits, their rows and the groups of the inputs.
        output: Folder of the model: spec.json, meta.json, history.json and the model's own files, or
            spec.json, meta.json and fold0/, fold1/, … with folds.
        seed: Seed of weights, batches and sampling.
        threads: CPU threads.
        without: Train and validate on the events that are not in this part.
        gpus: GPUs that the job asked for.
        memory_mb: Memory that it asked for; 0 where nobody has said.
        events: Folder for TensorBoard's event files, of each fold one in it.
        start: Folder of a trained network; networks start from its weights, those of all folds.
        replica: Seed of a bootstrap replica of the events, the same of all folds: rows are trained and
            validated on as often as their event is in it. None: once each.
        taught: What those are told that start from it (`configuration.started.Taught`), for meta.json.

    Raises:
        ConfigError: The backend or the model does not exist or does not take its arguments.
        InputError: A feature was not packed or is not finite, a class has no rows or no weight, the
            loss is NaN, or the job has asked for a GPU and sees none.
    """
    packed, output = Path(packed), Path(output)
    backend = find_backend(spec.backend)
    parts = arrays.read_splits(packed, SPLITS, spec.groups, spec.sample)
    device = backend.device(spec, threads, gpus)
    require_gpu(spec, device, gpus)
    identity = task_identity(spec, parts, seed, device, without, replica)
    if start is not None:
        io.check_folder(start, "train it again", needed=("model.keras", "spec.json"))
        identity["start"] = io.read_json(start / "meta.json")["checksums"]
    with alone(output):
        if (_noted(output / "meta.json") or {}).get("task") == identity:
            print(f"[train] {output} is done already: by the process that was there", file=sys.stderr)
            return
        partial = output.with_name(output.name + ".partial")
        _open(partial, identity)
        classes = [class_index(spec, part) for part in parts]
        recipe, off = sides.trainable(spec, parts)
        times = None if replica is None else times_in(replica, parts)
        about: dict[str, Any] = {}
        heavy: dict[str, Any] = {}
        effective: dict[str, Any] = {}
        started: dict[str, Any] = {}
        for fold in range(spec.folds) if spec.folds else [None]:
            folder = partial if fold is None else partial / f"fold{fold}"
            done = _done(folder)
            if done is None:
                folder.mkdir(exist_ok=True)
                history: list[dict[str, float]] = []
                counts: dict[str, dict[str, Any]] = {}
                if backend.TRAINS:
                    print(f"[train {spec.name}] {device}, threads: {threads}", file=sys.stderr, flush=True)
                    masks = chosen_rows(spec, parts, fold, without, times)
                    part = without.fold if fold is None and without is not None else fold
                    task = functools.partial(
                        Task,
                        recipe,
                        folder=folder,
                        threads=threads,
                        devices=device.count,
                        memory_mb=memory_mb,
                        start=start,
                    )
                    if events is not None:
                        live = Events(events if fold is None else events / folder.name)
                        task = functools.partial(task, live=live)
                    history, counts = _fit(
                        recipe,
                        backend,
                        parts,
                        classes,
                        masks,
                        times,
                        part,
                        seed,
                        packed,
                        task,
                        without is None,
                    )
                io.write_json(folder / "history.json", history)
                done = {"rows": counts, "checksums": _checksums(folder)}
                io.write_json(folder / DONE, done)
            if done["rows"]:
                name = "model" if fold is None else folder.name
                about[name] = {role: counted for role, counted in done["rows"].items() if role in ROLES}
                heavy[name] = done["rows"]["heavy_jets"]
                effective[name] = done["rows"]["effective"]
            if start is not None:
                started[folder.name if fold is not None else "model"] = io.read_json(folder / STARTED)
        io.write_json(partial / "spec.json", spec.model_dump(mode="json"))
        io.write_json(
            partial / "meta.json",
            {
                "classifier": spec.name,
                "rows": about,
                "effective": effective,
                "checksums": _checksums(partial),
                "heavy_jets": heavy,
                "heads_off": off,
                "started": started,
                **taught,
                "seed": seed,
                "threads": threads,
                "device": asdict(device),
                "task": identity,
                "provenance": provenance.record(),
            },
        )
        for path in (*partial.glob(f"**/{DONE}"), partial / TASK):
            path.unlink()
        io.move(partial, output)


def _checksums(folder: Path) -> dict[str, str]:
    """Of all files that stay."""
    found = io.folder_checksums(folder)
    return {name: value for name, value in found.items() if Path(name).name not in (TASK, DONE, "meta.json")}


def _done(folder: Path) -> dict[str, Any] | None:
    """What an earlier run has noted of a model that it finished; None where it is to be trained."""
    if not (folder / DONE).is_file():
        return None
    try:
        done: dict[str, Any] = io.read_json(folder / DONE)
        io.check_files(folder, done["checksums"], done["checksums"], "it is trained anew")
    except InputError as error:
        print(f"[train] {error}", file=sys.stderr, flush=True)
        (folder / DONE).unlink()
        return None
    return done


def _fit(
    spec: RecipeSpec,
    backend: Backend,
    parts: Sequence[Packed],
    classes: Sequence[IntArray],
    masks: tuple[list[BoolArray], list[BoolArray]],
    times: Sequence[IntArray] | None,
    fold: int | None,
    seed: int,
    packed: Path,
    task: Callable[..., Task],
    whole: bool,
) -> tuple[list[dict[str, float]], dict[str, dict[str, Any]]]:
    """Train on rows, and validate on others; the history, rows by role and class, and `heavy_jets`.

    Auxiliary heads are judged on the rows of neither, where the training is a whole one.
    """
    rows, target, side = [], [], []
    drawn: list[IntArray] = []
    about: dict[str, Any] = {}
    for role, chosen in zip(ROLES, masks, strict=True):
        known = [mask & (index >= 0) for mask, index in zip(chosen, classes, strict=True)]
        rows.append(Rows.select(spec.inputs, parts, known))
        side.append((sides.of_rows(spec, parts, known), sides.of_constituents(spec, parts, known)))
        target.append(np.concatenate([index[mask] for index, mask in zip(classes, known, strict=True)]))
        if times is not None:
            drawn.append(np.concatenate([n[mask] for n, mask in zip(times, known, strict=True)]))
        counts = np.bincount(target[-1], minlength=len(spec.classes))
        about[role] = dict(zip(spec.class_names, map(int, counts), strict=True))
        dropped = int(sum(mask.sum() for mask in chosen)) - len(target[-1])
        about[role]["of_no_class"] = dropped
    require_classes(spec, about, packed)
    for which in (*rows, *(constituents for _, constituents in side if constituents is not None)):
        which.check()
    weights = balanced_weights(spec, rows, target, drawn or None)
    about["effective"] = {
        role: effective_rows(spec, *given) for role, *given in zip(ROLES, target, weights, strict=True)
    }
    _say_few(spec, about)
    about["heavy_jets"] = heavy_jets(spec, target[0], weights[0])
    for name, share in about["heavy_jets"].items():
        print(
            f"[train {spec.name}] one row carries {share:.0%} of the weight of class {name}: look at its "
            "generator weight, the classifier will learn this row by heart",
            file=sys.stderr,
            flush=True,
        )
    if spec.auxiliary and whole:
        task = functools.partial(task, judged=sides.judged(spec, parts, classes, fold))
    found = task(
        train=Labelled(rows[0], target[0], weights[0], *side[0]),
        validation=Labelled(rows[1], target[1], weights[1], *side[1]),
        seed=seed if fold is None else int(np.random.default_rng([seed, fold]).integers(2**31)),
    )
    if signs.are_classes(spec):
        found = signs.split(found)
    elif not backend.SIGNED and any(bool((weight < 0).any()) for weight in weights):
        raise InputError(
            f"{spec.name}: backend `{spec.backend}` takes no weights below 0, which events of sample "
            f"`{spec.sample}` have, and their size alone would teach other densities; "
            "`training: {negative_weights: classes}`, or `xgboost` or `keras`"
        )
    history = backend.fit(found)
    found.live(history)
    return history, about


def _say_few(spec: RecipeSpec, about: Mapping[str, Any]) -> None:
    """Classes whose rows teach as few, since their weights differ, and those that no row validates."""
    counts, effective = about[ROLES[0]], about["effective"][ROLES[0]]
    few = [f"{name} {n:,} of {counts[name]:,}" for name, n in effective.items() if n < FEW * counts[name]]
    if few:
        flat = (
            f"; where sample `{spec.sample}` has `normalise: flat`, each row counts 1: for jets that were "
            "generated flat in pt"
            if spec.role == "tagger"
            else ""
        )
        print(
            f"[train {spec.name}] rows to train on count as few, since weights differ or signs cancel: "
            f"{', '.join(few)}{flat}",
            file=sys.stderr,
            flush=True,
        )
    blind = [name for name, n in about["effective"][ROLES[1]].items() if not n]
    if blind:
        print(
            f"[train {spec.name}] nothing to validate on of {', '.join(blind)}: when the training stops does "
            "not depend on it; raise splits.validation, or give the sample more of it",
            file=sys.stderr,
            flush=True,
        )


@contextlib.contextmanager
def alone(output: Path) -> Iterator[None]:
    """Wait for another process that trains the same, such as a job that a killed run has left.

    Two would write into one folder of checkpoints.
    """
    path = output.with_name(f".{output.name}.lock")
    deadline, said = time.monotonic() + LOCK_WAIT_S, False
    while True:
        try:
            file = locks.hold(path)
            break
        except BlockingIOError:
            if not said:
                print(f"[train] another process trains {output}: waiting for it", file=sys.stderr, flush=True)
                said = True
            if time.monotonic() > deadline:
                raise InputError(
                    f"another process has been training {output} for {LOCK_WAIT_S / 60:.0f} min, perhaps one "
                    f"that a killed run has left; end it, or where there is none remove {path}"
                ) from None
            time.sleep(0.5)
    with file:
        yield


def _open(partial: Path, identity: dict[str, Any]) -> None:
    """Make the working folder, or keep that of an earlier run of the same task."""
    record = partial / TASK
    if record.is_file():
        if _noted(record) == identity:
            print(f"[train] going on in {partial}", file=sys.stderr, flush=True)
            return
        print(f"[train] {partial} is of another task: starting anew", file=sys.stderr, flush=True)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    io.write_json(record, identity)


def _noted(path: Path) -> Any:
    """Content of a note; None where there is none, or where it is damaged, which is said."""
    if not path.is_file():
        return None
    try:
        return io.read_json(path)
    except InputError as error:
        print(f"[train] {error}", file=sys.stderr, flush=True)
        return None


def task_identity(
    spec: RecipeSpec,
    parts: Sequence[Packed],
    seed: int,
    device: Device,
    without: Without | None = None,
    replica: int | None = None,
) -> dict[str, Any]:
    """What must be the same for a training to be gone on with."""
    return {
        "spec": provenance.config_digest(spec.model_dump(mode="json")),
        "seed": seed,
        "device": device.kind if device.count == 1 else f"{device.count} {device.kind}",
        "data": [part.digest for part in parts],
        "code": provenance.code_digest("training", *plugs.modules(spec)),
        **({} if without is None else {"without": asdict(without)}),
        **({} if replica is None else {"replica": replica}),
    }
