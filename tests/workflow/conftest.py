"""A copy of the project in which Snakemake runs, and one finished run of the whole workflow."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from jetsmith.sealed import planned
from jetsmith.sources import mock

ROOT = Path(__file__).parent.parent.parent
PARTS = ("Snakefile", "workflow", "scripts", "config", "envs", "profiles")
SCALE = 0.1


@dataclass(frozen=True)
class Project:
    """A copy of the project.

    Attributes:
        folder: Where it is; results/ lies in it.
        config: What each call sets of the run.
    """

    folder: Path
    config: Mapping[str, object] = field(default_factory=lambda: {"simulation_scale": SCALE})

    def snakemake(self, *arguments: str, **config: object) -> subprocess.CompletedProcess[str]:
        """Call Snakemake in the copy, with the package of the copy and further configuration."""
        settings = [f"{key}={value}" for key, value in {**self.config, **config}.items()]
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments, *(["--config", *settings] if settings else [])],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder / "workflow")},
            capture_output=True,
            text=True,
            timeout=900,
        )

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rules that a dry run would execute, with the number of their jobs."""
        done = self.snakemake("-n", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return job_table(done.stdout)

    def edit_yaml(self, name: str, *keys: str, value: object) -> None:
        """Set one value in a file below config/."""
        path = self.folder / "config" / name
        content = yaml.safe_load(path.read_text())
        place = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False))


def job_table(printed: str) -> dict[str, int]:
    """Jobs by rule in the table that Snakemake prints before it works; empty where there is nothing to do."""
    table = re.search(r"Job stats:\njob +count\n-+ +-+\n(.*?)\ntotal", printed, re.S)
    rows = table.group(1).splitlines() if table else []
    return {row.split()[0]: int(row.split()[1]) for row in rows}


def copy_project(target: Path) -> Project:
    """Copy what a checkout holds of the workflow; fewer epochs, since nothing here judges a network."""
    project = Project(target)
    _copy_parts(target)
    for name, epochs in {"taggers/deepcsv": 3, "taggers/deepjet": 2}.items():
        project.edit_yaml(f"{name}.yaml", "training", "epochs", value=epochs)
    project.edit_yaml("config.yaml", "closure", "allow_failed_closure", value=True)  # of a few hundred events
    return project


def copy_demo(target: Path) -> Project | None:
    """Copy the checkout with what `make demo` has made; None where that is not all, or of another version."""
    if not (ROOT / "results/report/verdict.json").is_file():
        return None
    looked = Project(ROOT, {}).snakemake("-n")
    if looked.returncode or job_table(looked.stdout):
        return None
    _copy_parts(target)
    shutil.copytree(ROOT / "results", target / "results", copy_function=shutil.copy2)
    return Project(target, {})


def _copy_parts(target: Path) -> None:
    """The sources, and the kernels that Numba has compiled, half a minute's work: beside these, or in a run.

    Numba knows sources by their times, which the copy keeps.
    """
    target.mkdir(parents=True, exist_ok=True)
    left_out = shutil.ignore_patterns("*.pyc*", "*.tmp.*")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=left_out)
        else:
            shutil.copy(source, target / part)
    frozen = ".snakemake/jetsmith-code"
    if (ROOT / frozen).is_dir():
        shutil.copytree(ROOT / frozen, target / frozen, ignore=left_out)
        if (ROOT / planned.SOURCES).is_file():  # seconds of each first call
            shutil.copy2(ROOT / planned.SOURCES, target / planned.SOURCES)


def mock_project(folder: Path, n_parts: int, n_events: int) -> Project:
    """A copy with config/mine.yaml, a run of one dataset: four files, partitions of so many events."""
    project = copy_project(folder / "project")
    for seed in range(4):
        tables = [
            mock.events(n_events, 100 * seed + j, first_event=100_000 * seed + 1000 * j)
            for j in range(len(range(seed, n_parts, 4)))
        ]
        mock.write(folder / f"{seed}.root", tables)
    entry = {"object": "ak4", "process": "ttbar", "files": [str(folder / "*.root")], "parts": n_parts}
    (project.folder / "config/datasets.yaml").write_text(yaml.safe_dump({"mock": entry}))
    run = {"seed": 1, "selection": {"ak4": {"pt_min_gev": 30}}, "samples": {"mine": {"datasets": ["mock"]}}}
    (project.folder / "config/mine.yaml").write_text(yaml.safe_dump(run))
    return project


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The project after one run of everything: that of `make demo`, or else one on a tenth of its events."""
    if demo := copy_demo(tmp_path_factory.mktemp("demo") / "project"):
        return demo
    project = copy_project(tmp_path_factory.mktemp("finished"))
    done = project.snakemake("--cores", "2")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    return project


@pytest.fixture
def edited(finished):
    """The finished project, its files put back after the test."""
    keep = {
        path: path.read_bytes()
        for part in PARTS
        for path in (
            [finished.folder / part]
            if (finished.folder / part).is_file()
            else (finished.folder / part).rglob("*")
        )
        if path.is_file() and "__pycache__" not in path.parts
    }
    yield finished
    for path, content in keep.items():
        if path.read_bytes() != content:
            path.write_bytes(content)
