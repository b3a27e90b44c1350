"""Which rows a training sees, and the class of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jetsmith.columns import EVENT_KEY
from jetsmith.errors import InputError
from jetsmith.hashing import FITTED, SPLITS, fold_of, replica_of
from jetsmith.io import BoolArray, IntArray
from jetsmith.packed.arrays import Packed
from jetsmith.specs.classifiers import RecipeSpec

ROLES = FITTED


@dataclass(frozen=True)
class Without:
    """A part of the events that a model does not see, so that another can be trained on its scores there.

    Attributes:
        fold: Which part, `hashing.fold_of` of the event.
        folds: How many there are.
        seed: Of that draw.
    """

    fold: int
    folds: int
    seed: int


def chosen_rows(
    spec: RecipeSpec,
    parts: Sequence[Packed],
    fold: int | None,
    without: Without | None = None,
    times: Sequence[IntArray] | None = None,
) -> tuple[list[BoolArray], list[BoolArray]]:
    """Masks of the rows to train on and of those to validate on, one a split.

    Args:
        spec: The classifier.
        parts: The splits.
        fold: Whose model is trained; None without folds.
        without: A part of the events that is left out.
        times: How often each row of a split is in a replica (`times_in`); those of 0 are left out.
    """
    if fold is None:
        chosen = [
            [np.full(len(part), split == role) for split, part in zip(SPLITS, parts, strict=True)]
            for role in ROLES
        ]
    else:
        folds, following = [np.asarray(part.columns["fold"]) for part in parts], (fold + 1) % spec.folds
        chosen = [[~np.isin(f, (fold, following)) for f in folds], [f == following for f in folds]]
    if without is not None:
        seen = [_sees(without, part) for part in parts]
        chosen = [[mask & may for mask, may in zip(masks, seen, strict=True)] for masks in chosen]
    if times is not None:
        chosen = [[mask & (n > 0) for mask, n in zip(masks, times, strict=True)] for masks in chosen]
    return chosen[0], chosen[1]


def times_in(replica: int, parts: Sequence[Packed]) -> list[IntArray]:
    """How often each row is in a bootstrap replica of the events, of that seed; shape (N,), one a split.

    Splits and folds are drawn before, so that an event that is there twice trains twice or validates twice,
    never both. Validation is resampled, too: when a training stops follows from events as what it learns.
    """
    return [replica_of(*_key(part), replica).astype(np.int64) for part in parts]


def _sees(without: Without, part: Packed) -> BoolArray:
    """Rows whose events are in another part, shape (N,)."""
    return np.asarray(fold_of(*_key(part), without.seed, without.folds) != without.fold)


def _key(part: Packed) -> tuple[IntArray, IntArray, IntArray]:
    run, block, event = (np.asarray(part.columns[name]) for name in EVENT_KEY)
    return run, block, event


def class_index(spec: RecipeSpec, packed: Packed) -> IntArray:
    """The class of each row for a training, shape (N,); -1 for rows of none, and of datasets held out."""
    return packed.class_index(spec.classes, spec.held_out)


def require_classes(spec: RecipeSpec, counts: dict[str, dict[str, int]], packed: Path) -> None:
    """Every class has rows to train on, and there are rows to validate on."""
    for wanted in spec.classes:
        if not counts["train"][wanted.name]:
            means = f"truth {list(wanted.truth)}" if wanted.truth else f"generator {wanted.generator}"
            part = f" (each of its {spec.folds} models learns from other folds alone)" if spec.folds else ""
            raise InputError(
                f"{spec.name}: class `{wanted.name}` ({means}) has no rows to train on in sample "
                f"`{spec.sample}` ({packed}); rows by class{part}: {_listed(counts['train'])}. Leave the "
                "class out, take one of config/flavours.yaml that holds it, or add a dataset that has it"
                + (", or take fewer folds" if spec.folds else "")
            )
    if not sum(counts["validation"][name] for name in spec.class_names):
        raise InputError(
            f"{spec.name}: no rows to validate on in sample `{spec.sample}` ({packed}): "
            f"{_listed(counts['validation'])}; "
            + ("take fewer folds, or more events" if spec.folds else "raise splits.validation, or use folds")
        )


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
