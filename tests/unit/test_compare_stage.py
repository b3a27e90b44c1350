"""The stage compare: a run that is under way beside a finished one, its page, its section and its verdict."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from jetsmith import io
from jetsmith.comparing import figures
from jetsmith.comparing.compare import compare, compare_with
from jetsmith.configuration.compare_checks import READ
from jetsmith.configuration.load import load
from jetsmith.errors import ConfigError, InputError
from jetsmith.handed.comparison import Comparison, Gate
from jetsmith.report.page import write_report
from jetsmith.sealed.made import FILE, PAGE, Ledger, Made, fingerprint
from jetsmith.verdict import COMPARED, verdict
from tests.unit.compared_runs import LOOK, SAMPLE, make_jets, make_run, score
from tests.unit.spoil import ROOT, run_of, without_lines
from tests.unit.test_plots_inputs import make_spec
from tests.unit.test_report import HOSTILE, Page, make_closure

FILES = (
    f"scores/deepjet/{SAMPLE}.parquet",
    "calibration/deepjet.numbers.json",
    *(f"plots/roc/{SAMPLE}/b_jets_vs_{name}_jets.json" for name in ("light", "c")),
    "skim/ttbar.json",
    "inspect/ttbar.json",
    "closure/shower.json",
)
ENOUGH = 60  # replicas


@pytest.fixture(scope="module", autouse=True)
def _without_figures() -> Iterator[None]:
    """They take longer than all the rest."""
    with mock.patch.object(figures, "overlay", return_value=[]):
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run, and two that are under way: the same, and a worse one."""
    folder = tmp_path_factory.mktemp("runs")
    jets = make_jets()
    found = {
        "older": make_run(folder / "older", jets, score(jets), {"compare": {"against": HOSTILE}}),
        "same": make_run(folder / "same", jets, score(jets)),
        "worse": make_run(folder / "worse", jets, score(jets, seed=4, shift=-0.5), {"seed": 2}),
    }
    for name in ("same", "worse"):
        Ledger(found[name]).forget(PAGE)
        shutil.rmtree(found[name] / "report")
    return found


def shown(seed: int = 1) -> dict[str, Any]:
    """The configuration of a run of `make_run`, as its page will show it."""
    spec = make_spec(title="DeepJet").model_dump(mode="json")
    judged = {key: spec[key] for key in ("title", "discriminant", "signal_class", "background_classes")}
    run = {"title": "A run", "samples": {SAMPLE: {"datasets": ["ttbar"]}}, "plots": LOOK, "seed": seed}
    classifiers = {"deepjet": spec, "shower": {"title": "Shower", "sample": "zjets"}}
    return {"run": run, "classifiers": classifiers, "judgements": {"deepjet": judged}}


def compared(
    runs: dict[str, Path], name: str, tolerance: float | None = 0.02, files: tuple[str, ...] = FILES
) -> tuple[Comparison, Path]:
    """What the stage finds of one of the runs, and its folder."""
    older, run = runs["older"], runs[name]
    output = run / "comparison"
    paths = [run / file for file in files]
    content = shown(2 if name == "worse" else 1)
    found = compare_with(older, fingerprint(older / FILE), paths, content, output, tolerance, ENOUGH)
    return found, output


@pytest.fixture(scope="module")
def worse(runs: dict[str, Path]) -> tuple[Comparison, Path]:
    """The worse run."""
    return compared(runs, "worse")


def test_a_run_under_way_does_not_differ_from_itself(runs: dict[str, Path]) -> None:
    """Protects: no false alarm: neither of the page that is to come, nor of what either is compared with."""
    found, output = compared(runs, "same")
    assert found.is_nothing
    assert {topic.name: len(topic.changes) for topic in found.topics if topic.changes} == {}
    assert all(topic.n > 0 for topic in found.topics)
    assert found.gate is not None
    assert found.gate.status == "passed"
    assert (found.before, found.after) == (str(runs["older"]), "this run")
    assert sorted(path.name for path in output.iterdir()) == ["comparison.json", "index.html"]


def test_a_worse_run_fails(worse: tuple[Comparison, Path]) -> None:
    """Protects: what is shifted is found, by the same rule as of the command; the JSON beside says so."""
    found, output = worse
    assert {number.what for number in found.differing} >= {"AUC against light", "AUC against c"}
    assert [c.key for topic in found.topics for c in topic.changes if topic.name == "configuration"] == [
        "run.seed"
    ]
    assert found.gate is not None
    assert found.gate.status == "failed"
    assert io.read_record(Comparison, output / "comparison.json") == found


