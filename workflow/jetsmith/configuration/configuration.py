"""The run with every name looked up: what `load` makes, and what rules and stages ask of it."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jetsmith import columns, derivations, plugs, remote
from jetsmith.columns.turned import SUFFIX
from jetsmith.configuration.checks import local
from jetsmith.configuration.loss_scanned import LossScanned
from jetsmith.configuration.same_events import SameEvents
from jetsmith.configuration.scanned import Scanned
from jetsmith.configuration.started import Taught
from jetsmith.configuration.trained import Training, trainings_of
from jetsmith.derivations.of_jets import TRACK_PROBABILITY
from jetsmith.estimates import read_on
from jetsmith.specs.classifiers import MISSING, ClassifierSpec, ClassSpec
from jetsmith.specs.datasets import DatasetSpec, Object, SelectionSpec
from jetsmith.specs.features import ColumnSpec, FeatureGroup, RawSpec
from jetsmith.specs.parameters import ParameterValues, group_of
from jetsmith.specs.run import RunSpec
from jetsmith.strict import seen_as

REMOTE_FILE_MB = 2000.0  # ASSUME: a remote file's size before anyone has looked at it


@dataclass(frozen=True)
class Configuration:
    """The run with every name looked up.

    Attributes:
        run: config/config.yaml, or the file given with --configfile.
        datasets: Those that the run's samples use.
        groups: Feature groups by name.
        classifiers: Taggers and reweighters of the run by name; of a tagger its first judgement.
        judgements: Each tagger with each of its discriminants, by the name of both.
        ensembles: Trainings of each classifier that is an average of several.
        scans: Of each classifier that has one.
        paths: Files of each dataset, globs expanded; none where it is simulated.
        same_events: Which datasets have events in common.
        raw: All of it as plain values, for digests and the report.
        ablations: Of each tagger that is also trained without some inputs, it without them, by name.
        loss_scans: Of each tagger that is also trained with other weights of a loss.
        starts: What folders say that networks start from.
    """

    run: RunSpec
    datasets: dict[str, DatasetSpec]
    groups: dict[str, FeatureGroup]
    classifiers: dict[str, ClassifierSpec]
    judgements: dict[str, ClassifierSpec]
    ensembles: dict[str, int]
    scans: dict[str, Scanned]
    paths: dict[str, list[str]]
    same_events: SameEvents
    raw: dict[str, Any]
    ablations: dict[str, dict[str, ClassifierSpec]] = field(default_factory=dict)
    loss_scans: dict[str, LossScanned] = field(default_factory=dict)
    starts: dict[str, Taught] = field(default_factory=dict)

    def n_parts(self, dataset: str) -> int:
        """Partitions of a dataset: its own `parts`, one a simulated file, or by file sizes."""
        spec = self.datasets[dataset]
        if spec.simulate is not None:
            return spec.parts or spec.simulate.parts
        if spec.parts is not None:
            return spec.parts
        return self.run.partition.n_parts(sum(self.sizes_mb(dataset)))

    def n_files(self, dataset: str) -> int:
        """Files of a dataset, simulated ones too."""
        spec = self.datasets[dataset]
        return len(self.paths[dataset]) if spec.simulate is None else spec.simulate.parts

    def sizes_mb(self, dataset: str) -> list[float]:
        """Size of each file [MB]: another size is another file; stage look sees to those of the same."""
        found = self._status(dataset)
        return [REMOTE_FILE_MB if status is None else status.st_size / 1e6 for status in found]

    def times_ns(self, dataset: str) -> list[int]:
        """When each file was changed last, by its file system [ns]; 0 of a remote one, which nobody asks."""
        return [0 if status is None else status.st_mtime_ns for status in self._status(dataset)]

    @property
    def looked_at(self) -> list[str]:
        """Datasets with files on a disk, which others may change."""
        return [name for name, paths in self.paths.items() if not all(map(self._is_remote, paths))]

    def _status(self, dataset: str) -> list[os.stat_result | None]:
        """What the file system knows of each file, which nobody opens; None of a remote one."""
        if dataset not in self._statuses:
            self._statuses[dataset] = [
                None if self._is_remote(path) else os.stat(path) for path in self.paths[dataset]
            ]
        return self._statuses[dataset]

    def _is_remote(self, path: str) -> bool:
        return remote.is_remote(path, self.run.xrootd.redirectors)

    @cached_property
    def _statuses(self) -> dict[str, list[os.stat_result | None]]:
        return {}

    def resolves(self, group: str) -> bool:
        """Whether a feature group reads what follows from the resolution functions that the run asks for."""
        spec = self.groups.get(group)
        if self.run.track_resolution is None or spec is None:
            return False
        return TRACK_PROBABILITY in derivations.reached(spec.sources, spec.object)

    def resolution_file(self) -> str | None:
        """The file of resolution functions that the run names."""
        spec = self.run.track_resolution
        return str(local(spec.file, self.run.data_root)) if spec and spec.file else None

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

    @property
    def tested(self) -> list[str]:
        """Reweighters with events of their target, with which closure compares; those of others need none."""
        made = {name: set(self.generators(sample).values()) for name, sample in self.run.reweighters.items()}
        return [name for name in made if self.classifiers[name].classes[1].generator in made[name]]

    @property
    def is_gated(self) -> bool:
        """Whether another run says how much worse this one may be."""
        return self.run.compare is not None and self.run.compare.fail_if_worse_than is not None

    @property
    def corrected(self) -> list[str]:
        """Reweighters whose weights leave in bins, too, as a correction."""
        ratios = {name: self.classifiers[name].ratio for name in self.run.reweighters}
        return [name for name, ratio in ratios.items() if ratio is not None and ratio.binned]

    @property
    def parametrised(self) -> list[str]:
        """Reweighters with parameters."""
        return [name for name in self.run.reweighters if self.classifiers[name].parameters]

    @property
    def interpolated(self) -> list[str]:
        """Tested reweighters with values of parameters that are held out of their training."""
        return [name for name in self.tested if self.held_out_at(name)]

    def held_out_at(self, reweighter: str) -> dict[str, list[str]]:
        """Datasets at each of the values of its parameters that a reweighter is not trained on, by label."""
        spec = self.classifiers[reweighter]
        return {
            at: found
            for at, point in spec.points.items()
            if (found := [name for name in spec.held_out if self._at(spec, name) == list(point.values())])
        }

    def values_of(self, reweighter: str) -> dict[str, list[float]]:
        """Values of its parameters, in their order, of the datasets that were generated at some."""
        spec = self.classifiers[reweighter]
        found = {name: self._at(spec, name) for name in self.run.samples[spec.sample].datasets}
        return {name: values for name, values in found.items() if values}

    def asked_of(self, reweighter: str) -> ParameterValues:
        """Values of its parameters: trained at, held out, and with a column of weights."""
        spec, found = self.classifiers[reweighter], self.values_of(reweighter)
        trained = {tuple(values) for name, values in found.items() if name not in spec.held_out}
        held_out = {tuple(values) for name, values in found.items() if name in spec.held_out}
        weighed = {at: tuple(point.values()) for at, point in spec.points.items()}
        return ParameterValues(
            trained=tuple(sorted(trained)), held_out=tuple(sorted(held_out)), weighed=weighed
        )

    def _at(self, spec: ClassifierSpec, dataset: str) -> list[float]:
        has = self.datasets[dataset].parameters
        return [has[name] for name in spec.parameters if name in has]

    def has_collisions(self, sample: str) -> bool:
        """Whether a sample has data, beside simulation or alone."""
        return any(self.datasets[name].is_data for name in self.run.samples[sample].datasets)

    def labels(self, classifier: str) -> dict[str, str]:
        """TeX label of each feature that a classifier reads or is compared in."""
        spec = self.classifiers[classifier]
        return {
            feature: self.groups[inputs.group].features[feature].label
            for inputs in (*spec.inputs, *spec.spectators)
            if inputs.group in self.groups
            for feature in inputs.features
        }

    def parts(self, dataset: str) -> list[str]:
        """Names of the partitions: 000, 001, …"""
        return [f"{part:03d}" for part in range(self.n_parts(dataset))]

    @cached_property
    def trainings(self) -> dict[str, Training]:
        """What is trained, by where its model lies below results/models (`configuration.trained`)."""
        return trainings_of(
            self.classifiers, self.scans, self.ensembles, self.ablations, self.loss_scans, self.run.seed
        )

    def n_stacked(self, classifier: str, sample: str) -> int:
        """Models of a classifier, each without a part of the events, on whose scores others are trained.

        None where scores are out of fold anyway: in another sample, one with folds, or as they are stored.
        """
        spec = self.classifiers[classifier]
        if sample != spec.sample:
            return 0
        return 0 if spec.folds or not plugs.trains(spec.backend) else self.run.stack_folds

    @property
    def explained(self) -> list[str]:
        """Taggers that are looked into: those whose scores follow from inputs, whoever trained them."""
        found = self.run.taggers if self.run.explain.enabled else ()
        return [name for name in found if plugs.computes(self.classifiers[name].backend)]

    @property
    def bundled(self) -> list[str]:
        """Taggers that leave as bundles: one model each, of a backend that has a writer."""
        found = [self.classifiers[name] for name in self.run.taggers] if self.run.bundles else []
        return [spec.name for spec in found if not spec.folds and spec.backend in plugs.names("bundles")]

    @property
    def bundled_reweighters(self) -> list[str]:
        """Reweighters that leave as bundles: those that are trained here, with all of their folds."""
        found = [self.classifiers[name] for name in self.run.reweighters] if self.run.bundles else []
        return [spec.name for spec in found if spec.backend in plugs.names("bundles")]

    def given_to(self, classifier: str) -> dict[str, dict[str, RawSpec]]:
        """What a caller of its bundle, or correction, starts from: by group and name, before transforms.

        Of another tagger that is its score, which may be absent where an experiment stored it.
        """
        spec = self.classifiers[classifier]
        return {
            i.group: {name: self.raw_of(spec.object, i.group, name) for name in i.features}
            for i in spec.inputs
        }

    def raw_of(self, of: Object, group: str, name: str) -> RawSpec:
        """A feature, or a score of another tagger, of rows of an object, as a caller gives it."""
        if group in map(group_of, self.parametrised):
            return RawSpec(source=f"{group}.{name}", default=None, meaning="parameter of the target")
        if group not in self.groups:
            stored = self.classifiers[group].backend == "stored"
            return RawSpec(source=f"{group}.{name}", default=MISSING if stored else None)
        found = seen_as(ColumnSpec, self.groups[group].features[name])
        known = columns.BY_OBJECT[of].get(found["source"])
        about = (known.unit, known.text) if known is not None else ("", "")
        return RawSpec(**found, unit=about[0], meaning=about[1])

    def samples_of(self, classifier: str) -> tuple[str, ...]:
        """The sample that a classifier is trained on, then those that it is judged on beside."""
        return (self.classifiers[classifier].sample, *self.run.judged_on.get(classifier, ()))

    def groups_on(self, classifier: str, sample: str) -> tuple[str, ...]:
        """Feature groups, and classifiers whose scores, a classifier reads of a sample."""
        read = read_on(self.classifiers[classifier], sample)
        return tuple(dict.fromkeys(inputs.group for inputs in read))

    def told_on(self, classifier: str) -> tuple[str, ...]:
        """These, and where it is tried, measured, corrected or shown: samples whose truth judges it."""
        own = self.classifiers[classifier].sample
        shifts = self.run.resilience[own].shifts.values() if classifier in self.tried(own) else ()
        asked = [(m.judgement, tuple(self.run.measured_on(m))) for m in self.run.scale_factors.values()]
        asked += [(judgement, m.samples) for judgement, m in self.run.shapes.items()]
        measured = (s for name, of in asked if self.judgements[name].name == classifier for s in of)
        shown = (
            sample
            for one in self.run.commissioning.values()
            if classifier in (self.judgements[judgement].name for judgement in one.judgements)
            for sample in (one.data, *one.simulation)
        )
        return tuple(dict.fromkeys((*self.samples_of(classifier), *shifts, *measured, *shown)))

    def scored_on(self, classifier: str) -> tuple[str, ...]:
        """These, and where reweighters read its scores: all samples that it reads, its own first."""
        read = (
            self.classifiers[name].sample
            for name in self.run.reweighters
            if classifier in self.classifiers[name].groups
        )
        return tuple(dict.fromkeys((*self.told_on(classifier), *read)))

    def signs_of(self, sample: str) -> str:
        """What stands behind the names of its feature groups: nothing, or `.turned`."""
        return SUFFIX if self.run.samples[sample].signs == "turned" else ""

    def tried(self, sample: str) -> list[str]:
        """Taggers that are tried where something is not as in this sample, which is theirs."""
        if sample not in self.run.resilience:
            return []
        own = [name for name, where in self.run.taggers.items() if where == sample]
        chosen = self.run.resilience[sample].taggers
        return [name for name in own if not chosen or name in chosen]

    @property
    def moved(self) -> list[str]:
        """Judgements whose inputs are moved: of taggers that are tried, with scores made from inputs."""
        asked = {s: self.tried(s) for s, spec in self.run.resilience.items() if spec.moves or spec.features}
        return [
            name
            for name, spec in self.judgements.items()
            if spec.name in asked.get(spec.sample, ()) and plugs.computes(spec.backend)
        ]

    @cached_property
    def measured(self) -> dict[str, list[str]]:
        """Names of the measurements of each judgement that has some."""
        found: dict[str, list[str]] = {}
        for name, spec in self.run.scale_factors.items():
            found.setdefault(spec.judgement, []).append(name)
        return found

    def judged_on(self, sample: str) -> list[ClassifierSpec]:
        """Judgements on a sample, in the order of the configuration."""
        return [spec for spec in self.judgements.values() if sample in self.samples_of(spec.name)]

    def judged_by(self, tagger: str) -> list[ClassSpec]:
        """Classes that judge a tagger, by name: signals and backgrounds of all its discriminants."""
        views = [spec for spec in self.judgements.values() if spec.name == tagger]
        found = {c.name: c for v in views for c in (v.signal_class, *v.background_classes) if c is not None}
        return [found[name] for name in sorted(found)]

    def object_of(self, sample: str) -> str:
        """What a row of the sample is."""
        return self.datasets[self.run.samples[sample].datasets[0]].object
