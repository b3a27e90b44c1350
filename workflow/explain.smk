# explain: reads a trained tagger and packed/{sample}; writes explain/{tagger}.json, what its inputs are worth.
# scan_losses: reads the models of a tagger with other weights of a loss, models/{tagger}.loss_scan/{weight}_{seed}/, and packed/{sample}; writes loss_scans/{tagger}.json.
# perturb: reads a trained tagger and packed/{sample}; writes moves/{judgement}.json, what moves of its inputs cost.
# ablate: reads the models of a tagger and of its trainings without some inputs, models/{tagger}.without/{name}/, and packed/{sample}; writes ablation/{tagger}.json, what they lose.


rule explain:
    input:
        packed=lambda wildcards: read_by(wildcards.tagger),
        model="<results>/models/{tagger}",
    output:
        explanation="<results>/explain/{tagger}.json",
    log:
        "<logs>/explain/{tagger}.log",
    benchmark:
        "<benchmarks>/explain/{tagger}.tsv"
    wildcard_constraints:
        tagger=one_of(RUN.explained),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(6000),
        runtime=grows(60),
    params:
        **gets(stages.explain, "tagger"),
        code=lambda wildcards: model_code("explain", RUN.classifiers[wildcards.tagger]),
    script:
        "../scripts/explain.py"


rule perturb:
    input:
        packed=lambda wildcards: read_by(RUN.judgements[wildcards.judgement].name),
        model=lambda wildcards: f"<results>/models/{RUN.judgements[wildcards.judgement].name}",
    output:
        moves="<results>/moves/{judgement}.json",
    log:
        "<logs>/perturb/{judgement}.log",
    benchmark:
        "<benchmarks>/perturb/{judgement}.tsv"
    wildcard_constraints:
        judgement=one_of(RUN.moved),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(6000),
        runtime=grows(60),
    params:
        **gets(stages.perturb, "judgement"),
        code=lambda wildcards: model_code("perturb", RUN.judgements[wildcards.judgement]),
    script:
        "../scripts/perturb.py"


rule ablate:
    input:
        packed=lambda wildcards: read_by(wildcards.tagger),
        model="<results>/models/{tagger}",
        models=lambda wildcards: [
            f"<results>/models/{wildcards.tagger}.without/{name}" for name in RUN.ablations[wildcards.tagger]
        ],
    output:
        ablation="<results>/ablation/{tagger}.json",
    log:
        "<logs>/ablate/{tagger}.log",
    benchmark:
        "<benchmarks>/ablate/{tagger}.tsv"
    wildcard_constraints:
        tagger=one_of(RUN.ablations),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(6000),
        runtime=grows(60),
    params:
        **gets(stages.ablate, "tagger"),
        code=lambda wildcards: model_code("ablate", RUN.classifiers[wildcards.tagger]),
    script:
        "../scripts/ablate.py"


rule scan_losses:
    input:
        packed=lambda wildcards: read_by(wildcards.tagger),
        models=lambda wildcards: [
            f"<results>/models/{wildcards.tagger}.loss_scan/{name}"
            for name, _, _ in RUN.loss_scans[wildcards.tagger].trainings()
        ],
    output:
        scan="<results>/loss_scans/{tagger}.json",
    log:
        "<logs>/scan_losses/{tagger}.log",
    benchmark:
        "<benchmarks>/scan_losses/{tagger}.tsv"
    wildcard_constraints:
        tagger=one_of(RUN.loss_scans),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(6000),
        runtime=grows(120),
    params:
        **gets(stages.scan_losses, "tagger"),
        code=lambda wildcards: model_code("scan_losses", RUN.classifiers[wildcards.tagger]),
    script:
        "../scripts/scan_losses.py"
