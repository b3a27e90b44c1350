"""The run as a picture: data sets, samples and what is trained on them, in columns from left to right."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jetsmith.report.tables import Row

WIDTH, HEIGHT = 190, 44  # of a box [px]
ACROSS, DOWN = WIDTH + 64, HEIGHT + 12  # from a box to the next
MARGIN = 2
MAX_LETTERS = 22  # of a text that fits into a box


class Node(NamedTuple):
    """A box: what it is of, in which column, two lines of text, and where it leads."""

    key: tuple[str, str]
    column: int
    text: str
    small: str
    address: str


def origins(run: Mapping[str, Any], page: Mapping[str, Any], addresses: Mapping[str, str]) -> Row:
    """Boxes with their places, and lines between them.

    Args:
        run: The resolved configuration.
        page: Rows of the main page's sections, by their names in its template.
        addresses: Of the page of each tagger.

    Returns:
        `boxes`, `lines` as SVG paths, `width` and `height` [px]; no boxes where nothing is trained or judged.
    """
    nodes = list(_nodes(run, page, addresses))
    columns = [
        [n for n in nodes if n.column == k] for k in range(max((n.column for n in nodes), default=-1) + 1)
    ]
    tallest = max((len(column) for column in columns), default=0)
    places = {
        node.key: (MARGIN + k * ACROSS, MARGIN + round((i + (tallest - len(column)) / 2) * DOWN))
        for k, column in enumerate(columns)
        for i, node in enumerate(column)
    }
    return {
        "boxes": [
            {
                "x": places[node.key][0],
                "y": places[node.key][1],
                "text": _short(node.text),
                "small": _short(node.small),
                "whole": f"{node.text}: {node.small}" if node.small else node.text,
                "address": node.address,
            }
            for node in nodes
        ],
        "lines": [_line(places[start], places[end]) for start, end in _links(run)],
        "box": {"width": WIDTH, "height": HEIGHT},
        "width": MARGIN + len(columns) * ACROSS - (ACROSS - WIDTH) + MARGIN,
        "height": MARGIN + tallest * DOWN - (DOWN - HEIGHT) + MARGIN,
    }


def _nodes(run: Mapping[str, Any], page: Mapping[str, Any], addresses: Mapping[str, str]) -> Iterable[Node]:
    about = run.get("run", {})
    classifiers = run.get("classifiers", {})
    samples = {name: about["samples"][name] for name in _samples(run)}
    accounts = {row["name"]: row for row in page["accounts"]}
    areas = {
        row["tagger"]: f"AUC {row['auc']['text']}"
        for table in reversed(page["summary"])
        for row in table["rows"]
    }
    verdicts = {row["title"]: f"closure {row['status']}" for row in page["closures"]}
    for name in dict.fromkeys(name for sample in samples.values() for name in sample["datasets"]):
        read = f"{accounts[name]['processed']} entries" if name in accounts else ""
        yield Node(("dataset", name), 0, name, read, "#accounts" if read else "")
    for name, sample in samples.items():
        folds = f"{sample['folds']} folds" if sample.get("folds") else "no folds"
        yield Node(("sample", name), 1, name, folds, "")
    for name, spec in classifiers.items():
        small = areas.get(name) or verdicts.get(spec["title"], "")
        address = addresses.get(name) or ("#closure" if spec["title"] in verdicts else "")
        yield Node(("classifier", name), 2 + _depth(name, classifiers), spec["title"], small, address)


def _links(run: Mapping[str, Any]) -> Iterable[tuple[tuple[str, str], tuple[str, str]]]:
    """Pairs of keys: what is read, and by what."""
    classifiers = run.get("classifiers", {})
    for sample in _samples(run):
        for dataset in run["run"]["samples"][sample]["datasets"]:
            yield ("dataset", dataset), ("sample", sample)
    for name, spec in classifiers.items():
        yield from ((("classifier", other), ("classifier", name)) for other in _reads(spec, classifiers))
        if any(one["group"] not in classifiers for one in spec["inputs"]):
            yield ("sample", spec["sample"]), ("classifier", name)
        yield from ((("sample", sample), ("classifier", name)) for sample in _judged_on(run, name))


def _samples(run: Mapping[str, Any]) -> list[str]:
    """Samples that classifiers are trained on, then those that they are judged on beside."""
    classifiers = run.get("classifiers", {})
    own = (spec["sample"] for spec in classifiers.values())
    further = (sample for name in classifiers for sample in _judged_on(run, name))
    return list(dict.fromkeys((*own, *further)))


def _judged_on(run: Mapping[str, Any], name: str) -> Sequence[str]:
    """Samples that a classifier is judged on beside its own."""
    found: Sequence[str] = run["run"].get("judged_on", {}).get(name, ())
    return found


def _reads(spec: Mapping[str, Any], classifiers: Mapping[str, Any]) -> list[str]:
    """Taggers whose scores it reads, as inputs or in losses: a group of features has their name."""
    groups = dict.fromkeys(one["group"] for one in (*spec["inputs"], *spec.get("side", ())))
    return [group for group in groups if group in classifiers]


def _depth(name: str, classifiers: Mapping[str, Any]) -> int:
    """Of how many taggers one reads the other, up to this one."""
    return max(
        (1 + _depth(other, classifiers) for other in _reads(classifiers[name], classifiers)), default=0
    )


def _line(start: Sequence[int], end: Sequence[int]) -> str:
    """From the right side of a box to the left of another, as a path of SVG."""
    x, y, to_x, to_y = start[0] + WIDTH, start[1] + HEIGHT // 2, end[0], end[1] + HEIGHT // 2
    half = min((to_x - x) // 2, (ACROSS - WIDTH) // 2)
    return f"M{x} {y}C{x + half} {y} {to_x - half} {to_y} {to_x} {to_y}"


def _short(text: str) -> str:
    return text if len(text) <= MAX_LETTERS else f"{text[: MAX_LETTERS - 1]}…"
