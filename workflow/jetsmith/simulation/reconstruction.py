"""One batch of events from the generator to the blocks of the file."""

import numpy as np

from jetsmith.angles import delta_r
from jetsmith.io import FloatArray, IntArray
from jetsmith.simulation import layout
from jetsmith.simulation.detector import simulate_detector
from jetsmith.simulation.doubleb import double_b_inputs
from jetsmith.simulation.impact import impact_parameters
from jetsmith.simulation.jets import (
    RESPONSE,
    Clustered,
    Ghosts,
    find_ghosts,
    generator_jets,
    reconstructed_jets,
)
from jetsmith.simulation.layout import Candidates
from jetsmith.simulation.leptons import leptons, missing_momentum
from jetsmith.simulation.origins import track_truth
from jetsmith.simulation.parameters import Detector
from jetsmith.simulation.pythia import Batch
from jetsmith.simulation.substructure import Substructure, substructure
from jetsmith.simulation.tables import Array, Jets, Tracks, Vertices, offsets, pairs
from jetsmith.simulation.taginfo import tag_inputs
from jetsmith.simulation.truth import gen_particles, parton_flavour
from jetsmith.simulation.vertexing import find_vertices
from jetsmith.simulation.writer import Collection, collection, weights_as_stored

JET_PT_MIN_GEV = 20.0
FAT_JET_PT_MIN_GEV = 200.0
GEN_JET_PT_MIN_GEV, GEN_FAT_JET_PT_MIN_GEV = 10.0, 80.0  # as NanoAOD has them
# ASSUME the luminous region of a run-2 collision: means and widths [cm].
_BEAM_SPOT_CM = ((0.0, 1e-3), (0.0, 1e-3), (0.0, 3.5))

VertexLinks = tuple[IntArray, IntArray]


def reconstruct(
    batch: Batch, detector: Detector, boosted: bool, rng: np.random.Generator
) -> tuple[dict[str, Array], dict[str, Collection]]:
    """Simulate the detector and reconstruct.

    Args:
        batch: Generated events.
        detector: What the detector can do.
        boosted: Add the AK8 collections.
        rng: Source of all randomness here.

    Returns:
        Values an event (without run, luminosityBlock and event), and collections.
    """
    n = batch.n_events
    tracks, neutrals = simulate_detector(batch, detector, rng)
    vertices, *links = find_vertices(tracks, offsets(tracks.event, n))
    vertex_links = (links[0], links[1])
    ghosts = find_ghosts(batch.particles)
    found = reconstructed_jets(tracks, neutrals, ghosts, 0.4, JET_PT_MIN_GEV, n)
    used = np.zeros(len(tracks) + len(neutrals), np.bool_)
    used[found.link_input] = True
    fat = None
    if boosted:
        fat = reconstructed_jets(tracks, neutrals, ghosts, 0.8, FAT_JET_PT_MIN_GEV, n)
        used[fat.link_input] = True
    truth = track_truth(tracks, batch.particles, n)
    cands, written = layout.candidates(tracks, neutrals, truth, used, n)
    scalars, primary = _event_values(batch, detector, rng)
    collections = {
        "PFCands": written,
        "SV": layout.secondary_vertices(vertices, primary, n),
        **leptons(tracks, neutrals, n),
        **_slim_jets(batch, found, cands, tracks, vertices, vertex_links, ghosts),
    }
    if fat is not None:
        collections |= _fat_jets(batch, fat, cands, tracks, vertices, vertex_links, ghosts)
    gen = gen_particles(batch.particles, n)
    collections["GenPart"] = collection(
        gen.event,
        n,
        {
            "pt": gen.pt,
            "eta": gen.eta,
            "phi": gen.phi,
            "mass": gen.mass,
            "pdgId": gen.pdg_id,
            "status": gen.status,
            "statusFlags": gen.status_flags,
            "genPartIdxMother": gen.mother,
        },
    )
    return scalars | missing_momentum(tracks, neutrals, n), collections


def _event_values(
    batch: Batch, detector: Detector, rng: np.random.Generator
) -> tuple[dict[str, Array], FloatArray]:
    """Weights and primary vertices, and the position of the main one [cm], shape (3, n_events)."""
    n = batch.n_events
    mean, width = np.array(_BEAM_SPOT_CM).T
    primary = rng.normal(mean[:, None], width[:, None], (3, n))
    n_vertices = 1 + rng.poisson(detector.pile_up_vertices, n)
    weight = weights_as_stored(batch.weight)
    return {
        "genWeight": weight,
        "Generator_weight": weight,
        "Generator_binvar": batch.pt_hat.astype(np.float32),
        "PV_x": primary[0].astype(np.float32),
        "PV_y": primary[1].astype(np.float32),
        "PV_z": primary[2].astype(np.float32),
        "PV_npvs": n_vertices.astype(np.int32),
        "PV_npvsGood": n_vertices.astype(np.int32),
    }, primary


