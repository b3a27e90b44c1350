"""The submission to HEPData: the official validator takes it, and its numbers are those of the figures."""

import shutil
import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from matplotlib.figure import Figure

from jetsmith import hepdata, io
from jetsmith.errors import InputError
from jetsmith.metrics import Interval
from jetsmith.plots import (
    confusion,
    discriminant,
    efficiency,
    fractions,
    roc,
    scale_factors,
    shapes,
    style,
)
from jetsmith.plots.closure import ClosureNumbers, Fraction, Judged
from jetsmith.plots.commissioning_drawn import Cell, CommissioningNumbers, Layer
from jetsmith.plots.fractions import FractionsNumbers, Scanned
from jetsmith.plots.resilience_figure import Change, ResilienceNumbers, Tried
from jetsmith.plots.response import Resolved, ResponseNumbers
from jetsmith.plots.scale_factors import Panel, ScaleFactorsNumbers, Series
from jetsmith.plots.shapes import ShapesNumbers
from jetsmith.publishing import publish
from jetsmith.specs.plots import PlotSpec
from tests.unit.test_plots_confusion import mixed, tagger
from tests.unit.test_plots_inputs import make_numbers, make_scores, make_spec

STYLE = PlotSpec(dpi=40)
PT_BINS_GEV = (30.0, 60.0, 120.0, 8000.0, 9000.0)  # no jet is in the last one


def measured_factors() -> ScaleFactorsNumbers:
    """Two measurements at a point, one of which has no result in a bin, and what they say together."""
    probe = Series(
        name="probe", label="b", is_pseudo=True, value=(0.95, None), up=(0.02, None), down=(0.03, None),
        independent=(0.01, None), true=(0.96, 1.0),
    )  # fmt: skip
    other = Series(
        name="other", label="b", is_pseudo=False, value=(0.9, 1.1), up=(0.05, 0.06), down=(0.05, 0.07),
        independent=(0.01, 0.01), true=(None, None),
    )  # fmt: skip
    panel = Panel(point="M", series=(probe, other), value=(0.94, 1.1), up=(0.018, 0.06), down=(0.025, 0.07))
    return ScaleFactorsNumbers(
        title="DeepJet", judgement="deepjet", label="b", pt_edges_gev=(30.0, 60.0, 120.0), panels=(panel,)
    )


def tried() -> ResilienceNumbers:
    """Two taggers, of which one could not be tried on one of the shifts."""
    worse = Change(change=Interval(-0.02, -0.03, -0.015))
    nothing = Change(change=None, why="too few jets")
    both = (("DeepJet", "deepjet", (worse, worse)), ("Other", "other", (worse, nothing)))
    area = Interval(0.9, 0.89, 0.92)
    taggers = [
        Tried(title=title, judgement=name, auc=area, members=(), changes=changes)
        for title, name, changes in both
    ]
    signal, background = make_spec().signal_class, make_spec().background_classes[0]
    return ResilienceNumbers(
        title="demo_ak4", sample="demo_ak4", folds=0, signal=signal, background=background,
        shifts=("worse tracker", "random moves"), taggers=tuple(taggers), moving=None,
    )  # fmt: skip


def resolved(jets: int, after: Interval | None) -> Resolved:
    return Resolved(
        jets=jets, centre=50.0, median_before=None, median_after=Interval(1.01, 1.0, 1.02),
        resolution_before=None, resolution_after=after, improvement=None, pull=None,
    )  # fmt: skip


def regressed() -> ResponseNumbers:
    """An estimate alone, without a number in one of two bins."""
    bins = resolved(900, Interval(0.12, 0.11, 0.14)), resolved(30, None)
    return ResponseNumbers(
        title="b energy", classifier="b_energy", estimate="energy", column="jet_genpt_gev", over="jet_pt_gev",
        quantiles=(0.16, 0.84), folds=0, label="p", edges=(20.0, 60.0, 300.0), unmatched=0,
        whole=resolved(930, Interval(0.13, 0.12, 0.14)), bins=bins, covered=None, classes=("b",),
    )  # fmt: skip


