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
        **gets(stages.pack, "sample"),
        code=code("pack"),
    script:
        "../scripts/pack.py"
