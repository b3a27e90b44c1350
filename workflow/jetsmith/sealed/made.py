"""What each result was made from, written beside the results: they carry their identity.

Snakemake keeps this in `.snakemake` of the folder that it was called in: another checkout, or the same one
without `.snakemake`, would take any results for its own. This file lies in the results folder, moves with it,
and is read by whoever plans on it. Paths in it are relative to that folder.

One JSON object a line, appended by the driver as jobs end. Lists that many files have in common (the
parameters of all partitions) stand once, under a digest. A line that a killed driver has not finished counts
as none. The size, time and fingerprint of each file tell one that somebody has changed, or brought from
elsewhere, from one that was copied as a whole.
"""

import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xxhash

from jetsmith.errors import InputError, OutputError, no_room
from jetsmith.provenance import config_digest

FILE = ".jetsmith/made.jsonl"
PAGE = "report/index.html"
"""What a run makes at its end."""
ACCEPT = "JETSMITH_ACCEPT"
"""Variable with the rules, blanks between, whose results stand although made from something else."""
_FAILED = "failed"
_ENDS = 65_536  # bytes at either end of a file that its fingerprint looks at


@dataclass(frozen=True)
class Made:
    """What one file, or folder, was made from.

    Attributes:
        rule: Name of the rule.
        job: The same number for all outputs of one job.
        params: Its parameters, see `planned.leaves`.
        input: Its inputs.
        checksums: Snakemake's of small inputs.
        began, ended: Times [s].
        state, fingerprint: Of the file when it was made.
        accepted: `when` somebody has let it stand for one of other parameters or code: lines of `params`
            as it `was` made, and those in their place that it `is` taken for.
    """

    rule: str
    job: int
    params: Sequence[str]
    input: Sequence[str]
    checksums: Mapping[str, str]
    began: float
    ended: float
    state: str
    fingerprint: str
    accepted: Mapping[str, Any] | None = None

    @property
    def has_failed(self) -> bool:
        """Whether its job has, and it is not there."""
        return self.state == _FAILED


_SHARED = ("params", "input", "checksums")
_KINDS: dict[str, Any] = {
    "rule": str, "job": int, "began": int | float, "ended": int | float, "state": str, "fingerprint": str,
    "accepted": dict | None,
}  # fmt: skip


class Ledger:
    """The ledger of a results folder.

    Args:
        results: The folder; it need not exist.
    """

    def __init__(self, results: Path) -> None:
        self.results = results
        self._path = results / FILE
        self._shared: dict[str, Any] = {}
        self._files: dict[str, dict[str, Any]] = {}
        self._n_lines = 0
        self._whole = True
        for line in self._lines():
            self._take(line)

    def __iter__(self) -> Iterator[str]:
        """Names of all files, relative to the folder."""
        return iter(self._files)

    def get(self, name: str) -> Made | None:
        """What a file was made from; None where nobody has written it down."""
        line = self._files.get(name)
        return None if line is None else Made(**line | {key: self._shared[line[key]] for key in _SHARED})

    def put(self, name: str, made: Made) -> None:
        """Write down what a file was made from.

        Raises:
            OutputError: The disk is full.
        """
        lines = []
        line: dict[str, Any] = asdict(made)
        for key in _SHARED:
            digest = config_digest(line[key])
            if digest not in self._shared:
                lines.append({"shared": digest, "is": line[key]})
            line[key] = digest
        self._append([*lines, {"file": name, "made": line}])

    def forget(self, name: str) -> None:
        """Write down that a file is no longer what it was; errors as of `put`."""
        if name in self._files:
            self._append([{"file": name, "made": None}])

    def compact(self) -> None:
        """Rewrite the file without what later lines have replaced, where that is most of it."""
        used = {line[key] for line in self._files.values() for key in _SHARED}
        if self._n_lines < 2 * (len(self._files) + len(used)) + 100:
            return
        lines = [{"shared": digest, "is": self._shared[digest]} for digest in sorted(used)]
        lines += [{"file": name, "made": line} for name, line in self._files.items()]
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with temporary.open("w") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        self._n_lines = len(lines)

    def _append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        lines = list(lines)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        text, self._whole = text if self._whole else "\n" + text, False  # until all of it is there
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(text)
        except OSError as error:
            if (reason := no_room(error)) is None:
                raise
            raise OutputError(
                f"{self._path}: cannot be written: {reason}; make room below {self.results} and run again: "
                "what is not written down there is made once more"
            ) from error
        self._whole = True
        for line in lines:
            self._take(line)

    def _lines(self) -> Iterator[Any]:
        try:
            text = self._path.read_text(errors="replace")
        except OSError:
            return
        self._whole = not text or text.endswith("\n")
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):  # the driver was killed while it wrote
                continue

    def _take(self, line: Any) -> None:
        self._n_lines += 1
        if not isinstance(line, dict):
            return
        shared, name = line.get("shared"), line.get("file")
        if isinstance(shared, str) and _are_texts(line.get("is")):
            self._shared[shared] = line["is"]
        elif isinstance(name, str) and line.get("made") is None:
            self._files.pop(name, None)
        elif isinstance(name, str) and self._is_whole(line["made"]):
            self._files[name] = line["made"]

    def _is_whole(self, made: Any) -> bool:
        """Whether a line is as this version writes them, and what it shares is there."""
        if not isinstance(made, dict) or made.keys() != Made.__dataclass_fields__.keys():
            return False
        if not all(isinstance(made[key], kind) for key, kind in _KINDS.items()):
            return False
        params, read, checksums = (
            self._shared.get(made[key]) if isinstance(made[key], str) else None for key in _SHARED
        )
        accepted = made["accepted"]
        if accepted is not None and not (
            isinstance(accepted.get("when"), str)
            and all(_are_texts(accepted.get(key)) for key in ("was", "is"))
        ):
            return False
        return (
            isinstance(params, list | tuple)
            and isinstance(read, list | tuple)
            and isinstance(checksums, dict)
        )


