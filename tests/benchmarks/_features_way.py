"""What benchmark `features` runs in processes of their own.

    python -m tests.benchmarks._features_way make FOLDER EVENTS CODEC   a PFNano-like file, its plan, its skim
    python -m tests.benchmarks._features_way WAY FOLDER                 once to be warm, then timed
    python -m tests.benchmarks._features_way check FOLDER               `few` and `awkward` wrote the same

`reading` is bare uproot on the branches that the skim reads, `skim` the stage itself, `ours` the stage
features for the groups of the taggers. `few` is the stage for the columns that `awkward` computes: those that
cost most, as an analysis writes them with awkward and vector, from files that do not store them.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
import vector

from jetsmith import io
from jetsmith.configuration.records import read_yaml, validate
from jetsmith.derivations import of
from jetsmith.features.compute import compute_features
from jetsmith.features.formulas import PION_MASS_GEV
from jetsmith.features.summaries import MAX_SV_DISTANCE
from jetsmith.handed.plan import Plan
from jetsmith.io import read_record
from jetsmith.skimming import inspection, partition
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.features import ColumnGroup, ColumnSpec, FeatureGroup
from jetsmith.specs.skimming import PartitionSpec, SkimSpec
from tests.benchmarks import _pfnano
from tests.benchmarks._harness import ROOT, timed

GROUPS = ("ak4", "charged", "neutral", "vertices")
STEP = 20_000  # events that bare uproot reads at once
SPEC = DatasetSpec(object="ak4", process="bench", files=("bench.root",))
LENGTH = 25
FEW = ColumnGroup(
    name="few",
    object="ak4",
    kind="sequence",
    length=LENGTH,
    sort_by="cpf_sip2d_sig",
    features={
        source.removeprefix("cpf_"): ColumnSpec(source=source)
        for source in (
            "cpf_delta_r", "cpf_pt_fraction", "cpf_pt_rel_gev", "cpf_p_par_gev", "cpf_eta_rel",
            "cpf_sip2d_val_cm", "cpf_min_delta_r_sv",
        )
    },
)  # fmt: skip
DERIVED = ("cpf_eta_rel", "cpf_sip2d_val_cm")  # stored in PFNano, and here taken away


def make(folder: Path, events: int, codec: str) -> None:
    """The file, the plan, the skim, and the skim without columns that are to be derived."""
    _pfnano.make(folder / "bench.root", events, codec)
    path = str(folder / "bench.root")
    inspection.inspect_dataset("bench", SPEC, [path], 1, PartitionSpec(), folder / "plan.json")
    skim(folder)()
    rows = io.read_rows(folder / "rows.parquet")
    kept = [name for name in rows.fields if name not in DERIVED]
    io.write_rows(folder / "bare.parquet", rows[kept], dataset="bench", part="000")


def skim(folder: Path) -> Callable[[], None]:
    """The stage skim."""
    files = [folder / f"rows{end}" for end in (".parquet", ".report.json", ".identity.parquet")]
    settings, plan = SkimSpec(), folder / "plan.json"
    return lambda: partition.skim_partition("bench", SPEC, SelectionSpec(), settings, plan, 0, *files)


def reading(folder: Path) -> Callable[[], None]:
    """Bare uproot, which does nothing with what it reads."""
    names = list(read_record(Plan, folder / "plan.json").schemas[0].branches)

    def work() -> None:
        with uproot.open(folder / "bench.root") as file:
            for _ in file["Events"].iterate(names, step_size=STEP, library="ak", how=dict):
                pass

    return work


def _stage(folder: Path, rows: str, groups: list[ColumnGroup]) -> Callable[[], None]:
    ways = of("ak4")

    def work() -> None:
        for group in groups:
            stem = folder / group.name
            compute_features(group, ways, folder / rows, f"{stem}.parquet", f"{stem}.json")

    return work


def ours(folder: Path) -> Callable[[], None]:
    """The stage features, a call a group, as its rule makes them."""
    files = {name: ROOT / f"config/features/{name}.yaml" for name in GROUPS}
    found = [validate(FeatureGroup, {"name": n, **read_yaml(path)}, path) for n, path in files.items()]
    return _stage(folder, "rows.parquet", list(found))


def few(folder: Path) -> Callable[[], None]:
    """The same for the columns of the reference."""
    return _stage(folder, "bare.parquet", [FEW])


def awkward(folder: Path) -> Callable[[], None]:
    """These columns without a loop, in plain awkward and vector."""
    vector.register_awkward()
    columns = [
        *("cpf_pt_gev", "cpf_eta", "cpf_phi_rad", "cpf_d0_cm", "cpf_sip2d_sig", "sv_eta", "sv_phi_rad"),
        *("jet_pt_gev", "jet_eta", "jet_phi_rad"),
    ]

    def work() -> None:
        rows = ak.from_parquet(folder / "bare.parquet", columns=columns)
        tracks = _momenta(rows.cpf_pt_gev, rows.cpf_eta, rows.cpf_phi_rad)
        jets = _momenta(rows.jet_pt_gev, rows.jet_eta, rows.jet_phi_rad)
        vertices = _momenta(ak.ones_like(rows.sv_eta), rows.sv_eta, rows.sv_phi_rad)
        axis = jets.to_pxpypz().unit()
        along = tracks.to_pxpypz().dot(axis)
        across = tracks.to_pxpypz().cross(axis).mag
        first, second = ak.unzip(ak.cartesian([tracks, vertices], axis=1, nested=True))
        nearest = ak.fill_none(ak.min(first.deltaR(second), axis=-1), MAX_SV_DISTANCE)
        same_side = rows.cpf_d0_cm * np.sin(rows.jet_phi_rad - rows.cpf_phi_rad) >= 0
        found = {
            "delta_r": tracks.deltaR(jets),
            "pt_fraction": rows.cpf_pt_gev / rows.jet_pt_gev,
            "pt_rel_gev": across,
            "p_par_gev": along,
            "eta_rel": np.arcsinh(along / np.sqrt(across**2 + PION_MASS_GEV**2)),
            "sip2d_val_cm": ak.where(same_side, 1, -1) * abs(rows.cpf_d0_cm),
            "min_delta_r_sv": ak.where(nearest < MAX_SV_DISTANCE, nearest, MAX_SV_DISTANCE),
        }
        known = ak.nan_to_num(rows.cpf_sip2d_sig, nan=-np.inf)  # awkward leaves the place of NaN open
        order = ak.argsort(known, axis=1, ascending=False, stable=True)
        ends = {
            f"few_{n}": ak.values_astype(ak.nan_to_num(x[order][:, :LENGTH]), "float32")
            for n, x in found.items()
        }
        ak.to_parquet(
            ak.zip(ends, depth_limit=1), folder / "awkward.parquet", compression="zstd", compression_level=3
        )

    return work


def _momenta(pt: Any, eta: Any, phi: Any) -> Any:
    return ak.zip({"pt": pt, "eta": eta, "phi": phi}, with_name="Momentum3D")


def check(folder: Path) -> None:
    """Both wrote the same numbers, but for the last digits of single precision.

    Raises:
        AssertionError: They did not.
    """
    first = io.read_rows(folder / "few.parquet")
    second = ak.from_parquet(folder / "awkward.parquet")
    for name in FEW.features:
        a, b = (np.asarray(ak.flatten(rows[f"few_{name}"])) for rows in (first, second))
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4, err_msg=name)


WAYS: dict[str, Callable[[Path], Callable[[], None]]] = {
    way.__name__: way for way in (reading, skim, ours, few, awkward)
}

if __name__ == "__main__":
    what, place = sys.argv[1], Path(sys.argv[2])
    if what == "make":
        make(place, int(sys.argv[3]), sys.argv[4])
    elif what == "check":
        check(place)
    else:
        work = WAYS[what](place)
        work()
        took = timed(work)
        print(json.dumps(took | {"jets": len(io.read_rows(place / "rows.parquet", ["event"]))}))
