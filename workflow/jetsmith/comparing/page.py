"""The page of a comparison: numbers become text here and in its template."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jetsmith.comparing.folder import Results
from jetsmith.handed.comparison import Comparison, Jets, Number, Topic
from jetsmith.metrics import Interval
from jetsmith.report.rendering import embedded, render
from jetsmith.texts import count, interval, minus

TEMPLATES = Path(__file__).parent
MAX_SHOWN = 200  # lines of a table: the JSON beside the page has all
MAX_NAMED = 3  # of what differs, in a line
LONGEST = 300  # characters of a value in one
GRADES = {"passed": "good", "failed": "bad", "not conclusive": "warn"}


def write_page(
    output: Path, found: Comparison, runs: tuple[Results, Results], figures: Sequence[Path]
) -> None:
    """Write the page.

    Args:
        output: `index.html`.
        found: What was found.
        runs: A and B, for titles.
        figures: PNG files; PDF and JSON lie beside them.

    Raises:
        InputError: A figure cannot be read.
    """
    page = {
        "before": found.before,
        "after": found.after,
        "titles": [str(run.setting("run.title", "")) for run in runs],
        "is_nothing": found.is_nothing,
        "n_tested": count(found.n_tested),
        "level": f"{100 * found.level:g}%",
        "differing": [
            _number(number, runs[0]) | {"subject": _subject(number, runs[0])} for number in found.differing
        ],
        "gate": _gate(found),
        "topics": [_topic(topic) for topic in found.topics],
        "tables": [_table(one, found, runs[0]) for one in _subjects(found)],
        "figures": [embedded(path, output.parent) for path in figures],
    }
    render("compare.html.j2", page, output, TEMPLATES)


def summary(found: Comparison) -> str:
    """The same in a few lines, for the terminal."""
    lines = [f"A: {found.before}", f"B: {found.after}"]
    if found.is_nothing:
        lines.append("nothing differs: " + ", ".join(f"{t.n:,} {t.name}" for t in found.topics))
    for topic in found.topics:
        if topic.changes:
            named = ", ".join(change.key for change in topic.changes[:MAX_NAMED])
            n_more = len(topic.changes) - MAX_NAMED
            more = f" and {n_more:,} more" if n_more > 0 else ""
            lines.append(f"{topic.name}: {len(topic.changes):,} of {topic.n:,} differ ({named}{more})")
    lines += [f"{j.judgement} on {j.sample}: not paired: {j.why}" for j in found.jets if not j.paired]
    lines.append(
        f"numbers: {len(found.differing)} of {found.n_tested} differ, at {100 * found.level:g}% for all "
        "together (Holm)"
    )
    lines += [f"  {number.subject}: {number.what}: {_plain(number)}" for number in found.differing]
    if found.gate is not None:
        lines.append(f"gate, rejection may fall by {100 * found.gate.tolerance:g}%: {found.gate.status}")
        lines += [f"  {line}" for line in found.gate.lines]
    return "\n".join(lines)


def _plain(number: Number) -> str:
    change = " ".join(filter(None, _difference(number).values()))
    return f"{change}{' points' if number.percent else ''} (p = {_p(number.p_holm)})"


def _subjects(found: Comparison) -> list[tuple[str, str]]:
    """Judgement, or reweighter, and sample of each table."""
    return list(dict.fromkeys((number.subject, number.sample) for number in found.numbers))


def _subject(number: Number, run: Results) -> str:
    return run.title(number.subject)


def _table(subject: tuple[str, str], found: Comparison, run: Results) -> dict[str, Any]:
    rows = [n for n in found.numbers if (n.subject, n.sample) == subject]
    jets = next((j for j in found.jets if (j.judgement, j.sample) == subject), None)
    return {
        "title": run.title(subject[0]),
        "sample": subject[1],
        "jets": _jets(jets),
        "n_differ": sum(n.differs for n in rows),
        "has_rejection": any(n.rejection is not None for n in rows),
        "rows": [_number(number, run) for number in rows],
    }


def _jets(jets: Jets | None) -> str:
    if jets is None:
        return "Events of both runs need not be the same: compared by their intervals, not by pairs."
    both = f"{count(jets.before)} test jets in A, {count(jets.after)} in B, {count(jets.common)} in common"
    if jets.paired:
        return f"{both}, on which differences are found by pairs."
    return f"{both}. Not compared by pairs but by intervals: {jets.why}."


def _number(number: Number, run: Results) -> dict[str, Any]:
    return {
        "what": number.what + (" [%]" if number.percent else ""),
        "before": _whole(number.before, number.percent),
        "after": _whole(number.after, number.percent),
        "difference": _difference(number),
        "paired": number.paired,
        "z": "–" if number.z is None else minus(f"{number.z:+.1f}") if number.z else "0",
        "p": _p(number.p_holm),
        "rejection": _whole(number.rejection, False),
        "differs": number.differs,
        "grade": "warn",
        "why": number.why,
        "doubt": number.doubt,
    }


def _whole(found: Interval | None, percent: bool) -> dict[str, str]:
    return (
        interval(None, None, None) if found is None else interval(found.value, found.low, found.high, percent)
    )


def _difference(number: Number) -> dict[str, str]:
    if number.difference is not None and number.difference.value == 0:
        return {"text": "0", "up": "", "down": ""}
    return _whole(number.difference, number.percent)


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "1" if value >= 0.995 else f"{value:.2g}" if value >= 1e-12 else "< 1e−12"


def _gate(found: Comparison) -> dict[str, Any] | None:
    if found.gate is None:
        return None
    return {
        "tolerance": f"{100 * found.gate.tolerance:g}%",
        "status": found.gate.status,
        "grade": GRADES[found.gate.status],
        "lines": list(found.gate.lines),
    }


def _topic(topic: Topic) -> dict[str, Any]:
    return {
        "id": topic.name.replace(" ", "-"),
        "name": topic.name,
        "n": count(topic.n),
        "n_changes": count(len(topic.changes)),
        "first": [_cut(change.key) for change in topic.changes[:MAX_NAMED]],
        "n_others": count(len(topic.changes) - MAX_NAMED) if len(topic.changes) > MAX_NAMED else "",
        "n_more": count(len(topic.changes) - MAX_SHOWN) if len(topic.changes) > MAX_SHOWN else "",
        "has_about": any(change.about for change in topic.changes),
        "rows": [
            {
                "key": change.key,
                "before": _cut(change.before),
                "after": _cut(change.after),
                "about": _cut(change.about),
            }
            for change in topic.changes[:MAX_SHOWN]
        ],
    }


def _cut(text: str | None) -> str:
    """A value for a table; None is said to be none by the template."""
    if text is None:
        return ""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
