"""What JSON files of a results folder say, as far as it is compared.

Each function raises KeyError, TypeError, AttributeError or ValueError of what is not as its stage writes it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from jetsmith.metrics import Interval
from jetsmith.plots.roc_figure import Curve
from jetsmith.specs.classifiers import ClassSpec
from jetsmith.strict import Record

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Contrast:
    """A ROC figure: a signal against a background on a sample, with the curves of judgements."""

    sample: str
    signal: ClassSpec
    background: ClassSpec
    is_first: bool
    curves: Mapping[str, Curve]

    @property
    def key(self) -> tuple[str, str, str]:
        """Sample, and names of the classes."""
        return self.sample, self.signal.name, self.background.name


@dataclass(frozen=True)
class Point:
    """A working point: its threshold, and the efficiency of each class there."""

    target: float
    threshold: Interval
    efficiencies: Mapping[str, Interval]


@dataclass(frozen=True)
class Calibrated:
    """A judgement: its tagger, the sample that it is calibrated on, and its working points.

    Attributes:
        background: The class whose jets fix the thresholds.
    """

    tagger: str
    sample: str
    background: str
    points: Mapping[str, Point]


@dataclass(frozen=True)
class Tested:
    """A closure test: what each gate said, and the area of a fresh classifier after weighting."""

    gates: Mapping[str, str]
    auc_after: Interval | None


@dataclass(frozen=True)
class Cuts:
    """A point of a plane: its two thresholds, whose ends may be infinite, and efficiencies of classes."""

    thresholds: tuple[Interval, Interval]
    efficiencies: Mapping[str, Interval]


@dataclass(frozen=True)
class Plane:
    """Two judgements on a sample, with a cut on each, and the backgrounds that these let pass as often.

    Where both are one background, each cut does so by itself.
    """

    judgements: tuple[str, str]
    sample: str
    backgrounds: tuple[str, str]
    points: Mapping[str, Cuts]

    @property
    def apart(self) -> bool:
        """Each cut lets its part of one background pass by itself."""
        return self.backgrounds[0] == self.backgrounds[1]


@dataclass(frozen=True)
class Factor:
    """A scale factor: to both ends of its interval, and what that is of, as `handed.measurement.Factor`."""

    value: float
    up: float
    down: float
    independent: float
    sources: Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """A measurement: whose, of which class, in which data, and factors by working point and bin of pt."""

    judgement: str
    measured: str
    data: str
    edges: tuple[float, ...]
    points: Mapping[str, tuple[Factor | None, ...]]


@dataclass(frozen=True)
class Tried:
    """A figure of resilience: changes of the area of each judgement, by what is other.

    Attributes:
        moved: By shift that moves inputs, and by input, factor and offset.
    """

    sample: str
    background: ClassSpec
    changes: Mapping[str, Mapping[str, Interval]]
    moved: Mapping[str, Mapping[str, tuple[float, float]]]


def _interval(found: Mapping[str, Any]) -> Interval:
    low, value, high = (float(found[key]) for key in ("low", "value", "high"))
    if not np.isfinite([low, value, high]).all():
        raise ValueError(f"{value} from {low} to {high}")
    return Interval(value, min(low, value), max(high, value))  # rounding may put an end beyond


def calibrated(content: Mapping[str, Any]) -> Calibrated:
    """What calibrate found."""
    points = {}
    for name, point in content["working_points"].items():
        ends = {"low": point["threshold_low"], "value": point["threshold"], "high": point["threshold_high"]}
        known = {key: one for key, one in point["efficiencies"].items() if one["value"] is not None}
        by_class = {key: _interval(one) for key, one in known.items()}
        points[str(name)] = Point(float(point["target"]), _interval(ends), by_class)
    tagger, sample, background = (str(content[key]) for key in ("tagger", "sample", "threshold_class"))
    return Calibrated(tagger, sample, background, points)


def contrast(content: Mapping[str, Any]) -> Contrast:
    """A ROC figure."""
    names = [content["sample"], *(curve["tagger"] for curve in content["curves"])]
    if wrong := [name for name in names if not re.fullmatch(r"\w+", name)]:  # files are named after them
        raise ValueError(f"{wrong[0]!r} is no name")
    return Contrast(
        str(content["sample"]),
        _record(ClassSpec, content["signal"]),
        _record(ClassSpec, content["background"]),
        bool(content["is_first"]),
        {str(curve["tagger"]): _curve(curve) for curve in content["curves"]},
    )


def _curve(content: Mapping[str, Any]) -> Curve:
    curve = _record(Curve, content)
    columns = (curve.mistag, curve.mistag_low, curve.mistag_high)
    if any(len(column) != len(curve.signal_efficiency) or min(column) <= 0 for column in columns):
        raise ValueError("points of a curve that are none")
    return curve


def _record(kind: type[R], content: Mapping[str, Any]) -> R:
    """A record of what it knows of a mapping; other versions may write more."""
    return kind.model_validate_json(json.dumps({k: content[k] for k in kind.model_fields if k in content}))


def plane(content: Mapping[str, Any]) -> Plane:
    """What calibrate found of two judgements."""
    first, second = map(str, content["judgements"])
    of_first, of_second = map(str, content["threshold_classes"])
    points = {}
    for name, point in content["working_points"].items():
        one, other = map(_cut, point["thresholds"])
        known = {key: _interval(of) for key, of in point["efficiencies"].items() if of["value"] is not None}
        points[str(name)] = Cuts((one, other), known)
    return Plane((first, second), str(content["sample"]), (of_first, of_second), points)


def _cut(found: Mapping[str, Any]) -> Interval:
    """A threshold, with infinite ends where jets are too few to tell one."""
    value = float(found["value"])
    low = -np.inf if found["low"] is None else float(found["low"])
    high = np.inf if found["high"] is None else float(found["high"])
    if not np.isfinite(value):
        raise ValueError(f"a threshold of {value}")
    return Interval(value, min(low, value), max(high, value))


def measured(content: Mapping[str, Any]) -> Measured:
    """What measure found."""
    edges = tuple(map(float, content["pt_edges_gev"]))
    points = {
        str(name): tuple(None if (one := of.get("factor")) is None else _factor(one) for of in bins)
        for name, bins in content["points"].items()
    }
    if any(len(bins) != len(edges) - 1 for bins in points.values()):
        raise ValueError("bins that do not fit their edges")
    judgement, of_class, data = (str(content[key]) for key in ("judgement", "measured", "data"))
    return Measured(judgement, of_class, data, edges, points)


def _factor(content: Mapping[str, Any]) -> Factor:
    value, up, down, own = (float(content[key]) for key in ("value", "up", "down", "independent"))
    sources = {str(name): float(moved) for name, moved in content["sources"].items()}
    if not np.isfinite([value, up, down, own, *sources.values()]).all() or min(up, down, own) < 0:
        raise ValueError(f"a factor of {value}, from -{down} to +{up}")
    return Factor(value, up, down, own, sources)


def tried(content: Mapping[str, Any]) -> Tried:
    """A figure of resilience."""
    shifts = list(map(str, content["shifts"]))
    changes = {
        str(tagger["judgement"]): {
            shift: _interval(one["change"])
            for shift, one in zip(shifts, tagger["changes"], strict=True)
            if one["change"] is not None
        }
        for tagger in content["taggers"]
    }
    moved = {
        str(shift["name"]): {
            str(one["name"]): (float(one["scale"]), float(one["offset"])) for one in shift["inputs"]
        }
        for shift in content.get("features", ())
    }
    return Tried(str(content["sample"]), _record(ClassSpec, content["background"]), changes, moved)


def tested(content: Mapping[str, Any]) -> Tested:
    """A closure test."""
    gates = {str(gate["name"]): str(gate["status"]) for gate in content["gates"]}
    after = content["auc_after"]
    return Tested(gates | {"all": str(content["status"])}, None if after is None else _interval(after))


def files_of(plan: Mapping[str, Any]) -> dict[str, str]:
    """The plan of a data set: its files, by UUID where they have one."""
    found = {
        "layout": str(plan["layout"]),
        "files": f"{len(plan['files']):,}",
        "entries": f"{int(plan['n_entries']):,}",
        "damaged files": f"{len(plan['damaged']):,}",
    }
    for file in plan["files"]:
        about = f"{file['file']}: {int(file['entries']):,} entries, {int(file['bytes']):,} bytes"
        found[f"file {file['uuid'] or file['file']}"] = about
    return found


def account(content: Mapping[str, Any]) -> dict[str, str]:
    """What became of the entries of a data set."""
    to = content["normalisation"]
    numbers = {
        "entries planned": content["n_entries"],
        "processed": content["n_events"],
        "lost": content["n_lost"],
        "rows": content["n_rows"],
        "sum of weights processed": to["sum_w_processed"],
        "sum of weights in Runs": to["sum_w_runs"],
        "factor of an earlier skim": to["factor"],
        "event weight": content["event_weight"],
        **{f"rows of truth {truth}": n for truth, n in content["rows_by_flavour"].items()},
    }
    return {key: "none" if value is None else f"{value:,.10g}" for key, value in numbers.items()} | {
        "normalisation": str(to["how"])
    }


def software(content: Mapping[str, Any]) -> dict[str, str]:
    """Commit, Python, system and versions of a job."""
    about = content["provenance"]
    plain = {key: value for key, value in about.items() if not isinstance(value, Mapping)}
    return {str(key): str(value) for key, value in {**plain, **about.get("versions", {})}.items()}
