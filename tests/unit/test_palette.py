"""Pictures of few colours: smaller, and the same to the eye."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from jetsmith.colors import TAGGER_COLORS
from jetsmith.plots import roc, style
from jetsmith.plots.inputs import read_test
from jetsmith.plots.palette import LARGEST, with_palette
from jetsmith.specs.plots import PlotSpec
from tests.unit.test_plots_inputs import make_scores, make_spec

DRAWN = PlotSpec()


@pytest.fixture(scope="module")
def figure(tmp_path_factory: pytest.TempPathFactory) -> Figure:
    """Four curves with bands, text and markers, at the size of the page."""
    folder = tmp_path_factory.mktemp("scores")
    scores = [make_scores(folder / f"{k}.parquet", 8000, 3.4 - 0.3 * k) for k in range(4)]
    jets = [read_test(path, make_spec()) for path in scores]
    specs = [make_spec(f"tagger{k}", f"Tagger {k}") for k in range(4)]
    return roc.draw(roc.compute(specs, jets, "light_jets", [()] * 4, 10), DRAWN)


@pytest.fixture(scope="module")
def saved(figure: Figure, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("plots") / "roc"
    style.save(figure, style.Numbers(title="ROC"), base)
    return base.with_suffix(".png")


def pixels_of(figure: Figure) -> np.ndarray:
    with style.rc():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def test_a_saved_figure_looks_as_it_was_drawn(figure: Figure, saved: Path) -> None:
    """Protects: curves, bands and text: no pixel far off, the mean below what eyes see, white stays white."""
    drawn = pixels_of(figure)[..., :3].astype(int)
    with Image.open(saved) as picture:
        found = np.asarray(picture.convert("RGB")).astype(int)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 1000  # a palette cannot hold them all
    difference = np.abs(found - drawn)
    assert difference.max() <= LARGEST
    assert difference.mean() < 0.3
    np.testing.assert_array_equal(found[(drawn == 255).all(axis=2)], 255)
    for color in TAGGER_COLORS[:4]:  # of curves
        wanted = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
        of_line = (drawn == wanted).all(axis=2)
        assert of_line.sum() > 100
        np.testing.assert_array_equal(found[of_line], np.broadcast_to(wanted, found[of_line].shape))


def test_a_saved_figure_is_small(figure: Figure, saved: Path) -> None:
    """Protects: the report's page, which holds 84 figures, from growing back above 10 MB."""
    with Image.open(saved) as picture:
        assert picture.mode == "P"
        assert picture.info["dpi"] == pytest.approx((DRAWN.dpi, DRAWN.dpi), abs=0.1)
    plain = saved.with_name("plain.png")
    Image.fromarray(pixels_of(figure)).save(plain)
    assert saved.stat().st_size < 0.4 * plain.stat().st_size


def test_few_colours_stay_what_they_are() -> None:
    """Protects: a picture of at most 256 colours loses nothing at all."""
    steps = np.linspace(0, 255, 16).astype(np.uint8)
    drawn = np.stack(np.meshgrid(steps, steps, steps[2:3]), axis=-1)[:, :, 0].repeat(8, axis=0)
    np.testing.assert_array_equal(np.asarray(with_palette(drawn).convert("RGB")), drawn)


def test_a_picture_that_a_palette_would_spoil_keeps_its_colours() -> None:
    """Protects: what has more colours than a palette comes near, as a photograph, is stored as drawn."""
    drawn = np.random.default_rng(1).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    found = with_palette(drawn)
    assert found.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(found), drawn)


def test_areas_and_lines_keep_their_colours() -> None:
    """Protects: what has a place in the legend: beside thousands of shades it is, to the bit, as drawn."""
    drawn = np.stack(np.meshgrid(*[np.arange(16, dtype=np.uint8) * 2 + 100] * 3), axis=-1).reshape(64, 64, 3)
    drawn = drawn.repeat(2, axis=0)  # 4096 shades, two pixels each
    areas = {(101, 103, 105): slice(0, 5), (255, 0, 0): slice(5, 8), (255, 255, 255): slice(8, 40)}
    for colour, rows in areas.items():
        drawn[rows] = colour
    picture = with_palette(drawn)
    assert picture.mode == "P"
    found = np.asarray(picture.convert("RGB"))
    for colour, rows in areas.items():
        np.testing.assert_array_equal(found[rows], np.broadcast_to(colour, found[rows].shape))
    assert 0 < np.abs(found.astype(int) - drawn).max() <= LARGEST
