"""How long jobs may run on a worker that hears nothing of pexec: pure, from tokens and times.

A token is a moment of the worker's own clock. Each answer of a worker brings one, and each beat of the client brings
back the newest that it saw. The worker's jobs may run until that token plus the lease, by the worker's clock: so a beat
that was held up for a minute prolongs nothing. The client, which saw the token later than it was made, waits longer
than that by its own clock: when it lets others take their place, all jobs there have ended. No moment of one clock is
compared with one of another; their rates may differ by a tenth.
"""

from __future__ import annotations

from enum import Enum
from math import inf

from msgspec import Struct

HOLD_SECONDS = 3600.0
_LONGER = 1.1  # as rates of clocks may differ
_KILL_SECONDS = 2.0  # in which a warden ends everything


class Contact(Enum):
    """What the client may assume of a worker."""

    ALIVE = "alive"
    DOUBTFUL = "doubtful"  # it gets nothing new
    GONE = "gone"  # nothing runs there any more


class ClientLease(Struct):
    """What the client knows of one worker, by the client's clock. `token` is the newest that it saw, at `seen_at`.

    While the client is suspended it sends no beats: before, it grants `hold` seconds. If that is infinite, the worker
    knows of the end of the client by other means, and the client of that of the worker.
    """

    seconds: float
    token: float
    seen_at: float
    hold: float = HOLD_SECONDS
    is_suspended: bool = False
    is_on_hold: bool = False  # also later, until a token was asked for and seen
    suspensions: int = 0

    @property
    def granted(self) -> float:
        """The seconds from the token on that the next beat grants."""
        return self.hold if self.is_on_hold else self.seconds

    @property
    def stamp(self) -> int:
        """To be kept with a beat: how often the client was suspended before."""
        return -1 if self.is_suspended else self.suspensions

    def saw(self, token: float, at: float, stamp: int) -> None:
        """The answer to the beat with this stamp came."""
        if token > self.token:
            self.token, self.seen_at = token, at
        if stamp == self.suspensions:
            self.is_on_hold = False

    def suspend(self) -> None:
        """The client is about to be suspended."""
        self.is_suspended = self.is_on_hold = True
        self.suspensions += 1

    def release(self, at: float) -> None:
        """The client is not suspended any more. The worker is still on hold, until a beat ends that."""
        self.is_suspended = False
        if self.hold == inf:
            self.seen_at = at

    def contact(self, now: float) -> Contact:
        """What to assume now."""
        silence = now - self.seen_at
        lease = self.hold if self.is_on_hold and self.hold != inf else self.seconds
        if silence >= gone_after(lease):
            return Contact.GONE
        return Contact.DOUBTFUL if self.is_on_hold or silence >= lease / 2 else Contact.ALIVE


class WorkerLease(Struct):
    """What a worker was granted, by its own clock. `order` is that of the newest beat, which are numbered from 1; the
    hello is 0."""

    order: int = -1

    def until(self, order: int, token: float, seconds: float) -> float | None:
        """A beat came: the moment until which jobs may run; None if it was overtaken by a newer one."""
        if order <= self.order:
            return None
        self.order = order
        return token + seconds


def gone_after(lease: float) -> float:
    """Seconds without a newer token after which nothing runs on the worker any more."""
    return lease * _LONGER + _KILL_SECONDS
