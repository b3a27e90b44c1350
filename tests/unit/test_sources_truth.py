"""Truth ids agree with a readable scalar version, and generator chains with a walk."""

import awkward as ak
import numpy as np
import pytest

from jetsmith.sources import generator, truth
from jetsmith.sources.flat import Columns, Directions


def scalar_ak4(hadron, parton, n_b, n_c, lepton, matched):
    if not matched:
        return 999
    if hadron == 5:
        if n_b == 0:
            return 999
        if n_b >= 2:
            return 510
        return {0: 500, 1: 520, 2: 521}[lepton]
    if hadron == 4:
        return 410 if n_c >= 2 else 400
    if n_b or n_c:
        return 999
    return {21: 0, 1: 1, 2: 1, 3: 2}.get(abs(parton), 999)


def scalar_ak8(n_b, n_c, decay):
    if decay:
        return decay
    if n_b:
        return 1055 if n_b >= 2 else 1005
    if n_c:
        return 1044 if n_c >= 2 else 1004
    return 1000


def test_ak4_flavour_is_that_of_the_scalar_version():
    """Every combination of the inputs."""
    grid = np.meshgrid([0, 4, 5], [0, 1, -2, 3, 4, -5, 21], range(4), range(4), range(3), [False, True])
    columns = [axis.ravel() for axis in grid]
    expected = [scalar_ak4(*row) for row in zip(*columns, strict=True)]
    assert list(truth.ak4_flavour(*columns)) == expected


def test_ak8_flavour_is_that_of_the_scalar_version():
    """Every combination of the inputs."""
    columns = [axis.ravel() for axis in np.meshgrid(range(4), range(4), [0, 2505, 2301, 999])]
    expected = [scalar_ak8(*row) for row in zip(*columns, strict=True)]
    assert list(truth.ak8_flavour(*columns)) == expected


def test_flavsplit_undefined_is_unmatched():
    """CMS' code 1000 is no class of flavours.yaml."""
    assert list(truth.clean_flavsplit(np.array([500, 0, 999, 1000]))) == [500, 0, 999, 999]


def particles(events):
    """GenPart branches from lists of (pdg id, mother, status, flags, pt, eta, phi)."""
    names = ("pdgId", "genPartIdxMother", "status", "statusFlags", "pt", "eta", "phi")
    return {
        f"GenPart_{name}": ak.values_astype(
            ak.Array([[particle[i] for particle in event] for event in events]),
            np.int32 if i < 4 else np.float32,
        )
        for i, name in enumerate(names)
    }


@pytest.mark.parametrize(
    ("pdg_id", "b", "c"),
    [(521, True, False), (-5122, True, False), (411, False, True), (5, False, False), (211, False, False)],
)
def test_quark_content(pdg_id, b, c):
    """Hadrons by PDG numbering; quarks themselves are none."""
    assert truth.has_quark(np.array([pdg_id]), 5)[0] == b
    assert truth.has_quark(np.array([pdg_id]), 4)[0] == c


def scalar_lepton(event, phi):
    """1 or 2 as CMSSW's `jet_flavour` has 520 or 521, neutrino by neutrino."""
    found = set()
    for pdg_id, mother, *_, own_phi in event:
        if abs(pdg_id) not in (12, 14, 16) or mother < 0:
            continue
        if abs((own_phi - phi + np.pi) % (2 * np.pi) - np.pi) >= 0.4:
            continue
        parent = abs(event[mother][0])
        if 500 < parent < 600 or 5000 < parent < 6000:
            found.add(1)
        if 400 < parent < 500 or 4000 < parent < 5000:
            found.add(2)
    return min(found, default=0)


def test_decay_leptons_are_those_of_the_scalar_version():
    """Neutrinos of any mother, in and beside the jets, and leptons, which do not count."""
    rng = np.random.default_rng(3)
    ids, phi = (
        [5, 511, -5122, 10511, 421, -4122, 443, 15, 211, 11, -13, 12, -14, 16],
        [0.0, 0.3, 0.5, 1.0, -3.1],
    )
    events = []
    for _ in range(60):
        n = rng.integers(1, 12)
        events.append(
            [
                (int(rng.choice(ids)),
                 int(rng.integers(-1, i)) if i else -1, 1, 0, 9.0, 0.0, float(rng.choice(phi)))
                for i in range(n)
            ]
        )  # fmt: skip
    jets = Directions(np.arange(0, 181, 3), np.zeros(180), np.tile([0.0, 0.8, 3.1], 60))
    expected = [scalar_lepton(event, phi) for event in events for phi in (0.0, 0.8, 3.1)]
    assert {0, 1, 2} == set(expected)
    assert truth.decay_lepton(truth.Generator(particles(events)), jets).tolist() == expected


