"""Read the configuration, look its names up, and check every field against every other.

All of it happens while Snakemake reads the Snakefile: a mistake costs a second, not a night.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from jetsmith import columns, remote, tex
from jetsmith.configuration import places, stacked
from jetsmith.configuration.checks import (
    check_dataset,
    check_files_once,
    check_flavours,
    check_run,
    check_samples,
    local,
)
from jetsmith.configuration.classifier_checks import (
    check_classifier,
    check_judged_on,
    check_judgement,
    check_together,
)
from jetsmith.configuration.feature_checks import check_group, check_groups
from jetsmith.configuration.records import Model, load_table, pick, read_yaml, require, validate
from jetsmith.configuration.resolve import classifier_file, resolve
from jetsmith.configuration.stacked import Source
from jetsmith.errors import ConfigError
from jetsmith.specs.classifiers import ClassifierSpec, ClassSpec, Judgement, Role
from jetsmith.specs.datasets import MAX_PARTS, DatasetSpec, SelectionSpec
from jetsmith.specs.features import FeatureGroup
from jetsmith.specs.run import RunSpec
from jetsmith.strict import seen_as

REMOTE_FILE_MB = 2000.0  # ASSUME: a remote file's size before anyone has looked at it


class Contrast(NamedTuple):
    """A signal against a background, and the judgements of a sample that tell them apart."""

    signal: str
    background: str
    judgements: list[ClassifierSpec]


@dataclass(frozen=True)
class Configuration:
    """The run with every name looked up.

    Attributes:
        run: config/config.yaml, or the file given with --configfile.
        datasets: Those that the run's samples use.
        groups: Feature groups by name.
        classifiers: Taggers and reweighters of the run by name; of a tagger its first judgement.
        judgements: Each tagger with each of its discriminants, by the name of both.
        paths: Files of each dataset, globs expanded; none where it is simulated.
        raw: All of it as plain values, for digests and the report.
    """

    run: RunSpec
    datasets: dict[str, DatasetSpec]
    groups: dict[str, FeatureGroup]
    classifiers: dict[str, ClassifierSpec]
    judgements: dict[str, ClassifierSpec]
    paths: dict[str, list[str]]
    raw: dict[str, Any]

    def n_parts(self, dataset: str) -> int:
        """Partitions of a dataset: its own `parts`, one a simulated file, or by file sizes."""
        spec = self.datasets[dataset]
        if spec.simulate is not None:
            return spec.parts or spec.simulate.parts
        if spec.parts is not None:
            return spec.parts
        return self.run.partition.n_parts(sum(self.sizes_mb(dataset)))

    def sizes_mb(self, dataset: str) -> list[float]:
        """Size of each file [MB]; with it a changed file is noticed, a touched one is not."""
        if dataset not in self._sizes:
            self._sizes[dataset] = [
                REMOTE_FILE_MB
                if remote.is_remote(path, self.run.xrootd.redirectors)
                else os.path.getsize(path) / 1e6
                for path in self.paths[dataset]
            ]
        return self._sizes[dataset]

    @cached_property
    def _sizes(self) -> dict[str, list[float]]:
        return {}

    def golden_json(self, dataset: str) -> str | None:
        """Path of a dataset's certified luminosity blocks."""
        given = self.datasets[dataset].golden_json
        return str(local(given, self.run.data_root)) if given is not None else None

    def layout_of(self, dataset: str) -> str:
        """The layout that a dataset names, or that of simulated ones; else `auto`."""
        spec = self.datasets[dataset]
        return "pfnano" if spec.simulate is not None and spec.layout == "auto" else spec.layout

    def selection_of(self, dataset: str) -> SelectionSpec:
        """Cuts on the rows of a dataset."""
        return self.run.selection.get(self.datasets[dataset].object, SelectionSpec())

    def generators(self, sample: str) -> dict[str, str]:
        """Generator of each dataset of a sample."""
        return {name: self.datasets[name].generator for name in self.run.samples[sample].datasets}

    def kept_truth(self, sample: str) -> list[int]:
        """What pack leaves out where no tagger of the sample asks for it, and one does."""
        asked = {
            key
            for spec in (*self.classifiers.values(), *self.judgements.values())
            for c in (*spec.classes, spec.signal_class, *spec.background_classes)
            if sample in self.samples_of(spec.name) and c is not None
            for key in c.truth
        }
        return [key for key in columns.LEFT_OUT_TRUTH if key in asked]

    def labels(self, classifier: str) -> dict[str, str]:
        """TeX label of each feature that a classifier reads."""
        return {
            feature: self.groups[inputs.group].features[feature].label
            for inputs in self.classifiers[classifier].inputs
            if inputs.group in self.groups
            for feature in inputs.features
        }

    def parts(self, dataset: str) -> list[str]:
        """Names of the partitions: 000, 001, …"""
        return [f"{part:03d}" for part in range(self.n_parts(dataset))]

    def groups_on(self, sample: str) -> list[str]:
        """Groups of the packed sample: its rows, and what its classifiers read."""
        read = [
            group
            for spec in self.classifiers.values()
            if sample in self.samples_of(spec.name)
            for group in spec.groups
        ]
        return list(dict.fromkeys([columns.ROWS, *read]))

    def n_stacked(self, classifier: str) -> int:
        """Models of a classifier, each without a part of the events, on whose scores others are trained.

        None where its scores are out of fold anyway: in a sample with folds, or as they are stored.
        """
        spec = self.classifiers[classifier]
        return 0 if spec.folds or spec.backend == "stored" else self.run.stack_folds

    def samples_of(self, classifier: str) -> tuple[str, ...]:
        """The sample that a classifier is trained on, then those that it is judged on beside."""
        return (self.classifiers[classifier].sample, *self.run.judged_on.get(classifier, ()))

    def datasets_of(self, classifier: str) -> list[str]:
        """Datasets of all samples of a classifier, each once."""
        samples = [self.run.samples[sample].datasets for sample in self.samples_of(classifier)]
        return list(dict.fromkeys(name for datasets in samples for name in datasets))

    def subjects(self, of: str) -> list[tuple[str, ...]]:
        """What there is a figure of: values of the wildcards of a plot, by what it is of (`plots.About`)."""
        if of == "contrast":
            return [(sample, name) for sample in self.run.samples for name in self.contrasts(sample)]
        trained = [name for name, spec in self.classifiers.items() if spec.backend != "stored"]
        named: dict[str, Iterable[str]] = {
            "judgement": self.judgements,
            "reweighter": self.run.reweighters,
            "trained": trained,
        }
        return [(name,) for name in named[of]]

    def judged_on(self, sample: str) -> list[ClassifierSpec]:
        """Judgements on a sample, in the order of the configuration."""
        return [spec for spec in self.judgements.values() if sample in self.samples_of(spec.name)]

    def judged_by(self, tagger: str) -> list[ClassSpec]:
        """Classes that judge a tagger, by name: signals and backgrounds of all its discriminants."""
        views = [spec for spec in self.judgements.values() if spec.name == tagger]
        found = {c.name: c for v in views for c in (v.signal_class, *v.background_classes) if c is not None}
        return [found[name] for name in sorted(found)]

    def contrasts(self, sample: str) -> dict[str, Contrast]:
        """What the figures of ROC curves of a sample show, by their names, in order."""
        found: dict[str, Contrast] = {}
        for spec in self.judged_on(sample):
            signal = spec.signal_class.name if spec.signal_class else ""
            for background in spec.background_classes:
                empty = Contrast(signal, background.name, [])
                found.setdefault(f"{signal}_vs_{background.name}", empty).judgements.append(spec)
        return found

    def object_of(self, sample: str) -> str:
        """What a row of the sample is."""
        return self.datasets[self.run.samples[sample].datasets[0]].object


