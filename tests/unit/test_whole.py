"""No value wraps or is rounded on its way into a column, and no cut looks at what is no number."""

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.skimming import inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import flat, mock, nanoaod
from jetsmith.specs.datasets import DatasetSpec, SelectionSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

from . import test_sources_leptons as with_leptons

SPEC = DatasetSpec(object="ak4", process="test", files=("x",))
CUTS = SelectionSpec(pt_min_gev=20, abseta_max=2.5, jet_id=0)
KINDS = ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")


@given(st.integers(-(2**63), 2**64 - 1), st.sampled_from(KINDS), st.sampled_from(KINDS))
def test_integers_of_any_type(number, source, kind):
    """As Python has them, which knows no bounds."""
    if not np.iinfo(source).min <= number <= np.iinfo(source).max:
        return
    array = np.array([0, number], source)
    if np.iinfo(kind).min <= number <= np.iinfo(kind).max:
        assert flat.whole("x", array, kind).astype(kind).tolist() == [0, number]
    else:
        with pytest.raises(InputError, match=rf"x is {number} \(1 such values\)"):
            flat.whole("x", array, kind)


@given(st.floats(), st.sampled_from(["float32", "float64"]), st.sampled_from(KINDS))
def test_floating_point_numbers(number, source, kind):
    """Those alone that are whole, in range, and told from their neighbours."""
    with np.errstate(over="ignore"):
        array = np.array([number], source)
    as_it_is = float(array[0])
    told = 2**24 if source == "float32" else 2**53
    right = np.isfinite(as_it_is) and as_it_is.is_integer() and abs(as_it_is) < told
    if right and np.iinfo(kind).min <= int(as_it_is) <= np.iinfo(kind).max:
        assert flat.whole("x", array, kind).tolist() == [int(as_it_is)]
    else:
        with pytest.raises(InputError, match="x is "):
            flat.whole("x", array, kind)


def test_what_is_no_integer_type_is_left_alone():
    """Momenta are rounded to float32, as the table says."""
    assert flat.whole("x", np.array([0.5, np.nan]), "float32")[0] == 0.5


def test_columns_hold_what_they_are_given():
    """Flat and ragged ones."""
    columns = flat.Columns("ak4", 2)
    columns.flat("hadron_flavour", np.array([5.0, 0.0]))
    for wrong in ([5, 300], [5.0, np.nan], [5.0, 0.5]):
        with pytest.raises(InputError, match="hadron_flavour is "):
            columns.flat("hadron_flavour", np.array(wrong))
        with pytest.raises(InputError, match="cpf_charge is "):
            columns.ragged("cpf_charge", np.array([0, 1, 2]), np.array(wrong))


@pytest.mark.parametrize(
    ("branch", "value", "words"),
    [
        ("run", 2**32 + 1, "run is 4294967297"),
        ("luminosityBlock", 2**32 + 2, "luminosity_block is 4294967298"),
        ("event", -1, "event is -1"),
    ],
)
@pytest.mark.parametrize("pt_min_gev", [20.0, 9e9])
def test_keys_that_wrap_stop_the_skim(tmp_path, branch, value, words, pt_min_gev):
    """With a kept row, and with none, where the account alone gets the key."""
    table = mock.events(20, 1)
    table[branch] = np.where(np.arange(20) == 3, value, np.asarray(table[branch]).astype(np.int64))
    path = mock.write(tmp_path / "a.root", [table])
    plan = tmp_path / "plan.json"
    inspection.inspect_dataset("test", SPEC, [path], 1, PartitionSpec(), plan)
    paths = [tmp_path / name for name in ("rows", "report", "identity")]
    cuts = CUTS.model_copy(update={"pt_min_gev": pt_min_gev})
    with pytest.raises(InputError, match=rf"a\.root, entries 0 to 20: {words} \(\d+ such values\)"):
        skim.skim_partition("test", SPEC, cuts, SkimSpec(), plan, 0, *paths)
    assert not paths[1].exists()
    assert io.read_json(plan)["n_entries"] == 20


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["pt", "eta"])
def test_momenta_that_are_not_finite(name, value):
    """They pass no cut as soft, and none as hard; of a jet that is cut before nobody asks."""
    pt, eta = [[50.0, 60.0], [5.0]], [[0.1, 0.2], [0.3]]
    (pt if name == "pt" else eta)[0][1] = value
    given = with_leptons.events([[], []], [[], []], [[(50.0, 0.1, 0.0)] * 2, [(5.0, 0.3, 0.0)]])
    given |= {"Jet_pt": ak.Array(pt), "Jet_eta": ak.Array(eta)}
    with pytest.raises(InputError, match=f"Jet_{name} is not finite of 1"):
        nanoaod.rows(given, SPEC, CUTS)
    given |= {"Jet_pt": ak.Array([[50.0, 6.0], [5.0]]), "Jet_eta": ak.Array([[0.1, np.nan], [0.3]])}
    assert len(nanoaod.rows(given, SPEC, CUTS)[0]) == 1


def test_leptons_that_are_not_finite():
    """An event without its lepton would be of another channel."""
    for name, lepton in {"pt": (np.nan, 0.1, 0.0, 1, 4), "eta": (50.0, np.nan, 0.0, 1, 4)}.items():
        given = with_leptons.events([[lepton]], [[]])
        with pytest.raises(InputError, match=f"Electron_{name} is not finite of 1"):
            nanoaod.rows(given, with_leptons.spec("ak4", "e"), CUTS)


def test_generator_jets_that_are_not_finite():
    """Of events that are kept; a jet that is no number would be one fewer."""
    spec = DatasetSpec(object="event", process="test", files=("x",), events="all")
    one = {name: ak.Array([1, 1]) for name in ("run", "luminosityBlock", "event", "genWeight")}
    none = ak.values_astype(ak.Array([[1], [1]])[:, :0], np.int32)
    of_particles = ("pdgId", "genPartIdxMother", "status", "statusFlags", "pt", "eta", "phi")
    given = one | {f"GenPart_{name}": none for name in of_particles}
    good = {f"GenJet_{name}": ak.Array([[50.0], [60.0]]) for name in ("pt", "eta", "phi")}
    nanoaod.rows(given | good, spec, CUTS)
    for name in ("pt", "eta"):
        bad = good | {f"GenJet_{name}": ak.Array([[50.0], [np.nan]])}
        with pytest.raises(InputError, match=f"GenJet_{name} is not finite of 1"):
            nanoaod.rows(given | bad, spec, CUTS)
