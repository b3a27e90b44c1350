"""Formulas of derived columns that look at whole lists: `Lists` in, an array (N,) or `Lists` out.

Rows without a value get NaN, which the features replace by their default.
"""

import numpy as np
from scipy.special import gammaincc

from jetsmith.angles import delta_phi, delta_r
from jetsmith.features.formulas import length
from jetsmith.features.table import Array, Lists
from jetsmith.io import BoolArray, FloatArray

N_B_TRACKS = 4  # CMS: tracks of the second term of the jet b probability
MIN_TRACK_PT_GEV = 1.0
# CMS: they reject tracks of other collisions and of long-lived light hadrons
MAX_JET_DIST_CM, MAX_DECAY_LEN_CM = 0.07, 5.0
JP_DELTA_R = 0.3  # CMS: tracks of the jet probability; its other taggers take all tracks of the jet
TRACK_FLOOR = 1e-4  # a floor of 5e-3 (CMS) saturates on the demo's jets
LOG_FLOOR = -30.0  # CMS: smallest logarithm of a jet's probability
# CMS: |d0| of its selected tracks. ASSUME the cut on |dz|: on DeepNtuples' ttbar jets (40 collisions) the
# two raise the AUC of the largest |d0| alone for b against light jets from 0.57 to 0.78.
MAX_D0_CM, MAX_DZ_CM = 0.2, 0.5
DISPLACED_CM = 0.01  # ASSUME: five times the resolution of a 5 GeV track
CENTRAL_PT_GEV, CENTRAL_ABSETA = 20.0, 2.5
MIN_PUPPI_WEIGHT = 0.01  # CMS: candidates below are none of the jet's
MAX_SV_DISTANCE = 0.4  # CMS: of AK4 jets candidates without a vertex get the jet's radius


def _sum(lists: Lists, values: Array) -> FloatArray:
    """Sum of `values` by row; what was not measured (NaN) counts nothing."""
    values = np.where(np.isfinite(values), values, 0)
    return np.asarray(np.bincount(lists.owner, weights=values, minlength=len(lists)), np.float64)


def _nan_where(empty: Array, values: Array) -> FloatArray:
    return np.asarray(np.where(empty, np.nan, values))


def count(lists: Lists) -> Array:
    """Length of each list."""
    return lists.counts


def total_by_row(lists: Lists) -> Array:
    """Sum of each list; 0 for an empty one."""
    return _sum(lists, lists.values)


def total_where(lists: Lists, mask: Lists) -> Array:
    """Sum of the values with a mask that is not 0."""
    return _sum(lists, lists.values * (mask.values != 0))


def first(lists: Lists) -> Array:
    """First value of each list."""
    return lists.slot(0)


def _nth_largest(lists: Lists, index: int) -> Array:
    return Lists(lists.offsets, lists.values[lists.falling()]).slot(index)


def largest_abs(lists: Lists) -> Array:
    """Largest magnitude of each list."""
    return Lists(lists.offsets, np.abs(lists.values)).largest()


def largest_of_ratio(lists: Lists, scale: Array) -> Array:
    """Largest magnitude of each list over the row's `scale`."""
    return largest_abs(lists) / scale


def weighted_mean_abs(lists: Lists, weight: Lists) -> Array:
    """Mean magnitude of each list, weighted."""
    used = np.where(np.isfinite(lists.values), weight.values, 0)
    return _sum(lists, np.abs(lists.values) * used) / _sum(lists, used)


def dispersion(charged_pt: Lists, neutral_pt: Lists) -> Array:
    """sqrt(sum pt^2) / sum pt over all candidates: near 1 for few hard ones (CMS' pTD)."""
    squares = _sum(charged_pt, charged_pt.values**2.0) + _sum(neutral_pt, neutral_pt.values**2.0)
    return np.asarray(np.sqrt(squares) / (total_by_row(charged_pt) + total_by_row(neutral_pt)))


def _near(d0: Lists, dz: Lists, pt: Lists) -> tuple[Lists, Lists]:
    """|d0| and pt of the tracks that may come from this collision or a heavy hadron of it."""
    distance = np.abs(d0.values)
    keep = (pt.values > MIN_TRACK_PT_GEV) & (distance < MAX_D0_CM) & (np.abs(dz.values) < MAX_DZ_CM)
    return Lists(d0.offsets, distance).where(keep), pt.where(keep)


