"""What the report shows of features: warnings, shifts, and a table of each group."""

from collections.abc import Collection, Sequence

from jetsmith.report.tables import Row, Table
from jetsmith.texts import count, interval, minus

MAX_SHIFTS = 20  # rows of a table, the largest first
KINDS = {
    "constant": ("constant", "bad"),
    "not_finite": ("not finite", "bad"),
    "missing": ("missing", "warn"),
    "ambiguous": ("default is a value", "warn"),
    "copy": ("copy", "warn"),
    "empty": ("empty", "bad"),
    "absent": ("not in the files", "bad"),
}
"""What a warning is called, and its grade."""


def described(figures: Sequence[Table], stand_ins: Collection[str] = ()) -> list[Row]:
    """One table a group of a sample: its features, and warnings; `stand_ins` are marked, `group.feature`."""
    return [
        {
            "title": _title(figure),
            "n_features": len(figure["features"]),
            "warnings": [
                {
                    "feature": found["feature"],
                    "of": f"{figure['group']}, {figure['sample']}",
                    "where": found["where"] or "everywhere",
                    "kind": KINDS[found["kind"]][0],
                    "grade": KINDS[found["kind"]][1],
                    "text": found["text"].replace("`", ""),
                }
                for found in figure["warnings"]
            ],
            "rows": [
                _feature(feature) | {"is_stand_in": f"{figure['group']}.{feature['feature']}" in stand_ins}
                for feature in figure["features"]
            ],
        }
        for figure in figures
    ]


def _title(figure: Table) -> str:
    return f"{figure['group']} ({figure['sample']})"


def _feature(feature: Table) -> Row:
    found = feature["all"]
    shares = sorted(feature["replaced"].values())
    missing = (
        "0"
        if not shares or not shares[-1]
        else " to ".join(dict.fromkeys(map(_share, (shares[0], shares[-1]))))
    )
    return {
        "feature": feature["feature"],
        "source": feature["source"],
        "missing": missing,
        "default": _number(feature["default"]),
        "equal": _share(feature["equal"]) if feature["equal"] else "0",
        "bad": _share(found["bad"]) if found["bad"] else "0",
        "n_distinct": "many" if feature["n_distinct"] is None else count(feature["n_distinct"]),
        **{key: _number(found[key]) for key in ("low", "mean", "deviation", "high")},
    }


def _number(value: float | None) -> str:
    return "–" if value is None else minus(f"{value:.4g}")


def _share(fraction: float) -> str:
    return f"{100 * fraction:.3g}%"


def shifts(figures: Sequence[Table]) -> list[Row]:
    """One table a group of a sample: comparisons that are flagged, the largest distances first."""
    return [_shifts(figure) for figure in figures if figure["comparisons"]]


def _shifts(figure: Table) -> Row:
    flagged = sorted(
        (found for found in figure["comparisons"] if found["flagged"]), key=lambda found: -found["distance"]
    )
    return {
        "title": _title(figure),
        "n_compared": count(len(figure["comparisons"])),
        "n_flagged": count(len(flagged)),
        "criterion": figure["criterion"],
        "n_more": len(flagged) - MAX_SHIFTS if len(flagged) > MAX_SHIFTS else 0,
        "rows": [
            {
                "feature": found["feature"],
                "of_class": found["label"],
                "first": found["first"],
                "second": found["second"],
                "distance": interval(
                    found["distance"], found["distance"] - found["error"], found["distance"] + found["error"]
                ),
                "null": f"{found['null']:.2g}",
                "p": f"{found['p_corrected']:.1g}" if found["p_corrected"] >= 1e-12 else "< 1e−12",
            }
            for found in flagged[:MAX_SHIFTS]
        ],
    }
