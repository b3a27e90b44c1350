"""Histograms beside figures: what `uhi validate` takes and `hist` reads is what is drawn."""

import importlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fastjsonschema
import hist
import numpy as np
import pytest
import uhi.io.json
import uhi.schema

from jetsmith.plots import PLOTS, commissioning, confusion, discriminant, features, plane, sculpting, style
from jetsmith.plots.commissioning_drawn import CommissioningNumbers
from jetsmith.plots.inputs import read_test
from jetsmith.plots.parameters import ParametersNumbers, Value
from jetsmith.plots.reweighting import ReweightingNumbers
from jetsmith.plots.spectra import Spectrum
from jetsmith.plots.systematic import SystematicNumbers
from jetsmith.specs.plots import PlotSpec
from tests.unit.packed_jets import FLAT, pack_jets
from tests.unit.test_plots import POINT, reweighter
from tests.unit.test_plots_confusion import mixed, tagger
from tests.unit.test_plots_features import CLASSES as KINDS
from tests.unit.test_plots_features import given
from tests.unit.test_plots_inputs import FLAVOURS, make_scores, make_spec
from tests.unit.test_plots_sculpting import jets as masses
from tests.unit.test_plots_sculpting import spec_of

STYLE = PlotSpec(dpi=40)


def read(path: Path) -> dict[str, hist.Hist]:
    """As those do who have `hist` and `uhi` alone."""
    found = json.loads(path.read_text(), object_hook=uhi.io.json.object_hook)
    return {name: hist.Hist(one) for name, one in found.items()}


