"""Checks of the run and of datasets: each field against the others; run before any job."""

import glob
import itertools
import math
import os
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from jetsmith import columns, remote
from jetsmith.batch.common import walltime_s
from jetsmith.certified import read_certified
from jetsmith.configuration import folders
from jetsmith.configuration.dataset_checks import contradictions
from jetsmith.configuration.records import hint, require, rising
from jetsmith.errors import ConfigError, InputError, refuse
from jetsmith.simulation.parameters import DETECTORS
from jetsmith.simulation.processes import EVENTS_A_PART, PROCESSES
from jetsmith.specs.classifiers import ClassSpec
from jetsmith.specs.datasets import DatasetSpec, Object, SelectionSpec, SimulateSpec
from jetsmith.specs.run import RunSpec
from jetsmith.strict import LONGEST

WORKING_POINT = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.+-]{{0,{LONGEST - 1}}}")
_NO_UTF8 = re.compile(r"[\ud800-\udfff]")  # what Python puts in the place of bytes that are none


def check_run(run: RunSpec, source: str) -> None:
    """Splits, bins, and the samples that classifiers name."""
    total = sum(run.splits.model_dump().values())
    if abs(total - 1) > 1e-9:
        raise ConfigError(f"{source}: splits add up to {total:g}; they must add up to 1")
    if "event" in run.selection:
        refuse(source, ["selection.event: rows of `event` have no jets to cut on; leave it out"])
    for obj, selection in run.selection.items():
        refuse(source, (f"selection.{obj}.{problem}" for problem in _selection(obj, selection)))
    for role, table in (("taggers", run.taggers), ("reweighters", run.reweighters)):
        for name, sample in table.items():
            require(sample, run.samples, f"{source}: {role}.{name}", "sample")
    refuse(source, _working_points(run))
    refuse(source, folders.misfits(run.pathvars))
    check_reading(run, source)
    both = set(run.taggers) & set(run.reweighters)
    if both:
        raise ConfigError(f"{source}: {', '.join(sorted(both))} is a tagger and a reweighter; rename one")


def _selection(obj: Object, selection: SelectionSpec) -> Iterator[str]:
    """Bins rise and cover what the cuts leave."""
    pt, abseta = selection.pt_bins_gev, selection.abseta_bins
    wrong = [*edges(pt, "pt_bins_gev"), *edges(abseta, "abseta_bins")]
    may = [name for name in columns.KINEMATICS[obj] if name not in ("jet_pt_gev", "jet_eta")]
    for name, found in selection.third_bins.items():
        if name not in may:
            yield f"third_bins: rows of `{obj}` carry no column `{name}` beside pt and eta{hint(name, may)}"
        yield from rising(found, f"third_bins.{name}")
    yield from wrong
    if wrong:
        return
    if pt[0] > selection.pt_min_gev:
        yield (
            f"pt_bins_gev: begin at {pt[0]:g} GeV, above pt_min_gev: {selection.pt_min_gev:g}; jets between "
            "would count in a bin that does not hold them"
        )
    if pt[-1] <= selection.pt_min_gev:
        yield f"pt_bins_gev: end at {pt[-1]:g} GeV, where pt_min_gev: {selection.pt_min_gev:g} begins"
    if abseta[0] > 0 or abseta[-1] < selection.abseta_max:
        yield (
            f"abseta_bins: go from {abseta[0]:g} to {abseta[-1]:g}; jets from 0 to abseta_max: "
            f"{selection.abseta_max:g} need a bin"
        )


def _working_points(run: RunSpec) -> Iterator[str]:
    if not run.working_points:
        yield "working_points: is empty; give one at least, such as {M: 0.01}"
    tables: dict[str, Mapping[str, object]] = {
        "working_points": run.working_points,
        "calibration.flat_efficiency": run.calibration.flat_efficiency,
    }
    tables |= {f"calibration.thresholds.{name}": of for name, of in run.calibration.thresholds.items()}
    tables |= {f"calibration.planes.{name}.points": of.points for name, of in run.calibration.planes.items()}
    for key, points in tables.items():
        for name in points:
            if not WORKING_POINT.fullmatch(name):
                yield f"{key}: `{name}`: a name has letters, digits and _ . + - alone, {LONGEST} at most"
        for (one, first), (other, second) in itertools.combinations(points.items(), 2):
            if first == second:
                yield f"{key}: {one} and {other} are one point, {first}; leave one out"
    for name, of in run.calibration.thresholds.items():
        if not of:
            yield f"calibration.thresholds.{name}: is empty; give one at least, such as {{M: 0.2783}}"


