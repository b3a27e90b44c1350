"""Efficiencies in simulation behind one face: those of bins, and those that a network has learned."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jetsmith.errors import InputError
from jetsmith.event_weights.corrections import Correction, Ends, beyond, corrections_of, pick
from jetsmith.event_weights.jets import Jets
from jetsmith.event_weights.learned import LearnedEfficiencies, columns_of
from jetsmith.event_weights.points import CENTRAL, only_efficiency, ranges, thresholds_in
from jetsmith.event_weights.weights import Array

UP, DOWN = "up", "down"
AXES = ("working_point", "flavor", "abseta", "pt")
Columns = Mapping[str, Mapping[str, Any]]
"""Features of all jets that were given, by group and name."""
At = Callable[[str, Array], Array]
"""Efficiencies at a point of the jets in some rows."""


class Efficiencies(Protocol):
    """What fixed working points need of them.

    Attributes:
        where: For messages.
        named: Where thresholds would be.
        flavours: Those that there are efficiencies of.
        abseta: Range of |eta| that they are for.
        thresholds: By a name for messages, those of the working points; empty where none are said.
    """

    where: str
    named: str
    flavours: frozenset[int]
    abseta: Ends
    thresholds: Mapping[str, Mapping[str, float]]

    def columns(self, features: Any, jets: Jets) -> Columns:
        """What `of` reads of features, which are given as those of jets are; an InputError if they misfit."""
        ...

    def of(self, jets: Jets, columns: Columns) -> tuple[dict[str, At], dict[str, Array]]:
        """Their efficiencies, and by count which jets lie beyond what these are of.

        `central`, and where errors were asked for also `up` and `down`, the ends of statistical intervals.
        """
        ...


class Binned:
    """Those of a file of correctionlib, by flavour, |eta| and pt, which beyond its range is at its end."""

    def __init__(self, path: str | Path, name: str | None, points: Sequence[str], errors: bool) -> None:
        """Of `<name>_eff`, with `errors` also `<name>_eff_low` and `_high`; as of `FixedWorkingPoints`."""
        maps = corrections_of(path)
        name = name or only_efficiency(maps, path)
        names = {CENTRAL: f"{name}_eff"}
        if errors:
            names |= {UP: f"{name}_eff_high", DOWN: f"{name}_eff_low"}
        self._maps = {end: pick(maps, path, one, AXES) for end, one in names.items()}
        for one in self._maps.values():
            one.check("working_point", points)
        self._map: Correction = self._maps[CENTRAL]
        self._pt = ranges(self._map, [{"working_point": point} for point in points])
        self.where, self.named = self._map.where, f"{name}_wp_values"
        self.abseta: Ends = self._map.ends("abseta")
        self.flavours = frozenset(self._pt)
        self.thresholds: Mapping[str, Mapping[str, float]] = {}
        if values := maps.get(self.named):
            self.thresholds = {values.where: thresholds_in(values, points)}

    def columns(self, features: Any, jets: Jets) -> Columns:
        """None are read, and so none may be given."""
        if features is not None:
            raise InputError(f"features: {self.where} is in bins of pt and |eta|, and reads no others")
        return {}

    def of(self, jets: Jets, columns: Columns) -> tuple[dict[str, At], dict[str, Array]]:
        """Of bins, at the nearest end of their range."""
        pt, beyond_mask = beyond(jets.pt, jets.flavour, self._pt)

        def of_map(found: Correction) -> At:
            return lambda point, rows: found(
                working_point=point, flavor=jets.flavour[rows], abseta=jets.abseta[rows], pt=pt[rows]
            )

        by_end = {end: of_map(found) for end, found in self._maps.items()}
        return by_end, {"n_pt_beyond_efficiencies": beyond_mask}


class Learned:
    """Those of a network, by its features, which beyond what was learned from are at its end."""

    def __init__(self, learned: LearnedEfficiencies, points: Sequence[str], errors: bool) -> None:
        """Of a file that has all of the points."""
        self._learned, self._signs = learned, {CENTRAL: 0} | ({UP: 1, DOWN: -1} if errors else {})
        self.where = self.named = f"learned efficiencies {learned.about['learned']}"
        self.abseta: Ends = (-np.inf, np.inf)
        self.flavours = frozenset(learned.flavours)
        if lacking := [point for point in points if point not in learned.thresholds]:
            raise InputError(
                f"{self.where}: has no working_point {', '.join(lacking)}; it has "
                f"{', '.join(learned.thresholds)}"
            )
        self.thresholds: Mapping[str, Mapping[str, float]] = {
            self.where: {point: learned.thresholds[point] for point in points}
        }

    def columns(self, features: Any, jets: Jets) -> Columns:
        """Those that the network wants, lists of the same lengths as those of pt."""
        if features is None:
            wanted = ", ".join(f"{group}.{name}" for group, of in self._learned.inputs.items() for name in of)
            raise InputError(f"features: {self.where} needs {wanted}; give them by group and name")
        return columns_of(self._learned.inputs, features, jets.lengths, "pt")

    def of(self, jets: Jets, columns: Columns) -> tuple[dict[str, At], dict[str, Array]]:
        """Of the jets with these features."""
        given = {
            group: {name: column[jets.row] for name, column in of.items()} for group, of in columns.items()
        }
        found = self._learned(jets.flavour, given)

        def moved(sign: int) -> At:
            return lambda point, rows: np.clip(
                np.asarray(found.efficiency[point])[rows] + sign * np.asarray(found.error[point])[rows], 0, 1
            )

        by_end = {end: moved(sign) for end, sign in self._signs.items()}
        return by_end, {"n_features_beyond_efficiencies": np.asarray(found.beyond)}
