# pack_rows: reads the rows of a sample's datasets; writes packed/{sample}/{split}/rows/, memory-mapped, split by event.
# pack: reads those and a feature group; writes packed/{sample}/{split}/{group}/, in the same order.


rule pack_rows:
    input:
        unpack(lambda wildcards: rows_inputs(wildcards.sample)),
    output:
        [directory(path) for path in packed_of("{sample}", ROWS)],
    log:
        "<logs>/pack_rows/{sample}.log",
    benchmark:
        "<benchmarks>/pack_rows/{sample}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(60),
    params:
        **gets(stages.pack_rows, "sample"),
        code=code("pack_rows"),
    script:
        "../scripts/pack_rows.py"


rule pack:
    input:
        unpack(lambda wildcards: group_inputs(wildcards.sample, wildcards.group)),
    output:
        [directory(path) for path in packed_of("{sample}", "{group}")],
    log:
        "<logs>/pack/{sample}.{group}.log",
    benchmark:
        "<benchmarks>/pack/{sample}.{group}.tsv"
    wildcard_constraints:
        group=one_of(RUN.groups),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(60),
    params:
        **gets(stages.pack, "sample", "group"),
        code=code("pack"),
    script:
        "../scripts/pack.py"
