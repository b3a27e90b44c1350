"""The figures of a closure test show what its record has, and say which error is which."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.closure import Area, CalibrationBin, Closure, Gate
from jetsmith.plots import closure, reweighting, spectra, style, systematic
from jetsmith.reweighting.histograms import compare_features
from jetsmith.specs.features import Inputs
from tests.unit.test_plots import HOSTILE, STYLE, by_gid, reweighter

GRID = tuple(np.linspace(0, 1, 5).tolist())
CURVE = (0.0, 0.4, 0.7, 0.9, 1.0)
NO_AREA = "not conclusive"


def make_test(n_features: int = 2, n_members: int = 4, **changed: Any) -> Closure:
    """A record as closure writes it; the first feature moves, the others do not."""
    rng = np.random.default_rng(8)
    target = rng.random(3000) < 0.5
    generator = np.where(rng.random(3000) < 0.1, -1.0, 1.0)
    x = rng.normal(0, 1, (3000, n_features))
    x[:, 0] += 0.3 * target
    weight = np.where(target, 1.0, np.exp(0.3 * x[:, 0]))
    each = weight[:, None] * np.exp(0.05 * rng.normal(0, 1, n_members) * x[:, :1])
    names = [f"f{k}" for k in range(n_features)]
    status = {"separation": "passed", "calibration": "failed", "swapped": NO_AREA}
    values = {"calibration": {"chi2": 31.4, "n_dof": 10.0}}
    found = Closure(
        reweighter="shower",
        sample="events",
        classes=("power", "dipole"),
        seed=1,
        status="failed",
        gates=tuple(Gate(name, said, values.get(name, {}), {}, "") for name, said in status.items()),  # type: ignore[arg-type]
        auc_before=Area(0.6, 0.59, 0.61, CURVE),
        auc_after=Area(0.501, 0.491, 0.511, GRID),
        auc_swapped=None,
        n_source=1500,
        n_target=1500,
        calibration=(
            CalibrationBin(0.1, 0.9, 0.5, 0.35, 0.31, 0.02),
            CalibrationBin(0.9, 3.0, 0.5, 0.62, 0.64, 0.03),
        ),
        histograms=tuple(compare_features(x, names, target, generator, weight, each, "halves")),
    )
    return dataclasses.replace(found, **changed)


def write(folder: Path, test: Closure) -> Path:
    io.write_record(folder / "closure.json", test)
    return folder / "closure.json"


def test_closure_draws_its_numbers(tmp_path: Path) -> None:
    """Curves and fractions are those of the record; an area that there is not is left out."""
    path = write(tmp_path, make_test())
    numbers = closure.plot_closure(reweighter(), path, STYLE, tmp_path / "plot")
    assert [judged.name for judged in numbers.judged] == ["before weighting", "after weighting"]
    figure = closure.draw(numbers, STYLE)
    for name, curve in (("before weighting", CURVE), ("after weighting", GRID)):
        (line,) = by_gid(figure, name)
        np.testing.assert_array_equal(line.get_xdata(), GRID)
        np.testing.assert_array_equal(line.get_ydata(), curve)
    (points,), (apart,) = (axes.containers for axes in figure.axes[1::2])
    np.testing.assert_array_equal(points.lines[0].get_xdata(), [0.35, 0.62])
    np.testing.assert_array_equal(points.lines[0].get_ydata(), [0.31, 0.64])
    ends = [segment[:, 1] for segment in apart.lines[2][0].get_segments()]
    np.testing.assert_allclose(ends, [[-0.06, -0.02], [-0.01, 0.05]])


def test_closure_says_areas_gates_and_what_is_drawn(tmp_path: Path) -> None:
    """Legend, note, caption and alternative text; folds only where there are some."""
    numbers = closure.compute(reweighter(), make_test())
    figure = closure.draw(numbers, STYLE)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "before weighting: 0.600 ± 0.010",
        "after weighting: 0.501 ± 0.010, passed",
    ]
    (note,) = figure.axes[1].texts
    assert note.get_text() == "χ²/dof 31.4/10\ncalibration: failed"
    assert "where some are negative, the curves are made monotone" in numbers.caption()
    assert "power shower and dipole shower (as signal)" in numbers.caption()
    assert "folds" not in numbers.caption()
    folded = closure.compute(reweighter().model_copy(update={"folds": 5}), make_test())
    assert "curves of the folds are averaged" in folded.caption()
    assert "after weighting 0.501 ± 0.010; calibration failed, χ²/dof 31.4/10" in numbers.alternative()
    assert "roles swapped" not in numbers.alternative()


def test_closure_without_curves_and_fractions(tmp_path: Path) -> None:
    """No effective event, none in the region of validity: no line of nothing, and words for it."""
    test = make_test()
    gates = tuple(dataclasses.replace(gate, values={}, status=NO_AREA) for gate in test.gates)
    bare = Area(0.5, 0.0, 1.0)
    test = dataclasses.replace(test, gates=gates, auc_before=bare, auc_after=None, calibration=())
    numbers = closure.plot_closure(reweighter(), write(tmp_path, test), STYLE, tmp_path / "plot")
    (line,) = by_gid(closure.draw(numbers, STYLE), "before weighting")
    assert len(line.get_xdata()) == 0
    assert "no ratio of the target in the region of validity" in numbers.alternative()


@pytest.mark.parametrize("plot", [closure.plot_closure, systematic.plot_systematic])
def test_another_record_is_refused(tmp_path: Path, plot: Any) -> None:
    """Of another reweighter, or of a version that wrote no errors of weights."""
    labels = {} if plot is closure.plot_closure else {"labels": {}}
    path = write(tmp_path, make_test(reweighter="other"))
    with pytest.raises(InputError, match="other"):
        plot(reweighter(), path, STYLE, tmp_path / "plot", **labels)
    io.write_json(path, {"reweighter": "shower", "histograms": []})
    with pytest.raises(InputError, match="is no Closure as this version writes it"):
        plot(reweighter(), path, STYLE, tmp_path / "plot", **labels)


def band_of(artist: Any) -> tuple[Any, Any]:
    """Lower and upper end of a band, shape (B,) each."""
    found = artist.get_data()
    return found.baseline, found.values


def test_the_band_is_the_error_of_the_weights() -> None:
    """Around the reweighted spectrum, and around its ratio to the target; bars keep the statistical error."""
    test = make_test()
    numbers = reweighting.compute(reweighter(), test.histograms, (np.zeros(0), np.zeros(0)), {})
    figure = reweighting.draw(numbers, STYLE)
    for spectrum, main, below in zip(
        numbers.spectra, by_gid(figure, "weight_error"), by_gid(figure, "weight_error_ratio"), strict=True
    ):
        after, error = np.array(spectrum.reweighted), np.array(spectrum.weight_error)
        assert (error > 0).any()
        np.testing.assert_array_equal(band_of(main), [after - error, after + error])
        low, high = band_of(below)
        np.testing.assert_allclose(high - low, 2 * error / np.array(spectrum.target))
    (legend,) = figure.legends
    assert "error of the weights" in [text.get_text() for text in legend.get_texts()]
    assert "The orange band is the error of the weights (68.3%)" in numbers.caption()
    assert "Bars are statistical errors" in numbers.caption()


def test_without_an_ensemble_there_is_no_band() -> None:
    """And the captions of both figures say so."""
    test = make_test(n_members=0)
    weights = np.zeros(0), np.zeros(0)
    for module, numbers in (
        (reweighting, reweighting.compute(reweighter(), test.histograms, weights, {})),
        (systematic, systematic.compute(reweighter(), test.histograms, {})),
    ):
        figure = module.draw(numbers, STYLE)
        assert not by_gid(figure, "weight_error")
        (legend,) = figure.legends
        assert "error of the weights" not in [text.get_text() for text in legend.get_texts()]
        assert "There is no ensemble, and so no error of the weights." in numbers.caption()


def test_systematic_shows_spectators_first_then_what_moves(tmp_path: Path) -> None:
    """Six at most; of the inputs those that move most."""
    test = make_test(n_features=9)
    seen = Inputs(group="event", kind="flat", length=0, features=("f5",), sources=("f5",))
    spec = reweighter().model_copy(update={"spectators": (seen,)})
    path = write(tmp_path, test)
    numbers = systematic.plot_systematic(spec, path, STYLE, tmp_path / "plot", {"f0": HOSTILE})
    assert [spectrum.feature for spectrum in numbers.spectra[:2]] == ["f5", "f0"]
    moved = [spectrum.moved for spectrum in numbers.spectra[1:]]
    assert moved == sorted(moved, reverse=True)
    assert len(numbers.spectra) == systematic.MAX_FEATURES
    assert f"{100 * moved[0]:.1f}% in f0" in numbers.alternative()


def test_systematic_draws_its_numbers() -> None:
    """Nominal, variation and target; ratios are to the nominal spectrum."""
    numbers = systematic.compute(reweighter(), make_test().histograms, {})
    figure = systematic.draw(numbers, STYLE)
    for k, spectrum in enumerate(numbers.spectra):
        main, below = figure.axes[2 * k : 2 * k + 2]
        (nominal,), (variation,) = (by_gid(main, gid) for gid in ("nominal", "variation"))
        np.testing.assert_array_equal(nominal.get_data().values, spectrum.source)
        np.testing.assert_array_equal(variation.get_data().values, spectrum.reweighted)
        (ratio,) = by_gid(below, "variation_ratio")
        np.testing.assert_allclose(ratio.get_data().values, np.divide(spectrum.reweighted, spectrum.source))
        low, high = below.get_ylim()
        assert high - 1 == pytest.approx(1 - low)
        assert round(high - 1, 9) in systematic.REACHES


def test_moved_is_the_share_that_changes_its_bin() -> None:
    """Half of the sum of the differences: a quarter goes from one bin to the other."""
    test = make_test()
    entry = test.histograms[0] | {"source": [0.5, 0.5], "reweighted": [0.25, 0.75], "target": [0.5, 0.5]}
    entry |= {"edges": [0, 1, 2], "weight_error": []}
    entry |= {f"{kind}_variance": [0.01, 0.01] for kind in ("source", "reweighted", "target")}
    assert spectra.spectrum_of(entry, {}).moved == pytest.approx(0.25)


def test_signed_sums_move_no_more_than_all() -> None:
    """Contents that nearly cancel, of sizes 10 and 1, are 10 apart: not 500% of the events."""
    entry = make_test().histograms[0]
    bins = len(entry["source"]) - 2
    entry |= {"source": [0.5, *[0.0] * bins, 0.5], "reweighted": [-4.5, *[0.0] * bins, 5.5]}
    numbers = systematic.compute(reweighter(), [entry], {})
    assert numbers.spectra[0].moved == pytest.approx(10 / 11)
    notes = [text.get_text() for axes in systematic.draw(numbers, STYLE).axes for text in axes.texts]
    assert [note for note in notes if "moved" in note] == ["90.9% moved"]
    assert "bins below 0 by their size" in numbers.caption()


def test_drawn_values_are_said_to_be_nothing_to_use() -> None:
    """Of a reweighter with parameters the figure is of weights at values that are drawn."""
    histograms = make_test().histograms
    spec = reweighter().model_copy(update={"parameters": ("tune",)})
    said = systematic.compute(spec, histograms, {}).caption()
    assert said.startswith("Weights are those at values of tune that are drawn for each event of the source")
    assert "drawn for" not in systematic.compute(reweighter(), histograms, {}).caption()


def test_a_ratio_to_nothing_is_none() -> None:
    """Bins that are empty or negative below have no ratio."""
    found = spectra.over([1.0, 2.0, 3.0], [2.0, 0.0, -1.0])
    np.testing.assert_array_equal(found, [0.5, np.nan, np.nan])


@pytest.mark.parametrize("n", [1, 2, 4])
def test_title_and_legend_stand_apart_from_the_cells(n: int) -> None:
    """Whatever the number of cells, and of a narrow figure, nothing lies on an axes or is cut off."""
    numbers = systematic.compute(reweighter(), make_test(n_features=n).histograms, {})
    figure = systematic.draw(numbers, STYLE)
    with style.rc():
        figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.y0 >= max(axes.get_window_extent().y1 for axes in figure.axes)
    assert box.x1 <= figure.bbox.x1
