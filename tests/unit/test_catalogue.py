"""What Snakemake's workflow catalogue shows of the project is true of it.

It lists, with instructions for use, repositories that have workflow/Snakefile, config/README.md and
.snakemake-workflow-catalog.yml.
"""

import re
from pathlib import Path

import pytest
import yaml

from jetsmith.configuration.load import load

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "config/README.md").read_text()
USAGE = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]


def listed(text: str) -> set[str]:
    """What the table of a config/README.md has in its first column."""
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.M))


def there() -> set[str]:
    """What the folder holds."""
    paths = (path for path in (ROOT / "config").iterdir() if path.name != "README.md")
    return {f"{path.name}/" if path.is_dir() else path.name for path in paths}


def written(text: str, name: str) -> dict[str, object]:
    """The example of a file of the configuration."""
    (found,) = re.findall(rf"^```yaml\n# config/{re.escape(name)}\n(.*?)^```", text, re.M | re.S)
    return yaml.safe_load(found)


def test_the_folder_is_described_as_it_is():
    """A file that is not in the table, or a line for one that has gone, misleads at the first step."""
    assert listed(TEXT) == there()
    assert listed(TEXT.replace("| `flavours.yaml` |", "| `flavors.yaml` |")) != there()


def test_the_example_is_a_configuration(tmp_path):
    """As it stands there, beside the repository's own folder, it loads; a key of no record would not."""
    entry = written(TEXT, "datasets.yaml")
    (tmp_path / "a.root").touch()
    entry["my_ttbar"]["files"] = [str(tmp_path / "*.root")]
    (tmp_path / "datasets.yaml").write_text(yaml.safe_dump(entry))
    run = written(TEXT, "config.yaml")
    found = load(run, [tmp_path, ROOT / "config"])
    assert list(found.classifiers) == ["deepcsv", "stored_deepflav"]
    with pytest.raises(Exception, match="my_samples"):
        load(written(TEXT.replace("samples:", "my_samples:"), "config.yaml"), [tmp_path, ROOT / "config"])


def test_flags_are_those_of_the_default_profile():
    """Who deploys the workflow has no `profiles/default`; without them each new version reruns all."""
    triggers = yaml.safe_load((ROOT / "profiles/default/profile.yaml").read_text())["rerun-triggers"]
    assert USAGE["mandatory-flags"]["flags"].split() == ["--rerun-triggers", *triggers]


def test_deployment_of_software_is_as_declared():
    """`conda: true` says that each rule with a script names its environment."""
    text = "".join(path.read_text() for path in (ROOT / "workflow").glob("*.smk"))
    rules = re.split(r"^ *(?:rule|use rule) ", text, flags=re.M)[1:]
    lacking = [rule.partition(":")[0] for rule in rules if "script:" in rule and "conda:" not in rule]
    assert USAGE["software-stack-deployment"]["conda"] is (lacking == [])
    assert (ROOT / "envs/jetsmith.yaml").is_file()
    assert not USAGE["software-stack-deployment"]["apptainer"]
    assert "container:" not in text
