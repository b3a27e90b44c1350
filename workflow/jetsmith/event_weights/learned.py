"""Efficiencies that a network has learned, and how likely an event is to have so many tags by them.

    learned = LearnedEfficiencies("results/learned/by_jet.onnx")
    found = learned(jets.hadronFlavour, {"ak4": {"jet_pt": jets.pt, "jetEta": jets.eta, …}})
    tags = tag_probabilities(found.efficiency["M"], 2)  # 0, 1, and 2 or more

An event with the weight `tags[:, 2]` is worth what it would be in the mean if its jets were tagged again and
again, so that none is lost: "truth tagging" (ATL-PHYS-PUB-2022-041). onnxruntime is imported where a file is
read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from jetsmith.errors import InputError
from jetsmith.event_weights.jets import whole_events
from jetsmith.event_weights.weights import Array
from jetsmith.onnx_session import session_of

FORMAT, NOTES, FAILED = 1, "jetsmith", "failed"


@dataclass(frozen=True)
class Found:
    """Efficiencies of jets, by working point, the loosest first; as lists an event where these were given.

    Attributes:
        efficiency: Chance to pass, from 0 to 1; of no jet larger than that of a looser point.
        error: Its statistical error, from what was learned of.
        beyond: Whether a feature of the jet lies beyond all that was learned from, and counts as at its end.
    """

    efficiency: Mapping[str, Any]
    error: Mapping[str, Any]
    beyond: Any


class LearnedEfficiencies:
    """A file that stage `learn` wrote.

    Attributes:
        thresholds: By working point, the loosest first.
        flavours: Those that were learned.
        inputs: By group the names of the features that a call wants, before any transform.
        about: What else the file says, such as `status` of the closure test and `why`, and `by` class whether
            its flavour is the `hadron_flavour` or the `truth`.
    """

    def __init__(self, path: str | Path, *, allow_failed_closure: bool = False) -> None:
        """Read the file.

        Args:
            path: Of the file.
            allow_failed_closure: Whether efficiencies serve that do not close, as the file says.

        Raises:
            InputError: It is no such file, of another format, or did not close.
        """
        from jetsmith.bundle_inputs import groups_of

        self._made = path, allow_failed_closure
        self._session = _session(path)
        notes = self._session.get_modelmeta().custom_metadata_map.get(NOTES)
        if notes is None:
            raise InputError(f"{path}: has no learned efficiencies; name a file of results/learned")
        self.about: dict[str, Any] = json.loads(notes)
        if self.about["format"] != FORMAT:
            raise InputError(f"{path}: has format {self.about['format']}, and this jetsmith reads {FORMAT}")
        if self.about["status"] == FAILED and not allow_failed_closure:
            raise InputError(
                f"{path}: its closure test failed: {'; '.join(self.about['why'])}; give it what it lacks, or "
                "take it all the same with allow_failed_closure=True"
            )
        self._groups = groups_of(self.about)
        self._ends = {
            group.group: np.array(
                [
                    (-np.inf if low is None else low, np.inf if high is None else high)
                    for low, high in (feature.range for feature in group.features)
                ],
                np.float32,
            ).T
            for group in self._groups
        }
        self.thresholds: dict[str, float] = dict(self.about["thresholds"])
        self.flavours: tuple[int, ...] = tuple(self.about["flavors"].values())
        self.inputs = {group.group: [feature.name for feature in group.features] for group in self._groups}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its path: who unpickles it reads the file."""
        return _again, self._made

    def __call__(self, flavour: Any, features: Any) -> Found:
        """Efficiencies of jets.

        Args:
            flavour: Hadron flavour: a list of jets an event, or one number a jet. Where it is None, as
                `ak.mask` makes it, there is no jet, whatever its features are: what is found is None there,
                too.
            features: By group and name (`inputs`) in the same form. NaN, None and infinity of a jet are what
                is missing.

        Raises:
            InputError: A feature is missing, lists differ in length, values are far from all that was learned
                from, as in another unit, or a flavour was not learned.
        """
        from jetsmith.bundle_inputs import read

        lists = whole_jets("flavour", flavour)
        counts = None if lists.ndim == 1 else np.asarray(ak.num(lists, axis=1), np.int64)
        flat = lists if counts is None else ak.flatten(lists, axis=1)
        there = ~np.asarray(ak.is_none(flat), bool)
        codes = np.asarray(ak.to_numpy(ak.drop_none(flat)))
        others = sorted(set(np.unique(codes).tolist()) - set(self.flavours))
        if others:
            raise InputError(
                f"flavour {', '.join(map(str, others))}: was not learned; there are "
                f"{', '.join(map(str, self.flavours))}"
            )
        given = read(self._groups, _of_jets(columns_of(self.inputs, features, counts), there))
        for name, values in given.items():
            if len(values.values) != len(codes):
                raise InputError(f"{name}: has {len(values.values):,} jets, and flavour {len(codes):,}")
        feeds = {name: values.values for name, values in given.items()} | {"flavor": codes.astype(np.int64)}
        efficiency, error = self._session.run(["efficiency", "error"], feeds)

        beyond = np.zeros(len(codes), bool)
        for group in self._groups:
            low, high = self._ends[group.group]
            x = given[group.group].values
            missing = np.array([np.nan if f.default is None else f.default for f in group.features], x.dtype)
            beyond |= (np.isfinite(x) & (x != missing) & ((x < low) | (x > high))).any(axis=1)

        def lists_of(values: Array) -> Any:
            found: Any = values
            if not there.all():
                whole = np.zeros(len(there), values.dtype)
                whole[there] = values
                found = ak.mask(whole, there)
            return found if counts is None else ak.unflatten(found, counts)

        def by_point(values: Array) -> dict[str, Any]:
            columns = zip(self.thresholds, values.astype(np.float64).T, strict=True)
            return {name: lists_of(column) for name, column in columns}

        return Found(by_point(np.clip(efficiency, 0, 1)), by_point(error), lists_of(beyond))


