"""Counting twice: a file under two names, in one dataset or in two, and rows that two datasets share."""

import os
import shutil
import uuid
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import uproot

from jetsmith import io
from jetsmith.configuration.checks import check_files_once
from jetsmith.configuration.same_events import identities
from jetsmith.errors import ConfigError, InputError
from jetsmith.skimming import copies, inspection, suitability
from jetsmith.sources import mock
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.skimming import PartitionSpec, XRootDSpec
from tests.unit.plans import file_found
from tests.unit.test_inspection import classifier

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
SAME = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")


def inspect(folder, files, name="test"):
    output = folder / f"{name}.json"
    inspection.inspect_dataset(name, SPEC, [str(f) for f in files], 1, PartitionSpec(), output)
    return output


def with_uuid(path, table, compression=None):
    """A file with a UUID of our choice, as tools that do not draw a new one leave it."""
    types = {k: v.dtype if isinstance(v, np.ndarray) else v.type for k, v in table.items()}
    with uproot.recreate(path, compression=compression, uuid_function=lambda: SAME) as file:
        file.mktree("Events", types).extend(table)
    return str(path)


def test_two_files_with_one_uuid(tmp_path):
    """Different events: both are read, though the UUID is the same. A real copy is refused, both named."""
    one = with_uuid(tmp_path / "a.root", mock.events(40, 1))
    other = with_uuid(tmp_path / "b.root", mock.events(40, 2, first_event=100))
    found = io.read_json(inspect(tmp_path, [one, other]))
    assert [record["uuid"] for record in found["files"]] == [str(SAME)] * 2
    assert found["n_entries"] == 80
    shutil.copy(one, tmp_path / "copy.root")
    with pytest.raises(InputError) as error:
        inspect(tmp_path, [one, other, tmp_path / "copy.root"])
    assert f"{tmp_path / 'copy.root'}: the same file as {one}" in str(error.value)
    assert other not in str(error.value)


def test_a_copy_that_was_changed(tmp_path):
    """One byte of a weight differs, neither size nor UUID nor entries: content decides."""
    one = with_uuid(tmp_path / "a.root", mock.events(40, 1))
    content = bytearray(Path(one).read_bytes())
    place = content.find(mock.events(40, 1)["genWeight"].astype(">f4").tobytes())
    assert place > 0
    content[place] ^= 0x80  # the sign of the first weight
    (tmp_path / "b.root").write_bytes(content)
    assert len(io.read_json(inspect(tmp_path, [one, tmp_path / "b.root"]))["files"]) == 2


def test_pieces_of_large_files(monkeypatch):
    """All of a small file; head, end and what lies between of a large one."""
    monkeypatch.setattr(copies, "PIECES", 4)
    monkeypatch.setattr(copies, "PIECE_BYTES", 10)
    assert copies.pieces(35) == [0, 10, 20, 30]
    assert copies.pieces(40) == [0, 10, 20, 30]
    assert copies.pieces(1000) == [0, 330, 660, 990]


def test_each_copy_is_paired_with_the_first(monkeypatch):
    """Three of one content and two of another among one UUID; another size, UUID or count is no suspect."""
    content = {"a": b"1", "b": b"2", "c": b"1", "d": b"1", "e": b"2", "f": b"1", "g": b"1", "h": b"1"}
    asked = []

    def digest(path, n_bytes, xrootd):
        asked.append((path, n_bytes))
        return content[path]

    monkeypatch.setattr(copies, "content_digest", digest)
    records = [file_found(name, 3, uuid="u", bytes=7) for name in content]
    records[5] = replace(records[5], bytes=8)
    records[6] = replace(records[6], uuid="v")
    records[7] = replace(records[7], entries=4)
    found = copies.copies(records, XRootDSpec())
    assert [(one.file, other.file) for one, other in found] == [("a", "c"), ("a", "d"), ("b", "e")]
    assert asked == [(name, 7) for name in "abcde"]


