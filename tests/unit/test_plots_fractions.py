"""Protects the scan of a discriminant's fraction: the numbers are those of a tagger that had the fraction."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import yaml

from jetsmith import io, metrics
from jetsmith.configuration.load import load
from jetsmith.configuration.subjects import traded
from jetsmith.plots.fractions import FRACTIONS, own_fraction, plot_fractions, with_fraction
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, DiscriminantSpec
from jetsmith.specs.plots import PlotSpec
from tests.unit.test_calibration import LIGHT, B, C, make_spec

GLUON = ClassSpec(name="gluon_jets", truth=(1,), label="g", color="#2ca02c")
QUARK = ClassSpec(name="quark_jets", truth=(0,), label="uds", color="#2ca02c")
NAMES = ("b_jets", "c_jets", "quark_jets", "gluon_jets")


def tagger(form: str = "ratio", c: float = 0.1) -> ClassifierSpec:
    """Four outputs, two of which are of light jets."""
    background = {"c_jets": c, "quark_jets": 0.75 * (1 - c), "gluon_jets": 0.25 * (1 - c)}
    asked = DiscriminantSpec(signal=("b_jets",), background=background, form=form)  # type: ignore[arg-type]
    return make_spec((LIGHT, C)).model_copy(update={"classes": (B, C, QUARK, GLUON), "discriminant": asked})


def write_jets(path: Path, n: int = 30_000, seed: int = 3) -> dict[str, np.ndarray]:
    """Scores of four classes; some jets were not tagged."""
    rng = np.random.default_rng(seed)
    label = rng.choice([500, 400, 0, 1], n, p=[0.3, 0.2, 0.3, 0.2]).astype("i4")
    logits = rng.normal(size=(4, n)) + 1.5 * np.stack([label == key for key in (500, 400, 0, 1)])
    p = (np.exp(logits) / np.exp(logits).sum(axis=0)).astype("f4")
    not_tagged = rng.random(n) < 0.02
    table = {
        "split": np.full(n, 3, "i1"),
        "label": label,
        "weight": np.where(rng.random(n) < 0.1, -1.0, 1.0),
        "jet_pt_gev": np.full(n, 50, "f4"),
        "scored": np.ones(n, bool),
        "not_tagged": not_tagged,
        **{f"p_{name}": np.where(not_tagged, np.nan, p[k]).astype("f4") for k, name in enumerate(NAMES)},
    }
    io.write_rows(path, ak.zip(table, depth_limit=1))
    return table


@pytest.mark.parametrize("form", ["ratio", "log_ratio"])
def test_rejections_are_those_of_the_fraction(tmp_path: Path, form: str) -> None:
    """Each point by hand: the threshold at 70% of the signal, and what passes it of both backgrounds."""
    table = write_jets(tmp_path / "scores.parquet")
    files = [tmp_path / "scores.parquet"], PlotSpec(dpi=50), tmp_path / "figure"
    found = plot_fractions([tagger(form)], "jets", *files)
    (curve,) = found.curves
    assert [point.fraction for point in curve.points] == sorted(FRACTIONS)  # its own, 0.1, is one of them
    assert [point.fraction for point in curve.points if point.is_own] == [pytest.approx(0.1)]
    weight = table["weight"]
    p = {name: table[f"p_{name}"].astype(float) for name in NAMES}
    for point in curve.points[::4]:
        f = point.fraction
        mixed = f * p["c_jets"] + (1 - f) * (0.75 * p["quark_jets"] + 0.25 * p["gluon_jets"])
        score = np.where(table["not_tagged"], -1, p["b_jets"] / (p["b_jets"] + mixed))
        signal = table["label"] == 500
        order = np.argsort(-score[signal])
        sums = np.cumsum(weight[signal][order]) / weight[signal].sum()
        threshold = score[signal][order][np.argmax(sums >= 0.7)]
        for labels, value in (((0, 1), point.first), ((400,), point.second)):
            of = np.isin(table["label"], labels)
            mistag = weight[of & (score >= threshold)].sum() / weight[of].sum()
            assert value.value == pytest.approx(1 / mistag, rel=2e-3)
            assert value.low < value.value < value.high
    first, last = curve.points[0], curve.points[-1]
    assert last.second.value > 1.5 * first.second.value
    assert last.first.value < first.first.value / 1.5
    assert (tmp_path / "figure.png").is_file()
    assert "DeepCSV 0.1" in found.caption()


def test_bars_hold_the_statistics_of_the_signal(tmp_path: Path) -> None:
    """With a thirtieth of the signal the cut is as uncertain as that, and so is what it rejects."""
    table = write_jets(tmp_path / "all.parquet")
    keep = (table["label"] != 500) | (np.arange(len(table["label"])) % 30 == 0)
    io.write_rows(tmp_path / "few.parquet", ak.zip({k: v[keep] for k, v in table.items()}, depth_limit=1))
    half = []
    for name in ("all", "few"):
        files = [tmp_path / f"{name}.parquet"], PlotSpec(dpi=50), tmp_path / name
        (curve,) = plot_fractions([tagger()], "jets", *files).curves
        (own,) = (point.first for point in curve.points if point.is_own)
        half.append((own.high - own.low) / own.value)
    assert half[1] > 2 * half[0]


def test_signal_of_one_score_is_said(tmp_path: Path) -> None:
    """Half of the signal at one score, which a cut takes or leaves: 70% is between."""
    table = write_jets(tmp_path / "jets.parquet", 8000)
    spike = (table["label"] == 500) & ~table["not_tagged"] & (np.arange(8000) % 2 == 0)
    for name, p in zip(NAMES, (0.4, 0.2, 0.2, 0.2), strict=True):
        table[f"p_{name}"] = np.where(spike, p, table[f"p_{name}"]).astype("f4")
    io.write_rows(tmp_path / "jets.parquet", ak.zip(table, depth_limit=1))
    found = plot_fractions([tagger()], "jets", [tmp_path / "jets.parquet"], PlotSpec(dpi=50), tmp_path / "a")
    assert "ties" in [point.doubt for point in found.curves[0].points]
    assert "no cut has at some fractions: DeepCSV." in found.caption()


def test_shares_within_a_background_stay() -> None:
    """Quarks and gluons keep their ratio; the order of jets at its own fraction is the tagger's."""
    spec = tagger(c=0.2)
    assert own_fraction(spec) == pytest.approx(0.2)
    other = with_fraction(spec, 0.5).background
    assert other == pytest.approx({"c_jets": 0.5, "quark_jets": 0.375, "gluon_jets": 0.125})
    p = {name: np.random.default_rng(k).random(100) for k, name in enumerate(NAMES)}
    assert spec.discriminant is not None
    one, same = (metrics.discriminant(found, p) for found in (spec.discriminant, with_fraction(spec, 0.2)))
    assert (np.argsort(one) == np.argsort(same)).all()


