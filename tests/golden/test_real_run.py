"""The workflow on files that nobody here made: config/real.yaml, and what it says where files lack inputs."""

import json

import pytest
import yaml

from ..workflow.conftest import copy_project

pytestmark = [pytest.mark.golden, pytest.mark.workflow]
TAGGERS = ("stored_deepflav", "stored_deepcsv", "deepntuples_bdt")
# Entries, rows after cuts, and what an earlier skim left: generated sum of weights over that of the file.
ACCOUNTS = {
    "nano_ttbar": (200, 998, 1.0),
    "nano_drell_yan": (40, 38, 26205.375132),
    "nano_skimmed": (10, 13, 4991.9),
    "pfnano_qcd": (10, 36, 1.0),
    "physlite_zjets": (100, 269, 1.0),
    "deepntuples_ttbar": (7199, 5626, 1.0),
    "lhe_z_fxfx": (10_000, 10_000, 1.0),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("real"))


def test_real_files_to_corrections(project, shared_data):
    """Stored scores and a cross-validated BDT come out as taggers; every entry is accounted for."""
    targets = [f"results/real/calibration/{tagger}.json" for tagger in TAGGERS]
    targets += [f"results/real/skim/{dataset}.json" for dataset in ACCOUNTS]
    done = project.snakemake(
        "--cores", "2", *targets, "--configfile", "config/real.yaml", data_root=shared_data
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-8000:]
    results = project.folder / "results" / "real"
    for dataset, (entries, rows, factor) in ACCOUNTS.items():
        account = json.loads((results / "skim" / f"{dataset}.json").read_text())
        assert (account["n_events"], account["n_lost"], account["n_rows"]) == (entries, 0, rows)
        assert account["normalisation"]["factor"] == pytest.approx(factor, rel=1e-6)
    for tagger in ("stored_deepflav", "deepntuples_bdt"):
        numbers = json.loads((results / "calibration" / f"{tagger}.numbers.json").read_text())
        loose = numbers["working_points"]["L"]["efficiencies"]
        assert loose["b_jets"]["low"] > 0.6
        assert loose["light_jets"]["low"] < 0.1 < loose["light_jets"]["high"] * 1.5


def test_nanoaod_has_no_tracks(project, shared_data):
    """A tagger that reads tracks is refused before the long stages, with the columns that it lacks."""
    run = {
        "seed": 1,
        "pathvars": {
            "results": "results/no_tracks",
            "logs": "<results>/logs",
            "benchmarks": "<results>/benchmarks",
        },
        "selection": {"ak4": {"pt_min_gev": 30}},
        "samples": {"nano": {"datasets": ["nano_ttbar"]}},
        "taggers": {"deepcsv": "nano"},
    }
    (project.folder / "config" / "no_tracks.yaml").write_text(yaml.safe_dump(run))
    done = project.snakemake("--cores", "1", "--configfile", "config/no_tracks.yaml", data_root=shared_data)
    assert done.returncode != 0
    assert "no track information" in done.stderr
    (message,) = {line for line in done.stderr.splitlines() if line.startswith("error: deepcsv")}
    for word in ("nano_ttbar", "nano_tt_v12.root", "trackSip3dSig_0"):
        assert word in message
    assert not (project.folder / "results" / "no_tracks" / "models").exists()
