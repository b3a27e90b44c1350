"""Data beside simulation: against a count jet by jet, and drawn as its numbers say."""

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.packed.arrays import Packed
from jetsmith.plots import commissioning as plot
from jetsmith.plots.commissioning_drawn import Cell, CommissioningNumbers, draw
from jetsmith.plots.features_found import NUMBER
from jetsmith.specs.plots import PlotSpec
from tests.unit.packed_jets import FLAT, TRACK, TRUTHS, make_spec, pack_jets, with_flat, write_packed
from tests.unit.score_files import write_scores
from tests.unit.test_plots_features import CLASSES, given

STYLE = PlotSpec(dpi=40)


@pytest.fixture(scope="module")
def samples() -> list[list[Packed]]:
    """Data and simulation, of two splits each; of data truth says nothing."""

    def parts(sample: str, first: int) -> list[Packed]:
        return [replace(pack_jets(n, first + k), sample=sample) for k, n in enumerate((1200, 400))]

    measured = [replace(p, label=np.full(len(p), -1, np.int32)) for p in parts("data", 5)]
    return [[replace(p, weight=np.ones(len(p))) for p in measured], parts("simulation", 1)]


def by_jet(samples: list[list[Packed]], group: str, feature: str, cell: Cell) -> dict[tuple[str, int], float]:
    """Sums of weights by layer and bin, one value after the other; simulation scaled to rows of data."""
    known = {truth: one for one, truths in TRUTHS.items() for truth in truths}
    inner, n_bins = np.asarray(cell.edges[1:-1], np.float32), len(cell.edges)
    found: dict[tuple[str, int], float] = defaultdict(float)
    total = [0.0, 0.0]
    for k, parts in enumerate(samples):
        for part in parts:
            of = part.groups[group]
            for row in range(len(part)):
                layer = "data" if k == 0 else known.get(int(part.label[row]), "other")
                weight = float(part.weight[row])
                total[k] += weight
                if feature == NUMBER:
                    values = [float(of.offsets[row + 1] - of.offsets[row])]
                elif hasattr(of, "offsets"):
                    values = of.values[of.offsets[row] : of.offsets[row + 1], of.names.index(feature)]
                else:
                    values = [of.values[row, of.names.index(feature)]]
                for value in values:
                    place = n_bins - 1
                    if np.isfinite(value) and value != cell.default:
                        place = sum(value >= edge for edge in inner)
                    found[layer, place] += weight
    return {
        key: value * (total[0] / total[1] if key[0] != "data" else 1) for key, value in found.items() if value
    }


@pytest.mark.parametrize(("group", "names"), [("ak4", FLAT), ("charged", TRACK)])
def test_counts_are_those_of_each_jet(samples, group, names):
    """Flat features and constituents, with signed weights, classes and what is of none."""
    for cell in plot.of_features(group, given(names, None), CLASSES, samples, to_data=True):
        expected = by_jet(samples, group, cell.feature, cell)
        layers = {"data": cell.data} | {layer.name: layer.sums for layer in cell.layers}
        assert set(layers) == {"data", *TRUTHS, "other"}
        for name, sums in layers.items():
            slow = [expected.get((name, k), 0.0) for k in range(len(cell.edges))]
            np.testing.assert_allclose(sums, slow, rtol=1e-4, atol=1e-3)
        assert sum(cell.data) == pytest.approx(cell.simulation()[0].sum()) or group != "ak4"


def test_tracks_of_one_jet_are_one_entry(samples):
    """Errors are of jets: a jet with each of its tracks twice has twice the error, not 1.4 times."""

    def doubled(part: Packed) -> Packed:
        found = part.groups["charged"]
        twice = replace(found, values=np.repeat(found.values, 2, axis=0), offsets=found.offsets * 2)
        return replace(part, groups={"charged": twice})

    once = plot.of_features("charged", given(TRACK, None), CLASSES, samples, to_data=True)
    both = [[doubled(part) for part in parts] for parts in samples]
    twice = plot.of_features("charged", given(TRACK, None), CLASSES, both, to_data=True)
    for first, second in zip(once[1:], twice[1:], strict=True):
        if first.edges == second.edges:
            np.testing.assert_allclose(second.data_errors, 2 * np.array(first.data_errors), rtol=1e-4)
            assert second.p == pytest.approx(first.p, abs=0.02)  # and no evidence more
    assert any(first.edges == second.edges for first, second in zip(once[1:], twice[1:], strict=True))


