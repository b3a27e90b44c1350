"""Protects the key `parameters` of reweighters: what it leads to, and what is refused before any job."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from jetsmith.configuration.load import load
from jetsmith.errors import ConfigError

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo's configuration with three datasets of a parameter, and a reweighter of it."""
    found = Path(shutil.copytree(ROOT / "config", tmp_path / "config"))
    dipole = yaml.safe_load((found / "datasets.yaml").read_text())["zjets_dipole"]
    for name, value in {"low": 0.25, "middle": 0.5, "high": 1.0}.items():
        edit(
            found,
            "datasets.yaml",
            lambda c, n=name, v=value: c.update({n: dipole | {"parameters": {"tune": v}}}),
        )
    edit(found, "reweighters/pythia_shower.yaml", lambda c: c.update(parameters=GIVEN))
    return found


GIVEN = {"names": ["tune"], "at": [{"tune": 0.75}], "held_out": [{"tune": 0.5}]}


def edit(folder: Path, name: str, change: Any) -> None:
    """Change the content of a file."""
    content = yaml.safe_load((folder / name).read_text())
    change(content)
    (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))


def loaded(folder: Path, *others: str) -> Any:
    """A run of the reweighter alone, or with others."""
    run = yaml.safe_load((folder / "config.yaml").read_text())
    run |= {"taggers": {}, "reweighters": dict.fromkeys(("pythia_shower", *others), "zjets")}
    run |= {"samples": {"zjets": {"datasets": ["zjets_power", "low", "middle", "high"]}}}
    return load(run, folder)


def test_a_reweighter_reads_its_parameters(folder: Path) -> None:
    """Its last group of inputs, of which no feature is made; the dataset that is held out is known."""
    run = loaded(folder)
    spec = run.classifiers["pythia_shower"]
    assert spec.groups == ("event", "pythia_shower_parameters")
    assert spec.inputs[-1].features == ("tune",)
    assert spec.held_out == ("middle",)
    assert spec.points == {"tune_0p75": {"tune": 0.75}, "tune_0p5": {"tune": 0.5}}
    assert run.held_out_at("pythia_shower") == {"tune_0p5": ["middle"]}
    assert run.values_of("pythia_shower") == {"low": [0.25], "middle": [0.5], "high": [1.0]}
    assert run.parametrised == ["pythia_shower"]
    assert run.bundled_reweighters == ["pythia_shower"]
    asked = run.asked_of("pythia_shower")
    assert asked.trained == ((0.25,), (1.0,))
    assert asked.held_out == ((0.5,),)
    assert asked.knots == ((0.25, 0.5, 0.75, 1.0),)
    given = run.given_to("pythia_shower")["pythia_shower_parameters"]["tune"]
    assert (given.source, given.default) == ("pythia_shower_parameters.tune", None)


def test_values_tell_data_sets_apart_for_who_reads_them(folder: Path) -> None:
    """A reweighter without parameters would learn as much of each value as it has rows."""
    with pytest.raises(
        ConfigError, match=r"pythia_shower_2d\.yaml:\d+: classes: low, middle, high of sample"
    ):
        loaded(folder, "pythia_shower_2d")


def of_reweighter(**changes: Any) -> Any:
    """A change of the key `parameters`."""
    return "reweighters/pythia_shower.yaml", lambda c: c["parameters"].update(changes)


def of_datasets(**changes: Any) -> Any:
    """Other parameters of datasets."""
    return "datasets.yaml", lambda c: [c[name].update(parameters=to) for name, to in changes.items()]


