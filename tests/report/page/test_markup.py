"""Text in pages: escaped as Python does it, visible, and links only where they are safe."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.page.markup import escaped, inline, lines, log_link, short, shown


@given(st.text())
def test_escaping_is_what_python_does(text: str) -> None:
    assert escaped(text) == html.escape(text)


def test_characters_that_cannot_be_seen_are_shown() -> None:
    assert shown("a\nb\x1b<\u202e") == "a␊b␛&lt;&lt;U+202E&gt;"
    assert lines("a\tb\nc\x07") == "a\tb\nc␇"


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("need `a<b` failed", "need <code>a&lt;b</code> failed"),
        ("`` a`b ``", "<code>a`b</code>"),
        ("no code", "no code"),
        ("one ` alone", "one ` alone"),
    ],
)
def test_code_spans_are_marked_up_and_nothing_else_is(markdown: str, expected: str) -> None:
    assert inline(markdown) == expected


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (None, ""),
        ("logs/a.1.log", '<a href="b/logs/a.1.log">logs/a.1.log</a>'),
        ("logs/../../x", "<code>logs/../../x</code>"),
        ("javascript:alert(1)", "<code>javascript:alert(1)</code>"),
        ("logs/.hidden", "<code>logs/.hidden</code>"),
    ],
)
def test_only_a_log_of_the_run_is_a_link(log: str | None, expected: str) -> None:
    assert log_link(log, "b/") == expected


def test_numbers_are_short() -> None:
    assert [short(value) for value in (0.0, 1.0, 2.5, 33.3333, 100.0)] == ["0", "1", "2.5", "33.33", "100"]


def test_a_sentence_leads_to_the_logs_that_it_names() -> None:
    logs = {"logs/a.1.log", "logs/../x"}
    assert inline("see `logs/a.1.log`.", logs, "run/") == 'see <a href="run/logs/a.1.log">logs/a.1.log</a>.'
    for other in ("logs/b.1.log", "logs/../x"):
        assert inline(f"`{other}`", logs) == f"<code>{other}</code>"
