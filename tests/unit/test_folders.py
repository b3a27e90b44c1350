"""Folders of a run are checked in its files, before Snakemake takes them in its own way."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from jetsmith.configuration import folders
from jetsmith.errors import ConfigError


@pytest.mark.parametrize(
    ("pathvars", "line", "words"),
    [
        (
            "results",
            2,
            "pathvars: a folder by name (results, logs, benchmarks) would be right; got 'results'",
        ),
        (["results"], 2, "pathvars: a folder by name"),
        ({"logs": "a", "results": 3}, 4, "pathvars.results: is a folder, in text; got 3"),
        ({"logs": "a", "results": None}, 4, "pathvars.results: is a folder, in text; got None"),
        ({"Results": "a"}, 3, "pathvars: unknown key `Results`"),
        ({"logs": "<results>", "results": "<logs>"}, 3, "pathvars.logs: `<results>` leads back to itself"),
        ({"results": "<logs>/<results>"}, 3, "pathvars.results: `<logs>/<results>` leads back to itself"),
        ({"results": "r" * 300}, 3, f"pathvars.results: `{'r' * 80}`: File name too long"),
        ({"results": " results"}, 3, "pathvars.results: ' results': a blank at an end"),
        ({"results": "a\x00b"}, 3, "pathvars.results: 'a\\x00b': a blank at an end, or a character"),
    ],
)
def test_what_is_no_folder_is_named(tmp_path: Path, pathvars: Any, line: int, words: str) -> None:
    """With file, line and key: Snakemake would end with an AttributeError, or name no file."""
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump({"title": "x", "pathvars": pathvars}, sort_keys=False))
    with pytest.raises(ConfigError) as caught:
        folders.check(path)
    assert str(caught.value).splitlines()[0].startswith(f"{path}:{line}: {words}")


@pytest.mark.parametrize(
    "pathvars",
    [None, {}, {"results": "."}, {"results": "../a b/c"}, {"results": "./r"}, {"logs": "<results>/logs"}],
)
def test_folders_are_let_through(tmp_path: Path, pathvars: Any) -> None:
    """A key without a value is left to the record, which says so; a file of no mapping, too."""
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump({"pathvars": pathvars}))
    folders.check(path)
    path.write_text("- a\n")
    folders.check(path)
