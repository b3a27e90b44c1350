"""Features of the report: they are what the packed arrays hold, and what is wrong with them is said."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.packed.arrays import Packed, SequenceGroup
from jetsmith.plots import describing, features, shifts
from jetsmith.plots.features import Replaced
from jetsmith.plots.features_found import NUMBER, Feature
from jetsmith.report.page import write_report
from jetsmith.specs.classifiers import ClassSpec
from jetsmith.specs.plots import PlotSpec
from tests.unit.packed_jets import FLAT, TRACK, TRUTHS, pack_jets, with_flat, write_packed

STYLE = PlotSpec(dpi=40)
CLASSES = [
    ClassSpec(name=name, truth=truth, label=name[0], color=color)
    for (name, truth), color in zip(TRUTHS.items(), ("#1f77b4", "#ff7f0e", "#2ca02c"), strict=True)
]
Given = dict[str, dict[str, Any]]


def given(names: tuple[str, ...], default: float | None = 0.0) -> Given:
    return {name: {"source": f"{name}_of", "label": name, "default": default} for name in names}


@pytest.fixture(scope="module")
def jets() -> list[Packed]:
    """Two splits."""
    return [replace(pack_jets(n, seed), sample="jets") for seed, n in enumerate((4000, 1000))]


def by_name(found: features.FeaturesNumbers) -> dict[str, Feature]:
    return {one.feature: one for one in found.features}


@pytest.mark.parametrize("group", ["ak4", "charged"])
def test_numbers_are_those_of_a_plain_count(
    jets: list[Packed], group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weighted with sign, by class, the same in however many windows; a sequence by its constituents."""
    monkeypatch.setattr(describing, "WINDOW", 700)
    names = FLAT if group == "ak4" else TRACK
    found = by_name(features.compute(group, given(names), CLASSES, jets, {}))
    column = names.index("sip")
    x, w, label = [], [], []
    for part in jets:
        of = part.groups[group]
        row = np.repeat(np.arange(len(part)), np.diff(describing.offsets_of(of)))
        x.append(of.values[:, column].astype(np.float64))
        w.append(part.weight[row])
        label.append(part.label[row])
    value, weight, truth = (np.concatenate(part) for part in (x, w, label))
    sip = found["sip"]
    for one, spec in zip(sip.classes, CLASSES, strict=False):
        mask = np.isin(truth, spec.truth)
        mean = np.average(value[mask], weights=weight[mask])
        variance = np.average((value[mask] - mean) ** 2, weights=weight[mask])
        assert one.n == mask.sum()
        assert one.mean == pytest.approx(mean, rel=1e-4)
        assert one.deviation == pytest.approx(np.sqrt(variance), rel=1e-4)
        assert (one.low, one.high) == pytest.approx((value[mask].min(), value[mask].max()), rel=1e-6)
        inner = np.asarray(sip.edges)[1:-1]
        place = np.searchsorted(inner, value[mask], side="right")
        expected = np.bincount(place, weight[mask], len(inner) + 1) / weight[mask].sum()
        np.testing.assert_allclose(one.fractions, expected, atol=2e-3)
        assert sum(one.fractions) == pytest.approx(1, abs=1e-3)
    assert sip.all.n == len(value) == sum(one.n for one in sip.classes)
    assert sip.n_distinct is None
    if group == "charged":
        number = found[NUMBER]
        assert number.all.n == 5000
        assert number.all.mean == pytest.approx(
            np.average(
                np.concatenate([np.diff(part.groups[group].offsets) for part in jets]),
                weights=np.concatenate([part.weight for part in jets]),
            ),
            rel=1e-4,
        )


def test_healthy_features_have_no_warning(jets: list[Packed]) -> None:
    """A warning that is always there is none."""
    for group, names in (("ak4", FLAT), ("charged", TRACK)):
        assert features.compute(group, given(names), CLASSES, jets, {}).warnings == ()


