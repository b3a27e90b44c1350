"""Samples of a run: what their datasets are, what fits together, how they are divided and weighted."""

from collections.abc import Iterator, Mapping

from jetsmith.errors import refuse
from jetsmith.specs.datasets import DatasetSpec
from jetsmith.specs.run import RunSpec, SampleSpec

# Of a sample that does not say: each event has its weight of a model that has not seen it.
REWEIGHTING_FOLDS = 5


def with_folds(run: RunSpec) -> RunSpec:
    """The run with `folds` of each sample: by default those of reweighters are cross-validated."""
    own = set(run.reweighters.values())
    samples = {
        name: sample.model_copy(update={"folds": REWEIGHTING_FOLDS if name in own else 0})
        if sample.folds is None
        else sample
        for name, sample in run.samples.items()
    }
    return run.model_copy(update={"samples": samples})


def check_samples(run: RunSpec, datasets: Mapping[str, DatasetSpec], source: str) -> None:
    """Datasets of a sample fit together, and there are cuts for their rows."""
    for name, sample in run.samples.items():
        used = {d: datasets[d] for d in sample.datasets}
        for dataset, spec in used.items():
            if spec.object not in run.selection and spec.object != "event":
                refuse(source, [f"selection.{spec.object} is missing, and dataset `{dataset}` needs it"])
        refuse(source, (f"samples.{name}{problem}" for problem in _sample(sample, used)))
    for reweighter, name in run.reweighters.items():
        if run.samples[name].normalise == "flat":
            problem = f"is of taggers; {reweighter} learns the ratio of two densities, weights and all"
            refuse(source, [f"samples.{name}.normalise: flat {problem}: `normalise: unit`"])
        simulated = [dataset for dataset in run.samples[name].datasets if not datasets[dataset].is_data]
        if 1 < len(simulated) < len(run.samples[name].datasets):
            problem = f"how much there is of each of {', '.join(simulated)} beside data is not known, and "
            problem += f"{reweighter} would learn the ratio of a mixture that is none; leave one of them"
            refuse(source, [f"samples.{name}.datasets: {problem}"])
    scaled = any(sample.normalise == "cross_section" for sample in run.samples.values())
    if run.luminosity_ifb is not None and not scaled:
        problem = "no sample has `normalise: cross_section`, so that nothing would be scaled to it"
        refuse(source, [f"luminosity_ifb: {problem}; set that, or leave it out"])


def _sample(sample: SampleSpec, datasets: Mapping[str, DatasetSpec]) -> Iterator[str]:
    objects = {name: dataset.object for name, dataset in datasets.items()}
    if len(set(objects.values())) > 1:
        yield f": datasets of different objects: {objects}"
    if len(datasets) < len(sample.datasets):
        twice = sorted({name for name in sample.datasets if sample.datasets.count(name) > 1})
        yield f".datasets: given twice: {', '.join(twice)}; its rows would count twice"
    if sample.folds in (1, 2):
        yield (
            f".folds: 0 for one split, else 3 or more; got {sample.folds}: each model is validated on one "
            "fold, judged on another, and trained on the rest"
        )
    if sample.normalise == "cross_section":
        data = [name for name, dataset in datasets.items() if dataset.is_data]
        if data:
            yield f": normalise: cross_section: {', '.join(data)} is data and has none; `normalise: unit`"
        without = [n for n, d in datasets.items() if d.cross_section_pb is None and not d.is_data]
        if without:
            yield f": normalise: cross_section needs cross_section_pb of {', '.join(without)}"
