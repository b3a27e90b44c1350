# calibrate: reads the scores of a tagger; for each of its discriminants writes calibration/{judgement}.json (correctionlib) and {judgement}.numbers.json.
# learn: reads the scores of a tagger, its thresholds, and packed features; writes learned/{learned}.onnx and {learned}.json, its closure. Only of `learned_efficiencies`.
# calibrate_plane: reads the scores of two judgements; writes the same, calibration/{plane}.json, of a cut on each. Only of `planes`.


rule calibrate:
    input:
        lambda wildcards: scores_of(RUN.judgements[wildcards.judgement].name),
    output:
        corrections="<results>/calibration/{judgement}.json",
        numbers="<results>/calibration/{judgement}.numbers.json",
    log:
        "<logs>/calibrate/{judgement}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows_with_input(2000, 2),
        runtime=grows(30),
    params:
        **gets(stages.calibrate, "judgement"),
        code=code("calibrate"),
    script:
        "../scripts/calibrate.py"


rule calibrate_plane:
    input:
        unpack(plane_inputs),
    output:
        corrections="<results>/calibration/{plane}.json",
        numbers="<results>/calibration/{plane}.numbers.json",
    log:
        "<logs>/calibrate/{plane}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows_with_input(3000, 2),
        runtime=grows(30),
    params:
        **gets(stages.calibrate_plane, "plane"),
        code=code("calibrate_plane"),
    script:
        "../scripts/calibrate_plane.py"


rule learn:
    input:
        unpack(learned_inputs),
    output:
        efficiencies="<results>/learned/{learned}.onnx",
        numbers="<results>/learned/{learned}.json",
    log:
        "<logs>/learn/{learned}.log",
    benchmark:
        "<benchmarks>/learn/{learned}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows_with_input(4000, 2),
        runtime=grows(60),
    params:
        **gets(stages.learn, "learned"),
        code=lambda wildcards: learned_code(wildcards.learned),
    script:
        "../scripts/learn.py"
