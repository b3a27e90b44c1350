"""Resolution functions of tracks: fitted to negative ones, held against others, read by features."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from correctionlib import CorrectionSet, schemav2

from jetsmith import io
from jetsmith.derivations import of
from jetsmith.derivations.of_jets import RESOLVED_BY
from jetsmith.errors import InputError
from jetsmith.features.compute import compute_features
from jetsmith.features.derived import with_derived
from jetsmith.features.resolution import fit_resolution, of_cms
from jetsmith.features.resolved import NAME
from jetsmith.mock import mock_rows
from jetsmith.specs.features import ColumnGroup, ColumnSpec
from tests.unit.test_derived import jet_b_probability as fixed_jbp
from tests.unit.test_derived import scalar_log_chance, selected

Array = np.ndarray[Any, Any]
JP = ColumnGroup(
    name="ak4", object="ak4", kind="flat",
    features={"JP": ColumnSpec(source="jet_probability_derived"),
              "JBP": ColumnSpec(source="jet_b_probability_derived")},
)  # fmt: skip


def width(momentum: Array, chi2: Array, hit: Array) -> Array:
    """Of the significances of the toy: worse for soft and for bad tracks, and without the innermost hit."""
    return np.where(momentum < 8, 1.5, 1.0) * np.where(chi2 > 2.5, 2.0, 1.0) * np.where(hit == 1, 1.0, 1.3)


def toy(n: int, seed: int, lifetime: float = 0.0) -> ak.Array:
    """Jets whose tracks scatter by `width`; some come from decays, on the positive side alone."""
    rows = mock_rows("ak4", n, seed=seed)
    rng = np.random.default_rng(seed)
    counts = ak.num(rows.cpf_pt_gev)
    bad = rng.random(int(ak.sum(counts))) < 0.3
    rows["cpf_chi2"] = ak.unflatten(np.where(bad, 3.5, 1.0).astype(np.float32), counts)
    pt, eta, chi2, lost = (
        ak.to_numpy(ak.flatten(rows[f"cpf_{name}"])) for name in ("pt_gev", "eta", "chi2", "lost_inner_hits")
    )
    scale = width(pt * np.cosh(eta), chi2, np.where(lost < 0, 1, 0))
    significance = rng.normal(0, scale)
    decays = rng.random(len(pt)) < lifetime
    significance[decays] = rng.exponential(10, decays.sum())
    for name, value in (("sip3d_sig", significance), ("d0_cm", 0.001 * significance), ("decay", decays)):
        rows[f"cpf_{name}"] = ak.unflatten(value.astype(np.float32), counts)
    rows["weight"] = rng.choice([1.0, -1.0], n, p=[0.95, 0.05])
    return rows


def written(rows: ak.Array, path: Path) -> Path:
    io.write_rows(path, rows[[name for name in rows.fields if name != "cpf_decay"]])
    return path


def probabilities(rows: ak.Array, functions: Path) -> tuple[Array, dict[str, Array]]:
    """Of each candidate, and what the functions look at."""
    flat = {name: ak.to_numpy(ak.flatten(rows[name])).astype(float) for name in RESOLVED_BY}
    given = {
        "inner_hit": np.where(flat["cpf_lost_inner_hits"] < 0, 1, 0),
        "momentum": flat["cpf_pt_gev"] * np.cosh(flat["cpf_eta"]),
        "abseta": np.abs(flat["cpf_eta"]),
        "chi2": flat["cpf_chi2"],
        "significance": np.abs(flat["cpf_sip3d_sig"]),
    }
    found = CorrectionSet.from_file(str(functions))[NAME]
    return found.evaluate(*(given[variable.name] for variable in found.inputs)), given


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Functions of tracks of jets with decays in them."""
    folder = tmp_path_factory.mktemp("resolution")
    skims = [written(toy(9000, seed, lifetime=0.2), folder / f"{seed}.parquet") for seed in (1, 2)]
    fit_resolution(skims, of("ak4"), folder / "functions.json", folder / "numbers.json")
    return folder


