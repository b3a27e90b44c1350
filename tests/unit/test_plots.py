"""The figures: what they draw is what their JSON says, and the same input gives the same bytes."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import awkward as ak
import jinja2
import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from jetsmith import io, texts
from jetsmith.calibration.axes import axes_of, places
from jetsmith.calibration.maps import efficiency_map
from jetsmith.errors import InputError
from jetsmith.metrics import Interval
from jetsmith.plots import (
    PLOTS,
    discriminant,
    efficiency,
    plane,
    reweighting,
    roc,
    roc_figure,
    style,
    training,
)
from jetsmith.plots.inputs import Threshold, read_test
from jetsmith.reweighting.histograms import compare_features
from jetsmith.scored import ScoredJets
from jetsmith.specs.classifiers import ClassSpec
from jetsmith.specs.plots import PlotSpec
from tests.unit.score_files import scored_jets
from tests.unit.test_plots_inputs import FLAVOURS, make_numbers, make_scores, make_spec

STYLE = PlotSpec(dpi=60)
PT_BINS_GEV = (30.0, 60.0, 120.0, 300.0)
POINT = Threshold(
    name="M",
    background_efficiency=0.01,
    threshold=0.6,
    threshold_low=0.59,
    threshold_high=0.62,
)
HOSTILE = r"<b>$x_{1} & \alpha 50% ^"


def by_gid(figure: Figure, gid: str) -> list[Any]:
    """Artists of a figure that stand for one entry of its numbers."""
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def as_jets(score: list[float], label: list[int], weight: list[float] | None = None) -> ScoredJets:
    return scored_jets(score, weight, label)


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("scores")
    return [make_scores(folder / f"{k}.parquet", 8000, power) for k, power in enumerate((3.4, 2.6))]


@pytest.fixture(scope="module")
def curves(scores: list[Path]) -> roc_figure.RocNumbers:
    specs = [make_spec("deepjet", "DeepJet"), make_spec("deepcsv", "DeepCSV")]
    return roc.compute(
        specs, [read_test(path, make_spec()) for path in scores], "light_jets", [[POINT], [POINT]], 50
    )


def test_roc_draws_its_numbers(curves: roc_figure.RocNumbers) -> None:
    """Protects: the JSON beside a figure holds exactly the points of its lines."""
    figure = roc.draw(curves, STYLE)
    for curve in curves.curves:
        main, ratio = by_gid(figure, curve.tagger)
        np.testing.assert_array_equal(main.get_xdata(), curve.signal_efficiency)
        np.testing.assert_array_equal(main.get_ydata(), curve.mistag)
        np.testing.assert_array_equal(ratio.get_ydata(), curve.ratio)


def test_roc_points_agree_with_a_count(scores: list[Path], curves: roc_figure.RocNumbers) -> None:
    """Protects: efficiencies and mistags against sums written out, one jet after the other."""
    jets, curve = read_test(scores[0], make_spec()), curves.curves[0]
    marked = curve.working_points[0]
    for wanted, found in (("b_jets", marked.signal_efficiency), ("light_jets", marked.mistag)):
        passed = total = 0.0
        for score, weight, label in zip(jets.discriminant, jets.weight, jets.label, strict=True):
            if label in FLAVOURS[wanted].truth:
                total += weight
                passed += weight * (score >= POINT.threshold)
        assert found.value == pytest.approx(passed / total)
        assert found.low < found.value < found.high


def test_roc_readings_lie_on_the_curve(curves: roc_figure.RocNumbers) -> None:
    """Protects: the summary table and the figure tell the same efficiency at 1% mistag."""
    for curve in curves.curves:
        reading = curve.readings[1].signal_efficiency
        assert reading is not None
        assert reading.low <= reading.value <= reading.high
        on_curve = np.interp(np.log(0.01), np.log(curve.mistag), curve.signal_efficiency)
        assert reading.value == pytest.approx(on_curve, abs=0.03)


def test_rates_that_no_cut_gives_are_in_doubt(scores: list[Path]) -> None:
    """Protects: of a tagger with few scores the figure says where its efficiencies are those of no cut."""
    jets = read_test(scores[0], make_spec())
    few = dataclasses.replace(jets, discriminant=np.round(2 * jets.discriminant) / 2)
    specs = [make_spec("deepjet", "DeepJet"), make_spec("few", "Few")]
    numbers = roc.compute(specs, [jets, few], "light_jets", [[], []], 5, mistags=(0.1, 0.02))
    doubts = [[reading.doubt for reading in curve.readings] for curve in numbers.curves]
    assert doubts == [["", ""], ["ties", ""]]
    assert numbers.caption().endswith("stands in tables there: Few at 10%.")
    assert "leap" not in numbers.model_copy(update={"curves": numbers.curves[:1]}).caption()


def test_roc_ratio_is_one_for_the_first_tagger_and_below_for_a_worse_one(
    curves: roc_figure.RocNumbers,
) -> None:
    """Protects: the lower panel is rejection over rejection, not its inverse."""
    first, second = curves.curves
    np.testing.assert_allclose(first.ratio, 1)
    assert np.median(second.ratio) < 0.9


def test_working_points_keep_their_marker(scores: list[Path]) -> None:
    """Protects: where one tagger lacks a working point, the others' markers still mean the same."""
    loose = POINT.model_copy(update={"name": "L", "background_efficiency": 0.1, "threshold": 0.3})
    jets = [read_test(path, make_spec()) for path in scores]
    specs = [make_spec("deepjet"), make_spec("deepcsv")]
    figure = roc.draw(roc.compute(specs, jets, "light_jets", [[POINT], [loose, POINT]], 10), STYLE)
    marks = [line.get_marker() for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert marks == ["s", "o", "s"]


def test_each_plot_has_a_caption_for_snakemake() -> None:
    """Protects: `snakemake --report` says what a figure shows, of every plot."""
    text = (Path(__file__).parents[2] / "workflow/caption.rst").read_text("utf-8")
    for name in PLOTS:
        params = SimpleNamespace(params=SimpleNamespace(plot=name))
        shown = (
            jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text).render(snakemake=params)
        )
        assert len(shown.split(".")[0]) > 40


