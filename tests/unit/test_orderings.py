"""The benchmark of orderings finds what is there, and nothing where there is nothing."""

import hashlib
import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from jetsmith.configuration.load import load
from tests.benchmarks import _orderings_way as way
from tests.benchmarks import _workflow as workflow
from tests.benchmarks import boosted, first_tags, orderings

N = 4000


@pytest.fixture
def jets():
    """Scores with ties and untagged jets, truth, and events of four jets."""
    rng = np.random.default_rng(1)
    signal = rng.random(N) < 0.3
    background = ~signal & (rng.random(N) < 0.8)
    values = np.round(rng.normal(1.2 * signal), 1)
    values[rng.random(N) < 0.05] = -np.inf
    return values, signal, background, np.repeat(np.arange(N // 4), 4)


def test_measures_are_those_of_a_plain_count(jets):
    """Areas with ties; efficiencies between those at the cuts around the mistag; for drawn events, too."""
    values, signal, background, events = jets
    times = way.poisson(events, 1)[:4]
    found = way.measures(values, signal, background, times)
    used = signal | background
    finite = np.maximum(values, -50.0)
    for k, drawn in enumerate(times):
        area = roc_auc_score(signal[used], finite[used], sample_weight=drawn[used])
        assert found["auc"][k] == pytest.approx(area, abs=1e-12)
        cuts = np.append(np.unique(values), np.inf)
        mistag = np.array([drawn[background & (values >= cut)].sum() for cut in cuts])
        passed = np.array([drawn[signal & (values >= cut)].sum() for cut in cuts]) / drawn[signal].sum()
        inside = int(np.argmax(mistag <= 0.01 * drawn[background].sum()))
        assert passed[inside] <= found["efficiency_1e-2"][k] <= passed[inside - 1]
        share = mistag / drawn[background].sum()
        half = int(np.argmax(passed <= 0.5))
        assert share[half] <= found["passing_5e-1"][k] <= share[half - 1]


def test_events_are_drawn_whole(jets):
    """Jets of one event go together; the first line is what was seen."""
    times = way.poisson(jets[3], 2)
    assert (times[0] == 1).all()
    assert (times.reshape(len(times), -1, 4) == times.reshape(len(times), -1, 4)[..., :1]).all()
    assert times[1:].mean() == pytest.approx(1, abs=0.01)


def test_two_taggers_are_told_apart_only_where_they_are():
    """Of the same strength about as many intervals hold 0 as they say; a better one is found by all."""
    rng = np.random.default_rng(3)
    held, above, n = 0, 0, 1500
    for k in range(60):
        signal = rng.random(n) < 0.5
        common = rng.normal(signal)
        first, second, better = (common + rng.normal(size=n) * noise for noise in (0.7, 0.7, 0.1))
        times = way.poisson(np.arange(n), k)[:101]
        areas = [way.measures(v, signal, ~signal, times)["auc"] for v in (first, second, better)]
        same, apart = way.interval(areas[0] - areas[1]), way.interval(areas[2] - areas[1])
        held += same["low"] <= 0 <= same["high"]
        above += apart["low"] > 0
    assert 30 <= held <= 52  # 41 are right; binomially within three standard deviations
    assert above == 60


def fake_bundle(folder):
    """What the parse reads of the bundle of CSVv2: its inputs, as they are shipped."""
    ak4 = workflow.shipped("features/ak4")
    plain = {
        "slot": None,
        "transform": "none",
        "clip": None,
        "default": 0.0,
        "unit": "",
        "range": [None, None],
    }
    features = [plain | {"name": name} | ak4["features"][name] for name in ak4["presets"]["csvv2"]]
    group = {"group": "ak4", "kind": "flat", "length": 0, "sorted_by": "", "features": features}
    about = {"format": 1, "tagger": "csv", "classes": ["b_jets", "c_jets", "light_jets"]}
    about |= {"discriminants": {}, "groups": [group]}
    folder.mkdir()
    (folder / "inputs.json").write_text(json.dumps(about))
    digest = hashlib.sha256((folder / "inputs.json").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  inputs.json\n")
    return {
        "bundle": str(folder),
        "sha256": hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest(),
    }


def test_the_run_of_large_jets(tmp_path):
    """The workflow takes it: what is compared is judged on the sample, each weight is a training."""
    found = boosted.files()
    workflow.write_config(tmp_path, found)
    run = load(found["config"] | {"seed": 1}, [tmp_path, workflow.CONFIG])
    judged = [name for name in run.run.taggers if boosted.SAMPLE in run.samples_of(name)]
    assert {name for ratio in boosted.RATIOS for name in (ratio.above, ratio.below)} == set(judged)
    for name, weights in boosted.WEIGHTS.items():
        assert [point.losses["mass"].weight for point in run.loss_scans[name].points] == list(weights)
        assert boosted.COLUMN in run.classifiers[name].decorrelate
        assert run.classifiers[name].sample == boosted.FLAT
    assert len({ratio.name for ratio in boosted.RATIOS}) == len(boosted.RATIOS)


def test_the_runs_of_first_tags(tmp_path):
    """The workflow takes both: the first has the tagger whose bundle is asked of large jets in the second."""
    small = first_tags.small()
    assert first_tags.SMALL in load(small | {"seed": 1}, [workflow.CONFIG]).classifiers
    found = first_tags.files(fake_bundle(tmp_path / "bundle"))
    workflow.write_config(tmp_path / "config", found)
    run = load(found["config"] | {"seed": 1}, [tmp_path / "config", workflow.CONFIG])
    compared = {name for ratio in first_tags.RATIOS for name in (ratio.above, ratio.below)}
    assert compared == set(run.classifiers)
    assert {one.sample for one in run.classifiers.values()} == {first_tags.SAMPLE}


def test_summary_counts_seeds():
    """What is wanted is compared with each seed, and a seed that fails is seen."""

    def seed(value):
        one = {"value": value, "low": value - 0.01, "high": value + 0.01}
        return {
            "comparisons": [one] * len(orderings.ORDERINGS),
            "taggers": {name: {"auc": one} for name in orderings.TAGGERS},
            "stages": {"train": {"jobs": 2, "seconds": 10, "cpu_seconds": 15 + value, "peak_rss_mb": 900}},
        }

    found = orderings.summary({1: seed(0.02), 2: seed(0.004), 3: seed(-0.02)})
    cmva = found["orderings"]["cmva over csvv2, auc"]
    assert (cmva["as_wanted"], cmva["interval_above"], cmva["interval_below"]) == (2, 1, 1)
    assert cmva["mean"] == pytest.approx(0.00133, abs=1e-5)
    tight = found["orderings"]["deepcsv over csvv2, efficiency_1e-3"]
    assert (tight["wanted"], tight["as_wanted"]) == (1.15, 0)
    assert found["taggers"]["jp"]["auc"] == cmva["mean"]
    assert found["stages"]["train"] == {"jobs": 2, "seconds": 10, "cpu_seconds": 15, "peak_rss_mb": 900}


def test_runs_of_the_benchmark_are_valid(tmp_path):
    """All taggers that it names are shipped, and what it changes of them can be read."""
    found = orderings.files()
    workflow.write_config(tmp_path, found)
    run = load(found["config"] | {"seed": 1}, [tmp_path, workflow.CONFIG])
    assert set(run.run.taggers) == set(orderings.TAGGERS)
    assert run.classifiers["deepjet"].training.epochs == orderings.EPOCHS["deepjet"]
    assert run.classifiers["transformer"].auxiliary
    assert not run.classifiers[orderings.ALONE].auxiliary
    compared = {name for one in orderings.ORDERINGS for name in (one.better, one.worse)}
    assert compared <= set(orderings.TAGGERS)


def test_stages_add_up_their_jobs(tmp_path):
    """Times are sums, memory is that of the largest job."""
    for name, numbers in (
        ("train/a", "2.5\t-\t300\t2"),
        ("train/b", "1.5\t-\t500\t3"),
        ("skim/x/0", "1\t-\t9\t1"),
    ):
        path = tmp_path / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\tcpu_time\n{numbers}\n")
    found = orderings.stages(tmp_path)
    assert found["train"] == {"jobs": 2, "seconds": 4.0, "cpu_seconds": 5.0, "peak_rss_mb": 500.0}
    assert found["skim"]["jobs"] == 1
