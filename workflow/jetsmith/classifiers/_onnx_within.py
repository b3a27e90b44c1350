"""Bundles for small jets on jets within large ones, nothing trained again: the first tags of H -> bb.

Where a bundle reads `jetPt`, the tagger has `subjet1_jetPt`, `subjet2_jetPt` or `wide_jetPt`
(`derivations.of_within`). Of two subjets the one counts that is less like the first class: both have to pass
(CMS, BTV-13-001).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jetsmith.configuration.records import hint
from jetsmith.derivations.of_within import PREFIXES
from jetsmith.specs.classifiers import RecipeSpec

if TYPE_CHECKING:
    from jetsmith.bundle_inputs import Group, Values
    from jetsmith.classifiers.onnx import Options
    from jetsmith.io import BoolArray, FloatArray

MOMENTA = ("jet_raw_pt_gev", "jet_pt_gev")  # 0 where there is no such jet
Said = Mapping[str, Any]  # a group, as inputs.json has it


def misfits(options: "Options", spec: RecipeSpec, groups: list[Said]) -> Iterator[str]:
    """`within` names jets once each, and `inputs` are of each what the bundle reads."""
    if unknown := [prefix for prefix in options.within if prefix not in PREFIXES]:
        yield f"within: no jets `{unknown[0]}` within a large one{hint(unknown[0], PREFIXES)}"
        return
    if len(set(options.within)) < len(options.within):
        yield "within: names jets twice"
    if sequences := [group["group"] for group in groups if group["kind"] != "flat"]:
        yield f"within: the bundle reads {', '.join(sequences)}; of jets within there are no sequences"
        return
    features = [feature for group in groups for feature in group["features"]]
    if not any(feature["source"] in MOMENTA for feature in features):
        yield f"within: a bundle without {' or '.join(MOMENTA)} does not tell whether there is such a jet"
    wanted = [prefix + feature["name"] for prefix in options.within for feature in features]
    given = [name for inputs in spec.inputs for name in inputs.features]
    if lacking := [name for name in wanted if name not in given]:
        yield f"within: the bundle reads `{lacking[0]}`, which `inputs` lacks{hint(lacking[0], given)}"
    if idle := [name for name in given if name not in wanted]:
        yield f"within: the bundle reads no {', '.join(idle)}; leave it out of `inputs`"


def features_taken(
    options: "Options", spec: RecipeSpec, groups: list[Said]
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Group and name of each feature of the tagger, and how the bundle takes it."""
    where = {name: inputs.group for inputs in spec.inputs for name in inputs.features}
    for prefix in options.within:
        for feature in (feature for group in groups for feature in group["features"]):
            name = prefix + feature["name"]
            yield where[name], name, {**feature, "source": prefix + feature["source"]}


def by_name(spec: RecipeSpec, packed: "FloatArray") -> dict[str, "FloatArray"]:
    """Features of some rows, from all of them side by side, shape (n, F)."""
    names = [name for inputs in spec.inputs for name in inputs.features]
    return dict(zip(names, packed.T, strict=True))


def jets(
    prefix: str, groups: "Sequence[Group]", features: Mapping[str, "FloatArray"]
) -> tuple[dict[str, "Values"], "BoolArray"]:
    """What a bundle reads of one jet within each of some rows, and whether there is one, shape (n,)."""
    import numpy as np

    from jetsmith.bundle_inputs import Values
    from jetsmith.bundles import _jets

    found, momenta = {}, []
    for group in groups:
        given = [_jets.given(features[prefix + feature.name], feature) for feature in group.features]
        found[group.group] = Values(np.stack(given, axis=-1))
        named = zip(group.features, given, strict=True)
        momenta += [values for feature, values in named if feature.source in MOMENTA]
    return found, np.logical_or.reduce([values > 0 for values in momenta])


def least_alike(each: list["FloatArray"]) -> "FloatArray":
    """Of each row the probabilities, (n, C) each, whose first one is lowest."""
    import numpy as np

    stacked = np.stack(each)
    lowest = np.argmin(stacked[:, :, 0], axis=0)
    return np.asarray(stacked[lowest, np.arange(stacked.shape[1])])
