"""The region stays at the bottom, whole, below all text that is written; it leaves nothing behind."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.screens import EmulatedScreen

from orchestrator.console.terminal import TerminalSize
from orchestrator.observe.live_region import AboveRegion, LiveRegion


@dataclass
class Emulated:
    """A terminal whose size may change, and a region on it."""

    width: int = 40
    height: int = 12
    encoding: str = "utf-8"
    writes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.screen = EmulatedScreen(self.width, self.height)
        self.region = LiveRegion(self, self)  # type: ignore[arg-type]

    def size(self) -> TerminalSize:
        return TerminalSize(self.width, self.height)

    def write(self, text: str) -> None:
        self.writes.append(text)
        self.screen.feed(text)

    def resize(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.screen.resize(width, height)

    def draw(self, *lines: str) -> None:
        self.region.prepare(lines, self.width)
        self.region.draw()


@pytest.mark.parametrize("written", [False, True], ids=["before the write", "after it"])
def test_what_an_interrupted_drawing_left_is_erased_by_the_next(written: bool) -> None:
    terminal = Emulated()
    write = terminal.write

    def interrupted(text: str) -> None:
        if written:
            write(text)
        raise KeyboardInterrupt

    terminal.write = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        terminal.draw("one", "two")
    terminal.write = write  # type: ignore[method-assign]
    terminal.write("^C")  # as a terminal shows the key
    terminal.region.write("one\ntwo\n")
    terminal.draw()
    assert terminal.screen.lines == ["one", "two"]


LINES = st.lists(st.text("abc ", min_size=1, max_size=39).map(str.strip).filter(bool), max_size=6)


@given(st.lists(st.tuples(st.booleans(), LINES), max_size=12))
def test_text_scrolls_above_the_region_and_nothing_is_lost_or_left_behind(steps: list[tuple[bool, list[str]]]) -> None:
    terminal = Emulated()
    text: list[str] = []
    region: list[str] = []
    for is_text, lines in steps:
        if is_text:
            text += lines
            for line in lines:
                terminal.region.write(f"{line}\n")
            terminal.region.draw()
        else:
            region = lines
            terminal.draw(*lines)
        assert terminal.screen.all_lines == text + region
        assert terminal.screen.cursor[0] == 0
        assert terminal.screen.is_ordinary
    terminal.draw()
    assert terminal.screen.all_lines == text


def test_the_cursor_rests_on_the_first_line_of_the_region() -> None:
    terminal = Emulated()
    terminal.region.write("text\n")
    terminal.draw("bar", "job", "+ 3 more")
    assert terminal.screen.cursor == (0, 1)


def test_each_drawing_is_one_write_and_one_that_changes_nothing_is_none() -> None:
    terminal = Emulated()
    terminal.draw("bar", "job")
    terminal.draw("bar", "job")
    assert len(terminal.writes) == 1
    terminal.region.write("one\n")
    terminal.region.write("two\n")
    terminal.region.draw()
    assert len(terminal.writes) == 2
    assert terminal.screen.lines == ["one", "two", "bar", "job"]


def test_much_text_does_not_wait_for_the_next_drawing() -> None:
    terminal = Emulated()
    terminal.draw("bar")
    for _ in range(8000):
        terminal.region.write("x" * 39 + "\n")
    assert len(terminal.writes) > 1
    assert terminal.screen.lines[-1] == "bar"


def test_after_the_terminal_has_shrunk_lines_that_would_wrap_are_not_drawn() -> None:
    terminal = Emulated()
    terminal.draw("b" * 39, "j" * 39)
    terminal.resize(20, 12)
    terminal.region.write("text\n")
    terminal.region.draw()
    assert terminal.screen.lines == ["text"]
    terminal.draw("bar", "job")
    assert terminal.screen.lines == ["text", "bar", "job"]


def test_rows_that_a_terminal_has_wrapped_when_it_shrank_are_erased() -> None:
    """As most terminals do it: the cursor stays at the same character, and rows below it become more."""
    terminal = Emulated(width=20)
    terminal.region.write("text\n")
    terminal.draw("b" * 19, "j" * 19)
    terminal.screen.feed("\x1b[J" + "\n".join(["b" * 10, "b" * 9, "j" * 10, "j" * 9]) + "\x1b[3A\r")
    terminal.width = 10
    terminal.draw("bar", "job")
    assert terminal.screen.lines == ["text", "bar", "job"]


def test_while_it_is_paused_the_terminal_is_the_shells() -> None:
    terminal = Emulated()
    terminal.draw("bar", "job")
    terminal.region.pause()
    assert terminal.screen.lines == []
    terminal.region.write("text\n")
    terminal.draw("bar", "job 2")
    terminal.screen.feed("$ fg\n")
    terminal.region.resume()
    terminal.draw("bar", "job 3")
    assert terminal.screen.lines == ["text", "$ fg", "bar", "job 3"]


def test_text_can_be_written_at_once() -> None:
    terminal = Emulated()
    terminal.draw("bar")
    AboveRegion(terminal.region).write("later\n")
    assert terminal.screen.lines == ["bar"]
    AboveRegion(terminal.region, at_once=True).write("now\n")
    assert terminal.screen.lines == ["later", "now", "bar"]
