"""ROC curves of both runs in one figure."""

from collections.abc import Iterator
from pathlib import Path

from jetsmith.comparing.content import Contrast
from jetsmith.comparing.folder import Results
from jetsmith.plots import style as looks
from jetsmith.plots.roc import with_ratios
from jetsmith.plots.roc_figure import BANDS, RocNumbers, draw, lines_text
from jetsmith.texts import count


class OverlaidNumbers(RocNumbers):
    """The curves of one judgement in both runs, each over the test jets of its own."""

    plot: str = "overlaid"

    def heading(self) -> str:
        """Tagger, sample and classes."""
        return f"{self.curves[0].title.removesuffix(' (A)')}, {super().heading()}"

    def caption(self) -> str:
        """Jets of each run, bands, panel and markers."""
        signal, background = self.signal_and_background()
        jets = "; ".join(
            f"{run}: {count(curve.n_signal)} {signal} and {count(curve.n_background)} {background} jets"
            for run, curve in zip("AB", self.curves, strict=True)
        )
        return (
            f"{jets}. {BANDS} Each run has its own; where jets are the same, both fluctuate together. "
            "Lower panel: background rejection over that of A. Markers: working points."
            f"{lines_text(self.curves, signal)}"
        )


def overlay(before: Results, after: Results, folder: Path) -> Iterator[Path]:
    """Draw a figure for each judgement and contrast that both runs have.

    Args:
        before: The first run, A.
        after: The second, B.
        folder: Where the figures go.

    Returns:
        The PNG files.
    """
    style = before.style
    others = after.contrasts
    for key, contrast in before.contrasts.items():
        other = others.get(key)
        for judgement in contrast.curves:
            if other is not None and judgement in other.curves:
                numbers = _numbers(contrast, other, judgement)
                base = folder / "_".join((judgement, *key))
                looks.save(draw(numbers, style), numbers, base)
                yield base.with_suffix(".png")


def _numbers(first: Contrast, second: Contrast, judgement: str) -> OverlaidNumbers:
    curves = [
        one.curves[judgement].model_copy(
            update={"title": f"{one.curves[judgement].title} ({run})", "tagger": f"{judgement} {run}"}
        )
        for run, one in (("A", first), ("B", second))
    ]
    return OverlaidNumbers(
        sample=first.sample,
        signal=first.signal,
        background=first.background,
        is_first=first.is_first,
        curves=with_ratios(curves),
        signal_left_out=0.0,
        background_left_out=0.0,
    )