def judged_weights() -> ClosureNumbers:
    """A closure test with two curves and two bins of the ratio."""
    source, target = (
        make_spec().signal_class.model_copy(update={"name": name, "label": name})
        for name in ("power", "dipole")
    )
    grid = (0.0, 0.5, 1.0)
    judged = [
        Judged(
            name=name, auc=Interval(area, area - 0.01, area + 0.01), status="", true_positive=(0.0, y, 1.0)
        )
        for name, area, y in (("before", 0.6, 0.7), ("source weighted", 0.5, 0.5))
    ]
    judged.append(Judged(name="roles swapped", auc=Interval(0.5, 0.4, 0.6), status="", true_positive=()))
    fractions = [Fraction(predicted=p, observed=p + 0.01, error=0.02) for p in (0.3, 0.6)]
    return ClosureNumbers(
        title="Shower", reweighter="shower", source=source, target=target, status="passed", folds=0,
        false_positive=grid, judged=tuple(judged), fractions=tuple(fractions), chi2=1.0, n_dof=2,
        calibration="passed",
    )  # fmt: skip


def shaped() -> ShapesNumbers:
    """Shapes of pseudo-data, of which one row has no truth."""
    bins = {"statistic": (0.05, 0.02), "total": (0.1, 0.04), "p": 0.3}
    b = shapes.Curve(abseta=(0.0, 2.5), value=(1.2, 0.9), true=(1.1, 0.95), **bins)
    light = shapes.Curve(abseta=(0.0, 1.2), value=(0.8, 1.1), true=(), **bins)
    of_b, of_light = (
        shapes.Panel(flavour=name, pt_gev=(30.0, 60.0), labels=("below 0", "0–1"), curves=(curve,))
        for name, curve in (("b", b), ("light", light))
    )
    return ShapesNumbers(
        title="DeepJet", judgement="deepjet", is_pseudo=True, sources=("lf", "hf"),
        panels=((of_b, of_light),), doubts={"M": "few"},
    )  # fmt: skip


def beside_data() -> CommissioningNumbers:
    """Two distributions, one with jets that have no value, and one that could not be drawn."""

    def cell(name: str, missing: float, why: str = "") -> Cell:
        layers = [
            Layer(name=of, label=of, color="#1f77b4", sums=(3.0, 4.0, missing), errors=(0.5, 0.6, 0.0))
            for of in ("b", "other")
        ]
        return Cell(
            feature=name, label=name, axis="linear", edges=(0.0, 1.0, 3.0), width=1.0, default=None,
            n_data=20, n_simulation=30, scale=1.0, data=(8.0, 9.0, missing), data_errors=(2.5, 3.0, 0.0),
            layers=tuple(layers), distance=None, p=None, why=why,
        )  # fmt: skip

    return CommissioningNumbers(
        commissioning="pair", shown="ak4", data="data", simulation=("mc",), is_pseudo=False, to_data=True,
        is_sequence=False, lacking=(), cells=(cell("mass", 2.0), cell("sip", 0.0), cell("x", 0.0, "empty")),
    )  # fmt: skip


def traded() -> FractionsNumbers:
    """A tagger at two fractions, of which one is its own, and no cut has the other."""
    first, second = make_spec().background_classes[:2]
    rejection = Interval(20.0, 18.0, 23.0)
    points = [
        Scanned(fraction=f, first=rejection, second=Interval(5.0, 4.5, 5.5), is_own=own, doubt=doubt)
        for f, own, doubt in ((0.1, True, ""), (0.5, False, "ties"))
    ]
    return FractionsNumbers(
        title="demo_ak4", sample="demo_ak4", folds=0, signal_efficiency=0.7, signal=make_spec().signal_class,
        first=first, second=second, left_out=(),
        curves=(fractions.Curve(tagger="deepjet", title="DeepJet", points=tuple(points)),),
    )  # fmt: skip


