"""How pages are written, those of the report and that of a comparison: templates, and figures inside."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from jetsmith.errors import InputError
from jetsmith.io import NUMBERS, atomic_file, json_checksum, read_json, read_png
from jetsmith.report.cards import WHOSE
from jetsmith.report.tables import Row

TEMPLATES = Path(__file__).parent
LINKED = {".pdf": "PDF", ".json": "JSON", ".hist.json": "histograms (uhi)"}
"""What lies beside a figure: its suffix, and what the link is called."""
FURTHER = "Further figures"  # of whom the numbers say no section


def render(template: str, page: Mapping[str, Any], output: str | Path, *folders: Path) -> None:
    """Write a page; what is filled in is text, whatever it holds.

    Args:
        template: Name of a template, of `folders` or of this package, whose parts all may include.
        page: What is filled in.
        output: The page.
        folders: Where further templates lie.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    with atomic_file(output) as temporary:
        temporary.write_text(environment.get_template(template).render(page), encoding="utf-8")


def embedded(path: Path, folder: Path) -> Row:
    """A figure with its picture inside, and links to the files beside it, for the macro `picture`.

    Args:
        path: The PNG.
        folder: Of the page.

    Raises:
        InputError: It is no PNG, is damaged, or shows other numbers than lie beside it.
    """
    picture = read_png(path)
    numbers = path.with_suffix(".json")
    content = read_json(numbers) if numbers.is_file() else {}
    if picture.text.get(NUMBERS) not in (None, json_checksum(content)):
        raise InputError(f"{path}: shows other numbers than {numbers} holds; draw it again")
    page = {"section": FURTHER, "wide": False, "heading": path.stem, "caption": "", "alternative": ""}
    page |= content.get("page", {})
    return {
        **page,
        "of": {key: content[key] for key in WHOSE if key in content},
        "path": numbers,
        "kind": content.get("plot", ""),
        "alternative": page["alternative"] or f"Figure {path.stem}",
        "picture": base64.b64encode(picture.content).decode(),
        "width": picture.width,
        "height": picture.height,
        "links": [
            {"text": text, "address": os.path.relpath(path.with_suffix(suffix), folder)}
            for suffix, text in LINKED.items()
            if path.with_suffix(suffix).is_file()
        ],
    }
