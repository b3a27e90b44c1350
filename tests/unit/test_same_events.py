"""One file in two datasets: who asks for other events refuses it, with both names and the file."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from jetsmith.configuration.load import load
from jetsmith.configuration.same_events import SameEvents, identities
from jetsmith.errors import ConfigError
from jetsmith.sources.leptons import Z_MASS_GEV
from jetsmith.specs.datasets import DatasetSpec

from .spoil import ROOT, edit, put, without_lines

# A dataset of each; the link is the file of `first`, the rest are others.
FILES = {"first": "a.root", "again": "link.root", "other": "b.root", "third": "c.root", "fourth": "d.root"}
MUONS = {"group": "ak4", "feature": "softMuPtRel", "edges": [0, 1, 2]}
ABOVE = {"pt_bins_gev": [31, 1000]}  # the energy scale moves jets into the bins, which the selection has
BINS = {"discriminant_bins": [0, 0.5, 1]} | ABOVE


@pytest.fixture(params=[os.symlink, os.link], ids=["symbolic link", "hard link"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The demo's configuration and datasets of a file each."""
    found = Path(shutil.copytree(ROOT / "config", tmp_path / "config"))
    for name, file in FILES.items():
        if name != "again":
            (tmp_path / file).write_text(name)
        about = {"object": "ak4", "process": "p", "cross_section_pb": 1.0, "files": [str(tmp_path / file)]}
        edit(found / "datasets.yaml", put(name, value=about | {"generator": "data"}))
    request.param(tmp_path / "a.root", tmp_path / "link.root")
    return found


def run_with(**more: Any) -> dict[str, Any]:
    """A tagger of other jets, and a sample of each dataset."""
    samples = {name: {"datasets": [name]} for name in FILES}
    samples["jets"] = {"datasets": ["ttbar"]}
    found = {
        "seed": 1,
        "selection": {"ak4": {"pt_min_gev": 30, "abseta_max": 2.5}},
        "working_points": {"M": 0.1},
    }
    found |= {"samples": samples, "taggers": {"csvv2": "jets"}}
    return found | more | {"samples": samples | more.get("samples", {})}


def measured(**more: Any) -> dict[str, Any]:
    return {"judgement": "csvv2", "data": "first", "simulation": "third", "variable": MUONS, **ABOVE} | more


def started(folder: Path, **dips: Any) -> None:
    """Two networks, of which the first starts from the second; and one that reads its scores."""
    content = yaml.safe_load((folder / "taggers/dips.yaml").read_text())
    more = {"dips": {"start_from": "older"} | dips, "older": {}}
    for name, change in more.items():
        text = yaml.safe_dump(content | {"title": name} | change)
        (folder / f"taggers/{name}.yaml").write_text(text)
    reader = yaml.safe_load((folder / "taggers/cmva.yaml").read_text())
    reader |= {"title": "Reader", "inputs": {"dips": "all", "ak4": ["JP"]}}
    (folder / "taggers/reader.yaml").write_text(yaml.safe_dump(reader))


def with_scores(name: str) -> dict[str, Any]:
    """A reweighter of a sample, and the tagger on `first` whose scores it reads."""
    samples = {"events": {"datasets": [name, "dilepton"]}}
    return run_with(samples=samples, taggers={"csvv2": "first"}, reweighters={"continuous": "events"})