def test_prompt_tracks_have_uniform_probabilities(fitted: Path) -> None:
    """Of other events, in each category: decays on the positive side, and signs of weights, bias nothing."""
    rows = with_derived(toy(9000, 3), [], of("ak4"))
    found, given = probabilities(rows, fitted / "functions.json")
    negative = ak.to_numpy(ak.flatten(rows.cpf_sip3d_sig)) < 0
    for side in (negative, ~negative):
        for soft in (True, False):
            for hit in (0, 1):
                for bad in (True, False):
                    here = side & ((given["momentum"] < 8) == soft) & (given["inner_hit"] == hit)
                    here &= (given["chi2"] > 2.5) == bad
                    for share in (0.5, 0.1, 0.02):
                        error = np.sqrt(share * (1 - share) / here.sum() + (0.06 * share) ** 2)
                        below = np.mean(found[here] < share)
                        assert abs(below - share) < 4 * error, (soft, hit, bad, share, below, here.sum())


def test_decays_have_small_probabilities(fitted: Path) -> None:
    """What JP is for."""
    rows = toy(2000, 4, lifetime=0.2)
    found, _ = probabilities(rows, fitted / "functions.json")
    decays = ak.to_numpy(ak.flatten(rows.cpf_decay)) > 0
    assert np.median(found[decays]) < 0.01 < 0.4 < np.median(found[~decays])


def test_held_out_tracks_are_on_record(fitted: Path) -> None:
    """Shares as expected within their errors, all together and by category; fewer in all than tracks."""
    told = io.read_json(fitted / "numbers.json")
    assert 10_000 < told["effective_tracks"] < 30_000  # weights of both signs: fewer than tracks
    pulls = [
        (found - expected) / error
        for shares in (told["all"], *told["categories"])
        for expected, found, error in zip(shares["expected"], shares["found"], shares["error"], strict=True)
        if shares["effective_tracks"] > 300
    ]
    assert len(pulls) > 50
    assert np.abs(pulls[:3]).max() < 4
    assert np.std(pulls) < 2


def test_wrong_functions_show_in_the_record(tmp_path: Path) -> None:
    """The comparison can fail: odd events whose tracks scatter twice as much."""
    rows = toy(6000, 5)
    odd = np.asarray(rows.event % 2 == 1)
    rows["cpf_sip3d_sig"] = rows.cpf_sip3d_sig * np.where(odd, 2, 1)
    fit_resolution(
        [written(rows, tmp_path / "a.parquet")], of("ak4"), tmp_path / "f.json", tmp_path / "numbers.json"
    )
    shares = io.read_json(tmp_path / "numbers.json")["all"]
    assert shares["found"][1] - shares["expected"][1] > 10 * shares["error"][1]


def test_functions_fall_and_are_never_zero(fitted: Path) -> None:
    """Of each category, also far outside of what it was fitted to; JP takes their logarithm."""
    schemav2.CorrectionSet.model_validate_json((fitted / "functions.json").read_text())
    functions = CorrectionSet.from_file(str(fitted / "functions.json"))[NAME]
    significance = np.linspace(0, 80, 400)
    for hit in (-1, 0, 1):
        for momentum in (0.5, 6.0, 20.0, 1e6):
            for abseta in (0.1, 3.0):
                for chi2 in (1.0, 9.0):
                    found = functions.evaluate(hit, momentum, abseta, chi2, significance)
                    assert (np.diff(found) <= 0).all()
                    assert found[0] > 0.9
                    assert found[-1] >= 1e-4


