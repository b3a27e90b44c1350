"""Files that may have been changed, where a call has targets of its own and looks at none of them."""

import json
from collections.abc import Iterator
from pathlib import Path

from jetsmith.configuration.configuration import Configuration
from jetsmith.sealed import made, planned


def unlooked(results: Path, run: Configuration) -> Iterator[str]:
    """A line for each dataset whose files have other times than inspect and look have seen.

    Args:
        results: The results folder.
        run: The run. Its files are not opened.
    """
    ledger = made.Ledger(results)
    for name in run.looked_at:
        times = run.times_ns(name)
        looked = f"inspect/{name}.looked.json"
        entry = ledger.get(looked)
        if entry is not None and set(planned.leaves([("times", times)])) <= set(entry.params):
            continue
        try:
            seen = {
                file["file"]: file["changed_ns"]
                for file in json.loads((results / f"inspect/{name}.json").read_text())["files"]
            }
        except (OSError, ValueError, KeyError, TypeError):
            continue  # inspect is to run anyway
        n_other = sum(seen.get(path, time) != time for path, time in zip(run.paths[name], times, strict=True))
        if n_other:
            yield (
                f"dataset {name}: {n_other:,} files were changed, or touched, since they were looked at, and "
                f"what came of them stands in this call; {results / looked} looks at them, and so does a "
                "whole run"
            )
