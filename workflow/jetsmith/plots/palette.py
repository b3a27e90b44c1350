"""Pictures of at most 256 colours: a third of the bytes, and nobody sees it.

A figure has a dozen colours, and thousands of shades where edges meet the ground. A palette holds those that
come near all of them; no dots are strewn, which would show in bands.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

COLOURS = 256
LARGEST = 20
"""Largest difference of a channel, of 255, that a picture may have from the one that was drawn.

It occurs on single pixels of edges. In areas less shows."""
LARGEST_OF_AREA = 5
AREA = 1e-3
"""Share of the pixels from which a colour counts as that of an area, such as a band."""


def with_palette(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """A picture with a palette, or in true colours where a palette would show; the same for the same pixels.

    Args:
        pixels: Opaque, red, green and blue, shape (height, width, 3).
    """
    drawn = Image.fromarray(pixels)
    # Maximum coverage keeps rare colours, which the usual median cut merges; one step of k-means then moves
    # each entry to the mean of its pixels.
    found = drawn.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    return found if _looks_the_same(pixels, np.asarray(found.convert("RGB"))) else drawn


def _looks_the_same(drawn: npt.NDArray[np.uint8], found: npt.NDArray[np.uint8]) -> bool:
    difference = np.abs(drawn.astype(np.int16) - found).max(axis=2)
    codes = drawn.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, counts = np.unique(codes, return_counts=True)
    of_area = np.isin(codes, colours[counts >= AREA * codes.size])
    return bool(difference.max() <= LARGEST and difference[of_area].max(initial=0) <= LARGEST_OF_AREA)
