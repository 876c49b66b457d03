"""The thread that shows a run on a stream, so that only this thread ever waits for the stream's reader.

The driver and the attempts only notify it. What there is to show is read back from the journal and the logs, so that
memory stays the same however far the reader is behind.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from orchestrator.errors import EnvironmentFailedError
from orchestrator.observe.stream import ConsoleStream, TextSink

_GATHER_SECONDS = 0.01  # news that come in this time are shown together
_MOST_POSTED = 1 << 20  # characters of texts that wait


class View(Protocol):
    """Something of the run that is shown. All methods are called in the console thread."""

    def show(self) -> bool:
        """Write what is new; whether there is more."""

    def wait_seconds(self) -> float | None:
        """After this time `show` has something to write, even if nothing new is recorded. None: it will not have."""

    def finish(self) -> None:
        """The run has ended, and everything new is shown: write the rest."""


class ConsoleThread:
    """Writes the streams, which no other thread writes, until `end` and then everything is shown. `out` takes posted
    texts for the last stream; by default it is that stream."""

    def __init__(
        self, name: str, streams: Sequence[ConsoleStream], views: Sequence[View], out: TextSink | None = None
    ) -> None:
        self.streams = tuple(streams)
        self._out = out or self.streams[-1]
        self.failure: Exception | None = None
        self._views = tuple(views)
        self._posted: deque[Callable[[], None]] = deque()
        self._characters = 0  # of the texts among `_posted`
        self._news = threading.Event()
        self._is_notified = False  # since the thread last began to look: asked for each event, so without a call
        self._ending = threading.Event()
        self._last = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, unless it was started. Where the system has no room for it, `end` tries again."""
        if self._thread.ident is None:
            with suppress(RuntimeError):
                self._thread.start()

    # For any thread.

    def notify(self) -> None:
        """There is something new to show."""
        if not self._is_notified:
            self._is_notified = True
            self._news.set()

    def post(self, act: Callable[[], None]) -> None:
        """Call `act` in the console thread after what has been recorded so far is shown."""
        self._posted.append(act)
        self.notify()

    def post_text(self, text: str) -> None:
        """Write `text` to the last stream. Beyond 1 MiB of texts that wait, it is counted as lost."""
        stream = self.streams[-1]
        if self._characters > _MOST_POSTED:
            stream.lost += len(text)
            stream.why = stream.why or "it took too little"
            return
        self._characters += len(text)

        def write() -> None:
            self._characters -= len(text)
            self._out.write(text)

        self.post(write)

    def post_commands(self, text: str) -> None:
        """Write workflow commands of pexec to the last stream, which would defuse them as text."""
        self.post(lambda: self.streams[-1].write_commands(text))

    def end(self, last: str = "") -> None:
        """Nothing more is recorded: show everything, then write `last` to the last stream."""
        self._last = last
        self._ending.set()
        self._news.set()
        self.start()
        if self._thread.ident is None:
            for stream in self.streams:
                stream.give_up("cannot be written: the system has no room for a thread")

    def join(self, seconds: float) -> bool:
        """Whether everything is shown, or nothing more can be, within this time. Raises what broke the thread."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        if self._thread.is_alive():
            return False
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return True

    # In the console thread.

    def _run(self) -> None:
        try:
            self._work()
        except EnvironmentFailedError as error:  # the journal is not readable any more
            for stream in self.streams:
                stream.give_up(error.message)
        except Exception as error:
            self.failure = error  # a bug, which `join` raises in the thread that reports it

    def _work(self) -> None:
        while True:
            waits = (view.wait_seconds() for view in self._views)
            self._news.wait(min((seconds for seconds in waits if seconds is not None), default=None))
            self._ending.wait(_GATHER_SECONDS)
            self._news.clear()
            self._is_notified = False
            ending = self._ending.is_set()
            posted = [self._posted.popleft() for _ in range(len(self._posted))]
            more = [view.show() for view in self._views]
            for act in posted:
                act()
            if any(more) or self._posted:
                self._news.set()
            elif ending:
                break
        for view in self._views:
            view.finish()
        if self._last:
            self.streams[-1].write(self._last)