@pytest.fixture(scope="module")
def plots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Figures of a tiny run, as their plots write them."""
    folder = tmp_path_factory.mktemp("plots")
    files = [make_scores(folder / f"{k}.parquet", 3000, power) for k, power in enumerate((3.4, 2.6))]
    long = "Deep <CSV> & $more$: a title that is longer than others"
    specs = [make_spec("deepjet", "DeepJet"), make_spec("deepcsv", long)]
    numbers = [make_numbers(folder / f"{spec.name}.json", spec.name, 0) for spec in specs]
    for background in ("light_jets", "c_jets"):
        base = folder / f"roc_{background}"
        roc.plot_roc(specs, files, background, STYLE, base, numbers, 20, pt_bins_gev=(30.0, 60.0, 8000.0))
    for spec, path, calibrated in zip(specs, files, numbers, strict=True):
        shapes = folder / f"discriminant_{spec.name}"
        discriminant.plot_discriminant(spec, path, STYLE, shapes, calibrated)
        points = folder / f"efficiency_{spec.name}"
        efficiency.plot_efficiency(spec, path, calibrated, PT_BINS_GEV, STYLE, points)
    factors = measured_factors()
    style.save(scale_factors.draw(factors, STYLE), factors, folder / "scale_factors_deepjet")
    matrix = confusion.compute(tagger(), mixed(3000))
    for name, made in {
        "confusion_deepjet": matrix, "resilience_demo": tried(), "response_b_energy": regressed(),
        "closure_shower": judged_weights(), "shapes_deepjet": shaped(), "commissioning_pair": beside_data(),
        "fractions_demo": traded(),
    }.items():  # fmt: skip
        style.save(Figure((1, 1)), made, folder / name)
    kinds = (
        "roc", "efficiency", "discriminant", "scale_factors", "confusion", "resilience", "response",
        "closure", "shapes", "commissioning", "fractions",
    )  # fmt: skip
    return {
        kind: [p for p in sorted(folder.glob(f"{kind}_*.json")) if ".hist." not in p.name] for kind in kinds
    }


def submit(plots: Mapping[str, Sequence[Path]], folder: Path) -> Path:
    publish(**plots, title="A run", label="Private work", output=folder)
    return folder


@pytest.fixture(scope="module")
def submission(plots: dict[str, list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return submit(plots, tmp_path_factory.mktemp("results") / "hepdata")


def complaints(folder: Path) -> str:
    """What the official validator says; empty where it takes all of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names of jsonschema, and of files that it leaves open
        from hepdata_validator.full_submission_validator import FullSubmissionValidator

        validator = FullSubmissionValidator()
        is_valid = validator.validate(directory=str(folder))
    messages = [one.message for of in validator.get_messages().values() for one in of]
    assert is_valid == (not messages)
    return "\n".join(messages)


def table(folder: Path, name: str) -> tuple[list[Any], dict[str, Any]]:
    """Values of independent variables, and dependent ones by name."""
    found = yaml.safe_load((folder / f"{name}.yaml").read_text())
    independent = [variable["values"] for variable in found["independent_variables"]]
    return independent, {column["header"]["name"]: column for column in found["dependent_variables"]}


def ends(entry: dict[str, Any]) -> tuple[float, float, float]:
    """Value and the ends of its interval."""
    (error,) = entry["errors"]
    errors = error.get("asymerror", {"minus": -error.get("symerror", 0), "plus": error.get("symerror", 0)})
    return entry["value"], entry["value"] + errors["minus"], entry["value"] + errors["plus"]


