"""What decays inside large jets: Higgs bosons, Z, W and tops, by their quarks and by the hadrons of these.

A jet is of a decay where all quarks that its class names lie within RADIUS of the axis, before they radiate,
and where it holds as many b and c hadrons as these quarks make. A top whose prong is outside has classes of
its own, or is a W. Classes as in CMS' DeepAK8 (arXiv 2004.08262). A jet with some quarks of a decay that make
no class, and a jet whose hadrons went elsewhere, is unmatched, and so neither signal nor QCD. So is one that
holds something else of a decay: charged leptons, gluons and photons of a Higgs boson, and whatever is of a
resonance that none of the classes names (Z', heavier Higgs bosons, supersymmetric particles).
"""

import numpy as np

from jetsmith.angles import delta_r
from jetsmith.io import BoolArray, IntArray
from jetsmith.sources.flat import Directions, join
from jetsmith.sources.truth import UNMATCHED, Generator

RADIUS = 0.8
TOP, Z, W, HIGGS = 6, 23, 24, 25
# Kinds of prongs: the b quark of a top itself, then quarks of bosons, then what makes no class.
OF_TOP, B, C, OTHER, NO_QUARK = range(5)
N_QUARKS = NO_QUARK  # kinds of these
OCTETS = (994, 995)  # how codes of pairs of charm or of b quarks begin
LEPTONS, GLUON_PHOTON = (11, 13, 15), (21, 22)
COPIES = 64  # of one boson in a record, at most, so that a damaged file cannot loop for ever

# Truth id of the quarks of one decay that are in a jet: by what decays, and how many of each kind there are.
CLASSES: dict[tuple[int, int, int, int, int], int] = {
    (HIGGS, 0, 2, 0, 0): 2505,
    (HIGGS, 0, 0, 2, 0): 2504,
    (Z, 0, 2, 0, 0): 2305,
    (Z, 0, 0, 2, 0): 2304,
    (Z, 0, 0, 0, 2): 2301,
    (W, 0, 0, 1, 1): 2404,
    (W, 0, 0, 0, 2): 2401,
    (TOP, 0, 0, 1, 1): 2404,
    (TOP, 0, 0, 0, 2): 2401,
    (TOP, 1, 0, 1, 1): 2604,
    (TOP, 1, 0, 0, 2): 2601,
    (TOP, 1, 0, 1, 0): 2614,
    (TOP, 1, 0, 0, 1): 2611,
}
# Hadrons that a jet has to hold: at least so many of b, and of c. The latter only where it has none of b, as
# decays of these make hadrons of c anyway; some files tell none of c beside those of b.
HADRONS = {
    2505: (2, 0), 2504: (0, 2), 2305: (2, 0), 2304: (0, 2), 2404: (0, 1),
    2604: (1, 0), 2601: (1, 0), 2614: (1, 0), 2611: (1, 0),
}  # fmt: skip
# What a jet is taken for where nothing tells its decay: QCD with the same hadrons.
AS_QCD = {
    2505: 1055, 2305: 1055, 2504: 1044, 2304: 1044, 2404: 1004, 2301: 1000, 2401: 1000,
    2604: 1005, 2601: 1005, 2614: 1005, 2611: 1005,
}  # fmt: skip


def inside(generator: Generator, jets: Directions, n_b: IntArray, n_c: IntArray) -> IntArray:
    """Truth ids of the decays inside jets.

    Args:
        generator: Generator particles.
        jets: Directions of the jets, by event.
        n_b: Their b hadrons, shape (jets,).
        n_c: Their c hadrons.

    Returns:
        Shape (jets,): a value of CLASSES, UNMATCHED for a decay that is none of them or not whole, 0 without
        a prong of a decay. Of two decays in a jet that with more quarks counts, else the first of the record.
    """
    rows, owner, kind = _prongs(generator)
    chosen = np.zeros(len(generator.pdg_id), np.bool_)
    chosen[rows] = True
    points = generator.directions().where(chosen)
    jet, prong = join(jets.offsets, points.offsets)
    near = delta_r(jets.eta[jet], jets.phi[jet], points.eta[prong], points.phi[prong]) < RADIUS
    jet, prong = jet[near], prong[near]
    pairs, pair = np.unique(np.stack([jet, owner[prong]], axis=1), axis=0, return_inverse=True)
    n_kinds = N_QUARKS + 1
    counts = np.bincount(n_kinds * pair + kind[prong], minlength=n_kinds * len(pairs)).reshape(-1, n_kinds)
    counts = counts[:, :N_QUARKS]
    jet, owner = pairs.T
    # The one with most quarks, and of these the first, is written last and stays.
    order = np.lexsort((-owner, counts.sum(axis=1), jet))
    found = np.zeros(len(n_b), np.int64)
    found[jet[order]] = _classes(np.abs(generator.pdg_id)[owner], counts)[order]
    return np.where(_held(found, n_b, n_c), found, UNMATCHED)


