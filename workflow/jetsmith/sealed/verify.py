"""`jetsmith verify`: a random sample of finished jobs runs again, elsewhere, and has to make the same.

The results folder is copied by hard links into one beside it; there the results of the chosen jobs are taken
away and made again by Snakemake, and each is compared with what it stands for.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from jetsmith.archives import steady
from jetsmith.errors import InputError
from jetsmith.io import scratch_directory
from jetsmith.sealed import made

WITHOUT = {"provenance", "code", "checksum", "checksums", "seconds", "date", "changed_ns", "read_again"}
"""Keys of JSON files that hold times, also of files, machines and versions (of code, too), or checksums of
what does."""
TOLERANCE = 1e-4
"""Largest difference of numbers that a network has made on another machine, relative or absolute."""
FROM_NETWORKS = (
    "models", "scores", "weights", "closure", "explain", "moves", "ablation", "loss_scans", "calibration",
    "learned", "scale_factors", "bundles", "plots", "comparison", "hepdata",
)  # fmt: skip
"""Folders whose numbers may come from a network: bit for bit on the same machine alone. So may scores that
are packed for another tagger."""
SUMS = "SHA256SUMS"
"""Of a bundle: checksums of files that are compared themselves."""
ARRAYS = (".npy", ".npz")
TEXTS = (".yaml", ".md")
"""Tables for HEPData and cards of bundles: words that are the same, and numbers."""
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
DRAWN = (".pdf", ".png", ".html")
"""Files that show numbers of others, with a date."""


def verify(
    results: Path, fraction: float, seed: int, snakemake: Sequence[str], tolerance: float = 0.0
) -> int:
    """Run a sample of finished jobs again and compare what they make.

    Args:
        results: The results folder.
        fraction: Share of the jobs, at least one of each rule.
        seed: Of the choice.
        snakemake: Options for Snakemake, such as `--configfile` and `--cores`.
        tolerance: Allowed difference of numbers that networks made; 0 for bit for bit.

    Returns:
        Number of files that differ; each is named on standard error.

    Raises:
        InputError: There is nothing to verify, no room for it, or a job did not run again.
        OutputError: The disk is full, or is not for this user to write.
    """
    if not 0 <= fraction <= 1:
        raise InputError(f"--fraction {fraction:g}: is a share of the jobs, from 0 (one of each rule) to 1")
    ledger = made.Ledger(results)
    jobs = finished(ledger)
    if not jobs:
        raise InputError(f"{results}: no finished job is written down in {made.FILE}; nothing to verify")
    chosen = choose(jobs, fraction, random.Random(seed))
    again = _beside(results)
    print(f"{len(chosen)} of {len(jobs)} jobs run again in {again}", file=sys.stderr, flush=True)
    for rule, outputs in last_first(ledger, chosen):  # these jobs alone, not what reads their results
        wanted = [again / name for name in outputs]
        for path in wanted:
            _remove(path)
        command = [sys.executable, "-m", "snakemake", *_elsewhere(snakemake, again), "--allowed-rules", rule]
        if subprocess.run([*command, "--", *map(str, wanted)]).returncode:
            raise InputError(f"{again}: a job of {rule} did not run again; its message is above")
        if lacking := [str(path) for path in wanted if not path.exists()]:
            raise InputError(f"{', '.join(lacking)}: {rule} ran, and did not make it again")
    names = [name for _, outputs in chosen for name in outputs]
    differing = [
        name for name in names if not same(results / name, again / name, tolerance, (results, again))
    ]
    for name in differing:
        print(f"differs: {results / name} and {again / name}", file=sys.stderr)
    drawn = [name for name in names if Path(name).suffix in DRAWN and name not in differing]
    taken = sum(not _equal(results / name, again / name) for name in drawn)
    note = f"; {taken} of them are pages and figures with other bytes: the numbers of others are compared"
    print(
        f"{len(names) - len(differing)} of {len(names)} files are the same{note if taken else ''}",
        file=sys.stderr,
    )
    if not differing:
        _take_away(again)
    return len(differing)


def _beside(results: Path) -> Path:
    """A copy of a results folder by hard links, on its disk: beside the folder itself, where it is a link.

    Where files cannot be linked, as beside a disk of its own, they are copied, and it is said. It has its
    name when it is whole: of what was interrupted nothing stays, or the next one takes it away.
    """
    real = results.resolve() if results.is_symlink() else results
    again = real.with_name(f"{real.name}.verify")
    if again.exists() and not (again / made.FILE).is_file():
        raise InputError(
            f"{again}: is none of verify's folders; move it away, since one of that name is made"
        )
    try:
        if again.exists():
            _take_away(again)
        with scratch_directory(again) as temporary:
            copy = temporary / real.name
            try:
                shutil.copytree(real, copy, copy_function=os.link, symlinks=True)
            except shutil.Error as error:
                print(
                    f"{real}: its files are copied, not linked: {_first(error)}", file=sys.stderr, flush=True
                )
                shutil.rmtree(copy)
                shutil.copytree(real, copy, symlinks=True)
            _unlink_ledger(results, copy)
            copy.rename(again)
    except OSError as error:
        raise InputError(f"{again}: cannot be made: {_first(error)}") from error
    return again


def _first(error: OSError) -> Any:
    """What an error says; of shutil's own, which is one of many files, the first."""
    return error.args[0][0][2] if isinstance(error, shutil.Error) else error


