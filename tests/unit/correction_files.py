"""Scale factors and efficiencies as correctionlib files, with all that a helper of event weights may meet."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

THRESHOLDS = {"T": 0.7, "L": 0.1, "M": 0.3}
FLAVOURS = (0, 4, 5)
SHIFTS = {"": 0.1, "_correlated": 0.08, "_uncorrelated": 0.06, "_jes": 0.05, "_statistic": 0.03}
CENTRAL = {"L": 0.95, "M": 0.9, "T": 0.85}
# Working point, flavour: efficiencies in two bins of pt. At high pt L is 1 for b jets, T is 0 for light ones,
# and M is as large as L for c jets.
EFFICIENCIES = {
    ("L", 5): (0.9, 1.0), ("M", 5): (0.7, 0.8), ("T", 5): (0.4, 0.5),
    ("L", 4): (0.5, 0.4), ("M", 4): (0.2, 0.4), ("T", 4): (0.05, 0.1),
    ("L", 0): (0.1, 0.2), ("M", 0): (0.01, 0.05), ("T", 0): (0.001, 0.0),
}  # fmt: skip
# Of a shape: sources, and the flavours that they are for.
SHAPE = {"hf": (0, 5), "lf": (0, 5), "hfstats1": (0, 5), "lfstats2": (0, 5), "cferr1": (4,), "jes": (0, 5)}


def category(axis: str, content: Mapping[Any, Any]) -> dict[str, Any]:
    """A node with a key an entry."""
    items = [{"key": key, "value": value} for key, value in content.items()]
    return {"nodetype": "category", "input": axis, "content": items}


def binning(axis: str, edges: Any, content: Sequence[Any], flow: Any = "clamp") -> dict[str, Any]:
    """A node of bins."""
    return {"nodetype": "binning", "input": axis, "edges": edges, "content": list(content), "flow": flow}


def formula(text: str, *variables: str) -> dict[str, Any]:
    """A leaf that computes."""
    return {"nodetype": "formula", "expression": text, "parser": "TFormula", "variables": list(variables)}


def correction(name: str, axes: Sequence[str], data: Any) -> dict[str, Any]:
    """A correction with inputs of the usual types."""
    kinds = {"systematic": "string", "working_point": "string", "flavor": "int"}
    inputs = [{"name": axis, "type": kinds.get(axis, "real")} for axis in axes]
    return {
        "name": name,
        "version": 1,
        "inputs": inputs,
        "output": {"name": "x", "type": "real"},
        "data": data,
    }


def write(path: Path, *corrections: Mapping[str, Any]) -> Path:
    """A file of schema 2."""
    path.write_text(json.dumps({"schema_version": 2, "corrections": corrections}))
    return path


def thresholds(name: str, values: Mapping[str, float] = THRESHOLDS) -> dict[str, Any]:
    """`<name>_wp_values`."""
    return correction(f"{name}_wp_values", ["working_point"], category("working_point", values))


def fixed(name: str, flavours: Sequence[int], shifts: Mapping[str, float]) -> dict[str, Any]:
    """Scale factors of working points: of light jets a formula, that runs away at high pt, as BTV's does."""

    def jets(point: str, flavour: int, shift: float) -> Any:
        value = CENTRAL[point] - 0.02 * flavour + shift
        if flavour == 0:
            return binning(
                "abseta",
                [0.0, 2.5],
                [binning("pt", [20.0, 1000.0], [formula(f"{value}+x/4000", "pt")])],
                "error",
            )
        rows = [binning("pt", [20.0, 60.0, 800.0], [value + step, value + 2 * step]) for step in (0.01, 0.02)]
        return binning("abseta", [0.0, 1.2, 2.5], rows, "error")

    shifted = {"central": 0.0}
    for key, shift in shifts.items():
        shifted |= {f"up{key}": shift, f"down{key}": -0.9 * shift}
    points = {
        systematic: category(
            "working_point",
            {p: category("flavor", {f: jets(p, f, shift) for f in flavours}) for p in CENTRAL},
        )
        for systematic, shift in shifted.items()
    }
    return correction(
        name, ["systematic", "working_point", "flavor", "abseta", "pt"], category("systematic", points)
    )


def scale_factors(path: Path) -> Path:
    """`tag_comb`, `tag_incl` and `tag_wp_values`."""
    plain = {key: shift for key, shift in SHIFTS.items() if key not in ("_jes", "_statistic")}
    return write(path, fixed("tag_comb", (4, 5), SHIFTS), fixed("tag_incl", (0,), plain), thresholds("tag"))


def efficiency(name: str, values: Mapping[tuple[str, int], Sequence[float]]) -> dict[str, Any]:
    """With flavours outside of working points, and a range of its own."""
    by_flavour: dict[int, dict[str, Any]] = {}
    for (point, flavour), row in values.items():
        bins = binning("pt", [30.0, 100.0, 500.0], row)
        by_flavour.setdefault(flavour, {})[point] = binning("abseta", [0.0, 2.4], [bins], "error")
    data = category("flavor", {f: category("working_point", points) for f, points in by_flavour.items()})
    return correction(name, ["flavor", "working_point", "abseta", "pt"], data)


def efficiencies(
    path: Path, values: Mapping[tuple[str, int], tuple[float, float]] = EFFICIENCIES, error: float = 0.0
) -> Path:
    """`mc_eff`, where there is an error with the ends of its intervals, and `mc_wp_values`."""
    ends = {"mc_eff": 0.0} | ({"mc_eff_low": -error, "mc_eff_high": error} if error else {})
    found = [
        efficiency(name, {key: [min(max(x + shift, 0), 1) for x in row] for key, row in values.items()})
        for name, shift in ends.items()
    ]
    return write(path, *found, thresholds("mc"))


def shape(path: Path) -> Path:
    """`tag_shape`: b jets with two bins of |eta|, a formula of the discriminant."""

    def jets(flavour: int, shift: float) -> Any:
        value = 0.9 + 0.03 * flavour + shift
        leaf = binning("discriminant", [-2.0, 0.0, 1.1], [value, formula(f"{value}+0.2*x", "discriminant")])
        rows = [binning("pt", [20.0, 50.0, 10000.0], [leaf, value + 0.1])]
        if flavour == 5:
            rows.append(binning("pt", [20.0, 10000.0], [value - 0.1]))
        return binning("abseta", [0.0, 0.8, 2.5] if flavour == 5 else [0.0, 2.5], rows, "error")

    content = {"central": category("flavor", {f: jets(f, 0.0) for f in FLAVOURS})}
    for i, (source, flavours) in enumerate(SHAPE.items()):
        content[f"up_{source}"] = category("flavor", {f: jets(f, 0.05 + 0.01 * i) for f in flavours})
        content[f"down_{source}"] = category("flavor", {f: jets(f, -0.04 - 0.01 * i) for f in flavours})
    axes = ["systematic", "flavor", "abseta", "pt", "discriminant"]
    return write(path, correction("tag_shape", axes, category("systematic", content)))


def all_of(folder: Path) -> Path:
    """Scale factors, efficiencies and a shape; gives the folder."""
    scale_factors(folder / "sf.json")
    efficiencies(folder / "eff.json")
    shape(folder / "shape.json")
    return folder
