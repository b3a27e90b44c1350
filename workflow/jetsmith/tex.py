"""Labels of the configuration as matplotlib shows them, and whether it can.

Whether it can is known at the parse, which every job does: so what physicists write most is taken by a rule
of thumb, and the parser of matplotlib, whose import takes as long as all else, sees the rest, each once.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

_GREEK = (
    "alpha beta gamma delta epsilon eta theta lambda mu nu pi rho sigma tau phi chi psi omega "
    "Gamma Delta Theta Lambda Sigma Phi Omega to ell"
)
_SYMBOL = rf"[A-Za-z0-9]|\\(?:{'|'.join(_GREEK.split())})(?![A-Za-z])"
_ACCENT = r"\\(?:bar|hat|vec|tilde|mathrm|mathbf)\{[A-Za-z0-9]+\}"
_SCRIPT = rf"(?:[A-Za-z0-9]|\{{(?:{_SYMBOL})(?:{_SYMBOL}|[ ,+-])*\}})"
_NUCLEUS = rf"(?:{_SYMBOL}|{_ACCENT}|[|()/])(?:_{_SCRIPT})?(?:\^{_SCRIPT})?"
EVIDENT = re.compile(rf"{_NUCLEUS}(?:{_NUCLEUS}|\\? |[,.=+<>-])*")


def plain(text: str) -> str:
    """Text that matplotlib shows as it is: no dollar sign starts mathematics."""
    return text.replace("$", r"\$")


def tex(label: str) -> str:
    """A label of config for matplotlib: words stay text, from the first TeX command on it is mathematics.

    `light` stays; `not H\\to b\\bar{b}` becomes `not $H\\to\\ b\\bar{b}$`. A label without TeX commands
    is taken literally, dollars included, unless it marks its own mathematics with two of them.
    """
    if label.count("$") >= 2:
        return label
    if not re.search(r"\\[a-zA-Z]", label):
        return plain(label)
    words = label.split(" ")
    first = next(k for k, word in enumerate(words) if "\\" in word)
    return " ".join([*words[:first], "$" + r"\ ".join(words[first:]) + "$"])


def unreadable(labels: Iterable[tuple[str, str]], accepted: Path | None = None) -> Iterator[str]:
    """What matplotlib cannot show.

    Args:
        labels: Key and label.
        accepted: File of the formulas that matplotlib took before; none where nothing is remembered.

    Yields:
        Key and what is wrong with its label.
    """
    known = _remembered(accepted)
    before = len(known)
    for key, label in labels:
        parts = re.split(r"(?<!\\)\$", tex(label))
        if len(parts) % 2 == 0:
            yield f"{key}: `{label}` has a `$` too many; formulas stand between two"
            continue
        for formula in parts[1::2]:
            if EVIDENT.fullmatch(formula) or formula in known:
                continue
            if problem := parse_error(formula):
                yield f"{key}: matplotlib cannot read `{formula}` in `{label}`: {problem}"
            else:
                known.add(formula)
    if accepted is not None and len(known) > before:
        _remember(accepted, known)


@cache
def parse_error(formula: str) -> str:
    """What matplotlib says of a formula that it cannot read; empty where it can."""
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(f"${formula}$")
    except ValueError as error:
        said = str(error).strip().splitlines()[-1].partition("  (at char")[0]
        return said.partition(": ")[2][:120] or said[:120]
    return ""


def _remembered(path: Path | None) -> set[str]:
    if path is not None:
        with suppress(OSError, ValueError, TypeError):
            return set(json.loads(path.read_text()))
    return set()


def _remember(path: Path, known: set[str]) -> None:
    with suppress(OSError):  # it only saves time
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(sorted(known)))
        temporary.replace(path)