def largest_d0(d0: Lists, dz: Lists, pt: Lists) -> Array:
    """Largest |d0| of the near tracks [cm]."""
    return _nth_largest(_near(d0, dz, pt)[0], 0)


def second_d0(d0: Lists, dz: Lists, pt: Lists) -> Array:
    """Second largest |d0| of the near tracks [cm]."""
    return _nth_largest(_near(d0, dz, pt)[0], 1)


def third_d0(d0: Lists, dz: Lists, pt: Lists) -> Array:
    """Third largest |d0| of the near tracks [cm]."""
    return _nth_largest(_near(d0, dz, pt)[0], 2)


def mean_d0(d0: Lists, dz: Lists, pt: Lists) -> Array:
    """Mean |d0| of the near tracks, weighted by pt [cm]."""
    return weighted_mean_abs(*_near(d0, dz, pt))


def n_displaced(d0: Lists, dz: Lists, pt: Lists) -> Array:
    """Near tracks further than 0.01 cm from the vertex."""
    near, _ = _near(d0, dz, pt)
    return _sum(near, near.values > DISPLACED_CM)


def of_hardest(lists: Lists, pt: Lists, mask: Lists) -> Array:
    """The value of the hardest candidate with a mask that is not 0."""
    chosen = mask.values != 0
    values, momenta = lists.where(chosen), pt.where(chosen)
    return Lists(values.offsets, values.values[momenta.falling()]).slot(0)


def min_delta_r(
    eta: Lists, phi: Lists, sv_eta: Lists, sv_phi: Lists, bound: float = MAX_SV_DISTANCE
) -> Lists:
    """Distance of each candidate to the nearest vertex of its row, `bound` at most.

    NaN where a vertex of the row has no direction: it may be the nearest.
    """
    owner = eta.owner
    nearest = np.full(len(eta.values), bound)
    n_vertices = sv_eta.counts[owner]
    for index in range(int(sv_eta.counts.max(initial=0))):  # a handful: vertices of the richest row
        here = np.flatnonzero(n_vertices > index)  # most rows have none
        vertex = sv_eta.offsets[:-1][owner[here]] + index
        distance = delta_r(eta.values[here], phi.values[here], sv_eta.values[vertex], sv_phi.values[vertex])
        nearest[here] = np.minimum(nearest[here], distance)  # NaN stays
    return Lists(eta.offsets, nearest)


def min_delta_r_of_large(
    eta: Lists, phi: Lists, sv_eta: Lists, sv_phi: Lists, of_jet: Lists | None = None
) -> Lists:
    """The same without a bound, as CMS has it of AK8 jets; NaN in rows without a vertex, too.

    CMS looks at all vertices of the event: where `sv_eta` has these, `of_jet` has those of the jet, of which
    one without a direction may be the nearest.
    """
    nearest = min_delta_r(eta, phi, sv_eta, sv_phi, np.inf).values
    known = np.isfinite(nearest)
    if of_jet is not None:
        lost = np.bincount(of_jet.owner, np.isnan(of_jet.values), len(of_jet)) > 0
        known &= ~lost[eta.owner]
    return Lists(eta.offsets, np.where(known, nearest, np.nan))


# --- jet probability and track counting ---


def resolution_function(significance: Array) -> FloatArray:
    """Probability that a track of the primary vertex has at least this significance.

    ASSUME a core, a tail and long-lived light hadrons in fixed shares, as in the detector of the
    demo; CMS fits it to tracks of negative sign, by track category.
    """
    s = np.abs(significance).astype(np.float64)
    shape = 0.93 * np.exp(-s * s / 2) + 0.06 * np.exp(-s / 2.2) + 0.012 * np.exp(-s / 10)
    return np.asarray(np.clip(shape, TRACK_FLOOR, 1.0))


def track_probability(significance: Lists) -> Lists:
    """The same of each track, where no functions were fitted (`track_resolution` of the run)."""
    return Lists(significance.offsets, resolution_function(significance.values))


