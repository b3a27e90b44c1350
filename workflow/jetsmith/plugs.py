"""Plugs: what the configuration chooses by name, one module each, such as a backend or an architecture.

A plug describes itself by a light record, its `Options`: the keys that the configuration may give it, with
types, defaults and descriptions. The parse imports every plug that is named, so at its top no plug imports
more than records: what is heavy goes into its functions, or into a module whose name starts with `_`.
"""

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated

from pydantic import Field

from jetsmith.configuration.records import require
from jetsmith.errors import ConfigError
from jetsmith.specs.classifiers import ClassifierSpec, LossSpec, RecipeSpec
from jetsmith.specs.features import ColumnGroup
from jetsmith.specs.ratios import Bins
from jetsmith.strict import Record, Single

Count = Annotated[int, Field(gt=0, le=100_000)]
Share = Annotated[Single, Field(gt=0, le=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Momentum = Annotated[float, Field(gt=0, lt=1)]


class Options(Record):
    """The keys of a plug. Each has a default, so that a plug without any is one to start from."""

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """What of it does not go together with the classifier; each text starts with the key.

        Keys that were not given are in no text: `model_fields_set` has those that were.
        """
        yield from ()

    @property
    def exact_in(self) -> Bins:
        """Bins within which its ratio of two densities is one number, by feature; none of most."""
        return {}

    @property
    def learns_by_seed(self) -> bool:
        """Whether with another seed it learns something else from the same rows."""
        return True

    @property
    def reads(self) -> tuple[str, ...]:
        """Files from outside of the workflow that scores are made from, and made anew when they change."""
        return ()

    @property
    def is_number(self) -> bool:
        """Whether its scores are one number a jet rather than the probability of each class."""
        return False

    @property
    def shows_image(self) -> bool:
        """Whether it makes an image of each jet, of which training keeps the mean of each class."""
        return False

    def misfits_of_features(self, spec: ClassifierSpec, groups: Mapping[str, ColumnGroup]) -> Iterator[str]:
        """What of it does not go together with how the run computes features, once nothing else is wrong."""
        yield from ()


@cache
def names(package: str) -> list[str]:
    """Plugs of a sub-package, such as `models`, by their names."""
    folder = Path(__file__).parent / package
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def find(package: str, name: str, where: str, kind: str) -> ModuleType:
    """The plug of that name.

    Args:
        package: Sub-package of jetsmith.
        name: Value from the configuration.
        where: File and key, for the message.
        kind: What it is, for the message.

    Raises:
        ConfigError: There is none; the message lists those that there are.
    """
    require(name, names(package), where, kind)
    return importlib.import_module(f"jetsmith.{package}.{name}")


def modules(spec: RecipeSpec) -> list[str]:
    """The plugs that a classifier names, as modules below jetsmith: their code makes its model."""
    named: dict[str, list[str]] = {"classifiers": [spec.backend], "models": [spec.model]}
    if takes_model(spec.backend):
        named["losses"] = [loss.loss for loss in spec.losses.values()] or [LossSpec().loss]
    return [
        f"{package}.{name}"
        for package, chosen in named.items()
        for name in dict.fromkeys(chosen)
        if name in names(package)
    ]


def reads(spec: RecipeSpec) -> tuple[str, ...]:
    """Files from outside of the workflow that the scores of a classifier are made from."""
    options: Options = described_by(spec.backend, spec.model, spec.name).Options.model_validate(
        spec.architecture
    )
    return options.reads


def is_number(spec: RecipeSpec) -> bool:
    """Whether its scores are one number a jet, of which no probability of each class follows."""
    options: Options = described_by(spec.backend, spec.model, spec.name).Options.model_validate(
        spec.architecture
    )
    return options.is_number


def shows_image(spec: RecipeSpec) -> bool:
    """Whether a classifier's network makes an image of each jet."""
    options: Options = described_by(spec.backend, spec.model, spec.name).Options.model_validate(
        spec.architecture
    )
    return options.shows_image


def trains(backend: str) -> bool:
    """Whether it makes a model: others have the scores of somebody else."""
    return bool(find("classifiers", backend, "backend", "value").TRAINS)


def computes(backend: str) -> bool:
    """Whether its scores follow from inputs, of a model that is made here or by others."""
    return bool(find("classifiers", backend, "backend", "value").COMPUTES)


def sha256(path: Path) -> str:
    """As `sha256sum` prints it, of a file of others that the configuration pins."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def takes_model(backend: str) -> bool:
    """Whether its classifiers are networks, of an architecture that the key `model` names."""
    return bool(find("classifiers", backend, "backend", "value").MODELS)


def asks_for_gpu(spec: RecipeSpec) -> bool:
    """Whether the options of its backend say that it needs one; networks take what they find."""
    return bool(spec.architecture.get("device", "cpu") != "cpu")


def described_by(backend: str, model: str, where: str) -> ModuleType:
    """The plug whose `Options` are the `architecture` of a classifier: its model, or else its backend.

    Raises:
        ConfigError: There is no such backend or model, or the backend takes no model.
    """
    plug = find("classifiers", backend, f"{where}: backend", "backend")
    if plug.MODELS:
        return find("models", model, f"{where}: model", "architecture")
    if model:
        takes = ", ".join(name for name in names("classifiers") if takes_model(name))
        raise ConfigError(
            f"{where}: model: backend `{backend}` takes none; leave `model: {model}` out, or choose a "
            f"backend that takes one: {takes}"
        )
    return plug