def test_each_fault_is_named(jets: list[Packed]) -> None:
    """Constant, NaN, missing in one data set, nearly always missing, a default that is a value, a copy."""
    rng, names = np.random.default_rng(3), ("same", "nan", "half", "rare", "count", "x", "copy", "leak", "n")
    parts = []
    for part in jets:
        n = len(part)
        x = rng.normal(0, 1, n)
        missing = rng.random(n) < 0.95
        columns = [
            np.full(n, 7.0),
            np.where(np.isin(part.label, TRUTHS["c_jets"]), np.nan, x),
            np.where(part.columns["dataset"] == 0, x, -9.0),
            np.where(missing, -9.0, rng.normal(0, 1, n)),
            rng.poisson(1, n),
            x,
            5 - 2 * x,
            np.where(np.isin(part.label, TRUTHS["b_jets"]), 1.0, rng.normal(0, 1, n)),
            rng.poisson(3, n),
        ]
        parts.append(with_flat(part, np.stack(columns, axis=1).astype(np.float32), names))
    about = given(names, -9.0)
    about["count"]["default"] = 0.0
    about["nan"]["default"] = None
    n = {"same": 0, "nan": 700, "half": 0, "rare": 2400, "count": 60, "x": 0, "copy": 0, "leak": 0, "n": 0}
    replaced = {"first": Replaced(2500, n), "second": Replaced(2500, n | {"half": 2500})}
    found = features.compute("ak4", about, CLASSES, parts, replaced)
    said = [(one.kind, one.feature, one.where) for one in found.warnings]
    assert said == [
        ("constant", "same", ""),
        ("not_finite", "nan", ""),
        ("missing", "half", "second"),
        ("missing", "rare", ""),
        ("ambiguous", "count", "first"),
        ("copy", "copy", ""),
        ("constant", "leak", "b"),
    ]
    text = {one.feature: one.text for one in found.warnings}
    assert "is 7 everywhere" in text["same"]
    assert "100% in c_jets" in text["nan"]
    assert "has some in first" in text["half"]
    assert "2.4%" in text["count"]
    assert "`x` again" in text["copy"]
    described = by_name(found)
    assert described["half"].is_code
    assert described["half"].equal == pytest.approx(0.5, abs=0.02)
    assert described["count"].equal == pytest.approx(np.exp(-1), abs=0.02)
    assert described["nan"].equal == 0
    assert not described["count"].is_code
    assert described["half"].all.default == pytest.approx(0.5, abs=0.02)
    assert described["half"].all.low > -9
    assert described["count"].all.low == 0  # a value among others
    assert described["n"].n_distinct is not None
    assert described["n"].axis == "whole"


def test_a_class_of_no_rows_and_an_empty_sequence(jets: list[Packed]) -> None:
    """They are drawn as nothing, and the sequence is named."""
    none = ClassSpec(name="none", truth=(7,), label="none", color="#000000")
    empty = SequenceGroup(np.zeros((0, len(TRACK)), np.float32), np.zeros(len(jets[0]) + 1, np.int64), TRACK)
    part = replace(jets[0], groups={"charged": empty})
    found = features.compute("charged", given(TRACK), [*CLASSES, none], [part], {})
    assert {one.kind for one in found.warnings} == {"constant", "empty"}
    assert found.features[1].classes[3].fractions == ()
    features.draw(found, STYLE)


def test_tails_are_compressed_where_they_must_be() -> None:
    """Whole numbers have their own bins, a bulk stays linear, long tails do not hide it."""
    rng = np.random.default_rng(1)
    assert describing.axis_of(rng.poisson(3, 5000)).kind == "whole"
    assert describing.axis_of(rng.normal(0, 1, 5000)).kind == "linear"
    assert describing.axis_of(np.abs(rng.normal(0, 1, 5000))).kind == "linear"
    assert describing.axis_of(rng.lognormal(0, 2, 5000)).kind == "log"
    assert describing.axis_of(rng.standard_cauchy(5000)).kind == "asinh"
    wide = describing.axis_of(rng.poisson(200, 5000))
    assert wide.kind == "whole"
    assert len(set(np.diff(wide.edges))) == 1
    for values in (np.zeros(0), np.full(9, 2.5), np.array([1e-9, 1e9])):
        assert (np.diff(describing.axis_of(values).edges) > 0).all()


