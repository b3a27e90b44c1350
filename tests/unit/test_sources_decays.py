"""Decays inside large jets agree with a readable scalar version, and with jets that can be looked through."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetsmith.columns import TRUTH
from jetsmith.sources import decays, truth
from jetsmith.sources.flat import Directions
from tests.unit.test_sources_truth import particles


def generator(*events):
    """Particles of (pdg id, mother, phi)."""
    return truth.Generator(particles([[(i, m, 22, 0, 9.0, 0.0, phi) for i, m, phi in e] for e in events]))


def at(*phi):
    """Jets of one event."""
    return Directions(np.array([0, len(phi)]), np.zeros(len(phi)), np.array(phi))


def found(event, phi=0.0, n_b=9, n_c=9):
    (truth_id,) = decays.inside(generator(event), at(phi), np.array([n_b]), np.array([n_c]))
    return int(truth_id)


def scalar(event, phi, n_b, n_c):
    """The class of one jet, quark by quark."""
    in_jet = {}
    for pdg_id, mother, where in event:
        if mother < 0 or abs(event[mother][0]) not in LEAVES:
            continue
        if abs(pdg_id) not in LEAVES[abs(event[mother][0])]:
            continue
        owner = mother
        while abs(event[owner][0]) in (23, 24):
            above = event[owner][1]
            if above < 0 or abs(event[above][0]) not in (6, 23, 24, 25):
                break
            owner = above
        if abs((where - phi + np.pi) % (2 * np.pi) - np.pi) >= 0.8:
            continue
        name = {5: "b", 4: "c"}.get(abs(pdg_id), "q")
        if abs(event[mother][0]) == 6:
            name = "t"
        elif abs(event[owner][0]) == 25 and owner != mother:
            name = "q"
        in_jet.setdefault(owner, []).extend(name if abs(pdg_id) <= 5 else "")
    if not in_jet:
        return 0
    owner = max(sorted(in_jet), key=lambda o: len(in_jet[o]))
    quarks, size = "".join(sorted(in_jet[owner])), abs(event[owner][0])
    bosons = {"bb": (5, 2, 0), "cc": (4, 0, 2), "qq": (1, 0, 0)}
    vector = {"cq": (2404, 0, 1), "qq": (2401, 0, 0)}
    tops = {"cqt": (2604, 1, 0), "qqt": (2601, 1, 0), "ct": (2614, 1, 0), "qt": (2611, 1, 0)}
    table = {24: vector, 6: vector | tops}.get(size, {})
    if size in (23, 25):
        table = {key: (100 * size + end, b, c) for key, (end, b, c) in bosons.items()}
        if size == 25:
            del table["qq"]
    truth_id, least_b, least_c = table.get(quarks, (999, 0, 0))
    return truth_id if n_b >= least_b and (n_b or n_c >= least_c) else 999


QUARKS, LEPTONS = {1, 2, 3, 4, 5}, {11, 13, 15}
LEAVES = {6: {5}, 23: QUARKS | LEPTONS, 24: QUARKS | LEPTONS}
LEAVES |= dict.fromkeys((25, 35, 1000021), QUARKS | LEPTONS | {21, 22})
IDS = (6, -6, 24, -24, 23, 25, 1, -2, 3, 4, -4, 5, -5, 21, 22, 11, -12, 15, 35, 1000021, 511)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_decays_are_those_of_the_scalar_version(data):
    """Any record, with copies, cascades and several decays in a jet, and any hadrons."""
    event = []
    for i in range(data.draw(st.integers(1, 14))):
        pdg_id, mother = data.draw(st.sampled_from(IDS)), data.draw(st.integers(-1, i - 1))
        event.append((pdg_id, mother, data.draw(st.sampled_from([0.0, 0.5, 1.0, 3.0]))))
    phi = (0.0, 0.6, 1.4, 2.4)
    n_b, n_c = (np.array(data.draw(st.lists(st.integers(0, 2), min_size=4, max_size=4))) for _ in range(2))
    expected = [scalar(event, *jet) for jet in zip(phi, n_b, n_c, strict=True)]
    assert decays.inside(generator(event), at(*phi), n_b, n_c).tolist() == expected


def test_every_class_once():
    """The decays of the demo's samples, each as it is meant, whichever the signs and orders."""
    top = [(6, -1, 0.0), (5, 0, 0.3), (24, 0, 0.0), (24, 2, 0.0)]
    assert found([(25, -1, 0.0), (5, 0, 0.3), (-5, 0, -0.3)]) == 2505
    assert found([(25, -1, 0.0), (-4, 0, 0.3), (4, 0, -0.3)]) == 2504
    for quark, truth_id in ((5, 2305), (-4, 2304), (2, 2301)):
        assert found([(23, -1, 0.0), (quark, 0, 0.3), (-quark, 0, -0.3)]) == truth_id
    for quark, whole, torn, of_w in ((4, 2604, 2614, 2404), (-2, 2601, 2611, 2401)):
        assert found([*top, (quark, 3, 0.1), (-3, 3, 0.2)]) == whole
        assert found([*top, (quark, 3, 0.1), (-3, 3, 2.0)]) == torn
        assert found([(24, -1, 0.0), (quark, 0, 0.3), (-3, 0, -0.3)]) == of_w
        assert found([(6, -1, 0.0), (5, 0, 2.0), (24, 0, 0.0), (quark, 2, 0.1), (-3, 2, 0.2)]) == of_w
    assert {*decays.CLASSES.values(), 2506} < set(TRUTH["ak8"])


