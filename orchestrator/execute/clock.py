"""The seconds of a run: monotonic, from 0; they do not advance while pexec itself is stopped."""

from __future__ import annotations

import time


class RunClock:
    """Seconds since the run began. A resumed run continues at the second `start`."""

    def __init__(self, start: float = 0.0) -> None:
        self._origin = time.monotonic() - start

    def now(self) -> float:
        """The second of the run, rounded to what the journal writes, so that a replay sees the very same number."""
        return round(time.monotonic() - self._origin, 6)

    def skip(self, seconds: float) -> None:
        """Leave out `seconds` that have passed: time in which pexec was stopped does not count."""
        self._origin += seconds
