"""What CMS' c taggers read beside the inputs of DeepCSV: `Lists` in, arrays (N,) or `Lists` out.

After CMSSW's `CombinedSVComputer` and `CombinedSVSoftLeptonComputer` (RecoBTag/SecondaryVertex), leptons
after `SoftPFMuonTagInfoProducer` and `SoftPFElectronTagInfoProducer` (RecoBTag/SoftLepton). Files tell
neither a muon's global fit nor whether an electron comes from a conversion.
"""

import numpy as np

from jetsmith.features.summaries import total_by_row
from jetsmith.features.table import Array, Lists
from jetsmith.features.tagging import NO_VERTEX, VERTEX, leading, mask_of, momenta, sum_of_tracks, where_some
from jetsmith.io import FloatArray, IntArray

B_MASS_GEV = 5.2794
MUON_PT_GEV, MAX_LEPTON_SIGNIFICANCE, ELECTRON_DELTA_R = 2.0, 200.0, 0.4
MUON_MASS_GEV, ELECTRON_MASS_GEV = 0.1056584, 0.000511


def mass_energy_fraction(
    category: Array, mass: Array, of_first_pt: Array, of_first_eta: Array, of_first_mass: Array,
    is_measured: Lists, is_pseudo: Lists, pt: Lists, eta: Lists, phi: Lists,
) -> Array:  # fmt: skip
    """CMS' massVertexEnergyFraction: x / (x + 0.04), x = mass over that of the B, times the energy fraction.

    The energy is that of the first vertex, or of the pseudo vertex, over that of all measured tracks.
    """
    first = np.hypot(of_first_pt * np.cosh(of_first_eta), of_first_mass)
    energy = np.where(
        category == VERTEX, first, where_some(is_pseudo, sum_of_tracks(is_pseudo, pt, eta, phi)[3])
    )
    product = mass / B_MASS_GEV * energy / sum_of_tracks(is_measured, pt, eta, phi)[3]
    return np.where(category < NO_VERTEX, product / (product + 0.04), np.nan)


def boost_over_sqrt_pt(
    category: Array, mass: Array, of_first_pt: Array, jet_raw_pt: Array, is_pseudo: Lists, pt: Lists
) -> Array:
    """CMS' vertexBoostOverSqrtJetPt: x^2 / (x^2 + 10), x = sqrt(m_B) sum pt / (mass sqrt(pt of the jet)).

    The pt of the first vertex stands for the sum over its tracks, which is larger by their spread.
    """
    pseudo = where_some(is_pseudo, total_by_row(Lists(pt.offsets, pt.values * is_pseudo.values)))
    x = np.sqrt(B_MASS_GEV) * np.where(category == VERTEX, of_first_pt, pseudo) / (mass * np.sqrt(jet_raw_pt))
    return np.where(category < NO_VERTEX, x * x / (x * x + 10), np.nan)


def soft_leptons(is_muon: Lists, is_electron: Lists, pt: Lists, distance: Lists, sip3d_sig: Lists) -> Lists:
    """1 for soft muons; where a jet has none, 2 for soft electrons; 0 for others."""
    clean = np.abs(sip3d_sig.values) < MAX_LEPTON_SIGNIFICANCE
    muon = (is_muon.values != 0) & clean & (pt.values >= MUON_PT_GEV)
    electron = (is_electron.values != 0) & clean & (distance.values <= ELECTRON_DELTA_R)
    without = total_by_row(mask_of(pt, muon)) == 0
    return Lists(
        pt.offsets, np.where(muon, 1, np.where(electron & without[pt.owner], 2, 0)).astype(np.float32)
    )


def lepton_category(category: Array, lepton: Lists) -> Array:
    """CMS' vertexLeptonCategory: 3 more than the vertex category with a soft muon, 6 with an electron."""
    kind, some = np.zeros(len(category)), np.flatnonzero(lepton.values)
    np.maximum.at(kind, lepton.owner[some], lepton.values[some])
    return np.asarray(category + 3 * kind)


def _with_jet(
    lepton: Lists, pt: Lists, eta: Lists, phi: Lists, *jet: Array
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Places of soft leptons, product of four-momenta with the uncorrected jet, sizes of both momenta."""
    jet_raw_pt, jet_pt, jet_eta, jet_phi, jet_mass = jet
    some = np.flatnonzero(lepton.values)  # few of the candidates
    mass = np.where(lepton.values[some] == 1, MUON_MASS_GEV, ELECTRON_MASS_GEV)
    jets = momenta(jet_raw_pt, jet_eta, jet_phi, jet_mass.astype(np.float64) * jet_raw_pt / jet_pt)
    own = momenta(pt.values[some], eta.values[some], phi.values[some], mass)
    other = jets[:, pt.owner[some]]
    product = own[3] * other[3] - np.sum(own[:3] * other[:3], axis=0)
    return some, product, np.sqrt(np.sum(own[:3] ** 2, axis=0)), np.sqrt(np.sum(other[:3] ** 2, axis=0))


def _leading_lepton(places: IntArray, values: FloatArray, lepton: Lists, pt: Lists) -> Lists:
    """Values of soft leptons by their places, in falling pt."""
    found = np.full(len(pt.values), np.nan)
    found[places] = values
    return leading(Lists(pt.offsets, found), lepton, pt)


def lepton_ratio_rel(lepton: Lists, pt: Lists, eta: Lists, phi: Lists, *jet: Array) -> Lists:
    """Product of the four-momenta of lepton and jet over the square of the jet's momentum.

    `jet`: pt before and after corrections, eta, phi, mass.
    """
    some, product, _, size = _with_jet(lepton, pt, eta, phi, *jet)
    return _leading_lepton(some, product / size**2, lepton, pt)


def lepton_eta_rel(lepton: Lists, pt: Lists, eta: Lists, phi: Lists, *jet: Array) -> Lists:
    """CMS' etaRel of soft leptons: ln((x + y) / (x - y)) / 2, x of the momenta, y of the four-momenta."""
    some, product, own, size = _with_jet(lepton, pt, eta, phi, *jet)
    value = np.log((own * size + product) / (own * size - product)) / 2
    return _leading_lepton(some, value, lepton, pt)


def lepton_ratio(lepton: Lists, pt: Lists, jet_raw_pt: Array) -> Lists:
    """pt of soft leptons over that of the uncorrected jet."""
    return leading(Lists(pt.offsets, pt.values / jet_raw_pt[pt.owner]), lepton, pt)