# What stands for `again` in each has to be of other events than `first`, and of no fourth dataset.
ASKED = {
    "simulation of a measurement": (
        lambda name: run_with(scale_factors={"probe": measured(simulation=name)}),
        "scale_factors.probe.data: {} is of `again` (simulation), too: it would be fitted to itself",
    ),
    "a source of a measurement": (
        lambda name: run_with(
            scale_factors={"probe": measured(uncertainties={"samples": {"shower": name}})}
        ),
        "scale_factors.probe.data: {} is of `again` (shower), too",
    ),
    "a source that is the simulation": (
        lambda name: run_with(
            scale_factors={
                "probe": measured(
                    data="third", simulation="first", uncertainties={"samples": {"shower": name}}
                )
            }
        ),
        "scale_factors.probe.uncertainties.samples.shower: {} is the simulation itself, from which nothing",
    ),
    "data of two measurements": (
        lambda name: run_with(
            scale_factors={"one": measured(), "two": measured(data=name, simulation="fourth")}
        ),
        "scale_factors.two.data: {} is data of `one`, too",
    ),
    "simulation of two measurements": (
        lambda name: run_with(
            scale_factors={
                "one": measured(data="third", simulation="first"),
                "two": measured(data="fourth", simulation=name),
            }
        ),
        "scale_factors.two.simulation: {} is simulation of `one`, too",
    ),
    "regions of a shape": (
        lambda name: run_with(
            shapes={
                "csvv2": {
                    "heavy": {"data": "first", "simulation": "third"} | BINS,
                    "light": {"data": name, "simulation": "fourth"} | BINS,
                }
            }
        ),
        "shapes.csvv2.light.data: {} is of `first` (heavy.data), too",
    ),
    "data beside simulation": (
        lambda name: run_with(
            commissioning={"pair": {"judgements": ["csvv2"], "data": "first", "simulation": [name]}}
        ),
        "commissioning.pair.simulation: {} is of `first`, the data, too",
    ),
    "what is stacked": (
        lambda name: run_with(
            samples={of: {"datasets": [of], "normalise": "cross_section"} for of in ("first", name)},
            commissioning={"pair": {"judgements": ["csvv2"], "data": "third", "simulation": ["first", name]}},
        ),
        "commissioning.pair.simulation: in two samples: {}",
    ),
    "a reweighter that reads scores": (
        with_scores,
        "continuous.yaml: inputs.csvv2: is trained on {} of this sample",
    ),
    "folds of a network that starts from another": (
        lambda name: run_with(
            samples={name: {"datasets": [name], "folds": 5}}, taggers={"dips": name, "older": "first"}
        ),
        "dips.yaml: start_from: `older` has seen events of {}, which the folds of sample `again`",
    ),
    "scores of a network that starts from another": (
        lambda name: run_with(taggers={"dips": name, "older": "first", "reader": name}),
        "dips.yaml: start_from: `older` has seen events of {}, on which `reader` is trained with scores of",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "said"), ASKED.values(), ids=ASKED)
def test_the_same_file_under_another_name_is_refused(folder: Path, asked: Any, said: str) -> None:
    """As the same name would be; of another file nothing is said."""
    started(folder)
    load(asked("other"), folder)
    with pytest.raises(ConfigError) as error:
        load(asked("again"), folder)
    place = folder.parent
    both = f"again (its {place / 'link.root'} is {place / 'a.root'} of first)"
    assert said.format(both) in without_lines(error.value)


def test_what_a_start_has_itself_started_from_counts(folder: Path) -> None:
    """Of a network that knows the events at third hand, the folds are refused, too."""
    started(folder)
    shutil.copy(folder / "taggers/dips.yaml", folder / "taggers/middle.yaml")
    edit(folder / "taggers/middle.yaml", put("title", value="Middle"))
    edit(folder / "taggers/dips.yaml", put("start_from", value="middle"))
    taggers = {"dips": "again", "middle": "other", "older": "first"}
    run = run_with(samples={"again": {"datasets": ["again"], "folds": 5}}, taggers=taggers)
    with pytest.raises(ConfigError, match="start_from: `older` has seen events of again"):
        load(run, folder)
    run["taggers"]["older"] = "third"
    load(run, folder)


def test_a_source_may_read_the_same_file_otherwise(folder: Path) -> None:
    """With another weight, another cross section or other shares of its data sets something differs."""
    source = {"data": "third", "simulation": "first", "uncertainties": {"samples": {"scale": "again"}}}
    run = run_with(scale_factors={"probe": measured(**source)})
    for key, value in (("weight_variation", "1001"), ("cross_section_pb", 2.0)):
        before = (folder / "datasets.yaml").read_text()
        edit(folder / "datasets.yaml", put("again", key, value=value))
        load(run, folder)
        (folder / "datasets.yaml").write_text(before)
    run["samples"]["again"]["normalise"] = "cross_section"
    load(run, folder)
    run["samples"]["again"] = {"datasets": ["first"]}
    with pytest.raises(ConfigError, match=r"samples\.scale: first is the simulation itself"):
        load(run, folder)


