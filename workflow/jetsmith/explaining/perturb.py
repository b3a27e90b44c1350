"""Stage perturb: what a tagger loses where its inputs are moved: by factors and offsets, and by small steps.

Steps go against the tagger and at random.

Against it by the fast gradient sign method (Goodfellow, Shlens and Szegedy, arXiv 1412.6572), as Stein,
Coubez, Mondal, Novak and Schmidt have it for jets (arXiv 2203.13890): each standardised input by a step along
the sign of the gradient of the loss, but no value that stands for a missing one, no count, and none by more
than a share of its own size. The loss is the cross-entropy of the discriminant as a log-ratio: its gradient
has the signs of that of the discriminant, down for signal and up for background.
"""

import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from jetsmith import applied, io, members, metrics
from jetsmith.classifiers import find_backend
from jetsmith.classifiers._scaler import Scaler, fit_scalers
from jetsmith.columns import EVENT_KEY
from jetsmith.explaining.changed import Bounds, changed, free_values
from jetsmith.explaining.jets import chosen, in_memory
from jetsmith.explaining.networks import Network, padded, scalers_of, undone
from jetsmith.handed.moves import Change, Moved, Moves, Shift
from jetsmith.hashing import uniform
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.packed.arrays import FlatGroup, Packed, SequenceGroup
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec, TruthSpec
from jetsmith.specs.resilience import MovesSpec

BATCH = 512  # jets of a call of a network
BOOTSTRAPS = 200
NOT_READ, NONE_MOVES = "reads none of its inputs", "no value may move: counts, defaults or ends of ranges"
Values = dict[str, FloatArray]
"""By group, a line a jet, (N, F), or a constituent, (total, F), as packed groups have them."""
Pair = tuple[FloatArray, FloatArray]
"""Discriminants of jets before and after, shape (N,) each."""
Pairs = dict[str, list[Pair]]
"""By kind of move: of the tagger, then of members."""


def perturb(
    judgement: str,
    spec: RecipeSpec,
    discriminant: DiscriminantSpec,
    signal: TruthSpec,
    backgrounds: Sequence[TruthSpec],
    model: str | Path,
    packed: str | Path,
    output: str | Path,
    moves: MovesSpec,
    limits: Bounds,
    seed: int,
    threads: int = 1,
) -> Moves:
    """Judge a tagger on jets that no training has seen: as they are, and with inputs moved.

    By factors and offsets (`MovesSpec.features`), at random and against it. Each member of an ensemble is
    moved against, too, by itself. With folds each jet has its own model.

    Args:
        judgement: Name of the tagger with this discriminant.
        spec: The tagger.
        discriminant: Which.
        signal: Class of the signal.
        backgrounds: Those of the background, each of which has an area.
        model: Folder that stage train wrote.
        packed: Folder results/packed/{sample}.
        output: JSON file, `handed.moves.Moves`.
        moves: How far, and how many jets.
        limits: Where values may not move.
        seed: Of the run: it chooses jets, and what is random.
        threads: CPU threads.

    Raises:
        InputError: A file is damaged or another's, or an input is not finite.
    """
    model = Path(model)
    applied.require_same(spec, model)
    rows = chosen(spec, Path(packed), (signal, *backgrounds), moves.jets, seed)
    held = in_memory(rows)
    rows = Rows.select(spec.inputs, [held])
    is_signal = np.isin(held.label, signal.truth)
    about = (judgement, spec.sample, signal.name, moves.step, moves.largest_share)
    told = [is_signal | np.isin(held.label, background.truth) for background in backgrounds]
    if not any(_has_both(held, is_signal, here) for here in told):
        print(f"[perturb {judgement}] no jets of {signal.name} and of a background", file=sys.stderr)
        nothing = tuple(None for _ in moves.features)
        none = tuple(Moved(one.name, 0, None, None, None, nothing) for one in backgrounds)
        shifts = tuple(Shift(name, (), "no jets of a class") for name in moves.features)
        empty = Moves(*about, 0.0, none, shifts, moves.moves)
        io.write_record(output, empty)
        return empty

    judge = _Judge(spec, discriminant, model, held, threads)
    shifts, of_shifts = _shifted(judge, limits, moves)
    free = free_values(held, limits)
    pairs: Pairs = {}
    if moves.moves:
        pairs = _before_and_after(judge, rows, _Step(held, free, limits, moves), is_signal, seed)
    found = Moves(
        *about,
        free=float(np.concatenate([mask.ravel() for mask in free.values()]).mean()),
        backgrounds=tuple(
            _moved(judge, is_signal, background.name, here, pairs, of_shifts, seed)
            for background, here in zip(backgrounds, told, strict=True)
        ),
        shifts=shifts,
        by_steps=moves.moves,
    )
    io.write_record(output, found)
    return found


