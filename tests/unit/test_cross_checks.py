"""Cross-checks: what is right by itself and wrong beside the rest comes up at parse, with file, key, choices.

Each row is a mistake that would otherwise fail hours later, or pass and give a wrong number.
"""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from jetsmith import stages
from jetsmith.configuration.kept import kept_truth
from jetsmith.configuration.load import load
from jetsmith.configuration.measurement_checks import lacks_jets_below
from jetsmith.configuration.subjects import contrasts, subjects
from jetsmith.errors import ConfigError
from tests.unit.spoil import ROOT, both, drop, edit, put, run_of, without_lines


@pytest.fixture
def folder(tmp_path):
    """A copy of config/ to spoil."""
    return Path(shutil.copytree(ROOT / "config", tmp_path / "config"))


def refused(run, folder):
    """The message, which names a line, without it."""
    with pytest.raises(ConfigError) as caught:
        load(run, folder, "config/config.yaml")
    message = str(caught.value)
    # The run is no file here, and what is not there has no line.
    has_no_line = message.startswith("config/config.yaml: ") or "a tagger needs" in message
    assert has_no_line or re.search(r"\.yaml:\d+: ", message)
    return without_lines(caught.value)


JET = {"object": "ak4", "kind": "flat", "features": {"pt": {"source": "jet_pt_gev"}}}
MASS = {"source": "sv_mass_gev"}
CHAIN = ("csvv2", "jp", "jbp", "soft_muon", "soft_electron", "cmva")  # of the demo, in its order
C_JETS = {"truth": [400, 410, 411], "label": "c", "color": "#ff7f0e", "flavor": 4}
C_JUDGED = {"signal": "c_jets", "backgrounds": ["light_jets"]}
CVSL = {"signal": ["c"], "background": {"udsg": 1.0}}
C_TAGGER = both(put("evaluation", value=C_JUDGED), put("discriminants", value={"CvsL": CVSL}))
FEATURES = {
    "a list as a flat feature": (
        "features/ak4.yaml",
        drop("features", "trackSip3dSig_0", "slot"),
        ["features.trackSip3dSig_0.slot", "`track_sip3d_sig` is a list", "`slot: 0`"],
    ),
    "an element of one value": (
        "features/ak4.yaml",
        put("features", "jetPt", "slot", value=0),
        ["features.jetPt.slot", "`jet_raw_pt_gev` is one value a row", "leave `slot` out"],
    ),
    "one value in a sequence": (
        "features/charged.yaml",
        put("features", "pt", value={"source": "jet_pt_gev"}),
        ["features.pt.source", "`jet_pt_gev` is one value a row", "such as cpf_"],
    ),
    "a stored score in a sequence": (
        "features/charged.yaml",
        put("features", "b", value={"source": "stored_btagDeepB"}),
        ["features.b.source", "`stored_btagDeepB` is one value a row"],
    ),
    "an element in a sequence": (
        "features/charged.yaml",
        put("features", "ptrel", "slot", value=1),
        ["features.ptrel.slot", "whole list"],
    ),
    "two families in a sequence": (
        "features/charged.yaml",
        put("features", "mass", value=MASS),
        ["features: lists of different lengths", "sv (mass)", "a group of each"],
    ),
    "the two lengths of tracks": (
        "features/charged.yaml",
        lambda content: content.update(
            sort_by="",
            presets={},
            features={"a": {"source": "track_delta_r"}, "b": {"source": "track_eta_rel"}},
        ),
        ["track (a)", "track_eta_rel (b)"],
    ),
    "an order that is no column": (
        "features/charged.yaml",
        put("sort_by", value="cpf_sip2d_sigg"),
        ["sort_by: no column `cpf_sip2d_sigg`", "did you mean `cpf_sip2d_sig`"],
    ),
    "an order of others": (
        "features/charged.yaml",
        put("sort_by", value="npf_pt_gev"),
        ["sort_by: no list of the same length `npf_pt_gev`", "`cpf_pt_gev`"],
    ),
    "an order by one value": (
        "features/charged.yaml",
        put("sort_by", value="jet_pt_gev"),
        ["sort_by: no list of the same length `jet_pt_gev`"],
    ),
    "an order of flat features": (
        "features/ak4.yaml",
        put("sort_by", value="jet_pt_gev"),
        ["kind: a flat group has neither `length` nor `sort_by`"],
    ),
    "reversed clip": (
        "features/ak4.yaml",
        put("features", "jetPt", "clip", value=[10, -10]),
        ["features.jetPt.clip", "must rise", "[10.0, -10.0]"],
    ),
    "a name of the key": (
        "features/ak4.yaml",
        put("features", "event", value={"source": "n_pv"}),
        ["features.event", "a column of all rows already"],
    ),
    "a name with a dot": (
        "features/ak4.yaml",
        put("features", "jet.pt", value={"source": "jet_pt_gev"}),
        ["features.jet.pt", "letters, digits and `_` alone"],
    ),
    "a feature of a long name": (
        "features/ak4.yaml",
        put("features", "p" * 81, value={"source": "jet_pt_gev"}),
        [f"features.{'p' * 81}: a name has 64 letters at most"],
    ),
    "a stored score without a name": (
        "features/ak4.yaml",
        put("features", "score", value={"source": "stored_"}),
        ["features.score.source: no column `stored_`", "or stored_<branch>"],
    ),
    "a branch that is no score": (
        "features/ak4.yaml",
        put("features", "score", value={"source": "stored_chHEF"}),
        [
            "features.score.source: no column `stored_chHEF`",
            "or stored_<branch>",
            "(btag|particleNet|",
            "(GN|DL1)",
        ],
    ),
    "a score of subjets, of small jets": (
        "features/ak4.yaml",
        put("features", "score", value={"source": "stored_subjet_btagCSVV2"}),
        ["features.score.source: no column `stored_subjet_btagCSVV2`"],
    ),
    "a stored score of events": (
        "features/event.yaml",
        put("features", "score", value={"source": "stored_MET"}),
        ["features.score.source: no column `stored_MET`", "z_pt_gev"],
    ),
    "a preset with nothing": (
        "features/ak4.yaml",
        put("presets", "deepcsv", value=[]),
        ["presets.deepcsv: is empty", "jetPt"],
    ),
    "a preset with a feature twice": (
        "features/ak4.yaml",
        put("presets", "deepcsv", value=["jetPt", "jetAbsEta", "jetPt"]),
        ["presets.deepcsv: given twice: jetPt"],
    ),
}

