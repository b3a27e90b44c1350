"""Data beside simulation: discriminants, or the features of a group, of data and of each class."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith.columns import EVENT_KEY
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import FloatArray, IntArray
from jetsmith.metrics.distances import distance
from jetsmith.packed.arrays import Packed, SequenceGroup, read_splits
from jetsmith.plots import describing
from jetsmith.plots import style as looks
from jetsmith.plots.commissioning_drawn import Cell, CommissioningNumbers, Layer, draw
from jetsmith.plots.describing import BATCHES, batches_of
from jetsmith.plots.features_found import NUMBER
from jetsmith.plots.fits import OTHERS
from jetsmith.plots.inputs import digits
from jetsmith.scored import ScoredJets, class_of, read_split
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec
from jetsmith.specs.plots import PlotSpec

DATA = 0  # the first layer; then the classes, then what is of none


class Rows:
    """Rows of data and of simulation: what each is, and how many there are.

    Attributes:
        weights: Sums of weights by layer, shape (L,).
        number: Rows by layer, shape (L,).
    """

    def __init__(self, n_layers: int) -> None:
        """None yet."""
        self.weights, self.number = np.zeros(n_layers), np.zeros(n_layers, np.int64)

    def add(self, layer: IntArray, weight: FloatArray) -> None:
        """Add some, shape (N,) each."""
        self.weights += np.bincount(layer, weight, len(self.weights))
        self.number += np.bincount(layer, minlength=len(self.number))


class Counts:
    """Sums of weights by layer, batch of events and bin; the last bin is of what has no value.

    Attributes:
        axis: The other bins, B of them; the end ones also hold what lies beyond.
        sums: Shape (L, G, B + 1).
        squares: Squared sums of each row in each bin, shape (L, B + 1); a jet is independent, a track is not.
    """

    def __init__(self, axis: describing.Axis, default: float, n_layers: int) -> None:
        """Nothing counted yet; `default` stands for no value, as what is not finite does. NaN is none."""
        self.axis, self.default = axis, np.float32(default)
        self.n_bins = len(axis.edges)
        self.sums = np.zeros((n_layers, BATCHES, self.n_bins))
        self.squares = np.zeros((n_layers, self.n_bins))

    def add(
        self, values: FloatArray, row: IntArray, layer: IntArray, batch: IntArray, weight: FloatArray
    ) -> None:
        """Count values, shape (n,), of rows, shape (n,); layer, batch and signed weight are (N,) each."""
        x = np.asarray(values, np.float32)
        place = np.searchsorted(np.asarray(self.axis.edges[1:-1], np.float32), x, side="right")
        place = np.where(np.isfinite(x) & (x != self.default), place, self.n_bins - 1)
        # Values of one row in one bin are one entry.
        entry, n = np.unique(row * self.n_bins + place, return_counts=True)
        of, at = np.divmod(entry, self.n_bins)
        w = weight[of] * n
        cell = (layer[of] * BATCHES + batch[of]) * self.n_bins + at
        self.sums += np.bincount(cell, w, self.sums.size).reshape(self.sums.shape)
        cell = layer[of] * self.n_bins + at
        self.squares += np.bincount(cell, w**2, self.squares.size).reshape(self.squares.shape)


def plot_commissioning(
    commissioning: str,
    shown: str,
    samples: Sequence[str],
    is_pseudo: bool,
    to_data: bool,
    classes: Sequence[ClassSpec],
    style: PlotSpec,
    output: str | Path,
    features: Mapping[str, Mapping[str, Any]] | None = None,
    packed: Sequence[str | Path] = (),
    specs: Sequence[ClassifierSpec] = (),
    splits: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    scores: Sequence[str | Path] = (),
) -> CommissioningNumbers:
    """Count data and simulation; write `output`.pdf, .png, .json and .hist.json.

    Args:
        commissioning: Name of the pair.
        shown: A feature group, or `discriminants`.
        samples: Data, then those of simulation.
        is_pseudo: Whether data are simulation, too.
        to_data: Whether simulation is scaled to the rows of data; else it has the weights that it has.
        classes: Layers of simulation, from the top.
        style: Look of the plots.
        output: Path without suffix.
        features: Source, label and default of each feature.
        packed: Folders of rows and group, of all splits, of each sample.
        specs: Taggers whose discriminants are shown.
        splits: By tagger and sample those of whose rows it has seen none.
        scores: Score files, by tagger and in these by sample.

    Raises:
        InputError: A file is damaged, or another's; data without rows, or simulation without weight.
    """
    if features is not None:
        folders = list(dict.fromkeys(Path(path).parents[1] for path in packed))
        parts = [read_splits(folder, SPLITS, [shown], s) for folder, s in zip(folders, samples, strict=True)]
        there = [set(part.groups[shown].names) for each in parts for part in each]
        lacking = tuple(name for name in features if not all(name in names for names in there))
        kept = {name: about for name, about in features.items() if name not in lacking}
        if not kept:
            raise InputError(
                f"feature group {shown}: no feature is in all files of {', '.join(samples)}; leave it out of "
                f"commissioning.{commissioning}.groups"
            )
        cells = of_features(shown, kept, classes, parts, to_data)
        is_sequence = isinstance(parts[0][0].groups[shown], SequenceGroup)
    else:
        each = [scores[k : k + len(samples)] for k in range(0, len(scores), len(samples))]
        cells, is_sequence, lacking = [], False, ()
        for spec, files in zip(specs, each, strict=True):
            of = (splits or {})[spec.name]
            cells.append(of_discriminant(spec, classes, dict(zip(samples, files, strict=True)), of, to_data))
    found = CommissioningNumbers(
        commissioning=commissioning,
        shown=shown,
        data=samples[0],
        simulation=tuple(samples[1:]),
        is_pseudo=is_pseudo,
        to_data=to_data,
        is_sequence=is_sequence,
        lacking=lacking,
        cells=tuple(cells),
    )
    looks.save(draw(found, style), found, output)
    return found


def of_features(
    group: str,
    features: Mapping[str, Mapping[str, Any]],
    classes: Sequence[ClassSpec],
    samples: Sequence[Sequence[Packed]],
    to_data: bool,
) -> list[Cell]:
    """A cell a feature; of a sequence the number of its constituents first.

    Args:
        group: Its name.
        features: Label and default of each feature.
        classes: Layers of simulation.
        samples: Splits of data, then of each sample of simulation.
        to_data: Whether simulation is scaled to the rows of data.
    """
    names = list(features)
    seen = np.concatenate([describing.some(parts, group, names) for parts in samples])
    chosen = [_bins(column, features[name]["default"]) for name, column in zip(names, seen.T, strict=True)]
    n_layers = len(classes) + 2
    rows, found = Rows(n_layers), [Counts(axis, default, n_layers) for axis, default in chosen]
    several = [[_several(part, group) for part in parts] for parts in samples]
    number = None
    if isinstance(samples[0][0].groups[group], SequenceGroup):
        axis = describing.axis_of(np.concatenate([n for each in several for n in each]))
        number = Counts(axis, np.nan, n_layers)
    for k, (parts, each) in enumerate(zip(samples, several, strict=True)):
        for part, n_lines in zip(parts, each, strict=True):
            layer = np.zeros(len(part), np.intp) if k == DATA else class_of(part.label, classes) + 1
            about = layer, batches_of(part.columns), np.asarray(part.weight)
            rows.add(layer, about[2])
            if number is not None:
                number.add(n_lines, np.arange(len(part)), *about)
            for values, row in describing.windows(part.groups[group], names):
                for counted, column in zip(found, values.T, strict=True):
                    counted.add(column, row, *about)
    cells = [
        _cell(name, features[name]["label"] or name, counted, rows, classes, to_data)
        for name, counted in zip(names, found, strict=True)
    ]
    if number is not None:
        cells.insert(0, _cell(NUMBER, f"number of {group}", number, rows, classes, to_data))
    return cells


def _several(part: Packed, group: str) -> FloatArray:
    """Lines of each row, shape (N,)."""
    return np.diff(describing.offsets_of(part.groups[group])).astype(np.float32)


def of_discriminant(
    spec: ClassifierSpec,
    classes: Sequence[ClassSpec],
    scores: Mapping[str, str | Path],
    splits: Mapping[str, Sequence[str]],
    to_data: bool,
) -> Cell:
    """The discriminant of a tagger on rows that it has not seen.

    Args:
        spec: The tagger.
        classes: Layers of simulation.
        scores: Its file by sample, data first.
        splits: Of each sample those that count.
        to_data: Whether simulation is scaled to the rows of data; else to all rows of its own sample.
    """
    n_layers = len(classes) + 2
    rows, found = Rows(n_layers), []
    for k, (sample, path) in enumerate(scores.items()):
        jets = [read_split(path, split, spec, list(EVENT_KEY), sample) for split in splits[sample]]
        factor = 1.0 if to_data else _of_all(spec, path, sample, splits[sample], jets)
        for of in jets:
            layer = np.zeros(len(of), np.intp) if k == DATA else class_of(of.label, classes) + 1
            weight = of.weight * factor
            rows.add(layer, weight)
            found.append((of.discriminant, np.arange(len(of)), layer, batches_of(of.columns), weight))
    values = np.concatenate([one[0] for one in found])
    counted = Counts(describing.axis_of(values[np.isfinite(values)]), np.nan, n_layers)
    for entries in found:
        counted.add(*entries)
    return _cell(spec.judgement, f"{spec.title} discriminant", counted, rows, classes, to_data)


def _of_all(
    spec: ClassifierSpec, path: str | Path, sample: str, splits: Sequence[str], jets: Sequence[ScoredJets]
) -> float:
    """What the rows of some splits stand for: all of the sample, over these."""
    if set(splits) == set(SPLITS):
        return 1.0
    here = sum(float(of.weight.sum()) for of in jets)
    if not here > 0:
        raise InputError(f"{path}: rows of {', '.join(splits)} have no positive sum of weights")
    return float(read_split(path, None, spec, (), sample).weight.sum()) / here


def _bins(column: FloatArray, default: float | None) -> tuple[describing.Axis, float]:
    """Bins of a feature, and its default where that lies apart from the values: then it is no value."""
    finite = column[np.isfinite(column)]
    if default is None:
        return describing.axis_of(finite), np.nan
    kept = finite[finite != np.float32(default)]
    if not len(kept) or len(kept) == len(finite):
        return describing.axis_of(finite), np.nan
    axis = describing.axis_of(kept)
    step = 1.0 if axis.kind == "whole" else 0.0
    if kept.min() - step <= default <= kept.max() + step:
        return describing.axis_of(finite), np.nan
    return axis, float(default)


def _cell(
    name: str, label: str, counted: Counts, rows: Rows, classes: Sequence[ClassSpec], to_data: bool
) -> Cell:
    """What is drawn: simulation scaled to data where that is asked for, and how far the two are apart."""
    data, simulated = float(rows.weights[DATA]), float(rows.weights[1:].sum())
    why = ""
    if not data > 0:
        why = "no rows of data"
    elif not simulated > 0:
        why = "simulation has no positive sum of weights"
    scale = data / simulated if to_data and not why else 1.0
    sums = counted.sums.sum(axis=1)
    sums[1:] *= scale
    squares = counted.squares.copy()
    squares[1:] *= scale**2
    known = [*((one.name, one.label, one.color) for one in classes), OTHERS]
    apart = None
    if not why:
        # What has no value is left of all others: of one variable a cut could see it move.
        order = np.roll(np.arange(counted.n_bins), 1)
        apart = distance(counted.sums[DATA][:, order], counted.sums[1:].sum(axis=0)[:, order])
    return Cell(
        feature=name,
        label=label,
        axis=counted.axis.kind,
        edges=digits(counted.axis.edges, 7),
        width=digits([counted.axis.width])[0],
        default=float(counted.default) if np.isfinite(counted.default) else None,
        n_data=int(rows.number[DATA]),
        n_simulation=int(rows.number[1:].sum()),
        scale=digits([scale])[0],
        data=digits(sums[DATA]),
        data_errors=digits(np.sqrt(squares[DATA])),
        layers=tuple(
            Layer(
                name=one[0],
                label=one[1],
                color=one[2],
                sums=digits(sums[k]),
                errors=digits(np.sqrt(squares[k])),
            )
            for k, one in enumerate(known, 1)
            if rows.number[k]
        ),
        distance=digits([apart.value])[0] if apart is not None else None,
        p=digits([apart.p], 3)[0] if apart is not None else None,
        why=why,
    )
