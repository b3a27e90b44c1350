"""The figure of values that were held out shows each value's own spectra, and which values it leaves out."""

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.handed.closure import Area, Gate, Interpolation
from jetsmith.plots import parameters, spectra, style
from jetsmith.specs.features import Inputs
from tests.unit.test_plots import HOSTILE, STYLE, by_gid, reweighter
from tests.unit.test_plots_closure import make_test, write

GATE = Gate("separation", "passed", {}, {}, "")


def held_out(theta: float, n_features: int = 2, **changed: Any) -> Interpolation:
    """Of a value, which moves the first feature as far as it is large."""
    test = make_test(n_features)
    first, *others = test.histograms
    moved = np.roll(first["source"], round(10 * theta)).tolist()
    found = Interpolation(
        label=f"theta_{theta}",
        parameters={"theta": theta},
        status="passed",
        separation=GATE,
        spectra=GATE,
        auc_before=Area(0.6, 0.59, 0.61),
        auc_after=Area(0.5 + theta / 100, 0.49, 0.53),
        n_source=1500,
        n_target=1500,
        histograms=(first | {"reweighted": moved}, *others),
    )
    return dataclasses.replace(found, **changed)


def test_a_column_a_value_and_a_row_a_feature() -> None:
    """Rising values, each with its own spectra, its ratio to the target and its chi2."""
    tested = tuple(map(held_out, (0.5, 0.1)))
    numbers = parameters.compute(reweighter(), tested, {"f0": HOSTILE})
    assert [value.parameters["theta"] for value in numbers.values] == [0.1, 0.5]
    for value, one in zip(numbers.values, reversed(tested), strict=True):
        assert [s.feature for s in value.spectra] == ["f0", "f1"]
        expected = spectra.spectrum_of(one.histograms[0], {"f0": HOSTILE})
        assert value.spectra[0] == expected
    figure = parameters.draw(numbers, STYLE)
    cells = [value.spectra[k] for k in range(2) for value in numbers.values]
    for k, spectrum in enumerate(cells):
        main, below = figure.axes[2 * k : 2 * k + 2]
        for gid in ("source", "target"):
            (drawn,) = by_gid(main, gid)
            np.testing.assert_array_equal(drawn.get_data().values, getattr(spectrum, gid))
        (after,), (to_target,) = main.containers, below.containers
        np.testing.assert_array_equal(after.lines[0].get_ydata(), spectrum.reweighted)
        ratio = np.divide(spectrum.reweighted, spectrum.target)
        np.testing.assert_allclose(to_target.lines[0].get_ydata(), ratio)
        assert spectra.chi2_text(spectrum) in [text.get_text() for text in main.texts]


def test_cells_of_a_feature_have_the_same_axes() -> None:
    """Else another range looks like another shape: all that any of them shows is inside."""
    wide = held_out(0.5)
    first = wide.histograms[0]
    content = [0.9, *first["source"][1:]]
    wide = dataclasses.replace(
        wide,
        histograms=(
            first | {"edges": [2 * x for x in first["edges"]], "source": content},
            wide.histograms[1],
        ),
    )
    figure = parameters.draw(parameters.compute(reweighter(), [held_out(0.1), wide], {}), STYLE)
    left, right = figure.axes[0], figure.axes[2]
    assert left.get_xlim() == right.get_xlim()
    np.testing.assert_allclose(left.get_xlim(), (2 * first["edges"][0], 2 * first["edges"][-1]))
    assert left.get_ylim() == right.get_ylim()
    assert left.get_yscale() == right.get_yscale()
    assert right.get_ylim()[1] > 0.9


def test_heads_say_value_area_and_verdict() -> None:
    """Over the first row alone; an area that there is not is said to be unknown."""
    tested = [held_out(-1.5, status="failed", auc_after=None), held_out(2.0)]
    numbers = parameters.compute(reweighter(), tested, {})
    figure = parameters.draw(numbers, STYLE)
    heads = [axes.get_title() for axes in figure.axes[::2]]
    assert heads == [
        "theta = −1.5\narea unknown, failed",
        "theta = 2\narea 0.520 +0.010 −0.030, passed",
        "",
        "",
    ]
    assert "at theta = −1.5 failed, area unknown, χ²/dof " in numbers.alternative()
    assert "at theta = 2 passed, area 0.520 +0.010 −0.030, χ²/dof " in numbers.alternative()


def places(axes: Any) -> Any:
    """Row and column of the cell that an axes is in."""
    return axes.get_subplotspec().get_topmost_subplotspec()


def test_a_single_value_has_its_features_side_by_side() -> None:
    """One row, with the value over each cell, and units of the figure where the first cell has them."""
    figure = parameters.draw(parameters.compute(reweighter(), [held_out(0.5, 3)], {}), STYLE)
    mains = figure.axes[::2]
    assert {places(axes).rowspan.start for axes in mains} == {0}
    assert [places(axes).colspan.start for axes in mains] == [0, 1, 2]
    assert [axes.get_title() for axes in mains] == [mains[0].get_title()] * 3
    assert [axes.get_ylabel() for axes in mains] == ["Fraction / bin", "", ""]