def test_parts_of_a_decay_are_neither_signal_nor_qcd():
    """One quark alone, the b quark of a leptonic top, four quarks of a Higgs boson; far away it is QCD."""
    assert found([(25, -1, 0.0), (5, 0, 0.3), (-5, 0, 2.0)]) == 999
    assert found([(6, -1, 0.0), (5, 0, 0.3), (24, 0, 0.0), (11, 2, 0.1), (-12, 2, 0.1)]) == 999
    assert found([(25, -1, 0.0), (23, 0, 0.0), (23, 0, 0.0), (5, 1, 0.3), (-5, 1, 0.3)]) == 999
    assert found([(25, -1, 0.0), (5, 0, 2.3), (-5, 0, 2.0)]) == 0


HIGGS, TOP = (25, -1, 0.0), (6, -1, 0.0)
WITHOUT_QUARKS = {
    "H to gg": [HIGGS, (21, 0, 0.2), (21, 0, -0.2)],
    "H to gamma gamma": [HIGGS, (22, 0, 0.2), (22, 0, -0.2)],
    "H to tau tau": [HIGGS, (15, 0, 0.2), (-15, 0, -0.2)],
    "H to W W to leptons": [HIGGS, (24, 0, 0.1), (-24, 0, -0.1), (-11, 1, 0.1), (12, 1, 0.0), (13, 2, 0.0)],
    "Z to ee": [(23, -1, 0.0), (23, 0, 0.0), (11, 1, 0.2), (-11, 1, -0.2)],
    "W to tau nu": [(24, -1, 0.0), (-15, 0, 0.2), (16, 0, -0.2)],
    "a leptonic top whose b quark is outside": [TOP, (5, 0, 2.5), (24, 0, 0.0), (-13, 2, 0.1), (14, 2, 0.1)],
}


@pytest.mark.parametrize("event", WITHOUT_QUARKS.values(), ids=WITHOUT_QUARKS)
def test_decays_without_quarks_are_neither_signal_nor_qcd(event):
    """Gluons, photons and leptons of a decay in a jet; far away from them it is QCD."""
    assert found(event, n_b=0, n_c=0) == 999
    assert found(event, phi=-1.5, n_b=0, n_c=0) == 0


