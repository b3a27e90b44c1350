"""What a result says of its making is true, whatever happens to the checkout and the results folder."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from jetsmith import io, provenance
from jetsmith.sealed import made
from jetsmith.sources import mock
from tests.unit.code_cache import forget

from .conftest import Project, mock_project

pytestmark = pytest.mark.workflow
N_EDITS = int(os.environ.get("JETSMITH_EDITS", "12"))  # 100 for all
MINE = ("--configfile", "config/mine.yaml")


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A finished run of one small dataset, and its results kept apart."""
    project = mock_project(tmp_path_factory.mktemp("sealed"), n_parts=4, n_events=100)
    done = project.snakemake("--cores", "2", *MINE)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    shutil.copytree(project.folder, project.folder.with_name("kept"), copy_function=shutil.copy2)
    return project


@pytest.fixture
def project(first):
    """The finished run, put back after the test."""
    yield first
    shutil.rmtree(first.folder)
    shutil.copytree(first.folder.with_name("kept"), first.folder, copy_function=shutil.copy2)


def reasons(project: Project, *arguments: str) -> dict[str, str]:
    """By rule, what a dry run says has changed."""
    done = project.snakemake("-n", *MINE, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.removeprefix("[jetsmith] ") for line in done.stderr.splitlines()]
    return {
        line.split(",")[0]: line.partition(": ")[2] for line in lines if " job: " in line or " jobs: " in line
    }


def planned(project: Project, *arguments: str) -> dict[str, int]:
    return project.planned(*MINE, *arguments)


def test_results_of_another_checkout_are_recognised(project):
    """Without `.snakemake`, moved, copied with other times: what is the same is done, the rest runs again."""
    shutil.rmtree(project.folder / ".snakemake")
    assert planned(project) == {}
    results = project.folder / "results"
    copied = project.folder / "copied"
    shutil.copytree(results, copied, copy_function=shutil.copyfile)
    shutil.rmtree(results)
    copied.rename(results)
    assert planned(project) == {}
    run = project.folder / "config/mine.yaml"
    run.write_text(run.read_text().replace("pt_min_gev: 30", "pt_min_gev: 40"))
    assert reasons(project) == {"skim": "selection.pt_min_gev: 30.0 -> 40.0"}
    run.write_text(
        run.read_text() + "pathvars: {results: moved, logs: moved/logs, benchmarks: moved/benchmarks}\n"
    )
    run.write_text(run.read_text().replace("pt_min_gev: 40", "pt_min_gev: 30"))
    results.rename(project.folder / "moved")
    assert planned(project) == {}


def test_a_result_that_is_not_the_one_that_was_made(project):
    """Exchanged with its neighbour, or with nothing written down of it: it is named, and made again."""
    skim = project.folder / "results/skim/mock"
    shutil.copy2(skim / "002.parquet", skim / "003.parquet")
    assert reasons(project) == {"skim": "it is not the file that was made here"}
    ledger = project.folder / "results" / made.FILE
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join(line for line in lines if '"file": "inspect' not in line))
    assert reasons(project)["inspect"] == "nobody has written down what it was made from"


def test_two_checkouts_do_not_share_results_at_work(project, tmp_path):
    """The second is told who has them, and touches nothing."""
    other = Project(tmp_path / "other")
    shutil.copytree(project.folder, other.folder, ignore=shutil.ignore_patterns("results", ".snakemake"))
    (other.folder / "results").symlink_to(project.folder / "results")
    page = project.folder / "results/report/index.html"
    page.unlink()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS], cwd=project.folder, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(project.folder / "workflow")},
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "held\n"
        refused = other.snakemake("--cores", "1", *MINE)
        assert refused.returncode != 0
        assert f"a run in {project.folder} on" in refused.stdout + refused.stderr
        assert f"process {holder.pid}" in refused.stdout + refused.stderr
        assert not page.exists()
        assert (
            project.snakemake("--cores", "1", *MINE).returncode == 0
        )  # of the same folder: Snakemake decides
    finally:
        holder.kill()
        holder.communicate()
    page.unlink()
    done = other.snakemake("--cores", "1", *MINE)
    assert done.returncode == 0, done.stderr


HOLDS = """
import time
from pathlib import Path
from jetsmith import locks
with locks.at_work(Path("results")):
    print("held", flush=True)
    time.sleep(600)
"""


