"""The confusion matrix: against a count jet by jet, and drawn as its numbers say."""

from pathlib import Path
from typing import Any

import awkward as ak
import matplotlib
import numpy as np
import pytest
import yaml

from jetsmith import io, metrics, stages
from jetsmith.configuration.load import load
from jetsmith.configuration.subjects import subjects
from jetsmith.errors import InputError
from jetsmith.plots import confusion, plot
from jetsmith.scored import Probabilities
from jetsmith.specs.classifiers import ClassSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.shown import ClassifiedSpec
from tests.unit.test_plots_inputs import FLAVOURS

ROOT = Path(__file__).parent.parent.parent
STYLE = PlotSpec(dpi=60)
CLASSES = tuple(FLAVOURS.values())


def tagger(classes: Any = CLASSES, trained: Any = "levelled") -> ClassifiedSpec:
    """A tagger of b, c and light jets, or of others."""
    return ClassifiedSpec(
        name="deepjet", title="DeepJet", backend="keras", sample="jets", classes=classes, trained=trained
    )


def mixed(n: int, seed: int = 4) -> Probabilities:
    """Jets of each kind: ties, negative weights, not tagged, without a score, of no class."""
    rng = np.random.default_rng(seed)
    p = (rng.integers(0, 4, (n, 3)) / 4).astype(np.float32)  # a third of the jets have a tie
    not_tagged = rng.random(n) < 0.1
    scored = not_tagged | (rng.random(n) < 0.9)
    p[not_tagged | ~scored] = np.nan
    weight = rng.choice([1.0, 2.5, -0.5], n)
    return Probabilities(p, weight, rng.choice([500, 510, 400, 0, 1, 9], n), scored, not_tagged)


def by_jet(jets: Probabilities, truth: tuple[int, ...]) -> tuple[list[list[float]], int]:
    """Weights of the jets of a class by column, one jet after the other: the first of equal outputs wins."""
    found: list[list[float]] = [[], [], [], []]
    for k in range(len(jets.weight)):
        if jets.label[k] not in truth or not jets.scored[k]:
            continue
        place = 3
        if not jets.not_tagged[k]:
            place, largest = 0, -1.0
            for column, value in enumerate(jets.probabilities[k]):
                if value > largest:
                    place, largest = column, float(value)
        found[place].append(float(jets.weight[k]))
    return found, sum(map(len, found))


def test_shares_agree_with_a_count_jet_by_jet() -> None:
    """Protects: argmax, ties, signed weights, jets that were not tagged and those without a score."""
    jets = mixed(3000)
    numbers = confusion.compute(tagger(), jets)
    assert numbers.columns == ("b_jets", "c_jets", "light_jets", "not_tagged")
    for row, wanted in zip(numbers.rows, FLAVOURS.values(), strict=True):
        columns, n = by_jet(jets, wanted.truth)
        weight = np.concatenate(columns)
        assert row.n == n
        assert row.n_effective == pytest.approx(metrics.effective_count(weight), rel=1e-5)
        for k, found in enumerate(columns):
            place = np.repeat(range(4), list(map(len, columns))) == k
            one = metrics.efficiency(place, weight)
            assert row.share[k] == pytest.approx(sum(found) / sum(weight), rel=1e-5)
            assert (row.low[k], row.high[k]) == pytest.approx((one.low, one.high), rel=1e-5)
            assert row.weight[k] == pytest.approx(sum(found), rel=1e-5)
            assert row.squares[k] == pytest.approx(sum(value**2 for value in found), rel=1e-5)
        assert sum(value or 0 for value in row.share) == pytest.approx(1, rel=1e-5)


