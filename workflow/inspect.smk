# inspect: reads the ROOT files of a dataset; writes inspect/{dataset}.json, what they hold and the partition plan.
# look: reads files on a disk again whose times have changed; writes inspect/{dataset}.looked.json, or stops. Nothing is behind it.
# check: reads the inspections of a sample that a classifier reads; writes inspect/check/{classifier}/{sample}.json or says what is missing.


rule inspect:
    input:
        lambda wildcards: simulated(wildcards.dataset),
    output:
        "<results>/inspect/{dataset}.json",
    log:
        "<logs>/inspect/{dataset}.log",
    benchmark:
        "<benchmarks>/inspect/{dataset}.tsv"
    priority: 100  # missing inputs come up before the long stages, of all samples
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


rule look:
    input:
        "<results>/inspect/{dataset}.json",
    output:
        "<results>/inspect/{dataset}.looked.json",
    log:
        "<logs>/look/{dataset}.log",
    priority: 100
    retries: 0  # where files have changed, so has its input
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=lambda wildcards, attempt: attempt * (60 + len(RUN.paths[wildcards.dataset]) // 100),
    params:
        **gets(stages.look, "dataset"),
        files=lambda wildcards: RUN.paths[wildcards.dataset],
        code=code("look"),
    script:
        "../scripts/look.py"


rule check:
    input:
        lambda wildcards: [
            f"<results>/inspect/{dataset}.json" for dataset in RUN.run.samples[wildcards.sample].datasets
        ],
    output:
        "<results>/inspect/check/{classifier}/{sample}.json",
    log:
        "<logs>/check/{classifier}.{sample}.log",
    priority: 100
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(1000),
        runtime=grows(10),
    params:
        **gets(stages.check, "classifier", "sample"),
        code=code("check"),
    script:
        "../scripts/check.py"
