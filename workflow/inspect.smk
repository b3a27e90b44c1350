# inspect: reads the ROOT files of a dataset; writes inspect/{dataset}.json, what they hold and the partition plan.
# check: reads the inspections of a classifier's samples; writes inspect/check/{classifier}.json or says what is missing.


rule inspect:
    input:
        lambda wildcards: simulated(wildcards.dataset),
    output:
        "<results>/inspect/{dataset}.json",
    log:
        "<logs>/inspect/{dataset}.log",
    benchmark:
        "<benchmarks>/inspect/{dataset}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    threads: lambda wildcards: min(8, 1 + len(RUN.paths[wildcards.dataset]) // 100)
    resources:
        mem_mb=lambda wildcards, attempt, threads: attempt * (1000 + 1000 * threads),
        runtime=lambda wildcards, attempt: attempt * (60 + len(RUN.paths[wildcards.dataset]) // 100),
    params:
        **gets(stages.inspect, "dataset"),
        files=lambda wildcards, input: list(input) or RUN.paths[wildcards.dataset],
        code=lambda wildcards: reading_code("inspect", wildcards.dataset),
    script:
        "../scripts/inspect.py"


rule check:
    input:
        lambda wildcards: [
            f"<results>/inspect/{dataset}.json" for dataset in RUN.checked_for(wildcards.classifier)
        ],
    output:
        "<results>/inspect/check/{classifier}.json",
    log:
        "<logs>/check/{classifier}.log",
    priority: 100  # missing inputs come up before the long stages
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(1000),
        runtime=grows(10),
    params:
        **gets(stages.check, "classifier"),
        code=code("check"),
    script:
        "../scripts/check.py"
