"""kill -9 of stages that choose among models and put them together, at each of their changes to the disk."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jetsmith.provenance import config_digest
from jetsmith.specs.classifiers import TrainingSpec
from jetsmith.training import train
from tests.unit import killed_at
from tests.unit.packed_jets import make_spec, write_sample

DEPTH = "architecture.max_depth"
POINTS = {config_digest(one): one for one in ({DEPTH: depth} for depth in (1, 4))}
SPEC = make_spec(
    "xgboost", name="trees", architecture={"subsample": 0.5}, training=TrainingSpec(epochs=3, patience=3)
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two points of a scan, and two members of an ensemble."""
    folder: Path = tmp_path_factory.mktemp("trained")
    write_sample(folder / "packed", 600)
    for key, settings in POINTS.items():
        of_point = SPEC.model_copy(update={"architecture": {"max_depth": settings[DEPTH]}})
        train(of_point, folder / "packed", folder / "points" / key, seed=3)
    for seed in (0, 1):
        train(SPEC, folder / "packed", folder / "members" / str(seed), seed)
    return folder


def calls(trained: Path, to: Path) -> dict[str, tuple[dict[str, Any], list[Path]]]:
    """By stage: what it is given, and what it makes."""
    points = {"classifier": "trees", "points": POINTS}
    points["models"] = [str(trained / "points" / key) for key in POINTS]
    model, table = to / "made/model", to / "tables/trees.json"
    ranks = [to / "ranks/0.json", to / "ranks/1.json"]
    members = [str(trained / "members" / str(seed)) for seed in (0, 1)]
    return {
        "choosing:choose": (
            {**points, "method": "grid", "trained": [2], "output": str(model), "table": str(table)},
            [model, table],
        ),
        "choosing:promote": ({**points, "outputs": list(map(str, ranks)), "rung": 1}, ranks),
        "assembling:assemble": (
            {"classifier": "trees", "models": members, "output": str(model)},
            [model],
        ),
    }


@pytest.mark.parametrize("stage", ["choosing:choose", "choosing:promote", "assembling:assemble"])
def test_nothing_half_done_looks_finished(trained: Path, tmp_path: Path, stage: str) -> None:
    """Each output is whole or not there, and the next run makes it, and takes away what was left behind."""
    given, outputs = calls(trained, tmp_path)[stage]
    assert _killed(f"jetsmith.{stage}", given, outputs) >= 2 * len(outputs)


def test_a_stage_that_writes_in_place_is_noticed(trained: Path, tmp_path: Path) -> None:
    """The check can fail: a copy made under its final name is there in halves."""
    given = {"src": str(trained / "members/0"), "dst": str(tmp_path / "copy")}
    with pytest.raises(AssertionError, match="half there"):
        _killed("shutil:copytree", given, [tmp_path / "copy"])


FULL = """
import importlib, json, resource, sys
from jetsmith.errors import OutputError

call = json.loads(sys.argv[1])
module, _, name = call["function"].partition(":")
stage = getattr(importlib.import_module(module), name)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    stage(**call["given"])
except OutputError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("stage", ["choosing:choose", "assembling:assemble"])
def test_a_full_disk_is_named(trained: Path, tmp_path: Path, stage: str) -> None:
    """Copies of folders end with a kind of error of their own: the message is that of all writers."""
    given, outputs = calls(trained, tmp_path)[stage]
    call = {"function": f"jetsmith.{stage}", "given": given}
    done = subprocess.run(
        [sys.executable, "-c", FULL, json.dumps(call)],
        capture_output=True, text=True, timeout=300, env=os.environ | {"JETSMITH_COMMIT": "of a test"},
    )  # fmt: skip
    assert f"{outputs[0]}: cannot be written: File too large; make room below" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(outputs[0].parent.iterdir())


def _killed(function: str, given: dict[str, Any], outputs: list[Path]) -> int:
    call = {"function": function, "given": given, "outputs": [str(path) for path in outputs]}
    done = subprocess.run(
        [sys.executable, killed_at.__file__, json.dumps(call)],
        capture_output=True, text=True, timeout=300, env=os.environ | {"JETSMITH_COMMIT": "of a test"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.split()[-1])
