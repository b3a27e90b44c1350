"""What a figure gets of the configuration: whom it shows, the style, and what its plot asks for."""

from collections.abc import Callable
from typing import Any

from jetsmith import plugs
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.described import compared, described, shown_features
from jetsmith.configuration.seen import unseen
from jetsmith.configuration.subjects import DISCRIMINANTS, contrasts, traded, tried, with_loss_scan
from jetsmith.estimates import estimated
from jetsmith.plots import PLOTS
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.shown import ClassifiedSpec, EstimateSpec, TrainedSpec
from jetsmith.strict import seen_as

PLOTTED: dict[str, Callable[[Configuration, ClassifierSpec], Any]] = {
    "seed": lambda run, spec: run.run.seed,
    "working_points": lambda run, spec: run.run.working_points,
    "pt_bins_gev": lambda run, spec: list(run.run.selection[spec.object].pt_bins_gev),
    "datasets": lambda run, spec: run.generators(spec.sample),
    "labels": lambda run, spec: run.labels(spec.name),
    "shifts": lambda run, spec: dict(run.run.resilience[spec.sample].shifts),
}
"""What a plot may ask for in its line of `plots.PLOTS`, beside whom it shows and the style."""


def plotted(run: Configuration, name: str, *subject: str) -> dict[str, Any]:
    """What one figure of a plot gets: whom it shows, with labels and colours, style, and what it asks for.

    Args:
        run: The configuration.
        name: Of the plot.
        subject: Sample and contrast, or sample and feature group; or the judgement, the reweighter, the
            classifier.
    """
    about = PLOTS[name]
    style = {"style": run.run.plots.model_dump()}
    if about.of in ("described", "compared"):
        return (described if about.of == "described" else compared)(run, *subject) | style
    if about.of == "loss_scanned":
        shown = with_loss_scan(run, *subject)
        return {"specs": [seen_as(ClassifierSpec, spec) for spec in shown]} | style
    if about.of == "plane":
        pair = run.run.calibration.planes[subject[0]].judgements
        shown = [run.judgements[name] for name in pair]
        return {"specs": [seen_as(ClassifierSpec, spec) for spec in shown], "plane": subject[0]} | style
    if about.of == "measurement":
        one = run.judgements[run.run.scale_factors[subject[0]].judgement]
        return {"spec": seen_as(ClassifierSpec, one), "measurement": subject[0]} | style
    if about.of == "commissioned":
        return _commissioned(run, *subject) | style
    if about.of == "learned":
        learned = run.run.learned_efficiencies[subject[0]]
        one = run.judgements[learned.judgement]
        labels = {
            f"{group}.{name}": run.groups[group].features[name].label
            for group, names in learned.closes_in.items()
            for name in names
        }
        return {"spec": seen_as(ClassifierSpec, one), "learned": subject[0], "labels": labels} | style
    if about.of == "traded":
        shown = traded(run, subject[0])[subject[1]]
        return {"specs": [seen_as(ClassifierSpec, spec) for spec in shown], "sample": subject[0]} | style
    if about.of in ("classified", "imaged"):
        tagger = _classified(run.classifiers[subject[0]])
        return {"tagger": tagger.model_dump(mode="json")} | style
    if about.of == "estimated":
        shown = [run.classifiers[subject[0]]]
        who: dict[str, Any] = {"estimate": _estimate(run, shown[0], subject[1]).model_dump(mode="json")}
    elif about.of in ("trained", "scanned", "headed", "explained", "ablated"):
        shown = [run.classifiers[subject[0]]]
        who = {"trained": shown[0].model_dump(include=set(TrainedSpec.model_fields))}
    elif about.of in ("contrast", "tried"):
        sample, contrast = subject
        of = contrasts if about.of == "contrast" else tried
        _, background, shown = of(run, sample)[contrast]
        who = {"specs": [seen_as(ClassifierSpec, spec) for spec in shown]}
        who |= {"sample": sample, "background": background}
    else:
        known = run.classifiers if about.of in ("reweighter", "tested", "interpolated") else run.judgements
        shown = [known[subject[0]]]
        who = {"spec": seen_as(ClassifierSpec, shown[0])}
    return who | style | {key: PLOTTED[key](run, shown[0]) for key in about.gets}


def _commissioned(run: Configuration, name: str, shown: str) -> dict[str, Any]:
    """Samples of data and of simulation, and what is shown of them: discriminants, or features of a group."""
    found = run.run.commissioning[name]
    specs = [run.judgements[judgement] for judgement in found.judgements]
    samples = (found.data, *found.simulation)
    first = specs[0]
    classes = [one for one in (first.signal_class, *first.background_classes) if one is not None]
    common = {
        "commissioning": name,
        "shown": shown,
        "samples": list(samples),
        "is_pseudo": not run.has_collisions(found.data),
        "to_data": found.scale == "data",
        "classes": [one.model_dump(mode="json", exclude={"flavor"}) for one in classes],
    }
    if shown != DISCRIMINANTS:
        features = shown_features(run, shown, specs)
        return common | {
            "features": {n: {k: f[k] for k in ("label", "default")} for n, f in features.items()}
        }
    splits = {spec.name: {one: list(unseen(run, spec.name, one)) for one in samples} for spec in specs}
    return common | {"specs": [seen_as(ClassifierSpec, spec) for spec in specs], "splits": splits}


def _classified(spec: ClassifierSpec) -> ClassifiedSpec:
    """A tagger with its classes."""
    is_levelled = "class" in spec.training.balance
    return ClassifiedSpec(
        **spec.model_dump(include={*TrainedSpec.model_fields, "sample"}),
        classes=spec.classes,
        trained=("levelled" if is_levelled else "natural") if plugs.trains(spec.backend) else "",
    )


def _estimate(run: Configuration, spec: ClassifierSpec, output: str) -> EstimateSpec:
    """What is estimated, by its loss; with the label of the column and the classes that are learned from."""
    options = estimated(spec)[output]
    (group,) = (inputs.group for inputs in spec.side if options.column in inputs.features)
    return EstimateSpec(
        **spec.model_dump(include=set(TrainedSpec.model_fields)),
        sample=spec.sample,
        output=output,
        column=options.column,
        over=options.over,
        quantiles=options.quantiles,
        label=run.groups[group].features[options.column].label if group in run.groups else options.column,
        classes=tuple(c for c in spec.classes if not options.classes or c.name in options.classes),
    )
