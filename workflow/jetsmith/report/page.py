"""The report: one page that holds every number and figure of a run and what it came from, and one a tagger.

A page needs nothing beside it: figures are inside, styles and scripts too, and nothing is loaded. Links
lead to the PDF and JSON files of the figures where those lie in the same results folder.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from jetsmith.errors import InputError
from jetsmith.handed.account import Account
from jetsmith.handed.closure import Closure
from jetsmith.handed.comparison import Comparison
from jetsmith.handed.learned import Learned
from jetsmith.handed.measurement import Measurement
from jetsmith.handed.plan import Plan
from jetsmith.handed.scan import Scan
from jetsmith.handed.shape import Shape
from jetsmith.io import Stored, read_json, read_record
from jetsmith.provenance import config_digest
from jetsmith.report import features, points, resilience, reweighters, tables, tagger_inputs
from jetsmith.report.cards import cards
from jetsmith.report.comparison import compared
from jetsmith.report.explorer import explorer, library
from jetsmith.report.learned import learned as learned_efficiencies
from jetsmith.report.measurements import scale_factors
from jetsmith.report.origins import origins
from jetsmith.report.overview import overview
from jetsmith.report.rendering import FURTHER, embedded, render
from jetsmith.report.shapes import shape_tables

R = TypeVar("R", bound=Stored)
SUBMISSION = "hepdata/submission.yaml"  # in the results folder


def write_report(
    output: str | Path,
    run: Mapping[str, Any],
    title: str,
    accounts: Sequence[str | Path],
    inspections: Sequence[str | Path],
    plots: Sequence[str | Path],
    numbers: Sequence[str | Path],
    closures: Sequence[str | Path],
    provenance: Mapping[str, Any],
    scans: Sequence[str | Path] = (),
    untested: Sequence[str | Path] = (),
    checks: Sequence[str | Path] = (),
    planes: Sequence[str | Path] = (),
    measurements: Sequence[str | Path] = (),
    learned: Sequence[str | Path] = (),
    shapes: Sequence[str | Path] = (),
    models: Sequence[str | Path] = (),
    bundled: Sequence[str] = (),
    comparison: Sequence[str | Path] = (),
    is_published: bool = False,
) -> None:
    """Write the page, and `taggers/{tagger}.html` beside it of each tagger with a model.

    Args:
        output: results/report/index.html.
        run: The resolved configuration (`run`, `datasets`, `classifiers`), shown as YAML.
        title: Title of the run.
        accounts: results/skim/{dataset}.json.
        inspections: results/inspect/{dataset}.json.
        plots: PNG files of the figures, in the order of the page; PDF and JSON lie beside them.
        numbers: results/calibration/{tagger}.numbers.json.
        closures: results/closure/{reweighter}.json.
        provenance: provenance.record(), and more where wanted: text, numbers, mappings of them.
        scans: results/scans/{classifier}.json.
        untested: results/weights/{reweighter}/{dataset}.json of reweighters without a closure test.
        checks: results/inspect/check/{classifier}/{sample}.json.
        planes: results/calibration/{plane}.numbers.json.
        measurements: results/scale_factors/{measurement}.json.
        learned: results/learned/{learned}.json.
        shapes: results/scale_factors/{judgement}.shape.json.
        models: results/models/{tagger} of taggers.
        bundled: Taggers that leave as bundles.
        comparison: results/comparison, where the run is compared with another one.
        is_published: Whether the run makes results/hepdata/.

    Raises:
        InputError: A file is missing, or of another form than its stage writes.
    """
    figures = [embedded(Path(path), Path(output).parent) for path in plots]
    classifiers = {**run.get("classifiers", {}), **run.get("judgements", {})}
    page = {
        "title": title,
        "untested": _table(reweighters.untested, "dataset", untested, classifiers),
        "hepdata": f"../{SUBMISSION}" if is_published else "",
        "planes": _table(points.planes, "plane", planes, classifiers),
        "scale_factors": scale_factors(_records(Measurement, measurements, "measurement"), classifiers),
        "comparison": [
            compared(read_record(Comparison, Path(path) / "comparison.json"), classifiers)
            for path in comparison
        ],
        "learned": learned_efficiencies(_records(Learned, learned, "learned"), classifiers),
        "shapes": shape_tables(_records(Shape, shapes, "judgement"), classifiers),
        **_of_inputs(classifiers, figures, checks),
        **_tables(
            classifiers,
            run.get("datasets", {}),
            figures,
            accounts,
            inspections,
            numbers,
            closures,
            scans,
        ),
        **_record(run, figures, provenance),
    }
    page["explorer"] = _table(explorer, "", [f["path"] for f in figures if f["kind"] == "roc"])
    page["library"] = library() if page["explorer"] else ""
    judgements = {table["tagger"]: table["of"] for table in page["working_points"]}
    page["taggers"] = _write_cards(output, run, page, judgements, models, bundled)
    addresses = {one["name"]: one["page"] for one in page["taggers"]}
    page["pages"] = {name: addresses[of] for name, of in judgements.items() if of in addresses}
    page["origins"] = origins(run, page, addresses)
    page["overview"] = overview(page, provenance.get("accepted", {}))
    render("template.html.j2", page, output)


def _write_cards(
    output: str | Path,
    run: Mapping[str, Any],
    page: Mapping[str, Any],
    judgements: Mapping[str, str],
    models: Sequence[str | Path],
    bundled: Sequence[str],
) -> list[tables.Row]:
    """Write a page a tagger; name, title and address of each."""
    trained = [
        (
            read_json(Path(model) / "meta.json", classifier=Path(model).name),
            read_json(Path(model) / "spec.json", name=Path(model).name),
        )
        for model in models
    ]
    made = cards(run, trained, judgements, page, bundled)
    links = [
        {"name": card["name"], "title": card["title"], "page": f"taggers/{card['name']}.html"}
        for card in made
    ]
    for card in made:
        shown = {"card": card, "taggers": links, "title": page["title"], "label": page["label"]}
        render("tagger.html.j2", shown, Path(output).parent / f"taggers/{card['name']}.html")
    return links


def _tables(
    classifiers: Mapping[str, Any],
    datasets: Mapping[str, Any],
    figures: Sequence[tables.Row],
    accounts: Sequence[str | Path],
    inspections: Sequence[str | Path],
    numbers: Sequence[str | Path],
    closures: Sequence[str | Path],
    scans: Sequence[str | Path],
) -> tables.Row:
    """The parts of the page that are tables."""
    names = tables.truth_names(classifiers)
    return {
        "summary": _table(tables.summary, "", [f["path"] for f in figures if f["kind"] == "roc"]),
        "working_points": _table(points.working_points, "judgement", numbers, classifiers),
        "closures": reweighters.closures(_records(Closure, closures, "reweighter"), classifiers),
        "scans": tables.scans(_records(Scan, scans, "classifier"), classifiers),
        "accounts": tables.accounts(_records(Account, accounts), names, datasets),
        "inputs": tables.inputs(_records(Plan, inspections)),
    }


def _of_inputs(
    classifiers: Mapping[str, Any], figures: Sequence[tables.Row], checks: Sequence[str | Path]
) -> tables.Row:
    """The tables of what goes into classifiers."""
    paths = {
        kind: [f["path"] for f in figures if f["kind"] == kind]
        for kind in ("features", "shifts", "ablation", "resilience")
    }
    found = _table(tagger_inputs.stand_ins, "classifier/sample", checks, classifiers)
    guessed = {name for row in found for reader in row["readers"] for name in reader["features"]}
    return {
        "stand_ins": found,
        "described": _table(features.described, "", paths["features"], guessed),
        "shifts": _table(features.shifts, "", paths["shifts"]),
        "ablations": _table(tagger_inputs.ablations, "", paths["ablation"]),
        "resilience": _table(resilience.resilience, "", paths["resilience"]),
    }


def _record(
    run: Mapping[str, Any], figures: Sequence[tables.Row], provenance: Mapping[str, Any]
) -> tables.Row:
    """The other parts: figures by section, where it all came from, the configuration."""
    return {
        "label": run.get("run", {}).get("plots", {}).get("label", ""),
        "sections": [_section(heading, figures) for heading in _headings(figures)],
        "provenance": _provenance(run, provenance),
        "config": yaml.safe_dump(
            _plain(run), sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
        ),
    }


def _headings(figures: Sequence[tables.Row]) -> list[str]:
    """Of the sections, in the order of their first figures; figures without one come last."""
    found = dict.fromkeys(figure["section"] for figure in figures)
    return sorted(found, key=lambda heading: heading == FURTHER)


def _section(heading: str, figures: Sequence[tables.Row]) -> tables.Row:
    chosen = [figure for figure in figures if figure["section"] == heading]
    anchor = "plots-" + re.sub(r"\W+", "-", heading.lower())
    return {"id": anchor, "heading": heading, "figures": chosen, "wide": any(f["wide"] for f in chosen)}


def _records(kind: type[R], paths: Sequence[str | Path], subject: str = "dataset") -> list[R]:
    """Records of datasets or of other subjects, each file named after its own."""
    return [read_record(kind, path, **{subject: Path(path).name.partition(".")[0]}) for path in paths]


def _table(make: Any, subject: str, paths: Sequence[str | Path], *arguments: Any) -> list[tables.Row]:
    """Rows from JSON files named after their subject, or after folder and file; one of another is named."""
    wanted = [_subject(subject.split("/"), Path(path)) if subject else {} for path in paths]
    contents = [read_json(path, **about) for path, about in zip(paths, wanted, strict=True)]
    try:
        return list(make(contents, *arguments))
    except (KeyError, TypeError, AttributeError) as error:
        names = ", ".join(map(str, paths))
        raise InputError(f"{names}: not what the stage writes ({error!r}); run it again") from error


def _subject(keys: Sequence[str], path: Path) -> dict[str, str]:
    names = [*path.parts[:-1], path.name.partition(".")[0]]
    return dict(zip(keys, names[-len(keys) :], strict=True))


def _plain(value: Any) -> Any:
    """Only what YAML has: tuples become lists, keys and other things text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _provenance(run: Mapping[str, Any], record: Mapping[str, Any]) -> tables.Row:
    """Single facts, and groups of facts such as the versions."""
    facts = {"config_digest": config_digest(run)}
    if "seed" in run.get("run", {}):
        facts["seed"] = run["run"]["seed"]
    facts |= {key: value for key, value in record.items() if not isinstance(value, Mapping)}
    return {
        "facts": [{"name": key.replace("_", " "), "value": value} for key, value in facts.items()],
        "groups": [
            {"name": key.replace("_", " "), "entries": sorted(value.items())}
            for key, value in record.items()
            if isinstance(value, Mapping)
        ],
    }