def _take_away(again: Path) -> None:
    """Remove a folder of verify's, at once for who looks for it: half of one would be nobody's."""
    with scratch_directory(again) as temporary:
        again.rename(temporary / again.name)


def finished(ledger: made.Ledger) -> list[tuple[str, tuple[str, ...]]]:
    """Rule and outputs of each job whose results are there, in the order of their names."""
    jobs: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for name in ledger:
        entry = ledger.get(name)
        if entry is not None and not entry.has_failed and (ledger.results / name).exists():
            jobs[entry.rule, entry.job].append(name)
    return sorted((rule, tuple(sorted(names))) for (rule, _), names in jobs.items())


def choose(
    jobs: Sequence[tuple[str, tuple[str, ...]]], fraction: float, lot: random.Random
) -> list[tuple[str, tuple[str, ...]]]:
    """A random share of the jobs of each rule, at least one."""
    by_rule: defaultdict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for job in jobs:
        by_rule[job[0]].append(job)
    return [
        job
        for rule in sorted(by_rule)
        for job in lot.sample(by_rule[rule], max(1, round(fraction * len(by_rule[rule]))))
    ]


def last_first(
    ledger: made.Ledger, jobs: Sequence[tuple[str, tuple[str, ...]]]
) -> list[tuple[str, list[str]]]:
    """A rule and outputs of its jobs at once, the end of the way before: what a job reads is as it was.

    A rule at several places of the way, as `score` with taggers that read others, comes several times.
    """

    @cache
    def depth(name: str) -> int:
        entry = ledger.get(name)
        read = [] if entry is None else [path.removeprefix("<results>/") for path in entry.input]
        return 1 + max(map(depth, read), default=0)

    places: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for rule, outputs in jobs:
        places[-max(map(depth, outputs)), rule] += outputs
    return [(rule, names) for (_, rule), names in sorted(places.items())]


def same(path: Path, other: Path, tolerance: float = 0.0, folders: tuple[Path, Path] | None = None) -> bool:
    """Whether two results say the same: bit for bit, but for times, machines and versions.

    What cannot be read differs from all but its own bytes; why is said on standard error.

    Args:
        path: A file or folder.
        other: The one that it is compared with.
        tolerance: As of `verify`.
        folders: The results folders of both: names of files in them count from there, and where in them a
            file lies says whether a network may have made it. Without them `tolerance` holds for all files.
    """
    try:
        return _same(path, other, tolerance, folders)
    except Exception as error:  # NumPy, pyarrow, uproot and zipfile each have their own for damaged bytes
        print(f"{path} and {other}: cannot be compared: {error!r}", file=sys.stderr, flush=True)
        return False


def _same(path: Path, other: Path, tolerance: float, folders: tuple[Path, Path] | None) -> bool:
    if path.is_dir() or other.is_dir():
        names = {str(p.relative_to(top)) for top in (path, other) for p in made.files_of(top)}
        return all(same(path / name, other / name, tolerance, folders) for name in names)
    if not (path.is_file() and other.is_file()):
        return False
    if _equal(path, other):
        return True
    near = tolerance if folders is None or (tolerance and _from_network(path, folders[0])) else 0.0
    if near and path.name == SUMS:
        return True
    if path.suffix == ".json":
        texts = [p.read_text() for p in (path, other)]
        if folders is not None:
            texts = [_from(folder, text) for folder, text in zip(folders, texts, strict=True)]
        left, right = (_without_times(json.loads(text)) for text in texts)
        return _near(left, right, near)
    if near and path.suffix in TEXTS:
        return _near_text(path.read_text(), other.read_text(), near)
    if path.suffix in DRAWN:  # drawn from the numbers beside them, with the date
        return path.with_suffix(".json").is_file() or path.suffix == ".html"
    if path.suffix == ".parquet":
        return _same_table(path, other, near)
    if path.suffix == ".root":
        return _same_trees(path, other)
    if path.suffix in ARRAYS:
        return _same_arrays(path, other, near)
    if zipfile.is_zipfile(path) and zipfile.is_zipfile(other):
        return steady(path.read_bytes()) == steady(other.read_bytes())  # models of others, and from before
    return False


