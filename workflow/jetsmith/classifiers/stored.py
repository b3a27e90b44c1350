"""Scores that are features as they are, an experiment's own or a number such as JP: nothing is trained.

`architecture` says which features they are, in one of two ways:

- `{column: btagDeepFlavB}`: the score of the first of two classes;
- `{columns: {b_jets: GN2v00_pb, c_jets: GN2v00_pc, light_jets: GN2v00_pu}}`: the probability of each
  class, made to add up to 1;

and what their numbers mean: scores within `valid`, codes `not_tagged` of jets that fail every threshold.
NaN and numbers below -900 say that nobody computed a score. Other numbers are not explained.

Of one score that may be any number, as of a significance, an end of `valid` is open. What a feature is where
a jet has none, its `default`, is no score: it has to be among the codes.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from jetsmith import plugs
from jetsmith.configuration.records import hint
from jetsmith.specs.classifiers import ClassifierSpec, RecipeSpec
from jetsmith.specs.features import ColumnGroup
from jetsmith.strict import Name

if TYPE_CHECKING:
    from jetsmith.classifiers import Device, Task
    from jetsmith.io import BoolArray, FloatArray
    from jetsmith.packed.rows import Rows

TRAINS, COMPUTES, SEQUENCES, MODELS = False, False, False, False
SIGNED, TAGS = False, True
NOT_COMPUTED = -900.0  # -999, -1000, -2000 (two of them added), -3000: no layout's score lies below


class Options(plugs.Options):
    """Which features are scores, and what their numbers mean; one of `column` and `columns` is given."""

    column: str | None = Field(None, description="Feature that is the score of the first of two classes.")
    columns: dict[Name, str] | None = Field(None, description="Feature of each class, by its name.")
    valid: tuple[float | None, float | None] = Field(
        (0.0, 1.0),
        description="Smallest and largest score; null where there is none, of `column` alone. Taggers that "
        "read it get its place between both, from 0 to 1, or x/(1 + x) of the distance x to the only one.",
    )
    not_tagged: tuple[float, ...] = Field(
        (-1.0,),
        description="Codes of jets that were not tagged: they fail every working point. None lies above the "
        "smallest score, which may be one. The `default` of a feature has to be among them, or null.",
    )

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """One score of two classes or one each, all of them flat features of the inputs."""
        flat = [name for inputs in spec.inputs if inputs.kind == "flat" for name in inputs.features]
        if (self.column is None) == (self.columns is None):
            yield (
                "column: needs `column: <feature>` for two classes, or `columns: {<class>: <feature>, …}` "
                f"with each of {', '.join(spec.class_names)}; one of the two"
            )
            return
        if self.column is not None and len(spec.classes) != 2:
            yield (
                f"column: is the score of the first of two classes, and there are {len(spec.classes)}; give "
                f"`columns` with each of {', '.join(spec.class_names)}"
            )
        if self.columns is not None and set(self.columns) != set(spec.class_names):
            yield f"columns: names {', '.join(self.columns)}; needs each of {', '.join(spec.class_names)}"
        for key, name in self._named():
            if name not in flat:
                yield f"{key}: no flat feature `{name}` in `inputs`{hint(name, flat)}"
        names = [name for _, name in self._named()]
        if len(set(names)) < len(names):
            yield f"columns: one feature is the score of two classes: {', '.join(names)}"
        yield from self._of_values(spec)

    @property
    def is_number(self) -> bool:
        """Whether it is the score of the first of two classes."""
        return self.column is not None

    def _named(self) -> list[tuple[str, str]]:
        """Key and feature of each score."""
        columns = [(f"columns.{name}", feature) for name, feature in (self.columns or {}).items()]
        return [("column", self.column), *columns] if self.column is not None else columns

    def _of_values(self, spec: ClassifierSpec) -> Iterator[str]:
        """A range that rises, codes below it, and a discriminant that such scores can have."""
        low, high = self.ends
        if not low < high:
            yield f"valid: [smallest, largest] must rise; got {self.shown}"
            return
        if self.columns is not None and (low < 0 or None in self.valid):
            yield f"valid: scores of each class add up to 1: two ends, none below 0; got {self.shown}"
        for code in self.not_tagged:
            # At the low end a jet fails every threshold above, whichever of both it means.
            if self.valid[0] is not None and code > low:
                yield (
                    f"not_tagged: {code:g} lies above the smallest score of `valid: {self.shown}`: it "
                    "is a score itself, or would pass every cut on the score; say which codes there are"
                )
            if code < NOT_COMPUTED:
                yield (
                    f"not_tagged: {code:g}: numbers below {NOT_COMPUTED:g} say that no score was computed; "
                    "such jets are left out and counted, leave the code out"
                )
        asked = spec.discriminant
        scaled = self.column is not None and self.valid != (0.0, 1.0) and len(spec.classes) == 2
        if scaled and asked is not None and not asked.is_first_of(spec.class_names):
            first, second = spec.class_names
            yield (
                f"valid: scores within {self.shown} are no probabilities but the discriminant itself, "
                f"so that is `{{signal: [{first}], background: {{{second}: 1.0}}}}`"
            )

    def misfits_of_features(self, spec: ClassifierSpec, groups: Mapping[str, ColumnGroup]) -> Iterator[str]:
        """What a feature is where a jet has none is a code, not a score."""
        wanted = self.features(spec)
        given = {name: inputs.group for inputs in spec.inputs for name in inputs.features if name in wanted}
        for name, group in given.items():
            default = groups[group].features[name].default if group in groups else None
            if default is None or default < NOT_COMPUTED or default in self.not_tagged:
                continue
            codes = ", ".join(f"{code:g}" for code in sorted({*self.not_tagged, default}))
            yield (
                f"not_tagged: `{name}` is {default:g} where a jet has none (its `default` in "
                f"config/features/{group}.yaml), which would count as a score; `not_tagged: [{codes}]`, or a "
                "`default` that no score has, where scores have this one"
            )

    @property
    def ends(self) -> tuple[float, float]:
        """Smallest and largest score, infinite where an end is open."""
        low, high = self.valid
        return -math.inf if low is None else low, math.inf if high is None else high

    @property
    def shown(self) -> str:
        """`valid` as it is written."""
        low, high = ("null" if end is None else f"{end:g}" for end in self.valid)
        return f"[{low}, {high}]"

    def features(self, spec: RecipeSpec) -> list[str]:
        """The feature of each class, or the one of the first of two classes."""
        if self.column is not None:
            return [self.column]
        return [(self.columns or {})[name] for name in spec.class_names]


def device(spec: RecipeSpec, threads: int, gpus: int) -> "Device":
    """The CPU."""
    from jetsmith.classifiers import on_cpu

    return on_cpu(spec)


def fit(task: "Task") -> list[dict[str, float]]:
    """Nothing to do; the history is empty."""
    return []


@dataclass(frozen=True)
class Stored:
    """What the file says of N jets; of each at most one mask is True, of those with a score none.

    Attributes:
        probabilities: Of each class, shape (N, C), float32; NaN where there is no score.
        score: The column as stored, shape (N,), float32, NaN likewise; None where each class has one.
        not_tagged: Known to fail every threshold, shape (N,).
        not_computed: NaN, a code below -900, or probabilities that are all 0, shape (N,).
        unexplained: A number that is neither a score nor a code, shape (N,).
        columns: Numbers as they are, shape (N, K), float32.
    """

    probabilities: "FloatArray"
    score: "FloatArray | None"
    not_tagged: "BoolArray"
    not_computed: "BoolArray"
    unexplained: "BoolArray"
    columns: "FloatArray"


def read(spec: RecipeSpec, rows: "Rows") -> Stored:
    """Read the scores and tell them from codes. Comparisons are those of float32, as the file stores it."""
    import numpy as np

    from jetsmith.packed.rows import CHUNK

    options = Options.model_validate(spec.architecture)
    flat = tuple(inputs for inputs in spec.inputs if inputs.kind == "flat")
    names = [feature for inputs in flat for feature in inputs.features]
    places = [names.index(name) for name in options.features(spec)]
    columns = np.empty((len(rows), len(places)), np.float32)
    for which in rows.slices(CHUNK):
        columns[which] = rows.flat_as_packed(which)[:, places]
    low, high = map(np.float32, options.ends)
    code = np.isin(columns, np.asarray(options.not_tagged, np.float32))
    absent = ~(columns >= min(low, np.float32(NOT_COMPUTED))) & ~code
    strange = ~((columns >= low) & (columns <= high)) & ~code & ~absent
    not_computed, not_tagged, unexplained = (np.logical_or.reduce(x, axis=1) for x in (absent, code, strange))
    not_tagged &= ~not_computed
    unexplained &= ~(not_computed | not_tagged)
    score = np.where((not_computed | not_tagged | unexplained)[:, None], np.float32(np.nan), columns)
    if len(places) == 1:
        first = _place(score, *options.ends)
        probabilities = np.concatenate([first, 1 - first], axis=1)  # (N, 1) -> (N, 2)
        return Stored(probabilities, score[:, 0], not_tagged, not_computed, unexplained, columns)
    total = score.sum(axis=1, keepdims=True)
    not_computed |= total[:, 0] == 0
    probabilities = score / np.where(total > 0, total, np.float32(np.nan))
    return Stored(probabilities, None, not_tagged, not_computed, unexplained, columns)


def _place(score: "FloatArray", low: float, high: float) -> "FloatArray":
    """Where scores lie within their range, from 0 to 1, rising: what stands for a probability.

    In a straight line between two ends, by x/(1 + |x|) of the distance x to the only one, or to 0.
    """
    if math.isfinite(low) and math.isfinite(high):
        return (score - low) / (high - low)
    if math.isfinite(low):
        return (score - low) / (1 + (score - low))
    if math.isfinite(high):
        return 1 / (1 + (high - score))
    return (1 + score / (1 + abs(score))) / 2


def predict(spec: RecipeSpec, model: Path, rows: "Rows", threads: int) -> "FloatArray":
    """The probabilities as stored, shape (N, C), float32; NaN where there is no score."""
    return read(spec, rows).probabilities
