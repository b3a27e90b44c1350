"""Benchmark `dag`: a dry run of the whole workflow over many files, against a bare Snakefile of its shape."""

import os
import re
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from jetsmith.specs.skimming import PartitionSpec
from tests.benchmarks import _harness as harness
from tests.benchmarks._harness import ROOT, Cost

SIZES = (100, 1_000, 10_000)  # input files
FILE_BYTES = 1_000_000_000  # 20 make a partition by the default partition.target_mb
PROJECT = ("Snakefile", "workflow", "scripts", "config", "envs", "profiles")
DATASET = "dag: {object: ak4, process: qcd, files: ['files/*.root']}\n"
# By the groups of features that each reads: what the bare Snakefile has to know of them.
TAGGERS = {
    "mv2": ["ak4"],
    "csvv2": ["ak4"],
    "soft_muon": ["ak4"],
    "deepcsv": ["ak4"],
    "deepjet": ["ak4", "charged", "neutral", "vertices"],
    "dips": ["charged"],
    "deepntuples_bdt": ["ak4"],
    "deepntuples_dense": ["ak4"],
    "deepntuples_histgb": ["ak4"],
    "stored_deepcsv": ["ak4"],
    "stored_deepflav": ["ak4"],
    "stored_pnet": ["ak4"],
}
RUN = f"""
seed: 1
selection: {{ak4: {{}}}}
samples: {{jets: {{datasets: [dag]}}}}
taggers: {{{", ".join(f"{name}: jets" for name in TAGGERS)}}}
"""
# Stage by stage the jobs, files and edges of the workflow; nothing else.
BARE = """
PARTS = [f"{{i:03d}}" for i in range({parts})]
TAGGERS = {taggers}
TRAINED = [tagger for tagger in TAGGERS if not tagger.startswith("stored")]
GROUPS = sorted({{group for groups in TAGGERS.values() for group in groups}})
SPLITS = ["train", "validation", "calibration", "test"]
CONTRASTS = ["light_jets", "c_jets"]
PLOTS = ["discriminant", "efficiency", "dependence"]
def packed(wildcards):
    return expand("packed/{{split}}/{{group}}", split=SPLITS, group=["rows", *TAGGERS[wildcards.tagger]])
rule all:
    input:
        "report.html",
        "looked.json",
        "hepdata.yaml",
        expand("calibration/{{tagger}}.json", tagger=TAGGERS),
        expand("bundles/{{tagger}}", tagger=TRAINED)
rule inspect:
    output: "inspect.json"
    shell: ""
rule look:
    input: "inspect.json"
    output: "looked.json"
    shell: ""
rule check:
    input: "inspect.json"
    output: "check/{{tagger}}.json"
    shell: ""
rule skim:
    input: "inspect.json"
    output: "skim/{{part}}.parquet", "skim/{{part}}.report.json", "skim/{{part}}.identity.parquet"
    shell: ""
rule account:
    input:
        "inspect.json",
        expand("skim/{{part}}.report.json", part=PARTS),
        expand("skim/{{part}}.identity.parquet", part=PARTS)
    output: "account.json"
    shell: ""
rule features:
    input: "skim/{{part}}.parquet", "account.json"
    output: "features/{{part}}/{{group}}.parquet", "features/{{part}}/{{group}}.meta.json"
    shell: ""
rule pack_rows:
    input: expand("features/{{part}}/rows.parquet", part=PARTS), "account.json"
    output: [directory(f"packed/{{split}}/rows") for split in SPLITS]
    shell: ""
rule pack:
    input:
        expand("features/{{part}}/rows.parquet", part=PARTS),
        expand("features/{{part}}/{{{{group}}}}.parquet", part=PARTS)
    output: [directory(f"packed/{{split}}/{{{{group}}}}") for split in SPLITS]
    wildcard_constraints: group="|".join(GROUPS)
    shell: ""
rule train:
    input: packed, "check/{{tagger}}.json"
    output: directory("model/{{tagger}}")
    shell: ""
rule score:
    input: packed, "model/{{tagger}}"
    output: "scores/{{tagger}}.parquet", "scores/{{tagger}}.meta.json"
    shell: ""
rule calibrate:
    input: "scores/{{tagger}}.parquet"
    output: "calibration/{{tagger}}.json", "numbers/{{tagger}}.json"
    shell: ""
rule bundle:
    input: packed, "model/{{tagger}}", "calibration/{{tagger}}.json"
    output: directory("bundles/{{tagger}}")
    shell: ""
rule explain:
    input: packed, "model/{{tagger}}"
    output: "explain/{{tagger}}.json"
    shell: ""
rule plot_roc:
    input:
        expand("scores/{{tagger}}.parquet", tagger=TAGGERS),
        expand("numbers/{{tagger}}.json", tagger=TAGGERS)
    output: "roc/{{contrast}}.pdf", "roc/{{contrast}}.png", "roc/{{contrast}}.json"
    shell: ""
rule plot:
    input: "scores/{{tagger}}.parquet", "numbers/{{tagger}}.json"
    output: "plots/{{plot}}/{{tagger}}.pdf", "plots/{{plot}}/{{tagger}}.png", "plots/{{plot}}/{{tagger}}.json"
    shell: ""
rule plot_confusion:
    input: "scores/{{tagger}}.parquet"
    output: "confusion/{{tagger}}.pdf", "confusion/{{tagger}}.png", "confusion/{{tagger}}.json"
    shell: ""
rule plot_importance:
    input: "explain/{{tagger}}.json"
    output: "importance/{{tagger}}.pdf", "importance/{{tagger}}.png", "importance/{{tagger}}.json"
    shell: ""
rule plot_features:
    input: expand("packed/{{split}}/{{group}}", split=SPLITS, group=["rows", "{{group}}"])
    output: "group/{{group}}.pdf", "group/{{group}}.png", "group/{{group}}.json"
    shell: ""
rule plot_fractions:
    input: expand("scores/{{tagger}}.parquet", tagger=TAGGERS)
    output: "fractions.pdf", "fractions.png", "fractions.json"
    shell: ""
rule plot_training:
    input: "model/{{tagger}}"
    output: "training/{{tagger}}.pdf", "training/{{tagger}}.png", "training/{{tagger}}.json"
    shell: ""
rule publish:
    input:
        expand("roc/{{contrast}}.json", contrast=CONTRASTS),
        expand("plots/{{plot}}/{{tagger}}.json", plot=PLOTS, tagger=TAGGERS)
    output: "hepdata.yaml"
    shell: ""
rule report:
    input:
        expand("roc/{{contrast}}.png", contrast=CONTRASTS),
        expand("plots/{{plot}}/{{tagger}}.png", plot=PLOTS, tagger=TAGGERS),
        expand("{{plot}}/{{tagger}}.png", plot=["confusion", "importance", "training"], tagger=TRAINED),
        expand("group/{{group}}.png", group=GROUPS),
        "fractions.png",
        expand("numbers/{{tagger}}.json", tagger=TAGGERS),
        "account.json",
        "inspect.json"
    output: "report.html"
    shell: ""
"""
COMMAND = [sys.executable, "-m", "snakemake", "-n", "--cores", "1"]