def test_leptons_without_a_neutrino_are_no_decay():
    """J/psi to muons, a Dalitz pair and a conversion in a b jet; a tau has its neutrino beside it."""
    b = (521, -1, 2, 0, 50.0, 0.0, 0.0)
    events = [
        [b, (443, 0, 2, 0, 9.0, 0.0, 0.0), (13, 1, 1, 0, 9.0, 0.1, 0.1), (-13, 1, 1, 0, 9.0, 0.1, 0.1)],
        [b, (111, 0, 2, 0, 9.0, 0.0, 0.0), (11, 1, 1, 0, 9.0, 0.1, 0.1), (22, 1, 1, 0, 9.0, 0.1, 0.1)],
        [b, (15, 0, 2, 0, 9.0, 0.0, 0.0), (16, 0, 1, 0, 9.0, 0.1, 0.1), (-12, 1, 1, 0, 9.0, 0.1, 0.1)],
        [(15, -1, 2, 0, 9.0, 0.0, 0.0), (16, 0, 1, 0, 9.0, 0.1, 0.1)],
    ]
    jets = Directions(np.arange(5), np.zeros(4), np.zeros(4))
    assert truth.decay_lepton(truth.Generator(particles(events)), jets).tolist() == [0, 0, 1, 0]


def test_z_and_jets_agree_with_four_vectors():
    """The Z from the leading pair; jets below threshold or on a lepton go; the others fall in pt."""
    hard = truth.FROM_HARD_PROCESS
    events = [
        [(23, -1, 22, 0, 1.0, 0.0, 0.0), (11, 0, 1, 0, 30.0, 0.5, 0.2), (-11, 0, 1, 0, 45.0, -0.2, 2.9)],
        [(13, -1, 1, hard, 30.0, 0.5, 0.2), (-11, -1, 1, hard, 45.0, -0.2, 2.9)],
        [(13, -1, 1, 0, 30.0, 0.5, 0.2), (-13, -1, 1, 0, 45.0, -0.2, 2.9)],
    ]
    branches = particles(events) | {
        "GenJet_pt": ak.Array([[45.0, 20.0, 60.0, 14.0], [30.0], []]),
        "GenJet_eta": ak.Array([[-0.2, 1.0, 2.0, 2.0], [0.0], []]),
        "GenJet_phi": ak.Array([[2.8, 1.0, -1.0, -1.0], [0.0], []]),
    }
    found = truth.Generator(branches)
    kept, pairs = generator.z_leptons(found)
    assert list(kept) == [True, False, False]  # another flavour; not of the hard process
    columns = Columns("event", 1)
    generator.fill(columns, branches, found, kept, pairs)
    row = columns.rows()[0]
    vectors = [(45.0, -0.2, 2.9), (30.0, 0.5, 0.2)]
    px = sum(pt * np.cos(phi) for pt, _, phi in vectors)
    py = sum(pt * np.sin(phi) for pt, _, phi in vectors)
    pz = sum(pt * np.sinh(eta) for pt, eta, _ in vectors)
    energy = sum(pt * np.cosh(eta) for pt, eta, _ in vectors)
    assert row["z_pt_gev"] == pytest.approx(np.hypot(px, py), rel=1e-5)
    assert row["z_y"] == pytest.approx(np.arctanh(pz / energy), rel=1e-5)
    assert row["z_mass_gev"] == pytest.approx(np.sqrt(energy**2 - px**2 - py**2 - pz**2), rel=1e-5)
    assert row["genjet_pt_gev"].to_list() == [60.0, 20.0]


def test_antiparticles_count_as_particles():
    """A neutrino of an anti-B."""
    event = [(-521, -1, 2, 0, 50.0, 0.0, 0.0), (-14, 0, 1, 0, 9.0, 0.1, 0.1)]
    jet = Directions(np.arange(2), np.zeros(1), np.zeros(1))
    assert truth.decay_lepton(truth.Generator(particles([event])), jet).tolist() == [1]


def test_mothers_are_counted_within_their_event():
    """The second event's particles begin anew; a mother behind the last one, or -1, is none."""
    first = [(521, -1, 2, 0, 9.0, 0.0, 0.0), (421, 0, 2, 0, 9.0, 0.0, 0.0), (11, 3, 1, 0, 9.0, 0.0, 0.0)]
    second = [(13, -1, 1, 0, 9.0, 0.0, 0.0), (411, 0, 2, 0, 9.0, 0.0, 0.0), (22, 2, 1, 0, 9.0, 0.0, 0.0)]
    found = truth.Generator(particles([first, second]))
    assert found.mother.tolist() == [0, 0, 2, 3, 3, 5]


