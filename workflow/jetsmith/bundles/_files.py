"""What a bundle has beside its graph: the inputs with their ranges, reference.npz, checksums."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jetsmith.bundle import CHECKSUMS, REFERENCE
from jetsmith.bundle_inputs import Group, Values, groups_of
from jetsmith.bundles import _jets
from jetsmith.packed import arrays
from jetsmith.specs.features import Inputs, RawSpec

N_REFERENCE, N_MADE_UP, SEED = 1000, 1000, 1


def seen(
    inputs: Sequence[Inputs],
    features: Mapping[str, Mapping[str, RawSpec]],
    sorted_by: Mapping[str, str],
    trained_on: Sequence[arrays.Packed],
) -> tuple[Group, ...]:
    """What callers give of each group, with the ranges that the training saw.

    Args:
        inputs: Of the classifier.
        features: Of each group the features, as stage features computes them.
        sorted_by: Of each sequence the column that orders its constituents.
        trained_on: Splits that its trainings have read.
    """
    found = []
    for given in inputs:
        entries = []
        for name in given.features:
            raw, values = features[given.group][name], [part.groups[given.group] for part in trained_on]
            pieces = [piece for v in values for piece in _jets.pieces(v, v.names.index(name))]
            entries.append(
                {"name": name, **raw.model_dump(mode="json"), "range": _jets.range_of(pieces, raw)}
            )
        about = {"group": given.group, "kind": given.kind, "length": given.length, "features": entries}
        found.append({**about, "sorted_by": sorted_by.get(given.group, "")})
    return groups_of({"groups": found})


def write_reference(
    folder: Path, given: Mapping[str, Values], outputs: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Jets or events, and what they get by the name of the output."""
    found: dict[str, Any] = dict(outputs)
    for name, group in given.items():
        found[name] = group.values
        if group.offsets is not None:
            found[f"{name}_offsets"] = group.offsets
    np.savez(folder / REFERENCE, allow_pickle=False, **found)


def write_checksums(folder: Path) -> None:
    """As `sha256sum` writes them, and checks with `-c`."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != CHECKSUMS)
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder)}\n" for p in files]
    (folder / CHECKSUMS).write_text("".join(lines))
