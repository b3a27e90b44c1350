"""Names in the targets of a call: Snakemake says only that no rule makes one, or plans what cannot be."""

import os
import re
from collections.abc import Collection, Iterable, Mapping

from jetsmith.columns import ROWS
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.records import hint
from jetsmith.configuration.subjects import commissioned, contrasts, subjects, traded, tried
from jetsmith.errors import refuse
from jetsmith.specs.run import SplitSpec

_SPLITS = tuple(SplitSpec.model_fields)
_WILDCARD = re.compile(r"\{(\w+)[^}]*\}")
_SAID = {
    "judgement": "tagger",
    "training": "classifier",
    "learned": "learned efficiencies",
    "scanned": "scan of",
    "shown": "feature group",
    "traded": "signal against two backgrounds",
}  # what people look for under that name
_PAGE = "/report/index.html"
_DEFAULT = "results"
_PLOT = re.compile(r"(?<=/plots/)\w+(?=/)")


def check(arguments: Iterable[str], patterns: Iterable[str], run: Configuration) -> None:
    """Compare each argument that looks like a rule's output with the names of the run.

    Args:
        arguments: Of the command line; what is no target looks like no output.
        patterns: Outputs of all rules, with wildcards in braces.
        run: Where the names come from.

    Raises:
        ConfigError: A name is unknown, with those that there are; or a target is below `results` where those
            of the run lie elsewhere.
    """
    outputs = list(dict.fromkeys(_WILDCARD.sub(r"{\1}", pattern) for pattern in patterns))
    plots = {found[0] for pattern in outputs if (found := _PLOT.search(pattern))}
    wider = [pattern for pattern in dict.fromkeys(map(_wider, outputs)) if pattern not in outputs]
    known = [{pattern: _loose(pattern) for pattern in those} for those in (outputs, wider)]
    folders = [pattern.removesuffix(_PAGE) for pattern in outputs if pattern.endswith(_PAGE)]

    def problem(target: str) -> str | None:
        path = target if os.path.isabs(target) else os.path.normpath(target)
        problems: list[str | None] = []
        for those in known:  # the wider ones only of what no rule makes as it stands
            problems = problems or [
                _unknown(found.groupdict(), pattern, plots, run)
                for pattern, loose in those.items()
                if (found := loose.fullmatch(path))
            ]
        if not problems and path.startswith(f"{_DEFAULT}/"):
            there = [folder + path.removeprefix(_DEFAULT) for folder in folders]
            if meant := [
                path for path in there for those in known for one in those.values() if one.fullmatch(path)
            ]:
                return f"{target}: results of this run lie elsewhere (`pathvars`); ask for {meant[0]}"
        return f"{target}: {problems[0]}" if problems and all(problems) else None

    refuse("target", filter(None, map(problem, arguments)))


def check_rules(accepted: Iterable[str], rules: Collection[str]) -> None:
    """Compare stages whose results are to stand (`python -m jetsmith accept`) with the rules that there are.

    Raises:
        ConfigError: There is no such rule.
    """
    refuse("accept", (f"no stage `{name}`{hint(name, rules)}" for name in accepted if name not in rules))


def _wider(pattern: str) -> str:
    """The pattern with wildcards for splits, kinds of plots, and the parts that a Dask driver makes."""
    split = re.sub(rf"(?<=/)({'|'.join(_SPLITS)})(?=/[\w{{}}]+$)", "{split}", pattern)
    split = re.sub(rf"(?<={{split}}/){ROWS}$", "{group}", split)
    return _PLOT.sub("{plot}", split).replace("/features/{dataset}/{part}/{group}", "/skim/{dataset}/{part}")


def _loose(pattern: str) -> re.Pattern[str]:
    """The pattern for any names."""
    texts, names = _WILDCARD.split(pattern)[::2], _WILDCARD.findall(pattern)
    groups = [f"(?P<{name}>[^/.]+)" for name in names]
    return re.compile(
        "".join(re.escape(text) + group for text, group in zip(texts, [*groups, ""], strict=True))
    )


