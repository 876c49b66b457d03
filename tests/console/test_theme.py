"""The symbols and colours of statuses."""

from __future__ import annotations

import pytest

from orchestrator.console.text import columns
from orchestrator.console.theme import ALLOWED, MARKS, RETRY, STATUS_STYLES, is_utf8, mark_of
from orchestrator.report.status import Status


def test_every_status_has_one_symbol_of_one_column_and_one_style() -> None:
    assert MARKS.keys() == {status.value for status in Status}
    for mark in (*MARKS.values(), ALLOWED, RETRY):
        assert columns(mark.symbol) == 1
        assert mark.ascii.isascii()
    assert all(STATUS_STYLES[status] == mark.style for status, mark in MARKS.items())


def test_a_failure_that_is_allowed_does_not_look_like_one_that_is_not() -> None:
    assert mark_of("FAILED") == mark_of("TIMED_OUT") == mark_of("LOST")
    assert mark_of("FAILED", allowed=True) == ALLOWED
    assert ALLOWED.style != mark_of("FAILED").style


@pytest.mark.parametrize(
    ("encoding", "symbol"),
    [("utf-8", "✓"), ("UTF8", "✓"), (None, "✓"), ("ascii", "ok"), ("ANSI_X3.4-1968", "ok"), ("iso8859-1", "ok")],
)
def test_where_the_encoding_lacks_the_symbols_words_of_ascii_are_shown(encoding: str | None, symbol: str) -> None:
    assert mark_of("SUCCESS").text(utf8=is_utf8(encoding)) == symbol
