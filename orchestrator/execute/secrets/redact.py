"""Masks secrets in a stream of bytes: every byte that belongs to a form of one is masked, each stretch by `***`.

All matches count, also overlapping ones: the leftmost longest alone would leave the tail of a secret that overlaps
another. What may be the beginning of a form is held back until more data, or the end, decides; there is no time limit,
since a job that writes half a secret and waits would defeat that. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from orchestrator.execute.secrets.digits import CONTEXT, Digits
from orchestrator.execute.secrets.forms import digits_of, texts_of
from orchestrator.execute.secrets.literals import Literals
from orchestrator.execute.secrets.spellings import plain_view, spellings_for, web_form_views

MASK = b"***"


class Finder(Protocol):
    """Finds what is to be masked."""

    def decide(self, data: bytes, before: bytes, ended: bool) -> tuple[list[tuple[int, int]], int]:
        """The start and end of every match in `data`, sorted; they may overlap. And the index from which on more data,
        if the stream has not ended, could make another match. `before` is what preceded `data` in the stream."""


class Patterns:
    """The values to mask, compiled for searching; shared by all streams. At least one is not empty."""

    __slots__ = ("_finders", "_has_spaces", "_spellings")

    def __init__(self, values: Iterable[bytes]) -> None:
        values = list(values)
        texts = {text for value in values for text in texts_of(value)}
        self._finders: list[Finder] = [Literals(texts)] if texts else []
        if digits := [form for value in values for form in digits_of(value)]:
            self._finders.append(Digits(digits))
        self._spellings = spellings_for(texts)
        self._has_spaces = any(b" " in text for text in texts)

    def decide(self, data: bytes, before: bytes, ended: bool) -> tuple[list[tuple[int, int]], int]:
        """As for every `Finder`: what the text contains as it is, and when its escapes are decoded."""
        found: list[tuple[int, int]] = []
        until = len(data)
        plain = plain_view(data)
        views = [plain]
        for spelling in self._spellings:
            views += spelling.views(plain, ended)
        if self._has_spaces and b"+" in data:
            views += web_form_views(data, ended)
        for view in views:
            until = min(until, view.cut)
            for finder in self._finders:
                matches, undecided = finder.decide(view.text, before, ended)
                found += view.originals(matches)
                if undecided < len(view.text):
                    until = min(until, view.origin(undecided))
        found.sort()
        return found, until


class Redactor:
    """One stream. `feed` returns what is decided of the data so far, `finish` the rest. Memory: the longest form."""

    __slots__ = ("_before", "_covered", "_held", "_patterns")

    def __init__(self, patterns: Finder) -> None:
        self._patterns = patterns
        self._held = b""
        self._before = b""
        # Where the stretch that was begun by the last mask ends, counted from the first byte held back; -1: before it.
        self._covered = -1

    def feed(self, chunk: bytes) -> bytes:
        """The next part of the stream, masked; may be empty."""
        return self._pass(self._held + chunk if self._held else chunk, ended=False)

    def finish(self) -> bytes:
        """The stream has ended: what was held back, masked."""
        return self._pass(self._held, ended=True)

    def _pass(self, data: bytes, *, ended: bool) -> bytes:
        """Let `data` pass as far as it is decided and hold back the rest."""
        stretches, until = self._patterns.decide(data, self._before, ended)
        parts: list[bytes] = []
        end = self._covered
        passed = max(0, end)
        for start, stop in stretches:
            if start >= until:
                break
            if start > end:
                parts += (data[passed:start], MASK)
            passed = end = max(end, stop)
        if passed < until:
            parts.append(data[passed:until])
        self._covered = end - until if end >= until else -1
        self._held = data[until:]
        self._before = data[until - CONTEXT : until] if until >= CONTEXT else (self._before + data[:until])[-CONTEXT:]
        return parts[0] if len(parts) == 1 else b"".join(parts)


def redact(patterns: Finder, data: bytes) -> bytes:
    """All of `data` at once."""
    redactor = Redactor(patterns)
    return redactor.feed(data) + redactor.finish()
