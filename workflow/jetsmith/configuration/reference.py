"""The reference of the configuration, made from the records themselves: docs/config.md.

Run `python -m jetsmith.configuration.reference > docs/config.md` after a change of a record.
"""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from jetsmith import plugs
from jetsmith.specs import (
    classifiers,
    commissioning,
    datasets,
    explain,
    features,
    learned,
    measurements,
    parameters,
    plots,
    ratios,
    resilience,
    run,
    scans,
    shapes,
    skimming,
)

SCAN = """Trainings with other settings, a job each: the tagger becomes the one with the smallest loss on the
split `validation`, and goes on as if its file had those settings; its figures are those of the split `test`.

```yaml
scan:
  method: random
  points: 20
  over:
    architecture.max_depth: {low: 2, high: 8}
    architecture.grow_policy: [depthwise, lossguide]
    training.learning_rate: {low: 0.02, high: 0.5, log: true}
```

`results/scans/<tagger>.json` has the table of all points, which a plot and the report show. The model of a
point lies below `results/models/<tagger>.scan/` by a digest of its settings: more points, or more values in
the lists of a grid, train the new ones alone. A tagger with a scan is on a sample without `folds`, and no
other reads its scores.

`method: halving` with `points: 27` trains 27 points with a ninth of `training.epochs`, the best nine again
with a third, and the best three with all (`rungs: 3`, `factor: 3`), one of which becomes the tagger. Each
time from the start: a learning rate that falls over all epochs has not fallen where a training is cut short.
Jobs of later rungs are of the rules `retrain` and `retrain_network`; a dry run shows them all."""

PARAMETERS = """Of a reweighter: one model for many variations of the target (docs/reweighting.md).

```yaml
parameters:
  names: [shower_scale]
  at: [{shower_scale: 0.25}, {shower_scale: 0.6}]
  held_out: [{shower_scale: 0.75}]
```"""

CLOSURE = """The reweighters' test, on events that neither training nor calibration has seen. Six gates, or
seven, each passed, failed or not conclusive, which is not passed: the events cannot tell. The worst is the
result. A sum that nobody asked for is not judged.

- separation: fresh boosted trees learn one half of the events and are judged on the other. Passed where the
  whole interval (68.3%) lies within 1/2 ± `tolerance`, half its width is a third of that or less, and the
  trees do tell source and target apart without the weights. Failed where right weights would hardly ever lie
  (three standard deviations) and the interval is not within, or significantly below 1/2.
- support: effective events after weighting, the largest share of one event in the sum, the share of the
  target at ratios above which the source has fewer than ten effective events, events outside the region of
  validity.
- calibration: fractions of the target in ten bins of the ratio against what it says. Failed where their
  chi-square is three standard deviations off and they differ by more than `tolerance` on average (rms);
  passed where they differ by less, and are known to less.
- spectra: every input and spectator. Failed where one is above `max_chi2`, or significantly worse than
  before, and not by chance (1 in 100 for all of them together).
- swapped: the target weighted by the inverse ratio against the source, as separation.
- sum: weights leave the sum of generator weights what it is: to 1e-6 over all events of the source, in each
  bin of `ratio: conserve_in`, of `weight` and of weights at other values; within three errors on those held
  out. Where `ratio: conserve` is false it is shown and not judged.
- interpolation, of reweighters with `held_out` values of their parameters: the source weighted at these
  against the datasets, by separation and spectra; the worst value counts.
- refined, with `ratio: {refine: true}`: refined weights of a generator against its signed ones, of the same
  events, by a fresh classifier of inputs (as separation) and each spectrum, spectators too (as spectra); sums
  of all events to 1e-6, of each dataset and of the source to the target. It is of these weights alone: the
  result of the reweighter, its bundle and its correction leave it out.

A gate that failed stops the run at its end (rule `verdict`), when the report that shows it is there."""

CALIBRATION = """Working points come from the split `calibration`, which no training has seen, efficiencies
from `test`. Thresholds are scores of jets, not interpolated between two: with 100 jets above one that is a
hundredth of the background's efficiency at most, its statistical error a tenth. By convention L, M, T, XT and
XXT let 10%, 1%, 0.1%, 0.05% and 0.01% of light jets pass."""

EXPLAIN = """Which inputs a tagger lives by, on jets that no training has seen: what exchanging them
costs, and how its discriminant is shared among them ([interpretability.md](interpretability.md)). A figure of
each tagger that is trained."""

