"""sealed: what a result says of its making is true, wherever it lies, or it is said that nobody knows."""

import errno
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skops.io
import uproot
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from snakemake.iocontainers import Params
from snakemake_interface_common.exceptions import WorkflowError

from jetsmith import io, provenance
from jetsmith.errors import InputError, OutputError
from jetsmith.sealed import frozen, made, planned, verify
from jetsmith.sealed.made import Ledger, Made
from jetsmith.sealed.persistence import CHANGED, NOBODY_KNOWS, Change
from tests.unit.code_cache import forget

ROOT = Path(__file__).parent.parent.parent
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(PLAIN, PLAIN)
def test_other_values_have_other_leaves(one, other):
    """Protects: no change of a parameter is lost where it is written as lines."""
    lines = [planned.leaves([("spec", value)]) for value in (one, other)]
    alike = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (sorted(lines[0]) == sorted(lines[1])) == alike
    assert (planned.digest([("spec", one)]) == planned.digest([("spec", other)])) == (lines[0] == lines[1])


def test_leaves_bear_names():
    """A reason names what changed: keys, and records by their `name`."""
    spec = {"training": {"epochs": 6}, "classes": [{"name": "b", "truth": [5]}, {"truth": [4]}], "empty": {}}
    assert planned.leaves([("spec", spec), ("seed", 1)]) == [
        "spec.training.epochs=6",
        'spec.classes=["b", 1]',  # their order
        'spec.classes.b.name="b"',
        "spec.classes.b.truth=[5]",
        "spec.classes.1.truth=[4]",
        "spec.empty={}",
        "seed=1",
    ]


def params(**values):
    """As Snakemake hands them to a script."""
    return Params(fromdict=values)


def job(epochs=6, inputs=("in.json",), outputs=("b.json", "a.json"), code=None):
    """What a script gets of Snakemake."""
    return SimpleNamespace(
        params=params(spec={"epochs": epochs}, code=code or {"script": "1"}), input=inputs, output=outputs
    )


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A plan with one job."""
    monkeypatch.setenv(planned.VARIABLE, "")
    planned.write(tmp_path, [job()])
    return Path(os.environ[planned.VARIABLE])


def test_a_job_as_planned_runs(plan):
    """The same values in other objects, the outputs in another order."""
    planned.check(job(outputs=("a.json", "b.json")))
    before = plan.read_bytes()
    planned.write(plan.parent, [job()])
    assert [path.read_bytes() for path in plan.parent.iterdir()] == [before]


def test_the_order_of_a_list_is_a_parameter():
    """Classes in another order are another network; an order of keys means nothing."""
    first, second = ({"name": name, "truth": [k]} for k, name in enumerate("ab"))
    one, other = (
        planned.leaves([("spec", {"classes": found})]) for found in ([first, second], [second, first])
    )
    assert set(one) ^ set(other) == {'spec.classes=["a", "b"]', 'spec.classes=["b", "a"]'}
    assert planned.leaves([("spec", {"a": 1, "b": 2})]) == ["spec.a=1", "spec.b=2"]


@pytest.mark.parametrize(
    ("found", "said"),
    {
        "epochs 2": (job(epochs=2), r"planned: spec\.epochs=6; now: spec\.epochs=2"),
        "input": (job(inputs=("other.json",)), r"planned: in\.json; now: other\.json"),
        "code": (job(code={"script": "2"}), r"planned: code\.script=.1.; now: code\.script=.2."),
        "another job": (job(outputs=("c.json",)), "it was not planned"),
    }.values(),
    ids=["epochs", "input", "code", "another job"],
)
def test_a_job_that_is_not_as_planned_stops(plan, found, said):
    """Protects: a batch job that reads an edited configuration makes no result of the old one's name."""
    with pytest.raises(InputError, match=rf"edited since this job was planned.*{said}.*Start the run again"):
        planned.check(found)


