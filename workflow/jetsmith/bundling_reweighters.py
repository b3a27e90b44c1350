"""Stage bundle_reweighter: what leaves of a reweighter, its weights in a folder that anybody can run.

Calibrations and factors are those that stage weights has written: nothing is fitted here. Of parameters it
has the factors at some values, and those between are found here (`sums.py`).
`jetsmith.bundle` reads the folder.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx

from jetsmith import io, members, plugs, ratios, signs, sums
from jetsmith.bundle import DOWN, FORMAT, INPUTS, MODEL, OUTSIDE, PARAMETERS, RATIO, UP, WEIGHT, Reweighter
from jetsmith.bundle_inputs import Group, Values, n_jets
from jetsmith.bundles import Writer, _card, _events, _jets, _weights, _weights_card
from jetsmith.bundles._events import Tried
from jetsmith.bundles._files import N_MADE_UP, N_REFERENCE, SEED, seen, write_checksums, write_reference
from jetsmith.bundles._graph import Graph
from jetsmith.bundles._inputs import prepare
from jetsmith.classifiers import find_backend
from jetsmith.errors import InputError
from jetsmith.handed.closure import Closure
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray
from jetsmith.packed import arrays
from jetsmith.packed.rows import Rows
from jetsmith.ratios import LogRatios, RatioCalibration, SumFactors
from jetsmith.specs.classifiers import RecipeSpec
from jetsmith.specs.features import RawSpec
from jetsmith.specs.parameters import ParameterValues

# A probability in float32 may be another by so much in another program (a tagger's bundle: 1e-6). The ratio
# p/q is then off by this over p and over q: by 1e-5 where both are near 1/2, by 1e-3 where one is 0.002.
OF_PROBABILITIES = 2e-6
OF_ROUNDING = 1e-6  # relative, of ratios and weights as float32
MOVES = ((-1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0))  # of members of even and of odd number
Outputs = dict[str, npt.NDArray[Any]]
Scored = list[list[FloatArray]]
"""Of each fold what each member's model says, (N, C)."""
NOTHING = ParameterValues()


@dataclass(frozen=True)
class Told:
    """How log-odds become weights.

    Attributes:
        calibrations: Of each fold, or one.
        sum_factors: What conserves the sum of the source.
        valid: Flat inputs, and where they are valid.
    """

    calibrations: tuple[RatioCalibration, ...]
    sum_factors: SumFactors
    valid: Mapping[str, tuple[float, float]]


def bundle_reweighter(
    spec: RecipeSpec,
    valid: Mapping[str, tuple[float, float]],
    features: Mapping[str, Mapping[str, RawSpec]],
    sorted_by: Mapping[str, str],
    model: str | Path,
    packed: str | Path,
    weights: str | Path,
    output: str | Path,
    threads: int = 1,
    closure: str | Path | None = None,
    asked: ParameterValues = NOTHING,
) -> None:
    """Write a bundle, compare it with the weights by NumPy, and give it its name if they agree.

    Args:
        spec: The reweighter.
        valid: Its region of validity: flat input, smallest value and end.
        features: Of each group of its inputs the features, as stage features computes them.
        sorted_by: Of each sequence the column that orders its constituents.
        model: Folder of the model.
        packed: Folder results/packed/{sample}.
        weights: results/weights/{reweighter}/{dataset}.json, of any dataset.
        output: The folder.
        threads: CPU threads of the trained model.
        closure: results/closure/{reweighter}.json; None where nothing could test the weights.
        asked: Values of its parameters, where it has some.

    Raises:
        InputError: A file is damaged or another's, the model has a layer that no bundle can hold, or the
            bundle gives other weights (`compare`) for an event of the test split, one made up from these, one
            at an edge of a bin or of the region of validity, or one that lacks an input; see also
            `bundles.sums.sum_factors`.
    """
    model = Path(model)
    io.check_folder(model, "train it again")
    told = read_told(spec, valid, weights)
    tested = None if closure is None else io.read_record(Closure, closure, reweighter=spec.name)
    parts = arrays.read_splits(packed, SPLITS, spec.groups, spec.sample)
    trained_on = parts if spec.folds else parts[:1]  # the models of folds have learned from all splits
    groups = seen(spec.inputs, features, sorted_by, trained_on)
    rows = Rows.select(spec.inputs, parts[-1:])
    if not len(rows):
        raise InputError(f"{packed}: split test has no events, so nothing can be compared; give it a share")
    events = _jets.raw(rows, slice(0, min(N_REFERENCE, len(rows))), groups)
    if spec.parameters:
        numbers = io.read_json(weights, reweighter=spec.name)
        given = told.calibrations, told.valid, numbers, model, parts, threads
        told = replace(told, sum_factors=sums.sum_factors(spec, asked, *given))
        events = _events.at_any_values(events, spec.parameter_group, told.sum_factors.knots, SEED)
    edges = {**told.valid, told.sum_factors.feature: told.sum_factors.edges}
    edges |= dict(zip(told.sum_factors.parameters, told.sum_factors.knots, strict=True))
    tried = _events.tried(events, groups, edges, N_MADE_UP, SEED)
    scored = predicted(spec, model, tried.whole, groups, threads)
    with io.atomic_directory(output) as folder:
        expected = expected_of(spec, told, groups, tried, scored)
        about = about_inputs(spec, told, groups, tested, asked)
        write_files(folder, spec, told, groups, model, about, events, expected)
        worst = compare(folder, spec, told, groups, tried, scored)
        card = _weights_card.text(
            spec=_card.as_trained(spec, model),
            groups=groups,
            about=about,
            trained=io.read_json(model / "meta.json"),
            datasets=parts[0].datasets,
            n_events={name: len(part) for name, part in zip(SPLITS, parts, strict=True)},
            worst=worst,
        )
        (folder / "README.md").write_text(card)
        write_checksums(folder)


