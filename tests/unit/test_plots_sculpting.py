"""Protects the figure of a column that a tagger is to leave alone: background before and after cuts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jetsmith.hashing import SPLITS
from jetsmith.metrics.decorrelation import jensen_shannon
from jetsmith.plots import sculpting, style
from jetsmith.scored import ScoredJets
from jetsmith.specs.classifiers import ClassifierSpec, EvaluationSpec
from jetsmith.specs.plots import PlotSpec
from tests.unit.packed_jets import TRUTHS, make_spec
from tests.unit.score_files import write_scores

EDGES = tuple(range(40, 201, 20))


def spec_of(column: str = "jet_softdrop_mass_gev") -> ClassifierSpec:
    spec = make_spec("xgboost", decorrelate={column: EDGES})
    evaluation = EvaluationSpec(signal="b_jets", backgrounds=("light_jets", "c_jets"))
    classes = {c.name: c for c in spec.classes}
    backgrounds = tuple(classes[name] for name in evaluation.backgrounds)
    return spec.model_copy(
        update={
            "evaluation": evaluation,
            "signal_class": classes["b_jets"],
            "background_classes": backgrounds,
        }
    )


def jets(slope: float, n: int = 8000) -> ScoredJets:
    """Signal around 120 GeV, flat background; the score also tells the distance from there."""
    rng = np.random.default_rng(1)
    label = rng.choice([500, 0, 400], n)
    mass = np.where(label == 500, rng.normal(120, 10, n), rng.uniform(40, 200, n))
    score = rng.normal(0, 1, n) + (label == 500) - slope * np.abs(mass - 120) / 40
    columns = {"jet_softdrop_mass_gev": mass, "jet_pt_gev": mass}
    return ScoredJets(score, np.ones(n), label.astype(np.int32), np.ones(n, bool), columns)


def test_a_score_that_knows_the_mass_is_seen() -> None:
    """Of the first background alone: what passes is the peak, or what chance makes; the curves are drawn."""
    known, left = (sculpting.compute(spec_of(), jets(slope), 1) for slope in (2.0, 0.0))
    for numbers in (known, left):
        assert numbers.background.name == "light_jets"
        assert [cut.signal_efficiency for cut in numbers.cuts] == [0.7, 0.5, 0.3]
        assert sum(numbers.shape) == pytest.approx(1, abs=1e-5)
        assert numbers.correlation is not None
        assert numbers.correlation_by_chance is not None
    assert all(cut.true.low > 5 * cut.by_chance for cut in known.cuts)
    assert all(np.argmax(cut.shape) in (3, 4) for cut in known.cuts)
    assert known.correlation.low > 10 * known.correlation_by_chance
    assert all(cut.seen < 5 * cut.by_chance for cut in left.cuts)
    assert left.correlation_seen < 5 * left.correlation_by_chance
    assert "seen, by chance" in known.caption()
    assert "1/JSD" in known.caption()
    figure = sculpting.draw(known, PlotSpec())
    at = {"0.7", "0.5", "0.3"}
    drawn = {patch.get_gid(): patch for patch in figure.axes[0].patches}
    assert drawn.keys() == {"all"} | at | {f"{one}.fails" for one in at}
    for cut in known.cuts:
        sums = [np.array(of) for of in (cut.shape, cut.failing)]
        assert cut.seen == pytest.approx(float(jensen_shannon(*sums)), rel=1e-3)  # of what the figure shows
        np.testing.assert_array_equal(drawn[f"{cut.signal_efficiency}.fails"].get_data().values, cut.failing)
    assert known.histograms().keys() == {"all"} | {
        f"{which}_at_{one}" for which in ("passing", "failing") for one in at
    }
    found = sculpting.draw(sculpting.compute(spec_of("n_pv"), jets(0.0, 100), 1), PlotSpec())
    assert any("have no n_pv" in text.get_text() for text in found.findobj(lambda a: hasattr(a, "get_text")))


def test_jets_without_a_mass_are_in_the_first_bin() -> None:
    """As those of a code below every edge are, so that they neither vanish nor count as heavy ones."""
    found = []
    for code in (-1.0, np.nan):
        some = jets(0.0, 3000)
        some.columns["jet_softdrop_mass_gev"][::7] = code
        found.append(sculpting.compute(spec_of(), some, 1))
    assert found[0].shape == found[1].shape
    assert found[0].shape[0] > 2 * found[0].shape[-1]
    assert found[0].cuts == found[1].cuts


def test_scores_of_jets_without_a_mass_are_drawn(tmp_path: Path) -> None:
    """From a file, as NanoAOD's rows make it: the numbers of the jets by hand."""
    some = jets(0.0, 3000)
    some.columns["jet_softdrop_mass_gev"][::7] = np.nan
    table = {"label": some.label, "weight": some.weight, "scored": some.chosen, **some.columns}
    table["jet_pt_gev"] = np.full(3000, 300.0)
    table |= {"split": np.full(3000, SPLITS.index("test")), "discriminant": 0.5 + some.discriminant / 20}
    write_scores(tmp_path / "scores.parquet", table)
    found = sculpting.plot_sculpting(spec_of(), tmp_path / "scores.parquet", PlotSpec(), 1, tmp_path / "out")
    assert found.shape == sculpting.compute(spec_of(), some, 1).shape
    assert len(found.cuts) == 3
    assert found.correlation is not None


