"""What a run trains: classifiers, points of scans, members of ensembles, taggers without some inputs."""

import random
from collections.abc import Mapping
from typing import NamedTuple

from jetsmith.configuration.loss_scanned import LossScanned
from jetsmith.configuration.scanned import Scanned
from jetsmith.specs.classifiers import ClassifierSpec


class Half(NamedTuple):
    """The half of the events that a member does not see; the other one of its pair sees no other."""

    fold: int
    seed: int


class Training(NamedTuple):
    """A job of stage train; `replica` is the seed of a bootstrap replica of the events."""

    spec: ClassifierSpec
    seed: int
    half: Half | None = None
    replica: int | None = None


def trainings_of(
    classifiers: Mapping[str, ClassifierSpec],
    scans: Mapping[str, Scanned],
    ensembles: Mapping[str, int],
    ablations: Mapping[str, Mapping[str, ClassifierSpec]],
    loss_scans: Mapping[str, LossScanned],
    seed: int,
) -> dict[str, Training]:
    """Trainings by where their models lie below results/models.

    Classifiers as a whole, the points of scans (halving trains some of them again: `stages.retrain`), the
    members of ensembles, and taggers without some of their inputs or with other weights of a loss.

    Args:
        classifiers: Taggers and reweighters of the run by name.
        scans: Of each classifier that has one.
        ensembles: Trainings of each classifier that is an average of several.
        ablations: Of each tagger that is also trained without some inputs, it without them, by name.
        loss_scans: Of each tagger that is also trained with other weights of a loss.
        seed: Of the run.
    """
    found: dict[str, Training] = {}
    for name, spec in classifiers.items():
        scan, members = scans.get(name), range(ensembles.get(name, 0))
        if scan is not None:
            for key, point in scan.points.items():
                found[f"{name}.scan/{key}"] = Training(scan.in_rung(0, point.spec), seed)
        elif not members:
            found[name] = Training(spec, seed)
        found |= {f"{name}.members/{k}": _member(spec, seed, k) for k in members}
        less = ablations.get(name, {})
        found |= {f"{name}.without/{key}": Training(one, seed) for key, one in less.items()}
        if name in loss_scans:
            found |= {
                f"{name}.loss_scan/{key}": Training(one, _of_member(seed, k))
                for key, one, k in loss_scans[name].trainings()
            }
    return found


def _of_member(seed: int, member: int) -> int:
    """The seed of a member of an ensemble: the same however many there are."""
    return random.Random(f"{seed} member {member}").randrange(2**31)


def _member(spec: ClassifierSpec, seed: int, k: int) -> Training:
    """A member of an ensemble: those of taggers differ by their seeds alone."""
    own, kind = _of_member(seed, k), spec.members if spec.role == "reweighter" else "seeds"
    half = _half(seed, k) if kind == "halves" else None
    return Training(spec, own, half, own if kind == "bootstrap" else None)


def _half(seed: int, member: int) -> Half:
    """What a member of a reweighter's ensemble does not see: they come in pairs of two halves."""
    pair, side = divmod(member, 2)
    return Half(side, random.Random(f"{seed} pair {pair}").randrange(2**31))