CLASSIFIERS = {
    "nothing to read": (
        "taggers/deepcsv.yaml",
        put("inputs", "ak4", value=[]),
        ["inputs.ak4: is empty", "a preset, or features of ak4: jetPt"],
    ),
    "a feature twice": (
        "taggers/deepcsv.yaml",
        put("inputs", "ak4", value=["jetPt", "jetPt"]),
        ["inputs.ak4: given twice: jetPt"],
    ),
    "one code for two classes": (
        "flavours.yaml",
        put("c_jets", "flavor", value=5),
        ["csvv2.yaml: evaluation: ", "`b_jets` and `c_jets` have one `flavor`, 5", "config/flavours.yaml"],
    ),
    "no discriminant": (
        "taggers/deepcsv.yaml",
        drop("discriminants"),
        ["discriminants: a tagger needs `discriminants` and `evaluation`"],
    ),
    "no evaluation": ("taggers/deepcsv.yaml", drop("evaluation"), ["a tagger needs `discriminants` and"]),
    "no code": (
        "flavours.yaml",
        drop("light_jets", "flavor"),
        ["csvv2.yaml: evaluation: light_jets has no `flavor` in config/flavours.yaml"],
    ),
    "signal among the backgrounds": (
        "taggers/deepcsv.yaml",
        put("evaluation", "backgrounds", value=["light_jets", "b_jets"]),
        ["evaluation.backgrounds: `b_jets` and the signal `b_jets` share truth 500, 510", "flavours.yaml"],
    ),
    "signal in another background": (
        "taggers/deepcsv.yaml",
        put("evaluation", "backgrounds", value=["light_jets", "bb"]),
        ["evaluation.backgrounds: `bb` and the signal `b_jets` share truth 510, 511"],
    ),
    "a background twice": (
        "taggers/deepcsv.yaml",
        put("evaluation", "backgrounds", value=["c_jets", "light_jets", "c_jets"]),
        ["evaluation.backgrounds: given twice: c_jets"],
    ),
    "discriminant of a class against itself": (
        "taggers/deepcsv.yaml",
        put("discriminants", "BvsAll", "background", value={"c": 0.1, "bb": 0.9}),
        ["discriminants.BvsAll.background: bb is signal and background"],
    ),
    "discriminant adds a class twice": (
        "taggers/deepcsv.yaml",
        put("discriminants", "BvsAll", "signal", value=["bb", "bb"]),
        ["discriminants.BvsAll.signal: given twice: bb"],
    ),
    "discriminant against nothing": (
        "taggers/deepcsv.yaml",
        put("discriminants", "BvsAll", "background", value={}),
        ["discriminants.BvsAll.background", "at least 1"],
    ),
    "discriminant of what is no output": (
        "taggers/deepcsv.yaml",
        put("discriminants", "BvsAll", "background", value={"c_jets": 1.0}),
        ["discriminants.BvsAll.background: unknown class `c_jets`", "Choices: b_or_lepb, bb, c, udsg"],
    ),
    "generators for a tagger": (
        "taggers/deepcsv.yaml",
        put("classes", value=["power_shower", "dipole_shower"]),
        ["classes: class `power_shower` has no `truth`", "generator", "reweighters"],
    ),
    "generators to judge by": (
        "taggers/deepcsv.yaml",
        put("evaluation", "signal", value="power_shower"),
        ["evaluation.signal: class `power_shower` has no `truth`"],
    ),
    "a class of other jets": (
        "taggers/deepcsv.yaml",
        put("classes", 3, value="hbb"),
        ["classes: class `hbb` (config/flavours.yaml) has no rows", "`ak4`", "2505", "choices: 0, 1, 2, 400"],
    ),
    "a background of other jets": (
        "taggers/double_b.yaml",
        put("evaluation", "backgrounds", value=["light_jets"]),
        ["evaluation.backgrounds: class `light_jets`", "`ak8`", "2504"],
    ),
    "a truth that nothing has": (
        "flavours.yaml",
        put("bb", "truth", value=[510, 515]),
        ["deepcsv.yaml: classes: class `bb` (config/flavours.yaml)", "never have the truth 515"],
    ),
    "a label that JetClass does not have": (
        "flavours.yaml",
        put("jetclass_hbb", "truth", value=["label_Hbbb"]),
        ["jetclass_hbb", "no label of JetClass or JetClass-II is `label_Hbbb`; close to it: label_Hbb"],
    ),
    "neither truth nor generator": (
        "flavours.yaml",
        drop("bb", "truth"),
        ["flavours.yaml: bb: needs `truth` or `generator`"],
    ),
    "truth and generator": (
        "flavours.yaml",
        put("bb", "generator", value="pythia"),
        ["flavours.yaml: bb: needs `truth` or `generator`, one of the two"],
    ),
    "a truth twice": ("flavours.yaml", put("bb", "truth", value=[510, 510]), ["bb.truth: given twice: 510"]),
    "a tagger of events": (
        "taggers/double_b.yaml",
        both(put("object", value="event"), put("inputs", value={"event": "kinematics"})),
        ["double_b.yaml: object", "`event`", "`ak8`"],
    ),
    "judged by another signal": (
        "taggers/deepcsv.yaml",
        put("evaluation", value={"signal": "c_jets", "backgrounds": ["light_jets"]}),
        ["evaluation.signal: `c_jets` has no truth of the discriminant's signal, b_or_lepb, bb"],
    ),
    "training of what is stored": (
        "taggers/cmva.yaml",
        lambda content: content.update(
            backend="stored", inputs={"ak4": ["btagDeepB"]}, architecture={"column": "btagDeepB"}
        ),
        ["training: backend `stored` trains nothing; leave it out"],
    ),
    "two of one title": (
        "taggers/deepcsv.yaml",
        put("title", value="cMVAv2"),
        ["config.yaml: taggers.deepcsv: `cmva` has its title, `cMVAv2`"],
    ),
    "the one discriminant of before": (
        "taggers/deepcsv.yaml",
        both(drop("discriminants"), put("discriminant", value=CVSL)),
        [
            "deepcsv.yaml: discriminant: a tagger may have several now",
            "; write `discriminants: {BvsAll: {",
            "udsg: 1.0}",
            "}}`, with a name",
        ],
    ),
    "an unknown loss": (
        "taggers/deepcsv.yaml",
        put("losses", value={"classes": {"loss": "focl"}}),
        ["losses.classes.loss: unknown loss `focl`; did you mean `focal`"],
    ),
    "a key that a loss does not have": (
        "taggers/deepcsv.yaml",
        put("losses", value={"classes": {"loss": "focal", "options": {"gama": 2}}}),
        ["losses.classes.options: unknown key `gama`; did you mean `gamma`"],
    ),
    "a regression of the classes": (
        "taggers/deepcsv.yaml",
        put("losses", value={"classes": {"loss": "regression"}}),
        ["losses.classes.loss: the output is the logits of the classes", "choices: cross_entropy, focal"],
    ),
    "classes of another output": (
        "taggers/deepcsv.yaml",
        put("losses", value={"more": {"loss": "cross_entropy"}}),
        [
            "losses.more.loss: the output is another one than these, `cross_entropy` is for others; "
            "choices: adversary, disco, regression"
        ],
    ),
    "a decorrelation of nothing": (
        "taggers/deepcsv.yaml",
        put("losses", value={"mass": {"loss": "disco", "options": {"signal": ["b_jets"], "rows": ["udsg"]}}}),
        [
            "losses.mass.options.column: is missing",
            "losses.mass.options.signal: unknown class `b_jets`",
            "losses.mass.options.background: is missing",
        ],
    ),
    "an adversary of one bin": (
        "taggers/deepcsv.yaml",
        both(
            put("side", value={"ak4": ["jetPt"]}),
            put(
                "losses",
                value={
                    "pt": {
                        "loss": "adversary",
                        "options": {"column": "jetPt", "rows": ["u"], "edges": [20, 90]},
                    }
                },
            ),
        ),
        ["losses.pt.options.rows: unknown class `u`", "losses.pt.options.edges: [20.0, 90.0]; two bins"],
    ),
    "a spectrum of a column that rows do not carry": (
        "taggers/deepcsv.yaml",
        put("training", "level_in", value={"n_vp": [0, 20], "n_pv": [20, 0]}),
        [
            "training.level_in: rows of `ak4` carry no column `n_vp`; did you mean `n_pv`",
            "training.level_in.n_pv: bin edges must rise",
        ],
    ),
    "a column to leave alone that rows do not carry": (
        "taggers/deepcsv.yaml",
        put("decorrelate", value={"jet_mass": [0, 20]}),
        ["decorrelate: rows of `ak4` carry no column `jet_mass`"],
    ),
    "a spectrum in a training that levels none": (
        "taggers/deepcsv.yaml",
        both(put("training", "level_in", value={"n_pv": [0, 20]}), put("training", "balance", value="class")),
        ["training.level_in: balance: class levels no spectra"],
    ),
    "a loss that teaches what it is to unlearn": (
        "taggers/deepcsv.yaml",
        put("losses", value={"alone": {"loss": "disco", "weight": -5}}),
        ["losses.alone.weight", "should be greater than or equal to 0"],
    ),
    "a loss beyond single precision": (
        "taggers/deepcsv.yaml",
        put("losses", value={"classes": {"weight": 4e38}}),
        ["losses.classes.weight", "give a number from -3e38 to 3e38"],
    ),
    "classes that do not count": (
        "taggers/deepcsv.yaml",
        put("losses", value={"classes": {"weight": 0}}),
        ["losses.classes.weight: 0, and nothing would be learned"],
    ),
    "origins of tracks from a network without them": (
        "taggers/deepjet.yaml",
        both(
            put("side", value={"charged": ["truthOrigin"]}),
            put("losses", value={"origin": {"loss": "track_origin", "options": {"column": "truthOrigin"}}}),
        ),
        ["losses.origin.loss: `track_origin` learns constituents", "models that have: transformer"],
    ),
    "heads that do not share the width": (
        "taggers/deepjet.yaml",
        both(put("model", value="transformer"), put("architecture", value={"width": 30})),
        ["architecture.heads: 4; must divide `width`, 30"],
    ),
    "attention without constituents": (
        "taggers/deepcsv.yaml",
        both(put("model", value="transformer"), put("architecture", value={"layers": 2})),
        ["model: `transformer` looks at constituents, and no group of `inputs` is a sequence"],
    ),
    "pairs of tracks that the network does not see": (
        "taggers/deepjet.yaml",
        both(
            put("model", value="transformer"),
            both(
                put("architecture", value={}),
                put("losses", value={"pairs": {"loss": "vertexing", "options": {"group": "charge"}}}),
            ),
        ),
        [
            "losses.pairs.options.group: no such sequence in `inputs`: `charge`; did you mean `charged`",
            "losses.pairs.options.column: is missing; a feature of `side.charge`",
        ],
    ),
    "truth as an input": (
        "taggers/deepjet.yaml",
        put("inputs", "charged", value=["ptrel", "truthOrigin"]),
        ["inputs.charged: cpf_truth_origin is truth, which losses alone read"],
    ),
    "the generator jet as an input": (
        "taggers/deepcsv.yaml",
        put("inputs", "ak4_generated", value=["genPt"]),
        ["inputs.ak4_generated: jet_gen_pt_gev is truth, which losses alone read: `side`"],
    ),
    "a regression of nothing": (
        "taggers/deepcsv.yaml",
        put("losses", value={"energy": {"loss": "regression"}}),
        ["losses.energy.options.column: is missing"],
    ),
    "a regression of what is not there": (
        "taggers/deepcsv.yaml",
        put("losses", value={"energy": {"loss": "regression", "options": {"column": "jetPt"}}}),
        ["losses.energy.options: no feature `jetPt` in `side`"],
    ),
    "a regression on a class of others": (
        "taggers/deepcsv.yaml",
        both(
            put("side", value={"ak4": ["jetPt"]}),
            put(
                "losses",
                value={
                    "energy": {"loss": "regression", "options": {"column": "jetPt", "classes": ["b_jets"]}}
                },
            ),
        ),
        ["losses.energy.options.classes: unknown class `b_jets`", "Choices: b_or_lepb, bb, c, udsg"],
    ),
    "quantiles that fall": (
        "taggers/deepcsv.yaml",
        both(
            put("side", value={"ak4": ["jetPt"]}),
            put(
                "losses",
                value={
                    "energy": {"loss": "regression", "options": {"column": "jetPt", "quantiles": [0.7, 0.2]}}
                },
            ),
        ),
        ["losses.energy.options.quantiles: two that rise, such as [0.25, 0.75], or none; got [0.7, 0.2]"],
    ),
    "two estimates of one name": (
        "taggers/deepcsv.yaml",
        both(
            put("side", value={"ak4": ["jetPt"]}),
            put(
                "losses",
                value={
                    "energy": {
                        "loss": "regression",
                        "options": {"column": "jetPt", "quantiles": [0.2, 0.8]},
                    },
                    "energy_resolution": {"loss": "regression", "options": {"column": "jetPt"}},
                },
            ),
        ),
        ["losses: two outputs are `estimate_energy_resolution` in scores"],
    ),
    "a side column that nobody reads": (
        "taggers/deepcsv.yaml",
        put("side", value={"ak4": ["jetPt"]}),
        ["side: no loss reads `jetPt`; leave it out"],
    ),
    "an ensemble of one model": (
        "taggers/cmva.yaml",
        both(put("ensemble", value=3), put("architecture", value={"max_depth": 3})),
        ["ensemble: with these settings `xgboost` learns the same whatever the seed", "sample rows or"],
    ),
    "a loss that would take a default for a value": (
        "taggers/deepcsv.yaml",
        both(
            put("side", value={"ak4": ["jetPt"]}),
            put("losses", value={"energy": {"loss": "regression", "options": {"column": "jetPt"}}}),
        ),
        [
            "side.ak4: `jetPt` is 0 where a row has none",
            "give the feature `default: null`, in a group of its",
        ],
    ),
    "a sequence beside": (
        "taggers/deepcsv.yaml",
        put("side", value={"charged": "deepjet"}),
        ["side.charged: is a sequence that is none of `inputs`"],
    ),
    "an unknown side column": (
        "taggers/deepcsv.yaml",
        put("side", value={"ak4": ["jetPtt"]}),
        ["side.ak4: unknown feature `jetPtt`; did you mean `jetPt`"],
    ),
    "a schedule of trees": (
        "taggers/cmva.yaml",
        put("training", "schedule", value={"shape": "constant"}),
        ["training.schedule: backend `xgboost` keeps its shrinkage; leave it out"],
    ),
    "a key of another schedule": (
        "taggers/deepcsv.yaml",
        put("training", "schedule", value={"every": 3}),
        ["training.schedule.every: `cosine` reads none", "choose step"],
    ),
    "a fall that never comes": (
        "taggers/deepcsv.yaml",
        put("training", "schedule", value={"warmup_epochs": 5, "hold_epochs": 9999}),
        ["training.schedule: warmup_epochs and hold_epochs are 10004 of", "none is left"],
    ),
    "nothing to hold": (
        "taggers/deepcsv.yaml",
        put("training", "schedule", value={"shape": "constant", "hold_epochs": 2}),
        ["training.schedule.hold_epochs: `constant` never falls"],
    ),
    "a cycle that does not rise": (
        "taggers/deepcsv.yaml",
        put("training", "schedule", value={"shape": "one_cycle"}),
        ["training.schedule.warmup_epochs: `one_cycle` rises first"],
    ),
    "a precision of trees": (
        "taggers/cmva.yaml",
        put("precision", value="bfloat16"),
        ["precision: backend `xgboost` has none to choose; leave it out"],
    ),
    "an engine of trees": (
        "taggers/cmva.yaml",
        put("engine", value="jax"),
        ["engine: backend `xgboost` has none to choose; leave it out"],
    ),
    "a loss of trees": (
        "taggers/cmva.yaml",
        put("losses", value={"classes": {"loss": "focal"}}),
        ["losses: backend `xgboost` has a loss of its own; leave it out"],
    ),
    "judged by a signal of its own that it does not tell": (
        "taggers/deepcsv.yaml",
        both(drop("evaluation"), put("discriminants", "BvsAll", "evaluation", value=C_JUDGED)),
        ["discriminants.BvsAll.evaluation.signal: `c_jets` has no truth of the discriminant's signal, b_or"],
    ),
    "a second discriminant judged by another signal": (
        "taggers/deepcsv.yaml",
        put("discriminants", "CvsL", value=CVSL),
        ["evaluation.signal: `b_jets` has no truth of the discriminant's signal, c"],
    ),
    "a second discriminant of what is no output": (
        "taggers/deepcsv.yaml",
        put("discriminants", "CvsL", value=CVSL | {"signal": ["c_jets"]}),
        ["discriminants.CvsL.signal: unknown class `c_jets`"],
    ),
    "a name that is no name": (
        "taggers/deepcsv.yaml",
        put("discriminants", "C vs L", value=CVSL),
        ["discriminants.C vs L", "should match pattern"],
    ),
    "a reweighter of truth": (
        "reweighters/pythia_shower.yaml",
        put("classes", value=["b", "c"]),
        ["classes: a reweighter has two classes with `generator`", "pythia_dipole_shower", "b, c of 2"],
    ),
    "a reweighter of three": (
        "reweighters/pythia_shower.yaml",
        put("classes", value=["power_shower", "dipole_shower", "b"]),
        ["classes: a reweighter has two classes", "of 3"],
    ),
    "a reweighter that is judged": (
        "reweighters/pythia_shower.yaml",
        put("evaluation", value={"signal": "b_jets", "backgrounds": ["c_jets"]}),
        ["evaluation: judges taggers; leave it out"],
    ),
    "spectators of a tagger": (
        "taggers/deepcsv.yaml",
        put("spectators", value={"ak4": ["jetPt"]}),
        ["spectators: of reweighters", "leave it out"],
    ),
    "spectators that are inputs": (
        "reweighters/pythia_shower.yaml",
        put("spectators", value={"event": ["z_mass", "z_pt", "ht"]}),
        ["spectators.event: z_pt, ht of `inputs`"],
    ),
    "spectators that there are none of": (
        "reweighters/pythia_shower.yaml",
        put("spectators", value={"event": ["z_masse"]}),
        ["spectators.event", "unknown feature `z_masse`", "z_mass"],
    ),
    "a tagger of ratios": (
        "taggers/cmva.yaml",
        lambda content: content.update(backend="histogram", architecture={}),
        ["backend: `histogram` gives ratios of two generators", "choices: keras, onnx, sklearn"],
    ),
    "bins of what is no input": (
        "reweighters/pythia_shower_2d.yaml",
        put("architecture", "edges", value={"z_ptt": [0, 50, 100]}),
        ["architecture.edges: `z_ptt` is none of the flat inputs", "did you mean `z_pt`"],
    ),
    "bins of four": (
        "reweighters/pythia_shower_2d.yaml",
        put("architecture", "edges", value={key: [0, 50, 100] for key in ("z_pt", "ht", "b_ht", "m_jj")}),
        ["`edges`", "at most 3 items"],
    ),
    "a correction of what is no input": (
        "reweighters/pythia_shower.yaml",
        put("ratio", value={"binned": {"z_mass": [0, 50, 100]}}),
        ["ratio.binned: `z_mass` is none of the flat inputs"],
    ),
    "refined without signs as classes": (
        "reweighters/pythia_shower.yaml",
        put("ratio", value={"refine": True}),
        ["ratio.refine: what weights below 0 leave", "set `training: {negative_weights: classes}`"],
    ),
    "a correction of bins that fall": (
        "reweighters/pythia_shower.yaml",
        put("ratio", value={"binned": {"m_jj": [-2, 100, 50]}}),
        ["ratio.binned.m_jj: bin edges must rise"],
    ),
    "members of a tagger": (
        "taggers/deepcsv.yaml",
        lambda content: content.update(ensemble=4, members="bootstrap"),
        ["members: those of a tagger differ by their seeds", "leave it out"],
    ),
    "members of nothing": (
        "reweighters/pythia_shower.yaml",
        put("members", value="bootstrap"),
        ["members: there is no `ensemble`", "such as 10"],
    ),
    "members that are none": (
        "reweighters/pythia_shower.yaml",
        lambda content: content.update(ensemble=4, members="bootstraps"),
        ["`members`", "'halves', 'bootstrap' or 'seeds'", "bootstraps"],
    ),
    "halves without a partner": (
        "reweighters/pythia_shower.yaml",
        lambda content: content.update(ensemble=5, members="halves"),
        ["ensemble: 5: members of a reweighter come in pairs", "with `members: bootstrap`"],
    ),
    "sums in bins by seeds": (
        "reweighters/pythia_shower_2d.yaml",
        lambda content: content.update(ensemble=5, members="seeds"),
        ["members: with these settings `histogram` learns the same", "choices: halves, bootstrap"],
    ),
    "trees by seeds that sample nothing": (
        "reweighters/pythia_shower.yaml",
        lambda content: content.update(ensemble=5, members="seeds", architecture={"max_depth": 3}),
        ["members: with these settings `xgboost` learns the same", "let trees sample rows or features"],
    ),
    "training bins below 0": (
        "taggers/deepcsv.yaml",
        put("training", "abseta_bins", value=[-2.5, 0, 2.5]),
        ["training.abseta_bins: begin at -2.5", "never below 0"],
    ),
}


