"""The console of a run: the threads that write stdout and stderr, and how long the end of the run waits for them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from orchestrator.console.text import duration, size
from orchestrator.journal.events import EventRecord
from orchestrator.observe.console_thread import ConsoleThread
from orchestrator.observe.stream import ConsoleStream

PATIENCE_SECONDS = 10.0  # without a byte taken; after a stop, in all
_JOIN_SECONDS = 0.05
_INTERRUPT_SECONDS = (
    0.5  # what can be taken in this time after an interrupt is not lost; a second one is obeyed at once
)
_LEAVE_SECONDS = 0.5  # a thread whose stream was given up has this time to end
_SILENT = f"took nothing for {duration(PATIENCE_SECONDS)}"
_TOO_SLOW = "was too slow for a run that was stopped"
_INTERRUPTED = "was still being written at an interrupt"


class LostOutput(Struct, frozen=True):
    """Bytes that a stream did not take, and why. 0 bytes: an unknown number."""

    stream: str
    why: str
    lost_bytes: int

    def __str__(self) -> str:
        lost = size(self.lost_bytes) if self.lost_bytes else "output"
        return f"{self.stream} {self.why}: {lost} not shown"


class Console:
    """An observer of the run. The last of the threads writes stderr, another one before it stdout if that goes
    elsewhere."""

    def __init__(self, threads: Sequence[ConsoleThread], streams: Mapping[str, ConsoleStream]) -> None:
        self._threads = tuple(threads)
        self._streams = streams
        self.post_text = self._threads[-1].post_text
        self.post_commands = self._threads[-1].post_commands
        self.post = self._threads[-1].post
        self._is_over = False

    def begin(self) -> None:
        """Start to show the run."""
        for thread in self._threads:
            thread.start()

    def on_event(self, record: EventRecord) -> None:
        """Note that the journal has grown."""
        for thread in self._threads:
            thread.notify()

    def end(self, last: str = "", is_interrupted: Callable[[], bool] = lambda: False, *, stopped: bool = False) -> None:
        """Wait until everything is shown, then `last` on stderr. Nothing may be recorded any more.

        What a stream does not take is given up: after 10 s without a byte taken, 0.5 s after an interrupt, and where
        the run was stopped, after 10 s in all. A second call does nothing.
        """
        if self._is_over:
            return
        self._is_over = True
        began = time.monotonic()
        leave_anyway_at = math.inf
        for thread in self._threads:
            thread.end(last if thread is self._threads[-1] else "")
            why, leave_at = "", 0.0
            while not thread.join(_JOIN_SECONDS):
                now = time.monotonic()
                if not why:
                    if is_interrupted():
                        leave_anyway_at = now + _INTERRUPT_SECONDS if leave_anyway_at == math.inf else now
                    why = (
                        _INTERRUPTED if now >= leave_anyway_at else _why_to_give_up(thread, began, now, stopped=stopped)
                    )
                    if why:
                        # The reader of another stream may well take what is left for it.
                        stuck = [stream for stream in thread.streams if stream.is_waiting and why != _INTERRUPTED]
                        _give_up(stuck or thread.streams, why)
                        leave_at = now + _LEAVE_SECONDS
                elif now >= leave_at:
                    if not any(stream.is_open for stream in thread.streams):
                        break  # in a write that blocks after all
                    _give_up(thread.streams, why)
                    leave_at = now + _LEAVE_SECONDS
            else:
                for stream in thread.streams:
                    stream.close()

    @property
    def losses(self) -> list[LostOutput]:
        """What was not shown."""
        lost = ((name, stream) for name, stream in self._streams.items() if stream.why)
        return [LostOutput(name, stream.why, stream.lost) for name, stream in lost]


def _give_up(streams: Iterable[ConsoleStream], why: str) -> None:
    for stream in streams:
        stream.give_up(why)


def _why_to_give_up(thread: ConsoleThread, began: float, now: float, *, stopped: bool) -> str:
    """Empty as long as the thread should be waited for."""
    if now - max(began, *(stream.taken_at for stream in thread.streams)) >= PATIENCE_SECONDS:
        return _SILENT
    return _TOO_SLOW if stopped and now - began >= PATIENCE_SECONDS else ""
