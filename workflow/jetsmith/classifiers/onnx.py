"""Bundles of others (`jetsmith.bundle`): nothing is trained, jets are scored by what is in the folder.

Features are read as they are packed, so each has to be defined as the bundle says; its transform is undone
again, since a bundle transforms its inputs itself.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from jetsmith import plugs
from jetsmith.configuration.records import hint
from jetsmith.specs.classifiers import ClassifierSpec, RecipeSpec
from jetsmith.specs.features import ColumnGroup

if TYPE_CHECKING:
    from jetsmith.classifiers import Device, Task
    from jetsmith.classifiers.stored import Stored
    from jetsmith.io import FloatArray
    from jetsmith.packed.rows import Rows

TRAINS, SEQUENCES, MODELS = False, True, False
SIGNED = False
CHECKSUMS, INPUTS = "SHA256SUMS", "inputs.json"
DEFINITION = ("source", "slot", "transform", "clip", "default")  # keys of a feature that change its numbers


class Options(plugs.Options):
    """Which bundle."""

    bundle: str = Field("", description="Its folder.")
    sha256: str = Field(
        "",
        description="Of its SHA256SUMS (`sha256sum <folder>/SHA256SUMS` prints it), so that another bundle "
        "in its place is noticed.",
    )

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """It is the bundle that is meant, and classes and inputs are those that it has."""
        sums = Path(self.bundle, CHECKSUMS)
        if not self.bundle or not sums.is_file():
            yield f"bundle: `{self.bundle}` is no folder of a bundle: it has no {CHECKSUMS}"
            return
        found = _digest(sums)
        if found != self.sha256:
            yield f"sha256: the bundle in {self.bundle} is {found}; write that, where it is the one you mean"
            return
        inputs = Path(self.bundle, INPUTS)
        if not inputs.is_file() or _digest(inputs) not in sums.read_text():
            yield f"bundle: {inputs} is missing or was changed; get the bundle again"
            return
        about = self._about()
        if set(about["classes"]) != set(spec.class_names):
            yield (
                f"bundle: has the classes {', '.join(about['classes'])}; `classes` of the tagger are "
                f"{', '.join(spec.class_names)}"
            )
        given = {inputs.group: inputs for inputs in spec.inputs}
        for group in about["groups"]:
            name, wanted = group["group"], [feature["name"] for feature in group["features"]]
            if name not in given:
                yield f"bundle: reads a group `{name}`, which `inputs` lacks{hint(name, given)}"
            elif set(wanted) != set(given[name].features):
                yield f"bundle: reads of `{name}` {', '.join(wanted)}; write exactly these in `inputs`"
        for name in given.keys() - {group["group"] for group in about["groups"]}:
            yield f"bundle: reads no group `{name}`; leave it out of `inputs`"

    def misfits_of_features(self, groups: Mapping[str, ColumnGroup]) -> Iterator[str]:
        """Features are computed as the bundle takes them."""
        for group in self._about()["groups"]:
            name = group["group"]
            if name not in groups:
                yield f"bundle: `{name}` is no feature group, and the bundle reads one"
                continue
            ours = groups[name]
            if (ours.kind, ours.sort_by) != (group["kind"], group["sorted_by"]) or ours.length < group[
                "length"
            ]:
                yield (
                    f"bundle: reads `{name}` as {group['kind']} of {group['length']} sorted by "
                    f"`{group['sorted_by']}`; config/features/{name}.yaml has {ours.kind}, {ours.length}, "
                    f"`{ours.sort_by}`"
                )
            for feature in group["features"]:
                column = ours.features[feature["name"]].model_dump(mode="json")
                other = [key for key in DEFINITION if column[key] != feature[key]]
                if other:
                    key = other[0]
                    yield (
                        f"bundle: takes `{name}.{feature['name']}` with `{key}: {feature[key]}`; "
                        f"config/features/{name}.yaml has `{key}: {column[key]}`"
                    )

    def _about(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(Path(self.bundle, INPUTS).read_text())
        return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def device(spec: RecipeSpec, threads: int, gpus: int) -> "Device":
    """The CPU."""
    from jetsmith.classifiers import on_cpu

    return on_cpu(spec)


def fit(task: "Task") -> list[dict[str, float]]:
    """Nothing to do; the history is empty."""
    return []


def read(spec: RecipeSpec, rows: "Rows", threads: int = 1) -> "Stored":
    """Scores of all rows; each has one.

    Raises:
        InputError: The bundle is damaged or another than that of the configuration, or inputs are in other
            units than it takes.
    """
    import numpy as np

    from jetsmith.bundle import Bundle, check
    from jetsmith.bundles import _jets
    from jetsmith.classifiers.stored import Stored
    from jetsmith.errors import InputError
    from jetsmith.packed.rows import CHUNK

    options = Options.model_validate(spec.architecture)
    bundle = Bundle(options.bundle, threads)
    found = _digest(Path(options.bundle, CHECKSUMS))
    if found != options.sha256:
        raise InputError(f"{options.bundle}: is {found}, and not {options.sha256} of {spec.name}'s file")
    out = np.empty((len(rows), len(spec.classes)), np.float32)
    places = [bundle.classes.index(name) for name in spec.class_names]
    for which in rows.slices(CHUNK):
        jets = _jets.raw(rows, which, bundle.groups)
        for group in bundle.groups:
            check(group, jets[group.group].values)
        out[which] = bundle.score(jets)[0][:, places]
    no = np.zeros(len(rows), bool)
    return Stored(out, None, no, no, no, out)


def predict(spec: RecipeSpec, model: Path, rows: "Rows", threads: int) -> "FloatArray":
    """Class probabilities, shape (N, C), float32."""
    return read(spec, rows, threads).probabilities