def _slim_jets(
    batch: Batch,
    found: Clustered,
    cands: Candidates,
    tracks: Tracks,
    vertices: Vertices,
    vertex_links: VertexLinks,
    ghosts: Ghosts,
) -> dict[str, Collection]:
    """AK4 jets with constituents, vertices, tag inputs and generator jets."""
    n, jets = batch.n_events, found.jets
    gen = generator_jets(batch.particles, ghosts, n, 0.4, GEN_JET_PT_MIN_GEV)
    charged = found.link_input < cands.n_tracks
    jet, track = found.link_jet[charged], found.link_input[charged]
    impact = impact_parameters(tracks, track, jets.eta[jet], jets.phi[jet])
    raw = Jets(jets.event, *(RESPONSE * p for p in (jets.px, jets.py, jets.pz, jets.energy)))
    tags = tag_inputs(raw, jet, track, impact, tracks, vertices, vertex_links, n)
    probability = tags.pop("Proba")
    columns = layout.jet_columns(found, cands)
    columns |= {
        "partonFlavour": parton_flavour(batch.particles, found.hadron_flavour, jets, jets.eta, jets.phi, n),
        "genJetIdx": layout.nearest(jets, gen.jets, 0.4, n),
        "Proba": probability,
        **{f"DeepCSV_{name}": values for name, values in tags.items()},
    }
    return {
        "Jet": collection(jets.event, n, columns),
        "JetPFCands": layout.constituents(found, cands, tracks, n),
        "JetSVs": layout.jet_vertices(jets, vertices, 0.4, n),
        "GenJet": _generated(batch, gen),
    }


def _generated(batch: Batch, gen: Clustered) -> Collection:
    """Generator jets with their flavours."""
    flavour, jets, n = gen.hadron_flavour, gen.jets, batch.n_events
    columns = layout.kinematics(jets) | {
        "hadronFlavour": flavour.astype(np.uint8),
        "partonFlavour": parton_flavour(batch.particles, flavour, jets, jets.eta, jets.phi, n),
    }
    return collection(jets.event, n, columns)


def _fat_jets(
    batch: Batch,
    found: Clustered,
    cands: Candidates,
    tracks: Tracks,
    vertices: Vertices,
    vertex_links: VertexLinks,
    ghosts: Ghosts,
) -> dict[str, Collection]:
    """AK8 jets with substructure, constituents, vertices, the double-b inputs and generator jets."""
    n, jets = batch.n_events, found.jets
    gen = generator_jets(batch.particles, ghosts, n, 0.8, GEN_FAT_JET_PT_MIN_GEV)
    inside = substructure(found.link_jet, cands.momentum[:, found.link_input] / RESPONSE, len(jets))
    charged = found.link_input < cands.n_tracks
    ddx = double_b_inputs(
        jets, inside, found.link_jet[charged], found.link_input[charged], tracks, vertices, vertex_links, n
    )
    subjet_event = np.repeat(jets.event, inside.n_subjets)
    start = np.concatenate([[0], np.cumsum(inside.n_subjets)])[:-1]
    first = start - offsets(subjet_event, n)[jets.event]
    columns = layout.jet_columns(found, cands)
    columns |= {
        "nBHadrons": found.n_b_hadrons.astype(np.uint8),
        "nCHadrons": found.n_c_hadrons.astype(np.uint8),
        "genJetAK8Idx": layout.nearest(jets, gen.jets, 0.8, n),
        "msoftdrop": inside.softdrop_mass,
        **{f"tau{i + 1}": inside.tau[:, i] for i in range(3)},
        "subJetIdx1": np.where(inside.n_subjets > 0, first, -1),
        "subJetIdx2": np.where(inside.n_subjets > 1, first + 1, -1),
        **{f"DDX_{name}": values for name, values in ddx.items()},
    }
    return {
        "FatJet": collection(jets.event, n, columns),
        "SubJet": collection(subjet_event, n, _subjet_columns(subjet_event, inside, ghosts, n)),
        "FatJetPFCands": layout.constituents(found, cands, tracks, n),
        "FatJetSVs": layout.jet_vertices(jets, vertices, 0.8, n),
        "GenJetAK8": _generated(batch, gen),
    }


def _subjet_columns(event: IntArray, inside: Substructure, ghosts: Ghosts, n_events: int) -> dict[str, Array]:
    """Kinematics, and the heavy hadrons of which a subjet is the nearest, within 0.4."""
    subjets = Jets(event, *inside.subjets)
    pt = np.hypot(ghosts.direction[0], ghosts.direction[1])
    eta, phi = np.arcsinh(ghosts.direction[2] / pt), np.arctan2(ghosts.direction[1], ghosts.direction[0])
    ghost, subjet = pairs(ghosts.event, offsets(event, n_events))
    distance = delta_r(eta[ghost], phi[ghost], subjets.eta[subjet], subjets.phi[subjet])
    near = distance < 0.4
    order = np.lexsort((-distance[near], ghost[near]))
    owner = np.full(len(pt), -1)
    owner[ghost[near][order]] = subjet[near][order]
    counts = [
        np.bincount(owner[(owner >= 0) & (ghosts.flavour == quark)], minlength=len(subjets))
        for quark in (5, 4)
    ]
    return layout.kinematics(subjets) | {
        "rawFactor": np.full(len(subjets), 1 - RESPONSE),
        "nBHadrons": counts[0].astype(np.uint8),
        "nCHadrons": counts[1].astype(np.uint8),
        "hadronFlavour": np.where(counts[0] > 0, 5, np.where(counts[1] > 0, 4, 0)),
    }
