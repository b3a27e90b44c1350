# pack: reads the features of a sample's datasets; writes packed/{sample}/{split}/, memory-mapped, split by event.


rule pack:
    input:
        unpack(packed_inputs),
    output:
        [directory(path) for path in packed_of("{sample}")],
    log:
        "<logs>/pack/{sample}.log",
    benchmark:
        "<benchmarks>/pack/{sample}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(8000),
        runtime=grows(60),
    params:
        sample=lambda wildcards: RUN.run.samples[wildcards.sample].model_dump(mode="json"),
        datasets=lambda wildcards: {
            dataset: RUN.datasets[dataset].model_dump(mode="json")
            for dataset in RUN.run.samples[wildcards.sample].datasets
        },
        groups=lambda wildcards: groups_of(RUN.object_of(wildcards.sample)),
        splits=RUN.run.splits.model_dump(),
        seed=RUN.run.seed,
        kept_truth=lambda wildcards: RUN.kept_truth(wildcards.sample),
        code=code("pack"),
    script:
        "../scripts/pack.py"