def test_who_is_scanned() -> None:
    """An output of neither background, or one background alone, and there is nothing to trade."""
    spec = tagger()
    assert spec.background_parts == (("quark_jets", "gluon_jets"), ("c_jets",))
    assert spec.model_copy(update={"background_classes": (LIGHT,)}).background_parts is None
    tau = ClassSpec(name="gluon_jets", truth=(15,), label="tau", color="#2ca02c")
    assert spec.model_copy(update={"classes": (B, C, QUARK, tau)}).background_parts is None
    with pytest.raises(ValueError, match="no two backgrounds"):
        own_fraction(spec.model_copy(update={"background_classes": (LIGHT,)}))


def test_without_jets_there_is_a_message(tmp_path: Path) -> None:
    """No c jets: a figure that says so, no error."""
    table = write_jets(tmp_path / "scores.parquet", 500)
    table["label"] = np.where(table["label"] == 400, 0, table["label"]).astype("i4")
    io.write_rows(tmp_path / "scores.parquet", ak.zip(table, depth_limit=1))
    files = [tmp_path / "scores.parquet"], PlotSpec(dpi=50), tmp_path / "figure"
    assert "Too few jets" in plot_fractions([tagger()], "jets", *files).message


def test_the_demo_scans_in_one_figure() -> None:
    """Its taggers whose discriminants weigh light against c jets; no other sample has any."""
    config = Path(__file__).parents[2] / "config"
    demo = load(yaml.safe_load((config / "config.yaml").read_text()), config)
    ((name, shown),) = traded(demo, "jets").items()
    assert name == "b_jets_vs_light_jets_and_c_jets"
    assert {"deepcsv", "deepjet", "cmva"} <= {spec.name for spec in shown}
    assert traded(demo, "fat_jets") == {}


