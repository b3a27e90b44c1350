"""Heavy flavour of CMS jets: how many b and c hadrons are in each, by the best that a file says.

In this order: the experiment's own counts of the jet; those of its generator jet; the last heavy
hadrons among the generator particles, within the radius of the jet (in ttbar events of CMS these are
the own counts of 116 large jets of 116 for b, of 113 for c); those of its subjets, which lack what
grooming took. Without any of these only the flavour is known, and two hadrons are not told from one.
"""

from collections.abc import Mapping
from typing import Protocol

import awkward as ak
import numpy as np

from jetsmith.errors import InputError
from jetsmith.handed.plan import Untold
from jetsmith.io import BoolArray, IntArray
from jetsmith.sources import truth
from jetsmith.sources.flat import Array, Directions, aligned, count_near, lists, look_up, nearest

PREFIX = {"ak4": "Jet", "ak8": "FatJet"}
GENERATOR_JETS = {"ak4": ("GenJet", "genJetIdx"), "ak8": ("GenJetAK8", "genJetAK8Idx")}
SUBJETS = ("subJetIdx1", "subJetIdx2")
RADIUS = {"ak4": 0.4, "ak8": 0.8}
COUNTS = {5: "nBHadrons", 4: "nCHadrons"}
UNKNOWN = -1
N_PRUNED = 20  # so many b jets in a chunk without any b hadron: the particles were pruned of them


class Jets(Protocol):
    """What is asked of jets here (see `nanoaod.Jets`)."""

    @property
    def events(self) -> Mapping[str, ak.Array]:
        """Arrays by branch name."""

    @property
    def event(self) -> IntArray:
        """Event of each kept jet."""

    def has(self, name: str) -> bool:
        """Whether the collection has a branch."""

    def take(self, name: str) -> Array:
        """A branch of the kept jets."""

    def directions(self) -> Directions:
        """Directions of the kept jets."""


def _own(obj: str) -> set[str]:
    return {f"{PREFIX[obj]}_{name}" for name in COUNTS.values()}


def _generator(available: set[str], obj: str) -> list[str]:
    """Branches that lead from jets to generator jets, by index or by direction; none where neither can."""
    collection, index = GENERATOR_JETS[obj]
    if f"{PREFIX[obj]}_{index}" in available:
        return [f"{PREFIX[obj]}_{index}"]
    by_direction = [f"{name}_{angle}" for name in (collection, PREFIX[obj]) for angle in ("eta", "phi")]
    return by_direction if available.issuperset(by_direction) else []


def _particles(obj: str) -> set[str]:
    return {*truth.GEN_BRANCHES, f"{PREFIX[obj]}_eta", f"{PREFIX[obj]}_phi"}


def _subjets(obj: str) -> set[str]:
    if obj != "ak8":
        return set()
    return {f"FatJet_{name}" for name in SUBJETS} | {f"SubJet_{name}" for name in COUNTS.values()}


def _of_generator_jets(available: set[str], obj: str, names: tuple[str, ...]) -> list[str]:
    """Branches by which generator jets tell these properties of jets; none where they cannot."""
    wanted = [f"{GENERATOR_JETS[obj][0]}_{name}" for name in names]
    way = _generator(available, obj)
    return [*way, *wanted] if way and available.issuperset(wanted) else []


def branches(available: set[str], obj: str) -> list[str]:
    """Branches that `heavy_flavour` reads besides the jets' own and the generator particles."""
    found = _generator(available, obj) if obj == "ak4" else []  # of pile-up
    if not available.issuperset(_own(obj)):
        found += _of_generator_jets(available, obj, (*COUNTS.values(),))
        found += sorted(_subjets(obj)) if available.issuperset(_subjets(obj)) else []
        if f"{PREFIX[obj]}_hadronFlavour" not in available:
            found += _of_generator_jets(available, obj, ("hadronFlavour",))
    return list(dict.fromkeys(found))


def tells_counts(available: set[str], obj: str) -> bool:
    """Whether a file with these branches tells two hadrons of a kind in a jet from one."""
    subjets = _subjets(obj)
    return (
        available.issuperset(_own(obj))
        or bool(_of_generator_jets(available, obj, (*COUNTS.values(),)))
        or available.issuperset(_particles(obj))
        or (bool(subjets) and available.issuperset(subjets))
    )


def tells_flavour(available: set[str], obj: str) -> bool:
    """Whether a file with these branches tells b, c and light jets apart."""
    own = f"{PREFIX[obj]}_hadronFlavour" in available
    return own or tells_counts(available, obj) or bool(_of_generator_jets(available, obj, ("hadronFlavour",)))


def counted_in(available: set[str], obj: str) -> str:
    """Where hadrons are counted instead of by the jets' own numbers; empty for those, and for nowhere."""
    if available.issuperset(_own(obj)):
        return ""
    subjets = _subjets(obj)
    places = {
        "generator jets": bool(_of_generator_jets(available, obj, (*COUNTS.values(),))),
        "generator particles": available.issuperset(_particles(obj)),
        "subjets": bool(subjets) and available.issuperset(subjets),
    }
    return ", else ".join(place for place, there in places.items() if there)


def matched_by(available: set[str], obj: str) -> str:
    """How a jet of pile-up is known, where not by the index of its generator jet; empty for that."""
    collection, index = GENERATOR_JETS[obj]
    if f"{PREFIX[obj]}_{index}" in available:
        return ""
    if _generator(available, obj):
        return f"jets without a {collection} within {RADIUS[obj]}, as there is no {PREFIX[obj]}_{index}"
    return f"its jets count by the partons near them, as there is no {PREFIX[obj]}_{index}"


