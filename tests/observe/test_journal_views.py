"""What is shown of a journal: its new events to those that need them, or its lines byte for byte."""

from __future__ import annotations

import io
from pathlib import Path

from orchestrator.journal.events import EventRecord
from orchestrator.journal.rundir import RunDir, create_run
from orchestrator.journal.writer import JournalWriter
from orchestrator.observe.journal_views import EventView, JournalTail, LinesView
from orchestrator.observe.stream import ConsoleStream


def emit(journal: JournalWriter, at: float, what: str = "memory") -> None:
    journal.emit("degraded", at, what=what, why="\udcff\t\x1b")
    journal.flush()


def printed(run: RunDir) -> bytes:
    return Path(run.path_of("events.jsonl")).read_bytes()


def test_lines_are_printed_byte_for_byte_also_where_numbers_and_letters_can_be_written_two_ways(tmp_path: Path) -> None:
    out = io.StringIO()
    with create_run(str(tmp_path / "runs")) as run:
        journal = JournalWriter(run, run.run_id)
        lines = LinesView(JournalTail(run.lock()), ConsoleStream(out))
        for at in (0.0, 8.3e-05, 1e-7, 0.1, 1234567.125, 1e16, 1e22):
            emit(journal, at, 'a "b" \\ / \x7f \u2028 é 😀')
            assert not lines.show()
            assert out.getvalue().encode() == printed(run)
        journal.close()


def test_only_what_is_new_is_printed_and_a_very_long_line_is_one(tmp_path: Path) -> None:
    out = io.StringIO()
    with create_run(str(tmp_path / "runs")) as run:
        journal = JournalWriter(run, run.run_id)
        emit(journal, 0.0)
        before = len(printed(run))
        lines = LinesView(JournalTail(run.lock()), ConsoleStream(out))
        emit(journal, 1.0, "x" * 300_000)
        emit(journal, 2.0)
        lines.show()
        journal.close()
        assert out.getvalue().encode() == printed(run)[before:]


def test_an_incomplete_line_waits_for_its_rest(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"")
    with path.open("rb+", buffering=0) as file:
        tail = JournalTail(file.fileno())
        file.write(b"one\ntw")
        assert list(tail.blocks()) == [b"one\n"]
        file.write(b"o\n")
        assert list(tail.blocks()) == [b"two\n"]


def test_lines_that_a_given_up_stream_did_not_take_are_counted(tmp_path: Path) -> None:
    stream = ConsoleStream(io.StringIO())
    with create_run(str(tmp_path / "runs")) as run:
        journal = JournalWriter(run, run.run_id)
        lines = LinesView(JournalTail(run.lock()), stream)
        stream.give_up("took nothing")
        for number in range(2000):
            journal.emit("degraded", float(number), what="memory", why="")
        journal.close()
        lines.show()
        assert stream.lost == len(printed(run))


class Seen:
    def __init__(self, *events: str) -> None:
        self.events = events
        self.seen: list[tuple[str, float]] = []

    def on_event(self, record: EventRecord) -> None:
        self.seen.append((record["event"], record["at"]))


def test_each_observer_gets_the_events_that_it_needs(tmp_path: Path) -> None:
    some, other = Seen("degraded"), Seen("journal.recovered", "degraded")
    with create_run(str(tmp_path / "runs")) as run:
        journal = JournalWriter(run, run.run_id)
        view = EventView(JournalTail(run.lock()), [some, other])
        emit(journal, 1.0, '"event":"journal.recovered"')
        journal.emit("journal.recovered", 2.0, cut_bytes=1)
        journal.emit("orphan.killed", 3.0, pid=1, job=None)
        journal.flush()
        view.show()
        view.show()
        journal.close()
    assert some.seen == [("degraded", 1.0)]
    assert other.seen == [("degraded", 1.0), ("journal.recovered", 2.0)]
