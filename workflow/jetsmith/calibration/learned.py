"""The stage of learned efficiencies: scores and features in, a network as ONNX and its closure out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith import io
from jetsmith.bundle_inputs import Group, Values
from jetsmith.bundles import _jets
from jetsmith.bundles._files import seen
from jetsmith.calibration.axes import Axis, places
from jetsmith.calibration.learned_closure import Jets, Predicted, curve, gates, judged, of_map, of_network
from jetsmith.calibration.learned_file import write
from jetsmith.calibration.learned_network import Networks, Sample, error_of, train
from jetsmith.calibration.learned_tags import Events, tags, together
from jetsmith.calibration.maps import EfficiencyMap, efficiency_map
from jetsmith.calibration.stage import classes_of
from jetsmith.columns import EVENT_KEY
from jetsmith.errors import InputError
from jetsmith.handed.closure import worst
from jetsmith.handed.learned import Curve, Learned, Tags
from jetsmith.io import FloatArray, IntArray
from jetsmith.keys import codes
from jetsmith.metrics import passes
from jetsmith.onnx_session import session_of
from jetsmith.packed import arrays
from jetsmith.packed.rows import CHUNK, Rows
from jetsmith.scored import ScoredJets, as_coded, columns_of_codes, meaning_of, read_split
from jetsmith.specs.classifiers import JudgedClass, JudgedSpec
from jetsmith.specs.features import Inputs, RawSpec
from jetsmith.specs.learned import NetworkSpec
from jetsmith.specs.run import EfficienciesSpec
from jetsmith.texts import doubts_of

SPLITS = ("calibration", "test")
DATASET = "dataset"  # events of two data sets may have one key
TOLERANCE = 1e-6  # of an efficiency in float32, against the networks on the same machine
N_TRIED = 1000  # jets of the test split that both are given, and as many made up


@dataclass(frozen=True)
class Read:
    """Of a split its jets and features, shape (N,) and (N, F) for what is given and what is not."""

    jets: ScoredJets
    given: FloatArray
    more: FloatArray


def learn(
    name: str,
    spec: JudgedSpec,
    features: Sequence[Inputs],
    closes_in: Sequence[Inputs],
    raw: Mapping[str, Mapping[str, RawSpec]],
    scores: str | Path,
    calibration: str | Path,
    packed: Sequence[str | Path],
    axes: Sequence[Axis],
    settings: EfficienciesSpec,
    network: NetworkSpec,
    seed: int,
    efficiencies: str | Path,
    numbers: str | Path,
    threads: int = 1,
) -> Learned:
    """Learn efficiencies of working points from the split calibration, and test them in the split test.

    The binned efficiencies beside them are of the same jets of the split calibration, in the bins of the run.
    Those that `calibrate` writes are of the split test, which would close in its bins by construction.

    Args:
        name: Of the entry.
        spec: The tagger with its discriminant; classes with a code `flavor` are learned.
        features: What the network is given.
        closes_in: What it is not given, and where it is tested all the same.
        raw: By group and name how the features are computed.
        scores: results/scores/{tagger}/{sample}.parquet.
        calibration: results/calibration/{judgement}.numbers.json, with the thresholds.
        packed: results/packed/{sample}/{split}/{group} of all that is read.
        axes: Of the binned efficiencies.
        settings: How many jets a bin of them takes.
        network: How networks learn, and what closure asks for.
        seed: Of the run.
        efficiencies: ONNX file.
        numbers: JSON of a `handed.learned.Learned`.
        threads: CPU threads.

    Raises:
        InputError: Files are not of the same jets, no class has jets, or the ONNX file gives other
            efficiencies than the networks.
    """
    calibrated = io.read_json(calibration, judgement=spec.judgement)
    points = _points(calibrated, calibration)
    columns = [*(axis.column for axis in axes), *columns_of_codes(scores, classes_of(spec))]
    folder, groups_read = Path(packed[0]).parents[1], _groups(features, closes_in)
    parts = dict(zip(SPLITS, arrays.read_splits(folder, SPLITS, groups_read, spec.sample), strict=True))
    read = {split: _read(spec, scores, split, parts[split], columns, features, closes_in) for split in SPLITS}
    coded = [c for c in classes_of(spec) if c.flavor is not None]
    learned = [c for c in coded if all(_weight_of(read[split].jets, c) > 0 for split in SPLITS)]
    if not learned:
        names = ", ".join(c.name for c in coded) or "none has a `flavor` code"
        raise InputError(f"{scores}: no class has jets in the splits calibration and test: {names}")
    cuts = list(points.values())
    sample = _sample(read["calibration"], learned, cuts)
    networks = train(sample, len(points), len(learned), network, seed, threads)
    predicted = {
        c.name: _predicted(networks, read, place, c, cuts, axes, settings) for place, c in enumerate(learned)
    }
    curves = [
        found
        for c in learned
        for k, point in enumerate(points)
        for found in _curves(
            read["test"], c, point, cuts[k], predicted[c.name][k], features, closes_in, network
        )
    ]
    tested = judged(curves, network.tolerance)
    verdicts = gates(tested, network.tolerance)
    found = Learned(
        learned=name,
        judgement=spec.judgement,
        sample=spec.sample,
        seed=seed,
        thresholds=points,
        flavors={c.name: int(c.flavor) for c in learned if c.flavor is not None},
        lacking=tuple(c.name for c in coded if c not in learned),
        n_learned={c.name: len(read["calibration"].jets.of(c)) for c in learned},
        n_tested={c.name: len(read["test"].jets.of(c)) for c in learned},
        negative=networks.negative,
        epochs=networks.epochs,
        status=worst(verdicts),
        gates=verdicts,
        curves=tested,
        tags=_tags(read["test"], learned, points, predicted),
        parity=0.0,
        doubts=doubts_of(calibrated),
        by={c.name: meaning_of(c, read["test"].jets.columns) for c in learned},
    )
    groups = seen(features, raw, {}, [parts["calibration"]])
    with io.atomic_file(efficiencies) as temporary:
        write(temporary, networks, groups, found)
        parity = _parity(temporary, networks, groups, features, parts["test"], found)
    found = replace(found, parity=parity)
    io.write_record(numbers, found)
    return found


def _points(found: Mapping[str, Any], calibration: str | Path) -> dict[str, float]:
    """Thresholds by working point, the loosest first; of few jets two may be one, and none lies between."""
    points = {key: float(point["threshold"]) for key, point in found["working_points"].items()}
    if not points:
        raise InputError(
            f"{calibration}: no working point is left to learn: {'; '.join(found['undefined'].values())}"
        )
    return dict(sorted(points.items(), key=lambda one: one[1]))


def _groups(*inputs: Sequence[Inputs]) -> list[str]:
    return list(dict.fromkeys(one.group for of in inputs for one in of))


def _read(
    spec: JudgedSpec,
    scores: str | Path,
    split: str,
    part: arrays.Packed,
    columns: Sequence[str],
    features: Sequence[Inputs],
    closes_in: Sequence[Inputs],
) -> Read:
    """Both files are in the order of packed rows."""
    jets = read_split(scores, split, spec, list(dict.fromkeys([*columns, *EVENT_KEY, DATASET])))
    same = len(jets) == len(part) and all(
        np.array_equal(jets.columns[key], part.columns[key]) for key in EVENT_KEY
    )
    if not same:
        raise InputError(f"{scores}: split {split} has other jets than the packed sample; score it again")
    return Read(as_coded(jets, classes_of(spec)), _values(features, part), _values(closes_in, part))


def _values(inputs: Sequence[Inputs], part: arrays.Packed) -> FloatArray:
    """Features side by side, shape (N, F)."""
    if not inputs:
        return np.zeros((len(part), 0), np.float32)
    rows = Rows.select(inputs, [part])
    return np.concatenate(
        [rows.matrix(which) for which in rows.slices(CHUNK)] or [np.zeros((0, 0), np.float32)]
    )


def _weight_of(jets: ScoredJets, entry: JudgedClass) -> float:
    return float(jets.of(entry).weight.sum())


def _some(read: Read, entry: JudgedClass) -> Read:
    """Jets of a class that have a score, or are known not to be tagged."""
    mask = read.jets.of_class(entry) & read.jets.chosen
    return Read(read.jets.of(entry), read.given[mask], read.more[mask])


def _n_passed(jets: ScoredJets, cuts: Sequence[float]) -> IntArray:
    return np.asarray(np.sum([passes(jets.discriminant, cut) for cut in cuts], axis=0))


def _sample(read: Read, classes: Sequence[JudgedClass], cuts: Sequence[float]) -> Sample:
    """All jets to learn from, class by class."""
    parts = []
    for place, c in enumerate(classes):
        one = _some(read, c)
        key = tuple(one.jets.columns[name] for name in EVENT_KEY)
        parts.append(
            (one.given, np.full(len(one.jets), place), _n_passed(one.jets, cuts), one.jets.weight, *key)
        )
    given, flavour, n_passed, weight, run, block, event = (
        np.concatenate(of) for of in zip(*parts, strict=True)
    )
    return Sample(given, flavour, n_passed, weight, (run, block, event))


def _predicted(
    networks: Networks,
    read: Mapping[str, Read],
    place: int,
    entry: JudgedClass,
    cuts: Sequence[float],
    axes: Sequence[Axis],
    settings: EfficienciesSpec,
) -> list[tuple[Predicted, Predicted]]:
    """Of each point what networks and binned efficiencies say of the jets of a class in the split test."""
    test, calibration = (_some(read[split], entry) for split in ("test", "calibration"))
    members = networks(test.given, np.full(len(test.jets), place))  # (M, N, P)
    in_map, from_map = places(test.jets, axes), places(calibration.jets, axes)
    found = []
    for k, cut in enumerate(cuts):
        of_point: EfficiencyMap = efficiency_map(
            calibration.jets.weight,
            from_map,
            passes(calibration.jets.discriminant, cut),
            axes,
            settings.min_effective,
        )
        found.append((of_network(members[:, :, k]), of_map(of_point, in_map)))
    return found


def _curves(
    test: Read,
    entry: JudgedClass,
    point: str,
    cut: float,
    predicted: tuple[Predicted, Predicted],
    features: Sequence[Inputs],
    closes_in: Sequence[Inputs],
    network: NetworkSpec,
) -> list[Curve]:
    """A curve a variable, those that are given first."""
    one = _some(test, entry)
    jets = Jets(one.jets.weight, passes(one.jets.discriminant, cut))
    found = []
    for inputs, values, is_given in ((features, one.given, True), (closes_in, one.more, False)):
        names = [(of.group, feature) for of in inputs for feature in of.features]
        for (group, feature), column in zip(names, values.T, strict=True):
            about = Curve(entry.name, point, group, feature, is_given, (), None, None)
            found.append(curve(about, jets, column.astype(np.float64), *predicted, network.bins))
    return found


def _tags(
    test: Read,
    classes: Sequence[JudgedClass],
    points: Mapping[str, float],
    predicted: Mapping[str, Sequence[tuple[Predicted, Predicted]]],
) -> tuple[Tags, ...]:
    """Events by number of tags, of jets of all classes that were learned."""
    jets = [_some(test, c).jets for c in classes]
    keys = [np.concatenate([of.columns[name] for of in jets]) for name in (*EVENT_KEY, DATASET)]
    events = Events.of(codes(keys), np.concatenate([of.weight for of in jets]))
    score = np.concatenate([of.discriminant for of in jets])
    found = []
    for k, (point, cut) in enumerate(points.items()):
        networks, maps = zip(*(predicted[c.name][k] for c in classes), strict=True)
        both = together(networks, is_shared=True), together(maps, is_shared=False)
        found.append(tags(point, events, passes(score, cut), *both))
    return tuple(found)


def _parity(
    path: Path,
    networks: Networks,
    groups: Sequence[Group],
    features: Sequence[Inputs],
    test: arrays.Packed,
    found: Learned,
) -> float:
    """Largest difference of an efficiency, or its error, between file and networks, on real and made-up jets.

    Raises:
        InputError: It is larger than 1e-6.
    """
    rows = Rows.select(features, [test])
    real = _jets.raw(rows, slice(0, min(N_TRIED, len(rows))), groups)
    tried: Mapping[str, Values] = _jets.joined(real, _jets.made_up(real, groups, N_TRIED, found.seed))
    values = _values(features, _jets.packed(tried, groups))
    session = session_of(path)
    worst_of = 0.0
    for place, (name, code) in enumerate(found.flavors.items()):
        members = networks(values, np.full(len(values), place))
        feeds = {key: of.values for key, of in tried.items()} | {"flavor": np.full(len(values), code)}
        given = session.run(["efficiency", "error"], feeds)
        off = [
            float(np.abs(a - b).max())
            for a, b in zip(given, (members.mean(axis=0), error_of(members)), strict=True)
        ]
        if not max(off) <= TOLERANCE:  # NaN is not, either
            raise InputError(
                f"{path}: efficiencies of {name} in the file differ by up to {max(off):.2g} from those of "
                f"the networks, and {TOLERANCE:g} is allowed; this is a defect of jetsmith"
            )
        worst_of = max(worst_of, *off)
    return worst_of
