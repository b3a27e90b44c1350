"""Every check of one field of the configuration against another; run before any job."""

import glob
import itertools
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from jetsmith import columns, remote
from jetsmith.batch import walltime_s
from jetsmith.errors import ConfigError, InputError
from jetsmith.features.derived import available_with_derived
from jetsmith.records import hint, require
from jetsmith.simulation.processes import PROCESSES
from jetsmith.specs import ClassifierSpec, DatasetSpec, FeatureGroup, RunSpec, SampleSpec


def check_run(run: RunSpec, source: str) -> None:
    """Splits, bins, and the samples that classifiers name."""
    total = sum(run.splits.model_dump().values())
    if abs(total - 1) > 1e-9:
        raise ConfigError(f"{source}: splits add up to {total:g}; they must add up to 1")
    for obj, selection in run.selection.items():
        _check_edges(selection.pt_bins_gev, f"{source}: selection.{obj}.pt_bins_gev")
        _check_edges(selection.abseta_bins, f"{source}: selection.{obj}.abseta_bins")
    for role, table in (("taggers", run.taggers), ("reweighters", run.reweighters)):
        for name, sample in table.items():
            require(sample, run.samples, f"{source}: {role}.{name}", "sample")
    check_reading(run, source)
    both = set(run.taggers) & set(run.reweighters)
    if both:
        raise ConfigError(f"{source}: {', '.join(sorted(both))} is a tagger and a reweighter; rename one")


def check_reading(run: RunSpec, source: str) -> None:
    """Redirectors are servers; the class of the Dask cluster has a module that is installed."""
    try:
        remote.replicas(remote.EXAMPLE, run.xrootd.redirectors)
    except InputError as error:
        raise ConfigError(f"{source}: xrootd.redirectors: {error}") from error
    if run.skim.backend != "dask":
        return
    if run.skim.dask.is_slurm and "walltime" in run.skim.dask.options:
        try:
            walltime_s(run.skim.dask.options["walltime"])
        except ConfigError as error:
            raise ConfigError(f"{source}: skim.dask.options.{error}") from error
    module = run.skim.dask.cluster.rpartition(".")[0]
    if not module or find_spec(module.partition(".")[0]) is None:
        raise ConfigError(
            f"{source}: skim.dask.cluster: no module `{module}` for `{run.skim.dask.cluster}`; give a class "
            "by its dotted name, such as distributed.LocalCluster, and install its package (extra `dask`)"
        )


def _check_edges(edges: tuple[float, ...], where: str) -> None:
    if len(edges) < 2 or any(low >= high for low, high in itertools.pairwise(edges)):
        raise ConfigError(f"{where}: bin edges must rise and be two at least; got {list(edges)}")


def check_group(group: FeatureGroup, path: Path) -> None:
    """Sources of features are canonical columns, features of presets exist."""
    if group.kind == "sequence" and group.length == 0:
        raise ConfigError(f"{path}: a sequence needs `length` > 0")
    known = available_with_derived(set(columns.BY_OBJECT[group.object]), group.object)
    for name, feature in group.features.items():
        if feature.source not in known and not feature.source.startswith(columns.STORED_PREFIX):
            raise ConfigError(
                f"{path}: features.{name}.source: no column `{feature.source}`{hint(feature.source, known)}"
            )
    for preset, names in group.presets.items():
        for name in names:
            require(name, group.features, f"{path}: presets.{preset}", "feature")


def check_dataset(name: str, spec: DatasetSpec, run: RunSpec, path: Path) -> list[str]:
    """Files exist, or the process to simulate does; cuts for its rows are given.

    Returns:
        The files, globs expanded.
    """
    where = f"{path}: {name}"
    if bool(spec.files) == (spec.simulate is not None):
        raise ConfigError(f"{where}: needs `files` or `simulate`, one of the two")
    if spec.simulate is not None:
        require(spec.simulate.process, PROCESSES, f"{where}: simulate.process", "process")
    files = expand_files(spec.files, run.data_root, where, run.xrootd.redirectors)
    if spec.golden_json is not None and not local(spec.golden_json, run.data_root).is_file():
        raise ConfigError(f"{where}: golden_json: no file {local(spec.golden_json, run.data_root)}")
    if spec.object not in run.selection and spec.object != "event":
        raise ConfigError(f"config: selection.{spec.object} is missing, and dataset `{name}` needs it")
    return files


