"""A small configuration with one of each kind, valid, over a small file of random jets; and its mutations."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import yaml

from jetsmith.sources import mock

Keys = tuple[Any, ...]
FEATURE = {"unit": "GeV", "label": "jet $p_T$", "default": 0.0, "clip": [0.0, 500.0], "transform": "log1p"}
FILES: dict[str, Any] = {
    "config.yaml": {
        "title": "Tiny",
        "seed": 1,
        "pathvars": {"results": "results"},
        "splits": {"train": 0.4, "validation": 0.2, "calibration": 0.2, "test": 0.2},
        "selection": {
            "ak4": {
                "pt_min_gev": 20.0, "abseta_max": 2.5, "jet_id": 2, "pt_bins_gev": [20, 60, 300],
                "abseta_bins": [0, 1.2, 2.5], "third_bins": {"n_pv": [0, 20, 60]},
            }
        },
        "samples": {"mine": {"datasets": ["jets"], "folds": 0, "normalise": "unit", "signs": "measured"}},
        "taggers": {"score": "mine", "trees": "mine"},
        "working_points": {"L": 0.3, "M": 0.1},
        "calibration": {
            "min_passing": 50.0, "allow_few_passing": True, "min_effective": 10.0, "smooth": True,
            "flat_efficiency": {"F70": 0.7},
            "thresholds": {"score": {"M": 0.5, "T": 0.9}},
        },
        "bundles": True,
        "partition": {"at_least": 1, "target_mb": 1000.0},
        "skim": {"chunk_entries": 500, "max_loss_fraction": 0.0, "retries": 0, "write_root": False},
        "closure": {
            "bootstraps": 20, "tolerance": 0.1, "max_chi2": 3.0, "min_effective": 50.0, "max_share": 0.1,
            "max_uncovered": 0.2, "allow_failed_closure": True,
        },
        "explain": {"enabled": True, "exchanged": 300, "attributed": 50},
        "plots": {"label": "Tiny run", "width_in": 4.0, "dpi": 50},
    },
    "datasets.yaml": {
        "jets": {
            "object": "ak4", "layout": "auto", "process": "ttbar", "generator": "random", "is_data": False,
            "cross_section_pb": 10.0, "files": ["*.root"], "hlt": ["HLT_PFJet40"], "duplicates": "refuse",
        }
    },
    "flavours.yaml": {
        "b_jets": {"truth": [500, 510, 511, 520, 521], "label": "b", "color": "#1f77b4", "flavor": 5},
        "c_jets": {"truth": [400, 410, 411], "label": "c", "color": "#ff7f0e", "flavor": 4},
        "light_jets": {"truth": [0, 1, 2], "label": "light", "color": "#2ca02c", "flavor": 0},
        "not_b_jets": {"truth": [0, 1, 2, 400, 410, 411], "label": "not \\bar{b}", "color": "#7f7f7f"},
    },
    "features/ak4.yaml": {
        "object": "ak4",
        "kind": "flat",
        "features": {
            "jetPt": {"source": "jet_pt_gev", **FEATURE},
            "jetAbsEta": {"source": "jet_eta", "transform": "abs"},
            "btagDeepFlavB": {"source": "stored_btagDeepFlavB", "default": None},
        },
        "presets": {"all": ["jetPt", "jetAbsEta", "btagDeepFlavB"]},
    },
    "taggers/score.yaml": {
        "title": "Stored",
        "backend": "stored",
        "object": "ak4",
        "classes": ["b_jets", "not_b_jets"],
        "inputs": {"ak4": ["btagDeepFlavB"]},
        "architecture": {"column": "btagDeepFlavB"},
        "discriminants": {
            "BvsAll": {"signal": ["b_jets"], "background": {"not_b_jets": 1.0}, "form": "ratio"}
        },
        "evaluation": {"signal": "b_jets", "backgrounds": ["light_jets", "c_jets"]},
    },
    "taggers/trees.yaml": {
        "title": "Trees",
        "backend": "xgboost",
        "object": "ak4",
        "classes": ["b_jets", "c_jets", "light_jets"],
        "inputs": {"ak4": "all"},
        "architecture": {"max_depth": 2, "subsample": 0.8},
        "training": {
            "epochs": 20, "patience": 5, "learning_rate": 0.3, "batch_size": 64, "balance": "pt_eta_class",
            "pt_bins_gev": [20, 60, 300], "abseta_bins": [0, 2.5], "checkpoint_every": 1,
        },
        "discriminants": {
            "BvsAll": {"signal": ["b_jets"], "background": {"c_jets": 0.5, "light_jets": 0.5}},
            "CvsL": {
                "signal": ["c_jets"], "background": {"light_jets": 1.0},
                "evaluation": {"signal": "c_jets", "backgrounds": ["light_jets"]},
            },
        },
        "evaluation": {"signal": "b_jets", "backgrounds": ["light_jets"]},
    },
}  # fmt: skip
VALUES: dict[str, Any] = {
    "null": None, "true": True, "word": "word", "quoted number": "3", "power of ten": "8e-1", "empty": "",
    "one": 1, "seven": 7, "half": 0.5, "fraction": 2.5, "zero": 0, "minus one": -1, "huge integer": 10**30,
    "huge": 1e300, "tiny": 1e-300, "infinity": float("inf"), "no number": float("nan"), "list": [],
    "mapping": {},
}  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """One mistake.

    Attributes:
        file: Name below config/.
        keys: Where in it.
        kind: A key of VALUES, or drop, misspell, double, wrap, reverse, repeat.
    """

    file: str
    keys: Keys
    kind: str

    def __str__(self) -> str:
        return f"{self.file}: {'.'.join(map(str, self.keys))}: {self.kind}"


def mutations() -> list[Mutation]:
    """All of them, in a fixed order."""
    return [
        Mutation(name, keys, kind)
        for name, content in FILES.items()
        for keys, value in _nodes(content)
        for kind in _kinds(keys, value)
    ]


def _nodes(content: Any, above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    entries = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in entries:
        yield (*above, key), value
        if isinstance(value, dict | list):
            yield from _nodes(value, (*above, key))


def _kinds(keys: Keys, value: Any) -> Iterator[str]:
    yield from ("drop", "wrap")
    if isinstance(keys[-1], str):
        yield from ("misspell", "double")
    if isinstance(value, list):
        yield from ("reverse", "repeat")
    yield from (kind for kind, other in VALUES.items() if repr(other) != repr(value))


def mutated(mutation: Mutation) -> str:
    """Text of the file with the mistake in it."""
    content = copy.deepcopy(FILES[mutation.file])
    place = content
    for key in mutation.keys[:-1]:
        place = place[key]
    key = mutation.keys[-1]
    match mutation.kind:
        case "drop":
            del place[key]
        case "misspell":
            place[f"{key}x"] = place.pop(key)
        case "double":
            place["TWICE"] = copy.deepcopy(place[key])
        case "wrap":
            place[key] = [place[key]]
        case "reverse":
            place[key].reverse()
        case "repeat":
            place[key] += place[key][:1]
        case kind:
            place[key] = VALUES[kind]
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).replace("TWICE", str(key))


def write(folder: Path) -> None:
    """The configuration below `folder`/config and 3,000 random events in `folder`/a.root."""
    write_config(folder / "config")
    tables = []
    for k in range(2):
        table = mock.events(1500, seed=k, first_event=2000 * k)
        rng, jets = np.random.default_rng(k), table["Jet"]
        score = ak.unflatten(rng.beta(2, 2, int(ak.sum(ak.num(jets)))).astype("float32"), ak.num(jets))
        weight = np.ones(
            len(table["event"]), dtype=np.float32
        )  # signed ones leave too few for a working point
        tables.append(table | {"genWeight": weight, "Jet": ak.with_field(jets, score, "btagDeepFlavB")})
    mock.write(folder / "a.root", tables)


def write_config(folder: Path) -> None:
    """The valid configuration."""
    for name, text in _texts().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def network() -> dict[str, Any]:
    """A tagger that is to leave a column alone, with several weights of the loss that sees to it."""
    trees = FILES["taggers/trees.yaml"]
    disco = {"column": "btagDeepFlavB", "rows": ["light_jets"], "signal": ["b_jets"]}
    return {
        **{key: trees[key] for key in ("object", "classes", "discriminants", "evaluation")},
        "title": "Network",
        "backend": "keras",
        "model": "dense",
        "inputs": {"ak4": ["jetPt", "jetAbsEta"]},
        "side": {"ak4": ["btagDeepFlavB"]},
        "losses": {
            "mass": {"loss": "disco", "weight": 2, "options": {**disco, "background": {"light_jets": 1.0}}}
        },
        "architecture": {"dense": [4]},
        "training": {"epochs": 1, "batch_size": 200, "learning_rate": 0.01},
        "decorrelate": {"n_pv": [0, 20, 100]},
        "loss_scan": {"loss": "mass", "weights": [0, 0.3, 3], "seeds": 2},
    }


def add_stacked(folder: Path) -> None:
    """A tagger that reads the scores of both others, the trained and the stored, and a scan; an ensemble.

    The trained one is also trained without some inputs. A network has two weights of a loss.
    """
    trees = FILES["taggers/trees.yaml"]
    one = {"BvsAll": trees["discriminants"]["BvsAll"]}  # figures of others would show nothing new
    both = {
        **trees,
        "discriminants": one,
        "title": "Both",
        "inputs": {"trees": ["p_b_jets"], "score": "all", "ak4": ["jetPt"]},
    }
    over = {"architecture.max_depth": [1, 2, 3]}
    both["scan"] = {"method": "halving", "points": 2, "rungs": 2, "factor": 2, "over": over}
    run = FILES["config.yaml"]
    mean = {**trees, "discriminants": one, "title": "Mean", "ensemble": 2}
    left = {**network(), "discriminants": one}
    left["loss_scan"] = {**left["loss_scan"], "weights": [0, 3]}
    taggers = {**run["taggers"], "both": "mine", "mean": "mine", "left": "mine"}
    run = {**run, "taggers": taggers, "stack_folds": 2}
    less = {**trees, "ablate": {"momentum": ["ak4.jetPt"]}}
    files = {
        "taggers/trees": less,
        "taggers/both": both,
        "taggers/mean": mean,
        "taggers/left": left,
        "config": run,
    }
    for name, content in ((f"{stem}.yaml", content) for stem, content in files.items()):
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))


@cache
def _texts() -> dict[str, str]:
    return {name: yaml.safe_dump(content, sort_keys=False) for name, content in FILES.items()}
