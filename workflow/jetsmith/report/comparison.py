"""What the page says of the run that this one is compared with: the verdict, and which numbers differ."""

from collections.abc import Mapping
from typing import Any

from jetsmith.handed.comparison import Comparison, Number
from jetsmith.report.tables import Row
from jetsmith.texts import count, interval

GRADES = {"passed": "good", "failed": "bad", "not conclusive": "warn"}
PAGE = "comparison/index.html"  # in the results folder


def compared(found: Comparison, classifiers: Mapping[str, Any]) -> Row:
    """A section of the page.

    Args:
        found: What the comparison found; `before` is the older run.
        classifiers: Of the run, for their titles.
    """
    gate, differing = found.gate, found.differing
    is_good = found.n_tested > 0 and not differing  # where nothing could be tested, nothing has passed
    numbers = f"{count(len(differing))} of {count(found.n_tested)} numbers"
    return {
        "against": found.before,
        "link": f"../{PAGE}",
        "place": PAGE,
        "numbers": f"{numbers} differ at {100 * found.level:g}% for all together",
        "tolerance": f"{100 * gate.tolerance:g}%" if gate else "",
        "status": gate.status if gate else "passed" if is_good else "look",
        "grade": GRADES[gate.status] if gate else "good" if is_good else "warn",
        "lines": list(gate.lines) if gate else [],
        "topics": [
            {"name": t.name, "n": count(t.n), "n_changes": count(len(t.changes))} for t in found.topics
        ],
        "rows": [_row(number, classifiers) for number in differing],
    }


def _row(number: Number, classifiers: Mapping[str, Any]) -> Row:
    sides = {"before": number.before, "after": number.after, "difference": number.difference}
    return {
        "title": classifiers.get(number.subject, {}).get("title", number.subject),
        "what": number.what + (" [%]" if number.percent else ""),
        **{
            name: interval(of.value, of.low, of.high, number.percent) if of else interval(None, None, None)
            for name, of in sides.items()
        },
    }
