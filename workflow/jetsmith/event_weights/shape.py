"""Weights that correct the shape of a discriminant: CMS' method 1d, a product of scale factors."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jetsmith.errors import InputError
from jetsmith.event_weights.corrections import Ends, beyond, corrections_of, inside, pick
from jetsmith.event_weights.jets import count, read, refuse_others
from jetsmith.event_weights.points import CENTRAL, named_year, ranges
from jetsmith.event_weights.weights import Array, Weights, shifted

AXES = ("systematic", "flavor", "abseta", "pt", "discriminant")


class Shape:
    """Weights that give the discriminant of simulated jets the shape of data.

    An event has the product of the scale factors of its jets. A source varies the flavours that the file has
    it for (hf, lf, hfstats1 to lfstats2: b and light; cferr1, cferr2: c), and leaves others central;
    statistical ones (`…stats…`) are independent from year to year.

    The sum of weights over events before any cut on tags is not conserved: BTV asks for a ratio in the number
    of jets that restores it, which an analysis takes from its own events.

    Attributes:
        flavours: Those that there are weights for.
        sources: Names of the variations.
    """

    def __init__(
        self,
        scale_factors: str | Path,
        tagger: str,
        year: str,
        *,
        flavours_as: Mapping[int, int] | None = None,
        beyond_pt: float = 2.0,
    ) -> None:
        """Read the file, and check that it serves.

        Args:
            scale_factors: File with `<tagger>_shape`.
            tagger: Its name there.
            year: Ends the names of what is independent from year to year.
            flavours_as: Flavours to be taken for others, such as {15: 0}.
            beyond_pt: Factor on the variations beyond the range of pt; 2 as CMSSW's BTagCalibrationReader.

        Raises:
            InputError: The file is not what it has to be, or lacks half of a source for some flavour.
        """
        self._made = partial(
            type(self), scale_factors, tagger, year, flavours_as=flavours_as, beyond_pt=beyond_pt
        )
        year = named_year(year)
        self._correction = pick(corrections_of(scale_factors), scale_factors, f"{tagger}_shape", AXES)
        self._systematics = self._correction.keys("systematic")
        sources = [key.removeprefix("up_") for key in self._systematics if key.startswith("up_")]
        halves = {s: (f"up_{s}", f"down_{s}") for s in sources if not s.startswith("jes")}
        used = [CENTRAL, *(half for both in halves.values() for half in both)]
        self._correction.check("systematic", used)
        self._sources = {
            f"btag_{s}_{year}" if "stats" in s else f"btag_{s}": both for s, both in halves.items()
        }
        self.flavours = tuple(sorted(ranges(self._correction, [{"systematic": CENTRAL}])))
        self.sources = tuple(self._sources)
        self._together: dict[tuple[int, ...], list[str]] = {}
        for source, both in self._sources.items():
            up, down = (sorted(self._correction.keys("flavor", systematic=half)) for half in both)
            if up != down:
                raise InputError(
                    f"{self._correction.where}: {both[0]} is for flavor {up}, {both[1]} for {down}"
                )
            self._together.setdefault(tuple(up), []).append(source)
        self._abseta = [self._correction.ends("abseta")]
        self._pt, self._score = (self._ends(axis) for axis in ("pt", "discriminant"))
        self._flavours_as, self._beyond_pt = dict(flavours_as or {}), beyond_pt

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what it was made of: who unpickles it reads the file."""
        return self._made, ()

    def __call__(self, pt: Any, eta: Any, flavour: Any, score: Any, jes: str | None = None) -> Weights:
        """Weights of events, one or a million.

        Args:
            pt: A list of jets an event [GeV], as are the following. Jets that are None in all four count as
                not there.
            eta: With its sign or without.
            flavour: Hadron flavour: 5, 4, 0.
            score: The discriminant; beyond its range it is taken for the nearest end, -inf too.
            jes: For jets with a shifted energy the scale factors that belong to the shift, such as up_jes;
                these are the nominal ones then, and there are no variations.

        Raises:
            InputError: No such lists, lists of other lengths, values that are none, or flavours without
                weights.
        """
        if jes is not None:
            self._check_jes(jes)
        jets = read(pt, eta, flavour, score, self._flavours_as)
        refuse_others(jets, self.flavours, self._correction.where)
        here = jets.some(inside(jets.abseta, self._abseta))
        pt, beyond_mask = beyond(here.pt, here.flavour, self._pt)
        discriminant, beyond_score = beyond(here.score, here.flavour, self._score)
        axes = {"flavor": here.flavour, "abseta": here.abseta, "pt": pt, "discriminant": discriminant}
        central = self._correction(systematic=CENTRAL, **axes)
        if jes is not None:
            mask = np.isin(here.flavour, self._correction.keys("flavor", systematic=jes))
            central[mask] = self._correction(systematic=jes, **_some(axes, mask))
        negative = central < 0
        varied: tuple[dict[str, Array], dict[str, Array]] = {}, {}
        for flavours, sources in self._together.items() if jes is None else ():
            mask = np.isin(here.flavour, flavours)
            those, of_those, nominal = here.some(mask), _some(axes, mask), central[mask]
            others = here.some(~mask).product(central[~mask])
            for source in sources:
                for half, systematic in zip(varied, self._sources[source], strict=True):
                    found = self._correction(systematic=systematic, **of_those)
                    found = shifted(nominal, found, beyond_mask[mask], self._beyond_pt)
                    negative[mask] |= found < 0
                    half[source] = those.product(found) * others
        counts = {
            **count(jets, here),
            "n_pt_beyond_scale_factors": int(beyond_mask.sum()),
            "n_score_beyond_scale_factors": int(beyond_score.sum()),
            "n_negative": int(negative.sum()),
        }
        return Weights(here.product(central), *varied, counts)

    def _ends(self, axis: str) -> dict[int, Ends]:
        """Range of an axis by flavour, in which all systematics have values."""
        found: dict[int, Ends] = {}
        for systematic in self._systematics:
            for flavour, (low, high) in ranges(self._correction, [{"systematic": systematic}], axis).items():
                lowest, highest = found.get(flavour, (-np.inf, np.inf))
                found[flavour] = max(low, lowest), min(high, highest)
        return found

    def _check_jes(self, jes: str) -> None:
        there = [key for key in self._systematics if key.startswith(("up_jes", "down_jes"))]
        if jes not in there:
            raise InputError(f"{self._correction.where}: has no {jes}; jes: {', '.join(there) or 'none'}")


def _some(axes: Mapping[str, Array], mask: Array) -> dict[str, Array]:
    return {name: values[mask] for name, values in axes.items()}
