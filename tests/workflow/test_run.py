"""The whole workflow on the embedded demo: every promised result is there and means what it says."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from . import in_double

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.workflow

TAGGERS = ("cmva", "csvv2", "deepcsv", "deepjet", "double_b")


@pytest.fixture(scope="module")
def results(finished):
    return finished.folder / "results"


def _read(path: Path):
    return json.loads(path.read_text())


def _scores(results: Path, tagger: str):
    (path,) = (results / "scores" / tagger).glob("*.parquet")
    return pq.read_table(path).to_pandas()


@pytest.mark.parametrize(
    "dataset", ["ttbar", "qcd", "higgs_bb", "qcd_boosted", "zjets_power", "zjets_dipole"]
)
def test_every_event_is_accounted_for(results, dataset):
    """Planned = processed, and the sum of weights is that of the file before cuts, which Runs confirms."""
    account = _read(results / "skim" / f"{dataset}.json")
    assert account["n_entries"] == account["n_events"] > 0
    assert account["n_lost"] == 0
    about = account["normalisation"]
    assert (about["to"], about["factor"]) == ("runs", 1)
    assert about["sum_w"] == about["sum_w_processed"] == pytest.approx(about["sum_w_runs"], rel=1e-9)


@pytest.mark.parametrize("tagger", TAGGERS)
def test_scores(results, tagger):
    """Probabilities add up to 1, in every split."""
    table = _scores(results, tagger)
    probabilities = table[[name for name in table if name.startswith("p_")]].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-4)
    assert set(table["split"]) == {0, 1, 2, 3}


def test_no_event_is_in_two_splits(results):
    """All jets of an event share its split: none is trained on and judged by."""
    table = pq.read_table(results / "scores" / "cmva" / "jets.parquet").to_pandas()
    splits = table.groupby(["dataset", "run", "luminosity_block", "event"])["split"].nunique()
    assert (splits == 1).all()


def _area(results, tagger):
    """The AUC on the test split, signal against all others, with its interval."""
    table = _scores(results, tagger).query("split == 3")
    is_signal = table["label"].isin([500, 510, 511, 520, 521, 2505])
    from jetsmith import scored
    from jetsmith.configuration.load import load
    from jetsmith.metrics import auc_interval

    config = ROOT / "config"
    spec = load(yaml.safe_load((config / "config.yaml").read_text()), config).classifiers[tagger]
    columns = {name: table[name].to_numpy() for name in table}
    score = scored.discriminant(columns, spec.discriminant, spec.class_names)
    weight = table["weight"].to_numpy()
    return auc_interval(
        score[is_signal], weight[is_signal], score[~is_signal], weight[~is_signal], bootstraps=50, seed=1
    )


@pytest.mark.parametrize("tagger", TAGGERS)
def test_taggers_beat_chance(results, tagger):
    """The AUC is above 0.6, its error considered: the labels reach the training."""
    assert _area(results, tagger).low > 0.6


@pytest.mark.parametrize("tagger", ["csvv2", "jp", "jbp", "soft_muon", "soft_electron"])
def test_cmva_is_above_each_tagger_that_it_reads(results, tagger):
    """Scores out of fold carry what each knows into the combination."""
    assert _area(results, "cmva").value > _area(results, tagger).value


@pytest.mark.parametrize("tagger", TAGGERS)
def test_corrections_are_valid(results, tagger):
    """correctionlib's own validator accepts the file and can list it."""
    path = str(results / "calibration" / f"{tagger}.json")
    for verb in ("validate", "summary"):
        done = subprocess.run(
            [str(Path(sys.executable).parent / "correction"), verb, path], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("tagger", TAGGERS)
def test_bundles(results, tagger, tmp_path, monkeypatch):
    """Each trained tagger leaves, with working points and figures; its jets of reference get their scores.

    Networks are held to themselves in double precision: in single precision their own scores are up to 1e-6
    off that, and which jet is furthest is a matter of the machine.
    """
    from jetsmith.bundle import PROBABILITIES, REFERENCE, Bundle, reference

    bundle = Bundle(results / "bundles" / tagger)
    worst = bundle.check()
    if (results / "models" / tagger / "model.keras").is_file():
        jets, _ = reference(bundle.folder / REFERENCE, bundle.groups, (PROBABILITIES,))
        exact = in_double.probabilities(
            results / "models" / tagger, jets, bundle.groups, tmp_path / "double", monkeypatch
        )
        assert not (bundle.score(jets)[0] == exact).all()
        worst = np.abs(bundle.score(jets)[0] - exact).max()
    assert worst < 1e-6
    points = bundle.folder / "working_points" / f"{tagger}.json"
    assert points.read_bytes() == (results / "calibration" / f"{tagger}.json").read_bytes()
    assert re.search(
        r"^\| L( \((few|ties|few, ties)\))? \| ", (bundle.folder / "README.md").read_text(), re.M
    )


def test_the_reweighter_leaves(results):
    """With its verdict: what closure found, on the first lines; its events of reference get their ratios."""
    from jetsmith.bundle import Reweighter

    reweighter = Reweighter(results / "bundles" / "pythia_shower", warn=False)
    assert reweighter.check() < 1e-6
    status = _read(results / "closure" / "pythia_shower.json")["status"]
    assert reweighter.closure == status
    page = (reweighter.folder / "README.md").read_text()
    assert (status.upper() in page[:200]) == (status != "passed")


def test_weights(results):
    """Finite, one an event, and the target's are 1."""
    power = pq.read_table(results / "weights" / "pythia_shower" / "zjets_power.parquet").to_pandas()
    dipole = pq.read_table(results / "weights" / "pythia_shower" / "zjets_dipole.parquet").to_pandas()
    assert np.isfinite(power["weight"]).all()
    assert (power["weight"] >= 0).all()
    assert (dipole["weight"] == 1).all()
    assert not power.duplicated(["run", "luminosity_block", "event"]).any()


def test_closure_has_numbers(results):
    """Closure before and after, with intervals; its gates are on the page, and the verdict says the worst."""
    closure = _read(results / "closure" / "pythia_shower.json")
    page = (results / "report" / "index.html").read_text()
    assert len(closure["gates"]) == 6
    assert all(html.escape(gate["why"]) in page for gate in closure["gates"])
    assert _read(results / "report" / "verdict.json")["pythia_shower"] == closure["status"]
    assert closure["auc_before"]["low"] <= closure["auc_before"]["value"] <= closure["auc_before"]["high"]
    assert closure["auc_after"]["value"] < closure["auc_before"]["value"]


def test_the_baseline_has_the_same_judge(results):
    """On the same events, with the same seed and inputs; its weights in bins say what came out."""
    trees, bins = (_read(results / "closure" / f"pythia_shower{end}.json") for end in ("", "_2d"))
    assert bins["auc_before"] == trees["auc_before"]
    (found,) = _read(results / "weights" / "pythia_shower_2d.correction.json")["corrections"]
    assert f"closure test of the weights of events: {bins['status']}" in found["description"]


def test_the_area_can_be_had_without_jetsmith(finished):
    """The lines of docs/reweighting.md, on the published files, with our package out of reach."""
    page = (ROOT / "docs/reweighting.md").read_text()
    (code,) = [block.partition("```")[0] for block in page.split("```python\n") if "roc_auc_score" in block]
    code = "import sys; sys.modules['jetsmith'] = None\n" + code
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=finished.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    theirs = float(done.stdout.rpartition(":")[2])
    ours = _read(finished.folder / "results" / "closure" / "pythia_shower.json")["auc_after"]
    assert theirs == pytest.approx(ours["value"], abs=4 * (ours["high"] - ours["low"]))


def test_every_plot_has_its_numbers(results):
    """PDF, PNG and JSON of each, and where it counts something histograms that others can read."""
    plots = sorted((results / "plots").rglob("*.png"))
    assert len(plots) > 10
    for path in plots:
        assert path.with_suffix(".pdf").stat().st_size > 1000
        assert _read(path.with_suffix(".json"))
    histograms = [str(path) for path in (results / "plots").rglob("*.hist.json")]
    assert histograms
    done = subprocess.run([sys.executable, "-m", "uhi", "validate", *histograms], check=False)
    assert done.returncode == 0


def test_figures_are_published(results):
    """As tables for HEPData, of every figure of ROC curves, efficiencies, shapes and confusion matrices."""
    tables = {path.name for path in (results / "hepdata").iterdir()}
    assert "submission.yaml" in tables
    for plot in ("efficiency", "discriminant", "confusion"):
        figures = [path.stem for path in (results / "plots" / plot).glob("*.png")]
        assert {f"{plot}.{name}.yaml" for name in figures} <= tables
    for kind in ("roc", "roc_by_pt", "closure_roc"):
        assert any(name.startswith(f"{kind}.") for name in tables), kind


def test_report_shows_all(results):
    """The page names every tagger and dataset and carries the provenance."""
    page = (results / "report" / "index.html").read_text()
    for word in (*TAGGERS, "pythia_shower", "ttbar", "seed"):
        assert word in page


def test_second_run_does_nothing(finished):
    """Nothing is left to do."""
    assert finished.planned() == {}
