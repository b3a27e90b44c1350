"""Reads bundles: jets in, scores out. Needs numpy, awkward and onnxruntime, and nothing else of jetsmith.

A bundle is a folder that the rule `bundle` wrote: the network or the trees as ONNX, with all that is done to
their inputs inside, and `inputs.json`, which says what these are.

    tagger = Bundle("results/bundles/deepjet")
    scores = tagger({"ak4": {"jet_pt": pt, …}, "charged": {"trackPtRel": lists, …}, …})
    scores["p_b"], scores["BvsAll"]
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
import onnxruntime

from jetsmith.errors import InputError

FORMAT = 1
MODEL, INPUTS, REFERENCE, CHECKSUMS = "model.onnx", "inputs.json", "reference.npz", "SHA256SUMS"
PROBABILITIES, DISCRIMINANTS = "probabilities", "discriminants"
BATCH = 256  # jets a call of the model: its arrays stay in the cache, and lengths are alike
FAR = 0.1  # share of an input's values that may lie far from all that the training saw
TOLERANCE = 1e-5  # of reference scores on another machine

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Feature:
    """One input.

    Attributes:
        name: Its key in the jets.
        source: jetsmith's canonical column that it is.
        slot: Element of that column where it is a list, and the input is one number a jet.
        unit: Of the values; empty for pure numbers.
        transform: What the model does to it first.
        clip: Smallest and largest value behind that.
        default: In place of what is missing or not finite; None where every jet needs the value.
        range: Smallest and largest value that the training saw, before the transform; None where larger
            ones were clipped there, too.
    """

    name: str
    source: str
    slot: int | None
    unit: str
    transform: str
    clip: tuple[float, float] | None
    default: float | None
    range: tuple[float | None, float | None]

    @property
    def ends(self) -> tuple[float, float]:
        """Beyond these no value is plausible: as far again as the training went."""
        low, high = (
            x if x is not None else end for x, end in zip(self.range, (-np.inf, np.inf), strict=True)
        )
        reach = max(abs(x) for x in (low, high, 1e-6) if np.isfinite(x))
        return low - reach, high + reach


@dataclass(frozen=True)
class Group:
    """Inputs of one kind: one number a jet each, or lists of one length.

    Attributes:
        group: Its key in the jets.
        kind: `flat` or `sequence`.
        length: Constituents that are read; those behind are left out, as in training.
        sorted_by: Column that orders constituents, largest first and missing last; empty: as stored.
        features: In the order of the model's input.
    """

    group: str
    kind: str
    length: int
    sorted_by: str
    features: tuple[Feature, ...]


@dataclass(frozen=True)
class Values:
    """A group of some jets: values (N, F), or of a sequence (total, F) with offsets (N + 1,); float32."""

    values: Array
    offsets: Array | None = None


class Bundle:
    """A tagger that may be called from any number of threads at once.

    Attributes:
        folder: Where it is.
        threads: Of one call.
        about: Content of inputs.json.
        groups: What it reads.
        classes: Names of the classes, in the order of the probabilities.
        discriminants: Names of the discriminants.
        session: onnxruntime's, for who wants to call it with tensors of his own.
    """

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Load a bundle; with one thread none is started beside the caller's.

        Raises:
            InputError: A file is missing, damaged or of another format.
        """
        self.folder, self.threads = Path(folder).absolute(), threads
        verify(self.folder)
        self.about: dict[str, Any] = json.loads((self.folder / INPUTS).read_text())
        if self.about["format"] != FORMAT:
            raise InputError(
                f"{self.folder}: has format {self.about['format']}, and this jetsmith reads {FORMAT}"
            )
        self.groups = groups_of(self.about)
        self.classes: tuple[str, ...] = tuple(self.about["classes"])
        self.discriminants: tuple[str, ...] = tuple(self.about["discriminants"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(self.folder / MODEL), options, providers=["CPUExecutionProvider"]
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its folder: who unpickles it loads it."""
        return Bundle, (self.folder, self.threads)

    def __call__(self, jets: Any) -> dict[str, Array]:
        """Scores of jets, one or a million.

        Args:
            jets: By group its features by name, in mappings or in awkward's records: of flat groups one
                number a jet; of sequences a list a jet, in the order that inputs.json names. NaN, None and
                infinity are what is missing.

        Returns:
            `p_<class>` of each class and each discriminant by its name, shape (N,), float32.

        Raises:
            InputError: An input is missing, has no value where it needs one, lists or groups differ in
                length, or values are far from all that the training saw, as in another unit.
        """
        probabilities, discriminants = self.score(read(self.groups, jets))
        found = {f"p_{name}": probabilities[:, i] for i, name in enumerate(self.classes)}
        return found | {name: discriminants[:, i] for i, name in enumerate(self.discriminants)}

    def score(self, given: Mapping[str, Values]) -> tuple[Array, Array]:
        """Probabilities (N, C) and discriminants (N, D), float32, of what `read` found."""
        n = n_jets(given)
        out = np.empty((n, len(self.classes)), np.float32), np.empty((n, len(self.discriminants)), np.float32)
        for rows in _alike(given, n):
            for target, found in zip(out, self.session.run(None, padded(given, rows)), strict=False):
                target[rows] = found
        return out

    def check(self) -> float:
        """Score the reference jets; the largest difference from what the bundle says of them.

        Raises:
            InputError: It is larger than another machine's arithmetic explains.
        """
        given, expected = reference(self.folder / REFERENCE, self.groups)
        worst = float(np.abs(self.score(given)[0] - expected[PROBABILITIES]).max(initial=0.0))
        if not worst <= TOLERANCE:
            raise InputError(f"{self.folder}: reference jets get scores that are off by {worst:.1e}")
        return worst


def verify(folder: Path) -> None:
    """An InputError where a file is missing or not the one that the bundle was made of."""
    listed = folder / CHECKSUMS
    if not listed.is_file():
        raise InputError(f"{folder}: is no bundle: it has no {CHECKSUMS}")
    names = set()
    for line in listed.read_text().splitlines():
        digest, _, name = line.partition("  ")
        names.add(name)
        path = folder / name
        if not path.is_file():
            raise InputError(f"{path}: is missing; get the bundle again")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise InputError(
                f"{path}: is damaged or was changed: its checksum is another; get the bundle again"
            )
    lacking = {MODEL, INPUTS, REFERENCE} - names
    if lacking:
        raise InputError(f"{listed}: does not list {', '.join(sorted(lacking))}; get the bundle again")


def groups_of(about: Mapping[str, Any]) -> tuple[Group, ...]:
    """The inputs that inputs.json names."""

    def feature(entry: Mapping[str, Any]) -> Feature:
        ends = {key: entry[key] and tuple(entry[key]) for key in ("clip", "range")}
        return Feature(**{**entry, **ends})

    return tuple(
        Group(**{**entry, "features": tuple(map(feature, entry["features"]))}) for entry in about["groups"]
    )


def reference(path: Path, groups: tuple[Group, ...]) -> tuple[dict[str, Values], dict[str, Array]]:
    """Jets of a `reference.npz`, and their outputs by name."""
    with np.load(path, allow_pickle=False) as file:
        given = {
            g.group: Values(file[g.group], file[f"{g.group}_offsets"] if g.kind == "sequence" else None)
            for g in groups
        }
        return given, {name: file[name] for name in (PROBABILITIES, DISCRIMINANTS)}


def n_jets(given: Mapping[str, Values]) -> int:
    """How many jets there are."""
    first = next(iter(given.values()))
    return len(first.values) if first.offsets is None else len(first.offsets) - 1


def read(groups: tuple[Group, ...], jets: Any) -> dict[str, Values]:
    """Arrays of all groups, compared with what the training saw; jets and errors as of `Bundle.__call__`."""
    found = {group.group: _group(group, jets) for group in groups}
    sizes = {name: n_jets({name: values}) for name, values in found.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(
            "groups differ in their number of jets: "
            + ", ".join(f"{name} {n:,}" for name, n in sizes.items())
        )
    return found


def _group(group: Group, jets: Any) -> Values:
    given = _member(jets, group.group, "group of inputs", group.group)
    columns, offsets = [], None
    for feature in group.features:
        where = f"{group.group}.{feature.name}"
        column = _member(given, feature.name, "input", where)
        if group.kind == "flat":
            columns.append(_numbers(column, where))
            continue
        lists = ak.Array(column)
        if lists.ndim != 2:
            raise InputError(f"{where}: needs a list a jet, and has {lists.ndim} dimensions")
        n = np.asarray(ak.to_numpy(ak.num(lists, axis=1)))
        ends = np.concatenate([[0], np.cumsum(n)])
        if offsets is not None and not np.array_equal(ends, offsets):
            raise InputError(
                f"{where}: its lists are of other lengths than those of {group.features[0].name}"
            )
        offsets = ends
        columns.append(_numbers(ak.flatten(lists, axis=1), where))
    if len({len(column) for column in columns}) > 1:
        raise InputError(f"{group.group}: its inputs are of {sorted({len(c) for c in columns})} jets")
    values = np.stack(columns, axis=-1)
    check(group, values)
    return Values(values, offsets)


def _member(given: Any, name: str, what: str, where: str) -> Any:
    names = list(given.fields if isinstance(given, ak.Array | ak.Record) else given)
    if name not in names:
        raise InputError(
            f"{where}: this {what} is missing; there are: {', '.join(map(str, names)) or 'none'}"
        )
    return given[name]


def _numbers(column: Any, where: str) -> Array:
    """One-dimensional float32, NaN for what is masked."""
    if isinstance(column, ak.Array):
        column = ak.to_numpy(ak.fill_none(column, np.nan))
    array = np.asarray(column)
    if array.ndim != 1 or array.dtype.kind not in "fiub":
        raise InputError(f"{where}: needs one number a jet, and is of shape {array.shape} and {array.dtype}")
    return array.astype(np.float32)


def check(group: Group, values: Array) -> None:
    """Values are there where there is no default, and plausible; shape (n, F).

    Raises:
        InputError: More than a tenth of an input's values are far from those of the training: it is in
            another unit, or another quantity.
    """
    low, high = np.array([feature.ends for feature in group.features]).T
    number = np.isfinite(values)
    far = ((values < low) | (values > high)) & number
    needed = np.array([feature.default is None for feature in group.features])
    for place in np.flatnonzero(
        (far.sum(axis=0) > FAR * number.sum(axis=0)) | (needed & ~number.all(axis=0))
    ):
        feature, column = group.features[place], values[:, place]
        where = f"{group.group}.{feature.name}"
        here = number[:, place]
        if needed[place] and not here.all():
            raise InputError(
                f"{where}: {int((~here).sum()):,} of {len(here):,} values are missing, and it has no default"
            )
        unit = f" {feature.unit}" if feature.unit else ""
        low, high = ("any" if end is None else f"{end:.4g}" for end in feature.range)
        raise InputError(
            f"{where}: {int(far[:, place].sum()):,} of {int(here.sum()):,} values lie far from all that the "
            f"training saw: expected {low} to {high}{unit}, found "
            f"{column[here].min():.4g} to {column[here].max():.4g}. Is it in another unit?"
        )


def _alike(given: Mapping[str, Values], n: int) -> Iterator[Array]:
    """Jets in batches of about the same number of constituents, so that little is padded."""
    counts = [np.diff(values.offsets) for values in given.values() if values.offsets is not None]
    order = np.lexsort(counts) if counts and n > 1 else np.arange(n)
    yield from (order[first : first + BATCH] for first in range(0, n, BATCH))


def padded(given: Mapping[str, Values], rows: Array) -> dict[str, Array]:
    """What the model reads of some jets: one slot at least, zeros behind."""
    feeds: dict[str, Array] = {}
    for name, group in given.items():
        if group.offsets is None:
            feeds[name] = group.values[rows]
            continue
        starts = group.offsets[rows]
        counts = group.offsets[rows + 1] - starts
        slots = np.arange(max(1, int(counts.max(initial=1))))
        real = slots < counts[:, None]  # (n, T)
        values = np.zeros((*real.shape, group.values.shape[1]), np.float32)
        values[real] = group.values[(starts[:, None] + slots)[real]]
        feeds |= {name: values, f"{name}_count": counts.astype(np.int32)}
    return feeds
