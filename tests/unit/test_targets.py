"""targets: a name in a target that the run does not have is said before anything is planned."""

import re
import shutil

import pytest

from jetsmith.configuration import targets
from jetsmith.configuration.load import load
from jetsmith.errors import ConfigError

from .spoil import ROOT, edit, put, run_of

NAME = "[a-z][a-z0-9_]*"
OUTPUTS = [
    "results/report/index.html",
    "results/hepdata",
    "results/comparison",
    f"results/simulated/{{dataset,{NAME}}}/{{part,\\d\\d\\d+}}.root",
    "results/inspect/{dataset,ttbar|qcd}.json",
    "results/inspect/{dataset,ttbar|qcd}.looked.json",
    "results/inspect/check/{classifier,cmva}/{sample}.json",
    "results/skim/{dataset}.json",
    "results/features/{dataset}/{part}/{group}.parquet",
    "results/features/{dataset}/{part}/{group}.turned.parquet",
    "results/packed/{sample}/train/rows",
    "results/packed/{sample}/test/rows",
    "results/packed/{sample}/train/{group}",
    "results/packed/{sample}/test/{group}",
    "results/packed/{sample}/train/{classifier}",
    "results/models/{training}",
    "results/models/{classifier}",
    "results/models/{classifier}.folds/{fold}",
    "results/scans/{classifier}.json",
    "results/models/{classifier}.scan/{rung}/{rank}",
    "results/scores/{classifier}/{sample}.parquet",
    "results/weights/{reweighter}/{dataset}.parquet",
    "results/bundles/{tagger}",
    "results/bundles/{reweighter}",
    "results/weights/{reweighter}.correction.json",
    "results/calibration/{judgement}.json",
    "results/calibration/{judgement}.numbers.json",
    "results/calibration/{plane}.json",
    "results/calibration/{plane}.numbers.json",
    "results/scale_factors/{measurement}.json",
    "results/learned/{learned}.onnx",
    "results/scale_factors/{judgement}.correction.json",
    "results/scale_factors/{judgement}.shape.json",
    "results/scale_factors/{judgement}.shape.correction.json",
    "results/moves/{judgement}.json",
    "results/plots/resilience/{sample}/{contrast}.png",
    "results/plots/fits/{measurement}.png",
    "results/plots/confusion/{tagger}.png",
    "results/plots/images/{tagger}.png",
    "results/plots/commissioning/{commissioning}/{shown}.png",
    "results/plots/shapes/{judgement}.png",
    "results/plots/roc/{sample}/{contrast}.png",
    "results/plots/fractions/{sample}/{traded}.png",
    "results/plots/plane/{plane}.png",
    "results/plots/loss_scan/{sample}/{column}.png",
    "results/plots/efficiency/{judgement}.png",
    "results/plots/features/{sample}/{group}.png",
    "results/plots/training/{classifier}.png",
    "results/plots/response/{classifier}/{estimate}.png",
]


@pytest.fixture(scope="module")
def demo():
    return load(run_of(ROOT / "config"), ROOT / "config")


