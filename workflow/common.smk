# Loads and checks the configuration; the input functions that several stages share.
import os
from functools import cache

from snakemake.persistence.file import FilePersistence

from jetsmith import ledger, lifeline, locks, provenance, stages
from jetsmith.configuration import load
from jetsmith.job import export_package
from jetsmith.places import Run
from jetsmith.specs.run import SplitSpec

export_package()
if workflow.is_main_process:
    lifeline.announce()
    locks.guard(FilePersistence, logger.info)
elif workflow.remote_exec:
    lifeline.let_go()
else:
    lifeline.follow()


provenance.remember(Path(".snakemake/jetsmith-sources.json"))


onstart:
    ledger.refuse_others(Path(".snakemake"), workflow.executor_plugin.name)


CONFIG_FOLDER = Path(workflow.basedir) / "config"

try:
    RUN = load(
        config,
        CONFIG_FOLDER,
        Run(", ".join(map(str, RUN_FILES)) or "--config", RUN_FILES, workflow.config_settings.config),
        Path(".snakemake/jetsmith-labels.json"),
    )
except ConfigError as error:
    raise WorkflowError(f"configuration: {error}") from None

# How the skim reads comes from `config` (ARCHITECTURE.md): there with its types, too.
config |= {key: RUN.raw["run"][key] for key in ("skim", "xrootd")}

SPLITS = tuple(SplitSpec.model_fields)
LAYOUT_MODULES = ("sources.nanoaod", "sources.pfnano", "sources.deepntuples", "sources.physlite")


def one_of(names):
    """A constraint that lets only names of the run through; where there are none, nothing."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    dataset=one_of(RUN.datasets),
    part=r"\d\d\d+",
    sample=one_of(RUN.run.samples),
    classifier=one_of(RUN.classifiers),
    tagger=one_of(RUN.run.taggers),
    reweighter=one_of(RUN.run.reweighters),
    background=one_of(name for sample in RUN.run.samples for name in RUN.backgrounds_on(sample)),


def grows(amount):
    """A resource that a job which failed gets more of in its next attempt (`--retries`)."""
    return lambda wildcards, attempt: amount * attempt


@cache
def code(script, *modules):
    """Digest of a rule's script and of all package code that it reaches: an edit reruns the rule."""
    return provenance.script_digest(Path(workflow.basedir) / "scripts" / f"{script}.py", *modules)


@cache
def handed(stage, *names):
    """What a stage gets of the configuration, made once for all its jobs of one name."""
    return stage(RUN, *names)


def gets(stage, *wildcards):
    """The record of a stage (jetsmith.stages) as `params`, a value a field; `wildcards` name what it is of."""
    fields = stage.__annotations__["return"]._fields
    return {
        field: lambda w, field=field: getattr(handed(stage, *(w[n] for n in wildcards)), field)
        for field in fields
    }


def simulated(dataset):
    """Files of the embedded demo that a dataset asks for; none where it has its own."""
    spec = RUN.datasets[dataset]
    parts = range(spec.simulate.parts) if spec.simulate else ()
    return [f"<results>/simulated/{dataset}/{part:03d}.root" for part in parts]


def parts_of(dataset, stage, suffix=".parquet"):
    """A stage's files of all partitions of a dataset."""
    return [f"<results>/{stage}/{dataset}/{part}{suffix}" for part in RUN.parts(dataset)]


def skim_inputs(dataset):
    """The plan, and files whose content decides about rows."""
    golden = RUN.golden_json(dataset)
    found = {"plan": f"<results>/inspect/{dataset}.json", "simulated": simulated(dataset)}
    return found | ({"golden_json": golden} if golden else {})


def packed_of(sample):
    """The packed splits of a sample."""
    return [f"<results>/packed/{sample}/{split}" for split in SPLITS]


def scores_of(classifier):
    """The scores of a classifier on its sample."""
    return f"<results>/scores/{classifier}/{RUN.classifiers[classifier].sample}.parquet"


def weights_of(reweighter):
    """The event weights of a reweighter, one file a dataset of its sample."""
    sample = RUN.run.samples[RUN.run.reweighters[reweighter]]
    return [f"<results>/weights/{reweighter}/{dataset}.parquet" for dataset in sample.datasets]


def packed_inputs(wildcards):
    """Features and account of each dataset of a sample, by its name."""
    datasets = RUN.run.samples[wildcards.sample].datasets
    return {f"features_{dataset}": parts_of(dataset, "features") for dataset in datasets} | {
        f"account_{dataset}": f"<results>/skim/{dataset}.json" for dataset in datasets
    }


def model_code(script, wildcards):
    """Digest of the stage, of the classifier's backend and of its architecture; no others."""
    spec = RUN.classifiers[wildcards.classifier]
    return code(script, f"classifiers.{spec.backend}", *([f"models.{spec.model}"] if spec.model else []))


def drawn(plot, subject):
    """The three files of a plot; the PNG also goes into `snakemake --report`."""
    base = f"<results>/plots/{plot}/{subject}"
    return {
        "pdf": f"{base}.pdf",
        "png": report(f"{base}.png", category=plot, labels={"plot": plot, "of": subject}),
        "json": f"{base}.json",
    }


def all_plots(wildcards):
    """PNG files of every plot of the run, in the order of the report."""
    samples = [sample for sample in RUN.run.samples if RUN.taggers_on(sample)]
    trained = [name for name, spec in RUN.classifiers.items() if spec.backend != "stored"]
    return [
        f"<results>/plots/{subject}.png"
        for subject in (
            *(
                f"roc/{sample}/{background}"
                for sample in samples
                for background in RUN.backgrounds_on(sample)
            ),
            *(f"discriminant/{tagger}" for tagger in RUN.run.taggers),
            *(f"efficiency/{tagger}" for tagger in RUN.run.taggers),
            *(f"reweighting/{reweighter}" for reweighter in RUN.run.reweighters),
            *(f"training/{classifier}" for classifier in trained),
        )
    ]