def local(path: str, data_root: str) -> Path:
    """A path of the configuration, variables expanded; a relative one starts at `data_root`."""
    return Path(os.path.expandvars(data_root)) / os.path.expandvars(path)


def expand_files(
    patterns: tuple[str, ...], data_root: str, where: str, redirectors: tuple[str, ...] = ()
) -> list[str]:
    """Expand globs; every pattern must match a file. Remote paths stay as they are.

    So do logical file names, `/store/…`, where there are redirectors to ask for them.
    """
    found: list[str] = []
    for pattern in patterns:
        if remote.is_remote(pattern, redirectors):
            try:
                remote.replicas(pattern, redirectors)
            except InputError as error:
                raise ConfigError(f"{where}: files: {error}") from error
            found.append(pattern)
            continue
        path = str(local(pattern, data_root))
        matches = sorted(glob.glob(path, recursive=True))
        if not matches:
            raise ConfigError(
                f"{where}: files: no file {path}; a relative path starts at "
                f"`data_root` ({os.path.abspath(os.path.expandvars(data_root))})"
            )
        found += matches
    twice = {path for path in found if found.count(path) > 1} if len(found) != len(set(found)) else set()
    if twice:
        raise ConfigError(f"{where}: files: given twice: {', '.join(sorted(twice))}")
    return found


def check_samples(run: RunSpec, datasets: Mapping[str, DatasetSpec], source: str) -> None:
    """Datasets of a sample fit together."""
    for name, sample in run.samples.items():
        objects = {d: datasets[d].object for d in sample.datasets}
        if len(set(objects.values())) > 1:
            raise ConfigError(f"{source}: samples.{name}: datasets of different objects: {objects}")
        if sample.folds == 1:
            raise ConfigError(f"{source}: samples.{name}.folds: 0 for one split, else 2 or more; got 1")
        if sample.normalise == "cross_section":
            without = [d for d in sample.datasets if datasets[d].cross_section_pb is None]
            if without:
                raise ConfigError(
                    f"{source}: samples.{name}: normalise: cross_section needs "
                    f"cross_section_pb of {', '.join(without)}"
                )


def check_classifier(
    spec: ClassifierSpec, path: Path, sample: SampleSpec, datasets: Mapping[str, DatasetSpec]
) -> None:
    """Classes are disjoint, the architecture exists, the discriminant speaks of its classes."""
    objects = {datasets[d].object for d in sample.datasets}
    if {spec.object} != objects:
        raise ConfigError(
            f"{path}: reads rows of `{spec.object}`, but those of sample `{spec.sample}` "
            f"({spec.role}s.{spec.name} of the run) are `{', '.join(objects)}`"
        )
    ids = [key for c in spec.classes for key in (c.truth or (c.generator,))]
    if len(ids) != len(set(ids)):
        raise ConfigError(f"{path}: classes overlap in truth: {', '.join(spec.class_names)}")
    for key in ("pt_bins_gev", "abseta_bins"):
        _check_edges(getattr(spec.training, key), f"{path}: training.{key}")
    if spec.role == "reweighter":
        made = {datasets[d].generator for d in sample.datasets}
        lacking = [c.generator for c in spec.classes if c.generator not in made]
        if len(spec.classes) != 2 or lacking:
            raise ConfigError(
                f"{path}: a reweighter has two classes with `generator`, source then target, each made by "
                "a dataset of its sample (key `generator` in datasets.yaml); "
                f"generators there: {', '.join(sorted(made))}; lacking: {lacking}"
            )
        return
    if spec.discriminant is None or spec.evaluation is None:
        raise ConfigError(f"{path}: a tagger needs `discriminant` and `evaluation`")
    for key in (*spec.discriminant.signal, *spec.discriminant.background):
        require(key, spec.class_names, f"{path}: discriminant", "class")
    evaluated = [c for c in (spec.signal_class, *spec.background_classes) if c is not None]
    without = [c.name for c in evaluated if c.flavor is None]
    if without:
        raise ConfigError(f"{path}: evaluation: {', '.join(without)} has no `flavor` in config/flavours.yaml")