def columns_of(
    inputs: Mapping[str, Sequence[str]], features: Any, counts: Array | None, lists_as: str = "flavour"
) -> dict[str, dict[str, Any]]:
    """Features by group and name, one number a jet.

    Args:
        inputs: Names by group.
        features: In the same form, of Python or awkward: a list of jets an event, or one number a jet.
        counts: Lengths of the lists; None where there are none.
        lists_as: What these are the lengths of, for messages.

    Raises:
        InputError: One is missing, or its lists have other lengths.
    """

    def column(group: str, name: str) -> Any:
        found = _member(features, group, name)
        if counts is None:
            return found
        lists = whole_jets(f"{group}.{name}", found)
        if not len(lists) and not len(counts):
            return np.empty(0)
        if lists.ndim != 2 or not np.array_equal(np.asarray(ak.num(lists, axis=1)), counts):
            raise InputError(f"{group}.{name}: its lists are not of the lengths of those of {lists_as}")
        return ak.flatten(lists, axis=1)

    return {group: {name: column(group, name) for name in names} for group, names in inputs.items()}


def whole_jets(name: str, values: Any) -> Any:
    """As an array of awkward, with lists of any length; an InputError where an event of lists is None."""
    from jetsmith.bundle_inputs import native, refused

    with refused(name, "a list of numbers an event, or one a jet"):
        lists = ak.Array(native(values))
        return whole_events(name, ak.from_regular(lists, axis=1)) if lists.ndim == 2 else lists


def _of_jets(columns: Mapping[str, Mapping[str, Any]], there: Array) -> dict[str, dict[str, Any]]:
    """Features of the jets that are there, `there` being False where one is masked."""
    found = {group: dict(of) for group, of in columns.items()}
    if there.all():
        return found
    for group, of in found.items():
        for name, values in of.items():
            column = ak.Array(values)
            if len(column) != len(there):
                raise InputError(f"{group}.{name}: has {len(column):,} jets, and flavour {len(there):,}")
            of[name] = column[there]
    return found


def tag_probabilities(efficiency: Any, most: int) -> Array:
    """How likely an event is to have each number of tags, if its jets are tagged independently.

    Args:
        efficiency: Chances of its jets to pass, a list an event. Where one is None, there is no jet.
        most: The largest number that is told apart, 1 at least.

    Returns:
        Shape (N, most + 1), float64: of k tags in column k, of `most` or more in the last one. Each row adds
        up to 1.

    Raises:
        InputError: No lists, `most` is below 1, or an efficiency is no number from 0 to 1.
    """
    from jetsmith.bundle_inputs import refused

    if most < 1:
        raise InputError(f"most: {most}; at least 1, so that there is something to tell apart")
    lists = whole_jets("efficiency", efficiency)
    lists = ak.drop_none(lists, axis=1) if lists.ndim == 2 else lists
    if len(lists) and lists.ndim != 2:
        raise InputError(f"efficiency is {lists.type}, where it has to be a list of numbers an event")
    n_events = len(lists)
    found = np.zeros((n_events, most + 1))
    found[:, 0] = 1.0
    if not n_events:
        return found
    counts = np.asarray(ak.num(lists, axis=1), np.int64)
    with refused("efficiency", "numbers from 0 to 1"):
        values = np.asarray(ak.to_numpy(ak.flatten(lists, axis=1)), np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError("efficiency: of some jets it is no number from 0 to 1")
    starts = np.cumsum(counts) - counts
    for place in range(int(counts.max(initial=0))):  # the jets of an event one by one, of all events at once
        here = np.flatnonzero(counts > place)
        e = values[starts[here] + place, np.newaxis]
        before = found[here]
        after = before * (1 - e)
        after[:, 1:] += before[:, :-1] * e
        after[:, -1:] += before[:, -1:] * e
        found[here] = after
    return found


def _again(path: str | Path, allow_failed_closure: bool) -> LearnedEfficiencies:
    return LearnedEfficiencies(path, allow_failed_closure=allow_failed_closure)


def _session(path: str | Path) -> Any:
    try:
        return session_of(path)
    except ModuleNotFoundError as error:
        raise InputError("learned efficiencies need onnxruntime: pip install onnxruntime") from error


def _member(features: Any, *names: str) -> Any:
    found = features
    for k, name in enumerate(names):
        there = list(found) if isinstance(found, Mapping) else ak.fields(found)
        if name not in there:
            where = ".".join(names[: k + 1])
            raise InputError(f"{where}: is missing; there are: {', '.join(there) or 'none'}")
        found = found[name]
    return found