def test_who_rejects_nothing_is_named_and_not_drawn(tmp_path: Path) -> None:
    """Of a tagger that tags half of the jets, more than that cannot pass: no curve at rejections of 1."""
    table = write_jets(tmp_path / "good.parquet")
    table["not_tagged"] = np.random.default_rng(5).random(len(table["label"])) < 0.25
    for name in NAMES:
        table[f"p_{name}"] = np.where(table["not_tagged"], np.nan, 0.25).astype("f4")
    io.write_rows(tmp_path / "bad.parquet", ak.zip(table, depth_limit=1))
    bad = tagger().model_copy(update={"name": "bad", "title": "Bad"})
    files = [tmp_path / "good.parquet", tmp_path / "bad.parquet"], PlotSpec(dpi=50), tmp_path / "figure"
    found = plot_fractions([tagger(), bad], "jets", *files)
    assert [curve.tagger for curve in found.curves] == ["deepcsv"]
    assert found.left_out == ("Bad",)
    assert "reject next to nothing: Bad." in found.caption()


def test_taggers_without_a_point_are_named(tmp_path: Path) -> None:
    """Protects: one that tags too few of the signal is in no curve, and said to be so."""
    table = write_jets(tmp_path / "one.parquet")
    seldom = np.random.default_rng(1).random(len(table["label"])) < 0.5
    other = {
        name: np.where(seldom, np.nan, v).astype("f4") if name[:2] == "p_" else v for name, v in table.items()
    }
    io.write_rows(
        tmp_path / "two.parquet", ak.zip(other | {"not_tagged": seldom | table["not_tagged"]}, depth_limit=1)
    )
    specs = [tagger(), tagger().model_copy(update={"title": "Seldom"})]
    files = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    found = plot_fractions(specs, "jets", files, PlotSpec(dpi=50), tmp_path / "figure")
    assert len(found.curves) == 1
    assert "too few of their jets are tagged: Seldom." in found.caption()


def test_fractions_without_a_point_are_counted(tmp_path: Path) -> None:
    """Protects: where next to no background is left, where taggers are best, curves end, and say so."""
    table = write_jets(tmp_path / "scores.parquet", 900)
    sure = np.isin(table["label"], (0, 1)) & (np.arange(900) % 60 > 0)
    worse = table | {name: np.where(sure, 0.0, table[name]).astype("f4") for name in ("p_b_jets", "p_c_jets")}
    worse |= {
        name: np.where(sure, 0.5, table[name]).astype("f4") for name in ("p_quark_jets", "p_gluon_jets")
    }
    worse["not_tagged"] = np.zeros(900, bool)
    worse |= {name: np.nan_to_num(worse[name], nan=0.25) for name in worse if name[:2] == "p_"}
    io.write_rows(tmp_path / "few.parquet", ak.zip(worse, depth_limit=1))
    found = plot_fractions(
        [tagger()], "jets", [tmp_path / "few.parquet"], PlotSpec(dpi=50), tmp_path / "figure"
    )
    (curve,) = found.curves
    n = len(FRACTIONS)
    assert 0 < len(curve.points) < n
    assert curve.lacking == n - len(curve.points)
    assert f"too few jets of a background pass: {curve.title} {curve.lacking} of {n}." in found.caption()