def _log_probability(probability: Lists) -> FloatArray:
    """ln of P = Pi sum_{j<n} (-ln Pi)^j / j!, the chance of n uniform numbers with a product Pi.

    The sum is the regularised incomplete gamma function Q(n, -ln Pi). NaN without tracks.
    """
    exponent = -_sum(probability, np.log(probability.values))
    n = probability.counts
    chance = gammaincc(np.maximum(n, 1), exponent)
    return _nan_where(n == 0, np.log(np.maximum(chance, np.exp(LOG_FLOOR))))


def jet_probability_derived(significance: Lists, probability: Lists | None = None) -> Array:
    """CMS' JP: -log10(P) / 4 of the tracks of positive sign; 0 where all are negative."""
    chance = track_probability(significance) if probability is None else probability
    known = _is_measured(significance)
    positive = chance.where(known & (significance.values >= 0))
    log_chance = _log_probability(positive)
    log_chance = np.where((positive.counts == 0) & (chance.where(known).counts > 0), 0.0, log_chance)
    return np.asarray(-log_chance / (4 * np.log(10)))


def jet_b_probability_derived(significance: Lists, probability: Lists | None = None) -> Array:
    """CMS' JBP: -ln(P_b) / 4 - ln(P) / 4, P_b of the four least likely tracks of positive sign."""
    chance = track_probability(significance) if probability is None else probability
    known = _is_measured(significance)
    everything = _log_probability(chance.where(known))
    used = chance.where(known & (significance.values > 0))
    ordered = Lists(used.offsets, used.values[Lists(used.offsets, -used.values).falling()])
    rank = np.arange(len(ordered.values)) - ordered.offsets[:-1][ordered.owner]
    leading = ordered.where(rank < N_B_TRACKS)
    displaced = _log_probability(leading)
    return np.asarray(-np.where(leading.counts == 0, 0.0, displaced) / 4 - everything / 4)


def track_counting_second(significance: Lists) -> Array:
    """CMS' track counting, high efficiency: the second largest 3D significance."""
    return _nth_largest(_measured(significance), 1)


def track_counting_third(significance: Lists) -> Array:
    """CMS' track counting, high purity: the third largest 3D significance."""
    return _nth_largest(_measured(significance), 2)


def _is_measured(significance: Lists) -> BoolArray:
    """Tracks that have a measurement; CMS stores an exact 0 for others."""
    return np.asarray(np.isfinite(significance.values) & (significance.values != 0))


def _measured(significance: Lists) -> Lists:
    return significance.where(_is_measured(significance))


def _is_selected(is_measured: Lists, jet_dist: Lists, decay_len: Lists) -> BoolArray:
    """The tracks of candidates that CMS' impact-parameter taggers would take."""
    near = (np.abs(jet_dist.values) < MAX_JET_DIST_CM) & (decay_len.values < MAX_DECAY_LEN_CM)
    return np.asarray((is_measured.values != 0) & near)


def jet_probability_derived_of_candidates(significance: Lists, probability: Lists, *cut_on: Lists) -> Array:
    """JP of the selected candidates; for `cut_on` see `_is_selected`."""
    keep = _is_selected(*cut_on)
    return jet_probability_derived(significance.where(keep), probability.where(keep))


def jet_probability_derived_near_axis(significance: Lists, probability: Lists, *cut_on: Lists) -> Array:
    """JP of the selected candidates within 0.3 of the axis; the last of `cut_on` is the distance to it."""
    *others, distance = cut_on
    keep = _is_selected(*others) & (distance.values < JP_DELTA_R)
    return jet_probability_derived(significance.where(keep), probability.where(keep))


def jet_b_probability_derived_of_candidates(significance: Lists, probability: Lists, *cut_on: Lists) -> Array:
    """JBP of the selected candidates."""
    keep = _is_selected(*cut_on)
    return jet_b_probability_derived(significance.where(keep), probability.where(keep))


def track_counting_second_of_candidates(significance: Lists, *cut_on: Lists) -> Array:
    """Track counting, second, of the selected candidates."""
    return track_counting_second(significance.where(_is_selected(*cut_on)))