def run() -> dict[str, Any]:
    """Measure; the fields are explained in docs/benchmarks.md.

    The fields of the largest size stand at the top, those of each size in `sizes`.
    """
    sizes = {str(size): _measure(size) for size in SIZES}
    return sizes[str(max(SIZES))] | {"sizes": sizes}


def _measure(n_files: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="jetsmith-dag-") as name:
        ours, bare = write_ours(Path(name) / "ours", n_files), Path(name) / "bare"
        bare.mkdir()
        parts = PartitionSpec().n_parts(n_files * FILE_BYTES / 1e6)
        (bare / "Snakefile").write_text(BARE.format(parts=parts, taggers=TAGGERS))
        jobs = {folder.name: count_jobs(folder) for folder in (ours, bare)}  # warms the disk's cache, too
        if jobs["ours"] != jobs["bare"]:
            raise RuntimeError(f"the bare Snakefile has another shape now; jobs: {jobs}")

        def dry_run(folder: Path) -> Cost:
            return harness.call([*COMMAND, "-q", "all", *_config(folder)], folder, **environment(folder))

        def first() -> Cost:
            (ours / ".snakemake" / "jetsmith-sources.json").unlink()
            return dry_run(ours)

        # The first run after an edit of the package leaves notes of its files; `ours` finds them.
        ways = {"first": first, "ours": partial(dry_run, ours), "bare": partial(dry_run, bare)}
        found = harness.in_turn(ways, harness.rounds(5))
        for folder in (ours, bare):
            finish(folder)
        ways = {"ours_done": partial(dry_run, ours), "bare_done": partial(dry_run, bare)}
        found |= harness.in_turn(ways, harness.rounds(5))
        cpu = {name: [cost.cpu_seconds for cost in costs] for name, costs in found.items()}
        wall = {name: [cost.seconds for cost in costs] for name, costs in found.items()}
        memory = {name: [cost.peak_rss_mb for cost in costs] for name, costs in found.items()}
        return {
            "files": n_files,
            "jobs": jobs["ours"],
            "seconds": harness.median(wall["ours"]),
            "mb": harness.median(memory["ours"]),
            "ratio_floor": harness.ratio(wall["ours"], wall["bare"]),
            "ratio_floor_cpu": harness.ratio(cpu["ours"], cpu["bare"]),
            "ratio_floor_mb": harness.ratio(memory["ours"], memory["bare"]),
            "ratio_floor_first": harness.ratio(wall["first"], wall["bare"]),
            "ratio_floor_first_cpu": harness.ratio(cpu["first"], cpu["bare"]),
            "floor_seconds": harness.median(wall["bare"]),
            "floor_mb": harness.median(memory["bare"]),
            "seconds_done": harness.median(wall["ours_done"]),
            "ratio_floor_done": harness.ratio(wall["ours_done"], wall["bare_done"]),
            "ratio_floor_done_cpu": harness.ratio(cpu["ours_done"], cpu["bare_done"]),
        }


