"""Weights that others have computed, event by event: nothing is trained, a table is read."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from jetsmith import plugs
from jetsmith.columns import EVENT_KEY
from jetsmith.specs.classifiers import ClassifierSpec, RecipeSpec

if TYPE_CHECKING:
    from jetsmith.classifiers import Device, Task
    from jetsmith.classifiers.stored import Stored
    from jetsmith.io import FloatArray
    from jetsmith.packed.rows import Rows

TRAINS, COMPUTES, SEQUENCES, MODELS = False, False, False, False
SIGNED, TAGS = False, False
DATASET = "dataset"


class Options(plugs.Options):
    """Which table, and which of its columns."""

    file: str = Field(
        "",
        description="A parquet file with `run`, `luminosity_block`, `event` and a weight for events of the "
        "source; with the names of datasets in a column `dataset` also for those of the target. A rule of "
        "yours may make it.",
    )
    sha256: str = Field(
        "",
        description="Of the file (`sha256sum` prints it), so that another one in its place is noticed; not "
        "compared where it is left out.",
    )
    column: str = Field(
        "weight",
        description="The weight: density of the target over that of the source. Events with one that is not "
        "positive and finite, or with none, are outside.",
    )

    @property
    def reads(self) -> tuple[str, ...]:
        """The table: scores are made anew when it changes."""
        return (self.file,)

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """A table of events, and, where no rule is yet to make it, the one that is meant."""
        if not self.file:
            yield "file: names the parquet file with the weights"
        if spec.object != "event":
            yield f"file: has a weight an event, not a row of `{spec.object}`; write `object: event`"
        if spec.parameters:
            yield "file: has one weight an event, and no other at other values; leave `parameters` out"
        if self.column in (*EVENT_KEY, DATASET):
            yield f"column: `{self.column}` says which event it is; name the one with the weight"
        path = Path(self.file)
        if not path.is_file():  # it is an input of score, so that Snakemake asks for a rule that makes it
            return
        if self.sha256 and (found := plugs.sha256(path)) != self.sha256:
            yield f"sha256: {self.file} is {found}; write that, where it is the one you mean"
            return
        from jetsmith.classifiers import _table

        yield from _table.misfits(self)


def device(spec: RecipeSpec, threads: int, gpus: int) -> "Device":
    """The CPU."""
    from jetsmith.classifiers import on_cpu

    return on_cpu(spec)


def fit(task: "Task") -> list[dict[str, float]]:
    """Nothing to do; the history is empty."""
    return []


def read(spec: RecipeSpec, rows: "Rows") -> "Stored":
    """See `_table.read`."""
    from jetsmith.classifiers import _table

    return _table.read(Options.model_validate(spec.architecture), spec, rows)


def predict(spec: RecipeSpec, model: Path, rows: "Rows", threads: int) -> "FloatArray":
    """Class probabilities, shape (N, C), float32; NaN where the table has no weight."""
    return read(spec, rows).probabilities