def test_suspects_alone_are_read(tmp_path, monkeypatch):
    """Files with UUIDs of their own are not opened once more."""
    files = [mock.write(tmp_path / f"{i}.root", [mock.events(10, i)]) for i in range(3)]
    monkeypatch.setattr(copies, "content_digest", lambda *_: pytest.fail("was read"))
    inspect(tmp_path, files)


def test_a_replica_is_tried(tmp_path, monkeypatch):
    """A copy that cannot be read at one address is compared at the next; at none, it is named."""
    path = mock.write(tmp_path / "a.root", [mock.events(10, 1)])
    size = os.path.getsize(path)
    plain = copies.content_digest(path, size, XRootDSpec())
    monkeypatch.setattr("jetsmith.remote.replicas", lambda path, _: [str(tmp_path / "gone.root"), path])
    assert copies.content_digest(path, size, XRootDSpec()) == plain
    monkeypatch.setattr("jetsmith.remote.replicas", lambda path, _: [str(tmp_path / "gone.root")])
    with pytest.raises(InputError, match=r"a.root: cannot be read once more"):
        copies.content_digest(path, size, XRootDSpec())


def test_one_file_in_two_datasets(tmp_path):
    """Its events would double the effective counts: check names both, unless content differs."""
    first = mock.write(tmp_path / "a.root", [mock.events(40, 1)])
    shutil.copy(first, tmp_path / "again.root")
    mine, theirs = inspect(tmp_path, [first], "mine"), inspect(tmp_path, [tmp_path / "again.root"], "theirs")
    spec, output = classifier(("jet_pt_gev",)), tmp_path / "check.json"
    with pytest.raises(InputError) as error:
        suitability.check_classifier(spec, [mine, theirs], set, output)
    for word in (first, "again.root (dataset theirs)", "(dataset mine;", "count twice in one sample"):
        assert word in str(error.value)
    other = inspect(tmp_path, [mock.write(tmp_path / "b.root", [mock.events(40, 1)])], "other")
    suitability.check_classifier(spec, [mine, other], set, output)
    assert output.exists()


def once(tmp_path, samples, **paths):
    run = SimpleNamespace(samples={name: SimpleNamespace(datasets=used) for name, used in samples.items()})
    files = {name: [str(path) for path in found] for name, found in paths.items()}
    check_files_once(run, files, identities(files), dict.fromkeys(files, Path("datasets.yaml")), "run.yaml")


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_two_names_of_one_file(tmp_path, link):
    """Links are found before any job, within a dataset and between two of a sample."""
    first, second, other = (tmp_path / f"{name}.root" for name in ("a", "b", "c"))
    first.write_text("x")
    other.write_text("x")
    link(first, second)
    with pytest.raises(ConfigError) as error:
        once(tmp_path, {"s": ("d",)}, d=[first, other, second])
    assert f"d: files: {first} and {second} are one file" in str(error.value)
    with pytest.raises(ConfigError) as error:
        once(tmp_path, {"s": ("d", "e")}, d=[first], e=[other, second])
    for word in ("samples.s", f"{second}, the same file as {first},", "datasets d and e"):
        assert word in str(error.value)
    with pytest.raises(ConfigError, match=r"root://host//a.root is in datasets d and e"):
        once(tmp_path, {"s": ("d", "e")}, d=["root://host//a.root"], e=["root://host//a.root"])
    replicas = {"d": ["root://one.site//store/a.root"], "e": ["root://another.site:1094//store/a.root"]}
    with pytest.raises(ConfigError, match=r"the same file as root://one.site//store/a.root, is in datasets"):
        once(tmp_path, {"s": ("d", "e")}, **replicas)
    once(tmp_path, {"s": ("d", "e")}, d=["root://one.site//a.root"], e=["root://another.site//a.root"])
    once(tmp_path, {"s": ("d",), "t": ("e",)}, d=[first], e=[second])  # two samples may share files
