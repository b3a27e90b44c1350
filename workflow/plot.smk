# plot: reads scores, calibration numbers, histories and closures; writes plots/{plot}/….{pdf,png,json}.


def drawn(plot, subject):
    """The three files of a plot; the PNG also goes into `snakemake --report`."""
    base = f"<results>/plots/{plot}/{subject}"
    return {
        "pdf": f"{base}.pdf",
        "png": report(f"{base}.png", category=plot, labels={"plot": plot, "of": subject}),
        "json": f"{base}.json",
    }


def backgrounds_on(sample):
    """Background classes that the taggers of a sample are judged against, in order."""
    return list(
        dict.fromkeys(
            c.name for tagger in taggers_on(sample) for c in RUN.classifiers[tagger].background_classes
        )
    )


def all_plots(wildcards):
    """PNG files of every plot of the run, in the order of the report."""
    samples = [sample for sample in RUN.run.samples if taggers_on(sample)]
    trained = [name for name, spec in RUN.classifiers.items() if spec.backend != "stored"]
    return [
        f"<results>/plots/{subject}.png"
        for subject in (
            *(f"roc/{sample}/{background}" for sample in samples for background in backgrounds_on(sample)),
            *(f"discriminant/{tagger}" for tagger in RUN.run.taggers),
            *(f"efficiency/{tagger}" for tagger in RUN.run.taggers),
            *(f"reweighting/{reweighter}" for reweighter in RUN.run.reweighters),
            *(f"training/{classifier}" for classifier in trained),
        )
    ]


rule plot_roc:
    input:
        scores=lambda wildcards: [scores_of(tagger) for tagger in taggers_on(wildcards.sample)],
        numbers=lambda wildcards: [
            f"<results>/calibration/{tagger}.numbers.json" for tagger in taggers_on(wildcards.sample)
        ],
    output:
        **drawn("roc", "{sample}/{background}"),
    log:
        "<logs>/plot_roc/{sample}.{background}.log",
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        specs=lambda wildcards: [
            RUN.classifiers[tagger].model_dump(mode="json") for tagger in taggers_on(wildcards.sample)
        ],
        style=RUN.run.plots.model_dump(),
        seed=RUN.run.seed,
        code=code("plot_roc"),
    script:
        "../scripts/plot_roc.py"


rule plot_discriminant:
    input:
        scores=lambda wildcards: scores_of(wildcards.tagger),
        numbers="<results>/calibration/{tagger}.numbers.json",
    output:
        **drawn("discriminant", "{tagger}"),
    log:
        "<logs>/plot_discriminant/{tagger}.log",
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        spec=lambda wildcards: RUN.classifiers[wildcards.tagger].model_dump(mode="json"),
        style=RUN.run.plots.model_dump(),
        code=code("plot_discriminant"),
    script:
        "../scripts/plot_discriminant.py"


rule plot_efficiency:
    input:
        scores=lambda wildcards: scores_of(wildcards.tagger),
        numbers="<results>/calibration/{tagger}.numbers.json",
    output:
        **drawn("efficiency", "{tagger}"),
    log:
        "<logs>/plot_efficiency/{tagger}.log",
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        spec=lambda wildcards: RUN.classifiers[wildcards.tagger].model_dump(mode="json"),
        selection=lambda wildcards: RUN.run.selection[RUN.classifiers[wildcards.tagger].object].model_dump(),
        style=RUN.run.plots.model_dump(),
        code=code("plot_efficiency"),
    script:
        "../scripts/plot_efficiency.py"


rule plot_reweighting:
    input:
        closure="<results>/closure/{reweighter}.json",
        weights=lambda wildcards: weights_of(wildcards.reweighter),
    output:
        **drawn("reweighting", "{reweighter}"),
    log:
        "<logs>/plot_reweighting/{reweighter}.log",
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        spec=lambda wildcards: RUN.classifiers[wildcards.reweighter].model_dump(mode="json"),
        datasets=lambda wildcards: RUN.generators(RUN.run.reweighters[wildcards.reweighter]),
        labels=lambda wildcards: RUN.labels(wildcards.reweighter),
        style=RUN.run.plots.model_dump(),
        code=code("plot_reweighting"),
    script:
        "../scripts/plot_reweighting.py"


rule plot_training:
    input:
        "<results>/models/{classifier}",
    output:
        **drawn("training", "{classifier}"),
    log:
        "<logs>/plot_training/{classifier}.log",
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        spec=classifier_spec,
        style=RUN.run.plots.model_dump(),
        code=code("plot_training"),
    script:
        "../scripts/plot_training.py"
