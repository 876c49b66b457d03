"""No form of a secret passes, however the stream is cut, and no other byte is lost or held back for ever."""

from __future__ import annotations

import base64
import pickle
import random
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.costs import cpu_seconds, times_dearer

from orchestrator.execute.secrets.literals import Literals
from orchestrator.execute.secrets.redact import MASK, Patterns, Redactor, redact

# Few letters, so that forms overlap, nest and begin alike; no `*`, so that what passes never looks like a mask.
LETTERS = st.sampled_from(b"ab\n")
FORMS = st.lists(st.lists(LETTERS, min_size=1, max_size=9).map(bytes), min_size=1, max_size=6)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """Forms, and chunks of a text in which they turn up more often than by chance."""
    forms = draw(FORMS)
    pieces = draw(st.lists(st.sampled_from(forms) | st.lists(LETTERS, max_size=3).map(bytes), max_size=12))
    text = b"".join(pieces)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    return forms, [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def by_hand(forms: list[bytes], text: bytes) -> bytes:
    """What must come out: each byte that belongs to any occurrence of any form is covered, neighbours by one mask."""
    covered = [False] * len(text)
    for form in forms:
        for start in range(len(text) - len(form) + 1):
            if text.startswith(form, start):
                covered[start : start + len(form)] = [True] * len(form)
    out = bytearray()
    for index, byte in enumerate(text):
        if not covered[index]:
            out.append(byte)
        elif index == 0 or not covered[index - 1]:
            out += MASK
    return bytes(out)


def passed(forms: list[bytes], chunks: list[bytes]) -> bytes:
    redactor = Redactor(Literals(forms))
    return b"".join([*map(redactor.feed, chunks), redactor.finish()])


@given(streams())
def test_what_comes_out_does_not_depend_on_the_chunks_and_is_what_one_would_cover_by_hand(
    stream: tuple[list[bytes], list[bytes]],
) -> None:
    forms, chunks = stream
    expected = by_hand(forms, b"".join(chunks))
    assert passed(forms, chunks) == expected
    assert redact(Literals(forms), b"".join(chunks)) == expected
    assert not any(form in part for form in forms for part in expected.split(MASK))


@given(streams())
def test_no_more_is_held_back_than_may_still_become_a_form(stream: tuple[list[bytes], list[bytes]]) -> None:
    forms, chunks = stream
    redactor, told, fed = Redactor(Literals(forms)), b"", b""
    for chunk in chunks:
        told += redactor.feed(chunk)
        fed += chunk
        ends = (fed[start:] for start in range(len(fed)))
        open_end = next((end for end in ends if any(form.startswith(end) and form != end for form in forms)), b"")
        whole = by_hand(forms, fed)
        assert whole.startswith(told)
        assert len(whole) - len(told) <= len(open_end) * len(MASK)


@pytest.mark.parametrize(
    ("forms", "text", "expected"),
    [
        ([b"secret"], b"a secret!", b"a ***!"),
        ([b"abcd", b"cdef"], b"abcdef", b"***"),
        ([b"abc", b"abcdef"], b"abcdex abcdef", b"***dex ***"),
        ([b"aXa"], b"aXaXaXa", b"***"),
        ([b"one", b"two"], b"onetwo one two", b"*** *** ***"),
        ([b"\x00\xff"], b"\xff\x00\xff\x00", b"\xff***\x00"),
        ([b"secret"], b"secre", b"secre"),
    ],
)
def test_overlaps_are_covered_whole_and_nothing_else_is(forms: list[bytes], text: bytes, expected: bytes) -> None:
    assert passed(forms, [text]) == expected
    assert passed(forms, [bytes((byte,)) for byte in text]) == expected


def test_a_line_that_cannot_begin_a_secret_passes_at_once() -> None:
    redactor = Redactor(Patterns([b"hunter2"]))
    assert redactor.feed(b"building\n") == b"building\n"
    assert redactor.feed(b"password: hunt") == b"password: "
    assert redactor.feed(b"er3\n") == b"hunter3\n"


def test_half_a_secret_is_held_back_until_the_rest_or_the_end_comes() -> None:
    redactor = Redactor(Patterns([b"hunter2"]))
    assert redactor.feed(b"hunter") == b""
    assert redactor.feed(b"") == b""
    assert redactor.finish() == b"hunter"


def test_a_secret_repeated_without_end_needs_no_memory() -> None:
    redactor = Redactor(Patterns([b"abcabc"]))
    out = b"".join(redactor.feed(b"abcab" + b"cabca" * 2 + b"b") for _ in range(3))
    assert out.count(MASK) < 10
    long = Redactor(Patterns([b"aaaa"]))
    assert b"".join(long.feed(b"a" * 65536) for _ in range(50)) + long.finish() == MASK


def test_patterns_cannot_be_pickled_and_do_not_show_what_they_hide() -> None:
    patterns = Patterns([b"hunter2"])
    assert "hunter" not in repr(patterns) + repr(Redactor(patterns))
    with pytest.raises(TypeError):
        pickle.dumps(patterns)


LINE = b"2026-01-01 12:00:00 INFO building target 12345 in /usr/lib/python3/dist-packages ... ok\n"
NOISE = random.Random(7).randbytes(48_000)
TEXTS = {
    "ordinary": (LINE * 800)[:65536],
    "base64": base64.encodebytes(NOISE)[:65536],
    "hexadecimal": NOISE.hex("\n", -30).encode()[:65536],
    "hexadecimal with spaces": NOISE.hex(" ").encode()[:65536],
}
HUNDRED = [base64.b64encode(random.Random(number).randbytes(20 + number % 40)) for number in range(100)]


def seconds(redactor: Redactor, chunk: bytes) -> float:
    """Of the processor, for one chunk, at best."""
    return cpu_seconds(feeding(redactor, chunk), tries=15)[0] / 10


def feeding(redactor: Redactor, chunk: bytes) -> Callable[[], None]:
    """Feed it with ten chunks."""

    def feed() -> None:
        for _ in range(10):
            redactor.feed(chunk)

    return feed


@pytest.mark.parametrize("kind", TEXTS)
def test_a_hundred_secrets_cost_little_more_than_to_search_the_text_for_one_set_of_strings(kind: str) -> None:
    """A ratio, so that a slow or busy machine makes no difference: two such searches, two copies and what is between.
    Ten times as long would be 40 MB/s where it was written."""
    chunk = TEXTS[kind]
    plain, whole = feeding(Redactor(Literals(HUNDRED)), chunk), feeding(Redactor(Patterns(HUNDRED)), chunk)
    assert times_dearer(whole, plain, 8, tries=15) < 8


def test_digits_take_as_long_as_any_other_text() -> None:
    patterns = Patterns([secret.hex().encode() for secret in HUNDRED])
    usual = feeding(Redactor(patterns), TEXTS["ordinary"])
    for kind, chunk in TEXTS.items():
        assert times_dearer(feeding(Redactor(patterns), chunk), usual, 3, tries=15) < 3, kind


def test_the_time_does_not_grow_faster_than_the_text() -> None:
    secret = HUNDRED[0]
    encoded = base64.b64encode(secret)
    patterns = Patterns([secret, b"it's \\ odd"])
    usual = seconds(Redactor(patterns), TEXTS["ordinary"])
    for piece in (
        b"\\", b"&", b"&#", b"'", b"%", b" ", b"\n", b"\\u{", b"\\ud83d", b"&#00000000000000097;", encoded[:30],
        encoded[:-1] + b"\n", secret[:-1], b"QUFBQUFBQUFBQUFB" + encoded[:20] + b"\n" * 200, secret.hex().encode()[:-1],
    ):  # fmt: skip
        began = time.process_time()
        Redactor(patterns).feed((piece * 65536)[:65536])
        assert time.process_time() - began < 1000 * usual, piece


ODD_SECRETS = [b"ab\\n'c d", b"\\\\aaaaaa", b"%41bcdef", b"u0068unter", b"hunter two+2", b"x41\\x42y&lt;"]
ESCAPES = (
    rb"""\ \\ \u00 \u0068 \x4 \x61 \141 \n \ud83d \ude00 68 unter ' '\'' '"' " & &# &#x61; &lt ; % %4 %25 41bc + ab"""
    rb""" aaa 1 two+2 two%2B2 QUFBQUFBQUFBQUFBQUF"""
).split()
PIECES = st.sampled_from(
    [
        *ODD_SECRETS,
        *ESCAPES,
        b" ",
        b"\n",
        *(base64.b64encode(b"#" * at + secret) for at, secret in enumerate(ODD_SECRETS)),
        *(base64.b64encode(secret)[:7] for secret in ODD_SECRETS),
        *(secret[:4] for secret in ODD_SECRETS),
        *(secret[4:] for secret in ODD_SECRETS),
        *(secret.hex().encode()[:9] for secret in ODD_SECRETS),
    ]
)


@given(st.lists(PIECES, max_size=25), st.lists(st.integers(0, 200), max_size=8))
def test_no_mixture_of_escapes_and_digits_depends_on_the_chunks(pieces: list[bytes], cuts: list[int]) -> None:
    text = b"".join(pieces)
    ends = sorted({min(cut, len(text)) for cut in cuts} | {len(text)})
    patterns = Patterns(ODD_SECRETS)
    redactor = Redactor(patterns)
    chunks = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    shown = b"".join([*map(redactor.feed, chunks), redactor.finish()])
    assert shown == redact(patterns, text)
    assert not [secret for secret in ODD_SECRETS if secret in shown]
