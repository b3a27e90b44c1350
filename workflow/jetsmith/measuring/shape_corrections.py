"""Corrections of a shape as correctionlib, schema 2, with names, inputs and order of CMS' BTV group.

`<judgement>_shape`: `systematic`, `flavor`, `abseta`, `pt`, `discriminant` -> weight. `central` has all
flavours; `jes`, `lf`, `hf` and the statistical ones b and light jets, `cferr1` and `cferr2` c jets.
"""

from collections.abc import Sequence
from typing import Any

from correctionlib import schemav2

from jetsmith.correction_nodes import binning, category
from jetsmith.handed.shape import Shape, ShapeRow
from jetsmith.measuring.shape_jets import FLAVORS
from jetsmith.texts import not_reliable

NOT_TAGGED = 15.0  # below the first edge: how far the bin of jets that are not tagged goes, as BTV has it
ORDER = ("jes", "lf", "lfstats1", "lfstats2", "hf", "hfstats1", "hfstats2", "cferr1", "cferr2")


def correction(found: Shape) -> dict[str, Any]:
    """The file as JSON has it."""
    name = f"{found.judgement}_shape"
    of = dict(zip(FLAVORS, (found.heavy, found.light, found.charm), strict=True))
    region = dict(zip(FLAVORS, (0, 1, 0), strict=True))

    def bins(flavor: int, systematic: str) -> Any:
        k, rows = region[flavor], of[flavor]
        values = [row.value if systematic == "central" else row.shifts[systematic] for row in rows]
        n_pt = len(found.pt_edges_gev[k]) - 1
        first = found.discriminant_edges[k][0]
        edges = (first - NOT_TAGGED, *found.discriminant_edges[k])
        by_bin = [binning("discriminant", edges, one, clamps=True) for one in values]
        by_pt = [
            binning("pt", found.pt_edges_gev[k], by_bin[n : n + n_pt], clamps=True)
            for n in range(0, len(by_bin), n_pt)
        ]
        return binning("abseta", found.abseta_edges[k], by_pt, clamps=False)

    def flavors(systematic: str) -> Any:
        there = {
            flavor: bins(flavor, systematic)
            for flavor in sorted(of)
            if systematic == "central" or _has(of[flavor], systematic)
        }
        return category("flavor", there)

    ends = [f"{end}_{source}" for source in ORDER for end in ("up", "down")]
    systematics = ["central", *(s for s in ends if any(_has(rows, s) for rows in of.values()))]
    data, over = (" and ".join(dict.fromkeys(pair)) for pair in (found.data, found.simulation))
    kind = "pseudo-data, NOT for data," if found.is_pseudo else "data"
    said = f"Shape of the discriminant of {found.judgement}, {kind} of {data} over simulation {over}"
    if found.failed:
        said += f"; FAILED, found is not what is true: {', '.join(found.failed)}"
    if found.doubts:
        said += f"; working points of tags{not_reliable(found.doubts).removeprefix(';')}"
    whole = schemav2.CorrectionSet(
        schema_version=2,
        description=said,
        corrections=[
            schemav2.Correction(
                name=name,
                description=f"{said}. Numbers of jets of a flavour in a bin of pt and |eta| of their region "
                "are conserved. c jets have 1: nothing is measured of them",
                version=1,
                inputs=[
                    schemav2.Variable(name="systematic", type="string", description=", ".join(systematics)),
                    schemav2.Variable(
                        name="flavor", type="int", description="hadron flavour: 5 b, 4 c, 0 light"
                    ),
                    schemav2.Variable(name="abseta", type="real", description="|eta| of the jet"),
                    schemav2.Variable(name="pt", type="real", description="pt of the jet [GeV]"),
                    schemav2.Variable(
                        name="discriminant",
                        type="real",
                        description=f"{found.judgement}; below the first edge but one: not tagged",
                    ),
                ],
                output=schemav2.Variable(name="weight", type="real", description="data over simulation"),
                data=category("systematic", {systematic: flavors(systematic) for systematic in systematics}),
            )
        ],
    )
    plain: dict[str, Any] = whole.model_dump(mode="json", exclude_unset=True)
    return plain


def _has(rows: Sequence[ShapeRow], systematic: str) -> bool:
    return all(systematic in row.shifts for row in rows)