def test_the_official_validator_takes_it(submission: Path) -> None:
    """Protects: what is uploaded is accepted, with tables of every kind."""
    assert complaints(submission) == ""
    kinds = {path.name.partition(".")[0] for path in submission.iterdir()}
    assert kinds == {
        "submission", "roc", "efficiency_at_mistag", "working_points", "efficiency", "discriminant",
        "scale_factors", "roc_by_pt", "auc_by_pt", "confusion", "resilience", "response", "closure_roc",
        "closure_calibration", "shape_scale_factors", "commissioning", "rejection_by_fraction",
    }  # fmt: skip
    first, *documents = yaml.safe_load_all((submission / "submission.yaml").read_text())
    assert "A run. Private work." in first["comment"]
    assert len({one["name"] for one in documents}) == len(documents) == len(list(submission.iterdir())) - 1
    assert all("/" not in one["data_file"] for one in documents)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t["dependent_variables"][0]["values"].pop(), "length"),
        (lambda t: t["dependent_variables"][0]["values"][0].pop("value"), "'value' is a required property"),
        (lambda t: t["dependent_variables"][0]["values"][0].update(errors=[{"symerror": 0}]), "zero"),
        (lambda t: t["independent_variables"][0]["header"].pop("name"), "'name' is a required property"),
    ],
)
def test_the_official_validator_refuses_a_spoilt_one(
    submission: Path, tmp_path: Path, spoil: Any, words: str
) -> None:
    """Protects: that it takes ours means something."""
    folder = shutil.copytree(submission, tmp_path / "hepdata")
    path = folder / "efficiency.deepjet.yaml"
    content = yaml.safe_load(path.read_text())
    spoil(content)
    path.write_text(yaml.safe_dump(content))
    assert words in complaints(folder)


def test_curves_are_those_of_the_figure(submission: Path, plots: dict[str, list[Path]]) -> None:
    """Protects: each point of each curve, once, with its interval; nothing in the columns of others."""
    for path in plots["roc"]:
        numbers = io.read_json(path)
        name = f"demo_ak4.b_jets_vs_{numbers['background']['name']}"
        label = numbers["background"]["label"]
        (x,), columns = table(submission, f"roc.{name}")
        assert len(x) == sum(len(curve["mistag"]) for curve in numbers["curves"])
        filled = [0] * len(x)
        for curve in numbers["curves"]:
            column = columns[f"{label} mistag rate of {curve['title']}"]
            rows = [k for k, entry in enumerate(column["values"]) if entry["value"] != "-"]
            for k in rows:
                filled[k] += 1
            assert [x[k]["value"] for k in rows] == curve["signal_efficiency"]
            assert [column["values"][k]["value"] for k in rows] == curve["mistag"]
            for k, low, high in zip(rows, curve["mistag_low"], curve["mistag_high"], strict=True):
                assert ends(column["values"][k])[1:] == pytest.approx((low, high), rel=1e-5, abs=1e-12)
            about = {one["name"]: one["value"] for one in column["qualifiers"]}
            assert about["AUC"] == curve["auc"]["value"]
            assert about["Tagger"] == curve["tagger"]
            assert (about["Label"], about["Sample"]) == ("Private work", "demo_ak4")
            assert (about["Jets"], about["Interval"]) == ("test split", "68.3%")
        assert filled == [1] * len(x)


def test_points_and_readings_are_those_of_the_figure(submission: Path, plots: dict[str, list[Path]]) -> None:
    """Protects: a row a tagger and point; no value where the curve has none."""
    numbers = io.read_json(plots["roc"][1])
    assert numbers["background"]["name"] == "light_jets"
    (tagger, point), columns = table(submission, "working_points.demo_ak4.b_jets_vs_light_jets")
    expected = [
        (curve["title"], found["name"], found)
        for curve in numbers["curves"]
        for found in curve["working_points"]
    ]
    assert [(a["value"], b["value"]) for a, b in zip(tagger, point, strict=True)] == [e[:2] for e in expected]
    for k, (_, _, found) in enumerate(expected):
        assert columns["Threshold"]["values"][k] == {"value": found["threshold"]}
        for name, key in (("b efficiency", "signal_efficiency"), ("light mistag rate", "mistag")):
            wanted = tuple(found[key][end] for end in ("value", "low", "high"))
            assert ends(columns[name]["values"][k]) == pytest.approx(wanted, rel=1e-5)
    (rate,), columns = table(submission, "efficiency_at_mistag.demo_ak4.b_jets_vs_light_jets")
    for curve in numbers["curves"]:
        values = columns[f"b efficiency of {curve['title']}"]["values"]
        for k, reading in enumerate(curve["readings"]):
            assert rate[k]["value"] == reading["mistag"]
            known = reading["signal_efficiency"]
            assert values[k]["value"] == ("-" if known is None else known["value"])


