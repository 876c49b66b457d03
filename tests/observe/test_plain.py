"""`--output plain` shows whole lines behind the job's id, whatever the chunks were."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.observe.plain import MAX_LINE, LinePrefixer, ProgressLines
from orchestrator.observe.stream import LossyStream


def prefixed(chunks: list[bytes]) -> str:
    out = io.StringIO()
    lines = LinePrefixer(LossyStream(out), colour=False, github=False)
    for chunk in chunks:
        lines.feed("job", chunk)
    lines.finish("job")
    return out.getvalue()


@given(st.lists(st.text("ab\n", max_size=9)))
def test_lines_do_not_depend_on_how_the_bytes_were_cut(texts: list[str]) -> None:
    whole = "".join(texts)
    expected = "".join(f"job | {line}\n" for line in whole.split("\n")[: None if whole[-1:] not in ("", "\n") else -1])
    assert prefixed([text.encode() for text in texts]) == expected


def test_a_last_line_without_a_newline_is_shown() -> None:
    assert prefixed([b"one\ntw", b"o"]) == "job | one\njob | two\n"


def test_lines_of_two_jobs_never_mix() -> None:
    out = io.StringIO()
    lines = LinePrefixer(LossyStream(out), colour=False, github=False)
    lines.feed("a", b"left ")
    lines.feed("b", b"right\n")
    lines.feed("a", b"over\n")
    assert out.getvalue() == "b | right\na | left over\n"


def test_a_huge_line_is_shown_in_pieces_and_loses_nothing() -> None:
    shown = prefixed([b"x" * 40_000] * 5)
    pieces = [line.removeprefix("job | ") for line in shown.splitlines()]
    assert max(map(len, pieces)) <= MAX_LINE
    assert "".join(pieces) == "x" * 200_000


def test_each_end_is_one_line_with_its_count_and_reason() -> None:
    err = io.StringIO()
    progress = ProgressLines(LossyStream(err), total=2)
    progress.on_event({"event": "attempt.started", "at": 0.0, "job": "a", "attempt": 1})
    progress.on_event(
        {"event": "job.finished", "at": 1.26, "job": "a", "status": "failed", "reason": "exit code 2", "allowed": True}
    )
    progress.on_event(
        {
            "event": "job.finished",
            "at": 2.0,
            "job": "b",
            "status": "skipped",
            "reason": "need `a` failed",
            "allowed": False,
        }
    )
    assert err.getvalue() == ("[1/2] a failed in 1.3s: exit code 2 (allowed)\n[2/2] b skipped: need `a` failed\n")


class _Gone(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_went_away_is_no_error() -> None:
    stream = LossyStream(_Gone())
    stream.write("one\n")
    stream.write("two\n")
    assert stream.gone