def of(paths: Mapping[str, list[str]], **leptons: Any) -> SameEvents:
    about = {"object": "ak4", "process": "p", "files": ["x"]}
    known = identities(paths)
    datasets = {name: DatasetSpec(**about, leptons=leptons.get(name)) for name in paths}
    return SameEvents(
        datasets, {name: {known[path]: path for path in files} for name, files in paths.items()}
    )


def test_addresses(tmp_path: Path) -> None:
    """Of one server to the letter; replicas by the logical name that they share."""
    paths = {
        "one": ["root://one.site//store/x.root", "root://one.site//eos/y.root"],
        "two": ["root://another.site:1094//store/x.root"],
        "three": ["/store/x.root"],
        "four": ["root://another.site//eos/y.root"],
        "five": ["root://one.site//eos/y.root", "root://one.site//store/z.root"],
        "none": [],
    }
    same = of(paths)
    shared = {name: same.shared([name], ["one"]) for name in paths}
    assert shared["one"] == ["one"]
    assert shared["two"] == [f"two (its {paths['two'][0]} is {paths['one'][0]} of one)"]
    assert shared["three"] == [f"three (its /store/x.root is {paths['one'][0]} of one)"]
    assert shared["five"] == ["five (its root://one.site//eos/y.root is also in one)"]
    assert shared["four"] == shared["none"] == []
    assert same.shared(["four", "two", "five"], ["one"]) == [*shared["two"], *shared["five"]]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("root://a.site//eos/cms/store/mc/x.root", "root://b.site:1094//store/mc/x.root", True),
        ("root://a.site//eos/uscms/store/x.root", "root://b.site//store/x.root", True),
        ("root://a.site//pnfs/desy.de/cms/tier2/store/x.root", "/store/x.root", True),
        ("root://eos.x//eos/user/a/alice/store/x.root", "root://eos.x//eos/user/b/bob/store/x.root", False),
        ("root://eos.x//eos/user/a/alice/cms/store/x.root", "/store/x.root", False),
        ("root://a.site//data/store/x.root", "root://b.site//data/store/x.root", False),
    ],
)
def test_folders_of_persons_are_no_site(one: str, other: str, same: bool) -> None:
    """A part `store` of a path is CMS' alone where a site has CMS' files behind it."""
    assert bool(of({"one": [one], "other": [other]}).shared(["one"], ["other"])) is same


APART = {
    "other channels": ({"channels": ["emu"]}, {"channels": ["ee", "mumu"]}, True),
    "a channel in common": ({"channels": ["emu", "ee"]}, {"channels": ["ee", "mumu"]}, False),
    "other momenta": ({"channels": ["emu"]}, {"channels": ["ee"], "pt_min_gev": 30}, False),
    "none": ({"channels": ["emu"]}, None, False),
    "the Z and beside it": (
        {"channels": ["ee", "emu"], "z_veto_gev": 15},
        {"channels": ["ee"], "pair_mass_gev": (Z_MASS_GEV - 15, Z_MASS_GEV + 15)},
        True,
    ),
    "the Z and more": (
        {"channels": ["ee"], "z_veto_gev": 15},
        {"channels": ["ee"], "pair_mass_gev": (76, 107)},
        False,
    ),
    "a veto that is not of two flavours": (
        {"channels": ["emu"], "z_veto_gev": 15},
        {"channels": ["emu"], "pair_mass_gev": (80, 100)},
        False,
    ),
    "other masses": (
        {"channels": ["emu"], "pair_mass_gev": (0, 50)},
        {"channels": ["emu"], "pair_mass_gev": (50, 90)},
        True,
    ),
    "masses of pairs alone": (
        {"channels": ["e"], "pair_mass_gev": (0, 50)},
        {"channels": ["e"], "pair_mass_gev": (50, 90)},
        False,
    ),
}


@pytest.mark.parametrize(("one", "other", "are_apart"), APART.values(), ids=APART)
def test_leptons_that_no_event_has_both_of(one: Any, other: Any, are_apart: bool) -> None:
    """Two regions of one file are of other events then; else they are not."""
    paths = {"one": ["root://a//x.root"], "other": ["root://a//x.root"]}
    for some, others in ((one, other), (other, one)):
        same = of(paths, one=some, other=others)
        assert (same.shared(["one"], ["other"]) == []) is are_apart
        assert same.shared(["one"], ["one"]) == ["one"]
