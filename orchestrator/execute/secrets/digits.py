"""Finds values that are printed as digits, in base64 or hexadecimal, also broken over lines and with other characters
between the digits.

One search of the text without gaps and case gives candidates. Each is compared with the text itself, run by run, in
time proportional to its length. Pure.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import compress, groupby

from orchestrator.execute.secrets.literals import Automaton, Beginnings

# What may separate digits: line breaks, indentation, quotes, commas, comment signs. All but letters, digits and what
# base64 and escapes are made of.
_BREAKS = b"\r\n\v\f"
_GAPS = b" \t" + _BREAKS + b"!\"#$'(),.:;<>?@[\\]^`{|}~"
_RUN = re.compile(b"[^" + re.escape(_GAPS) + b"]*")
_GAP = re.compile(b"[" + re.escape(_GAPS) + b"]*")
LONGEST_GAP = 256
_LONGEST_GAP_IN_LINE = 8
# A line that is part of broken digits has at least this many of them. Were there no limit, the last letter of nearly
# every line could be the first digit of a secret, and would be held back until the next line comes.
SHORTEST_BASE64_LINE = 16
SHORTEST_HEX_LINE = 8
_SHORTEST_BROKEN_BASE64 = 7  # those of 6 bytes, at any offset
# How far back the digits of a line are counted that precede those of the secret.
CONTEXT = 96

_URL_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_FOLDED = bytes(range(256)).lower().translate(_URL_TO_STANDARD)
_SOLID = bytes(byte not in _GAPS for byte in range(256))
_BASE64_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_HEX_DIGITS = b"0123456789abcdefABCDEF"
_NO_HEX_DIGITS = bytes(byte for byte in range(256) if byte not in _HEX_DIGITS)
_IN_HEX_LINE = _HEX_DIGITS + b"xX-" + bytes(byte for byte in _GAPS if byte not in _BREAKS)

_ANCHOR = 24

NO_MATCH = -1
UNFINISHED = -2


class DigitForm:
    """The digits of one value without gaps. Base64 is compared as the standard alphabet writes it, hexadecimal digits
    in lowercase."""

    __slots__ = ("_before", "_fold", "_is_hex", "_may_break", "_shortest_line", "digits")

    def __init__(self, digits: bytes, *, is_hex: bool) -> None:
        self.digits = digits
        self._is_hex = is_hex
        self._fold = _FOLDED if is_hex else _URL_TO_STANDARD
        self._shortest_line = SHORTEST_HEX_LINE if is_hex else SHORTEST_BASE64_LINE
        self._may_break = is_hex or len(digits) >= _SHORTEST_BROKEN_BASE64

    def end_in(self, text: bytes, start: int, before: bytes) -> int:
        """Where the digits end that begin at `start`; NO_MATCH; or UNFINISHED if the text ends first. `before` is what
        precedes the text."""
        position, done, in_line = start, 0, -1
        while True:
            run = _RUN.match(text, position, position + len(self.digits) - done)
            length = run.end() - position if run else 0
            run_of_digits = text[position : position + length].translate(self._fold)
            if not self.digits.startswith(run_of_digits, done):
                return NO_MATCH
            position, done = position + length, done + length
            if done == len(self.digits):
                return position
            gap = _GAP.match(text, position)
            gap_end = gap.end() if gap else position
            if gap_end > position:
                if in_line < 0:
                    in_line = self._digits_before(text, start, before)
                in_line += length
                if not self._allows(text[position:gap_end], in_line):
                    return NO_MATCH
                if self._breaks(text[position:gap_end]):
                    in_line = 0
            if gap_end == len(text):
                return UNFINISHED
            if gap_end == position:
                return NO_MATCH
            position = gap_end

    def _breaks(self, gap: bytes) -> bool:
        return not self._is_hex or len(gap) > _LONGEST_GAP_IN_LINE or any(byte in _BREAKS for byte in gap)

    def _allows(self, gap: bytes, in_line: int) -> bool:
        if len(gap) > LONGEST_GAP or not self._may_break:
            return False
        return in_line >= self._shortest_line or not self._breaks(gap)

    def _digits_before(self, text: bytes, start: int, before: bytes) -> int:
        """How many digits precede `start` in the same line, as far as they are looked at."""
        lead = text[max(0, start - CONTEXT) : start]
        if len(lead) < CONTEXT:
            lead = (before + lead)[-CONTEXT:]
        if not self._is_hex:
            return len(lead) - len(lead.rstrip(_BASE64_DIGITS))
        line = lead[len(lead.rstrip(_IN_HEX_LINE)) :]
        return len(line.translate(None, _NO_HEX_DIGITS))


class Digits:
    """Forms to find, compiled for searching; shared by all streams. There is at least one."""

    __slots__ = ("_anchors", "_automaton", "_beginnings", "_folded", "_forms")

    def __init__(self, forms: Iterable[DigitForm]) -> None:
        self._forms: dict[bytes, list[DigitForm]] = {}
        for form in forms:
            self._forms.setdefault(form.digits.translate(_FOLDED), []).append(form)
        self._folded = sorted(self._forms)
        self._beginnings = Beginnings(self._folded)
        anchors: dict[bytes, list[DigitForm]] = {}
        for anchor, folded in zip(_anchors(self._folded), self._folded, strict=True):
            anchors.setdefault(anchor, []).extend(self._forms[folded])
        self._anchors = list(anchors.values())
        self._automaton = Automaton(list(anchors))

    def decide(self, text: bytes, before: bytes, ended: bool) -> tuple[list[tuple[int, int]], int]:
        """The start and end of every match, sorted, and where the longest suffix starts that may begin another one."""
        folded = text.translate(_FOLDED, _GAPS)
        matches = self._automaton.matches(folded)
        found = sorted(self._verified(text, before, matches)) if matches else []
        return found, len(text) if ended else self._unfinished(text, folded, before)

    def _verified(self, text: bytes, before: bytes, matches: list[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
        places = _solid_places(text, 0)
        for anchor, index, _ in matches:
            start = places[index]
            for form in self._anchors[anchor]:
                end = form.end_in(text, start, before)
                if end >= 0:
                    yield start, end

    def _unfinished(self, text: bytes, folded: bytes, before: bytes) -> int:
        for index, place in self._beginnings.at_end(folded):
            rest = folded[index:]
            start = _place_from_end(text, len(rest))
            last = bisect_left(self._folded, rest + b"\xff", place)
            for digits in self._folded[place:last]:
                if any(form.end_in(text, start, before) == UNFINISHED for form in self._forms[digits]):
                    return start
        return len(text)


def _anchors(ordered: list[bytes]) -> Iterator[bytes]:
    """The first digits of each, by which it is found: enough to be few, and to differ from those of most others."""
    for _, same in groupby(ordered, lambda digits: digits[:_ANCHOR]):
        group = list(same)
        shared = _shared(group[0], group[-1]) if len(group) > 1 else 0
        yield from (digits[: max(_ANCHOR, shared + _ANCHOR)] for digits in group)


def _shared(one: bytes, other: bytes) -> int:
    """How many first digits are the same."""
    return next((at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), len(one))


def _solid_places(text: bytes, first: int) -> list[int]:
    """The indices, from `first` on, of what is not a gap."""
    return list(compress(range(first, len(text)), text[first:].translate(_SOLID)))


def _place_from_end(text: bytes, number: int) -> int:
    """The index of what is the `number`-th from the end, gaps not counted."""
    window = 2 * number + 16
    while window < len(text):
        places = _solid_places(text, len(text) - window)
        if len(places) >= number:
            return places[-number]
        window *= 4
    return _solid_places(text, 0)[-number]