def test_rates_that_no_cut_gives_are_told(plots: dict[str, list[Path]], tmp_path: Path) -> None:
    """Protects: of ties the column says at which rates its efficiency is that of no cut."""
    numbers = io.read_json(plots["roc"][1])
    numbers["curves"][0]["readings"][0]["doubt"] = "ties"
    io.write_json(tmp_path / "roc.json", numbers)
    folder = submit(plots | {"roc": [tmp_path / "roc.json"]}, tmp_path / "hepdata")
    _, columns = table(folder, "efficiency_at_mistag.demo_ak4.b_jets_vs_light_jets")
    tied, plain = (
        {one["name"]: one["value"] for one in columns[f"b efficiency of {curve['title']}"]["qualifiers"]}
        for curve in numbers["curves"]
    )
    assert tied["No cut, for ties, at"] == "10%"
    assert "No cut, for ties, at" not in plain
    assert not complaints(folder)


def test_shapes_data_and_fractions_are_those_of_the_figures(submission: Path) -> None:
    """Protects: a row a bin, with what it is of; what has no value has a row, what is not known no number."""
    (flavour, pt, eta, bins), columns = table(submission, "shape_scale_factors.deepjet")
    assert [row["value"] for row in flavour] == ["b", "b", "light", "light"]
    assert [row["value"] for row in bins] == ["below 0", "0–1"] * 2
    assert {(one["low"], one["high"]) for one in pt} == {(30.0, 60.0)}
    assert [one["high"] for one in eta] == [2.5, 2.5, 1.2, 1.2]
    assert ends(columns["Scale factor"]["values"][3]) == pytest.approx((1.1, 1.06, 1.14))
    assert [one["value"] for one in columns["Statistical error"]["values"]] == [0.05, 0.02] * 2
    assert [one["value"] for one in columns["True scale factor"]["values"]] == [1.1, 0.95, "-", "-"]
    about = {one["name"]: one["value"] for one in columns["Scale factor"]["qualifiers"]}
    assert about["Data"] == "simulation presented as data"
    (name, value), columns = table(submission, "commissioning.pair.ak4")
    assert [one["value"] for one in name] == ["mass"] * 3 + ["sip"] * 2
    low = {"low": 0.0, "high": 1.0}
    high = {"low": 1.0, "high": 3.0}
    assert value == [low, high, {"value": "no value"}, low, high]
    assert [one["value"] for one in columns["Data"]["values"]] == [8.0, 9.0, 2.0, 8.0, 9.0]
    assert [one["value"] for one in columns["Simulation"]["values"]] == [6.0, 8.0, 4.0, 6.0, 8.0]
    assert ends(columns["Simulation"]["values"][0])[2] == pytest.approx(6 + 0.5 * 2**0.5)
    assert ends(columns["Simulation, b"]["values"][1]) == pytest.approx((4.0, 3.4, 4.6))
    (tagger, fraction), columns = table(
        submission, "rejection_by_fraction.demo_ak4.b_jets_vs_light_jets_vs_c_jets"
    )
    assert ([one["value"] for one in tagger], [one["value"] for one in fraction]) == (
        ["DeepJet"] * 2,
        [0.1, 0.5],
    )
    assert ends(columns["light rejection"]["values"][0]) == pytest.approx((20.0, 18.0, 23.0))
    assert ends(columns["c rejection"]["values"][1]) == pytest.approx((5.0, 4.5, 5.5))
    marks = [one["value"] for one in columns["Mark"]["values"]]
    assert marks == ["of the tagger's file", "no cut, for ties"]


