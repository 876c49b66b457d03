"""One way to pexec, on which it asks for attempts and hears of them."""

from __future__ import annotations

from . import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from .job import Job


class Channel:
    """Where pexec asks for attempts and hears of their ends: a thread for its one, or the driver for all of its own."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.jobs: dict[int, Job] = {}  # by tag
        self._words: list[tuple[Any, ...]] = []

    def reply(self, serial: int, *message: Any) -> bool:
        """Remember a word for the next `flush`; whether it is the first."""
        self._words.append((serial, *message))
        return len(self._words) == 1

    def flush(self) -> None:
        """Send what was said."""
        words, self._words = self._words, []
        try:
            for start in range(0, len(words), protocol.WORDS):
                protocol.send(self.end, tuple(words[start : start + protocol.WORDS]))
        except OSError:
            # Nobody waits for the answer any more: the end of the channel will be seen, and ends the job.
            return
