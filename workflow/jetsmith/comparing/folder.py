"""A results folder as others find it: what its ledger and its numbers say, read and never written.

It may come from anywhere. Names that lead to files are those of the ledger and below the folder; what is
damaged is refused by the readers of `jetsmith.io`; of records only what is compared is looked at, so that a
run of last month's version can be read, too.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from jetsmith.comparing import content
from jetsmith.comparing.content import Calibrated, Contrast, Measured, Plane, Tested, Tried
from jetsmith.errors import InputError
from jetsmith.io import read_json
from jetsmith.sealed import planned
from jetsmith.sealed.made import FILE, PAGE, Ledger, of_finished, reached, same
from jetsmith.specs.classifiers import DiscriminantSpec
from jetsmith.specs.plots import PlotSpec

T = TypeVar("T")


class Results:
    """A finished run.

    Args:
        path: Its results folder.

    Attributes:
        path: The same.
        name: How messages and pages call it.
        is_finished: Nobody writes into its folder any more.

    Raises:
        InputError: It is none, or the run has not come to its end. All methods raise it where a file is
            missing, damaged, or not what its stage writes.
    """

    is_finished = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self._made = reached(of_finished(path), [PAGE])
        self._shown: Sequence[Any] = self._made[PAGE].params

    @cached_property
    def config(self) -> dict[str, str]:
        """The resolved configuration, which the page shows: values as JSON by path, such as `run.seed`."""
        found = _settings(self._shown)
        return {key.removeprefix("run."): value for key, value in found.items() if key.startswith("run.")}

    def setting(self, key: str, default: Any = None) -> Any:
        """A value of the configuration."""
        try:
            return json.loads(self.config[key]) if key in self.config else default
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.path / FILE}: `{key}` of the configuration is no JSON") from error

    @property
    def style(self) -> PlotSpec:
        """The look of its plots."""
        keys = [key for key in PlotSpec.model_fields if f"run.plots.{key}" in self.config]
        about = {key: self.setting(f"run.plots.{key}") for key in keys}
        return self._understood("run.plots", lambda: PlotSpec(**about))

    def title(self, name: str) -> str:
        """What plots call a judgement, or a reweighter."""
        found = self.setting(f"judgements.{name}.title") or self.setting(f"classifiers.{name}.title")
        return str(found or name)

    def discriminant(self, judgement: str) -> DiscriminantSpec:
        """The discriminant of a judgement."""
        place = f"judgements.{judgement}.discriminant"
        background = f"{place}.background."
        fractions = {
            key.removeprefix(background): self.setting(key)
            for key in self.config
            if key.startswith(background)
        }
        about = {"signal": self.setting(f"{place}.signal"), "form": self.setting(f"{place}.form", "ratio")}
        return self._understood(place, lambda: DiscriminantSpec(**about, background=fractions))

    def tagger(self, judgement: str) -> str:
        """Whose a judgement is."""
        return self._understood(f"judgements.{judgement}", lambda: self.calibrated[judgement].tagger)

    def class_names(self, tagger: str) -> tuple[str, ...]:
        """Classes of a tagger, in the order of its outputs."""
        place = f"classifiers.{tagger}.classes"
        return self._understood(place, lambda: tuple(map(str, self.setting(place))))

    def datasets(self, sample: str) -> tuple[str, ...]:
        """Data sets of a sample, in the order by which its rows number them."""
        place = f"run.samples.{sample}.datasets"
        return self._understood(place, lambda: tuple(map(str, self.setting(place))))

    def truths(self, judgement: str) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Label and truth ids of the classes that judge, by name, the signal first."""
        place = f"judgements.{judgement}"
        found = {}
        ends = (f"{place}.signal_class.name", *(key for key in self.config if _is_background(key, place)))
        for key in ends:
            one = key.removesuffix(".name")

            def read(key: str = key, one: str = one) -> tuple[str, tuple[str, tuple[int, ...]]]:
                ids = tuple(map(int, self.setting(f"{one}.truth")))
                return str(self.setting(key)), (str(self.setting(f"{one}.label")), ids)

            name, about = self._understood(one, read)
            found[name] = about
        return found

    @cached_property
    def calibrated(self) -> dict[str, Calibrated]:
        """What calibrate found, by judgement."""
        return self._each(rf"calibration/({self._names('judgements')})\.numbers\.json", content.calibrated)

    @cached_property
    def planes(self) -> dict[str, Plane]:
        """What calibrate found of two judgements, by plane."""
        names = self._names("run.calibration.planes")
        return self._each(rf"calibration/({names})\.numbers\.json", content.plane)

    @cached_property
    def measured(self) -> dict[str, Measured]:
        """Scale factors, by measurement."""
        return self._each(rf"scale_factors/({self._names('run.scale_factors')})\.json", content.measured)

    @cached_property
    def tried(self) -> dict[str, Tried]:
        """Figures of resilience, by sample and contrast."""
        return self._each(r"plots/resilience/(\w+/\w+)\.json", content.tried)

    @cached_property
    def contrasts(self) -> dict[tuple[str, str, str], Contrast]:
        """The ROC figures."""
        found = self._each(r"plots/roc/(\w+/\w+)\.json", content.contrast)
        return {contrast.key: contrast for contrast in found.values()}

    def scores(self, tagger: str, sample: str) -> Path:
        """The score file of a tagger on a sample."""
        name = f"scores/{tagger}/{sample}.parquet"
        found = dict(self._files(r"scores/(\w+/\w+)\.parquet"))
        if f"{tagger}/{sample}" not in found:
            raise InputError(f"{self.path}: {FILE} has no {name}; run snakemake again")
        return found[f"{tagger}/{sample}"]

    @cached_property
    def closures(self) -> dict[str, Tested]:
        """Closure tests, by reweighter."""
        return self._each(r"closure/(\w+)\.json", content.tested)

    @cached_property
    def has(self) -> set[tuple[str, str]]:
        """Its data sets, taggers and reweighters, each as a kind and a name."""
        classifiers = (key.split(".")[1] for key in self.config if key.startswith("classifiers."))
        datasets = (name for name, _ in self._files(r"inspect/(\w+)\.json"))
        return {("classifier", name) for name in classifiers} | {("dataset", name) for name in datasets}

    def inputs(self) -> dict[str, str]:
        """Data sets and their files, by UUID where they have one."""
        found = self._each(r"inspect/(\w+)\.json", content.files_of)
        return {f"{name}: {key}": text for name, facts in found.items() for key, text in facts.items()}

    def events(self) -> dict[str, str]:
        """What became of the entries of each data set."""
        found = self._each(r"skim/(\w+)\.json", content.account)
        return {f"{name}: {key}": text for name, facts in found.items() for key, text in facts.items()}

    def code(self) -> dict[str, dict[str, str]]:
        """Digests of the code of each rule, by module."""
        seen: set[tuple[str, int]] = set()
        found: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for made in self._made.values():
            if (made.rule, id(made.params)) in seen:
                continue
            seen.add((made.rule, id(made.params)))  # lists that many files share are one object
            for key, value in _settings(made.params).items():
                if key.startswith("code.") and key != "code.beside":
                    found[str(made.rule)][key.removeprefix("code.")].add(value.strip('"'))
        return {
            rule: {module: " ".join(sorted(digests)) for module, digests in modules.items()}
            for rule, modules in found.items()
        }

    def software(self) -> dict[str, str]:
        """Commit, Python, system and versions of packages that the jobs which scored wrote down."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for facts in self._each(r"scores/(\w+/\w+)\.meta\.json", content.software).values():
            for name, version in facts.items():
                found[name].add(version)
        return {name: ", ".join(sorted(versions)) for name, versions in found.items()}

    def _names(self, place: str) -> str:
        """Names of the entries of a mapping of the configuration, as a part of a pattern."""
        below = (key.removeprefix(f"{place}.") for key in self.config if key.startswith(f"{place}."))
        return "|".join(dict.fromkeys(re.escape(key.partition(".")[0]) for key in below)) or "(?!)"

    def _files(self, pattern: str) -> list[tuple[str, Path]]:
        """Files of the ledger whose whole name is like this, with what its group says.

        All are there, and what the ledger has: a file of another run is whole, too, but not what was made.
        """
        found = []
        for name in sorted(map(str, self._made)):
            if (match := re.fullmatch(pattern, name)) is not None:
                path = self.path / name
                if not path.is_file():
                    raise InputError(f"{path}: is not there, though {FILE} has it; run snakemake again")
                if not same(path, self._made[name]):
                    raise InputError(
                        f"{path}: is not what {FILE} has: it was edited, damaged or exchanged since its run "
                        "made it; give a whole copy, or run snakemake again"
                    )
                found.append((match[1], path))
        return found

    def _each(self, pattern: str, understand: Callable[[Any], T]) -> dict[str, T]:
        """What JSON files say, by what the pattern's group says of their names."""
        found = {}
        for name, path in self._files(pattern):
            told = read_json(path)
            try:
                found[name] = understand(told)
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                raise InputError(
                    f"{path}: not what its stage writes ({_short(error)}); run snakemake again"
                ) from error
        return found

    def _understood(self, place: str, make: Callable[[], T]) -> T:
        try:
            return make()
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.path / FILE}: `{place}` of the configuration is not as a run writes it "
                f"({_short(error)}); run snakemake again"
            ) from error


