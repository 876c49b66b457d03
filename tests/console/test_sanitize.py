"""What jobs print cannot drive the terminal."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.console.sanitize import RESET, defused, safe_line
from orchestrator.observe.stream import ConsoleStream


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
        ("a\u061cb".encode(), "a<U+061C>b"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_control_characters_are_made_visible(raw: bytes, shown: str) -> None:
    assert safe_line(raw, colour=True) == shown


def test_colours_pass_and_end_in_a_reset() -> None:
    assert safe_line(b"\x1b[31mred", colour=True) == "\x1b[31mred" + RESET


def test_without_a_terminal_colours_are_dropped() -> None:
    assert safe_line(b"\x1b[31mred\x1b[0m", colour=False) == "red"


# GitHub's runner takes `::` at the start of a line, and `##[` anywhere in it; others have words before the bracket.
@pytest.mark.parametrize(
    "line",
    [
        "::error::pwned",
        "  ::set-output name=x::y",
        "\u3000::warning::x",
        "##[command]x",
        "job | ##[add-path]/tmp",
        "a ##vso[task.setvariable variable=x]y",
        "##teamcity[x]",
        "\x1b[31m::error::x",
    ],
)
def test_under_github_actions_a_line_is_no_command(line: str) -> None:
    shown = safe_line(line.encode(), colour=False, github=True)
    assert not shown.lstrip().startswith("::")
    assert not re.search(r"##\w*\[", shown)
    assert shown.replace("\u200b", "") == line.removeprefix("\x1b[31m")


def test_many_lines_are_defused_one_by_one_and_stay_lines() -> None:
    assert defused("a\n\n::b\n  ::c\nd::e\n") == "a\n\n\u200b::b\n  \u200b::c\nd::e\n"


def test_a_stream_under_github_actions_defuses_what_anybody_writes() -> None:
    out = io.StringIO()
    ConsoleStream(out, github=True).write("[1/2] a failed: `##[error]x` was not found\n::error::y\n")
    assert out.getvalue() == "[1/2] a failed: `##\u200b[error]x` was not found\n\u200b::error::y\n"


@given(st.binary())
def test_no_line_reaches_the_terminal_with_a_control_character_but_a_tab(raw: bytes) -> None:
    shown = safe_line(raw.replace(b"\n", b""), colour=False)
    assert not [c for c in shown if c != "\t" and (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0)]
