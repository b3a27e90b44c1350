# resolution: reads skim/{dataset}/{part}.parquet of the datasets of a sample, or a file of CMS; writes
# calibration/track_resolution.json, how impact parameters of tracks scatter. Only where the run has `track_resolution`.
# features: reads skim/{dataset}/{part}.parquet, and that file where a feature needs it; writes
# features/{dataset}/{part}/{group}.parquet, a group of config/features or the rows, and {group}.turned.parquet, the same as
# negative taggers read it (samples with `signs: turned`). On a batch system the groups of a
# partition are one job, which makes them one after the other (profiles).


resource_scopes:
    one_at_a_time="local",


rule resolution:
    input:
        unpack(resolution_inputs),
    output:
        functions="<results>/calibration/track_resolution.json",
        numbers="<results>/calibration/track_resolution.numbers.json",
    log:
        "<logs>/track_resolution.log",
    benchmark:
        "<benchmarks>/track_resolution.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(60),
    params:
        **gets(stages.resolution),
        code=resolution_code,
    script:
        "../scripts/resolution.py"


rule features:
    input:
        unpack(resolved_inputs),
        rows="<results>/skim/{dataset}/{part}.parquet",
        account="<results>/skim/{dataset}.json",
    output:
        features="<results>/features/{dataset}/{part}/{group}.parquet",
        meta="<results>/features/{dataset}/{part}/{group}.meta.json",
    log:
        "<logs>/features/{dataset}.{part}.{group}.log",
    benchmark:
        "<benchmarks>/features/{dataset}.{part}.{group}.tsv"
    group:
        lambda wildcards: together("features", wildcards.dataset, wildcards.part)
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(20),
        one_at_a_time=1,
    params:
        **gets(stages.features, "dataset", "group"),
        signs="",
        code=planning.quick(lambda wildcards: features_code(wildcards.dataset, wildcards.group)),
    script:
        "../scripts/features.py"


use rule features as features_turned with:
    output:
        features="<results>/features/{dataset}/{part}/{group}.turned.parquet",
        meta="<results>/features/{dataset}/{part}/{group}.turned.meta.json",
    log:
        "<logs>/features/{dataset}.{part}.{group}.turned.log",
    benchmark:
        "<benchmarks>/features/{dataset}.{part}.{group}.turned.tsv"
    params:
        **gets(stages.features, "dataset", "group"),
        signs=".turned",
        code=planning.quick(lambda wildcards: features_code(wildcards.dataset, wildcards.group)),