def test_a_plan_that_this_machine_does_not_see(plan):
    """Without a shared file system the code alone is compared."""
    plan.unlink()
    planned.check(job(epochs=2))


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Snakemake's copy of a script, running."""
    path = tmp_path / "tmp123.account.py"
    text = (ROOT / "scripts" / "account.py").read_text()
    path.write_text("import sys; snakemake = 5\n" + provenance.PREAMBLE_END.decode() + text)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(path), raising=False)
    monkeypatch.delenv(planned.VARIABLE, raising=False)
    return path


@pytest.mark.parametrize("beside", [(), ("classifiers.xgboost", "models.dense")])
def test_the_running_code_is_the_planned_one(script, beside):
    """The digest of the checkout's script is that of Snakemake's copy, with its preamble."""
    wanted = provenance.script_digests(ROOT / "scripts" / "account.py", *beside)
    planned.check(job(code=wanted))
    assert set(wanted) >= {"script", "skimming.account"}
    with pytest.raises(InputError, match=r"planned: code\.skimming\.account="):
        planned.check(job(code={**wanted, "skimming.account": "0"}))


def test_another_script_is_refused(script):
    """Edited between the plan and the start of the job."""
    wanted = provenance.script_digests(ROOT / "scripts" / "account.py")
    script.write_text(script.read_text().replace("account_dataset(", "print('more')\n    account_dataset("))
    forget()
    with pytest.raises(InputError, match=r"planned: code\.script="):
        planned.check(job(code=wanted))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package to be frozen."""
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv(frozen.VARIABLE, "")
    folder = tmp_path / "checkout" / "tool"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "inner" / "a.py").write_text("x = 1\n")
    (folder / "page.html.j2").write_text("{{ x }}")
    return folder


def test_a_copy_takes_what_numba_compiled(package, tmp_path):
    """Of the same sources, from the checkout or an earlier copy; not of an edited one, nor byte code.

    Protects: half a minute in every job that simulates.
    """
    (package / "other.py").write_text("y = 1\n")
    for path in (package / "other.py", *package.glob("*.py")):
        cache = path.parent / "__pycache__"
        cache.mkdir(exist_ok=True)
        (cache / f"{path.stem}.kernel-1.py311.nbi").write_text("compiled")
        (cache / f"{path.stem}.cpython-311.pyc").write_text("byte code")
    first = frozen.freeze(frozen.look(package), tmp_path / "code")
    taken = {path.name for path in (first / package.name / "__pycache__").iterdir()}
    assert taken == {f"{path.stem}.kernel-1.py311.nbi" for path in package.glob("*.py")}
    shutil.rmtree(package / "__pycache__")
    (package / "other.py").write_text("y = 22\n")
    second = frozen.freeze(frozen.look(package), tmp_path / "code")
    assert second != first
    left = {path.name for path in (second / package.name / "__pycache__").iterdir()}
    assert left == taken - {"other.kernel-1.py311.nbi"}


def test_no_edit_reaches_the_copy(package, tmp_path):
    """Protects: what a run imports is what it was planned with; the same content is copied once."""
    place = frozen.freeze(frozen.look(package), tmp_path / "code")
    (package / "inner" / "a.py").write_text("x = 2\n")
    assert (place / "tool" / "inner" / "a.py").read_text() == "x = 1\n"
    assert (place / "tool" / "page.html.j2").is_file()
    assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(place), "/somewhere"]
    assert frozen.taken() == place
    other = frozen.freeze(frozen.look(package), tmp_path / "code")
    assert other != place
    assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == str(other)
    (package / "inner" / "a.py").write_text("x = 1\n")
    assert frozen.freeze(frozen.look(package), tmp_path / "code") == place


def test_an_edit_during_the_plan_is_refused(package, tmp_path):
    """Between the digests and the copy: nobody knows which of the two was planned with."""
    seen = frozen.look(package)
    (package / "inner" / "a.py").write_text("x = 3\n")
    with pytest.raises(WorkflowError, match=r"inner/a\.py of jetsmith: edited while the run was planned"):
        frozen.freeze(seen, tmp_path / "code")
    assert not (tmp_path / "code").exists()


def test_old_copies_go(package, tmp_path):
    """One that no run has taken for a month; a copy in use stays."""
    place = frozen.freeze(frozen.look(package), tmp_path / "code")
    os.utime(place, (0, 0))
    (package / "b.py").write_text("y = 1\n")
    frozen.freeze(frozen.look(package), tmp_path / "code")
    assert not place.exists()
    assert frozen.taken() is not None


def entry(**changes):
    """A line of the ledger."""
    about = {
        "rule": "skim", "job": 1, "params": ["seed=1"], "input": ["<results>/inspect/a.json"],
        "checksums": {}, "began": 1.0, "ended": 2.0, "state": "3 4", "fingerprint": "f",
    }  # fmt: skip
    return Made(**about | changes)


def test_a_full_disk_spoils_no_other_line(tmp_path):
    """The driver writes on behind the piece of a line: that one counts as none, the next one does."""
    ledger = Ledger(tmp_path)
    ledger.put("a", entry())
    path = tmp_path / made.FILE
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
    try:
        with pytest.raises(
            OutputError, match=r"made\.jsonl: cannot be written: .*; make room below .* once more"
        ):
            ledger.put("b", entry(job=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    ledger.put("c", entry(job=3))
    assert set(Ledger(tmp_path)) == set(ledger) == {"a", "c"}


def test_the_ledger_comes_back(tmp_path):
    """What many files have in common stands once; the last line of a file counts."""
    ledger = Ledger(tmp_path)
    long = [f"spec.feature{i}=1" for i in range(500)]
    for i in range(50):
        ledger.put(f"skim/a/{i:03d}.parquet", entry(params=long))
    ledger.put("skim/a/000.parquet", entry(params=["seed=2"]))
    ledger.forget("skim/a/001.parquet")
    size = (tmp_path / made.FILE).stat().st_size
    assert size < 50 * 400 + 2 * len(json.dumps(long))
    back = Ledger(tmp_path)
    assert back.get("skim/a/000.parquet") == entry(params=["seed=2"])
    assert back.get("skim/a/001.parquet") is None
    assert back.get("skim/a/002.parquet") == entry(params=long)
    assert len(list(back)) == 49


def test_a_failed_job_is_in_the_ledger(tmp_path):
    """It comes back as one that has failed, until its file is made."""
    Ledger(tmp_path).put("a", entry())
    Ledger(tmp_path).put("a", made.failed("skim", 3))
    found = Ledger(tmp_path).get("a")
    assert (found.rule, found.job, found.has_failed) == ("skim", 3, True)
    (tmp_path / "a").write_text("half of it")  # as with --keep-incomplete
    assert verify.finished(Ledger(tmp_path)) == []
    assert made.reached(Ledger(tmp_path), ["a"]) == {}
    Ledger(tmp_path).put(made.PAGE, made.failed("report", 4))
    with pytest.raises(InputError, match=r"not come to its end: the job of report/index\.html failed"):
        made.of_finished(tmp_path)
    Ledger(tmp_path).put("a", entry())
    assert not Ledger(tmp_path).get("a").has_failed


def test_compaction_keeps_what_counts(tmp_path):
    """A folder that is made again and again does not collect lines for ever."""
    ledger = Ledger(tmp_path)
    for seed in range(500):
        ledger.put("a", entry(params=[f"seed={seed}"]))
    ledger.put("b", entry())
    before = (tmp_path / made.FILE).stat().st_size
    Ledger(tmp_path).compact()
    assert (tmp_path / made.FILE).stat().st_size < before / 20
    back = Ledger(tmp_path)
    assert (back.get("a"), back.get("b")) == (entry(params=["seed=499"]), entry())


@given(st.integers(0, 3000))
def test_a_ledger_that_was_cut_off(tmp_path_factory, cut):
    """kill -9 at any byte: what was written down before stays, and the next line is whole."""
    folder = tmp_path_factory.mktemp("cut")
    ledger = Ledger(folder)
    for i in range(5):
        ledger.put(f"{i}", entry(params=[f"seed={i}"]))
    path = folder / made.FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    left = Ledger(folder)
    found = {name: left.get(name) for name in left}
    assert all(found[name] == entry(params=[f"seed={name}"]) for name in found)
    left.put("new", entry(params=["seed=0"]))
    assert Ledger(folder).get("new") == entry(params=["seed=0"])
    assert {name: Ledger(folder).get(name) for name in found} == found


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "7",
        '{"file": "a", "made": {"rule": "x"}}',
        "[" * 9999,
        '{"shared": "x"}',
        '{"shared": ["x"], "is": []}',
        '{"shared": "x", "is": [7]}',
        '{"shared": "x", "is": {"a": null}}',
        '{"file": ["a"], "made": null}',
        '{"made": null}',
    ],
)
def test_strange_lines_count_as_none(tmp_path, line):
    """Of another version, or damaged."""
    Ledger(tmp_path).put("a", entry())
    with (tmp_path / made.FILE).open("a") as file:
        file.write(line + "\n")
    assert Ledger(tmp_path).get("a") in (entry(), None)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rule", None), ("job", "1"), ("began", []), ("ended", None), ("state", 3), ("fingerprint", {}),
        ("params", ["seed=1"]), ("params", "checksums"), ("checksums", "params"), ("input", 7),
        ("accepted", {}), ("accepted", {"when": "now", "was": 3, "is": []}), ("accepted", ["now"]),
    ],
)  # fmt: skip
def test_results_of_strange_lines_are_unknown(tmp_path, key, value):
    """A line of another kind counts as none: the plan goes on, and the result is made again."""
    Ledger(tmp_path).put("a", entry())
    path = tmp_path / made.FILE
    *shared, last = map(json.loads, path.read_text().splitlines())
    is_other = value in ("params", "checksums")
    last["made"][key] = last["made"][value] if is_other else value
    path.write_text("".join(json.dumps(line) + "\n" for line in (*shared, last)))
    assert Ledger(tmp_path).get("a") is None


def test_what_is_the_same_file(tmp_path):
    """A copy with another time is; other content of the same size is not."""
    path = tmp_path / "a.parquet"
    path.write_bytes(b"x" * 200_000 + b"footer")
    known = entry(**made.identity(path))
    assert made.same(path, known)
    os.utime(path, (5, 5))
    assert made.same(path, known)
    for change in (b"y" + b"x" * 199_999 + b"footer", b"x" * 200_000 + b"FOOTER", b"x" * 200_007):
        path.write_bytes(change)
        assert not made.same(path, known)


def test_what_is_the_same_folder(tmp_path):
    """Any file in it counts; Snakemake's mark does not."""
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "a.npy").write_bytes(b"1")
    (folder / "b.npy").write_bytes(b"2")
    known = entry(**made.identity(folder))
    (folder / ".snakemake_timestamp").write_text("")
    copied = shutil.copytree(folder, tmp_path / "copied", copy_function=shutil.copyfile)
    assert made.same(folder, known)
    assert made.same(copied, known)
    (copied / "b.npy").write_bytes(b"3")
    assert not made.same(copied, known)
    (folder / "a.npy").rename(folder / "c.npy")
    assert not made.same(folder, known)


