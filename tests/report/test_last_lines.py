"""The last lines of a log: the same as reading all of it, each of limited length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report import last_lines as module
from orchestrator.report.last_lines import MOST_OF_A_LINE, LastLines, last_lines


def end_of(log: bytes, most: int = 3, *, github: bool = False) -> LastLines:
    def read(offset: int, number: int) -> bytes:
        assert offset >= 0
        assert offset + number <= len(log)
        return log[offset : offset + number]

    return last_lines(read, len(log), most, github=github)


@pytest.mark.parametrize(
    ("printed", "lines", "is_whole"),
    [
        (b"", [], True),
        (b"\n \n\r\n", [], True),
        (b"one", ["one"], True),
        (b"one\ntwo\nthree\n\n\n", ["one", "two", "three"], True),
        (b"one\ntwo\nthree\nfour", ["two", "three", "four"], False),
        (b"one\n\ntwo\n", ["one", "", "two"], True),
        (b"dos\r\nlines\r\n", ["dos", "lines"], True),
        (b"10 %\r50 %\r100 %\ndone\n", ["100 %", "done"], True),
        (b"\x1b[31mred\x1b[0m \x1b[2Jcleared \x07 \xff\ttab\n", ["red \u241b[2Jcleared \u2407 \ufffd\ttab"], True),
    ],
)
def test_what_a_job_printed_last_is_shown_as_text(printed: bytes, lines: list[str], is_whole: bool) -> None:
    assert end_of(printed) == LastLines(lines, is_whole)


@given(st.lists(st.text("ab \n", max_size=12)), st.integers(1, 6), st.integers(1, 9))
def test_reading_backwards_gives_the_same_as_reading_all(texts: list[str], most: int, block: int) -> None:
    log = "\n".join(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", max(block, len(log) - len(log.rstrip()) + 1))
        found = end_of(log.encode(), most)
    lines = log.rstrip().split("\n") if log.strip() else []
    assert found.lines == lines[-most:]
    assert found.is_whole == (len(lines) <= most)


def test_a_long_line_is_cut_and_its_length_is_shown() -> None:
    (line,) = end_of(b"x" * 10_000).lines
    assert line == "x" * MOST_OF_A_LINE + "… (line of 9.8 KiB)"
    assert end_of(b"x" * MOST_OF_A_LINE).lines == ["x" * MOST_OF_A_LINE]
    assert end_of("é".encode() * 5000 + b"\nnext").lines[0] == "é" * (MOST_OF_A_LINE // 2) + "… (line of 9.8 KiB)"
    assert end_of(b"a" + "é".encode() * 5000).lines[0] == "a" + "é" * (MOST_OF_A_LINE // 2 - 1) + "… (line of 9.8 KiB)"


def test_of_a_long_progress_bar_what_it_shows_in_the_end_is_taken() -> None:
    assert end_of(b"".join(b"%d %%\r" % number for number in range(5000)) + b"done\n").lines == ["done"]


def test_a_line_whose_beginning_is_too_far_away_is_searched_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SEARCHED", 1 << 20)
    (line,) = end_of(b"x" * (3 << 20)).lines
    assert line == "x" * MOST_OF_A_LINE + "… (line of at least 1.0 MiB)"
    assert not end_of(b"x" * (3 << 20)).is_whole


def test_no_line_is_a_command_to_a_ci_runner() -> None:
    assert end_of(b"::error::no\n", github=True).lines == ["\u200b::error::no"]