def _unknown(
    names: Mapping[str, str], pattern: str, plots: Collection[str], run: Configuration
) -> str | None:
    """What is wrong with the wildcards of a target; those before one decide what it may be."""
    if pattern.endswith("/comparison") and run.run.compare is None:
        return "the run is compared with no other; give `compare: {against: …}`"
    for kind, name in names.items():
        if kind == "plot":
            choices, whose = plots, "the run"
        elif kind == "dataset" and "/simulated/" in pattern:
            choices, whose = [d for d, spec in run.datasets.items() if spec.simulate], "the simulation"
        elif "/bundles/" in pattern:
            choices, kind = [*run.bundled, *run.bundled_reweighters], "classifier"
            whose = "the list of bundles (trained taggers, in samples without folds, and trained reweighters)"
        elif kind == "tagger" and "confusion" in (names.get("plot"), *pattern.split("/")):
            choices = [name for (name,) in subjects(run, "classified")]
            whose = "the list of taggers with a probability of each class"
        elif kind == "tagger" and "images" in (names.get("plot"), *pattern.split("/")):
            choices = [name for (name,) in subjects(run, "imaged")]
            whose = "the list of taggers whose network makes images"
        elif kind == "tagger" and "/explain/" in pattern:
            choices, whose = run.explained, "the list of taggers that are looked into (not stored scores)"
        elif kind == "tagger" and "/ablation/" in pattern:
            choices, whose = run.ablations, "the list of taggers with `ablate`"
        elif kind == "tagger" and "/loss_scans/" in pattern:
            choices, whose = run.loss_scans, "the list of taggers with `loss_scan`"
        elif kind == "judgement" and "/moves/" in pattern:
            choices, whose = run.moved, "the list of taggers whose inputs are moved (`resilience`)"
        elif kind == "contrast" and "resilience" in (names.get("plot"), *pattern.split("/")):
            choices, whose = tried(run, names["sample"]), f"what is tried of sample `{names['sample']}`"
        elif kind == "judgement" and (".shape." in pattern or "/plots/shapes/" in pattern):
            choices, whose = run.run.shapes, "the list of taggers whose shape is corrected (`shapes`)"
        elif kind == "judgement" and "/scale_factors/" in pattern:
            choices, whose = run.measured, "the list of taggers with measurements (`scale_factors`)"
        elif kind == "reweighter" and ".correction" in pattern:
            choices, whose = run.corrected, "the list of reweighters with bins (`ratio: binned`)"
        elif kind == "reweighter" and "/packed/" in pattern:
            choices, whose = run.parametrised, "the list of reweighters with `parameters`"
        elif kind == "reweighter" and names[kind] in run.run.reweighters and "/weights/" not in pattern:
            choices, whose = run.tested, "the list of tested reweighters (with a dataset of their target)"
        elif kind == "part" and "/simulated/" in pattern:
            simulate = run.datasets[names["dataset"]].simulate
            choices = [f"{part:03d}" for part in range(simulate.parts if simulate else 0)]
            whose = f"the simulation of `{names['dataset']}`"
        elif kind == "group" and "/plots/" in pattern:
            choices = [group for sample, group in subjects(run, "described") if sample == names["sample"]]
            whose = f"sample `{names['sample']}`"
        elif kind == "classifier" and ("/scans/" in pattern or ".scan/" in pattern):
            choices, whose, kind = run.scans, "the run", "scanned"
        else:
            choices, whose = _choices(kind, names, run)
        if name not in choices and kind == "part":
            return f"{whose} has no partition `{name}`; it has {len(choices)}, 000 to {[*choices][-1]}"
        if name not in choices:
            return f"{whose} has no {_SAID.get(kind, kind)} `{name}`{hint(name, choices)}"
    return None


def _choices(kind: str, names: Mapping[str, str], run: Configuration) -> tuple[Collection[str], str]:
    """Values of a wildcard beside those before it, and whose they are."""
    tables: dict[str, Collection[str]] = {
        "dataset": run.datasets,
        "sample": run.run.samples,
        "split": _SPLITS,
        "classifier": run.classifiers,
        "training": run.trainings,
        "tagger": run.run.taggers,
        "judgement": run.judgements,
        "plane": run.run.calibration.planes,
        "commissioning": run.run.commissioning,
        "measurement": run.run.scale_factors,
        "learned": run.run.learned_efficiencies,
        "reweighter": run.run.reweighters,
        "fold": [str(fold) for fold in range(run.run.stack_folds)],
    }
    match kind:
        case "part":
            return run.parts(names["dataset"]), f"dataset `{names['dataset']}`"
        case "dataset" if "reweighter" in names:
            sample = run.run.reweighters[names["reweighter"]]
            return run.run.samples[sample].datasets, f"sample `{sample}` of `{names['reweighter']}`"
        case "group":
            obj = (
                run.datasets[names["dataset"]].object
                if "dataset" in names
                else run.object_of(names["sample"])
            )
            return [*(name for name, g in run.groups.items() if g.object == obj), ROWS], f"object `{obj}`"
        case "sample" if names.get("classifier") in run.classifiers:
            return run.scored_on(names["classifier"]), f"classifier `{names['classifier']}`"
        case "rung" | "rank" if names.get("classifier") in run.scans:
            trained = run.scans[names["classifier"]].trained
            later = {str(rung): n for rung, n in enumerate(trained) if rung}
            found = later if kind == "rung" else [str(rank) for rank in range(later[names["rung"]])]
            return found, f"the scan of `{names['classifier']}`"
        case "column":
            of = subjects(run, "loss_scanned")
            found = [column for sample, column in of if sample == names["sample"]]
            return found, f"what taggers with `loss_scan` leave alone in sample `{names['sample']}`"
        case "estimate":
            of = subjects(run, "estimated")
            found = [output for classifier, output in of if classifier == names["classifier"]]
            return found, f"what classifier `{names['classifier']}` regresses"
        case "shown":
            return commissioned(run, names["commissioning"]), f"`commissioning.{names['commissioning']}`"
        case "traded":
            return traded(run, names["sample"]), f"sample `{names['sample']}`"
        case "contrast":
            return contrasts(run, names["sample"]), f"sample `{names['sample']}`"
    return tables[kind], "the run"
