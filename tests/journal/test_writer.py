"""Writing the journal: what a line is, and what stays when the disk fails."""

from __future__ import annotations

import errno
import json
import os
import re
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import structlog
from support.disks import file_size_limit, small_disk
from support.stories import HERE, every_event, own_fields, write
from support.worlds import job, plan

from orchestrator.errors import EnvironmentFailedError, RefusedError
from orchestrator.journal.append_file import GroupSync
from orchestrator.journal.events import events_schema
from orchestrator.journal.reader import JournalReader
from orchestrator.journal.rundir import RunDir, create_run, open_run
from orchestrator.journal.writer import JournalWriter

NOON = 1_767_355_200_000_000_000  # 2026-01-02T12:00:00Z


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    with create_run(str(tmp_path / "runs")) as run:
        yield run


def journal(run: RunDir) -> bytes:
    return Path(run.path_of("events.jsonl")).read_bytes()


def test_a_line_is_what_the_format_says_to_the_last_byte(run: RunDir) -> None:
    writer = JournalWriter(run, "the-run", clock=lambda: NOON + 5_678_999)
    record = writer.emit("kill.sent", 1.25, job="büild", attempt=2, force=True)
    writer.flush()
    body = (
        '{"v":1,"seq":0,"ts":"2026-01-02T12:00:00.005678Z","at":1.25,"run_id":"the-run","event":"kill.sent",'
        '"job":"büild","attempt":2,"force":true'
    ).encode()
    assert journal(run) == body + b',"crc":"%08x"}\n' % zlib.crc32(body)
    assert record == json.loads(journal(run))
    assert list(record) == ["v", "seq", "ts", "at", "run_id", "event", "job", "attempt", "force", "crc"]
    writer.close()


def test_numbers_continue_and_the_date_follows_the_clock(run: RunDir) -> None:
    times = iter([NOON, NOON + 999_999_999, NOON + 1_000_000_000, NOON + 43_200_000_000_000])
    writer = JournalWriter(run, "the-run", next_seq=7, clock=lambda: next(times))
    records = [writer.emit("degraded", 0.0, what="a", why="b") for _ in range(4)]
    writer.close()
    assert [(record["seq"], record["ts"]) for record in records] == [
        (7, "2026-01-02T12:00:00.000000Z"),
        (8, "2026-01-02T12:00:00.999999Z"),
        (9, "2026-01-02T12:00:01.000000Z"),
        (10, "2026-01-03T00:00:00.000000Z"),
    ]


def test_every_kind_of_event_is_written_as_the_schema_says(run: RunDir) -> None:
    writer = JournalWriter(run, run.run_id)
    write(writer, every_event(plan(job("build"))))
    writer.close()
    valid = jsonschema.Draft202012Validator(events_schema())
    for line in journal(run).splitlines():
        valid.validate(json.loads(line))


def test_what_is_not_in_the_list_of_events_cannot_be_written(run: RunDir) -> None:
    writer = JournalWriter(run, run.run_id)
    with pytest.raises(ValueError, match=r"`job\.exploded` with"):
        writer.emit("job.exploded", 0.0)
    with pytest.raises(ValueError, match=re.escape("`kill.sent` with ['at', 'attempt', 'job'] is not in the list")):
        writer.emit("kill.sent", 0.0, job="a", attempt=1)
    with pytest.raises(ValueError, match=r"`attempt\.started` with"):
        writer.emit("attempt.started", 0.0, job="a", attempt=1, extra=1)
    with pytest.raises(ValueError, match=r"`kill\.sent` with"):
        writer.emit("kill.sent", 0.0, job="a", attempt=1, force=False, outputs={})
    writer.close()
    assert journal(run) == b""


def test_nothing_is_on_disk_before_the_flush(run: RunDir) -> None:
    writer = JournalWriter(run, run.run_id)
    writer.emit("degraded", 0.0, what="a", why="b")
    assert journal(run) == b""
    writer.flush()
    assert journal(run).count(b"\n") == 1
    writer.flush()
    writer.close()
    assert journal(run).count(b"\n") == 1


def test_a_name_that_is_not_utf_8_is_made_readable_and_keeps_the_line_valid(run: RunDir) -> None:
    writer = JournalWriter(run, run.run_id)
    name = os.fsdecode(b"caf\xe9 \xf0\x9f\x8d\xb0")
    record = writer.emit("degraded", 0.0, what=name, why="")
    writer.close()
    assert record["what"] == "caf� 🍰"
    assert list(JournalReader(run)) == [record]


def test_nothing_global_of_the_logging_library_is_touched(run: RunDir) -> None:
    before = structlog.get_config()
    writer = JournalWriter(run, run.run_id)
    writer.emit("degraded", 0.0, what="a", why="b")
    writer.close()
    assert structlog.get_config() == before
    assert not structlog.is_configured()