def test_the_command_finds_the_same(
    runs: dict[str, Path], worse: tuple[Comparison, Path], tmp_path: Path
) -> None:
    """Protects: one way to compare: of the run when it is finished the command has the same numbers."""
    finished = Path(shutil.copytree(runs["worse"], tmp_path / "finished"))
    page = Ledger(runs["older"]).get(PAGE)
    assert page is not None
    lines = [line.replace("seed=1", "seed=2") for line in page.params if "run.compare" not in str(line)]
    Ledger(finished).put(
        PAGE, Made("report", 2, lines, [f"<results>/{name}" for name in FILES], {}, 0, 1, "", "")
    )
    again = compare(runs["older"], finished, tmp_path / "page", 0.02, ENOUGH)
    assert again.numbers == worse[0].numbers
    assert again.gate == worse[0].gate


def test_nothing_is_written_into_the_older_run(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: the exception is for a run that is under way alone: nothing may lie in the finished one."""
    older = runs["older"]
    before = {path: path.stat().st_mtime_ns for path in older.rglob("*")}
    with pytest.raises(InputError, match="is to stay as it is"):
        compare_with(
            older,
            fingerprint(older / FILE),
            [older / name for name in FILES],
            shown(),
            older / "comparison",
            None,
            ENOUGH,
        )
    assert {path: path.stat().st_mtime_ns for path in older.rglob("*")} == before | {}


def test_an_older_run_that_went_on_is_refused(runs: dict[str, Path]) -> None:
    """Protects: what is compared is what was planned with."""
    with pytest.raises(InputError, match="has gone on since this one was planned"):
        compare_with(runs["older"], "0" * 32, [], shown(), runs["same"] / "comparison", None, ENOUGH)


def test_a_file_that_nobody_has_written_down_is_refused(runs: dict[str, Path]) -> None:
    """Protects: a file from elsewhere is no result of this run."""
    (runs["same"] / "skim/more.json").write_text("{}")
    with pytest.raises(InputError, match=r"does not have skim/more\.json: nobody has written down"):
        compared(runs, "same", files=(*FILES, "skim/more.json"))


def test_the_page_of_the_run_says_it(worse: tuple[Comparison, Path], tmp_path: Path) -> None:
    """Protects: verdict and reason come first, what differs has a section, the rest is elsewhere."""
    output = tmp_path / "report/index.html"
    write_report(output, {}, "t", [], [], [], [], [], {}, comparison=[worse[1]])
    page = Page(output.read_text("utf-8"))
    assert "failed" in page.text
    assert "Rejection may fall by 2% at most." in page.text
    assert "numbers differ at 5% for all together. Rejection" in page.text
    assert worse[0].gate is not None
    assert worse[0].gate.lines[0] in page.text
    links = [link["href"] for link in page.attributes("a")]
    assert "#comparison" in links
    assert "../comparison/index.html" in links
    assert "comparison/index.html of the results folder" in " ".join(page.text.split())


@pytest.mark.parametrize(
    ("status", "grade"), [("passed", "good"), ("failed", "bad"), ("not conclusive", "warn")]
)
def test_status_and_grade(tmp_path: Path, status: str, grade: str) -> None:
    """Protects: what failed, or cannot tell, cannot look passed; hostile names are text."""
    gate = Gate(0.02, status, () if status == "passed" else (f"{HOSTILE}: rejection −5 ± 1%",))
    io.write_record(tmp_path / "comparison.json", Comparison(HOSTILE, "this run", 0.05, (), (), (), gate))
    output = tmp_path / "report/index.html"
    write_report(output, {}, "t", [], [], [], [], [], {}, comparison=[tmp_path])
    html = output.read_text("utf-8")
    assert html.count(f'<span class="badge {grade}">{status}</span>') == (3 if status == "passed" else 2)
    assert HOSTILE in Page(html).text


def test_without_a_gate_numbers_that_differ_are_a_warning(
    worse: tuple[Comparison, Path], tmp_path: Path
) -> None:
    """Protects: a difference is to be looked at, none is no warning; nothing in common is not passed."""
    same = tuple(replace(number, differs=False) for number in worse[0].numbers)
    for k, (numbers, badge) in enumerate(((worse[0].numbers, "warn"), (same, "good"), ((), "warn"))):
        found = Comparison("a", "this run", 0.05, (), (), numbers)
        io.write_record(tmp_path / f"{k}/comparison.json", found)
        output = tmp_path / f"{k}.html"
        write_report(output, {}, "t", [], [], [], [], [], {}, comparison=[tmp_path / str(k)])
        words = {"warn": "look", "good": "passed"}[badge]
        section = output.read_text("utf-8").partition('<h2 id="comparison">')[2]
        assert f'<span class="badge {badge}">{words}</span>' in section


def test_the_verdict_stops_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects: what failed ends the run with its reasons, what cannot tell is said aloud."""
    output = tmp_path / "verdict.json"

    def judge(status: str, gate: bool = True) -> None:
        made = Gate(0.02, status, ("b: rejection −5 ± 1%",)) if gate else None
        io.write_record(tmp_path / "comparison.json", Comparison("a", "b", 0.05, (), (), (), made))
        verdict([], False, "page.html", output, comparison=tmp_path)

    with pytest.raises(
        InputError, match=r"more than 2% of their rejection:\n  b: rejection .*\npage.html shows"
    ):
        judge("failed")
    assert not output.exists()
    judge("not conclusive")
    assert io.read_json(output) == {COMPARED: "not conclusive"}
    assert "NOT CONCLUSIVE, which is not passed:\n  b: rejection" in capsys.readouterr().err
    judge("passed")
    assert io.read_json(output) == {COMPARED: "passed"}
    assert capsys.readouterr().err == ""
    with pytest.raises(InputError, match="has no gate"):
        judge("passed", gate=False)


def test_weights_and_taggers_fail_together(tmp_path: Path) -> None:
    """Protects: who reads the message knows all that is wrong; allowed weights do not allow taggers."""
    weights = make_closure(tmp_path, "failed")
    gate = Gate(0.02, "failed", ("b: rejection −5 ± 1%",))
    io.write_record(tmp_path / "comparison.json", Comparison("a", "b", 0.05, (), (), (), gate))
    for allowed in (False, True):
        with pytest.raises(InputError, match="b: rejection −5") as stopped:
            verdict([weights], allowed, "page.html", tmp_path / "v.json", comparison=tmp_path)
        assert ("the closure test failed" in str(stopped.value)) == (not allowed)


def finished(folder: Path, dataset: str) -> None:
    """A run of one data set whose page is there."""
    name = f"inspect/{dataset}.json"
    (folder / "inspect").mkdir(parents=True)
    (folder / name).write_text("{}")
    Ledger(folder).put(name, Made("inspect", 1, [], [], {}, 0, 1, "", ""))
    Ledger(folder).put(PAGE, Made("report", 1, [], [f"<results>/{name}"], {}, 0, 1, "", ""))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of config/, beside finished and unfinished runs, and the working folder."""
    for name, made in (("finished", PAGE), ("begun", "skim/ttbar.json"), ("results", PAGE)):
        Ledger(tmp_path / name).put(made, Made("report", 1, [], [], {}, 0, 1, "", ""))
        Ledger(tmp_path / name / "below").put(PAGE, Made("report", 1, [], [], {}, 0, 1, "", ""))
    for name in ("finished", "results"):
        finished(tmp_path / name, "ttbar")
    finished(tmp_path / "foreign", "another")
    (tmp_path / "link").symlink_to("results")
    for name, link in (("hard", os.link), ("soft", os.symlink)):
        (tmp_path / name / FILE).parent.mkdir(parents=True)
        link(tmp_path / "results" / FILE, tmp_path / name / FILE)
    (tmp_path / "nothing").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MONTH", "finished")
    return Path(shutil.copytree(ROOT / "config", tmp_path / "config"))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no folder": ({"against": "gone"}, "compare.against: gone: there is no such folder"),
    "no variable": ({"against": "$GONE/x"}, "such as `results`; the variable GONE is not set"),
    "no results": ({"against": "nothing"}, "compare.against: nothing: is no results folder: it has no"),
    "not finished": ({"against": "begun"}, "compare.against: begun: the run has not come to its end"),
    "nothing in common": (
        {"against": "foreign"},
        "compare.against: foreign: no dataset, tagger or reweighter in common with this run",
    ),
    "itself": ({"against": "results"}, "compare.against: results are the results of this run itself"),
    "a link to itself": ({"against": "link"}, "compare.against: link are the results of this run itself"),
    "with its ledger by a hard link": (
        {"against": "hard"},
        "compare.against: hard: its .jetsmith/made.jsonl is that",
    ),
    "with its ledger by a link": (
        {"against": "soft"},
        "compare.against: soft: its .jetsmith/made.jsonl is that",
    ),
    "in its own": (
        {"against": "results/below"},
        "compare.against: results/below and the results of this run",
    ),
    "around its own": ({"against": "."}, "compare.against: . and the results of this run"),
    "no tolerance": ({"against": "finished", "fail_if_worse_than": 0}, "compare.fail_if_worse_than"),
    "all of it": ({"against": "finished", "fail_if_worse_than": 1.0}, "compare.fail_if_worse_than"),
    "a loss of less than nothing": (
        {"against": "finished", "fail_if_worse_than": -0.1},
        "compare.fail_if_wo",
    ),
    "not a number": ({"against": "finished", "fail_if_worse_than": float("nan")}, "compare.fail_if_worse"),
    "with nothing": ({"fail_if_worse_than": 0.1}, "compare.against"),
    "misspelt": ({"against": "finished", "fail_if_worse": 0.1}, "compare.fail_if_worse"),
}


@pytest.mark.parametrize(("given", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_compared_ends_at_the_dry_run(config: Path, given: dict[str, Any], words: str) -> None:
    """Protects: with file, key and reason, before any job; not after the hours of a run."""
    with pytest.raises(ConfigError) as caught:
        load(run_of(config) | {"compare": given}, config, "config/config.yaml")
    assert words in without_lines(caught.value)
    assert "config/config.yaml" in str(caught.value)


def test_a_gate_without_taggers_ends_at_the_dry_run(config: Path) -> None:
    """Protects: of weights alone it could never pass; the comparison itself is there for them, too."""
    kept = ("seed", "selection", "splits", "samples", "reweighters")
    weights = {key: value for key, value in run_of(config).items() if key in kept}
    load(weights | {"compare": {"against": "finished"}}, config)
    with pytest.raises(
        ConfigError, match=r"compare\.fail_if_worse_than: judges ROC curves, and the run has no"
    ):
        load(weights | {"compare": {"against": "finished", "fail_if_worse_than": 0.1}}, config)


def test_jobs_do_not_need_the_older_run(config: Path) -> None:
    """Protects: jobs of a long run on a cluster, when somebody moves the folder; that of compare says so."""
    asked = run_of(config) | {"compare": {"against": "gone"}}
    found = load(asked, config, is_planning=False)
    assert found.run.compare is not None
    with pytest.raises(InputError, match="gone: there is no such folder"):
        compare_with("gone", "", [], {}, config / "comparison")


def test_a_folder_without_what_is_read_ends_at_the_dry_run(config: Path, runs: dict[str, Path]) -> None:
    """Protects: a copy that was pruned; what nobody reads may be gone."""
    copy = Path(shutil.copytree(runs["older"], config.parent / "copy"))
    asked = run_of(config) | {"compare": {"against": str(copy)}}
    (copy / "report/index.html").unlink()
    load(asked, config)
    (copy / FILES[0]).unlink()
    with pytest.raises(
        ConfigError, match=rf"compare\.against: .*copy: lacks {FILES[0]}, which its ledger has"
    ):
        load(asked, config)
    (copy / FILES[1]).unlink()
    with pytest.raises(ConfigError, match="and 1 more, which its ledger has"):
        load(asked, config)


def test_all_that_is_read_is_looked_for(runs: dict[str, Path], tmp_path: Path) -> None:
    """Protects: the pattern of the dry run has each file that a comparison opens."""
    opened: set[str] = set()
    older = runs["older"]
    names = {str(path.relative_to(older)) for path in older.rglob("*") if path.is_file()} - {FILE}
    for name in names:
        copy = Path(shutil.copytree(older, tmp_path / name.replace("/", ".")))
        (copy / name).unlink()
        try:
            compare(copy, older, tmp_path / "page", None, ENOUGH)
        except InputError:
            opened.add(name)
    assert {name for name in names if re.fullmatch(READ, name)} >= opened
    assert len(opened) >= 8


def test_what_can_be_compared(config: Path) -> None:
    """Protects: variables expand, a gate is there where it is asked for, own results may be elsewhere."""
    for given, gated in (
        ({"against": "$MONTH"}, False),
        ({"against": "finished", "fail_if_worse_than": 0.02}, True),
    ):
        assert load(run_of(config) | {"compare": given}, config).is_gated == gated
    assert not load(run_of(config), config).is_gated
    elsewhere = {"pathvars": {"results": "mine"}, "compare": {"against": "results"}}
    with pytest.raises(ConfigError, match="lie one in the other"):
        load(run_of(config) | elsewhere | {"pathvars": {"results": "results/of"}}, config)
    load(run_of(config) | elsewhere, config)