def test_what_has_no_value_stands_apart(samples):
    """A default apart from the values has a bin of its own, with its weights; one among them has none."""
    rng = np.random.default_rng(2)

    def missing(part: Packed) -> Packed:
        values = np.array(part.groups["ak4"].values)
        values[rng.random(len(values)) < 0.25, FLAT.index("mass")] = -9
        return with_flat(part, values)

    changed = [[missing(part) for part in parts] for parts in samples]
    about = given(FLAT, -9.0)
    about["sip"]["default"] = 0.0
    cells = {cell.feature: cell for cell in plot.of_features("ak4", about, CLASSES, changed, to_data=True)}
    mass, sip = cells["mass"], cells["sip"]
    assert mass.default == -9
    assert mass.has_missing
    assert mass.data[-1] == pytest.approx(400, abs=60)
    assert mass.edges[0] > -1
    assert sip.default is None
    assert not sip.has_missing
    slow = by_jet(changed, "ak4", "mass", mass)
    assert mass.data[-1] == pytest.approx(slow["data", len(mass.edges) - 1])


def numbers(cells: list[Cell], **changes: object) -> CommissioningNumbers:
    about = {
        "commissioning": "pair", "shown": "ak4", "data": "data", "simulation": ("simulation",),
        "is_pseudo": False, "to_data": True, "is_sequence": False, "lacking": (),
    }  # fmt: skip
    return CommissioningNumbers(**(about | changes), cells=tuple(cells))


def test_a_shape_that_differs_is_named_and_equal_ones_are_not(samples):
    """Equal shapes are no difference in 30 tries of five features; one moved by a third of its width is."""
    found = []
    for k in range(30):
        pair = [[replace(pack_jets(800, 100 + 2 * k + j), sample=str(j))] for j in (0, 1)]
        found += numbers(plot.of_features("ak4", given(FLAT), CLASSES, pair, to_data=True)).different()
    assert len(found) <= 2  # 0.3 expected
    values = np.array(samples[0][0].groups["ak4"].values)
    values[:, FLAT.index("unused")] += 0.33
    moved = [[with_flat(samples[0][0], values)], samples[1]]
    both = numbers(plot.of_features("ak4", given(FLAT), CLASSES, moved, to_data=True))
    assert "unused" in [cell.feature for cell in both.different()]
    assert "unused by 0.1" in both.caption()
    assert "of 5 shapes differ" in both.caption()


def test_nothing_to_scale_is_said(samples):
    """Simulation without weight, and data without rows, are named in the cell, which is drawn."""
    none = [replace(part, weight=-np.abs(part.weight)) for part in samples[1]]
    (cell, *_) = plot.of_features("ak4", given(FLAT), CLASSES, [samples[0], none], to_data=True)
    assert cell.why == "simulation has no positive sum of weights"
    no_rows = replace(pack_jets(0, 1), sample="data")
    (other, *_) = plot.of_features("ak4", given(FLAT), CLASSES, [[no_rows], samples[1]], to_data=True)
    assert other.why == "no rows of data"
    draw(numbers([cell, other]), STYLE)


def test_the_figure_shows_its_numbers(samples):
    """Points of data and their ratio to all layers, in each cell; the axes' ranges hold them."""
    found = numbers(plot.of_features("ak4", given(FLAT), CLASSES, samples, to_data=True))
    figure = draw(found, STYLE)
    drawn = {
        container.get_children()[0].get_gid() or container.lines[0].get_gid(): container.lines[0]
        for axes in figure.axes
        for container in axes.containers
        if hasattr(container, "lines")
    }
    for cell in found.cells:
        data, errors = np.array(cell.data[:-1]), np.array(cell.data_errors[:-1])
        total = cell.simulation()[0][:-1]
        points = drawn[f"data of {cell.feature}"].get_ydata()
        np.testing.assert_allclose(points, data[errors > 0])
        shown = (errors > 0) & (total > 0)
        np.testing.assert_allclose(drawn[f"ratio of {cell.feature}"].get_ydata(), data[shown] / total[shown])


def test_ratios_beyond_their_panel_are_marked(samples):
    """Protects: bins with more than twice the simulation, or nearly none of it, are in the picture."""
    (cell, *_) = plot.of_features("ak4", given(FLAT), CLASSES, samples, to_data=True)
    total = cell.simulation()[0]
    filled = np.flatnonzero(total[:-1] > 0)
    data = total.copy()
    data[filled[:2]] *= 2.5, 0.1
    moved = cell.model_copy(update={"data": tuple(data), "data_errors": tuple(0.01 * total)})
    for figure, n in ((draw(numbers([moved]), STYLE), 2), (draw(numbers([cell]), STYLE), None)):
        marks = [line for axes in figure.axes for line in axes.get_lines() if line.get_gid() == "beyond"]
        if n is None:
            ratio = np.array(cell.data[:-1])[filled] / total[filled]
            assert sum(len(line.get_xdata()) for line in marks) == ((ratio > 1.5) | (ratio < 0.5)).sum()
            continue
        found = {line.get_marker(): (line.get_xdata(), line.get_ydata()) for line in marks}
        width = 1 / (len(total) - 1)
        assert found["^"][0] == pytest.approx([(filled[0] + 0.5) * width])
        assert found["v"][0] == pytest.approx([(filled[1] + 0.5) * width])
        assert 0.5 < found["v"][1][0] < found["^"][1][0] < 1.5
    assert "open triangles: beyond the panel" in numbers([cell]).caption()