def test_all_plots_have_the_same_bytes_again(scores: list[Path], tmp_path: Path) -> None:
    """Protects: no time, no random order in PDF, PNG or JSON."""
    numbers = make_numbers(tmp_path / "numbers.json")
    for place in ("first", "again"):
        base = tmp_path / place
        roc.plot_roc([make_spec()], scores[:1], "c_jets", STYLE, base / "roc", [numbers], 20, seed=3)
        discriminant.plot_discriminant(make_spec(), scores[0], STYLE, base / "discriminant", numbers)
        efficiency.plot_efficiency(make_spec(), scores[0], numbers, PT_BINS_GEV, STYLE, base / "efficiency")
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert len(files) == 10  # the shapes as histograms, too
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    assert b"CreationDate" not in (tmp_path / "first" / "roc.pdf").read_bytes()
    assert json.loads((tmp_path / "first" / "roc.json").read_text())["plot"] == "roc"


def test_plots_leave_no_global_state(scores: list[Path], tmp_path: Path) -> None:
    """Protects: one plot cannot change the look of the next, and no figure stays open."""
    before = dict(matplotlib.rcParams)
    discriminant.plot_discriminant(make_spec(), scores[0], STYLE, tmp_path / "discriminant")
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []


def test_a_class_without_jets_gives_a_message() -> None:
    """Protects: a small sample must not stop the report; the figure says what is missing."""
    numbers = roc.compute(
        [make_spec(folds=5)], [as_jets([0.2, 0.9], [0, 500])], "c_jets", [[POINT]], bootstraps=5
    )
    assert numbers.curves == ()
    assert numbers.message == "No jets of class c_jets (5-fold cross-validation, out-of-fold)"
    texts = [text.get_text() for text in roc.draw(numbers, STYLE).axes[0].texts]
    assert texts == [numbers.message]


@pytest.mark.parametrize("n", [2, 8])
def test_tiny_samples_are_drawn(n: int, tmp_path: Path) -> None:
    """Protects: a handful of jets gives figures and valid JSON, not NaN or a traceback."""
    label = [500, 0] + [400, 510, 1, 2] * n
    rng = np.random.default_rng(n)
    jets = as_jets(list(rng.random(len(label[:n]))), label[:n])
    numbers = roc.compute(
        [make_spec(), make_spec("two", "Two")], [jets, jets], "light_jets", [[POINT]] * 2, 20
    )
    style.save(roc.draw(numbers, STYLE), numbers, tmp_path / "roc")
    assert numbers.curves[0].readings[-1].signal_efficiency is None
    shapes = discriminant.compute(make_spec(), jets, [POINT])
    style.save(discriminant.draw(shapes, STYLE), shapes, tmp_path / "discriminant")
    points = efficiency.compute(make_spec(), jets, [POINT], PT_BINS_GEV)
    style.save(efficiency.draw(points, STYLE), points, tmp_path / "efficiency")


def test_no_tagger_with_the_background_is_an_error(scores: list[Path], tmp_path: Path) -> None:
    """Protects: a typo in the background names the figure and the key."""
    with pytest.raises(InputError, match=r"roc: no tagger has `qcd` among `evaluation\.backgrounds`"):
        roc.plot_roc([make_spec()], scores[:1], "qcd", STYLE, tmp_path / "roc")


def test_hostile_titles_are_drawn_literally(scores: list[Path], tmp_path: Path) -> None:
    """Protects: dollars, angle brackets and backslashes in a title are no mathematics."""
    spec = make_spec(title=HOSTILE)
    roc.plot_roc([spec], scores[:1], "light_jets", STYLE, tmp_path / "roc", bootstraps=5)
    discriminant.plot_discriminant(spec, scores[0], STYLE, tmp_path / "discriminant")
    io.write_json(tmp_path / "meta.json", {"heavy_jets": {}})
    training.plot_training(spec, tmp_path, STYLE, tmp_path / "training")