def read_told(spec: RecipeSpec, valid: Mapping[str, tuple[float, float]], weights: str | Path) -> Told:
    """What stage weights has written of its calibrations and factors.

    Raises:
        InputError: It is of another reweighter, or of other folds.
    """
    numbers = io.read_json(weights, reweighter=spec.name)
    calibrations = tuple(map(RatioCalibration.of_record, numbers["calibrations"]))
    if len(calibrations) != max(1, spec.folds):
        raise InputError(
            f"{weights}: has {len(calibrations)} calibrations, but {spec.name} has "
            f"{spec.folds or 'no'} folds; run weights again"
        )
    # With parameters there is none yet.
    factors = SumFactors("", (), ()) if spec.parameters else SumFactors.of_record(numbers["sum_factors"])
    return Told(calibrations, factors, valid)


def write_files(
    folder: Path,
    spec: RecipeSpec,
    told: Told,
    groups: Sequence[Group],
    model: Path,
    about: Mapping[str, Any],
    events: Mapping[str, Values],
    expected: Outputs,
) -> None:
    """What a reader needs: the graph, inputs.json, events of reference with their outputs, checksums."""
    folder.mkdir(exist_ok=True)
    onnx.save(_graph(spec, told, groups, model, folder), folder / MODEL)
    io.write_json(folder / INPUTS, about, checksum=False)
    n = n_jets(events)
    write_reference(folder, events, {name: values[:n] for name, values in expected.items()})
    write_checksums(folder)


def about_inputs(
    spec: RecipeSpec,
    told: Told,
    groups: Sequence[Group],
    tested: Closure | None,
    asked: ParameterValues = NOTHING,
) -> dict[str, Any]:
    """Content of inputs.json."""
    of_parameters = {
        "group": spec.parameter_group,
        "range": {
            name: [knots[0], knots[-1]]
            for name, knots in zip(told.sum_factors.parameters, told.sum_factors.knots, strict=True)
        },
        "trained_at": [list(point) for point in asked.trained],
        "held_out": [list(point) for point in asked.held_out],
    }
    status, found = (tested.status, tested.of_weights) if tested else ("not tested", ())
    gates = {gate.name: {"status": gate.status, "why": gate.why} for gate in found}
    return {
        "format": FORMAT,
        "reweighter": spec.name,
        "object": spec.object,
        "classes": list(spec.class_names),
        "folds": spec.folds,
        "valid": {name: list(region) for name, region in told.valid.items()},
        "calibrations": [by.record() for by in told.calibrations],
        "sum_factors": told.sum_factors.record(),
        "closure": {"status": status, "gates": gates},
        "groups": [asdict(group) for group in groups],
        **({PARAMETERS: of_parameters} if spec.parameters else {}),
    }


def predicted(
    spec: RecipeSpec, model: Path, events: Mapping[str, Values], groups: Sequence[Group], threads: int
) -> Scored:
    """Probabilities of each model, by the very functions that the stages use; events have all inputs."""
    rows = Rows.select(spec.inputs, [_jets.packed(events, groups)])
    backend, learned = find_backend(spec.backend), _learned(spec)
    return [
        [backend.predict(learned, folder, rows, threads) for folder in of_fold]
        for of_fold in _folders(spec, model)
    ]


