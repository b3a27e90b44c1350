# train, train_network, train_cuda: reads rows and groups of packed/{sample} and its check; writes models/{training}/,
# which is models/{classifier}/, a point of its scan, models/{classifier}.scan/{point}/, or a member of its ensemble,
# models/{classifier}.members/{k}/. Taggers and reweighters, all backends.
# assemble: reads the models of an ensemble's members; writes models/{classifier}/, with a copy of each.
# score: reads a model, packed/{sample} and its check, of backend `table` the weights of others; writes scores/{classifier}/{sample}.parquet,
# p_<class> a row.


rule train:
    input:
        packed=lambda wildcards: read_by(RUN.trainings[wildcards.training].spec.name),
        check=lambda wildcards: check_of(RUN.trainings[wildcards.training].spec.name),
        start=lambda wildcards: start_of(RUN.trainings[wildcards.training].spec.name),
    output:
        directory("<results>/models/{training}"),
    log:
        "<logs>/train/{training}.log",
    benchmark:
        "<benchmarks>/train/{training}.tsv"
    wildcard_constraints:
        training=one_of(trainings_of(OTHERS)),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(6000),
        runtime=480,  # the next attempt goes on from the checkpoint
    params:
        **gets(stages.train, "training"),
        code=lambda wildcards: model_code("train", RUN.trainings[wildcards.training].spec),
    script:
        "../scripts/train.py"


use rule train as train_network with:  # of its own, so that a profile can give GPUs to networks alone
    wildcard_constraints:
        training=one_of(trainings_of(NETWORKS)),


use rule train as train_cuda with:  # trees with `device: cuda`: they ask for a GPU themselves
    wildcard_constraints:
        training=one_of(trainings_of(CUDA_TREES)),
    resources:
        mem_mb=grows(6000),
        runtime=480,
        gpu=1,


rule assemble:
    input:
        models=lambda wildcards: members_of(wildcards.classifier),
    output:
        model=directory("<results>/models/{classifier}"),
    log:
        "<logs>/assemble/{classifier}.log",
    wildcard_constraints:
        classifier=one_of(RUN.ensembles),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(1000),
        runtime=grows(20),
    params:
        code=code("assemble"),
    script:
        "../scripts/assemble.py"


rule score:
    input:
        packed=lambda wildcards: read_by(wildcards.classifier, wildcards.sample),
        model="<results>/models/{classifier}",
        check="<results>/inspect/check/{classifier}/{sample}.json",
        others=lambda wildcards: list(plugs.reads(RUN.classifiers[wildcards.classifier])),
    output:
        scores="<results>/scores/{classifier}/{sample}.parquet",
        meta="<results>/scores/{classifier}/{sample}.meta.json",
    log:
        "<logs>/score/{classifier}.{sample}.log",
    benchmark:
        "<benchmarks>/score/{classifier}.{sample}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(6000),
        runtime=grows(60),
    params:
        **gets(stages.score, "classifier"),
        code=lambda wildcards: model_code("score", RUN.classifiers[wildcards.classifier]),
    script:
        "../scripts/score.py"
