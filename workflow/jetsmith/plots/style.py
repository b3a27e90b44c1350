"""What all plots share: the look, colours for taggers, labels, and saving as PDF, PNG and JSON.

No pyplot figure is ever made and no global setting changed: figures are free objects, drawn and
saved under `rc`, so that nothing leaks from one plot into the next.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import matplotlib
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, NullLocator
from PIL.PngImagePlugin import PngInfo

from jetsmith.colors import Dash, look
from jetsmith.io import NUMBERS, FloatArray, atomic_file, json_checksum, write_json
from jetsmith.plots.histograms import Histograms, write
from jetsmith.plots.palette import with_palette
from jetsmith.specs.plots import PlotSpec
from jetsmith.strict import Record
from jetsmith.tex import plain as plain
from jetsmith.tex import tex as tex

LINES: dict[Dash, Any] = {
    "solid": "-",
    "dash": (0, (5, 1.5)),
    "dashdot": (0, (6, 1.5, 1.2, 1.5)),
    "dot": (0, (1.5, 1.2)),
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*", "d", "h")  # 13: prime to ten colours
GREY = "#5f6368"
WIDTH_IN = 7.0  # the width for which the sizes below are made
LEGEND_SIZE = 11.5
TICK_WIDTH = 0.045  # of a tick's label and a gap, as a share of the width of the figure
ARROW = 0.45  # length, as a share of where it begins
PT_TICKS_GEV = (20, 30, 50, 100, 200, 300, 500, 1000, 2000)
HEADLINE: dict[str, Any] = {"size": 14, "weight": "bold", "style": "italic"}  # above several axes

RC: dict[str, Any] = {
    **{key: value for key, value in mplhep.style.ROOT.items() if key != "figure.figsize"},
    "font.size": 14,
    "axes.linewidth": 1.1,
    "axes.labelsize": 15,
    "xtick.labelsize": 12.5,
    "ytick.labelsize": 12.5,
    "xtick.major.size": 7,
    "xtick.minor.size": 3.5,
    "ytick.major.size": 7,
    "ytick.minor.size": 3.5,
    "legend.fontsize": LEGEND_SIZE,
    "legend.handlelength": 2.4,
    "legend.labelspacing": 0.35,
    "lines.linewidth": 1.7,
    "grid.color": "#c8ccd0",
    "grid.linewidth": 0.7,
    "pdf.fonttype": 42,
    "axes.formatter.useoffset": False,
}


def rc() -> AbstractContextManager[None]:
    """The look of all plots, for as long as the context lasts."""
    return matplotlib.rc_context(RC)  # type: ignore[arg-type]  # its keys are literals


def new_figure(style: PlotSpec, aspect: float = 0.8, pad_in: float = 0.04) -> Figure:
    """An empty figure; `aspect` is its height over its width. Sizes of text follow no width."""
    engine = ConstrainedLayoutEngine(w_pad=pad_in, h_pad=pad_in)
    return Figure((style.width_in, style.width_in * aspect), dpi=style.dpi, layout=engine, facecolor="white")


def line_style(index: int) -> dict[str, Any]:
    """Colour and dashes of the tagger at this place of the list."""
    color, dash = look(index)
    return {"color": color, "linestyle": LINES[dash]}


def marker(index: int) -> str:
    """That of the working point or tagger at this place of the list; the 14th has that of the first.

    With the colours of `line_style` at the same place 130 pairs are apart.
    """
    return MARKERS[index % len(MARKERS)]


def title_line(axes: Axes, style: PlotSpec, right: str = "", last: Axes | None = None) -> None:
    """Write the label of the run above the frame on the left, and what is shown on the right.

    Where panels stand side by side that is above the `last` one.
    """
    # Two titles and no free text: the layout then keeps room for them.
    axes.set_title(plain(style.label), loc="left", fontsize=13, fontweight="bold", fontstyle="italic", pad=7)
    (last or axes).set_title(plain(right), loc="right", fontsize=12, color=GREY, pad=7)


def is_far(edges_gev: Sequence[float]) -> bool:
    """Whether bins of transverse momentum reach so far that their axis is logarithmic."""
    return edges_gev[0] > 0 and edges_gev[-1] / edges_gev[0] > 5


def upper_ends(axes: Axes, x: FloatArray, high: FloatArray, **look: Any) -> None:
    """Arrows that hang from upper ends of intervals, where a logarithmic axis has no point."""
    axes.errorbar(x, high, yerr=ARROW * high, uplims=True, fmt="none", capsize=2, **look)


def beyond(axes: Axes, x: FloatArray, y: FloatArray, color: str) -> None:
    """Triangles at the ends of an axis, which has its limits, for points that lie beyond."""
    low, high = axes.get_ylim()
    room = 0.06 * (high - low)
    for marker, mask, place in (("^", y > high, high - room), ("v", y < low, low + room)):
        if mask.any():
            axes.plot(
                x[mask], np.full(int(mask.sum()), place), marker, color=color, markersize=3.5, mfc="none",
                markeredgewidth=0.9, gid="beyond",
            )  # fmt: skip


def pt_axis(axes: Axes, edges_gev: Sequence[float]) -> None:
    """Transverse momenta along x: logarithmic where the bins reach far, with ticks at round values.

    Of ticks whose labels would run into each other, as in panels side by side, the first one stays.
    """
    if is_far(edges_gev):
        axes.set_xscale("log")
        spec = axes.get_subplotspec()
        columns = spec.get_gridspec().ncols if spec else 1
        apart = (edges_gev[-1] / edges_gev[0]) ** (TICK_WIDTH * columns)
        ticks: list[float] = []
        for pt in PT_TICKS_GEV:
            if edges_gev[0] <= pt <= edges_gev[-1] and (not ticks or pt / ticks[-1] >= apart):
                ticks.append(pt)
        axes.set_xticks(ticks)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_locator(NullLocator())


def message_figure(message: str, style: PlotSpec, right: str = "") -> Figure:
    """A figure that says why there is nothing to draw."""
    with rc():
        figure = new_figure(style, 0.5)
        axes = figure.subplots()
        axes.set(xticks=[], yticks=[])
        axes.minorticks_off()
        axes.text(0.5, 0.5, plain(message), ha="center", va="center", wrap=True, color=GREY, fontsize=13)
        title_line(axes, style, right)
    return figure


class Numbers(Record):
    """The base of what a figure shows, which says itself what stands beside it on the page.

    `message` says why there is nothing to draw where there is not.
    """

    SECTION: ClassVar[str] = "Further figures"
    WIDE: ClassVar[bool] = False  # whether the figure needs the whole width of the page

    title: str = ""
    message: str = ""

    def heading(self) -> str:
        """What stands above the figure."""
        return self.title

    def caption(self) -> str:
        """What it shows, in a few sentences."""
        return ""

    def alternative(self) -> str:
        """What stands for the picture where it is not seen."""
        return f"Figure {self.heading()}"

    def histograms(self) -> Histograms | None:
        """What it has counted in bins, by name; None where that is nothing (`plots.About.has_histograms`)."""
        return None


def save(figure: Figure, numbers: Numbers, base: str | Path) -> None:
    """Write `base`.pdf, `base`.png and `base`.json, each at once; same input, same bytes.

    Histograms, where it has some, go into `base`.hist.json, in the form of `uhi`. The JSON also has what the
    page says of the figure, as `page`. The PNG bears the checksum of the numbers that it shows.
    """
    content = numbers.model_dump(mode="json") | {
        "page": {
            "section": numbers.SECTION,
            "wide": numbers.WIDE,
            "heading": numbers.heading(),
            "caption": f"{numbers.message}." if numbers.message else numbers.caption(),
            "alternative": numbers.message or numbers.alternative(),
        }
    }
    text = PngInfo()
    text.add_text(NUMBERS, json_checksum(content))
    with rc():
        if engine := figure.get_layout_engine():
            engine.execute(figure)
        figure.set_layout_engine("none")  # laid out once: both files are the same picture
        dpi = figure.dpi
        # Not `savefig`, which draws each file twice in case that it is to be laid out.
        with atomic_file(f"{base}.pdf") as temporary:
            about = {"CreationDate": None}
            FigureCanvasPdf(figure).print_pdf(temporary, metadata=about)  # type: ignore[no-untyped-call]
        figure.dpi = dpi  # PDF has its own
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        picture = with_palette(drawn[..., :3])  # on white, so that all of it is opaque
        with atomic_file(f"{base}.png") as temporary:
            picture.save(temporary, "PNG", pnginfo=text, dpi=(dpi, dpi), optimize=True)
    write_json(f"{base}.json", content)
    if (found := numbers.histograms()) is not None:
        write(f"{base}.hist.json", found)
