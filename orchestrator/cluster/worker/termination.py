"""SIGTERM at a worker that pexec did not start: jobs end first, then the signal has the effect that it had before."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from orchestrator.execute.attempt.spec import AttemptResult

_WORKER_FOLLOWS_SECONDS = 2.0  # who ends the worker may have told its jobs first
_WORKER_FOLLOWS_AT_ONCE_SECONDS = 0.25  # a queueing system, or the end of a session, signals all at the same moment
_SHELL_AFTER_TERM = 128 + signal.SIGTERM
_evict: Callable[[], None]
_before: Any = None


def evict_on_term(evict: Callable[[], None]) -> None:
    """Have `evict` called first, in a thread. A second signal does not wait for it.

    To be called in the loop's thread, like `leave_term_alone`. Does nothing where that is not the main thread, which
    alone may handle signals, or where the signal is ignored.
    """
    global _evict, _before
    if not _may_handle():
        return
    current = signal.getsignal(signal.SIGTERM)
    if current not in (None, signal.SIG_IGN, _on_term):
        _evict, _before = evict, current
        signal.signal(signal.SIGTERM, _on_term)


def leave_term_alone() -> None:
    """Take it back."""
    if _may_handle() and signal.getsignal(signal.SIGTERM) is _on_term:
        signal.signal(signal.SIGTERM, _before)


def seconds_to_doubt(result: AttemptResult, *, is_child: bool) -> float:
    """For how long a failure may be the beginning of an eviction. Who signals all processes of this machine at once
    ends pexec too, if the worker is a child of pexec."""
    if result.signal == "SIGTERM" or result.exit_code == _SHELL_AFTER_TERM:
        return _WORKER_FOLLOWS_SECONDS
    return 0.0 if is_child else _WORKER_FOLLOWS_AT_ONCE_SECONDS


def _may_handle() -> bool:
    return threading.current_thread() is threading.main_thread()


def _on_term(number: int, frame: FrameType | None) -> None:
    signal.signal(number, _before)
    main = threading.main_thread().ident
    assert main is not None

    def evict() -> None:
        try:
            _evict()
        finally:
            signal.pthread_kill(main, number)

    threading.Thread(target=evict, name="pexec-evict", daemon=True).start()
