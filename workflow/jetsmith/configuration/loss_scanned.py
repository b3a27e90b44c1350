"""Scans of the weight of a loss: each training is checked as if its weight stood in the file."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jetsmith import plugs
from jetsmith.configuration.records import hint, validate
from jetsmith.configuration.resolve import Resolved
from jetsmith.errors import refuse, within
from jetsmith.models import CLASSES
from jetsmith.specs.classifiers import ClassifierFile, ClassifierSpec
from jetsmith.specs.scans import LossScanSpec


@dataclass(frozen=True)
class LossScanned:
    """A scan of the weight of a loss, looked up.

    Attributes:
        spec: It, as the file gives it.
        points: The tagger with each of the weights, in their order.
    """

    spec: LossScanSpec
    points: tuple[ClassifierSpec, ...]

    def trainings(self) -> Iterator[tuple[str, ClassifierSpec, int]]:
        """Name, tagger and number of the seed of each training, by weight first.

        Names follow from the weight, so that another one leaves the trainings of these where they are.
        """
        for weight, spec in zip(self.spec.weights, self.points, strict=True):
            for k in range(self.spec.seeds):
                yield f"{_text(weight).replace('.', 'p').replace('+', '')}_{k}", spec, k


def _text(weight: float) -> str:
    return f"{weight:.9g}"


def looked_up(
    content: ClassifierFile, path: Path, spec: ClassifierSpec, read: Callable[[ClassifierFile], Resolved]
) -> LossScanned | None:
    """The tagger with each weight of `loss_scan`; None where there is none.

    Args:
        content: The file.
        path: Its name.
        spec: The tagger, resolved.
        read: Looks a file up and checks it.

    Raises:
        ConfigError: Names file, key, and what to do.
    """
    scan = content.loss_scan
    if scan is None:
        return None
    refuse(path, (f"loss_scan{problem}" for problem in _problems(content, scan, spec)))
    changed = content.model_dump(exclude_unset=True, exclude={"loss_scan"})
    points = []
    for weight in scan.weights:
        of_loss = {**changed["losses"][scan.loss], "weight": weight}
        with_it = {**changed, "losses": {**changed["losses"], scan.loss: of_loss}}
        with within(path, f"loss_scan.weights: at {weight:g}"):
            points.append(read(validate(ClassifierFile, with_it, path)).spec)
    return LossScanned(scan, tuple(points))


def _scores(loss: str, spec: ClassifierSpec) -> dict[str, str]:
    """Columns of a loss that are scores, which come from no column of files, and of which taggers."""
    if loss not in spec.losses:
        return {}
    given = spec.losses[loss]
    options = plugs.find("losses", given.loss, "", "").Options.model_validate(given.options)
    found = {name: spec.side_columns[name][0] for name in options.columns() if name in spec.side_columns}
    return {name: inputs.group for name, inputs in found.items() if not inputs.sources}


def _problems(content: ClassifierFile, scan: LossScanSpec, spec: ClassifierSpec) -> Iterator[str]:
    others = [name for name in content.losses if name != CLASSES]
    if scan.loss not in others:
        yield f".loss: `{scan.loss}` is none of `losses` beside `{CLASSES}`{hint(scan.loss, others)}"
    written = [float(_text(weight)) for weight in scan.weights]  # names have nine digits
    if any(one >= after for one, after in itertools.pairwise(written)):
        yield f".weights: {list(scan.weights)}; must rise"
    if any(weight < 0 for weight in scan.weights):
        yield f".weights: {min(scan.weights):g} is below 0, and would teach what is to be unlearned"
    if not spec.decorrelate:
        yield ": its figure is of the column of `decorrelate`, which is missing"
    for score, other in _scores(scan.loss, spec).items():
        yield (
            f".loss: `{scan.loss}` leaves the score `{score}` of `{other}` alone, and the figure is of what "
            "is left of the column of `decorrelate`; name a loss of that column. For scores take a tagger a "
            "weight, and a plane with each (`calibration: planes`)"
        )
    if spec.folds:
        yield ": in a sample with `folds` no split is left for thresholds by bin; take a sample without"
    if content.scan is not None:
        yield ": its trainings have the settings of the file; write what `scan` chose into it first"
