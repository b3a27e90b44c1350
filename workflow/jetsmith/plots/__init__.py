"""One module a plot: `compute` gives the numbers, `draw` a figure of them alone, `plot_<name>` saves both.

`PLOTS` has a line for each, which is all that the plan of a run needs to know of it: importing this package
loads no module of it. The numbers say themselves what stands beside the figure (`style.Numbers`).
"""

import importlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Of = Literal[
    "contrast",
    "traded",
    "tried",
    "judgement",
    "classified",
    "plane",
    "measured",
    "measurement",
    "commissioned",
    "learned",
    "shaped",
    "reweighter",
    "tested",
    "interpolated",
    "trained",
    "scanned",
    "ensemble",
    "decorrelated",
    "headed",
    "imaged",
    "estimated",
    "explained",
    "ablated",
    "loss_scanned",
    "described",
    "compared",
]


class About(NamedTuple):
    """What the plan needs to know of a plot.

    Attributes:
        of: What there is a figure of: a signal against a background in a sample, a signal against two of
            which discriminants have fractions, a signal against a background of a sample whose taggers are
            tried where something is other, a discriminant of a tagger, a tagger with a probability of each
            class, two discriminants with a cut on each, one that is measured in data, a measurement of it,
            discriminants or features of data with simulation, efficiencies that a network learns, one whose
            shape is corrected, the weights of a reweighter, its closure test alone, that of one with values
            of parameters that were held out, a classifier that trains, one that is scanned, a number that a
            network estimates, a discriminant of an ensemble, or of a tagger that is to leave a column
            alone, a network with auxiliary heads, a tagger whose network makes images, one that is looked
            into, one that is also trained without some inputs, the taggers of a sample with other weights of
            a loss that are to leave a column alone, the features of a group that classifiers read in a
            sample, or where there is something to compare these with.
        gets: What it gets of the configuration beside that, its labels and colours (`stages.plot`).
        has_histograms: Whether it also writes what it has counted in bins, as a file of `uhi`.
    """

    of: Of
    gets: tuple[str, ...] = ()
    has_histograms: bool = False


PLOTS = {  # in the order of the report
    "roc": About("contrast", ("seed", "working_points", "pt_bins_gev")),
    "fractions": About("traded"),
    "resilience": About("tried", ("seed", "shifts")),
    "discriminant": About("judgement", has_histograms=True),
    "confusion": About("classified", has_histograms=True),
    "plane": About("plane", has_histograms=True),
    "scale_factors": About("measured"),
    "fits": About("measurement"),
    "shapes": About("shaped"),
    "commissioning": About("commissioned", has_histograms=True),
    "efficiency": About("judgement", ("pt_bins_gev",)),
    "learned": About("learned"),
    "dependence": About("judgement", ("pt_bins_gev",)),
    "sculpting": About("decorrelated", ("seed",), has_histograms=True),
    "response": About("estimated", ("seed",)),
    "importance": About("explained"),
    "ablation": About("ablated"),
    "loss_scan": About("loss_scanned"),
    "reweighting": About("reweighter", ("datasets", "labels"), has_histograms=True),
    "closure": About("tested"),
    "systematic": About("tested", ("labels",), has_histograms=True),
    "parameters": About("interpolated", ("labels",), has_histograms=True),
    "training": About("trained"),
    "scan": About("scanned"),
    "members": About("ensemble", ("seed",)),
    "heads": About("headed"),
    "images": About("imaged"),
    "features": About("described", has_histograms=True),
    "shifts": About("compared"),
}


def plot(name: str, files: Mapping[str, Any], given: Mapping[str, Any], output: str) -> None:
    """Stage plot: write `output`.pdf, .png and .json, of some also .hist.json.

    Args:
        name: Of the plot.
        files: What it reads: `scores` and `numbers` of calibrate, `closure` and `weights`, `model`, `table`,
            `packed` rows and features.
        given: What it gets of the configuration, as `stages.plot` gives it.
        output: Path without suffix.
    """
    from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
    from jetsmith.specs.plots import PlotSpec
    from jetsmith.specs.shown import ClassifiedSpec, EstimateSpec, TrainedSpec

    records: dict[str, Any] = {"style": PlotSpec(**given["style"])}
    if "spec" in given:
        records["spec"] = ClassifierSpec(**given["spec"])
    if "tagger" in given:
        records["tagger"] = ClassifiedSpec(**given["tagger"])
    if "trained" in given:
        records["trained"] = TrainedSpec(**given["trained"])
    if "estimate" in given:
        records["estimate"] = EstimateSpec(**given["estimate"])
    if "specs" in given:
        records["specs"] = [ClassifierSpec(**spec) for spec in given["specs"]]
    if "classes" in given:
        records["classes"] = [ClassSpec(**entry) for entry in given["classes"]]
    module = importlib.import_module(f"jetsmith.plots.{name}")
    getattr(module, f"plot_{name}")(**files, **{**given, **records}, output=output)
