"""JetClass-II as its authors publish it: a hundred jets, against the file read plainly."""

import re
from collections import Counter
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from jetsmith.columns.labels import FIRST_II, JETCLASS_II
from jetsmith.configuration.records import read_yaml
from jetsmith.derivations import of
from jetsmith.features.derived import with_derived

from .test_real_files import rows_of

pytestmark = pytest.mark.golden

NAME = "jetclass/JetClassII_example.parquet"
LETTERS = {1: "q", 2: "q", 3: "s", 4: "c", 5: "b", 21: "g", 11: "e", 13: "m", 12: "v", 14: "v", 16: "v"}
TOKEN = re.compile(r"tauh|taue|taum|[bcsqgemv]")


@pytest.fixture(scope="module")
def found(tmp_path_factory, shared_data):
    """Rows, account and the file itself."""
    more = {"weights": "unit", "without": ("jet_id",)}
    rows, told = rows_of(tmp_path_factory.mktemp("jetclass"), shared_data, [NAME], "ak8", n_parts=2, **more)
    return rows, told, ak.from_parquet(shared_data / NAME)


def test_every_jet_is_there_once(found):
    """All hundred, in their order, with weight 1, which the account says; no two have the same key."""
    rows, told, stored = found
    assert (told["n_entries"], told["n_rows"], told["n_lost"]) == (100, 100, 0)
    assert told["content"]["weight"] is None
    assert told["normalisation"]["how"].startswith("normalised to the jets in the files")
    assert set(told["content"]["instead"]) == {"event", "puppi_weight"}
    assert set(rows["weight"]) == {1.0}
    branches = {"jet_pt_gev": "jet_pt", "jet_softdrop_mass_gev": "jet_sdmass", "jet_tau2": "jet_tau2"}
    for name, branch in branches.items():
        assert ak.array_equal(rows[name], stored[branch], check_parameters=False)
    assert ak.array_equal(rows["flavour"] - FIRST_II, stored["jet_label"], dtype_exact=False)
    keys = zip(rows["run"], rows["luminosity_block"], rows["event"], strict=True)
    assert len(set(keys)) == 100
    assert ak.all(rows["jet_mass_gev"] > 0.9 * rows["jet_softdrop_mass_gev"])


def test_generator_jets(found):
    """Momentum and soft-drop mass are the file's; the mass follows from its energy, and is no smaller."""
    rows, _, stored = found
    for name, branch in (("pt", "pt"), ("softdrop_mass", "sdmass")):
        wanted = stored[f"genjet_{branch}"]
        assert ak.array_equal(rows[f"jet_gen_{name}_gev"], wanted, check_parameters=False)
    assert ak.all(rows["jet_gen_mass_gev"] > 0.99 * rows["jet_gen_softdrop_mass_gev"])
    # Reconstructed jets are not calibrated.
    assert 1 < np.median(ak.to_numpy(rows["jet_gen_pt_gev"] / rows["jet_pt_gev"])) < 1.2


