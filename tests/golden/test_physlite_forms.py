"""PHYSLITE in its other forms, made from the real TTree by its names: the same rows.

No real file of these forms is here. As RNTuple (ROOT 6.34 and later) it is called `EventData` and has
colons for points; release 21 keeps run and event in the container `EventInfoAux.`, has no `NNJvtPass` and
dates its containers of scores; from release 25 on the scores are on the jets.
"""

import functools

import awkward as ak
import numpy as np
import pytest
import uproot

from jetsmith import io
from jetsmith.columns import SCORES_OF_ATLAS
from jetsmith.skimming import account, inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import btagging, physlite
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

pytestmark = pytest.mark.golden

FILE = "atlas-physlite/PHYSLITE_example.root"
LOOSE = SelectionSpec(pt_min_gev=0, abseta_max=10, jet_id=0)
JETS, BTAG = "AnalysisJetsAuxDyn.", "BTagging_AntiKt4EMPFlowAuxDyn."
KEY, INDEX = btagging.LINK_KEY, btagging.LINK_INDEX


@pytest.fixture(scope="module")
def arrays(shared_data):
    """Everything that rows are made of, by name."""
    with uproot.open(shared_data / FILE) as file:
        tree = file["CollectionTree"]
        there = {branch.name for branch in tree.itervalues(recursive=True)}
        wanted = {name for obj in ("ak4", "ak8", "event") for name in physlite.branches(there, obj)}
        found = tree.arrays(filter_branch=lambda branch: branch.name in wanted, how=dict)
    assert len(found) == len(wanted) > 50
    return found


def as_eventdata(path, arrays):
    """Fields with colons; members of links and of static containers are records."""
    table = {}
    links = {name for name in arrays if ".m_pers" in name}
    for name in {name.rpartition(".")[0] for name in links}:
        members = {m: arrays[f"{name}.{m}"] for m in ("m_persKey", "m_persIndex")}
        table[name.replace(".", ":")] = ak.zip(members)
    static = "AntiKt4TruthDressedWZJetsAux."
    parts = {name.removeprefix(static): array for name, array in arrays.items() if name.startswith(static)}
    table[static.replace(".", ":")] = ak.zip(parts, depth_limit=1)
    for name, array in arrays.items():
        if name not in links and not name.startswith(static):
            table[name.replace(".", ":")] = array
    with uproot.recreate(path) as file:
        target = file.mkrntuple("EventData", {name: array[:40] for name, array in table.items()})
        target.extend({name: array[40:] for name, array in table.items()})


def as_tree(path, arrays):
    with uproot.recreate(path) as file:
        types = {name: array.type.content for name, array in arrays.items()}
        file.mktree("CollectionTree", types).extend(arrays)


def as_release_21(path, arrays):
    """Two containers of scores, that of the later date linked; the other has scores turned around."""
    made = {}
    for name, array in arrays.items():
        if name.startswith(BTAG):
            score = name.removeprefix(BTAG)
            made[f"BTagging_AntiKt4EMPFlow_201903AuxDyn.{score}"] = array
            made[f"BTagging_AntiKt4EMPFlow_201810AuxDyn.{score}"] = array[:, ::-1]
        elif name.startswith("EventInfoAuxDyn.") and array.ndim == 1 and "Channel" not in name:
            made[name.replace("AuxDyn.", "Aux.")] = array
        elif not name.endswith("NNJvtPass"):
            made[name] = array
    made[KEY] = ak.values_astype(
        ak.full_like(arrays[KEY], btagging.key("BTagging_AntiKt4EMPFlow_201903")), "u4"
    )
    as_tree(path, made)


def as_release_25(path, arrays):
    """Scores on the jets, put there along the links."""
    made = {name: array for name, array in arrays.items() if not name.startswith(BTAG)}
    for name in arrays:
        if name.startswith(BTAG) and SCORES_OF_ATLAS.fullmatch(name.removeprefix(BTAG)):
            made[name.replace(BTAG, JETS)] = arrays[name][arrays[INDEX]]
    as_tree(path, made)


FORMS = {"EventData": as_eventdata, "release 21": as_release_21, "release 25": as_release_25}


@pytest.fixture(scope="module")
def forms(tmp_path_factory, arrays):
    """A file of each form."""
    folder = tmp_path_factory.mktemp("forms")
    paths = {form: folder / f"{form.replace(' ', '_')}.root" for form in FORMS}
    for form, write in FORMS.items():
        write(paths[form], arrays)
    return paths


def rows_of(folder, path, obj, **more):
    """Account and rows after inspect, skim and account, in two partitions."""
    folder.mkdir()
    spec = DatasetSpec(object=obj, process="zjets", files=("x",), layout="physlite", **more)
    plan, output = folder / "inspect.json", folder / "account.json"
    inspection.inspect_dataset("z", spec, [str(path)], 2, PartitionSpec(), plan)
    ends = ("parquet", "json", "identity.parquet")
    made = [[folder / f"{part}.{end}" for end in ends] for part in range(2)]
    for part, paths in enumerate(made):
        skim.skim_partition("z", spec, LOOSE, SkimSpec(chunk_entries=30), plan, part, *paths)
    reports, identities = [paths[1] for paths in made], [paths[2] for paths in made]
    account.account_dataset("z", plan, reports, identities, 0.0, output)
    return io.read_json(output), ak.concatenate([io.read_rows(paths[0]) for paths in made])


@pytest.fixture(scope="module")
def plain(tmp_path_factory, shared_data):
    """Account and rows of the real file, once for each object."""
    return functools.cache(lambda obj: rows_of(tmp_path_factory.mktemp("p") / obj, shared_data / FILE, obj))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("obj", "n_rows"), [("ak4", 881), ("ak8", 97), ("event", 100)])
def test_the_same_rows(tmp_path, plain, forms, obj, n_rows, form):
    """Every column of the real TTree, by every form, and the same sums of weights."""
    account_of_plain, expected = plain(obj)
    found, rows = rows_of(tmp_path / "form", forms[form], obj)
    assert len(rows) == n_rows
    assert set(rows.fields) == set(expected.fields)
    for name in expected.fields:
        assert ak.array_equal(rows[name], expected[name], equal_nan=True), name
    sums = [account["normalisation"]["sum_w_processed"] for account in (found, account_of_plain)]
    assert sums[0] == sums[1] == pytest.approx(1.2453689e9, rel=1e-6)
    if obj == "ak4":
        scores = rows["stored_GN2v00_pb"]
        assert np.all(np.isfinite(scores))
        assert len(set(scores)) > 600


def test_release_21_cannot_tell_pile_up(tmp_path, forms):
    """It has no NNJvtPass: asked for, the cut stops inspect, with the key that leaves it out."""
    spec = DatasetSpec(object="ak4", process="zjets", files=("x",))
    arguments = ([str(forms["release 21"])], 1, PartitionSpec(), tmp_path / "plan.json")
    with pytest.raises(inspection.InputError, match="without"):
        inspection.inspect_dataset("z", spec, *arguments, jet_id=2)
    without = spec.model_copy(update={"without": ("jvt",)})
    inspection.inspect_dataset("z", without, *arguments, jet_id=2)
