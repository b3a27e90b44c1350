# Which files a stage reads and writes, where several rules ask or one would be too long.


def simulated(dataset):
    """Files of the embedded demo that a dataset asks for; none where it has its own."""
    spec = RUN.datasets[dataset]
    parts = range(spec.simulate.parts) if spec.simulate else ()
    return [f"<results>/simulated/{dataset}/{part:03d}.root" for part in parts]


def parts_of(dataset, stage, suffix=".parquet"):
    """A stage's files of all partitions of a dataset."""
    return [f"<results>/{stage}/{dataset}/{part}{suffix}" for part in RUN.parts(dataset)]


def skim_inputs(dataset):
    """The plan, and files whose content decides about rows."""
    golden = RUN.golden_json(dataset)
    found = {"plan": f"<results>/inspect/{dataset}.json", "simulated": simulated(dataset)}
    return found | ({"golden_json": golden} if golden else {})


def features_of(dataset, group):
    """A feature group, or the rows, of all partitions of a dataset."""
    return [f"<results>/features/{dataset}/{part}/{group}.parquet" for part in RUN.parts(dataset)]


def packed_of(sample, *groups):
    """The packed splits of groups of a sample."""
    return [f"<results>/packed/{sample}/{split}/{group}" for group in groups for split in SPLITS]


def read_by(classifier, sample=None):
    """The packed rows and groups that a classifier reads, by default of the sample that it is trained on."""
    sample = sample or RUN.classifiers[classifier].sample
    return packed_of(sample, ROWS, *RUN.groups_on(classifier, sample))


def check_of(classifier, sample=None):
    """What check found of a sample for a classifier, by default of the one that it is trained on."""
    return f"<results>/inspect/check/{classifier}/{sample or RUN.classifiers[classifier].sample}.json"


def start_of(classifier):
    """The network that a classifier starts from: another model of the run, or files of a folder from outside."""
    start = RUN.classifiers[classifier].start_from
    if start in RUN.classifiers:
        return [f"<results>/models/{start}"]
    return [f"{start}/{name}" for name in STARTING] if start else []


def compared_by(reweighter):
    """The packed rows, and the groups of all features that its closure test compares."""
    spec = RUN.classifiers[reweighter]
    return packed_of(spec.sample, ROWS, *dict.fromkeys(i.group for i in (*spec.inputs, *spec.spectators)))


def trainings_of(classifiers):
    """Names of the trainings of classifiers: these themselves, points of their scans, members of ensembles."""
    return [name for name, training in RUN.trainings.items() if training.spec.name in classifiers]


def rung_of(classifier, rung):
    """Models of a rung of a scan: of all its points, in its order; later ones by rank."""
    scan = RUN.scans[classifier]
    of_rung = [f"{rung}/{rank}" for rank in range(scan.trained[rung])] if rung else scan.points
    return [f"<results>/models/{classifier}.scan/{name}" for name in of_rung]


def points_of(classifier):
    """Models of all rungs of a scan."""
    return [
        model for rung in range(len(RUN.scans[classifier].trained)) for model in rung_of(classifier, rung)
    ]


def members_of(classifier):
    """Models of the members of an ensemble."""
    return [f"<results>/models/{classifier}.members/{k}" for k in range(RUN.ensembles[classifier])]


def table_of(classifier):
    """What choose found of the points of a scan."""
    return f"<results>/scans/{classifier}.json"


def models_without(classifier, sample):
    """Models of a classifier, each without a part of the events, where others need them for a sample."""
    return [f"<results>/models/{classifier}.folds/{k}" for k in range(RUN.n_stacked(classifier, sample))]


def resolution_inputs(wildcards):
    """Skims and accounts of the sample that resolution functions are fitted to, or the file that has them."""
    spec = RUN.run.track_resolution
    if spec is None:
        return {}
    if spec.sample is None:
        return {"file": RUN.resolution_file()}
    datasets = RUN.run.samples[spec.sample].datasets
    return {
        "skims": [path for dataset in datasets for path in parts_of(dataset, "skim")],
        "accounts": [f"<results>/skim/{dataset}.json" for dataset in datasets],
    }


def resolved_inputs(wildcards):
    """The resolution functions, where a feature group reads what follows from them."""
    found = {"resolution": "<results>/calibration/track_resolution.json"}
    return found if RUN.resolves(wildcards.group) else {}


