"""A terminal says how large it is, and who may draw on it."""

from __future__ import annotations

import io
import os
import pty
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from orchestrator.console.terminal import Terminal, shown_encoding


@pytest.fixture
def stream() -> Iterator[TextIO]:
    """A terminal that is not that of this process."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="latin-1") as file:
        yield file
    os.close(ours)


def test_it_has_a_size_which_may_change(stream: TextIO) -> None:
    terminal = Terminal(stream)
    for height, width in ((24, 80), (50, 132)):
        termios.tcsetwinsize(stream, (height, width))
        assert terminal.size() == (width, height)


def test_one_that_does_not_know_its_size_is_taken_for_a_usual_one(stream: TextIO, tmp_path: Path) -> None:
    termios.tcsetwinsize(stream, (0, 0))
    assert Terminal(stream).size() == (80, 24)
    with (tmp_path / "file").open("w") as file:
        assert Terminal(file).size() == (80, 24)


def test_another_terminal_than_that_of_the_process_may_be_drawn_on(stream: TextIO) -> None:
    assert Terminal(stream).may_draw()
    assert Terminal(stream).encoding == "latin-1"


def test_an_object_of_an_importing_program_is_a_usual_terminal() -> None:
    terminal = Terminal(io.StringIO())
    assert (terminal.size(), terminal.may_draw(), terminal.encoding) == ((80, 24), True, "utf-8")


@pytest.mark.parametrize(
    ("locale", "encoding"),
    [
        ({}, "utf-8"),
        ({"LANG": "de_DE.UTF-8"}, "utf-8"),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, "utf-8"),
        ({"LC_ALL": "", "LC_CTYPE": "C.UTF-8", "LANG": "C"}, "utf-8"),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, "ascii"),
        ({"LC_CTYPE": "POSIX", "LANG": "de_DE.UTF-8"}, "ascii"),
        ({"LANG": "C"}, "ascii"),
    ],
)
def test_the_locale_that_the_user_asked_for_decides_although_python_writes_utf8(
    locale: dict[str, str], encoding: str
) -> None:
    assert shown_encoding(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), locale) == encoding


def test_an_object_of_a_program_has_no_encoding() -> None:
    assert shown_encoding(io.StringIO(), {}) is None
