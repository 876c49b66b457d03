"""Reading the journal back: a torn end is repaired, any other damage is refused at its line."""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.stories import DRIVER, every_event, write
from support.worlds import job, plan

from orchestrator.errors import EnvironmentFailedError, RefusedError
from orchestrator.journal.reader import JournalReader
from orchestrator.journal.rundir import RunDir, create_run
from orchestrator.journal.torn_tail import cut_torn_tail
from orchestrator.journal.writer import JournalWriter


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    with create_run(str(tmp_path / "runs")) as run:
        yield run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal with each kind of event."""
    with create_run(str(tmp_path_factory.mktemp("whole") / "runs")) as run:
        writer = JournalWriter(run, "the-run")
        write(writer, every_event(plan(job("build"))))
        writer.close()
        return run.read("events.jsonl")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunDir]:
    """A run directory for many journals, one after the other."""
    with create_run(str(tmp_path_factory.mktemp("scratch") / "runs")) as run:
        yield run


def put(run: RunDir, data: bytes) -> None:
    Path(run.path_of("events.jsonl")).write_bytes(data)


def sealed(event: dict[str, Any]) -> bytes:
    """A line with a right checksum."""
    body = json.dumps({key: event[key] for key in event if key != "crc"}, separators=(",", ":")).encode()[:-1]
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


def test_what_was_written_is_read(run: RunDir) -> None:
    writer = JournalWriter(run, "the-run")
    records = [writer.emit("degraded", float(number), what="a", why="b") for number in range(3)]
    writer.close()
    reader = JournalReader(run)
    assert list(reader) == records
    assert (reader.next_seq, reader.torn) == (3, b"")
    assert reader.whole_bytes == len(run.read("events.jsonl"))


def test_an_empty_journal_has_no_events(run: RunDir) -> None:
    put(run, b"")
    assert list(JournalReader(run)) == []
    assert cut_torn_tail(run) == 0


def test_a_run_without_a_journal_cannot_be_read(run: RunDir) -> None:
    with pytest.raises(EnvironmentFailedError, match=r"events.jsonl` cannot be read: no such file or directory"):
        list(JournalReader(run))


def test_a_last_line_torn_at_any_byte_is_told_apart_cut_and_kept_aside(tmp_path: Path, whole: bytes) -> None:
    lines = whole.splitlines(keepends=True)
    start = len(whole) - len(lines[-1])
    for cut in range(start, len(whole)):
        with create_run(str(tmp_path / "runs")) as run:
            put(run, whole[:cut])
            reader = JournalReader(run)
            assert len(list(reader)) == len(lines) - 1
            assert (reader.torn, reader.whole_bytes) == (whole[start:cut], start)
            assert cut_torn_tail(run) == cut - start
            assert run.read("events.jsonl") == whole[:start]
            aside = [name for name in os.listdir(run.path) if name.startswith("torn-")]
            assert aside == [f"torn-{start}.bin"] * (cut > start)
            assert all(run.read(name) == whole[start:cut] for name in aside)
            assert cut_torn_tail(run) == 0
            writer = JournalWriter(run, "the-run", next_seq=reader.next_seq)
            writer.emit("run.resumed", 1.0, **DRIVER, max_parallel_jobs=1)
            writer.close()
            assert len(list(JournalReader(run))) == len(lines)


def test_a_torn_line_longer_than_a_block_is_cut_too(run: RunDir, whole: bytes) -> None:
    put(run, whole + b"\0" * 200_000)
    assert cut_torn_tail(run) == 200_000
    assert run.read("events.jsonl") == whole
    put(run, b"x" * 200_000)
    assert cut_torn_tail(run) == 200_000
    assert list(JournalReader(run)) == []


@given(data=st.data())
def test_a_changed_byte_anywhere_is_found_at_its_line(scratch: RunDir, whole: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(whole) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    put(scratch, whole[:place] + bytes([byte]) + whole[place + 1 :])
    line = whole.count(b"\n", 0, place) + 1
    with pytest.raises(RefusedError, match=rf"events.jsonl` is damaged: line {line}: "):
        list(JournalReader(scratch))


def test_each_flipped_bit_of_a_line_is_found(scratch: RunDir, whole: bytes) -> None:
    first = whole.index(b"\n") + 1
    second = whole.index(b"\n", first) + 1
    for place in range(first, second):
        for bit in range(8):
            put(scratch, whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            with pytest.raises(RefusedError, match="is damaged: line 2: "):
                list(JournalReader(scratch))


def test_a_line_that_is_missing_doubled_or_moved_is_found(run: RunDir, whole: bytes) -> None:
    lines = whole.splitlines(keepends=True)
    for wrong, line, seen, wanted in (
        (lines[1:], 1, 1, 0),
        (lines[:3] + lines[4:], 4, 4, 3),
        (lines[:3] + lines[2:], 4, 2, 3),
        ([lines[0], lines[2], lines[1]], 2, 2, 1),
    ):
        put(run, b"".join(wrong))
        with pytest.raises(RefusedError) as refusal:
            list(JournalReader(run))
        path = run.path_of("events.jsonl")
        assert refusal.value.message == f"`{path}` is damaged: line {line}: expected `seq` {wanted}, found {seen}"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"run_id": "another"}, "is damaged: line 2: it belongs to another run"),
        ({"event": "job.exploded"}, "is damaged: line 2: it is not a known event"),
        ({"event": "attempt.started"}, "is damaged: line 2: it is not a known event"),
        ({"v": 2}, "has version 2; this pexec reads version 1"),
    ],
    ids=str,
)
def test_a_sound_line_that_cannot_stand_there_is_refused(
    run: RunDir, whole: bytes, change: dict[str, Any], why: str
) -> None:
    first, second = whole.splitlines(keepends=True)[:2]
    put(run, first + sealed(json.loads(second) | change))
    with pytest.raises(RefusedError, match=why):
        list(JournalReader(run))


@pytest.mark.parametrize("body", [b"[1", b"{", b"nonsense", b'{"v":1,"seq":0', b"\xff"])
def test_a_sound_checksum_does_not_make_an_event(run: RunDir, body: bytes) -> None:
    put(run, body + b',"crc":"%08x"}\n' % zlib.crc32(body))
    with pytest.raises(RefusedError, match="is damaged: line 1: it is not an event"):
        list(JournalReader(run))


def test_lines_before_the_damage_are_given_first(run: RunDir, whole: bytes) -> None:
    put(run, whole.replace(b"kill.sent", b"kill.went"))
    reader = iter(JournalReader(run))
    seen = [next(reader)["event"] for _ in range(whole.count(b"\n", 0, whole.index(b"kill.sent")))]
    assert seen[-1] == "cancel.requested"
    with pytest.raises(RefusedError):
        next(reader)


def test_a_torn_line_that_cannot_be_cut_is_reported(run: RunDir, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(run.path_of("events.jsonl")).write_bytes(whole[:-5])

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "ftruncate", fail)
    with pytest.raises(EnvironmentFailedError, match=r"events\.jsonl` cannot be truncated: input/output error"):
        cut_torn_tail(run)