def edges(found: Sequence[float], key: str) -> Iterator[str]:
    """What is wrong with edges of bins in momentum or |pseudorapidity|."""
    wrong = [*rising(found, key)]
    yield from wrong
    if not wrong and found[0] < 0:
        yield f"{key}: begin at {found[0]:g}; momenta and |pseudorapidities| are never below 0"


def check_reading(run: RunSpec, source: str) -> None:
    """Redirectors are servers; the class of the Dask cluster has a module that is installed."""
    try:
        remote.replicas(remote.EXAMPLE, run.xrootd.redirectors)
    except InputError as error:
        raise ConfigError(f"{source}: xrootd.redirectors: {error}") from error
    if run.skim.backend != "dask":
        return
    if 0 < run.skim.dask.maximum < run.skim.dask.minimum:
        raise ConfigError(
            f"{source}: skim.dask.maximum: {run.skim.dask.maximum} is below minimum: {run.skim.dask.minimum}"
        )
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


def check_dataset(name: str, spec: DatasetSpec, run: RunSpec, path: Path) -> list[str]:
    """Files exist, or the process to simulate does; what else it says goes together with that.

    Returns:
        The files, globs expanded.
    """
    where = f"{path}: {name}"
    if bool(spec.files) == (spec.simulate is not None):
        raise ConfigError(f"{where}: needs `files` or `simulate`, one of the two")
    if spec.simulate is not None:
        require(spec.simulate.process, PROCESSES, f"{where}: simulate.process", "process")
        require(spec.simulate.detector, DETECTORS, f"{where}: simulate.detector", "detector")
        refuse(where, _simulated(spec, spec.simulate, run.simulation_scale))
    refuse(where, _triggers(spec))
    if spec.golden_json is not None:
        golden = local(spec.golden_json, run.data_root)
        if not golden.is_file():
            raise ConfigError(f"{where}: golden_json: no file {golden}{unset(str(golden))}")
        try:
            read_certified(golden)
        except InputError as error:
            raise ConfigError(f"{where}: golden_json: {error}") from error
    refuse(where, contradictions(spec, run.selection.get(spec.object, SelectionSpec())))
    return expand_files(spec.files, run.data_root, where, run.xrootd.redirectors)


def _simulated(spec: DatasetSpec, simulate: SimulateSpec, scale: float) -> Iterator[str]:
    """What the embedded simulation can make; before it has worked for an hour."""
    for key in ("golden_json", "is_data", "hlt"):
        if getattr(spec, key):
            yield f"{key}: simulated events are no data and have no triggers; leave it out"
    if spec.layout not in ("auto", "pfnano"):
        yield f"layout: simulated files are `pfnano`, not `{spec.layout}`; leave it out"
    boosted = [name for name, process in PROCESSES.items() if process.boosted]
    if spec.object == "ak8" and simulate.process not in boosted:
        yield (
            f"simulate.process: `{simulate.process}` has no rows of `ak8`; processes that have: "
            f"{', '.join(boosted)}"
        )
    n_events = round(simulate.n_events * scale)
    if n_events < simulate.parts:
        yield (
            f"simulate.parts: {simulate.parts} parts of {n_events} events (simulation_scale: {scale:g}); "
            "each needs one"
        )
    if n_events > simulate.parts * EVENTS_A_PART:
        yield (
            f"simulate.parts: {n_events:,} events in {simulate.parts} parts; a part has event numbers for "
            f"{EVENTS_A_PART:,}; give {math.ceil(n_events / EVENTS_A_PART)}"
        )


