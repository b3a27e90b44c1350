# train, train_network, train_cuda: reads rows and groups of packed/{sample} and the classifier's check; writes models/{classifier}/. Taggers and reweighters, all backends.
# score: reads a model and packed/{sample}; writes scores/{classifier}/{sample}.parquet, p_<class> a row.


rule train:
    input:
        packed=lambda wildcards: read_by(wildcards.classifier),
        check="<results>/inspect/check/{classifier}.json",
    output:
        directory("<results>/models/{classifier}"),
    log:
        "<logs>/train/{classifier}.log",
    benchmark:
        "<benchmarks>/train/{classifier}.tsv"
    wildcard_constraints:
        classifier=one_of(OTHERS),
    conda:
        "../envs/jetsmith.yaml"
    threads: 2
    resources:
        mem_mb=grows(6000),
        runtime=480,  # the next attempt goes on from the checkpoint
    params:
        **gets(stages.train, "classifier"),
        code=lambda wildcards: model_code("train", wildcards),
    script:
        "../scripts/train.py"


use rule train as train_network with:  # of its own, so that a profile can give GPUs to networks alone
    wildcard_constraints:
        classifier=one_of(NETWORKS),


use rule train as train_cuda with:  # trees with `device: cuda`: they ask for a GPU themselves
    wildcard_constraints:
        classifier=one_of(CUDA_TREES),
    resources:
        mem_mb=grows(6000),
        runtime=480,
        gpu=1,


rule score:
    input:
        packed=lambda wildcards: read_by(wildcards.classifier, wildcards.sample),
        model="<results>/models/{classifier}",
    output:
        scores="<results>/scores/{classifier}/{sample}.parquet",
        meta="<results>/scores/{classifier}/{sample}.meta.json",
    log:
        "<logs>/score/{classifier}.{sample}.log",
    benchmark:
        "<benchmarks>/score/{classifier}.{sample}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    threads: 2
    resources:
        mem_mb=grows(6000),
        runtime=grows(60),
    params:
        **gets(stages.score, "classifier"),
        code=lambda wildcards: model_code("score", wildcards),
    script:
        "../scripts/score.py"
