"""The events that closure judges on: features and weights together, where nothing was fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from jetsmith import io, parametrised, ratios
from jetsmith.columns import row_key
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.keys import match
from jetsmith.metrics import bin_of
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.reweighting.histograms import compare_features
from jetsmith.reweighting.refining import REFINED, REFINED_TARGET
from jetsmith.reweighting.values import AT
from jetsmith.reweighting.weights import member_column
from jetsmith.specs.classifiers import ComparedSpec, RowsSpec
from jetsmith.specs.features import Inputs


@dataclass(frozen=True)
class HeldOut:
    """Events of both generators that nothing was fitted on.

    Attributes:
        spec: The reweighter.
        rows: The N events with its flat inputs.
        target_mask: True for events of the target, shape (N,).
        generator: Generator weights, signed, shape (N,); with parameters those of the target are levelled to
            the source's at each value.
        ratio: Density of the target over that of the source, positive, shape (N,); NaN for the target where
            nobody has said it.
        weight: Weights under test, 1 for the target, shape (N,).
        each: Those of each member of the ensemble alone, shape (N, M); M is 0 without one.
        outside: True where the reweighter says that it has no weight for the event, shape (N,).
        spectators: Features that are compared and that the reweighter does not see, shape (N, S).
        spectator_names: The S of them.
        fold: Fold of each event, shape (N,): those of one have their weights of one model, which has seen
            none of them; 0 in a sample without.
        conserved: Sum of generator weights times weights over that of generator weights alone, of all events
            of the source, fitted on or not, by column of weights: in the bin, and at the value of parameters,
            that is farthest from 1. None where it was not to be conserved.
        conserved_in: The feature in whose bins it was to be conserved; empty where there is one bin.
        refined: Generator weights above 0 that stand for `generator`, shape (N,); None where nobody asked.
        refined_sums: Their sum over that of generator weights, of all events of each dataset; that of
            refined weights to the target, of all of the source, by its column, as `conserved` has it.
    """

    spec: RowsSpec
    rows: Rows
    target_mask: BoolArray
    generator: FloatArray
    ratio: FloatArray
    weight: FloatArray
    each: FloatArray
    outside: BoolArray
    spectators: FloatArray
    fold: IntArray
    spectator_names: tuple[str, ...] = ()
    conserved: Mapping[str, float] | None = None
    conserved_in: str = ""
    refined: FloatArray | None = None
    refined_sums: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, which: IntArray) -> "HeldOut":
        """Some of the events, by their places."""
        names = ("rows", "target_mask", "generator", "ratio", "weight", "each", "outside", "spectators")
        refined = None if self.refined is None else self.refined[which]
        chosen = {name: getattr(self, name)[which] for name in (*names, "fold")}
        return replace(self, **chosen, refined=refined)

    @property
    def known(self) -> BoolArray:
        """Events whose ratio is known: of a table of others perhaps those of the source alone."""
        return np.asarray(~np.isnan(self.ratio))

    @property
    def features(self) -> FloatArray:
        """Inputs and spectators, shape (N, F + S), float32; parameters are none of an event's."""
        observed = parametrised.without(self.spec, self.rows)
        return np.concatenate([observed.flat_as_packed(slice(None)), self.spectators], axis=1)

    @property
    def names(self) -> tuple[str, ...]:
        """The F + S features."""
        observed = parametrised.without(self.spec, self.rows).inputs
        return (*(name for inputs in observed for name in inputs.features), *self.spectator_names)

    def spectra(self) -> list[dict[str, Any]]:
        """Those of all features before and after weighting, with their chi2 (`compare_features`)."""
        return compare_features(
            self.features,
            self.names,
            self.target_mask,
            self.generator,
            self.weight,
            self.each,
            self.spec.members,
        )