def test_a_run_has_only_one_writer(run: RunDir) -> None:
    writer = JournalWriter(run, run.run_id)
    with open_run(os.path.dirname(run.path), run.run_id) as other, pytest.raises(RefusedError, match="is in use by"):
        JournalWriter(other, run.run_id)
    writer.close()
    writer.close()


def test_space_for_the_last_events_is_reserved_until_the_end(run: RunDir) -> None:
    writer = JournalWriter(run, run.run_id)
    assert os.stat(run.path_of(".ballast")).st_blocks * 512 >= 16 * 1024
    writer.close()
    assert not os.path.exists(run.path_of(".ballast"))


def test_a_failed_append_is_reported_and_later_repeated_without_a_gap(run: RunDir) -> None:
    writer = JournalWriter(run, run.run_id)
    write(writer, every_event(plan(job("build"))))
    size = len(journal(run))
    with file_size_limit(size + 1000):
        for _ in range(20):
            writer.emit("degraded", 1.0, what="disk", why="x" * 30)
        with pytest.raises(EnvironmentFailedError) as failure:
            writer.flush()
    assert failure.value.message == f"`{run.path}/events.jsonl` cannot be written: file too large"
    assert failure.value.help == "free some space, then continue with `pexec resume`"
    assert size < len(journal(run)) <= size + 1000
    there = len(list(JournalReader(run)))
    writer.flush()
    writer.close()
    assert there < len(list(JournalReader(run))) == len(every_event(plan(job("build"))).events) + 20


def fill_up(writer: JournalWriter) -> None:
    """Write until it fails."""
    for _ in range(10_000):
        writer.emit("degraded", 1.0, what="disk", why="x" * 100)
        writer.flush()


def test_a_full_disk_leaves_a_valid_journal_with_the_end_of_the_run(tmp_path: Path) -> None:
    story = every_event(plan(job("build")))
    with small_disk(tmp_path / "disk", "128k") as disk, create_run(str(disk / "runs")) as run:
        writer = JournalWriter(run, run.run_id)
        write(writer, story)
        with pytest.raises(EnvironmentFailedError, match="cannot be written: no space left on device"):
            fill_up(writer)
        filled = len(list(JournalReader(run)))
        last = story.events[-1]
        writer.emit(last["event"], 2.0, **own_fields(last))
        writer.flush()
        writer.close()
        events = list(JournalReader(run))
        assert [event["event"] for event in events[filled:]] == ["degraded", "run.finished"]
        run.close()


def test_a_run_on_a_full_disk_does_not_start(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk, create_run(str(disk / "runs")) as run:
        with pytest.raises(OSError, match="No space left"):
            (disk / "filler").write_bytes(b"x" * 65536)
        with pytest.raises(EnvironmentFailedError, match=r"`.*/\.ballast` cannot be written: no space left on device"):
            JournalWriter(run, run.run_id)
        run.close()


def test_with_power_the_disk_has_all_before_an_attempt_starts(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    main, synced = threading.get_ident(), []
    sync = os.fdatasync

    def spy(descriptor: int) -> None:
        if threading.get_ident() == main:
            synced.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", spy)
    for power, wanted in ((False, 0), (True, 2)):
        synced.clear()
        sizes = []
        writer = JournalWriter(run, "the-run", power=power)
        for event in ("attempt.started", "kill.sent", "attempt.started"):
            more = {"force": True} if event == "kill.sent" else HERE
            writer.emit(event, 0.0, job="a", attempt=1, **more)
            writer.flush()
            sizes += [len(journal(run))] * (event == "attempt.started")
        assert synced == sizes[:wanted]
        writer.close()


def test_with_power_a_disk_that_does_not_take_it_ends_the_run(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    writer = JournalWriter(run, "the-run", power=True)
    writer.emit("attempt.started", 0.0, job="a", attempt=1, **HERE)
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(EnvironmentFailedError, match="cannot be written: input/output error"):
        writer.flush()
    monkeypatch.undo()
    writer.close()


def test_a_last_sync_that_fails_is_reported_and_the_reserved_space_is_released(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JournalWriter(run, run.run_id)
    writer.emit("degraded", 0.0, what="a", why="b")
    monkeypatch.setattr(GroupSync, "close", failing)
    with pytest.raises(EnvironmentFailedError, match="cannot be written: input/output error"):
        writer.close()
    assert not Path(run.path_of(".ballast")).exists()


def failing(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_lists_of_names_that_are_not_utf_8_are_made_readable(run: RunDir) -> None:
    writer = JournalWriter(run, run.run_id)
    writer.emit("degraded", 0.0, what="files", why=["\udcff", "b"])
    writer.close()
    (record,) = JournalReader(run)
    assert record["why"] == ["\ufffd", "b"]
