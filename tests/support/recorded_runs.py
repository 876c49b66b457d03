"""Run directories made from stories, without a process: what `pexec apply` would have left behind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from support.stories import RUN_ID, Story, own_fields

from orchestrator.app.page_context import page_context
from orchestrator.journal.rundir import RunDir, open_run
from orchestrator.journal.writer import JournalWriter
from orchestrator.observe.run_files import RunFiles


def record(root: Path, story: Story, *, run_id: str = RUN_ID, logs: Mapping[str, bytes] | None = None) -> Path:
    """The directory of a run with these events. A log that is not in `logs` has as many bytes as recorded."""
    with start(root, story, run_id=run_id, logs=logs) as run:
        return Path(run.path)


def start(root: Path, story: Story, *, run_id: str = RUN_ID, logs: Mapping[str, bytes] | None = None) -> RunDir:
    """The same, still driven by this process until the returned object is closed."""
    (root / run_id).mkdir(parents=True, mode=0o700)
    run = open_run(str(root), run_id)
    run.make_folders()
    stamps = iter([_nanoseconds(event["ts"]) for event in story.events])
    writer = JournalWriter(run, run_id, clock=lambda: next(stamps))
    files = RunFiles(run, story.plan, page_context=page_context)
    for event in story.events:
        files.on_event(writer.emit(event["event"], event["at"], **own_fields(event)))
        if event["event"] == "attempt.finished":
            content = (logs or {}).get(event["log"], b"x" * event["log_bytes"])
            Path(run.path, event["log"]).write_bytes(content)
    writer.close()
    files.close()
    return run


def more(run: RunDir, story: Story, seen: int) -> int:
    """Write down what happened in the story since it had `seen` events; how many it has now."""
    stamps = iter([_nanoseconds(event["ts"]) for event in story.events[seen:]])
    writer = JournalWriter(run, run.run_id, next_seq=seen, clock=lambda: next(stamps))
    for event in story.events[seen:]:
        writer.emit(event["event"], event["at"], **own_fields(event))
    writer.close()
    return len(story.events)


def tear(directory: Path) -> None:
    """The journal's last line is cut in its middle, as by a kill."""
    journal = directory / "events.jsonl"
    os.truncate(journal, journal.stat().st_size - 20)


def damage(directory: Path, line: int) -> None:
    """One byte of a line of the journal is another."""
    journal = directory / "events.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b'"at":', b'"aT":')
    journal.write_bytes(b"".join(lines))


def _nanoseconds(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).timestamp() * 1_000_000) * 1000
