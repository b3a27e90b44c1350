"""What the report shows of the inputs of taggers: stand-ins, and what trainings without some have lost."""

from collections.abc import Iterator, Sequence

from jetsmith.report.tables import Row, Table
from jetsmith.texts import count, interval, minus, split_text


def stand_ins(checks: Sequence[Table], classifiers: Table) -> list[Row]:
    """A row for columns that are not what they say for one reason, in the same data sets, with readers.

    Readers go by the name of the classifier: several may have one title. Of data sets that one reads with
    turned signs the name says so.
    """
    datasets: dict[tuple[str, str], list[str]] = {}
    readers: dict[tuple[str, str], dict[str, dict[str, None]]] = {}
    for check in checks:
        for dataset, found in _told(check):
            for column, told in found.items():
                key = column, told["reason"]
                if dataset not in datasets.setdefault(key, []):
                    datasets[key].append(dataset)
                by_name = readers.setdefault(key, {})
                by_name.setdefault(check["classifier"], {}).update(dict.fromkeys(told["features"]))
    rows: dict[tuple[str, tuple[str, ...]], Row] = {}
    for (column, reason), where in datasets.items():
        row = rows.setdefault((reason, tuple(where)), {"columns": [], "readers": {}})
        row["columns"].append(column)
        for name, features in readers[column, reason].items():
            row["readers"].setdefault(name, {}).update(features)
    return [
        {
            "columns": row["columns"],
            "reason": reason,
            "datasets": list(where),
            "readers": [
                {
                    "classifier": name,
                    "title": classifiers.get(name, {}).get("title", name),
                    "features": list(features),
                }
                for name, features in row["readers"].items()
            ],
        }
        for (reason, where), row in rows.items()
    ]


def stood_in(rows: Sequence[Row], classifier: str) -> list[Row]:
    """Of these rows what one classifier reads: reason, columns, data sets and its own features."""
    return [
        {"reason": row["reason"], "columns": row["columns"], "datasets": row["datasets"]}
        | {"features": reader["features"]}
        for row in rows
        for reader in row["readers"]
        if reader["classifier"] == classifier
    ]


def _told(check: Table) -> Iterator[tuple[str, Table]]:
    """Stand-ins by column of each data set."""
    how = " (signs turned)" if check["is_turned"] else ""
    for dataset, about in check["datasets"].items():
        yield f"{dataset}{how}", about.get("stand_ins", {})


def ablations(figures: Sequence[Table]) -> list[Row]:
    """One table a tagger with `ablate`: a row a training, its losses in the area and at working points."""
    return [_ablation(figure) for figure in figures if figure["trainings"]]


def _ablation(figure: Table) -> Row:
    first = figure["trainings"][0]["losses"]
    return {
        "title": figure["title"],
        "signal": figure["signal"],
        "background": figure["background"],
        "jets": count(figure["jets"]),
        "folds": split_text(figure["folds"]),
        "wholes": [
            f"AUC of {found['whole']:.4f}"
            if found["of"] == "auc"
            else f"efficiency of {100 * found['whole']:.3g}% at {found['of']}"
            for found in first
        ],
        "rows": [
            {
                "name": less["name"],
                "left_out": less["left_out"],
                "losses": [_loss(found["loss"], percent=found["of"] != "auc") for found in less["losses"]],
            }
            for less in figure["trainings"]
        ],
    }


def _loss(found: Table, percent: bool) -> Row:
    """A loss with its interval, and its distance from 0 in errors of the side that looks there."""
    value = found["value"]
    error = value - found["low"] if value >= 0 else found["high"] - value
    return {
        "loss": interval(value, found["low"], found["high"], percent),
        "significance": minus(f"{value / error:.1f}") if error > 0 else "–",
    }