def test_without_background_there_is_a_message() -> None:
    """No division by nothing."""
    some = jets(0.0, 300)
    none = replace(some, chosen=~np.isin(some.label, TRUTHS["light_jets"]))
    numbers = sculpting.compute(spec_of(), none, 1)
    assert "No jets" in numbers.message
    assert not numbers.cuts


def test_a_score_that_does_not_vary_has_no_correlation() -> None:
    """A figure that says so, not the end of the run."""
    some = jets(0.0, 3000)
    numbers = sculpting.compute(spec_of(), replace(some, discriminant=np.zeros(3000)), 1)
    assert numbers.correlation is None
    assert "discriminant and column: none can be told." in numbers.caption()
    assert not numbers.cuts
    assert "None at 70%: spectrum after a cut: background that fails has no positive sum" in numbers.caption()


def test_a_cut_that_is_not_there_is_told() -> None:
    """Protects: a run that ends at a signal of which 40% is not tagged; ties that nobody is told of."""
    some = jets(1.0)
    untagged = (some.label == 500) & (np.random.default_rng(2).random(8000) < 0.4)
    numbers = sculpting.compute(
        spec_of(), replace(some, discriminant=np.where(untagged, -np.inf, some.discriminant)), 1
    )
    assert [cut.signal_efficiency for cut in numbers.cuts] == [0.5, 0.3]
    assert "None at 70%: working point at signal efficiency 0.7: only 0." in numbers.caption()
    assert "the other jets are not tagged." in numbers.caption()  # no advice: who reads it chose no 70%
    figure = sculpting.draw(numbers, PlotSpec())
    assert "signal 70%: no cut" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    numbers = sculpting.compute(spec_of(), replace(some, discriminant=np.round(some.discriminant)), 1)
    (tied,) = [cut for cut in numbers.cuts if cut.signal_efficiency == 0.3]
    assert tied.reached > 0.33
    assert (
        f"at 30% ({tied.reached:.1%} pass, since many jets of the signal share a score)" in numbers.caption()
    )


def test_a_rejection_without_an_upper_end_is_written(tmp_path: Path) -> None:
    """Protects: few jets leave no upper end, for which JSON has no number: figures are made."""
    of_signal, of_light = np.linspace(-1, 1, 9), np.append(np.linspace(-3, -2, 119), 0.55)
    score = np.concatenate([of_signal, of_light])
    label = np.repeat([500, 0], [9, 120]).astype(np.int32)
    columns = {"jet_softdrop_mass_gev": np.linspace(40, 200, 129), "jet_pt_gev": np.ones(129)}
    few = ScoredJets(score, np.ones(129), label, np.ones(129, bool), columns)
    found = sculpting.compute(spec_of(), few, 1)
    assert any(cut.rejection.high is None for cut in found.cuts)
    style.save(sculpting.draw(found, PlotSpec()), found, tmp_path / "figure")
    again = json.loads((tmp_path / "figure.json").read_text())
    assert any(cut["rejection"][2] is None for cut in again["cuts"])
    assert ", above " in again["page"]["caption"]