def expected_of(
    spec: RecipeSpec,
    told: Told,
    groups: Sequence[Group],
    tried: Tried,
    scored: Scored,
    moved: npt.ArrayLike = 0.0,
) -> Outputs:
    """All outputs, by the functions of stage weights.

    Args:
        spec: The reweighter.
        told: How log-odds become weights.
        groups: Its inputs.
        tried: Events.
        scored: What the models say of them.
        moved: What is added to that, towards the target, of each fold and member: broadcasts to (F, M, N).
    """
    folds = _log_ratios(spec, told, tried, scored, moved)
    factor, by = _factors(spec, told, groups, tried)
    ratio, outside = ratios.mean_of_folds(folds, by)
    outside |= tried.lacks
    for name, region in {**told.valid, **told.sum_factors.regions}.items():
        outside |= ratios.beyond(_packed(spec, groups, tried, name), region)
    weight, up, down = ratios.weights(ratio, factor, outside)
    outputs = {RATIO: ratio.nominal, WEIGHT: weight}
    outputs |= {UP: up, DOWN: down} if len(folds[0].moved) > 1 else {}
    return {name: each.astype(np.float32) for name, each in outputs.items()} | {OUTSIDE: outside}


def _factors(
    spec: RecipeSpec, told: Told, groups: Sequence[Group], tried: Tried
) -> tuple[FloatArray, FloatArray]:
    """What conserves the sum, (N,), and the logarithm of that of each member over it, (M, N) or (1, N)."""
    factors, n = told.sum_factors, len(tried.lacks)
    values = _packed(spec, groups, tried, factors.feature) if factors.feature else np.zeros(n)
    points = np.array([_packed(spec, groups, tried, name) for name in factors.parameters]).reshape(-1, n).T
    each = [np.log(by.of(values, points)) for by in factors.over_mean]
    return factors.of(values, points), np.array(each or [np.zeros(n)])


def _log_ratios(
    spec: RecipeSpec, told: Told, tried: Tried, scored: Scored, moved: npt.ArrayLike = 0.0
) -> list[LogRatios]:
    """Of each fold."""
    by = np.broadcast_to(moved, (len(scored), len(scored[0]), len(tried.lacks)))
    return [
        ratios.log_ratios(_logits(spec, each, tried.lacks, by[k]), told.calibrations[k], spec.members)
        for k, each in enumerate(scored)
    ]


def _logits(spec: RecipeSpec, each: Sequence[FloatArray], lacks: BoolArray, moved: FloatArray) -> FloatArray:
    """Log-odds of members, (M, N); 0 where an event lacks an input, as in stage weights."""
    signed = signs.are_classes(spec)
    towards = np.array([-1, 1, 1, -1] if signed else [-1, 1])
    each = [np.clip(p + moved[k][:, np.newaxis] * towards, 0, 1) for k, p in enumerate(each)]
    pairs = [signs.joined(p) if signed else p for p in each]
    return np.where(lacks, 0.0, np.array([ratios.log_odds(p[:, 0], p[:, 1]) for p in pairs]))


def _packed(spec: RecipeSpec, groups: Sequence[Group], tried: Tried, name: str) -> FloatArray:
    """A flat input as it is packed, float64."""
    group, place = ratios.column_of(spec.inputs, name)
    values = _jets.packed(tried.whole, groups).groups[group.group].values
    return np.asarray(values[:, place], np.float64)