def test_old_results_are_accepted_by_name(project):
    """After an edit of two stages one is let stand: the other runs, and the report says what was accepted."""
    for name in ("skimming/account", "report/tables"):
        _spoil(project.folder / "workflow/jetsmith" / f"{name}.py")
    assert reasons(project) == {"account": "code of skimming.account"}  # and with it what reads it
    command = [sys.executable, "-m", "jetsmith", "accept", "account", "--snakemake", *MINE]
    done = subprocess.run(
        command, cwd=project.folder, env=os.environ | {"PYTHONPATH": str(project.folder / "workflow")},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "code of report.tables" in reasons(project)["report"]
    assert project.snakemake("--cores", "1", *MINE).returncode == 0
    page = (project.folder / "results/report/index.html").read_text()
    assert "results stand since" in page
    assert "code of skimming.account" in page
    assert planned(project) == {}


def test_an_input_from_outside_is_on_record(project):
    """Collision data with a golden JSON: the run ends, nothing is left to do, and another JSON skims again.

    Protects: a job that is made, and of which nothing can be written down.
    """
    golden = project.folder / "golden.json"
    golden.write_text(json.dumps({"283270": [[1, 1000]]}))
    mock.write(project.folder / "data.root", [mock.measured(mock.events(50, 5))])
    entry = {"object": "ak4", "process": "data", "files": ["data.root"], "is_data": True}
    project.edit_yaml("datasets.yaml", "data", value=entry | {"golden_json": "golden.json"})
    project.edit_yaml("mine.yaml", "samples", "data", value={"datasets": ["data"]})
    target = "results/skim/data.json"
    done = project.snakemake(target, "--cores", "2", *MINE)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    assert project.planned(target, *MINE) == {}
    entry = made.Ledger(project.folder / "results").get("skim/data/000.parquet")
    assert "golden.json" in entry.input
    golden.write_text(json.dumps({"283270": [[1, 1]]}))
    assert set(project.planned(target, *MINE)) == {"skim", "account"}


def test_verify_runs_finished_jobs_again(project):
    """A result that is not what its inputs give is named, and no other; the exit status says it.

    It is whole and sealed, so that nothing but the job itself can tell.
    """
    results = project.folder / "results"
    account = results / "skim/mock.json"
    io.write_json(account, json.loads(json.dumps(io.read_json(account)).replace('"n_rows": ', '"n_rows": 1')))
    ledger = made.Ledger(results)
    ledger.put("skim/mock.json", replace(ledger.get("skim/mock.json"), **made.identity(account)))
    options = ["--fraction", "0.25", "--snakemake", "--cores", "2", *MINE]
    done = subprocess.run(
        [sys.executable, "-m", "jetsmith", "verify", *options], cwd=project.folder,
        env=os.environ | {"PYTHONPATH": str(project.folder / "workflow")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Nothing to be done" not in done.stdout + done.stderr
    assert "differs: results/skim/mock.json and results.verify/skim/mock.json" in done.stderr
    assert "6 of 7 files are the same; 1 of them are pages and figures with other bytes" in done.stderr


def _spoil(path: Path) -> None:
    """An edit of every function that changes no result."""
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line.replace("    return ", "    pass; return ", 1) for line in lines) + "\n")


def _writes(text: str, number: int) -> str:
    """The source of write_json with a number that it writes into each file."""
    start = text.index("def write_json(")
    body = text.index("content", text.index('"""', text.index('"""', start) + 3) + 3)
    line = text.rindex("\n", 0, body) + 1
    return f"{text[:line]}    content = {{**content, 'edited': {number}}}\n{text[line:]}" if number else text


def test_random_edits_during_runs_leave_no_wrong_seal(project):
    """Protects: the code that a result is said to be made with is the code that made it.

    `write_json`, which every stage calls, is edited, stashed and put back at random moments while runs go on;
    each JSON file holds the number of the version that wrote it, and the ledger the digest of a version.
    """
    path = project.folder / "workflow/jetsmith/io/json_files.py"
    script = project.folder / "scripts/account.py"
    plain, plain_script = path.read_text(), script.read_text()
    lot = random.Random(int(os.environ.get("JETSMITH_SEED", "1")))
    n_edits = n_seals = 0
    while n_edits < N_EDITS:
        running = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "2", *MINE], cwd=project.folder,
            env=os.environ | {"PYTHONPATH": str(project.folder / "workflow")},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while running.poll() is None:
            number = lot.choice([0, 0, n_edits + 1])
            path.write_text(_writes(plain, number))
            script.write_text(plain_script + lot.choice(["", f"print({number})\n"]))
            n_edits += 1
            time.sleep(lot.uniform(0.05, 2))
        n_seals += _check_seals(project, plain, n_edits)
    assert n_seals > 0
    path.write_text(plain)
    script.write_text(plain_script)
    done = project.snakemake("--cores", "2", *MINE)
    assert done.returncode == 0, done.stderr
    _check_seals(project, plain, n_edits)
    assert all(
        "edited" not in json.loads(p.read_text()) for p in (project.folder / "results").rglob("*.json")
    )


def _check_seals(project: Project, plain: str, n_edits: int) -> int:
    """Compare the version that each JSON file was written by with the one that its line names."""
    results, n = project.folder / "results", 0
    versions: dict[tuple[str, ...], dict[str, int]] = {}
    ledger = made.Ledger(results)
    for name in filter(lambda name: name.endswith(".json"), ledger):
        entry = ledger.get(name)
        if not (results / name).exists() or not made.same(results / name, entry):
            continue  # a run that failed has left it; the next one makes it again
        code = dict(
            line.removeprefix("code.").split("=", 1) for line in entry.params if line.startswith("code.")
        )
        by = (entry.rule, *json.loads(code.get("beside", '""')).split())
        if by not in versions:
            versions[by] = _versions(project, plain, n_edits, *by)
        version = versions[by][json.loads(code["io.json_files"])]
        assert json.loads((results / name).read_text()).get("edited", 0) == version, name
        n += 1
    return n


def _versions(project: Project, plain: str, n_edits: int, rule: str, *beside: str) -> dict[str, int]:
    """The number of each version of io.json_files by the digest that a rule has of it."""
    found = {}
    path = project.folder / "workflow/jetsmith/io/json_files.py"
    now = path.read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "PACKAGE", project.folder / "workflow/jetsmith")
        for number in range(n_edits + 1):
            path.write_text(_writes(plain, number))
            forget()
            digests = provenance.script_digests(project.folder / "scripts" / f"{rule}.py", *beside)
            found[digests["io.json_files"]] = number
    path.write_text(now)
    forget()
    return found
