"""Truth tagging tried on events: the share of them with so many tags, predicted and counted."""

from collections.abc import Sequence
from dataclasses import dataclass

import awkward as ak
import numpy as np

from jetsmith.calibration.learned_closure import Predicted
from jetsmith.event_weights import tag_probabilities
from jetsmith.handed.learned import Tags
from jetsmith.io import BoolArray, FloatArray, IntArray
from jetsmith.metrics import efficiency

MOST = 2  # tags that are told apart: 0, 1, and 2 or more


@dataclass(frozen=True)
class Events:
    """N jets of E events, those of an event together.

    Attributes:
        order: Which of the jets as they were given, shape (N,).
        counts: Jets of each event, shape (E,).
        weight: Of each event, shape (E,), signed: the mean of its jets', which have the same.
    """

    order: IntArray
    counts: IntArray
    weight: FloatArray

    @classmethod
    def of(cls, event: IntArray, weight: FloatArray) -> "Events":
        """From a number of the event of each jet, and its weight, shape (N,) each."""
        order = np.argsort(event, kind="stable")
        _, place, counts = np.unique(event[order], return_inverse=True, return_counts=True)
        return cls(order, counts, np.bincount(place.reshape(-1), weight[order]) / counts)

    def shares(self, chances: FloatArray) -> FloatArray:
        """Share of the events with 0, 1, and 2 or more tags, shape (3,), by chances of jets, shape (N,)."""
        lists = ak.unflatten(np.clip(chances, 0, 1)[self.order], self.counts)
        return np.asarray(self.weight @ tag_probabilities(lists, MOST) / self.weight.sum())


def together(parts: Sequence[Predicted], is_shared: bool) -> Predicted:
    """What is predicted of jets of several classes, one class behind the other.

    Args:
        parts: Of each class.
        is_shared: Whether source k of one class is that of the others, as of networks; else each class has
            its own, as maps have.
    """
    efficiencies = np.concatenate([part.efficiency for part in parts])
    if is_shared:
        return Predicted(efficiencies, np.concatenate([part.moves for part in parts], axis=1))
    moves = np.zeros((sum(len(part.moves) for part in parts), len(efficiencies)))
    row = jet = 0
    for part in parts:
        n, width = part.moves.shape
        moves[row : row + n, jet : jet + width] = part.moves
        row, jet = row + n, jet + width
    return Predicted(efficiencies, moves)


def tags(point: str, events: Events, pass_mask: BoolArray, network: Predicted, binned: Predicted) -> Tags:
    """Shares of events by number of tags at a working point.

    Args:
        point: Its name.
        events: In which jets are.
        pass_mask: Which jets pass, shape (N,).
        network: What the networks predict of them.
        binned: What binned efficiencies predict.
    """
    n_tags = np.add.reduceat(
        pass_mask[events.order].astype(np.intp), np.cumsum(events.counts) - events.counts
    )
    counted = [efficiency(np.minimum(n_tags, MOST) == n, events.weight) for n in range(MOST + 1)]
    shares, errors = zip(*(_predicted(events, of) for of in (network, binned)), strict=True)
    return Tags(
        point=point,
        n_events=len(events.counts),
        counted=tuple(one.value for one in counted),
        counted_low=tuple(one.low for one in counted),
        counted_high=tuple(one.high for one in counted),
        network=tuple(map(float, shares[0])),
        network_error=tuple(map(float, errors[0])),
        binned=tuple(map(float, shares[1])),
        binned_error=tuple(map(float, errors[1])),
    )


def _predicted(events: Events, of: Predicted) -> tuple[FloatArray, FloatArray]:
    """Shares, and what they move by with each source, added in quadrature."""
    nominal = events.shares(of.efficiency)
    moved = [events.shares(of.efficiency + move) - nominal for move in of.moves]  # sources, not jets
    return nominal, np.sqrt(np.sum(np.square(moved), axis=0))
