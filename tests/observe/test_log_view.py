"""`--output plain` shows what the logs have: whole lines with the job's id as prefix, however the log grew."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.console.sanitize import final_text, safe_line
from orchestrator.journal.rundir import create_run
from orchestrator.observe.line_prefixer import LinePrefixer
from orchestrator.observe.log_view import LatestOutput, LogView
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

    def print(self, job: str, data: bytes, log: str = "") -> Self:
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
    expected = [safe_line(final_text(line), colour=colour) for line in data[:-1].split(b"\n")]
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


class Timed(Shown):
    """The same, at times that the test sets."""

    def __init__(self, directory: Path, *, splits_lines: bool = True) -> None:
        super().__init__(directory)
        self.now = 0.0
        lines = LinePrefixer(colour=False, github=False)
        self.view = LogView(
            self.rundir, self.stream, lines, self.warnings.append, splits_lines=splits_lines, clock=lambda: self.now
        )

    def at(self, now: float) -> str:
        """What is shown at this time."""
        self.now = now
        before = self.out.tell()
        self.show()
        return self.out.getvalue()[before:]

    def rest(self, job: str) -> str:
        before = self.out.tell()
        return self.end(job)[before:]


@pytest.fixture
def timed(tmp_path: Path) -> Timed:
    return Timed(tmp_path)


def test_an_incomplete_line_is_shown_after_a_second_and_its_rest_as_another_line(timed: Timed) -> None:
    assert timed.view.wait_seconds() is None
    assert timed.print("a", b"one\nDownloading").at(0.0) == "a | one\n"
    assert timed.view.wait_seconds() == 1.0
    assert timed.at(0.9) == ""
    assert timed.at(1.0) == "a | Downloading\n"
    assert timed.view.wait_seconds() is None
    assert timed.print("a", b"... done\ntwo\n").at(1.5) == "a | ... done\na | two\n"
    assert timed.rest("a") == ""


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r\r\n", b"\x1b[0m\r\n"])
def test_a_line_that_was_shown_needs_no_end(timed: Timed, ending: bytes) -> None:
    timed.print("a", b"waiting").at(0.0)
    assert timed.at(1.0) == "a | waiting\n"
    for byte in ending:
        assert timed.print("a", bytes([byte])).at(timed.now + 0.1) == ""
    assert timed.print("a", b"\nnext\n").at(timed.now + 0.1) == "a | \na | next\n"


def test_a_line_that_goes_on_is_shown_less_and_less_often(timed: Timed) -> None:
    shown = []
    for second in range(200):
        timed.print("a", b"\r%d%%" % second)
        if timed.at(second):
            shown.append(second)
    assert shown == [1, 4, 9, 18, 35, 66, 97, 128, 159, 190]  # waits of 1, 2, 4, 8, 16, 30 s from the next update on
    assert timed.out.getvalue().startswith("a | 1%\na | 4%\na | 9%\n")


def test_of_a_progress_bar_the_latest_state_is_shown(timed: Timed) -> None:
    assert timed.print("a", b"10%\r20%\r30%").at(0.0) == ""
    assert timed.at(1.0) == "a | 30%\n"
    assert timed.print("a", b"\r40%\r50%\r\ndone\r\n").at(1.1) == "a | 50%\na | done\n"


def test_where_lines_are_not_split_an_incomplete_one_is_shown_at_its_end(tmp_path: Path) -> None:
    timed = Timed(tmp_path, splits_lines=False)
    assert timed.print("a", b"10%\r20%").at(0.0) == ""
    assert timed.view.wait_seconds() is None
    assert timed.at(100.0) == ""
    assert timed.view.latest["a"] == LatestOutput(b"20%", 0.0)
    assert timed.rest("a") == "a | 20%\n"
    assert timed.view.latest == {}


@pytest.mark.parametrize("whole", ["é".encode(), "日".encode(), "😀".encode(), b"\x1b[31mred\x1b[0m"])
def test_neither_characters_nor_escape_sequences_are_torn(timed: Timed, whole: bytes) -> None:
    for end in range(1, len(whole)):
        job = f"j{end}"
        timed.print(job, b"x" + whole[:end])
        timed.show()
        timed.at(timed.now + 1)
        timed.print(job, whole[end:] + b"\n").show()
    assert "\ufffd" not in timed.out.getvalue()
    assert "\u241b" not in timed.out.getvalue()


PARTS = st.sampled_from([b"\n", b"\r\n", b"\r", b"one", b"two words", "é".encode(), b"\xff", b"\x07", b"\x1b[31m"])


@given(st.lists(st.tuples(PARTS, st.sampled_from([0.0, 0.4, 1.1, 5.0])), max_size=12))
def test_what_is_shown_is_the_log_wherever_its_lines_were_split(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[bytes, float]]
) -> None:
    """Without what overwrites itself: all text is shown, in order, and each end of a line is one."""
    timed = Timed(tmp_path_factory.mktemp("runs"))
    data = b""
    for part, seconds in parts:
        part = b"" if part == b"\r" else part
        data += part
        timed.print("a", part).show()
        timed.at(timed.now + seconds)
    timed.end("a")
    lines = timed.out.getvalue().splitlines()
    assert all(line.startswith("a | ") for line in lines)
    whole = [safe_line(line, colour=False) for line in data.removesuffix(b"\n").split(b"\n")] if data else []
    pieces = [line.removeprefix("a | ") for line in lines]
    for line in whole:  # each is made of one or more of the pieces
        text = pieces.pop(0)
        while text != line:
            assert line.startswith(text)
            text += pieces.pop(0)
    assert pieces == []
    timed.rundir.close()


@given(st.lists(st.tuples(PARTS, st.sampled_from([0.0, 1.1])), max_size=12))
def test_the_last_state_of_each_line_is_shown_even_where_it_overwrites_itself(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[bytes, float]]
) -> None:
    timed = Timed(tmp_path_factory.mktemp("runs"))
    for part, seconds in parts:
        timed.print("a", part).show()
        timed.at(timed.now + seconds)
    timed.end("a")
    shown = timed.out.getvalue()
    assert "\r" not in shown
    data = b"".join(part for part, _ in parts)
    place = 0
    for line in data.removesuffix(b"\n").split(b"\n") if data else []:
        last = safe_line(final_text(line), colour=False)
        end = last[-1:]  # a split may be anywhere before
        place = shown.index(end, place) + len(end)
    timed.rundir.close()
