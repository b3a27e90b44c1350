# bundle: reads a trained tagger, its packed jets and its calibration; writes bundles/{tagger}/, which others can run: ONNX, inputs, working points, reference jets, model card.
# bundle_reweighter: reads a trained reweighter, its packed events, what weights and closure found; writes bundles/{reweighter}/ likewise.


rule bundle:
    input:
        unpack(bundle_inputs),
    output:
        directory("<results>/bundles/{tagger}"),
    log:
        "<logs>/bundle/{tagger}.log",
    wildcard_constraints:
        tagger=one_of(RUN.bundled),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(30),
    params:
        **gets(stages.bundle, "tagger"),
        code=lambda wildcards: bundle_code("bundle", wildcards.tagger),
    script:
        "../scripts/bundle.py"


rule bundle_reweighter:
    input:
        unpack(bundle_reweighter_inputs),
    output:
        directory("<results>/bundles/{reweighter}"),
    log:
        "<logs>/bundle/{reweighter}.log",
    wildcard_constraints:
        reweighter=one_of(RUN.bundled_reweighters),
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(6000),
        runtime=grows(60),
    params:
        **gets(stages.bundle_reweighter, "reweighter"),
        code=lambda wildcards: bundle_code("bundle_reweighter", wildcards.reweighter),
    script:
        "../scripts/bundle_reweighter.py"
