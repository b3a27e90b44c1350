# parameters: reads the packed rows; writes packed/{sample}/{split}/{reweighter}_parameters/, inputs of a reweighter with parameters.
# weights: reads the scores of a reweighter; writes weights/{reweighter}/{dataset}.parquet, one weight an event.
# closure: reads the weights and the packed test split; writes closure/{reweighter}.json, whatever comes out.
# correction: reads weights, packed features and what closure found; writes weights/{reweighter}.correction.json (correctionlib).
# verdict: reads what closure found; stops the run where weights failed, when the page that shows it is there.


rule parameters:
    input:
        packed=lambda wildcards: packed_of(wildcards.sample, ROWS),
    output:
        [directory(path) for path in packed_of("{sample}", "{reweighter}_parameters")],
    log:
        "<logs>/parameters/{reweighter}.{sample}.log",
    wildcard_constraints:
        reweighter=one_of(RUN.parametrised),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        **gets(stages.parameters, "reweighter"),
        code=code("parameters"),
    script:
        "../scripts/parameters.py"


rule weights:
    input:
        scores=lambda wildcards: scores_of(wildcards.reweighter),
        packed=lambda wildcards: read_by(wildcards.reweighter),
    output:
        weights="<results>/weights/{reweighter}/{dataset}.parquet",
        numbers="<results>/weights/{reweighter}/{dataset}.json",
    log:
        "<logs>/weights/{reweighter}.{dataset}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        **gets(stages.weights, "reweighter"),
        code=code("weights"),
    script:
        "../scripts/weights.py"


rule closure:
    input:
        weights=lambda wildcards: weights_of(wildcards.reweighter),
        packed=lambda wildcards: compared_by(wildcards.reweighter),
    output:
        "<results>/closure/{reweighter}.json",
    log:
        "<logs>/closure/{reweighter}.log",
    benchmark:
        "<benchmarks>/closure/{reweighter}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(60),
    params:
        **gets(stages.closure, "reweighter"),
        code=code("closure"),
    script:
        "../scripts/closure.py"


rule correction:
    input:
        unpack(tested_by),
        weights=lambda wildcards: weights_of(wildcards.reweighter),
        packed=lambda wildcards: read_by(wildcards.reweighter),
    output:
        "<results>/weights/{reweighter}.correction.json",
    log:
        "<logs>/correction/{reweighter}.log",
    wildcard_constraints:
        reweighter=one_of(RUN.corrected),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        **gets(stages.correction, "reweighter"),
        code=code("correction"),
    script:
        "../scripts/correction.py"


rule verdict:
    input:
        closures=expand("<results>/closure/{reweighter}.json", reweighter=RUN.tested),
        comparison=["<results>/comparison"] if RUN.is_gated else [],
        page="<results>/report/index.html",
    output:
        "<results>/report/verdict.json",
    log:
        "<logs>/verdict.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(1000),
        runtime=grows(10),
    params:
        **gets(stages.verdict),
        code=code("verdict"),
    script:
        "../scripts/verdict.py"
