"""Stage parameters: the values of a reweighter's parameters as one more group of inputs (arXiv 1601.07913).

Events of the target have those that they were generated at. Events of the source have none: each gets one of
these, so that source and target differ in what an event looks like at a value, and not in the values.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jetsmith import columns, provenance
from jetsmith.errors import InputError
from jetsmith.hashing import SPLITS, uniform
from jetsmith.io import FloatArray
from jetsmith.packed import arrays
from jetsmith.packed.writing import writing
from jetsmith.specs.parameters import group_of


def write_parameters(
    reweighter: str,
    sample: str,
    names: Sequence[str],
    generated_at: Mapping[str, Sequence[float]],
    held_out: Sequence[str],
    seed: int,
    packed: str | Path,
    outputs: Mapping[str, str | Path],
) -> None:
    """Write the values of every row of the four splits as a group of flat features.

    Args:
        reweighter: Its name.
        sample: The sample that it is trained on.
        names: The P parameters.
        generated_at: Values of each dataset that was generated at some, in the order of `names`.
        held_out: Datasets whose values are given to no event of the source.
        seed: That of the run.
        packed: Folder results/packed/{sample}.
        outputs: Folder of each split.

    Raises:
        InputError: A split is damaged or another's, or no dataset has values.
    """
    points = sorted({tuple(of) for name, of in generated_at.items() if name not in held_out})
    if not points:
        raise InputError(f"{reweighter}: no dataset of sample `{sample}` has values of {', '.join(names)}")
    for split, part in zip(SPLITS, arrays.read_splits(packed, SPLITS, sample=sample), strict=True):
        own = np.full((len(part.datasets), len(names)), np.nan)
        for k, dataset in enumerate(part.datasets):
            if dataset in generated_at:
                own[k] = generated_at[dataset]
        found = own[np.asarray(part.columns["dataset"])]
        run, block, event = (np.asarray(part.columns[name]) for name in columns.EVENT_KEY)
        drawn = np.isnan(found).any(axis=1)
        found[drawn] = draw(points, run[drawn], block[drawn], event[drawn], seed)
        group = group_of(reweighter)
        about = {"sample": sample, "split": split, "group": group, "rows": len(part)}
        about |= {"kind": "flat", "names": list(names), "order": part.order}
        meta = {"rows": {"drawn": int(drawn.sum())}, "values": points, "provenance": provenance.record()}
        with writing(outputs[split], about, {"values": (np.float32, found.shape)}, meta) as writer:
            writer.add(values=found)


def draw(
    points: Sequence[Sequence[float]],
    run: npt.ArrayLike,
    block: npt.ArrayLike,
    event: npt.ArrayLike,
    seed: int,
) -> FloatArray:
    """One of the values for each event, all with the same probability, by a hash of its key.

    Args:
        points: Values of all P parameters, V times.
        run: Run numbers, shape (N,).
        block: Luminosity blocks, shape (N,).
        event: Event numbers, shape (N,).
        seed: That of the run.

    Returns:
        Shape (N, P).
    """
    place = np.floor(uniform(run, block, event, seed, "parameters") * len(points)).astype(np.int64)
    return np.asarray(points, np.float64)[place]
