"""Finds exact strings of bytes in a text, and the beginning of one at its end. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

_PROBE = 4
# The table of an automaton of this many states takes about 16 MiB and is twice as fast as the compact form.
_LARGEST_TABLE = 65_536
# With few distinct first or rare bytes the automaton jumps from one to the next, slowly where they are frequent, as in
# text that is all digits. With these it reads every byte, at one speed for every text.
_DECOYS = tuple(bytes((byte,) * 8) for byte in (0xF8, 0xFA, 0xFC, 0xFE))


class Literals:
    """Strings to find, compiled for searching; shared by all streams. There is at least one, and none is empty."""

    __slots__ = ("_automaton", "_beginnings")

    def __init__(self, strings: Iterable[bytes]) -> None:
        ordered = sorted(set(strings))
        self._automaton = Automaton(ordered)
        self._beginnings = Beginnings(ordered)

    def decide(self, data: bytes, before: bytes, ended: bool) -> tuple[list[tuple[int, int]], int]:
        """The start and end of every match, sorted, and where the longest suffix starts that may begin another one."""
        found = sorted((start, end) for _, start, end in self._automaton.matches(data))
        return found, len(data) if ended else next(self._beginnings.at_end(data), (len(data), 0))[0]


class Beginnings:
    """Finds the beginning of a string at the end of a text. The strings are sorted."""

    __slots__ = ("_longest", "_probe_length", "_probes", "_strings")

    def __init__(self, strings: list[bytes]) -> None:
        self._strings = strings
        self._longest = max(map(len, strings))
        self._probe_length = min(_PROBE, *map(len, strings))
        self._probes = Automaton(sorted({string[: self._probe_length] for string in strings}))

    def at_end(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Each suffix of `data` that is the beginning of a string, longest first: where it starts, and the index of the
        first of the strings that begin with it."""
        first = max(0, len(data) - self._longest + 1)
        for start in self._candidates(data, first):
            rest = data[start:]
            place = bisect_right(self._strings, rest)  # behind `rest` itself come all strings that begin with it
            if place < len(self._strings) and self._strings[place].startswith(rest):
                yield start, place

    def _candidates(self, data: bytes, first: int) -> Iterator[int]:
        """Where a string may begin, from `first` on: where its first bytes match, or too near the end to compare."""
        for _, start, _ in self._probes.matches(data[first:]):
            yield first + start
        yield from range(max(first, len(data) - self._probe_length + 1), len(data))


class Automaton:
    """Finds several strings in one pass."""

    __slots__ = ("_compiled", "_count")

    def __init__(self, strings: list[bytes]) -> None:
        # Late: a run without secrets does not pay for it.
        from ahocorasick_rs import BytesAhoCorasick, Implementation

        self._count = len(strings)
        small = sum(map(len, strings)) <= _LARGEST_TABLE
        kind = Implementation.DFA if small else Implementation.ContiguousNFA
        self._compiled = BytesAhoCorasick([*strings, *_DECOYS], implementation=kind)

    def matches(self, text: bytes) -> list[tuple[int, int, int]]:
        """The index of the string, start and end of every match, also overlapping ones, in the order of their ends."""
        found = self._compiled.find_matches_as_indexes(text, overlapping=True)
        return [match for match in found if match[0] < self._count] if found else found
