"""The high-level inputs of DeepCSV and double-b that CMS PFNano stores in numbered branches."""

import numpy as np

from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.sources.flat import Array, Columns, counts_to_offsets
from jetsmith.sources.nanoaod import Jets

MISSING = -999.0

DEEPCSV = {
    "tag_n_secondary_vertices": "jetNSecondaryVertices",
    "tag_track_sum_jet_et_ratio": "trackSumJetEtRatio",
    "tag_track_sum_jet_delta_r": "trackSumJetDeltaR",
    "tag_vertex_category": "vertexCategory",
    "tag_track_sip2d_val_above_charm_cm": "trackSip2dValAboveCharm",
    "tag_track_sip2d_sig_above_charm": "trackSip2dSigAboveCharm",
    "tag_track_sip3d_val_above_charm_cm": "trackSip3dValAboveCharm",
    "tag_track_sip3d_sig_above_charm": "trackSip3dSigAboveCharm",
    "tag_n_selected_tracks": "jetNSelectedTracks",
    "tag_n_tracks_eta_rel": "jetNTracksEtaRel",
    "tag_vertex_mass_gev": "vertexMass",
    "tag_vertex_n_tracks": "vertexNTracks",
    "tag_vertex_energy_ratio": "vertexEnergyRatio",
    "tag_vertex_jet_delta_r": "vertexJetDeltaR",
    "tag_flight_distance_2d_val_cm": "flightDistance2dVal",
    "tag_flight_distance_2d_sig": "flightDistance2dSig",
    "tag_flight_distance_3d_val_cm": "flightDistance3dVal",
    "tag_flight_distance_3d_sig": "flightDistance3dSig",
}
# Branch without its number, slots, and the branch that says how many of them are filled.
DEEPCSV_TRACKS = {
    "track_jet_dist_cm": ("trackJetDistVal", 6, "jetNSelectedTracks"),
    "track_pt_rel_gev": ("trackPtRel", 6, "jetNSelectedTracks"),
    "track_delta_r": ("trackDeltaR", 6, "jetNSelectedTracks"),
    "track_pt_ratio": ("trackPtRatio", 6, "jetNSelectedTracks"),
    "track_sip3d_sig": ("trackSip3dSig", 6, "jetNSelectedTracks"),
    "track_sip2d_sig": ("trackSip2dSig", 6, "jetNSelectedTracks"),
    "track_decay_len_cm": ("trackDecayLenVal", 6, "jetNSelectedTracks"),
    "track_eta_rel": ("trackEtaRel", 4, "jetNTracksEtaRel"),
}
DOUBLE_B = {
    "ddx_z_ratio": "z_ratio",
    "ddx_track_sip2d_sig_above_charm": "trackSip2dSigAboveCharm",
    "ddx_n_tracks": "jetNTracks",
    "ddx_n_secondary_vertices": "jetNSecondaryVertices",
    "ddx_tau1_vertex_delta_r": "tau1_vertexDeltaR",
} | {
    f"ddx_tau{axis}_{name}": f"tau{axis}_{branch}"
    for axis in (1, 2)
    for name, branch in {
        "vertex_mass_gev": "vertexMass",
        "vertex_energy_ratio": "vertexEnergyRatio",
        "flight_distance_2d_sig": "flightDistance2dSig",
    }.items()
}
DOUBLE_B_SLOTS = {
    "ddx_track_sip3d_sig": tuple(f"trackSip3dSig_{i}" for i in range(4)),
    "ddx_track_sip2d_sig_above_bottom": tuple(f"trackSip2dSigAboveBottom_{i}" for i in range(2)),
    "ddx_tau1_track_sip3d_sig": tuple(f"tau1_trackSip3dSig_{i}" for i in range(2)),
    "ddx_tau2_track_sip3d_sig": tuple(f"tau2_trackSip3dSig_{i}" for i in range(2)),
    "ddx_tau1_track_eta_rel": tuple(f"tau1_trackEtaRel_{i}" for i in range(3)),
    # PFNano calls the slot of index 2 `_3`
    "ddx_tau2_track_eta_rel": ("tau2_trackEtaRel_0", "tau2_trackEtaRel_1", "tau2_trackEtaRel_3"),
}


def wanted(obj: str) -> dict[str, tuple[str, ...]]:
    """The branches, with the collection's prefix, that each canonical column needs."""
    if obj == "ak4":
        table: dict[str, tuple[str, ...]] = {name: (branch,) for name, branch in DEEPCSV.items()}
        table |= {
            name: (*(f"{branch}_{i}" for i in range(slots)), count)
            for name, (branch, slots, count) in DEEPCSV_TRACKS.items()
        }
        prefix = "Jet_DeepCSV_"
    else:
        table = {**{name: (branch,) for name, branch in DOUBLE_B.items()}, **DOUBLE_B_SLOTS}
        prefix = "FatJet_DDX_"
    return {name: tuple(prefix + branch for branch in needed) for name, needed in table.items()}


def fill(columns: Columns, jets: Jets, obj: str) -> None:
    """Fill the columns that the file has the branches of."""
    table = DEEPCSV if obj == "ak4" else DOUBLE_B
    present = {
        name: [branch.removeprefix(f"{jets.prefix}_") for branch in needed]
        for name, needed in wanted(obj).items()
        if all(branch in jets.events for branch in needed)
    }
    for name in set(table) & set(present):
        columns.flat(name, without_missing(jets.take(present[name][0])))
    if obj == "ak4":
        for name in set(DEEPCSV_TRACKS) & set(present):
            *slots, count = present[name]
            columns.ragged(name, *filled_slots(_stack(jets, slots), jets.take(count)))
    else:
        for name in set(DOUBLE_B_SLOTS) & set(present):
            columns.ragged(name, *trimmed_slots(_stack(jets, present[name])))


def _stack(jets: Jets, slots: list[str]) -> FloatArray:
    return np.stack([jets.take(name).astype(np.float32) for name in slots], axis=1)  # (N, S)


def without_missing(array: Array) -> FloatArray:
    """Values with the code for missing, -999, made NaN."""
    floats = array.astype(np.float32)
    return np.where(floats == MISSING, np.float32(np.nan), floats)


def filled_slots(matrix: FloatArray, count: IntArray) -> tuple[IntArray, FloatArray]:
    """The first `count` slots of each row; those behind hold uninitialised memory.

    Args:
        matrix: Numbered branches side by side, shape (N, S).
        count: How many are filled, shape (N,); may be larger than S.

    Returns:
        Offsets (N + 1,) and content; -999 within the count is NaN.
    """
    length = np.clip(count.astype(np.int64), 0, matrix.shape[1])
    mask: BoolArray = np.arange(matrix.shape[1]) < length[:, None]
    return counts_to_offsets(length), without_missing(matrix[mask])


def trimmed_slots(matrix: FloatArray) -> tuple[IntArray, FloatArray]:
    """The slots of each row up to the last that is not missing (-999); those between are NaN."""
    valid = matrix != MISSING
    last = matrix.shape[1] - np.argmax(valid[:, ::-1], axis=1)
    return filled_slots(matrix, np.where(valid.any(axis=1), last, 0))
