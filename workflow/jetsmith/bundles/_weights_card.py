"""The model card of a reweighter: whether its weights passed their test, first of all; then what they are."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from jetsmith.bundle import PARAMETERS
from jetsmith.bundle_inputs import Group
from jetsmith.bundles import _card
from jetsmith.members import MEMBERS
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.spread import ERRORS

VERDICTS = {
    "passed": "These weights passed all gates of their closure test.",
    "not conclusive": "**NOT CONCLUSIVE**, which is not passed: no gate of the closure test failed, but of "
    "some the events cannot tell.",
    "failed": "**FAILED**: these weights failed their closure test, and are not to be used.",
    "not tested": "**NOT TESTED**: there was no dataset of the target, so nothing says that these weights "
    "are right.",
}

PURPOSE = """\
Give it the inputs that `inputs.json` names, of {row}s of the source, and multiply their generator weights by
`weight`: they stand for the target. It must not be used

- where a gate above has failed; *not conclusive* is not *passed*;
- on {row}s of another source than this one: another tune, shower, order, energy, process or selection;
- on data, or on {row}s of the target;
- beyond the region of validity (`outside`: the weight is 1 there) and the ranges of `inputs.json`;
- for quantities other than the inputs and the spectators of the closure test, unless these were looked at;
- with sums of `weight_up` or `weight_down`, which are of one {row} each;
- with these as the whole error: what all members have in common is not in them;
  without an ensemble there are none, and nothing says how large the error is.
"""

READING = """\
```python
from jetsmith.bundle import Reweighter   # needs numpy, awkward and onnxruntime
reweighter = Reweighter("{name}")
found = {call}
generator_weight * found.weight
```

Events are given by group, features by name; NaN is what is missing.

