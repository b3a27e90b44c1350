# calibrate: reads the scores of a tagger; writes calibration/{tagger}.json (correctionlib) and {tagger}.numbers.json.


rule calibrate:
    input:
        lambda wildcards: scores_of(wildcards.tagger),
    output:
        corrections="<results>/calibration/{tagger}.json",
        numbers="<results>/calibration/{tagger}.numbers.json",
    log:
        "<logs>/calibrate/{tagger}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        **gets(stages.calibrate, "tagger"),
        code=code("calibrate"),
    script:
        "../scripts/calibrate.py"