@pytest.fixture(scope="module")
def packed(jets: list[Packed], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample on the disk, and beside it what stage features says."""
    folder = tmp_path_factory.mktemp("packed") / "jets"
    for split, part in zip(SPLITS, [*jets, *jets[1:], *jets[1:]], strict=True):
        write_packed(folder / split, replace(part, split=split))
    about = {"n_values": 100, "replaced": dict.fromkeys(FLAT, 0) | {"sip": 3}}
    io.write_json(folder / "about.json", about)
    return folder


def plot_both(folder: Path, output: Path) -> None:
    paths = [folder / split / name for name in ("rows", "ak4") for split in SPLITS]
    common = {"sample": "jets", "group": "ak4", "features": given(FLAT), "classes": CLASSES}
    features.plot_features(
        **common, packed=paths, style=STYLE, output=output / "features", about_first=[folder / "about.json"]
    )
    shifts.plot_shifts(
        **common, data=[], trained_on=[], packed=paths, others=[], style=STYLE, output=output / "shifts"
    )


def test_files_say_what_is_drawn_and_the_page_shows_it(packed: Path, tmp_path: Path) -> None:
    """Both figures, twice with the same bytes; warnings, shifts and the table are on the page."""
    for name in ("a", "b"):
        plot_both(packed, tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name
    content = json.loads((tmp_path / "a/features.json").read_text())
    assert [one["feature"] for one in content["features"]] == list(FLAT)
    assert content["features"][2]["replaced"] == {"first": 0.03}
    assert content["page"]["section"] == "Features"
    plots = [tmp_path / f"a/{name}.png" for name in ("features", "shifts")]
    told = {"sip_root": {"reason": "nobody knows", "features": ["ak4.mass", "other.sip"]}}
    check = {"classifier": "known", "sample": "jets", "is_turned": False}
    check |= {"datasets": {"first": {"stand_ins": told}, "second": {}}}
    (tmp_path / "known").mkdir()
    io.write_json(tmp_path / "known/jets.json", check)
    write_report(
        tmp_path / "index.html", {}, "t", [], [], plots, [], [], {}, checks=[tmp_path / "known/jets.json"]
    )
    page = (tmp_path / "index.html").read_text()
    marked = [line for line in page.splitlines() if '<span class="badge warn">stand-in</span>' in line]
    assert ["<code>mass</code>" in line for line in marked] == [True]  # not `sip`, which is another group's
    for text in ("no warnings", "Shifts: ak4 (jets)", "none of 15", "ak4 (jets): 5 features", "jet_pt_of"):
        assert text in page, text
    assert page.count('id="plots-features"') == 1


def test_what_stage_features_did_not_write_is_refused(packed: Path, tmp_path: Path) -> None:
    """A file of an earlier version would pass for one without a missing value."""
    io.write_json(tmp_path / "old.json", {"n_rows": 3})
    with pytest.raises(InputError, match=r"old.json: KeyError.*; compute the features again"):
        features.read_replaced([tmp_path / "old.json"])


def test_draws_a_cell_a_feature_with_a_line_a_class(jets: list[Packed]) -> None:
    """Heights are those of the numbers."""
    found = features.compute("ak4", given(FLAT), CLASSES, jets, {})
    figure = features.draw(found, STYLE)
    for one in found.features:
        (lines,) = figure.findobj(lambda artist, name=one.feature: artist.get_gid() == name)
        assert len(lines.get_paths()) == len(CLASSES)
        np.testing.assert_allclose(
            lines.get_paths()[0].vertices[1:-1:2, 1], one.classes[0].fractions, atol=1e-9
        )


def moved(part: Packed, by: float) -> Packed:
    """`mass` of c jets in the second data set larger."""
    flat = part.groups["ak4"].values.copy()
    here = np.isin(part.label, TRUTHS["c_jets"]) & (part.columns["dataset"] == 1)
    flat[here, FLAT.index("mass")] += by
    return with_flat(part, flat)


def test_equal_data_sets_are_not_flagged_and_a_shift_is(jets: list[Packed]) -> None:
    """The feature, the class and the pair; nothing else."""
    found = shifts.compute("ak4", given(FLAT), CLASSES, [jets], [])
    assert len(found.comparisons) == len(FLAT) * len(CLASSES)
    assert not any(one.flagged for one in found.comparisons)
    shifted = [[moved(part, 0.8) for part in jets]]
    found = shifts.compute("ak4", given(FLAT), CLASSES, shifted, [])
    flagged = [one for one in found.comparisons if one.flagged]
    assert [(one.feature, one.of_class, one.first, one.second) for one in flagged] == [
        ("mass", "c_jets", "first", "second")
    ]
    assert flagged[0].p_corrected == pytest.approx(flagged[0].p * len(found.comparisons), rel=1e-4)
    figure = shifts.draw(found, STYLE)
    (points,) = figure.findobj(lambda artist: artist.get_gid() == "c_jets.flagged")
    assert points.get_xdata() == pytest.approx([flagged[0].distance])


def test_a_small_shift_is_let_be(jets: list[Packed], monkeypatch: pytest.MonkeyPatch) -> None:
    """Significant is not enough."""
    monkeypatch.setattr(shifts, "LARGE", 0.99)
    found = shifts.compute("ak4", given(FLAT), CLASSES, [[moved(part, 0.8) for part in jets]], [])
    assert min(one.p_corrected for one in found.comparisons) < shifts.SIGNIFICANT
    assert not any(one.flagged for one in found.comparisons)


def test_data_simulation_and_other_samples_are_compared(jets: list[Packed]) -> None:
    """Data with simulation over all classes, as truth is not known; other samples by class."""
    other = [replace(moved(part, 2.0), sample="elsewhere") for part in jets]
    found = shifts.compute("charged", given(TRACK), CLASSES, [jets, jets], ["first"])
    pairs = {(one.first, one.second, one.of_class) for one in found.comparisons}
    assert pairs == {("data", "simulation", "all"), ("jets", "jets", "all")}
    assert {one.feature for one in found.comparisons} == {NUMBER, *TRACK}
    found = shifts.compute("ak4", given(FLAT), CLASSES, [jets, other], [])
    flagged = {(one.feature, one.of_class, one.second) for one in found.comparisons if one.flagged}
    assert flagged == {("mass", "c_jets", "elsewhere")}


def test_each_of_several_data_sets_is_compared_with_the_others(jets: list[Packed]) -> None:
    """One that differs is found as such."""
    three = [
        replace(
            part,
            datasets=("first", "second", "third"),
            generators=("a", "a", "a"),
            columns={**part.columns, "dataset": (np.arange(len(part)) % 3).astype(np.int16)},
        )
        for part in jets
    ]
    found = shifts.compute("ak4", given(FLAT), CLASSES, [three], [])
    assert {(one.first, one.second) for one in found.comparisons} == {
        ("first", "others"), ("second", "others"), ("third", "others")
    }  # fmt: skip


def test_rows_that_are_few_are_not_compared(jets: list[Packed]) -> None:
    """And counted."""
    few = [replace(pack_jets(20, 1), sample="jets")]
    found = shifts.compute("ak4", given(FLAT), CLASSES, [few], [])
    assert (found.comparisons, found.too_few) == ((), len(FLAT) * len(CLASSES))
    assert "too few events" in found.message
    shifts.draw(found, STYLE)


def test_a_feature_that_files_lack_is_named(jets: list[Packed]) -> None:
    """To pack again would not bring it: the message says where it stands which files lack it."""
    names = jets[0].groups["ak4"].names
    with pytest.raises(InputError, match=r"not packed: absent\. A file of the sample lacks their sources"):
        describing.columns_of(jets[0].groups["ak4"], [*names, "absent"])


@pytest.mark.parametrize("kept", [FLAT, ()])
def test_figures_are_of_what_files_have(jets: list[Packed], kept: tuple[str, ...]) -> None:
    """A feature whose source files lack is told in caption and warnings, and the others are drawn."""
    wanted = given((*kept, "absent"))
    found = features.compute("ak4", wanted, CLASSES, jets, {})
    assert ([one.feature for one in found.features], found.absent) == ([*kept], ("absent",))
    assert found.caption().endswith("Left out, since files of the sample lack their sources: absent.")
    assert [(one.kind, one.feature) for one in found.warnings if one.kind == "absent"] == [
        ("absent", "absent")
    ]
    assert bool(found.message) == (not kept)
    features.draw(found, STYLE)
    apart = shifts.compute("ak4", wanted, CLASSES, [jets, jets], [])
    assert ({one.feature for one in apart.comparisons}, apart.absent) == ({*kept}, ("absent",))
    assert apart.caption().endswith("lack their sources: absent.")
    shifts.draw(apart, STYLE)
