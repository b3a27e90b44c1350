# pack: reads the features of a sample's datasets; writes packed/{sample}/{split}/, memory-mapped, split by event.


def packed_inputs(wildcards):
    """Features and account of each dataset of a sample, by its name."""
    datasets = RUN.run.samples[wildcards.sample].datasets
    return {f"features_{dataset}": parts_of(dataset, "features") for dataset in datasets} | {
        f"account_{dataset}": f"<results>/skim/{dataset}.json" for dataset in datasets
    }


rule pack:
    input:
        unpack(packed_inputs),
    output:
        [directory(path) for path in packed_of("{sample}")],
    log:
        "<logs>/pack/{sample}.log",
    benchmark:
        "<benchmarks>/pack/{sample}.tsv"
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        sample=lambda wildcards: RUN.run.samples[wildcards.sample].model_dump(mode="json"),
        datasets=lambda wildcards: {
            dataset: RUN.datasets[dataset].model_dump(mode="json")
            for dataset in RUN.run.samples[wildcards.sample].datasets
        },
        groups=lambda wildcards: [
            group.model_dump(mode="json")
            for group in RUN.groups_of(RUN.object_of(wildcards.sample)).values()
        ],
        splits=RUN.run.splits.model_dump(),
        seed=RUN.run.seed,
        code=code("pack"),
    script:
        "../scripts/pack.py"
