"""LHE files: rows of events, weights of variations, and what is refused: damage, tricks, mixtures."""

import gzip
import math
import time

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetsmith import io, unpacking
from jetsmith.errors import DamagedError, InputError
from jetsmith.skimming import account, inspection
from jetsmith.skimming import partition as skim
from jetsmith.sources import foreign, leshouches, lhe, mock, opened, partons
from jetsmith.specs.datasets import CutsSpec, DatasetSpec
from jetsmith.specs.skimming import PartitionSpec, SkimSpec

from .lhe_files import BEAMS, GLUON, PAIR, document, event, initrwgt, rwgt, write

W = 80.4


def inspect(folder, files, n_parts=1, loss=0.0, **keys):
    """The plan."""
    spec = DatasetSpec(**{"object": "event", "process": "test", "files": ("x",)} | keys)
    plan = folder / "plan.json"
    inspection.inspect_dataset(
        "test", spec, files, n_parts, PartitionSpec(), plan, SkimSpec(max_loss_fraction=loss)
    )
    return spec, plan


def accounted(folder, files, n_parts=1, loss=0.0, **keys):
    """All rows, in order, and the account."""
    spec, plan = inspect(folder, files, n_parts, loss, **keys)
    made = [[folder / f"{part}.{end}" for end in ("rows", "json", "identity")] for part in range(n_parts)]
    for part, paths in enumerate(made):
        settings = SkimSpec(chunk_entries=4, max_loss_fraction=loss)
        skim.skim_partition("test", spec, CutsSpec(), settings, plan, part, *paths)
    reports, identities = [paths[1] for paths in made], [paths[2] for paths in made]
    account.account_dataset("test", plan, reports, identities, loss, folder / "account.json")
    return ak.concatenate([io.read_rows(paths[0]) for paths in made]), io.read_json(folder / "account.json")


def row_of(tmp_path, particles):
    """The row of one event."""
    rows, _ = accounted(tmp_path, [write(tmp_path / "a.lhe", document([event(particles)]))])
    return rows[0].to_list()


numbers = st.floats(-1e4, 1e4, allow_nan=False).map(lambda value: round(value, 6))
particles = st.lists(
    st.tuples(st.sampled_from([1, -5, 11, -13, 21, 23]), st.sampled_from([-1, 1, 2]), *[numbers] * 5),
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(particles, numbers, numbers), min_size=1, max_size=8), st.data())
def test_what_is_written_is_read(tmp_path_factory, events, data):
    """Every number of every event, packed or not, from whichever event on: none is moved to another one."""
    blocks = [event(made, weight, rwgt(_7=other)) for made, weight, other in events]
    name = data.draw(st.sampled_from(["a.lhe", "a.lhe.gz"]))
    table = partons.EventTable(write(tmp_path_factory.mktemp("lhe") / name, document(blocks)))
    start = data.draw(st.integers(0, len(events) - 1))
    stop = data.draw(st.integers(start + 1, len(events)))
    names = sorted(table.branches)
    for begin, end in ((start, stop), (0, len(events))):  # back to the beginning, too
        found = table.read(names, begin, end)
        wanted = events[begin:end]
        assert found["event"].to_list() == list(range(begin, end))
        assert found["XWGTUP (IDWTUP -4)"].to_list() == [weight for _, weight, _ in wanted]
        assert found["weight 7 (IDWTUP -4)"].to_list() == [other for _, _, other in wanted]
        for place, branch in enumerate((*partons.CODES, *partons.MOMENTA)):
            assert found[branch].to_list() == [[one[place] for one in made] for made, _, _ in wanted]
    table.close()


def test_the_boson_and_the_partons(tmp_path):
    """From its two leptons; partons by falling pt, outgoing ones alone, with the mass of the record."""
    b = (-5, 1, 30.0, 40.0, 0.0, 60.0, 4.7)
    row = row_of(tmp_path, [*BEAMS, (23, 2, 9.0, 9.0, 9.0, 99.0, 91.0), *PAIR, GLUON, b])
    assert row["lhe_v_pt_gev"] == pytest.approx(math.hypot(15, 10))
    assert row["lhe_v_mass_gev"] == pytest.approx(math.sqrt(80**2 - 15**2 - 10**2 - 50**2))
    assert row["lhe_v_y"] == pytest.approx(0.5 * math.log(130 / 30))
    assert row["lhe_v_phi_rad"] == pytest.approx(math.atan2(-10, 15))
    assert row["lhe_parton_flavour"] == [5, 21]
    assert row["lhe_parton_pt_gev"] == pytest.approx([50, math.hypot(15, 10)])
    assert row["lhe_parton_eta"] == pytest.approx([0, math.asinh(-80 / math.hypot(15, 10))])
    assert row["lhe_parton_mass_gev"] == pytest.approx([4.7, 0])


