"""Event rows of NanoAOD beside the Z and its jets, against a walk through the particles."""

import math
from collections.abc import Sequence
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetsmith import columns
from jetsmith.sources import event_content, nanoaod, truth
from jetsmith.specs.datasets import ReadingSpec, SelectionSpec

SPEC, CUTS = ReadingSpec(object="event", events="all"), SelectionSpec()
BITS = {"first": event_content.FIRST_COPY, "last": truth.LAST_COPY}
HARD = truth.FROM_HARD_PROCESS
PARTICLE = ("pdgId", "status", "statusFlags", "genPartIdxMother", "pt", "eta", "phi", "mass")
Event = list[tuple[Any, ...]]


def ragged(events: Sequence[Sequence[Any]], kind: str) -> ak.Array:
    """Lists of numbers, of a type also where all are empty."""
    return ak.unflatten(np.array([x for event in events for x in event], kind), [len(e) for e in events])


def branches(events: list[Event], **more: Any) -> dict[str, ak.Array]:
    """What a file of these events has: particles as in PARTICLE, without their mother; no jets."""
    n = len(events)
    found = {
        f"GenPart_{name}": ragged(
            [[(*p[:3], -1, *p[3:])[i] for p in event] for event in events], "int32" if i < 4 else "float32"
        )
        for i, name in enumerate(PARTICLE)
    }
    found |= {f"GenJet_{name}": ragged([[]] * n, "float32") for name in ("pt", "eta", "phi", "mass")}
    found |= {
        "run": np.ones(n),
        "luminosityBlock": np.ones(n),
        "event": np.arange(n),
        "genWeight": np.ones(n),
    }
    return {name: ak.Array(values) for name, values in (found | more).items()}


def scalar_top(event: Event, pdg_id: int, bit: int) -> list[float]:
    """pt, rapidity, azimuth and mass of the one particle of that id and flag, else NaN."""
    found = [p for p in event if p[0] == pdg_id and p[2] & bit]
    if len(found) != 1:
        return [math.nan] * 4
    pt, eta, phi, mass = map(float, found[0][3:])
    pz = pt * math.sinh(eta)
    energy = math.sqrt(pt**2 + pz**2 + mass**2)
    return [pt, 0.5 * math.log((energy + pz) / (energy - pz)), phi, mass]


particle = st.tuples(
    st.sampled_from([6, -6, 5, 21]),
    st.just(62),
    st.sampled_from([0, BITS["first"], BITS["last"], BITS["first"] | BITS["last"]]),
    st.floats(1, 500, width=32),
    st.floats(-4, 4, width=32),
    st.floats(-3, 3, width=32),
    st.floats(165, 180, width=32),
)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(particle, max_size=6), min_size=1, max_size=5))
def test_tops_are_those_of_a_walk(events: list[Event]) -> None:
    """First and last copies, by flag; NaN where there is none, or are several, in any order of particles."""
    rows, cutflow = nanoaod.rows(branches(events), SPEC, CUTS)
    assert len(rows) == len(events)
    assert [line.cut for line in cutflow][-1] != "two leptons of a Z"
    for row, event in zip(rows.to_list(), events, strict=True):
        for copy, bit in BITS.items():
            for quark, pdg_id in (("top", 6), ("antitop", -6)):
                names = [f"{copy}_{quark}_{name}" for name in ("pt_gev", "y", "phi_rad", "mass_gev")]
                expected = scalar_top(event, pdg_id, bit)
                assert [row[name] for name in names] == pytest.approx(
                    expected, rel=1e-5, abs=1e-6, nan_ok=True
                )


