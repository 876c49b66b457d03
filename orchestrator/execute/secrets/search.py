"""Searches a stream of bytes for secrets, in every form in which they are masked. Pure."""

from __future__ import annotations

from orchestrator.execute.secrets.digits import CONTEXT
from orchestrator.execute.secrets.redact import Finder


class Search:
    """One stream. Memory: the longest form."""

    __slots__ = ("_before", "_found", "_held", "_patterns")

    def __init__(self, patterns: Finder) -> None:
        self._patterns = patterns
        self._held = b""
        self._before = b""
        self._found = False

    def feed(self, chunk: bytes) -> bool:
        """Whether a secret was found so far."""
        return self._look_at(self._held + chunk if self._held else chunk, ended=False)

    def finish(self) -> bool:
        """Whether a secret was found; the stream has ended."""
        return self._look_at(self._held, ended=True)

    def _look_at(self, data: bytes, *, ended: bool) -> bool:
        if self._found:
            return True
        stretches, until = self._patterns.decide(data, self._before, ended)
        self._found = any(start < until for start, _ in stretches)
        self._held = data[until:]
        self._before = data[until - CONTEXT : until] if until >= CONTEXT else (self._before + data[:until])[-CONTEXT:]
        return self._found