def untold(available: set[str], obj: str) -> list[Untold]:
    """Jets with two hadrons that a file with these branches takes for jets with one."""
    if tells_counts(available, obj):
        return []
    lacks = f"{PREFIX[obj]}_nBHadrons, {GENERATOR_JETS[obj][0]}_nBHadrons or GenPart"
    return [Untold(two, one, lacks) for two, one in truth.TWO_HADRONS[obj].items()]


def heavy_flavour(
    jets: Jets, obj: str, particles: truth.Generator | None
) -> tuple[IntArray, IntArray, IntArray]:
    """Flavour by hadrons, and the counts of b and of c hadrons, of the kept jets; shape (n_rows,) each.

    A count that nothing tells is 1 where the flavour has such a hadron; UNKNOWN is the flavour where
    nothing tells it.

    Raises:
        InputError: The generator particles have to tell, and were pruned of b hadrons.
    """
    available = set(jets.events)
    own = jets.take("hadronFlavour").astype(np.int64) if jets.has("hadronFlavour") else None
    counted = [
        jets.take(name).astype(np.int64) if jets.has(name) else np.full(len(jets.event), UNKNOWN)
        for name in COUNTS.values()
    ]
    if available.issuperset(_own(obj)):
        return (own if own is not None else _by_counts(*counted)), counted[0], counted[1]
    partner = None
    if _of_generator_jets(available, obj, (*COUNTS.values(),)):
        partner = _partner(jets, obj)
        _fill(counted, [_look_up(jets, f"{GENERATOR_JETS[obj][0]}_{n}", partner) for n in COUNTS.values()])
    if particles is not None:
        _fill(counted, _near_particles(jets, obj, particles))
        if partner is None and own is not None:
            _check_pruned(own, counted[0])
    if _subjets(obj) and available.issuperset(_subjets(obj)):
        _fill(counted, _in_subjets(jets))
    flavour = own if own is not None else _by_counts(*counted)
    if own is None and _of_generator_jets(available, obj, ("hadronFlavour",)):
        partner = _partner(jets, obj) if partner is None else partner
        stored = _look_up(jets, f"{GENERATOR_JETS[obj][0]}_hadronFlavour", partner)
        flavour = np.where(stored != UNKNOWN, stored, flavour)
    n_b, n_c = (
        np.where(flavour == quark, np.maximum(n, 1), 0) for quark, n in zip(COUNTS, counted, strict=True)
    )
    return flavour, n_b, n_c


def matched(jets: Jets, obj: str) -> BoolArray:
    """Whether the kept jets have a generator jet, shape (n_rows,); True where nothing tells.

    An index beyond the collection is one, too: NanoAOD lists those above 10 GeV, and points to softer ones.
    """
    if not _generator(set(jets.events), obj):
        return np.ones(len(jets.event), np.bool_)
    # CMS takes any generator jet within the radius
    return np.asarray(_partner(jets, obj, RADIUS[obj]) >= 0)


def _by_counts(n_b: IntArray, n_c: IntArray) -> IntArray:
    """CMS' flavour by hadrons: 5 with a b hadron, else 4 with a c hadron, else 0."""
    return np.select([n_b > 0, n_b == UNKNOWN, n_c > 0], [5, UNKNOWN, 4], default=0)


def _fill(counted: list[IntArray], found: list[IntArray]) -> None:
    """Put in what is found where nothing was known."""
    for n, more in zip(counted, found, strict=True):
        n[n == UNKNOWN] = more[n == UNKNOWN]


def _partner(jets: Jets, obj: str, radius: float | None = None) -> IntArray:
    """Place of the generator jet of each jet in its event, by index, else by direction; UNKNOWN for none."""
    collection, index = GENERATOR_JETS[obj]
    if jets.has(index):
        return jets.take(index).astype(np.int64)
    offsets, eta = lists(jets.events, f"{collection}_eta")
    generator = Directions(offsets, eta, aligned(jets.events, f"{collection}_phi", offsets))
    # ASSUME a jet and the generator jet whose hadrons are its own are nearer than half the radius
    found = nearest(jets.directions(), generator, RADIUS[obj] / 2 if radius is None else radius)
    return np.where(found >= 0, found - offsets[jets.event], UNKNOWN)


def _look_up(jets: Jets, branch: str, place: IntArray) -> IntArray:
    """A branch of another collection at a place in the event of each jet, UNKNOWN where there is none."""
    return look_up(jets.events, branch, jets.event, place, UNKNOWN)


def _near_particles(jets: Jets, obj: str, particles: truth.Generator) -> list[IntArray]:
    """Last b and last c hadrons within the radius of each jet."""
    points, axes = particles.directions(), jets.directions()
    return [
        count_near(axes.offsets, axes.eta, axes.phi, points.where(particles.last_hadrons(quark)), RADIUS[obj])
        for quark in COUNTS
    ]


def _check_pruned(own: IntArray, n_b: IntArray) -> None:
    of_b = own == 5
    if of_b.sum() >= N_PRUNED and not np.any(n_b[of_b] > 0):
        raise InputError(
            f"GenPart holds no b hadron near any of {of_b.sum()} jets of hadronFlavour 5: it was pruned "
            "of them and cannot tell b from bb; take files with nBHadrons, or whose GenPart holds hadrons"
        )


def _in_subjets(jets: Jets) -> list[IntArray]:
    """Hadrons of the two subjets together; UNKNOWN for jets without subjets."""
    first, second = (jets.take(name).astype(np.int64) for name in SUBJETS)
    totals = []
    for name in COUNTS.values():
        one, two = (_look_up(jets, f"SubJet_{name}", place) for place in (first, second))
        totals.append(np.where(one == UNKNOWN, UNKNOWN, one + np.maximum(two, 0)))
    return totals
