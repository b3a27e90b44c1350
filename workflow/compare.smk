# compare: reads scores, what calibrate, measure and closure found, numbers of ROC curves and resilience, inspections and accounts, and the results
# folder of a finished run; writes comparison/, both side by side. Only where the run has `compare`.


rule compare:
    input:
        compared_runs,
    output:
        # Patterns, and no `htmlindex`: with that `--report` makes no single page.
        report(
            directory("<results>/comparison"),
            patterns=["{shown}.html", "plots/{shown}.png"],
            caption="comparison.rst",
            category="comparison",
            labels={"shown": "{shown}"},
        ),
    log:
        "<logs>/compare.log",
    benchmark:
        "<benchmarks>/compare.tsv"
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(6000),
        runtime=grows(60),
    params:
        **gets(stages.compare),
        ledger=lambda wildcards: fingerprint(Path(given(stages.compare).against) / LEDGER),
        code=code("compare"),
        template=[
            provenance.file_digest(path)
            for folder in ("comparing", "report")
            for path in sorted((provenance.PACKAGE / folder).glob("*.html.j2"))
        ],
    script:
        "../scripts/compare.py"