def held_out(
    spec: ComparedSpec,
    splits: Sequence[Path],
    datasets: Sequence[tuple[str, str]],
    weights: Mapping[str, str | Path],
    conserve: bool = True,
    column: str = "weight",
    refine: bool = False,
    conserve_in: Mapping[str, Sequence[float]] | None = None,
) -> HeldOut:
    """Put features (packed) and weights (parquet) of the held-out events together by event key.

    Args:
        spec: The reweighter.
        splits: Folders of the packed splits.
        datasets: Name and generator of the sample's datasets, in its order.
        weights: results/weights/{reweighter}/{dataset}.parquet by dataset.
        conserve: Whether the weights were to leave the source its sum.
        column: Which weights are under test.
        refine: Whether there are refined generator weights.
        conserve_in: A flat input, and edges of the bins in each of which sums were to be conserved.

    Raises:
        InputError: A dataset lacks its weights, or has those of another ensemble, keys repeat, or an event
            has no features.
    """
    generators = {c.generator: k for k, c in enumerate(spec.classes)}
    keys = row_key(spec.object)
    fields = ["weight_generator", "ratio", column, "outside", REFINED if refine else "weight_generator"]
    wanted: list[npt.NDArray[Any]] = []
    columns: list[npt.NDArray[Any]] = []
    each: list[npt.NDArray[Any]] = []
    rows, has = packed_features(spec, spec.inputs, splits, keys)
    total, source = 0.0, []
    refined_sums: dict[str, float] = {}
    for k, (name, generator) in enumerate(datasets):
        if generator not in generators or name in spec.held_out:
            continue
        if name not in weights:
            raise InputError(f"closure of {spec.name}: no weights of dataset `{name}`")
        of_members = _of_members(weights[name]) if column == "weight" else []
        conserving = _conserving(weights[name], refine) if conserve and generators[generator] == 0 else ()
        read = dict.fromkeys([*keys, "split", *fields, *of_members, *conserving])
        found = io.read_rows(weights[name], list(read), reweighter=spec.name, dataset=name)
        table = {field: np.asarray(ak.to_numpy(found[field])) for field in ak.fields(found)}
        if generators[generator] == 0:
            total += table["weight_generator"].sum(dtype=np.float64)
        if conserving:
            key = [np.full(len(found), k), *(table[field].astype(np.int64) for field in keys)]
            place = match_rows(np.column_stack(key), has, spec.name)
            source.append((place, {field: table[field] for field in ("weight_generator", *conserving)}))
        if refine:
            refined_sums[name] = _over(table[REFINED].sum(), table["weight_generator"].sum())
        kept = table["split"] == SPLITS.index("test")
        key = [table[field][kept].astype(np.int64) for field in keys]
        wanted.append(np.column_stack([np.full(int(kept.sum()), k), *key]))
        side = np.full(int(kept.sum()), generators[generator])
        columns.append(np.column_stack([*(table[field][kept] for field in fields), side]))
        by_member = [table[field][kept] for field in of_members]
        each.append(np.reshape(by_member, (len(by_member), len(side))).T)
    if not total > 0:
        raise InputError(
            f"closure of {spec.name}: the generator weights of the source add up to {total:g}, which is no "
            "density"
        )
    if len({by_member.shape[1] for by_member in each}) > 1:
        raise InputError(
            f"closure of {spec.name}: its datasets have weights of ensembles of different sizes; run weights "
            "again"
        )
    place = match_rows(np.concatenate(wanted), has, spec.name)
    conserved = _sums(spec, rows, source, conserve_in or {}) if source else {}
    to_target = {field: conserved.pop(field) for field in list(conserved) if _is_refined(field)}
    generator_weight, ratio, weight, outside, refined, side = np.concatenate(columns).T
    if spec.parameters:
        value = parametrised.places(parametrised.values_of(spec, rows[place]))
        factors = parametrised.level(spec, generator_weight, side == 1, value, int(value.max()) + 1)
        by_value = np.where(side == 1, factors[value], 1.0)
        generator_weight, refined = generator_weight * by_value, refined * by_value
    seen = np.zeros((len(place), 0), np.float32)
    if spec.spectators:
        seen = packed_features(spec, spec.spectators, splits, keys)[0].flat_as_packed(slice(None))[place]
    return HeldOut(
        spec=spec,
        rows=rows[place],
        target_mask=side == 1,
        generator=generator_weight,
        ratio=ratio,
        weight=weight,
        each=np.concatenate(each),
        outside=outside == 1,
        spectators=seen,
        fold=np.asarray(rows.column("fold"), np.int64)[place],
        spectator_names=tuple(name for inputs in spec.spectators for name in inputs.features),
        conserved=conserved if conserve else None,
        conserved_in=next(iter(conserve_in or {}), ""),
        refined=refined if refine else None,
        refined_sums=refined_sums | to_target,
    )


