"""Base64 and hexadecimal digits of a secret are masked, however they are broken over lines and cut into chunks."""

from __future__ import annotations

import base64
import json
import re
import textwrap
from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.execute.secrets.digits import LONGEST_GAP
from orchestrator.execute.secrets.redact import MASK, Patterns, Redactor, redact

# Nothing else that is printed has a letter or digit in common with a secret.
LETTERS = st.sampled_from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-.")
SECRETS = st.lists(LETTERS, min_size=6, max_size=90).map(bytes)
AROUND = st.integers(0, 99).map(lambda length: (b"\xfb\xef\xbe!~\xc3\xbf ?>" * 10)[:length])
SHOWN = 6

Layout = Callable[[bytes], bytes]


def broken(digits: bytes, width: int, end: bytes = b"\n", indent: bytes = b"") -> bytes:
    lines = [digits[start : start + width] for start in range(0, len(digits), width)]
    return b"".join(indent + line + end for line in lines)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Lines of digits as the usual programs print them, alone, in JSON, in JSON within JSON, as a list of texts."""
    width, indent = draw(st.integers(20, 120)), draw(st.sampled_from([b"", b"    ", b"\t", b"# ", b"> "]))
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b" ", b" \\\n"]))
    times = draw(st.integers(0, 2))
    listed = draw(st.booleans())

    def lay_out(digits: bytes) -> bytes:
        text = broken(digits, width, end, indent)
        if listed:
            text = json.dumps(broken(digits, width).decode().split(), indent=draw(st.sampled_from([None, 2]))).encode()
        for _ in range(times):
            text = json.dumps(text.decode()).encode()
        return text

    return lay_out


def hexdump(data: bytes, joint: bytes, width: int, end: bytes) -> bytes:
    """`width` bytes in each line."""
    lines = [data[start : start + width] for start in range(0, len(data), width)]
    return b"".join(joint.join(b"%02x" % byte for byte in line) + end for line in lines)


@st.composite
def hex_texts(draw: st.DrawFn, data: bytes) -> bytes:
    before, joint, end = draw(
        st.sampled_from(
            [
                (b"", b" ", b"\n"),
                (b"", b":", b":\n    "),
                (b"", b"-", b"-\n"),
                (b"", b"", b"\n"),
                (b"", b"", b"\r\n"),
                (b"\\x", b"\\x", b'"\n"\\x'),
                (b"0x", b", 0x", b",\n  0x"),
                (b"0x", b",0x", b",\r\n\t0x"),
                (b"0x", b" 0x", b"\n0x"),
            ]
        )
    )
    text = before + hexdump(data, joint, draw(st.integers(4, 60)), end)
    return text.upper() if draw(st.booleans()) else text


def chunks_of(text: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


CUTS = st.lists(st.integers(0, 400), max_size=6)


def passed(secret: bytes, text: bytes, cuts: list[int]) -> bytes:
    redactor = Redactor(Patterns([secret]))
    shown = b"".join([*map(redactor.feed, chunks_of(text, cuts)), redactor.finish()])
    assert shown == redact(Patterns([secret]), text), "the chunks make no difference"
    return shown


def clear_pieces(shown: bytes, foreign: bytes) -> list[bytes]:
    """What is between masks, without what is no digit."""
    flat = re.sub(foreign, b"", shown)
    return [piece for piece in flat.split(b"*") if piece]


def decoded_base64(shown: bytes) -> Iterator[bytes]:
    for piece in clear_pieces(shown.translate(bytes.maketrans(b"-_", b"+/")), rb"\\+[rnt]|[^A-Za-z0-9+/*]"):
        for start in range(4):
            yield base64.b64decode(piece[start:][: (len(piece) - start) // 4 * 4])


def decoded_hex(shown: bytes) -> Iterator[bytes]:
    for piece in clear_pieces(shown, rb"0[xX](?=[^*])|[^A-Fa-f0-9*]"):
        for start in range(2):
            yield bytes.fromhex(piece[start:][: (len(piece) - start) // 2 * 2].decode())


def assert_hidden(secret: bytes, decoded: Iterator[bytes]) -> None:
    pieces = list(decoded)
    found = [secret[start : start + SHOWN] for start in range(len(secret) - SHOWN + 1)]
    assert not [part for part in found for piece in pieces if part in piece]


@given(SECRETS, AROUND, AROUND, layouts(), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]), CUTS)
def test_base64_in_lines_of_any_width_is_masked_at_any_offset(
    secret: bytes, before: bytes, after: bytes, lay_out: Layout, encode: Callable[[bytes], bytes], cuts: list[int]
) -> None:
    shown = passed(secret, lay_out(encode(before + secret + after)), cuts)
    assert MASK in shown
    assert_hidden(secret, decoded_base64(shown))


@given(SECRETS, AROUND, AROUND, st.data(), CUTS)
def test_hexadecimal_digits_are_masked_with_anything_usual_between_them(
    secret: bytes, before: bytes, after: bytes, data: st.DataObject, cuts: list[int]
) -> None:
    shown = passed(secret, data.draw(hex_texts(before + secret + after)), cuts)
    assert MASK in shown
    assert_hidden(secret, decoded_hex(shown))


@given(SECRETS, AROUND, st.integers(20, 120), CUTS)
def test_hexadecimal_digits_are_masked_where_a_line_ends_within_a_byte(
    secret: bytes, before: bytes, width: int, cuts: list[int]
) -> None:
    shown = passed(secret, broken((before + secret).hex().encode(), width), cuts)
    assert_hidden(secret, decoded_hex(shown))


def test_every_width_and_every_offset() -> None:
    secret = b"tk_Kx92LmQpT4vWz8RbYc31"
    patterns = Patterns([secret])
    for length in range(100):
        encoded = base64.b64encode(b"#" * length + secret + b"!!")
        for width in range(20, 121, 1 + length % 3):
            shown = redact(patterns, broken(encoded, width))
            assert shown.count(MASK) == 1, (length, width)
            assert len(shown.translate(None, b"\n*")) <= len(encoded) - len(secret) * 4 // 3 + 2, (length, width)


SECRET = b"tk_Kx92LmQpT4vWz8RbYc31hJ7dNfGs0aEuXo5iBq6"
BASE64 = base64.b64encode(SECRET)


def masked(text: bytes) -> bytes:
    return redact(Patterns([SECRET]), text)


def test_a_gap_has_a_longest_length() -> None:
    for length, is_masked in ((LONGEST_GAP, True), (LONGEST_GAP + 1, False)):
        text = BASE64[:20] + b"\n" * length + BASE64[20:]
        assert (masked(text) != text) is is_masked


def test_lines_that_are_too_short_are_no_digits_of_a_secret() -> None:
    for width, is_masked in ((16, True), (15, False)):
        text = broken(BASE64, width)
        assert (masked(text) != text) is is_masked
    for width, is_masked in ((8, True), (7, False)):
        text = broken(SECRET.hex().encode(), width)
        assert (masked(text) != text) is is_masked


def test_digits_of_which_one_differs_or_that_another_text_interrupts_are_not_masked() -> None:
    for text in (
        BASE64[:20] + b"\n" + BASE64[20:-1] + b"A",
        BASE64.swapcase(),
        BASE64[:20] + b"\nstep 2\n" + BASE64[20:],
        BASE64[:20] + b"=\n" + BASE64[20:],
        SECRET.hex().encode()[:20] + b"\n... 00\n" + SECRET.hex().encode()[20:],
    ):
        assert masked(text) == text


def test_a_line_that_ends_like_a_secret_begins_is_not_held_back_unless_it_is_digits() -> None:
    redactor = Redactor(Patterns([SECRET]))
    assert BASE64.startswith(b"d")
    assert redactor.feed(b"installed\n") == b"installed\n"
    assert redactor.feed(b"took 7") == b"took "  # 74 is the first byte of the secret
    assert redactor.feed(b"\n") == b"7\n"
    assert redactor.feed(b"QUFBQUFBQUFBQUFBQUFd\n") == b"QUFBQUFBQUFBQUFBQUF"
    assert redactor.feed(b"next\n") == b"d\nnext\n"


def test_what_is_held_back_does_not_grow_with_the_gap() -> None:
    redactor = Redactor(Patterns([SECRET]))
    assert redactor.feed(BASE64[:20] + b"\n" * LONGEST_GAP) == b""
    assert redactor.feed(b"\n").startswith(BASE64[:20])


WORDS = st.sampled_from(
    [
        *textwrap.dedent(__doc__ or "").split(),
        "0x41, 0x42",
        "/usr/lib/python3",
        "&amp;",
        "100%",
        "%20",
        "\\n",
        "\\u0041",
    ]
)


@given(st.lists(WORDS | st.text(max_size=12), max_size=60), st.lists(SECRETS, min_size=1, max_size=5), CUTS)
def test_text_without_a_secret_is_not_changed(words: list[str], secrets: list[bytes], cuts: list[int]) -> None:
    text = " ".join(words).encode()
    redactor = Redactor(Patterns([b"\x01" + secret for secret in secrets]))
    shown = b"".join([*map(redactor.feed, chunks_of(text, cuts)), redactor.finish()])
    assert shown == text


def test_digits_of_a_very_short_secret_are_masked_in_one_piece_only() -> None:
    assert redact(Patterns([b"abcd"]), b"YWJjZA==") == b"***=="
    text = b"QUFBQUFBQUFBQUFBQUFBYWJ\njZA=="
    assert redact(Patterns([b"abcd"]), text) == text
