"""The recipes of CONTRIBUTING.md, each followed as it is written, in one copy of the checkout; then it runs.

A recipe that costs more than it says, or that leaves something out, ends here.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from jetsmith import io
from jetsmith.sources import mock
from tests import tiny

from .conftest import ROOT, copy_project

pytestmark = pytest.mark.workflow
# Followed elsewhere: test_stacking, test_stages (a key, a column for plots), test_models (an engine),
# test_scans, test_ensembles, test_ablating, test_loss_scanning, test_closure, test_onnx_files,
# test_onnx_taggers, test_table_backend, test_start_from, test_stored, test_losses, test_plots_response,
# tests/benchmarks, tests/cluster.
OTHERS = {
    "A tagger of taggers", "A column that only plots or a decorrelation read", "A backend",
    "A key of the configuration", "A benchmark", "A batch system", "An engine of Keras",
    "A scan", "An ensemble", "An ablation", "Other weights of a loss", "A gate of the closure test",
    "A public model as a reweighter", "Weights of another tool", "A feature as a tagger",
    "A public model as a tagger",
    "A network that starts from another", "A regression",
}  # fmt: skip


class Copy:
    """A copy of the checkout with the tiny configuration.

    Attributes:
        at: Its folder.
        package: Its package.
    """

    def __init__(self, at: Path) -> None:
        self.at, self.package = at, at / "workflow" / "jetsmith"

    def write(self, path: str, text: str) -> None:
        """A new file; there is none of that name yet."""
        assert not (self.at / path).exists()
        (self.at / path).parent.mkdir(parents=True, exist_ok=True)
        (self.at / path).write_text(text)

    def insert(self, path: str, before: str, line: str) -> None:
        """One line before another of a file, which stands there once."""
        text = (self.at / path).read_text()
        assert text.count(before) == 1, (path, before)
        (self.at / path).write_text(text.replace(before, f"{line}\n{before}"))

    def edit(self, path: str, *keys: str, value: object) -> None:
        """An entry of a YAML file."""
        content = yaml.safe_load((self.at / path).read_text())
        place = content
        for key in keys[:-1]:
            place = place[key]
        assert keys[-1] not in place
        place[keys[-1]] = value
        (self.at / path).write_text(yaml.safe_dump(content, sort_keys=False))


def a_dataset(copy: Copy) -> None:
    """An entry and its name in a sample of the run."""
    mock.write(copy.at / "more" / "b.root", [mock.events(300, 7, 50_000)])
    entry = {"object": "ak4", "process": "qcd", "generator": "random", "files": ["more/b.root"]}
    copy.edit("config/datasets.yaml", "more", value=entry)
    copy.edit("config/config.yaml", "samples", "more", value={"datasets": ["more"]})


def a_feature(copy: Copy) -> None:
    """An entry in a file of config/features."""
    copy.edit("config/features/ak4.yaml", "features", "jetMass", value={"source": "jet_mass_gev"})


def a_derived_column(copy: Copy) -> None:
    """An entry, its formula, and a feature that reads it."""
    copy.insert(
        "workflow/jetsmith/derivations/of_jets.py",
        '    "n_muons": jet("", "muons among the charged candidates", "total_by_row", "cpf_is_muon"),',
        '    "jet_log_pt": New("", "logarithm of the momentum", (Derived("log_of", ("jet_pt_gev",)),)),',
    )
    with (copy.package / "features" / "formulas.py").open("a") as file:
        file.write('\n\ndef log_of(values: Array) -> Array:\n    """Natural logarithm."""\n')
        file.write("    return np.asarray(np.log(values))\n")
    copy.edit("config/features/ak4.yaml", "features", "jetLogPt", value={"source": "jet_log_pt"})


def an_architecture(copy: Copy) -> None:
    """One file."""
    copy.write(
        "workflow/jetsmith/models/linear.py",
        '"""Logits that are linear in the inputs."""\n\n'
        "from jetsmith import plugs\n"
        "from jetsmith.models import OF_ROWS\n\n"
        "OUTPUTS = OF_ROWS\n\n\n"
        "class Options(plugs.Options):\n"
        '    """Without keys."""\n\n\n'
        "def build(inputs, outputs, options):\n"
        '    """The network; flat inputs alone."""\n'
        "    import keras\n\n"
        "    from jetsmith.models._layers import heads, input_layers, standardised\n\n"
        "    tensors = input_layers(inputs)\n"
        "    (x,) = standardised(inputs, tensors).values()\n"
        "    return keras.Model(tensors, heads(x, outputs))\n",
    )


def a_loss(copy: Copy) -> None:
    """One file."""
    copy.write(
        "workflow/jetsmith/losses/brier.py",
        '"""Brier\'s score: the squared distance of the probabilities from the truth."""\n\n'
        "from pydantic import Field\n\n"
        "from jetsmith.losses import Options as BaseOptions\n\n"
        'OUTPUT = "classes"\n\n\n'
        "class Options(BaseOptions):\n"
        '    """How much it counts."""\n\n'
        '    scale: float = Field(1.0, description="Factor.")\n\n\n'
        "def loss(output, seen, options):\n"
        '    """Mean of weight × sum (p - truth)^2; of logits (n, C) a scalar."""\n'
        "    from keras import ops\n\n"
        "    truth = ops.one_hot(seen.target, output.shape[-1])\n"
        "    away = ops.sum((ops.softmax(output) - truth) ** 2, axis=-1)\n"
        "    return options.scale * ops.mean(seen.weight * away)\n",
    )


