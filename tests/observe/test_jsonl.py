"""`--output jsonl` prints the lines of the journal, byte for byte: their checksum is that of what is printed."""

from __future__ import annotations

import io
from pathlib import Path

from orchestrator.journal.rundir import create_run
from orchestrator.journal.writer import JournalWriter
from orchestrator.observe.jsonl import JsonlOutput
from orchestrator.observe.stream import LossyStream


def test_what_is_printed_is_what_the_journal_holds_also_where_numbers_and_letters_can_be_written_two_ways(
    tmp_path: Path,
) -> None:
    out = io.StringIO()
    lines = JsonlOutput(LossyStream(out))
    with create_run(str(tmp_path / "runs")) as run:
        journal = JournalWriter(run, run.run_id)
        for at in (0.0, 8.3e-05, 1e-7, 0.1, 1234567.125, 1e16, 1e22):
            lines.on_event(journal.emit("degraded", at, what='a "b" \\ / \x7f \u2028 é 😀', why="\udcff\t\x1b"))
        journal.close()
        assert out.getvalue().encode() == Path(run.path_of("events.jsonl")).read_bytes()