def test_the_first_of_equal_outputs_wins() -> None:
    """Protects: a tie is decided as the caption says, not by the order of jets or a random number."""
    p = np.array([[0.5, 0.5, 0], [0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    jets = Probabilities(p, np.ones(3), np.array([500] * 3), np.ones(3, bool), np.zeros(3, bool))
    assert confusion.chosen(jets).tolist() == [0, 1, 0]
    numbers = confusion.compute(tagger(), jets)
    assert numbers.columns == ("b_jets", "c_jets", "light_jets")  # no column of what there is none of
    assert "the first of equal ones" in numbers.caption()
    assert numbers.rows[1].share == (None, None, None)  # no c jets
    assert (numbers.rows[1].low, numbers.rows[1].high) == ((0.0,) * 3, (1.0,) * 3)
    assert confusion.draw(numbers, STYLE).axes


def test_it_draws_its_numbers() -> None:
    """Protects: rows are true classes, from the top; the cells and their text are the shares."""
    numbers = confusion.compute(tagger(), mixed(3000))
    figure = confusion.draw(numbers, STYLE)
    (cells,) = figure.findobj(lambda artist: artist.get_gid() == "cells")
    np.testing.assert_array_equal(cells.get_array(), [row.share for row in numbers.rows])
    texts = figure.findobj(lambda artist: artist.get_gid() == "share")
    assert [text.get_text() for text in texts] == [
        confusion.percent(value or 0) for row in numbers.rows for value in row.share
    ]
    axes = figure.axes[0]
    assert axes.yaxis_inverted()
    first, *_, last = (text.get_text() for text in axes.get_yticklabels())
    assert first == f"b ({numbers.rows[0].n_effective:,.0f})"
    assert last.startswith("light (")
    assert axes.get_xticklabels()[-1].get_text() == "not tagged"


def test_the_colours_read_in_grey() -> None:
    """Protects: a printed page tells more from less, and numbers stand out of their cells."""
    drawn = matplotlib.colormaps[confusion.COLORS](np.linspace(0, 1, 50))[:, :3]
    grey = drawn @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(grey) < 0).all()


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0"), (1e-9, "<0.1"), (0.0004, "<0.1"), (0.0006, "0.1"), (1.0, "100.0")]
)
def test_small_shares_are_not_nothing(share: float, text: str) -> None:
    """Protects: "0" is no jet at all."""
    assert confusion.percent(share) == text


@pytest.mark.parametrize("n", [2, 13, 188])
def test_many_classes_stay_legible(n: int) -> None:
    """Protects: of many classes no numbers, and no more names than there is room for; all are in the JSON."""
    classes = tuple(ClassSpec(name=f"c{k}", truth=(k,), label=f"c{k}", color="#000000") for k in range(n))
    rng = np.random.default_rng(n)
    p = rng.random((40 * n, n)).astype(np.float32)
    none = np.zeros(len(p), bool)
    numbers = confusion.compute(
        tagger(classes, ""), Probabilities(p, np.ones(len(p)), np.arange(len(p)) % n, ~none, none)
    )
    figure = confusion.draw(numbers, STYLE)
    assert len(numbers.rows) == len(numbers.columns) == n
    texts = figure.findobj(lambda artist: artist.get_gid() == "share")
    assert len(texts) == (n * n if n <= confusion.ANNOTATED else 0)
    names = figure.axes[0].get_yticklabels()
    assert min(n, confusion.NAMED) / 2 <= len(names) <= confusion.NAMED
    assert ("name of every class" in numbers.caption()) == (n > confusion.NAMED)
    assert len(numbers.alternative()) < 500


def test_captions_say_whose_classes() -> None:
    """Protects: levelled and natural classes have other largest outputs."""
    said = {
        trained: confusion.compute(tagger(trained=trained), mixed(300)).caption()
        for trained in ("levelled", "natural", "")
    }
    assert "weigh the same in the training" in said["levelled"]
    assert "as frequent as in the training" in said["natural"]
    assert "those who trained it" in said[""]
    assert all("this is no working point" in text for text in said.values())


def write(path: Path, jets: Probabilities, **more: Any) -> Path:
    """A score file of these jets, half of them of the test split."""
    n = len(jets.weight)
    table = {
        "split": np.arange(n, dtype=np.int8) % 2 + 2,
        "label": jets.label.astype(np.int32),
        "weight": jets.weight,
        "scored": jets.scored,
        "not_tagged": jets.not_tagged,
        **{f"p_{name}": jets.probabilities[:, k].copy() for k, name in enumerate(FLAVOURS)},
    }
    io.write_rows(path, ak.zip(table | more, depth_limit=1), classifier="deepjet", sample="jets")
    return path


def test_it_reads_the_test_split_of_its_own_scores(tmp_path: Path) -> None:
    """Protects: no jet that was calibrated on, no other tagger's file, no file of one number a jet."""
    jets = mixed(400)
    path = write(tmp_path / "scores.parquet", jets)
    numbers = confusion.plot_confusion(tagger(), path, STYLE, tmp_path / "figure")
    test = Probabilities(*(getattr(jets, name)[1::2] for name in Probabilities.__dataclass_fields__))
    assert numbers == confusion.compute(tagger(), test)
    other = tagger().model_copy(update={"name": "deepcsv"})
    with pytest.raises(InputError, match="is of classifier `deepjet`, not `deepcsv`"):
        confusion.plot_confusion(other, path, STYLE, tmp_path / "figure")
    stored = write(tmp_path / "stored.parquet", jets, score=jets.weight)
    with pytest.raises(InputError, match="one number a jet, and no probability of each class"):
        confusion.plot_confusion(tagger(), stored, STYLE, tmp_path / "figure")
    bad = jets.probabilities.copy()
    bad[np.flatnonzero(jets.scored & ~jets.not_tagged)[:20]] = np.nan
    write(path, Probabilities(bad, jets.weight, jets.label, jets.scored, jets.not_tagged))
    with pytest.raises(InputError, match=r"column p_b_jets: .* not finite"):
        confusion.plot_confusion(tagger(), path, STYLE, tmp_path / "figure")


def test_without_jets_it_says_so() -> None:
    """Protects: a tiny run has a page."""
    none = mixed(0)
    numbers = confusion.compute(tagger(), none)
    assert numbers.message == "No jets of the classes of the tagger (test split)"
    assert confusion.draw(numbers, STYLE).axes


def test_taggers_with_probabilities_have_one(tmp_path: Path) -> None:
    """Protects: one a tagger, not a judgement; none of a stored number; the stage gives what it takes."""
    run = load(yaml.safe_load((ROOT / "config/config.yaml").read_text()), ROOT / "config")
    found = [name for (name,) in subjects(run, "classified")]
    assert {"deepjet", "cmva"} <= set(found)
    assert not {"jp", "jbp", "pythia_shower"} & set(found)
    given = stages.plot(run, "confusion", "cmva")
    classes = given["tagger"]["classes"]
    table = {f"p_{c['name']}": np.full(6, 1 / len(classes), np.float32) for c in classes}
    jets = {
        "split": np.full(6, 3, np.int8),
        "label": np.array([500, 500, 400, 0, 1, 1], np.int32),
        "weight": np.ones(6),
        "scored": np.ones(6, bool),
        "not_tagged": np.zeros(6, bool),
    }
    io.write_rows(tmp_path / "s.parquet", ak.zip(jets | table, depth_limit=1))
    plot("confusion", {"scores": tmp_path / "s.parquet"}, given, str(tmp_path / "figure"))
    numbers = io.read_json(tmp_path / "figure.json")
    assert numbers["rows"][0]["share"][0] == 1.0
    assert numbers["page"]["section"] == "Confusion matrices"
