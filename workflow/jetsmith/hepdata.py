"""The form in which HEPData takes numbers: a submission of tables, in YAML.

The format: https://hepdata-submission.readthedocs.io; its schemas are those of hepdata-validator, 1.1.1. Not
written by hepdata_lib, which rounds anew and leaves an archive in the working folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from jetsmith.io import atomic_directory

Entry = dict[str, Any]
NOTHING: Entry = {"value": "-"}  # what HEPData knows for no value
LONGEST_NAME = 64


@dataclass(frozen=True)
class Variable:
    """A column of a table.

    Attributes:
        name: Of its header.
        values: An entry a row, what `number`, `measured` and `interval` give.
        units: Of the values; none where they have none.
        qualifiers: By name, what it holds for; dependent variables alone have some.
    """

    name: str
    values: Sequence[Entry]
    units: str = ""
    qualifiers: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table: what is varied, and what was found there; all of one length.

    Attributes:
        file: Name of its file without suffix.
        name: What it is called.
        description: What it shows.
        independent: At least one.
        dependent: At least one.
    """

    file: str
    name: str
    description: str
    independent: Sequence[Variable]
    dependent: Sequence[Variable]


def number(value: float | str) -> Entry:
    """A value of an independent variable."""
    return {"value": value}


def interval(low: float, high: float) -> Entry:
    """A bin of an independent variable."""
    return {"low": low, "high": high}


def measured(value: float | None, minus: float = 0.0, plus: float = 0.0, label: str = "stat") -> Entry:
    """A value with the distances to both ends of its interval; none where there is nothing.

    Six significant digits of these are kept, as of the numbers whose differences they are.
    """
    if value is None:
        return NOTHING
    down, up = (float(f"{max(distance, 0.0):.6g}") for distance in (minus, plus))
    if not down and not up:  # HEPData refuses errors of nothing
        return {"value": value}
    error = {"symerror": up} if down == up else {"asymerror": {"minus": -down, "plus": up}}
    return {"value": value, "errors": [error | {"label": label}]}


def within(value: float | None, low: float, high: float) -> Entry:
    """A value with the ends of its interval."""
    return NOTHING if value is None else measured(value, value - low, high - value)


def write(folder: str | Path, comment: str, tables: Sequence[Table], phrases: Sequence[str]) -> None:
    """Write a submission as a whole: submission.yaml, and a file a table.

    Args:
        folder: Its folder, which nothing else lies in afterwards.
        comment: What holds for all tables.
        tables: In order; they are numbered, so that no two have one name.
        phrases: Keywords of all tables.
    """
    documents: list[Entry] = [{"comment": comment}]
    with atomic_directory(folder) as temporary:
        for k, table in enumerate(tables, start=1):
            name = f"{table.file}.yaml"
            documents.append(
                {
                    "name": f"Table {k}: {table.name}"[:LONGEST_NAME],
                    "description": table.description,
                    "keywords": [{"name": "phrases", "values": list(phrases)}],
                    "data_file": name,
                }
            )
            content = {
                "independent_variables": [_column(variable) for variable in table.independent],
                "dependent_variables": [
                    _column(variable) | {"qualifiers": _named(variable.qualifiers)}
                    for variable in table.dependent
                ],
            }
            (temporary / name).write_text(_text(content))
        (temporary / "submission.yaml").write_text("".join(f"---\n{_text(one)}" for one in documents))


def _column(variable: Variable) -> Entry:
    header = {"name": variable.name} | ({"units": variable.units} if variable.units else {})
    return {"header": header, "values": list(variable.values)}


def _named(qualifiers: Mapping[str, str | float]) -> list[Entry]:
    return [{"name": name, "value": value} for name, value in qualifiers.items()]


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # the one in C, where it is
    """One that writes each value out: HEPData's readers meet no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(content: Any) -> str:
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110)
    return text
