"""provenance: an edit of a stage's own logic reruns it; comments, docstrings and other stages do not."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jetsmith import provenance
from tests.unit.code_cache import begin_anew, forget

PACKAGE = Path(provenance.__file__).parent
ROOT = PACKAGE.parent.parent


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A little package in the place of the real one."""
    (tmp_path / "a.py").write_text('"""Doc."""\nfrom jetsmith.b import f\nx = f()\n')
    (tmp_path / "b.py").write_text("def f():\n    from jetsmith import c\n    return c.y\n")
    (tmp_path / "c.py").write_text("y = 3\n")
    (tmp_path / "other.py").write_text("z = 4\n")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    forget()
    yield tmp_path
    forget()


def _edit(path, text):
    path.write_text(text)
    forget()


def test_closure_follows_imports_at_any_depth(package):
    """Imports inside functions count too: the job runs that code."""
    assert provenance.import_closure("a") == {"a", "b", "c"}


def test_comments_and_docstrings_do_not_count(package):
    """A better comment must not cost a night of training."""
    before = provenance.code_digest("a")
    _edit(package / "a.py", '"""Another."""\n# why\nfrom jetsmith.b import f\n\nx = f()\n')
    assert provenance.code_digest("a") == before


def test_unknown_module():
    """A typo in a rule's list is an error, not an empty digest."""
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        provenance.code_digest("nowhere")


def test_config_digest_ignores_order():
    """The order of keys in YAML means nothing."""
    assert provenance.config_digest({"a": 1, "b": 2}) == provenance.config_digest({"b": 2, "a": 1})


STAGES = (
    "simulate",
    "skimming.inspection",
    "skimming.looking",
    "skimming.suitability",
    "skimming.partition",
    "skimming.account",
    "packed.pack",
    "training",
    "choosing",
    "assembling",
    "explaining.stage",
    "explaining.perturb",
    "ablating",
    "scoring",
    "reweighting",
    "calibration",
    "measuring.stage",
    "measuring.corrections",
    "measuring.shape",
    "bundling",
    "bundling_reweighters",
    "report.page",
    "publishing",
    "comparing.compare",
    "verdict",
)


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_import_each_other(stage):
    """Data flows one way, through files: a stage knows no other stage's code."""
    assert not (provenance.import_closure(stage) - {stage}) & set(STAGES)


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").glob("*.py")), ids=lambda p: p.stem)
def test_scripts_are_one_call(script):
    """Logic lives in the package: a script has no branch and no function of its own."""
    tree = ast.parse(script.read_text())
    assert len(script.read_text().splitlines()) <= 25
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.If | ast.For | ast.ClassDef)]


def test_parsing_the_snakefile_imports_nothing_heavy(tmp_path):
    """Every batch job parses the Snakefile again, and builds the jobs that it is for."""
    heavy = (
        "tensorflow keras coffea awkward uproot pyarrow pandas xgboost matplotlib mplhep sklearn scipy numba "
        "hist correctionlib pythia8mc fastjet dask vector"
    )
    code = (
        "import atexit, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from snakemake.cli import main\n"
        "from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry\n"
        "ExecutorPluginRegistry()\n"  # where the extra `slurm` is there, its plugin brings pandas
        f"heavy = [m for m in {heavy.split()} if m not in sys.modules]\n"
        "atexit.register(lambda: print('HEAVY', *[m for m in heavy if m in sys.modules]))\n"
        "main(sys.argv[1:])\n"
    )
    arguments = ["-n", "--snakefile", ROOT / "Snakefile", "--configfile", ROOT / "config" / "config.yaml"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments), "--directory", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
    )
    assert "Job stats" in done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].split() == ["HEAVY"]


def test_what_was_read_is_remembered(package, tmp_path, monkeypatch):
    """A later process finds the digests of unchanged files; those of edited ones are made anew."""
    notes = tmp_path / "notes" / "sources.json"
    notes.parent.mkdir()
    begin_anew(monkeypatch)
    before = provenance.code_digest("a")
    provenance.leave_notes(notes)
    begin_anew(monkeypatch)
    monkeypatch.setattr(provenance.definitions, "read", lambda *given: pytest.fail("read again"))
    forget()
    provenance.remember(notes)
    assert provenance.code_digest("a") == before
    monkeypatch.undo()
    monkeypatch.setattr(provenance, "PACKAGE", package)
    _edit(package / "c.py", "y = 33\n")
    provenance.remember(notes)
    assert provenance.code_digest("a") != before


DAMAGED = ("", "{", "[]", "7", '{"about": "another Python", "files": {"a": 1}}', "[" * 9999)


@pytest.mark.parametrize("content", DAMAGED)
def test_notes_that_cannot_be_used_are_left_alone(tmp_path, monkeypatch, content):
    """A damaged file, or one of another version, costs time and nothing else."""
    found = begin_anew(monkeypatch)
    notes = tmp_path / "sources.json"
    notes.write_text(content)
    provenance.remember(notes)
    assert found == {}


@pytest.mark.parametrize(
    "change", [("digest", "0" * 16), ("files", {"a": [1]}), ("files", 7), ("files", None)]
)
def test_damaged_notes_of_this_version(package, tmp_path, monkeypatch, change):
    """What does not fit its digest would give a wrong digest of code, or a traceback: it is not used."""
    notes = tmp_path / "sources.json"
    begin_anew(monkeypatch)
    provenance.code_digest("a")
    provenance.leave_notes(notes)
    notes.write_text(json.dumps(json.loads(notes.read_text()) | dict([change])))
    found = begin_anew(monkeypatch)
    provenance.remember(notes)
    assert found == {}


