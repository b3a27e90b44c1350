"""What of each class passes working points, on jets that have fixed none of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from jetsmith.calibration.axes import Axis, places
from jetsmith.calibration.maps import EfficiencyMap, efficiency_map, shared_bins
from jetsmith.calibration.smooth import lines
from jetsmith.errors import InputError
from jetsmith.io import BoolArray
from jetsmith.metrics import efficiency
from jetsmith.scored import ScoredJets, as_coded, meaning_of
from jetsmith.specs.classifiers import JudgedClass
from jetsmith.specs.run import EfficienciesSpec

Chooses = Callable[[ScoredJets], BoolArray]  # which jets pass, shape (N,)
Maps = dict[tuple[str, int], EfficiencyMap]  # by working point and flavor code


@dataclass(frozen=True)
class Passing:
    """Jets of the split test by class.

    Attributes:
        jets: By name of the class, by truth.
        coded_jets: The same, as the codes of correction files mean them (`scored.as_coded`).
        of_other_truth: How many of these are not of the class by truth.
        classes: Each once; codes differ.
        axes: Of the efficiencies.
        settings: Effective jets that a bin takes, and whether efficiencies are lines in pt.
    """

    jets: Mapping[str, ScoredJets]
    coded_jets: Mapping[str, ScoredJets]
    of_other_truth: Mapping[str, int]
    classes: Sequence[JudgedClass]
    axes: Sequence[Axis]
    settings: EfficienciesSpec

    @classmethod
    def of(
        cls,
        test: ScoredJets,
        classes: Sequence[JudgedClass],
        axes: Sequence[Axis],
        settings: EfficienciesSpec,
    ) -> Self:
        """Of all jets of the split test, with the columns that `scored.columns_of_codes` names."""
        coded = as_coded(test, classes)
        by_truth, by_code = ({c.name: jets.of(c) for c in classes} for jets in (test, coded))
        others = {c.name: int((coded.chosen & coded.of_class(c) & ~test.of_class(c)).sum()) for c in classes}
        return cls(by_truth, by_code, others, classes, axes, settings)

    @cached_property
    def counted(self) -> dict[int, dict[str, Any]]:
        """By code what it means, `by`, how many jets have it, and how many of them are of other truth."""
        found = {}
        for code, entry in self.coded.items():
            jets = self.coded_jets[entry.name]
            found[code] = {
                "by": meaning_of(entry, jets.columns),
                "n_jets": len(jets),
                "n_of_other_truth": self.of_other_truth[entry.name],
            }
        return found

    @cached_property
    def coded(self) -> dict[int, JudgedClass]:
        """Classes with a flavor code."""
        return {c.flavor: c for c in self.classes if c.flavor is not None}

    @cached_property
    def lacking(self) -> list[JudgedClass]:
        """Those of them without jets of positive summed weight."""
        return [c for c in self.coded.values() if not self.coded_jets[c.name].weight.sum() > 0]

    def maps(self, cuts: Mapping[str, Chooses]) -> Maps:
        """Efficiencies of all classes that have a code and jets.

        Raises:
            InputError: There is none, or jets are outside the bins.
        """
        found = {}
        for flavor, entry in self.coded.items():
            if entry in self.lacking:
                continue
            of_class = self.coded_jets[entry.name]
            try:
                place = places(of_class, self.axes)
            except InputError as error:
                raise InputError(f"split test, class {entry.name}: {error}") from error
            for name, chooses in cuts.items():
                given = of_class.weight, place, chooses(of_class), self.axes
                of_point = efficiency_map(*given, self.settings.min_effective)
                if self.settings.smooth:
                    of_point = replace(of_point, lines=lines(self.axes[1].of(of_class), of_point, *given))
                found[name, flavor] = of_point
        if cuts and not found:
            raise InputError("split test has no jets of a class with a `flavor` code")
        return found

    def inclusive(self, chooses: Chooses) -> dict[str, Any]:
        """Efficiency of each class, by truth, with its interval; None where there is no number."""
        by_class = {name: asdict(efficiency(chooses(of), of.weight)) for name, of in self.jets.items()}
        return {
            name: {key: value if np.isfinite(value) else None for key, value in entry.items()}
            for name, entry in by_class.items()
        }

    def few_jets(self, maps: Maps) -> dict[str, Any]:
        """`counted`, `flavors_without_jets`, `bins_without_jets`, and `bins_that_share` jets in pt."""
        by_flavor = {flavor: found for (_, flavor), found in maps.items()}  # the same at all working points
        names = [f"{axis.name}_bin" for axis in self.axes]

        def at(flavor: int, place: Sequence[int]) -> dict[str, int]:
            return {"flavor": flavor, **{name: int(k) for name, k in zip(names, place, strict=True)}}

        return {
            "counted": {str(code): about for code, about in self.counted.items()},
            "flavors_without_jets": [entry.flavor for entry in self.lacking],
            "bins_without_jets": [
                at(flavor, place)
                for flavor, found in sorted(by_flavor.items())
                for place in np.argwhere(~found.filled_mask).tolist()
            ],
            "bins_that_share": [
                {**at(flavor, place), "last_pt_bin": last}
                for flavor, found in sorted(by_flavor.items())
                for place, last in shared_bins(found)
            ],
        }
