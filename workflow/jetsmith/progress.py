"""Progress of a job on standard error: what, how much of all, how fast, how long still."""

import sys
import time
from typing import TextIO


class Progress:
    """Print a line every few seconds while a job works.

    Args:
        what: The job, e.g. `skim ttbar 003`.
        total: Amount of work; 0 where it is not known.
        unit: Its unit, e.g. `events`.
        every_s: Seconds between lines.
        stream: Where to; standard error by default.
    """

    def __init__(
        self, what: str, total: float, unit: str, every_s: float = 5.0, stream: TextIO | None = None
    ) -> None:
        self.what, self.total, self.unit, self.every_s = what, total, unit, every_s
        self._stream = stream or sys.stderr
        self._start = self._last = time.monotonic()
        self._done = self._before = 0.0

    def go_on(self, done: float) -> None:
        """So much was done before this process began: it counts, but not for the rate."""
        self._before = done

    def update(self, done: float, note: str = "", always: bool = False) -> None:
        """Say that `done` of `total` is done; prints when it is time, the work is complete, or `always`."""
        self._done = done
        now = time.monotonic()
        if now - self._last < self.every_s and not (always or (self.total and done >= self.total)):
            return
        self._last = now
        print(self._line(now, note), file=self._stream, flush=True)

    def _line(self, now: float, note: str) -> str:
        elapsed = max(now - self._start, 1e-9)
        rate = (self._done - self._before) / elapsed
        parts = [f"[{self.what}] {self._done:,.0f}"]
        if self.total:
            parts[0] += f" of {self.total:,.0f} {self.unit} ({100 * self._done / self.total:.0f}%)"
            if rate > 0 and self._done < self.total:
                parts.append(f"{clock((self.total - self._done) / rate)} left")
        else:
            parts[0] += f" {self.unit}"
        parts.append(f"{rate:,.3g} {self.unit}/s")
        return ", ".join(parts + ([note] if note else []))


def clock(seconds: float) -> str:
    """A time in minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
