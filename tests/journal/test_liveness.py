"""Looking at a run from outside: is it driven, what is its last event, what was added."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.attempts import wait_until
from support.journals import nightly
from support.recorded_runs import damage, record, start, tear
from support.stories import own_fields

from orchestrator.errors import EnvironmentFailedError, RefusedError
from orchestrator.journal import rundir
from orchestrator.journal.liveness import first_event, is_driven, last_event
from orchestrator.journal.plan_file import NoPlanError, read_plan_data
from orchestrator.journal.reader import JournalReader
from orchestrator.journal.rundir import RunDir, create_run, open_run
from orchestrator.journal.writer import JournalWriter
from orchestrator.plan.export import plan_to_dict


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    with create_run(str(tmp_path / "runs")) as run:
        yield run


def test_a_run_is_driven_while_its_writer_holds_it_and_looking_does_not_hold_it(tmp_path: Path) -> None:
    driver = start(tmp_path, nightly())
    with open_run(str(tmp_path), driver.run_id) as run:
        assert is_driven(run)
        driver.close()
        assert not is_driven(run)
        run.lock()
        assert is_driven(run)


def test_a_run_without_a_journal_has_no_driver_and_no_events(run: RunDir) -> None:
    assert not is_driven(run)
    assert (first_event(run), last_event(run)) == (None, None)
    os.mkfifo(run.path_of("events.jsonl"))
    for look in (is_driven, first_event, last_event):
        with pytest.raises(EnvironmentFailedError, match="cannot be read: not a regular file"):
            look(run)


def test_a_new_driver_waits_for_a_process_that_only_looks(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rundir, "_PATIENCE", 100.0)  # for a busy machine
    looker = os.open(run.path_of("events.jsonl"), os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(looker, fcntl.LOCK_SH)
    looks_away = threading.Timer(0.05, os.close, [looker])
    looks_away.start()
    run.lock()
    looks_away.join()
    assert is_driven(run)


def test_a_process_that_never_looks_away_is_not_waited_for_for_ever(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rundir, "_PATIENCE", 0.1)
    looker = os.open(run.path_of("events.jsonl"), os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(looker, fcntl.LOCK_SH)
    with pytest.raises(RefusedError, match="is in use by another process"):
        run.lock()
    os.close(looker)


def test_constant_looking_refuses_no_writer(run: RunDir) -> None:
    os.close(os.open(run.path_of("events.jsonl"), os.O_CREAT | os.O_WRONLY, 0o600))
    stop = threading.Event()
    looks = 0

    def look() -> None:
        nonlocal looks
        with open_run(os.path.dirname(run.path), run.run_id) as other:
            while not stop.is_set():
                is_driven(other)
                looks += 1

    looker = threading.Thread(target=look)
    looker.start()
    try:
        assert wait_until(lambda: looks > 0)
        for _ in range(200):
            with open_run(os.path.dirname(run.path), run.run_id) as other:
                other.lock()
    finally:
        stop.set()
        looker.join()


def test_the_last_event_is_that_of_the_last_whole_line(tmp_path: Path) -> None:
    story = nightly()
    directory = record(tmp_path, story)
    with open_run(str(tmp_path), directory.name) as run:
        event = last_event(run)
        assert event is not None
        assert event["event"] == "run.finished"
        assert list(JournalReader(run))[-1] == event
        tear(directory)
        event = last_event(run)
        assert event is not None
        assert (event["event"], event["seq"]) == ("job.finished", len(story.events) - 2)


@pytest.mark.parametrize(
    "content",
    [b"", b"torn", b"\n", b'{"event":"run.finished","crc":"00000000"}\n', b"[1]\n", b"\n" * 100_000],
)
def test_a_journal_without_a_valid_line_has_no_last_event(run: RunDir, content: bytes) -> None:
    Path(run.path_of("events.jsonl")).write_bytes(content)
    assert last_event(run) is None


def test_a_very_long_last_line_is_found(run: RunDir) -> None:
    writer = JournalWriter(run, run.run_id)
    writer.emit("degraded", 0.0, what="short", why="")
    long = writer.emit("degraded", 0.0, what="x" * 300_000, why="")
    writer.close()
    assert last_event(run) == long


def test_reading_again_continues_with_what_was_added(run: RunDir) -> None:
    story = nightly()
    writer = JournalWriter(run, run.run_id)
    reader = JournalReader(run)
    seen: list[str] = []
    for event in story.events:
        writer.emit(event["event"], event["at"], **own_fields(event))
        writer.flush()
        seen += [record["event"] for record in reader]
    writer.close()
    assert seen == [event["event"] for event in story.events]
    assert (list(reader), reader.next_seq, reader.torn) == ([], len(seen), b"")


def test_a_partial_line_is_read_once_it_is_whole(run: RunDir, tmp_path: Path) -> None:
    directory = record(tmp_path, nightly())
    lines = (directory / "events.jsonl").read_bytes().splitlines(keepends=True)
    journal = Path(run.path_of("events.jsonl"))
    journal.write_bytes(lines[0] + lines[1][:50])
    reader = JournalReader(run)
    assert [record["seq"] for record in reader] == [0]
    assert reader.torn == lines[1][:50]
    journal.write_bytes(lines[0] + lines[1] + lines[2])
    assert [record["seq"] for record in reader] == [1, 2]
    assert reader.torn == b""


def test_damage_that_comes_later_is_reported_at_its_line(tmp_path: Path) -> None:
    directory = record(tmp_path, nightly())
    damage(directory, 20)
    with open_run(str(tmp_path), directory.name) as run, pytest.raises(RefusedError, match="line 20: its checksum"):
        list(JournalReader(run))


def test_the_plan_of_a_run_is_read_back(tmp_path: Path) -> None:
    story = nightly()
    directory = record(tmp_path, story)
    with open_run(str(tmp_path), directory.name) as run:
        assert read_plan_data(run) == plan_to_dict(story.plan)
        run.replace("plan.json", b'{"base_dir": "/\\udcff"}')  # a path that is not UTF-8
        assert read_plan_data(run) == {"base_dir": "/\udcff"}
        run.replace("plan.json", b"{")
        with pytest.raises(RefusedError, match=r"plan\.json` is damaged: it is not JSON"):
            read_plan_data(run)
        run.replace("plan.json", b"[]")
        with pytest.raises(RefusedError, match=r"plan\.json` is damaged: it is not a plan"):
            read_plan_data(run)
        run.remove("plan.json")
        with pytest.raises(NoPlanError, match="has no plan: it ended before its first job"):
            read_plan_data(run)


def test_a_process_that_ends_drives_no_longer(tmp_path: Path) -> None:
    directory = record(tmp_path, nightly())
    holds = (
        "import sys; from orchestrator.journal.rundir import open_run\n"
        "run = open_run(*sys.argv[1:]); run.lock(); print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holds, str(tmp_path), directory.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process, open_run(str(tmp_path), directory.name) as run:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert is_driven(run)
        process.kill()
        process.wait()
        assert not is_driven(run)


def test_the_first_event_is_that_of_the_first_line(tmp_path: Path) -> None:
    directory = record(tmp_path, nightly())
    with open_run(str(tmp_path), directory.name) as run:
        first = first_event(run)
        assert first is not None
        assert (first["event"], first["seq"]) == ("run.started", 0)
        damage(directory, 1)
        assert first_event(run) is None


def test_a_line_with_a_right_checksum_that_is_not_json_is_not_an_event(run: RunDir) -> None:
    body = b"{nonsense"
    Path(run.path_of("events.jsonl")).write_bytes(b'%b,"crc":"%08x"}\n' % (body, zlib.crc32(body)))
    assert (first_event(run), last_event(run)) == (None, None)


def test_a_plan_that_is_missing_or_not_a_file_is_refused(run: RunDir) -> None:
    with pytest.raises(NoPlanError, match="has no plan: it ended before its first job"):
        read_plan_data(run)
    os.mkfifo(run.path_of("plan.json"))
    with pytest.raises(RefusedError, match=r"plan\.json` cannot be read"):
        read_plan_data(run)


def test_a_plan_with_a_path_that_is_not_utf_8_is_read_back(run: RunDir) -> None:
    run.replace("plan.json", b'{"base_dir": "/\\udcff"}')
    assert read_plan_data(run) == {"base_dir": "/\udcff"}
