"""What jobs print cannot drive the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.observe.screen import RESET, safe_line, safe_text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain text", "plain text"),
        (b"a\tb", "a\tb"),
        (b"windows\r", "windows"),
        (b"50%\r100%", "50%\u240d100%"),
        (b"\x1b]0;title\x07", "\u241b]0;title\u2407"),
        (b"\x1b[2J", "\u241b[2J"),
        ("\u009b2J".encode(), "<U+009B>2J"),
        ("a\u202eb".encode(), "a<U+202E>b"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_control_characters_are_made_visible(raw: bytes, shown: str) -> None:
    assert safe_line(raw, colour=True) == shown


def test_colours_pass_and_end_in_a_reset() -> None:
    assert safe_line(b"\x1b[31mred", colour=True) == "\x1b[31mred" + RESET


def test_without_a_terminal_colours_are_dropped() -> None:
    assert safe_line(b"\x1b[31mred\x1b[0m", colour=False) == "red"


@pytest.mark.parametrize("line", [b"::error::pwned", b"  ::set-output name=x::y", b"##[command]x"])
def test_under_github_actions_a_line_is_no_command(line: bytes) -> None:
    shown = safe_line(line, colour=False, github=True)
    assert not shown.lstrip().startswith(("::", "##["))
    assert shown.replace("\u200b", "") == line.decode()


def test_a_name_is_always_one_line() -> None:
    assert safe_text("a\nb\x1b[31m") == "a\u240ab\u241b[31m"


@given(st.binary())
def test_no_line_reaches_the_terminal_with_a_control_character_but_a_tab(raw: bytes) -> None:
    shown = safe_line(raw.replace(b"\n", b""), colour=False)
    assert not [c for c in shown if c != "\t" and (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0)]