def _triggers(spec: DatasetSpec) -> Iterator[str]:
    twice = sorted({name for name in spec.hlt if spec.hlt.count(name) > 1})
    if twice or not all(spec.hlt):
        yield f"hlt: names of triggers, each once; got {', '.join(map(repr, spec.hlt))}"
    if spec.hlt and spec.layout == "physlite":
        yield f"hlt: PHYSLITE has no branch a trigger; remove {', '.join(spec.hlt)}"


def local(path: str, data_root: str) -> Path:
    """A path of the configuration, `~` and variables expanded; a relative one starts at `data_root`."""
    return Path(_expanded(data_root)) / _expanded(path)


def _expanded(path: str) -> str:
    return os.path.expanduser(os.path.expandvars(path))


def _pattern(path: str) -> str:
    """A glob in which folders that are there as they are written are meant so, brackets and all."""
    parts = Path(path).parts
    there = (k for k in range(len(parts), 0, -1) if os.path.isdir(os.path.join(*parts[:k])))
    k = next(there, 0)
    return os.path.join(glob.escape(os.path.join(*parts[:k])), *parts[k:]) if k else path


def unset(path: str) -> str:
    """Says which variables of a path that is not there are not set; nothing where all are."""
    names = dict.fromkeys(re.findall(r"\$\{?(\w+)", path))
    return "".join(f"; the variable {name} is not set" for name in names)


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
        matches = [path] if os.path.exists(path) else sorted(glob.glob(_pattern(path), recursive=True))
        if not matches:
            raise ConfigError(
                f"{where}: files: no file {path}{unset(path)}; a relative path starts at "
                f"`data_root` ({os.path.abspath(_expanded(data_root))})"
            )
        unnamed = [match for match in matches if _NO_UTF8.search(match)]
        if unnamed:
            raise ConfigError(
                f"{where}: files: the name {unnamed[0]!a} is no UTF-8, as JSON has it; rename it"
            )
        folders = [match for match in matches if os.path.isdir(match)]
        if folders:
            raise ConfigError(
                f"{where}: files: {folders[0]} is a folder; `files` takes ROOT files or a glob such as "
                f"{os.path.join(folders[0], '*.root')}"
            )
        found += matches
    twice = {path for path in found if found.count(path) > 1} if len(found) != len(set(found)) else set()
    if twice:
        raise ConfigError(f"{where}: files: given twice: {', '.join(sorted(twice))}")
    return found


def check_files_once(
    run: RunSpec,
    paths: Mapping[str, Sequence[str]],
    known: Mapping[str, Hashable],
    listed_in: Mapping[str, Path],
    source: str,
) -> None:
    """No file counts twice in a sample, under whatever names: in one dataset, or in two of its datasets.

    Args:
        run: The run.
        paths: Files of each dataset.
        known: What each file is (`same_events.identities`).
        listed_in: The file that lists each dataset.
        source: Name of the run's file.

    Raises:
        ConfigError: Names both names of the file.
    """
    for dataset, files in paths.items():
        first: dict[Hashable, str] = {}
        for path in files:
            if (other := first.setdefault(known[path], path)) != path:
                refuse(
                    listed_in[dataset], [f"{dataset}: files: {other} and {path} are one file; leave one out"]
                )
    for name, sample in run.samples.items():
        owners: dict[Hashable, tuple[str, str]] = {}
        for dataset in sample.datasets:
            for path in paths[dataset]:
                other, whose = owners.setdefault(known[path], (path, dataset))
                if whose != dataset:
                    also = path if path == other else f"{path}, the same file as {other},"
                    problem = f"{also} is in datasets {whose} and {dataset}; its events would count twice"
                    refuse(source, [f"samples.{name}: {problem}"])


def check_flavours(flavours: Mapping[str, ClassSpec], path: Path) -> None:
    """A class is truth or a generator."""
    for name, entry in flavours.items():
        if bool(entry.truth) == bool(entry.generator):
            refuse(path, [f"{name}: needs `truth` or `generator`, one of the two"])
        twice = sorted({key for key in entry.truth if entry.truth.count(key) > 1})
        if twice:
            refuse(path, [f"{name}.truth: given twice: {', '.join(map(str, twice))}"])
