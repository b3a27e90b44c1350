"""Numbers, labels and splits as text, for captions, legends and tables."""

import math
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from jetsmith.columns import BY_TRUTH, HADRON_FLAVOUR

if TYPE_CHECKING:
    from jetsmith.metrics import Interval

SYMMETRIC = 1.25  # errors whose ratio is below this are quoted as ±
FLOAT32 = 2.0**-23  # relative: no score in float32 tells less apart


def interval(
    value: float | None, low: float | None, high: float | None, percent: bool = False
) -> dict[str, str]:
    """A number and its errors to two digits of the larger one: `text`, and `up`, `down` where they differ.

    Args:
        value: The number; None for none.
        low: Lower end of its interval.
        high: Upper end.
        percent: Say it in per cent (the sign is left to the table).
    """
    if value is None or low is None or high is None:
        return {"text": "–", "up": "", "down": ""}
    scale = 100.0 if percent else 1.0
    value, down, up = value * scale, max(value - low, 0.0) * scale, max(high - value, 0.0) * scale
    largest = max(up, down)
    if largest <= FLOAT32 * abs(value):  # as between two floats, at a score that many jets have
        largest = 0.0
    places = max(0, 1 - math.floor(math.log10(largest))) if largest > 0 else 4
    text = minus(f"{value:.{places}f}")
    if largest <= 0:
        return {"text": text, "up": "", "down": ""}
    if largest <= SYMMETRIC * min(up, down):
        return {"text": f"{text} ± {(up + down) / 2:.{places}f}", "up": "", "down": ""}
    return {"text": text, "up": f"+{up:.{places}f}", "down": f"−{down:.{places}f}"}


def interval_text(found: "Interval") -> str:
    """The same in a line: `0.507 ± 0.009`, or `0.511 +0.005 −0.006`."""
    return " ".join(filter(None, interval(found.value, found.low, found.high).values()))


def minus(text: str) -> str:
    """A true minus sign in front of negative numbers."""
    return text.replace("-", "−")


def point_text(point: Mapping[str, float]) -> str:
    """Values of parameters: `scale = 0.5, kappa = −1`."""
    return ", ".join(f"{name} = {minus(f'{value:g}')}" for name, value in point.items())


def count(value: float | None) -> str:
    """A whole number with separators; a dash for none."""
    return "–" if value is None else minus(f"{value:,.0f}")


def share(fraction: float) -> str:
    """A fraction in per cent, without zeros that say nothing."""
    return f"{100 * fraction:g}%"


def shift_text(shift: Mapping[str, Any]) -> str:
    """Which inputs a shift moves, and how: `energies up: ak4.jet_pt × 1.02 (97% of its values)`."""
    texts = [
        f"{one['name']} × {one['scale']:g}"
        + (f" {'+' if one['offset'] > 0 else '−'} {abs(one['offset']):g}" if one["offset"] else "")
        + f" ({share(round(one['share'], 3))} of its values)"
        for one in shift["inputs"]
    ]
    return f"{shift['name']}: {', '.join(texts) or 'nothing'}"


def label_text(label: str) -> str:
    """A TeX label as plain text: `H\\to b\\bar{b}` becomes `H→bb̄`."""
    text = re.sub(r"\\bar\{(\w)\}", "\\1\u0304", label)
    for command, sign in ((r"\to", "→"), (r"\tau", "τ"), (r"\mu", "μ"), (r"\ell", "ℓ"), (r"\ ", " ")):
        text = text.replace(command, sign)
    text = re.sub(r"\\[a-zA-Z]+", "", text)
    return re.sub(r"\s*→\s*", "→", re.sub(r"[{}$]", "", text)).strip()


def code_by(meaning: str) -> str:
    """What the code of a class means, behind its name; nothing where results of before do not say it."""
    return {HADRON_FLAVOUR: " (hadron flavour)", BY_TRUTH: " (by truth)"}.get(meaning, "")


def doubts_of(numbers: Mapping[str, Any]) -> dict[str, str]:
    """Marks of working points in a numbers file of calibrate; none of those that many jets fix."""
    marks = {name: str(point.get("doubt", "")) for name, point in numbers["working_points"].items()}
    return {name: mark for name, mark in marks.items() if mark}


def not_reliable(points: Collection[str]) -> str:
    """What descriptions of files say of working points that few jets or ties fix; empty where none are."""
    said = f"; not reliable, for lack of jets or for ties at the threshold: {', '.join(points)}"
    return said if points else ""


def doubts_text(doubts: Mapping[str, str]) -> str:
    """What captions say of them, by name with their marks; empty where no point has one."""
    found = [f"{name} ({doubt})" for name, doubt in doubts.items() if doubt]
    return f" Working points that few jets or ties fix: {', '.join(found)}." if found else ""


def split_text(folds: int) -> str:
    """How the jets that are shown were kept apart from the training."""
    return f"{folds}-fold cross-validation, out-of-fold" if folds else "test split"
