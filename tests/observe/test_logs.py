"""Reading logs: byte for byte from where reading stopped, or as lines that control nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.rundir import RunDir, create_run
from orchestrator.observe.logs import LogReader, SafeLines


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    with create_run(str(tmp_path / "runs")) as run:
        yield run


def test_a_log_is_read_from_its_beginning_and_then_on(run: RunDir) -> None:
    log = Path(run.path_of("logs/a.1.log"))
    reader = LogReader(run, "logs/a.1.log")
    assert list(reader) == []  # it is not there yet
    log.write_bytes(b"one\n\x00\xff")
    assert b"".join(reader) == b"one\n\x00\xff"
    assert list(reader) == []
    with log.open("ab") as file:
        file.write(b"x" * 200_000)
    chunks = list(reader)
    assert b"".join(chunks) == b"x" * 200_000
    assert max(map(len, chunks)) <= 64 * 1024
    reader.close()
    reader.close()


def test_a_planted_link_is_not_followed(run: RunDir, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    Path(run.path_of("logs/a.1.log")).symlink_to(secret)
    with pytest.raises(EnvironmentFailedError, match=r"/logs/a\.1\.log` cannot be read: too many levels"):
        list(LogReader(run, "logs/a.1.log"))


@given(chunks=st.lists(st.binary(max_size=8) | st.sampled_from([b"\n", b"a\r\n", b"\x1b[31m", b"::set-env"])))
def test_lines_are_the_same_however_they_come(chunks: list[bytes]) -> None:
    whole, bits = (SafeLines(colour=True, github=True) for _ in range(2))
    text = whole.feed(b"".join(chunks)) + whole.finish()
    assert "".join(map(bits.feed, chunks)) + bits.finish() == text
    assert all(character.isprintable() or character in "\n\t\x1b" or ord(character) > 0x7F for character in text)


def test_a_line_that_does_not_end_comes_in_pieces() -> None:
    lines = SafeLines(colour=False, github=False)
    text = lines.feed(b"x" * 200_000)
    assert len(text.splitlines()) == 3
    assert "".join((text + lines.finish()).split()) == "x" * 200_000
