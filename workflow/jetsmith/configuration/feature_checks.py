"""Checks of config/features against the canonical columns, and of its files against each other."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from jetsmith import columns, derivations
from jetsmith.configuration.records import hint
from jetsmith.errors import refuse
from jetsmith.features.derived import available_with_derived
from jetsmith.specs.features import FeatureGroup, FeatureSpec
from jetsmith.strict import LONGEST

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
STORED = (
    "stored_<branch> of a tagger's score, the branch without `Jet_` or `FatJet_`: in CMS files "
    f"{columns.SCORES_OF_CMS.pattern}, in those of ATLAS {columns.SCORES_OF_ATLAS.pattern}; other branches "
    "are columns under names of their own, or not read"
)


def check_group(group: FeatureGroup, path: Path) -> None:
    """Sources are columns of the kind that the group needs, presets name its features."""
    refuse(path, _group(group))


def check_groups(groups: Mapping[str, FeatureGroup], files: Mapping[str, Path]) -> None:
    """No two features of one object are the same column of its files; `files` by name of the group."""
    owners: dict[tuple[str, str], str] = {}
    for group in groups.values():
        for name in group.features:
            key = group.object, group.column(name)
            here = f"{files[group.name]}: features.{name}"
            first = owners.setdefault(key, here)
            if first != here:
                refuse(
                    files[group.name],
                    [f"features.{name}: `{key[1]}` is a column of {first}, too; rename one"],
                )


def _group(group: FeatureGroup) -> Iterator[str]:
    if group.kind == "sequence" and group.length == 0:
        yield "length: a sequence needs `length` > 0"
    if group.kind == "flat" and (group.length or group.sort_by):
        yield "kind: a flat group has neither `length` nor `sort_by`; leave them out, or is it a sequence?"
    known = available_with_derived(set(columns.BY_OBJECT[group.object]), derivations.of(group.object))
    for name, feature in group.features.items():
        problem = _name(group, name) or _source(group, feature, known) or _values(feature)
        if problem:
            yield f"features.{name}{problem}"
    if group.kind == "sequence":
        yield from _families(group, known)
    for preset, names in group.presets.items():
        if not names:
            yield f"presets.{preset}: is empty; features: {', '.join(group.features)}"
        for name in names:
            if name not in group.features:
                yield f"presets.{preset}: unknown feature `{name}`{hint(name, group.features)}"
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            yield f"presets.{preset}: given twice: {', '.join(twice)}"


def _name(group: FeatureGroup, name: str) -> str:
    if not NAME.fullmatch(name):
        return ": a name has letters, digits and `_` alone, and starts with a letter"
    if len(name) > LONGEST:
        return f": a name has {LONGEST} letters at most"
    if group.column(name) in columns.RESERVED:
        return f": `{name}` is a column of all rows already; rename the feature"
    return ""


def _source(group: FeatureGroup, feature: FeatureSpec, known: set[str]) -> str:
    """What is wrong with the column of a feature, from the key on; nothing where it suits the group."""
    source = feature.source
    if source not in known and not _is_stored(source, group.object):
        of = f", or {STORED}" if group.object in columns.STORING else ""
        return f".source: no column `{source}`{hint(source, known)}{of}"
    is_list = columns.column(group.object, source).ragged
    if group.kind == "sequence" and not is_list:
        return (
            f".source: `{source}` is one value a row; a sequence needs a list such as {_lists(known, group)}"
        )
    if group.kind == "sequence" and feature.slot is not None:
        return ".slot: a feature of a sequence is the whole list; leave `slot` out"
    if group.kind == "flat" and is_list and feature.slot is None:
        return f".slot: `{source}` is a list; a flat feature takes one element of it, such as `slot: 0`"
    if group.kind == "flat" and not is_list and feature.slot is not None:
        return f".slot: `{source}` is one value a row, no list; leave `slot` out"
    return ""


def _values(feature: FeatureSpec) -> str:
    if feature.clip is not None and not feature.clip[0] < feature.clip[1]:
        return f".clip: [smallest, largest] must rise; got {list(feature.clip)}"
    return ""


def _families(group: FeatureGroup, known: set[str]) -> Iterator[str]:
    """All lists of a sequence, and the one that sorts it, have the same length in a row."""
    families: dict[str, list[str]] = {}
    for name, feature in group.features.items():
        if feature.source in known:
            families.setdefault(columns.family(feature.source), []).append(name)
    if len(families) > 1:
        shown = "; ".join(f"{family} ({', '.join(names)})" for family, names in families.items())
        yield f"features: lists of different lengths in one sequence: {shown}; make a group of each"
    if not group.sort_by:
        return
    choices = sorted(name for name in known if columns.family(name) in families and _is_list(group, name))
    if group.sort_by not in choices:
        what = "no list of the same length" if group.sort_by in known else "no column"
        yield f"sort_by: {what} `{group.sort_by}`{hint(group.sort_by, choices)}"


def _is_stored(source: str, obj: str) -> bool:
    """Whether it is a score that a layout may give; files tell which there are."""
    if obj not in columns.STORING or not source.startswith(columns.STORED_PREFIX):
        return False
    branch = source.removeprefix(columns.STORED_PREFIX)
    of_cms = branch.removeprefix(columns.SUBJET) if obj == "ak8" else branch
    return bool(columns.SCORES_OF_CMS.fullmatch(of_cms) or columns.SCORES_OF_ATLAS.fullmatch(branch))


def _is_list(group: FeatureGroup, name: str) -> bool:
    return columns.column(group.object, name).ragged


def _lists(known: set[str], group: FeatureGroup) -> str:
    return ", ".join(sorted(name for name in known if _is_list(group, name))[:3])