def _from_network(path: Path, results: Path) -> bool:
    """Whether numbers of a file may come from a network: by its stage's folder, or as scores that are packed.

    Names of folders above the results, and of those below a stage's, say nothing.
    """
    stage = path.relative_to(results).parts[0]
    about = path.with_name("meta.json")
    return stage in FROM_NETWORKS or (
        stage == "packed" and about.is_file() and "models" in json.loads(about.read_text())
    )


def _same_arrays(path: Path, other: Path, near: float) -> bool:
    """NumPy's files with the same arrays by their names."""
    left, right = (_arrays(p) for p in (path, other))
    return left.keys() == right.keys() and all(
        array.dtype == right[name].dtype
        and array.shape == right[name].shape
        and _close(array, right[name], near)
        for name, array in left.items()
    )


def _close(left: Any, right: Any, near: float) -> bool:
    if left.dtype.kind != "f":
        return np.array_equal(left, right)
    return bool(np.isclose(left, right, rtol=near, atol=near, equal_nan=True).all())


def _arrays(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:  # of a damaged one NumPy closes none
        found = np.load(file, allow_pickle=False)
        return {"": found} if path.suffix == ".npy" else {name: found[name] for name in found}


def _same_trees(path: Path, other: Path) -> bool:
    """ROOT files with the same trees: each has an identifier of its own, and the time when it was written."""
    import uproot

    with uproot.open(path) as left, uproot.open(other) as right:
        if any(file.file.fEND > p.stat().st_size for p, file in ((path, left), (other, right))):
            return False  # cut off, maybe behind the last number
        if left.classnames() != right.classnames() or {*left.classnames().values()} - {"TTree"}:
            return False
        return all(
            left[tree].typenames() == right[tree].typenames()
            and all(
                ak.array_equal(left[tree][name].array(), right[tree][name].array(), equal_nan=True)
                for name in left[tree].typenames()
            )
            for tree in left.classnames()
        )


def _equal(path: Path, other: Path) -> bool:
    return path.read_bytes() == other.read_bytes()


def _from(folder: Path, text: str) -> str:
    """JSON whose paths below a results folder begin with `<results>`, however the folder was named."""
    for named in (folder.absolute(), Path(os.path.relpath(folder))):
        text = text.replace(f'"{named}/', '"<results>/')
    return text


def _same_table(path: Path, other: Path, near: float) -> bool:
    import pyarrow.parquet as pq

    left, right = (pq.read_table(p) for p in (path, other))
    if left.schema.names != right.schema.names or left.num_rows != right.num_rows:
        return False
    if left.equals(right):
        return True
    return near > 0 and all(
        _near(left[name].to_pylist(), right[name].to_pylist(), near) for name in left.schema.names
    )


def _without_times(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_times(value) for key, value in content.items() if key not in WITHOUT}
    return [_without_times(value) for value in content] if isinstance(content, list) else content


def _near(left: Any, right: Any, near: float) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_near(left[key], right[key], near) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_near, left, right, [near] * len(left)))
    if isinstance(left, float) and isinstance(right, float):
        return _close(np.float64(left), np.float64(right), near)
    return bool(left == right)


def _near_text(left: str, right: str, near: float) -> bool:
    if NUMBER.split(left) != NUMBER.split(right):
        return False
    pairs = zip(NUMBER.findall(left), NUMBER.findall(right), strict=True)
    return all(a == b or _close(np.float64(a), np.float64(b), near) for a, b in pairs)


def _unlink_ledger(results: Path, again: Path) -> None:
    """A ledger of its own: appended to, the linked one would be the other folder's, too."""
    target = again / made.FILE
    target.unlink()
    shutil.copy2(results / made.FILE, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _elsewhere(options: Sequence[str], results: Path) -> list[str]:
    """Options of Snakemake with another results folder; it takes `--config` but once."""
    own = results / ".jetsmith"
    folders = {"results": str(results), "logs": str(own / "logs"), "benchmarks": str(own / "benchmarks")}
    setting = f"pathvars={json.dumps(folders)}"
    if "--config" in options:
        at = options.index("--config") + 1
        return [*options[:at], setting, *options[at:]]
    return [*options, "--config", setting]
