"""What a file says of its events besides columns: simulated or not, and what its truth cannot tell apart."""

from collections.abc import Callable
from dataclasses import dataclass

from jetsmith.sources.flat import Array

First = Callable[[str], Array]  # the first entry of a branch: one number, or a list


@dataclass(frozen=True)
class Kind:
    """Whether events are simulated.

    Attributes:
        simulated: None where nothing in the file says so.
        because: What says so, for messages.
    """

    simulated: bool | None
    because: str


def simulated_by(branches: set[str], signs: tuple[str, ...]) -> str:
    """The branches that simulated events alone have, a few of them; empty for none."""
    return ", ".join([name for name in signs if name in branches][:3])
