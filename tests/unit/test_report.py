"""The report: one page, whole and safe, with the numbers that the stages wrote."""

import itertools
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from jetsmith import io, texts
from jetsmith.calibration import calibrate
from jetsmith.errors import InputError
from jetsmith.handed.account import Normalisation
from jetsmith.handed.closure import Area, Closure, Gate, Status, worst
from jetsmith.handed.plan import Content, Schema, UntoldOf
from jetsmith.handed.scan import Scan, Tried
from jetsmith.metrics import Interval
from jetsmith.plots import discriminant, roc, roc_figure, style, training
from jetsmith.plots.inputs import read_test
from jetsmith.plots.roc_figure import Curve, RocNumbers
from jetsmith.report import points, tables, tagger_inputs
from jetsmith.report.cards import cards
from jetsmith.report.explorer import explorer
from jetsmith.report.origins import origins
from jetsmith.report.page import write_report
from jetsmith.report.rendering import TEMPLATES
from jetsmith.skimming.account import account_dataset
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.run import PointsSpec
from tests.unit.plans import file_found, plan_of
from tests.unit.test_plots_inputs import FLAVOURS, WORKING_POINTS, make_scores, make_spec

STYLE = PlotSpec(dpi=40)
HOSTILE = "<script>alert(1)</script> & \"quoted\" 'name' {{ 7 * 7 }}"
CONTENT = Content(
    True, None, "allow", "genWeight",
    not_applied={"jet_id": "no <Jet_jetId>"},
    instead={"n_pv": "PV_<good>"},
    absent_hlt={"HLT_<A>": tuple(f"{k}.root" for k in range(7))},
    untold=(
        UntoldOf((520,), 500, "<GenPart>", 2, "a.root", "truth 520 cannot be told from 500 (no <GenPart>)"),
    ),
)  # fmt: skip
OWN_SCRIPTS = ["explorer-data", "plotly-code", ""]  # curves, what draws them, and the page's own
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Checks that tags are balanced while it gathers attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (found for name, found in self.tags if name == tag)


def make_account(folder: Path, name: str = "ttbar", n_lost: int = 0) -> Path:
    """The account that the account stage makes of a plan and one report."""
    lost = [{"file": "a.root", "start": 0, "stop": n_lost, "attempts": 3, "reason": "basket <7>"}]
    io.write_record(folder / "plan.json", plan_of([file_found("a.root", 1000)], name, content=CONTENT))
    io.write_json(
        folder / "part.json",
        {
            "dataset": name, "part": "000", "state": "ok", "n_planned": 1000, "n_processed": 1000 - n_lost,
            "lost": lost if n_lost else [], "sum_w": 812.5,
            "files": [{"file": "a.root", "n": 1000 - n_lost, "sum_w": 812.5, "sum_w2": 900.0}],
            "n_rows": 321, "rows_by_flavour": {"500": 300, "999": 21},
            "cutflow": [
                {"cut": "entries", "n": 1000 - n_lost, "sum_w": 812.5, "sum_w2": 900.0},
                {"cut": "all <jets>", "n": 321, "sum_w": 333.25, "sum_w2": 1.0},
                {"cut": "jet_id", "n": 321, "sum_w": 333.25, "sum_w2": 1.0, "applied": False},
            ],
        },
    )  # fmt: skip
    output = folder / f"{name}.account.json"
    n = 1000 - n_lost
    columns = {"run": np.ones(n), "luminosity_block": np.ones(n), "event": np.arange(n), "file": np.zeros(n)}
    with io.identity_writer(folder / "identity.parquet") as write:
        write(columns)
    account_dataset(
        name, folder / "plan.json", [folder / "part.json"], [folder / "identity.parquet"], 0.5, output
    )
    return output


def make_inspection(folder: Path, name: str = "ttbar") -> Path:
    about = {"bytes": 1_500_000, "codec": "ZSTD(3)"}
    files = [file_found(f"{name}_{k}.root", 500, uuid=f"uuid-{k}", schema=k, **about) for k in range(2)]
    schemas = [
        Schema("pfnano", (), ("npf_had_frac", *(["jet_tau1"] if k else [])), (), True, {}, None)
        for k in range(2)
    ]
    path = folder / f"{name}.inspect.json"
    io.write_record(path, plan_of(files, name, columns=("jet_pt_gev",), schemas=tuple(schemas)))
    return path


def make_closure(folder: Path, status: Status = "passed") -> Path:
    """A test of three gates; the second has the status and a hostile reason."""
    gates = (
        Gate("support", "passed", {"n_effective": 15321.2}, {"n_effective": 100.0}, "enough"),
        Gate("separation", status, {"auc": 0.5412, "low": 0.5352, "high": 0.547}, {}, HOSTILE),
        Gate("sum", "passed", {"held_out": 1.0065, "error": 0.0093}, {"sigmas": 3.0}, "conserved"),
    )
    before = Area(0.5712, 0.5652, 0.577)
    found = Closure(
        "shower", "events", ("a", "b"), 1, worst(gates), gates, before, before, None, 20123, 19876, (), ()
    )
    io.write_record(folder / "shower.json", found)
    return folder / "shower.json"


def of_one(name: str, **classifier: Any) -> dict[str, Any]:
    """The configuration of a run of one classifier."""
    classifiers = {name: {"sample": "events", "inputs": [], "classes": []} | classifier}
    return {"run": {"samples": {"events": {"datasets": ["theirs"]}}}, "classifiers": classifiers}


