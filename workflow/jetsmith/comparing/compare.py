"""The command and the stage: two results folders in, a page, its numbers and figures out."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jetsmith.comparing import figures, page
from jetsmith.comparing.folder import Results, Running
from jetsmith.comparing.gate import gate
from jetsmith.comparing.measured import of_resilience, of_scale_factors
from jetsmith.comparing.numbers import BOOTSTRAPS, compared, of_closures
from jetsmith.comparing.planes import of_planes
from jetsmith.comparing.significance import LEVEL, judged
from jetsmith.errors import InputError, OutputError
from jetsmith.handed.comparison import Change, Comparison, Topic
from jetsmith.io import atomic_directory, write_record
from jetsmith.sealed.made import FILE, fingerprint


def compare(
    before: str | Path,
    after: str | Path,
    output: str | Path,
    tolerance: float | None = None,
    bootstraps: int = BOOTSTRAPS,
) -> Comparison:
    """Compare two finished runs; write `output`/index.html, comparison.json and plots/.

    Args:
        before: Results folder of the first, A; nothing is written there.
        after: Results folder of the second, B; nor there.
        output: Folder of the page, neither of the two nor in one of them.
        tolerance: Largest loss of background rejection that B may have, as a fraction; None for any.
        bootstraps: Replicas of intervals of efficiencies.

    Raises:
        InputError: A folder holds no finished run, a file in one is damaged, or the output lies in one or is
            no folder; or the runs have no name in common.
        OutputError: The output cannot be made.
    """
    output = Path(output)
    for path in (output, *output.parents):
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is a file; give a folder for the page, such as `-o comparison`")
    runs = Results(Path(before)), Results(Path(after))
    if not runs[0].has & runs[1].has:
        raise InputError(
            f"{runs[0].name} and {runs[1].name}: no dataset, tagger or reweighter in common, by its name; "
            "there is nothing to compare"
        )
    return _compare(runs, output, tolerance, bootstraps)


def compare_with(
    against: str | Path,
    ledger: str,
    files: Iterable[str | Path],
    run: Mapping[str, Any],
    output: str | Path,
    tolerance: float | None = None,
    bootstraps: int = BOOTSTRAPS,
) -> Comparison:
    """Stage compare: a run that is under way, B, with a finished one, A.

    Of B it reads stage files alone, all of them left of the page, which shows what is found here.

    Args:
        against: Results folder of A; nothing is written there.
        ledger: Fingerprint of its ledger, by which it is still what was planned with.
        files: Stage files of B.
        run: The resolved configuration of B, as its page will show it.
        output: Folder results/comparison of B.
        tolerance: As `compare`.
        bootstraps: As `compare`.

    Raises:
        InputError: As `compare`, or A is no longer what was planned with.
    """
    against, output = Path(against), Path(output)
    before = Results(against)
    if fingerprint(against / FILE) != ledger:
        raise InputError(f"{against}: its run has gone on since this one was planned; run snakemake again")
    after = Running(output.parent, run, files)
    with atomic_directory(output) as temporary:
        return _compare((before, after), temporary, tolerance, bootstraps)


def _compare(
    runs: tuple[Results, Results], output: Path, tolerance: float | None, bootstraps: int
) -> Comparison:
    """The page of a comparison: nowhere in a finished run, whose ledger has all that lies in its folder.

    That of a run that is under way is one of its results, and its ledger will have it.
    """
    for run in runs:
        if run.is_finished and output.resolve().is_relative_to(run.path.resolve()):
            raise InputError(f"{output}: lies in {run.path}, which is to stay as it is; give another folder")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be made: {error.strerror}; give a folder of yours") from error
    jets, numbers, unjudged = compared(*runs, bootstraps)
    of_points, more = of_planes(*runs)
    further = [*more, *of_scale_factors(*runs), *of_resilience(*runs), *of_closures(*runs)]
    jets, numbers = [*jets, *of_points], list(judged([*numbers, *further]))
    found = Comparison(runs[0].name, runs[1].name, LEVEL, _topics(*runs), tuple(jets), tuple(numbers))
    if tolerance is not None:
        found = replace(found, gate=gate(numbers, unjudged, tolerance))
    drawn = list(figures.overlay(*runs, output / "plots"))
    write_record(output / "comparison.json", found)
    page.write_page(output / "index.html", found, runs, drawn)
    return found


def _topics(before: Results, after: Results) -> tuple[Topic, ...]:
    facts = {
        "configuration": (_settings(before), _settings(after)),
        "inputs": (before.inputs(), after.inputs()),
        "events": (before.events(), after.events()),
        "closure tests": (_gates(before), _gates(after)),
        "software": (before.software(), after.software()),
    }
    found = [Topic(name, len({*a, *b}), changes(a, b)) for name, (a, b) in facts.items()]
    first, second = before.code(), after.code()
    if not after.is_finished:  # what it has not come to is no difference
        first = {rule: digests for rule, digests in first.items() if rule in second}
    return (*found, Topic("code", len({*first, *second}), _rules(first, second)))


def _settings(run: Results) -> dict[str, str]:
    """The configuration, but for what the run itself is compared with."""
    return {key: value for key, value in run.config.items() if not f"{key}.".startswith("run.compare.")}


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