parton = st.tuples(
    st.sampled_from([1, -2, 3, 4, -5, 6, 21, 22, 11, -12, 24]),
    st.sampled_from([-1, 1, 2]),
    st.floats(0, 99, width=32),
)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(parton, max_size=6), min_size=1, max_size=5), st.booleans())
def test_partons_are_those_of_a_walk(events: list[list[tuple[int, int, float]]], has_status: bool) -> None:
    """Quarks and gluons by falling pt; where the file says so, only outgoing ones."""
    given_ = [
        ("pdgId", 0, "int32"),
        ("status", 1, "int32"),
        *((n, 2, "float32") for n in ("pt", "eta", "phi", "mass")),
    ]
    lhe = {
        f"LHEPart_{name}": ragged([[p[i] for p in event] for event in events], kind)
        for name, i, kind in given_
        if has_status or name != "status"
    }
    rows, _ = nanoaod.rows(branches([[] for _ in events], **lhe), SPEC, CUTS)
    for row, event in zip(rows.to_list(), events, strict=True):
        kept = [p for p in event if abs(p[0]) in (1, 2, 3, 4, 5, 6, 21) and (p[1] == 1 or not has_status)]
        kept.sort(key=lambda p: -p[2])
        assert row["lhe_parton_pt_gev"] == pytest.approx([p[2] for p in kept])
        assert sorted(row["lhe_parton_flavour"]) == sorted(abs(p[0]) for p in kept)


def test_codes_are_no_multiplicities() -> None:
    """CMSSW writes -1 and -99 into unsigned bytes where the LHE file says nothing: these are no partons."""
    numbers = {
        "LHE_NpNLO": np.array([2, 157, 255, 0], np.uint8),
        "LHE_Njets": np.array([3, 4, 5, 6], np.uint8),
    }
    rows, _ = nanoaod.rows(branches([[]] * 4, **numbers), SPEC, CUTS)
    assert rows["n_lhe_nlo"].to_list() == pytest.approx([2, math.nan, math.nan, 0], nan_ok=True)
    assert rows["n_lhe_jets"].to_list() == [3, 4, 5, 6]


def test_what_a_file_lacks_is_no_column() -> None:
    """Nothing stands in: neither in what is promised, nor in the rows; and both are the same."""
    particles = {
        *truth.GEN_BRANCHES,
        "run",
        "luminosityBlock",
        "event",
        "GenJet_pt",
        "GenJet_eta",
        "GenJet_phi",
    }
    more = {"GenPart_mass", "GenMET_pt", "GenMET_phi", "LHE_HT", *event_content.PARTONS.values()}
    everything = branches([[]], **{name: np.ones(1) for name in ("GenMET_pt", "GenMET_phi", "LHE_HT")})
    everything |= dict.fromkeys(event_content.PARTONS.values(), ragged([[]], "float32"))
    for lacking in more:
        there = {name: values for name, values in everything.items() if name != lacking}
        promised = nanoaod.gives(set(there), "event")
        assert promised < nanoaod.gives(set(everything), "event"), lacking
        rows, _ = nanoaod.rows(
            {name: there[name] for name in nanoaod.branches(set(there), "event")}, SPEC, CUTS
        )
        assert set(rows.fields) == promised
    assert nanoaod.gives(particles - {"GenPart_pt"} | more, "event").isdisjoint(event_content.VALUES)
    known = set(columns.STORED["event"])
    assert nanoaod.gives(particles | more, "event") <= known


def test_all_events_are_rows_and_those_with_a_z_stay_what_they_are() -> None:
    """Columns of the Z are NaN without one, and jets are then cleaned of all leptons of the hard process."""
    lepton = [(13, 1, HARD, 40.0, 0.5, 1.0, 0.1), (-13, 1, HARD, 30.0, -0.5, -2.0, 0.1)]
    events = [[*lepton, (11, 1, HARD, 20.0, 2.0, 2.0, 0.0)], [(11, 1, HARD, 50.0, 0.5, 1.0, 0.0)], []]
    jets = {"pt": [50.0, 40.0, 30.0], "eta": [0.5, 2.0, -1.0], "phi": [1.0, 2.0, 0.0], "mass": [5.0] * 3}
    more = {f"GenJet_{name}": ak.Array([values] * 3) for name, values in jets.items()}
    found = branches(events, **more)
    rows, _ = nanoaod.rows(found, SPEC, CUTS)
    of_z, cutflow = nanoaod.rows(found, ReadingSpec(object="event"), CUTS)
    assert cutflow[-1].cut == "two leptons of a Z"
    assert len(of_z) == 1
    assert ak.array_equal(of_z, rows[:1], equal_nan=True)
    assert np.isnan(rows["z_pt_gev"]).tolist() == [False, True, True]
    assert rows["genjet_pt_gev"].to_list() == [[40, 30], [40, 30], [50, 40, 30]]