def a_tagger(copy: Copy) -> None:
    """A file and a line of the run; here with the new features, architecture and loss."""
    content = yaml.safe_load((copy.at / "config/taggers/trees.yaml").read_text())
    content |= {
        "title": "Mine", "backend": "keras", "model": "linear", "architecture": {},
        "inputs": {"ak4": ["jetPt", "jetAbsEta", "jetMass", "jetLogPt", "btagDeepFlavB"]},
        "losses": {"classes": {"loss": "brier", "options": {"scale": 2.0}}},
    }  # fmt: skip
    content["training"]["epochs"] = 2
    copy.write("config/taggers/mine.yaml", yaml.safe_dump(content, sort_keys=False))
    copy.edit("config/config.yaml", "taggers", "mine", value="mine")


def a_plot(copy: Copy) -> None:
    """One file and one line."""
    copy.write(
        "workflow/jetsmith/plots/counts.py",
        '"""How many test jets of each class there are."""\n\n'
        "from jetsmith.plots import style as looks\n"
        "from jetsmith.plots.inputs import evaluated, read_test\n\n\n"
        "class CountNumbers(looks.Numbers):\n"
        '    """Jets by class."""\n\n'
        '    SECTION = "Jet counts"\n\n'
        '    plot: str = "counts"\n'
        "    counts: dict[str, int]\n\n"
        "    def caption(self) -> str:\n"
        '        """All of them."""\n'
        '        return f"{sum(self.counts.values())} jets, counted."\n\n\n'
        "def compute(spec, jets):\n"
        '    """Jets of each class that is evaluated."""\n'
        "    counts = {c.name: len(jets.of(c)) for c in evaluated(spec)}\n"
        "    return CountNumbers(title=spec.title, counts=counts)\n\n\n"
        "def draw(numbers, style):\n"
        '    """Bars."""\n'
        "    with looks.rc():\n"
        "        figure = looks.new_figure(style)\n"
        "        figure.subplots().bar(list(numbers.counts), list(numbers.counts.values()))\n"
        "    return figure\n\n\n"
        "def plot_counts(spec, scores, numbers, style, output):\n"
        '    """Read the scores of a tagger; write `output`.pdf, .png and .json."""\n'
        "    found = compute(spec, read_test(scores, spec))\n"
        "    looks.save(draw(found, style), found, output)\n",
    )
    copy.insert(
        "workflow/jetsmith/plots/__init__.py",
        '    "efficiency": About("judgement", ("pt_bins_gev",)),',
        '    "counts": About("judgement"),',
    )