def test_points_in_doubt_are_marked(submission: Path, plots: dict[str, list[Path]], tmp_path: Path) -> None:
    """Protects: a point that few jets fix does not stand beside others as if it were one of them."""
    mark = "Fixed by few jets, or jumped over by ties"
    (_, point), columns = table(submission, "working_points.demo_ak4.b_jets_vs_light_jets")
    marks = [(a["value"], b["value"]) for a, b in zip(point, columns[mark]["values"], strict=True)]
    assert marks == [("L", "none"), ("M", "none"), ("T", "few")] * 2
    caption = io.read_json(plots["roc"][1])["page"]["caption"]
    assert "Working points that few jets or ties fix: DeepJet T (few), " in caption
    _, columns = table(submission, "efficiency.deepjet")
    marked = {name for name, one in columns.items() if mark in {q["name"] for q in one["qualifiers"]}}
    assert marked == {name for name in columns if name.endswith("at T")} != set()
    numbers = io.read_json(plots["scale_factors"][0])
    numbers["panels"][0]["doubt"] = "few"
    io.write_json(tmp_path / "factors.json", numbers)
    folder = submit(plots | {"scale_factors": [tmp_path / "factors.json"]}, tmp_path / "hepdata")
    _, columns = table(folder, "scale_factors.deepjet")
    assert all({"name": mark, "value": "few"} in one["qualifiers"] for one in columns.values())
    assert not complaints(folder)


def test_efficiencies_shapes_and_factors_are_those_of_the_figures(
    submission: Path, plots: dict[str, list[Path]]
) -> None:
    """Protects: bins, classes and points; what is not there is no 0."""
    numbers = io.read_json(plots["efficiency"][1])
    (bins,), columns = table(submission, "efficiency.deepjet")
    assert [(one["low"], one["high"]) for one in bins] == list(pairwise(PT_BINS_GEV))
    labels = {one["name"]: one["label"] for one in numbers["classes"]}
    assert len(columns) == len(numbers["points"]) == 9
    for points in numbers["points"]:
        values = columns[f"{labels[points['name']]} efficiency at {points['working_point']}"]["values"]
        assert values[3] == {"value": "-"}
        for k, value in enumerate(points["efficiency"][:3]):
            wanted = value, points["low"][k], points["high"][k]
            assert ends(values[k]) == pytest.approx(wanted, rel=1e-5, abs=1e-12)
    numbers = io.read_json(plots["discriminant"][1])
    (bins,), columns = table(submission, "discriminant.deepjet")
    assert [bins[0]["low"], *(one["high"] for one in bins)] == numbers["edges"]
    for shape in numbers["shapes"]:
        values = columns[f"Fraction of {shape['label']} jets"]["values"]
        assert [entry["value"] for entry in values] == shape["fraction"]
        assert [entry["errors"][0]["symerror"] if "errors" in entry else 0 for entry in values] == shape[
            "error"
        ]
    _, columns = table(submission, "scale_factors.deepjet")
    assert len(columns) == 3
    probe = columns["b scale factor at M, probe"]
    assert probe["values"] == [
        {"value": 0.95, "errors": [{"asymerror": {"minus": -0.03, "plus": 0.02}, "label": "total"}]},
        {"value": "-"},
    ]
    kinds = {name: column["qualifiers"][-1]["value"] for name, column in columns.items()}
    assert kinds == {
        "b scale factor at M, probe": "simulation presented as data",
        "b scale factor at M, other": "data",
        "b scale factor at M, all together": "simulation presented as data",
    }


