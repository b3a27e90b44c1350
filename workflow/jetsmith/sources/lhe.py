"""LHE files: the partons, leptons and bosons of a matrix element; every event is a row, none has a jet.

An event has no number of its own: `event` is its place in the file, `run` and `luminosity_block` are a digest
of the file's first event, the same for the file packed or not, under any name. The weight is XWGTUP with its
sign, or that of a variation. Partons are those that CMS' `LHE_Njets` counts: outgoing quarks and gluons,
also where a resonance decays to them.
"""

from collections.abc import Mapping

import awkward as ak
import numpy as np

from jetsmith.columns import COMMON, EVENT_KEY
from jetsmith.errors import InputError
from jetsmith.handed.account import CutStep
from jetsmith.handed.plan import Untold
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.sources.content import First, Kind
from jetsmith.sources.flat import Columns, Cutflow, counts_to_offsets, owners, single, split
from jetsmith.sources.partons import CODES, KEY, MOMENTA, WEIGHT, variations
from jetsmith.specs.datasets import CutsSpec, ReadingSpec

V_COLUMNS = ("lhe_v_pt_gev", "lhe_v_y", "lhe_v_phi_rad", "lhe_v_mass_gev")
PARTON_COLUMNS = tuple(f"lhe_parton_{name}" for name in ("pt_gev", "eta", "phi_rad", "mass_gev", "flavour"))
OUTGOING, INTERMEDIATE = 1, 2  # ISTUP
GLUON, HEAVIEST_QUARK = 21, 6
FIRST_LEPTON, LAST_LEPTON = 11, 16
Z, W = 23, 24


def lacks(branches: set[str]) -> list[str]:
    """Particles with code, status and momentum."""
    return [name for name in (*CODES, *MOMENTA) if name not in branches]


def gives(branches: set[str], obj: str) -> set[str]:
    """Canonical columns; the layout has rows of `event` alone."""
    return {*EVENT_KEY, *COMMON, "jet_index", *V_COLUMNS, *PARTON_COLUMNS} if obj == "event" else set()


def kind(branches: set[str], first: First) -> Kind:
    """Matrix elements are simulated (see `sources.Source.kind`)."""
    return Kind(True, "partons of a matrix element")


def weight_branch(branches: set[str]) -> str | None:
    """XWGTUP, with the weighting strategy IDWTUP of the file."""
    return next((name for name in branches if (m := WEIGHT.fullmatch(name)) and m["id"] is None), None)


def unable(branches: set[str], obj: str, bits: int) -> dict[str, str]:
    """There are no jets (see `sources.Source.unable`)."""
    return {"jet_id": "matrix elements have no jets"} if bits and obj != "event" else {}


def instead(branches: set[str], obj: str, bits: int) -> dict[str, str]:
    """Every column has one source (see `sources.Source.instead`)."""
    return {}


def untold(branches: set[str], obj: str) -> list[Untold]:
    """Events have no truth ids (see `sources.Source.untold`)."""
    return []


def branches(available: set[str], obj: str) -> list[str]:
    """Branches that `rows` reads; the weight of a variation comes to them where it is asked for."""
    weight = weight_branch(available)
    return [*KEY, *CODES, *MOMENTA, *([weight] if weight else [])]


def selecting(spec: ReadingSpec) -> set[str]:
    """None: every event stays, and all is read at once (see `sources.Source.selecting`)."""
    return set()


def identity(events: Mapping[str, ak.Array]) -> tuple[IntArray, IntArray, IntArray]:
    """Digest of the file's first event, in two halves, and place of each in the file."""
    run, block, event = (single(events, name) for name in KEY)
    return run, block, event


