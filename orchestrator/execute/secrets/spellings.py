"""The ways in which text is escaped in URLs, HTML, JSON, source code and shells, each described by its escapes and what
they stand for. Reading a text as such a language does decodes all spellings that an encoder can choose, of each
character independently. Pure.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

_MOST_REMEMBERED = 4096
_LONGEST_REMEMBERED = 40
_LONGEST_ESCAPE = 48
_OCTAL = tuple(b"%d" % digit for digit in range(8))
_HEX = rb"[0-9a-fA-F]"
_CONTROL = {
    b"a": b"\a", b"b": b"\b", b"e": b"\x1b", b"E": b"\x1b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t",
    b"v": b"\v",
}  # fmt: skip
_BYTE = _HEX + rb"{2}"
# Escapes of one byte each are decoded together.
_NUMBERED = (
    rb"x" + _BYTE + rb"(?:\\x" + _BYTE + rb")*+|u00[0-7]" + _HEX + rb"(?:\\u00[0-7]" + _HEX + rb")*+|[0-3][0-7]{2}"
    rb"(?:\\[0-3][0-7]{2})*+|u[dD][89abAB]" + _BYTE + rb"\\u[dD][c-fC-F]" + _BYTE + rb"|u" + _HEX + rb"{1,4}|u\{" + _HEX
    + rb"{1,6}\}|U" + _HEX + rb"{1,8}|x" + _HEX + rb"|[0-7]{1,2}"
)  # fmt: skip
_CUT_NUMBER = (
    rb"u[dD][89abAB]" + _BYTE + rb"(?:\\(?:u(?:[dD](?:[c-fC-F]" + _HEX + rb"?)?)?)?)?|u" + _HEX + rb"{0,3}|u\{" + _HEX
    + rb"{0,6}|U" + _HEX + rb"{0,7}|x" + _HEX + rb"?|[0-7]{1,2}"
)  # fmt: skip
# Where a backslash before every character reads differently from the escapes of strings.
_AMBIGUOUS = rb"\\[abeEfnrtvuUx0-7]\\|\\.\\[abeEfnrtvuUx0-7]"


class DecodedText:
    """A text as it reads when its escapes are decoded. `cut` is the index of an escape at its end that the next part
    of the stream may continue, which is not decoded."""

    __slots__ = ("_certain", "_decoded", "_from", "_parent", "_parts", "_to", "cut", "text")

    def __init__(
        self,
        text: bytes,
        parent: DecodedText | None,
        cut: int,
        parts: list[bytes],
        decoded: list[bytes],
        certain: re.Pattern[bytes] | None = None,
    ) -> None:
        self.text = text
        self._certain = certain
        self.cut = cut
        self._parent = parent
        self._parts = parts  # alternately as it is and escaped
        self._decoded = decoded
        self._from: list[int] = []
        self._to: list[int] = []

    def originals(self, matches: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """The start and end of what has been decoded to these matches, if it has an escape of which that is certain."""
        for match in matches:
            start, end = self.origin(match[0]), self.origin(match[1], is_end=True)
            if self._certain is None or self._parent is None or self._certain.search(self._parent.text, start, end):
                yield start, end

    def origin(self, index: int, *, is_end: bool = False) -> int:
        """The index in the undecoded text, of the start of an escape; with `is_end` that of the end of one."""
        if self._parent is None:
            return index
        if not self._to:
            self._to = list(accumulate(map(len, self._decoded), initial=0))
            self._from = list(accumulate(map(len, self._parts), initial=0))
        part = bisect_right(self._to, index) - 1
        place, inside = self._from[part], index - self._to[part]
        if inside and part % 2:
            each, odd = divmod(len(self._parts[part]), len(self._decoded[part]))
            if odd:  # one escape for a character of several bytes, or none
                place = self._from[part + 1] if is_end else place
            else:
                place += inside * each
        else:
            place += inside
        return self._parent.origin(place, is_end=is_end)


class _Meanings(dict[bytes, bytes]):
    """What each escape stands for, remembered for the most recent ones. Shared by threads."""

    def __init__(self, decode: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._decode = decode

    def __missing__(self, escape: bytes) -> bytes:
        meaning = self._decode(escape)
        if len(escape) <= _LONGEST_REMEMBERED:
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[escape] = meaning
        return meaning


class Spelling:
    """One language: its escapes, what they stand for, and what may be the beginning of one at the end of a text.

    `sign` occurs in every escape. What is decoded counts only where it contains `certain`, which other languages read
    differently. `layers` is how often a text may be escaped, one time upon the other.
    """

    def __init__(
        self,
        sign: bytes,
        escape: bytes,
        cut: bytes,
        decode: Callable[[bytes], bytes],
        *,
        layers: int = 1,
        certain: bytes | None = None,
    ) -> None:
        self._sign = sign
        self._certain = re.compile(certain, re.DOTALL) if certain else None
        self._perhaps = re.compile(certain + rb"|\\.\Z", re.DOTALL) if certain else None
        self._escape = re.compile(b"(" + escape + b")", re.DOTALL)
        # A backslash is the beginning of an escape only after an even number of others.
        pairs = rb"(?<!\\)(?:\\\\)*" if sign == b"\\" else b""
        self._cut = re.compile(pairs + b"(?P<cut>" + cut + rb")\Z", re.DOTALL)
        self._meanings = _Meanings(decode)
        self._layers = layers

    def views(self, plain: DecodedText, ended: bool) -> Iterator[DecodedText]:
        """The text decoded once, twice and so on, as long as that changes it."""
        view: DecodedText | None = plain
        for _ in range(self._layers):
            view = self._decoded(view, ended) if view is not None else None
            if view is None:
                return
            yield view

    def _decoded(self, parent: DecodedText, ended: bool) -> DecodedText | None:
        text = parent.text
        if self._sign not in text or (self._perhaps and not self._perhaps.search(text)):
            return None
        cut = len(text) if ended else self._cut_in(text)
        parts = self._escape.split(text[:cut])
        if len(parts) == 1 and cut == len(text):
            return None
        decoded = parts.copy()
        decoded[1::2] = map(self._meanings.__getitem__, parts[1::2])
        return DecodedText(b"".join(decoded), parent, parent.origin(cut), parts, decoded, self._certain)

    def _cut_in(self, text: bytes) -> int:
        # From where it is certain how the text divides into escapes.
        first = len(text[: max(0, len(text) - _LONGEST_ESCAPE)].rstrip(b"\\'\""))
        if self._sign == b"'":
            for escape in self._escape.finditer(text, first):
                first = escape.end()
        found = self._cut.search(text, first)
        return found.start("cut") if found else len(text)


def plain_view(text: bytes) -> DecodedText:
    """The text as it is."""
    return DecodedText(text, None, len(text), [], [])


def web_form_views(text: bytes, ended: bool) -> Iterator[DecodedText]:
    """The text as the body of a web form, in which a plus sign is a space."""
    view = plain_view(text.replace(b"+", b" "))
    yield view
    yield from _URL.views(view, ended)


def spellings_for(values: Iterable[bytes]) -> list[Spelling]:
    """Those that make a difference to these values."""
    signs = frozenset(b"".join(values))
    found = [_URL, _HTML, _STRING, _BACKSLASHED]
    if 0x27 in signs:
        found.append(_SINGLE_QUOTED)
    if 0x5C in signs:
        found += [_DOLLAR_QUOTED, _DOUBLE_QUOTED]
    return found


def _percent(escape: bytes) -> bytes:
    return bytes.fromhex(escape.replace(b"%", b"").decode())


def _entity(escape: bytes) -> bytes:
    if escape[1:2] != b"#":
        return html.unescape(escape.decode()).encode()
    digits = escape[2:].rstrip(b";")
    number = int(digits[1:], 16) if digits[:1] in (b"x", b"X") else int(digits)
    return _character(number).encode("utf-8", "replace")


def _backslash(escape: bytes) -> bytes:
    kind = escape[1:2]
    if kind == b"x" and len(escape) % 4 == 0:
        return bytes.fromhex(escape.replace(b"\\x", b"").decode())
    if kind == b"\\":
        return escape[: len(escape) // 2]
    if kind in _OCTAL:
        return bytes(int(number, 8) & 0xFF for number in escape[1:].split(b"\\"))
    if kind in b"uUx" and len(escape) > 2:
        numbers = [int(number.strip(b"uUx{}"), 16) for number in escape[1:].split(b"\\")]
        if kind == b"x":
            return bytes(numbers)
        return "".join(map(_character, numbers)).encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    return _CONTROL.get(kind, kind)


def _character(number: int) -> str:
    return chr(number) if number < 0x110000 else "\N{REPLACEMENT CHARACTER}"


def _after_backslash(escape: bytes) -> bytes:
    return escape[1:]


def _apostrophe(escape: bytes) -> bytes:
    return b"'"


_URL = Spelling(b"%", rb"%" + _BYTE + rb"(?:%" + _BYTE + rb")*+", rb"%" + _HEX + rb"?", _percent, layers=2)
_HTML = Spelling(
    b"&",
    rb"&(?:#[xX]" + _HEX + rb"{1,16}|#[0-9]{1,16}|[A-Za-z][A-Za-z0-9]{1,31});?",
    rb"&(?:#(?:[xX]" + _HEX + rb"{0,16}|[0-9]{0,16})|[A-Za-z][A-Za-z0-9]{0,31})?",
    _entity,
    layers=2,
)
# JSON, most programming languages, `$'...'` and `"..."` of shells, and special characters outside of quotes.
_STRING = Spelling(
    b"\\",
    rb"\\(?:[^uUx0-7\\]|\\(?:\\\\)*+|" + _NUMBERED + rb"|.)",
    rb"\\(?:" + _CUT_NUMBER + rb")?",
    _backslash,
    layers=3,
)
# A backslash before every character, as `sed 's/./\\&/g'` writes it.
_BACKSLASHED = Spelling(b"\\", rb"\\.", rb"\\", _after_backslash, certain=_AMBIGUOUS)
_SINGLE_QUOTED = Spelling(b"'", rb"""'\\''|'"'"'""", rb"""'(?:\\'?|"(?:'"?)?)?""", _apostrophe)
# Shells keep a backslash before a character that has no meaning there.
_DOLLAR_QUOTED = Spelling(
    b"\\", rb"\\(?:[abeEfnrtv\\'\"?]|" + _NUMBERED + rb")", rb"\\(?:" + _CUT_NUMBER + rb")?", _backslash
)
_DOUBLE_QUOTED = Spelling(b"\\", rb"\\[\\\"$`\n]", rb"\\", _after_backslash)