def test_features_weigh_tracks_by_the_functions(fitted: Path, tmp_path: Path) -> None:
    """JP and JBP of a run with functions: against scalar twins, and other than by the fixed function."""
    rows = toy(300, 6, lifetime=0.2)
    skim = written(rows, tmp_path / "skim.parquet")
    for name, resolution in (("with", fitted / "functions.json"), ("without", None)):
        output, meta = tmp_path / f"{name}.parquet", tmp_path / f"{name}.json"
        compute_features(JP, of("ak4"), skim, output, meta, resolution=resolution)
    calibrated, fixed = (io.read_rows(tmp_path / f"{name}.parquet") for name in ("with", "without"))
    found, _ = probabilities(rows, fitted / "functions.json")
    column = ak.unflatten(found, ak.num(rows.cpf_pt_gev)).to_list()
    whole = with_derived(rows, ["cpf_decay_len_cm"], of("ak4")).to_list()
    for k, (row, chances) in enumerate(zip(whole, column, strict=True)):
        by_significance = dict(zip(row["cpf_sip3d_sig"], chances, strict=True))
        near = selected(row, 0.3)
        positive = [max(by_significance[s], 1e-4) for s in near if s >= 0]
        expected = -scalar_log_chance(positive) / 4 / np.log(10) if positive else 0.0
        assert calibrated.JP[k] == pytest.approx(expected, rel=1e-3, abs=1e-5)
        tracks = selected(row)
        if tracks:
            leading = sorted(by_significance[s] for s in tracks if s > 0)[:4]  # CMSSW sorts probabilities
            of_leading = scalar_log_chance(leading) if leading else 0.0
            jbp = -of_leading / 4 - scalar_log_chance([by_significance[s] for s in tracks]) / 4
            assert calibrated.JBP[k] == pytest.approx(jbp, rel=1e-3, abs=1e-5)
            assert fixed.JBP[k] == pytest.approx(fixed_jbp(row), rel=1e-3, abs=1e-5)
    assert np.mean(np.abs(np.asarray(calibrated.JP) - np.asarray(fixed.JP)) > 0.01) > 0.5


def test_unknown_hits_and_chi2_have_functions(fitted: Path, tmp_path: Path) -> None:
    """Layouts that tell neither: finite, from tracks of both kinds."""
    rows = toy(200, 7)
    without = rows[[n for n in rows.fields if n not in ("cpf_chi2", "cpf_lost_inner_hits")]]
    skim = written(without, tmp_path / "skim.parquet")
    compute_features(
        JP, of("ak4"), skim, tmp_path / "f.parquet", tmp_path / "f.json",
        resolution=fitted / "functions.json",
    )  # fmt: skip
    assert np.isfinite(np.asarray(io.read_rows(tmp_path / "f.parquet").JP)).all()


def test_skims_without_candidates_are_refused(tmp_path: Path) -> None:
    rows = mock_rows("ak4", 20, seed=1)
    skim = tmp_path / "skim.parquet"
    io.write_rows(skim, rows[[name for name in rows.fields if not name.startswith("cpf_")]])
    with pytest.raises(InputError, match=r"no candidates of jets.*track_resolution"):
        fit_resolution([skim], of("ak4"), tmp_path / "f.json", tmp_path / "n.json")
    io.write_rows(skim, rows[np.zeros(len(rows), bool)])
    with pytest.raises(InputError, match="no selected tracks of negative"):
        fit_resolution([skim], of("ak4"), tmp_path / "f.json", tmp_path / "n.json")
    assert not (tmp_path / "f.json").exists()


def test_histograms_of_cms_become_the_same_functions(tmp_path: Path) -> None:
    """Each category where CMS has it, and tracks above the histogram counted in."""
    edges, scales = np.linspace(0, 50, 10_001), 0.5 + 0.25 * np.arange(10)
    with uproot.recreate(tmp_path / "cms.root") as file:
        for k, scale in enumerate(scales):
            file[f"histoCat{k}"] = np.exp(-edges[:-1] / scale) - np.exp(-edges[1:] / scale), edges
    fit_resolution([], {}, tmp_path / "f.json", tmp_path / "n.json", file=tmp_path / "cms.root")
    functions = CorrectionSet.from_file(str(tmp_path / "f.json"))[NAME]
    assert io.read_json(tmp_path / "f.json") == of_cms(tmp_path / "cms.root").model_dump(exclude_unset=True)
    for category, momentum, abseta, chi2 in (
        (1, 3.0, 0.4, 3.0), (1, 30.0, 2.0, 3.0), (2, 3.0, 0.4, 1.0), (3, 3.0, 1.0, 1.0), (4, 3.0, 2.0, 1.0),
        (6, 30.0, 0.4, 1.0), (7, 30.0, 1.0, 1.0), (8, 30.0, 2.0, 1.0),
    ):  # fmt: skip
        for significance in (0.525, 2.025):
            expected = max(np.exp(-significance / scales[category]), 5e-3)
            found = functions.evaluate(-1, momentum, abseta, chi2, significance)
            assert found == pytest.approx(expected, rel=0.01), category
        assert functions.evaluate(-1, momentum, abseta, chi2, 49.0) == 5e-3
