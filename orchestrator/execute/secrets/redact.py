"""Masks secrets in a stream of bytes: every byte that belongs to a form of one is masked, each stretch by `***`.

All matches count, also overlapping ones: the leftmost longest alone would leave the tail of a secret that overlaps
another. What may be the beginning of a form is held back until more data, or the end, decides; there is no time limit,
since a job that writes half a secret and waits would defeat that. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ahocorasick_rs import BytesAhoCorasick

MASK = b"***"
_PROBE = 4
# A table of so many states takes a few megabytes and is half as fast again as the compact automaton.
_LARGEST_TABLE = 16_384


class Patterns:
    """The forms to mask, compiled for searching; shared by all streams. There is at least one, and none is empty."""

    __slots__ = ("_automaton", "_forms", "_probe_length", "_probes", "longest")

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._forms = sorted(set(forms))
        self.longest = max(map(len, self._forms))
        self._probe_length = min(_PROBE, *map(len, self._forms))
        self._automaton = _automaton(self._forms)
        self._probes = _automaton(sorted({form[: self._probe_length] for form in self._forms}))

    def stretches(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Start and end of every match, those that begin first first; they may overlap."""
        matches = self._automaton.find_matches_as_indexes(data, overlapping=True)
        return iter(sorted((start, end) for _, start, end in matches) if matches else ())

    def unfinished(self, data: bytes) -> int:
        """Where the longest suffix of `data` starts that may be the beginning of a form; `len(data)` without one."""
        first = max(0, len(data) - self.longest + 1)
        for start in self._candidates(data, first):
            rest = data[start:]
            place = bisect_right(self._forms, rest)  # behind `rest` itself come all forms that begin with it
            if place < len(self._forms) and self._forms[place].startswith(rest):
                return start
        return len(data)

    def _candidates(self, data: bytes, first: int) -> Iterator[int]:
        """Where a form may begin, from `first` on: where its first bytes match, or too near the end to compare them."""
        matches = self._probes.find_matches_as_indexes(data[first:], overlapping=True)
        for _, start, _ in matches:
            yield first + start
        yield from range(max(first, len(data) - self._probe_length + 1), len(data))


class Redactor:
    """One stream. `feed` returns what is decided of the data so far, `finish` the rest. Memory: the longest form."""

    __slots__ = ("_covered", "_held", "_patterns")

    def __init__(self, patterns: Patterns) -> None:
        self._patterns = patterns
        self._held = b""
        # Where the stretch that was begun by the last mask ends, counted from the first byte held back; -1: before it.
        self._covered = -1

    def feed(self, chunk: bytes) -> bytes:
        """The next part of the stream, masked; may be empty."""
        data = self._held + chunk if self._held else chunk
        return self._pass(data, self._patterns.unfinished(data))

    def finish(self) -> bytes:
        """The stream has ended: what was held back, masked."""
        return self._pass(self._held, len(self._held))

    def _pass(self, data: bytes, until: int) -> bytes:
        """Let `data` pass up to the index `until` and hold back the rest."""
        parts: list[bytes] = []
        end = self._covered
        passed = max(0, end)
        for start, stop in self._patterns.stretches(data):
            if start >= until:
                break
            if start > end:
                parts += (data[passed:start], MASK)
            passed = end = max(end, stop)
        if passed < until:
            parts.append(data[passed:until])
        self._covered = end - until if end >= until else -1
        self._held = data[until:]
        return parts[0] if len(parts) == 1 else b"".join(parts)


def redact(patterns: Patterns, data: bytes) -> bytes:
    """All of `data` at once."""
    redactor = Redactor(patterns)
    return redactor.feed(data) + redactor.finish()


def _automaton(patterns: list[bytes]) -> BytesAhoCorasick:
    # Late: a run without secrets does not pay for it.
    from ahocorasick_rs import BytesAhoCorasick, Implementation

    small = sum(map(len, patterns)) <= _LARGEST_TABLE
    return BytesAhoCorasick(patterns, implementation=Implementation.DFA if small else Implementation.ContiguousNFA)
