"""What the report shows, as plain rows for its template: numbers become text here and nowhere else."""

from collections.abc import Mapping, Sequence
from typing import Any

from jetsmith.handed.account import Account, Lost, Normalisation
from jetsmith.handed.plan import Content, Plan
from jetsmith.handed.scan import Scan
from jetsmith.texts import count, interval, label_text, minus, share, split_text

MAX_NAMED = 5  # files in a sentence
WITHOUT_HLT = "No trigger selects its events, as asked (without: hlt)."
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

    Taggers that do not tell the signal from the first background have one more, of theirs.

    Returns:
        A sample: name, folds, signal, readings (mistag rates of the columns), backgrounds, and rows
        with title, auc and efficiencies against the first background and the areas of the others.
    """
    tables = []
    drawn = [roc for roc in rocs if roc["curves"]]
    for sample, signal in dict.fromkeys((roc["sample"], roc["signal"]["name"]) for roc in drawn):
        of_sample = [roc for roc in drawn if (roc["sample"], roc["signal"]["name"]) == (sample, signal)]
        known: set[str] = set()
        for roc in sorted(of_sample, key=lambda roc: not roc["is_first"]):
            names = {curve["tagger"] for curve in roc["curves"]}
            if not names <= known:
                tables.append(_summary(roc, [other for other in of_sample if other is not roc]))
            known |= names
    return tables


def _summary(first: Table, others: Sequence[Table]) -> Row:
    """The table of a figure, with columns for other backgrounds that one of its taggers has."""
    ranked = sorted(first["curves"], key=lambda curve: -curve["auc"]["value"])
    names = {curve["tagger"] for curve in ranked}
    others = [roc for roc in others if names & {curve["tagger"] for curve in roc["curves"]}]
    return {
        "sample": first["sample"],
        "folds": split_text(ranked[0]["folds"]),
        "signal": label_text(first["signal"]["label"]),
        "background": label_text(first["background"]["label"]),
        "others": [label_text(roc["background"]["label"]) for roc in others],
        "readings": [share(reading["mistag"]) for reading in ranked[0]["readings"]],
        "n_signal": count(max(curve["n_signal"] for curve in ranked)),
        "n_background": count(max(curve["n_background"] for curve in ranked)),
        "rows": [_summary_row(curve, others) for curve in ranked],
    }


def _summary_row(curve: Table, others: Sequence[Table]) -> Row:
    areas = [{c["tagger"]: c["auc"] for c in roc["curves"]}.get(curve["tagger"]) for roc in others]
    return {
        "title": curve["title"],
        "tagger": curve["tagger"],
        "auc": whole(curve["auc"]),
        "others": [whole(area) for area in areas],
        "readings": [read(reading) for reading in curve["readings"]],
    }


def read(reading: Table) -> Row:
    """A curve at a mistag rate in per cent, with its `doubt`."""
    return whole(reading["signal_efficiency"], percent=True) | {
        "doubt": reading.get("doubt", "")
    }  # figures of earlier versions have none


def whole(found: Table | None, percent: bool = False) -> Row:
    """A number with its interval, of a record with `value`, `low` and `high`; a dash for none."""
    if found is None:
        return interval(None, None, None)
    return interval(found["value"], found["low"], found["high"], percent)


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


def accounts(entries: Sequence[Account], names: Mapping[str, str], datasets: Table) -> list[Row]:
    """One entry a dataset: entries planned, processed and lost, the cutflow, and rows by truth class.

    Args:
        entries: Of each dataset.
        names: Of truth ids.
        datasets: Their keys in the configuration.
    """
    return [_account(entry, names, datasets.get(entry.dataset, {})) for entry in entries]


def _account(entry: Account, names: Mapping[str, str], spec: Mapping[str, Any]) -> Row:
    without = [WITHOUT_HLT] if "hlt" in spec.get("without", ()) else []
    return {
        "name": entry.dataset,
        "planned": count(entry.n_entries),
        "processed": count(entry.n_events),
        "lost": count(entry.n_lost),
        "lost_share": f"{100 * entry.loss_fraction:.2g}%",
        "is_complete": entry.n_lost == 0,
        **normalisation(entry.normalisation, entry.event_weight),
        "rows": count(entry.n_rows),
        "content": [*content_lines(entry.content), *without],
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
        "is_unknown": about.to == "none",
        "how": about.how,
        "mean_weight": weight_sum(about.mean_weight),
        "event_weight": "–" if event_weight is None else f"{event_weight:.4g}",
    }


def _loss(loss: Lost) -> str:
    """What is lost, its shares of entries and weights, and why."""
    which = "all entries" if loss.stop is None else f"entries {loss.start:,} to {loss.stop:,}"
    shares = f"{100 * loss.fraction:.2g}% of the entries, {100 * loss.weight_fraction:.2g}% of the weights"
    return f"{loss.file}, {which} ({shares}; {loss.attempts} attempts): {loss.reason}"