def a_layout(copy: Copy) -> None:
    """One file and one line; here PFNano under another name."""
    copy.write(
        "workflow/jetsmith/sources/mine.py",
        '"""PFNano in a table `Mine`."""\n\nfrom jetsmith.sources.pfnano import *  # noqa: F403\n'
        "from jetsmith.sources.pfnano import (  # noqa: F401\n"
        "    branches, gives, identity, instead, kind, lacks, rows, selecting, unable, untold,\n"
        "    weight_branch,\n"
        ")\n",
    )
    copy.insert(
        "workflow/jetsmith/specs/datasets.py",
        '    "pfnano": LayoutOf(("Events",), "jet_id"),',
        '    "mine": LayoutOf(("Mine",), "jet_id"),',
    )
    table = mock.events(300, 8, 90_000)
    mock.write(copy.at / "foreign" / "c.root", [table], "Mine")
    entry = {"object": "ak4", "layout": "mine", "process": "qcd", "files": ["foreign/c.root"]}
    copy.edit("config/datasets.yaml", "foreign", value=entry)
    copy.edit("config/config.yaml", "samples", "foreign", value={"datasets": ["foreign"]})


def a_site(copy: Copy) -> None:
    """A folder with a profile, and a line in the table of docs/site.md."""
    profile = {"cores": 3, "set-threads": ["train_network=3"], "default-resources": ["mem_mb=700"]}
    copy.write("profiles/mine/profile.yaml", yaml.safe_dump(profile))
    assert "| profile | for | state |" in (ROOT / "docs/site.md").read_text()


RECIPES = (
    a_dataset, a_feature, a_derived_column, an_architecture, a_loss, a_tagger, a_plot, a_layout, a_site,
)  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """All recipes followed in one copy."""
    project = copy_project(tmp_path_factory.mktemp("recipes"))
    for path in (project.folder / "config").rglob("*.yaml"):
        path.unlink()
    tiny.write(project.folder)
    made = Copy(project.folder)
    for recipe in RECIPES:
        recipe(made)
    return made


@pytest.fixture(scope="module")
def finished(copy: Copy) -> Path:
    """Results of a run of the copy, in one process."""
    code = (
        "import sys; from pathlib import Path; from tests.workflow import in_process; "
        "in_process.run(Path(sys.argv[1]))"
    )
    _call(copy, "-W", "ignore", "-c", code, str(copy.at))
    return copy.at / "results"


def _call(copy: Copy, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy.at,
        env=os.environ | {"PYTHONPATH": f"{copy.at / 'workflow'}{os.pathsep}{ROOT}", "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_each_recipe_is_followed() -> None:
    """A recipe that is written down is followed here, or is named as one that is not."""
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("## Recipes")[2].partition("\n## ")[0]
    written = set(re.findall(r"^\*\*([^*]+)\.\*\*", text, re.MULTILINE))
    followed = {recipe.__name__.replace("_", " ").capitalize() for recipe in RECIPES}
    assert written == followed | OTHERS


def test_a_site_plans_it_all(copy: Copy) -> None:
    """The new profile with its cores, and what is new in the plan: dataset, layout, tagger, figures."""
    said = _call(copy, "-m", "snakemake", "-n", "--profile", "profiles/mine")
    for target in (
        "skim/more/000.parquet",
        "skim/foreign/000.parquet",
        "models/mine",
        "plots/counts/mine.png",
    ):
        assert f"results/{target}" in said, target
    assert "threads: 3" in said
    assert re.search(r"plot_counts\s+5\b", said)


def test_the_run_has_what_is_new(finished: Path) -> None:
    """Rows of the dataset and of the layout, columns of the features, scores, a figure on the page."""
    assert io.read_json(finished / "skim/more.json")["n_entries"] == 300
    about = io.read_json(finished / "inspect/foreign.json")
    assert (about["layout"], about["n_entries"]) == ("mine", 300)
    rows = io.read_rows(finished / "features/jets/000/ak4.parquet")
    pt = np.asarray(io.read_rows(finished / "features/jets/000/rows.parquet")["jet_pt_gev"])
    np.testing.assert_allclose(np.asarray(rows["jetLogPt"]), np.log(pt), rtol=1e-6)
    assert "jetMass" in rows.fields
    history = io.read_json(finished / "models/mine/history.json")
    assert len(history) == 2
    assert all(0 < row["loss"] < 4 for row in history)
    assert "p_b_jets" in io.read_rows(finished / "scores/mine/mine.parquet").fields
    shown = io.read_json(finished / "plots/counts/mine.json")
    page = (finished / "report/index.html").read_text()
    assert "Jet counts" in page
    assert f"{sum(shown['counts'].values())} jets, counted." in page
