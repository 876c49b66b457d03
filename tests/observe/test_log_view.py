"""`--output plain` shows what the logs have: whole lines with the job's id as prefix, however the log grew."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.console.sanitize import safe_line
from orchestrator.journal.rundir import create_run
from orchestrator.observe.log_view import LinePrefixer, LogView
from orchestrator.observe.logs import MAX_LINE
from orchestrator.observe.stream import ConsoleStream


class Shown:
    """Logs of a run, and what is shown of them."""

    def __init__(self, directory: Path) -> None:
        self.rundir = create_run(str(directory))
        self.out = io.StringIO()
        self.stream = ConsoleStream(self.out)
        self.warnings: list[str] = []
        self.view = LogView(self.rundir, self.stream, LinePrefixer(colour=False, github=False), self.warnings.append)

    def print(self, job: str, data: bytes, log: str = "") -> Shown:
        """A job has printed this."""
        log = log or f"logs/{job}.1.log"
        with open(self.rundir.path_of(log), "ab") as file:
            file.write(data)
        self.view.grown(job, log)
        return self

    def show(self) -> str:
        """Everything so far, once all that is new is shown."""
        while self.view.show():
            pass
        return self.out.getvalue()

    def end(self, job: str) -> str:
        self.view.on_event({"event": "attempt.finished", "job": job})
        return self.out.getvalue()


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    return Shown(tmp_path)


@given(st.lists(st.text("ab\n", max_size=9)))
def test_lines_do_not_depend_on_how_the_log_grew(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    shown = Shown(tmp_path_factory.mktemp("runs"))
    for text in texts:
        shown.print("job", text.encode()).show()
    whole = "".join(texts)
    expected = "".join(f"job | {line}\n" for line in whole.split("\n")[: None if whole[-1:] not in ("", "\n") else -1])
    assert shown.end("job") == expected
    shown.rundir.close()


def test_a_last_line_without_a_newline_is_shown_when_the_attempt_ends(shown: Shown) -> None:
    assert shown.print("job", b"one\ntwo").show() == "job | one\n"
    assert shown.end("job") == "job | one\njob | two\n"


def test_lines_of_two_jobs_never_mix(shown: Shown) -> None:
    shown.print("a", b"left ").show()
    shown.print("b", b"right\n").show()
    assert shown.print("a", b"over\n").show() == "b | right\na | left over\n"


def test_a_cleanup_is_shown_after_its_attempt_and_before_the_end(shown: Shown) -> None:
    shown.print("a", b"work").print("a", b"tidy", "logs/a.cleanup.log")
    assert sorted(shown.end("a").splitlines()) == ["a | tidy", "a | work"]


def test_logs_without_an_end_are_shown_at_the_end_of_the_run(shown: Shown) -> None:
    shown.print("a", b"half").show()
    shown.view.finish()
    assert shown.out.getvalue() == "a | half\n"


@pytest.mark.parametrize("length", [MAX_LINE, MAX_LINE + 1, 3 * MAX_LINE, 200_000, 5 * MAX_LINE + 7])
@pytest.mark.parametrize("ending", [b"", b"\nnext\n"])
@pytest.mark.parametrize("step", [40_000, 1 << 20])
def test_a_huge_line_is_shown_in_the_same_pieces_however_it_came(
    shown: Shown, length: int, ending: bytes, step: int
) -> None:
    data = b"x" * length + ending
    for start in range(0, len(data), step):
        shown.print("job", data[start : start + step]).show()
    pieces = [line.removeprefix("job | ") for line in shown.end("job").splitlines()]
    full, rest = divmod(length, MAX_LINE)
    assert list(map(len, pieces)) == [MAX_LINE] * full + [rest] * bool(rest) + [4] * bool(ending)


def test_a_log_of_many_blocks_is_shown_whole(shown: Shown) -> None:
    text = "".join(f"{number}\n" for number in range(100_000))
    assert shown.print("a", text.encode()).show() == "".join(f"a | {line}\n" for line in text.splitlines())


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5), st.booleans())
def test_what_is_safe_is_shown_as_line_by_line(lines: list[bytes], colour: bool) -> None:
    data = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    expected = [safe_line(line, colour=colour) for line in data[:-1].split(b"\n")]
    assert LinePrefixer(colour=colour, github=False).lines("a", data) == "".join(f"a | {line}\n" for line in expected)


def test_a_stream_that_was_given_up_counts_the_rest_of_the_logs_without_reading_them(shown: Shown) -> None:
    shown.print("a", b"seen\n").show()
    shown.stream.give_up("took nothing")
    shown.print("a", b"12345").print("b", b"1234\n").show()
    shown.end("a")
    shown.view.finish()
    assert shown.stream.lost == 10
    assert shown.out.getvalue() == "a | seen\n"


def test_a_log_that_was_removed_is_reported(shown: Shown) -> None:
    shown.print("a", b"x")
    Path(shown.rundir.path_of("logs/a.1.log")).unlink()
    assert shown.end("a") == ""
    path = shown.rundir.path_of("logs/a.1.log")
    assert shown.warnings == [f"warning: `{path}` cannot be read: no such file or directory\n"]
