"""Numbers and names as text: what users wrote stays text."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchestrator.report.text import clip, code, columns, count, percent, seconds, size, visible

MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


@given(st.text(alphabet=st.characters() | st.sampled_from("`|\\<>*_[]\n \x1b")))
@example("a`")
@example("`a")
@example(" a ")
@example("a\\|b\\")
def test_any_text_is_a_code_span_in_a_table_and_nothing_else(text: str) -> None:
    page = MARKDOWN.parse(f"| a | b |\n| --- | --- |\n| {code(text)} | next |\n")
    cells = [token for token in page if token.type == "inline"]
    assert [cell.content for cell in cells[:2]] == ["a", "b"]
    assert len(cells) == 4
    assert cells[3].content == "next"
    if visible(text).strip():
        shown = [(child.type, child.content) for child in cells[2].children or ()]
        assert shown == [("code_inline", visible(text))]


@given(st.text())
def test_visible_text_is_one_line_that_drives_nothing(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)


def test_what_cannot_be_seen_is_shown_by_its_number() -> None:
    assert visible("a\x1b[31m\nb\tc\u202ed") == "a<U+001B>[31m␊b c<U+202E>d"


@given(st.text(), st.integers(1, 30))
def test_clipped_text_is_never_wider_than_it_may(text: str, width: int) -> None:
    shown = visible(text)
    assert columns(clip(shown, width)) <= width
    assert clip(shown, width) == shown or clip(shown, width).endswith("…")


def test_wide_and_combining_characters_take_the_columns_that_a_terminal_gives_them() -> None:
    assert [columns(text) for text in ("abc", "日本", "e\u0301", "")] == [3, 4, 1, 0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.0 s"),
        (0.04, "0.0 s"),
        (1.25, "1.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1m 00s"),
        (125, "2m 05s"),
        (3599.6, "1h 00m"),
        (11_220, "3h 07m"),
    ],
)
def test_durations_are_short(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3_250_586, "3.1 MiB"), (5 << 40, "5.0 TiB")]
)
def test_sizes_are_short(value: int, text: str) -> None:
    assert size(value) == text


@given(st.integers(0, 10_000))
def test_a_share_loses_nothing_as_per_cent(share: int) -> None:
    match = re.fullmatch(r"([\d.]+) %", percent(share / 10_000))
    assert match is not None
    assert round(float(match[1]) / 100, 4) == share / 10_000


def test_one_is_singular() -> None:
    assert [count(1, "job"), count(2, "job"), count(0, "process", "processes")] == ["1 job", "2 jobs", "0 processes"]
