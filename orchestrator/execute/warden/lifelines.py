"""By what the warden knows that its pexec is gone: the end of a process, or of a lease, whichever comes first.

On a cluster, the warden's parent is a worker, and pexec another process. On the same machine that is watched too: a
worker that was stopped would not notice its end. Elsewhere there is the lease, which a worker that hears of pexec
prolongs. Runs in the warden's loop.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Listen = Callable[[int, Callable[[], None]], None]

_GONE_MILLISECONDS = 10  # its pipes end a moment before the process does
_CONTINUE_TIMES = 10
_CONTINUE_AGAIN_SECONDS = 0.02
_ABSOLUTE = 1
_SECOND = 1_000_000_000  # nanoseconds
_FAR = 4e9  # seconds


class Lifelines:
    """`parent` is the warden's own. `listen(descriptor, handler)` has the loop call `handler` when the descriptor is
    readable; `end` is what to do when pexec is gone."""

    def __init__(self, parent: int, listen: Listen, end: Callable[[], None]) -> None:
        self._parent = parent
        self._listen = listen
        self._end = end
        self._lease: LeaseTimer | None = None
        self._watched = select.poll()
        self._is_watching = False
        # The end of its socket shows it too, unless a process forked from the parent holds a copy of that.
        listen(os.pidfd_open(parent), end)

    def watch(self, processes: Iterable[int]) -> None:
        """The end of the processes of these pidfds is the end of pexec too."""
        for process in processes:
            self._is_watching = True
            self._watched.register(process, select.POLLIN)
            self._listen(process, self._end)

    def lease(self, clock: int, until: float) -> None:
        """Pexec counts as gone from this second of the clock on, unless this is called again before. Always the same
        clock."""
        if self._lease is None:
            self._lease = LeaseTimer(clock)
            self._listen(self._lease.descriptor, self._end)
        self._lease.end_at(until)

    def let_parent_end(self) -> None:
        """Once everything has ended: a parent that was stopped ends itself if it is continued, now that pexec is gone.
        More than once, for it may have begun to end while it was about to stop."""
        if not self._watched.poll(_GONE_MILLISECONDS if self._is_watching else 0):
            return
        for _ in range(_CONTINUE_TIMES):
            if os.getppid() != self._parent:
                return
            os.kill(self._parent, signal.SIGCONT)
            time.sleep(_CONTINUE_AGAIN_SECONDS)


class _Moment(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Moment), ("moment", _Moment))


class LeaseTimer:
    """`descriptor` becomes readable when the moment comes that was set last.

    The kernel keeps the time: a timeout of `epoll` would stand still while the machine is suspended.
    """

    def __init__(self, clock: int) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = self._libc.timerfd_create(clock, os.O_CLOEXEC | os.O_NONBLOCK)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "cannot open a timer")

    def end_at(self, moment: float) -> None:
        """Seconds of the clock. A moment that has passed is now."""
        nanoseconds = max(1, round(min(moment, _FAR) * _SECOND))  # 0 would switch the timer off
        setting = _Setting(_Moment(0, 0), _Moment(*divmod(nanoseconds, _SECOND)))
        self._libc.timerfd_settime(self.descriptor, _ABSOLUTE, ctypes.byref(setting), None)
