"""Reads bundles: jets in, scores out; events in, weights out. Needs numpy, awkward and onnxruntime alone.

A bundle is a folder that the rules `bundle` and `bundle_reweighter` write: networks or trees as ONNX, with
all that is done to their inputs inside, and `inputs.json`, which says what these are.

    tagger = Bundle("results/bundles/deepjet")
    scores = tagger({"ak4": {"jet_pt": pt, …}, "charged": {"trackPtRel": lists, …}, …})
    scores["p_b"], scores["BvsAll"]

    reweighter = Reweighter("results/bundles/pythia_shower")
    found = reweighter({"event": {"z_pt": pt, …}})  # with parameters: reweighter(events, {"scale": 0.4})
    generator_weight * found.weight
"""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import awkward as ak
import numpy as np
import onnxruntime  # noqa: F401  here, so that who lacks it learns of it with the import

from jetsmith.bundle_inputs import (
    Array,
    Group,
    Values,
    alike,
    beside,
    groups_of,
    n_jets,
    numbers,
    padded,
    read,
    some,
)
from jetsmith.errors import InputError
from jetsmith.onnx_session import session_of

FORMAT = 1
MODEL, INPUTS, REFERENCE, CHECKSUMS = "model.onnx", "inputs.json", "reference.npz", "SHA256SUMS"
PROBABILITIES, DISCRIMINANTS, ESTIMATES = "probabilities", "discriminants", "estimates"
PARAMETERS = "parameters"
RATIO, WEIGHT, UP, DOWN, OUTSIDE = "ratio", "weight", "weight_up", "weight_down", "outside"
TOLERANCE = 1e-5  # of reference scores on another machine
TOLERANCE_OF_ESTIMATES = 1e-4  # likewise, above 1 relative
NEAREST = "nearest"  # in inputs.json: whether the model looks for nearest neighbours, or for pixels
N_BESIDE = 64  # inputs beside a jet's own that are tried


class Loaded:
    """A bundle that may be called from any number of threads at once.

    Attributes:
        folder: Where it is.
        threads: Of one call.
        about: Content of inputs.json.
        groups: What it reads.
        classes: Names of the classes; of a reweighter source and target.
        session: onnxruntime's, for who wants to call it with tensors of his own.
    """

    KIND: ClassVar[str]
    """What it is, which inputs.json has as the key of its name."""

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Load a bundle; with one thread none is started beside the caller's.

        Raises:
            InputError: A file is missing, damaged or of another format, or the bundle is of another kind.
        """
        self.folder, self.threads = Path(folder).absolute(), threads
        verify(self.folder)
        self.about: dict[str, Any] = json.loads((self.folder / INPUTS).read_text())
        if self.about["format"] != FORMAT:
            raise InputError(
                f"{self.folder}: has format {self.about['format']}, and this jetsmith reads {FORMAT}"
            )
        if self.KIND not in self.about:
            right = [kind.__name__ for kind in (Bundle, Reweighter) if kind.KIND in self.about]
            raise InputError(f"{self.folder}: is no {self.KIND}; read it with {' or '.join(right)}")
        self.groups = groups_of(self.about)
        self.classes: tuple[str, ...] = tuple(self.about["classes"])
        self.session = session_of(self.folder / MODEL, threads)
        self._outputs = [
            (found.name, found.shape[1:], np.bool_ if found.type == "tensor(bool)" else np.float32)
            for found in self.session.get_outputs()
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its folder: who unpickles it loads it."""
        return type(self), (self.folder, self.threads)

    def outputs(self, given: Mapping[str, Values]) -> dict[str, Array]:
        """All that the model gives of N jets or events, by its name; the first axis is N."""
        n = n_jets(given)
        out = {name: np.empty((n, *shape), kind) for name, shape, kind in self._outputs}
        for rows in alike(given, n):
            for target, found in zip(out.values(), self.session.run(None, padded(given, rows)), strict=True):
                target[rows] = found
        return out