def at(code, status=1, px=3.0):
    return (code, status, px, 4.0, 0.0, 100.0, 0.0)


@pytest.mark.parametrize(
    ("made", "pt"),
    [
        ([at(11), at(-11)], 10.0),
        ([at(12), at(-12), at(23, 2)], 10.0),
        ([at(13), at(-14)], 10.0),  # a W
        ([at(11), at(-13), at(23, 2)], 5.0),  # no pair: the boson in the record
        ([at(11), at(11), at(24, 2)], 5.0),
        ([at(11), at(-11), at(13), at(-13), at(23, 2)], 5.0),
        ([at(23)], 5.0),  # undecayed
        ([at(5), at(-5), at(23, 2)], 5.0),
        ([at(23, 2), at(24, 2)], None),
        ([at(11), at(-11, 2)], None),
        ([at(6), at(-6)], None),
    ],
)
def test_which_particles_are_the_boson(tmp_path, made, pt):
    """Where there is not one, its columns are NaN and the event stays a row: nothing stands in."""
    found = row_of(tmp_path, made)["lhe_v_pt_gev"]
    assert math.isnan(found) if pt is None else found == pytest.approx(pt)


def test_partitions_are_the_whole(tmp_path):
    """Every event once, signed sums, whatever the cut; the key is the same packed and under another name."""
    blocks = [event(weight=w) for w in (1.5, -1.5, 1.5, 1.5, -1.5, 1.5, 1.5, 1.5, -1.5, 1.5, 1.5)]
    plain, packed = (write(tmp_path / name, document(blocks)) for name in ("a.lhe", "b.lhe.gz"))
    whole, told = accounted(tmp_path, [plain])
    assert (told["n_events"], told["n_rows"], told["layout"]) == (11, 11, "lhe")
    assert told["normalisation"]["sum_w"] == pytest.approx(7.5)
    assert "LHE files hold no other sum" in told["normalisation"]["how"]
    for n_parts in (2, 3, 20):
        rows, again = accounted(tmp_path, [packed], n_parts)
        assert ak.array_equal(rows, whole)
        assert again["normalisation"]["sum_w"] == told["normalisation"]["sum_w"]


def test_a_partition_goes_through_the_text_once(tmp_path, monkeypatch):
    """Chunks follow each other in the open file; only the head is read again."""
    begun = []
    real = leshouches.Text.__init__

    def spy(text, path):
        begun.append(path)
        real(text, path)

    monkeypatch.setattr(partons, "BATCH_BYTES", 300)  # long events are parsed one by one
    path = write(tmp_path / "a.lhe.gz", document([event()] * 20))
    spec, plan = inspect(tmp_path, [path], n_parts=2)
    monkeypatch.setattr(leshouches.Text, "__init__", spy)
    paths = [tmp_path / f"1.{end}" for end in ("rows", "json", "identity")]
    skim.skim_partition("test", spec, CutsSpec(), SkimSpec(chunk_entries=2), plan, 1, *paths)
    assert len(begun) == 2  # to know the file, and to read it


def test_the_same_events_twice(tmp_path):
    """A copy is seen by its bytes; the same events packed and not by their keys; other events are neither."""
    text = document([event(), event(weight=2.0)])
    files = [write(tmp_path / name, text) for name in ("a.lhe", "b.lhe", "c.lhe.gz")]
    with pytest.raises(InputError, match="the same file as"):
        inspect(tmp_path, files[:2])
    with pytest.raises(InputError, match="2 entries would count twice"):
        accounted(tmp_path, files[1:])
    other = write(tmp_path / "d.lhe", document([event(weight=3.0)]))
    assert accounted(tmp_path, [files[0], other])[1]["n_events"] == 3