def make_scan(folder: Path) -> Path:
    tried = [
        Tried(f"digest{k}", 0, {HOSTILE: [100, k], "rate": 0.1 * k}, 0.5 - 0.01 * k, 7, 12, 3.25)
        for k in (1, 2)
    ]
    io.write_record(
        folder / "deepjet.json", Scan("deepjet", "grid", (HOSTILE, "rate"), "digest2", tuple(tried))
    )
    return folder / "deepjet.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The arguments of a report whose inputs the stages themselves wrote; every name is hostile."""
    folder = tmp_path_factory.mktemp("run")
    spec = make_spec(title=HOSTILE, folds=5)
    scores = make_scores(folder / "scores.parquet", 4000)
    numbers = folder / "calibration" / "deepjet.numbers.json"
    outputs = folder / "c.json", numbers
    settings = PointsSpec(allow_few_passing=True, flat_efficiency={"F70": 0.7, "F01": 0.0001}, min_passing=50)
    points = WORKING_POINTS | {"XXT": 0.0001}
    calibrate(spec, scores, points, (30, 100, 1000), (0, 2.5), *outputs, settings=settings)
    plots = folder / "results" / "plots"
    for background in ("light_jets", "c_jets"):
        roc.plot_roc(
            [spec],
            [scores],
            background,
            STYLE,
            plots / "roc" / "demo" / background,
            [numbers],
            20,
            pt_bins_gev=(30, 60, 1000),
        )
    discriminant.plot_discriminant(spec, scores, STYLE, plots / "discriminant" / "deepjet", numbers)
    run = {
        "run": {
            "seed": 42,
            "plots": {"label": "Private work (simulation)"},
            "note": HOSTILE,
            "samples": {"demo_ak4": {"datasets": [HOSTILE, "ttbar"], "folds": 5}},
        },
        "datasets": {"ttbar": {"without": ["hlt"]}},
        "classifiers": {"deepjet": spec.model_dump(mode="json")},
    }
    return {
        "output": folder / "results" / "report" / "index.html",
        "run": run,
        "title": HOSTILE,
        "accounts": [make_account(folder, n_lost=120)],
        "inspections": [make_inspection(folder)],
        "plots": sorted(plots.rglob("*.png")),
        "numbers": [numbers],
        "closures": [make_closure(folder)],
        "scans": [make_scan(folder)],
        "provenance": {"commit": "abc", "versions": {"numpy": HOSTILE}},
    }


@pytest.fixture(scope="module")
def html(made: dict[str, Any]) -> str:
    write_report(**made)
    return Path(made["output"]).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_simulation_that_no_trigger_selects_is_named(html: str) -> None:
    """Said of the dataset whose key it is: stages that read files are not told."""
    assert html.count("No trigger selects its events, as asked (without: hlt).") == 1


def test_hostile_names_are_text(html: str, page: Page) -> None:
    """Protects: no name from a config or a file can run or break the page."""
    assert html.count("<script") == len(OWN_SCRIPTS)
    assert "basket <7>" in page.text
    assert page.text.count(HOSTILE) >= 4
    assert "49" not in re.findall(r"name' (\d+)", page.text)


def test_a_scan_is_shown_with_what_its_losses_mean(page: Page) -> None:
    """Protects: the reader from taking the smallest validation loss for what the tagger can do."""
    for text in (
        "2 trainings (grid); validation losses",
        "quoted above, on the test split",
        "[100, 2]",
        "7 of 12",
    ):
        assert text in page.text
    assert page.text.index("0.48000") < page.text.index("0.49000")  # the best first
    assert page.text.count("chosen") >= 2
    assert page.text.index("digest2") < page.text.index("digest1")


def test_page_stands_alone(page: Page) -> None:
    """Protects: it can be mailed: nothing is loaded, and links stay inside the results folder."""
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object"}
        assert not any(name.startswith("on") for name in attributes)
    for image in page.attributes("img"):
        assert (image["src"] or "").startswith("data:image/png;base64,")
    assert [script.get("id", "") for script in page.attributes("script")] == OWN_SCRIPTS
    assert not any("src" in script for script in page.attributes("script"))
    policy = next(meta for meta in page.attributes("meta") if "http-equiv" in meta)
    assert (policy["content"] or "").startswith("default-src 'none';")


def test_page_can_be_read_by_all(page: Page) -> None:
    """Protects: language, alternative texts with the numbers, scopes, unique ids, working contents."""
    assert next(page.attributes("html"))["lang"] == "en"
    assert all(image["alt"] for image in page.attributes("img"))
    assert any("AUC 0.9" in (image["alt"] or "") for image in page.attributes("img"))
    assert all(cell["scope"] in {"col", "row", "colgroup"} for cell in page.attributes("th"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    inside = [link["href"] or "" for link in page.attributes("a") if (link["href"] or "").startswith("#")]
    assert {link[1:] for link in inside} <= set(ids)
    assert len(inside) >= 8
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert headings.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))


def test_links_lead_to_the_files_of_the_figures(made: dict[str, Any], page: Page) -> None:
    """Protects: PDF and JSON of each figure are a click away, by a relative path; histograms, too."""
    links = [link["href"] or "" for link in page.attributes("a") if not (link["href"] or "").startswith("#")]
    histograms = [Path(path).with_suffix(".hist.json") for path in made["plots"]]
    n_histograms = sum(path.is_file() for path in histograms)
    assert n_histograms >= 1
    assert sum(link.endswith(".hist.json") for link in links) == n_histograms
    assert len(links) == 2 * len(made["plots"]) + n_histograms
    for link in links:
        assert not os.path.isabs(link)
        assert (Path(made["output"]).parent / link).is_file()


