"""A page a tagger: what it is, what it was trained on, what it can do, and every figure of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from jetsmith.report.tables import Row, Table
from jetsmith.report.tagger_inputs import stood_in
from jetsmith.texts import count, label_text

WHOSE = ("tagger", "judgement", "classifier")
"""Keys by which the numbers of a figure of one tagger, or of one of its discriminants, name it."""


def cards(
    run: Mapping[str, Any],
    models: Sequence[tuple[Table, Table]],
    judgements: Mapping[str, str],
    page: Mapping[str, Any],
    bundled: Iterable[str] = (),
) -> list[Row]:
    """One entry a tagger: what its page shows.

    Args:
        run: The resolved configuration.
        models: Content of each tagger's meta.json, and of the spec.json beside it.
        judgements: Tagger of each judgement.
        page: Rows of the main page's sections, by their names in its template.
        bundled: Taggers that leave as bundles.
    """
    return [
        _card(run, about, trained, judgements, page, about["classifier"] in set(bundled))
        for about, trained in models
    ]


def _card(
    run: Mapping[str, Any],
    about: Table,
    trained: Table,
    judgements: Mapping[str, str],
    page: Mapping[str, Any],
    is_bundled: bool,
) -> Row:
    name = about["classifier"]
    spec = run["classifiers"][name]

    def is_its(row: Mapping[str, Any]) -> bool:
        of = {row[key] for key in WHOSE if key in row}
        return any(judgements.get(one, one) == name for one in of)

    def its_rows(tables: Iterable[Row]) -> list[Row]:
        """Tables of several taggers, with its rows alone."""
        found = [{**table, "rows": [row for row in table["rows"] if is_its(row)]} for table in tables]
        return [table for table in found if table["rows"]]

    sections = [
        {**section, "figures": [_moved(figure) for figure in section["figures"] if is_its(figure["of"])]}
        for section in page["sections"]
    ]
    return {
        "name": name,
        "title": spec["title"],
        "facts": _facts(run, spec, about),
        "inputs": [
            {
                "group": one["group"],
                "kind": one["kind"] if one["kind"] == "flat" else f"up to {count(one['length'])} a jet",
                "features": one["features"],
            }
            for one in spec["inputs"]
        ],
        "trained_on": _rows(about["rows"], about.get("effective", {}), spec["classes"]),
        "settings": _settings(spec, trained),
        "hepdata": f"../{page['hepdata']}" if page["hepdata"] else "",
        "bundle": f"../../bundles/{name}/README.md" if is_bundled else "",
        "stood_in": stood_in(page["stand_ins"], name),
        "summary": its_rows(page["summary"]),
        "resilience": its_rows(page["resilience"]),
        "working_points": [table for table in page["working_points"] if is_its(table)],
        "sections": [section for section in sections if section["figures"]],
    }


def _moved(figure: Row) -> Row:
    """The figure with links from a folder below."""
    return figure | {"links": [link | {"address": f"../{link['address']}"} for link in figure["links"]]}


def _facts(run: Mapping[str, Any], spec: Mapping[str, Any], about: Table) -> list[Row]:
    """What it is, in a few lines."""
    datasets = run["run"]["samples"][spec["sample"]]["datasets"]
    device = about["device"]
    found = {
        "backend": f"{spec['backend']}, {spec['model']}" if spec["model"] else spec["backend"],
        "jets": f"{spec['object']}, sample {spec['sample']}: {', '.join(datasets)}",
        "classes": ", ".join(label_text(one["label"]) for one in spec["classes"]),
        "folds": count(spec["folds"]) if spec["folds"] else "",
        "members": count(about["members"]) if "members" in about else "",
        "starts from": spec["start_from"],
        "trained on": f"{device['kind']} {device['name']}, {device['engine']}".replace(" ,", ","),
        "seed": str(about.get("seed", "")),
        "auxiliary outputs that were off": ", ".join(sorted(about["heads_off"])),
    }
    if not about["rows"]:
        found |= {"trained on": "nothing: it was not trained in this run", "seed": ""}
    return [{"name": name, "value": value} for name, value in found.items() if value]


Counts = Mapping[str, Mapping[str, Mapping[str, int]]]


def _rows(rows: Counts, effective: Counts, of_tagger: Sequence[Mapping[str, Any]]) -> Row:
    """Jets by class of each training and split, and as how many they count; in the order of the classes."""
    labels = {one["name"]: label_text(one["label"]) for one in of_tagger}
    counted = {c for splits in rows.values() for split in splits.values() for c in split}
    classes = [*(c for c in labels if c in counted), *sorted(counted - set(labels))]
    return {
        "classes": [labels.get(c, c.replace("_", " ")) for c in classes],
        "rows": [
            {
                "what": (split if training == "model" else f"{training}, {split}") + what,
                "counts": [count(n[c]) if c in n else "" for c in classes],
            }
            for training, splits in rows.items()
            for split in splits
            for what, n in (("", splits[split]), (", effectively", effective.get(training, {}).get(split)))
            if n is not None  # models of earlier versions do not say
        ],
    }


def _settings(spec: Mapping[str, Any], trained: Table) -> str:
    """What a training got beside its jets, as YAML; of a scan the settings of the chosen point."""
    of_training = ("architecture", "training")
    spec = {**spec, **{key: trained[key] for key in of_training}}
    keys: Sequence[str] = (*of_training, "side", "losses", "discriminant", "evaluation")
    chosen = {key: spec[key] for key in keys if spec.get(key)}
    if "side" in chosen:  # as in its file
        chosen["side"] = {one["group"]: list(one["features"]) for one in chosen["side"]}
    return yaml.safe_dump(chosen, sort_keys=False, allow_unicode=True, width=100)
