"""Electrons, muons and what is missing as NanoAOD has them: identified tracks, and what is around them."""

import numpy as np

from jetsmith.angles import delta_r
from jetsmith.io import IntArray
from jetsmith.simulation.jets import neutral_momenta, track_momenta
from jetsmith.simulation.layout import ELECTRON_MASS_GEV, MUON_MASS_GEV
from jetsmith.simulation.tables import Array, Neutrals, Tracks, offsets, pairs, sum_by
from jetsmith.simulation.writer import Collection, collection

PT_MIN_GEV = {11: 5.0, 13: 3.0}  # as NanoAOD has them
CONE = 0.4
PRIMARY_DZ_CM = 0.1  # charged particles farther away are of pile-up
# ASSUME the tight points: of muons by impact parameters, of electrons by these and a relative isolation.
MUON_DXY_CM, MUON_DZ_CM = 0.2, 0.5
ELECTRON_DXY_CM, ELECTRON_DZ_CM, ELECTRON_ISOLATION = 0.05, 0.1, 0.1
TIGHT, VETO = 4, 1  # of Electron_cutBased


def leptons(tracks: Tracks, neutrals: Neutrals, n_events: int) -> dict[str, Collection]:
    """The collections Electron and Muon, by falling pt.

    Args:
        tracks, neutrals: All of them, ordered by event.
        n_events: Events of the batch.
    """
    chosen = {code: _identified(tracks, code) for code in PT_MIN_GEV}
    columns = {code: _in_common(tracks, neutrals, rows, n_events) for code, rows in chosen.items()}
    electron, muon = tracks.take(chosen[11]), tracks.take(chosen[13])
    near = (np.abs(electron.d0) < ELECTRON_DXY_CM) & (np.abs(electron.dz) < ELECTRON_DZ_CM)
    isolation = columns[11]["pfRelIso04_all"]
    tight = near & (electron.layer == 0) & (isolation < ELECTRON_ISOLATION)  # of a conversion it starts later
    tight_muon = (np.abs(muon.d0) < MUON_DXY_CM) & (np.abs(muon.dz) < MUON_DZ_CM)
    columns[11] |= {
        "mass": np.full(len(electron), ELECTRON_MASS_GEV),
        "cutBased": np.where(tight, TIGHT, VETO),
    }
    columns[13] |= {"mass": np.full(len(muon), MUON_MASS_GEV), "tightId": tight_muon}
    return {
        "Electron": collection(electron.event, n_events, columns[11]),
        "Muon": collection(muon.event, n_events, columns[13]),
    }


def missing_momentum(tracks: Tracks, neutrals: Neutrals, n_events: int) -> dict[str, Array]:
    """PuppiMET: what charged particles of the primary vertex and neutral ones by their weight lack."""
    primary = tracks.take(np.abs(tracks.dz) < PRIMARY_DZ_CM)
    event = np.concatenate([primary.event, neutrals.event])
    momenta = np.concatenate([track_momenta(primary), neutral_momenta(neutrals)], axis=1)
    x, y = (-sum_by(event, momenta[axis], n_events) for axis in (0, 1))
    return {
        "PuppiMET_pt": np.hypot(x, y).astype(np.float32),
        "PuppiMET_phi": np.arctan2(y, x).astype(np.float32),
    }


def _identified(tracks: Tracks, code: int) -> IntArray:
    """Rows of the tracks that particle flow calls so: tracks of an event stand by falling pt."""
    return np.flatnonzero((np.abs(tracks.pdg_id) == code) & (tracks.pt > PT_MIN_GEV[code]))


def _in_common(tracks: Tracks, neutrals: Neutrals, rows: IntArray, n_events: int) -> dict[str, Array]:
    """Kinematics, impact parameters, and what is around relative to its own momentum."""
    found = tracks.take(rows)
    around = np.zeros(len(rows))
    beside = (np.abs(tracks.dz) < PRIMARY_DZ_CM).astype(np.float64) * tracks.pt
    for others, momentum in ((tracks, beside), (neutrals, neutrals.pt * neutrals.puppi_weight)):
        lepton, other = pairs(found.event, offsets(others.event, n_events))
        distance = delta_r(found.eta[lepton], found.phi[lepton], others.eta[other], others.phi[other])
        inside = distance < CONE
        if others is tracks:
            inside &= rows[lepton] != other
        around += sum_by(lepton[inside], momentum[other[inside]], len(rows))
    return {
        "pt": found.pt,
        "eta": found.eta,
        "phi": found.phi,
        "charge": found.charge,
        "pdgId": found.pdg_id,
        "dxy": found.d0,
        "dxyErr": found.d0_error,
        "dz": found.dz,
        "dzErr": found.dz_error,
        "pfRelIso04_all": around / found.pt,
    }
