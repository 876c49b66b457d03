"""What is searched for to find the value of a secret: its text, and its digits in base64 and hexadecimal. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from orchestrator.execute.secrets.digits import DigitForm

SHORTEST_LINE = 6
# Anything shorter occurs by chance in any text.
_SHORTEST_ENCODED = 4
# What is between the bytes besides gaps: nothing, `0x41, 0x42`, `\x41\x42`, `41-42`. A hyphen is folded to a plus sign.
_HEX_JOINTS = (b"", b"0x", b"x", b"+")

_PEM_MARK = re.compile(rb"^[ \t]*-----(?:BEGIN|END) [^\r\n]*-----[ \t]*\r?$", re.MULTILINE)


def texts_of(value: bytes) -> frozenset[bytes]:
    """What is masked as it is and in every spelling of it: the value without trailing line ends, and of a value of
    several lines also each line of 6 bytes or more, except the BEGIN and END lines of PEM. Empty if the value is."""
    value = value.rstrip(b"\r\n")
    parts = _PEM_MARK.split(value)
    texts = [value] if len(parts) == 1 else [part.strip(b"\r\n") for part in parts]
    lines = [line.strip() for line in value.split(b"\n")] if b"\n" in value else []
    texts += [line for line in lines if len(line) >= SHORTEST_LINE and not _PEM_MARK.match(line)]
    return frozenset(filter(None, texts))


def digits_of(value: bytes) -> Iterator[DigitForm]:
    """The digits of the whole value, without trailing line ends, in base64 and hexadecimal."""
    value = value.rstrip(b"\r\n")
    if not value:
        return
    base64_digits = {base64.b64encode(text).rstrip(b"=") for text in (value, value + b"\n")}
    base64_digits.update(_base64_core(value, offset) for offset in range(3))
    for digits in base64_digits:
        if len(digits) >= _SHORTEST_ENCODED:
            yield DigitForm(digits, is_hex=False)
    for joint in _HEX_JOINTS:
        digits = joint.join(b"%02x" % byte for byte in value)
        if len(digits) >= _SHORTEST_ENCODED:
            yield DigitForm(digits, is_hex=True)


def _base64_core(value: bytes, offset: int) -> bytes:
    """The digits that depend on `value` alone when it begins at the byte `offset` of a group of three."""
    digits = base64.b64encode(bytes(offset) + value + bytes(2))
    return digits[-(-offset * 8 // 6) : (offset + len(value)) * 8 // 6]
