# Makes the package importable, and reads the run's files exactly before Snakemake takes them as it can.
import os
import sys
from pathlib import Path

# Also where another Snakefile uses this one as a module.
CHECKOUT = Path(str(workflow.current_basedir.get_path_or_uri(secret_free=True))).parent
if not CHECKOUT.is_dir():
    raise WorkflowError(f"{CHECKOUT}: jetsmith's scripts import its package: use a clone of it as the module")
# A job of a run takes the copy that the run was planned with (sealed/frozen.py), where its machine sees it.
CODE = Path("" if workflow.is_main_process else os.environ.get("JETSMITH_CODE", ""))
sys.path.insert(0, str(CODE if (CODE / "jetsmith").is_dir() else CHECKOUT / "workflow"))

from jetsmith.configuration import exact_yaml
from jetsmith.errors import ConfigError

DEFAULT_RUN = "config/config.yaml"
RUN_FILES = [] if "samples" in config else [Path(DEFAULT_RUN)]
RUN_FILES += [
    path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    for path in map(Path, workflow.configfiles)
]

try:
    for path in RUN_FILES:
        exact_yaml.read(path)
except ConfigError as error:
    raise WorkflowError(f"configuration: {error}") from None
