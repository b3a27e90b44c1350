"""Thresholds and efficiency maps as a correction set of correctionlib, schema 2."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from correctionlib import schemav2

from jetsmith.calibration.maps import EfficiencyMap
from jetsmith.io import FloatArray
from jetsmith.metrics import WorkingPoint, closed
from jetsmith.provenance import config_digest
from jetsmith.specs.classifiers import JudgedClass, JudgedSpec

ENDS = (  # suffix of the name, what it is, field of EfficiencyMap
    ("", "Efficiency", "value"),
    ("_low", "Lower end of the efficiency", "low"),
    ("_high", "Upper end of the efficiency", "high"),
)


def corrections(
    spec: JudgedSpec,
    points: Mapping[str, WorkingPoint],
    undefined: Mapping[str, str],
    lacking: Sequence[JudgedClass],
    maps: Mapping[tuple[str, int], EfficiencyMap],
    pt_bins_gev: Sequence[float],
    abseta_bins: Sequence[float],
) -> dict[str, Any]:
    """The correction set as plain values, checked by correctionlib's own schema.

    Args:
        spec: The tagger.
        points: Working points by name.
        undefined: Those left out, with the reason.
        lacking: Classes with a flavor code and without jets.
        maps: Efficiencies by working point and flavor code.
        pt_bins_gev: Edges [GeV].
        abseta_bins: Edges.
    """
    digest = config_digest(spec.model_dump(mode="json"))
    named = f"discriminant {spec.discriminant.name}" if spec.discriminant else "no discriminant"
    about = f"{spec.name}, {named}, sample {spec.sample}, config {digest}"
    if undefined:
        about += f"; left out for lack of jets: {', '.join(undefined)}"
    unreliable = [name for name, found in points.items() if not found.reliable]
    if unreliable:
        about += f"; not reliable, for lack of jets or for ties at the threshold: {', '.join(unreliable)}"
    efficiency_about = about + _empty_bins(lacking, maps, pt_bins_gev, abseta_bins)
    point = schemav2.Variable(name="working_point", type="string", description=", ".join(points))
    axes = [point, *_jet_axes(spec)]
    values = schemav2.Correction(
        name=f"{spec.judgement}_wp_values",
        description=f"Threshold on the discriminant of {about}",
        version=1,
        inputs=[point],
        output=schemav2.Variable(name="threshold", type="real"),
        data=_category("working_point", {name: found.threshold for name, found in points.items()}),
    )
    output = schemav2.Variable(name="efficiency", type="real")
    efficiencies = [
        schemav2.Correction(
            name=f"{spec.judgement}_eff{suffix}",
            description=f"{what} in simulation (68.3%, statistical) of {efficiency_about}",
            version=1,
            inputs=axes,
            output=output,
            data=_efficiencies(field, points, maps, pt_bins_gev, abseta_bins),
        )
        for suffix, what, field in ENDS
    ]
    whole = schemav2.CorrectionSet(
        schema_version=2,
        description=f"Calibration of {efficiency_about}",
        corrections=[values, *efficiencies],
    )
    return dict(whole.model_dump(mode="json", exclude_unset=True))


def _empty_bins(
    lacking: Sequence[JudgedClass],
    maps: Mapping[tuple[str, int], EfficiencyMap],
    pt_bins_gev: Sequence[float],
    abseta_bins: Sequence[float],
) -> str:
    """Flavors and bins without jets, in words; empty where there are none."""
    text = "".join(f"; no jets of flavor {c.flavor} ({c.name}), which has no efficiencies" for c in lacking)
    found = []
    for flavor in dict.fromkeys(code for _, code in maps):
        names = [name for name, code in maps if code == flavor]
        bins = [
            f"|eta| {abseta_bins[i]:g} to {abseta_bins[i + 1]:g}, "
            f"pt {pt_bins_gev[j]:g} to {pt_bins_gev[j + 1]:g} GeV"
            for i, j in np.argwhere(~maps[names[0], flavor].filled_mask)
        ]
        if bins:
            found.append(f"flavor {flavor} at {', '.join(names)}: {'; '.join(bins)}")
    if found:
        text += (
            "; bins without jets, which have the efficiency of their |eta| bin, or of all jets, and an "
            f"interval that holds all of its intervals: {'. '.join(found)}"
        )
    return text


def _jet_axes(spec: JudgedSpec) -> list[schemav2.Variable]:
    classes = [c for c in (spec.signal_class, *spec.background_classes) if c is not None]
    codes = ", ".join(f"{c.flavor} {c.name}" for c in classes if c.flavor is not None)
    return [
        schemav2.Variable(name="flavor", type="int", description=codes),
        schemav2.Variable(name="abseta", type="real", description="|eta| of the jet"),
        schemav2.Variable(name="pt", type="real", description="pt of the jet [GeV], clamped"),
    ]


def _efficiencies(
    field: str,
    points: Mapping[str, WorkingPoint],
    maps: Mapping[tuple[str, int], EfficiencyMap],
    pt_bins_gev: Sequence[float],
    abseta_bins: Sequence[float],
) -> Any:
    """working_point -> flavor -> abseta -> pt -> one field of the maps."""
    by_point: dict[str, dict[int, Any]] = {name: {} for name in points}
    for (name, flavor), found in maps.items():
        by_point[name][flavor] = _bins(getattr(found, field), pt_bins_gev, abseta_bins)
    return _category("working_point", {name: _category("flavor", of) for name, of in by_point.items()})


def _category(axis: str, content: Mapping[Any, Any]) -> Any:
    items = [schemav2.CategoryItem(key=key, value=value) for key, value in content.items()]
    return schemav2.Category(nodetype="category", input=axis, content=items)


def _bins(values: FloatArray, pt_bins_gev: Sequence[float], abseta_bins: Sequence[float]) -> Any:
    """Nested bins, shape (n_abseta, n_pt); the last |eta| edge is moved up to be included."""
    rows = [
        schemav2.Binning(
            nodetype="binning",
            input="pt",
            edges=[float(edge) for edge in pt_bins_gev],
            content=[float(value) for value in row],
            flow="clamp",
        )
        for row in values
    ]
    return schemav2.Binning(
        nodetype="binning", input="abseta", edges=closed(abseta_bins), content=rows, flow="error"
    )
