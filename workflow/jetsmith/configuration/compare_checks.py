"""Checks of the run that this one is compared with, run before any job."""

import re
from pathlib import Path

from jetsmith.configuration.checks import local, unset
from jetsmith.errors import ConfigError, InputError
from jetsmith.sealed.made import FILE, PAGE, of_finished, reached
from jetsmith.specs.run import CompareSpec, RunSpec

RESULTS = "results"  # where results lie by default
READ = (
    r"scores/\w+/\w+\.(parquet|meta\.json)|calibration/\w+\.numbers\.json|plots/(roc|resilience)/\w+/\w+\.json"
    r"|(scale_factors|closure|inspect|skim)/\w+\.json"
)
"""Pattern of the files of a results folder that a comparison reads, where the run's page comes from them."""
NAMED = r"(?:scores|closure|inspect)/(\w+)(?:/|\.json)"
"""Pattern of files by which a results folder has a classifier or a dataset."""


def against(spec: CompareSpec) -> Path:
    """The results folder of the older run; a relative path starts in the working folder, as `pathvars`."""
    return local(spec.against, ".")


def check_compare(run: RunSpec, source: str) -> None:
    """There is a finished run to compare with, and it is another one; a gate has something to judge.

    Raises:
        ConfigError: Names file and key.
    """
    if run.compare is None:
        return
    where = f"{source}: compare.against"
    folder = against(run.compare)
    own, other = Path(run.pathvars.get("results", RESULTS)).resolve(), folder.resolve()
    if own == other:
        raise ConfigError(
            f"{where}: {folder} are the results of this run itself; give those of another one, such as a "
            "copy of last month's"
        )
    if own.is_relative_to(other) or other.is_relative_to(own):
        raise ConfigError(
            f"{where}: {folder} and the results of this run ({own}) lie one in the other; nothing is to be "
            "written into the folder that is compared with: move one of them"
        )
    ledgers = own / FILE, other / FILE
    if all(path.is_file() for path in ledgers) and ledgers[0].samefile(ledgers[1]):
        raise ConfigError(
            f"{where}: {folder}: its {FILE} is that of this run, by a link, and goes on with it; "
            "give a copy of its own, such as `cp -a` makes"
        )
    if run.compare.fail_if_worse_than is not None and not run.taggers:
        raise ConfigError(
            f"{source}: compare.fail_if_worse_than: judges ROC curves, and the run has no tagger: it could "
            "neither pass nor fail; leave it out: weights have the gates of their closure tests"
        )
    try:
        names = reached(of_finished(folder), [PAGE])
    except InputError as error:
        raise ConfigError(f"{where}: {error}{unset(str(folder))}") from error
    own_names = {*run.taggers, *run.reweighters, *(d for s in run.samples.values() for d in s.datasets)}
    if not own_names & {found[1] for name in names if (found := re.match(NAMED, name))}:
        raise ConfigError(
            f"{where}: {folder}: no dataset, tagger or reweighter in common with this run, by its name; give "
            "the results of a run that has some"
        )
    read = [name for name in names if re.fullmatch(READ, name)]
    if lacking := [name for name in read if not (folder / name).is_file()]:
        more = f" and {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
        raise ConfigError(
            f"{where}: {folder}: lacks {lacking[0]}{more}, which its ledger has and a comparison reads; "
            "give a whole copy"
        )
