"""Benchmark `jet_images`: networks on images of jets beside networks on the same candidates as a set.

One run of `config/jet_images.yaml` up to the scores; each network is two or three trainings with seeds of
their own.
"""

import json
from typing import Any

from tests.benchmarks import _harness as harness
from tests.benchmarks import _workflow as workflow

NAME = "jet_images"
TASKS = {  # sample: classes, and pairs of an image and what it is compared with
    "bosons": (
        "w",
        "qcd",
        (
            ("jet_image_cnn", "w_deepsets"),
            ("jet_image_cnn_pt", "w_deepsets_pt"),
            ("jet_image_cnn_pt", "w_mass_tau21"),
        ),
    ),
    "partons": (
        "quarks",
        "gluons",
        (("quark_gluon_cnn", "quark_gluon_deepsets"), ("quark_gluon_cnn", "quark_gluon_bdt")),
    ),
}
BY = ("auc", "efficiency_1e-1", "efficiency_1e-2")


def run() -> dict[str, Any]:
    """The fields that docs/benchmarks.md explains."""
    folder, config = harness.RESULTS / NAME, workflow.shipped(NAME)
    files = {"config": config | {"bundles": False, "explain": {"enabled": False}}}
    files["config"].pop("pathvars")
    networks = [name for name in config["taggers"] if "cnn" in name or "deepsets" in name]
    figures = {name: f"results/plots/members/{name}.json" for name in networks}
    workflow.score(folder, files, config["seed"], [*figures.values()])
    found: dict[str, Any] = {"taggers": {}, "differences": {}, "test_jets": {}, "another_seed": {}}
    for sample, (signal, background, pairs) in TASKS.items():
        judged = {"signal": signal, "background": background}
        asked = [
            {"by": by, "how": "difference"}
            | {side: {"name": name, **judged} for side, name in zip(("better", "worse"), pair, strict=True)}
            for pair in pairs
            for by in BY
        ]
        said = workflow.compare(folder, sample, asked, config["seed"], signal, background)
        found["test_jets"] |= said["test_jets"]
        found["taggers"] |= {name: {by: _text(of[by]) for by in BY} for name, of in said["taggers"].items()}
        for question, answer in zip(asked, said["comparisons"], strict=True):
            line = found["differences"].setdefault(_name(question), {})
            line[question["by"]] = _text(answer)
    for name, path in figures.items():
        numbers = json.loads((folder / path).read_text())
        found["another_seed"][name] = _text(numbers["spread"])
    return found


def _name(question: dict[str, Any]) -> str:
    return " less ".join(question[side]["name"] for side in ("better", "worse"))


def _text(of: dict[str, float]) -> str:
    return f"{of['value']:.4f} [{of['low']:.4f}, {of['high']:.4f}]"