def test_the_values_that_agree_worst_are_shown() -> None:
    """Four at most, by verdict, then by area; the caption names the others."""
    tested = [held_out(theta) for theta in (0.1, 0.2, 0.3, 0.4, 0.5)]
    tested[0] = dataclasses.replace(tested[0], status="not conclusive")
    tested.append(held_out(0.05, status="failed"))
    numbers = parameters.compute(reweighter(), tested, {})
    assert [value.parameters["theta"] for value in numbers.values] == [0.05, 0.1, 0.4, 0.5]
    assert "Values that agree better are not shown: theta = 0.2; theta = 0.3." in numbers.caption()
    assert "not shown" not in parameters.compute(reweighter(), tested[:4], {}).caption()


def test_spectators_first_then_what_moves_at_any_value() -> None:
    """Three features: the spectator though it moves least, then by the largest share that changes its bin."""
    seen = Inputs(group="event", kind="flat", length=0, features=("f4",), sources=("f4",))
    spec = reweighter().model_copy(update={"spectators": (seen,)})
    still, moving = held_out(0.0, 5), held_out(0.0, 5)
    far = moving.histograms[3] | {"reweighted": moving.histograms[3]["source"][::-1]}
    far["reweighted"][0] += 0.5
    moving = dataclasses.replace(moving, histograms=(*moving.histograms[:3], far, moving.histograms[4]))
    numbers = parameters.compute(spec, [still, moving], {})
    for value in numbers.values:
        assert [s.feature for s in value.spectra][:2] == ["f4", "f3"]
        assert len(value.spectra) == parameters.MAX_FEATURES


WORDS = {"halves": "by halves", "bootstrap": "by bootstrap replicas", "seeds": "of the training alone"}


def test_captions_say_whether_there_is_an_error_of_the_weights() -> None:
    """Bands of an ensemble are drawn and explained; else their absence is."""
    one = held_out(0.5)
    assert "The orange band" in parameters.compute(reweighter(), [one], {}).caption()
    for members, words in WORDS.items():
        kind = reweighter().model_copy(update={"members": members})
        assert words in parameters.compute(kind, [one], {}).caption()
    bare = tuple(entry | {"weight_error": []} for entry in one.histograms)
    numbers = parameters.compute(reweighter(), [dataclasses.replace(one, histograms=bare)], {})
    assert "no error of the weights" in numbers.caption()
    assert not by_gid(parameters.draw(numbers, STYLE), "weight_error")


@pytest.mark.parametrize("n_members", [0, 4])
def test_an_ensemble_without_bands_is_no_lack_of_one(tmp_path: Path, n_members: int) -> None:
    """No members' weights at held-out values, but an ensemble all the same: the caption says so."""
    one = held_out(0.5)
    bare = dataclasses.replace(one, histograms=tuple(e | {"weight_error": []} for e in one.histograms))
    path = write(tmp_path, make_test(n_members=n_members, interpolations=(bare,)))
    said = parameters.plot_parameters(reweighter(), path, STYLE, tmp_path / "plot", {}).caption()
    assert ("There is no ensemble" in said) == (not n_members)
    assert ("have errors by the ensemble" in said) == (n_members > 0)


def test_numbers_come_from_the_record(tmp_path: Path) -> None:
    """Written by closure and read back: the JSON beside the figure has what was computed."""
    path = write(tmp_path, make_test(interpolations=(held_out(0.5),)))
    numbers = parameters.plot_parameters(reweighter(), path, STYLE, tmp_path / "plot", {})
    assert numbers == parameters.compute(reweighter(), [held_out(0.5)], {}, ensemble=True)
    content = io.read_json(tmp_path / "plot.json")
    assert content["values"][0]["spectra"][0]["reweighted"] == list(numbers.values[0].spectra[0].reweighted)
    assert content["page"]["alternative"] == numbers.alternative()


def test_without_values_it_says_so(tmp_path: Path) -> None:
    """A closure test of nothing that was held out, and one of another reweighter."""
    numbers = parameters.plot_parameters(
        reweighter(), write(tmp_path, make_test()), STYLE, tmp_path / "plot", {}
    )
    assert (
        numbers.message
        == "Power to dipole shower: the closure test has no spectra at values that were held out"
    )
    page = io.read_json(tmp_path / "plot.json")["page"]
    assert page["caption"] == f"{numbers.message}."
    path = write(tmp_path, make_test(reweighter="other"))
    with pytest.raises(InputError, match="other"):
        parameters.plot_parameters(reweighter(), path, STYLE, tmp_path / "plot", {})


@pytest.mark.parametrize("n", [1, 4])
def test_heads_and_legend_lie_apart(n: int) -> None:
    """Long names of several parameters are broken; nothing lies on another or is cut off."""
    values = {"shower_scale": 0.25, "colour_reconnection_range": -1.75}
    tested = [held_out(k / 10, 3, parameters=values | {"shower_scale": k / 10}) for k in range(n)]
    figure = parameters.draw(parameters.compute(reweighter(), tested, {}), STYLE)
    with style.rc():
        figure.draw_without_rendering()
    (legend,) = figure.legends
    heads = [axes.title.get_window_extent() for axes in figure.axes[::2] if axes.get_title()]
    assert all(box.y1 <= legend.get_window_extent().y0 for box in heads)
    assert all(one.x1 < other.x0 for one, other in pairwise(heads))
    assert heads[0].x0 >= 0
    assert heads[-1].x1 <= figure.bbox.x1