@pytest.mark.parametrize(
    ("name", "change", "words"), [*FEATURES.values(), *CLASSIFIERS.values()], ids=[*FEATURES, *CLASSIFIERS]
)
def test_mistakes_in_files(folder, name, change, words):
    """A file beside what it names: file, key and choices in the message."""
    edit(folder / name, change)
    message = refused(run_of(folder), folder)
    for word in [name.rsplit("/", maxsplit=1)[-1].removesuffix(".yaml"), *words]:
        assert word in message


def _dataset(**changes):
    return put("ttbar", value={"object": "ak4", "process": "ttbar"} | changes)


ABOVE = {"pt_bins_gev": [31, 1000]}  # the energy scale moves jets into the bins, which the selection has
PROBE = {"judgement": "csvv2", "data": "probes", "simulation": "jets"} | ABOVE
NEGATIVE = PROBE | {"method": "negative_tags", "simulation": "again"}
VARIABLE = {"group": "ak4", "feature": "softMuPtRel", "edges": [0, 1, 2]}


def measuring(scale_factors):
    """Measurements, a sample that stands for data, and simulation whose shares are known."""
    return both(
        put("samples", "jets", "normalise", value="cross_section"),
        put("samples", "probes", value={"datasets": ["dilepton_data"]}),
        put("scale_factors", value=scale_factors),
    )


REGION = {"data": "probes", "simulation": "expected", "discriminant_bins": [0, 0.5, 1]} | ABOVE
LIGHT_REGION = {"data": "light_data", "simulation": "light", "discriminant_bins": [0, 0.5, 1]} | ABOVE


def shaping(heavy=(), light=(), judgement="csvv2", **more):
    """A correction of a shape, and its samples."""
    spec = {"heavy": REGION | dict(heavy), "light": LIGHT_REGION | dict(light), **more}
    datasets = {
        "probes": "dilepton_data",
        "expected": "dilepton",
        "light_data": "multijet_worse_tracker",
        "light": "multijet",
    }
    return both(
        *(put("samples", sample, value={"datasets": [name]}) for sample, name in datasets.items()),
        put("shapes", value={judgement: spec}),
    )


