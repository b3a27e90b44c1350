# publish: reads the numbers of figures (PUBLISHED in files.smk); writes hepdata/, a submission to HEPData.


rule publish:
    input:
        **PUBLISHED,
    output:
        directory("<results>/hepdata"),
    log:
        "<logs>/publish.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(1000),
        runtime=grows(10),
    params:
        **gets(stages.publish),
        code=code("publish"),
    script:
        "../scripts/publish.py"
