# features: reads skim/{dataset}/{part}.parquet; writes features/{dataset}/{part}.parquet, the columns of config/features.


rule features:
    input:
        rows="<results>/skim/{dataset}/{part}.parquet",
        account="<results>/skim/{dataset}.json",
    output:
        features="<results>/features/{dataset}/{part}.parquet",
        meta="<results>/features/{dataset}/{part}.meta.json",
    log:
        "<logs>/features/{dataset}.{part}.log",
    benchmark:
        "<benchmarks>/features/{dataset}.{part}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(60),
    params:
        **gets(stages.features, "dataset"),
        code=code("features"),
    script:
        "../scripts/features.py"
