"""Mean images of the classes, as a network on images sees them."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from jetsmith import io, members
from jetsmith.errors import InputError
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import ClassifiedSpec
from jetsmith.strict import Record
from jetsmith.texts import label_text

IMAGES = "images.json"
COLORS = "viridis"
DECADES = 4  # of the colour scale, below the brightest pixel of a channel
CHANNELS = {
    "pt": "share of $p_T$",
    "charged_pt": "share of $p_T$, charged",
    "neutral_pt": "share of $p_T$, neutral",
    "n_charged": "charged candidates",
}


class Shown(Record):
    """The mean image of a class in a channel; rows from below.

    Attributes:
        name: Of the class.
        label: TeX.
        channel: What a pixel holds.
        jets: Of the class.
        mean: By row and column.
        error: Standard error of each.
        total: Sum of the pixels, such as the share of pt that the image holds.
        middle: Share of it in the middle pixel and the eight around it.
        low, high: Ends of the 68.3% interval of the sum over these nine, over the whole sum.
    """

    name: str
    label: str
    channel: str
    jets: int
    mean: tuple[tuple[float, ...], ...]
    error: tuple[tuple[float, ...], ...]
    total: float
    middle: float
    low: float
    high: float


class ImagesNumbers(looks.Numbers):
    """All that the figure shows."""

    SECTION = "Training"
    WIDE = True

    plot: str = "images"
    tagger: str
    pixel: float
    images: tuple[Shown, ...]

    def heading(self) -> str:
        """Whose."""
        return f"{self.title}: mean images"

    def caption(self) -> str:
        """What it is of, and how much lies in the middle."""
        width = len(self.images[0].mean)
        classes = {one.name: one for one in self.images}
        said = ", ".join(f"{one.jets:,} of {label_text(one.label)}" for one in classes.values())
        middle = "; ".join(
            f"{label_text(one.label)} {one.middle:.3f} [{one.low:.3f}, {one.high:.3f}] of the "
            f"{CHANNELS[one.channel].replace('$p_T$', 'pt')}"
            for one in self.images
        )
        return (
            f"Mean images of validation jets, with the weights of the training ({said}): {width} × {width} "
            f"pixels of {self.pixel:g}, centred, the principal axis upright, sides with more pt above and "
            "right. "
            f"In the nine pixels of the middle lie, with 68.3% intervals: {middle}."
        )

    def alternative(self) -> str:
        """The same, shorter."""
        names = dict.fromkeys(label_text(one.label) for one in self.images)
        return f"Mean images of {' and '.join(names)}, as {self.title} sees them"


def plot_images(
    tagger: ClassifiedSpec, model: str | Path, style: PlotSpec, output: str | Path
) -> ImagesNumbers:
    """Read what training kept; write `output`.pdf, .png and .json.

    Of an ensemble that of its first member, and of folds that of the first, since all make the same images.

    Args:
        tagger: The tagger.
        model: Directory results/models/{tagger}.
        style: Look of the plots.
        output: Path without suffix.

    Raises:
        InputError: The model is damaged, has no such file, or its classes are others.
    """
    folder = Path(model)
    about = io.read_json(folder / "meta.json", classifier=tagger.name)
    first = members.folders(folder)[0]
    path = (first / "fold0" if tagger.folds else first) / IMAGES
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; train again")
    named = str(path.relative_to(folder))
    io.check_files(folder, about.get("checksums", {}), [named], "train it again")
    found = compute(tagger, io.read_json(path))
    looks.save(draw(found, style), found, output)
    return found


def compute(tagger: ClassifiedSpec, kept: dict[str, Any]) -> ImagesNumbers:
    """Of each class in each channel; classes without validation jets are left out.

    Raises:
        InputError: A class is none of those of the images.
    """
    images = []
    for one in tagger.classes:
        if one.name not in kept["classes"]:
            raise InputError(f"{tagger.name}: no image of class {one.name}; train it again")
        content = kept["classes"][one.name]
        if not content["jets"]:
            continue
        for channel, *pixels in zip(kept["channels"], content["mean"], content["error"], strict=True):
            mean, error = map(np.array, pixels)
            images.append(_shown(one.name, one.label, channel, content["jets"], mean, error))
    return ImagesNumbers(
        title=tagger.title,
        message="" if images else f"{tagger.title}: no class has validation jets",
        tagger=tagger.name,
        pixel=kept["pixel"],
        images=tuple(images),
    )


def _shown(name: str, label: str, channel: str, jets: int, mean: Any, error: Any) -> Shown:
    total, half = float(mean.sum()), len(mean) // 2
    nine = (slice(half - 1, half + 2),) * 2
    middle = float(mean[nine].sum()) / total if total else 0.0
    # ASSUME errors of pixels add up linearly: neighbours go up and down together, so this is the largest.
    size = float(error[nine].sum()) / total if total else 0.0
    lines = [tuple(digits(row, 4)) for row in mean], [tuple(digits(row, 2)) for row in error]
    return Shown(
        name=name, label=label, channel=channel, jets=jets, mean=tuple(lines[0]), error=tuple(lines[1]),
        total=total, middle=middle, low=max(middle - size, 0.0), high=middle + size,
    )  # fmt: skip


def draw(numbers: ImagesNumbers, style: PlotSpec) -> Figure:
    """A line of panels a channel, a column a class; colours of a channel mean the same in all."""
    if not numbers.images:
        return looks.message_figure(numbers.message, style, numbers.title)
    channels = list(dict.fromkeys(one.channel for one in numbers.images))
    names = list(dict.fromkeys(one.name for one in numbers.images))
    half = 0.5 * numbers.pixel * len(numbers.images[0].mean)
    with looks.rc():
        figure = looks.new_figure(style, 0.1 + 0.85 * len(channels) / len(names))
        panels = figure.subplots(len(channels), len(names), squeeze=False, sharex=True, sharey=True)
        for line, channel in zip(panels, channels, strict=True):
            shown = {one.name: one for one in numbers.images if one.channel == channel}
            brightest = max(float(np.max(one.mean)) for one in shown.values()) or 1.0
            for axes, name in zip(line, names, strict=True):
                one = shown[name]
                cells = axes.imshow(
                    np.ma.masked_less_equal(one.mean, 0.0), cmap=COLORS, origin="lower",
                    extent=(-half, half, -half, half),
                    norm=LogNorm(brightest / 10**DECADES, brightest), gid=f"{name}.{channel}",
                )  # fmt: skip
                box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
                axes.text(
                    0.05, 0.93, looks.tex(one.label), transform=axes.transAxes, va="top", fontsize=12,
                    bbox=box, gid="class",
                )  # fmt: skip
                axes.minorticks_off()
                axes.tick_params(labelsize=10)
            figure.colorbar(cells, ax=line.tolist(), pad=0.02).set_label(CHANNELS[channel], fontsize=11)
        for axes in panels[-1]:
            axes.set_xlabel("across the axis", fontsize=11)
        for axes in panels[:, 0]:
            axes.set_ylabel("along the axis", fontsize=11)
        looks.title_line(panels[0, 0], style, numbers.title, panels[0, -1])
    return figure
