"""Read the configuration, look its names up, and check every field against every other.

All of it happens while Snakemake reads the Snakefile: a mistake costs a second, not a night.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from jetsmith import tex
from jetsmith.configuration import (
    ablated,
    loss_scanned,
    parameter_checks,
    places,
    scanned,
    stacked,
    start_checks,
)
from jetsmith.configuration.checks import (
    check_dataset,
    check_files_once,
    check_flavours,
    check_run,
)
from jetsmith.configuration.classifier_checks import check_classifier, misfits_of_side, mixtures
from jetsmith.configuration.commissioning_checks import check_commissioning
from jetsmith.configuration.compare_checks import check_compare
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.feature_checks import check_group, check_groups
from jetsmith.configuration.judgement_checks import (
    check_judged_on,
    check_judgement,
    check_points,
    check_together,
)
from jetsmith.configuration.learned_checks import check_learned
from jetsmith.configuration.measurement_checks import check_measurements
from jetsmith.configuration.records import Model, load_table, pick, read_yaml, require, validate
from jetsmith.configuration.resilience_checks import check_resilience
from jetsmith.configuration.resolution_checks import check_resolution
from jetsmith.configuration.resolve import Resolved, classifier_file, resolve
from jetsmith.configuration.same_events import SameEvents, identities
from jetsmith.configuration.sample_checks import check_samples, with_folds
from jetsmith.configuration.shape_checks import check_shapes
from jetsmith.configuration.stacked import Source
from jetsmith.configuration.turned_checks import check_turned
from jetsmith.errors import ConfigError, refuse
from jetsmith.specs.classifiers import ClassifierFile, ClassifierSpec, ClassSpec, Role
from jetsmith.specs.datasets import MAX_PARTS, DatasetSpec
from jetsmith.specs.features import FeatureGroup
from jetsmith.specs.run import RunSpec
from jetsmith.specs.shown import Judgement
from jetsmith.strict import seen_as


def load(
    config: Mapping[str, Any],
    folders: Path | Sequence[Path],
    source: str | places.Run = "config/config.yaml",
    accepted: Path | None = None,
    is_planning: bool = True,
) -> Configuration:
    """Build the configuration.

    Args:
        config: Snakemake's `config`.
        folders: Folders with datasets.yaml, flavours.yaml and the folders below them; of two entries or
            files of one name that of the first counts.
        source: What the run was put together from, or the name of its file for messages.
        accepted: Where it is remembered which labels matplotlib can show.
        is_planning: Look at the run that this one is compared with, too. Jobs of a batch system read the
            configuration again, hours later, and only that of compare needs that folder.

    Raises:
        ConfigError: Names file, line, key, and what would be right.
    """
    run = places.Run(source) if isinstance(source, str) else source
    try:
        found = (folders,) if isinstance(folders, Path) else tuple(folders)
        content = run.merged(config)
        return _load(content, found, run.name, accepted, is_planning)
    except ConfigError as error:
        raise ConfigError(places.located(str(error), run)) from error


def _load(
    config: Mapping[str, Any], folders: Sequence[Path], source: str, accepted: Path | None, is_planning: bool
) -> Configuration:
    run = validate(RunSpec, dict(config), source)
    check_run(run, source)
    if is_planning:
        check_compare(run, source)
    run = with_folds(run)
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
    check_resolution(run, datasets, source)
    known_files = identities(paths)
    check_files_once(run, paths, known_files, listed_in, source)
    same = SameEvents(
        datasets, {name: {known_files[path]: path for path in found} for name, found in paths.items()}
    )
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
    starts = start_checks.read(sources, known_names)
    stacked.check(sources, run.samples, groups, known_names, source, same, starts)
    ensembles: dict[str, int] = {}
    scans: dict[str, scanned.Scanned] = {}
    ablations: dict[str, dict[str, ClassifierSpec]] = {}
    loss_scans: dict[str, loss_scanned.LossScanned] = {}
    looked_up = partial(_looked_up, sources, run, flavours, groups, datasets)
    for name, one in sources.items():
        found = looked_up(name, one.content)
        for view in found.judgements:
            check_judgement(view, one.path, found.options, found.own)
        classifiers[name] = found.spec
        judgements += found.judgements
        readers = [other for other, source in sources.items() if name in source.reads]
        scanned.check(one.content, found.options, one.path, found.spec.folds, readers, one.role)
        if one.content.ensemble > 1:
            ensembles[name] = one.content.ensemble
        if one.content.scan is not None:
            scans[name] = scanned.points(one.content, one.path, run.seed, partial(looked_up, name))
        if less := ablated.ablations(one.content, one.path, found.spec, partial(looked_up, name)):
            ablations[name] = less
        if weighed := loss_scanned.looked_up(one.content, one.path, found.spec, partial(looked_up, name)):
            loss_scans[name] = weighed
    start_checks.check(sources, classifiers, starts, groups, run, same)
    check_judged_on(run, classifiers, datasets, source)
    check_resilience(run, classifiers, datasets, groups, source)
    check_together(run, classifiers, judgements, source)
    judged = {spec.judgement: spec for spec in judgements}
    check_points(run, judged, source)
    check_measurements(run, datasets, groups, judged, source, same)
    check_commissioning(run, datasets, groups, judged, source, same)
    check_learned(run, groups, judged, source)
    check_shapes(run, datasets, groups, judged, source, same)
    raw = {
        "run": run.model_dump(mode="json"),
        "datasets": {name: d.model_dump(mode="json") for name, d in datasets.items()},
        "classifiers": {name: c.model_dump(mode="json") for name, c in classifiers.items()},
        "judgements": {name: seen_as(Judgement, spec) for name, spec in judged.items()},
    }
    if scans:
        raw["scans"] = {name: scan.spec.model_dump(mode="json") for name, scan in scans.items()}
    if ensembles:
        raw["ensembles"] = ensembles
    if ablations:
        raw["ablations"] = {
            name: {key: [list(i.features) for i in one.inputs] for key, one in less.items()}
            for name, less in ablations.items()
        }
    if loss_scans:
        raw["loss_scans"] = {name: scan.spec.model_dump(mode="json") for name, scan in loss_scans.items()}
    configuration = Configuration(
        *(run, datasets, groups, classifiers, judged, ensembles, scans, paths, same, raw),
        *(ablations, loss_scans, starts),
    )
    check_turned(configuration, source)
    for name in datasets:
        n_parts = configuration.n_parts(name)
        if n_parts > MAX_PARTS:  # before Snakemake makes a job of each
            raise ConfigError(
                f"{source}: partition: makes {n_parts:,} partitions of dataset `{name}`; {MAX_PARTS:,} at "
                "most: give a larger target_mb"
            )
    return configuration


def _looked_up(
    sources: Mapping[str, Source],
    run: RunSpec,
    flavours: Mapping[str, ClassSpec],
    groups: Mapping[str, FeatureGroup],
    datasets: Mapping[str, DatasetSpec],
    name: str,
    content: ClassifierFile,
) -> Resolved:
    """A classifier by its file, or by that with the settings of a point of its scan, checked."""
    one = replace(sources[name], content=content)
    sample = run.samples[one.sample]
    used = {dataset: datasets[dataset] for dataset in sample.datasets}
    held = parameter_checks.datasets_held_out(content.parameters, used)
    held_out = tuple(chain.from_iterable(held.values()))
    found = resolve(name, {**sources, name: one}, sample.folds or 0, flavours, groups, held_out)
    check_classifier(found.spec, found.options, one.path, sample, datasets)
    parameter_checks.check(found.spec, content.parameters, one.path, used, {*groups, *sources}, run.bundles)
    refuse(one.path, mixtures(found.spec, sample, used))
    refuse(one.path, misfits_of_side(found.spec, groups))
    of_features = found.options.misfits_of_features(found.spec, groups)
    refuse(one.path, (f"architecture.{problem}" for problem in of_features))
    return found


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