def rows_inputs(sample):
    """Rows and account of each dataset of a sample, by its name."""
    datasets = RUN.run.samples[sample].datasets
    return {f"rows_{dataset}": features_of(dataset, ROWS) for dataset in datasets} | {
        f"account_{dataset}": f"<results>/skim/{dataset}.json" for dataset in datasets
    }


def group_inputs(sample, group):
    """Rows and features of each dataset of a sample, by its name."""
    datasets = RUN.run.samples[sample].datasets
    return {f"rows_{dataset}": features_of(dataset, ROWS) for dataset in datasets} | {
        f"features_{dataset}": features_of(dataset, group + RUN.signs_of(sample)) for dataset in datasets
    }


def scores_of(classifier, sample=None):
    """The scores of a classifier on a sample, by default on the one that it is trained on."""
    return f"<results>/scores/{classifier}/{sample or RUN.classifiers[classifier].sample}.parquet"


def numbers_of(judgement):
    """Working points and efficiencies of a tagger by one of its discriminants."""
    return f"<results>/calibration/{judgement}.numbers.json"


def plane_inputs(wildcards):
    """The scores of the two judgements of a plane."""
    taggers = [RUN.judgements[name].name for name in RUN.run.calibration.planes[wildcards.plane].judgements]
    return {"first": scores_of(taggers[0]), "second": scores_of(taggers[1])}


def measurement_inputs(wildcards):
    """Scores of a tagger on the samples of a measurement, in the order of their first mention, and its thresholds."""
    spec = RUN.run.scale_factors[wildcards.measurement]
    samples = RUN.run.measured_on(spec)
    found = {
        "scores": [scores_of(RUN.judgements[spec.judgement].name, sample) for sample in samples],
        "calibration": numbers_of(spec.judgement),
    }
    if spec.variable is not None:
        found["packed"] = [
            path for sample in samples for path in packed_of(sample, ROWS, spec.variable.group)
        ]
    return found


def shape_inputs(wildcards):
    """Scores of a tagger on the samples of both regions, in the order of their first mention, and its thresholds."""
    name = wildcards.judgement
    samples = dict.fromkeys(RUN.run.shapes[name].samples)
    return {
        "scores": [scores_of(RUN.judgements[name].name, sample) for sample in samples],
        "calibration": numbers_of(name),
    }


def shaped_by(judgement):
    """What stage shape found of a judgement."""
    return f"<results>/scale_factors/{judgement}.shape.json"


def measured_of(judgement):
    """What all measurements of a judgement found."""
    return [f"<results>/scale_factors/{name}.json" for name in RUN.measured[judgement]]


def measured_inputs(wildcards):
    """The same, and their combination."""
    name = wildcards.judgement
    return {
        "measurements": measured_of(name),
        "combination": f"<results>/scale_factors/{name}.combination.json",
    }


def learned_inputs(wildcards):
    """Scores of a tagger, its thresholds, and the packed groups of what a network is given and closes in."""
    spec = RUN.run.learned_efficiencies[wildcards.learned]
    tagger = RUN.judgements[spec.judgement]
    groups = dict.fromkeys([*spec.features, *spec.closes_in])
    return {
        "scores": scores_of(tagger.name),
        "calibration": numbers_of(spec.judgement),
        "packed": packed_of(tagger.sample, ROWS, *groups),
    }


def bundle_inputs(wildcards):
    """A trained tagger, jets to compare it on, and what calibrate found of each of its discriminants."""
    name = wildcards.tagger
    spec = RUN.classifiers[name]
    views = [found.judgement for found in RUN.judgements.values() if found.name == name]
    return {
        "model": f"<results>/models/{name}",
        "packed": read_by(name),
        "calibrations": [f"<results>/calibration/{judgement}.json" for judgement in views],
        "numbers": [numbers_of(judgement) for judgement in views],
    }


def tested_by(wildcards):
    """What closure found of a reweighter that it tests; nothing of others."""
    name = wildcards.reweighter
    return {"closure": f"<results>/closure/{name}.json"} if name in RUN.tested else {}


def bundle_reweighter_inputs(wildcards):
    """A trained reweighter, events to compare it on, what weights says of its source, and its closure test."""
    name = wildcards.reweighter
    spec = RUN.classifiers[name]
    made = RUN.generators(spec.sample).items()
    of_source = [dataset for dataset, generator in made if generator == spec.classes[0].generator]
    return {
        "model": f"<results>/models/{name}",
        "packed": read_by(name),
        "weights": f"<results>/weights/{name}/{of_source[0]}.json",
        **tested_by(wildcards),
    }


