"""Files that may have been changed, where a call builds on what they were and looks at none of them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from jetsmith.configuration.configuration import Configuration
from jetsmith.sealed import made, planned


def unlooked(results: str, run: Configuration, planned_now: Mapping[str, bool]) -> Iterator[str]:
    """A line for each dataset whose files have other times than inspect and look have seen.

    Args:
        results: The results folder, as the paths of outputs begin.
        run: The run. Its files are not opened.
        planned_now: Outputs of all jobs of the call, whichever way it was written, and whether they are to
            be made. A dataset is left out where look is among them, or where its plan is not, or is made.
    """
    names = [
        name
        for name in run.looked_at
        if not planned_now.get(f"{results}/inspect/{name}.json", True)
        and f"{results}/inspect/{name}.looked.json" not in planned_now
    ]
    if not names:  # a whole run, which reads no ledger for this
        return
    ledger = made.Ledger(Path(results))
    for name in names:
        plan, looked = f"inspect/{name}.json", f"inspect/{name}.looked.json"
        times = run.times_ns(name)
        entry = ledger.get(looked)
        if entry is not None and set(planned.leaves([("times", times)])) <= set(entry.params):
            continue
        try:
            seen = {
                file["file"]: file.get("changed_ns", 0)
                for file in json.loads(Path(results, plan).read_text())["files"]
            }
        except (OSError, ValueError, KeyError, TypeError):
            continue  # inspect is to run anyway
        n_other = sum(seen.get(path, time) != time for path, time in zip(run.paths[name], times, strict=True))
        if n_other:
            yield (
                f"dataset {name}: {n_other:,} files were changed, or touched, since they were looked at, and "
                f"what came of them stands in this call; {results}/{looked} looks at them, and so does a "
                "whole run"
            )