def test_files_of_two_conventions_do_not_mix(tmp_path):
    """Weights under IDWTUP 3 and -4 differ by orders of magnitude in what they mean."""
    files = [write(tmp_path / f"{s}.lhe", document([event(weight=float(s))], strategy=s)) for s in (3, -4)]
    with pytest.raises(InputError, match=r"XWGTUP \(IDWTUP -4\) in .*make a dataset of each"):
        inspect(tmp_path, files)


def test_variations_by_id(tmp_path):
    """From `<rwgt>` or, in the order of `<initrwgt>`, from `<weights>`; the nominal one by default."""
    named = document([event(weight=w, more=rwgt(_1001=2 * w, _mur2=-w)) for w in (1.0, 3.0)])
    listed = document(
        [event(weight=w, more=f"<weights> {2 * w} {-w} </weights>\n") for w in (1.0, 3.0)],
        header=initrwgt("1001", "mur2"),
    )
    for text in (named, listed):
        path = write(tmp_path / "a.lhe", text)
        for variation, weights in (("", [1, 3]), ("1001", [2, 6]), ("mur2", [-1, -3])):
            rows, told = accounted(tmp_path, [path], weight_variation=variation)
            assert rows["weight"].to_list() == weights
            name = f"weight {variation}" if variation else "XWGTUP"
            assert told["content"]["weight"] == f"{name} (IDWTUP -4)"
        with pytest.raises(InputError, match=r"a.lhe: no weight of the variation `1002`.*choices: `1001`"):
            inspect(tmp_path, [path], weight_variation="1002")


def test_no_variation_stands_in(tmp_path):
    """Files without any are refused, and events that lack theirs are malformed; other layouts have none."""
    plain = write(tmp_path / "a.lhe", document([event()]))
    with pytest.raises(InputError, match="there are none in it"):
        inspect(tmp_path, [plain], weight_variation="1001")
    lacking = write(tmp_path / "b.lhe", document([event(more=rwgt(_1=1.0)), event()]))
    with pytest.raises(InputError, match=r"event 1 \(counted from 0\) is malformed: it has no weight `1`"):
        accounted(tmp_path, [lacking], weight_variation="1")
    root = mock.write(tmp_path / "a.root", [mock.events(20)])
    with pytest.raises(InputError, match=r"no weight of the variation `1`.*none in it \(`pfnano`\)"):
        inspect(tmp_path, [root], object="ak4", weight_variation="1")


GOOD = document([event(weight=float(w)) for w in range(1, 10)])
BAD_EVENTS = {
    "fewer particles than said": (event().replace(" 5 1 1.0", " 6 1 1.0"), "NUP is 6, but it has 5"),
    "a short line": (event().replace(" 0. 9.\n", "\n", 1), "list index out of range"),
    "no number": (event().replace("40.0", "4o.0", 1), "could not convert"),
    "not a number": (event().replace("40.0", "nan", 1), "PUP4 is not finite"),
    "an infinite weight": (event(weight=math.inf), r"XWGTUP \(IDWTUP -4\) is not finite"),
    "a code of too many digits": (event().replace(" 21 1 ", f" {10**30} 1 "), "codes"),
    "an entity": (event(more="&lol;"), "undefined entity"),
    "a tag that does not end": (event(more="<rwgt>"), "mismatched tag"),
    "empty": ("<event></event>\n", "no text"),
}


@pytest.mark.parametrize("kind", BAD_EVENTS)
@pytest.mark.filterwarnings("ignore:Parse Error")  # pylhe's, which ends reading there without an error
def test_a_malformed_event_is_lost_and_said(tmp_path, kind):
    """Where no loss is allowed the run stops and names the event; else its chunk is a declared loss."""
    block, words = BAD_EVENTS[kind]
    text = document([event(weight=float(w)) for w in range(5)] + [block] + [event()] * 6)
    path = write(tmp_path / "a.lhe", text)
    with pytest.raises(InputError, match=rf"event 5 \(counted from 0\) is malformed: .*{words}"):
        accounted(tmp_path, [path])
    rows, told = accounted(tmp_path, [path], loss=0.5)
    assert (told["n_entries"], told["n_events"], told["n_lost"], len(rows)) == (12, 8, 4, 8)
    assert rows["event"].to_list() == [0, 1, 2, 3, 8, 9, 10, 11]


