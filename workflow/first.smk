# Makes the package importable, and reads the run's files exactly before Snakemake takes them as it can.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

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
