"""Read YAML into records; mistakes become messages that name file, key and choices."""

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from jetsmith.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # what yaml.safe_load takes, in C: ten times as fast


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping; tags that build objects are refused."""
    try:
        content = yaml.load(path.read_text(), Loader=_LOADER)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must be a mapping of keys to values")
    return content


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
        return TypeAdapter(model).validate_python(content)
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
    return f"`{place}`: {problem['msg']}; got {problem['input']!r}"


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


def require(name: str, choices: Collection[str], where: str, kind: str) -> None:
    """Raise a ConfigError unless `name` is one of the choices."""
    if name not in choices:
        raise ConfigError(f"{where}: unknown {kind} `{name}`{hint(name, choices)}")
