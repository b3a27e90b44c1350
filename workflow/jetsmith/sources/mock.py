"""Small ROOT files in the layouts that jetsmith reads, for tests and trials: random, reproducible.

Links from jets to candidates are shuffled within an event, and some are broken on purpose.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from jetsmith.io import IntArray, atomic_file

Table = dict[str, Any]
TRUTH = ("hadronFlavour", "partonFlavour", "nBHadrons", "nCHadrons", "genJetIdx")


def events(n_events: int = 40, seed: int = 1, with_candidates: bool = True, first_event: int = 0) -> Table:
    """Branches of a chunk of NanoAOD or, with candidates, PFNano; collections are records."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 5, n_events)
    table = _header(rng, n_events, first_event) | {"Jet": _jets(rng, counts)}
    return table | (_candidates(rng, counts) if with_candidates else {})


def measured(table: Table, run: int = 283_270) -> Table:
    """The same chunk as a detector would have it: no branch of a generator, and a run of data."""
    jets = table["Jet"][[name for name in table["Jet"].fields if name not in TRUTH]]
    kept = {name: value for name, value in table.items() if name != "genWeight"}
    return kept | {"Jet": jets, "run": np.full(len(table["run"]), run, dtype=np.uint32)}


def flatten(table: Table) -> dict[str, ak.Array]:
    """Branches by name, as uproot gives them."""
    arrays = {}
    for name, value in table.items():
        if isinstance(value, np.ndarray):
            arrays[name] = ak.Array(value)
        else:
            arrays |= {f"{name}_{key}": value[key] for key in value.fields}
    return arrays


def write(
    path: str | Path, tables: Sequence[Table], tree: str = "Events", runs: dict[str, Any] | None = None
) -> str:
    """Write tables as a TTree, each its own cluster; `runs` become a tree `Runs` of one entry."""
    types = {k: v.dtype if isinstance(v, np.ndarray) else v.type for k, v in tables[0].items()}
    with atomic_file(path) as temporary, uproot.recreate(temporary, compression=uproot.ZSTD(1)) as file:
        target = file.mktree(tree, types)
        for table in tables:
            if len(next(iter(table.values()))):
                target.extend(table)
        if runs is not None:
            entry = {name: np.array([value]) for name, value in runs.items()}
            file.mktree("Runs", {name: value.dtype for name, value in entry.items()}).extend(entry)
    return str(path)


def _records(counts: IntArray, columns: dict[str, Any]) -> ak.Array:
    return ak.zip({name: ak.unflatten(values, counts) for name, values in columns.items()})


def _header(rng: np.random.Generator, n_events: int, first_event: int) -> Table:
    return {
        "run": np.full(n_events, 1, dtype=np.uint32),
        "luminosityBlock": rng.integers(1, 9, n_events).astype(np.uint32),
        "event": (np.arange(n_events) + first_event).astype(np.uint64),
        "genWeight": rng.choice([1.0, -0.5], n_events).astype(np.float32),
        "PV_npvs": rng.integers(1, 60, n_events).astype(np.int32),
        "HLT_PFJet40": rng.integers(0, 2, n_events).astype(bool),
    }


def _jets(rng: np.random.Generator, counts: IntArray) -> ak.Array:
    n = int(counts.sum())
    numbers = {
        "pt": rng.uniform(10, 200, n),
        "eta": rng.uniform(-3, 3, n),
        "phi": rng.uniform(-np.pi, np.pi, n),
        "mass": rng.uniform(5, 20, n),
        "rawFactor": rng.uniform(-0.1, 0.1, n),
        "btagDeepFlavB": rng.choice([0.1, 0.9, -3000.0], n),
    }
    codes = {
        "jetId": rng.choice([0, 2, 6], n),
        "hadronFlavour": rng.choice([0, 4, 5], n),
        "partonFlavour": rng.choice([0, 1, -3, 4, 21], n),
        "nBHadrons": rng.integers(0, 3, n),
        "nCHadrons": rng.integers(0, 3, n),
        "genJetIdx": np.zeros(n),
    }
    return _records(counts, _typed(numbers, "float32") | _typed(codes, "int32"))


def _typed(columns: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: values.astype(kind) for name, values in columns.items()}


def _candidates(rng: np.random.Generator, jet_counts: IntArray) -> Table:
    n_events = len(jet_counts)
    cand_counts, sv_counts = rng.integers(3, 12, n_events), rng.integers(0, 4, n_events)
    n, n_sv = int(cand_counts.sum()), int(sv_counts.sum())
    charge = rng.choice([-1, 0, 1], n)
    numbers = {
        "pt": rng.uniform(0.5, 20, n),
        "eta": rng.uniform(-3, 3, n),
        "phi": rng.uniform(-3, 3, n),
        "d0": rng.normal(0, 0.01, n),
        "d0Err": np.where(rng.uniform(size=n) < 0.2, -1, 0.01),
    }
    codes = {"charge": charge, "pdgId": np.where(charge == 0, 22, 211 * charge)}
    directions = {name: rng.uniform(-2, 2, n_sv) for name in ("eta", "phi")}
    return {
        "PFCands": _records(cand_counts, _typed(numbers, "float32") | _typed(codes, "int32")),
        "SV": _records(sv_counts, _typed(directions, "float32")),
        "JetPFCands": _links(rng, jet_counts, cand_counts, "pFCandsIdx", {"btagSip3dVal": (-1, 1)}),
        "JetSVs": _links(rng, jet_counts, sv_counts, "sVIdx", {"mass": (0.3, 5), "deltaR": (-0.5, 0)}),
    }


def _links(
    rng: np.random.Generator,
    jet_counts: IntArray,
    target_counts: IntArray,
    index: str,
    numbers: dict[str, tuple[float, float]],
) -> ak.Array:
    counts = np.where(jet_counts > 0, rng.integers(0, 15, len(jet_counts)), 0)
    event = np.repeat(np.arange(len(jet_counts)), counts)
    codes = {
        "jetIdx": rng.integers(-1, jet_counts[event] + 1),
        index: rng.integers(-1, target_counts[event] + 1),
    }
    values = {name: rng.uniform(low, high, len(event)) for name, (low, high) in numbers.items()}
    return _records(counts, _typed(codes, "int32") | _typed(values, "float32"))
