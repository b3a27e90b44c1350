# promote_…: reads the models of a rung of a scan by halving; writes scans/{classifier}/{rung}/{rank}.json, whom the next one trains.
# retrain, retrain_network, retrain_cuda: as train, of the point of such a file; writes models/{classifier}.scan/{rung}/{rank}/.
# choose: reads the models of all points of a scan; writes models/{classifier}/, a copy of the best, and scans/{classifier}.json.

for name, scan in RUN.scans.items():
    for rung in range(1, len(scan.trained)):

        rule:
            name:
                f"promote_{name}_{rung}"
            input:
                models=rung_of(name, rung - 1),
            output:
                [f"<results>/scans/{name}/{rung}/{rank}.json" for rank in range(scan.trained[rung])],
            log:
                f"<logs>/promote/{name}.{rung}.log",
            conda:
                "../envs/jetsmith.yaml"
            resources:
                mem_mb=grows(1000),
                runtime=grows(20),
            params:
                classifier=name,
                points=stages.choose(RUN, name).points,
                rung=rung,
                code=code("promote"),
            script:
                "../scripts/promote.py"


rule retrain:
    input:
        packed=lambda wildcards: read_by(wildcards.classifier),
        check=lambda wildcards: check_of(wildcards.classifier),
        promoted="<results>/scans/{classifier}/{rung}/{rank}.json",
        start=lambda wildcards: start_of(wildcards.classifier),
    output:
        directory("<results>/models/{classifier}.scan/{rung}/{rank}"),
    log:
        "<logs>/retrain/{classifier}.{rung}.{rank}.log",
    benchmark:
        "<benchmarks>/retrain/{classifier}.{rung}.{rank}.tsv"
    wildcard_constraints:
        classifier=one_of(name for name in RUN.scans if name in OTHERS),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(6000),
        runtime=480,  # the next attempt goes on from the checkpoint
    params:
        **gets(stages.retrain, "classifier", "rung"),
        code=lambda wildcards: model_code("retrain", RUN.classifiers[wildcards.classifier]),
    script:
        "../scripts/retrain.py"


use rule retrain as retrain_network with:  # of its own, so that a profile can give GPUs to networks alone
    wildcard_constraints:
        classifier=one_of(name for name in RUN.scans if name in NETWORKS),


use rule retrain as retrain_cuda with:  # trees with `device: cuda`: they ask for a GPU themselves
    wildcard_constraints:
        classifier=one_of(name for name in RUN.scans if name in CUDA_TREES),
    resources:
        mem_mb=grows(6000),
        runtime=480,
        gpu=1,


rule choose:
    input:
        models=lambda wildcards: points_of(wildcards.classifier),
    output:
        model=directory("<results>/models/{classifier}"),
        table="<results>/scans/{classifier}.json",
    log:
        "<logs>/choose/{classifier}.log",
    wildcard_constraints:
        classifier=one_of(RUN.scans),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(1000),
        runtime=grows(20),
    params:
        **gets(stages.choose, "classifier"),
        code=code("choose"),
    script:
        "../scripts/choose.py"
