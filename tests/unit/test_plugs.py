"""plugs: what the configuration chooses by name describes itself, at parse, without anything heavy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jetsmith import plugs, provenance
from jetsmith.configuration.records import validate
from jetsmith.errors import ConfigError
from jetsmith.specs.classifiers import LossSpec
from tests.unit.packed_jets import make_spec

ROOT = Path(__file__).parent.parent.parent
# Of a model, scores, a folder, bins, a file, a category.
NEED_KEYS = ("keras", "stored", "onnx", "histogram", "table", "by_category")
NEED_SEQUENCES = ("particlenet", "particle_transformer", "jet_image_cnn")
BACKENDS, MODELS = plugs.names("classifiers"), plugs.names("models")


def _options(plug, **content):
    found = next(plugs.find(p, plug, "", "") for p in ("classifiers", "models") if plug in plugs.names(p))
    return validate(found.Options, content, "x.yaml: architecture")


def test_importing_all_plugs_loads_nothing_heavy():
    """Every batch job parses the Snakefile, and with it imports the plugs of the run."""
    code = (
        "import sys\n"
        "from jetsmith import plugs\n"
        "for package in ('classifiers', 'models', 'losses'):\n"
        "    for name in plugs.names(package):\n"
        "        assert plugs.find(package, name, '', '')\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {"LOADED", "jetsmith", "pydantic"} <= loaded
    heavy = {"keras", "tensorflow", "xgboost", "sklearn", "skops", "numpy", "awkward", "pyarrow", "uproot"}
    assert not loaded & heavy


@pytest.mark.parametrize(
    "name", [*(n for n in BACKENDS if not plugs.find("classifiers", n, "", "").MODELS), *MODELS]
)
def test_options_are_described_and_have_defaults(name):
    """docs/config.md is made from them, and a file without `architecture` is one to start from."""
    options = _options(name)
    assert type(options).model_fields
    for key, field in type(options).model_fields.items():
        assert field.description, key
    assert _options(name, **options.model_dump(mode="json")) == options


@pytest.mark.parametrize(
    ("plug", "reached", "others"),
    [
        ("classifiers.xgboost", {"classifiers._xgboost", "packed.rows", "io"}, {"classifiers._keras"}),
        ("classifiers.keras", {"classifiers._keras", "classifiers._scaler", "models._layers"}, set()),
        ("classifiers.sklearn", {"packed.rows", "io"}, {"classifiers._xgboost"}),
        ("classifiers.stored", {"packed.rows"}, {"classifiers._keras"}),
        ("models.deepjet", {"models._layers"}, {"models.deepsets", "models.dense"}),
    ],
)
def test_an_edit_of_what_a_plug_does_counts(plug, reached, others):
    """The light face of a plug leads to the module that works: an edit there reruns it, and no other plug."""
    closure = provenance.import_closure(plug)
    assert reached <= closure
    assert not others & closure


def test_the_plugs_of_a_classifier():
    """What makes its model: backend, architecture and losses that are named, and no others."""
    assert plugs.modules(make_spec("xgboost")) == ["classifiers.xgboost"]
    network = make_spec("keras", model="dense")
    assert plugs.modules(network) == ["classifiers.keras", "models.dense", "losses.cross_entropy"]
    losses = {"classes": LossSpec(loss="focal"), "mass": LossSpec(loss="regression")}
    named = plugs.modules(network.model_copy(update={"losses": losses}))
    assert named == ["classifiers.keras", "models.dense", "losses.focal", "losses.regression"]


TYPES = {
    "a number as YAML 1.1 reads it": ("dense", {"dropout": "8e-1"}, ["`dropout`", "0.8", "8.0e-1", "'8e-1'"]),
    "a number in a list": ("dense", {"dense": [100, "50"]}, ["`dense.1`", "write 50", "'50'"]),
    "a truth value": ("xgboost", {"max_depth": True}, ["`max_depth`", "truth values, no numbers"]),
    "text": ("xgboost", {"gamma": "small"}, ["`gamma`", "valid number", "'small'"]),
    "half a depth": ("xgboost", {"max_depth": 4.5}, ["`max_depth`", "4.5"]),
    "share": ("xgboost", {"subsample": 1.5}, ["`subsample`", "less than or equal to 1", "1.5"]),
    "infinite": ("sklearn", {"l2_regularization": float("inf")}, ["`l2_regularization`", "finite"]),
    "no width": ("deepsets", {"jet": [100, 0]}, ["`jet.1`", "greater than 0"]),
    "everything dropped": ("deepjet", {"dropout": 1.0}, ["`dropout`", "less than 1"]),
    "unknown key": ("xgboost", {"max_deep": 3}, ["unknown key `max_deep`", "did you mean `max_depth`"]),
    "unknown key of a model": ("dense", {"widths": [3]}, ["unknown key `widths`", "Choices: activation"]),
    "choice": ("dense", {"activation": "rely"}, ["`activation`", "'relu'", "'rely'"]),
    "one number for a range": ("stored", {"column": "x", "valid": 1.0}, ["`valid`", "1.0"]),
}  # fmt: skip


@pytest.mark.parametrize(("plug", "content", "words"), TYPES.values(), ids=TYPES)
def test_types_and_bounds(plug, content, words):
    """A value that a plug cannot take is refused with its key and what would be right."""
    with pytest.raises(ConfigError) as caught:
        _options(plug, **content)
    for word in ["x.yaml: architecture", *words]:
        assert word in str(caught.value)


THREE = {"b_jets": "sip", "c_jets": "mass", "light_jets": "jet_pt"}
MISFITS = {
    "neither": ("stored", {}, ["column: needs", "b_jets, c_jets, light_jets"]),
    "both": ("stored", {"column": "sip", "columns": THREE}, ["one of the two"]),
    "three classes": ("stored", {"column": "sip"}, ["column: ", "there are 3", "`columns`"]),
    "a class without": (
        "stored",
        {"columns": {"b_jets": "sip", "c_jets": "mass"}},
        ["columns: names b_jets, c_jets", "each of b_jets, c_jets, light_jets"],
    ),
    "no feature": (
        "stored",
        {"columns": THREE | {"c_jets": "masss"}},
        ["columns.c_jets: no flat feature `masss`", "did you mean `mass`", "jet_pt, mass, sip"],
    ),
    "twice": ("stored", {"columns": THREE | {"c_jets": "sip"}}, ["columns: one feature", "two classes"]),
    "valid falls": ("stored", {"columns": THREE, "valid": [1, 0]}, ["valid: ", "must rise", "[1, 0]"]),
    "negative probability": ("stored", {"columns": THREE, "valid": [-1, 1]}, ["valid: ", "below 0"]),
    "a group misspelt": (
        "pcnn",
        {"convolutions": {"chraged": [4]}},
        ["convolutions.chraged: no such sequence", "did you mean `charged`"],
    ),
    "a coordinate misspelt": (
        "particlenet",
        {"coordinates": {"charged": ["ptrel", "sipp"]}},
        ["coordinates.charged: `sipp`", "did you mean `sip`"],
    ),
    "heads that do not share": (
        "particle_transformer",
        {"momenta": {"charged": ["ptrel", "sip", "ptrel"]}, "heads": 7},
        ["heads: 7", "128"],
    ),
    "no split": ("xgboost", {"max_leaves": 1}, ["max_leaves: a tree of one leaf", "2 and more"]),
    "no sequence": ("deepjet", {"convolutions": {"chraged": [8]}}, ["convolutions.chraged", "charged`?"]),
    "flat": ("deepjet", {"recurrent": {"ak4": 8}}, ["recurrent.ak4", "no such sequence"]),
}  # fmt: skip


@pytest.mark.parametrize(("plug", "content", "words"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_go_together(plug, content, words):
    """Options are checked against classes and inputs of their classifier, too."""
    spec = make_spec("keras", ("ak4", "charged"))
    (problem,) = _options(plug, **content).misfits(spec)
    for word in words:
        assert word in problem


@pytest.mark.parametrize("plug", NEED_SEQUENCES)
def test_constituents_are_needed(plug):
    """A network between constituents is refused where a tagger reads none."""
    (problem,) = _options(plug).misfits(make_spec("keras"))
    assert "the inputs have no sequence" in problem


@pytest.mark.parametrize(
    "plug", [name for name in (*BACKENDS, *MODELS) if name not in (*NEED_KEYS, *NEED_SEQUENCES)]
)
def test_defaults_go_with_everything(plug):
    """Defaults that name sequences which a tagger does not read are no mistake of its file."""
    assert not list(_options(plug).misfits(make_spec("keras")))
