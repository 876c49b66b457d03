"""Signals become messages in the driver's inbox; a handler does nothing else.

Installed before the first job and put back afterwards. A HUP that was ignored when pexec started stays ignored
(that is what nohup asks for).
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_signals_to(put: Callable[[signal.Signals], None]) -> Iterator[None]:
    """While the block runs, each of INT, TERM and HUP calls `put(signal)` instead of ending the process."""

    def handler(number: int, _frame: FrameType | None) -> None:
        put(signal.Signals(number))

    previous = {}
    for number in STOP_SIGNALS:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue
        previous[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)