def test_a_full_disk_costs_the_notes_alone(package, tmp_path, monkeypatch):
    """They save time; at the end of a process nobody wants a traceback about them."""
    begin_anew(monkeypatch)
    provenance.code_digest("a")

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_text", full)
    provenance.leave_notes(tmp_path / "sources.json")
    assert list(tmp_path.glob("*.json*")) == []


def test_an_installed_package_has_not_the_commit_of_who_installed_it(tmp_path, monkeypatch):
    """An environment often lies below somebody's own repository, whose commit says nothing of ours."""
    monkeypatch.delenv(provenance.COMMIT, raising=False)
    package = tmp_path / "environment/jetsmith"
    package.mkdir(parents=True)
    (package / "provenance.py").touch()
    (tmp_path / ".gitignore").write_text("environment\n")
    commit = ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "theirs"]
    for command in (["init", "-q"], ["add", "."], commit):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(provenance, "PACKAGE", package)
    assert provenance.record()["commit"] == "unknown"
    for command in (["add", "-f", "environment"], commit):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert len(provenance.record()["commit"]) == 40


FURTHER = {  # scripts with something that is looked up by its name
    "train": ("classifiers.keras", "models.deepjet", "losses.cross_entropy"),
    "score": ("classifiers.xgboost",),
    "features": ("features.formulas:ratio", "features.summaries:count", "features.transforms:log"),
    **{f"plot {name}": (f"plots.{name}",) for name in ("roc", "discriminant", "training")},
}
FUNCTION = "\n\ndef more(values):\n    return values\n"
ENTRIES = {
    "derived column": (
        "derivations/of_jets.py",
        '    "n_muons": jet(',
        '    "more": _jet("", "", "more", "jet_eta"),\n',
    ),
    "formula": ("features/formulas.py", "", FUNCTION),
    "summary": ("features/summaries.py", "", FUNCTION),
    "transform": ("features/transforms.py", "", FUNCTION),
    "transform's name": ("specs/features.py", '"log1p", ', '"more", '),
    "process": ("simulation/processes.py", '    "ttbar": Process(', '    "more": Process((), False, ""),\n'),
    "detector": ("simulation/parameters.py", '    "nominal": Detector(),', '    "more": Detector(1.0),\n'),
    "backend's name": ("specs/classifiers.py", '"keras", "stored"', '"more", '),
    "backend": ("classifiers/more.py", "", FUNCTION),
    "architecture": ("models/more.py", "", FUNCTION),
    "loss": ("losses/more.py", "", FUNCTION),
    "plot": ("plots/__init__.py", '    "efficiency": About(', '    "more": About("judgement"),\n'),
}


@pytest.fixture
def real(tmp_path, monkeypatch):
    """A copy of the package, to be edited."""
    copied = Path(shutil.copytree(PACKAGE, tmp_path / "jetsmith"))
    monkeypatch.setattr(provenance, "PACKAGE", copied)
    forget()
    yield copied
    forget()


def digests():
    """Of the code of all rules, by script and by what it looks up."""
    scripts = {path.stem: path for path in (ROOT / "scripts").glob("*.py")}
    asked = [(name, ()) for name in scripts] + [(name.split()[0], beside) for name, beside in FURTHER.items()]
    return {(name, *beside): provenance.script_digests(scripts[name], *beside) for name, beside in asked}


@pytest.mark.parametrize(("file", "before", "new"), ENTRIES.values(), ids=ENTRIES)
def test_an_entry_that_nobody_uses_is_no_code_of_others(real, file, before, new):
    """Protects: what one adds to a table makes no result anew."""
    found = digests()
    path = real / file
    text = path.read_text() if path.exists() else ""
    assert not before or text.count(before) == 1
    _edit(path, text.replace(before, new + before) if before else text + new)
    assert digests() == found


@pytest.mark.parametrize(
    ("file", "function", "places"),
    [
        (
            "formulas",
            "_axis",
            {f"features.formulas:{name}" for name in ("signed_ip_3d", "distance_to_axis", "decay_length")},
        ),
        ("formulas", "ratio", {"features.formulas:ratio"}),
        ("summaries", "total_by_row", {"features.summaries:total_by_row"}),
        ("transforms", "log", {"features.transforms:log"}),
    ],
)
def test_an_edited_formula_is_the_code_of_those_that_call_it(real, file, function, places):
    """Directly or by another one: never a stale column."""
    others = {"features.formulas:total", "features.formulas:length", "features.transforms:abs"}
    script = ROOT / "scripts" / "features.py"

    def found():
        return {place: provenance.script_digests(script, place) for place in places | others}

    before, path = found(), real / "features" / f"{file}.py"
    lines = path.read_text().splitlines()
    (node,) = [n for n in ast.parse("\n".join(lines)).body if getattr(n, "name", "") == function]
    lines.insert(node.body[-1].lineno - 1, "    pass")
    _edit(path, "\n".join(lines) + "\n")
    after = found()
    assert {place for place in before if before[place] != after[place]} == places
