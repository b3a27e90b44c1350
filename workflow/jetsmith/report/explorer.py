"""What readers choose themselves: ROC curves by classes, range of pt and tagger, as its script reads them."""

import base64
import gzip
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jetsmith.colors import Look, look
from jetsmith.report.tables import Row, Table, read, whole
from jetsmith.texts import count, interval, label_text, share, split_text

ROUNDED = 0.999  # marks stand on the curve, whose numbers have a few digits
N_DIGITS = 4  # of a curve: a pixel is a hundredth of a decade


def explorer(rocs: Sequence[Table]) -> list[Row]:
    """One entry a figure of ROC curves: its classes, and curves of all jets and of those in each range of pt.

    Args:
        rocs: Contents of the figures' JSON files.
    """
    return [_contrast(roc) for roc in rocs if roc["curves"]]


@cache
def library() -> str:
    """plotly.js, compressed (gzip) and in base64: the page needs nothing beside it."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def _contrast(roc: Table) -> Row:
    looks = {curve["tagger"]: look(k) for k, curve in enumerate(roc["curves"])}
    signal, background = (label_text(roc[key]["label"]) for key in ("signal", "background"))
    folds = split_text(roc["curves"][0]["folds"])
    return {
        "title": f"{roc['sample']}: {signal} against {background}",
        "signal": signal,
        "background": background,
        "mistags": [share(reading["mistag"]) for reading in roc["curves"][0]["readings"]],
        "ranges": [
            _range("all", roc["curves"], looks, folds),
            *(
                _range(f"{one['low_gev']:g} to {one['high_gev']:g} GeV", one["curves"], looks, folds)
                for one in roc["ranges"]
            ),
        ],
    }


def _range(label: str, curves: Sequence[Table], looks: Mapping[str, Look], folds: str) -> Row:
    """Curves in the order of the figure; `order` has their places by falling area, the best first."""
    n_signal, n_background = (max(curve[key] for curve in curves) for key in ("n_signal", "n_background"))
    return {
        "label": label,
        "jets": f"{count(n_signal)} and {count(n_background)} jets, {folds}",
        "curves": [_curve(curve, looks[curve["tagger"]]) for curve in curves],
        "order": sorted(range(len(curves)), key=lambda k: -curves[k]["auc"]["value"]),
    }


def _curve(curve: Table, look: Look) -> Row:
    return {
        "tagger": curve["tagger"],
        "title": curve["title"],
        **look._asdict(),
        "auc": whole(curve["auc"]),
        "readings": [read(reading) for reading in curve["readings"]],
        "points": [
            _point(point)
            for point in curve["working_points"]
            if point["mistag"]["value"] >= ROUNDED * curve["mistag"][0]
        ],
        **{
            name: [float(f"{value:.{N_DIGITS}g}") for value in curve[key]]
            for name, key in (
                ("x", "signal_efficiency"),
                ("y", "mistag"),
                ("low", "mistag_low"),
                ("high", "mistag_high"),
            )
        },
    }


def _point(point: Mapping[str, Any]) -> Row:
    efficiency, mistag = (
        interval(found["value"], found["low"], found["high"], percent=True)
        for found in (point["signal_efficiency"], point["mistag"])
    )
    return {
        "name": point["name"],
        "x": point["signal_efficiency"]["value"],
        "y": point["mistag"]["value"],
        "efficiency": " ".join(filter(None, efficiency.values())),
        "mistag": " ".join(filter(None, mistag.values())),
    }
