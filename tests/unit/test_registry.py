"""Protects: a damaged file does not damage the next one, which the same process reads."""

from contextlib import suppress

import numpy as np
import pytest
import uproot

from jetsmith.sources import registry
from jetsmith.sources.files import open_root


def versions():
    return {
        name: dict(found.known_versions)
        for name, found in uproot.classes.items()
        if hasattr(found, "known_versions")
    }


@pytest.mark.parametrize("name", [b"TBranch", b"TLeafD"])
def test_no_file_replaces_a_class_of_uproot(tmp_path, name):
    """A version that does not exist makes uproot build a class from the file's own description of it."""
    path = tmp_path / "a.root"
    with uproot.recreate(path, compression=None) as file:
        file.mktree("Events", {"x": "f8"}).extend({"x": np.arange(5.0)})
    content = bytearray(path.read_bytes())
    place = content.index(name + b"\0") + len(name) + 5  # after the bytes that count its bytes
    content[place : place + 2] = (99).to_bytes(2, "big")
    path.write_bytes(content)
    before = versions()
    with open_root(str(path)) as file:
        file["Events"].keys()
    assert versions() == before


def test_what_a_damaged_file_brought_goes_with_it():
    """Of a file that can be read it stays: the next one of its kind needs it, too."""
    new = type("Model_Mine", (uproot.model.DispatchByVersion,), {"known_versions": {}})
    leaf = uproot.classes["TLeaf"].known_versions
    try:
        with suppress(ValueError), registry.forgotten_if_damaged():
            uproot.classes["Mine"] = new
            leaf[77] = new
            raise ValueError("damaged")
        assert "Mine" not in uproot.classes
        assert 77 not in leaf
        with registry.forgotten_if_damaged():
            uproot.classes["Mine"] = new
            leaf[77] = new
        assert uproot.classes["Mine"] is leaf[77] is new
    finally:
        uproot.classes.pop("Mine", None)
        leaf.pop(77, None)