def test_discriminant_draws_its_numbers_and_adds_up_to_one(scores: list[Path]) -> None:
    """Protects: normalisation with signed weights, and figure = JSON."""
    numbers = discriminant.compute(make_spec(), read_test(scores[0], make_spec()), [POINT])
    figure = discriminant.draw(numbers, STYLE)
    for shape in numbers.shapes:
        (steps,) = by_gid(figure, shape.name)
        np.testing.assert_array_equal(steps.get_data().values, shape.fraction)
        np.testing.assert_array_equal(steps.get_data().edges, numbers.edges)
        assert sum(shape.fraction) == pytest.approx(1)
        assert steps.get_edgecolor() == matplotlib.colors.to_rgba(shape.color)
    (line,) = by_gid(figure, "M")
    assert line.get_xdata()[0] == POINT.threshold


def test_captions_name_what_is_there(scores: list[Path]) -> None:
    """Protects: of a tagger without working points the caption explained lines that nobody saw."""
    jets = read_test(scores[0], make_spec())
    far = POINT.model_copy(update={"threshold": 7.0})
    for points, is_drawn in (([POINT], True), ([], False), ([far], False)):
        assert ("Dashed lines" in discriminant.compute(make_spec(), jets, points).caption()) == is_drawn
    assert efficiency.compute(make_spec(), jets, [], PT_BINS_GEV).message == "No working points (test split)"


def test_a_jet_of_next_to_no_weight_does_not_stretch_the_axis(scores: list[Path]) -> None:
    """Protects: in samples that are flat in momentum single jets weigh 1e-10 of a bin."""
    numbers = discriminant.compute(make_spec(), read_test(scores[0], make_spec()), [POINT])
    first, *others = numbers.shapes
    light = first.model_copy(update={"fraction": (1e-11, *first.fraction[1:])})
    figure = discriminant.draw(numbers.model_copy(update={"shapes": (light, *others)}), STYLE)
    largest = max(max(shape.fraction) for shape in numbers.shapes)
    assert figure.axes[0].get_ylim()[0] >= 0.1 * discriminant.LEAST * largest


def test_efficiency_draws_its_numbers(scores: list[Path]) -> None:
    """Protects: each bin against a count, and figure = JSON; empty bins have no point."""
    jets = read_test(scores[0], make_spec())
    bins = (*PT_BINS_GEV, 9000.0, 9001.0)
    numbers = efficiency.compute(make_spec(), jets, [POINT], bins)
    figure = efficiency.draw(numbers, STYLE)
    for points in numbers.points:
        line = by_gid(figure, f"{points.name}.M")[0]
        known = [value for value in points.efficiency if value]
        np.testing.assert_array_equal(line.get_ydata(), known)
        assert points.efficiency[-1] is None
        for k, value in enumerate(points.efficiency[:3]):
            of_class = jets.of(FLAVOURS[points.name])
            inside = (of_class.pt_gev >= bins[k]) & (of_class.pt_gev < bins[k + 1])
            passing = of_class.weight[inside & (of_class.discriminant >= 0.6)].sum()
            expected = passing / of_class.weight[inside].sum()
            assert value == pytest.approx(expected, rel=1e-5)


def test_jets_of_tiny_weights_stretch_no_axis(scores: list[Path]) -> None:
    """Protects: jets of a millionth of the weight of others are an arrow, no point six decades below."""
    rng = np.random.default_rng(3)
    passing = rng.random(4000) < 0.1
    weight = np.where(passing & (np.arange(4000) >= 2000), 1e-6, 1.0)
    pt, label = np.repeat([40.0, 80.0], 2000), np.where(np.arange(4000) % 8, 0, 500)
    jets = scored_jets(np.where(passing, 0.9, 0.1), weight, label, pt_gev=pt)
    numbers = efficiency.compute(make_spec(), jets, [POINT], PT_BINS_GEV)
    light = next(of for of in numbers.points if of.name == "light_jets")
    assert 0 < light.efficiency[1] < 1e-5 < 0.05 < light.efficiency[0]
    figure = efficiency.draw(numbers, STYLE)
    line = by_gid(figure, "light_jets.M")[0]
    assert line.get_ydata().tolist() == [light.efficiency[0]]
    assert line.axes.get_ylim()[0] >= 1e-4
    assert "weigh less than half a one" in numbers.caption()


def test_areas_in_the_legend_are_those_of_the_page(curves: roc_figure.RocNumbers) -> None:
    """Protects: of one area figure, text and table say the same errors, also unequal ones."""
    curve = curves.curves[0]
    for area, expected in (
        (Interval(0.905, 0.89, 0.916), "(AUC 0.905$^{+0.011}_{−0.015}$)"),
        (Interval(0.47, 0.27, 0.74), "(AUC 0.47$^{+0.27}_{−0.20}$)"),
        (Interval(0.905, 0.895, 0.915), "(AUC 0.905 ± 0.010)"),
    ):
        of = curve.model_copy(update={"auc": area})
        assert roc_figure.legend_text(of).endswith(expected)
        assert texts.interval_text(area) in curves.model_copy(update={"curves": (of,)}).alternative()


def test_marks_stand_on_curves(curves: roc_figure.RocNumbers) -> None:
    """Protects: where too few background jets are left for a curve, no working point hangs in the air."""
    curve = curves.curves[0]
    (point,) = curve.working_points
    tight = point.model_copy(update={"name": "T", "mistag": Interval(1e-6, 0.0, 1e-3)})
    assert roc_figure.marked(curve.model_copy(update={"working_points": (point, tight)})) == [point]


