"""The command: two results folders in, a page, its numbers and figures out."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jetsmith.comparing import figures, page
from jetsmith.comparing.folder import Results
from jetsmith.comparing.gate import gate
from jetsmith.comparing.numbers import BOOTSTRAPS, compared, of_closures
from jetsmith.comparing.records import Change, Comparison, Topic
from jetsmith.comparing.significance import LEVEL, judged
from jetsmith.errors import InputError
from jetsmith.io import write_record


def compare(
    before: str | Path,
    after: str | Path,
    output: str | Path,
    tolerance: float | None = None,
    bootstraps: int = BOOTSTRAPS,
) -> Comparison:
    """Compare two runs; write `output`/index.html, comparison.json and plots/.

    Args:
        before: Results folder of the first, A; nothing is written there.
        after: Results folder of the second, B; nor there.
        output: Folder of the page, neither of the two nor in one of them.
        tolerance: Largest loss of background rejection that B may have, as a fraction; None for any.
        bootstraps: Replicas of intervals of efficiencies.

    Raises:
        InputError: A folder holds no finished run, a file in one is damaged, or the output lies in one.
    """
    runs = Results(Path(before)), Results(Path(after))
    output = Path(output)
    for run in runs:
        if output.resolve().is_relative_to(run.path.resolve()):
            raise InputError(f"{output}: lies in {run.path}, which is to stay as it is; give another folder")
    jets, numbers = compared(*runs, bootstraps)
    numbers = list(judged([*numbers, *of_closures(*runs)]))
    found = Comparison(str(before), str(after), LEVEL, _topics(*runs), tuple(jets), tuple(numbers))
    if tolerance is not None:
        missing = sorted(set(runs[0].calibrated) - set(runs[1].calibrated))
        found = replace(found, gate=gate(numbers, jets, missing, tolerance))
    drawn = list(figures.overlay(*runs, output / "plots"))
    write_record(output / "comparison.json", found)
    page.write_page(output / "index.html", found, runs, drawn)
    return found


def _topics(before: Results, after: Results) -> tuple[Topic, ...]:
    facts = {
        "configuration": (before.config, after.config),
        "inputs": (before.inputs(), after.inputs()),
        "events": (before.events(), after.events()),
        "closure tests": (_gates(before), _gates(after)),
        "software": (before.software(), after.software()),
    }
    found = [Topic(name, len({*a, *b}), changes(a, b)) for name, (a, b) in facts.items()]
    code = before.code(), after.code()
    return (*found, Topic("code", len({*code[0], *code[1]}), _rules(*code)))


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """Facts that differ, in the order of the first run, then those that the second alone has."""
    return tuple(
        Change(key, before.get(key), after.get(key))
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    )


def _gates(run: Results) -> dict[str, str]:
    return {
        f"{name}: {gate}": status
        for name, tested in run.closures.items()
        for gate, status in tested.gates.items()
    }


def _rules(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]
) -> tuple[Change, ...]:
    """Rules whose code differs, with the modules that do."""
    found = []
    for rule in dict.fromkeys([*before, *after]):
        modules = changes(before.get(rule, {}), after.get(rule, {}))
        if modules:
            # Digests say nothing to people: how many modules it is made of, and which are others.
            first, second = (f"{len(of[rule])} modules" if rule in of else None for of in (before, after))
            found.append(Change(rule, first, second, ", ".join(change.key for change in modules)))
    return tuple(found)
