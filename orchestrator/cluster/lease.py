"""How long jobs of a worker that is not heard of may run: pure, from tokens and times.

A token is a moment of the worker's own clock. Each answer of a worker brings one, and each beat of the client brings
back the newest that it saw. The worker's jobs may run until that token plus the lease, on the worker's clock: so a beat
that was held up for a minute prolongs nothing. The client, which saw the token later than it was made, waits longer
than that on its own clock: so all jobs have ended when it lets others take their place. No clock is compared with one
of another machine; they may differ in rate by a tenth.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

DEFAULT_SECONDS = 20.0
LEAST_SECONDS = 2.0
HOLD_SECONDS = 3600.0
BEATS = 4  # in each lease
_LONGER = 1.1  # clocks that differ in rate
_KILL_SECONDS = 2.0  # in which a warden ends everything


class Contact(Enum):
    """What the client may think of a worker."""

    ALIVE = "alive"
    DOUBTFUL = "doubtful"  # it gets nothing new
    GONE = "gone"  # nothing that it had runs any more


class ClientLease(Struct):
    """The client's view of one worker; times are seconds of the client's clock. `token` is the newest that it saw."""

    seconds: float
    token: float = 0.0
    seen_at: float = 0.0

    def saw(self, token: float, at: float) -> None:
        """An answer of the worker came."""
        if token > self.token:
            self.token, self.seen_at = token, at

    def contact(self, now: float) -> Contact:
        """What to think of the worker now."""
        silence = now - self.seen_at
        if silence >= gone_after(self.seconds):
            return Contact.GONE
        return Contact.DOUBTFUL if silence >= self.seconds / 2 else Contact.ALIVE


class WorkerLease(Struct):
    """The worker's view; times are seconds of its clock."""

    token: float = 0.0  # the newest that came back

    def until(self, token: float, seconds: float, now: float) -> float | None:
        """A beat came: until when jobs may run; None if a newer one came before."""
        if not self.token < token <= now:
            return None
        self.token = token
        return token + seconds


def gone_after(lease: float) -> float:
    """Seconds without a newer token after which nothing of the worker runs any more."""
    return lease * _LONGER + _KILL_SECONDS
