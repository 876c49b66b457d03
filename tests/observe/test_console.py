"""The console of a run waits for its streams as long as they take something, and counts what they do not take."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.pipes import stuck_pipe

from orchestrator.observe import console as consoles
from orchestrator.observe.console import Console
from orchestrator.observe.console_thread import ConsoleThread
from orchestrator.observe.stream import ConsoleStream


class Text:
    """A view that shows a text in parts, and an ending."""

    def __init__(self, stream: ConsoleStream, *parts: str, ending: str = "") -> None:
        self._stream = stream
        self._parts = list(parts)
        self._ending = ending

    def show(self) -> bool:
        if self._parts:
            self._stream.write(self._parts.pop(0))
        return bool(self._parts)

    def wait_seconds(self) -> None: ...

    def finish(self) -> None:
        self._stream.write(self._ending)


def console_of(stream: ConsoleStream, *parts: str, ending: str = "") -> Console:
    thread = ConsoleThread("console", (stream,), [Text(stream, *parts, ending=ending)])
    return Console([thread], {"stderr": stream})


def test_everything_is_shown_in_order_and_the_table_is_last() -> None:
    out = io.StringIO()
    console = console_of(ConsoleStream(out), "a", "b", "c", ending="d")
    console.begin()
    console.on_event({})
    console.end("table")
    assert out.getvalue() == "abcdtable"
    assert console.losses == []


def test_a_posted_text_follows_what_was_recorded_before_it() -> None:
    out = io.StringIO()
    console = console_of(ConsoleStream(out), "a")
    console.post_text("posted")
    console.begin()
    console.end()
    assert out.getvalue() == "aposted"


def test_posted_texts_are_bounded_and_the_others_counted() -> None:
    stream = ConsoleStream(io.StringIO())
    console = console_of(stream)
    for _ in range(30):
        console.post_text("x" * 100_000)
    console.begin()
    console.end()
    (lost,) = console.losses
    assert 1_500_000 < lost.lost_bytes < 2_100_000


class _Broken:
    def show(self) -> bool:
        raise ZeroDivisionError

    def wait_seconds(self) -> None: ...

    def finish(self) -> None: ...


def test_a_bug_in_the_console_thread_is_raised_at_the_end() -> None:
    stream = ConsoleStream(io.StringIO())
    console = Console([ConsoleThread("console", (stream,), [_Broken()])], {"stderr": stream})
    console.begin()
    console.on_event({})
    with pytest.raises(ZeroDivisionError):
        console.end()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(consoles, "PATIENCE_SECONDS", 0.5)
    return 0.5


BUSY = 60  # seconds in which everything happens also on a busy machine


def timed(end: Callable[[], None]) -> float:
    began = time.monotonic()
    end()
    return time.monotonic() - began


def test_a_reader_that_takes_nothing_is_given_up_and_what_it_did_not_take_is_counted(patience: float) -> None:
    with stuck_pipe() as full, os.fdopen(os.dup(full), "w") as file:
        console = console_of(ConsoleStream(file), "1234", "5678", ending="90")
        console.begin()
        assert patience <= timed(lambda: console.end("table")) < BUSY
        assert [(loss.stream, loss.lost_bytes) for loss in console.losses] == [("stderr", 15)]
        assert str(console.losses[0]).endswith("s: 15 B not shown")


def test_where_one_of_two_streams_is_stuck_the_other_still_gets_everything(patience: float) -> None:
    shown = io.StringIO()
    with stuck_pipe() as full, os.fdopen(os.dup(full), "w") as file:
        out, err = ConsoleStream(file), ConsoleStream(shown, github=True)
        thread = ConsoleThread("console", (out, err), [Text(out, "1234", ending="5678")])
        console = Console([thread], {"stdout": out, "stderr": err})
        console.begin()
        console.post_text("::text\n")
        console.post_commands("::error::command\n")
        console.end("table\n")
        assert [(loss.stream, loss.lost_bytes) for loss in console.losses] == [("stdout", 8)]
    assert shown.getvalue() == "\u200b::text\n::error::command\ntable\n"


def test_where_both_streams_are_stuck_both_are_given_up(patience: float) -> None:
    with stuck_pipe() as full, os.fdopen(os.dup(full), "w") as file, os.fdopen(os.dup(full), "w") as other:
        out, err = ConsoleStream(file), ConsoleStream(other)
        thread = ConsoleThread("console", (out, err), [Text(out, "1234")])
        console = Console([thread], {"stdout": out, "stderr": err})
        console.begin()
        assert timed(lambda: console.end("table\n")) < BUSY
        assert [(loss.stream, loss.lost_bytes) for loss in console.losses] == [("stdout", 4), ("stderr", 6)]


def test_a_second_interrupt_ends_the_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds in ("PATIENCE_SECONDS", "_INTERRUPT_SECONDS"):
        monkeypatch.setattr(consoles, seconds, 10 * BUSY)
    with stuck_pipe() as full, os.fdopen(os.dup(full), "w") as file:
        console = console_of(ConsoleStream(file), "1234")
        console.begin()
        assert timed(lambda: console.end("", lambda: True)) < BUSY
        assert str(console.losses[0]) == "stderr was still being written at an interrupt: 4 B not shown"


@pytest.mark.parametrize("stopped", [False, True])
def test_a_slow_reader_is_waited_for_unless_the_run_was_stopped(monkeypatch: pytest.MonkeyPatch, stopped: bool) -> None:
    patience = 1.5  # longer than a busy machine keeps the reader waiting
    monkeypatch.setattr(consoles, "PATIENCE_SECONDS", patience)
    ours, theirs = os.pipe()
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.1) and os.read(ours, 20_000):
            pass

    reader = threading.Thread(target=drip)
    reader.start()
    with os.fdopen(theirs, "w") as file:
        console = console_of(ConsoleStream(file), "x" * 800_000)
        console.begin()
        took = timed(lambda: console.end(stopped=stopped))
        if stopped:
            assert took >= patience
            assert console.losses[0].lost_bytes > 0
        else:
            assert took > 2 * patience
            assert console.losses == []
    ended.set()
    reader.join()
    os.close(ours)


def test_a_reader_that_has_closed_is_no_loss() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as file:
        stream = ConsoleStream(file)
        stream.write("one\n")
        stream.write("two\n")
        assert not stream.is_open
        assert (stream.lost, stream.why) == (0, "")
        stream.close()


class _Gone(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_nor_is_one_behind_an_object_of_the_importing_program() -> None:
    stream = ConsoleStream(_Gone())
    stream.write("one\n")
    assert (stream.is_open, stream.lost) == (False, 0)


def test_a_full_disk_is_a_loss() -> None:
    with Path("/dev/full").open("w") as file:
        stream = ConsoleStream(file)
        stream.write("one\n")
        stream.write("two\n")
        assert (stream.lost, stream.why) == (8, "cannot be written: no space left on device")
        stream.close()


def test_text_that_a_stream_cannot_encode_is_escaped(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as file:
        ConsoleStream(file).write("é\n")
    assert (tmp_path / "out").read_text() == "\\xe9\n"


def test_what_a_stream_cannot_encode_is_escaped_in_commands_too() -> None:
    raw = io.BytesIO()
    stream = ConsoleStream(io.TextIOWrapper(raw, encoding="latin-1"))
    stream.write("é …\n")
    stream.write_commands("::error::é …\n")
    assert raw.getvalue() == b"\xe9 \\u2026\n::error::\xe9 \\u2026\n"
