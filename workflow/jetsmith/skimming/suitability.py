"""Stage check: whether the files of a sample hold what a classifier reads, before any long stage."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jetsmith.columns import STORED_PREFIX
from jetsmith.columns.turned import usable
from jetsmith.errors import InputError
from jetsmith.handed.plan import Plan
from jetsmith.io import read_record, write_json
from jetsmith.skimming.copies import copies
from jetsmith.specs.classifiers import RowsSpec, TruthSpec
from jetsmith.specs.features import ColumnGroup
from jetsmith.specs.skimming import XRootDSpec

REMOTE = XRootDSpec()
StandIns = Mapping[str, tuple[str, list[str]]]
Origins = Callable[[Sequence[str], set[str]], Mapping[str, set[str]]]


def check_classifier(
    spec: RowsSpec,
    inspections: Sequence[str | Path],
    derivable: Callable[[set[str]], set[str]],
    output: str | Path,
    told: Sequence[TruthSpec] = (),
    groups: Sequence[ColumnGroup] = (),
    xrootd: XRootDSpec = REMOTE,
    stand_ins: Callable[[Sequence[str], set[str]], StandIns] = lambda wanted, stored: {},
    sample: str = "",
    is_turned: bool = False,
    origins: Origins = lambda wanted, stored: {},
) -> None:
    """Fail before any long stage where a dataset lacks what a classifier reads, or two hold the same file.

    Args:
        spec: The classifier, with what it reads of the sample.
        inspections: The JSON files of the datasets of a sample.
        derivable: Given stored columns, all columns that there are with the derived ones.
        output: Small JSON file to write.
        told: Of a tagger the classes whose truth the files have to tell apart.
        groups: Feature groups, to name the features in the message.
        xrootd: Servers that may hold remote files, too, and the time they have to answer.
        stand_ins: Given wanted and stored columns, those that are not what their names say: why, and which of
            the wanted come from them. They are warned of, and recorded.
        sample: The sample; by default the one that it is trained on.
        is_turned: Whether it reads the sample with turned signs.
        origins: Given wanted and stored columns, all that each of the wanted comes from. What files of one
            dataset hold and another has computed is warned of as stand-ins are.

    Raises:
        InputError: Names dataset, files, layout, columns, features and what would help; or the truth
            that the files cannot tell and the classes need.
    """
    plans = [read_record(Plan, path) for path in inspections]
    may_lack = {source for inputs in spec.auxiliary for source in inputs.sources}
    needed = {
        source: inputs.group
        for inputs in spec.reads
        for source in inputs.sources
        if inputs not in spec.auxiliary
    }
    problems = _shared_files(plans, xrootd)
    checked: dict[str, Any] = {}
    held = {
        plan.dataset: set(usable(plan.columns)) if is_turned else set(plan.columns)
        for plan in plans
        if plan.n_entries
    }
    apart = _computed_apart(held, {name: origins(list(needed), stored) for name, stored in held.items()})
    for inspected in plans:
        if spec.role == "tagger":
            problems += _untold(spec, told, inspected)
        stored = set(usable(inspected.columns)) if is_turned else set(inspected.columns)
        there = derivable(stored)
        lacking = [c for c in needed if c not in there]
        if not is_turned:
            unordered = _unordered(spec, inspected, lacking, groups)
            lacking = [column for column in lacking if column not in unordered]
        untaught = sorted(may_lack - there) if inspected.n_entries else []
        about = checked[inspected.dataset] = {
            "layout": inspected.layout,
            "columns": len(inspected.columns),
            "auxiliary_lacking": untaught,
        }
        if untaught:
            lack = ", ".join(untaught)
            _tell(spec, f"dataset {inspected.dataset} has no {lack}: heads that learn from it are off")
        if lacking and inspected.n_entries:
            problems.append(
                _cannot_turn(spec, inspected, lacking, groups)
                if is_turned
                else _explain(spec, inspected, lacking, needed, groups, derivable)
            )
        elif found := _joined(apart.get(inspected.dataset, {}), stand_ins(list(needed), stored)):
            how = " with turned signs" if is_turned else ""
            about["stand_ins"] = _warned(spec, inspected, found, groups, how)
    if problems:
        raise InputError("\n".join(problems))
    of = {"classifier": spec.name, "sample": sample or spec.sample, "is_turned": is_turned}
    write_json(output, of | {"sources": sorted(needed), "datasets": checked})


def _computed_apart(
    held: Mapping[str, set[str]], origins: Mapping[str, Mapping[str, set[str]]]
) -> dict[str, StandIns]:
    """Of each dataset what is computed in it and what files of others hold, as stand-ins are told.

    Args:
        held: Columns of the files, by dataset.
        origins: Columns that each wanted one comes from, by dataset.
    """
    told: dict[str, StandIns] = {}
    for dataset, of in origins.items():
        holders: dict[str, tuple[list[str], list[str]]] = {}  # who holds a column; what is wanted of it
        for wanted, columns in of.items():
            for column in sorted(columns - held[dataset]):
                there = [name for name in held if column in held[name] & origins[name][wanted]]
                if there:
                    names, wants = holders.setdefault(column, ([], []))
                    names += [name for name in there if name not in names]
                    wants.append(wanted)
        told[dataset] = {
            column: (f"computed, while files of {', '.join(names)} hold it", wants)
            for column, (names, wants) in holders.items()
        }
    return told


def _joined(apart: StandIns, found: StandIns) -> StandIns:
    """All stand-ins of one dataset: what is computed apart from others joins what is not what it says.

    A column that is both has both reasons, the second's first, and once each what is wanted of it.

    Args:
        apart: What is computed in the dataset and held by files of others.
        found: What is the best that the dataset's files allow.
    """
    joined = dict(found)
    for column, (reason, wanted) in apart.items():
        other, more = joined.get(column, ("", []))
        joined[column] = "; ".join(filter(None, (other, reason))), list(dict.fromkeys([*more, *wanted]))
    return joined


def _tell(spec: RowsSpec, what: str) -> None:
    print(f"[check {spec.name}] {what}", file=sys.stderr, flush=True)


def _warned(
    spec: RowsSpec, inspected: Plan, found: StandIns, groups: Sequence[ColumnGroup], how: str = ""
) -> dict[str, dict[str, Any]]:
    """Reasons and features of the stand-ins that a classifier reads, by column; the log has them, too."""
    told: dict[str, dict[str, Any]] = {}
    for column, (reason, sources) in found.items():
        features = _features(spec, sources, groups)
        told[column] = {"reason": reason, "features": features}
        _tell(
            spec,
            f"WARNING: dataset {inspected.dataset}{how} (layout {inspected.layout}) gives a stand-in for "
            f"{column}: {reason}; read by {', '.join(features) or ', '.join(sources)}",
        )
    return told


def _features(spec: RowsSpec, sources: Sequence[str], groups: Sequence[ColumnGroup]) -> list[str]:
    """The features of a classifier that are made from one of these columns, as `group.feature`."""
    used = {(inputs.group, feature) for inputs in spec.reads for feature in inputs.features}
    return sorted(
        f"{group.name}.{name}"
        for group in groups
        for name, feature in group.features.items()
        if feature.source in sources and (group.name, name) in used
    )


def _unordered(
    spec: RowsSpec, inspected: Plan, lacking: Sequence[str], groups: Sequence[ColumnGroup]
) -> set[str]:
    """Columns that files lack, and that order sequences alone: these stay as they are, which is said."""
    of = {group.name: group for group in groups}
    own = {
        of[inputs.group].features[feature].source
        for inputs in spec.reads
        if inputs.group in of
        for feature in inputs.features
    }
    found = {name: g.sort_by for name, g in of.items() if g.sort_by in lacking and g.sort_by not in own}
    for name, column in found.items():
        _tell(
            spec,
            f"{name} of dataset {inspected.dataset} are in the order of its files, which hold no {column}; "
            f"of longer lists the first {of[name].length} are kept",
        )
    return set(found.values())


def _untold(spec: RowsSpec, told: Sequence[TruthSpec], inspected: Plan) -> list[str]:
    """Truth that the files of a dataset cannot tell, where a class holds it apart from what stands for it."""
    classes = {c.name: c for c in told}
    problems = []
    for untold in inspected.content.untold:
        ids, become = untold.ids, untold.become
        split = [
            name for name, c in classes.items() if any((id_ in c.truth) != (become in c.truth) for id_ in ids)
        ]
        if split:
            problems.append(
                f"{spec.name} cannot be trained or judged on dataset {inspected.dataset}: "
                f"{untold.text} in {untold.n_files} of {len(inspected.files)} files, such as "
                f"{untold.file}, and its classes {', '.join(split)} need the difference; take classes "
                "that do not, or files that tell"
            )
    return problems


def _cannot_turn(
    spec: RowsSpec, inspected: Plan, lacking: Sequence[str], groups: Sequence[ColumnGroup]
) -> str:
    """Why a classifier cannot read a dataset with turned signs."""
    held = [name for name in lacking if name in inspected.columns]
    why = f"; its files hold {', '.join(held)} of positive signs alone" if held else ""
    return (
        f"{spec.name} cannot read dataset {inspected.dataset} (layout {inspected.layout}) with turned signs: "
        f"no column {', '.join(lacking)} can be had of what can be turned{why}; needed by "
        f"{', '.join(_features(spec, lacking, groups)) or 'the order of a sequence'}. Take files with the "
        "candidates of jets, or a tagger without"
    )


def _shared_files(plans: Sequence[Plan], xrootd: XRootDSpec) -> list[str]:
    """Files that are in two datasets, under whatever names: their events would count twice."""
    of = {id(record): plan.dataset for plan in plans for record in plan.files}
    records = [record for plan in plans for record in plan.files]
    return [
        f"{copy.file} (dataset {of[id(copy)]}): the same file as {first.file} (dataset {of[id(first)]}; "
        f"uuid {copy.uuid}, and the same content); its events would count twice in one sample: leave it "
        "out of one of them"
        for first, copy in copies(records, xrootd)
        if of[id(first)] != of[id(copy)]
    ]


def _explain(
    spec: RowsSpec,
    inspected: Plan,
    lacking: list[str],
    needed: dict[str, str],
    groups: Sequence[ColumnGroup],
    derivable: Callable[[set[str]], set[str]],
) -> str:
    """Why a classifier cannot read a dataset, and what would help."""
    lack = [bool(set(lacking) - derivable(set(schema.available))) for schema in inspected.schemas]
    guilty = [record.file for record in inspected.files if record.entries and lack[record.schema]]
    features = _features(spec, lacking, groups)
    inputs = ", ".join(sorted({needed[column] for column in lacking}))
    return (
        f"{spec.name} cannot read dataset {inspected.dataset} (layout {inspected.layout}): "
        f"no column {', '.join(lacking)} in {len(guilty)} of {len(inspected.files)} files "
        f"({', '.join(guilty[:3])}{', …' if len(guilty) > 3 else ''}); "
        f"needed by inputs {inputs}{': ' + ', '.join(features) if features else ''}. "
        + _remedy(lacking, inspected)
    )


def _remedy(lacking: list[str], inspected: Plan) -> str:
    constituents = any(schema.constituents for schema in inspected.schemas)
    if any(name.startswith(STORED_PREFIX) for name in lacking):
        there = [name for name in inspected.columns if name.startswith(STORED_PREFIX)]
        return f"Stored scores that there are: {', '.join(there) or 'none'}"
    if not constituents and inspected.object != "event":
        return (
            "These files hold no candidates of jets: they can serve taggers of backend `stored`; "
            "other taggers need PFNano or DeepNtuples files"
        )
    return "Leave these features out of the tagger's inputs, or use files that hold them"
