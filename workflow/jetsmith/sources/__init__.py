"""Layouts of files, one module each: from the branches of a table to the canonical columns.

A layout is looked up by the name of its module. To add one, write a module with the members of
`Source` and a line into `specs.datasets.LAYOUTS`, before the layouts that it extends.
"""

import importlib
from collections.abc import Collection, Mapping
from typing import Protocol, cast

import awkward as ak

from jetsmith.columns import EVENT_KEY, KEY
from jetsmith.errors import InputError
from jetsmith.handed.account import CutStep
from jetsmith.handed.plan import Untold
from jetsmith.io import IntArray
from jetsmith.sources.content import First, Kind
from jetsmith.sources.partons import variations
from jetsmith.specs.datasets import LAYOUTS, CutsSpec, ReadingSpec

# Without these columns there is nothing to select or to label.
REQUIRED = {
    "ak4": (*KEY, "jet_pt_gev", "jet_eta"),
    "ak8": (*KEY, "jet_pt_gev", "jet_eta"),
    "event": (*EVENT_KEY, "z_pt_gev", "genjet_pt_gev"),
}
# Events of an LHE file have no jets.
PARTONS = (*EVENT_KEY, "lhe_v_pt_gev", "lhe_parton_pt_gev")


class Source(Protocol):
    """What the module of a layout has."""

    def lacks(self, branches: set[str]) -> list[str]:
        """What a table with these branches lacks to be of this layout; empty where it is."""

    def gives(self, branches: set[str], obj: str) -> set[str]:
        """Canonical columns that these branches suffice for, stored scores with them."""

    def branches(self, available: set[str], obj: str) -> list[str]:
        """Branches that `rows` reads, of those that there are."""

    def selecting(self, spec: ReadingSpec) -> set[str]:
        """Branches that decide which rows stay; they are read first (see `trees.Events`)."""

    def kind(self, branches: set[str], first: First) -> Kind:
        """Whether the events of a file are simulated.

        Args:
            branches: Its branches.
            first: Reads the first entry of one of them.
        """

    def weight_branch(self, branches: set[str]) -> str | None:
        """The branch that holds the generator weight; None where there is none."""

    def unable(self, branches: set[str], obj: str, bits: int) -> dict[str, str]:
        """Cuts that `CutsSpec.jet_id` asks for and these branches cannot tell, with what they lack."""

    def instead(self, branches: set[str], obj: str, bits: int) -> dict[str, str]:
        """Columns and cuts that these branches give in another way than most files, with how."""

    def untold(self, branches: set[str], obj: str) -> list[Untold]:
        """Truth ids of simulated rows that these branches cannot tell from others."""

    def identity(self, events: Mapping[str, ak.Array]) -> tuple[IntArray, IntArray, IntArray]:
        """Run, luminosity block and event of every entry: what no two entries may share."""

    def rows(
        self, events: Mapping[str, ak.Array], spec: ReadingSpec, selection: CutsSpec
    ) -> tuple[ak.Array, list[CutStep]]:
        """Canonical columns of the rows that pass, and the cutflow.

        Args:
            events: Arrays by branch name, one entry an event (deepntuples: a jet). A layout calls
                `trees.narrow` once it knows which entries are left, before it asks for more.
            spec: The dataset.
            selection: Cuts on its jets.

        Returns:
            Record array, one row a jet or an event; and the cutflow in order. Its first step,
            `entries`, is everything before cuts.
        """


def load(layout: str) -> Source:
    """The module of a layout.

    Raises:
        InputError: There is no such layout.
    """
    if layout not in LAYOUTS:
        raise InputError(f"unknown layout `{layout}`; choices: {', '.join(LAYOUTS)}")
    return cast(Source, importlib.import_module(f"jetsmith.sources.{layout}"))


def lacking(available: Collection[str], obj: str) -> list[str]:
    """Columns that are missing for rows of an object; empty where there are rows."""
    ways = [REQUIRED[obj], *([PARTONS] if obj == "event" else [])]
    return min(([name for name in way if name not in available] for way in ways), key=len)


def weight_branch(layout: str, branches: set[str], spec: ReadingSpec) -> str | None:
    """The weight that a dataset asks for, by its branch: the generator's, or that of a variation of it."""
    nominal, branch = load(layout).weight_branch(branches), variation_branch(branches, spec)
    if not spec.weight_variation:
        return nominal
    relative = (
        nominal is not None and spec.relative_weight is not None and branch == spec.relative_weight.branch
    )
    return f"{nominal} * {spec.relative_weight}" if relative else branch


def variation_branch(branches: set[str], spec: ReadingSpec) -> str | None:
    """The branch of `weight_variation`: a weight of an LHE file, or a list of factors; None for none."""
    if spec.relative_weight is not None and spec.relative_weight.branch in branches:
        return spec.relative_weight.branch
    return variations(branches).get(spec.weight_variation)


def fitting(trees: Mapping[str, set[str]]) -> dict[str, str]:
    """The first layout that fits each of these tables (branches by path); tables of none are left out."""
    found = {}
    for path, branches in trees.items():
        for layout in LAYOUTS:
            source = load(layout)
            if path in LAYOUTS[layout].tables and not source.lacks(branches):
                found[path] = layout
                break
    return found


def recognise(trees: Mapping[str, set[str]]) -> str | None:
    """The layout of a file with these tables (branches by path), or None where no layout fits."""
    found = fitting(trees).values()
    return min(found, key=list(LAYOUTS).index, default=None)
