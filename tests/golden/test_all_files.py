"""Every real file that we have, given as `files`: it is read, or the message says what it is."""

import pytest

from jetsmith import io
from jetsmith.errors import DamagedError, InputError
from jetsmith.skimming import inspection
from jetsmith.specs.datasets import JETS_ALONE, DatasetSpec
from jetsmith.specs.skimming import PartitionSpec

pytestmark = pytest.mark.golden

READ = {
    "atlas-physlite/PHYSLITE_example.root": "physlite",
    "cms-nanoaod/nano_dy.root": "nanoaod",
    "cms-nanoaod/nano_dy_empty.root": "nanoaod",
    "cms-nanoaod/nano_tree.root": "nanoaod",
    "cms-nanoaod/nano_tt_v12.root": "nanoaod",
    "cms-pfnano/pfnano.root": "pfnano",
    "deepntuples/ntuple_ttbar.root": "deepntuples",
    "jetclass/JetClassII_example.parquet": "jetclass",
    "lhe/pylhe-testfile-madgraph-2.2.1-Z-fxfx.lhe.gz": "lhe",
    "lhe/pylhe-testfile-madgraph-2.2.1-Z-mlm.lhe.gz": "lhe",
}
NAMED = {
    "reference-corrections/Cert_294927-306462_13TeV_EOY2017ReReco_Collisions17_JSON.txt": "`golden_json`",
    "reference-corrections/JPcalib_MC2022.root": "a ROOT file without trees",
    "reference-corrections/btagging_2018_UL.json.gz": "a gzip file; inside: a JSON file",
    "reference-models/BoostedDoubleSV_AK8_BDT_PhaseI_v1.weights.xml.gz": "a gzip file; inside: an XML file",
    "reference-models/CombinedMVAV2_13_07_2015.weights.xml.gz": "a gzip file; inside: an XML file",
    "reference-models/DeepCSV_PhaseI.json": "a JSON file",
    "reference-models/DeepFlavourV03_10X_training.model.onnx": "an ONNX network",
    "reference-models/DeepJet_Run3_122X.onnx": "an ONNX network",
    "reference-models/ParticleNetAK8_General_V01.onnx": "an ONNX network",
    "reference-models/ParticleNetAK8_General_V01_preprocess.json": "a JSON file",
    "reference-models/hdamp_down_13p6TeV.onnx": "an ONNX network",
    "reference-models/hdamp_up_13p6TeV.onnx": "an ONNX network",
}


def layout_of(folder, path):
    """The layout that inspect finds."""
    alone = READ.get(f"{path.parent.name}/{path.name}") in JETS_ALONE
    kind = {"weights": "unit", "without": ("jet_id",)} if alone else {}
    obj = "event" if ".lhe" in str(path) else "ak8" if "jetclass" in str(path) else "ak4"
    spec = DatasetSpec(object=obj, process="test", files=("x",), **kind)
    inspection.inspect_dataset("test", spec, [str(path)], 1, PartitionSpec(), folder / "plan.json")
    return io.read_json(folder / "plan.json")["layout"]


def test_none_is_left_out(shared_data):
    """A file that comes to the data comes to this list."""
    there = {str(p.relative_to(shared_data)) for p in shared_data.glob("*/*") if p.is_file()}
    assert there == READ.keys() | NAMED.keys()


@pytest.mark.parametrize("name", READ)
def test_read(tmp_path, shared_data, name):
    """By the layout that it has."""
    assert layout_of(tmp_path, shared_data / name) == READ[name]


@pytest.mark.parametrize("name", NAMED)
def test_named(tmp_path, shared_data, name):
    """As what it is, never as damage that another copy would mend."""
    with pytest.raises(InputError) as error:
        layout_of(tmp_path, shared_data / name)
    assert NAMED[name] in str(error.value)
    assert name in str(error.value)
    assert not isinstance(error.value, DamagedError)
