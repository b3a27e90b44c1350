"""A PFNano-like file of any number of events: the branches that jetsmith reads, and 300 that it does not.

An event has about 8 jets, 80 candidates and 2 vertices. Floats keep 12 bits of their mantissa, as
NanoAOD's do, so that they compress as in real files; what they say is random.
Run as a module it writes one file: `python -m tests.benchmarks._pfnano PATH EVENTS CODEC FILLERS`.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
import uproot

from jetsmith.io import atomic_file

CLUSTER = 5_000  # events
CODECS = {"zstd1": uproot.ZSTD(1), "lzma4": uproot.LZMA(4)}
SEED = 20261124
JET = (
    "mass area btagDeepFlavB btagDeepFlavCvB btagDeepFlavCvL btagDeepFlavQG btagPNetB btagPNetCvB "
    "btagPNetCvL btagPNetQvG qgl chHEF neHEF"
)
CANDIDATE = "mass d0 dz dzErr trkChi2 puppiWeight puppiWeightNoLep hcalFraction vtxChi2 trkPt"
LINK = (
    "pt btagEtaRel btagPtRatio btagPParRatio btagSip2dVal btagSip2dSig btagSip3dVal btagSip3dSig "
    "btagJetDistVal"
)
VERTEX = "mass x y z dlen dlenSig dxySig pAngle"
JET_VERTEX = "pt mass chi2 normchi2 dxy dxysig d3d d3dsig costhetasvpv enration deltaR"

Array = npt.NDArray[Any]


def short(values: Array) -> Array:
    """As float32 with 12 bits of mantissa."""
    return (values.astype(np.float32).view(np.uint32) & np.uint32(0xFFFFF800)).view(np.float32)


def make(path: str | Path, events: int, codec: str, fillers: bool = True, seed: int = SEED) -> None:
    """Write the tree `Events`, in clusters of 5,000 events with numbers of their own."""
    rng = np.random.default_rng(seed)
    with atomic_file(path) as temporary, uproot.recreate(temporary, compression=CODECS[codec]) as file:
        for first in range(0, events, CLUSTER):
            table = _cluster(rng, first, min(CLUSTER, events - first), fillers)
            if not first:
                types = {k: v.dtype if isinstance(v, np.ndarray) else v.type for k, v in table.items()}
                file.mktree("Events", types)
            file["Events"].extend(table)


def _cluster(rng: np.random.Generator, first: int, n: int, fillers: bool) -> dict[str, Any]:
    counts = {name: rng.poisson(mean, n) for name, mean in (("Jet", 8), ("PFCands", 80), ("SV", 2))}
    table: dict[str, Any] = {
        "run": np.ones(n, np.uint32),
        "luminosityBlock": (first + np.arange(n, dtype=np.uint32)) // 1000 + 1,
        "event": first + np.arange(n, dtype=np.uint64),
        "genWeight": short(rng.choice([-1.0, 1.0], n, p=[0.1, 0.9]) * rng.uniform(20, 30, n)),
        "PV_npvs": rng.poisson(30, n).astype(np.int32),
        **{f"PV_{name}": short(rng.standard_normal(n)) for name in ("x", "y", "z", "score")},
        "Jet": _jets(rng, counts["Jet"]),
        "PFCands": _candidates(rng, counts["PFCands"]),
        "JetPFCands": _links(rng, counts["Jet"], counts["PFCands"], "pFCandsIdx", LINK),
        "SV": _directions(rng, counts["SV"], VERTEX, {}),
        "JetSVs": _links(rng, counts["Jet"], counts["SV"], "sVIdx", JET_VERTEX, "ntracks"),
    }
    return table | (_fillers(rng, n) if fillers else {})


def _ragged(counts: Array, columns: dict[str, Array]) -> ak.Array:
    return ak.zip({name: ak.unflatten(values, counts) for name, values in columns.items()})


def _normal(rng: np.random.Generator, names: str, total: int) -> dict[str, Array]:
    return {name: short(rng.standard_normal(total)) for name in names.split()}


def _directions(rng: np.random.Generator, counts: Array, names: str, more: dict[str, Array]) -> ak.Array:
    total = int(counts.sum())
    columns = {
        "pt": short(rng.exponential(25, total) + 15 * (rng.random(total) < 0.5)),
        "eta": short(rng.normal(0, 1.6, total)),
        "phi": short(rng.uniform(-np.pi, np.pi, total)),
    }
    return _ragged(counts, columns | _normal(rng, names, total) | more)


def _jets(rng: np.random.Generator, counts: Array) -> ak.Array:
    total = int(counts.sum())
    hadron = rng.choice([0, 4, 5], total, p=[0.8, 0.1, 0.1])
    return _directions(
        rng,
        counts,
        JET,
        {
            "rawFactor": short(rng.normal(0.05, 0.02, total)),
            "jetId": rng.choice([0, 2, 6], total, p=[0.02, 0.08, 0.9]).astype(np.int32),
            "hadronFlavour": hadron.astype(np.int32),
            "partonFlavour": np.where(hadron, hadron, rng.choice([21, 1, 2, 3], total)).astype(np.int32),
            "nBHadrons": (hadron == 5).astype(np.int32),
            "nCHadrons": (hadron == 4).astype(np.int32),
        },
    )


def _candidates(rng: np.random.Generator, counts: Array) -> ak.Array:
    total = int(counts.sum())
    charge = rng.choice([-1, 0, 1], total, p=[0.3, 0.4, 0.3]).astype(np.int32)
    pdg_id = np.where(charge, 211 * charge, rng.choice([22, 130], total))
    has_track = (charge != 0) & (rng.random(total) < 0.9)
    more = {
        "d0Err": short(np.where(has_track, np.abs(rng.standard_normal(total)), -1)),  # CMS's code for none
        "charge": charge,
        "pdgId": pdg_id.astype(np.int32),
        "pvAssocQuality": rng.choice([0, 1, 4, 5, 6, 7], total).astype(np.int32),
        "trkQuality": rng.choice([1, 5], total).astype(np.int32),
        "lostInnerHits": rng.choice([-1, 0, 1], total).astype(np.int32),
    }
    return _directions(rng, counts, CANDIDATE, more)


def _links(
    rng: np.random.Generator, jets: Array, parts: Array, index: str, names: str, integers: str = ""
) -> ak.Array:
    """One link for each candidate that is in a jet (nine of ten), ordered by jet as PFNano's are."""
    event = np.repeat(np.arange(len(parts)), parts)
    local = np.arange(len(event)) - np.repeat(np.cumsum(parts) - parts, parts)
    jet = np.floor(rng.random(len(event)) * jets[event]).astype(np.int64)
    linked = np.flatnonzero((rng.random(len(event)) < 0.9) & (jets[event] > 0))
    linked = linked[np.lexsort((jet[linked], event[linked]))]
    columns = {"jetIdx": jet[linked].astype(np.int32), index: local[linked].astype(np.int32)}
    columns |= {name: rng.poisson(3, len(linked)).astype(np.int32) for name in integers.split()}
    counts = np.bincount(event[linked], minlength=len(parts))
    return _ragged(counts, columns | _normal(rng, names, len(linked)))


def _fillers(rng: np.random.Generator, n: int) -> dict[str, Any]:
    """300 branches that nobody reads: flags and numbers, and ten collections of ten columns."""
    table: dict[str, Any] = {
        f"Filler_{i}": short(rng.standard_normal(n)) if i % 2 else rng.random(n) < 0.1 for i in range(200)
    }
    for i in range(10):
        counts = rng.poisson(3, n)
        table[f"Extra{i}"] = _ragged(
            counts, _normal(rng, " ".join(f"v{j}" for j in range(10)), int(counts.sum()))
        )
    return table


def main(arguments: Iterable[str]) -> None:
    """Write the file that the command line describes."""
    path, events, codec, fillers = arguments
    make(path, int(events), codec, fillers == "True")


if __name__ == "__main__":
    main(sys.argv[1:])