@pytest.mark.parametrize("pdg_id", [32, -34, 35, 36, 37, 39, 42, 5000039, 6000006, 9900023, 1000021])
def test_resonances_that_no_class_names(pdg_id):
    """What they leave is unmatched; W, Z and Higgs bosons that they make have their classes."""
    assert found([(pdg_id, -1, 0.0), (5, 0, 0.3), (-5, 0, -0.3)]) == 999
    assert found([(pdg_id, -1, 0.0), (21, 0, 0.3), (21, 0, -0.3)], n_b=0, n_c=0) == 999
    assert found([(pdg_id, -1, 0.0), (25, 0, 0.3), (5, 1, 0.3), (-5, 1, 0.1)]) == 2505
    assert found([(pdg_id, -1, 0.0), (24, 0, 0.3), (1, 1, 0.3), (-2, 1, 0.1)]) == 2401
    assert found([HIGGS, (pdg_id, 0, 0.0), (5, 1, 0.3), (-5, 1, 0.1)]) == 999


# The last are pairs of heavy quarks in an octet (Pythia: flavour, state and its numbers), and a technipion.
@pytest.mark.parametrize(
    "pdg_id",
    [
        *(1, 21, 22, 92, 111, 130, 443, 511, 990, 2101, 2212, 9010221, 1000010020),
        *(9940003, 9941003, 9942003, 9942033, 9940103, 9950003, -9951003, 9952033, 3000111),
    ],
)
def test_what_is_no_resonance(pdg_id):
    """Partons, strings, hadrons, diquarks and nuclei: what is below them is QCD."""
    assert found([(pdg_id, -1, 0.0), (5, 0, 0.3), (-5, 0, -0.3), (11, 0, 0.0), (22, 0, 0.0)]) == 0


def test_what_leaves_nothing_or_is_radiated_makes_no_decay():
    """Neutrinos, and gluons and photons of W, Z and tops; nor do leptons beside a whole decay undo it."""
    assert found([(23, -1, 0.0), (12, 0, 0.2), (-12, 0, -0.2)], n_b=0, n_c=0) == 0
    assert found([TOP, (21, 0, 0.2), (6, 0, 3.0)], n_b=0, n_c=0) == 0
    assert found([(24, -1, 0.0), (22, 0, 0.2), (24, 0, 3.0)], n_b=0, n_c=0) == 0
    beside = [(23, -1, 0.0), (11, 0, 0.1), (-11, 0, 0.1), HIGGS, (5, 3, 0.3), (-5, 3, -0.3)]
    assert found(beside) == 2505


@pytest.mark.parametrize(("n_b", "expected"), [(2, 2505), (1, 999)])
def test_hadrons_have_to_be_in_the_jet(n_b, expected):
    """Quarks that point into a jet make no H(bb) where only one b hadron is in it."""
    assert found([(25, -1, 0.0), (5, 0, 0.3), (-5, 0, -0.3)], n_b=n_b) == expected


@pytest.mark.parametrize(("distance", "expected"), [(0.79, 2505), (0.81, 999)])
def test_radius(distance, expected):
    """0.8 around the axis."""
    assert found([(25, -1, 0.0), (5, 0, distance), (-5, 0, 0.0)]) == expected


def test_a_loop_of_bosons_ends():
    """A damaged file must not hang a job."""
    assert found([(24, 1, 0.0), (24, 0, 0.0), (1, 0, 0.0), (-3, 1, 0.1)]) in (999, 2401)


def test_events_are_kept_apart():
    """A jet sees the decays of its own event alone, and an event without particles is none."""
    higgs = [(25, -1, 0.0), (5, 0, 0.3), (-5, 0, -0.3)]
    jets = Directions(np.array([0, 1, 2, 3]), np.zeros(3), np.zeros(3))
    two = np.full(3, 2)
    assert decays.inside(generator(higgs, [], [(21, -1, 0.0)]), jets, two, two).tolist() == [2505, 0, 0]