@dataclass(frozen=True)
class _Judge:
    """A tagger, and jets that it scores as they are and moved."""

    spec: RecipeSpec
    discriminant: DiscriminantSpec
    model: Path
    held: Packed
    threads: int

    @property
    def folders(self) -> list[Path]:
        """Of the tagger, then of its members, if it has several."""
        found = members.folders(self.model)
        return [self.model, *(found if len(found) > 1 else [])]

    def __call__(self, folder: Path, of: Packed) -> FloatArray:
        """The discriminant, -inf where a jet has no score; shape (N,)."""
        rows = Rows.select(self.spec.inputs, [of])
        found = applied.discriminant(self.spec, folder, rows, self.discriminant, self.threads)
        return np.where(np.isnan(found), -np.inf, found)

    @cached_property
    def before(self) -> list[FloatArray]:
        """Of the jets as they are, by the tagger and by its members."""
        return [self(folder, self.held) for folder in self.folders]


def _shifted(
    judge: _Judge, limits: Bounds, moves: MovesSpec
) -> tuple[tuple[Shift, ...], list[list[Pair] | None]]:
    """Inputs that are moved by factors and offsets, and scores with and without."""
    shifts, pairs = [], list[list[Pair] | None]()
    for name, shift in moves.features.items():
        there, inputs = changed(judge.held, limits, shift)
        why = "" if any(one.share > 0 for one in inputs) else NONE_MOVES if inputs else NOT_READ
        shifts.append(Shift(name, inputs, why))
        after = None if why else [judge(folder, there) for folder in judge.folders]
        pairs.append(None if after is None else list(zip(judge.before, after, strict=True)))
    return tuple(shifts), pairs


def _before_and_after(judge: _Judge, rows: Rows, step: "_Step", is_signal: BoolArray, seed: int) -> Pairs:
    """Discriminants of the jets as they are and moved, of the tagger and then of each of several members."""
    spec, held, folders = judge.spec, step.held, members.folders(judge.model)
    has_gradient = find_backend(spec.backend).MODELS
    scalers = scalers_of(_first(spec, folders[0])) if has_gradient else fit_scalers(rows)
    before, *of_members = judge.before
    pairs = {"random": [(before, judge(judge.model, step(random_signs(held, seed), scalers)))]}
    if not has_gradient:
        return pairs
    slopes = [_slopes(spec, folder, rows, held, judge.discriminant, judge.threads) for folder in folders]
    together = {name: np.sum([slope[name] for slope in slopes], axis=0) for name in slopes[0]}
    there = step(_against(together, held, is_signal), scalers)
    pairs["adversarial"] = [(before, judge(judge.model, there))]
    if of_members:
        pairs["adversarial"] += [
            (own, judge(folder, step(_against(slope, held, is_signal), scalers)))
            for own, folder, slope in zip(of_members, folders, slopes, strict=True)
        ]
    return pairs


def _first(spec: RecipeSpec, folder: Path) -> Path:
    """A folder with a network in it: of folds the first, whose scaling stands for that of all."""
    return folder / "fold0" if spec.folds else folder


def _has_both(held: Packed, is_signal: BoolArray, here: BoolArray) -> bool:
    return all(held.weight[here & one].sum() > 0 for one in (is_signal, ~is_signal))


def _moved(
    judge: _Judge,
    is_signal: BoolArray,
    background: str,
    here: BoolArray,
    pairs: Pairs,
    shifts: Sequence[list[Pair] | None],
    seed: int,
) -> Moved:
    """What the moves cost against one background: of the tagger first, then of its members."""
    held = judge.held
    if not _has_both(held, is_signal, here):
        return Moved(background, 0, None, None, None, tuple(None for _ in shifts))
    s, weight = is_signal[here], held.weight[here].astype(np.float64)
    run, block, event = (held.columns[name][here] for name in EVENT_KEY)
    events = np.unique(uniform(run, block, event, 0, "resilience"), return_inverse=True)[1]
    jets = metrics.Jets(weight, s, s.astype(np.int64), events)

    def change(of: Sequence[Pair]) -> Change:
        found = [metrics.auc_difference(after[here], before[here], weight, s) for before, after in of]
        first = found[0]
        return Change(first.value, first.low, first.high, tuple(one.value for one in found[1:]))

    def shift(of: Sequence[Pair] | None) -> Change | None:
        """A bootstrap of events that counts a jet alike before and after: what is drawn of both cancels."""
        if of is None:
            return None
        first, *others = ((before[here], after[here]) for before, after in of)
        found = metrics.auc_shift(first, jets, jets, BOOTSTRAPS, seed)
        assert found is not None  # both classes have jets
        values = tuple(metrics.auc_change(one, jets, jets) for one in others)
        return Change(found.value, found.low, found.high, values)

    score = judge.before[0][here]
    return Moved(
        background,
        int(here.sum()),
        metrics.auc(score[s], weight[s], score[~s], weight[~s]),
        change(pairs["random"]) if "random" in pairs else None,
        change(pairs["adversarial"]) if "adversarial" in pairs else None,
        tuple(map(shift, shifts)),
    )


