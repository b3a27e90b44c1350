"""Stored scores of real files: which numbers are scores, and which say that there is none."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
import yaml

from jetsmith.classifiers import stored
from jetsmith.configuration import stored_checks
from jetsmith.errors import InputError
from jetsmith.packed.rows import Rows
from tests.golden.test_tagger_inputs import canonical
from tests.unit.packed_jets import make_spec, pack_jets, with_flat

pytestmark = pytest.mark.golden
DY, TREE, TT = "cms-nanoaod/nano_dy.root", "cms-nanoaod/nano_tree.root", "cms-nanoaod/nano_tt_v12.root"
PFNANO = "cms-pfnano/pfnano.root"
CONFIG = Path(__file__).parents[2] / "config/taggers"
OF_LARGE = [path for path in sorted(CONFIG.glob("stored_*.yaml")) if "object: ak8" in path.read_text()]


def read(path: Path, branch: str, architecture: dict[str, Any]) -> tuple[Any, stored.Stored]:
    """All jets of a file as a stored tagger of two classes reads them."""
    with uproot.open(path) as file:
        values = ak.to_numpy(ak.flatten(file["Events"][branch].array()))
    packed = pack_jets(len(values), 1)
    packed = with_flat(packed, values[:, None].astype(np.float32), ("score",))
    spec = make_spec("stored", architecture={"column": "score", **architecture}, discriminant=None)
    flat = spec.inputs[0].model_copy(update={"features": ("score",)})
    spec = spec.model_copy(update={"classes": spec.classes[:2], "inputs": (flat,)})
    assert not list(stored.Options.model_validate(spec.architecture).misfits(spec))
    return spec, stored.read(spec, Rows.select(spec.inputs, [packed]))


@pytest.mark.parametrize(
    ("name", "branch", "architecture", "n", "n_not_tagged"),
    [
        (PFNANO, "Jet_btagDeepB", {}, 64, 13),
        (DY, "Jet_btagDeepB", {"not_tagged": (-1.0, -2.0)}, 188, 102),
        (TT, "Jet_btagRobustParTAK4B", {"not_tagged": (-3.0,)}, 1504, 291),
        (TT, "Jet_btagPNetB", {}, 1504, 291),
        (DY, "Jet_btagCSVV2", {"not_tagged": (-10.0,)}, 188, 67),
        (DY, "Jet_btagCMVA", {"valid": (-1.0, 1.0)}, 188, 0),
        (PFNANO, "FatJet_btagHbb", {"valid": (-1.0, 1.0)}, 24, 0),
        (PFNANO, "FatJet_deepTagMD_HbbvsQCD", {}, 24, 0),
        (PFNANO, "FatJet_particleNet_HbbvsQCD", {"not_tagged": (-10.0,)}, 24, 0),
        (TT, "FatJet_particleNet_XbbVsQCD", {"not_tagged": (-10.0,)}, 116, 42),
        (TT, "FatJet_btagDDBvLV2", {}, 116, 2),
    ],
)
def test_every_jet_has_a_score_or_a_code(
    shared_data: Path, name: str, branch: str, architecture: dict[str, Any], n: int, n_not_tagged: int
) -> None:
    """With range and codes said no jet is lost: those not tagged are as many as the file has."""
    _, found = read(shared_data / name, branch, architecture)
    assert (len(found.columns), int(found.not_tagged.sum())) == (n, n_not_tagged)
    assert not (found.not_computed | found.unexplained).any()
    assert found.score is not None
    assert np.isfinite(found.score).sum() == n - n_not_tagged


@pytest.mark.parametrize("path", OF_LARGE, ids=lambda path: path.stem)
def test_taggers_of_large_jets_know_their_numbers(shared_data: Path, path: Path) -> None:
    """Each file of config/taggers explains every number of the files that have its branch, and one has it."""
    content = yaml.safe_load(path.read_text())
    column = content["architecture"].pop("column")
    n_files = 0
    for name in (PFNANO, TT):
        with uproot.open(shared_data / name) as file:
            branches = set(file["Events"].keys())
        branch = f"FatJet_{column}".replace("FatJet_subjet_", "SubJet_")
        if branch in branches:
            _, found = read(shared_data / name, branch, content["architecture"])
            assert not found.unexplained.any()
            n_files += int(np.isfinite(found.score).any())
    assert n_files


@pytest.mark.parametrize(
    ("name", "branch", "words"),
    [
        (TREE, "Jet_btagDeepFlavB", "none of the 31 jets has a score: 31 are NaN or codes below -900"),
        (TT, "FatJet_btagHbb", "none of the 116 jets has a score: 116 are NaN or codes below -900"),
        (PFNANO, "FatJet_btagHbb", r"`valid: \[-1, 1\]` where that is the range"),
        (DY, "Jet_btagDeepB", r"-2 \(\d+ times\)\. .*`not_tagged: \[-2, -1\]`"),
    ],
)
def test_what_is_not_said_stops(shared_data: Path, name: str, branch: str, words: str) -> None:
    """Taggers that were never run, and ranges and codes that the configuration does not know."""
    spec, found = read(shared_data / name, branch, {})
    with pytest.raises(InputError, match=words):
        stored_checks.check(spec, found, np.full(len(found.columns), 500))


@pytest.mark.parametrize("name", ["btagCSVV2", "btagDeepB"])
def test_the_lower_score_of_two_subjets_counts(shared_data: Path, name: str) -> None:
    """Jet by jet as the file has them; one with a single subjet has none."""
    rows = canonical(shared_data, "ak8")
    with uproot.open(shared_data / PFNANO) as file:
        names = [f"SubJet_{name}", "FatJet_subJetIdx1", "FatJet_subJetIdx2"]
        events = ak.to_list(file["Events"].arrays(names))
    wanted = [
        min(event[names[0]][k] if k >= 0 else -10.0 for k in pair)
        for event in events
        for pair in zip(event[names[1]], event[names[2]], strict=True)
    ]
    assert len(wanted) == 24
    np.testing.assert_array_equal(np.asarray(rows[f"stored_subjet_{name}"]), np.float32(wanted))
    assert sum(-1 in event[names[2]] for event in events) >= 1