def test_end_bins_are_those_of_the_corrections(scores: list[Path]) -> None:
    """Protects: jets beyond the edges count in the end bins, as correctionlib clamps them, by value."""
    jets = read_test(scores[0], make_spec())
    bins = (50.0, 80.0, 120.0)
    numbers = efficiency.compute(make_spec(), jets, [POINT], bins)
    assert (jets.pt_gev < 50).sum() > 100 < (jets.pt_gev > 120).sum()
    for points in numbers.points:
        one = jets.of(FLAVOURS[points.name])
        central = dataclasses.replace(one, columns={**one.columns, "jet_eta": np.zeros(len(one))})
        passed = central.discriminant >= POINT.threshold
        axes = axes_of(bins, (0, 2.5), {})
        found = efficiency_map(central.weight, places(central, axes), passed, axes)
        np.testing.assert_allclose(points.efficiency, found.value[0], rtol=1e-5)
        np.testing.assert_allclose(points.low, found.low[0], rtol=1e-5)
        low, high = one.pt_gev < 80, one.pt_gev >= 80
        for value, chosen in zip(points.efficiency, (low, high), strict=True):
            passing = one.weight[chosen & (one.discriminant >= POINT.threshold)].sum()
            assert value == pytest.approx(passing / one.weight[chosen].sum(), rel=1e-5)


def without(jets: ScoredJets, mask: Any, value: float) -> ScoredJets:
    """The same jets, some of them with another score: NaN for none, -inf for not tagged."""
    found = np.where(mask, value, jets.discriminant)
    return dataclasses.replace(jets, discriminant=found, chosen=~np.isnan(found))


def test_curves_drawn_together_are_over_the_same_jets(scores: list[Path], tmp_path: Path) -> None:
    """Protects: a tagger that scores the easy jets alone must not look better; what is left out is stated."""
    jets = [read_test(path, make_spec()) for path in scores]
    hard = (jets[0].discriminant < 0.5) & (jets[0].label >= 500)
    hard |= np.arange(len(hard)) % 50 == 0
    both = [jets[0], without(jets[1], hard, np.nan)]
    specs = [make_spec("deepjet"), make_spec("deepcsv")]
    numbers = roc.compute(specs, both, "light_jets", [[POINT], [POINT]], 10)
    alone = [without(one, hard, np.nan) for one in jets]
    for curve, spec, one in zip(numbers.curves, specs, alone, strict=True):
        assert curve.n_signal == (~hard & (one.label >= 500)).sum()
        (single,) = roc.compute([spec], [one], "light_jets", [[POINT]], 10).curves
        assert (curve.mistag, curve.signal_efficiency) == (single.mistag, single.signal_efficiency)
        assert curve.working_points == single.working_points
    for share, classes in ((numbers.signal_left_out, (500, 510)), (numbers.background_left_out, (0, 1, 2))):
        of_class = np.isin(jets[0].label, classes)
        assert share == pytest.approx((of_class & hard).sum() / of_class.sum(), rel=1e-5)
    figure = roc.draw(numbers, STYLE)
    (text,) = by_gid(figure, "left_out")
    assert (
        text.get_text()
        == f"without a score of all taggers: {100 * numbers.signal_left_out:.2g}% of b and 2% of light jets"
    )
    assert not by_gid(roc.draw(roc.compute(specs, jets, "light_jets", [[], []], 5), STYLE), "left_out")


def test_taggers_of_other_jets_are_not_compared(scores: list[Path], tmp_path: Path) -> None:
    """Protects: rows are matched by place, so they must be the same jets."""
    other = read_test(make_scores(tmp_path / "other.parquet", 8000, 2.6, seed=5), make_spec())
    jets = [read_test(scores[0], make_spec()), other]
    with pytest.raises(InputError, match="have scored different jets of one sample"):
        roc.compute([make_spec("one"), make_spec("two")], jets, "light_jets", [[], []], 5)


def test_a_sample_without_common_jets_gives_a_message(scores: list[Path]) -> None:
    """Protects: two taggers whose scored jets do not overlap draw nothing, and the figure says why."""
    jets = read_test(scores[0], make_spec())
    light = np.isin(jets.label, (0, 1, 2))
    both = [jets, without(jets, light, np.nan)]
    numbers = roc.compute([make_spec("one"), make_spec("two")], both, "light_jets", [[], []], 5)
    assert numbers.message == "No jets of class light_jets with a score of every tagger (test split)"
    assert roc.draw(numbers, STYLE).axes


