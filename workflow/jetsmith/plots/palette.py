"""Pictures of at most 256 colours: a third of the bytes, and nobody sees it.

A figure has a dozen colours on areas and lines, and thousands of shades where their edges meet. A palette
holds the first as they are, and shades that come near all others; no dots are strewn, which would show.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

COLOURS = 256
LARGEST = 20
"""Largest difference of a channel, of 255, from what was drawn, on single pixels of edges."""
AREA = 5e-4
"""Share of the pixels from which a colour stays as it is: that of an area, a line or text."""


def with_palette(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """A picture with a palette, or in true colours where a palette would show; the same for the same pixels.

    Args:
        pixels: Opaque, red, green and blue, shape (height, width, 3).
    """
    codes = (pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)).ravel()
    found, place, counts = np.unique(codes, return_inverse=True, return_counts=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.uint8)  # (U, 3)
    palette = colours
    if len(colours) > COLOURS:
        kept = colours[counts >= AREA * codes.size][: COLOURS // 2]
        palette = np.concatenate([kept, _shades(colours, COLOURS - len(kept))])
    nearest = np.concatenate([_nearest(part, palette) for part in np.array_split(colours, 64)])
    if np.abs(palette[nearest].astype(np.int16) - colours).max() > LARGEST:
        return Image.fromarray(pixels)
    picture = Image.fromarray(nearest[place].astype(np.uint8).reshape(pixels.shape[:2]), "P")
    picture.putpalette(palette.tobytes())
    return picture


def _shades(colours: npt.NDArray[np.uint8], n: int) -> npt.NDArray[np.uint8]:
    """At most `n` colours that come near all of shape (U, 3), rare ones too: a median cut merges these."""
    each = Image.fromarray(colours[None])
    found = each.quantize(n, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    return np.array(found.getpalette(), np.uint8).reshape(-1, 3)[:n]


def _nearest(colours: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """Place of the nearest entry of the palette for each colour, shape (U,)."""
    distance = (colours[:, None].astype(np.int32) - palette[None]) ** 2  # (U, P, 3)
    return np.asarray(distance.sum(axis=2).argmin(axis=1))