def test_page_says_what_stands_for_what_files_lack(html: str) -> None:
    """Where weights come from, cuts that were not applied, triggers that are absent, truth not told."""
    text = Page(html).text
    assert "Simulation; generator weights from genWeight." in text
    assert "Cut jet_id not applied: no <Jet_jetId>." in text
    assert "jet_id not applied" in text
    assert "n_pv: PV_<good>." in text
    assert "are not looked for (duplicates: allow)." in text
    data = replace(CONTENT, simulated=False, weight=None, duplicates="refuse")
    first = "Collision data: every event has weight 1; "
    assert tables.content_lines(data)[0] == first + "not certified."
    named = tables.content_lines(replace(data, certified="cert.json"))
    assert named[0] == first + "certified blocks: cert.json."
    assert not any("duplicates" in line for line in named)
    unit = tables.content_lines(replace(CONTENT, weight=None))
    assert unit[0] == "Simulation without generator weights (weights: unit): every event has weight 1."
    assert "Trigger HLT_<A> is absent in 7 files, where it counts as not fired: 0.root" in text
    assert "4.root and 2 more." in text
    assert "In 2 files truth 520 cannot be told from 500 (no <GenPart>)." in text


def test_page_has_the_numbers(made: dict[str, Any], page: Page) -> None:
    """Protects: areas, thresholds, closure, account, inputs, provenance all reach the page."""
    numbers = io.read_json(made["numbers"][0])
    threshold = numbers["working_points"]["L"]
    shown = texts.interval(threshold["threshold"], threshold["threshold_low"], threshold["threshold_high"])
    flat = [numbers["flat_efficiency"]["F70"][f"threshold{end}"][0] for end in ("", "_low", "_high")]
    curve = io.read_json(made["plots"][-1].with_suffix(".json"))["curves"][0]
    for expected in (
        shown["text"],
        texts.interval(**curve["auc"])["text"],
        numbers["undefined"]["XXT"],
        "Effective jetsexpected above",
        "30 to 1000: ",
        texts.interval(*flat)["text"],
        numbers["flat_undefined"]["F01"],
        "5-fold cross-validation, out-of-fold",
        "0.5712 ± 0.0059",
        "passed",
        "15,321",
        "120 (12%)",
        "812.5",
        "npf_had_frac",
        "uuid-1",
        "Private work (simulation)",
        "abc",
        "seed: 42",
    ):
        assert expected in page.text, expected


def test_curves_to_choose_are_those_of_the_figures(page: Page, html: str, made: dict[str, Any]) -> None:
    """Protects: who chooses all jets sees what the figure shows; a range has the jets of its bin alone."""
    found = re.search(r'id="explorer-data">(.*?)</script>', html)
    assert found is not None
    contrasts = json.loads(found[1])
    files = [io.read_json(path.with_suffix(".json")) for path in made["plots"] if path.parent.name == "demo"]
    assert len(contrasts) == len(files)
    for shown, figure in zip(contrasts, files, strict=True):
        whole, *ranges = shown["ranges"]
        (curve,), (drawn,) = figure["curves"], whole["curves"]
        assert drawn["title"] == HOSTILE
        assert drawn["x"] == pytest.approx(curve["signal_efficiency"], rel=1e-3)
        assert drawn["y"] == pytest.approx(curve["mistag"], rel=1e-3)
        assert drawn["auc"] == texts.interval(**curve["auc"])
        nothing = {"value": None, "low": None, "high": None}
        readings = [one["signal_efficiency"] or nothing for one in curve["readings"]]
        told = [texts.interval(**one, percent=True) for one in readings]
        assert [{key: one[key] for key in ("text", "up", "down")} for one in drawn["readings"]] == told
        assert [one["doubt"] for one in drawn["readings"]] == [one["doubt"] for one in curve["readings"]]
        assert [one["label"] for one in ranges] == ["30 to 60 GeV", "60 to 1000 GeV"]
        n = [one["curves"][0]["n_signal"] for one in figure["ranges"]]
        assert sum(n) == curve["n_signal"]
        assert min(n) > 0


def test_each_tagger_is_in_a_table() -> None:
    """Protects: of two that tell one signal from other backgrounds, as c from light and b, none is lost."""

    def curve(tagger: str, area: float) -> dict[str, Any]:
        found = {"value": area, "low": area, "high": area}
        return {
            "tagger": tagger,
            "title": tagger,
            "folds": 0,
            "n_signal": 9,
            "n_background": 9,
            "auc": found,
        } | {"readings": []}

    def figure(background: str, is_first: bool, *curves: dict[str, Any]) -> dict[str, Any]:
        signal, other = ({"name": name, "label": name} for name in ("c", background))
        about = {"sample": "jets", "signal": signal, "background": other, "is_first": is_first}
        return about | {"curves": list(curves)}

    apart = [figure("b", True, curve("cvsb", 0.8)), figure("light", True, curve("cvsl", 0.7))]
    found = [(one["background"], [row["tagger"] for row in one["rows"]]) for one in tables.summary(apart)]
    assert found == [("b", ["cvsb"]), ("light", ["cvsl"])]
    assert [one["others"] for one in tables.summary(apart)] == [[], []]
    both = [
        figure("b", False, curve("both", 0.6), curve("cvsb", 0.8)), figure("light", True, curve("both", 0.9))
    ]  # fmt: skip
    found = [(one["background"], [row["tagger"] for row in one["rows"]]) for one in tables.summary(both)]
    assert found == [("light", ["both"]), ("b", ["cvsb", "both"])]
    all_in_one = [figure("light", True, curve("both", 0.9)), figure("b", False, curve("both", 0.6))]
    (one,) = tables.summary(all_in_one)
    assert one["others"] == ["b"]