def test_curves_by_range_are_those_of_the_figure(submission: Path, plots: dict[str, list[Path]]) -> None:
    """Protects: a row a point of each curve in each range, with its interval, and the areas."""
    for path in plots["roc"]:
        numbers = io.read_json(path)
        name = f"demo_ak4.b_jets_vs_{numbers['background']['name']}"
        label = numbers["background"]["label"]
        curves = [(one, curve) for one in numbers["ranges"] for curve in one["curves"]]
        assert len(curves) == 4
        (pt, who, x), columns = table(submission, f"roc_by_pt.{name}")
        wanted = [
            ((one["low_gev"], one["high_gev"]), curve["title"], curve["signal_efficiency"][j])
            for one, curve in curves
            for j in range(len(curve["mistag"]))
        ]
        assert [
            ((a["low"], a["high"]), b["value"], c["value"]) for a, b, c in zip(pt, who, x, strict=True)
        ] == wanted
        found = columns[f"{label} mistag rate"]["values"]
        lists = [
            [y for _, curve in curves for y in curve[key]] for key in ("mistag", "mistag_low", "mistag_high")
        ]
        for entry, *of in zip(found, *lists, strict=True):
            assert ends(entry) == pytest.approx(of, rel=1e-5, abs=1e-12)
        _, columns = table(submission, f"auc_by_pt.{name}")
        areas = [tuple(curve["auc"][end] for end in ("value", "low", "high")) for _, curve in curves]
        assert [ends(entry) for entry in columns["AUC"]["values"]] == [
            pytest.approx(a, rel=1e-5) for a in areas
        ]


def test_matrices_are_those_of_the_figure(submission: Path, plots: dict[str, list[Path]]) -> None:
    """Protects: a row a cell, of the right class and output, those that were not tagged too."""
    numbers = io.read_json(plots["confusion"][0])
    (true, largest), columns = table(submission, "confusion.deepjet")
    labels = {row["name"]: row["label"] for row in numbers["rows"]} | {"not_tagged": "not tagged"}
    cells = {
        (a["value"], b["value"]): entry
        for a, b, entry in zip(true, largest, columns["Share of the true class"]["values"], strict=True)
    }
    assert len(cells) == len(true) == 12
    for row in numbers["rows"]:
        for k, column in enumerate(numbers["columns"]):
            wanted = row["share"][k], row["low"][k], row["high"][k]
            assert ends(cells[row["label"], labels[column]]) == pytest.approx(wanted, rel=1e-5, abs=1e-12)


def test_resilience_regression_and_closure_are_those_of_the_figures(submission: Path) -> None:
    """Protects: who was tried on what; bins and columns that have a number; errors as they are meant."""
    (who, what), columns = table(submission, "resilience.demo_ak4.b_jets_vs_light_jets")
    names = [(a["value"], b["value"]) for a, b in zip(who, what, strict=True)]
    assert names == [(t, s) for t in ("DeepJet", "Other") for s in ("worse tracker", "random moves")]
    changes = columns["Change of the AUC"]["values"]
    assert changes[3] == {"value": "-"}
    assert ends(changes[0]) == pytest.approx((-0.02, -0.03, -0.015))
    assert ends(columns["AUC"]["values"][3]) == pytest.approx((0.9, 0.89, 0.92))
    (bins,), columns = table(submission, "response.b_energy.energy")
    text = (submission / "response.b_energy.energy.yaml").read_text()
    assert yaml.safe_load(text)["independent_variables"][0]["header"] == {"name": "jet_genpt_gev"}
    assert [(one["low"], one["high"]) for one in bins] == [(20.0, 60.0), (60.0, 300.0)]
    assert set(columns) == {"Median of the response", "Resolution"}
    assert ends(columns["Resolution"]["values"][0]) == pytest.approx((0.12, 0.11, 0.14))
    assert columns["Resolution"]["values"][1] == {"value": "-"}
    (x,), columns = table(submission, "closure_roc.shower")
    assert [one["value"] for one in x] == [0.0, 0.5, 1.0]
    assert [one["value"] for one in columns["dipole accepted, before"]["values"]] == [0.0, 0.7, 1.0]
    about = {one["name"]: one["value"] for one in columns["dipole accepted, source weighted"]["qualifiers"]}
    assert (about["AUC"], about["AUC low"], about["Status"]) == (0.5, 0.49, "passed")
    assert columns["dipole accepted, roles swapped"]["values"] == 3 * [{"value": "-"}]
    (x,), columns = table(submission, "closure_calibration.shower")
    assert [one["value"] for one in x] == [0.3, 0.6]
    assert ends(columns["Fraction of dipole"]["values"][0]) == pytest.approx((0.31, 0.29, 0.33))


