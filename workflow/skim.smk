# skim: reads ROOT files by the plan of inspect; writes skim/{dataset}/{part}.parquet and {part}.report.json.
# account: reads the reports; writes skim/{dataset}.json, or stops where an event is unaccounted for.


rule skim:
    input:
        plan="<results>/inspect/{dataset}.json",
        simulated=lambda wildcards: simulated(wildcards.dataset),
    output:
        rows="<results>/skim/{dataset}/{part}.parquet",
        report="<results>/skim/{dataset}/{part}.report.json",
    log:
        "<logs>/skim/{dataset}.{part}.log",
    benchmark:
        "<benchmarks>/skim/{dataset}.{part}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        spec=dataset_spec,
        part=lambda wildcards: int(wildcards.part),
        selection=lambda wildcards: RUN.selection_of(wildcards.dataset).model_dump(),
        settings=RUN.run.skim.model_dump(),
        data_root=RUN.run.data_root,
        code=code("skim", "sources.nanoaod", "sources.pfnano", "sources.deepntuples", "sources.physlite"),
    script:
        "../scripts/skim.py"


rule account:
    input:
        plan="<results>/inspect/{dataset}.json",
        reports=lambda wildcards: parts_of(wildcards.dataset, "skim", ".report.json"),
    output:
        "<results>/skim/{dataset}.json",
    log:
        "<logs>/account/{dataset}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        max_loss_fraction=RUN.run.skim.max_loss_fraction,
        code=code("account"),
    script:
        "../scripts/account.py"
