"""Corrections of a shape beside those that CMS' BTV group published for DeepJet in 2018."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith.event_weights import Shape
from tests.unit import shaped_runs

pytestmark = pytest.mark.golden
FILE = "reference-corrections/btagging_2018_UL.json.gz"


def content_of(path: Path, name: str) -> Any:
    """A correction of a file."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return next(one for one in json.loads(text)["corrections"] if one["name"] == name)


def flavors(correction: Any) -> dict[str, list[int]]:
    """Which flavours each systematic has."""
    return {
        item["key"]: sorted(entry["key"] for entry in item["value"]["content"])
        for item in correction["data"]["content"]
    }


def test_our_file_has_the_form_of_the_published_one(shared_data: Path, tmp_path: Path) -> None:
    """Inputs by name, type and order, nodes, and flavours by systematic; weights take both unchanged."""
    ours = content_of(shaped_runs.run(tmp_path, 20_000) / "shape.correction.json", "deepcsv_shape")
    published = content_of(shared_data / FILE, "deepJet_shape")
    assert [(axis["name"], axis["type"]) for axis in ours["inputs"]] == [
        (axis["name"], axis["type"]) for axis in published["inputs"]
    ]
    assert ours["output"]["name"] == published["output"]["name"]
    there = flavors(published)
    assert {key: there[key] for key in flavors(ours)} == flavors(ours)
    assert [key for key in there if key in flavors(ours)] == list(flavors(ours))

    def nodes(node: Any) -> list[tuple[str, str]]:
        found = []
        while isinstance(node, dict) and node["nodetype"] in ("category", "binning"):
            found.append((node["nodetype"], node["input"]))
            first = node["content"][0]
            node = first["value"] if node["nodetype"] == "category" else first
        return found

    assert nodes(ours["data"]) == nodes(published["data"])
    rng = np.random.default_rng(3)
    n = 300
    flavour = rng.choice([0, 4, 5], n)
    jets = rng.uniform(30, 119, n), rng.uniform(-2.3, 2.3, n), flavour, rng.uniform(0, 1, n)
    sources = []
    for path, tagger in ((tmp_path / "shape.correction.json", "deepcsv"), (shared_data / FILE, "deepJet")):
        weigh = Shape(path, tagger, "2018")
        found = weigh(*(column[:, None] for column in jets))
        assert np.isfinite(found.nominal).all()
        assert (found.nominal[flavour == 4] == 1).all()
        assert (found.up["btag_hf"][flavour == 4] == 1).all()
        assert found.counts["n_score_beyond_scale_factors"] == 0
        sources.append(set(weigh.sources))
        weigh(*(column[:, None] for column in jets), jes="down_jes")
    assert sources[0] == sources[1]
