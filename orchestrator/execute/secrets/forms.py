"""The forms in which the value of a secret may occur in a job's output: itself, escaped, encoded. Pure.

Each form is searched for byte by byte, so other forms are not found: a value that was encrypted, compressed, reversed
or encoded twice.
"""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse
from collections.abc import Iterator

SHORTEST_LINE = 6
# Anything shorter occurs by chance in any text.
_SHORTEST_ENCODED = 4
_BASE64_WIDTHS = (76, 64)  # where `base64` and `openssl base64` end their lines
_HEX_WIDTHS = (60,)  # `xxd -p`

_PEM_MARK = re.compile(rb"^[ \t]*-----(?:BEGIN|END) [^\r\n]*-----[ \t]*\r?$", re.MULTILINE)
_PERCENT = re.compile("%[0-9A-F]{2}")
# What encoders leave unchanged besides letters, digits and `-._`: strict ones, Python's, and the two of JavaScript.
_URL_SAFE = ("", "/", "!'()*", "!#$&'()*+,/:;=?@")
_HTML_QUOTES = (("&quot;", "&#x27;"), ("&#34;", "&#39;"), ("&quot;", "&#39;"), ("&quot;", "&apos;"))
_ESCAPED_UNIT = re.compile(r"(?<!\\)((?:\\\\)*\\u)([0-9a-f]{4})")
_IN_DOUBLE_QUOTES = re.compile(rb'[\\"$`]')
_BARE_SPECIAL = re.compile(rb"[ \t!\"$&'()*,;<>?\[\\\]^`{|}]")
_DOLLAR_QUOTED = {
    0x07: rb"\a", 0x08: rb"\b", 0x09: rb"\t", 0x0A: rb"\n", 0x0B: rb"\v", 0x0C: rb"\f", 0x0D: rb"\r", 0x1B: rb"\E",
    0x27: rb"\'", 0x5C: rb"\\",
}  # fmt: skip


def forms_of(value: bytes) -> frozenset[bytes]:
    """Every form of `value` that is masked. Trailing line ends are ignored; an empty value has no forms.

    Of a value of several lines, each line of 6 bytes or more is a form too, except the BEGIN and END lines of PEM.
    """
    value = value.rstrip(b"\r\n")
    parts = _PEM_MARK.split(value)
    texts = [value] if len(parts) == 1 else [part.strip(b"\r\n") for part in parts]
    lines = [line.strip() for line in value.split(b"\n")] if b"\n" in value else []
    texts += [line for line in lines if len(line) >= SHORTEST_LINE and not _PEM_MARK.match(line)]
    found = {form for text in texts if text for form in _escaped(text)}
    found.update(form for form in _encoded(value) if len(form) >= _SHORTEST_ENCODED)
    return frozenset(found)


def _escaped(text: bytes) -> Iterator[bytes]:
    """The text itself, and as it is escaped within the quotes of other languages."""
    yield text
    yield from _in_json(text)
    yield from _in_url(text)
    yield from _in_html(text)
    yield from _in_shell(text)


def _in_json(text: bytes) -> Iterator[bytes]:
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return
    for ascii_only in (True, False):
        inner = json.dumps(decoded, ensure_ascii=ascii_only)[1:-1]
        yield inner.encode()
        yield _ESCAPED_UNIT.sub(lambda match: match.group(1) + match.group(2).upper(), inner).encode()
        yield inner.replace("/", r"\/").encode()
        for character in "<>&":
            inner = inner.replace(character, f"\\u{ord(character):04x}")
        yield inner.encode()


def _in_url(text: bytes) -> Iterator[bytes]:
    for safe in _URL_SAFE:
        quoted = urllib.parse.quote(text, safe=safe)
        for one in (quoted, quoted.replace("~", "%7E")):
            for spaced in (one, one.replace("%20", "+")):
                yield spaced.encode()
                yield _PERCENT.sub(lambda match: match.group().lower(), spaced).encode()


def _in_html(text: bytes) -> Iterator[bytes]:
    # Latin-1 maps each byte to one character and back.
    escaped = html.escape(text.decode("latin-1"), quote=False)
    yield escaped.encode("latin-1")
    for double, single in _HTML_QUOTES:
        yield escaped.replace('"', double).replace("'", single).encode("latin-1")


def _in_shell(text: bytes) -> Iterator[bytes]:
    yield text.replace(b"'", rb"'\''")
    yield text.replace(b"'", b"'\"'\"'")
    yield _IN_DOUBLE_QUOTES.sub(rb"\\\g<0>", text)
    yield _BARE_SPECIAL.sub(rb"\\\g<0>", text)
    for ascii_only in (False, True):  # a shell in the C locale writes every other byte as a number
        yield b"".join(_in_dollar_quotes(byte, ascii_only) for byte in text)


def _in_dollar_quotes(byte: int, ascii_only: bool) -> bytes:
    if byte in _DOLLAR_QUOTED:
        return _DOLLAR_QUOTED[byte]
    is_plain = 0x20 <= byte < 0x7F or (byte > 0x7F and not ascii_only)
    return bytes((byte,)) if is_plain else b"\\%03o" % byte


def _encoded(value: bytes) -> Iterator[bytes]:
    """Base64 and hexadecimal digits, also broken into the lines that the usual programs write."""
    for text in (value, value + b"\n"):
        whole = base64.b64encode(text).rstrip(b"=")
        for form in (whole, *_broken(whole, _BASE64_WIDTHS)):
            yield form
            yield _url_safe(form)
        yield from _broken(text.hex().encode(), _HEX_WIDTHS)
    for offset in range(3):
        core = _base64_core(value, offset)
        yield core
        yield _url_safe(core)
    yield value.hex().encode()
    yield value.hex().upper().encode()


def _base64_core(value: bytes, offset: int) -> bytes:
    """The digits that depend on `value` alone when it begins at the byte `offset` of a group of three."""
    digits = base64.b64encode(bytes(offset) + value + bytes(2))
    return digits[-(-offset * 8 // 6) : (offset + len(value)) * 8 // 6]


def _url_safe(digits: bytes) -> bytes:
    return digits.replace(b"+", b"-").replace(b"/", b"_")


def _broken(digits: bytes, widths: tuple[int, ...]) -> Iterator[bytes]:
    for width in widths:
        if len(digits) > width:
            yield b"\n".join(digits[start : start + width] for start in range(0, len(digits), width))
