"""Stage explain: what a tagger's first discriminant loses without an input, and what moves it."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jetsmith import applied, io, metrics
from jetsmith.classifiers import find_backend
from jetsmith.explaining import permutation
from jetsmith.explaining.attribution import attributed
from jetsmith.explaining.jets import chosen, in_memory
from jetsmith.handed.explanation import Explanation
from jetsmith.io import FloatArray
from jetsmith.packed.arrays import Packed
from jetsmith.packed.rows import Rows
from jetsmith.specs.classifiers import DiscriminantSpec, RecipeSpec, TruthSpec
from jetsmith.specs.explain import JetsSpec


def explain(
    spec: RecipeSpec,
    discriminant: DiscriminantSpec,
    signal: TruthSpec,
    background: TruthSpec,
    model: str | Path,
    packed: str | Path,
    output: str | Path,
    jets: JetsSpec,
    seed: int,
    threads: int = 1,
) -> Explanation:
    """Look into a tagger, on jets of signal and background that its training did not see.

    Where there are more of these than are wanted, a hash of the event chooses. Jets of which a file of others
    has no score are left out; one that has none with the inputs of other jets comes last.

    Args:
        spec: The tagger.
        discriminant: Its first.
        signal: Class of the signal.
        background: Of the background.
        model: Folder that stage train wrote.
        packed: Folder results/packed/{sample}.
        output: JSON file, `handed.explanation.Explanation`.
        jets: How many are looked at.
        seed: Of the run: it chooses jets, and exchanges their inputs.
        threads: CPU threads.

    Raises:
        InputError: A file is damaged or another's, or an input is not finite.
    """
    model = Path(model)
    applied.require_same(spec, model)
    rows = chosen(spec, Path(packed), (signal, background), jets.exchanged, seed)
    backend = find_backend(spec.backend)

    def judged(of: Rows) -> FloatArray:
        """The discriminant of each jet; NaN where there is no score."""
        return applied.discriminant(spec, model, of, discriminant, threads)

    if not backend.TRAINS:
        rows = rows[np.flatnonzero(~np.isnan(judged(rows)))]
    is_signal = np.isin(rows.label(), signal.truth)
    weight = rows.weight()
    sums = [float(weight[mask].sum()) for mask in (is_signal, ~is_signal)]
    named = (spec.name, spec.sample, discriminant.name, signal.name, background.name)
    if min(sums) <= 0:
        found = Explanation(*named, 0, 0.5, (), (), (), None)
        print(f"[explain {spec.name}] no jets of {signal.name} and {background.name}", file=sys.stderr)
        io.write_record(output, found)
        return found
    held = in_memory(rows)

    def judge(versions: Sequence[Packed]) -> list[FloatArray]:
        """The discriminant of each version of the jets."""
        found = judged(Rows.select(spec.inputs, versions))
        if not backend.TRAINS:
            found[np.isnan(found)] = -np.inf
        return np.split(found, len(versions))

    features, groups = permutation.of_features(spec.inputs), permutation.of_groups(spec.inputs)
    together = permutation.of_correlated(spec.inputs, held)
    before, lost = permutation.losses(held, [*features, *groups, *together], judge, is_signal, seed)
    few = Rows.select(spec.inputs, [held])[np.arange(min(jets.attributed, len(held)))]
    n, of_groups = len(features), len(features) + len(groups)
    found = Explanation(
        *named,
        jets=len(held),
        auc=metrics.auc(before[is_signal], weight[is_signal], before[~is_signal], weight[~is_signal]),
        features=tuple(lost[:n]),
        groups=tuple(lost[n:of_groups]),
        correlated=tuple(lost[of_groups:]),
        attribution=attributed(spec, model, discriminant, few, threads, together),
    )
    io.write_record(output, found)
    return found
