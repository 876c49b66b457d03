"""The tail of a log: at most 200 whole lines of at most 64 KiB, as they looked in the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.log_tail import MOST_LINES, LogTail, log_tail


def tail(data: bytes, size: int | None = None, *, github: bool = False) -> LogTail:
    return log_tail(data, len(data) if size is None else size, github=github)


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"", ""),
        (b"one\ntwo\n", "one\ntwo"),
        (b"one\n\ntwo", "one\n\ntwo"),
        (b"dos\r\nlines\r\n", "dos\nlines"),
        (b"10 %\r50 %\r100 %\ndone\n", "100 %\ndone"),
        (b"10 %\r100 %\r\n", "100 %"),
        (b"\x1b[31mred\x1b[0m \x1b[2Jcleared \x07 \xff\ttab\n", "red \u241b[2Jcleared \u2407 \ufffd\ttab"),
    ],
)
def test_what_a_job_printed_is_shown_as_text(printed: bytes, shown: str) -> None:
    assert tail(printed) == LogTail(shown, 0)


def test_a_long_log_keeps_its_last_lines() -> None:
    text, omitted = tail(b"".join(b"%d\n" % number for number in range(1000)))
    assert text.split("\n") == [str(number) for number in range(1000 - MOST_LINES, 1000)]
    assert omitted == sum(len(f"{number}\n") for number in range(1000 - MOST_LINES))


def test_an_incomplete_first_line_is_dropped_unless_it_is_the_only_one() -> None:
    assert tail(b"cut\nwhole\n", 50) == LogTail("whole", 44)
    assert tail(b"cut\n", 50) == LogTail("cut", 46)
    assert tail("äb".encode()[1:], 50) == LogTail("b", 49)


def test_on_github_no_line_of_it_is_a_command() -> None:
    assert tail(b" ::error::x\n", github=True).text == " \u200b::error::x"


@given(st.binary(), st.integers(0, 1000))
def test_it_never_has_more_lines_and_says_how_much_is_missing(data: bytes, before: int) -> None:
    text, omitted = tail(data, len(data) + before)
    assert text.count("\n") < MOST_LINES
    assert before <= omitted <= before + len(data)
