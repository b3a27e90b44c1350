"""What sites install says what uv.lock says, and every profile reruns for the same reasons."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent


def test_conda_environment_is_that_of_the_lock():
    """A thesis made with conda has the versions that the tests ran with."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    # Where versions differ by Python's, those of 3.11, which the environment names.
    fits = [p for p in lock["package"] if "< '3.12'" in str(p.get("resolution-markers", "< '3.12'"))]
    locked = {package["name"]: package.get("version") for package in fits}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    used = ("simulation", "deep", "xrootd", "dask")
    wanted = [*project["dependencies"], *(line for name in used for line in extras[name])]
    names = sorted(re.match(r"[A-Za-z0-9-]+", line).group(0) for line in wanted)
    environment = yaml.safe_load((ROOT / "envs" / "jetsmith.yaml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == [f"{name}=={locked[name]}" for name in names]


@pytest.mark.parametrize(
    "profile", sorted((ROOT / "profiles").glob("*/profile.yaml")), ids=lambda p: p.parent.name
)
def test_profiles_rerun_for_the_same_reasons(profile):
    """`code` among the triggers would rerun everything after a new checkout."""
    triggers = yaml.safe_load(profile.read_text())["rerun-triggers"]
    assert sorted(triggers) == ["input", "mtime", "params"]


@pytest.mark.parametrize(
    "profile", sorted((ROOT / "profiles").glob("*/profile.yaml")), ids=lambda p: p.parent.name
)
def test_profiles_give_gpus_to_networks_alone(profile):
    """Also in lines that are there to be uncommented: a tree, or a stage, would hold one for nothing."""
    text = profile.read_text()
    asked = re.findall(r"(\w+): *\{[^}]*\bgpu: *\d", text)
    assert all(rule.endswith("_network") for rule in asked), asked
    assert len(re.findall(r"\bgpu: *\d", text)) == len(asked) + len(re.findall(r"# gpu: *\d", text))
