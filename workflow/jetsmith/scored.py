"""Reading score files: class probabilities in, one discriminant a jet out.

A score file has `p_<class>` of every class, and of each jet two masks: `scored`, False where it has no
score, so that it counts nowhere and is counted; `not_tagged`, True where the experiment did not tag it,
so that it fails every threshold and counts in every denominator. Where the experiment stored one number a
jet, `score` is that number in its own units. Of a jet without a score, or not tagged, they are NaN.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import io, metrics
from jetsmith.columns import BY_TRUTH, HADRON_FLAVOUR, MAY_LACK
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.specs.classifiers import DiscriminantSpec, JudgedClass, JudgedSpec, TruthSpec

NOT_TAGGED = -np.inf  # below every threshold
RAW = "score"
OF_NONE = -1  # in place of the truth id of a jet that is of no class of its truth
BY_HADRON = -2  # less the hadron flavour: of a jet that is of a class by that alone, and of no other class


@dataclass(frozen=True)
class ScoredJets:
    """Rows of a split of a score file, with one discriminant: what judges a tagger. Shape (N,) each.

    Attributes:
        discriminant: -inf where a jet was not tagged, NaN where it has no score.
        weight: Generator weights, signed, float64.
        label: Truth ids; what `as_coded` returns also has numbers below 0.
        chosen: False for jets that are left out, as those without a score.
        columns: More columns, by canonical name.
    """

    discriminant: FloatArray
    weight: FloatArray
    label: IntArray
    chosen: BoolArray
    columns: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.label)

    @property
    def pt_gev(self) -> FloatArray:
        """Transverse momentum of the jet, or of the Z for events."""
        return self.columns["jet_pt_gev" if "jet_pt_gev" in self.columns else "z_pt_gev"]

    def of_class(self, wanted: TruthSpec) -> BoolArray:
        """True for the rows of a class, those that are left out too, shape (N,)."""
        return np.isin(self.label, _ids(wanted))

    def of(self, wanted: TruthSpec) -> "ScoredJets":
        """Those of a class that are not left out."""
        mask = self.of_class(wanted) & self.chosen
        columns = {name: values[mask] for name, values in self.columns.items()}
        return ScoredJets(self.discriminant[mask], self.weight[mask], self.label[mask], mask[mask], columns)


@dataclass(frozen=True)
class Probabilities:
    """Rows of a split of a score file, with the probability of each class.

    Attributes:
        probabilities: Shape (N, C), float32; NaN where a jet was not tagged, or has no score.
        weight: Generator weights, signed, float64, shape (N,).
        label: Truth ids, shape (N,).
        scored: False for jets without a score, which count nowhere, shape (N,).
        not_tagged: True for jets that the experiment did not tag, shape (N,).
    """

    probabilities: FloatArray
    weight: FloatArray
    label: IntArray
    scored: BoolArray
    not_tagged: BoolArray


def discriminant(
    table: Mapping[str, npt.NDArray[Any]], spec: DiscriminantSpec, class_names: Sequence[str]
) -> FloatArray:
    """The discriminant of each jet of a score file.

    Args:
        table: Columns of the file, shape (N,) each: `p_<class>`, `not_tagged`, and `score` where it has it.
        spec: Which discriminant.
        class_names: Classes of the tagger, in their order.

    Returns:
        Shape (N,), float32: `score` as stored where the discriminant is the probability of the first of two
        classes; -inf where a jet was not tagged, NaN where it has no score.

    Raises:
        InputError: A class of the discriminant has no probability.
    """
    if RAW in table and spec.is_first_of(class_names):
        value = np.asarray(table[RAW], np.float32)
    else:
        found = {name: table[f"p_{name}"] for name in class_names if f"p_{name}" in table}
        value = metrics.discriminant(spec, found).astype(np.float32)
    return np.where(table["not_tagged"], np.float32(NOT_TAGGED), value)


def class_of(label: IntArray, classes: Sequence[TruthSpec]) -> IntArray:
    """Place of the class of each row in `classes`, shape (N,); the number of classes for rows of none.

    Of several that have a truth id it is the one with the fewest: of QCD and QCD with bb the second.
    """
    found = np.full(len(label), len(classes), np.intp)
    for place in sorted(range(len(classes)), key=lambda k: -len(set(classes[k].truth))):
        found[np.isin(label, _ids(classes[place]))] = place
    return found


def _ids(wanted: TruthSpec) -> tuple[int, ...]:
    """What labels its rows: its truth ids, and what `as_coded` writes where a hadron flavour is its code."""
    code = wanted.hadron_flavour if isinstance(wanted, JudgedClass) else None
    return wanted.truth if code is None else (*wanted.truth, BY_HADRON - code)


def columns_of_codes(path: str | Path, classes: Sequence[JudgedClass]) -> list[str]:
    """What `as_coded` reads of a score file beside the truth: nothing where the file, or a code, has none."""
    is_asked = any(c.hadron_flavour is not None for c in classes)
    return [HADRON_FLAVOUR] if is_asked and HADRON_FLAVOUR in io.column_names(path) else []


def meaning_of(entry: JudgedClass, columns: Collection[str]) -> str:
    """What the code of a class means where these columns are there: `HADRON_FLAVOUR` or `BY_TRUTH`."""
    return HADRON_FLAVOUR if entry.hadron_flavour is not None and HADRON_FLAVOUR in columns else BY_TRUTH


def as_coded(jets: ScoredJets, classes: Sequence[JudgedClass]) -> ScoredJets:
    """The same jets with the truth that the codes of correction files mean.

    Who applies a file asks by hadron flavour, which jets of truth 999 have, too: most of these are of pile-up
    and light. So each jet of another truth than the class whose code is its hadron flavour gets a label of
    this class alone: no truth id, which another class may have, as gluons have one of light jets. A jet of
    such a class whose flavour is another one is of none. Jets of a class with a code that is no hadron
    flavour stay there. Without the column (`columns_of_codes`) truth is all there is, and nothing changes.

    Args:
        jets: N of them.
        classes: Of the judgement.
    """
    hadrons = {c.hadron_flavour: c for c in classes if c.hadron_flavour is not None}
    if HADRON_FLAVOUR not in jets.columns or not hadrons:
        return jets
    label, found = jets.label.copy(), jets.columns[HADRON_FLAVOUR]
    others = [key for c in classes if c.flavor is not None and c.hadron_flavour is None for key in c.truth]
    moves = ~np.isin(label, others)
    label[moves & np.isin(label, [key for c in hadrons.values() for key in c.truth])] = OF_NONE
    for code, entry in hadrons.items():
        of_code = moves & (found == code)
        label[of_code] = np.where(np.isin(jets.label, entry.truth), jets.label, BY_HADRON - code)[of_code]
    return replace(jets, label=label)


def read_split(
    path: str | Path, split: str | None, spec: JudgedSpec, columns: Sequence[str] = (), sample: str = ""
) -> ScoredJets:
    """The rows of a split; `chosen` are those that have a score, or are known not to be tagged.

    Args:
        path: Score file.
        split: Name of the split; None for all rows, in the order of the file.
        spec: Whose scores they have to be, and its discriminant.
        columns: More columns.
        sample: Of which sample they have to be; by default of the one that it is trained on.

    Raises:
        InputError: A column is lacking, has values that are not finite (NaN may be where a row may lack the
            column), or a probability is no number where there is a score, or is one where there is none.
    """
    if spec.discriminant is None:
        raise InputError(f"{spec.name}: has no discriminant; its scores cannot be judged")
    there = io.column_names(path)
    asked = spec.discriminant
    scores = [f"p_{name}" for name in spec.class_names if name in (*asked.signal, *asked.background)]
    if RAW in there and asked.is_first_of(spec.class_names):
        scores.append(RAW)
    table = _read(path, split, scores, columns, classifier=spec.name, sample=sample or spec.sample)
    return ScoredJets(
        discriminant(table, asked, spec.class_names),
        table["weight"].astype(np.float64),
        table["label"],
        table["scored"],
        {name: table[name] for name in columns},
    )


def read_probabilities(
    path: str | Path, split: str, classifier: str, sample: str, classes: Sequence[str]
) -> Probabilities:
    """The rows of a split with the probability of each class.

    Args:
        path: Score file.
        split: Name of the split.
        classifier: Whose scores they have to be.
        sample: Of which sample.
        classes: Names of its classes, C of them.

    Raises:
        InputError: As of `read_split`; or what is stored is one number a jet.
    """
    if RAW in io.column_names(path):
        raise InputError(f"{path}: {classifier} has one number a jet, and no probability of each class")
    scores = [f"p_{name}" for name in classes]
    table = _read(path, split, scores, classifier=classifier, sample=sample)
    return Probabilities(
        np.stack([table[name] for name in scores], axis=1),
        table["weight"].astype(np.float64),
        table["label"],
        table["scored"],
        table["not_tagged"],
    )


def _read(
    path: str | Path, split: str | None, scores: Sequence[str], columns: Sequence[str] = (), **subject: str
) -> dict[str, npt.NDArray[Any]]:
    """Columns of the rows of a split, (N,) each, looked through; both masks, truth and weight are there.

    Rows pass piece by piece, so that of the others no more than a piece is in memory.
    """
    masks = ("scored", "not_tagged")
    names = list(dict.fromkeys([*scores, *masks, "label", "weight", *columns]))
    types = io.column_types(path)
    if lacking := {*names, "split"} - set(types):
        raise InputError(f"{path}: no column {', '.join(sorted(lacking))}; run its stage again")
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [np.empty(0, types[name])] for name in names}
    for piece in io.iterate_rows(path, list(dict.fromkeys([*names, "split"])), **subject):
        here = np.ones(len(piece), bool)
        if split is not None:
            here = ak.to_numpy(piece["split"]) == SPLITS.index(split)
        if here.any():
            for name in names:
                parts[name].append(ak.to_numpy(piece[name])[here])
    table = {name: np.concatenate(parts.pop(name)) for name in names}
    table |= {name: table[name].astype(bool) for name in masks}
    has_score = table["scored"] & ~table["not_tagged"]
    bad = {name: ~np.isfinite(table[name]) for name in names if name not in (*scores, *masks)}
    bad |= {name: np.where(has_score, ~np.isfinite(table[name]), ~np.isnan(table[name])) for name in scores}
    bad |= {name: np.isinf(table[name]) for name in MAY_LACK if name in columns}
    bad["not_tagged"] = table["not_tagged"] & ~table["scored"]
    for name, wrong in bad.items():
        if wrong.any():
            raise InputError(
                f"{path}: column {name}: {int(wrong.sum())} of {len(wrong)} {split or 'all'} rows have "
                "values that are not finite; run score again"
            )
    return table


def in_common(jets: Sequence[ScoredJets], columns: Sequence[str] = ()) -> list[ScoredJets]:
    """The jets of one sample as several taggers scored them, without those that one of them did not.

    Args:
        jets: Of each tagger, in the order of its score file.
        columns: More that have to be the same than truth and weight.

    Raises:
        InputError: They are not the same jets.
    """
    first = jets[0]
    for other in jets[1:]:
        pairs = [(first.label, other.label), (first.weight, other.weight)]
        pairs += [(first.columns[name], other.columns[name]) for name in columns]
        if not all(np.array_equal(*pair, equal_nan=True) for pair in pairs):
            raise InputError(
                "the taggers have scored different jets of one sample; score it again with all of them"
            )
    chosen = np.logical_and.reduce([one.chosen for one in jets])
    return [replace(one, chosen=chosen) for one in jets]
