"""What there are figures of: values of the wildcards of each plot, which follow from the configuration."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from jetsmith import plugs
from jetsmith.configuration.configuration import Configuration
from jetsmith.configuration.judgement_checks import contrast_of, trade_of
from jetsmith.estimates import estimated
from jetsmith.specs.classifiers import ClassifierSpec

Subject = tuple[str, ...]
DISCRIMINANTS = "discriminants"
"""What a figure of data and simulation shows in the place of a feature group."""


class Contrast(NamedTuple):
    """A signal against a background, and the judgements of a sample that tell them apart."""

    signal: str
    background: str
    judgements: list[ClassifierSpec]


def subjects(run: Configuration, of: str) -> list[Subject]:
    """What there is a figure of, by what a plot is of (`plots.About`)."""
    return [(found,) if isinstance(found, str) else found for found in _SUBJECTS[of](run)]


def contrasts(run: Configuration, sample: str) -> dict[str, Contrast]:
    """What the figures of ROC curves of a sample show, by their names, in order."""
    found: dict[str, Contrast] = {}
    for spec in run.judged_on(sample):
        signal = spec.signal_class.name if spec.signal_class else ""
        for background in spec.background_classes:
            empty = Contrast(signal, background.name, [])
            found.setdefault(contrast_of(signal, background.name), empty).judgements.append(spec)
    return found


def tried(run: Configuration, sample: str) -> dict[str, Contrast]:
    """Of these the figures of resilience: with the judgements that are tried where something is other."""
    names = run.tried(sample)
    found = {
        name: one._replace(judgements=[spec for spec in one.judgements if spec.name in names])
        for name, one in contrasts(run, sample).items()
    }
    return {name: one for name, one in found.items() if one.judgements}


def traded(run: Configuration, sample: str) -> dict[str, list[ClassifierSpec]]:
    """Judgements of a sample whose discriminants weigh two backgrounds, by signal and these."""
    found: dict[str, list[ClassifierSpec]] = {}
    for spec in run.judged_on(sample):
        if spec.background_parts is not None and spec.signal_class is not None:
            first, second = spec.background_classes[:2]
            found.setdefault(trade_of(spec.signal_class.name, first.name, second.name), []).append(spec)
    return found


def trained_elsewhere(run: Configuration, sample: str, group: str) -> list[str]:
    """Samples that taggers which read a group, and are judged on a sample, are trained on."""
    return list(
        dict.fromkeys(
            spec.sample
            for name, spec in run.classifiers.items()
            if sample in run.run.judged_on.get(name, ()) and group in run.groups_on(name, sample)
        )
    )


def commissioned(run: Configuration, name: str) -> list[str]:
    """What is shown of data and simulation: discriminants, then feature groups, no side columns of losses."""
    spec = run.run.commissioning[name]
    inputs = (one for judgement in spec.judgements for one in run.judgements[judgement].inputs)
    read = dict.fromkeys(one.group for one in inputs if one.group in run.groups)
    return [DISCRIMINANTS, *(spec.groups or read)]


def _contrasts(run: Configuration) -> list[Subject]:
    return [(sample, name) for sample in run.run.samples for name in contrasts(run, sample)]


def _trained(run: Configuration) -> list[str]:
    return [name for name, spec in run.classifiers.items() if plugs.trains(spec.backend)]


def _classified(run: Configuration) -> list[str]:
    """Taggers with a probability of each class."""
    return [name for name in run.run.taggers if not plugs.is_number(run.classifiers[name])]


def _headed(run: Configuration) -> list[str]:
    return [name for name in _trained(run) if run.classifiers[name].auxiliary]


def _imaged(run: Configuration) -> list[str]:
    return [name for name in run.run.taggers if plugs.shows_image(run.classifiers[name])]


def _estimated(run: Configuration) -> list[Subject]:
    """Classifier and output."""
    return [(name, output) for name, spec in run.classifiers.items() for output in estimated(spec)]


def _of_ensembles(run: Configuration) -> list[str]:
    return [name for name, spec in run.judgements.items() if spec.name in run.ensembles]


def with_loss_scan(run: Configuration, sample: str, column: str) -> list[ClassifierSpec]:
    """Taggers of a sample with `loss_scan` that are to leave a column alone."""
    return [spec for spec in _of_loss_scans(run) if spec.sample == sample and column in spec.decorrelate]


def _of_loss_scans(run: Configuration) -> list[ClassifierSpec]:
    return [run.classifiers[name] for name in run.loss_scans]


def _loss_scanned(run: Configuration) -> list[Subject]:
    """Sample and column, once each."""
    return list(dict.fromkeys((spec.sample, *spec.decorrelate) for spec in _of_loss_scans(run)))


def _described(run: Configuration) -> list[Subject]:
    """Sample and feature group, where a classifier reads the group there."""
    read = {
        (sample, group)
        for name in run.classifiers
        for sample in run.samples_of(name)
        for group in run.groups_on(name, sample)
    }
    return [(sample, group) for sample in run.run.samples for group in run.groups if (sample, group) in read]


def _compared(run: Configuration) -> list[Subject]:
    """Of these, where there is something to compare: data sets of a tagger's sample, or other samples."""
    tagged = {sample for name in run.run.taggers for sample in run.samples_of(name)}
    return [
        (sample, group)
        for sample, group in _described(run)
        if sample in tagged
        and (len(run.run.samples[sample].datasets) > 1 or trained_elsewhere(run, sample, group))
    ]


_SUBJECTS: dict[str, Callable[[Configuration], Iterable[str | Subject]]] = {
    "contrast": _contrasts,
    "traded": lambda run: [(sample, name) for sample in run.run.samples for name in traded(run, sample)],
    "tried": lambda run: [(sample, name) for sample in run.run.resilience for name in tried(run, sample)],
    "judgement": lambda run: run.judgements,
    "classified": _classified,
    "measured": lambda run: run.measured,
    "measurement": lambda run: run.run.scale_factors,
    "commissioned": lambda run: [
        (name, shown) for name in run.run.commissioning for shown in commissioned(run, name)
    ],
    "learned": lambda run: run.run.learned_efficiencies,
    "shaped": lambda run: run.run.shapes,
    "plane": lambda run: run.run.calibration.planes,
    "reweighter": lambda run: run.tested,
    "tested": lambda run: run.tested,
    "interpolated": lambda run: run.interpolated,
    "trained": _trained,
    "scanned": lambda run: run.scans,
    "headed": _headed,
    "imaged": _imaged,
    "estimated": _estimated,
    "explained": lambda run: run.explained,
    "ablated": lambda run: run.ablations,
    "loss_scanned": _loss_scanned,
    "ensemble": _of_ensembles,
    "decorrelated": lambda run: [name for name, spec in run.judgements.items() if spec.decorrelate],
    "described": _described,
    "compared": _compared,
}
