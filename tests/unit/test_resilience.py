"""Resilience: a fragile tagger is seen as fragile, another is not, and spectra alone move no area."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import metrics
from jetsmith.handed.moves import Change, Input, Moved, Moves, Shift
from jetsmith.metrics import Jets
from jetsmith.plots import resilience as plot
from jetsmith.report import resilience as report
from jetsmith.scored import ScoredJets
from jetsmith.specs.plots import PlotSpec
from tests.unit.packed_jets import make_spec
from tests.unit.score_files import scored_jets

EVENTS = 3000


def jets(
    n: int, seed: int, shift: float = 0.0, slope: float = 0.0, harder: float = 1.0, first_event: int = 0
) -> dict[str, Any]:
    """Jets of two classes, two columns that tell them apart, one of which loses `shift` of its separation.

    Args:
        n: How many.
        seed: The same gives the same.
        shift: Of the separation of `x` for b jets.
        slope: By which x grows with ln pt for b jets.
        harder: Factor on the slope of momenta.
        first_event: Number of the first event; two jets are of one.
    """
    rng = np.random.default_rng(seed)
    is_b = rng.random(n) < 0.5
    pt = 30 * (1 + harder * rng.exponential(1, n))
    return {
        "label": np.where(is_b, 500, 0),
        "pt": pt,
        "abseta": rng.uniform(0, 2.5, n),
        "weight": rng.uniform(0.5, 1.5, n) * np.where(rng.random(n) < 0.05, -1, 1),
        "x": rng.normal(0, 1, n) + is_b * (1.5 - shift + slope * np.log(pt / 60)),
        "y": rng.normal(0, 1, n) + is_b * 1.5,
        "event": first_event + np.arange(n) // 2,
    }


def as_scored(of: dict[str, Any], score: str) -> ScoredJets:
    found = scored_jets(of[score], of["weight"], of["label"], of["pt"], of["abseta"])
    ones = np.ones(len(of["event"]), np.int64)
    keys = {"run": ones, "luminosity_block": ones, "event": of["event"]}
    return ScoredJets(found.discriminant, found.weight, found.label, found.chosen, {**found.columns, **keys})


def of_pair(nominal: dict[str, Any], shifted: dict[str, Any]) -> tuple[Jets, Jets]:
    sides = [(side["label"] == 500, side["pt"], side["abseta"]) for side in (nominal, shifted)]
    places = metrics.cells(*sides)
    numbers = np.unique(np.concatenate([nominal["event"], shifted["event"]]), return_inverse=True)[1]
    events = np.split(numbers, [len(nominal["event"])])
    first, second = (
        Jets(side["weight"], mask, place, event)
        for side, (mask, _, _), place, event in zip((nominal, shifted), sides, places, events, strict=True)
    )
    return first, second


def change(nominal: dict[str, Any], shifted: dict[str, Any], score: str = "x", n: int = 100) -> Any:
    found = metrics.auc_shift((nominal[score], shifted[score]), *of_pair(nominal, shifted), n, 1)
    assert found is not None
    return found


def specs() -> list[Any]:
    told = {"signal_class": {"name": "b_jets", "truth": [500], "label": "b", "color": "#000000"}}
    told |= {"background_classes": [{"name": "light_jets", "truth": [0], "label": "l", "color": "#000000"}]}
    return [make_spec("xgboost", name=name, title=name.title(), **told) for name in ("fragile", "robust")]


def computed(shifted: dict[str, Any], moves: Any = ()) -> Any:
    nominal = jets(EVENTS, 1)
    return plot.compute(
        specs(),
        [[as_scored(side, score) for score in ("x", "y")] for side in (nominal, shifted)],
        "light_jets",
        ["worse tracks"],
        moves,
        seed=1,
    )


def test_a_fragile_tagger_is_seen_as_fragile() -> None:
    """It reads the column that is shifted; one that reads another stays within its errors."""
    numbers = computed(jets(EVENTS, 2, shift=0.5))
    fragile, robust = (tagger.changes[0].change for tagger in numbers.taggers)
    assert fragile.high < -0.04
    assert fragile.value < -4 * (fragile.high - fragile.value)
    assert abs(robust.value) < 3 * (robust.high - robust.low) / 2
    assert numbers.taggers[0].changes[0].effective[0] > 500


def test_other_spectra_are_no_change_of_the_tagger() -> None:
    """Harder jets, which are told apart more easily: not where they are weighted to the nominal spectra."""
    nominal, harder = jets(8000, 1, slope=1.0), jets(8000, 2, slope=1.0, harder=1.5, first_event=10**6)
    found = change(nominal, harder)
    assert found.unmatched > 0.02
    assert abs(found.value) < 3 * found.error
    assert abs(found.value) < found.unmatched / 3
    assert found.covered > 0.9
    n_signal = metrics.effective_count(harder["weight"][harder["label"] == 500])
    assert 0.05 * n_signal < found.effective[0] < 0.95 * n_signal


def test_replicas_without_a_class_count_at_both_ends() -> None:
    """Protects: one b jet of a shifted sample, which many replicas lack: an interval from end to end."""
    nominal, shifted = jets(EVENTS, 1), jets(400, 2, first_event=10**6)
    shifted["weight"] = np.abs(shifted["weight"])
    signal = np.flatnonzero(shifted["label"] == 500)
    kept = np.setdiff1d(np.arange(len(shifted["label"])), signal[1:])
    found = change(nominal, {name: values[kept] for name, values in shifted.items()})
    assert np.isfinite([found.value, found.error]).all()
    assert (found.low, found.high) == (-1, 1)
    assert found.error == 1


def test_nothing_is_alarmed_where_nothing_is_shifted() -> None:
    """Of many pairs of samples of one distribution the intervals hold 0 as often as they say."""
    toys = 120
    found = [
        change(jets(600, 2 * k), jets(400, 2 * k + 1, first_event=10 * (k % 2) * 1000), n=60)
        for k in range(toys)
    ]
    pulls = np.array([one.value / one.error for one in found])
    held = np.mean([one.low <= 0 <= one.high for one in found])
    assert abs(held - 0.683) < 3 * (0.683 * 0.317 / toys) ** 0.5
    assert abs(pulls.mean()) < 3 / toys**0.5
    assert abs(pulls.std() - 1) < 0.25


def test_the_same_events_are_known_to_be_the_same() -> None:
    """Where a sample is the other with another detector, the change is known far better."""
    nominal = jets(EVENTS, 1)
    noise = np.random.default_rng(5).normal(0, 0.2, EVENTS)
    again = nominal | {"x": nominal["x"] + noise}
    paired = change(nominal, again)
    apart = change(nominal, again | {"event": nominal["event"] + 10**6})
    assert paired.error < apart.error / 3
    assert paired.value == apart.value


def test_weights_of_bins_against_a_loop() -> None:
    """In each bin of each class the weighted sums are those of the nominal jets."""
    nominal, shifted = of_pair(jets(2000, 1), jets(1500, 2, harder=1.3))
    here, there = metrics.matched(nominal, shifted)
    for cell in set(nominal.cell.tolist()) | set(shifted.cell.tolist()):
        a, b = here[nominal.cell == cell].sum(), there[shifted.cell == cell].sum()
        assert a == pytest.approx(b, rel=1e-9)
    for side in (nominal, shifted):
        assert all(len(set(side.is_signal[side.cell == cell])) == 1 for cell in np.unique(side.cell))


def test_a_class_without_jets_has_no_change() -> None:
    """Said in the table; the other samples have theirs."""
    shifted = jets(400, 2)
    numbers = computed(shifted | {"label": np.full(400, 500)})
    assert [tagger.changes[0].why for tagger in numbers.taggers] == ["no jets of a class"] * 2
    message = plot.compute(
        specs(), [[as_scored(shifted | {"label": np.zeros(400)}, "x")] * 2], "light_jets", [], [], 1
    )
    assert message.message == "No jets of both classes (test split)"


MOVES = Moves(
    "fragile", "jets", "b_jets", 0.01, 0.2, 0.5,
    (Moved("light_jets", 900, 0.9, Change(-0.001, -0.002, 0.0, ()), Change(-0.1, -0.11, -0.09, ())),),
)  # fmt: skip


def test_figure_and_table(tmp_path: Path) -> None:
    """A panel for each of what is other, a row a tagger; who cannot be moved is named."""
    numbers = computed(jets(EVENTS, 2, shift=0.5, harder=1.2), [MOVES])
    assert numbers.shifts == ("worse tracks", "random moves", "adversarial moves")
    figure = plot.draw(numbers, PlotSpec())
    assert len(figure.axes) == 3
    said = "\n".join(text.get_text() for axes in figure.axes for text in axes.texts)
    assert "without Robust" in said
    assert "0.01 standard deviations" in numbers.caption()
    (table,) = report.resilience([numbers.model_dump(mode="json")])
    assert [row["title"] for row in table["rows"]] == ["Robust", "Fragile"] or len(table["rows"]) == 2
    by_title = {row["title"]: row["numbers"] for row in table["rows"]}
    assert by_title["Fragile"][3]["value"]["text"] == "−0.100 ± 0.010"
    assert by_title["Robust"][3]["why"] == "stored scores: no inputs to move"
    assert "effective jets of the signal" in table["notes"][0]
    assert not table["has_members"]


def test_inputs_moved_by_a_factor_have_a_panel_of_their_own() -> None:
    """Between samples and steps, with what was moved how far; without steps there are none of these."""
    shift = Shift("energies up", (Input("ak4.jet_pt", 1.02, -0.5, 0.97),))
    of = (replace(MOVES.backgrounds[0], shifts=(Change(-0.002, -0.003, -0.001, ()),)),)
    moves = replace(MOVES, shifts=(shift,), backgrounds=of)
    numbers = computed(jets(EVENTS, 2), [moves])
    assert numbers.shifts == ("worse tracks", "energies up", "random moves", "adversarial moves")
    fragile, robust = numbers.taggers
    assert fragile.changes[1].change.value == -0.002
    assert robust.changes[1].why == "stored scores: no inputs to move"
    assert "energies up: ak4.jet_pt × 1.02 − 0.5 (97% of its values)" in numbers.caption()
    (table,) = report.resilience([numbers.model_dump(mode="json")])
    assert any("energies up: ak4.jet_pt × 1.02 − 0.5 (97% of its values);" in n for n in table["notes"])
    without = replace(moves, by_steps=False, shifts=(replace(shift, inputs=(), why="reads none"),))
    nothing = (replace(of[0], shifts=(None,)),)
    numbers = computed(jets(EVENTS, 2), [replace(without, backgrounds=nothing)])
    assert numbers.shifts == ("worse tracks", "energies up")
    assert numbers.moving is None
    assert numbers.taggers[0].changes[1].why == "reads none"
