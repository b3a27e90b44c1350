"""Where in which file a key of the configuration stands: what messages say in front.

A check names file and key (`taggers/a.yaml: training.epochs: …`). Only when there is something to say are the
files read again, and the line is put in: no check has to carry lines around.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jetsmith.configuration import exact_yaml

_NUMBERS = re.compile(r"[-+]?(\d+|\d+\.\d*|\d*\.\d+)(e[-+]?\d+)?", re.I)
_WORDS = {"true": True, "false": False, "null": None}
_FILE = re.compile(r"(?P<file>[^:\n]+\.(?:ya?ml|json)): (?P<rest>.*)", re.S)


@dataclass(frozen=True)
class Run:
    """What the run was put together from.

    Attributes:
        name: How messages call it: its files.
        files: They themselves, a later one before an earlier one.
        given: Values of `--config`, which come before all files.
    """

    name: str
    files: Sequence[Path] = ()
    given: Mapping[str, Any] = field(default_factory=dict)

    def merged(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Snakemake's `config`, in which whatever stands in brackets in `--config` is still text."""
        brackets = {key: value for key, value in self.given.items() if isinstance(value, dict | list)}
        return _updated(config, _typed(brackets))

    def place(self, text: str) -> str:
        """`file:line` of the key that a text begins with, or `--config`."""
        best, depth = self.name, len(_named(text, self.given))
        if depth:
            best = "--config"
        for document in (exact_yaml.read(path) for path in reversed(self.files)):
            keys = _named(text, document.content)
            if len(keys) > depth:
                best, depth = f"{document.path}:{document.line(keys)}", len(keys)
        return best


def _typed(value: Any) -> Any:
    """Numbers, truth values and nulls for the texts that look like them."""
    if isinstance(value, Mapping):
        return {key: _typed(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_typed(entry) for entry in value]
    if isinstance(value, str) and _NUMBERS.fullmatch(value):
        return int(value) if value.lstrip("+-").isdigit() else float(value)
    return _WORDS.get(value.lower(), value) if isinstance(value, str) else value


def _updated(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """As Snakemake merges: mappings key by key, anything else as a whole."""
    merged = dict(config)
    for key, value in changes.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            value = _updated(before, value)
        merged[key] = value
    return merged


def located(message: str, run: Run) -> str:
    """A message of one or more lines with the line of its key after each file."""
    return "\n".join(_located(line, run) for line in message.split("\n"))


def _located(message: str, run: Run) -> str:
    if message.startswith(f"{run.name}: "):
        rest = message.removeprefix(f"{run.name}: ")
        return f"{run.place(rest)}: {rest}"
    found = _FILE.match(message)
    if found is None or not Path(found["file"]).is_file():
        return message
    document = exact_yaml.read(Path(found["file"]))
    line = document.line(_named(found["rest"], document.content))
    return f"{found['file']}:{line}: {found['rest']}" if line else message


def _named(text: str, content: Any, quoted: bool = True) -> list[Any]:
    """The keys, one below the other, that a text begins with, or else its first words in backticks.

    So they are in `samples.jets.folds: …`, and in ``ttbar: unknown key `simulate.x` …`` as far as they exist.
    """
    for key, value in _entries(content):
        if found := re.match(rf"`?{re.escape(str(key))}(?![\w-])", text):
            return [key, *_named(text[found.end() :].removeprefix("."), value)]
    if isinstance(content, list):
        for index, value in enumerate(content):
            if isinstance(value, str) and text.startswith((f"{value}`", f"`{value}`")):
                return [index]
    _, tick, rest = text.partition("`")
    return _named(rest, content, quoted=False) if tick and quoted else []


def _entries(content: Any) -> list[tuple[Any, Any]]:
    """Keys or indices with what they hold, the longest first."""
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(content, Mapping):
        pairs = content.items()
    elif isinstance(content, list):
        pairs = enumerate(content)
    return sorted(pairs, key=lambda pair: len(str(pair[0])), reverse=True)