def test_descriptions_are_the_captions(submission: Path, plots: dict[str, list[Path]]) -> None:
    """Protects: who reads a table knows what the figure's reader knows; names fit HEPData's length."""
    _, *documents = yaml.safe_load_all((submission / "submission.yaml").read_text())
    captions = {io.read_json(path)["page"]["caption"] for paths in plots.values() for path in paths}
    assert all(any(caption in one["description"] for caption in captions) for one in documents)
    assert max(len(one["name"]) for one in documents) == hepdata.LONGEST_NAME


def test_the_same_bytes_again(submission: Path, plots: dict[str, list[Path]], tmp_path: Path) -> None:
    """Protects: no time, no random order; what lay in the folder before is gone."""
    (tmp_path / "hepdata").mkdir()
    (tmp_path / "hepdata/left.yaml").touch()
    again = submit(plots, tmp_path / "hepdata")
    assert sorted(p.name for p in again.iterdir()) == sorted(p.name for p in submission.iterdir())
    for path in again.iterdir():
        assert path.read_bytes() == (submission / path.name).read_bytes()


def test_figures_without_anything_to_draw_have_no_table(plots: dict[str, list[Path]], tmp_path: Path) -> None:
    """Protects: a class without jets leaves the others their tables, and a run without any goes on."""
    path = make_scores(tmp_path / "s.parquet", 0)
    discriminant.plot_discriminant(make_spec(), path, STYLE, tmp_path / "empty")
    folder = submit({**plots, "discriminant": [tmp_path / "empty.json"]}, tmp_path / "hepdata")
    assert list(folder.glob("roc*"))
    assert not list(folder.glob("discriminant*"))
    assert complaints(folder) == ""
    folder = submit(dict.fromkeys(plots, ()), tmp_path / "hepdata")
    assert [found.name for found in folder.iterdir()] == ["submission.yaml"]
    assert "nothing to publish" in (folder / "submission.yaml").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"plot": "roc"}, "of plot roc"),
        ({"edges": [0, "1"]}, "edges.1"),
        ({"tagger": "../../etc"}, "is no name"),
        ({"shapes": None}, "shapes"),
        ({"page": {}}, "heading"),
        ({"page": None}, "NoneType"),
        ({"more": 1}, "more"),
    ],
)
def test_what_no_plot_writes_is_refused(
    plots: dict[str, list[Path]], tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    """Protects: a file of another form is named, with the remedy; nothing is written outside the folder."""
    io.write_json(tmp_path / "one.json", io.read_json(plots["discriminant"][0]) | change)
    nothing: dict[str, list[Path]] = {kind: [] for kind in plots if kind != "discriminant"}
    with pytest.raises(InputError, match=r"one\.json: not what its plot writes .*; draw it again") as caught:
        submit({**nothing, "discriminant": [tmp_path / "one.json"]}, tmp_path / "hepdata")
    assert words in str(caught.value)
    assert not (tmp_path / "hepdata").exists()


def test_damaged_files_are_refused(plots: dict[str, list[Path]], tmp_path: Path) -> None:
    """Protects: a number that was edited by hand goes nowhere."""
    text = plots["discriminant"][0].read_text().replace('"n": ', '"n": 1', 1)
    (tmp_path / "one.json").write_text(text)
    with pytest.raises(InputError, match="does not fit its checksum"):
        submit({**plots, "discriminant": [tmp_path / "one.json"]}, tmp_path / "hepdata")


def test_errors_of_nothing_are_left_out() -> None:
    """Protects: HEPData refuses errors that are all 0, and has no infinity."""
    assert hepdata.measured(0.5, 0.0, 0.0) == {"value": 0.5}
    assert hepdata.measured(None, 0.1, 0.1) == hepdata.NOTHING == hepdata.within(None, 0.0, 1.0)
    assert hepdata.measured(0.5, 0.1, 0.1)["errors"] == [{"symerror": 0.1, "label": "stat"}]
    assert ends(hepdata.within(0.0, 0.0, 0.2)) == (0.0, 0.0, 0.2)