class Bundle(Loaded):
    """A tagger.

    Attributes:
        discriminants: Names of the discriminants.
        estimates: Names of what it estimates beside the classes; of most none.
    """

    KIND = "tagger"

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """See `Loaded`."""
        super().__init__(folder, threads)
        self.discriminants: tuple[str, ...] = tuple(self.about["discriminants"])
        self.estimates: tuple[str, ...] = tuple(self.about.get(ESTIMATES, ()))

    def __call__(self, jets: Any) -> dict[str, Array]:
        """Scores of jets, one or a million.

        Args:
            jets: By group its features by name, in mappings or in awkward's records: of flat groups one
                number a jet; of sequences a list a jet, in the order that inputs.json names. NaN, None and
                infinity are what is missing.

        Returns:
            `p_<class>` of each class, each discriminant and each estimate by its name, shape (N,), float32.

        Raises:
            InputError: An input is missing, has no value where it needs one, lists or groups differ in
                length, or values are far from all that the training saw, as in another unit.
        """
        outputs = self.outputs(read(self.groups, jets))
        names = {PROBABILITIES: [f"p_{name}" for name in self.classes], DISCRIMINANTS: self.discriminants}
        names |= {ESTIMATES: self.estimates} if self.estimates else {}
        return {name: outputs[of][:, i] for of, named in names.items() for i, name in enumerate(named)}

    def score(self, given: Mapping[str, Values]) -> tuple[Array, Array]:
        """Probabilities (N, C) and discriminants (N, D), float32, of what `read` found."""
        found = self.outputs(given)
        return found[PROBABILITIES], found[DISCRIMINANTS]

    def check(self) -> float:
        """Score the reference jets; the largest difference from what the bundle says of them.

        Raises:
            InputError: It is larger than another machine's arithmetic explains.
        """
        given, expected = reference(self.folder / REFERENCE, self.groups, (PROBABILITIES,))
        off = np.abs(self.score(given)[0] - expected[PROBABILITIES]).max(axis=1)
        bad = ~(off <= TOLERANCE)  # NaN is none, either
        bad[bad] = ~self.turns(some(given, bad), expected[PROBABILITIES][bad], TOLERANCE)
        if bad.any():
            raise InputError(
                f"{self.folder}: {bad.sum():,} of {len(off):,} reference jets get scores that are off by "
                f"up to {off[bad].max():.1e}"
            )
        self._check_estimates()
        return float(off.max(initial=0.0))

    def _check_estimates(self) -> None:
        if not self.estimates or self.about.get(NEAREST):  # jets of two answers: see `turns`
            return
        given, expected = reference(self.folder / REFERENCE, self.groups, (ESTIMATES,))
        wanted = expected[ESTIMATES]
        off = np.abs(self.outputs(given)[ESTIMATES] - wanted) / np.maximum(np.abs(wanted), 1)
        if not (off <= TOLERANCE_OF_ESTIMATES).all():
            raise InputError(
                f"{self.folder}: reference jets get estimates that are off by up to {off.max():.1e}"
            )

    def turns(self, given: Mapping[str, Values], expected: Array, tolerance: float) -> Array:
        """Which jets would get what is expected, were the last bits of their inputs others; (N,).

        Of two constituents that are equally near to a third, rounding decides which one a network takes for
        its neighbour, and on the border of two pixels which of them it lights: a jet then has two answers,
        and each of them is right. Of models that look for neither there is no such jet.

        Args:
            given: The jets.
            expected: Probabilities, (N, C).
            tolerance: How near these have to come.
        """
        rng, found = np.random.default_rng(1), np.zeros(len(expected), bool)
        for _ in range(N_BESIDE if self.about.get(NEAREST) else 0):
            left = np.flatnonzero(~found)
            if not len(left):
                break
            scores = self.score(beside(some(given, left), rng))[0]
            found[left] = np.abs(scores - expected[left]).max(axis=1) <= tolerance
        return found


@dataclass(frozen=True)
class Weights:
    """Of N events, shape (N,) each, float32 but for `outside`.

    Attributes:
        ratio: Density of the target over that of the source, not normalised.
        weight: What the weight of an event of the source is multiplied by; 1 where `outside`.
        weight_up: The weight one standard deviation of its logarithm up: how well that of one event is known;
            None where no ensemble says. Not to be summed: no error of histograms (docs/reweighting.md).
        weight_down: The same down.
        outside: Not reweightable: beyond the region of validity or the range of a parameter, without an
            input, or log-odds beyond ±20.
    """

    ratio: Array
    weight: Array
    weight_up: Array | None
    weight_down: Array | None
    outside: Array


