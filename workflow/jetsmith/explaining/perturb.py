"""Stage perturb: what a tagger loses where its inputs are moved a little, against it and at random.

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
from pathlib import Path

import numpy as np

from jetsmith import applied, io, members, metrics
from jetsmith.classifiers import find_backend
from jetsmith.classifiers._scaler import Scaler, fit_scalers
from jetsmith.explaining.jets import chosen, in_memory
from jetsmith.explaining.networks import Network, padded, scalers_of, undone
from jetsmith.handed.moves import Change, Moved, Moves
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.packed.arrays import FlatGroup, Packed, SequenceGroup
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec, TruthSpec
from jetsmith.specs.resilience import MovesSpec
from jetsmith.strict import Record

BATCH = 512  # jets of a call of a network
Values = dict[str, FloatArray]
"""By group, a line a jet, (N, F), or a constituent, (total, F), as packed groups have them."""
Pairs = dict[str, list[tuple[FloatArray, FloatArray]]]
"""By kind of move: discriminants of jets before and after, shape (N,) each."""


class Limits(Record):
    """Of one feature the value that stands for none, and the ends of its range."""

    default: float | None
    clip: tuple[float, float] | None


Bounds = Mapping[str, Mapping[str, Limits]]
"""By group and feature."""


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
    """Judge a tagger on jets that no training has seen: as they are, moved at random, moved against it.

    Each member of an ensemble is moved against, too, by itself. With folds each jet has its own model.

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
        empty = Moves(*about, 0.0, tuple(Moved(one.name, 0, None, None, None) for one in backgrounds))
        io.write_record(output, empty)
        return empty

    free = free_values(held, limits)
    step = _Step(held, free, limits, moves)
    pairs = _before_and_after(spec, discriminant, model, rows, step, is_signal, seed, threads)
    found = Moves(
        *about,
        free=float(np.concatenate([mask.ravel() for mask in free.values()]).mean()),
        backgrounds=tuple(
            _moved(held, is_signal, background.name, here, pairs)
            for background, here in zip(backgrounds, told, strict=True)
        ),
    )
    io.write_record(output, found)
    return found


def _before_and_after(
    spec: RecipeSpec,
    discriminant: DiscriminantSpec,
    model: Path,
    rows: Rows,
    step: "_Step",
    is_signal: BoolArray,
    seed: int,
    threads: int,
) -> Pairs:
    """Discriminants of the jets as they are and moved, of the tagger and then of each of several members."""

    def judged(folder: Path, of: Packed) -> FloatArray:
        """-inf where a jet has no score."""
        found = applied.discriminant(spec, folder, Rows.select(spec.inputs, [of]), discriminant, threads)
        return np.where(np.isnan(found), -np.inf, found)

    held, folders = step.held, members.folders(model)
    has_gradient = find_backend(spec.backend).MODELS
    scalers = scalers_of(_first(spec, folders[0])) if has_gradient else fit_scalers(rows)
    before = judged(model, held)
    pairs = {"random": [(before, judged(model, step(random_signs(held, seed), scalers)))]}
    if not has_gradient:
        return pairs
    slopes = [_slopes(spec, folder, rows, held, discriminant, threads) for folder in folders]
    together = {name: np.sum([slope[name] for slope in slopes], axis=0) for name in slopes[0]}
    pairs["adversarial"] = [(before, judged(model, step(_against(together, held, is_signal), scalers)))]
    if len(folders) > 1:
        pairs["adversarial"] += [
            (judged(folder, held), judged(folder, step(_against(slope, held, is_signal), scalers)))
            for folder, slope in zip(folders, slopes, strict=True)
        ]
    return pairs


def _first(spec: RecipeSpec, folder: Path) -> Path:
    """A folder with a network in it: of folds the first, whose scaling stands for that of all."""
    return folder / "fold0" if spec.folds else folder


def _has_both(held: Packed, is_signal: BoolArray, here: BoolArray) -> bool:
    return all(held.weight[here & one].sum() > 0 for one in (is_signal, ~is_signal))


def _moved(
    held: Packed,
    is_signal: BoolArray,
    background: str,
    here: BoolArray,
    pairs: Pairs,
) -> Moved:
    """What the moves cost against one background: of the tagger first, then of its members."""
    if not _has_both(held, is_signal, here):
        return Moved(background, 0, None, None, None)
    s, weight = is_signal[here], held.weight[here].astype(np.float64)

    def change(of: Sequence[tuple[FloatArray, FloatArray]]) -> Change:
        found = [metrics.auc_difference(after[here], before[here], weight, s) for before, after in of]
        first = found[0]
        return Change(first.value, first.low, first.high, tuple(one.value for one in found[1:]))

    score = pairs["random"][0][0][here]
    return Moved(
        background,
        int(here.sum()),
        metrics.auc(score[s], weight[s], score[~s], weight[~s]),
        change(pairs["random"]),
        change(pairs["adversarial"]) if "adversarial" in pairs else None,
    )


def free_values(held: Packed, limits: Bounds) -> dict[str, BoolArray]:
    """Which values may move: no default, none at an end of its range, none of a feature that counts.

    A feature counts where all of its values but the default are whole numbers; a count behind a logarithm is
    not recognised.
    """
    return {
        name: np.stack(
            [_free(group.values[:, k], limits[name][f]) for k, f in enumerate(group.names)], axis=1
        )
        for name, group in held.groups.items()
    }


def _free(values: FloatArray, limits: Limits) -> BoolArray:
    free = np.ones(len(values), np.bool_)
    if limits.default is not None:
        free &= values != np.float32(limits.default)
    if (values[free] == np.round(values[free])).all():
        return np.zeros(len(values), np.bool_)
    if limits.clip is not None:
        low, high = map(np.float32, limits.clip)
        free &= (values > low) & (values < high)
    return free


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
