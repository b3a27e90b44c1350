# skim: reads ROOT files by the plan of inspect; writes skim/{dataset}/{part}.parquet, .report.json (what became of the
# entries) and .identity.parquet (who they are). skim.backend: one job a partition, or one a dataset that owns a cluster.
# skim_root: reads the rows; writes skim/{dataset}/{part}.root, a TTree for people (skim.write_root).
# account: reads the reports; writes skim/{dataset}.json, or stops where an event is unaccounted for or there twice.


# Workers of a LocalCluster live in the driver's job; Snakemake lowers the number to the cores that there are.
DRIVER_THREADS = (RUN.run.skim.dask.maximum or os.cpu_count()) if RUN.run.skim.dask.is_local else 1

if RUN.run.skim.backend == "jobs":

    rule skim:
        input:
            unpack(lambda wildcards: skim_inputs(wildcards.dataset)),
        output:
            rows="<results>/skim/{dataset}/{part}.parquet",
            report="<results>/skim/{dataset}/{part}.report.json",
            identity="<results>/skim/{dataset}/{part}.identity.parquet",
        log:
            "<logs>/skim/{dataset}.{part}.log",
        benchmark:
            "<benchmarks>/skim/{dataset}.{part}.tsv"
        conda:
            "../envs/jetsmith.yaml"
        threads: RUN.run.skim.threads
        resources:
            mem_mb=grows(1000 + 2000 * RUN.run.skim.threads),
            runtime=grows(120),
        params:
            **gets(stages.skim, "dataset"),
            code=lambda wildcards: reading_code("skim", wildcards.dataset),
        script:
            "../scripts/skim.py"

else:
    for name in RUN.datasets:

        rule:
            name:
                f"skim_dataset_{name}"
            input:
                **skim_inputs(name),
            output:
                rows=parts_of(name, "skim", ".parquet"),
                report=parts_of(name, "skim", ".report.json"),
                identity=parts_of(name, "skim", ".identity.parquet"),
            log:
                f"<logs>/skim/{name}.log",
            benchmark:
                f"<benchmarks>/skim/{name}.tsv"
            conda:
                "../envs/jetsmith.yaml"
            threads: DRIVER_THREADS
            resources:
                mem_mb=grows(1000 + 2000 * DRIVER_THREADS),
                runtime=1440,  # the next driver goes on with what is done
            params:
                **stages.skim(RUN, name)._asdict(),
                code=reading_code("skim", name),
            script:
                "../scripts/skim_dask.py"


rule skim_root:
    input:
        "<results>/skim/{dataset}/{part}.parquet",
    output:
        "<results>/skim/{dataset}/{part}.root",
    log:
        "<logs>/skim_root/{dataset}.{part}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(3000),
        runtime=grows(60),
    params:
        code=code("skim_root"),
    script:
        "../scripts/skim_root.py"


rule account:
    input:
        plan="<results>/inspect/{dataset}.json",
        reports=lambda wildcards: parts_of(wildcards.dataset, "skim", ".report.json"),
        identities=lambda wildcards: parts_of(wildcards.dataset, "skim", ".identity.parquet"),
    output:
        "<results>/skim/{dataset}.json",
    log:
        "<logs>/account/{dataset}.log",
    retries: 0  # it removes what is to be read again, so there is nothing to try again with
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(60),
    params:
        **gets(stages.account, "dataset"),
        code=code("account"),
    script:
        "../scripts/account.py"