def test_curves_to_choose_go_by_their_areas() -> None:
    """Protects: the best is the first in the table, by its area not by the digits that an error leaves."""
    areas = {"rough": (0.956, 0.94, 0.97), "fine": (0.958, 0.957, 0.959)}  # rough says 0.96
    curves = [
        {
            "tagger": name, "title": name, "n_signal": 9, "n_background": 9, "folds": 0, "readings": [],
            "auc": dict(zip(("value", "low", "high"), ends, strict=True)), "working_points": [],
            **{key: [1.0] for key in ("signal_efficiency", "mistag", "mistag_low", "mistag_high")},
        }
        for name, ends in areas.items()
    ]  # fmt: skip
    classes = {key: {"name": "b", "label": "b"} for key in ("signal", "background")}
    (found,) = explorer([classes | {"sample": "jets", "curves": curves, "ranges": []}])
    assert [found["ranges"][0]["curves"][k]["tagger"] for k in found["ranges"][0]["order"]] == [
        "fine",
        "rough",
    ]


def test_a_tagger_has_a_page(made: dict[str, Any], tmp_path: Path) -> None:
    """Protects: what it is and was trained on, its numbers and figures, and not those of another."""
    model = tmp_path / "models/deepjet"
    counted = {"b_jets": 1234, "light_jets": 56_789}
    about = {
        "classifier": "deepjet",
        "rows": {"model": {"train": counted}},
        "seed": 42,
        "heads_off": {"<origin>": "x"},
    }
    io.write_json(
        model / "meta.json", about | {"device": {"kind": "gpu", "name": "H200", "engine": "JAX 0.10"}}
    )
    chosen = {"architecture": {"dense": [77]}, "training": {"learning_rate": 0.0123}}  # of a scan
    io.write_json(model / "spec.json", {"name": "deepjet", **chosen})
    run = made["run"] | {"run": made["run"]["run"] | {"samples": {"demo_ak4": {"datasets": ["<ttbar>"]}}}}
    output = tmp_path / "results/report/index.html"
    more = {"models": [model], "bundled": ["deepjet"], "is_published": True}
    write_report(**made | {"output": output, "run": run, **more})
    page = Page((output.parent / "taggers/deepjet.html").read_text("utf-8"))
    for expected in (
        "keras, deepjet",
        "<ttbar>",
        "gpu H200, JAX 0.10",
        "56,789",
        "- 77",
        "learning_rate: 0.0123",
        "jet_pt",
        "<origin>",
        HOSTILE,
        "light mistag",
        "Working points",
    ):
        assert expected in page.text, expected
    headings = [image["alt"] or "" for image in page.attributes("img")]
    assert len(headings) == 1
    assert HOSTILE in headings[0]
    links = [link["href"] or "" for link in page.attributes("a")]
    assert "../../bundles/deepjet/README.md" in links
    assert "../../hepdata/submission.yaml" in links
    assert any(link.startswith("../") and link.endswith(".hist.json") for link in links)
    assert "lead into the results folder. Mailed alone, this page has" in page.text
    main = Page(output.read_text("utf-8"))
    assert "../hepdata/submission.yaml" in [link["href"] for link in main.attributes("a")]
    assert "Mailed alone, it has every figure and number, and not those files." in main.text
    assert "taggers/deepjet.html" in [
        link["href"] for link in Page(output.read_text("utf-8")).attributes("a")
    ]


def test_the_picture_of_a_run_shows_what_reads_what() -> None:
    """Protects: each box has its own place, in a column behind all that it reads, and a line from each."""
    reads = {
        "csvv2": ["ak4"],
        "jp": ["ak4"],
        "cmva": ["csvv2", "jp"],
        "dl1": ["ak4", "cmva"],
        "shower": ["event"],
    }
    classifiers = {
        name: {
            "sample": "z" if name == "shower" else "jets",
            "title": HOSTILE if name == "jp" else name.upper(),
        }
        | {"inputs": [{"group": group} for group in groups]}
        for name, groups in reads.items()
    }
    samples = {
        "jets": {"datasets": ["a", "b"]},
        "z": {"datasets": ["b", "c"], "folds": 5},
        "unused": {"datasets": ["d"]},
    }
    page: dict[str, Any] = {"accounts": [{"name": "a", "processed": "16,000"}], "summary": [], "closures": []}
    page["closures"] = [{"title": "SHOWER", "status": "failed"}]
    found = origins(
        {"run": {"samples": samples}, "classifiers": classifiers}, page, {"cmva": "taggers/cmva.html"}
    )
    boxes = {box["whole"]: box for box in found["boxes"]}
    assert set(boxes) == {
        "a: 16,000 entries",
        "b",
        "c",
        "jets: no folds",
        "z: 5 folds",
        "CSVV2",
        HOSTILE,
        "CMVA",
        "DL1",
        "SHOWER: closure failed",
    }
    assert boxes["CMVA"]["address"] == "taggers/cmva.html"
    assert boxes["SHOWER: closure failed"]["address"] == "#closure"
    assert len(boxes[HOSTILE]["text"]) < len(HOSTILE)
    places = [(box["x"], box["y"]) for box in boxes.values()]
    for one, other in itertools.combinations(places, 2):
        assert (
            abs(one[0] - other[0]) >= found["box"]["width"]
            or abs(one[1] - other[1]) >= found["box"]["height"]
        )
    assert all(x + found["box"]["width"] <= found["width"] for x, _ in places)
    assert all(y + found["box"]["height"] <= found["height"] for _, y in places)
    columns = [boxes[name]["x"] for name in ("b", "z: 5 folds", "CSVV2", "CMVA", "DL1")]
    assert columns == sorted(set(columns))
    assert len(found["lines"]) == len(set(found["lines"])) == 4 + 2 + 2 + 2 + 1
    for line in found["lines"]:
        start, end = re.fullmatch(r"M(\d+) \d+C.* (\d+) \d+", line).groups()  # type: ignore[union-attr]
        assert int(start) < int(end)