def _are_texts(content: Any) -> bool:
    """Whether it is a list of texts, or texts by texts, as lines share them."""
    found = [*content, *content.values()] if isinstance(content, dict) else content
    return isinstance(found, list | tuple) and all(isinstance(one, str) for one in found)


def failed(rule: str, job: int) -> Made:
    """What stands of a file whose job has failed, until it is made."""
    return Made(rule, job, (), (), {}, began=0.0, ended=0.0, state=_FAILED, fingerprint="")


def of_finished(results: Path) -> Ledger:
    """The ledger of a finished run.

    Args:
        results: Its results folder.

    Raises:
        InputError: It is none, or the run has not come to its end.
    """
    if not results.is_dir():
        raise InputError(f"{results}: there is no such folder; give a results folder, such as `results`")
    if not (results / FILE).is_file():
        raise InputError(
            f"{results}: is no results folder: it has no {FILE}, where a run writes down what it makes; "
            "give the folder that holds report/, scores/ and so on"
        )
    try:
        found = Ledger(results)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _strange(results, error) from error
    page = found.get(PAGE)
    if page is None or page.has_failed:
        why = f"{FILE} does not have {PAGE}" if page is None else f"the job of {PAGE} failed"
        raise InputError(
            f"{results}: the run has not come to its end: {why}; run snakemake until nothing is left to do"
        )
    return found


def reached(ledger: Ledger, roots: Collection[str]) -> dict[str, Made]:
    """Files, and what they were made from, at any depth, with what the same jobs made beside.

    A folder may have more, of classifiers that a run once had.

    Args:
        ledger: Of a results folder.
        roots: Names of the files.

    Raises:
        InputError: The ledger is not as a run writes it.
    """
    try:
        known = ((name, ledger.get(name)) for name in ledger)
        made = {name: one for name, one in known if one is not None and not one.has_failed}
        of_job: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
        for name, one in made.items():
            of_job[one.rule, one.job].append(name)
        seen = queue = set(roots) & made.keys()
        while queue:
            jobs = [made[name] for name in queue]
            read = {str(name).removeprefix("<results>/") for one in jobs for name in one.input}
            beside = {name for one in jobs for name in of_job[one.rule, one.job]}
            queue = (read | beside) & made.keys() - seen
            seen = seen | queue
        return {name: one for name, one in made.items() if name in seen}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _strange(ledger.results, error) from error


def _strange(results: Path, error: Exception) -> InputError:
    said = f"{type(error).__name__}: {str(error)[:120]}"
    return InputError(f"{results / FILE}: not what a run writes ({said}); run snakemake again")


def identity(path: Path) -> dict[str, Any]:
    """Fields `state` and `fingerprint` of a file or folder as it is now.

    It is read before its size is asked for: to open a file tells a network file system to look at the server.
    """
    found = fingerprint(path)
    return {"state": state(path), "fingerprint": found}


def same(path: Path, made: Made) -> bool:
    """Whether a file is still what was made: by its size and time, else by its fingerprint."""
    return state(path) == made.state or fingerprint(path) == made.fingerprint


def state(path: Path) -> str:
    """Size and time of a file; of a folder a digest of those of all files, as they may be exchanged."""
    entries = []
    for file in files_of(path):
        status = file.stat()
        entries.append(f"{status.st_size} {status.st_mtime_ns}")
        if file != path:
            entries.append(str(file.relative_to(path)))
    return config_digest(entries) if path.is_dir() else " ".join(entries)


def fingerprint(path: Path) -> str:
    """Of the names and sizes of all files, and of their first and last 64 KiB.

    Every stage file ends or begins with a checksum of its content (`jetsmith.io`), or is smaller.
    """
    digest = xxhash.xxh3_128()
    for file in files_of(path):
        size = file.stat().st_size
        digest.update(f"{file.relative_to(path)} {size}\n".encode())
        with file.open("rb") as content:
            digest.update(content.read(_ENDS))
            if size > _ENDS:
                content.seek(max(_ENDS, size - _ENDS))
                digest.update(content.read(_ENDS))
    return digest.hexdigest()


def files_of(path: Path) -> list[Path]:
    """The file, or all files of a folder but Snakemake's mark."""
    if not path.is_dir():
        return [path] if path.exists() else []
    return sorted(p for p in path.rglob("*") if p.is_file() and p.name != ".snakemake_timestamp")