Or `model.onnx` by any ONNX runtime: of each group one float32 tensor, (N, F), of a sequence (N, T, F) with
any T >= 1 and its `<group>_count` (N,), int32; outputs are of shape (N,). `reference.npz` has {row}s and
what they get; `sha256sum -c SHA256SUMS` compares the files.
"""


def text(
    spec: RecipeSpec,
    groups: Sequence[Group],
    about: Mapping[str, Any],
    trained: Mapping[str, Any],
    datasets: Sequence[str],
    n_events: Mapping[str, int],
    worst: float,
) -> str:
    """The page, in Markdown.

    Args:
        spec: The reweighter.
        groups: Its inputs.
        about: Content of inputs.json.
        trained: Content of the model's meta.json.
        datasets: What the sample consists of.
        n_events: Rows by split.
        worst: Largest relative difference from what stage weights computes.
    """
    source, target = spec.class_names
    row, a_row = ("event", "an event") if spec.object == "event" else ("jet", "a jet")
    closure = about["closure"]
    sections = {
        f"# {spec.name}": f"{_verdict(closure)}\n\nFrom {row}s of `{source}` to `{target}`.",
        "## Closure": _gates(closure["gates"]),
        **({"## Parameters": _parameters(spec, about)} if spec.parameters else {}),
        "## Reading it": READING.format(name=spec.name, row=row, call=_call(about)),
        "## What it is for, and what not": PURPOSE.format(row=row),
        "## Outputs": _outputs(spec, about, MEMBERS in trained),
        "## Training": _card.training(
            spec,
            trained,
            datasets,
            ", ".join(f"{n:,} {row}s in the split `{name}`" for name, n in n_events.items()),
        ),
        "## Inputs": "\n\n".join(_card.inputs(group, a_row, "outside") for group in groups),
        "## Comparison": (
            f"Ratios and weights differ by at most {worst:.1e}, relative, from what the functions of the "
            f"stage `weights` make of the trained models: on {row}s of the test split, on others made up "
            "from them, at edges of bins and of the region of validity, and without an input. No difference "
            "is larger than probabilities explain that are 2e-6 off, as they may be in float32."
        ),
    }
    return "\n\n".join(f"{head}\n\n{body.strip()}" for head, body in sections.items()) + "\n"


def _verdict(closure: Mapping[str, Any]) -> str:
    """In a sentence, with the gates that it is of."""
    status = closure["status"]
    named = [name for name, gate in closure["gates"].items() if gate["status"] == status]
    which = f" Gates: {', '.join(named)}." if status in ("failed", "not conclusive") else ""
    return VERDICTS[status] + which


def _gates(gates: Mapping[str, Mapping[str, str]]) -> str:
    if not gates:
        return "Nothing was tested."
    lines = [
        f"| {name} | {gate['status']} | {gate['why'].replace('|', '&#124;')} |"
        for name, gate in gates.items()
    ]
    return "\n".join(["| gate | status | why |", "|---|---|---|", *lines])


def _outputs(spec: RecipeSpec, about: Mapping[str, Any], has_error: bool) -> str:
    factors, methods = about["sum_factors"], {by["method"] for by in about["calibrations"]}
    lines = [
        f"- `ratio`: density of the target over that of the source, by {', '.join(sorted(methods))}.",
        f"- `weight`: the ratio times {_factor(factors)}; 1 where `outside`. The factors are those of the "
        "sample: of other events they conserve the sum on average, as far as these are alike.",
    ]
    if has_error:
        lines += [
            "- `weight_up`, `weight_down`: the weight one standard deviation of its logarithm up, or down, "
            f"{ERRORS[spec.members]}: how well the weight of one event is known. They must not be summed: "
            "members are too high in one place and too low in another. Errors of histograms come from the "
            f"weights by each member, `weight_member0`, … of `results/weights/{spec.name}/*.parquet`."
        ]
    if spec.parameters:
        lines += ["- Weights are those at the values of the parameters that an event is given."]
    regions = [f"`{name}` in [{low:g}, {high:g})" for name, (low, high) in about["valid"].items()]
    regions += [f"the range of `{name}`" for name in spec.parameters]
    valid = f"beyond {' and '.join(regions)}, " if regions else ""
    lines += [f"- `outside`: {valid}without an input that has no default, or log-odds beyond ±20."]
    lines += [
        "- Regions and bins are of features behind their transform and clip, as `inputs.json` has them."
    ]
    if spec.folds:
        lines += [
            "",
            f"The models of all {spec.folds} folds are in here, and the ratio is the mean of their "
            "calibrated ones, for events that none of them has seen. Most of them have seen the events of "
            "the sample itself, those of `reference.npz` too: for these what counts are the weights out of "
            f"fold, `results/weights/{spec.name}/*.parquet`, and it is these that the gates have judged.",
        ]
    return "\n".join(lines)


def _call(about: Mapping[str, Any]) -> str:
    """How weights are asked for; of parameters at the middle of their ranges."""
    if PARAMETERS not in about:
        return "reweighter(events)"
    ranges = about[PARAMETERS]["range"].items()
    values = ", ".join(f'"{name}": {(low + high) / 2:.4g}' for name, (low, high) in ranges)
    return f"reweighter(events, {{{values}}})  # or an array, a number an event"


def _parameters(spec: RecipeSpec, about: Mapping[str, Any]) -> str:
    """Ranges, values, whether those between were tested, and how well the sum is conserved there."""
    told, factors = about[PARAMETERS], about["sum_factors"]
    lines = ["| parameter | range | trained at | held out |", "|---|---|---|---|"]
    for place, (name, (low, high)) in enumerate(told["range"].items()):
        trained, held_out = (
            ", ".join(f"{value:g}" for value in sorted({point[place] for point in told[key]})) or "none"
            for key in ("trained_at", "held_out")
        )
        lines += [f"| `{name}` | {low:g} to {high:g} | {trained} | {held_out} |"]
    if len(told["range"]) > 1:
        lines += ["", f"Trained at {len(told['trained_at'])} combinations of these values."]
    gate = about["closure"]["gates"].get("interpolation")
    tested = "Nothing has tested what lies between the values that it was trained at."
    if gate is not None:
        tested = (
            f"Gate `interpolation`, of values that were held out: {gate['status']} "
            f"({gate['why'].replace('|', '&#124;')})."
        )
    n_points = prod(map(len, factors["knots"]))
    between = (
        f"What conserves the sum of the source was counted at {n_points} points (`sum_factors` of "
        "`inputs.json`), all values above among them; between these its logarithm is linear in a parameter. "
        f"That leaves the sum off by {factors['off']:.1e}, relative, at the worst of {factors['tried']} "
        "values tried; what lies within a step of trees, a millionth of a range, is not. "
        "Beyond a range nothing is learned: the reader refuses one number for all events there, and an event "
        "with a value of its own is `outside`."
    )
    return "\n".join([*lines, "", tested, "", between])


def _factor(found: Mapping[str, Any]) -> str:
    """What conserved the sum."""
    if found.get("parameters"):
        where = f" in the bins of `{found['feature']}`" if found["feature"] else ""
        return f"what leaves the source its sum{where} at these values, or 1 where nobody asked for that"
    numbers = ", ".join(f"{value:.6g}" for value in found["factors"])
    if found["feature"]:
        edges = ", ".join(f"{edge:g}" for edge in found["edges"])
        return f"what left the source its sum in the bins of `{found['feature']}` ({edges}): {numbers}"
    return f"{numbers}, which left the source its sum of weights, or 1 where nobody asked for that"
