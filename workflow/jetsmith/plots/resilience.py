"""Performance against resilience: areas of taggers, and what they change by where one thing is other."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np

from jetsmith import io, members, metrics
from jetsmith.columns import EVENT_KEY
from jetsmith.handed import moves as handed
from jetsmith.handed.moves import Moves
from jetsmith.hashing import uniform
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics import Interval, Jets
from jetsmith.plots import style as looks
from jetsmith.plots.inputs import digits, evaluated, read_test
from jetsmith.plots.members import columns_of_members, of_members
from jetsmith.plots.resilience_figure import Change, Factor, Moving, ResilienceNumbers, Shifted, Tried, draw
from jetsmith.scored import ScoredJets, in_common
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.plots import PlotSpec
from jetsmith.specs.resilience import MOVES
from jetsmith.texts import split_text

BOOTSTRAPS = 200
ETA = "jet_eta"
STORED = "stored scores: no inputs to move"


def plot_resilience(
    specs: Sequence[ClassifierSpec],
    scores: Sequence[str | Path],
    background: str,
    shifts: Mapping[str, str],
    style: PlotSpec,
    seed: int,
    sample: str,
    output: str | Path,
    moves: Sequence[str | Path] = (),
) -> ResilienceNumbers:
    """Read scores on a sample and on others, and what moves of inputs cost; write `output`.pdf, .png, .json.

    Args:
        specs: Taggers of the sample, with the discriminants that judge them.
        scores: Of each tagger its score file of the sample, then those where something is other.
        background: Name of the background.
        shifts: What is other, and in which sample.
        style: Look of the plots.
        seed: Of replicas.
        sample: The sample.
        output: Path without suffix.
        moves: results/moves/{judgement}.json of those whose inputs were moved.

    Raises:
        InputError: A file is damaged or another's, or taggers have scored different jets.
    """
    samples = (sample, *shifts.values())
    n = len(samples)
    more = [columns_of_members(path, spec) for spec, path in zip(specs, scores[::n], strict=True)]
    jets = [
        in_common(
            [
                read_test(path, spec, where, [ETA, *EVENT_KEY, *columns])
                for spec, path, columns in zip(specs, scores[k::n], more, strict=True)
            ]
        )
        for k, where in enumerate(samples)
    ]
    moved = [io.read_record(Moves, path, judgement=Path(path).stem) for path in moves]
    found = compute(specs, jets, background, list(shifts), moved, seed)
    looks.save(draw(found, style), found, output)
    return found


def compute(
    specs: Sequence[ClassifierSpec],
    jets: Sequence[Sequence[ScoredJets]],
    background: str,
    shifts: Sequence[str],
    moves: Sequence[Moves],
    seed: int,
) -> ResilienceNumbers:
    """Areas and their changes.

    Args:
        specs: The taggers.
        jets: Of the sample those of each tagger, then the same of the others.
        background: Name of the background.
        shifts: What is other in these.
        moves: What moves of inputs cost, of some of the taggers, all of them alike.
        seed: Of replicas.
    """
    signal, *others = evaluated(specs[0])
    other = next(c for c in others if c.name == background)
    told = [side[0].chosen & (side[0].of_class(signal) | side[0].of_class(other)) for side in jets]
    is_signal = [side[0].of_class(signal)[mask] for side, mask in zip(jets, told, strict=True)]
    weight = jets[0][0].weight[told[0]]
    sums = [weight[mask].sum() for mask in (is_signal[0], ~is_signal[0])]
    by_steps = bool(moves) and moves[0].by_steps  # of one sample, and so of one entry of the configuration
    changed = [shift.name for shift in moves[0].shifts] if moves else []
    numbers = ResilienceNumbers(
        title=specs[0].sample,
        sample=specs[0].sample,
        folds=specs[0].folds,
        signal=signal,
        background=other,
        shifts=(*shifts, *changed, *(MOVES.values() if by_steps else ())),
        taggers=(),
        moving=_moving(moves, background) if by_steps else None,
        features=_features(moves),
        message="" if min(sums) > 0 else f"No jets of both classes ({split_text(specs[0].folds)})",
    )
    if numbers.message:
        return numbers
    pairs = [
        _pair((jets[0][0], side[0]), (told[0], mask), (is_signal[0], of))
        for side, mask, of in zip(jets[1:], told[1:], is_signal[1:], strict=True)
    ]
    by_name = {found.judgement: found for found in moves}
    taggers = []
    for k, spec in enumerate(specs):
        scores = [_scores(spec, side[k], mask) for side, mask in zip(jets, told, strict=True)]
        changes = [
            _shift((scores[0], there), pair, seed) for there, pair in zip(scores[1:], pairs, strict=True)
        ]
        found = by_name.get(spec.judgement)
        changes += [_of_features(found, background, place) for place in range(len(changed))]
        if by_steps:
            changes += [_moved(found, background, kind) for kind in MOVES]
        s, b = is_signal[0], ~is_signal[0]
        areas = [metrics.auc(x[s], weight[s], x[b], weight[b]) for x in scores[0][1:]]
        x = scores[0][0]
        auc = metrics.auc_interval(x[s], weight[s], x[b], weight[b], BOOTSTRAPS, seed)
        taggers.append(
            Tried(
                title=spec.title,
                judgement=spec.judgement,
                auc=_interval(auc),
                members=digits(areas),
                changes=tuple(changes),
            )
        )
    return numbers.model_copy(update={"taggers": tuple(taggers)})


def _scores(spec: ClassifierSpec, jets: ScoredJets, mask: BoolArray) -> list[FloatArray]:
    """The discriminant of jets, by the tagger and then by each of its members."""
    n = members.count(jets.columns, spec.class_names[0])
    return [score[mask] for score in (jets.discriminant, *of_members(spec, jets, n))]


def _pair(
    jets: tuple[ScoredJets, ScoredJets],
    masks: tuple[BoolArray, BoolArray],
    is_signal: tuple[BoolArray, BoolArray],
) -> tuple[Jets, Jets]:
    """Jets of both classes of two samples, with their spectra and their events."""
    spectra, keys = [], []
    for side, mask, of in zip(jets, masks, is_signal, strict=True):
        abseta = np.abs(side.columns[ETA][mask]) if ETA in side.columns else np.zeros(len(of))
        spectra.append((of, side.pt_gev[mask], abseta))
        run, block, event = (side.columns[name][mask] for name in EVENT_KEY)
        keys.append(uniform(run, block, event, 0, "resilience"))
    cells = metrics.cells(spectra[0], spectra[1])
    numbers = np.unique(np.concatenate(keys), return_inverse=True)[1]
    events = np.split(numbers, [len(keys[0])])
    first, second = (
        Jets(jets[k].weight[masks[k]], is_signal[k], cells[k], events[k]) for k in range(len(jets))
    )
    return first, second


def _shift(
    scores: tuple[Sequence[FloatArray], Sequence[FloatArray]], pair: tuple[Jets, Jets], seed: int
) -> Change:
    """Of a tagger, the first of the scores, and of its members."""
    first, *members = zip(*scores, strict=True)
    found = metrics.auc_shift(first, *pair, BOOTSTRAPS, seed)
    if found is None:
        return Change(change=None, why="no jets of a class")
    signal, background = digits(found.effective)
    return Change(
        change=_interval(found),
        members=digits(metrics.auc_change(one, *pair) for one in members),
        unmatched=digits([found.unmatched])[0],
        effective=(signal, background),
        covered=digits([found.covered])[0],
    )


def _moving(moves: Sequence[Moves], background: str) -> Moving | None:
    if not moves:
        return None
    jets = [one.jets for found in moves for one in found.backgrounds if one.background == background]
    return Moving(step=moves[0].step, largest_share=moves[0].largest_share, jets=max(jets))


def _features(moves: Sequence[Moves]) -> tuple[Shifted, ...]:
    """Which inputs are moved how far, of all taggers together."""
    found = []
    for place, shift in enumerate(moves[0].shifts if moves else ()):
        inputs = {one.name: one for of in moves for one in of.shifts[place].inputs}
        factors = tuple(Factor(**asdict(one)) for one in inputs.values())
        found.append(Shifted(name=shift.name, inputs=factors))
    return tuple(found)


def _of_features(found: Moves | None, background: str, place: int) -> Change:
    if found is None:
        return Change(change=None, why=STORED)
    of = next(one for one in found.backgrounds if one.background == background)
    change = of.shifts[place]
    if change is None:
        return Change(change=None, why=found.shifts[place].why or "no jets of a class")
    return Change(change=_interval(change), members=digits(change.members))


def _moved(found: Moves | None, background: str, kind: Literal["random", "adversarial"]) -> Change:
    if found is None:
        return Change(change=None, why=STORED)
    of = next(one for one in found.backgrounds if one.background == background)
    change: handed.Change | None = getattr(of, kind)
    if change is None:
        return Change(change=None, why="no gradient" if of.jets else "no jets of a class")
    return Change(change=_interval(change), members=digits(change.members))


def _interval(found: Interval | handed.Change) -> Interval:
    return Interval(*digits((found.value, found.low, found.high)))
