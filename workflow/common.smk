# Loads and checks the configuration; what every rule takes of it, and of the code.
import atexit
import os
from functools import cache

from snakemake.persistence.file import FilePersistence

from jetsmith import derivations, lifeline, locks, planning, plugs, provenance, stages
from jetsmith.columns import ROWS
from jetsmith.configuration.load import load
from jetsmith.configuration.places import Run
from jetsmith.configuration.started import FILES as STARTING
from jetsmith.configuration.subjects import (
    DISCRIMINANTS,
    contrasts,
    subjects,
    traded,
    trained_elsewhere,
    tried,
    with_loss_scan,
)
from jetsmith.features import named
from jetsmith.plots import PLOTS
from jetsmith.sealed import frozen, persistence, planned
from jetsmith.sealed.made import ACCEPT, FILE as LEDGER, fingerprint
from jetsmith.specs.datasets import LAYOUTS
from jetsmith.specs.run import SplitSpec

PACKAGE = CHECKOUT / "workflow" / "jetsmith"
if workflow.is_main_process:
    lifeline.announce()
    locks.guard(FilePersistence, logger.info)
elif workflow.remote_exec:
    lifeline.let_go()
    frozen.use(frozen.taken() or PACKAGE.parent)
else:
    lifeline.follow()

planning.look_once_for_scripts()
planning.look_when_jobs_end()
provenance.remember(planned.SOURCES)
# Snakemake has left the working folder by then.
atexit.register(provenance.leave_notes, planned.SOURCES.absolute())
persistence.install(workflow.pathvars.apply("<results>"), frozen.look(PACKAGE))


# What the working folder has of its own counts before what the checkout has.
CONFIG_FOLDERS = list(
    dict.fromkeys(path.resolve() for path in (Path("config"), CHECKOUT / "config") if path.is_dir())
)

try:
    RUN = load(
        config,
        CONFIG_FOLDERS,
        Run(", ".join(map(str, RUN_FILES)) or "--config", RUN_FILES, workflow.config_settings.config),
        Path(".snakemake/jetsmith-labels.json"),
        is_planning=workflow.is_main_process,
    )
except ConfigError as error:
    raise WorkflowError(f"configuration: {error}") from None

# How the skim reads and what trainings show comes from `config` (ARCHITECTURE.md): there with its types, too.
config |= {key: RUN.raw["run"][key] for key in ("skim", "xrootd", "tensorboard")}

SPLITS = tuple(SplitSpec.model_fields)


def one_of(names):
    """A constraint that lets only names of the run through; where there are none, nothing."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    dataset=one_of(RUN.datasets),
    part=r"\d\d\d+",
    group=one_of([*RUN.groups, ROWS]),
    sample=one_of(RUN.run.samples),
    classifier=one_of(RUN.classifiers),
    rung=r"\d+",
    rank=r"\d+",
    fold=one_of(map(str, range(RUN.run.stack_folds))),
    tagger=one_of(RUN.run.taggers),
    reweighter=one_of(RUN.run.reweighters),
    judgement=one_of(RUN.judgements),
    plane=one_of(RUN.run.calibration.planes),
    measurement=one_of(RUN.run.scale_factors),
    commissioning=one_of(RUN.run.commissioning),
    shown=one_of(dict.fromkeys(shown for _, shown in subjects(RUN, "commissioned"))),
    learned=one_of(RUN.run.learned_efficiencies),
    column=one_of(column for _, column in subjects(RUN, "loss_scanned")),
    traded=one_of(name for sample in RUN.run.samples for name in traded(RUN, sample)),
    estimate=one_of(output for _, output in subjects(RUN, "estimated")),
    contrast=one_of(name for sample in RUN.run.samples for name in contrasts(RUN, sample)),


NETWORKS = [name for name, spec in RUN.classifiers.items() if plugs.takes_model(spec.backend)]
CUDA_TREES = [name for name, spec in RUN.classifiers.items() if plugs.asks_for_gpu(spec)]
OTHERS = [name for name in RUN.classifiers if name not in (*NETWORKS, *CUDA_TREES)]


def grows(amount):
    """A resource that a job which failed gets more of in its next attempt (`--retries`)."""
    return planning.quick(lambda wildcards, attempt: amount * attempt)


def grows_with_input(least, factor):
    """Memory that grows with the attempt and with the files that a job reads; asked for again when these are there."""
    return planning.quick(
        lambda wildcards, input, attempt: planning.memory_mb(input, least, factor) * attempt
    )


def together(group, *of):
    """Jobs that a batch system gets as one, where a profile names `group`: those with the same values of wildcards.

    Of each group Snakemake checks all jobs, so without such a profile there are none.
    """
    if not workflow.group_settings.group_components:
        return None
    name = ".".join([group, *of])
    workflow.parent_groupids[name] = group  # as for a group that is a text; the profile names that
    return name


@cache
def code(script, *modules):
    """Digests of a rule's script and of all package code that it reaches: an edit reruns the rule."""
    return provenance.script_digests(CHECKOUT / "scripts" / f"{script}.py", *modules)


def reading_code(script, dataset):
    """Digest of a stage that reads ROOT files, and of the dataset's layout: of all where inspect is to find it."""
    known = RUN.layout_of(dataset)
    return code(script, *(f"sources.{name}" for name in (LAYOUTS if known == "auto" else [known])))


@cache
def given(stage, *names):
    """What a stage gets of the configuration, made once for all its jobs of one name."""
    return stage(RUN, *names)


def gets(stage, *wildcards):
    """The record of a stage (jetsmith.stages) as `params`, a value a field; `wildcards` name what it is of."""
    fields = stage.__annotations__["return"]._fields
    return {
        field: planning.quick(lambda w, field=field: getattr(given(stage, *(w[n] for n in wildcards)), field))
        for field in fields
    }


@cache
def features_code(dataset, group):
    """Digest of the stage features, and of the formulas and transforms that a group may call; no others."""
    ways = derivations.from_plain(given(stages.features, dataset, group).ways)
    return code("features", *named.of(ways, RUN.groups.get(group)))


def resolution_code(wildcards):
    """Digest of the stage resolution, and of the formulas that lead to what it looks at."""
    return code("resolution", *named.of(derivations.from_plain(given(stages.resolution).ways), None))


@cache
def bundle_code(script, classifier):
    """Digest of the stage, of what writes such a model, and of what applies it; no others."""
    spec = RUN.classifiers[classifier]
    features = [RUN.groups[group] for group in spec.groups if group in RUN.groups]
    transforms = {place for group in features for place in named.of({}, group)}
    return code(script, f"bundles.{spec.backend}", *plugs.modules(spec), *sorted(transforms))


@cache
def learned_code(learned):
    """Digest of the stage learn, and of the transforms of what it is given, which its file undoes and has inside."""
    transforms = {
        place
        for group in RUN.run.learned_efficiencies[learned].features
        for place in named.of({}, RUN.groups[group])
    }
    return code("learn", *sorted(transforms))


def model_code(script, spec):
    """Digest of the stage, of the classifier's backend, of its architecture and of its losses; no others."""
    return code(script, *plugs.modules(spec))