def rows(
    events: Mapping[str, ak.Array], spec: ReadingSpec, selection: CutsSpec
) -> tuple[ak.Array, list[CutStep]]:
    """Canonical columns of all events, and the cutflow (see `sources.Source.rows`)."""
    names = set(events)
    branch = variations(names).get(spec.weight_variation) if spec.weight_variation else weight_branch(names)
    if branch is None:
        raise InputError("no generator weight")
    weight, cutflow = single(events, branch), Cutflow()
    cutflow.add("entries", weight)
    columns = Columns("event", len(weight))
    for name, branch_of_key in zip(EVENT_KEY, KEY, strict=True):
        columns.flat(name, single(events, branch_of_key))
    columns.flat("jet_index", np.zeros(len(weight)))
    columns.flat("weight", weight)
    columns.flat("flavour", np.zeros(len(weight)))
    offsets, codes = split(events["IDUP"])
    status = split(events["ISTUP"])[1]
    momenta = np.stack([split(events[name])[1] for name in MOMENTA])
    _fill_v(columns, momenta, v_of(owners(offsets), codes, status, len(weight)))
    _fill_partons(columns, momenta, owners(offsets), codes, status)
    return columns.rows(), cutflow.lines


def v_of(event: IntArray, codes: IntArray, status: IntArray, n_events: int) -> tuple[IntArray, BoolArray]:
    """The particles whose sum is the Z or W of an event.

    These are its two outgoing leptons, neutrinos among them, where it has exactly two, a lepton and an
    antilepton of one generation; else its Z or W itself, where it has exactly one.

    Args:
        event: Event of each particle, shape (M,).
        codes: PDG ids, shape (M,).
        status: ISTUP, shape (M,).
        n_events: Number of events N.

    Returns:
        For each particle the event whose boson it is a part of, else -1, shape (M,); and which events have
        one, shape (N,).
    """
    size = np.abs(codes)
    lepton = (status == OUTGOING) & (size >= FIRST_LEPTON) & (size <= LAST_LEPTON)
    boson = np.isin(size, (Z, W)) & np.isin(status, (OUTGOING, INTERMEDIATE))
    of_pair = _count(event, lepton, n_events) == 2
    of_pair &= np.bincount(event, np.where(lepton, np.sign(codes), 0), n_events) == 0
    generation = np.where(lepton, (size - FIRST_LEPTON) // 2, 0)
    first = np.full(n_events, -1)
    first[event[lepton]] = generation[lepton]  # the last one's, to be that of all
    of_pair &= _count(event, lepton & (generation != first[event]), n_events) == 0
    of_boson = ~of_pair & (_count(event, boson, n_events) == 1)
    part = (lepton & of_pair[event]) | (boson & of_boson[event])
    return np.where(part, event, -1), of_pair | of_boson


def _count(event: IntArray, mask: BoolArray, n_events: int) -> IntArray:
    return np.bincount(event[mask], minlength=n_events)


def _fill_v(columns: Columns, momenta: FloatArray, found: tuple[IntArray, BoolArray]) -> None:
    """The sum of the particles of each event's boson; momenta of shape (5, M)."""
    event, there = found
    used = event >= 0
    px, py, pz, energy = (np.bincount(event[used], p[used], len(there)) for p in momenta[:4])
    with np.errstate(divide="ignore", invalid="ignore"):
        rapidity = 0.5 * np.log((energy + pz) / (energy - pz))
    mass = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0))
    columns_of_v = (np.hypot(px, py), rapidity, np.arctan2(py, px), mass)
    for name, numbers in zip(V_COLUMNS, columns_of_v, strict=True):
        columns.flat(name, np.where(there, numbers, np.nan))


def _fill_partons(
    columns: Columns, momenta: FloatArray, event: IntArray, codes: IntArray, status: IntArray
) -> None:
    """Outgoing partons by falling pt; momenta of shape (5, M)."""
    size = np.abs(codes)
    is_parton = (status == OUTGOING) & (((size >= 1) & (size <= HEAVIEST_QUARK)) | (size == GLUON))
    index = np.flatnonzero(is_parton)
    pt = np.hypot(momenta[0], momenta[1])
    index = index[np.lexsort((-pt[index], event[index]))]
    offsets = counts_to_offsets(np.bincount(event[index], minlength=columns.n_rows))
    px, py, pz, _, mass = momenta[:, index]
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.arcsinh(pz / pt[index])
    columns_of_partons = (pt[index], eta, np.arctan2(py, px), mass, size[index])
    for name, numbers in zip(PARTON_COLUMNS, columns_of_partons, strict=True):
        columns.ragged(name, offsets, numbers)
