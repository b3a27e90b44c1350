"""Sums of weights from a score up, exact where they are asked for, without sorting the sample."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from jetsmith.errors import InputError
from jetsmith.io import BoolArray, FloatArray
from jetsmith.metrics.efficiencies import check_numbers, check_total, from_here_up

PART = 1 << 14  # jets that bins are made from
CELLS = 1 << 16  # values of the leading 16 bits of a float32
ROWS = 1 << 16  # jets at a time: what is made of them in between stays in the cache
TINY = float(np.finfo(float).tiny)

Places = npt.NDArray[np.intp]


class Bins:
    """Bins in the score that hold about as many jets each, whatever the scores look like.

    The leading bits of a score in float32 are its cell: sign, exponent, and what follows. The next bits part
    a cell into as many bins as a part of the jets has there: peaks and tails are as fine as the bulk.

    Args:
        scores: Of each class of jets, shape (N,) each.

    Attributes:
        n: How many there are.
        kind: Smallest type of whole numbers that holds the number of one: memory never used before is dear.
    """

    def __init__(self, *scores: FloatArray) -> None:
        counts = np.zeros(CELLS, np.intp)
        for score in scores:
            step = max(-(-len(score) * len(scores) // PART), 1)
            counts += np.bincount(_keys(score[::step]) >> 16, minlength=CELLS)
        bits = np.minimum(np.ceil(np.log2(np.maximum(counts, 1))), 16).astype(np.intp)
        size = np.where(counts > 0, 1 << bits, 0)
        last = np.cumsum(size) - 1
        self.n = max(int(last[-1]) + 1, 1)
        self.kind = np.min_scalar_type(self.n)
        # A cell without a jet of the part shares the highest bin below it.
        first = np.maximum(last - np.maximum(size - 1, 0), 0)
        self._cells = (first << 5 | (16 - bits)).astype(np.uint32)  # both at once: a look-up is dear

    def of(self, score: FloatArray) -> Places:
        """Bin of each score, shape (N,): the same for the same, and no lower one for a higher score."""
        key = _keys(score)
        cell = self._cells.take(key >> 16)
        key &= CELLS - 1
        key >>= cell & 31
        key += cell >> 5
        return key.astype(np.intp)


def _keys(score: FloatArray) -> npt.NDArray[np.uint32]:
    """Whole numbers in the order of the scores, as float32 has these, shape (N,)."""
    with np.errstate(over="ignore"):  # float64 beyond float32 has the key of infinity
        bits = (score.astype(np.float32, copy=False) + np.float32(0)).view(np.int32)  # -0 becomes 0
    flipped = bits >> 31  # all bits of a negative number, of which more are less; else the sign alone
    flipped |= np.int32(-(1 << 31))
    return np.asarray(bits ^ flipped).view(np.uint32)


def rising(score: FloatArray) -> Places:
    """Order in which scores rise, shape (N,), equal ones in any.

    Of float32 in half the time of `np.argsort`, which moves places beside scores: here both are one number.
    """
    if score.dtype != np.float32:
        return np.argsort(score)
    numbered = _keys(score).astype(np.uint64) << np.uint64(32)
    numbered |= np.arange(len(score), dtype=np.uint64)
    numbered.sort()
    return (numbered & np.uint64(0xFFFFFFFF)).astype(np.intp)


@dataclass(frozen=True)
class Steps:
    """Sums at each score of some bins, and at the lower edges of all, from above all jets to the last one.

    Arrays have shape (S,); what a score is, or an edge, `at` and `reach` know.

    Attributes:
        above: Sum of w of the jets at or above a score.
        above2: Sum of w^2.
        highest: Largest of `above` from the top to here.
        monotone: Half of (largest from the top to here + smallest from here to the end), each between 0
            and the sum of all jets.
    """

    above: FloatArray
    above2: FloatArray
    highest: FloatArray
    monotone: FloatArray
    _score: FloatArray  # different scores of the bins, falling
    _of_score: Places  # their steps
    _of_edge: Places  # steps of the edges, falling
    _bins: Bins

    def reach(self, rising: FloatArray, needed: FloatArray) -> FloatArray:
        """Highest scores at which sums reach what is needed, shape (T,); -inf where none does.

        Args:
            rising: `highest` or `monotone`.
            needed: Sums above 0, shape (T,), whose bins (`Sums.reached_in`) are among those of the steps.
        """
        step = np.searchsorted(rising, needed)
        # Rounding may let the edge of a bin alone reach it, where the last score before is the bin's lowest.
        last = np.append(-np.inf, self._score)[np.searchsorted(self._of_score, step, side="right")]
        return np.where(step < len(rising), last, -np.inf)

    def at(self, threshold: FloatArray) -> Places:
        """Steps of the lowest jets that pass thresholds in the bins of the steps, shape (T,)."""
        above_bin = self._of_edge[self._bins.n - 1 - self._bins.of(threshold)]
        n_passing = np.searchsorted(-self._score, -threshold, side="right")
        return np.asarray(np.maximum(above_bin, np.append(0, self._of_score)[n_passing]))


class Sums:
    """Sums of w and of w^2 of the jets from a score up, for any weights.

    A histogram has them at the edges of its bins, and says in which bins a sum can be reached; only the jets
    of those are sorted.

    Args:
        score: Shape (N,), no NaN; -inf is the lowest.
        weight: Shape (N,), signed.
        bins: Of these scores, or of these and of others.
        what: What messages call the jets.

    Attributes:
        score: Shape (N,).
        weight: Shape (N,), in float64.
        bins: As given.
        total: Sum of w.
        total2: Sum of w^2.

    Raises:
        InputError: There are no jets, their weights add up to no positive number, or scores or weights are
            no numbers.
    """

    def __init__(self, score: FloatArray, weight: FloatArray, bins: Bins, what: str) -> None:
        self.score, self.weight, self.bins = np.asarray(score), np.asarray(weight, np.float64), bins
        if len(self.score) != len(self.weight):
            raise InputError(f"{what}: {len(self.score)} scores but {len(self.weight)} weights")
        self._place = np.empty(len(score), bins.kind)
        sums, sums2, negative = np.zeros((3, bins.n))
        for rows in self._rows():
            score, w = self.score[rows], self.weight[rows]
            smallest = check_numbers(score, w, what)  # while they are in the cache
            self._place[rows] = place = bins.of(score)
            np.add.at(sums, place, w)
            np.add.at(sums2, place, w * w)
            if smallest < 0:
                np.add.at(negative, place, np.minimum(w, 0))
        self._signed = bool(negative.any())
        self._above, self._above2 = from_here_up(sums), from_here_up(sums2)
        self.total, self.total2 = float(self._above[0]), float(self._above2[0])
        check_total(self.total, len(self.score), what)
        self._n_low = int(np.argmax(self._above[:-1] <= self.total / 8))  # bins below those of an eighth
        # What a sum within a bin is at most and at least.
        self._most = self._above[1:] + (sums - negative)
        self._least = self._above[1:] + negative

    def reached_in(self, needed: FloatArray, monotone: bool) -> BoolArray:
        """Bins in which sums may reach what is needed, shape (B,).

        Args:
            needed: Sums above 0, shape (T,).
            monotone: Whether it is `Steps.monotone` that has to, else `Steps.highest`.
        """
        above = self._above[:-1]
        if not self._signed:  # sums fall from bin to bin, and are largest at the lower edge
            somewhere = at_edge = self._mean(above, above) if monotone else above
        else:
            somewhere, at_edge = _largest_from(self._most), _largest_from(above)
            if monotone:
                smallest = np.minimum.accumulate(above)
                below = np.minimum.accumulate(np.append(np.inf, self._least[:-1]))
                somewhere = self._mean(somewhere, smallest)
                at_edge = self._mean(at_edge, np.minimum(smallest, below))
        # No bin above `first` reaches it, none below `last` is the first to do so.
        first, last = (np.searchsorted(-most, -needed, side="right") - 1 for most in (somewhere, at_edge))
        change = np.bincount(np.maximum(last, 0), minlength=self.bins.n + 1)
        change -= np.bincount(first + 1, minlength=self.bins.n + 1)
        return np.cumsum(change[:-1]) > 0

    def steps(self, wanted: BoolArray) -> Steps:
        """The sums at each score of bins that are wanted, shape (B,)."""
        if self._signed:
            wanted = wanted | self._matter_to(wanted)
        jets, mixed = self._to_sort(self._jets_in(wanted))
        jets = jets[rising(self.score[jets])[::-1]]
        score, weight = self.score[jets], self.weight[jets]
        ends = np.flatnonzero(np.append(score[1:] != score[:-1], len(jets) > 0))  # equal ones pass together
        place = self._place[jets[ends]].astype(np.intp)
        index = self.bins.n - place  # of the lower edge, the first being that above all jets
        above, above2 = (
            np.insert(edge[::-1], index, np.where(mixed[place], edge[place + 1] + inside, edge[place]))
            for edge, inside in (
                (self._above, _since(place, np.cumsum(weight)[ends])),
                (self._above2, _since(place, np.cumsum(weight * weight)[ends])),
            )
        )
        highest = np.maximum.accumulate(above)
        lowest = np.minimum.accumulate(above[::-1])[::-1] if self._signed else highest
        before = np.cumsum(np.bincount(index, minlength=self.bins.n + 1))  # scores above each edge
        return Steps(
            above,
            above2,
            highest,
            self._mean(highest, lowest),
            score[ends],
            index + np.arange(len(index)),
            before + np.arange(len(before)),
            self.bins,
        )

    def _jets_in(self, wanted: BoolArray) -> list[Places]:
        """Which jets are in bins that are wanted, some rows at a time."""
        if np.argmax(wanted) < self._n_low:
            return [np.flatnonzero(wanted.take(self._place[rows])) + rows.start for rows in self._rows()]
        return [jets[wanted.take(self._place[jets])] for jets in self._high]

    @cached_property
    def _high(self) -> list[Places]:
        """The jets of the highest bins: where working points are, no other jet need be looked up."""
        return [np.flatnonzero(self._place[rows] >= self._n_low) + rows.start for rows in self._rows()]

    def _to_sort(self, found: list[Places]) -> tuple[Places, BoolArray]:
        """Of jets that are found those of bins with several scores, and one of each other; and these bins.

        However many jets share the score of a bin, its edge says it all.
        """
        one, mixed = np.full(self.bins.n, -1, np.intp), np.zeros(self.bins.n, bool)
        for jets in found:
            one[self._place[jets]] = jets
        score = self.score[one]
        for jets in found:
            place = self._place[jets]
            mixed[place[self.score[jets] != score.take(place)]] = True
        several = [jets[mixed.take(self._place[jets])] for jets in found]
        return np.concatenate([*several, one[~mixed & (one >= 0)]]), mixed

    def smallest(self) -> float:
        """The smallest value above 0 that `Steps.monotone` has."""
        wanted = self.reached_in(np.array([TINY]), monotone=True)
        if self._signed:
            found = self.steps(wanted).monotone
            return float(found[found > 0][0])
        jets = np.concatenate(self._jets_in(wanted))
        score = np.where(self.weight[jets] > 0, self.score[jets], -np.inf)
        return float(self.weight[jets[score == score.max()]].sum())

    def _matter_to(self, wanted: BoolArray) -> BoolArray:
        """Bins whose inside may hold the largest sum above, or the smallest below, a bin that is wanted."""
        number = np.arange(len(wanted))
        below = np.append(-1, np.maximum.accumulate(np.where(wanted, number, -1))[:-1])  # the next one wanted
        above = np.append(np.minimum.accumulate(np.where(wanted, number, len(wanted))[::-1])[::-1][1:], -1)
        above[above == len(wanted)] = -1
        largest = np.append(_largest_from(self._above)[1:], np.inf)  # where there is none, nothing matters
        smallest = np.append(np.minimum.accumulate(self._above[:-1]), -np.inf)
        return np.asarray((self._most > largest[below]) | (self._least < smallest[above]))

    def _mean(self, highest: FloatArray, lowest: FloatArray) -> FloatArray:
        return np.asarray((np.clip(highest, 0, self.total) + np.clip(lowest, 0, self.total)) / 2)

    def _rows(self) -> Iterator[slice]:
        return (slice(start, start + ROWS) for start in range(0, len(self.score), ROWS))


def _largest_from(values: FloatArray) -> FloatArray:
    """Largest value from each one to the last, shape (N,)."""
    return np.maximum.accumulate(values[::-1])[::-1]


def _since(place: Places, sums: FloatArray) -> FloatArray:
    """Running sums less what they were where a run of the same place began, shape (N,)."""
    begins = np.append(True, place[1:] != place[:-1])[: len(place)]
    before = np.append(0.0, sums[:-1])[: len(place)]
    return np.asarray(sums - before[np.maximum.accumulate(np.where(begins, np.arange(len(place)), 0))])
