# jetsmith: from ROOT files to calibrated jet taggers. The way of the data: ARCHITECTURE.md.
from snakemake.utils import min_version

min_version("9.27")


include: "workflow/first.smk"


# A --configfile with samples is a run of its own and stands for the demo's; --config adds to either.
if "samples" not in config:

    configfile: DEFAULT_RUN


include: "workflow/common.smk"
include: "workflow/files.smk"
include: "workflow/simulate.smk"
include: "workflow/inspect.smk"
include: "workflow/skim.smk"
include: "workflow/features.smk"
include: "workflow/pack.smk"
include: "workflow/train.smk"
include: "workflow/scan.smk"
include: "workflow/stack.smk"
include: "workflow/reweight.smk"
include: "workflow/calibrate.smk"
include: "workflow/measure.smk"
include: "workflow/explain.smk"
include: "workflow/bundle.smk"
include: "workflow/plot.smk"
include: "workflow/compare.smk"
include: "workflow/report.smk"
include: "workflow/publish.smk"
include: "workflow/targets.smk"


rule all:
    default_target: True
    input:
        "<results>/report/index.html",
        ["<results>/hepdata"] if any(PUBLISHED.values()) else [],
        expand("<results>/calibration/{judgement}.json", judgement=RUN.judgements),
        expand("<results>/calibration/{plane}.json", plane=RUN.run.calibration.planes),
        expand("<results>/scale_factors/{judgement}.correction.json", judgement=RUN.measured),
        expand("<results>/bundles/{name}", name=[*RUN.bundled, *RUN.bundled_reweighters]),
        expand("<results>/inspect/{dataset}.looked.json", dataset=RUN.looked_at),
        [weights_of(name) for name in RUN.run.reweighters],
        expand("<results>/weights/{reweighter}.correction.json", reweighter=RUN.corrected),
        ["<results>/comparison"] if RUN.run.compare else [],
        ["<results>/report/verdict.json"] if RUN.run.reweighters or RUN.is_gated else [],
        [parts_of(name, "skim", ".root") for name in RUN.datasets if RUN.run.skim.write_root],
