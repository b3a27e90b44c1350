"""Runs of the workflow in folders of their own, up to the scores of taggers, and how these compare."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks import _harness as harness

CONFIG = harness.ROOT / "config"


def shipped(name: str) -> Any:
    """A file of the checkout's configuration, such as `taggers/deepjet`."""
    return yaml.safe_load((CONFIG / f"{name}.yaml").read_text())


def write_config(folder: Path, files: Mapping[str, Any]) -> None:
    """What a run has beside the checkout's configuration, by names as in `shipped`; `config` is the run."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))


def score(folder: Path, files: Mapping[str, Any], seed: int, further: Sequence[str] = ()) -> None:
    """Run the workflow up to the scores of all of its taggers, and to further files of it.

    What was made before is not made again.
    """
    write_config(folder / "config", files)
    command = [sys.executable, "-m", "snakemake", "-s", harness.ROOT / "Snakefile", "--cores", "all"]
    command += ["--configfile", "config/config.yaml", "--config", f"seed={seed}", "--rerun-incomplete", "--"]
    command += [
        f"results/scores/{name}/{sample}.parquet" for name, sample in files["config"]["taggers"].items()
    ]
    command += further
    harness.call(command, folder, **harness.package_on_path())


def compare(
    folder: Path, sample: str, comparisons: Sequence[Mapping[str, Any]], seed: int, *classes: str
) -> Any:
    """What `_orderings_way` says of the taggers of a sample; signal and background judge each alone."""
    way = harness.python("_orderings_way", folder, sample, json.dumps(comparisons), str(seed), *classes)
    return harness.call(way, **harness.package_on_path()).said
