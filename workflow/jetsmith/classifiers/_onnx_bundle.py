"""Bundles of others as taggers, of the rows that they are for or of jets within them (`_onnx_within`).

Features are read as they are packed, so each has to be defined as the bundle says; its transform is undone
again, since a bundle transforms its inputs itself.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator

from jetsmith import plugs
from jetsmith.classifiers import _onnx_labels, _onnx_within
from jetsmith.configuration.records import hint
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.features import DEFINITION, ColumnGroup, Transform
from jetsmith.strict import Record, Single

if TYPE_CHECKING:
    from jetsmith.classifiers.onnx import Options
    from jetsmith.io import BoolArray, FloatArray
    from jetsmith.packed.rows import Rows

CHECKSUMS, INPUTS, FORMAT = "SHA256SUMS", "inputs.json", 1  # as in `jetsmith.bundle`, which is heavy


def _rising(clip: tuple[float, float]) -> tuple[float, float]:
    if not clip[0] < clip[1]:
        raise ValueError(f"[smallest, largest] must rise; got {list(clip)}")
    return clip


def _each_once(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of two inputs of one name, or two classes, one would be read for both."""
    names = [getattr(entry, "group", getattr(entry, "name", entry)) for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} twice")
    return entries


EachOnce = AfterValidator(_each_once)


class _Feature(Record, extra="ignore"):
    """An input, as inputs.json has it (`jetsmith.bundle_inputs.Feature`)."""

    name: str
    source: str
    slot: int | None = Field(ge=0)
    unit: str
    transform: Transform
    clip: Annotated[tuple[Single, Single], AfterValidator(_rising)] | None
    default: Single | None
    range: tuple[float | None, float | None]
    meaning: str = ""


class _Group(Record, extra="ignore"):
    """Inputs of one kind (`jetsmith.bundle_inputs.Group`)."""

    group: str
    kind: Literal["flat", "sequence"]
    length: int = Field(ge=0)
    sorted_by: str
    features: Annotated[tuple[_Feature, ...], EachOnce] = Field(min_length=1)

    @field_validator("length")
    @classmethod
    def _has_constituents(cls, length: int, info: ValidationInfo) -> int:
        if length == 0 and info.data.get("kind") == "sequence":
            raise ValueError("a sequence needs `length` > 0")
        return length


class _Said(Record, extra="ignore"):
    """What inputs.json has to say of a tagger; later versions may say more."""

    tagger: str
    classes: Annotated[tuple[str, ...], EachOnce] = Field(min_length=2)
    discriminants: dict[str, Any]
    groups: Annotated[tuple[_Group, ...], EachOnce] = Field(min_length=1)


def checksums(options: "Options") -> Path:
    """The file by whose digest a bundle is known."""
    return Path(options.bundle, CHECKSUMS)


def misfits(options: "Options", spec: RecipeSpec) -> Iterator[str]:
    """It is the bundle that is meant, and classes and inputs are those that it has."""
    sums, inputs = checksums(options), Path(options.bundle, INPUTS)
    if not options.bundle or not sums.is_file():
        yield f"bundle: `{options.bundle}` is no folder of a bundle: it has no {CHECKSUMS}"
        return
    found = plugs.sha256(sums)
    if found != options.sha256:
        yield f"sha256: the bundle in {options.bundle} is {found}; write that, where it is the one you mean"
        return
    if not inputs.is_file() or plugs.sha256(inputs) not in sums.read_text():
        yield f"bundle: {inputs} is missing or was changed; get the bundle again"
        return
    if problem := _not_said(inputs):
        yield f"bundle: {inputs}: {problem}"
        return
    about = _about(options)
    if options.labels:
        yield from _onnx_labels.misfits(options.labels, spec, about["classes"], "class of the bundle")
    elif set(about["classes"]) != set(spec.class_names):
        yield (
            f"bundle: has the classes {', '.join(about['classes'])}; `classes` of the tagger are "
            f"{', '.join(spec.class_names)}: `labels` says which of them are which"
        )
    if options.within:
        yield from _onnx_within.misfits(options, spec, about["groups"])
    else:
        yield from _of_inputs(spec, about["groups"])