def _over(part: float, whole: float) -> float:
    """Ratio of two sums of a dataset; of two that are 0 it is 1."""
    return float(part / whole) if whole else 1.0 if part == whole else np.inf


def _is_refined(column: str) -> bool:
    """Whether it is of refined weights times those of the reweighter, parameters' too."""
    return column.endswith(REFINED_TARGET.removeprefix("weight"))


def _conserving(path: str | Path, refine: bool) -> list[str]:
    """Columns of a file of weights that conserve sums: those at other values of parameters, too.

    Those of members do as well, and are rounded to float32, which may show where signed weights cancel. Up
    and down say how well the weight of one event is known, and conserve nothing.
    """
    no = ("weight_generator", REFINED, *_of_members(path))
    names = [name for name in io.column_names(path) if name.startswith("weight") and name not in no]
    names = [name for name in names if not name.endswith(("_up", "_down"))]
    return [name for name in names if refine or not _is_refined(name)]


def _sums(
    spec: RowsSpec,
    rows: Rows,
    source: Sequence[tuple[IntArray, Mapping[str, npt.NDArray[Any]]]],
    conserve_in: Mapping[str, Sequence[float]],
) -> dict[str, float]:
    """By column of weights the sum of the source over what it was, in the bin where that is farthest from 1.

    Args:
        spec: The reweighter.
        rows: All packed events.
        source: Of each dataset of the source the rows of its events, and its columns.
        conserve_in: A feature and edges of its bins.
    """
    events = rows[np.concatenate([place for place, _ in source])]
    table = {name: np.concatenate([of[name] for _, of in source]).astype(np.float64) for name in source[0][1]}
    bins = np.zeros(len(events), np.intp)
    for name, edges in conserve_in.items():
        group, column = ratios.column_of(events.inputs, name)
        values = replace(events, inputs=(group,)).flat_as_packed(slice(0, len(events)))[:, column]
        bins = np.asarray(bin_of(values.astype(np.float64), edges), np.intp)
    value = parametrised.places(parametrised.values_of(spec, events))  # at which an event has its `weight`
    at_values = bins * (int(value.max(initial=0)) + 1) + value
    generator, found = table.pop("weight_generator"), {}
    for name, by in table.items():
        place = bins if name.startswith(AT) else at_values
        after = by if _is_refined(name) else generator * by
        n_bins = int(place.max(initial=0)) + 1
        sums = (np.bincount(place, of, n_bins) for of in (after, generator))
        each = np.array([_over(*both) for both in zip(*sums, strict=True)])
        found[name] = float(each[np.argmax(np.nan_to_num(np.abs(each - 1), nan=np.inf))])
    return found


def _of_members(path: str | Path) -> list[str]:
    """Columns of a file of weights that are those of a member of an ensemble."""
    names = set(io.column_names(path))
    return list(takewhile(names.__contains__, map(member_column, count())))


def packed_features(
    spec: RowsSpec, inputs: Sequence[Inputs], splits: Sequence[Path], keys: Sequence[str]
) -> tuple[Rows, npt.NDArray[np.int64]]:
    """All packed events with the flat features among inputs, and their keys (dataset first)."""
    flat = [one for one in inputs if one.kind == "flat"]
    if not flat:
        raise InputError(f"closure of {spec.name} needs flat features; the reweighter reads none")
    groups = [one.group for one in flat]
    parts = [arrays.read_packed(split, groups, split=split.name, sample=spec.sample) for split in splits]
    rows = Rows.select(flat, parts)
    key = np.column_stack([rows.column(name).astype(np.int64) for name in ("dataset", *keys)])
    return rows, key


def match_rows(wanted: npt.NDArray[np.int64], has: npt.NDArray[np.int64], name: str) -> npt.NDArray[np.intp]:
    """Row of `has`, shape (M, K), that equals each row of `wanted`, shape (N, K); each has one."""
    weighted, packed = (
        f"closure of {name}: {what} events repeat their run, luminosity block and event"
        for what in ("weighted", "packed")
    )
    place = match(wanted, has, (weighted, packed))
    if lost := int((place < 0).sum()):
        raise InputError(f"closure of {name}: {lost} weighted events are not packed; run scores again")
    return place
