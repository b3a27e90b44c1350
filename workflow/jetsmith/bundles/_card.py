"""The model card of a bundle: on what and how it was trained, what it can do, and what it is not for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from jetsmith import estimates, io, members
from jetsmith.bundle_inputs import Group
from jetsmith.specs.classifiers import Members, RecipeSpec, TrainingSpec

TURNED = (
    " Left out of that are {n:,} jets where two constituents are equally near to a third, or one is on the "
    "border of two pixels, so that rounding decides which of two answers they get: each has one of both."
)
PURPOSE = """\
Give it the inputs that `inputs.json` names, of jets as those of its training, and it gives the probability
of each class among these classes, and the discriminants that it was judged by. It must not be used

- on jets outside the ranges of `inputs.json`, of another collider, detector, reconstruction or jet algorithm;
- as a probability in data: classes were levelled in training, and nothing knows the composition of a sample;
- in data without scale factors: all figures are of simulation, and none has been measured;
- with these efficiencies at other thresholds, or with intervals that are statistical alone;
- where a discriminant or an input is among what an analysis measures, unless that was looked at.
"""

READING = """\
```python
from jetsmith.bundle import Bundle   # needs numpy, awkward and onnxruntime
scores = Bundle("{name}")(jets)      # jets: by group, features by name; NaN is what is missing
```

