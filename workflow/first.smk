# Makes the package importable, and reads the run's files exactly before Snakemake takes them as it can.
import io
import os
import shutil
import sys
import zipfile
from pathlib import Path

from snakemake.sourcecache import HostingProviderFile


def checkout(base):
    """The checkout that holds this file, also where another Snakefile uses this one as a module.

    Of a hosted repository (`github(…)`) Snakemake has a bare clone. The scripts import the package, and both
    have to be of one commit: so that commit is taken from the clone.
    """
    if not isinstance(base, HostingProviderFile):
        return Path(str(base.get_path_or_uri(secret_free=True))).parent
    repository = base.hosted_repo.repo
    commit = repository.commit(base.ref).hexsha
    os.environ.update(JETSMITH_COMMIT=commit)  # of provenance, which knows checkouts alone
    place = Path(".snakemake/jetsmith-checkouts", commit).absolute()
    if not place.is_dir():
        tree = io.BytesIO()
        repository.archive(tree, commit, format="zip", path=["workflow", "scripts", "config"])
        temporary = place.with_name(f".{commit}.{os.getpid()}")
        with zipfile.ZipFile(tree) as archive:
            archive.extractall(temporary)
        try:
            temporary.rename(place)
        except OSError:  # another process was first
            shutil.rmtree(temporary)
    return place


CHECKOUT = checkout(workflow.current_basedir)
if not CHECKOUT.is_dir():
    raise WorkflowError(f"{CHECKOUT}: jetsmith's scripts import its package: use a clone of it, or github(…)")
# A job of a run takes the copy that the run was planned with (sealed/frozen.py), where its machine sees it.
CODE = Path("" if workflow.is_main_process else os.environ.get("JETSMITH_CODE", ""))
CODE = CODE if (CODE / "jetsmith").is_dir() else CHECKOUT / "workflow"
sys.path.insert(0, str(CODE))

import jetsmith
from jetsmith.configuration import folders
from jetsmith.errors import ConfigError


def sources(package):
    """Content of the package's modules, by their names in it."""
    return {path.relative_to(package): path.read_bytes() for path in package.rglob("*.py")}


# Snakemake's plugins of ours import the installed package before anybody reads this. In a job that may have been
# edited since the plan: there the job itself compares what it imports with what was planned.
IMPORTED = Path(jetsmith.__file__).parent
if (
    workflow.is_main_process
    and not IMPORTED.samefile(CODE / "jetsmith")
    and sources(IMPORTED) != sources(CODE / "jetsmith")
):
    raise WorkflowError(f"{IMPORTED} is not the jetsmith of {CODE.parent}: install that of the same version")

DEFAULT_RUN = "config/config.yaml"
RUN_FILES = [] if "samples" in config else [Path(DEFAULT_RUN)]
RUN_FILES += [
    path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    for path in map(Path, workflow.configfiles)
]

try:
    for path in RUN_FILES:
        folders.check(path)
except ConfigError as error:
    raise WorkflowError(f"configuration: {error}") from None
