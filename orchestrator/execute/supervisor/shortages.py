"""What a machine is short of: in words, who waits for it, and when nothing can be waited for any more.

A thread takes the room of a process, so threads that wait for room may hold the very room that they wait for. Hence at
most one attempt waits in a thread; others give way (NoRoomError) if their executor can bring them back later.
"""

from __future__ import annotations

import errno
import os
import resource
import threading
from collections.abc import Callable, Sized
from typing import Self

from orchestrator.execute.attempt.spec import AttemptLostError
from orchestrator.execute.warden.scarcity import OUT_OF_NAMESPACES

NO_MORE_THREADS = "no more threads can be started"

_ASK_AGAIN_SECONDS = 0.05
# With nothing of ours running there is nothing whose end could make room.
_LONGEST_WAIT_ALONE_SECONDS = 10.0


class NoRoomError(Exception):
    """Nothing was started for lack of room, for which another attempt waits already: try again later."""


class Shortages:
    """What the attempts of a run wait for. Safe to use from several threads, which also call what is set here."""

    def __init__(self, awake: Callable[[], float], closed: threading.Event) -> None:
        """`awake` are the monotonic seconds of a pexec that is not suspended; once `closed` is set nothing waits."""
        self.multiplexed: Sized = ()  # attempts that the driver's thread has requested, in addition to those of threads
        self.on_shortage: Callable[[str], None] = _announce_nothing  # gets each reason once
        self.on_change: Callable[[], None] = _do_nothing  # an attempt begins to wait, or waits no more
        self.on_nothing_starts: Callable[[str], None] = _announce_nothing
        self.awake = awake
        self.closed = closed
        self._reported: set[str] = set()
        self._lock = threading.Lock()
        self._in_threads = 0  # attempts
        self._waiting = 0  # those of them that could not be started yet

    @property
    def is_short(self) -> bool:
        """Whether an attempt waits for room."""
        return self._waiting > 0

    @property
    def others_run(self) -> bool:
        """Whether there are attempts whose end can make room."""
        return self._in_threads + len(self.multiplexed) > self._waiting

    def report(self, cause: int | str) -> None:
        """Fewer attempts can run at once than may, for this errno or reason. Each is passed on once."""
        why = shortage_of(cause) if isinstance(cause, int) else cause
        with self._lock:
            if why in self._reported or self.on_shortage is _announce_nothing:
                return
            self._reported.add(why)
        self.on_shortage(why)

    def patience(self, *, gives_way: bool) -> Patience:
        """How long an attempt of this thread waits for room; `gives_way`: not at all if another one does."""
        return Patience(self, gives_way)

    def count(self, attempts: int = 0, waiting: int = 0) -> None:
        """For Patience: this many more."""
        with self._lock:
            self._in_threads += attempts
            self._waiting += waiting
        if waiting:
            self.on_change()

    def begin_to_wait(self, *, gives_way: bool) -> None:
        """For Patience. Raises NoRoomError."""
        with self._lock:
            if gives_way and self._waiting:
                raise NoRoomError
            self._waiting += 1
        self.on_change()


class Patience:
    """The time in which one attempt is in a thread: it waits for room, if need be, until `found_room`."""

    def __init__(self, shortages: Shortages, gives_way: bool) -> None:
        self._shortages = shortages
        self._gives_way = gives_way
        self._give_up_at: float | None = None  # while it waits

    def __enter__(self) -> Self:
        self._shortages.count(attempts=1)
        return self

    def __exit__(self, *error: object) -> None:
        self._shortages.count(attempts=-1)
        self.found_room()

    def pause(self, number: int) -> None:
        """There is no room, says this errno: return when it is time to try again.

        Raises NoRoomError, or AttemptLostError when no other attempt has run for ten seconds."""
        shortages = self._shortages
        shortages.report(number)
        now = shortages.awake()
        if self._give_up_at is None:
            shortages.begin_to_wait(gives_way=self._gives_way)
            self._give_up_at = now + _LONGEST_WAIT_ALONE_SECONDS
        elif shortages.others_run:
            self._give_up_at = now + _LONGEST_WAIT_ALONE_SECONDS
        if now >= self._give_up_at:
            shortages.on_nothing_starts(shortage_of(number))
            raise AttemptLostError(f"no process can be started: {os.strerror(number).lower()}")
        shortages.closed.wait(_ASK_AGAIN_SECONDS)

    def found_room(self) -> None:
        """The process exists, or no longer has to."""
        if self._give_up_at is not None:
            self._give_up_at = None
            self._shortages.count(waiting=-1)


def shortage_of(number: int) -> str:
    """What an errno of SCARCITY, or OUT_OF_NAMESPACES, means for starting jobs."""
    if number == errno.EMFILE:
        return f"a process may open only {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} files (`ulimit -n`)"
    return {
        errno.ENFILE: "the system cannot open more files",
        errno.EAGAIN: "no more processes can be started",
        errno.ENOMEM: "there is not enough memory to start more processes",
        OUT_OF_NAMESPACES: "no more namespaces can be made",
    }.get(number, os.strerror(number).lower())


def _announce_nothing(why: str) -> None:
    """Before a run there is no concurrency to lower."""


def _do_nothing() -> None:
    """Without an executor that starts threads."""
