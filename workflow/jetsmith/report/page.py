"""The report: one static page that holds every number and figure of a run, and what it came from.

The page needs nothing beside it: figures are inside, styles too, no script. Links lead to the PDF
and JSON files of the figures where those lie in the same results folder.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml

from jetsmith.errors import InputError
from jetsmith.io import NUMBERS, atomic_file, json_checksum, read_json, read_png
from jetsmith.provenance import config_digest
from jetsmith.report import tables

TEMPLATES = Path(__file__).parent
SECTIONS = {
    "roc": "ROC curves",
    "discriminant": "Discriminants",
    "efficiency": "Efficiencies",
    "reweighting": "Reweighting",
    "training": "Training",
    "": "Further figures",
}


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
) -> None:
    """Write the page.

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

    Raises:
        InputError: A file is missing, or of another form than its stage writes.
    """
    figures = [_figure(Path(path), Path(output).parent) for path in plots]
    page = {
        "title": title,
        **_tables(run.get("classifiers", {}), figures, accounts, inspections, numbers, closures),
        **_record(run, figures, provenance),
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    with atomic_file(output) as temporary:
        temporary.write_text(environment.get_template("template.html.j2").render(page), encoding="utf-8")


def _tables(
    classifiers: Mapping[str, Any],
    figures: Sequence[tables.Row],
    accounts: Sequence[str | Path],
    inspections: Sequence[str | Path],
    numbers: Sequence[str | Path],
    closures: Sequence[str | Path],
) -> tables.Row:
    """The parts of the page that are tables."""
    return {
        "summary": _table(tables.summary, "", [f["path"] for f in figures if f["kind"] == "roc"]),
        "working_points": _table(tables.working_points, "tagger", numbers, classifiers),
        "closures": _table(tables.closures, "reweighter", closures, classifiers),
        "accounts": _table(tables.accounts, "dataset", accounts, tables.truth_names(classifiers)),
        "inputs": _table(tables.inputs, "dataset", inspections),
    }


def _record(
    run: Mapping[str, Any], figures: Sequence[tables.Row], provenance: Mapping[str, Any]
) -> tables.Row:
    """The other parts: figures by section, where it all came from, the configuration."""
    return {
        "label": run.get("run", {}).get("plots", {}).get("label", ""),
        "sections": [
            {"id": f"plots-{kind or 'more'}", "heading": heading, "figures": chosen}
            for kind, heading in SECTIONS.items()
            if (chosen := [f for f in figures if (f["kind"] if f["kind"] in SECTIONS else "") == kind])
        ],
        "provenance": _provenance(run, provenance),
        "config": yaml.safe_dump(
            _plain(run), sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
        ),
    }


def _table(make: Any, subject: str, paths: Sequence[str | Path], *arguments: Any) -> list[tables.Row]:
    """Rows from JSON files, each named after its subject; one of another form or subject is named."""
    wanted = [{subject: Path(path).name.partition(".")[0]} if subject else {} for path in paths]
    contents = [read_json(path, **about) for path, about in zip(paths, wanted, strict=True)]
    try:
        return list(make(contents, *arguments))
    except (KeyError, TypeError, AttributeError) as error:
        names = ", ".join(map(str, paths))
        raise InputError(f"{names}: not what the stage writes ({error!r}); run it again") from error


def _plain(value: Any) -> Any:
    """Only what YAML has: tuples become lists, keys and other things text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _figure(path: Path, folder: Path) -> tables.Row:
    """A figure with its picture inside, and links to the files beside it."""
    picture = read_png(path)
    numbers = path.with_suffix(".json")
    content = read_json(numbers) if numbers.is_file() else {}
    if picture.text.get(NUMBERS) not in (None, json_checksum(content)):
        raise InputError(f"{path}: shows other numbers than {numbers} holds; draw it again")
    caption, alternative = _texts(content)
    return {
        "path": numbers,
        "kind": content.get("plot", ""),
        "heading": _heading(content, path),
        "caption": caption,
        "alternative": alternative or f"Figure {path.stem}",
        "picture": base64.b64encode(picture.content).decode(),
        "width": picture.width,
        "height": picture.height,
        "links": [
            {"text": kind.upper(), "address": os.path.relpath(path.with_suffix(f".{kind}"), folder)}
            for kind in ("pdf", "json")
            if path.with_suffix(f".{kind}").is_file()
        ],
    }


