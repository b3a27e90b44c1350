"""Stage publish: what figures show, as a submission to HEPData. The numbers are those of their JSON files."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from jetsmith import hepdata, io
from jetsmith.errors import InputError
from jetsmith.hepdata import Entry, Table, Variable, measured, number, within
from jetsmith.plots.closure import ClosureNumbers
from jetsmith.plots.commissioning_drawn import CommissioningNumbers
from jetsmith.plots.confusion import ConfusionNumbers
from jetsmith.plots.discriminant import DiscriminantNumbers
from jetsmith.plots.efficiency import EfficiencyNumbers
from jetsmith.plots.fractions import FractionsNumbers
from jetsmith.plots.resilience_figure import ResilienceNumbers
from jetsmith.plots.response import ResponseNumbers
from jetsmith.plots.roc_figure import Curve, RocNumbers
from jetsmith.plots.scale_factors import Panel, ScaleFactorsNumbers, Series
from jetsmith.plots.shapes import ShapesNumbers
from jetsmith.plots.style import Numbers
from jetsmith.published import (
    BIN,
    LEVEL,
    Figure,
    bins,
    kind_of_data,
    of_closure,
    of_commissioning,
    of_confusion,
    of_fractions,
    of_ranges,
    of_resilience,
    of_response,
    of_shapes,
)
from jetsmith.texts import label_text, share

DOUBT = "Fixed by few jets, or jumped over by ties"  # few, ties, both, or none
PHRASES = ("Jet tagging",)
N = TypeVar("N", bound=Numbers)


def publish(
    roc: Sequence[str | Path],
    efficiency: Sequence[str | Path],
    discriminant: Sequence[str | Path],
    scale_factors: Sequence[str | Path],
    confusion: Sequence[str | Path],
    resilience: Sequence[str | Path],
    response: Sequence[str | Path],
    closure: Sequence[str | Path],
    shapes: Sequence[str | Path],
    commissioning: Sequence[str | Path],
    fractions: Sequence[str | Path],
    title: str,
    label: str,
    output: str | Path,
) -> None:
    """Write the submission.

    Args:
        roc: results/plots/roc/{sample}/{contrast}.json.
        efficiency: results/plots/efficiency/{judgement}.json.
        discriminant: results/plots/discriminant/{judgement}.json.
        scale_factors: results/plots/scale_factors/{judgement}.json.
        confusion: results/plots/confusion/{tagger}.json.
        resilience: results/plots/resilience/{sample}/{contrast}.json.
        response: results/plots/response/{classifier}/{estimate}.json.
        closure: results/plots/closure/{reweighter}.json.
        shapes: results/plots/shapes/{judgement}.json.
        commissioning: results/plots/commissioning/{commissioning}/{shown}.json.
        fractions: results/plots/fractions/{sample}/{fractions}.json.
        title: Of the run.
        label: Of the run, as on figures.
        output: Folder results/hepdata.

    Raises:
        InputError: A file is damaged, or is not what its plot writes.
    """
    tables = [
        *_tables(roc, RocNumbers, of_roc, label),
        *_tables(efficiency, EfficiencyNumbers, of_efficiency, label),
        *_tables(discriminant, DiscriminantNumbers, of_discriminant, label),
        *_tables(scale_factors, ScaleFactorsNumbers, of_scale_factors, label),
        *_tables(confusion, ConfusionNumbers, of_confusion, label),
        *_tables(resilience, ResilienceNumbers, of_resilience, label),
        *_tables(response, ResponseNumbers, of_response, label),
        *_tables(closure, ClosureNumbers, of_closure, label),
        *_tables(shapes, ShapesNumbers, of_shapes, label),
        *_tables(commissioning, CommissioningNumbers, of_commissioning, label),
        *_tables(fractions, FractionsNumbers, of_fractions, label),
    ]
    comment = f"{title}. {label}. Errors are {LEVEL} intervals, statistical where nothing else is said."
    comment += "" if tables else " No figure has anything: there is nothing to publish."
    hepdata.write(output, comment, tables, PHRASES)


def _tables(
    paths: Sequence[str | Path], kind: type[N], of: Callable[[N, Figure], Iterator[Table]], label: str
) -> Iterator[Table]:
    """The tables of figures of one kind; those that have nothing to draw have none."""
    for path in paths:
        content = io.read_json(path)
        try:
            page = content.pop("page")
            if content["plot"] != kind.model_fields["plot"].default:
                raise ValueError(f"of plot {content['plot']}")
            numbers = kind.model_validate_json(json.dumps(content))
            subject = _subject(numbers)
            figure = Figure(subject, str(page["heading"]), str(page["caption"]), label)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            said = _first(error) if isinstance(error, ValidationError) else repr(error)
            raise InputError(f"{path}: not what its plot writes ({said}); draw it again") from error
        if not numbers.message:
            yield from of(numbers, figure)


def _first(error: ValidationError) -> str:
    found = error.errors()[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"


def _subject(numbers: Numbers) -> str:
    """What a figure is of, as a part of names of files."""
    match numbers:
        case RocNumbers() | ResilienceNumbers():
            found = f"{numbers.sample}.{numbers.signal.name}_vs_{numbers.background.name}"
        case EfficiencyNumbers() | DiscriminantNumbers() | ConfusionNumbers():
            found = numbers.tagger
        case ResponseNumbers():
            found = f"{numbers.classifier}.{numbers.estimate}"
        case ClosureNumbers():
            found = numbers.reweighter
        case CommissioningNumbers():
            found = f"{numbers.commissioning}.{numbers.shown}"
        case FractionsNumbers():
            classes = numbers.signal, numbers.first, numbers.second
            found = f"{numbers.sample}.{'_vs_'.join(one.name for one in classes)}"
        case _:
            found = str(vars(numbers)["judgement"])
    if not re.fullmatch(r"\w+(\.\w+)?", found, re.ASCII):
        raise ValueError(f"{found!r} is no name")
    return found


def of_roc(numbers: RocNumbers, figure: Figure) -> Iterator[Table]:
    """Curves, efficiencies at round mistag rates, and working points, a column a tagger; ranges of pt.

    Curves have points of their own: a row is a point of one of them, and the other columns have none there.
    """
    signal, background = numbers.signal_and_background()
    about = figure.qualifiers(numbers.sample, numbers.curves[0].folds)
    points = sorted(
        (x, k, j) for k, curve in enumerate(numbers.curves) for j, x in enumerate(curve.signal_efficiency)
    )
    yield figure.table(
        "roc",
        "ROC curves",
        [Variable(f"{signal} efficiency", [number(x) for x, _, _ in points])],
        [
            Variable(
                f"{background} mistag rate of {curve.title}",
                [_on_curve(curve, j) if k == of else hepdata.NOTHING for _, of, j in points],
                qualifiers=about | _tagger(curve) | _auc(curve),
            )
            for k, curve in enumerate(numbers.curves)
        ],
        "Each row is a point of one curve. ",
    )
    rates = list(dict.fromkeys(reading.mistag for curve in numbers.curves for reading in curve.readings))
    if rates:
        yield figure.table(
            "efficiency_at_mistag",
            "Efficiencies at mistag rates",
            [Variable(f"{background} mistag rate", [number(rate) for rate in rates])],
            [
                Variable(
                    f"{signal} efficiency of {curve.title}",
                    [_reading(curve, rate) for rate in rates],
                    qualifiers=about | _tagger(curve) | _ties(curve),
                )
                for curve in numbers.curves
            ],
        )
    marked = [(curve, point) for curve in numbers.curves for point in curve.working_points]
    if marked:
        yield figure.table(
            "working_points",
            "Working points",
            [
                Variable("Tagger", [number(curve.title) for curve, _ in marked]),
                Variable("Working point", [number(point.name) for _, point in marked]),
            ],
            [
                Variable("Threshold", [number(point.threshold) for _, point in marked], qualifiers=about),
                Variable(DOUBT, [number(point.doubt or "none") for _, point in marked], qualifiers=about),
                *(
                    Variable(
                        f"{of} {what}",
                        [within(**asdict(getattr(point, attribute))) for _, point in marked],
                        qualifiers=about,
                    )
                    for of, what, attribute in (
                        (signal, "efficiency", "signal_efficiency"),
                        (background, "mistag rate", "mistag"),
                    )
                ),
            ],
        )
    yield from of_ranges(numbers, figure, about)


def _on_curve(curve: Curve, j: int) -> Entry:
    return within(curve.mistag[j], curve.mistag_low[j], curve.mistag_high[j])


def _tagger(curve: Curve) -> dict[str, Any]:
    return {"Tagger": curve.tagger}


def _ties(curve: Curve) -> dict[str, Any]:
    """The mistag rates that many jets of one score leap over, so that no cut has them."""
    rates = [share(reading.mistag) for reading in curve.readings if reading.doubt]
    return {"No cut, for ties, at": ", ".join(rates)} if rates else {}


def _doubt(mark: str) -> dict[str, Any]:
    """The mark of a working point, where it has one."""
    return {DOUBT: mark} if mark else {}


def _auc(curve: Curve) -> dict[str, Any]:
    area = curve.auc
    return {"AUC": area.value, "AUC low": area.low, "AUC high": area.high}


def _reading(curve: Curve, rate: float) -> Entry:
    """The efficiency of a curve at a mistag rate, where it can be told."""
    found = [reading.signal_efficiency for reading in curve.readings if reading.mistag == rate]
    return within(**asdict(found[0])) if found and found[0] is not None else hepdata.NOTHING


def of_efficiency(numbers: EfficiencyNumbers, figure: Figure) -> Iterator[Table]:
    """Bins of pt, and a column a class and working point."""
    labels = {c.name: label_text(c.label) for c in numbers.classes}
    about = figure.qualifiers(numbers.sample, numbers.folds) | {"Tagger": numbers.tagger}
    yield figure.table(
        "efficiency",
        "Efficiencies",
        [bins(numbers.pt_edges_gev, BIN, "GeV")],
        [
            Variable(
                f"{labels[points.name]} efficiency at {points.working_point}",
                [within(*of) for of in zip(points.efficiency, points.low, points.high, strict=True)],
                qualifiers=about | {"Threshold": points.threshold} | _doubt(points.doubt),
            )
            for points in numbers.points
        ],
    )


def of_discriminant(numbers: DiscriminantNumbers, figure: Figure) -> Iterator[Table]:
    """Bins of the discriminant, and a column a class."""
    about = figure.qualifiers(numbers.sample, numbers.folds) | {"Tagger": numbers.tagger}
    yield figure.table(
        "discriminant",
        "Shapes of the discriminant",
        [bins(numbers.edges, f"{numbers.title} discriminant")],
        [
            Variable(
                f"Fraction of {label_text(shape.label)} jets",
                [measured(y, e, e) for y, e in zip(shape.fraction, shape.error, strict=True)],
                qualifiers=about | {"Not tagged": shape.not_tagged},
            )
            for shape in numbers.shapes
        ],
    )


def of_scale_factors(numbers: ScaleFactorsNumbers, figure: Figure) -> Iterator[Table]:
    """Bins of pt, and a column a measurement and working point; where there is one, their combination."""
    about = {"Label": figure.label, "Tagger": numbers.judgement, "Interval": LEVEL}
    yield figure.table(
        "scale_factors",
        "Scale factors",
        [bins(numbers.pt_edges_gev, BIN, "GeV")],
        [
            Variable(
                f"{label_text(label)} scale factor at {panel.point}, {name}",
                [measured(y, down or 0.0, up or 0.0, "total") for y, down, up in zip(*of, strict=True)],
                qualifiers=about | kind_of_data(is_pseudo) | _doubt(panel.doubt),
            )
            for panel in numbers.panels
            for name, label, is_pseudo, of in _measurements(panel, numbers.label)
        ],
    )


def _measurements(panel: Panel, together: str) -> Iterator[tuple[str, str, bool, tuple[Any, Any, Any]]]:
    """Name, label of the class, whether any of its data are simulated, and values with errors down and up."""
    for series in panel.series:
        yield series.name, series.label, series.is_pseudo, _with_errors(series)
    if panel.value:
        yield "all together", together, any(series.is_pseudo for series in panel.series), _with_errors(panel)


def _with_errors(of: Series | Panel) -> tuple[Any, Any, Any]:
    return of.value, of.down, of.up
