"""`--output live`: as `plain`, and below it a line that always says where the run stands: `[3/12] running: a, b`.

The line is the last one of the terminal, without a newline at its end. Whoever writes takes it away first and puts it
back, all in one go, so it is never torn and nothing is left of it. Neither the cursor nor a mode of the terminal is
touched, so a pexec that is killed leaves no more than that line.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.console.text import clip, visible
from orchestrator.observe.plain import Plain
from orchestrator.observe.stream import Lines

_CLEAR = "\r\x1b[K"  # to the first column, then away with all to the right of it
_MOST_NAMES = 50


class _BottomLine:
    """The line. What is written through an `_Above` stands above it."""

    def __init__(self, err: Lines, width: Callable[[], int]) -> None:
        self._err = err
        self._width = width
        self._text = ""
        self._shown = ""
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Have the line say this; nothing takes it away."""
        with self._lock:
            self._text = text
            if self._fitted() != self._shown:
                self._put("")

    def becomes(self, text: str) -> None:
        """Have the line say this when something is next written above it."""
        with self._lock:
            self._text = text

    def write_above(self, stream: Lines, text: str) -> None:
        """Write whole lines; the line goes below them."""
        with self._lock:
            if stream is self._err:
                self._put(text)
                return
            if self._shown:
                self._err.write(_CLEAR)
            stream.write(text)
            self._shown = ""
            self._put("")

    def _put(self, above: str) -> None:
        clear = _CLEAR if self._shown else ""
        self._shown = self._fitted()
        if text := clear + above + self._shown:
            self._err.write(text)

    def _fitted(self) -> str:
        """The text, short enough for one line: a line that wraps could not be taken away."""
        most = self._width() - 1
        return clip(self._text, most) if most > 1 else ""


class _Above:
    """A stream of the terminal that the line is on."""

    def __init__(self, stream: Lines, line: _BottomLine) -> None:
        self._to = stream
        self._line = line

    def write(self, text: str) -> None:
        """Write whole lines above the line."""
        self._line.write_above(self._to, text)


class Live:
    """`--output live`. `width` tells the columns of the terminal that `err` is; `out` may be any stream."""

    def __init__(
        self, out: Lines, err: Lines, total: int, width: Callable[[], int], *, colour: bool, github: bool
    ) -> None:
        self._line = _BottomLine(err, width)
        self._plain = Plain(_Above(out, self._line), _Above(err, self._line), total, colour=colour, github=github)
        self._total = total
        self._ended = 0
        self._running: dict[str, None] = {}

    @property
    def tell_status(self) -> Callable[[float], None]:
        """Say in full where the run stands."""
        return self._plain.progress.tell

    def on_output(self, job: str, chunk: bytes) -> None:
        """Bytes that an attempt of `job` printed; called in the attempt's thread."""
        self._plain.on_output(job, chunk)

    def on_event(self, record: Mapping[str, Any]) -> None:
        """Follow the run."""
        match record["event"]:
            case "attempt.started":
                self._running[record["job"]] = None
            case "attempt.finished":
                self._running.pop(record["job"], None)
            case "job.finished":
                self._ended += 1
            case _:
                pass
        standing = self._standing()
        self._line.becomes(standing)
        self._plain.on_event(record)
        self._line.say(standing)

    def close(self) -> None:
        """Take the line away."""
        self._line.say("")

    def _standing(self) -> str:
        if not self._running:
            return f"[{self._ended}/{self._total}]"
        names = [visible(job) for job, _ in zip(self._running, range(_MOST_NAMES), strict=False)]
        return f"[{self._ended}/{self._total}] running: {', '.join(names)}"
