"""What decays inside large jets: Higgs bosons, Z, W and tops, by their quarks and by the hadrons of these.

A jet is of a decay where all quarks that its class names lie within RADIUS of the axis, before they radiate,
and where it holds as many b and c hadrons as these quarks make. A top whose prong is outside has classes of
its own, or is a W. Classes as in CMS' DeepAK8 (arXiv 2004.08262). A jet with some quarks of a decay that make
no class, and a jet whose hadrons went elsewhere, is unmatched, and so neither signal nor QCD.
"""

import numpy as np

from jetsmith.angles import delta_r
from jetsmith.io import BoolArray, IntArray
from jetsmith.sources.flat import Directions, join
from jetsmith.sources.truth import UNMATCHED, Generator

RADIUS = 0.8
TOP, Z, W, HIGGS = 6, 23, 24, 25
OF_TOP, B, C, OTHER = range(4)  # kinds of quarks: the b quark of a top itself, then quarks of bosons
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
        a quark of a decay. Of two decays in a jet that with more quarks counts, else the first of the record.
    """
    rows, owner, kind = _quarks(generator)
    chosen = np.zeros(len(generator.pdg_id), np.bool_)
    chosen[rows] = True
    points = generator.directions().where(chosen)
    jet, quark = join(jets.offsets, points.offsets)
    near = delta_r(jets.eta[jet], jets.phi[jet], points.eta[quark], points.phi[quark]) < RADIUS
    jet, quark = jet[near], quark[near]
    pairs, pair = np.unique(np.stack([jet, owner[quark]], axis=1), axis=0, return_inverse=True)
    counts = np.bincount(4 * pair + kind[quark], minlength=4 * len(pairs)).reshape(-1, 4)
    jet, owner = pairs.T
    # The one with most quarks, and of these the first, is written last and stays.
    order = np.lexsort((-owner, counts.sum(axis=1), jet))
    found = np.zeros(len(n_b), np.int64)
    found[jet[order]] = _classes(np.abs(generator.pdg_id)[owner], counts)[order]
    return np.where(_held(found, n_b, n_c), found, UNMATCHED)


def _quarks(generator: Generator) -> tuple[IntArray, IntArray, IntArray]:
    """Quarks of decays, as rows of the particles, with the row of what decays and their kind."""
    size, mother = np.abs(generator.pdg_id), generator.mother
    of_decay = (size >= 1) & (size <= 5) & np.isin(size[mother], (TOP, Z, W, HIGGS))
    of_decay &= (size[mother] != TOP) | (size == 5)
    rows = np.flatnonzero(of_decay)
    owner = mother[rows]
    for _ in range(COPIES):  # from a boson to its first copy, or to the top or the Higgs boson that it is of
        above = mother[owner]
        higher = np.isin(size[owner], (Z, W)) & np.isin(size[above], (TOP, Z, W, HIGGS)) & (above != owner)
        if not higher.any():
            break
        owner = np.where(higher, above, owner)
    of_boson = np.select([size[rows] == 5, size[rows] == 4], [B, C], default=OTHER)
    kind = np.where(size[mother[rows]] == TOP, OF_TOP, of_boson)
    cascade = (size[owner] == HIGGS) & (size[mother[rows]] != HIGGS)
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
