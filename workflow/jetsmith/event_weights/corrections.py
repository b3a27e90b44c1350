"""Files of correctionlib, evaluated by names, with what their content says of its axes."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from correctionlib import CorrectionSet

from jetsmith.errors import InputError
from jetsmith.event_weights.weights import Array
from jetsmith.unpacking import unpacked

Ends = tuple[float, float]
F32 = np.dtype(np.float32)


class Correction:
    """One correction of a file.

    Attributes:
        where: File and name, for messages.
        axes: Names of its inputs, in order.
    """

    def __init__(self, path: Path, content: Mapping[str, Any], evaluator: Any) -> None:
        """As `corrections_of` reads it."""
        self.where = f"{path}: {content['name']}"
        self.axes = tuple(axis["name"] for axis in content["inputs"])
        self._data, self._evaluator = content["data"], evaluator

    def keys(self, axis: str, **given: Any) -> list[Any]:
        """Keys of a category axis, in the order of the file, that have values where others have the given."""
        nodes = (n for n in _nodes(self._data, given) if n["nodetype"] == "category" and n["input"] == axis)
        items = (item for node in nodes for item in node["content"] if _possible(item["value"], given))
        return list(dict.fromkeys(item["key"] for item in items))

    def ends(self, axis: str, **given: Any) -> Ends:
        """First and last edge of a binned axis, which hold for all that has the given keys.

        ±inf where it is not binned.
        """
        found = [(-np.inf, np.inf)]
        for node in _nodes(self._data, given):
            if node["nodetype"] == "binning" and node["input"] == axis:
                found.append(_ends(node["edges"]))
            elif node["nodetype"] == "multibinning" and axis in node["inputs"]:
                found.append(_ends(node["edges"][node["inputs"].index(axis)]))
        return max(low for low, _ in found), min(high for _, high in found)

    def check(self, axis: str, wanted: Collection[Any], **given: Any) -> None:
        """An InputError where a key is not there, that lists those that are."""
        there = self.keys(axis, **given)
        lacking = [str(key) for key in wanted if key not in there]
        if lacking:
            raise InputError(
                f"{self.where}: has no {axis} {', '.join(lacking)}; it has {', '.join(map(str, there))}"
            )

    def __call__(self, **values: Any) -> Array:
        """Its values for arrays of shape (n,), one number or key for all where an axis has no array.

        Raises:
            InputError: It cannot be evaluated, or not to finite numbers.
        """
        try:
            found = np.asarray(self._evaluator.evaluate(*(values[axis] for axis in self.axes)))
        except (IndexError, RuntimeError) as error:
            raise InputError(f"{self.where}: {error}") from error
        if not np.isfinite(found).all():
            raise InputError(f"{self.where}: gives numbers that are not finite")
        return found


def corrections_of(path: str | Path) -> dict[str, Correction]:
    """All corrections of a file, JSON or JSON in gzip, by their names.

    Raises:
        InputError: It is not there, or not of correctionlib's schema 2.
    """
    path = Path(path)
    try:
        with unpacked(path) as file:
            text = b"".join(file.pieces()).decode()
        content, evaluators = json.loads(text), CorrectionSet.from_string(text)
        return {c["name"]: Correction(path, c, evaluators[c["name"]]) for c in content["corrections"]}
    except (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"{path}: is no file of correctionlib: {error}") from error


def pick(found: Mapping[str, Correction], path: str | Path, name: str, axes: Collection[str]) -> Correction:
    """A correction by its name.

    Raises:
        InputError: It is not there, or has other axes; with what there is.
    """
    if name not in found:
        raise InputError(f"{path}: has no correction {name}; it has {', '.join(found)}")
    if set(found[name].axes) != set(axes):
        raise InputError(
            f"{found[name].where}: has the inputs {', '.join(found[name].axes)}, not {', '.join(axes)}"
        )
    return found[name]


def beyond(values: Array, keys: Array, ends: Mapping[int, Ends]) -> tuple[Array, Array]:
    """Values taken to the nearest end of the range that their key has, and which were beyond it; (n,) each.

    correctionlib's `clamp` takes the bin at the end, whose formula still sees the value: of CMS' light jets
    of 3 TeV it makes a scale factor of 2.6, of a range that ends at 1 TeV with 1.2.
    """
    within = np.array(values, np.float64)
    for key, (low, high) in ends.items():
        rows = keys == key
        within[rows] = np.clip(within[rows], low, np.nextafter(high, -np.inf))  # the upper edge is out
    return within, within != values


def inside(values: Array, ends: Collection[Ends]) -> Array:
    """Which values lie in all of the ranges, (n,); an upper end is out, as correctionlib has it."""
    low, high = max(low for low, _ in ends), min(high for _, high in ends)
    return np.asarray((low <= values) & (values < high))


def _nodes(node: Any, given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All nodes of a tree that inputs with the given keys may lead to."""
    if isinstance(node, Mapping):
        yield node
        for branch in _branches(node, given):
            yield from _nodes(branch, given)


def _branches(node: Mapping[str, Any], given: Mapping[str, Any]) -> list[Any]:
    """What lies below a node: nodes and numbers."""
    kind = node["nodetype"]
    if kind == "category":
        known = node["input"] in given
        chosen = [
            item["value"] for item in node["content"] if not known or item["key"] == given[node["input"]]
        ]
        if not (known and chosen) and node.get("default") is not None:
            chosen.append(node["default"])
        return chosen
    if kind in ("binning", "multibinning"):
        return [*node["content"], *([node["flow"]] if isinstance(node["flow"], Mapping) else [])]
    return [node["content"]] if kind == "transform" else []


def _possible(node: Any, given: Mapping[str, Any]) -> bool:
    """Whether there is a value below a node for inputs with the given keys."""
    if not isinstance(node, Mapping):
        return True
    branches = _branches(node, given)
    is_leaf = not branches and node["nodetype"] != "category"
    return is_leaf or any(_possible(branch, given) for branch in branches)


def _ends(edges: Any) -> Ends:
    """First and last edge, of a list or of uniform bins; infinity may be written as text."""
    if isinstance(edges, Mapping):
        return float(edges["low"]), float(edges["high"])
    return float(edges[0]), float(edges[-1])
