"""What sites install says what uv.lock says, and each line of a profile does something."""

import importlib.util
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from snakemake.profiles import ProfileConfigFileParser
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from tests.requirements import require

ROOT = Path(__file__).parent.parent.parent
WORKFLOW = ROOT / "workflow"
DEFAULT = ROOT / "profiles/default/profile.yaml"
PROFILES = sorted((ROOT / "profiles").glob("*/profile.yaml"))


def test_conda_environment_is_that_of_the_lock():
    """A thesis made with conda has the versions that the tests ran with."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    # Where versions differ by Python's, those of 3.11, which the environment names.
    fits = [p for p in lock["package"] if "< '3.12'" in str(p.get("resolution-markers", "< '3.12'"))]
    locked = {package["name"]: package.get("version") for package in fits}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    used = ("simulation", "deep", "bundle", "measure", "xrootd", "dask")
    wanted = [*project["dependencies"], *(line for name in used for line in extras[name])]
    names = sorted(re.match(r"[A-Za-z0-9-]+", line).group(0) for line in wanted)
    environment = yaml.safe_load((ROOT / "envs" / "jetsmith.yaml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == [f"{name}=={locked[name]}" for name in names]


@pytest.fixture(scope="module")
def parser():
    """Snakemake's options, with those of all plugins; a batch system's own package may be absent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONDOR_CONFIG", os.devnull)  # HTCondor's package warns of a machine without one
        from snakemake.cli import get_argument_parser

        return get_argument_parser()


def idle(parser, path: Path, default: Path | None = None) -> list[str]:
    """Lines of a profile that do nothing, and names in it that nobody knows.

    Args:
        parser: Snakemake's, without a profile.
        path: The profile.
        default: That which Snakemake reads after it.
    """
    own = {key for key in yaml.safe_load(path.read_text()) if not key.startswith("__")}
    wins = {key for key, value in read(default).items() if value is not None} if default else set()
    asked = read(path)
    options = {option: action for action in parser._actions for option in action.option_strings}
    defaults = {key: options[key].default for key in options}
    plugin = ExecutorPluginRegistry().get_plugin(str(asked.get("executor", "local")))
    defaults |= {info["cliarg"]: info["default"] for info in plugin.get_settings_info()}
    found = [f"{key}: no option of Snakemake" for key in sorted(own) if f"--{key}" not in options]
    for key in sorted(own - {name.partition(":")[0] for name in found}):
        action = options[f"--{key}"]
        if key.startswith("jetsmith-") and not key.startswith(f"{plugin.name}-"):
            found.append(f"{key}: of another executor")
        arguments = [f"--{key}", *map(str, asked[key] if isinstance(asked[key], list) else [asked[key]])]
        given = parser.parse_args(arguments[:1] if action.nargs == 0 else arguments)
        if getattr(given, action.dest) == defaults[f"--{key}"]:
            found.append(f"{key}: the default")
        if key in wins:
            found.append(f"{key}: of profiles/default, which wins")
    rules = set(
        re.findall(
            r"^ *(?:use rule \w+ as|rule) (\w+)\b",
            "".join(p.read_text() for p in WORKFLOW.glob("*.smk")),
            re.M,
        )
    )
    content = yaml.safe_load(path.read_text())
    named = {*content.get("set-resources", {}), *content.get("set-threads", {})}
    named |= {value for key, value in content.items() if key.endswith("-array-jobs")}
    found += [f"{name}: no rule" for name in sorted(named - rules)]
    for line in path.read_text().splitlines():
        if re.match(r"[a-z_-]+:", line) and "#" not in line and not line.startswith("cores: ?"):
            found.append(f"{line.partition(':')[0]}: no reason")
    return found


def needs_plugin(text: str) -> None:
    """Options of an executor are there where the plugin is that it extends."""
    for name in re.findall("^jetsmith-(slurm|htcondor)-", text, re.M):
        absent = importlib.util.find_spec(f"snakemake_executor_plugin_{name}") is None
        require(f"no executor of {name}: `make setup EXTRAS={name}`" if absent else None)