def weights_of(reweighter):
    """The event weights of a reweighter, one file a dataset of its sample."""
    sample = RUN.run.samples[RUN.run.reweighters[reweighter]]
    return [f"<results>/weights/{reweighter}/{dataset}.parquet" for dataset in sample.datasets]


def untested_weights(wildcards):
    """Summaries of weights that no closure test judges: nothing that they could agree with is in the run."""
    return [
        f"<results>/weights/{name}/{dataset}.json"
        for name, sample in RUN.run.reweighters.items()
        if name not in RUN.tested
        for dataset in RUN.run.samples[sample].datasets
    ]


def drawn(plot, subject):
    """The files of a plot; the PNG also goes into `snakemake --report`."""
    base = f"<results>/plots/{plot}/{subject}"
    return {
        "pdf": f"{base}.pdf",
        "png": report(
            f"{base}.png",
            caption="caption.rst",
            category=plot,
            labels={"plot": plot, "of": subject},
        ),
        "json": f"{base}.json",
        **({"histograms": f"{base}.hist.json"} if PLOTS[plot].has_histograms else {}),
    }


PLOT_SUBJECTS = {
    "contrast": "{sample}/{contrast}",
    "traded": "{sample}/{traded}",
    "tried": "{sample}/{contrast}",
    "judgement": "{judgement}",
    "classified": "{tagger}",
    "plane": "{plane}",
    "measured": "{judgement}",
    "measurement": "{measurement}",
    "commissioned": "{commissioning}/{shown}",
    "learned": "{learned}",
    "shaped": "{judgement}",
    "reweighter": "{reweighter}",
    "tested": "{reweighter}",
    "interpolated": "{reweighter}",
    "trained": "{classifier}",
    "scanned": "{classifier}",
    "headed": "{classifier}",
    "imaged": "{tagger}",
    "estimated": "{classifier}/{estimate}",
    "ensemble": "{judgement}",
    "decorrelated": "{judgement}",
    "explained": "{tagger}",
    "ablated": "{tagger}",
    "loss_scanned": "{sample}/{column}",
    "described": "{sample}/{group}",
    "compared": "{sample}/{group}",
}


def contrast_inputs(wildcards):
    """Scores on the sample, and the working points that are marked, of each tagger of a figure."""
    shown = contrasts(RUN, wildcards.sample)[wildcards.contrast].judgements
    return {
        "scores": [scores_of(spec.name, wildcards.sample) for spec in shown],
        "numbers": [numbers_of(spec.judgement) for spec in shown],
    }


def traded_inputs(wildcards):
    """Scores of the taggers whose fractions of two backgrounds a figure scans."""
    shown = traded(RUN, wildcards.sample)[wildcards.traded]
    return {"scores": [scores_of(spec.name, wildcards.sample) for spec in shown]}


def tried_inputs(wildcards):
    """Scores of each tagger on the sample and where something is other, and what its moved inputs cost."""
    sample = wildcards.sample
    shown = tried(RUN, sample)[wildcards.contrast].judgements
    samples = [sample, *RUN.run.resilience[sample].shifts.values()]
    moved = [spec.judgement for spec in shown if spec.judgement in RUN.moved]
    return {
        "scores": [scores_of(spec.name, one) for spec in shown for one in samples],
        "moves": [f"<results>/moves/{judgement}.json" for judgement in moved],
    }


def judgement_inputs(wildcards):
    """Scores and working points of a tagger."""
    name = wildcards.judgement
    return {"scores": scores_of(RUN.judgements[name].name), "numbers": numbers_of(name)}


def plane_figure_inputs(wildcards):
    """Scores and working points of the two judgements of a plane."""
    return {"scores": list(plane_inputs(wildcards).values()), "numbers": numbers_of(wildcards.plane)}


def reweighter_inputs(wildcards):
    """The closure test of a reweighter, and its weights."""
    name = wildcards.reweighter
    return {"closure": f"<results>/closure/{name}.json", "weights": weights_of(name)}


def tested_inputs(wildcards):
    """The closure test of a reweighter."""
    return {"closure": f"<results>/closure/{wildcards.reweighter}.json"}


def trained_inputs(wildcards):
    """A model, with its history."""
    return {"model": f"<results>/models/{wildcards.classifier}"}


def estimated_inputs(wildcards):
    """Scores of a classifier, which have what it estimates."""
    return {"scores": scores_of(wildcards.classifier)}