def test_the_picture_shows_scores_that_are_left_alone_and_further_samples() -> None:
    """Protects: who is trained against whose scores, and where taggers are judged beside, is on the page."""
    inputs = [{"group": "ak8"}]
    classifiers: dict[str, Any] = {
        "base": {"sample": "fat", "title": "Base", "inputs": inputs},
        "beside": {"sample": "fat", "title": "Beside", "inputs": inputs, "side": [{"group": "base"}]},
    }
    about = {"samples": {name: {"datasets": [f"of_{name}"]} for name in ("fat", "other", "unused")}}
    page: dict[str, Any] = {"accounts": [], "summary": [], "closures": []}
    run = {"run": about | {"judged_on": {"beside": ["other"]}}, "classifiers": classifiers}
    found = origins(run, page, {})
    boxes = {box["whole"]: box for box in found["boxes"]}
    assert boxes.keys() == {"of_fat", "of_other", "fat: no folds", "other: no folds", "Base", "Beside"}
    assert boxes["Base"]["x"] < boxes["Beside"]["x"]
    expected = set()
    for start, end in (
        ("of_fat", "fat: no folds"),
        ("of_other", "other: no folds"),
        ("fat: no folds", "Base"),
        ("fat: no folds", "Beside"),
        ("other: no folds", "Beside"),
        ("Base", "Beside"),
    ):
        middle = found["box"]["height"] // 2
        right = boxes[start]["x"] + found["box"]["width"], boxes[start]["y"] + middle
        expected.add((right, (boxes[end]["x"], boxes[end]["y"] + middle)))
    drawn = [tuple(map(int, re.findall(r"\d+", line))) for line in found["lines"]]
    assert {(line[:2], line[-2:]) for line in drawn} == expected
    assert len(drawn) == len(expected)


def test_figures_of_others_are_on_no_page_of_a_tagger() -> None:
    """Protects: one of a tagger whose name begins alike, or of its second discriminant, which is its own."""
    of = [
        {"tagger": "deepjet"},
        {"tagger": "deepjet_CvsB"},
        {"judgement": "deepjet2"},
        {"classifier": "deepjet"},
        {},
    ]
    figures = [{"heading": str(k), "links": [], "of": one} for k, one in enumerate(of)]
    spec = make_spec().model_dump(mode="json")
    spec["side"] = [{"group": "base", "kind": "flat", "length": 0, "features": ["p_b"], "sources": []}]
    spec["losses"] = {"alone": {"loss": "disco", "weight": 5.0, "options": {"column": "p_b"}}}
    run = {"run": {"samples": {"demo_ak4": {"datasets": []}}}, "classifiers": {"deepjet": spec}}
    page: dict[str, Any] = {"summary": [], "stand_ins": [], "working_points": [], "hepdata": ""}
    rows = [{"tagger": name} for name in ("deepjet", "deepjet_CvsB", "deepjet2")]
    page["resilience"] = [{"sample": "jets", "rows": rows}, {"sample": "other", "rows": rows[2:]}]
    page["sections"] = [{"figures": figures}, {"figures": figures[4:]}]
    device = {"kind": "cpu", "name": "", "engine": "stored"}
    about = {"classifier": "deepjet", "rows": {}, "effective": {}, "device": device, "heads_off": {}}
    judgements = {"deepjet": "deepjet", "deepjet_CvsB": "deepjet", "deepjet2": "deepjet2"}
    (card,) = cards(run, [(about, {"architecture": {}, "training": {}})], judgements, page)
    assert [[figure["heading"] for figure in section["figures"]] for section in card["sections"]] == [
        ["0", "1", "3"]
    ]
    assert card["resilience"] == [{"sample": "jets", "rows": rows[:2]}]
    assert {"name": "trained on", "value": "nothing: it was not trained in this run"} in card["facts"]
    settings = yaml.safe_load(card["settings"])
    assert settings["side"] == {"base": ["p_b"]}  # against whose score it was trained
    assert settings["losses"]["alone"]["options"] == {"column": "p_b"}


def test_same_input_gives_the_same_page(made: dict[str, Any], html: str, tmp_path: Path) -> None:
    """Protects: nothing of the moment is in it (links change with the place alone)."""
    write_report(**made | {"output": Path(made["output"]).with_name("again.html")})
    assert Path(made["output"]).with_name("again.html").read_text(encoding="utf-8") == html


def test_a_run_of_nothing_is_a_page_too(tmp_path: Path) -> None:
    """Protects: a run without taggers, or without reweighters, has a report."""
    write_report(tmp_path / "index.html", {}, "Empty", [], [], [], [], [], {})
    assert "Provenance" in Page((tmp_path / "index.html").read_text(encoding="utf-8")).text


@pytest.mark.parametrize("status", ["passed", "failed", "not conclusive"])
def test_closure_says_its_result(tmp_path: Path, status: Status) -> None:
    """Protects: a failed or powerless closure test cannot look passed; each gate has number and reason."""
    closure = make_closure(tmp_path, status)
    write_report(tmp_path / "index.html", {}, "t", [], [], [], [], [closure], {})
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    badges = re.findall(r'class="badge (\w+)">([^<]+)<', text)
    grade = {"passed": "good", "failed": "bad", "not conclusive": "warn"}[status]
    first = [(grade, status), ("good", "passed")]  # of the overview: the weights, and all results
    assert badges == [*first, (grade, status), ("good", "passed"), (grade, status), ("good", "passed")]
    shown = Page(text).text
    assert "0.5412 ± 0.0059" in shown
    assert "15,321" in shown
    assert "1.0065 ± 0.0093" in shown
    assert HOSTILE in shown