def random_signs(held: Packed, seed: int) -> Values:
    """-1 or 1 by chance for each value."""
    return {
        name: np.random.default_rng([seed, zlib.crc32(name.encode())]).choice(
            np.array([-1, 1], np.float32), group.values.shape
        )
        for name, group in held.groups.items()
    }


@dataclass(frozen=True)
class _Step:
    """Moves all free values of jets along signs, as far as they may."""

    held: Packed
    free: Mapping[str, BoolArray]
    limits: Bounds
    moves: MovesSpec

    def __call__(self, signs: Values, scalers: Mapping[str, Scaler]) -> Packed:
        groups = {}
        for name, group in self.held.groups.items():
            ends = np.array([self.limits[name][f].clip or (-np.inf, np.inf) for f in group.names])
            free = signs[name] * self.free[name]
            values = stepped(group.values, free, scalers[name], ends, self.moves)
            groups[name] = replace(group, values=values)
        return replace(self.held, groups=groups)


def stepped(
    values: FloatArray, signs: FloatArray, scaler: Scaler, ends: FloatArray, moves: MovesSpec
) -> FloatArray:
    """Values after a step of their standardised ones along signs.

    Args:
        values: Shape (n, F).
        signs: -1, 0 or 1, the same shape; 0 leaves a value as it is, to the bit.
        scaler: Of these features.
        ends: Smallest and largest value of each, shape (F, 2).
        moves: Length of the step, and the largest share of its size by which a value moves.
    """
    wide = values.astype(np.float64)
    there = undone(scaler, scaler(wide) + moves.step * signs, None)[0].astype(np.float64)
    most = moves.largest_share * np.abs(wide)
    moved = np.clip(wide + np.clip(there - wide, -most, most), ends[:, 0], ends[:, 1])
    return np.where(signs != 0, moved, values).astype(np.float32)


def _against(slopes: Values, held: Packed, is_signal: BoolArray) -> Values:
    """Signs that make signal less like signal, and background more like it."""
    found = {}
    for name, slope in slopes.items():
        group, worse = held.groups[name], np.where(is_signal, -1.0, 1.0)
        if isinstance(group, SequenceGroup):
            worse = np.repeat(worse, np.diff(group.offsets))  # (N,) -> (total,)
        found[name] = np.sign(slope) * worse[:, np.newaxis]
    return found


def _slopes(
    spec: RecipeSpec, member: Path, rows: Rows, held: Packed, discriminant: DiscriminantSpec, threads: int
) -> Values:
    """Derivatives of the discriminant by each standardised input, in the shapes of the packed values."""
    lengths = {given.group: given.length for given in spec.inputs if given.kind == "sequence"}
    found = {name: np.zeros(group.values.shape, np.float32) for name, group in held.groups.items()}
    for folder, which in applied.by_folder(spec, member, rows):
        if not len(which):
            continue
        network = Network(spec, folder, discriminant, threads)
        part = rows[which]
        for piece in part.slices(BATCH):
            batch = padded(part.batch(piece), lengths)
            gradient = network.of(batch)(network.standardised(batch))[1]
            for name, group in held.groups.items():
                mask = batch.get(f"{name}_mask")
                lines = which[piece] if mask is None else _lines(group, which[piece])
                found[name][lines] = gradient[name] if mask is None else gradient[name][mask]
    return found


def _lines(group: FlatGroup | SequenceGroup, jets: IntArray) -> IntArray:
    """Lines of the constituents of jets, one jet behind the other."""
    assert isinstance(group, SequenceGroup)
    starts, counts = group.offsets[jets], np.diff(group.offsets)[jets]
    inside = np.cumsum(counts) - counts
    return np.asarray(np.arange(counts.sum()) + np.repeat(starts - inside, counts))