def load(
    config: Mapping[str, Any],
    folders: Path | Sequence[Path],
    source: str | places.Run = "config/config.yaml",
    accepted: Path | None = None,
) -> Configuration:
    """Build the configuration.

    Args:
        config: Snakemake's `config`.
        folders: Folders with datasets.yaml, flavours.yaml and the folders below them; of two entries or
            files of one name that of the first counts.
        source: What the run was put together from, or the name of its file for messages.
        accepted: Where it is remembered which labels matplotlib can show.

    Raises:
        ConfigError: Names file, line, key, and what would be right.
    """
    run = places.Run(source) if isinstance(source, str) else source
    try:
        found = (folders,) if isinstance(folders, Path) else tuple(folders)
        return _load(run.merged(config), found, run.name, accepted)
    except ConfigError as error:
        raise ConfigError(places.located(str(error), run)) from error


def _load(
    config: Mapping[str, Any], folders: Sequence[Path], source: str, accepted: Path | None
) -> Configuration:
    run = validate(RunSpec, dict(config), source)
    check_run(run, source)
    flavours, defined_in = _tables(ClassSpec, folders, "flavours.yaml")
    for listed in dict.fromkeys(defined_in.values()):
        check_flavours({name: c for name, c in flavours.items() if defined_in[name] == listed}, listed)
    group_files = _files(folders, "features")
    groups = {name: _group(path) for name, path in group_files.items()}
    check_groups(groups, group_files)
    _check_labels(flavours, defined_in, groups, group_files, accepted)
    known, listed_in = _tables(DatasetSpec, folders, "datasets.yaml", named=False)
    datasets: dict[str, DatasetSpec] = {}
    for sample, content in run.samples.items():
        for name in content.datasets:
            where = f"{source}: samples.{sample} ({_places(folders, 'datasets.yaml')})"
            datasets[name] = pick(known, name, where, "dataset")
    paths = {name: check_dataset(name, dataset, run, listed_in[name]) for name, dataset in datasets.items()}
    check_samples(run, datasets, source)
    check_files_once(run, paths, listed_in, source)
    classifiers: dict[str, ClassifierSpec] = {}
    judgements: list[ClassifierSpec] = []
    tables: tuple[tuple[Role, dict[str, str]], ...] = (
        ("tagger", run.taggers),
        ("reweighter", run.reweighters),
    )
    sources: dict[str, Source] = {}
    known_names: list[str] = []
    for role, table in tables:
        files = _files(folders, f"{role}s")
        known_names += files
        for name, sample in table.items():
            require(name, files, f"{source}: {role}s ({_places(folders, f'{role}s')})", role)
            path = files[name]
            sources[name] = Source(role, sample, path, classifier_file(path))
    stacked.check(sources, groups, known_names, source)
    for name, one in sources.items():
        found = resolve(name, sources, run.samples[one.sample].folds, flavours, groups)
        check_classifier(found.spec, found.options, one.path, run.samples[one.sample], datasets)
        for view in found.judgements:
            check_judgement(view, one.path, found.options, found.own)
        classifiers[name] = found.spec
        judgements += found.judgements
    check_judged_on(run, classifiers, datasets, source)
    check_together(run, classifiers, judgements, source)
    judged = {spec.judgement: spec for spec in judgements}
    raw = {
        "run": run.model_dump(mode="json"),
        "datasets": {name: d.model_dump(mode="json") for name, d in datasets.items()},
        "classifiers": {name: c.model_dump(mode="json") for name, c in classifiers.items()},
        "judgements": {name: seen_as(Judgement, spec) for name, spec in judged.items()},
    }
    configuration = Configuration(run, datasets, groups, classifiers, judged, paths, raw)
    for name in datasets:
        n_parts = configuration.n_parts(name)
        if n_parts > MAX_PARTS:  # before Snakemake makes a job of each
            raise ConfigError(
                f"{source}: partition: makes {n_parts:,} partitions of dataset `{name}`; {MAX_PARTS:,} at "
                "most: give a larger target_mb"
            )
    return configuration


