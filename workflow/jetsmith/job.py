"""What every job does around its one call: a log file beside the terminal, and plain errors."""

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from jetsmith.errors import ConfigError, InputError, OutputError


def export_package() -> None:
    """Let the scripts of this process's children import this very package, in any environment."""
    here = str(Path(__file__).parent.parent)
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if here not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([here, *filter(None, paths)])


class _Tee(io.TextIOBase):
    """Write to the terminal and to the log."""

    def __init__(self, *streams: io.TextIOBase) -> None:
        self._streams = streams

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
            stream.flush()
        return len(text)

    def flush(self) -> None:
        for stream in self._streams:
            stream.flush()


@contextlib.contextmanager
def job(log: str | Path) -> Iterator[None]:
    """Copy standard error into `log`; end with exit code 1 and one clear message on bad input.

    Any other error keeps its traceback: that is a defect of ours, not of the input.
    """
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        tee = _Tee(sys.stderr, stream)  # type: ignore[arg-type]
        with contextlib.redirect_stderr(tee):
            try:
                yield
            except (ConfigError, InputError, OutputError) as error:
                print(f"error: {error}", file=tee)
                sys.exit(1)
            except Exception:
                traceback.print_exc(file=stream)
                raise
