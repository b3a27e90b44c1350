# measure: reads scores of data and of simulation, and working points; writes scale_factors/{measurement}.json and workspaces of pyhf.
# scale_factors: reads all measurements of a judgement; writes scale_factors/{judgement}.correction.json (correctionlib) and .combination.json.
# shape: reads scores of data and of simulation in two regions, and working points; writes scale_factors/{judgement}.shape.json and .shape.correction.json.


rule measure:
    input:
        unpack(measurement_inputs),
    output:
        numbers="<results>/scale_factors/{measurement}.json",
        workspaces=directory("<results>/scale_factors/{measurement}.workspaces"),
    log:
        "<logs>/measure/{measurement}.log",
    benchmark:
        "<benchmarks>/measure/{measurement}.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows_with_input(3000, 4),
        runtime=grows(120),
    params:
        **gets(stages.measure, "measurement"),
        code=code("measure"),
    script:
        "../scripts/measure.py"


rule scale_factors:
    input:
        lambda wildcards: measured_of(wildcards.judgement),
    output:
        corrections="<results>/scale_factors/{judgement}.correction.json",
        numbers="<results>/scale_factors/{judgement}.combination.json",
    log:
        "<logs>/scale_factors/{judgement}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(1000),
        runtime=grows(10),
    params:
        **gets(stages.scale_factors, "judgement"),
        code=code("scale_factors"),
    script:
        "../scripts/scale_factors.py"


rule shape:
    input:
        unpack(shape_inputs),
    output:
        numbers="<results>/scale_factors/{judgement}.shape.json",
        corrections="<results>/scale_factors/{judgement}.shape.correction.json",
    log:
        "<logs>/shape/{judgement}.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows_with_input(3000, 4),
        runtime=grows(30),
    params:
        **gets(stages.shape, "judgement"),
        code=code("shape"),
    script:
        "../scripts/shape.py"
