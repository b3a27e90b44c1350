"""2D convolutions on a jet's image, as the first networks on low-level inputs of large jets had them.

Sources: arXiv 1407.5675 (images: centred, rotated, flipped), 1511.05190 (W bosons against multijets by
convolutions), 1612.01551 (quarks against gluons, three channels as colours). Each convolution is followed by
ReLU, a maximum over two by two pixels and dropout; dense layers read what is left. As in the last of these,
each pixel is centred and scaled by its mean and standard deviation over jets, here of batches, and by 3e-3 at
least: pixels far from the axis, which are nearly always empty, count little, where there they count as much.

The image is made within the network (`_images.JetImage`), of sequences as they are: it needs no stage and no
file, and leaves with the bundle. Directions are by pt instead of subjets, which have to be found first: the
centre is the mean direction, not the harder subjet, and the axis, not the softer one, is turned.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from jetsmith import plugs
from jetsmith.models import OF_ROWS, Output, misplaced
from jetsmith.plugs import Count, Dropout, Momentum
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.features import Inputs
from jetsmith.strict import Name, Single

OUTPUTS = OF_ROWS
PIXELS = ("pt_log_nopuppi", "etarel", "phirel", "charge")
Channel = Literal["pt", "charged_pt", "neutral_pt", "n_charged"]


class Options(plugs.Options):
    """The image, and sizes of the network."""

    constituents: dict[Name, tuple[str, ...]] = Field(
        {},
        description="Of each sequence the features that are ln(pt / GeV), pseudorapidity and azimuth, both "
        "relative to any axis, and charge where a channel needs it; (pt_log_nopuppi, etarel, phirel, charge) "
        "where one is not named.",
    )
    pixels: Annotated[int, Field(gt=0, le=255)] = Field(
        33, description="Of a side; odd, so that the centre of a jet is that of a pixel."
    )
    pixel: Annotated[Single, Field(gt=0, le=1)] = Field(
        0.05, description="Width of one, in pseudorapidity and rad."
    )
    channels: tuple[Channel, ...] = Field(
        ("pt",),
        min_length=1,
        description="What a pixel holds: the share of the jet's pt, of all constituents, of charged or of "
        "neutral ones, or how many charged ones there are.",
    )
    convolutions: tuple[tuple[Count, Count], ...] = Field(
        ((32, 5), (32, 3), (64, 3)),
        min_length=1,
        description="Of each convolution the number of filters and their width in pixels.",
    )
    dense: tuple[Count, ...] = Field(
        (128,), description="Widths of the dense layers, which flat inputs join."
    )
    dropout: Dropout = Field(
        0.25, description="Fraction of units dropped in training, behind each convolution and dense layer."
    )
    batch_norm: Momentum = Field(0.9, description="Momentum of the mean and deviation of pixels.")

    @property
    def shows_image(self) -> bool:
        """It does."""
        return True

    @property
    def width(self) -> int:
        """How many features of a constituent are read."""
        return 3 if set(self.channels) == {"pt"} else 4

    def of_group(self, group: str) -> tuple[str, ...]:
        """Features of a sequence that its image is made from."""
        return self.constituents.get(group, PIXELS[: self.width])

    def misfits(self, spec: RecipeSpec) -> Iterator[str]:
        """There are sequences, whose features an image shows; pixels have a middle and last to the end."""
        yield from misplaced("constituents", self.constituents, self.of_group, spec)
        for group, names in self.constituents.items():
            if len(names) != self.width:
                wanted = ", ".join(("ln pt", "pseudorapidity", "azimuth", "charge")[: self.width])
                yield f"constituents.{group}: {len(names)} features; these channels need {wanted}"
        for given in spec.inputs:
            unread = [name for name in given.features if name not in self.of_group(given.group)]
            if given.kind == "sequence" and unread:
                yield (
                    f"constituents.{given.group}: {', '.join(unread)} of `inputs` are in no pixel; read: "
                    f"{', '.join(self.of_group(given.group))}"
                )
        if len(set(self.channels)) < len(self.channels):
            yield f"channels: {', '.join(self.channels)}; each once"
        if not self.pixels % 2:
            yield f"pixels: {self.pixels}; must be odd"
        if self.pixels >> len(self.convolutions) == 0:
            yield (
                f"convolutions: {len(self.convolutions)}, behind each of which a side is half as long; of "
                f"{self.pixels} pixels nothing is left"
            )


def build(inputs: Sequence[Inputs], outputs: Mapping[str, Output], options: Options) -> Any:
    """The network, a `keras.Model`; the constituents of all sequences make one image."""
    import keras
    from keras import layers

    from jetsmith.models._images import JetImage
    from jetsmith.models._layers import EXACT, dense_stack, heads, input_layers, standardised
    from jetsmith.models._sets import coordinates_of, one_mask

    tensors = input_layers(inputs)
    sequences = [given for given in inputs if given.kind == "sequence"]
    flat = [given for given in inputs if given.kind == "flat"]
    read = {given.group: options.of_group(given.group) for given in sequences}
    mask = one_mask([given.group for given in sequences], tensors)
    image = JetImage(options.pixels, options.pixel, options.channels, name="image")(
        [coordinates_of(sequences, tensors, read), mask]
    )
    x = layers.Flatten(name="pixels", dtype=EXACT)(image)
    x = layers.BatchNormalization(
        momentum=options.batch_norm, epsilon=1e-5, center=False, scale=False, name="pixels_norm", dtype=EXACT
    )(x)
    x = layers.Reshape(image.shape[1:], name="colours", dtype=EXACT)(x)
    for i, (filters, width) in enumerate(options.convolutions):
        x = layers.Conv2D(filters, width, padding="same", name=f"convolution_{i}")(x)
        x = layers.MaxPooling2D(2, name=f"largest_{i}")(layers.ReLU(name=f"convolution_relu_{i}")(x))
        if options.dropout:
            x = layers.Dropout(options.dropout, name=f"convolution_dropout_{i}")(x)
    x = layers.Flatten(name="last")(x)
    scaled = standardised(flat, tensors)
    x = layers.Concatenate(name="jet")([x, *scaled.values()]) if flat else x
    x = dense_stack(x, options.dense, options.dropout, "relu", None, "dense")
    return keras.Model(tensors, heads(x, outputs))