def test_constituents(found):
    """Charged and neutral ones are all of the jet's: momenta add up to it, types and charges are those of the
    flags, lengths are cm."""
    rows, _, stored = found
    x, y = (
        sum(ak.sum(rows[f"{k}_pt_gev"] * f(rows[f"{k}_phi_rad"]), axis=1) for k in ("cpf", "npf"))
        for f in (np.cos, np.sin)
    )
    assert ak.to_numpy(np.hypot(x, y) / rows["jet_pt_gev"]) == pytest.approx(1, abs=1e-5)
    assert ak.all(rows["n_cpf"] + rows["n_npf"] == stored["jet_nparticles"])
    charged = stored["part_charge"] != 0
    assert ak.array_equal(rows["cpf_energy_gev"], stored["part_energy"][charged], check_parameters=False)
    assert ak.array_equal(rows["npf_energy_gev"], stored["part_energy"][~charged], check_parameters=False)
    numbers = Counter(np.abs(ak.to_numpy(ak.flatten(rows["cpf_pdg_id"]))).tolist())
    numbers += Counter(ak.to_list(ak.flatten(rows["npf_pdg_id"])))
    assert numbers == {211: 2034, 11: 42, 13: 27, 22: 1825, 130: 601}
    leptons = ak.flatten(rows["cpf_pdg_id"])[ak.flatten(abs(rows["cpf_pdg_id"])) < 20]
    signs = ak.flatten(rows["cpf_charge"])[ak.flatten(abs(rows["cpf_pdg_id"])) < 20]
    assert ak.all(np.sign(leptons) == -signs)
    # Delphes' d0 has the other sign.
    for name, branch, mm in (("d0_cm", "d0val", -10), ("d0_err_cm", "d0err", 10), ("dz_cm", "dzval", 10)):
        cm = ak.to_numpy(ak.flatten(rows[f"cpf_{name}"]))
        assert cm * mm == pytest.approx(ak.to_numpy(ak.flatten(stored[f"part_{branch}"][charged])), rel=1e-6)
    # The median track of these jets has an error of some 20 um, as CMS' has.
    assert 0.001 < np.median(ak.to_numpy(ak.flatten(rows["cpf_d0_err_cm"]))) < 0.003
    across = rows["cpf_dz_err_cm"] * np.cosh(rows["cpf_eta"]) * 10
    assert ak.to_numpy(ak.flatten(across)) == pytest.approx(
        ak.to_numpy(ak.flatten(stored["part_dzerr"][charged])), rel=1e-5
    )


def test_derived_columns_are_what_the_file_says_of_the_same(found):
    """Pseudorapidity relative to the jet, outward, and azimuth, of all constituents in one list."""
    rows, _, stored = found
    order = ak.argsort(stored["part_charge"] == 0, axis=1, stable=True)
    names = ["pf_eta_outward", "pf_dphi_rad", "pf_energy_gev", "pf_delta_r", "pf_pt_fraction", "pf_dsz_sig"]
    there = with_derived(rows, names, of("ak8"))
    derived = {name: ak.to_numpy(ak.flatten(there[name])) for name in names}
    energy, deta, dphi = (
        ak.to_numpy(ak.flatten(stored[f"part_{n}"][order])) for n in ("energy", "deta", "dphi")
    )
    assert derived["pf_eta_outward"] == pytest.approx(deta, abs=2e-6)
    assert derived["pf_dphi_rad"] == pytest.approx(dphi, abs=2e-6)
    assert derived["pf_energy_gev"] == pytest.approx(energy)
    assert derived["pf_delta_r"] == pytest.approx(np.hypot(deta, dphi), abs=4e-6)
    pt = np.hypot(stored["part_px"], stored["part_py"]) / stored["jet_pt"]
    assert derived["pf_pt_fraction"] == pytest.approx(ak.to_numpy(ak.flatten(pt[order])), rel=1e-5)
    dz, error = (ak.to_numpy(ak.flatten(stored[f"part_{n}"][order])) for n in ("dzval", "dzerr"))
    measured = error > 0
    assert measured.sum() > 1000
    assert derived["pf_dsz_sig"][measured] == pytest.approx(dz[measured] / error[measured], rel=1e-5)


def test_the_benchmarks_read_these():
    """The significance of dz is that of Delphes, whose error is along the beam."""
    group = read_yaml(Path(__file__).parents[2] / "config" / "features" / "jetclass.yaml")
    assert {group["features"][name]["source"] for name in ("d0sig", "dzsig")} == {"pf_d0_sig", "pf_dsz_sig"}


def test_labels_are_what_decayed(found):
    """What a label names is among the particles that the file lists for the jet: labels are in order."""
    stored = found[2]
    for jet in stored:
        label = JETCLASS_II[jet["jet_label"]]
        decay = label.rpartition("_")[2]
        qcd = label.startswith("QCD")
        of = jet["aux_genpart_isQcdParton" if qcd else "aux_genpart_isResDecayProd"]
        ids = np.abs(ak.to_numpy(jet["aux_genpart_pid"][of]))
        there = Counter(LETTERS[int(i)] if i != 15 else "tau" for i in ids)
        tokens = TOKEN.findall(decay) if decay != "light" else []
        named = Counter("tau" if token.startswith("tau") else token for token in tokens)
        assert named <= there, (label, there)
        if decay == "light":
            assert not {"b", "c", "s"} & there.keys()
