"""Read YAML into records; mistakes become messages that name file, line, key and choices."""

import difflib
import itertools
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jetsmith.configuration import exact_yaml
from jetsmith.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping, exactly (jetsmith.exact_yaml)."""
    return _mapping(exact_yaml.read(path))


def _mapping(document: exact_yaml.Document) -> dict[str, Any]:
    if document.content is None:
        raise ConfigError(f"{document.path}:1: is empty; must be a mapping of keys to values")
    if not isinstance(document.content, dict):
        kind = "a list" if isinstance(document.content, list) else "a single value"
        raise ConfigError(f"{document.path}:1: is {kind}; must be a mapping of keys to values")
    return document.content


def load_table(model: type[Model], path: Path, named: bool = True) -> dict[str, Model]:
    """Read a file with one record an entry; `named` records carry their key as `name`."""
    return {
        key: validate(
            model, value | {"name": key} if named and isinstance(value, dict) else value, f"{path}: {key}"
        )
        for key, value in read_yaml(path).items()
    }


def pick(table: Mapping[str, Model], name: str, where: str, kind: str) -> Model:
    """The record of that name; a ConfigError with the choices where there is none."""
    require(name, table, where, kind)
    return table[name]


def validate(model: type[Model], content: Any, where: str | Path) -> Model:
    """Build a record; a ConfigError with a line a mistake otherwise."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [_explain(model, problem) for problem in error.errors()]
        raise ConfigError("\n".join(f"{where}: {line}" for line in lines)) from error


def _explain(model: type[BaseModel], problem: Any) -> str:
    """One line of pydantic's list, in words that name key, value and choices."""
    place = ".".join(str(step) for step in problem["loc"]) or "the file"
    if problem["type"] == "extra_forbidden":
        known = _keys_at(model, problem["loc"][:-1])
        return f"unknown key `{place}`{hint(str(problem['loc'][-1]), known)}"
    if problem["type"] == "missing":
        return f"key `{place}` is missing"
    given = problem["input"]
    said = repr(given) if len(repr(given)) < 200 else f"{repr(given)[:200]}…"
    message = problem["msg"].replace("valid tuple", "valid list").replace("valid dictionary", "mapping")
    return f"`{place}`: {message}; got {said}{_as_yaml_read(problem['type'], given)}"


def _as_yaml_read(kind: str, given: Any) -> str:
    """What YAML made of a value, where that explains the mistake."""
    wants_number = kind.startswith(("int_", "float_"))
    if given is None:
        return " (nothing stands after the key)"
    if wants_number and isinstance(given, str) and _is_number(given):
        value = float(given)
        best = f"{int(value)}" if value.is_integer() and abs(value) < 1e9 else f"{value!r}"
        is_written_so = bool(re.search("[eE]", given))
        return f": text for YAML; write {best}" + (
            f" or {_with_point(given)}" if is_written_so and not kind.startswith("int_") else ""
        )
    if wants_number and isinstance(given, bool):
        return ": yes, no, on, off, true and false are truth values, no numbers"
    if kind.startswith("string_") and isinstance(given, bool | int | float | date):
        return f" ({type(given).__name__}): put it in quotes"
    if kind.startswith("bool_"):
        return ": write true or false, without quotes"
    if kind in {"tuple_type", "list_type"} and isinstance(given, str | int | float):
        return f": a list stands in brackets, such as [{given}]"
    return ""


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _with_point(text: str) -> str:
    """A number in powers of ten as YAML 1.1 reads one: with a point and a signed exponent."""
    mantissa, _, exponent = text.lower().partition("e")
    signed = exponent if exponent[:1] in "+-" else f"+{exponent}"
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{signed}"


def _keys_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Keys of the nested record that a location points into."""
    current: Any = model
    for step in location:
        field = getattr(current, "model_fields", {}).get(step)
        annotation = field.annotation if field is not None else None
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        current = next((c for c in candidates if hasattr(c, "model_fields")), current)
    return list(getattr(current, "model_fields", {}))


def hint(name: str, choices: Collection[str]) -> str:
    """The nearest choice, if one is near, and all of them."""
    close = difflib.get_close_matches(name, choices, n=1)
    meant = f"; did you mean `{close[0]}`?" if close else "."
    return f"{meant} Choices: {', '.join(sorted(choices)) or 'none'}"


def rising(edges: Sequence[float], key: str) -> Iterator[str]:
    """What is wrong with edges of bins."""
    if len(edges) < 2 or any(low >= high for low, high in itertools.pairwise(edges)):
        yield f"{key}: bin edges must rise and be two at least; got {list(edges)}"


def require(name: str, choices: Collection[str], where: str, kind: str) -> None:
    """Raise a ConfigError unless `name` is one of the choices."""
    if name not in choices:
        raise ConfigError(f"{where}: unknown {kind} `{name}`{hint(name, choices)}")