def validated(*paths: Path) -> subprocess.CompletedProcess[str]:
    """What the command says of files."""
    command = [sys.executable, "-m", "uhi", "validate", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def spectrum() -> Spectrum:
    """Of a feature with two bins."""
    pair = (0.25, 0.75)
    return Spectrum(
        feature="z_pt", label=r"p_T^Z [GeV]", edges=(0.0, 10.0, 50.0), source=pair, source_error=(0.01, 0.02),
        reweighted=pair[::-1], reweighted_error=(0.03, 0.04), weight_error=(), target=(0.5, 0.5),
        target_error=(0.05, 0.06), chi2_before=2.0, chi2_after=1.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, style.Numbers]:
    """Numbers of each plot that has histograms."""
    folder = tmp_path_factory.mktemp("scores")
    paths = [make_scores(folder / f"{k}.parquet", 4000, power) for k, power in enumerate((3.4, 2.6))]
    first, second = (read_test(path, make_spec()) for path in paths)
    specs = [make_spec(), make_spec("deepcsv", "DeepCSV")]
    source, target = reweighter().classes
    about = {"title": "S", "reweighter": "s", "members": "halves", "source": source, "target": target}
    one = spectrum()
    value = Value(parameters={"tune": 0.5}, status="passed", auc=None, spectra=(one,))
    packed = [replace(pack_jets(800, 1), sample="jets")]
    cells = commissioning.of_features("ak4", given(FLAT), KINDS, [packed, packed], True)
    pair = {"commissioning": "pair", "shown": "ak4", "data": "jets", "simulation": ("jets",)}
    pair |= {"is_pseudo": True, "to_data": True, "is_sequence": False, "lacking": ()}
    return {
        "commissioning": CommissioningNumbers(**pair, cells=tuple(cells)),
        "discriminant": discriminant.compute(specs[0], first, [POINT]),
        "confusion": confusion.compute(tagger(), mixed(500)),
        "plane": plane.compute(specs, "c", [first, second], []),
        "sculpting": sculpting.compute(spec_of(), masses(1.0, 2000), 1),
        "reweighting": ReweightingNumbers(**about, spectra=(one,), left_out=(), weights=None),
        "systematic": SystematicNumbers(**about, spectra=(one,), parameters=()),
        "parameters": ParametersNumbers(**about, values=(value,), left_out=(), ensemble=False),
        "features": features.compute("ak4", given(FLAT), KINDS, packed, {}),
    }


def test_the_plan_knows_which_plots_have_some(drawn: dict[str, style.Numbers]) -> None:
    """Protects: a rule has the output that its figure writes, and no other."""
    assert drawn.keys() == {name for name, about in PLOTS.items() if about.has_histograms}
    for name in PLOTS.keys() - drawn.keys():
        module = vars(importlib.import_module(f"jetsmith.plots.{name}"))
        records = [kind for kind in module.values() if isinstance(kind, type)]
        assert not [
            kind for kind in records if "histograms" in vars(kind) and issubclass(kind, style.Numbers)
        ]


def test_the_validator_takes_all_of_them(drawn: dict[str, style.Numbers], tmp_path: Path) -> None:
    """Protects: the plain command passes on the files as they lie there; it refuses spoilt ones."""
    module = {name: importlib.import_module(f"jetsmith.plots.{name}") for name in drawn}
    for name in ("discriminant", "confusion"):
        style.save(module[name].draw(drawn[name], STYLE), drawn[name], tmp_path / name)
    figure = module["discriminant"].draw(drawn["discriminant"], STYLE)
    for name in drawn.keys() - {"discriminant", "confusion"}:
        style.save(figure, drawn[name], tmp_path / name)
    none = discriminant.compute(
        make_spec(), read_test(make_scores(tmp_path / "s.parquet", 0), make_spec()), []
    )
    style.save(discriminant.draw(none, STYLE), none, tmp_path / "empty")
    files = sorted(tmp_path.glob("*.hist.json"))
    assert len(files) == len(drawn) + 1
    done = validated(*files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("OK ") == len(files)
    content = json.loads((tmp_path / "plane.hist.json").read_text())
    content["b_jets"]["storage"].pop("variances")
    (tmp_path / "spoilt.hist.json").write_text(json.dumps(content))
    done = validated(tmp_path / "spoilt.hist.json")
    assert done.returncode == 1
    assert "ERROR" in done.stdout
    with pytest.raises(fastjsonschema.JsonSchemaValueException):  # what the figure itself says is none
        uhi.schema.validate(json.loads((tmp_path / "plane.json").read_text()))


def as_read(numbers: style.Numbers, folder: Path) -> dict[str, hist.Hist]:
    """Written, and read again."""
    style.save(style.message_figure("", STYLE), numbers, folder / "one")
    return read(folder / "one.hist.json")


def test_shapes_come_back_as_they_are_drawn(drawn: dict[str, style.Numbers], tmp_path: Path) -> None:
    """Protects: values, variances, edges, labels; what lies beyond the ends is in the end bins."""
    numbers = drawn["discriminant"]
    assert isinstance(numbers, discriminant.DiscriminantNumbers)
    found = as_read(numbers, tmp_path)
    assert list(found) == sorted(FLAVOURS)
    for shape in numbers.shapes:
        one = found[shape.name]
        np.testing.assert_array_equal(one.values(flow=True), shape.fraction)
        np.testing.assert_allclose(one.variances(flow=True), np.square(shape.error), rtol=1e-14)
        np.testing.assert_array_equal(one.axes[0].edges, numbers.edges)
        assert (one.axes[0].name, one.axes[0].label) == ("discriminant", "DeepJet discriminant")
        assert one.label == shape.label
        assert one.sum().value + shape.not_tagged == pytest.approx(1, abs=1e-4)


def test_the_confusion_matrix_comes_back(drawn: dict[str, style.Numbers], tmp_path: Path) -> None:
    """Protects: rows are true classes; sums of weights, so that others normalise as they like."""
    numbers = drawn["confusion"]
    assert isinstance(numbers, confusion.ConfusionNumbers)
    one = as_read(numbers, tmp_path)["confusion"]
    assert tuple(one.axes[1]) == numbers.columns
    for row in numbers.rows:
        of_row = one[row.name, :]
        np.testing.assert_array_equal(of_row.values(), row.weight)
        np.testing.assert_array_equal(of_row.variances(), row.squares)
        np.testing.assert_allclose(of_row.values() / of_row.values().sum(), np.array(row.share), rtol=1e-4)


def test_planes_come_back(drawn: dict[str, style.Numbers], tmp_path: Path) -> None:
    """Protects: rows along the second discriminant, with the errors of signed weights."""
    numbers = drawn["plane"]
    assert isinstance(numbers, plane.PlaneNumbers)
    found = as_read(numbers, tmp_path)
    for cloud in numbers.clouds:
        np.testing.assert_array_equal(found[cloud.name].values(), cloud.fraction)
        np.testing.assert_allclose(found[cloud.name].variances(), np.square(cloud.error), rtol=1e-14)
    np.testing.assert_array_equal(found["b_jets"].axes[1].edges, numbers.first_edges)
    empty = np.array(numbers.clouds[0].fraction) == 0
    assert (np.array(numbers.clouds[0].error)[~empty] > 0).all()


def test_spectra_features_and_columns_come_back(drawn: dict[str, style.Numbers], tmp_path: Path) -> None:
    """Protects: names that tell feature and part apart, and their errors."""
    one = spectrum()
    for name, below in (("reweighting", ""), ("systematic", ""), ("parameters", "tune=0.5/")):
        found = as_read(drawn[name], tmp_path)
        assert len(found) == 3
        for part in ("source", "reweighted", "target"):
            of_part = found[f"{below}z_pt/{part}"]
            np.testing.assert_array_equal(of_part.values(), getattr(one, part))
            np.testing.assert_allclose(of_part.variances(), np.square(getattr(one, f"{part}_error")))
            assert of_part.axes[0].edges.tolist() == [0, 10, 50]
    numbers = drawn["sculpting"]
    assert isinstance(numbers, sculpting.SculptingNumbers)
    found = as_read(numbers, tmp_path)
    np.testing.assert_array_equal(found["passing_at_0.5"].values(), numbers.cuts[1].shape)
    n = np.isin(masses(1.0, 2000).label, 0).sum()  # of unit weight
    np.testing.assert_allclose(found["all"].variances(), np.array(numbers.shape) / n, rtol=1e-4)
    described = drawn["features"]
    assert isinstance(described, features.FeaturesNumbers)
    found = as_read(described, tmp_path)
    jets = pack_jets(800, 1)
    column = jets.groups["ak4"].values[:, FLAT.index("mass")]
    for feature in described.features:
        np.testing.assert_array_equal(found[f"{feature.feature}/all"].values(), feature.all.fractions)
        np.testing.assert_allclose(
            found[f"{feature.feature}/b_jets"].variances(), np.square(feature.classes[0].errors), rtol=1e-12
        )
    edges = found["mass/all"].axes[0].edges
    place = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, len(edges) - 2)
    expected = np.bincount(place, jets.weight.astype(float) ** 2, len(edges) - 1) / jets.weight.sum() ** 2
    np.testing.assert_allclose(found["mass/all"].variances(), expected, rtol=0.02, atol=1e-5)
