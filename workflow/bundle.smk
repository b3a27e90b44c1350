# bundle: reads a trained tagger, its packed jets and its calibration; writes bundles/{tagger}/, which others can run: ONNX, inputs, working points, reference jets, model card.


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
        code=bundle_code,
    script:
        "../scripts/bundle.py"
