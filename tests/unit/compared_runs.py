"""Small results folders of finished runs, written by the stages themselves, for tests of comparisons."""

import shutil
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from jetsmith import io
from jetsmith.calibration import calibrate
from jetsmith.calibration.plane import calibrate_plane
from jetsmith.handed.measurement import Bin, Measurement
from jetsmith.handed.measurement import Factor as Found
from jetsmith.hashing import SPLITS
from jetsmith.plots import roc
from jetsmith.sealed import planned
from jetsmith.sealed.made import Ledger, Made, identity, same
from jetsmith.specs.classifiers import EvaluationSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.run import EfficienciesSpec, PointsSpec
from tests.unit.score_files import write_scores
from tests.unit.test_plots_inputs import WORKING_POINTS, make_spec
from tests.unit.test_report import make_account, make_closure, make_inspection

SAMPLE = "demo_ak4"
LOOK = {"label": "Private work (simulation)", "dpi": 40}
POINTS = {name: WORKING_POINTS[name] for name in ("L", "M")}
Table = dict[str, npt.NDArray[Any]]
EDGES = (30.0, 60.0, 120.0)
PLANE = {"L": (0.2, 0.3), "M": (0.1, 0.15)}


def make_jets(n: int = 12_000, seed: int = 1) -> Table:
    """Jets of three classes, all columns of a score file but the score; `logit` tells classes apart."""
    rng = np.random.default_rng(seed)
    label = rng.choice([500, 400, 0], n, p=[0.3, 0.2, 0.5]).astype(np.int32)
    return {
        "run": np.ones(n, np.uint32),
        "luminosity_block": np.ones(n, np.uint32),
        "event": np.arange(n, dtype=np.uint64) // 2 + 1,
        "jet_index": (np.arange(n) % 2).astype(np.int16),
        "dataset": np.zeros(n, np.int32),
        "split": rng.choice(len(SPLITS), n, p=[0.1, 0.1, 0.2, 0.6]).astype(np.int8),
        "label": label,
        "weight": np.ones(n),
        "jet_pt_gev": (rng.exponential(80, n) + 30).astype(np.float32),
        "jet_eta": rng.uniform(-2.4, 2.4, n).astype(np.float32),
        "scored": np.ones(n, bool),
        "logit": rng.normal(np.select([label == 500, label == 400], [2.5, 1.0], 0.0), 1.0),
    }


def score(jets: Table, noise: float = 0.3, seed: int = 2, shift: float = 0.0) -> npt.NDArray[Any]:
    """Scores of a training: what there is, noise of its own, and of signal jets a shift."""
    rng = np.random.default_rng(seed)
    logit = jets["logit"] + noise * rng.normal(size=len(jets["logit"])) + shift * (jets["label"] == 500)
    return 1 / (1 + np.exp(-logit))


def make_run(
    folder: Path,
    jets: Table,
    scores: npt.NDArray[Any],
    settings: Mapping[str, Any] | None = None,
    title: str = "DeepJet",
) -> Path:
    """A results folder with one tagger and one reweighter.

    Args:
        folder: For it.
        jets: Of `make_jets`.
        scores: Of the tagger, shape (N,).
        settings: Keys of the run.
        title: Of the tagger.
    """
    spec = make_spec(title=title)
    path = folder / f"scores/deepjet/{SAMPLE}.parquet"
    path.parent.mkdir(parents=True)
    write_scores(path, {name: v for name, v in jets.items() if name != "logit"} | {"discriminant": scores})
    about = {"commit": "abc", "versions": {"numpy": "2.0"}}
    io.write_json(path.with_suffix(".meta.json"), {"provenance": about})
    numbers = folder / "calibration/deepjet.numbers.json"
    outputs, points = (folder / "calibration/deepjet.json", numbers), PointsSpec(allow_few_passing=True)
    calibrate(spec, path, POINTS, (30, 100, 1000), (0, 2.5), *outputs, settings=points)
    for background in ("light_jets", "c_jets"):
        base = folder / f"plots/roc/{SAMPLE}/b_jets_vs_{background}"
        with mock.patch.object(roc, "draw", return_value=Figure((1, 1))):  # its numbers are what is read
            roc.plot_roc([spec], [path], background, PlotSpec(**LOOK), base, [numbers], 20, 0, POINTS)
    other = folder.with_name(f"{folder.name}.made")
    other.mkdir()
    for made, name in (
        (make_account(other), "skim/ttbar.json"),
        (make_inspection(other), "inspect/ttbar.json"),
        (make_closure(other), "closure/shower.json"),
    ):
        (folder / name).parent.mkdir()
        made.rename(folder / name)
    (folder / "report").mkdir()
    (folder / "report/index.html").write_text("<!doctype html>")
    dumped = spec.model_dump(mode="json")
    judged = {key: dumped[key] for key in ("title", "discriminant", "signal_class", "background_classes")}
    run = {"title": "A run", "samples": {SAMPLE: {"datasets": ["ttbar"]}}, "plots": LOOK, "seed": 1}
    shown = {
        "run": run | dict(settings or {}),
        "classifiers": {"deepjet": dumped, "shower": {"title": "Shower", "sample": "zjets"}},
        "judgements": {"deepjet": judged},
    }
    seal(folder, {"report/index.html": [("run", shown)]})
    return folder