SPEC = make_spec("sklearn", title="CSV")


def scores(path: Path, sample: str, n: int, seed: int, split: str | None = None) -> Path:
    rng = np.random.default_rng(seed)
    label = rng.choice([500, 400, 0, 9], n).astype(np.int32)
    score = np.where(rng.random(n) < 0.1, -np.inf, rng.beta(2 + (label == 500) * 2, 2, n))
    at = SPLITS.index(split) if split else 0
    write_scores(
        path,
        {
            "discriminant": score,
            "label": label,
            "weight": rng.choice([1.0, 2.0, -0.5], n),
            "scored": np.ones(n, bool),
            "split": np.where(rng.random(n) < 0.5, at, SPLITS.index("train")).astype(np.int8),
            "run": np.ones(n, np.uint32),
            "luminosity_block": np.ones(n, np.uint32),
            "event": np.arange(n, dtype=np.uint64),
        },
    )
    return path


def test_discriminants_are_of_jets_that_were_not_seen(tmp_path):
    """Of data all splits, of the tagger's own sample one, which stands for all with a luminosity."""
    files = {
        "data": scores(tmp_path / "data.parquet", "data", 500, 3),
        "jets": scores(tmp_path / "jets.parquet", "jets", 900, 4, "test"),
    }
    splits = {"data": SPLITS, "jets": ("test",)}
    seen = {name: io.read_rows(path, ["split", "weight", "label"]) for name, path in files.items()}
    of = {name: np.asarray(ak.to_numpy(rows["weight"])) for name, rows in seen.items()}
    is_test = np.asarray(ak.to_numpy(seen["jets"]["split"])) == SPLITS.index("test")
    assert 0 < is_test.sum() < len(is_test)
    for to_data, total in ((True, of["data"].sum()), (False, of["jets"].sum())):
        cell = plot.of_discriminant(SPEC, CLASSES, files, splits, to_data)
        assert cell.n_data == 500
        assert cell.n_simulation == is_test.sum()
        assert sum(cell.data) == pytest.approx(of["data"].sum())
        assert cell.simulation()[0].sum() == pytest.approx(total, rel=1e-4)
    assert cell.default is None
    assert cell.data[-1] > 0  # not tagged
    b_jets = np.isin(np.asarray(ak.to_numpy(seen["jets"]["label"])), TRUTHS["b_jets"]) & is_test
    expected = of["jets"][b_jets].sum() * of["jets"].sum() / of["jets"][is_test].sum()
    (layer,) = (layer for layer in cell.layers if layer.name == "b_jets")
    assert sum(layer.sums) == pytest.approx(expected, rel=1e-4)


def test_files_are_read_and_written(tmp_path, samples):
    """Both figures, from files; histograms hold what is drawn, and a file of another sample is refused."""
    for parts in samples:
        for split in SPLITS:
            part = replace(parts[0], split=split)
            write_packed(tmp_path / "packed" / part.sample / split, part)
    about = {
        "commissioning": "pair", "samples": ["data", "simulation"], "is_pseudo": True, "to_data": True,
        "classes": CLASSES, "style": STYLE,
    }  # fmt: skip
    folders = [
        tmp_path / "packed" / sample / split / group
        for sample in ("data", "simulation")
        for group in ("rows", "ak4")
        for split in SPLITS
    ]
    out = tmp_path / "figure"
    found = plot.plot_commissioning(
        shown="ak4", features=given((*FLAT, "gone")), packed=folders, output=out, **about
    )
    assert found.cells[0].n_data == 4 * 1200
    assert "pseudo-data" in found.caption()
    assert "Not in all files: gone." in found.caption()
    assert [cell.feature for cell in found.cells] == list(FLAT)
    written = json.loads(out.with_name("figure.hist.json").read_text())
    assert written["sip/data"]["storage"]["values"] == list(found.cells[2].data[:-1])
    assert out.with_name("figure.pdf").stat().st_size > 1000
    with pytest.raises(InputError, match="simulation"):
        plot.plot_commissioning(
            shown="ak4", features=given(FLAT), packed=folders, output=out,
            **(about | {"samples": ["data", "other"]}),
        )  # fmt: skip
    with pytest.raises(InputError, match="ak4: no feature is in all files of data, simulation; leave it out"):
        plot.plot_commissioning(shown="ak4", features=given(("gone",)), packed=folders, output=out, **about)
    files = [scores(tmp_path / f"{name}.parquet", name, 300, 5) for name in ("data", "simulation")]
    splits = {SPEC.name: {"data": SPLITS, "simulation": SPLITS}}
    found = plot.plot_commissioning(
        shown="discriminants", specs=[SPEC], splits=splits, scores=files, output=out, **about
    )
    assert [cell.label for cell in found.cells] == ["CSV discriminant"]
    assert found.cells[0].has_missing
