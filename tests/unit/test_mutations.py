"""A mistake in the configuration is a message that names file, line and key, whatever the mistake is."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetsmith.configuration import exact_yaml
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.load import load
from jetsmith.configuration.places import Run
from jetsmith.errors import ConfigError

from .. import tiny

ALL = tiny.mutations()
CONFIG = Path("config")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    tiny.write(folder)
    return folder


def _load(folder: Path) -> Configuration:
    """As the Snakefile does it."""
    run = folder / CONFIG / "config.yaml"
    return load(
        exact_yaml.read(run).content | {"data_root": str(folder)}, folder / CONFIG, Run(str(run), [run])
    )


def test_valid(project):
    """Without a mistake there is none: what follows is about the mistakes."""
    loaded = _load(project)
    assert set(loaded.classifiers) == {"score", "trees"}


@settings(max_examples=100)
@given(mutations=st.lists(st.sampled_from(ALL), min_size=1, max_size=2, unique_by=lambda m: m.file))
def test_message_or_a_configuration(project, mutations):
    """Drops, misspellings, doubled keys, other types, extremes, turned lists: one of the two, no other end.

    Each line of the message begins with a file, and its line wherever it has one.
    """
    folder = project / CONFIG
    try:
        for mutation in mutations:
            (folder / mutation.file).write_text(tiny.mutated(mutation))
        try:
            _load(project)
        except ConfigError as error:
            for line in str(error).splitlines():
                assert re.match(rf"{re.escape(str(folder))}/[\w/]+\.yaml(:\d+)?: \S", line), line
            return
        assert not any(mutation.kind == "double" for mutation in mutations)
    finally:
        tiny.write_config(folder)


@pytest.mark.parametrize("kind", ["double", "no number", "wrap"])
def test_file_and_key(project, kind):
    """What a file does wrong by itself is said with that file, a line in it, and the key."""
    folder = project / CONFIG
    own = [m for m in ALL if m.kind == kind and isinstance(m.keys[-1], str) and len(m.keys) < 3]
    for mutation in own[::3]:
        path = folder / mutation.file
        path.write_text(tiny.mutated(mutation))
        with pytest.raises(ConfigError) as caught:
            _load(project)
        tiny.write_config(folder)
        said = str(caught.value)
        assert re.match(rf"{re.escape(str(path))}:\d+: ", said), (str(mutation), said)
        assert f"{mutation.keys[-1]}" in said.splitlines()[0], (str(mutation), said)