class Reweighter(Loaded):
    """A reweighter, for events of its source that it was not trained on.

    Attributes:
        closure: What its closure test said: passed, not conclusive, failed, or not tested.
        parameters: Smallest and largest value of each of its parameters, by name; empty where it has none.
    """

    KIND = "reweighter"

    def __init__(self, folder: str | Path, threads: int = 1, warn: bool = True) -> None:
        """See `Loaded`; unless told otherwise it warns where the weights failed their test."""
        super().__init__(folder, threads)
        self.closure: str = self.about["closure"]["status"]
        told = self.about.get(PARAMETERS, {"group": "", "range": {}})
        self.parameters: dict[str, tuple[float, float]] = {
            name: (low, high) for name, (low, high) in told["range"].items()
        }
        self._group: str = told["group"]
        if warn and self.closure == "failed":
            gates = [
                name for name, gate in self.about["closure"]["gates"].items() if gate["status"] == "failed"
            ]
            warnings.warn(
                f"{self.folder}: these weights failed their closure test ({', '.join(gates)}) and are not to "
                "be used; README.md says why",
                stacklevel=2,
            )

    def __call__(self, events: Any, parameters: Mapping[str, Any] | None = None) -> Weights:
        """Weights of events of the source, one or a million.

        Args:
            events: By group its features by name, as a tagger's jets (`Bundle.__call__`). An event that lacks
                an input without a default is `outside`.
            parameters: Of a reweighter with parameters the value of each by its name: one number for all
                events, or one an event; an event whose own lies beyond the range is `outside`.

        Raises:
            InputError: An input or a parameter is not there at all, lists or groups differ in length, values
                are far from all that the training saw, as in another unit, or a number for all events lies
                beyond the range of its parameter.
        """
        given = read(
            tuple(group for group in self.groups if group.group != self._group), events, may_lack=True
        )
        if self.parameters or parameters is not None:
            given |= self._at(parameters or {}, n_jets(given))
        found = self.outputs(given)
        return Weights(found[RATIO], found[WEIGHT], found.get(UP), found.get(DOWN), found[OUTSIDE])

    def _at(self, given: Mapping[str, Any], n: int) -> dict[str, Values]:
        """Values of the parameters of n events."""
        needed = ", ".join(f"{name} ({low:g} to {high:g})" for name, (low, high) in self.parameters.items())
        if not isinstance(given, Mapping) or set(given) != set(self.parameters):
            got = ", ".join(map(str, given)) or "none" if isinstance(given, Mapping) else repr(given)
            raise InputError(
                f"{self.folder}: needs a value of each of its parameters by name, {needed}; got {got}"
                if needed
                else f"{self.folder}: has no parameters; got {got}"
            )
        columns: dict[str, Array] = {}
        for name, (low, high) in self.parameters.items():
            values = given[name]
            is_one = not hasattr(values, "__len__") or getattr(values, "ndim", 1) == 0
            is_one |= isinstance(values, str | bytes)
            if is_one:
                kind = (
                    np.asarray(values).dtype.kind
                    if isinstance(values, int | float | np.generic | np.ndarray)
                    else "O"
                )
                if kind not in "fiu" or np.ma.is_masked(values):
                    raise InputError(f"{name}: needs a number, or one an event, and is {values!r}")
                values = np.full(max(n, 1), values, np.float64)  # looked at where there are no events, too
            with np.errstate(over="ignore"):
                columns[name] = numbers(values, name)
            kind = (ak.to_numpy(values) if isinstance(values, ak.Array) else np.asarray(values)).dtype.kind
            if kind == "b":
                raise InputError(f"{name}: needs a number, or one an event, and is of truth values")
            inside = (np.float32(low) <= columns[name]) & (columns[name] <= np.float32(high))  # NaN never is
            if len(inside) and not inside.any():
                first = float(values[0] if is_one else columns[name][0])
                raise InputError(
                    f"{name}: {first!r} lies outside of the values that "
                    f"{self.about[self.KIND]} was trained at, {low:g} to {high:g}, where nothing is learned "
                    "and nothing is tested"
                )
            columns[name] = columns[name][:n] if is_one else columns[name]
            if len(columns[name]) != n:
                raise InputError(f"{name}: has {len(columns[name]):,} values, and there are {n:,} events")
        (own,) = (group for group in self.groups if group.group == self._group)
        # One that lies beyond its range is `outside`, in any number: no unit is guessed.
        return {own.group: Values(np.stack([columns[one.name] for one in own.features], axis=-1), None)}

    def check(self) -> float:
        """Weigh the reference events; the largest difference of r/(1 + r) for a ratio r.

        Raises:
            InputError: It is larger than another machine's arithmetic explains.
        """
        given, expected = reference(self.folder / REFERENCE, self.groups, (RATIO,))
        ratios = self.outputs(given)[RATIO], expected[RATIO]
        found, wanted = (ratio / (1 + ratio) for ratio in ratios)
        worst = float(np.abs(found - wanted).max(initial=0.0))
        if not worst <= TOLERANCE:
            raise InputError(
                f"{self.folder}: reference events get ratios r whose r/(1 + r) is off by {worst:.1e}"
            )
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


def reference(
    path: Path, groups: tuple[Group, ...], outputs: Sequence[str]
) -> tuple[dict[str, Values], dict[str, Array]]:
    """Jets or events of a `reference.npz`, and some of their outputs by name."""
    with np.load(path, allow_pickle=False) as file:
        given = {
            g.group: Values(file[g.group], file[f"{g.group}_offsets"] if g.kind == "sequence" else None)
            for g in groups
        }
        return given, {name: file[name] for name in outputs}