def test_leptons_are_final():
    """By status or as the last copy; a tau, a neutrino and a lepton that still radiates are none."""
    kinds = [(11, 1, 0), (-13, 2, truth.LAST_COPY), (13, 2, 0), (15, 1, 0), (12, 1, 0), (-11, 1, 1)]
    event = [(pdg_id, -1, status, flags, 1.0, 0.0, 0.0) for pdg_id, status, flags in kinds]
    found = truth.Generator(particles([event]))
    assert found.leptons().tolist() == [True, True, False, False, False, True]
    both = truth.LAST_COPY | truth.FROM_HARD_PROCESS
    event = [(11, -1, 1, flags, 1.0, 0.0, 0.0) for flags in (both, truth.LAST_COPY, both | 1)]
    assert truth.Generator(particles([event])).flag(both).tolist() == [True, False, True]


@pytest.mark.parametrize(("distance", "lepton"), [(0.39, 1), (0.41, 0)])
def test_radius_of_leptons(distance, lepton):
    """0.4 around the axis."""
    event = [
        (511, -1, 2, 0, 9.0, 3.0, 0.0),
        (12, 0, 1, 0, 9.0, 0.0, distance),
    ]
    found, jet = truth.Generator(particles([event])), Directions(np.arange(2), np.zeros(1), np.zeros(1))
    assert truth.decay_lepton(found, jet).tolist() == [lepton]


def test_a_direct_lepton_goes_before_one_of_a_cascade():
    """A jet with both is that of the b hadron's own; any c hadron counts, as with CMS."""
    b, c = (-511, -1, 2, 0, 50.0, 0.0, 0.0), (-421, 0, 2, 0, 30.0, 0.0, 0.0)
    direct, cascade = (12, 0, 1, 0, 9.0, 0.1, 0.1), (14, 1, 1, 0, 9.0, 0.1, 0.1)
    prompt, quark = (421, -1, 2, 0, 30.0, 0.0, 0.0), (5, -1, 23, 0, 50.0, 0.0, 0.0)
    events = [
        [b, c, direct, cascade],
        [prompt, (-14, 0, 1, 0, 9.0, 0.1, 0.1)],
        [quark, (511, 0, 2, 0, 50.0, 0.0, 0.0), cascade],  # what is above the b hadron makes no cascade
    ]
    jets = Directions(np.arange(4), np.zeros(3), np.zeros(3))
    assert truth.decay_lepton(truth.Generator(particles(events)), jets).tolist() == [1, 2, 1]


def test_last_hadrons_by_their_numbers():
    """Onia and both signs; a B_c is one of b; no diquark or quark is a hadron; what goes on is not last."""
    ids = [443, -553, 541, -411, 5503, -4403, 5, -4, 15, 211, 423, 421, -5122, -513]
    mothers = [-1] * 11 + [10, -1, -1]
    event = [(pdg_id, mother, 2, 0, 1.0, 0.0, 0.0) for pdg_id, mother in zip(ids, mothers, strict=True)]
    found = truth.Generator(particles([event]))
    assert found.pdg_id[found.last_hadrons(5)].tolist() == [-553, 541, -5122, -513]
    assert found.pdg_id[found.last_hadrons(4)].tolist() == [443, -411, 421]


def test_labels_of_atlas():
    """Two of a kind by the extended label, taus nowhere; large jets by what they hold as a whole."""
    hadron = np.array([5, 5, 5, 4, 4, 15, 0, 0, 0])
    extended = np.array([5, 55, 54, 4, 44, 15, 0, 0, 0])
    parton = np.array([5, 5, 5, 4, 4, 1, 21, -1, 3])
    expected = [500, 510, 500, 400, 410, 999, 0, 1, 2]
    assert truth.atlas_ak4_flavour(hadron, extended, parton).tolist() == expected
    label = np.array([11, 12, 1, 10, 10, 10, 10, 10, 2, 6, 9, 13])
    n_b, n_c = np.array([[2, 0], [0, 2], [1, 1], [0, 0], [0, 1], [0, 2], [1, 2], [3, 0], *[[0, 0]] * 4]).T
    expected = [2505, 2504, 2506, 1000, 1004, 1044, 1005, 1055, 999, 999, 999, 999]
    assert truth.atlas_ak8_flavour(label, n_b, n_c).tolist() == expected


def test_what_a_quark_makes_of_a_number():
    """By the digit of hundreds or of thousands: excited states, baryons, mesons with both, diquarks."""
    ids = np.array([10521, -5232, 4122, 541, 5403, 100443, 15, 25, 15122, -14122])
    assert truth.has_quark(ids, 5).tolist() == [
        True,
        True,
        False,
        True,
        True,
        False,
        False,
        False,
        True,
        False,
    ]
    assert truth.has_quark(ids, 4).tolist() == [
        False,
        False,
        True,
        False,
        True,
        True,
        False,
        False,
        False,
        True,
    ]
