"""Tables of what figures show beside curves and working points, for `publishing`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import NamedTuple

from jetsmith import hepdata
from jetsmith.hepdata import Entry, Table, Variable, interval, measured, number, within
from jetsmith.metrics import Interval
from jetsmith.plots.closure import ClosureNumbers
from jetsmith.plots.commissioning_drawn import Cell, CommissioningNumbers
from jetsmith.plots.confusion import NOT_TAGGED, ConfusionNumbers
from jetsmith.plots.fractions import FractionsNumbers
from jetsmith.plots.resilience_figure import ResilienceNumbers
from jetsmith.plots.response import ResponseNumbers
from jetsmith.plots.roc_figure import RocNumbers
from jetsmith.plots.shapes import ShapesNumbers
from jetsmith.texts import label_text, share, split_text

LEVEL = "68.3%"
BIN = "jet p_T"
RESPONSE = {
    "median_before": "Median of the response before",
    "median_after": "Median of the response",
    "resolution_before": "Resolution before",
    "resolution_after": "Resolution",
    "improvement": "Improvement of the resolution",
    "pull": "Width of the pulls",
}
"""Columns of a regression, by the field of `plots.response.Resolved`."""


class Figure(NamedTuple):
    """What is said of a figure beside its numbers.

    Attributes:
        subject: What names of its files start with behind the plot.
        heading: Of the page.
        caption: Of the page.
        label: Of the run.
    """

    subject: str
    heading: str
    caption: str
    label: str

    def table(
        self,
        kind: str,
        title: str,
        independent: Sequence[Variable],
        dependent: Sequence[Variable],
        more: str = "",
    ) -> Table:
        """A table of it; `kind` tells those of one figure apart, `more` says what its caption does not."""
        return Table(
            f"{kind}.{self.subject}",
            f"{title}, {self.heading}",
            f"{title}. {more}Of the figure: {self.caption}",
            independent,
            dependent,
        )

    def qualifiers(self, sample: str, folds: int) -> dict[str, str]:
        """What each column holds for."""
        return {"Label": self.label, "Sample": sample, "Jets": split_text(folds), "Interval": LEVEL}


def of_ranges(numbers: RocNumbers, figure: Figure, about: Mapping[str, str]) -> Iterator[Table]:
    """Curves by range of pt, a row a point, and their areas; `about` is what each column holds for."""
    signal, background = numbers.signal_and_background()
    more = "The first and the last range hold the jets beyond, too. "
    curves = [(interval(one.low_gev, one.high_gev), curve) for one in numbers.ranges for curve in one.curves]
    points = [(of, curve, j) for of, curve in curves for j in range(len(curve.signal_efficiency))]
    if not points:
        return
    yield figure.table(
        "roc_by_pt",
        "ROC curves by range of p_T",
        [
            Variable(BIN, [of for of, _, _ in points], "GeV"),
            Variable("Tagger", [number(curve.title) for _, curve, _ in points]),
            Variable(f"{signal} efficiency", [number(curve.signal_efficiency[j]) for _, curve, j in points]),
        ],
        [
            Variable(
                f"{background} mistag rate",
                [within(c.mistag[j], c.mistag_low[j], c.mistag_high[j]) for _, c, j in points],
                qualifiers=about,
            )
        ],
        more,
    )
    yield figure.table(
        "auc_by_pt",
        "Areas under ROC curves by range of p_T",
        [
            Variable(BIN, [of for of, _ in curves], "GeV"),
            Variable("Tagger", [number(curve.title) for _, curve in curves]),
        ],
        [Variable("AUC", [_within(curve.auc) for _, curve in curves], qualifiers=about)],
        more,
    )


def of_confusion(numbers: ConfusionNumbers, figure: Figure) -> Iterator[Table]:
    """A row a cell: a true class, and an output."""
    labels = {row.name: label_text(row.label) for row in numbers.rows} | {NOT_TAGGED: "not tagged"}
    cells = [(row, k) for row in numbers.rows for k in range(len(numbers.columns))]
    about = figure.qualifiers(numbers.sample, numbers.folds) | {"Tagger": numbers.tagger}
    yield figure.table(
        "confusion",
        "Confusion matrix",
        [
            Variable("True class", [number(labels[row.name]) for row, _ in cells]),
            Variable("Largest output", [number(labels[numbers.columns[k]]) for _, k in cells]),
        ],
        [
            Variable(
                "Share of the true class",
                [within(row.share[k], row.low[k], row.high[k]) for row, k in cells],
                qualifiers=about,
            )
        ],
    )


def of_resilience(numbers: ResilienceNumbers, figure: Figure) -> Iterator[Table]:
    """A row a tagger and what is other."""
    signal, background = (label_text(one.label) for one in (numbers.signal, numbers.background))
    rows = [
        (tagger, shift, one.change)
        for tagger in numbers.taggers
        for shift, one in zip(numbers.shifts, tagger.changes, strict=True)
    ]
    about = figure.qualifiers(numbers.sample, numbers.folds) | {"Contrast": f"{signal} against {background}"}
    yield figure.table(
        "resilience",
        "Resilience",
        [
            Variable("Tagger", [number(tagger.title) for tagger, _, _ in rows]),
            Variable("What is other", [number(shift) for _, shift, _ in rows]),
        ],
        [
            Variable("AUC", [_within(tagger.auc) for tagger, _, _ in rows], qualifiers=about),
            Variable("Change of the AUC", [_within(change) for *_, change in rows], qualifiers=about),
        ],
    )


def of_response(numbers: ResponseNumbers, figure: Figure) -> Iterator[Table]:
    """Bins of the truth; columns that no bin has are left out."""
    about = {"Label": figure.label, "Jets": split_text(numbers.folds), "Interval": LEVEL}
    found = {title: [getattr(one, name) for one in numbers.bins] for name, title in RESPONSE.items()}
    columns = [
        Variable(title, [_within(one) for one in values], qualifiers=about | {"Estimate": numbers.estimate})
        for title, values in found.items()
        if any(one is not None for one in values)
    ]
    if columns:
        yield figure.table("response", "Regression", [bins(numbers.edges, numbers.column)], columns)


def of_closure(numbers: ClosureNumbers, figure: Figure) -> Iterator[Table]:
    """ROC curves of a fresh classifier, and fractions of the target in bins of the ratio."""
    source, target = label_text(numbers.source.label), label_text(numbers.target.label)
    about = {"Label": figure.label, "Status": numbers.status, "Events": "held out"}
    nothing = [hepdata.NOTHING] * len(numbers.false_positive)  # of an area without a curve
    if numbers.false_positive:
        yield figure.table(
            "closure_roc",
            "ROC curves of the closure test",
            [Variable(f"{source} accepted", [number(x) for x in numbers.false_positive])],
            [
                Variable(
                    f"{target} accepted, {one.name}",
                    [measured(y) for y in one.true_positive] or nothing,
                    qualifiers=about | {f"AUC{end}": x for end, x in _ends(one.auc)},
                )
                for one in numbers.judged
            ],
        )
    if numbers.fractions:
        yield figure.table(
            "closure_calibration",
            "Calibration of the ratio",
            [Variable("Fraction that the ratio says", [number(one.predicted) for one in numbers.fractions])],
            [
                Variable(
                    f"Fraction of {target}",
                    [measured(one.observed, one.error, one.error) for one in numbers.fractions],
                    qualifiers=about,
                )
            ],
            "Errors are of the difference of both fractions. ",
        )


def of_shapes(numbers: ShapesNumbers, figure: Figure) -> Iterator[Table]:
    """A row a bin of flavour, pt, |eta| and discriminant."""
    rows = [
        (panel, curve, k)
        for panels in numbers.panels
        for panel in panels
        for curve in panel.curves
        for k in range(len(curve.value))
    ]
    about = {"Label": figure.label, "Tagger": numbers.judgement, "Interval": LEVEL}
    about |= kind_of_data(numbers.is_pseudo)
    columns = [
        Variable(
            "Scale factor",
            [measured(c.value[k], c.total[k], c.total[k], "total") for _, c, k in rows],
            qualifiers=about | {"Total error": f"with {', '.join(numbers.sources)}"},
        ),
        Variable("Statistical error", [number(c.statistic[k]) for _, c, k in rows], qualifiers=about),
    ]
    if numbers.is_pseudo:
        true = [number(c.true[k]) if c.true else hepdata.NOTHING for _, c, k in rows]
        columns.append(Variable("True scale factor", true, qualifiers=about))
    yield figure.table(
        "shape_scale_factors",
        "Scale factors of the shape",
        [
            Variable("Flavour", [number(panel.flavour) for panel, _, _ in rows]),
            Variable(BIN, [interval(*panel.pt_gev) for panel, _, _ in rows], "GeV"),
            Variable("Jet |eta|", [interval(*curve.abseta) for _, curve, _ in rows]),
            Variable("Discriminant", [number(panel.labels[k]) for panel, _, k in rows]),
        ],
        columns,
    )


def of_commissioning(numbers: CommissioningNumbers, figure: Figure) -> Iterator[Table]:
    """A row a distribution and bin, the last of what has no value; a column of data, and one a class."""
    cells = [cell for cell in numbers.cells if not cell.why]
    rows = [(cell, k) for cell in cells for k in range(len(cell.edges) - 1 + cell.has_missing)]
    if not rows:
        return
    about = {
        "Label": figure.label,
        "Sample of data": numbers.data,
        "Samples of simulation": ", ".join(numbers.simulation),
        "Simulation": "scaled to data" if numbers.to_data else "by its weights",
    }
    sums = {cell.feature: cell.simulation() for cell in cells}
    layers = {one.name: label_text(one.label) for cell in cells for one in cell.layers}
    of = {(cell.feature, one.name): one for cell in cells for one in cell.layers}

    def entry(cell: Cell, name: str, k: int) -> Entry:
        one = of.get((cell.feature, name))
        return hepdata.NOTHING if one is None else measured(one.sums[k], one.errors[k], one.errors[k])

    simulated = [sums[cell.feature][:, k].tolist() for cell, k in rows]
    yield figure.table(
        "commissioning",
        "Data and simulation",
        [
            Variable("Distribution", [number(cell.feature) for cell, _ in rows]),
            Variable("Value", [_bin(cell, k) for cell, k in rows]),
        ],
        [
            Variable(
                "Data",
                [measured(cell.data[k], cell.data_errors[k], cell.data_errors[k]) for cell, k in rows],
                qualifiers=about | kind_of_data(numbers.is_pseudo),
            ),
            Variable(
                "Simulation", [measured(value, error, error) for value, error in simulated], qualifiers=about
            ),
            *(
                Variable(f"Simulation, {label}", [entry(cell, name, k) for cell, k in rows], qualifiers=about)
                for name, label in layers.items()
            ),
        ],
        "End bins hold what lies beyond. ",
    )


def _bin(cell: Cell, k: int) -> Entry:
    """A bin of a distribution; the one behind the last is of what has no value."""
    return interval(*cell.edges[k : k + 2]) if k < len(cell.edges) - 1 else number("no value")


def of_fractions(numbers: FractionsNumbers, figure: Figure) -> Iterator[Table]:
    """A row a tagger and fraction."""
    signal, first, second = (label_text(c.label) for c in (numbers.signal, numbers.first, numbers.second))
    rows = [(curve, point) for curve in numbers.curves for point in curve.points]
    if not rows:
        return
    about = figure.qualifiers(numbers.sample, numbers.folds)
    about |= {f"{signal} efficiency": share(numbers.signal_efficiency)}
    marks = {"own": "of the tagger's file", "ties": "no cut, for ties"}
    told = [
        ", ".join(marks[key] for key, there in (("own", p.is_own), ("ties", p.doubt)) if there) or "none"
        for _, p in rows
    ]
    yield figure.table(
        "rejection_by_fraction",
        "Rejections by fraction",
        [
            Variable("Tagger", [number(curve.title) for curve, _ in rows]),
            Variable(f"Fraction of {second}", [number(point.fraction) for _, point in rows]),
        ],
        [
            Variable(f"{first} rejection", [_within(point.first) for _, point in rows], qualifiers=about),
            Variable(f"{second} rejection", [_within(point.second) for _, point in rows], qualifiers=about),
            Variable("Mark", [number(one) for one in told], qualifiers=about),
        ],
    )


def kind_of_data(is_pseudo: bool) -> dict[str, str]:
    """Whether data are some."""
    return {"Data": "simulation presented as data" if is_pseudo else "data"}


def _ends(found: Interval) -> tuple[tuple[str, float], ...]:
    return ("", found.value), (" low", found.low), (" high", found.high)


def _within(found: Interval | None) -> Entry:
    return hepdata.NOTHING if found is None else within(**asdict(found))


def bins(edges: Sequence[float], name: str, units: str = "") -> Variable:
    """The bins between edges."""
    return Variable(name, [interval(*ends) for ends in pairwise(edges)], units)
