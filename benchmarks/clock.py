"""The time for measuring: each table has a share of it, and starts no new round when its share is used up."""

from __future__ import annotations

import time
from collections.abc import Iterator


class Share:
    """A number of seconds, from its creation on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left; negative when the share is overdrawn."""
        return self._until - time.monotonic()

    @property
    def is_overdrawn(self) -> bool:
        """Whether twice the share has passed: remaining work is to be left out."""
        return self.left() < -self.seconds

    def part(self, of: int) -> Share:
        """An equal part of the time left, for one of `of` remaining pieces of work."""
        return Share(max(0.0, self.left()) / of)

    def rounds(self, wanted: int) -> Iterator[int]:
        """Round numbers: at least one, and more while another round fits into the time left."""
        for number in range(wanted):
            began = time.monotonic()
            yield number
            if time.monotonic() - began > self.left():
                return
