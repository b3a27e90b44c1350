# compare: reads scores, what calibrate, measure and closure found, numbers of ROC curves and resilience, inspections and accounts, and the results
# folder of a finished run; writes comparison/, both side by side. Only where the run has `compare`.


def compared_runs(wildcards):
    """Files of this run that are compared: all left of the page. The other run's are those of its ledger."""
    samples = {name: RUN.samples_of(name) for name in RUN.run.taggers}
    numbers = [
        f"<results>/plots/{plot}/{'/'.join(subject)}.json"
        for plot in ("roc", "resilience")
        for subject in subjects(RUN, PLOTS[plot].of)
    ]
    return [
        *(scores_of(tagger, sample) for tagger, on in samples.items() for sample in on),
        *(numbers_of(name) for name in [*RUN.judgements, *RUN.run.calibration.planes]),
        *numbers,
        *expand("<results>/scale_factors/{measurement}.json", measurement=RUN.run.scale_factors),
        *expand("<results>/closure/{reweighter}.json", reweighter=RUN.tested),
        *expand("<results>/inspect/{dataset}.json", dataset=RUN.datasets),
        *expand("<results>/skim/{dataset}.json", dataset=RUN.datasets),
    ]


rule compare:
    input:
        compared_runs,
    output:
        directory("<results>/comparison"),
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
