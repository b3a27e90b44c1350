"""The end of a run whose weights fail their test: after the page that shows it, before anyone uses them."""

import sys
from collections.abc import Sequence
from pathlib import Path

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.closure import Closure

NOT_TESTED = "not tested"


def verdict(
    closures: Sequence[str | Path],
    allow_failed: bool,
    page: str | Path,
    output: str | Path,
    untested: Sequence[str] = (),
) -> None:
    """Stop the run where the weights of a reweighter fail their test; the page that shows it is there.

    Args:
        closures: results/closure/{reweighter}.json.
        allow_failed: Say it, and go on.
        page: results/report/index.html, named in messages.
        output: JSON: the status of each reweighter.
        untested: Reweighters without events of their target.

    Raises:
        InputError: Names the gates that failed, each with its reason.
    """
    tests = [io.read_record(Closure, path, reweighter=Path(path).stem) for path in closures]
    lines = {
        status: [
            f"{test.reweighter}: {gate.name}: {gate.why}"
            for test in tests
            for gate in test.gates
            if gate.status == status
        ]
        for status in ("failed", "not conclusive")
    }
    if lines["not conclusive"]:
        print("NOT CONCLUSIVE, which is not passed:", *lines["not conclusive"], sep="\n  ", file=sys.stderr)
    if untested:
        print("NOT TESTED, for lack of a dataset of the target:", *untested, sep="\n  ", file=sys.stderr)
    if lines["failed"] and not allow_failed:
        raise InputError(
            "\n  ".join(["the closure test failed; these weights are not to be used:", *lines["failed"]])
            + f"\n{page} shows it. `closure: {{allow_failed_closure: true}}` lets the run go on."
        )
    if lines["failed"]:
        print("FAILED, and allowed to:", *lines["failed"], sep="\n  ", file=sys.stderr)
    io.write_json(
        output, {test.reweighter: test.status for test in tests} | dict.fromkeys(untested, NOT_TESTED)
    )
