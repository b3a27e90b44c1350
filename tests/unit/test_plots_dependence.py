"""Dependence on the jet and on pile-up: against sums written out, and what is drawn."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import columns, metrics
from jetsmith.plots import dependence
from jetsmith.plots.inputs import Threshold, evaluated
from jetsmith.scored import ScoredJets
from jetsmith.specs.plots import PlotSpec
from tests.unit.test_plots_inputs import make_numbers, make_scores, make_spec

STYLE = PlotSpec(dpi=40)
POINTS = [
    Threshold(
        name=name, background_efficiency=target, threshold=threshold, threshold_low=threshold,
        threshold_high=threshold,
    )
    for name, target, threshold in (("L", 0.1, 0.5), ("T", 0.001, 0.9))
]  # fmt: skip
EDGES = (30.0, 60.0, 300.0)


def some_jets(n: int = 4000, vertices: Any = None) -> ScoredJets:
    """Jets of all classes; a tenth is not tagged, and a tenth has a negative weight."""
    rng = np.random.default_rng(1)
    score = rng.random(n)
    score[rng.random(n) < 0.1] = -np.inf
    table = {"jet_pt_gev": rng.uniform(20, 400, n), "jet_eta": rng.uniform(-2.5, 2.5, n)}
    if vertices is None:
        table["n_pv"] = rng.poisson(30, n).astype(np.float32)
    elif vertices:
        table["n_pv"] = np.full(n, vertices, np.float32)
    label = rng.choice([500, 400, 0], n)
    weight = np.where(rng.random(n) < 0.1, -1.0, 1.0) * rng.uniform(0.5, 1.5, n)
    return ScoredJets(score, weight, label, rng.random(n) < 0.95, table)


def test_numbers_are_those_of_the_bins() -> None:
    """Means of the jets that were tagged, efficiencies of all, at the loosest working point; |eta|."""
    jets, spec = some_jets(), make_spec()
    found = dependence.compute(spec, jets, POINTS, EDGES)
    assert [against.column for against in found.against] == ["jet_pt_gev", "jet_eta", "n_pv"]
    assert found.working_point == POINTS[0]
    for against in found.against:
        values = np.abs(jets.columns[against.column])
        for of, wanted in zip(against.classes, evaluated(spec), strict=True):
            mine = jets.chosen & np.isin(jets.label, wanted.truth)
            for k, (low, high) in enumerate(zip(against.edges[:-1], against.edges[1:], strict=True)):
                last, first = k == len(against.edges) - 2, k == 0
                inside = mine & ((values >= low) | first) & ((values < high) | last)
                tagged = inside & np.isfinite(jets.discriminant)
                mean = np.average(jets.discriminant[tagged], weights=jets.weight[tagged])
                assert of.mean[k] == pytest.approx(mean, rel=1e-4)
                assert 0 < of.error[k] < 0.1
                one = metrics.efficiency(jets.discriminant[inside] >= 0.5, jets.weight[inside])
                assert (of.efficiency[k], of.low[k]) == pytest.approx((one.value, one.low), rel=1e-4)


def test_errors_of_means_are_what_means_scatter_by() -> None:
    """Protects: two jets had an error too small by the square root of 2; weights of both signs."""
    rng = np.random.default_rng(3)
    spec = make_spec()
    for weight in ([1.0, 1.0], [1.0, 0.1], [1.0, 1.0, 1.0, -0.8]):
        n = len(weight)
        found = []
        for _ in range(600):
            score = rng.uniform(0.3, 0.7, n)
            table = {"jet_pt_gev": np.linspace(40, 50, n)}
            jets = ScoredJets(score, np.array(weight), np.full(n, 500), np.ones(n, bool), table)
            of = dependence.compute(spec, jets, (), EDGES).against[0].classes[0]
            found.append((of.mean[0], of.error[0]))
        means, errors = np.array(found, float).T
        assert np.sqrt((errors**2).mean()) == pytest.approx(means.std(), rel=0.1)  # 3% each


def test_a_mean_of_one_jet_has_no_error() -> None:
    """Protects: the error was 0, so that one jet stood there as if its class were known for certain."""
    table = {"jet_pt_gev": np.array([40.0, 50.0, 100.0]), "jet_eta": np.array([0.1, 0.2, 0.3])}
    score = np.array([0.5, 0.6, 0.9])
    jets = ScoredJets(score, np.ones(3), np.full(3, 500), np.ones(3, bool), table)
    found = dependence.compute(make_spec(), jets, (), EDGES)
    of = found.against[0].classes[0]
    assert of.mean == (0.55, 0.9)
    assert of.error == (0.05, None)
    assert "with its standard error; open points are of one jet" in found.caption()
    axes = dependence.draw(found, STYLE).axes[0]
    (hollow,) = [
        line for line in axes.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())
    ]
    assert hollow.get_ydata().tolist() == [0.9]
    assert "open points" not in dependence.compute(make_spec(), some_jets(), (), EDGES).caption()


def test_where_no_jet_passes_an_arrow_stands() -> None:
    """Protects: a logarithmic axis has no 0: neither a bar from nowhere nor a line that dives."""
    jets = some_jets()
    jets.discriminant[(jets.label == 0) & (jets.columns["jet_pt_gev"] < 60)] = 0.0
    found = dependence.compute(make_spec(), jets, POINTS, EDGES)
    assert found.against[0].classes[1].efficiency[0] == 0
    figure = dependence.draw(found, STYLE)
    below = figure.axes[len(found.against)]
    (line,) = [box for box in below.containers if box.get_label() == "light"]
    assert np.isnan(line.lines[0].get_ydata()).tolist() == [True, False]
    (arrow,) = [box for box in below.containers if box.lines[0] is None and box.lines[1]]
    high = arrow.lines[2][0].get_segments()[0][:, 1].max()
    assert high == pytest.approx(found.against[0].classes[1].high[0])
    assert "an arrow is the upper end" in found.caption()


def test_weights_that_leave_no_number_are_a_message() -> None:
    """Protects: no class has a positive sum of weights in a bin: no figure without points, and no error."""
    jets = some_jets(40)
    jets.weight[:] = -1.0
    found = dependence.compute(make_spec(), jets, POINTS, EDGES)
    assert found.message == "No jets of the classes that are evaluated (test split)"
    dependence.draw(found, STYLE)


def test_bins_of_equal_counts() -> None:
    """So that each point has about as many jets; the ends are the smallest and the largest value."""
    found = dependence.compute(make_spec(), some_jets(), POINTS, EDGES)
    eta = found.against[1]
    assert len(eta.edges) == dependence.N_BINS + 1
    assert 0 <= eta.edges[0] < 0.01
    assert eta.edges[-1] == pytest.approx(2.5, abs=0.01)
    assert all(
        low < centre < high for low, centre, high in zip(eta.edges, eta.centres, eta.edges[1:], strict=False)
    )


def test_labels_of_pt_stand_apart() -> None:
    """Panels are narrow: 200, 300 and 500 GeV ran into each other."""
    edges = (30.0, 100.0, 200.0, 1000.0)
    found = dependence.compute(make_spec(), some_jets(), POINTS, edges)
    figure = dependence.draw(found, STYLE)
    figure.draw_without_rendering()
    axes = next(axes for axes in figure.axes if "p_T" in axes.get_xlabel())
    shown = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert len(shown) > 3
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(shown))


@pytest.mark.parametrize("vertices", [0, 7])
def test_a_column_that_says_nothing_has_no_panel(vertices: int) -> None:
    """Files lack the number of vertices, or have one and the same in all events."""
    found = dependence.compute(make_spec(), some_jets(vertices=vertices), POINTS, EDGES)
    assert [against.column for against in found.against] == ["jet_pt_gev", "jet_eta"]
    assert len(dependence.draw(found, STYLE).axes) == 4


def test_without_jets_or_working_points() -> None:
    """A message in place of panels; no lower panels."""
    jets = some_jets()
    found = dependence.compute(make_spec(), jets, (), EDGES)
    assert len(dependence.draw(found, STYLE).axes) == 3
    assert "Below" not in found.caption()
    assert "Above" not in found.caption()
    nobody = ScoredJets(jets.discriminant, jets.weight, jets.label * 0 + 999, jets.chosen, jets.columns)
    found = dependence.compute(make_spec(), nobody, POINTS, EDGES)
    assert found.message
    dependence.draw(found, STYLE)


def test_from_files(tmp_path: Path) -> None:
    """What is drawn is what the JSON says."""
    scores = make_scores(tmp_path / "scores.parquet", 2000, 3.4)
    numbers = make_numbers(tmp_path / "numbers.json")
    found = dependence.plot_dependence(make_spec(), scores, numbers, EDGES, STYLE, tmp_path / "a")
    assert (tmp_path / "a.png").is_file()
    assert found.against[0].column == "jet_pt_gev"
    figure = dependence.draw(found, STYLE)
    for of in found.against[0].classes:
        drawn = figure.axes[0].findobj(lambda artist, gid=f"jet_pt_gev.{of.name}": artist.get_gid() == gid)
        assert drawn


def test_rows_carry_vertices() -> None:
    """Protects: the third panel; jets know of the vertices of their event from the skim to the scores."""
    for obj in columns.STORING:
        assert "n_pv" in columns.KINEMATICS[obj]
        assert not set(columns.KINEMATICS[obj]) & set(columns.CONTENT[obj])