def finish(folder: Path) -> None:
    """Make empty results of all jobs, and what is noted of each.

    Raises:
        RuntimeError: A dry run would make some of them again.
    """
    touch = [*harness.python("_finished"), "--touch", "--cores", "1", "-q", "all", *_config(folder)]
    path = os.pathsep.join([environment(folder)["PYTHONPATH"], str(ROOT)])
    harness.call(touch, folder, **environment(folder) | {"PYTHONPATH": path})
    if (
        "Nothing to be done"
        not in harness.call([*COMMAND, *_config(folder)], folder, **environment(folder)).output
    ):
        raise RuntimeError(f"{folder}: not finished by {touch}")


def write_ours(folder: Path, n_files: int) -> Path:
    """A copy of the project with a run over files that have a size and no content."""
    folder.mkdir()
    for part in PROJECT:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    (folder / "config" / "datasets.yaml").write_text(DATASET)
    (folder / "run.yaml").write_text(RUN)
    (folder / "files").mkdir()
    for number in range(n_files):
        with (folder / "files" / f"{number:05d}.root").open("wb") as file:
            os.truncate(file.fileno(), FILE_BYTES)
    harness.call([sys.executable, "-m", "compileall", "-q", folder / "workflow"])
    return folder


def environment(folder: Path) -> dict[str, str]:
    """The package of the copy; byte code is written and used."""
    return {"PYTHONPATH": str(folder / "workflow"), "PYTHONDONTWRITEBYTECODE": ""}


def _config(folder: Path) -> list[str]:
    return ["--configfile", "run.yaml"] if (folder / "run.yaml").exists() else []


def count_jobs(folder: Path) -> int:
    """Jobs of a dry run, by the table that it prints."""
    listed = harness.call([*COMMAND, *_config(folder)], folder, **environment(folder)).output
    total = re.search(r"^total +(\d+)$", listed, re.M)
    if total is None:
        raise RuntimeError(f"{folder}: a dry run without a table of jobs:\n{listed[-2000:]}")
    return int(total[1])
