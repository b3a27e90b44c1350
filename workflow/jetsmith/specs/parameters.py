"""Parameters of a generator that a reweighter gets as inputs, and their values."""

from collections.abc import Mapping

from pydantic import Field

from jetsmith.strict import Name, Record, Single

Point = dict[Name, Single]
MOST_POINTS = 256  # of the grid on which a bundle knows what conserves the sum
MOST_TRIED = 512  # values at which the whole source is seen for it: its points, and between them


class ParametersSpec(Record):
    """What one reweighter for many variations is a function of, beside the event."""

    names: tuple[Name, ...] = Field(
        min_length=1,
        description="Parameters, of the key `parameters` of the target's datasets, each of which has all.",
    )
    at: tuple[Point, ...] = Field(
        (),
        description="Values, of all of them at once, at which every event of the source gets a weight: the "
        "column `weight_at_<name>_<value>`. Within the range of the values that are trained on. A bundle has "
        "weights anywhere in it.",
    )
    held_out: tuple[Point, ...] = Field(
        (),
        description="Values whose datasets train and calibrate nothing. The source has weights at these, "
        "too, and closure compares it with the datasets (gate `interpolation`).",
    )

    def point_of(self, values: Mapping[str, float]) -> Point:
        """Of the values of a dataset those that are named here, in their order."""
        return {name: values[name] for name in self.names if name in values}

    def points(self) -> dict[str, Point]:
        """Values at which the source gets weights, by their part in names of columns."""
        found = [self.point_of(point) for point in (*self.at, *self.held_out)]
        return {label(point): point for point in found}


class ParameterValues(Record):
    """Of a reweighter with parameters the values that its bundle has to know of, in the order of names."""

    trained: tuple[tuple[Single, ...], ...] = Field((), description="At which its target was generated.")
    held_out: tuple[tuple[Single, ...], ...] = Field((), description="The same, but trained on nowhere.")
    weighed: dict[str, tuple[Single, ...]] = Field(
        {}, description="At which the source has a column of weights, by its label."
    )

    @property
    def knots(self) -> tuple[tuple[float, ...], ...]:
        """Of each parameter all values that are trained or weighed at, rising."""
        return tuple(tuple(sorted(set(of))) for of in zip(*self.trained, *self.weighed.values(), strict=True))


def label(point: Mapping[str, float]) -> str:
    """Values as a part of a name, such as `scale_0p25` or `kappa_m1p5_scale_2`: p is the point, m a minus."""
    # Nine digits tell any two numbers of single precision apart.
    written = {name: f"{value:.9g}".replace("+", "") for name, value in point.items()}
    return "_".join(f"{name}_{text.replace('-', 'm').replace('.', 'p')}" for name, text in written.items())


def group_of(reweighter: str) -> str:
    """Name of the packed group that the values of a reweighter's parameters are."""
    return f"{reweighter}_parameters"
