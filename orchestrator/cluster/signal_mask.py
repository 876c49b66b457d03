"""The threads of a cluster block all signals, which are for the main thread; programs that they start must not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# The main thread blocks some of these to take them up later: see `execute.signals.suspend`. As long as another thread
# did not, it would get them instead. All others reach the main thread first.
_OF_MAIN_THREAD = frozenset({signal.SIGTSTP, signal.SIGCONT})


class _Mask(threading.local):
    blocks = 0
    before: frozenset[int] = frozenset()


_mask = _Mask()


@contextmanager
def for_programs() -> Iterator[None]:
    """What this thread starts in the block has no signals blocked that end programs. Blocks of several coroutines of a
    thread may overlap."""
    if _mask.blocks == 0:
        _mask.before = frozenset(signal.pthread_sigmask(signal.SIG_SETMASK, _OF_MAIN_THREAD))
    _mask.blocks += 1
    try:
        yield
    finally:
        _mask.blocks -= 1
        if _mask.blocks == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, _mask.before)