UNKNOWN = {
    "results/inspect/tbar.json": "the run has no dataset `tbar`; did you mean `ttbar`? Choices: higgs_bb",
    "results/skim/nano_ttbar.json": "the run has no dataset `nano_ttbar`",  # in no sample
    "results/features/ttbar/999/rows.parquet": "dataset `ttbar` has no partition `999`; it has 2, 000 to 001",
    "results/skim/qcd/001.parquet": "dataset `qcd` has no partition `001`; it has 1, 000 to 000",
    "results/simulated/qcd/7.root": "the simulation of `qcd` has no partition `7`",
    "results/simulated/ttbar/002.root": "the simulation of `ttbar` has no partition `002`; it has 2, 000 to",
    "results/features/ttbar/000/ak8.parquet": "object `ak4` has no group `ak8`; did you mean `ak4`",
    "results/features/ttbar/000/ak8.turned.parquet": "object `ak4` has no group `ak8`; did you mean `ak4`",
    "results/packed/jets/test/chargd": "object `ak4` has no group `chargd`; did you mean `charged`? Choices:",
    "results/models/deepcvs": "the run has no classifier `deepcvs`; did you mean `deepcsv`? Choices: cmva",
    "results/scans/cmva.json": "the run has no scan of `cmva`. Choices: none",
    "results/models/cmva.folds/5": "the run has no fold `5`. Choices: 0, 1",
    "results/packed/fat_jets/train/cmva": "object `ak8` has no group `cmva`",
    "./results/packed/jet/test/rows": "the run has no sample `jet`; did you mean `jets`",
    "results/packed/jets/tset/rows": "the run has no split `tset`; did you mean `test`? Choices: calibration",
    "results/inspect/check/b/jets.json": "the run has no classifier `b`. Choices: cmva, csvv2",
    "results/inspect/check/cmva/fat_jets.json": "classifier `cmva` has no sample `fat_jets`",
    "results/scores/cmva/fat_jets.parquet": "classifier `cmva` has no sample `fat_jets`",
    "results/scale_factors/probe.json": "the run has no measurement `probe`. Choices: none",
    "results/scale_factors/csvv2.correction.json": "the list of taggers with measurements",
    "results/learned/by_jet.onnx": "the run has no learned efficiencies `by_jet`. Choices: none",
    "results/scale_factors/csvv2.shape.json": "the list of taggers whose shape is corrected (`shapes`)",
    "results/scale_factors/csvv2.shape.correction.json": "the list of taggers whose shape is corrected",
    "results/plots/shapes/csvv2.png": "the list of taggers whose shape is corrected (`shapes`)",
    "results/moves/csvv2.json": "the list of taggers whose inputs are moved (`resilience`) has no tagger",
    "results/plots/resilience/jets/b_jets_vs_light_jets.png": "what is tried of sample `jets` has no",
    "results/plots/confusion/jp.png": "the list of taggers with a probability of each class has no tagger",
    "results/plots/images/deepcsv.png": "the list of taggers whose network makes images has no tagger",
    "results/comparison": "the run is compared with no other; give `compare: {against: …}`",
    "results/plots/fits/probe.png": "the run has no measurement `probe`",
    "results/plots/commissioning/pair/ak4.png": "the run has no commissioning `pair`",
    "results/weights/cmva/qcd.parquet": "the run has no reweighter `cmva`. Choices: pythia_shower",
    "results/weights/pythia_shower/qcd.parquet": "sample `zjets` of `pythia_shower` has no dataset `qcd`",
    "results/bundles/pythia_showers": "the list of bundles (trained taggers, in samples without folds, and "
    "trained reweighters) has no classifier `pythia_showers`; did you mean `pythia_shower`",
    "results/weights/pythia_shower.correction.json": "the list of reweighters with bins",
    "results/calibration/pythia_shower.json": "the run has no tagger `pythia_shower`",
    "results/calibration/deepcvs.numbers.json": "the run has no tagger `deepcvs`; did you mean `deepcsv`",
    "results/plots/roc/jets/b_jets_vs_qcd.png": "sample `jets` has no contrast `b_jets_vs_qcd`; did you mean",
    "results/plots/roc/zjets/c_jets.png": "sample `zjets` has no contrast `c_jets`. Choices: none",
    "results/plots/features/jets/rows.png": "sample `jets` has no group `rows`. Choices: ak4, ",
    "results/plots/plane/charm.png": "the run has no plane `charm`. Choices: none",
    "results/plots/fractions/jets/b_vs_light.png": "sample `jets` has no signal against two backgrounds",
    "results/plots/efficency/cmva.png": "the run has no plot `efficency`; did you mean `efficiency`",
    "results/plots/training/qcd.png": "the run has no classifier `qcd`",
    "results/plots/response/cmva/energy.png": "what classifier `cmva` regresses has no estimate `energy`",
}


@pytest.mark.parametrize(("target", "said"), UNKNOWN.items(), ids=UNKNOWN)
def test_unknown_names(demo, target, said):
    """With the choices, those of the dataset or sample that the target names where it names one."""
    with pytest.raises(ConfigError) as caught:
        targets.check(["-n", target], OUTPUTS, demo)
    assert str(caught.value).startswith(f"target: {target}: {said}")


def test_several(demo):
    """All at once, a line each."""
    with pytest.raises(ConfigError) as caught:
        targets.check(list(UNKNOWN), OUTPUTS, demo)
    assert len(str(caught.value).splitlines()) == len(UNKNOWN)


