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
        **gets(stages.plot_roc, "sample"),
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
        **gets(stages.plot_discriminant, "tagger"),
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
        **gets(stages.plot_efficiency, "tagger"),
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
        **gets(stages.plot_reweighting, "reweighter"),
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
        **gets(stages.plot_training, "classifier"),
        code=code("plot_training"),
    script:
        "../scripts/plot_training.py"