CUT = gzip.compress(GOOD.encode())
DAMAGED = {
    "cut off in an event": (GOOD[:-200], r"cut off, after 8 events: it has no </LesHouchesEvents>"),
    "cut off between events": (GOOD[: GOOD.rindex("</Les")], "cut off, after 9 events"),
    "cut off in the header": (GOOD[:45], "cut off, after 0 events"),
    "a gzip cut off": (CUT[: len(CUT) // 2], "a gzip file that was cut off"),
    "a gzip without its checksum": (CUT[:-8], "a gzip file that was cut off"),
    "another checksum": (CUT[:-8] + b"\0\0\0\0" + CUT[-4:], "damaged gzip file"),
    "no end of an event": (GOOD.replace("</event>", "", 1), "an event begins within another"),
    "no beginning of an event": (GOOD.replace("<event>", "", 1), "`</event` is no part of an LHE file"),
    "no init": (GOOD.replace("<init>", "<generator>").replace("</init>", "</generator>"), "no part of an"),
    "events before init": (GOOD.replace("<init>", "<header>").replace("</init>", "</header>"), "no <init>"),
    "an empty init": (document([]).replace("2212 2212", "x", 1), "its <init> cannot be read"),
    "no known strategy": (document([event()], strategy=7), "IDWTUP is 7"),
    "event groups": (GOOD.replace("<event>", "<eventgroup><event>", 1), "`<eventgroup` is no part of"),
}


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.filterwarnings("ignore:Parse Error")
def test_damaged_files(tmp_path, kind):
    """Each is a DamagedError that says what is wrong, so that it can be a declared loss, and none is read."""
    content, words = DAMAGED[kind]
    path = tmp_path / "a.lhe"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DamagedError, match=words) as error, opened.open_file(str(path)) as file:
        file.tables()
    assert str(path) in str(error.value)
    other = write(tmp_path / "b.lhe", document([event(weight=99.0)]))
    plan = inspect(tmp_path, [str(path), other], loss=0.9)[1]
    assert [one["file"] for one in io.read_json(plan)["damaged"]] == [str(path)]


BOMB = '<!DOCTYPE lolz [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>\n'
OUTSIDE = '<!DOCTYPE LesHouchesEvents SYSTEM "http://127.0.0.1/x.dtd">\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<?xml version="1.0"?>\n' + BOMB + GOOD, "document types and entities are not read"),
        (BOMB + GOOD, "document types and entities are not read"),
        (OUTSIDE + GOOD, "document types and entities are not read"),
        (GOOD.replace("<init>", '<!ENTITY a "x">\n<init>'), "document types and entities are not read"),
        (GOOD + GOOD, "several LHE files in one"),
        (GOOD + "more", "it goes on behind </LesHouchesEvents>"),
    ],
)
def test_what_no_generator_writes_is_refused(tmp_path, text, words):
    """Whatever loss is allowed: no copy of the file would be another."""
    with pytest.raises(InputError, match=words) as error:
        inspect(tmp_path, [write(tmp_path / "a.lhe", text)], loss=0.9)
    assert not isinstance(error.value, DamagedError)


def test_memory_and_unpacking_are_bounded(tmp_path, monkeypatch):
    """Text without end between events or in one, and a gzip that unpacks to far more than its size."""
    path = write(tmp_path / "a.lhe.gz", document([event()] * 2000))
    monkeypatch.setattr(unpacking, "UNPACKED_ANYHOW", 0)
    monkeypatch.setattr(unpacking, "MOST_UNPACKED", 20)
    monkeypatch.setattr(leshouches, "PIECE", 1000)
    with pytest.raises(InputError, match="unpacks to more than 20 times its"):
        inspect(tmp_path, [path])
    monkeypatch.setattr(unpacking, "UNPACKED_ANYHOW", 1 << 30)
    monkeypatch.setattr(leshouches, "MOST_BETWEEN", 5000)
    monkeypatch.setitem(leshouches.MOST, b"<event", 5000)
    for text, words in (
        (document([event(), " " * 20_000, event()]), "no `<` within 5,000 bytes"),
        (document([event(more="#" * 20_000 + "\n")]), "no `</event>` within 5,000 bytes"),
    ):
        with pytest.raises(DamagedError, match=words):
            leshouches_events(write(tmp_path / "b.lhe.gz", text))