MEASUREMENTS = """One entry a measurement of a tagger's efficiency in data, by a fit in each bin of pt
([scale_factors.md](scale_factors.md)): scale factors as correctionlib files, in the form of CMS' BTV group.
All fits of a tagger are combined. Needs the extra `measure`."""

COMMISSIONING = """One entry a pair of data and simulation ([commissioning.md](commissioning.md)): figures of
discriminants and inputs of taggers, simulation by class, with ratios below."""

LEARNED = """One entry a network, an average of several ([learned_efficiencies.md](learned_efficiencies.md)):
efficiencies of a tagger's working points by any features, as an ONNX file, with a closure test beside that of
the binned ones."""

SHAPES = """One entry a judgement ([shapes.md](shapes.md)): weights that give the discriminant of simulated
jets the shape of data, from a region of b jets and one of light jets, as a correctionlib file in the form of
CMS' BTV group."""

RESILIENCE = """One entry a sample ([resilience.md](resilience.md)): performance against resilience, a table
and a figure of each signal and background."""

COMPARE = """What differs from a finished run, and whether the numbers do: `results/comparison/`
([compare.md](compare.md)). What the gate finds to be worse stops the run at its end (rule `verdict`), when
the report that shows it is there; what it cannot tell is a warning there."""

FILES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("config/config.yaml", "The run.", run.RunSpec),
    ("config/config.yaml: samples", "One entry a sample.", run.SampleSpec),
    ("config/config.yaml: splits", "Fractions of the events.", run.SplitSpec),
    ("config/config.yaml: selection", "One entry an object (`ak4`, `ak8`, `event`).", datasets.SelectionSpec),
    ("config/config.yaml: partition", "Size of the skim's jobs.", skimming.PartitionSpec),
    ("config/config.yaml: skim", "Reading.", skimming.SkimSpec),
    ("config/config.yaml: skim: dask", "The cluster of the backend `dask`.", skimming.DaskSpec),
    ("config/config.yaml: xrootd", "Files at root:// addresses.", skimming.XRootDSpec),
    (
        "config/config.yaml: track_resolution",
        "How significances of tracks from the primary vertex scatter, by category; JP and JBP weigh tracks "
        "by it (`results/calibration/track_resolution.json`, correctionlib). One of the two keys.",
        run.TrackResolutionSpec,
    ),
    ("config/config.yaml: calibration", CALIBRATION, run.CalibrationSpec),
    (
        "config/config.yaml: calibration: planes",
        "One entry a plane: two discriminants with a cut on each, such as those of c against light and b.",
        run.PlaneSpec,
    ),
    ("config/config.yaml: resilience", RESILIENCE, resilience.ResilienceSpec),
    (
        "config/config.yaml: resilience: features",
        "By a name of your own and `group.feature`: what becomes of an input.",
        resilience.FeatureShiftSpec,
    ),
    ("config/config.yaml: learned_efficiencies", LEARNED, learned.LearnedSpec),
    ("config/config.yaml: scale_factors", MEASUREMENTS, measurements.MeasurementSpec),
    (
        "config/config.yaml: scale_factors: variable",
        "What tells the jets apart, in place of a count.",
        measurements.VariableSpec,
    ),
    (
        "config/config.yaml: scale_factors: uncertainties",
        "What is not known of the simulation.",
        measurements.UncertaintiesSpec,
    ),
    ("config/config.yaml: commissioning", COMMISSIONING, commissioning.CommissioningSpec),
    ("config/config.yaml: compare", COMPARE, run.CompareSpec),
    ("config/config.yaml: shapes", SHAPES, shapes.ShapeSpec),
    ("config/config.yaml: shapes: heavy, light", "A region.", shapes.RegionSpec),
    (
        "config/config.yaml: shapes: uncertainties",
        "What is not known of the simulation.",
        shapes.ShapeUncertainties,
    ),
    ("config/config.yaml: closure", CLOSURE, run.ClosureSpec),
    ("config/config.yaml: explain", EXPLAIN, explain.ExplainSpec),
    ("config/config.yaml: plots", "Style.", plots.PlotSpec),
    ("config/datasets.yaml", "One entry a dataset.", datasets.DatasetSpec),
    ("config/datasets.yaml: leptons", "Isolated leptons that select events.", datasets.LeptonsSpec),
    ("config/datasets.yaml: simulate", "A dataset of the embedded demo.", datasets.SimulateSpec),
    ("config/flavours.yaml", "One entry a class; its key is the name.", classifiers.ClassSpec),
    ("config/features/*.yaml", "One file a feature group; its name is the group's.", features.FeatureGroup),
    ("config/features/*.yaml: features", "One entry a feature.", features.FeatureSpec),
    (
        "config/taggers/*.yaml, config/reweighters/*.yaml",
        "One file a classifier.",
        classifiers.ClassifierFile,
    ),
    ("… training", "How it is trained.", classifiers.TrainingSpec),
    ("… training: schedule", "The learning rate of networks.", classifiers.ScheduleSpec),
    ("… scan", SCAN, scans.ScanSpec),
    ("… scan: over", "In place of a list of values, with `method: random` or `halving`.", scans.RangeSpec),
    ("… loss_scan", "Other weights of one of `losses`: docs/decorrelation.md.", scans.LossScanSpec),
    ("… losses", "One entry an output of the network; its key is the output's name.", classifiers.LossSpec),
    ("… parameters", PARAMETERS, parameters.ParametersSpec),
    ("… ratio", "Of a reweighter: from log-odds to weights.", ratios.RatioEntry),
    ("… discriminants", "One entry a discriminant; its key is the name.", classifiers.DiscriminantEntry),
    ("… evaluation", "Truth in ROC curves and working points.", classifiers.EvaluationSpec),
)


