"""Thresholds and efficiency maps as a correction set of correctionlib, schema 2."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from correctionlib import schemav2

from jetsmith.calibration.axes import Axis
from jetsmith.calibration.maps import EfficiencyMap, Line, shared_bins
from jetsmith.columns import HADRON_FLAVOUR
from jetsmith.correction_nodes import binning, category
from jetsmith.io import FloatArray
from jetsmith.specs.classifiers import JudgedClass
from jetsmith.texts import not_reliable

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
        prefix: Behind the calibration's name; empty for one threshold a point.
        kind: What the thresholds are, in words.
        thresholds: By name; an array of shape (n_pt,) where they depend on pt, a mapping by discriminant
            where a jet has to pass several.
        doubtful: Names of those that few jets fix, or that jets of one score push off.
        undefined: Those left out, with the reason.
        maps: Efficiencies by name and flavor code.
    """

    prefix: str
    kind: str
    thresholds: Mapping[str, float | FloatArray | Mapping[str, float]]
    doubtful: Sequence[str]
    undefined: Mapping[str, str]
    maps: Mapping[tuple[str, int], EfficiencyMap]


@dataclass(frozen=True)
class Subject:
    """What is calibrated.

    Attributes:
        name: Of the corrections.
        about: What it is, in words.
        classes: Those with a flavor code.
        lacking: Those of them without jets.
        counted: By code what it means and how many jets have it (`Passing.counted`).
    """

    name: str
    about: str
    classes: Sequence[JudgedClass]
    lacking: Sequence[JudgedClass]
    counted: Mapping[int, Mapping[str, Any]]


def corrections(subject: Subject, kinds: Sequence[Points], axes: Sequence[Axis]) -> dict[str, Any]:
    """The correction set as plain values, checked by correctionlib's own schema.

    Args:
        subject: What is calibrated.
        kinds: Working points of each kind.
        axes: |eta|, pt, and what else.
    """
    first = kinds[0]
    whole = schemav2.CorrectionSet(
        schema_version=2,
        description=f"Calibration of {subject.about}{_left_out(first)}{_few_jets(subject, first, axes)}",
        corrections=[entry for points in kinds for entry in _of_kind(subject, points, axes)],
    )
    return dict(whole.model_dump(mode="json", exclude_unset=True))


def _of_kind(subject: Subject, points: Points, axes: Sequence[Axis]) -> list[schemav2.Correction]:
    """Thresholds, efficiencies and the ends of their intervals."""
    about = subject.about + _left_out(points)
    point = schemav2.Variable(name="working_point", type="string", description=", ".join(points.thresholds))
    by, content = _thresholds(points, axes[1])
    values = schemav2.Correction(
        name=f"{subject.name}_{points.prefix}wp_values",
        description=f"{points.kind} of {about}",
        version=1,
        inputs=[point, *by],
        output=schemav2.Variable(name="threshold", type="real"),
        data=category("working_point", content),
    )
    inputs = [
        point,
        schemav2.Variable(name="flavor", type="int", description=_codes(subject)),
        *map(_input, axes),
    ]
    output = schemav2.Variable(name="efficiency", type="real")
    efficiencies = [
        schemav2.Correction(
            name=f"{subject.name}_{points.prefix}eff{suffix}",
            description=f"{what} in simulation ({INTERVAL}) of {about}{_few_jets(subject, points, axes)}",
            version=1,
            inputs=inputs,
            output=output,
            data=_efficiencies(field, points, axes),
        )
        for suffix, what, field in ENDS
    ]
    return [values, *efficiencies]


def _codes(subject: Subject) -> str:
    """The codes, and which jets each is of."""
    said = []
    for entry in subject.classes:
        about = subject.counted[int(entry.flavor or 0)]
        if about["by"] == HADRON_FLAVOUR:
            strangers, n = about["n_of_other_truth"], about["n_jets"]
            more = f", {strangers:,} of {n:,} jets of other truth, such as pile-up" if strangers else ""
            said.append(f"{entry.flavor} {entry.name} (hadron flavour{more})")
        elif entry.hadron_flavour is not None:
            said.append(f"{entry.flavor} {entry.name} (by truth, without its jets of truth 999)")
        else:
            said.append(f"{entry.flavor} {entry.name} (by truth)")
    return ", ".join(said)


def _thresholds(points: Points, pt: Axis) -> tuple[list[schemav2.Variable], dict[str, Any]]:
    """What thresholds depend on beside the working point, and they by its name."""
    by: list[schemav2.Variable] = []
    content: dict[str, Any] = {}
    for name, found in points.thresholds.items():
        if isinstance(found, np.ndarray):
            by, content[name] = [_input(pt)], _bins(found, [pt])
        elif isinstance(found, Mapping):
            said = f"{', '.join(found)}: a jet passes at or above the threshold on each"
            by = [schemav2.Variable(name="discriminant", type="string", description=said)]
            content[name] = category("discriminant", found)
        else:
            content[name] = float(found)
    return by, content


def _left_out(points: Points) -> str:
    """Working points that are left out or in doubt, in words; empty where there are none."""
    text = ""
    if points.undefined:
        text += f"; left out, for lack of jets or of a threshold: {', '.join(points.undefined)}"
    return text + not_reliable(points.doubtful)


def _few_jets(subject: Subject, points: Points, axes: Sequence[Axis]) -> str:
    """Flavors without jets, bins that share theirs and bins without any, in words."""
    text = "".join(
        f"; no jets of flavor {c.flavor} ({c.name}), which has no efficiencies" for c in subject.lacking
    )
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
        if found.lines is None:
            by_point[name][flavor] = _bins(getattr(found, field), axes)
        else:
            by_point[name][flavor] = _lines(field, found.lines, axes)
    return category("working_point", {name: category("flavor", of) for name, of in by_point.items()})


def _lines(field: str, found: Mapping[tuple[int, ...], Line], axes: Sequence[Axis]) -> Any:
    """Nested bins of all axes but pt, and in each a line: constants below and above, formulas between."""
    pt = axes[1]
    shape = [axis.n_bins for axis in (axes[0], *axes[2:])]
    content = np.empty(shape, object)
    for row, line in found.items():
        corners, at = getattr(line, field).tolist(), line.pt_gev.tolist()
        inner = [
            schemav2.Formula(
                nodetype="formula",
                expression="[0]+[1]*(x-[2])",
                parser="TFormula",
                variables=["pt"],
                parameters=[y, (later - y) / (end - begin), begin],
            )
            for (begin, end), (y, later) in zip(
                itertools.pairwise(at), itertools.pairwise(corners), strict=True
            )
        ]
        content[row] = schemav2.Binning(
            nodetype="binning",
            input="pt",
            edges=[min(pt.edges[0], at[0] - 1), *at, max(pt.edges[-1], at[-1] + 1)],
            content=[corners[0], *inner, corners[-1]],
            flow="clamp",
        )
    return _bins(content, (axes[0], *axes[2:]))


def _bins(values: Any, axes: Sequence[Axis]) -> Any:
    """Nested bins."""
    axis, *others = axes
    content = [_bins(value, others) if others else value for value in values]
    return binning(axis.name, axis.edges, content, axis.clamps)