Or `model.onnx` by any ONNX runtime: of each group one float32 tensor, (N, F), of a sequence (N, T, F) with
any T >= 1 and its `<group>_count` (N,), int32. What lies behind a jet's count is not read. `reference.npz`
has jets and what they get; `sha256sum -c SHA256SUMS` compares the files.
"""

LEARN: dict[Members, str] = {
    "halves": ", of the first member (it learns from one half of the events, the second from the other, "
    "and so on by pairs)",
    "bootstrap": ", of the first member (each learns from a replica of the events, in which an event counts "
    "Poisson(1) times)",
    "seeds": ", of each member (all learn from the same events)",
}
"""Of whom counts are, by what members learn from."""


def text(
    spec: RecipeSpec,
    groups: Sequence[Group],
    trained: Mapping[str, Any],
    numbers: Sequence[Mapping[str, Any]],
    datasets: Sequence[str],
    n_jets: Mapping[str, int],
    worst: float,
    n_turned: int,
) -> str:
    """The page, in Markdown.

    Args:
        spec: The tagger.
        groups: Its inputs.
        trained: Content of the model's meta.json.
        numbers: What calibrate found, one a discriminant.
        datasets: What the sample consists of.
        n_jets: Jets of the splits `train` and `test`.
        worst: Largest difference from the trained model.
        n_turned: Jets beside, whose nearest neighbours or pixels rounding decides on.
    """
    sections = {
        f"# {spec.name}": f"A tagger of {spec.object} jets: {', '.join(spec.class_names)}."
        + _estimates(spec),
        "## Reading it": READING.format(name=spec.name),
        "## What it is for, and what not": PURPOSE,
        "## Figures": "\n\n".join(map(figures, numbers)) or "None: it was not judged.",
        "## Training": training(
            spec,
            trained,
            datasets,
            f"{n_jets['train']:,} jets in the split `train`, {n_jets['test']:,} in `test`",
        ),
        "## Inputs": "\n\n".join(map(inputs, groups)),
        "## Comparison": (
            f"Probabilities differ from those of the trained model by at most {worst:.1e}, on jets of the "
            "test split, on others made up from them with missing values, and on jets without constituents, "
            "with one, with as many as are read and with more."
            + (TURNED.format(n=n_turned) if n_turned else "")
        ),
    }
    return "\n\n".join(f"{head}\n\n{body.strip()}" for head, body in sections.items()) + "\n"


def _estimates(spec: RecipeSpec) -> str:
    """What it gives beside the classes, in what; nothing of most taggers."""
    said = []
    for output, options in estimates.estimated(spec).items():
        what = f"{options.column} / {options.over}" if options.over else options.column
        rows = f", learned from {', '.join(options.classes)}" if options.classes else ""
        said.append(f"It also estimates {what} (`{estimates.column(output)}`){rows}")
        if options.quantiles:
            low, high = options.quantiles
            said[-1] += (
                f", and as its resolution (`{estimates.resolution(output)}`) half the distance of the "
                f"quantiles {low:g} and {high:g}"
            )
    return "".join(f" {sentence}." for sentence in said)


def training(spec: RecipeSpec, trained: Mapping[str, Any], datasets: Sequence[str], n_rows: str) -> str:
    """On what, by what and from what a model was trained.

    Args:
        spec: The classifier.
        trained: Content of the model's meta.json.
        datasets: What the sample consists of.
        n_rows: How many rows it has, in words.
    """
    made = trained["provenance"]
    lines = [
        f"- Sample `{spec.sample}`, of {', '.join(f'`{name}`' for name in datasets)}: {n_rows}.",
        *_counts(trained["rows"], trained.get("effective", {}), _whose(spec, trained)),
        f"- Backend {spec.backend}{f', architecture `{spec.model}`' if spec.model else ''}; its settings "
        "stand below.",
        f"- {_seeds(trained)}, on {trained['device']['engine']} ({trained['device']['kind']}).",
        f"- Made from commit {made['commit']} with Python {made['python']}, "
        + ", ".join(f"{name} {version}" for name, version in made["versions"].items())
        + ".",
    ]
    return "\n".join([*lines, "", f"```yaml\n{_settings(spec)}```"])


def as_trained(spec: RecipeSpec, model: Path) -> RecipeSpec:
    """The classifier with the settings of its model: of a scan those of the chosen point."""
    found = io.read_json(model / "spec.json", name=spec.name)
    training = TrainingSpec.model_validate(found["training"])
    return spec.model_copy(update={"architecture": found["architecture"], "training": training})


def _settings(spec: RecipeSpec) -> str:
    """As in the file of the classifier."""
    held: dict[str, Any] = {
        "architecture": spec.architecture,
        "training": spec.training.model_dump(mode="json"),
    }
    if spec.side:
        held["side"] = {inputs.group: list(inputs.features) for inputs in spec.side}
    if spec.losses:
        held["losses"] = {name: loss.model_dump(mode="json") for name, loss in spec.losses.items()}
    return yaml.safe_dump(held, sort_keys=False, default_flow_style=None, width=110)


def _seeds(trained: Mapping[str, Any]) -> str:
    if members.MEMBERS in trained:
        seeds = ", ".join(map(str, trained["seeds"]))
        return f"The mean of {trained[members.MEMBERS]} trainings, of seeds {seeds}"
    return f"Seed {trained['seed']}"


def _whose(spec: RecipeSpec, trained: Mapping[str, Any]) -> str:
    """Of which members of an ensemble counts are: those of a reweighter may learn from other events each."""
    if members.MEMBERS not in trained:
        return ""
    return LEARN[spec.members if spec.role == "reweighter" else "seeds"]


Counts = Mapping[str, Mapping[str, Mapping[str, int]]]


def _counts(rows: Counts, effective: Counts, whose: str) -> list[str]:
    def listed(counts: Mapping[str, int]) -> str:
        return ", ".join(f"{n:,} {name}" for name, n in counts.items())

    return [
        f"- Of {role}{'' if model == 'model' else f' of {model}'}{whose}: "
        + listed(counts)
        + (f"; with their weights as many as {listed(effective[model][role])}" if model in effective else "")
        + "."
        for model, roles in rows.items()
        for role, counts in roles.items()
    ]


def figures(numbers: Mapping[str, Any]) -> str:
    """A table of the working points of a discriminant."""
    points, level = numbers["working_points"], numbers["level"]
    head = (
        f"{numbers['discriminant']}, efficiencies of the test split in simulation ({level:.1%}, statistical):"
    )
    undefined = "".join(f"\n\n{name}: {reason}." for name, reason in numbers["undefined"].items())
    if not points:
        return f"{head} none, for lack of jets or of a threshold.{undefined}"
    names = list(next(iter(points.values()))["efficiencies"])
    lines = [
        f"| working point | threshold | {' | '.join(names)} |",
        "|---" * (len(names) + 2) + "|",
        *(
            f"| {point}{_mark(found['doubt'])} | {found['threshold']:.6g} | "
            + " | ".join(_interval(found["efficiencies"][name]) for name in names)
            + " |"
            for point, found in points.items()
        ),
    ]
    return f"{head}\n\n" + "\n".join(lines) + undefined


def _mark(doubt: str) -> str:
    """What a reader of the table has to know of a threshold: few jets fix it, or pass it together."""
    return f" ({doubt})" if doubt else ""


def _interval(found: Mapping[str, float | None]) -> str:
    value, low, high = (found[key] for key in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return "-"
    return f"{value:.4g} ({low:.4g} to {high:.4g})"


def inputs(group: Group, row: str = "a jet", missing: str = "refused") -> str:
    """A table of the features of a group: what a row is, and what becomes of one without an input."""
    what = f"one number {row}"
    if group.kind == "sequence":
        order = f"in falling `{group.sorted_by}`, what is missing last" if group.sorted_by else "as stored"
        what = f"a list {row}, {order}; the first {group.length} are read"
    lines = [
        f"`{group.group}`: {what}.",
        "",
        "| input | is | unit | range | if missing |",
        "|---|---|---|---|---|",
        *(
            f"| {f.name} | `{f.source}`{'' if f.slot is None else f', element {f.slot}'}"
            f"{f': {f.meaning}' if f.meaning else ''} | {f.unit} | "
            f"{' to '.join('any' if end is None else f'{end:.4g}' for end in f.range)} | "
            f"{missing if f.default is None else f'{f.default:g}'} |"
            for f in group.features
        ),
    ]
    return "\n".join(lines)
