"""Jets of events: lists in, flat arrays out, and products by event."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np

from jetsmith.errors import InputError
from jetsmith.event_weights.weights import Array

NAMES = ("pt", "eta", "flavour", "score")


@dataclass(frozen=True)
class Jets:
    """n jets of N events, those of an event together and events in order; shape (n,) each.

    Attributes:
        n_events: N.
        event: Index of the event.
        pt: [GeV].
        abseta: |eta|.
        flavour: Hadron flavour.
        score: As given: its type decides what passes a threshold.
        row: Place among all that were given, None too.
        lengths: Numbers of what was given by event, (N,), None too.
        n_missing: None among the jets that were given.
    """

    n_events: int
    event: Array
    pt: Array
    abseta: Array
    flavour: Array
    score: Array
    row: Array
    lengths: Array
    n_missing: int = 0

    def __len__(self) -> int:
        """n."""
        return len(self.event)

    def some(self, mask: Array) -> "Jets":
        """Those with True, of the same N events."""
        names = ("event", "pt", "abseta", "flavour", "score", "row")
        return replace(self, **{name: getattr(self, name)[mask] for name in names}, n_missing=0)

    @cached_property
    def _first(self) -> Array:
        """Which jets are the first of their event."""
        return np.flatnonzero(np.diff(self.event, prepend=-1))

    def product(self, values: Array) -> Array:
        """Product over the jets of each event, (n,) -> (N,); 1 for an event without jets."""
        out = np.ones(self.n_events)
        # reduceat on starts of events with jets alone: for an empty slice it gives a value of the next.
        if len(values):
            out[self.event[self._first]] = np.multiply.reduceat(values, self._first)
        return out


def read(pt: Any, eta: Any, flavour: Any, score: Any, flavours_as: Mapping[int, int]) -> Jets:
    """Jets of lists.

    Args:
        pt: A list an event [GeV], of awkward, NumPy or Python; as are the following.
        eta: With its sign or without.
        flavour: Hadron flavour.
        score: Of the tagger; -inf for a jet that was not tagged.
        flavours_as: Flavours to be taken for others.

    Raises:
        InputError: They are no lists of numbers, differ in length, or a value is missing, not finite or no
            number that it can be.
    """
    lists = {name: lists_of(name, v) for name, v in zip(NAMES, (pt, eta, flavour, score), strict=True)}
    counts = {name: np.asarray(ak.num(found, axis=1), np.int64) for name, found in lists.items()}
    n = counts["pt"]
    for name, other in counts.items():
        if len(other) != len(n):
            raise InputError(f"{name} has {len(other):,} events, and pt {len(n):,}")
        if (other != n).any():
            at = int(np.argmax(other != n))
            raise InputError(f"event {at:,} has {other[at]} values of {name}, and {n[at]} of pt")
    event = np.repeat(np.arange(len(n)), n)
    columns, missing = _flat(lists, event)
    event = event[~missing]
    found = {name: np.asarray(column) for name, column in columns.items()}
    wanted = {
        "pt": ("a finite number from 0 on", np.isfinite(found["pt"]) & (found["pt"] >= 0)),
        "eta": ("a finite number", np.isfinite(found["eta"])),
        "flavour": ("an integer", found["flavour"] == np.rint(found["flavour"])),
        "score": ("a number, or -inf where it was not tagged", found["score"] < np.inf),  # NaN is not, either
    }
    for name, (what, fine) in wanted.items():
        if not fine.all():
            at = int(np.argmin(fine))
            raise InputError(
                f"{name} of {(~fine).sum():,} of {len(fine):,} jets is not {what}: first {found[name][at]} "
                f"in event {event[at]:,}"
            )
    codes = found["flavour"].astype(np.int64)
    taken = codes.copy()
    for code, taken_for in flavours_as.items():
        taken[codes == code] = taken_for
    return Jets(
        n_events=len(n),
        event=event,
        pt=found["pt"].astype(np.float64),
        abseta=np.abs(found["eta"].astype(np.float64)),
        flavour=taken,
        score=found["score"],
        row=np.flatnonzero(~missing),
        lengths=n,
        n_missing=int(missing.sum()),
    )


def lists_of(name: str, values: Any) -> Any:
    """An awkward array of one list an event, none of which is missing.

    Raises:
        InputError: They are no lists, or of some events there is None.
    """
    array = ak.Array(values)
    if not len(array):
        return ak.unflatten(np.empty(0), np.empty(0, np.int64))
    if array.ndim != 2 or array.fields:
        raise InputError(f"{name} is {array.type}, where it has to be a list of numbers an event")
    absent = np.asarray(ak.is_none(array, axis=0))
    if absent.any():
        raise InputError(
            f"{name} is None in {absent.sum():,} of {len(array):,} events, first in {np.argmax(absent):,}: "
            "leave these events out, or give them empty lists"
        )
    return ak.from_regular(array)


def refuse_others(jets: Jets, flavours: Collection[int], where: str) -> None:
    """An InputError where jets have other flavours, which says how many of which."""
    codes, numbers = np.unique(jets.flavour, return_counts=True)
    found = dict(zip(codes.tolist(), numbers.tolist(), strict=True))
    others = [f"{code} ({n:,} jets)" for code, n in found.items() if code not in flavours]
    if others:
        raise InputError(
            f"flavour {', '.join(others)}: {where} have {', '.join(map(str, flavours))}; `flavours_as` takes "
            "one for another, such as {15: 0}"
        )


def count(jets: Jets, here: Jets) -> dict[str, int]:
    """The numbers of `Weights.counts` that jets tell, and those of them within |eta|."""
    return {
        "n_events": jets.n_events,
        "n_jets": len(jets),
        "n_missing_jets": jets.n_missing,
        "n_outside_abseta": len(jets) - len(here),
        "n_not_tagged": int(np.isneginf(here.score).sum()),
    }


def _flat(lists: Mapping[str, Any], event: Array) -> tuple[dict[str, Array], Array]:
    """The values of all jets by name, and which jets are missing altogether (and are left out)."""
    flat = {name: ak.flatten(found, axis=1) for name, found in lists.items()}
    absent = {name: np.asarray(ak.is_none(found)) for name, found in flat.items()}
    missing = absent["pt"]
    for name, other in absent.items():
        if (other != missing).any():
            at = int(np.argmax(other != missing))
            has, lacks = (name, "pt") if missing[at] else ("pt", name)
            raise InputError(
                f"a jet of event {event[at]:,} has a {has} and no {lacks} (None); mask whole jets, or none"
            )
    columns = {name: ak.to_numpy(ak.drop_none(found)) for name, found in flat.items()}
    for name, column in columns.items():
        if not np.issubdtype(column.dtype, np.number):
            raise InputError(f"{name} is of type {column.dtype}, where it has to be numbers")
    return columns, missing
