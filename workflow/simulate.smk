# simulate: reads nothing; writes simulated/{dataset}/{part}.root (PFNano layout).
# Only for datasets with `simulate`: the embedded demo.


rule simulate:
    output:
        "<results>/simulated/{dataset}/{part}.root",
    log:
        "<logs>/simulate/{dataset}.{part}.log",
    benchmark:
        "<benchmarks>/simulate/{dataset}.{part}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(60),
    params:
        **gets(stages.simulate, "dataset"),
        code=code("simulate"),
    script:
        "../scripts/simulate.py"