def test_a_sum_that_nobody_promised_is_shown_without_a_verdict(tmp_path: Path) -> None:
    """Protects: a number beside the gates, which is neither good nor bad, and changes no result."""
    found = io.read_record(Closure, path := make_closure(tmp_path))
    *others, of_sum = found.gates
    gates = (*others, replace(of_sum, status="not judged"))
    assert worst(gates) == "passed"
    io.write_record(path, replace(found, gates=gates))
    write_report(tmp_path / "index.html", {}, "t", [], [], [], [], [path], {})
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert [
        said for said in re.findall(r'class="badge (\w+)">([^<]+)<', text) if said[1] == "not judged"
    ] == [("plain", "not judged")]
    assert "All 2 gates of the closure test" in (shown := Page(text).text)
    assert "1.0065 ± 0.0093" in shown


def test_weights_that_nothing_tests_are_said_to_be(tmp_path: Path) -> None:
    """Protects: a page without a closure test cannot look like one that has passed; events left out show."""
    found = {"n_events": 20_000, "n_outside": 1234, "mean_weight": 1.00925, "largest_weight": 1.1520}
    found |= {"n_effective_fraction": None}
    path = tmp_path / "theirs.json"
    io.write_json(path, {"reweighter": "up", "dataset": "theirs", "splits": {"all": found}})
    classes = [{"name": name, "truth": [], "generator": f"powheg_{name}"} for name in ("nominal", "up")]
    run = of_one("up", title=HOSTILE, classes=classes)
    write_report(tmp_path / "index.html", run, "t", [], [], [], [], [], {}, untested=[path])
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    overview = [("warn", "look"), ("good", "passed")]  # the weights, and all results
    assert re.findall(r'class="badge (\w+)">([^<]+)<', text) == [*overview, ("warn", "not tested")]
    shown = Page(text).text
    for words in ("20,000", "1,234", "1.0092", "1.15", "powheg_up", "theirs", HOSTILE):
        assert words in shown
    assert "Closure tests" not in shown


def test_stand_ins_are_on_the_page_with_who_reads_them(tmp_path: Path) -> None:
    """Protects: what check warned of reaches those who see the page alone; silence where there is nothing."""
    of_track = {"reason": HOSTILE, "features": ["ak4.b", "charged.a"]}
    of_vertex = {"reason": "no angle", "features": ["ak4.c"]}
    of_more = {"reason": "no angle", "features": [f"ak4.d{k}" for k in range(4)]}
    told: dict[str, dict[str, Any]] = {
        "one": {"ttbar": {"stand_ins": {"cpf_sig": of_track}}, "wjets": {"stand_ins": {"cpf_sig": of_track}}},
        "two": {
            "ttbar": {"stand_ins": {"cpf_sig": of_track, "sv_r": of_vertex, "sv_s": of_more}},
            "wjets": {},
        },
        "three": {"ttbar": {}},
        "four": {"wjets": {"stand_ins": {"sv_t": of_vertex}}},
    }
    of_jets = {"sample": "jets", "is_turned": False}
    checks = {name: tmp_path / name / "jets.json" for name in told}
    for name, datasets in told.items():
        checks[name].parent.mkdir()
        io.write_json(checks[name], of_jets | {"classifier": name, "datasets": datasets})
    output, run = tmp_path / "index.html", of_one("one", title="The one")
    write_report(output, run, "t", [], [], [], [], [], {}, checks=[*checks.values()])
    shown = " ".join(Page(output.read_text(encoding="utf-8")).text.split())
    for words in (
        f"{HOSTILE}cpf_sigttbar, wjets The one: ak4.b, charged.a two: ak4.b, charged.a",
        "no anglesv_r, sv_sttbar two: 5 inputsak4.c, ak4.d0, ak4.d1, ak4.d2, ak4.d3",
        "no anglesv_twjets four: ak4.c",  # of other data sets, so a row of its own
        "docs/tag_inputs.md",
    ):
        assert words in shown, words
    write_report(output, run, "t", [], [], [], [], [], {}, checks=[checks["three"]])
    assert "Stand-ins" not in Page(output.read_text(encoding="utf-8")).text
    for other in ({"classifier": "two", "sample": "jets"}, {"classifier": "three", "sample": "data"}):
        io.write_json(checks["three"], of_jets | other | {"datasets": {}})
        with pytest.raises(InputError, match=r"three/jets\.json: is of (classifier `two`|sample `data`)"):
            write_report(output, run, "t", [], [], [], [], [], {}, checks=[checks["three"]])


def test_stand_ins_of_a_tagger_are_its_own() -> None:
    """Protects: of two taggers with one title each page has what that one reads; turned signs, too."""
    why = {"reason": "no angle", "features": ["ak4.a"]}
    other = {"reason": "no angle", "features": ["ak4.b"]}
    checks = [
        {"classifier": name, "is_turned": is_turned, "datasets": {dataset: {"stand_ins": found}}}
        for name, is_turned, dataset, found in (
            ("first", False, "ttbar", {"sv_r": why}),
            ("second", False, "ttbar", {"sv_r": other}),
            ("second", False, "ttbar", {"sv_r": other}),  # in another sample, too
            ("third", False, "ttbar", {}),
            ("third", True, "qcd", {"cpf_sig": other}),
        )
    ]
    titled = {name: {"title": "DeepJet"} for name in ("first", "second", "third")}
    rows = tagger_inputs.stand_ins(checks, titled)
    assert [reader["title"] for reader in rows[0]["readers"]] == ["DeepJet", "DeepJet"]
    found = {name: tagger_inputs.stood_in(rows, name) for name in (*titled, "none")}
    (first,), (second,), (third,) = (found[name] for name in titled)
    assert first == {"reason": "no angle", "columns": ["sv_r"], "datasets": ["ttbar"], "features": ["ak4.a"]}
    assert second["features"] == third["features"] == ["ak4.b"]
    assert second["datasets"] == ["ttbar"]
    assert third["datasets"] == ["qcd (signs turned)"]
    assert found["none"] == []


