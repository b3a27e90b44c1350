"""Weights for fixed working points: method 1a of CMS' BTV group, for one point or several at once."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith.cuts import passes
from jetsmith.errors import InputError
from jetsmith.event_weights.corrections import beyond, corrections_of, inside, pick
from jetsmith.event_weights.efficiencies import AXES, DOWN, UP, At, Binned, Columns, Efficiencies, Learned
from jetsmith.event_weights.jets import Jets, count, read, refuse_others
from jetsmith.event_weights.learned import LearnedEfficiencies
from jetsmith.event_weights.points import (
    CENTRAL,
    Group,
    Uncertainties,
    group_of,
    named_year,
    thresholds_in,
    thresholds_of,
)
from jetsmith.event_weights.weights import Array, Weights, shifted

AS_SIMULATED = "n_as_simulated"
OWN = ("n_pt_beyond_scale_factors", "n_impossible", "n_negative")
OF_EFFICIENCIES = ("n_pt_beyond_efficiencies", "n_features_beyond_efficiencies")


class FixedWorkingPoints:
    """Weights that give simulation the tagging efficiencies of data, at one working point or several.

    A jet that passes n of the points, counted from the loosest, and fails the next has the weight

        (SF_n eff_n - SF_m eff_m) / (eff_n - eff_m),  m = n + 1,

    with SF_0 = eff_0 = 1, and eff_m = 0 beyond the tightest point. Of one point that is SF for a jet that
    passes and (1 - SF eff)/(1 - eff) for one that fails. Where the efficiencies say that there is no such jet
    (eff_n <= eff_m), a jet that passes the tightest point keeps its SF, and any other has 1. An event has the
    product over its jets.

    Attributes:
        thresholds: By working point, the loosest first.
        flavours: Those that there are weights for.
        sources: Names of the variations.
    """

    def __init__(
        self,
        scale_factors: str | Path,
        efficiencies: str | Path | LearnedEfficiencies,
        tagger: str,
        working_points: str | Sequence[str],
        year: str,
        *,
        heavy: str | None = "comb",
        light: str | None = "incl",
        efficiency: str | None = None,
        uncertainties: Uncertainties = "years",
        flavours_as: Mapping[int, int] | None = None,
        as_simulated: Collection[int] = (),
        beyond_pt: float = 2.0,
        efficiency_errors: bool = False,
    ) -> None:
        """Read the files, and check that they serve.

        Args:
            scale_factors: File with `<tagger>_<heavy>` and `<tagger>_<light>`.
            efficiencies: File with efficiencies in simulation `<name>_eff`, as the rule `calibrate` writes
                it, or those that a network has learned, which a call gives features for. One of the files
                has the thresholds (`_wp_values`; what was learned has them); where both have, they agree.
            tagger: Of the scale factors.
            working_points: One or several.
            year: Ends the names of what is independent from year to year: 2018, 2016preVFP, …
            heavy: Which scale factors of b and c jets: comb, mujets, …; None: the file has none.
            light: Which of light jets; None: the file has none.
            efficiency: `<name>`; may be left out where the file has efficiencies of one tagger alone, and
                has to be of learned ones.
            uncertainties: `years`: a part that is correlated over the years and one that is not; `total`: one
                for all, of a single year; `breakdown`: all further sources, or `years` where there are none.
            flavours_as: Flavours to be taken for others, such as {15: 0}.
            as_simulated: Flavours of which nothing was measured: their weight is 1, and nothing varies it.
            beyond_pt: Factor on the variations of scale factors beyond their range of pt; 2 as CMSSW's
                BTagCalibrationReader.
            efficiency_errors: Whether statistical errors of the efficiencies are sources, too: of binned ones
                the file then has `<name>_eff_low` and `<name>_eff_high`, as `calibrate` writes them.

        Raises:
            InputError: A file is not what it has to be, lacks what is asked for, or the two have other
                thresholds for the same working point.
        """
        self._made = partial(
            type(self), scale_factors, efficiencies, tagger, working_points, year, heavy=heavy, light=light,
            efficiency=efficiency, uncertainties=uncertainties, flavours_as=flavours_as,
            as_simulated=as_simulated, beyond_pt=beyond_pt, efficiency_errors=efficiency_errors,
        )  # fmt: skip
        year = named_year(year)
        points = [working_points] if isinstance(working_points, str) else list(working_points)
        if not points or len(set(points)) < len(points):
            raise InputError(
                f"working points: {', '.join(points) or 'none'}; name each once, and at least one"
            )
        factors = corrections_of(scale_factors)
        self._efficiencies: Efficiencies
        named = f"{tagger}_wp_values"
        if isinstance(efficiencies, LearnedEfficiencies):
            if efficiency is not None:
                raise InputError(f"efficiency: {efficiency}; learned efficiencies are of one tagger alone")
            self._efficiencies = Learned(efficiencies, points, efficiency_errors)
        else:
            self._efficiencies = Binned(efficiencies, efficiency, points, efficiency_errors)
        files = {factors[n].where: thresholds_in(factors[n], points) for n in [named] if n in factors}
        self.thresholds = thresholds_of({**files, **self._efficiencies.thresholds})
        if not self.thresholds:
            raise InputError(
                f"{scale_factors}, {efficiencies}: have no thresholds, {named} or {self._efficiencies.named}"
            )
        self._groups: list[Group] = []
        for kind, which in (("heavy", heavy), ("light", light)):
            if which is None:
                continue
            correction = pick(factors, scale_factors, f"{tagger}_{which}", ("systematic", *AXES))
            group = group_of(correction, kind, points, uncertainties, year, efficiency_errors)
            self._groups.append(group)
        if not self._groups:
            raise InputError(f"{scale_factors}: heavy and light are both None; name scale factors")
        found = [flavour for group in self._groups for flavour in group.pt]
        if twice := sorted({flavour for flavour in found if found.count(flavour) > 1}):
            raise InputError(f"{scale_factors}: {heavy} and {light} both have flavor {twice}")
        self._as_simulated = tuple(as_simulated)
        if twice := sorted(set(found) & set(self._as_simulated)):
            raise InputError(f"as_simulated: {scale_factors} has scale factors of flavor {twice}")
        self.flavours = tuple(sorted(set(found) & self._efficiencies.flavours))
        self.sources = tuple(
            source for group in self._groups for source in (*group.sources, group.efficiency) if source
        )
        self._abseta = [self._efficiencies.abseta, *(g.correction.ends("abseta") for g in self._groups)]
        self._flavours_as, self._beyond_pt = dict(flavours_as or {}), beyond_pt

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what it was made of: who unpickles it reads the files."""
        return self._made, ()

    def __call__(self, pt: Any, eta: Any, flavour: Any, score: Any, features: Any = None) -> Weights:
        """Weights of events, one or a million.

        Args:
            pt: A list of jets an event [GeV], as are the following. Jets that are None in all four count as
                not there.
            eta: With its sign or without.
            flavour: Hadron flavour: 5, 4, 0.
            score: What thresholds are on, in the type that it was stored in (float32 of NanoAOD).
            features: Of learned efficiencies, and of these alone: by group and name
                (`LearnedEfficiencies.inputs`).

        Raises:
            InputError: No such lists, lists of other lengths, values that are none, or flavours without
                weights.
        """
        given = read(pt, eta, flavour, score, self._flavours_as)
        columns = self._efficiencies.columns(features, given)
        jets = given.some(~np.isin(given.flavour, self._as_simulated))
        refuse_others(jets, self.flavours, f"{self._efficiencies.where} and the scale factors")
        here = jets.some(inside(jets.abseta, self._abseta))
        counts = {**count(jets, here), **dict.fromkeys((*OWN, *OF_EFFICIENCIES), 0)}
        counts |= {
            "n_jets": len(given),
            "n_missing_jets": given.n_missing,
            AS_SIMULATED: len(given) - len(jets),
        }
        parts = [
            self._of_group(here.some(np.isin(here.flavour, [*group.pt])), columns, group, counts)
            for group in self._groups
        ]
        nominal = np.prod([central for central, _ in parts], axis=0)
        varied: tuple[dict[str, Array], dict[str, Array]] = {}, {}
        for i, (_, found) in enumerate(parts):
            others = np.prod([central for k, (central, _) in enumerate(parts) if k != i], axis=0)
            for name, halves in found.items():
                for half, weight in zip(varied, halves, strict=True):
                    half[name] = weight * others
        return Weights(nominal, *varied, counts)

    def _of_group(
        self, jets: Jets, columns: Columns, group: Group, counts: dict[str, int]
    ) -> tuple[Array, dict[str, tuple[Array, Array]]]:
        """Products over the jets of a group in each event, nominal and up and down by source, (N,) each."""
        factor_pt, beyond_mask = beyond(jets.pt, jets.flavour, group.pt)
        efficiencies, beyond_masks = self._efficiencies.of(jets, columns)
        at = Neighbours(jets.score, list(self.thresholds.values()), list(self.thresholds))
        efficiency = at(efficiencies[CENTRAL])

        def factors_of(systematic: str) -> Array:
            def of_point(point: str, rows: Array) -> Array:
                where = {"flavor": jets.flavour[rows], "abseta": jets.abseta[rows], "pt": factor_pt[rows]}
                return group.correction(systematic=systematic, working_point=point, **where)

            return at(of_point)

        central = factors_of(CENTRAL)

        def weights(factors: Array, efficiency: Array) -> Array:
            passed, failed = efficiency
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = (factors[0] * passed - factors[1] * failed) / (passed - failed)
            # The efficiency of a jet that passes all points drops out.
            return np.where(at.passes_all, factors[0], np.where(passed <= failed, 1.0, ratio))

        def varied(systematic: str) -> Array:
            factors = shifted(central, factors_of(systematic), beyond_mask, self._beyond_pt)
            return weights(factors, efficiency)

        nominal = weights(central, efficiency)
        by_source = {source: tuple(map(varied, halves)) for source, halves in group.sources.items()}
        if group.efficiency:
            ends = (weights(central, at(efficiencies[end])) for end in (UP, DOWN))
            by_source[group.efficiency] = tuple(ends)
        negative = np.any([nominal < 0, *(half < 0 for of in by_source.values() for half in of)], axis=0)
        impossible = efficiency[0] <= efficiency[1]
        masks = dict(zip(OWN, (beyond_mask, impossible, negative), strict=True))
        for name, mask in (masks | beyond_masks).items():
            counts[name] += int(mask.sum())
        products = {name: (jets.product(up), jets.product(down)) for name, (up, down) in by_source.items()}
        return jets.product(nominal), products


class Neighbours:
    """Of each jet the tightest point that it passes and the loosest that it fails: no others matter.

    Attributes:
        passes_all: True for jets that pass all points, (n,).
    """

    def __init__(self, score: Array, thresholds: Sequence[float], points: Sequence[str]) -> None:
        """Scores of jets, (n,); thresholds in rising order, and their names."""
        n_passed = np.sum([passes(score, threshold) for threshold in thresholds], axis=0)
        self.passes_all = n_passed == len(thresholds)
        self._parts = []
        for i, point in enumerate(points):
            above, below = (np.flatnonzero(n_passed == n) for n in (i + 1, i))
            self._parts.append((point, np.concatenate([above, below]), len(above)))

    def __call__(self, at: At) -> Array:
        """What it has at both points, (2, n): 1 before the loosest, 0 beyond the tightest."""
        passed, failed = np.ones(len(self.passes_all)), np.zeros(len(self.passes_all))
        for point, rows, n_above in self._parts:
            found = at(point, rows)
            passed[rows[:n_above]] = found[:n_above]
            failed[rows[n_above:]] = found[n_above:]
        return np.stack([passed, failed])
