"""The public ParticleNet for AK8 jets as a tagger gives the scores that CMS stored.

file -> source -> skim file -> features -> backend -> probabilities; weights and scaling are theirs.
"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from jetsmith import io, weaver
from jetsmith.classifiers import onnx
from jetsmith.configuration.records import read_yaml, validate
from jetsmith.derivations import of
from jetsmith.features.compute import compute_features
from jetsmith.hashing import SPLITS
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import ClassifierFile, ClassifierSpec, ClassSpec
from jetsmith.specs.features import FeatureGroup, Inputs

from .test_tagger_inputs import CONFIG, canonical

pytestmark = pytest.mark.golden
Array = np.ndarray[Any, Any]
GROUPS = ("ak8_candidates", "ak8_vertices")
QCD = tuple(f"label_QCD_{name}" for name in ("bb", "cc", "b", "c", "others"))
# What CMSSW makes of the outputs (pfParticleNetDiscriminatorsJetTags_cfi): each against the sum with QCD.
AGAINST_QCD = {
    "TvsQCD": ("label_Top_bcq", "label_Top_bqq"),
    "WvsQCD": ("label_W_cq", "label_W_qq"),
    "ZvsQCD": ("label_Z_bb", "label_Z_cc", "label_Z_qq"),
    "HbbvsQCD": ("label_H_bb",),
    "HccvsQCD": ("label_H_cc",),
    "H4qvsQCD": ("label_H_qqqq",),
}
CLOSE = 0.02
FAR = 1  # the jet that differs; why is tested below


@pytest.fixture(scope="module")
def packed(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[arrays.Packed, ak.Array]:
    """The 24 jets with both groups of features, as the files of config/features make them."""
    folder = tmp_path_factory.mktemp("particlenet")
    rows = canonical(shared_data, "ak8")
    io.write_rows(folder / "skim.parquet", rows)
    groups = {}
    for name in GROUPS:
        path = CONFIG / f"{name}.yaml"
        spec = validate(FeatureGroup, {"name": name, **read_yaml(path)}, path)
        compute_features(
            spec, of("ak8"), folder / "skim.parquet", folder / "f.parquet", folder / "f.meta.json"
        )
        found = io.read_rows(folder / "f.parquet")
        offsets = np.concatenate([[0], np.cumsum(ak.num(found[spec.column(next(iter(spec.features)))]))])
        values = [np.asarray(ak.flatten(found[spec.column(feature)])) for feature in spec.features]
        groups[name] = arrays.SequenceGroup(np.stack(values, axis=1), offsets, tuple(spec.features))
    n = len(rows)
    columns = {"run": np.ones(n, "u4"), "dataset": np.zeros(n, "i2"), "fold": np.zeros(n, "i1")}
    return arrays.Packed(
        groups=groups,
        label=np.zeros(n, "i4"),
        weight=np.ones(n),
        columns=columns,
        datasets=("pfnano",),
        generators=("",),
        split=SPLITS[0],
    ), rows


def tagger(shared_data: Path) -> ClassifierSpec:
    """config/taggers/particlenet_ak8.yaml with a class each output, and the files where they are."""
    path = CONFIG.parent / "taggers" / "particlenet_ak8.yaml"
    content = validate(ClassifierFile, read_yaml(path), path)
    models = shared_data / "reference-models"
    here = {key: str(models / content.architecture[key]) for key in ("file", "preprocess")}
    outputs = weaver.read(Path(here["preprocess"])).output_names
    classes = [name.lower() for name in outputs]
    labels = {name: (output,) for name, output in zip(classes, outputs, strict=True)}
    groups = {name: read_yaml(CONFIG / f"{name}.yaml") for name in GROUPS}
    read = {name: groups[name]["presets"][preset] for name, preset in content.inputs.items()}
    return ClassifierSpec(
        name="particlenet", role="tagger", sample="ak8", backend="onnx", title="", object="ak8",
        classes=[ClassSpec(name=n, truth=(k,), label=n, color="#000000") for k, n in enumerate(classes)],
        inputs=[
            Inputs(group=name, kind="sequence", length=groups[name]["length"], features=names, sources=("",))
            for name, names in read.items()
        ],
        training=content.training,
        architecture={**content.architecture, **here, "labels": labels},
    )  # fmt: skip


def scores(shared_data: Path, jets: arrays.Packed) -> dict[str, Array]:
    """What CMS stores of each jet, from our probabilities."""
    spec = tagger(shared_data)
    options = onnx.Options.model_validate(spec.architecture)
    assert not list(options.misfits(spec))
    found = onnx.read(spec, Rows.select(spec.inputs, [jets]))
    assert not found.not_computed.any()
    of_class = dict(zip(spec.class_names, found.probabilities.T, strict=True))
    by = {output: of_class[output.lower()] for output in weaver.read(Path(options.preprocess)).output_names}
    qcd = sum(by[name] for name in QCD)
    found_of = {name: sum(by[label] for label in labels) for name, labels in AGAINST_QCD.items()}
    return {"QCD": qcd} | {name: value / (value + qcd) for name, value in found_of.items()}


def test_particlenet_returns_the_stored_scores(
    packed: tuple[arrays.Packed, ak.Array], shared_data: Path
) -> None:
    """23 of 24 jets in all of seven scores within 0.02, most a hundred times closer."""
    jets, rows = packed
    ours = scores(shared_data, jets)
    difference = np.stack(
        [np.abs(value - np.asarray(rows[f"stored_particleNet_{name}"])) for name, value in ours.items()]
    )
    far = np.flatnonzero((difference > CLOSE).any(axis=0))
    print(f"ParticleNet: {24 - len(far)} of 24 within {CLOSE}, median {np.median(difference):.1e}")
    assert difference.shape == (7, 24)
    assert far.tolist() == [FAR]
    assert difference.max() < 0.03
    assert np.median(difference) < 2e-4


def test_the_other_jet_differs_by_what_the_file_rounds(
    packed: tuple[arrays.Packed, ak.Array], shared_data: Path
) -> None:
    """Eta and phi have 12 bits in PFNano and choose neighbours: within that, scores pass the stored one."""
    jets, rows = packed
    group = jets.groups[GROUPS[0]]
    assert isinstance(group, arrays.SequenceGroup)
    which = slice(group.offsets[FAR], group.offsets[FAR + 1])
    places = [group.names.index(name) for name in ("etarel", "phirel")]
    eta, phi = group.values[which, group.names.index("abseta")], abs(float(rows["jet_phi_rad"][FAR]))
    half = np.stack([unit_of(eta), np.full(len(eta), unit_of(phi))], axis=1) / 2
    axis = np.array([unit_of(abs(float(rows["jet_eta"][FAR]))), unit_of(phi)]) / 2
    n, rng = 200, np.random.default_rng(3)
    moved = group.values[which][None].repeat(n, axis=0)  # (n, T, F)
    moved[:, :, places] += rng.uniform(-1, 1, (n, *half.shape)) * half
    moved[:, :, places] -= rng.uniform(-1, 1, (n, 1, 2)) * axis
    many = arrays.SequenceGroup(moved.reshape(-1, moved.shape[2]), np.arange(n + 1) * len(eta), group.names)
    vertices = jets.groups[GROUPS[1]]
    assert isinstance(vertices, arrays.SequenceGroup)
    own = vertices.values[vertices.offsets[FAR] : vertices.offsets[FAR + 1]]
    same = arrays.SequenceGroup(np.tile(own, (n, 1)), np.arange(n + 1) * len(own), vertices.names)
    columns = {name: np.repeat(values[:1], n) for name, values in jets.columns.items()}
    copies = replace(
        jets,
        groups=dict(zip(GROUPS, (many, same), strict=True)),
        label=np.zeros(n, "i4"),
        weight=np.ones(n),
        columns=columns,
    )
    found, stored = scores(shared_data, copies)["WvsQCD"], float(rows["stored_particleNet_WvsQCD"][FAR])
    print(f"jet {FAR}: WvsQCD {found.min():.3f} to {found.max():.3f}, stored {stored:.3f}")
    assert found.min() < stored < found.max()
    assert 0.005 < found.std() < 0.02


def unit_of(values: Any) -> Any:
    """Distance of two neighbouring numbers with 12 bits."""
    return 2.0 ** (np.floor(np.log2(values)) - 12)


def test_the_tagger_pins_these_files(shared_data: Path) -> None:
    """The checksums of config/taggers/particlenet_ak8.yaml are those of the public files."""
    given = tagger(shared_data).architecture
    for file, digest in (("file", "sha256"), ("preprocess", "preprocess_sha256")):
        assert hashlib.sha256(Path(given[file]).read_bytes()).hexdigest() == given[digest]
