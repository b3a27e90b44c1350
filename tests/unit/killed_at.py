"""Run a stage again and again, killed at each of its changes to the disk in turn: `python killed_at.py CALL`.

CALL is JSON: `function` as `jetsmith.module:name`, `given` its arguments, `outputs` paths that it makes.
Prints how often it was killed. A process of its own: it forks, and nothing else may run in it.
"""

import importlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod"}


def main(function: str, given: dict[str, Any], outputs: list[str]) -> int:
    """Number of changes; each output is whole or not there after each kill, and whole after the next run.

    Raises:
        AssertionError: It is half there, or the next run does not mend it.
    """
    module, _, name = function.partition(":")
    stage = getattr(importlib.import_module(module), name)
    paths = [Path(path) for path in outputs]
    assert _fork(lambda: stage(**given), 0) == 0
    whole = {path: content(path) for path in paths}
    remove(paths)
    for k in range(1, 10_000):
        code = _fork(lambda: stage(**given), k)
        if code == 0:
            return k - 1
        assert code == -signal.SIGKILL, code
        for path in paths:
            assert not path.exists() or content(path) == whole[path], f"{path} is half there (change {k})"
        assert _fork(lambda: stage(**given), 0) == 0, k
        assert {path: content(path) for path in paths} == whole, k
        left = {found for path in paths for found in path.parent.iterdir()} - {*paths}
        assert not left, f"left behind by change {k}: {left}"
        remove(paths)
    raise AssertionError("it comes to no end")


def _fork(stage: Callable[[], None], at: int) -> int:
    """Exit code of a child that runs the stage and is killed before its change number `at`; 0 for never."""
    child = os.fork()
    if not child:
        n = 0

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal n
            is_written = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE
            if event in CHANGES or is_written:
                n += 1
                if n == at:
                    os.kill(os.getpid(), signal.SIGKILL)

        if at:
            sys.addaudithook(count)
        stage()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def content(path: Path) -> dict[str, bytes]:
    """Bytes of a file, or of all files of a folder by name."""
    files = [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file())
    return {str(found.relative_to(path)): found.read_bytes() for found in files}


def remove(paths: list[Path]) -> None:
    """Take outputs away."""
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


if __name__ == "__main__":
    print(main(**json.loads(sys.argv[1])))