def _not_said(inputs: Path) -> str:
    """Why a file is no inputs.json of a tagger that this version reads; empty where it is one."""
    try:
        about = json.loads(inputs.read_bytes())
    except (ValueError, RecursionError) as error:
        return f"not readable as JSON: {error}"
    found = about.get("format") if isinstance(about, dict) else None
    if found != FORMAT:
        return f"has format {found!r:.40}, and this jetsmith reads {FORMAT}"
    if "tagger" not in about:
        return "is of a bundle of no tagger; name one of a tagger"
    try:
        _Said.model_validate(about)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}; get the bundle again"
    return ""


def _of_inputs(spec: RecipeSpec, groups: list[Mapping[str, Any]]) -> Iterator[str]:
    """`inputs` are what the bundle reads."""
    given = {inputs.group: inputs for inputs in spec.inputs}
    for group in groups:
        name, wanted = group["group"], [feature["name"] for feature in group["features"]]
        if name not in given:
            yield f"bundle: reads a group `{name}`, which `inputs` lacks{hint(name, given)}"
        elif set(wanted) != set(given[name].features):
            yield f"bundle: reads of `{name}` {', '.join(wanted)}; write exactly these in `inputs`"
    for name in given.keys() - {group["group"] for group in groups}:
        yield f"bundle: reads no group `{name}`; leave it out of `inputs`"


def misfits_of_features(
    options: "Options", spec: RecipeSpec, groups: Mapping[str, ColumnGroup]
) -> Iterator[str]:
    """Features are computed as the bundle takes them."""
    read = _about(options)["groups"]
    if options.within:
        for name, feature, wanted in _onnx_within.features_taken(options, spec, read):
            yield from _other_than(wanted, groups[name], feature)
        return
    for group in read:
        name = group["group"]
        if name not in groups:
            yield f"bundle: `{name}` is no feature group, and the bundle reads one"
            continue
        ours = groups[name]
        alike = (ours.kind, ours.sort_by) == (group["kind"], group["sorted_by"])
        if not alike or ours.length < group["length"]:
            yield (
                f"bundle: reads `{name}` as {group['kind']} of {group['length']} sorted by "
                f"`{group['sorted_by']}`; config/features/{name}.yaml has {ours.kind}, {ours.length}, "
                f"`{ours.sort_by}`"
            )
        for feature in group["features"]:
            yield from _other_than(feature, ours, feature["name"])


def _other_than(wanted: Mapping[str, Any], group: ColumnGroup, feature: str) -> Iterator[str]:
    """The first key by which a feature of ours is another than the bundle takes."""
    ours = group.features[feature].model_dump(mode="json")
    for key in [key for key in DEFINITION if ours[key] != wanted[key]][:1]:
        yield (
            f"bundle: takes `{group.name}.{feature}` with `{key}: {wanted[key]}`; "
            f"config/features/{group.name}.yaml has `{key}: {ours[key]}`"
        )


def _about(options: "Options") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(options.bundle, INPUTS).read_text())
    return found


def probabilities(
    options: "Options", spec: RecipeSpec, rows: "Rows", threads: int
) -> tuple["FloatArray", "BoolArray"]:
    """Of each class, shape (N, C), float32, and rows that lack a jet that the bundle reads, (N,).

    NaN for these, and for rows that are of none of `labels`.

    Raises:
        InputError: The bundle is damaged, or inputs are in other units than it takes.
    """
    import numpy as np

    from jetsmith.bundle import Bundle
    from jetsmith.bundle_inputs import Values, check
    from jetsmith.bundles import _jets
    from jetsmith.packed.rows import CHUNK

    bundle = Bundle(options.bundle, threads)
    out = np.full((len(rows), len(spec.classes)), np.nan, np.float32)
    not_tagged = np.zeros(len(rows), np.bool_)

    def classes(jets: Mapping[str, Values]) -> "FloatArray":
        for group in bundle.groups:
            check(group, jets[group.group].values)
        found = bundle.score(jets)[0]
        if options.labels:
            return _onnx_labels.by_class(found, options.labels, spec, bundle.classes)
        return found[:, [bundle.classes.index(name) for name in spec.class_names]]

    for which in rows.slices(CHUNK):
        if options.within:
            features = _onnx_within.by_name(spec, rows.flat_as_packed(which))
            each = [_onnx_within.jets(prefix, bundle.groups, features) for prefix in options.within]
            out[which] = _onnx_within.least_alike([classes(jets) for jets, _ in each])
            not_tagged[which] = ~np.logical_and.reduce([there for _, there in each])
        else:
            out[which] = classes(_jets.raw(rows, which, bundle.groups))
    out[not_tagged] = np.nan
    return out, not_tagged