def markdown() -> str:
    """The reference as Markdown: a table a record."""
    lines = [
        "# Configuration reference",
        "",
        "Made by `python -m jetsmith.configuration.reference > docs/config.md`; do not edit.",
        "Unknown keys are errors, and all mistakes come up at `snakemake -n`.",
    ]
    for title, text, record in (*FILES, *plugged()):
        lines += _table(title, text, record)
    return "\n".join(lines) + "\n"


def plugged() -> list[tuple[str, str, type[BaseModel]]]:
    """The records of the plugs: title, text and record of each."""
    backends = {name: plugs.find("classifiers", name, "", "") for name in plugs.names("classifiers")}
    models = {name: plugs.find("models", name, "", "") for name in plugs.names("models")}
    losses = {name: plugs.find("losses", name, "", "") for name in plugs.names("losses")}
    own = {name: plug for name, plug in backends.items() if not plug.MODELS}
    return [
        (
            f"… {record} ({key}: {name})",
            f"{_first_line(plug.__doc__)} {plug.Options.__doc__}",
            plug.Options,
        )
        for record, key, found in (
            ("architecture", "backend", own),
            ("architecture", "model", models),
            ("options", "loss", losses),
        )
        for name, plug in found.items()
    ]


def _first_line(docstring: str | None) -> str:
    return (docstring or "").partition("\n")[0]


def _table(title: str, text: str, record: type[BaseModel]) -> list[str]:
    if not record.model_fields:
        return ["", f"## {title}", "", text]
    head = ["", f"## {title}", "", text, "", "| key | type | default | meaning |", "|---|---|---|---|"]
    return head + [_row(name, field) for name, field in record.model_fields.items()]


def _row(name: str, field: Any) -> str:
    required = field.default is PydanticUndefined
    default = "required" if required else f"`{_short(field.default)}`"
    return f"| `{name}` | {_type(field.annotation)} | {default} | {field.description or 'See below.'} |"


def _short(default: Any) -> str:
    return "its defaults" if isinstance(default, BaseModel) else str(default if default != "" else '""')


def _type(annotation: Any) -> str:
    return f"`{_named(annotation)}`"


def _named(annotation: Any) -> str:
    """A type in words: `list of float`, `mapping of str to int`, `int or none`, the choices of a Literal."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _named(inner[0])
    if origin is Literal:
        return " or ".join(f"{choice}" for choice in inner)
    if origin in (Union, UnionType):
        return " or ".join(map(_named, inner))
    if origin is dict:
        return f"mapping of {_named(inner[0])} to {_named(inner[1])}"
    if origin is tuple:
        if inner[1:] == (...,):
            return f"list of {_named(inner[0])}"
        return f"[{', '.join(map(_named, inner))}]"
    return "none" if annotation is NoneType else str(annotation.__name__)


if __name__ == "__main__":
    print(markdown(), end="")
