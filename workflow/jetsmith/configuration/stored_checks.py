"""Stored scores against what their tagger says of them: unexplained numbers and absent scores, by class."""

import sys
from collections.abc import Sequence

import numpy as np

from jetsmith.classifiers.stored import NOT_COMPUTED, Options, Stored
from jetsmith.errors import InputError
from jetsmith.io import BoolArray, IntArray
from jetsmith.specs.classifiers import RecipeSpec, TruthSpec

MAX_UNEXPLAINED = 0.01  # share of a class whose numbers may be neither scores nor codes: they are left out
FEW_VALUES = 4  # numbers that are as few as that look like codes


def check(spec: RecipeSpec, found: Stored, label: IntArray, judged: Sequence[TruthSpec] = ()) -> None:
    """Say how many jets of each class have no score; stop where a class has none or the numbers are strange.

    Args:
        spec: The tagger.
        found: What its file says.
        label: Truth ids, shape (N,).
        judged: Classes that it is judged by.

    Raises:
        InputError: More than 1% of a class has numbers outside `valid` that are no code; no jet at all was
            tagged; or no jet of a class that is evaluated has a score.
    """
    used = {c.name: c for c in (*judged, *spec.classes)}
    masks = {name: np.isin(label, entry.truth) for name, entry in used.items()} | {
        "any": np.ones(len(label), bool)
    }
    for name, mask in masks.items():
        if found.unexplained[mask].sum() > MAX_UNEXPLAINED * mask.sum():
            raise InputError(_strange(spec, found, name, mask))
    without = found.not_computed | found.unexplained
    for name in ["any", *(c.name for c in judged)]:
        mask = masks[name]
        if mask.any() and (without | (found.not_tagged & (name == "any")))[mask].all():
            raise InputError(_absent(spec, found, name, mask))
    for name, mask in masks.items():
        n, failing, absent = (int(x.sum()) for x in (mask, found.not_tagged & mask, without & mask))
        if name != "any" and failing + absent:
            print(
                f"[score {spec.name}] {name}: of {n:,} jets {failing:,} ({failing / n:.2%}) are not tagged "
                f"and fail every threshold; {absent:,} ({absent / n:.2%}) have no score and are left out",
                file=sys.stderr,
                flush=True,
            )


def _what(spec: RecipeSpec) -> str:
    options = Options.model_validate(spec.architecture)
    return ", ".join(options.features(spec))


def _strange(spec: RecipeSpec, found: Stored, name: str, mask: BoolArray) -> str:
    options = Options.model_validate(spec.architecture)
    low, high = options.ends
    here = found.unexplained & mask
    numbers = found.columns[here]
    numbers = numbers[(numbers < low) | (numbers > high)]
    numbers = numbers[~np.isin(numbers, np.asarray(options.not_tagged, np.float32))]
    values, counts = np.unique(numbers, return_counts=True)
    if len(values) <= FEW_VALUES:
        shown = ", ".join(f"{value:g} ({count:,} times)" for value, count in zip(values, counts, strict=True))
        codes = ", ".join(f"{value:g}" for value in sorted({*options.not_tagged, *map(float, values)}))
        remedy = f"`not_tagged: [{codes}]` where these are codes of jets that were not tagged"
    else:
        shown = f"{values.min():.4g} to {values.max():.4g}"
        low, high = min(low, float(np.floor(values.min()))), max(high, float(np.ceil(values.max())))
        ends = (low if np.isfinite(low) else None, high if np.isfinite(high) else None)
        wider = options.model_copy(update={"valid": ends})
        remedy = f"`valid: {wider.shown}` where that is the range of the score"
    return (
        f"{spec.name}: {_what(spec)}: {int(here.sum()):,} of {int(mask.sum()):,} jets{_of(name)} have "
        f"numbers outside `valid: {options.shown}` that are no code `not_tagged`: {shown}. Say in the "
        f"tagger's file what they are, under `architecture`: {remedy}"
    )


def _absent(spec: RecipeSpec, found: Stored, name: str, mask: BoolArray) -> str:
    n = {
        what: int((getattr(found, what) & mask).sum())
        for what in ("not_tagged", "not_computed", "unexplained")
    }
    return (
        f"{spec.name}: {_what(spec)}: none of the {int(mask.sum()):,} jets{_of(name)} has a score: "
        f"{n['not_computed']:,} are NaN or codes below {NOT_COMPUTED:g}, as of a tagger that was not run, "
        f"{n['not_tagged']:,} have the code `not_tagged`, {n['unexplained']:,} lie outside `valid`. Choose a "
        "feature that these files have, or say under `architecture` what its numbers mean"
    )


def _of(name: str) -> str:
    return "" if name == "any" else f" of class {name}"
