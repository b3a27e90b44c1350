"""Documents and docstrings name modules of the package where these are: a wrong map is worse than none."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "workflow" / "jetsmith"
TEXTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "workflow").rglob("*.smk")]
TEXTS += [*PACKAGE.rglob("*.py"), *(ROOT / "workflow").glob("*plugin*/*.py")]


def wrong(text: str) -> Iterator[str]:
    """Names behind `jetsmith.` that no module and no definition has; of a method's its class's counts."""
    for name in re.findall(r"(?:`|-m )jetsmith\.([\w.]*\w)", text):
        place, parts = PACKAGE, name.split(".")
        while parts and (place / parts[0]).is_dir():
            place /= parts.pop(0)
        file = place / f"{parts[0]}.py" if parts else place / "__init__.py"
        if parts and file.is_file():
            parts.pop(0)
        elif parts:
            file = place / "__init__.py"
        if parts and not (file.is_file() and re.search(rf"\b{parts[0]}\b", file.read_text())):
            yield f"jetsmith.{name}"


def test_modules_are_where_texts_say():
    """Protects: whoever follows ARCHITECTURE.md, CONTRIBUTING.md or a docstring finds what it names."""
    found = {str(path.relative_to(ROOT)): list(wrong(path.read_text())) for path in TEXTS}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("`jetsmith.batch.handover.Handover`, `python -m jetsmith.configuration.reference`", []),
        ("`jetsmith.io.write_json` of `jetsmith.io`", []),
        ("`jetsmith.handover.Handover`", ["jetsmith.handover.Handover"]),
        ("`python -m jetsmith.reference`", ["jetsmith.reference"]),
        ("`jetsmith.batch.handover.Handing`", ["jetsmith.batch.handover.Handing"]),
    ],
)
def test_a_wrong_place_is_found(text, names):
    """A module that moved, a name that is gone."""
    assert list(wrong(text)) == names