TEXTS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.text(max_size=300)), max_size=30)


@given(TEXTS, TEXTS)
def test_reasons_are_short(old, new):
    """Snakemake prints one for each of thousands of jobs."""
    sides = [
        {f"spec.{key * 20}.{i}={json.dumps(text)}" for i, (key, text) in enumerate(s)} for s in (old, new)
    ]
    assert len(str(Change(sides[0], sides[1], set()))) < 250


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"spec.epochs=6"}, {"spec.epochs=2"}, "spec.epochs: 6 -> 2"),
        ({"code.a=1", "code.b=1"}, {"code.a=2", "code.c=1"}, "code of a, b, c"),
        ({"x=1"}, set(), "x: 1 -> none"),
        ({NOBODY_KNOWS}, {"x=1"}, NOBODY_KNOWS),
        ({CHANGED}, {"x=1"}, CHANGED),
    ],
)
def test_reasons_say_what_changed(old, new, said):
    """In the words of the configuration, not as two dumps."""
    assert str(Change(old, new, set())) == said


@pytest.mark.parametrize("tolerance", [0.0, verify.TOLERANCE])
def test_verify_sees_what_differs(tmp_path, tolerance):
    """Protects: a job that makes something else is named; times and machines do not count."""
    left, right = tmp_path / "1" / "scores", tmp_path / "2" / "scores"
    for folder in (left, right):
        folder.mkdir(parents=True)
    same = lambda name: verify.same(left / name, right / name, tolerance)  # noqa: E731
    for folder, seconds, x in ((left, 1, 1.0), (right, 2, 1.0)):
        versions = {"provenance": {"commit": seconds}, "task": {"code": f"{seconds}", "seed": 3}}
        touched = {"files": [{"file": "a.root", "changed_ns": seconds}], "read_again": ["a.root"] * seconds}
        io.write_json(folder / "a.json", {"x": [x], "seconds": seconds, **touched, **versions})
    assert same("a.json")
    io.write_json(right / "a.json", {"x": [1.0 + 1e-5]})
    io.write_json(left / "a.json", {"x": [1.0]})
    assert same("a.json") == (tolerance > 0)
    io.write_json(right / "a.json", {"x": [1.1]})
    assert not same("a.json")
    for folder, text in ((left, "1"), (right, "2")):
        (folder / "model.keras").write_text(text)
    assert not same("model.keras")
    assert not same("missing.json")
    (left / "only").mkdir()
    assert not verify.same(left, right, tolerance)