def read(path: Path) -> dict[str, object]:
    """A profile as Snakemake reads it: what is `null` is left out."""
    with path.open() as file:
        return ProfileConfigFileParser().parse(file)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.parent.name)
def test_each_line_of_a_profile_does_something(parser, profile, monkeypatch):
    """What does nothing misleads whoever copies it; what is misspelt comes up only at the site."""
    needs_plugin(profile.read_text())
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    site = [] if profile == DEFAULT else ["--profile", str(profile.parent)]
    monkeypatch.setattr(sys, "argv", ["snakemake", *site])
    assert idle(parser, profile, None if profile == DEFAULT else DEFAULT) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("latency-wait: 5  # s", "latency-wait: the default"),
        ("retries: 0  # none", "retries: the default"),
        ("jetsmith-slurm-held-timeout: 3600  # s", "jetsmith-slurm-held-timeout: the default"),
        ("keep-going: true  # on", "keep-going: of profiles/default, which wins"),
        ("latency-weight: 60  # s", "latency-weight: no option of Snakemake"),
        ("jetsmith-htcondor-held-timeout: 60  # s", "jetsmith-htcondor-held-timeout: of another executor"),
        ("set-threads: {trian: 8}  # more", "trian: no rule"),
        ("latency-wait: 60", "latency-wait: no reason"),
    ],
)
def test_an_idle_line_is_found(tmp_path, parser, line, problem, monkeypatch):
    """Each mistake of its kind, in a profile that is right without it."""
    needs_plugin(line)
    monkeypatch.setattr(sys, "argv", ["snakemake", "--profile", "mine"])
    path = tmp_path / "profile.yaml"
    path.write_text("executor: jetsmith-slurm  # ours\n")
    assert idle(parser, path, DEFAULT) == []
    path.write_text(f"executor: jetsmith-slurm  # ours\n{line}\n")
    assert idle(parser, path, DEFAULT) == [problem]


@pytest.mark.parametrize(
    ("arguments", "cores"),
    [([], "all"), (["-n"], "all"), (["--profile", "x"], None), (["--profile=x"], None), (["-e", "x"], None)],
)
def test_cores_of_a_site_count(monkeypatch, arguments, cores):
    """`profiles/default` is read after a site's profile, and would win with all cores of this machine."""
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    monkeypatch.setattr(sys, "argv", ["snakemake", *arguments])
    assert read(DEFAULT).get("cores") == cores
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "x")
    assert "cores" not in read(DEFAULT)


def test_reruns_do_not_follow_the_time_of_code():
    """`code` among the triggers would rerun everything after a new checkout; no site can add it."""
    assert sorted(read(DEFAULT)["rerun-triggers"]) == ["input", "mtime", "params"]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.parent.name)
def test_profiles_give_gpus_to_networks_alone(profile):
    """Also in lines that are there to be uncommented: a tree, or a stage, would hold one for nothing."""
    text = profile.read_text()
    asked = re.findall(r"(\w+): *\{[^}]*\bgpu: *\d", text)
    assert all(rule.endswith("_network") for rule in asked), asked
    assert len(re.findall(r"\bgpu: *\d", text)) == len(asked) + len(re.findall(r"# gpu: *\d", text))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.parent.name)
def test_each_training_has_the_line_of_the_others(profile):
    """What a profile gives to `train`, trainings without a fold and those of later rungs get, too.

    A network that others read would else be killed for its memory where the tagger itself is not.
    """
    text = "".join(path.read_text() for path in (ROOT / "workflow").glob("*.smk"))
    rules = re.findall(r"^(?:use rule \w+ as |rule )((?:re)?train\w*)\b", text, re.MULTILINE)
    assert len(rules) == 9
    given = yaml.safe_load(profile.read_text())
    for key in ("set-threads", "set-resources"):
        lines = given.get(key) or {}
        for rule in rules:
            like = "train" + rule[rule.rindex("_") :] if rule.endswith(("_network", "_cuda")) else "train"
            assert lines.get(rule) == lines.get(like), (key, rule)
