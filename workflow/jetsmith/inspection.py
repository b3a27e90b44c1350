"""Stage inspect: what the files of a dataset hold, and how they are cut into partitions.

`inspect_dataset` writes one JSON a dataset:

    dataset, object, layout, columns    canonical columns that every file with entries gives
    n_entries, bytes, sum_w_generated   totals; the last from the trees `Runs`, null without them
    schemas                             layout, available and missing canonical columns, branches that
                                        are read, constituents; once for all files that are alike
    files                               file, uuid, tree, schema (index), entries, bytes, codec,
                                        clusters, bounds (where they begin), entry_bytes, runs
    parts                               part, ranges: [{file, uuid, start, stop}]; each entry is in
                                        exactly one of them
"""

import difflib
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from jetsmith import columns, sources
from jetsmith.errors import InputError
from jetsmith.io import read_json, write_json
from jetsmith.progress import Progress
from jetsmith.sources import files as rootfiles
from jetsmith.sources.flat import ordered
from jetsmith.sources.partition import plan_parts
from jetsmith.specs import ClassifierSpec, DatasetSpec, FeatureGroup, PartitionSpec

MOST_BOUNDS = 500  # cluster boundaries of a file that are kept for the skim, evenly thinned
CONSTITUENTS = ("cpf_pt_gev", "npf_pt_gev")


def inspect_dataset(
    name: str,
    spec: DatasetSpec,
    files: Sequence[str],
    n_parts: int,
    target: PartitionSpec,
    output: str | Path,
) -> None:
    """Look at every file of a dataset and plan its partitions.

    Args:
        name: The dataset.
        spec: Its record.
        files: Paths or root:// addresses.
        n_parts: Partitions; exactly so many are planned, some without entries where there are few.
        target: Size of a partition; here it sets what a byte costs against an entry.
        output: JSON file to write.

    Raises:
        InputError: A file is missing, empty, truncated, foreign or of another layout, holds no
            required column, or stands in the list twice.
    """
    progress = Progress(f"inspect {name}", len(files), "files")
    records: list[dict[str, Any]] = []
    schemas: list[dict[str, Any]] = []
    for done, path in enumerate(files, start=1):
        record, schema = _inspect_file(path, spec)
        if schema not in schemas:
            schemas.append(schema)
        records.append({**record, "schema": schemas.index(schema)})
        progress.update(done)
    _check_unique(records)
    layout, shared = _in_common(name, records, schemas)
    generated = [record["runs"] for record in records]
    write_json(
        output,
        {
            "dataset": name,
            "object": spec.object,
            "layout": layout,
            "columns": ordered(shared, spec.object),
            "n_entries": sum(record["entries"] for record in records),
            "bytes": sum(record["bytes"] for record in records),
            "sum_w_generated": sum(r["sum_w"] for r in generated) if all(generated) and generated else None,
            "schemas": schemas,
            "files": records,
            "parts": plan_parts(records, n_parts, target),
        },
    )
    if layout and spec.object != "event" and not any(schema["constituents"] for schema in schemas):
        print(
            f"[inspect {name}] layout {layout}: no track information; it serves stored scores and "
            "classifiers that read jet kinematics alone",
            file=sys.stderr,
        )


def _in_common(
    name: str, records: Sequence[dict[str, Any]], schemas: Sequence[dict[str, Any]]
) -> tuple[str | None, set[str]]:
    """The layout of the files that have entries, and the columns that all of them give."""
    used = {record["schema"]: record["file"] for record in records if record["entries"]}
    used = used or {record["schema"]: record["file"] for record in records}
    layouts = {schemas[index]["layout"]: file for index, file in used.items()}
    if len(layouts) > 1:
        raise InputError(f"dataset {name}: files of several layouts: {layouts}; make a dataset of each")
    shared = set.intersection(*(set(schemas[index]["available"]) for index in used)) if used else set()
    return next(iter(layouts), None), shared