def is_foreign(pdg_id: IntArray) -> BoolArray:
    """Resonances that no class names, by PDG numbering: neither of the standard model nor hadrons.

    Nor are they pairs of heavy quarks in an octet of colour, which become charmonium (994nnnn of Pythia) or
    bottomonium (995nnnn).

    ASSUME hadrons of hidden valleys (4900111), of technicolour (3000111) and R-hadrons are hadrons; 81 to 100
    are codes of generators.
    """
    size = np.abs(pdg_id)
    known = np.isin(size, (*range(1, 7), 9, *range(11, 17), 21, 22, Z, W, HIGGS))
    elementary = (size >= 1_000_000) & (size < 10_000_000) & (size // 100 % 10 == 0)
    elementary &= ~np.isin(size // 10_000, OCTETS)
    found: BoolArray = ((size > 0) & (size <= 80) & ~known) | elementary
    return found


def _prongs(generator: Generator) -> tuple[IntArray, IntArray, IntArray]:
    """What decays leave in a detector, as rows of the particles, with the row of what decays and the kind.

    Neutrinos are left out, and so are gluons and photons that W, Z and tops radiate.
    """
    size, mother = np.abs(generator.pdg_id), generator.mother
    decays = size[mother]
    foreign = is_foreign(decays)
    quark = (size >= 1) & (size <= 5)
    of_decay = quark & (np.isin(decays, (Z, W, HIGGS)) | ((decays == TOP) & (size == 5)) | foreign)
    of_decay |= np.isin(size, LEPTONS) & (np.isin(decays, (Z, W, HIGGS)) | foreign)
    of_decay |= np.isin(size, GLUON_PHOTON) & ((decays == HIGGS) | foreign)
    rows = np.flatnonzero(of_decay)
    owner = mother[rows]
    for _ in range(COPIES):  # from a boson to its first copy, or to the top or the Higgs boson that it is of
        above = mother[owner]
        higher = np.isin(size[owner], (Z, W)) & np.isin(size[above], (TOP, Z, W, HIGGS)) & (above != owner)
        if not higher.any():
            break
        owner = np.where(higher, above, owner)
    of_boson = np.select([~quark[rows], size[rows] == 5, size[rows] == 4], [NO_QUARK, B, C], default=OTHER)
    kind = np.where(decays[rows] == TOP, OF_TOP, of_boson)
    cascade = (size[owner] == HIGGS) & (decays[rows] != HIGGS) & quark[rows]
    return rows, owner, np.where(cascade, OTHER, kind)


def _classes(decayed: IntArray, counts: IntArray) -> IntArray:
    """Truth ids by what decayed, shape (n,), and its quarks in the jet, shape (n, 4)."""
    found = np.full(len(decayed), UNMATCHED)
    for (which, *wanted), truth_id in CLASSES.items():
        found[(decayed == which) & (counts == wanted).all(axis=1)] = truth_id
    return found


def _held(ids: IntArray, n_b: IntArray, n_c: IntArray) -> BoolArray:
    """Whether jets hold the hadrons that their quarks make."""
    held = np.ones(len(ids), np.bool_)
    for truth_id, (least_b, least_c) in HADRONS.items():
        enough = (n_b >= least_b) & ((n_c >= least_c) | (n_b > 0))
        held &= (ids != truth_id) | enough
    return held