def test_what_there_is(demo):
    """Known targets pass, and so does whatever is no target: rules, options, files of others."""
    known = [
        "results/report/index.html", "results/inspect/ttbar.json", "results/features/ttbar/001/ak4.parquet",
        "results/hepdata",
        "results/skim/ttbar/001.parquet", "results/simulated/qcd/000.root",
        "results/models/cmva", "results/models/csvv2.folds/1", "results/packed/jets/train/cmva",
        "results/packed/fat_jets/train/ak8", "results/packed/zjets/test/rows",
        "results/scores/pythia_shower/zjets.parquet", "results/weights/pythia_shower/zjets_power.parquet",
        "results/bundles/cmva", "results/bundles/pythia_shower",
        "results/weights/pythia_shower_2d.correction.json", "results/calibration/double_b.json",
        "results/plots/roc/fat_jets/hbb_vs_qcd_bb.png", "results/plots/features/zjets/event.png",
    ]  # fmt: skip
    others = ["-n", "all", "--cores", "2", "--configfile", "mine.yaml", "title=results/a", "results/a/b.json"]
    targets.check(known + others, OUTPUTS, demo)


@pytest.mark.parametrize("folder", ["results/mine", "/scratch/mine"])
def test_results_that_lie_elsewhere(demo, folder):
    """Examples say `results/…`: of another run Snakemake would have nothing to do, of none no rule."""
    outputs = [pattern.replace("results/", f"{folder}/", 1) for pattern in OUTPUTS]
    for target in ("results/report/index.html", "./results/plots/efficiency/cmva.png"):
        there = target.removeprefix("./").replace("results", folder, 1)
        with pytest.raises(ConfigError) as caught:
            targets.check(["-n", target], outputs, demo)
        said = f"target: {target}: results of this run lie elsewhere (`pathvars`); ask for {there}"
        assert str(caught.value) == said
        targets.check([there], outputs, demo)
    targets.check(["results/a/b.json", "results", folder], outputs, demo)


def test_stages_to_be_accepted():
    """One that is none would be accepted in silence, and run again."""
    targets.check_rules(["train", "pack"], ["pack", "train", "score"])
    with pytest.raises(ConfigError, match=r"^accept: no stage `trian`; did you mean `train`") as caught:
        targets.check_rules(["trian", "pack", "skin"], ["pack", "train", "score"])
    assert "accept: no stage `skin`. Choices: pack, " in str(caught.value)


def test_the_simulation_has_parts_of_its_own(tmp_path):
    """`parts` cuts the skim; the files that are made are `simulate.parts`."""
    folder = shutil.copytree(ROOT / "config", tmp_path / "config")
    edit(folder / "datasets.yaml", put("ttbar", "parts", value=8))
    run = load(run_of(folder), folder)
    targets.check(["results/skim/ttbar/005.parquet", "results/simulated/ttbar/001.root"], OUTPUTS, run)
    with pytest.raises(ConfigError, match="the simulation of `ttbar` has no partition `005`; it has 2"):
        targets.check(["results/simulated/ttbar/005.root"], OUTPUTS, run)


def test_every_wildcard_has_its_choices():
    """A wildcard that the workflow constrains is in a target above, or an unknown name is a KeyError."""
    text = (ROOT / "workflow/common.smk").read_text().partition("wildcard_constraints:")[2]
    constrained = set(re.findall(r"^    (\w+)=", text.partition("\n\n\n")[0], re.MULTILINE))
    assert {"dataset", "plane", "traded"} <= constrained
    assert constrained <= set(re.findall(r"{(\w+)", " ".join(OUTPUTS)))


def test_figures_of_estimates(tmp_path):
    """By tagger and output; another output has its choices."""
    folder = shutil.copytree(ROOT / "config", tmp_path / "config")
    edit(folder / "config.yaml", put("taggers", "b_energy", value="jets"))
    run = load(run_of(folder), folder)
    targets.check(["results/plots/response/b_energy/energy.png"], OUTPUTS, run)
    with pytest.raises(ConfigError, match="regresses has no estimate `enrgy`; did you mean `energy`"):
        targets.check(["results/plots/response/b_energy/enrgy.png"], OUTPUTS, run)