def test_jets_that_were_not_tagged_count_in_curves_and_shapes(scores: list[Path]) -> None:
    """Protects: they fail every threshold and stay in each denominator; shapes say their share."""
    jets = read_test(scores[0], make_spec())
    dull = np.arange(len(jets.label)) % 4 == 0
    marked = without(jets, dull, -np.inf)
    (curve,) = roc.compute([make_spec()], [marked], "light_jets", [[POINT]], 10).curves
    light = np.isin(jets.label, (0, 1, 2))
    passing = light & ~dull & (jets.discriminant >= POINT.threshold)
    mistag = jets.weight[passing].sum() / jets.weight[light].sum()
    assert curve.working_points[0].mistag.value == pytest.approx(mistag)
    assert curve.n_background == light.sum()
    points = efficiency.compute(make_spec(), marked, [POINT], (0.0, 1e5)).points
    assert next(p for p in points if p.name == "light_jets").efficiency[0] == pytest.approx(mistag, rel=1e-5)
    shapes = discriminant.compute(make_spec(), marked, [POINT])
    for shape in shapes.shapes:
        of_class = np.isin(jets.label, FLAVOURS[shape.name].truth)
        share = jets.weight[of_class & dull].sum() / jets.weight[of_class].sum()
        assert shape.not_tagged == pytest.approx(share, rel=1e-5)
        assert sum(shape.fraction) + shape.not_tagged == pytest.approx(1, abs=1e-4)
    labels = [t.get_text() for t in discriminant.draw(shapes, STYLE).axes[0].get_legend().get_texts()]
    assert all("% not tagged)" in label for label in labels)


def test_where_no_cut_lies_curves_are_what_areas_and_readings_have(scores: list[Path]) -> None:
    """Protects: jets of one score, or of none: a part of them passes, in ratios, too."""
    jets = read_test(scores[0], make_spec())
    signal, light = jets.label >= 500, np.isin(jets.label, (0, 1, 2))
    dull = np.random.default_rng(3).random(len(jets)) > np.where(signal, 0.2, 0.02)
    for value in (-np.inf, 0.0):
        seldom = without(jets, dull, value)
        specs = [make_spec("deepjet"), make_spec("soft")]
        numbers = roc.compute(specs, [jets, seldom], "light_jets", [[], []], 5, mistags=(0.1, 0.01))
        first, curve = numbers.curves
        assert first.leaps == ()
        (leap,) = curve.leaps
        tagged = [jets.weight[mask & ~dull].sum() / jets.weight[mask].sum() for mask in (signal, light)]
        assert leap == pytest.approx((tagged[0], 1), abs=0.01)
        assert "Where many jets share a score" in numbers.caption()
        wanted = np.linspace(tagged[0] + 0.01, 1, 50)
        line = tagged[1] + (wanted - tagged[0]) / (1 - tagged[0]) * (1 - tagged[1])
        np.testing.assert_allclose(np.interp(wanted, curve.signal_efficiency, curve.mistag), line, rtol=0.05)
        assert max(np.diff(np.log([one for one in curve.mistag if one > tagged[1]]))) < 0.1
        ratio = np.interp(0.6, curve.ratio_signal_efficiency, curve.ratio)
        own = np.interp(0.6, first.signal_efficiency, first.mistag)
        assert ratio == pytest.approx(own / np.interp(0.6, wanted, line), rel=0.1)
        area = np.trapezoid(curve.signal_efficiency, curve.mistag)
        assert area == pytest.approx(curve.auc.value, abs=0.002)
        (loose, _) = curve.readings
        assert (loose.signal_efficiency is None) == (value == -np.inf)
        if loose.signal_efficiency is not None:
            drawn = np.interp(0.1, curve.mistag, curve.signal_efficiency)
            assert loose.signal_efficiency.value == pytest.approx(drawn, abs=0.003)


@pytest.mark.parametrize(("of_signal", "of_light"), [(0.025, 0.7), (0.07, 0.9), (0.03, 0.97), (0.0, 0.8)])
def test_lines_are_found_however_short_and_in_each_range(of_signal: float, of_light: float) -> None:
    """Protects: few jets of the signal are not tagged: between few points, too, curves go as jets pass."""
    rng = np.random.default_rng(6)
    n = 40_000
    is_signal = rng.random(n) < 0.5
    score = np.where(rng.random(n) < np.where(is_signal, of_signal, of_light), -np.inf, 0.0)
    score += rng.normal(np.where(is_signal, 2.0, 0.0), 1)
    jets = dataclasses.replace(
        as_jets(list(score), list(np.where(is_signal, 500, 0)), list(rng.uniform(0.2, 2, n))),
        columns={"jet_pt_gev": rng.choice([40.0, 80.0, 200.0], n)},
    )
    bins = (30.0, 60.0, 120.0, 1000.0)
    found = roc.compute([make_spec()], [jets], "light_jets", [[]], 5, pt_bins_gev=bins)
    assert len(found.ranges) == 3
    within = [(jets.pt_gev > one.low_gev) & (jets.pt_gev < one.high_gev) for one in found.ranges]
    curves = [one.curves[0] for one in found.ranges]
    for curve, inside in [(found.curves[0], jets.pt_gev > 0), *zip(curves, within, strict=True)]:
        tagged = [
            jets.weight[inside & of & (score > -np.inf)].sum() / jets.weight[inside & of].sum()
            for of in (is_signal, ~is_signal)
        ]
        assert len(curve.leaps) == (of_signal > 0)
        for leap in curve.leaps:
            assert leap == pytest.approx((tagged[0], 1), abs=1e-5)
        wanted = tagged[0] + (1 - tagged[0]) * np.linspace(0.01, 1, 40)
        line = tagged[1] + np.linspace(0.01, 1, 40) * (1 - tagged[1])
        if of_signal:
            drawn = np.interp(wanted, curve.signal_efficiency, np.log(curve.mistag))
            np.testing.assert_allclose(np.exp(drawn), line, rtol=0.01)
        begin = np.interp(tagged[1], curve.mistag, curve.signal_efficiency)
        assert begin == pytest.approx(tagged[0], abs=1e-4)