def _inspect_file(path: str, spec: DatasetSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record of one file, and its schema: what files of its kind have in common."""
    with rootfiles.open_root(path) as file:
        trees = rootfiles.find_trees(file, path)
        layout = _layout(path, spec, {name: set(tree.keys()) for name, tree in trees.items()})
        # A file without entries may lack its branches, as merging leaves it; nothing is read from it.
        tree = trees[sources.load(layout).TREE] if layout else next(iter(trees.values()))
        schema = _schema(layout, set(tree.keys()), spec)
        entries = int(tree.num_entries)
        if entries:
            _check_required(path, spec, schema, set(tree.keys()))
        bounds = _clusters(tree, frozenset(schema["branches"]))
        size = sum(tree[name].uncompressed_bytes for name in schema["branches"])
        codecs = (branch.compression for branch in tree.branches)
        codec = next((found for found in codecs if found is not None), file.file.compression)
        record = {
            "file": path,
            "uuid": str(file.file.uuid),
            "tree": tree.object_path.strip("/").split(";")[0],
            "entries": entries,
            "bytes": int(file.file.fEND),
            "codec": "none" if codec is None else f"{codec.name}({codec.level})",
            "clusters": max(len(bounds) - 1, 0),
            "bounds": bounds[:: max(1, len(bounds) // MOST_BOUNDS)],
            "entry_bytes": round(size / entries, 1) if entries else 0.0,
            "runs": _runs(file),
        }
    return record, schema


def _schema(layout: str | None, branches: set[str], spec: DatasetSpec) -> dict[str, Any]:
    """What files with these branches can give."""
    available = sources.load(layout).gives(branches, spec.object) if layout else set()
    read = sources.load(layout).branches(branches, spec.object) if layout else []
    return {
        "layout": layout,
        "available": ordered(available, spec.object),
        "missing": [name for name in columns.BY_OBJECT[spec.object] if name not in available],
        "branches": sorted({*read, *branches.intersection(spec.hlt)}),
        "constituents": not available.isdisjoint(CONSTITUENTS),
    }


def _layout(path: str, spec: DatasetSpec, trees: dict[str, set[str]]) -> str | None:
    """The layout that is asked for, checked, or the one that is recognised; None where none fits."""
    found = sources.recognise(trees)
    if spec.layout == "auto" or found is None:
        return found
    source = sources.load(spec.layout)
    if source.TREE not in trees or not source.recognises(trees[source.TREE]):
        raise InputError(
            f"{path}: not of the layout `{spec.layout}` that the dataset asks for; it looks like "
            f"`{found}`: set `layout: {found}` or `layout: auto`"
        )
    return spec.layout


def _check_required(path: str, spec: DatasetSpec, schema: dict[str, Any], branches: set[str]) -> None:
    """Fail where the file cannot give rows of this object, or lacks a trigger."""
    layout, available = schema["layout"], schema["available"]
    lacking = [name for name in sources.REQUIRED[spec.object] if name not in available]
    if lacking:
        can = [
            obj
            for obj, needed in sources.REQUIRED.items()
            if layout and sources.load(layout).gives(branches, obj).issuperset(needed)
        ]
        raise InputError(
            f"{path}: {f'layout `{layout}`' if layout else 'no known layout; it'} gives no "
            f"{', '.join(lacking)} for rows of `{spec.object}`; with its {len(branches)} branches it can "
            f"serve: {', '.join(can) or 'no object'}"
        )
    for trigger in spec.hlt:
        if trigger not in branches:
            known = sorted(name for name in branches if name.startswith("HLT_"))
            close = difflib.get_close_matches(trigger, known, n=5) or known[:5]
            raise InputError(
                f"{path}: no trigger branch `{trigger}`; close to it: {', '.join(close) or 'none at all'}"
            )


def _clusters(tree: Any, wanted: Collection[str]) -> list[int]:
    """Entries at which the baskets of all wanted branches begin together."""
    if tree.num_entries == 0:
        return [0]
    names = {name.rsplit("/", 1)[-1] for name in wanted}  # a branch in a branch knows its own name alone
    bounds = tree.common_entry_offsets(filter_branch=lambda branch: branch.name in names)
    return [int(bound) for bound in bounds] or [0, int(tree.num_entries)]


def _runs(file: Any) -> dict[str, float] | None:
    """Events and weights before any skim of the file, from its tree `Runs`."""
    if "Runs" not in file or file["Runs"].num_entries == 0:
        return None
    runs = file["Runs"]
    for tail in ("", "_"):  # older NanoAOD ends its names with an underscore
        if f"genEventSumw{tail}" in runs and f"genEventCount{tail}" in runs:
            return {
                "n_events": int(runs[f"genEventCount{tail}"].array(library="np").sum()),
                "sum_w": float(runs[f"genEventSumw{tail}"].array(library="np").sum()),
            }
    return None


def _check_unique(records: Sequence[dict[str, Any]]) -> None:
    """The same file under two names would be counted twice."""
    seen: dict[str, str] = {}
    for record in records:
        if record["uuid"] in seen:
            raise InputError(
                f"{record['file']}: the same file as {seen[record['uuid']]} (uuid {record['uuid']}); "
                "its events would count twice: remove one of them"
            )
        seen[record["uuid"]] = record["file"]


def check_classifier(
    spec: ClassifierSpec,
    inspections: Sequence[str | Path],
    derivable: Callable[[set[str]], set[str]],
    output: str | Path,
    groups: Sequence[FeatureGroup] = (),
) -> None:
    """Fail before any long stage where a dataset lacks what a classifier reads.

    Args:
        spec: The classifier.
        inspections: The JSON files of its sample's datasets.
        derivable: Given stored columns, all columns that there are with the derived ones.
        output: Small JSON file to write.
        groups: Feature groups, to name the features in the message.

    Raises:
        InputError: Names dataset, files, layout, columns, features and what would help.
    """
    needed = {source: inputs.group for inputs in spec.inputs for source in inputs.sources}
    problems, checked = [], {}
    for path in inspections:
        inspected = read_json(path)
        lacking = [c for c in needed if c not in derivable(set(inspected["columns"]))]
        checked[inspected["dataset"]] = {"layout": inspected["layout"], "columns": len(inspected["columns"])}
        if lacking and inspected["n_entries"]:
            problems.append(_explain(spec, inspected, lacking, needed, groups, derivable))
    if problems:
        raise InputError("\n".join(problems))
    write_json(output, {"classifier": spec.name, "sources": sorted(needed), "datasets": checked})


def _explain(
    spec: ClassifierSpec,
    inspected: dict[str, Any],
    lacking: list[str],
    needed: dict[str, str],
    groups: Sequence[FeatureGroup],
    derivable: Callable[[set[str]], set[str]],
) -> str:
    """Why a classifier cannot read a dataset, and what would help."""
    guilty = [
        record["file"]
        for record in inspected["files"]
        if record["entries"]
        and set(lacking) - derivable(set(inspected["schemas"][record["schema"]]["available"]))
    ]
    used = {feature for inputs in spec.inputs for feature in inputs.features}
    features = sorted(
        name
        for group in groups
        if group.name in needed.values()
        for name, feature in group.features.items()
        if feature.source in lacking and name in used
    )
    inputs = ", ".join(sorted({needed[column] for column in lacking}))
    return (
        f"{spec.name} cannot read dataset {inspected['dataset']} (layout {inspected['layout']}): "
        f"no column {', '.join(lacking)} in {len(guilty)} of {len(inspected['files'])} files "
        f"({', '.join(guilty[:3])}{', …' if len(guilty) > 3 else ''}); "
        f"needed by inputs {inputs}{': ' + ', '.join(features) if features else ''}. "
        + _remedy(lacking, inspected)
    )


def _remedy(lacking: list[str], inspected: dict[str, Any]) -> str:
    constituents = any(schema["constituents"] for schema in inspected["schemas"])
    if any(name.startswith(columns.STORED_PREFIX) for name in lacking):
        there = [name for name in inspected["columns"] if name.startswith(columns.STORED_PREFIX)]
        return f"Stored scores that there are: {', '.join(there) or 'none'}"
    if not constituents and inspected["object"] != "event":
        return (
            "These files hold no candidates of jets: they can serve taggers of backend `stored`; "
            "other taggers need PFNano or DeepNtuples files"
        )
    return "Leave these features out of the tagger's inputs, or use files that hold them"
