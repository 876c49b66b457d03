"""How long measuring may take: each table has its share of the whole, and begins no new round when it is used up."""

from __future__ import annotations

import time
from collections.abc import Iterator


class Share:
    """Some seconds of the whole, from now on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, maybe less than none."""
        return self._until - time.monotonic()

    @property
    def is_overdrawn(self) -> bool:
        """Whether twice the share is gone: what is still to come is to be left out."""
        return self.left() < -self.seconds

    def part(self, of: int) -> Share:
        """What is left, shared out among so many that are still to come."""
        return Share(max(0.0, self.left()) / of)

    def rounds(self, wanted: int) -> Iterator[int]:
        """Round numbers: one in any case, more while another one would fit into the time that is left."""
        for number in range(wanted):
            began = time.monotonic()
            yield number
            if time.monotonic() - began > self.left():
                return