def test_single_jets_and_usual_steps_are_no_lines() -> None:
    """Protects: captions name no lines where scores are all others, few jets pass or one is heavy."""
    rng = np.random.default_rng(7)
    n = 4000
    is_signal, heavy = rng.random(n) < 0.5, np.arange(n) % 500 == 0
    score = list(rng.normal(np.where(is_signal, 2.0, 0.0), 1))
    jets = dataclasses.replace(
        as_jets(score, list(np.where(is_signal, 500, 0)), list(np.where(heavy, 400.0, 1.0))),
        columns={"jet_pt_gev": np.full(n, 50.0)},
    )
    found = roc.compute([make_spec()], [jets], "light_jets", [[]], 5, pt_bins_gev=(30.0, 60.0, 120.0))
    assert [curve.leaps for curve in (*found.curves, *found.ranges[0].curves)] == [(), ()]


def test_many_taggers_with_long_titles_hide_no_curve(scores: list[Path]) -> None:
    """Protects: of forty taggers each has a look of its own, and titles stand whole, beside the curves."""
    jets = read_test(scores[0], make_spec())
    (curve,) = roc.compute([make_spec()], [jets], "light_jets", [[POINT]], 5).curves
    long = "A tagger of which a title says what it reads and how it was trained"
    for n, legends in ((40, 1), (2, 0)):
        curves = [curve.model_copy(update={"tagger": f"t{k}", "title": f"{long} {k}"}) for k in range(n)]
        numbers = roc.compute([make_spec()], [jets], "light_jets", [[POINT]], 5)
        figure = roc.draw(numbers.model_copy(update={"curves": roc.with_ratios(curves)}), STYLE)
        FigureCanvasAgg(figure).draw()
        assert len(figure.legends) == legends
        main = figure.axes[0]
        lines = [line for line in main.get_lines() if str(line.get_gid()).startswith("t")]
        assert len({(line.get_color(), str(line._dash_pattern)) for line in lines}) == n
        shown = [*figure.legends, *(child for child in main.get_children() if isinstance(child, Legend))]
        texts = [text.get_text() for legend in shown for text in legend.get_texts()]
        assert all(any(f"{long} {k} (AUC" in " ".join(text.split()) for text in texts) for k in range(n))
        for legend in shown:
            box = legend.get_window_extent()
            assert 0 <= box.x0 < box.x1 <= figure.bbox.width
            if legends and legend in figure.legends:
                assert box.y1 < figure.axes[-1].get_window_extent().y0


def test_points_of_many_taggers_are_told_apart() -> None:
    """Protects: colours and markers come round together for none of a hundred taggers."""
    assert len({(style.line_style(k)["color"], style.marker(k)) for k in range(100)}) == 100
    assert len({style.marker(k) for k in range(13)}) == 13


def test_each_bin_and_point_is_drawn(scores: list[Path]) -> None:
    """Protects: bins from 0 on, on linear and logarithmic axes, and more working points than markers."""
    jets = read_test(scores[0], make_spec())
    points = [POINT.model_copy(update={"name": f"P{k}", "threshold": 0.1 * k}) for k in range(12)]
    for edges in ((0.0, 50.0, 100.0, 1000.0), (30.0, 60.0, 1000.0), (30.0, 60.0, 90.0)):
        numbers = efficiency.compute(make_spec(), jets, points, edges)
        signal = efficiency.draw(numbers, STYLE).axes[0]
        drawn = {box.get_label(): box.lines[0].get_xdata() for box in signal.containers if box.lines[0]}
        assert len({box.lines[0].get_marker() for box in signal.containers if box.lines[0]}) == len(points)
        places = np.array([drawn[point.name] for point in points])
        assert places.shape == (len(points), len(edges) - 1)
        assert (np.asarray(edges[:-1]) < places).all()
        assert (places < np.asarray(edges[1:])).all()
        assert (np.diff(places, axis=0) > 0).all()


def test_what_was_tagged_may_have_no_positive_weight(scores: list[Path]) -> None:
    """Protects: shapes without a bin above 0 are a message; points have names where there is no signal."""
    jets = read_test(scores[0], make_spec())
    tagged = jets.weight < 0
    shapes = discriminant.compute(make_spec(), without(jets, ~tagged, -np.inf), [])
    assert shapes.message.startswith("No jets of the classes")
    assert "or none that were tagged" in shapes.message
    assert shapes.lacking == ()
    discriminant.draw(shapes, STYLE)
    gone = dataclasses.replace(jets, label=np.where(jets.label >= 500, 999, jets.label))
    axes = efficiency.draw(efficiency.compute(make_spec(), gone, [POINT], (30.0, 1000.0)), STYLE).axes
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == [POINT.name]


