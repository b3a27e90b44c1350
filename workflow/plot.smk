# plot: reads scores, calibration numbers, histories and closures; writes plots/{plot}/….{pdf,png,json}.


rule plot_roc:
    input:
        scores=lambda wildcards: [scores_of(tagger) for tagger in RUN.taggers_on(wildcards.sample)],
        numbers=lambda wildcards: [
            f"<results>/calibration/{tagger}.numbers.json" for tagger in RUN.taggers_on(wildcards.sample)
        ],
    output:
        **drawn("roc", "{sample}/{background}"),
    log:
        "<logs>/plot_roc/{sample}.{background}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        specs=lambda wildcards: [
            RUN.classifiers[tagger].model_dump(mode="json") for tagger in RUN.taggers_on(wildcards.sample)
        ],
        style=RUN.run.plots.model_dump(),
        seed=RUN.run.seed,
        code=code("plot_roc"),
    script:
        "../scripts/plot_roc.py"


rule plot_discriminant:
    input:
        scores=lambda wildcards: scores_of(wildcards.tagger),
        numbers="<results>/calibration/{tagger}.numbers.json",
    output:
        **drawn("discriminant", "{tagger}"),
    log:
        "<logs>/plot_discriminant/{tagger}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        spec=lambda wildcards: RUN.classifiers[wildcards.tagger].model_dump(mode="json"),
        style=RUN.run.plots.model_dump(),
        code=code("plot_discriminant"),
    script:
        "../scripts/plot_discriminant.py"


rule plot_efficiency:
    input:
        scores=lambda wildcards: scores_of(wildcards.tagger),
        numbers="<results>/calibration/{tagger}.numbers.json",
    output:
        **drawn("efficiency", "{tagger}"),
    log:
        "<logs>/plot_efficiency/{tagger}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        spec=lambda wildcards: RUN.classifiers[wildcards.tagger].model_dump(mode="json"),
        selection=lambda wildcards: RUN.run.selection[RUN.classifiers[wildcards.tagger].object].model_dump(),
        style=RUN.run.plots.model_dump(),
        code=code("plot_efficiency"),
    script:
        "../scripts/plot_efficiency.py"


rule plot_reweighting:
    input:
        closure="<results>/closure/{reweighter}.json",
        weights=lambda wildcards: weights_of(wildcards.reweighter),
    output:
        **drawn("reweighting", "{reweighter}"),
    log:
        "<logs>/plot_reweighting/{reweighter}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        spec=lambda wildcards: RUN.classifiers[wildcards.reweighter].model_dump(mode="json"),
        datasets=lambda wildcards: RUN.generators(RUN.run.reweighters[wildcards.reweighter]),
        labels=lambda wildcards: RUN.labels(wildcards.reweighter),
        style=RUN.run.plots.model_dump(),
        code=code("plot_reweighting"),
    script:
        "../scripts/plot_reweighting.py"


rule plot_training:
    input:
        "<results>/models/{classifier}",
    output:
        **drawn("training", "{classifier}"),
    log:
        "<logs>/plot_training/{classifier}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        spec=classifier_spec,
        style=RUN.run.plots.model_dump(),
        code=code("plot_training"),
    script:
        "../scripts/plot_training.py"