def compare(
    folder: Path, spec: RecipeSpec, told: Told, groups: Sequence[Group], tried: Tried, scored: Scored
) -> float:
    """The largest relative difference of a ratio or a weight between a bundle and the stages.

    Probabilities of the models may differ by 2e-6, as float32 is, and what this makes of ratio and weights is
    allowed; where it decides whether log-odds are beyond ±20, an event may be outside or not.

    Raises:
        InputError: It is larger, or other events are outside.
    """
    found = Reweighter(folder, warn=False).outputs(tried.given)
    moves = _moves(spec, told, groups, tried, scored)
    right, *moved = (
        expected_of(spec, told, groups, tried, scored, OF_PROBABILITIES * by) for by in (np.zeros(1), *moves)
    )
    known = np.all([other[OUTSIDE] == moved[0][OUTSIDE] for other in moved], axis=0)
    bad, off = known & (found[OUTSIDE] != right[OUTSIDE]), np.zeros(len(known))
    for name in right.keys() - {OUTSIDE}:
        with np.errstate(divide="ignore", invalid="ignore"):
            one, *others = (np.log(outputs[name].astype(np.float64)) for outputs in (right, found, *moved))
            differs, *allowed = (np.where(other == one, 0.0, np.abs(other - one)) for other in others)
        bad |= known & ~(differs <= np.max(allowed, axis=0) + OF_ROUNDING)  # NaN is no agreement
        off = np.maximum(off, np.where(known, differs, 0.0))
    if bad.any():
        shown = int(np.argmax(bad))
        raise InputError(
            f"{spec.name}: no bundle is written: of {len(bad):,} events {int(bad.sum()):,} get other weights "
            f"than those of the stage weights; event {shown} gets "
            + ", ".join(f"{name} {found[name][shown]} for {right[name][shown]}" for name in right)
        )
    return float(off.max(initial=0.0))


def _moves(
    spec: RecipeSpec, told: Told, groups: Sequence[Group], tried: Tried, scored: Scored
) -> list[FloatArray]:
    """Where probabilities of members go that make outputs differ most, -1 or 1, (M, 1) or (F, M, N) each.

    All together, and those of a pair of halves apart. Then members of a fold go apart, or come together, by
    the side of their mean, or of that of their pair, on which each is.
    """
    n_members = len(scored[0])
    found = [np.resize(by, (n_members, 1)) for by in MOVES]
    if n_members == 1:
        return found
    _, by = _factors(spec, told, groups, tried)
    away = np.array([of_fold.moved + by for of_fold in _log_ratios(spec, told, tried, scored)])  # (F, M, N)
    sets = away.reshape(len(away), -1, 2 if spec.members == "halves" else n_members, away.shape[-1])
    apart = np.where(sets < sets.mean(axis=2, keepdims=True), -1.0, 1.0).reshape(away.shape)
    return [*found, apart, -apart]


def _learned(spec: RecipeSpec) -> RecipeSpec:
    """As the backend has seen it."""
    return signs.four(spec) if signs.are_classes(spec) else spec


def _folders(spec: RecipeSpec, model: Path) -> list[list[Path]]:
    """Of each fold the folders of its members."""
    each = members.folders(model)
    return [[one / f"fold{k}" for one in each] for k in range(spec.folds)] or [each]


def _graph(
    spec: RecipeSpec, told: Told, groups: Sequence[Group], model: Path, folder: Path
) -> onnx.ModelProto:
    """Inputs, models, calibrations, errors and factors."""
    graph = Graph()
    prepared = {group.group: prepare(graph, group) for group in groups}
    lacking = [
        _weights.lacking(graph, prepared[group.group], group)
        for group in groups
        if any(feature.default is None for feature in group.features)
    ]
    writer = cast(Writer, plugs.find("bundles", spec.backend, "backend", "value"))
    folds, learned = _folders(spec, model), _learned(spec)
    by = _weights.of_members(graph, prepared, spec.inputs, told.sum_factors)
    said = []
    for of_fold, calibration in zip(folds, told.calibrations, strict=True):
        logits = [
            _weights.log_odds(
                graph,
                writer.write(graph, learned, one, prepared, _beside(folder, model, one))["classes"],
                signs.are_classes(spec),
            )
            for one in of_fold
        ]
        together = _weights.side_by_side(graph, logits, lacking)
        said.append(_weights.of_fold(graph, together, calibration, len(of_fold), spec.members, by))
    mean = _weights.mean_of_folds(graph, said)
    regions = [
        _weights.beyond(graph, prepared, ratios.column_of(spec.inputs, name), region)
        for name, region in {**told.valid, **told.sum_factors.regions}.items()
    ]
    outside = _weights.any_of(graph, [mean.outside, *lacking, *regions])
    factor = _weights.factor(graph, prepared, spec.inputs, told.sum_factors)
    outputs = _weights.outputs(graph, mean, outside, factor)
    for name, tensor in outputs.items():
        kind = onnx.TensorProto.BOOL if name == OUTSIDE else onnx.TensorProto.FLOAT
        graph.output(name, tensor, ["N"], kind)
    return graph.finished(spec.name, {"classes": json.dumps(spec.class_names)})


def _beside(folder: Path, model: Path, one: Path) -> Path:
    """Where the files of a model among several lie."""
    return folder / one.relative_to(model)