def test_classes_without_jets_are_named(scores: list[Path]) -> None:
    """Protects: a class that is in no curve of a figure of shapes is said to have no jets."""
    jets = read_test(scores[0], make_spec())
    gone = dataclasses.replace(jets, label=np.where(jets.label == 400, 999, jets.label))
    found = discriminant.compute(make_spec(), gone, [])
    assert found.caption().endswith("No jets of c.")
    assert "No jets" not in discriminant.compute(make_spec(), jets, []).caption()
    far = POINT.model_copy(update={"name": "T", "threshold": 1.2})
    told = discriminant.compute(make_spec(), jets, [POINT, far])
    assert told.caption().endswith("Beyond the axis: T.")
    assert [line.get_gid() for line in discriminant.draw(told, STYLE).axes[0].get_lines()] == [POINT.name]
    corners = plane.compute([make_spec(), make_spec()], "p", [gone, gone], [])
    assert corners.caption().endswith("No jets of c.")


def test_classes_that_one_of_two_did_not_tag_are_not_without_jets(scores: list[Path]) -> None:
    """Protects: captions of planes tell jets that are not tagged from those that are not there."""
    jets = read_test(scores[0], make_spec())
    dull = without(jets, jets.label == 400, -np.inf)
    found = plane.compute([make_spec(), make_spec()], "p", [jets, dull], [])
    assert [cloud.name for cloud in found.clouds] == ["b_jets", "light_jets"]
    assert found.caption().endswith("None that both tagged, or none of positive weight: c.")
    assert (found.lacking, found.untagged) == ((), ("c",))
    nothing = plane.compute(
        [make_spec(), make_spec()], "p", [jets, without(jets, jets.label >= 0, -np.inf)], []
    )
    assert "or none that both tagged" in nothing.message


def test_shapes_of_another_range_lose_nothing(scores: list[Path]) -> None:
    """Protects: a BDT from -1 to 1 is drawn over its range, not squeezed into the first bin."""
    jets = read_test(scores[0], make_spec())
    wide = dataclasses.replace(jets, discriminant=2 * jets.discriminant - 1)
    shapes = discriminant.compute(make_spec(), wide, [POINT])
    assert (shapes.edges[0], shapes.edges[-1]) == (-1, 1)
    assert discriminant.compute(make_spec(), jets, [POINT]).edges[0] == 0
    nobody = without(jets, np.ones(len(jets.label), bool), -np.inf)
    assert "or none that were tagged" in discriminant.compute(make_spec(), nobody, []).message
    none = dataclasses.replace(jets, label=np.full_like(jets.label, 999))
    assert "tagged" not in discriminant.compute(make_spec(), none, []).message


def test_a_curve_without_a_reliable_point_gives_a_message() -> None:
    """Protects: weights that almost cancel leave less than one effective jet: a message, no IndexError."""
    jets = as_jets([0.9, 0.1, 0.2, 0.3], [500, 0, 0, 0], [1.0, 3.0, -2.0, -0.5])
    numbers = roc.compute([make_spec()], [jets], "light_jets", [[]], 5)
    assert numbers.message == "Less than one effective jet of class light_jets (test split)"


def test_weights_that_are_not_positive_are_no_weights() -> None:
    """Protects: they would drop out of the logarithmic bins without a word."""
    with pytest.raises(InputError, match="1 weights of the source are not positive"):
        reweighting.compute(reweighter(), [], (np.array([1.0, 0.0]), np.ones(2)), {})


def history(n: int, shift: float = 0.0) -> list[dict[str, float]]:
    return [
        {"epoch": k, "loss": 1 / k + shift, "validation_loss": 1 / k + 0.02 * k, "seconds": 2.0}
        for k in range(1, n + 1)
    ]


def test_training_draws_its_numbers(tmp_path: Path) -> None:
    """Protects: folds are read from their directories; the best epoch is that of the validation loss."""
    for fold in range(2):
        io.write_json(tmp_path / f"fold{fold}" / "history.json", history(10, 0.1 * fold))
    about = {"heavy_jets": {"fold0": {}, "fold1": {"b_jets": 0.25}}}
    io.write_json(tmp_path / "meta.json", about | {"checksums": io.folder_checksums(tmp_path)})
    numbers = training.plot_training(make_spec(folds=2), tmp_path, STYLE, tmp_path / "plot")
    assert [h.fold for h in numbers.histories] == [0, 1]
    assert numbers.histories[0].epoch[numbers.histories[0].best] == 7
    assert numbers.histories[0].seconds == 20
    assert numbers.heavy_jets == {"fold1": {"b_jets": 0.25}}
    assert numbers.histories[0].learning_rate == ()
    assert "40 s in all, 2 s each epoch." in numbers.caption()
    rows = [row | {"learning_rate": 0.01 / row["epoch"]} for row in history(4)]
    network = training.compute(make_spec(), [(None, None, rows)], {})
    assert network.histories[0].learning_rate == (0.01, 0.005, 0.00333333, 0.0025)
    assert "8 s in all, 2 s each epoch. Learning rates: 0.01 to 0.0025." in network.caption()
    figure = training.draw(numbers, STYLE)
    (line,) = by_gid(figure, "fold1.loss")
    np.testing.assert_array_equal(line.get_ydata(), numbers.histories[1].loss)