def _tables(
    model: type[Model], folders: Sequence[Path], name: str, named: bool = True
) -> tuple[dict[str, Model], dict[str, Path]]:
    """The entries of files of one name, and the file of each."""
    found: dict[str, Model] = {}
    where: dict[str, Path] = {}
    paths = [folder / name for folder in folders]
    for path in [path for path in paths if path.is_file()] or paths[-1:]:
        for key, entry in load_table(model, path, named).items():
            if key not in found:
                found[key], where[key] = entry, path
    return found, where


def _files(folders: Sequence[Path], name: str) -> dict[str, Path]:
    """The YAML files of folders of one name by their stems, in the order of these."""
    found: dict[str, Path] = {}
    for folder in folders:
        found = {path.stem: path for path in (folder / name).glob("*.yaml")} | found
    return dict(sorted(found.items()))


def _places(folders: Sequence[Path], name: str) -> str:
    """Where something may stand, for messages."""
    return ", ".join(str(folder / name) for folder in folders if (folder / name).exists()) or name


def _check_labels(
    flavours: Mapping[str, ClassSpec],
    defined_in: Mapping[str, Path],
    groups: Mapping[str, FeatureGroup],
    group_files: Mapping[str, Path],
    accepted: Path | None,
) -> None:
    """Before anything is drawn: matplotlib can show every label."""
    labels = [(f"{defined_in[name]}: {name}.label", entry.label) for name, entry in flavours.items()]
    labels += [
        (f"{group_files[name]}: features.{feature}.label", spec.label)
        for name, group in groups.items()
        for feature, spec in group.features.items()
    ]
    problems = list(tex.unreadable(labels, accepted))
    if problems:
        raise ConfigError("\n".join(problems))


def _group(path: Path) -> FeatureGroup:
    group = validate(FeatureGroup, read_yaml(path) | {"name": path.stem}, path)
    check_group(group, path)
    return group
