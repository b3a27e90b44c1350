"""Mean images of the classes, of networks that make an image of each jet."""

from typing import Any

import numpy as np

from jetsmith.classifiers import Labelled
from jetsmith.io import FloatArray
from jetsmith.specs.classifiers import RecipeSpec

ROWS = 1024  # a call: an image takes memory


def mean_images(spec: RecipeSpec, network: Any, given: Labelled) -> dict[str, Any] | None:
    """What the network sees of each class on average; None where it makes no image.

    Args:
        spec: The classifier.
        network: It, of an architecture with one layer `JetImage`.
        given: Jets, with the weights that they are trained by.

    Returns:
        `pixel`, its width; `channels`; by class `jets`, and of pixels (channel, row, column) `mean`, of what
        the network gets, and `error`, the standard error of it.
    """
    import keras

    layer = next((layer for layer in network.layers if type(layer).__name__ == "JetImage"), None)
    if layer is None:
        return None
    images = keras.Model({tensor.name: tensor for tensor in network.inputs}, layer.output)
    shape = len(spec.classes), layer.pixels, layer.pixels, len(layer.channels)
    sums = np.zeros((4, len(spec.classes)))  # jets, weights, squares of these; powers of pixels beside
    powers = np.zeros((3, *shape))
    for which in given.rows.slices(ROWS):
        image = np.asarray(images(given.rows.batch(which), training=False), np.float64)
        target, weight = given.target[which], np.abs(given.weight[which].astype(np.float64))
        of_class = target == np.arange(len(spec.classes))[:, None]  # (classes, n)
        sums[0] += of_class.sum(axis=1)
        for power, number in ((1, 1), (2, 2)):
            sums[number] += (of_class * weight**power).sum(axis=1)
        flat = image.reshape(len(image), -1)
        for place, (of_weight, of_pixel) in enumerate(((1, 1), (2, 1), (2, 2))):
            product = (of_class * weight**of_weight) @ flat**of_pixel
            powers[place] += product.reshape(shape)
    return {
        "pixel": layer.pixel,
        "channels": list(layer.channels),
        "classes": {
            one.name: {"jets": int(sums[0, k]), **_moments(sums[1:3, k], powers[:, k])}
            for k, one in enumerate(spec.classes)
        },
    }


def _moments(sums: FloatArray, powers: FloatArray) -> dict[str, Any]:
    """Mean and standard error of pixels, (rows, columns, channels) -> (channels, rows, columns)."""
    weight, squares = sums
    if not weight > 0:
        return {"mean": [], "error": []}
    mean = powers[0] / weight
    variance = (powers[2] - 2 * mean * powers[1] + mean**2 * squares) / weight**2
    error = np.sqrt(np.maximum(variance, 0))
    return {
        name: np.round(np.moveaxis(values, -1, 0), 8).tolist()
        for name, values in (("mean", mean), ("error", error))
    }
