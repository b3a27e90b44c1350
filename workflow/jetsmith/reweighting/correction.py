"""Mean weights of a reweighter in bins of a few features, as a correction set of correctionlib, schema 2.

It has one correction, of the reweighter's name: `variation` and features -> weight of a source event.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from correctionlib import schemav2

from jetsmith import io
from jetsmith.columns import row_key
from jetsmith.correction_nodes import category
from jetsmith.handed.closure import Closure
from jetsmith.hashing import SPLITS
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.metrics import bins_of
from jetsmith.reweighting.events import match_rows, packed_features
from jetsmith.reweighting.weights import member_column
from jetsmith.specs.classifiers import Members, RowsSpec
from jetsmith.specs.features import RawSpec
from jetsmith.specs.ratios import Bins
from jetsmith.spread import ERRORS, members_error


@dataclass(frozen=True)
class BinnedWeights:
    """Mean weights in B bins, shape (B,) each.

    Attributes:
        nominal: 1 in bins without.
        up: One standard deviation above, by what the members of an ensemble differ.
        down: One below.
        filled_mask: False where the bin has no mean: no events, or signed weights that do not add up to more
            than 0, before or after.
    """

    nominal: FloatArray
    up: FloatArray
    down: FloatArray
    filled_mask: BoolArray


def binned_weights(
    place: IntArray,
    n_bins: int,
    generator: FloatArray,
    weight: FloatArray,
    each: FloatArray,
    members: Members,
) -> BinnedWeights:
    """Means of weights, by generator weights: what they change the content of a bin by.

    Args:
        place: Bin of each event of the source, shape (N,).
        n_bins: B.
        generator: Generator weights, signed, shape (N,).
        weight: Shape (N,).
        each: Weights by each member of an ensemble, shape (M, N); M = 0 without one, which has no errors.
        members: What these were trained on.
    """
    before = np.bincount(place, generator, n_bins)
    sums = np.array([np.bincount(place, generator * by, n_bins) for by in (weight, *each)])
    filled = (before > 0) & (sums > 0).all(axis=0)
    means = np.divide(sums, before, out=np.ones(sums.shape), where=filled)
    error = members_error(np.log(means[1:]), members) if len(each) else np.zeros(n_bins)
    return BinnedWeights(means[0], means[0] * np.exp(error), means[0] * np.exp(-error), filled)


def correction(
    spec: RowsSpec,
    packed: str | Path,
    weights: Mapping[str, str | Path],
    generators: Mapping[str, str],
    bins: Bins,
    features: Mapping[str, RawSpec],
    output: str | Path,
    n_members: int = 0,
    closure: str | Path | None = None,
) -> None:
    """Write the mean weights of the source's events of all splits.

    Args:
        spec: The reweighter.
        packed: results/packed/{sample}.
        weights: results/weights/{reweighter}/{dataset}.parquet by dataset, in the sample's order.
        generators: Generator of each dataset.
        bins: Edges by feature; up to three flat inputs. End bins have all beyond.
        features: How each is computed, for its description.
        output: JSON of correctionlib.
        n_members: Of its ensemble; 0 where it is none, and there is no error.
        closure: results/closure/{reweighter}.json, whose verdict the description has; None where nothing
            could test the weights.

    Raises:
        InputError: Keys repeat, or an event has no features.
    """
    source = spec.classes[0].generator
    datasets = {name: path for name, path in weights.items() if generators[name] == source}
    keys, order = row_key(spec.object), list(weights)
    names = ["weight_generator", "weight", *(member_column(k) for k in range(n_members))]
    asked, found = [], []
    for name, path in datasets.items():
        rows = io.read_rows(path, [*keys, *names], reweighter=spec.name, dataset=name)
        table = {field: np.asarray(ak.to_numpy(rows[field])) for field in ak.fields(rows)}
        key = [table[field].astype(np.int64) for field in keys]
        asked.append(np.column_stack([np.full(len(rows), order.index(name)), *key]))
        found.append(np.stack([table[field].astype(np.float64) for field in names]))
    flat = [i for i in spec.inputs if i.kind == "flat" and set(i.features) & set(bins)]
    events, has = packed_features(spec, flat, [Path(packed) / split for split in SPLITS], keys)
    values = events[match_rows(np.concatenate(asked), has, spec.name)].flat_as_packed(slice(None))
    columns = [name for i in flat for name in i.features]
    place = bins_of(values[:, [columns.index(name) for name in bins]], list(bins.values()))
    generator, weight, *each = np.concatenate(found, axis=1)
    n_bins = int(np.prod([len(edges) - 1 for edges in bins.values()]))
    by_member = np.array(each).reshape(n_members, len(weight))
    mean = binned_weights(place, n_bins, generator, weight, by_member, spec.members)
    tested = None if closure is None else io.read_record(Closure, closure, reweighter=spec.name)
    about = _about(spec, mean, tested, n_members > 0)
    io.write_json(
        output, correction_set(spec.name, about, mean, bins, features, n_members > 0), checksum=False
    )


def correction_set(
    name: str,
    about: str,
    mean: BinnedWeights,
    bins: Bins,
    features: Mapping[str, RawSpec],
    has_error: bool,
) -> dict[str, Any]:
    """As plain values, checked by correctionlib's own schema.

    Args:
        name: Of the correction.
        about: Its description.
        mean: Weights.
        bins: Edges by feature, the last one's bins running fastest.
        features: How each is computed.
        has_error: Whether there are `up` and `down` beside `nominal`.
    """
    variations = {"nominal": mean.nominal} | ({"up": mean.up, "down": mean.down} if has_error else {})
    variation = schemav2.Variable(name="variation", type="string", description=", ".join(variations))
    axes = [
        schemav2.Variable(name=feature, type="real", description=described(features[feature]))
        for feature in bins
    ]
    found = schemav2.Correction(
        name=name,
        description=about,
        version=1,
        inputs=[variation, *axes],
        output=schemav2.Variable(name="weight", type="real", description="Of an event of the source."),
        data=category("variation", {key: _multibinning(values, bins) for key, values in variations.items()}),
    )
    whole = schemav2.CorrectionSet(schema_version=2, description=about, corrections=[found])
    return dict(whole.model_dump(mode="json", exclude_unset=True))


def _multibinning(values: FloatArray, bins: Bins) -> schemav2.MultiBinning:
    return schemav2.MultiBinning(
        nodetype="multibinning",
        inputs=list(bins),
        edges=[[float(edge) for edge in edges] for edges in bins.values()],
        content=values.tolist(),
        flow="clamp",
    )


def described(feature: RawSpec) -> str:
    """What a caller has to give: the canonical column with its unit, and what was done to it."""
    text = feature.source if feature.slot is None else f"element {feature.slot} of {feature.source}"
    text += f" [{feature.unit}]" if feature.unit else ""
    text = f"{feature.transform} of {text}" if feature.transform != "none" else text
    if feature.default is not None:
        text += f"; {feature.default:g} where there is none"
    if feature.clip is not None:
        text += "; clipped to {:g} and {:g}".format(*feature.clip)
    return text


def _about(spec: RowsSpec, mean: BinnedWeights, tested: Closure | None, has_error: bool) -> str:
    """Whose weights, of what their error is, how many bins have none, and what closure said."""
    source, target = spec.class_names
    text = f"Mean weight of {source} to {target} in bins, by {spec.name}, sample {spec.sample}"
    if has_error:
        text += f"; up and down: one standard deviation of the mean's logarithm, {ERRORS[spec.members]}"
    if n_empty := int((~mean.filled_mask).sum()):
        text += f"; {n_empty} of {len(mean.filled_mask)} bins without events, or of no density, have weight 1"
    if tested is None:
        return f"{text}; closure test: none, for lack of events of the target"
    said = [f"{gate.name} {gate.status}" for gate in tested.of_weights if gate.status != "passed"]
    return f"{text}; closure test of the weights of events: {'; '.join([tested.status, *said])}"
