"""What the report shows of working points, as plain rows for its template."""

import itertools
from collections.abc import Mapping, Sequence

from jetsmith.report.tables import Row, Table, whole
from jetsmith.texts import count, interval, label_text, share


def working_points(numbers: Sequence[Table], classifiers: Table) -> list[Row]:
    """One table a tagger: thresholds with intervals, and the efficiency of each class there."""
    tables = []
    for entry in numbers:
        spec = classifiers.get(entry["judgement"], {})
        classes = list(entry.get("classes", {}))
        labels = _labels([spec])
        classes.sort(key=lambda name: list(labels).index(name) if name in labels else len(labels))
        points = sorted(entry["working_points"].items(), key=lambda item: -item[1]["target"])
        tables.append(
            {
                "title": spec.get("title", entry["judgement"]),
                "tagger": entry["judgement"],
                "of": entry["tagger"],
                "sample": entry.get("sample", ""),
                "threshold_class": label_text(labels.get(entry["threshold_class"], "background")),
                "classes": [label_text(labels.get(name, name)) for name in classes],
                "rows": [_point_row(name, point, classes) for name, point in points],
                "flat": [
                    _flat_row(name, point, entry["pt_bins_gev"], classes)
                    for name, point in entry["flat_efficiency"].items()
                ],
                "signal": label_text(spec.get("signal_class", {}).get("label", "signal")),
                "undefined": entry["undefined"] | entry["flat_undefined"],
                "notes": [
                    *_tied(points, entry["flat_efficiency"]),
                    *_jets_apart(entry["classes"], labels),
                ],
            }
        )
    return tables


def planes(numbers: Sequence[Table], classifiers: Table) -> list[Row]:
    """One table a plane: two thresholds with intervals, and the efficiency of each class behind both."""
    tables = []
    for entry in numbers:
        specs = [classifiers.get(name, {}) for name in entry["judgements"]]
        labels = _labels(specs)
        classes = sorted(entry["classes"], key=list(labels).index)
        backgrounds = [label_text(labels.get(name, name)) for name in entry["threshold_classes"]]
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
                "backgrounds": backgrounds,
                "apart": backgrounds[0] if entry["apart"] else "",
                "classes": [label_text(labels.get(name, name)) for name in classes],
                "rows": [
                    {
                        "name": name,
                        "targets": [share(target) for target in point["targets"]],
                        "thresholds": [_threshold(found) for found in point["thresholds"]],
                        "doubt": point["doubt"],
                        "n_passing": [count(n) for n in point["n_passing"]],
                        "efficiencies": [whole(point["efficiencies"][c], percent=True) for c in classes],
                        "together": [whole(point["together"][c]) for c in classes],
                    }
                    for name, point in entry["working_points"].items()
                ],
                "undefined": entry["undefined"],
            }
        )
    return tables


def _labels(specs: Sequence[Table]) -> dict[str, str]:
    """TeX labels of signal and backgrounds by name, in the order of the specs."""
    return {
        c["name"]: c["label"]
        for spec in specs
        for c in (spec.get("signal_class"), *spec.get("background_classes", ()))
        if c
    }


def _threshold(found: Table) -> Row:
    """A threshold; without errors where too few jets tell them."""
    ends = [found["value"] if found[end] is None else found[end] for end in ("low", "high")]
    return interval(found["value"], *ends)


def _tied(points: Sequence[tuple[str, Table]], flat: Table) -> list[str]:
    """Working points that pass more than was asked for, since jets of one score pass together."""
    tied = [(name, point) for name, point in points if "ties" in point["doubt"]]
    found = [name for name, _ in tied] + [name for name, point in flat.items() if "ties" in point["doubt"]]
    if not found:
        return []
    of_background = ", ".join(
        f"{name} {100 * point['background']['value']:.3g}% for {share(point['target'])}"
        for name, point in tied
    )
    told = f" (of the background, where it was found: {of_background})" if tied else ""
    return [
        f"Many jets have the score that is the threshold of {', '.join(found)}, and pass together: the "
        f"efficiency is far above what was asked for{told}."
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
        list(bins) for _, bins in itertools.groupby(range(len(point["group"])), point["group"].__getitem__)
    ]
    return {
        "name": name,
        "target": share(point["target"]),
        "thresholds": [
            {
                "pt": f"{edges[bins[0]]:g} to {edges[bins[-1] + 1]:g}",
                "value": interval(*(point[f"threshold{end}"][bins[0]] for end in ("", "_low", "_high"))),
            }
            for bins in groups
        ],
        "doubt": point["doubt"],
        "efficiencies": [whole(point["efficiencies"].get(c), percent=True) for c in classes],
    }