def test_jets_without_a_tag_or_a_score_are_on_the_page(made: dict[str, Any], tmp_path: Path) -> None:
    """Protects: shares of jets that fail by their code, and of those left out, by class; silence at none."""
    numbers = io.read_json(made["numbers"][0])
    counts = numbers["classes"]["light_jets"]
    counts |= {
        "n_not_tagged": 250,
        "share_not_tagged": 0.25,
        "n_without_score": 12,
        "share_without_score": 0.012,
    }
    io.write_json(tmp_path / "deepjet.numbers.json", numbers)
    (table,) = points.working_points([numbers], made["run"]["classifiers"])
    assert table["notes"] == [
        "Not tagged, so that they fail every working point: light 250 (25%).",
        "Without a score, so that they are left out: light 12 (1.2%).",
    ]
    output = tmp_path / "index.html"
    write_report(**made | {"output": output, "numbers": [tmp_path / "deepjet.numbers.json"], "plots": []})
    assert "light 250 (25%)" in Page(output.read_text(encoding="utf-8")).text
    (plain,) = points.working_points([io.read_json(made["numbers"][0])], made["run"]["classifiers"])
    assert plain["notes"] == []


def test_a_working_point_between_ties_says_so(made: dict[str, Any]) -> None:
    """Protects: a threshold on a plateau lets far more through than its name says, for no lack of jets."""
    numbers = io.read_json(made["numbers"][0])
    first, second = sorted(numbers["working_points"])[:2]
    numbers["working_points"][first] |= {"doubt": "ties", "n_passing": 406.0}
    numbers["working_points"][second] |= {"doubt": "few, ties", "n_passing": 4.0}
    numbers["flat_efficiency"]["F70"]["doubt"] = "ties"
    (table,) = points.working_points([numbers], made["run"]["classifiers"])
    doubts = {row["name"]: row["doubt"] for row in table["rows"]}
    assert (doubts[first], doubts[second]) == ("ties", "few, ties")
    names = [row["name"] for row in table["rows"] if row["doubt"]]
    assert f"threshold of {names[0]}, {names[1]}, F70, and pass together" in table["notes"][0]
    found = numbers["working_points"][first]["background"]["value"]
    assert f"{first} {100 * found:.3g}% for " in table["notes"][0]


def test_efficiencies_that_no_cut_gives_are_marked(made: dict[str, Any], tmp_path: Path) -> None:
    """Protects: of a tagger of few scores each table with its efficiencies says so, those to choose, too."""
    spec = make_spec()
    jets = read_test(make_scores(tmp_path / "scores.parquet", 4000), spec)
    few = replace(jets, discriminant=np.round(2 * jets.discriminant) / 2)
    tied = roc.compute([spec], [few], "light_jets", [[]], 5, mistags=(0.1, 0.02), pt_bins_gev=(30, 60, 1000))
    style.save(roc_figure.draw(tied, STYLE), tied, tmp_path / "results/plots/roc/light_jets")
    output = tmp_path / "results/report/index.html"
    write_report(**made | {"output": output, "plots": [tmp_path / "results/plots/roc/light_jets.png"]})
    html = output.read_text(encoding="utf-8")
    assert "so that no cut has it" in Page(html).text
    data = json.loads(re.search(r'id="explorer-data">(.*?)</script>', html, re.DOTALL)[1])
    marks = [[one["doubt"] for one in of["curves"][0]["readings"]] for of in data[0]["ranges"]]
    assert marks == [["ties", ""]] * 3  # all jets, and two ranges


def test_numbers_without_a_verdict_are_not_taken_for_good(made: dict[str, Any], tmp_path: Path) -> None:
    """Protects: a missing `doubt` or `status` is another form, and never a default of True."""
    numbers = io.read_json(made["numbers"][0])
    del numbers["working_points"]["L"]["doubt"]
    io.write_json(tmp_path / "deepjet.numbers.json", numbers)
    with pytest.raises(InputError, match="not what the stage writes"):
        write_report(
            **made | {"output": tmp_path / "index.html", "numbers": [tmp_path / "deepjet.numbers.json"]}
        )
    closure = io.read_json(make_closure(tmp_path))
    del closure["gates"][0]["status"]
    io.write_json(tmp_path / "shower.json", closure)
    with pytest.raises(InputError, match="status: the key is missing"):
        write_report(**made | {"output": tmp_path / "index.html", "closures": [tmp_path / "shower.json"]})