class Running(Results):
    """A run that is under way, as far as it has come: what lies left of its comparison, which its page shows.

    Args:
        path: Its results folder.
        shown: The resolved configuration, as its page will show it.
        files: Stage files that are there, in the folder; what they were made from counts, too.

    Raises:
        InputError: A file lies elsewhere, or nobody has written down what it was made from.
    """

    is_finished = False

    def __init__(self, path: Path, shown: Mapping[str, Any], files: Iterable[str | Path]) -> None:
        self.path = path
        self.name = "this run"
        names = [os.path.relpath(file, path) for file in files]
        ledger = Ledger(path)
        if unknown := sorted(set(names) - set(ledger)):
            raise InputError(
                f"{path / FILE}: does not have {unknown[0]}: nobody has written down what it was made from; "
                "run snakemake again"
            )
        self._made = reached(ledger, names)
        self._shown = planned.leaves([("run", shown)])


def _settings(params: Iterable[Any]) -> dict[str, str]:
    """Names and values of the lines that `sealed.planned.leaves` makes."""
    pairs = (line.partition("=") for line in params if isinstance(line, str))
    return {name: value for name, _, value in pairs}


def _is_background(key: str, place: str) -> bool:
    return key.startswith(f"{place}.background_classes.") and key.endswith(".name")


def _short(error: Exception) -> str:
    """An error in a few words; pydantic's take many lines."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {' '.join(lines[:3])[:120]}"
