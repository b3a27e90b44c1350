"""What looks into taggers gets of the configuration: explain, perturb, ablate and scan_losses."""

from typing import NamedTuple

from jetsmith.columns import KINEMATICS
from jetsmith.configuration.configuration import Configuration
from jetsmith.specs.classifiers import MISSING, ClassifierSpec, DiscriminantSpec, RecipeSpec, TruthSpec
from jetsmith.specs.explain import JetsSpec
from jetsmith.specs.resilience import MovesSpec
from jetsmith.stages.plain import Plain
from jetsmith.strict import seen_as

MOMENTUM = "jet_pt_gev"


class Explain(NamedTuple):
    """A tagger, its first discriminant, which classes this tells apart, and how many jets are looked at."""

    spec: Plain
    discriminant: Plain
    signal: Plain
    background: Plain
    jets: Plain
    seed: int


def explain(run: Configuration, tagger: str) -> Explain:
    """Stage explain."""
    spec = run.classifiers[tagger]
    jets = seen_as(JetsSpec, run.run.explain)
    return Explain(seen_as(RecipeSpec, spec), *_told_apart(spec), jets, run.run.seed)


class Perturb(NamedTuple):
    """A tagger with a discriminant, classes that judge it, how far inputs move, and where they may not."""

    judgement: str
    spec: Plain
    discriminant: Plain
    signal: Plain
    backgrounds: list[Plain]
    moves: Plain
    limits: dict[str, dict[str, Plain]]
    seed: int


def perturb(run: Configuration, judgement: str) -> Perturb:
    """Stage perturb; scores of others that a tagger reads are probabilities, which may be absent."""
    spec = run.judgements[judgement]
    discriminant, signal, _ = _told_apart(spec)
    limits = {
        given.group: {name: _limits(run, given.group, name) for name in given.features}
        for given in spec.inputs
    }
    return Perturb(
        judgement=judgement,
        spec=seen_as(RecipeSpec, spec),
        discriminant=discriminant,
        signal=signal,
        backgrounds=[seen_as(TruthSpec, background) for background in spec.background_classes],
        moves=seen_as(MovesSpec, run.run.resilience[spec.sample]),
        limits=limits,
        seed=run.run.seed,
    )


def _limits(run: Configuration, group: str, feature: str) -> Plain:
    if group not in run.groups:
        return {"default": MISSING, "clip": [0.0, 1.0], "transform": "none"}
    found = run.groups[group].features[feature]
    clip = None if found.clip is None else list(found.clip)
    return {"default": found.default, "clip": clip, "transform": found.transform}


class Ablate(NamedTuple):
    """A tagger, it without some inputs by name, and what judges all of them."""

    spec: Plain
    without: dict[str, Plain]
    discriminant: Plain
    signal: Plain
    background: Plain
    working_points: dict[str, float]
    seed: int


def ablate(run: Configuration, tagger: str) -> Ablate:
    """Stage ablate."""
    spec = run.classifiers[tagger]
    without = {name: seen_as(RecipeSpec, less) for name, less in run.ablations[tagger].items()}
    points = run.run.working_points
    return Ablate(seen_as(RecipeSpec, spec), without, *_told_apart(spec), points, run.run.seed)


class ScanLosses(NamedTuple):
    """A tagger with each weight of a loss, what judges it, and edges of bins of what it is to leave alone."""

    loss: str
    weights: list[float]
    points: list[Plain]
    seeds: int
    discriminant: Plain
    signal: Plain
    background: Plain
    columns: dict[str, list[float]]
    seed: int


def scan_losses(run: Configuration, tagger: str) -> ScanLosses:
    """Stage scan_losses; beside the column of `decorrelate` the momentum of jets is looked at."""
    spec, scan = run.classifiers[tagger], run.loss_scans[tagger]
    columns = {name: list(edges) for name, edges in spec.decorrelate.items()}
    if MOMENTUM in KINEMATICS[spec.object]:
        columns.setdefault(MOMENTUM, list(run.run.selection[spec.object].pt_bins_gev))
    discriminant, signal, background = _told_apart(spec)
    return ScanLosses(
        loss=scan.spec.loss,
        weights=list(scan.spec.weights),
        points=[seen_as(RecipeSpec, point) for point in scan.points],
        seeds=scan.spec.seeds,
        discriminant=discriminant,
        signal=signal,
        background=background,
        columns=columns,
        seed=run.run.seed,
    )


def _told_apart(spec: ClassifierSpec) -> tuple[Plain, Plain, Plain]:
    """The first discriminant of a tagger, its signal and its first background."""
    assert spec.discriminant is not None
    assert spec.signal_class is not None
    signal, background = spec.signal_class, spec.background_classes[0]
    return (
        seen_as(DiscriminantSpec, spec.discriminant),
        seen_as(TruthSpec, signal),
        seen_as(TruthSpec, background),
    )
