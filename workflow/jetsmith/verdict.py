"""The end of a run that fails: after the page that shows it, before anyone uses what it has made.

Weights fail their closure test, or taggers are worse than those of the run that this one is compared with.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.closure import REFINED, Closure
from jetsmith.handed.comparison import Comparison, Gate

WEIGHT_REFINED = "weight_refined"  # the column of weights
NOT_TESTED = "not tested"
COMPARED = "comparison/comparison.json"
"""Of the gate of a comparison, beside names of reweighters, which have no slash; where it is, in results/."""


def verdict(
    closures: Sequence[str | Path],
    allow_failed: bool,
    page: str | Path,
    output: str | Path,
    untested: Sequence[str] = (),
    comparison: str | Path | None = None,
) -> None:
    """Stop the run where weights or taggers fail; the page that shows it is there.

    Args:
        closures: results/closure/{reweighter}.json.
        allow_failed: Say it, and go on.
        page: results/report/index.html, named in messages.
        output: JSON: the status of each reweighter, of its refined weights (`<reweighter>/weight_refined`)
            where it has some, and of the comparison where it has a gate.
        untested: Reweighters without events of their target.
        comparison: results/comparison, with a gate; None of a run without one.

    Raises:
        InputError: Names the gates that failed, each with its reason, or a comparison has no gate.
    """
    compared = None if comparison is None else _gate(Path(comparison) / "comparison.json")
    tests = [io.read_record(Closure, path, reweighter=Path(path).stem) for path in closures]
    lines = {
        status: [
            f"{test.reweighter}: {_name(gate.name)}: {gate.why}"
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
    problems = []
    if lines["failed"] and not allow_failed:
        problems.append(
            "\n  ".join(["the closure test failed; these weights are not to be used:", *lines["failed"]])
            + f"\n{page} shows it. `closure: {{allow_failed_closure: true}}` lets the run go on."
        )
    if compared is not None and compared.status == "failed":
        problems.append(
            "\n  ".join(
                [f"taggers lose more than {100 * compared.tolerance:g}% of their rejection:", *compared.lines]
            )
            + f"\n{page} shows it. `compare` without `fail_if_worse_than` lets the run go on."
        )
    if compared is not None and compared.status == "not conclusive":
        said = "THE COMPARISON IS NOT CONCLUSIVE, which is not passed:"
        print(said, *compared.lines, sep="\n  ", file=sys.stderr)
    if problems:
        raise InputError("\n".join(problems))
    if lines["failed"]:
        print("FAILED, and allowed to:", *lines["failed"], sep="\n  ", file=sys.stderr)
    found: dict[str, str] = {test.reweighter: test.status for test in tests}
    found |= {
        f"{test.reweighter}/{WEIGHT_REFINED}": gate.status
        for test in tests
        for gate in test.gates
        if gate.name == REFINED
    }
    found |= dict.fromkeys(untested, NOT_TESTED)
    io.write_json(output, found | ({COMPARED: compared.status} if compared is not None else {}))


def _name(gate: str) -> str:
    """Of a gate, with the weights that it is of where these are others."""
    return f"{gate} (of `{WEIGHT_REFINED}`, not of `weight`)" if gate == REFINED else gate


def _gate(path: Path) -> Gate:
    found = io.read_record(Comparison, path)
    if found.gate is None:
        raise InputError(f"{path}: has no gate, though the run asks for one; remove it and run again")
    return found.gate
