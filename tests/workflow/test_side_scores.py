"""Scores that a network leaves alone: made before and out of fold where it learns, and not made elsewhere."""

import re

import pytest
import yaml

from tests.workflow.conftest import copy_project

ELSEWHERE = (
    "results/scores/deepcsv/other.parquet",
    "results/scores/deepcsv/pseudo.parquet",
    "results/plots/commissioning/pair/discriminants.png",
    "results/plots/resilience/jets/b_jets_vs_light_jets.png",
)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """What a dry run would make: rule, and the text of its job."""
    project = copy_project(tmp_path_factory.mktemp("side"))
    path = project.folder / "config/config.yaml"
    content = yaml.safe_load(path.read_text())
    content["taggers"] |= {"deepcsv": "jets", "mv2": "jets"}
    content["samples"] |= {"other": {"datasets": ["dilepton"]}, "pseudo": {"datasets": ["dilepton_data"]}}
    pair = {"judgements": ["deepcsv"], "data": "pseudo", "simulation": ["other"]}
    content |= {
        "judged_on": {"deepcsv": ["other"]},
        "resilience": {"jets": {"shifts": {"other events": "other"}, "taggers": ["deepcsv"]}},
        "commissioning": {"pair": pair},
    }
    path.write_text(yaml.safe_dump(content))
    options = {"column": "p_b_jets", "rows": ["udsg"]}
    options |= {"signal": ["b_or_lepb", "bb"], "background": {"udsg": 1.0}}
    tagger = project.folder / "config/taggers/deepcsv.yaml"
    given = yaml.safe_load(tagger.read_text())
    losses = {"alone": {"loss": "disco", "weight": 1.0, "options": options}}
    tagger.write_text(yaml.safe_dump(given | {"side": {"mv2": ["p_b_jets"]}, "losses": losses}))
    done = project.snakemake("-n", *ELSEWHERE)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.findall(r"^rule (\w+):\n((?:    .+\n)+)", done.stdout, re.M)


def made(jobs, rule, word):
    """Jobs of a rule in whose text a word is."""
    return [about for of, about in jobs if of == rule and word in about]


def test_they_are_made_before_and_out_of_fold(jobs):
    """Protects: who leaves scores alone learns from models that have not seen its rows."""
    assert len(made(jobs, "train_fold", "models/mv2.folds/")) == 2
    (stack,) = made(jobs, "stack", "packed/jets/train/mv2")
    assert all(f"models/mv2.folds/{fold}" in stack for fold in (0, 1))
    (train,) = made(jobs, "train_network", "models/deepcsv")
    assert "packed/jets/train/mv2" in train


def test_they_are_not_made_where_it_is_scored_alone(jobs):
    """Protects: judged_on, resilience and commissioning plan without the other tagger on those samples."""
    for sample in ("other", "pseudo"):
        (score,) = made(jobs, "score", f"scores/deepcsv/{sample}.parquet")
        assert "mv2" not in score
    assert not [about for _, about in jobs for name in ("other", "pseudo") if f"mv2/{name}" in about]
    assert [about for _, about in jobs if "commissioning/pair/discriminants.png" in about]