def scanned_inputs(wildcards):
    """The table of a scan."""
    return {"table": table_of(wildcards.classifier)}


def ensemble_inputs(wildcards):
    """Scores of a tagger; of an ensemble with those of its members."""
    return {"scores": scores_of(RUN.judgements[wildcards.judgement].name)}


def explained_inputs(wildcards):
    """What explain found of a tagger."""
    return {"explanation": f"<results>/explain/{wildcards.tagger}.json"}


def ablated_inputs(wildcards):
    """What trainings of a tagger without some inputs have lost."""
    return {"ablation": f"<results>/ablation/{wildcards.tagger}.json"}


def loss_scanned_inputs(wildcards):
    """What was found of the taggers of a sample that are to leave a column alone, by the weight of a loss."""
    shown = with_loss_scan(RUN, wildcards.sample, wildcards.column)
    return {"scans": [f"<results>/loss_scans/{spec.name}.json" for spec in shown]}


def described_inputs(wildcards):
    """Packed rows and features of a group, and what stage features says of what it found missing."""
    sample, group = wildcards.sample, wildcards.group
    datasets = RUN.run.samples[sample].datasets
    about = {
        f"about_{name}": [
            path.replace(".parquet", ".meta.json") for path in features_of(name, group + RUN.signs_of(sample))
        ]
        for name in datasets
    }
    return {"packed": packed_of(sample, ROWS, group), **about}


def compared_inputs(wildcards):
    """Packed rows and features of a group, and those of samples that taggers judged on this one are trained on."""
    sample, group = wildcards.sample, wildcards.group
    others = trained_elsewhere(RUN, sample, group)
    return {
        "packed": packed_of(sample, ROWS, group),
        "others": [path for other in others for path in packed_of(other, ROWS, group)],
    }


def commissioned_inputs(wildcards):
    """Of data and of simulation, one sample behind the other: packed rows and a group, or scores of each tagger."""
    spec = RUN.run.commissioning[wildcards.commissioning]
    samples = [spec.data, *spec.simulation]
    if wildcards.shown != DISCRIMINANTS:
        return {"packed": [path for sample in samples for path in packed_of(sample, ROWS, wildcards.shown)]}
    taggers = [RUN.judgements[name].name for name in spec.judgements]
    return {"scores": [scores_of(tagger, sample) for tagger in taggers for sample in samples]}


PLOT_INPUTS = {
    "contrast": contrast_inputs,
    "traded": traded_inputs,
    "tried": tried_inputs,
    "judgement": judgement_inputs,
    "classified": lambda wildcards: {"scores": scores_of(wildcards.tagger)},
    "plane": plane_figure_inputs,
    "measured": measured_inputs,
    "learned": lambda wildcards: {"found": f"<results>/learned/{wildcards.learned}.json"},
    "measurement": lambda wildcards: {"measured": f"<results>/scale_factors/{wildcards.measurement}.json"},
    "commissioned": commissioned_inputs,
    "shaped": lambda wildcards: {"shape": shaped_by(wildcards.judgement)},
    "reweighter": reweighter_inputs,
    "tested": tested_inputs,
    "interpolated": tested_inputs,
    "trained": trained_inputs,
    "scanned": scanned_inputs,
    "headed": trained_inputs,
    "imaged": lambda wildcards: {"model": f"<results>/models/{wildcards.tagger}"},
    "estimated": estimated_inputs,
    "ensemble": ensemble_inputs,
    "decorrelated": ensemble_inputs,
    "explained": explained_inputs,
    "ablated": ablated_inputs,
    "loss_scanned": loss_scanned_inputs,
    "described": described_inputs,
    "compared": compared_inputs,
}


PUBLISHED = {
    plot: [f"<results>/plots/{plot}/{'/'.join(subject)}.json" for subject in subjects(RUN, PLOTS[plot].of)]
    for plot in (
        "roc",
        "efficiency",
        "discriminant",
        "scale_factors",
        "confusion",
        "resilience",
        "response",
        "closure",
        "shapes",
        "commissioning",
        "fractions",
    )
}
"""Numbers of figures that go to HEPData, by plot."""


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


def figures(wildcards):
    """PNG files of every plot of the run, in the order of the report."""
    return [
        f"<results>/plots/{plot}/{'/'.join(subject)}.png"
        for plot, about in PLOTS.items()
        for subject in subjects(RUN, about.of)
    ]
