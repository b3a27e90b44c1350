"""Thresholds and efficiency maps as a correction set of correctionlib, schema 2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from correctionlib import schemav2

from jetsmith.calibration.axes import Axis
from jetsmith.calibration.maps import EfficiencyMap
from jetsmith.io import FloatArray
from jetsmith.metrics import closed
from jetsmith.provenance import config_digest
from jetsmith.specs.classifiers import JudgedClass, JudgedSpec

ENDS = (  # suffix of the name, what it is, field of EfficiencyMap
    ("", "Efficiency", "value"),
    ("_low", "Lower end of the efficiency", "low"),
    ("_high", "Upper end of the efficiency", "high"),
)
INTERVAL = "68.3%, statistical, Wilson's with effective counts"


@dataclass(frozen=True)
class Points:
    """Working points of one kind, and what passes them.

    Attributes:
        prefix: Behind the tagger's name; empty for one threshold a point.
        kind: What the thresholds are, in words.
        thresholds: By name; an array of shape (n_pt,) where they depend on pt.
        doubtful: Names of those that few jets fix, or that jets of one score push off.
        undefined: Those left out, with the reason.
        maps: Efficiencies by name and flavor code.
    """

    prefix: str
    kind: str
    thresholds: Mapping[str, float | FloatArray]
    doubtful: Sequence[str]
    undefined: Mapping[str, str]
    maps: Mapping[tuple[str, int], EfficiencyMap]


def corrections(
    spec: JudgedSpec, kinds: Sequence[Points], lacking: Sequence[JudgedClass], axes: Sequence[Axis]
) -> dict[str, Any]:
    """The correction set as plain values, checked by correctionlib's own schema.

    Args:
        spec: The tagger.
        kinds: Working points of each kind.
        lacking: Classes with a flavor code and without jets.
        axes: |eta|, pt, and what else.
    """
    digest = config_digest(spec.model_dump(mode="json"))
    named = f"discriminant {spec.discriminant.name}" if spec.discriminant else "no discriminant"
    about = f"{spec.name}, {named}, sample {spec.sample}, config {digest}"
    found = [entry for points in kinds for entry in _of_kind(spec, points, about, lacking, axes)]
    first = kinds[0]
    whole = schemav2.CorrectionSet(
        schema_version=2,
        description=f"Calibration of {about}{_left_out(first)}{_few_jets(first, lacking, axes)}",
        corrections=found,
    )
    return dict(whole.model_dump(mode="json", exclude_unset=True))


def _of_kind(
    spec: JudgedSpec, points: Points, about: str, lacking: Sequence[JudgedClass], axes: Sequence[Axis]
) -> list[schemav2.Correction]:
    """Thresholds, efficiencies and the ends of their intervals."""
    about += _left_out(points)
    point = schemav2.Variable(name="working_point", type="string", description=", ".join(points.thresholds))
    by_pt = any(isinstance(found, np.ndarray) for found in points.thresholds.values())
    pt = axes[1]
    values = schemav2.Correction(
        name=f"{spec.judgement}_{points.prefix}wp_values",
        description=f"{points.kind} of {about}",
        version=1,
        inputs=[point, _input(pt)] if by_pt else [point],
        output=schemav2.Variable(name="threshold", type="real"),
        data=_category(
            "working_point",
            {
                name: _bins(found, [pt]) if isinstance(found, np.ndarray) else float(found)
                for name, found in points.thresholds.items()
            },
        ),
    )
    classes = [c for c in (spec.signal_class, *spec.background_classes) if c is not None]
    codes = ", ".join(f"{c.flavor} {c.name}" for c in classes if c.flavor is not None)
    inputs = [point, schemav2.Variable(name="flavor", type="int", description=codes), *map(_input, axes)]
    output = schemav2.Variable(name="efficiency", type="real")
    efficiencies = [
        schemav2.Correction(
            name=f"{spec.judgement}_{points.prefix}eff{suffix}",
            description=f"{what} in simulation ({INTERVAL}) of {about}{_few_jets(points, lacking, axes)}",
            version=1,
            inputs=inputs,
            output=output,
            data=_efficiencies(field, points, axes),
        )
        for suffix, what, field in ENDS
    ]
    return [values, *efficiencies]


def _left_out(points: Points) -> str:
    """Working points that are left out or in doubt, in words; empty where there are none."""
    text = ""
    if points.undefined:
        text += f"; left out for lack of jets: {', '.join(points.undefined)}"
    if points.doubtful:
        text += f"; not reliable, for lack of jets or for ties at the threshold: {', '.join(points.doubtful)}"
    return text


def _few_jets(points: Points, lacking: Sequence[JudgedClass], axes: Sequence[Axis]) -> str:
    """Flavors without jets, bins that share theirs and bins without any, in words."""
    text = "".join(f"; no jets of flavor {c.flavor} ({c.name}), which has no efficiencies" for c in lacking)
    shared, empty = [], []
    for flavor in dict.fromkeys(code for _, code in points.maps):
        names = [name for name, code in points.maps if code == flavor]
        found = points.maps[names[0], flavor]
        where = f"flavor {flavor} at {', '.join(names)}: "
        together = [_bins_text(axes, place, last) for place, last in shared_bins(found)]
        alone = [_bins_text(axes, place) for place in map(tuple, np.argwhere(~found.filled_mask))]
        shared += [where + "; ".join(together)] if together else []
        empty += [where + "; ".join(alone)] if alone else []
    if shared:
        text += f"; bins that share their few jets: {'. '.join(shared)}"
    if empty:
        text += (
            "; bins without jets, which have the efficiency of those next to them in pt, else of their |eta| "
            f"bin, or of all jets, and an interval that holds all of its intervals: {'. '.join(empty)}"
        )
    return text


def shared_bins(found: EfficiencyMap) -> list[tuple[tuple[int, ...], int]]:
    """Groups of several bins of pt: the place of the first one, and the last bin of pt."""
    groups = []
    for number in np.unique(found.group):
        members = np.argwhere(found.group == number)
        if len(members) > 1:
            groups.append((tuple(int(k) for k in members[0]), int(members[-1][1])))
    return groups


def _bins_text(axes: Sequence[Axis], place: Sequence[int], last_pt: int | None = None) -> str:
    """A bin, or bins of pt up to a last one, in words."""
    ends = [last_pt if number == 1 else None for number in range(len(axes))]
    return ", ".join(axis.text(int(k), end) for axis, k, end in zip(axes, place, ends, strict=True))


def _input(axis: Axis) -> schemav2.Variable:
    return schemav2.Variable(name=axis.name, type="real", description=axis.description)


def _efficiencies(field: str, points: Points, axes: Sequence[Axis]) -> Any:
    """working_point -> flavor -> abseta -> pt -> … -> one field of the maps."""
    by_point: dict[str, dict[int, Any]] = {name: {} for name in points.thresholds}
    for (name, flavor), found in points.maps.items():
        by_point[name][flavor] = _bins(getattr(found, field), axes)
    return _category("working_point", {name: _category("flavor", of) for name, of in by_point.items()})


def _category(axis: str, content: Mapping[Any, Any]) -> Any:
    items = [schemav2.CategoryItem(key=key, value=value) for key, value in content.items()]
    return schemav2.Category(nodetype="category", input=axis, content=items)


def _bins(values: FloatArray, axes: Sequence[Axis]) -> Any:
    """Nested bins; the last edge of an axis that does not clamp is moved up to be included."""
    axis, *others = axes
    return schemav2.Binning(
        nodetype="binning",
        input=axis.name,
        edges=[float(edge) for edge in axis.edges] if axis.clamps else closed(axis.edges),
        content=[_bins(value, others) if others else float(value) for value in values],
        flow="clamp" if axis.clamps else "error",
    )
