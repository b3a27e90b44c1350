# calibrate: reads the scores of a tagger; for each of its discriminants writes calibration/{judgement}.json (correctionlib) and {judgement}.numbers.json.


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
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        **gets(stages.calibrate, "judgement"),
        code=code("calibrate"),
    script:
        "../scripts/calibrate.py"