def track_counting_third_of_candidates(significance: Lists, *cut_on: Lists) -> Array:
    """Track counting, third, of the selected candidates."""
    return track_counting_third(significance.where(_is_selected(*cut_on)))


# --- generator level ---


def central(values: Lists, pt: Lists, eta: Lists) -> Lists:
    """The values of the generator jets with pt > 20 GeV and |eta| < 2.5."""
    return values.where((pt.values > CENTRAL_PT_GEV) & (np.abs(eta.values) < CENTRAL_ABSETA))


def abs_delta_phi_to(phi: Lists, other: Array) -> Lists:
    """Distance in azimuth of each element to the row's `other`, in [0, pi]."""
    return Lists(phi.offsets, np.abs(delta_phi(phi.values, other[phi.owner])))


def n_bottom(flavour: Lists) -> Array:
    """Jets of hadron flavour 5, or b quarks."""
    return _sum(flavour, flavour.values == 5)


def n_charm(flavour: Lists) -> Array:
    """Jets of hadron flavour 4, or c quarks."""
    return _sum(flavour, flavour.values == 4)


def bottom_ht(pt: Lists, flavour: Lists) -> Array:
    """Scalar sum of the pt of jets of hadron flavour 5 [GeV]."""
    return _sum(pt, pt.values * (flavour.values == 5))


def balance(z_pt: Array, jet_pt: Lists) -> Array:
    """pt of the leading jet over that of the Z."""
    return np.asarray(jet_pt.slot(0) / z_pt)


def pair_delta_r(_pt: Lists, eta: Lists, phi: Lists) -> Array:
    """Distance of the two leading jets."""
    return delta_r(eta.slot(0), phi.slot(0), eta.slot(1), phi.slot(1))


def pair_abs_delta_eta(eta: Lists) -> Array:
    """Distance in pseudorapidity of the two leading jets."""
    return np.asarray(np.abs(eta.slot(0) - eta.slot(1)))


def pair_delta_r_bottom(pt: Lists, eta: Lists, phi: Lists, flavour: Lists) -> Array:
    """Distance of the two leading jets of hadron flavour 5, or b quarks."""
    bottom: BoolArray = flavour.values == 5
    return pair_delta_r(pt.where(bottom), eta.where(bottom), phi.where(bottom))


def pair_mass(pt: Lists, eta: Lists, phi: Lists, mass: Lists) -> Array:
    """Mass of the two leading jets [GeV]."""
    momenta = []
    for index in (0, 1):
        p, h, f, m = (column.slot(index).astype(np.float64) for column in (pt, eta, phi, mass))
        momenta.append(np.stack([length(p * np.cosh(h), m), p * np.cos(f), p * np.sin(f), p * np.sinh(h)]))
    e, x, y, z = np.sum(momenta, axis=0)
    return np.asarray(np.sqrt(np.maximum(e * e - x * x - y * y - z * z, 0)))


def pair_mass_bottom(pt: Lists, eta: Lists, phi: Lists, mass: Lists, flavour: Lists) -> Array:
    """Mass of the two leading b quarks [GeV]."""
    bottom: BoolArray = flavour.values == 5
    return pair_mass(*(column.where(bottom) for column in (pt, eta, phi, mass)))


def joined(first: Lists, second: Lists, first_weight: Lists, second_weight: Lists) -> Lists:
    """Two lists one behind the other, without what has a PUPPI weight below 0.01."""
    parts = [
        lists.where(weight.values >= MIN_PUPPI_WEIGHT)
        for lists, weight in ((first, first_weight), (second, second_weight))
    ]
    offsets = parts[0].offsets + parts[1].offsets
    values = np.empty(offsets[-1], np.float64)
    start = offsets[:-1]
    for part in parts:
        values[np.arange(len(part.values)) + (start - part.offsets[:-1])[part.owner]] = part.values
        start = start + part.counts
    return Lists(offsets, values)


def of_charged(charged: Lists, charged_weight: Lists, neutral_weight: Lists) -> Lists:
    """The same, of what neutral candidates lack: NaN."""
    without = Lists(neutral_weight.offsets, np.full(len(neutral_weight.values), np.nan))
    return joined(charged, without, charged_weight, neutral_weight)