def test_captions_say_what_is_left_out_and_what_weighs_too_much() -> None:
    """Protects: the page states jets that are in no curve, and a row that carries much of its class."""
    curve = Curve.model_construct(
        title="t", auc=Interval(value=0.9, low=0.8, high=1.0), n_signal=5, n_background=6, folds=0,
        readings=(), working_points=(),
    )  # fmt: skip
    shown = RocNumbers(
        sample="demo", curves=(curve,), signal=FLAVOURS["b_jets"], background=FLAVOURS["light_jets"],
        is_first=True, signal_left_out=0.031, background_left_out=0.0,
    )  # fmt: skip
    assert "without a score of one of the taggers: 3.1% of b and 0% of light jets." in shown.caption()
    assert "Left out" not in shown.model_copy(update={"signal_left_out": 0.0}).caption()
    assert shown.alternative().endswith("against efficiency of b jets: t AUC 0.90 ± 0.10.")
    rows = [{"epoch": 1, "loss": 0.6, "validation_loss": 0.5}]
    losses = training.compute(make_spec(), [(None, None, rows)], {"fold1": {"c_jets": 0.25}})
    assert "One row carries a large part of the weight: 25% of class c_jets (fold1)." in losses.caption()
    assert "carries" not in losses.model_copy(update={"heavy_jets": {}}).caption()


def test_a_file_of_another_form_is_named(tmp_path: Path) -> None:
    """Protects: the message names the file and the remedy, not a template's line."""
    io.write_json(tmp_path / "ttbar.json", {"dataset": "ttbar"})
    with pytest.raises(
        InputError, match=r"ttbar\.json: is no Account .*object: the key is missing.*run again"
    ):
        write_report(tmp_path / "index.html", {}, "t", [tmp_path / "ttbar.json"], [], [], [], [], {})
    with pytest.raises(InputError, match=r"none\.png: plot cannot be read"):
        write_report(tmp_path / "index.html", {}, "t", [], [], [tmp_path / "none.png"], [], [], {})
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize(
    ("value", "low", "high", "percent", "expected"),
    [
        (0.96123, 0.96045, 0.96205, False, ("0.96123 ± 0.00080", "", "")),
        (0.683, 0.678, 0.6878, True, ("68.30 ± 0.49", "", "")),
        (0.5, 0.3, 0.55, False, ("0.50", "+0.05", "−0.20")),
        (-1.5, -1.6, -1.4, False, ("−1.50 ± 0.10", "", "")),
        (0.0, 0.0, 0.01, True, ("0.0", "+1.0", "−0.0")),
        (1.0, 1.0, 1.0, False, ("1.0000", "", "")),
        (0.47196161, 0.47196161, 0.4719616175, False, ("0.4720", "", "")),  # beside a score of many jets
        (None, None, None, True, ("–", "", "")),
        (1234.0, 1200.0, 1268.0, False, ("1234 ± 34", "", "")),
        (0.954, 0.9541, 0.979, False, ("0.954", "+0.025", "−0.000")),  # rounding put the end beyond
    ],
)
def test_intervals_are_quoted_to_two_digits_of_the_error(
    value: float | None, low: float | None, high: float | None, percent: bool, expected: tuple[str, str, str]
) -> None:
    """Protects: no number with more digits than it knows, and asymmetric errors stay so."""
    found = texts.interval(value, low, high, percent)
    assert (found["text"], found["up"], found["down"]) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [("light", "light"), (r"H\to b\bar{b}", "H→bb̄"), (r"not H\to b\bar{b}", "not H→bb̄"), ("$p_T$", "p_T")],
)
def test_labels_are_readable_text(label: str, expected: str) -> None:
    """Protects: no TeX source in a table."""
    assert texts.label_text(label) == expected


def test_truth_ids_go_by_their_narrowest_class() -> None:
    """Protects: id 0 is called g where a tagger has gluons, not `not b`."""
    broad = {"classes": [{"truth": [0, 1, 2, 400], "label": "not b"}]}
    fine = {"classes": [{"truth": [0], "label": "g"}, {"truth": [1, 2], "label": "uds"}]}
    names = tables.truth_names({"a": broad, "b": fine})
    assert names == {"0": "g", "1": "uds", "2": "uds", "400": "not b"}


def test_colours_have_contrast_in_light_and_dark() -> None:
    """Protects: text reaches 4.5:1 on its ground (WCAG 2.1, 1.4.3) in both schemes."""
    style = (TEMPLATES / "style.html.j2").read_text(encoding="utf-8")
    schemes = [
        dict(re.findall(r"--([\w-]+): (#\w{6});", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.S)
    ]
    assert len(schemes) == 2
    for scheme in schemes:
        pairs = [(name, "paper") for name in ("ink", "soft", "accent")]
        pairs += [(name, "faint") for name in ("ink", "soft")]
        pairs += [(name, f"{name}-paper") for name in ("good", "bad", "warn")]
        for text, ground in pairs:
            bright, dark = sorted((_luminance(scheme[text]), _luminance(scheme[ground])), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def _luminance(color: str) -> float:
    channels = np.array([int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_normalisation_of_a_skimmed_dataset() -> None:
    """Protects: the sums of Runs and of the entries, their ratio and the reason stand side by side."""
    about = Normalisation(
        to="runs", how="1 of 1 files was skimmed before", sum_w=129.6e6, mean_weight=16200.0,
        sum_w_processed=16.524e6, n_processed=2000, sum_w_runs=129.6e6, n_runs=9000, sum_w_generated=129.6e6,
        factor=7.8431372,
    )  # fmt: skip
    row = tables.normalisation(about, 0.38379)
    assert (row["sum_runs"], row["sum_processed"]) == ("129,600,000.0", "16,524,000.0")
    assert (row["factor"], row["is_skimmed"], row["is_assumed"]) == ("7.84314", True, False)
    assert (row["mean_weight"], row["event_weight"]) == ("16,200.0", "0.3838")
    row = tables.normalisation(replace(about, to="events", sum_w_runs=None, factor=1.0), None)
    assert (row["sum_runs"], row["factor"], row["is_skimmed"], row["is_assumed"]) == ("–", "1", False, True)