MISTAKES: dict[str, tuple[Any, list[str]]] = {
    "weights in bins": (
        ("reweighters/pythia_shower.yaml", lambda c: c.update(ratio={"binned": {"z_pt": [0, 50, 100]}})),
        ["parameters: weights in bins (`ratio: binned`, backend `histogram`) are of one variation"],
    ),
    "a dataset without a value": (
        of_datasets(high={}),
        ["parameters.names: dataset `high` of the target has no value of tune", "parameters: {tune: 1.0}"],
    ),
    "a source with a value": (
        of_datasets(zjets_power={"tune": 0.3}),
        ["parameters.names: dataset `zjets_power` of the source has a value of tune", "leave them out"],
    ),
    "one value": (
        of_datasets(high={"tune": 0.25}),
        ["parameters.names: `tune` is trained at 0.25 alone", "two values at least"],
    ),
    "one value that is not held out": (
        of_reweighter(held_out=[{"tune": 0.5}, {"tune": 1.0}]),
        ["parameters.names: `tune` is trained at 0.25 alone"],
    ),
    "a name that there is none of": (
        of_reweighter(names=["tunes"]),
        ["parameters.names: no dataset of sample `zjets` has a parameter `tunes`", "tune"],
    ),
    "a name given twice": (of_reweighter(names=["tune", "tune"]), ["parameters.names: given twice: tune"]),
    "a name of a feature": (
        ("reweighters/pythia_shower.yaml", lambda c: c.update(parameters={"names": ["z_pt"]})),
        ["parameters.names: `z_pt` is also a feature"],
    ),
    "a value held out that no dataset has": (
        of_reweighter(held_out=[{"tune": 0.6}]),
        ["parameters.held_out: no dataset of the sample is at tune_0p6"],
    ),
    "weights beyond what is trained": (
        of_reweighter(at=[{"tune": 1.5}]),
        ["parameters.at: tune: 1.5 lies outside of the values that are trained on, 0.25 to 1"],
    ),
    "held out beyond what is trained": (
        of_reweighter(held_out=[{"tune": 1.0}]),
        ["parameters.held_out: tune: 1 lies outside", "0.25 to 0.5"],
    ),
    "weights at what is no parameter": (
        of_reweighter(at=[{"tune": 0.5, "other": 1.0}]),
        ["parameters.at: {'tune': 0.5, 'other': 1.0} needs a value of each of tune, and no other"],
    ),
    "weights at one value twice": (
        of_reweighter(at=[{"tune": 0.75}, {"tune": 0.75}]),
        ["parameters.at: values are given twice"],
    ),
    "another parameter that differs": (
        of_datasets(high={"tune": 1.0, "scale": 2.0}),
        ["parameters.names: datasets of the target also differ in `scale`", "name it"],
    ),
    "a value that is no number": (of_datasets(high={"tune": "high"}), ["parameters.tune", "valid number"]),
    "bins of a parameter": (
        ("reweighters/pythia_shower.yaml", lambda c: c.update(ratio={"conserve_in": {"tune": [0, 1]}})),
        ["ratio.conserve_in: `tune` is none of the flat inputs"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_come_up_at_the_dry_run(folder: Path, name: str) -> None:
    """Each with file, key, and what would be right."""
    (file, change), words = MISTAKES[name]
    edit(folder, file, change)
    with pytest.raises(ConfigError) as caught:
        loaded(folder)
    for word in words:
        assert word in str(caught.value)


def test_a_grid_that_a_bundle_cannot_have_comes_up_at_the_dry_run(folder: Path) -> None:
    """Each combination of values costs a look at all of the source; no bundle, or no sum, no grid."""
    edit(folder, *of_reweighter(at=[{"tune": 0.25 + k / 1024} for k in range(256)]))
    with pytest.raises(ConfigError) as caught:
        loaded(folder)
    for word in ("pythia_shower.yaml", "parameters.at: a bundle", "258 of tune: 258, and 256 at most",
                 "`bundles: false`"):  # fmt: skip
        assert word in str(caught.value)
    edit(folder, "reweighters/pythia_shower.yaml", lambda c: c.update(ratio={"conserve": False}))
    assert loaded(folder).bundled_reweighters == ["pythia_shower"]
    edit(folder, "reweighters/pythia_shower.yaml", lambda c: c.pop("ratio"))
    edit(folder, "config.yaml", lambda c: c.update(bundles=False))
    assert loaded(folder).bundled_reweighters == []


def test_parameters_are_of_reweighters(folder: Path) -> None:
    """Not of taggers."""
    edit(folder, "taggers/deepcsv.yaml", lambda c: c.update(parameters=GIVEN))
    with pytest.raises(ConfigError, match="parameters: is of reweighters; leave it out of a tagger"):
        load(yaml.safe_load((folder / "config.yaml").read_text()) | {"reweighters": {}}, folder)