PLANE = {"judgements": ["csvv2", "jp"], "points": {"L": [0.1, 0.1]}}
GOOD = '{"1": [[1, 2]]}'
SIMULATE = {"process": "ttbar", "n_events": 100, "parts": 2}
DATASETS = {
    "simulated data": (_dataset(simulate=SIMULATE, is_data=True), ["ttbar: is_data", "simulated events"]),
    "simulated triggers": (_dataset(simulate=SIMULATE, hlt=["HLT_Mu"]), ["ttbar: hlt", "no triggers"]),
    "simulated certification": (_dataset(simulate=SIMULATE, golden_json="g.json"), ["ttbar: golden_json"]),
    "simulated elsewhere": (
        _dataset(simulate=SIMULATE, layout="physlite"),
        ["ttbar: layout: simulated files are `pfnano`, not `physlite`"],
    ),
    "no large jets": (
        _dataset(simulate=SIMULATE, object="ak8"),
        ["ttbar: simulate.process: `ttbar` has no rows of `ak8`", "higgs_bb", "qcd_boosted"],
    ),
    "less than an event a part": (
        _dataset(simulate=SIMULATE | {"parts": 101}),
        ["ttbar: simulate.parts: 101 parts of 100 events (simulation_scale: 1)"],
    ),
    "more events than numbers": (
        _dataset(simulate=SIMULATE | {"n_events": 50_000_000}),
        ["ttbar: simulate.parts: 50,000,000 events in 2 parts", "give 5"],
    ),
    "a folder": (_dataset(files=["here"]), ["ttbar: files: ", "is a folder", "*.root"]),
    "triggers of ATLAS": (
        _dataset(files=["here/a.root"], layout="physlite", hlt=["HLT_j30"]),
        ["ttbar: hlt: PHYSLITE has no branch a trigger; remove HLT_j30"],
    ),
    "leptons of LHE files": (
        _dataset(files=["here/a.root"], layout="lhe", leptons={"channels": ["e"]}),
        ["ttbar: leptons: LHE files have none that a detector saw"],
    ),
    "a mass of one lepton": (
        _dataset(files=["here/a.root"], leptons={"channels": ["e", "mu"], "z_veto_gev": 15}),
        ["ttbar: leptons.z_veto_gev: is of pairs of one flavour"],
    ),
    "a veto of emu": (
        _dataset(files=["here/a.root"], leptons={"channels": ["emu"], "z_veto_gev": 15}),
        ["ttbar: leptons.z_veto_gev: is of pairs of one flavour"],
    ),
    "a mass of a pair of one": (
        _dataset(files=["here/a.root"], leptons={"channels": ["e"], "pair_mass_gev": [76, 106]}),
        ["ttbar: leptons.pair_mass_gev: channels of one lepton have no mass of a pair"],
    ),
    "a channel twice": (
        _dataset(files=["here/a.root"], leptons={"channels": ["e", "e"]}),
        ["ttbar: leptons.channels: name each once"],
    ),
    "a transverse mass of two": (
        _dataset(files=["here/a.root"], leptons={"channels": ["ee"], "transverse_mass_min_gev": 50}),
        ["ttbar: leptons.transverse_mass_min_gev: is of one lepton, and the channels have two"],
    ),
    "a transverse mass of ATLAS": (
        _dataset(
            files=["here/a.root"],
            layout="physlite",
            leptons={"channels": ["e"], "transverse_mass_min_gev": 50},
        ),
        ["ttbar: leptons.transverse_mass_min_gev: what is missing is not read of PHYSLITE"],
    ),
    "masses that fall": (
        _dataset(files=["here/a.root"], leptons={"channels": ["ee"], "pair_mass_gev": [106, 76]}),
        ["ttbar: leptons.pair_mass_gev: goes from 106 to 76 GeV"],
    ),
    "an unknown channel": (
        _dataset(files=["here/a.root"], leptons={"channels": ["etau"]}),
        ["leptons.channels", "'e', 'mu', 'ee', 'emu' or 'mumu'"],
    ),
    "a trigger twice": (_dataset(files=["here/a.root"], hlt=["HLT_A", "HLT_A"]), ["hlt: ", "each once"]),
    "a trigger without a name": (_dataset(files=["here/a.root"], hlt=[""]), ["hlt: ", "once; got ''"]),
    "no certification": (
        _dataset(files=["here/a.root"], golden_json="here/a.root"),
        ["ttbar: golden_json: ", "a.root: not readable as certified luminosity blocks (JSON)"],
    ),
    "certification of other form": (
        _dataset(files=["here/a.root"], golden_json="here/wrong.json"),
        ["ttbar: golden_json: ", "run 1: [5, 2] is no pair of first and last block"],
    ),
    "certification of simulation": (
        _dataset(files=["here/a.root"], golden_json="here/good.json"),
        ["ttbar: golden_json: ", "those of data", "`is_data: true`"],
    ),
    "a cross-section of data": (
        _dataset(files=["here/a.root"], is_data=True, cross_section_pb=1.0),
        ["ttbar: cross_section_pb: data are not weighted"],
    ),
    "weights of data": (
        _dataset(files=["here/a.root"], is_data=True, weights="unit"),
        ["ttbar: weights: data have no generator weights"],
    ),
    "a variation of data": (
        _dataset(files=["here/a.root"], is_data=True, weight_variation="1001"),
        ["ttbar: weight_variation: data have no generator weights"],
    ),
    "a variation of unit weights": (
        _dataset(files=["here/a.root"], weights="unit", weight_variation="1001"),
        ["ttbar: weight_variation: with `weights: unit` every event counts 1"],
    ),
    "a variation of another layout": (
        _dataset(files=["here/a.root"], layout="physlite", weight_variation="1001"),
        ["ttbar: weight_variation: files of `physlite` have no weights of variations"],
    ),
    "a variation by its id in NanoAOD": (
        _dataset(files=["here/a.root"], layout="nanoaod", weight_variation="LHEScaleWeight"),
        ["ttbar: weight_variation: files of `nanoaod` have no weight `LHEScaleWeight`: name a branch and an "
         "index, such as `LHEScaleWeight[0]`"],
    ),
    "generated data": (
        _dataset(files=["here/a.root"], is_data=True, generated="events"),
        ["ttbar: generated: data were not generated"],
    ),
    "a cross-section of jets": (
        _dataset(files=["here/a.root"], layout="deepntuples", cross_section_pb=1.0),
        ["ttbar: cross_section_pb: DeepNtuples do not say how many events"],
    ),
    "one file under two names": (
        _dataset(files=["here/a.root", "here/link.root"]),
        ["ttbar: files: ", "here/a.root and ", "here/link.root are one file"],
    ),
    "generator particles of data": (
        _dataset(files=["here/a.root"], is_data=True, object="event"),
        ["ttbar: object: rows of `event` are made of generator particles"],
    ),
    "DeepNtuples of data": (
        _dataset(files=["here/a.root"], layout="deepntuples", is_data=True),
        ["ttbar: is_data: DeepNtuples hold simulated jets"],
    ),
    "triggers of DeepNtuples": (
        _dataset(files=["here/a.root"], layout="deepntuples", hlt=["HLT_A"]),
        ["ttbar: hlt: DeepNtuples hold simulated jets without run and trigger"],
    ),
    "weights of DeepNtuples": (
        _dataset(files=["here/a.root"], layout="deepntuples", without=["jet_id"]),
        ["ttbar: weights: ", "`weights: unit`"],
    ),
    "identification of DeepNtuples": (
        _dataset(files=["here/a.root"], layout="deepntuples", weights="unit"),
        ["ttbar: without: DeepNtuples cannot tell `jet_id: 2`", "`without: [jet_id]`"],
    ),
    "large jets of DeepNtuples": (
        _dataset(files=["here/a.root"], layout="deepntuples", object="ak8", weights="unit"),
        ["ttbar: object: DeepNtuples hold AK4 jets"],
    ),
    "weights and identification of JetClass": (
        _dataset(files=["here/a.root"], layout="jetclass", object="ak8"),
        [
            "ttbar: weights: files of JetClass hold no generator weight; `weights: unit`",
            "ttbar: without: files of JetClass cannot tell `jet_id: 2`",
        ],
    ),
    "small jets of JetClass": (
        _dataset(files=["here/a.root"], layout="jetclass", weights="unit", without=["jet_id"]),
        ["ttbar: object: files of JetClass hold AK8 jets, no rows of `ak4`"],
    ),
    "a cut of another experiment": (
        _dataset(files=["here/a.root"], layout="physlite", without=["jet_id"]),
        ["ttbar: without: jet_id: files of `physlite` have `jvt` alone"],
    ),
    "a cut that is none": (
        _dataset(files=["here/a.root"], without=["jetid"]),
        ["without", "'jet_id', 'jvt' or 'hlt'", "'jetid'"],
    ),
    "weights of the simulation": (
        _dataset(simulate=SIMULATE, weights="unit"),
        ["ttbar: weights: simulated files hold a generator weight"],
    ),
    "cuts of the simulation": (
        _dataset(simulate=SIMULATE, without=["jet_id"]),
        ["ttbar: without: simulated files lack no cut"],
    ),
    "certification of nothing": (
        _dataset(files=["here/a.root"], golden_json="here/empty.json"),
        ["ttbar: golden_json: ", "certifies no run"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), DATASETS.values(), ids=DATASETS)
def test_mistakes_in_datasets(folder, change, words):
    """config/datasets.yaml beside the files and the simulation that it asks for."""
    edit(folder / "datasets.yaml", change)
    there = folder.parent / "here"
    there.mkdir()
    for name, text in (
        ("a.root", "no ROOT"),
        ("wrong.json", '{"1": [[5, 2]]}'),
        ("empty.json", "{}"),
        ("good.json", GOOD),
    ):
        (there / name).write_text(text)
    (there / "link.root").symlink_to("a.root")
    message = refused(run_of(folder) | {"data_root": str(folder.parent)}, folder)
    for word in ["datasets.yaml", *words]:
        assert word in message


def test_data_alone_have_no_truth(folder):
    """A tagger cannot be trained on them, nor a stored one judged; beside simulation they get scores."""
    (folder.parent / "a.root").write_text("")
    data = {"object": "ak4", "process": "jets", "files": ["a.root"], "is_data": True}
    edit(folder / "datasets.yaml", put("run_b", value=data))
    run = run_of(folder) | {"data_root": str(folder.parent)}
    run["samples"]["jets"] = {"datasets": ["ttbar", "run_b"]}
    load(run, folder)
    run["samples"]["jets"] = {"datasets": ["run_b"]}
    for taggers in (["deepcsv"], ["stored_deepcsv"]):
        run["taggers"] = dict.fromkeys(taggers, "jets")
        with pytest.raises(
            ConfigError, match=rf"{taggers[0]}.yaml.* sample `jets` \(run_b\) is of data alone"
        ):
            load(run, folder)
    run["samples"]["jets"] |= {"normalise": "cross_section"}
    with pytest.raises(ConfigError, match="normalise: cross_section: run_b is data and has none"):
        load(run, folder)


def test_shapes_of_data_and_of_simulation(folder):
    """Both regions are of collisions, or both of simulation that is presented as such."""
    (folder.parent / "a.root").write_text("")
    data = {"object": "ak4", "process": "jets", "files": ["a.root"], "is_data": True}
    edit(folder / "datasets.yaml", put("run_b", value=data))
    run = run_of(folder) | {"data_root": str(folder.parent)}
    shaping()(run)
    load(run, folder)
    run["samples"]["light_data"] = {"datasets": ["run_b"]}
    said = "shapes.csvv2.heavy.data: is simulation, that of `light` is data; both have to be the same"
    with pytest.raises(ConfigError, match=said):
        load(run, folder)
    run["samples"]["light"] = {"datasets": ["run_b"]}
    with pytest.raises(ConfigError, match=r"shapes.csvv2.light.simulation: run_b of sample `light` is data"):
        load(run, folder)


LONG, PERIODIC = "j" * 15 + "k" * 66, "tt" + "ab" * 20
RUN = {
    "a name longer than files take": (
        put("samples", LONG, value={"datasets": ["ttbar"]}),
        [f"samples.{LONG}", "at most 64 characters"],
    ),
    "a name that Snakemake takes for a recursion": (
        put("samples", PERIODIC, value={"datasets": ["ttbar"]}),
        [f"samples.{PERIODIC}", "ends in `ab` twenty times", "give another name"],
    ),
    "a working point of a long name": (put("working_points", LONG, value=0.3), ["64 at most"]),
    "a tolerance of everything": (
        put("closure", "tolerance", value=0.5),
        ["closure.tolerance", "less than 0.5"],
    ),
    "a limit that right weights miss": (put("closure", "max_chi2", value=0.9), ["closure.max_chi2"]),
    "an interval of few": (put("closure", "bootstraps", value=1), ["closure.bootstraps", "equal to 20"]),
    "plots of nothing": (put("plots", value={"width_in": 0.01}), ["plots.width_in", "equal to 2"]),
    "cuts on events": (
        put("selection", "event", value={"pt_min_gev": 50}),
        ["selection.event: rows of `event` have no jets to cut on"],
    ),
    "more workers than at most": (
        put("skim", value={"backend": "dask", "dask": {"minimum": 5, "maximum": 3}}),
        ["skim.dask.maximum: 3 is below minimum: 5"],
    ),
    "no cuts": (drop("selection", "ak4"), ["config.yaml: selection.ak4 is missing", "`ttbar`"]),
    "two folds": (put("samples", "jets", "folds", value=2), ["samples.jets.folds", "3 or more; got 2"]),
    "more folds than a byte": (put("samples", "jets", "folds", value=200), ["samples.jets.folds", "200"]),
    "a dataset twice": (
        put("samples", "jets", "datasets", value=["ttbar", "qcd", "ttbar"]),
        ["samples.jets.datasets: given twice: ttbar"],
    ),
    "bins above the cut": (
        put("selection", "ak4", "pt_min_gev", value=20),
        ["selection.ak4.pt_bins_gev: begin at 30 GeV", "pt_min_gev: 20"],
    ),
    "bins below the cut": (
        put("selection", "ak4", "pt_min_gev", value=1000),
        ["selection.ak4.pt_bins_gev: end at 1000 GeV", "pt_min_gev: 1000"],
    ),
    "jets beyond the bins": (
        put("selection", "ak4", "abseta_max", value=4.7),
        ["selection.ak4.abseta_bins: go from 0 to 2.5", "abseta_max: 4.7"],
    ),
    "jets before the bins": (
        put("selection", "ak4", "abseta_bins", value=[0.5, 2.5]),
        ["selection.ak4.abseta_bins: go from 0.5"],
    ),
    "bins below 0": (
        put("selection", "ak4", "abseta_bins", value=[-2.5, 0, 2.5]),
        ["selection.ak4.abseta_bins: begin at -2.5"],
    ),
    "equal working points": (
        put("working_points", "loose", value=0.1),
        ["working_points: L and loose are one point, 0.1"],
    ),
    "thresholds of nobody": (
        put("calibration", "thresholds", value={"jps": {"M": 0.5}}),
        ["calibration.thresholds: unknown judgement `jps`", "did you mean `jp`"],
    ),
    "no thresholds": (
        put("calibration", "thresholds", value={"jp": {}}),
        ["calibration.thresholds.jp: is empty", "{M: 0.2783}"],
    ),
    "one threshold twice": (
        put("calibration", "thresholds", value={"jp": {"M": 0.5, "N": 0.5}}),
        ["calibration.thresholds.jp: M and N are one point, 0.5"],
    ),
    "one flat point twice": (
        put("calibration", "flat_efficiency", value={"F70": 0.7, "F7": 0.7}),
        ["calibration.flat_efficiency: F70 and F7 are one point, 0.7"],
    ),
    "a third axis that rows lack": (
        put("selection", "ak4", "third_bins", value={"n_pvs": [0, 20, 60]}),
        ["selection.ak4.third_bins: rows of `ak4` carry no column `n_pvs` beside pt and eta", "n_pv"],
    ),
    "a third axis that is one of the two": (
        put("selection", "ak4", "third_bins", value={"jet_pt_gev": [0, 20, 60]}),
        ["third_bins: rows of `ak4` carry no column `jet_pt_gev` beside pt and eta"],
    ),
    "a third axis that falls": (
        put("selection", "ak4", "third_bins", value={"n_pv": [0, 20, 10]}),
        ["selection.ak4.third_bins.n_pv: bin edges must rise"],
    ),
    **{
        f"a measurement: {what}": (
            measuring({"probe": PROBE | change}),
            [f"scale_factors.probe{place}", said],
        )
        for what, change, place, said in (
            ("a judgement that is not", {"judgement": "csv2"}, ".judgement", "did you mean `csvv2`"),
            ("a sample that is not", {"data": "jet"}, ".data", "did you mean `jets`"),
            ("jets of another size", {"data": "fat_jets"}, ".data", "are `ak8`, the tagger reads `ak4`"),
            ("a tag that is not", {"tag": "XL"}, ".tag", "unknown working point `XL`"),
            ("data that are simulated", {"data": "jets"}, ".data", "ttbar, qcd is of `jets`"),
            ("one jet that is two", {"tag": "M", "n_jets": [1, 2]}, ".n_jets", "a tag and a probe are two"),
            ("no jets", {"n_jets": [0, 2]}, ".n_jets", "goes from 0 to 2; give 1 or more"),
            ("numbers that fall", {"n_jets": [3, 2]}, ".n_jets", "from 3 to 2"),
            ("bins that fall", {"pt_bins_gev": [50, 30]}, ".pt_bins_gev", "bin edges must rise"),
            ("bins below", {"pt_bins_gev": [10, 50]}, ".pt_bins_gev", "begin at 10 GeV; `selection.ak4"),
            (
                "bins that the energy scale moves no jets into",
                {"pt_bins_gev": [30.5, 50]},
                ".pt_bins_gev",
                "begin at 30.5 GeV, and the energy scale moves jets in from 29.9 GeV, which "
                "`selection.ak4.pt_min_gev: 30` leaves out; begin at 30.6 GeV, or let `selection.ak4` and "
                "its bins begin at 29.9 GeV, or set `uncertainties.energy_scale: 0`",
            ),
            (
                "bins of the selection, and an energy scale",
                {"pt_bins_gev": []},
                ".pt_bins_gev",
                "those of `selection.ak4` begin at 30 GeV, and the energy scale moves jets in from 29.41 "
                "GeV, which `selection.ak4.pt_min_gev: 30` leaves out; give `pt_bins_gev` here, from 30.6 "
                "GeV on, or set `uncertainties.energy_scale: 0`",
            ),
            *(
                (
                    f"a source named {one}",
                    {"uncertainties": {"samples": {one: "jets"}}},
                    ".uncertainties.samples",
                    f"`{one}` is the name of another part",
                )
                for one in ("statistic", "correlated", "energy_scale", "jets", "c_jets_mistag")
            ),
            ("a sample with folds", {"data": "zjets"}, ".data", "are `event`"),
            (
                "a tagger of taggers",
                {"judgement": "cmva"},
                ".judgement",
                "`cmva` reads the scores of csvv2, jp, jbp, soft_muon, soft_electron",
            ),
            (
                "the simulation as its own change",
                {"uncertainties": {"samples": {"x": "jets"}}},
                ".uncertainties.samples.x",
                "is the simulation itself",
            ),
            ("no source", {"uncertainties": {"samples": {"x": "y"}}}, ".uncertainties.samples.x", "`y`"),
            ("a sequence", {"variable": VARIABLE | {"group": "charged"}}, ".variable.group", "no value a"),
            ("no feature", {"variable": VARIABLE | {"feature": "softMu"}}, ".variable.feature", "`softMu`"),
            ("edges that fall", {"variable": VARIABLE | {"edges": [1, 0]}}, ".variable.edges", "must rise"),
        )
    },
    **{
        f"negative tags: {what}": (
            both(
                put("samples", "again", value={"datasets": ["multijet"]}),
                put("samples", "others", value={"datasets": ["dilepton"]}),
                put("samples", "turned", value={"datasets": ["multijet"], "signs": "turned"}),
                put("samples", "probes_turned", value={"datasets": ["dilepton_data"], "signs": "turned"}),
                measuring({"incl": NEGATIVE | change}),
            ),
            [f"scale_factors.incl{place}", *said],
        )
        for what, change, place, said in (
            ("a tag", {"tag": "M"}, ".tag", ["is of fits; negative tags count all jets"]),
            ("a variable", {"variable": VARIABLE}, ".variable", ["is of fits"]),
            (
                "no jets with turned signs",
                {"simulation": "others"},
                ".method",
                ["`others` has none beside it", "others_turned: {datasets: [dilepton], signs: turned}"],
            ),
            (
                "no changed jets with turned signs",
                {"uncertainties": {"samples": {"generator": "others"}}},
                ".method",
                ["`others` has none beside it"],
            ),
            (
                "the sample of turned signs itself",
                {"simulation": "turned"},
                ".simulation",
                ["`turned` has turned signs; name that of the jets as they are"],
            ),
        )
    },
    "negative tags twice": (
        both(
            put("samples", "again", value={"datasets": ["multijet"]}),
            put("samples", "turned", value={"datasets": ["multijet"], "signs": "turned"}),
            put("samples", "probes_turned", value={"datasets": ["dilepton_data"], "signs": "turned"}),
            measuring({"incl": NEGATIVE, "more": NEGATIVE}),
        ),
        ["scale_factors.more.method: `incl` measures light jets of `csvv2` already"],
    ),
    "negative tags in other bins than fits": (
        both(
            put("samples", "again", value={"datasets": ["multijet"]}),
            put("samples", "turned", value={"datasets": ["multijet"], "signs": "turned"}),
            put("samples", "probes_turned", value={"datasets": ["dilepton_data"], "signs": "turned"}),
            measuring({"one": PROBE, "incl": NEGATIVE | {"pt_bins_gev": [30, 90]}}),
        ),
        ["scale_factors.incl.pt_bins_gev: `one` has other bins, and both stand in one file"],
    ),
    "a training on turned signs": (
        put("samples", "jets", "signs", value="turned"),
        ["taggers.csvv2: sample `jets` has turned signs, and nothing is trained on it"],
    ),
    "events with turned signs": (
        both(
            put("samples", "mirrored", value={"datasets": ["zjets_power"], "signs": "turned"}),
        ),
        ["samples.mirrored.signs: rows of `event` have no impact parameters"],
    ),
    "resolution of turned signs": (
        both(
            put("samples", "mirrored", value={"datasets": ["qcd"], "signs": "turned"}),
            put("track_resolution", value={"sample": "mirrored"}),
        ),
        ["samples.mirrored.signs: `track_resolution` is fitted to tracks as they are"],
    ),
    "a stored score with turned signs": (
        both(
            put("samples", "mirrored", value={"datasets": ["qcd"], "signs": "turned"}),
            put("taggers", "stored_deepflav", value="jets"),
            put("judged_on", value={"stored_deepflav": ["mirrored"]}),
        ),
        [
            "taggers.stored_deepflav: is scored on `mirrored`, whose signs are turned",
            "ak4.btagDeepFlavB (column stored_btagDeepFlavB)",
        ],
    ),
    **{
        f"a shape: {what}": (
            shaping(**{place.split(".")[0]: {place.split(".")[1]: value} | more}),
            [f"shapes.csvv2.{place}", said],
        )
        for what, place, value, more, said in (
            ("a sample that is not", "heavy.data", "jet", {}, "unknown sample `jet`"),
            ("large jets", "light.data", "fat_jets", {}, "are `ak8`, the tagger reads `ak4`"),
            ("a tag that is not", "heavy.tag", "XL", {}, "unknown working point `XL`"),
            ("an anti-tag that is not", "light.anti_tag", "XL", {}, "unknown working point `XL`"),
            ("a tag that must not be", "heavy.anti_tag", "M", {"tag": "M"}, "is `M` like `tag`"),
            ("one jet that is two", "heavy.n_jets", [1, 2], {"tag": "M"}, "a tag and a probe are two"),
            ("no jets", "light.n_jets", [0, 2], {}, "goes from 0 to 2; give 1 or more"),
            ("bins that fall", "light.pt_bins_gev", [50, 30], {}, "bin edges must rise"),
            ("bins below", "light.pt_bins_gev", [10, 50], {}, "begin at 10 GeV; `selection.ak4"),
            ("an energy scale", "light.pt_bins_gev", [30, 50], {}, "energy scale moves jets in from 29.4"),
            ("|eta| that falls", "light.abseta_bins", [0, 2.5, 1], {}, "must rise"),
            ("half of |eta|", "light.abseta_bins", [0, 1, 2], {}, "have to go from 0 to 2.5"),
            ("edges that fall", "heavy.discriminant_bins", [0, 1, 0.5], {}, "must rise"),
            ("one bin", "heavy.discriminant_bins", [0, 1], {}, "at least 3 items"),
            ("data as simulation", "light.simulation", "light_data", {}, "is of `light_data`"),
            ("one region twice", "light.data", "probes", {}, "dilepton_data is of `probes` (heavy.data)"),
        )
    },
    "a shape of a judgement that is not": (
        shaping(judgement="csv2"),
        ["config.yaml: shapes: unknown judgement `csv2`", "did you mean `csvv2`"],
    ),
    "a shape of a tagger of other jets": (
        shaping(judgement="double_b"),
        ["shapes.double_b: its evaluation has to have b jets (flavor 5) as signal", "`double_b` has signal"],
    ),
    "a shape of a tagger of taggers": (
        shaping(judgement="cmva"),
        ["shapes.cmva: `cmva` reads the scores of csvv2, jp, jbp, soft_muon, soft_electron"],
    ),
    "a shape over levelled simulation": (
        both(shaping(), put("samples", "light", "normalise", value="flat")),
        ["shapes.csvv2.light.simulation: `light` has `normalise: flat`, and no shares of classes"],
    ),
    "a measurement without shares": (
        both(measuring({"one": PROBE}), put("samples", "jets", "normalise", value="unit")),
        ["scale_factors.one.simulation: how much there is of each of ttbar, qcd is not known"],
    ),
    "a source without shares": (
        both(
            measuring({"one": PROBE | {"simulation": "again", "uncertainties": {"samples": {"x": "jets"}}}}),
            put("samples", "again", value={"datasets": ["multijet"]}),
            put("samples", "jets", "normalise", value="unit"),
        ),
        ["scale_factors.one.uncertainties.samples.x: how much there is of each of ttbar, qcd is not known"],
    ),
    "a measurement with the name of all": (
        measuring({"comb": PROBE}),
        ["scale_factors.comb: `comb` is the name of all measurements together"],
    ),
    "a measurement with the name of thresholds": (
        measuring({"wp_values": PROBE}),
        ["scale_factors.wp_values: `wp_values` is the name of the thresholds"],
    ),
    "two measurements in other bins": (
        measuring({"one": PROBE, "two": PROBE | {"pt_bins_gev": [30, 90]}}),
        ["scale_factors.two.pt_bins_gev: `one` has other bins"],
    ),
    "two measurements of the same data": (
        measuring({"one": PROBE, "two": PROBE | {"tag": "L"}}),
        ["scale_factors.two.data: dilepton_data is data of `one`, too", "two.simulation: qcd, ttbar is"],
    ),
    "two later measurements of the same data": (
        both(
            measuring(
                {
                    "one": PROBE,
                    "two": PROBE | {"data": "again", "simulation": "expected"},
                    "three": PROBE | {"data": "again", "simulation": "others"},
                }
            ),
            put("samples", "again", value={"datasets": ["multijet_muons_data"]}),
            put("samples", "expected", value={"datasets": ["multijet_muons"]}),
            put("samples", "others", value={"datasets": ["dilepton"]}),
        ),
        ["scale_factors.three.data: multijet_muons_data is data of `two`, too"],
    ),
    "a plane of a judgement that is not": (
        put("calibration", "planes", value={"both": PLANE | {"judgements": ["csvv2", "jps"]}}),
        ["calibration.planes.both.judgements: unknown judgement `jps`", "did you mean `jp`"],
    ),
    "a plane of one judgement": (
        put("calibration", "planes", value={"both": PLANE | {"judgements": ["jp", "jp"]}}),
        ["calibration.planes.both: judgements: `jp` stands there twice"],
    ),
    "a plane with a judgement's name": (
        put("calibration", "planes", value={"jp": PLANE}),
        ["calibration.planes.jp: another result has the name `jp`"],
    ),
    "a plane of two samples": (
        put("calibration", "planes", value={"both": PLANE | {"judgements": ["jp", "double_b"]}}),
        ["calibration.planes.both: judgements: are of two samples, jets and fat_jets"],
    ),
    "one point of a plane twice": (
        put("calibration", "planes", value={"both": PLANE | {"points": {"L": [0.1, 0.2], "M": [0.1, 0.2]}}}),
        ["calibration.planes.both.points: L and M are one point"],
    ),
    "no working point": (put("working_points", value={}), ["working_points: is empty", "{M: 0.01}"]),
    "a working point with TeX": (
        put("working_points", "$L$", value=0.2),
        ["working_points: `$L$`", "letters, digits"],
    ),
    "another results folder, misspelt": (
        put("pathvars", "resluts", value="mine"),
        ["pathvars: unknown key `resluts`", "did you mean `results`"],
    ),
    "results at the root": (put("pathvars", "results", value=""), ["pathvars.results: is empty"]),
    "results of each tagger": (
        put("pathvars", "results", value="results/{tagger}"),
        ["pathvars.results: `results/{tagger}`: `{` makes a wildcard of it"],
    ),
    "results of an unknown folder": (
        put("pathvars", "results", value="<scratch>/mine"),
        ["pathvars.results: `<scratch>` is none of <results>, <logs>, <benchmarks>"],
    ),
    "results in a circle": (
        put("pathvars", value={"results": "<logs>/r", "logs": "<results>/logs"}),
        ["pathvars.results: `<logs>/r` leads back to itself (results is of logs is of results)"],
    ),
    "results on a server": (
        put("pathvars", "results", value="root://eos.cern.ch//mine"),
        ["pathvars.results: `root://eos.cern.ch//mine` is an address"],
    ),
    "results at home": (
        put("pathvars", "results", value="~/mine"),
        ["pathvars.results: `~/mine`: no `~` or variable is expanded here"],
    ),
    "results under another spelling": (
        put("pathvars", "results", value="results/"),
        ["pathvars.results: `results/` is `results`; write that"],
    ),
    "results in a file": (
        put("pathvars", "results", value=f"{__file__}/mine"),
        [f"pathvars.results: `{__file__}` is a file; give a folder"],
    ),
    "functions of two sources": (
        put("track_resolution", value={"sample": "jets", "file": "cms.root"}),
        ["track_resolution: give `sample` or `file`, one of the two"],
    ),
    "functions of no source": (put("track_resolution", value={}), ["track_resolution: give `sample` or"]),
    "functions of no sample": (
        put("track_resolution", value={"sample": "jetz"}),
        ["track_resolution.sample: unknown sample `jetz`; did you mean `jets`?"],
    ),
    "functions of fat jets": (
        put("track_resolution", value={"sample": "fat_jets"}),
        ["track_resolution.sample: `fat_jets` has rows of `ak8`; take one of AK4 jets"],
    ),
    "functions of no file": (
        put("track_resolution", value={"file": "nowhere/cms.root"}),
        ["track_resolution.file: no file nowhere/cms.root"],
    ),
    "a generator that no class has": (
        put("samples", "zjets", "datasets", value=["zjets_power", "zjets_dipole", "zjets_third"]),
        ["pythia_shower.yaml: classes: zjets_third of sample `zjets`", "pythia_power_shower", "without it"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), RUN.values(), ids=RUN)
def test_mistakes_in_the_run(folder, change, words):
    """config/config.yaml beside what it names."""
    edit(
        folder / "datasets.yaml",
        lambda content: content.update(
            zjets_third=content["zjets_power"] | {"generator": "herwig"},
            **{name: content[name] | {"cross_section_pb": 1.0} for name in ("ttbar", "qcd")},
        ),
    )
    run = run_of(folder)
    change(run)
    message = refused(run, folder)
    for word in words:
        assert word in message


@pytest.mark.parametrize("scale", [0.01, 0.02, 0.03, 0.05])
def test_what_an_energy_scale_is_told_to_begin_at_is_allowed(folder, scale):
    """Protects: bins from 30.9 GeV refused with `begin at 30.9 GeV`, for their last bit.

    At every GeV of `pt_min_gev`, what the message says for bins of its own, and for those of the selection.
    """
    run, tagger = load(run_of(folder), folder, "config/config.yaml").run, SimpleNamespace(object="ak4")

    def said(least, first=None):
        cuts = run.selection["ak4"].model_copy(update={"pt_min_gev": least, "pt_bins_gev": (least, 1000.0)})
        asked = run.model_copy(update={"selection": {"ak4": cuts}})
        return "".join(lacks_jets_below(asked, tagger, (first, 1000.0) if first else (), scale))

    for least in range(10, 100):
        own, default = said(least, first=least), said(least)
        begin, lower = re.search(r"begin at (\S+) GeV, or let .* begin at (\S+) GeV", own).groups()
        assert said(least, first=float(begin)) == said(float(lower), first=least) == ""
        assert said(least, first=float(begin) - 0.1) != ""
        assert f"`pt_bins_gev` here, from {begin} GeV on" in default
        assert "let `selection" not in default  # its bins would begin above it


def test_a_plane_of_one_background_is_allowed(folder):
    """Each cut lets its part of light jets pass by itself, as an estimate by regions needs it."""
    edit(folder / "config.yaml", put("calibration", "planes", value={"both": PLANE}))
    assert "both" in load(run_of(folder), folder, "config/config.yaml").run.calibration.planes


def test_one_name_in_two_groups(folder):
    """A flat feature and one of a sequence are one column of the features file: the first would be lost."""
    (folder / "features" / "more.yaml").write_text(yaml.safe_dump(JET))
    assert load(run_of(folder), folder)
    JET_AGAIN = JET | {"features": {"jetPt": {"source": "jet_pt_gev"}}}
    (folder / "features" / "more.yaml").write_text(yaml.safe_dump(JET_AGAIN))
    assert re.search(
        r"more\.yaml: features\.jetPt: `jetPt` is a column of .*ak4\.yaml", refused(run_of(folder), folder)
    )
    PACKED = JET | {"features": {"charged_ptrel": {"source": "jet_pt_gev"}}}
    (folder / "features" / "more.yaml").write_text(yaml.safe_dump(PACKED))
    assert re.search(
        r"`charged_ptrel` is a column of .*charged\.yaml: features\.ptrel", refused(run_of(folder), folder)
    )


def test_other_objects_may_use_the_same_names(folder):
    """Rows of AK8 jets are other files: double-b's inputs are called as DeepCSV's are."""
    groups = load(run_of(folder), folder).groups
    assert set(groups["ak4"].features) & set(groups["ak8"].features)


def test_the_order_of_a_sequence_is_needed_too(folder):
    """A file without the column that sorts would be read in its stored order: check asks for it."""
    inputs = {i.group: i for i in load(run_of(folder), folder).classifiers["deepjet"].inputs}
    assert "cpf_sip2d_sig" in inputs["charged"].sources
    assert "npf_pt_gev" in inputs["neutral"].sources


def test_pile_up_is_kept_where_a_tagger_asks_for_it(folder):
    """The class `pileup` has rows in its own sample; other samples are packed as before."""
    edit(folder / "flavours.yaml", put("light_jets", "truth", value=[0, 1]))
    edit(folder / "flavours.yaml", put("b_jets", "truth", value=[500]))
    edit(folder / "flavours.yaml", put("c_jets", "truth", value=[400]))
    run = run_of(folder)
    assert kept_truth(load(run, folder), "jets") == []
    edit(folder / "taggers/deepcsv.yaml", lambda content: content["classes"].append("pileup"))
    loaded = load(run, folder)
    assert kept_truth(loaded, "jets") == [999]
    assert kept_truth(loaded, "fat_jets") == []


def test_pile_up_is_kept_where_efficiencies_are_by_hadron_flavour(folder):
    """Codes 5, 4 and 0 of small jets are hadron flavours, which pile-up has; large jets have truth."""
    loaded = load(run_of(folder), folder)
    assert [c.hadron_flavour for c in loaded.judgements["csvv2"].background_classes] == [0, 4]
    assert kept_truth(loaded, "jets") == [999]
    assert all(c.hadron_flavour is None for c in loaded.judgements["double_b"].background_classes)
    assert kept_truth(loaded, "fat_jets") == []


@pytest.mark.parametrize("data", ["data", "probes"], ids=["collisions", "pseudo-data"])
@pytest.mark.parametrize(
    "entry", ["commissioning", "scale_factors", "negative tags", "reweighters", "shapes"]
)
def test_pile_up_is_kept_where_simulation_is_compared_with_collisions(folder, data, entry):
    """Collisions have pile-up jets, which nothing tells there: simulation without is another mixture."""
    run = _with_data(folder)
    measured = ["measured" if data == "data" else "dilepton_data"]
    run["samples"] |= {
        "probes": {"datasets": ["dilepton_data"]},
        "again_turned": {"datasets": ["ttbar"], "signs": "turned"},
        f"{data}_turned": {"datasets": measured, "signs": "turned"},
    }
    simulation = ["again"]
    if entry == "commissioning":
        run["commissioning"] = {"pair": {"judgements": ["jp"], "data": data, "simulation": ["again"]}}
    elif entry == "reweighters":
        edit(folder / "datasets.yaml", put("measured", "generator", value="data"))
        run["samples"]["weighted"] = {"datasets": ["dilepton", *measured]}
        run["reweighters"]["continuous"] = "weighted"
        simulation = ["weighted"]
    elif entry == "shapes":
        (folder / "b.root").write_bytes(b"y")
        more = {"object": "ak4", "process": "p", "files": ["b.root"], "is_data": True}
        edit(folder / "datasets.yaml", put("more", value=more))
        moved = "more" if data == "data" else "multijet_worse_tracker"
        run["samples"] |= {"light": {"datasets": ["multijet"]}, "moved": {"datasets": [moved]}}
        simulation = ["again", "light"]
        heavy = {"data": data, "simulation": "again", "discriminant_bins": [0, 0.5, 1]} | ABOVE
        run["shapes"] = {"csvv2": {"heavy": heavy, "light": heavy | {"data": "moved", "simulation": "light"}}}
    else:
        method = {"method": "negative_tags"} if entry == "negative tags" else {}
        one = {"judgement": "csvv2", "data": data, "simulation": "again"} | ABOVE | method
        run["scale_factors"] = {"one": one}
        simulation += ["again_turned"] if method else []
    loaded = load(run, folder)
    for name in simulation:
        assert kept_truth(loaded, name) == ([999] if data == "data" else [])


@pytest.mark.parametrize("own", ["data", "simulation"])
@pytest.mark.parametrize("entry", ["commissioning", "scale_factors", "negative tags", "shapes"])
def test_pile_up_is_kept_on_both_sides_or_on_none(folder, entry, own):
    """Pseudo-data beside the tagger's own sample, which keeps pile-up for its efficiencies, and back."""
    run = _with_data(folder)
    for name in ("pseudo", "further"):
        (folder / f"{name}.root").write_bytes(name.encode())
        more = {"object": "ak4", "process": "p", "files": [f"{name}.root"]}
        edit(folder / "datasets.yaml", put(name, value=more))
        run["samples"] |= {name: {"datasets": [name]}}
    run["samples"]["jets"] |= {"datasets": ["ttbar"]}
    run["samples"] |= {
        "moved": {"datasets": ["multijet_worse_tracker"]},
        "pseudo_turned": run["samples"]["pseudo"] | {"signs": "turned"},
        "jets_turned": run["samples"]["jets"] | {"signs": "turned"},
    }
    data, simulation = ("jets", "pseudo") if own == "data" else ("pseudo", "jets")
    compared = ["jets", "pseudo"]
    if entry == "commissioning":
        run["commissioning"] = {"pair": {"judgements": ["csvv2"], "data": data, "simulation": [simulation]}}
    elif entry == "shapes":
        heavy = {"data": data, "simulation": simulation, "discriminant_bins": [0, 0.5, 1]} | ABOVE
        light = heavy | {"data": "moved", "simulation": "further"}
        run["shapes"] = {"csvv2": {"heavy": heavy, "light": light}}
        compared += ["moved", "further"]
    else:
        method = {"method": "negative_tags"} if entry == "negative tags" else {}
        one = {"judgement": "csvv2", "data": data, "simulation": simulation} | ABOVE | method
        run["scale_factors"] = {"one": one}
        compared += ["jets_turned", "pseudo_turned"] if method else []
    loaded = load(run, folder)
    assert {name: kept_truth(loaded, name) for name in compared} == {name: [999] for name in compared}
    assert kept_truth(loaded, "other") == []
    more = {"judgements": ["csvv2"], "data": "other", "simulation": ["pseudo"]}
    run["commissioning"] = {**run.get("commissioning", {}), "more": more}
    assert kept_truth(load(run, folder), "other") == [999]  # beside one that is beside one that keeps them


def probes_beside_expected(key):
    """A comparison of each kind, of samples `probes` and `expected`; shapes have `moved` and `light`, too."""
    heavy = {"data": "probes", "simulation": "expected", "discriminant_bins": [0, 0.5, 1]} | ABOVE
    return {
        "scale_factors": {"one": PROBE | {"simulation": "expected"}},
        "shapes": {"csvv2": {"heavy": heavy, "light": heavy | {"data": "moved", "simulation": "light"}}},
        "commissioning": {"one": {"judgements": ["csvv2"], "data": "probes", "simulation": ["expected"]}},
    }[key]


@pytest.mark.parametrize("key", ["scale_factors", "shapes", "commissioning"])
def test_what_stands_beside_data_has_their_leptons(folder, key):
    """Simulation of events that were selected otherwise is refused, and taken where both say the same."""
    of = {"channels": ["emu"]}
    edit(folder / "datasets.yaml", put("dilepton_data", "leptons", value=of))
    run = run_of(folder)
    run["samples"] |= {"probes": {"datasets": ["dilepton_data"]}, "expected": {"datasets": ["dilepton"]}}
    run["samples"] |= {"moved": {"datasets": ["multijet_worse_tracker"]}, "light": {"datasets": ["multijet"]}}
    run[key] = probes_beside_expected(key)
    said = refused(run, folder)
    assert "selects events by other `leptons` than `dilepton" in said
    assert key in said
    edit(folder / "datasets.yaml", put("dilepton", "leptons", value=of))
    load(run, folder)


@pytest.mark.parametrize("key", ["scale_factors", "shapes", "commissioning"])
def test_what_stands_beside_data_has_their_triggers(folder, key):
    """As with leptons; simulation that has no triggers says so."""
    run = _with_data(folder)
    (folder / "b.root").write_bytes(b"y")
    (folder / "c.root").write_bytes(b"z")
    one = {"object": "ak4", "process": "p"}
    edit(folder / "datasets.yaml", put("measured", "hlt", value=["HLT_Mu50"]))
    electrons = one | {"files": ["b.root"], "is_data": True, "hlt": ["HLT_Ele32"]}
    edit(folder / "datasets.yaml", put("electrons", value=electrons))
    edit(folder / "datasets.yaml", put("expected", value=one | {"files": ["c.root"]}))
    run["samples"] |= {
        "probes": {"datasets": ["measured", "electrons"]},
        "expected": {"datasets": ["expected"]},
        "moved": {"datasets": ["data_too"]},
        "light": {"datasets": ["light_too"]},
    }
    for name, is_data in (("data_too", True), ("light_too", False)):
        (folder / f"{name}.root").write_bytes(name.encode())
        more = one | {"files": [f"{name}.root"], "is_data": is_data}
        edit(folder / "datasets.yaml", put(name, value=more))
    run[key] = probes_beside_expected(key)
    words = "dataset `expected` has `hlt` {}, and sample `probes` HLT_Ele32, HLT_Mu50, so that jets"
    said = refused(run, folder)
    assert words.format("none") in said
    assert key in said
    edit(folder / "datasets.yaml", put("expected", "hlt", value=["HLT_Mu50"]))
    assert words.format("HLT_Mu50") in refused(run, folder)
    edit(folder / "datasets.yaml", put("expected", "hlt", value=["HLT_Mu50", "HLT_Ele32"]))
    selected = load(run, folder)
    edit(folder / "datasets.yaml", put("expected", "without", value=["hlt"]))
    assert "without: hlt: `hlt` says which fired; leave it out" in refused(run, folder)
    edit(folder / "datasets.yaml", drop("expected", "hlt"))
    loaded = load(run, folder)
    for stage in (stages.inspect, stages.skim):  # read no file again, where there were no triggers before
        before, after = stage(selected, "expected").spec, stage(loaded, "expected").spec
        assert after == before | {"hlt": []}
    edit(folder / "datasets.yaml", put("measured", "without", value=["hlt"]))
    assert "without: hlt: data have triggers, and name those that count" in refused(run, folder)


def test_data_sets_with_triggers_stand_beside_no_open_one(folder):
    """The union of their triggers would be that of both, and all events of one would count."""
    run = _with_data(folder)
    one = {"object": "ak4", "process": "p"}
    for name, more in (("electrons", {"is_data": True}), ("expected", {"hlt": ["HLT_Mu50"]})):
        (folder / f"{name}.root").write_bytes(name.encode())
        edit(folder / "datasets.yaml", put(name, value=one | {"files": [f"{name}.root"]} | more))
    edit(folder / "datasets.yaml", put("measured", "hlt", value=["HLT_Mu50"]))
    run["samples"] |= {
        "probes": {"datasets": ["measured", "electrons"]},
        "expected": {"datasets": ["expected"]},
    }
    run["scale_factors"] = {"one": PROBE | {"simulation": "expected"}}
    words = (
        "scale_factors.one: dataset `electrons` of sample `probes` has no `hlt`, and `measured` HLT_Mu50, so"
    )
    assert words in refused(run, folder)
    edit(folder / "datasets.yaml", put("electrons", "hlt", value=["HLT_Mu50"]))
    load(run, folder)


def test_pseudo_data_may_have_no_triggers(folder):
    """Then simulation beside them may have any, all of it the same; without the key they want none."""
    run = _with_data(folder)
    for name, hlt in (("pseudo", []), ("expected", ["HLT_Mu50"]), ("more", ["HLT_Ele32"])):
        (folder / f"{name}.root").write_bytes(name.encode())
        entry = {"object": "ak4", "process": "p", "files": [f"{name}.root"], "hlt": hlt}
        edit(folder / "datasets.yaml", put(name, value=entry))
        run["samples"][name] = {"datasets": [name]}
    run["scale_factors"] = {"one": PROBE | {"data": "pseudo", "simulation": "expected"}}
    assert "dataset `expected` has `hlt` HLT_Mu50, and sample `pseudo` none, so" in refused(run, folder)
    edit(folder / "datasets.yaml", put("pseudo", "without", value=["hlt"]))
    load(run, folder)
    run["scale_factors"]["one"] |= {"uncertainties": {"samples": {"other_triggers": "more"}}}
    assert "dataset `more` has `hlt` HLT_Ele32, and `expected` HLT_Mu50, so" in refused(run, folder)


def test_two_signals_in_figures_of_their_own(folder):
    """A c tagger beside b taggers: no figure of ROC curves shows both."""
    edit(folder / "taggers/deepcsv.yaml", C_TAGGER)
    loaded = load(run_of(folder), folder)
    assert loaded.classifiers["deepcsv"].signal_class.name == "c_jets"
    shown = {name: [s.name for s in c.judgements] for name, c in contrasts(loaded, "jets").items()}
    assert shown == {
        "b_jets_vs_light_jets": [*CHAIN, "deepjet"],
        "b_jets_vs_c_jets": [*CHAIN, "deepjet"],
        "c_jets_vs_light_jets": ["deepcsv"],
    }


def test_one_tagger_by_several_discriminants(folder):
    """The first bears the tagger's name, others both names; each is in the figures of its own classes."""
    own = {"evaluation": {"signal": "c_jets", "backgrounds": ["b_jets"]}}
    cvsb = {"signal": ["c"], "background": {"b_or_lepb": 0.8, "bb": 0.2}, **own}
    edit(folder / "taggers/deepcsv.yaml", put("discriminants", "CvsL", value=CVSL | {"evaluation": C_JUDGED}))
    edit(folder / "taggers/deepcsv.yaml", put("discriminants", "CvsB", value=cvsb))
    loaded = load(run_of(folder), folder)
    assert [*loaded.judgements] == [
        *CHAIN, "deepcsv", "deepcsv_CvsB", "deepcsv_CvsL", "deepjet", "double_b",
    ]  # fmt: skip
    titles = [loaded.judgements[name].title for name in ("cmva", "deepcsv", "deepcsv_CvsB")]
    assert titles == ["cMVAv2", "DeepCSV BvsAll", "DeepCSV CvsB"]
    assert loaded.classifiers["deepcsv"].title == "DeepCSV"
    shown = {name: [s.judgement for s in c.judgements] for name, c in contrasts(loaded, "jets").items()}
    assert shown["c_jets_vs_light_jets"] == ["deepcsv_CvsL"]
    assert shown["c_jets_vs_b_jets"] == ["deepcsv_CvsB"]
    assert shown["b_jets_vs_light_jets"] == [*CHAIN, "deepcsv", "deepjet"]
    assert [c.name for c in loaded.judged_by("deepcsv")] == ["b_jets", "c_jets", "light_jets"]


def test_two_figures_of_one_name(folder):
    """`a_vs_b` against `c`, `a` against `b_vs_c`: one would show a tagger by the classes of another."""
    flavours = yaml.safe_load((folder / "flavours.yaml").read_text())
    named = {"b_jets": "b", "c_jets": "c_vs_d", "light_jets": "d"}
    more = {new: flavours[old] for old, new in named.items()} | {"b_vs_c": flavours["b_jets"]}
    (folder / "flavours.yaml").write_text(yaml.safe_dump({**flavours, **more}, sort_keys=False))
    tagger = yaml.safe_load((folder / "taggers/soft_muon.yaml").read_text())
    for name, signal, background in (("one", "b", "c_vs_d"), ("two", "b_vs_c", "d")):
        of = {"signal": [signal], "background": {background: 1.0}}
        judged = {"signal": signal, "backgrounds": [background]}
        changed = {"title": name, "classes": [signal, background], "discriminants": {"x": of}}
        path = folder / f"taggers/{name}.yaml"
        path.write_text(yaml.safe_dump({**tagger, **changed, "evaluation": judged}))
    run = run_of(folder)
    run["taggers"] = {"one": "jets", "two": "jets"}
    said = "`b` against c_vs_d and `b_vs_c` against d would be one figure, `b_vs_c_vs_d`; rename a class"
    assert f"taggers.two: {said}" in refused(run, folder)


def test_figures_of_two_kinds_may_have_one_name(folder):
    """`b` against `c` and `l`, and against `c_and_l`: fractions and ROC curves have folders of their own."""
    flavours = yaml.safe_load((folder / "flavours.yaml").read_text())
    named = {"b": "b_jets", "c": "c_jets", "l": "light_jets", "c_and_l": "light_jets"}
    more = {new: flavours[old] for new, old in named.items()}
    (folder / "flavours.yaml").write_text(yaml.safe_dump({**flavours, **more}, sort_keys=False))
    tagger = yaml.safe_load((folder / "taggers/soft_muon.yaml").read_text())
    for name, backgrounds in (("one", ["c", "l"]), ("two", ["c_and_l"])):
        of = {"signal": ["b"], "background": dict.fromkeys(backgrounds, 1 / len(backgrounds))}
        judged = {"signal": "b", "backgrounds": backgrounds}
        changed = {"title": name, "classes": ["b", *backgrounds], "discriminants": {"x": of}}
        path = folder / f"taggers/{name}.yaml"
        path.write_text(yaml.safe_dump({**tagger, **changed, "evaluation": judged}))
    run = run_of(folder)
    run["taggers"] = {"one": "jets", "two": "jets"}
    assert {"one", "two"} <= load(run, folder).classifiers.keys()


def test_two_results_of_one_name(folder):
    """`deepcsv_CvsL` is a tagger, or the discriminant of one: their files would be the same."""
    edit(folder / "taggers/deepcsv.yaml", put("discriminants", "cvsl", value=CVSL | {"evaluation": C_JUDGED}))
    shutil.copy(folder / "taggers/soft_muon.yaml", folder / "taggers/deepcsv_cvsl.yaml")
    edit(folder / "taggers/deepcsv_cvsl.yaml", put("title", value="Another"))
    run = run_of(folder)
    run["taggers"] = {"deepcsv": "jets", "deepcsv_cvsl": "jets"}
    assert "discriminant `cvsl` would have the name of another result, `deepcsv_cvsl`" in refused(run, folder)


def test_further_samples(folder):
    """They are checked as the tagger's own, and it is in their figures."""
    run = run_of(folder)
    run["samples"]["again"] = {"datasets": ["ttbar"]}
    run["judged_on"] = {"deepcsv": ["again"]}
    loaded = load(run, folder)
    assert loaded.samples_of("deepcsv") == ("jets", "again")
    assert [*contrasts(loaded, "again")] == ["b_jets_vs_light_jets", "b_jets_vs_c_jets"]
    assert ("again", "b_jets_vs_c_jets") in subjects(loaded, "contrast")
    own, again = (stages.check(loaded, "deepcsv", sample) for sample in loaded.samples_of("deepcsv"))
    assert own == again
    taught = [found.name for found in loaded.classifiers["deepcsv"].classes]
    assert [found["name"] for found in own.told] == [*taught, "b_jets", "c_jets", "light_jets"]


FURTHER = {
    "unknown tagger": ({"deepcvs": ["again"]}, "judged_on.deepcvs: unknown tagger `deepcvs`; did you mean"),
    "a reweighter": ({"pythia_shower": ["again"]}, "judged_on.pythia_shower: unknown tagger `pythia_shower`"),
    "unknown sample": ({"deepcsv": ["jet"]}, "judged_on.deepcsv: unknown sample `jet`; did you mean"),
    "its own": (
        {"deepcsv": ["jets"]},
        "judged_on.deepcsv: given twice: jets; `jets` is the sample that it is",
    ),
    "twice": ({"deepcsv": ["again", "again"]}, "judged_on.deepcsv: given twice: again"),
    "other rows": ({"deepcsv": ["fat_jets"]}, "judged_on.deepcsv: rows of sample `fat_jets` are `ak8`"),
    "other folds": ({"deepcsv": ["folded"]}, "judged_on.deepcsv: sample `folded` has 5 folds, `jets` has 0"),
}


@pytest.mark.parametrize(("given", "words"), FURTHER.values(), ids=FURTHER)
def test_further_samples_that_cannot_be(folder, given, words):
    """Names, kinds of rows and folds: said at the dry run."""
    run = run_of(folder)
    run["samples"] |= {"again": {"datasets": ["ttbar"]}, "folded": {"datasets": ["ttbar"], "folds": 5}}
    run["judged_on"] = given
    assert words in refused(run, folder)


RESILIENCE = {
    "unknown sample": ({"jet": {}}, "resilience: unknown sample `jet`; did you mean `jets`"),
    "unknown shift": (
        {"jets": {"shifts": {"x": "jets_again"}}},
        "resilience.jets.shifts: unknown sample `jets_again`",
    ),
    "unknown tagger": (
        {"jets": {"taggers": ["deepcvs"]}},
        "resilience.jets.taggers: unknown tagger of `jets` `dee",
    ),
    "a tagger of another sample": (
        {"jets": {"taggers": ["double_b"]}},
        "unknown tagger of `jets` `double_b`",
    ),
    "a tagger twice": ({"jets": {"taggers": ["jp", "jp"]}}, "resilience.jets.taggers: given twice: jp"),
    "no taggers": ({"again": {"shifts": {"x": "jets"}}}, "resilience.again: no tagger of the run is on this"),
    "nothing to try": ({"jets": {"moves": False}}, "resilience.jets: nothing to try: give `shifts`"),
    "a shift without a name": (
        {"jets": {"shifts": {" ": "again"}}},
        "resilience.jets.shifts: a name is empty",
    ),
    "the sample itself": (
        {"jets": {"shifts": {"x": "jets"}, "taggers": ["jp"]}},
        "resilience.jets.shifts: jp: given twice: jets; `jets` is the sample that it is",
    ),
    "a sample twice": (
        {"jets": {"shifts": {"x": "again", "y": "again"}, "taggers": ["jp"]}},
        "resilience.jets.shifts: jp: given twice: again",
    ),
    "other rows": (
        {"jets": {"shifts": {"x": "fat_jets"}, "taggers": ["jp"]}},
        "resilience.jets.shifts: jp: rows of sample `fat_jets` are `ak8`",
    ),
    "other folds": (
        {"jets": {"shifts": {"x": "folded"}, "taggers": ["jp"]}},
        "resilience.jets.shifts: jp: sample `folded` has 5 folds, `jets` has 0",
    ),
    "a tagger of taggers": (
        {"jets": {"shifts": {"x": "again"}}},
        "resilience.jets.shifts: cmva: it reads the scores of csvv2, jp, jbp, soft_muon, soft_electron",
    ),
    "a step of nothing": ({"jets": {"step": 0}}, "resilience.jets.step"),
    "all of a value": ({"jets": {"largest_share": 1.0}}, "resilience.jets.largest_share"),
    "an input that nobody reads": (
        {"jets": {"features": {"x": {"ak4.jet_ptt": {"scale": 1.1}}}}},
        "resilience.jets.features.x.ak4.jet_ptt: no tagger that is tried has this input; did you mean",
    ),
    "an input of others": (
        {"jets": {"taggers": ["jp"], "features": {"x": {"deepcsv.jetPt": {"scale": 1.1}}}}},
        "resilience.jets.features.x.deepcsv.jetPt: no tagger that is tried has this input",
    ),
    "a score of another tagger": (
        {"jets": {"features": {"x": {"csvv2.p_b_jets": {"scale": 1.1}}}}},
        "resilience.jets.features.x.csvv2.p_b_jets: is a score of `csvv2`; move what that reads",
    ),
    "no input": ({"jets": {"features": {"x": {}}}}, "resilience.jets.features.x: is empty; name inputs as"),
    "a move of nothing": (
        {"jets": {"features": {"x": {"ak4.jetPt": {"scale": 1.0}}}}},
        "resilience.jets.features.x.ak4.jetPt: moves nothing; give `scale` or `offset`",
    ),
    "a scale of nothing": ({"jets": {"features": {"x": {"ak4.jetPt": {"scale": 0}}}}}, "x.ak4.jetPt.scale"),
    "an offset without a sign": (
        {"jets": {"features": {"x": {"ak4.jetAbsEta": {"offset": 0.1}}}}},
        "resilience.jets.features.x.ak4.jetAbsEta: transform `abs` keeps no sign to add an offset to",
    ),
    "a feature shift without a name": (
        {"jets": {"features": {" ": {"ak4.jetPt": {"scale": 1.1}}}}},
        "resilience.jets.features: a name is empty",
    ),
    "a name of both": (
        {
            "jets": {
                "shifts": {"x": "again"},
                "features": {"x": {"ak4.jetPt": {"scale": 1.1}}},
                "taggers": ["jp"],
            }
        },
        "resilience.jets.features: `x` is a name of `shifts`, too; give it another",
    ),
    "a name of moves": (
        {"jets": {"features": {"random moves": {"ak4.jetPt": {"scale": 1.1}}}, "taggers": ["jp"]}},
        "resilience.jets.features: `random moves` is what moves of inputs are called",
    ),
}


@pytest.mark.parametrize(("given", "words"), RESILIENCE.values(), ids=RESILIENCE)
def test_resilience_that_cannot_be(folder, given, words):
    """Names, kinds of rows, folds, and what reads the scores of others: said at the dry run."""
    run = run_of(folder)
    run["samples"] |= {"again": {"datasets": ["ttbar"]}, "folded": {"datasets": ["ttbar"], "folds": 5}}
    run["resilience"] = given
    assert words in refused(run, folder)


PAIR = {"judgements": ["jp"], "data": "again", "simulation": ["jets"]}
COMMISSIONING = {
    "an unknown tagger": ({"judgements": ["pj"]}, "commissioning.pair.judgements: unknown judgement `pj`"),
    "unknown data": ({"data": "dat"}, "commissioning.pair.data: unknown sample `dat`; did you mean"),
    "unknown simulation": ({"simulation": ["jest"]}, "commissioning.pair.simulation: unknown sample `jest`"),
    "an unknown group": ({"groups": ["ak5"]}, "commissioning.pair.groups: unknown feature group `ak5`"),
    "no taggers": ({"judgements": []}, "commissioning.pair.judgements"),
    "no simulation": ({"simulation": []}, "commissioning.pair.simulation"),
    "a tagger twice": ({"judgements": ["jp", "jp"]}, "commissioning.pair.judgements: given twice: jp"),
    "other rows": ({"data": "fat_jets"}, "commissioning.pair.data: rows of sample `fat_jets` are `ak8`"),
    "taggers of other rows": (
        {"judgements": ["jp", "double_b"]},
        "commissioning.pair.judgements: rows of `double_b` are `ak8`, of `jp` `ak4`",
    ),
    "a group of other rows": ({"groups": ["ak8"]}, "commissioning.pair.groups: `ak8` is of `ak8`"),
    "a tagger of taggers": (
        {"judgements": ["cmva"]},
        "commissioning.pair.judgements: `cmva` reads the scores of csvv2, jp, jbp",
    ),
    "other signs": ({"data": "turned"}, "commissioning.pair: some samples have `signs: turned`, others not"),
    "folds": ({"data": "folded"}, "commissioning.pair.data: sample `folded` or the tagger's has folds"),
    "data as simulation": (
        {"data": "jets", "simulation": ["data"]},
        "commissioning.pair.simulation: measured of sample `data` is data",
    ),
    "data and simulation mixed": ({"data": "mixed"}, "commissioning.pair.data: sample `mixed` mixes data"),
    "the data themselves": (
        {"data": "jets", "simulation": ["again"]},
        "commissioning.pair.simulation: ttbar is of `jets`, the data, too",
    ),
    "a data set in two samples": (
        {"data": "data", "simulation": ["jets", "again"]},
        "commissioning.pair.simulation: in two samples: ttbar",
    ),
    "simulation that is no nature": (
        {"data": "data", "simulation": ["flat"]},
        "commissioning.pair.simulation: `flat` has `normalise: flat`, and no distribution of nature",
    ),
    "several data sets without cross sections": (
        {"data": "data"},
        "commissioning.pair.simulation: how much there is of each of ttbar, qcd is not known",
    ),
    "a luminosity without one": (
        {"data": "data", "simulation": ["again"], "scale": "luminosity"},
        "commissioning.pair.scale: `luminosity` needs `luminosity_ifb`",
    ),
    "a luminosity of simulation": (
        {"data": "other", "simulation": ["again"], "scale": "luminosity"},
        "commissioning.pair.scale: sample `other` is no data",
    ),
}


@pytest.mark.parametrize(("given", "words"), COMMISSIONING.values(), ids=COMMISSIONING)
def test_commissioning_that_cannot_be(folder, given, words):
    """Names, kinds of rows, what is no data, and what has no common scale: said at the dry run."""
    run = _with_data(folder)
    run["commissioning"] = {"pair": PAIR | given}
    assert words in refused(run, folder)


@pytest.mark.parametrize("name", ["data", "other"])
@pytest.mark.parametrize("method", ["", "fit", "negative_tags"])
def test_classes_that_are_called_as_layers_are(folder, name, method):
    """Of two layers of one name files would hold one, and of two rates of one name a measurement."""
    run = _with_data(folder)
    edit(folder / "flavours.yaml", put(name, value=C_JETS))
    edit(folder / "taggers/jp.yaml", put("evaluation", "backgrounds", value=["light_jets", name]))
    if not method:
        run["commissioning"] = {"pair": PAIR | {"simulation": ["again"], "data": "data"}}
        assert f"commissioning.pair.judgements: `{name}` is a class of `jp`, and " in refused(run, folder)
        return
    run["samples"] |= {
        "again_turned": {"datasets": ["ttbar"], "signs": "turned"},
        "data_turned": {"datasets": ["measured"], "signs": "turned"},
    }
    run["scale_factors"] = {
        "one": {"judgement": "jp", "data": "data", "simulation": "again", "method": method} | ABOVE
    }
    if name == "other":
        assert "scale_factors.one.judgement: `other` is a class of `jp`" in refused(run, folder)
    else:
        load(run, folder)


def test_side_columns_are_no_inputs_that_are_shown(folder):
    """What the simulation alone knows is learned, and data have none of it."""
    run = _with_data(folder)
    run["taggers"]["b_energy"] = "jets"
    run["commissioning"] = {"pair": {"judgements": ["b_energy"], "data": "data", "simulation": ["again"]}}
    loaded = load(run, folder)
    assert "ak4_generated" in loaded.classifiers["b_energy"].groups
    assert "ak4_generated" not in [shown for _, shown in subjects(loaded, "commissioned")]


def test_commissioning_implies_scores_and_figures(folder):
    """Discriminants, and the groups that taggers read; other figures are not of these samples."""
    run = _with_data(folder)
    pair = {"judgements": ["csvv2", "deepjet"], "data": "data", "simulation": ["other"]}
    run["commissioning"] = {"pair": pair}
    loaded = load(run, folder)
    assert loaded.scored_on("deepjet") == ("jets", "data", "other")
    assert loaded.scored_on("jp") == ("jets",)
    shown = [name for _, name in subjects(loaded, "commissioned")]
    assert shown == ["discriminants", "ak4", "charged", "neutral", "vertices"]
    run["commissioning"]["pair"]["groups"] = ["charged"]
    assert [name for _, name in subjects(load(run, folder), "commissioned")] == ["discriminants", "charged"]


def _with_data(folder):
    """A run with data, more of the same simulation, and another one."""
    (folder / "a.root").write_bytes(b"x")
    run = run_of(folder)
    run["data_root"] = str(folder)
    measured = {"object": "ak4", "process": "p", "files": ["a.root"], "is_data": True}
    edit(folder / "datasets.yaml", put("measured", value=measured))
    run["samples"] |= {
        "again": {"datasets": ["ttbar"]},
        "folded": {"datasets": ["ttbar"], "folds": 5},
        "data": {"datasets": ["measured"]},
        "mixed": {"datasets": ["measured", "dilepton"]},
        "other": {"datasets": ["dilepton"]},
        "flat": {"datasets": ["dilepton"], "normalise": "flat"},
        "turned": {"datasets": ["dilepton"], "signs": "turned"},
    }
    return run


def test_resilience_implies_scores_and_figures(folder):
    """On what is other taggers are scored, and in no other figure; inputs of stored scores are not moved."""
    run = run_of(folder)
    run["samples"]["again"] = {"datasets": ["ttbar"]}
    run["taggers"]["stored_deepcsv"] = "jets"
    tried = ["deepcsv", "csvv2", "stored_deepcsv"]
    run["resilience"] = {"jets": {"shifts": {"other events": "again"}, "taggers": tried}}
    loaded = load(run, folder)
    assert loaded.scored_on("deepcsv") == ("jets", "again")
    assert loaded.samples_of("deepcsv") == loaded.scored_on("jp") == ("jets",)
    judging = ["b_jets", "c_jets", "light_jets"]  # not what it was taught to tell apart beside
    assert [found["name"] for found in stages.check(loaded, "deepcsv", "again").told] == judging
    assert not contrasts(loaded, "again")
    assert loaded.moved == ["csvv2", "deepcsv"]
    figures = subjects(loaded, "tried")
    assert figures == [("jets", "b_jets_vs_light_jets"), ("jets", "b_jets_vs_c_jets")]
    run["resilience"] = {"jets": {}}  # moves alone, of all: those that read others, too
    assert "cmva" in load(run, folder).moved
    run["resilience"] = {"jets": {"taggers": ["csvv2"], "moves": False, "shifts": {"x": "again"}}}
    assert not load(run, folder).moved
    run["resilience"]["jets"]["features"] = {"energies": {"ak4.jetPt": {"scale": 1.02}}}
    assert load(run, folder).moved == ["csvv2"]


BY_JET = {"judgement": "csvv2", "features": {"ak4": ["jet_pt"]}, "closes_in": {"ak4": ["nsv"]}}
LEARNED = {
    "a judgement that is not": (
        {"judgement": "csv2"},
        "by_jet.judgement: unknown judgement `csv2`; did you mean",
    ),
    "a judgement of folds": ({"judgement": "jp"}, "by_jet.judgement: sample `folded` of `jp` has folds"),
    "no features": ({"features": {}}, "by_jet.features"),
    "an empty list": ({"features": {"ak4": []}}, "by_jet.features.ak4: is empty"),
    "a group that is not": ({"features": {"ak5": ["x"]}}, "by_jet.features: unknown feature group `ak5`"),
    "a sequence": ({"features": {"charged": ["pt"]}}, "by_jet.features.charged: has no value a jet of `ak4`"),
    "other rows": ({"closes_in": {"ak8": ["x"]}}, "by_jet.closes_in.ak8: has no value a jet of `ak4`"),
    "a feature that is not": (
        {"features": {"ak4": ["jet_ptt"]}},
        "by_jet.features.ak4: unknown feature `jet_ptt`; did you mean `jet_pt`",
    ),
    "a variable that is not": (
        {"closes_in": {"ak4": ["nsvs"]}},
        "by_jet.closes_in.ak4: unknown feature `nsvs`",
    ),
    "a feature twice": ({"features": {"ak4": ["npv", "npv"]}}, "by_jet.features.ak4: given twice: npv"),
    "a feature that jets may lack": (
        {"features": {"ak4": ["btagDeepB"]}},
        "by_jet.features.ak4: `btagDeepB` has no default",
    ),
    "a variable that is given": (
        {"closes_in": {"ak4": ["jet_pt"]}},
        "by_jet.closes_in.ak4: `jet_pt`: the network is given it by `features`",
    ),
    "a variable that is given by another name": (
        {"features": {"ak4": ["jetAbsEta"]}, "closes_in": {"ak4": ["jetEta"]}},
        "by_jet.closes_in.ak4: `jetEta`: the network is given `ak4.jetAbsEta`, which is the same column, by",
    ),
    "members without a partner": ({"members": 3}, "by_jet.members"),
    "a layer without units": ({"hidden": [16, 0]}, "by_jet.hidden: layers have from 1 to 1,024 units"),
}


@pytest.mark.parametrize(("change", "words"), LEARNED.values(), ids=LEARNED)
def test_learned_efficiencies_that_cannot_be(folder, change, words):
    """Names, features that each jet has, and a closure that is one: said at the dry run."""
    run = run_of(folder)
    run["samples"]["folded"] = {"datasets": ["ttbar"], "folds": 5}
    run["taggers"] = {"csvv2": "jets", "jp": "folded"}
    run["learned_efficiencies"] = {"by_jet": BY_JET | change}
    assert words in refused(run, folder)


def test_learned_efficiencies_make_their_groups(folder):
    """A group that no tagger reads is made for what a network is given, and there is a figure."""
    run = run_of(folder)
    run["learned_efficiencies"] = {"by_jet": BY_JET}
    loaded = load(run, folder)
    assert subjects(loaded, "learned") == [("by_jet",)]


def test_a_tagger_of_taggers_has_no_further_samples(folder):
    """What it reads is made on its own sample alone."""
    run = run_of(folder)
    run["samples"]["again"] = {"datasets": ["ttbar"]}
    run["judged_on"] = {"cmva": ["again"]}
    assert "judged_on.cmva: it reads the scores of csvv2, jp, jbp, soft_muon, " in refused(run, folder)


def test_a_reweighter_needs_its_weights(folder):
    """Rows that count 1 each are no density of the generator's."""
    run = run_of(folder)
    name, sample = next(iter(run["reweighters"].items()))
    run["samples"][sample] = {**run["samples"][sample], "normalise": "flat"}
    assert f"samples.{sample}.normalise: flat is of taggers; {name} learns the ratio" in refused(run, folder)


def test_a_reweighter_to_data_has_one_data_set_of_simulation(folder):
    """Of several no cross section is taken, since data have none: shares would be those of what was made."""
    run = _with_data(folder)
    edit(folder / "datasets.yaml", put("measured", "generator", value="data"))
    run["reweighters"]["continuous"] = "weighted"
    run["samples"]["weighted"] = {"datasets": ["dilepton", "multijet", "measured"]}
    message = refused(run, folder)
    assert "samples.weighted.datasets: how much there is of each of dilepton, multijet beside data" in message
    run["samples"]["weighted"] = {"datasets": ["dilepton", "measured"]}
    assert load(run, folder).classifiers["continuous"].sample == "weighted"


@pytest.mark.parametrize("name", ["zjets_power", "zjets_dipole"])
def test_a_generator_of_several_data_sets_needs_cross_sections(folder, name):
    """As much of each as it has rows is no density; cross sections say how much there is."""
    run, entry = run_of(folder), yaml.safe_load((folder / "datasets.yaml").read_text())[name]
    edit(folder / "datasets.yaml", put("another", value=entry | {"cross_section_pb": 5000.0}))
    run["samples"]["zjets"]["datasets"] = ["zjets_power", "zjets_dipole", "another"]
    message = refused(run, folder)
    assert (
        f"classes: {name}, another of sample `zjets` are all of the generator `{entry['generator']}`"
        in message
    )
    assert "set `samples.zjets.normalise: cross_section`" in message
    for each in ("zjets_power", "zjets_dipole"):
        edit(folder / "datasets.yaml", put(each, "cross_section_pb", value=6000.0))
    run["samples"]["zjets"]["normalise"] = "cross_section"
    assert load(run, folder).classifiers["pythia_shower"].sample == "zjets"


def test_a_luminosity_that_scales_nothing(folder):
    """Without a sample of `normalise: cross_section` nothing follows from it, and weights are not events."""
    message = refused(run_of(folder) | {"luminosity_ifb": 59.8}, folder)
    assert "luminosity_ifb: no sample has `normalise: cross_section`" in message
