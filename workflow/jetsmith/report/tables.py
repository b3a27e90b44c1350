"""What the report shows, as plain rows for its template: numbers become text here and nowhere else."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from jetsmith.handed.account import Account, Lost, Normalisation
from jetsmith.handed.plan import Content, Plan
from jetsmith.handed.scan import Scan
from jetsmith.texts import count, interval, label_text, minus, share, split_text

MAX_NAMED = 5  # files in a sentence
MAX_FILES = 200  # listed a dataset: the page stays light, inspect's JSON has all

Row = dict[str, Any]
Table = Mapping[str, Any]


def weight_sum(value: float | None) -> str:
    """A sum of weights: whole where it is large, else four digits."""
    if value is None:
        return "–"
    return minus(f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}")


def size(n_bytes: float | None) -> str:
    """Bytes in a unit that fits."""
    if n_bytes is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def summary(rocs: Sequence[Table]) -> list[Row]:
    """A table for each signal of a sample, of its ROC figures: taggers by falling area, the best first.

    Returns:
        A sample: name, folds, signal, readings (mistag rates of the columns), backgrounds, and rows
        with title, auc and efficiencies against the first background and the areas of the others.
    """
    tables = []
    for sample, signal in dict.fromkeys((roc["sample"], roc["signal"]["name"]) for roc in rocs):
        of_sample = [roc for roc in rocs if (roc["sample"], roc["signal"]["name"]) == (sample, signal)]
        first = next((roc for roc in of_sample if roc["is_first"] and roc["curves"]), None)
        if first is None:
            continue
        others = [roc for roc in of_sample if roc is not first and roc["curves"]]
        ranked = sorted(first["curves"], key=lambda curve: -curve["auc"]["value"])
        tables.append(
            {
                "sample": sample,
                "folds": split_text(ranked[0]["folds"]),
                "signal": label_text(first["signal"]["label"]),
                "background": label_text(first["background"]["label"]),
                "others": [label_text(roc["background"]["label"]) for roc in others],
                "readings": [share(reading["mistag"]) for reading in ranked[0]["readings"]],
                "n_signal": count(max(curve["n_signal"] for curve in ranked)),
                "n_background": count(max(curve["n_background"] for curve in ranked)),
                "rows": [_summary_row(curve, others) for curve in ranked],
            }
        )
    return tables


def _summary_row(curve: Table, others: Sequence[Table]) -> Row:
    areas = [{c["tagger"]: c["auc"] for c in roc["curves"]}.get(curve["tagger"]) for roc in others]
    return {
        "title": curve["title"],
        "tagger": curve["tagger"],
        "auc": whole(curve["auc"]),
        "others": [whole(area) for area in areas],
        "readings": [whole(reading["signal_efficiency"], percent=True) for reading in curve["readings"]],
    }


def whole(found: Table | None, percent: bool = False) -> Row:
    """A number with its interval, of a record with `value`, `low` and `high`; a dash for none."""
    if found is None:
        return interval(None, None, None)
    return interval(found["value"], found["low"], found["high"], percent)


def working_points(numbers: Sequence[Table], classifiers: Table) -> list[Row]:
    """One table a tagger: thresholds with intervals, and the efficiency of each class there."""
    tables = []
    for entry in numbers:
        spec = classifiers.get(entry["judgement"], {})
        classes = list(entry.get("classes", {}))
        labels = {
            c["name"]: c["label"]
            for c in (spec.get("signal_class"), *spec.get("background_classes", ()))
            if c
        }
        classes.sort(key=lambda name: list(labels).index(name) if name in labels else len(labels))
        points = sorted(entry["working_points"].items(), key=lambda item: -item[1]["target"])
        tables.append(
            {
                "title": spec.get("title", entry["judgement"]),
                "tagger": entry["judgement"],
                "sample": entry.get("sample", ""),
                "threshold_class": label_text(labels.get(entry.get("threshold_class"), "background")),
                "classes": [label_text(labels.get(name, name)) for name in classes],
                "rows": [_point_row(name, point, classes) for name, point in points],
                "flat": [
                    _flat_row(name, point, entry["pt_bins_gev"], classes)
                    for name, point in entry["flat_efficiency"].items()
                ],
                "signal": label_text(spec.get("signal_class", {}).get("label", "signal")),
                "undefined": entry["undefined"] | entry["flat_undefined"],
                "notes": [*_tied(points), *_jets_apart(entry["classes"], labels)],
            }
        )
    return tables


def planes(numbers: Sequence[Table], classifiers: Table) -> list[Row]:
    """One table a plane: two thresholds with intervals, and the efficiency of each class behind both."""
    tables = []
    for entry in numbers:
        specs = [classifiers.get(name, {}) for name in entry["judgements"]]
        labels = {
            c["name"]: c["label"]
            for spec in specs
            for c in (spec.get("signal_class"), *spec.get("background_classes", ()))
            if c
        }
        classes = sorted(entry["classes"], key=list(labels).index)
        tables.append(
            {
                "title": entry["plane"],
                "sample": entry["sample"],
                "of": [
                    f"{spec.get('title', name)} ({discriminant})"
                    for spec, name, discriminant in zip(
                        specs, entry["judgements"], entry["discriminants"], strict=True
                    )
                ],
                "backgrounds": [label_text(labels.get(name, name)) for name in entry["threshold_classes"]],
                "classes": [label_text(labels.get(name, name)) for name in classes],
                "rows": [
                    {
                        "name": name,
                        "targets": [share(target) for target in point["targets"]],
                        "thresholds": [_threshold(found) for found in point["thresholds"]],
                        "doubt": point["doubt"],
                        "n_passing": [count(n) for n in point["n_passing"]],
                        "efficiencies": [whole(point["efficiencies"][c], percent=True) for c in classes],
                    }
                    for name, point in entry["working_points"].items()
                ],
                "undefined": entry["undefined"],
            }
        )
    return tables


def _threshold(found: Table) -> Row:
    """A threshold; without errors where too few jets tell them."""
    ends = [found["value"] if found[end] is None else found[end] for end in ("low", "high")]
    return interval(found["value"], *ends)


def _tied(points: Sequence[tuple[str, Table]]) -> list[str]:
    """Working points that pass more than was asked for, since jets of one score pass together."""
    found = [name for name, point in points if point["doubt"] == "ties"]
    if not found:
        return []
    return [
        f"Many jets have the score that is the threshold of {', '.join(found)}, and pass together: the "
        "efficiency is far above what was asked for."
    ]


def _jets_apart(classes: Table, labels: Mapping[str, str]) -> list[str]:
    """Jets that fail without a score, and those that are left out, with their shares by class."""
    notes = []
    for what, text in (
        ("not_tagged", "Not tagged, so that they fail every working point"),
        ("without_score", "Without a score, so that they are left out"),
    ):
        found = [
            f"{label_text(labels.get(name, name))} {count(counts[f'n_{what}'])} "
            f"({100 * counts[f'share_{what}']:.2g}%)"
            for name, counts in classes.items()
            if counts[f"n_{what}"]
        ]
        if found:
            notes.append(f"{text}: {', '.join(found)}.")
    return notes


def _point_row(name: str, point: Table, classes: Sequence[str]) -> Row:
    return {
        "name": name,
        "target": share(point["target"]),
        "threshold": interval(point["threshold"], point["threshold_low"], point["threshold_high"]),
        "doubt": point["doubt"],
        "n_passing": count(point.get("n_passing")),
        "efficiencies": [whole(point.get("efficiencies", {}).get(c), percent=True) for c in classes],
    }


def _flat_row(name: str, point: Table, edges: Sequence[float], classes: Sequence[str]) -> Row:
    """A point of flat efficiency; bins of pt that share a threshold are one entry."""
    groups = [
        (group, list(members))
        for group, members in itertools.groupby(range(len(point["group"])), key=point["group"].__getitem__)
    ]
    return {
        "name": name,
        "target": share(point["target"]),
        "thresholds": [
            {
                "pt": f"{edges[bins[0]]:g} to {edges[bins[-1] + 1]:g}",
                "value": interval(*(point[f"threshold{end}"][bins[0]] for end in ("", "_low", "_high"))),
            }
            for _, bins in groups
        ],
        "doubt": ", ".join(point["doubts"]),
        "efficiencies": [whole(point["efficiencies"].get(c), percent=True) for c in classes],
    }


def scans(entries: Sequence[Scan], classifiers: Table) -> list[Row]:
    """One table a scan: its points by rising validation loss."""
    return [
        {
            "title": classifiers.get(scan.classifier, {}).get("title", scan.classifier),
            "method": scan.method,
            "keys": list(scan.keys),
            "has_rungs": any(tried.rung for tried in scan.points),
            "rows": [
                {
                    "point": tried.point,
                    "settings": [str(tried.settings[key]) for key in scan.keys],
                    "validation_loss": f"{tried.validation_loss:.5f}",
                    "epoch": f"{count(tried.epoch)} of {count(tried.epochs)}",
                    "seconds": f"{tried.seconds:,.1f}",
                    "rung": str(tried.rung),
                    "is_chosen": tried is scan.best,
                }
                for tried in scan.ranked
            ],
        }
        for scan in entries
    ]


def inputs(plans: Sequence[Plan]) -> list[Row]:
    """One entry a dataset: layout, size, its files, and the columns that its files do not give."""
    rows = []
    for plan in plans:
        filled = [file for file in plan.files if file.entries] or plan.files
        kinds = {file.schema for file in filled}
        missing = [set(plan.schemas[kind].missing) for kind in sorted(kinds)]
        everywhere = set.intersection(*missing) if missing else set()
        somewhere = set().union(*missing) - everywhere
        rows.append(
            {
                "name": plan.dataset,
                "object": plan.object,
                "layout": plan.layout or "none recognised",
                "n_files": count(len(plan.files)),
                "n_entries": count(plan.n_entries),
                "bytes": size(plan.bytes),
                "n_columns": count(len(plan.columns)),
                "missing": sorted(everywhere),
                "missing_somewhere": sorted(somewhere),
                "files": [
                    {
                        "file": file.file,
                        "uuid": file.uuid,
                        "bytes": size(file.bytes),
                        "entries": count(file.entries),
                        "codec": file.codec,
                    }
                    for file in plan.files[:MAX_FILES]
                ],
                "n_more": max(len(plan.files) - MAX_FILES, 0),
            }
        )
    return rows


def truth_names(classifiers: Table) -> dict[str, str]:
    """Names of truth ids: the label of the narrowest class of any classifier that has the id."""
    classes = [entry for spec in classifiers.values() for entry in spec.get("classes", ())]
    names: dict[str, str] = {}
    for entry in sorted(classes, key=lambda entry: len(entry["truth"])):
        for truth in entry["truth"]:
            names.setdefault(str(truth), label_text(entry["label"]))
    return names


def accounts(entries: Sequence[Account], names: Mapping[str, str]) -> list[Row]:
    """One entry a dataset: entries planned, processed and lost, the cutflow, and rows by truth class."""
    return [_account(entry, names) for entry in entries]


def _account(entry: Account, names: Mapping[str, str]) -> Row:
    return {
        "name": entry.dataset,
        "planned": count(entry.n_entries),
        "processed": count(entry.n_events),
        "lost": count(entry.n_lost),
        "lost_share": f"{100 * entry.loss_fraction:.2g}%",
        "is_complete": entry.n_lost == 0,
        **normalisation(entry.normalisation, entry.event_weight),
        "rows": count(entry.n_rows),
        "content": content_lines(entry.content),
        "cutflow": [
            {
                "cut": step.cut,
                "raw": count(step.n),
                "weighted": weight_sum(step.sum_w),
                "applied": step.applied,
            }
            for step in entry.cutflow
        ],
        "flavours": [
            {"truth": minus(truth), "name": names.get(truth, ""), "rows": count(n)}
            for truth, n in sorted(entry.rows_by_flavour.items(), key=lambda item: int(item[0]))
        ],
        "losses": [_loss(loss) for loss in entry.lost],
        "n_duplicates": count(entry.n_duplicates) if entry.n_duplicates else "",
        "empty": ", ".join(part for part, state in entry.states.items() if state == "empty"),
    }


def content_lines(content: Content) -> list[str]:
    """What the files of a dataset are, what stands in for what they do not say, and what they cannot tell."""
    if not content.simulated:
        blocks = f"certified blocks: {content.certified}" if content.certified else "not certified"
        lines = [f"Collision data: every event has weight 1; {blocks}."]
    elif content.weight is None:
        lines = ["Simulation without generator weights (weights: unit): every event has weight 1."]
    else:
        lines = [f"Simulation; generator weights from {content.weight}."]
    if content.duplicates == "allow":
        lines.append("Entries with the same run, block and event are not looked for (duplicates: allow).")
    lines += [f"Cut {cut} not applied: {reason}." for cut, reason in content.not_applied.items()]
    lines += [f"{key}: {how}." for key, how in content.instead.items()]
    lines += [
        f"Trigger {path} is absent in {count(len(files))} files, where it counts as not fired: "
        + ", ".join(files[:MAX_NAMED])
        + (f" and {count(len(files) - MAX_NAMED)} more." if len(files) > MAX_NAMED else ".")
        for path, files in content.absent_hlt.items()
    ]
    return lines + [f"In {count(untold.n_files)} files {untold.text}." for untold in content.untold]


def normalisation(about: Normalisation, event_weight: float | None) -> Row:
    """Sums of weights over generated and over processed entries, their ratio, and what was made of them."""
    factor = about.factor
    return {
        "sum_runs": weight_sum(about.sum_w_runs),
        "sum_processed": weight_sum(about.sum_w_processed),
        "factor": "–" if factor is None else "1" if factor == 1 else f"{factor:,.6g}",
        "is_skimmed": factor != 1,
        "is_assumed": about.to == "events",
        "how": about.how,
        "mean_weight": weight_sum(about.mean_weight),
        "event_weight": "–" if event_weight is None else f"{event_weight:.4g}",
    }


def _loss(loss: Lost) -> str:
    """What is lost, its shares of entries and weights, and why."""
    which = "all entries" if loss.stop is None else f"entries {loss.start:,} to {loss.stop:,}"
    shares = f"{100 * loss.fraction:.2g}% of the entries, {100 * loss.weight_fraction:.2g}% of the weights"
    return f"{loss.file}, {which} ({shares}; {loss.attempts} attempts): {loss.reason}"