def specs() -> list[Any]:
    """Two taggers, one of b against light, one of b against c."""
    first = make_spec(title="DeepJet")
    second = first.model_copy(
        update={
            "name": "against_c",
            "evaluation": EvaluationSpec(signal="b_jets", backgrounds=("c_jets",)),
            "background_classes": tuple(c for c in first.background_classes if c.name == "c_jets"),
        }
    )
    return [first, second]


def score_against_c(jets: Table, seed: int) -> Any:
    """What tells b from c, a little from light, with noise of a training."""
    label, n = jets["label"], len(jets["label"])
    own = np.random.default_rng(5).normal(np.select([label == 500, label == 400], [2.0, -0.5], 1.2), 1.0)
    return 1 / (1 + np.exp(-own - 0.3 * np.random.default_rng(seed).normal(size=n)))


def factor(value: float = 0.95, own: float = 0.02, scale: float = 0.03) -> Found:
    whole = float(np.hypot(own, scale))
    return Found(value, whole, whole, own, {"energy_scale": scale}, {}, 0.0, 0)


def make_more(
    folder: Path, jets: Table, scores: Any, factors: tuple[Found | None, ...], change: float
) -> Path:
    """A finished run with a plane, a measurement and a figure of resilience beside a tagger."""
    make_run(folder, jets, scores)
    two = specs()
    path, other = (folder / f"scores/{spec.name}/{SAMPLE}.parquet" for spec in two)
    other.parent.mkdir()
    table = {name: column for name, column in jets.items() if name != "logit"}
    write_scores(other, table | {"discriminant": score_against_c(jets, zlib.crc32(folder.name.encode()))})
    shutil.copy(path.with_suffix(".meta.json"), other.with_suffix(".meta.json"))
    alone = [folder / f"calibration/against_c.{end}" for end in ("json", "numbers.json")]
    calibrate(two[1], other, POINTS, EDGES, (0, 2.5), *alone, settings=PointsSpec(allow_few_passing=True))
    outputs = folder / "calibration/both.json", folder / "calibration/both.numbers.json"
    settings = EfficienciesSpec(allow_few_passing=True)
    calibrate_plane("both", two, (path, other), PLANE, EDGES, (0, 2.5), {}, settings, *outputs)
    io.write_record(
        folder / "scale_factors/probe.json",
        Measurement(
            "probe", "deepjet", "b", 5, "sim", "data", False, "", "", EDGES, {"L": 0.5},
            {"L": tuple(Bin(0.9, 0.7, factor=one, why="" if one else "few") for one in factors)},
        ),
    )  # fmt: skip
    area = {"value": 0.9, "low": 0.89, "high": 0.91}
    changes = [{"change": {"value": change, "low": change - 0.004, "high": change + 0.004}}, {"change": None}]
    background = two[0].background_classes[0].model_dump(mode="json")
    tried = {"judgement": "deepjet", "title": "DeepJet", "auc": area, "members": [], "changes": changes}
    io.write_json(
        folder / f"plots/resilience/{SAMPLE}/b_vs_light.json",
        {"sample": SAMPLE, "background": background, "shifts": ["worse tracker", "none"], "taggers": [tried]},
    )
    judged = {}
    for spec in two:
        dumped = spec.model_dump(mode="json")
        keys = ("title", "discriminant", "signal_class", "background_classes")
        judged[spec.judgement] = {key: dumped[key] for key in keys}
    run = {
        "title": "A run",
        "samples": {SAMPLE: {"datasets": ["ttbar"]}},
        "plots": LOOK,
        "calibration": {"planes": {"both": {"judgements": list(judged)}}},
        "scale_factors": {"probe": {"judgement": "deepjet"}},
    }
    classifiers = {spec.name: spec.model_dump(mode="json") for spec in two} | {
        "shower": {"title": "S", "sample": "zjets"}
    }
    shutil.rmtree(folder / ".jetsmith")
    shown = {"run": run, "classifiers": classifiers, "judgements": judged}
    seal(folder, {"report/index.html": [("run", shown)]})
    return folder


def seal(folder: Path, params: Mapping[str, list[tuple[str, Any]]], code: str = "1234") -> None:
    """Write the ledger of a folder: every file, with the parameters of some; the page comes from all."""
    ledger = Ledger(folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".jsonl")
    names = {path: str(path.relative_to(folder)) for path in paths}
    for path, name in names.items():
        lines = planned.leaves([*params.get(name, []), ("code", {"scored": code, "script": "5678"})])
        rule = name.partition("/")[0]
        read = [f"<results>/{other}" for other in names.values()] if rule == "report" else []
        ledger.put(name, Made(rule, 1, lines, read, {}, 0.0, 1.0, **identity(path)))


def reseal(folder: Path) -> None:
    """Write down files that a test has changed as what their run made."""
    ledger = Ledger(folder)
    for name in list(ledger):
        made, path = ledger.get(name), folder / name
        if made is not None and path.is_file() and not same(path, made):
            ledger.put(name, replace(made, **identity(path)))
