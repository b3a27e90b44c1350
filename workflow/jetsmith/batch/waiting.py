"""Jobs that a batch system does not take for no fault of theirs: kept, and submitted again as they were."""

import threading
import time
from collections.abc import Callable
from typing import Any

FIRST_S, LAST_S = 10.0, 300.0  # pauses between two tries: each is twice the one before
SAID_S = 600.0  # so seldom is the same said again


class WaitingRoom:
    """Jobs of Snakemake that wait until the batch system takes jobs again; for several threads.

    While it takes none one job alone is tried, with growing pauses; when that is taken all others follow.

    Args:
        system: What does not take them, for messages.
        logger: Snakemake's.
        clock: Gives seconds.
    """

    def __init__(self, system: str, logger: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._system, self._logger, self._clock = system, logger, clock
        self._lock = threading.Lock()
        self._jobs: list[Any] = []
        self._tried: Any = None  # the one that is tried while the others wait
        self._is_shut, self._is_closed = False, False
        self._pause_s, self._next = FIRST_S, 0.0
        self._since: float | None = None
        self._said = -SAID_S

    def __len__(self) -> int:
        return len(self._jobs)

    def keeps(self, job: Any) -> bool:
        """Keep a job where it is of no use to submit it now; False where it is to be submitted."""
        with self._lock:
            if not self._is_shut or job is self._tried:
                return False
            self._jobs.append(job)
            return True

    def refused(self, job: Any, why: str) -> None:
        """The batch system has not taken a job, and that is not because of the job."""
        with self._lock:
            now = self._clock()
            if not self._is_shut:
                self._is_shut, self._pause_s = True, FIRST_S
                self._since = now if self._since is None else self._since
            elif job is self._tried:
                self._pause_s = min(2 * self._pause_s, LAST_S)
            self._tried = None
            self._next = now + self._pause_s
            self._jobs.insert(0, job)
            if now - self._said >= SAID_S:
                self._said = now
                away_s = 0.0 if self._since is None else now - self._since
                since = f" since {away_s:.0f} s" if away_s else ""
                self._logger.warning(
                    f"{self._system} takes no jobs{since} ({why.strip()}): what is ready waits to be "
                    f"submitted, which is no attempt. Tried again in {self._pause_s:.0f} s, then ever more "
                    f"rarely, up to every {LAST_S / 60:.0f} min."
                )

    def taken(self) -> None:
        """The batch system has taken a job."""
        with self._lock:
            self._is_shut, self._tried = False, None
            if self._since is not None and not self._jobs:
                away_s = self._clock() - self._since
                self._logger.info(f"{self._system} takes jobs again, after {away_s:.0f} s")
                self._since, self._said = None, -SAID_S

    def failed(self, job: Any) -> None:
        """The batch system has answered, about the job itself."""
        with self._lock:
            if job is self._tried:
                self._is_shut, self._tried = False, None

    def hurry(self) -> None:
        """A job has ended, so that there may be room for another."""
        with self._lock:
            self._next = min(self._next, self._clock())

    def due(self) -> list[Any]:
        """Jobs to submit now: one while the batch system takes none, else all; they leave the room."""
        with self._lock:
            if not self._jobs or self._is_closed or (self._is_shut and self._clock() < self._next):
                return []
            if self._is_shut and self._tried is not None:
                return []  # on its way
            n = 1 if self._is_shut else len(self._jobs)
            out, self._jobs = self._jobs[:n], self._jobs[n:]
            self._tried = out[0] if self._is_shut else None
            return out

    def close(self) -> None:
        """The run ends: nobody leaves any more."""
        with self._lock:
            self._is_closed = True
