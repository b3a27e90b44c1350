"""The ways to skim that benchmark `skim` compares; one call of this module is one way in one process.

    python -m tests.benchmarks._skim_ways plan OUTPUT PARTS FILE…    the plan of stage inspect
    python -m tests.benchmarks._skim_ways WAY JSON                   the keys of `Job`

A way is run on a small file first, then waits for a line on its standard input, then is timed: neither
imports nor first calls count. What it took is the JSON in its last line.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

from jetsmith.handed.plan import Plan, Range
from jetsmith.io import read_record
from jetsmith.skimming import inspection, reading
from jetsmith.skimming import partition as skim
from jetsmith.sources import pfnano
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec
from tests.benchmarks._harness import timed

NAME = "bench"
SPEC = DatasetSpec(object="ak4", process="bench", files=("bench.root",))
SELECTION = SelectionSpec()


@dataclass(frozen=True)
class Job:
    """One way on one plan.

    Attributes:
        plan: JSON of stage inspect.
        output: Parquet file to write.
        rows: Parquet file that `ours` wrote of the same plan; `floor` writes its rows again.
        chunk_entries: Entries read at once.
        threads: Processes of `ours`.
        core: Number of the only core that may be used; -1 for all.
    """

    plan: str
    output: str
    rows: str = ""
    chunk_entries: int = SkimSpec().chunk_entries
    threads: int = 1
    core: int = -1

    def entries(self) -> int:
        """Entries of the partition."""
        return self.planned().parts[0].n_entries

    def planned(self) -> Plan:
        """What stage inspect planned."""
        return read_record(Plan, self.plan)

    def step(self) -> int:
        """Entries that `ours` reads at once: it also has a limit in bytes."""
        return max(map(len, reading.chunks_of(self.planned(), 0, self.chunk_entries)))

    def branches(self) -> list[str]:
        """Branches that the plan lists."""
        return list(self.planned().schemas[0].branches)


def ours(job: Job) -> Callable[[], None]:
    """The stage itself."""
    settings = SkimSpec(chunk_entries=job.chunk_entries)
    report, identity = (Path(job.output).with_suffix(end) for end in (".report.json", ".identity.parquet"))
    files = job.output, report, identity

    def work() -> None:
        skim.skim_partition(NAME, SPEC, SELECTION, settings, job.plan, 0, *files, threads=job.threads)

    return work


def floor(job: Job) -> Callable[[], None]:
    """Bare uproot reads the branches that the plan lists; pyarrow writes the rows that `ours` wrote.

    Nothing lies between: the rows are in memory before the clock starts.
    """
    stored = pq.ParquetFile(job.rows)
    groups = [stored.read_row_group(i).combine_chunks() for i in range(stored.num_row_groups)]
    schema, names = groups[0].schema, job.branches()
    floating = [leaf for leaf, kind in _leaves(schema) if pa.types.is_floating(kind)]

    def work() -> None:
        with pq.ParquetWriter(
            job.output,
            schema,
            compression="zstd",
            compression_level=3,
            use_dictionary=False,
            use_byte_stream_split=floating,
        ) as writer:
            for planned in job.planned().parts[0].ranges:
                for _ in _chunks(job, planned, names):
                    pass
            for table in groups:
                writer.write_table(table, row_group_size=100_000)

    return work


def floor_all(job: Job) -> Callable[[], None]:
    """Bare uproot reads the same branches and writes every one, all events, no cuts."""
    names = job.branches()

    def work() -> None:
        writer = None
        for planned in job.planned().parts[0].ranges:
            for arrays in _chunks(job, planned, names):
                table = pa.table({k: ak.to_arrow(v, extensionarray=False) for k, v in arrays.items()})
                writer = writer or pq.ParquetWriter(
                    job.output, table.schema, compression="zstd", use_dictionary=False
                )
                writer.write_table(table)
        if writer is not None:
            writer.close()

    return work


def _chunks(job: Job, planned: Range, names: list[str]) -> Any:
    with uproot.open(planned.file) as file:
        yield from file["Events"].iterate(
            names,
            entry_start=planned.start,
            entry_stop=planned.stop,
            step_size=job.step(),
            library="ak",
            how=dict,
        )


def _leaves(schema: pa.Schema) -> list[tuple[str, pa.DataType]]:
    found = []
    for field in schema:
        ragged = pa.types.is_list(field.type) or pa.types.is_large_list(field.type)
        leaf = (f"{field.name}.list.element", field.type.value_type) if ragged else (field.name, field.type)
        found.append(leaf)
    return found


def coffea(job: Job) -> Callable[[], None]:
    """A processor as analyses write it: NanoAODSchema, virtual arrays, masks that are broadcast."""
    from coffea.nanoevents import NanoAODSchema, NanoEventsFactory

    warnings.filterwarnings("ignore")  # cross-references that the file lacks
    branches = set(job.branches())

    def work() -> None:
        for planned in job.planned().parts[0].ranges:
            for start in range(planned.start, planned.stop, job.step()):
                events = NanoEventsFactory.from_root(
                    {planned.file: "Events"},
                    schemaclass=NanoAODSchema,
                    mode="virtual",
                    entry_start=start,
                    entry_stop=min(start + job.step(), planned.stop),
                ).events()
                rows = _coffea_rows(events, branches)
                ak.to_parquet(rows, f"{job.output}.{start}", compression="zstd", compression_level=3)

    return work


def _coffea_rows(events: Any, branches: set[str]) -> ak.Array:
    """The columns that `ours` writes of such a file, in the file's names."""
    jets = events.Jet
    kept = (jets.pt >= SELECTION.pt_min_gev) & (abs(jets.eta) <= SELECTION.abseta_max)
    kept = kept & ((jets.jetId & SELECTION.jet_id) == SELECTION.jet_id)
    which = ak.local_index(jets.pt)[kept]
    columns: dict[str, Any] = {
        name.removeprefix("Jet_"): ak.flatten(jets[name.removeprefix("Jet_")][kept])
        for name in sorted(branches)
        if name.startswith("Jet_")
    }
    for name in ("run", "luminosityBlock", "event", "genWeight"):
        columns[name] = ak.flatten(ak.broadcast_arrays(events[name], which)[0])
    columns["npvs"] = ak.flatten(ak.broadcast_arrays(events.PV.npvs, which)[0])

    def of_jet(link_jet: Any) -> Callable[[Any], Any]:
        """A function that gives the values of the links of each kept jet, (event, link) -> (jet, link)."""
        match = which[:, :, None] == ak.broadcast_arrays(which[:, :, None], link_jet[:, None, :])[1]

        def pick(values: Any) -> Any:
            return ak.flatten(ak.broadcast_arrays(match, values[:, None, :])[1][match], axis=1)

        return pick

    links, candidates = events.JetPFCands, events.PFCands
    place = links.pFCandsIdx
    pick = of_jet(links.jetIdx)
    charged = pick(candidates.charge[place] != 0)
    for prefix, names, mask in (("cpf", pfnano.CHARGED, charged), ("npf", pfnano.NEUTRAL, ~charged)):
        for name in names.values():
            columns[f"{prefix}_{name}"] = pick(candidates[name][place])[mask]
    for name in pfnano.IN_JET.values():
        columns[f"cpf_{name}"] = pick(links[name])[charged]
    links = events.JetSVs
    pick = of_jet(links.jetIdx)
    for name in pfnano.VERTEX.values():
        columns[f"sv_{name}"] = pick(links[name])
    for name in ("eta", "phi"):
        columns[f"sv_{name}"] = pick(events.SV[name][links.sVIdx])
    return ak.zip(columns, depth_limit=1)


WAYS: dict[str, Callable[[Job], Callable[[], None]]] = {
    way.__name__: way for way in (ours, floor, floor_all, coffea)
}


def plan(output: str, n_parts: str, *files: str) -> None:
    """Inspect files."""
    inspection.inspect_dataset(NAME, SPEC, files, int(n_parts), PartitionSpec(), output)


def main(way: str, *arguments: str) -> None:
    """Run a way, warm first, or make a plan."""
    if way == "plan":
        plan(*arguments)
        return
    keys = json.loads(arguments[0])
    warm = keys.pop("warm")
    job = Job(**keys)
    if job.core >= 0:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[job.core]})
    WAYS[way](Job(**warm))()
    work = WAYS[way](job)
    print("ready", flush=True)
    sys.stdin.readline()
    took = timed(work)
    print(json.dumps(took | {"entries": job.entries()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
