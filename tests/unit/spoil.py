"""A copy of config/ to spoil: what the tests of the configuration share."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
Change = Callable[[Any], None]


def run_of(folder: Path) -> Any:
    """The demo's run."""
    return yaml.safe_load((folder / "config.yaml").read_text())


def edit(path: Path, change: Change) -> None:
    """Change the content of a YAML file."""
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


def put(*keys: Any, value: Any) -> Change:
    """Set one value, given its keys."""

    def change(content: Any) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


def drop(*keys: Any) -> Change:
    """Leave one key out."""

    def change(content: Any) -> None:
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


def both(*changes: Change) -> Change:
    """Several changes of one file."""

    def change(content: Any) -> None:
        for one in changes:
            one(content)

    return change


def without_lines(error: Exception) -> str:
    """A message without its line numbers, which depend on how the spoiled file was written."""
    return re.sub(r"(\.yaml):\d+:", r"\1:", str(error))
