# train_fold, train_fold_network, train_fold_cuda: as train, without a part of the events; writes models/{classifier}.folds/{fold}/.
# stack: reads the scores of a classifier and those models; writes packed/{sample}/{split}/{classifier}/, inputs of others.


rule train_fold:
    input:
        packed=lambda wildcards: read_by(wildcards.classifier),
        check=lambda wildcards: check_of(wildcards.classifier),
        start=lambda wildcards: start_of(wildcards.classifier),
    output:
        directory("<results>/models/{classifier}.folds/{fold}"),
    log:
        "<logs>/train_fold/{classifier}.{fold}.log",
    benchmark:
        "<benchmarks>/train_fold/{classifier}.{fold}.tsv"
    wildcard_constraints:
        classifier=one_of(OTHERS),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(6000),
        runtime=480,  # the next attempt goes on from the checkpoint
    params:
        **gets(stages.train_fold, "classifier"),
        code=lambda wildcards: model_code("train_fold", RUN.classifiers[wildcards.classifier]),
    script:
        "../scripts/train_fold.py"


use rule train_fold as train_fold_network with:  # of its own, so that a profile can give GPUs to networks alone
    wildcard_constraints:
        classifier=one_of(NETWORKS),


use rule train_fold as train_fold_cuda with:  # trees with `device: cuda`: they ask for a GPU themselves
    wildcard_constraints:
        classifier=one_of(CUDA_TREES),
    resources:
        mem_mb=grows(6000),
        runtime=480,
        gpu=1,


rule stack:
    input:
        packed=lambda wildcards: read_by(wildcards.classifier, wildcards.sample),
        scores="<results>/scores/{classifier}/{sample}.parquet",
        models=lambda wildcards: models_without(wildcards.classifier, wildcards.sample),
    output:
        [directory(path) for path in packed_of("{sample}", "{classifier}")],
    log:
        "<logs>/stack/{classifier}.{sample}.log",
    benchmark:
        "<benchmarks>/stack/{classifier}.{sample}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(6000),
        runtime=grows(60),
    params:
        **gets(stages.stack, "classifier", "sample"),
        code=lambda wildcards: model_code("stack", RUN.classifiers[wildcards.classifier]),
    script:
        "../scripts/stack.py"