def _keras(path, saved, address, weights=b"w"):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1", "date_saved": saved}))
        layers = [{"dtype": {"shared_object_id": address}}, {"dtype": {"shared_object_id": address + 5}}]
        archive.writestr("config.json", json.dumps({"layers": layers, "units": address // address}))
        archive.writestr("model.weights.h5", weights)


def _root(path, values):
    with uproot.recreate(path) as file:
        values = np.array(values)
        file.mktree("Events", {"x": values.dtype}).extend({"x": values})


def test_verify_knows_what_no_two_trainings_share(tmp_path):
    """Dates, addresses of objects and identifiers of files differ each time; numbers and settings do not."""
    one, two = tmp_path / "1.keras", tmp_path / "2.keras"
    _keras(one, "2026-11-30@12:00:00", 1234)
    _keras(two, "2026-11-30@12:00:01", 98765)
    assert one.read_bytes() != two.read_bytes()
    assert verify.same(one, two)
    _keras(two, "2026-11-30@12:00:01", 98765, weights=b"v")
    assert not verify.same(one, two)

    x = np.random.default_rng(1).random((200, 2))
    models = [
        HistGradientBoostingClassifier(max_iter=3, random_state=1).fit(x, x[:, k] > 0.5) for k in (0, 0, 1)
    ]
    files = [tmp_path / f"{k}.skops" for k in range(3)]
    for path, model in zip(files, models, strict=True):
        path.write_bytes(skops.io.dumps(model))
    assert files[0].read_bytes() != files[1].read_bytes()
    assert verify.same(files[0], files[1])
    assert not verify.same(files[0], files[2])

    files = [tmp_path / f"{k}.root" for k in range(4)]
    for path, values in zip(files, ([1.0, np.nan], [1.0, np.nan], [1.0, 2.0], [1, 2]), strict=True):
        _root(path, values)
    assert files[0].read_bytes() != files[1].read_bytes()
    assert [verify.same(files[0], path) for path in files] == [True, True, False, False]


@pytest.mark.parametrize("folder", ["explain", "moves", "ablation", "loss_scans", "scale_factors", "learned"])
def test_verify_knows_where_networks_speak(tmp_path, folder):
    """Of all folders behind a network the last bits may differ on another machine, and no more."""
    results = tmp_path / "1", tmp_path / "2"
    places = [top / folder / "a.json" for top in results]
    for path, x in zip(places, (1.0, 1.0 + 1e-6), strict=True):
        io.write_json(path, {"x": x})
    assert verify.same(*places, verify.TOLERANCE, results)
    assert not verify.same(*places, 0.0, results)


@pytest.mark.parametrize("name", ["hepdata/roc.yaml", "bundles/dl1/README.md"])
def test_verify_reads_the_numbers_of_texts(tmp_path, name):
    """Tables for HEPData and cards of bundles: the same words, and numbers that are near."""
    results = tmp_path / "1", tmp_path / "2"
    first, second = (top / name for top in results)
    for path in (first, second):
        path.parent.mkdir(parents=True)
    first.write_text("- {value: 0.93110, low: -1.0e-05}\n")
    for text, expected in (
        ("- {value: 0.93112, low: -1.2e-05}\n", True),
        ("- {value: 0.93210, low: -1.0e-05}\n", False),
        ("- {value: 0.93110, high: -1.0e-05}\n", False),
        ("- {value: 0.93110}\n", False),
    ):
        second.write_text(text)
        assert verify.same(first, second, verify.TOLERANCE, results) == expected
        assert not verify.same(first, second, 0.0, results)


@pytest.mark.parametrize("top", ["comparison", "packed", "run/models/a"])
@pytest.mark.parametrize("name", ["skim/a.json", "skim/models/a.json", "inspect/packed/a.json"])
def test_verify_asks_the_stage_alone_who_speaks(tmp_path, top, name):
    """Results in a folder `comparison`, or a data set `models`, are no numbers of networks."""
    results = tmp_path / top, tmp_path / f"{top}.verify"
    for folder, x in zip(results, (1_000_000.0, 1_000_090.0), strict=True):
        io.write_json(folder / name, {"x": x})
        io.write_json((folder / name).with_name("meta.json"), {"models": 2})
    assert not verify.same(*(folder / name for folder in results), verify.TOLERANCE, results)


DAMAGED = {
    "a.json": (b'{"x": 1}', b'{"x": '),
    "deep.json": (b"[1]", b"[" * 100_000),
    "a.npy": None,
    "a.npz": None,
    "a.parquet": None,
    "a.root": None,
    "a.keras": None,
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("folder", ["skim", "scores"])
def test_verify_survives_what_cannot_be_read(tmp_path, capsys, name, folder):
    """One half of a file differs from the whole, whoever wrote it, and nothing ends in a traceback."""
    results = tmp_path / "1", tmp_path / "2"
    whole, half = (top / folder / name for top in results)
    for path in (whole, half):
        path.parent.mkdir(parents=True)
    if DAMAGED[name]:
        for path, content in zip((whole, half), DAMAGED[name], strict=True):
            path.write_bytes(content)
    else:
        _write(whole)
        content = whole.read_bytes()
        half.write_bytes(content[: len(content) * 2 // 3])
    for pair in ((whole, half), (half, whole)):
        assert not verify.same(*pair, verify.TOLERANCE, results if pair[0] is whole else results[::-1])
    if path.suffix not in (".keras", ".root"):  # half a zip is none, and half a ROOT file may be read
        assert f"{half}: cannot be compared: " in capsys.readouterr().err


def _write(path):
    if path.suffix == ".npy":
        np.save(path, np.arange(9.0))
    elif path.suffix == ".npz":
        np.savez(path, x=np.arange(9.0))
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"x": np.arange(9.0)}), path)
    elif path.suffix == ".root":
        _root(path, np.arange(9.0))
    else:
        _keras(path, "2026-11-30@12:00:00", 1234)


def test_verify_survives_damaged_notes_of_arrays(tmp_path):
    """`meta.json` says whether scores are packed; where it says nothing its arrays are none of a network."""
    results = tmp_path / "1", tmp_path / "2"
    for top, x in zip(results, (0.5, 0.5 + 1e-6), strict=True):
        (top / "packed/a").mkdir(parents=True)
        np.save(top / "packed/a/x.npy", np.array([x]))
        (top / "packed/a/meta.json").write_text("[7")
    assert not verify.same(*(top / "packed/a/x.npy" for top in results), verify.TOLERANCE, results)
    assert verify.same(*(top / "packed/a/meta.json" for top in results), verify.TOLERANCE, results)


def test_verify_goes_on_behind_what_cannot_be_read(tmp_path, monkeypatch, capsys):
    """The files after it are compared, too."""
    results = tmp_path / "results"
    ledger = Ledger(results)
    for job, name in enumerate("abc"):
        io.write_json(results / f"{name}.json", {"x": 1})
        ledger.put(f"{name}.json", entry(rule="skim", job=job))

    def again(command, **_):
        for name, text in zip("abc", ('{"x": ', '{"x": 2}', '{"x": 1}'), strict=True):
            (results.with_name("results.verify") / f"{name}.json").write_text(text)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", again)
    assert verify.verify(results, 1, 1, []) == 2
    said = capsys.readouterr().err
    assert "a.json: cannot be compared: JSONDecodeError" in said
    assert f"differs: {results / 'b.json'} and " in said
    assert "1 of 3 files are the same" in said


def test_verify_that_was_interrupted_blocks_no_other(tmp_path, monkeypatch):
    """Of half a copy, or of one that was being removed, nothing bears the name; the next one works."""
    results, beside = tmp_path / "results", tmp_path / "results.verify"
    ledger = Ledger(results)
    ledger.put("a.json", entry(rule="skim"))
    io.write_json(results / "a.json", {"x": 1})

    def again(command, **_):
        io.write_json(Path(command[-1]), {"x": 1})
        return subprocess.CompletedProcess(command, 0)

    def stop(*_, **__):
        raise KeyboardInterrupt

    def half(path, *_, **__):
        for ledger in Path(path).rglob(made.FILE):
            ledger.unlink()
            stop()

    monkeypatch.setattr(subprocess, "run", again)
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", stop)
        with pytest.raises(KeyboardInterrupt):
            verify.verify(results, 1, 1, [])
    assert os.listdir(tmp_path) == ["results"]
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", half)
        with pytest.raises(KeyboardInterrupt):
            verify.verify(results, 1, 1, [])
    assert not beside.exists()
    assert verify.verify(results, 1, 1, []) == 0
    assert not beside.exists()


def test_verify_compares_arrays(tmp_path):
    """Scores that are packed for another tagger come from a network, features do not; bundles have both."""
    one, two, three = results = [tmp_path / k for k in "123"]

    def same(name, top, other, tolerance=verify.TOLERANCE):
        return verify.same(top / name, other / name, tolerance, (top, other))

    for name, meta in (("packed/scores", {"models": 2}), ("packed/features", {})):
        for top, x in zip(results, (0.5, 0.5 + 1e-6, 0.6), strict=True):
            io.write_json(top / name / "meta.json", meta)
            np.save(top / name / "values.npy", np.array([[x, np.nan]], np.float32))
        assert same(name, one, two) == (name == "packed/scores")
        assert not same(name, one, two, 0.0)
        assert not same(name, one, three)
    for top, x, n in zip(results, (0.5, 0.5 + 1e-9, 0.5), (3, 3, 4), strict=True):
        (top / "bundles").mkdir()
        np.savez(top / "bundles/reference.npz", x=np.array([x]), n=np.array([n]), names=np.array(["a"]))
        (top / "bundles/SHA256SUMS").write_text(f"{x}")
    assert same("bundles", one, two)
    assert not same("bundles", one, two, 0.0)
    assert not same("bundles", one, three)


@pytest.mark.parametrize("fraction", [-0.1, 1.5, float("nan")])
def test_verify_takes_a_share(tmp_path, fraction):
    """No traceback, and nothing is copied."""
    with pytest.raises(InputError, match="is a share of the jobs, from 0"):
        verify.verify(tmp_path, fraction, 1, [])


def test_verify_works_on_the_disk_of_the_results(tmp_path, monkeypatch, capsys):
    """Beside the folder that a link leads to; where nothing can be linked a copy; no other's folder goes."""
    disk = tmp_path / "disk"
    ledger = Ledger(disk / "results")
    ledger.put("a.json", entry(rule="skim"))
    io.write_json(disk / "results/a.json", {"x": 1})
    (tmp_path / "results").symlink_to(disk / "results")
    seen = []

    def again(command, **_):
        made_again = Path(command[-1])
        seen.append((made_again, (made_again.parent / made.FILE).stat().st_nlink))
        io.write_json(made_again, {"x": 1})
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", again)
    assert verify.verify(tmp_path / "results", 1, 1, []) == 0
    assert seen == [(disk / "results.verify/a.json", 1)]
    assert not (disk / "results.verify").exists()
    assert io.read_json(disk / "results/a.json") == {"x": 1}

    def no_link(source, target, **_):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source, None, target)

    monkeypatch.setattr(os, "link", no_link)
    assert verify.verify(disk / "results", 1, 1, []) == 0
    assert "its files are copied, not linked: [Errno 18]" in capsys.readouterr().err
    (disk / "results.verify").mkdir()
    (disk / "results.verify/thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"results\.verify: is none of verify's folders; move it away"):
        verify.verify(disk / "results", 1, 1, [])
    assert (disk / "results.verify/thesis.tex").exists()


def test_verify_lets_files_lie_elsewhere(tmp_path, monkeypatch):
    """The inspection of simulated files names them; those of others are the same ones or not."""
    monkeypatch.chdir(tmp_path)
    folders = Path("results"), tmp_path / "results.verify"
    for folder, simulated in zip(
        folders, ("results/a.root", f"{tmp_path}/results.verify/a.root"), strict=True
    ):
        io.write_json(folder / "a.json", {"files": [simulated, "/data/results/b.root"]})
    assert verify.same(*(folder / "a.json" for folder in folders), folders=folders)
    assert not verify.same(*(folder / "a.json" for folder in folders))
    io.write_json(folders[1] / "a.json", {"files": ["results.verify/b.root", "/data/results/b.root"]})
    assert not verify.same(*(folder / "a.json" for folder in folders), folders=folders)


def test_verify_runs_the_end_of_the_way_first(tmp_path):
    """Protects: a job that runs again reads what the first one read, not what another has just made."""
    ledger = Ledger(tmp_path)
    ledger.put("simulated/a/000.root", entry(rule="simulate", input=[]))
    ledger.put("inspect/a.json", entry(rule="inspect", input=["<results>/simulated/a/000.root"]))
    ledger.put("skim/a.json", entry(rule="account", input=["<results>/inspect/a.json", "/data/b.root"]))
    ledger.put("scores/a.parquet", entry(rule="score", input=["<results>/skim/a.json"]))
    ledger.put("stacked/a.parquet", entry(rule="stack", input=["<results>/scores/a.parquet"]))
    ledger.put("scores/b.parquet", entry(rule="score", input=["<results>/stacked/a.parquet"]))
    jobs = [
        ("inspect", ("inspect/a.json",)),
        ("score", ("scores/a.parquet",)),
        ("score", ("scores/b.parquet",)),
        ("simulate", ("simulated/a/000.root",)),
        ("stack", ("stacked/a.parquet",)),
        ("account", ("skim/a.json",)),
    ]
    assert verify.last_first(ledger, jobs) == [
        ("score", ["scores/b.parquet"]),
        ("stack", ["stacked/a.parquet"]),
        ("score", ["scores/a.parquet"]),
        ("account", ["skim/a.json"]),
        ("inspect", ["inspect/a.json"]),
        ("simulate", ["simulated/a/000.root"]),
    ]


def test_verify_takes_each_rule(tmp_path):
    """A share of the jobs of each rule, at least one; outputs of one job stay together."""
    ledger = Ledger(tmp_path)
    for i in range(40):
        for end in ("parquet", "json"):
            (tmp_path / f"{i}.{end}").write_text("")
            ledger.put(f"{i}.{end}", entry(job=i))
    (tmp_path / "account").write_text("")
    ledger.put("account", entry(rule="account"))
    ledger.put("gone", entry(rule="pack"))
    jobs = verify.finished(Ledger(tmp_path))
    assert len(jobs) == 41
    chosen = verify.choose(jobs, 0.1, random.Random(1))
    assert sorted(len(outputs) for _, outputs in chosen) == [1, 2, 2, 2, 2]
    with pytest.raises(InputError, match="nothing to verify"):
        verify.verify(tmp_path / "none", 0.1, 1, [])
