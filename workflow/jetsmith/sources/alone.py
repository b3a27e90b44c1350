"""Files whose entries are jets without their events: what a dataset cannot ask of them, and its cuts."""

import numpy as np

from jetsmith.errors import InputError
from jetsmith.handed.account import CutStep
from jetsmith.io import IntArray
from jetsmith.sources.flat import Array, Cutflow, check_finite
from jetsmith.specs.datasets import JETS_ALONE, CutsSpec, ReadingSpec

CUT = "jet_id"


def unable(layout: str, bits: int) -> dict[str, str]:
    """Nothing says whether a jet is identified (see `sources.Source.unable`)."""
    return {CUT: f"{JETS_ALONE[layout].files} have no identification of jets"} if bits else {}


def select(
    layout: str, pt: Array, eta: Array, spec: ReadingSpec, selection: CutsSpec
) -> tuple[IntArray, list[CutStep]]:
    """Places of the jets that pass, and the cutflow; every jet counts 1.

    Args:
        layout: One of `JETS_ALONE`.
        pt: Transverse momenta [GeV], shape (N,).
        eta: Pseudorapidities, shape (N,).
        spec: The dataset.
        selection: Cuts on its jets.

    Raises:
        InputError: The dataset asks for weights, cuts or data that such files do not know, or a momentum is
            not finite.
    """
    _check_asked(JETS_ALONE[layout].files, spec, selection)
    cutflow, weight = Cutflow(), np.ones(len(pt))
    cutflow.add("entries", weight)
    check_finite("jet_pt", pt, np.ones(len(pt), np.bool_))
    mask = pt >= selection.pt_min_gev
    check_finite("jet_eta", eta, mask)
    cutflow.add("pt", weight[mask])
    mask &= np.abs(eta) <= selection.abseta_max
    cutflow.add("abseta", weight[mask])
    if selection.jet_id:
        cutflow.add(CUT, weight[mask], applied=False)
    return np.flatnonzero(mask), cutflow.lines


def matched(momenta: Array) -> Array:
    """What jets say of generator jets, (N,), as their momenta: NaN where that is not above 0, for none."""
    return np.where(momenta > 0, momenta, np.float32(np.nan))


def _check_asked(files: str, spec: ReadingSpec, selection: CutsSpec) -> None:
    if spec.weights != "unit":
        raise InputError(f"no generator weight in {files}; `weights: unit` of the dataset makes it 1")
    if selection.jet_id and CUT not in spec.without:
        raise InputError(
            f"jet_id: {selection.jet_id}: {files} have no identification of jets; "
            f"`without: [{CUT}]` of the dataset leaves the cut out"
        )
    for key, value in (
        ("hlt", spec.hlt),
        ("golden_json", spec.golden_json),
        ("is_data", spec.is_data),
        ("leptons", spec.leptons),
    ):
        if value:
            raise InputError(f"{key}: {files} hold simulated jets without run and trigger; remove the key")
