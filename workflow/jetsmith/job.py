"""What every job does around its one call: a log file beside the terminal, and plain errors."""

import contextlib
import io
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jetsmith import lifeline
from jetsmith.errors import ConfigError, InputError, OutputError, no_room
from jetsmith.sealed import planned

EXTRAS = {
    **dict.fromkeys(("keras", "tensorflow"), "deep"),
    **dict.fromkeys(("onnx", "onnxruntime"), "bundle"),
    **dict.fromkeys(("iminuit", "pyhf"), "measure"),
}
"""Extras of jetsmith that bring a module."""


class _Tee(io.TextIOBase):
    """Write to the terminal and to the log. A log that cannot be written is given up, and it is said."""

    def __init__(self, terminal: io.TextIOBase, log: Path) -> None:
        self._terminal, self._path = terminal, log
        self._log: io.TextIOBase | None = None
        self._note, self._in_line = "", False
        with self._giving_up():
            log.parent.mkdir(parents=True, exist_ok=True)
            self._log = log.open("w")

    @contextlib.contextmanager
    def _giving_up(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            broken, self._log = self._log, None
            if broken is not None:
                with contextlib.suppress(OSError):
                    broken.close()
            self._note = f"{self._path}: no log: {error.strerror or error}\n"
            self._tell()

    def _tell(self) -> None:
        """Say it between lines, not in one."""
        if self._note and not self._in_line:
            self._terminal.write(self._note)
            self._terminal.flush()
            self._note = ""

    def write(self, text: str) -> int:
        self._terminal.write(text)
        self._terminal.flush()
        self._in_line = not text.endswith("\n") if text else self._in_line
        self._tell()
        return self.to_log(text)

    def to_log(self, text: str) -> int:
        """Write to the log alone."""
        if self._log is not None:
            with self._giving_up():
                self._log.write(text)
                self._log.flush()
        return len(text)

    def flush(self) -> None:
        self._terminal.flush()

    def close(self) -> None:
        if self._log is not None:
            with self._giving_up():
                self._log.close()


def of_training(snakemake: Any) -> dict[str, Any]:
    """What `training.train` gets of its job: seed, resources, where it starts, folder for TensorBoard.

    Args:
        snakemake: Snakemake's object of the script.
    """
    shown = snakemake.config.get("tensorboard")
    start = [Path(path) for path in snakemake.input.get("start", [])]  # a folder, or the files in one
    return {
        "seed": snakemake.params.seed,
        "threads": snakemake.threads,
        "gpus": snakemake.resources.get("gpu", 0),
        "memory_mb": snakemake.resources.get("mem_mb", 0),
        "events": Path(snakemake.log[0]).with_suffix("") if shown else None,
        "start": None if not start else start[0] if len(start) == 1 else start[0].parent,
    }


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Check that this is the job that was planned, and run it.

    Standard error is copied into the job's log; bad input, a full disk and an extra that is not installed end
    with exit code 1 and one clear message. Any other error keeps its traceback: that is a defect of ours, not
    of the input. The job ends with the run that started it.

    Args:
        snakemake: Snakemake's object of the script.
    """
    lifeline.follow()
    tee = _Tee(sys.stderr, Path(snakemake.log[0]))  # type: ignore[arg-type]
    with contextlib.closing(tee), contextlib.redirect_stderr(tee):
        try:
            planned.check(snakemake)
            yield
        except (ConfigError, InputError, OutputError) as error:
            print(f"error: {error}", file=tee)
            sys.exit(1)
        except Exception as error:
            if isinstance(error, OSError) and (reason := no_room(error)):
                print(
                    f"error: {error.filename or 'a file'}: cannot be written: {reason}; make room", file=tee
                )
                sys.exit(1)
            lacking = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
            if extra := EXTRAS.get(lacking):
                print(f"error: `{lacking}` is not installed: make setup EXTRAS={extra}", file=tee)
                sys.exit(1)
            tee.to_log(traceback.format_exc())
            raise
