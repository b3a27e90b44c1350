# report: reads every number and plot of the run; writes report/index.html, one page that holds them all, and one a tagger.


rule report:
    input:
        plots=figures,
        accounts=expand("<results>/skim/{dataset}.json", dataset=RUN.datasets),
        inspections=expand("<results>/inspect/{dataset}.json", dataset=RUN.datasets),
        numbers=[numbers_of(judgement) for judgement in RUN.judgements],
        planes=[numbers_of(plane) for plane in RUN.run.calibration.planes],
        measurements=expand("<results>/scale_factors/{measurement}.json", measurement=RUN.run.scale_factors),
        learned=expand("<results>/learned/{learned}.json", learned=RUN.run.learned_efficiencies),
        shapes=[shaped_by(judgement) for judgement in RUN.run.shapes],
        scans=[table_of(name) for name in RUN.scans],
        closures=expand("<results>/closure/{reweighter}.json", reweighter=RUN.tested),
        untested=untested_weights,
        checks=[check_of(name, sample) for name in RUN.classifiers for sample in RUN.scored_on(name)],
        models=expand("<results>/models/{tagger}", tagger=RUN.run.taggers),
        comparison=["<results>/comparison"] if RUN.run.compare else [],
    output:
        report("<results>/report/index.html", category="report"),
        expand("<results>/report/taggers/{tagger}.html", tagger=RUN.run.taggers),
    log:
        "<logs>/report.log",
    conda:
        "../envs/jetsmith.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        **gets(stages.report),
        code=code("report"),
        template=[
            provenance.file_digest(path)
            for path in sorted((provenance.PACKAGE / "report").glob("*.html.j2"))
        ],
        accepted=lambda wildcards: workflow.persistence.accepted,
    script:
        "../scripts/report.py"