def test_a_header_takes_no_longer_than_its_bytes(tmp_path):
    """Weights that begin again and again without an end took 12 s for 200 kB, and 74 s for 400."""
    text = document([event()], header="<initrwgt " * 20_000)
    start = time.process_time()
    assert len(leshouches_events(write(tmp_path / "a.lhe", text))) == 1
    assert time.process_time() - start < 3


def leshouches_events(path):
    """All blocks of a file."""
    text = leshouches.Text(path)
    try:
        return list(text.events())
    finally:
        text.close()


def test_what_programs_write_beside_events(tmp_path):
    """Headers that are no XML, comments, the generator's last words: read as if they were not there."""
    header = '<MGRunCard>\n 5 < 6 & 7 <a> \xe9 "\n</MGRunCard>\n<!-- a -- b <event> -->\n'
    text = document(
        [event(), "<!-- <event> -->\n", event(more="#  0.7 0.7\n<clus>1</clus>\n")], header=header
    )
    text = '<?xml version="1.0"?>\n<!-- of Powheg -- too -->\n' + text
    text = text.replace(
        "</LesHouchesEvents>", "#Random number generator exit values: 7 0\n</LesHouchesEvents>"
    )
    rows, _ = accounted(tmp_path, [write(tmp_path / "a.lhe", text)])
    assert rows["lhe_parton_flavour"].to_list() == [[21], [21]]


def test_recognised_by_content(tmp_path):
    """A name means nothing; other kinds of file under it are called what they are; jets are in none."""
    path = write(tmp_path / "a.root", document([event()]))
    _, plan = inspect(tmp_path, [path])
    assert io.read_json(plan)["layout"] == "lhe"
    with pytest.raises(InputError, match=r"layout `lhe` gives no .* can serve: event"):
        inspect(tmp_path, [path], object="ak4")
    with pytest.raises(InputError, match="it looks like `lhe`"):
        inspect(tmp_path, [path], layout="nanoaod")
    with pytest.raises(InputError, match="is simulated; remove the key"):
        inspect(tmp_path, [path], is_data=True)
    for content, words in (
        (b"root" + bytes(500), "a ROOT file without trees"),
        (b"<a>LHE</a>", "an XML file"),
    ):
        (tmp_path / "b.lhe").write_bytes(content)
        with pytest.raises(InputError, match=words):
            inspect(tmp_path, [str(tmp_path / "b.lhe")])
    assert "read from a disk alone" in foreign.identify(b"<Les").what


def test_changed_since_inspect(tmp_path):
    """Rows of other events than were planned are no rows."""
    path = tmp_path / "a.lhe"
    spec, plan = inspect(tmp_path, [write(path, document([event(weight=1.5)]))])
    write(path, document([event(weight=2.5)]))
    paths = [tmp_path / f"0.{end}" for end in ("rows", "json", "identity")]
    with pytest.raises(InputError, match="changed since inspect"):
        skim.skim_partition("test", spec, CutsSpec(), SkimSpec(), plan, 0, *paths)


def test_without_pylhe(tmp_path, monkeypatch):
    """The message names the extra."""
    monkeypatch.setitem(__import__("sys").modules, "pylhe", None)
    with pytest.raises(InputError, match="install the extra `lhe`"):
        inspect(tmp_path, [write(tmp_path / "a.lhe", document([event()]))])


def test_a_file_without_events(tmp_path):
    """It counts as empty beside others, and its layout is known."""
    files = [write(tmp_path / f"{n}.lhe", document([event()] * n)) for n in (0, 2)]
    assert accounted(tmp_path, files)[1]["n_events"] == 2


def test_sums_of_pairs():
    """Leptons are counted an event, not over all: what a neighbour has does not make a pair."""
    codes, status = np.array([11, -11, 13, -13]), np.ones(4, dtype=int)
    part, there = lhe.v_of(np.array([0, 1, 1, 1]), codes, status, 2)
    assert (part.tolist(), there.tolist()) == ([-1] * 4, [False, False])