def test_training_without_history_says_so(tmp_path: Path) -> None:
    """Protects: stored taggers are not trained, and their figure is no error."""
    io.write_json(tmp_path / "meta.json", {"heavy_jets": {}})
    numbers = training.plot_training(make_spec(backend="stored"), tmp_path, STYLE, tmp_path / "plot")
    assert numbers.message == "DeepJet has no training history (backend stored)"
    one = training.compute(make_spec(), [(None, None, history(1))], {})
    assert training.draw(one, STYLE).axes


def test_training_history_of_another_form_is_named(tmp_path: Path) -> None:
    """Protects: the message names file and fields."""
    io.write_json(tmp_path / "meta.json", {})
    with pytest.raises(InputError, match=r"meta\.json: no `heavy_jets`; train again"):
        training.plot_training(make_spec(), tmp_path, STYLE, tmp_path / "plot")
    io.write_json(tmp_path / "history.json", [{"epoch": 1}])
    checksums = io.folder_checksums(tmp_path)
    io.write_json(tmp_path / "meta.json", {"heavy_jets": {}, "checksums": checksums})
    with pytest.raises(InputError, match=r"history\.json: must be a list of records with epoch, loss, valid"):
        training.plot_training(make_spec(), tmp_path, STYLE, tmp_path / "plot")


def reweighter() -> Any:
    return make_spec(
        "shower",
        "Power to dipole shower",
        role="reweighter",
        classes=(
            ClassSpec(name="power", generator="p", label="power shower", color="#1f77b4"),
            ClassSpec(name="dipole", generator="d", label="dipole shower", color="#d62728"),
        ),
    )


def make_closure(folder: Path, n_features: int) -> Path:
    """Spectra as the closure stage makes them, and the weights of two datasets."""
    rng = np.random.default_rng(7)
    target = rng.random(3000) < 0.5
    features = rng.normal(0.3 * target[:, None] / (1 + np.arange(n_features)), 1, (3000, n_features))
    weight = np.where(target, 1.0, np.exp(0.3 * features[:, 0] - 0.05))
    names = [f"f{k}" for k in range(n_features)]
    spectra = compare_features(features, names, target, np.ones(3000), weight, np.zeros((3000, 0)), "halves")
    io.write_json(folder / "closure.json", {"histograms": spectra})
    for name, mask in (("a", ~target), ("b", target)):
        rows = {
            "split": np.full(mask.sum(), 3, np.int8),
            "weight": weight[mask],
            "weight_generator": np.ones(mask.sum()),
        }
        io.write_rows(folder / f"{name}.parquet", ak.Array(rows))
    return folder / "closure.json"


def test_reweighting_draws_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects: spectra of the closure JSON reach the figure; the most different features come first."""
    monkeypatch.setattr(reweighting, "MAX_FEATURES", 3)
    closure = make_closure(tmp_path, 5)
    numbers = reweighting.plot_reweighting(
        reweighter(), closure, STYLE, tmp_path / "plot",
        [tmp_path / "a.parquet", tmp_path / "b.parquet"], {"za": "p", "zb": "d"}, {"f0": r"p_T^{\ell} [GeV]"},
    )  # fmt: skip
    assert len(numbers.spectra) == 3
    assert len(numbers.left_out) == 2
    assert numbers.spectra[0].feature == "f0"
    assert numbers.spectra[0].chi2_before > numbers.spectra[0].chi2_after
    figure = reweighting.draw(numbers, STYLE)
    for kind in ("source", "target"):
        steps = by_gid(figure, kind)
        for shown, spectrum in zip(steps, numbers.spectra, strict=True):
            np.testing.assert_array_equal(shown.get_data().values, getattr(spectrum, kind))
    assert numbers.weights is not None
    assert sum(numbers.weights.count) == numbers.weights.n == len(io.read_rows(tmp_path / "a.parquet"))
    assert numbers.weights.n_effective < numbers.weights.n


def test_reweighting_of_one_feature_needs_no_weights(tmp_path: Path) -> None:
    """Protects: weights are optional, and one cell is a grid too."""
    numbers = reweighting.plot_reweighting(reweighter(), make_closure(tmp_path, 1), STYLE, tmp_path / "plot")
    assert numbers.weights is None


def test_closure_of_another_form_is_named(tmp_path: Path) -> None:
    """Protects: the message names file and stage."""
    io.write_json(tmp_path / "closure.json", {"histograms": [{"chi2_before": 1}]})
    with pytest.raises(InputError, match=r"closure\.json: histograms: .*run closure again"):
        reweighting.plot_reweighting(reweighter(), tmp_path / "closure.json", STYLE, tmp_path / "plot")


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("light", "light"),
        (r"H\to b\bar{b}", r"$H\to\ b\bar{b}$"),
        (r"not H\to b\bar{b}", r"not $H\to\ b\bar{b}$"),
        ("n_tracks $", r"n_tracks \$"),
        ("$p_T$ [GeV]", "$p_T$ [GeV]"),
    ],
)
def test_labels_become_mathematics_only_where_they_are(label: str, expected: str) -> None:
    """Protects: labels of flavours.yaml and of features print as they are meant."""
    assert style.tex(label) == expected
