"""Events to try a reweighter on beside real and made-up ones: at edges, and without an input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jetsmith.bundle_inputs import Group, Values, n_jets
from jetsmith.bundles import _jets
from jetsmith.io import BoolArray

N_LACKING = 100


@dataclass(frozen=True)
class Tried:
    """N events.

    Attributes:
        given: As a bundle is given them.
        whole: The same with some number in the place of each input that is missing and has no default.
        lacks: Events that lack one, shape (N,).
    """

    given: Mapping[str, Values]
    whole: Mapping[str, Values]
    lacks: BoolArray


def tried(
    events: Mapping[str, Values],
    groups: Sequence[Group],
    edges: Mapping[str, Sequence[float]],
    n_made_up: int,
    seed: int,
) -> Tried:
    """Real events, made-up ones, some at the edges, and some without an input that has no default.

    Args:
        events: Real ones, which come first.
        groups: What a bundle reads.
        edges: By flat input the values where something changes, as packed.
        n_made_up: How many are made up of parts of real ones.
        seed: Of what is made up.
    """
    whole = _jets.joined(events, _jets.made_up(events, groups, n_made_up, seed))
    whole = _jets.joined(whole, _at_edges(events, groups, edges, seed + 1))
    more = _jets.made_up(events, groups, N_LACKING, seed + 2)
    spoilt, lacks = _without(more, groups)
    return Tried(
        given=_jets.joined(whole, spoilt),
        whole=_jets.joined(whole, more),
        lacks=np.concatenate([np.zeros(n_jets(whole), bool), lacks]),
    )


def at_any_values(
    events: Mapping[str, Values], group: str, knots: Sequence[Sequence[float]], seed: int
) -> dict[str, Values]:
    """The same events at other values of parameters: of each a knot, or as often any number between them."""
    rng, n = np.random.default_rng(seed), len(events[group].values)
    columns = []
    for each in knots:
        between = rng.uniform(each[0], each[-1], n)
        columns.append(np.where(rng.random(n) < 0.5, rng.choice(each, n), between))
    return {**events, group: Values(np.stack(columns, axis=-1).astype(np.float32))}


def _at_edges(
    events: Mapping[str, Values], groups: Sequence[Group], edges: Mapping[str, Sequence[float]], seed: int
) -> dict[str, Values]:
    """Made-up events with a feature at an edge, and at the float32 below and above it."""
    flat = [
        (group, place) for group in groups if group.kind == "flat" for place in range(len(group.features))
    ]
    asked = [(g, i, edges[name]) for g, i in flat if (name := g.features[i].name) in edges]
    found = _jets.made_up(events, groups, 3 * sum(len(ends) for *_, ends in asked), seed)
    start = 0
    for group, place, ends in asked:
        at = _jets.undone(np.asarray(ends, np.float32), group.features[place])
        near = np.concatenate(
            [at, np.nextafter(at, np.float32(-np.inf)), np.nextafter(at, np.float32(np.inf))]
        )
        found[group.group].values[start : start + len(near), place] = near
        start += len(near)
    return found


def _without(events: Mapping[str, Values], groups: Sequence[Group]) -> tuple[dict[str, Values], BoolArray]:
    """The events, in some of which an input that has no default is no number; and which these are."""
    needed = [(g, i) for g in groups for i, feature in enumerate(g.features) if feature.default is None]
    spoilt = {name: Values(found.values.copy(), found.offsets) for name, found in events.items()}
    lacks = np.zeros(N_LACKING, bool)
    for k, (group, place) in enumerate(needed):
        values, offsets = spoilt[group.group].values, spoilt[group.group].offsets
        can = np.arange(N_LACKING) if offsets is None else np.flatnonzero(np.diff(offsets))
        event = can[k % len(can)]
        line = event if offsets is None else offsets[event]
        values[line, place] = (np.nan, np.inf, -np.inf)[k % 3]
        lacks[event] = True
    return spoilt, lacks