def _heading(content: Mapping[str, Any], path: Path) -> str:
    if content.get("plot") == "roc":
        classes = [tables.label_text(content[key]["label"]) for key in ("signal", "background")]
        return f"{content['sample']}: {classes[0]} against {classes[1]}"
    return str(content.get("title") or path.stem)


def _texts(content: Mapping[str, Any]) -> tuple[str, str]:
    """Caption, and what stands for the picture where it is not seen."""
    kind = content.get("plot")
    if content.get("message"):
        return content["message"] + ".", content["message"]
    if kind == "roc":
        return _roc_texts(content)
    if kind == "discriminant":
        shapes = ", ".join(
            f"{tables.label_text(s['label'])} ({tables.count(s['n'])})" for s in content["shapes"]
        )
        return (
            f"Each class adds up to one; jets: {shapes}; {tables.folds_text(content['folds'])}. "
            "Bands are statistical. Dashed lines: thresholds of the working points, with their intervals.",
            f"Shapes of the {content['title']} discriminant for {shapes}.",
        )
    if kind == "efficiency":
        return (
            "Efficiency of each working point in bins of transverse momentum, "
            f"{tables.folds_text(content['folds'])}. "
            "Bars are 68.3% intervals; an arrow is the upper end of one where no jet passes. Jets beyond the "
            "bins count in the end bins.",
            f"Efficiencies of {content['title']} against transverse momentum, a panel a class.",
        )
    if kind == "reweighting":
        names = ", ".join(s["feature"] for s in content["spectra"])
        rest = f" Not shown: {', '.join(content['left_out'])}." if content["left_out"] else ""
        return (
            "Held-out events. Lower panels: ratio to the target, whose statistical error is the band. "
            f"The features that differ most without weights come first.{rest}",
            f"Spectra of source, reweighted source and target of {content['title']} in {names}.",
        )
    if kind == "training":
        return _training_texts(content)
    return "", ""


def _roc_texts(content: Mapping[str, Any]) -> tuple[str, str]:
    curves = content["curves"]
    areas = ", ".join(f"{c['title']} AUC {tables.interval(**c['auc'])['text']}" for c in curves)
    background = tables.label_text(content["background"]["label"])
    signal = tables.label_text(content["signal"]["label"])
    ratio = " Lower panel: background rejection over that of the first tagger." if len(curves) > 1 else ""
    marks = " Markers: working points of the calibration." if curves[0]["working_points"] else ""
    out = [content["signal_left_out"], content["background_left_out"]]
    left_out = (
        f" Left out, without a score of one of the taggers: {100 * out[0]:.2g}% of {signal} and "
        f"{100 * out[1]:.2g}% of {background} jets."
        if any(out)
        else ""
    )
    return (
        f"{tables.count(max(c['n_signal'] for c in curves))} {signal} and "
        f"{tables.count(max(c['n_background'] for c in curves))} {background} jets, "
        f"{tables.folds_text(curves[0]['folds'])}. Bands are 68.3% binomial intervals."
        f"{ratio}{marks}{left_out}",
        f"Mistag rate of {background} jets against efficiency of {signal} jets: {areas}.",
    )


def _training_texts(content: Mapping[str, Any]) -> tuple[str, str]:
    best = [(h["epoch"][h["best"]], h["validation_loss"][h["best"]]) for h in content["histories"]]
    unit = content["unit"].lower()
    found = "; ".join(f"{loss:.4g} at {unit} {epoch:g}" for epoch, loss in best)
    seconds = sum(h["seconds"] for h in content["histories"])
    took = f" {seconds:,.0f} s in all." if seconds else ""
    heavy = "; ".join(
        f"{share:.0%} of class {name} ({where})"
        for where, shares in content["heavy_jets"].items()
        for name, share in shares.items()
    )
    said = f" One row carries a large part of the weight: {heavy}." if heavy else ""
    return (
        f"Smallest validation loss: {found}.{took}{said}",
        f"Losses of {content['title']} against the {unit}; smallest validation loss {found}.",
    )


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
