"""Ghost association, jet flavours and the generator history."""

import numpy as np
import pytest

pytest.importorskip("fastjet")

from jetsmith.angles import delta_phi
from jetsmith.simulation.jets import cluster, find_ghosts
from jetsmith.simulation.tables import Jets, Particles, offsets, pairs, rank_within
from jetsmith.simulation.truth import (
    FROM_HARD_PROCESS,
    IS_DIRECT_HADRON_DECAY_PRODUCT,
    IS_FIRST_COPY,
    IS_HARD_PROCESS,
    IS_LAST_COPY,
    IS_PROMPT,
    gen_particles,
    heavy_hadrons,
    heavy_quark,
    parton_flavour,
)

# (pdg id, status, mother, first daughter, last daughter, px, py, pz)
HISTORY = [
    (5, -23, -1, 1, 1, 50.0, 0.0, 10.0),  # 0 hard b quark
    (5, -71, 0, 2, 2, 49.0, 0.0, 10.0),  # 1 before hadronisation
    (513, -83, 1, 3, 4, 45.0, 0.0, 9.0),  # 2 B*
    (511, -91, 2, 5, 7, 44.0, 0.0, 9.0),  # 3 B0
    (22, 91, 2, -1, -1, 1.0, 0.0, 0.0),  # 4
    (411, -91, 3, 8, 9, 20.0, 1.0, 4.0),  # 5 D+
    (13, 91, 3, -1, -1, 14.0, -1.0, 3.0),  # 6 muon of the B
    (-14, 91, 3, -1, -1, 10.0, 0.0, 2.0),  # 7 its neutrino
    (310, 91, 5, -1, -1, 10.0, 0.5, 2.0),  # 8
    (211, 91, 5, -1, -1, 10.0, 0.5, 2.0),  # 9
    (21, -23, -1, 11, 11, -50.0, 0.0, -10.0),  # 10 hard gluon
    (21, -71, 10, 12, 12, -48.0, 0.0, -10.0),  # 11
    (211, 83, 11, -1, -1, -48.0, 0.0, -10.0),  # 12
]


def make_particles(rows: list[tuple[float, ...]] | None = None) -> Particles:
    table = np.array(HISTORY if rows is None else rows).T
    integers = table[:5].astype(np.int64)
    px, py, pz = table[5:8]
    zero = np.zeros(len(px))
    return Particles(
        event=np.zeros(len(px), np.int64),
        pdg_id=integers[0],
        status=integers[1],
        mother=integers[2],
        daughter_first=integers[3],
        daughter_last=integers[4],
        px=px,
        py=py,
        pz=pz,
        energy=np.sqrt(px**2 + py**2 + pz**2),
        mass=zero,
        x=zero,
        y=zero,
        z=zero,
    )


@pytest.mark.parametrize(
    ("code", "quark"),
    [(511, 5), (-511, 5), (5122, 5), (541, 5), (411, 4), (-4122, 4), (443, 4), (10411, 4), (20413, 4),
     (310, 0), (5, 0), (21, 0), (5103, 0), (4201, 0), (2212, 0), (9900443, 4)],
)  # fmt: skip
def test_heavy_quark_of_pdg_codes(code: int, quark: int) -> None:
    """Hadrons by their heaviest quark; quarks and diquarks are no hadrons."""
    assert heavy_quark(code) == quark


def test_last_hadrons_of_the_chain_are_ghosts() -> None:
    """B* decays to B0 and is left out; the D of the B counts as a c hadron."""
    flavour = heavy_hadrons(make_particles())
    assert {int(row): int(flavour[row]) for row in np.flatnonzero(flavour)} == {3: 5, 5: 4}


def test_ghosts_take_no_part_in_clustering() -> None:
    """With and without ghosts the same jets; each ghost ends in the jet that holds its direction."""
    rng = np.random.default_rng(1)
    n = 60
    phi = np.concatenate([rng.normal(0, 0.1, n), rng.normal(3, 0.1, n)])
    eta, pt = rng.normal(0, 0.1, 2 * n), rng.exponential(2, 2 * n) + 0.5
    momentum = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)])
    event = np.zeros(2 * n, np.int64)
    ghosts = find_ghosts(make_particles())
    nothing = type(ghosts)(ghosts.event[:0], ghosts.direction[:, :0], ghosts.flavour[:0])
    with_ghosts = cluster(event, momentum, ghosts, 0.4, 20.0, 1)
    without = cluster(event, momentum, nothing, 0.4, 20.0, 1)
    np.testing.assert_allclose(with_ghosts.jets.px, without.jets.px, rtol=1e-10)
    np.testing.assert_array_equal(with_ghosts.link_input, without.link_input)
    towards = np.abs(delta_phi(with_ghosts.jets.phi, np.zeros(1))) < 0.5
    assert with_ghosts.n_b_hadrons[towards].sum() == 1
    assert with_ghosts.n_b_hadrons[~towards].sum() == 0
    assert with_ghosts.hadron_flavour[towards].max() == 5


def test_parton_flavour_conventions() -> None:
    """Heavy hadrons go first, then the hardest light parton in the cone, then 0."""
    jets = Jets(
        np.zeros(3, np.int64),
        np.array([48.0, -48.0, 0.0]),
        np.array([0.0, 0.0, 40.0]),
        np.array([9.8, -10.0, 0.0]),
        np.full(3, 50.0),
    )
    particles = make_particles()
    assert parton_flavour(particles, np.array([5, 0, 0]), jets, jets.eta, jets.phi, 1).tolist() == [5, 21, 0]
    # Without a hadron the b quark does not name the jet.
    assert parton_flavour(particles, np.array([0, 0, 0]), jets, jets.eta, jets.phi, 1).tolist() == [0, 21, 0]


def test_history_flags_and_mothers() -> None:
    """GenPart keeps hard partons, heavy hadrons and leptons, linked to the nearest kept ancestor."""
    gen = gen_particles(make_particles(), 1)
    assert gen.pdg_id.tolist() == [5, 513, 511, 411, 13, -14, 21]
    assert gen.mother.tolist() == [-1, 0, 1, 2, 2, 2, -1]
    assert gen.status.tolist()[0] == 23
    hard_b, _, b_hadron, _, muon, _, _ = gen.status_flags
    assert hard_b & IS_HARD_PROCESS
    assert hard_b & FROM_HARD_PROCESS
    assert hard_b & IS_FIRST_COPY
    assert not hard_b & IS_LAST_COPY
    assert b_hadron & IS_LAST_COPY
    assert muon & IS_DIRECT_HADRON_DECAY_PRODUCT
    assert muon & IS_LAST_COPY
    assert not muon & IS_PROMPT


def test_pairs_and_ranks_against_loops() -> None:
    """The two index helpers do what nested loops do."""
    first, second = np.array([0, 0, 2, 3]), np.array([0, 2, 2, 3, 3])
    found = pairs(first, offsets(second, 4))
    expected = [(i, j) for i in range(4) for j in range(5) if first[i] == second[j]]
    assert list(zip(*(x.tolist() for x in found), strict=True)) == expected
    group, key = np.array([1, 0, 1, 0, 1]), np.array([3.0, 1.0, 5.0, 2.0, 4.0])
    order, rank = rank_within(group, key)
    assert order.tolist() == [3, 1, 2, 4, 0]
    assert rank.tolist() == [0, 1, 0, 1, 2]
